"""`tallyd orders`: what became of an order, and what a person can do about it."""

from __future__ import annotations

import argparse
from typing import Any

from daemon.commands import edits
from daemon.commands.acting import act, add_reason
from daemon.commands.table import minute, table
from daemon.commands.verbs import add_sort, add_verb

_ACTIONS = {
    "retry": (
        "look at an order again now, also after its message was set aside",
        'tallyd orders retry CT-100045 --reason "tax rule mended"',
    ),
    "resend": (
        "send an order again under a new reference, once its sale was voided in Cin7 Core",
        'tallyd orders resend CT-100045 --reason "voided by mistake"',
    ),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    listing = add_verb(verbs, "list", "list orders, the newest first", "tallyd orders list --state held --json")
    listing.add_argument("--state", help="only orders in this state, or in_cin7, or not_in_cin7")
    listing.add_argument(
        "--text",
        default="",
        help="only those called so, or beginning so: number, id, sale, reference; or with this SKU",
    )
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default 100)")
    add_sort(listing, ("accepted_at", "created_at", "number"), descending=True)
    listing.add_argument("--after", metavar="ID", help="go on after this order (`next` of the page before)")
    showing = add_verb(
        verbs, "show", "show one order: its whole life, both sides beside each other", "tallyd orders show CT-100045"
    )
    _add_ref(showing)
    for name, (help_text, example) in _ACTIONS.items():
        acting = add_verb(verbs, name, help_text, example)
        _add_ref(acting)
        add_reason(acting)
    releasing = add_verb(
        verbs,
        "release",
        "judge a held order again now; or let its books go on as they stand, where they differ or wait (a day's at once"
        " with --day)",
        'tallyd orders release CT-100045 --reason "a cent, seen with the auditor"',
    )
    one_or_many = releasing.add_mutually_exclusive_group(required=True)
    _add_ref(one_or_many, nargs="?")
    one_or_many.add_argument(
        "--day", type=_day, metavar="DATE", help="all orders of this accounting day that agree and wait"
    )
    add_reason(releasing)
    rejecting = add_verb(
        verbs,
        "reject",
        "take an order's books out of tallyd's hands: you book it in Cin7 Core yourself",
        'tallyd orders reject CT-100045 --reason "booked by hand as SO-00042"',
    )
    _add_ref(rejecting)
    add_reason(rejecting, needed=True)
    edits.add_arguments(verbs)


def _day(text: str) -> str:
    """Read a day as it is written in the books.

    Raises:
        argparse.ArgumentTypeError: it is none.
    """
    from actors.domain.closing import date_of

    try:
        return date_of(text).isoformat()
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def _add_ref(parser: Any, nargs: str | None = None) -> None:
    about = "order number or id, or its sale's number, id or reference"
    parser.add_argument("ref", metavar="ORDER", nargs=nargs, help=about)


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    if args.verb in edits.VERBS:
        return edits.main(args)
    if args.verb == "list":
        return _list(args)
    if args.verb == "show":
        return _show(args)
    if args.verb == "release" and args.day is not None:
        return act(args, "days", args.day, "release")
    return act(args, "orders", args.ref, args.verb)


def _list(args: argparse.Namespace) -> int:
    from adapters.operator.list_api import OrderSearch
    from daemon.commands.reading import read, show
    from daemon.desk.order_search import order_list

    query = OrderSearch(
        text=args.text,
        state=args.state or "",
        sort=args.sort,
        descending=args.descending,
        limit=max(1, args.limit),
        after=args.after or "",
    )
    return show(read(args.config, lambda connection: order_list(connection, query)), as_json=args.json, text=_page)


def _show(args: argparse.Namespace) -> int:
    from daemon.commands.configuration import failed
    from daemon.commands.order_text import order_text
    from daemon.commands.reading import read, show
    from daemon.views import order_view

    found = read(args.config, lambda connection: order_view(connection, args.ref))
    if found is None:
        return failed(f"no order has the number or id {args.ref}, nor does a sale")
    return show(found, as_json=args.json, text=order_text)


def _page(page: dict[str, Any]) -> str:
    rows = [
        [
            item["number"] or item["id"],
            item["state"],
            minute(item["state_since"]),
            item["cin7"]["number"] or item["cin7"]["sale_id"],
            f"{item['payable']} {item['currency']}",
            item["reason"],
        ]
        for item in page["items"]
    ]
    more = f"\nmore: --after {page['next']}" if page["next"] else ""
    return table(["ORDER", "STATE", "SINCE (UTC)", "SALE", "TOTAL", "REASON"], rows) + more
