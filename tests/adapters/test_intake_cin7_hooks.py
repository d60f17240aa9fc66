"""Every documented payload of Cin7 Core's webhooks, and what is made of it."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from actors.domain.notification import Delivery, Notification, Unreadable
from adapters.intake.cin7_hooks import read_hook
from adapters.sandbox.cin7_webhooks import TYPES

ID = "91EE7B1D-BD35-4E43-B98A-DB86BE777624"
OTHER_ID = "0A0A7B1D-BD35-4E43-B98A-DB86BE777624"
CONTACT = {"CustomerName": "DIISR", "CustomerContactName": "Sheree Bond", "CustomerContactEmail": "a@x.test"}
SALE = {"SaleID": ID, "SaleOrderNumber": "SO-00044"}
PURCHASE = {"TaskID": ID, "PurchaseOrderNumber": "PO-7", "SupplierName": "Acme", "SupplierContactEmail": None}

SAMPLES: dict[str, Any] = {
    "Sale/Created": {**SALE, **CONTACT, "SaleOrderDate": "23/11/2026", "TaskTypeSign": "0", "IsServiceOnly": "0"},
    "Sale/QuoteAuthorised": SALE,
    "Sale/OrderAuthorised": SALE,
    "Sale/Backordered": SALE,
    "Sale/Voided": {**SALE, **CONTACT},
    "Sale/Undo": {**SALE, **CONTACT},
    "Sale/PickAuthorised": {**SALE, "TaskID": OTHER_ID, **CONTACT},
    "Sale/PackAuthorised": {**SALE, "TaskID": OTHER_ID, **CONTACT},
    "Sale/CreditNoteAuthorised": {**SALE, "CreditNoteNumber": "CR-1", "TaskID": OTHER_ID},
    "Sale/AttachmentAdded": {**SALE, "FileName": "a.pdf", "DownloadFileLink": '<a href="x">a, b,</a>'},
    "Sale/AdditionalAttributesChanged": {**SALE, "Changes": {"Field": "f", "OldValue": None, "NewValue": "x"}},
    "Sale/ShipmentTrackingNumberChanged": {
        **SALE,
        "TaskID": OTHER_ID,
        "SaleOrderDate": "23/11/2026",
        "Shipments": [{"ShipmentDate": "24/11/2026", "TrackingNumber": "T1", "Carrier": "DHL"}],
    },
}


def only(deliveries: list[Delivery]) -> Notification:
    (delivery,) = deliveries
    assert isinstance(delivery, Notification)
    return delivery


def told(kind: str, payload: Any) -> list[Delivery]:
    return read_hook(kind, json.dumps(payload).encode())


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_sale_is_named_by_its_id_in_lower_case_and_its_number(kind: str) -> None:
    event = only(told(kind, {**SAMPLES[kind], "EventType": kind}))
    assert (event.kind, event.about, event.subject, event.number) == (kind, "sale", ID.lower(), "SO-00044")
    assert (event.version, event.project) == (0, "")


@pytest.mark.parametrize("kind", ["Sale/ShipmentAuthorised", "Sale/InvoiceAuthorised"])
def test_a_task_is_no_sale_so_the_number_names_it(kind: str) -> None:
    payload = {"SaleTaskID": ID, "TenantID": OTHER_ID, "OrderNumber": "SO-00044", **CONTACT, "EventType": kind}
    event = only(told(kind, payload))
    assert (event.about, event.subject, event.number) == ("sale", "SO-00044", "SO-00044")


@pytest.mark.parametrize("kind", ["Sale/PartialPaymentReceived", "Sale/FullPaymentReceived"])
def test_a_payment_names_the_sale_and_no_order_number(kind: str) -> None:
    payload = {"SaleID": ID, "DocumentNumber": "INV-1", "DocumentType": "invoice", "DocumentDate": "23/11/2026"}
    event = only(told(kind, payload))
    assert (event.subject, event.number) == (ID.lower(), "")


@pytest.mark.parametrize(
    "kind", [kind for kind in TYPES if kind.startswith("Purchase/") and kind != "Purchase/Updated"]
)
def test_a_purchase_is_named_by_its_task(kind: str) -> None:
    event = only(told(kind, PURCHASE))
    assert (event.about, event.subject, event.number) == ("purchase", ID.lower(), "PO-7")


def test_an_updated_purchase_comes_under_the_name_of_customers() -> None:
    payload = {
        "NumberOfPurchase": 2,
        "CustomerDetailsList": [{"ID": ID, "OrderNumber": "PO-7"}, {"Purchase": {"ID": OTHER_ID}}],
        "EventType": "Purchase/Updated",
    }
    events = told("Purchase/Updated", payload)
    assert [(event.about, event.subject, event.number) for event in events if isinstance(event, Notification)] == [
        ("purchase", ID.lower(), "PO-7"),
        ("purchase", OTHER_ID.lower(), ""),
    ]


@pytest.mark.parametrize(
    ("kind", "about", "payload"),
    [
        ("Product/Updated", "product", {"ProductDetailsList": [{"Event": "Creation", "ID": ID}, {"ID": OTHER_ID}]}),
        (
            "Customer/Updated",
            "customer",
            {"CustomerDetailsList": [{"Customer": {"ID": ID}, "Addresses": []}, {"Customer": {"ID": OTHER_ID}}]},
        ),
        (
            "Supplier/Updated",
            "supplier",
            {"SupplierDetailsList": [{"Supplier": {"ID": ID}, "Contacts": []}, {"Supplier": {"ID": OTHER_ID}}]},
        ),
    ],
)
def test_a_list_is_an_event_for_each_of_its_records(kind: str, about: str, payload: Any) -> None:
    events = told(kind, {**payload, "EventType": kind})
    assert all(isinstance(event, Notification) and event.about == about for event in events)
    assert [event.subject for event in events if isinstance(event, Notification)] == [ID.lower(), OTHER_ID.lower()]
    assert len({event.identity for event in events if isinstance(event, Notification)}) == 2


def test_stock_is_a_bare_array_and_an_event_for_each_sku() -> None:
    rows = [{"SKU": "A-1", "Location": "Main", "Available": 3}, {"SKU": "b", "Location": "Main"}, {"SKU": "A-1"}]
    events = told("Stock/AvailableStockLevelChanged", rows)
    assert [(event.about, event.subject) for event in events if isinstance(event, Notification)] == [
        ("stock", "A-1"),
        ("stock", "b"),
    ]


@pytest.mark.parametrize("kind", [kind for kind in TYPES if kind.partition("/")[0] in ("Lead", "Opportunity", "Task")])
def test_types_nobody_needs_and_unknown_ones_are_written_down_all_the_same(kind: str) -> None:
    assert only(told(kind, {"ID": ID, "Name": "x"})).about == "other"
    assert only(told("Brand/New", [1, "x"])).subject == ""


@pytest.mark.parametrize(
    "body",
    [
        b'{"SaleTaskID":"x","OrderNumber":"SO-1","CustomerName":"a, b,]",}',
        b'{"SaleTaskID":"x",,"OrderNumber":"SO-1"}',
        b'{, "SaleTaskID":"\\",}", "OrderNumber":"SO-1", "more":[1,2,] , }',
    ],
)
def test_the_slips_of_the_official_samples_are_tolerated(body: bytes) -> None:
    assert only(read_hook("Sale/ShipmentAuthorised", body)).number == "SO-1"


@pytest.mark.parametrize(
    ("kind", "body", "problem"),
    [
        ("Sale/Voided", b"", "it is not JSON"),
        ("Sale/Voided", b"Jane Doe", "it is not JSON"),
        ("Sale/Voided", b'"\xff"', "it is not JSON"),
        ("Sale/Voided", b"[" * 100_000, "it is not JSON"),
        ("Sale/Voided", b'"\\ud800"', "it is not JSON"),
        ("Sale/Voided", b'{"SaleID":17,"Name":"Jane Doe"}', "a record of Sale/Voided without id and number"),
        ("Sale/Voided", b'{"SaleID":"%s"}' % (b"x" * 300), "a record of Sale/Voided without id and number"),
        ("Product/Updated", b'{"ProductDetailsList":[]}', "a record of Product/Updated without id and number"),
        (
            "Stock/AvailableStockLevelChanged",
            b"[]",
            "a record of Stock/AvailableStockLevelChanged without id and number",
        ),
    ],
)
def test_what_names_no_record_is_unreadable_and_quotes_nothing(kind: str, body: bytes, problem: str) -> None:
    (delivery,) = read_hook(kind, body)
    assert delivery == Unreadable(body=body, problem=problem)


def test_a_list_that_is_readable_in_part_brings_that_part_and_says_so() -> None:
    rows = [{"SKU": "A"}, {"Sku": "B"}, 7, {"SKU": "C"}]
    first, second, unreadable = told("Stock/AvailableStockLevelChanged", rows)
    assert isinstance(first, Notification)
    assert isinstance(second, Notification)
    assert isinstance(unreadable, Unreadable)


def test_the_identity_is_that_of_type_record_and_body() -> None:
    body = json.dumps(SALE).encode()
    first = only(read_hook("Sale/Voided", body)).identity
    assert first.startswith("h:")
    assert len(first) == 34
    assert only(read_hook("Sale/Voided", body)).identity == first
    assert only(read_hook("Sale/Undo", body)).identity != first
    assert only(read_hook("Sale/Voided", body + b" ")).identity != first


@pytest.mark.parametrize("piece", [b" ", b",", b"[,", b'"', b'"\\', b'\\"', b"{", b'"a'])
def test_a_body_made_to_be_slow_is_not(piece: bytes) -> None:
    for prefix in (b"", b'"', b"["):
        body = (prefix + piece * (2 * 1024 * 1024))[: 2 * 1024 * 1024]
        began = time.process_time()
        read_hook("Sale/Voided", body)
        read_hook("Sale/Voided", body[: 64 * 1024])
        assert time.process_time() - began < 1.0


def test_many_rows_of_one_sku_are_read_in_one_go() -> None:
    row = b'{"SKU":"A","Location":"Main","Available":1},'
    began = time.process_time()
    event, unreadable = read_hook("Stock/AvailableStockLevelChanged", b"[" + row * 40_000 + b"null]")
    assert time.process_time() - began < 2.0
    assert isinstance(event, Notification)
    assert len(event.rows) == 40_000
    assert isinstance(unreadable, Unreadable)


@pytest.mark.parametrize("figure", ["1" * 400, '"1e30"', '"1e-999999"', '"Infinity"', '"' + "9" * 100 + '"', "[]"])
def test_a_figure_nobody_can_have_is_none(figure: str) -> None:
    body = f'[{{"SKU":"A","Location":"Main","Available":{figure}}}]'.encode()
    assert only(read_hook("Stock/AvailableStockLevelChanged", body)).rows == ()
