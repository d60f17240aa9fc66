"""The governor: the one who hands out turns to speak to Cin7 Core (design §3 "Governor").

::

    caller ── turn(intent) ──▶ lanes ──┐
                                       ├─ run(): room in the window? in flight? not paused? ─▶ the most urgent ticket
    end of a call ─────────▶ window ───┘
    granted ─▶ the row is committed ─▶ the call, in the caller's own task ─▶ its end is stamped

The exact log (`window.py`) is the law. The limiter in front of it only spreads a burst. Grants are made by one loop,
one at a time, and the ticket is picked after there is room for it, so that whoever is most urgent *then* goes.

Ends are written lazily, with the next call's row. A crash loses at most those, and a call without an end counts as long
as it could possibly be seen.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import anyio
import msgspec
from aiolimiter import AsyncLimiter
from anyio.lowlevel import checkpoint_if_cancelled

from actors.domain.calls import Lane
from actors.domain.errors import InDoubt, Limited, WireError
from actors.domain.time import Clock, Instant
from actors.governor.allowance import Allowance
from actors.governor.gate import Turn
from actors.governor.journal import CallJournal, Intent, LoggedCall
from actors.governor.lanes import Lanes
from actors.governor.window import Window

BUCKET = 4
"""Calls that may leave back to back after a pause."""

SPREAD = 1.15
"""The limiter's rate over the law's: fast enough never to hold back what the law has allowed for long."""

HEARTBEAT_SECONDS = 10.0
"""While anybody waits, the loop turns at least this often, so that a watchdog can tell waiting from hanging."""

GRACE_SECONDS = 10.0
"""A request given up on may lie in somebody's buffer: so much longer than its timeout it may still be seen."""

_LONGEST_DOUBT_SECONDS = 600.0  # an `until` later than this is a clock that jumped, not a call that travels


class GovernorClosed(Exception):
    """No more turns are handed out: the daemon is shutting down."""


class GovernorSnapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The governor's state as health and metrics show it. Lanes go by their labels, instants are wall clock."""

    limit: int
    cap: int
    in_window: int
    in_flight: int
    queued: dict[str, int]
    minutes_to_drain: float
    lane_minutes_to_drain: dict[str, float]
    limit_answers: int
    foreign_use: int
    foreign_use_at: Instant | None
    paused_until: Instant | None
    granted: int
    progress: int
    closed: bool


