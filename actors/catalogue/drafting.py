"""Makes an unpublished product of a new item or family of Cin7 Core, and keeps our fields of it up to date.

A product is made only after two looks, `quiet` apart, found none with any of its SKUs or its key (K1). Where
commercetools says that one exists after all, it is taken for what it is and only what it lacks is added. One message
makes at most one write.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from actors.catalogue.looking import AGAIN, MOST_CONFLICTS, overtaken
from actors.catalogue.matching import DRAFT, OURS, draft_key, nudge, rejudge
from actors.catalogue.ports import Showcase
from actors.catalogue.registry import FAMILIES, read_place
from actors.catalogue.rules import CatalogueRules
from actors.catalogue.storefront import LANGUAGE, READS
from actors.core.actor import Done, Later, Outcome, Surroundings, clear_connection
from actors.core.rules_in_force import InForce, Ruled
from actors.core.unleased import wait_for_lease
from actors.domain.calls import Lane, Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.drafting import (
    Source,
    changes,
    compose,
    meant,
    no_product_type,
    no_tax_category,
    ours,
    product_type_key,
    source_of_family,
    source_of_item,
    tax_category_key,
)
from actors.domain.errors import Conflict, InDoubt, Missing, Rejected, WireError
from actors.domain.exception_types import Finding
from actors.domain.listing import AddVariant, DraftAction, ListedProduct, ProductDraft, ProductType, SetAttribute
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.messages import Flow
from storage import audit, calls, drafts, exceptions, flows, items, listings, meta, outbox, would_haves
from storage.drafts import DraftRow
from storage.exceptions import Record

TYPES = (
    "draft_mapping_wrong",
    "draft_attribute_missing",
    "draft_slug_taken",
    "draft_conflict",
    "draft_rejected",
)
HOUR = 3_600_000
"""Milliseconds until what was refused is tried again: what was mended in commercetools is noticed by itself."""

FALLBACK_LANGUAGE = "en"


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a draft on disk. `source` None: nothing of it is fit for sale. `settled`: families are known."""

    row: DraftRow
    source: Source | None
    moved_to: str
    settled: bool
    language: str


