"""Orders older than `since` and still open are read once: counted and shown, never posted."""

from __future__ import annotations

from urllib.parse import unquote

import msgspec

from adapters.sandbox.generator import OrderGenerator
from adapters.sandbox.virtual_time import DEFAULT_START, run_virtual
from tests.simulation.world import World, export_rules, plan, world

DAY = 86_400_000


def test_open_orders_from_long_before_since_are_read_once_page_by_page() -> None:
    async def run() -> None:
        since = DEFAULT_START + 10 * DAY
        base = plan()
        sweeps = msgspec.structs.replace(base.sweeps, since=since, page=3)
        the_plan = plan(export=export_rules(since=since), sweeps=sweeps)
        async with world(3, the_plan=the_plan) as made:
            await made.clock.sleep(5)
            made.daemon.restart_seconds = 120
            made.daemon.lose_file()
            generator = OrderGenerator(3, made.shop, clock=made.clock)
            for _ in range(8):
                assert generator.place_next() is not None
            cancelled = generator.placed[2].order_id
            made.shop.cancel(cancelled)
            made.shop.request_log.clear()
            await made.until(lambda: made.daemon.settled({"excluded": 7}), within=300)
            assert made.daemon.state(cancelled) == "", "a closed order of long ago is nobody's business"
            assert not made.cin7.sales
            assert _readings(made) == 3, "seven orders, three to a page"
            made.daemon.restart_seconds = 2
            made.daemon.die("restart")
            await made.clock.sleep(30)
            assert _readings(made) == 3, "read once, not again"

    run_virtual(run)


def _readings(made: World) -> int:
    return sum(
        entry.operation == "order_list" and "createdAt < " in unquote(entry.query) for entry in made.shop.request_log
    )
