"""`tallyd sandbox`: a local commercetools, a local Cin7 Core, and the daemon between them as a process of its own.

Nothing here is a shortcut: the daemon runs as it would on a server, over HTTP, with its own file and its secrets as
systemd would hand them over. Demo, training ground, and what the smoke test starts.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import math
import os
import random
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TextIO

import anyio
import anyio.abc
import msgspec

from daemon.commands.sandbox_buyer import stock_up
from daemon.commands.sandbox_files import (
    CONFIG,
    DATABASE,
    EURO_CUSTOMER,
    PROJECT,
    SOCKET,
    write_config,
    write_credentials,
    write_rates,
)
from daemon.commands.sandbox_outage import outage
from daemon.commands.sandbox_people import (
    SandboxPerson,
    hire,
    introduced,
    operator_tokens,
    token_of,
    write_people,
)

if TYPE_CHECKING:
    from actors.domain.time import Clock
    from daemon.commands.sandbox_pushes import Pushes
    from daemon.commands.sandbox_status import Status

MARKER = ".tallyd-sandbox"
_AFTER_SECONDS = 30
"""How long orders go on by default when the push source is on again."""

_DRILL_REFRESH_SECONDS = 30
"""How often Cin7 Core's lists are read in a drill: whoever mended one should see it."""

EXAMPLE = "example: tallyd sandbox --orders 30 --rate 60"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.epilog = EXAMPLE
    parser.add_argument("--folder", type=Path, default=Path(".sandbox"), help="where the daemon's file and log go")
    parser.add_argument(
        "--orders", type=int, help="how many orders to place (default 30; with --push-off until after it)"
    )
    parser.add_argument("--rate", type=float, help="orders a minute (default 120; with --push-off 30)")
    parser.add_argument(
        "--rich",
        type=float,
        default=0.5,
        metavar="SHARE",
        help="share of orders that are more than a"
        " plain one: other rates, discounts, gift cards, euros (0 to 1, default 0.5)",
    )
    parser.add_argument(
        "--holds", type=int, metavar="N", help="how many of the orders go wrong and wait (default: one in ten)"
    )
    parser.add_argument(
        "--taxes",
        choices=("given", "row", "document"),
        default="given",
        help="what the local Cin7 Core"
        " does with the taxes it is sent: keeps them, or calculates them again by row or by document (default given)",
    )
    parser.add_argument(
        "--posting",
        choices=("auto", "hold"),
        default="auto",
        help="post what agrees to the cent (auto, default), or let a person release each day (hold)",
    )
    parser.add_argument("--seed", type=int, default=1, help="the same seed places the same orders")
    parser.add_argument("--limit", type=int, default=60, help="calls a minute the local Cin7 Core allows (default 60)")
    parser.add_argument(
        "--ship",
        type=int,
        default=0,
        metavar="N",
        help="how many sales the local warehouse picks and ships (default 0)",
    )
    parser.add_argument("--trouble", action="store_true", help="lose answers, cut connections, answer slowly")
    pushing = parser.add_mutually_exclusive_group()
    pushing.add_argument("--no-push", action="store_true", help="no doors: the sweeps alone find everything")
    pushing.add_argument(
        "--push-off",
        type=outage,
        metavar="FROM:TO",
        help="seconds after the shop opens between which commercetools' pushes are off and what they should tell is"
        " lost, to show the alarm (for example 10:70)",
    )
    parser.add_argument(
        "--no-webhooks", action="store_true", help="Cin7 Core has no webhooks of ours yet: try `tallyd webhooks apply`"
    )
    parser.add_argument("--port", type=int, default=0, help="port of the operator's endpoint (default: a free one)")
    parser.add_argument(
        "--people",
        action="store_true",
        help="one person for each role, with a token to sign in with (without: reading needs no token, and nothing can"
        " be changed from the browser)",
    )
    parser.add_argument(
        "--drill",
        metavar="NAME",
        help="rehearse a trouble (implies --people); `list` names them all",
    )
    parser.add_argument("--no-daemon", action="store_true", help="only the two doubles; prints how to start the daemon")
    parser.add_argument(
        "--exit-when-done",
        action="store_true",
        help="end once every order is a sale or waits; with 0 if only those wait that should. With --drill: do the"
        " trainee's part as well, and end once it is solved",
    )
    parser.add_argument("--plain", action="store_true", help="plain lines, also on a terminal")


