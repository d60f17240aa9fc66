"""What agrees is posted once, in the order of the books, and dated in their zone; what does not agree waits."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest

from actors.domain.posting import CurrencyRule, PostingRules
from actors.domain.references import invoice_mark
from actors.domain.time import parse_instant
from actors.finance.rules import FinanceRules
from actors.orders.rules import Trigger
from adapters.sandbox.carts import LineDraft, OrderDraft, PaymentDraft
from adapters.sandbox.faults import Fault, FaultKind
from adapters.sandbox.virtual_time import DEFAULT_START
from storage import books, timeline
from tests.finance_house import (
    CLEARING,
    GIFT_CARDS,
    LATER,
    MUG,
    PLATE,
    SOON,
    TWO,
    UNPAID,
    finance,
    found,
    house,
    invoices,
    kept,
    look,
    moved,
    paid,
    payments,
    pounds,
    release,
    release_day,
    retry,
    sale_of,
    sold,
    step,
    told,
    totals,
    transactions,
)
from tests.simulation.world import World, export_rules, plan, virtual, world

HOUR = 3600.0
ON_AUTHORISATION = {"export": export_rules(trigger=Trigger(order_states=("Open",), payment="authorised"))}


def starts(text: str) -> int:
    """Milliseconds from the first instant of these runs."""
    return parse_instant(text) - DEFAULT_START


def in_zone(zone: str) -> PostingRules:
    """The posting rules of these runs, with the books in another zone."""
    return msgspec.structs.replace(plan().posting, time_zone=zone)


def days(made: World, order: str) -> list[date]:
    """The days of an order's invoices, then of its payments."""
    return [*(one.day for one in invoices(made, order)), *(one.day for one in payments(made, order))]


# -- posted by itself --------------------------------------------------------------------------------------------------


@virtual
async def test_an_order_that_agrees_is_invoiced_and_paid_once_each_with_its_mark() -> None:
    async with house(901) as made:
        order = await sold(made)
        [invoice] = invoices(made, order)
        assert (invoice.memo, invoice.status, invoice.total) == (invoice_mark(order, 1, 1), "PAID", Decimal("45.84"))
        assert (invoice.net, invoice.tax) == (Decimal("38.19"), Decimal("7.65"))
        assert paid(made, order) == [(moved(made, order)[0], "45.84", CLEARING)]
        assert step(made, order) == ("agrees", "")
        assert made.calls("sale_read") == 0, "what a posting answers is its read-back"
        await made.clock.sleep(HOUR)
        assert (made.calls("invoice_write"), made.calls("payment_write")) == (1, 1)
        assert not made.daemon.open_exceptions()


@pytest.mark.parametrize(
    ("zone", "placed", "day"),
    [
        ("Europe/Berlin", "2026-12-31T22:59:20Z", "2026-12-31"),
        ("Europe/Berlin", "2026-12-31T23:00:20Z", "2027-01-01"),
        ("America/New_York", "2027-01-01T04:59:20Z", "2026-12-31"),
        # The clocks go forward in the night before the 28th, and back before the 31st of October.
        ("Europe/Berlin", "2027-03-27T22:59:20Z", "2027-03-27"),
        ("Europe/Berlin", "2027-03-28T22:00:20Z", "2027-03-29"),
        ("Europe/Berlin", "2027-10-31T22:59:20Z", "2027-10-31"),
    ],
)
def test_documents_are_dated_in_the_zone_of_the_books(zone: str, placed: str, day: str) -> None:
    @virtual
    async def play() -> None:
        async with house(902, starts=starts(placed) - 10_000, on={"posting": in_zone(zone)}) as made:
            await made.until(lambda: made.clock.now() >= parse_instant(placed), within=60, every=0.1)
            order = await sold(made)
            assert days(made, order) == [date.fromisoformat(day)] * 2
            assert kept(made, order).day == day

    play()


@virtual
async def test_what_is_charged_by_two_means_goes_to_two_accounts() -> None:
    async with house(903) as made:
        draft = msgspec.structs.replace(TWO, payment=PaymentDraft(captures=2, gift_card_percent=25))
        order = await sold(made, draft)
        charges = {one["id"]: pounds(one["amount"]["centAmount"]) for one in transactions(made, order)}
        cards = made.shop.orders[order]["paymentInfo"]["payments"][1]["id"]
        [card] = [one["id"] for one in made.shop.payments[cards]["transactions"]]
        assert len(charges) == 3
        assert sorted(paid(made, order)) == sorted(
            (name, f"{amount:.2f}", GIFT_CARDS if name == card else CLEARING) for name, amount in charges.items()
        )
        assert [one.status for one in invoices(made, order)] == ["PAID"]


