"""Orders edited after their sale exists: what is applied, what is told, what is held, and what ends each of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from actors.domain import edits
from actors.domain.crashpoints import WritePhase
from actors.domain.notes import NOTE, SHIPPING_NOTES
from adapters.sandbox.carts import LineDraft, PaymentDraft
from adapters.sandbox.faults import Fault, FaultKind
from adapters.transport import Request, Response
from daemon import actions
from storage import exceptions, exported, timeline
from storage.exceptions import ExceptionRow
from tests.simulation.laws import assert_exactly_once, sale_of
from tests.simulation.life import Messenger, News
from tests.simulation.senders import plan_with_doors
from tests.simulation.world import Serve, World, intercept, plan, virtual, world

MUG = "HW-MUG-STN-01"
YORK = {"streetName": "Shambles", "streetNumber": "7", "city": "York", "postalCode": "YO1 7LZ", "country": "GB"}
FIELDS = {"gift": NOTE, "door": SHIPPING_NOTES, "desk": "AdditionalAttribute3"}


def mapped() -> Any:
    """The plan of these runs, with custom fields mapped."""
    base = plan()
    return plan(posting=msgspec.structs.replace(base.posting, fields=FIELDS))


async def placed(made: World, **changes: Any) -> tuple[str, Any]:
    """An exported order, and its sale in Cin7's books."""
    await made.ready()
    order = made.place(**{"inventory_mode": "None", **changes})
    await made.exported(order)
    await made.clock.sleep(10)
    return order, only(made, order)


def only(made: World, order: str) -> Any:
    """The one live sale of an order."""
    [sale] = sale_of(made, made.shop.orders[order])
    return sale


def city(sale: Any) -> str:
    """Where Cin7 would send it."""
    return str(sale.header["ShippingAddress"]["City"])


def lines_of(made: World, order: str, what: str) -> list[dict[str, Any]]:
    """The lines of the order's timeline of one kind."""
    rows = made.read(lambda connection: timeline.of_order(connection, order))
    return [line.detail for line in rows if line.what == what]


async def told(made: World, order: str, *types: str, within: float = 30) -> list[ExceptionRow]:
    """Wait until exactly these are open, and return them."""
    await made.until(lambda: made.daemon.open_types(order) == sorted(types), within=within)
    return made.daemon.open_exceptions(order)


async def look(made: World, order: str) -> None:
    """What a nudge leads to."""
    await made.daemon.nudge(order)
    await made.clock.sleep(5)


async def act(made: World, action: Callable[..., Any], ref: Any) -> dict[str, Any]:
    """Do what a person does by the command line."""
    app: Any = SimpleNamespace(engine=made.engine, settings=SimpleNamespace(finance=SimpleNamespace(four_eyes=False)))
    done: dict[str, Any] = await action(app, ref, author="ann", reason="seen to")
    await made.clock.sleep(10)
    return done


def answers(made: World, status: int, words: bytes, *, method: str = "PUT") -> Callable[[], None]:
    """Have Cin7 answer every change of a sale this way; return what ends it."""

    async def answer(request: Request, serve: Serve) -> Response:
        if request.method != method:
            return await serve(request)
        return Response(status=status, headers={"content-type": "application/json"}, body=words)

    return intercept(made.cin7_network, answer)


# -- applied -----------------------------------------------------------------------------------------------------------


@virtual
async def test_an_address_is_changed_on_the_sale_as_long_as_nothing_is_picked() -> None:
    async with world(301) as made:
        order, sale = await placed(made)
        before = city(sale)
        made.shop.set_address(order, YORK)
        await made.until(lambda: city(sale) == "York", within=15)
        assert before != "York"
        assert "Shambles" in sale.header["ShippingAddress"]["Line1"]
        await told(made, order)
        [line] = lines_of(made, order, "sale changed")
        assert set(line["fields"].split(", ")) >= {"shippingAddress.city", "shippingAddress.postcode"}
        assert "York" not in str(line)
        assert made.calls("sale_update") == 1
        assert made.daemon.state(order) == "exported"
        assert_exactly_once(made)


