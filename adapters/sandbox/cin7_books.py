"""What the double of Cin7 Core holds: reference lists, products, stock, sales. Plain records, no wire in them.

Amounts and quantities are `Decimal`.
"""

from __future__ import annotations

import bisect
import random
import uuid
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import msgspec

from adapters.sandbox import catalogue
from adapters.sandbox.catalogue import Account, Item
from adapters.sandbox.cin7_families import Family
from adapters.sandbox.cin7_fulfilments import AUTHORISED, DRAFT, NOT_AVAILABLE, PARTLY, Fulfilment
from adapters.sandbox.cin7_ledger import CreditNote, Figures, Invoice, Payment
from adapters.sandbox.cin7_purchases import PurchaseBook
from adapters.sandbox.cin7_stock import ZERO, StockRoom


class Company(msgspec.Struct, kw_only=True):
    """The settings `GET /me` shows (fact sheet §1.2). Documents dated before `lock_date` are refused.

    With `automatic_discounts` every line loses `automatic_discount` percent when its order is authorised.
    """

    name: str = "Fell and Harbour Ltd"
    currency: str = catalogue.CURRENCY
    time_zone: str = "Europe/London"
    lock_date: date | None = None
    tax_calculation_method: str = "Row Total"
    automatic_discounts: bool = False
    discount_rule: str = "Discount"
    customer_discount_last: bool = False
    automatic_discount: Decimal = Decimal(5)


class TaxRule(msgspec.Struct, kw_only=True):
    """A tax rule; `percent` is 20 for twenty percent."""

    id: str
    name: str
    percent: Decimal
    active: bool = True
    for_sale: bool = True
    inclusive: bool = False


class Location(msgspec.Struct, kw_only=True):
    """A stock location."""

    id: str
    name: str
    is_default: bool = False
    deprecated: bool = False


class PaymentTerm(msgspec.Struct, kw_only=True):
    """A payment term; `days` after the invoice."""

    id: str
    name: str
    days: int
    active: bool = True
    is_default: bool = False


class Carrier(msgspec.Struct, kw_only=True):
    """A carrier; its name is called Description on the wire."""

    id: str
    name: str


class Address(msgspec.Struct, kw_only=True):
    """An address in a customer's address book."""

    id: str
    fields: dict[str, object]
    type: str = "Shipping"
    default: bool = False


class Customer(msgspec.Struct, kw_only=True):
    """A customer; names are unique, display names are not. `contacts` are kept as they are shown."""

    id: str
    name: str
    currency: str
    payment_term: str
    tax_rule: str
    status: str = "Active"
    receivable: str = "610"
    revenue: str = "200"
    discount: Decimal = ZERO
    modified_ms: int = 0
    display_name: str = ""
    addresses: list[Address] = []
    contacts: list[dict[str, object]] = []


class Product(msgspec.Struct, kw_only=True):
    """A product. `price` is the first price tier, `cost` the average cost, both in units of the base currency.

    `attributes` are its additional attributes by the name of their field, `AdditionalAttribute1` to 10.
    """

    id: str
    sku: str
    name: str
    type: str = "Stock"
    status: str = "Active"
    category: str = "Other"
    price: Decimal = ZERO
    cost: Decimal = ZERO
    sellable: bool = True
    drop_ship: str = "No Drop Ship"
    tax_rule: str | None = None
    revenue_account: str | None = None
    inventory_account: str | None = None
    barcode: str = ""
    brand: str = ""
    description: str = ""
    attributes: dict[str, str] = {}
    modified_ms: int = 0
    parts: list[Part] = []
    quantity_to_produce: Decimal = Decimal(1)
    auto_assembly: bool = False

    @property
    def assembled(self) -> bool:
        """True for a kit that is made of its parts when an order for it is authorised (fact sheet §3.1)."""
        return self.auto_assembly and bool(self.parts)

    @property
    def active(self) -> bool:
        """True unless it was retired."""
        return self.status != "Deprecated"


class Part(msgspec.Struct, kw_only=True):
    """A component of a kit: so much of it goes into `quantity_to_produce` kits."""

    product: Product
    quantity: Decimal


class Line(msgspec.Struct, kw_only=True):
    """An order line. `total` is quantity x price less discount; `reserved` what is held for it, not yet picked.

    `made` of those are kits that are to be made, each from what `drawn` says of its parts, by product id.
    """

    product_id: str
    sku: str
    name: str
    quantity: Decimal
    price: Decimal
    discount: Decimal
    tax: Decimal
    tax_rule: str
    total: Decimal
    comment: str = ""
    reserved: Decimal = ZERO
    made: Decimal = ZERO
    drawn: dict[str, Decimal] = {}
    picked: Decimal = ZERO
    backordered: Decimal = ZERO

    @property
    def stocked(self) -> Decimal:
        """The units that have to be picked, once authorised: all of goods, none of a service."""
        return self.reserved + self.picked + self.backordered


