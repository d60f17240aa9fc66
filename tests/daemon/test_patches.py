"""Edits over the API: who may, when, what is recorded; and sealed bodies, masked for who may not see people."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.facts import FactKind
from actors.domain.order_state import OrderState
from actors.messages import Flow
from adapters.operator.patch_api import PatchDraft
from adapters.operator.problems import ProblemError
from adapters.operator.server import operator_server
from daemon.desk.patches import apply_patch
from daemon.desk.payloads import MASK, masked
from daemon.readmodel import LiveReading
from storage import audit, bodies, demand, facts, orders, outbox, patches, timeline
from storage.bodies import Sealer
from storage.orders import SaleRecord
from tests.ct_documents import delivery_document, order_document, parcel_document, return_document
from tests.daemon_app import NOW, TestApp, assembled, token
from tests.patched_file import DOCUMENT, ID, NUMBER, SEALER, SHIPPING, SKU, fill, product
from tests.stored import fresh

OPS, OPS_TOKEN = token("olive", "ops")
IT, IT_TOKEN = token("ian", "it")
FINANCE, FINANCE_TOKEN = token("fay", "finance")
TOKENS = (OPS_TOKEN, IT_TOKEN, FINANCE_TOKEN)


class Served:
    """The endpoints, and a client that says who it is."""

    def __init__(self, app: TestApp, port: int, session: aiohttp.ClientSession) -> None:
        self.app = app
        self._url = f"http://127.0.0.1:{port}/api/orders/"
        self._session = session

    async def get(self, path: str, who: str = OPS) -> Any:
        """Read what is there. Raises AssertionError where it is not."""
        status, body = await self.ask("GET", path, who)
        assert status == 200, body
        return body

    async def edit(
        self,
        field: str,
        values: Mapping[str, str],
        *,
        key: str | None = "k",
        who: str = OPS,
        reason: str = "they called",
    ) -> tuple[int, Any]:
        """Edit the order."""
        return await self.ask(
            "POST", f"{NUMBER}/edits", who, {"field": field, "values": values, "reason": reason}, key=key
        )

    async def ask(
        self, method: str, path: str, who: str = OPS, body: Any = None, *, key: str | None = None
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {who}"} | ({"Idempotency-Key": key} if key is not None else {})
        async with self._session.request(method, self._url + path, headers=headers, json=body) as answer:
            return answer.status, await answer.json(content_type=None)

    async def read(self, unit: Any) -> Any:
        return await self.app.engine.database.read(unit)

    async def write(self, unit: Any) -> Any:
        return await self.app.engine.database.run(unit)


@asynccontextmanager
async def served(folder: Path, unit: Any = fill) -> AsyncIterator[Served]:
    async with (
        assembled(folder, unit) as app,
        operator_server("127.0.0.1:0", LiveReading(app), tokens=TOKENS) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        yield Served(app, port, session)


def fields(view: Any) -> dict[tuple[str, str], tuple[Any, Any, bool]]:
    return {(one["field"], one["name"]): (one["original"], one["now"], one["patched"]) for one in view["fields"]}


# -- editing -----------------------------------------------------------------------------------------------------------


async def test_an_edit_is_one_commit_of_all_that_belongs_to_it(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        status, done = await here.edit("alias", {"sku": SKU, "alias": "LOAF"})
        assert (status, done["done"], done["order"], done["number"]) == (200, True, ID, NUMBER)
        [row] = await here.read(lambda connection: patches.of_order(connection, ID))
        assert (row.id, row.author, row.reason, row.at) == (done["patch"], "olive", "they called", NOW + 1000)
        [claim] = await here.read(lambda connection: demand.claims_of(connection, "LOAF", "berlin"))
        assert (claim.units, claim.taken) == (2, 0)
        assert await here.read(lambda connection: outbox.is_waiting(connection, Flow.ORDERS, ID))
        [(_, author, action, detail)] = await here.read(lambda connection: audit.of_record(connection, f"order:{ID}"))
        assert (author, action, json.loads(detail)["alias"]) == ("olive", "edit", "LOAF")
        lines = await here.read(lambda connection: timeline.of_order(connection, ID))
        assert [line.what for line in lines] == ["edited at the desk"]


async def test_the_same_key_is_the_same_edit_and_never_another(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        first = await here.edit("address", {"city": "Bremen"})
        again = await here.edit("address", {"city": "Bremen"})
        other = await here.edit("address", {"city": "Kiel"})
        assert (first[1]["done"], again[1]["done"], again[1]["patch"]) == (True, False, first[1]["patch"])
        assert (other[0], "another edit" in other[1]["detail"]) == (409, True)
        said = await here.edit("address", {"city": "Bremen"}, key="new")
        assert (said[1]["done"], said[1]["message"]) == (False, f"Order {NUMBER} says so already.")
        assert len(await here.read(lambda connection: patches.of_order(connection, ID))) == 1
        missing, _ = await here.edit("address", {"city": "Kiel"}, key=None)
        assert missing == 400


async def test_original_and_edit_stand_beside_each_other_for_who_may_see_them(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        await here.edit("contact", {"first_name": "Zora", "phone": "1"}, key="a")
        await here.edit("note", {"note": "Ring twice"}, key="b")
        await here.edit("alias", {"sku": SKU, "alias": "LOAF"}, key="c")
        view = await here.get(f"{NUMBER}/edits")
        shown = fields(view)
        assert shown["contact", "first_name"] == ("Zoe", "Zora", True)
        assert shown["contact", "last_name"] == ("Quill", "Quill", True), "a name is edited as one"
        assert shown["contact", "email"] == ("ann@example.com", "ann@example.com", False)
        assert shown["address", "street"] == ("Lindenweg 9", "Lindenweg 9", False)
        assert shown["note", "note"] == ("", "Ring twice", True)
        assert shown["alias", SKU] == (SKU, "LOAF", True)
        assert (view["personal"], view["may_edit"], view["why_not"]) == (True, True, "")
        assert [one["names"] for one in view["history"]] == [["first_name", "phone", "last_name"], ["note"], [SKU]]
        hidden = await here.get(f"{NUMBER}/edits", IT)
        assert (hidden["personal"], hidden["may_edit"]) == (False, False)
        assert not [text for text in ("Zo", "Quill", "Lindenweg", "Ring", "ann@") if text in json.dumps(hidden)]
        assert fields(hidden)["alias", SKU] == (SKU, "LOAF", True)
        assert (await here.get(f"{NUMBER}/edits", FINANCE))["may_edit"] is False


async def test_a_name_that_gave_way_to_a_newer_one_does_not_come_back_with_the_next_edit(tmp_path: Path) -> None:
    newer = DOCUMENT | {"version": 99, "shippingAddress": SHIPPING | {"firstName": "Mia", "lastName": "Jones"}}
    async with served(tmp_path) as here:
        await here.edit("contact", {"first_name": "Zora"}, key="a")
        await here.write(lambda connection: fill(connection, document=newer, version=99))
        assert fields(await here.get(f"{NUMBER}/edits"))["contact", "first_name"] == ("Mia", "Mia", False)
        await here.edit("contact", {"last_name": "Johns"}, key="b")
        shown = fields(await here.get(f"{NUMBER}/edits"))
        assert shown["contact", "first_name"] == ("Mia", "Mia", True)
        assert shown["contact", "last_name"] == ("Jones", "Johns", True)


async def test_an_edit_is_withdrawn_once_and_its_units_with_it(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, done = await here.edit("alias", {"sku": SKU, "alias": "LOAF"})
        path = f"{NUMBER}/edits/{done['patch']}/withdraw"
        assert (await here.ask("POST", path, IT, {"reason": "x"}))[0] == 403
        assert (await here.ask("POST", f"{NUMBER}/edits/99/withdraw", OPS, {}))[0] == 404
        for number in ("no", "9" * 19, "0" * 20 + "9" * 30):
            assert (await here.ask("POST", f"{NUMBER}/edits/{number}/withdraw", OPS, {}))[0] == 404
        first = await here.ask("POST", path, OPS, {"reason": "mistaken"})
        again = await here.ask("POST", path, OPS, {"reason": "mistaken"})
        assert (first[1]["done"], again[1]["done"]) == (True, False)
        [claim] = await here.read(lambda connection: demand.claims_of(connection, SKU, "berlin"))
        assert (claim.units, claim.taken) == (2, 2)
        actions = [row[2] for row in await here.read(lambda connection: audit.of_record(connection, f"order:{ID}"))]
        assert actions == ["edit", "withdraw edit"]


async def test_what_stands_and_what_can_be_read_no_more_is_told(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, city = await here.edit("address", {"city": "Bremen"}, key="a")
        _, note = await here.edit("note", {"note": "Ring twice"}, key="b")
        await here.ask("POST", f"{NUMBER}/edits/{note['patch']}/withdraw", OPS, {"reason": "mistaken"})
        await here.write(lambda connection: bodies.drop(connection, ID, patches.kind(city["patch"])))
        view = await here.get(f"{NUMBER}/edits")
    assert [(one["field"], one["stands"]) for one in view["history"]] == [("address", True), ("note", False)]
    assert {one["name"] for one in view["fields"] if one["lost"]} == {"city"}
    assert fields(view)["address", "city"] == ("Hamburg", None, True)
    assert fields(view)["address", "country"] == ("DE", "DE", False)


async def test_a_note_has_lines_however_they_end(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        assert (await here.edit("note", {"note": " Ring\r\ntwice\n"}))[1]["done"]
        assert fields(await here.get(f"{NUMBER}/edits"))["note", "note"][1] == "Ring\ntwice"


WRONG: list[tuple[str, str, dict[str, str], int, str]] = [
    ("an amount", "price", {"price": "1"}, 400, "mended at its source"),
    ("nothing", "address", {}, 400, "values of address"),
    ("another name", "address", {"city": "x", "quantity": "2"}, 400, "values of address"),
    ("half an alias", "alias", {"sku": SKU}, 400, "needs sku"),
    ("itself", "alias", {"sku": SKU, "alias": SKU}, 400, "no alias of itself"),
    ("not ordered", "alias", {"sku": "bread", "alias": "LOAF"}, 409, "no line with SKU bread"),
    ("not in Cin7", "alias", {"sku": SKU, "alias": "NO"}, 409, "no product with SKU NO"),
    ("deprecated", "alias", {"sku": SKU, "alias": "OLD"}, 409, "deprecated"),
    ("not sellable", "alias", {"sku": SKU, "alias": "HIDDEN"}, 409, "not sellable"),
    ("too long", "address", {"postal_code": "x" * 21}, 400, "Cin7 Core takes 20"),
    ("another country", "address", {"country": "FR"}, 400, "decides the tax"),
    ("the same country alone", "address", {"country": "de"}, 400, "changes nothing"),
    ("no e-mail", "contact", {"email": "zoe"}, 400, "no e-mail"),
]


@pytest.mark.parametrize(("_case", "field", "values", "status", "words"), WRONG, ids=[case[0] for case in WRONG])
async def test_what_is_wrong_with_an_edit_is_said_and_nothing_is_kept(
    tmp_path: Path, _case: str, field: str, values: dict[str, str], status: int, words: str
) -> None:
    async with served(tmp_path) as here:
        answer = await here.edit(field, values)
        assert (answer[0], words in answer[1]["detail"]) == (status, True), answer
        assert await here.read(lambda connection: patches.of_order(connection, ID)) == []


@pytest.mark.parametrize("reason", ["", " \n "])
async def test_an_edit_without_a_reason_is_none(tmp_path: Path, reason: str) -> None:
    async with served(tmp_path) as here:
        status, told = await here.edit("note", {"note": "Ring twice"}, reason=reason)
        assert (status, "reason is missing" in told["detail"]) == (400, True)
        assert await here.read(lambda connection: patches.of_order(connection, ID)) == []


async def test_what_cin7_can_sell_itself_needs_no_alias(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        both = (product("LOAF"), product(SKU))
        await here.write(lambda connection: facts.store(connection, FactKind.PRODUCT, both, now=NOW, whole=True))
        status, body = await here.edit("alias", {"sku": SKU, "alias": "LOAF"})
        assert (status, "itself" in body["detail"]) == (409, True)


@pytest.mark.parametrize("card", [SKU, "LOAF"])
def test_a_gift_card_is_nothing_s_alias_and_has_none(tmp_path: Path, card: str) -> None:
    with closing(fresh(tmp_path)) as connection:
        fill(connection)
        draft = PatchDraft(field="alias", values={"sku": SKU, "alias": "LOAF"})
        asked: dict[str, Any] = {"sealer": SEALER, "author": "ann", "reason": "", "now": NOW}
        with pytest.raises(ProblemError, match="gift card"):
            apply_patch(connection, ID, draft, key="a", gift_cards={card: "Gift card"}, **asked)
        assert apply_patch(connection, ID, draft, key="a", gift_cards={"OTHER"}, **asked)["done"]


SALE = SaleRecord(sale_id="s", order_id=ID, generation=1, reference="r", number="SO-7", made_at=NOW, voided_at=None)

_HEADER = (OrderState.CREATING, OrderState.HEADER)

TOO_LATE = [
    ("creating", (OrderState.CREATING,), "may be made"),
    ("in doubt", (OrderState.CREATING, OrderState.IN_DOUBT), "may be made"),
    ("header", _HEADER, "sale SO-7 already"),
    ("held with its sale", (*_HEADER, OrderState.HELD), "sale SO-7 already"),
    ("posted", (*_HEADER, OrderState.POSTED), "sale SO-7 already"),
    ("exported", (*_HEADER, OrderState.POSTED, OrderState.EXPORTED), "sale SO-7 already"),
    ("being cancelled", (*_HEADER, OrderState.CANCELLING), "sale SO-7 already"),
    ("cancelled", (OrderState.CANCELLED,), "is cancelled"),
    ("excluded", (OrderState.EXCLUDED,), "is excluded"),
]


def move(connection: sqlite3.Connection, state: OrderState) -> None:
    match state:
        case OrderState.IN_DOUBT:
            orders.doubt(connection, ID, until=NOW, now=NOW)
        case OrderState.EXPORTED:
            orders.export(connection, ID, now=NOW)
        case _:
            orders.move(connection, ID, state, now=NOW)
    if state is OrderState.HEADER:
        orders.add_sale(connection, SALE)


@pytest.mark.parametrize(("_case", "states", "words"), TOO_LATE, ids=[case[0] for case in TOO_LATE])
async def test_what_is_a_sale_or_may_be_one_is_not_edited(
    tmp_path: Path, _case: str, states: tuple[OrderState, ...], words: str
) -> None:
    def unit(connection: sqlite3.Connection) -> None:
        fill(connection)
        number = patches.add_alias(connection, ID, SKU, "LOAF", author="ann", reason="", key="before", said="", now=NOW)
        assert number == 1
        for state in states:
            move(connection, state)

    async with served(tmp_path, unit) as here:
        for status, body in (
            await here.edit("address", {"city": "Kiel"}),
            await here.ask("POST", f"{NUMBER}/edits/1/withdraw", OPS, {}),
        ):
            assert (status, words in body["detail"]) == (409, True), body
        view = await here.get(f"{NUMBER}/edits")
        assert (view["may_edit"], words in view["why_not"]) == (False, True)
        assert len(await here.read(lambda connection: patches.of_order(connection, ID))) == 1


async def test_an_order_whose_sale_is_void_is_edited_again(tmp_path: Path) -> None:
    def unit(connection: sqlite3.Connection) -> None:
        fill(connection)
        for state in (*_HEADER, OrderState.HELD):
            move(connection, state)
        orders.void_sale(connection, "s", now=NOW)

    async with served(tmp_path, unit) as here:
        assert (await here.edit("address", {"city": "Kiel"}))[1]["done"]


async def test_without_the_body_the_order_has_to_be_read_first(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        await here.write(lambda connection: bodies.erase(connection, ID))
        status, body = await here.edit("address", {"city": "Kiel"})
        assert (status, "retry the order" in body["detail"]) == (409, True)
        view = await here.get(f"{NUMBER}/edits")
        assert (view["fields"], view["may_edit"], "retry" in view["why_not"]) == ([], False, True)


@pytest.mark.parametrize("who", [IT, FINANCE])
async def test_who_may_not_edit_is_refused(tmp_path: Path, who: str) -> None:
    async with served(tmp_path) as here:
        assert (await here.edit("address", {"city": "Kiel"}, who=who))[0] == 403


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"field": "note"}', b'{"field": 1, "values": {}}', b"\xff"])
async def test_a_body_that_is_no_edit_is_refused(tmp_path: Path, body: bytes) -> None:
    async with served(tmp_path) as here:
        headers = {"Authorization": f"Bearer {OPS}", "Idempotency-Key": "k"}
        url = f"{here._url}{NUMBER}/edits"
        async with here._session.post(url, headers=headers, data=body) as answer:
            assert answer.status == 400


async def test_nobody_s_order_is_a_404(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        for method, path in (("GET", "edits"), ("GET", "payloads")):
            assert (await here.ask(method, f"nobody/{path}"))[0] == 404
        draft = {"field": "note", "values": {"note": "x"}}
        assert (await here.ask("POST", "nobody/edits", OPS, draft, key="k"))[0] == 404


def test_the_unit_of_bulk_deeds_asks_for_an_order_that_is_there(tmp_path: Path) -> None:
    draft = PatchDraft(field="note", values={"note": "x"})
    with closing(fresh(tmp_path)) as connection, pytest.raises(ProblemError, match="no such order"):
        apply_patch(connection, "x", draft, key="k", sealer=SEALER, author="ann", reason="", now=NOW)


# -- what is kept sealed -----------------------------------------------------------------------------------------------

_P = "PERSON"
PERSON = {
    "firstName": f"{_P}-first",
    "lastName": f"{_P}-last",
    "company": f"{_P}-company",
    "streetName": f"{_P}-street",
    "postalCode": f"{_P}-code",
    "city": f"{_P}-city",
    "region": f"{_P}-region",
    "state": f"{_P}-state",
    "phone": f"{_P}-phone",
    "mobile": f"{_P}-mobile",
    "email": f"{_P}-email",
    "id": f"{_P}-id",
    "key": f"{_P}-key",
    "country": "DE",
    "custom": {"type": {"typeId": "type", "id": f"{_P}-type"}, "fields": {"id": f"{_P}-field"}},
}
BY = {"clientId": f"{_P}-client", "customer": {"typeId": "customer", "id": f"{_P}-customer"}, "anonymousId": f"{_P}-a"}
CUSTOM = {
    "type": {"typeId": "type", "id": f"{_P}-t"},
    "fields": {"sku": f"{_P}-wish", "amount": 42, "name": [f"{_P}-n"]},
}
RICH = order_document(
    customerEmail=f"{_P}-mail",
    customerId=f"{_P}-id",
    anonymousId=f"{_P}-anonymous",
    purchaseOrderNumber=f"{_P}-po",
    shippingAddress=PERSON,
    billingAddress=PERSON,
    itemShippingAddresses=[PERSON],
    custom=CUSTOM,
    createdBy=BY,
    lastModifiedBy=BY,
    customLineItems=[DOCUMENT["customLineItems"][0] | {"name": {"en": f"{_P}-dedication"}, "custom": CUSTOM}],
    lineItems=[
        DOCUMENT["lineItems"][0]
        | {"custom": CUSTOM, "variant": {"sku": SKU, "attributes": [{"name": "text", "value": f"{_P}-engraved"}]}}
    ],
    shippingInfo=DOCUMENT["shippingInfo"]
    | {
        "custom": CUSTOM,
        "deliveries": [
            delivery_document("d", {"li-1": 1}, parcel_document("p", {}, trackingData={"trackingId": f"{_P}-track"}))
            | {"address": PERSON, "custom": CUSTOM}
        ],
    },
    paymentInfo={
        "payments": [
            {
                "typeId": "payment",
                "id": "pay-1",
                "obj": {
                    "id": "pay-1",
                    "customer": {"typeId": "customer", "id": f"{_P}-payer"},
                    "custom": CUSTOM,
                    "interfaceInteractions": [{"type": f"{_P}-i", "id": f"{_P}-iban", "createdAt": f"{_P}-x"}],
                    "paymentMethodInfo": {"method": "scheme", "name": {"en": f"{_P}-card"}, "custom": CUSTOM},
                    "paymentStatus": {"interfaceText": f"{_P}-said"},
                    "transactions": [],
                },
            }
        ]
    },
    returnInfo=[
        {"returnTrackingId": f"{_P}-back", "items": [return_document("li-1", 1, "Returned", comment=f"{_P}-comment")]}
    ],
)


def test_no_person_is_left_in_a_masked_order_and_its_figures_are() -> None:
    shown = masked(RICH)
    text = json.dumps(shown)
    assert _P not in text
    assert shown.keys() == RICH.keys()
    assert shown["orderNumber"] == NUMBER
    assert shown["totalPrice"] == RICH["totalPrice"]
    assert shown["taxedPrice"] == RICH["taxedPrice"]
    assert (shown["lineItems"][0]["variant"]["sku"], shown["lineItems"][0]["quantity"]) == (SKU, 2)
    assert shown["shippingAddress"]["city"] == MASK
    assert shown["shippingAddress"]["country"] == "DE"
    assert shown["custom"] == MASK
    assert shown["somethingNew"] == MASK


PLACES = st.lists(st.integers(0, 30), min_size=1, max_size=6)


@given(PLACES, st.sampled_from(["new", "names", "Id", "value", "en"]), st.sampled_from([_P, [_P], {"id": _P}]))
def test_what_the_document_says_tomorrow_is_masked_wherever_it_stands(
    places: list[int], name: str, value: object
) -> None:
    document = json.loads(json.dumps(order_document(shippingAddress=SHIPPING)))
    here: Any = document
    for place in places:
        inner = [one for one in (here.values() if isinstance(here, dict) else here) if isinstance(one, dict | list)]
        if not inner:
            break
        here = inner[place % len(inner)]
    if isinstance(here, dict):
        here[name] = value
    assert _P not in json.dumps(masked(document))


async def test_bodies_are_opened_for_who_may_see_people_and_that_is_written_down(tmp_path: Path) -> None:
    async with served(tmp_path, lambda connection: fill(connection, document=RICH)) as here:
        await here.edit("address", {"city": f"{_P}-moved"})
        shown = await here.get(f"{NUMBER}/payloads", FINANCE)
        assert [body["kind"] for body in shown["bodies"]] == ["order", "patch:1"]
        assert (shown["personal"], shown["bodies"][0]["document"]) == (True, RICH)
        assert shown["bodies"][1]["document"]["values"] == {"city": f"{_P}-moved"}
        await here.get(f"{NUMBER}/payloads", OPS)
        rows = await here.read(lambda connection: audit.of_record(connection, f"order:{ID}"))
        assert [(row[1], row[2]) for row in rows] == [("olive", "edit"), ("fay", "body"), ("olive", "body")]
        assert json.loads(rows[1][3]) == {"kinds": "order, patch:1"}
        hidden = await here.get(f"{NUMBER}/payloads", IT)
        assert (hidden["personal"], _P in json.dumps(hidden)) == (False, False)
        assert hidden["bodies"][0]["document"]["orderNumber"] == NUMBER
        assert [body["bytes"] for body in hidden["bodies"]] == [body["bytes"] for body in shown["bodies"]]
        after = await here.read(lambda connection: audit.of_record(connection, f"order:{ID}"))
        assert len(after) == 3, "who saw nobody is not written down"


async def test_what_may_be_edited_is_opened_only_when_asked_for_and_that_is_written_down(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        await here.get(f"{NUMBER}/edits")
        await here.get(f"{NUMBER}/edits", IT)
        rows = await here.read(lambda connection: audit.of_record(connection, f"order:{ID}"))
        assert [(row[1], row[2], row[3]) for row in rows] == [("olive", "body", '{"kinds":"order, edits"}')]


async def test_what_cannot_be_opened_or_is_no_object_is_shown_to_nobody(tmp_path: Path) -> None:
    def unit(connection: sqlite3.Connection) -> None:
        fill(connection)
        other = Sealer(bytes([1]) * 32).seal(b"{}", order_id=ID, kind="patch:9")
        bodies.put(connection, ID, "patch:9", version=1, sealed=other, now=NOW)
        words = SEALER.seal(b'"some words"', order_id=ID, kind="unreadable")
        bodies.put(connection, ID, "unreadable", version=1, sealed=words, now=NOW)

    async with served(tmp_path, unit) as here:
        shown = await here.get(f"{NUMBER}/payloads")
        assert [body["document"] is None for body in shown["bodies"]] == [False, True, True]
