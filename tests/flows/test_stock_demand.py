"""What orders and webhooks tell the stock flow: claims of entries, and rows of availability that were pushed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.availability import Claim, Reading, StockRow
from actors.domain.calls import Purpose
from actors.domain.facts import FactKind, KitPart, Product
from actors.domain.notification import Notification, PushedRow
from actors.domain.order import Order
from actors.domain.order_state import OrderState
from actors.governor.journal import Intent
from actors.intake.accepting import note_events
from actors.messages import Flow
from adapters.intake.cin7_hooks import read_hook
from storage import availability, calls, demand, entries, facts, orders, outbox, stock
from storage.database import connect
from storage.orders import SaleRecord
from storage.schema import upgrade
from tests.orders_builder import plain_order

NOW = 1_800_000_000_000
KIND = "Stock/AvailableStockLevelChanged"


@pytest.fixture
def file(tmp_path: Any) -> Iterator[sqlite3.Connection]:
    connection = connect(tmp_path / "tallyd.db")
    upgrade(connection, now=NOW)
    yield connection
    connection.close()


def an_order(quantity: int = 3, *, version: int = 1, **changes: Any) -> Order:
    """One line of `SKU`, on channel `changes['channel']`, of mode `changes['mode']`."""
    base = plain_order()
    channel, mode = changes.pop("channel", None), changes.pop("mode", "TrackOnly")
    line = msgspec.structs.replace(
        base.lines[0], sku="SKU", quantity=quantity, supply_channel=channel, inventory_mode=None
    )
    return msgspec.structs.replace(base, lines=(line,), version=version, inventory_mode=mode, **changes)


def claims(file: sqlite3.Connection, channel: str = "") -> list[Claim]:
    return demand.claims_of(file, "SKU", channel)


def waits(file: sqlite3.Connection, sku: str = "SKU") -> bool:
    return outbox.is_waiting(file, Flow.STOCK, f"sku:{sku}")


def posted(file: sqlite3.Connection, order: Order, *, now: int = NOW + 5_000, short: str = "0") -> None:
    """Let the order's sale be authorised, with so much of it on backorder."""
    orders.move(file, order.id, OrderState.CREATING, now=now - 2_000)
    orders.add_sale(
        file,
        SaleRecord(
            sale_id="sale", order_id=order.id, generation=1, reference="r", number=None, made_at=now, voided_at=None
        ),
    )
    orders.move(file, order.id, OrderState.HEADER, now=now - 1_500)
    calls.begin(file, Intent(Purpose.CIN7_AUTHORISE_ORDER, subject=order.id), at=now - 1_000)
    orders.set_shortages(file, order.id, {"SKU": Decimal(short)} if Decimal(short) else {}, now=now)
    orders.move(file, order.id, OrderState.POSTED, now=now)


# -- claims ------------------------------------------------------------------------------------------------------------

MODES = [("TrackOnly", 3), ("ReserveOnOrder", 3), ("ReserveOnCart", 3), ("None", 0), (None, 0), ("SomethingNew", 0)]


@pytest.mark.parametrize(("mode", "taken"), MODES)
def test_what_an_order_claims_and_what_commercetools_takes_off(
    file: sqlite3.Connection, mode: str | None, taken: int
) -> None:
    order = an_order(mode=mode)
    for _ in range(2):
        orders.accept(file, order, now=NOW)
    [claim] = claims(file)
    assert (claim.units, claim.taken) == (3, taken)
    # Seeing an order that is taken off leaves the figure alone; one that is not lowers it.
    assert waits(file) == (taken == 0)


SPANS = [  # a reading from, to (seconds after NOW); uncounted at least, at most. Sent at 4 s, proved at 5 s.
    (0.0, 3.9, 3, 3),
    (0.0, 4.0, 3, 3),
    (3.0, 4.5, 0, 3),
    (4.5, 6.0, 0, 3),
    (5.0, 6.0, 0, 0),
]


@pytest.mark.parametrize(("began", "ended", "least", "most"), SPANS)
def test_a_reading_counts_an_order_once_its_sale_is_proved(
    file: sqlite3.Connection, began: float, ended: float, least: int, most: int
) -> None:
    order = an_order()
    orders.accept(file, order, now=NOW)
    posted(file, order)
    [claim] = claims(file)
    bounds = claim.uncounted(NOW + int(began * 1000), NOW + int(ended * 1000))
    assert (bounds.least, bounds.most) == (least, most)


