"""Behind the API of the audit and of the operating model; the command line reads the audit through the same views."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import anyio
import msgspec

from actors.domain.spreadsheet import table
from actors.domain.time import Instant, format_instant
from adapters.operator.problems import ProblemError
from adapters.operator.record_api import AuditQuery, Document
from daemon import days
from daemon.desk.cursors import onwards, place_of, token
from daemon.desk.operating_model import model_document
from daemon.running import Running
from storage import audit
from storage.database import connect
from storage.keyset import Place

T = TypeVar("T")

COLUMNS = ("id", "at", "author", "action", "record", "reason", "detail", "hash")


class RecordDesk:
    """Implements `RecordReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app
        self._walks = anyio.CapacityLimiter(1)
        self._model = model_document(app.settings)

    async def audit(self, query: AuditQuery) -> Document:
        """See `RecordReading`."""
        return await self._app.engine.database.read(lambda connection: audit_page(connection, query))

    async def audit_csv(self, query: AuditQuery) -> tuple[str, str | None]:
        """See `RecordReading`."""
        return await self._app.engine.database.read(lambda connection: audit_table(connection, query))

    async def verify(self, *, seen: str = "") -> Document:
        """See `RecordReading`."""
        return await self._apart(lambda connection: verdict(connection, seen=seen))

    async def model(self) -> Document:
        """See `RecordReading`."""
        return self._model

    async def _apart(self, unit: Callable[[sqlite3.Connection], T]) -> T:
        """Read on a connection of its own: a long walk must not keep `/health` waiting. One at a time."""

        def read() -> T:
            with closing(connect(self._app.engine.database.path, read_only=True)) as connection:
                return unit(connection)

        return await anyio.to_thread.run_sync(read, limiter=self._walks)


def audit_page(connection: sqlite3.Connection, query: AuditQuery) -> dict[str, Any]:
    """Return a page of what people did.

    Raises:
        ProblemError: 400, a day is none, or `after` is no page's `next`.
    """
    rows, last = _rows(connection, query)
    items = [{**msgspec.structs.asdict(row), "at": format_instant(row.at)} for row in rows]
    return {"items": items, "next": token(last), "head": audit.head(connection)}


def audit_table(connection: sqlite3.Connection, query: AuditQuery) -> tuple[str, str | None]:
    """Return a page of the same as CSV, and where to go on. Raises `ProblemError` 400 as a page does."""
    rows, last = _rows(connection, query)
    return table(COLUMNS, map(_cells, rows), head=not query.after), onwards(token(last))


def _rows(connection: sqlite3.Connection, query: AuditQuery) -> tuple[list[audit.AuditRow], Place | None]:
    return audit.page(
        connection,
        _narrowing(query),
        sort=query.sort,
        descending=query.descending,
        after=place_of(query.after),
        limit=query.limit,
    )


def verdict(connection: sqlite3.Connection, *, seen: str = "") -> dict[str, Any]:
    """Walk the chain and say whether it holds."""
    return msgspec.structs.asdict(audit.verify(connection, seen=seen))


def _cells(row: audit.AuditRow) -> dict[str, object]:
    more = {name: value for name, value in row.detail.items() if name != "reason"}
    return {
        **msgspec.structs.asdict(row),
        "at": format_instant(row.at),
        "reason": row.detail.get("reason", ""),
        "detail": msgspec.json.encode(more).decode() if more else "",
    }


def _narrowing(query: AuditQuery) -> audit.Narrowing:
    return audit.Narrowing(
        author=query.author,
        action=query.action,
        record=query.record,
        first=_midnight("from", query.first) if query.first else None,
        before=_midnight("to", query.last, days_on=1) if query.last else None,
    )


def _midnight(name: str, text: str, *, days_on: int = 0) -> Instant:
    day = days.read(date.fromisoformat, name, text)
    try:
        moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=days_on)
    except OverflowError:
        raise ProblemError(400, f"{name} {text!r} is too late.") from None
    return round(moment.timestamp() * 1000)