@pytest.mark.parametrize(
    ("action", "header"),
    [
        ({"action": "setCustomerEmail", "email": "new@example.org"}, {"Email": "new@example.org"}),
        ({"action": "setPurchaseOrderNumber", "purchaseOrderNumber": "PO-9"}, {"Note": "PO PO-9"}),
        ({"action": "setBillingAddress", "address": YORK | {"lastName": "Payer"}}, {"City": "York"}),
    ],
    ids=["email", "purchase order", "billing"],
)
@pytest.mark.parametrize("picked", [False, True], ids=["", "picked"])
@virtual
async def test_texts_are_changed_before_and_after_the_pick(
    action: dict[str, Any], header: dict[str, str], picked: bool
) -> None:
    async with world(302) as made:
        order, sale = await placed(made)
        if picked:
            made.cin7.authorise_pick(sale.id)
        made.shop.act(order, action)
        wanted = lambda: all({**sale.header, **sale.header["BillingAddress"]}.get(k) == v for k, v in header.items())  # noqa: E731
        await made.until(wanted, within=15)
        assert await told(made, order) == []
        assert made.calls("sale_update") == 1


@virtual
async def test_mapped_custom_fields_are_changed_and_only_they_are_sent() -> None:
    async with world(303, the_plan=mapped()) as made:
        order, sale = await placed(made, custom_fields={"gift": "For Ann", "desk": "Zoe", "other": "x"})
        sale.header["ShippingNotes"] = "written by the warehouse"
        fields = made.shop.orders[order]["custom"]["fields"]
        made.shop._change(order, {"custom": {**made.shop.orders[order]["custom"], "fields": {**fields, "desk": "Cy"}}})
        await made.until(lambda: sale.header["AdditionalAttributes"]["AdditionalAttribute3"] == "Cy", within=15)
        assert sale.header["ShippingNotes"] == "written by the warehouse"
        assert sale.header["Note"] == "For Ann"
        other = {**made.shop.orders[order]["custom"], "fields": {**fields, "desk": "Cy", "other": "y"}}
        made.shop._change(order, {"custom": other})
        await made.clock.sleep(30)
        assert made.calls("sale_update") == 1, "what is not mapped is no matter of the sale's"


@virtual
async def test_what_concerns_no_sale_costs_no_call_to_cin7() -> None:
    async with world(304) as made:
        order, _ = await placed(made)
        before = len(made.cin7.call_log)
        by_then = [call.operation for call in made.cin7.call_log]
        for _ in range(3):
            made.shop.touch(order)
            await made.clock.sleep(5)
        made.shop._change(order, {"orderState": "Confirmed"})
        await made.clock.sleep(5)
        asked = [call.operation for call in made.cin7.call_log[before:]]
        assert {"sale_read", "sale_update"} & set(asked) == set(), (by_then, asked)


@virtual
async def test_an_edit_seen_twice_and_late_is_applied_once() -> None:
    async with world(305) as made:
        order, sale = await placed(made)
        made.ct_network.reachable = False
        made.shop.set_address(order, YORK | {"city": "Selby"})
        made.shop.set_address(order, YORK)
        await made.clock.sleep(60)
        made.ct_network.reachable = True
        await made.until(lambda: city(sale) == "York", within=120)
        await look(made, order)
        await look(made, order)
        assert made.calls("sale_update") == 1


BLANK: dict[str, Any] = {"ExternalID": "", "CustomerReference": "", "AdditionalAttributes": {}, "ShipBy": None}


