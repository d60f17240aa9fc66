"""The client of Cin7 Core for the books: what is posted, figure by figure, and what each kind of answer comes to."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from actors.domain.calls import Lane, Purpose
from actors.domain.errors import CONTRADICTION, InDoubt, Limited, Missing, Rejected, Transient, Unauthorised
from actors.domain.financial import Invoice, PostedPayment
from actors.domain.rows import OrderRow
from actors.domain.sale import Row, RowKind, SaleView
from actors.domain.vouchers import CreditVoucher, InvoiceVoucher, PaymentVoucher, Restock
from actors.finance.ports import Ledger
from actors.governor.journal import Intent
from adapters.cin7.client import Cin7Client
from adapters.transport import AnswerLostError, NotSentError, Request, Response
from tests import cin7_spec
from tests.adapters.test_sandbox_cin7 import MUG, VAT
from tests.adapters.test_sandbox_ledger import Ledger as LocalLedger
from tests.wire_doubles import OpenGate, ScriptedWire, StillClock, answer, path_of, query_of, text_answer

needs_documents = pytest.mark.skipif(not cin7_spec.available(), reason=cin7_spec.SKIP_REASON)

SALE_ID = "6222cb47-1111-4222-8333-444444444444"
TASK = "CDE5FB4A-1DAC-4E9A-BC33-5DFA14EEDB57"
OTHER = "4733ba69-21c5-48f5-95e5-307aa9889747"
PAID = "6D99006A-8965-4548-8743-0268B8130704"
PRODUCT = "4aadd8f6-4d3d-46ca-acbb-1a9a662f9bc1"
NEW = "00000000-0000-0000-0000-000000000000"
DAY = date(2026, 11, 24)
MIDNIGHT = "2026-11-24T00:00:00"
MARK = "ct-order:4f0c#1"
LIMIT_TEXT = "You have reached 60 calls per 60 seconds API limit."

GOODS = Row(
    kind=RowKind.LINE,
    sku="Bread",
    product_id=PRODUCT,
    name="Baked Bread",
    quantity=Decimal(3),
    price=Decimal("8.3333"),
    tax=Decimal("4.1700"),
    tax_rule="Tax on Sales",
    amount=Decimal("25.00"),
)
CARRIAGE = msgspec.structs.replace(
    GOODS,
    kind=RowKind.SHIPPING,
    sku="Shipping",
    name="Shipping",
    quantity=Decimal(1),
    price=Decimal("4.95"),
    tax=Decimal("0.83"),
    amount=Decimal("4.95"),
)
INVOICE = InvoiceVoucher(
    sale_id=SALE_ID,
    rows=(GOODS, CARRIAGE),
    day=DAY,
    due=date(2026, 12, 24),
    memo=MARK,
    account="200",
    rate=Decimal("0.8612"),
    tax_inclusive=True,
)
PAYMENT = PaymentVoucher(
    sale_id=SALE_ID,
    task_id=TASK.lower(),
    reference="tr-1",
    amount=Decimal("29.95"),
    day=DAY,
    account="718",
    rate=Decimal("0.8612"),
)
CREDIT = CreditVoucher(
    sale_id=SALE_ID,
    invoice_number="INV-00001",
    rows=(GOODS,),
    day=DAY,
    memo=MARK,
    restock=(
        Restock(sku="Bread", product_id=PRODUCT, name="Baked Bread", quantity=Decimal(2), location="Main Warehouse"),
    ),
    account="200",
    rate=Decimal("0.8612"),
    tax_inclusive=True,
)

LINE: dict[str, Any] = {
    "ProductID": PRODUCT,
    "SKU": "Bread",
    "Name": "Baked Bread",
    "Quantity": 3,
    "Price": 8.3333,
    "Discount": 0,
    "Tax": 4.17,
    "Total": 25,
    "AverageCost": 5,
    "TaxRule": "Tax on Sales",
    "Account": "200",
    "Comment": "",
}
CHARGE: dict[str, Any] = {
    "Description": "Shipping",
    "Quantity": 1,
    "Price": 4.95,
    "Discount": 0,
    "Tax": 0.83,
    "Total": 4.95,
    "TaxRule": "Tax on Sales",
    "Account": "200",
    "Comment": "",
}
SHOWN_INVOICE: dict[str, Any] = {
    "TaskID": TASK,
    "CombineAdditionalCharges": False,
    "InvoiceNumber": "INV-00001",
    "Memo": MARK,
    "Status": "AUTHORISED",
    "InvoiceDate": MIDNIGHT,
    "InvoiceDueDate": "2026-12-24T00:00:00",
    "CurrencyConversionRate": 0.8612,
    "LinkedFulfillmentNumber": "1",
    "Lines": [LINE],
    "AdditionalCharges": [CHARGE],
}
SHOWN_PAYMENT: dict[str, Any] = {
    "SaleID": SALE_ID,
    "TaskID": TASK,
    "ID": PAID,
    "SaleOrderNumber": "SO-00092",
    "InvoiceNumber": "INV-00001",
    "CreditNoteNumber": None,
    "Type": "Payment",
    "Reference": "tr-1",
    "Amount": 29.95,
    "DatePaid": MIDNIGHT,
    "Account": "718",
    "CurrencyRate": 0.8612,
    "DateCreated": "2026-11-24T06:10:37.5462677Z",
    "CreditID": None,
}
SHOWN_NOTE: dict[str, Any] = {
    "TaskID": TASK,
    "CombineAdditionalCharges": False,
    "CreditNoteInvoiceNumber": "INV-00001",
    "Memo": MARK,
    "Status": "AUTHORISED",
    "CreditNoteDate": MIDNIGHT,
    "CreditNoteNumber": "CR-00001",
    "CreditNoteConversionRate": 0.8612,
    "Lines": [LINE],
    "AdditionalCharges": [],
    "Restock": [{"SKU": "Bread", "Name": "Baked Bread", "Location": "Main Warehouse", "Quantity": 2}],
}


def invoices(*shown: dict[str, Any], sale: str | None = SALE_ID.upper()) -> dict[str, Any]:
    return {"SaleID": sale, "Invoices": list(shown)}


def notes(*shown: dict[str, Any], sale: str | None = SALE_ID.upper()) -> dict[str, Any]:
    return {"SaleID": sale, "CreditNotes": list(shown)}


class House:
    """A client with everything around it."""

    def __init__(self, *answers: Any) -> None:
        self.clock = StillClock()
        self.wire = ScriptedWire(*answers)
        self.gate = OpenGate(self.clock)
        self.client = Cin7Client(
            transport=self.wire,
            clock=self.clock,
            gate=self.gate,
            probe=self.gate.diary.append,
            base_url="https://cin7.example/ExternalApi/v2",
            account_id="acc",
            application_key="hush",
            timeout_seconds=60,
        )

    async def read(self) -> SaleView:
        return await self.client.read_books(SALE_ID, subject="o-1")

    async def invoice(self, voucher: InvoiceVoucher = INVOICE) -> Any:
        return await self.client.post_invoice(voucher, writing(Purpose.CIN7_POST_INVOICE))

    async def pay(self, voucher: PaymentVoucher = PAYMENT) -> Any:
        return await self.client.post_payment(voucher, writing(Purpose.CIN7_POST_PAYMENT))

    async def credit(self, voucher: CreditVoucher = CREDIT) -> Any:
        return await self.client.post_credit_note(voucher, writing(Purpose.CIN7_POST_CREDIT_NOTE))

    @property
    def body(self) -> dict[str, Any]:
        [request] = self.wire.requests
        assert request.body is not None
        sent: dict[str, Any] = json.loads(request.body, parse_float=Decimal, parse_int=Decimal)
        return sent


def writing(purpose: Purpose) -> Intent:
    return Intent(purpose, subject="o-1", lane=Lane.FINANCE)


Post = Callable[[House], Awaitable[Any]]
POSTS: dict[str, tuple[Post, str, Any]] = {
    "invoice": (House.invoice, "/sale/invoice", invoices(SHOWN_INVOICE)),
    "payment": (House.pay, "/sale/payment", SHOWN_PAYMENT),
    "note": (House.credit, "/sale/creditnote", notes(SHOWN_NOTE)),
}
every_post = pytest.mark.parametrize("kind", POSTS)


def test_it_is_the_ledger() -> None:
    ledger: Ledger = House().client
    assert isinstance(ledger, Cin7Client)


# -- what is posted ---------------------------------------------------------------------------------------------------


def sent_row(row: Row) -> dict[str, Any]:
    named = {"ProductID": PRODUCT, "SKU": row.sku, "Name": row.name}
    return (named if row.kind is RowKind.LINE else {"Description": row.sku}) | {
        "Quantity": row.quantity,
        "Price": row.price,
        "Discount": 0,
        "Tax": row.tax,
        "Total": row.amount,
        "TaxRule": "Tax on Sales",
        "Account": "200",
    }


async def test_an_invoice_as_it_is_spelled() -> None:
    house = House(answer(200, invoices(SHOWN_INVOICE)))
    await house.invoice()
    assert (house.wire.requests[0].method, path_of(house.wire.requests[0])) == ("POST", "/ExternalApi/v2/sale/invoice")
    assert house.body == {
        "SaleID": SALE_ID,
        "TaskID": NEW,
        "CombineAdditionalCharges": False,
        "Memo": MARK,
        "Status": "AUTHORISED",
        "InvoiceDate": MIDNIGHT,
        "InvoiceDueDate": "2026-12-24T00:00:00",
        "CurrencyConversionRate": Decimal("0.8612"),
        "Lines": [sent_row(GOODS)],
        "AdditionalCharges": [sent_row(CARRIAGE)],
    }


@pytest.mark.parametrize(("refund", "kind"), [(False, "Payment"), (True, "Refund")])
async def test_a_payment_as_it_is_spelled(refund: bool, kind: str) -> None:
    house = House(answer(200, SHOWN_PAYMENT | {"Type": kind}))
    await house.pay(msgspec.structs.replace(PAYMENT, refund=refund))
    assert path_of(house.wire.requests[0]) == "/ExternalApi/v2/sale/payment"
    assert house.body == {
        "TaskID": TASK.lower(),
        "Type": kind,
        "Reference": "tr-1",
        "Amount": Decimal("29.95"),
        "DatePaid": MIDNIGHT,
        "Account": "718",
        "CurrencyRate": Decimal("0.8612"),
    }


async def test_a_credit_note_as_it_is_spelled() -> None:
    house = House(answer(200, notes(SHOWN_NOTE)))
    await house.credit()
    assert path_of(house.wire.requests[0]) == "/ExternalApi/v2/sale/creditnote"
    body = house.body
    [restock] = body.pop("Restock")
    assert body == {
        "SaleID": SALE_ID,
        "TaskID": NEW,
        "CombineAdditionalCharges": False,
        "CreditNoteInvoiceNumber": "INV-00001",
        "Memo": MARK,
        "Status": "AUTHORISED",
        "CreditNoteDate": MIDNIGHT,
        "CreditNoteConversionRate": Decimal("0.8612"),
        "Lines": [sent_row(GOODS)],
        "AdditionalCharges": [],
    }
    assert restock == {
        "ProductID": PRODUCT,
        "SKU": "Bread",
        "Name": "Baked Bread",
        "Quantity": 2,
        "Location": "Main Warehouse",
        "RestockLocation": "Main Warehouse",
        "RestockDate": MIDNIGHT,
    }


@pytest.mark.parametrize(
    ("rate", "posted"), [("0.86123", "0.8612"), ("0.86127", "0.8613"), ("1.00000", "1"), ("0.8612", "0.8612")]
)
async def test_a_payment_carries_the_nearest_rate_it_can(rate: str, posted: str) -> None:
    """A sale's rate has five decimals, a payment's four; where an invoice cannot name it, it takes the sale's own."""
    paying, invoicing = House(answer(200, SHOWN_PAYMENT)), House(answer(200, invoices(SHOWN_INVOICE)))
    await paying.pay(msgspec.structs.replace(PAYMENT, rate=Decimal(rate)))
    await invoicing.invoice(msgspec.structs.replace(INVOICE, rate=Decimal(rate)))
    assert paying.body["CurrencyRate"] == Decimal(posted)
    fits = Decimal(rate) == Decimal(posted)
    assert invoicing.body.get("CurrencyConversionRate") == (Decimal(posted) if fits else None)


