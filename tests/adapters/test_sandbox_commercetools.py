"""The sandbox's commercetools behaves as the fact sheet says; every exchange here is held against the official spec."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from adapters.sandbox.carts import (
    CustomLineDraft,
    LineDraft,
    OrderDraft,
    PaymentDraft,
    PriceGroup,
    ShippingDraft,
    TaxRule,
)
from adapters.sandbox.catalogue import Item
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.faults import DropConnectionError, Fault, FaultKind
from adapters.sandbox.generator import STRANGER, UNKNOWN_TAX, Habits, OrderGenerator, Poison, orders_of
from adapters.sandbox.refusals import PlacementRefused
from adapters.sandbox.server import serve
from adapters.sandbox.totals import RoundingMode
from adapters.transport import Request
from tests.commercetools_world import START, Caller, HandClock

MUG, CAFETIERE, BOOK = "HW-MUG-STN-01", "HW-CAF-8C", "BK-CAMP-CKB"
EVEN, UP, DOWN = RoundingMode.HALF_EVEN, RoundingMode.HALF_UP, RoundingMode.HALF_DOWN
SYNC = {"action": "updateSyncInfo", "channel": {"typeId": "channel", "key": "cin7-core"}, "externalId": "SO-00042"}


class Place:
    """A double, its clock and somebody logged in."""

    def __init__(self, **knobs: Any) -> None:
        self.clock = HandClock()
        self.double = CommercetoolsDouble(clock=self.clock, **knobs)
        self.caller = Caller(self.double)

    def order(self, *lines: LineDraft, **fields: Any) -> str:
        draft = OrderDraft(lines=lines or (LineDraft(sku=MUG),), **fields)
        return self.double.place_order(draft)


async def place(**knobs: Any) -> Place:
    made = Place(**knobs)
    assert (await made.caller.log_in()).status == 200
    return made


# Totals, against the hand-written table of the money fact sheet §8.


def rate(percent: int, *, included: bool = True) -> TaxRule:
    return TaxRule(name=f"vat{percent}", rate=Decimal(percent) / 100, included=included, country="GB")


def cart(
    *lines: tuple[int, int, int], shipping: tuple[int, int] | None = None, included: bool = True, **fields: Any
) -> OrderDraft:
    """Lines are (quantity, unit in pence, percent), shipping (pence, percent)."""
    drafts = tuple(
        LineDraft(sku=MUG, quantity=quantity, unit_minor=unit, tax=rate(percent, included=included))
        for quantity, unit, percent in lines
    )
    ship = ShippingDraft(price_minor=shipping[0], tax=rate(shipping[1], included=included)) if shipping else None
    return OrderDraft(lines=drafts, shipping=ship, included=included, **fields)


def fixed(quantity: int, total: int, percent: int, *, included: bool = True) -> OrderDraft:
    """A line whose total was set from outside."""
    tax = rate(percent, included=included)
    return OrderDraft(lines=(LineDraft(sku=MUG, quantity=quantity, total_minor=total, tax=tax),))


def discounted_shipping(price: int, left: int) -> OrderDraft:
    line = LineDraft(sku=MUG, unit_minor=2000)
    return OrderDraft(lines=(line,), shipping=ShippingDraft(price_minor=price, discounted_minor=left))


UNIT: dict[str, Any] = {"tax_calculation": "UnitPriceLevel"}
TABLE: list[tuple[int, OrderDraft, int, int, list[int]]] = [
    # row, order, net, gross, tax of each item (lines, then shipping)
    (1, cart((1, 1999, 20), shipping=(495, 20)), 2078, 2494, [333, 83]),
    (2, cart((1, 999, 20), tax_rounding=EVEN), 832, 999, [167]),
    (3, cart((1, 999, 20), tax_rounding=UP), 833, 999, [166]),
    (4, cart((3, 999, 20), tax_rounding=DOWN), 2497, 2997, [500]),
    (5, cart((3, 999, 20), tax_rounding=UP), 2498, 2997, [499]),
    (6, cart((2, 1005, 19), shipping=(590, 19), included=False), 2600, 3094, [382, 112]),
    (7, cart((2, 2490, 19), (4, 349, 7), shipping=(490, 19)), 5902, 6866, [795, 91, 78]),
    (8, cart((2, 1250, 20), (1, 735, 5), (3, 399, 0), shipping=(395, 20)), 4309, 4827, [417, 35, 0, 66]),
    (9, cart((3, 108, 19), included=False), 324, 386, [62]),
    (10, cart((3, 108, 19), included=False, **UNIT), 324, 387, [63]),
    (11, cart((7, 99, 20), **UNIT), 574, 693, [119]),
    (16, fixed(3, 1000, 20), 833, 1000, [167]),
    (17, fixed(7, 1000, 19, included=False), 1000, 1190, [190]),
    (18, fixed(12, 10000, 20), 8333, 10000, [1667]),
    (32, discounted_shipping(495, 295), 1913, 2295, [333, 49]),
    (33, discounted_shipping(495, 0), 1667, 2000, [333, 0]),
    # beyond the table: a half either way, in net mode, where the gross is what is rounded
    (101, cart((1, 250, 1), included=False, tax_rounding=EVEN), 250, 252, [2]),
    (102, cart((1, 250, 1), included=False, tax_rounding=UP), 250, 253, [3]),
    (103, cart((1, 250, 1), included=False, tax_rounding=DOWN), 250, 252, [2]),
    (104, cart((1, 350, 1), included=False, tax_rounding=EVEN), 350, 354, [4]),
]


@pytest.mark.parametrize(("row", "draft", "net", "gross", "taxes"), TABLE, ids=[str(row[0]) for row in TABLE])
async def test_totals_are_those_of_the_table(
    row: int, draft: OrderDraft, net: int, gross: int, taxes: list[int]
) -> None:
    here = await place()
    order_id = here.double.place_order(draft)
    order = (await here.caller.get(f"/orders/{order_id}")).json
    taxed = order["taxedPrice"]
    assert (amount(taxed["totalNet"]), amount(taxed["totalGross"])) == (net, gross)
    assert amount(taxed["totalTax"]) == gross - net == sum(amount(part["amount"]) for part in taxed["taxPortions"])
    items = [*order["lineItems"], *([order["shippingInfo"]] if "shippingInfo" in order else [])]
    assert [amount(item["taxedPrice"]["totalTax"]) for item in items] == taxes
    assert here.double.payable(order_id) == gross
    paid_side = "totalGross" if draft.lines[0].tax is None or draft.lines[0].tax.included else "totalNet"
    assert amount(order["totalPrice"]) == amount(taxed[paid_side])


def amount(money: dict[str, Any]) -> int:
    return int(money["centAmount"])


async def test_portions_are_one_per_rate_with_the_rate_as_a_number() -> None:
    here = await place()
    order_id = here.double.place_order(cart((2, 2490, 19), (4, 349, 7), shipping=(490, 19)))
    answer = await here.caller.get(f"/orders/{order_id}")
    portions = answer.json["taxedPrice"]["taxPortions"]
    assert [(part["name"], part["rate"], amount(part["amount"])) for part in portions] == [
        ("vat19", 0.19, 873),
        ("vat7", 0.07, 91),
    ]
    assert b'"rate":0.19,' in answer.body  # as written, not as a binary float or a text


@pytest.mark.parametrize(
    ("bought", "off", "portions", "gap", "shipping_left"),
    [
        (cart((2, 4500, 20), shipping=(500, 20)), 1000, [1417], (834, 1000), 447),  # row 25
        (cart((1, 4000, 20), (2, 1550, 5), shipping=(495, 20)), 1000, [651, 128], (881, 1000), 430),  # row 26
        (cart((1, 3333, 20), (3, 1234, 5), included=False), 777, [593, 165], (777, 871), None),  # row 27
    ],
)
async def test_an_order_discount_lowers_the_totals_and_not_the_lines(
    bought: OrderDraft, off: int, portions: list[int], gap: tuple[int, int], shipping_left: int | None
) -> None:
    here = await place()
    plain = here.double.orders[here.double.place_order(bought)]
    order_id = here.double.place_order(msgspec.structs.replace(bought, discount_minor=off))
    order = (await here.caller.get(f"/orders/{order_id}")).json
    assert [amount(part["amount"]) for part in order["taxedPrice"]["taxPortions"]] == portions
    assert amount(order["totalPrice"]) == amount(plain["totalPrice"]) - off
    lines = [(line["totalPrice"], line["taxedPrice"]["totalTax"]) for line in order["lineItems"]]
    assert lines == [(line["totalPrice"], line["taxedPrice"]["totalTax"]) for line in plain["lineItems"]]
    discount = order["discountOnTotalPrice"]
    assert (amount(discount["discountedNetAmount"]), amount(discount["discountedGrossAmount"])) == gap
    if shipping_left is not None:
        assert amount(order["taxedShippingPrice"]["totalGross"]) == shipping_left


async def test_prices_of_every_kind() -> None:
    here = await place()
    order_id = here.order(
        LineDraft(sku=MUG, quantity=2, unit_minor=1750, list_minor=2500),
        LineDraft(
            sku=MUG,
            quantity=3,
            unit_minor=1000,
            groups=(PriceGroup(quantity=2, unit_minor=500), PriceGroup(quantity=1, unit_minor=1000)),
        ),
        LineDraft(sku=MUG, quantity=250, precise_unit=Decimal("0.0399")),
        LineDraft(sku=BOOK, gift=True),
        custom_lines=(CustomLineDraft(slug="voucher", name="Voucher", unit_minor=-500),),
    )
    order = (await here.caller.get(f"/orders/{order_id}")).json
    reduced, grouped, precise, gift = order["lineItems"]
    assert amount(reduced["price"]["value"]) == 2500
    assert amount(reduced["price"]["discounted"]["value"]) == 1750
    assert amount(grouped["totalPrice"]) == 2000
    assert [group["quantity"] for group in grouped["discountedPricePerQuantity"]] == [2, 1]
    assert precise["price"]["value"] == {
        "type": "highPrecision",
        "currencyCode": "GBP",
        "centAmount": 4,
        "preciseAmount": 399,
        "fractionDigits": 4,
    }
    assert amount(precise["totalPrice"]) == 998  # 9.975, half even
    assert (gift["lineItemMode"], amount(gift["totalPrice"])) == ("GiftLineItem", 0)
    assert amount(order["totalPrice"]) == 3500 + 2000 + 998 - 500


async def test_without_tax_there_are_no_tax_fields() -> None:
    here = await place()
    order = here.double.orders[here.order(LineDraft(sku=MUG, quantity=3, unit_minor=1200), tax_mode="Disabled")]
    assert "taxedPrice" not in order
    assert "taxedPrice" not in order["lineItems"][0]
    assert here.double.payable(order["id"]) == 3600


def test_yen_have_no_decimals() -> None:
    here = Place()
    order_id = here.order(LineDraft(sku=MUG, unit_minor=1980, tax=rate(10)), currency="JPY")
    total = here.double.orders[order_id]["totalPrice"]
    assert (total["centAmount"], total["fractionDigits"]) == (1980, 0)


# Authorisation.


async def test_the_wrong_secret_is_no_client() -> None:
    here = Place()
    answer = await Caller(here.double, credentials="sandbox-client:wrong").log_in()
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")


async def test_a_token_ends_after_its_lifetime() -> None:
    here = await place(token_lifetime_seconds=3600)
    here.clock.forward(3599)
    assert (await here.caller.get("")).status == 200
    here.clock.forward(1)
    answer = await here.caller.get("")
    assert (answer.status, answer.code) == (401, "invalid_token")
    await here.caller.log_in()
    here.double.tokens.revoke_all()
    assert (await here.caller.get("")).status == 401


async def test_scopes_decide_what_a_token_may_do() -> None:
    here = await place(scopes=("view_orders", "view_payments"))
    order_id = here.order()
    assert (await here.caller.get(f"/orders/{order_id}")).status == 200
    refused = await here.caller.act(order_id, SYNC)
    assert (refused.status, refused.code) == (403, "insufficient_scope")
    assert here.double.orders[order_id]["syncInfo"] == []
    assert (await here.caller.get("/channels/key=cin7-core")).status == 403
    narrowed = await here.caller.log_in("view_orders:acme")
    assert narrowed.json["scope"] == "view_orders:acme"
    unseen = await here.caller.get(f"/orders/{order_id}", ("expand", "paymentInfo.payments[*]"))
    assert "obj" not in unseen.json["paymentInfo"]["payments"][0]
    assert (await here.caller.log_in("manage_orders:acme")).json["error"] == "invalid_scope"


async def test_the_correlation_id_comes_back() -> None:
    here = await place()
    headers = {"authorization": f"Bearer {here.caller.token}", "X-Correlation-ID": "c-1"}
    response = await here.double.handle(Request(method="GET", url="http://x/acme", headers=headers))
    assert response.headers["x-correlation-id"] == "c-1"
    assert (await here.caller.get("")).headers["x-correlation-id"].startswith("acme/")


# Reading.


async def test_an_order_is_found_by_id_and_by_number() -> None:
    here = await place()
    order_id = here.order(order_number="W/1 ü")
    assert (await here.caller.get("/orders/order-number=W%2F1%20%C3%BC")).json["id"] == order_id
    for path in ("/orders/nobody", "/orders/order-number=nobody", "/channels/key=nobody", "/payments/nobody"):
        answer = await here.caller.get(path)
        assert (answer.status, answer.code) == (404, "ResourceNotFound")
    assert (await here.caller.get("/nothing", conform=False)).status == 404


async def test_expansion_puts_the_resource_beside_its_id() -> None:
    here = await place()
    order_id = here.order(LineDraft(sku=MUG, quantity=2), workflow_state="paid")
    await here.caller.act(order_id, SYNC)
    paths = ("paymentInfo.payments[*]", "state", "syncInfo[*].channel", "lineItems[*].state[*].state", "nowhere[*].x")
    order = (await here.caller.get(f"/orders/{order_id}", *(("expand", path) for path in paths))).json
    transactions = order["paymentInfo"]["payments"][0]["obj"]["transactions"]
    assert [(done["type"], done["state"], amount(done["amount"])) for done in transactions] == [
        ("Charge", "Success", 2590)
    ]
    assert order["state"]["obj"]["key"] == "paid"
    assert order["syncInfo"][0]["channel"]["obj"]["key"] == "cin7-core"
    assert order["lineItems"][0]["state"][0]["state"]["obj"]["key"] == "Initial"
    bare = (await here.caller.get(f"/orders/{order_id}")).json
    assert "obj" not in bare["state"]  # the books were not touched


async def test_channels_and_project_answer() -> None:
    here = await place()
    assert (await here.caller.get("/channels/key=cin7-core")).json["roles"] == ["OrderExport"]
    found = await here.caller.get("/channels", ("where", 'roles contains any ("OrderExport")'))
    assert [channel["key"] for channel in found.json["results"]] == ["cin7-core"]
    assert (await here.caller.get("")).json["productCatalogModel"] == "Classic"
    assert (await here.caller.get("/states/key=Initial")).json["builtIn"] is True


# Queries.


async def three_orders(here: Place) -> list[str]:
    ids = []
    for number in ("A", "B", "C"):
        ids.append(here.order(order_number=number, store="uk" if number == "B" else None))
        here.clock.forward(1)
    await here.caller.act(ids[1], SYNC)
    here.double.cancel(ids[2])
    return ids


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ('orderNumber = "A"', "A"),
        ('orderNumber != "A"', "BC"),
        ('orderNumber <> "A"', "BC"),
        ('orderNumber in ("A", "C")', "AC"),
        ('orderNumber not in ("A", "C")', "B"),
        ('createdAt > "2026-12-01T00:00:00.000Z"', "BC"),
        ('createdAt >= "2026-12-01T00:00:00Z"', "ABC"),
        ('createdAt < "2026-12-01T00:00:01Z"', "A"),
        ('createdAt <= "2026-12-01T01:00:01+01:00"', "AB"),
        ('createdAt = "2026-12-01T00:00:01.000Z"', "B"),
        ('not(orderState = "Open")', "C"),
        ('orderState = "Cancelled" or orderNumber = "A"', "AC"),
        ('orderNumber = "A" or orderNumber = "B" and orderState = "Cancelled"', "A"),
        ('(orderNumber = "A" or orderNumber = "C") and orderState = "Cancelled"', "C"),
        ("store is defined", "B"),
        ("store is not defined", "AC"),
        ("syncInfo is empty", "AC"),
        ("syncInfo is not empty", "B"),
        ('syncInfo(externalId="SO-00042")', "B"),
        ('not(syncInfo(externalId="SO-00042"))', "AC"),
        ('store(key="uk") and lineItems(variant(sku="HW-MUG-STN-01"))', "B"),
        ("totalPrice(centAmount >= 1295)", "ABC"),
        ("totalPrice(centAmount > 1295)", ""),
        ('customerEmail = "say \\"hi\\""', ""),
        ('`orderNumber` = "A"', "A"),
    ],
)
async def test_predicates(where: str, expected: str) -> None:
    here = await place()
    ids = await three_orders(here)
    assert sorted(await here.caller.found(where)) == sorted(ids["ABC".index(letter)] for letter in expected)


async def test_nested_ids_and_input_variables() -> None:
    here = await place()
    ids = await three_orders(here)
    payment = here.double.orders[ids[0]]["paymentInfo"]["payments"][0]["id"]
    assert await here.caller.found(f'paymentInfo(payments(id="{payment}"))') == [ids[0]]
    channel = here.double.channel_ids()["cin7-core"]
    both = 'syncInfo(channel(id=:ch) and externalId="SO-00042")'
    assert await here.caller.found(both, ("var.ch", channel)) == [ids[1]]
    many = (("var.n", "A"), ("var.n", "C"), ("sort", "id asc"))
    assert await here.caller.found("orderNumber in :n", *many) == sorted([ids[0], ids[2]])
    assert await here.caller.found('orderNumber in (:n, "C")', ("var.n", "A"), ("sort", "id asc")) == sorted(
        [ids[0], ids[2]]
    )
    since = ("var.from", "2026-12-01T00:00:02Z")
    assert await here.caller.found("createdAt >= :from", since) == [ids[2]]
    two = [("where", 'orderState = "Open"'), ("where", 'orderNumber != "A"')]
    assert [order["id"] for order in (await here.caller.get("/orders", *two)).json["results"]] == [ids[1]]


@pytest.mark.parametrize(
    "where",
    [
        "lastModified > 1",
        'syncInfo(channels(id="x"))',
        'createdAt > "yesterday"',
        'createdAt > "2026-12-01T00:00:00"',
        "id = :missing",
        'id = "a',
        'id = "a" and',
        'id = "a" id = "b"',
        "(id is defined",
        "id is",
        "id ! 3",
        "id not like 3",
        "contains",
        "",
    ],
)
async def test_a_predicate_that_is_none_is_refused(where: str) -> None:
    here = await place()
    answer = await here.caller.get("/orders", ("where", where))
    assert (answer.status, answer.code) == (400, "InvalidInput")


async def test_keyset_paging_sees_every_order_once_despite_ties() -> None:
    here = await place()
    ids = []
    for index in range(25):
        ids.append(here.order())
        here.clock.forward(0 if index % 3 else 0.001)  # most share their millisecond
    seen: list[str] = []
    where, pairs = "id is defined", [("sort", "lastModifiedAt asc"), ("sort", "id asc"), ("limit", "4")]
    while True:
        page = (await here.caller.get("/orders", ("where", where), *pairs, ("withTotal", "false"))).json
        assert "total" not in page
        if not page["results"]:
            break
        seen += [order["id"] for order in page["results"]]
        last = page["results"][-1]
        at, key = last["lastModifiedAt"], last["id"]
        where = f'lastModifiedAt > "{at}" or (lastModifiedAt = "{at}" and id > "{key}")'
    assert len(seen) == 25
    assert sorted(seen) == sorted(ids)


async def test_limits_of_a_page() -> None:
    here = await place()
    for _ in range(3):
        here.order()
    first = (await here.caller.get("/orders", ("limit", "2"))).json
    assert (first["count"], len(first["results"]), first["total"]) == (2, 2, 3)
    page = (await here.caller.get("/orders", ("limit", "2"), ("offset", "2"))).json
    assert (page["limit"], page["offset"], page["count"], page["total"]) == (2, 2, 1, 3)
    assert (await here.caller.get("/orders")).json["limit"] == 20
    for pair in (("limit", "501"), ("limit", "x"), ("offset", "10001"), ("sort", "price asc"), ("sort", "id up")):
        answer = await here.caller.get("/orders", pair, conform=False)
        assert (answer.status, answer.code) == (400, "InvalidInput")
    newest = (await here.caller.get("/orders", ("sort", "orderNumber desc"), ("limit", "1"))).json
    assert newest["results"][0]["orderNumber"] == "W100003"
    assert (await here.caller.get("/orders", ("unknown", "x"), conform=False)).json["count"] == 3


async def test_a_change_shows_in_lists_after_the_lag_and_by_id_at_once() -> None:
    here = await place(visibility_lag_seconds=4.0)
    order_id = here.order()
    assert await here.caller.found("id is defined") == []
    assert (await here.caller.get(f"/orders/{order_id}")).status == 200
    here.clock.forward(4)
    assert await here.caller.found('orderState = "Open"') == [order_id]
    here.double.cancel(order_id)
    assert await here.caller.found('orderState = "Open"') == [order_id]  # the list still shows the old version
    assert (await here.caller.get(f"/orders/{order_id}")).json["orderState"] == "Cancelled"
    here.clock.forward(4)
    assert await here.caller.found('orderState = "Open"') == []


async def test_orders_may_appear_in_another_order_than_they_were_changed_in() -> None:
    here = await place(visibility_lag_seconds=(0.0, 10.0), seed=3)
    ids = []
    for _ in range(10):
        ids.append(here.order())
        here.clock.forward(0.5)
    appeared: list[str] = []
    for _ in range(40):
        shown = await here.caller.found("id is defined")
        appeared += [order_id for order_id in shown if order_id not in appeared]
        here.clock.forward(0.5)
    assert sorted(appeared) == sorted(ids)
    assert appeared != ids


# Updates.


async def test_sync_info_is_set_by_key_or_id_and_raises_the_version() -> None:
    here = await place()
    order_id = here.order()
    here.clock.forward(5)
    answer = await here.caller.act(order_id, SYNC)
    assert answer.status == 200
    assert answer.json["version"] > 1
    assert answer.json["lastModifiedAt"] == "2026-12-01T00:00:05.000Z"
    channel = here.double.channel_ids()["cin7-core"]
    assert answer.json["syncInfo"] == [
        {
            "channel": {"typeId": "channel", "id": channel},
            "externalId": "SO-00042",
            "syncedAt": "2026-12-01T00:00:05.000Z",
        }
    ]
    by_id = {**SYNC, "channel": {"typeId": "channel", "id": channel}, "syncedAt": "2026-11-30T00:00:00Z"}
    again = await here.caller.act(order_id, by_id)
    assert [entry["syncedAt"] for entry in again.json["syncInfo"]][1] == "2026-11-30T00:00:00.000Z"  # appended
    replacing = await place(sync_info_appends=False)
    order_id = replacing.order()
    await replacing.caller.act(order_id, SYNC)
    assert len((await replacing.caller.act(order_id, {**SYNC, "externalId": "SO-2"})).json["syncInfo"]) == 1


async def test_versions_rise_by_more_than_one_at_times() -> None:
    here = await place()
    order_id = here.order()
    steps = set()
    for _ in range(30):
        before = here.double.orders[order_id]["version"]
        here.double.touch(order_id)
        steps.add(here.double.orders[order_id]["version"] - before)
    assert min(steps) == 1
    assert max(steps) > 1


async def test_a_stale_version_is_a_conflict_and_changes_nothing() -> None:
    here = await place()
    order_id = here.order()
    here.double.touch(order_id)
    current = here.double.orders[order_id]["version"]
    answer = await here.caller.act(order_id, SYNC, version=1)
    message = f"Object {order_id} has a different version than expected. Expected: 1 - Actual: {current}."
    assert answer.status == 409
    assert answer.json == {
        "statusCode": 409,
        "message": message,
        "errors": [{"code": "ConcurrentModification", "message": message, "currentVersion": current}],
    }
    assert here.double.orders[order_id]["syncInfo"] == []


async def test_states_change_and_a_change_to_the_same_leaves_the_version() -> None:
    here = await place()
    order_id = here.order()
    answer = await here.caller.act(
        order_id,
        {"action": "changeOrderState", "orderState": "Confirmed"},
        {"action": "changeShipmentState", "shipmentState": "Partial"},
        {"action": "changePaymentState", "paymentState": "Paid"},
    )
    assert [answer.json[f"{name}State"] for name in ("order", "shipment", "payment")] == [
        "Confirmed",
        "Partial",
        "Paid",
    ]
    again = await here.caller.act(order_id, {"action": "changeOrderState", "orderState": "Confirmed"})
    assert (again.status, again.json["version"]) == (200, answer.json["version"])


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ({"action": "launchRocket"}, "InvalidJsonInput"),
        ({"action": "changeOrderState", "orderState": "Canceled"}, "InvalidJsonInput"),
        ({"action": "changeShipmentState"}, "InvalidJsonInput"),
        ({**SYNC, "channel": {"typeId": "channel", "key": "paris"}}, "InvalidInput"),  # not an export channel
        ({**SYNC, "channel": {"typeId": "channel", "key": "nowhere"}}, "ReferencedResourceNotFound"),
        ({**SYNC, "channel": {"typeId": "channel"}}, "InvalidJsonInput"),
        ({**SYNC, "externalId": 42}, "InvalidJsonInput"),
        ({**SYNC, "syncedAt": "yesterday"}, "InvalidJsonInput"),
        ({"action": "setOrderNumber", "orderNumber": "other"}, "InvalidOperation"),
        ("updateSyncInfo", "InvalidJsonInput"),
    ],
)
async def test_a_wrong_action_is_refused_and_nothing_of_the_update_is_done(action: Any, code: str) -> None:
    here = await place()
    order_id = here.order()
    before = here.double.orders[order_id]
    answer = await here.caller.act(order_id, {"action": "changeOrderState", "orderState": "Confirmed"}, action)
    assert (answer.status, answer.code) == (400, code)
    assert here.double.orders[order_id] == before


async def test_an_order_number_is_given_once_and_only_once() -> None:
    here = await place()
    first, second = here.order(order_number="W1"), here.order(order_number="")
    assert "orderNumber" not in here.double.orders[second]
    taken = await here.caller.act(second, {"action": "setOrderNumber", "orderNumber": "W1"})
    assert (taken.status, taken.code) == (400, "DuplicateField")
    await here.caller.act(second, {"action": "setOrderNumber", "orderNumber": "W2"})
    assert here.double.order_id_of("W2") == second
    assert here.double.order_id_of("W1") == first


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b'{"actions":[]}', b'{"version":"1","actions":[]}', b'{"version":1}']
)
async def test_a_malformed_update_is_refused(body: bytes) -> None:
    here = await place()
    answer = await here.caller.post(f"/orders/{here.order()}", body, conform=False)
    assert (answer.status, answer.code) == (400, "InvalidJsonInput")


async def test_custom_objects_compare_and_set() -> None:
    here = await place()
    draft = {"container": "tallyd", "key": "main", "value": {"holder": "a", "beat": 1.5, "none": None}}
    first = await here.caller.post("/custom-objects", {**draft, "version": 0})
    assert (first.status, first.json["value"]) == (201, {"holder": "a", "beat": 1.5})
    assert (await here.caller.post("/custom-objects", {**draft, "version": 0})).status == 409
    version = first.json["version"]
    second = await here.caller.post("/custom-objects", {**draft, "version": version, "value": "b"})
    assert (second.status, second.json["id"], second.json["value"]) == (200, first.json["id"], "b")
    stale = await here.caller.post("/custom-objects", {**draft, "version": version})
    assert (stale.status, stale.json["errors"][0]["currentVersion"]) == (409, second.json["version"])
    assert (await here.caller.post("/custom-objects", draft)).status == 200  # without a version it just writes
    assert (await here.caller.delete("/custom-objects/tallyd/main", ("version", "1"))).status == 409
    assert (await here.caller.delete("/custom-objects/tallyd/main")).status == 200
    assert (await here.caller.get("/custom-objects/tallyd/main")).status == 404
    assert (await here.caller.post("/custom-objects", {**draft, "version": 7})).status == 409
    odd = await here.caller.post("/custom-objects", {**draft, "key": "a b"})
    assert (odd.status, odd.code) == (400, "InvalidInput")
    await here.caller.post("/custom-objects", {**draft, "container": "other"})
    assert (await here.caller.get("/custom-objects/tallyd")).json["count"] == 0
    assert (await here.caller.get("/custom-objects/other")).json["count"] == 1


# Stock.


async def test_an_order_leaves_its_entry_after_the_lag() -> None:
    here = await place(decrement_lag_seconds=8.0)
    opening = here.double.stock(MUG)
    here.order(LineDraft(sku=MUG, quantity=3))
    here.clock.forward(7.999)
    assert here.double.stock(MUG) == opening
    here.clock.forward(10)
    entry = (await here.caller.get("/inventory", ("where", f'sku = "{MUG}"'))).json["results"][0]
    assert (entry["quantityOnStock"], entry["availableQuantity"]) == (opening - 3, opening - 3)
    assert entry["version"] > 1
    assert entry["lastModifiedAt"] == "2026-12-01T00:00:08.000Z"  # when it fell, not when it was read


async def test_which_orders_take_stock() -> None:
    here = await place(decrement_lag_seconds=0.0)
    opening = here.double.stock(MUG)
    here.order(LineDraft(sku=MUG, quantity=3), inventory_mode="None")
    here.order(LineDraft(sku=MUG, quantity=3, inventory_mode="None"))
    assert here.double.stock(MUG) == opening
    order_id = here.order(LineDraft(sku=MUG, quantity=opening + 1))  # TrackOnly goes below zero
    assert here.double.stock(MUG) == -1
    here.double.cancel(order_id)
    assert here.double.stock(MUG) == -1  # nothing gives units back
    with pytest.raises(PlacementRefused, match="out of stock"):
        here.order(LineDraft(sku=BOOK), LineDraft(sku=MUG), inventory_mode="ReserveOnOrder")
    here.double.set_stock(MUG, 2)
    here.order(LineDraft(sku=MUG, quantity=2), inventory_mode="ReserveOnOrder")
    assert here.double.stock(MUG) == 0


async def test_a_supply_channel_has_its_own_entry() -> None:
    here = await place(decrement_lag_seconds=0.0)
    general = here.double.stock(MUG)
    with pytest.raises(PlacementRefused, match="no inventory entry"):
        here.order(LineDraft(sku=MUG, supply_channel="paris"))
    here.double.add_inventory(MUG, 5, channel="paris")
    order_id = here.order(LineDraft(sku=MUG, quantity=2, supply_channel="paris"))
    assert (here.double.stock(MUG, "paris"), here.double.stock(MUG)) == (3, general)
    order = (await here.caller.get(f"/orders/{order_id}", ("expand", "lineItems[*].supplyChannel"))).json
    assert order["lineItems"][0]["supplyChannel"]["obj"]["key"] == "paris"
    only_general = ("where", f'sku = "{MUG}" and supplyChannel is not defined')
    assert (await here.caller.get("/inventory", only_general)).json["results"][0]["quantityOnStock"] == general


async def test_inventory_updates_are_versioned() -> None:
    here = await place(decrement_lag_seconds=1.0)
    entry = (await here.caller.get(f"/inventory/key={MUG}")).json
    path, change = f"/inventory/{entry['id']}", {"action": "changeQuantity", "quantity": 7}
    here.order(LineDraft(sku=MUG))
    here.clock.forward(1)
    body = {"version": entry["version"], "actions": [change]}
    assert (await here.caller.post(path, body)).status == 409  # the order's deduction raised the version
    current = (await here.caller.get(path)).json["version"]
    body = {"version": current, "actions": [change, {"action": "removeQuantity", "quantity": 9}]}
    assert (await here.caller.post(path, body)).json["quantityOnStock"] == -2
    wrong = {"version": here.double.inventory[entry["id"]]["version"], "actions": [{"action": "changeQuantity"}]}
    assert (await here.caller.post(path, wrong, conform=False)).status == 400


# What customers do.


async def test_paying_changes_the_payment_and_not_the_order() -> None:
    here = await place()
    order_id = here.order(LineDraft(sku=MUG, quantity=2), payment=PaymentDraft(status="authorized"))
    before = here.double.orders[order_id]
    payment_id = before["paymentInfo"]["payments"][0]["id"]
    here.clock.forward(60)
    here.double.pay(order_id)
    assert here.double.orders[order_id] == before
    payment = (await here.caller.get(f"/payments/{payment_id}")).json
    assert [done["type"] for done in payment["transactions"]] == ["Authorization", "Charge"]
    assert payment["version"] > 1
    since = ("where", 'lastModifiedAt > "2026-12-01T00:00:30Z" and transactions(type="Charge" and state="Success")')
    assert [found["id"] for found in (await here.caller.get("/payments", since)).json["results"]] == [payment_id]


async def test_an_order_without_a_payment_gets_one_when_paid() -> None:
    here = await place()
    order_id = here.order(payment=PaymentDraft(status="absent"))
    assert "paymentInfo" not in here.double.orders[order_id]
    here.double.pay(order_id, 500)
    order = (await here.caller.get(f"/orders/{order_id}", ("expand", "paymentInfo.payments[*]"))).json
    assert amount(order["paymentInfo"]["payments"][0]["obj"]["transactions"][0]["amount"]) == 500
    assert order["version"] > 1


async def test_an_edit_prices_the_order_anew() -> None:
    here = await place()
    order_id = here.order(inventory_mode="None", discount_minor=100, order_number="W1")
    here.double.edit(order_id, OrderDraft(lines=(LineDraft(sku=MUG, quantity=4),), inventory_mode="None"))
    order = (await here.caller.get(f"/orders/{order_id}")).json
    assert (order["orderNumber"], amount(order["totalPrice"]), "discountOnTotalPrice" in order) == ("W1", 5180, False)
    with pytest.raises(PlacementRefused):
        here.double.edit(here.order(), OrderDraft(lines=(LineDraft(sku=MUG),)))


async def test_a_deleted_order_is_gone() -> None:
    here = await place(visibility_lag_seconds=1.0)
    order_id = here.order(order_number="W1")
    here.clock.forward(2)
    here.double.delete_order(order_id)
    assert (await here.caller.get(f"/orders/{order_id}")).status == 404
    assert await here.caller.found("id is defined") == []
    assert here.double.payable(order_id) == 1295


@pytest.mark.parametrize(
    "lines",
    [
        (),
        (LineDraft(sku="NOBODY-SELLS-THIS"),),
        (LineDraft(sku=MUG, quantity=0),),
        (LineDraft(sku=MUG, quantity=2, groups=(PriceGroup(quantity=1, unit_minor=1),)),),
    ],
)
def test_an_impossible_order_is_not_placed(lines: tuple[LineDraft, ...]) -> None:
    here = Place()
    with pytest.raises(PlacementRefused):
        here.double.place_order(OrderDraft(lines=lines))
    assert here.double.orders == {}


# Faults.


async def faulty(kind: FaultKind, **fields: Any) -> tuple[Place, str]:
    here = await place()
    order_id = here.order()
    here.double.faults.plan("order_update", Fault(kind=kind, **fields))
    return here, order_id


def done(here: Place, order_id: str) -> bool:
    return bool(here.double.orders[order_id]["syncInfo"])


@pytest.mark.parametrize(("status", "code"), [(500, "General"), (502, "BadGateway"), (503, "OverCapacity")])
@pytest.mark.parametrize(("kind", "effect"), [(FaultKind.ERROR_BEFORE, False), (FaultKind.ERROR_AFTER, True)])
async def test_an_error_before_or_after_the_effect(status: int, code: str, kind: FaultKind, effect: bool) -> None:
    here, order_id = await faulty(kind, status=status)
    answer = await here.caller.act(order_id, SYNC)
    assert (answer.status, answer.code, done(here, order_id)) == (status, code, effect)


@pytest.mark.parametrize(("kind", "effect"), [(FaultKind.DROP_BEFORE, False), (FaultKind.DROP_AFTER, True)])
async def test_a_cut_connection_before_or_after_the_effect(kind: FaultKind, effect: bool) -> None:
    here, order_id = await faulty(kind)
    with pytest.raises(DropConnectionError):
        await here.caller.act(order_id, SYNC)
    assert done(here, order_id) is effect
    assert here.double.request_log[-1].status is None


@pytest.mark.parametrize(("kind", "modified"), [(FaultKind.SLOW, 30), (FaultKind.SLOW_ANSWER, 0)])
async def test_slow_before_or_after_the_effect(kind: FaultKind, modified: int) -> None:
    here, order_id = await faulty(kind, seconds=30.0)
    answer = await here.caller.act(order_id, SYNC)
    assert (answer.status, here.clock.now()) == (200, START + 30_000)
    assert answer.json["lastModifiedAt"] == f"2026-12-01T00:00:{modified:02d}.000Z"


async def test_a_limit_answer_means_not_executed() -> None:
    here, order_id = await faulty(FaultKind.LIMITED)
    answer = await here.caller.act(order_id, SYNC)
    assert (answer.status, answer.headers["retry-after"], done(here, order_id)) == (429, "1", False)


async def test_malformed_answers_of_both_kinds() -> None:
    here = await place()
    order_id = here.order()
    here.caller.lenient = True
    here.double.faults.plan("order_read", Fault(kind=FaultKind.MALFORMED), times=12)
    kinds = set()
    for _ in range(12):
        answer = await here.caller.get(f"/orders/{order_id}")
        with pytest.raises(ValueError, match=r".*"):
            json.loads(answer.body)
        kinds.add(answer.headers["content-type"])
    assert kinds == {"text/html", "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("operation", "path"),
    [
        ("project", ""),
        ("order_list", "/orders"),
        ("order_read", "/orders/order-number=W1"),
        ("channel", "/channels/key=cin7-core"),
        ("payment_list", "/payments"),
        ("inventory_list", "/inventory"),
        ("custom_object_read", "/custom-objects/a/b"),
    ],
)
async def test_every_kind_of_request_has_its_fault(operation: str, path: str) -> None:
    here = await place()
    here.double.faults.plan(operation, Fault(kind=FaultKind.ERROR_BEFORE, status=503))
    assert (await here.caller.get(path)).status == 503
    assert here.double.request_log[-1].operation == operation


async def test_faults_are_drawn_once_per_authorised_request() -> None:
    here = Place()
    here.double.faults.plan("*", Fault(kind=FaultKind.ERROR_BEFORE))
    assert (await here.caller.get("")).status == 401
    assert (await Caller(here.double, credentials="a:b").log_in()).status == 401
    assert here.double.faults.happened == []
    here.caller.lenient = True
    assert (await here.caller.log_in()).status == 500
    assert (await here.caller.log_in()).status == 200


async def test_the_same_handler_serves_http() -> None:
    import aiohttp

    here = await place()
    order_id = here.order(order_number="W/1")
    async with serve(here.double.handle) as port, aiohttp.ClientSession() as session:
        headers = {"Authorization": f"Bearer {here.caller.token}"}
        url = f"http://127.0.0.1:{port}/acme/orders?where=orderNumber%3D%22W%2F1%22&limit=5"
        async with session.get(url, headers=headers) as answer:
            assert answer.status == 200
            assert [order["id"] for order in (await answer.json())["results"]] == [order_id]


# The generator.


def generator(seed: int = 7, **habits: Any) -> tuple[Place, OrderGenerator]:
    here = Place()
    return here, OrderGenerator(seed, here.double, clock=here.clock, habits=Habits(**habits))


def test_the_same_seed_draws_the_same_orders() -> None:
    first, second, other = generator()[1], generator()[1], generator(seed=8)[1]
    drafts = [first.next_draft() for _ in range(20)]
    assert drafts == [second.next_draft() for _ in range(20)]
    assert drafts != [other.next_draft() for _ in range(20)]


async def test_plain_orders_are_plain() -> None:
    here, orders = generator()
    await orders.run(rate_per_minute=60, count=300)
    assert orders.refused == []
    placed = [here.double.orders[order.order_id] for order in orders.placed]
    assert len(placed) == 300
    for order in placed:
        assert order["totalPrice"]["currencyCode"] == "GBP"
        assert len(order["taxedPrice"]["taxPortions"]) == 1
        assert order["customLineItems"] == []
        assert "discountOnTotalPrice" not in order
        assert 1 <= len(order["lineItems"]) <= 6
        assert all(line["variant"]["sku"] != STRANGER.sku for line in order["lineItems"])
        payment = here.double.payments[order["paymentInfo"]["payments"][0]["id"]]
        assert amount(payment["transactions"][0]["amount"]) == here.double.payable(order["id"])
    included = sum(order["lineItems"][0]["taxRate"]["includedInPrice"] for order in placed)
    assert 250 < included < 300
    lines = [line for order in placed for line in order["lineItems"]]
    assert sum("discounted" in line["price"] for line in lines) > 50
    assert sum(bool(line["discountedPricePerQuantity"]) for line in lines) > 3
    nudged = [amount(line["price"]["discounted"]["value"]) for line in lines if 0 < taken_off(line) < 6]
    assert len(nudged) > 50
    assert {price % 6 for price in nudged} == {3}  # at 20 % included, exactly half a penny is to be rounded
    assert 240 < (here.clock.now() - START) / 1000 < 360  # sixty a minute


def test_how_orders_are_paid_changes_nothing_else_of_them() -> None:
    plain, paid = generator()[1], generator(gift_card_paid=0.5, two_captures=0.5)[1]
    drafts = [(plain.next_draft(), paid.next_draft()) for _ in range(60)]
    for before, after in drafts:
        assert msgspec.structs.replace(after, payment=before.payment) == before
    means = {(after.payment.gift_card_percent, after.payment.captures) for _, after in drafts}
    assert means == {(0, 1), (0, 2), (50, 1), (50, 2)}


def taken_off(line: dict[str, Any]) -> int:
    price = line["price"]
    return amount(price["value"]) - amount(price["discounted"]["value"]) if "discounted" in price else 0


def test_generated_orders_conform_and_add_up() -> None:
    from tests.commercetools_spec import SPEC_IS_THERE, check_answer

    if not SPEC_IS_THERE:
        pytest.skip("the official specification is not at hand")
    here, orders = generator(excluded=0.5, price_groups=0.3)
    for poison in [None, *Poison] * 3:
        placed = orders.place_next(poison)
        assert placed is not None
        order = here.double.orders[placed.order_id]
        body = json.dumps(order, default=float).encode()
        assert check_answer("GET", f"/acme/orders/{placed.order_id}", 200, body) == []
        items = [*order["lineItems"], *order["customLineItems"], order["shippingInfo"]]
        whole = sum(amount(item["taxedPrice"]["totalGross"]) for item in items)
        off = order.get("discountOnTotalPrice", {}).get("discountedGrossAmount", {"centAmount": 0})
        assert here.double.payable(placed.order_id) == whole - amount(off)


def test_each_poison_is_in_its_order_and_in_no_other() -> None:
    here, orders = generator()

    def order(poison: Poison) -> dict[str, Any]:
        placed = orders.place_next(poison)
        assert placed is not None
        return here.double.orders[placed.order_id]

    assert order(Poison.UNMAPPED_SKU)["lineItems"][-1]["variant"]["sku"] == STRANGER.sku
    assert order(Poison.UNKNOWN_TAX)["lineItems"][0]["taxRate"]["name"] == UNKNOWN_TAX.name
    unpaid = order(Poison.UNPAID)
    assert here.double.payments[unpaid["paymentInfo"]["payments"][0]["id"]]["transactions"] == []
    assert len(order(Poison.SEVERAL_RATES)["taxedPrice"]["taxPortions"]) >= 3
    assert order(Poison.CUSTOM_LINE)["customLineItems"][0]["slug"] == "gift-wrap"
    assert order(Poison.ORDER_DISCOUNT)["discountOnTotalPrice"]["discountedAmount"]["centAmount"] > 0
    assert [len(orders_of(orders.placed, poison)) for poison in Poison] == [1] * 6


def test_habits_decide_how_often_orders_go_wrong() -> None:
    _, orders = generator(poisons={Poison.UNPAID: 0.5})
    for _ in range(60):
        orders.place_next()
    assert 15 < len(orders_of(orders.placed, Poison.UNPAID)) < 45


def test_what_the_shop_refuses_is_in_the_books() -> None:
    here = Place(items=(Item("ONE", "The only one", 500, 1, 20, "Home"),))
    orders = OrderGenerator(1, here.double, clock=here.clock, habits=Habits(inventory_mode="ReserveOnOrder"))
    for _ in range(5):
        orders.place_next()
    assert len(orders.placed) <= 1
    assert len(orders.placed) + len(orders.refused) == 5
