"""What people and the storefront's back end read of stock: one SKU with its sum, many SKUs at once, and lists.

Everything comes from the file: nobody who asks here causes a call to Cin7 Core. Functions take a connection and return
what goes into JSON as it is.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from actors.domain.time import Instant
from actors.stock.assessing import Case, Outlook, assess, outlook
from actors.stock.rules import StockRules, standing_of
from daemon.instants import text_of
from storage import availability, entries, facts, purchases, stock
from storage.entries import EntryRecord

Document = dict[str, Any]

MOST_CHANGES = 20


def stock_view(connection: sqlite3.Connection, rules: StockRules, sku: str, *, now: Instant) -> Document | None:
    """Return one SKU with the sum behind each figure; None when neither side was ever seen to have it."""
    product = facts.product(connection, sku)
    known = entries.of_sku(connection, sku)
    rows = availability.rows_of(connection, sku)
    if product is None and not known and not rows:
        return None
    cases = {case.channel: case for case in assess(connection, rules, sku, outlook(connection, rules, now=now))}
    channels = [*cases, *(entry.channel for entry in known if entry.channel not in cases)]
    records = {entry.channel: entry for entry in known}
    history = [_change(one) for one in entries.history(connection, sku, limit=MOST_CHANGES)]
    last = {one["channel"]: one for one in reversed(history)}
    readings = availability.readings_of(connection, sku)
    locations: dict[str, Document] = {}
    for row in rows:
        place = locations.setdefault(row.location, dict.fromkeys(_FIGURES, 0))
        for name in _FIGURES:
            place[name] += getattr(row, name)
    return {
        "sku": sku,
        "standing": standing_of(product, rules).value,
        "name": product.name if product is not None else None,
        "read_at": text_of(readings[0].ended_at) if readings else None,
        "age_seconds": (now - readings[0].ended_at) // 1000 if readings else None,
        "block": _block(connection, sku),
        "entries": [
            {**_entry(channel, cases.get(channel), records.get(channel)), "last_change": last.get(channel)}
            for channel in channels
        ],
        "locations": {place: {name: f"{figure:f}" for name, figure in row.items()} for place, row in locations.items()},
        "on_order": f"{sum(row.on_order for row in rows):f}",
        "in_transit": f"{sum(row.in_transit for row in rows):f}",
        "incoming": [_incoming(one) for one in purchases.incoming(connection, sku)],
        "history": history,
    }


_FIGURES = ("available", "on_hand", "allocated", "on_order", "in_transit")
"""What Cin7 Core counts of a SKU at a location."""


def _incoming(one: purchases.Incoming) -> Document:
    return {
        "purchase": one.number,
        "location": one.location,
        "units": f"{one.units:f}",
        "day": one.day.isoformat() if one.day is not None else None,
    }


def _entry(channel: str, case: Case | None, record: EntryRecord | None) -> Document:
    """Return an entry as design §5 names its figures: the lower bound where there are two."""
    known: Document = msgspec.to_builtins(case.sum) if case is not None else {}
    exists = record is not None and record.entry_id is not None
    return {
        "channel": channel,
        "published": record.quantity if record is not None and exists else None,
        "target": _low(known.get("target")),
        "capacity": _low(known.get("capacity")),
        "put": record.put if record is not None else None,
        "available": known.get("available"),
        "uncounted": _high(known.get("uncounted")),
        "buffer": known.get("buffer"),
        "read_at": text_of(record.read_at) if record is not None else None,
        "waits": record.waits if record is not None else None,
        "suspended": record.suspended if record is not None else None,
        "trued_at": text_of(record.trued_at) if record is not None else None,
        "published_at": text_of(record.published_at) if record is not None else None,
        "expected_delivery": str(record.expected_delivery) if record is not None and record.expected_delivery else None,
        "pending": record.pending if record is not None else None,
        "refused": record.refused if record is not None else None,
        "sum": {**known, **{name: text_of(known[name]) for name in ("at", "base") if name in known}},
    }


def _low(bounds: Sequence[int] | None) -> int | None:
    return None if bounds is None else bounds[0]


def _high(bounds: Sequence[int] | None) -> int | None:
    return None if bounds is None else bounds[1]


def _block(connection: sqlite3.Connection, sku: str) -> Document | None:
    block = stock.block_of(connection, sku)
    if block is None:
        return None
    return {"until": text_of(block.until), "reason": block.reason, "by": block.author, "at": text_of(block.at)}


def _change(one: entries.Change) -> Document:
    return {
        "at": text_of(one.at),
        "channel": one.channel,
        "step": one.step,
        "before": one.before,
        "quantity": one.quantity,
        "sum": msgspec.json.decode(one.sum),
    }


def stock_lookup(connection: sqlite3.Connection, rules: StockRules, skus: Sequence[str], *, now: Instant) -> Document:
    """Return what the storefront shows of these SKUs, what it should show, and how old what that goes by is."""
    view = outlook(connection, rules, now=now)
    return {"items": [_with_targets(connection, rules, sku, view) for sku in dict.fromkeys(skus)]}


def _with_targets(connection: sqlite3.Connection, rules: StockRules, sku: str, view: Outlook) -> Document:
    found = looked_up(connection, sku, view.now)
    cases = assess(connection, rules, sku, view) if found["known"] else []
    targets = {case.channel: _low(case.sum.target) for case in cases}
    shown = [{**entry, "target": targets.get(entry["channel"])} for entry in found["entries"]]
    return {**found, "entries": shown}


def looked_up(connection: sqlite3.Connection, sku: str, now: Instant) -> Document:
    """Return what is published of a SKU, and how old what that goes by is."""
    known = [entry for entry in entries.of_sku(connection, sku) if entry.entry_id is not None]
    read_at = availability.read_at(connection, sku)
    block = stock.block_of(connection, sku)
    return {
        "sku": sku,
        "known": bool(known) or read_at is not None,
        "blocked": block is not None and (block.until is None or block.until > now),
        "read_at": text_of(read_at),
        "age_seconds": None if read_at is None else (now - read_at) // 1000,
        "entries": [
            {
                "channel": entry.channel,
                "published": entry.quantity,
                "expected_delivery": str(entry.expected_delivery) if entry.expected_delivery else None,
            }
            for entry in known
        ],
    }


def etag_of(found: Mapping[str, Any]) -> str:
    """Return a tag of the figures alone: a figure that only grew older is the same."""
    figures = [[item["sku"], item["known"], item["blocked"], item["entries"]] for item in found["items"]]
    return f'"{hashlib.sha256(msgspec.json.encode(figures)).hexdigest()[:32]}"'
