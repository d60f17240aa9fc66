"""What tallyd may change about a commercetools order, and nothing else (design §2, "who masters what").

Several actions go in one request under the order's version: all of them happen, or none (commercetools fact sheet
§3.5). Keys are 2 to 256 characters of `[A-Za-z0-9_-]`; quantities are whole units.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from actors.domain.order import Parcel

ShipmentState = Literal["Pending", "Ready", "Partial", "Shipped"]
"""The shipment states tallyd sets; the others are other people's."""


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the actions."""


class AddDelivery(Action, frozen=True, kw_only=True):
    """A delivery with its parcels. `shipping_key`: which of several shipments (None: the order has one)."""

    key: str
    items: dict[str, int]
    parcels: tuple[Parcel, ...] = ()
    shipping_key: str | None = None


class SetDeliveryItems(Action, frozen=True, kw_only=True):
    """What a delivery holds, by line."""

    delivery_key: str
    items: dict[str, int]


class RemoveDelivery(Action, frozen=True, kw_only=True):
    """A delivery that never left, with its parcels."""

    delivery_key: str


class AddParcel(Action, frozen=True, kw_only=True):
    """A parcel more of a delivery."""

    delivery_key: str
    parcel: Parcel


class SetTracking(Action, frozen=True, kw_only=True):
    """A parcel's carrier and number; both "": none is known any more."""

    parcel_key: str
    carrier: str
    tracking: str


class SetParcelItems(Action, frozen=True, kw_only=True):
    """What a parcel holds, by line."""

    parcel_key: str
    items: dict[str, int]


class RemoveParcel(Action, frozen=True, kw_only=True):
    """A parcel that never left."""

    parcel_key: str


class SetShipmentState(Action, frozen=True, kw_only=True):
    """The order's shipment state."""

    state: ShipmentState


class SetOrderState(Action, frozen=True, kw_only=True):
    """The order's own state: done, or (where the merchant wants it so) cancelled with its sale."""

    state: Literal["Complete", "Cancelled"]


class AddReturn(Action, frozen=True, kw_only=True):
    """A return of one line's units that are back, as `Returned`; `key` is the return item's."""

    key: str
    line_id: str
    quantity: int
    comment: str = ""


class SetReturnState(Action, frozen=True, kw_only=True):
    """What became of a return that is back. `item_id` is commercetools' id; "": it has only our `key` as yet."""

    item_id: str
    state: Literal["BackInStock", "Unusable"]
    key: str = ""


OrderAction = (
    AddDelivery
    | SetDeliveryItems
    | RemoveDelivery
    | AddParcel
    | SetTracking
    | SetParcelItems
    | RemoveParcel
    | SetShipmentState
    | SetOrderState
    | AddReturn
    | SetReturnState
)
