"""Returns of the local commercetools: every action, its refusals, what is told; nothing goes back on the shelf."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.sandbox.carts import LineDraft, PaymentDraft
from adapters.sandbox.refusals import Refusal
from tests.adapters.test_sandbox_deliveries import MUG, Place, place


def item(line: str, state: str = "Returned", **fields: Any) -> dict[str, Any]:
    return {"lineItemId": line, "quantity": 1, "shipmentState": state, **fields}


def adding(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"action": "addReturnInfo", "items": list(items), **fields}


def moving(state: str, key: str = "r-1") -> dict[str, Any]:
    return {"action": "setReturnShipmentState", "returnItemKey": key, "shipmentState": state}


def items(here: Place) -> list[dict[str, Any]]:
    return [one for info in here.order.get("returnInfo", ()) for one in info["items"]]


async def test_a_return_as_it_is_read_back() -> None:
    here = await place()
    assert "returnInfo" not in here.order
    here.clock.forward(60)
    wrap = {"customLineItemId": here.wrap, "quantity": 1, "shipmentState": "Returned"}
    mug = item(here.mug, "Advised", quantity=2, key="r-1", comment="One has a chip")
    when = "2026-12-01T00:00:30.000Z"
    order = (await here.act(adding(mug, wrap, returnTrackingId="RMA-1", returnDate=when))).json
    first, second = items(here)
    at = {"createdAt": "2026-12-01T00:01:00.000Z", "lastModifiedAt": "2026-12-01T00:01:00.000Z"}
    assert order["returnInfo"] == [{"items": [first, second], "returnTrackingId": "RMA-1", "returnDate": when}]
    assert first == {
        **{"id": first["id"], "type": "LineItemReturnItem", "lineItemId": here.mug, "quantity": 2, "key": "r-1"},
        **{"shipmentState": "Advised", "paymentState": "NonRefundable", "comment": "One has a chip", **at},
    }
    assert second == {
        **{"id": second["id"], "type": "CustomLineItemReturnItem", "customLineItemId": here.wrap, "quantity": 1},
        **{"shipmentState": "Returned", "paymentState": "Initial", **at},
    }
    assert first["id"] != second["id"]


@pytest.mark.parametrize("state", ["BackInStock", "Unusable"])
async def test_what_is_back_ends_on_the_shelf_or_as_waste_and_moves_no_stock(state: str) -> None:
    here = await place()
    here.clock.forward(30)  # whatever the order took has left by now
    await here.act(adding(item(here.mug, key="r-1"), item(here.mug, key="r-2")))
    stock = {entry["sku"]: entry["quantityOnStock"] for entry in here.double.inventory.values()}
    here.clock.forward(60)
    await here.act(moving(state))
    moved, other = items(here)
    assert (moved["shipmentState"], moved["lastModifiedAt"]) == (state, "2026-12-01T00:01:30.000Z")
    assert (other["shipmentState"], other["lastModifiedAt"]) == ("Returned", "2026-12-01T00:00:30.000Z")
    by_id = {"action": "setReturnShipmentState", "returnItemId": other["id"], "shipmentState": state}
    await here.act(by_id)
    assert [one["shipmentState"] for one in items(here)] == [state, state]
    here.clock.forward(3_600)
    here.double.settle()
    assert {entry["sku"]: entry["quantityOnStock"] for entry in here.double.inventory.values()} == stock


@pytest.mark.parametrize("state", ["NonRefundable", "Initial", "Refunded", "NotRefunded"])
async def test_the_money_of_a_return_is_set_and_not_told(state: str) -> None:
    here = await place()
    await here.act(adding(item(here.mug, key="r-1")))
    here.news()
    await here.act({"action": "setReturnPaymentState", "returnItemKey": "r-1", "paymentState": state})
    assert [one["paymentState"] for one in items(here)] == [state]
    assert here.news() == []


async def test_what_is_told_of_a_return() -> None:
    here = await place()
    await here.act(adding(item(here.mug, key="r-1")), adding(item(here.cafetiere, "Advised")))
    first, second = here.order["returnInfo"]
    assert here.news() == [
        {"type": "ReturnInfoAdded", "returnInfo": first},
        {"type": "ReturnInfoAdded", "returnInfo": second},
    ]
    await here.act(moving("BackInStock"))
    moved = {"returnItemId": first["items"][0]["id"], "returnShipmentState": "BackInStock"}
    assert here.news() == [{"type": "OrderReturnShipmentStateChanged", **moved}]


@pytest.mark.parametrize(
    ("action", "code"),
    [
        (moving("Returned"), "InvalidOperation"),
        (moving("Advised"), "InvalidOperation"),
        (moving("BackInStock", "r-advised"), "InvalidOperation"),
        (moving("Unusable", "r-shelf"), "InvalidOperation"),
        (moving("BackInStock", "r-9"), "InvalidOperation"),
        (moving("Restocked"), "InvalidJsonInput"),
        ({"action": "setReturnShipmentState", "returnItemKey": "r-1"}, "InvalidJsonInput"),
        ({"action": "setReturnShipmentState", "shipmentState": "BackInStock"}, "InvalidJsonInput"),
        ({**moving("BackInStock"), "returnItemId": "x"}, "InvalidJsonInput"),
        ({"action": "setReturnPaymentState", "returnItemKey": "r-1", "paymentState": "Paid"}, "InvalidJsonInput"),
        ({"action": "setReturnPaymentState", "returnItemKey": "r-9", "paymentState": "Initial"}, "InvalidOperation"),
        (adding(), "InvalidInput"),
        ({"action": "addReturnInfo"}, "InvalidJsonInput"),
        (adding(item("LINE", key="r-1")), "DuplicateField"),
        (adding(item("LINE", key="r-8"), item("LINE", key="r-8")), "DuplicateField"),
        (adding(item("LINE", key="r")), "InvalidJsonInput"),
        (adding(item("LINE", "BackInStock")), "InvalidInput"),
        (adding(item("LINE", "Unusable")), "InvalidInput"),
        (adding(item("LINE", "Back")), "InvalidJsonInput"),
        (adding(item("LINE", quantity="1")), "InvalidJsonInput"),
        (adding(item("somebody-else")), "InvalidInput"),
        (adding({"quantity": 1, "shipmentState": "Returned"}), "InvalidInput"),
        (adding(item("LINE"), returnTrackingId=7), "InvalidJsonInput"),
    ],
)
async def test_what_makes_no_sense_is_refused(action: dict[str, Any], code: str) -> None:
    here = await place()
    keys = {"r-1": "Returned", "r-advised": "Advised", "r-shelf": "Returned"}
    await here.act(
        adding(*(item(here.mug, state, key=key) for key, state in keys.items())), moving("Unusable", "r-shelf")
    )
    for draft in action.get("items", ()):
        if draft.get("lineItemId") == "LINE":
            draft["lineItemId"] = here.mug
    assert await here.refusal({"action": "changeOrderState", "orderState": "Complete"}, action) == code


# -- what people do ----------------------------------------------------------------------------------------------------


async def test_people_advise_and_receive_returns() -> None:
    here = await place()
    advised = here.double.advise_return(here.order_id, MUG, 2, key="r-1")
    received = here.double.receive_return(here.order_id, here.cafetiere, 1)
    first, second = items(here)
    assert (first["id"], first["lineItemId"], first["quantity"], first["key"]) == (advised, here.mug, 2, "r-1")
    assert (second["id"], second["lineItemId"], "key" in second) == (received, here.cafetiere, False)
    assert [one["shipmentState"] for one in items(here)] == ["Advised", "Returned"]
    assert [one["type"] for one in here.told] == ["ReturnInfoAdded", "ReturnInfoAdded"]
    twin = await place(lines=(LineDraft(sku=MUG), LineDraft(sku=MUG)))
    twin.double.receive_return(twin.order_id, twin.cafetiere, 1)  # the second line, though of the same SKU
    twin.double.receive_return(twin.order_id, MUG, 1)
    assert [one["lineItemId"] for one in items(twin)] == [twin.cafetiere, twin.mug]
    with pytest.raises(KeyError):
        here.double.advise_return(here.order_id, "HW-9", 1)
    with pytest.raises(Refusal):
        here.double.receive_return(here.order_id, MUG, 1, key="r-1")


async def test_a_refund_is_a_transaction_of_the_payment() -> None:
    here = await place(payment=PaymentDraft())
    before = here.order
    made = here.double.refund(here.order_id, 500, interaction_id="psp-1")
    given = here.double.refund(here.order_id, 250, state="Pending", transaction_id="t-9")
    payment = here.double.payments[before["paymentInfo"]["payments"][0]["id"]]
    charge, first, second = payment["transactions"]
    assert (charge["type"], first["type"], second["type"]) == ("Charge", "Refund", "Refund")
    assert (first["id"], first["amount"]["centAmount"], first["state"], first["interactionId"]) == (
        made,
        500,
        "Success",
        "psp-1",
    )
    assert (second["id"], second["amount"]["centAmount"], second["state"]) == ("t-9", 250, "Pending")
    assert "interactionId" not in second
    assert given == "t-9"
    assert here.order is before  # only the payment changed
    assert [(one["type"], one["transaction"]["id"]) for one in here.told] == [
        ("PaymentTransactionAdded", made),
        ("PaymentTransactionAdded", "t-9"),
    ]
    assert (await here.caller.get(f"/payments/{payment['id']}")).json["transactions"] == payment["transactions"]