async def test_what_is_not_known_is_not_written() -> None:
    bare_invoice = msgspec.structs.replace(INVOICE, account="", rate=None)
    bare_note = msgspec.structs.replace(CREDIT, account="", rate=None, restock=())
    invoicing, crediting = House(answer(200, invoices(SHOWN_INVOICE))), House(answer(200, notes(SHOWN_NOTE)))
    await invoicing.invoice(bare_invoice)
    await crediting.credit(bare_note)
    assert "CurrencyConversionRate" not in invoicing.body
    assert "CreditNoteConversionRate" not in crediting.body
    for body in (invoicing.body, crediting.body):
        assert not any("Account" in row for row in (*body["Lines"], *body["AdditionalCharges"]))
    assert crediting.body["Restock"] == []  # money back without goods back


four_places = st.integers(-(10**13), 10**13).map(lambda n: Decimal(n).scaleb(-4))


@settings(max_examples=150, deadline=None)
@forall(
    figures=st.lists(st.tuples(*[four_places] * 5), min_size=1, max_size=3),
    kinds=st.lists(st.sampled_from(RowKind), min_size=3, max_size=3),
    amount=st.integers(-(10**13), 10**13).map(lambda n: Decimal(n).scaleb(-2)),
    shift=st.integers(0, 4),
)
async def test_figures_of_any_voucher_arrive_exactly_and_as_numbers(
    figures: list[tuple[Decimal, ...]], kinds: list[RowKind], amount: Decimal, shift: int
) -> None:
    names = ("quantity", "price", "discount", "tax", "amount")
    rows = tuple(
        msgspec.structs.replace(GOODS, kind=kind, **dict(zip(names, (n.scaleb(shift) for n in given), strict=True)))
        for kind, given in zip(kinds, figures, strict=False)
    )
    expected = sorted((r.kind is RowKind.LINE, r.quantity, r.price, r.discount, r.tax, r.amount) for r in rows)
    bodies = []
    posts: list[Post] = [
        lambda house: house.invoice(msgspec.structs.replace(INVOICE, rows=rows)),
        lambda house: house.credit(msgspec.structs.replace(CREDIT, rows=rows)),
        lambda house: house.pay(msgspec.structs.replace(PAYMENT, amount=amount)),
    ]
    for post in posts:
        house = House(answer(400, [{"ErrorCode": 400, "Exception": "only the request is of interest"}]))
        with pytest.raises(Rejected):
            await post(house)
        raw = house.wire.requests[0].body
        assert raw is not None
        assert not any(isinstance(one, str) for one in numbers_of(json.loads(raw)))
        bodies.append(house.body)
    for body in bodies[:2]:
        sent = [(True, line) for line in body["Lines"]] + [(False, line) for line in body["AdditionalCharges"]]
        fields = ("Quantity", "Price", "Discount", "Tax", "Total")
        assert sorted((goods, *(line[name] for name in fields)) for goods, line in sent) == expected
    assert bodies[2]["Amount"] == amount


