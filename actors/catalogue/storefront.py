"""Reads the storefront's products: every sweep what changed, in both versions, and every few hours all of them.

Nothing here costs a call to Cin7 Core, and an edit of content or price ends here: only SKUs are judged.
"""

from __future__ import annotations

import sqlite3
from typing import Literal

import msgspec

from actors.catalogue.matching import LISTED, begin_anew, nudge, ready, rejudge
from actors.catalogue.ports import Showcase
from actors.catalogue.rules import CatalogueRules
from actors.core.actor import Done, Surroundings, clear_connection
from actors.core.rules_in_force import InForce, Ruled
from actors.domain.errors import Limited, Transient, Unauthorised
from actors.domain.exception_types import Finding
from actors.domain.feed import FeedCursor
from actors.domain.listing import MODULAR, STANDALONE, Listing, Variant
from actors.domain.time import Instant
from storage import cursors, exceptions, listings, meta
from storage.cursors import Cursor

LISTINGS = "listings"
PAGE = 500
SMALLEST = 20
"""Products of a page that did not arrive: one may have a hundred variants, and a page of those be too large."""

PRICES = 100
"""SKUs whose prices are asked for in one request."""

OVERLAP = 300_000
"""A query may lag behind what was written (commercetools fact sheet §10, row 4): so much is read again."""

HOUR = 3_600_000
RECORD = exceptions.Record(kind="connection", id="commercetools")
READS = ("list_products", "list_prices", "read_product", "find_product", "project")
LANGUAGE = "storefront_language"
"""Under which the file keeps the project's first language."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the reading stands. `version` "": between two passes; else the list being read.

    `number` tells whole passes apart; `since` and `until` bound a pass over changes; `at` and `after` are the last row.
    """

    version: Literal["", "staged", "current"] = ""
    whole: bool = True
    number: int = 0
    at: Instant = 0
    after: str = ""
    since: Instant = 0
    until: Instant = 0
    began_at: Instant = 0
    whole_at: Instant = 0


