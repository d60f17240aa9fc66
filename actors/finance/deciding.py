"""Pure: what does not agree about an order, what a person has to be told, and what is posted next.

One thing is posted at a time, in the order of the books: the invoice, then the payments, then what was given back. What
is posted is made from the sale as it stands; what does not agree stops everything until a person says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from actors.domain.crediting import beyond_its_invoice, to_credit
from actors.domain.discrepancy import Chain, Discrepancy, is_covered
from actors.domain.exactness import ARITHMETIC, shown_otherwise
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, fact_ref
from actors.domain.financial import Invoice
from actors.domain.invoicing import as_taken, to_invoice
from actors.domain.money import to_decimal
from actors.domain.reconciling import disagrees, reconcile
from actors.domain.references import invoice_mark
from actors.domain.returning import Refund
from actors.domain.rows import OrderRow
from actors.domain.sale import Row
from actors.domain.tendering import receipts, repayments, to_pay, to_pay_back
from actors.domain.time import Instant, date_in_zone
from actors.domain.vouchers import CreditVoucher, InvoiceVoucher, PaymentVoucher, Voucher, VoucherKind
from actors.finance.case import Case
from actors.finance.rules import FinanceRules
from storage.books import NEXT

HELD, ASKED, WAITS, LOCKED, REFUSED, STUCK = "held", "asked", "waits", "locked", "refused", "stuck"
"""Steps of books that wait: for what differs, a second person, a release, an open period, what Cin7 refused, and what
else is told and keeps something from being posted."""

DIFFER = "books_differ"

RELEASED, REJECTED = "released", "rejected"


class Draw(msgspec.Struct, frozen=True, kw_only=True):
    """Something to be posted, and the key under which it exists once."""

    key: str
    kind: VoucherKind
    voucher: Voucher


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a look came to. `draw` is what to post next (None: nothing, or somebody is waited for: `step`)."""

    found: tuple[Discrepancy, ...]
    findings: tuple[Finding, ...] = ()
    agrees: bool = True
    step: str = ""
    draw: Draw | None = None


def decide(case: Case, rules: FinanceRules, now: Instant) -> Plan:
    """Hold the two sides against each other and say what comes next."""
    drawn = _Drawing(case, rules)
    found = reconcile(
        case.order,
        case.ordered,
        case.sold,
        case.documents(),
        case.refunds,
        due=_due(case, rules, now) | drawn.stuck,
        tolerance=rules.tolerance,
    )
    findings = list(drawn.findings)
    unsayable = any(one.code == DIFFER for one in findings)
    agrees = not unsayable and not disagrees(found, rules.tolerance, case.order.digits)
    if case.shown.voided or not drawn.posts:
        return Plan(found=found, findings=tuple(findings), agrees=agrees)
    decision = case.subject.books.decision
    if not agrees and not (decision == RELEASED and is_covered(found, case.subject.books.accepted)):
        return Plan(found=found, findings=tuple(findings), agrees=False, step=ASKED if decision == "asked" else HELD)
    if rules.posting == "hold" and decision != RELEASED and drawn.draw is not None:
        return Plan(found=found, findings=tuple(findings), agrees=agrees, step=WAITS)
    stuck = any(one.code != DIFFER for one in findings)
    step = NEXT if drawn.draw is not None else LOCKED if drawn.locked else STUCK if stuck else ""
    return Plan(found=found, findings=tuple(findings), agrees=agrees, step=step, draw=drawn.draw)


def _due(case: Case, rules: FinanceRules, now: Instant) -> frozenset[Chain]:
    """Name the chains of which nothing may be missing any more: their time is over, or what was posted is gone.

    What tallyd posts itself is never late: whatever keeps it from being posted is told. What a person enters is missed
    after `overdue`: an invoice from the export on, money from when it moved.
    """
    invoiced = any(one.stands for one in case.shown.invoices)
    due = set(_gone(case))
    if case.order.state != "Cancelled" or invoiced:
        due.add(Chain.SALE)  # a sale that is only ordered is voided with its order
    since = now - rules.overdue
    exported_at = case.subject.record.exported_at
    by_hand = rules.posting == "off" or case.subject.books.decision == REJECTED
    if by_hand:
        if exported_at is not None and exported_at < since:
            due.add(Chain.INVOICE)
        if any((one.at or 0) < since for one in receipts(case.order)):
            due.add(Chain.PAYMENT)
    late = {one.id for one in repayments(case.order, case.refunds) if (one.at or 0) < since}
    if late and (by_hand or rules.refunds == "exception"):
        due |= {Chain.CREDIT, Chain.REFUND}
    if late & _credited_by_hand(case):
        due.add(Chain.REFUND)
    return frozenset(due)


