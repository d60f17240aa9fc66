"""The client's readings of purchases: the endpoint of the kind, what counts of either shape, to the last digit."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.calls import Lane, Purpose
from actors.domain.errors import Limited, Missing, Rejected, Transient, Unauthorised
from actors.domain.purchase import (
    JournalLine,
    Movement,
    Purchase,
    PurchaseCharge,
    PurchaseInvoice,
    PurchaseKind,
    PurchaseLine,
    PurchaseMark,
    Receipt,
)
from actors.domain.time import parse_instant
from actors.procurement.ports import PurchaseBook
from adapters.cin7 import wire_purchases
from adapters.transport import Response
from tests.cin7_reader import Reader, bare, needs_samples, sample
from tests.wire_doubles import answer, path_of, query_of, text_answer

PURCHASE_ID = "02b08cd2-51d2-41e6-ab97-85bcd13e7136"
TASK, SECOND_TASK, NOTE_TASK = "t-1", "t-2", "t-3"
BREAD = "c08b3876-89cc-46c4-af52-b77f058fdf81"
NOT_SIMPLE = answer(
    400,
    [
        {
            "ErrorCode": 400,
            "Exception": "This endpoint is deprecated and does not support Advanced Purchase and Service Purchase.",
        }
    ],
)
ROW: dict[str, Any] = {
    "ID": PURCHASE_ID.upper(),
    "OrderNumber": "PO-00026",
    "Status": "RECEIVING",
    "Supplier": "Bayside",
    "SupplierID": "807b6bb2-69d5-46dc-8a6b-1bfe73519dca",
    "InvoiceAmount": 15,
    "RequiredBy": "2026-12-09T00:00:00",
    "BaseCurrency": "GBP",
    "SupplierCurrency": "EUR",
    "LastUpdatedDate": "2026-11-23T10:17:00.1239999Z",
    "Type": "Advanced Purchase",
    "CombinedInvoiceStatus": "NOT INVOICED",
    "CombinedReceivingStatus": "PARTIALLY RECEIVED",
    "AFieldOfNextYear": {"Deep": [1]},
}
MARK = PurchaseMark(
    id=PURCHASE_ID,
    number="PO-00026",
    kind=PurchaseKind.ADVANCED,
    status="RECEIVING",
    supplier="Bayside",
    currency="EUR",
    base_currency="GBP",
    updated_at=parse_instant("2026-11-23T10:17:00.123Z"),
    required_by=date(2026, 12, 9),
    receiving="PARTIALLY RECEIVED",
    invoicing="NOT INVOICED",
)
SIMPLE_MARK = msgspec.structs.replace(MARK, kind=PurchaseKind.SIMPLE)


def goods(quantity: Any = 3, total: Any = 12, tax: Any = 2, **fields: Any) -> dict[str, Any]:
    line = {"ProductID": BREAD.upper(), "SKU": "Bread", "Name": "Baked Bread", "Quantity": quantity, "Price": 4}
    return {**line, "Discount": 0, "Tax": tax, "TaxRule": "VAT", "Account": "630", "Total": total, **fields}


def charge(total: Any = 5, tax: Any = 1, **fields: Any) -> dict[str, Any]:
    return {"Description": "Freight", "Reference": "F-1", "Tax": tax, "Account": 425, "Total": total, **fields}


def stock(quantity: Any = 3, day: Any = "2026-11-20T00:00:00", **fields: Any) -> dict[str, Any]:
    line = {"Date": day, "Quantity": quantity, "ProductID": BREAD, "SKU": "Bread", "Location": "Main Warehouse"}
    return {**line, "Received": True, "CardID": "x", **fields}


def document(*lines: Any, task: str = TASK, status: Any = "AUTHORISED", **fields: Any) -> dict[str, Any]:
    return {"TaskID": task.upper(), "Status": status, "Lines": list(lines), **fields}


def journal(**fields: Any) -> dict[str, Any]:
    line = {"Reference": "SI-9", "Amount": 7.5, "Date": "2026-11-20T00:00:00", "Debit": "630", "Credit": "404"}
    return {**line, "IsSystem": False, **fields}


HEADER: dict[str, Any] = {
    "ID": PURCHASE_ID.upper(),
    "SupplierID": "f1d1696b-8988-4ca0-8b9d-60317e463d07",
    "Supplier": "Bayside",
    "Contact": "Ann Lee",
    "Phone": "+49 30 1234",
    "BillingAddress": {"Line1": "3 Park St", "City": "Melbourne"},
    "ShippingAddress": {"Line1": "4 Park St", "City": "Melbourne"},
    "InventoryAccount": 630,
    "BaseCurrency": "GBP",
    "SupplierCurrency": "EUR",
    "TaxCalculation": "Exclusive",
    "RequiredBy": "2026-12-09T00:00:00",
    "Location": "Main Warehouse",
    "Note": "call Ann",
    "OrderNumber": "PO-00026",
    "OrderDate": "2026-11-02T00:00:00",
    "Status": "RECEIVING",
    "CurrencyRate": 0.86123,
    "LastUpdatedDate": "2026-11-24T08:00:00",
    "Order": {"Memo": "", "Status": "AUTHORISED", "Lines": [goods(10, 40)], "AdditionalCharges": [charge()]},
    "InventoryMovements": [
        {"TaskID": TASK.upper(), "ProductID": BREAD.upper(), "Date": "2026-11-20T00:00:00", "COGS": -10.3348}
    ],
}
INVOICE = document(
    goods(), InvoiceNumber="INV-1", InvoiceDate="2026-11-21T00:00:00", CurrencyRate=0.8612, AdditionalCharges=[charge()]
)
CREDIT = document(
    goods(1, 4),
    task=NOTE_TASK,
    CreditNoteNumber="CR-1",
    CreditNoteDate="2026-11-23T00:00:00",
    CreditNoteInvoiceNumber="INV-1",
    AdditionalCharges=[charge()],
    Unstock=[stock(1, "2026-11-22T00:00:00")],
)
ADVANCED: dict[str, Any] = HEADER | {
    "Type": "Advanced Purchase",
    "StockReceived": [document(stock(Location=None))],
    "PutAway": [document(stock())],
    "Invoice": [INVOICE],
    "CreditNote": [CREDIT],
    "ManualJournals": [document(journal())],
}
SIMPLE: dict[str, Any] = HEADER | {
    "StockReceived": {"Status": "AUTHORISED", "Lines": [stock()]},
    "Invoice": {name: value for name, value in INVOICE.items() if name != "TaskID"} | {"CurrencyRate": None},
    "CreditNote": {name: value for name, value in CREDIT.items() if name != "TaskID"}
    | {"Unstock": {"Status": "AUTHORISED", "Lines": [stock(1, "2026-11-22T00:00:00")]}},
    "ManualJournals": {"Status": "AUTHORISED", "Lines": [journal()]},
}
ORDERED = PurchaseLine(
    product_id=BREAD, sku="Bread", quantity=Decimal(10), total=Decimal(40), name="Baked Bread", account="630"
)
RECEIVED = Receipt(
    task_id=TASK,
    day=date(2026, 11, 20),
    product_id=BREAD,
    sku="Bread",
    quantity=Decimal(3),
    location="Main Warehouse",
)
BACK = msgspec.structs.replace(RECEIVED, task_id=NOTE_TASK, day=date(2026, 11, 22), quantity=Decimal(-1))
FREIGHT = PurchaseCharge(what="Freight", total=Decimal(5), account="425", reference="F-1")
BILLED = PurchaseInvoice(
    task_id=TASK,
    number="INV-1",
    day=date(2026, 11, 21),
    rate=Decimal("0.8612"),
    lines=(msgspec.structs.replace(ORDERED, quantity=Decimal(3), total=Decimal(12)),),
    charges=(FREIGHT,),
)
CREDITED = PurchaseInvoice(
    task_id=NOTE_TASK,
    number="CR-1",
    day=date(2026, 11, 23),
    rate=Decimal("0.8612"),
    lines=(msgspec.structs.replace(ORDERED, quantity=Decimal(-1), total=Decimal(-4)),),
    charges=(msgspec.structs.replace(FREIGHT, total=Decimal(-5)),),
)
JOURNAL = JournalLine(
    reference="SI-9", amount=Decimal("7.5"), day=date(2026, 11, 20), debit="630", credit="404", task_id=TASK
)
READ = Purchase(
    id=PURCHASE_ID,
    number="PO-00026",
    kind=PurchaseKind.ADVANCED,
    status="RECEIVING",
    supplier="Bayside",
    currency="EUR",
    base_currency="GBP",
    updated_at=parse_instant("2026-11-24T08:00:00Z"),
    location="Main Warehouse",
    inventory_account="630",
    rate=Decimal("0.86123"),
    ordered_on=date(2026, 11, 2),
    required_by=date(2026, 12, 9),
    ordered=(ORDERED,),
    receipts=(RECEIVED, BACK),
    invoices=(BILLED, CREDITED),
    journals=(JOURNAL,),
    movements=(Movement(task_id=TASK, product_id=BREAD, day=date(2026, 11, 20), value=Decimal("-10.3348")),),
)


def listed(*rows: Any, total: Any = 7) -> Response:
    return answer(200, {"Total": total, "Page": 1, "PurchaseList": list(rows)})


async def read(shown: Any, mark: PurchaseMark = MARK) -> Purchase:
    return await Reader(answer(200, shown)).client.read_purchase(mark)


async def test_it_is_the_port() -> None:
    book: PurchaseBook = Reader().client
    assert book is not None


# -- the list ---------------------------------------------------------------------------------------------------------


async def test_a_page_of_purchases() -> None:
    reader = Reader(listed(ROW), listed())
    page = await reader.client.purchases(page=2, updated_since=1_800_000_000_123)
    await reader.client.purchases(page=1, updated_since=None)
    assert (page.marks, page.met, page.total) == ((MARK,), 1, 7)
    assert [path_of(one) for one in reader.requests] == ["/ExternalApi/v2/purchaseList"] * 2
    assert [query_of(one) for one in reader.requests] == [
        {"Page": ["2"], "Limit": ["1000"], "UpdatedSince": ["2027-01-15T08:00:00.123Z"]},
        {"Page": ["1"], "Limit": ["1000"]},
    ]
    assert {(one.purpose, one.lane) for one in reader.gate.intents} == {(Purpose.CIN7_LIST_PURCHASES, Lane.CATALOGUE)}


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        ("Simple Purchase", PurchaseKind.SIMPLE),
        ("Advanced Purchase", PurchaseKind.ADVANCED),
        ("Service Purchase", PurchaseKind.SERVICE),
        ("Purchase Credit Note", PurchaseKind.OTHER),
        ("", PurchaseKind.OTHER),
        (None, PurchaseKind.OTHER),
        (3, PurchaseKind.OTHER),
    ],
)
async def test_a_kind_nobody_knows_is_another(shown: Any, kind: PurchaseKind) -> None:
    page = await Reader(listed(ROW | {"Type": shown})).client.purchases(page=1, updated_since=None)
    assert page.marks == (msgspec.structs.replace(MARK, kind=kind),)


async def test_a_row_that_shows_nothing_but_its_id_is_a_purchase() -> None:
    page = await Reader(listed({"ID": "x"})).client.purchases(page=1, updated_since=None)
    [mark] = page.marks
    assert (mark.id, mark.number, mark.kind, mark.updated_at, mark.required_by) == (
        "x",
        "",
        PurchaseKind.OTHER,
        0,
        None,
    )


@pytest.mark.parametrize("row", [ROW | {"ID": None}, ROW | {"ID": " "}, ROW | {"ID": [1]}, "PO-1", None, []], ids=repr)
async def test_a_row_that_is_none_is_counted_and_left_out(row: Any) -> None:
    page = await Reader(listed(row, ROW)).client.purchases(page=1, updated_since=None)
    assert (page.marks, page.met) == ((MARK,), 2)


@pytest.mark.parametrize("body", [{"PurchaseList": []}, {"Total": 3}, {"Total": "x", "PurchaseList": []}])
async def test_a_list_without_its_total_or_rows_is_none(body: Any) -> None:
    with pytest.raises(Transient) as seen:
        await Reader(answer(200, body)).client.purchases(page=1, updated_since=None)
    assert seen.value.reason == "malformed"


@needs_samples
async def test_the_documents_own_list_is_read() -> None:
    page = await Reader(answer(200, sample("Purchase List"))).client.purchases(page=1, updated_since=None)
    assert (page.met, page.total) == (2, 2)
    assert [(one.number, one.kind, one.status, one.receiving, one.invoicing) for one in page.marks] == [
        ("PO-00026", PurchaseKind.SIMPLE, "INVOICED", "NOT RECEIVED", "INVOICED"),
        ("PO-00080", PurchaseKind.SIMPLE, "COMPLETED", "FULLY RECEIVED", "INVOICED / CREDITED"),
    ]
    assert page.marks[0].updated_at == parse_instant("2018-04-19T04:03:06.52Z")


# -- which endpoint ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "path", "shown"),
    [
        (PurchaseKind.SIMPLE, "/purchase", SIMPLE),
        (PurchaseKind.ADVANCED, "/advanced-purchase", ADVANCED),
        (PurchaseKind.SERVICE, "/advanced-purchase", ADVANCED | {"Type": "Service Purchase"}),
        (PurchaseKind.OTHER, "/advanced-purchase", ADVANCED | {"Type": "Consignment Purchase"}),
    ],
)
async def test_a_purchase_is_asked_of_the_endpoint_of_its_kind(
    kind: PurchaseKind, path: str, shown: dict[str, Any]
) -> None:
    reader = Reader(answer(200, shown))
    found = await reader.client.read_purchase(msgspec.structs.replace(MARK, kind=kind))
    assert found.kind is kind
    [request] = reader.requests
    assert (request.method, path_of(request)) == ("GET", f"/ExternalApi/v2{path}")
    assert query_of(request) == {"ID": [PURCHASE_ID]}
    [intent] = reader.gate.intents
    assert (intent.purpose, intent.lane, intent.subject) == (Purpose.CIN7_READ_PURCHASE, Lane.CATALOGUE, PURCHASE_ID)


SHELL: dict[str, Any] = {"ID": PURCHASE_ID, "OrderNumber": None, "Order": None, "Invoice": [], "StockReceived": []}
MOVED: list[tuple[PurchaseMark, Response, dict[str, Any], PurchaseKind]] = [
    (SIMPLE_MARK, NOT_SIMPLE, ADVANCED, PurchaseKind.ADVANCED),
    (SIMPLE_MARK, NOT_SIMPLE, ADVANCED | {"Type": None}, PurchaseKind.ADVANCED),
    (MARK, answer(200, SHELL), SIMPLE, PurchaseKind.SIMPLE),
    (MARK, answer(200, {}), SIMPLE, PurchaseKind.SIMPLE),
    (MARK, answer(200, HEADER | {"Type": "Simple Purchase", "Order": None}), SIMPLE, PurchaseKind.SIMPLE),
    (
        msgspec.structs.replace(MARK, number="", kind=PurchaseKind.OTHER),
        answer(200, {"ID": PURCHASE_ID, "Type": "Simple Purchase"}),
        SIMPLE,
        PurchaseKind.SIMPLE,
    ),
]


@pytest.mark.parametrize(("mark", "first", "second", "kind"), MOVED, ids=range(len(MOVED)))
async def test_what_an_endpoint_does_not_show_is_asked_of_the_other(
    mark: PurchaseMark, first: Response, second: dict[str, Any], kind: PurchaseKind
) -> None:
    reader = Reader(first, answer(200, second))
    found = await reader.client.read_purchase(mark)
    assert (found.kind, found.number, len(found.invoices)) == (kind, "PO-00026", 2)
    asked = [path_of(one).rpartition("/")[2] for one in reader.requests]
    assert asked == (["purchase", "advanced-purchase"] if mark is SIMPLE_MARK else ["advanced-purchase", "purchase"])
    assert len(reader.gate.intents) == 2


@pytest.mark.parametrize(
    ("mark", "answers"),
    [(SIMPLE_MARK, [NOT_SIMPLE, answer(200, SHELL)]), (MARK, [answer(200, SHELL), NOT_SIMPLE])],
)
async def test_what_neither_endpoint_shows_cannot_be_read(mark: PurchaseMark, answers: list[Response]) -> None:
    reader = Reader(*answers)
    with pytest.raises(Rejected) as seen:
        await reader.client.read_purchase(mark)
    assert (seen.value.reason, seen.value.detail) == ("unreadable_purchase", "OrderNumber is missing")
    assert len(reader.requests) == 2


async def test_an_advanced_purchase_is_no_shell_for_want_of_a_number_the_list_has_not_either() -> None:
    mark = msgspec.structs.replace(MARK, number="")
    assert (await read(ADVANCED | {"OrderNumber": ""}, mark)).invoices == READ.invoices


FAILURES: list[tuple[Response, type[Exception], str]] = [
    (answer(400, [{"ErrorCode": 400, "Exception": "Purchase not found"}]), Missing, "missing"),
    (answer(400, [{"ErrorCode": 400, "Exception": "No access to this entity"}]), Rejected, "rejected"),
    (answer(429, "You have reached 60 calls per 60 seconds API limit."), Limited, "limited"),
    (text_answer(403, "Incorrect credentials!"), Unauthorised, "credentials"),
    (text_answer(200, "<html>", "text/html"), Transient, "malformed"),
    (answer(200, SIMPLE | {"ID": "another"}), Transient, "malformed"),
    (answer(503, {}), Transient, "unavailable"),
]


@pytest.mark.parametrize("mark", [MARK, SIMPLE_MARK], ids=["advanced", "simple"])
@pytest.mark.parametrize(("refusal", "error", "reason"), FAILURES, ids=[str(n) for n in range(len(FAILURES))])
async def test_other_failures_are_those_of_every_read(
    mark: PurchaseMark, refusal: Response, error: type[Exception], reason: str
) -> None:
    reader = Reader(refusal)
    with pytest.raises(error) as seen:
        await reader.client.read_purchase(mark)
    assert getattr(seen.value, "reason", None) == reason
    assert len(reader.requests) == 1


async def test_the_words_of_another_endpoint_are_heard_of_purchase_alone() -> None:
    reader = Reader(NOT_SIMPLE)
    with pytest.raises(Rejected) as seen:
        await reader.client.read_purchase(MARK)
    assert seen.value.reason == "rejected"


# -- both shapes ------------------------------------------------------------------------------------------------------


def as_simple(purchase: Purchase) -> Purchase:
    """What the same purchase is as a simple one: a task alone, and no rate on an invoice."""
    own = {"task_id": PURCHASE_ID}
    return msgspec.structs.replace(
        purchase,
        kind=PurchaseKind.SIMPLE,
        receipts=tuple(msgspec.structs.replace(one, **own) for one in purchase.receipts),
        invoices=tuple(msgspec.structs.replace(one, rate=None, **own) for one in purchase.invoices),
        journals=tuple(msgspec.structs.replace(one, **own) for one in purchase.journals),
    )


async def test_an_advanced_purchase_is_read_whole() -> None:
    assert await read(ADVANCED) == READ


async def test_a_simple_purchase_is_read_whole() -> None:
    assert await read(SIMPLE, SIMPLE_MARK) == as_simple(READ)


@pytest.mark.parametrize(
    ("task", "drop_ship"),
    [
        (None, False),
        ("", False),
        ("00000000-0000-0000-0000-000000000000", False),
        ("31760D16-C2E5-4620-9E09-0B236B776CEF", True),
    ],
)
async def test_what_is_bought_for_a_sale_goes_to_its_customer(task: Any, drop_ship: bool) -> None:
    assert (await read(ADVANCED | {"RelatedDropShipSaleTask": task})).drop_ship is drop_ship


async def test_an_order_alone_is_a_purchase() -> None:
    bare_read = msgspec.structs.replace(READ, receipts=(), invoices=(), journals=())
    assert await read(HEADER) == bare_read
    nothing = dict.fromkeys(("StockReceived", "PutAway", "Invoice", "CreditNote", "ManualJournals"))
    assert await read(HEADER | nothing) == bare_read
    assert await read(HEADER | {kind: [] for kind in nothing}) == bare_read


async def test_what_the_purchase_does_not_say_the_list_said() -> None:
    silent = dict.fromkeys(("BaseCurrency", "SupplierCurrency", "LastUpdatedDate"))
    found = await read(ADVANCED | silent)
    assert (found.base_currency, found.currency, found.updated_at) == ("GBP", "EUR", MARK.updated_at)


@needs_samples
async def test_the_documents_own_simple_purchase_is_read_whole() -> None:
    shown = sample("Purchase")
    mark = msgspec.structs.replace(MARK, id=shown["ID"], number="PO-00001", kind=PurchaseKind.SIMPLE)
    found: Any = await read(shown, mark)
    assert (found.number, found.kind, found.status, found.rate) == ("PO-00001", PurchaseKind.SIMPLE, "CREDITED", 1)
    assert [(line.sku, line.quantity, line.total) for line in found.ordered] == [("Bread", 2, 4), ("Bread", 1, 2)]
    assert [(one.task_id, one.day, one.quantity) for one in found.receipts] == [
        (shown["ID"], date(2017, 12, 8), 3),
        (shown["ID"], date(2017, 12, 8), -3),
    ]
    assert [(one.number, one.day, one.rate) for one in found.invoices] == [
        ("1", date(2017, 12, 14), None),
        ("tr12", date(2017, 12, 21), None),
    ]
    assert [[line.total for line in one.lines] for one in found.invoices] == [[4, 2], [-2, -4]]
    assert [[(one.total, one.account) for one in invoice.charges] for invoice in found.invoices] == [
        [(3, "715")],
        [(-3, "715")],
    ]
    assert found.journals == ()  # a DRAFT
    assert [(one.day.day, one.value) for one in found.movements] == [(8, 0), (8, 0), (14, 9), (21, -9)]


@needs_samples
async def test_the_documents_own_advanced_purchase_is_read_whole() -> None:
    shown = sample("Advanced Purchase")
    received, first_note, second_note = (
        "dd31bf19-ea4b-412b-970c-d59f1a98ceea",
        "228cd42b-b7ea-479a-88bc-6838990c8bd9",
        "22dd8adc-5493-4cae-b31a-ede730a61018",
    )
    found: Any = await read(shown, msgspec.structs.replace(MARK, id=shown["ID"], number="PO-00069"))
    assert (found.kind, found.supplier, found.location) == (
        PurchaseKind.ADVANCED,
        "Carlton Technical Books",
        "Main Warehouse",
    )
    assert [(one.task_id, one.quantity, one.location) for one in found.receipts] == [
        (received, 3, "Main Warehouse"),
        (first_note, -1, "Main Warehouse"),
        (second_note, -1, "Main Warehouse"),
    ]
    assert [(one.number, one.task_id, one.lines[0].total) for one in found.invoices] == [
        ("INV-00069", received, 840),
        ("CR-00069", first_note, -280),
        ("CR-00069-2", second_note, -280),
    ]
    assert found.journals == ()  # a line of the system's, in a document that is not there
    assert len(found.movements) == len(shown["InventoryMovements"])
    assert sum(one.value for one in found.movements) == 280


# -- what counts ------------------------------------------------------------------------------------------------------

UNCOUNTED: list[Any] = ["DRAFT", "VOIDED", "NOT AVAILABLE", "AUTHORISED_NOT_QUITE", "", None, 1]
KINDS = ["Order", "StockReceived", "Invoice", "CreditNote", "ManualJournals"]


def told(purchase: Purchase, kind: str) -> tuple[Any, ...]:
    """What a kind of document makes of a purchase."""
    return {
        "Order": purchase.ordered,
        "StockReceived": tuple(one for one in purchase.receipts if one.quantity > 0),
        "Invoice": tuple(one for one in purchase.invoices if one.number == "INV-1"),
        "CreditNote": tuple(one for one in purchase.invoices if one.number == "CR-1")
        + tuple(one for one in purchase.receipts if one.quantity < 0),
        "ManualJournals": purchase.journals,
    }[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("status", [*UNCOUNTED, "AUTHORISED", "authorised", "PAID"], ids=repr)
async def test_only_what_is_authorised_counts(kind: str, status: Any) -> None:
    whole = ADVANCED | {"PutAway": [], "CreditNote": [CREDIT | {"CreditNoteInvoiceNumber": ""}]}
    simple = SIMPLE | {kind: SIMPLE[kind] | {"Status": status}}
    shown = whole[kind] if kind == "Order" else whole[kind][0]
    shown = {**shown, "Status": status}
    advanced = whole | {kind: shown if kind == "Order" else [shown]}
    for found, all_of_it in (
        (await read(advanced), await read(whole)),
        (await read(simple, SIMPLE_MARK), await read(SIMPLE, SIMPLE_MARK)),
    ):
        assert told(found, kind) == (() if status in UNCOUNTED else told(all_of_it, kind))
        assert told(all_of_it, kind)
        for other in set(KINDS) - {kind}:
            assert told(found, other) == told(all_of_it, other)


@pytest.mark.parametrize(
    ("put_away", "received", "units"),
    [
        ([document(stock(3))], [document(stock(3))], [3]),
        ([document(stock(2))], [document(stock(3))], [2]),
        ([document(stock(3), status="DRAFT")], [document(stock(3))], [3]),
        ([document()], [document(stock(3))], [3]),
        ([], [document(stock(3))], [3]),
        ([document(stock(3))], [], [3]),
        ([document(stock(3))], [document(stock(3)), document(stock(5), task=SECOND_TASK)], [5, 3]),
        (
            [document(stock(3)), document(stock(5), task=SECOND_TASK)],
            [document(stock(3)), document(stock(5), task=SECOND_TASK)],
            [3, 5],
        ),
        ([document(stock(3, Received=False), stock(1, Received=None))], [], [1]),
        ([], [], []),
    ],
)
async def test_units_are_counted_once(put_away: Any, received: Any, units: list[int]) -> None:
    found = await read(ADVANCED | {"PutAway": put_away, "StockReceived": received, "CreditNote": []})
    assert [one.quantity for one in found.receipts] == units


@pytest.mark.parametrize(
    ("unstock", "units"),
    [
        ([stock(2)], [-2]),
        ({"Status": "AUTHORISED", "Lines": [stock(2)]}, [-2]),
        ({"Status": "DRAFT", "Lines": [stock(2)]}, []),
        ({"Status": "NOT AVAILABLE", "Lines": None}, []),
        ([], []),
        (None, []),
    ],
)
async def test_units_that_go_back_count_below_nothing(unstock: Any, units: list[int]) -> None:
    for shown, mark in ((ADVANCED, MARK), (SIMPLE, SIMPLE_MARK)):
        note = shown["CreditNote"][0] if shown is ADVANCED else shown["CreditNote"]
        note = {**note, "Unstock": unstock}
        found = await read(shown | {"CreditNote": [note] if shown is ADVANCED else note}, mark)
        assert [one.quantity for one in found.receipts if one.quantity < 0] == units


async def test_units_that_go_back_without_a_day_go_on_that_of_the_note() -> None:
    found = await read(ADVANCED | {"CreditNote": [CREDIT | {"Unstock": [stock(2, None)]}]})
    assert found.receipts[-1].day == date(2026, 11, 23)


async def test_totals_are_without_tax() -> None:
    found = await read(ADVANCED | {"TaxCalculation": "Inclusive"})
    assert found.ordered[0].total == 38
    assert [one.lines[0].total for one in found.invoices] == [10, -2]
    assert [one.charges[0].total for one in found.invoices] == [4, -4]
    untaxed = document(goods(tax=None), AdditionalCharges=[charge(tax=None)])
    assert (await read(ADVANCED | {"Invoice": [untaxed]})).invoices[0].lines[0].total == 12


@pytest.mark.parametrize(
    ("shown", "rate"),
    [(None, None), ("", None), (0, None), (0.0, None), (-1, None), ("0.86123", "0.86123"), (1, "1"), (1.25, "1.25")],
    ids=repr,
)
async def test_a_rate_of_0_is_none(shown: Any, rate: str | None) -> None:
    expected = None if rate is None else Decimal(rate)
    found = await read(ADVANCED | {"CurrencyRate": shown, "Invoice": [INVOICE | {"CurrencyRate": shown}]})
    assert (found.rate, found.invoices[0].rate) == (expected, expected)


@pytest.mark.parametrize(
    ("invoice", "rate"), [("INV-1", "0.8612"), (" INV-1 ", "0.8612"), ("INV-2", None), ("", None), (None, None)]
)
async def test_a_credit_note_is_booked_at_the_rate_of_the_invoice_it_names(invoice: Any, rate: str | None) -> None:
    found = await read(ADVANCED | {"CreditNote": [CREDIT | {"CreditNoteInvoiceNumber": invoice}]})
    assert found.invoices[1].rate == (None if rate is None else Decimal(rate))


@pytest.mark.parametrize("shown", [True, 1, "true", None, False])
async def test_a_line_of_the_systems_own_is_known(shown: Any) -> None:
    found = await read(ADVANCED | {"ManualJournals": [document(journal(IsSystem=shown))]})
    assert found.journals[0].system is (shown is True)


# -- what cannot be read ----------------------------------------------------------------------------------------------

UNREADABLE: list[tuple[dict[str, Any], str]] = [
    ({"ID": None}, "ID is missing"),
    ({"CurrencyRate": "dear"}, "CurrencyRate is no number"),
    ({"Order": document(goods(quantity=None))}, "Order.Lines[0].Quantity is missing"),
    ({"Order": document(goods(), goods(total="x"))}, "Order.Lines[1].Total is no number"),
    ({"Order": document(goods(SKU=None))}, "Order.Lines[0].SKU is missing"),
    ({"Order": 3}, "$.Order"),
    ({"PutAway": [document(stock(), stock("NaN"))]}, "PutAway[0].Lines[1].Quantity is no number"),
    ({"PutAway": [document(stock(day="soon"))]}, "PutAway[0].Lines[0].Date is missing"),
    (
        {"PutAway": [], "StockReceived": [document(stock(ProductID=""))]},
        "StockReceived[0].Lines[0].ProductID is missing",
    ),
    ({"Invoice": [INVOICE, document(goods(total=True))]}, "Invoice[1].Lines[0].Total is missing"),
    ({"Invoice": [document(goods(ProductID=None))]}, "Invoice[0].Lines[0].ProductID is missing"),
    (
        {"Invoice": [document(AdditionalCharges=[charge(total=None)])]},
        "Invoice[0].AdditionalCharges[0].Total is missing",
    ),
    ({"Invoice": [INVOICE | {"CurrencyRate": []}]}, "Invoice[0].CurrencyRate is no number"),
    ({"Invoice": [{"Status": "AUTHORISED", "Lines": 7}]}, "$.Invoice"),
    (
        {"TaxCalculation": "Inclusive", "CreditNote": [], "Invoice": [document(goods(tax=None))]},
        "Invoice[0].Lines[0].Tax is missing",
    ),
    ({"CreditNote": [CREDIT | {"Lines": [goods("1E+999999999")]}]}, "CreditNote[0].Lines[0].Quantity is no number"),
    ({"CreditNote": [CREDIT | {"Unstock": [stock(None)]}]}, "CreditNote[0].Unstock[0].Quantity is missing"),
    ({"ManualJournals": [document(journal(Amount=None))]}, "ManualJournals[0].Lines[0].Amount is missing"),
    ({"InventoryMovements": [{}]}, "InventoryMovements[0].TaskID is missing"),
    (
        {"InventoryMovements": [{"TaskID": "t", "ProductID": "p", "Date": "2026-11-20"}]},
        "InventoryMovements[0].COGS is missing",
    ),
    (
        {"InventoryMovements": [{"TaskID": "t", "ProductID": "p", "Date": None, "COGS": 1}]},
        "InventoryMovements[0].Date is missing",
    ),
]


@pytest.mark.parametrize(("change", "field"), UNREADABLE, ids=[field for _, field in UNREADABLE])
async def test_what_counts_and_cannot_be_read_is_told_by_its_field(change: dict[str, Any], field: str) -> None:
    reader = Reader(answer(200, ADVANCED | change))
    with pytest.raises(Rejected) as seen:
        await reader.client.read_purchase(MARK)
    assert (seen.value.reason, seen.value.side) == ("unreadable_purchase", "cin7")
    assert field in seen.value.detail
    assert len(reader.requests) == 1


async def test_what_does_not_count_hinders_nothing() -> None:
    odd = document(goods(None, None), stock(None), journal(Amount=None), status="DRAFT")
    drafts = {kind: [odd] for kind in ("StockReceived", "PutAway", "Invoice", "CreditNote", "ManualJournals")}
    assert (await read(ADVANCED | drafts)).invoices == ()


# -- properties -------------------------------------------------------------------------------------------------------


def everything(value: Any) -> Iterator[Any]:
    """Return every value in a purchase."""
    if isinstance(value, msgspec.Struct):
        value = msgspec.structs.astuple(value)
    if isinstance(value, tuple):
        for part in value:
            yield from everything(part)
    else:
        yield value


# More digits than a float carries: one on the way would show.
FIGURE = st.decimals(min_value=-(10**15), max_value=10**15, places=6)


@given(FIGURE, FIGURE, st.booleans())
async def test_figures_are_read_to_the_last_digit(one: Decimal, other: Decimal, inclusive: bool) -> None:
    shown = ADVANCED | {
        "TaxCalculation": "Inclusive" if inclusive else "Exclusive",
        "Invoice": [document(goods("@one@", "@one@", "@other@"), AdditionalCharges=[charge("@other@", "@one@")])],
        "ManualJournals": [document(journal(Amount="@one@"))],
        "InventoryMovements": [{"TaskID": "t", "ProductID": "p", "Date": "2026-11-20", "COGS": "@other@"}],
    }
    for quote in ('"', ""):  # a number, or a text of one
        body = json.dumps(shown)
        for name, figure in (("one", one), ("other", other)):
            body = body.replace(f'"@{name}@"', f"{quote}{figure:f}{quote}")
        found = await Reader(bare(body)).client.read_purchase(MARK)
        assert not any(isinstance(value, float) for value in everything(found))
        [invoice] = [each for each in found.invoices if each.task_id == TASK]
        assert (invoice.lines[0].quantity, invoice.lines[0].total) == (one, one - other if inclusive else one)
        assert invoice.charges[0].total == (other - one if inclusive else other)
        assert (found.journals[0].amount, found.movements[0].value) == (one, other)


STRANGE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda one: st.lists(one) | st.dictionaries(st.text(max_size=3), one),
    max_leaves=4,
)


@given(STRANGE, st.sampled_from([ADVANCED, SIMPLE]))
async def test_fields_nobody_knows_change_nothing(strange: Any, shown: dict[str, Any]) -> None:
    def strewn(value: Any) -> Any:
        if isinstance(value, list):
            return [strewn(part) for part in value]
        if isinstance(value, dict):
            return {name: strewn(part) for name, part in value.items()} | {"AFieldOfNextYear": strange}
        return value

    mark = MARK if shown is ADVANCED else SIMPLE_MARK
    assert await read(strewn(copy.deepcopy(shown)), mark) == await read(shown, mark)


async def test_people_of_a_supplier_are_not_even_decoded() -> None:
    found = repr(await read(ADVANCED))
    for person in ("Ann", "+49", "Park St", "Melbourne"):
        assert person not in found
    fields = {field.encode_name for field in msgspec.structs.fields(wire_purchases.Purchase)}
    assert not fields & {"Contact", "Phone", "BillingAddress", "ShippingAddress", "Note"}
