"""What is made of a part is posted only where whatever is not refuted of the account shows it as it is meant."""

from __future__ import annotations

from decimal import Decimal

import pytest

from actors.domain.arithmetic import MODELS, TaxModel
from actors.domain.calibration import Calibration, ModeRecord
from actors.domain.exactness import shown_otherwise
from actors.domain.facts import TaxRule
from actors.domain.sale import Row, RowKind

RULE = "20% (VAT on Income)"
RULES = {RULE: TaxRule(id="t", name=RULE, percent=Decimal(20))}
GIVEN = frozenset(number for number, model in enumerate(MODELS) if model.tax is TaxModel.GIVEN)
BY_ROW = frozenset(number for number, model in enumerate(MODELS) if model.tax is TaxModel.ROW and model.tax_digits == 2)


def row(amount: str, tax: str, rule: str = RULE) -> Row:
    worth = Decimal(amount)
    return Row(
        kind=RowKind.LINE, sku="A", product_id="p", name="A", quantity=Decimal(1), price=worth, tax=Decimal(tax),
        tax_rule=rule, amount=worth,
    )  # fmt: skip


def asked(one: Row, record: ModeRecord) -> str:
    return shown_otherwise((one,), Calibration(exclusive=record), RULES, inclusive=False)


@pytest.mark.parametrize(
    ("one", "alive", "exact"),
    [
        pytest.param(row("1.42", "0.28"), BY_ROW, True, id="as it is recomputed"),
        pytest.param(row("1.42", "0.29"), BY_ROW, False, id="a cent more"),
        pytest.param(row("1.42", "0.29"), GIVEN, True, id="taken as sent"),
        pytest.param(row("1.42", "0.29"), GIVEN | BY_ROW, False, id="not known which"),
        pytest.param(row("1.42", "0.29", "Renamed"), BY_ROW, True, id="a rule that is gone is Cin7's to refuse"),
    ],
)
def test_every_model_that_is_left_has_to_show_it(one: Row, alive: frozenset[int], exact: bool) -> None:
    assert (asked(one, ModeRecord(alive=alive)) == "") is exact


def test_both_figures_are_said() -> None:
    said = asked(row("1.42", "0.29"), ModeRecord(alive=BY_ROW))
    assert "tax 0.28, total 1.70" in said
    assert "tax 0.29, total 1.71 are due" in said


def test_nothing_is_foreseen_of_an_account_that_is_none_of_the_sixteen() -> None:
    assert asked(row("1.42", "0.28"), ModeRecord(outside=True)) == "how the account calculates is not known"
