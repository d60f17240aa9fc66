"""Each list over HTTP: its pages, one after the other, hold what its file does, in the same order, each row once."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
import yarl

from adapters.operator.alert_api import ALERT_SORTS
from adapters.operator.desk_api import DEED_ITEM_SORTS, DEED_SORTS, DEED_STANDS, OUTCOMES, SORTS
from adapters.operator.list_api import ORDER_SORTS, STOCK_SORTS
from adapters.operator.reading import PLAN_SORTS, POSTING_SORTS, SKU_SORTS
from adapters.operator.record_api import AUDIT_SORTS
from adapters.operator.server import operator_server
from daemon.readmodel import LiveReading
from storage import alerts, audit, coverage, deeds, exception_lists, listings, orders, verified
from tests.catalogue_file import listed
from tests.daemon.test_stock_desk import bought
from tests.daemon_app import NOW, assembled
from tests.desk_house import order_id
from tests.orders_builder import plain_order
from tests.storage.test_sorted_lists import fill


def test_the_api_offers_the_orders_and_filters_there_are() -> None:
    """The two layers do not import each other."""
    assert (ALERT_SORTS, AUDIT_SORTS, SKU_SORTS) == (alerts.SORTS, audit.SORTS, coverage.SORTS)
    assert (DEED_SORTS, DEED_ITEM_SORTS, SORTS) == (deeds.SORTS, deeds.ITEM_SORTS, exception_lists.SORTS)
    assert (DEED_STANDS, OUTCOMES, POSTING_SORTS) == (deeds.STANDS, deeds.OUTCOMES, verified.SORTS)


class Listed(NamedTuple):
    """A list: its address, what narrows it, by what it is sorted, and the key of a row."""

    path: str
    where: dict[str, str]
    sorts: tuple[str, ...]
    key: str


LISTS = (
    Listed("exceptions", {"state": "all"}, SORTS, "id"),
    Listed("exceptions", {"type": "sku_unknown", "text": "S1"}, SORTS, "id"),
    Listed("orders", {}, ORDER_SORTS, "id"),
    Listed("stock", {}, STOCK_SORTS, "sku"),
    Listed("skus", {}, SKU_SORTS, "sku"),
    Listed("skus", {"match": "unmatched", "text": "sku-"}, SKU_SORTS, "sku"),
    Listed("skus/plan", {}, PLAN_SORTS, "product_id"),
    Listed("skus/plan", {"text": "tee"}, PLAN_SORTS, "product_id"),
    Listed("deeds", {}, DEED_SORTS, "key"),
    Listed("deeds", {"stands": "ended", "text": "reason"}, DEED_SORTS, "key"),
    Listed("deeds/key-00/items", {}, DEED_ITEM_SORTS, "exception"),
    Listed("deeds/key-00/items", {"outcome": "done"}, DEED_ITEM_SORTS, "exception"),
    Listed("alerts", {"state": "all"}, ALERT_SORTS, "id"),
    Listed("alerts", {"state": "all", "severity": "error"}, ALERT_SORTS, "id"),
    Listed("audit", {}, AUDIT_SORTS, "id"),
    Listed("audit", {"author": "olga"}, AUDIT_SORTS, "id"),
)


def everything(connection: sqlite3.Connection) -> None:
    """Rows of every list, many of them alike in what they are sorted by."""
    bought(connection)
    fill(connection)
    for number in range(101, 108):
        order = msgspec.structs.replace(plain_order(), id=order_id(number), number=f"A-{number}")
        orders.accept(connection, order, now=NOW + number % 3)
    for staged in (True, False):
        products = [listed(f"p-{number}", f"PLAN-{number}", name=("Tee", "Mug")[number % 2]) for number in range(7)]
        listings.store(connection, products, staged=staged, number=1)
    connection.executemany(
        "INSERT INTO coverage (sku, match, published, product_id, judged_at) VALUES (?, 'only_commercetools', 1, ?, 1)",
        [(f"PLAN-{number}", f"p-{number}") for number in range(7)],
    )


READ_AT_ONCE = (
    "adapters.operator.server.MOST_ROWS",
    "adapters.operator.record_api.MOST_ROWS",
    "daemon.desk.lists.MOST_ROWS",
    "daemon.desk.alerts.MOST_ROWS",
    "daemon.desk.exceptions.CSV_ROWS",
)
"""How many rows of a file are read at once."""


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files go on as well, and do not only begin."""
    for name in READ_AT_ONCE:
        monkeypatch.setattr(name, 3)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("one", LISTS, ids=lambda one: "?".join((one.path, *one.where)))
async def test_the_pages_of_a_list_hold_what_its_file_does(tmp_path: Path, one: Listed) -> None:
    async with (
        assembled(tmp_path, everything) as app,
        operator_server("127.0.0.1:0", LiveReading(app)) as (_, port),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}/api/") as session,
    ):
        whole: set[str] | None = None
        for sort in one.sorts:
            for order in ("asc", "desc"):
                asked = {**one.where, "sort": sort, "order": order}
                pages = await walked(session, one, asked)
                assert await filed(session, one, asked) == pages, asked
                assert len(set(pages)) == len(pages), asked
                assert whole in (None, set(pages)), asked
                whole = set(pages)
    assert whole is not None
    assert len(whole) > 3


async def walked(session: aiohttp.ClientSession, one: Listed, asked: dict[str, str]) -> list[str]:
    """Return the keys of all pages; there are as many as the list says there are."""
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        query = {**asked, "limit": "2", "after": after}
        async with session.get(str(yarl.URL(one.path).with_query(query))) as answer:
            page: dict[str, Any] = await answer.json(content_type=None)
            assert answer.status == 200, page
        assert page["items"]
        found += [str(item[one.key]) for item in page["items"]]
        after = None if page["next"] is None else str(page["next"])
    assert page.get("total", len(found)) == len(found)
    return found


async def filed(session: aiohttp.ClientSession, one: Listed, asked: dict[str, str]) -> list[str]:
    """Return the keys of the rows of the file."""
    async with session.get(str(yarl.URL(f"{one.path}.csv").with_query(asked))) as answer:
        text = await answer.text()
        assert answer.status == 200, text
    return [row[one.key] for row in csv.DictReader(io.StringIO(text, newline=""))]
