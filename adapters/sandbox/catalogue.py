"""The shop both doubles sell from: homeware and outdoor goods, priced in pounds, with the names the books know them by.

One list, so that a SKU, a price and an opening stock mean the same on both sides.
"""

from __future__ import annotations

import msgspec

CURRENCY = "GBP"
CUSTOMER = "commercetools web orders"
LOCATIONS = ("Main Warehouse", "Paris")
PAYMENT_TERMS = (("30 days", 30), ("14 days", 14), ("Paid online", 0))
TAX_RULES = {20: "20% (VAT on Income)", 5: "5% (VAT on Income)", 0: "Zero Rated Income"}
"""Names of the tax rules by percent."""

SERVICES = (
    "Shipping",
    "Discount",
    "Rounding",
    "Gift wrap",
    "Voucher",
    "Gift card redeemed",
    "Refund",
    "Gift card sold",
)
"""Service products: what an additional charge of a sale may be called."""

GIFT_CARDS = "850"
"""The account of gift cards that are out: what is sold is owed, and what is redeemed pays an invoice out of it."""

REVENUE_ACCOUNTS = {"Gift card sold": GIFT_CARDS}
"""Services that are booked elsewhere than sales."""

CARRIERS = ("DHL Express", "Royal Mail")
"""Carriers a sale may name."""


class Item(msgspec.Struct, frozen=True):
    """A product on sale. `price` is gross, in minor units of `CURRENCY`; `stock` is the opening quantity."""

    sku: str
    name: str
    price: int
    stock: int
    tax_percent: int
    category: str

    @property
    def tax_rule(self) -> str:
        """The Cin7 name of its tax rule."""
        return TAX_RULES[self.tax_percent]


class Account(msgspec.Struct, frozen=True):
    """An account of the books; `type` and `account_class` as Cin7 spells them (BP, Chart of Accounts)."""

    code: str
    name: str
    type: str
    account_class: str
    system_account: str | None = None
    system_code: str | None = None
    for_payments: bool = False


ACCOUNTS = (
    Account("090", "Web Shop Clearing", "BANK", "ASSET", for_payments=True),
    Account("200", "Sales", "REVENUE", "REVENUE"),
    Account("310", "Cost of Goods Sold", "DIRECTCOSTS", "EXPENSE"),
    Account("425", "Freight and Courier", "EXPENSE", "EXPENSE"),
    Account("610", "Accounts Receivable", "CURRENT", "ASSET", "Accounts receivable", "DEBTORS"),
    Account("630", "Inventory", "INVENTORY", "ASSET"),
    Account("800", "Accounts Payable", "CURRLIAB", "LIABILITY", "Accounts payable", "CREDITORS"),
    Account("820", "VAT", "CURRLIAB", "LIABILITY", "GST / VAT", "GST"),
    Account(GIFT_CARDS, "Gift Cards", "CURRLIAB", "LIABILITY", for_payments=True),
    Account("860", "Rounding", "CURRLIAB", "LIABILITY", "Rounding", "ROUNDING"),
)


