"""The command line as tests run it: in this process, and beside a daemon that answers on a folder's control socket."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from daemon.cli import main
from daemon.control import control_server
from tests.daemon_app import ENVIRON, assembled


def give_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every command find the secrets of the tests, and no credentials of systemd."""
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)


def run(*arguments: object) -> int:
    """Run `tallyd` with these arguments; return its exit code."""
    return main([str(argument) for argument in arguments])


@contextmanager
def daemon_in(folder: Path) -> Iterator[None]:
    """Answer on the folder's control socket from another thread, as the daemon does from another process."""
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with (
            assembled(folder, lambda connection: None, inline=False) as app,
            control_server(app, folder / "tallyd.sock"),
        ):
            ready.set()
            await anyio.to_thread.run_sync(done.wait)

    thread = threading.Thread(target=anyio.run, args=(serve,))
    thread.start()
    try:
        assert ready.wait(10)
        yield
    finally:
        done.set()
        thread.join()
