"""The daemon as a process that dies by SIGKILL at a chosen crash point: `python -m tests.journeys.crashing CONFIG`.

`CRASH_AT` names the point, `CRASH_NTH` which passing of it. Everything else is `tallyd run`.
"""

from __future__ import annotations

import functools
import os
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import anyio

from daemon.app import serve
from daemon.secrets import load_secrets
from daemon.settings import load_settings


class Executioner:
    """Kills the process outright, the n-th time the point is passed."""

    def __init__(self, point: str, nth: int) -> None:
        self._point = point
        self._left = nth

    def __call__(self, point: str) -> None:
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


def _forget(database: Path) -> None:
    """Let nothing be known of the account's arithmetic, so that orders go as DRAFTs first again."""
    if database.exists():
        with closing(sqlite3.connect(database)) as connection, connection:
            connection.execute("DELETE FROM refutations")


def main(config: Path) -> int:
    settings = load_settings(config)
    point = os.environ.get("CRASH_AT", "")
    if point.startswith("cin7.draft_order"):
        _forget(settings.database_path)
    probe = Executioner(point, int(os.environ.get("CRASH_NTH", "1")))
    anyio.run(functools.partial(serve, settings, load_secrets(settings), probe=probe))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
