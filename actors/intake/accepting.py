"""The one `accept` of every door: what senders tell is committed, then they are told so; nothing remote on the way.

An event is written down once per door, with what it leads to: a nudge to look at the record it is about, or nothing.
A delivery nobody can read becomes an exception with its body, sealed, and is acknowledged: it would only come again.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Sequence

from actors.core.actor import Surroundings
from actors.domain.crashpoints import MechanismPoint
from actors.domain.exception_types import Finding
from actors.domain.notification import ORDER, SALE, Delivery, IntakeClosedError, Notification, Unreadable
from actors.domain.time import Instant
from actors.intake.rules import DoorRules, Known, judge
from actors.messages import Nudge
from storage import bodies, doors, exceptions, orders, outbox
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

    async def accept(self, door: str, deliveries: Sequence[Delivery]) -> None:
        """Commit what a door brings. When this returns, it is on disk and the sender may be told.

        Raises:
            IntakeClosedError: the daemon stops, the disk takes nothing or is nearly full, or too much waits.
        """
        self._refuse_if_closed()
        around = self._around
        around.probe(MechanismPoint.DELIVERED)
        try:
            looks = await around.database.run(lambda connection: self._note_all(connection, door, deliveries))
        except CommitFailedError as error:
            raise IntakeClosedError("the disk takes nothing", retry_after_seconds=DISK_SECONDS) from error
        around.probe(MechanismPoint.NOTED)
        if looks:
            self._waiting += looks
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

    def _note_all(self, connection: sqlite3.Connection, door: str, deliveries: Sequence[Delivery]) -> int:
        now = self._around.clock.now()
        return sum(self._note(connection, door, delivery, now) for delivery in deliveries)

    def _note(self, connection: sqlite3.Connection, door: str, delivery: Delivery, now: Instant) -> bool:
        """Write one delivery down; say whether something has to be looked at."""
        if isinstance(delivery, Unreadable):
            self._keep_unreadable(connection, door, delivery, now)
            return False
        return note_event(connection, door, delivery, project=self._rules.project, now=now)

    def _keep_unreadable(self, connection: sqlite3.Connection, door: str, delivery: Unreadable, now: Instant) -> None:
        digest = hashlib.sha256(delivery.body).hexdigest()[:32]
        sealed = self._sealer.seal(delivery.body, order_id=digest, kind="notification")
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


def note_event(connection: sqlite3.Connection, door: str, event: Notification, *, project: str, now: Instant) -> bool:
    """Write one event down, once, with what it leads to; say whether a look was nudged."""
    verdict = judge(event, _known(connection, event), from_cin7=door == CIN7, project=project)
    fresh = doors.note(connection, door, event, verdict.outcome, now=now)
    if not fresh and door != CIN7:
        return False
    # Cin7 numbers no events: the same words may tell of something new (undone, and authorised again).
    if verdict.outcome == "foreign":
        _tell_foreign(connection, door, event, now)
    if verdict.flow is None:
        return False
    return outbox.accept(connection, Nudge(flow=verdict.flow, subject=verdict.subject, due_at=now), now=now)


def _known(connection: sqlite3.Connection, event: Notification) -> Known:
    if event.about == ORDER:
        return Known(version=orders.version_of(connection, event.subject) or 0)
    return Known(ours=event.about == SALE and orders.has_sale(connection, event.subject))


def _tell_foreign(connection: sqlite3.Connection, door: str, event: Notification, now: Instant) -> None:
    finding = Finding(
        code="notification_foreign",
        cause=f"Door {door} brings events of the commercetools project {event.project[:64]!r}.",
        field=event.project[:64],
    )
    exceptions.raise_finding(connection, exceptions.Record(kind="door", id=door), finding, now=now)
