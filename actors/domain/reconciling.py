"""An order held against its sale and every later document, chain by chain: each difference classed and explained.

All discrepancies of a chain add up to what its two sides differ by, per tax rule; payments, credits and refunds as
whole amounts without one. What `actors.finance.entering` enters are these same two sides. Nothing is recomputed from
rates: the base is what was exported (`ordered`) and what was posted (`sold`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

import msgspec

from actors.domain.counting import (
    NO_RULE,
    Shares,
    added,
    beyond_rows,
    document_shares,
    edit_of,
    gap,
    is_cancelled,
    minus,
    ordered_shares,
    owed,
    total,
)
from actors.domain.discrepancy import Chain, Discrepancy, Reason
from actors.domain.exception_types import Finding
from actors.domain.facts import TaxRule
from actors.domain.figures import Figures, Share, Sold, of_kind
from actors.domain.financial import NOTHING, Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.money import to_decimal
from actors.domain.order import Order
from actors.domain.returning import Refund
from actors.domain.row_gaps import RowGap, edited_rows, invoiced_rows, is_rounding
from actors.domain.rows import OrderRow
from actors.domain.sale import OrderView, RowKind
from actors.domain.tendering import Movement, assign, captured, entered_on, paid, receipts, repayments, waiting

_TOLERABLE = frozenset({Reason.SHIPPING, Reason.DISCOUNT, Reason.EDITED_CIN7, Reason.EDITED_COMMERCETOOLS})
_RATE_STEP, _INVOICE_RATE_STEP = Decimal("0.00001"), Decimal("0.0001")
"""Cin7 Core keeps rates with five decimals, those of invoices and credit notes with four (fact sheet §1.4)."""

NO_SHARE = Share()


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """The documents of a sale as Cin7 Core shows them. `order` None: not read anew, it is as it was posted.

    `rate` is base units for one unit of the currency, None where it is not shown; a void sale's documents are void.
    """

    sale_number: str
    voided: bool
    tax_inclusive: bool
    currency: str
    rate: Decimal | None
    order: OrderView | None
    invoices: tuple[Invoice, ...]
    notes: tuple[CreditNote, ...]

    @property
    def has_sale(self) -> bool:
        """True while the order document counts: one that was taken back to a draft does not."""
        return not self.voided and (self.order is None or self.order.authorised)

    @property
    def standing_invoices(self) -> tuple[Invoice, ...]:
        """The invoices that count."""
        return () if self.voided else tuple(one for one in self.invoices if one.stands)

    @property
    def standing_notes(self) -> tuple[CreditNote, ...]:
        """The credit notes that count."""
        return () if self.voided else tuple(one for one in self.notes if one.authorised)

    def sale_shares(self, sold: Sold) -> Shares:
        """Return what the order document comes to per rule, as it is shown; nothing where it does not count."""
        if not self.has_sale:
            return {}
        if self.order is None:
            return document_shares(sold.rows, sold.net, sold.tax, tax_inclusive=sold.tax_inclusive)
        return self.shares(self.order)

    def shares(self, document: OrderView | Invoice | CreditNote) -> Shares:
        """Return what one of the documents comes to per rule."""
        return document_shares(document.rows, document.net, document.tax, tax_inclusive=self.tax_inclusive)


class _Case(msgspec.Struct, frozen=True, kw_only=True):
    """All that is held against each other."""

    order: Order
    ordered: Figures
    sold: Sold
    documents: Documents
    refunds: tuple[Refund, ...]
    due: frozenset[Chain]

    @property
    def unit(self) -> Decimal:
        return Decimal(1).scaleb(-self.order.digits)

    @property
    def our_rule(self) -> str:
        return f"taxedPrice, {self.order.tax_calculation}, {self.order.tax_rounding}, copied"

    def behind(self, chain: Chain) -> Reason:
        """Why something is not in Cin7 yet."""
        return Reason.MISSING_CIN7 if chain in self.due else Reason.TIMING

    def text(self, share: Share) -> str:
        return f"{self.figure(share.net)} + {self.figure(share.tax)} = {self.figure(share.gross)}"

    def figure(self, amount: Decimal) -> str:
        """Write an amount with at least the currency's decimals; nothing is rounded away."""
        exponent = amount.normalize().as_tuple().exponent
        places = max(self.order.digits, -exponent if isinstance(exponent, int) else 0)
        return f"{amount:.{places}f}"


