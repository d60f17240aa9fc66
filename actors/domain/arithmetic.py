"""The sixteen ways in which a Cin7 Core account may calculate a document (money §6).

Line total {2, 4 decimals} x tax {as given; per row to 2; per row to 4; per rule on the document} x {half up, half
even}. Nobody documents which one is true, and none is preferred: each is only a model to hold answers against.
Everything is counted in *ticks*, whole ten-thousandths of the currency's main unit, the finest Cin7 writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

import msgspec

from actors.domain.money import minor_units, to_decimal
from actors.domain.sale import Row

TICK_DIGITS = 4
_HUNDRED = 100


class TaxModel(StrEnum):
    """What becomes of the Tax a row was sent with."""

    GIVEN = "given"
    ROW = "row"
    DOCUMENT = "document"


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One way to calculate. `even`: exact halves go to the even neighbour, else away from zero."""

    line_digits: int
    tax: TaxModel
    tax_digits: int
    even: bool

    def __str__(self) -> str:
        """Say in words how this model makes a tax."""
        halves = "to the even cent" if self.even else "up"
        match self.tax:
            case TaxModel.GIVEN:
                return "tax is taken as sent"
            case TaxModel.ROW:
                return f"tax of each row recomputed to {self.tax_digits} decimals, halves {halves}"
            case TaxModel.DOCUMENT:
                return f"tax recomputed once per rule on the document, halves {halves}"


