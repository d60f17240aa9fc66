"""The judge itself: what it reads out of Cin7's documents, and that it refuses what is wrong."""

from __future__ import annotations

import copy
import json
from decimal import Decimal
from typing import Any

import pytest

from tests import cin7_spec as spec

pytestmark = pytest.mark.skipif(not spec.available(), reason=spec.SKIP_REASON)

SALE_ID = "916ab4c0-6ccb-4c93-873d-0603859050e4"
HEADER: dict[str, Any] = {
    "CustomerID": SALE_ID,
    "Location": "Main Warehouse",
    "SkipQuote": True,
    "TaxInclusive": True,
    "ExternalID": "ct:1",
    "SaleOrderDate": "2026-12-01T00:00:00",
    "CurrencyRate": Decimal("0.86123"),
    "ShippingAddress": {"Line1": "1 High Street", "Country": "United Kingdom", "ShipToOther": True},
}
ORDER: dict[str, Any] = {
    "SaleID": SALE_ID,
    "Memo": "",
    "Status": "AUTHORISED",
    "AutoPickPackShipMode": "NOPICK",
    "Lines": [
        {
            "ProductID": SALE_ID,
            "SKU": "Bread",
            "Name": "Baked Bread",
            "Quantity": 3,
            "Price": Decimal("30.1234"),
            "Discount": 0,
            "Tax": 9,
            "TaxRule": "Tax on Sales",
        }
    ],
    "AdditionalCharges": [
        {"Description": "Shipping", "Price": 10, "Quantity": 1, "Tax": 1, "TaxRule": "Tax on Sales", "Comment": ""}
    ],
}
ROW: dict[str, Any] = {
    "SaleID": SALE_ID,
    "OrderNumber": "SO-00092",
    "Status": "ORDERED",
    "OrderDate": "2017-09-29T00:00:00",
    "InvoiceDate": None,
    "Customer": "Rock Star Transport",
    "CustomerReference": "",
    "InvoiceAmount": 0,
    "PaidAmount": 0,
    "BaseCurrency": "RUB",
    "CustomerCurrency": "RUB",
    "Updated": "2017-09-29T03:03:13.9130000Z",
    "QuoteStatus": "AUTHORISED",
    "OrderStatus": "AUTHORISED",
    "CombinedPickingStatus": "PICKED",
    "CombinedPackingStatus": "PACKED",
    "CombinedShippingStatus": "SHIPPING",
    "FulFilmentStatus": "NOT FULFILLED",
    "CombinedInvoiceStatus": "INVOICED",
    "CreditNoteStatus": "NOT AVAILABLE",
    "CombinedPaymentStatus": "PAID",
    "Type": "Advanced Sale",
    "CombinedTrackingNumbers": "",
    "ExternalID": None,
}


CUSTOMER: dict[str, Any] = {
    "Name": "CT customer 0123456789abcdef",
    "Status": "Active",
    "Currency": "GBP",
    "PaymentTerm": "30 days",
    "AccountReceivable": "610",
    "RevenueAccount": "200",
    "TaxRule": "Tax on Sales",
    "Contacts": [{"Name": "Ann Lee", "Email": "ann@example.com", "Phone": "+49", "Default": True}],
}
CREDIT_NOTE: dict[str, Any] = ROW | {"CreditNoteNumber": "CR-00002", "RestockStatus": "DRAFT"}
HOOK: dict[str, Any] = {
    "Type": "Sale/OrderAuthorised",
    "IsActive": True,
    "ExternalURL": "https://hooks.example.com/intake/cin7/Sale/OrderAuthorised",
    "ExternalAuthorizationType": "bearerauth",
    "ExternalBearerToken": "t",
}
STOCK: dict[str, Any] = {"ID": SALE_ID, "SKU": "Bread", "Location": "Main", "NextDeliveryDate": "2026-12-07T00:00:00"}


