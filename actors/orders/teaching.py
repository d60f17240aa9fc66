"""What every answer of the account teaches about its arithmetic, written in the commit that settles the call."""

from __future__ import annotations

import sqlite3

from actors.domain.exactness import ARITHMETIC
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, fact_ref
from actors.domain.observation import observe
from actors.domain.sale import OrderView
from actors.domain.time import Instant
from actors.messages import Flow, Nudge
from actors.orders.posting import Posting
from storage import books, calibration, exceptions, facts, outbox
from storage.calibration import Evidence

ACCOUNT = exceptions.Record(kind="connection", id="cin7")
CHANGED = "arithmetic_changed"


def learn_from_answer(posting: Posting, answer: OrderView, *, draft: bool) -> Teaching | None:
    """Return what to write about an answer; None where it teaches nothing.

    Automatic discounts act on authorisation only, so while they are on a DRAFT proves nothing of the final figures.
    """
    company = posting.known.company
    if draft and company is not None and company.automatic_discounts:
        return None
    refuted = observe(posting.prediction, answer)
    if refuted is None:
        return None
    shown = f"net {answer.net:f}, tax {answer.tax:f}, total {answer.total:f}"
    return Teaching(posting, refuted, kind="draft" if draft else "order", shown=shown)


class Teaching:
    """One lesson, ready to be written by the unit that settles the call."""

    def __init__(self, posting: Posting, refuted: frozenset[int], *, kind: str, shown: str) -> None:
        self._desk = posting.desk
        self._case = posting.case
        self._known = posting.known
        meant = posting.prediction
        self.evidence = Evidence(
            kind=kind,
            inclusive=meant.tax_inclusive,
            refuted=refuted,
            order_id=posting.case.order.id,
            sale_id=posting.sale.sale_id,
            sent=f"net {meant.net:f}, tax {meant.tax:f}, total {meant.total:f} {meant.currency}",
            answer=shown,
        )

    def write(self, connection: sqlite3.Connection, now: Instant, *, agrees: bool) -> None:
        """Take the lesson in. An account that contradicts what was believed is an exception until it agrees again."""
        desk = self._desk
        lesson = calibration.take_in(
            connection,
            self.evidence,
            today=desk.today(self._known),
            fingerprint=desk.settings_of(self._known),
            now=now,
        )
        if self.evidence.refuted:
            for order_id in exceptions.orders_waiting_for(connection, ARITHMETIC):
                books.ask(connection, order_id, now=now)
        if lesson.upset:
            exceptions.raise_finding(connection, ACCOUNT, self._changed(), now=now)
            facts.changed(connection)  # whoever was judged by what is no longer believed is judged again
        if lesson.upset and not lesson.record.outside:
            # What was held for how the account calculated may go now.
            for order_id in exceptions.orders_waiting_for(connection, fact_ref(FactKind.COMPANY, "")):
                outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=order_id, due_at=now), now=now)
        elif agrees and self.evidence.refuted and not lesson.record.outside:
            exceptions.clear(
                connection,
                ACCOUNT,
                resolution="an answer agrees again",
                now=now,
                types=(CHANGED,),
                fields=(self._mode,),
            )

    @property
    def _mode(self) -> str:
        return "with tax included" if self.evidence.inclusive else "with tax on top"

    def _changed(self) -> Finding:
        return Finding(
            code=CHANGED,
            cause=f"The answer to order {self._case.order.shown_as} fits nothing that was learnt of documents"
            f" {self._mode}.",
            field=self._mode,
            facts={
                "order": self._case.order.shown_as,
                "document commercetools": self.evidence.sent,
                "document Cin7 Core": self.evidence.answer,
            },
        )