def reconcile(
    order: Order,
    ordered: Figures,
    sold: Sold,
    documents: Documents,
    refunds: Sequence[Refund],
    *,
    due: frozenset[Chain],
    tolerance: int,
) -> tuple[Discrepancy, ...]:
    """Return every difference between the order and the documents of its sale, chain by chain.

    What is merely behind is TIMING, and missing once its chain is `due`; what is there and wrong is wrong at once.
    Where all that is wrong of a chain is within `tolerance` minor units it is ROUNDING. A cancelled order with a void
    sale is nothing on either side.
    """
    if is_cancelled(order) and documents.voided:
        return ()
    case = _Case(order=order, ordered=ordered, sold=sold, documents=documents, refunds=tuple(refunds), due=due)
    found: list[Discrepancy] = []
    for chain, compared in _CHAINS.items():
        other = ordered.currency if chain in (Chain.SALE, Chain.INVOICE) else order.currency
        differences = compared(case) if documents.currency == other else _foreign(case, chain, other)
        found += _tolerated(list(differences), tolerance, case.unit)
    return tuple(found)


def disagrees(found: Iterable[Discrepancy], tolerance: int, digits: int) -> bool:
    """Say whether something is wrong beyond so many minor units (of a currency with `digits`) per chain."""
    unit = Decimal(1).scaleb(-digits)
    wrong = [one for one in found if one.wrong]
    if any(one.reason is not Reason.ROUNDING for one in wrong):
        return True
    return any(_size(one for one in wrong if one.chain is chain) > tolerance * unit for chain in Chain)


def tax_rule_findings(percents: Mapping[str, Decimal], rules: Mapping[str, TaxRule]) -> tuple[Finding, ...]:
    """Tell of each tax rule sales were posted with that Cin7 has no longer, or with another percent than then.

    `percents` are those at posting, by rule; `rules` are Cin7's rules as they are, by name.
    """
    return tuple(
        Finding(code="tax_rule_changed", cause=cause, field=name, group=f"tax_rule_changed:{name}")
        for name in sorted(percents)
        if (cause := _rule_change(name, percents.get(name), rules.get(name)))
    )


def _rule_change(name: str, percent: Decimal | None, rule: TaxRule | None) -> str:
    if rule is None:
        return f"The tax rule {name} that sales were posted with is not in Cin7 Core any more."
    if percent is None or percent == rule.percent:
        return ""
    before, now = _plain(percent), _plain(rule.percent)
    return f"The tax rule {name} had {before} % when sales were posted, and has {now} % now."


# -- the order and its sale -------------------------------------------------------------------------------------------


def _sale(case: _Case) -> Iterator[Discrepancy]:
    documents, number = case.documents, case.documents.sale_number
    theirs = documents.sale_shares(case.sold)
    if is_cancelled(case.order):
        reason = Reason.MISSING_COMMERCETOOLS if Chain.SALE in case.due else Reason.TIMING
        yield from _unordered(case, Chain.SALE, reason, theirs, number)
    elif not documents.has_sale:
        yield from _absent(case, Chain.SALE)
    else:
        yield from _as_posted(case, Chain.SALE)
        yield from _since_posted(case, documents.order)


