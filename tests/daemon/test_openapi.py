"""What the API answers is what its description says: every answer is held against its schema, and every refusal too."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema
import msgspec

from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, TaxRule
from adapters.operator.openapi import description
from adapters.operator.server import operator_server
from daemon.readmodel import LiveReading
from storage import audit, exceptions, facts
from storage.exceptions import Record
from tests.daemon.test_stock_desk import bought
from tests.daemon_app import NOW, TestApp, assembled, token

DESCRIPTION = description("1")
ADMIN, ADMIN_TOKEN = token("ada", "admin", "viewer", "ops", "ecommerce", "finance", "it")
AUTHORISED = {"Authorization": f"Bearer {ADMIN}", "Idempotency-Key": "known-deed"}

JSON = "application/json"

EXAMPLES: Mapping[str, str] = {
    "/api/orders/{ref}": "/api/orders/A-1",
    "/api/exceptions/{id}": "/api/exceptions/1",
    "/api/stock/{sku}": "/api/stock/MUG",
    "/api/stock/{sku}/history": "/api/stock/MUG/history",
    "/api/skus/{sku}": "/api/skus/MUG",
    "/api/reports/month/{period}": "/api/reports/month/2027-01",
    "/api/reports/day/{period}": "/api/reports/day/2027-01-15",
    "/api/reports/postings/{day}": "/api/reports/postings/2027-01-15",
    "/api/purchases/{number}": "/api/purchases/PO-p1",
    "/api/deeds/{key}": "/api/deeds/known-deed",
    "/api/deeds/{key}/items": "/api/deeds/known-deed/items",
    "/api/deeds/{key}/items.csv": "/api/deeds/known-deed/items.csv",
    "/api/orders/{ref}/edits": "/api/orders/A-2/edits",
    "/api/orders/{ref}/payloads": "/api/orders/A-2/payloads",
    "/api/alerts/digest/{owner}": "/api/alerts/digest/it",
}
"""What stands for the addresses that name something."""

_WHY = {"reason": "asked by the test"}
_ROW = {"kind": "tax", "key": "reduced", "value": "5% (VAT on Income)", **_WHY}

DEEDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "/api/days/{day}/release": ("/api/days/2026-11-26/release", {"reason": "looked at"}),
    "/api/stock/{sku}/block": ("/api/stock/MUG/block", _WHY),
    "/api/stock/{sku}/unblock": ("/api/stock/MUG/unblock", _WHY),
    "/api/orders/{ref}/release-units": ("/api/orders/A-3/release-units", _WHY),
    "/api/skus/plan/approve": ("/api/skus/plan/approve", _WHY),
    "/api/skus/{sku}/draft": ("/api/skus/MUG/draft", _WHY),
    "/api/flows/{flow}/pause": ("/api/flows/census/pause", _WHY),
    "/api/flows/{flow}/resume": ("/api/flows/census/resume", _WHY),
    "/api/deeds/preview": ("/api/deeds/preview", {"action": "assign", "to": "olga", "ids": [1]}),
    "/api/deeds": ("/api/deeds", {"action": "assign", "to": "olga", "ids": [1]}),
    "/api/mappings": ("/api/mappings", _ROW),
    "/api/mappings/try": ("/api/mappings/try", _ROW),
    "/api/orders/{ref}/edits": ("/api/orders/A-2/edits", {"field": "note", "values": {"note": "Ring twice"}, **_WHY}),
    "/api/orders/{ref}/edits/{patch}/withdraw": ("/api/orders/A-2/edits/1/withdraw", _WHY),
    "/api/alerts/test/{owner}": ("/api/alerts/test/it", {}),
    "/api/maintenance/start": ("/api/maintenance/start", {"until": "2027-01-15T09:00:00Z", **_WHY}),
    "/api/maintenance/end": ("/api/maintenance/end", _WHY),
}
"""What is asked of each address that acts."""

REFUSED = (
    "/api/skus/{sku}/draft",
    "/api/alerts/test/{owner}",
    "/api/skus/plan/approve",
    "/api/orders/{ref}/edits",
    "/api/orders/{ref}/edits/{patch}/withdraw",
)
"""Of those, what this shop cannot do: it has no such item, channel or plan, and the body of its order is gone."""

NARROWED = (
    "orders",
    "orders.csv",
    "stock",
    "stock.csv",
    "stock/MUG/history",
    "skus",
    "exceptions",
    "incidents",
    "deeds",
    "alerts",
    "audit",
    "overview",
    "budget",
    "settings",
)
MISSING = (
    "orders/nobody",
    "exceptions/999",
    "stock/NEVER",
    "skus/NEVER",
    "purchases/NEVER",
    "deeds/never-asked",
    "orders?after=nobody",
    "orders?from=yesterday",
    "stock?sort=read_at&after=x",
)


def with_everything(connection: sqlite3.Connection) -> None:
    """Make something of each kind that is listed."""
    bought(connection)
    audit.write(connection, author="olga", action="retry", record="order:A-1", now=NOW, reason="asked")
    record = Record(kind="sku", id="MUG")
    exceptions.raise_finding(connection, record, Finding(code="sku_unknown", cause="=1+1", sku="=1+1"), now=NOW)
    rules = [TaxRule(id="t", name="5% (VAT on Income)", percent=Decimal(5))]
    facts.store(connection, FactKind.TAX_RULE, rules, now=NOW, whole=True)
    connection.execute(
        "INSERT INTO coverage (sku, match, published, judged_at) VALUES ('MUG', 'matched', 1, ?)", (NOW,)
    )
    connection.execute(
        "INSERT INTO stock_history (at, sku, channel, step, before, quantity, sum)"
        " VALUES (?, 'MUG', '', 'sold', NULL, 3, '{\"available\": 4}')",
        (NOW - 1,),
    )


def operations(method: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in DESCRIPTION["paths"].items():
        if method in methods:
            yield path, methods[method]


def faults(schema: dict[str, Any], answer: Any) -> list[str]:
    whole = {**schema, "components": DESCRIPTION["components"]}
    checked = jsonschema.Draft202012Validator(whole, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)
    return [f"{fault.json_path}: {fault.message}" for fault in checked.iter_errors(answer)]


class Asking:
    """A client of the endpoints of an app with everything."""

    def __init__(self, app: TestApp, port: int, session: aiohttp.ClientSession) -> None:
        self.app = app
        self._port = port
        self._session = session

    async def ask(
        self, method: str, path: str, *, headers: Mapping[str, str] = AUTHORISED, body: bytes | None = None
    ) -> tuple[int, str, str]:
        url = f"http://127.0.0.1:{self._port}{path}"
        async with self._session.request(method, url, headers=headers, data=body, allow_redirects=False) as answer:
            return answer.status, answer.content_type, await answer.text()


@asynccontextmanager
async def asking(folder: Path) -> AsyncIterator[Asking]:
    async with (
        assembled(folder, with_everything) as app,
        operator_server("127.0.0.1:0", LiveReading(app), tokens=[ADMIN_TOKEN]) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        connection = msgspec.structs.replace(app.settings.connection, time_zone="Europe/London")
        app.settings = msgspec.structs.replace(app.settings, connection=connection)
        app.engine.dispatcher.beats = 1
        yield Asking(app, port, session)


async def test_every_answer_has_the_described_form(tmp_path: Path) -> None:
    async with asking(tmp_path) as here:
        url, body = DEEDS["/api/deeds"]
        await here.ask("POST", url, body=json.dumps(body).encode())
        for path, operation in operations("get"):
            if path == "/openapi.json":
                continue
            status, media, text = await here.ask("GET", EXAMPLES.get(path, path))
            assert status == 200, f"GET {path}: {text}"
            told = operation["responses"]["200"]["content"]
            assert media in told, f"GET {path} answers with {media}"
            if media == JSON:
                assert not faults(told[media]["schema"], json.loads(text)), path


async def test_what_is_done_is_answered_as_described(tmp_path: Path) -> None:
    async with asking(tmp_path) as here:
        for path, operation in operations("post"):
            url, body = DEEDS[path]
            status, media, text = await here.ask("POST", url, body=json.dumps(body).encode())
            answers = operation["responses"]
            assert str(status) in answers or (path in REFUSED and status in (404, 409)), f"POST {path}: {status} {text}"
            schema = answers.get(str(status), answers["default"])["content"][media]["schema"]
            assert not faults(schema, json.loads(text)), path


async def test_every_refusal_is_a_problem_document(tmp_path: Path) -> None:
    async with asking(tmp_path) as here:
        asked: list[tuple[str, str, bytes | None, Mapping[str, str]]] = []
        for path, _ in operations("post"):
            asked.append(("POST", "/api/alerts/test/nobody" if "alerts" in path else DEEDS[path][0], b"[1", AUTHORISED))
        for path, _ in operations("get"):
            url = EXAMPLES.get(path, path)
            asked += [("GET", url, None, {}), ("DELETE", url, None, AUTHORISED)]
        asked += [("GET", f"/api/{name}?colour=red", None, AUTHORISED) for name in NARROWED]
        asked += [("GET", f"/api/{name}", None, AUTHORISED) for name in MISSING]
        for method, url, body, headers in asked:
            status, media, text = await here.ask(method, url, headers=headers, body=body)
            assert 400 <= status < 500, f"{method} {url}: {status}"
            assert media == "application/problem+json", url
            assert not faults({"$ref": "#/components/schemas/Problem"}, json.loads(text)), url
            assert json.loads(text)["status"] == status


def test_a_field_that_is_missing_is_a_fault() -> None:
    """Every object of an answer names the fields it must have, and no other."""
    sloppy = [
        f"{name}{where}"
        for name, schema in DESCRIPTION["components"]["schemas"].items()
        for where, one in objects_in(schema)
        if set(one.get("required", ())) - set(one["properties"]) or not one.get("required")
    ]
    assert not sloppy


def objects_in(schema: Any, where: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        if isinstance(schema.get("properties"), dict):
            yield where, schema
        for key, inner in schema.items():
            yield from objects_in(inner, f"{where}.{key}")
    elif isinstance(schema, list):
        for inner in schema:
            yield from objects_in(inner, where)


def test_the_document_is_openapi() -> None:
    """Each reference leads somewhere, and each schema is one of JSON Schema 2020-12 (OpenAPI 3.1.0 §4.8.24)."""
    schemas = DESCRIPTION["components"]["schemas"]
    named = set(re.findall(r"#/components/schemas/(\w+)", json.dumps(DESCRIPTION)))
    assert named <= set(schemas)
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)
