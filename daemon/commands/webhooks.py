"""`tallyd webhooks`: which of Cin7 Core's webhooks are ours, and making those that are missing."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from daemon.commands.acting import add_reason
from daemon.commands.table import table
from daemon.commands.verbs import add_verb

_PATIENCE_SECONDS = 120.0
"""The list of webhooks waits for a turn behind every order."""

_LOOK_SECONDS = 5.0
_MOST_LOOKS = 120


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", required=True)
    add_verb(verbs, "plan", "show which webhooks of ours Cin7 Core has, and which are missing", "tallyd webhooks plan")
    applying = add_verb(
        verbs,
        "apply",
        "make or switch on what is missing; webhooks of others are never touched",
        "tallyd webhooks apply",
    )
    add_reason(applying)


def main(args: argparse.Namespace) -> int:
    """Run the subcommand: 0 when every webhook of ours is there, 1 when some are missing."""
    from daemon.commands.configuration import failed, settings_of
    from daemon.control_client import DaemonDownError, RefusedError

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    try:
        return _apply(args, settings.socket_path) if args.verb == "apply" else _plan(args, settings.socket_path)
    except (DaemonDownError, RefusedError) as error:
        return failed(str(error))


def _plan(args: argparse.Namespace, socket: Path) -> int:
    return _show(args, _ask(socket, "GET", "plan"))


def _apply(args: argparse.Namespace, socket: Path) -> int:
    """Have them made, and follow it to its end."""
    _ask(socket, "POST", "apply", {"reason": args.reason})
    for _ in range(_MOST_LOOKS):
        found = _ask(socket, "GET", "plan")
        if not found["left"] or not found["applying"]:
            break
        if sys.stderr.isatty():
            print(f"\r{found['left']} to go  ", end="", file=sys.stderr, flush=True)
        time.sleep(_LOOK_SECONDS)
    return _show(args, found)


def _ask(socket: Path, method: str, verb: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    from daemon.control_client import address, ask

    return ask(socket, method, address("webhooks", verb), body, patience=_PATIENCE_SECONDS)


def _show(args: argparse.Namespace, found: dict[str, Any]) -> int:
    from daemon.commands.reading import show

    show(found, as_json=args.json, text=_text)
    return 0 if all(line["step"] == "keep" for line in found["items"]) else 1


def _text(found: dict[str, Any]) -> str:
    rows = [[line["type"], line["words"], line["others"] or "", line["url"]] for line in found["items"]]
    return table(["TYPE", "OURS", "OTHERS'", "ADDRESS"], rows)
