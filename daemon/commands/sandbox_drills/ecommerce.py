"""What the storefront sells and Cin7 Core does not have: a SKU, or enough of it."""

from __future__ import annotations

from decimal import Decimal

from adapters.sandbox.carts import LineDraft
from adapters.sandbox.generator import STRANGER
from daemon.commands.sandbox_drills.drill import MUG, ORDER, Drill, Stage, both, is_closed, is_in, is_open

CANDLE = "HW-CND-FIG"


async def _sell_stranger(stage: Stage) -> None:
    if STRANGER.sku not in stage.shop.items:
        stage.shop.add_item(STRANGER)
    stage.notes[ORDER] = stage.place(lines=(LineDraft(sku=STRANGER.sku), LineDraft(sku=MUG)))


async def _create_stranger(stage: Stage) -> None:
    stage.cin7.add_product(STRANGER.sku, STRANGER.name, price=Decimal("37.50"), stock=20, tax_rule=STRANGER.tax_rule)


SKU_MISSING = Drill(
    name="sku-missing",
    role="ecommerce",
    code="sku_unknown",
    story="Somebody bought a framed print that is on the storefront and was never entered in Cin7 Core.",
    see="One order is held by `sku_unknown`; the other orders go on. The incident names the SKU and its orders.",
    page="/exceptions?type=sku_unknown",
    command="exceptions list --owner ecommerce",
    steps=(
        "Open the exception: read the SKU as it is written, capitals and blanks too.",
        "Decide: if it is misspelt, mend it on the storefront; if the item is missing, create it in Cin7 Core.",
        "Do that. Wait: the order goes on by itself once Cin7 Core's list is read.",
    ),
    hand="creates the item in Cin7 Core, with 20 in stock",
    lesson="The SKU is the only thread between both sides. Create the item first, publish the product second.",
    minutes=3,
    trouble=_sell_stranger,
    seen=is_open("sku_unknown"),
    mend=_create_stranger,
    solved=both(is_in("exported"), is_closed("sku_unknown")),
)


async def _oversell(stage: Stage) -> None:
    """Sell the last candles over the counter, and on the storefront before it can know."""
    left = stage.cin7.available(CANDLE)
    stage.cin7.sell_by_hand(CANDLE, left)
    # The storefront answers for what it reserved: that it had some is not to be seen any more once it was told.
    line = LineDraft(sku=CANDLE, quantity=2, inventory_mode="ReserveOnOrder")
    stage.notes[ORDER] = stage.place(lines=(line,))


async def _candles_arrive(stage: Stage) -> None:
    stage.cin7.receive_stock(CANDLE, 10)


async def _ask_again(stage: Stage) -> None:
    await stage.watch.retry(stage.notes[ORDER])


OVERSELL = Drill(
    name="oversell",
    role="ecommerce",
    code="oversold",
    story="The shop in town sold the last fig candles; a second later somebody bought two on the storefront.",
    see="The order is a sale, and both candles are on backorder: `oversold`, sold as available.",
    page="/exceptions?type=oversold",
    command="exceptions list --owner ecommerce",
    steps=(
        "Open the exception: see how many are short, and when the next delivery comes.",
        "Tell the customer the date, or offer another item.",
        "Once the goods are in, press retry: the sale is looked at again (else within six hours by itself).",
    ),
    hand="receives ten candles in Cin7 Core",
    lesson="A sale over the counter is known after seconds, not at once. What sells in both places needs a buffer.",
    minutes=3,
    trouble=_oversell,
    seen=is_open("oversold"),
    mend=_candles_arrive,
    press=_ask_again,
    solved=is_closed("oversold", "backordered"),
)