def numbers_of(body: Any) -> list[Any]:
    """Every value that must be a number."""
    rows = (*body.get("Lines", []), *body.get("AdditionalCharges", []), *body.get("Restock", []))
    named = ("Quantity", "Price", "Discount", "Tax", "Total", "Amount", "CurrencyRate")
    return [value for one in (body, *rows) for name, value in one.items() if name in named]


BAD_ROWS = [(msgspec.structs.replace(GOODS, amount=Decimal(value)),) for value in ("0.00001", "NaN", "Infinity")]
REFUSED_HERE: list[Post] = [
    *(lambda house, rows=rows: house.invoice(msgspec.structs.replace(INVOICE, rows=rows)) for rows in BAD_ROWS),
    *(lambda house, rows=rows: house.credit(msgspec.structs.replace(CREDIT, rows=rows)) for rows in BAD_ROWS),
    lambda house: house.pay(msgspec.structs.replace(PAYMENT, amount=Decimal("1.005"))),
]


@pytest.mark.parametrize("post", REFUSED_HERE)
async def test_a_figure_cin7_does_not_take_never_leaves(post: Post) -> None:
    house = House()
    with pytest.raises(ValueError, match=r"(two|four) decimals|finite"):
        await post(house)
    assert (house.gate.diary, house.wire.requests) == ([], [])


