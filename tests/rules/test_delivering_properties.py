"""Whatever the warehouse did, in whatever order it was seen: what an order shows is what has left, each unit once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.delivering import KEY, DeliveryRules, Plan, parcel_key, plan
from actors.domain.fulfilment import Box, Fulfilment, Stages
from actors.domain.order import Delivery, Line, Order, Parcel
from tests.rules.delivered import LEGAL, SINGLE, apply, fulfilment, line, methods, order

RULES = DeliveryRules(carriers={"DPD Local": "DPD"})
DIGITAL = frozenset({"CARD"})
RANK = ("Pending", "Ready", "Partial", "Shipped", "Delivered")
KEYS = ("air", "air-fast", "é")

SKUS = st.sampled_from(["MUG", "MUG", "mug", "PLATE", "CARD"])
LABELS = st.sampled_from(["1", "2", "fast-1", "Box 1", "Box-1", "b" * 70, "x0123456789abcdef", "é", ""])
SHIPMENT_STATES = st.sampled_from([None, "Backorder", "Delayed", *RANK, "Canceled", "Teleported"])
OTHERS = Delivery(key="dropship-1", items={"l0": 1}, parcels=(Parcel(key="", items={"l0": 1}),))


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """Some lines, by one method of shipping, by several, or by none; somebody else's delivery may be there."""
    shipping = draw(st.sampled_from([SINGLE, methods(*KEYS), ()]))
    lines: list[Line] = []
    for n in range(draw(st.integers(0, 4))):
        travels = draw(st.dictionaries(st.sampled_from(KEYS), st.integers(1, 3))) if len(shipping) > 1 else {}
        lines.append(line(f"l{n}", draw(SKUS | st.none()), draw(st.integers(1, 4)), **travels))
    deliveries = (OTHERS,) if draw(st.booleans()) and shipping else ()
    return order(*lines, shipping=shipping, deliveries=deliveries)


WHOLE = st.integers(1, 4).map(Decimal)
PARTS = st.integers(1, 16).map(lambda quarters: Decimal(quarters) / 4)


Contents = dict[tuple[int, str, str], Decimal]
"""Units by fulfilment, label and SKU."""


def contents(units: st.SearchStrategy[Decimal], most: int = 7) -> st.SearchStrategy[Contents]:
    packed = st.sampled_from(["MUG", "MUG", "mug", "Mug", "PLATE", "CARD", "VASE"])
    return st.dictionaries(st.tuples(st.integers(1, 3), LABELS, packed), units, max_size=most)


@st.composite
def views(
    draw: st.DrawFn, units: st.SearchStrategy[Decimal] = PARTS, held: Contents | None = None
) -> tuple[Fulfilment, ...]:
    """Three fulfilments, in any order, some with boxes."""
    boxes: dict[int, dict[str, dict[str, Decimal]]] = {1: {}, 2: {}, 3: {}}
    for (number, label, sku), count in (draw(contents(units)) if held is None else held).items():
        boxes[number].setdefault(label, {})[sku] = count
    carrier, tracking = draw(st.sampled_from([("", ""), ("DPD Local", "T-1"), ("UPS", ""), ("", "T-2")]))
    last = draw(st.sampled_from([1, 2, 3]))
    return tuple(
        fulfilment(
            number,
            *(Box(label=label, units=inside, carrier=carrier, tracking=tracking) for label, inside in packed.items()),
            picking="VOIDED" if number == last and not packed else "AUTHORISED",
        )
        for number, packed in sorted(boxes.items(), key=lambda entry: entry[0] == last)
    )


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[Fulfilment, ...]]:
    """What a sale shows time after time: each time something is packed, packed otherwise, or taken out again."""
    held = draw(contents(PARTS))
    seen = [draw(views(held=held))]
    for _ in range(draw(st.integers(0, 2))):
        gone = draw(st.sets(st.sampled_from(sorted(held)))) if held else set()
        otherwise = draw(st.dictionaries(st.sampled_from(sorted(held)), PARTS, max_size=2)) if held else {}
        kept = {place: count for place, count in held.items() if place not in gone}
        held = kept | otherwise | draw(contents(PARTS, most=2))
        seen.append(draw(views(held=held)))
    return seen