@virtual
async def test_an_account_that_replaces_what_it_is_not_told_loses_nothing_by_a_change() -> None:
    async with world(306, the_plan=mapped()) as made:
        order, sale = await placed(made, custom_fields={"gift": "For Ann", "desk": "Zoe"})
        sale.header |= {"SalesRepresentative": "Eve", "PriceTier": "Tier 1"}
        sale.header["AdditionalAttributes"]["AdditionalAttribute7"] = "written by the warehouse"
        header, reference, external = dict(sale.header), sale.reference, sale.external_id

        async def replace(request: Request, serve: Serve) -> Response:
            if request.method == "PUT":
                body = json.loads(request.body or b"")
                assert (body["CustomerID"], body["Location"]) == (sale.customer.id, sale.location.name)
                sale.header = {"AdditionalAttributes": {}}
                request = msgspec.structs.replace(request, body=json.dumps(BLANK | body).encode())
            return await serve(request)

        intercept(made.cin7_network, replace)
        made.shop.set_address(order, YORK)
        await made.until(lambda: len(lines_of(made, order, "sale changed")) == 1, within=30)
        assert city(sale) == "York"
        parts = {name for name in header if name not in ("ShippingAddress", "Contact", "Phone") and header[name]}
        assert {name: sale.header.get(name) for name in parts} == {name: header[name] for name in parts}
        assert (sale.reference, sale.external_id) == (reference, external)
        fields = made.shop.orders[order]["custom"]["fields"]
        made.shop._change(order, {"custom": {**made.shop.orders[order]["custom"], "fields": fields | {"desk": "Cy"}}})
        await made.until(lambda: sale.header["AdditionalAttributes"]["AdditionalAttribute3"] == "Cy", within=15)
        assert sale.header["AdditionalAttributes"]["AdditionalAttribute7"] == "written by the warehouse"
        assert await told(made, order) == []
        assert_exactly_once(made)


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "answer lost"])
@virtual
async def test_a_change_of_texts_that_moves_the_money_is_told_to_finance(lost: bool) -> None:
    async with world(307) as made:
        order, sale = await placed(made)
        before = sale.tax_inclusive

        async def mistake(request: Request, serve: Serve) -> Response:
            if request.method == "PUT":
                sale.tax_inclusive = not before
            return await serve(request)

        intercept(made.cin7_network, mistake)
        if lost:
            made.cin7_faults.plan("sale_update", Fault(kind=FaultKind.DROP_AFTER))
        made.shop.set_address(order, YORK)
        [row] = await told(made, order, "totals_differ")
        assert row.owner == "finance"
        assert {row.facts["TaxCalculation before"], row.facts["TaxCalculation now"]} == {"Inclusive", "Exclusive"}
        assert "York" not in str(row)
        reconciled = made.read(lambda connection: connection.execute("SELECT reconciled FROM orders").fetchone()[0])
        assert not reconciled, "nothing of it is posted"
        assert city(sale) == "York"


# -- told --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shipped", [False, True], ids=["picked", "shipped"])
@virtual
async def test_after_the_pick_the_address_is_left_and_told_until_the_pick_is_undone(shipped: bool) -> None:
    async with world(310) as made:
        order, sale = await placed(made)
        made.cin7.authorise_pick(sale.id)
        if shipped:
            made.cin7.authorise_ship(sale.id)
        before = city(sale)
        made.shop.set_address(order, YORK)
        [row] = await told(made, order, "edit_not_applied")
        assert row.owner == "ops"
        assert "York" not in str(row)
        assert ("left the house" if shipped else "pick is authorised") in row.cause
        assert row.facts["shippingAddress.city now"] == "changed"
        await look(made, order)
        assert city(sale) == before
        assert made.calls("sale_update") == 0, "no change is tried that could not matter"
        assert made.daemon.state(order) == "exported"
        if shipped:
            made.cin7.undo_ship(sale.id)
        made.cin7.undo_pick(sale.id)
        await look(made, order)
        assert await told(made, order) == []
        assert city(sale) == "York"


@pytest.mark.parametrize("news", list(News))
@pytest.mark.parametrize("seen", [True, False], ids=["pick seen", "pick undone at once"])
@virtual
async def test_once_the_pick_is_undone_the_address_is_applied_however_that_is_told(news: News, seen: bool) -> None:
    async with world(316, the_plan=plan_with_doors(base=plan()), cin7={"webhook_seconds": 0.2}) as made:
        messenger = Messenger(made, news)
        messenger.begin()
        messenger.start()
        order, sale = await placed(made)
        await messenger.listen()
        made.cin7.authorise_pick(sale.id)
        if seen:
            await made.until(lambda: made.shop.orders[order].get("shipmentState") == "Ready", within=120)
        made.shop.set_address(order, YORK)
        await told(made, order, "edit_not_applied", within=120)
        made.cin7.undo_pick(sale.id)
        await made.until(lambda: city(sale) == "York", within=200)
        assert await told(made, order) == []
        assert made.calls("sale_update") == 1


