"""What Cin7 Core knows of an item beyond what an order needs: what a catalogue shows, and what tells it from others.

A *family* is Cin7's word for what a storefront calls a product with variants (fact sheet §3.2).
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

from actors.domain.facts import Product

FIT_STATUS = "Active"


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A product of Cin7 Core as its list shows it (fact sheet §3.1).

    `tax_rule` is the rule of its sales, `average_cost` in the books' currency, `attributes` the AdditionalAttributes
    that are filled, by their field's name. `readable` False: it is there, but what it is made of cannot be read, and no
    order is judged by it.
    """

    product: Product
    barcode: str = ""
    brand: str = ""
    tax_rule: str = ""
    description: str = ""
    inventory_account: str = ""
    average_cost: Decimal = Decimal(0)
    attributes: dict[str, str] = {}
    readable: bool = True

    @property
    def id(self) -> str:
        """Cin7's id, which stays when the SKU changes."""
        return self.product.id

    @property
    def sku(self) -> str:
        """The SKU, exactly as it is written."""
        return self.product.sku

    @property
    def fit(self) -> bool:
        """True when it can be sold: active, sellable and goods. Only such an item becomes a draft."""
        product = self.product
        return self.readable and product.status == FIT_STATUS and product.sellable and product.type == "Stock"


class ItemPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of products, and how many there are in all. `rows` also counts rows that were not usable."""

    items: tuple[Item, ...]
    rows: int
    total: int

    @property
    def products(self) -> tuple[Product, ...]:
        """What orders are judged by."""
        return tuple(item.product for item in self.items if item.readable)


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A product in a family, with its value of each option, in the order of the family's options."""

    item_id: str
    sku: str
    options: tuple[str, ...] = ()


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """A product family. `options` are the names of its one to three options, such as Size and Colour."""

    id: str
    sku: str
    name: str
    options: tuple[str, ...] = ()
    members: tuple[Member, ...] = ()
    category: str = ""
    brand: str = ""
    tax_rule: str = ""
    description: str = ""


class FamilyPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of families, and how many there are in all. `rows` also counts rows that were not usable."""

    families: tuple[Family, ...]
    rows: int
    total: int
