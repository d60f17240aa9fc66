"""The one `accept` of every door: what senders tell is committed, then they are told so; nothing remote on the way.

An event is written down once per door, with what it leads to: a nudge to look at the record it is about, or nothing.
What comes by all doors at the same time shares a unit of work, so an event costs few statements and a part of an fsync.
A delivery nobody can read becomes an exception with its body, sealed, and is acknowledged: it would only come again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence

from actors.core.actor import Surroundings
from actors.domain.crashpoints import MechanismPoint
from actors.domain.exception_types import Finding
from actors.domain.notification import ORDER, SALE, STOCK, Delivery, IntakeClosedError, Notification, Unreadable
from actors.domain.time import Instant
from actors.intake.gathering import Gathering
from actors.intake.rules import DoorRules, Known, Verdict, judge
from actors.messages import Flow, Nudge, Urgency
from storage import availability, bodies, demand, doors, exceptions, fulfilments, orders, outbox
from storage.availability import Hint
from storage.bodies import Sealer
from storage.database import CommitFailedError

CIN7 = "cin7"
"""The door Cin7 Core's webhooks come in by; all others speak for commercetools."""

LOOK_SECONDS = 5.0
"""How often the disk and the length of the outbox are looked at."""

DISK_SECONDS = 30
BACKLOG_SECONDS = 60
STOPPING_SECONDS = 10
"""After how long a sender is asked to come again."""


def no_bound() -> int:
    """Say that the disk has room, where nobody measures it."""
    return 2**62


class Acceptance:
    """Accepts, or says why not. `free_bytes` measures the disk the file is on."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        rules: DoorRules,
        sealer: Sealer,
        free_bytes: Callable[[], int] = no_bound,
    ) -> None:
        self._around = surroundings
        self._rules = rules
        self._sealer = sealer
        self._free_bytes = free_bytes
        self._stopping = False
        self._disk_full = False
        self._waiting = 0
        self._gathering = Gathering(self._commit, abandoned=_stopped)

    async def accept(self, door: str, deliveries: Sequence[Delivery]) -> None:
        """Commit what a door brings. When this returns, it is on disk and the sender may be told.

        Raises:
            IntakeClosedError: the daemon stops, the disk takes nothing or is nearly full, or too much waits.
        """
        self._refuse_if_closed()
        around = self._around
        around.probe(MechanismPoint.DELIVERED)
        told = _Told(door, deliveries)
        await self._gathering.add(told)
        if told.failed is not None:
            raise told.failed
        around.probe(MechanismPoint.NOTED)
        if told.looks:
            self._waiting += told.looks
            around.bell.ring()

    def close(self) -> None:
        """Accept nothing more: the daemon stops."""
        self._stopping = True

    @property
    def closed_because(self) -> str:
        """Why nothing is accepted now, in words; "" while doors are open."""
        if self._stopping:
            return "the daemon stops"
        if self._around.database.failing:
            return "the disk takes nothing"
        if self._disk_full:
            return "the disk is nearly full"
        if self._waiting > self._rules.most_waiting:
            return f"more than {self._rules.most_waiting} messages wait"
        return ""

    async def watch(self) -> None:
        """Look at the disk and the length of the outbox, for ever."""
        while True:
            await self.look()
            await self._around.clock.sleep(LOOK_SECONDS)

    async def look(self) -> None:
        """Look once."""
        self._disk_full = self._free_bytes() < self._rules.least_free
        most = self._rules.most_waiting + 1
        self._waiting = await self._around.database.read(lambda connection: outbox.waiting(connection, most=most))

    def _refuse_if_closed(self) -> None:
        reason = self.closed_because
        if not reason:
            return
        after = STOPPING_SECONDS if self._stopping else DISK_SECONDS if "disk" in reason else BACKLOG_SECONDS
        raise IntakeClosedError(reason, retry_after_seconds=after)

    async def _commit(self, group: list[_Told]) -> None:
        """Commit what several senders told; where that fails over one of them, each alone."""
        try:
            await self._note(group)
        except IntakeClosedError:
            raise
        except Exception as error:
            if len(group) == 1:
                raise
            self._around.log("intake.group_failed", level="warning", senders=len(group), error=type(error).__name__)
            for told in group:
                await self._note_alone(told)

    async def _note_alone(self, told: _Told) -> None:
        try:
            await self._note([told])
        except Exception as error:
            told.failed = error

    async def _note(self, group: Sequence[_Told]) -> None:
        try:
            looks = await self._around.database.run(lambda connection: self._note_all(connection, group))
        except CommitFailedError as error:
            raise IntakeClosedError("the disk takes nothing", retry_after_seconds=DISK_SECONDS) from error
        for told, count in zip(group, looks, strict=True):
            told.looks = count

    def _note_all(self, connection: sqlite3.Connection, group: Sequence[_Told]) -> list[int]:
        """Write down what was told, door by door; return how many looks each sender's part led to."""
        now = self._around.clock.now()
        looks = [0] * len(group)
        for door in dict.fromkeys(told.door for told in group):
            deliveries = [
                (place, delivery)
                for place, told in enumerate(group)
                if told.door == door
                for delivery in told.deliveries
            ]
            events = [(place, told) for place, told in deliveries if isinstance(told, Notification)]
            nudged = note_events(connection, door, [told for _, told in events], project=self._rules.project, now=now)
            for (place, _), is_nudged in zip(events, nudged, strict=True):
                looks[place] += is_nudged
            for _, told in deliveries:
                if isinstance(told, Unreadable):
                    _keep_unreadable(connection, door, told, self._sealer, now)
        return looks


