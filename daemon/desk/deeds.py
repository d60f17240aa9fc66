"""Deeds: what a person asks for, of one exception or of thousands, accepted once and taken step by step.

A deed is written down with the exceptions it is about, then taken some at a time, each item in the same commit as the
effect it has: a kill between two steps loses nothing and repeats nothing. An item that is refused stops no other.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag

from actors.core.actor import Done, Later, Outcome
from actors.desk import acting
from actors.desk.acting import Refusal
from actors.domain.time import Instant, format_instant, parse_instant
from actors.messages import Flow, Nudge
from adapters.operator.access import SOCKET, Person
from adapters.operator.answers import LONGEST_REASON
from adapters.operator.desk_api import Deed, DeedItemQuery, DeedListQuery
from adapters.operator.patch_api import PatchDraft
from adapters.operator.problems import ProblemError
from daemon import actions, releasing
from daemon.actions import Act
from daemon.desk.cursors import place_of, token
from daemon.desk.patches import apply_patch
from daemon.desk.previewing import cases, chosen
from daemon.instants import text_of
from daemon.running import Running
from storage import audit, bodies, deeds, exceptions, outbox
from storage.bodies import Sealer
from storage.deeds import DeedFilter, DeedRow
from storage.exceptions import ExceptionRow

Document = dict[str, Any]

NAME = "deed"
STEP = 50
"""Items in one commit: others wait for the file's writer no longer than some tens of milliseconds."""

AT_ONCE = 20
"""A deed of so few items is done before its answer."""

LONGEST_REST = 90 * 86_400_000
_MESSAGES_SHOWN = 20
_VALUES = "deed"
"""What an edit of a deed puts in, sealed under the deed's key."""

_TOLD = {acting.ASSIGN: ("to",), acting.SNOOZE: ("until",)}
"""What of a deed stands in its row beside its reason, by action."""

_TOLD_OF_VALUES = {"alias": ("sku", "alias")}
"""What of the values of an edit stands there too."""

_NEEDS_REASON = frozenset({acting.DISMISS, *acting.EDITS})


def nudge(key: str, now: Instant) -> Nudge:
    """What has a deed gone on with: in turn with all that the desk does, or several would keep alerts waiting."""
    return Nudge(flow=Flow.DESK, subject=f"{NAME}:{key}", due_at=now)


def checked(deed: Deed, *, now: Instant, reason_needed: bool = True) -> Deed:
    """Return the deed if it makes sense, its reason on one line. Raises `ProblemError` 400, naming field and mend.

    A preview needs no reason yet.
    """
    deed = msgspec.structs.replace(deed, reason=" ".join(deed.reason.split()))
    if len(deed.reason) > LONGEST_REASON:  # it is written down once for each item
        raise ProblemError(400, f"reason must have at most {LONGEST_REASON} characters.")
    if deed.action not in acting.ACTIONS:
        raise ProblemError(400, f"action must be one of {', '.join(acting.ACTIONS)}, not {deed.action!r}.")
    if reason_needed and deed.action in _NEEDS_REASON and not deed.reason:
        raise ProblemError(400, f"reason is missing: say why you {deed.action} it; it is kept with your name.")
    if deed.action == acting.ASSIGN and not _is_name(deed.to):
        raise ProblemError(400, "to is missing: name the person it is assigned to (at most 100 characters).")
    if deed.action == acting.SNOOZE:
        _until(deed, now)
    if deed.action in acting.EDITS and not deed.values:
        raise ProblemError(400, f"values is missing: say what {deed.action} puts in.")
    return deed


def _is_name(text: str) -> bool:
    return 0 < len(text) <= 100 and text.isprintable()


def _until(deed: Deed, now: Instant) -> Instant:
    try:
        until = parse_instant(deed.until)
    except ValueError:
        raise ProblemError(400, f"until must be an instant such as 2026-12-24T08:00:00Z, not {deed.until!r}.") from None
    if not now < until <= now + LONGEST_REST:
        raise ProblemError(400, f"until must lie within the next 90 days, not at {deed.until}.")
    return until


