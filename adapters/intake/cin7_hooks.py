"""Cin7 Core's webhooks, every documented payload of them, read into events (fact sheet §8).

The type is taken from the address, because one payload does not name its own. Only what names the record is read: the
record is asked for again. A problem never quotes what arrived.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from actors.domain.money import is_plain
from actors.domain.notification import (
    CUSTOMER,
    PRODUCT,
    PURCHASE,
    SALE,
    STOCK,
    SUPPLIER,
    Delivery,
    Notification,
    PushedRow,
    Unreadable,
)

OTHER = "other"

_ABOUT = {
    "Sale": SALE,
    "Stock": STOCK,
    "Product": PRODUCT,
    "Purchase": PURCHASE,
    "Customer": CUSTOMER,
    "Supplier": SUPPLIER,
}
_LISTS = ("ProductDetailsList", "SupplierDetailsList", "CustomerDetailsList", "PurchaseDetailsList")
"""Purchases are documented under `CustomerDetailsList` too; the name they should have is read as well."""

_LONGEST = 256
_LONGEST_FIGURE = 40
_MOST_UNITS = Decimal(10) ** 12
_LARGEST_MENDED = 64 * 1024
_TEXT_OR_COMMAS = re.compile(r'("(?:[^"\\]|\\.)*+"?)|([{\[]?)([\s,]++)([}\]]?)', re.DOTALL)
"""Each match takes all it has looked at, so that the longest body is walked through once."""

Names = tuple[str, str]
"""A record's id (lower case) and its number; at least one of them is told."""


class _NamelessError(ValueError):
    """No record can be made out."""


def read_hook(kind: str, body: bytes) -> list[Delivery]:
    """Read one delivery of type `kind` (`Sale/Voided`) into an event per record it names.

    Where a record (or all of it) cannot be made out, an `Unreadable` with the whole body is among them, once.
    """
    try:
        told = _decoded(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Unreadable(body=body, problem="it is not JSON")]
    about = _ABOUT.get(kind.partition("/")[0], OTHER)
    names, whole = _all_names(about, told)
    digest = hashlib.sha256(body).digest()
    levels = _levels(told) if about == STOCK else {}
    deliveries: list[Delivery] = [_event(kind, about, name, digest, levels.get(name[0], ())) for name in names]
    if not whole or not deliveries:
        deliveries.append(Unreadable(body=body, problem=f"a record of {kind} without id and number"))
    return deliveries


def _event(kind: str, about: str, names: Names, digest: bytes, rows: tuple[PushedRow, ...]) -> Notification:
    key, number = names
    identity = hashlib.sha256(f"{kind}|{key or number}|".encode() + digest).hexdigest()[:32]
    return Notification(
        identity=f"h:{identity}", kind=kind, about=about, subject=key or number, number=number, rows=rows
    )


def _levels(told: Any) -> dict[str, tuple[PushedRow, ...]]:
    """Return the rows of stock levels by SKU; one that lacks its place or its figure only names the SKU."""
    found: dict[str, list[PushedRow]] = {}
    for record in _records(told):
        sku, location, available = _text(record, "SKU"), _text(record, "Location"), _quantity(record.get("Available"))
        if sku and location and available is not None:
            row = PushedRow(
                location=location, available=available, bin=_text(record, "Bin"), batch=_text(record, "Batch")
            )
            found.setdefault(sku, []).append(row)
    return {sku: tuple(rows) for sku, rows in found.items()}


def _quantity(value: object) -> Decimal | None:
    """Read a quantity, written as a number or as text; None where there is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str) or len(str(value)) > _LONGEST_FIGURE:
        return None
    try:
        quantity = Decimal(str(value))
    except InvalidOperation:
        return None
    return quantity if is_plain(quantity) and abs(quantity) < _MOST_UNITS else None


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except msgspec.DecodeError:
        if len(body) > _LARGEST_MENDED:
            raise
        return msgspec.json.decode(_without_stray_commas(body.decode()))


def _without_stray_commas(text: str) -> str:
    """Mend what the official samples slip in: a comma before a bracket's end, after its beginning, or twice."""

    def mended(found: re.Match[str]) -> str:
        quoted, opening, gap, closing = found.groups()
        if quoted is not None or "," not in gap:
            return found.group()
        return f"{opening}{'' if opening or closing else ','}{closing}"

    return _TEXT_OR_COMMAS.sub(mended, text)


def _all_names(about: str, told: Any) -> tuple[list[Names], bool]:
    """Return the distinct names in the order told, and whether every record had one."""
    found: dict[Names, None] = {}
    whole = True
    for record in _records(told):
        try:
            found[_names(about, record)] = None
        except _NamelessError:
            whole = False
    return list(found), whole


def _records(told: Any) -> Iterator[dict[str, Any]]:
    """Yield the records: rows of a bare array, of one of the lists, or the payload itself."""
    rows = told if isinstance(told, list) else [told]
    if isinstance(told, dict):
        rows = next((told[name] for name in _LISTS if isinstance(told.get(name), list)), rows)
    for row in rows:
        yield row if isinstance(row, dict) else {}


def _names(about: str, record: dict[str, Any]) -> Names:
    match about:
        case "sale":
            return _named(_text(record, "SaleID").lower(), _text(record, "SaleOrderNumber", "OrderNumber"))
        case "stock":
            return _named(_text(record, "SKU"), "")
        case "purchase":
            header = _inside(record, "Purchase")
            key = _text(header, "TaskID", "PurchaseID", "ID").lower()
            return _named(key, _text(header, "PurchaseOrderNumber", "OrderNumber"))
        case "product":
            return _named(_text(_inside(record, "Product"), "ID").lower(), "")
        case "customer":
            return _named(_text(_inside(record, "Customer"), "ID").lower(), "")
        case "supplier":
            return _named(_text(_inside(record, "Supplier"), "ID").lower(), "")
        case _:
            return _text(record, "ID", "LeadID", "OpportunityID", "TaskID").lower(), ""


def _named(key: str, number: str) -> Names:
    """Return both names.

    A sale without `SaleID` is named by its number alone: `SaleTaskID` is not the sale's id where a sale has several
    invoices or shipments.
    """
    if not key and not number:
        raise _NamelessError
    return key, number


def _inside(record: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the record itself, which some lists wrap once more."""
    inner = record.get(name)
    return inner if isinstance(inner, dict) else record


def _text(record: dict[str, Any], *names: str) -> str:
    for name in names:
        value = record.get(name)
        if isinstance(value, str) and 0 < len(value) <= _LONGEST:
            return value
    return ""
