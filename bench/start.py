"""Goal 7 of the performance reference: how soon `tallyd run` is ready, and what it weighs with an empty outbox.

Run as `python -m bench.start`. *Ready* is the moment the daemon tells systemd `READY=1`: settings and secrets read, the
file locked, opened and migrated, the tracer up, the operator's address listening. It is measured from the start of the
process, beside a process that only imports the packages the daemon is made of, and beside bare Python. Both systems it
is configured for are unreachable, which keeps no daemon from being ready. Resident memory is read two seconds later.
They take turns, seven rounds after one that is not counted (it compiles, as an installation does); medians. Exit
status 1 means that a goal was missed.
"""

from __future__ import annotations

import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.daemon_app import ENVIRON, write_config

ROUNDS = 7
SETTLED_SECONDS = 2.0
GOAL_READY = 1.25
GOAL_MEMORY = 1.2
MIB = 1 << 20

PACKAGES = (
    "aiohttp.web",
    "aiolimiter",
    "aiosqlite",
    "anyio",
    "cryptography.hazmat.primitives.ciphers.aead",
    "msgspec",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "opentelemetry.sdk.trace.export",
    "prometheus_client",
)
TELL = """
import os, socket
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
    ready.connect(os.environ["NOTIFY_SOCKET"])
    ready.send(b"READY=1")
import sys
sys.stdin.read()
"""
IMPORTS = f"import {', '.join(PACKAGES)}\n{TELL}"


def start(command: list[str], folder: Path, environ: Mapping[str, str]) -> tuple[float, float]:
    """Start a process; return seconds until it said that it was ready, and its resident MiB a little later."""
    address = folder / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(address))
        systemd.settimeout(30)
        began = time.perf_counter()
        with subprocess.Popen(
            command,
            env={**os.environ, **environ, "NOTIFY_SOCKET": str(address)},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            while b"READY=1" not in systemd.recv(4096):
                pass
            seconds = time.perf_counter() - began
            time.sleep(SETTLED_SECONDS)
            weight = psutil.Process(process.pid).memory_info().rss / MIB
            process.terminate()
            assert process.stdin is not None
            process.stdin.close()
    address.unlink()
    return seconds, weight


def rounds() -> dict[str, list[tuple[float, float]]]:
    """Let the three take turns."""
    found: dict[str, list[tuple[float, float]]] = {"bare Python": [], "bare imports": [], "tallyd run": []}
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        compiled = {"PYTHONPYCACHEPREFIX": str(Path(name) / "compiled"), "PYTHONDONTWRITEBYTECODE": ""}
        for turn in range(ROUNDS + 1):
            folder = Path(name) / str(turn)
            folder.mkdir()
            daemon = [sys.executable, "-m", "daemon", "run", "--config", str(write_config(folder))]
            found["bare Python"].append(start([sys.executable, "-c", TELL], folder, compiled))
            found["bare imports"].append(start([sys.executable, "-c", IMPORTS], folder, compiled))
            found["tallyd run"].append(start(daemon, folder, compiled | ENVIRON))
    return {what: measured[1:] for what, measured in found.items()}


def main() -> int:
    """Measure and print each beside the bare imports."""
    found = rounds()
    beside = found["bare imports"]
    print(f"ready, goal ≤ {GOAL_READY} × the bare imports; resident memory, goal ≤ {GOAL_MEMORY} ×")
    ratios = (0.0, 0.0)
    for name, measured in found.items():
        seconds, weight = (statistics.median(each[place] for each in measured) for place in (0, 1))
        pairs = list(zip(measured, beside, strict=True))
        ratios = (
            statistics.median(mine[0] / theirs[0] for mine, theirs in pairs),
            statistics.median(mine[1] / theirs[1] for mine, theirs in pairs),
        )
        print(f"  {name:13} {seconds:5.2f} s {ratios[0]:5.2f} ×   {weight:5.1f} MiB {ratios[1]:5.2f} ×")
    met = ratios[0] <= GOAL_READY and ratios[1] <= GOAL_MEMORY
    print("ok" if met else "MISSED")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
