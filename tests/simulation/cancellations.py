"""Cancel and create in every order: the places are enumerated from a dry run, and each is played in its own world.

One order is exported; its cancellation comes at each place its export passes, under each fate of each of its writes,
told in each way, with and without a kill there. `python -m tests.simulation.cancellations` plays all of them (about
three minutes); the suite plays what it has time for (`tests/flows/test_cancel_and_create.py`).
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import anyio
import msgspec

from actors.domain.notification import Delivery
from actors.intake.rules import DoorRules
from adapters.intake.platform import read_notifications
from adapters.intake.ports import SQS
from adapters.sandbox.faults import Fault, FaultKind, Faults
from adapters.sandbox.postman import Payload
from adapters.sandbox.virtual_time import run_virtual
from daemon.engine import Plan
from storage import demand
from tests.interleaving import Track
from tests.simulation.laws import sale_of
from tests.simulation.senders import body_of
from tests.simulation.world import PLAIN_LINES, World, export_rules, plan, world

SEED = 1
SKU = PLAIN_LINES[0].sku
HIDDEN = {"visibility_lag_seconds": 36_000.0}
"""Lists show nothing for ten hours: what is not told by an event is not known."""

SWEPT = 4.0
"""Seconds by which a sweep has certainly found what changed."""


class News(StrEnum):
    """How tallyd hears of the order and of its cancellation."""

    SWEPT = "swept"  # no door: the sweeps find both
    TOLD = "told"  # an event tells of each at once, before any sweep can
    LATE = "late"  # no list shows it, and the event of the cancellation comes after everything
    TWICE = "twice"  # no list shows it; each event comes at once, again, and after everything


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of one write of the order; without one all are answered.

    `begins` is the call it is, and `follows` the next write's ("": none). `drafted`: what the account does is not known
    yet, so the order document goes as a DRAFT first.
    """

    name: str
    begins: str = ""
    follows: str = ""
    operation: str = ""
    fault: FaultKind | None = None
    drafted: bool = False

    def of(self, places: list[str]) -> list[str]:
        """Return the places from where it begins to where the next write begins, that one too.

        Before, nothing has happened yet; after, the order stands where it stands when all is answered.
        """
        first = places.index(f"{self.begins} arrives #1") if self.begins else 0
        after = [n for n, place in enumerate(places) if self.follows and place.startswith(f"{self.follows} arrives")]
        return places[first : after[-1] + 1] if after else places[first:]

    def plan(self, made: World) -> None:
        """Let it happen."""
        if self.fault is not None:
            faults: Faults = made.ct_faults if self.operation == "order_update" else made.cin7_faults
            faults.plan(self.operation, Fault(kind=self.fault))


HEADER = "cin7: POST sale"
DOCUMENT = "cin7: POST sale/order"
MARK = "commercetools: POST orders/{id}"

WRITES = (
    Fate(name="header", begins=HEADER, follows=DOCUMENT, operation="sale_create"),
    Fate(name="draft", begins=DOCUMENT, follows=DOCUMENT, operation="sale_order", drafted=True),
    Fate(name="authorise", begins=DOCUMENT, follows=MARK, operation="sale_order"),
    Fate(name="mark", begins=MARK, operation="order_update"),
    Fate(name="void", begins=HEADER, operation="sale_void"),
)
"""What an export writes; and the void, which the cancellation leads to wherever it comes once a sale was begun."""

ANSWERED = Fate(name="answered")
DRAFTED = Fate(name="answered-drafted", begins=DOCUMENT, drafted=True)
LOST = tuple(
    msgspec.structs.replace(write, name=f"{write.name}-{ending}", fault=fault)
    for write in WRITES
    for ending, fault in (("lost", FaultKind.DROP_AFTER), ("not-done", FaultKind.DROP_BEFORE))
)


