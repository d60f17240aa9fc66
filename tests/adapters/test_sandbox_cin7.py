"""The local Cin7 Core: its quirks, its arithmetic, its faults, and that it answers as the official documents say."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest

from adapters.sandbox import catalogue
from adapters.sandbox.cin7 import Cin7Double, new_credentials
from adapters.sandbox.cin7_limit import Call, worst_window
from adapters.sandbox.cin7_wire import RefusedError, instant_of
from adapters.sandbox.faults import DropConnectionError, Fault, FaultKind, Faults
from adapters.transport import Request, Response
from tests import cin7_spec

VAT = "20% (VAT on Income)"
MUG = "HW-MUG-STN-01"
PLATE = "HW-PLT-DIN-26"
START = instant_of("2026-12-01T09:00:00Z")

needs_specs = pytest.mark.skipif(not cin7_spec.available(), reason=cin7_spec.SKIP_REASON)


class HandClock:
    """A clock that moves only when told to, or slept on."""

    def __init__(self) -> None:
        self.instant = START
        self.slept: list[float] = []

    def now(self) -> int:
        return self.instant

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.forward(seconds)

    def forward(self, seconds: float) -> None:
        self.instant += round(seconds * 1000)


class Shop:
    """The double with a hand clock; every answer that is meant to be right is held against the documents."""

    def __init__(self, **settings: Any) -> None:
        self.clock = HandClock()
        self.account, self.key = new_credentials()
        self.faults = Faults()
        settings = {"limit": 10_000, **settings}
        self.double = Cin7Double(
            clock=self.clock,
            account_id=self.account,
            application_key=self.key,
            faults=self.faults,
            **settings,
        )

    async def send(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        body: object = None,
        *,
        base: str = "/ExternalApi/v2",
        key: str | None = None,
    ) -> Response:
        url = f"http://cin7.test{base}{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"api-auth-accountid": self.account, "api-auth-applicationkey": key or self.key}
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return await self.double.handle(Request(method=method, url=url, headers=headers, body=sent))

    async def call(
        self, method: str, path: str, query: dict[str, str] | None = None, body: object = None, *, status: int = 200
    ) -> Any:
        response = await self.send(method, path, query, body)
        assert response.status == status, response.body
        assert response.headers["content-type"] == "application/json; charset=utf-8"
        if cin7_spec.available():
            assert cin7_spec.check_answer(method, path, response.status, response.body) == []
        return json.loads(response.body, parse_float=Decimal)

    async def refused(self, method: str, path: str, query: dict[str, str] | None = None, body: object = None) -> str:
        answer = await self.call(method, path, query, body, status=400)
        return str(answer[0]["Exception"])

    def header(self, **changes: object) -> dict[str, object]:
        header: dict[str, object] = {
            "Customer": catalogue.CUSTOMER,
            "Location": "Main Warehouse",
            "SkipQuote": True,
            "TaxInclusive": True,
            "CustomerReference": "100045",
            "ExternalID": "ct:100045",
        }
        return {name: value for name, value in (header | changes).items() if value is not None}

    def line(self, sku: str = MUG, quantity: float = 1, price: float = 12.95, **changes: object) -> dict[str, object]:
        product = self.double.books.product_by_sku(sku)
        assert product is not None
        line: dict[str, object] = {
            "ProductID": product.id,
            "SKU": sku,
            "Name": product.name,
            "Quantity": quantity,
            "Price": price,
            "Tax": 0,
            "TaxRule": VAT,
        }
        return {name: value for name, value in (line | changes).items() if value is not None}

    def charge(self, price: float, tax: float, **changes: object) -> dict[str, object]:
        charge = {"Description": "Shipping", "Quantity": 1, "Price": price, "Tax": tax, "TaxRule": VAT}
        return charge | changes

    async def create(self, **changes: object) -> str:
        return str((await self.call("POST", "/sale", body=self.header(**changes)))["ID"])

    def order(
        self, sale_id: str, *lines: dict[str, object], status: str = "AUTHORISED", **more: object
    ) -> dict[str, object]:
        return {"SaleID": sale_id, "Memo": "", "Status": status, "Lines": list(lines), **more}

    async def post_order(self, sale_id: str, *lines: dict[str, object], **more: Any) -> Any:
        return await self.call("POST", "/sale/order", body=self.order(sale_id, *lines, **more))

    async def rows(self, **query: str) -> list[Any]:
        return list((await self.call("GET", "/saleList", query))["SaleList"])


# --- the door


async def test_the_path_is_case_insensitive_and_an_unknown_one_is_a_page() -> None:
    shop = Shop()
    assert (await shop.send("GET", "/ME", base="/externalapi/V2")).status == 200
    for path, base in (("/products", "/ExternalApi/v2"), ("/me", "/elsewhere"), ("/sale/orders", "/ExternalApi/v2")):
        answer = await shop.send("GET", path, base=base)
        assert (answer.status, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b"Page not found" in answer.body


async def test_wrong_credentials_are_bare_text_and_do_nothing() -> None:
    shop = Shop()
    answer = await shop.send("POST", "/sale", body=shop.header(), key="00000000-0000-0000-0000-000000000000")
    assert (answer.status, answer.body) == (403, b"Incorrect credentials!")
    assert shop.double.sales == []
    assert shop.key not in repr(shop.double.call_log)


async def test_a_method_that_does_not_exist_is_a_405() -> None:
    answer = await Shop().call("PUT", "/sale/order", body={}, status=405)
    assert "does not support http method 'PUT'" in answer[0]["Exception"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"SaleID": NaN}', b"", b"\xff"])
async def test_an_object_that_cannot_be_parsed_is_a_500(body: bytes) -> None:
    await Shop().call("POST", "/sale/order", body=body, status=500)


# --- the limit


@pytest.mark.parametrize(
    ("shape", "body", "content_type"),
    [
        ("429", None, "text/plain"),
        ("503", None, "text/plain"),
        ("400", None, "application/json"),
        ("429", "json", "application/json"),
    ],
)
async def test_the_limit_in_every_shape_means_not_executed(shape: Any, body: Any, content_type: str) -> None:
    shop = Shop(limit=2, limit_shape=shape, limit_body=body)
    answers = [await shop.send("POST", "/sale", body=shop.header()) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, int(shape)]
    assert b"You have reached 60 calls per 60 seconds API limit." in answers[2].body
    assert answers[2].headers["content-type"].startswith(content_type)
    assert answers[2].headers.get("retry-after") == ("60 Seconds" if shape == "429" else None)
    assert "x-ratelimit-limit" not in answers[0].headers
    assert len(shop.double.sales) == 2
    assert [call.limited for call in shop.double.call_log] == [False, False, True]


async def test_the_sliding_window_counts_arrivals_of_the_last_sixty_seconds() -> None:
    shop = Shop(limit=2)
    await shop.call("GET", "/me")
    shop.clock.forward(30)
    await shop.call("GET", "/me")
    shop.clock.forward(29.999)
    assert (await shop.send("GET", "/me")).status == 429
    shop.clock.forward(0.001)
    await shop.call("GET", "/me")
    assert (await shop.send("GET", "/me")).status == 429


async def test_the_fixed_window_starts_anew_with_the_minute() -> None:
    shop = Shop(limit=1, limit_window="fixed")
    shop.clock.forward(59.999)
    await shop.call("GET", "/me")
    assert (await shop.send("GET", "/me")).status == 429
    shop.clock.forward(0.001)
    await shop.call("GET", "/me")


@pytest.mark.parametrize(("count", "after"), [(False, 200), (True, 429)])
async def test_refused_calls_may_or_may_not_use_up_the_window(count: bool, after: int) -> None:
    shop = Shop(limit=1, refused_calls_count=count)
    await shop.send("GET", "/me")
    shop.clock.forward(30)
    await shop.send("GET", "/me")
    shop.clock.forward(31)
    assert (await shop.send("GET", "/me")).status == after


async def test_each_key_has_its_own_allowance_and_unknown_paths_use_it_too() -> None:
    shop = Shop(limit=1)
    other = "11111111-1111-1111-1111-111111111111"
    shop.double.add_key(other)
    await shop.send("GET", "/nowhere")
    assert (await shop.send("GET", "/me")).status == 429
    assert (await shop.send("GET", "/me", key=other)).status == 200


def test_the_worst_window_is_found_in_both_kinds() -> None:
    def log(*seconds: float, key: str = "a") -> list[Call]:
        return [Call(arrived_ms=round(second * 1000), operation="me", key=key) for second in seconds]

    assert (worst_window([]).sliding, worst_window([]).fixed) == (0, 0)
    across = worst_window(log(50, 55, 61, 62, 109.999, 110))
    assert (across.sliding, across.fixed) == (5, 4)
    apart = worst_window(log(0, 60, 120))
    assert (apart.sliding, apart.fixed) == (1, 1)
    keys = worst_window(log(0, 1) + log(0, 1, 2, key="b"))
    assert (keys.sliding, keys.fixed) == (3, 3)


async def test_the_double_judges_its_own_log_with_refused_calls_and_without_strangers() -> None:
    shop = Shop(limit=2)
    for _ in range(3):
        await shop.send("GET", "/me")
    await shop.send("GET", "/me", key="wrong")
    assert shop.double.worst_window().sliding == 3


# --- reference lists


@needs_specs
@pytest.mark.parametrize(
    "path",
    [
        "/me",
        "/ref/tax",
        "/ref/location",
        "/ref/paymentterm",
        "/ref/account",
        "/customer",
        "/product",
        "/ref/productavailability",
        "/saleList",
    ],
)
async def test_every_list_conforms(path: str) -> None:
    shop = Shop()
    shop.double.make_sale_by_hand("by hand", lines=[(MUG, 200)])
    await shop.call("GET", path)


async def test_the_catalogue_is_in_the_books() -> None:
    shop = Shop()
    products = (await shop.call("GET", "/product", {"Limit": "1000"}))["Products"]
    prices = {row["SKU"]: row["PriceTier1"] for row in products if row["Type"] == "Stock"}
    assert prices == {item.sku: Decimal(item.price) / 100 for item in catalogue.ITEMS}
    assert {row["Name"] for row in products if row["Type"] == "Service"} == set(catalogue.SERVICES)
    stock = (await shop.call("GET", "/ref/productavailability", {"Limit": "1000"}))["ProductAvailabilityList"]
    assert {row["SKU"]: row["Available"] for row in stock} == {item.sku: item.stock for item in catalogue.ITEMS}
    assert len(catalogue.ITEMS) >= 60


async def test_names_filter_by_their_start_and_products_by_what_they_contain() -> None:
    shop = Shop()
    shop.double.add_customer("commercetools web orders EUR", currency="EUR")
    assert (await shop.call("GET", "/customer", {"Name": catalogue.CUSTOMER.upper()}))["Total"] == 2
    assert (await shop.call("GET", "/customer", {"Name": "web orders"}))["Total"] == 0
    assert (await shop.call("GET", "/product", {"Sku": "mug-stn"}))["Total"] == 2
    assert (await shop.call("GET", "/ref/tax", {"Name": "5%"}))["Total"] == 1


async def test_unknown_parameters_are_ignored_and_return_everything() -> None:
    shop = Shop()
    everything = (await shop.call("GET", "/product"))["Total"]
    assert (await shop.call("GET", "/product", {"ModifiedAfter": "2030-01-01"}))["Total"] == everything
    assert (await shop.call("GET", "/product", {"Sku": ""}))["Total"] == everything
    shop.double.make_sale_by_hand("a", external_id="x")
    assert len(await shop.rows(ExternalReference="nothing like it")) == 1


async def test_pages_have_either_case_a_default_and_a_ceiling() -> None:
    shop = Shop()
    for number in range(1_100):
        shop.double.add_product(f"P-{number:04d}")
    first = await shop.call("GET", "/product")
    assert (len(first["Products"]), first["Page"]) == (100, 1)
    assert len((await shop.call("GET", "/product", {"limit": "5000"}))["Products"]) == 1_000
    last = await shop.call("GET", "/product", {"page": "2", "limit": "1000"})
    assert len(last["Products"]) == first["Total"] - 1_000
    assert (await shop.call("GET", "/product", {"Page": "99"}))["Products"] == []


async def test_retired_products_leave_the_default_list() -> None:
    shop = Shop()
    shop.clock.forward(5)
    shop.double.deprecate(MUG)
    assert (await shop.call("GET", "/product", {"Sku": MUG}))["Total"] == 0
    kept = await shop.call("GET", "/product", {"Sku": MUG, "IncludeDeprecated": "true"})
    assert kept["Products"][0]["Status"] == "Deprecated"
    changed = await shop.call("GET", "/product", {"ModifiedSince": "2026-12-01T09:00:04", "IncludeDeprecated": "true"})
    assert [row["SKU"] for row in changed["Products"]] == [MUG]


async def test_an_account_code_without_match_is_refused() -> None:
    shop = Shop()
    assert await shop.refused("GET", "/ref/account", {"Code": "999"}) == "Account with specified ID not found"
    assert (await shop.call("GET", "/ref/account", {"Code": "200"}))["Total"] == 1


async def test_a_customer_is_made_once_by_name() -> None:
    shop = Shop()
    customer = {
        "Name": "Jane (CT 1)",
        "Status": "Active",
        "Currency": "GBP",
        "PaymentTerm": "30 days",
        "AccountReceivable": "610",
        "RevenueAccount": "200",
        "TaxRule": VAT,
    }
    if cin7_spec.available():
        assert cin7_spec.check_request("POST", "/customer", {}, customer) == []
    made = await shop.call("POST", "/customer", body=customer)
    assert made["CustomerList"][0]["Name"] == "Jane (CT 1)"
    assert "already exists" in await shop.refused("POST", "/customer", body=customer)
    assert "TaxRule" in await shop.refused("POST", "/customer", body=customer | {"Name": "B", "TaxRule": ""})


async def test_company_settings_show_in_me() -> None:
    shop = Shop(currency="EUR")
    shop.double.set_company(tax_calculation_method="Total", automatic_discounts=True)
    me = await shop.call("GET", "/me")
    assert (me["Currency"], me["TaxCalculationMethod"], me["AutomaticallyApplyDiscounts"]) == ("EUR", "Total", True)
    with pytest.raises(ValueError, match="no company setting"):
        shop.double.set_company(colour="blue")


# --- making a sale


async def test_a_sale_takes_two_calls_and_the_first_ignores_lines_and_unknown_fields() -> None:
    shop = Shop()
    header = shop.header(Lines=[shop.line()], Order={"Lines": [shop.line()]}, Status="AUTHORISED", Colour="blue")
    sale = await shop.call("POST", "/sale", body=header)
    assert (sale["Status"], sale["Order"]["Status"], sale["Order"]["Lines"]) == ("ESTIMATED", "NOT AVAILABLE", [])
    assert (sale["TaxCalculation"], sale["ExternalID"], sale["Type"]) == ("Inclusive", "ct:100045", "Simple Sale")
    order = await shop.post_order(
        sale["ID"], shop.line(quantity=2, Tax=4.32), AdditionalCharges=[shop.charge(4.95, 0.83)]
    )
    assert (order["Status"], order["SaleOrderNumber"]) == ("AUTHORISED", "SO-00001")
    assert [order[name] for name in ("TotalBeforeTax", "Tax", "Total")] == [
        Decimal("25.70"),
        Decimal("5.15"),
        Decimal("30.85"),
    ]
    read = await shop.call("GET", "/sale", {"ID": sale["ID"].upper()})
    assert (read["Status"], read["Order"]["Total"]) == ("ORDERED", Decimal("30.85"))
    assert (await shop.call("GET", "/sale/order", {"SaleID": sale["ID"]})) == order


async def test_the_same_header_twice_makes_two_sales() -> None:
    shop = Shop()
    assert await shop.create() != await shop.create()
    assert len(shop.double.live_sales(external_id="ct:100045")) == 2


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Customer": None}, "'Customer' is required"),
        ({"Customer": "nobody"}, "Customer not found"),
        ({"CustomerID": "00000000-0000-0000-0000-000000000001"}, "Customer not found"),
        ({"Location": None}, "'Location' is required"),
        ({"Location": "Mars"}, "was not found in Locations reference book"),
        ({"TaxRule": "99%"}, "Tax Rule '99%' was not found"),
        ({"Terms": "never"}, "Payment Term 'never' was not found"),
        ({"SaleType": "Odd"}, "SaleType"),
        ({"ExternalID": "x" * 257}, "longer than 256"),
        ({"Phone": "1" * 51}, "longer than 50"),
        ({"SkipQuote": "yes"}, "true or false"),
        ({"SaleOrderDate": "tomorrow"}, "is not a date"),
        ({"BillingAddress": {"Line1": "1 High Street"}}, "'Country' is required"),
        ({"CurrencyRate": 1.234567}, "decimal places"),
    ],
)
async def test_a_header_is_refused_for_what_does_not_exist_or_fit(changes: dict[str, object], words: str) -> None:
    shop = Shop()
    assert words in await shop.refused("POST", "/sale", body=shop.header(**changes))
    assert shop.double.sales == []


async def test_a_foreign_customer_needs_a_rate() -> None:
    shop = Shop()
    shop.double.add_customer("Web EUR", currency="EUR")
    assert "CurrencyRate" in await shop.refused("POST", "/sale", body=shop.header(Customer="Web EUR"))
    sale_id = await shop.create(Customer="Web EUR", CurrencyRate=0.86123)
    sale = await shop.call("GET", "/sale", {"ID": sale_id})
    assert (sale["CustomerCurrency"], sale["BaseCurrency"]) == ("EUR", "GBP")
    assert sale["CurrencyRate"] == Decimal("0.86123")


async def test_a_document_before_the_lock_date_is_refused() -> None:
    shop = Shop()
    shop.double.set_company(lock_date=date(2026, 12, 1))
    assert "lock date" in await shop.refused("POST", "/sale", body=shop.header(SaleOrderDate="2026-11-30T00:00:00"))
    await shop.create(SaleOrderDate="2026-12-01T00:00:00")


@pytest.mark.parametrize(("elsewhere", "entries"), [(True, 0), (False, 1)])
async def test_an_address_that_is_not_elsewhere_enters_the_customers_book(elsewhere: bool, entries: int) -> None:
    shop = Shop()
    address = {"Line1": "1 High Street", "City": "Leeds", "Country": "United Kingdom", "ShipToOther": elsewhere}
    for _ in range(2):
        await shop.create(ShippingAddress=address)
    customer = (await shop.call("GET", "/customer"))["CustomerList"][0]
    assert len(customer["Addresses"]) == entries


async def test_a_sale_without_skipped_quote_takes_no_order() -> None:
    shop = Shop()
    sale_id = await shop.create(SkipQuote=False)
    assert "Quote Status is NOT AVAILABLE" in await shop.refused(
        "POST", "/sale/order", body=shop.order(sale_id, shop.line())
    )


async def test_a_put_changes_only_what_it_sends_and_needs_the_id() -> None:
    shop = Shop()
    sale_id = await shop.create(Note="first")
    after = await shop.call("PUT", "/sale", body={"ID": sale_id, "CustomerReference": "other"})
    assert (after["CustomerReference"], after["Note"], after["ExternalID"]) == ("other", "first", "ct:100045")
    assert "'ID' is required" in await shop.refused("PUT", "/sale", body=shop.header())
    assert "'Customer' is required" in await shop.refused("PUT", "/sale", body={"Note": "x"})
    assert len(shop.double.sales) == 1


# --- the order document


async def test_a_draft_is_replaced_whole_and_takes_no_stock() -> None:
    shop = Shop()
    sale_id = await shop.create()
    await shop.post_order(sale_id, shop.line(), shop.line(PLATE, price=14.99), status="DRAFT")
    again = await shop.post_order(sale_id, shop.line(PLATE, quantity=3, price=14.99), status="DRAFT")
    assert [line["SKU"] for line in again["Lines"]] == [PLATE]
    assert shop.double.sale(sale_id).status == "ORDERING"
    assert shop.double.available(PLATE) == 132


async def test_an_authorised_order_takes_no_second_one() -> None:
    shop = Shop()
    sale_id = await shop.create()
    await shop.post_order(sale_id, shop.line())
    assert "Status is AUTHORISED" in await shop.refused(
        "POST", "/sale/order", body=shop.order(sale_id, shop.line(PLATE, price=1))
    )
    assert [line.sku for line in shop.double.sale(sale_id).lines] == [MUG]


async def test_what_is_short_is_backordered_without_a_word_and_filled_on_receipt() -> None:
    shop = Shop()
    first, second = await shop.create(), await shop.create()
    await shop.post_order(first, shop.line(quantity=170))
    order = await shop.post_order(second, shop.line(quantity=30))
    assert order["Lines"][0]["BackorderQuantity"] == 20
    assert shop.double.sale(second).status == "BACKORDERED"
    row = (await shop.call("GET", "/ref/productavailability", {"Sku": MUG}))["ProductAvailabilityList"][0]
    assert [row["OnHand"], row["Allocated"], row["Available"]] == [180, 180, 0]
    assert row["StockOnHand"] == 180 * Decimal("6.48")
    shop.double.receive_stock(MUG, 25)
    assert shop.double.sale(second).status == "ORDERED"
    assert shop.double.available(MUG) == 5


async def test_stock_is_allocated_at_the_location_of_the_sale() -> None:
    shop = Shop()
    sale_id = await shop.create(Location="Paris")
    await shop.post_order(sale_id, shop.line(quantity=1))
    assert shop.double.sale(sale_id).status == "BACKORDERED"
    assert shop.double.available(MUG, "Main Warehouse") == 180
    shop.double.receive_stock(MUG, 1, location="Paris")
    assert shop.double.sale(sale_id).status == "ORDERED"
    places = (await shop.call("GET", "/ref/productavailability", {"Sku": MUG}))["ProductAvailabilityList"]
    assert {row["Location"]: row["Allocated"] for row in places} == {"Main Warehouse": 0, "Paris": 1}


async def test_available_goes_below_zero_when_reserved_stock_is_lost() -> None:
    shop = Shop()
    shop.double.make_sale_by_hand(lines=[(MUG, 180)])
    shop.double.receive_stock(MUG, -3)
    row = (await shop.call("GET", "/ref/productavailability", {"Sku": MUG}))["ProductAvailabilityList"][0]
    assert (row["OnHand"], row["Available"]) == (177, -3)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ProductID": None, "SKU": None}, "'ProductID' is required"),
        ({"ProductID": "00000000-0000-0000-0000-000000000001"}, "was not found"),
        ({"SKU": "OTHER"}, "was not found"),
        ({"Name": ""}, "'Name' is required"),
        ({"Quantity": 0.5}, "at least 1"),
        ({"Quantity": "1"}, "must be a number"),
        ({"Price": None}, "'Price' is required"),
        ({"Price": -1}, "negative"),
        ({"Price": 1.23456}, "4 decimal places"),
        ({"Discount": 101}, "between 0 and 100"),
        ({"Tax": None}, "'Tax' is required"),
        ({"TaxRule": "99%"}, "Tax Rule '99%' was not found"),
        ({"TaxRule": None}, "'TaxRule' is required"),
        ({"Total": 12.96}, "attribute 'Total' doesn't match calculated line total. Expected value is: 12.95"),
        ({"Comment": "x" * 257}, "longer than 256"),
    ],
)
async def test_a_line_is_refused_for_what_does_not_exist_or_fit(changes: dict[str, Any], words: str) -> None:
    shop = Shop()
    sale_id = await shop.create()
    body = shop.order(sale_id, shop.line(**changes))
    assert words in await shop.refused("POST", "/sale/order", body=body)
    assert shop.double.sale(sale_id).order_status == "NOT AVAILABLE"


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"Memo": None}, "'Memo' is required"),
        ({"Status": "VOIDED"}, "DRAFT or AUTHORISED"),
        ({"Lines": None}, "'Lines' is required"),
        ({"Lines": []}, "'Lines' is required"),
        ({"SaleID": "00000000-0000-0000-0000-000000000001"}, "not found"),
        ({"AutoPickPackShipMode": "ALL"}, "must be one of"),
    ],
)
async def test_an_order_is_refused_for_what_is_missing(more: dict[str, object], words: str) -> None:
    shop = Shop()
    body = shop.order(await shop.create(), shop.line()) | more
    assert words in await shop.refused("POST", "/sale/order", body=body)


async def test_a_sku_twice_and_an_unknown_service_and_a_retired_product_are_refused() -> None:
    shop = Shop()
    sale_id = await shop.create()
    assert "duplicate" in await shop.refused(
        "POST", "/sale/order", body=shop.order(sale_id, shop.line(), shop.line(price=1))
    )
    charge = shop.charge(1, 0, Description="Engraving")
    body = shop.order(sale_id, shop.line(), AdditionalCharges=[charge])
    assert "Service product 'Engraving' was not found" in await shop.refused("POST", "/sale/order", body=body)
    shop.double.add_product("SVC-ENGRAVE", "Engraving", kind="Service")
    shop.double.deprecate(MUG)
    assert "deprecated" in await shop.refused("POST", "/sale/order", body=body)
    shop.double.reinstate(MUG)
    await shop.call("POST", "/sale/order", body=body)


async def test_a_renamed_tax_rule_or_location_is_unknown_by_its_old_name() -> None:
    shop = Shop()
    sale_id = await shop.create()
    shop.double.rename_tax_rule(VAT, "20% VAT")
    shop.double.rename_location("Main Warehouse", "North")
    assert "Tax Rule" in await shop.refused("POST", "/sale/order", body=shop.order(sale_id, shop.line()))
    assert "Locations reference book" in await shop.refused("POST", "/sale", body=shop.header(TaxRule="20% VAT"))


@pytest.mark.parametrize(("allowed", "status"), [(True, 200), (False, 400)])
async def test_a_negative_charge_may_be_allowed(allowed: bool, status: int) -> None:
    shop = Shop(negative_charges=allowed)
    charge = shop.charge(-2, -0.33, Description="Discount")
    body = shop.order(await shop.create(), shop.line(Tax=2.16), AdditionalCharges=[charge])
    answer = await shop.call("POST", "/sale/order", body=body, status=status)
    if allowed:
        assert answer["Total"] == Decimal("10.95")


@pytest.mark.parametrize(
    ("settings", "inclusive", "net", "tax", "total"),
    [
        ({}, True, "8.33", "1.66", "9.99"),
        ({}, False, "9.99", "1.66", "11.65"),
        ({"tax_behaviour": "row"}, True, "8.32", "1.67", "9.99"),
        ({"tax_behaviour": "row", "rounding": "half_even"}, True, "8.33", "1.66", "9.99"),
        ({"tax_behaviour": "row", "tax_digits": 4}, True, "8.325", "1.665", "9.99"),
        ({"tax_behaviour": "row"}, False, "9.99", "2.00", "11.99"),
        ({"tax_behaviour": "document"}, True, "8.32", "1.67", "9.99"),
    ],
)
async def test_totals_follow_the_chosen_arithmetic(
    settings: dict[str, object], inclusive: bool, net: str, tax: str, total: str
) -> None:
    shop = Shop(**settings)
    order = await shop.post_order(await shop.create(TaxInclusive=inclusive), shop.line(price=9.99, Tax=1.66))
    figures = [order[name] for name in ("TotalBeforeTax", "Tax", "Total")]
    assert figures == [Decimal(net), Decimal(tax), Decimal(total)]


async def test_document_tax_rounds_once_per_rule() -> None:
    lines = ((MUG, 9.99), (PLATE, 9.99))
    taxes = []
    for behaviour in ("row", "document"):
        shop = Shop(tax_behaviour=behaviour)
        rows = [shop.line(sku, price=price, Tax=1.66) for sku, price in lines]
        taxes.append((await shop.post_order(await shop.create(), *rows))["Tax"])
    assert taxes == [Decimal("3.34"), Decimal("3.33")]


@pytest.mark.parametrize(("digits", "total"), [(2, "10.00"), (4, "9.9999")])
async def test_row_totals_are_rounded_as_told(digits: int, total: str) -> None:
    shop = Shop(line_digits=digits)
    order = await shop.post_order(await shop.create(), shop.line(quantity=3, price=3.3333))
    assert order["Lines"][0]["Total"] == Decimal(total)
    free = await shop.post_order(await shop.create(), shop.line(Discount=100))
    assert free["Total"] == 0


async def test_totals_may_be_left_unchecked() -> None:
    shop = Shop(strict_totals=False)
    order = await shop.post_order(await shop.create(), shop.line(Total=99))
    assert order["Lines"][0]["Total"] == Decimal("12.95")


# --- finding it again


async def test_the_list_is_ascending_and_shows_a_new_sale_late() -> None:
    shop = Shop(visibility_lag_seconds=10)
    ids = [await shop.create(ExternalID=f"ct:{number}") for number in range(3)]
    assert await shop.rows() == []
    assert (await shop.call("GET", "/sale", {"ID": ids[0]}))["ID"] == ids[0]
    shop.clock.forward(9.999)
    assert await shop.rows(ExternalID="ct:1") == []
    shop.clock.forward(0.001)
    rows = await shop.rows()
    assert [row["SaleID"] for row in rows] == ids
    assert [row["OrderNumber"] for row in rows] == ["SO-00001", "SO-00002", "SO-00003"]
    first = await shop.call("GET", "/saleList", {"Page": "1", "Limit": "2"})
    assert ([row["SaleID"] for row in first["SaleList"]], first["Total"]) == (ids[:2], 3)


async def test_search_finds_by_containing_and_external_id_exactly() -> None:
    shop = Shop()
    shop.double.make_sale_by_hand("1000", external_id="ct:1000")
    shop.double.make_sale_by_hand("10001", external_id="ct:10001")
    assert [row["CustomerReference"] for row in await shop.rows(Search="1000")] == ["1000", "10001"]
    assert [row["CustomerReference"] for row in await shop.rows(ExternalID="ct:1000")] == ["1000"]
    assert len(await shop.rows(Search="so-00002")) == 1
    assert await shop.rows(Search="ct:1000") == []


async def test_status_and_time_filters_work() -> None:
    shop = Shop()
    ordered = shop.double.make_sale_by_hand("a", lines=[(MUG, 1)])
    shop.clock.forward(60)
    header = shop.double.make_sale_by_hand("b")
    assert [row["SaleID"] for row in await shop.rows(OrderStatus="AUTHORISED")] == [ordered.id]
    assert [row["SaleID"] for row in await shop.rows(Status="ESTIMATED")] == [header.id]
    assert await shop.rows(Status="ESTIMATED,ORDERED") == []
    assert [row["SaleID"] for row in await shop.rows(CreatedSince="2026-12-01T09:00:00")] == [header.id]
    shop.double.void_by_hand(ordered.id)
    assert len(await shop.rows(UpdatedSince="2026-12-01T09:00:30.0000000Z")) == 2
    assert [row["SaleID"] for row in await shop.rows(CombinedPickStatus="VOIDED")] == [ordered.id]
    assert "not valid" in await shop.refused("GET", "/saleList", {"UpdatedSince": "yesterday"})


async def test_timestamps_come_in_every_form_seen() -> None:
    shop = Shop()
    forms = set()
    for number in range(3):
        shop.double.make_sale_by_hand(str(number))
    for row in await shop.rows():
        assert instant_of(row["Updated"]) == START
        forms.add((len(row["Updated"]), row["Updated"].endswith("Z")))
        assert row["OrderDate"] == "2026-12-01T00:00:00"
    assert forms == {(28, True), (24, True), (23, False)}


# --- the end of a sale


async def test_a_void_gives_the_stock_back_and_stays_on_record() -> None:
    shop = Shop()
    sale_id = await shop.create()
    await shop.post_order(sale_id, shop.line(quantity=200))
    sale = await shop.call("DELETE", "/sale", {"ID": sale_id, "Void": "true"})
    assert (sale["Status"], sale["Order"]["Status"]) == ("VOIDED", "VOIDED")
    assert shop.double.available(MUG) == 180
    assert [row["Status"] for row in await shop.rows(ExternalID="ct:100045")] == ["VOIDED"]
    assert (len(shop.double.sales), shop.double.live_sales()) == (1, [])
    assert "Status is VOIDED" in await shop.refused("DELETE", "/sale", {"ID": sale_id, "Void": "true"})
    assert "Status is VOIDED" in await shop.refused("POST", "/sale/order", body=shop.order(sale_id, shop.line()))


async def test_a_delete_without_void_only_undoes() -> None:
    shop = Shop()
    sale_id = await shop.create()
    await shop.post_order(sale_id, shop.line(quantity=5))
    sale = await shop.call("DELETE", "/sale", {"ID": sale_id})
    assert (sale["Status"], sale["Order"]["Status"]) == ("ORDERING", "DRAFT")
    assert shop.double.available(MUG) == 180
    await shop.post_order(sale_id, shop.line(quantity=6))
    assert shop.double.available(MUG) == 174


async def test_a_pick_shows_and_a_void_after_it_is_remembered() -> None:
    shop = Shop()
    sale_id = await shop.create()
    await shop.post_order(sale_id, shop.line(quantity=5))
    pick = await shop.call("POST", "/sale/fulfilment/pick", body={"TaskID": sale_id, "AutoPickMode": "AUTOPICK"})
    assert (pick["Status"], pick["Lines"][0]["Quantity"]) == ("AUTHORISED", 5)
    seen = await shop.call("GET", "/sale/fulfilment", {"SaleID": sale_id})
    assert (seen["Fulfilments"][0]["TaskID"], seen["Fulfilments"][0]["Pick"]["Status"]) == (sale_id, "AUTHORISED")
    assert await shop.call("GET", "/sale/fulfilment/pick", {"TaskID": sale_id}) == pick
    assert shop.double.sale(sale_id).status == "PICKED"
    row = (await shop.call("GET", "/ref/productavailability", {"Sku": MUG}))["ProductAvailabilityList"][0]
    assert (row["OnHand"], row["Allocated"], row["Available"]) == (175, 0, 175)
    with pytest.raises(RefusedError, match="Pick Status is AUTHORISED"):
        shop.double.authorise_pick(sale_id)
    shop.double.void_by_hand(sale_id)
    assert shop.double.sale(sale_id).voided_after_pick
    assert shop.double.available(MUG) == 180


async def test_a_shipped_sale_is_neither_voided_nor_undone() -> None:
    shop = Shop()
    sale = shop.double.make_sale_by_hand(lines=[(MUG, 1)])
    shop.double.authorise_pick(sale.id)
    shop.double.authorise_ship(sale.id)
    for query in ({"ID": sale.id, "Void": "true"}, {"ID": sale.id}):
        assert "Status is AUTHORISED" in await shop.refused("DELETE", "/sale", query)
    assert not sale.voided


async def test_an_order_may_be_picked_packed_and_shipped_in_one_go() -> None:
    shop = Shop()
    sale_id = await shop.create()
    await shop.post_order(sale_id, shop.line(), AutoPickPackShipMode="AUTOPICKPACKSHIP")
    assert shop.double.sale(sale_id).ship_status == "AUTHORISED"
    short = await shop.create()
    await shop.post_order(short, shop.line(quantity=999), AutoPickPackShipMode="AUTOPICK")
    assert shop.double.sale(short).pick_status == "NOT AVAILABLE"


def test_stock_is_what_the_documents_add_up_to() -> None:
    """Random handling of sales and stock, held against a recount from the documents after every step."""
    for seed in range(20):
        dice, shop = random.Random(seed), Shop(seed=seed)
        double, received = shop.double, 180
        for _ in range(60):
            live = [sale for sale in double.live_sales() if sale.ship_status != "AUTHORISED"]
            action = dice.choice(["sell", "sell", "receive", "lose", "void", "undo", "pick"])
            if action == "sell":
                double.make_sale_by_hand(lines=[(MUG, dice.randint(1, 90))])
            elif action == "receive":
                received += (quantity := dice.randint(1, 50))
                double.receive_stock(MUG, quantity, fill_backorders=dice.random() < 0.5)
            elif action == "lose":
                received -= 2
                double.receive_stock(MUG, -2)
            elif live:
                handle: dict[str, Callable[[str], object]] = {
                    "void": double.void_by_hand,
                    "undo": double.undo_by_hand,
                    "pick": double.authorise_pick,
                }
                sale = dice.choice(live)
                if action != "pick" or (sale.authorised and sale.pick_status == "NOT AVAILABLE"):
                    handle[action](sale.id)
            lines = [line for sale in double.sales for line in sale.lines]
            product, place = double.books.product_by_sku(MUG), double.books.locations[0]
            assert product is not None
            assert double.books.allocated(product.id, place.id) == sum(line.reserved for line in lines)
            assert double.books.on_hand(product.id, place.id) == received - sum(line.picked for line in lines)
            for sale in double.sales:
                counted = [line.reserved + line.picked + line.backordered for line in sale.lines]
                wanted = [line.quantity if sale.authorised else 0 for line in sale.lines]
                assert counted == wanted


# --- what goes wrong on purpose


async def test_a_fault_before_the_effect_leaves_nothing() -> None:
    shop = Shop()
    shop.faults.plan("sale_create", Fault(kind=FaultKind.ERROR_BEFORE, status=503))
    shop.faults.plan("sale_create", Fault(kind=FaultKind.DROP_BEFORE))
    shop.faults.plan("sale_create", Fault(kind=FaultKind.LIMITED))
    overloaded = await shop.send("POST", "/sale", body=shop.header())
    assert (overloaded.status, b"calls per 60 seconds" in overloaded.body) == (503, False)
    with pytest.raises(DropConnectionError):
        await shop.send("POST", "/sale", body=shop.header())
    limited = await shop.send("POST", "/sale", body=shop.header())
    assert (limited.status, b"calls per 60 seconds" in limited.body) == (429, True)
    assert shop.double.sales == []
    assert [call.status for call in shop.double.call_log] == [503, None, 429]


async def test_a_fault_after_the_effect_loses_only_the_answer() -> None:
    shop = Shop()
    shop.faults.plan("sale_create", Fault(kind=FaultKind.ERROR_AFTER, status=500))
    shop.faults.plan("sale_create", Fault(kind=FaultKind.DROP_AFTER))
    assert (await shop.send("POST", "/sale", body=shop.header())).status == 500
    with pytest.raises(DropConnectionError):
        await shop.send("POST", "/sale", body=shop.header())
    assert len(shop.double.sales) == 2


@pytest.mark.parametrize(("kind", "created"), [(FaultKind.SLOW, 7), (FaultKind.SLOW_ANSWER, 0)])
async def test_slowness_comes_before_or_after_the_effect(kind: FaultKind, created: int) -> None:
    shop = Shop()
    shop.faults.plan("sale_create", Fault(kind=kind, seconds=7))
    await shop.create()
    assert shop.clock.slept == [7]
    assert shop.double.sales[0].created_ms == START + created * 1000
    assert shop.double.call_log[0].arrived_ms == START


async def test_a_malformed_answer_is_a_page_or_cut_or_an_error_under_200_and_done() -> None:
    shop = Shop()
    shop.faults.plan("sale_create", Fault(kind=FaultKind.MALFORMED), times=3)
    page, cut, error = [await shop.send("POST", "/sale", body=shop.header()) for _ in range(3)]
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.body)
    assert (error.status, set(json.loads(error.body)[0])) == (200, {"ErrorCode", "Exception"})
    assert len(shop.double.sales) == 3


async def test_faults_meet_neither_strangers_nor_limited_calls() -> None:
    shop = Shop(limit=1)
    shop.faults.plan("*", Fault(kind=FaultKind.DROP_BEFORE), times=5)
    await shop.send("GET", "/me", key="wrong")
    with pytest.raises(DropConnectionError):
        await shop.send("GET", "/me")
    assert (await shop.send("GET", "/me")).status == 429
    assert len(shop.faults.happened) == 1


async def test_a_seed_gives_the_same_books_and_another_seed_others() -> None:
    bodies = [(await Shop(seed=seed).send("GET", "/ref/location")).body for seed in (1, 1, 2)]
    assert bodies[0] == bodies[1] != bodies[2]
