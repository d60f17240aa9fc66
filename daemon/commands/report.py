"""`tallyd report`: what finance closes a month or a day on, the postings of a day that are safe to sync on, margins."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from daemon.commands.table import table
from daemon.commands.verbs import add_verb

if TYPE_CHECKING:
    from daemon.settings import Settings

Document = dict[str, Any]

MOST_LINES = 50
"""How many open items of a kind a terminal is shown; JSON and CSV hold all."""

QUIET_SECONDS = 2.0
"""How long a report may take before it says that it is being made."""

_STEPS = 1_000_000
"""Instructions of SQLite between two looks at the clock: some milliseconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    month = add_verb(
        verbs,
        "month",
        "hold both sides of a month against each other, and list what is open",
        "tallyd report month 2026-11",
    )
    month.add_argument("period", metavar="MONTH", help="such as 2026-11, in the books' time zone")
    day = add_verb(
        verbs,
        "day",
        "hold both sides of a day against each other, and list what is open",
        "tallyd report day 2026-11-26",
    )
    day.add_argument("period", metavar="DAY", help="such as 2026-11-26, in the books' time zone")
    posted = add_verb(
        verbs,
        "postings",
        "list the documents of a day that are safe to sync on, and those that are not yet",
        "tallyd report postings 2026-11-26 --csv --output postings.csv",
    )
    posted.add_argument("period", metavar="DAY", help="the accounting day, such as 2026-11-26")
    posted.add_argument("--after", default="", metavar="PLACE", help="begin after this place, the `next` of a page")
    posted.add_argument("--limit", type=_count, metavar="N", help="at most so many (default all)")
    for verb in (month, day):
        verb.add_argument(
            "--as-of",
            default="",
            metavar="DAY",
            help="the day ages are counted to (default the first after the period; until then today)",
        )
    earned = add_verb(
        verbs,
        "margin",
        "show what each SKU earned against its landed cost",
        "tallyd report margin --month 2026-11",
    )
    earned.add_argument("--month", default="", metavar="MONTH", help="such as 2026-11 (default the month under way)")
    earned.add_argument("--from", default="", dest="first", metavar="DAY", help="the first day, instead of a month")
    earned.add_argument("--to", default="", dest="last", metavar="DAY", help="the last day (default today)")
    earned.add_argument("--sku", default="", metavar="SKU", help="this SKU alone, with its sales and what it cost")
    for verb in (month, day, posted, earned):
        verb.add_argument("--csv", action="store_true", help="print CSV")
        verb.add_argument("--output", type=Path, metavar="FILE", help="write to this file")


def _count(text: str) -> int:
    """Read how many are wanted.

    Raises:
        argparse.ArgumentTypeError: it is no whole number, or below 1.
    """
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    from adapters.operator.problems import ProblemError
    from daemon.commands.configuration import failed, settings_of
    from daemon.commands.reading import UnreadableError, read_file, refused

    if args.json and args.csv:
        sys.stderr.write("tallyd report: either --json or --csv\n")
        return 2
    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    try:
        text = read_file(settings.database_path, _patiently(_written(args, settings)))
    except ProblemError as error:
        return refused(error)
    except UnreadableError as error:
        return failed(str(error))
    return _write(text, args.output)


def _written(args: argparse.Namespace, settings: Settings) -> Callable[[sqlite3.Connection], str]:
    """Return what reads the report and writes it in the form that is asked for."""
    from actors.core.clock import SystemClock
    from actors.domain.closing_files import postings_to_csv, to_csv
    from adapters.operator.reading import PostingQuery
    from daemon.commands.earnings import written
    from daemon.report_views import period_report, postings

    now, time_zone = SystemClock().now(), settings.connection.time_zone or ""
    if args.verb == "margin":
        return written(args, floor=settings.procurement.margin_floor_percent, time_zone=time_zone, now=now)

    def unit(connection: sqlite3.Connection) -> str:
        if args.verb == "postings":
            page = postings(connection, args.period, PostingQuery(after=args.after, limit=args.limit))
            return _in_form(args, page, as_csv=postings_to_csv, as_text=_postings)
        report = period_report(connection, args.verb, args.period, counted_to=args.as_of, time_zone=time_zone, now=now)
        return _in_form(args, report, as_csv=to_csv, as_text=_closing)

    return unit


