"""Reads Cin7 Core's items and families by pages of 1,000: what changed since, and once a day all of them.

Cin7 does not promise that every change moves the modification date (fact sheet, *Unknowns*); what a whole reading does
not meet is gone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable

import msgspec

from actors.catalogue.account import Account
from actors.catalogue.matching import PRODUCTS, begin_anew, nudge, ready, rejudge
from actors.catalogue.ports import AccountBook
from actors.catalogue.rules import DAY, CatalogueRules
from actors.catalogue.waking import wake
from actors.core.actor import Done, Surroundings, clear_connection
from actors.core.rules_in_force import InForce, Ruled
from actors.domain.facts import FactKind
from actors.domain.item import FamilyPage, ItemPage
from actors.domain.time import Instant
from actors.messages import Nudge
from storage import cursors, demand, drafts, facts, items
from storage.cursors import Cursor

FAMILIES = "families"
FULL_EVERY = DAY
OVERLAP = 300_000
"""`ModifiedSince` may be inclusive or not, and its clock is Cin7's: read this much again (milliseconds)."""


class Registry(Ruled[CatalogueRules]):
    """Handles the two messages that read a page."""

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        book: AccountBook,
        account: Account,
        rules: InForce[CatalogueRules],
        refresh: int,
    ) -> None:
        self._around = surroundings
        self._book = book
        self._account = account
        super().__init__(rules)
        self._refresh = refresh

    async def read_products(self) -> Done:
        """Read one page of products."""
        place = await self._begin(PRODUCTS)
        page = await self._book.products(page=place.page, modified_since=place.modified_since)
        last = _is_last(place, page)
        after = msgspec.structs.replace(place, met=place.met + page.rows, left_out=place.left_out + _left_out(page))

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            first = FactKind.PRODUCT not in facts.lists(connection)
            skus = items.store(connection, page.items, number=place.number, now=at)
            changed = facts.store(connection, FactKind.PRODUCT, page.products, now=at, whole=False, number=place.number)
            whole = place.whole and _has_met_all(connection, after, page)
            if last and whole:
                changed |= facts.finish_pass(connection, FactKind.PRODUCT, number=place.number, now=at)
                skus |= items.finish_pass(connection, number=place.number)
            changed |= facts.forget_products(connection, items.given_up(connection, skus), now=at)
            if last:
                facts.mark_read(connection, FactKind.PRODUCT, now=at, full=whole, changed=bool(changed))
            wake(connection, FactKind.PRODUCT, changed, at, all_of_it=first and last)
            if not first:
                # What a SKU is, whether it may be sold, and what it is made of: its entries follow.
                demand.stir(connection, (ref.partition(":")[2] for ref in changed), now=at)
            _write_place(connection, PRODUCTS, _after(after, last=last), at)
            if last:
                self._account.compare(connection, at)
            if first and last and ready(connection):
                begin_anew(connection, at)
            rejudge(connection, self._rules, skus, at)
            clear_connection(connection, "cin7", now=at)

        return Done(unit=unit, nudges=(self._following(PRODUCTS, last=last),))

    async def read_families(self) -> Done:
        """Read one page of families: each refresh while drafts are made of them, once a day for suggestions alone."""
        place = await self._begin(FAMILIES)
        page = await self._book.families(page=place.page, modified_since=place.modified_since)
        last = _is_last(place, page)
        after = msgspec.structs.replace(place, met=place.met + page.rows)

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            changed = items.store_families(connection, page.families, number=place.number)
            if last and place.whole and 0 < page.total <= after.met:
                items.finish_families(connection, number=place.number)
            _write_place(connection, FAMILIES, _after(after, last=last), at)
            members = [one for family in page.families if family.id in changed for one in family.members]
            rejudge(connection, self._rules, _known(member.sku for member in members), at)
            if last and self._rules.drafts and drafts.since(connection) is None and ready(connection):
                drafts.begin(connection, now=at)
            clear_connection(connection, "cin7", now=at)

        every = self._refresh if self._rules.drafts else FULL_EVERY
        return Done(unit=unit, nudges=(self._following(FAMILIES, last=last, every=every),))

    async def _begin(self, name: str) -> Place:
        place = await self._around.database.read(lambda connection: read_place(connection, name))
        return place if place.page else _begun(place, self._around.clock.now())

    def _following(self, subject: str, *, last: bool, every: int | None = None) -> Nudge:
        pause = (every if every is not None else self._refresh) if last else 0
        return nudge(subject, self._around.clock.now() + pause)


def _known(skus: Iterable[str]) -> set[str]:
    return {sku for sku in skus if sku}


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the reading of a list stands. `page` 0: between two passes. `number` tells whole passes apart.

    `met` counts rows, `left_out` those of them that nothing could be made of.
    """

    page: int = 0
    met: int = 0
    left_out: int = 0
    number: int = 0
    whole: bool = True
    modified_since: Instant | None = None
    began_at: Instant = 0
    whole_at: Instant = 0


def _is_last(place: Place, page: ItemPage | FamilyPage) -> bool:
    return page.rows == 0 or place.met + page.rows >= page.total


def _left_out(page: ItemPage) -> int:
    return page.rows - len(page.items)


def _has_met_all(connection: sqlite3.Connection, place: Place, page: ItemPage) -> bool:
    """Say whether a whole reading proves that what it did not meet is gone.

    An empty page before Total is reached proves nothing, and an account without any item least of all. Rows move while
    pages are read: where one was met twice, another was met on no page.
    """
    if page.total == 0 or place.met < page.total:
        return False
    return items.count_met(connection, number=place.number) + place.left_out >= page.total


def _begun(place: Place, now: Instant) -> Place:
    """Begin a pass. A clock that went back makes a whole one: what changed since is not to be told by it."""
    whole = place.whole_at == 0 or place.began_at > now or now - place.whole_at >= FULL_EVERY
    return Place(
        page=1,
        number=place.number + 1 if whole else place.number,
        whole=whole,
        modified_since=None if whole else place.began_at - OVERLAP,
        began_at=now,
        whole_at=place.whole_at,
    )


def _after(place: Place, *, last: bool) -> Place:
    if not last:
        return msgspec.structs.replace(place, page=place.page + 1)
    whole_at = place.began_at if place.whole else place.whole_at
    return msgspec.structs.replace(place, page=0, met=0, left_out=0, whole_at=whole_at)


def read_place(connection: sqlite3.Connection, name: str) -> Place:
    """Return where the reading of a list stands."""
    cursor = cursors.get(connection, name)
    return Place() if cursor is None else msgspec.json.decode(cursor.after_id, type=Place)


def read_since(connection: sqlite3.Connection, moment: Instant) -> bool:
    """Say whether a reading of Cin7's items began after a moment and is over."""
    place = read_place(connection, PRODUCTS)
    return place.page == 0 and place.began_at > moment


def _write_place(connection: sqlite3.Connection, name: str, place: Place, now: Instant) -> None:
    cursors.put(connection, name, Cursor(at=place.began_at, after_id=msgspec.json.encode(place).decode()), now=now)