# -- what is answered -------------------------------------------------------------------------------------------------

SEEN_GOODS = OrderRow(
    sku="Bread",
    name="Baked Bread",
    quantity=Decimal(3),
    price=Decimal("8.3333"),
    tax=Decimal("4.17"),
    tax_rule="Tax on Sales",
    total=Decimal(25),
)
SEEN_CARRIAGE = OrderRow(
    sku="Shipping",
    name="Shipping",
    quantity=Decimal(1),
    price=Decimal("4.95"),
    tax=Decimal("0.83"),
    tax_rule="Tax on Sales",
    total=Decimal("4.95"),
    is_charge=True,
)


@pytest.mark.parametrize(
    ("inclusive", "net", "total"), [(True, "24.95", "29.95"), (False, "29.95", "34.95")], ids=["gross", "net"]
)
async def test_the_invoice_that_was_posted_is_found_by_its_memo_wherever_it_stands(
    inclusive: bool, net: str, total: str
) -> None:
    other = SHOWN_INVOICE | {"TaskID": OTHER, "Memo": "ct-order:4f0c#2", "InvoiceNumber": "INV-2"}
    for shown in ((SHOWN_INVOICE, other), (other, SHOWN_INVOICE)):
        house = House(answer(200, invoices(*shown)))
        assert await house.invoice(msgspec.structs.replace(INVOICE, tax_inclusive=inclusive)) == Invoice(
            task_id=TASK.lower(),
            number="INV-00001",
            status="AUTHORISED",
            rows=(SEEN_GOODS, SEEN_CARRIAGE),
            net=Decimal(net),
            tax=Decimal("5.00"),
            total=Decimal(total),
            day=DAY,
            memo=MARK,
            rate=Decimal("0.8612"),
        )


async def test_totals_that_are_shown_are_believed_not_added_up() -> None:
    shown = SHOWN_INVOICE | {"TotalBeforeTax": 24.94, "Tax": "5.0100", "Total": 29.95, "Paid": 3}
    invoice = await House(answer(200, invoices(shown))).invoice()
    assert (invoice.net, invoice.tax, invoice.total) == (Decimal("24.94"), Decimal("5.01"), Decimal("29.95"))
    assert invoice.paid == 3


POSTED = PostedPayment(
    id=PAID.lower(),
    type="PAYMENT",
    amount=Decimal("29.95"),
    reference="tr-1",
    day=DAY,
    account="718",
    task_id=TASK.lower(),
    rate=Decimal("0.8612"),
)
NOT_OURS = [
    SHOWN_PAYMENT | {"ID": OTHER, "Reference": "tr-2"},
    SHOWN_PAYMENT | {"ID": OTHER, "TaskID": OTHER},
    SHOWN_PAYMENT | {"ID": OTHER, "Amount": 29.94},
]


