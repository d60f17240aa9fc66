"""What came back, held against what was predicted: row by row, then the document (law L5, failure story M6).

Equality is of numbers: 1.50 is 1.5, 9.9999 is not 10.00, and a figure that is not a number equals nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.financial import Invoice
from actors.domain.fulfilment import CreditNote
from actors.domain.money import same_number
from actors.domain.prediction import Prediction
from actors.domain.rows import OrderRow
from actors.domain.sale import OrderView, Row, RowKind, SaleView

ABSENT = "–"


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One figure that is not as predicted. `where` is a SKU, a charge's name, a tax rule, or "" for the document."""

    component: str
    ours: str
    theirs: str
    where: str = ""

    def __str__(self) -> str:
        place = f" of {self.where}" if self.where else ""
        return f"{self.component}{place}: predicted {self.ours}, shown {self.theirs}"


def compare(
    prediction: Prediction, answer: OrderView, *, tax_inclusive_answer: bool, currency_answer: str | None = None
) -> tuple[Difference, ...]:
    """List every difference between the prediction and the order document Cin7 shows.

    `tax_inclusive_answer` is the mode of the sale as read; `currency_answer` its currency, where the reading shows one.
    """
    found = [
        *_rows(prediction.rows, answer.rows),
        *_taxes(prediction, answer),
        *_figure("net", "", prediction.net, answer.net),
        *_figure("tax", "", prediction.tax, answer.tax),
        *_figure("total", "", prediction.total, answer.total),
        *_text("tax inclusive", "", str(prediction.tax_inclusive), str(tax_inclusive_answer)),
    ]
    if currency_answer is not None:
        found += _text("currency", "", prediction.currency, currency_answer)
    return tuple(found)


def compare_voucher(rows: Sequence[Row], shown: Invoice | CreditNote, *, tax_inclusive: bool) -> tuple[Difference, ...]:
    """List every difference between the rows that were posted and the invoice or credit note Cin7 shows for them.

    `tax_inclusive` is the mode of the sale the rows were made of: it says what they add up to.
    """
    amount, tax = sum((row.amount for row in rows), Decimal(0)), sum((row.tax for row in rows), Decimal(0))
    net, total = (amount - tax, amount) if tax_inclusive else (amount, amount + tax)
    return (
        *_rows(tuple(rows), shown.rows),
        *_figure("net", "", net, shown.net),
        *_figure("tax", "", tax, shown.tax),
        *_figure("total", "", total, shown.total),
    )


def breakdown(prediction: Prediction, answer: OrderView) -> dict[str, str]:
    """Write both documents side by side, for an exception: each component once as predicted, once as shown."""
    digits = -int(prediction.total.as_tuple().exponent)
    sides = {
        f"{component} {side}": _written(figure, digits)
        for component, ours, theirs in (
            ("net", prediction.net, answer.net),
            ("tax", prediction.tax, answer.tax),
            ("total", prediction.total, answer.total),
        )
        for side, figure in (("predicted", ours), ("shown", theirs))
    }
    theirs_by_rule = _tax_by_rule(answer.rows)
    for rule in sorted({*prediction.tax_by_rule, *theirs_by_rule}):
        sides[f"tax {rule} predicted"] = _written(prediction.tax_by_rule.get(rule, Decimal(0)), digits)
        sides[f"tax {rule} shown"] = _written(theirs_by_rule.get(rule, Decimal(0)), digits)
    sides["currency"] = prediction.currency
    for name, kind, amount in (
        ("shipping", RowKind.SHIPPING, prediction.shipping),
        ("discount", RowKind.DISCOUNT, prediction.discount),
        ("cents", RowKind.ROUNDING, prediction.cents),
    ):
        named = {row.sku for row in prediction.rows if row.kind is kind}
        if named:
            matching = [row for row in answer.rows if row.is_charge and _name(row) in named]
            theirs = sum((_figure_or_nan(row.total) for row in matching), Decimal(0))
            sides |= {f"{name} predicted": _written(amount, digits), f"{name} shown": _written(theirs, digits)}
    sides["rows predicted"] = " · ".join(_row_text(row.sku, row, digits) for row in prediction.rows)
    sides["rows shown"] = " · ".join(_row_text(_name(row), row, digits) for row in answer.rows)
    return sides


def moved(before: SaleView, after: SaleView) -> dict[str, tuple[str, str]]:
    """Say what a change of a sale's texts changed about its money, which it must not: by name, before and after.

    What the answer does not show says nothing.
    """
    shown = {
        "TaxCalculation": (_mode(before), _mode(after)),
        "CustomerCurrency": (before.currency or "", after.currency or ""),
        "CurrencyRate": (_plain(before.currency_rate), _plain(after.currency_rate)),
    }
    if before.order is not None and after.order is not None:
        for name in ("net", "tax", "total"):
            shown[name] = (_plain(getattr(before.order, name)), _plain(getattr(after.order, name)))
    return {name: pair for name, pair in shown.items() if pair[1] and pair[0] != pair[1]}


