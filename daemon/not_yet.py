"""Settings that cannot be honoured: an example that was never filled in stops the start."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.settings import IntakeSettings, Settings
from daemon.settings_reader import Problem

PLACEHOLDER = "..."


def refused(settings: Settings) -> list[Problem]:
    """List the values that are still the example's."""
    return [
        Problem(key, '"..." is the example\'s placeholder, not a value', "write the real one")
        for key, value in (
            ("commercetools.client_id", settings.commercetools.client_id),
            ("cin7.account_id", settings.cin7.account_id),
            *_doors(settings.intake),
        )
        if value == PLACEHOLDER
    ]


def _doors(intake: IntakeSettings) -> Iterator[tuple[str, str]]:
    """Yield the values of configured doors: a placeholder would wait for events that never come."""
    if intake.sqs is not None:
        yield "intake.sqs.queue_url", intake.sqs.queue_url
        yield "intake.sqs.region", intake.sqs.region
    if intake.sns is not None:
        yield from (("intake.sns.topic_arns", arn) for arn in intake.sns.topic_arns)
    if intake.pubsub is not None:
        yield "intake.pubsub.audience", intake.pubsub.audience
        yield "intake.pubsub.service_account", intake.pubsub.service_account
    if intake.eventgrid is not None:
        yield "intake.eventgrid.topic", intake.eventgrid.topic
