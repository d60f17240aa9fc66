"""What tallyd knows of the Cin7 account, so that judging an order costs no call.

The facts are read on a schedule and kept in the database; `Facts` is the part of them one order needs.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum

import msgspec

from actors.domain.calibration import Calibration
from actors.domain.time import Instant


class FactKind(StrEnum):
    """One list of the registry."""

    PRODUCT = "product"  # key: SKU
    TAX_RULE = "tax_rule"  # key: name
    LOCATION = "location"  # key: name
    PAYMENT_TERM = "payment_term"  # key: name
    ACCOUNT = "account"  # key: code
    CUSTOMER = "customer"  # key: name
    CARRIER = "carrier"  # key: name
    RATE = "rate"  # key: "<currency>/<day>/<source>"
    COMPANY = "company"  # key: "" (one row: /me)


class KitPart(msgspec.Struct, frozen=True, kw_only=True):
    """A component of a kit: its SKU, and how many of it one kit takes."""

    sku: str
    quantity: Decimal


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A Cin7 product. `type` is Stock or Service (open string). `revenue_account` is a code ("": Cin7's own choice).

    `parts` are its components where Cin7 assembles it when an order for it is authorised (`BillOfMaterial` with
    `AutoAssembly`, fact sheet §3.1).
    """

    id: str
    sku: str
    name: str
    type: str
    status: str = "Active"
    sellable: bool = True
    drop_ship: str = "No Drop Ship"
    category: str = ""
    revenue_account: str = ""
    parts: tuple[KitPart, ...] = ()


class TaxRule(msgspec.Struct, frozen=True, kw_only=True):
    """A tax rule; `percent` is 20 for twenty percent. `components` are its parts as text, for comparing only."""

    id: str
    name: str
    percent: Decimal
    active: bool = True
    for_sale: bool = True
    inclusive: bool = False
    components: tuple[str, ...] = ()


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
    """An account of the books. `kind` is its class: ASSET, LIABILITY, … (open string; "": not said)."""

    code: str
    name: str
    for_payments: bool = False
    active: bool = True
    kind: str = ""


class Carrier(msgspec.Struct, frozen=True, kw_only=True):
    """Who carries parcels; a sale names it by name."""

    id: str
    name: str


class ExchangeRate(msgspec.Struct, frozen=True, kw_only=True):
    """`rate` units of the books' currency for one unit of `currency`, as of `day`; `source` says who said so.

    `source` is `cin7-last` or `file:PATH`.
    """

    currency: str
    day: date
    rate: Decimal
    source: str


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """The customer sales are booked to. `discount` is its own percent, which must be 0.

    Under `per-customer` it is the template: each new customer gets its term, accounts and tax rule.
    """

    id: str
    name: str
    currency: str
    status: str = "Active"
    discount: Decimal = Decimal(0)
    payment_term: str = ""
    receivable: str = ""
    revenue: str = ""
    tax_rule: str = ""


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
    rounding_table: str = ""


Fact = Product | TaxRule | Location | PaymentTerm | LedgerAccount | Customer | Carrier | ExchangeRate | Company


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known, for one order: products of its SKUs and of the charges, and all of the small lists.

    `products` is keyed by exact SKU, `services` by exact product name, `accounts` by code. `loaded` says which lists
    were ever read whole: a name missing from a list that was never read is *unknown*, not wrong. `edition` rises with
    every change. `calibration` is what is known of the account's arithmetic, as of the day of the judgement.
    """

    products: dict[str, Product] = {}
    services: dict[str, Product] = {}
    tax_rules: dict[str, TaxRule] = {}
    locations: dict[str, Location] = {}
    payment_terms: dict[str, PaymentTerm] = {}
    accounts: dict[str, LedgerAccount] = {}
    customers: dict[str, Customer] = {}
    carriers: dict[str, Carrier] = {}
    rates: tuple[ExchangeRate, ...] = ()
    calibration: Calibration = Calibration()
    company: Company | None = None
    loaded: frozenset[FactKind] = frozenset()
    read_at: Instant | None = None
    edition: int = 0


def fact_ref(kind: FactKind, key: str) -> str:
    """Name one fact in one string: what a held order says it waits for."""
    return f"{kind.value}:{key}"
