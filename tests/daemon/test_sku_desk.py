"""The catalogue over HTTP and over the socket: pages, the whole list as a stream, and what people do about it."""

from __future__ import annotations

import csv
import io
import json
import os
import pwd
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import anyio
import anyio.to_thread
import msgspec
import pytest
import yarl

from actors.catalogue.rules import CatalogueRules
from actors.domain.drafting import DraftRules
from actors.domain.exception_types import Finding
from actors.messages import Flow
from adapters.operator.openapi import description
from adapters.operator.problems import ProblemError
from adapters.operator.reading import SkuQuery
from adapters.operator.server import operator_server
from daemon import actions, sku_actions
from daemon.cli import main
from daemon.control import control_server
from daemon.control_client import RefusedError, address, ask
from daemon.readmodel import LiveReading
from daemon.secrets import OperatorToken
from storage import audit, drafts, exceptions, listings
from storage.database import connect
from storage.drafts import DraftRow
from storage.exceptions import Record
from tests.catalogue_file import ITEMS, PRODUCTS, catalogue, item, judge, listed
from tests.daemon.test_skus import ALL
from tests.daemon_app import NOW, TestApp, assembled, make_file, token, write_config

ME = pwd.getpwuid(os.getuid()).pw_name
ECOMMERCE, ECOMMERCE_TOKEN = token("emma", "ecommerce")
OPS, OPS_TOKEN = token("olga", "ops")

TYPED = CatalogueRules(unpublish=True, draft=DraftRules(product_type="goods"))


