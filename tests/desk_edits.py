"""Edits as a person makes them, over a world that runs."""

from __future__ import annotations

import itertools
from collections import Counter
from types import SimpleNamespace
from typing import Any

from adapters.operator.access import Person
from adapters.operator.patch_api import PatchDraft
from adapters.sandbox.catalogue import Item
from daemon.desk.patches import PatchDesk
from tests.simulation.laws import sale_of
from tests.simulation.world import World

ANN = Person(name="ann", roles=frozenset({"ops"}))
OLD = "OLD-MUG"
"""A SKU the shop sells and Cin7 Core does not have; it costs what the mug does."""


def sell_old_mug(made: World, *, stock: int = 50) -> None:
    """Have the shop sell what Cin7 Core has under another SKU."""
    made.shop.add_item(Item(OLD, "Old mug", 1295, stock, 20, "Home"))


def desk(made: World) -> PatchDesk:
    """The desk of a running world."""
    return PatchDesk(SimpleNamespace(engine=made.engine))


_KEYS = itertools.count(1)


async def edit(made: World, order: str, field: str, /, **values: str) -> dict[str, Any]:
    """Edit an order, and give it a moment. Raises ProblemError."""
    draft = PatchDraft(field=field, values=values, reason="the customer called")
    done = await desk(made).patch(f"key {next(_KEYS)}", order, draft, ANN)
    await made.clock.sleep(5)
    return dict(done)


async def withdraw(made: World, order: str, number: int) -> dict[str, Any]:
    """Take an edit back, and give it a moment. Raises ProblemError."""
    done = await desk(made).withdraw(order, number, ANN, reason="mistaken")
    await made.clock.sleep(5)
    return dict(done)


async def editable(made: World, order: str, person: Person = ANN) -> dict[tuple[str, str], dict[str, Any]]:
    """What may be edited of an order, by field and name."""
    shown = await desk(made).editable(order, person, opened=True)
    assert shown is not None
    return {(one["field"], one["name"]): one for one in shown["fields"]}


def only(made: World, order: str) -> Any:
    """The one live sale of an order."""
    [sale] = sale_of(made, made.shop.orders[order])
    return sale


def sold(made: World, order: str) -> Counter[str]:
    """The units of its sale, by SKU."""
    units: Counter[str] = Counter()
    for line in only(made, order).lines:
        units[line.sku] += int(line.quantity)
    return units