class _Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A draft as it should be, and the product type it is of."""

    draft: ProductDraft
    kind: ProductType


class Drafter(Ruled[CatalogueRules]):
    """Handles messages about one draft."""

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

    async def draft(self, key: str) -> Outcome:
        """Take the next step of a draft."""
        now = self._around.clock.now()
        subject = await self._around.database.read(partial(self._subject, key, now))
        if subject.moved_to:
            return Done(unit=lambda connection, at: self._moved(connection, subject, at))
        if subject.source is None or not self._wanted(subject):
            return Done(unit=lambda connection, at: _drop(connection, key, at))
        if not subject.settled:
            soon = now + self._rules.quiet // 6
            return Later(due_at=soon, reason="the families of Cin7 Core are read first", unit=_ask_for_families)
        found = await self._find(subject)
        ready = await self._composed(subject, found)
        if isinstance(ready, list):
            return self._held(subject, ready)
        if found is None:
            return await self._absent(subject, ready, now)
        return await self._present(subject, ready, found)

    def _wanted(self, subject: _Subject) -> bool:
        return self._rules.drafts or bool(subject.row.asked_by)

    # -- what it is made from ------------------------------------------------------------------------------------------

    def _subject(self, key: str, now: Instant, connection: sqlite3.Connection) -> _Subject:
        row = drafts.get(connection, key) or DraftRow(key=key, state="wanted", at=now)
        kind, _, ref = key.partition(":")
        language = self._rules.draft.language or meta.text(connection, LANGUAGE) or FALLBACK_LANGUAGE
        families_at = read_place(connection, FAMILIES).whole_at
        if kind == "family":
            source = _family_source(connection, ref)
            return _Subject(row=row, source=source, moved_to="", settled=families_at > 0, language=language)
        item = items.get(connection, ref)
        own = draft_key(connection, ref)
        fit_at = items.fit_at(connection, ref) or 0
        return _Subject(
            row=row,
            source=source_of_item(item) if item is not None and item.fit else None,
            moved_to=own if own != key else "",
            # An item that is new may belong to a family that is read a moment later.
            settled=families_at > 0 and read_place(connection, FAMILIES).began_at >= fit_at,
            language=language,
        )

    def _moved(self, connection: sqlite3.Connection, subject: _Subject, now: Instant) -> None:
        """An item that turned out to belong to a family is a variant of the family's product."""
        exceptions.clear(connection, record_of(subject.row.key), resolution="it is of a family", now=now, types=TYPES)
        if subject.row.state != "made":
            drafts.forget(connection, subject.row.key)
            family = drafts.get(connection, subject.moved_to) or DraftRow(key=subject.moved_to, state="wanted")
            asked = msgspec.structs.replace(family, asked_by=family.asked_by or subject.row.asked_by)
            drafts.put(connection, asked, now=now)
            outbox.accept(connection, nudge(DRAFT + subject.moved_to, now), now=now)

    async def _composed(self, subject: _Subject, found: ListedProduct | None) -> _Ready | list[Finding]:
        source = subject.source
        assert source is not None  # noqa: S101 -- `draft` has looked
        key = product_type_key(source, self._rules.draft)
        if isinstance(key, Finding):
            return [key]
        kind = await self._showcase.product_type(key)
        if kind is None:
            return [no_product_type(key)]
        tax = tax_category_key(source, self._rules.draft)
        if tax and not await self._showcase.has_tax_category(tax):
            return [no_tax_category(tax)]
        present = found.skus if found is not None else frozenset[str]()
        draft = compose(source, kind, self._rules.draft, language=subject.language, present=present)
        return draft if isinstance(draft, list) else _Ready(draft=draft, kind=kind)

    # -- is it there? --------------------------------------------------------------------------------------------------

    async def _find(self, subject: _Subject) -> ListedProduct | None:
        """Return the product that has one of the SKUs, or the key; ours first."""
        source = subject.source
        assert source is not None  # noqa: S101 -- `draft` has looked
        if subject.row.product_id:
            try:
                return await self._showcase.read_product(subject.row.product_id)
            except Missing:
                pass  # deleted by somebody: it is looked for, and made again only after two looks
        by_key = await self._showcase.product_with_key(source.key)
        if by_key is not None:
            return by_key
        for sku in source.skus:
            found = await self._showcase.products_with(sku)
            if found:
                return min(found, key=lambda one: one.id)
        return None

    async def _absent(self, subject: _Subject, ready: _Ready, now: Instant) -> Outcome:
        """The first look is kept, the second creates."""
        row = subject.row
        if row.state == "made" or row.absent_at is None:
            seen = msgspec.structs.replace(row, state="absent", absent_at=now, product_id="", written={})

            def unit(connection: sqlite3.Connection, at: Instant) -> None:
                drafts.put(connection, seen, now=at)
                clear_connection(connection, "commercetools", *READS, now=at)

            return Done(unit=unit, nudges=(nudge(DRAFT + row.key, now + self._rules.quiet),))
        if now - row.absent_at < self._rules.quiet:
            return Later(due_at=row.absent_at + self._rules.quiet, reason="it is looked for once more")
        if self._rules.shadow:
            return self._would_have(subject, "create draft", {"skus": ", ".join(_skus(ready)), "slug": _slug(ready)})
        if not self._may_write():
            return wait_for_lease(now, self._may_write)
        return await self._create(subject, ready)

    # -- writing -------------------------------------------------------------------------------------------------------

    async def _create(self, subject: _Subject, ready: _Ready) -> Outcome:
        intent = self._intent(Purpose.CT_CREATE_PRODUCT, subject, ready)
        try:
            product = await self._showcase.create_draft(ready.draft, intent)
        except InDoubt as error:
            return self._doubted(subject, intent, error)
        except Rejected as error:
            return await self._refused(subject, ready, intent, error)
        except WireError as error:
            error.call_id = intent.call_id
            raise
        return self._made(subject, ready, intent, product, done="create draft", detail={"slug": _slug(ready)})

    async def _present(self, subject: _Subject, ready: _Ready, product: ListedProduct) -> Outcome:
        """Add what the product lacks of ours."""
        own = ready.kind.id == product.product_type
        lacking = changes(product, ready.draft, subject.row.written, language=subject.language, own=own)
        actions = [action for action in lacking if not await self._stands_elsewhere(action)]
        if not actions:
            return Done(unit=lambda connection, now: self._keep(connection, subject, ready, product, now))
        if self._rules.shadow:
            detail = {"product": product.id, "changes": "; ".join(_worded(action, product) for action in actions)}
            return self._would_have(subject, "update draft", detail)
        if not self._may_write():
            now = self._around.clock.now()
            return wait_for_lease(now, self._may_write)
        return await self._update(subject, ready, product, actions)

    async def _stands_elsewhere(self, action: DraftAction) -> bool:
        """An item that has a product of its own is no variant to be added, whatever family it belongs to."""
        return isinstance(action, AddVariant) and bool(await self._showcase.products_with(action.variant.sku))

    async def _update(
        self, subject: _Subject, ready: _Ready, product: ListedProduct, actions: Sequence[DraftAction]
    ) -> Outcome:
        intent = self._intent(Purpose.CT_UPDATE_PRODUCT, subject, ready)
        try:
            written = await self._showcase.update_draft(product, actions, intent)
        except (Conflict, Missing) as error:
            return self._overtaken(subject, product, intent, error)
        except InDoubt as error:
            return self._doubted(subject, intent, error)
        except Rejected as error:
            return await self._refused(subject, ready, intent, error)
        except WireError as error:
            error.call_id = intent.call_id
            raise
        detail = {f"{place}. change": _worded(action, product) for place, action in enumerate(actions, start=1)}
        return self._made(subject, ready, intent, written, done="update draft", detail=detail)

    def _intent(self, purpose: Purpose, subject: _Subject, ready: _Ready) -> Intent:
        """What is about to be written is kept with the intent, so that it is known for ours if the answer is lost."""

        def beside(connection: sqlite3.Connection, _call: int) -> None:
            row = drafts.get(connection, subject.row.key) or subject.row
            may_be_ours = meant(ready.draft, row.written)
            drafts.put(connection, msgspec.structs.replace(row, written=may_be_ours), now=self._around.clock.now())

        return Intent(purpose, subject=subject.row.key, lane=Lane.CATALOGUE, beside=beside)

    def _made(
        self,
        subject: _Subject,
        ready: _Ready,
        intent: Intent,
        product: ListedProduct,
        *,
        done: str,
        detail: dict[str, str],
    ) -> Done:
        """Keep what was written, with what it takes to take it back (K2)."""

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "done")
            skus = ", ".join(_skus(ready))
            record = f"product:{product.id}"
            audit.write(connection, author=OURS, action=done, record=record, now=now, skus=skus, **detail)
            self._keep(connection, subject, ready, product, now)

        return Done(unit=unit, points=(write_point(intent.purpose, WritePhase.SETTLED),))

    def _keep(
        self, connection: sqlite3.Connection, subject: _Subject, ready: _Ready, product: ListedProduct, now: Instant
    ) -> None:
        """The product is as it should be; what it says now that we did not write is a person's."""
        wrote = ours(product, ready.draft, subject.row.written, language=subject.language)
        row = msgspec.structs.replace(
            subject.row, state="made", product_id=product.id, written=wrote, conflicts=0, absent_at=None
        )
        drafts.put(connection, row, now=now)
        exceptions.clear(connection, record_of(row.key), resolution="the product is there", now=now, types=TYPES)
        rejudge(connection, self._rules, listings.store_whole(connection, product), now)
        clear_connection(connection, "commercetools", *READS, now=now)
        flows.succeeded(connection, Flow.CATALOGUE, now=now)

    def _doubted(self, subject: _Subject, intent: Intent, error: InDoubt) -> Done:
        """It may stand or not, and may yet be executed: key and SKUs say so once that is over."""
        until = max(error.until, self._around.clock.now())

        def unit(connection: sqlite3.Connection, _now: Instant) -> None:
            calls.settle(connection, intent.call_id, "unknown", detail=error.reason)

        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        return Done(unit=unit, nudges=(nudge(DRAFT + subject.row.key, until),), points=points)

    def _overtaken(self, subject: _Subject, product: ListedProduct, intent: Intent, error: WireError) -> Done:
        """Nothing was written: it is read again at once, and after a few times in a row told."""
        now = self._around.clock.now()
        row = msgspec.structs.replace(subject.row, conflicts=subject.row.conflicts + 1)
        told = row.conflicts >= MOST_CONFLICTS
        due_at = now + AGAIN if told else now

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            calls.settle(connection, intent.call_id, "refused", detail=error.reason)
            drafts.put(connection, row, now=at)
            if told:
                name = next(iter(product.names.values()), product.id)
                finding = overtaken(name, product.modified_by)
                exceptions.raise_finding(connection, record_of(row.key), finding, now=at, next_attempt_at=due_at)

        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        return Done(unit=unit, nudges=(nudge(DRAFT + row.key, due_at),), points=points)

    async def _refused(self, subject: _Subject, ready: _Ready, intent: Intent, error: Rejected) -> Done:
        """Say why in our words where we know them. A SKU or key that exists after all is an update, not a failure."""
        field = error.detail.partition(":")[0]
        if error.reason == "duplicate" and ("sku" in field.lower() or field == "key") and not _is_tired(subject):
            return self._exists(subject, intent, error)
        if error.reason == "duplicate" and "slug" in field.lower():
            return self._held(subject, [await self._slug_taken(subject, ready)], intent, error)
        words = error.detail or error.reason
        code = "draft_attribute_missing" if "RequiredField" in words else "draft_rejected"
        finding = Finding(
            code=code,
            cause=f"commercetools refused the draft of {', '.join(_skus(ready))}: {words}",
            field=field if code == "draft_attribute_missing" else "",
            group=f"{code}:{field or error.reason}",
            facts={"answer": words, "skus": ", ".join(_skus(ready))},
        )
        return self._held(subject, [finding], intent, error)

    def _exists(self, subject: _Subject, intent: Intent, error: Rejected) -> Done:
        """It is looked for once more; what is never found though it is said to be there is told after a few times."""
        row = msgspec.structs.replace(subject.row, conflicts=subject.row.conflicts + 1)

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            calls.settle(connection, intent.call_id, "refused", detail=error.detail)
            drafts.put(connection, row, now=now)

        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        pause = self._around.clock.now() + self._rules.quiet // 12
        return Done(unit=unit, nudges=(nudge(DRAFT + subject.row.key, pause),), points=points)

    async def _slug_taken(self, subject: _Subject, ready: _Ready) -> Finding:
        slug = _slug(ready)
        others = await self._showcase.products_with_slug(slug, subject.language)
        told = ", ".join(f"{next(iter(one.names.values()), '')} ({one.id})" for one in others) or "another product"
        return Finding(
            code="draft_slug_taken",
            cause=f"The slug {slug!r} of the draft of {', '.join(_skus(ready))} belongs to {told}.",
            field="slug",
            group=f"draft_slug_taken:{slug}",
            facts={"slug": slug, "product": ", ".join(one.id for one in others)},
        )

    def _held(
        self,
        subject: _Subject,
        found: Sequence[Finding],
        intent: Intent | None = None,
        error: WireError | None = None,
    ) -> Done:
        """It goes no further by itself; what is mended is noticed within the hour, or when the item changes."""
        due_at = self._around.clock.now() + HOUR
        row = subject.row
        state = row.state if row.state == "made" else "refused"
        kept = {(one.code, one.sku, one.field) for one in found}

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            if intent is not None and error is not None:
                calls.settle(connection, intent.call_id, "refused", detail=error.detail or error.reason)
            drafts.put(connection, msgspec.structs.replace(row, state=state), now=now)
            for one in found:
                exceptions.raise_finding(connection, record_of(row.key), one, now=now, next_attempt_at=due_at)
            exceptions.clear(
                connection, record_of(row.key), resolution="it was mended", now=now, types=TYPES, keep=kept
            )

        points = (write_point(intent.purpose, WritePhase.SETTLED),) if intent is not None else ()
        return Done(unit=unit, nudges=(nudge(DRAFT + row.key, due_at),), points=points)

    def _would_have(self, subject: _Subject, what: str, detail: dict[str, str]) -> Done:
        """In shadow mode nothing is written; what would have been is kept, once."""

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            record = f"draft:{subject.row.key}"
            would_haves.note(connection, flow="catalogue", record=record, what=what, detail=detail, now=now)
            exceptions.clear(connection, record_of(subject.row.key), resolution="it was mended", now=now, types=TYPES)

        return Done(unit=unit)


