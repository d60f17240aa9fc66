"""The shop's inventory entries: drafts, dates, carts, authors, messages; exchanges conform to the official spec."""

from __future__ import annotations

import json
from typing import Any

import pytest

from adapters.sandbox.carts import LineDraft, OrderDraft
from adapters.sandbox.commercetools import CommercetoolsDouble
from adapters.sandbox.refusals import PlacementRefused
from adapters.sandbox.shelves import STAFF, EntryWrite
from tests.commercetools_spec import check_answer, requires_spec
from tests.commercetools_world import Answer, Caller, HandClock

MUG, BOOK = "HW-MUG-STN-01", "BK-CAMP-CKB"
PARIS = {"typeId": "channel", "key": "paris"}
OURS = {"isPlatformClient": False, "clientId": "sandbox-client"}
BY_HAND = {"isPlatformClient": True, "user": {"typeId": "user", "id": STAFF}}


class Place:
    """A double whose orders land at once unless told otherwise, its clock and somebody logged in."""

    def __init__(self, **knobs: Any) -> None:
        self.clock = HandClock()
        self.double = CommercetoolsDouble(clock=self.clock, **{"decrement_lag_seconds": 0.0, **knobs})
        self.caller = Caller(self.double)
        self.written: list[EntryWrite] = []
        self.double.on_entry_written = self.written.append

    def order(self, quantity: int, mode: str = "TrackOnly", channel: str | None = None) -> str:
        line = LineDraft(sku=MUG, quantity=quantity, supply_channel=channel)
        return self.double.place_order(OrderDraft(lines=(line,), inventory_mode=mode))

    async def entry(self, sku: str = MUG, channel: str | None = None) -> Any:
        place = "supplyChannel is not defined" if channel is None else "supplyChannel is defined"
        answer = await self.caller.get("/inventory", ("where", f'sku = "{sku}" and {place}'))
        [found] = answer.json["results"]
        return found

    async def act(self, *actions: dict[str, Any], conform: bool = True) -> Answer:
        entry = await self.entry()
        body = {"version": entry["version"], "actions": list(actions)}
        return await self.caller.post(f"/inventory/{entry['id']}", body, conform=conform)


async def place(**knobs: Any) -> Place:
    made = Place(**knobs)
    assert (await made.caller.log_in()).status == 200
    return made


async def test_an_entry_is_made_once_for_a_sku_and_channel() -> None:
    here = await place()
    draft = {"sku": MUG, "key": "mug--paris", "quantityOnStock": -2, "supplyChannel": PARIS}
    draft |= {"expectedDelivery": "2026-12-24T00:00:00Z", "restockableInDays": 3}
    made = await here.caller.post("/inventory", draft)
    assert made.status == 201
    assert (made.json["version"], made.json["quantityOnStock"], made.json["availableQuantity"]) == (1, -2, -2)
    assert (made.json["expectedDelivery"], made.json["restockableInDays"]) == ("2026-12-24T00:00:00.000Z", 3)
    assert made.json["createdBy"] == made.json["lastModifiedBy"] == OURS
    assert made.json["createdAt"] == made.json["lastModifiedAt"] == "2026-12-01T00:00:00.000Z"
    assert here.double.stock(MUG, "paris") == -2
    for again in ({**draft, "key": "another"}, {**draft, "sku": "NEW"}, {"sku": MUG, "quantityOnStock": 1}):
        refused = await here.caller.post("/inventory", again)
        assert (refused.status, refused.code) == (400, "DuplicateField"), again
    assert (await here.caller.post("/inventory", {"sku": "NEW", "quantityOnStock": 0})).json.get("key") is None
    here.double.remove_inventory(MUG, "paris")
    assert (await here.caller.get(f"/inventory/{made.json['id']}")).status == 404
    assert (await here.caller.post("/inventory", draft)).status == 201


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"key": "a"}, "InvalidInput"),
        ({"key": "a b"}, "InvalidInput"),
        ({"key": "k" * 257}, "InvalidInput"),
        ({"supplyChannel": {"typeId": "channel", "key": "cin7-core"}}, "MissingRoleOnChannel"),
        ({"supplyChannel": {"typeId": "channel", "key": "nowhere"}}, "ReferencedResourceNotFound"),
        ({"quantityOnStock": "1"}, "InvalidJsonInput"),
        ({"quantityOnStock": 1.5}, "InvalidJsonInput"),
        ({"quantityOnStock": 2**63}, "InvalidJsonInput"),
        ({"quantityOnStock": None}, "InvalidJsonInput"),
        ({"sku": ""}, "InvalidJsonInput"),
        ({"expectedDelivery": "tomorrow"}, "InvalidJsonInput"),
        ({"expectedDelivery": 5}, "InvalidJsonInput"),
        ({"restockableInDays": "soon"}, "InvalidJsonInput"),
    ],
)
async def test_what_an_entry_may_not_be(wrong: dict[str, Any], code: str) -> None:
    here = await place()
    draft = {"sku": "NEW", "key": "new", "quantityOnStock": 1, **wrong}
    refused = await here.caller.post("/inventory", draft, conform=False)
    assert (refused.status, refused.code) == (400, code)
    assert not here.written and all(entry["sku"] in here.double.items for entry in here.double.inventory.values())