def changed(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """Copy a body with one field set, or taken out when the value is `...`."""
    copied = copy.deepcopy(body)
    part: Any = copied
    *way, last = [int(step) if step.isdecimal() else step for step in path.split(".")]
    for step in way:
        part = part[step]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return copied


def listed(*rows: dict[str, Any], **envelope: object) -> bytes:
    return json.dumps({"Total": len(rows), "Page": 1, "SaleList": list(rows)} | envelope).encode()


def test_the_tables_are_read_as_they_stand() -> None:
    order = spec.table_of("available fields for sale order")
    assert (order["Memo"].kind, order["Memo"].length, order["Memo"].required) == ("string", 1024, True)
    assert (order["Lines"].model, order["Lines"].many) == ("SaleOrderLineModel", True)
    line = spec.table_of("#SaleOrderLineModel")
    assert (line["Price"].kind, line["Price"].places, line["Price"].required) == ("number", 4, True)
    assert (line["SKU"].length, line["SKU"].required, line["SKU"].conditional) == (50, False, True)
    assert line["Total"].required is False
    header = spec.table_of("sale post/put attributes")
    assert (header["CurrencyRate"].places, header["Location"].required) == (5, True)
    assert "TaxInclusive" in header
    assert "TaxCalculation" not in header
    assert "AdditionalAttribute10" in spec.table_of("available fields for customer")
    assert len(spec.table_of("available fields for product")) > 80
    assert len(spec.blueprint().operations) > 200


def test_every_table_in_use_was_found() -> None:
    tables = {*spec._REQUEST_TABLES.values(), *spec._ANSWERS.values(), *(table for _, table in spec._LISTS.values())}
    for name in tables:
        for field in spec.table_of(name).values():
            assert not field.model or field.model == "PriceTierModel" or spec.table_of(f"#{field.model}"), field
    corrected = {title for title, _ in spec._RETYPED} | set(spec._ONLY_IN_SAMPLES)
    assert corrected <= set(spec.blueprint().tables)
    for title, name in spec._RETYPED:
        assert name in spec.table_of(title)


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("GET", "/ExternalApi/v2/saleList", {"Page": "1", "limit": "1000", "ExternalID": "ct:1"}, None),
        ("GET", "/saleList", {"Search": "SO-1", "UpdatedUntil": "2026-12-01T00:00:00.000Z"}, None),
        ("GET", "/sale", {"ID": SALE_ID, "HideInventoryMovements": "true"}, None),
        ("GET", "/product", {"Page": "2", "IncludeDeprecated": "true"}, None),
        ("GET", "/ref/productavailability", {"Sku": "Bread", "Location": "Main Warehouse"}, None),
        ("GET", "/customer", {"Name": "commercetools web orders"}, None),
        ("GET", "/ref/carrier", {"Page": "1", "Limit": "500"}, None),
        ("POST", "/customer", {}, CUSTOMER),
        (
            "GET",
            "/saleCreditNoteList",
            {"Page": "1", "Limit": "1000", "UpdatedSince": "2026-12-01T00:00:00.000Z"},
            None,
        ),
        ("GET", "/webhooks", {}, None),
        ("POST", "/webhooks", {}, HOOK),
        ("PUT", "/webhooks", {}, HOOK | {"ID": SALE_ID}),
        ("DELETE", "/webhooks", {"ID": SALE_ID}, None),
        ("GET", "/me", {}, None),
        ("DELETE", "/sale", {"ID": SALE_ID, "Void": "true"}, None),
        ("POST", "/sale", {}, HEADER),
        ("PUT", "/sale", {}, {"ID": SALE_ID, "CustomerID": SALE_ID, "Location": "Main Warehouse", "Note": ""}),
        ("POST", "/sale/order", {}, ORDER),
        ("POST", "/sale/fulfilment/pick", {}, {"TaskID": SALE_ID, "Status": "AUTHORISED", "Lines": []}),
    ],
)
def test_right_requests_pass(method: str, path: str, query: dict[str, str], body: dict[str, Any] | None) -> None:
    assert spec.check_request(method, path, query, body) == []


