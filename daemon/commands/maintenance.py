"""`tallyd maintenance`: alerts are kept and none is sent, while somebody works on what they are about."""

from __future__ import annotations

import argparse
from typing import Any

from daemon.commands.acting import act, add_reason
from daemon.commands.table import minute, table
from daemon.commands.verbs import add_verb


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    starting = add_verb(
        verbs,
        "start",
        "keep alerts and send none; everything else goes on",
        'tallyd maintenance start --until 2h --reason "moving the warehouse"',
    )
    starting.add_argument(
        "--until", metavar="WHEN", required=True, help="an instant with its zone, or so long from now: 30m, 2h, 1d"
    )
    add_reason(starting, needed=True)
    add_reason(add_verb(verbs, "end", "end it now; each owner gets a report", "tallyd maintenance end"))
    add_verb(verbs, "list", "list the newest windows", "tallyd maintenance list")


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    if args.verb == "start":
        return act(args, "api", "maintenance", "start", until=args.until)
    if args.verb == "end":
        return act(args, "api", "maintenance", "end")
    return _list(args)


def _list(args: argparse.Namespace) -> int:
    from actors.core.clock import SystemClock
    from daemon.commands.reading import read, show
    from daemon.desk.alert_views import maintenance_page

    now = SystemClock().now()
    found = read(args.config, lambda connection: maintenance_page(connection, now=now))
    return show(found, as_json=args.json, text=_page)


def _page(page: dict[str, Any]) -> str:
    on = page["now"]["id"] if page["now"] else None
    rows = [
        [
            item["id"],
            "ON" if item["id"] == on else "",
            minute(item["starts_at"]),
            minute(item["ended_at"] or item["ends_at"]),
            item["author"] or item["source"],
            item["reason"],
        ]
        for item in page["items"]
    ]
    return table(["ID", "", "FROM (UTC)", "UNTIL (UTC)", "BY", "REASON"], rows)
