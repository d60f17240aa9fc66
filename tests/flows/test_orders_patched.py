"""Orders edited at the desk before they become a sale: what stands in both books, and what a later edit does to it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.fulfilment.rules import FulfilmentRules
from adapters.operator.problems import ProblemError
from adapters.sandbox.carts import LineDraft, OrderDraft, PaymentDraft, ShippingDraft, rule_of
from adapters.transport import Request, Response
from storage import bodies, timeline
from storage.bodies import Sealer
from tests import finance_house
from tests.desk_edits import OLD, edit, editable, only, sell_old_mug, sold, withdraw
from tests.finance_house import house
from tests.simulation.laws import assert_within_the_limit, minor
from tests.simulation.world import Serve, World, intercept, plan, virtual, world
from tests.stock_house import BOWL, MUG, rules, stock_house

YORK = {"street": "7 Shambles", "postal_code": "YO1 7LZ", "city": "York"}
UNPAID = PaymentDraft(status="pending")
HELD = OrderDraft(
    lines=(LineDraft(sku=OLD, quantity=2), LineDraft(sku=BOWL, quantity=1)),
    shipping=ShippingDraft(tax=rule_of(20)),
    inventory_mode="TrackOnly",
)
"""Two old mugs and something Cin7 Core has, with shipping."""
UNCOUNTED = msgspec.structs.replace(HELD, inventory_mode="None")
"""The same; commercetools lets only such orders be edited."""


async def held(made: World, draft: OrderDraft = HELD) -> str:
    """An order that waits for a SKU."""
    order = made.shop.place_order(draft)
    await made.in_state(order, "held")
    assert made.daemon.open_types(order) == ["sku_unknown"]
    return order


async def waiting(made: World, **changes: Any) -> str:
    """An order that waits for its payment."""
    order = made.place(payment=UNPAID, inventory_mode="None", **changes)
    await made.in_state(order, "awaiting")
    return order


async def paid(made: World, order: str) -> None:
    """Pay an order, and wait until it is a sale."""
    made.shop.pay(order)
    await made.exported(order, within=180)
    await made.clock.sleep(10)


def address(made: World, order: str) -> dict[str, Any]:
    """Where Cin7 would send the order's sale."""
    return dict(only(made, order).header["ShippingAddress"])


def told(made: World, order: str) -> list[str]:
    """What the order's timeline says."""
    return [line.what for line in made.read(lambda connection: timeline.of_order(connection, order))]


# -- a SKU sold as another ---------------------------------------------------------------------------------------------


@virtual
async def test_an_order_for_an_unknown_sku_is_sold_as_its_alias_and_the_books_agree_to_the_cent() -> None:
    async with house(851) as made:
        sell_old_mug(made)
        order = await held(made)
        before = dict(made.shop.orders[order])
        done = await edit(made, order, "alias", sku=OLD, alias=MUG)
        assert done["done"]
        await made.exported(order, within=120)
        await made.clock.sleep(120)
        assert sold(made, order) == {MUG: 2, BOWL: 1}
        document, sale = made.shop.orders[order], only(made, order)
        assert minor(document["taxedPrice"]["totalGross"]) == sale.total
        assert minor(document["taxedPrice"]["totalNet"]) == sale.net
        assert made.daemon.open_types() == []
        assert finance_house.step(made, order)[0] == "agrees"
        assert finance_house.totals(finance_house.invoices(made, order)) == [f"{sale.total:.2f}"]
        assert document["lineItems"] == before["lineItems"], "the original stays"
        assert told(made, order).count("edited at the desk") == 1
        assert_within_the_limit(made)


@virtual
async def test_units_of_an_alias_are_taken_off_the_item_they_are_sold_as_and_once() -> None:
    async with stock_house(852, the_rules=rules()) as made:
        sell_old_mug(made.made)
        opening = made.available()
        await made.shows(opening)
        order = await held(made.made)
        await made.stays(opening, minutes=1)
        await edit(made.made, order, "alias", sku=OLD, alias=MUG)
        await made.shows(opening - 2, within=90)
        await made.made.exported(order, within=120)
        assert made.available() == opening - 2
        await made.stays(opening - 2)


@virtual
async def test_an_alias_that_is_withdrawn_gives_its_units_back_and_holds_the_order_again() -> None:
    async with stock_house(853, the_rules=rules()) as made:
        sell_old_mug(made.made)
        opening = made.available()
        unpaid = msgspec.structs.replace(HELD, payment=UNPAID)
        order = made.shop.place_order(unpaid)
        await made.made.in_state(order, "awaiting")
        done = await edit(made.made, order, "alias", sku=OLD, alias=MUG)
        await made.shows(opening - 2, within=90)
        assert (await withdraw(made.made, order, done["patch"]))["done"]
        await made.shows(opening, within=10 * 60)
        made.shop.pay(order)
        await made.made.in_state(order, "held", within=180)
        assert made.made.daemon.open_types(order) == ["sku_unknown"]


