"""The doors that have to be read from, as the settings configure them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from actors.domain.time import Clock
from adapters.intake.sqs import SqsDoor
from daemon.engine import Engine, Reader
from daemon.secrets import Secrets
from daemon.settings import Settings


def sqs_readers(settings: Settings, secrets: Secrets, clock: Clock) -> Callable[[Engine], Sequence[Reader]]:
    """Return what makes the readers of an engine: one for `[intake] sqs`, none without."""

    def readers(engine: Engine) -> Sequence[Reader]:
        sqs = settings.intake.sqs
        if sqs is None:
            return ()
        key, secret = secrets.get("aws_access_key_id"), secrets.get("aws_secret_access_key")
        door = SqsDoor(
            queue_url=sqs.queue_url,
            region=sqs.region,
            endpoint_url=sqs.endpoint_url,
            keys=(key, secret) if key and secret else None,
            accept=engine.intake.accept,
            clock=clock,
            chance=random.Random(),
            on_trouble=engine.door_trouble,
        )
        return (door,)

    return readers
