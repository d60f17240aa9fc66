"""Every place in the export of one order at which something else can happen, found by a dry run.

A *place* is a moment between two instructions that the rest of the world can tell apart: a request about the order
reaches a double (nothing is done yet); the double has done it (nobody has read the answer); a commit that changed what
the file holds of the order. Between two places nothing of the order moves, on either side, so something that happens
there happens at the one before. A run of the same seed passes the same places up to the one at which it is disturbed.
"""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from adapters.transport import Request, Response
from daemon.engine import Engine
from tests.simulation.world import Killed, Serve, World, intercept

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")

_OF_ORDER = (
    "SELECT * FROM orders WHERE id = :id",
    "SELECT * FROM sales WHERE order_id = :id",
    "SELECT id, purpose, outcome FROM calls WHERE subject = :id",
    "SELECT * FROM outbox WHERE subject IN (:id, 'order:' || :id)",
    "SELECT max(id) FROM timeline WHERE order_id = :id",
)
"""What the file holds of an order, as far as a step of it depends on it."""

Act = Callable[[], Awaitable[None]]


class Track:
    """Notes the places an order's export passes; at the one it is told, something is done first.

    Made before the world's daemon runs for the first time; `follow` begins with an order that was just placed.
    """

    def __init__(self, made: World) -> None:
        self._made = made
        self._order = ""
        self._at = ""
        self._act: Act | None = None
        self._counted: Counter[str] = Counter()
        self._held: object = None
        self.passed: list[str] = []
        self.hit = False
        intercept(made.cin7_network, self._door("cin7"))
        intercept(made.ct_network, self._door("commercetools"))
        self._hook = made.daemon._hook
        made.daemon._hook = self._hooked  # type: ignore[method-assign]

    def follow(self, order_id: str, *, at: str = "", act: Act | None = None) -> None:
        """Note the places of this order from now on, and `act` where it passes `at` (no place: nowhere)."""
        self._order, self._at, self._act = order_id, at, act
        self._counted.clear()
        self._held = self._rows()
        self.passed, self.hit = [], False

    def stop(self) -> None:
        """Note no more places."""
        self._order = ""

    async def _reach(self, name: str) -> None:
        if not self._order:
            return
        self._counted[name] += 1
        place = f"{name} #{self._counted[name]}"
        self.passed.append(place)
        if place != self._at or self._act is None:
            return
        self.hit = True
        self.stop()  # what comes from here on is another run's
        await self._act()

    # -- the two sides -------------------------------------------------------------------------------------------------

    def _door(self, side: str) -> Callable[[Request, Serve], Awaitable[Response]]:
        async def pass_through(request: Request, serve: Serve) -> Response:
            if not self._concerns(request):
                return await serve(request)
            name = f"{side}: {request.method} {_path(request)}"
            await self._reach(f"{name} arrives")
            try:
                return await serve(request)
            finally:
                await self._reach(f"{name} is done")

        return pass_through

    def _concerns(self, request: Request) -> bool:
        """Say whether a request is about the order: it names it, or its sale, or lists orders while it is not known."""
        if not self._order:
            return False
        if request.method == "GET" and urlsplit(request.url).path.endswith("/orders"):
            return self._held is None
        names = [self._order, self._made.shop.orders[self._order].get("orderNumber", self._order)]
        names += [sale.id for sale in self._made.cin7.sales if self._order in (sale.external_id or "")]
        text = f"{request.url} {(request.body or b'').decode()}"
        return any(name in text for name in names)

    # -- the file ------------------------------------------------------------------------------------------------------

    def _hooked(self, engine: Engine) -> None:
        """Stand behind each commit of a process, before anybody in it goes on."""
        self._hook(engine)
        database = self._made.daemon._database
        assert database is not None
        run = database.run

        async def run_and_reach(unit: Callable[[sqlite3.Connection], Any]) -> Any:
            kills = len(self._made.kills)
            value = await run(unit)
            if self._order and (held := self._rows()) != self._held:
                self._held = held
                await self._reach(f"commit {self._made.daemon.state(self._order)}")
            if len(self._made.kills) > kills:
                raise Killed("at a commit")
            return value

        database.run = run_and_reach  # type: ignore[method-assign]

    def _rows(self) -> object:
        """What the file holds of the order; None while it knows nothing of it."""

        def read(connection: sqlite3.Connection) -> object:
            rows = [connection.execute(query, {"id": self._order}).fetchall() for query in _OF_ORDER]
            return rows if rows[0] or rows[3] else None

        return self._made.read(read)


def _path(request: Request) -> str:
    return _ID.sub("{id}", urlsplit(request.url).path.split("/v2/")[-1].removeprefix("/sandbox/"))
