"""Gift cards through the whole engine: sold as a debt, never sent, held until they are booked to a liability."""

from __future__ import annotations

import msgspec

from actors.finance.rules import FinanceRules
from actors.fulfilment.rules import FulfilmentRules
from adapters.sandbox.carts import LineDraft, OrderDraft
from adapters.sandbox.catalogue import GIFT_CARDS, Item
from tests.flows.test_fulfilment import SOON, TWO, sale_of, shop, shown, sold
from tests.flows.test_orders_every_kind import MUG, posting
from tests.simulation.laws import assert_nothing_silent
from tests.simulation.world import World, plan, virtual, world

CARD, SOLD_AS = "GIFT-50", "Gift card sold"
MAPPED = posting(gift_cards={CARD: SOLD_AS}).posting
CARDS = LineDraft(sku=CARD, quantity=2)


def on_sale(made: World) -> None:
    made.shop.add_item(
        Item(sku=CARD, name="Gift card", price=5000, stock=0, tax_percent=0, category="Cards"), stock=1000
    )


def charges(made: World, order: str) -> dict[str, str]:
    sale = next(sale for sale in made.cin7.sales if sale.id == sale_of(made, order))
    return {charge.description: f"{charge.total:.2f}" for charge in sale.charges}


@virtual
async def test_a_gift_card_is_owed_and_its_order_waits_for_the_goods_alone() -> None:
    rules = FulfilmentRules(gift_cards=frozenset({CARD}))
    async with shop(771, rules=rules, posting=MAPPED) as made:
        on_sale(made)
        mixed = await sold(made, msgspec.structs.replace(TWO, lines=(LineDraft(sku=MUG, quantity=1), CARDS)))
        assert charges(made, mixed)[SOLD_AS] == "100.00"
        made.cin7.ship_rest(sale_of(made, mixed))
        await made.until(lambda: shown(made, mixed) == ("Shipped", 1, "Complete"), within=SOON, every=0.1)
        alone = await sold(made, msgspec.structs.replace(TWO, lines=(CARDS,), shipping=None))
        await made.until(lambda: shown(made, alone) == ("", 0, "Complete"), within=SOON, every=0.1)
        for order in (mixed, alone):
            [sale] = [one for one in made.cin7.live_sales() if order in (one.external_id or "")]
            assert sale.total * 100 == made.shop.orders[order]["taxedPrice"]["totalGross"]["centAmount"]


@virtual
async def test_what_a_gift_card_brings_in_is_booked_to_its_own_account_and_the_goods_to_sales() -> None:
    finance = FinanceRules(posting="auto", accounts={"adyen": "090"})
    async with world(773, the_plan=plan(posting=MAPPED, finance=finance)) as made:
        await made.ready()
        on_sale(made)
        order = made.shop.place_order(OrderDraft(lines=(LineDraft(sku=MUG, quantity=1), CARDS)))
        await made.exported(order, within=120)
        await made.until(lambda: bool(made.cin7.payments(sale_of(made, order))), within=300)
        [invoice] = made.cin7.invoices(sale_of(made, order))
        booked = {entry.name: entry.account for entry in (*invoice.lines, *invoice.charges)}
        assert booked.pop(SOLD_AS) == GIFT_CARDS
        assert set(booked.values()) == {"200"}
        assert_nothing_silent(made)


@virtual
async def test_an_order_is_held_until_its_gift_card_is_booked_to_a_liability() -> None:
    async with world(772, the_plan=plan(posting=MAPPED)) as made:
        service = made.cin7.books.service_by_name(SOLD_AS)
        assert service is not None
        service.revenue_account = "200"
        await made.ready()
        on_sale(made)
        order = made.shop.place_order(OrderDraft(lines=(CARDS,)))
        await made.in_state(order, "held")
        [told] = made.daemon.open_exceptions(order)
        assert (told.type, told.owner) == ("gift_card_unmapped", "finance")
        assert "account 200, of class REVENUE" in told.cause
        made.cin7.change_product(service.sku, revenue_account=GIFT_CARDS)
        await made.exported(order, within=1800)
        assert charges(made, order)[SOLD_AS] == "100.00"
        assert_nothing_silent(made)