@virtual
async def test_what_is_shipped_of_an_alias_shows_on_the_line_it_was_ordered_by() -> None:
    async with world(854, the_plan=plan(fulfilment=FulfilmentRules())) as made:
        await made.ready()
        sell_old_mug(made)
        order = await held(made)
        await edit(made, order, "alias", sku=OLD, alias=MUG)
        await made.exported(order, within=120)
        await made.clock.sleep(30)
        made.cin7.ship_rest(only(made, order).id, tracking="T-1")
        await made.until(lambda: made.shop.orders[order].get("shipmentState") == "Shipped", within=400)
        assert sum(made.shop.delivered(order).values()) == 3
        assert made.daemon.open_types() == []


@virtual
async def test_what_comes_back_of_an_alias_is_credited_and_restocked_as_what_was_sold() -> None:
    async with house(856) as made:
        sell_old_mug(made)
        order = await held(made)
        await edit(made, order, "alias", sku=OLD, alias=MUG)
        await made.exported(order, within=120)
        await made.clock.sleep(120)
        sale = only(made, order)
        made.cin7.ship_rest(sale.id, tracking="T-1")
        await made.clock.sleep(400)
        made.shop.advise_return(order, OLD, 1, state="Returned")
        made.shop.refund(order, 1295)
        await made.until(lambda: finance_house.totals(finance_house.notes(made, order)) == ["12.95"], within=900)
        [note] = finance_house.notes(made, order)
        assert [(line.sku, int(line.quantity)) for line in note.lines] == [(MUG, 1)]
        await made.until(lambda: sum(made.cin7.restocked(sale.id).values()) == 1, within=900)
        await made.clock.sleep(900)
        assert made.daemon.open_types() == []


@virtual
async def test_an_aliased_order_that_is_read_anew_edited_or_cancelled_behaves() -> None:
    async with world(855) as made:
        await made.ready()
        sell_old_mug(made)
        order = await held(made, UNCOUNTED)
        await edit(made, order, "alias", sku=OLD, alias=MUG)
        await made.exported(order, within=120)
        for _ in range(2):
            made.shop.touch(order)
            await made.clock.sleep(30)
        assert made.daemon.open_types(order) == []
        assert made.calls("sale_update") == 0
        fewer = (LineDraft(sku=OLD, quantity=1), LineDraft(sku=BOWL, quantity=1))
        made.shop.edit(order, msgspec.structs.replace(UNCOUNTED, lines=fewer))
        await made.until(lambda: made.daemon.open_types(order) == ["order_edited"], within=60)
        [row] = made.daemon.open_exceptions(order)
        assert f"line {MUG} quantity 2 → 1" in row.cause
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=120)
        assert made.cin7.live_sales() == []


# -- texts about people ------------------------------------------------------------------------------------------------


@virtual
async def test_an_address_a_contact_and_a_note_show_on_the_sale_and_the_original_is_kept() -> None:
    async with world(861) as made:
        await made.ready()
        order = await waiting(made)
        original = dict(made.shop.orders[order])
        await edit(made, order, "address", **YORK)
        await edit(made, order, "contact", email="zoe@example.org", last_name="Fields")
        await edit(made, order, "note", note="Ring twice\nand wait")
        shown = await editable(made, order)
        assert shown["address", "city"]["now"] == "York"
        assert shown["address", "city"]["original"] == original["shippingAddress"]["city"]
        assert (shown["contact", "last_name"]["patched"], shown["contact", "phone"]["patched"]) == (True, False)
        await paid(made, order)
        sale = only(made, order)
        assert (address(made, order)["City"], address(made, order)["Line1"]) == ("York", "7 Shambles")
        assert sale.header["Email"] == "zoe@example.org"
        first = original["shippingAddress"]["firstName"]
        assert sale.header["Contact"] == f"{first} Fields"
        assert sale.header["Note"] == "Ring twice\nand wait"
        assert made.shop.orders[order]["shippingAddress"] == original["shippingAddress"]
        sealed = made.read(lambda connection: bodies.get(connection, order, "order"))
        plain = Sealer(made.plan.storage_key).open(sealed or b"", order_id=order, kind="order")
        assert b"York" not in plain
        assert original["shippingAddress"]["city"].encode() in plain
        assert made.calls("sale_update") == 0
        assert made.daemon.open_types() == []


@virtual
async def test_after_the_sale_the_newer_word_of_commercetools_counts() -> None:
    async with world(862) as made:
        await made.ready()
        order = await waiting(made)
        await edit(made, order, "address", **YORK)
        await paid(made, order)
        made.shop.touch(order)
        await made.clock.sleep(30)
        assert (address(made, order)["City"], made.calls("sale_update")) == ("York", 0)
        made.shop.set_address(order, {"streetName": "Bank", "streetNumber": "1", "city": "Selby", "country": "GB"})
        await made.until(lambda: address(made, order)["City"] == "Selby", within=60)
        assert address(made, order)["Line1"] == "Bank 1"
        assert made.daemon.open_types(order) == []
        with pytest.raises(ProblemError, match="sale SO-"):
            await edit(made, order, "address", **YORK)