MODELS: tuple[Model, ...] = tuple(
    Model(line_digits=line_digits, tax=tax, tax_digits=tax_digits, even=even)
    for line_digits in (2, 4)
    for tax, tax_digits in ((TaxModel.GIVEN, 2), (TaxModel.ROW, 2), (TaxModel.ROW, 4), (TaxModel.DOCUMENT, 2))
    for even in (False, True)
)
"""By number: what `actors.domain.calibration` calls a model is its place here."""


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a document shows, in ticks: (total, tax) of each row, then net, tax and total of the whole."""

    rows: tuple[tuple[int, int], ...]
    net: int
    tax: int
    total: int


def ticks(amount: Decimal) -> int:
    """Return an amount of the main unit in ticks.

    Raises:
        ValueError: it is finer than a tick, or not finite.
    """
    return minor_units(amount, TICK_DIGITS)


def _own_ticks(amount: Decimal) -> int:
    """Return a figure of a row we made in ticks: it has at most four decimals and fifteen figures, so this is exact."""
    return int(amount.scaleb(TICK_DIGITS))


def from_ticks(count: int) -> Decimal:
    """Return ticks as an amount of the main unit, without superfluous zeros beyond two decimals."""
    whole, rest = divmod(abs(count), _HUNDRED)
    if rest:
        return to_decimal(count, TICK_DIGITS)
    return to_decimal(whole if count >= 0 else -whole, 2)


class Sheet:
    """A document about to be calculated: its rows as sent, and the percent of every tax rule they name."""

    def __init__(self, rows: Sequence[Row], percents: Mapping[str, Decimal], *, inclusive: bool) -> None:
        self._inclusive = inclusive
        self._rules = [row.tax_rule for row in rows]
        self._sent_taxes = [_own_ticks(row.tax) for row in rows]
        self._exact = [_exact_total(row) for row in rows]
        fractions = {name: _fraction(percent, inclusive) for name, percent in percents.items()}
        self._fractions = {name: (part.numerator, part.denominator) for name, part in fractions.items()}
        self._shares = [self._fractions[rule] for rule in self._rules]
        self._totals: dict[tuple[int, bool], tuple[int, ...]] = {}
        self._taxes: dict[tuple[tuple[int, ...], int, bool], list[int]] = {}

    def under(self, model: Model) -> Figures:
        """Return what Cin7 would show if it calculated by this model."""
        totals = self._line_totals(model.line_digits, model.even)
        taxes = self._sent_taxes
        if model.tax is TaxModel.ROW:
            taxes = self._row_taxes(totals, model.tax_digits, model.even)
        tax = self._on_document(totals, model) if model.tax is TaxModel.DOCUMENT else sum(taxes)
        return self.shown(tuple(zip(totals, taxes, strict=True)), tax)

    def shown(self, rows: tuple[tuple[int, int], ...], tax: int) -> Figures:
        """Add rows up to a document in this sheet's mode."""
        amount = sum(total for total, _ in rows)
        net, total = (amount - tax, amount) if self._inclusive else (amount, amount + tax)
        return Figures(rows=rows, net=net, tax=tax, total=total)

    def sent(self) -> Figures:
        """Return the document as it was meant: row totals unrounded, taxes as sent."""
        totals = self._line_totals(TICK_DIGITS, False)
        return self.shown(tuple(zip(totals, self._sent_taxes, strict=True)), sum(self._sent_taxes))

    def tax_by_rule(self, model: Model) -> dict[str, int]:
        """Return the tax of each rule as this model makes it: of its rows, or once on the document."""
        figures = self.under(model)
        by_rule: dict[str, int] = {}
        amounts: dict[str, int] = {}
        for rule, (total, tax) in zip(self._rules, figures.rows, strict=True):
            by_rule[rule] = by_rule.get(rule, 0) + tax
            amounts[rule] = amounts.get(rule, 0) + total
        return self._on_amounts(amounts, model) if model.tax is TaxModel.DOCUMENT else by_rule

    def exact_under(self, numbers: Iterable[int] = range(len(MODELS))) -> frozenset[int]:
        """Return which of these models (by number; all of them) show every figure as it was meant."""
        wanted = self.sent()
        return frozenset(number for number in numbers if self.under(MODELS[number]) == wanted)

    def refuted_by(self, answer: Figures) -> frozenset[int]:
        """Return the numbers of the models that would have shown something else."""
        return frozenset(number for number, model in enumerate(MODELS) if self.under(model) != answer)

    def _line_totals(self, digits: int, even: bool) -> tuple[int, ...]:
        known = self._totals.get((digits, even))
        if known is None:
            known = tuple(_rounded(*exact, digits, even=even) for exact in self._exact)
            self._totals[digits, even] = known
        return known

    def _row_taxes(self, totals: tuple[int, ...], digits: int, even: bool) -> list[int]:
        known = self._taxes.get((totals, digits, even))
        if known is None:
            known = [
                _rounded(total * part, of, digits, even=even)
                for total, (part, of) in zip(totals, self._shares, strict=True)
            ]
            self._taxes[totals, digits, even] = known
        return known

    def _on_document(self, totals: Sequence[int], model: Model) -> int:
        amounts: dict[str, int] = {}
        for total, rule in zip(totals, self._rules, strict=True):
            amounts[rule] = amounts.get(rule, 0) + total
        return sum(self._on_amounts(amounts, model).values())

    def _on_amounts(self, amounts: Mapping[str, int], model: Model) -> dict[str, int]:
        made: dict[str, int] = {}
        for rule, amount in amounts.items():
            part, of = self._fractions[rule]
            made[rule] = _rounded(amount * part, of, model.tax_digits, even=model.even)
        return made


def _exact_total(row: Row) -> tuple[int, int]:
    """Quantity x Price x (1 - Discount/100), never plus Tax, in ticks over a divisor (Cin7 fact sheet §2.6)."""
    if row.discount == _HUNDRED:
        return 0, 1
    quantity, of = row.quantity.as_integer_ratio()
    total = _own_ticks(row.price) * quantity
    if row.discount == 0:
        return total, of
    left, hundred = (_HUNDRED - row.discount).as_integer_ratio()
    return total * left, of * hundred * _HUNDRED


def _fraction(percent: Decimal, inclusive: bool) -> Fraction:
    """Return the part of an amount that is tax, inside it (inclusive) or on top of it."""
    share = Fraction(percent)
    return share / (_HUNDRED + share) if inclusive else share / _HUNDRED


def _rounded(amount: int, of: int, digits: int, *, even: bool) -> int:
    """Round `amount / of` ticks to so many decimals of the main unit; the sign plays no part."""
    unit: int = 10 ** (TICK_DIGITS - digits)
    denominator = of * unit
    whole, rest = divmod(abs(amount), denominator)
    twice = rest * 2
    if twice > denominator or (twice == denominator and (not even or whole % 2 == 1)):
        whole += 1
    return whole * unit if amount >= 0 else -whole * unit
