"""Whole lives of orders, all mixed: `python -m tests.simulation.lives --seeds 200 --first 0` runs them.

Orders come, are cancelled, edited, picked, shipped in parts, undone, voided, returned and refunded, in any order and at
any time; news of it is late, repeated or lost, answers are slow or lost, and the daemon is killed. Afterwards people
answer what they are asked. Judged on both doubles' books: what was delivered is what was shipped, no parcel stands
twice, no order cancelled before its shipping has a live sale, no state went back that nobody took back, and every order
shows where the warehouse is with it.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import multiprocessing
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.census import hooks
from actors.domain.calls import POSTINGS, PRODUCT_WRITES
from actors.domain.crashpoints import crash_points
from actors.fulfilment.rules import FulfilmentRules
from actors.intake.rules import MINUTE
from actors.messages import Flow
from adapters.intake.cin7_hooks import read_hook
from adapters.intake.ports import CIN7
from adapters.sandbox.carts import LineDraft, OrderDraft, ShippingDraft, rule_of
from adapters.sandbox.cin7_wire import RefusedError
from adapters.sandbox.faults import Fault, FaultKind
from adapters.sandbox.postman import Payload
from adapters.sandbox.refusals import PlacementRefused, Refusal
from adapters.sandbox.virtual_time import run_virtual
from tests.simulation.laws import assert_within_the_limit
from tests.simulation.senders import PATH, PUBLIC_URL, Senders, plan_with_doors
from tests.simulation.world import World, plan, world

MUG, PLATE, TIE = "HW-MUG-STN-01", "HW-PLT-DIN-26", "OD-TIE-DWN-01"
HOUR = 3600.0
KILLS = 4
RANK = {"": 0, "Pending": 0, "Ready": 1, "Partial": 2, "Shipped": 3}

ASKED = frozenset(
    {"shipped_after_cancel", "order_edited", "edit_not_applied", "shipment_undone", "totals_differ", "restock_differs"}
    | {"refund_open", "return_open", "sale_voided_by_hand", "shipment_differs"}
)
"""What may be left for people when everybody has answered: decisions nobody can take for them."""


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """What came of one seed. `wrong` names every law that did not hold, with its order."""

    seed: int
    orders: int
    steps: dict[str, int]
    kills: int
    faults: int
    wrong: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """True when every law held."""
        return not self.wrong


class _Rumours(Senders):
    """News that is late, repeated or lost."""

    def __init__(self, made: World, chance: random.Random) -> None:
        super().__init__(made, delay_seconds=(0.0, 60.0), duplicate_share=0.2)
        self._chance = chance

    async def _notify(self, payload: Payload) -> bool:
        return True if self._chance.random() < 0.15 else await super()._notify(payload)

    async def _call(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        if self._chance.random() < 0.2:
            return 200
        if self._chance.random() < 0.3:
            self._made.tasks.start_soon(self._later, url.removeprefix(PUBLIC_URL + PATH), body)
        return await super()._call(url, headers, body)

    async def _later(self, kind: str, body: bytes) -> None:
        await self._made.clock.sleep(self._chance.uniform(1, 600))
        await self._made.daemon.accept(CIN7, read_hook(kind, body))


class _Person:
    """What people do to one order, on either side; what is refused has not happened."""

    def __init__(self, town: Town, order_id: str) -> None:
        self.town = town
        self.order_id = order_id
        self.moved = ""
        self.taken_back = False
        self.reordered = False
        self.refunded = False

    @property
    def sale_id(self) -> str:
        """Its newest sale; "" while there is none."""
        found = [sale.id for sale in self.town.made.cin7.sales if self.order_id in (sale.external_id or "")]
        return found[-1] if found else ""

    def act(self, step: str) -> None:
        """Take a step by its name, if it can be taken."""
        in_cin7 = step not in ("cancel", "move", "reorder", "refund", "bring_back")
        if in_cin7 and not self.sale_id:
            return
        with contextlib.suppress(RefusedError, Refusal, PlacementRefused, KeyError, StopIteration):
            getattr(self, step)()
            self.town.steps[step] += 1

    def cancel(self) -> None:
        """The customer cancels."""
        self.town.made.shop.cancel(self.order_id)

    def move(self) -> None:
        """The customer wants it sent elsewhere."""
        city = f"Town {self.town.chance.randint(1, 9)}"
        self.town.made.shop.set_address(self.order_id, {"country": "GB", "streetName": "New Lane", "city": city})
        self.moved = city

    def reorder(self) -> None:
        """The shop edits the lines."""
        self.town.made.shop.edit_order(self.order_id, {MUG: self.town.chance.randint(1, 4)})
        self.reordered = True

    def refund(self) -> None:
        """The shop gives a little money back."""
        self.town.made.shop.refund(self.order_id, 100)
        self.refunded = True

    def bring_back(self) -> None:
        """The customer sends something back."""
        self.town.made.shop.receive_return(self.order_id, MUG, 1)

    def pick(self) -> None:
        """The warehouse picks."""
        self.town.made.cin7.pick(self.sale_id)

    def part(self) -> None:
        """The warehouse sends a part."""
        self.town.made.cin7.ship_part(self.sale_id, {self.town.chance.choice((MUG, PLATE)): 1}, tracking=self._number())

    def ship(self) -> None:
        """The warehouse sends the rest."""
        self.town.made.cin7.ship_rest(self.sale_id, tracking=self._number())

    def track(self) -> None:
        """The carrier tells another number."""
        self.town.made.cin7.set_tracking(self.sale_id, self._number())

    def unship(self) -> None:
        """The warehouse takes a shipment back."""
        self.town.made.cin7.undo_ship(self.sale_id)
        self.taken_back = True

    def unpick(self) -> None:
        """The warehouse takes a pick back."""
        self.town.made.cin7.undo_pick(self.sale_id)
        self.taken_back = True

    def undo(self) -> None:
        """Somebody takes the whole sale back to a draft."""
        self.town.made.cin7.undo_by_hand(self.sale_id)
        self.taken_back = True

    def void(self) -> None:
        """Somebody voids the sale."""
        self.town.made.cin7.void_by_hand(self.sale_id, even_shipped=True)
        self.taken_back = True

    def restock(self) -> None:
        """Goods are back on the shelf."""
        self.town.made.cin7.add_credit_note(self.sale_id, status="AUTHORISED", lines=((MUG, 1),), restock=((MUG, 1),))

    def _number(self) -> str:
        return f"T-{self.town.chance.randint(1, 999_999):06d}"


WAREHOUSE = ("pick", "part", "part", "ship", "ship", "ship", "track", "unship", "unpick", "undo", "void", "restock")
SHOP = ("cancel", "move", "reorder", "refund", "bring_back")


class Town:
    """One seed: its orders, what people do to them, and what is judged at the end."""

    def __init__(self, made: World, seed: int) -> None:
        self.made = made
        self.chance = random.Random(f"lives/{seed}")
        self.steps: Counter[str] = Counter()
        self.people: list[_Person] = []
        self.pending = 0
        self.went: dict[str, list[str]] = {}
        self._watch_states()

    def _watch_states(self) -> None:
        """Keep every shipment state an order ever showed."""
        inner = self.made.shop._keep

        def keep(order: dict[str, Any]) -> None:
            self.went.setdefault(order["id"], []).append(order.get("shipmentState") or "")
            inner(order)

        self.made.shop._keep = keep  # type: ignore[method-assign]

    async def live(self, count: int) -> None:
        """Place the orders and let things happen to them, all at once."""
        for _ in range(count):
            await self.made.clock.sleep(self.chance.expovariate(1 / 20))
            mode = "None" if self.chance.random() < 0.3 else "TrackOnly"
            lines = (LineDraft(sku=MUG, quantity=2), LineDraft(sku=PLATE, quantity=self.chance.randint(1, 2)))
            draft = OrderDraft(lines=lines, shipping=ShippingDraft(tax=rule_of(20)), inventory_mode=mode)
            person = _Person(self, self.made.shop.place_order(draft))
            self.people.append(person)
            for step in self._fate():
                self._later(person, step, self.chance.uniform(0, 1500))
        await self.made.until(lambda: not self.pending, within=2 * HOUR, every=10)

    def _fate(self) -> list[str]:
        chance = self.chance
        steps = [chance.choice(WAREHOUSE) for _ in range(chance.choice((0, 1, 2, 3, 5)))]
        if chance.random() < 0.4:
            steps.append(chance.choice(SHOP))
        return steps

    def _later(self, person: _Person, step: str, seconds: float) -> None:
        async def run() -> None:
            await self.made.clock.sleep(seconds)
            person.act(step)
            self.pending -= 1

        self.pending += 1
        self.made.tasks.start_soon(run)

    # -- the end ------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Let people answer until nothing is left that moves by itself or waits for an answer they can give."""
        made = self.made
        for _ in range(12):
            await made.clock.sleep(600)
            asked = [self._answer(person) for person in self.people]
            if not any(asked) and not self.judge():
                return

    def _answer(self, person: _Person) -> bool:
        """Answer what can be answered in Cin7 or the shop; say whether anything was."""
        told, cin7 = set(self.made.daemon.open_types(person.order_id)), self.made.cin7
        if "message_quarantined" in told:
            self.made.tasks.start_soon(self.made.daemon.nudge, person.order_id)
            return True
        with contextlib.suppress(RefusedError):
            if "cancelled_after_pick" in told:
                for _ in range(len(cin7.sale(person.sale_id).fulfilments)):
                    cin7.undo_pick(person.sale_id)
                person.taken_back = True
                return True
            if "sale_undone" in told:
                cin7.authorise_again(person.sale_id)
                return True
        return "cancelled_after_pick" in told

    def judge(self) -> list[str]:
        """Say what does not hold; nothing where all does."""
        wrong = [f"{person.order_id[:8]}: {why}" for person in self.people for why in self._wrong_with(person)]
        rows = self.made.daemon.open_exceptions()
        strange = Counter(row.type for row in rows if row.record.kind == "order" and row.type not in ASKED)
        return [*wrong, *(f"asked {count} times: {code}" for code, count in sorted(strange.items()))]

    def _wrong_with(self, person: _Person) -> list[str]:
        made, order_id = self.made, person.order_id
        order, state = made.shop.orders[order_id], made.daemon.state(order_id)
        sales = [sale for sale in made.cin7.sales if order_id in (sale.external_id or "")]
        live = [sale for sale in sales if not sale.voided]
        shipped: Counter[str] = Counter()
        for sale in sales:
            shipped.update({sku: int(units) for sku, units in made.cin7.shipped(sale.id).items()})
        found = self._deliveries(order, shipped)
        if len(live) > 1:
            found.append(f"{len(live)} live sales")
        if order["orderState"] == "Cancelled" and live and not shipped.total():
            found.append(f"a live sale, {state}, {made.daemon.open_types(order_id)}")
        # An order that costs more than was paid, since it was edited or refunded before its export, waits for the rest.
        short = person.reordered or person.refunded
        if state not in ("exported", "cancelled", "held", "awaiting" if short else ""):
            found.append(f"it is {state}")
        found += self._states(person, order, live, shipped)
        return found

    def _deliveries(self, order: dict[str, Any], shipped: Counter[str]) -> list[str]:
        ordered: Counter[str] = Counter()
        delivered: Counter[str] = Counter()
        units = self.made.shop.delivered(order["id"])
        for line in order["lineItems"]:
            ordered[line["variant"]["sku"]] += line["quantity"]
            delivered[line["variant"]["sku"]] += units.get(line["id"], 0)
        expected = Counter({sku: min(count, ordered[sku]) for sku, count in shipped.items()})
        # Of an order that was edited down after it was sent, more was delivered than it holds now.
        agrees = delivered == shipped if delivered > expected else +delivered == +expected
        found = [] if agrees else [f"delivered {dict(+delivered)}, shipped {dict(+shipped)}"]
        parcels = self.made.shop.parcels(order["id"])
        keys = [(delivery, parcel) for delivery, parcel, _ in parcels]
        return found if len(keys) == len(set(keys)) else [*found, "a parcel twice"]

    def _states(self, person: _Person, order: dict[str, Any], live: Sequence[Any], shipped: Counter[str]) -> list[str]:
        found = []
        shown = order.get("shipmentState") or ""
        ordered = sum(line["quantity"] for line in order["lineItems"])
        sent = sum(self.made.shop.delivered(order["id"]).values())
        picked = any(one.pick_status == "AUTHORISED" for sale in live for one in sale.fulfilments)
        wanted = (
            ("Shipped",) if sent >= ordered else ("Partial",) if sent else ("Ready",) if picked else ("", "Pending")
        )
        if shown not in wanted:
            found.append(f"it shows {shown or 'nothing'}, not {wanted[0] or 'nothing'}")
        ranks = [RANK[state] for state in self.went.get(order["id"], [])]
        if not person.taken_back and not person.reordered and ranks != sorted(ranks):
            found.append(f"its state went back: {self.went[order['id']]}")
        told = self.made.daemon.open_types(order["id"])
        if person.moved and live and not told and self.made.daemon.state(order["id"]) == "exported":
            address = live[0].header.get("ShippingAddress")
            if not isinstance(address, dict) or address.get("City") != person.moved:
                found.append(f"it goes to the old address, not to {person.moved}")
        return found


