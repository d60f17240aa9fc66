"""The Cin7 client against a scripted wire: one turn is one request, and every answer is judged in the safe order."""

from __future__ import annotations

import contextlib
import json
import re
from datetime import date
from decimal import Decimal
from typing import Any

import anyio
import msgspec
import pytest
from hypothesis import given as forall
from hypothesis import settings
from hypothesis import strategies as st

from actors.catalogue.ports import AccountBook
from actors.domain import facts
from actors.domain.calls import Lane, Purpose
from actors.domain.errors import CONTRADICTION, InDoubt, Limited, Missing, Rejected, Transient, Unauthorised, WireError
from actors.domain.facts import ExchangeRate
from actors.domain.sale import (
    CustomerCard,
    Row,
    RowKind,
    SaleAddress,
    SaleChange,
    SaleHeader,
    SaleOrder,
    SaleView,
    ShownHeader,
)
from actors.governor.journal import Intent
from actors.orders.ports import SalesBook
from adapters.cin7 import translate, wire
from adapters.cin7.client import Cin7Client
from adapters.transport import AnswerLostError, NotSentError, Request, Response
from tests.wire_doubles import (
    OpenGate,
    ScriptedWire,
    StillClock,
    answer,
    header,
    path_of,
    query_of,
    sent_json,
    text_answer,
)

SALE_ID = "6222cb47-1111-4222-8333-444444444444"
LIMIT_TEXT = "You have reached 60 calls per 60 seconds API limit."

HEADER = SaleHeader(
    customer_id="6c18f8e9-0000-4000-8000-000000000000",
    external_id="ct-order:4f0c",
    customer_reference="ORD-1001",
    location="Main Warehouse",
    tax_rule="Tax on Sales",
    tax_inclusive=True,
    order_date=date(2026, 11, 23),
    terms="30 days",
    contact="Ann Lee",
    email="ann@example.com",
    billing=SaleAddress(line1="3 Park St", country="Australia", city="Melbourne", company="X"),
    shipping=SaleAddress(line1="3 Park St", country="Australia", company="X", contact="Ann"),
)


def row(kind: RowKind = RowKind.LINE, **changes: Any) -> Row:
    given: dict[str, Any] = {
        "kind": kind,
        "sku": "Bread" if kind is RowKind.LINE else kind.value.title(),
        "product_id": "4aadd8f6-0000-4000-8000-000000000000",
        "name": "Baked Bread",
        "quantity": Decimal(3),
        "price": Decimal("30.0"),
        "tax": Decimal("9.00"),
        "tax_rule": "Tax on Sales",
        "amount": Decimal(90),
    }
    return Row(**(given | changes))


ORDER = SaleOrder(
    sale_id=SALE_ID,
    rows=(
        row(comment="2 @ 30.00"),
        row(RowKind.SHIPPING, quantity=Decimal(1), price=Decimal("4.9500"), tax=Decimal("0.83")),
        row(RowKind.DISCOUNT, quantity=Decimal(1), price=Decimal(-10), tax=Decimal("-1.66")),
    ),
    memo="from the web shop",
)

LINE = {
    "ProductID": "4AADD8F6-0000-4000-8000-000000000000",
    "SKU": "Bread",
    "Name": "Baked Bread",
    "Quantity": 3,
    "Price": 30,
    "Discount": 0,
    "Tax": 9,
    "TaxRule": "Tax on Sales",
    "BackorderQuantity": 1,
    "Total": 90,
}
CHARGE = {
    "Description": "Shipping",
    "Quantity": 1,
    "Price": 4.95,
    "Discount": None,
    "Tax": 0.83,
    "Total": 4.95,
    "TaxRule": "T",
}
DOCUMENT = {
    "SaleID": SALE_ID.upper(),
    "SaleOrderNumber": "SO-00092",
    "Memo": "",
    "Status": "AUTHORISED",
    "Lines": [LINE],
    "AdditionalCharges": [CHARGE],
    "TotalBeforeTax": 85.12,
    "Tax": 9.83,
    "Total": 94.95,
}
SALE = {
    "ID": SALE_ID.upper(),
    "Customer": "Web",
    "Status": "ORDERED",
    "ExternalID": "ct-order:4f0c",
    "CustomerReference": "ORD-1001",
    "CustomerCurrency": "GBP",
    "TaxCalculation": "Inclusive",
    "Order": DOCUMENT,
    "Fulfilments": [{"Pick": {"Status": "DRAFT"}, "Pack": {"Status": "NOT AVAILABLE"}, "Ship": None}],
    "SomethingNew": 1,
}
NEW_SALE = SALE | {"Status": "ESTIMATED", "Order": {"SaleOrderNumber": "", "Status": "NOT AVAILABLE", "Lines": []}}
ROW = {
    "SaleID": SALE_ID.upper(),
    "OrderNumber": "SO-00092",
    "Status": "ORDERED",
    "OrderStatus": "AUTHORISED",
    "ExternalID": "",
    "Customer": "Web",
    "InvoiceNumber": "INV-7",
    "CreditNoteNumber": None,
    "CustomerReference": "ORD-1001",
}


def refused(*texts: str, code: int = 400) -> list[dict[str, Any]]:
    return [{"ErrorCode": code, "Exception": text} for text in texts]


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
            base_url="https://cin7.example/ExternalApi/v2/",
            account_id="acc",
            application_key="hush",
            timeout_seconds=60,
        )

    async def create(self) -> Any:
        return await self.client.create_sale(HEADER, Intent(Purpose.CIN7_CREATE_SALE, subject="o-1"))

    async def post(self) -> Any:
        return await self.client.post_order(ORDER, Intent(Purpose.CIN7_AUTHORISE_ORDER, subject="o-1"))

    async def void(self) -> Any:
        return await self.client.void_sale(SALE_ID, Intent(Purpose.CIN7_VOID_SALE, subject="o-1"))

    async def read(self) -> Any:
        return await self.client.read_sale(SALE_ID, subject="o-1")


# -- what is sent ---------------------------------------------------------------------------------------------------


async def test_it_is_both_ports() -> None:
    client = House().client
    book: SalesBook = client
    account: AccountBook = client
    assert isinstance(book, Cin7Client)
    assert isinstance(account, Cin7Client)


