"""Plans what is unpublished for want of a match: a person approves the first time, and whatever is too much at once.

Without an approval nothing is taken down: the plan is the dry run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import msgspec

from actors.catalogue.matching import PRODUCT, nudge, ready
from actors.catalogue.rules import DAY, CatalogueRules
from actors.domain.exception_types import Finding
from actors.domain.time import Instant
from storage import coverage, exceptions, listings, meta, outbox
from storage.exceptions import Record

PLAN = "plan"
RECORD = Record(kind="catalogue", id="unpublish")
_BEGUN = "unpublish_begun"
_NAMED = 20


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What would be unpublished. `allowed`: how many more may go today without asking; `begun`: a person said yes once.

    `told` are those whose mismatch was seen on a fresh reading; only they may go.
    """

    products: tuple[str, ...]
    told: tuple[str, ...]
    approved: tuple[str, ...]
    allowed: int
    published: int
    begun: bool

    @property
    def asks(self) -> bool:
        """True when a person has to say yes before the rest may go."""
        waiting = len(self.told) - len(self.approved)
        return waiting > 0 and (not self.begun or waiting > self.allowed)


def plan_of(connection: sqlite3.Connection, rules: CatalogueRules, *, now: Instant) -> Plan:
    """Work out what may go."""
    products = tuple(coverage.unmatched_products(connection))
    told = tuple(one for one in products if exceptions.is_open(connection, _product(one), "product_unmatched"))
    approved = []
    for product_id in told:
        row = listings.get(connection, product_id)
        if row is not None and row.approved_at is not None:
            approved.append(product_id)
    gone = listings.unpublished_since(connection, now - DAY)
    published = listings.count_published(connection) + gone
    allowed = int(published * rules.share / 100) - gone - len(approved)
    return Plan(
        products=products,
        told=told,
        approved=tuple(approved),
        allowed=max(0, allowed),
        published=published,
        begun=meta.counter(connection, _BEGUN) > 0,
    )


def settle_plan(connection: sqlite3.Connection, rules: CatalogueRules, now: Instant) -> None:
    """Let go what may go without asking, or ask."""
    if not rules.unpublish or not ready(connection):
        return
    plan = plan_of(connection, rules, now=now)
    if plan.asks:
        exceptions.raise_finding(connection, RECORD, _ask(connection, plan, rules), now=now)
        return
    exceptions.clear(connection, RECORD, resolution="nothing waits for an approval", now=now)
    let_go(connection, [one for one in plan.told if one not in plan.approved], now)


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
    for product_id in product_ids:
        outbox.accept(connection, nudge(PRODUCT + product_id, now), now=now)


def _ask(connection: sqlite3.Connection, plan: Plan, rules: CatalogueRules) -> Finding:
    waiting = [one for one in plan.told if one not in plan.approved]
    rows = [listings.get(connection, one) for one in waiting[:_NAMED]]
    names = ", ".join(row.name or row.id for row in rows if row is not None)
    why = (
        f"more than the {plan.allowed} that may go today ({rules.share:g} % of {plan.published})"
        if plan.begun
        else "and nobody has approved a first list yet"
    )
    return Finding(
        code="unpublish_asks",
        cause=f"{len(waiting)} published products have no match in Cin7 Core and would be unpublished: {why}.",
        field="unpublish_unmatched",
        facts={"products": str(len(waiting)), "first": names, "published": str(plan.published)},
    )


def _product(product_id: str) -> Record:
    return Record(kind="product", id=product_id)
