"""Looks at one product of the storefront: tells what has no match, and unpublishes it where that was approved.

The product is read afresh before anything is told or done, so that nothing rests on a list that is a minute old. One
look makes at most one write; a version that was overtaken is read again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import partial

from actors.catalogue import registry
from actors.catalogue.matching import OURS, PLAN, nudge, rejudge
from actors.catalogue.matching import PRODUCT as SUBJECT
from actors.catalogue.ports import Showcase
from actors.catalogue.rules import CatalogueRules
from actors.catalogue.storefront import READS
from actors.core.actor import Done, Later, Outcome, Surroundings, clear_connection
from actors.core.rules_in_force import InForce, Ruled
from actors.core.unleased import wait_for_lease
from actors.domain.calls import Lane, Purpose
from actors.domain.coverage import Coverage, Flag, Match, suggestion
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import Conflict, InDoubt, Missing, Rejected, WireError
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, fact_ref
from actors.domain.listing import ListedProduct
from actors.domain.sku_form import form
from actors.domain.time import Instant, format_instant
from actors.governor.journal import Intent
from actors.messages import Flow
from storage import audit, calls, coverage, demand, exceptions, flows, items, listings, outbox, stock, would_haves
from storage.exceptions import Record
from storage.listings import ProductRow, VariantRow
from storage.stock import Block

MOST_CONFLICTS = 3
GATHERING = 5_000
"""Milliseconds until what is told is planned with what else is told by then."""

ONCE_MORE = 30_000
"""Milliseconds until it is asked again whether Cin7 Core was read since."""

AGAIN = 300_000
"""Milliseconds until a product is tried again that somebody keeps changing, or that may not be unpublished."""

TOLD = ("product_unmatched", "product_not_for_sale", "publish_again")
OF_UNPUBLISHING = ("unpublish_rejected", "draft_conflict")
OF_EDITS = ("changed by", "changed at", "name")
"""Facts that any edit of the product changes."""

NO_MATCH = "no item of Cin7 Core has this SKU"


class Step(Enum):
    """What a look leads to."""

    NOTHING = "nothing"
    WAIT = "wait"
    UNPUBLISH = "unpublish"


class ProductLooker(Ruled[CatalogueRules]):
    """Handles messages about one product."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        showcase: Showcase,
        rules: InForce[CatalogueRules],
        may_write: Callable[[], bool],
    ) -> None:
        self._around = surroundings
        self._showcase = showcase
        super().__init__(rules)
        self._may_write = may_write

    async def look(self, product_id: str) -> Outcome:
        """Read the product, tell what is wrong with it, and take it down where that was approved."""
        for _ in range(MOST_CONFLICTS):
            try:
                product = await self._showcase.read_product(product_id)
            except Missing:
                return Done(unit=lambda connection, now: self._gone(connection, product_id, now))
            step = await self._around.database.run(partial(self._see, product))
            now = self._around.clock.now()
            if step is Step.NOTHING:
                return Done()
            if step is Step.WAIT:
                return Later(due_at=now + ONCE_MORE, reason="the items of Cin7 Core are read once more")
            if not self._may_write():
                return wait_for_lease(now, self._may_write)
            outcome = await self._unpublish(product)
            if outcome is not None:
                return outcome
        return self._overtaken(product_id)

    # -- telling -------------------------------------------------------------------------------------------------------

    def _see(self, product: ListedProduct, connection: sqlite3.Connection) -> Step:
        """Keep the product as read, tell what it lacks, and say whether it is to be unpublished now."""
        now = self._around.clock.now()
        rejudge(connection, self._rules, listings.store_whole(connection, product), now)
        row = listings.get(connection, product.id)
        if row is None:
            return Step.NOTHING
        tell(connection, row, now)
        clear_connection(connection, "commercetools", *READS, now=now)
        flows.succeeded(connection, Flow.CATALOGUE, now=now)
        return self._step(connection, row, now)

    def _step(self, connection: sqlite3.Connection, row: ProductRow, now: Instant) -> Step:
        if not self._rules.unpublish or not coverage.is_hopeless(connection, row.id):
            if row.approved_at is not None:
                listings.disapprove(connection, row.id)
            resolution = "it is not to be unpublished"
            exceptions.clear(connection, record_of(row.id), resolution=resolution, now=now, types=OF_UNPUBLISHING)
            return Step.NOTHING
        if row.approved_at is None:
            outbox.accept(connection, nudge(PLAN, now + GATHERING), now=now)
            return Step.NOTHING
        if not registry.read_since(connection, row.approved_at):
            # What was approved rests on a list that is minutes old: the item may be there by now.
            return Step.WAIT
        if not self._rules.shadow:
            return Step.UNPUBLISH
        detail = {"product": row.name, "skus": ", ".join(sorted(_live_skus(connection, row.id)))}
        record = f"product:{row.id}"
        would_haves.note(connection, flow="catalogue", record=record, what="unpublish", detail=detail, now=now)
        return Step.NOTHING

    def _gone(self, connection: sqlite3.Connection, product_id: str, now: Instant) -> None:
        exceptions.clear(connection, record_of(product_id), resolution="the product was deleted", now=now)
        rejudge(connection, self._rules, listings.forget(connection, product_id), now)

    # -- unpublishing --------------------------------------------------------------------------------------------------

    async def _unpublish(self, product: ListedProduct) -> Outcome | None:
        """Take a product down; None: somebody changed it meanwhile, and it has to be read again."""
        intent = Intent(
            Purpose.CT_UNPUBLISH_PRODUCT,
            subject=product.id,
            lane=Lane.CATALOGUE,
            beside=lambda connection, _call: self._stop_selling(connection, product.id),
        )
        try:
            written = await self._showcase.unpublish(product, intent)
        except (Conflict, Missing) as error:
            reason = error.reason
            await self._around.database.run(
                lambda connection: calls.settle(connection, intent.call_id, "refused", detail=reason)
            )
            return None
        except InDoubt as error:
            return self._doubted(product.id, intent, error)
        except Rejected as error:
            return self._refused(product, intent, error)
        except WireError as error:
            error.call_id = intent.call_id
            raise
        return self._unpublished(written, intent)

    def _stop_selling(self, connection: sqlite3.Connection, product_id: str) -> None:
        """Carts keep their lines when a product is unpublished: its stock is held at 0 in the commit of the intent."""
        now = self._around.clock.now()
        skus = _live_skus(connection, product_id)
        for sku in sorted(skus):
            # One that has its match since the product was read is not held back: nothing would end the block.
            if stock.block_of(connection, sku) is None and not _is_matched(connection, sku):
                block = Block(sku=sku, until=None, reason=NO_MATCH, author=OURS, at=now)
                stock.block(connection, block)
        demand.stir(connection, skus, now=now)

    def _unpublished(self, product: ListedProduct, intent: Intent) -> Done:
        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "done")
            down = ", ".join(sorted(product.skus))
            audit.write(connection, author=OURS, action="unpublish", record=f"product:{product.id}", now=now, skus=down)
            skus = listings.store_whole(connection, product)
            listings.unpublished(connection, product.id, now=now)
            exceptions.clear(
                connection,
                record_of(product.id),
                resolution="it was unpublished",
                now=now,
                types=("product_unmatched", *OF_UNPUBLISHING),
            )
            rejudge(connection, self._rules, skus, now)
            outbox.accept(connection, nudge(PLAN, now), now=now)

        return Done(unit=unit, points=(write_point(intent.purpose, WritePhase.SETTLED),))

    def _doubted(self, product_id: str, intent: Intent, error: InDoubt) -> Done:
        """It may be unpublished or not, and may yet be: it is read when that is over."""
        until = max(error.until, self._around.clock.now())

        def unit(connection: sqlite3.Connection, _now: Instant) -> None:
            calls.settle(connection, intent.call_id, "unknown", detail=error.reason)

        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        return Done(unit=unit, nudges=(nudge(SUBJECT + product_id, until),), points=points)

    def _refused(self, product: ListedProduct, intent: Intent, error: Rejected) -> Done:
        words = error.detail or error.reason
        due_at = self._around.clock.now() + AGAIN
        finding = Finding(
            code="unpublish_rejected",
            cause=f"commercetools refused to unpublish {named(product.names, product.id)}: {words}",
            group=f"unpublish_rejected:{error.reason}",
            facts={"answer": words, "product": product.id},
        )

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "refused", detail=words)
            exceptions.raise_finding(connection, record_of(product.id), finding, now=now, next_attempt_at=due_at)

        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        return Done(unit=unit, nudges=(nudge(SUBJECT + product.id, due_at),), points=points)

    def _overtaken(self, product_id: str) -> Done:
        due_at = self._around.clock.now() + AGAIN

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            row = listings.get(connection, product_id)
            by = row.modified_by if row is not None else ""
            exceptions.raise_finding(
                connection,
                record_of(product_id),
                overtaken(row.name if row is not None else product_id, by),
                now=now,
                next_attempt_at=due_at,
            )

        return Done(unit=unit, nudges=(nudge(SUBJECT + product_id, due_at),))