def _mode(view: SaleView) -> str:
    return "Inclusive" if view.tax_inclusive else "Exclusive"


def _plain(value: Decimal | None) -> str:
    return "" if value is None else f"{value.normalize():f}"


def totals_finding(prediction: Prediction, answer: OrderView, differences: Sequence[Difference]) -> Finding:
    """Make the exception of a sale that differs: every difference in words, both breakdowns beside them."""
    return Finding(
        code="totals_differ",
        cause="; ".join(str(difference) for difference in differences),
        field=differences[0].component if differences else "",
        facts=breakdown(prediction, answer),
    )


def _rows(ours: tuple[Row, ...], theirs: tuple[OrderRow, ...]) -> Iterator[Difference]:
    """Match rows by SKU or service name. One charge may stand twice: an equal row is matched before any other."""
    unmatched = list(theirs)
    pending: list[Row] = []
    for row in ours:
        same = next((other for other in unmatched if _matches(row, other) and not list(_row(row, other))), None)
        if same is None:
            pending.append(row)
        else:
            unmatched.remove(same)
    for row in pending:
        other = next((other for other in unmatched if _matches(row, other)), None)
        if other is None:
            yield Difference(component="row", where=row.sku, ours=_row_text(row.sku, row), theirs=ABSENT)
            continue
        unmatched.remove(other)
        yield from _row(row, other)
    for other in unmatched:
        name = _name(other)
        yield Difference(component="row", where=name, ours=ABSENT, theirs=_row_text(name, other))


def _row(ours: Row, theirs: OrderRow) -> Iterator[Difference]:
    yield from _figure("quantity", ours.sku, ours.quantity, theirs.quantity)
    yield from _figure("price", ours.sku, ours.price, theirs.price)
    yield from _figure("discount", ours.sku, ours.discount, theirs.discount)
    yield from _figure("row total", ours.sku, ours.amount, theirs.total)
    yield from _figure("row tax", ours.sku, ours.tax, theirs.tax)
    yield from _text("tax rule", ours.sku, ours.tax_rule, theirs.tax_rule)


def _taxes(prediction: Prediction, answer: OrderView) -> Iterator[Difference]:
    theirs = _tax_by_rule(answer.rows)
    for rule in sorted({*prediction.tax_by_rule, *theirs}):
        ours = prediction.tax_by_rule.get(rule, Decimal(0))
        yield from _figure("tax of rule", rule, ours, theirs.get(rule, Decimal(0)))


def _tax_by_rule(rows: tuple[OrderRow, ...]) -> dict[str, Decimal]:
    """Add the shown taxes up per rule; a tax that is no number makes its sum none either."""
    taxes: dict[str, Decimal] = {}
    for row in rows:
        taxes[row.tax_rule] = taxes.get(row.tax_rule, Decimal(0)) + _figure_or_nan(row.tax)
    return taxes


def _figure(component: str, where: str, ours: Decimal, theirs: Decimal) -> Iterator[Difference]:
    if not same_number(ours, theirs):
        yield Difference(component=component, where=where, ours=f"{ours:f}", theirs=f"{theirs:f}")


def _text(component: str, where: str, ours: str, theirs: str) -> Iterator[Difference]:
    if ours != theirs:
        yield Difference(component=component, where=where, ours=ours, theirs=theirs)


def _matches(ours: Row, theirs: OrderRow) -> bool:
    return theirs.is_charge == (ours.kind is not RowKind.LINE) and _name(theirs) == ours.sku


def _name(row: OrderRow) -> str:
    """Return what identifies a row: a charge is known by its service product's name, goods by their SKU."""
    return (row.name or row.sku) if row.is_charge else row.sku


def _figure_or_nan(figure: Decimal) -> Decimal:
    """Return the figure, or a quiet NaN for anything that is none: it may be summed, and it equals nothing."""
    return figure if figure.is_finite() else Decimal("NaN")


def _row_text(name: str, row: Row | OrderRow, digits: int = 0) -> str:
    less = "" if same_number(row.discount, Decimal(0)) else f" −{row.discount:f} %"
    price, tax = _written(row.price, digits), _written(row.tax, digits)
    return f"{name} {_written(row.quantity, 0)}×{price}{less} [{tax} @ {row.tax_rule}]"


def _written(figure: Decimal, digits: int) -> str:
    """Write a figure with at least so many decimals, so that two equal ones look equal; nothing is rounded."""
    if not figure.is_finite():
        return str(figure)
    exponent = figure.normalize().as_tuple().exponent
    places = max(digits, -exponent if isinstance(exponent, int) else 0)
    return f"{figure:.{places}f}"
