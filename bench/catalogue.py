"""Two catalogues of 50,000 SKUs matched by the real daemon: what it costs Cin7 Core, how long it takes, what it weighs.

Run as `python -m bench.catalogue [SKUs] [mismatches] [calls a minute]` (50,000, 500 and 60: about five minutes of real
time). One process serves both doubles over HTTP; another is `tallyd run`, on a file of its own in the current
directory. Counted are the calls of one whole reading of Cin7 Core's products, beside ⌈n/1000⌉; the time until every SKU
is judged, beside what the limit alone needs for those calls; and the highest resident memory of the daemon, sampled
from outside. How each SKU stands is then held against what was seeded. Exit status 1 means that a goal was missed.
"""

from __future__ import annotations

import math
import os
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import anyio
import psutil

from actors.core.clock import SystemClock
from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.server import serve
from tests.simulation.mismatches import Catalogues, Expected

SKUS, MISMATCHES, CALLS_PER_MINUTE = 50_000, 500, 60
ACCOUNT, KEY = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
GOAL_MEMORY = 200
MIB = 1 << 20
GIVE_UP_SECONDS = 1800.0

CONFIG = """
[connection]
name = "bench"
[commercetools]
project_key = "sandbox"
api_url = "http://127.0.0.1:{shop}"
auth_url = "http://127.0.0.1:{shop}"
client_id = "client"
[cin7]
base_url = "http://127.0.0.1:{cin7}/ExternalApi/v2"
account_id = "{account}"
calls_per_minute = {limit}
[storage]
path = "{folder}/tallyd.db"
[operator]
bind = "127.0.0.1:0"
[orders]
since = "2026-01-01T00:00:00Z"
trigger = {{ order_states = ["Open", "Confirmed"], payment = "paid" }}
[stock]
enabled = false
[procurement]
enabled = false
"""
ENVIRON = {
    "TALLYD_COMMERCETOOLS_CLIENT_SECRET": "secret",
    "TALLYD_CIN7_APPLICATION_KEY": KEY,
    "TALLYD_STORAGE_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
}


class Peak:
    """The highest resident memory of a process, sampled."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self.mib = 0.0

    async def watch(self) -> None:
        """Sample ten times a second, until the process is gone."""
        while True:
            try:
                self.mib = max(self.mib, self._process.memory_info().rss / MIB)
            except psutil.NoSuchProcess:
                return
            await anyio.sleep(0.1)


def rows(path: Path, query: str, *values: object) -> list[Any]:
    """Ask the daemon's file, which may not be there yet."""
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as file:
            return file.execute(query, values).fetchall()
    except sqlite3.OperationalError:
        return []


def judged(path: Path, expected: Expected) -> bool:
    """Say whether every SKU was judged, and every product that has to be looked at was."""
    count = rows(path, "SELECT count(*) FROM coverage")
    waiting = rows(path, "SELECT 1 FROM outbox WHERE flow = 'catalogue' AND (subject = 'judge' OR subject LIKE '%:%')")
    told = rows(path, "SELECT count(*) FROM exceptions WHERE state = 'open' AND type = 'product_unmatched'")
    wanted = sum(number for (kind, _), number in expected.told.items() if kind == "product_unmatched")
    return bool(count) and count[0][0] == len(expected.skus) and not waiting and told[0][0] >= wanted


def wrong(path: Path, expected: Expected) -> list[str]:
    """Return what does not stand as it was seeded, and what was told or not told amiss."""
    found = {
        sku: (match, frozenset(flags.split()))
        for sku, match, flags in rows(path, "SELECT sku, match, flags FROM coverage")
    }
    amiss = [f"{sku}: {found.get(sku)}, not {want}" for sku, want in expected.skus.items() if found.get(sku) != want]
    amiss += [f"{sku}: is on neither side" for sku in found.keys() - expected.skus.keys()]
    query = (
        "SELECT type, sku, count(*) FROM exceptions WHERE state = 'open'"
        " AND type IN ('product_unmatched', 'product_not_for_sale', 'sku_duplicate') GROUP BY type, sku"
    )
    told = {(kind, sku): number for kind, sku, number in rows(path, query)}
    return amiss + [f"told {one}" for one in sorted(told.items() ^ dict(expected.told).items())]


async def measure(skus: int, mismatches: int, limit: int, folder: Path) -> int:
    """Run once and print."""
    clock = SystemClock()
    shop = CommercetoolsDouble(clock=clock, project_key="sandbox", client_id="client", client_secret="secret")  # noqa: S106
    cin7 = Cin7Double(clock=clock, account_id=ACCOUNT, application_key=KEY, limit=limit)
    seeded = Catalogues(SimpleNamespace(shop=shop, cin7=cin7), skus=skus, mismatches=mismatches, seed=0)  # type: ignore[arg-type]
    config, path = folder / "tallyd.toml", folder / "tallyd.db"
    async with serve(shop.handle) as shop_port, serve(cin7.handle) as cin7_port:
        config.write_text(
            CONFIG.format(shop=shop_port, cin7=cin7_port, account=ACCOUNT, limit=limit, folder=folder), encoding="utf-8"
        )
        command = [sys.executable, "-m", "daemon", "run", "--config", str(config)]
        began = time.monotonic()
        with (folder / "log").open("w") as log:
            child = await anyio.open_process(command, env=os.environ | ENVIRON, stdout=log, stderr=log)
            peak = Peak(child.pid)
            async with child, anyio.create_task_group() as tasks:
                tasks.start_soon(peak.watch)
                while not judged(path, seeded.expected) and time.monotonic() - began < GIVE_UP_SECONDS:
                    await anyio.sleep(1)
                    if child.returncode is not None:
                        raise RuntimeError((folder / "log").read_text())
                seconds = time.monotonic() - began
                amiss = wrong(path, seeded.expected)
                child.terminate()
                await child.wait()
                tasks.cancel_scope.cancel()
    return _told(Figures(skus=skus, limit=limit, seconds=seconds, mib=peak.mib), cin7, seeded, amiss)


class Figures(NamedTuple):
    """What was asked for, and what it took."""

    skus: int
    limit: int
    seconds: float
    mib: float


def _told(run: Figures, cin7: Cin7Double, seeded: Catalogues, amiss: list[str]) -> int:
    items = seeded.items
    calls = sum(call.operation == "products" for call in cin7.call_log)
    whole = math.ceil(items / 1000)
    least = max(0.0, (len(cin7.call_log) - run.limit) / run.limit * 60)
    refreshes = int(run.seconds // 300)
    print(f"{run.skus} SKUs a side, {items} items, {sum(seeded.expected.told.values())} to be told")
    print(f"  products read in {calls} calls, of which {refreshes} may be refreshes; a whole reading needs {whole}")
    print(f"  every SKU judged after {run.seconds:.0f} s; the limit alone asks for {least:.0f} s of all its calls")
    print(f"  highest resident memory {run.mib:.1f} MiB, goal < {GOAL_MEMORY}")
    print(f"  {len(amiss)} do not stand as they were seeded")
    for one in amiss[:20]:
        print(f"    {one}")
    met = whole <= calls <= whole + refreshes and run.mib < GOAL_MEMORY and not amiss
    print("ok" if met else "MISSED")
    return 0 if met else 1


def main() -> int:
    """Measure with what the command line says."""
    asked = [int(text) for text in sys.argv[1:4]]
    skus, mismatches, limit = [*asked, *(SKUS, MISMATCHES, CALLS_PER_MINUTE)[len(asked) :]]
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        return anyio.run(measure, skus, mismatches, limit, Path(name))


if __name__ == "__main__":
    sys.exit(main())
