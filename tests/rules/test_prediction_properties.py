"""What holds for every order: sums, quantities, order of lines, one-unit changes, and an answer for anything at all."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.facts import Facts
from actors.domain.order import (
    Address,
    CustomLine,
    Line,
    Order,
    PriceGroup,
    Shipping,
    Taxed,
    TaxedTotal,
    TaxPortion,
    TaxRate,
)
from actors.domain.prediction import Hold, Prediction, predict
from actors.domain.sale import RowKind
from tests.orders_builder import facts_for, line, plain_order, rate_of, rules_for, shipment, totalled

PENNY = Decimal("0.01")
EXAMPLES = settings(max_examples=150, deadline=None)


@st.composite
def plain_orders(draw: st.DrawFn) -> Order:
    """Orders that are plain and agree with themselves: groups, repeated SKUs, totals that do not divide, shipping."""
    rate = rate_of(draw(st.sampled_from(["0", "0.05", "0.077", "0.19", "0.2", "0.25"])), included=draw(st.booleans()))
    rounding = draw(st.sampled_from(["HalfEven", "HalfUp", "HalfDown"]))
    calculation = draw(st.sampled_from(["LineItemLevel", "UnitPriceLevel"]))
    lines: list[Line] = []
    for _ in range(draw(st.integers(1, 6))):
        sku, kind = draw(st.sampled_from("ABCD")), draw(st.sampled_from(["unit", "groups", "lump"]))
        parts = draw(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 9999)), min_size=1, max_size=3))
        pieces = sum(quantity for quantity, _ in parts)
        options: dict[str, Any] = {"rate": rate, "rounding": rounding, "calculation": calculation}
        if kind == "unit":
            lines.append(line(sku, parts[0][0], parts[0][1], **options))
        elif kind == "groups":
            lines.append(line(sku, pieces, parts[0][1], groups=tuple(parts), **options))
        else:
            total = draw(st.integers(pieces, 99999))
            lines.append(line(sku, pieces, 0, total=total, price_mode="ExternalTotal", **options))
    freight = draw(st.none() | st.integers(0, 2000))
    parcel = None if freight is None else shipment(freight, rate=rate, rounding=rounding)
    return plain_order(*lines, shipping=parcel, tax_rounding=rounding, tax_calculation=calculation)


def predicted(order: Order) -> Prediction:
    answer = predict(order, facts_for(order), rules_for(order))
    assert isinstance(answer, Prediction), answer
    return answer


@EXAMPLES
@given(plain_orders())
def test_the_rows_add_up_to_the_order(order: Order) -> None:
    prediction, taxed = predicted(order), order.taxed
    assert taxed is not None

    assert (prediction.net, prediction.total) == (Decimal(taxed.net) / 100, Decimal(taxed.gross) / 100)
    assert prediction.net + prediction.tax == prediction.total
    assert sum(row.amount for row in prediction.rows) == (
        prediction.total if prediction.tax_inclusive else prediction.net
    )
    assert sum(row.tax for row in prediction.rows) == prediction.tax
    assert sum(prediction.tax_by_rule.values()) == Decimal(sum(portion.amount for portion in taxed.portions)) / 100


@EXAMPLES
@given(plain_orders())
def test_every_piece_is_there_once_at_a_whole_price(order: Order) -> None:
    prediction = predicted(order)
    bought: Counter[str | None] = Counter()
    for each in order.lines:
        bought[each.sku] += each.quantity
    goods = [row for row in prediction.rows if row.kind is RowKind.LINE]

    assert {row.sku: row.quantity for row in goods} == bought
    assert len(goods) == len(bought)
    assert [row.sku for row in goods] == list(dict.fromkeys(each.sku for each in order.lines))
    assert [row.kind for row in prediction.rows] == sorted(
        (row.kind for row in prediction.rows), key=[RowKind.LINE, RowKind.SHIPPING, RowKind.ROUNDING].index
    )
    for row in prediction.rows:
        assert row.price % PENNY == 0
        assert row.price > 0
        assert row.tax >= 0
        assert row.quantity >= 1
        assert row.discount == 0
        assert row.quantity * row.price == row.amount
    assert 0 <= prediction.cents * 100 < sum(row.quantity for row in goods)


@EXAMPLES
@given(plain_orders())
def test_the_cents_carry_the_tax_of_their_rate(order: Order) -> None:
    prediction = predicted(order)
    cents = next((row for row in prediction.rows if row.kind is RowKind.ROUNDING), None)
    rate = order.lines[0].tax_rate
    if cents is None or rate is None:
        return
    share = Fraction(rate.rate)
    exact = Fraction(cents.amount) * (share / (1 + share) if rate.included else share)
    assert Fraction(cents.tax) <= exact + Fraction(1, 200)  # half up, or less where the lines hold no more tax
    assert cents.tax < cents.amount or cents.tax == 0


@EXAMPLES
@given(plain_orders(), st.randoms(use_true_random=False))
def test_the_order_of_the_lines_changes_no_figure(order: Order, random: Any) -> None:
    shuffled = list(order.lines)
    random.shuffle(shuffled)
    one, other = predicted(order), predicted(msgspec.structs.replace(order, lines=tuple(shuffled)))

    assert sorted(map(repr, one.rows)) == sorted(map(repr, other.rows))
    assert msgspec.structs.replace(one, rows=()) == msgspec.structs.replace(other, rows=())


@EXAMPLES
@given(plain_orders())
def test_two_runs_give_equal_bytes_and_no_float(order: Order) -> None:
    once, again = (msgspec.json.encode(predicted(order)) for _ in range(2))
    assert once == again
    assert not any(isinstance(leaf, float) for leaf in leaves(msgspec.to_builtins(predicted(order))))
    assert all(isinstance(figure, Decimal) for row in predicted(order).rows for figure in (row.price, row.tax))


def leaves(tree: object) -> list[object]:
    if isinstance(tree, dict):
        return [leaf for branch in tree.values() for leaf in leaves(branch)]
    if isinstance(tree, list | tuple):
        return [leaf for branch in tree for leaf in leaves(branch)]
    return [tree]


def one_unit_changes(order: Order) -> list[Order]:
    """Change each figure of the order alone by one minor unit, or one piece, up and down."""
    replace, taxed = msgspec.structs.replace, order.taxed
    assert taxed is not None
    changed: list[Order] = []
    for step in (1, -1):
        changed.append(replace(order, total=order.total + step))
        for side in ("net", "gross", "tax"):
            changed.append(replace(order, taxed=replace(taxed, **{side: getattr(taxed, side) + step})))
        for place, portion in enumerate(taxed.portions):
            portions = list(taxed.portions)
            portions[place] = replace(portion, amount=portion.amount + step)
            changed.append(replace(order, taxed=replace(taxed, portions=tuple(portions))))
        for place, each in enumerate(order.lines):
            figures = each.taxed
            assert figures is not None
            for new in (
                replace(each, total=each.total + step),
                replace(each, quantity=each.quantity + step),
                replace(each, taxed=replace(figures, net=figures.net + step)),
                replace(each, taxed=replace(figures, gross=figures.gross + step)),
            ):
                changed.append(replace(order, lines=(*order.lines[:place], new, *order.lines[place + 1 :])))
        for parcel in order.shipping:
            assert parcel.taxed is not None
            changed.append(replace(order, shipping=(replace(parcel, price=parcel.price + step),)))
            dearer = replace(parcel, taxed=replace(parcel.taxed, net=parcel.taxed.net + step))
            changed.append(replace(order, shipping=(dearer,)))
    return changed


@settings(max_examples=60, deadline=None)
@given(plain_orders())
def test_one_unit_changed_is_a_hold_or_another_document(order: Order) -> None:
    prediction, facts, rules = predicted(order), facts_for(order), rules_for(order)
    for changed in one_unit_changes(order):
        assert predict(changed, facts, rules) != prediction


# Anything at all: an answer, never an error.

FIGURES = st.integers(-5, 5) | st.integers(-(10**18), 10**18)
WORDS = st.sampled_from(["", "A", "a", " ", "é", "x" * 300])
RATES = st.decimals(allow_nan=True, allow_infinity=True) | st.sampled_from(
    [Decimal("0.2"), Decimal(0), Decimal("sNaN")]
)
TAX_RATES = st.builds(TaxRate, name=WORDS, rate=RATES, included=st.booleans(), country=st.none() | WORDS)
TAXED = st.builds(Taxed, net=FIGURES, gross=FIGURES)
GROUPS = st.lists(st.builds(PriceGroup, quantity=FIGURES, unit_minor=FIGURES, high_precision=st.booleans()), max_size=2)
LINES = st.builds(
    Line,
    id=WORDS,
    sku=st.none() | WORDS,
    name=WORDS,
    quantity=FIGURES,
    unit_minor=FIGURES,
    list_minor=FIGURES,
    total=FIGURES,
    currency=st.sampled_from(["GBP", "EUR", ""]),
    high_precision=st.booleans(),
    groups=GROUPS.map(tuple),
    tax_rate=st.none() | TAX_RATES,
    taxed=st.none() | TAXED,
    price_mode=st.sampled_from(["Platform", "ExternalTotal", "Other"]),
    mode=st.sampled_from(["Standard", "GiftLineItem", "Other"]),
    supply_channel=st.none() | WORDS,
    methods=st.integers(-1, 3),
)
CUSTOM = st.builds(
    CustomLine,
    id=WORDS,
    slug=WORDS,
    name=WORDS,
    quantity=FIGURES,
    unit_minor=FIGURES,
    total=FIGURES,
    tax_rate=st.none() | TAX_RATES,
    taxed=st.none() | TAXED,
)
PARCELS = st.builds(
    Shipping,
    method=WORDS,
    price=FIGURES,
    discounted=st.none() | FIGURES,
    tax_rate=st.none() | TAX_RATES,
    taxed=st.none() | TAXED,
)
PORTIONS = st.builds(TaxPortion, rate=RATES, amount=FIGURES)
ADDRESSES = st.builds(Address, country=WORDS, name=WORDS, line1=WORDS, postcode=WORDS, phone=WORDS)
ORDERS = st.builds(
    Order,
    id=WORDS,
    version=st.integers(),
    created_at=st.integers(0, 4 * 10**12),
    modified_at=st.integers(0, 4 * 10**12),
    currency=st.sampled_from(["GBP", "EUR", ""]),
    digits=st.integers(-3, 6) | st.just(2),
    total=FIGURES,
    state=WORDS,
    number=st.none() | WORDS,
    taxed=st.none()
    | st.builds(
        TaxedTotal,
        net=FIGURES,
        gross=FIGURES,
        portions=st.lists(PORTIONS, max_size=3).map(tuple),
        tax=st.none() | FIGURES,
    ),
    tax_mode=st.sampled_from(["Platform", "External", "ExternalAmount", "Disabled", "Other"]),
    tax_calculation=st.sampled_from(["LineItemLevel", "UnitPriceLevel", "Other"]),
    shipping_mode=st.sampled_from(["Single", "Multiple", "Other"]),
    lines=st.lists(LINES, max_size=3).map(tuple),
    custom_lines=st.lists(CUSTOM, max_size=1).map(tuple),
    shipping=st.lists(PARCELS, max_size=2).map(tuple),
    discount_on_total=st.none() | FIGURES,
    email=WORDS,
    billing=st.none() | ADDRESSES,
    shipping_address=st.none() | ADDRESSES,
)


@settings(max_examples=300, deadline=None)
@given(ORDERS)
def test_every_order_gets_an_answer_and_a_hold_says_why(order: Order) -> None:
    known = plain_order(("A", 1, 100))
    for facts in (Facts(), facts_for(known)):
        answer = predict(order, facts, rules_for(known))
        assert isinstance(answer, Prediction | Hold)
        if isinstance(answer, Hold):
            assert answer.findings
            assert all(finding.cause and finding.group for finding in answer.findings)


@settings(max_examples=200, deadline=None)
@given(plain_orders(), st.data())
def test_a_plain_order_with_anything_in_one_place_gets_an_answer(order: Order, data: st.DataObject) -> None:
    """Closer to the edge than arbitrary orders: plain but for one field."""
    field = data.draw(st.sampled_from([name for name in Order.__struct_fields__ if name not in ("id", "created_at")]))
    other = data.draw(ORDERS)
    mixed = msgspec.structs.replace(order, **{field: getattr(other, field)})

    answer = predict(mixed, facts_for(order), rules_for(order))

    assert isinstance(answer, Prediction) or answer.findings


@EXAMPLES
@given(plain_orders(), st.integers(1, 500))
def test_an_order_discount_is_never_carried_by_chance(order: Order, discount: int) -> None:
    answer = predict(
        totalled(msgspec.structs.replace(order, discount_on_total=discount)), facts_for(order), rules_for(order)
    )
    assert isinstance(answer, Hold)
