"""The actor: one owner of one flow's decisions, and the only place that turns an outcome into rows.

`handle` decides; the loop settles. A handler returns `Done` or `Later`, or raises one of the errors of
`actors.domain.errors`; whatever else it raises is a bug of that one message. A handler that brings its worker down
(anything that is not an `Exception`, or storage that fails) crashes the actor: the others finish what they hold, the
supervisor starts it again, and the message that did it has its attempt counted.
"""

from __future__ import annotations

import abc
import random
import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager

import anyio
import msgspec

from actors.core.bell import Bell
from actors.core.failure import place_of
from actors.core.mailbox import Mailbox
from actors.core.retry import CONFLICT_SECONDS, LIMITED_SECONDS, UNAUTHORISED_SECONDS, due_after
from actors.domain.calls import Purpose
from actors.domain.crashpoints import MechanismPoint, Probe, no_probe
from actors.domain.errors import Conflict, Limited, Missing, Rejected, Transient, Unauthorised, WireError
from actors.domain.exception_types import Finding
from actors.domain.time import Clock, Instant
from actors.domain.tracing import NoTracer, Tracer
from actors.governor.governor import GovernorClosed
from actors.messages import Envelope, Flow, Nudge
from storage import exceptions, outbox
from storage.database import CommitFailedError, Database

Unit = Callable[[sqlite3.Connection, Instant], None]
"""What a handler wants written in the commit that settles its message."""

STORAGE_PAUSE_SECONDS = 1.0
"""After a commit that failed: how long before a crashed actor tries to begin again."""

OF_OTHER_SCOPES = frozenset(
    purpose.operation
    for purpose in (
        Purpose.CT_SYNC_INFO,
        Purpose.CT_UPDATE_ORDER,
        Purpose.CT_WRITE_LEASE,
        Purpose.CT_LIST_INVENTORY,
        Purpose.CT_READ_ENTRY,
        Purpose.CT_WRITE_ENTRY,
        Purpose.CT_CREATE_ENTRY,
        Purpose.CT_LIST_PRODUCTS,
        Purpose.CT_LIST_PRICES,
        Purpose.CT_READ_PRODUCT,
        Purpose.CT_FIND_PRODUCT,
        Purpose.CT_PRODUCT_TYPE,
        Purpose.CT_TAX_CATEGORY,
        Purpose.CT_CREATE_PRODUCT,
        Purpose.CT_UPDATE_PRODUCT,
        Purpose.CT_UNPUBLISH_PRODUCT,
    )
)
"""A missing scope for these says nothing of the right to read orders, which goes on."""

UNREACHABLE_AFTER = 3
"""So many failures of one nudge in a row before a side that does not answer is somebody's exception."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Handled. `unit` and `nudges` are committed with the settlement.

    After that commit `points` are the crash points passed, and `after` tells (spans, log lines) what is now true.
    """

    unit: Unit | None = None
    nudges: tuple[Nudge, ...] = ()
    points: tuple[str, ...] = ()
    after: Callable[[], None] | None = None


class Later(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing to do before `due_at`; not a failure. None: by the retry schedule, as a failure that counts a try.

    `unless` is asked in the commit: what came true meanwhile has brought forward only what was on disk by then.
    """

    due_at: Instant | None
    reason: str
    unit: Unit | None = None
    unless: Callable[[], bool] | None = None
    points: tuple[str, ...] = ()


Outcome = Done | Later

Log = Callable[..., None]
"""`log(event, **fields)`: one structured line."""


def no_log(event: str, **fields: object) -> None:
    """Log nothing."""


class Surroundings:
    """What every actor is given by the composition root."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Clock,
        bell: Bell,
        chance: random.Random,
        probe: Probe = no_probe,
        tracer: Tracer | None = None,
        log: Log = no_log,
    ) -> None:
        self.database = database
        self.clock = clock
        self.bell = bell
        self.chance = chance
        self.probe = probe
        self.tracer: Tracer = tracer if tracer is not None else NoTracer()
        self.log = log
        #: Until when a side that refused our credentials is left alone, by side.
        self.refused_until: dict[str, Instant] = {}


