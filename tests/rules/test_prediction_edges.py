"""Orders at the edge of being one: an answer for each, and the right name for everything that has a price."""

from __future__ import annotations

import msgspec

from actors.domain.order import Order, Taxed, TaxedTotal
from actors.domain.prediction import Hold, Prediction, predict
from actors.domain.sale import RowKind
from tests.orders_builder import custom_line, facts_for, plain_order, rules_for, service, shipment, totalled


def only_custom(*units: tuple[str, int]) -> Order:
    customs = tuple(
        msgspec.structs.replace(custom_line("engraving", 1, unit), id=f"c-{place}", name=name)
        for place, (name, unit) in enumerate(units)
    )
    return totalled(msgspec.structs.replace(plain_order(), lines=(), custom_lines=customs))


def test_an_order_of_nothing_that_costs_anything_is_held() -> None:
    order = only_custom(("Engraving", 0))
    judged = predict(order, facts_for(order), rules_for(order))

    assert isinstance(judged, Hold)
    assert {finding.code for finding in judged.findings} == {"not_plain"}


def test_a_tolerated_cent_that_belongs_to_nothing_is_held() -> None:
    order = only_custom(("Engraving", 0))
    order = msgspec.structs.replace(order, taxed=TaxedTotal(net=1, gross=1, tax=0, portions=()))
    judged = predict(order, facts_for(order), rules_for(order, tolerance=1))

    assert isinstance(judged, Hold)


def test_two_custom_lines_of_one_slug_are_booked_each_under_its_own_name() -> None:
    order = only_custom(("Engraving", 500), ("Gift wrap", 700))
    named = {name: service(name) for name in ("Engraving", "Gift wrap")}
    facts = facts_for(order)
    facts = msgspec.structs.replace(facts, services=facts.services | named)
    judged = predict(order, facts, rules_for(order, slugs={}))

    assert isinstance(judged, Prediction), judged
    customs = {row.name: row.amount for row in judged.rows if row.kind is RowKind.CUSTOM}
    assert {name: str(amount) for name, amount in customs.items()} == {"Engraving": "5.00", "Gift wrap": "7.00"}


def test_free_shipping_without_a_tax_is_left_out() -> None:
    free = msgspec.structs.replace(shipment(0), taxed=None)
    order = plain_order(("A", 1, 1999), shipping=free)
    judged = predict(order, facts_for(order), rules_for(order))

    assert isinstance(judged, Prediction), judged
    assert judged.shipping == 0
    assert order.shipping[0].taxed != Taxed(net=0, gross=0)
