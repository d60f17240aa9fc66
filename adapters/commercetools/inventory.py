"""Between commercetools' inventory entries and ours (commercetools fact sheet §4).

What is written is `quantityOnStock` and `expectedDelivery`, never `restockableInDays`: it changes what may be ordered.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from actors.domain.inventory import DateChange, Entry, entry_key
from actors.domain.time import Instant
from adapters.commercetools import wire
from adapters.commercetools.changes import instant, who


def entry(found: wire.StockEntry, *, read_from: Instant, read_at: Instant) -> Entry:
    """Read an entry; the call that showed it ran between these instants.

    Raises:
        ValueError: an instant is none.
    """
    return Entry(
        id=found.id,
        sku=found.sku,
        channel=channel_of(found.supply_channel),
        version=found.version,
        quantity=found.quantity_on_stock,
        modified_at=instant(found.last_modified_at, "lastModifiedAt"),
        read_from=read_from,
        read_at=read_at,
        key=found.key or "",
        expected_delivery=_day(found.expected_delivery),
        modified_by=who(found.last_modified_by),
    )


def channel_of(channel: wire.Reference | None) -> str:
    """Return the key of a channel, its id where it has none or was not shown, "" without a channel."""
    if channel is None:
        return ""
    return channel.obj.key if channel.obj is not None and channel.obj.key else channel.id


def actions(quantity: int | None, delivery: DateChange | None) -> list[dict[str, Any]]:
    """Write the actions of an update.

    Raises:
        ValueError: there are none.
    """
    found: list[dict[str, Any]] = []
    if quantity is not None:
        found.append({"action": "changeQuantity", "quantity": quantity})
    if delivery is not None:
        found.append({"action": "setExpectedDelivery", **_expected(delivery)})
    if not found:
        raise ValueError("nothing to change")
    return found


def draft(sku: str, channel: str, quantity: int, delivery: DateChange | None) -> dict[str, Any]:
    """Write the body of `POST /inventory`."""
    where = {"supplyChannel": {"typeId": "channel", "key": channel}} if channel else {}
    when = _expected(delivery) if delivery is not None else {}
    return {"sku": sku, "key": entry_key(sku, channel), "quantityOnStock": quantity, **where, **when}


def _expected(delivery: DateChange) -> dict[str, str]:
    """Write a day as its first instant, UTC; no day is written by leaving it out."""
    return {} if delivery.day is None else {"expectedDelivery": f"{delivery.day.isoformat()}T00:00:00.000Z"}


def _day(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text[:10])
