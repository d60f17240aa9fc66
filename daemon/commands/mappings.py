"""`tallyd mappings`: what is mapped to what, a row tried on the last orders, and a row put in force or taken back."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from typing import Any

from daemon.commands.acting import add_reason
from daemon.commands.table import minute, table
from daemon.commands.verbs import add_verb

DEFAULT_VERB = "list"
KINDS = ("tax", "charges", "payments", "shipping", "carriers", "gift_cards")
_PATIENCE_SECONDS = 120.0
"""How long a trial may take on a small machine."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    listing = add_verb(
        verbs, "list", "list what is mapped to what, and whether the file or a person says so", "tallyd mappings list"
    )
    listing.add_argument("--kind", default="", metavar="KIND", help=f"one of {', '.join(KINDS)}")
    trying = add_verb(
        verbs,
        "try",
        "judge the last 500 orders with and without a row; nothing is written",
        'tallyd mappings try tax GB/standard "20% (VAT on Income)"',
    )
    adding = add_verb(
        verbs,
        "add",
        "put a row in force at once, over what the file says",
        'tallyd mappings add charges gift-wrap "Gift wrap" --reason "new in the shop"',
    )
    withdrawing = add_verb(
        verbs,
        "withdraw",
        "take back what was mapped at the desk, so that the file's holds again",
        'tallyd mappings withdraw charges gift-wrap --reason "is in the file now"',
    )
    for verb in (trying, adding, withdrawing):
        verb.add_argument("kind", metavar="KIND", choices=KINDS, help=f"one of {', '.join(KINDS)}")
        verb.add_argument("key", metavar="KEY", help="what is mapped, as the exception shows it")
    for verb in (trying, adding):
        verb.add_argument("value", metavar="VALUE", help="what it is mapped to, as Cin7 Core spells it")
        verb.add_argument("--tender", action="store_true", help="of a charge: the order is paid with it")
    for verb in (adding, withdrawing):
        add_reason(verb, needed=True)


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    match args.verb:
        case "list":
            return _list(args)
        case "try":
            return _try(args)
        case _:
            return _map(args)


def _list(args: argparse.Namespace) -> int:
    from actors.domain.mapped import MappingKind
    from daemon.commands.configuration import failed, settings_of
    from daemon.commands.reading import UnreadableError, read_file, show
    from daemon.desk.mappings import document
    from daemon.planning import mappings_of

    if args.kind and args.kind not in KINDS:
        sys.stderr.write(f"tallyd mappings list: --kind must be one of {', '.join(KINDS)}\n")
        return 2
    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    configured, kind = mappings_of(settings), MappingKind(args.kind) if args.kind else None

    def unit(connection: sqlite3.Connection) -> dict[str, Any]:
        return document(connection, configured, kind)

    try:
        return show(read_file(settings.database_path, unit), as_json=args.json, text=_rows)
    except UnreadableError as error:
        return failed(str(error))


def _rows(body: dict[str, Any]) -> str:
    rows = [
        [
            item["kind"],
            item["key"],
            item["value"] + (" (paid with)" if item["tender"] else ""),
            item["source"],
            f"{item['author']} {minute(item['at'])}" if item["at"] else "",
            "" if item["source"] == "file" or item["file_value"] is None else f"file: {item['file_value']}",
        ]
        for item in body["items"]
    ]
    return table(["KIND", "KEY", "MAPPED TO", "BY", "", ""], rows) if rows else "Nothing is mapped."


def _try(args: argparse.Namespace) -> int:
    from daemon.commands.reading import show

    draft = {"kind": args.kind, "key": args.key, "value": args.value, "tender": args.tender}
    return show(_asked(args, "/api/mappings/try", draft), as_json=args.json, text=_trial)


def _trial(body: dict[str, Any]) -> str:
    counts = [
        ("looked at", body["looked_at"]),
        ("the same", body["same"]),
        ("would go on", body["would_go_on"]),
        ("would be held", body["would_be_held"]),
        ("would be another sale", body["would_differ"]),
        ("kept no longer, or unreadable", body["unreadable"]),
        ("waiting for it now", body["waiting_now"]),
    ]
    lines = [f"{name:<32}{count:>6}" for name, count in counts]
    lines += [f"Mind: {warning}" for warning in body["warnings"]]
    for one in body["examples"]:
        lines += ["", one["number"] or one["order"], f"  now:  {one['before']}", f"  then: {one['after']}"]
    return "\n".join(lines)


def _map(args: argparse.Namespace) -> int:
    from uuid import uuid4

    from daemon.commands.reading import show

    draft = {"kind": args.kind, "key": args.key, "value": getattr(args, "value", ""), "reason": args.reason}
    draft["tender"] = getattr(args, "tender", False)
    done = _asked(args, "/api/mappings", draft, headers={"Idempotency-Key": str(uuid4())})
    return show(done, as_json=args.json, text=lambda body: str(body["message"]))


def _asked(
    args: argparse.Namespace, target: str, draft: dict[str, Any], headers: dict[str, str] | None = None
) -> dict[str, Any] | int:
    """Ask the daemon; return its answer, or the exit code after saying what is wrong."""
    from daemon.commands.configuration import failed, settings_of
    from daemon.control_client import DaemonDownError, RefusedError, ask

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    try:
        return ask(settings.socket_path, "POST", target, draft, headers=headers, patience=_PATIENCE_SECONDS)
    except (DaemonDownError, RefusedError) as error:
        return failed(str(error))