def _as_posted(case: _Case, chain: Chain) -> Iterator[Discrepancy]:
    """Hold the order as it is now against what was exported, and that against what was posted."""
    order, ordered, sold = case.order, case.ordered, case.sold
    if order.currency != ordered.currency:
        yield _difference(
            case, chain, Reason.EDITED_COMMERCETOOLS, "currency", ours=order.currency, theirs=ordered.currency
        )
    edited = edit_of(order, ordered)
    if edited != NO_SHARE:
        yield _difference(
            case,
            chain,
            Reason.EDITED_COMMERCETOOLS,
            "total",
            share=edited,
            ours=case.text(owed(order)),
            theirs=case.text(total(ordered.by_rule.values())),
            their_rule="the order as it was exported",
        )
    posted = document_shares(sold.rows, sold.net, sold.tax, tax_inclusive=sold.tax_inclusive)
    gaps = gap(ordered.by_rule, posted)
    reason, component = _posting_reason(case, gaps, posted)
    for rule, share in gaps.items():
        yield _difference(
            case,
            chain,
            reason,
            component,
            where=rule,
            rule=rule,
            share=share,
            ours=case.text(ordered.by_rule.get(rule, NO_SHARE)),
            theirs=case.text(posted.get(rule, NO_SHARE)),
            their_rule=_shown_rule(rule, f"{case.documents.sale_number} when it was posted"),
        )
    if chain is Chain.SALE and ordered.rate is not None and _other_rate(ordered.rate, sold.rate):
        yield _rate(case, chain, ordered.rate, sold.rate, case.documents.sale_number)


def _posting_reason(case: _Case, gaps: Shares, posted: Shares) -> tuple[Reason, str]:
    """Say why what was posted is not what was ordered; only sums are known of the latter."""
    ordered, sold = case.ordered, case.sold
    if gaps and ordered.by_rule.keys() != posted.keys() and total(gaps.values()) == NO_SHARE:
        return Reason.TAX_TITLE, "tax rule"
    whole = total(gaps.values())
    amount = whole.gross if sold.tax_inclusive else whole.net
    shipping = ordered.shipping - of_kind(sold.rows, sold.charges, RowKind.SHIPPING.value)
    discount = ordered.discount - of_kind(sold.rows, sold.charges, RowKind.DISCOUNT.value)
    if shipping and amount == shipping:
        return Reason.SHIPPING, "shipping"
    if discount and amount == discount:
        return Reason.DISCOUNT, "discount"
    if is_rounding(gaps, case.unit, len(sold.rows)):
        return Reason.ROUNDING, "total"
    return Reason.EDITED_CIN7, "total"


def _since_posted(case: _Case, now: OrderView | None) -> Iterator[Discrepancy]:
    """Hold the order document as it was posted against how it is shown now."""
    documents, sold = case.documents, case.sold
    number = documents.sale_number
    if now is not None:
        found = edited_rows(sold, now.rows, tax_inclusive=documents.tax_inclusive, unit=case.unit)
        yield from _row_differences(case, Chain.SALE, found, number)
        yield from _beyond_rows(case, Chain.SALE, [now], [number])
        if documents.tax_inclusive != sold.tax_inclusive:
            modes = {True: "Inclusive", False: "Exclusive"}
            yield _difference(
                case,
                Chain.SALE,
                Reason.EDITED_CIN7,
                "tax mode",
                ours=modes[sold.tax_inclusive],
                theirs=modes[documents.tax_inclusive],
            )
    if documents.rate is not None and _other_rate(sold.rate, documents.rate):
        yield _rate(case, Chain.SALE, sold.rate, documents.rate, number)


# -- its invoices -----------------------------------------------------------------------------------------------------


