"""One file, one writer, group commit.

A *unit of work* is a plain function of a `sqlite3.Connection` that returns values, never a cursor, and never awaits.
Units that wait at the same time share one transaction: BEGIN IMMEDIATE, each unit in a SAVEPOINT, COMMIT, one fsync.
A unit that fails rolls back alone; callers hear only after COMMIT; a COMMIT that fails, fails them all. There is no
timer: rows per commit becomes the number of callers by itself (measured: `bench/storage.py`).

One connection writes and does every checkpoint, because SQLite before 3.51.3 can corrupt a WAL file when two do at
once; readers are read-only. `inline=True` runs units in the caller, for a run on virtual time, where no thread may be.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Generic, TypeVar

import aiosqlite
import anyio
import msgspec

T = TypeVar("T")
Unit = Callable[[sqlite3.Connection], T]

BATCH = 256
"""Most units in one transaction: beyond it the fsync is already spread thin and latency grows."""

CACHED_STATEMENTS = 1024
"""More than there are statements (some 300 in an hour's work): with fewer, each is compiled again and again."""

_STORAGE_FAILS = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
    }
)
"""Primary result codes that blame the disk or the file, never the unit in whose statement they showed."""


class CommitFailedError(Exception):
    """The transaction was not committed: nothing of it happened. The disk is full, read-only or failing."""


class Stats(msgspec.Struct):
    """Counters since start: transactions committed, units in them, transactions that failed."""

    commits: int = 0
    units: int = 0
    failed_commits: int = 0
    failing_since: int | None = None


class _Waiting(Generic[T]):
    __slots__ = ("done", "error", "unit", "value")

    def __init__(self, unit: Unit[T]) -> None:
        self.unit = unit
        self.done = anyio.Event()
        self.value: T | None = None
        self.error: BaseException | None = None


def run_batch(connection: sqlite3.Connection, units: Sequence[Unit[Any]]) -> list[tuple[Any, Exception | None]]:
    """Run units in one transaction; return (value, error) for each, in order, after COMMIT.

    Raises:
        CommitFailedError: BEGIN or COMMIT failed, or SQLite rolled everything back by itself.
    """
    results: list[tuple[Any, Exception | None]] = []
    try:
        connection.execute("BEGIN IMMEDIATE")
        for unit in units:
            results.append(_run_one(connection, unit))
        connection.execute("COMMIT")
    except (sqlite3.Error, CommitFailedError) as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise CommitFailedError(str(error)) from error
    return results


def _run_one(connection: sqlite3.Connection, unit: Unit[Any]) -> tuple[Any, Exception | None]:
    connection.execute("SAVEPOINT unit")
    try:
        value = unit(connection)
    except Exception as error:
        if not connection.in_transaction or _storage_fails(error):
            # A full or failing disk makes SQLite roll back the whole transaction, or one statement of it: either way
            # nobody may hear "done", and the message whose statement it was is not to blame.
            raise CommitFailedError(str(error)) from error
        connection.execute("ROLLBACK TO unit")
        connection.execute("RELEASE unit")
        return None, error
    connection.execute("RELEASE unit")
    return value, None


def _storage_fails(error: Exception) -> bool:
    # The low byte of an extended result code is its primary code.
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _STORAGE_FAILS


class _Writer(aiosqlite.Connection):
    """aiosqlite with one method added: run a list of units on its thread in one hop."""

    async def run_units(self, units: Sequence[Unit[Any]]) -> list[tuple[Any, Exception | None]]:
        """Run the units in one transaction on the connection's own thread."""
        outcome: list[tuple[Any, Exception | None]] = await self._execute(  # type: ignore[no-untyped-call]
            run_batch, self._conn, units
        )
        return outcome

    def join(self) -> None:
        """Wait until the connection's thread has ended."""
        self._thread.join()

    async def read_unit(self, unit: Unit[T]) -> T:
        """Run one reading unit on the connection's own thread."""
        value: T = await self._execute(unit, self._conn)  # type: ignore[no-untyped-call]
        return value


def connect(path: Path, *, read_only: bool = False, synchronous: str = "FULL") -> sqlite3.Connection:
    """Open a connection as this project uses it: autocommit, WAL, foreign keys on.

    A read-only connection can also read a file whose daemon is down (then nobody writes it).
    """
    if read_only:
        address = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(
            address, uri=True, isolation_level=None, check_same_thread=False, cached_statements=CACHED_STATEMENTS
        )
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA busy_timeout = 5000")
        return connection
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=CACHED_STATEMENTS
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute("PRAGMA foreign_keys = 1")
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


