"""Between commercetools' inventory entries and ours (commercetools fact sheet §4).

What is written is `quantityOnStock` and `expectedDelivery`, never `restockableInDays`: it changes what may be ordered.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from actors.domain.inventory import DateChange, Entry, entry_key
from actors.domain.time import Instant, parse_instant
from adapters.commercetools import wire


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
        modified_at=_instant(found.last_modified_at, "lastModifiedAt"),
        read_from=read_from,
        read_at=read_at,
        key=found.key or "",
        expected_delivery=_day(found.expected_delivery),
        modified_by=_who(found.last_modified_by),
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


def _instant(text: str, field: str) -> Instant:
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{field} is no instant") from None


def _who(modified: wire.ModifiedBy | None) -> str:
    """Name who changed it last: the API client, else the person."""
    if modified is None:
        return ""
    people = (modified.user, modified.customer, modified.associate)
    names = [modified.client_id, modified.external_user_id, *(one.id for one in people if one), modified.anonymous_id]
    return next((name for name in names if name), "")
