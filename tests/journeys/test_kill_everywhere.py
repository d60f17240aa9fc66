"""The whole process, over real HTTP, killed by SIGKILL at every crash point the code has, while 200 orders flow.

commercetools tells it of them through Event Grid, late, twice and in no order; Cin7 Core has its webhooks. Items become
drafts, and products that no item is behind are taken down, once a person said so.
"""

from __future__ import annotations

import functools
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import urlsplit

import anyio
import anyio.abc
import anyio.to_thread

from actors.core.clock import SystemClock
from actors.domain.crashpoints import crash_points
from actors.domain.notification import Notification
from actors.domain.webhook import NEEDED
from adapters.http_transport import HttpTransport
from adapters.intake.cin7_hooks import read_hook
from adapters.intake.ports import CIN7, EVENTGRID
from adapters.sandbox.cin7 import Cin7Double, new_credentials
from adapters.sandbox.cin7_books import Sale
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.event_grid import EventGrid
from adapters.sandbox.faults import Fault, FaultKind, Faults
from adapters.sandbox.generator import OrderGenerator
from adapters.sandbox.postman import Postman
from adapters.sandbox.server import serve
from adapters.transport import Request
from daemon.control_client import DaemonDownError, RefusedError, ask
from storage.bodies import Sealer
from storage.listed_sales import order_of
from tests.journeys.nursery import Forked, Running
from tests.simulation.books_judge import assert_books_posted
from tests.simulation.crashes import DOUBTED_POSTINGS, OPEN_BOOKS, PLENTY
from tests.simulation.laws import (
    assert_one_product_each,
    assert_people_keep_their_products,
    assert_sale_equals_order,
    catalogue_off,
    check_unreadable,
    deliveries_off,
    stock_off,
)

ORDERS = 200
CANCELLED_EVERY = 12
LIMIT = 3000
RARE = {
    "post_credit_note",
    "create_webhook",
    "revive_webhook",
    "create_entry",
    "write_entry",
    "update_sale",
    "update_order",
    "create_product",
    "update_product",
    "unpublish_product",
    "write_lease",
}
ROOT = Path(__file__).parents[2]
PUBLIC_URL = "https://hooks.test"
EVENTGRID_KEY = "a key of the topic"

CONFIG = """
[connection]
name = "journey"
[commercetools]
project_key = "sandbox"
api_url = "http://127.0.0.1:{shop}"
auth_url = "http://127.0.0.1:{shop}"
client_id = "sandbox-client"
[cin7]
base_url = "http://127.0.0.1:{cin7}/ExternalApi/v2"
account_id = "{account}"
calls_per_minute = {limit}
timeout_seconds = 2
quiet_seconds = 1
[storage]
path = "{folder}/tallyd.db"
[operator]
bind = "127.0.0.1:{operator}"
[intake]
hot_seconds = 0.2
sweep_seconds = 1
sweep_trail_seconds = 1
[orders]
refresh_seconds = 4
since = "2020-01-01T00:00:00Z"
trigger = {{ order_states = ["Open", "Confirmed"], payment = "paid" }}
customer = {{ mode = "per-customer" }}
[stock]
snapshot_seconds = 1
[catalogue]
create_drafts = true
unpublish_unmatched = true
unpublish_share_percent = 100
product_type = "default"
tax_category = "standard"
[finance]
posting = "auto"
refunds = "credit-note"
[mappings.attributes]
"Barcode" = "barcode"
[mappings.payments]
"adyen/scheme" = "090"
[mappings.tax]
"GB/standard" = "20% (VAT on Income)"
"GB/reduced" = "5% (VAT on Income)"
"GB/zero" = "Zero Rated Income"
"""