@virtual
async def test_what_is_only_reserved_is_no_payment_until_it_is_captured_part_by_part() -> None:
    async with house(904, on=ON_AUTHORISATION) as made:
        order = await sold(made, UNPAID)
        assert (totals(invoices(made, order)), payments(made, order)) == (["45.84"], [])
        assert step(made, order) == ("agrees", "")
        made.cin7.ship_rest(sale_of(made, order))
        parts = []
        for amount in (2000, 2584):
            parts.append((made.shop.capture(order, amount), f"{pounds(amount):.2f}", CLEARING))
            await made.clock.sleep(SOON)
            assert paid(made, order) == parts
        assert [one.status for one in invoices(made, order)] == ["PAID"]
        assert step(made, order) == ("agrees", "")


@virtual
async def test_a_method_without_an_account_is_told_and_keeps_nothing_else_waiting() -> None:
    async with house(905, accounts={"adyen": CLEARING}) as made:
        draft = msgspec.structs.replace(TWO, payment=PaymentDraft(gift_card_percent=50))
        order = await sold(made, draft)
        assert (totals(invoices(made, order)), [amount for _, amount, _ in paid(made, order)]) == (["45.84"], ["22.92"])
        [one] = made.daemon.open_exceptions(order)
        assert (one.type, one.owner, one.field) == ("payment_unmapped", "finance", "giftcard/giftcard")
        made.cin7.pay(sale_of(made, order), reference=moved(made, order)[1], account=GIFT_CARDS)
        await made.clock.sleep(LATER)
        assert not told(made, order)
        assert step(made, order) == ("agrees", "")


@virtual
async def test_another_currency_is_posted_at_the_rate_of_the_sale() -> None:
    currencies = {"EUR": CurrencyRule(customer="web orders EUR", rate="0.85")}
    posting = msgspec.structs.replace(plan().posting, currencies=currencies)
    async with world(906, the_plan=plan(posting=posting, finance=finance())) as made:
        made.cin7.add_customer("web orders EUR", currency="EUR")
        await made.ready()
        order = await sold(made, msgspec.structs.replace(TWO, currency="EUR"))
        [invoice], [payment] = invoices(made, order), payments(made, order)
        assert (invoice.rate, payment.rate, invoice.total) == (Decimal("0.85"), Decimal("0.85"), Decimal("45.84"))
        assert step(made, order) == ("agrees", "")
        made.cin7.edit_invoice(sale_of(made, order), invoice.number, rate="0.9")
        await look(made, order)
        assert found(made, order) == set(), "nothing is read that nothing tells of"
        await made.daemon.write(lambda connection: books.ask(connection, order, now=made.clock.now(), told=True))
        await made.clock.sleep(10)
        assert found(made, order) == {("invoice", "foreign exchange")}
        assert told(made, order) == ["books_differ"]


# -- by shipment -------------------------------------------------------------------------------------------------------


@virtual
async def test_each_shipment_is_invoiced_as_it_leaves_and_the_payment_is_spread_over_them() -> None:
    async with house(911, invoice="shipped") as made:
        draft = msgspec.structs.replace(TWO, discount_minor=1000)
        order = await sold(made, draft)
        sale = sale_of(made, order)
        assert (invoices(made, order), step(made, order)) == ([], ("agrees", ""))
        made.cin7.ship_part(sale, {MUG: 1})
        await made.clock.sleep(LATER)
        [first] = invoices(made, order)
        assert (first.status, {row.called for row in first.charges}) == ("PAID", {"Shipping", "Discount"})
        made.cin7.ship_rest(sale)
        await made.clock.sleep(LATER)
        [first, second] = invoices(made, order)
        assert [row.called for row in second.charges] == ["Discount"]
        assert first.total + second.total == pounds(made.shop.payable(order)) == Decimal("35.84")
        assert first.tax + second.tax == made.cin7.sale(sale).tax
        charge = moved(made, order)[0]
        assert paid(made, order) == [
            (charge, f"{first.total:.2f}", CLEARING),
            (charge, f"{second.total:.2f}", CLEARING),
        ]
        assert [one.memo for one in (first, second)] == [invoice_mark(order, 1, number) for number in (1, 2)]
        assert step(made, order) == ("agrees", "")
        assert not made.daemon.open_exceptions()


