"""Tells finance what is wrong with a purchase, and judges all that were read again once a day: age matters.

No call is made for it. What a person has dismissed stays dismissed for as long as the same facts are found.
"""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Surroundings
from actors.domain.buying import findings
from actors.domain.posting import PostingRules
from actors.domain.purchase import Purchase
from actors.domain.time import Instant
from actors.procurement import nudges
from actors.procurement.day import today
from actors.procurement.nudges import JUDGE, MARGINS
from actors.procurement.rules import ProcurementRules
from storage import cursors, exceptions, margins, meta, outbox, purchases
from storage.cursors import Cursor
from storage.purchases import PurchaseRow

TYPES = ("purchase_rate_missing", "purchase_not_invoiced", "landed_cost_missing", "charge_expensed", "cost_moved")

CURSOR = "purchases:judged"
SOME = 10
"""Purchases of one message: one may have hundreds of lines, and while they are judged nothing else is written."""

LOOK = 3_600_000
"""How often it is looked whether the day has turned (milliseconds)."""

JUDGED = "purchases:judged"
"""Text in the file: the day of the books on which all purchases were judged last."""


def record_of(purchase: Purchase | PurchaseRow) -> exceptions.Record:
    """What exceptions of a purchase are about."""
    return exceptions.Record(kind="purchase", id=purchase.id, number=purchase.number)


def judge(
    connection: sqlite3.Connection, purchase: Purchase, *, rules: ProcurementRules, posting: PostingRules, now: Instant
) -> None:
    """Open what is found of a purchase, and close what is found no more."""
    found = tuple(
        findings(
            purchase,
            purchases.costs_of(connection, purchase.id),
            purchases.first_units(connection, purchase.id),
            today(connection, posting, now),
            rules,
        )
    )
    record = record_of(purchase)
    for finding in found:
        if not exceptions.dismissed_as_it_is(connection, record, finding):
            exceptions.raise_finding(connection, record, finding, now=now)
    kept = {(finding.code, finding.sku, finding.field) for finding in found}
    exceptions.clear(connection, record, resolution="it is found no more", now=now, types=TYPES, keep=kept)


class Judge:
    """Goes through all purchases once a day, some at a time."""

    def __init__(self, surroundings: Surroundings, *, rules: ProcurementRules, posting: PostingRules) -> None:
        self._around = surroundings
        self._rules = rules
        self._posting = posting

    async def step(self) -> Done:
        """Judge the next purchases, or look whether the day has turned."""
        return Done(unit=self._some)

    def _some(self, connection: sqlite3.Connection, now: Instant) -> None:
        place = cursors.get(connection, CURSOR)
        after, began = (place.after_id, place.at) if place is not None and place.after_id else ("", now)
        # A pass that midnight falls into is one of the day it began on: the new day has its own.
        day = today(connection, self._posting, began).isoformat()
        if meta.text(connection, JUDGED) == day:
            outbox.accept(connection, nudges.nudge(JUDGE, now + LOOK), now=now)
            return
        rows = purchases.read_after(connection, after, limit=SOME)
        for row in rows:
            if row.value is not None:
                judge(connection, row.value, rules=self._rules, posting=self._posting, now=now)
        ended = len(rows) < SOME
        cursors.put(connection, CURSOR, Cursor(at=began, after_id="" if ended else rows[-1].id), now=now)
        if ended:
            meta.set_text(connection, JUDGED, day)
            _cost_what_had_none(connection, self._posting, now)
        outbox.accept(connection, nudges.nudge(JUDGE, now), now=now)


def _cost_what_had_none(connection: sqlite3.Connection, posting: PostingRules, now: Instant) -> None:
    """What was sold before anybody knew its cost is held against it once Cin7 Core shows an average, or its parts."""
    day = today(connection, posting, now)
    known = [sku for sku in margins.uncosted(connection) if purchases.unit_cost(connection, sku, day) is not None]
    if known:
        margins.cost_found(connection, known)
        outbox.accept(connection, nudges.nudge(MARGINS, now), now=now)
