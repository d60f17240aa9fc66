"""What a person decides about the books of an order: released, rejected, or asked of a second person.

Each is part of one unit of work: the decision, what it resolves, the audit row, the line of the timeline and the nudge
that acts on it are committed together. Nothing is posted here: the finance flow looks at the order and reads what was
decided. A decision that the last look has not seen yet stands; a later look that still waits for a person may be
answered again (an order that was released may meet a locked period afterwards).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from actors.domain.closing import date_of
from actors.domain.discrepancy import is_covered
from actors.domain.exception_types import Finding
from actors.domain.time import Instant, format_instant
from adapters.operator.problems import ProblemError
from daemon import days
from storage import audit, books, exceptions, timeline
from storage.books import BooksRecord
from storage.exceptions import ExceptionRow, Record
from storage.orders import OrderRecord

UNCONFIRMED = "release_unconfirmed"
WAITS = "posting_waits"
DIFFER = ("books_differ", "totals_differ")
"""An order and its documents do not agree; the second says so from the moment the sale was posted."""

_RELEASED = (*DIFFER, UNCONFIRMED, "posting_locked")
_REJECTED = (*_RELEASED, "posting_rejected")
"""What nobody has to look at any more once a person accepts the books, or books the order by hand."""

_FOR_A_PERSON = frozenset({"held", "waits", "locked", "asked"})
"""Steps that end when somebody says so."""


class Decided(NamedTuple):
    """Whether anything was changed, what happens now, in words, and of how many orders."""

    done: bool
    message: str
    orders: int = 1


def is_due(kept: BooksRecord | None) -> bool:
    """Say whether a person's word about these books is waited for, or would be heard."""
    return kept is not None and waits_for_a_person(kept.verdict, kept.step)


def waits_for_a_person(verdict: str, step: str) -> bool:
    """Say the same of books by their verdict and their next step ("" where there are none)."""
    return verdict == "differs" or step in _FOR_A_PERSON


def release(
    connection: sqlite3.Connection,
    record: OrderRecord,
    kept: BooksRecord,
    *,
    author: str,
    reason: str,
    four_eyes: bool,
    now: Instant,
) -> Decided:
    """Let the books of an order go on as they stand; with four eyes, what differs once a second person says the same.

    Raises:
        ProblemError: 400, they differ and no reason is given; 409, the second person is the first one.
    """
    shown = _shown(record)
    if kept.verdict == "differs" and not reason:
        raise ProblemError(400, f"Order {shown} and its documents differ: a reason is needed.")
    if _stands(kept, "released"):
        return Decided(False, f"The books of order {shown} were released by {kept.decided_by} already.")
    if four_eyes and kept.verdict == "differs" and not _is_asked(connection, kept):
        _decide(connection, record, "asked", author=author, reason=reason, now=now)
        _ask_another(connection, record, author=author, now=now)
        message = f"The books of order {shown} wait for a second person: tallyd orders release {shown} --reason ..."
        return Decided(True, message)
    if four_eyes and kept.verdict == "differs" and kept.decided_by == author:
        asked = format_instant(kept.decided_at) if kept.decided_at is not None else "before"
        cause = f"You released order {shown} at {asked}: [finance] four_eyes asks for another person."
        raise ProblemError(409, cause)
    _decide(connection, record, "released", author=author, reason=reason, now=now)
    _resolve(connection, record, _RELEASED, f"released by {author}", now)
    _settle_day(connection, kept.day, now)
    return Decided(True, f"The books of order {shown} are released as they stand.")


def reject(
    connection: sqlite3.Connection, record: OrderRecord, kept: BooksRecord, *, author: str, reason: str, now: Instant
) -> Decided:
    """Take the books of an order out of tallyd's hands: a person books it, and reports show it as rejected."""
    shown = _shown(record)
    if kept.decision == "rejected":
        return Decided(False, f"The books of order {shown} were rejected by {kept.decided_by} already.")
    _decide(connection, record, "rejected", author=author, reason=reason, now=now)
    _resolve(connection, record, _REJECTED, f"rejected by {author}", now)
    _settle_day(connection, kept.day, now)
    return Decided(True, f"The books of order {shown} are rejected: tallyd posts nothing more for it.")


def release_day(connection: sqlite3.Connection, day: str, *, author: str, reason: str, now: Instant) -> Decided:
    """Release every order of an accounting day that agrees and waits for a person: nothing differs, one is enough.

    Raises:
        ProblemError: 400, it is no day.
    """
    days.read(date_of, "day", day)
    waiting = list(_waiting(connection, day))
    for order_id in waiting:
        books.decide(connection, order_id, "released", author=author, why=reason, now=now)
        # Nobody is waited for any more: the looks that follow, one by one, count what waits and would tell it again.
        books.set_step(connection, order_id, books.NEXT)
        _note(connection, order_id, "released", author=author, reason=reason, now=now, day=day)
    if waiting:
        audit.write(connection, author=author, action="release", record=f"books:{day}", now=now, reason=reason)
    _clear_day(connection, day, now)
    if not waiting:
        return Decided(False, f"No order of {day} waits for a release.", 0)
    orders = "1 order is" if len(waiting) == 1 else f"{len(waiting)} orders are"
    return Decided(True, f"{orders} released: all of {day} that agrees and waited.", len(waiting))