@virtual
async def test_the_cents_of_whole_prices_go_with_the_last_piece() -> None:
    async with house(912, invoice="shipped") as made:
        order = await sold(made, OrderDraft(lines=(LineDraft(sku=MUG, quantity=3, total_minor=1000),)))
        sale = sale_of(made, order)
        for units in (1, 1, 1):
            made.cin7.ship_part(sale, {MUG: units})
            await made.clock.sleep(LATER)
        assert totals(invoices(made, order)) == ["3.33", "3.33", "3.34"]
        assert [[row.called for row in one.charges] for one in invoices(made, order)] == [[], [], ["Rounding"]]
        assert sum(one.tax for one in invoices(made, order)) == made.cin7.sale(sale).tax
        assert step(made, order) == ("agrees", "")


@virtual
async def test_a_price_that_is_exact_for_the_whole_line_only_is_not_invoiced_in_parts() -> None:
    async with house(913, invoice="shipped") as made:
        line = LineDraft(sku=MUG, quantity=8, precise_unit=Decimal("0.125"))
        order = await sold(made, OrderDraft(lines=(line, LineDraft(sku=PLATE))))
        sale = sale_of(made, order)
        made.cin7.ship_part(sale, {MUG: 3, PLATE: 1})
        await made.clock.sleep(LATER)
        assert totals(invoices(made, order)) == ["14.99"], "the other line is not kept waiting"
        assert told(made, order) == ["part_not_invoiceable"]
        made.cin7.ship_rest(sale)
        await made.clock.sleep(LATER)
        assert totals(invoices(made, order)) == ["14.99", "1.00"]
        assert not told(made, order)
        assert step(made, order) == ("agrees", "")


# -- held, or off ------------------------------------------------------------------------------------------------------


@virtual
async def test_what_agrees_waits_for_a_person_and_is_one_line_a_day() -> None:
    async with house(921, posting="hold") as made:
        orders = [await sold(made) for _ in range(3)]
        assert {step(made, order) for order in orders} == {("agrees", "waits")}
        [waiting] = made.daemon.open_exceptions()
        assert (waiting.type, waiting.record.id, waiting.facts["sales"]) == ("posting_waits", "2026-12-01", "3")
        await release(made, orders[0])
        await made.clock.sleep(SOON)
        assert [totals(invoices(made, order)) for order in orders] == [["45.84"], [], []]
        assert await release_day(made, "2026-12-01") == 2
        await made.clock.sleep(SOON)
        assert [len(paid(made, order)) for order in orders] == [1, 1, 1]
        assert {step(made, order) for order in orders} == {("agrees", "")}
        assert not made.daemon.open_exceptions()
        assert (made.calls("invoice_write"), made.calls("payment_write")) == (3, 3)


@virtual
async def test_what_a_person_books_himself_is_verified_and_nothing_is_posted() -> None:
    async with house(922, posting="off", overdue=2_400_000, attend=300_000) as made:
        orders = [await sold(made, wait=5) for _ in range(6)]
        exact, price, tax, twice, late, unpaid = orders
        for order in (exact, price, tax, twice, unpaid):
            made.cin7.invoice(sale_of(made, order))
        for order in (exact, price, tax, twice):
            made.cin7.pay(sale_of(made, order), reference=moved(made, order)[0])
        made.cin7.edit_invoice(sale_of(made, price), invoices(made, price)[0].number, sku=PLATE, price="12.49")
        made.cin7.edit_invoice(
            sale_of(made, tax), invoices(made, tax)[0].number, sku=MUG, tax=0, tax_rule="Zero Rated Income"
        )
        made.cin7.pay(sale_of(made, twice), "45.84", reference=moved(made, twice)[0])
        await made.clock.sleep(HOUR / 2)
        assert [step(made, order)[0] for order in orders] == [
            "agrees",
            "differs",
            "differs",
            "differs",
            *["agrees"] * 2,
        ]
        assert found(made, exact) == set()
        assert ("invoice", "edited in Cin7 Core") in found(made, price)
        assert ("invoice", "tax title") in found(made, tax)
        assert found(made, twice) == {("payment", "missing in commercetools")}
        assert found(made, late) == {("invoice", "timing"), ("payment", "timing")}
        assert found(made, unpaid) == {("payment", "timing")}
        await made.clock.sleep(HOUR / 2)
        assert found(made, late) == {("invoice", "missing in Cin7 Core"), ("payment", "missing in Cin7 Core")}
        assert found(made, unpaid) == {("payment", "missing in Cin7 Core")}
        assert [told(made, order) for order in orders] == [[], *[["books_differ"]] * 5]
        assert made.calls("invoice_write") == made.calls("payment_write") == 0