def test_what_is_on_backorder_is_not_counted_until_the_sale_shows_it(file: sqlite3.Connection) -> None:
    order = an_order()
    orders.accept(file, order, now=NOW)
    posted(file, order, short="1.5")
    later = NOW + 60_000
    [claim] = claims(file)
    assert claim.uncounted(later, later + 1).most == 2
    orders.set_shortages(file, order.id, {}, now=later + 10_000)
    [claim] = claims(file)
    assert claim.uncounted(later, later + 1).most == 2  # that reading may not have seen it allocated
    assert claim.uncounted(later + 10_000, later + 11_000).most == 0


def test_a_void_is_read_by_name_first_and_claims_again_what_was_forgotten(file: sqlite3.Connection) -> None:
    order = an_order()
    orders.accept(file, order, now=NOW)
    posted(file, order)
    demand.forget(file, "SKU", "", [order.id])
    assert claims(file) == []
    orders.void_sale(file, "sale", now=NOW + 60_000)
    [claim] = claims(file)
    assert claim.uncounted(NOW + 61_000, NOW + 62_000).least == 3
    assert claim.uncounted(NOW + 50_000, NOW + 51_000).most == 3
    asked = availability.next_asked(file, sold_since=0)
    assert asked is not None
    assert (asked.sku, asked.urgency, asked.reason) == ("SKU", 0, "void")
    assert waits(file)


def test_an_edit_after_the_export_claims_only_what_the_sale_does_not_hold(file: sqlite3.Connection) -> None:
    order = an_order(3, mode="None")
    orders.accept(file, order, now=NOW)
    posted(file, order)
    orders.accept(file, an_order(5, version=2, mode="None"), now=NOW + 60_000)
    [claim] = claims(file)
    assert claim.uncounted(NOW + 61_000, NOW + 62_000).most == 2


RELEASES = [
    ("cancelled", lambda file, order: orders.move(file, order.id, OrderState.CANCELLED, now=NOW)),
    ("let go by a person", lambda file, order: demand.release(file, order.id, now=NOW)),
]


@pytest.mark.parametrize(("_how", "release"), RELEASES)
def test_units_that_are_let_go_wait_for_the_true_up(file: sqlite3.Connection, _how: str, release: Any) -> None:
    order = an_order()
    orders.accept(file, order, now=NOW)
    assert not waits(file)
    release(file, order)
    [claim] = claims(file)
    assert claim.released
    assert waits(file)


def test_an_excluded_order_counts_until_somebody_completes_it(file: sqlite3.Connection) -> None:
    order = an_order()
    orders.accept(file, order, now=NOW)
    orders.move(file, order.id, OrderState.EXCLUDED, now=NOW)
    assert not claims(file)[0].released
    orders.accept(file, an_order(version=2, state="Complete"), now=NOW + 1_000)
    assert claims(file)[0].released
    assert waits(file)


@given(
    units=st.integers(0, 9),
    counted=st.integers(0, 9),
    short=st.integers(0, 9),
    before=st.integers(0, 9),
    instants=st.lists(st.one_of(st.none(), st.integers(0, 20)), min_size=4, max_size=4),
    began=st.integers(0, 20),
    took=st.integers(0, 5),
)
def test_bounds_are_ordered_and_never_below_zero(
    *, units: int, counted: int, short: int, before: int, instants: list[int | None], began: int, took: int
) -> None:
    claim = Claim(
        order_id="o",
        created_at=0,
        units=units,
        counted=counted,
        short=short,
        short_before=before,
        short_at=instants[0],
        maybe_from=instants[1],
        counted_at=instants[2],
        uncounted_at=instants[3],
    )
    bounds = claim.uncounted(began, began + took)
    assert 0 <= bounds.least <= bounds.most <= units


# -- what is pushed ----------------------------------------------------------------------------------------------------

ROW: dict[str, Any] = {"SKU": "SKU", "Location": "Main", "Bin": None, "Batch": None, "Available": 4}
BODIES = [
    ([ROW], [PushedRow(location="Main", available=Decimal(4))]),
    ([ROW | {"Available": "4.5", "Bin": "A1"}], [PushedRow(location="Main", available=Decimal("4.5"), bin="A1")]),
    (
        [ROW, ROW | {"Location": "North", "Available": -1}],
        [
            PushedRow(location="Main", available=Decimal(4)),
            PushedRow(location="North", available=Decimal(-1)),
        ],
    ),
    ([ROW | {"Available": None}], []),
    ([ROW | {"Available": "many"}], []),
    ([ROW | {"Available": True}], []),
    ([ROW | {"Available": "NaN"}], []),
    ([ROW | {"Location": ""}], []),
]


