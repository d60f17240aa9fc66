"""Rows of two documents held against each other: what was sold, and what Cin7 Core shows now or has invoiced.

A row is known by its SKU, a charge by its service product. Each gap is sold less shown, per tax rule, with its reason;
a gap without a reason is a part that is merely not invoiced yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from actors.domain.counting import Shares, gap, total
from actors.domain.discrepancy import Reason
from actors.domain.figures import Share, Sold, by_rule
from actors.domain.financial import NOTHING
from actors.domain.rows import OrderRow
from actors.domain.sale import RowKind

_KINDS = {RowKind.SHIPPING.value: Reason.SHIPPING, RowKind.DISCOUNT.value: Reason.DISCOUNT}


class RowGap(msgspec.Struct, frozen=True, kw_only=True):
    """What differs about one SKU or charge. `reason` None: it only is not there yet. `sold`, `shown`: the rows."""

    reason: Reason | None
    component: str
    where: str
    shares: Shares
    sold: tuple[OrderRow, ...] = ()
    shown: tuple[OrderRow, ...] = ()


class _Pair(msgspec.Struct, frozen=True, kw_only=True):
    """All rows of one SKU or charge, on both sides. `documents` is in how many documents it is shown."""

    name: str
    kind: str
    sold: tuple[OrderRow, ...]
    shown: tuple[OrderRow, ...]
    ours: Shares
    theirs: Shares
    documents: int
    unit: Decimal

    @property
    def gap(self) -> Shares:
        return gap(self.ours, self.theirs)

    @property
    def missing(self) -> Decimal:
        """Units sold and not shown."""
        return _units(self.sold) - _units(self.shown)

    @property
    def same_prices(self) -> bool:
        return _prices(self.sold) == _prices(self.shown)

    @property
    def same_rules(self) -> bool:
        return {row.tax_rule for row in self.sold} == {row.tax_rule for row in self.shown}


def edited_rows(sold: Sold, shown: Sequence[OrderRow], *, tax_inclusive: bool, unit: Decimal) -> list[RowGap]:
    """Hold the order document as it was posted against how it is shown now. `unit` is the currency's minor unit."""
    pairs = _pairs(sold, [shown], tax_inclusive=tax_inclusive, unit=unit)
    return [found for pair in pairs if (found := _edited(pair)) is not None]


def invoiced_rows(
    sold: Sold, invoices: Sequence[Sequence[OrderRow]], *, tax_inclusive: bool, unit: Decimal
) -> list[RowGap]:
    """Hold what was sold against the rows of all its invoices together.

    While goods are left to invoice, charges may be too: shipping goes with the first piece, a discount with each, cents
    with the last (money §2.3).
    """
    pairs = _pairs(sold, invoices, tax_inclusive=tax_inclusive, unit=unit)
    partly = any(pair.missing > 0 for pair in pairs if not pair.kind)
    return [found for pair in pairs for found in _invoiced(pair, partly=partly)]


def _pairs(sold: Sold, documents: Sequence[Sequence[OrderRow]], *, tax_inclusive: bool, unit: Decimal) -> list[_Pair]:
    shown = [row for rows in documents for row in rows]
    keys = dict.fromkeys(_key(row) for row in (*sold.rows, *shown))
    pairs = []
    for key in keys:
        ours = tuple(row for row in sold.rows if _key(row) == key)
        theirs = tuple(row for row in shown if _key(row) == key)
        name, is_charge = key
        pairs.append(
            _Pair(
                name=name,
                kind=sold.charges.get(name, RowKind.CUSTOM.value) if is_charge else "",
                sold=ours,
                shown=theirs,
                ours=by_rule(ours, tax_inclusive=sold.tax_inclusive),
                theirs=by_rule(theirs, tax_inclusive=tax_inclusive),
                documents=sum(any(_key(row) == key for row in rows) for rows in documents),
                unit=unit,
            )
        )
    return pairs


def _edited(pair: _Pair) -> RowGap | None:
    if not pair.gap and pair.missing == 0 and pair.same_prices:
        return None
    component = _component(pair)
    return _made(pair, _reason(pair, component), component, pair.gap)


