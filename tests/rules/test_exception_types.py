"""The catalogue: every type is declared, explained, owned by rule; and nothing undeclared can be raised."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from actors.domain.exception_types import (
    CATALOGUE,
    OWNER_OF,
    ExceptionType,
    Finding,
    Owner,
    Topic,
    UndeclaredExceptionError,
)

DECLARED = [
    "sku_unknown",
    "sku_missing",
    "product_deprecated",
    "product_not_sellable",
    "quantity_unsupported",
    "tax_unmapped",
    "tax_rule_unknown",
    "tax_rule_inactive",
    "tax_rate_differs",
    "tax_unknown",
    "source_inconsistent",
    "not_plain",
    "currency_unsupported",
    "charge_unknown",
    "needs_rounding_charge",
    "location_unknown",
    "location_split",
    "channel_unmapped",
    "customer_unknown",
    "customer_currency",
    "customer_discount",
    "field_too_long",
    "time_zone_unknown",
    "facts_missing",
    "totals_differ",
    "in_doubt_unresolved",
    "several_sales",
    "sale_vanished",
    "sale_voided_by_hand",
    "sale_not_ours",
    "create_rejected",
    "order_rejected",
    "sync_rejected",
    "order_unreadable",
    "order_deleted",
    "cancelled_after_pick",
    "cancelled_after_invoice",
    "shipped_after_cancel",
    "cancellation_taken_back",
    "order_edited",
    "desk_edit_lost",
    "edit_not_applied",
    "payment_reversed",
    "sale_undone",
    "shipment_undone",
    "shipment_differs",
    "fulfilment_rejected",
    "return_open",
    "restock_differs",
    "refund_open",
    "void_failed",
    "awaiting_too_long",
    "missed",
    "message_quarantined",
    "flow_stopped",
    "storage_failing",
    "cin7_unauthorised",
    "commercetools_unauthorised",
    "cin7_unreachable",
    "commercetools_unreachable",
    "foreign_use",
    "channel_missing",
    "automatic_discounts",
    "second_daemon",
    "alert_undelivered",
    "mapping_contradicted",
    "books_differ",
    "release_unconfirmed",
    "posting_waits",
    "posting_locked",
    "posting_rejected",
    "payment_unmapped",
    "payment_unpostable",
    "part_not_invoiceable",
    "refund_unallocated",
    "credit_exceeds_invoice",
    "tax_rule_changed",
    "gift_card_unmapped",
    "product_unmatched",
    "product_not_for_sale",
    "sku_duplicate",
    "unpublish_asks",
    "unpublish_rejected",
    "publish_again",
    "catalogue_modular",
    "draft_mapping_wrong",
    "draft_attribute_missing",
    "draft_slug_taken",
    "draft_conflict",
    "draft_rejected",
    "purchase_rate_missing",
    "purchase_not_invoiced",
    "landed_cost_missing",
    "charge_expensed",
    "cost_moved",
    "margin_below_floor",
    "purchase_unreadable",
]

RULE = {
    Owner.FINANCE: "totals tax payment currency posting",
    Owner.OPS: "location stock warehouse cancellation",
    Owner.ECOMMERCE: "sku product publication oversold customer",
    Owner.IT: "connection limits formats machine",
}

OWNED = {
    "tax_unmapped": Owner.FINANCE,
    "totals_differ": Owner.FINANCE,
    "currency_unsupported": Owner.FINANCE,
    "create_rejected": Owner.FINANCE,
    "awaiting_too_long": Owner.FINANCE,
    "location_unknown": Owner.OPS,
    "channel_unmapped": Owner.OPS,
    "cancelled_after_pick": Owner.OPS,
    "cancelled_after_invoice": Owner.FINANCE,
    "shipped_after_cancel": Owner.ECOMMERCE,
    "order_edited": Owner.OPS,
    "desk_edit_lost": Owner.OPS,
    "refund_open": Owner.FINANCE,
    "sku_unknown": Owner.ECOMMERCE,
    "product_deprecated": Owner.ECOMMERCE,
    "field_too_long": Owner.IT,
    "cin7_unreachable": Owner.IT,
    "foreign_use": Owner.IT,
    "message_quarantined": Owner.IT,
}


def test_the_catalogue_holds_what_was_promised() -> None:
    assert set(DECLARED) <= set(CATALOGUE)


def test_the_owner_follows_from_the_topic_by_the_rule_of_the_design() -> None:
    assert {topic.value: owner for topic, owner in OWNER_OF.items()} == {
        word: owner for owner, words in RULE.items() for word in words.split()
    }
    assert set(OWNER_OF) == set(Topic)


@pytest.mark.parametrize(("code", "owner"), OWNED.items())
def test_owners_people_rely_on(code: str, owner: Owner) -> None:
    assert CATALOGUE[code].owner is owner


@pytest.mark.parametrize("declared", CATALOGUE.values(), ids=CATALOGUE)
def test_a_type_says_what_it_means_what_to_do_and_what_clears_it(declared: ExceptionType) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", declared.code)
    for sentence in (declared.meaning, declared.clears, *declared.steps):
        assert len(sentence) > 15
        assert sentence.endswith(".")
    assert declared.steps
    assert not re.search(r"\b(days?|hours?|minutes?) (pass|old)|after \d", declared.clears), (
        "cleared by evidence, not age"
    )


def test_every_code_is_declared_once() -> None:
    assert all(code == declared.code for code, declared in CATALOGUE.items())
    source = Path(__file__).parents[2] / "actors/domain/exception_types.py"
    text = source.read_text(encoding="utf-8")
    assert all(text.count(f'"{code}",\n') == 1 for code in CATALOGUE)


def test_an_undeclared_type_cannot_be_raised() -> None:
    with pytest.raises(UndeclaredExceptionError, match="tax_misty"):
        Finding(code="tax_misty", cause="nobody declared this")


def test_a_finding_knows_its_type_and_groups_by_its_code_when_nothing_else_is_said() -> None:
    finding = Finding(code="order_unreadable", cause="no lineItems")
    assert finding.group == "order_unreadable"
    assert finding.type.owner is Owner.IT
    assert Finding(code="sku_unknown", cause="x", group="sku_unknown:A").group == "sku_unknown:A"


def test_every_code_the_rules_raise_is_declared() -> None:
    domain = Path(__file__).parents[2] / "actors/domain"
    raised = {
        code
        for module in domain.glob("*.py")
        for code in re.findall(r'code="(\w+)"|_about_\w+\(\s*"(\w+)"', module.read_text(encoding="utf-8"))
        for code in code
        if code
    }
    assert {"sku_unknown", "not_plain", "totals_differ", "tax_rule_unknown"} <= raised <= set(CATALOGUE)
