"""The whole process, pushed to by SNS over HTTP, killed before a commit, between it and the answer, and at random."""

from __future__ import annotations

import base64
import json
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import anyio
import anyio.abc
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from actors.core.clock import SystemClock
from actors.domain.crashpoints import MechanismPoint
from actors.domain.time import format_instant
from adapters.http_transport import HttpTransport
from adapters.sandbox.postman import Postman
from adapters.sandbox.server import serve
from adapters.transport import Request, Response, Transport
from tests.journeys.test_kill_everywhere import Journey, _free_port, _pass
from tests.simulation.laws import assert_sale_equals_order

ROUND = 6
"""Orders placed for each life of the daemon."""

KILLS = ((MechanismPoint.DELIVERED, 2), (MechanismPoint.NOTED, 1), (MechanismPoint.NOTED, 3))
TOPIC = "arn:aws:sns:eu-west-1:123456789012:journey"


class Sns:
    """Signs what a topic is told and pushes it; serves the certificate it signs with."""

    def __init__(self, wire: Transport, door: str) -> None:
        self._wire = wire
        self._door = door
        self._key = generate_private_key(public_exponent=65537, key_size=2048)
        self._clock = SystemClock()
        self.base = ""

    async def certificate(self, _request: Request) -> Response:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.fromtimestamp(self._clock.now() / 1000, UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .sign(self._key, hashes.SHA256())
        )
        return Response(status=200, body=made.public_bytes(Encoding.PEM))

    async def send(self, payload: dict[str, Any]) -> bool:
        """Push one notification; True where it was acknowledged."""
        body = json.dumps(self._envelope(json.dumps(payload))).encode()
        headers = {"Content-Type": "text/plain; charset=UTF-8", "x-amz-sns-message-type": "Notification"}
        answer = await self._wire.send(
            Request(method="POST", url=self._door, headers=headers, body=body, timeout_seconds=10)
        )
        return answer.status == 200

    def _envelope(self, message: str) -> dict[str, str]:
        signed = {
            "Message": message,
            "MessageId": str(uuid4()),
            "Timestamp": format_instant(self._clock.now()),
            "TopicArn": TOPIC,
            "Type": "Notification",
        }
        text = "".join(f"{name}\n{value}\n" for name, value in signed.items()).encode()
        signature = base64.b64encode(self._key.sign(text, PKCS1v15(), hashes.SHA256())).decode()
        return signed | {
            "SignatureVersion": "2",
            "Signature": signature,
            "SigningCertURL": f"{self.base}/certificate.pem",
        }


class PushedJourney(Journey):
    """A shop whose subscription tells a topic that pushes late, twice and in no order; sweeps read only at a start."""

    def __init__(self, folder: Path, wire: Transport) -> None:
        super().__init__(folder)
        self._port = _free_port()
        self.sns = Sns(wire, f"http://127.0.0.1:{self._port}/intake/commercetools/sns")
        self.postman = Postman(
            self.sns.send,
            clock=SystemClock(),
            seed=7,
            delay_seconds=(0.0, 0.5),
            duplicate_share=0.3,
            backoff_seconds=(0.1, 1.0),
        )
        self.shop.subscribe(self.postman.take)

    def configure(self, *, shop: int, cin7: int, operator: int) -> None:
        super().configure(shop=shop, cin7=cin7, operator=operator)
        sns = f'sns = {{ topic_arns = ["{TOPIC}"], endpoint_url = "{self.sns.base}" }}'
        text = self.config.read_text(encoding="utf-8")
        for old, new in (
            ("[intake]", f'[intake]\nbind = "127.0.0.1:{self._port}"\n{sns}'),
            ("hot_seconds = 0.2", "hot_seconds = 3600"),
            ("sweep_seconds = 1", "sweep_seconds = 3600"),
        ):
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        self.config.write_text(text, encoding="utf-8")

    def fill(self) -> None:
        for _ in range(ROUND):
            assert self.generator.place_next() is not None

    def settled(self) -> bool:
        with closing(self.books()) as books:
            states = dict(books.execute("SELECT state, count(*) FROM orders GROUP BY state"))
        return states == {"exported": len(self.shop.orders)} and not self.postman.waiting

    def books(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self.folder}/tallyd.db?mode=ro", uri=True)