def choose(app: Running, connection: sqlite3.Connection, key: str, deed: Deed, person: Person) -> list[int]:
    """Return the exceptions a deed is about; none where it is written down already. For a connection that only reads:
    going through thousands keeps nobody from writing, and each is judged once more when its turn comes.

    Raises:
        ProblemError: 403, nothing of it may be done by this person; 409, nothing matches.
    """
    now = app.engine.clock.now()
    if deeds.get(connection, key) is not None:
        return []
    rows = chosen(connection, deed, now=now)
    if not rows:
        raise ProblemError(409, "Nothing matches: there is nothing to do.")
    refusals = [acting.refused_to(person.roles, deed.action, case) for case in cases(connection, rows, now=now)]
    if all(refusals):
        raise ProblemError(403, f"You may not do this: {refusals[0]}.")
    return [row.id for row in rows]


def accept(
    app: Running, connection: sqlite3.Connection, key: str, deed: Deed, person: Person, *, wanted: Sequence[int]
) -> DeedRow:
    """Write a deed down with what was chosen for it; one that is written down already is returned as it stands.

    Raises:
        ProblemError: 409, the key is another deed's.
    """
    now = app.engine.clock.now()
    asked = _row(app, key, deed, person, now)
    known = deeds.get(connection, key)
    if known is not None:
        return _same(known, asked)
    deeds.accept(connection, asked, wanted)
    if deed.values:
        sealed = _sealer(app).seal(msgspec.json.encode(deed.values), order_id=key, kind=_VALUES)
        bodies.put(connection, key, _VALUES, version=1, sealed=sealed, now=now)
    audit.write(
        connection,
        author=person.name,
        action=f"deed {deed.action}",
        record=f"deed:{key}",
        now=now,
        reason=deed.reason,
        exceptions=str(len(wanted)),
    )
    outbox.accept(connection, nudge(key, now), now=now)
    return deeds.get(connection, key) or asked


def _row(app: Running, key: str, deed: Deed, person: Person, now: Instant) -> DeedRow:
    # What an edit puts in may be about a person: only an alias, two SKUs, may stand in the deed's row. All that was
    # asked for is there as a digest, which tells the same deed sent again from another one under its key.
    told = {name: str(getattr(deed, name)) for name in _TOLD.get(deed.action, ())}
    told |= {name: deed.values.get(name, "") for name in _TOLD_OF_VALUES.get(deed.action, ())}
    asked = _sealer(app).digest(msgspec.json.encode(deed, order="sorted").decode())
    detail = told | {"asked": asked}
    return DeedRow(
        key=key,
        at=now,
        author=person.name,
        roles=tuple(sorted(person.roles)),
        action=deed.action,
        reason=deed.reason,
        detail={name: text for name, text in detail.items() if text},
        total=0,
        done=0,
        refused=0,
        ended_at=None,
    )


def _same(known: DeedRow, asked: DeedRow) -> DeedRow:
    if (known.author, known.action, known.reason, known.detail) != (
        asked.author,
        asked.action,
        asked.reason,
        asked.detail,
    ):
        raise ProblemError(409, "This key was used for something else: take a fresh one.")
    return known


class DeedWorker:
    """Takes deeds step by step; the desk's worker of that name."""

    name = NAME

    def __init__(self, app: Callable[[], Running]) -> None:
        self._of = app

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """Nothing: a deed that is not at its end has its nudge in the outbox."""
        return ()

    async def work(self, subject: str) -> Outcome:
        """Take the next items of a deed."""
        app = self._of()
        return Later(due_at=app.engine.clock.now(), reason="more") if await step(app, subject) else Done()


async def step(app: Running, key: str) -> bool:
    """Take the next items of a deed, in one commit; say whether more of it waits."""

    def unit(connection: sqlite3.Connection) -> tuple[bool, list[Callable[[], None]]]:
        deed = deeds.get(connection, key)
        if deed is None or deed.ended_at is not None:
            return False, []
        afters = [
            after
            for exception_id in deeds.waiting(connection, key, limit=STEP)
            for after in _take(app, connection, deed, exception_id)
        ]
        if deeds.waiting(connection, key, limit=1):
            return True, afters
        deeds.end(connection, key, now=app.engine.clock.now())
        # Each order it edited has its own: what is said of people is kept, and can be erased, with the order alone.
        bodies.drop(connection, key, _VALUES)
        return False, afters

    more, afters = await app.engine.database.run(unit)
    for after in afters:
        after()
    app.engine.bell.ring()
    return more


