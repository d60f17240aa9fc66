"""Every request either client can make is judged by the official specification, not by our own idea of it."""

from __future__ import annotations

import json
import random
from collections.abc import Awaitable, Callable, Iterable
from datetime import date
from decimal import Decimal
from typing import Any, get_args
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from actors.domain.calls import Purpose
from actors.domain.errors import Rejected, WireError
from actors.domain.feed import FeedCursor
from actors.domain.inventory import DateChange, Entry
from actors.domain.listing import (
    AddVariant,
    DraftAction,
    DraftVariant,
    ListedProduct,
    ProductDraft,
    SetAttribute,
    SetTaxCategory,
)
from actors.domain.order import Parcel
from actors.domain.order_update import (
    AddDelivery,
    AddParcel,
    AddReturn,
    OrderAction,
    RemoveDelivery,
    RemoveParcel,
    SetDeliveryItems,
    SetOrderState,
    SetParcelItems,
    SetReturnState,
    SetShipmentState,
    SetTracking,
    ShipmentState,
)
from actors.domain.purchase import PurchaseKind, PurchaseMark
from actors.domain.sale import CustomerCard, Row, RowKind, SaleAddress, SaleChange, SaleHeader, SaleOrder, SaleRow
from actors.domain.vouchers import CreditVoucher, InvoiceVoucher, PaymentVoucher, Restock
from actors.domain.webhook import NEEDED, Webhook
from actors.governor.journal import Intent
from adapters.cin7.client import Cin7Client
from adapters.cin7.translate import sale_view
from adapters.cin7.wire import ENCODER, Sale
from adapters.commercetools.client import CommercetoolsClient
from adapters.commercetools.translate import read_order
from adapters.transport import Request
from tests.ct_documents import order_document
from tests.wire_doubles import ListJournal, OpenGate, ScriptedWire, StillClock, answer

commercetools_spec = pytest.importorskip(
    "tests.commercetools_spec", reason="the commercetools specification checker is not here"
)
cin7_spec = pytest.importorskip("tests.cin7_spec", reason="the Cin7 specification checker is not here")

needs_cin7_documents = pytest.mark.skipif(not cin7_spec.available(), reason=cin7_spec.SKIP_REASON)

ORDER = read_order(json.dumps(order_document()).encode())
SALE_ID = "6222cb47-1111-4222-8333-444444444444"
GUID = "6c18f8e9-0000-4000-8000-000000000000"
ADDRESS = SaleAddress(
    line1="3 Park St",
    line2="Floor 2",
    country="Australia",
    city="Melbourne",
    state="VIC",
    postcode="3331",
    company="X",
    contact="Ann Lee",
)
FULL_HEADER = SaleHeader(
    customer_id=GUID,
    external_id="ct-order:4f0c",
    customer_reference="ORD-1001",
    location="Main Warehouse",
    tax_rule="Tax on Sales",
    tax_inclusive=True,
    order_date=date(2026, 11, 23),
    terms="30 days",
    contact="Ann Lee",
    email="ann@example.com",
    phone="+49",
    billing=ADDRESS,
    shipping=ADDRESS,
    currency_rate=Decimal("0.86123"),
    carrier="DHL Express",
    note="PO 7",
    shipping_notes="Ring twice",
    attributes={1: "gift", 10: "blue"},
    ship_by=date(2026, 12, 1),
)
FULL_CHANGE = SaleChange(
    sale_id=SALE_ID,
    contact="Ann Lee",
    email="ann@example.com",
    phone="",
    billing=ADDRESS,
    shipping=ADDRESS,
    note="",
    shipping_notes="Ring twice",
    customer_reference="ORD-1001",
    attributes=dict.fromkeys(range(1, 11), ""),
    ship_by=date(2026, 12, 1),
)
CARD = CustomerCard(
    name="CT customer 0123456789abcdef",
    display_name="Ann Lee",
    currency="GBP",
    payment_term="30 days",
    receivable="610",
    revenue="200",
    tax_rule="Tax on Sales",
    contact="Ann Lee",
    email="ann@example.com",
    phone="+49",
)
BARE_CARD = CustomerCard(
    name="CT customer 0123456789abcdef",
    display_name="",
    currency="GBP",
    payment_term="30 days",
    receivable="610",
    revenue="200",
    tax_rule="Tax on Sales",
)
HOOK = Webhook(id=GUID, type="Sale/Voided", url="https://hooks.example.com/intake/cin7/Sale/Voided", active=False)
BARE_HEADER = SaleHeader(
    customer_id=GUID,
    external_id="ct-order:4f0c",
    customer_reference="ORD-1001",
    location="Main Warehouse",
    tax_rule="Tax on Sales",
    tax_inclusive=False,
    order_date=date(2026, 11, 23),
)


