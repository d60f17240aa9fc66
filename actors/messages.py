"""The vocabulary of the outbox.

A message is a *nudge to look at one key*, never an instruction: whoever handles it reads the row of that key and both
systems, and decides. So it carries no data, two nudges for one key are one, and a late or repeated one does no harm.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec

from actors.domain.time import Instant


class Flow(StrEnum):
    """Who handles a nudge."""

    INTAKE = "intake"
    ORDERS = "orders"
    CATALOGUE = "catalogue"
    CENSUS = "census"
    STOCK = "stock"
    FULFILMENT = "fulfilment"
    FINANCE = "finance"
    PROCUREMENT = "procurement"
    DESK = "desk"


class Urgency(IntEnum):
    """Among due nudges of one flow, what goes first. A sale begun is finished before the next is begun.

    `FIRST` is for orders whose shipping method the merchant put ahead (`[orders] first`).
    """

    UNDERWAY = 0
    FIRST = 1
    FRESH = 2


class Nudge(msgspec.Struct, frozen=True, kw_only=True):
    """Look at `subject` (an order id, a sweep's name) from `due_at` on."""

    flow: Flow
    subject: str
    due_at: Instant
    urgency: Urgency = Urgency.FRESH


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A claimed nudge on its way through a mailbox. `attempt` counts from 1 and includes this one."""

    id: int
    flow: Flow
    subject: str
    attempt: int
    accepted_at: Instant
    urgency: Urgency