def main(args: argparse.Namespace) -> int:
    """Run the sandbox until it is interrupted (or done)."""
    if args.drill is not None:
        from daemon.commands.sandbox_drills import DRILLS
        from daemon.commands.sandbox_training import listed

        if args.drill == "list":
            print(listed())
            return 0
        if args.drill not in DRILLS:
            print(f"tallyd sandbox: no drill {args.drill!r}; there are {', '.join(DRILLS)}", file=sys.stderr)
            return 2
        args.people = True
    _decide_pace(args)
    if args.orders < 0 or args.rate <= 0 or args.limit < 30:
        print("tallyd sandbox: --orders is at least 0, --rate above 0, --limit at least 30", file=sys.stderr)
        return 2
    if args.holds is None:
        args.holds = args.orders // 10
    if not 0 <= args.holds <= args.orders or not 0 <= args.rich <= 1:
        print("tallyd sandbox: --holds is at least 0 and no more than --orders, --rich is 0 to 1", file=sys.stderr)
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
    try:
        return anyio.run(_run, args)
    except BaseExceptionGroup as group:
        if group.split(BrokenPipeError)[1] is None:  # whoever read our output has enough
            raise BrokenPipeError from group
        raise


def _decide_pace(args: argparse.Namespace) -> None:
    """Fill in how many orders come, and how fast. After an outage the shop must still sell: that shows it is over."""
    off = args.push_off
    if args.rate is None:
        args.rate = 120.0 if off is None else 30.0
    if args.orders is None:
        args.orders = 30 if off is None else math.ceil((off.end + _AFTER_SECONDS) * args.rate / 60)


def _is_ours(folder: Path) -> bool:
    """A sandbox begins with an empty database: never in a folder that may hold somebody's."""
    return not folder.exists() or (folder / MARKER).exists() or not any(folder.iterdir())


def clear(folder: Path) -> None:
    """Forget the last sandbox's database: the local systems forget everything too."""
    for leftover in folder.glob(f"{DATABASE}*"):
        if leftover.suffix != ".lock":
            leftover.unlink()


class _Doubles(NamedTuple):
    """Both local systems, listening, what they push (None: nothing), and who may sign in (nobody: no tokens)."""

    shop: Any
    cin7: Any
    clock: Clock
    shop_port: int
    cin7_port: int
    account: str
    credentials: Path
    pushes: Pushes | None
    people: tuple[SandboxPerson, ...]


@asynccontextmanager
async def _doubles(args: argparse.Namespace, doors_port: int) -> AsyncIterator[_Doubles]:
    from actors.core.clock import SystemClock
    from adapters.sandbox.cin7 import Cin7Double, new_credentials
    from adapters.sandbox.commercetools import CommercetoolsDouble
    from adapters.sandbox.faults import Faults
    from adapters.sandbox.server import serve
    from daemon.commands.sandbox_pushes import WEBHOOK_SECONDS, Pushes

    clock = SystemClock()
    account, key = new_credentials(args.seed)
    people = hire() if args.people else ()
    named = _secrets(key) | ({"operator_tokens": operator_tokens(people)} if people else {})
    shop_faults, cin7_faults = Faults(seed=args.seed), Faults(seed=args.seed + 1)
    if args.trouble:
        _make_trouble(shop_faults, cin7_faults)
    shop = CommercetoolsDouble(
        clock=clock,
        project_key=PROJECT,
        client_id="sandbox-client",
        client_secret=named["commercetools_client_secret"],
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
        tax_behaviour=args.taxes,
        webhook_seconds=WEBHOOK_SECONDS,
    )
    cin7.add_customer(EURO_CUSTOMER, currency="EUR")
    stock_up(cin7, today=datetime.fromtimestamp(clock.now() / 1000, UTC).date())
    credentials = write_credentials(args.folder, named)
    pushes = None
    if not args.no_push:
        pushes = Pushes(
            shop, cin7, clock=clock, port=doors_port, secrets=named, webhooks=not args.no_webhooks, seed=args.seed
        )
    async with serve(shop.handle) as shop_port, serve(cin7.handle) as cin7_port:
        yield _Doubles(shop, cin7, clock, shop_port, cin7_port, account, credentials, pushes, people)


def _secrets(cin7_key: str) -> dict[str, str]:
    made = ("commercetools_client_secret", "eventgrid_key", "cin7_webhook_token")
    storage_key = base64.b64encode(secrets.token_bytes(32)).decode()
    return {
        "cin7_application_key": cin7_key,
        "storage_key": storage_key,
        **{name: secrets.token_urlsafe(24) for name in made},
    }


def _make_trouble(shop_faults: Any, cin7_faults: Any) -> None:
    from adapters.sandbox.faults import Fault, FaultKind

    for operation in ("sale_create", "sale_order"):
        cin7_faults.chance(operation, Fault(kind=FaultKind.DROP_AFTER), 0.05)
        cin7_faults.chance(operation, Fault(kind=FaultKind.ERROR_BEFORE, status=503), 0.05)
        cin7_faults.chance(operation, Fault(kind=FaultKind.SLOW_ANSWER, seconds=5), 0.05)
    shop_faults.chance("order_update", Fault(kind=FaultKind.DROP_AFTER), 0.05)
    shop_faults.chance("order_list", Fault(kind=FaultKind.ERROR_BEFORE, status=502), 0.03)


