"""The client's postings against the local Cin7 Core: what an answer shows is what the sale shows when it is read."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.calls import Lane, Purpose
from actors.domain.errors import InDoubt, Rejected, Transient
from actors.domain.financial import Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.sale import Row, RowKind, SaleOrder, SaleView
from actors.domain.vouchers import CreditVoucher, InvoiceVoucher, PaymentVoucher, Restock
from actors.governor.journal import Intent
from adapters.cin7.client import Cin7Client
from adapters.sandbox.cin7_documents import Arithmetic
from adapters.sandbox.faults import DropConnectionError, Fault, FaultKind
from adapters.transport import AnswerLostError, Request, Response, Transport
from tests import cin7_spec
from tests.adapters.test_sandbox_cin7 import MUG, PLATE, VAT, Shop, needs_specs
from tests.wire_doubles import OpenGate, ScriptedWire, StillClock, answer

DAY = date(2026, 12, 1)
INVOICING, CREDITING = Purpose.CIN7_POST_INVOICE, Purpose.CIN7_POST_CREDIT_NOTE
PAYING = Purpose.CIN7_POST_PAYMENT
replace = msgspec.structs.replace


class Wire:
    """The way to the double; requests and answers are held against the documents."""

    def __init__(self, shop: Shop) -> None:
        self._shop = shop

    async def send(self, request: Request) -> Response:
        url = urlsplit(request.url)
        path = url.path.removeprefix("/ExternalApi/v2")
        if cin7_spec.available():
            assert cin7_spec.check_request(request.method, path, dict(parse_qsl(url.query)), request.body) == []
        try:
            response = await self._shop.double.handle(request)
        except DropConnectionError:
            raise AnswerLostError("cut") from None
        if cin7_spec.available() and response.status == 200 and not self._shop.faults.happened:
            assert cin7_spec.check_answer(request.method, path, 200, response.body) == []
        return response


def client_over(transport: Transport, account: str = "a", key: str = "k") -> Cin7Client:
    clock = StillClock()
    return Cin7Client(
        transport=transport,
        clock=clock,
        gate=OpenGate(clock),
        probe=lambda point: None,
        base_url="http://cin7.test/ExternalApi/v2",
        account_id=account,
        application_key=key,
        timeout_seconds=60,
    )


class Books:
    """A sale in the double, posted to through the client."""

    def __init__(self) -> None:
        self.shop = Shop()
        self.client = client_over(Wire(self.shop), self.shop.account, self.shop.key)
        self.inclusive = True
        self.sale_id = ""

    async def sell(self, *rows: Row, inclusive: bool = True) -> None:
        self.inclusive = inclusive
        self.sale_id = await self.shop.create(TaxInclusive=inclusive)
        order = SaleOrder(sale_id=self.sale_id, rows=rows)
        await self.client.post_order(order, Intent(Purpose.CIN7_AUTHORISE_ORDER))

    def row(self, sku: str, quantity: str, price: str, tax: str, *, digits: int = 2) -> Row:
        """Return a row of goods, or the charge of that name."""
        product = self.shop.double.books.product_by_sku(sku)
        return Row(
            kind=RowKind.LINE if product is not None else RowKind.SHIPPING,
            sku=sku,
            product_id=product.id if product is not None else "",
            name=product.name if product is not None else sku,
            quantity=Decimal(quantity),
            price=Decimal(price),
            tax=Decimal(tax),
            tax_rule=VAT,
            amount=Arithmetic(line_digits=digits).row_total(Decimal(quantity), Decimal(price), Decimal(0)),
        )

    async def invoice(self, rows: Iterable[Row], memo: str = "ct-order:o-1#1") -> Invoice:
        voucher = InvoiceVoucher(
            sale_id=self.sale_id, rows=tuple(rows), day=DAY, due=DAY, memo=memo, tax_inclusive=self.inclusive
        )
        return await self.client.post_invoice(voucher, writing(INVOICING))

    async def pay(self, task_id: str, amount: Decimal, reference: str, *, refund: bool = False) -> PostedPayment:
        voucher = PaymentVoucher(
            sale_id=self.sale_id,
            task_id=task_id,
            reference=reference,
            amount=amount,
            day=DAY,
            account="090",
            rate=Decimal(1),
            refund=refund,
        )
        return await self.client.post_payment(voucher, writing(PAYING))

    async def credit(self, rows: tuple[Row, ...], restock: tuple[Restock, ...] = (), memo: str = "r") -> CreditNote:
        voucher = CreditVoucher(
            sale_id=self.sale_id,
            invoice_number="INV-00001",
            rows=rows,
            day=DAY,
            memo=memo,
            restock=restock,
            tax_inclusive=self.inclusive,
        )
        return await self.client.post_credit_note(voucher, writing(CREDITING))

    def back(self, row: Row, quantity: str = "1") -> Restock:
        return Restock(
            sku=row.sku,
            product_id=row.product_id,
            name=row.name,
            quantity=Decimal(quantity),
            location="Main Warehouse",
        )

    async def read(self) -> SaleView:
        return await self.client.read_books(self.sale_id, subject="o-1")


def writing(purpose: Purpose) -> Intent:
    return Intent(purpose, subject="o-1", lane=Lane.FINANCE)


def cart(books: Books) -> tuple[Row, ...]:
    return (
        books.row(MUG, "3", "12.95", "6.48"),
        books.row(PLATE, "1", "15", "2.5"),
        books.row("Shipping", "1", "4.10", "0.68"),
    )


@pytest.mark.parametrize(("inclusive", "total"), [(True, "57.95"), (False, "67.61")], ids=["gross", "net"])
async def test_a_whole_life_is_read_as_it_was_posted(inclusive: bool, total: str) -> None:
    books = Books()
    rows = cart(books)
    await books.sell(*rows, inclusive=inclusive)
    assert (await books.read()).invoices == ()

    invoice = await books.invoice(rows)
    view = await books.read()
    assert view.invoices == (invoice,)
    assert (invoice.total, invoice.number, invoice.open) == (Decimal(total), "INV-00001", Decimal(total))
    assert view.order is not None
    assert (invoice.net, invoice.tax, invoice.total) == (view.order.net, view.order.tax, view.order.total)

    first = await books.pay(invoice.task_id, Decimal("10.00"), "t-1")
    rest = await books.pay(invoice.task_id, invoice.total - 10, "t-2")
    paid = replace(invoice, status="PAID", paid=invoice.total, payments=(first, rest))
    assert (await books.read()).invoices == (paid,)
    assert (first.type, rest.reference) == ("PAYMENT", "t-2")
    assert paid.open == 0

    books.shop.double.ship_rest(books.sale_id)
    mug = books.row(MUG, "1", "12.95", "2.16")
    note = await books.credit((mug,), (books.back(mug),), memo="ct-order:o-1#r-1")
    view = await books.read()
    assert view.credit_notes == (note,)
    one = {MUG: Decimal(1)}
    assert (note.restocked, note.credited, note.invoice_number) == (one, one, "INV-00001")
    assert books.shop.double.restocked(books.sale_id) == note.restocked

    refund = await books.pay(note.task_id, note.total, "r-1", refund=True)
    view = await books.read()
    assert view.credit_notes == (replace(note, refunds=("r-1",), payments=(refund,)),)
    assert view.invoices == (paid,)  # though both, first of a simple sale, have one task id
    assert (refund.type, refund.amount, view.money_read) == ("REFUND", note.total, True)


async def test_each_of_several_is_found_by_its_mark() -> None:
    books = Books()
    rows = cart(books)
    await books.sell(*rows)
    posted = [await books.invoice([row], memo=f"ct-order:o-1#{n}") for n, row in enumerate(rows, start=1)]
    assert [one.rows[0].sku for one in posted] == [MUG, PLATE, "Shipping"]
    assert len({one.task_id for one in posted}) == 3
    assert (await books.read()).invoices == tuple(posted)
    notes = [
        await books.credit((books.row(MUG, "1", "12.95", "2.16"),), memo="r-1"),
        await books.credit((books.row("Shipping", "1", "2", "0.33"),), memo="r-2"),
    ]
    assert [one.credited for one in notes] == [{MUG: 1}, {}]
    assert [one.total for one in notes] == [Decimal("12.95"), 2]
    assert (await books.read()).credit_notes == tuple(notes)


@pytest.mark.parametrize("kind", [FaultKind.DROP_AFTER, FaultKind.ERROR_AFTER, FaultKind.MALFORMED], ids=str)
@pytest.mark.parametrize("step", ["invoice", "payment", "credit_note"])
async def test_what_a_lost_answer_made_is_found_by_its_mark(step: str, kind: FaultKind) -> None:
    books = Books()
    rows = cart(books)
    await books.sell(*rows)
    if step != "invoice":
        await books.invoice(rows)
    books.shop.faults.plan(f"{step}_write", Fault(kind=kind, status=502))
    posting: dict[str, Callable[[], Awaitable[object]]] = {
        "invoice": lambda: books.invoice(rows),
        "payment": lambda: books.pay(books.sale_id, Decimal("57.95"), "t-1"),
        "credit_note": lambda: books.credit(rows[:1], memo="r-1"),
    }
    with pytest.raises(InDoubt):
        await posting[step]()
    assert len(books.shop.faults.happened) == 1
    view = await books.read()
    [invoice] = view.invoices
    assert invoice.memo == "ct-order:o-1#1"
    assert [one.reference for one in invoice.payments] == (["t-1"] if step == "payment" else [])
    assert [one.memo for one in view.credit_notes] == (["r-1"] if step == "credit_note" else [])


async def test_what_cin7_refuses_is_not_there() -> None:
    books = Books()
    rows = cart(books)
    await books.sell(*rows)
    invoice = await books.invoice(rows)
    with pytest.raises(Rejected):
        await books.pay(invoice.task_id, Decimal("57.96"), "t-1")
    with pytest.raises(Rejected):
        await books.credit((books.row(MUG, "5", "12.95", "10.79"),), memo="r-1")
    view = await books.read()
    assert (view.invoices, view.credit_notes) == ((invoice,), ())


cents = st.integers(1, 99_999).map(lambda n: Decimal(n).scaleb(-2))
prices = st.integers(1, 9_999_999).map(lambda n: Decimal(n).scaleb(-4))


@settings(max_examples=60, deadline=None)
@given(
    inclusive=st.booleans(),
    digits=st.sampled_from([2, 4]),
    goods=st.lists(st.tuples(st.integers(1, 40), prices, cents), min_size=1, max_size=2),
    charges=st.lists(st.tuples(prices, cents), max_size=3),
)
async def test_what_an_answer_adds_up_to_is_what_the_sale_shows(
    inclusive: bool,
    digits: int,
    goods: list[tuple[int, Decimal, Decimal]],
    charges: list[tuple[Decimal, Decimal]],
) -> None:
    """The answer of a posting has no totals: added up from its rows they are those that `GET /sale` shows."""
    books = Books()
    books.shop.double.set_arithmetic(Arithmetic(line_digits=digits))
    rows = [
        books.row(sku, str(units), str(price), str(tax), digits=digits)
        for sku, (units, price, tax) in zip((MUG, PLATE), goods, strict=False)
    ]
    rows += [books.row("Shipping", "1", str(price), str(tax), digits=digits) for price, tax in charges]
    await books.sell(*rows, inclusive=inclusive)
    invoice = await books.invoice(rows)
    assert (await books.read()).invoices == (invoice,)
    note = await books.credit(tuple(rows))
    assert (await books.read()).credit_notes == (note,)
    assert (note.net, note.tax, note.total) == (invoice.net, invoice.tax, invoice.total)


# -- what a sale may show ---------------------------------------------------------------------------------------------

OTHER = "4733ba69-21c5-48f5-95e5-307aa9889747"
TASK = "cde5fb4a-1dac-4e9a-bc33-5dfa14eedb57"
SALE: dict[str, Any] = {"ID": TASK, "Status": "COMPLETED", "Order": {"Status": "NOT AVAILABLE", "Lines": []}}
ROW = {"SKU": "Bread", "Quantity": 1, "Price": 8, "Tax": 0, "Total": 8, "TaxRule": VAT}
STANDING = {"TaskID": TASK, "Status": "AUTHORISED", "Lines": [ROW], "TotalBeforeTax": 8, "Tax": 0, "Total": 8}


def showing(**documents: object) -> Cin7Client:
    return client_over(ScriptedWire(*[answer(200, SALE | documents)] * 2))


@pytest.mark.parametrize("name", ["Invoices", "CreditNotes"])
@pytest.mark.parametrize("status", ["VOIDED", "draft", "NOT AVAILABLE", None])
async def test_what_is_not_posted_may_show_no_figures(name: str, status: str | None) -> None:
    bare: dict[str, object] = {"TaskID": TASK, "Status": status, "Lines": [], "AdditionalCharges": None}
    view = await showing(**{name: [bare, STANDING | {"TaskID": OTHER}]}).read_books(TASK, subject="o")
    documents: tuple[Invoice, ...] | tuple[CreditNote, ...] = view.invoices or view.credit_notes
    assert [one.total for one in documents if one.task_id == TASK] in ([0], [])
    assert [one.total for one in documents if one.task_id == OTHER] == [8]
    with pytest.raises(Transient):
        await showing(**{name: [bare | {"Status": "AUTHORISED"}]}).read_books(TASK, subject="o")


async def test_a_mark_is_found_whatever_is_around_it_and_whatever_the_status() -> None:
    marked = STANDING | {"Memo": " ct-order:o-1#1\n"}
    client = showing(Invoices=[marked, marked | {"TaskID": OTHER, "Status": None}], CreditNotes=[marked])
    view = await client.read_books(TASK, subject="o")
    assert [(one.memo, one.stands) for one in view.invoices] == [("ct-order:o-1#1", True), ("ct-order:o-1#1", False)]
    assert [one.memo for one in view.credit_notes] == ["ct-order:o-1#1"]


UNREADABLE: dict[str, dict[str, Any]] = {
    "an invoice's total": {"Invoices": [STANDING | {"Total": "much"}]},
    "an invoice without a task": {"Invoices": [STANDING | {"TaskID": ""}]},
    "no list of invoices": {"Invoices": {"TaskID": TASK}},
    "a note's total": {"CreditNotes": [STANDING | {"Total": None}]},
    "a note's charges": {"CreditNotes": [STANDING | {"AdditionalCharges": {"Total": 1}}]},
    "a row of a note": {"CreditNotes": [STANDING | {"Lines": [ROW | {"Price": "NaN"}]}]},
}


@pytest.mark.parametrize("case", UNREADABLE)
async def test_money_that_cannot_be_read_is_finances_matter_and_no_shipments(case: str) -> None:
    client = showing(**UNREADABLE[case])
    view = await client.read_fulfilment(TASK, subject="o")
    assert (view.money_read, view.invoices) == (False, ())
    assert [one.credited for one in view.credit_notes] == [
        {"Bread": 1} for _ in UNREADABLE[case].get("CreditNotes", ())
    ]
    with pytest.raises(Transient):
        await client.read_books(TASK, subject="o")


async def test_who_reads_the_whole_sale_reads_its_money_too_and_who_reads_the_order_does_not() -> None:
    client = showing(Invoices=[STANDING], CreditNotes=[STANDING])
    whole = await client.read_fulfilment(TASK, subject="o")
    assert (whole.money_read, len(whole.invoices)) == (True, 1)
    assert [one.total for one in whole.credit_notes] == [8]
    order = await client.read_sale(TASK, subject="o")
    assert (order.money_read, order.invoices) == (False, ())


async def test_a_rate_no_payment_can_carry_never_leaves() -> None:
    wire = ScriptedWire()
    voucher = PaymentVoucher(
        sale_id=TASK, task_id=TASK, reference="t", amount=Decimal(1), day=DAY, account="090", rate=Decimal("0.00004")
    )
    with pytest.raises(ValueError, match="rate"):
        await client_over(wire).post_payment(voucher, writing(PAYING))
    assert wire.requests == []


NOTE = STANDING | {
    "CreditNoteNumber": "CR-1",
    "CreditNoteInvoiceNumber": "INV-1",
    "CreditNoteDate": "2026-12-01T00:00:00",
    "CreditNoteConversionRate": 1.25,
    "AdditionalCharges": [ROW | {"Description": "Shipping", "SKU": None}],
    "Restock": [{"SKU": "Bread", "Quantity": 1}],
    "Refunds": [{"ID": OTHER, "Reference": "r-1", "Amount": 8, "CurrencyRate": 1}],
    "Memo": "",
}
BILL = NOTE | {"InvoiceNumber": "INV-1", "Payments": NOTE["Refunds"], "Paid": 8, "CurrencyConversionRate": 1.25}
WHOLE = SALE | {"Invoices": [BILL, STANDING | {"TaskID": OTHER}], "CreditNotes": [NOTE, STANDING | {"TaskID": OTHER}]}
PAID: list[dict[str, object]] = [
    {"TaskID": TASK, "ID": OTHER, "Type": "Payment", "Reference": "t-1", "Amount": 8, "CurrencyRate": 1}
]
UNSAID = object()
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.sampled_from(
        [UNSAID, 1e300, "NaN", "-Infinity", "1E+999999999", "1e-999999999", " ", "8", [], {}, [None], [[]]]
    ),
    st.text(max_size=4),
)


def places(document: object, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to each value of a document."""
    parts: list[tuple[Any, object]] = []
    if isinstance(document, dict):
        parts = list(document.items())
    elif isinstance(document, list):
        parts = list(enumerate(document))
    return [(*way, name) for name, _ in parts] + [one for name, part in parts for one in places(part, (*way, name))]


