"""Reads the database file, whether the daemon runs or not, and never writes to it."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from adapters.operator.problems import ProblemError
from daemon.commands.configuration import failed, settings_of
from storage.database import connect

T = TypeVar("T")


class UnreadableError(Exception):
    """The file is not there, or this user may not read it."""


def read(config: Path, unit: Callable[[sqlite3.Connection], T]) -> T | int:
    """Read from the file of a configuration; return what was read, or the exit code after saying what is wrong."""
    settings = settings_of(config)
    if isinstance(settings, int):
        return settings
    try:
        return read_file(settings.database_path, unit)
    except UnreadableError as error:
        return failed(str(error))
    except ProblemError as error:
        return refused(error)


def refused(error: ProblemError) -> int:
    """Say what was refused; return the exit code: 2 for what makes no sense (400), else 1."""
    code = failed(str(error))
    return 2 if error.status == 400 else code


def read_file(path: Path, unit: Callable[[sqlite3.Connection], T]) -> T:
    """Read from a file.

    Raises:
        UnreadableError: it cannot be read.
        ProblemError: whatever the unit refuses.
    """
    if not path.exists():
        raise UnreadableError(f"there is no database at {path} yet: has the daemon run?")
    try:
        return _with(lambda: connect(path, read_only=True), unit)
    except sqlite3.OperationalError as error:
        if not _at_rest(path):
            raise UnreadableError(f"{path} cannot be read by this user ({error})") from None
    except sqlite3.DatabaseError as error:
        raise UnreadableError(f"{path} cannot be read ({error})") from None
    try:
        return _with(lambda: _frozen(path), unit)
    except sqlite3.Error as error:
        raise UnreadableError(f"{path} cannot be read ({error})") from None


def show(read_result: dict[str, Any] | int, *, as_json: bool, text: Callable[[dict[str, Any]], str]) -> int:
    """Print what was read; return the exit code."""
    if isinstance(read_result, int):
        return read_result
    sys.stdout.write(to_json(read_result) if as_json else plain(text(read_result)) + "\n")
    return 0


def plain(text: str) -> str:
    """Return text a terminal only prints: it obeys control characters, and what is shown comes from elsewhere."""
    return "".join(character if character.isprintable() or character == "\n" else "?" for character in text)


def to_json(body: object) -> str:
    """Write indented JSON with a line end."""
    import msgspec

    return msgspec.json.format(msgspec.json.encode(body), indent=2).decode() + "\n"


def _with(opening: Callable[[], sqlite3.Connection], unit: Callable[[sqlite3.Connection], T]) -> T:
    connection = opening()
    try:
        return unit(connection)
    finally:
        connection.close()


def _at_rest(path: Path) -> bool:
    """True when nothing waits in a write-ahead log, so that the file alone is the whole truth."""
    log = path.with_name(path.name + "-wal")
    return not log.exists() or log.stat().st_size == 0


def _frozen(path: Path) -> sqlite3.Connection:
    """Open a file at rest in a folder this user may not write to: SQLite could not make its shared memory there."""
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro&immutable=1", uri=True, isolation_level=None)