def _invoices(case: _Case) -> Iterator[Discrepancy]:
    documents, standing = case.documents, case.documents.standing_invoices
    if is_cancelled(case.order):
        for one in standing:
            reason = Reason.MISSING_COMMERCETOOLS
            yield from _unordered(case, Chain.INVOICE, reason, documents.shares(one), one.number)
        return
    if not standing:
        yield from _absent(case, Chain.INVOICE)
        return
    numbers = [one.number for one in standing]
    yield from _as_posted(case, Chain.INVOICE)
    yield from _invoiced(case, standing, numbers)
    for one in standing:
        if one.rate is not None and _other_rate(case.sold.rate, one.rate, _INVOICE_RATE_STEP):
            yield _rate(case, Chain.INVOICE, case.sold.rate, one.rate, one.number)


def _invoiced(case: _Case, standing: Sequence[Invoice], numbers: Sequence[str]) -> Iterator[Discrepancy]:
    """Hold the invoices against what was sold, or, where they carry an edit of it, against the order as it is shown."""
    documents, sold, now = case.documents, case.sold, case.documents.order
    rows, inclusive = [one.rows for one in standing], documents.tax_inclusive
    found = invoiced_rows(sold, rows, tax_inclusive=inclusive, unit=case.unit)
    if found and now is not None:
        edits = edited_rows(sold, now.rows, tax_inclusive=inclusive, unit=case.unit)
        edited = msgspec.structs.replace(sold, rows=now.rows, tax_inclusive=inclusive)
        since = invoiced_rows(edited, rows, tax_inclusive=inclusive, unit=case.unit)
        if edits and len(since) < len(found):
            yield from _row_differences(case, Chain.INVOICE, edits, documents.sale_number)
            found = since
    yield from _row_differences(case, Chain.INVOICE, found, ", ".join(numbers))
    yield from _beyond_rows(case, Chain.INVOICE, standing, numbers)


def _row_differences(case: _Case, chain: Chain, found: Sequence[RowGap], number: str) -> Iterator[Discrepancy]:
    for one in found:
        reason = one.reason if one.reason is not None else case.behind(chain)
        for rule, share in one.shares.items() or [(_rule_of(one), NO_SHARE)]:
            yield _difference(
                case,
                chain,
                reason,
                one.component,
                where=one.where,
                rule=rule,
                share=share,
                ours=_rows_text(case, one.sold),
                theirs=_rows_text(case, one.shown),
                their_document=number,
                their_rule=_shown_rule(rule, number),
            )


def _beyond_rows(
    case: _Case, chain: Chain, shown: Sequence[OrderView | Invoice], numbers: Sequence[str]
) -> Iterator[Discrepancy]:
    """Tell of totals that are not what their rows come to, and not so already when the sale was posted."""
    sold, number = case.sold, ", ".join(numbers)
    inclusive = case.documents.tax_inclusive
    ours = beyond_rows(sold.rows, sold.net, sold.tax, tax_inclusive=sold.tax_inclusive)
    theirs = total(beyond_rows(one.rows, one.net, one.tax, tax_inclusive=inclusive) for one in shown)
    difference = gap({NO_RULE: ours}, {NO_RULE: theirs})
    rows = sum(len(one.rows) for one in shown)
    reason = Reason.ROUNDING if is_rounding(difference, case.unit, rows) else Reason.EDITED_CIN7
    for share in difference.values():
        yield _difference(
            case,
            chain,
            reason,
            "total beyond its rows",
            share=share,
            ours=case.text(ours),
            theirs=case.text(theirs),
            their_document=number,
            their_rule=f"totals as shown on {number}, less its rows",
        )
    for one, name in zip(shown, numbers, strict=True):
        yield from _sums(case, chain, one, name)


def _sums(case: _Case, chain: Chain, shown: OrderView | Invoice | CreditNote, number: str) -> Iterator[Discrepancy]:
    """Tell of a document whose total is not its net and tax: what is paid of it is not what is booked."""
    if shown.total != shown.net + shown.tax:
        yield _difference(
            case,
            chain,
            Reason.EDITED_CIN7,
            "total",
            where=number,
            ours=case.figure(shown.net + shown.tax),
            theirs=case.figure(shown.total),
            their_document=number,
            our_rule=f"net and tax as shown on {number}",
            their_rule=f"total as shown on {number}",
        )


