"""Files full of exceptions, for tests of the desk."""

from __future__ import annotations

import json
import sqlite3

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.order_state import OrderState
from storage import bodies, exceptions, orders
from storage.exceptions import Record
from tests.ct_documents import order_document
from tests.daemon_app import NOW
from tests.orders_builder import plain_order
from tests.patched_file import SEALER


def order_id(number: int) -> str:
    """The id of the n-th order."""
    return f"00000000-0000-4000-8000-{number:012d}"


def held_orders(connection: sqlite3.Connection, count: int, *, sku: str = "GONE", code: str = "sku_unknown") -> None:
    """Hold so many orders for one cause, a minute after the other."""
    for number in range(1, count + 1):
        order = msgspec.structs.replace(plain_order(), id=order_id(number), number=f"H-{number}")
        orders.accept(connection, order, now=NOW + number * 60_000)
        read = json.dumps(order_document(id=order.id, orderNumber=order.number)).encode()
        sealed = SEALER.seal(read, order_id=order.id, kind="order")
        bodies.put(connection, order.id, "order", version=1, sealed=sealed, now=NOW + number * 60_000)
        orders.move(connection, order.id, OrderState.HELD, now=NOW + number * 60_000, reason=code)
        finding = Finding(code=code, cause=f"Cin7 Core has no product {sku}", sku=sku, group=f"{code}:{sku}")
        record = Record(kind="order", id=order.id, number=order.number)
        exceptions.raise_finding(connection, record, finding, now=NOW + number * 60_000)


def told(
    connection: sqlite3.Connection, code: str, record: Record, *, at: int = NOW, sku: str = "", field: str = ""
) -> int:
    """Tell something; return its number."""
    finding = Finding(code=code, cause=f"something about {record.id}", sku=sku, field=field)
    exceptions.raise_finding(connection, record, finding, now=at)
    return exceptions.of_record(connection, record.kind, record.id)[-1].id