async def _run(args: argparse.Namespace) -> int:
    free = [port for port in _free_ports(3) if port != args.port]
    operator_port = args.port or free[0]
    async with _doubles(args, free[1]) as doubles:
        write_rates(args.folder, datetime.now(UTC).date())
        config = write_config(
            args.folder,
            shop_port=doubles.shop_port,
            cin7_port=doubles.cin7_port,
            account=doubles.account,
            operator_port=operator_port,
            limit=args.limit,
            doors=doubles.pushes.doors if doubles.pushes is not None else None,
            people=bool(doubles.people),
            posting=args.posting,
            refresh_seconds=None if args.drill is None else _DRILL_REFRESH_SECONDS,
        )
        if doubles.people:
            write_people(args.folder, doubles.people)
            print(introduced(doubles.people, operator_port), flush=True)
        if args.no_daemon:
            return await _doubles_only(args, doubles, config)
        return await _with_daemon(args, doubles, config, operator_port)


def _free_ports(count: int) -> list[int]:
    """Return ports nobody uses now, each another one."""
    import socket

    with ExitStack() as probes:
        found = [probes.enter_context(socket.socket()) for _ in range(count)]
        for probe in found:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in found]


async def _doubles_only(args: argparse.Namespace, doubles: _Doubles, config: Path) -> int:
    print(f"commercetools  http://127.0.0.1:{doubles.shop_port}/{PROJECT}")
    print(f"Cin7 Core      http://127.0.0.1:{doubles.cin7_port}/ExternalApi/v2")
    print(f"start the daemon: {called_with(doubles.credentials)} run --config {config}", flush=True)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_interrupted, tasks.cancel_scope)
        _start_work(args, doubles, tasks)
        while not doubles.shop.request_log:  # noqa: ASYNC110 -- the double keeps a log, it rings no bell
            await anyio.sleep(0.5)
        print(f"the daemon is here: {args.orders} orders follow", flush=True)
        _start_outage(args, doubles, tasks, partial(print, flush=True))
        await Shoppers(args, doubles.shop, doubles.clock).shop()
        await anyio.sleep_forever()
    return 0


def _start_work(args: argparse.Namespace, doubles: _Doubles, tasks: anyio.abc.TaskGroup) -> None:
    from daemon.commands.sandbox_warehouse import Warehouse

    if doubles.pushes is not None:
        tasks.start_soon(doubles.pushes.run)
    tasks.start_soon(Warehouse(doubles.cin7, clock=doubles.clock, count=args.ship).run)


def _start_outage(
    args: argparse.Namespace, doubles: _Doubles, tasks: anyio.abc.TaskGroup, tell: Callable[[str], None]
) -> None:
    if doubles.pushes is not None and args.push_off is not None:
        tasks.start_soon(doubles.pushes.be_off, args.push_off, tell)


class Shoppers:
    """Places the orders, spread over time, and among them those that need a person, one kind after the other."""

    def __init__(self, args: argparse.Namespace, shop: Any, clock: Clock) -> None:
        from adapters.sandbox.generator import Habits, OrderGenerator, Poison

        self._args = args
        self._shop = shop
        self._clock = clock
        self._dice = random.Random(args.seed)
        habits = Habits(rich=args.rich, currencies=("GBP", "EUR"))
        self._generator = OrderGenerator(args.seed, shop, clock=clock, habits=habits)
        #: What goes wrong in turn; None is a gift card that somebody taxed.
        self._wrong = itertools.cycle((Poison.UNMAPPED_SKU, None, Poison.UNKNOWN_TAX, Poison.UNPAID))

    async def shop(self) -> None:
        """Place as many orders as were asked for."""
        count, holds = self._args.orders, self._args.holds
        for number in range(count):
            await self._clock.sleep(self._dice.expovariate(self._args.rate / 60))
            wrong = (number + 1) * holds // count > number * holds // count
            place = self._wrong_one() if wrong else self._generator.place_next
            while not place():
                pass

    def _wrong_one(self) -> Callable[[], object]:
        poison = next(self._wrong)
        return self._taxed_gift_card if poison is None else partial(self._generator.place_next, poison)

    def _taxed_gift_card(self) -> str | None:
        from adapters.sandbox.carts import rule_of
        from adapters.sandbox.generator import GIFT_CARD
        from adapters.sandbox.refusals import PlacementRefused

        draft = self._generator.next_draft()
        card = msgspec.structs.replace(GIFT_CARD, unit_minor=-100, tax=rule_of(20, included=draft.included))
        try:
            order: str = self._shop.place_order(msgspec.structs.replace(draft, custom_lines=(card,)))
        except PlacementRefused:
            return None
        return order