async def test_the_header_as_it_is_spelled() -> None:
    house = House(answer(200, NEW_SALE))
    view = await house.create()
    [request] = house.wire.requests
    assert (request.method, request.url) == ("POST", "https://cin7.example/ExternalApi/v2/sale")
    assert request.timeout_seconds == 60
    assert (header(request, "api-auth-accountid"), header(request, "api-auth-applicationkey")) == ("acc", "hush")
    assert header(request, "content-type") == "application/json"
    address = {"Line1": "3 Park St", "Country": "Australia"}
    assert sent_json(request) == {
        "CustomerID": HEADER.customer_id,
        "Contact": "Ann Lee",
        "Email": "ann@example.com",
        "SkipQuote": True,
        "Location": "Main Warehouse",
        "TaxRule": "Tax on Sales",
        "TaxInclusive": True,
        "Terms": "30 days",
        "SaleOrderDate": "2026-11-23T00:00:00",
        "CustomerReference": "ORD-1001",
        "ExternalID": "ct-order:4f0c",
        "SaleType": "Simple",
        "BillingAddress": address | {"City": "Melbourne"},
        "ShippingAddress": address | {"Company": "X", "Contact": "Ann", "ShipToOther": True},
    }
    assert (view.id, view.status, view.order, view.order_status) == (SALE_ID, "ESTIMATED", None, "NOT AVAILABLE")
    assert (view.external_id, view.customer_reference, view.tax_inclusive, view.currency) == (
        "ct-order:4f0c",
        "ORD-1001",
        True,
        "GBP",
    )


async def test_a_header_with_everything_of_its_own() -> None:
    house = House(answer(200, NEW_SALE | {"CurrencyRate": 0.86123, "SaleOrderDate": "2026-11-23T00:00:00"}))
    full = msgspec.structs.replace(
        HEADER,
        currency_rate=Decimal("0.86120"),
        carrier="DHL Express",
        note="PO 7",
        shipping_notes="Ring twice",
        attributes={10: "blue", 2: "gift", 3: ""},
        ship_by=date(2026, 12, 1),
    )
    view = await house.client.create_sale(full, Intent(Purpose.CIN7_CREATE_SALE))
    sent = sent_json(house.wire.requests[0])
    assert {name: sent[name] for name in ("CurrencyRate", "Carrier", "Note", "ShippingNotes", "ShipBy")} == {
        "CurrencyRate": 0.8612,
        "Carrier": "DHL Express",
        "Note": "PO 7",
        "ShippingNotes": "Ring twice",
        "ShipBy": "2026-12-01T00:00:00",
    }
    assert sent["AdditionalAttributes"] == {"AdditionalAttribute2": "gift", "AdditionalAttribute10": "blue"}
    assert (view.currency_rate, view.order_date) == (Decimal("0.86123"), date(2026, 11, 23))


@pytest.mark.parametrize("rate", ["0.861234", "NaN"])
async def test_a_rate_cin7_does_not_take_never_leaves(rate: str) -> None:
    house = House()
    with pytest.raises(ValueError, match=r"five decimals|finite"):
        await house.client.create_sale(
            msgspec.structs.replace(HEADER, currency_rate=Decimal(rate)), Intent(Purpose.CIN7_CREATE_SALE)
        )
    assert house.wire.requests == []


async def test_a_draft_says_so() -> None:
    house = House(answer(200, DOCUMENT | {"Status": "DRAFT"}))
    draft = msgspec.structs.replace(ORDER, authorise=False)
    view = await house.client.post_order(draft, Intent(Purpose.CIN7_DRAFT_ORDER))
    assert sent_json(house.wire.requests[0])["Status"] == "DRAFT"
    assert view.status == "DRAFT"


async def test_an_exclusive_header_says_so_and_unknown_fields_are_left_out() -> None:
    house = House(answer(200, NEW_SALE | {"TaxCalculation": "Exclusive"}))
    bare = msgspec.structs.replace(
        HEADER, tax_inclusive=False, terms=None, contact="", email="", billing=None, shipping=None
    )
    view = await house.client.create_sale(bare, Intent(Purpose.CIN7_CREATE_SALE))
    sent = sent_json(house.wire.requests[0])
    assert sent["TaxInclusive"] is False
    assert set(sent) == {
        "CustomerID",
        "SkipQuote",
        "Location",
        "TaxRule",
        "TaxInclusive",
        "SaleOrderDate",
        "CustomerReference",
        "ExternalID",
        "SaleType",
    }
    assert view.tax_inclusive is False


async def test_the_order_byte_for_byte() -> None:
    house = House(answer(200, DOCUMENT))
    view = await house.post()
    [request] = house.wire.requests
    assert (request.method, path_of(request)) == ("POST", "/ExternalApi/v2/sale/order")
    assert request.body is not None
    assert request.body.decode() == (
        f'{{"SaleID":"{SALE_ID}","Memo":"from the web shop","Status":"AUTHORISED","AutoPickPackShipMode":"NOPICK",'
        '"CombineAdditionalCharges":false,"Lines":[{"ProductID":"4aadd8f6-0000-4000-8000-000000000000","SKU":"Bread",'
        '"Name":"Baked Bread","Quantity":3,"Price":30,"Discount":0,"Tax":9,"TaxRule":"Tax on Sales",'
        '"Comment":"2 @ 30.00"}],"AdditionalCharges":[{"Description":"Shipping","Price":4.95,"Quantity":1,'
        '"Discount":0,"Tax":0.83,"TaxRule":"Tax on Sales"},{"Description":"Discount","Price":-10,"Quantity":1,'
        '"Discount":0,"Tax":-1.66,"TaxRule":"Tax on Sales"}]}'
    )
    assert (view.status, view.number, view.net, view.tax, view.total) == (
        "AUTHORISED",
        "SO-00092",
        Decimal("85.12"),
        Decimal("9.83"),
        Decimal("94.95"),
    )
    line, charge = view.rows
    assert (line.sku, line.quantity, line.total, line.backordered, line.is_charge) == ("Bread", 3, 90, 1, False)
    assert (charge.sku, charge.name, charge.price, charge.discount, charge.is_charge) == (
        "Shipping",
        "Shipping",
        Decimal("4.95"),
        0,
        True,
    )


async def test_a_draft_is_a_draft() -> None:
    house = House(answer(200, DOCUMENT | {"Status": "DRAFT"}))
    draft = msgspec.structs.replace(ORDER, authorise=False, rows=(row(),))
    view = await house.client.post_order(draft, Intent(Purpose.CIN7_AUTHORISE_ORDER))
    sent = sent_json(house.wire.requests[0])
    assert (sent["Status"], sent["AdditionalCharges"], view.status) == ("DRAFT", [], "DRAFT")


async def test_void_is_a_void_and_not_an_undo() -> None:
    house = House(answer(200, SALE | {"Status": "VOIDED"}))
    assert (await house.void()).voided
    [request] = house.wire.requests
    assert (request.method, path_of(request), request.body) == ("DELETE", "/ExternalApi/v2/sale", None)
    assert query_of(request) == {"ID": [SALE_ID], "Void": ["true"]}
    assert header(request, "content-type") == "application/json"


