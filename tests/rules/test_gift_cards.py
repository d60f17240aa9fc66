"""Gift cards that are sold: a debt of the shop, never revenue and never goods; the totals are what they were."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from actors.domain.facts import FactKind, Facts, LedgerAccount, Product, fact_ref
from actors.domain.mapping import location_of, unfed_channels
from actors.domain.order import Line, Order
from actors.domain.posting import ChargeRule, PostingRules
from actors.domain.prediction import Hold, Prediction, predict
from actors.domain.sale import RowKind
from tests.orders_builder import (
    STANDARD,
    ZERO,
    added,
    custom_line,
    disabled,
    discounted_by_rate,
    facts_for,
    line,
    plain_order,
    rules_for,
    service,
    shipment,
)
from tests.rules.test_prediction_properties import carts, true_holds

CARD = "GIFT-50"
SOLD_AS = "Gift card sold"
LIABILITY = LedgerAccount(code="2150", name="Gift cards", kind="LIABILITY")
MAPPED = {CARD: SOLD_AS, "GIFT-25": SOLD_AS, "card-by-mail": SOLD_AS}


def card(quantity: int = 1, unit: int = 5000, sku: str = CARD, **changes: Any) -> Line:
    return line(sku, quantity, unit, **{"rate": ZERO, **changes})


def selling(order: Order, **changes: Any) -> PostingRules:
    return rules_for(order, gift_cards=MAPPED, **changes)


def known(
    order: Order, *, account: LedgerAccount | None = LIABILITY, of: Product | None = None, **changes: Any
) -> Facts:
    """Everything but the gift cards themselves, which are no products; `of` is the service they are sold as."""
    plain = facts_for(order)
    sold_as = of or service(SOLD_AS, revenue_account="2150")
    return msgspec.structs.replace(
        plain,
        products={sku: found for sku, found in plain.products.items() if sku not in MAPPED},
        services=plain.services | {sold_as.name: sold_as},
        accounts={} if account is None else {account.code: account},
        **changes,
    )


def written(order: Order, **changes: Any) -> Prediction:
    answer = predict(order, known(order), selling(order, **changes))
    assert isinstance(answer, Prediction), answer
    return answer


def found(order: Order, facts: Facts, rules: PostingRules | None = None) -> list[tuple[str, str]]:
    answer = predict(order, facts, rules or selling(order))
    assert isinstance(answer, Hold), answer
    return [(finding.code, finding.cause) for finding in answer.findings]


# -- what is sold -----------------------------------------------------------------------------------------------------


def test_a_card_is_a_charge_booked_to_a_debt_and_everything_else_is_as_it_was() -> None:
    answer = written(plain_order(line("A", 1, 1999), card(2), shipping=shipment(495)))
    assert [(row.kind, row.sku, row.quantity, row.price, row.tax, row.amount) for row in answer.rows] == [
        (RowKind.LINE, "A", Decimal(1), Decimal("19.99"), Decimal("3.33"), Decimal("19.99")),
        (RowKind.CUSTOM, SOLD_AS, Decimal(2), Decimal("50.00"), Decimal("0.00"), Decimal("100.00")),
        (RowKind.SHIPPING, "Shipping", Decimal(1), Decimal("4.95"), Decimal("0.83"), Decimal("4.95")),
    ]
    assert answer.total == Decimal("124.94")


def test_one_card_on_two_lines_is_one_charge() -> None:
    order = plain_order(card(1, 5000), card(2, 4500, id="second", total=9000))
    [row] = written(order).rows
    assert (row.quantity, row.price, row.amount) == (Decimal(1), Decimal("140.00"), Decimal("140.00"))


def test_a_card_may_be_a_custom_line() -> None:
    order = plain_order(line("A", 1, 1999), custom=(custom_line("card-by-mail", 1, 2500, ZERO),))
    assert [row.sku for row in written(order).rows] == ["A", SOLD_AS]


def test_a_card_that_was_given_away_is_no_debt_of_the_shop_to_anybody_who_paid() -> None:
    order = plain_order(line("A", 1, 1999), card(1, total=0))
    assert [row.sku for row in written(order).rows] == ["A"]


def test_an_order_may_hold_nothing_else() -> None:
    assert [row.kind for row in written(plain_order(card())).rows] == [RowKind.CUSTOM]


def test_cards_come_from_no_location() -> None:
    order = plain_order(line("A", 1, 1999), card(supply_channel="online"))
    rules = selling(order, channels={"": ("Main Warehouse",)})
    location = location_of(order, known(order), rules)
    assert not isinstance(location, list)
    assert location.name == "Main Warehouse"
    assert unfed_channels(order, rules) == frozenset()


# -- what cannot be sold ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("account", "of", "words"),
    [
        (None, None, "account 2150, of class unknown"),
        (LedgerAccount(code="2150", name="Sales", kind="REVENUE"), None, "account 2150, of class REVENUE"),
        (LIABILITY, service(SOLD_AS), "no account of its own"),
        (LIABILITY, service("Another", revenue_account="2150"), f"no service product named {SOLD_AS}"),
        (LIABILITY, service(SOLD_AS, revenue_account="2150", status="Deprecated"), "is Deprecated"),
        (LIABILITY, service(SOLD_AS, revenue_account="2150", type="Stock"), "of type Stock"),
    ],
)
def test_a_card_needs_a_service_booked_to_a_liability(
    account: LedgerAccount | None, of: Product | None, words: str
) -> None:
    order = plain_order(line("A", 1, 1999), card())
    [(code, cause)] = found(order, known(order, account=account, of=of))
    assert code == "gift_card_unmapped"
    assert CARD in cause
    assert words in cause


def test_the_mend_of_its_product_judges_the_order_again() -> None:
    order = plain_order(card())
    answer = predict(order, known(order, of=service(SOLD_AS)), selling(order))
    assert isinstance(answer, Hold)
    assert [finding.waits_for for finding in answer.findings] == [fact_ref(FactKind.PRODUCT, SOLD_AS.upper())]


@pytest.mark.parametrize("missing", [FactKind.PRODUCT, FactKind.ACCOUNT])
def test_what_was_never_read_is_unknown_and_not_wrong(missing: FactKind) -> None:
    order = plain_order(card())
    facts = known(order, account=None, loaded=frozenset(FactKind) - {missing})
    if missing is FactKind.PRODUCT:
        facts = msgspec.structs.replace(facts, services={})
    assert {code for code, _ in found(order, facts)} == {"facts_missing"}


@pytest.mark.parametrize(
    "order",
    [
        plain_order(line("A", 1, 1999), card(rate=STANDARD)),
        plain_order(line("A", 1, 1999), custom=(custom_line("card-by-mail", 1, 2500, STANDARD),)),
        plain_order(line("A", 1, 1999), custom=(custom_line("card-by-mail", 1, -500, ZERO),)),
    ],
)
def test_a_debt_has_no_tax_and_is_paid_for(order: Order) -> None:
    [(code, cause)] = found(order, known(order))
    assert code == "gift_card_unmapped"
    assert "what is sold as a debt has no tax" in cause


def test_paying_with_one_beside_buying_one_is_two_things() -> None:
    order = plain_order(line("A", 1, 1999), card(), custom=(custom_line("gift-card", 1, -1000, ZERO),))
    tender = {"gift-card": ChargeRule(product="Gift card", tender=True)}
    assert [(row.sku, row.amount) for row in written(order, slugs=tender).rows][1:] == [
        (SOLD_AS, Decimal("50.00")),
        ("Gift card", Decimal("-10.00")),
    ]


# -- every cart -------------------------------------------------------------------------------------------------------


@st.composite
def carts_with_cards(draw: st.DrawFn) -> Order:
    """A cart of any kind with one to three gift cards among its goods."""
    cart = draw(carts())
    included = all(each.tax_rate is None or each.tax_rate.included for each in cart.lines)
    options = {"rate": ZERO if included else added(ZERO), "currency": cart.currency}
    cards = [
        card(draw(st.integers(1, 5)), draw(st.integers(1, 300)) * 10**cart.digits, sku, id=f"card-{place}", **options)
        for place, sku in enumerate(draw(st.lists(st.sampled_from([CARD, "GIFT-25"]), min_size=1, max_size=3)))
    ]
    assume(cart.tax_mode != "ExternalAmount" and not cart.discount_on_total)
    bare = {"tax_rate": ZERO, "taxed": None} if cart.tax_mode == "Disabled" else {}
    order = plain_order(
        *(msgspec.structs.replace(each, **bare) for each in cart.lines),
        *cards,
        custom=tuple(msgspec.structs.replace(each, **bare) for each in cart.custom_lines),
        shipping=tuple(msgspec.structs.replace(each, **bare) for each in cart.shipping),
        currency=cart.currency,
        tax_rounding=cart.tax_rounding,
        tax_calculation=cart.tax_calculation,
        tax_mode=cart.tax_mode,
        shipping_mode=cart.shipping_mode,
    )
    if cart.tax_mode == "Disabled":
        return disabled(order)
    less = draw(st.sampled_from([0, 0, 1, 7, 100]))
    return discounted_by_rate(order, less) if 0 < less < order.total // 2 else order


@settings(max_examples=80, deadline=None)
@given(order=carts_with_cards())
def test_the_totals_are_what_they_are_without_the_mapping(order: Order) -> None:
    plain = predict(order, facts_for(order), rules_for(order))
    mapped = predict(order, known(order), selling(order))
    if isinstance(plain, Hold):
        assert isinstance(mapped, Hold)
        assert {one.code for one in plain.findings} <= true_holds(order)
        return
    if isinstance(mapped, Hold):
        assert {one.code for one in mapped.findings} <= true_holds(order), mapped
        return
    for name in ("net", "tax", "total", "currency", "tax_inclusive"):
        assert getattr(mapped, name) == getattr(plain, name)
    assert {rule: tax for rule, tax in mapped.tax_by_rule.items() if tax} == {
        rule: tax for rule, tax in plain.tax_by_rule.items() if tax
    }
    owed = sum(row.amount for row in mapped.rows if row.sku == SOLD_AS)
    assert owed == Decimal(sum(each.total for each in order.lines if each.sku in MAPPED)).scaleb(-order.digits)
    assert not any(row.sku in MAPPED for row in mapped.rows)
    assert all(row.kind is RowKind.CUSTOM and not row.tax for row in mapped.rows if row.sku == SOLD_AS)