@pytest.mark.parametrize(
    "given",
    [SHOWN_PAYMENT, [SHOWN_PAYMENT], [*NOT_OURS, SHOWN_PAYMENT], [SHOWN_PAYMENT, *NOT_OURS]],
    ids=["one", "array", "last", "first"],
)
async def test_the_payment_that_was_posted_is_found_in_an_object_and_in_an_array(given: Any) -> None:
    assert await House(answer(200, given)).pay() == POSTED


async def test_a_refund_is_a_payment_of_its_credit_note() -> None:
    given = SHOWN_PAYMENT | {"Type": "Refund", "InvoiceNumber": None, "CreditNoteNumber": "CR-00001"}
    posted = await House(answer(200, given)).pay(msgspec.structs.replace(PAYMENT, refund=True))
    assert posted == msgspec.structs.replace(POSTED, type="REFUND")


async def test_the_credit_note_that_was_posted_is_found_by_its_memo() -> None:
    other = SHOWN_NOTE | {"TaskID": OTHER, "Memo": "ct-order:4f0c#tr-9", "CreditNoteNumber": "CR-2"}
    for shown in ((SHOWN_NOTE, other), (other, SHOWN_NOTE)):
        note = await House(answer(200, notes(*shown))).credit()
        assert (note.task_id, note.number, note.status, note.memo) == (TASK.lower(), "CR-00001", "AUTHORISED", MARK)
        assert (note.net, note.tax, note.total) == (Decimal("20.83"), Decimal("4.17"), Decimal(25))
        assert (note.rows, note.day, note.rate) == ((SEEN_GOODS,), DAY, Decimal("0.8612"))
        assert (note.invoice_number, note.credited) == ("INV-00001", {"Bread": Decimal(3)})
        assert (note.restocked, note.payments) == ({"Bread": Decimal(2)}, ())


async def test_a_credit_note_says_what_its_answer_shows_however_many_rows_a_sku_has() -> None:
    back = [{"SKU": "Bread", "Location": "Main Warehouse", "Quantity": n} for n in (1, "0.5")]
    shown = SHOWN_NOTE | {"Lines": [LINE, LINE | {"Quantity": 1}], "AdditionalCharges": [CHARGE], "Restock": back}
    note = await House(answer(200, notes(shown))).credit()
    assert (note.credited, note.restocked) == ({"Bread": Decimal(4)}, {"Bread": Decimal("1.5")})


NOT_SHOWN: dict[str, tuple[str, Any]] = {
    "no invoice": ("invoice", invoices()),
    "none but another": ("invoice", invoices(SHOWN_INVOICE | {"Memo": ""})),
    "two of the memo": ("invoice", invoices(SHOWN_INVOICE, SHOWN_INVOICE | {"TaskID": OTHER})),
    "another sale's invoice": ("invoice", invoices(SHOWN_INVOICE, sale=OTHER)),
    "a draft": ("invoice", invoices(SHOWN_INVOICE | {"Status": "DRAFT"})),
    "no task": ("invoice", invoices(SHOWN_INVOICE | {"TaskID": None})),
    "a word for a figure": ("invoice", invoices(SHOWN_INVOICE | {"Lines": [LINE | {"Total": "much"}]})),
    "a row without a figure": ("invoice", invoices(SHOWN_INVOICE | {"Lines": [LINE | {"Tax": None}]})),
    "no list": ("invoice", invoices() | {"Invoices": "none"}),
    "no payment": ("payment", []),
    "another reference": ("payment", SHOWN_PAYMENT | {"Reference": "tr-2"}),
    "another amount": ("payment", SHOWN_PAYMENT | {"Amount": 29.96}),
    "another invoice's": ("payment", SHOWN_PAYMENT | {"TaskID": OTHER}),
    "no id": ("payment", SHOWN_PAYMENT | {"ID": ""}),
    "no amount": ("payment", SHOWN_PAYMENT | {"Amount": None}),
    "no note": ("note", notes()),
    "another note": ("note", notes(SHOWN_NOTE | {"Memo": "re_2"})),
    "two notes": ("note", notes(SHOWN_NOTE, SHOWN_NOTE)),
    "another sale's note": ("note", notes(SHOWN_NOTE, sale=OTHER)),
    "a draft note": ("note", notes(SHOWN_NOTE | {"Status": "DRAFT"})),
    "a note without a task": ("note", notes(SHOWN_NOTE | {"TaskID": ""})),
    "a note without a number": ("note", notes(SHOWN_NOTE | {"CreditNoteNumber": ""})),
    "nothing but its place": ("note", notes(SHOWN_NOTE | {"TaskID": None, "Status": "NOT AVAILABLE"})),
}


