"""`tallyd exceptions do`: one action on many exceptions, shown before it is taken."""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from pathlib import Path
from typing import Any

from daemon.commands.configuration import failed, settings_of
from daemon.commands.edited import FIELDS, values_of
from daemon.commands.reading import plain, to_json
from daemon.commands.verbs import add_verb

_ACTIONS = ("retry", "release", "dismiss", "assign", "snooze", "wake", *FIELDS)
_FILTERS = ("owner", "type", "stage", "severity", "group", "assignee", "text")
_LOOK_SECONDS = 0.5
"""How often a deed under way is asked how far it is."""


def add_deed(verbs: Any) -> None:
    """Declare `exceptions do`."""
    doing = add_verb(
        verbs,
        "do",
        "do something to some exceptions, or to all that match; what it does and costs is shown first; what a note,"
        " address or contact puts in is read from standard input, name=value a line, a note as it is",
        'tallyd exceptions do retry --type sku_unknown --text GONE --reason "the SKU is there now"',
    )
    doing.add_argument("action", choices=_ACTIONS, metavar="ACTION", help=", ".join(_ACTIONS))
    doing.add_argument("ids", nargs="*", type=int, metavar="ID", help="numbers of exceptions; none: all that match")
    doing.add_argument("--owner", choices=("ops", "finance", "ecommerce", "it"), help="only this owner's")
    doing.add_argument("--type", help="only this type")
    doing.add_argument("--stage", choices=("open", "assigned", "snoozed", "waiting", "reopened"), help="only these")
    doing.add_argument("--severity", choices=("info", "warning", "error", "critical"), help="only these")
    doing.add_argument("--group", metavar="KEY", help="only those of one cause")
    doing.add_argument("--assignee", metavar="NAME", help="only this person's")
    doing.add_argument("--text", help="only those with this in the order's number, the SKU or the cause")
    doing.add_argument("--to", metavar="NAME", default="", help="assign: whose they are from now on")
    doing.add_argument("--until", metavar="INSTANT", default="", help="snooze: until when, as 2026-12-24T08:00:00Z")
    doing.add_argument("--sku", default="", help="alias: the SKU as it was ordered")
    doing.add_argument("--alias", metavar="SKU", default="", help="alias: the SKU as Cin7 Core has it")
    doing.add_argument("--reason", metavar="TEXT", default="", help="why; kept with your user name")
    doing.add_argument("--preview", action="store_true", help="only show what would happen")
    doing.add_argument("--yes", action="store_true", help="do not ask; needed where there is no terminal")


def do(args: argparse.Namespace) -> int:
    """Show what would happen, ask, and have it done; 0 when all of it was done, 1 when some was refused."""
    from daemon.control_client import DaemonDownError, RefusedError, ask

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    values = values_of(args.action, sku=args.sku, alias=args.alias) if args.action in FIELDS else {}
    if isinstance(values, str):
        sys.stderr.write(f"tallyd exceptions do: {values}\n")
        return 2
    deed = _deed(args, values)
    try:
        shown = ask(settings.socket_path, "POST", "/api/deeds/preview", deed)
        if args.preview or not shown["allowed"]:
            sys.stdout.write(to_json(shown) if args.json else plain(_preview(shown)) + "\n")
            return 0 if shown["allowed"] else 1
        if not args.yes and not _agreed(shown):
            return 1
        done = _done(settings.socket_path, deed)
    except (DaemonDownError, RefusedError) as error:
        return failed(str(error))
    sys.stdout.write(to_json(done) if args.json else plain(_outcome(done)) + "\n")
    return 1 if done["refused"] else 0


def _deed(args: argparse.Namespace, values: dict[str, str]) -> dict[str, Any]:
    where = {name: getattr(args, name) for name in _FILTERS if getattr(args, name)}
    return {
        "action": args.action,
        "ids": args.ids or None,
        "where": where,
        "reason": args.reason,
        "to": args.to,
        "until": args.until,
        "values": values,
    }


def _agreed(shown: dict[str, Any]) -> bool:
    print(plain(_preview(shown)), file=sys.stderr)
    if not sys.stdin.isatty():
        print("nothing was done: say --yes where nobody can be asked", file=sys.stderr)
        return False
    print("Do it? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _done(socket: Path, deed: dict[str, Any]) -> dict[str, Any]:
    from daemon.commands.check import progress_line
    from daemon.control_client import address, ask

    key = secrets.token_urlsafe(16)
    done = ask(socket, "POST", "/api/deeds", deed, headers={"Idempotency-Key": key})
    progress, clear = progress_line()
    while done["ended_at"] is None:
        progress(f"{done['total'] - done['waiting']} of {done['total']}")
        time.sleep(_LOOK_SECONDS)
        done = ask(socket, "GET", address("api", "deeds", key))
    clear()
    return done


def _preview(shown: dict[str, Any]) -> str:
    lines = [f"{shown['action']}: {shown['count']} exceptions"]
    lines += [f"  {one['count']:>6}  {one['what']}" for one in shown["would"]]
    lines += [f"  {one['count']:>6}  refused: {one['why']}" for one in shown["refused"]]
    if shown["calls"]:
        lines.append(f"  costs up to {shown['calls']} calls of Cin7 Core, about {shown['minutes']:g} minutes from now")
    if not shown["allowed"]:
        lines.append(f"  nothing can be done: {shown['why_not']}")
    return "\n".join(lines)


def _outcome(done: dict[str, Any]) -> str:
    lines = [done["message"]]
    if done["total"] > 1:
        lines += [f"  {one['id']}: {one['message']}" for one in done["refusals"]]
    return "\n".join(lines)