def changed(document: Any, way: tuple[Any, ...], value: object) -> Any:
    copy = json.loads(json.dumps(document))
    inner = copy
    for name in way[:-1]:
        inner = inner[name]
    inner[way[-1]] = value
    if value is UNSAID:
        del inner[way[-1]]
    return copy


@settings(max_examples=300, deadline=None)
@given(data=st.data())
async def test_whatever_stands_in_a_field_is_read_or_refused(data: st.DataObject) -> None:
    bill = InvoiceVoucher(sale_id=TASK, rows=(), day=DAY, due=DAY, memo="")
    note = CreditVoucher(sale_id=TASK, invoice_number="INV-1", rows=(), day=DAY, memo="")
    money = PaymentVoucher(
        sale_id=TASK, task_id=TASK, reference="t-1", amount=Decimal(8), day=DAY, account="", rate=Decimal(1)
    )
    asked: list[tuple[object, Callable[[Cin7Client], Awaitable[object]]]] = [
        (WHOLE, lambda client: client.read_books(TASK, subject="o")),
        ({"SaleID": TASK, "Invoices": [BILL]}, lambda client: client.post_invoice(bill, writing(INVOICING))),
        ({"SaleID": TASK, "CreditNotes": [NOTE]}, lambda client: client.post_credit_note(note, writing(CREDITING))),
        (PAID, lambda client: client.post_payment(money, writing(PAYING))),
    ]
    document, ask = data.draw(st.sampled_from(asked))
    answered = changed(document, data.draw(st.sampled_from(places(document))), data.draw(anything))
    assert await ask(client_over(ScriptedWire(answer(200, document)))) is not None
    with contextlib.suppress(InDoubt if document is not WHOLE else Transient):
        await ask(client_over(ScriptedWire(answer(200, answered))))