def rows(kinds: Iterable[RowKind], comment: str = "") -> tuple[Row, ...]:
    return tuple(
        Row(
            kind=kind,
            sku=kind.value,
            product_id=GUID,
            name=kind.value.title(),
            quantity=Decimal(2),
            price=Decimal("-1.2345") if kind is RowKind.DISCOUNT else Decimal("30.00"),
            tax=Decimal("9.0000"),
            tax_rule="Tax on Sales",
            amount=Decimal(60),
            discount=Decimal(0),
            comment=comment,
        )
        for kind in kinds
    )


INVOICE = InvoiceVoucher(
    sale_id=SALE_ID,
    rows=rows(RowKind, "2 @ 5.00"),
    day=date(2026, 11, 24),
    due=date(2026, 12, 24),
    memo="ct-order:4f0c#1",
    account="200",
    rate=Decimal("0.8612"),
)
PAYMENT = PaymentVoucher(
    sale_id=SALE_ID,
    task_id=GUID,
    reference="5d3e0000-0000-4000-8000-000000000000",
    amount=Decimal("113.50"),
    day=date(2026, 11, 24),
    account="718",
    rate=Decimal(1),
)
CREDIT = CreditVoucher(
    sale_id=SALE_ID,
    invoice_number="INV-00001",
    rows=rows(RowKind),
    day=date(2026, 11, 24),
    memo="ct-order:4f0c#5d3e",
    restock=(
        Restock(sku="Bread", product_id=GUID, name="Baked Bread", quantity=Decimal("1.5"), location="Main Warehouse"),
    ),
    account="200",
    rate=Decimal("0.8612"),
)
replace = msgspec.structs.replace
INVOICES = [INVOICE, replace(INVOICE, rows=rows([RowKind.LINE]), account="", rate=None)]
PAYMENTS = [
    PAYMENT,
    replace(PAYMENT, refund=True, rate=Decimal("0.8612")),
    replace(PAYMENT, rate=Decimal("0.86123")),  # a sale's rate may have a place more than a payment's
]
CREDITS = [CREDIT, replace(CREDIT, rows=rows([RowKind.CUSTOM]), account="", rate=None, restock=())]

Cin7Call = Callable[[Cin7Client], Awaitable[object]]


def making(client: Cin7Client, kind: str) -> Awaitable[object]:
    url = f"https://hooks.example.com/intake/cin7/{kind}"
    return client.create_webhook(kind, url, Intent(Purpose.CIN7_CREATE_WEBHOOK))


def bought(kind: PurchaseKind) -> PurchaseMark:
    return PurchaseMark(
        id=GUID,
        number="PO-00001",
        kind=kind,
        status="ORDERED",
        supplier="Bayside",
        currency="USD",
        base_currency="GBP",
        updated_at=0,
    )


def changing(client: Cin7Client, change: SaleChange) -> Awaitable[object]:
    """A change of the very sale that the official documents show."""
    sample = ENCODER.encode(cin7_spec.sale_samples()["GET"])
    shown = sale_view(msgspec.json.Decoder(Sale, float_hook=Decimal).decode(sample))
    return client.update_sale(change, shown, Intent(Purpose.CIN7_UPDATE_SALE))


