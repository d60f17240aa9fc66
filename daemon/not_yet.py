"""Settings of the contract that this release does not act on yet: said aloud, never silently ignored.

An example that was never filled in stops the start. What tallyd merely does without (a push door: the sweeps bring the
same orders) is told at every start and by `check`.
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.settings import Settings
from daemon.settings_reader import Problem

PLACEHOLDER = "..."


def refused(settings: Settings) -> list[Problem]:
    """List settings that cannot be honoured and must not be ignored."""
    return [
        Problem(key, '"..." is the example\'s placeholder, not a value', "write the real one")
        for key, value in (
            ("commercetools.client_id", settings.commercetools.client_id),
            ("cin7.account_id", settings.cin7.account_id),
        )
        if value == PLACEHOLDER
    ]


def unused(settings: Settings) -> Iterator[str]:
    """Yield what the file asks for and this release does without, each in a few words."""
    intake = settings.intake
    doors = {
        "intake.cin7_webhooks": intake.cin7_webhooks,
        "intake.sqs": intake.sqs is not None,
        "intake.sns": intake.sns is not None,
        "intake.pubsub": intake.pubsub is not None,
        "intake.eventgrid": intake.eventgrid is not None,
    }
    for key, wanted in doors.items():
        if wanted:
            yield f"{key}: push doors are not in this release; the sweeps bring every order"
    if settings.catalogue.create_drafts or settings.catalogue.unpublish_unmatched:
        yield "catalogue: products are read, nothing is written to the storefront"
    if settings.finance.posting == "auto":
        yield "finance.posting: invoices and payments are not posted"