@pytest.mark.parametrize(
    ("method", "path", "query", "problem"),
    [
        ("GET", "/saleList", {"ExternalId2": "x"}, "query: ExternalId2 is not documented"),
        ("GET", "/saleList", {"Page": "first"}, "query: Page is no number"),
        ("GET", "/saleList", {"UpdatedSince": "yesterday"}, "query: UpdatedSince is no date"),
        ("GET", "/ref/productavailability", {"ModifiedSince": "2026-12-01"}, "query: ModifiedSince is not documented"),
        ("GET", "/sale", {}, "query: ID is required"),
        ("DELETE", "/sale", {"ID": SALE_ID, "Void": "yes"}, "query: Void is no bool"),
        ("GET", "/products", {}, "GET /products is not documented"),
        ("PUT", "/sale/order", {}, "PUT /sale/order is not documented"),
        ("GET", "/webhooks", {"Page": "1"}, "query: Page is not documented"),
        ("GET", "/saleCreditNoteList", {"SaleID": SALE_ID}, "query: SaleID is not documented"),
        ("DELETE", "/webhooks", {}, "query: ID is required"),
    ],
)
def test_wrong_queries_are_refused(method: str, path: str, query: dict[str, str], problem: str) -> None:
    assert spec.check_request(method, path, query, None) == [problem]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("Location", ..., "Location is required"),
        ("CustomerID", ..., "Customer or CustomerID is required"),
        ("CustomerID", "12", "CustomerID is no guid"),
        ("TaxCalculation", "Inclusive", "TaxCalculation is not documented"),
        ("Lines", [], "Lines is not documented"),
        ("SkipQuote", "true", "SkipQuote is no boolean"),
        ("ExternalID", "x" * 257, "ExternalID is longer than 256"),
        ("SaleOrderDate", "01/12/2026", "SaleOrderDate is no date"),
        ("CurrencyRate", "1.1", "CurrencyRate is no number"),
        ("CurrencyRate", 1.123456, "CurrencyRate has more than 5 decimal places"),
        ("ShippingAddress.Country", ..., "ShippingAddress.Country is required"),
        ("ShippingAddress.Line3", "x", "ShippingAddress.Line3 is not documented"),
        ("ShippingAddress.Postcode", "x" * 21, "ShippingAddress.Postcode is longer than 20"),
    ],
)
def test_wrong_headers_are_refused(path: str, value: object, problem: str) -> None:
    assert spec.check_request("POST", "/sale", {}, changed(HEADER, path, value)) == [problem]


def test_a_change_names_its_sale() -> None:
    whole = {"ID": SALE_ID, "CustomerID": SALE_ID, "Location": "Main Warehouse", "Note": "x"}
    for gone, words in (("ID", "ID"), ("CustomerID", "Customer or CustomerID"), ("Location", "Location")):
        body = {name: text for name, text in whole.items() if name != gone}
        assert spec.check_request("PUT", "/sale", {}, body) == [f"{words} is required"]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("Name", ..., "Name is required"),
        ("Name", "x" * 257, "Name is longer than 256"),
        ("DisplayName", "x" * 257, "DisplayName is longer than 256"),
        ("Currency", ..., "Currency is required"),
        ("RevenueAccount", ..., "RevenueAccount is required"),
        ("Contacts.0.Name", ..., "Contacts[0].Name is required"),
        ("Contacts.0.Name", "x" * 257, "Contacts[0].Name is longer than 256"),
        ("Contacts.0.Phone", "x" * 51, "Contacts[0].Phone is longer than 50"),
        ("Contacts.0.Mail", "x", "Contacts[0].Mail is not documented"),
    ],
)
def test_wrong_customers_are_refused(path: str, value: object, problem: str) -> None:
    assert spec.check_request("POST", "/customer", {}, changed(CUSTOMER, path, value)) == [problem]


@pytest.mark.parametrize(
    ("method", "path", "value", "problem"),
    [
        ("POST", "Type", "Sale/OrderAuthorized", "Type is no webhook type"),
        ("POST", "IsActive", "true", "IsActive is no boolean"),
        ("POST", "ExternalURL", ..., "ExternalURL is required"),
        ("POST", "ExternalUrl", "https://x", "ExternalUrl is not documented"),
        ("POST", "ExternalAuthorizationType", "bearer", "is none of noauth, basicauth, bearerauth"),
        ("POST", "ExternalAuthorizationType", "basicauth", "ExternalPassword is required"),
        ("POST", "ExternalBearerToken", ..., "ExternalBearerToken is required"),
        ("PUT", "Name", "Sale", "ID is required"),
    ],
)
def test_wrong_webhooks_are_refused(method: str, path: str, value: object, problem: str) -> None:
    assert problem in " ".join(spec.check_request(method, "/webhooks", {}, changed(HOOK, path, value)))


