"""What is kept of an order's fulfilment: what moved is found once, what was told is not forgotten, nothing is lost."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.domain.exception_types import Finding
from actors.domain.fulfilment import Stages
from actors.domain.notification import Notification
from actors.domain.order_state import OrderState
from actors.domain.returning import Refund
from actors.domain.sale import ListedCreditNote, ListedSale
from actors.intake.accepting import note_events
from actors.messages import Urgency
from storage import doors, exceptions, fulfilments, listed_sales, orders
from storage.fulfilments import FulfilmentRecord
from storage.orders import SaleRecord
from tests.stored import NOW, fresh, moved

SALE = "5a1e0000-0000-4000-8000-000000000001"
MINUTE = 60_000


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def sold(file: sqlite3.Connection, *more: OrderState) -> str:
    """Store an order whose sale is authorised; return its id."""
    order_id = moved(file, OrderState.CREATING, OrderState.HEADER, OrderState.POSTED, *more)
    sale = SaleRecord(
        sale_id=SALE, order_id=order_id, generation=1, reference="1001", number="SO-1", made_at=NOW, voided_at=None
    )
    orders.add_sale(file, sale)
    orders.set_answer(file, order_id, net="1", tax="0", total="1", reconciled=True)
    return order_id


def listed(file: sqlite3.Connection, *, at: int = NOW + MINUTE, updated: int | None = None, **words: Any) -> None:
    """Have the sweep list the sale."""
    row = ListedSale(
        id=SALE,
        number="SO-1",
        status=words.pop("status", "ORDERED"),
        order_status=words.pop("order_status", "AUTHORISED"),
        external_id="ct-order:x",
        customer_reference="1001",
        updated=updated if updated is not None else at,
        **words,
    )
    listed_sales.store(file, [row], reading=at, now=at, since=0)


def nudged(file: sqlite3.Connection) -> set[tuple[str, str]]:
    return set(file.execute("SELECT flow, subject FROM outbox"))


def urgency_of(file: sqlite3.Connection, order_id: str) -> Urgency:
    [row] = file.execute("SELECT urgency FROM outbox WHERE flow = 'fulfilment' AND subject = ?", (order_id,))
    return Urgency(row[0])


def look(file: sqlite3.Connection, order_id: str, *, at: int, read: bool = True, alias: str = "") -> None:
    """Keep what a look would: the sale as it is listed."""
    standing = listed_sales.stands(file, SALE)
    assert standing is not None
    seen = fulfilments.seen_text(standing.stages, standing.notes)
    record = FulfilmentRecord(seen=seen, alias=alias, read_at=at if read else None, looked_at=at)
    fulfilments.put(file, order_id, record, looked_from=at)


def test_a_sale_that_did_not_move_nudges_nobody(file: sqlite3.Connection) -> None:
    sold(file)
    listed(file, picking="NOT PICKED", shipping="NOT AVAILABLE")
    fulfilments.stir(file, [SALE], now=NOW)
    assert nudged(file) == set()


@pytest.mark.parametrize(
    "words",
    [
        {"picking": "PICKED"},
        {"picking": "PARTIALLY PICKED"},
        {"shipping": "SHIPPED"},
        {"tracking": "T-1"},
        {"status": "VOIDED"},
        {"order_status": "DRAFT"},
    ],
)
def test_what_moved_nudges_once(file: sqlite3.Connection, words: dict[str, Any]) -> None:
    order_id = sold(file)
    listed(file, **words)
    fulfilments.stir(file, [SALE, "somebody else's"], now=NOW)
    assert nudged(file) == {("fulfilment", order_id)}
    look(file, order_id, at=NOW + 2 * MINUTE)
    assert not fulfilments.is_behind(file, order_id, SALE)


@pytest.mark.parametrize("words", [{"packing": "PACKED"}, {"invoicing": "INVOICED"}])
def test_what_the_storefront_does_not_show_is_no_movement(file: sqlite3.Connection, words: dict[str, Any]) -> None:
    order_id = sold(file)
    listed(file, **words)
    assert not fulfilments.is_behind(file, order_id, SALE)


def test_a_row_from_before_the_sale_was_authorised_says_nothing(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    listed(file, at=NOW, order_status="DRAFT")
    assert not fulfilments.is_behind(file, order_id, SALE)
    listed(file, at=NOW + 1, order_status="DRAFT")
    assert fulfilments.is_behind(file, order_id, SALE)


def test_a_held_order_is_nudged_too(file: sqlite3.Connection) -> None:
    order_id = sold(file, OrderState.HELD)
    listed(file, picking="PICKED")
    fulfilments.stir(file, [SALE], now=NOW)
    assert nudged(file) == {("fulfilment", order_id), ("orders", order_id)}


@pytest.mark.parametrize(
    ("invoicing", "free"),
    [("INVOICED", False), ("INVOICED / CREDITED", False), ("NOT INVOICED", True), ("VOIDED", True)],
)
def test_a_cancelled_order_is_looked_at_once_its_sale_lists_no_invoice(
    file: sqlite3.Connection, invoicing: str, free: bool
) -> None:
    order_id = sold(file, OrderState.HELD)
    named = exceptions.Record(kind="order", id=order_id)
    exceptions.raise_finding(file, named, Finding(code="cancelled_after_invoice", cause="x"), now=NOW)
    listed(file, invoicing=invoicing)
    fulfilments.stir(file, [SALE], now=NOW)
    assert nudged(file) == ({("orders", order_id)} if free else set())


@pytest.mark.parametrize(
    ("group", "words", "free"),
    [
        ("", {"picking": "NOT PICKED"}, True),
        ("", {"picking": "PARTIALLY PICKED"}, False),
        ("", {"shipping": "SHIPPED"}, False),
        ("edit_not_applied:Cin7 refused", {"picking": "NOT PICKED"}, False),
    ],
)
def test_an_edit_that_came_too_late_is_looked_at_once_its_sale_lists_no_pick(
    file: sqlite3.Connection, group: str, words: dict[str, str], free: bool
) -> None:
    """Also where the list never showed the pick, nor the look that saw it undone nudged anybody."""
    order_id = sold(file)
    named = exceptions.Record(kind="order", id=order_id)
    exceptions.raise_finding(file, named, Finding(code="edit_not_applied", cause="x", group=group), now=NOW)
    listed(file, at=NOW + MINUTE, updated=None, **words)
    look(file, order_id, at=NOW + 2 * MINUTE)
    fulfilments.stir(file, [SALE], now=NOW)
    assert nudged(file) == ({("orders", order_id)} if free else set())


def test_a_void_sale_of_ours_nudges_nobody(file: sqlite3.Connection) -> None:
    sold(file)
    listed(file, status="VOIDED")
    orders.void_sale(file, SALE, now=NOW)
    file.execute("DELETE FROM outbox")
    fulfilments.stir(file, [SALE], now=NOW)
    assert nudged(file) == set()


def test_part_of_a_sale_is_read_again_when_it_was_changed_after_the_reading(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    listed(file, shipping="PARTIALLY SHIPPED", updated=NOW)
    look(file, order_id, at=NOW + 2 * MINUTE)
    assert not fulfilments.is_behind(file, order_id, SALE)
    listed(file, at=NOW + 4 * MINUTE, shipping="PARTIALLY SHIPPED", updated=NOW + 3 * MINUTE)
    assert fulfilments.is_behind(file, order_id, SALE), "the word is the same, and more was shipped"


def test_words_the_list_writes_otherwise_are_read_once_more_and_then_known(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    listed(file, shipping="SHIPPED", tracking="T-1, T-2")
    shown = Stages(shipping="SHIPPED", tracking="T-1 T-2")
    record = FulfilmentRecord(seen=fulfilments.seen_text(shown, {}), read_at=NOW, looked_at=NOW)
    fulfilments.put(file, order_id, record, looked_from=NOW)
    assert fulfilments.is_behind(file, order_id, SALE)
    standing = listed_sales.stands(file, SALE)
    assert standing is not None
    look(file, order_id, at=NOW, alias=fulfilments.seen_text(standing.stages, standing.notes))
    assert not fulfilments.is_behind(file, order_id, SALE)


def test_a_credit_note_moves_its_sale(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    listed(file, shipping="SHIPPED")
    look(file, order_id, at=NOW + 2 * MINUTE)
    note = ListedCreditNote(sale_id=SALE, number="CR-1", status="AUTHORISED", restock_status="RESTOCKED")
    assert listed_sales.note_credit(file, note, now=NOW)
    assert fulfilments.is_behind(file, order_id, SALE)


def test_what_was_told_stays_told_until_a_look_that_began_later(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    fulfilments.tell(file, order_id, now=NOW + 10)
    fulfilments.put(file, order_id, FulfilmentRecord(), looked_from=NOW)
    assert fulfilments.get(file, order_id).told_at == NOW + 10
    assert fulfilments.behind(file, after="", limit=9) == ([SALE], "")
    fulfilments.put(file, order_id, FulfilmentRecord(shown={"MUG": 2}), looked_from=NOW + 20)
    assert fulfilments.get(file, order_id).told_at is None
    assert fulfilments.get(file, order_id).shown == {"MUG": 2}


def test_returns_and_refunds_are_told_until_they_were_looked_at(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    fulfilments.tell_aftersales(file, order_id, "", now=NOW)
    assert nudged(file) == set()
    fulfilments.tell_aftersales(file, order_id, "r1:Returned", now=NOW)
    assert nudged(file) == {("fulfilment", order_id)}
    fulfilments.put(file, order_id, FulfilmentRecord(aftersales="r1:Returned"), looked_from=NOW + 1)
    file.execute("DELETE FROM outbox")
    fulfilments.tell_aftersales(file, order_id, "r1:Returned", now=NOW + 2)
    assert nudged(file) == set()


def test_a_sale_is_known_by_its_id_or_its_number(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    assert fulfilments.order_of_sale(file, SALE.upper(), "") == order_id
    assert fulfilments.order_of_sale(file, "a task of it", "SO-1") == order_id
    assert fulfilments.order_of_sale(file, "somebody else's", "SO-2") is None
    assert fulfilments.order_of_sale(file, "", "") is None


def test_what_was_left_behind_is_found_some_at_a_time(file: sqlite3.Connection) -> None:
    sold(file)
    listed(file, picking="PICKED")
    assert fulfilments.behind(file, after="", limit=1) == ([SALE], SALE)
    assert fulfilments.behind(file, after=SALE, limit=1) == ([], "")
    assert fulfilments.behind(file, after="", limit=2) == ([SALE], "")


def test_what_was_left_behind_waits_for_what_moves_now(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    fulfilments.tell(file, order_id, now=NOW)
    fulfilments.stir(file, [SALE], now=NOW)
    assert nudged(file) == set(), "whoever told it nudged already"
    fulfilments.stir(file, [SALE], now=NOW, urgency=Urgency.FRESH, told=True)
    assert urgency_of(file, order_id) is Urgency.FRESH
    listed(file, picking="PICKED")
    fulfilments.stir(file, [SALE], now=NOW)
    assert urgency_of(file, order_id) is Urgency.UNDERWAY


def test_a_part_that_was_read_since_it_moved_is_read_once_more_and_not_sooner(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    moved_at = NOW + MINUTE
    listed(file, at=moved_at + 5, updated=moved_at, shipping="PARTIALLY SHIPPED")
    look(file, order_id, at=moved_at + 10)
    fulfilments.stir(file, [SALE], now=moved_at + 20)
    assert list(file.execute("SELECT subject, due_at FROM outbox")) == [(order_id, moved_at + MINUTE)]
    look(file, order_id, at=moved_at + MINUTE)
    assert fulfilments.behind_from(file, order_id, SALE) is None
    listed(file, at=moved_at + 3 * MINUTE, updated=moved_at + 2 * MINUTE, shipping="PARTIALLY SHIPPED")
    assert fulfilments.behind_from(file, order_id, SALE) == 0


def test_a_shipment_that_is_told_goes_before_what_was_left_behind(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    told = Notification(identity="h:1", kind="Sale/ShipmentAuthorised", about="sale", subject=SALE)
    doors.open_doors(file, {"cin7"}, now=NOW)
    assert note_events(file, "cin7", [told], project="", now=NOW) == [True]
    assert urgency_of(file, order_id) is Urgency.UNDERWAY
    assert fulfilments.get(file, order_id).told_at == NOW


def test_a_refund_is_kept_as_it_stands(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    refund = Refund(
        transaction_id="t1",
        payment_id="p1",
        interaction_id="",
        amount=500,
        currency="GBP",
        state="Pending",
        credit_note=None,
    )
    fulfilments.put_refund(file, order_id, refund, now=NOW)
    settled = Refund(
        transaction_id="t1",
        payment_id="p1",
        interaction_id="x",
        amount=500,
        currency="GBP",
        state="Success",
        credit_note="CR-1",
    )
    fulfilments.put_refund(file, order_id, settled, now=NOW + 1)
    assert fulfilments.refunds_of(file, order_id) == [settled]


def test_a_sale_whose_order_is_not_authorised_yet_nudges_nobody(file: sqlite3.Connection) -> None:
    sold(file)
    file.execute("UPDATE orders SET cin7_total = NULL, counted_at = NULL")
    listed(file, order_status="DRAFT")
    fulfilments.stir(file, [SALE], now=NOW)
    assert nudged(file) == set()
    assert fulfilments.behind(file, after="", limit=9) == ([], "")


def test_a_state_that_may_be_there_is_kept_from_its_intent_until_a_look(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    fulfilments.put(file, order_id, FulfilmentRecord(published="Partial"), looked_from=NOW)
    fulfilments.claim(file, order_id, "Shipped")
    record = fulfilments.get(file, order_id)
    assert (record.published, record.intended) == ("Partial", "Shipped")
    fulfilments.put(file, order_id, FulfilmentRecord(published="Shipped"), looked_from=NOW)
    assert fulfilments.get(file, order_id).intended == ""


def test_an_order_that_waits_for_its_payment_is_looked_at_when_money_moves(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    fulfilments.put(file, order_id, FulfilmentRecord(unpaid=True), looked_from=NOW)
    fulfilments.tell_aftersales(file, order_id, "", now=NOW)
    assert nudged(file) == {("fulfilment", order_id)}
    assert fulfilments.get(file, order_id).told_at is None, "the sale has not moved"


def test_an_order_of_gift_cards_has_nothing_to_be_sent(file: sqlite3.Connection) -> None:
    order_id = sold(file)
    [sku] = file.execute("SELECT sku FROM order_lines").fetchone()
    assert not fulfilments.needs_no_shipping(file, order_id)
    assert not fulfilments.needs_no_shipping(file, order_id, {"another"})
    assert fulfilments.needs_no_shipping(file, order_id, {sku})
    fulfilments.catch_up(file, order_id, SALE, now=NOW)
    assert nudged(file) == set()
    fulfilments.catch_up(file, order_id, SALE, now=NOW, unsent={sku})
    assert nudged(file) == {("fulfilment", order_id)}