@virtual
async def test_what_else_was_changed_is_applied_beside_an_address_that_is_not() -> None:
    async with world(311) as made:
        order, sale = await placed(made)
        made.cin7.authorise_pick(sale.id)
        before = city(sale)
        made.shop.act(
            order,
            {"action": "setCustomerEmail", "email": "new@example.org"},
            {"action": "setShippingAddress", "address": YORK | {"lastName": "Cy", "phone": "+44 1904 1"}},
        )
        await told(made, order, "edit_not_applied")
        assert (sale.header["Email"], sale.header["Contact"], city(sale)) == ("new@example.org", "Cy", before)
        for _ in range(3):
            await look(made, order)
        assert made.calls("sale_update") == 1


@virtual
async def test_a_change_that_is_taken_back_is_told_no_more() -> None:
    async with world(312) as made:
        order, sale = await placed(made)
        address = made.shop.orders[order]["shippingAddress"]
        made.cin7.authorise_pick(sale.id)
        made.shop.set_address(order, YORK)
        await told(made, order, "edit_not_applied")
        made.shop.act(order, {"action": "setShippingAddress", "address": address})
        assert await told(made, order) == []
        assert made.calls("sale_update") == 0


@pytest.mark.parametrize("status", [400, 200])
@virtual
async def test_what_cin7_refuses_is_told_in_its_words_and_tried_when_something_moves(status: int) -> None:
    async with world(313) as made:
        order, sale = await placed(made)
        words = b'[{"ErrorCode": 400, "Exception": "Sale is locked by the books. York is far."}]'
        undo = answers(made, status, words)
        made.shop.set_address(order, YORK)
        [row] = await told(made, order, "edit_not_applied")
        assert "locked by the books" in row.cause
        assert "York" not in str(row), "Cin7 may quote what it was sent"
        sent = len(lines_of(made, order, "call cin7.update_sale"))
        await made.clock.sleep(600)
        assert len(lines_of(made, order, "call cin7.update_sale")) == sent == 1
        undo()
        await look(made, order)
        assert await told(made, order) == []
        assert city(sale) == "York"


@virtual
async def test_a_text_that_cannot_be_sent_is_told() -> None:
    async with world(314) as made:
        order, sale = await placed(made)
        made.shop.set_address(order, YORK | {"postalCode": "Y" * 21})
        [row] = await told(made, order, "edit_not_applied")
        assert "Postcode takes 20 characters" in row.cause
        assert "YYY" not in str(row)
        made.shop.set_address(order, YORK)
        assert await told(made, order) == []
        assert city(sale) == "York"


@virtual
async def test_what_a_person_dismisses_is_not_told_again() -> None:
    async with world(315) as made:
        order, sale = await placed(made)
        made.cin7.authorise_pick(sale.id)
        made.shop.set_address(order, YORK)
        [row] = await told(made, order, "edit_not_applied")
        await act(made, actions.resolve_exception, row.id)
        made.shop.touch(order)
        await made.clock.sleep(10)
        assert await told(made, order) == []
        made.shop.set_address(order, YORK | {"city": "Selby"})
        await told(made, order, "edit_not_applied")


# -- held --------------------------------------------------------------------------------------------------------------


async def edited(made: World, **changes: Any) -> tuple[str, Any, ExceptionRow]:
    """An order held because there are three of an item that its sale has two of."""
    order, sale = await placed(made, **changes)
    made.shop.edit_order(order, {MUG: 3})
    [row] = await told(made, order, "order_edited")
    assert made.daemon.state(order) == "held"
    return order, sale, row