def test_the_answers_of_webhooks_and_credit_notes_are_judged() -> None:
    hook = HOOK | {"ID": SALE_ID, "Name": "Sale order has been authorised", "ExternalHeaders": []}
    right = json.dumps({"Webhooks": [hook]}).encode()
    assert spec.check_answer("GET", "/webhooks", 200, right) == []
    assert spec.check_answer("GET", "/webhooks", 200, b'{"Webhooks": []}') == []
    assert spec.check_answer("GET", "/webhooks", 200, many("Webhooks", hook)) == ["the envelope is Webhooks"]
    without = json.dumps({"Webhooks": [HOOK]}).encode()
    assert spec.check_answer("POST", "/webhooks", 200, without) == ["Webhooks[0].ID is required"]
    assert spec.check_answer("GET", "/saleCreditNoteList", 200, listed(CREDIT_NOTE)) == []
    wrong = spec.check_answer("GET", "/saleCreditNoteList", 200, listed(changed(CREDIT_NOTE, "CreditNoteStatus", ...)))
    assert wrong == ["SaleList[0].CreditNoteStatus is required"]


def test_the_answers_of_shipments_and_of_a_sales_credit_notes_are_judged() -> None:
    line = {"ID": SALE_ID, "ShipmentDate": "2026-12-01T00:00:00", "Boxes": "Box 1,Box 2", "IsShipped": True}
    ship = {"TaskID": SALE_ID, "Status": "PARTIALLY AUTHORISED", "Lines": [line]}
    path = "/sale/fulfilment/ship"
    assert spec.check_answer("GET", path, 200, json.dumps(ship).encode()) == []
    # Written `Box`, read `Boxes`.
    written = changed(changed(ship, "Lines.0.Boxes", ...), "Lines.0.Box", "Box 1")
    assert spec.check_answer("GET", path, 200, json.dumps(written).encode()) == [
        "Lines[0].Box is not documented",
        "Lines[0].Boxes is required",
    ]
    note = {"TaskID": SALE_ID, "CombineAdditionalCharges": False, "Status": "DRAFT", "CreditNoteDate": "2026-12-01"}
    right = {"SaleID": SALE_ID, "CreditNotes": [note | {"CreditNoteBalance": 1, "Payments": []}]}
    assert spec.check_answer("GET", "/sale/creditnote", 200, json.dumps(right).encode()) == []
    wrong = changed(right, "CreditNotes.0.Refunds", [])
    assert spec.check_answer("GET", "/sale/creditnote", 200, json.dumps(wrong).encode()) == [
        "CreditNotes[0].Refunds is not documented"
    ]


def many(key: str, *rows: dict[str, Any]) -> bytes:
    return json.dumps({"Total": len(rows), "Page": 1, key: list(rows)}).encode()


def test_the_answers_of_carriers_stock_and_customers_are_judged() -> None:
    carrier = {"CarrierID": SALE_ID, "Description": "DHL Express"}
    made = CUSTOMER | {"ID": SALE_ID, "Discount": 0}
    assert spec.check_answer("GET", "/ref/carrier", 200, many("CarrierList", carrier)) == []
    assert spec.check_answer("GET", "/ref/productavailability", 200, many("ProductAvailabilityList", STOCK)) == []
    assert spec.check_answer("POST", "/customer", 200, many("CustomerList", made)) == []
    wrong = many("CarrierList", {"CarrierID": SALE_ID, "Name": "DHL Express"})
    assert spec.check_answer("GET", "/ref/carrier", 200, wrong) == [
        "CarrierList[0].Name is not documented",
        "CarrierList[0].Description is required",
    ]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("SaleID", ..., "SaleID is required"),
        ("Memo", ..., "Memo is required"),
        ("Lines", ..., "Lines is required"),
        ("Lines", {}, "Lines is not an array"),
        ("Lines.0.ProductID", ..., "Lines[0].ProductID is required"),
        ("Lines.0.SKU", "", "Lines[0].SKU is required"),
        ("Lines.0.Tax", ..., "Lines[0].Tax is required"),
        ("Lines.0.Price", "30", "Lines[0].Price is no number"),
        ("Lines.0.Price", True, "Lines[0].Price is no number"),
        ("Lines.0.Price", 1.23456, "Lines[0].Price has more than 4 decimal places"),
        ("Lines.0.Discount", 1.234, "Lines[0].Discount has more than 2 decimal places"),
        ("Lines.0.Colour", "blue", "Lines[0].Colour is not documented"),
        ("Lines.0.SKU", "x" * 51, "Lines[0].SKU is longer than 50"),
        ("AdditionalCharges.0.Description", ..., "AdditionalCharges[0].Description is required"),
        ("AdditionalCharges.0.SKU", "S", "AdditionalCharges[0].SKU is not documented"),
    ],
)
def test_wrong_orders_are_refused(path: str, value: object, problem: str) -> None:
    assert spec.check_request("POST", "/sale/order", {}, changed(ORDER, path, value)) == [problem]


