"""What one document comes to, by tax rule: how the two sides of an order are held against each other.

Amounts are `Decimal` in `currency`; shares by rule carry the names of Cin7 Core's tax rules on both sides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from actors.domain.financial import NOTHING
from actors.domain.money import to_decimal
from actors.domain.order import Order
from actors.domain.prediction import Prediction
from actors.domain.rows import OrderRow
from actors.domain.sale import OrderView, RowKind


class Share(msgspec.Struct, frozen=True, kw_only=True):
    """What of a document is taxed by one rule: net and tax."""

    net: Decimal = NOTHING
    tax: Decimal = NOTHING

    @property
    def gross(self) -> Decimal:
        """Both together."""
        return self.net + self.tax


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a document comes to. `shipping`, `discount` and `rounding` are parts of it, in its own tax mode.

    `by_rule` adds up to net and tax. `rate` is base units for one unit of `currency` (None: the books' own).
    """

    currency: str
    net: Decimal
    tax: Decimal
    total: Decimal
    by_rule: dict[str, Share] = {}
    shipping: Decimal = NOTHING
    discount: Decimal = NOTHING
    rounding: Decimal = NOTHING
    rate: Decimal | None = None


class Sold(msgspec.Struct, frozen=True, kw_only=True):
    """The order document of a sale as it was posted: what invoices and credit notes are made from.

    `charges` says by service product what a charge stands for (`RowKind` values: shipping, discount, rounding, custom).
    `whole_only` are SKUs whose price is exact for the whole quantity only (money §2.3). `account` is the customer's
    revenue account.
    """

    rows: tuple[OrderRow, ...]
    tax_inclusive: bool
    currency: str
    net: Decimal
    tax: Decimal
    total: Decimal
    charges: dict[str, str] = {}
    whole_only: frozenset[str] = frozenset()
    rate: Decimal | None = None
    account: str = ""


def sold(prediction: Prediction, answer: OrderView, *, tax_inclusive: bool) -> Sold:
    """Return the order document as Cin7 answered it, with what the prediction knows of its rows."""
    return Sold(
        rows=answer.rows,
        tax_inclusive=tax_inclusive,
        currency=prediction.currency,
        net=answer.net,
        tax=answer.tax,
        total=answer.total,
        charges={row.sku: row.kind.value for row in prediction.rows if row.kind is not RowKind.LINE},
        whole_only=prediction.whole_only,
        rate=prediction.rate.rate if prediction.rate is not None else None,
        account=prediction.customer.revenue,
    )


def ordered(prediction: Prediction) -> Figures:
    """Return what commercetools' order comes to, in the words of the books: the prediction copies its figures."""
    shares: dict[str, Share] = {}
    for row in prediction.rows:
        shares[row.tax_rule] = _with(shares.get(row.tax_rule), row.amount, row.tax, inclusive=prediction.tax_inclusive)
    return Figures(
        currency=prediction.currency,
        net=prediction.net,
        tax=prediction.tax,
        total=prediction.total,
        by_rule=shares,
        shipping=prediction.shipping,
        discount=prediction.discount,
        rounding=prediction.cents,
        rate=prediction.rate.rate if prediction.rate is not None else None,
    )


def untaxed(order: Order) -> Figures:
    """Return what an order comes to where its taxes are mapped to no rules any more: all of it under no rule."""
    net, total = (order.taxed.net, order.taxed.gross) if order.taxed is not None else (order.total, order.total)
    share = Share(net=to_decimal(net, order.digits), tax=to_decimal(total - net, order.digits))
    return Figures(currency=order.currency, net=share.net, tax=share.tax, total=share.gross, by_rule={"": share})


def unpredicted(view: OrderView, order: Order, *, tax_inclusive: bool) -> Sold:
    """Return the order document of a sale of which nothing was kept: what its charges stand for is not known."""
    return Sold(
        rows=view.rows,
        tax_inclusive=tax_inclusive,
        currency=order.currency,
        net=view.net,
        tax=view.tax,
        total=view.total,
        charges={row.name or row.sku: RowKind.CUSTOM.value for row in view.rows if row.is_charge},
    )


def by_rule(rows: Sequence[OrderRow], *, tax_inclusive: bool) -> dict[str, Share]:
    """Add the rows of a document up per tax rule, as they are shown."""
    shares: dict[str, Share] = {}
    for row in rows:
        shares[row.tax_rule] = _with(shares.get(row.tax_rule), row.total, row.tax, inclusive=tax_inclusive)
    return shares


def of_kind(rows: Sequence[OrderRow], charges: Mapping[str, str], kind: str) -> Decimal:
    """Add up the charges that stand for this (a `RowKind`), in the document's own tax mode."""
    named = (row for row in rows if row.is_charge and charges.get(row.name or row.sku) == kind)
    return sum((row.total for row in named), NOTHING)


def _with(share: Share | None, amount: Decimal, tax: Decimal, *, inclusive: bool) -> Share:
    before = share if share is not None else Share()
    return Share(net=before.net + (amount - tax if inclusive else amount), tax=before.tax + tax)