def _faults(made: World) -> None:
    """Lose, delay and garble what goes to either side."""
    for operation in ("sale_create", "sale_order", "sale_void", "sale_update"):
        for kind, status, share in (
            (FaultKind.DROP_AFTER, 0, 0.04),
            (FaultKind.DROP_BEFORE, 0, 0.03),
            (FaultKind.ERROR_AFTER, 500, 0.02),
            (FaultKind.ERROR_BEFORE, 503, 0.02),
        ):
            made.cin7_faults.chance(operation, Fault(kind=kind, status=status or 500), share)
    for operation in ("sale_read", "sale_sweep", "credit_note_list"):
        made.cin7_faults.chance(operation, Fault(kind=FaultKind.ERROR_BEFORE, status=502), 0.04)
        made.cin7_faults.chance(operation, Fault(kind=FaultKind.MALFORMED), 0.03)
        made.cin7_faults.chance(operation, Fault(kind=FaultKind.SLOW_ANSWER, seconds=8), 0.03)
    for operation in ("order_update", "order_read", "order_list"):
        made.ct_faults.chance(operation, Fault(kind=FaultKind.DROP_AFTER), 0.05)
        made.ct_faults.chance(operation, Fault(kind=FaultKind.DROP_BEFORE), 0.03)
        made.ct_faults.chance(operation, Fault(kind=FaultKind.ERROR_AFTER, status=500), 0.03)
        made.ct_faults.chance(operation, Fault(kind=FaultKind.SLOW, seconds=10), 0.03)


