"""What the people who keep the range do with products and families in Cin7's own screens: a part of the double."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from adapters.sandbox.cin7_books import Books, Part, Product
from adapters.sandbox.cin7_families import MOST_OPTIONS, Family, Member
from adapters.sandbox.cin7_payloads import product_payload
from adapters.sandbox.cin7_webhooks import WebhookDesk

if TYPE_CHECKING:
    from adapters.sandbox.cin7 import WallClock


class Assorting:
    """Each method raises KeyError for a product or a family that is not there, ValueError for a SKU that is taken."""

    books: Books
    _clock: WallClock
    _hooks: WebhookDesk

    # --- products

    def add_product(
        self,
        sku: str,
        name: str | None = None,
        *,
        price: Decimal = Decimal(0),
        stock: Decimal | int = 0,
        location: str | None = None,
        kind: Literal["Stock", "Service"] = "Stock",
        **fields: Any,
    ) -> Product:
        """Enter a product; a stock product opens with `stock` units at the location (the first unless said).

        `fields` are more of `Product`'s, by name.
        """
        product = self.books.add_product(
            Product(
                id=self.books.new_id(),
                sku=sku,
                name=name or sku,
                type=kind,
                price=price,
                modified_ms=self._clock.now(),
                **fields,
            )
        )
        self._product_changed(product, new=True)
        if kind == "Stock":
            self.books.receive(sku, self.books.the_place(location), Decimal(stock))
        return product

    def add_item(
        self,
        sku: str,
        *,
        name: str | None = None,
        barcode: str = "",
        category: str = "Kitchen",
        brand: str = "",
        kind: Literal["Stock", "Service"] = "Stock",
        status: str = "Active",
        sellable: bool = True,
        tax_rule: str | None = None,
        attributes: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> str:
        """Enter a product with what a catalogue shows of it, and return its id. `attributes`: see `Product`."""
        product = self.add_product(
            sku,
            name,
            kind=kind,
            barcode=barcode,
            category=category,
            brand=brand,
            status=status,
            sellable=sellable,
            tax_rule=tax_rule,
            attributes=dict(attributes or {}),
            **fields,
        )
        return product.id

    def add_kit(
        self,
        sku: str,
        parts: Mapping[str, Decimal | int],
        *,
        price: Decimal = Decimal(0),
        stock: Decimal | int = 0,
        makes: Decimal | int = 1,
        location: str | None = None,
    ) -> Product:
        """Enter a kit that is made on sale: of so much of each part (by SKU), `makes` of it. Raises KeyError."""
        bill = [
            Part(product=self.books.the_product(part), quantity=Decimal(quantity)) for part, quantity in parts.items()
        ]
        kit = self.add_product(sku, price=price, stock=stock, location=location)
        kit.parts, kit.quantity_to_produce, kit.auto_assembly = bill, Decimal(makes), True
        return kit

    def change_product(self, sku: str, **changes: object) -> None:
        """Change fields of `Product` by name, as a person does. Raises KeyError, ValueError for a field it has not."""
        product = self.books.the_product(sku)
        for name, value in changes.items():
            if name not in product.__struct_fields__:
                raise ValueError(f"no field {name} of a product")
            setattr(product, name, value)
        product.modified_ms = self._clock.now()
        self._product_changed(product, new=False)

    def deprecate(self, sku: str) -> None:
        """Retire a product: it leaves the default lists."""
        self.change_product(sku, status="Deprecated")

    # The same, in the words of the catalogue.
    edit_item = change_product
    retire_item = deprecate

    def reinstate(self, sku: str) -> None:
        """Bring a retired product back."""
        self.change_product(sku, status="Active")

    def rename_item(self, sku: str, new_sku: str) -> None:
        """Give a product another SKU; documents and families show it under that from now on."""
        product = self.books.the_product(sku)
        self.books.rename_product(product, new_sku)
        product.modified_ms = self._clock.now()
        self._product_changed(product, new=False)

    def remove_item(self, sku: str) -> None:
        """Take a product away: it is gone from every list and family, and no event tells of it."""
        self.books.remove_product(self.books.the_product(sku))

    def _product_changed(self, product: Product, *, new: bool) -> None:
        self._hooks.happened("Product/Updated", lambda: product_payload(product, new=new))

    # --- families

    def add_family(
        self,
        sku: str,
        name: str,
        options: tuple[str, ...] = ("Size", "Colour"),
        members: Mapping[str, tuple[str, ...]] | None = None,
        **fields: Any,
    ) -> str:
        """Make a family of products, by SKU with their value of each option, and return its id.

        `fields` are more of `Family`'s, by name.
        """
        if any(family.sku == sku for family in self.books.families):
            raise ValueError(f"a family {sku} exists already")
        if not 1 <= len(options) <= MOST_OPTIONS:
            raise ValueError(f"a family has one to {MOST_OPTIONS} options")
        family = Family(id=self.books.new_family_id(), sku=sku, name=name, options=options, **fields)
        self.books.families.append(family)
        family.modified_ms = self._clock.now()
        for item, values in (members or {}).items():
            self.join_family(sku, item, values)
        return family.id

    def join_family(self, family_sku: str, item_sku: str, options: tuple[str, ...]) -> None:
        """Put a product into a family, or give a member other values. Raises ValueError for other than its options."""
        family, product = self._family(family_sku), self.books.the_product(item_sku)
        if len(options) != len(family.options):
            raise ValueError(f"{family_sku} differs in {', '.join(family.options)}")
        others = [member for member in family.members if member.product is not product]
        family.members = [*others, Member(product=product, options=options)]
        family.modified_ms = self._clock.now()

    def edit_family(self, sku: str, **fields: object) -> None:
        """Change fields of `Family` by name. Raises ValueError for a field it has not."""
        family = self._family(sku)
        for name, value in fields.items():
            if name not in family.__struct_fields__:
                raise ValueError(f"no field {name} of a family")
            setattr(family, name, value)
        family.modified_ms = self._clock.now()

    def _family(self, sku: str) -> Family:
        for family in self.books.families:
            if family.sku == sku:
                return family
        raise KeyError(sku)
