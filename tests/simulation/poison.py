"""Poison among good orders that come faster than the limit allows: `python -m tests.simulation.poison --orders 1000`.

The same good orders run twice, at the same instants: alone, and with orders among them that are held, that break their
handler each time, that bring their actor down, and one that kills the process. Law L7 is that the good ones are not
later for it: p99 of the time from placed to exported, in virtual time, with poison against without.
"""

from __future__ import annotations

import argparse
import functools
import math
import random
import sys
import time
from collections.abc import Sequence
from decimal import Decimal
from enum import StrEnum

import msgspec

from actors.messages import Envelope, Flow
from adapters.sandbox.carts import LineDraft, OrderDraft
from adapters.sandbox.cin7_books import TaxRule
from adapters.sandbox.generator import STRANGER, UNKNOWN_TAX, OrderGenerator
from adapters.sandbox.virtual_time import run_virtual
from storage import orders
from tests.simulation.laws import assert_sale_equals_order, assert_within_the_limit, sale_of
from tests.simulation.world import World, plan, world

LUXURY_RULE = "20% (Luxury)"
"""A tax rule the configuration names and Cin7 does not have, yet."""

REFRESH_SECONDS = 300.0


class Kind(StrEnum):
    """What is wrong with an order of these runs."""

    UNMAPPED_SKU = "unmapped_sku"
    UNKNOWN_TAX = "unknown_tax"
    BUG = "bug"
    CRASH = "crash"
    KILLER = "killer"


HELD = (Kind.UNMAPPED_SKU, Kind.UNKNOWN_TAX)
SET_ASIDE = (Kind.BUG, Kind.CRASH, Kind.KILLER)
DOSE = (Kind.UNMAPPED_SKU,) * 3 + (Kind.UNKNOWN_TAX,) * 3 + (Kind.BUG,) * 2 + (Kind.CRASH, Kind.KILLER)


class HandlerBugError(Exception):
    """What a defect of a handler raises."""


class HandlerCrash(BaseException):
    """What brings a worker down, and its actor with it."""


