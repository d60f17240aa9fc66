"""What Cin7 Core counts of an order: by where its sale is booked, and by what of it is allocated."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from actors.domain.mapping import unfed_channels
from actors.domain.rows import OrderRow
from actors.domain.sale import OrderView
from tests.orders_builder import LOCATION, line, plain_order, rules_for

CHANNELS = {"": (LOCATION,), "paris": ("Paris",), "web": ("Paris", "Lyon"), "south": ("Lyon",)}

BOOKED = [  # the lines' channels, the split location, the channels its sale is never seen on
    ((None,), "", ()),
    (("paris",), "", ()),
    (("paris", "paris"), "Lyon", ()),
    (("paris", "south"), "Paris", ("south",)),
    (("paris", "south", "web"), "Lyon", ("paris",)),
    (("web",), "Lyon", ()),
    (("web",), "Rome", ("web",)),
    ((None, "paris"), "Rome", ("", "paris")),
    ((None, "paris"), LOCATION, ("paris",)),
    (("nowhere",), "", ()),
    ((None, "nowhere"), "", ("nowhere",)),
]


@pytest.mark.parametrize(("channels", "split", "unfed"), BOOKED)
def test_a_sale_is_seen_where_it_is_booked(
    channels: tuple[str | None, ...], split: str, unfed: tuple[str, ...]
) -> None:
    lines = tuple(
        msgspec.structs.replace(line(f"S{place}"), supply_channel=channel) for place, channel in enumerate(channels)
    )
    order = plain_order(*lines)
    rules = rules_for(order, channels=CHANNELS, split_location=split)
    assert unfed_channels(order, rules) == set(unfed)


def test_orders_without_a_channel_are_not_seen_on_an_entry_that_another_place_feeds() -> None:
    order = plain_order()
    assert unfed_channels(order, rules_for(order, channels={"": ("Outlet",)})) == {""}
    assert unfed_channels(order, rules_for(order)) == set()


def row(sku: str, quantity: str, backordered: str = "0", *, is_charge: bool = False) -> OrderRow:
    none = Decimal(0)
    return OrderRow(
        sku=sku,
        name=sku,
        quantity=Decimal(quantity),
        price=none,
        tax=none,
        tax_rule="",
        total=none,
        is_charge=is_charge,
        backordered=Decimal(backordered),
    )


ALLOCATED = [
    ("AUTHORISED", [row("A", "3"), row("B", "1")], {}),
    ("AUTHORISED", [row("A", "3", "2"), row("B", "1")], {"A": 2}),
    ("AUTHORISED", [row("A", "3", "2"), row("A", "4", "1.5")], {"A": Decimal("3.5")}),
    ("AUTH_NO_ALLOC", [row("A", "3"), row("B", "1", "1"), row("SHIP", "1", is_charge=True)], {"A": 3, "B": 1}),
]


@pytest.mark.parametrize(("status", "rows", "short"), ALLOCATED)
def test_what_is_not_allocated_is_short(status: str, rows: list[OrderRow], short: dict[str, Decimal]) -> None:
    none = Decimal(0)
    assert OrderView(status=status, rows=tuple(rows), net=none, tax=none, total=none).shortages == short