@virtual
async def test_another_quantity_is_held_with_what_differs_field_by_field() -> None:
    async with world(320) as made:
        order, sale, row = await edited(made)
        assert row.owner == "ops"
        assert (row.facts[f"line {MUG} quantity before"], row.facts[f"line {MUG} quantity now"]) == ("2", "3")
        assert row.facts["total before"].endswith(" GBP")
        assert row.facts["total before"] != row.facts["total now"]
        assert f"line {MUG} quantity 2 → 3" in row.cause
        assert made.calls("sale_update") == 0
        assert [line.quantity for line in sale.lines] == [2]
        await look(made, order)
        assert len(await told(made, order, "order_edited")) == 1
        rows = made.read(lambda connection: exceptions.of_record(connection, "order", order))
        assert len(rows) == 1, "looked at again it is the same exception"


@virtual
async def test_another_item_and_another_delivery_are_held() -> None:
    async with world(321) as made:
        order, _ = await placed(made)
        draft = made.shop._drafts[order]
        other = next(item.sku for item in made.shop.items.values() if item.sku != MUG)
        line = msgspec.structs.replace(draft.lines[0], sku=other)
        assert draft.shipping is not None
        freight = msgspec.structs.replace(draft.shipping, price_minor=990)
        made.shop.edit(order, msgspec.structs.replace(draft, lines=(line,), shipping=freight))
        [row] = await told(made, order, "order_edited")
        assert row.facts[f"line {MUG} quantity now"] == "none"
        assert row.facts[f"line {other} quantity before"] == "none"
        assert row.facts["shipping price now"] == "9.90 GBP"


@virtual
async def test_taken_back_it_goes_on() -> None:
    async with world(322) as made:
        order, _, _ = await edited(made)
        made.shop.edit_order(order, {MUG: 2})
        await made.exported(order)
        assert await told(made, order) == []
        assert_exactly_once(made)


@virtual
async def test_a_line_put_back_under_another_id_is_what_it_was() -> None:
    async with world(323) as made:
        order, _, _ = await edited(made)
        made.shop.edit_order(order, {MUG: 2})
        line = made.shop.orders[order]["lineItems"][0]
        made.shop._change(order, {"lineItems": [line | {"id": "00000000-0000-4000-8000-000000000001"}]})
        await made.exported(order)
        assert await told(made, order) == []


@virtual
async def test_accepted_by_a_person_it_goes_on_and_is_held_for_the_next_edit_only() -> None:
    async with world(324) as made:
        order, sale, _ = await edited(made)
        done = await act(made, actions.release_order, order)
        assert "accepted" in done["message"]
        assert await told(made, order) == []
        assert made.daemon.state(order) == "exported"
        assert [line.quantity for line in sale.lines] == [2], "tallyd leaves the sale to whoever accepts"
        made.shop.touch(order)
        await made.clock.sleep(10)
        assert made.daemon.state(order) == "exported"
        made.shop.edit_order(order, {MUG: 4})
        [row] = await told(made, order, "order_edited")
        assert row.facts[f"line {MUG} quantity before"] == "3"


@virtual
async def test_dismissed_it_is_accepted_too() -> None:
    async with world(325) as made:
        order, _, row = await edited(made)
        await act(made, actions.resolve_exception, row.id)
        assert await told(made, order) == []
        assert made.daemon.state(order) == "exported"


@virtual
async def test_a_person_accepts_what_they_were_shown_and_no_more() -> None:
    async with world(326) as made:
        order, _, _ = await edited(made)
        made.ct_network.reachable = False
        made.shop.edit_order(order, {MUG: 5})
        app: Any = SimpleNamespace(
            engine=made.engine, settings=SimpleNamespace(finance=SimpleNamespace(four_eyes=False))
        )
        await actions.release_order(app, order, author="ann", reason="fine")
        made.ct_network.reachable = True
        await made.clock.sleep(60)
        [row] = await told(made, order, "order_edited")
        assert (row.facts[f"line {MUG} quantity before"], row.facts[f"line {MUG} quantity now"]) == ("3", "5")


@virtual
async def test_held_nothing_is_applied_and_accepted_the_texts_are() -> None:
    async with world(327) as made:
        order, sale = await placed(made)
        before = city(sale)
        made.shop.edit_order(order, {MUG: 3})
        made.shop.set_address(order, YORK)
        [row] = await told(made, order, "order_edited")
        assert row.facts["shippingAddress.city now"] == "changed"
        assert "shippingAddress.city before" not in row.facts
        assert (city(sale), made.calls("sale_update")) == (before, 0)
        await act(made, actions.release_order, order)
        await made.until(lambda: city(sale) == "York", within=20)
        assert await told(made, order) == []


