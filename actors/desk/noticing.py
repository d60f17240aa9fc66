"""Sends what waits for one channel (subject `notice:CHANNEL`), one message at a time and the oldest first.

More than five alerts in a minute leave as one message, and so does what gathered in quiet hours or while the channel
did not work. A message is sent at least once: a process that dies between sending it and writing that down sends it
again. What could not be sent in a day is given up, unless what it tells still stands; the exception about its channel
stands until a message goes out.

A message that was tried five times, or once where the service says that it takes no such message, lets the others go
first, but for those of its own alert: nobody hears of an end before its beginning. One that is refused again right
after each of three others went out is given up: it is not the channel that does not work.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence

import msgspec

from actors.core.actor import UNREACHABLE_AFTER, Done, Later, Outcome, Surroundings
from actors.desk.messaging import Messenger, notice_nudge
from actors.desk.rules import AlertRules, Channel
from actors.desk.telling import INCIDENTS, UNDELIVERED
from actors.domain import alert_texts
from actors.domain.exception_types import Finding, Severity
from actors.domain.outgoing import Tone, UndeliveredError
from actors.domain.time import Instant
from actors.messages import Nudge
from storage import alerts, exceptions, maintenance, notices, outbox
from storage.exceptions import Record
from storage.notices import Notice

MOST_A_MINUTE = 5
"""More messages than this in a minute are put together."""

MINUTE = 60_000
GIVEN_UP_AFTER = 24 * 60 * MINUTE

STEPS_BACK_AFTER = 5
"""Tries after which a message no longer keeps others back."""

REFUSED_ALONE = 3
"""So often a message is refused, each time right after another went out, before it is given up."""

NOT_UNDERSTOOD = "its address is not understood"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What is to leave now, when more is, and until when nothing may."""

    batch: tuple[Notice, ...] = ()
    given_up: tuple[Notice, ...] = ()
    next_at: Instant | None = None
    silent_until: Instant | None = None