CIN7_CALLS: list[tuple[Purpose, Cin7Call]] = [
    (Purpose.CIN7_ME, lambda client: client.company()),
    (Purpose.CIN7_TAX_RULES, lambda client: client.tax_rules()),
    (Purpose.CIN7_LOCATIONS, lambda client: client.locations()),
    (Purpose.CIN7_PAYMENT_TERMS, lambda client: client.payment_terms()),
    (Purpose.CIN7_ACCOUNTS, lambda client: client.accounts()),
    (Purpose.CIN7_CUSTOMER, lambda client: client.customers_named("commercetools web orders")),
    (Purpose.CIN7_CARRIERS, lambda client: client.carriers()),
    (Purpose.CIN7_LIST_SALES, lambda client: client.latest_rates(frozenset({"EUR"}), since=1_800_000_000_123)),
    (Purpose.CIN7_FIND_CUSTOMER, lambda client: client.find_customer(CARD.name, subject="o")),
    (Purpose.CIN7_CREATE_CUSTOMER, lambda client: client.create_customer(CARD, Intent(Purpose.CIN7_CREATE_CUSTOMER))),
    (
        Purpose.CIN7_CREATE_CUSTOMER,
        lambda client: client.create_customer(BARE_CARD, Intent(Purpose.CIN7_CREATE_CUSTOMER)),
    ),
    (Purpose.CIN7_AVAILABILITY, lambda client: client.next_delivery("Bread", "Main Warehouse", subject="o")),
    (Purpose.CIN7_AVAILABILITY, lambda client: client.stock_of("Bread & butter")),
    (Purpose.CIN7_STOCK_PAGE, lambda client: client.stock_page(page=7)),
    (Purpose.CIN7_PRODUCTS, lambda client: client.products(page=3, modified_since=None)),
    (Purpose.CIN7_PRODUCTS, lambda client: client.products(page=1, modified_since=1_800_000_000_123)),
    (Purpose.CIN7_FAMILIES, lambda client: client.families(page=3, modified_since=None)),
    (Purpose.CIN7_FAMILIES, lambda client: client.families(page=1, modified_since=1_800_000_000_123)),
    (Purpose.CIN7_LIST_PURCHASES, lambda client: client.purchases(page=3, updated_since=None)),
    (Purpose.CIN7_LIST_PURCHASES, lambda client: client.purchases(page=1, updated_since=1_800_000_000_123)),
    *(
        (Purpose.CIN7_READ_PURCHASE, lambda client, kind=kind: client.read_purchase(bought(kind)))
        for kind in PurchaseKind
    ),
    (Purpose.CIN7_FIND_BY_EXTERNAL_ID, lambda client: client.find_by_external_id("ct-order:4f0c", subject="o")),
    (Purpose.CIN7_FIND_BY_REFERENCE, lambda client: client.find_by_reference("ORD-1001", subject="o")),
    (Purpose.CIN7_READ_SALE, lambda client: client.read_sale(SALE_ID, subject="o")),
    (Purpose.CIN7_READ_FULFILMENT, lambda client: client.read_fulfilment(SALE_ID, subject="o")),
    (Purpose.CIN7_CREATE_SALE, lambda client: client.create_sale(FULL_HEADER, Intent(Purpose.CIN7_CREATE_SALE))),
    (Purpose.CIN7_CREATE_SALE, lambda client: client.create_sale(BARE_HEADER, Intent(Purpose.CIN7_CREATE_SALE))),
    (
        Purpose.CIN7_AUTHORISE_ORDER,
        lambda client: client.post_order(
            SaleOrder(sale_id=SALE_ID, rows=rows(RowKind, "2 @ 5.00"), memo="memo"),
            Intent(Purpose.CIN7_AUTHORISE_ORDER),
        ),
    ),
    (
        Purpose.CIN7_DRAFT_ORDER,
        lambda client: client.post_order(
            SaleOrder(sale_id=SALE_ID, rows=rows([RowKind.LINE]), authorise=False),
            Intent(Purpose.CIN7_DRAFT_ORDER),
        ),
    ),
    (Purpose.CIN7_VOID_SALE, lambda client: client.void_sale(SALE_ID, Intent(Purpose.CIN7_VOID_SALE))),
    *(
        (Purpose.CIN7_UPDATE_SALE, lambda client, change=change: changing(client, change))
        for change in (FULL_CHANGE, SaleChange(sale_id=SALE_ID, note="Leave it at the door"))
    ),
    (Purpose.CIN7_READ_BOOKS, lambda client: client.read_books(SALE_ID, subject="o")),
    *(
        (Purpose.CIN7_POST_INVOICE, lambda client, one=one: client.post_invoice(one, Intent(Purpose.CIN7_POST_INVOICE)))
        for one in INVOICES
    ),
    *(
        (Purpose.CIN7_POST_PAYMENT, lambda client, one=one: client.post_payment(one, Intent(Purpose.CIN7_POST_PAYMENT)))
        for one in PAYMENTS
    ),
    *(
        (
            Purpose.CIN7_POST_CREDIT_NOTE,
            lambda client, one=one: client.post_credit_note(one, Intent(Purpose.CIN7_POST_CREDIT_NOTE)),
        )
        for one in CREDITS
    ),
    (Purpose.CIN7_SWEEP_SALES, lambda client: client.listed_sales(page=2, created_since=5, updated_since=9_000)),
    (Purpose.CIN7_COUNT_SALES, lambda client: client.listed_sales(page=1, created_since=5, updated_since=None, rows=1)),
    (Purpose.CIN7_CREDIT_NOTES, lambda client: client.credit_notes(page=1, updated_since=9_000)),
    (Purpose.CIN7_WEBHOOKS, lambda client: client.webhooks()),
    *((Purpose.CIN7_CREATE_WEBHOOK, lambda client, kind=kind: making(client, kind)) for kind in NEEDED),
    (Purpose.CIN7_REVIVE_WEBHOOK, lambda client: client.revive_webhook(HOOK, Intent(Purpose.CIN7_REVIVE_WEBHOOK))),
]