ITEMS: tuple[Item, ...] = (
    Item("HW-MUG-STN-01", "Stoneware Mug, Slate 350 ml", 1295, 180, 20, "Kitchen"),
    Item("HW-MUG-STN-02", "Stoneware Mug, Oat 350 ml", 1295, 164, 20, "Kitchen"),
    Item("HW-MUG-ENA-01", "Enamel Mug, White with Blue Rim", 899, 240, 20, "Kitchen"),
    Item("HW-PLT-DIN-26", "Stoneware Dinner Plate 26 cm", 1499, 132, 20, "Kitchen"),
    Item("HW-PLT-SID-20", "Stoneware Side Plate 20 cm", 1099, 140, 20, "Kitchen"),
    Item("HW-BWL-PAS-22", "Stoneware Pasta Bowl 22 cm", 1399, 96, 20, "Kitchen"),
    Item("HW-CAF-8C", "Cafetiere 8 Cup, Brushed Steel", 3995, 58, 20, "Kitchen"),
    Item("HW-TPT-CAST", "Cast Iron Teapot 800 ml", 4250, 34, 20, "Kitchen"),
    Item("HW-KTL-STV", "Stove Top Kettle 2 l, Sage", 5499, 27, 20, "Kitchen"),
    Item("HW-PAN-CST-24", "Cast Iron Skillet 24 cm", 3799, 63, 20, "Kitchen"),
    Item("HW-PAN-CAS-28", "Cast Iron Casserole 28 cm, Ink", 12999, 18, 20, "Kitchen"),
    Item("HW-KNF-CHF-20", "Chef's Knife 20 cm", 6450, 41, 20, "Kitchen"),
    Item("HW-KNF-PAR-09", "Paring Knife 9 cm", 1950, 77, 20, "Kitchen"),
    Item("HW-BRD-OAK-L", "Oak Chopping Board, Large", 4495, 52, 20, "Kitchen"),
    Item("HW-BRD-OAK-S", "Oak Chopping Board, Small", 2495, 88, 20, "Kitchen"),
    Item("HW-TWL-TEA-3", "Linen Tea Towels, Set of 3", 2199, 115, 20, "Textiles"),
    Item("HW-APR-CAN", "Canvas Apron, Charcoal", 3200, 46, 20, "Textiles"),
    Item("HW-THR-WOL-GR", "Lambswool Throw, Grey 130 x 180 cm", 8900, 29, 20, "Textiles"),
    Item("HW-THR-WOL-OC", "Lambswool Throw, Ochre 130 x 180 cm", 8900, 24, 20, "Textiles"),
    Item("HW-CSH-VEL-45", "Velvet Cushion 45 cm, Forest", 2650, 72, 20, "Textiles"),
    Item("HW-CSH-LIN-50", "Linen Cushion 50 cm, Natural", 2950, 68, 20, "Textiles"),
    Item("HW-BTH-TWL-L", "Organic Cotton Bath Towel", 2399, 104, 20, "Bath"),
    Item("HW-BTH-TWL-H", "Organic Cotton Hand Towel", 1199, 152, 20, "Bath"),
    Item("HW-BTH-MAT", "Teak Bath Mat", 5900, 22, 20, "Bath"),
    Item("HW-SOA-DIS", "Soap Dispenser, Amber Glass", 1450, 93, 20, "Bath"),
    Item("HW-CND-FIG", "Soy Candle, Fig and Cedar 220 g", 1899, 121, 20, "Home"),
    Item("HW-CND-SEA", "Soy Candle, Sea Salt 220 g", 1899, 110, 20, "Home"),
    Item("HW-VAS-RIB-25", "Ribbed Glass Vase 25 cm", 2799, 49, 20, "Home"),
    Item("HW-CLK-WAL", "Oak Wall Clock 30 cm", 4999, 31, 20, "Home"),
    Item("HW-BSK-SEA-M", "Seagrass Basket, Medium", 2250, 65, 20, "Home"),
    Item("HW-LMP-DSK-BR", "Desk Lamp, Brass", 7495, 19, 20, "Home"),
    Item("HW-HOK-BRS-4", "Brass Hooks, Set of 4", 1650, 140, 20, "Home"),
    Item("HW-DST-PAN", "Dustpan and Brush, Beech", 1799, 83, 20, "Home"),
    Item("OD-TNT-2P", "Two Person Tent, Moss", 18900, 16, 20, "Outdoor"),
    Item("OD-SLB-3S", "Three Season Sleeping Bag", 9450, 28, 20, "Outdoor"),
    Item("OD-MAT-SLF", "Self Inflating Mat", 5250, 37, 20, "Outdoor"),
    Item("OD-STV-GAS", "Compact Gas Stove", 3999, 44, 20, "Outdoor"),
    Item("OD-PAN-SET", "Camp Cook Set, 4 Pieces", 4599, 33, 20, "Outdoor"),
    Item("OD-FLK-750", "Vacuum Flask 750 ml, Navy", 2999, 126, 20, "Outdoor"),
    Item("OD-FLK-500", "Vacuum Flask 500 ml, Sand", 2499, 131, 20, "Outdoor"),
    Item("OD-BTL-STL-1L", "Steel Water Bottle 1 l", 1999, 158, 20, "Outdoor"),
    Item("OD-LAN-LED", "Rechargeable Lantern", 3499, 57, 20, "Outdoor"),
    Item("OD-HDT-350", "Head Torch 350 lm", 2795, 74, 20, "Outdoor"),
    Item("OD-KNF-FLD", "Folding Pocket Knife, Ash", 3650, 39, 20, "Outdoor"),
    Item("OD-BLK-PIC", "Waterproof Picnic Blanket", 3295, 55, 20, "Outdoor"),
    Item("OD-RCK-25", "Roll Top Rucksack 25 l, Olive", 7950, 26, 20, "Outdoor"),
    Item("OD-BAG-DRY-10", "Dry Bag 10 l, Orange", 1599, 102, 20, "Outdoor"),
    Item("OD-HAM-DBL", "Double Hammock, Indigo", 5499, 23, 20, "Outdoor"),
    Item("OD-CHR-FLD", "Folding Camp Chair", 4250, 48, 20, "Outdoor"),
    Item("OD-FIR-BWL", "Steel Fire Bowl 60 cm", 11500, 14, 20, "Garden"),
    Item("GD-TRW-ASH", "Hand Trowel, Ash Handle", 1495, 97, 20, "Garden"),
    Item("GD-SEC-BYP", "Bypass Secateurs", 2899, 61, 20, "Garden"),
    Item("GD-CAN-5L", "Watering Can 5 l, Zinc", 3450, 42, 20, "Garden"),
    Item("GD-GLV-LEA-M", "Leather Gardening Gloves, M", 2199, 70, 20, "Garden"),
    Item("EN-INS-DOOR", "Door Draught Strip 5 m", 849, 210, 5, "Energy Saving"),
    Item("EN-INS-HWJ", "Hot Water Cylinder Jacket", 2450, 36, 5, "Energy Saving"),
    Item("EN-TRV-SMART", "Thermostatic Radiator Valve", 3799, 80, 5, "Energy Saving"),
    Item("BK-CAMP-CKB", "The Camp Fire Cookbook", 1999, 66, 0, "Books"),
    Item("BK-HEDGE-GDE", "A Pocket Guide to Hedgerows", 899, 145, 0, "Books"),
    Item("KD-WLY-SOK-S", "Children's Wool Socks, Small", 799, 125, 0, "Children"),
    Item("KD-RNC-104", "Children's Raincoat, Age 4", 2950, 38, 0, "Children"),
)