@pytest.mark.parametrize("case", NOT_SHOWN)
async def test_an_answer_that_does_not_show_what_was_posted_is_in_doubt(case: str) -> None:
    kind, given = NOT_SHOWN[case]
    house = House(answer(200, given))
    sent_at = house.clock.now()
    with pytest.raises(InDoubt) as seen:
        await POSTS[kind][0](house)
    assert (seen.value.reason, seen.value.until) == ("malformed", sent_at + 60_000)
    assert seen.value.detail
    assert "much" not in seen.value.detail


def refused(text: str, code: int = 400) -> list[dict[str, Any]]:
    return [{"ErrorCode": code, "Exception": text}]


# What each kind of answer to a posting comes to, and why.
ENDS: dict[str, tuple[Any, type[Exception], str]] = {
    "lost": (AnswerLostError("x"), InDoubt, "no_answer"),
    "never sent": (NotSentError("x"), Transient, "not_sent"),
    "400": (answer(400, refused("Invoice Status is AUTHORISED")), Rejected, "rejected"),
    "not found": (answer(404, refused("Sale not found.", 404)), Rejected, "rejected"),
    "403": (text_answer(403, "Incorrect credentials!"), Unauthorised, "credentials"),
    "429": (answer(429, refused(LIMIT_TEXT)), Limited, "rate_limited"),
    "the limit's words under 400": (answer(400, refused(LIMIT_TEXT)), Limited, "rate_limited"),
    "the limit's words under 503": (text_answer(503, LIMIT_TEXT), Limited, "rate_limited"),
    "503": (text_answer(503, "Service Unavailable"), InDoubt, "unavailable"),
    "500": (answer(500, refused("internal")), InDoubt, "unavailable"),
    "HTML under 200": (text_answer(200, "<html>Page not found", "text/html"), InDoubt, "malformed"),
    "a redirect": (text_answer(302, "", location="/x"), InDoubt, "malformed"),
    "no content": (Response(status=204), InDoubt, "malformed"),
    "null": (answer(200, None), InDoubt, "malformed"),
    "an error under 200": (answer(200, refused("Account with specified ID not found")), InDoubt, CONTRADICTION),
}


@every_post
@pytest.mark.parametrize("case", ENDS)
async def test_every_end_of_a_posting(case: str, kind: str) -> None:
    given, error, reason = ENDS[case]
    house = House(given)
    with pytest.raises(error) as seen:
        await POSTS[kind][0](house)
    assert type(seen.value) is error
    assert isinstance(seen.value, Limited) or seen.value.reason == reason  # type: ignore[attr-defined]
    assert len(house.wire.requests) == 1  # never repeated in here


@every_post
async def test_the_limits_words_in_a_memo_undo_nothing(kind: str) -> None:
    post, _, given = POSTS[kind]
    assert await post(House(answer(200, given if kind == "payment" else given | {"Note": LIMIT_TEXT})))


@every_post
async def test_a_posting_takes_one_turn_in_its_lane_and_passes_its_crash_points(kind: str) -> None:
    post, _, given = POSTS[kind]
    house = House(answer(200, given))
    await post(house)
    [intent] = house.gate.intents
    name = intent.purpose.value
    assert (intent.lane, intent.purpose.writes) == (Lane.FINANCE, True)
    assert house.gate.diary == [f"{name}.decided", "turn", f"{name}.intended", "turn over", f"{name}.answered"]


# -- the books of a sale ----------------------------------------------------------------------------------------------

SALE: dict[str, Any] = {
    "ID": SALE_ID.upper(),
    "Status": "COMPLETED",
    "TaxCalculation": "Inclusive",
    "Order": {"SaleOrderNumber": "SO-00092", "Status": "NOT AVAILABLE", "Lines": []},
}
BOOKED_INVOICE = SHOWN_INVOICE | {
    "Status": "paid",
    "Payments": [{name: value for name, value in SHOWN_PAYMENT.items() if name not in ("TaskID", "Type")}],
    "TotalBeforeTax": "24.9500",
    "Tax": 5,
    "Total": "29.95",
    "Paid": 29.95,
}
BOOKED_NOTE = SHOWN_NOTE | {
    "Refunds": [{"ID": OTHER, "Reference": "re-1", "Amount": 25, "DatePaid": MIDNIGHT, "Account": "718"}],
    "TotalBeforeTax": 20.83,
    "Tax": 4.17,
    "Total": 25,
}


async def books(**shown: Any) -> SaleView:
    return await House(answer(200, SALE | shown)).read()