class Actor(abc.ABC):
    """Handles up to `concurrency` keys at once, never one key twice (the outbox's index sees to that)."""

    flow: Flow
    standing = False
    """True where every message is one the flow lives on (a sweep): a refusal is then told and asked again, never set
    aside."""

    def __init__(self, surroundings: Surroundings, *, concurrency: int, capacity: int) -> None:
        self.around = surroundings
        self.concurrency = concurrency
        self.mailbox = Mailbox(self.flow.value, capacity)
        self.handled = 0
        self.last_success_at: Instant | None = None
        self._handling: dict[int, Envelope] = {}
        self._idle: set[anyio.CancelScope] = set()
        self._crashed: list[tuple[Envelope, BaseException]] = []
        self._untouched: list[Envelope] = []

    @abc.abstractmethod
    async def handle(self, envelope: Envelope) -> Outcome:
        """Decide about one key."""

    def undo(  # noqa: B027 -- most flows leave nothing behind
        self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException, now: Instant
    ) -> None:
        """Write down what a failed handling leaves behind, in the commit that puts the message back."""

    def trace(self, envelope: Envelope) -> AbstractContextManager[None]:
        """Open the span of one handling."""
        return self.around.tracer.span(f"{self.flow.value}.handle")

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What has to wait in the outbox for the flow to run by itself; most flows only react."""
        return ()

    @property
    def busy(self) -> int:
        """How many messages are being handled."""
        return len(self._handling)

    async def run(self) -> None:
        """Work until the mailbox is closed and empty. Raises what crashed the actor, after the others finished."""
        while not await self._crash_is_settled():
            # The file takes nothing: that is nobody's crash. The flow goes on by itself once it does.
            await self.around.clock.sleep(STORAGE_PAUSE_SECONDS)
        crash: list[BaseException] = []
        async with anyio.create_task_group() as workers:
            for _ in range(self.concurrency):
                workers.start_soon(self._work, crash)
        if crash:
            raise ActorCrashedError(self.flow, crash[0]) from crash[0]

    async def _work(self, crash: list[BaseException]) -> None:
        while not crash:
            envelope = await self._next()
            if envelope is None:
                return
            self._handling[envelope.id] = envelope
            try:
                await self.step(envelope)
            except anyio.get_cancelled_exc_class():
                raise
            except BaseException as error:
                self._crashed.append((envelope, error))
                crash.append(error)
                for scope in tuple(self._idle):
                    scope.cancel()
            finally:
                self._handling.pop(envelope.id, None)

    async def _next(self) -> Envelope | None:
        """Wait for work; a crash of the actor ends the wait."""
        with anyio.CancelScope() as scope:
            self._idle.add(scope)
            try:
                envelope = await self.mailbox.take()
            finally:
                self._idle.discard(scope)
            if self.mailbox.waiting <= self.mailbox.capacity // 2:
                self.around.bell.ring()
            return envelope
        return None

    async def step(self, envelope: Envelope) -> None:
        """Handle one message and settle it: the whole life of a claim, in one span."""
        self.around.probe(MechanismPoint.CLAIMED)
        with self.trace(envelope):
            try:
                outcome = await self.handle(envelope)
            except CommitFailedError:
                raise
            except GovernorClosed:
                # The daemon is stopping: nothing was handled, the message stays for the next start (`give_back`).
                return
            except Exception as error:
                await self._settle_failure(envelope, error)
                return
            try:
                await self._settle(envelope, outcome)
            except CommitFailedError:
                raise
            except Exception as error:
                # The unit was refused (an illegal move, a constraint): a bug of this one message, as in `handle`.
                await self._settle_failure(envelope, error)

    async def _settle(self, envelope: Envelope, outcome: Outcome) -> None:
        around = self.around
        around.probe(MechanismPoint.HANDLED)
        await around.database.run(lambda connection: self._write_outcome(connection, envelope, outcome))
        around.bell.ring()
        around.probe(MechanismPoint.SETTLED)
        for point in outcome.points:
            around.probe(point)
        if isinstance(outcome, Done) and outcome.after is not None:
            outcome.after()
        self.handled += 1
        self.last_success_at = around.clock.now()
        self._tell(envelope, outcome)

    def _named(self, envelope: Envelope) -> dict[str, str]:
        return {"order" if self.flow is Flow.ORDERS else "subject": envelope.subject}

    def _tell(self, envelope: Envelope, outcome: Outcome) -> None:
        """One line per order handled; what only repeats itself (a sweep) is not worth one."""
        self.around.log(
            "message.settled",
            level="info" if self.flow is Flow.ORDERS else "debug",
            flow=self.flow.value,
            **self._named(envelope),
            message=envelope.id,
            attempt=envelope.attempt,
            outcome="done" if isinstance(outcome, Done) else "later",
            reason=outcome.reason if isinstance(outcome, Later) else "",
        )

    def _write_outcome(self, connection: sqlite3.Connection, envelope: Envelope, outcome: Outcome) -> None:
        now = self.around.clock.now()
        if outcome.unit is not None:
            outcome.unit(connection, now)
        if isinstance(outcome, Later):
            due_at, failed = outcome.due_at, outcome.due_at is None
            if due_at is None:
                due_at = due_after(outbox.tries_of(connection, envelope), now=now, chance=self.around.chance)
            if outcome.unless is not None and outcome.unless():
                due_at = now
            outbox.retry(connection, envelope, due_at=due_at, reason=outcome.reason, failed=failed)
            return
        outbox.settle(connection, envelope)
        for nudge in outcome.nudges:
            outbox.accept(connection, nudge, now=now)

    async def _settle_failure(self, envelope: Envelope, error: Exception) -> None:
        around = self.around
        await around.database.run(lambda connection: self._write_failure(connection, envelope, error))
        around.bell.ring()
        around.probe(MechanismPoint.SETTLED)
        around.log(
            "message.failed",
            level="warning" if isinstance(error, WireError) else "error",
            flow=self.flow.value,
            **self._named(envelope),
            message=envelope.id,
            attempt=envelope.attempt,
            reason=error.reason if isinstance(error, WireError) else type(error).__name__,
            error="" if isinstance(error, WireError) else place_of(error),
        )

    def _write_failure(self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException) -> None:
        """Turn a failure into its class (design §3): transient, limited, refused credentials, or a bug."""
        now = self.around.clock.now()
        self.undo(connection, envelope, error, now)
        failed = False
        match error:
            case Limited() if error.side == "cin7":
                due_at, reason = now + int(LIMITED_SECONDS * 1000), "limited"
            case Limited():
                # Nobody governs commercetools' calls: what it asks for is waited for, and told when it lasts.
                due_at, reason, failed = now + int(error.retry_after_seconds * 1000), "limited", True
                if outbox.tries_of(connection, envelope) + 1 >= UNREACHABLE_AFTER:
                    _raise_connection(connection, error, f"{error.side}_unreachable", now=now, due_at=due_at)
            case Transient():
                tries = outbox.tries_of(connection, envelope)
                due_at, reason = due_after(tries, now=now, chance=self.around.chance), error.reason
                failed = True
                if tries + 1 >= UNREACHABLE_AFTER:
                    _raise_connection(connection, error, f"{error.side}_unreachable", now=now, due_at=due_at)
            case Conflict():
                due_at, reason = now + int(CONFLICT_SECONDS * 1000), "conflict"
            case Unauthorised():
                due_at, reason = now + int(UNAUTHORISED_SECONDS * 1000), "unauthorised"
                if error.operation not in OF_OTHER_SCOPES:
                    self.around.refused_until[error.side] = due_at
                _raise_connection(connection, error, f"{error.side}_unauthorised", now=now, due_at=due_at)
            case Rejected() | Missing() if self.standing:
                tries = outbox.tries_of(connection, envelope)
                due_at, reason = due_after(tries, now=now, chance=self.around.chance), error.reason
                failed = True
                _raise_connection(connection, error, f"{error.side}_unreachable", now=now, due_at=due_at)
            case _:
                self._write_bug(connection, envelope, error, now)
                return
        outbox.retry(connection, envelope, due_at=due_at, reason=reason, failed=failed)

    def _write_bug(
        self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException, now: Instant
    ) -> None:
        if envelope.attempt >= outbox.MAX_ATTEMPTS:
            set_aside(connection, envelope, reason=place_of(error), now=now)
            return
        due_at = due_after(envelope.attempt - 1, now=now, chance=self.around.chance)
        outbox.retry(connection, envelope, due_at=due_at, reason=place_of(error), bug=True)

    async def _crash_is_settled(self) -> bool:
        try:
            await self._settle_crashed()
        except CommitFailedError:
            return self.mailbox.closed
        return True

    async def _settle_crashed(self) -> None:
        """Before working again: count the messages that brought the last run down, give the untouched ones back."""
        if not self._crashed and not self._untouched:
            return
        while self._crashed:
            envelope, error = self._crashed[0]
            await self._settle_crash(envelope, error)
            self._crashed.pop(0)
        # Exactly what was in the mailbox: the dispatcher may hold others of this flow that it offers in a moment.
        self._untouched.extend(self.mailbox.empty())
        ids = {envelope.id for envelope in self._untouched}
        await self.around.database.run(lambda connection: outbox.give_back(connection, self.flow, only=ids))
        self._untouched.clear()
        self.around.bell.ring()

    async def _settle_crash(self, envelope: Envelope, error: BaseException) -> None:
        try:
            await self.around.database.run(lambda connection: self._write_crash(connection, envelope, error))
        except CommitFailedError:
            raise
        except Exception as failure:
            # Not even its traces can be written: it must not bring the flow down at every restart.
            reason, now = place_of(failure), self.around.clock.now()
            await self.around.database.run(lambda connection: set_aside(connection, envelope, reason=reason, now=now))

    def _write_crash(self, connection: sqlite3.Connection, envelope: Envelope, error: BaseException) -> None:
        if not outbox.is_running(connection, envelope):
            return
        now = self.around.clock.now()
        self.undo(connection, envelope, error, now)
        if isinstance(error, CommitFailedError):
            outbox.retry(connection, envelope, due_at=now, reason="commit failed")
        else:
            self._write_bug(connection, envelope, error, now)


class ActorCrashedError(Exception):
    """A message brought its actor down."""

    def __init__(self, flow: Flow, cause: BaseException) -> None:
        super().__init__(f"{flow.value}: {place_of(cause)}")


def set_aside(connection: sqlite3.Connection, envelope: Envelope, *, reason: str, now: Instant) -> None:
    """Quarantine a message that is out of attempts, and say so."""
    outbox.quarantine(connection, envelope.id, reason=reason)
    kind = "order" if envelope.flow is Flow.ORDERS else "message"
    exceptions.raise_finding(
        connection,
        exceptions.Record(kind=kind, id=envelope.subject),
        Finding(
            code="message_quarantined",
            cause=f"Handling {envelope.flow.value} {envelope.subject} failed {envelope.attempt} times: {reason}",
            field=envelope.flow.value,
            group=f"message_quarantined:{reason}",
            facts={"attempts": str(envelope.attempt), "error": reason},
        ),
        now=now,
    )


def _raise_connection(
    connection: sqlite3.Connection, error: WireError, kind: str, *, now: Instant, due_at: Instant
) -> None:
    """A side that does not answer is one exception of that side, however many orders wait for it."""
    exceptions.raise_finding(
        connection,
        exceptions.Record(kind="connection", id=error.side),
        Finding(
            code=kind,
            cause=error.in_words(),
            field=error.operation if error.side == "commercetools" else "",
            group=f"{kind}:{error.side}",
            facts={"operation": error.operation, "status": str(error.status or ""), "reason": error.reason},
        ),
        now=now,
        next_attempt_at=due_at,
    )


def clear_connection(connection: sqlite3.Connection, side: str, *operations: str, now: Instant) -> None:
    """A side answered: what said that it does not is over.

    Cin7 has one key for everything, so any answer proves it. commercetools has scopes: there only an answer to the same
    operation does (a read says nothing of the right to write), and that a token was had.
    """
    cleared = exceptions.clear(
        connection,
        exceptions.Record(kind="connection", id=side),
        resolution="answered",
        now=now,
        types=(f"{side}_unreachable", f"{side}_unauthorised"),
        fields=(*operations, "token") if side == "commercetools" else None,
    )
    if cleared:
        # Whatever waits out its schedule because of that side need not wait any longer.
        outbox.hurry(connection, now=now)