def test_nothing_a_topic_pushes_is_lost_by_a_kill(tmp_path: Path) -> None:
    """Given kills on either side of the commit: what was acknowledged is known, what was not is pushed again."""
    anyio.run(_journey, tmp_path)


async def _journey(folder: Path) -> None:
    async with HttpTransport(reuse_connections=False) as wire:
        with closing(PushedJourney(folder, wire)) as journey:
            await _run(journey)
            _assert_every_event_is_known_once(journey)
            _assert_every_order_is_one_sale(journey)


async def _run(journey: PushedJourney) -> None:
    async with (
        serve(journey.shop.handle) as shop,
        serve(journey.cin7.handle) as cin7,
        serve(journey.sns.certificate) as certificates,
        anyio.create_task_group() as tasks,
    ):
        journey.sns.base = f"http://127.0.0.1:{certificates}"
        journey.configure(shop=shop, cin7=cin7, operator=_free_port())
        tasks.start_soon(journey.postman.run)
        for point, nth in KILLS:
            journey.fill()
            await _dies_at(journey, point, nth)
        await _dies_at_random(journey)
        await _finish(journey)
        tasks.cancel_scope.cancel()


async def _dies_at(journey: PushedJourney, point: str, nth: int) -> None:
    async with journey.start_to_die(point, nth) as process:
        with anyio.fail_after(30):
            await process.wait()
    assert process.returncode == -signal.SIGKILL, journey.log.read_text()[-2000:]


async def _dies_at_random(journey: PushedJourney) -> None:
    async with await journey.start() as process:
        await _until_listening(journey, process)
        journey.fill()
        await _pass(process, journey.chance.uniform(0.1, 0.8))
        process.kill()
        await process.wait()


async def _finish(journey: PushedJourney) -> None:
    """Start once more; orders of the last round are placed when it runs, so that the topic alone can tell of them."""
    async with await journey.start() as process:
        await _until_listening(journey, process)
        journey.fill()
        with anyio.fail_after(60):
            while not journey.settled():
                assert process.returncode is None, "the daemon ended"
                await _pass(process, 0.2)
        process.terminate()
        with anyio.fail_after(30):
            await process.wait()
    assert process.returncode == 0, journey.log.read_text()[-2000:]


async def _until_listening(journey: PushedJourney, process: anyio.abc.Process) -> None:
    with anyio.fail_after(30):
        while not journey.listening():
            assert process.returncode is None, "the daemon ended"
            await _pass(process, 0.1)


def _assert_every_event_is_known_once(journey: PushedJourney) -> None:
    with closing(journey.books()) as books:
        known = [row[0] for row in books.execute("SELECT identity FROM notifications WHERE door = 'sns'")]
        accepted, repeated, unreadable = books.execute(
            "SELECT accepted, repeated, unreadable FROM doors WHERE name = 'sns'"
        ).fetchone()
    assert sorted(known) == sorted(journey.postman.taken)
    assert accepted == len(known)
    assert unreadable == 0
    killed_between = sum(point is MechanismPoint.NOTED for point, _ in KILLS)
    acknowledged = len(journey.postman.letters)
    assert accepted + repeated >= acknowledged + killed_between, "committed, not told, and pushed again"


def _assert_every_order_is_one_sale(journey: PushedJourney) -> None:
    by_reference = {sale.reference: sale for sale in journey.cin7.live_sales()}
    assert len(by_reference) == len(journey.cin7.live_sales()) == len(journey.shop.orders)
    assert len(journey.shop.orders) == (len(KILLS) + 2) * ROUND
    for order in journey.shop.orders.values():
        assert_sale_equals_order(order, by_reference[str(order["orderNumber"])])