async def test_the_books_are_read_in_one_call_of_the_lane_of_finance() -> None:
    house = House(answer(200, SALE | {"Invoices": [BOOKED_INVOICE], "CreditNotes": [BOOKED_NOTE]}))
    view = await house.read()
    [request], [intent] = house.wire.requests, house.gate.intents
    assert (request.method, path_of(request), query_of(request)) == ("GET", "/ExternalApi/v2/sale", {"ID": [SALE_ID]})
    assert (intent.purpose, intent.lane, intent.subject) == (Purpose.CIN7_READ_BOOKS, Lane.FINANCE, "o-1")
    [invoice] = view.invoices
    assert (invoice.status, invoice.stands, invoice.paid, invoice.open) == ("PAID", True, Decimal("29.95"), Decimal(0))
    assert (invoice.net, invoice.tax, invoice.total) == (Decimal("24.95"), Decimal(5), Decimal("29.95"))
    assert invoice.rows == (SEEN_GOODS, SEEN_CARRIAGE)
    assert invoice.payments == (POSTED,)
    [note] = view.credit_notes
    assert (note.net, note.tax, note.total, note.rows) == (
        Decimal("20.83"),
        Decimal("4.17"),
        Decimal(25),
        (SEEN_GOODS,),
    )
    [refund] = note.payments
    assert (refund.id, refund.type, refund.amount, refund.reference) == (OTHER, "REFUND", Decimal(25), "re-1")
    assert (refund.task_id, note.refunds) == (TASK.lower(), ("re-1",))


async def test_whoever_reads_the_whole_sale_brings_its_invoices() -> None:
    house = House(*[answer(200, SALE | {"Invoices": [BOOKED_INVOICE]})] * 2)
    assert len((await house.client.read_fulfilment(SALE_ID, subject="o-1")).invoices) == 1
    assert (await house.client.read_sale(SALE_ID, subject="o-1")).invoices == ()


@pytest.mark.parametrize(
    "shown",
    [None, [], [{"Status": "NOT AVAILABLE", "TaskID": None, "Lines": []}], [{"TaskID": TASK, "Lines": None}]],
    ids=repr,
)
async def test_where_no_invoice_is_there_is_none(shown: Any) -> None:
    assert (await books(Invoices=shown)).invoices == ()


@pytest.mark.parametrize("status", ["DRAFT", "voided", "Something New"])
async def test_a_status_nobody_knows_stands_for_nothing_and_passes(status: str) -> None:
    [invoice] = (await books(Invoices=[BOOKED_INVOICE | {"Status": status}])).invoices
    assert (invoice.status, invoice.stands) == (status.upper(), False)


BAD_BOOKS: dict[str, tuple[dict[str, Any], str]] = {
    "no task": ({"Invoices": [BOOKED_INVOICE | {"TaskID": None}]}, "Invoices[0].TaskID"),
    "total": ({"Invoices": [BOOKED_INVOICE, BOOKED_INVOICE | {"Total": "much"}]}, "Invoices[1].Total"),
    "no total": ({"Invoices": [BOOKED_INVOICE | {"Total": None}]}, "Invoices[0].Total"),
    "tax": ({"Invoices": [BOOKED_INVOICE | {"Tax": True}]}, "Invoices[0].Tax"),
    "a row": (
        {"Invoices": [BOOKED_INVOICE | {"Lines": [LINE, LINE | {"Price": "much"}]}]},
        "Invoices[0].Lines[1].Price",
    ),
    "nothing sold": ({"Invoices": [BOOKED_INVOICE | {"Lines": [LINE | {"SKU": ""}]}]}, "Invoices[0].Lines[0].SKU"),
    "a charge": (
        {"Invoices": [BOOKED_INVOICE | {"AdditionalCharges": [CHARGE | {"Total": "NaN"}]}]},
        "Invoices[0].AdditionalCharges[0].Total",
    ),
    "beyond": ({"Invoices": [BOOKED_INVOICE | {"Paid": "1E+999999999"}]}, "Invoices[0].Paid"),
    "payment": (
        {"Invoices": [BOOKED_INVOICE | {"Payments": [SHOWN_PAYMENT | {"Amount": "much"}]}]},
        "Invoices[0].Payments",
    ),
    "not a list": ({"Invoices": {"TaskID": TASK}}, "Invoices"),
    "note": ({"CreditNotes": [BOOKED_NOTE | {"Total": "much"}]}, "CreditNotes[0].Total"),
    "refund": ({"CreditNotes": [BOOKED_NOTE | {"Refunds": [{"ID": OTHER, "Amount": None}]}]}, "CreditNotes[0].Refunds"),
}


@pytest.mark.parametrize("case", BAD_BOOKS)
async def test_books_that_cannot_be_read_are_refused_by_field(case: str) -> None:
    shown, field = BAD_BOOKS[case]
    with pytest.raises(Transient) as seen:
        await books(**shown)
    assert (type(seen.value), seen.value.reason) == (Transient, "malformed")
    assert field in seen.value.detail
    assert not any(content in seen.value.detail for content in ("much", "E+9", TASK))
    view = await House(answer(200, SALE | shown)).client.read_sale(SALE_ID, subject="o-1")
    assert view.id == SALE_ID  # who asks for the order alone is answered all the same


async def test_a_sale_that_is_gone_is_missing_and_another_is_no_answer() -> None:
    with pytest.raises(Missing):
        await House(answer(404, refused("Sale not found.", 404))).read()
    with pytest.raises(Transient):
        await House(answer(200, SALE | {"ID": OTHER})).read()