class _Told:
    """What one sender waits for. `failed` is a defect that is its own, not that of those who came with it."""

    __slots__ = ("deliveries", "door", "failed", "looks")

    def __init__(self, door: str, deliveries: Sequence[Delivery]) -> None:
        self.door = door
        self.deliveries = deliveries
        self.looks = 0
        self.failed: Exception | None = None


def _stopped() -> IntakeClosedError:
    return IntakeClosedError("the daemon stops", retry_after_seconds=STOPPING_SECONDS)


def note_deliveries(
    connection: sqlite3.Connection,
    door: str,
    deliveries: Sequence[Delivery],
    *,
    project: str,
    sealer: Sealer,
    now: Instant,
) -> None:
    """Write down what a list showed as if a door had brought it."""
    events = [delivery for delivery in deliveries if isinstance(delivery, Notification)]
    note_events(connection, door, events, project=project, now=now)
    for delivery in deliveries:
        if isinstance(delivery, Unreadable):
            _keep_unreadable(connection, door, delivery, sealer, now)


def _keep_unreadable(
    connection: sqlite3.Connection, door: str, delivery: Unreadable, sealer: Sealer, now: Instant
) -> None:
    digest = hashlib.sha256(delivery.body).hexdigest()[:32]
    sealed = sealer.seal(delivery.body, order_id=digest, kind="notification")
    bodies.put(connection, digest, "notification", version=0, sealed=sealed, now=now)
    doors.note_unreadable(connection, door, now=now)
    finding = Finding(
        code="notification_unreadable",
        cause=f"Door {door} brought {len(delivery.body)} bytes that cannot be understood: {delivery.problem}",
        field=door,
        group=f"notification_unreadable:{door}:{delivery.problem}",
        facts={"door": door, "problem": delivery.problem, "bytes": str(len(delivery.body))},
    )
    exceptions.raise_finding(connection, exceptions.Record(kind="notification", id=digest), finding, now=now)


def note_events(
    connection: sqlite3.Connection, door: str, events: Sequence[Notification], *, project: str, now: Instant
) -> list[bool]:
    """Write events down, each once, with what they lead to; say for each whether a look was nudged."""
    if not events:
        return []
    verdicts = [judge(event, _known(connection, event), from_cin7=door == CIN7, project=project) for event in events]
    outcomes = [verdict.outcome for verdict in verdicts]
    fresh = doors.note_all(connection, door, list(zip(events, outcomes, strict=True)), now=now)
    nudged: dict[tuple[Flow, str], bool] = {}
    looks = []
    for event, verdict, is_fresh in zip(events, verdicts, fresh, strict=True):
        # Cin7 numbers no events: the same words may tell of something new (undone, and authorised again).
        counts = is_fresh or door == CIN7
        if counts and verdict.outcome == "foreign":
            _tell_foreign(connection, door, event, now)
        if counts and verdict.flow is Flow.STOCK:
            _keep_level(connection, event, now)
        if counts and verdict.flow is Flow.FULFILMENT:
            fulfilments.tell(connection, verdict.subject, now=now)
        looks.append(counts and _nudge(connection, verdict, nudged, now))
    return looks


def _nudge(
    connection: sqlite3.Connection, verdict: Verdict, nudged: dict[tuple[Flow, str], bool], now: Instant
) -> bool:
    """Nudge a look, once for all events that lead to it."""
    if verdict.flow is None:
        return False
    key = (verdict.flow, verdict.subject)
    if key not in nudged:
        # A shipment goes before whatever a sweep or a pause left to be looked at.
        urgency = Urgency.UNDERWAY if verdict.flow is Flow.FULFILMENT else Urgency.FRESH
        look = Nudge(flow=verdict.flow, subject=verdict.subject, due_at=now, urgency=urgency)
        nudged[key] = outbox.accept(connection, look, now=now)
    return nudged[key]


def _keep_level(connection: sqlite3.Connection, event: Notification, now: Instant) -> None:
    """Keep what was pushed of a SKU until it is read; it and its kits are looked at."""
    hints = [
        Hint(
            sku=event.subject,
            location=row.location,
            bin=row.bin,
            batch=row.batch,
            available=row.available,
            received_at=now,
        )
        for row in event.rows
    ]
    availability.put_hints(connection, hints)
    demand.stir(connection, [event.subject], now=now)


def _known_level(connection: sqlite3.Connection, event: Notification) -> Known:
    if not availability.is_read(connection, event.subject):
        return Known()
    read = {
        (row.location, row.bin, row.batch): row.available for row in availability.rows_of(connection, event.subject)
    }
    differs = any(read.get((row.location, row.bin, row.batch), 0) != row.available for row in event.rows)
    return Known(published=True, differs=differs or bool(availability.hints_of(connection, event.subject)))


def _known(connection: sqlite3.Connection, event: Notification) -> Known:
    if event.about == STOCK:
        return _known_level(connection, event)
    if event.about == ORDER:
        return Known(version=orders.version_of(connection, event.subject) or 0)
    if event.about != SALE:
        return Known()
    order_id = fulfilments.order_of_sale(connection, event.subject, event.number)
    ours = orders.has_sale(connection, event.subject)
    if order_id is None:
        return Known(ours=ours)
    picked, sent = fulfilments.is_all_picked(connection, order_id), fulfilments.is_all_sent(connection, order_id)
    return Known(ours=ours, order=order_id, picked=picked, sent=sent)


def _tell_foreign(connection: sqlite3.Connection, door: str, event: Notification, now: Instant) -> None:
    finding = Finding(
        code="notification_foreign",
        cause=f"Door {door} brings events of the commercetools project {event.project[:64]!r}.",
        field=event.project[:64],
    )
    exceptions.raise_finding(connection, exceptions.Record(kind="door", id=door), finding, now=now)