def called_as() -> str:
    """How this program was called, so that a printed command can be pasted."""
    return sys.argv[0] if Path(sys.argv[0]).name == "tallyd" else f"{sys.executable} -m daemon"


def called_with(credentials: Path) -> str:
    """Return how a command is called that asks both systems, so that it can be pasted."""
    return f"CREDENTIALS_DIRECTORY={credentials} {called_as()}"


async def _with_daemon(args: argparse.Namespace, doubles: _Doubles, config: Path, operator_port: int) -> int:
    from daemon.commands.sandbox_status import Status

    log_path = args.folder / "tallyd.log"
    environment = os.environ | {"CREDENTIALS_DIRECTORY": str(doubles.credentials)}
    with log_path.open("w", encoding="utf-8") as log:
        async with await _start_daemon(config, environment, log) as daemon, anyio.create_task_group() as tasks:
            status = Status(
                doubles.shop,
                doubles.cin7,
                operator_port,
                config,
                log_path,
                command=called_as(),
                asking=called_with(doubles.credentials),
                plain=args.plain,
                people=doubles.people,
            )
            tasks.start_soon(_interrupted, tasks.cancel_scope)
            _start_work(args, doubles, tasks)
            code = 0
            try:
                play = _show if args.drill is None else _train
                code = await play(args, doubles, status, daemon, tasks)
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
    args: argparse.Namespace, doubles: _Doubles, status: Status, daemon: anyio.abc.Process, tasks: anyio.abc.TaskGroup
) -> int:
    placing = told = False
    while daemon.returncode is None:
        done = await status.show(args.orders, args.holds)
        if status.ready and not placing:
            # An order older than the daemon's file would be looked for first: let the shop open with the daemon up.
            placing = True
            _start_outage(args, doubles, tasks, status.tell)
            tasks.start_soon(Shoppers(args, doubles.shop, doubles.clock).shop)
        if done and not told:
            told = True
            status.where_to_look(args.holds)
            if args.exit_when_done:
                return 0 if status.waiting == args.holds else _unexpected(status.waiting, args.holds)
        await anyio.sleep(1.0)
    print(f"the daemon ended with {daemon.returncode}: see {status.log_path}", file=sys.stderr)
    return 1


async def _train(
    args: argparse.Namespace, doubles: _Doubles, status: Status, daemon: anyio.abc.Process, tasks: anyio.abc.TaskGroup
) -> int:
    """Play a drill; return the exit code. It ends with the drill only where that was asked for."""
    from daemon.commands.sandbox_drills import DRILLS, DrillError, Stage
    from daemon.commands.sandbox_training import HttpWatch, Training

    drill = DRILLS[args.drill]
    folder, base = args.folder.resolve(), f"http://127.0.0.1:{status.port}"
    trainee = next(one for one in doubles.people if one.role == drill.role)
    watch = HttpWatch(status.port, folder / SOCKET, token_of(doubles.people, "admin"))
    stage = Stage(doubles.shop, doubles.cin7, clock=doubles.clock, watch=watch, pushes=doubles.pushes)
    training = Training(
        drill,
        stage,
        tell=status.tell,
        attended=not args.exit_when_done,
        command=lambda words: f"{called_as()} {words} --config {folder / CONFIG}",
        address_of=lambda page: base + page,
        who=f"(sign in as {trainee.name}: {trainee.token})",
    )
    async with anyio.create_task_group() as ending:
        ending.start_soon(_until_ended, daemon, ending.cancel_scope)
        try:
            while await watch.health() is None:  # noqa: ASYNC110 -- nobody tells when the daemon is up
                await anyio.sleep(0.5)
            await training.run()
            if not args.exit_when_done:
                await anyio.sleep_forever()
        except DrillError as error:
            print(f"tallyd sandbox: drill {drill.name}: {error}", file=sys.stderr)
            return 1
        finally:
            ending.cancel_scope.cancel()
        return 0
    print(f"the daemon ended with {daemon.returncode}: see {status.log_path}", file=sys.stderr)
    return 1


async def _until_ended(daemon: anyio.abc.Process, scope: anyio.CancelScope) -> None:
    await daemon.wait()
    scope.cancel()


def _unexpected(waiting: int, holds: int) -> int:
    print(f"orders that wait for a person or a payment: {waiting}, and {holds} should", file=sys.stderr)
    return 1
