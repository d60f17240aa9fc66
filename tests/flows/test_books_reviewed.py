"""The books where two things meet: a sale made anew, a person who was quicker, one payment of two orders."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

import pytest

from actors.finance import actor
from actors.messages import Flow
from adapters.sandbox.faults import Fault, FaultKind
from storage import books, orders
from storage.schema import upgrade
from tests.finance_house import (
    LATER,
    MUG,
    SOON,
    TWO,
    UNPAID,
    found,
    house,
    invoices,
    kept,
    moved,
    notes,
    paid,
    reject,
    release,
    sale_of,
    sold,
    step,
    told,
    totals,
)
from tests.simulation.world import World, virtual

HOUR = 3600.0
REFUSED = Fault(kind=FaultKind.ERROR_BEFORE, status=400)


async def made_anew(made: World, order: str) -> None:
    """A person voids the sale with its invoices, and has the order sent again."""
    sale = sale_of(made, order)
    for invoice in invoices(made, order):
        made.cin7.void_invoice(sale, invoice.number)
    made.cin7.void_by_hand(sale)
    await made.clock.sleep(700)
    await made.daemon.write(lambda connection: orders.set_resend(connection, order, True))
    await made.daemon.nudge(order)
    await made.clock.sleep(200)


@virtual
async def test_the_books_of_a_sale_made_anew_miss_nothing_that_stood_on_the_void_one() -> None:
    async with house(971) as made:
        order = await sold(made)
        await made_anew(made, order)
        sale = kept(made, order).sale_id
        standing = [one for one in made.cin7.invoices(sale) if one.stands]
        assert (totals(standing), [len(one.payments) for one in standing]) == (["45.84"], [1])
        assert (step(made, order), told(made, order)) == (("agrees", ""), [])


@virtual
async def test_what_leaves_while_an_invoice_is_on_its_way_is_invoiced_as_well() -> None:
    async with house(972, invoice="shipped") as made:
        order = await sold(made)
        sale = sale_of(made, order)
        made.cin7_faults.plan("invoice_write", Fault(kind=FaultKind.SLOW, seconds=50))
        made.cin7.ship_part(sale, {MUG: 1})
        await made.until(lambda: made.calls("invoice_write") == 1, within=LATER)
        made.cin7.ship_rest(sale)
        await made.clock.sleep(5)
        await made.daemon.nudge(order, Flow.FULFILMENT)
        await made.clock.sleep(SOON)
        assert totals(invoices(made, order)) == ["17.90", "27.94"]
        assert (step(made, order), found(made, order)) == (("agrees", ""), set())


@virtual
async def test_an_order_that_was_rejected_stays_out_of_our_hands_when_it_is_sent_again() -> None:
    async with house(982, posting="hold") as made:
        order = await sold(made)
        await reject(made, order)
        await made_anew(made, order)
        record = kept(made, order)
        assert (record.decision, record.decided_by, record.step) == ("rejected", "ann", "")
        assert (made.cin7.invoices(record.sale_id), told(made, "2026-12-01")) == ([], [])


# -- what is told, and for how long ------------------------------------------------------------------------------------


@virtual
async def test_what_was_refused_is_told_until_a_person_has_posted_it() -> None:
    async with house(973) as made:
        made.cin7_faults.plan("payment_write", REFUSED)
        order = await sold(made)
        assert told(made, order) == ["posting_rejected"]
        made.cin7.pay(sale_of(made, order), reference=moved(made, order)[0])
        await made.clock.sleep(2 * HOUR)
        assert ([amount for _, amount, _ in paid(made, order)], told(made, order)) == (["45.84"], [])


@virtual
async def test_who_enters_a_note_by_hand_and_forgets_the_money_is_told() -> None:
    async with house(974, overdue=2_400_000, attend=300_000) as made:
        order = await sold(made)
        made.cin7_faults.plan("credit_note_write", REFUSED)
        made.shop.refund(order, 300)
        await made.clock.sleep(SOON)
        [refund] = moved(made, order, "Refund")
        charge = ("Refund", Decimal("3.00"), Decimal("0.50"))
        made.cin7.add_credit_note(sale_of(made, order), charges=[charge], memo=f"Refund {refund}")
        await made.clock.sleep(2 * HOUR)
        assert (found(made, order), told(made, order)) == ({("refund", "missing in Cin7 Core")}, ["books_differ"])
        [note] = made.cin7.credit_notes(sale_of(made, order))
        made.cin7.refund_by_hand(sale_of(made, order), note.number, "3.00", refund)
        await made.clock.sleep(2 * HOUR)
        assert (found(made, order), told(made, order)) == (set(), [])


@virtual
async def test_a_day_waits_no_more_when_its_only_order_is_deleted() -> None:
    async with house(975, posting="hold") as made:
        order = await sold(made)
        assert made.daemon.open_types() == ["posting_waits"]
        made.shop.delete_order(order)
        await made.until(lambda: made.daemon.open_types() == ["order_deleted"], within=3 * HOUR)


@virtual
async def test_a_service_that_was_renamed_is_told_until_it_has_its_name_again() -> None:
    async with house(976, invoice="shipped") as made:
        order = await sold(made)
        shipping = made.cin7.books.service_by_name("Shipping")
        assert shipping is not None
        made.cin7.change_product(shipping.sku, name="Postage")
        await made.clock.sleep(HOUR)
        made.cin7.ship_rest(sale_of(made, order))
        await made.clock.sleep(LATER)
        assert (step(made, order), told(made, order)) == (("agrees", "stuck"), ["charge_unknown"])
        made.cin7.change_product(shipping.sku, name="Shipping")
        await made.clock.sleep(HOUR)
        assert (totals(invoices(made, order)), told(made, order)) == (["45.84"], [])


@virtual
async def test_while_the_zone_of_the_books_is_unknown_no_sale_is_read_for_nothing() -> None:
    async with house(979) as made:
        order = await sold(made)
        made.cin7.set_company(time_zone="Nowhere")
        await made.clock.sleep(HOUR / 2)
        made.cin7.pay(sale_of(made, order), "1.00", reference="1234")
        before = made.calls("sale_read")
        await made.clock.sleep(HOUR)
        assert (made.calls("sale_read"), found(made, order)) == (before, set())
        made.cin7.set_company(time_zone="Europe/London")
        await made.clock.sleep(HOUR / 2)
        assert (made.calls("sale_read"), told(made, order)) == (before + 1, ["books_differ"])


@virtual
async def test_what_is_charged_back_was_changed_in_commercetools_and_not_by_who_entered_it() -> None:
    async with house(983) as made:
        order = await sold(made)
        made.shop._transact(order, "Chargeback", 1000, state="Success")
        await made.clock.sleep(SOON)
        assert (found(made, order), step(made, order)) == (
            {("payment", "edited in commercetools")},
            ("differs", "held"),
        )


# -- one payment of two orders -----------------------------------------------------------------------------------------


@virtual
async def test_money_of_two_orders_moved_once_and_is_posted_once() -> None:
    async with house(977) as made:
        pair = [made.shop.place_order(UNPAID), made.shop.place_order(TWO)]
        payment = made.shop.orders[pair[1]]["paymentInfo"]["payments"][0]["id"]
        made.shop.orders[pair[0]]["paymentInfo"]["payments"] = [{"typeId": "payment", "id": payment}]
        await made.exported(*pair, within=300)
        await made.clock.sleep(SOON)
        assert sorted(len(paid(made, order)) for order in pair) == [0, 1]
        [other] = [order for order in pair if not paid(made, order)]
        assert (step(made, other), told(made, other)) == (("agrees", "stuck"), ["payment_unpostable"])
        made.shop.refund(pair[0], 300)
        await made.clock.sleep(SOON)
        assert sorted(totals(notes(made, order)) for order in pair) == [[], ["3.00"]]
        [left] = [order for order in pair if not notes(made, order)]
        assert step(made, left) == ("differs", "held")
        assert "refund_unallocated" in told(made, left)
        assert "message_quarantined" not in made.daemon.open_types()


# -- sales of an older release -----------------------------------------------------------------------------------------


@virtual
async def test_the_books_of_older_sales_are_opened_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor, "SOME", 2)
    async with house(978, attend=300_000, posting="off") as made:
        orders_sold = [await sold(made, wait=5) for _ in range(5)]
        await made.daemon.write(lambda connection: connection.execute("DELETE FROM books").rowcount)
        await made.clock.sleep(1_000)
        assert [step(made, order) for order in orders_sold] == [("agrees", "")] * 5


def test_whether_there_are_books_is_asked_of_a_page_and_of_an_index() -> None:
    connection, run = sqlite3.connect(":memory:", isolation_level=None), list[str]()
    upgrade(connection, now=0)
    connection.set_trace_callback(run.append)
    books.unopened(connection, after="", until="", limit=2)
    connection.set_trace_callback(None)
    [statement] = run
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
    assert any("sales" in one and "order_id>? AND order_id<?" in one for one in plan), plan
    assert any("COVERING INDEX books_by_standing" in one for one in plan), plan


@virtual
async def test_invoices_are_numbered_behind_those_of_a_lost_file() -> None:
    async with house(981, invoice="shipped") as made:
        order = await sold(made)
        sale = sale_of(made, order)
        for _ in range(2):
            made.cin7.ship_part(sale, {MUG: 1})
            await made.clock.sleep(LATER)
        made.cin7.sale(sale).invoices[0].memo = "with thanks"
        made.daemon.lose_file()
        await made.clock.sleep(2 * LATER)
        made.cin7.ship_rest(sale)
        await made.clock.sleep(2 * LATER)
        assert totals(invoices(made, order)) == ["17.90", "12.95", "14.99"]
        assert (step(made, order), made.daemon.open_types()) == (("agrees", ""), [])


# -- a second daemon ---------------------------------------------------------------------------------------------------


@virtual
async def test_without_the_lease_an_order_that_is_to_be_posted_is_read_once() -> None:
    async with house(984, posting="hold") as made:
        order = await sold(made)
        looker = made.engine.actors[Flow.FINANCE].looker  # type: ignore[attr-defined]
        may_write, looker._may_write = looker._may_write, lambda: False
        await release(made, order)
        await made.clock.sleep(10)
        read = made.calls("order_read")
        await made.clock.sleep(HOUR)
        assert (made.calls("order_read"), made.calls("invoice_write")) == (read, 0)
        looker._may_write = may_write
        await made.clock.sleep(SOON)
        assert (totals(invoices(made, order)), step(made, order)) == (["45.84"], ("agrees", ""))
