"""What a person does about the catalogue: let the plan of unpublishing go, and ask for a draft of an item."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from actors.catalogue import matching, planning
from actors.catalogue.rules import CatalogueRules
from actors.domain.item import Item
from adapters.operator.problems import ProblemError
from daemon.actions import Done
from daemon.running import Running
from storage import audit, drafts, items, listings, outbox
from storage.drafts import DraftRow
from storage.listings import VariantRow

NOT_KNOWN = "Cin7 Core was not seen to have an item of this SKU; mind upper and lower case."


async def approve_plan(app: Running, *, author: str, reason: str) -> Done:
    """Let every product go that is planned now. Each is read once more, and stays if it has a match by then.

    Raises:
        ProblemError: 409, unpublishing is switched off, or not both sides were read whole.
    """
    rules = app.engine.plan.catalogue

    def unit(connection: sqlite3.Connection) -> Done:
        now = app.engine.clock.now()
        if not (rules.enabled and rules.unpublish):
            raise ProblemError(409, "[catalogue] unpublish_unmatched is off: nothing would be unpublished.")
        if not matching.ready(connection):
            raise ProblemError(409, "Not both sides were read whole yet: what has no match is not known.")
        plan = planning.plan_of(connection, rules, now=now)
        waiting = len(plan.told) - len(plan.approved)
        if not waiting and (plan.begun or not plan.told):
            said = f"{len(plan.approved)} products are approved already." if plan.approved else "Nothing waits for it."
            return {"done": False, "message": said, "products": 0}
        planning.approve(connection, rules, now=now)
        audit.write(
            connection,
            author=author,
            action="approve",
            record="catalogue:unpublish",
            now=now,
            reason=reason,
            products=" ".join(plan.told),
        )
        return {"done": True, "message": _approved(plan, waiting, shadow=rules.shadow), "products": waiting}

    return await _run(app, unit)


def _approved(plan: planning.Plan, waiting: int, *, shadow: bool) -> str:
    what = "would be unpublished: the mode is shadow" if shadow else "unpublished unless it matches by then"
    text = f"{waiting} products are approved; each is read once more and {what}."
    unseen = len(plan.products) - len(plan.told)
    return f"{text} {unseen} more are to be looked at first and were not approved." if unseen else text


async def ask_for_draft(app: Running, sku: str, *, author: str, reason: str) -> Done:
    """Ask for an unpublished product of the item of a SKU, or of its family, whatever its age.

    Raises:
        ProblemError: 404, Cin7 Core has no such item; 409, the item is not fit or stands twice, a product that is no
            draft of ours has the SKU, no product type is named, or the catalogue is switched off or not read yet.
    """
    rules = app.engine.plan.catalogue

    def unit(connection: sqlite3.Connection) -> Done:
        now = app.engine.clock.now()
        item = _fit(connection, rules, sku)
        key = matching.draft_key(connection, item.id)
        known, variants = drafts.get(connection, key), listings.with_sku(connection, sku)
        if variants and known is None:
            raise ProblemError(409, f"{sku} has a product already: {variants[0].product_id}.")
        outbox.release(connection, matching.nudge(matching.DRAFT + key, now), now=now)
        row = known or DraftRow(key=key, state="wanted")
        if not variants and row.asked_by and row.state in ("wanted", "absent"):
            return {"done": False, "message": f"A draft of {sku} is on its way: {row.asked_by} asked.", "sku": sku}
        drafts.put(connection, _asked(row, author), now=now)
        audit.write(connection, author=author, action="draft", record=f"sku:{sku}", now=now, reason=reason, draft=key)
        message = _looked_at(variants) if variants else _awaited(connection, rules, item)
        return {"done": True, "message": message, "sku": sku}

    return await _run(app, unit)


def _asked(row: DraftRow, author: str) -> DraftRow:
    """What was refused is tried anew; a product that was made and is gone is looked for twice again."""
    state = "wanted" if row.state == "refused" else row.state
    return msgspec.structs.replace(row, state=state, asked_by=author)


def _looked_at(variants: Sequence[VariantRow]) -> str:
    return f"{variants[0].sku} has its product, {variants[0].product_id}: what it lacks of ours is looked at again."


def _awaited(connection: sqlite3.Connection, rules: CatalogueRules, item: Item) -> str:
    family = items.family(connection, items.family_of(connection, item.id))
    of_family = f", with its whole family {family.name}" if family is not None else ""
    ends = " The mode is shadow: it is only kept what would be made." if rules.shadow else ""
    return f"A draft of {item.sku} is made{of_family}, once two looks found no product with its SKU.{ends}"


def _fit(connection: sqlite3.Connection, rules: CatalogueRules, sku: str) -> Item:
    """Return the item a draft can be made of, or refuse."""
    if not rules.enabled:
        raise ProblemError(409, "[catalogue] enabled is false: no drafts are made.")
    if not matching.ready(connection):
        raise ProblemError(409, "Not both sides were read whole yet: a product may have this SKU.")
    held = items.with_sku(connection, sku)
    if not held:
        raise ProblemError(404, NOT_KNOWN)
    if len(held) > 1:
        raise ProblemError(409, f"{sku} stands on {len(held)} items of Cin7 Core: give each its own SKU first.")
    _refuse_unfit(held[0])
    _refuse_untyped(connection, rules, held[0])
    return held[0]


def _refuse_unfit(item: Item) -> None:
    if item.fit:
        return
    product = item.product
    sellable = "sellable" if product.sellable else "not sellable"
    standing = f"{product.status}, {sellable}, of type {product.type}"
    raise ProblemError(409, f"{item.sku} is {standing}: a draft needs an item that is Active, sellable, of type Stock.")


def _refuse_untyped(connection: sqlite3.Connection, rules: CatalogueRules, item: Item) -> None:
    family = items.family(connection, items.family_of(connection, item.id))
    category = family.category if family is not None and family.category else item.product.category
    if not rules.draft.product_types.get(category, rules.draft.product_type):
        wanted = f"[catalogue] product_type, or [mappings.product_types] for the category {category!r}"
        raise ProblemError(409, f"No product type is named: {wanted} has to name one.")


async def _run(app: Running, unit: Callable[[sqlite3.Connection], Done]) -> Done:
    done = await app.engine.database.run(unit)
    app.engine.bell.ring()
    return done
