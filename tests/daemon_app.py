"""A daemon that is assembled and not started, over a real file with rows made through the storage functions."""

from __future__ import annotations

import base64
import hashlib
import random
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from adapters.transport import NotSentError, Request, Response
from daemon.catalogue_health import CatalogueHealth
from daemon.engine import Engine
from daemon.planning import plan_of
from daemon.secrets import OperatorToken, Secrets
from daemon.settings import Settings, parse_settings
from daemon.stock_health import StockHealth
from storage import exceptions, orders, timeline
from storage.database import Database, connect
from storage.orders import SaleRecord
from tests.orders_builder import plain_order
from tests.stored import upgrade_quickly

NOW = 1_800_000_000_000
IDS = {name: f"00000000-0000-4000-8000-00000000000{number}" for number, name in enumerate(("A-1", "A-2", "A-3"), 1)}
SALE_ID = "aaaaaaaa-0000-4000-8000-000000000001"
ENVIRON = {
    "TALLYD_COMMERCETOOLS_CLIENT_SECRET": "shop-secret-never-shown",
    "TALLYD_CIN7_APPLICATION_KEY": "22222222-2222-4222-8222-222222222222",
    "TALLYD_STORAGE_KEY": base64.b64encode(bytes(32)).decode(),
}

CONFIG = """
[connection]
name = "test"
[commercetools]
project_key = "sandbox"
api_url = "{ct}"
auth_url = "{ct}"
client_id = "client"
[cin7]
base_url = "{cin7}"
account_id = "11111111-1111-4111-8111-111111111111"
[storage]
path = "{path}"
[operator]
bind = "127.0.0.1:0"
[orders]
since = "2020-01-01T00:00:00Z"
trigger = {{ order_states = ["Open"], payment = "paid" }}
[mappings.tax]
"standard" = "20% (VAT on Income)"
"""


def config_text(path: Path, *, ct: str = "http://127.0.0.1:9", cin7: str = "http://127.0.0.1:9/ExternalApi/v2") -> str:
    return CONFIG.format(path=path, ct=ct, cin7=cin7)


def write_config(folder: Path, **changes: str) -> Path:
    path = folder / "tallyd.toml"
    path.write_text(config_text(folder / "tallyd.db", **changes), encoding="utf-8")
    return path


class FixedClock:
    """Stands still unless somebody sleeps on it."""

    def __init__(self, now: Instant = NOW) -> None:
        self.at = now

    def now(self) -> Instant:
        return self.at

    def monotonic(self) -> float:
        return self.at / 1000

    async def sleep(self, seconds: float) -> None:
        self.at += round(seconds * 1000)


class NoNetwork:
    """A wire that leads nowhere."""

    async def send(self, request: Request) -> Response:
        raise NotSentError("no network")


class TestApp:
    """What `daemon.running.Running` asks for."""

    __test__ = False

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self.settings = settings
        self.secrets = Secrets({}, storage_key=bytes(32), operator_tokens=())
        self.engine = engine
        self.version = "0.1.0"
        self.stock = StockHealth()
        self.catalogue = CatalogueHealth()
        self.started_at: Instant = NOW


def an_order(number: str, *, accepted_at: Instant = NOW, connection: sqlite3.Connection) -> str:
    """Accept an order; return its id."""
    order = msgspec.structs.replace(plain_order(), id=IDS[number], number=number)
    orders.accept(connection, order, now=accepted_at)
    timeline.note(connection, order.id, "accepted", now=accepted_at, source="hot sweep")
    return order.id


def a_sale(connection: sqlite3.Connection, order_id: str) -> None:
    """Let an order have its sale, authorised and compared."""
    orders.move(connection, order_id, OrderState.CREATING, now=NOW)
    orders.add_sale(
        connection,
        SaleRecord(
            sale_id=SALE_ID,
            order_id=order_id,
            generation=1,
            reference=f"ct-order:{order_id}",
            number="SO-00042",
            made_at=NOW,
            voided_at=None,
        ),
    )
    orders.move(connection, order_id, OrderState.HEADER, now=NOW)
    orders.set_prediction(connection, order_id, net="16.66", tax="3.33", total="19.99")
    orders.set_answer(connection, order_id, net="16.66", tax="3.33", total="19.99", reconciled=True)


def a_hold(connection: sqlite3.Connection, order_id: str, number: str, *, code: str = "sku_unknown") -> int:
    """Hold an order with one exception; return its number."""
    orders.move(connection, order_id, OrderState.HELD, now=NOW, reason=code)
    record = exceptions.Record(kind="order", id=order_id, number=number)
    finding = Finding(code=code, cause="Cin7 Core has no product A", sku="A", waits_for="product:A")
    exceptions.raise_finding(connection, record, finding, now=NOW)
    return exceptions.of_record(connection, "order", order_id)[-1].id


def fill(connection: sqlite3.Connection) -> None:
    """A-1 has its sale, A-2 is held, A-3 has just been accepted."""
    a_sale(connection, an_order("A-1", connection=connection))
    a_hold(connection, an_order("A-2", accepted_at=NOW + 1, connection=connection), "A-2")
    an_order("A-3", accepted_at=NOW + 2, connection=connection)


def make_file(path: Path, unit: Callable[[sqlite3.Connection], Any] = fill) -> None:
    """Make the database file as a daemon that was stopped leaves it."""
    connection = connect(path)
    upgrade_quickly(connection, now=NOW)
    unit(connection)
    connection.close()


@asynccontextmanager
async def assembled(
    folder: Path, unit: Callable[[sqlite3.Connection], Any] = fill, *, inline: bool = True
) -> AsyncIterator[TestApp]:
    """Put an engine over a file with some orders; nothing runs by itself."""
    path = folder / "tallyd.db"
    settings = parse_settings(config_text(path), source="tallyd.toml")
    plan = plan_of(settings, client_secret="x", application_key="y", storage_key=bytes(32))
    async with Database.open(
        path, prepare=lambda connection: upgrade_quickly(connection, now=NOW), inline=inline, synchronous="OFF"
    ) as database:
        await database.run(unit)
        engine = Engine(
            plan,
            database=database,
            clock=FixedClock(NOW + 1000),
            ct_transport=NoNetwork(),
            cin7_transport=NoNetwork(),
            chance=random.Random(1),
            born_at=NOW,
        )
        try:
            yield TestApp(settings, engine)
        finally:
            for actor in engine.actors.values():
                actor.mailbox.dispose()


def token(name: str, *roles: str) -> tuple[str, OperatorToken]:
    """Make a token and what the daemon knows of it."""
    text = f"token-of-{name}"
    return text, OperatorToken(name=name, roles=frozenset(roles), digest=hashlib.sha256(text.encode()).digest())