class Slot(msgspec.Struct, frozen=True, kw_only=True):
    """One order to come: when (seconds after the last one), what, and what is wrong with it."""

    after: float
    draft: OrderDraft
    kind: Kind | None


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one run: seconds from placed to exported of each good order, and what the poison did."""

    seconds: tuple[float, ...]
    kills: int = 0
    held: tuple[str, ...] = ()
    healed_within: float = 0.0
    set_aside: dict[str, str] = {}

    @property
    def p99(self) -> float:
        """The time 99 in 100 good orders did not exceed."""
        return sorted(self.seconds)[math.ceil(len(self.seconds) * 0.99) - 1]


def slots(made: World, *, count: int, minutes: float, dose: Sequence[Kind]) -> list[Slot]:
    """Draw `count` good orders over so many minutes, and put the dose among them at random places."""
    chance = random.Random(f"poison/{made.seed}")
    generator = OrderGenerator(made.seed, made.shop, clock=made.clock)
    good = [
        Slot(after=chance.expovariate(count / (minutes * 60)), draft=generator.next_draft(), kind=None)
        for _ in range(count)
    ]
    for place, kind in zip(sorted(chance.sample(range(count // 2), len(dose)), reverse=True), dose, strict=True):
        good.insert(place, Slot(after=0.0, draft=_poisoned(generator, kind), kind=kind))
    return good


def _poisoned(generator: OrderGenerator, kind: Kind) -> OrderDraft:
    """Draw a draft of a kind; one rate throughout, so that only what is meant to holds it."""
    draft, change = generator.next_draft(), msgspec.structs.replace
    assert draft.shipping is not None
    if kind is Kind.UNMAPPED_SKU:
        stranger = LineDraft(sku=STRANGER.sku, tax=draft.shipping.tax)
        return change(draft, lines=(*draft.lines, stranger))
    if kind is Kind.UNKNOWN_TAX:
        luxury = change(UNKNOWN_TAX, included=draft.included)
        lines = tuple(change(line, tax=luxury) for line in draft.lines)
        return change(draft, lines=lines, shipping=change(draft.shipping, tax=luxury))
    return draft


def luxury_plan() -> dict[str, str]:
    """Taxes by name only, so that an unknown one is not carried by its rate."""
    return {
        "standard": "20% (VAT on Income)",
        "reduced": "5% (VAT on Income)",
        "zero": "Zero Rated Income",
        "luxury": LUXURY_RULE,
    }


async def run(seed: int, *, count: int, minutes: float, poisoned: bool, dose: Sequence[Kind] = DOSE) -> Outcome:
    """Run the orders of a seed, with their poison or without."""
    the_plan = plan(posting=msgspec.structs.replace(plan().posting, tax=luxury_plan()))
    async with world(seed, the_plan=the_plan) as made:
        coming = slots(made, count=count, minutes=minutes, dose=dose)
        await made.ready()
        poison: dict[str, Kind] = {}
        made.daemon.on_handle = functools.partial(_poison_the_handler, made, poison)
        good: list[str] = []
        for slot in coming:
            await made.clock.sleep(slot.after)
            if slot.kind is None:
                good.append(made.shop.place_order(slot.draft))
            elif poisoned:
                poison[made.shop.place_order(slot.draft)] = slot.kind
        await made.until(lambda: made.states()["exported"] >= len(good), within=6 * 3600, every=20)
        seconds = tuple(_seconds(made, order_id) for order_id in good)
        for order_id in good:
            [sale] = sale_of(made, made.shop.orders[order_id])
            assert_sale_equals_order(made.shop.orders[order_id], sale)
        outcome = Outcome(seconds=seconds)
        if poisoned:
            outcome = await _after_the_good_ones(made, poison, good, seconds)
        assert_within_the_limit(made)
        return outcome


def _poison_the_handler(made: World, poison: dict[str, Kind], envelope: Envelope) -> None:
    if envelope.flow is not Flow.ORDERS:
        return
    match poison.get(envelope.subject):
        case Kind.BUG:
            raise HandlerBugError
        case Kind.CRASH:
            raise HandlerCrash
        case Kind.KILLER:
            made.daemon.kill("poison")


def _seconds(made: World, order_id: str) -> float:
    record = made.read(lambda connection: orders.get(connection, order_id))
    assert record is not None
    assert record.exported_at is not None
    return (record.exported_at - record.created_at) / 1000


async def _after_the_good_ones(
    made: World, poison: dict[str, Kind], good: list[str], seconds: tuple[float, ...]
) -> Outcome:
    """See what the poison came to, then let the facts change and see the held ones go by themselves."""
    set_aside = {
        order_id: ",".join(made.daemon.open_types(order_id)) for order_id, kind in poison.items() if kind in SET_ASIDE
    }
    waiting = [order_id for order_id, kind in poison.items() if kind in HELD]
    held = tuple(order_id for order_id in waiting if made.daemon.state(order_id) == "held")
    made.cin7.add_product(STRANGER.sku, STRANGER.name, price=Decimal("45.00"), stock=STRANGER.stock)
    made.cin7.books.tax_rules.append(
        TaxRule(id=made.cin7.books.new_id(), name=LUXURY_RULE, percent=Decimal(20), for_sale=True)
    )
    changed_at = made.clock.monotonic()
    await made.exported(*waiting, within=2 * REFRESH_SECONDS)
    return Outcome(
        seconds=seconds,
        kills=len(made.kills),
        held=held,
        healed_within=made.clock.monotonic() - changed_at,
        set_aside=set_aside,
    )


def compare(seed: int, *, count: int, minutes: float) -> tuple[Outcome, Outcome]:
    """Run a seed without poison and with it."""
    alone = run_virtual(functools.partial(run, seed, count=count, minutes=minutes, poisoned=False))
    among = run_virtual(functools.partial(run, seed, count=count, minutes=minutes, poisoned=True))
    return alone, among


def verdict(alone: Outcome, among: Outcome) -> str:
    """Say what the two runs show."""
    return (
        f"{len(alone.seconds)} good orders: p99 {alone.p99:.1f} s without poison, {among.p99:.1f} s with"
        f" {len(among.held)} held, {len(among.set_aside)} set aside and {among.kills} kills among them"
        f" (x {among.p99 / alone.p99:.4f}); the held ones went {among.healed_within:.0f} s after the facts changed"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run it as a command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.poison", description=__doc__)
    parser.add_argument("--orders", type=int, default=1000, help="good orders (default 1000)")
    parser.add_argument("--minutes", type=float, default=10.0, help="in which they come (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="the seed (default 1)")
    chosen = parser.parse_args(arguments)
    began = time.monotonic()
    alone, among = compare(chosen.seed, count=chosen.orders, minutes=chosen.minutes)
    sys.stdout.write(f"{verdict(alone, among)}\n{time.monotonic() - began:.0f} s\n")
    return 0 if among.p99 <= alone.p99 * 1.05 else 1


if __name__ == "__main__":
    sys.exit(main())