RATE_ROW = SaleRow(
    id=SALE_ID,
    number=None,
    status="ORDERED",
    order_status="AUTHORISED",
    external_id=None,
    customer_reference=None,
    currency="EUR",
)


async def reading_a_rate(client: Cin7Client) -> None:
    """A sale that cannot be read teaches no rate and raises nothing; here the request is of interest."""
    assert await client._rate_of(RATE_ROW) is None
    raise Rejected("rejected", side="cin7", operation="read_rate")


CIN7_CALLS.append((Purpose.CIN7_READ_RATE, reading_a_rate))

CtCall = Callable[[CommercetoolsClient], Awaitable[object]]
ENTRY = Entry(
    id=GUID, sku="A-1", channel="paris", version=7, quantity=4, modified_at=5, read_from=6, read_at=6, key="A-1--paris"
)


def writing() -> Intent:
    return Intent(Purpose.CT_WRITE_ENTRY)


def creating(client: CommercetoolsClient, channel: str, delivery: DateChange | None) -> Awaitable[object]:
    intent = Intent(Purpose.CT_CREATE_ENTRY)
    return client.create_entry("A/1 blue", channel, quantity=0, delivery=delivery, intent=intent)


BOX = Parcel(key="cin7-f1-p1", items={"li-1": 2, "li-2": 1}, carrier="DHL", tracking="JD01")
PLAIN_BOX = Parcel(key="cin7-f1-p2")
UPDATES: tuple[OrderAction, ...] = (
    AddDelivery(key="cin7-f1", items={"li-1": 2, "li-2": 1}, parcels=(BOX, PLAIN_BOX)),
    AddDelivery(key="cin7-f1-van", items={"li-1": 1}, shipping_key="van"),
    SetDeliveryItems(delivery_key="cin7-f1", items={"li-1": 2}),
    RemoveDelivery(delivery_key="cin7-f1"),
    AddParcel(delivery_key="cin7-f1", parcel=BOX),
    SetTracking(parcel_key=BOX.key, carrier="DHL", tracking="JD02"),
    SetTracking(parcel_key=BOX.key, carrier="", tracking=""),
    SetParcelItems(parcel_key=BOX.key, items={"li-1": 1}),
    RemoveParcel(parcel_key=BOX.key),
    *(SetShipmentState(state=state) for state in get_args(ShipmentState)),
    SetOrderState(state="Complete"),
    SetOrderState(state="Cancelled"),
    AddReturn(key="cin7-cn1-li-1", line_id="li-1", quantity=1, comment="CR-0007"),
    AddReturn(key="cin7-cn1-li-2", line_id="li-2", quantity=2),
    SetReturnState(item_id="ri-1", state="BackInStock"),
    SetReturnState(item_id="", key="cin7-cn1-li-1", state="Unusable"),
)


def updating(client: CommercetoolsClient, *actions: OrderAction) -> Awaitable[object]:
    return client.update_order(ORDER, actions, Intent(Purpose.CT_UPDATE_ORDER))


LAMP = ListedProduct(id=GUID, version=7, modified_at=5, published=True)
RED = DraftVariant(sku="L/RED", key="l-red", attributes={"barcode": "4012345678901", "size": "m", "glows": False})
DRAFT = ProductDraft(
    key="cin7-lamp",
    product_type="default",
    names={"en-GB": "Lamp"},
    slugs={"en-GB": "lamp"},
    variants=(RED, DraftVariant(sku="L-BLUE", key="l-blue")),
    tax_category="standard",
)
DRAFTS = (DRAFT, replace(DRAFT, variants=(RED,), tax_category=""))
DRAFT_ACTIONS: tuple[DraftAction, ...] = (
    AddVariant(variant=RED),
    SetAttribute(variant_id=1, name="colours", value=["red", "blue"]),
    SetAttribute(variant_id=2, name="size", value=None),
    SetTaxCategory(key="standard"),
)


