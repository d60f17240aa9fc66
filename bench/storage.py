"""Goal 2 of the performance reference: rows per fsync, and what a single caller pays for sharing a writer.

Run as `python -m bench.storage`. A row is a message of 4.3 KB under a UNIQUE key, written through the real
`Database.run` with `synchronous=FULL` to a real file in the current directory (the disk it measures). Callers write one
row after the other, each as soon as its last one is committed; nothing in the program waits for a batch to fill.

*Rows per fsync* is units over transactions: in WAL mode with FULL each transaction syncs the log once (a checkpoint,
about every 1,000 pages, syncs more; it is not counted). *Of raw* is the rate beside the fastest this file can be
written: sqlite3 itself, 256 rows a transaction, in the same run, in turns with ours, five rounds. The single caller is
measured beside plain aiosqlite, one row a transaction, row by row in turn, 2,000 of each, either first as often as
the other. Medians. Exit status 1 means that a goal was missed.
"""

from __future__ import annotations

import sqlite3
import statistics
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import aiosqlite
import anyio

from storage.database import BATCH, Database, connect

BODY = bytes(4_300)
TABLE = "CREATE TABLE messages (id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body BLOB NOT NULL)"
INSERT = "INSERT INTO messages (key, body) VALUES (?, ?)"
ROUNDS = 5
TURNS = 2_000
CALLERS = {1: 300, 8: 1_600, 64: 6_400, 256: 12_800}
"""Rows of one round, by number of callers."""

GOAL_ROWS_PER_FSYNC = 0.9
GOAL_SINGLE_CALLER = 0.95


class Keys:
    """Keys that are never the same twice."""

    def __init__(self) -> None:
        self._next = 0

    def take(self) -> str:
        """Return the next one."""
        self._next += 1
        return f"order/{self._next:012}"


def prepare(connection: sqlite3.Connection) -> None:
    connection.execute(TABLE)


def write(key: str, connection: sqlite3.Connection) -> int:
    return connection.execute(INSERT, (key, BODY)).rowcount


async def through_database(path: Path, callers: int, rows: int, keys: Keys) -> tuple[float, float]:
    """Return rows per second and rows per transaction of that many callers."""
    async with Database.open(path, prepare=prepare) as database:

        async def call() -> None:
            for _ in range(rows // callers):
                await database.run(partial(write, keys.take()))

        began = time.perf_counter()
        async with anyio.create_task_group() as tasks:
            for _ in range(callers):
                tasks.start_soon(call)
        seconds = time.perf_counter() - began
        return rows / seconds, database.stats.units / database.stats.commits


async def beside_aiosqlite(path: Path, plain_path: Path, keys: Keys) -> tuple[list[float], list[float]]:
    """Return the seconds of each row of one caller, ours and plain aiosqlite's (a commit each), row by row in turn.

    Who goes first changes with every turn: whoever always followed the other's fsync would pay for it.
    """
    with closing(connect(plain_path)) as connection:
        prepare(connection)
    async with Database.open(path, prepare=prepare) as database, aiosqlite.connect(plain_path) as plain:
        await plain.execute("PRAGMA synchronous = FULL")

        async def shared() -> None:
            await database.run(partial(write, keys.take()))

        async def alone() -> None:
            await plain.execute(INSERT, (keys.take(), BODY))
            await plain.commit()

        ours: list[float] = []
        plains: list[float] = []
        for turn in range(TURNS):
            for is_ours in (True, False) if turn % 2 else (False, True):
                began = time.perf_counter()
                await (shared() if is_ours else alone())
                (ours if is_ours else plains).append(time.perf_counter() - began)
        return ours, plains


def raw(path: Path, rows: int, keys: Keys) -> float:
    """Return rows per second of sqlite3 itself, 256 rows a transaction, without a thread between."""
    with closing(connect(path)) as connection:
        prepare(connection)
        began = time.perf_counter()
        for _ in range(rows // BATCH):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(INSERT, [(keys.take(), BODY) for _ in range(BATCH)])
            connection.execute("COMMIT")
        return rows / (time.perf_counter() - began)


async def measure(folder: Path) -> bool:
    """Print every figure beside its limit; return whether all goals were met."""
    keys, count = Keys(), 0

    def path() -> Path:
        nonlocal count
        count += 1
        return folder / f"{count}.db"

    raws: list[float] = []
    rates: dict[int, list[float]] = {callers: [] for callers in CALLERS}
    per_fsync: dict[int, float] = {}
    for _ in range(ROUNDS):
        raws.append(raw(path(), 12_800, keys))
        for callers, rows in CALLERS.items():
            rate, per_fsync[callers] = await through_database(path(), callers, rows, keys)
            rates[callers].append(rate)
    medians = {callers: statistics.median(found) for callers, found in rates.items()}
    met = _print_batches(medians, per_fsync, statistics.median(raws))
    return _print_single(*await beside_aiosqlite(path(), path(), keys)) and met


def _print_batches(medians: dict[int, float], per_fsync: dict[int, float], beside: float) -> bool:
    print(f"rows per fsync, goal ≥ {GOAL_ROWS_PER_FSYNC} × min(callers, {BATCH})")
    good = True
    for callers, found in per_fsync.items():
        limit = min(callers, BATCH)
        met = found >= GOAL_ROWS_PER_FSYNC * limit
        good = good and met
        print(
            f"  {callers:3} callers  {found:6.1f} of {limit:3}  {medians[callers]:8,.0f} rows/s,"
            f" {medians[callers] / beside:4.2f} of raw ({beside:,.0f})  {_verdict(met)}"
        )
    return good


def _print_single(ours: list[float], plains: list[float]) -> bool:
    mine, plain = statistics.median(ours), statistics.median(plains)
    met = plain / mine >= GOAL_SINGLE_CALLER
    print(f"a single caller beside plain aiosqlite, one row a transaction, goal ≥ {GOAL_SINGLE_CALLER}")
    print(f"  {plain / mine:.2f} ×: {mine * 1e6:,.0f} µs a row beside {plain * 1e6:,.0f} µs  {_verdict(met)}")
    return met


def _verdict(met: bool) -> str:
    return "ok" if met else "MISSED"


def main() -> int:
    """Measure in a folder of its own on this disk, and take it away again."""
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        return 0 if anyio.run(measure, Path(name)) else 1


if __name__ == "__main__":
    sys.exit(main())
