"""Judging every SKU: what is begun anew meanwhile, and what is gone when there is too much to judge at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from actors.catalogue.matching import JUDGE, PRODUCT, SOME, begin_anew, judge_some, rejudge
from actors.catalogue.rules import CatalogueRules
from actors.domain.coverage import Match
from actors.messages import Flow
from storage import coverage, items, listings, outbox
from storage.schema import upgrade
from tests.catalogue_file import catalogue, item, listed
from tests.daemon_app import NOW

RULES = CatalogueRules()


@pytest.fixture
def file() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, now=NOW)
    yield connection
    connection.close()


def judge_rest(connection: sqlite3.Connection, now: int) -> None:
    """Handle the message that waits, and those that follow from it."""
    waits = True
    while waits:
        connection.execute("DELETE FROM outbox WHERE subject = ?", (JUDGE,))
        done = judge_some(connection, RULES, now)
        assert done.unit is not None
        done.unit(connection, now)
        waits = bool(done.nudges) or outbox.is_waiting(connection, Flow.CATALOGUE, JUDGE)


def test_what_changes_before_the_place_that_was_reached_is_judged_all_the_same(file: sqlite3.Connection) -> None:
    """The next SKUs are being judged when so much changes that all is begun anew: that must not be overwritten."""
    skus = [f"MUG-{number:04}" for number in range(2 * SOME + 100)]
    catalogue(file, [item(sku) for sku in skus], [listed(f"p-{sku}", sku) for sku in skus])
    begin_anew(file, NOW + 1)
    first = judge_some(file, RULES, NOW + 2)
    assert first.unit is not None
    first.unit(file, NOW + 2)
    second = judge_some(file, RULES, NOW + 3)
    items.store(file, [item("RENAMED", item_id=f"i-{skus[0]}")], number=3, now=NOW)
    begin_anew(file, NOW + 4)
    assert second.unit is not None
    second.unit(file, NOW + 5)
    judge_rest(file, NOW + 6)
    judged = coverage.get(file, skus[0])
    assert judged is not None
    assert judged.match is Match.ONLY_COMMERCETOOLS


def test_products_that_are_gone_are_looked_at_however_many(file: sqlite3.Connection) -> None:
    """No SKU leads to a product that is gone, so what is open about it would stand for ever."""
    catalogue(file, [], [listed("p-lamps", *[f"LAMP-{number}" for number in range(SOME + 1)])])
    gone = listings.forget(file, "p-lamps")
    rejudge(file, RULES, gone, NOW, products=["p-lamps"])
    assert outbox.is_waiting(file, Flow.CATALOGUE, f"{PRODUCT}p-lamps")