class NoticeWorker:
    """The sender of every channel."""

    name = "notice"

    def __init__(self, around: Surroundings, rules: AlertRules, messenger: Messenger) -> None:
        self._around = around
        self.rules = rules
        self.messenger = messenger
        self._checked: set[str] = set()
        self._working: set[str] = set()
        self._refused: Counter[int] = Counter()
        self._apart: set[int] = set()
        self._turned_away: set[int] = set()

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What an earlier process left unsent."""
        return tuple(notice_nudge(channel, due_at=now) for channel in self.rules.all_channels())

    async def work(self, subject: str) -> Outcome:
        """Send one message of the channel."""
        channel = self.rules.all_channels().get(subject)
        if channel is None:
            return Done()
        now = self._around.clock.now()
        waiting = await self._around.database.run(lambda connection: self._take(connection, channel, now))
        if waiting.silent_until is not None:
            return Later(due_at=waiting.silent_until, reason="maintenance")
        if not waiting.batch:
            await self._check(channel)
            return Done() if waiting.next_at is None else Later(due_at=waiting.next_at, reason="held")
        title, text = self._words(waiting.batch)
        try:
            await self.messenger.send(
                channel.key,
                title=f"[{self.rules.connection}] {title}",
                body=text,
                tone=tone_of(waiting.batch),
                topic=self._topic(waiting.batch),
            )
        except UndeliveredError as error:
            return self._failed(channel, waiting, error)
        self._working.add(channel.key)
        self._forget(waiting.batch)
        return Done(unit=lambda connection, at: self._sent(connection, channel, waiting, at))

    async def _check(self, channel: Channel) -> None:
        """Once a process, before anything has to leave: an address nobody understands is found now, not at an alert."""
        if channel.key in self._checked:
            return
        self._checked.add(channel.key)
        understood = await self.messenger.understands(channel.key)
        now = self._around.clock.now()

        def unit(connection: sqlite3.Connection) -> None:
            if not understood:
                self._tell(connection, channel, NOT_UNDERSTOOD, 0, now)
                return
            told = exceptions.of_record(connection, "channel", channel.key)
            if told and told[-1].facts.get("reason") == NOT_UNDERSTOOD:
                exceptions.resolve(connection, told[-1].id, resolution="its address is understood", now=now)

        await self._around.database.run(unit)

    def _take(self, connection: sqlite3.Connection, channel: Channel, now: Instant) -> Waiting:
        """Choose what leaves as one message, and say so before it is sent."""
        maintenance.keep(connection, self.rules.windows, now=now)  # one of the file may have begun since the last look
        silence = maintenance.current(connection, now=now)
        if silence is not None:
            return Waiting(silent_until=silence.ends_at)
        waiting = notices.waiting(connection, channel.key, now=now)
        old = [notice for notice in waiting if notice.tries and now - notice.due_at >= GIVEN_UP_AFTER]
        stands = {alert.id for alert in alerts.standing(connection)} if old else set()
        stale = [notice for notice in old if notice.alert not in stands]
        if stale:
            notices.give_up(connection, stale, "not delivered in a day")
            self._tell(connection, channel, stale[-1].error, len(stale), now)
            self._forget(stale)
            waiting = [notice for notice in waiting if notice not in stale]
        alone = [notice for notice in waiting if self._refused[notice.id] >= REFUSED_ALONE]
        if alone:
            self._forget(alone)
            notices.give_up(connection, alone, f"refused while others went out: {alone[-1].error}")
            waiting = [notice for notice in waiting if notice not in alone]
        waiting = self._let_by(waiting)
        if not waiting:
            return Waiting(next_at=notices.next_due(connection, channel.key))
        lately = notices.sent_since(connection, channel.key, now - MINUTE)
        batch = _batch(waiting, lately=lately, apart=channel.apart or waiting[0].id in self._apart)
        notices.leave(connection, batch)
        return Waiting(batch=batch)

    def _failed(self, channel: Channel, waiting: Waiting, error: UndeliveredError) -> Outcome:
        reason = error.reason
        tries = max(notice.tries for notice in waiting.batch) + 1
        ids = [notice.id for notice in waiting.batch]
        if channel.key in self._working:
            self._working.discard(channel.key)
            self._was_refused(ids)
        if error.refused:
            (self._turned_away if len(ids) == 1 else self._apart).update(ids)

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            notices.failed(connection, waiting.batch, reason)
            if tries >= UNREACHABLE_AFTER:
                self._tell(connection, channel, reason, 0, now)

        self._around.log("alert.undelivered", level="warning", channel=channel.scheme, reason=reason, tries=tries)
        return Later(due_at=None, reason="undelivered", unit=unit)

    def _forget(self, gone: Sequence[Notice]) -> None:
        """Nothing more is to be known of what left, or never will."""
        for notice in gone:
            self._refused.pop(notice.id, None)
            self._apart.discard(notice.id)
            self._turned_away.discard(notice.id)

    def _was_refused(self, ids: Sequence[int]) -> None:
        """Remember what was refused while the channel works; of what left together, each is tried by itself."""
        if len(ids) == 1:
            self._refused.update(ids)
        else:
            self._apart.update(ids)

    def _sent(self, connection: sqlite3.Connection, channel: Channel, waiting: Waiting, now: Instant) -> None:
        notices.sent(connection, waiting.batch, now=now)
        answered(connection, channel.key, now=now)
        next_at = notices.next_due(connection, channel.key)
        if next_at is not None:
            outbox.accept(connection, notice_nudge(channel.key, due_at=max(next_at, now)), now=now)

    def _tell(self, connection: sqlite3.Connection, channel: Channel, reason: str, lost: int, now: Instant) -> None:
        lost_words = f" {lost} of a day ago were given up." if lost else ""
        finding = Finding(
            code=UNDELIVERED,
            cause=f"Messages for the channel {channel.scheme} of an owner do not go out: {reason}.{lost_words}",
            group=f"{UNDELIVERED}:{channel.key}",
            facts={"reason": reason},
        )
        exceptions.raise_finding(connection, Record(kind="channel", id=channel.key), finding, now=now)

    def _words(self, batch: Sequence[Notice]) -> tuple[str, str]:
        if len(batch) == 1:
            return batch[0].title, batch[0].text
        told = [(notice.title, notice.text) for notice in batch]
        return alert_texts.together(told, link=f"{self.rules.base}/alerts")

    def _topic(self, batch: Sequence[Notice]) -> str:
        alert = batch[0].alert
        return f"tallyd/{self.rules.connection}/{alert}" if len(batch) == 1 and alert is not None else ""

    def _let_by(self, waiting: Sequence[Notice]) -> list[Notice]:
        """Return what may leave before those that do not go out; where there is nothing else, those."""
        stuck = [notice for notice in waiting if notice.tries >= STEPS_BACK_AFTER or notice.id in self._turned_away]
        theirs = {notice.alert for notice in stuck if notice.alert is not None}
        others = [notice for notice in waiting if notice not in stuck and notice.alert not in theirs]
        return others or list(waiting)


def _batch(waiting: Sequence[Notice], *, lately: int, apart: bool) -> tuple[Notice, ...]:
    short = [notice for notice in waiting if notice.kind in INCIDENTS]
    if apart or waiting[0].kind not in INCIDENTS or len(short) + lately <= MOST_A_MINUTE:
        return (waiting[0],)
    return tuple(short)


def answered(connection: sqlite3.Connection, channel: str, *, now: Instant) -> None:
    """A message went out: what said that none does is over."""
    record = Record(kind="channel", id=channel)
    exceptions.clear(connection, record, resolution="a message went out", now=now, types=(UNDELIVERED,))


def tone_of(batch: Sequence[Notice]) -> Tone:
    """Return the tone of what leaves together: that of its worst news."""
    news = [notice.severity for notice in batch if notice.kind in ("alert", "escalation")]
    if any(severity in (Severity.CRITICAL.value, Severity.ERROR.value) for severity in news):
        return Tone.FAILURE
    if news:
        return Tone.WARNING
    return Tone.SUCCESS if batch[0].kind == "recovery" else Tone.INFO
