"""What comes at the same time is committed together; all of a group hear that its commit failed or was cut off."""

from __future__ import annotations

from collections.abc import Callable

import anyio
import pytest

from actors.intake.gathering import Gathering


class Writer:
    """Commits when it is let to."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.free = anyio.Event()
        self.failing: dict[int, BaseException] = {}
        self.gathering = Gathering(self.commit, abandoned=lambda: LookupError("cut off"))
        self.at_the_end: Callable[[], None] = lambda: None
        self.told: dict[int, str] = {}

    async def commit(self, items: list[int]) -> None:
        self.groups.append(items)
        await self.free.wait()
        for item in items:
            if item in self.failing:
                raise self.failing[item]
        self.at_the_end()

    async def add(self, item: int, within: anyio.CancelScope | None = None) -> None:
        try:
            with within or anyio.CancelScope():
                await self.gathering.add(item)
                self.told[item] = "committed"
        except Exception as error:
            self.told[item] = str(error)


@pytest.fixture
def writer() -> Writer:
    return Writer()


async def test_a_single_one_is_committed_at_once(writer: Writer) -> None:
    writer.free.set()
    await writer.add(1)
    await writer.add(2)
    assert (writer.groups, writer.told) == ([[1], [2]], {1: "committed", 2: "committed"})


async def test_whoever_comes_during_a_commit_shares_the_next_one(writer: Writer) -> None:
    async with anyio.create_task_group() as tasks:
        for item in range(5):
            tasks.start_soon(writer.add, item)
        await anyio.wait_all_tasks_blocked()
        assert (writer.groups, writer.told) == ([[0]], {})
        writer.free.set()
    assert writer.groups == [[0], [1, 2, 3, 4]]
    assert set(writer.told.values()) == {"committed"}
    await writer.add(9)
    assert writer.groups[-1] == [9]


async def test_nobody_is_told_before_the_own_commit_is_through(writer: Writer) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.add, 0)
        tasks.start_soon(writer.add, 1)
        await anyio.wait_all_tasks_blocked()
        first, writer.free = writer.free, anyio.Event()
        first.set()
        await anyio.wait_all_tasks_blocked()
        assert (writer.groups, writer.told) == ([[0], [1]], {0: "committed"})
        writer.free.set()
    assert writer.told == {0: "committed", 1: "committed"}


async def test_a_commit_that_fails_is_told_to_its_group_and_to_nobody_else(writer: Writer) -> None:
    writer.failing = {2: ValueError("no")}
    async with anyio.create_task_group() as tasks:
        for item in range(4):
            tasks.start_soon(writer.add, item)
        await anyio.wait_all_tasks_blocked()
        writer.free.set()
    assert writer.told == {0: "committed", 1: "no", 2: "no", 3: "no"}
    await writer.add(7)
    assert writer.told[7] == "committed"


async def test_who_is_cut_off_while_committing_leaves_nobody_waiting(writer: Writer) -> None:
    scope = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.add, 0, scope)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(writer.add, 1)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert writer.groups == [[0], [1]]
        writer.free.set()
    assert writer.told == {1: "committed"}


async def test_the_others_of_a_group_that_was_cut_off_are_told_so(writer: Writer) -> None:
    scope = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.add, 0)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(writer.add, 1, scope)
        tasks.start_soon(writer.add, 2)
        await anyio.wait_all_tasks_blocked()
        first, writer.free = writer.free, anyio.Event()
        first.set()
        await anyio.wait_all_tasks_blocked()
        assert writer.groups == [[0], [1, 2]]
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert writer.told == {0: "committed", 2: "cut off"}
        writer.free.set()
    await writer.add(3)
    assert writer.groups[-1] == [3]


async def test_who_gives_up_waiting_is_left_out(writer: Writer) -> None:
    scope = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.add, 0)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(writer.add, 1, scope)
        tasks.start_soon(writer.add, 2)
        await anyio.wait_all_tasks_blocked()
        scope.cancel()
        await anyio.wait_all_tasks_blocked()
        writer.free.set()
    assert writer.groups == [[0], [2]]
    assert writer.told == {0: "committed", 2: "committed"}


async def test_who_gives_up_when_it_is_to_commit_for_all_passes_the_turn_on(writer: Writer) -> None:
    scope = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.add, 0)
        await anyio.wait_all_tasks_blocked()
        tasks.start_soon(writer.add, 1, scope)
        tasks.start_soon(writer.add, 2)
        await anyio.wait_all_tasks_blocked()
        writer.at_the_end = scope.cancel  # in the very turn of the loop in which the next one is appointed
        writer.free.set()
    assert writer.told == {0: "committed", 2: "committed"}
    assert writer.groups == [[0], [2]]
