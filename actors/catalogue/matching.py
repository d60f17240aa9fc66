"""Judges SKUs again where either side changed, and asks for a look at every product and draft that this concerns."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable

from actors.catalogue.rules import CatalogueRules
from actors.core.actor import Done
from actors.domain.coverage import Coverage, Flag, Match
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind
from actors.domain.time import Instant
from actors.messages import Flow, Nudge
from storage import coverage, cursors, demand, drafts, exceptions, facts, items, listings, meta, outbox, stock
from storage.cursors import Cursor
from storage.stop_sell import sell_again

JUDGE = "judge"
"""The subject of the message that goes through every SKU."""

PLAN = "plan"
"""The subject of the message that plans what is unpublished."""

PRODUCTS = "products"
"""The subject of the message that reads Cin7 Core's items."""

PRODUCT = "product:"
DRAFT = "draft:"

LISTED = "listings_read"
"""Under which the file keeps when the storefront's products were first read whole."""

OURS = "tallyd"
"""The author of blocks that the catalogue sets, and may end."""

SOME = 500
"""SKUs judged in one commit."""


def nudge(subject: str, due_at: Instant) -> Nudge:
    """Ask the catalogue flow to look at something."""
    return Nudge(flow=Flow.CATALOGUE, subject=subject, due_at=due_at)


def ready(connection: sqlite3.Connection) -> bool:
    """Say whether both sides were once read whole: before that, what is missing may only not have been met yet."""
    return FactKind.PRODUCT in facts.lists(connection) and meta.counter(connection, LISTED) > 0


def rejudge(
    connection: sqlite3.Connection,
    rules: CatalogueRules,
    skus: Collection[str],
    now: Instant,
    *,
    products: Iterable[str] = (),
) -> None:
    """Judge SKUs and all that look like them, and have looked at what this concerns; `products` are looked at as well.

    Too many at once are left to the message that goes through all.
    """
    if not rules.enabled or not ready(connection):
        return
    if len(skus) > SOME:
        begin_anew(connection, now)
        _look(connection, products, now)  # one that is gone is met by no SKU any more
        return
    named = coverage.related(connection, skus)
    for sku in sorted(named):
        judged = coverage.judge(connection, sku, mapped=sku in rules.mapped)
        if coverage.put(connection, sku, judged, now=now):
            _settle(connection, sku, judged, now)
    _look(connection, coverage.products_of(connection, named) | set(products), now)
    if rules.drafts:
        _ask_for_drafts(connection, skus, now)


def _look(connection: sqlite3.Connection, products: Iterable[str], now: Instant) -> None:
    for product_id in sorted(products):
        if needs_a_look(connection, product_id):
            outbox.accept(connection, nudge(PRODUCT + product_id, now), now=now)


def begin_anew(connection: sqlite3.Connection, now: Instant) -> None:
    """Have every SKU of both sides judged."""
    cursors.put(connection, JUDGE, Cursor(at=now), now=now)
    outbox.accept(connection, nudge(JUDGE, now), now=now)


def judge_some(connection: sqlite3.Connection, rules: CatalogueRules, now: Instant) -> Done:
    """Judge the next SKUs of all; the message for the rest is in what is returned."""
    place = cursors.get(connection, JUDGE)
    after = place.after_id if place is not None else ""
    skus = listings.skus(connection, after=after, limit=SOME)

    def unit(connection: sqlite3.Connection, at: Instant) -> None:
        rejudge(connection, rules, skus, at)
        if cursors.get(connection, JUDGE) != place:
            return  # begun anew meanwhile: what was judged before is judged again
        if len(skus) == SOME:
            cursors.put(connection, JUDGE, Cursor(at=at, after_id=skus[-1]), now=at)
            return
        cursors.put(connection, JUDGE, Cursor(at=at), now=at)
        if rules.drafts and drafts.since(connection) is None:
            drafts.begin(connection, now=at)
        if rules.unpublish:
            outbox.accept(connection, nudge(PLAN, at), now=at)
        for product_id in listings.nameless(connection):
            outbox.accept(connection, nudge(PRODUCT + product_id, at), now=at)

    return Done(unit=unit, nudges=(nudge(JUDGE, now),) if len(skus) == SOME else ())


def needs_a_look(connection: sqlite3.Connection, product_id: str) -> bool:
    """A product is looked at where something is wrong with it, or was said to be, or was done about it."""
    if coverage.is_troubled(connection, product_id):
        return True
    if any(row.state == "open" for row in exceptions.of_record(connection, "product", product_id)):
        return True
    row = listings.get(connection, product_id)
    return row is not None and row.unpublished_at is not None


def _settle(connection: sqlite3.Connection, sku: str, judged: Coverage | None, now: Instant) -> None:
    """Tell what a judgement says of the SKU itself, and sell again what was blocked for want of a match."""
    record = exceptions.Record(kind="sku", id=sku)
    if judged is not None and Flag.DUPLICATE in judged.flags:
        exceptions.raise_finding(connection, record, _duplicate(connection, sku), now=now)
    else:
        exceptions.clear(connection, record, resolution="it stands once", now=now, types=("sku_duplicate",))
    if judged is not None and judged.match is not Match.MATCHED:
        return
    block = stock.block_of(connection, sku)
    if block is not None and block.author == OURS and sell_again(connection, sku):
        demand.stir(connection, (sku,), now=now)


def _duplicate(connection: sqlite3.Connection, sku: str) -> Finding:
    cin7 = [item.id for item in items.with_sku(connection, sku)]
    shop = sorted({row.product_id for row in listings.with_sku(connection, sku)})
    sides = [("Cin7 Core", cin7), ("commercetools", shop)]
    told = " and ".join(f"{len(ids)} records of {side}" for side, ids in sides if len(ids) > 1)
    return Finding(
        code="sku_duplicate",
        cause=f"{sku} stands on {told}.",
        sku=sku,
        group=f"sku_duplicate:{sku}",
        facts={side: ", ".join(ids) for side, ids in sides if ids},
    )


def draft_key(connection: sqlite3.Connection, item_id: str) -> str:
    """Name the draft an item belongs to: its family's, or its own."""
    family = items.family_of(connection, item_id)
    return drafts.family_key(family) if family else drafts.item_key(item_id)


def _ask_for_drafts(connection: sqlite3.Connection, skus: Iterable[str], now: Instant) -> None:
    since = drafts.since(connection)
    for sku in sorted(skus):
        for item in items.with_sku(connection, sku):
            key = draft_key(connection, item.id)
            if drafts.get(connection, key) is not None or _is_new(connection, item.id, sku, since):
                outbox.accept(connection, nudge(DRAFT + key, now), now=now)


def _is_new(connection: sqlite3.Connection, item_id: str, sku: str, since: Instant | None) -> bool:
    fit_at = items.fit_at(connection, item_id)
    if since is None or fit_at is None or fit_at <= since:
        return False
    former = items.former_sku(connection, item_id)
    if former and listings.with_sku(connection, former):
        return False  # it has its product, which goes by the item's former name: a second one would be made of it
    judged = coverage.get(connection, sku)
    return judged is not None and judged.match is Match.ONLY_CIN7
