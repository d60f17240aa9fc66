"""What a deed would do, item by item, before anybody asks for it: in words, in calls of Cin7 Core, and in minutes."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from actors.desk import acting
from actors.desk.acting import Case, Refusal
from actors.domain.exception_types import HOLDING
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.governor.governor import GovernorSnapshot
from actors.orders.editing import EDITED
from adapters.operator.desk_api import Deed
from daemon import actions, releasing
from storage import books, exception_lists
from storage.exception_lists import Standing
from storage.exceptions import ExceptionRow, Record

Document = dict[str, Any]

MOST_ITEMS = 20_000
"""More exceptions than this are not settled by one deed."""

_EXAMPLES = 10
_OF_BOOKS = (*releasing.DIFFER, releasing.UNCONFIRMED)


def chosen(connection: sqlite3.Connection, deed: Deed, *, now: Instant) -> list[ExceptionRow]:
    """Return the exceptions a deed is about: those named, or all that its filter matches at this moment."""
    if deed.ids is not None:
        return exception_lists.of_ids(connection, deed.ids)
    wanted = exception_lists.ids(connection, deed.where, now=now, limit=MOST_ITEMS)
    return exception_lists.of_ids(connection, wanted)


def left_out(connection: sqlite3.Connection, deed: Deed, rows: Sequence[ExceptionRow], *, now: Instant) -> int:
    """Return how many more its filter matches than one deed settles."""
    if deed.ids is not None or len(rows) < MOST_ITEMS:
        return 0
    return exception_lists.count(connection, deed.where, now=now) - len(rows)


def cases(connection: sqlite3.Connection, rows: Sequence[ExceptionRow], *, now: Instant) -> list[Case]:
    """Return what the rules need to know of each."""
    standings = exception_lists.standings(connection, [row.id for row in rows])
    return [_case(connection, row, standings.get(row.id, Standing()), now) for row in rows]


def _case(connection: sqlite3.Connection, row: ExceptionRow, standing: Standing, now: Instant) -> Case:
    of_day = row.type == releasing.WAITS
    return Case(
        type=row.type,
        owner=row.owner,
        kind="books" if of_day else row.record.kind,
        open=row.state == "open",
        holds=row.type in HOLDING,
        snoozed=(row.snoozed_until or 0) > now,
        state=OrderState(standing.state) if standing.state is not None else None,
        has_sale=standing.has_sale,
        has_books=standing.has_books,
        readable=standing.has_body,
        differs=standing.verdict == "differs" and row.type in _OF_BOOKS,
        changed=standing.reason == EDITED,
        for_finance=standing.for_finance,
        books_due=releasing.waits_for_a_person(standing.verdict, standing.step),
        waiting=len(books.in_step(connection, "waits", day=row.record.id)) if of_day else 0,
        can_retry=standing.state is not None or actions.can_retry(row),
    )


def preview(
    rows: Sequence[ExceptionRow],
    found: Iterable[Case],
    deed: Deed,
    roles: frozenset[str],
    snapshot: GovernorSnapshot,
    *,
    others: int = 0,
) -> Document:
    """Return the document of `DeskReading.preview`; `others` match too, and are more than one deed settles."""
    what: Counter[str] = Counter()
    refused = Counter({f"one deed settles {MOST_ITEMS}: ask again for the others": others} if others else {})
    calls, looked_at = 0, set[Record]()
    examples: list[Document] = []
    for row, case in zip(rows, found, strict=True):
        outcome = acting.would(deed.action, case)
        why = outcome.why if isinstance(outcome, Refusal) else acting.refused_to(roles, deed.action, case)
        if why or isinstance(outcome, Refusal):
            refused[why] += 1
            continue
        what[outcome.what] += 1
        # Several of one order are looked at once.
        calls += 0 if row.record in looked_at else outcome.calls
        looked_at.add(row.record)
        if len(examples) < _EXAMPLES:
            examples.append({"id": row.id, "number": row.record.number or row.record.id, "what": outcome.what})
    done = sum(what.values())
    return {
        "action": deed.action,
        "count": len(rows) + others,
        "would": [{"what": text, "count": count} for text, count in what.most_common()],
        "refused": [{"why": text, "count": count} for text, count in refused.most_common()],
        "examples": examples,
        "calls": calls,
        "minutes": minutes(calls, snapshot),
        "allowed": done > 0,
        "why_not": "" if done else _why_not(refused),
    }


def minutes(calls: int, snapshot: GovernorSnapshot) -> float:
    """Return how many minutes so many more calls take behind what is queued already; 0 where none follow."""
    if calls == 0:
        return 0.0
    return round(snapshot.minutes_to_drain + calls / max(snapshot.cap, 1), 1)


def _why_not(refused: Counter[str]) -> str:
    return refused.most_common(1)[0][0] if refused else "nothing matches"