class _Reaper:
    """Kills a few times, at crash points drawn from those there are where nothing is posted and no product written."""

    def __init__(self, chance: random.Random) -> None:
        unpassed = tuple(f"{purpose.value}." for purpose in POSTINGS | PRODUCT_WRITES)
        points = sorted(point for point in crash_points() if not str(point).startswith(unpassed))
        self.left = chance.sample(points, KILLS * 3)
        self.kills = 0

    def __call__(self, point: str) -> bool:
        if point not in self.left or self.kills >= KILLS:
            return False
        self.left.remove(point)
        self.kills += 1
        return True


async def lives(seed: int, count: int) -> Life:
    """Run one seed."""
    chance = random.Random(f"town/{seed}")
    base = plan(fulfilment=FulfilmentRules(attend=5 * MINUTE), census=30 * MINUTE)
    lag = {"visibility_lag_seconds": chance.choice((0.0, 2.0, 15.0))}
    soon = {"webhook_seconds": 0.5, "visibility_lag_seconds": chance.choice((0.0, 2.0, 20.0))}
    async with world(seed, the_plan=plan_with_doors(base=base), cin7=soon, shop=lag) as made:
        town = Town(made, seed)
        rumours = _Rumours(made, chance)
        rumours.start()
        await made.ready()
        await made.daemon.nudge(hooks.APPLY, Flow.CENSUS)
        await made.clock.sleep(60)
        reaper = _Reaper(chance)
        made.daemon.kill_next = reaper
        _faults(made)
        await town.live(count)
        made.daemon.kill_next = lambda point: False
        made.cin7_faults.clear()
        made.ct_faults.clear()
        await made.until(lambda: made.daemon.running, within=60)
        await town.settle()
        wrong = town.judge()
        assert_within_the_limit(made)
        return Life(
            seed=seed,
            orders=len(town.people),
            steps=dict(town.steps),
            kills=reaper.kills,
            faults=len(made.cin7_faults.happened) + len(made.ct_faults.happened),
            wrong=tuple(wrong),
        )


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """A seed that ended, or the failure that ended it."""

    seed: int
    seconds: float
    life: Life | None = None
    failure: str = ""

    @property
    def holds(self) -> bool:
        """True when every law held."""
        return self.life is not None and self.life.holds


