"""What is stock at all, and what of it is kept back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from actors.domain.facts import KitPart, Product
from actors.stock.rules import ALWAYS_DROP_SHIP, Standing, StockRules, buffer_of, standing_of

RULES = StockRules(channels={"": ("Main Warehouse",)})
LEAVING = StockRules(channels={"": ("Main Warehouse",)}, kits=False)
CARDS = StockRules(channels={"": ("Main Warehouse",)}, gift_cards=frozenset({"SKU-1"}))
BILL = (KitPart(sku="PART", quantity=Decimal(2)),)


def product(**more: Any) -> Product:
    return Product(**{"id": "p-1", "sku": "SKU-1", "name": "A thing", "type": "Stock", **more})


@pytest.mark.parametrize(
    ("one", "rules", "standing"),
    [
        (product(), RULES, Standing.STOCK),
        (None, RULES, Standing.UNKNOWN),
        # -- types -----------------------------------------------------------------------------------------------------
        (product(type="Service"), RULES, Standing.SERVICE),
        (product(type="Service", status="Deprecated"), RULES, Standing.SERVICE),
        (product(type="Service", sellable=False), RULES, Standing.SERVICE),
        (product(), CARDS, Standing.SERVICE),
        (product(sku="SKU-2"), CARDS, Standing.STOCK),
        (product(type="stock"), RULES, Standing.UNKNOWN),
        (product(type="Fixed Asset"), RULES, Standing.UNKNOWN),
        (product(type=""), RULES, Standing.UNKNOWN),
        # -- drop-ship: only what is never on our shelf is left alone --------------------------------------------------
        (product(drop_ship=ALWAYS_DROP_SHIP), RULES, Standing.DROP_SHIP),
        (product(drop_ship=ALWAYS_DROP_SHIP, status="Deprecated"), RULES, Standing.DROP_SHIP),
        (product(drop_ship=ALWAYS_DROP_SHIP, parts=BILL), RULES, Standing.DROP_SHIP),
        (product(drop_ship="Optional Drop Ship"), RULES, Standing.STOCK),
        (product(drop_ship="No Drop Ship"), RULES, Standing.STOCK),
        (product(drop_ship=""), RULES, Standing.STOCK),
        # -- retired ---------------------------------------------------------------------------------------------------
        (product(status="Deprecated"), RULES, Standing.RETIRED),
        (product(sellable=False), RULES, Standing.RETIRED),
        (product(status="Setup required"), RULES, Standing.STOCK),
        (product(parts=BILL, status="Deprecated"), RULES, Standing.RETIRED),
        # -- kits ------------------------------------------------------------------------------------------------------
        (product(parts=BILL), RULES, Standing.KIT),
        (product(parts=BILL), LEAVING, Standing.KIT_LEFT),
        (product(parts=BILL, status="Deprecated"), LEAVING, Standing.KIT_LEFT),
        (product(parts=BILL, sellable=False), LEAVING, Standing.KIT_LEFT),
        (product(), LEAVING, Standing.STOCK),
    ],
)
def test_a_standing(one: Product | None, rules: StockRules, standing: Standing) -> None:
    assert standing_of(one, rules) is standing


def test_only_stock_kits_and_what_is_retired_is_written() -> None:
    assert {one for one in Standing if one.ours} == {Standing.STOCK, Standing.KIT, Standing.RETIRED}


BUFFERED = StockRules(
    channels={"": ("Main Warehouse",), "paris": ("Paris",), "tokyo": ("Tokyo",)},
    buffer=1,
    buffers={"SKU-1": 5, "SKU-0": 0, "Kitchen": 3, "Toys": 0},
    channel_buffers={"paris": 2, "tokyo": 0},
)


@pytest.mark.parametrize(
    ("sku", "category", "channel", "buffer"),
    [
        ("SKU-9", "Garden", "", 1),
        ("SKU-9", "", "", 1),
        ("SKU-9", "Garden", "paris", 2),
        ("SKU-9", "Kitchen", "paris", 3),
        ("SKU-1", "Kitchen", "paris", 5),
        ("SKU-1", "Garden", "", 5),
        # None kept back is a setting like any other.
        ("SKU-0", "Kitchen", "paris", 0),
        ("SKU-9", "Toys", "paris", 0),
        ("SKU-9", "Garden", "tokyo", 0),
        # Names are exact.
        ("sku-1", "kitchen", "Paris", 1),
    ],
)
def test_the_nearest_buffer_holds(sku: str, category: str, channel: str, buffer: int) -> None:
    assert buffer_of(BUFFERED, sku, category, channel) == buffer


def test_nothing_is_kept_back_unless_told() -> None:
    assert buffer_of(RULES, "SKU-1", "Kitchen", "") == 0
