"""A sandbox commercetools on a clock that only tests move, and a client of it that checks every exchange.

Where the official specification is not at hand, exchanges are made unchecked.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, urlencode

from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.transport import Request, Response
from tests.commercetools_spec import SPEC_IS_THERE, check_answer, check_request

START = 1_796_083_200_000
"""2026-12-01T00:00:00Z in milliseconds."""


class HandClock:
    """Stands still until a test, or somebody who sleeps, moves it."""

    def __init__(self) -> None:
        self.at = START

    def now(self) -> int:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += round(seconds * 1000)

    def forward(self, seconds: float) -> None:
        self.at += round(seconds * 1000)


class Answer:
    """An answer, read."""

    def __init__(self, response: Response) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.body

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["errors"][0]["code"])


class Caller:
    """Speaks to the double as a client would; an exchange that does not conform fails the test.

    `conform=False` is for a request that is wrong on purpose; its answer is still checked, unless `lenient`.
    """

    def __init__(self, double: CommercetoolsDouble, *, credentials: str = "sandbox-client:sandbox-secret") -> None:
        self.double = double
        self.token = ""
        self.lenient = False
        self._credentials = credentials

    async def log_in(self, scope: str = "") -> Answer:
        form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
        credentials = base64.b64encode(self._credentials.encode()).decode()
        headers = {"Authorization": f"Basic {credentials}", "Content-Type": "application/x-www-form-urlencoded"}
        answer = await self._send("POST", "/oauth/token", "", urlencode(form).encode(), headers, conform=True)
        if answer.status == 200:
            self.token = answer.json["access_token"]
        return answer

    async def get(self, path: str, *pairs: tuple[str, str], conform: bool = True) -> Answer:
        query = urlencode(pairs, quote_via=quote)
        return await self._send("GET", f"/acme{path}", query, None, self._headers(), conform=conform)

    async def post(self, path: str, body: object, *, conform: bool = True) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await self._send("POST", f"/acme{path}", "", raw, self._headers(), conform=conform)

    async def delete(self, path: str, *pairs: tuple[str, str]) -> Answer:
        query = urlencode(pairs, quote_via=quote)
        return await self._send("DELETE", f"/acme{path}", query, None, self._headers(), conform=True)

    async def found(self, where: str, *pairs: tuple[str, str]) -> list[str]:
        """Return the ids of the orders a predicate finds."""
        answer = await self.get("/orders", ("where", where), ("limit", "500"), *pairs)
        assert answer.status == 200, answer.body
        return [order["id"] for order in answer.json["results"]]

    async def act(self, order_id: str, *actions: dict[str, Any], version: int | None = None) -> Answer:
        """Update an order, under its current version unless told otherwise; the actions may be wrong on purpose."""
        current = self.double.orders[order_id]["version"] if version is None else version
        return await self.post(f"/orders/{order_id}", {"version": current, "actions": list(actions)}, conform=False)

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}

    async def _send(
        self, method: str, path: str, query: str, body: bytes | None, headers: dict[str, str], *, conform: bool
    ) -> Answer:
        url = f"https://api.example.test{path}" + (f"?{query}" if query else "")
        response = await self.double.handle(Request(method=method, url=url, headers=headers, body=body))
        if SPEC_IS_THERE and conform:
            assert check_request(method, path, query, body) == []
        if SPEC_IS_THERE and not self.lenient:
            assert check_answer(method, path, response.status, response.body) == []
        return Answer(response)
