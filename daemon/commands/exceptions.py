"""`tallyd exceptions`: everything that needs a person."""

from __future__ import annotations

import argparse
from typing import Any

from daemon.commands.acting import act, add_reason
from daemon.commands.deeds import add_deed, do
from daemon.commands.table import minute, paired, side_by_side, table
from daemon.commands.verbs import add_sort, add_verb


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    listing = add_verb(
        verbs,
        "list",
        "list exceptions, the oldest first",
        "tallyd exceptions list --owner finance --json",
    )
    listing.add_argument("--owner", choices=("ops", "finance", "ecommerce", "it"), help="only this owner's")
    listing.add_argument("--type", help="only this type")
    listing.add_argument("--state", choices=("open", "resolved", "all"), default="open", help="default: open")
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default 100)")
    listing.add_argument("--all", action="store_true", help="a line each, not a line per group of one cause")
    listing.add_argument("--text", default="", metavar="TEXT", help="only with this in what they say or are about")
    add_sort(listing, ("opened_at", "due_at", "severity", "type", "owner"))
    listing.add_argument("--after", default="", metavar="NEXT", help="go on where a page ended: after this exception")
    _add_id(add_verb(verbs, "show", "show one exception and what to do about it", "tallyd exceptions show 17"))
    retrying = add_verb(
        verbs, "retry", "try again what an exception is about", 'tallyd exceptions retry 17 --reason "mended"'
    )
    _add_id(retrying)
    add_reason(retrying)
    opening = add_verb(
        verbs,
        "body",
        "show what came and could not be understood; it may hold people's data, and that you looked is written down",
        'tallyd exceptions body 17 --reason "which sender is this"',
    )
    _add_id(opening)
    add_reason(opening, needed=True)
    add_deed(verbs)
    resolving = add_verb(
        verbs,
        "resolve",
        "dismiss an exception; one that holds an order without a sale excludes the order: it was booked by hand",
        'tallyd exceptions resolve 17 --reason "booked by hand as SO-00212"',
    )
    _add_id(resolving)
    add_reason(resolving, needed=True)


def _add_id(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", type=int, help="number of the exception")


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    if args.verb == "list":
        return _list(args)
    if args.verb == "show":
        return _show(args)
    if args.verb == "do":
        return do(args)
    return act(args, "exceptions", str(args.id), args.verb)


def _list(args: argparse.Namespace) -> int:
    from actors.domain.exception_life import ExceptionFilter
    from adapters.operator.desk_api import ExceptionListQuery
    from daemon.commands.reading import read, show
    from daemon.desk.exceptions import exception_list

    query = ExceptionListQuery(
        where=ExceptionFilter(owner=args.owner or "", type=args.type or "", state=args.state, text=args.text),
        sort=args.sort,
        descending=args.descending,
        after=args.after,
        limit=max(1, args.limit),
    )
    found = read(args.config, lambda connection: exception_list(connection, query, now=_now()))
    return show(found, as_json=args.json, text=_page if args.all else _groups)


def _now() -> int:
    from actors.core.clock import SystemClock

    return SystemClock().now()


def _show(args: argparse.Namespace) -> int:
    from daemon.commands.configuration import failed
    from daemon.commands.reading import read, show
    from daemon.desk.exceptions import exception_detail

    found = read(args.config, lambda connection: exception_detail(connection, args.id, now=_now()))
    if found is None:
        return failed(f"there is no exception {args.id}")
    return show(found, as_json=args.json, text=_exception)


def _page(page: dict[str, Any]) -> str:
    rows = [
        [
            item["id"],
            item["owner"],
            item["severity"],
            item["type"],
            item["record"]["number"] or item["record"]["id"],
            minute(item["opened_at"]),
            item["cause"],
        ]
        for item in page["items"]
    ]
    more = f"\nmore: --after {page['next']}" if page["next"] else ""
    return table(["ID", "OWNER", "SEVERITY", "TYPE", "RECORD", "SINCE (UTC)", "CAUSE"], rows) + more


def _groups(page: dict[str, Any]) -> str:
    """One line per cause: many orders that wait for one thing are one thing to mend."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for item in page["items"]:
        groups.setdefault((item["group"], item["owner"]), []).append(item)
    rows = [
        [
            items[0]["id"],
            len(items),
            items[0]["owner"],
            items[0]["severity"],
            items[0]["type"],
            _records(items),
            minute(items[0]["opened_at"]),
            _cause(items),
        ]
        for items in groups.values()
    ]
    more = f"\nmore: --after {page['next']}" if page["next"] else ""
    head = ["ID", "COUNT", "OWNER", "SEVERITY", "TYPE", "RECORD", "SINCE (UTC)", "CAUSE"]
    return table(head, rows) + more


def _records(items: list[dict[str, Any]]) -> str:
    named = list(dict.fromkeys(str(item["record"]["number"] or item["record"]["id"]) for item in items))
    return named[0] if len(named) == 1 else f"{named[0]} and {len(named) - 1} more"


def _cause(items: list[dict[str, Any]]) -> str:
    """Return what they have in common, or the cause of the one that is named, and that the others' figures differ."""
    first = str(items[0]["cause"])
    return first if all(item["cause"] == first for item in items) else f"{first} (the first; --all shows each)"


def _exception(item: dict[str, Any]) -> str:
    record = item["record"]
    _, facts = paired(item["facts"])
    sides = side_by_side(item["facts"])
    rows = [
        ["type", f"{item['type']} ({item['severity']}, {item['owner']})"],
        ["state", item["stage"] + (f": {item['resolution']}" if item["resolution"] else "")],
        ["whose", item["assignee"]],
        ["due", minute(item["due_at"]) if item["state"] == "open" else ""],
        ["rests until", minute(item["snoozed_until"]) if item["stage"] == "snoozed" else ""],
        ["with it", f"{item['siblings']} open of this cause" if item["siblings"] > 1 else ""],
        ["record", f"{record['kind']} {record['number'] or ''} {record['id']}".replace("  ", " ")],
        ["SKU", record["sku"]],
        ["field", record["field"]],
        ["cause", item["cause"]],
        *([f"  {name}", value] for name, value in facts.items()),
        ["opened", minute(item["opened_at"])],
        ["next attempt", minute(item["next_attempt_at"])],
        *([f"step {number}", step] for number, step in enumerate(item["steps"], 1)),
        ["clears when", item["clears"]],
    ]
    text = table([f"EXCEPTION {item['id']}", ""], [row for row in rows if row[1]])
    return f"{text}\n\n{sides}" if sides else text