def _take(app: Running, connection: sqlite3.Connection, deed: DeedRow, exception_id: int) -> list[Callable[[], None]]:
    """Do it to one exception, all of it or nothing; return what the process does afterwards."""
    connection.execute("SAVEPOINT item")
    try:
        act = _act(app, connection, deed, exception_id)
        done = act.unit(connection)
    except ProblemError as error:
        connection.execute("ROLLBACK TO item")
        connection.execute("RELEASE item")
        deeds.settle(connection, deed.key, exception_id, outcome="refused", message=error.detail)
        return []
    outcome = "done" if done["done"] else "unchanged"
    deeds.settle(connection, deed.key, exception_id, outcome=outcome, message=done["message"])
    if done["done"]:
        _note(connection, deed, exception_id, app.engine.clock.now())
    connection.execute("RELEASE item")
    return [lambda: act.after(done)]


def _note(connection: sqlite3.Connection, deed: DeedRow, exception_id: int, now: Instant) -> None:
    """Write down what was done; what is more than a word about the exception itself has written its own audit row."""
    exceptions.note(connection, exception_id, deed.action, author=deed.author, now=now, detail=_noted(deed))
    if deed.action in acting.TRIAGE:
        asked = {name: deed.detail[name] for name in ("to", "until") if name in deed.detail}
        about = f"exception:{exception_id}"
        audit.write(
            connection, author=deed.author, action=deed.action, record=about, now=now, reason=deed.reason, **asked
        )


def _noted(deed: DeedRow) -> str:
    told = deed.detail.get("to") or deed.detail.get("until") or deed.detail.get("alias")
    return told or deed.reason


def _act(app: Running, connection: sqlite3.Connection, deed: DeedRow, exception_id: int) -> Act:
    row = exceptions.get(connection, exception_id)
    if row is None:
        raise ProblemError(404, f"There is no exception {exception_id}.")
    now = app.engine.clock.now()
    [case] = cases(connection, [row], now=now)
    # What is resolved meanwhile is no failure: its act says so itself.
    outcome = acting.would(deed.action, case)
    if isinstance(outcome, Refusal) and case.open:
        raise ProblemError(409, f"Refused: {outcome.why}.")
    why = acting.refused_to(_roles(app, deed), deed.action, case)
    if why:
        raise ProblemError(403, f"Refused: {why}.")
    if not case.open:
        return _quiet(lambda _: _told(False, f"Exception {row.id} is resolved already."))
    match deed.action:
        case acting.RETRY:
            return actions.retrying(app, row, author=deed.author, reason=deed.reason)
        case acting.RELEASE:
            return _release(app, row, deed)
        case acting.DISMISS:
            return actions.dismissing(app, row.id, author=deed.author, reason=deed.reason)
        case acting.ASSIGN:
            return _quiet(lambda connection: _assign(connection, row, deed))
        case acting.SNOOZE:
            return _quiet(lambda connection: _rest(connection, row, parse_instant(deed.detail["until"])))
        case acting.WAKE:
            return _quiet(lambda connection: _rest(connection, row, None))
    return _edit(app, row, deed)


def _roles(app: Running, deed: DeedRow) -> frozenset[str]:
    """Return what the author may still do: since they asked, their token may have lost a role, or left the list."""
    asked, tokens = frozenset(deed.roles), app.secrets.operator_tokens
    if SOCKET in asked or not tokens:
        return asked
    return asked & frozenset(role for token in tokens if token.name == deed.author for role in token.roles)


def _release(app: Running, row: ExceptionRow, deed: DeedRow) -> Act:
    if row.type != releasing.WAITS:
        return actions.releasing_order(app, row.record.id, author=deed.author, reason=deed.reason)

    if not deed.reason:
        raise ProblemError(400, "Refused: a reason is needed to release a day; it is kept with your name.")

    def unit(connection: sqlite3.Connection) -> Document:
        decided = releasing.release_day(
            connection, row.record.id, author=deed.author, reason=deed.reason, now=app.engine.clock.now()
        )
        return _told(decided.done, decided.message)

    return Act(unit, lambda _done: app.engine.bell.ring())


def _assign(connection: sqlite3.Connection, row: ExceptionRow, deed: DeedRow) -> Document:
    to = deed.detail["to"]
    changed = exceptions.assign(connection, row.id, to)
    return _told(changed, f"It is {to}'s now." if changed else f"It was {to}'s already.")


def _rest(connection: sqlite3.Connection, row: ExceptionRow, until: Instant | None) -> Document:
    changed = exceptions.snooze(connection, row.id, until)
    what = "It rests no longer." if until is None else f"It rests until {format_instant(until)}."
    return _told(changed, what)


