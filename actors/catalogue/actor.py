"""The catalogue flow: what Cin7 Core holds and what the storefront shows, how far they match, and what follows.

It reads the account's lists so that judging an order is free, and wakes what waited for a fact that changed; reads the
storefront's products; judges each SKU that moved on either side; tells of published products without a match and takes
them down where that is switched on and approved; and makes drafts of new items. Every call to Cin7 Core is governed, in
the catalogue lane.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

import anyio

from actors.catalogue.account import Account
from actors.catalogue.drafting import Drafter
from actors.catalogue.looking import ProductLooker
from actors.catalogue.matching import DRAFT, JUDGE, PLAN, PRODUCT, PRODUCTS, judge_some, nudge
from actors.catalogue.planning import settle_plan
from actors.catalogue.ports import AccountBook, RateFiles, Showcase
from actors.catalogue.registry import FAMILIES, Registry, read_place
from actors.catalogue.rules import CatalogueRules
from actors.catalogue.storefront import LISTINGS, Storefront
from actors.catalogue.switches import settle_switches
from actors.core.actor import Actor, Done, Outcome, Surroundings
from actors.core.rules_in_force import InForce
from actors.domain.calls import PRODUCT_WRITES, Purpose
from actors.domain.posting import PostingRules
from actors.domain.time import Instant
from actors.messages import Envelope, Flow, Nudge
from storage import calls, drafts

REFRESH = "refresh"
OF_CIN7 = (REFRESH, PRODUCTS, FAMILIES)
A_MOMENT = 60_000
"""Milliseconds after a reading within which a start does not read again."""


class CatalogueActor(Actor):
    """Handles the messages of the registry, of the storefront's sweep, and about one product or draft."""

    flow = Flow.CATALOGUE
    standing = True

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        account: AccountBook,
        showcase: Showcase,
        posting: InForce[PostingRules],
        refresh: int,
        rate_files: RateFiles,
        rules: InForce[CatalogueRules],
        may_write: Callable[[], bool],
    ) -> None:
        super().__init__(surroundings, concurrency=rules.current.concurrency, capacity=2 * rules.current.concurrency)
        #: One list of Cin7 Core after the other: nobody waits for them, and the turns they take are others' too.
        self._one_list = anyio.Lock()
        #: Lists that this process was asked for before.
        self._begun: set[str] = set()
        self.rules = rules
        self.refresh = refresh
        self.account = Account(surroundings, account=account, posting=posting, rate_files=rate_files)
        self.registry = Registry(surroundings, book=account, account=self.account, rules=rules, refresh=refresh)
        self.storefront = Storefront(surroundings, showcase=showcase, rules=rules)
        self.looker = ProductLooker(surroundings, showcase=showcase, rules=rules, may_write=may_write)
        self.drafter = Drafter(surroundings, showcase=showcase, rules=rules, may_write=may_write)

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What starts the schedule."""
        always = (REFRESH, PRODUCTS)
        matched = (FAMILIES, LISTINGS, PLAN) if self.rules.current.enabled else ()
        return tuple(nudge(subject, now) for subject in (*always, *matched))

    async def handle(self, envelope: Envelope) -> Outcome:
        """Read a list, judge some SKUs, or look at one product or draft."""
        if envelope.subject in OF_CIN7:
            async with self._one_list:
                return await self._again(envelope.subject) or await self._read(envelope.subject)
        return await self._match(envelope.subject) if self.rules.current.enabled else Done()

    async def _again(self, subject: str) -> Done | None:
        """A process that died a moment after it read a list does not spend the limit on it once more at its start."""
        if subject in self._begun:
            return None
        self._begun.add(subject)
        read_at = await self.around.database.read(lambda connection: self._read_at(connection, subject))
        due_at = read_at + min(A_MOMENT, self.refresh)
        return Done(nudges=(nudge(subject, due_at),)) if due_at > self.around.clock.now() >= read_at else None

    def _read_at(self, connection: sqlite3.Connection, subject: str) -> Instant:
        """Return when a list was last read to its end, under this configuration; 0: it was not."""
        if subject == REFRESH:
            return self.account.read_at(connection)
        place = read_place(connection, subject)
        return place.began_at if place.page == 0 else 0

    async def _read(self, subject: str) -> Outcome:
        if subject == REFRESH:
            return await self.account.read(nudge(REFRESH, self.around.clock.now() + self.refresh))
        if subject == PRODUCTS:
            return await self.registry.read_products()
        return await self.registry.read_families() if self.rules.current.enabled else Done()

    async def _match(self, subject: str) -> Outcome:
        now = self.around.clock.now()
        if subject == LISTINGS:
            return await self.storefront.read()
        if subject == JUDGE:
            return await self.around.database.read(lambda connection: judge_some(connection, self.rules.current, now))
        if subject == PLAN:
            return Done(unit=lambda connection, at: settle_plan(connection, self.rules.current, at))
        if subject.startswith(PRODUCT):
            return await self.looker.look(subject.removeprefix(PRODUCT))
        if subject.startswith(DRAFT):
            return await self.drafter.draft(subject.removeprefix(DRAFT))
        return Done()


def doubt_products(connection: sqlite3.Connection, rules: CatalogueRules, *, now: Instant) -> list[Nudge]:
    """At a start: what the process before this one sent of products may stand; each is looked at.

    A version, a key or a SKU says whether it does, and the same sent twice does no harm. Drafts that were held are
    tried again: the configuration may be what was mended.
    """
    looks = []
    for write in calls.open_writes(connection):
        if write.purpose in PRODUCT_WRITES:
            calls.settle(connection, write.call_id, "unknown", detail="no answer was recorded")
            prefix = PRODUCT if write.purpose is Purpose.CT_UNPUBLISH_PRODUCT else DRAFT
            looks.append(nudge(prefix + write.subject, now))
    settle_switches(connection, rules, now=now)
    return [*looks, *(nudge(DRAFT + key, now) for key in drafts.unfinished(connection))]
