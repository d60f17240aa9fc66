"""The endpoints and the console over a file whose texts attack, and a client that sends what no browser would."""

from __future__ import annotations

import html
import json
import re
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from actors.domain.exception_types import Finding
from actors.domain.inventory import Entry
from actors.domain.order_state import OrderState
from adapters.operator.server import build, operator_server
from daemon.desk.sessions import SessionDesk
from daemon.readmodel import LiveReading
from daemon.secrets import ROLES
from storage import audit, bodies, entries, exceptions, orders, timeline
from storage.bodies import Sealer
from tests.catalogue_file import ITEMS, PRODUCTS, catalogue, item, listed
from tests.ct_documents import order_document
from tests.daemon_app import NOW, FixedClock, TestApp, assembled, fill, token
from tests.orders_builder import plain_order

HOSTILE = "\"><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}'"
"""What attacks a page wherever it is put in as it is: in an element, in an attribute, in a template."""

FORMULA = "=HYPERLINK(1)"
ORDER = "00000000-0000-4000-8000-0000000000aa"
PEOPLE = ("Zacharias Quill", "zac@quill.example", "+44 20 7946 0991", "Quillstrasse 7")
"""A customer, as only whoever may see people sees them."""

TOKENS = {role: token(role, role) for role in ROLES}
_HOSTILE_NAME = "a<script>b"
STRANGE = token(_HOSTILE_NAME, "admin")

FORM = "application/x-www-form-urlencoded"
Fields = Mapping[str, str] | tuple[tuple[str, str], ...]


def hostile(connection: sqlite3.Connection) -> None:
    """What `fill` makes, both catalogues, and a record of each kind whose every text attacks."""
    fill(connection)
    catalogue(
        connection,
        (*ITEMS, item(HOSTILE, item_id="i-hostile", name=HOSTILE)),
        (*PRODUCTS, listed("p-hostile", HOSTILE + "2", name=HOSTILE)),
    )
    order = msgspec.structs.replace(plain_order(), id=ORDER, number=HOSTILE)
    orders.accept(connection, order, now=NOW + 3)
    timeline.note(connection, ORDER, "accepted", now=NOW, source=HOSTILE)
    orders.move(connection, ORDER, OrderState.HELD, now=NOW, reason="sku_unknown")
    record = exceptions.Record(kind="order", id=ORDER, number=HOSTILE)
    finding = Finding(
        code="sku_unknown", cause=HOSTILE, field=HOSTILE, sku=HOSTILE, group=HOSTILE, facts={HOSTILE: HOSTILE}
    )
    exceptions.raise_finding(connection, record, finding, now=NOW)
    formula = Finding(code="stock_drift", cause=FORMULA, sku=FORMULA)
    exceptions.raise_finding(connection, exceptions.Record(kind="sku", id=FORMULA, number=None), formula, now=NOW)
    audit.write(connection, author=HOSTILE, action="retry", record=HOSTILE, now=NOW, reason=HOSTILE)
    for number, sku in enumerate((HOSTILE, FORMULA, "MUG")):
        entry = Entry(
            id=f"e-{number}", sku=sku, channel="", version=1, quantity=7, modified_at=NOW, read_from=NOW, read_at=NOW
        )
        entries.saw(connection, entry)
    name, email, phone, street = PEOPLE
    address = {"firstName": name, "email": email, "phone": phone, "streetName": street, "country": "GB"}
    body = order_document(id=ORDER, customerEmail=email, billingAddress=address, shippingAddress=address)
    sealed = Sealer(bytes(32)).seal(json.dumps(body).encode(), order_id=ORDER, kind="order")
    bodies.put(connection, ORDER, "order", version=1, sealed=sealed, now=NOW)


