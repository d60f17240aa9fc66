"""What is available and what of it may be sold, by figures worked out by hand (docs/stock.md)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.availability import (
    Bounds,
    Claim,
    Drawn,
    Part,
    Reading,
    Source,
    StockRow,
    Target,
    kit_target,
    plain_target,
    summed,
)

MAIN, SHOP = "Main Warehouse", "Shop"
BEGAN, ENDED = 1_000, 1_500


def row(available: str, *, location: str = MAIN, place: str = "", batch: str = "") -> StockRow:
    return StockRow(sku="SKU-1", location=location, bin=place, batch=batch, available=Decimal(available))


def claim(units: int = 1, **more: Any) -> Claim:
    return Claim(**{"order_id": "a", "created_at": 0, "units": units, **more})


def source(available: str | int, *claims: Claim, began_at: int = BEGAN, ended_at: int = ENDED) -> Source:
    return Source(available=Decimal(available), began_at=began_at, ended_at=ended_at, claims=claims)


def bounds(target: Target) -> tuple[int, int]:
    return target.low, target.high


# -- rows --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "places", "available"),
    [
        ([row("7")], (MAIN,), "7"),
        ([], (MAIN,), "0"),  # no row is no unit
        ([row("7", location=SHOP)], (MAIN,), "0"),
        ([row("7"), row("2", location=SHOP)], (MAIN, SHOP), "9"),
        ([row("3", place="A-1"), row("4", place="A-2"), row("1")], (MAIN,), "8"),
        ([row("3", batch="B-1"), row("4", batch="B-2")], (MAIN,), "7"),
        ([row("10", place="A-1"), row("-3", place="A-2")], (MAIN,), "7"),
        ([row("-5"), row("2", location=SHOP)], (MAIN, SHOP), "-3"),
        ([row("0.5", place="A-1"), row("0.5", place="A-2")], (MAIN,), "1.0"),
        ([row("0.1", place=str(number)) for number in range(10)], (MAIN,), "1.0"),
        # Read, never computed: of these three only `available` counts.
        ([msgspec.structs.replace(row("1"), on_hand=Decimal(0), allocated=Decimal(1))], (MAIN,), "1"),
    ],
)
def test_bins_batches_and_locations_add_up(rows: list[StockRow], places: tuple[str, ...], available: str) -> None:
    reading = Reading(began_at=BEGAN, ended_at=ENDED, figures=summed(rows))

    assert reading.at(places) == Decimal(available)


def test_places_tell_rows_apart() -> None:
    assert row("1", place="A", batch="B").place == ("SKU-1", MAIN, "A", "B")


# -- what is plain stock -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("available", "buffer", "claims", "shown", "target"),
    [
        ("10", 0, (), 10, 10),
        ("10", 3, (), 10, 7),
        ("2", 3, (), 2, -1),
        ("0", 0, (), 0, 0),
        ("-4", 0, (), -4, -4),
        ("-4", 2, (), -4, -6),
        ("10", 0, (claim(1), claim(4)), 10, 5),
        ("10", 2, (claim(4),), 10, 4),
        ("1", 0, (claim(4),), 1, -3),
        # Floored once, at the end: 0.9 of a unit is none, and two halves are one.
        ("9.9", 0, (), 9, 9),
        ("10.99999999", 0, (claim(1),), 10, 9),
        ("0.4", 0, (), 0, 0),
        ("-0.4", 0, (), -1, -1),
        ("-0.4", 1, (claim(1),), -1, -3),
        ("123456789012.5", 0, (), 123456789012, 123456789012),
    ],
)
def test_available_less_claims_less_buffer(
    available: str, buffer: int, claims: tuple[Claim, ...], shown: int, target: int
) -> None:
    found = plain_target(source(available, *claims), buffer=buffer)

    assert (found.available, bounds(found), found.buffer) == (shown, (target, target), buffer)
    assert (found.began_at, found.ended_at) == (BEGAN, ENDED)


# -- what a reading counts ---------------------------------------------------------------------------------------------
#
# The reading ran from 1,000 to 1,500. An order of five units; its sale was sent at `maybe_from` and proved at
# `counted_at`. Expected: how many of the five the reading does not show as taken, at least and at most.

FIVE = {"units": 5, "counted": 5}


@pytest.mark.parametrize(
    ("one", "least", "most"),
    [
        # -- no sale ---------------------------------------------------------------------------------------------------
        pytest.param(claim(5), 5, 5, id="never sent"),
        pytest.param(claim(5, maybe_from=1_500), 5, 5, id="sent when the reading had ended"),
        pytest.param(claim(5, maybe_from=1_499), 0, 5, id="sent while it ran, in doubt"),
        pytest.param(claim(5, maybe_from=200), 0, 5, id="sent before, in doubt"),
        # -- a sale ----------------------------------------------------------------------------------------------------
        pytest.param(claim(**FIVE, maybe_from=200, counted_at=900), 0, 0, id="proved before"),
        pytest.param(claim(**FIVE, maybe_from=200, counted_at=1_000), 0, 0, id="proved as the reading began"),
        pytest.param(claim(**FIVE, maybe_from=200, counted_at=1_001), 0, 5, id="proved while it ran"),
        pytest.param(claim(**FIVE, maybe_from=200, counted_at=9_000), 0, 5, id="sent before, proved after"),
        pytest.param(claim(**FIVE, maybe_from=1_500, counted_at=9_000), 5, 5, id="sent and proved after"),
        pytest.param(claim(**FIVE, counted_at=900), 0, 0, id="proved, nobody knows when it was sent"),
        pytest.param(claim(**FIVE, counted_at=9_000), 0, 5, id="proved after, nobody knows when it was sent"),
        # -- backorders ------------------------------------------------------------------------------------------------
        pytest.param(claim(**FIVE, counted_at=900, short=2), 2, 2, id="two are on backorder"),
        pytest.param(claim(**FIVE, counted_at=9_000, maybe_from=200, short=2), 2, 5, id="two, proved after"),
        pytest.param(claim(**FIVE, counted_at=900, short=5), 5, 5, id="all are"),
        pytest.param(
            claim(**FIVE, counted_at=900, short=0, short_before=2, short_at=1_000), 0, 0, id="two were, before"
        ),
        pytest.param(
            claim(**FIVE, counted_at=900, short=0, short_before=2, short_at=1_001), 0, 2, id="two were, meanwhile"
        ),
        pytest.param(
            claim(**FIVE, counted_at=900, short=3, short_before=1, short_at=9_000), 3, 3, id="more than before"
        ),
        # -- edited after export ---------------------------------------------------------------------------------------
        pytest.param(claim(7, counted=5, counted_at=900), 2, 2, id="two more than the sale holds"),
        pytest.param(claim(3, counted=5, counted_at=900), 0, 0, id="two fewer"),
        pytest.param(claim(3, counted=5, counted_at=900, short=3), 1, 1, id="two fewer, three on backorder"),
        pytest.param(claim(0, counted=5, counted_at=900), 0, 0, id="the line is gone"),
        pytest.param(claim(0, counted=5, counted_at=900, short=5), 0, 0, id="the line is gone, all on backorder"),
        pytest.param(claim(7, counted=0, counted_at=900), 7, 7, id="a sale that is counted elsewhere"),
        # -- void ------------------------------------------------------------------------------------------------------
        pytest.param(claim(**FIVE, uncounted_at=900), 5, 5, id="void before"),
        pytest.param(claim(**FIVE, uncounted_at=1_000), 5, 5, id="void as the reading began"),
        pytest.param(claim(**FIVE, uncounted_at=1_001), 0, 5, id="void while it ran"),
        pytest.param(claim(**FIVE, uncounted_at=9_000), 0, 5, id="void after"),
        pytest.param(claim(5, counted=3, uncounted_at=9_000), 2, 5, id="void after, it held three"),
        pytest.param(claim(**FIVE, uncounted_at=900, maybe_from=200), 5, 5, id="sent, then void"),
        pytest.param(claim(**FIVE, uncounted_at=900, maybe_from=950), 0, 5, id="void, then sent again in doubt"),
        pytest.param(claim(**FIVE, uncounted_at=900, maybe_from=1_500), 5, 5, id="void, sent again later"),
        pytest.param(
            claim(**FIVE, uncounted_at=900, maybe_from=920, counted_at=950), 0, 0, id="void, sent again, proved"
        ),
        pytest.param(
            claim(**FIVE, uncounted_at=1_200, maybe_from=1_600, counted_at=1_700),
            0,
            5,
            id="void while it ran, sent again and proved later",
        ),
        pytest.param(
            claim(**FIVE, uncounted_at=900, maybe_from=1_600, counted_at=1_700), 5, 5, id="void, sent and proved later"
        ),
        pytest.param(claim(**FIVE, counted_at=900, leaving=True), 0, 5, id="being voided"),
        pytest.param(claim(**FIVE, counted_at=900, short=2, leaving=True), 2, 5, id="being voided, two on backorder"),
        # -- released: a claim says so, and counts like any other until the true-up ------------------------------------
        pytest.param(claim(5, released=True), 5, 5, id="released"),
        pytest.param(claim(**FIVE, uncounted_at=1_001, released=True), 0, 5, id="released, void while it ran"),
    ],
)
def test_what_a_reading_does_not_show_as_taken(one: Claim, least: int, most: int) -> None:
    assert one.uncounted(BEGAN, ENDED) == Bounds(least, most)


def test_uncertain_counting_gives_two_targets() -> None:
    found = plain_target(source(10, claim(5, maybe_from=200), claim(2)), buffer=1)

    assert bounds(found) == (2, 7)


def test_what_is_released_is_free_to_a_true_up_only() -> None:
    found = plain_target(source(10, claim(5, released=True), claim(2)), buffer=1)

    assert bounds(found) == (2, 2)
    assert (found.free_low, found.free_high) == (7, 7)


moments = st.one_of(st.none(), st.integers(0, 3_000))


@given(
    one=st.builds(
        Claim,
        order_id=st.just("a"),
        created_at=st.just(0),
        units=st.integers(0, 9),
        counted=st.integers(0, 9),
        short=st.integers(0, 9),
        short_before=st.integers(0, 9),
        short_at=moments,
        maybe_from=moments,
        counted_at=moments,
        uncounted_at=moments,
        leaving=st.booleans(),
        released=st.booleans(),
    ),
    began_at=st.integers(0, 2_000),
    span=st.integers(0, 1_000),
)
def test_at_least_is_never_more_than_at_most_and_both_are_units_of_the_order(
    one: Claim, began_at: int, span: int
) -> None:
    found = one.uncounted(began_at, began_at + span)

    assert 0 <= found.least <= found.most <= one.units


# -- kits --------------------------------------------------------------------------------------------------------------


def part(available: str | int, quantity: str = "1", *claims: Claim, drawn: tuple[Drawn, ...] = ()) -> Part:
    return Part(source=source(available, *claims), quantity=Decimal(quantity), drawn=drawn)


@pytest.mark.parametrize(
    ("shelf", "claims", "parts", "shown", "target"),
    [
        # -- the scarcest component ------------------------------------------------------------------------------------
        ("0", (), (part(10),), 10, 10),
        ("0", (), (part(10), part(3)), 3, 3),
        ("0", (), (part(10, "2"), part(9, "3")), 3, 3),
        ("0", (), (part(11, "4"), part(100)), 2, 2),
        ("0", (), (part(10), part(0)), 0, 0),
        # -- fractional quantities in a bill, and fractional figures ---------------------------------------------------
        ("0", (), (part("1", "0.25"),), 4, 4),
        ("0", (), (part("1", "0.3"),), 3, 3),
        ("0", (), (part("1", "0.3333333333333333333333333333"),), 3, 3),
        ("0", (), (part("2.9", "1.5"),), 1, 1),
        ("0", (), (part("0.9"),), 0, 0),
        # -- kits on the shelf -----------------------------------------------------------------------------------------
        ("2", (), (part(3),), 5, 5),
        ("2", (), (part(0),), 2, 2),
        ("0.5", (), (part("1.5"),), 1, 1),  # half a kit and half a component make none
        # -- negative figures: an oversold component takes no kit off the shelf ----------------------------------------
        ("3", (), (part(-4),), 3, 3),
        ("0", (), (part(-4),), 0, 0),
        ("-2", (), (part(5),), 3, 3),
        ("-2", (), (part(-4),), -2, -2),
        # -- orders for the kit ----------------------------------------------------------------------------------------
        ("0", (claim(4),), (part(10),), 10, 6),
        ("2", (claim(4),), (part(10),), 12, 8),
        ("0", (claim(12),), (part(10),), 10, -2),
        # -- orders for a component ------------------------------------------------------------------------------------
        ("0", (), (part(10, "1", claim(4)), part(8)), 8, 6),
        ("0", (), (part(10, "2", claim(3)),), 5, 3),
        ("2", (), (part(3, "1", claim(9)),), 5, 2),
        # -- orders for both -------------------------------------------------------------------------------------------
        ("0", (claim(1),), (part(10, "2", claim(3)),), 5, 2),
        # -- orders for another kit of the component -------------------------------------------------------------------
        ("0", (), (part(10, "2", drawn=(Drawn(kit=source(0, claim(1)), quantity=Decimal(3)),)),), 5, 3),
        ("0", (), (part(10, "2", drawn=(Drawn(kit=source(1, claim(1)), quantity=Decimal(3)),)),), 5, 5),
    ],
)
def test_a_kit(shelf: str, claims: tuple[Claim, ...], parts: tuple[Part, ...], shown: int, target: int) -> None:
    found = kit_target(source(shelf, *claims), parts, buffer=0)

    assert (found.available, bounds(found)) == (shown, (target, target))
    assert bounds(kit_target(source(shelf, *claims), parts, buffer=2)) == (target - 2, target - 2)


@pytest.mark.parametrize(
    ("available", "claims", "drawn", "target"),
    [
        # A kit takes two of the component: three kits sold and not counted take six.
        ("10", (), (("0", claim(3), "2"),), 4),
        # ... but kits on the shelf serve their orders first.
        ("10", (), (("2", claim(3), "2"),), 8),
        ("10", (), (("3", claim(3), "2"),), 10),
        ("10", (), (("2.5", claim(3), "2"),), 8),  # half a kit serves nobody
        ("10", (), (("-5", claim(3), "2"),), 4),  # what is oversold serves nobody either
        # Orders for the component beside them, two kits, fractional quantities.
        ("10", (claim(1),), (("0", claim(3), "2"),), 3),
        ("10", (), (("0", claim(1), "2"), ("0", claim(2), "3")), 2),
        ("10", (), (("0", claim(3), "0.5"),), 8),  # 8.5
        ("0.5", (), (("0", claim(1), "0.5"),), 0),
        ("1.5", (claim(1),), (("0", claim(1), "0.5"),), 0),
    ],
)
def test_orders_for_kits_draw_on_their_components(
    available: str, claims: tuple[Claim, ...], drawn: tuple[tuple[str, Claim, str], ...], target: int
) -> None:
    kits = [Drawn(kit=source(made, one), quantity=Decimal(quantity)) for made, one, quantity in drawn]

    assert bounds(plain_target(source(available, *claims), buffer=0, drawn=kits)) == (target, target)


def test_uncertainty_about_a_kits_order_reaches_its_component() -> None:
    kit = Drawn(kit=source(0, claim(3, maybe_from=200)), quantity=Decimal(2))

    assert bounds(plain_target(source(10), buffer=0, drawn=[kit])) == (4, 10)
    assert bounds(kit_target(source(0), [part(10, "2", drawn=(kit,))], buffer=0)) == (2, 5)


def test_a_released_order_for_a_kit_is_free_to_a_true_up_of_its_component() -> None:
    kit = Drawn(kit=source(0, claim(3, released=True)), quantity=Decimal(2))
    found = plain_target(source(10), buffer=0, drawn=[kit])

    assert (found.low, found.free_low) == (4, 10)


def test_a_figure_is_as_old_as_the_oldest_reading_in_it() -> None:
    early, late = source(5, began_at=10, ended_at=20), source(5, began_at=30, ended_at=40)
    kit = kit_target(late, [Part(source=early, quantity=Decimal(1))], buffer=0)
    plain = plain_target(early, buffer=0, drawn=[Drawn(kit=late, quantity=Decimal(1))])

    assert (kit.began_at, kit.ended_at) == (10, 40)
    assert (plain.began_at, plain.ended_at) == (10, 40)


@given(
    component=st.decimals(-50, 50, places=2),
    shelf=st.decimals(-5, 5, places=1),
    quantity=st.decimals("0.1", 5, places=1),
    orders=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_what_may_be_sold_of_a_kit_can_be_made(
    component: Decimal, shelf: Decimal, quantity: Decimal, orders: tuple[int, int]
) -> None:
    own, others = orders
    bill = Part(source=source(str(component), claim(others)), quantity=quantity)
    found = kit_target(source(str(shelf), claim(own)), [bill], buffer=1)

    to_make = found.low + 1 + own - shelf
    assert to_make <= 0 or to_make * quantity <= max(Decimal(0), component - others)