class Charge(msgspec.Struct, kw_only=True):
    """An additional charge: `description` is the name of a service product."""

    description: str
    quantity: Decimal
    price: Decimal
    discount: Decimal
    tax: Decimal
    tax_rule: str
    total: Decimal
    comment: str = ""


class Sale(msgspec.Struct, kw_only=True):
    """A sale with its order document. `header` is what was written and is only echoed."""

    id: str
    number: int
    customer: Customer
    location: Location
    currency: str
    created_ms: int
    updated_ms: int
    order_date: date
    tax_rule: str
    tax_inclusive: bool = False
    terms: str = ""
    skip_quote: bool = True
    type: str = "Simple Sale"
    currency_rate: Decimal = Decimal(1)
    external_id: str | None = None
    reference: str = ""
    header: dict[str, object] = {}
    ship_by: date | None = None
    voided: bool = False
    order_status: str = "NOT AVAILABLE"
    memo: str = ""
    lines: list[Line] = []
    charges: list[Charge] = []
    net: Decimal = ZERO
    tax: Decimal = ZERO
    total: Decimal = ZERO
    by_rule: dict[str, Figures] = {}
    fulfilments: list[Fulfilment] = []
    voided_after_pick: bool = False
    invoices: list[Invoice] = []
    credit_notes: list[CreditNote] = []

    @property
    def order_number(self) -> str:
        """The number people know it by."""
        return f"SO-{self.number:05d}"

    @property
    def authorised(self) -> bool:
        """True when the order document is authorised."""
        return self.order_status == "AUTHORISED"

    @property
    def backordered(self) -> bool:
        """True when a line is short of stock."""
        return any(line.backordered for line in self.lines)

    @property
    def standing_invoices(self) -> list[Invoice]:
        """Those that count."""
        return [invoice for invoice in self.invoices if invoice.stands]

    @property
    def invoiced(self) -> Decimal:
        """What its invoices are of."""
        return sum((invoice.total for invoice in self.standing_invoices), ZERO)

    @property
    def credited(self) -> Decimal:
        """What its credit notes take off that."""
        return sum((note.total for note in self.credit_notes if note.stands), ZERO)

    @property
    def paid(self) -> Decimal:
        """What was paid, less what was refunded."""
        paid = sum((invoice.paid for invoice in self.invoices), ZERO)
        return paid - sum((note.refunded for note in self.credit_notes), ZERO)

    @property
    def fully_invoiced(self) -> bool:
        """True when an invoice stands, and each unit of the order is on one."""
        ordered = sum((line.quantity for line in self.lines), ZERO)
        units = sum((line.quantity for invoice in self.standing_invoices for line in invoice.lines), ZERO)
        return bool(self.standing_invoices) and units >= ordered

    @property
    def completed(self) -> bool:
        """True when all of it is shipped, invoiced and paid."""
        is_shipped = all(one.ship_status == AUTHORISED for one in self.live_fulfilments)
        goes_nowhere = not any(line.stocked for line in self.lines)
        is_settled = self.fully_invoiced and self.paid == self.invoiced - self.credited
        return is_settled and (goes_nowhere or (bool(self.live_fulfilments) and is_shipped and not self.backordered))

    @property
    def live_fulfilments(self) -> list[Fulfilment]:
        """Those that are not void."""
        return [one for one in self.fulfilments if not one.voided]

    @property
    def has_left(self) -> bool:
        """True when something of it was shipped."""
        return any(one.has_left for one in self.fulfilments)

    @property
    def pick_status(self) -> str:
        """The pick of its first fulfilment; a simple sale has no other."""
        return self.fulfilments[0].pick_status if self.fulfilments else NOT_AVAILABLE

    @property
    def ship_status(self) -> str:
        """The shipment of its first fulfilment."""
        return self.fulfilments[0].ship_status if self.fulfilments else NOT_AVAILABLE

    @property
    def status(self) -> str:
        """The status of the sale as BP derives it (fact sheet §2.1); a simple sale shows its stage."""
        if self.voided:
            return "VOIDED"
        if self.order_status == "DRAFT":
            return "ORDERING"
        if not self.authorised:
            return "ESTIMATED" if self.skip_quote else "DRAFT"
        if self.completed:
            return "COMPLETED"
        if self.type == "Simple Sale" and (
            shown := _billed(self) or (self.fulfilments and _shown(self.fulfilments[0]))
        ):
            return shown
        return "BACKORDERED" if self.backordered else "ORDERED"


