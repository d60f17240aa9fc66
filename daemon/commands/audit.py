"""`tallyd audit`: what people did, and whether it stands as it was written."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

from daemon.commands.table import minute, table
from daemon.commands.verbs import add_sort, add_verb

if TYPE_CHECKING:
    from adapters.operator.record_api import AuditQuery

DEFAULT_VERB = "list"

LEAST_DIGITS = 12
_ALL_AT_ONCE = 500


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    listing = add_verb(verbs, "list", "list what people did, the newest first", "tallyd audit list --author olga")
    listing.add_argument("--author", default="", metavar="NAME", help="only what this person did")
    listing.add_argument("--action", default="", metavar="WORD", help="only this action (retry, release, pause …)")
    listing.add_argument("--record", default="", metavar="RECORD", help="only on this record (order:ID, sku:SKU …)")
    listing.add_argument("--from", dest="first", default="", metavar="DAY", help="from this day on (UTC)")
    listing.add_argument("--to", dest="last", default="", metavar="DAY", help="up to the end of this day (UTC)")
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default 100)")
    add_sort(listing, ("id", "author", "action", "record"), descending=True)
    listing.add_argument(
        "--after", default="", metavar="NEXT", help="go on where a page ended; begin below this number"
    )
    listing.add_argument("--csv", action="store_true", help="print all of them as CSV")
    verifying = add_verb(
        verbs,
        "verify",
        "prove that no row was changed, taken out or put in; ends with 1 if one was",
        "tallyd audit verify --head 3f6c0e1d9a42",
    )
    verifying.add_argument(
        "--head",
        type=_hash,
        metavar="HASH",
        help="a hash noted earlier (console, digest, paper), or its first 12 digits: proves that no row was cut off"
        " the end since",
    )


def main(args: argparse.Namespace) -> int:
    """List or verify."""
    return _verify(args) if args.verb == "verify" else _list(args)


def _hash(text: str) -> str:
    shown = text.strip().lower()
    if not LEAST_DIGITS <= len(shown) <= 64 or set(shown) - set("0123456789abcdef"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a hash: 12 to 64 hexadecimal digits")
    return shown


def _list(args: argparse.Namespace) -> int:
    from adapters.operator.record_api import AuditQuery
    from daemon.commands.reading import read, show
    from daemon.desk.records import audit_page

    if args.limit < 1:
        print("tallyd: --limit is at least 1", file=sys.stderr)
        return 2
    query = AuditQuery(
        author=args.author,
        action=args.action,
        record=args.record,
        first=args.first,
        last=args.last,
        sort=args.sort,
        descending=args.descending,
        after=args.after,
    )
    if args.csv:
        return _csv(args, query)
    return show(
        read(args.config, lambda connection: audit_page(connection, _of(query, limit=args.limit))),
        as_json=args.json,
        text=_page,
    )


def _csv(args: argparse.Namespace, query: AuditQuery) -> int:
    from daemon.commands.reading import read
    from daemon.desk.records import audit_table

    def write(connection: sqlite3.Connection) -> int:
        after: str | None = args.after
        while after is not None:
            text, after = audit_table(connection, _of(query, after=after, limit=_ALL_AT_ONCE))
            sys.stdout.write(text)
        return 0

    return read(args.config, write)


def _of(query: AuditQuery, **changes: str | int) -> AuditQuery:
    import msgspec

    return msgspec.structs.replace(query, **changes)


def _verify(args: argparse.Namespace) -> int:
    from daemon.commands.reading import read, show
    from daemon.desk.records import verdict

    found = read(args.config, lambda connection: verdict(connection, seen=args.head or ""))
    code = show(found, as_json=args.json, text=_verdict)
    return 1 if isinstance(found, dict) and not found["holds"] else code


def _page(page: dict[str, Any]) -> str:
    rows = [
        [item["id"], minute(item["at"]), item["author"], item["action"], item["record"], _said(item["detail"])]
        for item in page["items"]
    ]
    more = f"\nmore: --after {page['next']}" if page["next"] else ""
    head = f"\nhead: {page['head']}" if page["head"] else ""
    return table(["ID", "WHEN (UTC)", "WHO", "WHAT", "RECORD", "WHY"], rows) + more + head


def _said(detail: dict[str, str]) -> str:
    more = " · ".join(f"{name} {value}" for name, value in detail.items() if name != "reason" and value)
    return " · ".join(part for part in (detail.get("reason", ""), more) if part)


def _verdict(found: dict[str, Any]) -> str:
    if not found["holds"]:
        where = f" at row {found['broken_at']}" if found["broken_at"] is not None else ""
        return f"BROKEN{where}: {found['why']}.\n{found['rows']} rows fit before it."
    lines = [f"holds: {found['rows']} rows, none changed, taken out or put in", f"head: {found['head'] or '-'}"]
    if found["unchained"]:
        lines.append(f"{found['unchained']} of them are older than the chain: they are as they were when it began")
    if found["seen"]:
        lines.append("the hash you noted is that of a row: none was cut off since")
    else:
        lines.append("rows cut off the end leave no trace in the file: note the head, and ask again with --head")
    return "\n".join(lines)
