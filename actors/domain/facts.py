"""What tallyd knows of the Cin7 account, so that judging an order costs no call.

The facts are read on a schedule and kept in the database; `Facts` is the part of them one order needs.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec

from actors.domain.time import Instant


class FactKind(StrEnum):
    """One list of the registry."""

    PRODUCT = "product"  # key: SKU
    TAX_RULE = "tax_rule"  # key: name
    LOCATION = "location"  # key: name
    PAYMENT_TERM = "payment_term"  # key: name
    ACCOUNT = "account"  # key: code
    CUSTOMER = "customer"  # key: name
    COMPANY = "company"  # key: "" (one row: /me)


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A Cin7 product. `type` is Stock or Service (open string)."""

    id: str
    sku: str
    name: str
    type: str
    status: str = "Active"
    sellable: bool = True
    drop_ship: str = "No Drop Ship"


class TaxRule(msgspec.Struct, frozen=True, kw_only=True):
    """A tax rule; `percent` is 20 for twenty percent."""

    id: str
    name: str
    percent: Decimal
    active: bool = True
    for_sale: bool = True
    inclusive: bool = False


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """A stock location."""

    id: str
    name: str
    deprecated: bool = False


class PaymentTerm(msgspec.Struct, frozen=True, kw_only=True):
    """A payment term; the account's default is used where nothing else is said."""

    id: str
    name: str
    active: bool = True
    is_default: bool = False


class LedgerAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account of the books."""

    code: str
    name: str
    for_payments: bool = False
    active: bool = True


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """The customer sales are booked to. `discount` is its own percent, which must be 0."""

    id: str
    name: str
    currency: str
    status: str = "Active"
    discount: Decimal = Decimal(0)


class Company(msgspec.Struct, frozen=True, kw_only=True):
    """`GET /me`: the settings of the account that change what a document adds up to."""

    name: str
    currency: str
    time_zone: str
    tax_calculation_method: str = ""
    lock_date: str | None = None
    automatic_discounts: bool = False
    discount_rule: str = ""
    customer_discount_last: bool = False


Fact = Product | TaxRule | Location | PaymentTerm | LedgerAccount | Customer | Company


class ProductPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of products, and how many there are in all. `rows` also counts rows that were not usable."""

    products: tuple[Product, ...]
    rows: int
    total: int


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known, for one order: products of its SKUs and of the charges, and all of the small lists.

    `products` is keyed by exact SKU, `services` by exact product name. `loaded` says which lists were ever read whole:
    a name missing from a list that was never read is *unknown*, not wrong. `edition` rises with every change.
    """

    products: dict[str, Product] = {}
    services: dict[str, Product] = {}
    tax_rules: dict[str, TaxRule] = {}
    locations: dict[str, Location] = {}
    payment_terms: dict[str, PaymentTerm] = {}
    customers: dict[str, Customer] = {}
    company: Company | None = None
    loaded: frozenset[FactKind] = frozenset()
    read_at: Instant | None = None
    edition: int = 0


def fact_ref(kind: FactKind, key: str) -> str:
    """Name one fact in one string: what a held order says it waits for."""
    return f"{kind.value}:{key}"