class Journey:
    """Both doubles, listening, and a way to start the daemon."""

    def __init__(self, folder: Path) -> None:
        clock = SystemClock()
        self.account, key = new_credentials(7)
        self.shop_faults, self.cin7_faults = Faults(seed=7), Faults(seed=8)
        self.shop = CommercetoolsDouble(
            clock=clock,
            project_key="sandbox",
            client_id="sandbox-client",
            client_secret="journey-secret",
            faults=self.shop_faults,
            seed=7,
        )
        self.cin7 = Cin7Double(
            clock=clock,
            account_id=self.account,
            application_key=key,
            faults=self.cin7_faults,
            limit=LIMIT,
            seed=7,
        )
        self.generator = OrderGenerator(7, self.shop, clock=clock)
        self.chance = random.Random(7)
        self.sent: set[str] = set()
        self.refunded: set[str] = set()
        self.folder = folder
        self.config = folder / "tallyd.toml"
        self.log = folder / "tallyd.log"
        self.operator = 0
        self._output = self.log.open("a")
        self.environment = os.environ | {
            "TALLYD_COMMERCETOOLS_CLIENT_SECRET": "journey-secret",
            "TALLYD_CIN7_APPLICATION_KEY": key,
            "TALLYD_STORAGE_KEY": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            "PYTHONPATH": str(ROOT),
        }

    def configure(self, *, shop: int, cin7: int, operator: int) -> None:
        text = CONFIG.format(
            shop=shop, cin7=cin7, operator=operator, account=self.account, folder=self.folder, limit=LIMIT
        )
        self.operator = operator
        self.config.write_text(text, encoding="utf-8")

    def listening(self) -> bool:
        """True once the daemon answers: from then on a signal stops it in good order."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.operator)) == 0

    def close(self) -> None:
        self._output.close()

    def start_to_die(self, point: str, nth: int = 1) -> Forked:
        """Start the daemon from the nursery; it kills itself the n-th time it passes the point."""
        return Forked(self.config, self.environment | {"CRASH_AT": point, "CRASH_NTH": str(nth)}, self.log)

    async def start(self) -> anyio.abc.Process:
        """Start the daemon as anybody does, by an interpreter of its own; nothing kills it."""
        return await anyio.open_process(
            [sys.executable, "-m", "tests.journeys.crashing", str(self.config)],
            env=self.environment,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
        )

    def place(self) -> None:
        """Place an order; cancel one now and then, and repeat an event about another."""
        placed = self.generator.place_next()
        assert placed is not None, self.generator.refused
        orders = list(self.shop.orders.values())
        if len(orders) % CANCELLED_EVERY == 0:
            self.cancel()
        if len(orders) % 4 == 0:
            self.shop.touch(self.chance.choice(orders)["id"])

    def cancel(self) -> None:
        """Cancel an order, one that is sold if there is any."""
        orders = list(self.shop.orders.values())
        exported = [order for order in orders if order["orderState"] == "Open" and order["syncInfo"]]
        kept = self.sent | self.refunded
        here = [order for order in exported if order["id"] not in kept]
        others = [order for order in orders if order["id"] not in kept]
        self.shop.cancel(self.chance.choice(here or others)["id"])
        self.void_invoices()

    def void_invoices(self) -> None:
        """Void by hand what is invoiced of cancelled orders, so that their sales can be voided."""
        for sale in self.cin7.live_sales():
            order = self.shop.orders.get(order_of(sale.external_id or ""))
            if order is not None and order["orderState"] == "Cancelled":
                for invoice in [one for one in self.cin7.invoices(sale.id) if one.stands]:
                    self.cin7.void_invoice(sale.id, invoice.number)

    def refund(self) -> None:
        """Give back what was paid of an order that is paid in Cin7 Core as well, once."""
        paid = {order_of(self.cin7.sale(one.sale_id).external_id or "") for one in self.cin7.payments()}
        orders = [one for one in self.shop.orders.values() if one["orderState"] == "Open" and one["id"] in paid]
        left = [one["id"] for one in orders if one["id"] not in self.refunded]
        if left:
            self.refunded.add(order_id := self.chance.choice(left))
            self.shop.refund(order_id)

    def send(self) -> None:
        """Pick and ship a sale that stands, as the warehouse does."""
        sale = self._waiting_sale()
        if sale is not None:
            self.sent.add(order_of(sale.external_id or ""))
            self.cin7.ship_rest(sale.id, tracking=f"T-{len(self.sent)}")

    def move(self) -> None:
        """Send a sold order elsewhere, before anything of it was picked."""
        sale = self._waiting_sale()
        if sale is not None:
            street = f"{self.chance.randint(1, 999)} New Lane"
            address = {"country": "GB", "streetName": street, "city": "York"}
            self.shop.set_address(order_of(sale.external_id or ""), address)

    def _waiting_sale(self) -> Sale | None:
        """Draw a sale of a standing order that commercetools shows and nobody has picked."""
        unsent = [
            sale
            for sale in self.cin7.live_sales()
            if sale.authorised and not sale.backordered
            if not any(task.is_picked for task in sale.fulfilments)
            if (order := self.shop.orders.get(order_of(sale.external_id or "")))
            if order["orderState"] == "Open" and order["syncInfo"]
        ]
        return self.chance.choice(unsent) if unsent else None

    def plain_orders(self) -> list[dict[str, object]]:
        return [order for order in self.shop.orders.values() if order["orderState"] != "Cancelled"]

    def settled(self) -> bool:
        with sqlite3.connect(f"file:{self.folder}/tallyd.db?mode=ro", uri=True) as connection:
            states = dict(connection.execute("SELECT state, count(*) FROM orders GROUP BY state"))
        # A cancellation that no sweep has seen yet still shows as exported: count both.
        return states == {"exported": len(self.plain_orders()), "cancelled": self.cancelled()}

    def books_closed(self) -> bool:
        """Say whether the books of every order that stands agree, and nothing is to be posted or in doubt."""
        with closing(sqlite3.connect(f"file:{self.folder}/tallyd.db?mode=ro", uri=True)) as connection:
            return not [*connection.execute(OPEN_BOOKS), *connection.execute(DOUBTED_POSTINGS)]

    def cancelled(self) -> int:
        return len(self.shop.orders) - len(self.plain_orders())


DOORS = """
[intake]
bind = "127.0.0.1:{intake}"
cin7_webhooks = true
public_url = "{public}"
eventgrid = {{ topic = "/subscriptions/journey/topics/orders" }}
"""


class ToldJourney(Journey):
    """Event Grid with what the shop tells, and Cin7 Core's webhooks, over real HTTP."""

    def __init__(self, folder: Path, wire: HttpTransport) -> None:
        super().__init__(folder)
        self._wire = wire
        self._base = f"http://127.0.0.1:{_free_port()}"
        self.environment |= {
            "TALLYD_CIN7_WEBHOOK_TOKEN": "a token of ours",
            "TALLYD_EVENTGRID_KEY": EVENTGRID_KEY,
        }
        self.taken_up = 0
        self.barcodes: dict[str, str] = {}
        self.strangers: list[str] = []
        self.grid = EventGrid(wire, f"{self._base}/intake/commercetools/eventgrid", EVENTGRID_KEY)
        self.postman = Postman(
            self.grid.send,
            clock=SystemClock(),
            seed=7,
            delay_seconds=(0.0, 1.0),
            duplicate_share=0.2,
            malformed_share=0.02,
            backoff_seconds=(0.2, 2.0),
        )
        self.shop.subscribe(self.postman.take, "CloudEvents", messages=True, changes=True, not_included_share=0.1)

    def configure(self, *, shop: int, cin7: int, operator: int) -> None:
        super().configure(shop=shop, cin7=cin7, operator=operator)
        doors = DOORS.format(intake=urlsplit(self._base).port, public=PUBLIC_URL)
        self.config.write_text(self.config.read_text(encoding="utf-8").replace("\n[intake]\n", doors), encoding="utf-8")

    async def carry(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Send a webhook to its address, wherever that is today."""
        here = url.replace(PUBLIC_URL, self._base)
        request = Request(method="POST", url=here, headers=dict(headers), body=body, timeout_seconds=10)
        return (await self._wire.send(request)).status

    async def apply_webhooks(self) -> None:
        """Have the missing webhooks made, as `tallyd webhooks apply` does; nothing where nobody answers."""
        asked = functools.partial(ask, self.folder / "tallyd.sock", "POST", "/webhooks/apply", {"reason": "a journey"})
        with suppress(DaemonDownError):
            await anyio.to_thread.run_sync(asked)

    async def approve_plan(self) -> None:
        """Say yes to what is to be unpublished, as `tallyd skus approve` does; nothing where it is not known yet."""
        asked = functools.partial(
            ask, self.folder / "tallyd.sock", "POST", "/skus/plan/approve", {"reason": "no items"}
        )
        with suppress(DaemonDownError, RefusedError):
            await anyio.to_thread.run_sync(asked)

    async def retry_set_aside(self) -> None:
        """Do what a person does about a message that was there at three deaths in a row, and is set aside for it."""
        with closing(sqlite3.connect(f"file:{self.folder}/tallyd.db?mode=ro", uri=True)) as connection:
            aside = connection.execute(
                "SELECT subject FROM outbox WHERE flow = 'orders' AND state = 'quarantined'"
            ).fetchall()
        for (order_id,) in aside:
            target = f"/orders/{order_id}/retry"
            asked = functools.partial(ask, self.folder / "tallyd.sock", "POST", target, {"reason": "three deaths"})
            await anyio.to_thread.run_sync(asked)

    def disturb(self, point: str) -> None:
        """Give a crash point of the webhooks, of the stock or of the products something to happen at."""
        for hook in self.cin7.webhooks[:3]:
            if point.startswith("cin7.create_webhook"):
                del self.cin7._hooks.hooks[hook.id]
            if point.startswith("cin7.revive_webhook"):
                self.cin7.deactivate_webhook(hook.id)
        if point.startswith("commercetools.create_entry"):
            self.taken_up += 1
            self.cin7.add_product(f"NEW-{self.taken_up}", stock=5)
        if point.startswith("commercetools.write_entry"):
            self.cin7.receive_stock(self.chance.choice(self._plenty()), -1)
        if point.startswith("commercetools.create_product"):
            self._enter()
        if point.startswith("commercetools.update_product"):
            self._correct()
        if point.startswith("commercetools.unpublish_product"):
            number = len(self.strangers) + 1
            self.strangers.append(self.shop.add_product(f"STRANGER-{number}", name=f"Vase {number}"))

    def _enter(self) -> None:
        """Enter an item in Cin7 Core, which becomes a draft."""
        sku = f"RANGE-{len(self.barcodes) + 1}"
        self.barcodes[sku] = "4012"
        self.cin7.add_item(sku, name=f"Lamp {sku}", barcode=self.barcodes[sku], stock=5)

    def _correct(self) -> None:
        """Give an item whose draft is there another barcode."""
        sku = self.chance.choice([sku for sku in self.barcodes if self.shop.product_of(sku) is not None])
        self.barcodes[sku] += "0"
        self.cin7.edit_item(sku, barcode=self.barcodes[sku])

    def _plenty(self) -> list[str]:
        """SKUs of which one may go without an order missing it."""
        known = self.cin7.books.product_by_sku
        return [sku for sku, item in self.shop.items.items() if item.stock > PLENTY and known(sku) is not None]

    def stock_stands(self) -> bool:
        """Say whether each entry shows what Cin7 Core has available and no order waits for."""
        return not stock_off(self.cin7, self.shop)

    def range_stands(self) -> bool:
        """Say whether each draft shows its item's barcode, and no product is up that no item is behind."""
        return not catalogue_off(self.shop, self.barcodes, self.strangers)

    def webhooks_stand(self) -> bool:
        """Say whether there is an active webhook of every type."""
        return {hook.type for hook in self.cin7.webhooks if hook.active} == set(NEEDED)


def test_every_crash_point_over_200_orders(tmp_path: Path) -> None:
    """Given 200 orders, lost answers and repeated events: each point kills once, and every order is one sale."""
    anyio.run(_journey, tmp_path)


async def _journey(folder: Path) -> None:
    async with HttpTransport(reuse_connections=False) as wire:
        with closing(ToldJourney(folder, wire)) as journey:
            await _run(journey)


async def _run(journey: ToldJourney) -> None:
    async with (
        serve(journey.shop.handle) as shop,
        serve(journey.cin7.handle) as cin7,
        anyio.create_task_group() as tasks,
    ):
        journey.configure(shop=shop, cin7=cin7, operator=_free_port())
        tasks.start_soon(journey.postman.run)
        tasks.start_soon(journey.cin7.deliver_webhooks, journey.carry)
        _lose_answers(journey)
        unreached = []
        for point in sorted(crash_points()):
            if not await _dies_at(journey, point):
                unreached.append(point)
        assert not unreached, f"never reached: {unreached}; see {journey.log}"
        while len(journey.plain_orders()) < ORDERS:
            journey.place()
        await _finish(journey)
        tasks.cancel_scope.cancel()
    _assert_one_sale_each(journey)
    _assert_every_event_once(journey)
    assert journey.stock_stands()
    assert assert_one_product_each(journey.cin7, journey.shop) >= len(journey.barcodes) == 4
    assert assert_people_keep_their_products(journey.cin7, journey.shop) >= len(journey.strangers) == 4
    assert assert_books_posted(journey.cin7, journey.shop)["credit_note"] >= 4  # one for each of its points
    assert Counter(hook.type for hook in journey.cin7.webhooks) == Counter(NEEDED)


def _lose_answers(journey: Journey) -> None:
    for operation in (
        *("customer_create", "sale_create", "sale_order", "sale_void"),
        *("invoice_write", "payment_write", "credit_note_write"),
    ):
        journey.cin7_faults.chance(operation, Fault(kind=FaultKind.DROP_AFTER), 0.03)
        journey.cin7_faults.chance(operation, Fault(kind=FaultKind.ERROR_BEFORE, status=500), 0.02)
    for operation in ("order_update", "product_create", "product_update"):
        journey.shop_faults.chance(operation, Fault(kind=FaultKind.DROP_AFTER), 0.03)


async def _dies_at(journey: ToldJourney, point: str) -> bool:
    """Start the daemon and keep orders coming until it kills itself at the point."""
    journey.disturb(point)
    # These are few, and so are the points they pass.
    nth = 1 if RARE & {*point.split(".")} else journey.chance.randint(1, 2)
    async with journey.start_to_die(point, nth) as process:
        for turn in range(300):
            if process.returncode is not None:
                break
            # Beyond the 200 only as many more as it takes to reach the point; products need none at all.
            if turn % 5 == 0 or (len(journey.plain_orders()) < ORDERS and "_product." not in point):
                journey.place()
            if "void" in point and turn % 5 == 0:
                journey.cancel()
            if "update_order" in point and turn % 5 == 0:
                journey.send()
            if "update_sale" in point and turn % 5 == 0:
                journey.move()
            if "post_credit_note" in point and turn % 5 == 0:
                journey.refund()
            journey.void_invoices()
            if point.startswith("cin7.create_webhook") and journey.listening():
                await journey.apply_webhooks()
            if point.startswith("commercetools.unpublish_product") and journey.listening():
                await journey.approve_plan()
            await _pass(process, 0.2)
        if process.returncode is None:
            process.kill()
            await process.wait()
            return False
    return process.returncode == -signal.SIGKILL


async def _pass(process: Running, seconds: float) -> None:
    """Let that much real time pass, or less when the process ends."""
    with anyio.move_on_after(seconds):
        await process.wait()


async def _finish(journey: ToldJourney) -> None:
    process = await journey.start()
    async with process:
        await _until(journey.listening, process)
        assert await journey.grid.shake_hands()
        await journey.apply_webhooks()
        await journey.retry_set_aside()
        await _until(lambda: journey.settled() and not journey.postman.waiting and journey.webhooks_stand(), process)
        await _until(journey.stock_stands, process)
        await _until(journey.range_stands, process)
        await _until(journey.books_closed, process)
        await _until(lambda: not deliveries_off(journey.cin7, journey.shop), process)
        process.terminate()
        with anyio.fail_after(30):
            await process.wait()
    assert process.returncode == 0, journey.log.read_text()[-2000:]


async def _until(fact: Callable[[], bool], process: anyio.abc.Process) -> None:
    try:
        with anyio.fail_after(120):
            while not fact():
                assert process.returncode is None, "the daemon ended"
                await _pass(process, 0.5)
    except BaseException:
        if process.returncode is None:
            process.kill()  # else leaving its block would wait for it for ever
        raise


def _assert_one_sale_each(journey: Journey) -> None:
    plain = journey.plain_orders()
    assert len(plain) >= ORDERS
    live = journey.cin7.live_sales()
    assert len(live) == len(plain)
    by_reference = {sale.reference: sale for sale in live}
    assert len(by_reference) == len(live)
    for order in plain:
        assert_sale_equals_order(order, by_reference[str(order["orderNumber"])])


def _assert_every_event_once(journey: ToldJourney) -> None:
    """What was acknowledged is on disk, each event once, and nothing else is."""
    query = "SELECT identity FROM notifications WHERE door = ?"
    with closing(sqlite3.connect(journey.folder / "tallyd.db")) as connection:
        known = {door: {row[0] for row in connection.execute(query, (door,))} for door in (EVENTGRID, CIN7)}
        check_unreadable(connection, journey.postman, Sealer(bytes(32)))
    assert known[EVENTGRID] == journey.postman.taken
    delivered = [one for one in journey.cin7.webhook_deliveries if one.delivered]
    events = [event for one in delivered for event in read_hook(one.hook.type, one.body)]
    assert {event.identity for event in events if isinstance(event, Notification)} <= known[CIN7]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