@virtual
async def test_sent_again_its_sale_is_voided_and_the_new_one_is_as_the_order_is_now() -> None:
    async with world(328) as made:
        order, sale, _ = await edited(made)
        made.shop.pay(order)
        done = await act(made, actions.resend_order, order)
        assert "voided" in done["message"]
        await made.exported(order)
        assert made.cin7.sale(sale.id).voided
        assert [line.quantity for line in only(made, order).lines] == [3]
        assert await told(made, order) == []
        assert_exactly_once(made)


@virtual
async def test_sent_again_after_the_pick_it_is_refused_and_stays_held() -> None:
    async with world(329) as made:
        order, sale, _ = await edited(made)
        made.cin7.authorise_pick(sale.id)
        await act(made, actions.resend_order, order)
        rows = await told(made, order, "order_edited", "resend_refused")
        assert any("pick is authorised" in row.cause for row in rows)
        assert not made.cin7.sale(sale.id).voided
        await act(made, actions.release_order, order)
        assert made.daemon.state(order) == "exported"


@pytest.mark.parametrize("fault", [FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE])
@virtual
async def test_sent_again_though_the_answer_to_the_void_is_lost(fault: FaultKind) -> None:
    async with world(330) as made:
        order, sale, _ = await edited(made)
        made.cin7_faults.plan("sale_void", Fault(kind=fault))
        made.shop.pay(order)
        await act(made, actions.resend_order, order)
        await made.exported(order, within=120)
        assert made.cin7.sale(sale.id).voided
        assert await told(made, order) == []
        assert_exactly_once(made)


@virtual
async def test_cancelled_while_held_its_sale_is_void() -> None:
    async with world(331) as made:
        order, sale, _ = await edited(made)
        made.shop.cancel(order)
        await made.in_state(order, "cancelled", within=30)
        assert made.cin7.sale(sale.id).voided
        assert await told(made, order) == []


@virtual
async def test_edited_between_header_and_order_the_sale_shows_it_all() -> None:
    """The address of the header is applied; the lines are those the order was authorised with, so nothing is held."""
    async with world(332) as made:
        await made.ready()
        made.daemon.restart_seconds = 20
        made.daemon.kill_next = lambda passed: passed == "cin7.create_sale.settled" and not made.kills
        order = made.place(inventory_mode="None")
        await made.until(lambda: bool(made.kills), within=30, every=0.1)
        made.shop.set_address(order, YORK)
        made.shop.edit_order(order, {MUG: 3})
        made.shop.set_address(order, YORK)
        await made.exported(order, within=120)
        await made.until(lambda: city(only(made, order)) == "York", within=30)
        assert [line.quantity for line in only(made, order).lines] == [3]
        assert await told(made, order) == []
        assert_exactly_once(made)


@virtual
async def test_another_shipping_method_while_the_sale_is_made_is_held() -> None:
    async with world(333) as made:
        await made.ready()
        made.daemon.restart_seconds = 20
        made.daemon.kill_next = lambda passed: passed == "cin7.create_sale.settled" and not made.kills
        order = made.place(inventory_mode="None")
        await made.until(lambda: bool(made.kills), within=30, every=0.1)
        draft = made.shop._drafts[order]
        assert draft.shipping is not None
        freight = msgspec.structs.replace(draft.shipping, method="Another Van")
        made.shop.edit(order, msgspec.structs.replace(draft, shipping=freight))
        [row] = await told(made, order, "order_edited", within=120)
        assert row.facts["shipping method now"] == "Another Van"
        await act(made, actions.release_order, order)
        assert made.daemon.state(order) == "exported"