def _is_tired(subject: _Subject) -> bool:
    return subject.row.conflicts >= MOST_CONFLICTS


def _drop(connection: sqlite3.Connection, key: str, now: Instant) -> None:
    """Nothing of it is fit for sale any more, or drafts are switched off: what was told of it is over."""
    exceptions.clear(connection, record_of(key), resolution="no draft of it is wanted", now=now, types=TYPES)


def _ask_for_families(connection: sqlite3.Connection, now: Instant) -> None:
    """Have families read now, or when the pass that is under way is over."""
    outbox.accept(connection, nudge(FAMILIES, now), now=now)


def record_of(key: str) -> Record:
    """Name a draft as what an exception is about."""
    return Record(kind="draft", id=key)


def _family_source(connection: sqlite3.Connection, family_id: str) -> Source | None:
    family = items.family(connection, family_id)
    if family is None:
        return None
    known = {member.item_id: items.get(connection, member.item_id) for member in family.members}
    source = source_of_family(family, {key: item for key, item in known.items() if item is not None})
    return source if source.members else None


def _skus(ready: _Ready) -> list[str]:
    return [variant.sku for variant in ready.draft.variants]


def _slug(ready: _Ready) -> str:
    return next(iter(ready.draft.slugs.values()))


def _worded(action: DraftAction, product: ListedProduct) -> str:
    """Say what a change does, and what stood there before."""
    match action:
        case AddVariant():
            return f"add variant {action.variant.sku}"
        case SetAttribute():
            was = next((one.attributes.get(action.name) for one in product.staged if one.id == action.variant_id), None)
            return f"set {action.name} of variant {action.variant_id} from {was!r} to {action.value!r}"
        case _:
            return f"set tax category {action.key} where there was none"
