"""The local Cin7 Core's webhooks and credit notes: kept as documented, sent on schedule, given up in silence."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any

import anyio
import pytest

from actors.domain.calls import Purpose
from actors.domain.errors import Rejected
from actors.domain.webhook import MOST_OF_A_TYPE, NEEDED, Step, address, plan
from actors.governor.journal import Intent
from adapters.cin7.client import Cin7Client
from adapters.sandbox import cin7_webhooks
from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.cin7_webhooks import SCHEDULE_SECONDS, TYPES, WebhookDesk
from adapters.sandbox.faults import DropConnectionError
from adapters.sandbox.virtual_time import VirtualClock, run_virtual
from adapters.transport import AnswerLostError, NotSentError, Request, Response
from tests import cin7_spec
from tests.adapters.test_sandbox_cin7 import MUG, Shop, needs_specs
from tests.wire_doubles import OpenGate, StillClock

ACCOUNT = "1a783f0d-810c-43c4-b61b-fa7cc293d8a0"
OURS = "ours"
URL = "https://hooks.example.com/intake/cin7/Sale/Voided"
BODY: dict[str, Any] = {
    "Type": "Sale/Voided",
    "IsActive": True,
    "ExternalURL": URL,
    "ExternalAuthorizationType": "bearerauth",
    "ExternalBearerToken": "tok",
}


# --- the endpoint


async def test_a_webhook_is_made_shown_changed_and_deleted() -> None:
    shop = Shop()
    [made] = (await shop.call("POST", "/webhooks", body=BODY))["Webhooks"]
    assert made == BODY | {
        "ID": made["ID"],
        "Name": "Sale has been voided",
        "ExternalUserName": "",
        "ExternalPassword": "",
        "ExternalHeaders": [],
    }
    assert (await shop.call("GET", "/webhooks"))["Webhooks"] == [made]  # the token in clear, as the live one shows it
    headers = [{"Key": "X-Door", "Value": "7"}]
    change = BODY | {"ID": made["ID"].upper(), "IsActive": False, "ExternalHeaders": headers}
    [changed] = (await shop.call("PUT", "/webhooks", body=change))["Webhooks"]
    assert changed == made | {"IsActive": False, "ExternalHeaders": headers}
    kept = {name: value for name, value in change.items() if name != "ExternalHeaders"}
    [again] = (await shop.call("PUT", "/webhooks", body=kept | {"IsActive": True}))["Webhooks"]
    assert again == changed | {"IsActive": True}
    assert await shop.call("DELETE", "/webhooks", {"ID": made["ID"]}) == {"Webhooks": []}
    assert shop.double.webhooks == []
    assert "not found" in await shop.refused("DELETE", "/webhooks", {"ID": made["ID"]})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"Type": "Sale/OrderAuthorized"}, "Type"),
        ({"Type": None}, "Type"),
        ({"IsActive": None}, "IsActive"),
        ({"IsActive": "yes"}, "IsActive"),
        ({"ExternalURL": ""}, "ExternalURL"),
        ({"ExternalAuthorizationType": "bearer"}, "ExternalAuthorizationType"),
        ({"ExternalAuthorizationType": "basicauth"}, "ExternalUserName"),
        ({"ExternalBearerToken": None}, "ExternalBearerToken"),
        ({"ExternalHeaders": {}}, "ExternalHeaders"),
        ({"ExternalHeaders": [{"Value": "7"}]}, "Key"),
    ],
)
async def test_a_wrong_webhook_is_refused_whole(change: dict[str, Any], words: str) -> None:
    shop = Shop()
    assert words in await shop.refused("POST", "/webhooks", body=BODY | change)
    [made] = (await shop.call("POST", "/webhooks", body=BODY))["Webhooks"]
    assert words in await shop.refused("PUT", "/webhooks", body=BODY | {"ID": made["ID"]} | change)
    assert (await shop.call("GET", "/webhooks"))["Webhooks"] == [made]
    assert "ID" in await shop.refused("PUT", "/webhooks", body=BODY)
    assert "not found" in await shop.refused("PUT", "/webhooks", body=BODY | {"ID": "x"})


async def test_no_more_than_five_of_a_type_active_or_not() -> None:
    shop = Shop()
    for number in range(MOST_OF_A_TYPE):
        await shop.call("POST", "/webhooks", body=BODY | {"ExternalURL": f"{URL}/{number}", "IsActive": number > 2})
    assert "limit of 5 webhooks" in await shop.refused("POST", "/webhooks", body=BODY)
    [other] = (await shop.call("POST", "/webhooks", body=BODY | {"Type": "Sale/Undo"}))["Webhooks"]
    assert "limit of 5 webhooks" in await shop.refused("PUT", "/webhooks", body=BODY | {"ID": other["ID"]})
    one = shop.double.webhooks[0]
    await shop.call("PUT", "/webhooks", body=BODY | {"ID": one.id})  # changing one of the five adds none


def test_no_webhook_shows_its_token() -> None:
    desk = WebhookDesk(StillClock(), lambda: "one")
    desk.create(BODY)
    desk.happened("Sale/Voided", dict)
    assert "tok" not in repr(desk.hooks) + repr(desk.deliveries)


@needs_specs
def test_the_types_are_the_documented_ones() -> None:
    assert set(TYPES) == set(cin7_spec.table_of("available values for webhook type"))
    assert set(NEEDED) <= set(TYPES)


# --- what is sent


class World:
    """A double on virtual time, listeners, and everybody who is called."""

    def __init__(self, **settings: Any) -> None:
        self.clock = VirtualClock()
        self.double = Cin7Double(clock=self.clock, account_id=ACCOUNT, application_key="k", **settings)
        self.answers: Callable[[str], int | Exception] = lambda url: 200
        self.calls: list[tuple[float, str, Mapping[str, str], Any]] = []

    async def send(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        self.calls.append((self.clock.monotonic(), url, headers, json.loads(body)))
        answer = self.answers(url)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def listen(self, *kinds: str, **changes: Any) -> None:
        for kind in kinds:
            self.double._hooks.create(BODY | {"Type": kind, "ExternalURL": f"https://hooks/{kind}"} | changes)

    async def after(self, seconds: float, act: Callable[[], object] = lambda: None) -> None:
        """Do something, and let so much time pass, with the runner at work."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self.double.deliver_webhooks, self.send)
            await anyio.lowlevel.checkpoint()
            act()
            await self.clock.sleep(seconds)
            tasks.cancel_scope.cancel()

    def events(self) -> list[str]:
        """What was sent, by name: of what comes due at one instant anything may go first."""
        return sorted(url.removeprefix("https://hooks/") for _, url, _, _ in self.calls)


