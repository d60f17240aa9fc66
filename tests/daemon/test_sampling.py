"""How the call budget and the backlog went is written down once a minute, kept for two weeks, and drawn thinned."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import cast

import pytest

from actors.core.actor import Later
from actors.desk.ports import Worker
from daemon.desk.sampling import KEPT, MINUTE, NAME, SampleWorker, budget
from daemon.desk.workers import desk_workers
from daemon.secrets import Secrets
from storage import samples
from storage.samples import Sample
from tests.daemon_app import NOW, FixedClock, TestApp, assembled
from tests.stored import fresh

HOUR = 60 * MINUTE


def sample(at: int, *, minutes: float = 0.0) -> Sample:
    return Sample(
        at=at,
        limit=60,
        in_window=3,
        queued={"orders": 2},
        minutes_to_drain=minutes,
        outbox_ready=5,
        open_exceptions=1,
    )


async def taken(app: TestApp) -> Later:
    """Let the worker take a sample, and commit it as the actor does."""
    worker: Worker = SampleWorker(app.engine)
    outcome = await worker.work("")
    assert isinstance(outcome, Later)
    unit = outcome.unit
    assert unit is not None
    await app.engine.database.run(lambda connection: unit(connection, app.engine.clock.now()))
    return outcome


async def test_a_sample_says_how_things_stand(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        outcome = await taken(app)
        [drawn] = await app.engine.database.read(
            lambda connection: budget(connection, hours=1, most=500, now=app.engine.clock.now())
        )
    assert outcome.due_at == (NOW // MINUTE + 1) * MINUTE
    assert drawn == {
        "at": "2027-01-15T08:00:01.000Z",
        "limit": 60,
        "in_window": 0,
        "queued": dict.fromkeys(("orders", "fulfilment", "finance", "stock", "catalogue", "backfill"), 0),
        "minutes_to_drain": 0.0,
        "outbox_ready": 0,
        "open_exceptions": 1,
    }


async def test_samples_are_kept_for_two_weeks(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        await taken(app)
        cast("FixedClock", app.engine.clock).at += KEPT
        await taken(app)
        cast("FixedClock", app.engine.clock).at += 1
        await taken(app)
        kept = await app.engine.database.read(lambda connection: samples.thinned(connection, since=0, every=1))
    assert len(kept) == 2


@pytest.fixture
def file(tmp_path: Path) -> sqlite3.Connection:
    return fresh(tmp_path)


def test_of_many_samples_the_busiest_are_drawn(file: sqlite3.Connection) -> None:
    for minute in range(1, 24 * 60):
        one = sample(NOW - minute * MINUTE, minutes=9.5 if minute == 777 else 1.0)
        samples.add(file, one, keep_from=0)
    drawn = budget(file, hours=24, most=288, now=NOW)
    assert 280 <= len(drawn) <= 288
    assert max(one["minutes_to_drain"] for one in drawn) == 9.5
    assert [one["at"] for one in drawn] == sorted(one["at"] for one in drawn)
    file.close()


@pytest.mark.parametrize("hours", [1, 24, 336])
@pytest.mark.parametrize("most", [288, 500])
def test_no_more_are_drawn_than_asked_for(file: sqlite3.Connection, hours: int, most: int) -> None:
    for minute in range(hours * 60 + 1):
        samples.add(file, sample(NOW - minute * MINUTE - minute % 7), keep_from=0)
    assert len(budget(file, hours=hours, most=most, now=NOW)) <= most
    file.close()


async def test_the_daemon_has_the_worker(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        secrets = Secrets({}, storage_key=bytes(32), operator_tokens=())
        workers = desk_workers(lambda: app, app.settings, secrets)(app.engine)
    [worker] = [one for one in workers if one.name == NAME]
    [first] = worker.first_nudges(NOW)
    assert (first.subject, first.due_at) == (NAME, NOW)
