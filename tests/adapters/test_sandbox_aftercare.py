"""What people do to an order of the local commercetools after it was placed: edits, texts, payments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.sandbox.carts import LineDraft, OrderDraft, PaymentDraft
from adapters.sandbox.refusals import PlacementRefused
from tests.adapters.test_sandbox_deliveries import CAFETIERE, MUG, SEVERAL, Place, place

BOOK = "BK-CAMP-CKB"
SYNC = {"action": "updateSyncInfo", "channel": {"typeId": "channel", "key": "cin7-core"}, "externalId": "SO-00042"}
YORK = {"country": "GB", "streetName": "New Lane", "city": "York"}


async def editable(**changes: Any) -> Place:
    return await place(inventory_mode="None", **changes)


def ids(here: Place) -> dict[str, str]:
    return {line["variant"]["sku"]: line["id"] for line in here.order["lineItems"]}


async def shown(here: Place) -> dict[str, Any]:
    """Return the order as the API gives it, held against the specification."""
    found: dict[str, Any] = (await here.caller.get(f"/orders/{here.order_id}")).json
    return found


def redrafted(here: Place, **changes: Any) -> OrderDraft:
    return msgspec.structs.replace(here.double._drafts[here.order_id], **changes)


# -- edits -------------------------------------------------------------------------------------------------------------


_SKUS = (MUG, CAFETIERE, BOOK)
_QUANTITIES = st.dictionaries(st.sampled_from(_SKUS), st.integers(0, 9))
PRICES = ("totalPrice", "taxedPrice", "taxedShippingPrice", "discountOnTotalPrice")


@settings(max_examples=40, deadline=None)
@given(edits=st.lists(_QUANTITIES, min_size=1, max_size=3), discount=st.sampled_from([0, 100]))
def test_edited_however_often_an_order_is_priced_as_if_placed_anew(edits: list[dict[str, int]], discount: int) -> None:
    here = Place(inventory_mode="None", discount_minor=discount)
    left = {MUG: 3, CAFETIERE: 1}
    for quantities in edits:
        here.double.edit_order(here.order_id, quantities)
        left = {sku: quantity for sku, quantity in {**left, **quantities}.items() if quantity}
    draft = redrafted(here, lines=tuple(LineDraft(sku=sku, quantity=n) for sku, n in left.items()), order_number=None)
    order, anew = here.order, here.double.orders[here.double.place_order(draft)]
    assert {name: order.get(name) for name in PRICES} == {name: anew.get(name) for name in PRICES}
    told = [
        [(line["variant"]["sku"], line["quantity"], line["taxedPrice"]) for line in one["lineItems"]]
        for one in (order, anew)
    ]
    assert told[0] == told[1]
    assert len(ids(here)) == len(left)


async def test_the_lines_that_stay_keep_their_ids_wherever_they_stand() -> None:
    here = await editable()
    before, wrap = ids(here), here.wrap
    here.double.edit_order(here.order_id, {MUG: 0, BOOK: 1})
    assert ids(here)[CAFETIERE] == before[CAFETIERE]
    assert ids(here).keys() == {CAFETIERE, BOOK}
    assert ids(here)[BOOK] not in before.values()
    assert [line["id"] for line in here.order["customLineItems"]] == [wrap]
    twins = (LineDraft(sku=MUG), LineDraft(sku=MUG, quantity=2))
    there = await editable(lines=twins)
    was = [line["id"] for line in there.order["lineItems"]]
    there.double.edit(there.order_id, redrafted(there, lines=(LineDraft(sku=BOOK), *twins)))
    assert [line["id"] for line in there.order["lineItems"]][1:] == was


async def test_an_edit_is_told_by_one_message_and_no_change() -> None:
    here = await editable()
    here.double.subscribe(here.told.append, messages=False, changes=True)
    here.told.clear()
    before = here.order
    here.double.edit_order(here.order_id, {MUG: 4})
    assert here.order["version"] > before["version"]
    [news] = here.news()
    assert news["type"] == "OrderEditApplied"
    excerpts = [news["result"][f"excerpt{when}Edit"] for when in ("Before", "After")]
    assert [one["totalPrice"] for one in excerpts] == [before["totalPrice"], here.order["totalPrice"]]
    assert [one["version"] for one in excerpts] == [before["version"], here.order["version"]]


async def test_an_edit_leaves_alone_what_it_is_not_about() -> None:
    here = await editable(payment_state="Paid", custom_fields={"gift": "yes"}, purchase_order="PO-7")
    await here.act(
        SYNC,
        {"action": "addDelivery", "deliveryKey": "d-1", "items": [{"id": here.mug, "quantity": 1}]},
        {"action": "addReturnInfo", "items": [{"lineItemId": here.mug, "quantity": 1, "shipmentState": "Returned"}]},
        {"action": "changePaymentState", "paymentState": "CreditOwed"},
        {"action": "changeShipmentState", "shipmentState": "Partial"},
        {"action": "setShippingAddress", "address": YORK},
        {"action": "setCustomField", "name": "gift", "value": "no"},
        {"action": "setPurchaseOrderNumber"},
    )
    before = here.order
    here.double.edit_order(here.order_id, {MUG: 4})
    edited = {"lineItems", "totalPrice", "taxedPrice", "version", "lastModifiedAt"}
    assert {name: value for name, value in here.order.items() if name not in edited} == {
        name: value for name, value in before.items() if name not in edited
    }
    assert "purchaseOrderNumber" not in here.order
    assert (await shown(here))["shippingInfo"]["deliveries"][0]["key"] == "d-1"


async def test_an_edit_that_speaks_of_a_text_sets_it() -> None:
    here = await editable(purchase_order="PO-7", custom_fields={"gift": "yes"})
    here.double.edit(here.order_id, redrafted(here, delivery=YORK, purchase_order="", custom_fields={}))
    order = await shown(here)
    assert (order["shippingAddress"], order["customerEmail"]) == (YORK, "harriet.blythe@example.org")
    assert not {"purchaseOrderNumber", "custom"} & order.keys()


async def test_an_edit_of_an_order_of_several_shipments_keeps_their_deliveries() -> None:
    here = await editable(**SEVERAL)
    await here.act({"action": "addDelivery", "deliveryKey": "d-1", "shippingKey": "post", "items": []})
    here.double.edit_order(here.order_id, {CAFETIERE: 2})
    found = {one["shippingKey"]: one["shippingInfo"]["deliveries"] for one in (await shown(here))["shipping"]}
    assert ([one["key"] for one in found["post"]], found["van"]) == (["d-1"], [])


NOT_SOLD: list[Callable[[Place], None]] = [
    lambda here: here.double.edit_order(here.order_id, {MUG: -1}),
    lambda here: here.double.edit_order(here.order_id, {"HW-9": 1}),
    lambda here: here.double.edit(here.order_id, redrafted(here, lines=(), custom_lines=())),
    lambda here: here.double.edit(here.order_id, redrafted(here, inventory_mode="TrackOnly")),
]


@pytest.mark.parametrize("edit", NOT_SOLD)
async def test_an_edit_that_cannot_be_sold_changes_nothing(edit: Callable[[Place], None]) -> None:
    here = await editable()
    before, draft = here.order, redrafted(here)
    with pytest.raises(PlacementRefused):
        edit(here)
    assert (here.order, redrafted(here), here.told) == (before, draft, [])


# -- texts -------------------------------------------------------------------------------------------------------------

TEXTS: list[tuple[dict[str, Any], str, str, Any]] = [
    ({"action": "setShippingAddress", "address": YORK}, "shippingAddress", "OrderShippingAddressSet", YORK),
    ({"action": "setBillingAddress", "address": YORK}, "billingAddress", "OrderBillingAddressSet", YORK),
    (
        {"action": "setCustomerEmail", "email": "h@example.org"},
        "customerEmail",
        "OrderCustomerEmailSet",
        "h@example.org",
    ),
    (
        {"action": "setPurchaseOrderNumber", "purchaseOrderNumber": "PO-8"},
        "purchaseOrderNumber",
        "OrderPurchaseOrderNumberSet",
        "PO-8",
    ),
]


@pytest.mark.parametrize(("action", "field", "kind", "value"), TEXTS)
async def test_a_text_is_set_told_and_taken_away(action: dict[str, Any], field: str, kind: str, value: Any) -> None:
    here = await place(purchase_order="PO-7")
    old = here.order[field]
    name = next(name for name in action if name != "action")
    old_name = f"old{name[0].upper()}{name[1:]}"
    assert (await here.act(action)).json[field] == value
    assert here.news() == [{"type": kind, name: value, old_name: old}]
    version = here.order["version"]
    await here.act(action)
    assert (here.order["version"], here.news()) == (version, [])  # said again, nothing changes
    assert field not in (await here.act({"action": action["action"]})).json
    assert here.news() == [{"type": kind, old_name: value}]
    assert await here.refusal({**action, name: 7}) == "InvalidJsonInput"


async def test_people_send_an_order_elsewhere_under_the_same_name() -> None:
    here = await place()
    here.double.set_address(here.order_id, YORK)
    person = {"firstName": "Harriet", "lastName": "Blythe", "phone": "+44 1632 960114"}
    assert here.order["shippingAddress"] == {**person, "email": "harriet.blythe@example.org", **YORK}
    assert [one["type"] for one in here.news()] == ["OrderShippingAddressSet"]


async def test_custom_fields_come_change_and_go() -> None:
    here = await place(custom_fields={"gift": "yes"})

    async def told(**fields: Any) -> list[dict[str, Any]]:
        await here.act({"action": "setCustomField", **fields})
        return here.news()

    changed = {"name": "gift", "value": "no", "previousValue": "yes"}
    assert await told(name="gift", value="no") == [{"type": "OrderCustomFieldChanged", **changed}]
    assert await told(name="floor", value=3) == [{"type": "OrderCustomFieldAdded", "name": "floor", "value": 3}]
    assert here.order["custom"]["fields"] == {"gift": "no", "floor": 3}
    assert await told(name="gift") == [{"type": "OrderCustomFieldRemoved", "name": "gift"}]
    assert await told(name="gift") == []
    assert here.order["custom"]["fields"] == {"floor": 3}
    assert await here.refusal({"action": "setCustomField", "value": 3}) == "InvalidJsonInput"
    bare = await place()
    assert await bare.refusal({"action": "setCustomField", "name": "gift", "value": 3}) == "InvalidOperation"


# -- payments ----------------------------------------------------------------------------------------------------------


async def test_a_payment_is_added_and_removed() -> None:
    here = await place()
    first = here.double.add_payment(here.order_id)
    second = here.double.add_payment(here.order_id)
    names = [{"typeId": "payment", "id": payment} for payment in (first, second)]
    order = (await here.caller.get(f"/orders/{here.order_id}", ("expand", "paymentInfo.payments[*]"))).json
    planned = [one["obj"]["amountPlanned"]["centAmount"] for one in order["paymentInfo"]["payments"]]
    assert planned == [here.double.payable(here.order_id)] * 2
    assert here.order["paymentInfo"]["payments"] == names
    of_the_order = [one for one in here.told if one["resource"]["typeId"] == "order"]
    assert [one["paymentRef"] for one in of_the_order if one["type"] == "OrderPaymentAdded"] == names
    here.told.clear()
    version = here.order["version"]
    await here.act({"action": "addPayment", "payment": names[0]})
    assert here.order["version"] == version  # it is there already
    for name, last in zip(names, (False, True), strict=True):
        here.double.remove_payment(here.order_id, name["id"])
        assert here.news() == [{"type": "OrderPaymentRemoved", "paymentRef": name, "removedPaymentInfo": last}]
    assert "paymentInfo" not in await shown(here)
    assert {first, second} <= here.double.payments.keys()  # they stay, though nobody names them


@pytest.mark.parametrize("action", ["addPayment", "removePayment"])
@pytest.mark.parametrize(
    ("payment", "code"),
    [
        ({"typeId": "payment", "id": "p-9"}, "ReferencedResourceNotFound"),
        ({"typeId": "payment", "key": "p-9"}, "ReferencedResourceNotFound"),
        ({"typeId": "channel", "id": "p-9"}, "InvalidJsonInput"),
        ({"typeId": "payment"}, "InvalidJsonInput"),
        ("p-9", "InvalidJsonInput"),
        (None, "InvalidJsonInput"),
    ],
)
async def test_a_payment_nobody_knows_is_refused(action: str, payment: Any, code: str) -> None:
    here = await place(payment=PaymentDraft())
    assert await here.refusal({"action": action, "payment": payment}) == code


def payments(here: Place) -> list[dict[str, Any]]:
    return [here.double.payments[one["id"]] for one in here.order["paymentInfo"]["payments"]]


def charged(payment: dict[str, Any]) -> list[tuple[str, str, int]]:
    return [(one["type"], one["state"], one["amount"]["centAmount"]) for one in payment["transactions"]]


async def test_captures_by_several_means_are_payments_of_their_own() -> None:
    here = await place()
    here.clock.forward(60)
    first = here.double.capture(here.order_id, 1000)
    second = here.double.capture(here.order_id, 500, interface="giftcard", method="giftcard")
    before = here.order
    third = here.double.capture(here.order_id, 250)
    assert here.order is before  # a payment that is there changes alone
    card, gift = payments(here)
    assert [one["id"] for one in card["transactions"]] == [first, third]
    assert [one["id"] for one in gift["transactions"]] == [second]
    assert card["paymentMethodInfo"] == {"paymentInterface": "adyen", "method": "scheme"}
    assert gift["paymentMethodInfo"] == {"paymentInterface": "giftcard", "method": "giftcard"}
    assert (charged(card), charged(gift)) == (
        [("Charge", "Success", 1000), ("Charge", "Success", 250)],
        [("Charge", "Success", 500)],
    )
    [made] = gift["transactions"]
    assert (made["timestamp"], made["interactionId"]) == ("2026-12-01T00:01:00.000Z", f"psp-{second[:8]}")
    for payment in (card, gift):
        read = (await here.caller.get(f"/payments/{payment['id']}")).json
        assert read["transactions"] == payment["transactions"]


async def test_what_was_reserved_is_not_charged_and_a_charge_may_fail() -> None:
    here = await place()
    reserved = here.double.authorise_payment(here.order_id)
    failed = here.double.fail_charge(here.order_id, 700)
    [payment] = payments(here)
    owed = here.double.payable(here.order_id)
    assert charged(payment) == [("Authorization", "Success", owed), ("Charge", "Failure", 700)]
    assert [one["id"] for one in payment["transactions"]] == [reserved, failed]
    with pytest.raises(ValueError, match="nothing is left"):
        here.double.refund(here.order_id)
    here.double.capture(here.order_id, 1000)
    here.double.refund(here.order_id, 300)
    here.double.refund(here.order_id)
    assert [amount for kind, _, amount in charged(payments(here)[0]) if kind == "Refund"] == [300, 700]


async def test_a_refund_names_the_payment_it_goes_back_by() -> None:
    here = await place(payment=PaymentDraft())
    here.double.capture(here.order_id, 500, interface="giftcard", method="giftcard")
    card, gift = payments(here)
    here.double.refund(here.order_id, payment_id=gift["id"])
    assert [charged(payment)[-1][0] for payment in payments(here)] == ["Charge", "Refund"]
    assert charged(payments(here)[1])[-1] == ("Refund", "Success", 500)
    assert charged(payments(here)[0]) == charged(card)
    with pytest.raises(KeyError):
        here.double.refund(here.order_id, 1, payment_id="p-9")


@pytest.mark.parametrize(("percent", "captures"), [(0, 1), (50, 1), (0, 2), (33, 3)])
async def test_an_order_is_placed_with_all_that_pays_for_it(percent: int, captures: int) -> None:
    here = await place(payment=PaymentDraft(gift_card_percent=percent, captures=captures))
    made, owed = payments(here), here.double.payable(here.order_id)
    assert [one["paymentMethodInfo"]["paymentInterface"] for one in made] == ["adyen", "giftcard"][
        : 2 if percent else 1
    ]
    assert [len(one["transactions"]) for one in made] == [captures, 1][: len(made)]
    assert sum(one["amountPlanned"]["centAmount"] for one in made) == owed
    assert sum(amount for one in made for _, _, amount in charged(one)) == owed
    assert all(one["amount"]["centAmount"] > 0 for payment in made for one in payment["transactions"])
    await shown(here)