# -- lost answers and kills --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [FaultKind.DROP_AFTER, FaultKind.DROP_BEFORE, FaultKind.ERROR_AFTER])
@virtual
async def test_a_lost_answer_is_asked_again_and_changes_nothing_twice(fault: FaultKind) -> None:
    async with world(340) as made:
        order, sale = await placed(made)
        made.cin7_faults.plan("sale_update", Fault(kind=fault))
        made.shop.set_address(order, YORK)
        await made.until(lambda: len(lines_of(made, order, "sale changed")) == 1, within=60)
        assert city(sale) == "York"
        assert made.calls("sale_update") == 2
        assert await told(made, order) == []


@pytest.mark.parametrize("phase", list(WritePhase))
@virtual
async def test_a_kill_at_any_point_of_the_change_leaves_it_to_be_made(phase: WritePhase) -> None:
    async with world(341) as made:
        order, sale = await placed(made)
        made.daemon.kill_next = lambda passed: passed == f"cin7.update_sale.{phase.value}" and not made.kills
        made.shop.set_address(order, YORK)
        await made.until(lambda: bool(made.kills), within=30, every=0.1)
        await made.until(lambda: city(sale) == "York" and made.daemon.running, within=60)
        await made.clock.sleep(30)
        assert len(lines_of(made, order, "sale changed")) == 1
        assert await told(made, order) == []
        assert made.daemon.state(order) == "exported"
        assert_exactly_once(made)


@virtual
async def test_a_sale_found_after_a_lost_answer_is_compared_with_what_was_sent() -> None:
    async with world(342) as made:
        await made.ready()
        made.cin7_faults.plan("sale_create", Fault(kind=FaultKind.DROP_AFTER))
        order = made.place(inventory_mode="None")
        await made.in_state(order, "in_doubt")
        made.shop.set_address(order, YORK)
        await made.exported(order, within=600)
        await made.until(lambda: city(only(made, order)) == "York", within=30)
        assert_exactly_once(made)


@virtual
async def test_an_order_authorised_without_an_answer_is_compared_with_what_was_sent() -> None:
    async with world(343) as made:
        await made.ready()
        made.cin7_faults.plan("sale_order", Fault(kind=FaultKind.DROP_AFTER))
        order = made.place(inventory_mode="None")
        await made.until(lambda: made.calls("sale_order") == 1, within=30, every=0.05)
        made.shop.edit_order(order, {MUG: 3})
        await made.until(lambda: "order_edited" in made.daemon.open_types(order), within=120)
        rows = {row.type: row for row in made.daemon.open_exceptions(order)}
        assert rows["order_edited"].facts[f"line {MUG} quantity before"] == "2"


# -- where nothing was kept --------------------------------------------------------------------------------------------


@virtual
async def test_an_order_of_an_earlier_release_counts_as_exported_as_it_is_at_the_first_look() -> None:
    async with world(350) as made:
        order, sale = await placed(made)
        await made.daemon.write(lambda connection: connection.execute("DELETE FROM exported"))
        made.shop.edit_order(order, {MUG: 3})
        await made.clock.sleep(20)
        assert await told(made, order) == []
        assert made.daemon.state(order) == "exported"
        made.shop.set_address(order, YORK)
        await made.until(lambda: city(sale) == "York", within=15)


@pytest.mark.parametrize("numbered", [False, True], ids=["", "number changed"])
@virtual
async def test_under_another_storage_key_edits_of_texts_are_seen_from_the_first_look_on(numbered: bool) -> None:
    async with world(354) as made:
        order, sale = await placed(made)
        fields = made.read(lambda connection: exported.get(connection, order, 1))
        assert fields
        other = {name: text[::-1] for name, text in fields.items() if name == "(key)" or edits.is_private(name)}
        await made.daemon.write(lambda file: exported.rename(file, order, fields | other))
        if numbered:
            made.cin7.authorise_pick(sale.id)
            made.shop._change(order, {"orderNumber": "CT-NEW"})
            await made.until(lambda: sale.reference == "CT-NEW", within=15)
            assert await told(made, order) == [], "of the address nothing is known to differ"
            return
        await look(made, order)
        assert made.calls("sale_update") == 0
        made.shop.set_address(order, YORK)
        await made.until(lambda: city(sale) == "York", within=15)
        made.shop.edit_order(order, {MUG: 3})
        await told(made, order, "order_edited")


