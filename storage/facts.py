"""The registry on disk: what the Cin7 Core account holds, list by list."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

import msgspec

from actors.domain.facts import (
    Carrier,
    Company,
    Customer,
    ExchangeRate,
    Fact,
    FactKind,
    Facts,
    KitPart,
    LedgerAccount,
    Location,
    PaymentTerm,
    Product,
    TaxRule,
    fact_ref,
)
from actors.domain.time import Instant
from storage import demand, meta, stock

_F = TypeVar("_F", bound=Fact)

_TYPES: dict[FactKind, type[Fact]] = {
    FactKind.PRODUCT: Product,
    FactKind.TAX_RULE: TaxRule,
    FactKind.LOCATION: Location,
    FactKind.PAYMENT_TERM: PaymentTerm,
    FactKind.ACCOUNT: LedgerAccount,
    FactKind.CUSTOMER: Customer,
    FactKind.CARRIER: Carrier,
    FactKind.RATE: ExchangeRate,
    FactKind.COMPANY: Company,
}


EDITION = "facts_edition"
"""Counter that rises whenever a fact changed: who judged by an older edition judges again."""


def key_of(fact: Fact) -> str:
    """The key a fact is known by: SKU, name, code, currency with day and source, or nothing for the one company."""
    match fact:
        case Product():
            return fact.sku
        case LedgerAccount():
            return fact.code
        case ExchangeRate():
            return f"{fact.currency}/{fact.day.isoformat()}/{fact.source}"
        case Company():
            return ""
        case _:
            return fact.name


def store(
    connection: sqlite3.Connection, kind: FactKind, facts: Iterable[Fact], *, now: Instant, whole: bool, number: int = 0
) -> set[str]:
    """Store facts of one list; `whole` means they are all of it, so the others are gone.

    `number` tells passes apart while a list is read page by page (see `finish_pass`). Return the references of every
    fact that is new, changed or gone.
    """
    changed: set[str] = set()
    seen: set[str] = set()
    for fact in facts:
        key = key_of(fact)
        seen.add(key)
        if _put(connection, kind, key, fact, number):
            changed.add(fact_ref(kind, key))
            if isinstance(fact, Product):
                _keep_parts(connection, key, fact.parts, now)
    if whole:
        gone = [
            row[0]
            for row in connection.execute("SELECT key FROM facts WHERE kind = ?", (kind.value,))
            if row[0] not in seen
        ]
        connection.executemany("DELETE FROM facts WHERE kind = ? AND key = ?", [(kind.value, key) for key in gone])
        changed.update(fact_ref(kind, key) for key in gone)
        mark_read(connection, kind, now=now, full=True, changed=bool(changed))
    return changed


def _keep_parts(connection: sqlite3.Connection, kit: str, parts: Sequence[KitPart], now: Instant) -> None:
    """Keep what a kit is made of now; what it is made of no longer has its entries looked at without it."""
    former = {part.sku for part in stock.parts_of(connection, kit)}
    stock.store_parts(connection, kit, parts)
    demand.stir(connection, former - {part.sku for part in parts}, now=now)


def _put(connection: sqlite3.Connection, kind: FactKind, key: str, fact: Fact, number: int) -> bool:
    value = msgspec.json.encode(fact).decode()
    known = connection.execute("SELECT value FROM facts WHERE kind = ? AND key = ?", (kind.value, key)).fetchone()
    name = fact.name if isinstance(fact, Product) else key
    service = int(isinstance(fact, Product) and fact.type == "Service")
    connection.execute(
        "INSERT INTO facts (kind, key, name, service, value, pass) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (kind, key) DO UPDATE SET name = excluded.name, service = excluded.service,"
        " value = excluded.value, pass = excluded.pass",
        (kind.value, key, name, service, value, number),
    )
    return known is None or known[0] != value


def forget_rates(connection: sqlite3.Connection, source: str, *, but: Iterable[ExchangeRate]) -> set[str]:
    """Drop every rate of a source but these: a line taken out of a file must not be used on. Return their references.

    The rates of other sources stay: they are a history, and nobody keeps it but us.
    """
    kept = {key_of(rate) for rate in but}
    known = [row[0] for row in connection.execute("SELECT key FROM facts WHERE kind = ?", (FactKind.RATE.value,))]
    gone = [key for key in known if key.split("/", 2)[2] == source and key not in kept]
    connection.executemany("DELETE FROM facts WHERE kind = ? AND key = ?", [(FactKind.RATE.value, key) for key in gone])
    return {fact_ref(FactKind.RATE, key) for key in gone}


def finish_pass(connection: sqlite3.Connection, kind: FactKind, *, number: int, now: Instant) -> set[str]:
    """End a pass over a whole list read page by page: rows it did not meet are gone. Return their references."""
    gone = [
        row[0] for row in connection.execute("SELECT key FROM facts WHERE kind = ? AND pass <> ?", (kind.value, number))
    ]
    connection.executemany("DELETE FROM facts WHERE kind = ? AND key = ?", [(kind.value, key) for key in gone])
    if kind is FactKind.PRODUCT:
        for key in gone:
            _keep_parts(connection, key, (), now)
    mark_read(connection, kind, now=now, full=True, changed=bool(gone))
    return {fact_ref(kind, key) for key in gone}


def forget_products(connection: sqlite3.Connection, skus: Iterable[str], *, now: Instant) -> set[str]:
    """Drop products by SKU: Cin7 Core calls them otherwise now. Return the references of those that were known."""
    gone: set[str] = set()
    for sku in skus:
        statement = "DELETE FROM facts WHERE kind = ? AND key = ?"
        if connection.execute(statement, (FactKind.PRODUCT.value, sku)).rowcount:
            _keep_parts(connection, sku, (), now)
            gone.add(fact_ref(FactKind.PRODUCT, sku))
    return gone


def mark_read(connection: sqlite3.Connection, kind: FactKind, *, now: Instant, full: bool, changed: bool) -> None:
    """Record that a list was read: whole, or only what changed since."""
    rows = connection.execute("SELECT count(*) FROM facts WHERE kind = ?", (kind.value,)).fetchone()[0]
    connection.execute(
        "INSERT INTO fact_lists (kind, read_at, changed_at, full_at, rows) VALUES (:kind, :now, :now, :now, :rows)"
        " ON CONFLICT (kind) DO UPDATE SET read_at = :now, rows = :rows,"
        " changed_at = CASE WHEN :changed THEN :now ELSE changed_at END,"
        " full_at = CASE WHEN :full THEN :now ELSE full_at END",
        {"kind": kind.value, "now": now, "rows": rows, "changed": changed, "full": full},
    )


def changed(connection: sqlite3.Connection) -> None:
    """Count a change of the facts."""
    meta.set_counter(connection, EDITION, meta.counter(connection, EDITION) + 1)


def lists(connection: sqlite3.Connection) -> dict[FactKind, tuple[Instant, Instant, int]]:
    """Return, per list ever read whole: when it was read, when it was read whole, how many rows it has."""
    rows = connection.execute("SELECT kind, read_at, full_at, rows FROM fact_lists")
    return {FactKind(row[0]): (row[1], row[2], row[3]) for row in rows}


def _small(connection: sqlite3.Connection, kind: FactKind, of: type[_F]) -> dict[str, _F]:
    rows = connection.execute("SELECT key, value FROM facts WHERE kind = ?", (kind.value,))
    return {key: msgspec.json.decode(value, type=of) for key, value in rows}


def company(connection: sqlite3.Connection) -> Company | None:
    """Return the company settings as they were last read."""
    return _small(connection, FactKind.COMPANY, Company).get("")


def rates(connection: sqlite3.Connection, currency: str | None = None) -> tuple[ExchangeRate, ...]:
    """Return every known rate, or those of one currency, by currency and day."""
    # Every key of a currency begins with its code and a slash; the next character after a slash is the figure 0.
    low, high = ("", chr(0x10FFFF)) if currency is None else (f"{currency}/", f"{currency}0")
    rows = connection.execute(
        "SELECT value FROM facts WHERE kind = ? AND key >= ? AND key < ? ORDER BY key", (FactKind.RATE.value, low, high)
    )
    return tuple(msgspec.json.decode(row[0], type=ExchangeRate) for row in rows)


def tax_rules(connection: sqlite3.Connection) -> dict[str, TaxRule]:
    """Return Cin7's tax rules as they were last read, by name."""
    return _small(connection, FactKind.TAX_RULE, TaxRule)