def redrafting(client: CommercetoolsClient, *actions: DraftAction) -> Awaitable[object]:
    return client.update_draft(LAMP, actions, Intent(Purpose.CT_UPDATE_PRODUCT))


CT_CALLS: list[tuple[Purpose, CtCall]] = [
    (Purpose.CT_PROJECT, lambda client: client.project()),
    (Purpose.CT_READ_ORDER, lambda client: client.read_order(ORDER.id)),
    (
        Purpose.CT_LIST_ORDERS,
        lambda client: client.changed_orders(FeedCursor(at=5, id=ORDER.id), until=9_000, limit=9_999),
    ),
    (Purpose.CT_LIST_ORDERS, lambda client: client.changed_orders(FeedCursor(at=5), until=None, limit=0)),
    (Purpose.CT_LIST_ORDERS, lambda client: client.open_orders_before(9_000, after_id=ORDER.id, limit=9_999)),
    (Purpose.CT_LIST_ORDERS, lambda client: client.orders_of_payments([ORDER.id, "p-2"])),
    (Purpose.CT_LIST_ORDERS, lambda client: client.listed_orders(5, 9_000, after_id="", limit=9_999)),
    (Purpose.CT_LIST_ORDERS, lambda client: client.listed_orders(5, 9_000, after_id=ORDER.id, limit=1)),
    (Purpose.CT_COUNT_ORDERS, lambda client: client.count_orders(5, 9_000)),
    (Purpose.CT_LIST_PAYMENTS, lambda client: client.changed_payments(FeedCursor(at=5), until=None, limit=500)),
    (Purpose.CT_LIST_PAYMENTS, lambda client: client.changed_payments(FeedCursor(at=5, id="p"), until=9, limit=500)),
    (Purpose.CT_LIST_MESSAGES, lambda client: client.messages(FeedCursor(at=5, id="m"), until=9_000, limit=500)),
    (Purpose.CT_SUBSCRIPTION, lambda client: client.subscription_health("5d3e")),
    (Purpose.CT_INVENTORY, lambda client: client.available('odd" or sku = "x', "berlin", subject="o")),
    (Purpose.CT_LIST_INVENTORY, lambda client: client.entries_by_id(after_id="", limit=500)),
    (Purpose.CT_LIST_INVENTORY, lambda client: client.entries_by_id(after_id=ORDER.id, limit=9_999)),
    (Purpose.CT_LIST_INVENTORY, lambda client: client.changed_entries(FeedCursor(at=5), until=None, limit=500)),
    (Purpose.CT_LIST_INVENTORY, lambda client: client.changed_entries(FeedCursor(at=5, id="e"), until=9, limit=500)),
    (Purpose.CT_LIST_INVENTORY, lambda client: client.entries_of('odd" or sku = "x')),
    (Purpose.CT_READ_ENTRY, lambda client: client.read_entry(ENTRY.id)),
    *(
        (Purpose.CT_WRITE_ENTRY, lambda client, what=what: client.write_entry(ENTRY, **what, intent=writing()))
        for what in (
            {"quantity": -3, "delivery": None},
            {"quantity": None, "delivery": DateChange(date(2026, 12, 24))},
            {"quantity": 7, "delivery": DateChange(None)},
        )
    ),
    *(
        (Purpose.CT_CREATE_ENTRY, lambda client, channel=channel, day=day: creating(client, channel, day))
        for channel, day in (("", None), ("paris", DateChange(date(2026, 12, 24))), ("paris", DateChange(None)))
    ),
    (Purpose.CT_UPDATE_ORDER, lambda client: updating(client, *UPDATES)),
    *((Purpose.CT_UPDATE_ORDER, lambda client, action=action: updating(client, action)) for action in UPDATES),
    *(
        call
        for staged in (True, False)
        for call in (
            (
                Purpose.CT_LIST_PRODUCTS,
                lambda client, staged=staged: client.listings(staged=staged, after_id=GUID, limit=9_999),
            ),
            (
                Purpose.CT_LIST_PRODUCTS,
                lambda client, staged=staged: client.changed_listings(
                    FeedCursor(at=5, id="p"), staged=staged, until=9, limit=500
                ),
            ),
        )
    ),
    (Purpose.CT_LIST_PRODUCTS, lambda client: client.listings(staged=True, after_id="", limit=500)),
    (Purpose.CT_LIST_PRICES, lambda client: client.priced_apart(["A-1", 'odd" or sku = "x'])),
    (Purpose.CT_READ_PRODUCT, lambda client: client.read_product(LAMP.id)),
    (Purpose.CT_FIND_PRODUCT, lambda client: client.products_with('odd" or sku = "x')),
    (Purpose.CT_FIND_PRODUCT, lambda client: client.product_with_key("cin7-lamp")),
    (Purpose.CT_FIND_PRODUCT, lambda client: client.products_with_slug("lamp", "en-GB")),
    (Purpose.CT_PRODUCT_TYPE, lambda client: client.product_type("default")),
    (Purpose.CT_TAX_CATEGORY, lambda client: client.has_tax_category("standard")),
    *(
        (Purpose.CT_CREATE_PRODUCT, lambda client, one=one: client.create_draft(one, Intent(Purpose.CT_CREATE_PRODUCT)))
        for one in DRAFTS
    ),
    (Purpose.CT_UPDATE_PRODUCT, lambda client: redrafting(client, *DRAFT_ACTIONS)),
    *((Purpose.CT_UPDATE_PRODUCT, lambda client, one=one: redrafting(client, one)) for one in DRAFT_ACTIONS),
    (Purpose.CT_UNPUBLISH_PRODUCT, lambda client: client.unpublish(LAMP, Intent(Purpose.CT_UNPUBLISH_PRODUCT))),
    (Purpose.CT_CHANNEL, lambda client: client.export_channel("cin7-core")),
    (Purpose.CT_READ_LEASE, lambda client: client.read_lease("tallyd", "acme-uk")),
    (
        Purpose.CT_WRITE_LEASE,
        lambda client: client.write_lease("tallyd", "acme-uk", {"holder": "a"}, None, Intent(Purpose.CT_WRITE_LEASE)),
    ),
    (
        Purpose.CT_WRITE_LEASE,
        lambda client: client.write_lease("tallyd", "acme-uk", {"holder": "a"}, 3, Intent(Purpose.CT_WRITE_LEASE)),
    ),
    (
        Purpose.CT_SYNC_INFO,
        lambda client: client.mark_exported(
            ORDER, channel_key="cin7-core", external_id="SO-9", intent=Intent(Purpose.CT_SYNC_INFO)
        ),
    ),
]


