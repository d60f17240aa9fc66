"""The operator's endpoints: who may ask, what they are told, and that a refusal is a problem document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import aiohttp
import anyio
import pytest

from actors.messages import Flow
from adapters.operator.access import AccessRules, Approach
from adapters.operator.list_api import OrderSearch
from adapters.operator.openapi import description
from adapters.operator.problems import ProblemError
from adapters.operator.reading import OperatorReading
from adapters.operator.server import build, operator_server
from daemon.desk.lists import ListDesk
from daemon.readmodel import LiveReading
from daemon.secrets import OperatorToken
from storage import audit, flows
from tests.daemon_app import IDS, SALE_ID, TestApp, assembled, token

VIEWER, VIEWER_TOKEN = token("vera", "viewer")
IT, IT_TOKEN = token("ian", "it")


class Served:
    """The endpoints on a port of their own, and a client without habits."""

    def __init__(self, app: TestApp, port: int, session: aiohttp.ClientSession) -> None:
        self.app = app
        self.port = port
        self.session = session

    async def ask(
        self, path: str, method: str = "GET", headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> tuple[int, Any, aiohttp.ClientResponse]:
        url = f"http://127.0.0.1:{self.port}{path}"
        async with self.session.request(method, url, headers=headers, data=body) as answer:
            text = await answer.text()
            return answer.status, json.loads(text) if "json" in answer.content_type and text else text, answer


@asynccontextmanager
async def served(folder: Path, *tokens: OperatorToken) -> AsyncIterator[Served]:
    async with (
        assembled(folder) as app,
        operator_server("127.0.0.1:0", LiveReading(app), tokens=tokens) as (_, port),
        aiohttp.ClientSession() as session,
    ):
        yield Served(app, port, session)


# -- who may ask ------------------------------------------------------------------------------------------------------


def approach(**changes: Any) -> Approach:
    base: dict[str, Any] = {
        "method": "GET",
        "target": "/health",
        "hosts": ("127.0.0.1:8710",),
        "peer": "127.0.0.1",
        "local": "127.0.0.1",
        "header_names": ("Host", "Accept", "User-Agent"),
    }
    return Approach(**(base | changes))


WITHOUT_TOKENS = [
    ("a plain request from this machine", {}, None),
    ("HEAD", {"method": "HEAD"}, None),
    ("localhost", {"hosts": ("localhost:8710",)}, None),
    ("localhost without a port", {"hosts": ("LocalHost",)}, None),
    ("another address of loopback", {"hosts": ("127.9.9.9",), "peer": "127.1.2.3"}, None),
    ("IPv6", {"hosts": ("[::1]:8710",), "peer": "::1"}, None),
    ("IPv4 in IPv6", {"peer": "::ffff:127.0.0.1"}, None),
    ("another machine", {"peer": "192.0.2.7"}, 403),
    ("another machine in IPv6", {"peer": "2001:db8::7"}, 403),
    ("another machine that claims to be here", {"peer": "::ffff:192.0.2.7"}, 403),
    ("no peer", {"peer": ""}, 403),
    ("a page's own name (DNS rebinding)", {"hosts": ("evil.example:8710",)}, 403),
    ("a name that begins like ours", {"hosts": ("localhost.evil.example",)}, 403),
    ("a name that begins like an address", {"hosts": ("127.0.0.1.evil.example",)}, 403),
    ("an odd spelling of an address", {"hosts": ("2130706433",)}, 403),
    ("a user in the Host", {"hosts": ("localhost@evil.example",)}, 403),
    ("no Host", {"hosts": ()}, 403),
    ("an empty Host", {"hosts": ("",)}, 403),
    ("two Hosts", {"hosts": ("localhost", "evil.example")}, 403),
    ("a whole address as target", {"target": "http://evil.example/health"}, 403),
    ("the bind address as Host", {"hosts": ("10.0.0.5:8710",), "local": "10.0.0.5"}, 403),
    ("a proxy: Forwarded", {"header_names": ("Host", "Forwarded")}, 403),
    ("a proxy: X-Forwarded-For", {"header_names": ("Host", "x-forwarded-for")}, 403),
    ("a proxy: X-Forwarded-Host", {"header_names": ("Host", "X-Forwarded-Host")}, 403),
    ("a proxy: X-Real-IP", {"header_names": ("Host", "X-Real-IP")}, 403),
    ("a proxy: Via", {"header_names": ("Host", "VIA")}, 403),
    ("POST", {"method": "POST"}, 403),
    ("DELETE", {"method": "DELETE"}, 403),
    ("OPTIONS", {"method": "OPTIONS"}, 403),
    ("a token nobody configured does not help", {"method": "POST", "authorization": ("Bearer x",)}, 403),
]


@pytest.mark.parametrize(("_case", "changes", "status"), WITHOUT_TOKENS)
def test_without_tokens(_case: str, changes: dict[str, Any], status: int | None) -> None:
    rules = AccessRules((), bind_host="10.0.0.5")
    if status is None:
        assert rules.admit(approach(**changes)).roles == frozenset()
        return
    with pytest.raises(ProblemError) as refused:
        rules.admit(approach(**changes))
    assert refused.value.status == status


KNOWN = {"authorization": (f"Bearer {VIEWER}",)}
WITH_TOKENS = [
    ("the right token", KNOWN, None),
    ("the right token from elsewhere", {**KNOWN, "peer": "192.0.2.7", "hosts": ("10.0.0.5",)}, None),
    ("the right token through a proxy", {**KNOWN, "header_names": ("Host", "X-Forwarded-For")}, None),
    ("the address the request came in on", {**KNOWN, "hosts": ("192.0.2.9",), "local": "192.0.2.9"}, None),
    ("the scheme in small letters", {"authorization": (f"bearer {VIEWER}",)}, None),
    ("no token", {}, 401),
    ("another token", {"authorization": ("Bearer wrong",)}, 401),
    ("an empty token", {"authorization": ("Bearer ",)}, 401),
    ("the digest instead of the token", {"authorization": (f"Bearer {VIEWER_TOKEN.digest.hex()}",)}, 401),
    ("another scheme", {"authorization": (f"Basic {VIEWER}",)}, 401),
    ("two of them", {"authorization": (f"Bearer {VIEWER}", "Bearer wrong")}, 401),
    ("not even text", {"authorization": ("Bearer \udce4",)}, 401),
    ("the right token and a page's Host", {**KNOWN, "hosts": ("evil.example",)}, 403),
    ("an address that is not ours", {**KNOWN, "hosts": ("192.0.2.9",), "local": "10.0.0.5"}, 403),
]


@pytest.mark.parametrize(("_case", "changes", "status"), WITH_TOKENS)
def test_with_tokens(_case: str, changes: dict[str, Any], status: int | None) -> None:
    rules = AccessRules((IT_TOKEN, VIEWER_TOKEN), bind_host="10.0.0.5")
    if status is None:
        assert rules.admit(approach(**changes)).name == "vera"
        return
    with pytest.raises(ProblemError) as refused:
        rules.admit(approach(**changes))
    assert refused.value.status == status


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"X-Forwarded-For": "127.0.0.1"},
        {"Via": "1.1 proxy"},
        {"Forwarded": "for=127.0.0.1"},
        {"X-Real-IP": "127.0.0.1"},
    ],
)
async def test_the_rules_stand_before_every_address(tmp_path: Path, headers: dict[str, str]) -> None:
    async with served(tmp_path) as here:
        for path in ("/health", "/metrics", "/api/orders", "/openapi.json", "/nothing"):
            status, body, answer = await here.ask(path, headers=headers)
            assert (status, answer.content_type) == (403, "application/problem+json"), path
            assert body["status"] == 403


async def test_nothing_invites_another_origin(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, _, answer = await here.ask("/health", headers={"Origin": "http://evil.example"})
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
        assert answer.headers["Server"] == "tallyd"
        status, _, _ = await here.ask("/health", "OPTIONS", headers={"Origin": "http://evil.example"})
        assert status == 403


async def test_with_tokens_every_address_needs_one(tmp_path: Path) -> None:
    async with served(tmp_path, VIEWER_TOKEN) as here:
        for path in ("/health", "/health/live", "/metrics", "/nothing"):
            status, _, answer = await here.ask(path)
            assert status == 401, path
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert (await here.ask("/health/live", headers={"Authorization": f"Bearer {VIEWER}"}))[0] == 200


# -- what they are told -----------------------------------------------------------------------------------------------


async def test_health_says_503_only_when_failing(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        status, body, _ = await here.ask("/health")
        assert (status, body["status"]) == (200, "degraded")
        here.app.engine.supervisor._children["orders"].stopped = True
        status, body, answer = await here.ask("/health")
        assert (status, body["status"], answer.content_type) == (503, "failing", "application/json")


async def test_live_and_ready(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        assert (await here.ask("/health/live"))[:2] == (200, {"status": "alive"})
        assert (await here.ask("/health/ready"))[0] == 503
        here.app.engine.dispatcher.beats = 1
        assert (await here.ask("/health/ready"))[:2] == (200, {"status": "ready"})


async def test_metrics_are_prometheus_text(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        status, text, answer = await here.ask("/metrics")
    assert status == 200
    assert answer.content_type == "text/plain"
    assert 'tallyd_orders{state="held"} 1.0' in text


@pytest.mark.parametrize("ref", ["A-1", IDS["A-1"], "SO-00042", SALE_ID, f"ct-order:{IDS['A-1']}"])
async def test_an_order_goes_by_many_names(tmp_path: Path, ref: str) -> None:
    async with served(tmp_path) as here:
        status, body, _ = await here.ask(f"/api/orders/{ref}")
    assert status == 200
    assert body["id"] == IDS["A-1"]


async def test_an_order_has_the_shape_others_read(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, body, _ = await here.ask("/api/orders/A-1")
        _, held, _ = await here.ask("/api/orders/A-2")
    assert body["cin7"] == {"sale_id": SALE_ID, "number": "SO-00042", "reference": f"ct-order:{IDS['A-1']}"}
    assert body["trace_id"] == hashlib.sha256(IDS["A-1"].encode()).digest()[:16].hex()
    assert body["totals"]["payable"] == "19.99"
    assert body["totals"]["predicted"] == body["totals"]["cin7"] == {"net": "16.66", "tax": "3.33", "total": "19.99"}
    assert (body["totals"]["rate"], body["totals"]["tolerated"], body["totals"]["breakdown"]) == (None, "0.00", {})
    assert set(body["totals"]) == set(description("0.1.0")["components"]["schemas"]["Totals"]["properties"])
    assert [line["what"] for line in body["timeline"]] == ["accepted", "state creating", "state header"]
    assert body["timeline"][0] == {
        "at": "2027-01-15T08:00:00.000Z",
        "what": "accepted",
        "source": "step",
        "found_by": "hot sweep",
    }
    assert body["exceptions"] == []
    assert held["cin7"] == {"sale_id": None, "number": None, "reference": None}
    assert held["exceptions"][0]["type"] == "sku_unknown"


async def test_an_unknown_order_is_a_404(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        status, body, answer = await here.ask("/api/orders/nobody")
    assert (status, answer.content_type) == (404, "application/problem+json")
    assert body.keys() == {"type", "title", "status", "detail"}
    assert "nobody" not in json.dumps(body)


async def test_orders_come_in_pages_that_lose_nobody(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, first, _ = await here.ask("/api/orders?limit=2")
        _, second, _ = await here.ask(f"/api/orders?limit=2&after={first['next']}")
        _, held, _ = await here.ask("/api/orders?state=held")
    assert [item["number"] for item in first["items"]] == ["A-3", "A-2"]
    assert [item["number"] for item in second["items"]] == ["A-1"]
    assert second["next"] is None
    assert [item["number"] for item in held["items"]] == ["A-2"]


async def test_exceptions_have_the_shape_others_read(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        _, body, _ = await here.ask("/api/exceptions?owner=ecommerce&type=sku_unknown&state=open")
        _, none, _ = await here.ask("/api/exceptions?owner=finance")
        _, after, _ = await here.ask(f"/api/exceptions?after={body['items'][0]['id']}")
    [item] = body["items"]
    assert item.keys() >= {
        "id", "type", "owner", "state", "severity", "record", "cause", "next_step", "opened_at", "due_at",
        "next_attempt_at", "group",
    }  # fmt: skip
    assert item["record"] == {"kind": "order", "id": IDS["A-2"], "number": "A-2", "sku": "A", "field": ""}
    assert (none["items"], none["next"], none["total"]) == ([], None, 0)
    assert after["items"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/orders?limit=0",
        "/api/orders?limit=501",
        "/api/orders?limit=x",
        "/api/orders?state=nowhere",
        "/api/orders?stat=held",
        "/api/exceptions?owner=nobody",
        "/api/exceptions?type=nothing",
        "/api/exceptions?state=maybe",
        "/api/exceptions?after=-1",
        "/api/exceptions?after=99999999999999999999999",
    ],
)
async def test_a_question_nobody_understands_is_a_400(tmp_path: Path, path: str) -> None:
    async with served(tmp_path) as here:
        status, body, answer = await here.ask(path)
    assert (status, answer.content_type) == (400, "application/problem+json")
    assert body["detail"]


async def test_what_is_not_there_and_the_wrong_method_are_problems(tmp_path: Path) -> None:
    async with served(tmp_path, IT_TOKEN) as here:
        headers = {"Authorization": f"Bearer {IT}"}
        for path, method, wanted in (
            ("/", "GET", 404),
            ("/health", "POST", 405),
            ("/api/flows/orders/pause", "GET", 405),
        ):
            status, body, answer = await here.ask(path, method, headers=headers)
            assert (status, answer.content_type, body["status"]) == (wanted, "application/problem+json", wanted)
        assert answer.headers["Allow"] == "POST"


async def test_a_bug_shows_nothing_of_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(self: ListDesk, query: OrderSearch) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr(ListDesk, "orders", broken)
    async with served(tmp_path) as here:
        status, body, _ = await here.ask("/api/orders")
    assert status == 500
    assert "secret" not in json.dumps(body)


# -- pausing ----------------------------------------------------------------------------------------------------------


async def test_pausing_needs_a_role(tmp_path: Path) -> None:
    async with served(tmp_path, VIEWER_TOKEN, IT_TOKEN) as here:
        status, _, _ = await here.ask("/api/flows/orders/pause", "POST", {"Authorization": f"Bearer {VIEWER}"})
        assert status == 403
        assert not here.app.engine.dispatcher.paused


async def test_without_tokens_nothing_is_paused(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        assert (await here.ask("/api/flows/orders/pause", "POST"))[0] == 403
        assert not here.app.engine.dispatcher.paused


async def test_it_pauses_and_resumes_under_their_own_name(tmp_path: Path) -> None:
    headers = {"Authorization": f"Bearer {IT}"}
    async with served(tmp_path, IT_TOKEN) as here:
        status, body, _ = await here.ask("/api/flows/orders/pause", "POST", headers, b'{"reason": "stock count"}')
        assert (status, body["done"]) == (200, True)
        assert here.app.engine.dispatcher.paused == {Flow.ORDERS}
        database = here.app.engine.database
        row = (await database.read(flows.all_flows))[Flow.ORDERS]
        assert (row.paused_by, row.pause_reason) == ("ian", "stock count")
        assert (await here.ask("/api/flows/orders/resume", "POST", headers))[0] == 200
        assert not here.app.engine.dispatcher.paused
        done = await database.read(lambda connection: audit.of_record(connection, "flow:orders"))
        assert [(author, action) for _, author, action, _ in done] == [("ian", "pause"), ("ian", "resume")]
        assert (await here.ask("/api/flows/nothing/pause", "POST", headers))[0] == 404
        assert (await here.ask("/api/flows/orders/pause", "POST", headers, b"[1]"))[0] == 400


async def test_a_day_is_released_by_finance_with_a_reason(tmp_path: Path) -> None:
    finance, finance_token = token("fred", "finance")
    async with served(tmp_path, IT_TOKEN, finance_token) as here:
        path, reason = "/api/days/2027-01-15/release", b'{"reason": "agrees"}'
        refused, _, _ = await here.ask(path, "POST", {"Authorization": f"Bearer {IT}"}, reason)
        headers = {"Authorization": f"Bearer {finance}"}
        unexplained, _, _ = await here.ask(path, "POST", headers)
        odd, _, _ = await here.ask("/api/days/yesterday/release", "POST", headers, reason)
        done, body, _ = await here.ask(path, "POST", headers, reason)
    assert (refused, unexplained, odd, done) == (403, 400, 400, 200)
    assert (body["day"], body["orders"]) == ("2027-01-15", 0)


# -- the rest ---------------------------------------------------------------------------------------------------------


class Nobody:
    """A reading that is never asked."""

    def __getattr__(self, name: str) -> Any:
        return None


def test_the_description_names_every_route_and_no_other() -> None:
    app = build(cast(OperatorReading, Nobody()), tokens=(), bind_host="127.0.0.1")
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    told = {(method, path) for path, methods in description("0.1.0")["paths"].items() for method in methods}
    assert told == routes


async def test_the_description_is_served(tmp_path: Path) -> None:
    async with served(tmp_path) as here:
        status, body, _ = await here.ask("/openapi.json")
    assert (status, body["openapi"], body["info"]["version"]) == (200, "3.1.0", "0.1.0")


async def test_it_closes_cleanly_and_frees_the_address(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        async with operator_server("127.0.0.1:0", LiveReading(app)) as (host, port):
            assert host == "127.0.0.1"
        with pytest.raises(OSError):
            await anyio.connect_tcp("127.0.0.1", port)
        async with operator_server(f"127.0.0.1:{port}", LiveReading(app)) as (_, again):
            assert again == port


async def test_an_address_in_use_is_an_os_error(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app, operator_server("127.0.0.1:0", LiveReading(app)) as (_, port):
        with pytest.raises(OSError):
            async with operator_server(f"127.0.0.1:{port}", LiveReading(app)):
                pass