def accounts(connection: sqlite3.Connection) -> dict[str, LedgerAccount]:
    """Return the accounts of the books, by code."""
    return _small(connection, FactKind.ACCOUNT, LedgerAccount)


def product(connection: sqlite3.Connection, sku: str) -> Product | None:
    """Return the product of exactly this SKU, if Cin7 Core has one."""
    row = connection.execute("SELECT value FROM facts WHERE kind = 'product' AND key = ?", (sku,)).fetchone()
    return None if row is None else msgspec.json.decode(row[0], type=Product)


def for_order(connection: sqlite3.Connection, skus: Collection[str], *, currency: str | None = None) -> Facts:
    """Return what judging one order needs: the products of its SKUs, every service product, all small lists.

    `currency` is the order's: then the exchange rates are those of it alone, for their history is long.
    """
    products: dict[str, Product] = {}
    for sku in skus:
        found = product(connection, sku)
        if found is not None:
            products[sku] = found
    services = {
        name: msgspec.json.decode(value, type=Product)
        for name, value in connection.execute(
            "SELECT name, value FROM facts WHERE kind = 'product' AND service = 1 ORDER BY key"
        )
    }
    read = lists(connection)
    return Facts(
        products=products,
        services=services,
        tax_rules=_small(connection, FactKind.TAX_RULE, TaxRule),
        locations=_small(connection, FactKind.LOCATION, Location),
        payment_terms=_small(connection, FactKind.PAYMENT_TERM, PaymentTerm),
        accounts=_small(connection, FactKind.ACCOUNT, LedgerAccount),
        customers=_small(connection, FactKind.CUSTOMER, Customer),
        carriers=_small(connection, FactKind.CARRIER, Carrier),
        rates=rates(connection, currency),
        company=company(connection),
        loaded=frozenset(read),
        read_at=min((entry[0] for entry in read.values()), default=None),
        edition=meta.counter(connection, EDITION),
    )
