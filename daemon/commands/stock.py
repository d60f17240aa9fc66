"""`tallyd stock`: what is published of a SKU and why, and stopping its sale."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from typing import Any

from daemon.commands.acting import act, add_reason
from daemon.commands.table import minute, table
from daemon.commands.verbs import add_sort, add_verb


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    showing = add_verb(
        verbs, "show", "show the sum behind each published figure of a SKU", "tallyd stock show HW-MUG-STN-01"
    )
    listing = add_verb(
        verbs, "list", "list SKUs: all, or those that something is the matter with", "tallyd stock list --state waiting"
    )
    listing.add_argument("--state", default="all", metavar="STATE", help=f"one of {', '.join(_states())}")
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default 100)")
    listing.add_argument("--text", default="", metavar="TEXT", help="only with this in the SKU or the name")
    add_sort(listing, ("sku", "published", "available", "read_at"))
    listing.add_argument("--after", default="", metavar="NEXT", help="go on where a page ended: after this SKU")
    blocking = add_verb(
        verbs,
        "block",
        "publish 0 of a SKU and keep it there",
        'tallyd stock block HW-MUG-STN-01 --until 2026-12-24T18:00:00Z --reason "recall"',
    )
    blocking.add_argument("--until", default="", metavar="TIME", help="when it ends by itself; without: never")
    unblocking = add_verb(
        verbs,
        "unblock",
        "sell a SKU again; its units come back with the next true-up",
        "tallyd stock unblock HW-MUG-STN-01",
    )
    releasing = add_verb(
        verbs,
        "release",
        "let the units of an order go that Cin7 Core does not count",
        'tallyd stock release CT-100045 --reason "sold over the counter"',
    )
    for verb in (showing, blocking, unblocking):
        verb.add_argument("sku", metavar="SKU", help="exactly as it is written in Cin7 Core")
    releasing.add_argument("order", metavar="ORDER", help="order number or id, or its sale's number or reference")
    add_reason(blocking, needed=True)
    add_reason(unblocking)
    add_reason(releasing, needed=True)


def _states() -> tuple[str, ...]:
    return ("all", "left", "blocked", "stale", "waiting", "refused", "held", "missing")


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    match args.verb:
        case "show":
            return _show(args)
        case "list":
            return _list(args)
        case "block":
            return act(args, "stock", args.sku, "block", until=args.until)
        case "release":
            return act(args, "orders", args.order, "release-units")
        case _:
            return act(args, "stock", args.sku, args.verb)


def _show(args: argparse.Namespace) -> int:
    from actors.core.clock import SystemClock
    from daemon.commands.configuration import failed, settings_of
    from daemon.commands.reading import UnreadableError, read_file, show
    from daemon.planning import stock_rules
    from daemon.stock_views import stock_view

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    rules, now = stock_rules(settings), SystemClock().now()

    def unit(connection: sqlite3.Connection) -> dict[str, Any] | None:
        return stock_view(connection, rules, args.sku, now=now)

    try:
        found = read_file(settings.database_path, unit)
    except UnreadableError as error:
        return failed(str(error))
    if found is None:
        return failed(f"neither side was seen to have the SKU {args.sku}; mind upper and lower case")
    return show(found, as_json=args.json, text=_sku)


def _list(args: argparse.Namespace) -> int:
    from actors.core.clock import SystemClock
    from daemon.commands.configuration import failed, settings_of
    from daemon.commands.reading import UnreadableError, read_file, show
    from daemon.desk.stock_list import StockSearch, stock_list
    from daemon.planning import stock_rules

    if args.state not in _states():
        sys.stderr.write(f"tallyd stock list: --state must be one of {', '.join(_states())}\n")
        return 2
    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    rules, now = stock_rules(settings), SystemClock().now()
    query = StockSearch(
        state=args.state,
        text=args.text,
        sort=args.sort,
        descending=args.descending,
        after=args.after,
        limit=max(1, args.limit),
    )

    def unit(connection: sqlite3.Connection) -> dict[str, Any]:
        return stock_list(connection, rules, query, now=now)

    try:
        found = read_file(settings.database_path, unit)
    except UnreadableError as error:
        return failed(str(error))
    return show(found, as_json=args.json, text=_page)


def _page(body: dict[str, Any]) -> str:
    rows = [
        [
            item["sku"],
            item["standing"],
            " ".join(f"{entry['channel'] or '(all)'}={entry['published']}" for entry in item["entries"]),
            item["age_seconds"],
            "blocked" if item["blocked"] else "",
        ]
        for item in body["items"]
    ]
    text = table(["SKU", "STANDING", "PUBLISHED", "AGE (S)", ""], rows)
    return text if body["next"] is None else f"{text}\nMore: --after {body['next']}"


def _sku(body: dict[str, Any]) -> str:
    lines = [f"{body['sku']}  {body['name'] or ''}".rstrip(), f"It is {body['standing']}."]
    if body["read_at"] is not None:
        lines.append(f"Cin7 Core was read at {minute(body['read_at'])} UTC, {body['age_seconds']} s ago.")
    if body["block"] is not None:
        block = body["block"]
        until = f"until {minute(block['until'])}" if block["until"] else "until it is unblocked"
        lines.append(f"Blocked {until} by {block['by']}: {block['reason']}")
    for entry in body["entries"]:
        lines += ["", *_entry(entry)]
    if body["locations"]:
        rows = [
            [place, row["available"], row["on_hand"], row["allocated"], row["on_order"], row["in_transit"]]
            for place, row in body["locations"].items()
        ]
        lines += ["", table(["LOCATION", "AVAILABLE", "ON HAND", "ALLOCATED", "ON ORDER", "IN TRANSIT"], rows)]
    if body["incoming"]:
        rows = [[one["purchase"], one["units"], one["location"], one["day"] or "?"] for one in body["incoming"]]
        lines += ["", table(["PURCHASE", "BRINGS", "TO", "ON"], rows)]
    if body["history"]:
        rows = [
            [minute(one["at"]), one["channel"] or "-", one["step"], one["before"], one["quantity"]]
            for one in body["history"]
        ]
        lines += ["", table(["CHANGED (UTC)", "CHANNEL", "STEP", "FROM", "TO"], rows)]
    return "\n".join(lines)


def _entry(entry: dict[str, Any]) -> list[str]:
    """Print one entry as a sum; a figure with two bounds is shown as `least..most`."""
    channel, known = entry["channel"], entry["sum"]
    lines = [f"Channel {channel}" if channel else "Without a channel"]
    if known.get("target") is not None:
        lines += [
            _line("available", known["available"]),
            _line("- uncounted orders", _bounds(known["uncounted"])),
            _line("- buffer", known["buffer"]),
            _line("= target", _bounds(known["target"])),
            _line("+ taken off by orders", known["taken"]),
            _line("= capacity", _bounds(known["capacity"])),
            _line("- put in so far", entry["put"]),
            _line("= change", _change(known["capacity"], entry["put"])),
        ]
    lines.append(_line("published", entry["published"]))
    if known.get("step") not in (None, "nothing"):
        lines.append(f"  next: {known['step']} to {known['quantity']}")
    if entry["waits"]:
        lines.append(f"  waits for: {_WAITS.get(entry['waits'], entry['waits'])}")
    if entry["suspended"]:
        lines.append(f"  raised again only after a true-up: {entry['suspended']}")
    if entry["refused"]:
        lines.append(f"  refused: {entry['refused']}")
    if entry["expected_delivery"]:
        lines.append(f"  next delivery: {entry['expected_delivery']}")
    claims = known.get("claims") or []
    if claims:
        rows = [[claim["order"], claim["units"], claim["taken"], claim["counted"]] for claim in claims]
        lines.append(f"  orders that claim: {known['claims_in_all']}")
        lines.append(table(["  ORDER", "UNITS", "TAKEN OFF", "COUNTED"], [[f"  {row[0]}", *row[1:]] for row in rows]))
    return lines


_WAITS = {
    "reading": "a reading of Cin7 Core",
    "list": "the next reading of the whole list of Cin7 Core",
    "mark": "the sweep to know every order before the entry was read",
    "quiet": "a moment without a young order",
}


def _line(name: str, figure: object) -> str:
    return f"  {name:<24}{'-' if figure is None else figure:>10}"


def _change(capacity: list[int], put: int | None) -> object:
    return None if put is None else _bounds([bound - put for bound in capacity])


def _bounds(bounds: list[int] | None) -> object:
    if bounds is None:
        return None
    low, high = bounds
    return low if low == high else f"{low}..{high}"