async def test_dates_and_lead_times_are_set_and_cleared() -> None:
    here = await place()
    day = {"action": "setExpectedDelivery", "expectedDelivery": "2026-12-24T00:00:00.000Z"}
    set_ = (await here.act(day, {"action": "setRestockableInDays", "restockableInDays": 0})).json
    assert (set_["expectedDelivery"], set_["restockableInDays"]) == ("2026-12-24T00:00:00.000Z", 0)
    assert (await here.act(day)).json["version"] == set_["version"]  # nothing changed
    cleared = (await here.act({"action": "setExpectedDelivery"}, {"action": "setRestockableInDays"})).json
    assert "expectedDelivery" not in cleared and "restockableInDays" not in cleared
    assert cleared["version"] > set_["version"]
    assert not here.written
    assert (await here.act({**day, "expectedDelivery": "24.12."}, conform=False)).code == "InvalidJsonInput"


async def test_an_update_is_all_or_nothing_and_counts_in_order() -> None:
    here = await place()
    steps = [
        {"action": "changeQuantity", "quantity": 5},
        {"action": "addQuantity", "quantity": 4},
        {"action": "removeQuantity", "quantity": 12},
    ]
    assert (await here.act(*steps)).json["quantityOnStock"] == -3
    version = (await here.entry())["version"]
    for wrong in ({"action": "setKey", "key": "k"}, {"action": "addQuantity"}, "addQuantity"):
        refused = await here.act(steps[0], wrong, conform=False)  # type: ignore[arg-type]
        assert (refused.status, refused.code) == (400, "InvalidJsonInput")
    assert ((await here.entry())["quantityOnStock"], (await here.entry())["version"]) == (-3, version)


async def test_a_lead_time_lets_orders_pass_without_stock() -> None:
    here = await place()
    await here.act({"action": "changeQuantity", "quantity": 0})
    with pytest.raises(PlacementRefused):
        here.order(1, "ReserveOnOrder")
    await here.act({"action": "setRestockableInDays", "restockableInDays": 0})
    here.order(1, "ReserveOnOrder")
    assert here.double.stock(MUG) == -1


async def test_carts_hold_back_what_is_available_and_orders_take_it() -> None:
    here = await place(decrement_lag_seconds=8.0)
    here.double.set_stock(MUG, 10)
    before = await here.entry()
    here.double.reserve_in_cart(MUG, 3)
    held = await here.entry()
    assert (held["quantityOnStock"], held["availableQuantity"]) == (10, 7)
    assert held["version"] > before["version"] and held["lastModifiedBy"] == BY_HAND
    with pytest.raises(PlacementRefused):
        here.double.reserve_in_cart(MUG, 8)
    with pytest.raises(PlacementRefused):
        here.order(8, "ReserveOnOrder")
    with pytest.raises(PlacementRefused):
        here.order(11, "ReserveOnCart")
    here.order(4, "ReserveOnCart")  # three from the cart, and one more
    assert (here.double.stock(MUG), here.double.still_to_land(MUG)) == (10, 4)
    assert (await here.act({"action": "changeQuantity", "quantity": 12})).json["availableQuantity"] == 9
    here.clock.forward(8)
    landed = await here.entry()
    assert (landed["quantityOnStock"], landed["availableQuantity"], here.double.still_to_land(MUG)) == (8, 8, 0)
    here.double.reserve_in_cart(MUG, 2)
    here.double.reserve_in_cart(MUG, -2)
    assert (await here.entry())["availableQuantity"] == 8


async def test_every_write_has_an_author_and_every_change_a_version() -> None:
    here = await place()
    opened = await here.entry()
    assert "lastModifiedBy" not in opened
    here.clock.forward(1)
    authors, versions, instants = [], [opened["version"]], []
    for change in (
        lambda: here.double.set_stock(MUG, 9),
        lambda: here.order(2),
        lambda: here.double.give_back(MUG, 2),
        lambda: here.order(1),
    ):
        change()
        entry = await here.entry()
        authors.append(entry["lastModifiedBy"])
        versions.append(entry["version"])
        instants.append(entry["lastModifiedAt"])
        here.clock.forward(1)
    script = {"isPlatformClient": False, "clientId": "shop-script"}
    assert authors == [BY_HAND, BY_HAND, script, script]  # an order leaves the last author where it is
    assert versions == sorted(set(versions))
    assert instants == [f"2026-12-01T00:00:0{second}.000Z" for second in (1, 2, 3, 4)]
    assert (await here.act({"action": "addQuantity", "quantity": 1})).json["lastModifiedBy"] == OURS
    assert here.double.stock(MUG) == 9


