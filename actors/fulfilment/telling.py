"""What a look at an order did and saw, in words for people: its timeline, and both sides beside each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from actors.domain.fulfilment import Stages
from actors.domain.order import Order
from actors.domain.order_update import AddDelivery, AddParcel, OrderAction, SetOrderState, SetShipmentState
from actors.domain.sale import SaleView
from actors.domain.time import Instant
from storage import timeline

_WORDS = {"Complete": "order complete", "Cancelled": "order cancelled with its sale"}


def note(connection: sqlite3.Connection, order_id: str, actions: Sequence[OrderAction], now: Instant) -> None:
    """Write what was done into the order's timeline."""
    for action in actions:
        match action:
            case SetShipmentState(state=state):
                timeline.note(connection, order_id, f"shipment state {state}", now=now)
            case SetOrderState(state=state):
                timeline.note(connection, order_id, _WORDS[state], now=now)
            case AddDelivery(key=key, items=items, parcels=parcels):
                units, count = sum(items.values()), len(parcels)
                timeline.note(connection, order_id, "delivery shown", now=now, key=key, units=units, parcels=count)
            case AddParcel(parcel=parcel):
                timeline.note(connection, order_id, "parcel shown", now=now, key=parcel.key)
            case _:
                timeline.note(connection, order_id, _named(action), now=now)


def _named(action: OrderAction) -> str:
    """Name an action in words: `SetDeliveryItems` is "set delivery items"."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in type(action).__name__)
    return words.strip()


def cin7_words(stages: Stages, view: SaleView | None, before: Mapping[str, str]) -> dict[str, str]:
    """Say how the sale stands. Where it was not read, what was said `before` of what the list does not show."""
    words = {
        "picking": stages.picking,
        "packing": stages.packing,
        "shipping": stages.shipping,
        "invoicing": stages.invoicing,
        "tracking": stages.tracking,
        "voided": "yes" if stages.voided else "",
    }
    if view is None:
        words |= {name: text for name, text in before.items() if name not in words}
        return {name: text for name, text in words.items() if text}
    words["status"] = view.status
    for one in view.fulfilments:
        units = sum(int(units) for box in one.boxes for units in box.units.values())
        sent = f"{len(one.boxes)} boxes, {units} units sent" if one.boxes else "nothing sent"
        words[f"fulfilment {one.number}"] = f"pick {one.picking}, pack {one.packing}, ship {one.shipping}; {sent}"
    for note in view.credit_notes:
        back = ", ".join(f"{units:f} of {sku}" for sku, units in sorted(note.restocked.items())) or "nothing"
        words[f"credit note {note.number}"] = f"{note.status}; back in stock: {back}"
    return {name: text for name, text in words.items() if text}


def storefront_words(order: Order) -> dict[str, str]:
    """Say how the order stands in commercetools."""
    words = {
        "order": order.state,
        "payment": order.payment_state or "",
        "shipment": order.shipment_state or "",
    }
    for delivery in order.deliveries:
        units = sum(delivery.items.values())
        words[f"delivery {delivery.key or '(without a key)'}"] = f"{units} units in {len(delivery.parcels)} parcels"
    for item in order.returns:
        words[f"return {item.key or item.id}"] = f"{item.quantity} units, {item.state}"
    return {name: text for name, text in words.items() if text}
