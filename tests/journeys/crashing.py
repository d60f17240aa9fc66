"""The daemon as a process that dies by SIGKILL at a chosen crash point: `python -m tests.journeys.crashing CONFIG`.

`CRASH_AT` names the point, `CRASH_NTH` which passing of it. Everything else is `tallyd run`.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
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


def main() -> int:
    settings = load_settings(Path(sys.argv[1]))
    probe = Executioner(os.environ.get("CRASH_AT", ""), int(os.environ.get("CRASH_NTH", "1")))
    anyio.run(functools.partial(serve, settings, load_secrets(settings), probe=probe))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
