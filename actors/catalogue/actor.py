"""The catalogue flow: reads what the Cin7 Core account holds, and wakes what waited for a fact that changed.

Small lists are read whole each time. Products are read by pages of 1,000: those modified since the last reading, and
once a day all of them, because Cin7 does not promise that every change moves the modification date (fact sheet,
*Unknowns*). Every call is governed, in the catalogue lane.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from actors.catalogue.ports import AccountBook
from actors.catalogue.rules import company_findings, contradictions
from actors.core.actor import Actor, Done, Outcome, Surroundings, clear_connection
from actors.domain.facts import Fact, FactKind, fact_ref
from actors.domain.posting import PostingRules
from actors.domain.time import Instant
from actors.messages import Envelope, Flow, Nudge
from storage import cursors, exceptions, facts, flows, outbox
from storage.cursors import Cursor

REFRESH = "refresh"
PRODUCTS = "products"
PAGE = 1000
FULL_EVERY = 86_400_000
OVERLAP = 300_000
"""`ModifiedSince` may be inclusive or not, and its clock is Cin7's: read this much again (milliseconds)."""


class CatalogueActor(Actor):
    """Handles nudges to read the registry again."""

    flow = Flow.CATALOGUE
    standing = True

    def __init__(
        self, surroundings: Surroundings, *, account: AccountBook, posting: PostingRules, refresh: int
    ) -> None:
        super().__init__(surroundings, concurrency=1, capacity=2)
        self.account = account
        self.posting = posting
        self.refresh = refresh

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What starts the schedule."""
        return tuple(Nudge(flow=Flow.CATALOGUE, subject=subject, due_at=now) for subject in (REFRESH, PRODUCTS))

    async def handle(self, envelope: Envelope) -> Outcome:
        """Read the small lists, or one page of products."""
        if envelope.subject == REFRESH:
            return await self._small_lists()
        if envelope.subject == PRODUCTS:
            return await self._products()
        return Done()

    async def _small_lists(self) -> Done:
        lists: list[tuple[FactKind, Sequence[Fact]]] = [
            (FactKind.COMPANY, [await self.account.company()]),
            (FactKind.TAX_RULE, await self.account.tax_rules()),
            (FactKind.LOCATION, await self.account.locations()),
            (FactKind.PAYMENT_TERM, await self.account.payment_terms()),
            (FactKind.ACCOUNT, await self.account.accounts()),
            (FactKind.CUSTOMER, await self.account.customers_named(self.posting.customer)),
        ]

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            for kind, rows in lists:
                first = kind not in facts.lists(connection)
                changed = facts.store(connection, kind, rows, now=now, whole=True)
                self._wake(connection, kind, changed, now, all_of_it=first)
            self._compare(connection, now)
            clear_connection(connection, "cin7", now=now)
            flows.succeeded(connection, Flow.CATALOGUE, now=now)

        return Done(unit=unit, nudges=(self._again(REFRESH),))

    async def _products(self) -> Done:
        place = await self.around.database.read(_read_place)
        now = self.around.clock.now()
        if place.page == 0:
            place = _begin(place, now)
        page = await self.account.products(page=place.page, modified_since=place.modified_since)
        last = page.rows == 0 or place.met + page.rows >= page.total

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            first = FactKind.PRODUCT not in facts.lists(connection)
            changed = facts.store(connection, FactKind.PRODUCT, page.products, now=at, whole=False, number=place.number)
            # An empty page before Total is reached proves nothing of what was not met: then nothing is taken for gone.
            if last and place.whole and place.met + page.rows >= page.total:
                changed |= facts.finish_pass(connection, FactKind.PRODUCT, number=place.number, now=at)
            elif last:
                facts.mark_read(connection, FactKind.PRODUCT, now=at, full=False, changed=bool(changed))
            self._wake(connection, FactKind.PRODUCT, changed, at, all_of_it=first and last)
            _write_place(connection, _after(place, last=last, rows=page.rows), at)
            if last:
                self._compare(connection, at)
            clear_connection(connection, "cin7", now=at)

        following = self._again(PRODUCTS) if last else Nudge(flow=Flow.CATALOGUE, subject=PRODUCTS, due_at=now)
        return Done(unit=unit, nudges=(following,))

    def _again(self, subject: str) -> Nudge:
        return Nudge(flow=Flow.CATALOGUE, subject=subject, due_at=self.around.clock.now() + self.refresh)

    def _wake(
        self, connection: sqlite3.Connection, kind: FactKind, changed: set[str], now: Instant, *, all_of_it: bool
    ) -> None:
        """Nudge every order that waits for a fact that changed, or for a list now read for the first time."""
        if not changed and not all_of_it:
            return
        facts.changed(connection)
        whole = fact_ref(kind, "")
        for fact in facts_waited_for(connection, lambda fact: fact == whole or fact in changed):
            for order_id in exceptions.orders_waiting_for(connection, fact):
                outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=order_id, due_at=now), now=now)

    def _compare(self, connection: sqlite3.Connection, now: Instant) -> None:
        """Hold the configuration against the account: one exception per mapping it contradicts."""
        known = facts.for_order(connection, ())
        record = exceptions.Record(kind="connection", id="cin7")
        found = [*contradictions(known, self.posting), *company_findings(known)]
        for finding in found:
            exceptions.raise_finding(connection, record, finding, now=now)
        exceptions.clear(
            connection,
            record,
            resolution="the account holds it",
            now=now,
            types=("mapping_contradicted", "automatic_discounts"),
            keep={(finding.code, finding.sku, finding.field) for finding in found},
        )


def facts_waited_for(connection: sqlite3.Connection, wanted: Callable[[str], bool]) -> list[str]:
    """Return the facts that open exceptions wait for, of those wanted, in a fixed order."""
    return sorted(fact for fact in exceptions.waiting_facts(connection) if wanted(fact))


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the reading of products stands. `page` 0: between two passes. `number` tells whole passes apart."""

    page: int = 0
    met: int = 0
    number: int = 0
    whole: bool = True
    modified_since: Instant | None = None
    began_at: Instant = 0
    whole_at: Instant = 0


def _begin(place: _Place, now: Instant) -> _Place:
    whole = place.whole_at == 0 or now - place.whole_at >= FULL_EVERY
    return _Place(
        page=1,
        number=place.number + 1 if whole else place.number,
        whole=whole,
        modified_since=None if whole else place.began_at - OVERLAP,
        began_at=now,
        whole_at=place.whole_at,
    )


def _after(place: _Place, *, last: bool, rows: int) -> _Place:
    if not last:
        return msgspec.structs.replace(place, page=place.page + 1, met=place.met + rows)
    whole_at = place.began_at if place.whole else place.whole_at
    return msgspec.structs.replace(place, page=0, met=0, whole_at=whole_at)


def _read_place(connection: sqlite3.Connection) -> _Place:
    cursor = cursors.get(connection, PRODUCTS)
    return _Place() if cursor is None else msgspec.json.decode(cursor.after_id, type=_Place)


def _write_place(connection: sqlite3.Connection, place: _Place, now: Instant) -> None:
    cursors.put(connection, PRODUCTS, Cursor(at=place.began_at, after_id=msgspec.json.encode(place).decode()), now=now)
