"""The recommended door: an Amazon SQS queue that commercetools, or an SNS topic, fills (fact sheet §2.4).

A message is deleted only after its event is committed, and stays hidden meanwhile. Whatever happens in between, a kill,
a cancel or a lost answer, ends in a second delivery, which is a duplicate and no more.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Protocol, TypeVar

import anyio

from actors.domain.notification import IntakeClosedError
from actors.domain.time import Clock
from adapters.intake.platform import read_notifications, unwrap_sns
from adapters.intake.ports import SQS, Accept
from adapters.intake.sqs_queue import Address, Message, Queue, QueueError, opened

T = TypeVar("T")

_LOOPS = 2
"""While one batch is being committed and deleted, another is being received."""

_DELETIONS = 3
_DELETE_AGAIN_SECONDS = 0.2
_SETTLE_SECONDS = 5.0
"""How long what was accepted may take to be deleted, and on a cancel, what was not to be given back."""

_LEAST_BACKOFF_SECONDS = 1.0
_MOST_BACKOFF_SECONDS = 60.0
_TOLD_AFTER = 2
"""What fails this often in a row is told: one lost connection is nobody's business."""

OnTrouble = Callable[[str, str | None], Awaitable[None]]
"""Told the door's name and what is wrong with it in plain words, or None once nothing is."""


class Connect(Protocol):
    """Opens a connection to the queue."""

    def __call__(self, address: Address, *, wait_seconds: int) -> AbstractAsyncContextManager[Queue]:
        """Open one that may wait so long for a message."""
        ...