def _in_form(
    args: argparse.Namespace,
    found: Document,
    *,
    as_csv: Callable[[Document], str],
    as_text: Callable[[Document], str],
) -> str:
    from daemon.commands.reading import plain, to_json

    if args.json:
        return to_json(found)
    return as_csv(found) if args.csv else plain(as_text(found)) + "\n"


def _patiently(unit: Callable[[sqlite3.Connection], str]) -> Callable[[sqlite3.Connection], str]:
    """Say on a terminal that the report is being made, once it takes longer than `QUIET_SECONDS`."""
    import time

    from daemon.commands.check import progress_line

    show, wipe = progress_line()
    began = time.monotonic()

    def look() -> None:
        seconds = time.monotonic() - began
        if seconds >= QUIET_SECONDS:
            show(f"adding up the books: {seconds:.0f} s")

    def watched(connection: sqlite3.Connection) -> str:
        connection.set_progress_handler(look, _STEPS)
        try:
            return unit(connection)
        finally:
            connection.set_progress_handler(None, 0)
            wipe()

    return watched


def _write(text: str, output: Path | None) -> int:
    """Print the text, or put it into a file that is whole or not there."""
    from daemon.commands.configuration import failed

    if output is None:
        sys.stdout.write(text)
        return 0
    part = output.with_name(output.name + ".part")
    try:
        part.write_text(text, encoding="utf-8", newline="")
        part.replace(output)
    except OSError as error:
        part.unlink(missing_ok=True)
        return failed(f"{output} cannot be written ({error.strerror})")
    return 0


# -- a period --------------------------------------------------------------------------------------------------------


def _closing(document: Document) -> str:
    report = document["report"]
    period = report["period"]
    span = period["first"] if period["kind"] == "day" else f"{period['first']} to {period['last']}"
    parts = [
        f"Report of {period['name']} ({span}, {report['time_zone']}), ages as of {report['as_of']}",
        f"SHA-256 {document['sha256']}",
    ]
    if report["provisional"]:
        parts.append(f"PROVISIONAL: the period is not over by {report['as_of']}.")
    parts += ["", _orders(report["orders"])]
    parts += [
        f"Tolerated, on the rounding charge: {one['amount']} {one['currency']} of {_orders_of(one['orders'])}"
        for one in report["tolerated"]
    ]
    for currency in dict.fromkeys(chain["currency"] for chain in report["chains"]):
        chains = [chain for chain in report["chains"] if chain["currency"] == currency]
        parts += ["", _sides(currency, chains), "", _ties(currency, chains)]
    parts += _open(report)
    return "\n".join(parts)


def _orders(counts: Document) -> str:
    judged = ", ".join(
        f"{counts[name]} {name}"
        for name in ("verified", "waiting", "differing", "released", "rejected")
        if counts[name]
    )
    bare = ", ".join(f"{count} {state}" for state, count in counts["without_documents"].items())
    are = "is" if counts["in_period"] == 1 else "are"
    lines = [f"{_orders_of(counts['in_period'])} {are} accounted for: {judged or 'none has a document'}"]
    return "\n".join([*lines, f"Without a document yet: {bare}"] if bare else lines)


def _orders_of(count: int) -> str:
    return "1 order" if count == 1 else f"{count} orders"


def _sides(currency: str, chains: list[Document]) -> str:
    rows: list[list[object]] = []
    for chain in chains:
        lines = [(one["rule"] or "(whole)", one) for one in chain["rules"]]
        lines += [("in all", chain)] if len(lines) != 1 else []
        rows += [[chain["chain"], rule, *_side(one["commercetools"]), *_side(one["cin7"])] for rule, one in lines]
    head = ["CHAIN", "TAX RULE", "COMMERCETOOLS", "NET", "TAX", "GROSS", "CIN7 CORE", "NET", "TAX", "GROSS"]
    return f"{currency}\n{table(head, rows)}"