class Served:
    """The endpoints over a file with both catalogues."""

    def __init__(self, app: TestApp, port: int, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.port = port
        self.base = f"http://127.0.0.1:{port}"
        self.session = session

    async def get(self, path: str, *, method: str = "GET", **headers: str) -> tuple[int, str, aiohttp.ClientResponse]:
        url = yarl.URL(self.base + path, encoded=True)
        async with self.session.request(method, url, headers=headers) as answer:
            return answer.status, await answer.text(), answer

    async def act(self, path: str, who: str) -> tuple[int, dict[str, Any]]:
        headers = {"Authorization": f"Bearer {who}"}
        url = yarl.URL(self.base + path, encoded=True)
        async with self.session.post(url, headers=headers, json={"reason": "agreed"}) as answer:
            return answer.status, json.loads(await answer.text())


@asynccontextmanager
async def served(
    folder: Path, *tokens: OperatorToken, unit: Callable[[sqlite3.Connection], None] = catalogue
) -> AsyncIterator[Served]:
    async with (
        assembled(folder, unit) as app,
        operator_server("127.0.0.1:0", LiveReading(app), tokens=tokens) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        yield Served(app, port, session)


def rules_of(app: TestApp, rules: CatalogueRules) -> None:
    app.engine.plan = msgspec.structs.replace(app.engine.plan, catalogue=rules)


def due(connection: sqlite3.Connection) -> list[str]:
    """Which subjects of the catalogue wait."""
    rows = connection.execute("SELECT subject FROM outbox WHERE flow = ? ORDER BY subject", (Flow.CATALOGUE.value,))
    return [row[0] for row in rows]


# -- reading -----------------------------------------------------------------------------------------------------------


async def test_pages_over_http_lose_nobody(tmp_path: Path) -> None:
    found: list[str] = []
    after: str | None = ""
    async with served(tmp_path) as here:
        while after is not None:
            status, text, _ = await here.get(f"/api/skus?limit=5&after={quote(after)}")
            assert status == 200
            page = json.loads(text)
            found += [one["sku"] for one in page["items"]]
            after = page["next"]
    assert found == ALL


async def test_an_item_has_the_shape_others_read(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, text, _ = await here.get("/api/skus?match=only_commercetools&text=GHOST&published=true")
    [found] = json.loads(text)["items"]
    assert found == {
        "sku": "GHOST",
        "match": "only_commercetools",
        "flags": [],
        "near": [],
        "published": True,
        "item_id": None,
        "product_id": "p-ghost",
        "suggestion": "nothing in Cin7 Core looks like 'GHOST': create the item, or take the product off the"
        " storefront",
    }


WRONG = ["match=some", "flag=odd", "published=yes", "limit=0", "limit=501", "txt=A"]


@pytest.mark.parametrize("query", WRONG)
async def test_a_question_nobody_understands_is_a_400(tmp_path: Path, query: str) -> None:
    async with served(tmp_path) as here:
        status, text, answer = await here.get(f"/api/skus?{query}")
    assert (status, answer.content_type) == (400, "application/problem+json")
    assert json.loads(text)["status"] == 400


async def test_one_sku_over_http(tmp_path: Path) -> None:
    """A SKU may hold anything; one that nobody has is a problem."""
    async with served(tmp_path) as here:
        status, text, _ = await here.get("/api/skus/%3D1%2B1")
        missing, problem, _ = await here.get("/api/skus/mug")
    assert (status, json.loads(text)["sku"]) == (200, "=1+1")
    assert (missing, json.loads(problem)["title"]) == (404, "Not Found")


@pytest.mark.parametrize(("path", "headers"), [("/api/skus.csv", {}), ("/api/skus", {"Accept": "text/csv"})])
async def test_the_whole_list_is_a_stream(tmp_path: Path, path: str, headers: dict[str, str]) -> None:
    some = [item(f"S-{number:04}") for number in range(1_001)]
    async with served(tmp_path, unit=lambda connection: catalogue(connection, some, PRODUCTS)) as here:
        status, text, answer = await here.get(f"{path}?match=only_cin7&text=s-", **headers)
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["sku"] for row in rows] == [one.sku for one in some]
    assert (status, answer.content_type, answer.charset) == (200, "text/csv", "utf-8")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="skus.csv"'
    assert "Content-Length" not in answer.headers
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_head_of_the_stream_sends_nothing(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        status, text, answer = await here.get("/api/skus.csv", method="HEAD")
        again, _, _ = await here.get("/api/skus")
    assert (status, text, answer.content_type, again) == (200, "", "text/csv", 200)


async def test_a_stream_has_no_pages_and_refuses_before_it_begins(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        for query in ("after=A", "limit=5", "flag=odd"):
            status, _, answer = await here.get(f"/api/skus.csv?{query}")
            assert (status, answer.content_type) == (400, "application/problem+json")


async def test_a_stream_that_breaks_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a list must not read as a whole one."""

    async def broken(self: LiveReading, query: SkuQuery, *, head: bool) -> tuple[str, str | None]:
        if not head:
            raise sqlite3.OperationalError("gone")
        return "sku\r\nA\r\n", "A"

    monkeypatch.setattr(LiveReading, "sku_table", broken)
    heard = b""
    async with served(tmp_path) as here:
        with pytest.raises(aiohttp.ClientError):
            await here.get("/api/skus.csv")
        async with await anyio.connect_tcp("127.0.0.1", here.port) as stream:
            await stream.send(b"GET /api/skus.csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with anyio.fail_after(5), suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                while True:
                    heard += await stream.receive()
    assert b"problem" not in heard  # no second answer within the first


async def test_what_is_not_published_can_be_asked_for(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, text, _ = await here.get("/api/skus?match=only_commercetools&published=false")
    assert [one["sku"] for one in json.loads(text)["items"]] == ["=1+1"]


async def test_the_plan_over_http(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, text, _ = await here.get("/api/skus/plan?limit=2")
    plan = json.loads(text)
    assert [one["product_id"] for one in plan["items"]] == ["p-ghost", "p-jug"]
    assert (plan["next"], plan["planned"], plan["switched_on"], plan["would_have"]) == ("p-jug", 4, False, [])


async def test_the_plan_as_a_file_over_http_is_the_walk(tmp_path: Path) -> None:
    asked = "sort=name&order=desc&stands=seen&text=P"
    found: list[str] = []
    after: str | None = ""
    async with served(tmp_path) as here:
        while after is not None and len(found) < 9:
            _, text, _ = await here.get(f"/api/skus/plan?{asked}&limit=1&after={quote(after)}")
            page = json.loads(text)
            found += [one["product_id"] for one in page["items"]]
            after = page["next"]
        status, text, answer = await here.get(f"/api/skus/plan.csv?{asked}")
        refused = [(await here.get(f"/api/skus/plan?{odd}"))[0] for odd in ("sort=odd", "stands=odd", "txt=A")]
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [row["product_id"] for row in rows] == found == ["p-tea", "p-nameless", "p-jug", "p-ghost"]
    assert (status, answer.content_type, refused) == (200, "text/csv", [400, 400, 400])


def conforms(value: Any, schema: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Hold a document against its schema: what it names is there, and nothing else."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        for one in value:
            conforms(one, schema["items"], schemas)
    if isinstance(value, dict) and "properties" in schema:
        assert value.keys() >= set(schema["required"])
        for name in schema["required"]:
            conforms(value[name], schema["properties"][name], schemas)


DESCRIBED = [
    ("/api/skus", "SkuPage", True),
    ("/api/skus/GHOST", "Sku", False),
    ("/api/skus/MUG", "Sku", True),
    ("/api/skus/BOWL", "Sku", True),
    ("/api/skus/plan", "UnpublishPlan", True),
]


@pytest.mark.parametrize(("path", "name", "exactly"), DESCRIBED)
async def test_answers_are_what_the_description_says(tmp_path: Path, path: str, name: str, exactly: bool) -> None:
    schemas = description("1")["components"]["schemas"]
    async with served(tmp_path) as here:
        await here.app.engine.database.run(
            lambda connection: drafts.put(connection, DraftRow(key="item:i-BOWL", state="wanted"), now=NOW)
        )
        _, text, _ = await here.get(path)
    body = json.loads(text)
    conforms(body, schemas[name], schemas)
    assert body.keys() == set(schemas[name]["properties"]) or not exactly


# -- approving ---------------------------------------------------------------------------------------------------------


async def test_who_approves_is_written_down_and_twice_is_once(tmp_path: Path) -> None:
    async with served(tmp_path, ECOMMERCE_TOKEN) as here:
        rules_of(here.app, TYPED)
        status, body = await here.act("/api/skus/plan/approve", ECOMMERCE)
        again = await here.act("/api/skus/plan/approve", ECOMMERCE)
        rows = await here.app.engine.database.read(
            lambda connection: audit.of_record(connection, "catalogue:unpublish")
        )
        waiting = await here.app.engine.database.read(due)
        ghost = await here.app.engine.database.read(lambda connection: listings.get(connection, "p-ghost"))
    assert (status, body["done"], body["products"]) == (200, True, 4)
    assert (again[0], again[1]["done"]) == (200, False)
    assert "4 products are approved already" in again[1]["message"]
    [(_, author, action, detail)] = rows
    assert (author, action) == ("emma", "approve")
    assert json.loads(detail) == {"reason": "agreed", "products": "p-ghost p-jug p-nameless p-tea"}
    assert {f"product:{one}" for one in ("p-ghost", "p-jug", "p-nameless", "p-tea")} <= set(waiting)
    assert ghost is not None
    assert ghost.approved_at == NOW + 1000


async def test_only_ecommerce_approves_and_asks(tmp_path: Path) -> None:
    async with served(tmp_path, ECOMMERCE_TOKEN, OPS_TOKEN) as here:
        rules_of(here.app, TYPED)
        for path in ("/api/skus/plan/approve", "/api/skus/BOWL/draft"):
            assert (await here.act(path, OPS))[0] == 403
        assert (await here.act("/api/skus/BOWL/draft", ECOMMERCE))[0] == 200


REFUSED = [
    ("switched off", CatalogueRules(), catalogue, "unpublish_unmatched is off"),
    ("no catalogue", msgspec.structs.replace(TYPED, enabled=False), catalogue, "unpublish_unmatched is off"),
    ("not read", TYPED, lambda connection: None, "Not both sides were read whole yet"),
]


@pytest.mark.parametrize(("_case", "rules", "unit", "words"), REFUSED)
async def test_an_approval_is_refused(
    tmp_path: Path, _case: str, rules: CatalogueRules, unit: Callable[[sqlite3.Connection], None], words: str
) -> None:
    async with assembled(tmp_path, unit) as app:
        rules_of(app, rules)
        with pytest.raises(ProblemError, match=words) as refused:
            await sku_actions.approve_plan(app, author="emma", reason="")
    assert refused.value.status == 409


async def test_what_was_not_seen_afresh_is_not_approved(tmp_path: Path) -> None:
    def later(connection: sqlite3.Connection) -> None:
        catalogue(connection)
        for staged in (True, False):
            listings.store(connection, [listed("p-late", "LATE")], staged=staged, number=1)
        connection.execute(
            "INSERT INTO coverage (sku, match, published, product_id, judged_at)"
            " VALUES ('LATE', 'only_commercetools', 1, 'p-late', 1)"
        )

    async with assembled(tmp_path, later) as app:
        rules_of(app, TYPED)
        done = await sku_actions.approve_plan(app, author="emma", reason="")
        late = await app.engine.database.read(lambda connection: listings.get(connection, "p-late"))
    assert "1 more are to be looked at first" in done["message"]
    assert done["products"] == 4
    assert late is not None
    assert late.approved_at is None


async def test_in_shadow_mode_an_approval_says_so(tmp_path: Path) -> None:
    async with assembled(tmp_path, catalogue) as app:
        rules_of(app, msgspec.structs.replace(TYPED, shadow=True))
        done = await sku_actions.approve_plan(app, author="emma", reason="")
    assert "the mode is shadow" in done["message"]


async def test_where_nothing_is_planned_nothing_is_approved(tmp_path: Path) -> None:
    async with assembled(tmp_path, lambda connection: catalogue(connection, ITEMS, PRODUCTS[:1])) as app:
        rules_of(app, TYPED)
        done = await sku_actions.approve_plan(app, author="emma", reason="")
        rows = await app.engine.database.read(lambda connection: audit.of_record(connection, "catalogue:unpublish"))
    assert (done["done"], done["message"], rows) == (False, "Nothing waits for it.", [])


# -- drafts ------------------------------------------------------------------------------------------------------------


async def test_a_draft_is_asked_for_once(tmp_path: Path) -> None:
    async with assembled(tmp_path, catalogue) as app:
        rules_of(app, TYPED)
        first = await sku_actions.ask_for_draft(app, "BOWL", author="emma", reason="launch")
        again = await sku_actions.ask_for_draft(app, "BOWL", author="olga", reason="")
        read = app.engine.database.read
        row = await read(lambda connection: drafts.get(connection, "item:i-BOWL"))
        [(_, author, action, detail)] = await read(lambda connection: audit.of_record(connection, "sku:BOWL"))
        waiting = await read(due)
    assert (first["done"], again["done"]) == (True, False)
    assert "emma asked" in again["message"]
    assert row is not None
    assert (row.state, row.asked_by) == ("wanted", "emma")
    assert (author, action, json.loads(detail)["reason"]) == ("emma", "draft", "launch")
    assert "draft:item:i-BOWL" in waiting


async def test_an_item_of_a_family_brings_the_whole_family(tmp_path: Path) -> None:
    async with assembled(tmp_path, catalogue) as app:
        rules_of(app, TYPED)
        done = await sku_actions.ask_for_draft(app, "SIZED", author="emma", reason="")
        row = await app.engine.database.read(lambda connection: drafts.get(connection, "family:f-1"))
    assert "with its whole family Sized" in done["message"]
    assert row is not None


async def test_what_was_refused_before_is_tried_anew(tmp_path: Path) -> None:
    refused = DraftRow(key="item:i-BOWL", state="refused", asked_by="emma", absent_at=NOW - 5)
    async with assembled(tmp_path, catalogue) as app:
        rules_of(app, TYPED)
        await app.engine.database.run(lambda connection: drafts.put(connection, refused, now=NOW))
        done = await sku_actions.ask_for_draft(app, "BOWL", author="olga", reason="")
        row = await app.engine.database.read(lambda connection: drafts.get(connection, "item:i-BOWL"))
    assert done["done"]
    assert row is not None
    assert (row.state, row.asked_by, row.absent_at) == ("wanted", "olga", NOW - 5)


async def test_a_draft_that_is_made_is_looked_at_again(tmp_path: Path) -> None:
    made = DraftRow(key="item:i-MUG", state="made", product_id="p-mug", written={"MUG/brand": ["x"]})
    async with assembled(tmp_path, catalogue) as app:
        rules_of(app, TYPED)
        await app.engine.database.run(lambda connection: drafts.put(connection, made, now=NOW))
        done = await sku_actions.ask_for_draft(app, "MUG", author="olga", reason="")
        row = await app.engine.database.read(lambda connection: drafts.get(connection, "item:i-MUG"))
        waiting = await app.engine.database.read(due)
    assert "is looked at again" in done["message"]
    assert waiting == ["draft:item:i-MUG"]
    assert row is not None
    assert (row.state, row.asked_by, row.written) == ("made", "olga", {"MUG/brand": ["x"]})


UNFIT: list[tuple[str, CatalogueRules, int, str]] = [
    ("NOBODY", TYPED, 404, "not seen to have an item"),
    ("bowl", TYPED, 404, "mind upper and lower case"),
    ("GHOST", TYPED, 404, "not seen to have an item"),
    ("OLD", TYPED, 409, "Deprecated"),
    ("IDLE", TYPED, 409, "not sellable"),
    ("WRAP", TYPED, 409, "of type Service"),
    ("TWIN", TYPED, 409, "stands on 2 items"),
    ("MUG", TYPED, 409, "has a product already: p-mug"),
    ("BOWL", CatalogueRules(), 409, "No product type is named"),
    ("BOWL", CatalogueRules(draft=DraftRules(product_types={"Plates": "goods"})), 409, "category 'Mugs'"),
    ("BOWL", msgspec.structs.replace(TYPED, enabled=False), 409, "enabled is false"),
]


@pytest.mark.parametrize(("sku", "rules", "status", "words"), UNFIT)
async def test_a_draft_is_refused(tmp_path: Path, sku: str, rules: CatalogueRules, status: int, words: str) -> None:
    more = (*ITEMS, item("IDLE", sellable=False), item("WRAP", type="Service"))
    async with assembled(tmp_path, lambda connection: catalogue(connection, more)) as app:
        rules_of(app, rules)
        with pytest.raises(ProblemError, match=words) as refused:
            await sku_actions.ask_for_draft(app, sku, author="emma", reason="")
        assert await app.engine.database.read(due) == []
    assert refused.value.status == status


async def test_a_category_of_its_own_is_enough(tmp_path: Path) -> None:
    async with assembled(tmp_path, catalogue) as app:
        rules_of(app, CatalogueRules(draft=DraftRules(product_types={"Mugs": "goods"})))
        assert (await sku_actions.ask_for_draft(app, "BOWL", author="emma", reason=""))["done"]


async def test_over_the_socket_the_author_is_the_user(tmp_path: Path) -> None:
    async with assembled(tmp_path, catalogue) as app:
        rules_of(app, TYPED)
        path = tmp_path / "tallyd.sock"
        async with control_server(app, path):
            for parts in (("skus", "plan", "approve"), ("skus", "BOWL", "draft")):
                done = await anyio.to_thread.run_sync(ask, path, "POST", address(*parts), {"reason": ""})
                assert done["done"]
            with pytest.raises(RefusedError, match="MUG has a product already"):
                await anyio.to_thread.run_sync(ask, path, "POST", address("skus", "MUG", "draft"), {"reason": ""})
        row = await app.engine.database.read(lambda connection: drafts.get(connection, "item:i-BOWL"))
    assert row is not None
    assert row.asked_by == ME


# -- retrying ----------------------------------------------------------------------------------------------------------

RETRIED = [
    (Record(kind="product", id="p-ghost"), "product_unmatched", ["product:p-ghost", "products"]),
    (Record(kind="draft", id="item:{1}"), "draft_slug_taken", ["draft:item:{1}"]),
    (Record(kind="catalogue", id="unpublish"), "unpublish_asks", ["plan"]),
    (Record(kind="sku", id="TWIN"), "sku_duplicate", ["listings", "products"]),
    (Record(kind="connection", id="commercetools"), "catalogue_modular", ["listings"]),
]


@pytest.mark.parametrize(("record", "code", "subjects"), RETRIED)
async def test_what_is_wrong_with_the_catalogue_is_looked_at_again_by_retrying(
    tmp_path: Path, record: Record, code: str, subjects: list[str]
) -> None:
    def told(connection: sqlite3.Connection) -> None:
        exceptions.raise_finding(connection, record, Finding(code=code, cause="it is so"), now=NOW)

    async with assembled(tmp_path, told) as app:
        [row] = await app.engine.database.read(exceptions.listing)
        await actions.retry_exception(app, row.id, author="emma", reason="mended")
        assert await app.engine.database.read(due) == subjects
        [row] = await app.engine.database.read(exceptions.listing)
        assert row.state == "open"  # it clears by evidence


async def test_a_product_without_a_match_is_told_with_who_changed_it_and_what_it_should_be(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def changed(connection: sqlite3.Connection) -> None:
        catalogue(connection)
        connection.execute("UPDATE products SET modified_by = 'client 42' WHERE id = 'p-jug'")
        judge(connection)

    make_file(tmp_path / "tallyd.db", changed)
    with connect(tmp_path / "tallyd.db", read_only=True) as file:
        [row] = exceptions.of_record(file, "product", "p-jug")
    assert main(["exceptions", "show", str(row.id), "--config", str(write_config(tmp_path))]) == 0
    told = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    for line in (
        "record product p-jug",
        "product p-jug",
        "name Product p-jug",
        "variant 1",
        "changed by client 42",
        "changed at 2027-01-15T07:59:00.000Z",
        "suggestion it looks like 'HW-JUG-01' of Cin7 Core, but is not written the same",
    ):
        assert line in told
