"""Everything that one look at the books of an order knows: what is on disk, and the order as it is now."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec

from actors.domain import figures
from actors.domain.calibration import Calibration
from actors.domain.facts import Facts, LedgerAccount
from actors.domain.figures import Figures, Sold
from actors.domain.order import Order
from actors.domain.order_state import OrderState
from actors.domain.period_lock import lock_date_of
from actors.domain.posting import PostingRules
from actors.domain.posting_date import posting_date, zone_of
from actors.domain.prediction import Prediction, predict
from actors.domain.reconciling import Documents
from actors.domain.returning import Refund
from actors.domain.time import Instant, date_in_zone
from storage import books, calibration, exceptions, facts, fulfilments, meta, orders, patches
from storage.books import BooksRecord, Posting, Shown
from storage.exceptions import Record
from storage.orders import OrderRecord, SaleRecord


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is on disk about the books of one order, before anything is asked.

    `rests_until`: Cin7 refused what was posted of it, and is not asked again before. `born_at` is when the file was
    born, or put back from a copy: what was posted before, it may not know. `aliases`: as what its SKUs are sold.
    """

    record: OrderRecord
    sale: SaleRecord
    books: BooksRecord
    postings: tuple[Posting, ...]
    refunds: tuple[Refund, ...]
    moved_from: Instant | None
    rests_until: Instant | None
    born_at: Instant
    aliases: Mapping[str, str] = {}

    @property
    def doubts(self) -> tuple[Posting, ...]:
        """What may or may not have been posted."""
        return tuple(one for one in self.postings if one.state != "done")


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """The same with the order as it is now, and what the account's lists say. `today` is the day in the books' zone.

    `elsewhere` are transactions of the order that were posted for another one, with that one's number.
    """

    subject: Subject
    order: Order
    shown: Shown
    ordered: Figures
    sold: Sold
    facts: Facts
    accounts: Mapping[str, LedgerAccount]
    calibration: Calibration
    zone: ZoneInfo
    day: date
    today: date
    opens: date | None
    refunds: tuple[Refund, ...]
    elsewhere: Mapping[str, str]

    @property
    def sale_id(self) -> str:
        """The sale these books are of."""
        return self.subject.sale.sale_id

    @property
    def rate(self) -> Decimal:
        """Base units for one unit of the order's currency."""
        return self.shown.rate or self.sold.rate or Decimal(1)

    @property
    def standing(self) -> Sold:
        """The order document as it stands in Cin7 now: what an invoice is made from."""
        view = self.shown.order
        if view is None:
            return self.sold
        inclusive = self.shown.tax_inclusive
        return msgspec.structs.replace(
            self.sold,
            rows=view.rows,
            net=view.net,
            tax=view.tax,
            total=view.total,
            tax_inclusive=self.sold.tax_inclusive if inclusive is None else inclusive,
        )

    def documents(self) -> Documents:
        """Return the sale as it is held against the order."""
        shown = self.shown
        return Documents(
            sale_number=self.subject.sale.number or self.sale_id,
            voided=shown.voided,
            tax_inclusive=self.sold.tax_inclusive if shown.tax_inclusive is None else shown.tax_inclusive,
            currency=shown.currency or self.sold.currency,
            rate=shown.rate if shown.rate is not None else self.sold.rate,
            order=shown.order,
            invoices=shown.invoices,
            notes=shown.notes,
        )


def load(connection: sqlite3.Connection, order_id: str) -> Subject | None:
    """Read what there is to know; None where there are no books, or their sale is still being made."""
    record, kept = orders.get(connection, order_id), books.get(connection, order_id)
    if record is None or kept is None or record.state in _UNSOLD or record.cin7_total is None:
        return None
    sale = next((one for one in orders.sales_of(connection, order_id) if one.sale_id == kept.sale_id), None)
    if sale is None:
        return None
    return Subject(
        record=record,
        sale=sale,
        books=kept,
        postings=tuple(books.postings_of(connection, order_id)),
        refunds=tuple(fulfilments.refunds_of(connection, order_id)),
        moved_from=books.moved_from(connection, order_id),
        rests_until=exceptions.next_attempt(connection, Record(kind="order", id=order_id), "posting_rejected"),
        born_at=meta.born_at(connection),
        aliases=patches.aliases(connection, order_id),
    )


