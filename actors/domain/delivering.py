"""What the storefront is to show of what was picked and shipped, and the actions that bring it there.

Declarative: what should stand is computed from what stands in Cin7 Core now, compared with what the order shows, and
the difference is what is written. So an event may come late, twice or never, and nothing is done twice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
)
from actors.domain.payments import paid
from actors.domain.progress import Coverage, coverage, due_state, step

KEY = "cin7-"
"""What the keys of our deliveries and parcels begin with; others are other people's, and are left alone."""

_LEGAL = re.compile(r"[A-Za-z0-9_-]{1,60}")
_LABEL = re.compile(r"[A-Za-z0-9_]{1,60}")
_DIGEST = re.compile(r"x[0-9a-f]{16}")


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
        findings = tuple(_differs(order, sku, units) for sku, units in sorted(allocation.beyond.items()))
        sent = [lines for packed in allocation.packed for lines in packed.shares.values()]
        if order.shipping:
            desired = _desired(allocation, rules)
            changes = tuple(_difference(actual, desired))
            taken_back = _taken_back(order, actual.values(), desired.values())
    covered = coverage(order, sent, digital)
    state, claim = _state(order, covered, stages, fulfilments, published=published, rules=rules)
    ends = _ends(order, covered, stages, rules)
    unpaid = ends and rules.complete == "shipped-and-paid" and not paid(order)
    ending = (SetOrderState(state="Complete"),) if ends and not unpaid else ()
    return Plan(
        actions=(*changes, *state, *ending),
        state=claim,
        findings=findings,
        taken_back=taken_back,
        unpaid=unpaid,
    )


# -- states -----------------------------------------------------------------------------------------------------------


def _state(
    order: Order,
    covered: Coverage,
    stages: Stages,
    fulfilments: Sequence[Fulfilment] | None,
    *,
    published: str,
    rules: DeliveryRules,
) -> tuple[tuple[SetShipmentState, ...], str]:
    """Return the step to take, if any, and the state that is ours after it."""
    present = order.shipment_state or ""
    ours = present if present == published else ""
    if covered is Coverage.NEEDLESS:
        return (), ours
    picked = rules.publish_from == "pick" and _is_picked(stages, fulfilments or ())
    state = step(present, due_state(covered, picked=picked), published=published, read=fulfilments is not None)
    return ((), ours) if state is None else ((SetShipmentState(state=state),), state)


def _is_picked(stages: Stages, fulfilments: Sequence[Fulfilment]) -> bool:
    listed = not stages.voided and stages.picking in ("PICKED", "PARTIALLY PICKED")
    return listed or any(one.is_picked for one in fulfilments)


def _ends(order: Order, covered: Coverage, stages: Stages, rules: DeliveryRules) -> bool:
    """Whether nothing is left to be sent, and that is to end the order. Without goods, the sale itself must stand."""
    sold = covered is Coverage.NEEDLESS and not (stages.voided or stages.undone)
    over = covered is Coverage.ALL or sold
    return over and rules.complete != "never" and order.state in ("Open", "Confirmed")


# -- deliveries -------------------------------------------------------------------------------------------------------


def _desired(allocation: Allocation, rules: DeliveryRules) -> dict[str, Delivery]:
    """Return the deliveries that should stand: one for each fulfilment and shipping method, a parcel for each box."""
    found: dict[str, Delivery] = {}
    for packed in allocation.packed:
        for shipping_key, items in packed.shares.items():
            key = delivery_key(packed.task_id, shipping_key)
            known = found.get(key) or Delivery(key=key, items={}, shipping_key=shipping_key)
            found[key] = msgspec.structs.replace(
                known,
                items={line: known.items.get(line, 0) + items.get(line, 0) for line in (*known.items, *items)},
                parcels=(*known.parcels, _parcel(packed, shipping_key, items, rules)),
            )
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
    named = f"{KEY}{_legal(task_id, _LEGAL)}"
    return named if shipping_key is None else f"{named}-{_legal(shipping_key, _LEGAL)}"


