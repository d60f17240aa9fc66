"""`tallyd diagnose`: before go-live, what would become of the orders there were.

Exit codes: 0 nothing would be held, 1 something would, or a system does not answer, 2 usage or configuration.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from daemon.cli import add_config

if TYPE_CHECKING:
    from actors.domain.facts import Facts
    from actors.domain.time import Clock, Instant
    from adapters.transport import Transport
    from daemon.asking import Line
    from daemon.diagnosis import Diagnosis
    from daemon.secrets import Secrets
    from daemon.settings import Settings

DEFAULT_ORDERS = 300
MOST_ORDERS = 10_000

_BLANK = " "
"""A cell with nothing in it; an empty one shows as a dash."""

_HEADINGS = {
    "source": "source checks that fail",
    "unmapped": "taxes, charges and channels that are not mapped",
    "sku": "SKUs Cin7 Core does not know",
    "other": "other holds",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description = (
        "Replay the newest orders of commercetools through the prediction, writing nothing: which would be held and"
        " why, which need the cents row, which would go as a DRAFT first. Of Cin7 Core only lists are read, at most"
        " 40 calls a second apart; beside a running daemon none: its file tells."
    )
    add_config(parser)
    parser.add_argument(
        "--orders",
        type=_orders,
        default=DEFAULT_ORDERS,
        metavar="N",
        help=f"how many orders, the newest first, in any state (default {DEFAULT_ORDERS})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _orders(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_ORDERS:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 1 to {MOST_ORDERS}")
    return int(text)


def main(args: argparse.Namespace) -> int:
    """Read, replay and report."""
    import anyio

    from daemon.commands.check import progress_line
    from daemon.commands.configuration import complain
    from daemon.not_yet import refused
    from daemon.secrets import load_secrets
    from daemon.settings import SettingsError, load_settings

    try:
        settings = load_settings(args.config)
        secrets = load_secrets(settings)
        if problems := refused(settings):
            raise SettingsError(problems, source=str(args.config))
    except SettingsError as error:
        return complain(error)
    progress, clear = progress_line()
    try:
        found, lines = anyio.run(_with_network, settings, secrets, args.orders, progress)
    finally:
        clear()
    if args.json:
        _print_json(args, found, lines)
    else:
        _print_text(found, lines)
    return 0 if found is not None and found.clean else 1


async def _with_network(
    settings: Settings, secrets: Secrets, wanted: int, progress: Callable[[str], None]
) -> tuple[Diagnosis | None, list[Line]]:
    from actors.core.clock import SystemClock
    from adapters.http_transport import HttpTransport

    async with (
        HttpTransport(reuse_connections=True) as shop,
        HttpTransport(reuse_connections=False) as account,
    ):
        return await replay(settings, secrets, wanted, progress, shop=shop, account=account, clock=SystemClock())


async def replay(
    settings: Settings,
    secrets: Secrets,
    wanted: int,
    progress: Callable[[str], None],
    *,
    shop: Transport,
    account: Transport,
    clock: Clock,
) -> tuple[Diagnosis | None, list[Line]]:
    """Read what is needed and judge it; None where a system does not answer, and the lines say why."""
    from daemon.commands.in_force import in_force
    from daemon.diagnosis import Replay, diagnose, skus_of
    from daemon.planning import posting_rules

    settings, noted = in_force(settings)
    asking = Replay(settings, secrets, ct_transport=shop, cin7_transport=account, clock=clock, progress=progress)
    asking.lines += noted
    orders = await asking.newest_orders(wanted)
    if asking.failed:
        return None, asking.lines
    skus = skus_of(orders)
    known = _from_the_file(settings, skus, asking.lines) if _runs(settings) else await asking.account(skus)
    if known is None or asking.failed:
        return None, asking.lines
    known = _with_what_was_learnt(settings, known, clock.now())
    return diagnose(orders, known, posting_rules(settings)), asking.lines


def _runs(settings: Settings) -> bool:
    from daemon.commands.check import runs

    return runs(settings)


def _from_the_file(settings: Settings, skus: set[str], lines: list[Line]) -> Facts | None:
    """Return what the running daemon knows: the calls of a minute are its governor's alone (law L3)."""
    from actors.domain.time import format_instant
    from daemon.asking import Level, Line
    from daemon.commands.reading import UnreadableError, read_file
    from storage import facts

    try:
        known = read_file(settings.database_path, lambda connection: facts.for_order(connection, skus))
    except UnreadableError as error:
        lines.append(
            Line(level=Level.FINDING, about="cin7", text=str(error), mend="run this as a user who may read it")
        )
        return None
    if known.read_at is None:
        text = "not asked: the daemon runs, and has read nothing of the account yet"
        lines.append(Line(level=Level.FINDING, about="cin7", text=text, mend="try again in a minute"))
        return None
    text = f"not asked: the daemon runs, and read the account at {format_instant(known.read_at)}"
    lines.append(Line(level=Level.NOTE, about="cin7", text=text))
    return known


def _with_what_was_learnt(settings: Settings, known: Facts, now: Instant) -> Facts:
    """Add what the daemon's file says of the account's arithmetic, where there is one that this user may read."""
    from daemon.commands.reading import UnreadableError, read_file
    from daemon.diagnosis import learnt
    from daemon.planning import posting_rules

    try:
        return read_file(settings.database_path, lambda file: learnt(file, known, posting_rules(settings), now))
    except UnreadableError:
        return known


def _print_json(args: argparse.Namespace, found: Diagnosis | None, lines: list[Line]) -> None:
    from daemon.commands.reading import to_json

    body: dict[str, Any] = {"file": str(args.config), "lines": lines, "diagnosis": found.body() if found else None}
    sys.stdout.write(to_json(body))


def _print_text(found: Diagnosis | None, lines: list[Line]) -> None:
    from daemon.commands.reading import plain

    text = [f"{line.level.value:<8} {line.about}: {line.text}{f'; {line.mend}' if line.mend else ''}" for line in lines]
    text += [] if found is None else ["", *_report(found)]
    print(plain("\n".join(text)))


def _report(found: Diagnosis) -> list[str]:
    from daemon.commands.table import table
    from daemon.diagnosis import about

    rows: list[list[object]] = [["orders read", found.read, _BLANK], ["unreadable", *_tally(found.unreadable)]]
    rows.append(["would be held", *_tally(found.held)])
    holds = sorted(found.holds.items(), key=lambda item: (-item[1].count, item[0]))
    for kind, heading in _HEADINGS.items():
        mine = [(code, tally) for code, tally in holds if about(code) == kind]
        if kind != "other" or mine:
            rows.append([f"  {heading}", sum(tally.count for _, tally in mine), _BLANK])
        rows += [[f"    {code}", *_tally(tally)] for code, tally in mine]
    rows += [
        ["would go straight through", *_tally(found.straight)],
        ["would go as a DRAFT first", *_tally(found.draft_first)],
        ["need the cents row", *_tally(found.cents)],
    ]
    lines = table(["WHAT", "ORDERS", "FOR EXAMPLE"], rows).splitlines()
    if not found.read:
        return [*lines, "commercetools holds no order yet: there is nothing to go by."]
    return [*lines, "Nothing would be held." if found.clean else "Mend what is above, and diagnose again."]


def _tally(tally: Any) -> list[object]:
    more = " …" if tally.count > len(tally.orders) else ""
    return [tally.count, ", ".join(tally.orders) + more if tally.orders else _BLANK]
