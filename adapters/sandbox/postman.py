"""Between a subscription and whoever it tells: what commercetools and the queue behind it do to a notification.

At least once and in no order: a notification is late, comes twice, or overtakes another; it is brought again until it
is acknowledged. What somebody else put into the queue comes along and makes no sense.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal, Protocol

import msgspec

from adapters.sandbox.faults import DropConnectionError
from adapters.sandbox.timetable import Timetable
from adapters.transport import AnswerLostError, NotSentError

Payload = dict[str, Any]
Send = Callable[[Payload], Awaitable[bool]]
"""Brings one notification; True where it was acknowledged."""

_FAILURES = (DropConnectionError, NotSentError, AnswerLostError, OSError)


class _Clock(Protocol):
    def now(self) -> int: ...


class Letter(msgspec.Struct, kw_only=True):
    """A notification on its way; it is lost where nobody will bring it any more."""

    payload: Payload
    kind: Literal["right", "duplicate", "malformed"]
    tries: int = 0
    acknowledged: bool = False
    lost: bool = False


class Postman:
    """Takes what a subscription tells (`take` is its callback) and brings it, while `run` runs.

    Knobs, changeable at any time: `delay_seconds` (drawn for each letter), `shuffle` (letters may overtake each other;
    else each waits for those before it), `duplicate_share` and `malformed_share` (0 to 1: so many come once more, whole
    or garbled), `loses_when_off`. `backoff_seconds`: the first pause after a try that failed, doubled each time, and
    the longest.
    """

    def __init__(
        self,
        send: Send,
        *,
        clock: _Clock,
        seed: int = 0,
        delay_seconds: tuple[float, float] = (0.0, 3.0),
        shuffle: bool = True,
        duplicate_share: float = 0.0,
        malformed_share: float = 0.0,
        loses_when_off: bool = False,
        backoff_seconds: tuple[float, float] = (1.0, 60.0),
        at_once: int = 64,
    ) -> None:
        self._send = send
        self._clock = clock
        self._dice = random.Random(f"postman/{seed}")
        self._timetable = Timetable(clock, at_once=at_once)
        self._parked: list[Letter] = []
        self._last_due = 0
        self._off = False
        self._backoff = backoff_seconds
        self.delay_seconds = delay_seconds
        self.shuffle = shuffle
        self.duplicate_share = duplicate_share
        self.malformed_share = malformed_share
        self.loses_when_off = loses_when_off
        self.letters: list[Letter] = []

    # What is brought.

    def take(self, payload: Payload) -> None:
        """Take a notification to bring."""
        self._post(payload, "right")
        if self._dice.random() < self.duplicate_share:
            self._post(payload, "duplicate")
        if self._dice.random() < self.malformed_share:
            self._post(_garbled(payload, self._dice), "malformed")

    async def run(self) -> None:
        """Bring letters as they come due, for ever."""
        await self._timetable.run()

    def switch_off(self) -> None:
        """Bring nothing from now on. What comes or comes due meanwhile waits, or is lost."""
        self._off = True

    def switch_on(self) -> None:
        """Go on, beginning with what waited."""
        self._off = False
        parked, self._parked = self._parked, []
        for letter in parked:
            self._enter(letter, self._clock.now())

    def _post(self, payload: Payload, kind: Literal["right", "duplicate", "malformed"]) -> None:
        letter = Letter(payload=payload, kind=kind)
        self.letters.append(letter)
        if self._off and self.loses_when_off:
            letter.lost = True
            return
        due = self._clock.now() + round(self._dice.uniform(*self.delay_seconds) * 1000)
        if not self.shuffle:
            due = max(due, self._last_due)
        self._last_due = due
        self._enter(letter, due)

    def _enter(self, letter: Letter, due_ms: int) -> None:
        self._timetable.add(due_ms, partial(self._bring, letter))

    async def _bring(self, letter: Letter) -> None:
        if self._off:
            self._hold_back(letter)
            return
        letter.tries += 1
        try:
            letter.acknowledged = await self._send(letter.payload)
        except _FAILURES:
            letter.acknowledged = False
        if not letter.acknowledged:
            first, longest = self._backoff
            pause = min(first * 2 ** (letter.tries - 1), longest) * (1 + self._dice.random() / 10)
            self._enter(letter, self._clock.now() + round(pause * 1000))

    def _hold_back(self, letter: Letter) -> None:
        if self.loses_when_off:
            letter.lost = True
        else:
            self._parked.append(letter)

    # What the books say.

    @property
    def taken(self) -> set[str]:
        """Every event there was to bring, by identity."""
        return {identity(letter.payload) for letter in self.letters if letter.kind == "right"}

    @property
    def brought(self) -> set[str]:
        """Every event that was acknowledged at least once."""
        return {identity(one.payload) for one in self.letters if one.acknowledged and one.kind != "malformed"}

    @property
    def lost(self) -> set[str]:
        """Every event of which no letter arrived, or can arrive any more."""
        alive = {identity(one.payload) for one in self.letters if not one.lost and one.kind != "malformed"}
        return self.taken - alive

    @property
    def waiting(self) -> int:
        """How many letters are neither acknowledged nor lost."""
        return sum(1 for letter in self.letters if not letter.acknowledged and not letter.lost)


def identity(payload: Payload) -> str:
    """Name an event as commercetools says to tell duplicates by (fact sheet §2.1): the same in either format.

    `m:<resource>:<sequence number>` of a Message, `c:<resource>:<version>:<kind>` of a Change.
    """
    told = payload["data"] if "specversion" in payload else payload
    subject, kind = told["resource"]["id"], told["notificationType"]
    if kind == "Message":
        return f"m:{subject}:{told['sequenceNumber']}"
    return f"c:{subject}:{told['version']}:{kind}"


def _garbled(payload: Payload, dice: random.Random) -> Payload:
    """Make something of a notification that names no event any more."""
    told = payload["data"] if "specversion" in payload else payload
    wrong: list[Payload] = [
        {"note": "this is not a notification"},
        {**told, "resource": {"typeId": told["resource"]["typeId"]}},
        {**told, "resource": told["resource"]["id"]},
        {**told, "notificationType": "Rumour"},
        {name: value for name, value in told.items() if name not in ("sequenceNumber", "version")},
    ]
    chosen = dice.choice(wrong)
    return {**payload, "data": chosen} if "specversion" in payload else chosen