CHANGE = SaleChange(sale_id=SALE_ID, note="Leave it at the door")
TEXTS = ("contact", "email", "phone", "note", "shipping_notes", "customer_reference")
SPELLED = {"shipping_notes": "ShippingNotes", "customer_reference": "CustomerReference"}


BARE = SaleView(id=SALE_ID, status="ORDERED", external_id=None, customer_reference=None, tax_inclusive=False)


async def update(house: House, change: SaleChange = CHANGE, shown: SaleView = BARE) -> Any:
    return await house.client.update_sale(change, shown, Intent(Purpose.CIN7_UPDATE_SALE, subject="o-1"))


@settings(max_examples=50, deadline=None)
@forall(
    texts=st.dictionaries(st.sampled_from(TEXTS), st.text(max_size=5)),
    day=st.none() | st.dates(),
    attributes=st.none() | st.dictionaries(st.integers(1, 10), st.text(max_size=5)),
)
def test_a_change_says_what_it_names_and_nothing_else(
    texts: dict[str, str], day: date | None, attributes: dict[int, str] | None
) -> None:
    change = SaleChange(sale_id=SALE_ID, ship_by=day, attributes=attributes, **texts)  # type: ignore[arg-type]
    expected: dict[str, Any] = {SPELLED.get(name, name.title()): text for name, text in texts.items()}
    if day is not None:
        expected["ShipBy"] = f"{day.isoformat()}T00:00:00"
    if attributes is not None:
        texts_of = {f"AdditionalAttribute{n}": attributes.get(n, "") for n in range(1, 11)}
        expected["AdditionalAttributes"] = texts_of
    sent = translate.sent_change(change, ShownHeader())
    assert json.loads(wire.ENCODER.encode(sent)) == {"ID": SALE_ID} | expected


STANDING = {
    "CustomerID": SALE_ID,
    "Contact": "Ann Lee",
    "Phone": "+49",
    "Email": "ann@example.com",
    "DefaultAccount": "200",
    "SkipQuote": True,
    "BillingAddress": {"Line1": "3 Park St", "Country": "Australia"},
    "ShippingAddress": {"Line1": "3 Park St", "Country": "Australia", "Company": "X", "ShipToOther": True},
    "ShippingNotes": "Ring twice",
    "TaxRule": "Tax on Sales",
    "Terms": "30 days",
    "PriceTier": "Tier 1",
    "ShipBy": "2026-12-01T00:00:00",
    "Location": "Main Warehouse",
    "SaleOrderDate": "2026-11-23T00:00:00",
    "Note": "PO 7",
    "CustomerReference": "ORD-1001",
    "SalesRepresentative": "Zoe",
    "Carrier": "DHL Express",
    "CurrencyRate": 1.2345,
    "ExternalID": "ct-order:4f0c",
    "AdditionalAttributes": {"AdditionalAttribute2": "warehouse", "AdditionalAttribute3": "desk"},
}
ONLY_READ = {
    "Customer": "Web",
    "BaseCurrency": "GBP",
    "TaxCalculation": "Inclusive",
    "LastModifiedOn": "x",
    "Type": "y",
}
BLANK_ADDRESS = dict.fromkeys(("Line2", "City", "State", "Postcode"), "")


async def standing(**changes: Any) -> SaleView:
    view: SaleView = await House(answer(200, SALE | STANDING | ONLY_READ | changes)).read()
    return view


async def test_all_that_stands_on_a_header_goes_back_with_a_change() -> None:
    """A PUT that replaces, and one that patches, do the same: `None` of what was shown is left out, or changed."""
    house = House(answer(200, SALE))
    change = SaleChange(sale_id=SALE_ID, note="", attributes={3: "", 10: "blue"})
    await update(house, change, await standing())
    texts = {f"AdditionalAttribute{n}": "" for n in range(1, 11)}
    assert sent_json(house.wire.requests[0]) == STANDING | {
        "ID": SALE_ID,
        "Note": "",
        "TaxInclusive": True,
        "BillingAddress": BLANK_ADDRESS | {"Line1": "3 Park St", "Country": "Australia"},
        "ShippingAddress": BLANK_ADDRESS
        | {"Line1": "3 Park St", "Country": "Australia", "Company": "X", "Contact": "", "ShipToOther": True},
        "AdditionalAttributes": texts | {"AdditionalAttribute2": "warehouse", "AdditionalAttribute10": "blue"},
    }


@pytest.mark.parametrize("gone", sorted(STANDING))
@pytest.mark.parametrize("nothing", [None, "", ...])
async def test_what_a_header_does_not_show_is_not_made_up(gone: str, nothing: Any) -> None:
    shown = {name: text for name, text in (SALE | STANDING | ONLY_READ).items() if name != gone}
    house = House(answer(200, shown if nothing is ... else shown | {gone: nothing if gone != "CurrencyRate" else None}))
    fields = (await house.read()).header.fields
    named = {"CustomerID": {"Customer"}}.get(gone, set())
    assert set(fields) == set(STANDING) - {gone} | named | {"TaxInclusive"}


async def test_a_header_shows_nothing_of_the_people_in_it() -> None:
    shown = repr(await standing())
    assert not [text for text in ("Ann Lee", "ann@example.com", "Park St", "+49") if text in shown]


async def test_an_address_that_changes_is_written_whole_and_enters_no_address_book() -> None:
    house = House(answer(200, SALE))
    where = SaleAddress(line1="9 High St", country="Australia", postcode="3000")
    assert (await update(house, SaleChange(sale_id=SALE_ID, billing=where, shipping=where))).id == SALE_ID
    [request] = house.wire.requests
    assert (request.method, path_of(request), query_of(request)) == ("PUT", "/ExternalApi/v2/sale", {})
    written = {"Line1": "9 High St", "Country": "Australia", "Postcode": "3000", "Line2": "", "City": "", "State": ""}
    assert sent_json(request) == {
        "ID": SALE_ID,
        "BillingAddress": written,
        "ShippingAddress": written | {"Company": "", "Contact": "", "ShipToOther": True},
    }


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(400, refused("Sale cannot be changed")), Rejected),
        (answer(404, refused("Sale not found", code=404)), Rejected),
        (answer(200, SALE | {"ID": "another"}), InDoubt),
        (answer(200, {"ID": SALE_ID}), InDoubt),
        (answer(200, refused("no")), InDoubt),
        (answer(502, {}), InDoubt),
        (AnswerLostError("cut"), InDoubt),
        (text_answer(429, LIMIT_TEXT), Limited),
        (NotSentError("refused"), Transient),
    ],
)
async def test_every_end_of_a_change(given: Any, kind: type[WireError]) -> None:
    house = House(given)
    with pytest.raises(kind) as seen:
        await update(house)
    assert (type(seen.value), len(house.wire.requests)) == (kind, 1)


