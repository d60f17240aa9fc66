"""`tallyd check`: the file and the secrets, then, live, what only the wire can tell.

Exit codes: 0 nothing found, 1 findings, 2 the file or the secrets would stop the start.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from daemon.cli import add_config

if TYPE_CHECKING:
    import sqlite3

    from actors.domain.facts import Facts
    from daemon.asking import Line
    from daemon.secrets import Secrets
    from daemon.settings import Settings


UNKNOWN_ARITHMETIC = "The account's arithmetic is not known yet: the first orders go as DRAFTs first."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.description = (
        "Judge the configuration and the secrets; then ask both systems, read-only: credentials, scopes, mappings,"
        " clocks, and what is known of the account's arithmetic; what was mapped at the desk is judged like the file."
        " Cin7 Core is asked at most 8 times, once more for its carriers and for each currency's customer where the"
        " file names any (20 at most), a second apart; beside a running daemon not at all."
    )
    add_config(parser)
    parser.add_argument("--offline", action="store_true", help="judge the file and the secrets only")
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    """Judge, ask and report."""
    from daemon.channel_check import channel_lines
    from daemon.commands.configuration import complain
    from daemon.commands.in_force import in_force
    from daemon.live_check import hosts
    from daemon.misplaced import stock_lines
    from daemon.not_yet import refused
    from daemon.secrets import load_secrets
    from daemon.settings import SettingsError, load_settings
    from daemon.unposted import finance_lines

    try:
        settings = load_settings(args.config)
        secrets = load_secrets(settings)
        if problems := refused(settings):
            raise SettingsError(problems, source=str(args.config))
    except SettingsError as error:
        return complain(error)
    reached = hosts(settings, secrets)
    lines: list[Line] = []
    if not args.offline:
        settings, lines = in_force(settings)
    lines += [*stock_lines(settings), *finance_lines(settings), *channel_lines(settings, secrets.get)]
    lines += [] if args.offline else _live(settings, secrets)
    if args.json:
        _print_json(args, reached, lines)
    else:
        _print_text(args, reached, lines)
    return 1 if any(line.level == "finding" for line in lines) else 0


def _live(settings: Settings, secrets: Secrets) -> list[Line]:
    import anyio

    known = _known(settings) if runs(settings) else None
    progress, clear = progress_line()
    try:
        return [*anyio.run(_ask_both, settings, secrets, progress, known), _arithmetic(settings)]
    finally:
        clear()


def _arithmetic(settings: Settings) -> Line:
    """Say what was learnt of the account's arithmetic, from the file of the daemon, whether it runs or not."""
    from daemon.asking import Level, Line
    from daemon.commands.reading import UnreadableError, read_file

    text = UNKNOWN_ARITHMETIC
    if settings.database_path.exists():
        try:
            text = read_file(settings.database_path, _sentence)
        except UnreadableError as error:
            text = f"what is known of the account's arithmetic cannot be read: {error}"
    return Line(level=Level.NOTE, about="cin7", text=text)


def _known(settings: Settings) -> Facts:
    """Read what the running daemon knows of the account."""
    from contextlib import closing

    from storage import facts
    from storage.database import connect

    with closing(connect(settings.database_path, read_only=True)) as connection:
        return facts.for_order(connection, ())


def _sentence(connection: sqlite3.Connection) -> str:
    """Return what was learnt; a file that no daemon of this release has opened yet holds nothing of it."""
    from storage.calibration import sentence

    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'refutations'").fetchone()
    return UNKNOWN_ARITHMETIC if known is None else sentence(connection)


async def _ask_both(
    settings: Settings, secrets: Secrets, progress: Callable[[str], None], known: Facts | None
) -> list[Line]:
    from actors.core.clock import SystemClock
    from adapters.http_transport import HttpTransport
    from daemon.live_check import LiveCheck

    async with (
        HttpTransport(reuse_connections=True) as shop,
        HttpTransport(reuse_connections=False) as account,
    ):
        check = LiveCheck(
            settings,
            secrets,
            ct_transport=shop,
            cin7_transport=account,
            clock=SystemClock(),
            progress=progress,
            known=known,
        )
        return await check.run()


def runs(settings: Settings) -> bool:
    """Say whether a daemon runs under these settings."""
    from daemon.control_client import DaemonDownError, RefusedError, ask

    try:
        ask(settings.socket_path, "GET", "/health")
    except DaemonDownError:
        return False
    except RefusedError:
        return True
    return True


def progress_line() -> tuple[Callable[[str], None], Callable[[], None]]:
    """Return what shows progress and what wipes it; on anything but a terminal neither does anything."""
    if not sys.stderr.isatty():
        return (lambda text: None), (lambda: None)

    def show(text: str) -> None:
        sys.stderr.write(f"\r\x1b[2K{text} …")
        sys.stderr.flush()

    def wipe() -> None:
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()

    return show, wipe


def _print_json(args: argparse.Namespace, reached: list[tuple[str, str]], lines: list[Line]) -> None:
    from daemon.commands.reading import to_json

    findings = sum(line.level == "finding" for line in lines)
    body: dict[str, Any] = {
        "file": str(args.config),
        "offline": args.offline,
        "hosts": [{"host": host, "for": why} for host, why in reached],
        "lines": lines,
        "findings": findings,
    }
    sys.stdout.write(to_json(body))


def _print_text(args: argparse.Namespace, reached: list[tuple[str, str]], lines: list[Line]) -> None:
    print(f"ok       {args.config}: the file and the secrets are good")
    print("hosts    " + "; ".join(f"{host} ({why})" for host, why in reached))
    for line in lines:
        mend = f"; {line.mend}" if line.mend else ""
        print(f"{line.level.value:<8} {line.about}: {line.text}{mend}")
    if args.offline:
        print("Neither system was asked (--offline).")
        return
    findings = sum(line.level == "finding" for line in lines)
    print("No findings." if not findings else f"{findings} finding{'s' if findings > 1 else ''}.")
