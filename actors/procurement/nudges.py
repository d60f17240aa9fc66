"""What the procurement flow is nudged to look at."""

from __future__ import annotations

from actors.domain.time import Instant
from actors.messages import Flow, Nudge, Urgency

PURCHASES = "purchases"
JUDGE = "judge"
MARGINS = "margins"
SUBJECTS = (PURCHASES, JUDGE, MARGINS)

PURCHASE = "purchase:"
"""What the subject of a nudge to read one purchase begins with."""

BELOW_FLOOR = "margin_below_floor"
"""The exception that a margin leads to, one for a SKU."""


def nudge(subject: str, due_at: Instant) -> Nudge:
    """Go on with what the flow lives on: none of it waits behind a thousand purchases that are to be read."""
    return Nudge(flow=Flow.PROCUREMENT, subject=subject, due_at=due_at, urgency=Urgency.UNDERWAY)


def read(purchase_id: str, due_at: Instant, *, awaited: bool = False) -> Nudge:
    """Read a purchase; one whose goods are awaited goes before what is over, since stock shows its day."""
    urgency = Urgency.FIRST if awaited else Urgency.FRESH
    return Nudge(flow=Flow.PROCUREMENT, subject=PURCHASE + purchase_id, due_at=due_at, urgency=urgency)
