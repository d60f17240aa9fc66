"""Plans what is unpublished for want of a match: a person approves the first time, and whatever is too much at once.

Without an approval nothing is taken down: the plan is the dry run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from actors.catalogue.matching import JUDGE, PRODUCT, PRODUCTS, nudge, ready
from actors.catalogue.rules import DAY, CatalogueRules
from actors.domain.exception_types import Finding
from actors.domain.time import Instant
from actors.messages import Flow
from storage import coverage, exceptions, listings, meta, outbox
from storage.exceptions import Record

RECORD = Record(kind="catalogue", id="unpublish")
_BEGUN = "unpublish_begun"
_NAMED = 20


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be unpublished. `allowed`: how many more may go today without asking; `begun`: a person said yes once.

    `told` are those whose mismatch was seen on a fresh reading; only they may go. `unseen`: so many are yet to be read
    afresh.
    """

    products: tuple[str, ...]
    told: tuple[str, ...]
    unseen: int
    approved: tuple[str, ...]
    allowed: int
    published: int
    begun: bool

    @property
    def asks(self) -> bool:
        """True when a person has to say yes before the rest may go: those count as well that are only about to."""
        waiting = len(self.told) - len(self.approved)
        return waiting > 0 and (not self.begun or waiting + self.unseen > self.allowed)


def plan_of(connection: sqlite3.Connection, rules: CatalogueRules, *, now: Instant) -> Plan:
    """Work out what may go."""
    products = tuple(coverage.unmatched_products(connection))
    seen = exceptions.open_ids(connection, "product", "product_unmatched")
    due = outbox.waiting_keys(connection, Flow.CATALOGUE, PRODUCT)
    told = tuple(one for one in products if one in seen)
    let = listings.approved(connection)
    approved = tuple(one for one in told if one in let)
    gone = listings.unpublished_since(connection, now - DAY)
    published = listings.count_published(connection) + gone
    allowed = int(published * rules.share / 100) - gone - len(approved)
    return Plan(
        products=products,
        told=told,
        unseen=sum(one not in seen and PRODUCT + one in due for one in products),
        approved=approved,
        allowed=max(0, allowed),
        published=published,
        begun=meta.counter(connection, _BEGUN) > 0,
    )


def settle_plan(connection: sqlite3.Connection, rules: CatalogueRules, now: Instant) -> None:
    """Let go what may go without asking, or ask."""
    if not rules.unpublish or not ready(connection) or outbox.is_waiting(connection, Flow.CATALOGUE, JUDGE):
        return  # while SKUs are judged nobody knows how much it will be; it is planned again at the end of that
    plan = plan_of(connection, rules, now=now)
    if plan.asks:
        exceptions.raise_finding(connection, RECORD, _ask(connection, plan, rules), now=now)
        return
    exceptions.clear(connection, RECORD, resolution="nothing waits for an approval", now=now)
    let = set(plan.approved)
    let_go(connection, [one for one in plan.told if one not in let], now)


def approve(connection: sqlite3.Connection, rules: CatalogueRules, *, now: Instant) -> Plan:
    """A person says yes to everything that is planned now."""
    plan = plan_of(connection, rules, now=now)
    meta.set_counter(connection, _BEGUN, now)
    let_go(connection, plan.told, now)
    exceptions.clear(connection, RECORD, resolution="the plan was approved", now=now)
    return plan


def withdraw(connection: sqlite3.Connection, *, now: Instant) -> None:
    """Nothing is approved any more: the next list waits for a person, as the first one did."""
    meta.set_counter(connection, _BEGUN, 0)
    listings.disapprove_all(connection)
    exceptions.clear(connection, RECORD, resolution="it is switched off, or begins anew", now=now)


def let_go(connection: sqlite3.Connection, product_ids: Sequence[str], now: Instant) -> None:
    """These may be unpublished: each is read once more before it is."""
    listings.approve(connection, product_ids, now=now)
    if product_ids:
        # Items are read once more before anything goes: after this instant, not in it.
        outbox.accept(connection, nudge(PRODUCTS, now + 1), now=now)
    for product_id in product_ids:
        outbox.accept(connection, nudge(PRODUCT + product_id, now), now=now)


def _ask(connection: sqlite3.Connection, plan: Plan, rules: CatalogueRules) -> Finding:
    let = set(plan.approved)
    waiting = [one for one in plan.told if one not in let]
    rows = [listings.get(connection, one) for one in waiting[:_NAMED]]
    count = len(waiting) + plan.unseen
    names = ", ".join(row.name or row.id for row in rows if row is not None)
    why = (
        f"more than the {plan.allowed} that may go today ({rules.share:g} % of {plan.published})"
        if plan.begun
        else "and nobody has approved a first list yet"
    )
    return Finding(
        code="unpublish_asks",
        cause=f"{count} published products have no match in Cin7 Core and would be unpublished: {why}.",
        field="unpublish_unmatched",
        facts={"products": str(count), "first": names, "published": str(plan.published)},
    )
