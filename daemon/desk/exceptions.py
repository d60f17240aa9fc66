"""Behind the API of exceptions and incidents, and of what people do to them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from actors.desk import acting
from actors.domain.exception_life import ExceptionFilter, Stage, stage
from actors.domain.exception_types import CATALOGUE, HOLDING
from actors.domain.spreadsheet import table
from actors.domain.time import Instant, format_instant
from adapters.operator.access import Person
from adapters.operator.desk_api import STAGES, Deed, DeedItemQuery, DeedListQuery, Document, ExceptionListQuery
from adapters.operator.problems import ProblemError
from daemon.desk import deeds as doing
from daemon.desk.cursors import onwards, place_of, token
from daemon.desk.previewing import cases, chosen, left_out, preview
from daemon.instants import text_of
from daemon.running import Running
from daemon.views import exception_item, order_head
from storage import exception_lists, exceptions
from storage.exceptions import ExceptionRow
from storage.keyset import Place

T = TypeVar("T")

CSV_ROWS = 500
_COLUMNS = (
    "id",
    "type",
    "owner",
    "stage",
    "severity",
    "kind",
    "record",
    "number",
    "sku",
    "field",
    "cause",
    "next_step",
    "assignee",
    "opened_at",
    "due_at",
    "next_attempt_at",
    "snoozed_until",
    "resolved_at",
    "resolution",
    "group",
)
_SEVERITIES = ("info", "warning", "error", "critical")
_OWNERS = ("ops", "finance", "ecommerce", "it")
_STATES = ("open", "resolved", "all")


class ExceptionDesk:
    """Implements `DeskReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def exceptions(self, query: ExceptionListQuery) -> Document:
        """See `DeskReading`."""
        return await self._read(lambda connection, now: exception_list(connection, query, now=now))

    async def exceptions_csv(
        self, where: ExceptionFilter, *, after: str, sort: str = "opened_at", descending: bool = False
    ) -> tuple[str, str | None]:
        """See `DeskReading`."""
        query = ExceptionListQuery(where=where, sort=sort, descending=descending, after=after, limit=CSV_ROWS)
        page = await self._read(lambda connection, now: exception_list(connection, query, now=now, counted=False))
        text = table(_COLUMNS, [_flat(item) for item in page["items"]], head=not after)
        return text, onwards(page["next"])

    async def incidents(
        self, where: ExceptionFilter, *, after: str, limit: int, sort: str = "count", descending: bool = True
    ) -> Document:
        """See `DeskReading`."""
        return await self._read(
            lambda connection, now: incident_list(
                connection, where, after=after, limit=limit, now=now, sort=sort, descending=descending
            )
        )

    async def exception(self, exception_id: int) -> Document | None:
        """See `DeskReading`."""
        return await self._read(lambda connection, now: exception_detail(connection, exception_id, now=now))

    async def preview(self, deed: Deed, person: Person) -> Document:
        """See `DeskReading`."""
        snapshot = self._app.engine.governor.snapshot()

        def read(connection: sqlite3.Connection, now: Instant) -> Document:
            asked = doing.checked(_judged(deed), now=now, reason_needed=False)
            rows = chosen(connection, asked, now=now)
            found, others = cases(connection, rows, now=now), left_out(connection, asked, rows, now=now)
            return preview(rows, found, asked, person.roles, snapshot, others=others)

        return await self._read(read)

    async def do(self, key: str, deed: Deed, person: Person) -> Document:
        """See `DeskReading`."""
        if not person.roles:
            raise ProblemError(403, "Without operator tokens nothing can be changed here.")
        asked = doing.checked(_judged(deed), now=self._app.engine.clock.now())
        database = self._app.engine.database
        wanted = await database.read(lambda connection: doing.choose(self._app, connection, key, asked, person))
        row = await database.run(
            lambda connection: doing.accept(self._app, connection, key, asked, person, wanted=wanted)
        )
        if row.total <= doing.AT_ONCE:
            while await doing.step(self._app, key):
                pass
        self._app.engine.bell.ring()
        found = await self.deed(key)
        assert found is not None  # noqa: S101 - it was written down above
        return found

    async def deed(self, key: str) -> Document | None:
        """See `DeskReading`."""
        return await self._app.engine.database.read(lambda connection: doing.deed_view(connection, key))

    async def deeds(self, query: DeedListQuery) -> Document:
        """See `DeskReading`."""
        return await self._app.engine.database.read(lambda connection: doing.deed_list(connection, query))

    async def deeds_csv(self, query: DeedListQuery, *, after: str) -> tuple[str, str | None]:
        """See `DeskReading`."""
        page = await self.deeds(msgspec.structs.replace(query, after=after, limit=CSV_ROWS))
        return table(doing.DEED_COLUMNS, page["items"], head=not after), onwards(page["next"])

    async def deed_items(self, key: str, query: DeedItemQuery) -> Document | None:
        """See `DeskReading`."""
        return await self._app.engine.database.read(lambda connection: doing.deed_items(connection, key, query))

    async def deed_items_csv(self, key: str, query: DeedItemQuery, *, after: str) -> tuple[str, str | None]:
        """See `DeskReading`."""
        page = await self.deed_items(key, msgspec.structs.replace(query, after=after, limit=CSV_ROWS))
        if page is None:
            raise ProblemError(404, "Nothing was asked for under this key.")
        return table(doing.ITEM_COLUMNS, page["items"], head=not after), onwards(page["next"])

    async def people(self) -> list[str]:
        """See `DeskReading`."""
        tokens = {token.name for token in self._app.secrets.operator_tokens}
        return sorted(tokens | set(await self._app.engine.database.read(exceptions.people)))

    async def _read(self, unit: Callable[[sqlite3.Connection, Instant], T]) -> T:
        now = self._app.engine.clock.now()
        return await self._app.engine.database.read(lambda connection: unit(connection, now))


def exception_list(
    connection: sqlite3.Connection, query: ExceptionListQuery, *, now: Instant, counted: bool = True
) -> dict[str, Any]:
    """Return a page of exceptions.

    Raises:
        ProblemError: 400, a filter names something there is not, or `after` is no page's `next`.
    """
    where = judged(query.where)
    if query.sort not in exception_lists.SORTS:
        raise ProblemError(400, f"sort must be one of {', '.join(exception_lists.SORTS)}.")
    found = exception_lists.page(
        connection,
        where,
        sort=query.sort,
        descending=query.descending,
        after=place_of(query.after),
        limit=query.limit + 1,
        now=now,
    )
    page = found[: query.limit]
    return {
        "items": [exception_row(row, now) for row in page],
        "next": token(_place(page[-1], query.sort)) if len(found) > len(page) else None,
        "total": exception_lists.count(connection, where, now=now) if counted else None,
    }


def exception_row(row: ExceptionRow, now: Instant) -> dict[str, Any]:
    """Return an exception as lists show it."""
    stands = stage(
        resolved=row.state == "resolved",
        snoozed_until=row.snoozed_until,
        next_attempt_at=row.next_attempt_at,
        assignee=row.assignee,
        reopens=row.reopens,
        now=now,
    )
    return {
        **exception_item(row),
        "stage": stands.value,
        "overdue": row.state == "open" and row.due_at is not None and row.due_at < now and stands is not Stage.SNOOZED,
        "assignee": row.assignee,
        "snoozed_until": text_of(row.snoozed_until),
        "reopens": row.reopens,
        "holds": row.type in HOLDING,
    }


def exception_detail(connection: sqlite3.Connection, exception_id: int, *, now: Instant) -> dict[str, Any] | None:
    """Return one exception with its life, its order and what can be done about it."""
    row = exceptions.get(connection, exception_id)
    if row is None:
        return None
    [case] = cases(connection, [row], now=now)
    kind = CATALOGUE.get(row.type)
    return {
        **exception_row(row, now),
        "meaning": kind.meaning if kind is not None else "",
        "life": _life(connection, row),
        "order": order_head(connection, row.record.id) if row.record.kind == "order" else None,
        "siblings": exceptions.count_of_group(connection, row.group),
        "actions": acting.fitting(case),
        "roles": {action: sorted(acting.who_may(action, case)) for action in acting.fitting(case)},
        "money": acting.is_money(acting.RELEASE, case) or acting.is_money(acting.DISMISS, case),
    }


def _life(connection: sqlite3.Connection, row: ExceptionRow) -> list[dict[str, str]]:
    opened = "opened" if row.reopens is None else "reopened"
    told = [{"at": format_instant(row.opened_at), "what": opened, "author": "tallyd", "detail": row.cause}]
    told += [
        {"at": format_instant(event.at), "what": event.what, "author": event.author, "detail": event.detail}
        for event in exceptions.events_of(connection, row.id)
    ]
    if row.resolved_at is not None:
        told.append(
            {
                "at": format_instant(row.resolved_at),
                "what": "resolved",
                "author": "tallyd",
                "detail": row.resolution or "",
            }
        )
    return told


def incident_list(
    connection: sqlite3.Connection,
    where: ExceptionFilter,
    *,
    after: str,
    limit: int,
    now: Instant,
    sort: str = "count",
    descending: bool = True,
) -> dict[str, Any]:
    """Return a page of causes, the largest first unless sorted otherwise.

    Raises:
        ProblemError: 400, a filter names something there is not, or `after` is no page's `next`.
    """
    if after and not (after.isascii() and after.isdigit() and len(after) < 10):
        raise ProblemError(400, "after must be the `next` of the page before.")
    skip = int(after or "0")
    if sort not in exception_lists.CAUSE_SORTS:
        raise ProblemError(400, f"sort must be one of {', '.join(exception_lists.CAUSE_SORTS)}.")
    found, total = exception_lists.incidents(
        connection, judged(where), skip=skip, limit=limit, now=now, sort=sort, descending=descending
    )
    return {
        "items": [_incident(one) for one in found],
        "next": str(skip + limit) if skip + len(found) < total else None,
        "total": total,
    }


def _incident(one: exception_lists.Incident) -> dict[str, Any]:
    kind = CATALOGUE.get(one.type)
    return {
        "group": one.group,
        "type": one.type,
        "owner": one.owner,
        "severity": one.severity,
        "count": one.count,
        "oldest_at": format_instant(one.oldest_at),
        "due_at": text_of(one.due_at),
        "cause": one.example.cause,
        "sku": one.example.sku,
        "field": one.example.field,
        "next_step": one.example.next_step,
        "steps": list(kind.steps) if kind is not None else [one.example.next_step],
        "example": one.example.id,
    }


def judged(where: ExceptionFilter) -> ExceptionFilter:
    """Return the filter if it names what there is. Raises `ProblemError` 400: a misspelt one must not match all."""
    choices = (
        ("owner", where.owner, _OWNERS),
        ("state", where.state, _STATES),
        ("stage", where.stage, STAGES),
        ("severity", where.severity, _SEVERITIES),
        ("type", where.type, sorted(CATALOGUE)),
    )
    for name, text, allowed in choices:
        if text and text not in allowed:
            raise ProblemError(400, f"{name} must be one of {', '.join(allowed)}.")
    return where


def _judged(deed: Deed) -> Deed:
    judged(deed.where)
    return deed


def _place(row: ExceptionRow, sort: str) -> Place:
    return Place(exception_lists.sorted_value(row, sort), row.id)


def _flat(item: Mapping[str, Any]) -> dict[str, object]:
    record = item["record"]
    flat = {**item, "kind": record["kind"], "record": record["id"], "number": record["number"]}
    flat |= {"sku": record["sku"], "field": record["field"]}
    return {name: flat[name] for name in _COLUMNS}
