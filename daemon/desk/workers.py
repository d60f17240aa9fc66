"""The desk's workers, as the composition root hands them to the engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from actors.desk.ports import Worker
from daemon.desk.alert_workers import alert_workers
from daemon.desk.deeds import DeedWorker
from daemon.desk.sampling import SampleWorker
from daemon.engine import Engine
from daemon.running import Running
from daemon.secrets import Secrets
from daemon.settings import Settings


def desk_workers(
    app: Callable[[], Running], settings: Settings, secrets: Secrets
) -> Callable[[Engine], Sequence[Worker]]:
    """Return what makes the workers. The running app is asked for when they work: the engine is made before it."""

    def workers(engine: Engine) -> Sequence[Worker]:
        return (DeedWorker(app), SampleWorker(engine), *alert_workers(engine, settings, secrets))

    return workers