def test_combined_charges_need_no_product_and_a_pick_needs_a_place() -> None:
    combined = changed(ORDER, "Lines.0.ProductID", ...) | {"CombineAdditionalCharges": True}
    assert spec.check_request("POST", "/sale/order", {}, combined) == []
    pick = {"TaskID": SALE_ID, "Status": "AUTHORISED", "Lines": [{"SKU": "Bread", "Quantity": 1}]}
    problem = ["Lines[0].Location or LocationID is required"]
    assert spec.check_request("POST", "/sale/fulfilment/pick", {}, pick) == problem


def test_bodies_that_are_no_object_are_refused() -> None:
    assert spec.check_request("POST", "/sale", {}, b"{")[0].startswith("not JSON")
    assert spec.check_request("POST", "/sale", {}, b"[]") == ["the body is not one object"]
    assert spec.check_request("GET", "/me", {}, b"{}") == ["a body is not documented"]
    assert spec.check_request("POST", "/ref/brand", {}, {}) == ["no table of fields is known for POST /ref/brand"]


def test_right_answers_pass() -> None:
    assert spec.check_answer("GET", "/saleList", 200, listed(ROW)) == []
    assert spec.check_answer("GET", "/me", 200, b'{"Company": "Demo Co", "LockDate": null}') == []
    assert spec.check_answer("POST", "/sale", 400, b'[{"ErrorCode": 404, "Exception": "Category not found."}]') == []
    assert spec.check_answer("POST", "/sale", 400, b'{"ErrorCode": 400, "Exception": "alone"}') == []
    assert spec.check_answer("GET", "/me", 403, b"Incorrect credentials!") == []
    limit = b"You have reached 60 calls per 60 seconds API limit."
    assert [spec.check_answer("GET", "/me", status, limit) for status in (429, 503, 400)] == [[], [], []]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("SaleID", None, "SaleList[0].SaleID is required"),
        ("FulfilmentStatus", "x", "SaleList[0].FulfilmentStatus is not documented"),
        ("Updated", "29/09/2017", "SaleList[0].Updated is no date"),
        ("InvoiceAmount", True, "SaleList[0].InvoiceAmount is no number"),
        ("BaseCurrency", "POUND", "SaleList[0].BaseCurrency is longer than 3"),
        ("CombinedTrackingNumbers", ..., "SaleList[0].CombinedTrackingNumbers is required"),
    ],
)
def test_wrong_rows_are_refused(path: str, value: object, problem: str) -> None:
    assert problem in spec.check_answer("GET", "/saleList", 200, listed(changed(ROW, path, value)))


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>Page not found</html>", "not JSON"),
        (200, b'{"Total": 1, "Pa', "not JSON"),
        (200, b'[{"ErrorCode": 500, "Exception": "x"}]', "an array where an object is documented"),
        (200, b'{"Total": 0, "Page": 1, "Sales": []}', "the envelope is Total, Page, SaleList"),
        (200, b'{"Total": "0", "Page": 1, "SaleList": []}', "Total is a whole number"),
        (400, b'{"message": "no"}', "an error is {ErrorCode, Exception}"),
        (400, b"[]", "an error array is not empty"),
        (400, b'[{"ErrorCode": "400", "Exception": "x"}]', "ErrorCode is a number"),
        (403, b'{"ErrorCode": 403, "Exception": "x"}', "bare text"),
        (200, b"You have reached 60 calls per 60 seconds API limit.", "a limit answer under 200"),
    ],
)
def test_wrong_answers_are_refused(status: int, body: bytes, words: str) -> None:
    problems = spec.check_answer("GET", "/saleList", status, body)
    assert any(words in problem for problem in problems), problems


def test_the_openapi_schema_is_asked_as_well() -> None:
    problems = spec.check_answer("GET", "/saleList", 200, listed(ROW | {"OrderNumber": 92}))
    assert "SaleList[0].OrderNumber is no string" in problems
    assert any(problem.startswith("OpenAPI SaleList: SaleList.0.OrderNumber") for problem in problems)
