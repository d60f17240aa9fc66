"""Settings of the contract that this release does not act on yet: said aloud, never silently ignored.

What would make tallyd do something else than the file asks for (book a sale to another customer) stops the start, and
so does an example that was never filled in. What it merely does without (a push door: the sweeps bring the same orders)
is told at every start and by `check`.
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.settings import Settings
from daemon.settings_reader import Problem

PLACEHOLDER = "..."


def refused(settings: Settings) -> list[Problem]:
    """List settings that cannot be honoured and must not be ignored."""
    problems = [
        Problem(key, '"..." is the example\'s placeholder, not a value', "write the real one")
        for key, value in (
            ("commercetools.client_id", settings.commercetools.client_id),
            ("cin7.account_id", settings.cin7.account_id),
        )
        if value == PLACEHOLDER
    ]
    mode = settings.orders.customer.mode
    if mode != "single":
        message = f'"{mode}" is not in this release: every sale would be booked to one customer'
        problems.append(Problem("orders.customer", message, 'write mode = "single"'))
    return problems


def unused(settings: Settings) -> Iterator[str]:
    """Yield what the file asks for and this release does without, each in a few words."""
    intake, orders = settings.intake, settings.orders
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
    if orders.first.shipping:
        yield "orders.first: orders go in the order they came"
    if orders.split_location is not None:
        yield "orders.split_location: orders over several locations are held"
    if settings.catalogue.create_drafts or settings.catalogue.unpublish_unmatched:
        yield "catalogue: products are read, nothing is written to the storefront"
    if settings.finance.posting == "auto":
        yield "finance.posting: invoices and payments are not posted"
