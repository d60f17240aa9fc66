"""What Cin7's answer to a document says of its arithmetic (money §6): which models it refutes, which it refuses.

An answer teaches only about what was sent. Where Cin7 shows other quantities, prices, discounts or rules than it was
given, it is a difference (`comparison`), and no evidence of how it calculates.
"""

from __future__ import annotations

import re
from decimal import Decimal

import msgspec

from actors.domain.arithmetic import MODELS, Figures, ticks
from actors.domain.calibration import ALL
from actors.domain.money import same_number
from actors.domain.prediction import Prediction, sheet_of
from actors.domain.rows import OrderRow
from actors.domain.sale import OrderView, Row, RowKind

_EXPECTED = re.compile(r"attribute '(Tax|Total)'.*?Expected value is: (-?\d+(?:\.\d+)?)", re.IGNORECASE | re.DOTALL)
_BELOW_ZERO = re.compile(
    r"\bprice\b.{0,60}(negative|less than (0|zero)|greater than (0|zero)|positive)"
    r"|negative (additional )?(charge|price)",
    re.IGNORECASE | re.DOTALL,
)
_TWICE = re.compile(r"duplicate", re.IGNORECASE)


def observe(prediction: Prediction, answer: OrderView) -> frozenset[int] | None:
    """Return the models the answer refutes; None where it says nothing about them."""
    rows = _in_order(prediction.rows, answer.rows)
    if rows is None:
        return None
    try:
        figures = Figures(
            rows=tuple((ticks(row.total), ticks(row.tax)) for row in rows),
            net=ticks(answer.net),
            tax=ticks(answer.tax),
            total=ticks(answer.total),
        )
    except ValueError:  # finer than Cin7 documents: no model shows that
        return ALL
    return sheet_of(prediction).refuted_by(figures)


def _in_order(sent: tuple[Row, ...], shown: tuple[OrderRow, ...]) -> list[OrderRow] | None:
    """Return the rows shown in the order they were sent in, or None unless each is there as it was sent.

    Of rows that were sent alike the one with the tax sent is taken first.
    """
    left = list(shown)
    found: list[OrderRow] = []
    for row in sent:
        alike = [other for other in left if _as_sent(row, other)]
        if not alike:
            return None
        best = next((other for other in alike if same_number(other.tax, row.tax)), alike[0])
        left.remove(best)
        found.append(best)
    return None if left else found


def _as_sent(row: Row, other: OrderRow) -> bool:
    is_line = row.kind is RowKind.LINE
    name = other.sku if is_line else (other.name or other.sku)
    return (
        other.is_charge != is_line
        and name == row.sku
        and other.tax_rule == row.tax_rule
        and same_number(other.quantity, row.quantity)
        and same_number(other.price, row.price)
        and same_number(other.discount, row.discount)
    )


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What a refusal (400) teaches. `flag` is the account's flag that is False from now on, "" for none.

    `refuted` are the models that would not have expected the figure Cin7 named; None where it named none, or one that
    no model expects.
    """

    flag: str = ""
    refuted: frozenset[int] | None = None

    @property
    def teaches(self) -> bool:
        """True where the order is worth planning anew."""
        return bool(self.flag) or self.refuted is not None


def understand(prediction: Prediction, words: str) -> Refusal:
    """Read what Cin7 said when it refused the document."""
    charges = [row for row in prediction.rows if row.kind is not RowKind.LINE]
    if _TWICE.search(words) and len({row.sku for row in charges}) < len(charges):
        return Refusal(flag="repeated_charges")
    expected = _EXPECTED.search(words)
    if expected is not None:
        return Refusal(refuted=_refuted_by_expecting(prediction, expected[1].lower(), Decimal(expected[2])))
    if _BELOW_ZERO.search(words) and any(row.price < 0 for row in charges):
        return Refusal(flag="negative_charges")
    return Refusal()


def _refuted_by_expecting(prediction: Prediction, attribute: str, value: Decimal) -> frozenset[int] | None:
    """Keep the models that expect this figure on a row that was sent with another."""
    sheet, wanted = sheet_of(prediction), ticks(value)
    place = 1 if attribute == "tax" else 0
    sent = sheet.sent().rows
    fitting = frozenset(
        number
        for number, model in enumerate(MODELS)
        if any(made[place] == wanted != meant[place] for made, meant in zip(sheet.under(model).rows, sent, strict=True))
    )
    return ALL - fitting if fitting else None