# -- money ------------------------------------------------------------------------------------------------------------


def _payments(case: _Case) -> Iterator[Discrepancy]:
    for _, one in captured(case.order):
        if one.currency != case.order.currency:
            yield _difference(
                case,
                Chain.PAYMENT,
                Reason.FOREIGN_EXCHANGE,
                "currency",
                where=one.id,
                ours=f"{one.amount} minor units of {one.currency}",
                theirs=case.documents.currency,
                our_rule="amount of the transaction",
            )
    yield from _moved(case, Chain.PAYMENT, receipts(case.order), case.documents.standing_invoices)


def _refunds(case: _Case) -> Iterator[Discrepancy]:
    yield from _moved(case, Chain.REFUND, repayments(case.order, case.refunds), case.documents.standing_notes)


def _moved(
    case: _Case, chain: Chain, movements: Sequence[Movement], documents: Sequence[Invoice | CreditNote]
) -> Iterator[Discrepancy]:
    """Hold transactions against the payments on these documents, each by its reference."""
    open_of = {one.task_id: one.total - paid(one.payments) for one in documents}
    found, strangers = assign(movements, entered_on(documents))
    for movement, payments in zip(movements, found, strict=True):
        difference = movement.amount - paid(payments)
        if difference:
            yield _money(
                case,
                chain,
                _money_reason(case, chain, movement, payments, open_of),
                difference,
                where=movement.id,
                ours=case.figure(movement.amount),
                theirs=", ".join(case.figure(one.amount) for one in payments),
                number=", ".join(one.id for one in payments),
            )
    for one in strangers:
        yield _money(
            case,
            chain,
            Reason.MISSING_COMMERCETOOLS,
            -one.amount,
            where=one.reference,
            theirs=case.figure(one.amount),
            number=one.id,
        )


def _money_reason(
    case: _Case,
    chain: Chain,
    movement: Movement,
    payments: Sequence[PostedPayment],
    open_of: Mapping[str, Decimal],
) -> Reason:
    if movement.amount > paid(payments) and waiting(movement.amount, payments, open_of):
        return case.behind(chain)
    if any(one.rate is not None and _other_rate(case.sold.rate, one.rate, _INVOICE_RATE_STEP) for one in payments):
        return Reason.FOREIGN_EXCHANGE
    if _taken_back(case.order, movement, paid(payments)):
        return Reason.EDITED_COMMERCETOOLS
    twice = len(payments) > 1 and movement.amount < paid(payments)
    return Reason.MISSING_COMMERCETOOLS if twice else Reason.EDITED_CIN7


def _taken_back(order: Order, movement: Movement, entered: Decimal) -> bool:
    """Say whether all of a transaction was entered, and a part of it was charged back."""
    amounts = {one.id: one.amount for payment in order.payments for one in payment.transactions}
    captured_once = to_decimal(amounts.get(movement.id, 0), order.digits)
    return movement.amount < entered == captured_once


def _credits(case: _Case) -> Iterator[Discrepancy]:
    """Hold the refunds against the credit notes that name them; one note may stand for several."""
    notes = case.documents.standing_notes
    numbers = {one.number for one in notes if one.number}
    given = repayments(case.order, case.refunds)
    named = {one.transaction_id: one.credit_note for one in case.refunds if one.credit_note in numbers}
    for movement in given:
        if movement.id not in named:
            yield _money(
                case,
                Chain.CREDIT,
                case.behind(Chain.CREDIT),
                movement.amount,
                where=movement.id,
                ours=case.figure(movement.amount),
            )
    for place, note in enumerate(notes):
        first = note.number not in {one.number for one in notes[:place]}
        mine = [one for one in given if first and named.get(one.id) == note.number]
        yield from _credited(case, note, mine)
        yield from _sums(case, Chain.CREDIT, note, note.number)


