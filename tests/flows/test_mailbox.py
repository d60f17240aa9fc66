"""The mailbox is bounded, never blocks the sender, and keeps the order."""

from __future__ import annotations

import anyio
import pytest

from actors.core.mailbox import Mailbox
from actors.messages import Envelope, Flow, Urgency


def envelope(number: int) -> Envelope:
    return Envelope(id=number, flow=Flow.ORDERS, subject=str(number), attempt=1, accepted_at=0, urgency=Urgency.FRESH)


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox("orders", 3)


async def test_takes_as_many_as_it_has_room_for_and_refuses_the_rest(mailbox: Mailbox) -> None:
    assert [mailbox.offer(envelope(number)) for number in range(5)] == [True, True, True, False, False]
    assert (mailbox.free, mailbox.waiting) == (0, 3)
    first = await mailbox.take()
    assert first == envelope(0)
    assert (mailbox.free, mailbox.waiting) == (1, 2)
    assert mailbox.offer(envelope(5))
    assert not mailbox.offer(envelope(6))
    assert [each.id for each in mailbox.empty()] == [1, 2, 5]
    assert (mailbox.free, mailbox.waiting) == (3, 0)
    mailbox.dispose()


async def test_a_taker_that_waits_takes_no_room(mailbox: Mailbox) -> None:
    taken: list[Envelope | None] = []

    async def take() -> None:
        taken.append(await mailbox.take())

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        assert [mailbox.offer(envelope(number)) for number in range(5)] == [True, True, True, True, False]
    assert taken == [envelope(0)]
    mailbox.dispose()


async def test_closed_it_lets_nothing_in_and_gives_out_what_it_has(mailbox: Mailbox) -> None:
    mailbox.offer(envelope(1))
    mailbox.close()
    assert mailbox.closed
    assert not mailbox.offer(envelope(2))
    assert await mailbox.take() == envelope(1)
    assert await mailbox.take() is None
    assert mailbox.empty() == []
    mailbox.dispose()


async def test_closing_wakes_whoever_waits(mailbox: Mailbox) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(mailbox.take)
        await anyio.wait_all_tasks_blocked()
        mailbox.close()
    mailbox.dispose()
