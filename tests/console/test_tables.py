"""The tables of a page: what each shows of its rows, how it is asked for more, and its file."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from adapters.console.tables import Column, Table, file_of, in_hand, listed
from adapters.operator.problems import ProblemError

COLUMNS = (
    Column("name", "Name"),
    Column("units", "Units", number=True, falls=True),
    Column("severity", "Severity", by="rank"),
    Column("note", ""),
    Column("press", "Press", buttons=True),
)
ROWS: list[dict[str, Any]] = [
    {"name": "A10", "units": "1 200 EUR", "severity": "error", "rank": 2, "note": "sku_unknown"},
    {"name": "a2", "units": "-3.50 EUR", "severity": "critical", "rank": 3, "note": None},
    {"name": "B", "units": None, "severity": "info", "rank": 0, "note": ["x", "y"]},
]


def asked(address: str) -> web.Request:
    return make_mocked_request("GET", address)


def shown(address: str, *, page: int = 50, name: str = "docs") -> Table:
    return in_hand(asked(address), name, "Documents", COLUMNS, ROWS, page=page)


def names(table: Table) -> list[str]:
    return [row["name"] for row in table.rows]


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("", ["A10", "a2", "B"]),
        ("docs.sort=name", ["a2", "A10", "B"]),
        ("docs.sort=name&docs.order=down", ["B", "A10", "a2"]),
        ("docs.sort=units", ["a2", "A10", "B"]),
        ("docs.sort=units&docs.order=down", ["A10", "a2", "B"]),
        ("docs.sort=severity", ["B", "A10", "a2"]),
        ("docs.text=SKU+unknown", ["A10"]),
        ("docs.text=sku_unk", ["A10"]),
        ("docs.text=eur&docs.sort=name&docs.order=down", ["A10", "a2"]),
        ("docs.text=nothing", []),
        ("other.sort=name&text=B&sort=units", ["A10", "a2", "B"]),
    ],
)
def test_a_table_in_hand_is_narrowed_and_sorted_as_it_is_asked(query: str, told: list[str]) -> None:
    assert names(shown(f"/?{query}")) == told


def test_what_is_no_column_is_refused() -> None:
    for address in ("/?docs.sort=size", "/?docs.page=first", "/?docs.page=0"):
        with pytest.raises(ProblemError):
            shown(address)


def test_its_heads_sort_it_and_turn_at_the_second_click() -> None:
    table = shown("/orders/a%2Fb?docs.text=a&docs.page=2&after=x&other.sort=name")
    assert [head.label for head in table.heads] == ["Name", "Units", "Severity", "Press"]
    assert not table.heads[3].link
    address = table.heads[1].link
    assert address.startswith("/orders/a%2Fb?") and address.endswith("#t-docs")
    assert parse_qs(urlsplit(address).query) == {
        "docs.text": ["a"],
        "docs.sort": ["units"],
        "docs.order": ["down"],
        "after": ["x"],
        "other.sort": ["name"],
    }
    again = shown(address.partition("#")[0])
    assert again.heads[1].way == "descending"
    assert "docs.order=up" in again.heads[1].link


def test_its_pages_lead_to_each_other() -> None:
    first = shown("/?docs.sort=name", page=2)
    assert (names(first), first.total, first.first, first.previous) == (["a2", "A10"], 3, 1, "")
    last = shown(first.next.partition("#")[0], page=2)
    assert (names(last), last.total, last.first, last.next) == (["B"], 3, 3, "")
    assert names(shown(last.previous.partition("#")[0], page=2)) == names(first)
    beyond = shown("/?docs.page=900", page=2)
    assert names(beyond) == ["B"]


def test_its_file_holds_every_row_that_matches_in_the_order_that_is_shown() -> None:
    table = shown("/?docs.sort=name&docs.page=2", page=1)
    request = asked(table.file)
    found = file_of(request, [in_hand(request, "docs", "Documents", COLUMNS, ROWS, page=1)])
    assert found is not None
    assert [row["name"] for row in found.everything] == ["a2", "A10", "B"]
    assert found.fields == ["name", "units", "severity", "note"]
    assert file_of(asked("/?table=docs"), [table]) is None
    with pytest.raises(ProblemError):
        file_of(asked("/?format=csv&table=others"), [table])


def test_what_narrows_a_table_keeps_the_rest_of_the_address() -> None:
    table = shown("/?docs.text=a&docs.page=3&docs.sort=name&state=held&after=x&format=csv&table=docs")
    assert table.narrow == "docs.text"
    assert dict(table.kept) == {"docs.sort": "name", "state": "held", "after": "x"}
    assert table.text == "a"


def test_a_list_leads_on_and_back_the_way_it_came() -> None:
    columns = (Column("id", "Id", sort="id"), Column("state", "State"))
    address, trail = "/orders?state=held", []
    for place in ("C1", "C2", "C3", None):
        request = asked(address)
        table = listed(request, "Orders", columns, {"items": [{"id": 1}], "next": place}, sort="id", down=False)
        trail.append((address, table))
        address = table.next
    assert trail[-1][1].next == ""
    for (before, _), (_, table) in itertools.pairwise(trail):
        assert parse_qs(urlsplit(table.previous).query) == parse_qs(urlsplit(before).query)
    assert trail[0][1].previous == ""
    head = trail[2][1].heads
    assert parse_qs(urlsplit(head[0].link).query) == {"state": ["held"], "sort": ["id"], "order": ["down"]}
    assert head[1].link == ""
    assert parse_qs(urlsplit(trail[2][1].file).query) == {"state": ["held"], "format": ["csv"]}


def test_the_way_back_is_never_longer_than_an_address_may_be() -> None:
    address = "/orders"
    for number in range(300):
        found = {"items": [], "next": f"{number:060}"}
        address = listed(asked(address), "Orders", COLUMNS, found, sort="", down=False).next
        assert len(address) < 8000


@given(
    rows=st.lists(st.fixed_dictionaries({"units": st.none() | st.decimals(-999, 999, places=2)}), max_size=30),
    page=st.integers(1, 7),
    down=st.booleans(),
)
def test_every_row_is_on_one_page_and_in_order(rows: Sequence[dict[str, Any]], page: int, down: bool) -> None:
    rows = [{**row, "name": str(place)} for place, row in enumerate(rows)]
    address = f"/?docs.sort=units&docs.order={'down' if down else 'up'}"
    seen: list[Mapping[str, Any]] = []
    while address:
        table = in_hand(asked(address), "docs", "Documents", COLUMNS, rows, page=page)
        seen += table.rows
        address = table.next.partition("#")[0]
    assert sorted(row["name"] for row in seen) == sorted(row["name"] for row in rows)
    figures: list[Decimal] = [row["units"] for row in seen if row["units"] is not None]
    assert figures == sorted(figures, reverse=down)
    assert all(row["units"] is None for row in seen[len(figures) :])