def _side(figure: Document) -> list[object]:
    return [figure["documents"], figure["net"], figure["tax"], figure["gross"]]


def _ties(currency: str, chains: list[Document]) -> str:
    rows: list[list[object]] = []
    for chain in chains:
        tie = chain["tie"]
        left = chain["unexplained_orders"]
        rows.append([chain["chain"], "differs by", *tie["difference"].values()])
        rows += [["", f"  {reason}", *amounts.values()] for reason, amounts in tie["reasons"].items()]
        rows.append(["", "  unexplained" + (f" ({_orders_of(left)})" if left else ""), *tie["unexplained"].values()])
    return table([f"{currency}: CHAIN", "", "NET", "TAX", "GROSS"], [[row[0] or " ", *row[1:]] for row in rows])


def _open(report: Document) -> list[str]:
    from actors.domain.closing_files import cause_and_next

    sections = (
        (
            "Unexplained",
            ["ORDER", "CHAIN", "TAX RULE", "CURRENCY", "NET", "TAX"],
            [
                [_named(one), one["chain"], one["rule"], one["currency"], one["net"], one["tax"]]
                for one in report["remainders"]
            ],
        ),
        (
            "Differences",
            ["ORDER", "OWNER", "CHAIN", "REASON", "CURRENCY", "NET", "TAX", "AGE (D)", "DECIDED", "WHAT"],
            [
                [
                    *(_named(one), one["owner"], one["chain"], one["reason"], one["currency"], one["net"], one["tax"]),
                    *(one["age_days"], one["decision"], _what(one)),
                ]
                for one in report["differences"]
            ],
        ),
        (
            "Open exceptions",
            ["ID", "RECORD", "OWNER", "TYPE", "AGE (D)", "CAUSE AND NEXT STEP"],
            [
                [one["id"], _named(one), one["owner"], one["type"], one["age_days"], cause_and_next(one)]
                for one in report["exceptions"]
            ],
        ),
        (
            "Orders without a document",
            ["ORDER", "STATE", "AGE (D)"],
            [[_named(one), one["state"], one["age_days"]] for one in report["without_documents"]],
        ),
    )
    return [_section(*section) for section in sections if section[2]]


def _section(title: str, head: list[str], rows: list[list[object]]) -> str:
    more = len(rows) - MOST_LINES
    text = f"\n{title}: {len(rows)}\n{table(head, rows[:MOST_LINES])}"
    return f"{text}\n… and {more} more: --json or --csv" if more > 0 else text


def _named(item: Document) -> str:
    return str(item["number"] or item.get("order_id") or item["record_id"])


def _what(one: Document) -> str:
    place = f" of {one['where']}" if one["where"] else ""
    ours = f"{one['ours'] or '–'} in commercetools ({_made(one['our_document'], one['our_rule'])})"
    theirs = f"{one['theirs'] or '–'} in Cin7 Core ({_made(one['their_document'], one['their_rule'])})"
    return f"{one['component']}{place}: {ours}, {theirs}"


def _made(number: str, rule: str) -> str:
    """Name a document, and the rule its figure was made by."""
    return f"{number or '–'}, by {rule}" if rule else number or "–"


# -- postings --------------------------------------------------------------------------------------------------------


def _postings(page: Document) -> str:
    safe = [[*_posting(one), one["verified_at"]] for one in page["items"]]
    waiting = [[*_posting(one), one["why"]] for one in page["not_yet"]]
    head = ["KIND", "NUMBER", "ORDER", "REFERENCE", "ACCOUNT", "CURRENCY", "NET", "TAX", "TOTAL"]
    parts = [f"Safe to sync on, of {page['day']}: {len(safe)}"]
    parts += [table([*head, "SINCE (UTC)"], safe)] if safe else []
    parts += [f"More: --after {page['next']}"] if page["next"] is not None else []
    parts += ["", f"Not yet: {len(waiting)}", table([*head, "WHY"], waiting)] if waiting else []
    return "\n".join(parts)


def _posting(one: Document) -> list[object]:
    names = ("kind", "number", "order", "reference", "account", "currency", "net", "tax", "total")
    return [one[name] for name in names]
