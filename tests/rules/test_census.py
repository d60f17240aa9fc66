"""What a count says about one order; where spans end; when it is midnight."""

from __future__ import annotations

import itertools
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.census.rules import DAY, MINUTE, PAGE, next_midnight, pages, spans
from actors.domain.census import KINDS, TOLD_AS, UNDERWAY, CarryingSale, KnownOrder, ends, is_settled, judge, orphan
from actors.domain.exception_types import CATALOGUE
from actors.domain.order_state import OrderState
from actors.domain.time import parse_instant

NOON = parse_instant("2026-11-26T12:00:00Z")


def order(**changes: object) -> KnownOrder:
    known = {"id": "o1", "number": "N-1", "state": OrderState.EXPORTED, "settled_at": 0, "sale_id": "s1"}
    return KnownOrder(**{**known, "sale_number": "SO-1", **changes})  # type: ignore[arg-type]


def sale(sale_id: str = "s1", *, voided: bool = False, ours: bool = False) -> CarryingSale:
    return CarryingSale(id=sale_id, number=f"SO-{sale_id[1:]}", voided=voided, ours=ours)


NONE = {"sale_id": None, "sale_number": None}


@pytest.mark.parametrize(
    ("known", "listed", "found"),
    [
        (order(), [sale()], []),
        (order(), [sale(), sale("s9", voided=True)], []),
        (order(), [], ["sale_gone"]),
        (order(), [sale("s9", voided=True)], ["sale_gone"]),
        (order(), [sale(voided=True)], ["sale_voided_there"]),
        (order(), [sale(), sale("s2")], ["sales_two"]),
        (order(), [sale("s2")], ["sale_gone", "sale_by_hand"]),
        (order(), [sale(voided=True), sale("s2")], ["sale_voided_there", "sale_by_hand"]),
        (order(**NONE, state=OrderState.HELD), [], []),
        (order(**NONE, state=OrderState.HELD), [sale("s2")], ["sale_by_hand"]),
        (order(**NONE, state=OrderState.HELD), [sale("s2"), sale("s3")], ["sales_two"]),
        (order(**NONE, state=OrderState.CANCELLED), [sale("s1")], ["sale_by_hand"]),
        (order(**NONE, state=OrderState.CANCELLED), [sale("s1", voided=True)], []),
        (order(**NONE, state=OrderState.EXCLUDED, by_hand=True), [sale("s2")], []),
        (order(**NONE, state=OrderState.EXCLUDED, by_hand=True), [sale("s2"), sale("s3")], ["sales_two"]),
        (order(cancelled=True), [], []),
        (order(cancelled=True), [sale(voided=True)], []),
        (order(cancelled=True), [sale(), sale("s2")], ["sales_two"]),
        (order(**NONE, inherits=True), [sale("s2", ours=True)], []),
        (order(**NONE, inherits=True), [sale("s2")], ["sale_by_hand"]),
        (order(**NONE, inherits=False), [sale("s2", ours=True)], ["sale_by_hand"]),
        (order(told=frozenset({"sale_vanished"})), [sale("s2")], ["sale_by_hand"]),
        (order(told=frozenset({"sale_voided_by_hand"})), [sale(voided=True)], []),
        (order(told=frozenset({"several_sales"})), [sale(), sale("s2")], []),
        (order(**NONE, told=frozenset({"sale_not_ours"})), [sale("s2")], []),
        (order(told=frozenset({"sale_not_ours", "sku_unknown"})), [], ["sale_gone"]),
    ],
)
def test_the_sales_of_an_order(known: KnownOrder, listed: list[CarryingSale], found: list[str]) -> None:
    assert [finding.code for finding in judge(known, listed)] == found


@pytest.mark.parametrize(
    ("known", "listed", "over"),
    [
        (order(cancelled=True), [sale(voided=True)], True),
        (order(cancelled=True), [sale("s2")], True),
        (order(cancelled=True), [sale()], False),
        (order(cancelled=True, **NONE), [], False),
        (order(), [sale(voided=True)], False),
    ],
)
def test_a_cancelled_order_whose_sale_is_over_is_looked_at(
    known: KnownOrder, listed: list[CarryingSale], over: bool
) -> None:
    assert ends(known, listed) is over


def test_what_the_census_finds_and_what_is_told_already_are_declared() -> None:
    assert set(TOLD_AS) == set(KINDS)
    assert set().union(*TOLD_AS.values(), KINDS) <= set(CATALOGUE)


def test_a_finding_names_both_sides_by_number_and_id() -> None:
    [two] = judge(order(), [sale(), sale("s2")])
    assert two.cause == "2 sales that are not void carry the reference of order N-1: SO-1, SO-2."
    assert two.facts == {
        "order": "N-1 (o1)",
        "sale of tallyd": "SO-1 (s1)",
        "sales in Cin7 Core": "SO-1 (s1), SO-2 (s2)",
    }
    assert orphan(sale("s7"), "o9").facts == {"sale in Cin7 Core": "SO-7 (s7)", "order": "o9"}


@pytest.mark.parametrize("state", sorted(OrderState))
def test_what_is_on_its_way_is_judged_the_next_time(state: OrderState) -> None:
    assert is_settled(order(state=state), began=NOON, margin=MINUTE) == (state not in UNDERWAY)
    assert not is_settled(order(state=state, busy=True), began=NOON, margin=MINUTE)
    moved = order(state=state, settled_at=NOON - MINUTE + 1)
    assert not is_settled(moved, began=NOON, margin=MINUTE)


@given(
    since=st.integers(0, 10 * DAY),
    length=st.integers(-DAY, 10 * DAY),
    cuts=st.lists(st.integers(0, 20 * DAY), max_size=6),
    whole=st.booleans(),
)
def test_spans_cover_the_time_once(since: int, length: int, cuts: list[int], whole: bool) -> None:
    end = since + length
    made = spans(since, end, cuts, whole=whole)
    if length <= 0:
        assert made == ()
        return
    assert (made[0].start, made[-1].end) == (since, end)
    assert all(left.end == right.start for left, right in itertools.pairwise(made))
    assert all(span.start < span.end for span in made)
    assert made[-1].listed
    assert all(span.listed for span in made) or not whole
    assert all(span.listed == (whole or span.start >= end - DAY) for span in made if since <= end - DAY)


@given(
    minute=st.integers(0, 2 * 366 * 24 * 60),
    zone=st.sampled_from(["Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "UTC"]),
)
def test_midnight_is_the_first_minute_of_the_next_day(minute: int, zone: str) -> None:
    now = parse_instant("2026-01-01T00:00:30Z") + minute * MINUTE
    midnight = next_midnight(now, ZoneInfo(zone))
    before, after = (datetime.fromtimestamp(at / 1000, ZoneInfo(zone)) for at in (midnight - MINUTE, midnight))
    assert 0 < midnight - now <= 25 * 60 * MINUTE
    assert before.date() == datetime.fromtimestamp(now / 1000, ZoneInfo(zone)).date()
    assert after.date() > before.date()


def test_pages() -> None:
    assert [pages(rows) for rows in (0, 1, PAGE, PAGE + 1)] == [0, 1, 1, 2]
