"""Cin7 Core's webhooks: which ones tallyd needs, which of those that exist are its own, and what to do about them.

Pure. Facts: Cin7 fact sheet §8: at most five webhooks a type; no signature, so a bearer token proves the sender; after
six failed deliveries a webhook is deactivated silently. Nobody else's webhook is ever touched.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import msgspec

MOST_OF_A_TYPE = 5

NEEDED = (
    "Sale/Created",
    "Sale/Voided",
    "Sale/Undo",
    "Sale/Backordered",
    "Sale/PickAuthorised",
    "Sale/PackAuthorised",
    "Sale/ShipmentAuthorised",
    "Sale/ShipmentTrackingNumberChanged",
    "Sale/InvoiceAuthorised",
    "Sale/CreditNoteAuthorised",
    "Sale/PartialPaymentReceived",
    "Sale/FullPaymentReceived",
    "Stock/AvailableStockLevelChanged",
    "Product/Updated",
    "Purchase/OrderAuthorised",
    "Purchase/StockReceivedAuthorised",
    "Purchase/Updated",
)
"""What a flow listens to, one webhook each."""


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook as Cin7 lists it. Its secrets stay on the wire: `bearer` only says that it sends a token of ours."""

    id: str
    type: str
    url: str
    active: bool
    bearer: bool = False


class Step(StrEnum):
    """What is to be done about one type."""

    KEEP = "keep"
    CREATE = "create"
    REVIVE = "revive"
    FULL = "full"


class PlanLine(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the plan: the type, what to do, the webhook it is about (None where it is to be made)."""

    type: str
    step: Step
    url: str
    webhook: Webhook | None = None
    others: int = 0


def address(public_url: str, kind: str) -> str:
    """Return where Cin7 is told to send a type."""
    return f"{public_url.rstrip('/')}/intake/cin7/{kind}"


def is_same_address(one: str, other: str) -> bool:
    """Say whether two addresses are one: the scheme and the host are the same in any case of letters."""
    return _parts(one) == _parts(other)


def _parts(url: str) -> tuple[str, str, str]:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return scheme.lower(), host.lower(), path


def plan(existing: Iterable[Webhook], public_url: str) -> tuple[PlanLine, ...]:
    """Say for every needed type what is to be done, so that one active webhook of ours stands for it.

    Ours is a webhook of that type with our address; the others are counted and left alone.
    """
    known = list(existing)
    return tuple(_line(kind, [hook for hook in known if hook.type == kind], public_url) for kind in NEEDED)


def _line(kind: str, hooks: list[Webhook], public_url: str) -> PlanLine:
    url = address(public_url, kind)
    ours = [hook for hook in hooks if is_same_address(hook.url, url)]
    others = len(hooks) - len(ours)
    if not ours:
        step = Step.FULL if others >= MOST_OF_A_TYPE else Step.CREATE
        return PlanLine(type=kind, step=step, url=url, others=others)
    working = next((hook for hook in ours if hook.active and hook.bearer), ours[0])
    step = Step.KEEP if working.active and working.bearer else Step.REVIVE
    return PlanLine(type=kind, step=step, url=url, webhook=working, others=others)