def planned(shop: Order, seen: Sequence[Fulfilment] | None, published: str = "", stages: Stages | None = None) -> Plan:
    return plan(shop, seen, stages or Stages(), digital=DIGITAL, published=published, rules=RULES)


def ours(shop: Order) -> list[Delivery]:
    return [one for one in shop.deliveries if one.key.startswith(KEY)]


def parcels(shop: Order) -> dict[str, Parcel]:
    return {parcel.key: parcel for one in ours(shop) for parcel in one.parcels}


def by_line(shop: Order) -> Counter[str]:
    return sum((Counter(one.items) for one in ours(shop)), Counter[str]())


def by_sku(shop: Order) -> dict[str, int]:
    skus = {one.id: one.sku or "" for one in shop.lines}
    found: Counter[str] = Counter()
    for id_, units in by_line(shop).items():
        found[skus[id_]] += units
    return dict(found)


def spelled(shop: Order, shipped: str) -> str:
    """The SKU of the order that was meant: itself, or the only one that differs in case alone."""
    skus = {one.sku for one in shop.lines if one.sku}
    same = [sku for sku in skus if sku.casefold() == shipped.casefold()]
    return same[0] if shipped not in skus and len(same) == 1 else shipped


def shipped(shop: Order, seen: Sequence[Fulfilment]) -> dict[str, int]:
    """Whole units that have left, by the SKU that was meant."""
    found: dict[str, Decimal] = {}
    for sku, units in (pair for one in seen for box in one.boxes for pair in box.units.items()):
        meant = spelled(shop, sku)
        found[meant] = found.get(meant, Decimal(0)) + units
    return {sku: int(units) for sku, units in found.items() if units >= 1}


def ordered(shop: Order) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in shop.lines:
        if one.sku:
            found[one.sku] += one.quantity
    return found


@given(orders(), histories(), st.integers(0, 3))
def test_what_was_written_needs_no_writing_again(shop: Order, seen: list[tuple[Fulfilment, ...]], unread: int) -> None:
    """Whichever times the sale itself was not read."""
    published = ""
    for view in (*seen[:unread], None, *seen[unread:]):
        first = planned(shop, view, published)
        shop, published = apply(shop, first.actions), first.state
        again = planned(shop, view, published)
        assert again.actions == ()
        assert again.state == published
        assert again.taken_back == {}
        assert again.findings == first.findings
        assert published in ("", shop.shipment_state)


@given(orders(), histories())
def test_an_order_shows_what_has_left_and_the_rest_is_told(shop: Order, seen: list[tuple[Fulfilment, ...]]) -> None:
    for view in seen:
        outcome = planned(shop, view)
        shop = apply(shop, outcome.actions)
    gone, most = shipped(shop, seen[-1]), ordered(shop)
    fits = {sku: min(units, most[sku]) for sku, units in gone.items() if most[sku]}
    assert by_sku(shop) == (fits if shop.shipping else {})
    told = {one.sku: one.facts for one in outcome.findings}
    assert told == {
        sku: {"ordered": str(most[sku]), "shipped": str(units)} for sku, units in gone.items() if units > most[sku]
    }
    for one in ours(shop):
        assert Counter(one.items) == sum((Counter(parcel.items) for parcel in one.parcels), Counter[str]())
        assert all(units > 0 for parcel in one.parcels for units in parcel.items.values())


@given(orders(), histories())
def test_no_line_shows_more_than_was_ordered_nor_more_than_travels_so(
    shop: Order, seen: list[tuple[Fulfilment, ...]]
) -> None:
    for view in seen:
        shop = apply(shop, planned(shop, view).actions)
    sent = by_line(shop)
    for one in shop.lines:
        assert sent[one.id] <= one.quantity
        for key in KEYS[1:]:  # what does not say how it travels goes with the first
            most = sum(travel.quantity for travel in one.travels if travel.shipping_key == key)
            assert sum(delivery.items.get(one.id, 0) for delivery in ours(shop) if delivery.shipping_key == key) <= most