@virtual
async def test_an_edit_gives_way_to_what_commercetools_says_since() -> None:
    async with world(863) as made:
        await made.ready()
        order = await waiting(made)
        await edit(made, order, "address", **YORK)
        made.shop.set_address(order, {"streetName": "Bank", "streetNumber": "1", "city": "Selby", "country": "GB"})
        await made.clock.sleep(30)
        assert (await editable(made, order))["address", "city"]["now"] == "Selby"
        await paid(made, order)
        assert (address(made, order)["City"], address(made, order)["Line1"]) == ("Selby", "Bank 1")


@virtual
async def test_a_text_that_is_too_long_is_mended_by_an_edit() -> None:
    async with world(864) as made:
        await made.ready()
        order = made.place(inventory_mode="None", payment=UNPAID)
        made.shop.set_address(order, {"streetName": "x" * 300, "city": "Leeds", "country": "GB"})
        made.shop.pay(order)
        await made.in_state(order, "held", within=120)
        assert made.daemon.open_types(order) == ["field_too_long"]
        await edit(made, order, "address", street="3 Park St")
        await made.exported(order, within=60)
        assert address(made, order)["Line1"] == "3 Park St"
        assert made.daemon.open_types(order) == []


# -- texts whose time is over ------------------------------------------------------------------------------------------


async def expired(made: World) -> None:
    """Let the time of every edit's texts be over."""
    await made.daemon.write(lambda connection: connection.execute("DELETE FROM bodies WHERE kind LIKE 'patch:%'"))


@virtual
async def test_an_order_whose_edit_is_lost_is_held_and_never_sent_to_the_original() -> None:
    async with world(871) as made:
        await made.ready()
        order, other = await waiting(made), await waiting(made)
        first = await edit(made, order, "address", **YORK)
        await edit(made, other, "address", **YORK)
        await expired(made)
        made.shop.pay(order)
        made.shop.pay(other)
        await made.in_state(order, "held", within=180)
        await made.in_state(other, "held", within=180)
        assert made.daemon.open_types() == ["desk_edit_lost"] * 2
        assert made.cin7.sales == []
        assert (await editable(made, order))["address", "city"]["lost"]
        await withdraw(made, order, first["patch"])
        await edit(made, other, "address", **YORK)
        await made.exported(order, other, within=60)
        assert address(made, order)["City"] != "York"
        assert address(made, other)["City"] == "York"
        assert made.daemon.open_types() == []


@virtual
async def test_a_sale_keeps_what_an_edit_gave_it_when_that_is_lost() -> None:
    async with world(872) as made:
        await made.ready()
        order = await waiting(made)
        await edit(made, order, "address", **YORK)
        await edit(made, order, "note", note="Ring twice")
        await paid(made, order)
        await expired(made)
        made.shop.act(order, {"action": "setPurchaseOrderNumber", "purchaseOrderNumber": "PO-9"})
        await made.clock.sleep(60)
        assert (address(made, order)["City"], only(made, order).header["Note"]) == ("York", "Ring twice")
        made.shop.act(order, {"action": "setCustomerEmail", "email": "new@example.org"})
        await made.until(lambda: only(made, order).header["Email"] == "new@example.org", within=60)
        assert (address(made, order)["City"], only(made, order).header["Note"]) == ("York", "Ring twice")
        assert made.daemon.open_types(order) == []


# -- while the order is on its way -------------------------------------------------------------------------------------


@virtual
async def test_an_edit_while_the_order_is_being_judged_reaches_its_sale_all_the_same() -> None:
    async with world(881) as made:
        await made.ready()
        order = await waiting(made)
        edited: list[str] = []

        async def amid(request: Request, serve: Serve) -> Response:
            answer = await serve(request)
            if f"/orders/{order}" in request.url and not edited:
                edited.append(order)
                await edit(made, order, "address", **YORK)
            return answer

        intercept(made.ct_network, amid)
        await paid(made, order)
        assert edited
        await made.until(lambda: address(made, order)["City"] == "York", within=60)
        assert made.daemon.open_types(order) == []


@virtual
async def test_while_the_sale_is_being_made_an_edit_is_refused() -> None:
    async with world(882) as made:
        await made.ready()
        order = await waiting(made)
        refused: list[str] = []

        async def amid(request: Request, serve: Serve) -> Response:
            if request.method == "POST" and request.url.endswith("/sale"):
                with pytest.raises(ProblemError, match="may be made at this moment"):
                    await edit(made, order, "address", **YORK)
                refused.append(order)
            return await serve(request)

        intercept(made.cin7_network, amid)
        await paid(made, order)
        assert refused == [order]
        assert address(made, order)["City"] != "York"