def virtual(scenario: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on virtual time."""

    def run() -> None:
        run_virtual(scenario)

    run.__name__ = scenario.__name__
    return run


def a_sale(double: Cin7Double, *, pieces: int = 1) -> str:
    return double.make_sale_by_hand("ORD-1", lines=((MUG, pieces),)).id


@virtual
async def test_a_sales_life_is_told_a_minute_after_each_event() -> None:
    world = World()
    world.listen(*(kind for kind in TYPES if kind.startswith("Sale/")))
    double = world.double

    def live() -> None:
        one, other = a_sale(double), a_sale(double)
        double.authorise_pick(one)
        double.authorise_ship(one)
        double.add_credit_note(one)
        double.undo_by_hand(other)
        double.void_by_hand(other)

    await world.after(120, live)
    assert world.events() == [
        "Sale/Created",
        "Sale/Created",
        "Sale/CreditNoteAuthorised",
        "Sale/OrderAuthorised",
        "Sale/OrderAuthorised",
        "Sale/PackAuthorised",
        "Sale/PickAuthorised",
        "Sale/ShipmentAuthorised",
        "Sale/Undo",
        "Sale/Voided",
    ]
    assert {at for at, *_ in world.calls} == {60.0}
    assert all(delivery.delivered and len(delivery.tries) == 1 for delivery in double.webhook_deliveries)
    bodies = {url.removeprefix("https://hooks/"): body for _, url, _, body in world.calls}
    assert all(body["EventType"] == kind for kind, body in bodies.items())
    first, second = double.sales
    assert bodies["Sale/Voided"]["SaleID"] == second.id.upper() != second.id
    assert "SaleID" not in bodies["Sale/ShipmentAuthorised"]
    assert bodies["Sale/ShipmentAuthorised"]["SaleTaskID"] == first.id.upper()
    assert bodies["Sale/ShipmentAuthorised"]["OrderNumber"] == "SO-00001"
    assert bodies["Sale/CreditNoteAuthorised"]["CreditNoteNumber"] == "CR-00001"
    assert double.webhooks[0].credentials["ExternalBearerToken"] == "tok"
    assert {headers["authorization"] for _, _, headers, _ in world.calls} == {"Bearer tok"}
    if cin7_spec.available():
        for _, url, _, body in world.calls:
            kind = url.removeprefix("https://hooks/")
            assert cin7_spec.check_delivery(kind, json.dumps(body).encode()) == []


@virtual
async def test_too_much_is_backordered_and_an_order_that_goes_all_the_way_tells_every_stage() -> None:
    world = World()
    world.listen("Sale/Backordered", "Sale/PickAuthorised", "Sale/PackAuthorised", "Sale/ShipmentAuthorised")

    def order() -> None:
        a_sale(world.double, pieces=100_000)
        sale = world.double.make_sale_by_hand("ORD-2", authorise=False)
        line = world.double._keyed_line("SVC-SHIPPING", 1)
        order = {"SaleID": sale.id, "Memo": "", "Status": "AUTHORISED", "Lines": [line]}
        world.double._desk.post_order(order | {"AutoPickPackShipMode": "AUTOPICKPACKSHIP"})

    await world.after(61, order)
    assert world.events() == [
        "Sale/Backordered",
        "Sale/PackAuthorised",
        "Sale/PickAuthorised",
        "Sale/ShipmentAuthorised",
    ]


@virtual
async def test_stock_and_products_are_told_in_shapes_of_their_own() -> None:
    world = World()
    world.listen("Stock/AvailableStockLevelChanged", "Product/Updated")
    before = world.double.available(MUG)

    def change() -> None:
        sale = a_sale(world.double, pieces=2)
        world.double.authorise_pick(sale)  # what is available does not change by a pick
        world.double.void_by_hand(sale)
        world.double.receive_stock(MUG, 5)
        world.double.deprecate(MUG)
        world.double.add_product("NEW-1", kind="Service")

    await world.after(61, change)
    stock = [body for _, url, _, body in world.calls if url.endswith("Changed")]
    assert sorted(body[0]["Available"] for body in stock) == [before - 2, before, before + 5]
    assert all(isinstance(body, list) and "EventType" not in body[0] for body in stock)
    products = [body["ProductDetailsList"][0] for _, url, _, body in world.calls if url.endswith("Updated")]
    assert sorted((one["SKU"], one["Status"], one["Event"]) for one in products) == [
        (MUG, "Deprecated", "Update"),
        ("NEW-1", "Active", "Creation"),
    ]
    if cin7_spec.available():
        for _, url, _, body in world.calls:
            assert cin7_spec.check_delivery(url.removeprefix("https://hooks/"), json.dumps(body).encode()) == []


@virtual
async def test_an_order_of_nothing_in_stock_moves_no_stock() -> None:
    world = World()
    world.listen("Stock/AvailableStockLevelChanged")
    world.double.receive_stock(MUG, -world.double.available(MUG))
    world.double._hooks.deliveries.clear()
    a_sale(world.double)
    assert world.double.webhook_deliveries == []


@virtual
async def test_six_tries_then_the_webhook_is_switched_off_without_a_word() -> None:
    world = World()
    world.listen("Sale/Voided", "Sale/Created")
    troubles: list[int | Exception] = [302, NotSentError("x"), AnswerLostError("x"), DropConnectionError(), 500]
    world.answers = lambda url: troubles.pop(0) if url.endswith("Voided") else 204

    await world.after(76 * 60 - 1, lambda: world.double.void_by_hand(a_sale(world.double)))
    tries = [at / 60 for at, url, _, _ in world.calls if url.endswith("Voided")]
    assert tries == [1, 6, 16, 31, 51]
    assert all(hook.active for hook in world.double.webhooks)
    [_, failing] = world.double.webhook_deliveries
    assert failing.delivered is False


@virtual
async def test_the_sixth_failure_is_the_last() -> None:
    world = World()
    world.listen("Sale/Voided")
    world.answers = lambda url: 500

    def two() -> None:
        world.double.void_by_hand(a_sale(world.double))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(world.double.deliver_webhooks, world.send)
        await world.clock.sleep(1)
        two()
        await world.clock.sleep(30 * 60)
        two()  # its tries end with the webhook
        await world.clock.sleep(46 * 60 + 1)
        assert not world.double.webhooks[0].active
        tried = len(world.calls)
        two()  # nobody listens any more
        await world.clock.sleep(24 * 3600)
        tasks.cancel_scope.cancel()
    assert len(world.calls) == tried == 6 + 4
    assert [len(delivery.tries) for delivery in world.double.webhook_deliveries] == [6, 4]
    assert sum(SCHEDULE_SECONDS) == 76 * 60


@virtual
async def test_a_retry_that_is_answered_ends_it() -> None:
    world = World()
    world.listen("Sale/Voided")
    answers: list[int | Exception] = [429, 200]
    world.answers = lambda url: answers.pop(0)
    await world.after(3600, lambda: world.double.void_by_hand(a_sale(world.double)))
    assert [at for at, *_ in world.calls] == [60.0, 360.0]
    assert world.double.webhook_deliveries[0].delivered


@virtual
async def test_a_try_that_comes_late_moves_the_next_one() -> None:
    world = World()
    world.listen("Sale/Voided")
    world.answers = lambda url: 500
    world.double.void_by_hand(a_sale(world.double))
    await world.clock.sleep(600)
    await world.after(901)
    assert [at for at, *_ in world.calls] == [600.0, 900.0, 1500.0]


@virtual
async def test_only_who_listens_at_the_event_and_still_at_the_try_is_sent_to() -> None:
    world = World()
    world.double.void_by_hand(a_sale(world.double))  # nobody listens
    world.listen("Sale/Voided", IsActive=False)
    world.double.void_by_hand(a_sale(world.double))  # not active
    [hook] = world.double.webhooks
    hook.active = True
    world.double.void_by_hand(a_sale(world.double))
    await world.after(30, lambda: world.double.deactivate_webhook(hook.id.upper()))
    await world.after(60)
    assert world.calls == []
    assert len(world.double.webhook_deliveries) == 1
    with pytest.raises(KeyError):
        world.double.deactivate_webhook("x")


@virtual
async def test_credentials_and_headers_go_with_every_delivery() -> None:
    world = World()
    world.listen(
        "Sale/Voided",
        ExternalAuthorizationType="basicauth",
        ExternalUserName="ann",
        ExternalPassword="p:w",
        ExternalHeaders=[{"Key": "X-Door", "Value": "7"}],
    )
    world.listen("Sale/Created", ExternalAuthorizationType="noauth")
    await world.after(61, lambda: world.double.void_by_hand(a_sale(world.double)))
    created, voided = (headers for _, _, headers, _ in world.calls)
    assert "authorization" not in created
    assert base64.b64decode(voided["authorization"].removeprefix("Basic ")) == b"ann:p:w"
    assert voided["X-Door"] == "7"


@needs_specs
def test_the_judge_of_deliveries_refuses_a_wrong_one() -> None:
    right = cin7_spec.webhook_samples()["Sale/ShipmentAuthorised"]
    assert cin7_spec.check_delivery("Sale/ShipmentAuthorised", json.dumps(right).encode()) == []
    for change, problem in (
        ({"SaleID": right["SaleTaskID"]}, "body.SaleID is not in the sample"),
        ({"SaleTaskID": "7"}, "body.SaleTaskID is no guid"),
        ({"OrderNumber": 7}, "body.OrderNumber is no text"),
    ):
        wrong = json.dumps(right | change).encode()
        assert cin7_spec.check_delivery("Sale/ShipmentAuthorised", wrong) == [problem]
    assert cin7_spec.check_delivery("Sale/ShipmentAuthorised", b"[]") == ["body is not an object"]
    assert cin7_spec.check_delivery("Sale/Nothing", b"{}") == ["no sample is known for Sale/Nothing"]
    assert "not JSON" in cin7_spec.check_delivery("Sale/Voided", b"{")[0]


# --- lists


async def test_a_credit_note_shows_in_its_own_list_and_on_its_sale() -> None:
    shop = Shop()
    first, second = a_sale(shop.double), a_sale(shop.double)
    shop.clock.forward(10)
    before = shop.clock.now()
    shop.clock.forward(10)
    shop.double.add_credit_note(second, status="DRAFT")
    shop.double.add_credit_note(first, restock_status="AUTHORISED")
    found = (await shop.call("GET", "/saleCreditNoteList"))["SaleList"]
    assert [
        (row["SaleID"], row["CreditNoteNumber"], row["CreditNoteStatus"], row["RestockStatus"]) for row in found
    ] == [
        (first, "CR-00002", "AUTHORISED", "AUTHORISED"),
        (second, "CR-00001", "DRAFT", "NOT AVAILABLE"),
    ]
    for query, total in (
        ({"CreditNoteStatus": "draft"}, 1),
        ({"Search": "cr-00002"}, 1),
        ({"Status": "ORDERED"}, 2),
        ({"Status": "VOIDED"}, 0),
        ({"UpdatedSince": "2026-12-01T09:00:15Z"}, 2),
        ({"UpdatedSince": "2026-12-01T09:00:20Z"}, 0),
        ({"CreatedSince": "2026-12-01T09:00:20Z"}, 0),
        ({"UpdatedUntil": "2026-12-01T09:00:20Z"}, 0),
        ({"Page": "2", "Limit": "1"}, 2),
    ):
        assert (await shop.call("GET", "/saleCreditNoteList", query))["Total"] == total, query
    rows = await shop.rows(CreditNoteStatus="AUTHORISED")
    assert [(row["SaleID"], row["CreditNoteNumber"]) for row in rows] == [(first, "CR-00002")]
    assert shop.double.sale(first).updated_ms > before  # a note counts as an update of its sale


async def test_the_rows_of_the_list_show_every_axis() -> None:
    shop = Shop()
    sale = a_sale(shop.double)
    shop.double.authorise_pick(sale)
    [row] = await shop.rows()
    names = ("Picking", "Packing", "Shipping", "Invoice", "Payment")
    assert [row[f"Combined{name}Status"] for name in names] == [
        "PICKED",
        "NOT PACKED",
        "NOT SHIPPED",
        "NOT INVOICED",
        "UNPAID",
    ]
    assert row["FulFilmentStatus"] == "NOT FULFILLED"
    assert row["CombinedTrackingNumbers"] == ""


async def test_a_sale_that_was_deleted_is_gone_and_its_number_is_not_given_again() -> None:
    shop = Shop()
    before = shop.double.available(MUG)
    first = a_sale(shop.double)
    second = a_sale(shop.double)
    assert shop.double.remove_sale(second).id == second
    assert shop.double.available(MUG) == before - 1
    assert [row["SaleID"] for row in await shop.rows()] == [first]
    assert "not found" in await shop.refused("GET", "/sale", {"ID": second})
    third = shop.double.add_sale_by_hand("ORD-1", external_id="ct-order:1")
    assert third.order_number == "SO-00003"
    assert shop.double.live_sales(external_id="ct-order:1") == [third]
    assert (third.reference, third.status, third.authorised) == ("ORD-1", "ORDERED", True)
    assert shop.double.available(MUG) == before - 1
    assert shop.double.add_sale_by_hand("ORD-2").external_id is None
    assert [sale.id for sale in shop.double.books.removed_sales] == [second]
    shipped = a_sale(shop.double)
    shop.double.authorise_pick(shipped)
    shop.double.authorise_ship(shipped)
    shop.double.remove_sale(shipped)
    assert shop.double.available(MUG) == before - 2  # what was shipped is gone


# --- the client meets the double


class Wire:
    def __init__(self, double: Cin7Double) -> None:
        self.double = double

    async def send(self, request: Request) -> Response:
        response = await self.double.handle(request)
        if cin7_spec.available():
            path = request.url.split("cin7.test", 1)[1].split("?", 1)[0]
            assert cin7_spec.check_answer(request.method, path, response.status, response.body) == []
        return response


def client_of(double: Cin7Double, token: str = OURS) -> Cin7Client:
    return Cin7Client(
        transport=Wire(double),
        clock=StillClock(),
        gate=OpenGate(StillClock()),
        probe=lambda point: None,
        base_url="http://cin7.test/ExternalApi/v2",
        account_id="a",
        application_key="k",
        timeout_seconds=60,
        webhook_token=token,
    )


async def test_the_plan_is_carried_out_and_then_keeps() -> None:
    double = Cin7Double(clock=StillClock(), account_id="a", application_key="k", limit=1000)
    client, others = client_of(double), client_of(double, "somebody's")
    for number in range(5):
        await others.create_webhook("Sale/Undo", f"https://x.example/{number}", Intent(Purpose.CIN7_CREATE_WEBHOOK))
    public = "https://tallyd.example.com"
    for line in plan(await client.webhooks(), public):
        assert line.step is (Step.FULL if line.type == "Sale/Undo" else Step.CREATE)
        if line.step is Step.CREATE:
            made = await client.create_webhook(line.type, line.url, Intent(Purpose.CIN7_CREATE_WEBHOOK))
            assert (made.active, made.bearer, made.url) == (True, True, address(public, line.type))
    assert len(await client.webhooks()) == len(NEEDED) - 1 + 5
    [mine] = [one for one in await client.webhooks() if one.type == "Sale/Voided"]
    double.deactivate_webhook(mine.id)
    renewed = client_of(double, "a new one")
    [line] = [one for one in plan(await client.webhooks(), public) if one.step is Step.REVIVE]
    assert line.webhook is not None
    assert (await client.revive_webhook(line.webhook, Intent(Purpose.CIN7_REVIVE_WEBHOOK))).active
    assert {one.step for one in plan(await client.webhooks(), public)} == {Step.KEEP, Step.FULL}
    # Another token: all of ours are written anew, the others' are left alone.
    steps = [one.step for one in plan(await renewed.webhooks(), public)]
    assert steps.count(Step.REVIVE) == len(NEEDED) - 1
    with pytest.raises(Rejected):
        await client.create_webhook("Sale/Undo", "https://y.example", Intent(Purpose.CIN7_CREATE_WEBHOOK))


async def test_the_client_pages_through_what_the_double_lists() -> None:
    double = Cin7Double(clock=StillClock(), account_id="a", application_key="k", limit=1000)
    client = client_of(double)
    for number in range(5):
        double.add_sale_by_hand(f"ORD-{number}", external_id=f"ct-order:{number}")
    double.add_credit_note(double.sales[3].id)
    double.void_by_hand(double.sales[4].id)
    pages = [await client.listed_sales(page=one, created_since=0, updated_since=0, rows=2) for one in (1, 2, 3, 4)]
    assert [(page.rows, page.total) for page in pages] == [(2, 5), (2, 5), (1, 5), (0, 5)]
    sales = [sale for page in pages for sale in page.sales]
    assert [sale.external_id for sale in sales] == [f"ct-order:{number}" for number in range(5)]
    assert [sale.voided for sale in sales] == [False] * 4 + [True]
    assert [sale.credit_note for sale in sales].index("AUTHORISED") == 3
    assert {sale.updated for sale in sales} == {StillClock().now()}  # whatever form it was written in
    notes = await client.credit_notes(page=1, updated_since=0)
    assert [(note.sale_id, note.number) for note in notes.notes] == [(double.sales[3].id, "CR-00001")]
    count = await client.listed_sales(page=1, created_since=0, updated_since=None, rows=1)
    assert (count.rows, count.total) == (1, 5)


def test_the_schedule_is_the_documented_one() -> None:
    assert [seconds / 60 for seconds in cin7_webhooks.SCHEDULE_SECONDS] == [1, 5, 10, 15, 20, 25]