def _credited(case: _Case, note: CreditNote, mine: Sequence[Movement]) -> Iterator[Discrepancy]:
    worth, refunded = note.net + note.tax, sum((one.amount for one in mine), NOTHING)
    if worth == refunded:
        return
    yield _money(
        case,
        Chain.CREDIT,
        _credit_reason(case, note, mine),
        refunded - worth,
        where=", ".join(one.id for one in mine),
        ours=", ".join(case.figure(one.amount) for one in mine),
        theirs=case.figure(worth),
        number=note.number,
    )


def _credit_reason(case: _Case, note: CreditNote, mine: Sequence[Movement]) -> Reason:
    if not mine:
        expected = any(
            note.number and one.credit_note == note.number and one.state in ("Initial", "Pending")
            for one in case.refunds
        )
        return Reason.TIMING if expected else Reason.MISSING_COMMERCETOOLS
    if note.rate is not None and _other_rate(case.sold.rate, note.rate, _INVOICE_RATE_STEP):
        return Reason.FOREIGN_EXCHANGE
    return Reason.EDITED_CIN7


# -- what a difference says -------------------------------------------------------------------------------------------


def _difference(
    case: _Case, chain: Chain, reason: Reason, component: str, *, share: Share = NO_SHARE, **texts: str
) -> Discrepancy:
    """Make a difference of this amount; `texts` are what its fields say beyond what they say of any order's sale."""
    number = case.documents.sale_number
    usual = {
        "currency": case.ordered.currency,
        "our_document": case.order.shown_as,
        "their_document": number,
        "our_rule": case.our_rule,
        "their_rule": f"as shown on {number}",
    }
    return Discrepancy(chain=chain, reason=reason, component=component, net=share.net, tax=share.tax, **(usual | texts))


def _absent(case: _Case, chain: Chain) -> Iterator[Discrepancy]:
    """Tell of an order that Cin7 has no such document of, rule by rule."""
    for rule, share in gap(ordered_shares(case.order, case.ordered), {}).items():
        yield _difference(
            case,
            chain,
            case.behind(chain),
            "total",
            share=share,
            where=rule,
            rule=rule,
            ours=case.text(share),
            their_rule="",
        )


def _unordered(case: _Case, chain: Chain, reason: Reason, shares: Shares, number: str) -> Iterator[Discrepancy]:
    """Tell of a document that no order stands behind, rule by rule."""
    for rule, share in shares.items():
        if share != NO_SHARE:
            yield _difference(
                case,
                chain,
                reason,
                "total",
                share=minus(NO_SHARE, share),
                where=rule,
                rule=rule,
                theirs=case.text(share),
                their_document=number,
                our_rule=f"state {case.order.state}",
                their_rule=_shown_rule(rule, number),
            )


def _money(
    case: _Case, chain: Chain, reason: Reason, amount: Decimal, *, number: str = "", **texts: str
) -> Discrepancy:
    """Make a difference of money that moved: a whole amount without a tax rule."""
    return _difference(
        case,
        chain,
        reason,
        "amount",
        share=Share(net=amount),
        currency=case.order.currency,
        their_document=number,
        our_rule="amount of the transaction",
        their_rule=f"amount as shown on {number}" if number else "",
        **texts,
    )


def _rate(case: _Case, chain: Chain, ours: Decimal | None, theirs: Decimal | None, number: str) -> Discrepancy:
    """Tell of another rate: in the customer's currency nothing differs by it."""
    return _difference(
        case,
        chain,
        Reason.FOREIGN_EXCHANGE,
        "rate",
        where=number,
        ours=_plain(ours),
        theirs=_plain(theirs),
        their_document=number,
        our_rule="rate as posted",
        their_rule=f"rate as shown on {number}",
    )