# -- the specification ------------------------------------------------------------------------------------------------

SAMPLE_SALE = "916AB4C0-6ccb-4c93-873d-0603859050e4"
VOUCHER = InvoiceVoucher(sale_id=SAMPLE_SALE, rows=(), day=DAY, due=DAY, memo="123")
SUPPORT = "Desktop/network support via phone. Per month fixed fee for minimum 20 hours/month."


def sampled(title: str, path: str, method: str) -> Cin7Client:
    sample = cin7_spec.answer_samples(title, path)[method]
    return client_over(ScriptedWire(answer(200, json.loads(json.dumps(sample, default=float)))))


@needs_specs
async def test_the_sample_of_an_invoice_is_read() -> None:
    invoice = await sampled("Sale Invoice", "/sale/invoice", "PUT").post_invoice(VOUCHER, writing(INVOICING))
    assert (invoice.task_id, invoice.number) == ("b039f19e-66f8-4309-a4b1-abf928303c88", "INV-00001")
    assert [(row.sku, row.is_charge) for row in invoice.rows] == [("Bread", False), (SUPPORT, True)]
    assert [invoice.net, invoice.tax, invoice.total, invoice.rate, invoice.paid] == [358, 0, 358, 1, 0]
    assert invoice.day == date(2017, 11, 22)
    for method in ("POST", "DELETE"):  # a draft, a void one of another sale
        with pytest.raises(InDoubt):
            drafted = replace(VOUCHER, memo="")
            await sampled("Sale Invoice", "/sale/invoice", method).post_invoice(drafted, writing(INVOICING))


