"""Commands that act: one request to the running daemon, and its answer in words."""

from __future__ import annotations

import argparse
import sys

from daemon.commands.configuration import failed, settings_of
from daemon.commands.reading import plain, to_json


def add_reason(parser: argparse.ArgumentParser, *, needed: bool = False) -> None:
    """Declare `--reason`: it is kept in the audit row, so no names or addresses belong there."""
    parser.add_argument(
        "--reason",
        metavar="TEXT",
        required=needed,
        default="",
        help="why; kept with your user name (no customer's name or address, please)",
    )


def act(args: argparse.Namespace, *parts: str, **more: str) -> int:
    """Ask the daemon to do something; return the exit code. `more` goes into the request beside the reason."""
    from daemon.control_client import DaemonDownError, RefusedError, address, ask

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    try:
        done = ask(settings.socket_path, "POST", address(*parts), {"reason": args.reason, **more})
    except (DaemonDownError, RefusedError) as error:
        return failed(str(error))
    sys.stdout.write(to_json(done) if args.json else plain(done["message"]) + "\n")
    return 0