def _billed(sale: Sale) -> str | None:
    """The word for how far a simple sale is in the books, once it is there."""
    if sale.standing_invoices:
        return "CREDITED" if any(note.stands for note in sale.credit_notes) else "INVOICED"
    return "INVOICING" if any(invoice.stage == DRAFT for invoice in sale.invoices) else None


def _shown(task: Fulfilment) -> str | None:
    """The word for how far a simple sale is. None of them says SHIPPED: what was packed and left is invoiced next."""
    if task.ship_status in (DRAFT, PARTLY):
        return "SHIPPING"
    if task.ship_status == AUTHORISED or task.is_packed:
        return "PACKED"
    if task.is_picked:
        return "PICKED"
    return "PICKING" if task.pick_status == DRAFT else None


def _by_sku(product: Product) -> str:
    return product.sku


class Books(StockRoom):
    """All records of one account. Not one name twice in a list, not one SKU twice."""

    def __init__(self, *, seed: int, currency: str, now_ms: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self._family_ids = random.Random(f"families {seed}")
        self.company = Company(currency=currency)
        self.tax_rules = [
            TaxRule(id=self.new_id(), name=name, percent=Decimal(percent))
            for percent, name in catalogue.TAX_RULES.items()
        ]
        self.locations = [
            Location(id=self.new_id(), name=name, is_default=place == 0)
            for place, name in enumerate(catalogue.LOCATIONS)
        ]
        self.payment_terms = [
            PaymentTerm(id=self.new_id(), name=name, days=days, is_default=place == 0)
            for place, (name, days) in enumerate(catalogue.PAYMENT_TERMS)
        ]
        self.accounts: list[Account] = list(catalogue.ACCOUNTS)
        self.products: list[Product] = []
        self._products_by_sku: dict[str, Product] = {}
        self._products_by_id: dict[str, Product] = {}
        self._in_order: list[Product] = []
        self.families: list[Family] = []
        self.sales: list[Sale] = []
        self.removed_sales: list[Sale] = []
        self._numbered = 0
        self._credit_notes = 0
        self._invoices = 0
        self.invoices: dict[str, Invoice] = {}
        self.credit_notes: dict[str, CreditNote] = {}
        self.payments: dict[str, Payment] = {}
        self._sales_by_id: dict[str, Sale] = {}
        self.buying = PurchaseBook(seed=seed)
        self._stock_the_shop(now_ms)
        self.customers = [self._web_customer(now_ms)]
        self.carriers = [Carrier(id=self.new_id(), name=name) for name in catalogue.CARRIERS]

    def _stock_the_shop(self, now_ms: int) -> None:
        for item in catalogue.ITEMS:
            self.add_product(self._stock_product(item, now_ms))
            self.receive(item.sku, self.locations[0], Decimal(item.stock))
        for name in catalogue.SERVICES:
            sku = f"SVC-{name.upper().replace(' ', '-')}"
            self.add_product(
                Product(
                    id=self.new_id(),
                    sku=sku,
                    name=name,
                    type="Service",
                    category="Service",
                    revenue_account=catalogue.REVENUE_ACCOUNTS.get(name),
                    modified_ms=now_ms,
                )
            )

    def _stock_product(self, item: Item, now_ms: int) -> Product:
        return Product(
            id=self.new_id(),
            sku=item.sku,
            name=item.name,
            category=item.category,
            price=Decimal(item.price) / 100,
            cost=(Decimal(item.price) / 200).quantize(Decimal("0.01")),
            tax_rule=item.tax_rule,
            modified_ms=now_ms,
        )

    def _web_customer(self, now_ms: int) -> Customer:
        return Customer(
            id=self.new_id(),
            name=catalogue.CUSTOMER,
            currency=catalogue.CURRENCY,
            payment_term=self.payment_terms[0].name,
            tax_rule=self.tax_rules[0].name,
            modified_ms=now_ms,
        )

    def new_id(self) -> str:
        """Make a GUID from the seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def new_family_id(self) -> str:
        """Make a GUID from a sequence of its own, so that no other id moves."""
        return str(uuid.UUID(int=self._family_ids.getrandbits(128), version=4))

    def add_product(self, product: Product) -> Product:
        """Enter a product. Raises ValueError when the SKU is taken."""
        if product.sku in self._products_by_sku:
            raise ValueError(f"SKU {product.sku} exists already")
        self.products.append(product)
        self._products_by_sku[product.sku] = product
        self._products_by_id[product.id] = product
        bisect.insort(self._in_order, product, key=_by_sku)
        self._rows = None
        return product

    def rename_product(self, product: Product, sku: str) -> None:
        """Give a product another SKU. Raises ValueError when it is taken."""
        if sku in self._products_by_sku:
            raise ValueError(f"SKU {sku} exists already")
        self._leave_order(product)
        product.sku = sku
        self._products_by_sku[sku] = product
        bisect.insort(self._in_order, product, key=_by_sku)

    def remove_product(self, product: Product) -> None:
        """Take a product out of every list; what documents say of it stays."""
        self._leave_order(product)
        self.products = [kept for kept in self.products if kept is not product]
        for family in self.families:
            family.members = [member for member in family.members if member.product is not product]
        self._rows = None

    def _leave_order(self, product: Product) -> None:
        del self._products_by_sku[product.sku]
        del self._in_order[bisect.bisect_left(self._in_order, product.sku, key=_by_sku)]

    def products_in_order(self) -> Iterator[Product]:
        """Go through what there is by SKU; the order is kept, not made anew for each page of a long list."""
        return (product for product in self._in_order if self._products_by_sku.get(product.sku) is product)

    def the_product(self, sku: str) -> Product:
        """Return a product by its exact SKU. Raises KeyError."""
        return self._products_by_sku[sku]

    def the_place(self, name: str | None) -> Location:
        """Return a location in use by its name, the first unless said. Raises KeyError."""
        place = self.locations[0] if name is None else self.location(name)
        if place is None:
            raise KeyError(name)
        return place

    def product_by_sku(self, sku: str) -> Product | None:
        """Find a product by its exact SKU."""
        return self._products_by_sku.get(sku)

    def product_by_id(self, product_id: str) -> Product | None:
        """Find a product by its GUID, in any letter case."""
        return self._products_by_id.get(product_id.lower())

    def service_by_name(self, name: str) -> Product | None:
        """Find an active service product by its exact name."""
        found = (p for p in self.products if p.type == "Service" and p.active and p.name == name)
        return next(found, None)

    def tax_rule(self, name: str) -> TaxRule | None:
        """Find a tax rule that may stand on a sale."""
        return next((rule for rule in self.tax_rules if rule.name == name and rule.active and rule.for_sale), None)

    def location(self, name: str) -> Location | None:
        """Find a location in use."""
        return next((place for place in self.locations if place.name == name and not place.deprecated), None)

    def payment_term(self, name: str) -> PaymentTerm | None:
        """Find an active payment term."""
        return next((term for term in self.payment_terms if term.name == name and term.active), None)

    def account(self, code: str) -> Account | None:
        """Find an account."""
        return next((account for account in self.accounts if account.code == code), None)

    def carrier(self, name: str) -> Carrier | None:
        """Find a carrier by its exact name."""
        return next((carrier for carrier in self.carriers if carrier.name == name), None)

    def customer_by_name(self, name: str) -> Customer | None:
        """Find a customer by exact name."""
        return next((customer for customer in self.customers if customer.name == name), None)

    def customer_by_id(self, customer_id: str) -> Customer | None:
        """Find a customer by GUID, in any letter case."""
        return next((customer for customer in self.customers if customer.id == customer_id.lower()), None)

    @property
    def next_number(self) -> int:
        """The number the next sale gets; numbers of sales that were removed are not given again."""
        return self._numbered + 1

    def add_sale(self, sale: Sale) -> Sale:
        """Enter a sale; it gets the next number before it comes here."""
        self._numbered = sale.number
        self.sales.append(sale)
        self._sales_by_id[sale.id] = sale
        return sale

    def sale(self, sale_id: str) -> Sale | None:
        """Find a sale by GUID, in any letter case."""
        return self._sales_by_id.get(sale_id.lower())

    def remove_sale(self, sale: Sale) -> None:
        """Take a sale out of the books for good, and give back its stock, less what was shipped."""
        for units in (units for one in sale.fulfilments for units in one.shipped):
            units.line.picked -= units.quantity
        self.release(sale)
        self.sales = [kept for kept in self.sales if kept is not sale]
        del self._sales_by_id[sale.id]
        self.removed_sales.append(sale)

    def add_invoice(self, sale: Sale, invoice: Invoice) -> Invoice:
        """Enter an invoice; it is found by its task from now on."""
        sale.invoices = [*sale.invoices, invoice]
        self.invoices[invoice.task_id] = invoice
        return invoice

    def add_credit_note(self, sale: Sale, note: CreditNote) -> CreditNote:
        """Enter a credit note; it is found by its task from now on."""
        sale.credit_notes = [*sale.credit_notes, note]
        self.credit_notes[note.task_id] = note
        return note

    def next_invoice(self) -> str:
        """Give the number of the next invoice."""
        self._invoices += 1
        return f"INV-{self._invoices:05d}"

    def next_credit_note(self) -> str:
        """Give the number of the next credit note."""
        self._credit_notes += 1
        return f"CR-{self._credit_notes:05d}"
