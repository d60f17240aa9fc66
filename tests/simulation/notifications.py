"""Many notifications through a bad post into the one accept: `python -m tests.simulation.notifications --count 100000`.

Orders change and are told of in both formats; the post shuffles, repeats and garbles, and the daemon dies between two
instructions of an accept now and then. Afterwards the file must hold each event once, and each garbled body, sealed.
"""

from __future__ import annotations

import argparse
import functools
import math
import random
import shutil
import sys
import tempfile
import time
import uuid
from pathlib import Path

import anyio
import msgspec

from actors.core.actor import Surroundings
from actors.core.bell import Bell
from actors.domain.notification import IntakeClosedError
from actors.intake.accepting import Acceptance
from actors.intake.rules import DoorRules
from adapters.intake.platform import read_notifications
from adapters.intake.ports import SQS
from adapters.sandbox.announcements import Announcer, Format
from adapters.sandbox.orders import Wire
from adapters.sandbox.postman import Payload, Postman
from adapters.sandbox.virtual_time import VirtualClock, run_virtual
from storage import doors
from storage.bodies import Sealer
from storage.database import Database
from storage.doors import DoorRow
from storage.schema import upgrade
from tests.simulation.laws import check_events, check_unreadable
from tests.simulation.senders import body_of
from tests.simulation.world import MEMORY, Killed

RULES = DoorRules(names=frozenset({SQS}), project="sandbox", most_waiting=2**31)
KEY = bytes(32)
STATES = ("Open", "Confirmed", "Complete")
TOLD_OF_AN_ORDER = 6
"""A Change and a Message when it is made, and both again for either change of its state."""

SPREAD_SECONDS = 3600.0
KILL_SHARE = 0.002


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What was sent, and what the door's books say of it. Seconds are real ones."""

    events: int
    letters: int
    duplicates: int
    garbled: int
    kills: int
    door: DoorRow
    waiting: int
    seconds: float

    def words(self) -> str:
        """The figures in words."""
        return (
            f"{self.events} events in {self.letters} letters ({self.duplicates} of them duplicates, {self.garbled}"
            f" garbled), {self.kills} kills: accepted {self.door.accepted}, repeated {self.door.repeated}, unreadable"
            f" {self.door.unreadable}, orders to look at {self.waiting}; {self.seconds:.1f} s,"
            f" {self.letters / self.seconds:.0f} letters a second"
        )


class _Desk:
    """An accept over a file of its own, which dies at its crash points by chance."""

    def __init__(self, database: Database, clock: VirtualClock, seed: int) -> None:
        self._dice = random.Random(f"kills/{seed}")
        self.kills = 0
        around = Surroundings(database=database, clock=clock, bell=Bell(), chance=self._dice, probe=self._probe)
        self._acceptance = Acceptance(around, rules=RULES, sealer=Sealer(KEY))

    def _probe(self, point: str) -> None:
        if self._dice.random() < KILL_SHARE:
            self.kills += 1
            raise Killed(point)

    async def send(self, payload: Payload) -> bool:
        try:
            await self._acceptance.accept(SQS, [read_notifications(body_of(payload))])
        except (IntakeClosedError, Killed):
            return False
        return True


def tell(postman: Postman, clock: VirtualClock, *, seed: int, count: int) -> None:
    """Let at least `count` events happen at once: orders that are made and change, half of them told as CloudEvents."""
    formats: tuple[Format, Format] = ("Platform", "CloudEvents")
    for number, form in enumerate(formats):
        news = Announcer(project_key="sandbox", now=clock.now, seed=seed * 2 + number, enabled=False, lag=0.0)
        news.subscribe(postman.take, form, messages=True, changes=True, not_included_share=0.1)
        dice = random.Random(f"orders/{seed}/{form}")
        for _ in range(math.ceil(count / len(formats) / TOLD_OF_AN_ORDER)):
            _live_an_order(news, dice)


def _live_an_order(news: Announcer, dice: random.Random) -> None:
    order_id, version = str(uuid.UUID(int=dice.getrandbits(128), version=4)), 1
    order: Wire = {"id": order_id, "version": version, "orderState": STATES[0]}
    news.created("order", order, "OrderCreated")
    for state in STATES[1:]:
        version += dice.choice((1, 1, 2))
        changed: Wire = {"id": order_id, "version": version, "orderState": state}
        news.updated("order", order, changed)
        order = changed


async def run(seed: int, count: int, folder: Path) -> Figures:
    """Tell of `count` events, have all of them brought, and hold the file against them.

    Raises:
        AssertionError: an event is missing, stands twice, or a garbled one is not told with its body.
    """
    began = time.monotonic()
    clock = VirtualClock()
    prepare = functools.partial(upgrade, now=clock.now())
    async with Database.open(folder / "tallyd.db", prepare=prepare, inline=True, synchronous="OFF") as database:
        await database.run(lambda connection: doors.open_doors(connection, RULES.names, now=clock.now()))
        desk = _Desk(database, clock, seed)
        postman = Postman(
            desk.send,
            clock=clock,
            seed=seed,
            delay_seconds=(0.0, SPREAD_SECONDS),
            duplicate_share=0.2,
            malformed_share=0.02,
        )
        tell(postman, clock, seed=seed, count=count)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(postman.run)
            await clock.sleep(SPREAD_SECONDS)
            while postman.waiting:
                await clock.sleep(60)
            tasks.cancel_scope.cancel()
        connection = database._inline
        assert connection is not None
        check_events(connection, postman)
        check_unreadable(connection, postman, Sealer(KEY))
        [door] = doors.all_doors(connection)
        waiting = connection.execute("SELECT count(*) FROM outbox").fetchone()[0]
    kinds = [letter.kind for letter in postman.letters]
    return Figures(
        events=len(postman.taken),
        letters=len(kinds),
        duplicates=kinds.count("duplicate"),
        garbled=kinds.count("malformed"),
        kills=desk.kills,
        door=door,
        waiting=waiting,
        seconds=time.monotonic() - began,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run it as a command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.notifications", description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="events (default 100000)")
    parser.add_argument("--seed", type=int, default=1, help="the seed (default 1)")
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="tallyd-notifications-", dir=MEMORY))
    try:
        figures = run_virtual(functools.partial(run, chosen.seed, chosen.count, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.stdout.write(f"{figures.words()}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