@needs_specs
async def test_the_sample_of_a_credit_note_is_read() -> None:
    voucher = CreditVoucher(sale_id=SAMPLE_SALE, invoice_number="INV-00005", rows=(), day=DAY, memo="")
    note = await sampled("Sale Credit Note", "/sale/creditnote", "POST").post_credit_note(voucher, writing(CREDITING))
    assert (note.task_id, note.number) == ("529511e7-6ed6-4a99-a2a7-fab1d32198eb", "CR-00002")
    assert (note.invoice_number, note.payments) == ("INV-00005", ())
    assert note.credited == note.restocked == {"Bread": Decimal(1)}
    assert [note.net, note.tax, note.total, note.rate] == [358, 0, 358, 1]
    with pytest.raises(InDoubt):
        await sampled("Sale Credit Note", "/sale/creditnote", "GET").post_credit_note(voucher, writing(CREDITING))


@needs_specs
@pytest.mark.parametrize(
    ("method", "task_id", "amount", "kind"),
    [
        ("POST", "4733ba69-21c5-48f5-95e5-307aa9889747", 1, "PAYMENT"),
        ("GET", "4733ba69-21c5-48f5-95e5-307aa9889747", 358, "PAYMENT"),
        ("GET", "529511e7-6ed6-4a99-a2a7-fab1d32198eb", 358, "REFUND"),
    ],
)
async def test_the_samples_of_payments_are_read(method: str, task_id: str, amount: int, kind: str) -> None:
    """One by itself, or ours among all of the sale: what either answers is read."""
    voucher = PaymentVoucher(
        sale_id=SAMPLE_SALE,
        task_id=task_id,
        reference="",
        amount=Decimal(amount),
        day=DAY,
        account="718",
        rate=Decimal(1),
        refund=kind == "REFUND",
    )
    payment = await sampled("Sale Payments", "/sale/payment", method).post_payment(voucher, writing(PAYING))
    assert (payment.task_id, payment.type, payment.account) == (task_id, kind, "718")
    assert [payment.amount, payment.rate] == [amount, 1]
    with pytest.raises(InDoubt):
        other = replace(voucher, amount=Decimal(2))
        await sampled("Sale Payments", "/sale/payment", method).post_payment(other, writing(PAYING))
