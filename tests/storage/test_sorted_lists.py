"""Every list that is sorted as asked: each row is on one of its pages, in order, whichever way; a filter narrows it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from actors.domain.coverage import Coverage, Flag, Match
from actors.domain.exception_types import Finding
from storage import alerts, audit, coverage, deeds, exceptions
from storage.alerts import AlertFilter
from storage.audit import Narrowing
from storage.deeds import DeedFilter, DeedRow
from storage.exceptions import Record
from storage.keyset import Place
from tests.stored import NOW, fresh

MANY = 23


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path_factory.mktemp("lists"))) as connection:
        fill(connection)
        yield connection


def fill(connection: sqlite3.Connection) -> None:
    """Write rows of which many are alike in what they are sorted by."""
    for number in range(MANY):
        who, what = ("olga", "fred", "ian")[number % 3], ("retry", "assign")[number % 2]
        audit.write(connection, author=who, action=what, record=f"order:{number % 5}", now=NOW + number, reason="why")
        about = Record(kind="order", id=f"o{number}", number=f"A-{number}" if number % 4 else None)
        finding = Finding(code="sku_unknown", sku=f"S{number % 2}", cause="c")
        exceptions.raise_finding(connection, about, finding, now=NOW)
        judged = Coverage(
            sku=f"SKU-{number:02}",
            match=tuple(Match)[number % 3],
            flags=frozenset([Flag.DEPRECATED] if number % 4 == 0 else []),
            near=("x",) if number % 5 == 0 else (),
            published=number % 2 == 0,
            item_id="",
            product_id="",
        )
        coverage.put(connection, judged.sku, judged, now=NOW)
        connection.execute(
            "INSERT INTO alerts (rule, subject, owner, severity, title, text, link, count, raised_at, ended_at)"
            " VALUES (?, ?, ?, ?, ?, 'text', '/', ?, ?, ?)",
            (
                ("count", "age")[number % 2],
                f"s{number}",
                who,
                ("info", "error", "critical")[number % 3],
                f"title {number % 4}",
                number % 6,
                NOW + number,
                NOW + number if number % 2 else None,
            ),
        )
    found = [row[0] for row in connection.execute("SELECT id FROM exceptions ORDER BY id")]
    for number in range(MANY):
        row = DeedRow(
            key=f"key-{number:02}",
            at=NOW + number // 3,
            author=("olga", "fred")[number % 2],
            roles=("ops",),
            action=("retry", "assign")[number % 2],
            reason=f"reason {number % 3}",
            detail={},
            total=0,
            done=0,
            refused=0,
            ended_at=None,
        )
        deeds.accept(connection, row, found if number == 0 else found[: number % 4])
        for place, exception in enumerate(found if number == 0 else found[: number % 3]):
            outcome = ("done", "refused", "unchanged")[place % 3]
            deeds.settle(connection, row.key, exception, outcome=outcome, message=f"said {place % 2}")
        if number % 2:
            deeds.end(connection, row.key, now=NOW + 100)


Page = Callable[..., tuple[list[Any], Place | None]]

LISTS: dict[str, tuple[tuple[str, ...], Page, Callable[[Any], Any], int]] = {
    "audit": (
        audit.SORTS,
        lambda file, **asked: audit.page(file, Narrowing(), **asked),
        lambda row: row.id,
        MANY,
    ),
    "deeds": (
        deeds.SORTS,
        lambda file, **asked: deeds.page(file, DeedFilter(), **asked)[:2],
        lambda row: row.key,
        MANY,
    ),
    "items": (
        deeds.ITEM_SORTS,
        lambda file, **asked: deeds.items(file, "key-00", **asked)[:2],
        lambda row: row.exception,
        MANY,
    ),
    "alerts": (
        alerts.SORTS,
        lambda file, **asked: alerts.page(file, AlertFilter(state="all"), **asked)[:2],
        lambda row: row.id,
        MANY,
    ),
    "skus": (
        coverage.SORTS,
        lambda file, **asked: coverage.listing(file, **asked)[:2],
        lambda row: row.sku,
        MANY,
    ),
}

VALUES: dict[str, Callable[[Any, str], Any]] = {
    "audit": getattr,
    "deeds": lambda row, sort: 2**62 if getattr(row, sort) is None else getattr(row, sort),
    "items": lambda row, sort: (row.number or row.record_id) if sort == "record" else getattr(row, sort),
    "alerts": lambda row, sort: {
        "severity": ("info", "warning", "error", "critical").index(row.severity),
        "ended_at": 2**62 if row.ended_at is None else row.ended_at,
    }.get(sort, getattr(row, sort)),
    "skus": lambda row, sort: {
        "flags": f" {Flag.DEPRECATED.value} " if row.flags else " ",
        "near": '["x"]' if row.near else "[]",
        "match": row.match.value,
    }.get(sort, getattr(row, sort)),
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize(("name", "sort"), [(name, sort) for name, (sorts, *_) in LISTS.items() for sort in sorts])
def test_each_row_is_on_one_page_and_in_order(file: sqlite3.Connection, name: str, sort: str, descending: bool) -> None:
    _, page, key, many = LISTS[name]
    seen: list[Any] = []
    place: Place | None = None
    for _ in range(many):
        rows, place = page(file, sort=sort, descending=descending, after=place, limit=4)
        seen += rows
        if place is None:
            break
    assert len(seen) == many
    assert len({key(row) for row in seen}) == many
    told = [(VALUES[name](row, sort), key(row)) for row in seen]
    assert told == sorted(told, reverse=descending)


@pytest.mark.parametrize(
    ("found", "many"),
    [
        (lambda file: deeds.page(file, DeedFilter(author="fred"), limit=50), 11),
        (lambda file: deeds.page(file, DeedFilter(action="retry"), limit=50), 12),
        (lambda file: deeds.page(file, DeedFilter(stands="ended"), limit=50), 11),
        (lambda file: deeds.page(file, DeedFilter(stands="under_way"), limit=50), 12),
        (lambda file: deeds.page(file, DeedFilter(text="REASON 1"), limit=50), 8),
        (lambda file: deeds.page(file, DeedFilter(text="key-07"), limit=50), 1),
        (lambda file: deeds.items(file, "key-00", outcome="refused", limit=50), 8),
        (lambda file: deeds.items(file, "key-00", text="Said 1", limit=50), 11),
        (lambda file: deeds.items(file, "key-00", text="a-2", limit=50), 3),
        (lambda file: alerts.page(file, AlertFilter(), limit=50), 12),
        (lambda file: alerts.page(file, AlertFilter(state="ended"), limit=50), 11),
        (lambda file: alerts.page(file, AlertFilter(state="all", owner="ian", severity="critical"), limit=50), 7),
        (lambda file: alerts.page(file, AlertFilter(state="all", rule="age", text="TITLE 3"), limit=50), 5),
        (lambda file: coverage.listing(file, matches=(Match.MATCHED, Match.ONLY_CIN7), limit=50), 16),
        (lambda file: coverage.listing(file, flag=Flag.DEPRECATED, published=True, limit=50), 6),
        (lambda file: coverage.listing(file, text="sku-1", limit=50), 10),
    ],
)
def test_a_filter_narrows_and_counts(file: sqlite3.Connection, found: Callable[..., Any], many: int) -> None:
    rows, _, total = found(file)
    assert (len(rows), total) == (many, many)
