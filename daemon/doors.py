"""The doors as the settings configure them: those that are pushed to, and those that have to be read from."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from actors.domain.time import Clock
from adapters.intake.eventgrid import EventGrid
from adapters.intake.pubsub import PubSub
from adapters.intake.server import Doors
from adapters.intake.sqs import SqsDoor
from daemon.engine import Engine, Reader
from daemon.secrets import Secrets
from daemon.settings import PubSubSettings, Settings


def pushed_doors(settings: Settings, secrets: Secrets) -> Doors | None:
    """Return the doors of `[intake] bind`; None where none is configured, and nothing listens."""
    intake = settings.intake
    wanted = (intake.cin7_webhooks, intake.sns, intake.pubsub, intake.eventgrid)
    if not any(wanted):
        return None
    return Doors(
        cin7_token=secrets["cin7_webhook_token"] if intake.cin7_webhooks else "",
        sns_topics=frozenset(intake.sns.topic_arns) if intake.sns is not None else frozenset(),
        sns_certificates=(intake.sns.endpoint_url or "") if intake.sns is not None else "",
        pubsub=_pubsub(intake.pubsub) if intake.pubsub is not None else None,
        eventgrid=EventGrid(topic=intake.eventgrid.topic, key=secrets["eventgrid_key"]) if intake.eventgrid else None,
    )


def _pubsub(wanted: PubSubSettings) -> PubSub:
    named = {} if wanted.endpoint_url is None else {"keys_url": wanted.endpoint_url}
    return PubSub(audience=wanted.audience, service_account=wanted.service_account, **named)


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