@pytest.mark.parametrize(("body", "rows"), BODIES)
def test_rows_are_read_as_they_come(body: list[dict[str, Any]], rows: list[PushedRow]) -> None:
    [event] = read_hook(KIND, msgspec.json.encode(body))
    assert isinstance(event, Notification)
    assert (event.subject, list(event.rows)) == ("SKU", rows)


def push(file: sqlite3.Connection, available: int, *, sku: str = "SKU") -> None:
    [event] = read_hook(KIND, msgspec.json.encode([ROW | {"SKU": sku, "Available": available}]))
    assert isinstance(event, Notification)
    note_events(file, "cin7", [event], project="", now=NOW + 60_000)


def known(file: sqlite3.Connection, available: int) -> None:
    row = StockRow(sku="SKU", location="Main", available=Decimal(available))
    availability.store_rows(file, [row], number=1, began_at=NOW, ended_at=NOW + 100)
    reading = Reading(began_at=NOW, ended_at=NOW + 100, figures={"Main": Decimal(available)})
    availability.add_reading(file, "SKU", reading, keep=2)


def test_a_push_that_says_something_new_is_kept_and_looked_at(file: sqlite3.Connection) -> None:
    known(file, 9)
    push(file, 4)
    [hint] = availability.hints_of(file, "SKU")
    assert (hint.available, hint.received_at) == (Decimal(4), NOW + 60_000)
    assert availability.asked(file) == 0  # our own sales are pushed too: only who assesses it knows what is new
    assert waits(file)
    push(file, 9)  # and back again: what was pushed before is not the last word
    assert [one.available for one in availability.hints_of(file, "SKU")] == [Decimal(9)]


@pytest.mark.parametrize(("sku", "available"), [("SKU", 9), ("STRANGER", 4)])
def test_a_push_that_says_nothing_new_leads_to_nothing(file: sqlite3.Connection, sku: str, available: int) -> None:
    known(file, 9)
    push(file, available, sku=sku)
    assert availability.hints_of(file, sku) == []
    assert availability.asked(file) == 0
    assert not waits(file, sku)


# -- kits --------------------------------------------------------------------------------------------------------------


def test_the_parts_of_a_kit_are_known_as_long_as_it_is_one(file: sqlite3.Connection) -> None:
    kit = Product(id="1", sku="KIT", name="Kit", type="Stock", parts=(KitPart(sku="SKU", quantity=Decimal(2)),))
    facts.store(file, FactKind.PRODUCT, [kit], now=NOW, whole=False, number=1)
    assert stock.parts_of(file, "KIT") == [KitPart(sku="SKU", quantity=Decimal(2))]
    assert stock.related(file, "SKU") == {"KIT"}
    orders.accept(file, an_order(), now=NOW)
    assert waits(file, "KIT")
    facts.store(file, FactKind.PRODUCT, [msgspec.structs.replace(kit, parts=())], now=NOW, whole=False, number=1)
    assert stock.parts_of(file, "KIT") == []
    facts.store(file, FactKind.PRODUCT, [kit], now=NOW, whole=False, number=1)
    facts.finish_pass(file, FactKind.PRODUCT, number=2, now=NOW)
    assert stock.parts_of(file, "KIT") == []
    assert entries.of_sku(file, "KIT") == []


@pytest.mark.parametrize("gone", [False, True])
def test_a_part_a_kit_needs_no_longer_is_looked_at_without_it(file: sqlite3.Connection, *, gone: bool) -> None:
    kit = Product(id="1", sku="KIT", name="Kit", type="Stock", parts=(KitPart(sku="SKU", quantity=Decimal(2)),))
    facts.store(file, FactKind.PRODUCT, [kit], now=NOW, whole=False, number=1)
    assert not waits(file)
    if gone:
        facts.finish_pass(file, FactKind.PRODUCT, number=2, now=NOW)
    else:
        other = msgspec.structs.replace(kit, parts=(KitPart(sku="OTHER", quantity=Decimal(2)),))
        facts.store(file, FactKind.PRODUCT, [other], now=NOW, whole=False, number=1)
    assert waits(file)