class SqsDoor:
    """Reads the queue until it is closed. `visibility_seconds`: how long a message is hidden, renewed at half of it."""

    name = "door-sqs"

    def __init__(
        self,
        *,
        queue_url: str,
        region: str,
        endpoint_url: str | None,
        keys: tuple[str, str] | None,
        accept: Accept,
        clock: Clock,
        chance: random.Random,
        on_trouble: OnTrouble,
        wait_seconds: int = 20,
        visibility_seconds: int = 10,
        connect: Connect = opened,
    ) -> None:
        self._connect = connect
        self._address = Address(queue_url=queue_url, region=region, endpoint_url=endpoint_url, keys=keys)
        self._accept = accept
        self._clock = clock
        self._chance = chance
        self._troubles = _Troubles(on_trouble)
        self._wait = wait_seconds
        self._visibility = visibility_seconds
        self._closed = False
        self._refused = False
        self._waits: set[anyio.CancelScope] = set()

    async def run(self) -> None:
        """Read until closed; what was received by then is accepted and deleted, or given back."""
        async with anyio.create_task_group() as loops:
            for _ in range(_LOOPS):
                loops.start_soon(self._keep_reading)

    def close(self) -> None:
        """Receive nothing more."""
        self._closed = True
        for scope in self._waits:
            scope.cancel()

    async def _unless_closed(self, wait: Callable[[], Awaitable[T]]) -> T | None:
        """Wait, or return None at once when the door is closed meanwhile."""
        with anyio.CancelScope() as scope:
            self._waits.add(scope)
            try:
                return None if self._closed else await wait()
            finally:
                self._waits.discard(scope)
        return None

    async def _keep_reading(self) -> None:
        failures = 0
        while not self._closed:
            try:
                async with self._connect(self._address, wait_seconds=self._wait) as queue:
                    while not self._closed:
                        # After a failure an answer is wanted at once: it says that the trouble is over.
                        await self._read(queue, wait_seconds=0 if failures else self._wait)
                        failures = 0
            except QueueError as error:
                failures += 1
                await self._troubles.begin("receive", f"{error}")
                await self._pause(self._backoff(failures))

    def _backoff(self, failures: int) -> float:
        longest = min(_MOST_BACKOFF_SECONDS, _LEAST_BACKOFF_SECONDS * 2.0 ** min(failures - 1, 10))
        return longest * self._chance.uniform(0.5, 1.0)

    async def _pause(self, seconds: float) -> None:
        await self._unless_closed(lambda: self._clock.sleep(seconds))

    async def _read(self, queue: Queue, *, wait_seconds: int) -> None:
        """Receive once and settle what came."""
        await self._until_accepting()
        messages = await self._unless_closed(
            lambda: queue.receive(wait_seconds=wait_seconds, hide_seconds=self._visibility)
        )
        if messages is None:
            return
        await self._troubles.end("receive")
        if messages:
            await self._settle(queue, messages)

    async def _settle(self, queue: Queue, messages: Sequence[Message]) -> None:
        """Accept and delete, or give back for later what is refused."""
        try:
            async with self._hidden(queue, messages):
                outcome = await self._accept_patiently(messages)
        except anyio.get_cancelled_exc_class():
            with anyio.move_on_after(_SETTLE_SECONDS, shield=True):
                await self._give_back(queue, messages, after_seconds=0)
            raise
        if isinstance(outcome, IntakeClosedError):
            self._refused = True
            await self._give_back(queue, messages, after_seconds=0 if self._closed else outcome.retry_after_seconds)
            return
        if len(outcome) == len(messages):
            await self._troubles.end("accept")
        if outcome:
            await self._delete(queue, outcome)

    @asynccontextmanager
    async def _hidden(self, queue: Queue, messages: Sequence[Message]) -> AsyncIterator[None]:
        """Keep messages hidden for as long as this lasts."""

        async def renew() -> None:
            while True:
                await self._clock.sleep(self._visibility / 2)
                with suppress(QueueError):  # at worst they come a second time
                    await queue.hide(messages, seconds=self._visibility)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(renew)
            yield
            tasks.cancel_scope.cancel()

    async def _accept_patiently(self, messages: Sequence[Message]) -> Sequence[Message] | IntakeClosedError:
        """Return what was accepted, or the refusal when it outlasts the time a message may be kept."""
        until = self._clock.monotonic() + self._visibility
        while True:
            try:
                return await self._accept_all(messages)
            except IntakeClosedError as refusal:
                again = refusal.retry_after_seconds
                if self._closed or self._clock.monotonic() + again >= until:
                    return refusal
                await self._pause(again)

    async def _accept_all(self, messages: Sequence[Message]) -> Sequence[Message]:
        """Accept in one commit, and where that fails each by itself: one of them must not keep the others out.

        Raises:
            IntakeClosedError: nothing is accepted now.
        """
        try:
            await self._accept(SQS, [read_notifications(unwrap_sns(message.body)) for message in messages])
        except IntakeClosedError:
            raise
        except Exception as error:
            if len(messages) > 1:
                return [message for message in messages if await self._accept_all([message])]
            # It stays in the queue and comes again, until the dead-letter queue takes it.
            await self._troubles.begin(
                "accept", f"a message cannot be written down ({type(error).__name__})", at_once=True
            )
            return []
        return messages

    async def _until_accepting(self) -> None:
        """Leave the queue alone while nothing is accepted: every delivery counts towards the dead-letter queue."""
        while self._refused and not self._closed:
            try:
                await self._accept(SQS, [])
                self._refused = False
            except IntakeClosedError as refusal:
                await self._pause(refusal.retry_after_seconds)

    async def _delete(self, queue: Queue, messages: Sequence[Message]) -> None:
        """Delete what was accepted, even when cancelled; what is not deleted comes again as a duplicate."""
        left, reason = list(messages), "it does not answer"
        with anyio.move_on_after(_SETTLE_SECONDS, shield=True):
            for attempt in range(_DELETIONS):
                if attempt:
                    await self._clock.sleep(_DELETE_AGAIN_SECONDS)
                try:
                    left, reason = await queue.delete(left), "it keeps what is to be deleted"
                except QueueError as error:
                    reason = f"{error}"
                if not left:
                    await self._troubles.end("delete")
                    return
        await self._troubles.begin("delete", f"messages cannot be deleted: {reason}")

    async def _give_back(self, queue: Queue, messages: Sequence[Message], *, after_seconds: int) -> None:
        with suppress(QueueError):  # then they come when they are hidden no more
            await queue.hide(messages, seconds=after_seconds)


class _Troubles:
    """What goes wrong, by what was being done: told once when it lasts, and once when nothing does any more."""

    def __init__(self, tell: OnTrouble) -> None:
        self._tell = tell
        self._failures: Counter[str] = Counter()
        self._told: dict[str, str] = {}

    async def begin(self, doing: str, reason: str, *, at_once: bool = False) -> None:
        """Count a failure; tell it when it is one too many in a row, or `at_once`, unless it has been told."""
        self._failures[doing] += 1
        lasts = at_once or self._failures[doing] >= _TOLD_AFTER
        if not lasts or self._told.get(doing) == reason:
            return
        self._told[doing] = reason
        await self._tell(SQS, reason)

    async def end(self, doing: str) -> None:
        """Count a success."""
        del self._failures[doing]
        if self._told.pop(doing, None) is not None and not self._told:
            await self._tell(SQS, None)
