"""What may be edited of an order, what was, and by whom: as the console and the command line show it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any

import msgspec

from actors.domain.notes import note_of
from actors.domain.order import Order
from actors.domain.patching import NAMES, PARTS, Edited, Patch, aliases_of, lay, receiver_of, standing
from actors.domain.posting import PostingRules
from actors.domain.time import format_instant
from daemon.instants import text_of
from storage import patches
from storage.bodies import Sealer
from storage.orders import OrderRecord
from storage.patches import PatchRow

Row = dict[str, Any]

_GIVEN = {"first_name": "firstName", "last_name": "lastName"}
"""The parts of a name as commercetools has them; tallyd itself knows it as one."""


class Original(msgspec.Struct, frozen=True, kw_only=True):
    """An order as commercetools has it, and the document it was read from."""

    order: Order
    document: Mapping[str, Any]


def originals(original: Original) -> dict[str, str]:
    """Return the texts of an order that may be edited, as commercetools has them; but for the note, which is made."""
    names = [name for parts in PARTS.values() for name in parts if name not in (*NAMES, "note", "country")]
    document, receiver = original.document, receiver_of(original.order)
    address = document.get("shippingAddress") or document.get("billingAddress")
    given = address if isinstance(address, dict) else {}
    return (
        standing(original.order, names)
        | {name: str(given.get(field) or "") for name, field in _GIVEN.items()}
        | {"country": receiver.country if receiver is not None else ""}
    )


def edit_view(
    connection: sqlite3.Connection,
    record: OrderRecord,
    original: Original | None,
    *,
    sealer: Sealer,
    rules: PostingRules,
    personal: bool,
    why_not: str,
) -> Row:
    """Return the document of `PatchReading.editable`; `original` None: it is not kept, and nothing can be edited."""
    stand = patches.standing(connection, record.id, sealer)
    fields: list[Row] = []
    if original is not None:
        fields = [*_aliases(original.order, stand), *_texts(original, stand, rules, personal=personal)]
    return {
        "order": record.id,
        "number": record.number,
        "personal": personal,
        "fields": fields,
        "history": history(connection, record.id),
        "may_edit": not why_not,
        "why_not": why_not,
    }


def history(connection: sqlite3.Connection, order_id: str) -> list[Row]:
    """Return every edit of an order, the oldest first: who, when, why and what about. No body is opened."""
    return [_told(row) for row in patches.of_order(connection, order_id)]


def _told(row: PatchRow) -> Row:
    return {
        "id": row.id,
        "field": row.field.value,
        "sku": row.sku,
        "alias": row.alias,
        "names": [row.sku] if row.field is Edited.ALIAS else list(row.names),
        "author": row.author,
        "reason": row.reason,
        "at": format_instant(row.at),
        "withdrawn_at": text_of(row.withdrawn_at),
        "withdrawn_by": row.withdrawn_by,
        "stands": row.withdrawn_at is None,
    }


def _aliases(order: Order, stand: tuple[Patch, ...]) -> list[Row]:
    aliases = aliases_of(stand)
    return [
        _field(Edited.ALIAS, sku, original=sku, now=aliases.get(sku, sku), patched=sku in aliases)
        for sku in dict.fromkeys(line.sku for line in order.lines if line.sku)
    ]


def _texts(original: Original, stand: tuple[Patch, ...], rules: PostingRules, *, personal: bool) -> list[Row]:
    laid = lay(original.order, stand)
    before = originals(original) | {"note": note_of(original.order, rules)}
    now: dict[str, str | None] = dict(before)
    patched: set[str] = set()
    for patch in stand:
        if patch.field is Edited.ALIAS or patch.id in laid.overtaken:
            continue
        patched |= set(patch.names)
        now |= patch.values if patch.values is not None else dict.fromkeys(patch.names)
    return [
        _field(
            field,
            name,
            original=before[name] if personal else None,
            now=now[name] if personal else None,
            patched=name in patched,
            lost=now[name] is None,
        )
        for field, names in PARTS.items()
        for name in names
    ]


def _field(
    field: Edited, name: str, *, original: str | None, now: str | None, patched: bool, lost: bool = False
) -> Row:
    return {"field": field.value, "name": name, "original": original, "now": now, "patched": patched, "lost": lost}
