"""A file with one order that is no sale yet, as it was read, and some items of Cin7 Core."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from actors.domain.facts import FactKind, Product
from adapters.commercetools.translate import read_order
from storage import bodies, facts, orders
from storage.bodies import Sealer
from tests.ct_documents import order_document
from tests.daemon_app import NOW

SEALER = Sealer(bytes(32))
SHIPPING = {
    "country": "DE",
    "firstName": "Zoe",
    "lastName": "Quill",
    "streetName": "Lindenweg",
    "streetNumber": "9",
    "postalCode": "20095",
    "city": "Hamburg",
    "phone": "+49 40 1234",
    "email": "zoe@example.com",
    "company": "Quillworks",
}
DOCUMENT = order_document(shippingAddress=SHIPPING)
ID, NUMBER, SKU = str(DOCUMENT["id"]), str(DOCUMENT["orderNumber"]), "BREAD"


def product(sku: str, **changes: Any) -> Product:
    """An item of Cin7 Core."""
    return msgspec.structs.replace(Product(id=sku, sku=sku, name=sku, type="Stock"), **changes)


def fill(connection: sqlite3.Connection, *, document: Mapping[str, Any] = DOCUMENT, version: int = 7) -> None:
    """Write them."""
    body = json.dumps(document).encode()
    orders.accept(connection, read_order(body), now=NOW)
    sealed = SEALER.seal(body, order_id=ID, kind="order")
    bodies.put(connection, ID, "order", version=version, sealed=sealed, now=NOW)
    items = (product("LOAF"), product("OLD", status="Deprecated"), product("HIDDEN", sellable=False))
    facts.store(connection, FactKind.PRODUCT, items, now=NOW, whole=True)
    facts.mark_read(connection, FactKind.PRODUCT, now=NOW, full=True, changed=True)