def _edit(app: Running, row: ExceptionRow, deed: DeedRow) -> Act:
    sealer = _sealer(app)

    def unit(connection: sqlite3.Connection) -> Document:
        values = _values(connection, deed.key, sealer)
        return apply_patch(
            connection,
            row.record.id,
            PatchDraft(field=deed.action, values=values, reason=deed.reason),
            key=f"{deed.key}:{row.id}",
            sealer=sealer,
            author=deed.author,
            reason=deed.reason,
            now=app.engine.clock.now(),
            gift_cards=app.engine.plan.posting.gift_cards,
        )

    return Act(unit, lambda _done: app.engine.bell.ring())


def _values(connection: sqlite3.Connection, key: str, sealer: Sealer) -> dict[str, str]:
    """Return what an edit puts in. Raises `ProblemError` 409: it is there no more, or under another storage key."""
    sealed = bodies.get(connection, key, _VALUES)
    try:
        plain = sealer.open(sealed, order_id=key, kind=_VALUES) if sealed is not None else None
    except InvalidTag:
        plain = None
    if plain is None:
        raise ProblemError(409, "What was to be put in is kept no longer: ask for it again.")
    return msgspec.json.decode(plain, type=dict[str, str])


def _sealer(app: Running) -> Sealer:
    return Sealer(app.engine.plan.storage_key)


def _quiet(unit: Callable[[sqlite3.Connection], Document]) -> Act:
    return Act(unit, lambda _done: None)


def _told(done: bool, message: str) -> Document:
    return {"done": done, "message": message}


def deed_view(connection: sqlite3.Connection, key: str) -> Document | None:
    """Return how far a deed is, in the shape of `DeskReading.deed`."""
    row = deeds.get(connection, key)
    if row is None:
        return None
    counted = deeds.counted(connection, key)
    refusals = deeds.messages(connection, key, outcome="refused", limit=_MESSAGES_SHOWN)
    return {
        **deed_head(row),
        "unchanged": counted.get("unchanged", 0),
        "waiting": counted.get("waits", 0),
        "message": _message(connection, row, counted),
        "refusals": [{"id": exception_id, "message": text} for exception_id, text in refusals],
    }


DEED_COLUMNS = ("key", "action", "author", "at", "total", "done", "refused", "ended_at", "reason")
ITEM_COLUMNS = ("exception", "record_kind", "record_id", "number", "outcome", "message")
"""The columns of the lists as files."""


def deed_list(connection: sqlite3.Connection, query: DeedListQuery) -> Document:
    """Return a page of deeds. Raises `ProblemError` 400, `after` is no page's `next`."""
    where = DeedFilter(author=query.author, action=query.action, stands=query.stands, text=query.text)
    rows, last, total = deeds.page(
        connection,
        where,
        sort=query.sort,
        descending=query.descending,
        after=place_of(query.after),
        limit=query.limit,
    )
    return {"items": [deed_head(row) for row in rows], "next": token(last), "total": total}


def deed_items(connection: sqlite3.Connection, key: str, query: DeedItemQuery) -> Document | None:
    """Return a page of what became of a deed's items. Raises `ProblemError` 400, `after` is no page's `next`."""
    if deeds.get(connection, key) is None:
        return None
    rows, last, total = deeds.items(
        connection,
        key,
        outcome=query.outcome,
        text=query.text,
        sort=query.sort,
        descending=query.descending,
        after=place_of(query.after),
        limit=query.limit,
    )
    return {"items": [msgspec.structs.asdict(row) for row in rows], "next": token(last), "total": total}


def deed_head(row: DeedRow) -> Document:
    """Return what lists show of a deed."""
    return {
        "key": row.key,
        "action": row.action,
        "author": row.author,
        "at": format_instant(row.at),
        "total": row.total,
        "done": row.done,
        "refused": row.refused,
        "ended_at": text_of(row.ended_at),
        "reason": row.reason,
    }


def _message(connection: sqlite3.Connection, row: DeedRow, counted: dict[str, int]) -> str:
    """Say in words how it went: of one item, what became of it."""
    if row.total == 1 and row.ended_at is not None:
        outcome = next(iter(counted))
        return deeds.messages(connection, row.key, outcome=outcome, limit=1)[0][1]
    parts = [f"{row.done} of {row.total} done"]
    parts += [f"{counted[name]} {word}" for name, word in _WORDS.items() if counted.get(name)]
    return ", ".join(parts) + "."


_WORDS = {"unchanged": "needed nothing", "refused": "refused", "waits": "to go"}
