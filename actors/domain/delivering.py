"""What the storefront is to show of what was picked and shipped, and the actions that bring it there.

Declarative: what should stand is computed from what stands in Cin7 Core now, compared with what the order shows, and
the difference is what is written. So an event may come late, twice or never, and nothing is done twice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from typing import Literal

import msgspec

from actors.domain.allocation import Allocation, Packed, Shown, allocate
from actors.domain.exception_types import Finding
from actors.domain.fulfilment import Fulfilment, Stages
from actors.domain.order import Delivery, Order, Parcel
from actors.domain.order_update import (
    AddDelivery,
    AddParcel,
    OrderAction,
    RemoveDelivery,
    RemoveParcel,
    SetDeliveryItems,
    SetOrderState,
    SetParcelItems,
    SetShipmentState,
    SetTracking,
    ShipmentState,
)

KEY = "cin7-"
"""What the keys of our deliveries and parcels begin with; others are other people's, and are left alone."""

_LEGAL = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_PART = 60

_RANK = {"": 0, "Pending": 0, "Backorder": 0, "Delayed": 0, "Ready": 1, "Partial": 2, "Shipped": 3}
"""How far a shipment state is; one that is not here (`Delivered`, `Canceled`, tomorrow's) is beyond us."""


class DeliveryRules(msgspec.Struct, frozen=True, kw_only=True):
    """The merchant's choices. `carriers`: Cin7 carrier → what the storefront shows; one not named is shown as it is."""

    publish_from: Literal["pick", "ship"] = "pick"
    complete: Literal["never", "shipped", "shipped-and-paid"] = "shipped"
    carriers: Mapping[str, str] = {}


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What to write, in one request and this order; nothing where the order shows everything already.

    `state` is the shipment state that is ours once it is written ("": none is). `taken_back`: units whose delivery the
    order showed and that have not left after all, by SKU; a customer may have been told of them. `unpaid`: it would be
    complete, were it paid.
    """

    actions: tuple[OrderAction, ...] = ()
    state: str = ""
    findings: tuple[Finding, ...] = ()
    taken_back: dict[str, int] = {}
    unpaid: bool = False


class _Coverage(StrEnum):
    """How much of what needs shipping has left."""

    NEEDLESS = "needless"
    NOTHING = "nothing"
    PART = "part"
    ALL = "all"


def plan(
    order: Order,
    fulfilments: Sequence[Fulfilment] | None,
    stages: Stages,
    *,
    digital: frozenset[str],
    published: str,
    rules: DeliveryRules,
) -> Plan:
    """Compare what the warehouse did with what the order shows.

    `fulfilments` None: the sale was not read, since by its `stages` nothing of it has left; deliveries are then let be.
    `digital` are the SKUs of the order that need no shipping. `published` is the shipment state we set last.
    """
    actual = {delivery.key: delivery for delivery in order.deliveries if delivery.key.startswith(KEY)}
    changes: tuple[OrderAction, ...] = ()
    findings: tuple[Finding, ...] = ()
    taken_back: dict[str, int] = {}
    sent: list[Mapping[str, int]] = [delivery.items for delivery in actual.values()]
    if fulfilments is not None:
        allocation = allocate(order, fulfilments, _shown(actual.values()))
        desired = _desired(allocation, rules)
        findings = tuple(_differs(order, sku, units) for sku, units in sorted(allocation.beyond.items()))
        sent = [lines for packed in allocation.packed for lines in packed.shares.values()]
        if order.shipping:
            changes = tuple(_difference(actual, desired))
            taken_back = _taken_back(order, actual.values(), desired.values())
    coverage = _coverage(order, sent, digital)
    wanted = _wanted(coverage, _is_picked(stages, fulfilments or ()), rules)
    state = _state(order, wanted, coverage, published)
    ends = _ends(order, coverage, rules)
    unpaid = ends and rules.complete == "shipped-and-paid" and not _is_paid(order)
    ending = (SetOrderState(state="Complete"),) if ends and not unpaid else ()
    present = order.shipment_state or ""
    return Plan(
        actions=(*changes, *state, *ending),
        state=wanted if state or (present == published == wanted) else "",
        findings=findings,
        taken_back=taken_back,
        unpaid=unpaid,
    )


# -- deliveries -------------------------------------------------------------------------------------------------------


def _desired(allocation: Allocation, rules: DeliveryRules) -> dict[str, Delivery]:
    """Return the deliveries that should stand: one for each fulfilment and shipping method, a parcel for each box."""
    found: dict[str, Delivery] = {}
    for packed in allocation.packed:
        for shipping_key, items in packed.shares.items():
            parcel = _parcel(packed, shipping_key, items, rules)
            key = delivery_key(packed.task_id, shipping_key)
            known = found.get(key)
            if known is None:
                found[key] = Delivery(key=key, items=dict(items), parcels=(parcel,), shipping_key=shipping_key)
                continue
            total = {line: known.items.get(line, 0) + items.get(line, 0) for line in (*known.items, *items)}
            found[key] = msgspec.structs.replace(known, items=total, parcels=(*known.parcels, parcel))
    return found


def _parcel(packed: Packed, shipping_key: str | None, items: Mapping[str, int], rules: DeliveryRules) -> Parcel:
    box = packed.box
    return Parcel(
        key=parcel_key(packed.task_id, shipping_key, box.label),
        items=dict(items),
        carrier=rules.carriers.get(box.carrier, box.carrier),
        tracking=box.tracking,
    )


def delivery_key(task_id: str, shipping_key: str | None) -> str:
    """Name the delivery of a fulfilment; of several shipping methods, each has its own."""
    named = f"{KEY}{_legal(task_id)}"
    return named if shipping_key is None else f"{named}-{_legal(shipping_key)}"


def parcel_key(task_id: str, shipping_key: str | None, label: str) -> str:
    """Name the parcel of a box."""
    return f"{delivery_key(task_id, shipping_key)}-{_legal(label)}"


def _legal(text: str) -> str:
    """Return the text, or where a key may not hold it a digest of it."""
    if _LEGAL.fullmatch(text) and len(text) <= _LONGEST_PART:
        return text
    return f"x{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _shown(deliveries: Iterable[Delivery]) -> Shown:
    """Say which lines a box shows already, over all shipping methods."""
    keys = {None, *(delivery.shipping_key for delivery in deliveries)}
    parcels = {parcel.key: parcel.items for delivery in deliveries for parcel in delivery.parcels}

    def shown(task_id: str, label: str) -> Mapping[str, int] | None:
        found = [parcels.get(parcel_key(task_id, key, label)) for key in keys]
        known = [items for items in found if items is not None]
        lines = {line for items in known for line in items}
        return {line: sum(items.get(line, 0) for items in known) for line in lines} if known else None

    return shown


def _difference(actual: Mapping[str, Delivery], desired: Mapping[str, Delivery]) -> Iterator[OrderAction]:
    """Bring what is shown to what should stand: what goes first, then what changes, then what comes."""
    for key in sorted(actual.keys() - desired.keys()):
        yield RemoveDelivery(delivery_key=key)
    common = sorted(actual.keys() & desired.keys())
    for key in common:
        kept = {parcel.key for parcel in desired[key].parcels}
        for parcel in actual[key].parcels:
            if parcel.key.startswith(KEY) and parcel.key not in kept:
                yield RemoveParcel(parcel_key=parcel.key)
    for key in common:
        yield from _changes(actual[key], desired[key])
    for key in sorted(desired.keys() - actual.keys()):
        one = desired[key]
        yield AddDelivery(key=key, items=one.items, parcels=one.parcels, shipping_key=one.shipping_key)


def _changes(actual: Delivery, desired: Delivery) -> Iterator[OrderAction]:
    if actual.items != desired.items:
        yield SetDeliveryItems(delivery_key=desired.key, items=desired.items)
    shown = {parcel.key: parcel for parcel in actual.parcels}
    for parcel in desired.parcels:
        known = shown.get(parcel.key)
        if known is None:
            yield AddParcel(delivery_key=desired.key, parcel=parcel)
            continue
        if known.items != parcel.items:
            yield SetParcelItems(parcel_key=parcel.key, items=parcel.items)
        if (known.carrier, known.tracking) != (parcel.carrier, parcel.tracking):
            yield SetTracking(parcel_key=parcel.key, carrier=parcel.carrier, tracking=parcel.tracking)


def _taken_back(order: Order, actual: Iterable[Delivery], desired: Iterable[Delivery]) -> dict[str, int]:
    """Units shown as sent before and no longer, by SKU; what only changed its box was not taken back."""
    skus = {line.id: line.sku or "" for line in order.lines}
    left: dict[str, int] = {}
    for sign, deliveries in ((1, actual), (-1, desired)):
        for delivery in deliveries:
            for line, units in delivery.items.items():
                sku = skus.get(line, "")
                left[sku] = left.get(sku, 0) + sign * units
    return {sku: units for sku, units in sorted(left.items()) if units > 0}


def _differs(order: Order, sku: str, units: Decimal) -> Finding:
    ordered = sum(line.quantity for line in order.lines if line.sku == sku)
    return Finding(
        code="shipment_differs",
        cause=f"{units.normalize():f} of {sku} more were shipped than order {order.shown_as} holds ({ordered}).",
        sku=sku,
        facts={"ordered": str(ordered), "shipped beyond": f"{units.normalize():f}"},
    )


# -- states -----------------------------------------------------------------------------------------------------------


def _coverage(order: Order, sent: Iterable[Mapping[str, int]], digital: frozenset[str]) -> _Coverage:
    needed = {line.id: line.quantity for line in order.lines if line.sku not in digital}
    if not needed:
        return _Coverage.NEEDLESS
    gone: dict[str, int] = {}
    for lines in sent:
        for line, units in lines.items():
            gone[line] = gone.get(line, 0) + units
    if all(gone.get(line, 0) >= units for line, units in needed.items()):
        return _Coverage.ALL
    return _Coverage.PART if any(gone.get(line) for line in needed) else _Coverage.NOTHING


def _is_picked(stages: Stages, fulfilments: Sequence[Fulfilment]) -> bool:
    if fulfilments:
        return any(one.is_picked for one in fulfilments)
    return not stages.voided and stages.picking in ("PICKED", "PARTIALLY PICKED")


def _wanted(coverage: _Coverage, picked: bool, rules: DeliveryRules) -> str:
    """Return the state the order should show; "" where nothing has happened that it could show."""
    if coverage is _Coverage.NEEDLESS:
        return ""
    if coverage is _Coverage.ALL:
        return "Shipped"
    if coverage is _Coverage.PART:
        return "Partial"
    return "Ready" if picked and rules.publish_from == "pick" else ""


def _state(order: Order, wanted: str, coverage: _Coverage, published: str) -> tuple[SetShipmentState, ...]:
    """Move the state forward; back only where Cin7 shows that what we set no longer stands."""
    present = order.shipment_state or ""
    if present == wanted or present not in _RANK or coverage is _Coverage.NEEDLESS:
        return ()
    if _RANK[wanted] > _RANK[present]:
        return (SetShipmentState(state=_known(wanted)),)
    if present == published and _RANK[wanted] < _RANK[present]:
        return (SetShipmentState(state=_known(wanted)),)
    return ()


def _known(state: str) -> ShipmentState:
    match state:
        case "Ready" | "Partial" | "Shipped":
            return state
        case _:
            return "Pending"


def _ends(order: Order, coverage: _Coverage, rules: DeliveryRules) -> bool:
    """Whether nothing is left to be sent, and that is to end the order."""
    over = coverage in (_Coverage.ALL, _Coverage.NEEDLESS)
    return over and rules.complete != "never" and order.state in ("Open", "Confirmed")


def _is_paid(order: Order) -> bool:
    """Whether successful charges less what went back cover what is owed."""
    signs = {"Charge": 1, "Refund": -1, "Chargeback": -1}
    paid = sum(
        signs.get(one.type, 0) * one.amount
        for payment in order.payments
        for one in payment.transactions
        if one.state == "Success" and one.currency == order.currency
    )
    return paid >= order.payable