async def test_writes_are_told_and_orders_are_not() -> None:
    here = await place(decrement_lag_seconds=5.0)
    told: list[Any] = []
    everything: list[Any] = []
    here.double.subscribe(told.append, types=("InventoryEntryQuantitySet", "InventoryEntryCreated"))
    here.double.subscribe(everything.append)
    del told[:], everything[:]
    await here.caller.post("/inventory", {"sku": MUG, "key": "m-p", "quantityOnStock": 3, "supplyChannel": PARIS})
    here.double.reserve_in_cart(MUG, 1)
    here.order(2)
    await here.act({"action": "changeQuantity", "quantity": 50})
    here.clock.forward(5)
    here.double.set_stock(MUG, 40, None)
    await here.act({"action": "setExpectedDelivery", "expectedDelivery": "2026-12-24T00:00:00.000Z"})
    assert [one["type"] for one in told] == ["InventoryEntryCreated", *["InventoryEntryQuantitySet"] * 2]
    figures = [
        (one["oldQuantityOnStock"], one["oldAvailableQuantity"], one["newQuantityOnStock"], one["newAvailableQuantity"])
        for one in told[1:]
    ]
    assert figures == [(180, 179, 50, 49), (48, 47, 40, 39)]
    assert told[0]["inventoryEntry"]["supplyChannel"]["id"] == here.double.channel_ids()["paris"]
    assert {one["resource"]["typeId"] for one in everything} == {"order", "payment"}  # entries only to who asks
    kept = (await here.caller.get("/messages", ("where", 'resource(typeId = "inventory-entry")'))).json["results"]
    assert len(kept) == 3
    seen = [(one.before, one.after, one.waiting) for one in here.written]
    assert seen == [(None, 3, 0), (180, 50, 2), (48, 40, 0)]
    assert [one.channel_id is None for one in here.written] == [False, True, True]


async def test_the_list_is_read_by_keyset_while_entries_change() -> None:
    here = await place(items=())
    for number in range(7):
        here.double.add_inventory(f"S{number}", number)
    here.clock.forward(5)
    for number in (3, 1, 5):
        here.double.set_stock(f"S{number}", 100 + number)
    here.clock.forward(1)
    here.double.set_stock("S0", 100)
    found: list[Any] = []
    at, last = "2026-12-01T00:00:05.000Z", ""
    while True:
        where = "lastModifiedAt >= :at" if not last else "(lastModifiedAt > :at or (lastModifiedAt = :at and id > :id))"
        variables = [("var.at", at), *([("var.id", last)] if last else [])]
        sorts = [("sort", "lastModifiedAt asc"), ("sort", "id asc"), ("limit", "2")]
        page = (await here.caller.get("/inventory", ("where", where), *variables, *sorts)).json["results"]
        found.extend(page)
        if len(page) < 2:
            break
        at, last = page[-1]["lastModifiedAt"], page[-1]["id"]
    assert sorted(entry["sku"] for entry in found[:3]) == ["S1", "S3", "S5"]
    assert [entry["sku"] for entry in found[3:]] == ["S0"]
    assert [entry["id"] for entry in found[:3]] == sorted(entry["id"] for entry in found[:3])


@requires_spec  # type: ignore[untyped-decorator, unused-ignore]
async def test_the_judge_of_answers_refuses_an_entry_that_is_wrong() -> None:
    here = await place()
    entry = await here.entry()
    path = f"/acme/inventory/{entry['id']}"
    assert check_answer("GET", path, 200, json.dumps(entry).encode()) == []
    for wrong in ({"quantityOnStock": "180"}, {"sku": None}, {"expectedDelivery": "soon"}):
        assert check_answer("GET", path, 200, json.dumps(entry | wrong).encode()), wrong


async def test_entries_need_the_scope_for_products() -> None:
    here = await place(scopes=("view_products", "view_orders"))
    here.caller.lenient = True
    assert (await here.caller.get("/inventory")).status == 200
    draft = {"sku": "NEW", "quantityOnStock": 1}
    assert (await here.caller.post("/inventory", draft)).code == "insufficient_scope"


def test_what_is_not_there_is_not_written() -> None:
    double = CommercetoolsDouble(clock=HandClock())
    for wrong in (double.set_stock, double.give_back, double.reserve_in_cart):
        with pytest.raises(KeyError):
            wrong(BOOK, 1, "paris")
    with pytest.raises(KeyError):
        double.remove_inventory("NEW")
