"""What came back is held against what was predicted: each figure changed alone is found, and nothing else is."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from actors.domain.comparison import breakdown, compare, moved, totals_finding
from actors.domain.prediction import Prediction, predict
from actors.domain.rows import OrderRow
from actors.domain.sale import OrderView, SaleView
from tests.orders_builder import answer_for, facts_for, line, plain_order, rules_for

ORDER = plain_order(("A", 2, 1999), line("B", 3, 0, total=1000), shipping=495)
ROWS = ("A", "B", "Shipping", "Rounding")


def prediction_of() -> Prediction:
    answer = predict(ORDER, facts_for(ORDER), rules_for(ORDER))
    assert isinstance(answer, Prediction)
    return answer


PREDICTION = prediction_of()
ANSWER = answer_for(PREDICTION)


def found(answer: OrderView, *, inclusive: bool = True, currency: str | None = None) -> set[tuple[str, str]]:
    differences = compare(PREDICTION, answer, tax_inclusive_answer=inclusive, currency_answer=currency)
    return {(difference.component, difference.where) for difference in differences}


def with_rows(*rows: OrderRow) -> OrderView:
    return msgspec.structs.replace(ANSWER, rows=rows)


def changed(place: int, **changes: Any) -> OrderView:
    rows = list(ANSWER.rows)
    rows[place] = msgspec.structs.replace(rows[place], **changes)
    return with_rows(*rows)


def test_the_predicted_document_differs_in_nothing() -> None:
    assert found(ANSWER, currency="GBP") == set()


def test_the_order_of_rows_and_the_number_of_zeros_do_not_matter() -> None:
    rows = [
        msgspec.structs.replace(row, price=row.price.quantize(Decimal("0.0000")), quantity=row.quantity.normalize())
        for row in reversed(ANSWER.rows)
    ]
    assert found(with_rows(*rows)) == set()


@pytest.mark.parametrize("step", [Decimal("0.0001"), Decimal("-0.01"), Decimal(1), Decimal("NaN"), Decimal("sNaN")])
@pytest.mark.parametrize(
    ("field", "component"),
    [("quantity", "quantity"), ("price", "price"), ("discount", "discount"), ("total", "row total")],
)
@pytest.mark.parametrize("place", range(len(ROWS)))
def test_one_figure_of_a_row_changed_alone_is_found(place: int, field: str, component: str, step: Decimal) -> None:
    figure = getattr(ANSWER.rows[place], field)
    assert found(changed(place, **{field: step if step.is_nan() else figure + step})) == {(component, ROWS[place])}


@pytest.mark.parametrize("step", [Decimal("0.0001"), Decimal("-0.01"), Decimal("NaN"), Decimal("sNaN")])
@pytest.mark.parametrize("place", range(len(ROWS)))
def test_a_tax_changed_alone_is_found_in_its_row_and_its_rule(place: int, step: Decimal) -> None:
    tax = ANSWER.rows[place].tax
    answer = changed(place, tax=step if step.is_nan() else tax + step)
    assert found(answer) == {("row tax", ROWS[place]), ("tax of rule", "Sales 20%")}


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_another_tax_rule_is_found(place: int) -> None:
    assert ("tax rule", ROWS[place]) in found(changed(place, tax_rule="Sales 0%"))


@pytest.mark.parametrize("field", ["net", "tax", "total"])
@pytest.mark.parametrize("step", [Decimal("0.0001"), Decimal("-0.01"), Decimal("NaN"), Decimal("sNaN")])
def test_a_figure_of_the_document_changed_alone_is_found(field: str, step: Decimal) -> None:
    figure = step if step.is_nan() else getattr(ANSWER, field) + step
    assert found(msgspec.structs.replace(ANSWER, **{field: figure})) == {(field, "")}


def test_the_mode_and_the_currency_are_found() -> None:
    assert found(ANSWER, inclusive=False) == {("tax inclusive", "")}
    assert found(ANSWER, currency="EUR") == {("currency", "")}


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_a_missing_row_is_found(place: int) -> None:
    rows = [row for number, row in enumerate(ANSWER.rows) if number != place]
    assert ("row", ROWS[place]) in found(with_rows(*rows))


@pytest.mark.parametrize("place", range(len(ROWS)))
def test_a_row_too_many_is_found(place: int) -> None:
    assert ("row", ROWS[place]) in found(with_rows(*ANSWER.rows, ANSWER.rows[place]))


def test_an_empty_document_is_every_row_missing() -> None:
    assert {("row", name) for name in ROWS} <= found(with_rows())


def test_goods_that_come_back_as_a_charge_are_another_row() -> None:
    assert ("row", "A") in found(changed(0, is_charge=True, name="A"))


def test_another_sku_is_a_row_missing_and_a_row_too_many() -> None:
    differences = compare(PREDICTION, changed(0, sku="a"), tax_inclusive_answer=True)
    assert {(difference.where, difference.ours == "–") for difference in differences} == {("A", False), ("a", True)}


def test_two_charges_of_one_name_are_matched_whatever_their_order() -> None:
    rules = rules_for(ORDER)
    rules = msgspec.structs.replace(rules, charges=msgspec.structs.replace(rules.charges, rounding="Shipping"))
    prediction = predict(ORDER, facts_for(ORDER), rules)
    assert isinstance(prediction, Prediction)
    answer = answer_for(prediction)
    turned = msgspec.structs.replace(answer, rows=tuple(reversed(answer.rows)))
    assert compare(prediction, turned, tax_inclusive_answer=True) == ()


def test_the_exception_shows_both_breakdowns_side_by_side() -> None:
    answer = msgspec.structs.replace(changed(3, total=Decimal("0.02")), total=Decimal("54.94"))
    differences = compare(PREDICTION, answer, tax_inclusive_answer=True)

    finding = totals_finding(PREDICTION, answer, differences)

    assert finding.code == "totals_differ"
    assert "total: predicted 54.93, shown 54.94" in finding.cause
    assert (finding.facts["total predicted"], finding.facts["total shown"]) == ("54.93", "54.94")
    assert (finding.facts["cents predicted"], finding.facts["cents shown"]) == ("0.01", "0.02")
    assert finding.facts["tax Sales 20% predicted"] == finding.facts["tax Sales 20% shown"]
    assert finding.facts["rows predicted"].startswith("A 2×19.99 [6.66 @ Sales 20%] · B 3×3.33 [1.67 @ Sales 20%]")


def test_a_breakdown_of_figures_that_are_none_is_still_written() -> None:
    sides = breakdown(PREDICTION, changed(2, total=Decimal("sNaN"), tax=Decimal("sNaN"), discount=Decimal("sNaN")))
    assert sides["shipping shown"] == "NaN"


SALE = SaleView(
    id="s",
    status="ORDERED",
    external_id=None,
    customer_reference=None,
    tax_inclusive=True,
    currency="GBP",
    currency_rate=Decimal("1.10"),
    order=ANSWER,
)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"tax_inclusive": False}, {"TaxCalculation"}),
        ({"currency": "EUR"}, {"CustomerCurrency"}),
        ({"currency": None, "currency_rate": None, "order": None}, set()),
        ({"currency_rate": Decimal("1.1000")}, set()),
        ({"currency_rate": Decimal("1.11")}, {"CurrencyRate"}),
        *(({"order": msgspec.structs.replace(ANSWER, **{one: Decimal(1)})}, {one}) for one in ("net", "tax", "total")),
        ({"status": "PICKED", "location": "Elsewhere"}, set()),
    ],
)
def test_money_that_moves_with_a_change_of_texts_is_seen(changes: dict[str, Any], names: set[str]) -> None:
    assert set(moved(SALE, msgspec.structs.replace(SALE, **changes))) == names