class Storefront(Ruled[CatalogueRules]):
    """Handles the message that reads a page of products."""

    def __init__(self, surroundings: Surroundings, *, showcase: Showcase, rules: InForce[CatalogueRules]) -> None:
        self._around = surroundings
        self._showcase = showcase
        super().__init__(rules)
        #: False once the API client was refused the right to read prices.
        self._reads_prices = True
        #: Products asked for at a time.
        self._limit = PAGE

    async def read(self) -> Done:
        """Read the next page; at the beginning of a pass over everything, which catalogue model there is."""
        place = await self._around.database.read(_read_place)
        now = self._around.clock.now()
        if not place.version:
            place = _begun(place, now, self._rules.whole)
            if place.whole and not await self._is_classic():
                return Done(unit=_tell_modular, nudges=(nudge(LISTINGS, now + HOUR),))
        limit = self._limit
        try:
            page = await self._page(place, limit)
        except Limited:
            raise
        except Transient:
            self._limit = max(SMALLEST, limit // 5)
            raise
        return self._stored(place, page, now, _after(place, page, limit))

    async def _is_classic(self) -> bool:
        project = await self._showcase.project()
        if project.languages:
            await self._around.database.run(
                lambda connection: meta.set_text(connection, LANGUAGE, project.languages[0])
            )
        return project.catalogue != MODULAR

    async def _page(self, place: Place, limit: int) -> list[Listing]:
        staged = place.version == "staged"
        if place.whole:
            page = await self._showcase.listings(staged=staged, after_id=place.after, limit=limit)
        else:
            cursor = FeedCursor(at=place.at, id=place.after)
            page = await self._showcase.changed_listings(cursor, staged=staged, until=place.until, limit=limit)
        return await self._priced(page)

    async def _priced(self, page: list[Listing]) -> list[Listing]:
        """Fill in prices that are records of their own, where they may be read."""
        apart = [one for one in page if one.price_mode == STANDALONE]
        if not apart or not self._reads_prices:
            return page
        skus = sorted({variant.sku for one in apart for variant in one.variants if variant.sku})
        priced: set[str] = set()
        try:
            for start in range(0, len(skus), PRICES):
                priced |= await self._showcase.priced_apart(skus[start : start + PRICES])
        except Unauthorised:
            self._reads_prices = False
            return page
        return [_with_prices(one, priced) if one.price_mode == STANDALONE else one for one in page]

    def _stored(self, place: Place, page: list[Listing], now: Instant, after: Place) -> Done:
        staged = place.version == "staged"

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            number = place.number if place.whole else 0
            skus = listings.store(connection, page, staged=staged, number=number)
            products = {one.id for one in page}
            first = False
            if not after.version and place.whole:
                others, gone = listings.finish_pass(connection, number=place.number, began_at=place.began_at)
                skus, products = skus | others, products | gone
                first = meta.counter(connection, LISTED) == 0
                meta.set_counter(connection, LISTED, at)
                exceptions.clear(
                    connection, RECORD, resolution="the catalogue is Classic", now=at, types=("catalogue_modular",)
                )
            _write_place(connection, after, at)
            if first and ready(connection):
                begin_anew(connection, at)
            rejudge(connection, self._rules, skus, at, products=products)
            clear_connection(connection, "commercetools", *READS, now=at)

        def grow() -> None:
            if not after.version:
                self._limit = min(PAGE, 5 * self._limit)

        following = nudge(LISTINGS, now if after.version else now + self._rules.sweep)
        return Done(unit=unit, nudges=(following,), after=grow)


def _with_prices(listing: Listing, priced: set[str]) -> Listing:
    def known(variant: Variant) -> Variant:
        return msgspec.structs.replace(variant, prices=int(variant.sku in priced))

    return msgspec.structs.replace(listing, variants=tuple(known(variant) for variant in listing.variants))


def _tell_modular(connection: sqlite3.Connection, now: Instant) -> None:
    finding = Finding(
        code="catalogue_modular",
        cause="The project's productCatalogModel is Modular: its products are neither matched nor written.",
        field="productCatalogModel",
        facts={"productCatalogModel": MODULAR},
    )
    exceptions.raise_finding(connection, RECORD, finding, now=now, next_attempt_at=now + HOUR)


def _begun(place: Place, now: Instant, every: int) -> Place:
    # A clock that went back makes a whole pass: what changed since is not to be told by it.
    whole = place.whole_at == 0 or place.began_at > now or now - place.whole_at >= every
    return msgspec.structs.replace(
        place,
        version="staged",
        whole=whole,
        number=place.number + 1 if whole else place.number,
        since=max(0, place.began_at - OVERLAP),
        at=max(0, place.began_at - OVERLAP),
        after="",
        until=now,
        began_at=now,
    )


def _after(place: Place, page: list[Listing], limit: int) -> Place:
    if len(page) >= limit:
        return msgspec.structs.replace(place, at=page[-1].modified_at, after=page[-1].id)
    if place.version == "staged":
        return msgspec.structs.replace(place, version="current", after="", at=place.since)
    whole_at = place.began_at if place.whole else place.whole_at
    return msgspec.structs.replace(place, version="", after="", whole_at=whole_at)


def forget_reading(connection: sqlite3.Connection, *, now: Instant) -> None:
    """What was read counts no more: all of it is read before anything is judged again."""
    meta.set_counter(connection, LISTED, 0)
    _write_place(connection, msgspec.structs.replace(_read_place(connection), version="", after="", whole_at=0), now)


def _read_place(connection: sqlite3.Connection) -> Place:
    cursor = cursors.get(connection, LISTINGS)
    return Place() if cursor is None else msgspec.json.decode(cursor.after_id, type=Place)


def _write_place(connection: sqlite3.Connection, place: Place, now: Instant) -> None:
    cursors.put(connection, LISTINGS, Cursor(at=place.began_at, after_id=msgspec.json.encode(place).decode()), now=now)