def zone_in(connection: sqlite3.Connection, posting: PostingRules) -> ZoneInfo | None:
    """Return the zone of the books; None where it is not known: the orders flow tells that."""
    company = facts.company(connection)
    zone = zone_of(company, posting) if company is not None else None
    return zone if isinstance(zone, ZoneInfo) else None


_UNSOLD = frozenset({OrderState.CREATING, OrderState.IN_DOUBT, OrderState.HEADER, OrderState.POSTED})
"""States in which the sale is still being made, or its order does not show it yet: the orders flow asks after that."""


class Knowledge(msgspec.Struct, frozen=True, kw_only=True):
    """What the account's lists say, what is known of how it calculates, and what was posted for other orders."""

    facts: Facts
    accounts: dict[str, LedgerAccount]
    calibration: Calibration
    elsewhere: dict[str, str]


def knowledge(connection: sqlite3.Connection, order: Order) -> Knowledge:
    """Read the lists that one order needs."""
    skus = {line.sku for line in order.lines if line.sku}
    return Knowledge(
        facts=facts.for_order(connection, skus, currency=order.currency),
        accounts=facts.accounts(connection),
        calibration=calibration.believed(connection),
        elsewhere=books.elsewhere(
            connection, order.id, (one.id for payment in order.payments for one in payment.transactions)
        ),
    )


def build(
    subject: Subject,
    order: Order,
    shown: Shown,
    known: Knowledge,
    posting: PostingRules,
    *,
    refunds: tuple[Refund, ...],
    zone: ZoneInfo,
    now: Instant,
) -> Case | None:
    """Put a case together in the `zone` of the books; None where the sale has no document, and never was known to."""
    bases = _bases(subject, order, shown, known.facts, posting)
    if bases is None:
        return None
    ordered, sold = bases
    return Case(
        subject=subject,
        order=order,
        shown=shown,
        ordered=ordered,
        sold=sold,
        facts=known.facts,
        accounts=known.accounts,
        calibration=known.calibration,
        zone=zone,
        day=posting_date(order, zone),
        today=date_in_zone(now, zone),
        opens=_opens(known.facts.company.lock_date if known.facts.company is not None else None),
        refunds=refunds,
        elsewhere=known.elsewhere,
    )


def _bases(
    subject: Subject, order: Order, shown: Shown, known: Facts, posting: PostingRules
) -> tuple[Figures, Sold] | None:
    """Return what was ordered and sold. Of a sale nothing was kept of, as it can be told now."""
    kept = subject.books
    if kept.ordered is not None and kept.sold is not None:
        differs = kept.verdict == "differs"
        return _remapped(kept.ordered, order, known, posting) if differs else kept.ordered, kept.sold
    if shown.order is None:
        return None
    judged = predict(order, known, posting)
    if isinstance(judged, Prediction):
        inclusive = judged.tax_inclusive if shown.tax_inclusive is None else shown.tax_inclusive
        return figures.ordered(judged), figures.sold(judged, shown.order, tax_inclusive=inclusive)
    return figures.untaxed(order), figures.unpredicted(shown.order, order, tax_inclusive=bool(shown.tax_inclusive))


def _remapped(ordered: Figures, order: Order, known: Facts, posting: PostingRules) -> Figures:
    """What was ordered, by today's mappings: who corrects one has the orders that differ judged by it.

    Only the names of the rules may be others. An order that owes something else by now was edited, which is told.
    """
    judged = predict(order, known, posting)
    if not isinstance(judged, Prediction):
        return ordered
    anew = figures.ordered(judged)
    same = (anew.currency, anew.net, anew.tax, anew.total) == (
        ordered.currency,
        ordered.net,
        ordered.tax,
        ordered.total,
    )
    return msgspec.structs.replace(ordered, by_rule=anew.by_rule) if same else ordered


def _opens(lock_date: str | None) -> date | None:
    """Return the first day that is open. A date nobody can read is told elsewhere."""
    try:
        return lock_date_of(lock_date)
    except ValueError:
        return None