def dismiss(
    connection: sqlite3.Connection, row: ExceptionRow, *, author: str, reason: str, four_eyes: bool, now: Instant
) -> None:
    """What is dismissed of the books counts as released, where one person may say so.

    Raises:
        ProblemError: 409, somebody has to decide rather than stop being told.
    """
    if row.type == WAITS and any(_waiting(connection, row.record.id)):
        raise ProblemError(409, f"Orders of that day wait: tallyd orders release --day {row.record.id} --reason ...")
    if row.type not in (*DIFFER, UNCONFIRMED):
        return
    kept = books.get(connection, row.record.id)
    if kept is None or kept.verdict != "differs":
        return  # nothing is waited for any more
    if four_eyes or row.type == UNCONFIRMED:
        command = f"tallyd orders release {row.record.number or row.record.id} --reason ... (or reject)"
        raise ProblemError(409, f"[finance] four_eyes asks for two persons: {command}")
    books.decide(connection, row.record.id, "released", author=author, why=reason, now=now)
    timeline.note(connection, row.record.id, "books released", now=now, exception=row.id)
    books.ask(connection, row.record.id, now=now)
    _settle_day(connection, kept.day, now)


# -- each of them ------------------------------------------------------------------------------------------------------


def _decide(
    connection: sqlite3.Connection, record: OrderRecord, decision: str, *, author: str, reason: str, now: Instant
) -> None:
    books.decide(connection, record.id, decision, author=author, why=reason, now=now)
    _note(connection, record.id, decision, author=author, reason=reason, now=now)


_WORDS = {
    "asked": ("release", "books release asked"),
    "released": ("release", "books released"),
    "rejected": ("reject", "books rejected"),
}
"""What a person did, and what it came to, by the decision."""


def _note(
    connection: sqlite3.Connection,
    order_id: str,
    decision: str,
    *,
    author: str,
    reason: str,
    now: Instant,
    **detail: str,
) -> None:
    """Write down who decided, and have the order looked at."""
    action, what = _WORDS[decision]
    audit.write(connection, author=author, action=action, record=f"order:{order_id}", now=now, reason=reason)
    timeline.note(connection, order_id, what, now=now, **detail)
    books.ask(connection, order_id, now=now)


def _ask_another(connection: sqlite3.Connection, record: OrderRecord, *, author: str, now: Instant) -> None:
    finding = Finding(
        code=UNCONFIRMED,
        cause=f"{author} released order {_shown(record)}, whose documents differ from it",
        facts={"released by": author},
    )
    exceptions.raise_finding(connection, _about(record), finding, now=now)


def _shown(record: OrderRecord) -> str:
    return record.number or record.id


def _about(record: OrderRecord) -> Record:
    return Record(kind="order", id=record.id, number=record.number)


def _resolve(
    connection: sqlite3.Connection, record: OrderRecord, types: tuple[str, ...], why: str, now: Instant
) -> None:
    exceptions.clear(connection, _about(record), resolution=why, now=now, types=types)


def _is_asked(connection: sqlite3.Connection, kept: BooksRecord) -> bool:
    """Say whether a first person has released what differs now: not something else that differed before."""
    return kept.decision == "asked" and is_covered(books.discrepancies_of(connection, kept.order_id), kept.accepted)


def _stands(kept: BooksRecord, decision: str) -> bool:
    """Say whether this was decided and nothing asks for it again: no look since, or one that waits for nobody."""
    if kept.decision != decision:
        return False
    return (kept.decided_at or 0) > (kept.looked_at or 0) or kept.step not in _FOR_A_PERSON


# -- a day -------------------------------------------------------------------------------------------------------------


def _waiting(connection: sqlite3.Connection, day: str) -> Iterator[str]:
    """Yield the orders of a day that agree and wait, and that nobody has decided about since they were looked at."""
    for order_id in books.in_step(connection, "waits", day=day):
        kept = books.get(connection, order_id)
        if kept is not None and not _stands(kept, "released") and not _stands(kept, "rejected"):
            yield order_id


def _settle_day(connection: sqlite3.Connection, day: str, now: Instant) -> None:
    """Nobody has to be told of a day of which nothing waits."""
    if day and not any(_waiting(connection, day)):
        _clear_day(connection, day, now)


def _clear_day(connection: sqlite3.Connection, day: str, now: Instant) -> None:
    record = Record(kind="books", id=day)
    exceptions.clear(connection, record, resolution="nothing of the day waits", now=now, types=(WAITS,))
