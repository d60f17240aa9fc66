"""The file belongs to one daemon: a lock held for its life, with the holder's pid in it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class HeldByAnotherError(Exception):
    """Another process holds the database. `pid` is its process id, as it wrote it."""

    def __init__(self, path: Path, pid: str) -> None:
        super().__init__(f"{path} is in use by process {pid}: stop it, or give this daemon its own [storage] path")
        self.pid = pid


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the database's lock file. The kernel lets go of it however the process ends.

    Raises:
        HeldByAnotherError: somebody else holds it.
    """
    lock_path = path.with_name(path.name + ".lock")
    descriptor = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            raise HeldByAnotherError(path, pid) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)