async def test_a_sale_is_read() -> None:
    house = House(answer(200, SALE))
    view = await house.read()
    assert query_of(house.wire.requests[0]) == {"ID": [SALE_ID]}
    assert (view.id, view.number, view.order_status, view.fulfilment_authorised) == (
        SALE_ID,
        "SO-00092",
        "AUTHORISED",
        False,
    )
    assert view.order is not None
    assert view.order.total == Decimal("94.95")
    [intent] = house.gate.intents
    assert (intent.purpose, intent.lane, intent.subject) == (Purpose.CIN7_READ_SALE, Lane.ORDERS, "o-1")


@pytest.mark.parametrize("stage", ["Pick", "Pack", "Ship"])
@pytest.mark.parametrize("status", ["AUTHORISED", "PARTIALLY AUTHORISED"])
async def test_an_authorised_stage_is_seen(stage: str, status: str) -> None:
    house = House(answer(200, SALE | {"Fulfilments": [{stage: {"Status": status}}]}))
    assert (await house.read()).fulfilment_authorised


@pytest.mark.parametrize("empty", [None, "", ...], ids=["null", "empty", "absent"])
async def test_null_empty_and_absent_are_the_same(empty: Any) -> None:
    document = {name: value for name, value in SALE.items() if name not in {"ExternalID", "CustomerReference"}}
    if empty is not ...:
        document |= {"ExternalID": empty, "CustomerReference": empty}
    view = await House(answer(200, document | {"Order": None, "Fulfilments": None})).read()
    assert (view.external_id, view.customer_reference, view.order, view.number) == (None, None, None, None)


async def test_look_ups() -> None:
    page = {
        "Total": 2,
        "Page": 1,
        "SaleList": [ROW, ROW | {"OrderStatus": None, "ExternalID": "ct:x", "Status": "VOIDED"}],
    }
    house = House(answer(200, page), answer(200, page))
    seen = await house.client.find_by_external_id("ct:4f&0c", subject="o-1")
    assert (seen.total, len(seen.rows)) == (2, 2)
    first, second = seen.rows
    assert (first.id, first.number, first.order_status, first.external_id) == (SALE_ID, "SO-00092", "AUTHORISED", None)
    assert first.searched.split("\n") == ["SO-00092", "ORDERED", "Web", "INV-7", "ORD-1001"]
    assert (second.order_status, second.external_id, second.voided) == ("NOT AVAILABLE", "ct:x", True)
    await house.client.find_by_reference("ORD 1+1", subject="o-1")
    assert [path_of(one) for one in house.wire.requests] == ["/ExternalApi/v2/saleList"] * 2
    assert [query_of(one) for one in house.wire.requests] == [
        {"Page": ["1"], "Limit": ["100"], "ExternalID": ["ct:4f&0c"]},
        {"Page": ["1"], "Limit": ["100"], "Search": ["ORD 1+1"]},
    ]
    assert [(one.purpose, one.lane, one.subject) for one in house.gate.intents] == [
        (Purpose.CIN7_FIND_BY_EXTERNAL_ID, Lane.ORDERS, "o-1"),
        (Purpose.CIN7_FIND_BY_REFERENCE, Lane.ORDERS, "o-1"),
    ]


@pytest.mark.parametrize(
    "page",
    [{"SaleList": []}, {"Total": 0}, {"Total": 1, "SaleList": [{"Status": "X"}]}, [], {"Total": "many"}],
    ids=repr,
)
async def test_a_look_up_without_its_figures_is_no_answer(page: Any) -> None:
    with pytest.raises(Transient) as seen:
        await House(answer(200, page)).client.find_by_external_id("x", subject="o-1")
    assert seen.value.reason == "malformed"


# -- how an answer is judged ------------------------------------------------------------------------------------------


LIMITS = {
    "429": (text_answer(429, "whatever"), 60),
    "429-unit": (answer(429, refused(LIMIT_TEXT), retry_after="17 Seconds"), 17),
    "429-long": (text_answer(429, "", retry_after="3600"), 120),
    "429-date": (text_answer(429, "", retry_after="Fri, 15 Jan 2027 08:00:30 GMT"), 60),
    "503-text": (text_answer(503, LIMIT_TEXT), 60),
    "503-array": (answer(503, refused(LIMIT_TEXT)), 60),
    "400-array": (answer(400, refused(LIMIT_TEXT), retry_after="9"), 9),
    "400-object": (answer(400, refused(LIMIT_TEXT)[0]), 60),
    "400-message": (answer(400, {"Message": LIMIT_TEXT}), 60),
    "200-text": (text_answer(200, LIMIT_TEXT.upper()), 60),
    "200-array": (answer(200, refused("You have reached 120 calls per 60 seconds API limit.")), 60),
    "200-string": (answer(200, LIMIT_TEXT), 60),
}


@pytest.mark.parametrize("shape", LIMITS)
@pytest.mark.parametrize("call", [House.create, House.read, House.post, House.void])
async def test_every_shape_of_the_limit_means_not_executed(shape: str, call: Any) -> None:
    given, seconds = LIMITS[shape]
    house = House(given)
    with pytest.raises(Limited) as seen:
        await call(house)
    assert seen.value.retry_after_seconds == seconds
    assert f"limited {seconds}" in house.gate.diary
    assert len(house.wire.requests) == 1


@pytest.mark.parametrize("field", ["Memo", "Message"])
async def test_the_limits_words_in_an_accepted_document_change_nothing(field: str) -> None:
    house = House(answer(200, DOCUMENT | {field: LIMIT_TEXT}))
    assert (await house.post()).status == "AUTHORISED"


UNCLEAR = {
    "500": (answer(500, refused("internal")), "unavailable"),
    "502": (text_answer(502, "<html>", "text/html"), "unavailable"),
    "503": (text_answer(503, "Service Unavailable"), "unavailable"),
    "html": (text_answer(200, "<html>Page not found", "text/html"), "malformed"),
    "json-typed-html": (text_answer(200, "<html>", "application/json"), "malformed"),
    "no-type": (Response(status=200, body=b"{}"), "malformed"),
    "302": (text_answer(302, "", "application/json", location="/x"), "malformed"),
    "302-json": (answer(302, SALE), "malformed"),
    "204": (Response(status=204), "malformed"),
    "400-text": (text_answer(400, "what?"), "malformed"),
    "404-html": (text_answer(404, "<html>", "text/html"), "malformed"),
    "not-utf8": (Response(status=200, headers={"content-type": "application/json"}, body=b'"\xff"'), "malformed"),
    "null": (answer(200, None), "malformed"),
    "list": (answer(200, []), "malformed"),
    "empty": (answer(200, {}), "malformed"),
    "lost": (AnswerLostError("x"), "no_answer"),
}


