"""A number beside the database that only rises: the last write that was about to be sent to Cin7 Core.

A file put back from a copy does not know what was sent after the copy was taken; the witness does. It is written after
the intent's commit and before the request leaves, without a sync: a kill keeps it, and a power cut can only make it
lag, which proves nothing and costs nothing.
"""

from __future__ import annotations

import os
from pathlib import Path


class Witness:
    """The number, kept in a file of its own. `last` is None when there was none."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        text = os.pread(self._descriptor, 32, 0).decode("ascii", "replace").strip("\0 \n")
        self.last: int | None = int(text) if text.isdigit() else None

    @classmethod
    def beside(cls, database: Path) -> Witness:
        """Open the witness of a database."""
        return cls(database.with_name(database.name + ".witness"))

    def saw(self, call_id: int) -> None:
        """Note that this write is about to be sent."""
        if self.last is None or call_id > self.last:
            self.reset(call_id)

    def reset(self, call_id: int) -> None:
        """Begin anew with a file that was put back."""
        self.last = call_id
        os.pwrite(self._descriptor, f"{call_id:<20}\n".encode(), 0)

    def contradicts(self, newest_call: int) -> bool:
        """Say whether the database is not the one last written to: it is older, or nobody witnessed it here."""
        return newest_call > 0 if self.last is None else self.last > newest_call

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._descriptor)
