"""`tallyd sandbox`: a local commercetools, a local Cin7 Core, and the daemon between them as a process of its own.

Nothing here is a shortcut: the daemon runs as it would on a server, over HTTP, with its own file and its secrets from
the environment. Demo, training ground, and what the smoke test starts.
"""

from __future__ import annotations

import argparse
import base64
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TextIO

import anyio
import anyio.abc

PROJECT = "sandbox"
DATABASE = "tallyd.db"
MARKER = ".tallyd-sandbox"
EXAMPLE = "example: tallyd sandbox --orders 30 --rate 60"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EXAMPLE
    parser.add_argument("--folder", type=Path, default=Path(".sandbox"), help="where the daemon's file and log go")
    parser.add_argument("--orders", type=int, default=30, help="how many orders to place (default 30)")
    parser.add_argument("--rate", type=float, default=120.0, help="orders a minute (default 120)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed places the same orders")
    parser.add_argument("--limit", type=int, default=60, help="calls a minute the local Cin7 Core allows (default 60)")
    parser.add_argument("--trouble", action="store_true", help="lose answers, cut connections, answer slowly")
    parser.add_argument("--port", type=int, default=0, help="port of the operator's endpoint (default: a free one)")
    parser.add_argument("--no-daemon", action="store_true", help="only the two doubles; prints how to start the daemon")
    parser.add_argument("--exit-when-done", action="store_true", help="end with 0 once every order is exported")
    parser.add_argument("--plain", action="store_true", help="plain lines, also on a terminal")


def main(args: argparse.Namespace) -> int:
    """Run the sandbox until it is interrupted (or done)."""
    if args.orders < 0 or args.rate <= 0 or args.limit < 30:
        print("tallyd sandbox: --orders is at least 0, --rate above 0, --limit at least 30", file=sys.stderr)
        return 2
    from storage.lock import HeldByAnotherError, held

    if not _is_ours(args.folder):
        print(
            f"tallyd sandbox: {args.folder} is not empty and was not made by a sandbox: name another --folder",
            file=sys.stderr,
        )
        return 2
    args.folder.mkdir(parents=True, exist_ok=True)
    (args.folder / MARKER).touch()
    try:
        with held(args.folder / DATABASE):
            clear(args.folder)
    except HeldByAnotherError as error:
        print(f"tallyd sandbox: {error}", file=sys.stderr)
        return 2
    return anyio.run(_run, args)


def _is_ours(folder: Path) -> bool:
    """A sandbox begins with an empty database: never in a folder that may hold somebody's."""
    return not folder.exists() or (folder / MARKER).exists() or not any(folder.iterdir())


def clear(folder: Path) -> None:
    """Forget the last sandbox's database: the local systems forget everything too."""
    for leftover in folder.glob(f"{DATABASE}*"):
        if leftover.suffix != ".lock":
            leftover.unlink()


class _Doubles:
    """Both local systems, listening."""

    def __init__(self, shop: Any, cin7: Any, shop_port: int, cin7_port: int, keys: dict[str, str]) -> None:
        self.shop = shop
        self.cin7 = cin7
        self.shop_port = shop_port
        self.cin7_port = cin7_port
        self.keys = keys


@asynccontextmanager
async def _doubles(args: argparse.Namespace) -> AsyncIterator[_Doubles]:
    from actors.core.clock import SystemClock
    from adapters.sandbox.cin7 import Cin7Double, new_credentials
    from adapters.sandbox.commercetools import CommercetoolsDouble
    from adapters.sandbox.faults import Faults
    from adapters.sandbox.server import serve

    clock = SystemClock()
    account, key = new_credentials(args.seed)
    shop_secret = secrets.token_urlsafe(24)
    shop_faults, cin7_faults = Faults(seed=args.seed), Faults(seed=args.seed + 1)
    if args.trouble:
        _make_trouble(shop_faults, cin7_faults)
    shop = CommercetoolsDouble(
        clock=clock,
        project_key=PROJECT,
        client_id="sandbox-client",
        client_secret=shop_secret,
        faults=shop_faults,
        seed=args.seed,
    )
    cin7 = Cin7Double(
        clock=clock,
        account_id=account,
        application_key=key,
        faults=cin7_faults,
        limit=args.limit,
        seed=args.seed,
    )
    keys = {"account": account, "TALLYD_CIN7_APPLICATION_KEY": key, "TALLYD_COMMERCETOOLS_CLIENT_SECRET": shop_secret}
    keys["TALLYD_STORAGE_KEY"] = _storage_key(args.folder)
    async with serve(shop.handle) as shop_port, serve(cin7.handle) as cin7_port:
        yield _Doubles(shop, cin7, shop_port, cin7_port, keys)


def _storage_key(folder: Path) -> str:
    """Keep the key with the sandbox's file, so that the next sandbox can read it. A real one is never kept so."""
    path = folder / "storage_key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(base64.b64encode(secrets.token_bytes(32)).decode(), encoding="ascii")
    return path.read_text(encoding="ascii")


def _make_trouble(shop_faults: Any, cin7_faults: Any) -> None:
    from adapters.sandbox.faults import Fault, FaultKind

    for operation in ("sale_create", "sale_order"):
        cin7_faults.chance(operation, Fault(kind=FaultKind.DROP_AFTER), 0.05)
        cin7_faults.chance(operation, Fault(kind=FaultKind.ERROR_BEFORE, status=503), 0.05)
        cin7_faults.chance(operation, Fault(kind=FaultKind.SLOW_ANSWER, seconds=5), 0.05)
    shop_faults.chance("order_update", Fault(kind=FaultKind.DROP_AFTER), 0.05)
    shop_faults.chance("order_list", Fault(kind=FaultKind.ERROR_BEFORE, status=502), 0.03)