def run_seed(seed: int, count: int) -> Result:
    """Run one seed, whatever comes of it."""
    began = time.monotonic()
    try:
        life = run_virtual(functools.partial(lives, seed, count))
    except BaseException:  # a deadlock, a broken law, a defect of a double: all of it is this seed's failure
        return Result(seed=seed, seconds=time.monotonic() - began, failure=traceback.format_exc())
    return Result(seed=seed, seconds=time.monotonic() - began, life=life)


def told(result: Result) -> str:
    """Say in words what came of a seed, and the first things that were wrong."""
    if result.life is None:
        return f"seed {result.seed}: FAILED after {result.seconds:.1f} s\n{result.failure}"
    one = result.life
    steps = ", ".join(f"{count} {step}" for step, count in sorted(one.steps.items()))
    words = f"seed {one.seed}: {one.orders} orders; {steps}; {one.kills} kills, {one.faults} faults;"
    return "\n  ".join([f"{words} {len(one.wrong)} wrong; {result.seconds:.1f} s", *one.wrong[:8]])


def main(arguments: list[str] | None = None) -> int:
    """Run the seeds; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.lives", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many seeds (default 200)")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the first seed (default 0)")
    parser.add_argument("--orders", type=int, default=20, help="orders a seed (default 20)")
    parser.add_argument("--jobs", type=int, default=2, help="processes at once (default 2)")
    chosen = parser.parse_args(arguments)
    work = functools.partial(run_seed, count=chosen.orders)
    results: list[Result] = []
    # Spawned, not forked: no seed inherits anything from another.
    with multiprocessing.get_context("spawn").Pool(chosen.jobs, maxtasksperchild=10) as pool:
        for result in pool.imap_unordered(work, range(chosen.first, chosen.first + chosen.seeds)):
            results.append(result)
            sys.stdout.write(told(result) + "\n")
            sys.stdout.flush()
    good = sum(result.holds for result in results)
    steps: Counter[str] = Counter()
    for result in results:
        steps.update(result.life.steps if result.life is not None else {})
    sys.stdout.write(f"{len(results)} seeds, {good} good; {dict(steps)}\n")
    return 0 if good == len(results) else 1


if __name__ == "__main__":
    sys.exit(main())
