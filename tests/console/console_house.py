"""The console on a port of its own over a reading that behaves, and a browser without habits."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from adapters.operator.server import operator_server
from daemon.secrets import OperatorToken
from tests.console.fake_reading import FakeReading, FakeStore
from tests.daemon_app import token

PEOPLE: dict[str, tuple[str, OperatorToken]] = {
    "vera": token("vera", "viewer"),
    "olga": token("olga", "ops"),
    "fred": token("fred", "finance"),
    "ecki": token("ecki", "ecommerce"),
    "ian": token("ian", "it"),
    "ada": token("ada", "admin"),
}

PAGE = {"Accept": "text/html,application/xhtml+xml"}


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Mapping[str, str], text: str, cookies: Mapping[str, str]) -> None:
        self.status = status
        self.headers = headers
        self.text = text
        self.cookies = cookies


class Browser:
    """Keeps cookies by hand, follows nothing, and says where its forms come from, as browsers do."""

    def __init__(self, port: int, session: aiohttp.ClientSession, reading: FakeReading, store: FakeStore) -> None:
        self.port = port
        self.reading = reading
        self.store = store
        self.cookies: dict[str, str] = {}
        self._session = session

    @property
    def home(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def get(self, path: str, **headers: str) -> Answer:
        return await self._ask("GET", path, {**PAGE, **headers})

    async def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """Send a form as a page of the console would; a header given as "" is left out."""
        own = {**PAGE, "Origin": self.home, "Sec-Fetch-Site": "same-origin", **headers}
        return await self._ask("POST", path, {name: one for name, one in own.items() if one}, fields or {})

    async def form(self, page: str, path: str, fields: Mapping[str, str] | None = None) -> Answer:
        """Load a page, and send one of its forms."""
        return await self.post(path, {"form_token": token_of(await self.get(page)), **(fields or {})})

    async def sign_in(self, name: str) -> Answer:
        return await self.post("/sign-in", {"token": PEOPLE[name][0], "next": "/"})

    async def _ask(
        self, method: str, path: str, headers: Mapping[str, str], fields: Mapping[str, str] | None = None
    ) -> Answer:
        cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        told = {**headers, **({"Cookie": cookie} if cookie else {})}
        url = f"{self.home}{path}"
        async with self._session.request(method, url, headers=told, data=fields, allow_redirects=False) as answer:
            fresh = {name: one.value for name, one in answer.cookies.items()}
            self.cookies = {name: value for name, value in {**self.cookies, **fresh}.items() if value}
            return Answer(answer.status, answer.headers, await answer.text(), fresh)


def token_of(page: Answer) -> str:
    """Return what a form of the page holds."""
    found = re.search(r'name="form_token" value="([^"]*)"', page.text)
    return found.group(1) if found else ""


@asynccontextmanager
async def served(*names: str, signed_in: str = "") -> AsyncIterator[Browser]:
    """Serve the console to these people; one of them is signed in."""
    reading, store = FakeReading(), FakeStore()
    tokens = [PEOPLE[name][1] for name in dict.fromkeys([*names, *([signed_in] if signed_in else [])])]
    async with (
        operator_server("127.0.0.1:0", reading, tokens=tokens, sessions=store) as (_, port),
        aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
    ):
        browser = Browser(port, session, reading, store)
        if signed_in:
            await browser.sign_in(signed_in)
        yield browser