@pytest.mark.parametrize("shape", UNCLEAR)
async def test_without_a_clear_answer_a_read_is_transient_and_a_write_in_doubt(shape: str) -> None:
    given, reason = UNCLEAR[shape]
    house = House(given)
    with pytest.raises(Transient) as read:
        await house.read()
    assert (type(read.value), read.value.reason, len(house.wire.requests)) == (Transient, reason, 1)
    for call in (House.create, House.post, House.void):
        house = House()

        def told(request: Request, clock: StillClock = house.clock) -> Any:
            clock.pass_time(2)
            return given

        house.wire.answers.append(told)
        sent_at = house.clock.now()
        with pytest.raises(InDoubt) as seen:
            await call(house)
        assert (seen.value.reason, seen.value.until, len(house.wire.requests)) == (reason, sent_at + 60_000, 1)
        assert ("lost 60000" in house.gate.diary) == (shape == "lost")


CALLS = (House.create, House.post, House.void, House.read)


@pytest.mark.parametrize("call", CALLS)
async def test_not_sent_counts_for_nothing(call: Any) -> None:
    house = House(NotSentError("x"))
    with pytest.raises(Transient) as seen:
        await call(house)
    assert (type(seen.value), seen.value.reason) == (Transient, "not_sent")
    assert "not_sent" in house.gate.diary


@pytest.mark.parametrize("single", [True, False], ids=["object", "array"])
@pytest.mark.parametrize("call", [House.create, House.post, House.void])
async def test_an_error_under_a_success_status_leaves_a_write_in_doubt(single: bool, call: Any) -> None:
    """It contradicts itself: probably refused, but a write that may have been made is never taken as refused."""
    errors = refused("Location 'X' is wrong")
    house = House(answer(200, errors[0] if single else errors))
    with pytest.raises(InDoubt) as seen:
        await call(house)
    assert (seen.value.reason, seen.value.detail) == (CONTRADICTION, "Location 'X' is wrong")


@pytest.mark.parametrize("single", [True, False], ids=["object", "array"])
@pytest.mark.parametrize(
    ("call", "status"),
    [(House.read, 200), *((call, status) for call in CALLS for status in (400, 404, 409, 422))],
)
async def test_an_error_is_a_refusal(call: Any, status: int, single: bool) -> None:
    errors = refused("Location 'X' is wrong", "ask ann@example.com")
    house = House(answer(status, errors[0] if single else errors))
    with pytest.raises(Rejected) as seen:
        await call(house)
    expected = "Location 'X' is wrong" + ("" if single else "; ask <e-mail>")
    assert (seen.value.detail, seen.value.status) == (expected, status)


async def test_the_servers_own_refusal_is_a_refusal() -> None:
    house = House(answer(405, {"Message": "The requested resource does not support http method 'PUT'"}))
    with pytest.raises(Rejected) as seen:
        await house.create()
    assert "does not support" in seen.value.detail


@pytest.mark.parametrize(
    "given",
    [
        answer(404, refused("Sale not found.", code=404)),
        answer(400, refused("Sale with specified ID was not found")),
        answer(200, refused("Sale not found", code=404)[0]),
    ],
    ids=["404", "400", "200"],
)
async def test_a_sale_that_is_not_there_is_missing_for_a_read_only(given: Response) -> None:
    with pytest.raises(Missing):
        await House(given).read()
    with pytest.raises(InDoubt if given.status == 200 else Rejected):
        await House(given).post()


async def test_wrong_credentials() -> None:
    for call in (House.create, House.read):
        with pytest.raises(Unauthorised) as seen:
            await call(House(text_answer(403, "Incorrect credentials!")))
        assert "hush" not in str(seen.value)


@pytest.mark.parametrize(
    "change",
    [
        {"Status": None},
        {"Status": ""},
        {"Lines": None},
        {"Total": None},
        {"TotalBeforeTax": None},
        {"Tax": "much"},
        {"SaleID": "another"},
        {"Lines": [LINE | {"SKU": None}]},
        {"Lines": [LINE | {"Total": None}]},
        {"AdditionalCharges": [CHARGE | {"Description": ""}]},
        {"AdditionalCharges": [CHARGE | {"Tax": None}]},
    ],
    ids=repr,
)
async def test_a_read_back_that_lacks_a_figure_is_in_doubt(change: dict[str, Any]) -> None:
    with pytest.raises(InDoubt) as seen:
        await House(answer(200, DOCUMENT | change)).post()
    assert seen.value.reason == "malformed"
    assert seen.value.detail


async def test_another_sale_is_no_answer() -> None:
    other = answer(200, SALE | {"ID": "another"})
    with pytest.raises(Transient) as seen:
        await House(other).read()
    assert seen.value.reason == "malformed"
    with pytest.raises(InDoubt):
        await House(other).void()


# -- turns and crash points -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "marks"),
    [
        (answer(200, DOCUMENT), []),
        (answer(400, refused("no")), []),
        (text_answer(429, ""), ["limited 60"]),
        (NotSentError("x"), ["not_sent"]),
        (AnswerLostError("x"), ["lost 60000"]),
    ],
    ids=["ok", "refused", "limited", "not-sent", "lost"],
)
async def test_the_phases_of_a_write_whatever_the_answer(given: Any, marks: list[str]) -> None:
    house = House()

    def told(request: Request) -> Any:
        house.gate.diary.append("sent")
        return given

    house.wire.answers.append(told)
    with contextlib.suppress(WireError):
        await house.post()
    assert house.gate.diary == [
        "cin7.authorise_order.decided",
        "turn",
        "cin7.authorise_order.intended",
        "sent",
        *marks,
        "turn over",
        "cin7.authorise_order.answered",
    ]


async def test_a_read_passes_no_crash_point() -> None:
    house = House(answer(200, SALE))
    await house.read()
    assert house.gate.diary == ["turn", "turn over"]


async def test_an_exchange_cut_from_outside_counts_as_lost() -> None:
    async def never(request: Request) -> Response:
        await anyio.sleep_forever()
        raise AssertionError

    house = House(never)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await house.create()
    assert scope.cancelled_caught
    assert house.gate.diary[-2:] == ["lost 60000", "turn over"]


# -- reference data ---------------------------------------------------------------------------------------------------