def _invoiced(pair: _Pair, *, partly: bool) -> list[RowGap]:
    if pair.kind:
        found = _charged(pair, partly=partly)
        return [found] if found is not None else []
    if pair.missing > 0 and _units(pair.sold) > 0:
        return _part(pair)
    if pair.missing < 0 and pair.documents > 1:
        return [_made(pair, Reason.MISSING_COMMERCETOOLS, "quantity", pair.gap)]
    found = _edited(pair)
    return [found] if found is not None else []


def _charged(pair: _Pair, *, partly: bool) -> RowGap | None:
    """Judge a charge by its amounts: one that is spread over invoices stands on each with a part."""
    if not pair.gap:
        return None
    sold, shown = _amount(pair.sold), _amount(pair.shown)
    if partly and min(sold, NOTHING) <= shown <= max(sold, NOTHING) and pair.theirs.keys() <= pair.ours.keys():
        return _made(pair, None, "row", pair.gap)
    if pair.sold and pair.documents > 1 and abs(shown) > abs(sold):
        return _made(pair, Reason.MISSING_COMMERCETOOLS, "row", pair.gap)
    spread = "total" if pair.same_rules else "tax rule"
    component = _component(pair) if pair.documents <= 1 else spread
    return _made(pair, _reason(pair, component), component, pair.gap)


def _part(pair: _Pair) -> list[RowGap]:
    """Judge a SKU of which a part is invoiced: that part at its price, within the rounding of its tax; the rest waits.

    A part of a price that is exact for the whole quantity only comes out right within the same rounding.
    """
    part = _units(pair.shown) / _units(pair.sold)
    due = {rule: _scaled(share, part, pair.unit) for rule, share in pair.ours.items()}
    wrong, whole = gap(due, pair.theirs), pair.gap
    at_price = not pair.shown or (pair.same_prices and pair.same_rules)
    if at_price and is_rounding(wrong, pair.unit, len(pair.shown)):
        return [_made(pair, None, "row", whole)] if whole else []
    component = "tax rule" if not pair.same_rules else "price" if not pair.same_prices else "total"
    rest = gap(pair.ours, due)
    late = [_made(pair, None, "row", rest)] if rest else []
    return [_made(pair, _reason(pair, component), component, wrong), *late]


def _reason(pair: _Pair, component: str) -> Reason:
    if component == "tax rule":
        return Reason.TAX_TITLE
    if component == "total" and is_rounding(pair.gap, pair.unit, max(len(pair.sold), len(pair.shown))):
        return Reason.ROUNDING
    return _KINDS.get(pair.kind, Reason.EDITED_CIN7)


def _component(pair: _Pair) -> str:
    """Say what it is that differs, the cause before its consequences: another rule brings another tax with it."""
    if not pair.sold or not pair.shown:
        return "row"
    if pair.missing != 0:
        return "quantity"
    if not pair.same_prices:
        return "price"
    return "total" if pair.same_rules else "tax rule"


def _made(pair: _Pair, reason: Reason | None, component: str, shares: Shares) -> RowGap:
    return RowGap(reason=reason, component=component, where=pair.name, shares=shares, sold=pair.sold, shown=pair.shown)


def is_rounding(shares: Shares, unit: Decimal, rows: int) -> bool:
    """Say whether gaps are at most a minor unit per row, each and together: net, tax, and both."""
    most = unit * rows
    figures = [*shares.values(), total(shares.values())]
    return all(abs(one.net) <= most and abs(one.tax) <= most and abs(one.gross) <= most for one in figures)


def _scaled(share: Share, part: Decimal, unit: Decimal) -> Share:
    """Return a part of an amount, in whole minor units."""
    return Share(net=(share.net * part).quantize(unit), tax=(share.tax * part).quantize(unit))


def _key(row: OrderRow) -> tuple[str, bool]:
    return ((row.name or row.sku) if row.is_charge else row.sku), row.is_charge


def _units(rows: Sequence[OrderRow]) -> Decimal:
    return sum((row.quantity for row in rows), NOTHING)


def _amount(rows: Sequence[OrderRow]) -> Decimal:
    return sum((row.total for row in rows), NOTHING)


def _prices(rows: Sequence[OrderRow]) -> set[tuple[Decimal, Decimal]]:
    return {(row.price, row.discount) for row in rows}
