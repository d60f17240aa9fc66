"""The whole process, filled by a real queue over HTTP, killed between receiving, committing and deleting."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import anyio.abc

from actors.domain.crashpoints import MechanismPoint
from adapters.sandbox.postman import identity
from adapters.sandbox.server import serve
from tests.aws import KEYS, REGION, Aws, running_aws
from tests.journeys.test_kill_everywhere import Journey, _free_port, _pass
from tests.simulation.laws import assert_sale_equals_order

ROUND = 15
"""Orders placed for each life of the daemon: two batches of messages at least."""

MALFORMED = "no notification at all"


class QueueJourney(Journey):
    """A shop whose subscription fills a queue; each third message is put there twice, and sweeps do not help."""

    def __init__(self, folder: Path, aws: Aws) -> None:
        super().__init__(folder)
        self.aws = aws
        self.queue_url = aws.create_queue("journey")
        self.told: Counter[str] = Counter()
        self._unsent: list[str] = []
        self.environment |= {"TALLYD_AWS_ACCESS_KEY_ID": KEYS[0], "TALLYD_AWS_SECRET_ACCESS_KEY": KEYS[1]}
        self.shop.subscribe(self._take)

    def configure(self, *, shop: int, cin7: int, operator: int) -> None:
        super().configure(shop=shop, cin7=cin7, operator=operator)
        sqs = f'sqs = {{ queue_url = "{self.queue_url}", region = "{REGION}", endpoint_url = "{self.aws.url}" }}'
        text = self.config.read_text(encoding="utf-8").replace("[intake]", f"[intake]\n{sqs}")
        text = text.replace("hot_seconds = 0.2", "hot_seconds = 3600").replace(
            "sweep_seconds = 1", "sweep_seconds = 3600"
        )
        self.config.write_text(text, encoding="utf-8")

    def fill(self) -> None:
        """Place a round of orders, and tell of them in any order."""
        for _ in range(ROUND):
            assert self.generator.place_next() is not None
        self.tell()

    def tell(self) -> None:
        """Put what there is to tell into the queue: of new orders, and of the daemon's own writes."""
        unsent, self._unsent = self._unsent, []
        self.chance.shuffle(unsent)
        self.aws.send(self.queue_url, unsent)

    def _take(self, payload: dict[str, Any]) -> None:
        copies = 2 if len(self.told) % 3 == 0 else 1
        self.told[identity(payload)] += copies
        self._unsent += [json.dumps(payload)] * copies

    def settled(self) -> bool:
        with closing(self.books()) as books:
            states = dict(books.execute("SELECT state, count(*) FROM orders GROUP BY state"))
        all_sold = states == {"exported": len(self.shop.orders)}
        return all_sold and not self._unsent and self.aws.counts(self.queue_url) == (0, 0)

    def books(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.folder}/tallyd.db?mode=ro", uri=True)


def test_nothing_a_queue_tells_is_lost_by_a_kill(tmp_path: Path) -> None:
    """Given kills before the commit, and between it and the deletion: all is known, what came twice is counted."""
    with running_aws() as aws, closing(QueueJourney(tmp_path, aws)) as journey:
        anyio.run(_run, journey)
        _assert_everything_is_known(journey)
        _assert_every_order_is_one_sale(journey)


async def _run(journey: QueueJourney) -> None:
    async with serve(journey.shop.handle) as shop, serve(journey.cin7.handle) as cin7:
        journey.configure(shop=shop, cin7=cin7, operator=_free_port())
        journey.aws.send(journey.queue_url, [MALFORMED])
        for point, nth in ((MechanismPoint.DELIVERED, 2), (MechanismPoint.NOTED, 1), (MechanismPoint.NOTED, 3)):
            journey.fill()
            await _dies_at(journey, point, nth)
        await _finish(journey)


async def _dies_at(journey: QueueJourney, point: str, nth: int) -> None:
    async with journey.start_to_die(point, nth) as process:
        with anyio.fail_after(30):
            await process.wait()
    assert process.returncode == -signal.SIGKILL, journey.log.read_text()[-2000:]


async def _finish(journey: QueueJourney) -> None:
    """Start once more; orders of the last round are placed when it runs, so that the queue alone can tell of them."""
    async with await journey.start() as process:
        await _until_listening(journey, process)
        journey.fill()
        with anyio.fail_after(60):
            while not journey.settled():
                assert process.returncode is None, "the daemon ended"
                journey.tell()
                await _pass(process, 0.2)
        process.terminate()
        with anyio.fail_after(30):
            await process.wait()
    assert process.returncode == 0, journey.log.read_text()[-2000:]


async def _until_listening(journey: QueueJourney, process: anyio.abc.Process) -> None:
    with anyio.fail_after(30):
        while not journey.listening():
            assert process.returncode is None, "the daemon ended"
            await _pass(process, 0.1)


def _assert_everything_is_known(journey: QueueJourney) -> None:
    with closing(journey.books()) as books:
        copies = dict(books.execute("SELECT identity, copies FROM notifications WHERE door = 'sqs'"))
        accepted, repeated, unreadable = books.execute(
            "SELECT accepted, repeated, unreadable FROM doors WHERE name = 'sqs'"
        ).fetchone()
        told = books.execute("SELECT count(*) FROM exceptions WHERE type = 'notification_unreadable'").fetchone()[0]
    assert set(copies) == set(journey.told)
    assert accepted == len(journey.told)
    assert repeated == sum(copies.values())
    sent_again = sum(journey.told.values()) - len(journey.told)
    assert repeated > sent_again, "what was committed before a kill and deleted by nobody comes a second time"
    assert all(copies[event] >= times - 1 for event, times in journey.told.items())
    assert unreadable >= 1
    assert told == 1


def _assert_every_order_is_one_sale(journey: QueueJourney) -> None:
    by_reference = {sale.reference: sale for sale in journey.cin7.live_sales()}
    assert len(by_reference) == len(journey.cin7.live_sales()) == len(journey.shop.orders) == 4 * ROUND
    for order in journey.shop.orders.values():
        assert_sale_equals_order(order, by_reference[str(order["orderNumber"])])