class _Ticket:
    """Somebody's wish for a turn."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.decided = anyio.Event()
        self.granted = False


class _GrantedTurn:
    """A turn on its way; implements `gate.Turn`. What nobody says about its end is judged by how the block was left."""

    def __init__(self, governor: Governor, *, call_id: int, lane: Lane, sent_at: Instant, began: float) -> None:
        self._governor = governor
        self.call_id = call_id
        self.lane = lane
        self.began = began
        self._sent_at = sent_at
        self.lost_until: Instant | None = None
        self.told = False
        self.never_left = False

    @property
    def sent_at(self) -> Instant:
        return self._sent_at

    def limited(self, retry_after_seconds: float) -> None:
        self.told = True
        self._governor.take_limit_answer(self.began, retry_after_seconds)

    def lost(self, until: Instant) -> None:
        self.told = True
        self.lost_until = until

    def not_sent(self) -> None:
        self.told = True
        self.never_left = True

    def left_by(self, error: BaseException, latest: Instant) -> None:
        """Judge a block that an exception ended: without a word, only an answer proves that the call is over."""
        if self.told:
            return
        if isinstance(error, InDoubt):
            self.lost(error.until)
        elif isinstance(error, Limited):
            self.limited(error.retry_after_seconds)
        elif not (isinstance(error, WireError) and error.status is not None):
            self.lost(latest)


class Governor:
    """Hands out turns, one at a time, in order of lanes; implements `gate.Gate`.

    Start `run` in a task that lives as long as the daemon, after `restore` or `assume_full`. A failure of `run` is a
    failure of the process.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        journal: CallJournal,
        calls_per_minute: int,
        max_in_flight: int,
        shares: Mapping[Lane, int],
        reserve: int,
        timeout_seconds: float,
    ) -> None:
        """Set the law.

        `calls_per_minute` is the limit of the key (or our part of it), `max_in_flight` the number of calls that may
        overlap (1: strictly serial), `shares` calls a minute that a lane below orders is sure of, `reserve` the calls
        of every window that lanes below orders leave free, `timeout_seconds` the longest a call may take.

        Raises:
            ValueError: nothing would be left for orders, or a number makes no sense.
        """
        if max_in_flight < 1:
            raise ValueError("max_in_flight is at least 1")
        if not 0 <= reserve < calls_per_minute:
            raise ValueError("reserve is less than calls_per_minute")
        if min(shares.values(), default=0) < 0 or sum(shares.values()) >= calls_per_minute:
            raise ValueError("the shares of the lower lanes leave nothing of calls_per_minute for orders")
        self._clock = clock
        self._journal = journal
        self._max_in_flight = max_in_flight
        self._timeout_seconds = timeout_seconds
        self._shares = dict(shares)
        self._window = Window()
        self._allowance = Allowance(calls_per_minute)
        self._lanes = Lanes[_Ticket](shares=shares, reserve=reserve)
        bucket = min(BUCKET, calls_per_minute)
        self._limiter = AsyncLimiter(bucket, 60.0 * bucket / (calls_per_minute * SPREAD))
        self._holds_drop = False  # a drop of the bucket already paid for and not yet given to a ticket
        self._below_orders_in_flight = 0
        self._ends: list[tuple[int, Instant]] = []
        self._changed = anyio.Event()
        self._idle = anyio.Event()
        self._closed = False
        self._granted = 0
        self._progress = 0
        self._limit_answers = 0
        self._foreign_use = 0
        self._foreign_use_at: Instant | None = None

    def restore(self, calls: Sequence[LoggedCall]) -> bool:
        """Take over the log of the process before this one; return False if the window had to be assumed full.

        Give every call with `sent_at` or `ended_at` within the last 62 s plus the timeout, every one that lies in the
        future, and nothing for a new database. Stamps from the future mean that the wall clock went back.
        """
        believed = self._window.restore(
            calls, now=self._clock.monotonic(), wall_now=self._clock.now(), timeout_ms=self._timeout_ms()
        )
        if not believed:
            self.assume_full()
        return believed

    def assume_full(self) -> None:
        """Start with a full window: the log is unreadable, or belongs to another past (a restored file)."""
        self._window.fill(
            now=self._clock.monotonic(),
            cap=self._allowance.limit,
            in_flight=self._max_in_flight,
            timeout_ms=self._timeout_ms(),
        )

    async def run(self) -> None:
        """Grant turns until cancelled."""
        while True:
            self._progress += 1
            delay = await self._grant_or_wait()
            if delay <= 0:
                continue
            if len(self._lanes):
                delay = min(delay, HEARTBEAT_SECONDS)
            with anyio.move_on_after(delay):
                await self._changed.wait()
            self._changed = anyio.Event()

    @asynccontextmanager
    async def turn(self, intent: Intent) -> AsyncIterator[Turn]:
        """Wait for a turn in the intent's lane; its row is on disk when the turn begins (`intent.call_id` is set).

        A block left without a word means that the answer has arrived. One left by an exception is judged with caution:
        a call that may still be on its way counts until `timeout_seconds` after it began.

        Raises:
            GovernorClosed: no more turns are handed out.
            Exception: whatever the journal raised; then nothing was sent and the turn costs nothing.
        """
        await self._wait_for_grant(intent.lane)
        turn = await self._begin(intent)
        try:
            await checkpoint_if_cancelled()
        except BaseException:
            turn.not_sent()
            self._end(turn)
            raise
        try:
            yield turn
        except BaseException as error:
            turn.left_by(error, latest=turn.sent_at + math.ceil(self._timeout_seconds * 1000))
            raise
        finally:
            self._end(turn)

    def take_limit_answer(self, began: float, retry_after_seconds: float) -> None:
        """Take in a limit answer to a call granted at `began` (monotonic)."""
        now = self._clock.monotonic()
        in_window = self._window.in_window(now)
        self._limit_answers += 1
        if in_window <= self._allowance.limit:
            # By our own log we were within the law: somebody else uses the key, or the limit is not what we were told.
            self._foreign_use += 1
            self._foreign_use_at = self._clock.now()
        self._allowance.limited(now=now, sent_at=began, in_window=in_window, retry_after_seconds=retry_after_seconds)

    def close(self) -> None:
        """Hand out no more turns: whoever waits gets `GovernorClosed`. Calls on the wire go on."""
        self._closed = True
        for ticket in self._lanes.clear():
            ticket.decided.set()
        self._changed.set()

    async def drained(self) -> None:
        """Wait until no call is on the wire."""
        while self._window.in_flight:
            self._idle = anyio.Event()
            await self._idle.wait()

    async def flush(self) -> None:
        """Write the ends not written yet.

        Raises:
            Exception: whatever the journal raised; the ends are kept for another try.
        """
        finished, self._ends = self._ends, []
        if not finished:
            return
        try:
            await self._journal.finish(finished)
        except BaseException:
            self._ends = [*finished, *self._ends]
            raise

    def snapshot(self) -> GovernorSnapshot:
        """Return the state of this moment."""
        now = self._clock.monotonic()
        cap = self._allowance.cap(now)
        paused_until = self._allowance.paused_until(now)
        pause = 0.0 if paused_until is None else paused_until - now
        waiting = self._lanes.waiting()
        lane_minutes = self._forecast(waiting, free=self._window.free(now, cap), cap=cap, pause_minutes=pause / 60)
        return GovernorSnapshot(
            limit=self._allowance.limit,
            cap=cap,
            in_window=self._window.in_window(now),
            in_flight=self._window.in_flight,
            queued={lane.label: count for lane, count in waiting.items()},
            minutes_to_drain=max(lane_minutes.values()),
            lane_minutes_to_drain=lane_minutes,
            limit_answers=self._limit_answers,
            foreign_use=self._foreign_use,
            foreign_use_at=self._foreign_use_at,
            paused_until=None if paused_until is None else self._clock.now() + int(pause * 1000),
            granted=self._granted,
            progress=self._progress,
            closed=self._closed,
        )

    def _forecast(self, waiting: Mapping[Lane, int], *, free: int, cap: int, pause_minutes: float) -> dict[str, float]:
        """Return minutes until each lane is empty if nothing is added: behind all more urgent ones, or by its share."""
        minutes: dict[str, float] = {}
        before = 0
        for lane, count in waiting.items():
            before += count
            if count == 0:
                minutes[lane.label] = 0.0
                continue
            in_turn = max(0, before - free) / cap
            share = self._shares.get(lane, 0) * cap / self._allowance.limit
            by_share = count / share if share else math.inf
            minutes[lane.label] = round(pause_minutes + min(in_turn, by_share), 2)
        return minutes

    async def _grant_or_wait(self) -> float:
        """Grant one turn if there is room; return the seconds until there may be (0: look again at once)."""
        now = self._clock.monotonic()
        if not len(self._lanes):
            return math.inf
        cap = self._allowance.cap(now)
        delay = self._seconds_until_room(now, cap)
        if delay > 0:
            return delay
        if not self._holds_drop:
            await self._limiter.acquire()
            self._holds_drop = True
            return 0.0  # whoever is most urgent may have changed meanwhile
        scale = cap / self._allowance.limit
        only_orders = self._only_orders()
        ticket = self._lanes.pick(now, self._window.free(now, cap), scale=scale, only_orders=only_orders)
        if ticket is None:
            return math.inf if only_orders else self._seconds_until_a_lane(now, cap, scale)
        self._grant(ticket)
        return 0.0

    def _seconds_until_room(self, now: float, cap: int) -> float:
        if self._window.in_flight >= self._max_in_flight:
            return math.inf  # the end of a call wakes the loop
        paused_until = self._allowance.paused_until(now)
        if paused_until is not None:
            return paused_until - now
        return self._seconds_until_free(now, cap)

    def _seconds_until_free(self, now: float, cap: int) -> float:
        free_at = self._window.next_free_at(now, cap)
        return math.inf if free_at is None else free_at - now

    def _seconds_until_a_lane(self, now: float, cap: int, scale: float) -> float:
        """Only lower lanes wait and the window is down to the reserve: a share's due, or more room, lets one pass."""
        due = self._lanes.next_due_at() - now
        room = self._seconds_until_free(now, cap - self._lanes.kept_free(scale))
        return max(min(due, room), 0.0)

    def _only_orders(self) -> bool:
        """One place in flight is kept for orders, so that slow stock reads cannot hold them all."""
        return self._max_in_flight > 1 and self._below_orders_in_flight >= self._max_in_flight - 1

    def _grant(self, ticket: _Ticket) -> None:
        self._holds_drop = False
        self._window.begin()
        self._below_orders_in_flight += ticket.lane is not Lane.ORDERS
        self._granted += 1
        ticket.granted = True
        ticket.decided.set()

    async def _wait_for_grant(self, lane: Lane) -> None:
        if self._closed:
            raise GovernorClosed("no more turns")
        ticket = _Ticket(lane)
        self._lanes.add(ticket, lane, self._clock.monotonic())
        self._changed.set()
        try:
            await ticket.decided.wait()
        except BaseException:
            if ticket.granted:
                self._withdraw(lane)
            else:
                self._lanes.remove(ticket, lane)
            raise
        if not ticket.granted:
            raise GovernorClosed("no more turns")

    async def _begin(self, intent: Intent) -> _GrantedTurn:
        """Write the row. It is not left half done by a cancellation: a row is either known to us or not there."""
        began, sent_at = self._clock.monotonic(), self._clock.now()
        finished, self._ends = self._ends, []
        try:
            with anyio.CancelScope(shield=True):
                call_id = await self._journal.begin(intent, at=sent_at, finished=finished)
        except BaseException:
            self._ends = [*finished, *self._ends]
            self._withdraw(intent.lane)
            raise
        intent.call_id = call_id
        return _GrantedTurn(self, call_id=call_id, lane=intent.lane, sent_at=sent_at, began=began)

    def _withdraw(self, lane: Lane) -> None:
        self._window.withdraw()
        self._left(lane)

    def _end(self, turn: _GrantedTurn) -> None:
        now, wall_now = self._clock.monotonic(), self._clock.now()
        if turn.never_left:
            # The row's end is an instant, so after a restart it counts a little; here it costs nothing.
            self._ends.append((turn.call_id, turn.sent_at))
            self._withdraw(turn.lane)
            return
        seconds_left = self._seconds_left(turn, now, wall_now)
        self._ends.append((turn.call_id, wall_now + math.ceil(seconds_left * 1000)))
        self._window.end(now + seconds_left)
        self._left(turn.lane)

    def _seconds_left(self, turn: _GrantedTurn, now: float, wall_now: Instant) -> float:
        """Return how long a call may still be seen. Reckoned from both ends, in case the wall clock was stepped."""
        if turn.lost_until is None:
            return 0.0
        from_start = turn.began + (turn.lost_until - turn.sent_at) / 1000 - now
        from_now = (turn.lost_until - wall_now) / 1000
        return min(max(from_start, from_now, 0.0), _LONGEST_DOUBT_SECONDS) + GRACE_SECONDS

    def _left(self, lane: Lane) -> None:
        self._below_orders_in_flight -= lane is not Lane.ORDERS
        self._changed.set()
        self._idle.set()

    def _timeout_ms(self) -> int:
        """Return how long after it was sent a call without an end may still be seen."""
        return math.ceil((self._timeout_seconds + GRACE_SECONDS) * 1000)
