"""The client's lists of sales and credit notes, and the account's webhooks, whose secrets stay on the wire."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from actors.census.ports import SalesList
from actors.domain.calls import Lane, Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import InDoubt, Rejected, Transient, WireError
from actors.domain.sale import ListedCreditNote, ListedSale
from actors.domain.time import parse_instant
from actors.domain.webhook import Webhook
from actors.governor.journal import Intent
from adapters.cin7 import webhooks, wire
from adapters.cin7.client import Cin7Client
from adapters.transport import AnswerLostError, Response
from tests.wire_doubles import OpenGate, ScriptedWire, StillClock, answer, path_of, query_of, sent_json

SALE_ID = "6222cb47-1111-4222-8333-444444444444"
HOOK_ID = "0bd90aa9-72f9-4f9c-bb0d-9f7cc406b07a"
TOKEN = "hush-Ω-token"
URL = "https://hooks.example.com/intake/cin7/Sale/Voided"
ROW = {
    "SaleID": SALE_ID.upper(),
    "OrderNumber": "SO-00092",
    "Status": "ORDERED",
    "OrderStatus": "AUTHORISED",
    "ExternalID": "ct-order:4f0c",
    "CustomerReference": "ORD-1001",
    "CombinedPickingStatus": "PICKED",
    "CombinedPackingStatus": "PACKED",
    "CombinedShippingStatus": "SHIPPING",
    "FulFilmentStatus": "NOT FULFILLED",
    "CombinedInvoiceStatus": "INVOICED / CREDITED",
    "CombinedPaymentStatus": "PAID",
    "CreditNoteStatus": "DRAFT",
    "CombinedTrackingNumbers": "1Z 9",
    "Type": "Simple Sale",
    "Updated": "2026-11-23T10:17:00.1239999Z",
    "InvoiceAmount": 94.95,
    "PaidAmount": "90.0000",
}
SINCE, CHANGED = parse_instant("2026-11-01T00:00:00Z"), parse_instant("2026-11-23T10:00:00.5Z")


class House:
    """A client with everything around it."""

    def __init__(self, *answers: Any, token: str = TOKEN) -> None:
        self.clock = StillClock()
        self.wire = ScriptedWire(*answers)
        self.gate = OpenGate(self.clock)
        self.client = Cin7Client(
            transport=self.wire,
            clock=self.clock,
            gate=self.gate,
            probe=self.gate.diary.append,
            base_url="https://cin7.example/ExternalApi/v2",
            account_id="acc",
            application_key="key",
            timeout_seconds=60,
            webhook_token=token,
        )

    async def create(self) -> Webhook:
        return await self.client.create_webhook("Sale/Voided", URL, Intent(Purpose.CIN7_CREATE_WEBHOOK))

    async def revive(self) -> Webhook:
        return await self.client.revive_webhook(hook(active=False), Intent(Purpose.CIN7_REVIVE_WEBHOOK))


def listed(*rows: Any, total: Any = None) -> Response:
    return answer(200, {"Total": len(rows) if total is None else total, "Page": 1, "SaleList": list(rows)})


async def test_it_is_the_port() -> None:
    book: SalesList = House().client
    assert isinstance(book, Cin7Client)


# -- sales ------------------------------------------------------------------------------------------------------------


UNREAD: list[Any] = [None, "", "soon", "NaN", "1E+999999999", True, [], {"Amount": 1}]
FIGURES: list[tuple[Any, Decimal | None]] = [
    (0, Decimal(0)),
    (-12, Decimal(-12)),
    (0.1, Decimal("0.1")),
    (123456789012.3456, Decimal("123456789012.3456")),
    ("7.50", Decimal("7.5")),
    *((unread, None) for unread in UNREAD),
]


@pytest.mark.parametrize(("shown", "amount"), FIGURES, ids=repr)
async def test_what_is_invoiced_and_paid_is_read_exactly_or_not_known(shown: Any, amount: Decimal | None) -> None:
    rows = [ROW | {"InvoiceAmount": shown}, ROW | {"PaidAmount": shown}]
    page = await House(listed(*rows)).client.listed_sales(page=1, created_since=SINCE, updated_since=CHANGED)
    assert [(one.invoiced, one.paid) for one in page.sales] == [(amount, Decimal(90)), (Decimal("94.95"), amount)]


async def test_a_page_of_a_sweep() -> None:
    house = House(listed(ROW, total=1001))
    page = await house.client.listed_sales(page=2, created_since=SINCE, updated_since=CHANGED)
    assert (page.rows, page.total) == (1, 1001)
    assert page.sales == (
        ListedSale(
            id=SALE_ID,
            number="SO-00092",
            status="ORDERED",
            order_status="AUTHORISED",
            external_id="ct-order:4f0c",
            customer_reference="ORD-1001",
            picking="PICKED",
            packing="PACKED",
            shipping="SHIPPING",
            fulfilment="NOT FULFILLED",
            invoicing="INVOICED / CREDITED",
            payment="PAID",
            credit_note="DRAFT",
            tracking="1Z 9",
            type="Simple Sale",
            updated=parse_instant("2026-11-23T10:17:00.123Z"),
            invoiced=Decimal("94.95"),
            paid=Decimal(90),
        ),
    )
    [request] = house.wire.requests
    assert (request.method, path_of(request)) == ("GET", "/ExternalApi/v2/saleList")
    assert query_of(request) == {
        "Page": ["2"],
        "Limit": ["1000"],
        "CreatedSince": ["2026-11-01T00:00:00.000Z"],
        "UpdatedSince": ["2026-11-23T10:00:00.500Z"],
    }


@pytest.mark.parametrize(
    ("updated_since", "rows", "purpose", "lane"),
    [
        (CHANGED, 1000, Purpose.CIN7_SWEEP_SALES, Lane.FULFILMENT),
        (CHANGED, 1, Purpose.CIN7_COUNT_SALES, Lane.BACKFILL),
        (None, 1000, Purpose.CIN7_COUNT_SALES, Lane.BACKFILL),
        (None, 1, Purpose.CIN7_COUNT_SALES, Lane.BACKFILL),
    ],
)
async def test_a_sweep_goes_before_a_count(updated_since: Any, rows: int, purpose: Purpose, lane: Lane) -> None:
    house = House(listed(ROW))
    await house.client.listed_sales(page=1, created_since=SINCE, updated_since=updated_since, rows=rows)
    [intent] = house.gate.intents
    assert (intent.purpose, intent.lane) == (purpose, lane)
    query = query_of(house.wire.requests[0])
    assert query["Limit"] == [str(rows)]
    assert ("UpdatedSince" in query) is (updated_since is not None)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-23T10:17:00.1234567Z", "2026-11-23T10:17:00.123Z"),
        ("2026-11-23T10:17:00.1234567", "2026-11-23T10:17:00.123Z"),
        ("2026-11-23T10:17:00", "2026-11-23T10:17:00Z"),
        ("2026-11-23T12:17:00+02:00", "2026-11-23T10:17:00Z"),
        ("23/11/2026", None),
        ("", None),
        (None, None),
        (20261123, None),
    ],
)
async def test_when_it_was_updated_is_read_leniently(text: Any, instant: str | None) -> None:
    house = House(listed(ROW | {"Updated": text}))
    page = await house.client.listed_sales(page=1, created_since=SINCE, updated_since=CHANGED)
    assert page.sales[0].updated == (None if instant is None else parse_instant(instant))


async def test_whatever_else_is_odd_the_row_counts() -> None:
    bare = {"SaleID": SALE_ID}
    odd = {name: None if number % 2 else [number] for number, name in enumerate(ROW)} | bare
    void = bare | {"Status": "Voided", "OrderNumber": 92, "ExternalID": ""}
    page = await House(listed(bare, odd, void, ROW | bare)).client.listed_sales(
        page=1, created_since=SINCE, updated_since=None
    )
    assert page.rows == 4
    nothing = ListedSale(
        id=SALE_ID, number=None, status="", order_status="NOT AVAILABLE", external_id=None, customer_reference=None
    )
    assert page.sales[:2] == (nothing, nothing)
    assert (page.sales[2].voided, page.sales[2].number, page.sales[2].external_id) == (True, "92", None)


@pytest.mark.parametrize(
    "body",
    [
        {"Page": 1, "SaleList": [ROW]},
        {"Total": None, "SaleList": []},
        {"Total": "many", "SaleList": []},
        {"Total": 0},
        {"Total": 2, "SaleList": [ROW, ROW | {"SaleID": None}]},
        {"Total": 1, "SaleList": [{"OrderNumber": "SO-1"}]},
        {"Total": 1, "SaleList": [ROW | {"SaleID": 7}]},
        {"Total": 1, "SaleList": [None]},
        [],
    ],
    ids=repr,
)
async def test_a_page_that_cannot_be_trusted_is_no_answer(body: Any) -> None:
    for call in ("sales", "notes"):
        client = House(answer(200, body)).client
        with pytest.raises(Transient) as seen:
            if call == "sales":
                await client.listed_sales(page=1, created_since=SINCE, updated_since=CHANGED)
            else:
                await client.credit_notes(page=1, updated_since=CHANGED)
        assert seen.value.reason == "malformed"
        assert "SO-1" not in str(seen.value)


async def test_a_page_of_credit_notes() -> None:
    row = {"CreditNoteNumber": "CR-00002", "CreditNoteStatus": "AUTHORISED", "RestockStatus": "NOT AVAILABLE"}
    house = House(listed(ROW | row, {"SaleID": "S2", "CombinedTrackingNumbers": None}, total=7))
    page = await house.client.credit_notes(page=3, updated_since=CHANGED)
    assert (page.rows, page.total) == (2, 7)
    assert page.notes == (
        ListedCreditNote(
            sale_id=SALE_ID,
            number="CR-00002",
            status="AUTHORISED",
            restock_status="NOT AVAILABLE",
            updated=parse_instant("2026-11-23T10:17:00.123Z"),
        ),
        ListedCreditNote(sale_id="s2", number=None, status=""),
    )
    [request] = house.wire.requests
    assert path_of(request) == "/ExternalApi/v2/saleCreditNoteList"
    assert query_of(request) == {"Page": ["3"], "Limit": ["1000"], "UpdatedSince": ["2026-11-23T10:00:00.500Z"]}
    [intent] = house.gate.intents
    assert (intent.purpose, intent.lane) == (Purpose.CIN7_CREDIT_NOTES, Lane.FINANCE)


# -- webhooks ---------------------------------------------------------------------------------------------------------


def hook(**changes: Any) -> Webhook:
    given: dict[str, Any] = {"id": HOOK_ID, "type": "Sale/Voided", "url": URL, "active": True, "bearer": True}
    return Webhook(**(given | changes))


def shown(**changes: Any) -> dict[str, Any]:
    row = {
        "ID": HOOK_ID.upper(),
        "Type": "Sale/Voided",
        "Name": "Sale has been voided",
        "IsActive": True,
        "ExternalURL": URL,
        "ExternalAuthorizationType": "bearerauth",
        "ExternalUserName": "",
        "ExternalPassword": None,
        "ExternalBearerToken": TOKEN,
        "ExternalHeaders": [],
    }
    return row | changes


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, hook()),
        ({"IsActive": False}, hook(active=False)),
        ({"IsActive": None}, hook(active=False)),
        ({"ExternalAuthorizationType": "BearerAuth "}, hook()),
        ({"ExternalAuthorizationType": "noauth"}, hook(bearer=False)),
        ({"ExternalAuthorizationType": "basicauth"}, hook(bearer=False)),
        ({"ExternalBearerToken": TOKEN + "x"}, hook(bearer=False)),
        ({"ExternalBearerToken": None}, hook(bearer=False)),
        ({"ExternalURL": None}, hook(url="")),
        ({"Type": "Sale/New"}, hook(type="Sale/New")),
    ],
)
async def test_a_webhook_is_told_by_its_token(changes: dict[str, Any], expected: Webhook) -> None:
    house = House(answer(200, {"Webhooks": [shown(**changes)]}))
    assert await house.client.webhooks() == (expected,)
    [request] = house.wire.requests
    assert (request.method, request.url) == ("GET", "https://cin7.example/ExternalApi/v2/webhooks")
    [intent] = house.gate.intents
    assert (intent.purpose, intent.lane) == (Purpose.CIN7_WEBHOOKS, Lane.BACKFILL)


async def test_without_a_token_of_ours_none_is_ours() -> None:
    house = House(answer(200, {"Webhooks": [shown(ExternalBearerToken="")]}), token="")
    assert await house.client.webhooks() == (hook(bearer=False),)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"Webhooks": None},
        {"Webhooks": [shown(ID=None)]},
        {"Webhooks": [shown(ID=7)]},
        {"Total": 2, "Webhooks": [shown()]},
        [shown()],
    ],
    ids=["empty", "null", "no-id", "odd-id", "not-whole", "bare"],
)
async def test_a_list_of_webhooks_that_cannot_be_trusted_is_none(body: Any) -> None:
    with pytest.raises(Transient) as seen:
        await House(answer(200, body)).client.webhooks()
    assert seen.value.reason == "malformed"
    assert TOKEN not in str(seen.value)


async def test_a_webhook_is_made_active_with_our_token() -> None:
    house = House(answer(200, {"Webhooks": [shown(ID="other", Type="Sale/Undo"), shown()]}))
    assert await house.create() == hook()
    [request] = house.wire.requests
    assert (request.method, path_of(request)) == ("POST", "/ExternalApi/v2/webhooks")
    assert sent_json(request) == {
        "Type": "Sale/Voided",
        "IsActive": True,
        "ExternalURL": URL,
        "ExternalAuthorizationType": "bearerauth",
        "ExternalBearerToken": TOKEN,
    }


async def test_a_webhook_is_revived_with_our_token() -> None:
    house = House(answer(200, {"Webhooks": [shown()]}))
    assert await house.revive() == hook()
    [request] = house.wire.requests
    assert (request.method, path_of(request)) == ("PUT", "/ExternalApi/v2/webhooks")
    assert sent_json(request) == {
        "ID": HOOK_ID,
        "Type": "Sale/Voided",
        "IsActive": True,
        "ExternalURL": URL,
        "ExternalAuthorizationType": "bearerauth",
        "ExternalBearerToken": TOKEN,
    }


@pytest.mark.parametrize("call", [House.create, House.revive])
@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (answer(200, {"Webhooks": []}), InDoubt),
        (answer(200, {"Webhooks": [shown(ID="x", Type="Sale/Undo")]}), InDoubt),
        (answer(500, [{"ErrorCode": 500, "Exception": "no"}]), InDoubt),
        (AnswerLostError("x"), InDoubt),
        (answer(400, [{"ErrorCode": 400, "Exception": "no more than 5 of a type"}]), Rejected),
    ],
)
async def test_every_end_of_a_write(call: Any, given: Any, kind: type[WireError]) -> None:
    with pytest.raises(WireError) as seen:
        await call(House(given))
    assert type(seen.value) is kind


@pytest.mark.parametrize(
    ("call", "purpose"), [(House.create, Purpose.CIN7_CREATE_WEBHOOK), (House.revive, Purpose.CIN7_REVIVE_WEBHOOK)]
)
async def test_a_write_passes_its_crash_points(call: Any, purpose: Purpose) -> None:
    house = House(answer(200, {"Webhooks": [shown()]}))
    await call(house)
    phases = (WritePhase.DECIDED, WritePhase.INTENDED, WritePhase.ANSWERED)
    assert [mark for mark in house.gate.diary if "turn" not in mark] == [write_point(purpose, one) for one in phases]


@pytest.mark.parametrize("call", [House.create, House.revive])
async def test_without_a_token_no_webhook_is_written(call: Any) -> None:
    house = House(token="")
    with pytest.raises(ValueError, match="bearer token"):
        await call(house)
    assert house.wire.requests == []


@pytest.mark.parametrize("call", [House.create, House.revive])
async def test_what_cin7_repeats_of_the_token_goes_no_further(call: Any) -> None:
    words = f"ExternalBearerToken '{TOKEN}' is not valid"
    with pytest.raises(Rejected) as seen:
        await call(House(answer(400, [{"ErrorCode": 400, "Exception": words}])))
    assert seen.value.detail == "ExternalBearerToken '<token>' is not valid"
    assert TOKEN not in f"{seen.value!r} {seen.value}"


def test_no_webhook_shows_its_secrets() -> None:
    sent = webhooks.new("Sale/Voided", URL, TOKEN)
    read = wire.Webhook(id="x", type="Sale/Voided", token=TOKEN, url="https://user:pass@hooks.example.com")
    assert "hush" not in f"{sent!r} {sent} {read!r} {read} {wire.WebhookList(rows=[read])!r}"
