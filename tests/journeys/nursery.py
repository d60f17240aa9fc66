"""Starts of the daemon to be killed: each a process of its own, forked from one that has read its code and run none.

Reading the code is most of what a start costs, and nothing of what a kill tries. What is forked is fresh all the same:
the nursery (the standard library's fork server, one for a test process) has no threads, no event loop and no database.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Protocol

import anyio

from tests.journeys import crashing

LAZY = ("aiobotocore.config", "aiobotocore.session")
"""What the daemon reads only once it needs it (`adapters/intake/sqs_queue.py`)."""

_NURSERY = get_context("forkserver")
_NURSERY.set_forkserver_preload(["__main__", crashing.__name__, *LAZY])


class Running(Protocol):
    """What a journey asks of a start of the daemon, however it was started."""

    @property
    def returncode(self) -> int | None: ...

    async def wait(self) -> int: ...

    def kill(self) -> None: ...


class Forked:
    """A start forked from the nursery; its output is appended to a file, its environment is the one given."""

    def __init__(self, config: Path, environment: Mapping[str, str], log: Path) -> None:
        self._process = _NURSERY.Process(target=_born, args=(config, dict(environment), log))
        self._process.start()

    @property
    def returncode(self) -> int | None:
        """The exit status; negative: the signal that ended it. None while it runs."""
        return self._process.exitcode

    async def wait(self) -> int:
        """Wait for the end of the process."""
        if self.returncode is None:
            await anyio.wait_readable(self._process.sentinel)
        ended = self.returncode
        assert ended is not None
        return ended

    def kill(self) -> None:
        self._process.kill()

    async def __aenter__(self) -> Forked:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with anyio.CancelScope(shield=True):
            if kind is not None:
                self.kill()
            await self.wait()


def _born(config: Path, environment: Mapping[str, str], log: Path) -> None:
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    os.close(output)
    os.environ.clear()
    os.environ.update(environment)
    raise SystemExit(crashing.main(config))
