"""Group commit: who shares a transaction, who hears what, and what a failing disk does to each."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from storage.database import BATCH, CommitFailedError, Database, Stats, connect

both_modes = pytest.mark.parametrize("inline", [False, True], ids=["thread", "inline"])

TABLES = """
CREATE TABLE parents (id INTEGER PRIMARY KEY);
CREATE TABLE items (id INTEGER PRIMARY KEY, note TEXT UNIQUE,
                    parent INTEGER REFERENCES parents (id) DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE blobs (body BLOB);
CREATE TRIGGER no_negative BEFORE INSERT ON items WHEN NEW.id < 0 BEGIN SELECT RAISE(ABORT, 'negative'); END;
"""
FEW_PAGES = 40


def tables(connection: sqlite3.Connection) -> None:
    connection.executescript(TABLES)


def small_disk(connection: sqlite3.Connection) -> None:
    tables(connection)
    connection.execute(f"PRAGMA max_page_count = {FEW_PAGES}")


def insert(number: int, *, parent: int | None = None) -> Callable[[sqlite3.Connection], int]:
    def unit(connection: sqlite3.Connection) -> int:
        connection.execute("INSERT INTO items (id, note, parent) VALUES (?, ?, ?)", (number, f"item {number}", parent))
        return number

    return unit


def fill_disk(connection: sqlite3.Connection) -> None:
    """More than the disk holds, in a statement without a journal of its own: SQLite rolls everything back."""
    connection.execute("INSERT INTO blobs VALUES (zeroblob(4000000))")


def fill_disk_within_a_statement(connection: sqlite3.Connection) -> None:
    """More than the disk holds, in a statement with a journal: SQLite undoes only the statement."""
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)"
        " INSERT INTO items (id, note) SELECT i, printf('%.500c', 'x') || i FROM n"
    )


def ids(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT id FROM items ORDER BY id")]


def ids_on_disk(path: Path) -> list[int]:
    with closing(connect(path, read_only=True)) as connection:
        return ids(connection)


Outcome = int | BaseException


async def run_together(database: Database, *units: Callable[[sqlite3.Connection], int]) -> list[Outcome]:
    """Run units as callers that wait at the same time; return what each heard."""
    heard: dict[int, Outcome] = {}

    async def call(place: int, unit: Callable[[sqlite3.Connection], int]) -> None:
        try:
            heard[place] = await database.run(unit)
        except Exception as error:
            heard[place] = error

    async with anyio.create_task_group() as callers:
        for place, unit in enumerate(units):
            callers.start_soon(call, place, unit)
    return [heard[place] for place in range(len(units))]


@pytest.mark.parametrize("callers", [1, 8, 64, 256])
async def test_rows_per_commit_is_the_number_of_waiting_callers(tmp_path: Path, callers: int) -> None:
    rounds = 5

    async def call(database: Database, caller: int) -> None:
        for turn in range(rounds):
            await database.run(insert(caller * rounds + turn))

    async with Database.open(tmp_path / "t.db", prepare=tables, synchronous="OFF") as database:
        async with anyio.create_task_group() as tasks:
            for caller in range(callers):
                tasks.start_soon(call, database, caller)
        assert (database.stats.commits, database.stats.units) == (rounds, rounds * callers)
    assert len(ids_on_disk(tmp_path / "t.db")) == rounds * callers


async def test_a_transaction_takes_no_more_than_a_batch(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "t.db", prepare=tables, synchronous="OFF") as database:
        await run_together(database, *(insert(number) for number in range(BATCH + 44)))
        assert (database.stats.commits, database.stats.units) == (2, BATCH + 44)


@both_modes
async def test_a_unit_that_fails_rolls_back_alone(tmp_path: Path, inline: bool) -> None:
    def half_done(connection: sqlite3.Connection) -> int:
        insert(2)(connection)
        raise ValueError("changed my mind")

    async with Database.open(tmp_path / "t.db", prepare=tables, inline=inline) as database:
        first, second, third, fourth = await run_together(database, insert(1), half_done, insert(3), insert(1))
        assert (first, third) == (1, 3)
        assert isinstance(second, ValueError)
        assert isinstance(fourth, sqlite3.IntegrityError)
        assert not database.failing
        assert database.stats.failed_commits == 0
    assert ids_on_disk(tmp_path / "t.db") == [1, 3]


@both_modes
async def test_a_failing_commit_fails_them_all_and_the_next_one_mends_it(tmp_path: Path, inline: bool) -> None:
    async with Database.open(tmp_path / "t.db", prepare=tables, inline=inline) as database:
        # A deferred foreign key is looked at in COMMIT and not before.
        heard = await run_together(database, insert(1, parent=77), *([] if inline else [insert(2), insert(3)]))
        assert all(isinstance(each, CommitFailedError) for each in heard)
        assert database.failing
        assert ids_on_disk(tmp_path / "t.db") == []
        assert await database.run(insert(4)) == 4
        assert database.stats == Stats(commits=1, units=1, failed_commits=1)
    assert ids_on_disk(tmp_path / "t.db") == [4]


@pytest.mark.parametrize("fill", [fill_disk, fill_disk_within_a_statement])
@both_modes
async def test_a_full_disk_fails_the_whole_batch_and_leaves_nothing_half_done(
    tmp_path: Path, inline: bool, fill: Callable[[sqlite3.Connection], int]
) -> None:
    async with Database.open(tmp_path / "t.db", prepare=small_disk, inline=inline) as database:
        others = [] if inline else [insert(1), insert(2)]
        heard = await run_together(database, *others[:1], fill, *others[1:])
        assert all(isinstance(each, CommitFailedError) for each in heard), heard
        assert database.failing
        assert ids_on_disk(tmp_path / "t.db") == []
        await database.run(lambda connection: connection.execute("PRAGMA max_page_count = 100000").fetchone())
        await database.run(insert(3))
        assert database.stats.failing_since is None
    assert ids_on_disk(tmp_path / "t.db") == [3]


def test_the_two_full_disks_are_two(tmp_path: Path) -> None:
    """SQLite undoes everything for the one and a statement for the other: both have to be met above."""
    with closing(connect(tmp_path / "t.db")) as connection:
        small_disk(connection)
        for fill, still_in_transaction in ((fill_disk, False), (fill_disk_within_a_statement, True)):
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(sqlite3.OperationalError, match="full"):
                fill(connection)
            assert connection.in_transaction is still_in_transaction
            if connection.in_transaction:
                connection.execute("ROLLBACK")


async def test_nobody_hears_and_no_reader_sees_before_the_commit(tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()
    heard: list[int] = []

    def linger(connection: sqlite3.Connection) -> int:
        entered.set()
        assert leave.wait(10)
        return 2

    async def call(database: Database, unit: Callable[[sqlite3.Connection], int]) -> None:
        heard.append(await database.run(unit))

    async with (
        Database.open(tmp_path / "t.db", prepare=tables) as database,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(call, database, insert(1))
        tasks.start_soon(call, database, linger)
        assert await anyio.to_thread.run_sync(entered.wait, 10)
        assert await database.read(ids) == []
        assert heard == []
        leave.set()
        await database.run(insert(3))
        assert heard == [1, 2]
        assert await database.read(ids) == [1, 3]


async def test_what_waits_is_committed_before_the_file_closes(tmp_path: Path) -> None:
    with anyio.fail_after(10):
        await leave_with_callers_waiting(tmp_path)
    assert ids_on_disk(tmp_path / "t.db") == list(range(2 * BATCH + 50))


async def leave_with_callers_waiting(tmp_path: Path) -> None:
    async with anyio.create_task_group() as callers, Database.open(tmp_path / "t.db", prepare=tables) as database:
        for number in range(2 * BATCH + 50):
            callers.start_soon(database.run, insert(number))
        await anyio.lowlevel.checkpoint()
        assert database.stats.commits == 0


async def test_a_closed_database_refuses_instead_of_keeping_its_caller_waiting(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "t.db", prepare=tables) as database:
        pass
    with anyio.fail_after(5), pytest.raises(CommitFailedError, match="closed"):
        await database.run(insert(1))


@both_modes
async def test_a_reading_unit_cannot_write(tmp_path: Path, inline: bool) -> None:
    async with Database.open(tmp_path / "t.db", prepare=tables, inline=inline) as database:
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            await database.read(insert(1))
        assert await database.run(insert(2)) == 2
        assert await database.read(ids) == [2]


@both_modes
async def test_a_file_that_cannot_be_prepared_is_not_opened(tmp_path: Path, inline: bool) -> None:
    def refuse(connection: sqlite3.Connection) -> None:
        raise ValueError("not ours")

    with anyio.fail_after(5), pytest.raises(ValueError, match="not ours"):
        async with Database.open(tmp_path / "t.db", prepare=refuse, inline=inline):
            pytest.fail("it was opened")


def test_the_connection_that_writes_survives_a_power_cut(tmp_path: Path) -> None:
    with closing(connect(tmp_path / "t.db")) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


async def test_broken_off_as_by_a_kill_nothing_more_is_written(tmp_path: Path) -> None:
    async with Database.open(tmp_path / "t.db", prepare=tables, inline=True) as database:
        await database.run(insert(1))
        database.break_off()
        with pytest.raises(sqlite3.ProgrammingError):
            await database.run(insert(2))
    assert ids_on_disk(tmp_path / "t.db") == [1]