@virtual
async def test_nothing_is_posted_of_an_order_that_differs() -> None:
    async with house(923, posting="hold") as made:
        order = await sold(made)
        made.cin7.edit_order_row(sale_of(made, order), PLATE, price="1.00")
        await made.daemon.write(lambda connection: books.ask(connection, order, now=made.clock.now(), told=True))
        await made.clock.sleep(10)
        assert (step(made, order), told(made, order)) == (("differs", "held"), ["books_differ"])
        assert await release_day(made, "2026-12-01") == 0
        await made.clock.sleep(SOON)
        assert not made.cin7.invoices(sale_of(made, order))
        made.cin7.edit_order_row(sale_of(made, order), PLATE, price="14.99")
        await made.daemon.write(lambda connection: books.ask(connection, order, now=made.clock.now(), told=True))
        await made.clock.sleep(10)
        assert step(made, order) == ("agrees", "waits")
        assert not told(made, order)


@virtual
async def test_in_shadow_it_says_once_what_it_would_post() -> None:
    async with house(924, shadow=True) as made:
        order = await sold(made)
        for _ in range(3):
            await look(made, order)
        lines = made.read(lambda connection: timeline.of_order(connection, order))
        would = [line.detail["key"] for line in lines if line.what == "would post"]
        assert would == [f"invoice:{order}:1:1"]
        assert made.calls("invoice_write") == 0


# -- locked, and refused -----------------------------------------------------------------------------------------------


@virtual
async def test_nothing_is_dated_into_a_locked_period_unless_it_moves_or_a_person_says_so() -> None:
    async with house(931, invoice="shipped") as made:
        later, dated = [await sold(made, wait=0) for _ in range(2)]
        made.cin7.set_company(lock_date=date(2026, 12, 2))
        await made.clock.sleep(LATER)
        for order in (later, dated):
            made.cin7.ship_rest(sale_of(made, order))
        await made.clock.sleep(LATER)
        assert {step(made, order) for order in (later, dated)} == {("agrees", "locked")}
        [one] = made.daemon.open_exceptions(later)
        assert (one.type, one.facts["next open day"]) == ("posting_locked", "2026-12-02")
        await release(made, dated)
        await made.clock.sleep(SOON)
        assert days(made, dated) == [date(2026, 12, 2)] * 2
        assert (step(made, dated), told(made, dated)) == (("agrees", ""), [])
        assert not made.cin7.invoices(sale_of(made, later))
        made.cin7.set_company(lock_date=None)
        await made.clock.sleep(1200)
        assert days(made, later) == [date(2026, 12, 1)] * 2
        assert (step(made, later), told(made, later)) == (("agrees", ""), [])
        assert made.calls("invoice_write") == made.calls("payment_write") == 2, "nothing was tried to see"


@virtual
async def test_what_cin7_refuses_rests_its_time_unless_a_person_retries() -> None:
    assert FinanceRules().refused == 3_600_000
    async with house(932, refused=600_000) as made:
        made.cin7_faults.plan("invoice_write", Fault(kind=FaultKind.ERROR_BEFORE, status=400), times=3)
        order = await sold(made)
        [one] = made.daemon.open_exceptions(order)
        assert (one.type, one.owner, step(made, order)) == ("posting_rejected", "finance", ("agrees", "refused"))
        await look(made, order)
        await made.clock.sleep(480)
        assert made.calls("invoice_write") == 1, "nothing but time and people brings it forward"
        await made.clock.sleep(180)
        assert made.calls("invoice_write") == 2
        await retry(made, order)
        assert made.calls("invoice_write") == 3
        await retry(made, order)
        await made.clock.sleep(SOON)
        assert (totals(invoices(made, order)), len(paid(made, order)), told(made, order)) == (["45.84"], 1, [])


@virtual
async def test_an_account_that_takes_no_payments_is_told_and_used_once_it_does() -> None:
    async with house(933, accounts={"adyen": "200"}) as made:
        order = await sold(made)
        assert (totals(invoices(made, order)), payments(made, order)) == (["45.84"], [])
        [one] = made.daemon.open_exceptions(order)
        assert one.type == "payment_unmapped"
        assert "takes no payments" in one.cause
        assert made.calls("payment_write") == 0
        accounts = made.cin7.books.accounts
        accounts[:] = [
            msgspec.structs.replace(one, for_payments=True) if one.code == "200" else one for one in accounts
        ]
        await made.clock.sleep(1200)
        assert [account for _, _, account in paid(made, order)] == ["200"]
        assert not told(made, order)
