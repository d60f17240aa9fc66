"""A whole shop for a browser: both systems, the daemon between them as on a server, and people who sign in.

Everything is real but the two systems, which are the sandbox's own: the daemon's file, its settings, its sweeps, its
console on a port of loopback. What a test waits for is a fact of one of them, never a time.
"""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import msgspec

from actors.core.clock import SystemClock
from adapters.sandbox.carts import LineDraft, OrderDraft, ShippingDraft, rule_of
from adapters.sandbox.catalogue import Item
from adapters.sandbox.cin7 import Cin7Double, new_credentials
from adapters.sandbox.cin7_books import Sale
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.faults import Fault, FaultKind, Faults
from adapters.sandbox.generator import STRANGER
from adapters.sandbox.server import serve
from daemon.app import App, opened
from daemon.commands.sandbox_files import EURO_CUSTOMER, PROJECT, write_config, write_credentials, write_rates
from daemon.commands.sandbox_people import SandboxPerson, hire, operator_tokens
from daemon.secrets import load_secrets
from daemon.settings import load_settings

MUG = "HW-MUG-STN-01"
PATIENCE = 30.0
"""How long anything may take before a test is red; nothing here takes a tenth of it."""

_PLAIN = OrderDraft(lines=(LineDraft(sku=MUG, quantity=1),), shipping=ShippingDraft(tax=rule_of(20)))
_LIMIT = 600
"""Calls a minute: the mornings are about people, not about the limit."""

_SHORT = {
    "[commercetools]": "hot_seconds = 1\n",
    'posting = "auto"': 'posting = "hold"',
}


class House:
    """What a test acts on. `people` holds one person for each role."""

    def __init__(self, shop: CommercetoolsDouble, cin7: Cin7Double, people: tuple[SandboxPerson, ...]) -> None:
        self.shop = shop
        self.cin7 = cin7
        self.people = people
        self.app: App
        self.address = ""
        self._session: aiohttp.ClientSession

    def token(self, role: str) -> str:
        """What the person of a role signs in with."""
        return next(one.token for one in self.people if one.role == role)

    def name(self, role: str) -> str:
        """Who has a role."""
        return next(one.name for one in self.people if one.role == role)

    # -- what happens at the two systems ------------------------------------------------------------------------------

    def buy(self, **changes: Any) -> str:
        """Let somebody order a mug, or something else; return the order's id."""
        return str(self.shop.place_order(msgspec.structs.replace(_PLAIN, **changes)))

    def buy_stranger(self, count: int = 1) -> list[str]:
        """Let people order a product that Cin7 Core does not have."""
        return [self.buy(lines=(LineDraft(sku=STRANGER.sku),)) for _ in range(count)]

    def sell(self, sku: str, name: str) -> None:
        """Put a product on the storefront alone."""
        self.shop.add_item(Item(sku, name, 4500, 250, 20, "Art"))

    def create_stranger(self) -> None:
        """Enter that product in Cin7 Core."""
        self.cin7.add_product(STRANGER.sku, STRANGER.name, price=Decimal("37.50"), stock=50, tax_rule=STRANGER.tax_rule)

    def cin7_goes_down(self) -> None:
        """Let Cin7 Core answer every call with an error."""
        self.cin7.faults.chance("*", Fault(kind=FaultKind.ERROR_BEFORE, status=503), 1.0)

    def cin7_comes_back(self) -> None:
        """Let it answer again."""
        self.cin7.faults.clear()

    def number(self, order_id: str) -> str:
        """The number people know an order by."""
        return str(self.shop.orders[order_id]["orderNumber"])

    def sales_of(self, *order_ids: str) -> list[Sale]:
        """Return the live sales of orders, as Cin7 Core has them."""
        return [one for one in self.cin7.live_sales() if any(name in (one.external_id or "") for name in order_ids)]

    # -- what the daemon says -----------------------------------------------------------------------------------------

    async def ask(self, path: str, role: str = "admin") -> Any:
        """Read the API as a person."""
        headers = {"Authorization": f"Bearer {self.token(role)}"}
        async with self._session.get(f"{self.address}{path}", headers=headers) as answer:
            return await answer.json(content_type=None)

    async def state(self, order_id: str) -> str:
        """Where an order stands; "" while it is not known."""
        return str((await self.ask(f"/api/orders/{order_id}")).get("state", ""))

    async def until(self, fact: Callable[[], Awaitable[object]], what: str) -> None:
        """Wait for a fact."""
        with anyio.move_on_after(PATIENCE):
            while not await fact():  # noqa: ASYNC110 -- facts of another system ring no bell
                await anyio.sleep(0.05)
            return
        raise AssertionError(f"{what}: not within {PATIENCE:g} seconds")

    async def stand(self, orders: list[str], state: str) -> None:
        """Wait until orders stand somewhere."""

        async def fact() -> bool:
            return all([await self.state(order_id) == state for order_id in orders])

        await self.until(fact, f"orders are {state}")


@asynccontextmanager
async def house(folder: Path, changes: Mapping[str, str] = {}) -> AsyncIterator[House]:
    """Run it all until the block ends. `changes` are put into the settings' text."""
    clock = SystemClock()
    account, key = new_credentials(1)
    shop = CommercetoolsDouble(
        clock=clock,
        project_key=PROJECT,
        client_id="sandbox-client",
        client_secret="shop-secret",
        faults=Faults(seed=1),
        seed=1,
    )
    cin7 = Cin7Double(clock=clock, account_id=account, application_key=key, faults=Faults(seed=2), limit=_LIMIT, seed=1)
    cin7.add_customer(EURO_CUSTOMER, currency="EUR")
    shop.add_item(STRANGER)
    here = House(shop, cin7, hire())
    secrets = {
        "cin7_application_key": key,
        "commercetools_client_secret": "shop-secret",
        "storage_key": base64.b64encode(bytes(32)).decode(),
        "operator_tokens": operator_tokens(here.people),
    }
    credentials = write_credentials(folder, secrets)
    write_rates(folder, datetime.fromtimestamp(clock.now() / 1000, UTC).date())
    async with serve(shop.handle) as shop_port, serve(cin7.handle) as cin7_port:
        port = _free_port()
        config = write_config(
            folder,
            shop_port=shop_port,
            cin7_port=cin7_port,
            account=account,
            operator_port=port,
            limit=_LIMIT,
            doors=None,
            people=True,
        )
        _rewrite(config, changes)
        settings = load_settings(config)
        known = load_secrets(settings, environ={"CREDENTIALS_DIRECTORY": str(credentials)})
        async with (
            _logging_of_before(),
            opened(settings, known) as app,
            aiohttp.ClientSession() as session,
            anyio.create_task_group() as tasks,
        ):
            here.app, here.address, here._session = app, f"http://127.0.0.1:{port}", session
            tasks.start_soon(app.engine.run)
            yield here
            app.engine.close()
            tasks.cancel_scope.cancel()


def _rewrite(config: Path, changes: Mapping[str, str]) -> None:
    text = config.read_text("utf-8")
    for old, new in changes.items():
        assert old in text, f"the sandbox's settings have no {old!r}"
        text = text.replace(old, new, 1)
    config.write_text(text, "utf-8")


@asynccontextmanager
async def _logging_of_before() -> AsyncIterator[None]:
    """The daemon takes the process's logging for itself; give it back."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