# -- the specification ------------------------------------------------------------------------------------------------


@needs_documents
async def test_the_books_of_the_official_sample() -> None:
    sample = json.loads(json.dumps(cin7_spec.sale_samples()["GET"], default=float))
    view = await House(answer(200, sample | {"ID": SALE_ID})).read()
    [invoice] = view.invoices
    assert (invoice.number, invoice.status, invoice.stands, invoice.total) == (
        "INV-00001",
        "AUTHORISED",
        True,
        Decimal(358),
    )
    assert [(row.sku[:7], row.total, row.is_charge) for row in invoice.rows] == [
        ("Bread", Decimal(8), False),
        ("Desktop", Decimal(350), True),
    ]
    [note] = view.credit_notes
    assert (note.invoice_number, note.total, note.day) == ("INV-00001", Decimal(358), date(2017, 11, 22))
    assert [(refund.amount, refund.account) for refund in note.payments] == [(Decimal(358), "718")]


@needs_documents
@every_post
def test_what_the_tests_answer_is_what_cin7_may_answer(kind: str) -> None:
    _, path, given = POSTS[kind]
    assert cin7_spec.check_answer("POST", path, 200, json.dumps(given).encode()) == []


# -- the client meets the double --------------------------------------------------------------------------------------


class LocalWire:
    """The double's door, every request and answer of which is held against the documents."""

    def __init__(self, shop: LocalLedger) -> None:
        self.shop = shop

    async def send(self, request: Request) -> Response:
        response = await self.shop.double.handle(request)
        if cin7_spec.available():
            path = request.url.split("cin7.test", 1)[1].split("?", 1)[0]
            assert cin7_spec.check_answer(request.method, path, response.status, response.body) == []
        return response


def client_of(shop: LocalLedger) -> Cin7Client:
    return Cin7Client(
        transport=LocalWire(shop),
        clock=StillClock(),
        gate=OpenGate(StillClock()),
        probe=lambda point: None,
        base_url="http://cin7.test/ExternalApi/v2",
        account_id=shop.account,
        application_key=shop.key,
        timeout_seconds=60,
    )


def mug(shop: LocalLedger, quantity: int, tax: str) -> Row:
    product = shop.double.books.product_by_sku(MUG)
    assert product is not None
    return Row(
        kind=RowKind.LINE,
        sku=MUG,
        product_id=product.id,
        name=product.name,
        quantity=Decimal(quantity),
        price=Decimal("12.95"),
        tax=Decimal(tax),
        tax_rule=VAT,
        amount=Decimal("12.95") * quantity,
    )


async def test_what_an_answer_shows_is_what_the_books_show_afterwards() -> None:
    """An invoice, its payment, a credit note with goods back, and its refund: each answer is the read-back."""
    shop = LocalLedger()
    sale_id = await shop.create()
    await shop.post_order(sale_id, shop.line(quantity=3, price=12.95, Tax=6.48))
    shop.double.ship_rest(sale_id)
    client = client_of(shop)
    of_sale = {"sale_id": sale_id, "day": date(2026, 12, 1), "account": "", "rate": None}
    replace = msgspec.structs.replace
    invoice = await client.post_invoice(
        replace(INVOICE, rows=(mug(shop, 3, "6.48"),), due=date(2026, 12, 1), **of_sale),
        writing(Purpose.CIN7_POST_INVOICE),
    )
    paying = replace(PAYMENT, task_id=invoice.task_id, amount=invoice.total, **of_sale | {"account": "090"})
    payment = await client.post_payment(replace(paying, rate=Decimal(1)), writing(Purpose.CIN7_POST_PAYMENT))
    crediting = replace(CREDIT, rows=(mug(shop, 1, "2.16"),), invoice_number=invoice.number, **of_sale)
    back = replace(CREDIT.restock[0], sku=MUG, product_id=crediting.rows[0].product_id, quantity=Decimal(1))
    note = await client.post_credit_note(replace(crediting, restock=(back,)), writing(Purpose.CIN7_POST_CREDIT_NOTE))
    refunding = replace(paying, task_id=note.task_id, amount=note.total, reference="re-1", refund=True, rate=Decimal(1))
    refund = await client.post_payment(refunding, writing(Purpose.CIN7_POST_PAYMENT))

    view = await client.read_books(sale_id, subject="o-1")
    [shown], [shown_note] = view.invoices, view.credit_notes
    assert (invoice.net, invoice.tax, invoice.total) == (Decimal("32.37"), Decimal("6.48"), Decimal("38.85"))
    assert shown == replace(invoice, status="PAID", paid=shown.paid, payments=(payment,))
    assert shown_note == replace(note, payments=(refund,), refunds=("re-1",))
    assert (note.restocked, note.total) == ({MUG: Decimal(1)}, Decimal("12.95"))