def named(calls: list[tuple[Purpose, Any]]) -> list[str]:
    return [f"{number}-{purpose.value}" for number, (purpose, _) in enumerate(calls)]


def test_no_kind_of_call_is_forgotten() -> None:
    assert {purpose for purpose, _ in CIN7_CALLS} == {one for one in Purpose if one.side == "cin7"}
    assert {purpose for purpose, _ in CT_CALLS} == {one for one in Purpose if one.side == "commercetools"}


async def cin7_request(call: Cin7Call) -> Request:
    clock = StillClock()
    wire = ScriptedWire(answer(400, [{"ErrorCode": 400, "Exception": "only the request is of interest"}]))
    client = Cin7Client(
        transport=wire,
        clock=clock,
        gate=OpenGate(clock),
        probe=lambda point: None,
        base_url="https://inventory.example/ExternalApi/v2",
        account_id="a",
        application_key="k",
        timeout_seconds=60,
        webhook_token="w",
    )
    with pytest.raises(WireError):
        await call(client)
    [request] = wire.requests
    return request


def judged_by_cin7(request: Request) -> list[str]:
    url = urlsplit(request.url)
    pairs = parse_qsl(url.query, keep_blank_values=True)
    assert len(dict(pairs)) == len(pairs)
    found: list[str] = cin7_spec.check_request(request.method, url.path, dict(pairs), request.body)
    return found


@needs_cin7_documents
@pytest.mark.parametrize(("purpose", "call"), CIN7_CALLS, ids=named(CIN7_CALLS))
async def test_cin7_requests_conform(purpose: Purpose, call: Cin7Call) -> None:
    assert judged_by_cin7(await cin7_request(call)) == []


