"""What a look at the books found, told to people: exceptions with both sides beside each other, and the day's total."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from decimal import Decimal

from actors.domain import figures
from actors.domain.closing_files import shown
from actors.domain.discrepancy import is_covered
from actors.domain.exception_types import Finding
from actors.domain.financial import NOTHING
from actors.domain.tendering import Movement, paid, receipts, repayments
from actors.domain.time import Instant
from actors.finance.case import Case
from actors.finance.deciding import DIFFER, REFUSED, REJECTED, RELEASED, WAITS, Plan
from storage import books, exceptions, orders
from storage.books import NEXT, BooksRecord
from storage.exceptions import Record

TOLD = (
    "posting_locked",
    "payment_unmapped",
    "payment_unpostable",
    "part_not_invoiceable",
    "refund_unallocated",
    "credit_exceeds_invoice",
)
"""Types that a look finds again as long as they hold: what it finds no more is over."""

UNKNOWN = ("sku_unknown", "charge_unknown")
"""The same of a sale that stands; of an order that is to be sold again the orders flow tells them."""

REFUSAL = "posting_rejected"
"""What Cin7 Core refused: told until it is posted, or is no more to be posted."""

TOTALS = "totals_differ"
"""What the orders flow tells when a sale was posted with other figures: it ends here, once the sides agree."""


def tell(connection: sqlite3.Connection, case: Case, plan: Plan, now: Instant) -> None:
    """Open what was found, clear what holds no more."""
    record = Record(kind="order", id=case.order.id, number=case.order.number)
    for finding in plan.findings:
        if finding.code == DIFFER:
            continue  # it is part of what differs, and told with it
        exceptions.raise_finding(connection, record, finding, now=now)
    kept = {(finding.code, finding.sku, finding.field) for finding in plan.findings}
    over = TOLD if case.shown.voided else (*TOLD, *UNKNOWN)
    exceptions.clear(connection, record, resolution="looked at again", now=now, types=over, keep=kept)
    if plan.step not in (NEXT, REFUSED):
        exceptions.clear(connection, record, resolution="nothing to be posted", now=now, types=(REFUSAL,))
    _tell_difference(connection, case, plan, record, now)
    _tell_day(connection, case.day.isoformat(), now, waits=WAITS in (plan.step, case.subject.books.step))


def tell_over(connection: sqlite3.Connection, kept: BooksRecord, now: Instant) -> None:
    """Nothing is posted of this order any more: what kept it from being posted, or waited, is over."""
    record = Record(kind="order", id=kept.order_id)
    exceptions.clear(connection, record, resolution="nothing to be posted", now=now, types=(*TOLD, REFUSAL))
    _tell_day(connection, kept.day, now, waits=kept.step == WAITS)


def _tell_difference(connection: sqlite3.Connection, case: Case, plan: Plan, record: Record, now: Instant) -> None:
    decision = case.subject.books.decision
    if plan.agrees:
        types = (DIFFER, "release_unconfirmed", TOTALS)
        if exceptions.clear(connection, record, resolution="both sides agree", now=now, types=types):
            orders.set_reconciled(connection, case.order.id)
        return
    covered = decision == RELEASED and is_covered(plan.found, case.subject.books.accepted)
    if covered or decision == REJECTED:
        exceptions.clear(connection, record, resolution=f"{decision} by a person", now=now, types=(DIFFER,))
        return
    if not exceptions.is_open(connection, record, TOTALS):
        exceptions.raise_finding(connection, record, _difference(case, plan), now=now)


def _difference(case: Case, plan: Plan) -> Finding:
    """Say what differs, and show both sides, each difference with both figures, documents and how they were made."""
    wrong = [one for one in plan.found if one.wrong]
    facts = {"currency": case.ordered.currency} | _sides(case)
    for place, one in enumerate(wrong[:20], start=1):
        facts[f"{place} {one.component} commercetools"] = _told(one.ours, one.our_document, one.our_rule)
        facts[f"{place} {one.component} Cin7 Core"] = _told(one.theirs, one.their_document, one.their_rule)
        facts[f"{place} {one.component} reason"] = one.reason.value
    reasons = ", ".join(sorted({one.reason.value for one in wrong}))
    causes = [*(str(one) for one in wrong[:3]), *(one.cause for one in plan.findings if one.code == DIFFER)]
    return Finding(code=DIFFER, cause="; ".join(causes), facts=facts, group=f"{DIFFER}:{reasons}")


def _told(figure: str, document: str, rule: str) -> str:
    return " · ".join(part for part in (figure or "–", document, rule) if part)


def _sides(case: Case) -> dict[str, str]:
    """Write what each side comes to: the goods by component and tax rule, then every chain of documents in all."""
    ordered, stands = case.ordered, case.standing
    notes = [one for one in case.shown.notes if one.authorised]
    invoices = [one for one in case.shown.invoices if one.stands]
    given_back = _moved(repayments(case.order, case.refunds))
    sides = {}
    for name, ours, theirs in (
        ("net", ordered.net, stands.net),
        ("tax", ordered.tax, stands.tax),
        ("total", ordered.total, stands.total),
        ("invoiced", ordered.total, sum((one.total for one in invoices), NOTHING)),
        ("paid", _moved(receipts(case.order)), paid([pay for one in invoices for pay in one.payments])),
        ("credited", given_back, sum((one.total for one in notes), NOTHING)),
        ("paid back", given_back, paid([pay for one in notes for pay in one.payments])),
    ):
        sides[f"{name} commercetools"], sides[f"{name} Cin7 Core"] = shown(ours), shown(theirs)
    for rule, share in sorted(ordered.by_rule.items()):
        sides[f"tax {rule} commercetools"] = shown(share.tax)
    for rule, share in sorted(_shares(case).items()):
        sides[f"tax {rule} Cin7 Core"] = shown(share.tax)
    return sides


def _moved(movements: Sequence[Movement]) -> Decimal:
    """Add up what moved in commercetools."""
    return sum((one.amount for one in movements), NOTHING)


def _shares(case: Case) -> dict[str, figures.Share]:
    return figures.by_rule(case.standing.rows, tax_inclusive=case.standing.tax_inclusive)


def _tell_day(connection: sqlite3.Connection, day: str, now: Instant, *, waits: bool) -> None:
    """One exception for a day's sales that wait for a release, not one for each. `waits`: one of them did, or does."""
    record = Record(kind="books", id=day)
    waiting = books.count_in_step(connection, WAITS, day=day)
    if not waiting:
        exceptions.clear(connection, record, resolution="nothing waits", now=now, types=("posting_waits",))
    elif waits:
        finding = Finding(
            code="posting_waits",
            cause=f"Sales of {day} that agree with their orders and wait to be posted: {waiting}.",
            facts={"day": day, "sales": str(waiting)},
        )
        exceptions.raise_finding(connection, record, finding, now=now)
