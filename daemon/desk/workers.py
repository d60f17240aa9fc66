"""The desk's workers, as the composition root hands them to the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.desk.ports import Worker
from daemon.desk.deeds import DeedWorker
from daemon.engine import Engine
from daemon.running import Running


def desk_workers(app: Callable[[], Running]) -> Callable[[Engine], Sequence[Worker]]:
    """Return what makes the workers. The running app is asked for when they work: the engine is made before it."""

    def workers(_engine: Engine) -> Sequence[Worker]:
        return (DeedWorker(app),)

    return workers
