"""The settings as the daemon judges by them: rows mapped at the desk lie over those of the file."""

from __future__ import annotations

import sqlite3

from actors.domain.mapped import Row, lay
from daemon.asking import Level, Line
from daemon.commands.reading import UnreadableError, read_file
from daemon.planning import mappings_of, with_mappings
from daemon.settings import Settings
from storage import mapping_rows


def in_force(settings: Settings) -> tuple[Settings, list[Line]]:
    """Lay the rows of the daemon's file over the settings; the lines say that it was done, or why it could not be."""
    if not settings.database_path.exists():
        return settings, []
    try:
        rows = read_file(settings.database_path, _rows)
    except UnreadableError as error:
        return settings, [_note(f"what was mapped at the desk is not judged, the file alone is: {error}")]
    held = sum(bool(row.value) for row in rows)
    if not held:
        return settings, []
    text = f"what was mapped at the desk holds here too, over the file's ({held} in force): see tallyd mappings list"
    return with_mappings(settings, lay(mappings_of(settings), rows)), [_note(text)]


def _note(text: str) -> Line:
    return Line(level=Level.NOTE, about="mappings", text=text)


def _rows(connection: sqlite3.Connection) -> list[Row]:
    """Return the rows in force; a file that no daemon of this release has opened yet holds none."""
    known = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'mapping_rows'").fetchone()
    return [] if known is None else [made.row for made in mapping_rows.in_force(connection)]