async def test_company() -> None:
    me = {
        "Company": "Demo Co",
        "Currency": "AUD",
        "TimeZone": "Europe/Moscow",
        "LockDate": None,
        "TaxCalculationMethod": "Row Total",
        "ApplyCustomerDiscountsAfterOtherDiscounts": True,
        "DiscountRule": "Discount",
        "AutomaticallyApplyDiscounts": True,
        "RoundingTable": [
            {"RangeTo": 500, "RoundToNearest": 0.10, "AdjustmentRule": "N", "AdjustmentValue": 0},
            {"RangeTo": 100, "RoundToNearest": 0.05, "AdjustmentRule": "N", "AdjustmentValue": None},
        ],
    }
    house = House(answer(200, me), answer(200, {"Company": "x"}))
    assert await house.client.company() == facts.Company(
        name="Demo Co",
        currency="AUD",
        time_zone="Europe/Moscow",
        tax_calculation_method="Row Total",
        automatic_discounts=True,
        discount_rule="Discount",
        customer_discount_last=True,
        rounding_table="[{AdjustmentRule:N,AdjustmentValue:0,RangeTo:500,RoundToNearest:0.1},"
        "{AdjustmentRule:N,AdjustmentValue:None,RangeTo:100,RoundToNearest:0.05}]",
    )
    assert path_of(house.wire.requests[0]) == "/ExternalApi/v2/me"
    assert house.gate.intents[0].lane is Lane.CATALOGUE
    with pytest.raises(Transient):
        await house.client.company()


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ([], None, True),
        ([{"A": 1, "B": 2}], [{"B": 2.0, "A": 1.00}], True),
        ([{"A": 1}, {"A": 2}], [{"A": 2}, {"A": 1}], True),
        ([{"A": 1}], [{"A": 1.5}], False),
        ([{"A": "N"}], [{"A": "S"}], False),
    ],
)
async def test_equal_rounding_tables_are_equal_texts(left: Any, right: Any, same: bool) -> None:
    house = House(*(answer(200, {"Currency": "GBP", "RoundingTable": table}) for table in (left, right)))
    seen = [(await house.client.company()).rounding_table for _ in range(2)]
    assert (seen[0] == seen[1]) is same


async def test_small_lists() -> None:
    tax = [
        {"ID": "T1", "Name": "20%", "TaxPercent": 20.5, "IsActive": True, "IsTaxForSale": True, "TaxInclusive": False},
        {"ID": "T2", "Name": "old", "IsActive": False, "IsTaxForSale": False, "TaxInclusive": True, "TaxPercent": None}
        | {"Components": [{"Name": "State", "Percent": "6.250"}, {"Name": "County", "Percent": "2"}]},
        {"ID": "T3", "Name": "no percent"},
    ]
    locations = [{"ID": "L1", "Name": "Main", "IsDeprecated": False}, {"ID": "L2", "Name": "Old", "IsDeprecated": True}]
    terms = [{"ID": "P1", "Name": "30 days", "IsActive": True, "IsDefault": True}, {"ID": "P2", "Name": None}]
    accounts = [
        {"Code": "090", "Name": "Bank", "Status": "ACTIVE", "ForPayments": True, "Class": "ASSET"},
        {"Code": "2150", "Name": "Gift cards", "Class": " liability "},
        {"Code": "1", "Status": "ARCHIVED", "Class": None},
    ]
    customers = [
        {"ID": "C1", "Name": "Web", "Currency": "GBP", "Status": "Active", "Discount": 2.5, "PaymentTerm": "30 days"}
        | {"AccountReceivable": "610", "RevenueAccount": "200", "TaxRule": "20%"}
    ]
    carriers = [{"CarrierID": "K1", "Description": "DHL Express"}, {"CarrierID": "K2", "Description": ""}]
    house = House(
        answer(200, {"Total": 3, "Page": 1, "TaxRuleList": tax}),
        answer(200, {"Total": 2, "LocationList": locations}),
        answer(200, {"Total": 2, "PaymentTermList": terms}),
        answer(200, {"Total": 3, "AccountsList": accounts}),
        answer(200, {"Total": 1, "CustomerList": customers}),
        answer(200, {"Total": 2, "CarrierList": carriers}),
    )
    assert await house.client.tax_rules() == (
        facts.TaxRule(id="t1", name="20%", percent=Decimal("20.5")),
        facts.TaxRule(
            id="t2",
            name="old",
            percent=Decimal("8.25"),
            active=False,
            for_sale=False,
            inclusive=True,
            components=("County 2", "State 6.25"),
        ),
    )
    assert await house.client.locations() == (
        facts.Location(id="l1", name="Main"),
        facts.Location(id="l2", name="Old", deprecated=True),
    )
    assert await house.client.payment_terms() == (facts.PaymentTerm(id="p1", name="30 days", is_default=True),)
    assert await house.client.accounts() == (
        facts.LedgerAccount(code="090", name="Bank", for_payments=True, kind="ASSET"),
        facts.LedgerAccount(code="2150", name="Gift cards", kind="LIABILITY"),
        facts.LedgerAccount(code="1", name="", active=False),
    )
    assert await house.client.customers_named("We b") == (
        facts.Customer(
            id="c1",
            name="Web",
            currency="GBP",
            discount=Decimal("2.5"),
            payment_term="30 days",
            receivable="610",
            revenue="200",
            tax_rule="20%",
        ),
    )
    assert await house.client.carriers() == (facts.Carrier(id="k1", name="DHL Express"),)
    assert [path_of(one).removeprefix("/ExternalApi/v2") for one in house.wire.requests] == [
        "/ref/tax",
        "/ref/location",
        "/ref/paymentterm",
        "/ref/account",
        "/customer",
        "/ref/carrier",
    ]
    assert query_of(house.wire.requests[-2]) == {
        "Page": ["1"],
        "Limit": ["500"],
        "Name": ["We b"],
        "IncludeDeprecated": ["true"],
    }
    assert {one.lane for one in house.gate.intents} == {Lane.CATALOGUE}


