"""The desk flow: what people asked for in bulk, alerts, digests, and the figures that are drawn over time.

It decides nothing about an order or a SKU. Each kind of work is a worker's (`actors.desk.ports`), handed in by the
composition root; a simulated run hands in none, and then nothing happens here.
"""

from __future__ import annotations

from collections.abc import Sequence

from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.desk.noticing import NoticeWorker
from actors.desk.ports import Worker
from actors.domain.time import Instant
from actors.messages import Envelope, Flow, Nudge

OTHERS = 2
"""A bulk action and the judging of alerts go on whatever hangs."""

CONCURRENCY = 8
"""At the least; each channel to people has one beside the others, so that one that hangs delays only itself."""


class DeskActor(Actor):
    """Hands each subject to the worker it names."""

    flow = Flow.DESK
    standing = True

    def __init__(self, surroundings: Surroundings, *, workers: Sequence[Worker]) -> None:
        channels = sum(len(worker.rules.all_channels()) for worker in workers if isinstance(worker, NoticeWorker))
        at_once = max(CONCURRENCY, OTHERS + channels)
        super().__init__(surroundings, concurrency=at_once, capacity=at_once)
        self._workers = {worker.name: worker for worker in workers}

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What each worker needs to run by itself."""
        return tuple(nudge for worker in self._workers.values() for nudge in worker.first_nudges(now))

    def worker(self, name: str) -> Worker | None:
        """Return a worker by its name."""
        return self._workers.get(name)

    async def handle(self, envelope: Envelope) -> Outcome:
        """Let the worker take one step. What was asked of a worker there is no more is dropped."""
        name, _, rest = envelope.subject.partition(":")
        worker = self._workers.get(name)
        return Done() if worker is None else await worker.work(rest)