class Answer(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    text: str
    cookies: Mapping[str, str]

    @property
    def document(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


class Besieged:
    """The endpoints, and who attacks them."""

    def __init__(self, app: TestApp, port: int, session: aiohttp.ClientSession, tokens: dict[str, Any]) -> None:
        self.app = app
        self.port = port
        self.session = session
        self.origin = f"http://127.0.0.1:{port}"
        self.tokens = tokens

    @property
    def clock(self) -> FixedClock:
        """The daemon's clock."""
        clock = self.app.engine.clock
        assert isinstance(clock, FixedClock)
        return clock

    async def send(
        self,
        method: str,
        path: str,
        *,
        role: str = "",
        cookie: str = "",
        fields: Fields | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request: the path as it is, by bearer of a role, by cookie, or as nobody. A redirect is not taken."""
        sent = {"Accept": "text/html", **(headers or {})}
        if role:
            sent["Authorization"] = f"Bearer {TOKENS[role][0]}"
        if cookie:
            sent["Cookie"] = f"tallyd_session={cookie}"
        data = None if fields is None else list(fields.items() if isinstance(fields, Mapping) else fields)
        url = URL(f"{self.origin}{path}", encoded=True)
        async with self.session.request(
            method, url, data=data, headers=sent, allow_redirects=False, skip_auto_headers=("Accept",)
        ) as answer:
            text = await answer.text(errors="replace")
            cookies = {name: morsel.value for name, morsel in answer.cookies.items()}
            return Answer(answer.status, answer.headers.copy(), text, cookies)

    async def get(self, path: str, **more: Any) -> Answer:
        """Read."""
        return await self.send("GET", path, **more)

    async def post(self, path: str, cookie: str, fields: Fields | None = None, **headers: str) -> Answer:
        """Send a form as a page of ours would: with the Origin a browser says."""
        told = {"Origin": self.origin, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.send(
            "POST", path, cookie=cookie, fields=fields or {"x": "1"}, headers={k: v for k, v in told.items() if v}
        )

    async def sign_in(self, role: str = "", *, known: str = "", cookie: str = "", onwards: str = "/") -> Answer:
        """Sign in with the token of a role, or another one."""
        return await self.post("/sign-in", cookie, {"token": known or TOKENS[role][0], "next": onwards})

    async def signed_in(self, role: str) -> str:
        """Sign in; return the id of the session."""
        return (await self.sign_in(role)).cookies["tallyd_session"]

    async def form_token(self, cookie: str) -> str:
        """Return what the forms of a session hold."""
        page = await self.get("/exceptions", cookie=cookie)
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', page.text)
        assert found is not None, page.text
        return found.group(1)

    async def exception(self) -> int:
        """Return the number of the exception whose every text attacks."""
        row = await self.app.engine.database.read(
            lambda connection: connection.execute("SELECT id FROM exceptions WHERE record_id = ?", (ORDER,)).fetchone()
        )
        return int(row[0])

    async def audited(self) -> list[tuple[str, str]]:
        """Return who did what, the oldest first."""
        rows = await self.app.engine.database.read(
            lambda connection: connection.execute("SELECT author, action FROM audit ORDER BY id").fetchall()
        )
        return [(str(row[0]), str(row[1])) for row in rows]

    def routes(self, method: str) -> list[str]:
        """Return every address there is for a method, with something in the place of what varies."""
        app = build(
            LiveReading(self.app),
            tokens=[known for _, known in self.tokens.values()],
            bind_host="",
            sessions=SessionDesk(self.app),
        )
        return sorted({_filled(route.resource) for route in app.router.routes() if route.method == method})


def _filled(resource: web.AbstractResource | None) -> str:
    assert resource is not None
    return re.sub(r"{(\w+)(:[^}]*)?}", "1", resource.canonical)


@asynccontextmanager
async def besieged(folder: Path, *, without_tokens: bool = False) -> AsyncIterator[Besieged]:
    """Serve a file that attacks; one person for each role knows a token."""
    tokens = {} if without_tokens else {**TOKENS, "strange": STRANGE}
    async with assembled(folder, hostile) as app:
        server = operator_server(
            "127.0.0.1:0",
            LiveReading(app),
            tokens=[known for _, known in tokens.values()],
            sessions=SessionDesk(app),
        )
        jar = aiohttp.DummyCookieJar()
        async with server as (_, port), aiohttp.ClientSession(cookie_jar=jar) as session:
            yield Besieged(app, port, session, tokens)


class _Reader(HTMLParser):
    """Finds on a page what could run."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.dangers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag in ("img", "iframe", "object", "embed", "base", "style") or "http-equiv" in told:
            self.dangers.append(f"<{tag}>")
        if tag == "script" and not (told.get("src") or "").startswith("/static/"):
            self.dangers.append(f"<script> {told}")
        for name, value in told.items():
            text = "".join((value or "").split()).lower()
            if name.startswith("on") or name == "style":
                self.dangers.append(f"{name} on <{tag}>")
            if name in ("href", "src", "action", "formaction") and not text.startswith(("/", "#", "?")):
                self.dangers.append(f"{name}={value}")
            if name in ("href", "src", "action", "formaction") and text.startswith(("//", "/\\")):
                self.dangers.append(f"{name}={value}")


def dangers(page: str) -> list[str]:
    """Return what on a page could run, or lead elsewhere."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.dangers


def says(page: str, text: str) -> bool:
    """Say whether a text stands on a page, as a person reads it."""
    return text in html.unescape(page)