def location_page(first: int, count: int, total: int | None) -> Response:
    rows = [{"ID": f"L{n}", "Name": f"Bay {n}"} for n in range(first, first + count)]
    return answer(200, {"LocationList": rows} | ({} if total is None else {"Total": total}))


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ([location_page(0, 500, 750), location_page(500, 250, 750)], 750),
        ([location_page(0, 500, 500)], 500),
        # A server that cuts pages shorter than asked for: a short page is not the end while Total says otherwise.
        ([location_page(0, 100, 250), location_page(100, 100, 250), location_page(200, 50, 250)], 250),
        ([location_page(0, 500, None), location_page(500, 3, None)], 503),
        ([location_page(0, 0, 0)], 0),
        # Rows that moved from one page to the next are read once.
        ([location_page(0, 500, 510), location_page(495, 15, 510)], 510),
    ],
    ids=["two", "full", "capped", "no-total", "empty", "overlap"],
)
async def test_a_list_is_read_to_its_end(pages: list[Response], found: int) -> None:
    house = House(*pages)
    assert len(await house.client.locations()) == found
    assert house.wire.answers == []
    assert [query_of(one)["Page"] for one in house.wire.requests] == [[str(n + 1)] for n in range(len(pages))]
    assert len(house.gate.intents) == len(pages)


async def test_a_list_that_ends_too_early_is_no_list() -> None:
    house = House(location_page(0, 100, 250), location_page(0, 0, 250))
    with pytest.raises(Transient) as seen:
        await house.client.locations()
    assert (seen.value.reason, seen.value.detail) == ("incomplete_list", "100 of 250")
    with pytest.raises(Transient):
        await House(answer(200, {"Total": 1})).client.locations()


async def test_products() -> None:
    rows = [
        {"ID": "P1", "SKU": "Bread", "Name": "Baked", "Type": "Stock", "Status": "Active", "DropShipMode": None}
        | {"RevenueAccount": None},
        {"ID": "P2", "SKU": "x", "Type": "Service", "Status": "Deprecated", "Sellable": False}
        | {"DropShipMode": "Always Drop Ship", "RevenueAccount": "2150"},
        {"ID": "P3", "SKU": ""},
        {"ID": "P4", "SKU": "y", "RevenueAccount": 2150},
    ]
    house = House(answer(200, {"Total": 1003, "Page": 2, "Products": rows}), answer(200, {"Products": []}))
    page = await house.client.products(page=2, modified_since=1_800_000_000_123)
    assert page.total == 1003
    assert page.products == (
        facts.Product(id="p1", sku="Bread", name="Baked", type="Stock"),
        facts.Product(
            id="p2",
            sku="x",
            name="",
            type="Service",
            status="Deprecated",
            sellable=False,
            drop_ship="Always Drop Ship",
            revenue_account="2150",
        ),
        facts.Product(id="p4", sku="y", name="", type="", revenue_account="2150"),
    )
    assert query_of(house.wire.requests[0]) == {
        "Page": ["2"],
        "Limit": ["1000"],
        "IncludeDeprecated": ["true"],
        "IncludeBOM": ["true"],
        "ModifiedSince": ["2027-01-15T08:00:00.123Z"],
    }
    with pytest.raises(Transient):
        await house.client.products(page=1, modified_since=None)
    assert "ModifiedSince" not in query_of(house.wire.requests[1])


# -- customers, deliveries, rates --------------------------------------------------------------------------------------

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
)


def customer_row(name: str, **changes: Any) -> dict[str, Any]:
    return {"ID": f"ID-{name}", "Name": name, "Currency": "GBP", "Status": "Active", "Discount": 0} | changes


async def make(house: House, card: CustomerCard = CARD) -> Any:
    return await house.client.create_customer(card, Intent(Purpose.CIN7_CREATE_CUSTOMER, subject="o-1"))


async def test_a_customer_is_made_without_addresses() -> None:
    house = House(answer(200, {"Total": 1, "Page": 1, "CustomerList": [customer_row(CARD.name)]}))
    made = await make(house)
    assert (made.id, made.name, made.currency) == (f"id-{CARD.name}".lower(), CARD.name, "GBP")
    [request] = house.wire.requests
    assert (request.method, path_of(request)) == ("POST", "/ExternalApi/v2/customer")
    assert sent_json(request) == {
        "Name": CARD.name,
        "DisplayName": "Ann Lee",
        "Status": "Active",
        "Currency": "GBP",
        "PaymentTerm": "30 days",
        "AccountReceivable": "610",
        "RevenueAccount": "200",
        "TaxRule": "Tax on Sales",
        "Contacts": [{"Name": "Ann Lee", "Email": "ann@example.com", "Default": True}],
    }


async def test_without_a_name_there_is_no_contact() -> None:
    house = House(answer(200, {"CustomerList": [customer_row(CARD.name)]}))
    await make(house, msgspec.structs.replace(CARD, contact="", display_name=""))
    sent = sent_json(house.wire.requests[0])
    assert "Contacts" not in sent
    assert "DisplayName" not in sent


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(400, refused("Customer with name 'x' already exists")), Rejected),
        (answer(200, {"CustomerList": []}), InDoubt),
        (answer(200, {"CustomerList": [customer_row("somebody else")]}), InDoubt),
        (answer(200, refused("already exists")), InDoubt),
        (answer(502, {}), InDoubt),
        (AnswerLostError("cut"), InDoubt),
        (NotSentError("refused"), Transient),
    ],
)
async def test_every_end_of_making_a_customer(given: Any, kind: type[WireError]) -> None:
    with pytest.raises(kind):
        await make(House(given))


async def test_a_customer_is_found_by_its_exact_name_retired_or_not() -> None:
    rows = [customer_row(CARD.name + " EUR"), customer_row(CARD.name, Status="Deprecated"), customer_row("x")]
    found = {"Total": 3, "Page": 1, "CustomerList": rows}
    house = House(answer(200, found), answer(200, found | {"CustomerList": rows[:1], "Total": 1}))
    seen = await house.client.find_customer(CARD.name, subject="o-1")
    assert seen is not None
    assert (seen.name, seen.status) == (CARD.name, "Deprecated")
    assert await house.client.find_customer(CARD.name, subject="o-1") is None
    assert query_of(house.wire.requests[0])["Name"] == [CARD.name]
    assert query_of(house.wire.requests[0])["IncludeDeprecated"] == ["true"]
    assert {(one.lane, one.subject) for one in house.gate.intents} == {(Lane.ORDERS, "o-1")}


async def test_the_next_delivery_is_the_earliest_of_the_very_sku_and_place() -> None:
    def stock(sku: str, place: str, day: str | None) -> dict[str, Any]:
        return {"SKU": sku, "Location": place, "NextDeliveryDate": day}

    rows = [
        stock("Bread", "Main", "2026-12-09T00:00:00"),
        stock("Bread", "Main", "2026-12-07T00:00:00"),
        stock("Bread", "Main", None),
        stock("Bread", "Main", "soon"),
        stock("Bread", "Main: Bay 1", "2026-12-01T00:00:00"),
        stock("Breadcrumbs", "Main", "2026-12-02T00:00:00"),
    ]
    house = House(
        answer(200, {"Total": 6, "ProductAvailabilityList": rows}),
        answer(200, {"Total": 1, "ProductAvailabilityList": rows[2:3]}),
    )
    assert await house.client.next_delivery("Bread", "Main", subject="o-1") == date(2026, 12, 7)
    assert await house.client.next_delivery("Bread", "Main", subject="o-1") is None
    wanted = query_of(house.wire.requests[0])
    assert (path_of(house.wire.requests[0]), wanted["Sku"], wanted["Location"]) == (
        "/ExternalApi/v2/ref/productavailability",
        ["Bread"],
        ["Main"],
    )
    assert house.gate.intents[0].lane is Lane.STOCK


