"""The life of one order as people read it: one timeline, both systems side by side, and its refunds.

The parts of `/api/orders/{ref}` (design §5) that are about more than tallyd's own row of the order. No body is opened.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

from actors.domain.calls import Lane
from actors.domain.money import to_decimal
from actors.domain.returning import Refund
from actors.domain.time import format_instant
from daemon.instants import text_of
from storage import fulfilments, life
from storage.fulfilments import FulfilmentRecord
from storage.life import Entry, Source
from storage.orders import OrderRecord, SaleRecord

Document = dict[str, Any]

INSTANTS = frozenset({"until", "ended_at", "due_at", "looked_at"})
"""Details of an entry that are instants."""

_STAGES = ("picking", "packing", "shipping", "invoicing", "tracking")
_NOTHING = FulfilmentRecord()


def timeline(connection: sqlite3.Connection, order_id: str) -> Document:
    """Return the newest entries of the timeline, oldest first, and how many older ones are left out."""
    told = life.of_order(connection, order_id)
    return {"timeline": [_entry(entry) for entry in told.entries], "timeline_left_out": told.left_out}


def _entry(entry: Entry) -> Document:
    detail = dict(entry.detail)
    if entry.source is Source.CALL:
        detail["lane"] = Lane(detail["lane"]).label
    if "source" in detail:
        detail["found_by"] = detail.pop("source")  # what brought the order: a sweep, an event, a person
    shown = {
        key: format_instant(value) if key in INSTANTS and isinstance(value, int) else value
        for key, value in detail.items()
    }
    return {**shown, "at": format_instant(entry.at), "what": entry.what, "source": entry.source.value}


def refunds(connection: sqlite3.Connection, record: OrderRecord) -> list[Document]:
    """Return the order's refunds, each with the credit note that names it."""
    return [_refund(refund, record) for refund in fulfilments.refunds_of(connection, record.id)]


def _refund(refund: Refund, record: OrderRecord) -> Document:
    # How many decimals another currency has is not known here.
    digits = record.digits if refund.currency == record.currency else None
    return {
        "id": refund.transaction_id,
        "payment": refund.payment_id,
        "provider_id": refund.interaction_id,
        "amount": None if digits is None else f"{to_decimal(refund.amount, digits):f}",
        "minor_units": refund.amount,
        "currency": refund.currency,
        "state": refund.state,
        "credit_note": refund.credit_note,
    }


# -- both systems side by side ----------------------------------------------------------------------------------------


def sides(connection: sqlite3.Connection, record: OrderRecord, sale: SaleRecord | None) -> Document:
    """Return how the order stands in commercetools and its sale in Cin7 Core, each with the instant it is known of."""
    row = fulfilments.get(connection, record.id)
    return {"commercetools": _storefront(connection, record, row), "cin7": _warehouse(connection, record, sale, row)}


def _storefront(connection: sqlite3.Connection, record: OrderRecord, row: FulfilmentRecord) -> Document:
    """States are those of the last look, and of a shipment what tallyd set then; or the order's, where kept later."""
    states = life.states_of(connection, record.id)
    looked = (row.looked_at or 0) > states.modified_at
    words = row.storefront if looked else {}
    return {
        "as_of": text_of(row.looked_at if looked else states.modified_at),
        "version": states.version,
        "order": words.get("order") or states.order,
        "payment": words.get("payment") or states.payment,
        "shipment": (row.published if looked else "") or words.get("shipment") or states.shipment,
        "shipment_set_by_tallyd": row.published,
        "deliveries": _called(row.storefront, "delivery "),
        "returns": _called(row.storefront, "return "),
        "looked_at": text_of(row.looked_at),
    }


def _warehouse(
    connection: sqlite3.Connection, record: OrderRecord, sale: SaleRecord | None, row: FulfilmentRecord
) -> Document | None:
    """Words are those of the last look; those of the list of sales where it was read later. None: there is no sale."""
    if sale is None:
        return None
    if (row.looked_at or 0) < sale.made_at:
        row = _NOTHING  # it is about a sale before this one
    words, as_of = dict(row.cin7), row.looked_at
    listed = fulfilments.standing(connection, record.id, sale.sale_id)
    notes = _called(words, "credit note ")
    if listed is not None and listed.seen_at > (as_of or 0):
        as_of = listed.seen_at
        words |= {name: getattr(listed.stages, name) for name in _STAGES}
        words["status"] = life.listed_status(connection, sale.sale_id)
        words["voided"] = "yes" if listed.stages.voided else ""
        notes |= {name: text for name, text in listed.notes.items() if not _agree(notes.get(name, ""), text)}
    return {
        "as_of": text_of(as_of),
        "sale_id": sale.sale_id,
        "number": sale.number,
        "status": words.get("status", ""),
        **{name: words.get(name, "") for name in _STAGES},
        "voided": sale.voided_at is not None or bool(words.get("voided")),
        "voided_at": text_of(sale.voided_at),
        "fulfilments": _called(words, "fulfilment "),
        "credit_notes": notes,
        "read_at": text_of(row.read_at),
    }


def _agree(words: str, listed: str) -> bool:
    """Say whether what was read of a credit note (`AUTHORISED; back in stock: …`) is what the list shows of it."""
    status, _, _ = words.partition(";")
    return status != "" and listed.startswith(status)


def _called(words: Mapping[str, str], prefix: str) -> dict[str, str]:
    """Return the words of which there are several, by name: `fulfilment 1` under `1`."""
    return {name.removeprefix(prefix): text for name, text in words.items() if name.startswith(prefix)}
