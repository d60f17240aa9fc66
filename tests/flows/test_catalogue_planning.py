"""How many products may go without asking: counted with those that are only about to be told."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from actors.catalogue import planning
from actors.catalogue.matching import JUDGE, PRODUCT, nudge
from actors.catalogue.rules import CatalogueRules
from storage import exceptions, listings, outbox
from storage.schema import upgrade
from tests.catalogue_file import catalogue, item, listed
from tests.daemon_app import NOW

RULES = CatalogueRules(unpublish=True, share=5)
LAMPS = [f"LAMP-{number}" for number in range(10)]
MUGS = [f"MUG-{number}" for number in range(90)]


@pytest.fixture
def file() -> Iterator[sqlite3.Connection]:
    """A hundred published products, ten without a match, one of those told; a person once approved a first list."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, now=NOW)
    catalogue(connection, [item(sku) for sku in MUGS], [listed(f"p-{sku}", sku) for sku in (*LAMPS, *MUGS)])
    planning.approve(connection, RULES, now=NOW)
    listings.disapprove_all(connection)
    connection.execute("DELETE FROM outbox")
    for sku in LAMPS[1:]:
        exceptions.clear(connection, exceptions.Record(kind="product", id=f"p-{sku}"), resolution="", now=NOW)
    yield connection
    connection.close()


def is_waiting(connection: sqlite3.Connection, subject: str) -> None:
    outbox.accept(connection, nudge(subject, NOW), now=NOW)


def approved(connection: sqlite3.Connection) -> int:
    planning.settle_plan(connection, RULES, NOW)
    return listings.count_approved(connection)


def test_what_is_few_goes(file: sqlite3.Connection) -> None:
    assert approved(file) == 1


@pytest.mark.parametrize(("about_to_be_told", "goes"), [(4, 1), (5, 0), (9, 0)])
def test_what_is_about_to_be_told_counts(file: sqlite3.Connection, about_to_be_told: int, goes: int) -> None:
    for sku in LAMPS[1 : 1 + about_to_be_told]:
        is_waiting(file, f"{PRODUCT}p-{sku}")
    assert approved(file) == goes
    assert exceptions.is_open(file, planning.RECORD, "unpublish_asks") == (goes == 0)


def test_nothing_goes_while_skus_are_judged(file: sqlite3.Connection) -> None:
    is_waiting(file, JUDGE)
    assert approved(file) == 0