@needs_cin7_documents
async def test_the_cin7_judge_refuses_a_wrong_request() -> None:
    good = await cin7_request(next(call for purpose, call in CIN7_CALLS if purpose is Purpose.CIN7_AUTHORISE_ORDER))
    assert good.body is not None
    for right, wrong in ((b'"SaleID"', b'"SaleId"'), (b'"Price":30', b'"Price":"thirty"'), (b'"Tax":9,', b"")):
        assert right in good.body
        request = Request(method=good.method, url=good.url, body=good.body.replace(right, wrong))
        assert judged_by_cin7(request), right
    swept = await cin7_request(next(call for purpose, call in CIN7_CALLS if purpose is Purpose.CIN7_SWEEP_SALES))
    assert judged_by_cin7(Request(method="GET", url=swept.url.replace("UpdatedSince", "ModifiedSince")))
    stock = await cin7_request(next(call for purpose, call in CIN7_CALLS if purpose is Purpose.CIN7_STOCK_PAGE))
    assert judged_by_cin7(Request(method="GET", url=stock.url.replace("Limit", "MaxRows")))
    change = await cin7_request(next(call for purpose, call in CIN7_CALLS if purpose is Purpose.CIN7_UPDATE_SALE))
    assert change.body is not None
    for right, wrong in (
        (b'"ID"', b'"SaleID"'),
        (b'"Line1"', b'"Line3"'),
        (b'"ShipToOther":true', b'"ShipToOther":1'),
        (b'"CustomerID"', b'"CustomerId"'),
        (b'"Location"', b'"OrderLocation"'),
        (b'"TaxInclusive":false', b'"TaxCalculation":"Exclusive"'),
    ):
        assert right in change.body
        assert judged_by_cin7(Request(method="PUT", url=change.url, body=change.body.replace(right, wrong))), right
    postings = {
        Purpose.CIN7_POST_INVOICE: (
            (b'"TaskID"', b'"ID"'),
            (b'"InvoiceDueDate"', b'"DueDate"'),
            (b'"Total":60,', b""),
            (b'"CurrencyConversionRate"', b'"CurrencyRate"'),
            (b'"CombineAdditionalCharges":false,', b""),
        ),
        Purpose.CIN7_POST_PAYMENT: (
            (b'"Amount":113.5', b'"Amount":113.505'),
            (b'"CurrencyRate"', b'"CurrencyConversionRate"'),
            (b'"DatePaid"', b'"PaymentDate"'),
        ),
        Purpose.CIN7_POST_CREDIT_NOTE: (
            (b'"CreditNoteInvoiceNumber"', b'"InvoiceNumber"'),
            (b'"RestockLocation"', b'"RestockTo"'),
            (b'"CreditNoteConversionRate"', b'"CurrencyConversionRate"'),
        ),
    }
    for purpose, changes in postings.items():
        posted = await cin7_request(next(call for one, call in CIN7_CALLS if one is purpose))
        assert posted.body is not None
        for right, wrong in changes:
            assert right in posted.body, right
            body = posted.body.replace(right, wrong)
            assert judged_by_cin7(Request(method="POST", url=posted.url, body=body)), right
    hook = await cin7_request(next(call for purpose, call in CIN7_CALLS if purpose is Purpose.CIN7_REVIVE_WEBHOOK))
    assert hook.body is not None
    for right, wrong in ((b'"bearerauth"', b'"bearer"'), (b'"Sale/Voided"', b'"Sale/Void"'), (b'"ID"', b'"Id"')):
        assert right in hook.body
        assert judged_by_cin7(Request(method="PUT", url=hook.url, body=hook.body.replace(right, wrong))), right


async def commercetools_requests(purpose: Purpose, call: CtCall) -> list[Request]:
    """Return the request for the token and the one for the call; a subscription's health is asked without a token."""
    token = answer(200, {"access_token": "t", "expires_in": 100, "scope": "", "token_type": "Bearer"})
    refusal = answer(400, {"statusCode": 400, "message": "no", "errors": [{"code": "InvalidInput", "message": "no"}]})
    limited = answer(429, {"statusCode": 429, "message": "only the request is of interest"})
    wire = ScriptedWire(*([limited] if purpose is Purpose.CT_SUBSCRIPTION else [token, refusal]))
    answers = len(wire.answers)
    client = CommercetoolsClient(
        transport=wire,
        clock=StillClock(),
        journal=ListJournal([]),
        probe=lambda point: None,
        project_key="acme",
        api_url="https://api.example",
        auth_url="https://auth.example",
        client_id="id",
        client_secret="secret",
        max_in_flight=1,
        random=random.Random(1),
    )
    with pytest.raises(WireError):
        await call(client)
    assert len(wire.requests) == answers
    return wire.requests