def the_plan(news: News) -> Plan:
    """A plan whose doubts are short; with a door where events tell."""
    short = plan(timeout_seconds=4, export=export_rules(timeout=4_000, quiet=4_000))
    if news is News.SWEPT:
        return short
    sweeps = msgspec.structs.replace(short.sweeps, hot=30_000)
    return msgspec.structs.replace(short, sweeps=sweeps, doors=DoorRules(names=frozenset({SQS}), project="sandbox"))


class Bearer:
    """Brings what commercetools tells of the orders, when the run says so."""

    def __init__(self, made: World) -> None:
        self._made = made
        self._told: list[Payload] = []
        self._taken = 0
        made.shop.subscribe(self._told.append, messages=True, changes=True)
        self._told.clear()

    def take(self) -> list[Payload]:
        """Return what was told since."""
        taken, self._taken = self._taken, len(self._told)
        return self._told[taken:]

    def all(self) -> list[Payload]:
        """Return all that was told, the newest first."""
        return self._told[::-1]

    async def bring(self, payloads: list[Payload]) -> None:
        """Bring these; what nobody takes is brought again later, as a queue does."""
        deliveries: list[Delivery] = [read_notifications(body_of(payload)) for payload in payloads]
        if not await self._made.daemon.accept(SQS, deliveries):
            self._made.tasks.start_soon(self._until_taken, deliveries)

    async def _until_taken(self, deliveries: list[Delivery]) -> None:
        while not await self._made.daemon.accept(SQS, deliveries):
            await self._made.clock.sleep(1)


class Scene:
    """One order and what happens to it, in a world of its own: the same as every other one until it is disturbed."""

    def __init__(self, made: World, fate: Fate, news: News) -> None:
        self.made = made
        self.fate = fate
        self.news = news
        self.track = Track(made)
        self.bearer = Bearer(made)
        self.had = made.cin7.available(SKU)

    async def export(self, *, at: str = "", kill: bool = False) -> str:
        """Place the order and tell of it where events do. It is going to be cancelled at this place."""
        made = self.made
        await made.ready(taught=not self.fate.drafted)
        self.fate.plan(made)
        self.bearer.take()
        order = made.place()
        self.track.follow(order, at=at, act=functools.partial(self._cancel, order, kill=kill))
        await self.tell(self.bearer.take())
        return order

    async def _cancel(self, order: str, *, kill: bool) -> None:
        """Cancel it, tell of it, and die, all in one moment."""
        self.made.shop.cancel(order)
        if kill:
            self.made.daemon.die("at the cancellation")
        if self.news in (News.TOLD, News.TWICE):
            await self.tell_first(self.bearer.take())

    async def tell(self, payloads: list[Payload]) -> None:
        """Bring what commercetools told, as often as it is brought."""
        if self.news is not News.SWEPT:
            await self.bearer.bring(payloads * (2 if self.news is News.TWICE else 1))

    async def tell_first(self, payloads: list[Payload]) -> None:
        """Tell before anything else goes on; where it is the accept itself that stands still, it goes on first."""
        told = anyio.Event()

        async def tell() -> None:
            await self.tell(payloads)
            told.set()

        self.made.tasks.start_soon(tell)
        with anyio.move_on_after(0.5):
            await told.wait()

    async def rest(self, order: str) -> None:
        """Wait until nothing of the order moves any more."""
        await self.made.clock.sleep(SWEPT if self.news is News.SWEPT else 0.1)
        await self.made.until(lambda: not self._waits(order), within=180, every=0.5)

    def _waits(self, order: str) -> bool:
        if not self.made.daemon.running:
            return True
        query = "SELECT 1 FROM outbox WHERE subject IN (:id, 'order:' || :id)"
        waits = self.made.read(lambda connection: connection.execute(query, {"id": order}).fetchone())
        return waits is not None

    async def late_news(self, order: str) -> None:
        """What comes after everything: what nobody brought yet, and all of it once more."""
        if self.news in (News.LATE, News.TWICE):
            await self.tell(self.bearer.all())
            await self.rest(order)

    def check(self, order: str) -> None:
        """No live sale, never two, nobody has anything to do, and the units are free again."""
        made, shown = self.made, self.made.shop.orders[order]
        assert made.daemon.state(order) == "cancelled"
        assert sale_of(made, shown) == []
        assert len(made.cin7.sales) <= 1
        assert made.daemon.open_types() == []
        assert made.cin7.available(SKU) == self.had
        claims = made.read(lambda connection: demand.claims_of(connection, SKU, ""))
        assert all(claim.released for claim in claims if claim.order_id == order)
        assert shown["orderState"] == "Cancelled"