def _credited_by_hand(case: Case) -> set[str]:
    """Return the refunds whose note a person entered: that person enters the refund payment as well."""
    theirs = {one.number for one in case.shown.notes if one.authorised and not _is_ours(one.task_id, case)}
    return {one.transaction_id for one in case.refunds if one.credit_note in theirs}


def _gone(case: Case) -> Iterator[Chain]:
    """Name the chains of which something that was posted does not stand any more."""
    invoices = {one.task_id for one in case.shown.invoices if one.stands}
    notes = {one.task_id for one in case.shown.notes if one.authorised}
    payments = {pay.id for one in case.shown.invoices if one.stands for pay in one.payments}
    refunds = {pay.id for one in case.shown.notes if one.authorised for pay in one.payments}
    standing = {
        VoucherKind.INVOICE: (Chain.INVOICE, invoices),
        VoucherKind.PAYMENT: (Chain.PAYMENT, payments),
        VoucherKind.CREDIT_NOTE: (Chain.CREDIT, notes),
        VoucherKind.REFUND: (Chain.REFUND, refunds),
    }
    for one in case.subject.postings:
        chain, ids = standing[one.kind]
        if one.state == "done" and one.document_id not in ids:
            yield chain


class _Drawing:
    """Works out what could be posted next, and what keeps it from being posted."""

    def __init__(self, case: Case, rules: FinanceRules) -> None:
        self._case = case
        self._rules = rules
        self._keys = {one.key for one in case.subject.postings}
        self._opens = None if case.subject.books.decision == RELEASED else case.opens
        self.findings: list[Finding] = []
        self.stuck: frozenset[Chain] = frozenset()
        self.locked = False
        self.posts = (
            rules.posting != "off"
            and case.subject.books.decision != REJECTED
            and not case.shown.voided
            and case.order.state != "Cancelled"
        )
        self.draw = self._next() if self.posts else None

    def _next(self) -> Draw | None:
        for attempt in (self._invoice, self._payment, self._credit_note, self._refund):
            draw = attempt()
            if draw is not None:
                return draw
        return None

    # -- the invoice --------------------------------------------------------------------------------------------------

    def _invoice(self) -> Draw | None:
        case = self._case
        by_shipment = self._rules.invoice == "shipped"
        if by_shipment and not case.shown.shipped:
            return None
        units = case.shown.shipped if by_shipment and not self._all_shipped() else None
        rows = self._due(case.shown.invoices, units)
        if isinstance(rows, Finding):
            self.findings.append(rows)
            return None
        if not rows:
            return None
        inexact = self._inexact_part(rows, units)
        if inexact is not None:
            self.findings.append(inexact)
            return None
        day = self._open_day(self._invoice_day(), "invoice")
        if day is None:
            return None
        generation = case.subject.sale.generation
        number = self._next_number()
        return Draw(
            key=f"invoice:{case.order.id}:{generation}:{number}",
            kind=VoucherKind.INVOICE,
            voucher=self._invoice_voucher(rows, day, invoice_mark(case.order.id, generation, number)),
        )

    def _next_number(self) -> int:
        """Number the next invoice behind all that are known: of those that an older file posted, some may not be."""
        known = (one.key for one in self._case.subject.postings if one.kind is VoucherKind.INVOICE)
        return 1 + max((int(key.rpartition(":")[2]) for key in known), default=0)

    def _due(self, invoices: Sequence[Invoice], units: Mapping[str, Decimal] | None) -> tuple[Row, ...] | Finding:
        facts = self._case.facts
        return to_invoice(self._case.standing, invoices, units, products=facts.products, services=facts.services)

    def _inexact_part(self, rows: tuple[Row, ...], units: Mapping[str, Decimal] | None) -> Finding | None:
        """Find that a part, or what it leaves, may be shown otherwise: all of it at once is proved by its order."""
        invoices = self._case.shown.invoices
        if units is None and not any(one.stands for one in invoices):
            return None
        rest = self._due((*invoices, as_taken(rows)), None)
        otherwise = rest.cause if isinstance(rest, Finding) else self._otherwise(rows) or self._otherwise(rest)
        if not otherwise:
            return None
        cause = f"Order {self._case.order.shown_as} is not invoiced in parts: {otherwise}"
        return Finding(code="part_not_invoiceable", cause=cause, field="Invoices", waits_for=ARITHMETIC)

    def _otherwise(self, rows: tuple[Row, ...]) -> str:
        """Say what the account might show of these rows instead of what is meant; "" where it cannot."""
        case = self._case
        inclusive = case.standing.tax_inclusive
        return shown_otherwise(rows, case.calibration, case.facts.tax_rules, inclusive=inclusive)

    def _invoice_voucher(self, rows: tuple[Row, ...], day: date, mark: str) -> InvoiceVoucher:
        case = self._case
        return InvoiceVoucher(
            sale_id=case.sale_id,
            rows=rows,
            day=day,
            due=day,
            memo=mark,
            account=case.sold.account,
            tax_inclusive=case.standing.tax_inclusive,
            rate=case.shown.rate if case.shown.rate is not None and case.sold.rate is not None else case.sold.rate,
        )

    def _all_shipped(self) -> bool:
        """All units have left: what has none of its own (shipping, charges) is invoiced as well."""
        shipped = self._case.shown.shipped
        goods = [row for row in self._case.standing.rows if not row.is_charge and self._is_stocked(row.sku)]
        return all(shipped.get(row.sku, 0) >= row.quantity for row in goods)

    def _is_stocked(self, sku: str) -> bool:
        product = self._case.facts.products.get(sku)
        return product is None or product.type != "Service"

    def _invoice_day(self) -> date:
        """The day of the order; of a shipment, the day it left."""
        if self._rules.invoice == "shipped":
            return min(self._case.shown.shipped_on or self._case.today, self._case.today)
        return self._case.day

    def _open_day(self, day: date, what: str) -> date | None:
        """Return the day, or the next open one where a person agreed to it; None: it is locked, which is told."""
        opens = self._case.opens
        if opens is None or day >= opens:
            return day
        if self._case.subject.books.decision == RELEASED:
            return opens
        self.locked = True
        self.findings.append(
            Finding(
                code="posting_locked",
                cause=f"The {what} of order {self._case.order.shown_as} would be dated {day}, and the books are locked"
                f" before {opens}. The next open day is {opens}.",
                field=what,
                facts={"day": str(day), "next open day": str(opens), "last locked day": str(opens - timedelta(1))},
                waits_for=fact_ref(FactKind.COMPANY, ""),
            )
        )
        return None

    # -- the payments -------------------------------------------------------------------------------------------------

    def _payment(self) -> Draw | None:
        case = self._case
        due = to_pay(
            case.order,
            case.sale_id,
            case.shown.invoices,
            due=self._invoiced_in_all(),
            accounts=self._rules.accounts,
            ledger=case.accounts,
            zone=case.zone,
            opens=self._opens,
            rate=case.rate,
            today=case.today,
        )
        return self._first_payment(due, VoucherKind.PAYMENT)

    def _invoiced_in_all(self) -> Decimal:
        """What the invoices come to once there are all: what is owed, or what a person released instead."""
        case = self._case
        if case.subject.books.decision == RELEASED:
            return case.standing.total
        return to_decimal(case.order.payable, case.order.digits)

    def _first_payment(self, due: tuple[PaymentVoucher | Finding, ...], kind: VoucherKind) -> Draw | None:
        for one in due:
            if isinstance(one, Finding):
                self._tell(one)
                continue
            key = f"{kind.value}:{one.reference}" + (f":{one.task_id}" if kind is VoucherKind.PAYMENT else "")
            if one.reference in self._case.elsewhere:
                self._tell(self._shared(one.reference, "payment_unpostable"))
            elif key not in self._keys:
                return Draw(key=key, kind=kind, voucher=self._dated(one))
        return None

    def _shared(self, transaction_id: str, code: str) -> Finding:
        """Find that money of two orders was posted for the other one: it moved once, and a person says for which."""
        other = self._case.elsewhere[transaction_id]
        cause = f"Transaction {transaction_id} of order {self._case.order.shown_as} is posted for order {other}."
        return Finding(code=code, cause=cause, field=transaction_id, facts={"posted for": other})

    def _dated(self, voucher: PaymentVoucher) -> PaymentVoucher:
        """Date a payment on the next open day, where a person agreed to that."""
        opens = self._case.opens
        if opens is None or voucher.day >= opens:
            return voucher
        return msgspec.structs.replace(voucher, day=opens)

    def _tell(self, finding: Finding) -> None:
        self.locked = self.locked or finding.code == "posting_locked"
        self.findings.append(finding)

    # -- what was given back ------------------------------------------------------------------------------------------

    def _credit_note(self) -> Draw | None:
        if self._rules.refunds != "credit-note":
            return None
        for refund in self._open_refunds():
            if refund.credit_note is not None or f"credit_note:{refund.transaction_id}" in self._keys:
                continue
            if not any(one.stands for one in self._case.shown.invoices):
                continue  # it waits for the invoice
            credit = self._credit(refund)
            if credit is not None:
                return Draw(key=f"credit_note:{refund.transaction_id}", kind=VoucherKind.CREDIT_NOTE, voucher=credit)
        return None

    def _credit(self, refund: Refund) -> CreditVoucher | None:
        case = self._case
        credit: CreditVoucher | Finding
        if refund.transaction_id in case.elsewhere:
            credit = self._shared(refund.transaction_id, "refund_unallocated")
        else:
            credit = self._worked_out(refund)
        if isinstance(credit, Finding):
            self._tell(credit)
            self.stuck = frozenset({Chain.CREDIT, Chain.REFUND})
            return None
        day = self._open_day(self._refund_day(refund), "credit note")
        if day is None:
            return None
        return msgspec.structs.replace(credit, day=day, rate=case.sold.rate, tax_inclusive=case.standing.tax_inclusive)

    def _worked_out(self, refund: Refund) -> CreditVoucher | Finding:
        """Say what the refund was for, as a note that can be posted, or find why not."""
        case = self._case
        credit = to_credit(
            case.order,
            case.standing,
            case.shown.invoices,
            case.shown.notes,
            refund,
            sale_id=case.sale_id,
            products=case.facts.products,
            services=case.facts.services,
            refund_charge=self._rules.refund_charge,
            location=case.shown.location or self._rules.location,
            day=case.today,
            account=case.sold.account,
        )
        if isinstance(credit, Finding):
            return credit
        amount = to_decimal(refund.amount, case.order.digits)
        return (
            beyond_its_invoice(credit, amount, case.shown.invoices, case.shown.notes)
            or self._inexact_note(credit, refund)
            or credit
        )

    def _inexact_note(self, credit: CreditVoucher, refund: Refund) -> Finding | None:
        """Find that a note may be shown otherwise. One of all the sale's own rows was proved by the order's answer."""
        if _figures_of(credit.rows) == _figures_of(self._case.standing.rows):
            return None
        otherwise = self._otherwise(credit.rows)
        if not otherwise:
            return None
        name = refund.transaction_id
        facts = {"refund": name}
        return Finding(code="refund_unallocated", cause=otherwise, field=name, waits_for=ARITHMETIC, facts=facts)

    def _refund_day(self, refund: Refund) -> date:
        """The day the money was given back, in the books' zone."""
        at = next(
            (
                one.at
                for payment in self._case.order.payments
                for one in payment.transactions
                if one.id == refund.transaction_id
            ),
            None,
        )
        return self._case.today if at is None else min(date_in_zone(at, self._case.zone), self._case.today)

    def _refund(self) -> Draw | None:
        if self._rules.refunds != "credit-note":
            return None
        case = self._case
        due: list[PaymentVoucher | Finding] = []
        for refund in self._open_refunds():
            note = next((one for one in case.shown.notes if one.number == refund.credit_note and one.authorised), None)
            if note is None or not _is_ours(note.task_id, case):
                continue
            back = to_pay_back(
                case.order,
                case.sale_id,
                refund,
                note,
                accounts=self._rules.accounts,
                ledger=case.accounts,
                zone=case.zone,
                opens=self._opens,
                rate=case.rate,
                today=case.today,
            )
            due += [back] if back is not None else []
        return self._first_payment(tuple(due), VoucherKind.REFUND)

    def _open_refunds(self) -> list[Refund]:
        return [one for one in self._case.refunds if one.state == "Success"]


def _figures_of(rows: Sequence[Row] | Sequence[OrderRow]) -> list[tuple[str, Decimal, Decimal, Decimal, str]]:
    """Return what an account calculates a document from, whatever the order of its rows."""
    return sorted((row.sku, row.quantity, row.price, row.tax, row.tax_rule) for row in rows)


def _is_ours(task_id: str, case: Case) -> bool:
    """Say whether a credit note was posted by tallyd: who enters one by hand enters its refund as well."""
    return any(one.kind is VoucherKind.CREDIT_NOTE and one.document_id == task_id for one in case.subject.postings)