def parcel_key(task_id: str, shipping_key: str | None, label: str) -> str:
    """Name the parcel of a box. Its part holds no `-`, so that it cannot be taken for the end of a shipping key."""
    return f"{delivery_key(task_id, shipping_key)}-{_legal(label, _LABEL)}"


def _legal(text: str, legal: re.Pattern[str]) -> str:
    """Return the text, or a digest where a key may not hold it, or it could be taken for one."""
    if legal.fullmatch(text) and not _DIGEST.fullmatch(text):
        return text
    return f"x{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _shown(deliveries: Iterable[Delivery]) -> Shown:
    """Say what a box shows already."""
    parcels = {parcel.key: parcel.items for delivery in deliveries for parcel in delivery.parcels}
    return lambda task_id, shipping_key, label: parcels.get(parcel_key(task_id, shipping_key, label), {})


def _difference(actual: Mapping[str, Delivery], desired: Mapping[str, Delivery]) -> Iterator[OrderAction]:
    """Bring what is shown to what should stand: what goes first, then what changes, then what comes."""
    for key in sorted(actual.keys() - desired.keys()):
        yield RemoveDelivery(delivery_key=key)
    common = [(actual[key], desired[key]) for key in sorted(actual.keys() & desired.keys())]
    for known, one in common:
        kept = {parcel.key for parcel in one.parcels}
        for parcel in known.parcels:
            if parcel.key.startswith(KEY) and parcel.key not in kept:
                yield RemoveParcel(parcel_key=parcel.key)
    for known, one in common:
        yield from _changes(known, one)
    for known, one in common:
        shown = {parcel.key for parcel in known.parcels}
        for parcel in one.parcels:
            if parcel.key not in shown:
                yield AddParcel(delivery_key=one.key, parcel=parcel)
    for key in sorted(desired.keys() - actual.keys()):
        one = desired[key]
        yield AddDelivery(key=key, items=one.items, parcels=one.parcels, shipping_key=one.shipping_key)


def _changes(known: Delivery, desired: Delivery) -> Iterator[OrderAction]:
    if known.items != desired.items:
        yield SetDeliveryItems(delivery_key=desired.key, items=desired.items)
    parcels = {parcel.key: parcel for parcel in desired.parcels}
    for shown in known.parcels:
        parcel = parcels.get(shown.key, shown)
        if shown.items != parcel.items:
            yield SetParcelItems(parcel_key=parcel.key, items=parcel.items)
        if (shown.carrier, shown.tracking) != (parcel.carrier, parcel.tracking):
            yield SetTracking(parcel_key=parcel.key, carrier=parcel.carrier, tracking=parcel.tracking)


def _taken_back(order: Order, actual: Iterable[Delivery], desired: Iterable[Delivery]) -> dict[str, int]:
    """Units shown as sent before and no longer, by SKU; what only changed its box or its line was not taken back.

    Lines that an edit took off the order say nothing here: what was sent of them is found as beyond the order.
    """
    before, after = _units(order, actual), _units(order, desired)
    left = {sku: units - after.get(sku, 0) for sku, units in sorted(before.items())}
    return {sku: units for sku, units in left.items() if units > 0}


def shown_as_sent(order: Order) -> dict[str, int]:
    """Return the units by SKU that the order's deliveries of ours hold."""
    return _units(order, (delivery for delivery in order.deliveries if delivery.key.startswith(KEY)))


def _units(order: Order, deliveries: Iterable[Delivery]) -> dict[str, int]:
    skus = {line.id: line.sku for line in order.lines}
    found: dict[str, int] = {}
    for line, units in ((line, units) for one in deliveries for line, units in one.items.items()):
        sku = skus.get(line)
        if sku:
            found[sku] = found.get(sku, 0) + units
    return found


def _differs(order: Order, sku: str, beyond: int) -> Finding:
    """Tell of units that no line has room for: all that was ordered of the SKU has left beside them."""
    ordered = sum(line.quantity for line in order.lines if line.sku == sku)
    return Finding(
        code="shipment_differs",
        cause=f"{ordered + beyond} of {sku} were shipped; order {order.shown_as} holds {ordered}.",
        sku=sku,
        facts={"ordered": str(ordered), "shipped": str(ordered + beyond)},
    )