@asynccontextmanager
async def _thread(connector: Callable[[], sqlite3.Connection]) -> AsyncIterator[_Writer]:
    connection = _Writer(connector, 64)
    try:
        await connection
    except BaseException:
        # aiosqlite tells its thread to stop and does not wait: the thread would answer a loop that is gone.
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(connection.join)
        raise
    try:
        yield connection
    finally:
        with anyio.CancelScope(shield=True):
            await connection.close()


class Database:
    """The daemon's file. Open it with `Database.open`; `run` writes, `read` reads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stats = Stats()
        self._waiting: deque[_Waiting[Any]] = deque()
        self._wake = anyio.Event()
        self._closing = False
        self._closed = False
        self._writer: _Writer | None = None
        self._reader: _Writer | None = None
        self._inline: sqlite3.Connection | None = None
        self._inline_reader: sqlite3.Connection | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        path: Path,
        *,
        prepare: Callable[[sqlite3.Connection], None] = lambda connection: None,
        inline: bool = False,
        synchronous: str = "FULL",
    ) -> AsyncIterator[Database]:
        """Open the file for writing until the block ends; waiting units are committed before it closes.

        `prepare` (the migrations) runs once on the fresh writing connection. `synchronous` is FULL wherever it matters
        that the power may fail; a simulated run, which only kills, may say OFF.
        """
        database = cls(path)

        def writing() -> sqlite3.Connection:
            connection = connect(path, synchronous=synchronous)
            try:
                prepare(connection)
            except BaseException:
                connection.close()
                raise
            return connection

        if inline:
            database._inline = writing()
            # A connection of its own: switching query_only on one has SQLite compile all its statements anew.
            database._inline_reader = connect(path, read_only=True)
            try:
                yield database
            finally:
                database.break_off()
            return
        async with (
            _thread(writing) as writer,
            _thread(lambda: connect(path, read_only=True)) as reader,
            anyio.create_task_group() as tasks,
        ):
            database._writer, database._reader = writer, reader
            tasks.start_soon(database._commit_forever)
            try:
                yield database
            finally:
                database._closing = True
                database._wake.set()

    @property
    def failing(self) -> bool:
        """True while the last transaction could not be committed."""
        return self.stats.failing_since is not None

    async def run(self, unit: Unit[T]) -> T:
        """Run a writing unit; return its value once it is committed.

        Raises:
            CommitFailedError: nothing happened.
            Exception: whatever the unit raised; its own changes were rolled back.
        """
        if self._inline is not None:
            return self._run_inline(self._inline, unit)
        if self._closed:
            raise CommitFailedError("the database is closed")
        waiting = _Waiting(unit)
        self._waiting.append(waiting)
        self._wake.set()
        await waiting.done.wait()
        if waiting.error is not None:
            raise waiting.error
        return waiting.value  # type: ignore[return-value]

    async def read(self, unit: Unit[T]) -> T:
        """Run a reading unit on the read-only connection; it sees what was committed before it began."""
        if self._inline_reader is not None:
            return unit(self._inline_reader)
        assert self._reader is not None  # noqa: S101
        return await self._reader.read_unit(unit)

    def _run_inline(self, connection: sqlite3.Connection, unit: Unit[T]) -> T:
        [(value, error)] = self._counted(lambda: run_batch(connection, [unit]), 1)
        if error is not None:
            raise error
        return value  # type: ignore[no-any-return]

    def break_off(self) -> None:
        """Drop the inline connections as a kill would: what was not committed is gone, nothing more can be written."""
        if self._inline is not None and self._inline_reader is not None:
            self._inline_reader.close()
            self._inline.close()

    async def _commit_forever(self) -> None:
        while True:
            await self._wake.wait()
            self._wake = anyio.Event()
            while self._waiting:
                await self._commit_some()
            if self._closing:
                self._closed = True
                return

    async def _commit_some(self) -> None:
        assert self._writer is not None  # noqa: S101
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        try:
            results = await self._writer.run_units([waiting.unit for waiting in batch])
        except CommitFailedError as error:
            self._failed()
            for waiting in batch:
                waiting.error = error
                waiting.done.set()
            return
        self._committed(len(batch))
        for waiting, (value, failure) in zip(batch, results, strict=True):
            waiting.value, waiting.error = value, failure
            waiting.done.set()

    def _counted(
        self, run: Callable[[], list[tuple[Any, Exception | None]]], units: int
    ) -> list[tuple[Any, Exception | None]]:
        try:
            results = run()
        except CommitFailedError:
            self._failed()
            raise
        self._committed(units)
        return results

    def _committed(self, units: int) -> None:
        self.stats.commits += 1
        self.stats.units += units
        self.stats.failing_since = None

    def _failed(self) -> None:
        self.stats.failed_commits += 1
        if self.stats.failing_since is None:
            self.stats.failing_since = self.stats.commits
