"""Plays the drills of the sandbox on virtual time: the trouble is seen, and mending it solves the drill."""

from __future__ import annotations

from daemon.commands.sandbox_drills import Document, Drill, Stage
from daemon.views import order_view
from tests.simulation.world import World


class FileWatch:
    """Reads what the API would show from the daemon's file."""

    def __init__(self, made: World) -> None:
        self._made = made

    async def open_exceptions(self) -> list[Document]:
        rows = self._made.daemon.open_exceptions()
        return [{"id": row.id, "type": row.type, "record": {"id": row.record.id}} for row in rows]

    async def order(self, order_id: str) -> Document | None:
        return self._made.read(lambda file: order_view(file, order_id))

    async def retry(self, order_id: str) -> None:
        await self._made.daemon.nudge(order_id)

    async def map(self, kind: str, key: str, value: str) -> None:
        raise AssertionError(f"nobody maps here: {kind} {key} to {value}")


async def play(made: World, drill: Drill) -> Stage:
    """Play a drill to its end; raises `DrillError` where it does not come to one."""
    stage = Stage(made.shop, made.cin7, clock=made.clock, watch=FileWatch(made), patience=7200)
    await drill.trouble(stage)
    await stage.until(lambda: drill.seen(stage), f"{drill.name} is seen")
    assert not await drill.solved(stage), "solved before anybody did anything"
    await drill.mend(stage)
    await drill.press(stage)
    await stage.until(lambda: drill.solved(stage), f"{drill.name} is solved")
    return stage