def write_config(folder: Path, *, shop_port: int, cin7_port: int, account: str, operator_port: int, limit: int) -> Path:
    """Write the sandbox's configuration."""
    path = folder / "tallyd.toml"
    database = folder / DATABASE
    path.write_text(
        f"""# Written by `tallyd sandbox`.
[connection]
name = "sandbox"

[commercetools]
project_key = "{PROJECT}"
api_url = "http://127.0.0.1:{shop_port}"
auth_url = "http://127.0.0.1:{shop_port}"
client_id = "sandbox-client"

[cin7]
base_url = "http://127.0.0.1:{cin7_port}/ExternalApi/v2"
account_id = "{account}"
calls_per_minute = {limit}

[storage]
path = "{database.resolve()}"

[operator]
bind = "127.0.0.1:{operator_port}"

[orders]
since = "2020-01-01T00:00:00Z"
trigger = {{ order_states = ["Open", "Confirmed"], payment = "paid" }}

[mappings.tax]
"GB/standard" = "20% (VAT on Income)"
"GB/reduced" = "5% (VAT on Income)"
"GB/zero" = "Zero Rated Income"
""",
        encoding="utf-8",
    )
    return path


async def _run(args: argparse.Namespace) -> int:
    async with _doubles(args) as doubles:
        operator_port = args.port or _free_port()
        config = write_config(
            args.folder,
            shop_port=doubles.shop_port,
            cin7_port=doubles.cin7_port,
            account=doubles.keys["account"],
            operator_port=operator_port,
            limit=args.limit,
        )
        if args.no_daemon:
            return await _doubles_only(args, doubles, config)
        return await _with_daemon(args, doubles, config, operator_port)


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _doubles_only(args: argparse.Namespace, doubles: _Doubles, config: Path) -> int:
    print(f"commercetools  http://127.0.0.1:{doubles.shop_port}/{PROJECT}")
    print(f"Cin7 Core      http://127.0.0.1:{doubles.cin7_port}/ExternalApi/v2")
    exports = " ".join(f"{name}={value}" for name, value in doubles.keys.items() if name.startswith("TALLYD_"))
    print(f"start the daemon: {exports} {called_as()} run --config {config}", flush=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_interrupted, tasks.cancel_scope)
        while not doubles.shop.request_log:  # noqa: ASYNC110 -- the double keeps a log, it rings no bell
            await anyio.sleep(0.5)
        print(f"the daemon is here: {args.orders} orders follow", flush=True)
        await _place(args, doubles)
        await anyio.sleep_forever()
    return 0


async def _place(args: argparse.Namespace, doubles: _Doubles) -> None:
    from actors.core.clock import SystemClock
    from adapters.sandbox.generator import OrderGenerator

    await OrderGenerator(args.seed, doubles.shop, clock=SystemClock()).run(args.rate, args.orders)


def called_as() -> str:
    """How this program was called, so that a printed command can be pasted."""
    return sys.argv[0] if Path(sys.argv[0]).name == "tallyd" else f"{sys.executable} -m daemon"


async def _with_daemon(args: argparse.Namespace, doubles: _Doubles, config: Path, operator_port: int) -> int:
    from daemon.commands.sandbox_status import Status

    log_path = args.folder / "tallyd.log"
    environment = os.environ | {name: value for name, value in doubles.keys.items() if name.startswith("TALLYD_")}
    with log_path.open("w", encoding="utf-8") as log:
        async with await _start_daemon(config, environment, log) as daemon, anyio.create_task_group() as tasks:
            status = Status(
                doubles.shop, doubles.cin7, operator_port, config, log_path, command=called_as(), plain=args.plain
            )
            tasks.start_soon(_interrupted, tasks.cancel_scope)
            code = 0
            try:
                code = await _show(args, doubles, status, daemon, tasks)
            finally:
                with anyio.CancelScope(shield=True):
                    await _stop_daemon(daemon)
            tasks.cancel_scope.cancel()
            return code
    return 0


async def _start_daemon(config: Path, environment: dict[str, str], log: TextIO) -> anyio.abc.Process:
    return await anyio.open_process(
        [sys.executable, "-m", "daemon", "run", "--config", str(config)],
        env=environment,
        stdin=None,
        stdout=log,
        stderr=log,
    )


async def _stop_daemon(daemon: anyio.abc.Process) -> None:
    if daemon.returncode is None:
        daemon.terminate()
    with anyio.move_on_after(20):
        await daemon.wait()
    if daemon.returncode is None:
        daemon.kill()


async def _interrupted(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return


async def _show(
    args: argparse.Namespace, doubles: _Doubles, status: Any, daemon: anyio.abc.Process, tasks: anyio.abc.TaskGroup
) -> int:
    placing = told = False
    while daemon.returncode is None:
        done = await status.show(args.orders)
        if status.ready and not placing:
            # An order older than the daemon's file would be looked for first: let the shop open with the daemon up.
            placing = True
            tasks.start_soon(_place, args, doubles)
        if done and not told:
            told = True
            status.where_to_look()
            if args.exit_when_done:
                return 0
        await anyio.sleep(1.0)
    print(f"the daemon ended with {daemon.returncode}: see {status.log_path}", file=sys.stderr)
    return 1
