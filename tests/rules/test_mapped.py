"""Rows of the desk over the configuration's tables, and which exceptions a row may answer."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.exception_types import CATALOGUE, Finding
from actors.domain.facts import FactKind, Facts
from actors.domain.mapped import TYPES, Entry, MappingKind, Mappings, Row, answers, key_facts, keys_shown, lay
from actors.domain.mapping import service_for_slug, tax_rule_of, untaxed_rule
from actors.domain.order import TaxRate
from actors.domain.posting import ChargeRule, PostingRules

CONFIGURED = Mappings(
    posting=PostingRules(
        customer="web",
        location="Main",
        tax={"0.2": "20%", "none": "Zero"},
        slugs={"wrap": ChargeRule(product="Gift wrap")},
        gift_cards={"GIFT-50": "Gift card"},
        carriers={"Letter": "Post"},
    ),
    accounts={"adyen": "090"},
    carriers={"Post": "Royal Mail"},
)
KEYS = st.sampled_from(("0.2", "wrap", "GIFT-50", "Letter", "adyen", "Post", "new"))
ROWS = st.builds(Row, kind=st.sampled_from(MappingKind), key=KEYS, value=st.sampled_from(("", "A", "B")))


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """An open exception as the file tells of it."""

    type: str
    group: str
    field: str = ""
    sku: str = ""
    facts: dict[str, str] = {}


def told(finding: Finding) -> Told:
    return Told(type=finding.code, group=finding.group, field=finding.field, sku=finding.sku, facts=dict(finding.facts))


@given(st.lists(ROWS, max_size=12))
def test_of_each_key_the_last_row_counts_and_a_row_without_a_value_lets_the_configuration_hold(rows: list[Row]) -> None:
    laid = lay(CONFIGURED, rows)
    for kind in MappingKind:
        expected = CONFIGURED.table(kind)
        last = {row.key: row.value for row in rows if row.kind is kind}
        expected |= {key: Entry(value) for key, value in last.items() if value}
        assert laid.table(kind) == expected


def test_a_charge_keeps_whether_it_is_paid_with_and_nothing_else_is_touched() -> None:
    laid = lay(CONFIGURED, [Row(kind=MappingKind.CHARGES, key="voucher", value="Voucher", tender=True)])
    assert laid.posting.slugs == {
        "wrap": ChargeRule(product="Gift wrap"),
        "voucher": ChargeRule(product="Voucher", tender=True),
    }
    assert lay(CONFIGURED, []) == CONFIGURED
    assert msgspec.structs.replace(laid.posting, slugs=CONFIGURED.posting.slugs) == CONFIGURED.posting


STANDARD = TaxRate(name="standard", rate=Decimal("0.200"), country="GB", included=True)
FACTS = Facts(loaded=frozenset())


def unmapped(*names: str) -> Told:
    """What an order says whose tax none of the keys of the configuration maps."""
    rules = msgspec.structs.replace(CONFIGURED.posting, tax=dict.fromkeys(names, "Nowhere"))
    found = tax_rule_of(STANDARD, msgspec.structs.replace(FACTS, loaded=frozenset({FactKind.TAX_RULE})), rules)
    assert isinstance(found, Finding)
    return told(found)


@pytest.mark.parametrize("key", ["GB/standard", "standard", "0.2"])
def test_a_tax_that_is_not_mapped_or_mapped_wrong_is_answered_by_each_key_that_may_name_it(key: str) -> None:
    for waits in (unmapped(), unmapped("0.2")):
        assert answers(MappingKind.TAX, key, "", waits)
    assert not answers(MappingKind.TAX, "GB/reduced", "", unmapped())
    # An exception of an earlier release shows no keys: its cause is all there is to go by.
    assert answers(MappingKind.TAX, "GB/standard", "", Told(type="tax_unmapped", group="tax_unmapped:GB/standard"))


def test_orders_without_tax_are_answered_by_their_key_alone() -> None:
    found = untaxed_rule(FACTS, msgspec.structs.replace(CONFIGURED.posting, tax={}))
    assert isinstance(found, Finding)
    assert answers(MappingKind.TAX, "none", "", told(found))
    assert not answers(MappingKind.TAX, "0.2", "", told(found))


@pytest.mark.parametrize(
    ("kind", "key", "before", "waits", "answered"),
    [
        ("charges", "wrap", "", Told(type="charge_unmapped", group="charge_unmapped:wrap"), True),
        ("charges", "wrap", "Paper", Told(type="charge_unknown", group="charge_unknown:Paper"), True),
        ("charges", "wrap", "", Told(type="charge_unknown", group="charge_unknown:Paper"), False),
        ("charges", "wrap", "", Told(type="charge_unmapped", group="charge_unmapped:bow"), False),
        ("tax", "0.2", "", Told(type="sku_two_rules", group="sku_two_rules"), True),
        ("tax", "0.2", "Old", Told(type="tax_rule_inactive", group="tax_rule_inactive:Old"), True),
        ("payments", "adyen", "", Told(type="payment_unmapped", group="", field="adyen/scheme"), True),
        ("payments", "scheme", "", Told(type="payment_unmapped", group="", field="adyen/scheme"), True),
        ("payments", "adyen/scheme", "", Told(type="payment_unmapped", group="", field="adyen/scheme"), True),
        ("payments", "paypal", "", Told(type="payment_unmapped", group="", field="adyen/scheme"), False),
        ("shipping", "Letter", "Mole", Told(type="carrier_unknown", group="carrier_unknown:Mole"), True),
        ("shipping", "Letter", "", Told(type="facts_missing", group="facts_missing:carrier"), True),
        ("shipping", "Letter", "", Told(type="facts_missing", group="facts_missing:product"), False),
        ("gift_cards", "GIFT-50", "", Told(type="gift_card_unmapped", group="gift_card_unmapped:GIFT-50"), True),
        ("gift_cards", "GIFT-50", "", Told(type="sku_unknown", group="", sku="GIFT-50"), True),
        ("gift_cards", "GIFT-50", "", Told(type="sku_unknown", group="", sku="MUG"), False),
    ],
)
def test_what_waits_for_a_row_is_known_by_the_key_or_by_what_it_was_mapped_to(
    kind: str, key: str, before: str, waits: Told, answered: bool
) -> None:
    assert answers(MappingKind(kind), key, before, waits) is answered
    assert waits.type in TYPES[MappingKind(kind)]


def test_types_that_rows_answer_are_declared_and_a_slug_is_found_by_what_its_finding_says() -> None:
    assert {code for codes in TYPES.values() for code in codes} <= set(CATALOGUE)
    facts = msgspec.structs.replace(FACTS, loaded=frozenset({FactKind.PRODUCT}))
    found = service_for_slug("bow", "A bow", facts, CONFIGURED.posting)
    assert isinstance(found, Finding)
    assert answers(MappingKind.CHARGES, "bow", "", told(found))


def test_keys_are_shown_in_the_order_they_are_looked_for() -> None:
    shown = key_facts(("GB/standard", "standard", "0.2"))
    assert shown == {"key 1": "GB/standard", "key 2": "standard", "key 3": "0.2"}
    assert keys_shown(shown | {"commercetools": "20 %"}) == {"GB/standard", "standard", "0.2"}