def _foreign(case: _Case, chain: Chain, currency: str) -> Iterator[Discrepancy]:
    """Tell of both sides of a chain in full where they are in two currencies, which are never subtracted."""
    for side, other, shares in zip(
        (currency, case.documents.currency), (case.documents.currency, currency), _sides(case, chain), strict=True
    ):
        ours = side == currency
        for rule, share in shares.items():
            if share != NO_SHARE:
                figures = (f"{case.text(share)} {side}", other)
                yield _difference(
                    case,
                    chain,
                    Reason.FOREIGN_EXCHANGE,
                    "currency",
                    share=share if ours else minus(NO_SHARE, share),
                    where=side,
                    rule=rule,
                    currency=side,
                    ours=figures[0] if ours else figures[1],
                    theirs=figures[1] if ours else figures[0],
                )


def _sides(case: _Case, chain: Chain) -> tuple[Shares, Shares]:
    """Return what the two sides of a chain come to."""
    documents = case.documents
    if chain in (Chain.SALE, Chain.INVOICE):
        ours = ordered_shares(case.order, case.ordered)
        if chain is Chain.SALE:
            return ours, documents.sale_shares(case.sold)
        return ours, added(documents.shares(one) for one in documents.standing_invoices)
    if chain is Chain.PAYMENT:
        moved = receipts(case.order)
        worth = paid(entered_on(documents.standing_invoices))
    elif chain is Chain.CREDIT:
        moved = repayments(case.order, case.refunds)
        worth = sum((one.net + one.tax for one in documents.standing_notes), NOTHING)
    else:
        moved = repayments(case.order, case.refunds)
        worth = paid(entered_on(documents.standing_notes))
    return {NO_RULE: Share(net=sum((one.amount for one in moved), NOTHING))}, {NO_RULE: Share(net=worth)}


def _tolerated(found: list[Discrepancy], tolerance: int, unit: Decimal) -> list[Discrepancy]:
    """Call what is wrong of a chain rounding, where all of it is an amount within the tolerance."""
    wrong = [one for one in found if one.wrong]
    small = all(one.reason in _TOLERABLE and (one.net or one.tax) for one in wrong)
    if not small or _size(wrong) > tolerance * unit:
        return found
    return [msgspec.structs.replace(one, reason=Reason.ROUNDING) if one.wrong else one for one in found]


def _size(found: Iterable[Discrepancy]) -> Decimal:
    """Return how much differs: what cancels out in a sum counts nonetheless."""
    return sum((max(abs(one.net), abs(one.tax), abs(one.net + one.tax)) for one in found), NOTHING)


def _other_rate(ours: Decimal | None, theirs: Decimal | None, step: Decimal = _RATE_STEP) -> bool:
    """Compare two rates as far as Cin7 keeps them; the books' own currency has none, or one."""
    one, other = (rate if rate is not None else Decimal(1) for rate in (ours, theirs))
    return abs(one - other) >= step


def _plain(rate: Decimal | None) -> str:
    return "" if rate is None else f"{rate.normalize():f}"


def _shown_rule(rule: str, number: str) -> str:
    return f"{rule}, as shown on {number}" if rule else f"as shown on {number}"


def _rule_of(one: RowGap) -> str:
    rows = one.shown or one.sold
    return rows[0].tax_rule if rows else NO_RULE


def _rows_text(case: _Case, rows: Sequence[OrderRow]) -> str:
    """Write rows as quantity, price, amount and tax under its rule."""
    return " · ".join(
        f"{row.quantity.normalize():f} × {case.figure(row.price)} = {case.figure(row.total)}"
        f" [{case.figure(row.tax)} @ {row.tax_rule}]"
        for row in rows
    )


_CHAINS: dict[Chain, Callable[[_Case], Iterator[Discrepancy]]] = {
    Chain.SALE: _sale,
    Chain.INVOICE: _invoices,
    Chain.PAYMENT: _payments,
    Chain.CREDIT: _credits,
    Chain.REFUND: _refunds,
}
