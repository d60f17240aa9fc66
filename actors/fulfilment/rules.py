"""Pure rules of the fulfilment flow: what it is told, and when a sale has to be read."""

from __future__ import annotations

import msgspec

from actors.domain.delivering import DeliveryRules
from actors.domain.fulfilment import Stages
from actors.domain.time import Instant

MINUTE = 60_000


class FulfilmentRules(msgspec.Struct, frozen=True, kw_only=True):
    """`[fulfilment]`. `cancel_voided`: an order whose sale was voided in Cin7 is cancelled; else a person is told.

    `gift_cards` are SKUs that are sold as a debt: nothing of them is sent.

    `tell_refunds`: a refund that no credit note names is a person's to enter; else finance posts the note.

    `attend` is how often, in milliseconds, every live sale is held against what was looked at. `quiet` is how long
    an order nobody can read rests, `refused` one whose update was refused: a try of that costs a reading of its sale.
    """

    delivery: DeliveryRules = DeliveryRules()
    enabled: bool = True
    cancel_voided: bool = False
    tell_refunds: bool = True
    gift_cards: frozenset[str] = frozenset()
    shadow: bool = False
    concurrency: int = 4
    attend: int = 15 * MINUTE
    quiet: int = 5 * MINUTE
    refused: int = 60 * MINUTE


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known before anything is asked: how the list shows the sale, and what was looked at and shown.

    `behind`: the list shows what was not looked at. `told`: a webhook or the order said that something moved. `shown`:
    the storefront shows, or showed, something of it as sent. `unpaid`: only its payment keeps it from being complete.
    `needless`: nothing of it has to be sent, and it was never looked at. `refused`: commercetools took the last update
    not. `uncounted`: as far as is known, Cin7 Core holds nothing for it.
    """

    stages: Stages
    noted: bool
    behind: bool
    told: bool
    shown: bool
    unpaid: bool = False
    needless: bool = False
    refused: bool = False
    uncounted: bool = False


def is_due(known: Known) -> bool:
    """Say whether there is anything to look at."""
    return known.behind or known.told or known.unpaid or known.needless or known.refused


def has_to_be_read(known: Known) -> bool:
    """Say whether the sale itself has to be read, or the row of the list says it all.

    It does as long as nothing has left and nothing was shown: then only whether it was picked can have moved.
    """
    row = known.stages
    if not known.behind and not known.told and not known.refused:
        return False
    return (
        known.told
        or known.refused
        or known.shown
        or known.noted
        or known.uncounted
        or row.voided
        or row.undone
        or bool(row.shipping)
    )


def next_attendance(rules: FulfilmentRules, now: Instant) -> Instant:
    """When every live sale is gone through again."""
    return now + rules.attend