def overtaken(name: str, by: str) -> Finding:
    """Each time it was about to be written, somebody had changed it."""
    return Finding(
        code="draft_conflict",
        cause=f"{name} was changed {MOST_CONFLICTS} times in a row just before it was to be written"
        f"{f', last by {by}' if by else ''}.",
        group="draft_conflict",
        facts={"changed by": by},
    )


def tell(connection: sqlite3.Connection, row: ProductRow, now: Instant) -> None:
    """Tell what a product lacks, and close what it lacks no more."""
    variants = listings.variants_of(connection, row.id)
    found = [*_findings(connection, row, variants)]
    record = record_of(row.id)
    for finding in found:
        # What a person has dismissed is not told again for a new price or text.
        if not exceptions.dismissed_as_it_is(connection, record, finding, but=OF_EDITS):
            exceptions.raise_finding(connection, record, finding, now=now)
    kept = {(finding.code, finding.sku, finding.field) for finding in found}
    resolution = "it matches" if row.published else "it is not published"
    exceptions.clear(connection, record, resolution=resolution, now=now, types=TOLD, keep=kept)


def _findings(connection: sqlite3.Connection, row: ProductRow, variants: Sequence[VariantRow]) -> Iterator[Finding]:
    judged = {variant.sku: coverage.get(connection, variant.sku) for variant in variants if variant.sku}
    for variant in variants:
        if not variant.live:
            continue
        known = judged.get(variant.sku)
        if not variant.sku or (known is not None and known.match is Match.ONLY_COMMERCETOOLS):
            yield _unmatched(connection, row, variant, known)
        elif known is not None and known.flags & {Flag.DEPRECATED, Flag.NOT_SELLABLE}:
            yield _not_for_sale(row, variant, known)
    matched = sorted(sku for sku, known in judged.items() if known is not None and known.match is Match.MATCHED)
    if row.unpublished_at is not None and matched:
        yield Finding(
            code="publish_again",
            cause=f"{row.name or row.id} was unpublished by tallyd at {format_instant(row.unpublished_at)} and has a"
            f" match again: {', '.join(matched)}.",
            group="publish_again",
            facts={"skus": ", ".join(matched)},
        )