def judged_by_commercetools(request: Request) -> list[str]:
    url = urlsplit(request.url)
    found: list[str] = commercetools_spec.check_request(request.method, url.path, url.query, request.body)
    return found


@commercetools_spec.requires_spec  # type: ignore[untyped-decorator, unused-ignore]
@pytest.mark.parametrize(("purpose", "call"), CT_CALLS, ids=named(CT_CALLS))
async def test_commercetools_requests_conform(purpose: Purpose, call: CtCall) -> None:
    for request in await commercetools_requests(purpose, call):
        assert judged_by_commercetools(request) == []


@commercetools_spec.requires_spec  # type: ignore[untyped-decorator, unused-ignore]
async def test_the_commercetools_judge_refuses_a_wrong_request() -> None:
    good = (await commercetools_requests(*CT_CALLS[-1]))[1]
    assert good.body is not None
    for right, wrong in ((b'"externalId"', b'"externalID"'), (b'"version":7', b'"version":"7"'), (b"Info", b"Infos")):
        assert right in good.body
        request = Request(method=good.method, url=good.url, body=good.body.replace(right, wrong))
        assert judged_by_commercetools(request), right
    changes_of = {
        Purpose.CT_UPDATE_ORDER: (
            (b'"addDelivery"', b'"addShipment"'),
            (b'"deliveryKey":"cin7-f1","items":[{"id"', b'"deliveryKey":"cin7-f1","items":[{"lineItemId"'),
            (b'"parcels":[{"key"', b'"parcels":[{"parcelKey"'),
            (b'"addParcelToDelivery","deliveryKey":"cin7-f1","parcelKey"', b'"addParcelToDelivery","key"'),
            (b'"trackingId"', b'"trackingNumber"'),
            (b'"Partial"', b'"Partially"'),
            (b'"BackInStock"', b'"Restocked"'),
            (b'"returnItemKey"', b'"key"'),
            (b'"lineItemId":"li-1","quantity":1', b'"lineItemId":"li-1"'),
        ),
        Purpose.CT_WRITE_ENTRY: ((b'"changeQuantity"', b'"setQuantity"'), (b'"quantity":-3', b'"quantity":-3.5')),
        Purpose.CT_CREATE_ENTRY: ((b'"quantityOnStock"', b'"quantity"'), (b'"sku"', b'"SKU"')),
        Purpose.CT_CREATE_PRODUCT: (
            (b'"productType"', b'"type"'),
            (b'"masterVariant"', b'"variant"'),
            (b'"publish":false', b'"published":false'),
            (b'"tax-category"', b'"taxCategory"'),
            (b'{"name":"barcode","value"', b'{"name":"barcode","text"'),
        ),
        Purpose.CT_UPDATE_PRODUCT: (
            (b'"addVariant"', b'"createVariant"'),
            (b'"variantId":1', b'"variant":1'),
            (b'"staged":true', b'"staged":"yes"'),
            (b'"taxCategory":{"typeId"', b'"taxCategory":{"type"'),
        ),
        Purpose.CT_UNPUBLISH_PRODUCT: ((b'"unpublish"', b'"hide"'), (b'"version":7', b'"version":"7"')),
    }
    for purpose, changes in changes_of.items():
        good = (await commercetools_requests(*next(one for one in CT_CALLS if one[0] is purpose)))[1]
        assert good.body is not None
        for right, wrong in changes:
            assert right in good.body
            request = Request(method=good.method, url=good.url, body=good.body.replace(right, wrong))
            assert judged_by_commercetools(request), right
    kinds = {
        Purpose.CT_LIST_MESSAGES: "/messages",
        Purpose.CT_SUBSCRIPTION: "/health",
        Purpose.CT_LIST_PRODUCTS: "/product-projections",
        Purpose.CT_LIST_PRICES: "/standalone-prices",
        Purpose.CT_PRODUCT_TYPE: "/product-types",
        Purpose.CT_TAX_CATEGORY: "/tax-categories",
    }
    for purpose, path in kinds.items():
        read = (await commercetools_requests(*next(one for one in CT_CALLS if one[0] is purpose)))[-1]
        assert path in read.url
        assert judged_by_commercetools(Request(method="GET", url=read.url.replace(path, path + "s"))), path
    counted = (await commercetools_requests(*next(one for one in CT_CALLS if one[0] is Purpose.CT_COUNT_ORDERS)))[1]
    assert judged_by_commercetools(Request(method="GET", url=counted.url.replace("withTotal", "withtotal")))