@given(orders(), views(WHOLE), st.data())
def test_what_an_earlier_box_shows_no_later_one_changes(
    shop: Order, whole: tuple[Fulfilment, ...], data: st.DataObject
) -> None:
    """Boxes leave one after another, in any order of their names."""
    left: dict[str, tuple[Box, ...]] = {}
    everything = [(one.task_id, box) for one in whole for box in one.boxes]
    for task_id, one_box in data.draw(st.permutations(everything)):
        left[task_id] = (*left.get(task_id, ()), one_box)
        before = parcels(shop)
        view = [msgspec.structs.replace(one, boxes=left.get(one.task_id, ())) for one in whole]
        shop = apply(shop, planned(shop, view).actions)
        after = parcels(shop)
        assert {key: after.get(key) for key in before} == before


@given(orders(), views(), views())
def test_what_a_box_holds_does_not_hang_on_those_after_it(
    shop: Order, seen: tuple[Fulfilment, ...], then: tuple[Fulfilment, ...]
) -> None:
    """Seen for the first time at once, or one after the other: parts of units too."""
    bare = msgspec.structs.replace(shop, deliveries=())
    first = parcels(apply(bare, planned(bare, seen).actions))
    more = [fulfilment(one.number + 3, *one.boxes) for one in then]
    later = parcels(apply(bare, planned(bare, (*more, *seen)).actions))
    assert {key: later.get(key) for key in first} == first


@given(st.sampled_from([None, "air", "air-x"]), st.lists(st.text(max_size=3) | LABELS, max_size=6))
def test_no_two_boxes_have_one_key(shipping_key: str | None, labels: list[str]) -> None:
    """Not even where a label is written like the digest of another, or a shipping key like another with a label."""
    others = [parcel_key("t1", shipping_key, label).rpartition("-")[2] for label in labels]
    boxes = {(key, label) for key in {shipping_key, shipping_key and "air"} for label in {*labels, *others, "x"}}
    keys = {parcel_key("t1", key, label) for key, label in boxes}
    assert len(keys) == len(boxes)
    assert all(LEGAL.fullmatch(key) for key in keys)


@given(orders(), views(), views() | st.none())
def test_deliveries_of_others_are_left_alone(
    shop: Order, seen: tuple[Fulfilment, ...], then: tuple[Fulfilment, ...] | None
) -> None:
    others = [one for one in shop.deliveries if not one.key.startswith(KEY)]
    for view in (seen, then, ()):
        shop = apply(shop, planned(shop, view).actions)
        assert [one for one in shop.deliveries if not one.key.startswith(KEY)] == others
    assert ours(shop) == []


@given(orders(), views(), views() | st.none())
def test_taken_back_is_what_was_shown_and_is_no_longer(
    shop: Order, seen: tuple[Fulfilment, ...], then: tuple[Fulfilment, ...] | None
) -> None:
    shop = apply(shop, planned(shop, seen).actions)
    outcome = planned(shop, then)
    before, after = by_sku(shop), by_sku(apply(shop, outcome.actions))
    lost = {sku: units - after.get(sku, 0) for sku, units in before.items()}
    assert outcome.taken_back == {sku: units for sku, units in lost.items() if units > 0}
    assert then is not None or outcome.taken_back == {}


@given(
    orders(),
    views(WHOLE) | st.none() | st.just(()),
    SHIPMENT_STATES,
    st.sampled_from(["", *RANK[:4]]) | st.none(),
    st.sampled_from(["", "PICKED", "PARTIALLY PICKED"]),
)
def test_a_state_moves_back_only_from_our_own(
    shop: Order, seen: tuple[Fulfilment, ...] | None, present: str | None, set_last: str | None, picking: str
) -> None:
    """It was ours where we set the same (`set_last` None: whatever it is)."""
    published = set_last if set_last is not None else (present or "")
    shop = msgspec.structs.replace(shop, shipment_state=present)
    outcome = planned(shop, seen, published, Stages(picking=picking))
    after = apply(shop, outcome.actions).shipment_state
    if after == present:
        assert outcome.state in ("", present)
        assert outcome.state == (present if present and present == published else "")
        return
    assert outcome.state == after
    assert after in RANK[:4]
    assert present not in ("Delivered", "Canceled", "Teleported")
    rank = RANK.index(present) if present in RANK else 0
    if RANK.index(after) <= rank:
        assert present == published
        assert seen is not None or present == "Ready"