def _unmatched(connection: sqlite3.Connection, row: ProductRow, variant: VariantRow, known: Coverage | None) -> Finding:
    sku = variant.sku
    if sku:
        hint = suggestion(
            sku,
            near=items.alike(connection, form(sku)),
            renamed_to=items.renamed(connection, sku),
            family=items.family_with_sku(connection, sku),
        )
        cause = f"{sku} of {row.name or row.id} is published, and Cin7 Core has no such SKU: {hint}."
    else:
        hint = "give the variant the SKU of its item in Cin7 Core"
        cause = f"Variant {variant.variant} of {row.name or row.id} is published without a SKU."
    return Finding(
        code="product_unmatched",
        cause=cause,
        sku=sku,
        field=f"variant {variant.variant}",
        waits_for=fact_ref(FactKind.PRODUCT, sku) if sku else "",
        group=f"product_unmatched:{row.id}",
        facts={
            "product": row.id,
            "name": row.name,
            "variant": str(variant.variant),
            "changed by": row.modified_by or "not said",
            "changed at": format_instant(row.modified_at),
            "suggestion": hint,
            "near": ", ".join(known.near) if known is not None else "",
        },
    )


def _not_for_sale(row: ProductRow, variant: VariantRow, known: Coverage) -> Finding:
    what = "deprecated" if Flag.DEPRECATED in known.flags else "not sellable"
    return Finding(
        code="product_not_for_sale",
        cause=f"{variant.sku} of {row.name or row.id} is published, and its item is {what} in Cin7 Core.",
        sku=variant.sku,
        field=f"variant {variant.variant}",
        waits_for=fact_ref(FactKind.PRODUCT, variant.sku),
        group=f"product_not_for_sale:{row.id}",
        facts={"product": row.id, "name": row.name, "item": known.item_id},
    )


def record_of(product_id: str) -> Record:
    """Name a product of the storefront as what an exception is about."""
    return Record(kind="product", id=product_id)


def named(names: dict[str, str], otherwise: str) -> str:
    """Return a product's name in whichever language has one."""
    return next(iter(names.values()), "") or otherwise


def _is_matched(connection: sqlite3.Connection, sku: str) -> bool:
    known = coverage.get(connection, sku)
    return known is not None and known.match is Match.MATCHED


def _live_skus(connection: sqlite3.Connection, product_id: str) -> set[str]:
    return {row.sku for row in listings.variants_of(connection, product_id) if row.live and row.sku}
