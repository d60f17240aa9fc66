"""Rows mapped at the desk through the whole engine: what waited goes on without a restart, and after one it holds."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from actors.domain.mapped import Row
from actors.domain.posting import ChargeRule, PostingRules
from adapters.operator.access import Person
from adapters.operator.mapping_api import MappingDraft
from adapters.operator.problems import ProblemError
from adapters.sandbox.carts import CustomLineDraft, LineDraft, OrderDraft, ShippingDraft, rule_of
from daemon.desk.mappings import MappingDesk, tried
from storage import bodies, mapping_rows, patches
from storage.database import CommitFailedError
from tests.finance_house import MUG, SOON, house, paid, sold, step, told
from tests.flows.test_gift_cards import CARD, SOLD_AS, charges, on_sale
from tests.simulation.laws import assert_exactly_once, assert_nothing_silent
from tests.simulation.world import World, plan, virtual, world

STANDARD = "20% (VAT on Income)"
ADA = Person(name="ada", roles=frozenset({"admin"}))
BOOK = "BK-CAMP-CKB"
KEYS = count(1)


def unmapped(**changes: Any) -> Any:
    """A plan whose posting rules lack something."""
    return plan(posting=msgspec.structs.replace(plan().posting, **changes))


async def mapped(made: World, kind: str, key: str, value: str, *, tender: bool = False) -> dict[str, Any]:
    """A person puts a row in force."""
    desk = MappingDesk(cast("Any", SimpleNamespace(engine=made.engine)))
    draft = MappingDraft(kind=kind, key=key, value=value, tender=tender, reason="agreed with finance")
    return dict(await desk.map(f"request-{next(KEYS)}", draft, ADA))


async def placed_and_held(made: World, *codes: str, draft: OrderDraft | None = None) -> str:
    order = made.shop.place_order(draft or OrderDraft(lines=(LineDraft(sku=MUG, quantity=1),)))
    await made.in_state(order, "held")
    assert made.daemon.open_types(order) == sorted(codes)
    return order


@virtual
async def test_a_tax_is_mapped_and_the_order_that_waited_is_a_sale_without_a_restart_and_still_after_one() -> None:
    async with world(811, the_plan=unmapped(tax={"zero": "Zero Rated Income"})) as made:
        await made.ready()
        engine = made.engine
        first, second = [await placed_and_held(made, "tax_unmapped") for _ in range(2)]
        [one] = made.daemon.open_exceptions(first)
        done = await mapped(made, "tax", one.facts["key 1"], STANDARD)
        assert (done["done"], done["orders"], done["version"]) == (True, 2, 1)
        await made.exported(first, within=60)
        await made.exported(second, within=60)
        assert (made.engine is engine, made.kills) == (True, [])
        made.daemon.die("restart")
        third = made.shop.place_order(OrderDraft(lines=(LineDraft(sku=MUG, quantity=1),)))
        await made.exported(third, within=120)
        taken_back = await mapped(made, "tax", one.facts["key 1"], "")
        assert (taken_back["done"], taken_back["version"]) == (True, 2)
        await placed_and_held(made, "tax_unmapped")
        assert assert_exactly_once(made, without=frozenset(made.shop.orders) - {first, second, third}) == 3
        assert_nothing_silent(made)


@virtual
async def test_a_rule_that_is_mapped_wrong_is_put_right_by_a_row_and_by_a_closer_key_too() -> None:
    wrong = dict.fromkeys(("standard", "0.2"), "5% (VAT on Income)")
    async with world(812, the_plan=unmapped(tax=wrong)) as made:
        await made.ready()
        order = await placed_and_held(made, "tax_rate_differs")
        [one] = made.daemon.open_exceptions(order)
        assert (await mapped(made, "tax", one.facts["key 1"], STANDARD))["orders"] == 1
        await made.exported(order, within=60)
        assert_nothing_silent(made)


@virtual
async def test_a_custom_line_is_mapped_to_a_service_product() -> None:
    wrapped = OrderDraft(
        lines=(LineDraft(sku=MUG, quantity=1),),
        custom_lines=(CustomLineDraft(slug="wrap-it", name="A bow around it", unit_minor=300, tax=rule_of(20)),),
    )
    async with world(813) as made:
        await made.ready()
        order = await placed_and_held(made, "charge_unmapped", draft=wrapped)
        await mapped(made, "charges", "wrap-it", "Gift wrap")
        await made.exported(order, within=60)
        assert charges(made, order)["Gift wrap"] in ("2.50", "3.00")
        assert_nothing_silent(made)


@virtual
async def test_a_method_of_payment_is_mapped_and_what_was_captured_is_posted_once() -> None:
    async with house(814, accounts={"giftcard": "850"}) as made:
        order = await sold(made)
        assert (step(made, order)[1], told(made, order)) == ("stuck", ["payment_unmapped"])
        asked = made.calls("read_books")
        assert (await mapped(made, "payments", "adyen/scheme", "090"))["orders"] == 1
        await made.clock.sleep(SOON)
        assert [account for _, _, account in paid(made, order)] == ["090"]
        assert (told(made, order), made.calls("read_books")) == ([], asked), "the order itself is not looked at"
        assert_nothing_silent(made)


@virtual
async def test_the_first_shipping_method_that_is_mapped_has_the_carriers_read() -> None:
    travelling = OrderDraft(lines=(LineDraft(sku=MUG, quantity=1),), shipping=ShippingDraft(tax=rule_of(20)))
    async with world(815) as made:
        await made.ready()
        await mapped(made, "shipping", "Royal Mail Tracked 48", "Royal Mail")
        order = made.shop.place_order(travelling)
        await made.exported(order, within=120)
        [sale] = made.cin7.live_sales()
        assert sale.header["Carrier"] == "Royal Mail"
        with pytest.raises(ProblemError, match="no carrier of exactly this name; it has DHL Express, Royal Mail"):
            await mapped(made, "shipping", "Pigeon", "Pigeon Post")
        assert_nothing_silent(made)


@virtual
async def test_a_gift_card_is_mapped_and_sold_as_what_is_owed() -> None:
    async with world(816) as made:
        await made.ready()
        on_sale(made)
        order = await placed_and_held(made, "sku_unknown", draft=OrderDraft(lines=(LineDraft(sku=CARD, quantity=1),)))
        await mapped(made, "gift_cards", CARD, SOLD_AS)
        await made.exported(order, within=60)
        assert charges(made, order)[SOLD_AS] == "50.00"
        for rules in (made.engine.plan.stock, made.engine.plan.fulfilment):
            assert rules.gift_cards == frozenset({CARD})
        await mapped(made, "gift_cards", CARD, "")
        assert made.engine.plan.stock.gift_cards == frozenset()
        assert_nothing_silent(made)


@virtual
async def test_what_cannot_be_committed_is_not_in_force(monkeypatch: pytest.MonkeyPatch) -> None:
    async with world(817, the_plan=unmapped(tax={})) as made:
        await made.ready()
        engine, put_in_force, seen = made.engine, made.engine.map, list[PostingRules]()

        def fail_after(rows: Iterable[Row]) -> None:
            put_in_force(rows)
            seen.append(engine.plan.posting)
            monkeypatch.undo()
            full = sqlite3.OperationalError("database or disk is full")
            full.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise full

        monkeypatch.setattr(engine, "map", fail_after)
        with pytest.raises(CommitFailedError, match="full"):
            await mapped(made, "tax", "GB/standard", STANDARD)
        assert [rules.tax for rules in seen] == [{"GB/standard": STANDARD}]
        assert engine.plan.posting == made.plan.posting
        assert (made.read(mapping_rows.version), made.daemon.desk.posting.tax) == (0, {})
        await mapped(made, "tax", "GB/standard", STANDARD)
        assert made.daemon.desk.posting.tax == {"GB/standard": STANDARD}


# -- tried first ------------------------------------------------------------------------------------------------------


def trial(made: World, kind: str, key: str, value: str) -> dict[str, Any]:
    """Try a row on the newest orders."""
    return made.read(lambda file: tried(file, made.engine, MappingDraft(kind=kind, key=key, value=value)))


def counted(told: dict[str, Any]) -> dict[str, int]:
    """What a trial counts, without the zeros."""
    return {name: number for name, number in told.items() if isinstance(number, int) and number}


@virtual
async def test_a_row_is_tried_on_the_newest_orders_before_it_holds() -> None:
    mugs = OrderDraft(lines=(LineDraft(sku=MUG, quantity=1),))
    bow = CustomLineDraft(slug="wrap-it", name="A bow around it", unit_minor=300, tax=rule_of(0))
    books_alone = OrderDraft(lines=(LineDraft(sku=BOOK, quantity=1),), custom_lines=(bow,))
    rules = {"tax": {"zero": "Zero Rated Income"}, "slugs": {"wrap-it": ChargeRule(product="Gift wrap")}}
    async with world(818, the_plan=unmapped(**rules)) as made:
        await made.ready()
        held = [await placed_and_held(made, "tax_unmapped", draft=mugs) for _ in range(3)]
        gone = [made.shop.place_order(books_alone) for _ in range(2)]
        for order in gone:
            await made.exported(order, within=60)
        [one] = made.daemon.open_exceptions(held[0])
        calls = len(made.cin7.call_log)
        told = trial(made, "tax", one.facts["key 1"], STANDARD)
        assert counted(told) == {"looked_at": 5, "same": 2, "would_go_on": 3, "waiting_now": 3}
        assert {example["order"] for example in told["examples"]} == set(held)
        assert all("held by tax_unmapped" in example["before"] for example in told["examples"])
        assert all(f"tax: {STANDARD}" in example["after"] for example in told["examples"])
        assert len(made.cin7.call_log) == calls, "nothing is asked"
        assert (made.read(mapping_rows.version), made.daemon.states()) == (0, {"held": 3, "exported": 2})
        other = trial(made, "charges", "wrap-it", "Voucher")
        assert counted(other) == {"looked_at": 5, "same": 3, "would_differ": 2}
        assert ["Voucher" in example["after"] for example in other["examples"]] == [True, True]
        await made.daemon.write(lambda file: bodies.erase(file, held[0]))
        assert counted(trial(made, "tax", one.facts["key 1"], STANDARD))["unreadable"] == 1


@virtual
async def test_an_order_is_tried_as_it_was_edited_at_the_desk() -> None:
    cards = OrderDraft(lines=(LineDraft(sku=CARD, quantity=1),))
    async with world(820, the_plan=unmapped(tax={})) as made:
        await made.ready()
        on_sale(made)
        order = await placed_and_held(made, "sku_unknown", "tax_unmapped", draft=cards)
        [tax] = [one for one in made.daemon.open_exceptions(order) if one.type == "tax_unmapped"]
        zero = ("tax", tax.facts["key 1"], "Zero Rated Income")
        assert counted(trial(made, *zero)) == {"looked_at": 1, "same": 1, "waiting_now": 1}
        said: dict[str, Any] = {
            "author": "ada",
            "reason": "renamed",
            "key": "request-x",
            "said": "",
            "now": made.clock.now(),
        }
        await made.daemon.write(lambda file: patches.add_alias(file, order, CARD, BOOK, **said))
        assert counted(trial(made, *zero)) == {"looked_at": 1, "would_go_on": 1, "waiting_now": 1}


@virtual
async def test_a_row_that_would_hold_what_goes_and_one_for_payments_are_told_apart() -> None:
    async with house(819, accounts={"adyen": "090"}) as made:
        for _ in range(2):
            await sold(made)
        # A closer key of another percentage is refused where it names the rate itself; by its name it would hold.
        told = trial(made, "tax", "GB/standard", "5% (VAT on Income)")
        assert counted(told) == {"looked_at": 2, "would_be_held": 2}
        assert all("tax_rate_differs" in example["after"] for example in told["examples"])
        assert counted(trial(made, "payments", "adyen/scheme", "850")) == {"looked_at": 2, "would_differ": 2}
        assert counted(trial(made, "payments", "paypal", "850")) == {"looked_at": 2, "same": 2}
        shown = trial(made, "carriers", "Royal Mail", "royal-mail")
        assert (counted(shown), len(shown["warnings"])) == ({}, 2)