def sold(number: int, currency: str, day: str | None, **changes: Any) -> dict[str, Any]:
    return ROW | {
        "SaleID": f"S{number}",
        "CustomerCurrency": currency,
        "OrderDate": day,
        "ExternalID": None,
        **changes,
    }


def booked(number: int, rate: Any, day: str | None = "2026-11-20T00:00:00") -> Response:
    return answer(200, SALE | {"ID": f"s{number}", "CurrencyRate": rate, "SaleOrderDate": day})


async def rates_of(house: House, *currencies: str) -> tuple[ExchangeRate, ...]:
    return await house.client.latest_rates(frozenset(currencies), since=1_800_000_000_123)


async def test_a_rate_is_that_of_the_newest_sale_tallyd_did_not_make() -> None:
    rows = [
        sold(1, "EUR", "2026-11-18T00:00:00"),
        sold(2, "EUR", "2026-11-20T00:00:00"),
        sold(3, "EUR", "2026-11-20T00:00:00"),
        sold(4, "EUR", "2026-11-24T00:00:00", Status="VOIDED"),
        sold(5, "EUR", "2026-11-24T00:00:00", ExternalID="ct-order:4f0c:2"),
        sold(6, "EUR", None),
        sold(7, "EUR", "2026-11-19T00:00:00"),
        sold(8, "USD", "2026-11-21T00:00:00"),
        sold(9, "CHF", "2026-11-24T00:00:00"),
    ]
    house = House(
        answer(200, {"Total": 9, "Page": 1, "SaleList": rows[:5]}),
        answer(200, {"Total": 9, "Page": 2, "SaleList": rows[5:]}),
        booked(3, 0.86123),
        booked(8, 0.74, None),
    )
    assert await rates_of(house, "EUR", "USD", "SEK") == (
        ExchangeRate(currency="EUR", day=date(2026, 11, 20), rate=Decimal("0.86123"), source="cin7-last"),
        ExchangeRate(currency="USD", day=date(2026, 11, 21), rate=Decimal("0.74"), source="cin7-last"),
    )
    assert query_of(house.wire.requests[0]) == {
        "Page": ["1"],
        "Limit": ["1000"],
        "CreatedSince": ["2027-01-15T08:00:00.123Z"],
    }
    assert [one.purpose for one in house.gate.intents] == [Purpose.CIN7_LIST_SALES] * 2 + [Purpose.CIN7_READ_RATE] * 2
    assert {one.lane for one in house.gate.intents} == {Lane.CATALOGUE}


@pytest.mark.parametrize("rate", [0, -1, None])
async def test_a_sale_without_a_rate_teaches_none(rate: Any) -> None:
    listed = answer(200, {"Total": 1, "SaleList": [sold(1, "EUR", "2026-11-18T00:00:00")]})
    assert await rates_of(House(listed, booked(1, rate)), "EUR") == ()


async def test_a_sale_removed_since_it_was_listed_teaches_no_rate_and_stops_nothing() -> None:
    rows = [sold(1, "EUR", "2026-11-18T00:00:00"), sold(2, "USD", "2026-11-18T00:00:00")]
    house = House(
        answer(200, {"Total": 2, "SaleList": rows}), answer(400, refused("Sale was not found")), booked(2, 0.74)
    )
    assert [one.currency for one in await rates_of(house, "EUR", "USD")] == ["USD"]


async def test_nothing_is_asked_for_no_currency_and_another_sale_is_no_answer() -> None:
    house = House()
    assert await rates_of(house) == ()
    assert house.wire.requests == []
    listed = answer(200, {"Total": 1, "SaleList": [sold(1, "EUR", "2026-11-18T00:00:00")]})
    with pytest.raises(Transient):
        await rates_of(House(listed, booked(2, 1.5)), "EUR")


# -- figures ----------------------------------------------------------------------------------------------------------

four_places = st.integers(-(10**13), 10**13).map(lambda n: Decimal(n).scaleb(-4))


@settings(max_examples=200, deadline=None)
@forall(figures=st.lists(four_places, min_size=5, max_size=5), shift=st.integers(0, 6))
def test_figures_travel_both_ways_exactly_and_as_numbers(figures: list[Decimal], shift: int) -> None:
    quantity, price, discount, tax, total = (one.scaleb(shift) for one in figures)
    order = SaleOrder(
        sale_id=SALE_ID, rows=(row(quantity=quantity, price=price, discount=discount, tax=tax, amount=total),)
    )
    body = wire.ENCODER.encode(translate.sent_order(order)).decode()
    sent = json.loads(body, parse_float=Decimal, parse_int=Decimal)["Lines"][0]
    assert [sent[name] for name in ("Quantity", "Price", "Discount", "Tax")] == [quantity, price, discount, tax]
    assert not any(isinstance(value, float) for value in sent.values())
    assert not re.search(r"\d[eE]", body)
    assert "-0," not in body
    shown = body.replace('"Lines":[{', f'"Lines":[{{"Total":{total:f},').replace(
        '"Memo"', f'"TotalBeforeTax":{total:f},"Tax":{tax:f},"Total":{total:f},"Memo"'
    )
    view = translate.order_view(msgspec.json.decode(shown, type=wire.Order))
    [seen] = view.rows
    assert (seen.quantity, seen.price, seen.discount, seen.tax, seen.total) == (quantity, price, discount, tax, total)
    assert (view.net, view.tax, view.total) == (total, tax, total)
    assert all(isinstance(value, Decimal) for value in (seen.quantity, seen.price, seen.tax, view.total))


@pytest.mark.parametrize("value", ["0.00001", "NaN", "Infinity", "1E-5"])
async def test_a_figure_cin7_does_not_take_never_leaves(value: str) -> None:
    house = House()
    with pytest.raises(ValueError, match=r"four decimals|finite"):
        await house.client.post_order(
            msgspec.structs.replace(ORDER, rows=(row(price=Decimal(value)),)), Intent(Purpose.CIN7_AUTHORISE_ORDER)
        )
    assert (house.gate.diary, house.wire.requests) == ([], [])
