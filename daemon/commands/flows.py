"""`tallyd flows`: which flows run, and letting one rest."""

from __future__ import annotations

import argparse
import sqlite3
from pathlib import Path
from typing import Any

from daemon.commands.acting import act, add_reason
from daemon.commands.table import minute, table
from daemon.commands.verbs import add_verb


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    add_verb(verbs, "list", "list flows, their state and what waits for them", "tallyd flows list")
    pausing = add_verb(
        verbs,
        "pause",
        "let a flow claim nothing more; what it works on is finished, and intake stays durable",
        'tallyd flows pause orders --reason "stocktaking"',
    )
    resuming = add_verb(verbs, "resume", "let a paused or stopped flow go on", "tallyd flows resume orders")
    for acting in (pausing, resuming):
        acting.add_argument("flow", metavar="FLOW", help="intake, orders, catalogue, census or stock")
        add_reason(acting)


def main(args: argparse.Namespace) -> int:
    """Run the subcommand."""
    return _list(args.config, as_json=args.json) if args.verb == "list" else act(args, "flows", args.flow, args.verb)


def _list(config: Path, *, as_json: bool) -> int:
    from daemon.commands.configuration import failed, settings_of
    from daemon.commands.reading import UnreadableError, read_file, show

    settings = settings_of(config)
    if isinstance(settings, int):
        return settings
    live = _live(settings.socket_path)
    if live is not None:
        return show({"flows": live, "running": True}, as_json=as_json, text=_flows)
    try:
        found = read_file(settings.database_path, _at_rest)
    except UnreadableError as error:
        return failed(str(error))
    return show({"flows": found, "running": False}, as_json=as_json, text=_flows)


def _live(socket: Path) -> dict[str, Any] | None:
    """Ask the daemon: only the process knows what is running or stopped."""
    from daemon.control_client import DaemonDownError, RefusedError, ask

    try:
        flows: dict[str, Any] = ask(socket, "GET", "/health")["flows"]
    except (DaemonDownError, RefusedError):
        return None
    return flows


def _at_rest(connection: sqlite3.Connection) -> dict[str, Any]:
    from actors.core.clock import SystemClock
    from daemon.health import stored_flows

    found = stored_flows(connection, SystemClock().now())
    return {name: {"state": "paused" if flow["paused_at"] else "unknown", **flow} for name, flow in found.items()}


def _flows(body: dict[str, Any]) -> str:
    rows = [
        [
            name,
            flow["state"],
            flow["queued"],
            flow["running"],
            flow["quarantined"],
            minute(flow["last_success_at"]),
            f"{flow['paused_by']}: {flow['pause_reason']}" if flow["paused_by"] else "",
        ]
        for name, flow in body["flows"].items()
    ]
    text = table(["FLOW", "STATE", "QUEUED", "RUNNING", "SET ASIDE", "LAST SUCCESS (UTC)", "PAUSED BY"], rows)
    return text if body["running"] else f"{text}\nThe daemon does not answer: this is what its file says."
