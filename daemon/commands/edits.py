"""`tallyd orders edit|edits|withdraw|payloads`: edits of an order that is no sale yet; what is kept sealed of it."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from typing import Any

from daemon.commands.acting import add_reason
from daemon.commands.edited import FIELDS, values_of
from daemon.commands.table import minute, table
from daemon.commands.verbs import add_verb

VERBS = ("edit", "edits", "withdraw", "payloads")


def add_arguments(verbs: Any) -> None:
    """Declare the subcommands beside the others of `orders`."""
    listing = add_verb(verbs, "edits", "list what was edited of an order, by whom and why", "tallyd orders edits CT-1")
    editing = add_verb(
        verbs,
        "edit",
        "edit SKU alias, note, address or contact of an order that is no sale yet; texts are read from standard input,"
        " name=value a line, a note as it is",
        'tallyd orders edit CT-100045 alias OLD-MUG MUG --reason "renamed in Cin7 Core"',
    )
    withdrawing = add_verb(
        verbs, "withdraw", "take an edit back", 'tallyd orders withdraw CT-100045 3 --reason "the old one was right"'
    )
    opening = add_verb(
        verbs,
        "payloads",
        "show what is kept sealed of an order, with personal data; that is written down in the audit",
        "tallyd orders payloads CT-100045",
    )
    for verb in (listing, editing, withdrawing, opening):
        verb.add_argument("ref", metavar="ORDER", help="order number or id, or its sale's number, id or reference")
    editing.add_argument("field", metavar="FIELD", choices=FIELDS, help=f"one of {', '.join(FIELDS)}")
    editing.add_argument("sku", metavar="SKU", nargs="?", default="", help="of an alias: the SKU as it was ordered")
    editing.add_argument("alias", metavar="ALIAS", nargs="?", default="", help="of an alias: as Cin7 Core has it")
    withdrawing.add_argument("edit", metavar="EDIT", type=int, help="the edit's number, as `orders edits` shows it")
    for verb in (editing, withdrawing):
        add_reason(verb, needed=True)


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    match args.verb:
        case "edits":
            return _list(args)
        case "edit":
            return _edit(args)
        case "withdraw":
            return _ask(args, "POST", "edits", str(args.edit), "withdraw", body={"reason": args.reason})
        case _:
            args.json = True
            return _ask(args, "GET", "payloads")


def _list(args: argparse.Namespace) -> int:
    from daemon.commands.configuration import failed
    from daemon.commands.reading import read, show

    def unit(connection: sqlite3.Connection) -> dict[str, Any] | None:
        from daemon.desk.edit_view import history
        from storage import orders

        record = orders.find(connection, args.ref)
        if record is None:
            return None
        return {"order": record.id, "number": record.number, "history": history(connection, record.id)}

    found = read(args.config, unit)
    if found is None:
        return failed(f"no order has the number or id {args.ref}, nor does a sale")
    return show(found, as_json=args.json, text=_text)


def _text(found: dict[str, Any]) -> str:
    rows = [
        [
            str(one["id"]),
            minute(one["at"]),
            one["author"],
            f"{one['sku']} sold as {one['alias']}" if one["field"] == "alias" else f"{one['field']}: {_names(one)}",
            "stands" if one["stands"] else f"withdrawn {minute(one['withdrawn_at'])} by {one['withdrawn_by']}",
            one["reason"],
        ]
        for one in found["history"]
    ]
    return table(["EDIT", "AT (UTC)", "BY", "WHAT", "STATE", "REASON"], rows)


def _names(one: dict[str, Any]) -> str:
    return ", ".join(one["names"])


def _edit(args: argparse.Namespace) -> int:
    from uuid import uuid4

    values = values_of(args.field, sku=args.sku, alias=args.alias)
    if isinstance(values, str):
        sys.stderr.write(f"tallyd orders edit: {values}\n")
        return 2
    draft = {"field": args.field, "values": values, "reason": args.reason}
    return _ask(args, "POST", "edits", body=draft, headers={"Idempotency-Key": str(uuid4())})


def _ask(
    args: argparse.Namespace,
    method: str,
    *parts: str,
    body: dict[str, Any] | None = None,
    headers: dict[str, str] | None = None,
) -> int:
    from daemon.commands.configuration import failed, settings_of
    from daemon.commands.reading import plain, to_json
    from daemon.control_client import DaemonDownError, RefusedError, address, ask

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    try:
        target = address("api", "orders", args.ref, *parts)
        done = ask(settings.socket_path, method, target, body, headers=headers)
    except (DaemonDownError, RefusedError) as error:
        return failed(str(error))
    sys.stdout.write(to_json(done) if args.json else plain(done["message"]) + "\n")
    return 0