@asynccontextmanager
async def scene(fate: Fate, news: News) -> AsyncIterator[Scene]:
    """Set the scene."""
    shop: dict[str, Any] = HIDDEN if news in (News.LATE, News.TWICE) else {}
    async with world(SEED, the_plan=the_plan(news), shop=shop) as made:
        yield Scene(made, fate, news)


_FOUND: dict[tuple[str, News], list[str]] = {}


async def dry(fate: Fate, news: News) -> list[str]:
    """Return the places at which the fate can make a difference: of an export that nobody disturbs, made once."""
    if (fate.name, news) not in _FOUND:
        _FOUND[fate.name, news] = await _export_alone(fate, news)
    return _FOUND[fate.name, news]


async def _export_alone(fate: Fate, news: News) -> list[str]:
    async with scene(fate, news) as on:
        order = await on.export()
        await on.rest(order)
        on.track.stop()
        assert on.made.daemon.state(order) == "exported"
        assert len(on.made.cin7.live_sales()) == 1
        return fate.of(on.track.passed)


async def disturbed(fate: Fate, news: News, at: str, *, kill: bool) -> None:
    """Cancel it at this place, and see what stands at the end."""
    async with scene(fate, news) as on:
        order = await on.export(at=at, kill=kill)
        await on.made.until(lambda: on.track.hit, within=120, every=0.5)
        await on.rest(order)
        await on.late_news(order)
        on.check(order)
        assert len(on.made.kills) == kill


async def cancelled_first(*, at: str = "", kill: bool = False) -> list[str]:
    """Cancel an order before anybody heard of it, tell of that, and of its creation only at this place.

    Return the places that are passed. A sale is never begun.
    """
    async with scene(ANSWERED, News.LATE) as on:
        made = on.made
        await made.ready()
        order = made.place()
        created = on.bearer.take()
        made.shop.cancel(order)
        cancelled = on.bearer.take()

        async def act() -> None:
            if kill:
                made.daemon.die("at the news of the creation")
            await on.tell_first(created)

        on.track.follow(order, at=at, act=act)
        await on.tell(cancelled)
        await on.rest(order)
        await made.until(lambda: on.track.hit or not at, within=60, every=0.5)
        await on.tell([*created, *cancelled, *created])
        await on.rest(order)
        on.check(order)
        assert made.cin7.sales == []
        return on.track.passed


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """All the places of one fate, told in one way, with a kill at the place or without."""

    fate: Fate
    news: News
    kill: bool = False

    @property
    def name(self) -> str:
        """Its name in words."""
        return f"{self.fate.name}-{self.news}{'-killed' * self.kill}"

    async def play(self) -> list[str]:
        """Cancel at each place in turn; return the places.

        Raises:
            AssertionError: something was wrong at the end; a note names the place.
        """
        places = await dry(self.fate, self.news)
        for at in places:
            try:
                await disturbed(self.fate, self.news, at, kill=self.kill)
            except AssertionError as error:
                error.add_note(f"{self.name}, cancelled at: {at}")
                raise
        return places


GROUPS = (
    *(Group(fate=fate, news=news) for fate, news in itertools.product((ANSWERED, DRAFTED, *LOST), News)),
    *(Group(fate=ANSWERED, news=news, kill=True) for news in News),
)


def main() -> int:
    """Play every group; 0 when all went well."""
    played = 0
    for group in GROUPS:
        places = run_virtual(group.play)
        played += len(places)
        sys.stdout.write(f"{group.name}: {len(places)}\n")
    sys.stdout.write(f"interleavings: {played}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
