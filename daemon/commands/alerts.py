"""`tallyd alerts`: who is called about what, and whether the channels work."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from daemon.commands.table import minute, table
from daemon.commands.verbs import add_sort, add_verb

OWNERS = ("ops", "finance", "ecommerce", "it")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    listing = add_verb(verbs, "list", "list alerts, the newest first", "tallyd alerts list --state all")
    listing.add_argument("--state", choices=("open", "ended", "all"), default="open", help="default: open")
    listing.add_argument("--limit", type=int, default=100, metavar="N", help="at most so many (default 100)")
    listing.add_argument("--owner", choices=OWNERS, default="", help="only this owner's")
    listing.add_argument("--text", default="", metavar="TEXT", help="only with this in what it says")
    add_sort(listing, ("raised_at", "severity", "owner", "rule", "count", "ended_at", "title"), descending=True)
    listing.add_argument("--after", default="", metavar="NEXT", help="go on where a page ended: after this alert")
    add_verb(
        verbs, "rules", "show every threshold, what it is held against now, and who is told", "tallyd alerts rules"
    )
    trying = add_verb(verbs, "test", "send a test message through every channel of an owner", "tallyd alerts test ops")
    trying.add_argument("owner", metavar="OWNER", choices=OWNERS, help="ops, finance, ecommerce or it")
    digest = add_verb(verbs, "digest", "show an owner's digest as it would be sent now", "tallyd alerts digest finance")
    digest.add_argument("owner", metavar="OWNER", choices=OWNERS, help="ops, finance, ecommerce or it")


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    match args.verb:
        case "list":
            return _list(args)
        case "rules":
            return _rules(args)
        case "test":
            return _test(args)
        case _:
            return _digest(args)


def _list(args: argparse.Namespace) -> int:
    from adapters.operator.alert_api import AlertListQuery
    from daemon.commands.configuration import settings_of
    from daemon.commands.reading import read, show
    from daemon.desk.alert_rules import alert_rules
    from daemon.desk.alert_views import alert_page

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    rules = alert_rules(settings)
    query = AlertListQuery(
        state=args.state,
        owner=args.owner,
        text=args.text,
        sort=args.sort,
        descending=args.descending,
        after=args.after,
        limit=max(1, args.limit),
    )
    found = read(args.config, lambda connection: alert_page(connection, rules, query))
    return show(found, as_json=args.json, text=_page)


def _rules(args: argparse.Namespace) -> int:
    """How the machine runs only the running daemon knows; without it the file tells the rest."""
    from actors.core.clock import SystemClock
    from actors.desk.alerting import Beat, measured
    from daemon.commands.configuration import settings_of
    from daemon.commands.reading import read, show
    from daemon.control_client import DaemonDownError, RefusedError, ask
    from daemon.desk.alert_rules import alert_rules
    from daemon.desk.alert_views import rule_page

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    try:
        found: dict[str, Any] | int = ask(settings.socket_path, "GET", "/api/alerts/rules")
    except (DaemonDownError, RefusedError):
        now, rules = SystemClock().now(), alert_rules(settings)
        found = read(
            args.config,
            lambda connection: rule_page(connection, settings, rules, measured(connection, Beat(), now=now)),
        )
    return show(found, as_json=args.json, text=_thresholds)


def _test(args: argparse.Namespace) -> int:
    from daemon.commands.check import progress_line
    from daemon.commands.configuration import failed, settings_of
    from daemon.commands.reading import plain, to_json
    from daemon.control_client import DaemonDownError, RefusedError, address, ask

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    progress, clear = progress_line()
    progress(f"a message goes out through each channel of {args.owner}")
    try:
        found = ask(settings.socket_path, "POST", address("api", "alerts", "test", args.owner), {}, patience=180.0)
    except (DaemonDownError, RefusedError) as error:
        return failed(str(error))
    finally:
        clear()
    if not found["items"]:
        return failed(f"{args.owner} has no channels: name them in [owners]")
    rows = [[item["channel"], "sent" if item["sent"] else "NOT sent", item["error"]] for item in found["items"]]
    sys.stdout.write(to_json(found) if args.json else plain(table(["CHANNEL", "RESULT", "WHY"], rows)) + "\n")
    return 0 if all(item["sent"] for item in found["items"]) else 1


def _digest(args: argparse.Namespace) -> int:
    from actors.core.clock import SystemClock
    from daemon.commands.configuration import settings_of
    from daemon.commands.reading import read, show
    from daemon.desk.alert_rules import alert_rules
    from daemon.desk.alert_views import digest_page

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    now, rules = SystemClock().now(), alert_rules(settings)
    found = read(args.config, lambda connection: digest_page(connection, rules, args.owner, now=now))
    return show(found, as_json=args.json, text=lambda page: f"{page['title']}\n\n{page['text']}")


def _page(page: dict[str, Any]) -> str:
    rows = [
        [
            item["id"],
            item["severity"],
            item["owner"],
            minute(item["raised_at"]),
            minute(item["ended_at"]),
            _told(item["notices"]),
            item["title"],
        ]
        for item in page["items"]
    ]
    more = f"\nmore: --after {page['next']}" if page["next"] else ""
    return table(["ID", "SEVERITY", "OWNER", "SINCE (UTC)", "OVER (UTC)", "TOLD", "WHAT"], rows) + more


def _told(notices: list[dict[str, Any]]) -> str:
    """Say by which channels it was told, and where it was not."""
    told = [
        notice["channel"] if notice["state"] == "sent" else f"{notice['channel']} {notice['state']}"
        for notice in notices
    ]
    return ", ".join(dict.fromkeys(told))


def _thresholds(page: dict[str, Any]) -> str:
    rows = [
        [
            item["rule"],
            "never" if not item["threshold"] else f"{item['threshold']:g}",
            f"{item['now']:g}",
            "OVER" if item["over"] else "",
            item["owner"],
            item["meaning"],
        ]
        for item in page["items"]
    ]
    people = [[one["owner"], one["name"], ", ".join(one["schemes"])] for one in page["channels"]]
    quiet = f"quiet hours {page['quiet_hours']}{' (now)' if page['quiet_now'] else ''}" if page["quiet_hours"] else ""
    digest = f"digest at {page['digest_at']}" if page["digest_at"] else "no digest: [alerts] digest_at"
    late = f"escalated after {page['escalate_after_minutes']} minutes to {', '.join(page['escalate_to']) or 'nobody'}"
    return "\n\n".join(
        (
            table(["THRESHOLD", "AT", "NOW", "", "OWNER", "MEANING"], rows),
            table(["OWNER", "NAME", "CHANNELS"], people),
            "; ".join(filter(None, (quiet, digest, late))),
        )
    )