@pytest.mark.parametrize("how", ["taken back", "dismissed"])
@virtual
async def test_what_an_earlier_release_held_an_order_by_ends_like_any_other(how: str) -> None:
    async with world(353) as made:
        order, _, row = await edited(made)
        old = "edited_while_creating"
        await made.daemon.write(
            lambda file: (
                file.execute("INSERT OR IGNORE INTO exception_types VALUES (?, 'ops', 1)", (old,)),
                file.execute("UPDATE exceptions SET type = ?", (old,)),
            )
        )
        if how == "dismissed":
            await act(made, actions.resolve_exception, row.id)
            await told(made, order, "order_edited")
            return
        made.shop.edit_order(order, {MUG: 2})
        await made.exported(order)
        assert await told(made, order) == []


@virtual
async def test_shadow_mode_writes_nothing_about_an_edit() -> None:
    async with world(351) as made:
        order, sale = await placed(made)
        before = city(sale)
        made.daemon.plan = msgspec.structs.replace(
            made.daemon.plan, export=msgspec.structs.replace(made.daemon.plan.export, shadow=True)
        )
        made.daemon.die("changed to shadow")
        await made.clock.sleep(10)
        made.shop.set_address(order, YORK)
        made.shop.edit_order(order, {MUG: 3})
        await made.clock.sleep(60)
        assert (city(sale), made.calls("sale_update")) == (before, 0)
        assert made.daemon.state(order) == "exported"


@virtual
async def test_nothing_about_people_is_kept_in_clear() -> None:
    async with world(352, the_plan=mapped()) as made:
        order, _ = await placed(made, custom_fields={"gift": "For Zebedee"}, email="zebedee@example.org")
        made.shop.set_address(order, YORK)
        made.shop.edit_order(order, {MUG: 3})
        await told(made, order, "order_edited")
        assert made.read(lambda connection: exported.get(connection, order, 1))
        row = made.read(lambda connection: connection.execute("SELECT fields FROM exported").fetchall())
        assert not [text for text in ("Zebedee", "zebedee", "York", "Shambles", "YO1") if text in str(row)]


# -- money -------------------------------------------------------------------------------------------------------------


@virtual
async def test_a_charge_that_failed_after_all_is_told_until_the_money_is_there() -> None:
    async with world(360) as made:
        order, _ = await placed(made, payment=PaymentDraft())
        made.shop.refund(order, 100)
        await made.clock.sleep(90)
        assert "payment_reversed" not in made.daemon.open_types(order), "a refund is given on purpose"
        payment = made.shop.payments[made.shop.orders[order]["paymentInfo"]["payments"][0]["id"]]
        failed = [one | ({"state": "Failure"} if one["type"] == "Charge" else {}) for one in payment["transactions"]]
        made.shop._change_payment(payment, failed)
        await made.until(lambda: "payment_reversed" in made.daemon.open_types(order), within=120)
        assert made.daemon.state(order) == "exported", "it tells, and holds nothing"
        [row] = [row for row in made.daemon.open_exceptions(order) if row.type == "payment_reversed"]
        assert row.owner == "finance"
        made.shop.pay(order)
        await made.until(lambda: "payment_reversed" not in made.daemon.open_types(order), within=120)


@virtual
async def test_money_a_person_gave_up_is_not_told_again() -> None:
    async with world(361) as made:
        order, _ = await placed(made)
        payment = made.shop.payments[made.shop.orders[order]["paymentInfo"]["payments"][0]["id"]]
        failed = [one | {"state": "Failure"} for one in payment["transactions"]]
        made.shop._change_payment(payment, failed)
        [row] = await told(made, order, "payment_reversed", within=120)
        await act(made, actions.resolve_exception, row.id)
        made.shop.touch(order)
        await made.clock.sleep(90)
        assert await told(made, order) == []


@virtual
async def test_an_order_that_became_dearer_is_no_reversal() -> None:
    async with world(362) as made:
        order, _, _ = await edited(made, lines=(LineDraft(sku=MUG, quantity=2),))
        await look(made, order)
        assert await told(made, order, "order_edited")
