"""Wakes what waited for a fact that changed: orders, and the books of those that are sold."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from actors.domain.facts import FactKind, fact_ref
from actors.domain.time import Instant
from actors.messages import Flow
from storage import books, exceptions, facts, outbox


def wake(
    connection: sqlite3.Connection, kind: FactKind, changed: set[str], now: Instant, *, all_of_it: bool = False
) -> None:
    """Nudge every order that waits for a fact that changed, or for a list now read for the first time."""
    if not changed and not all_of_it:
        return
    facts.changed(connection)
    waited = {fact_ref(kind, ""), *changed}
    if kind is FactKind.TAX_RULE:
        waited.add(fact_ref(FactKind.COMPANY, ""))  # rules are among the settings arithmetic was learnt under
    for fact in facts_waited_for(connection, lambda fact: fact in waited):
        waiting = exceptions.orders_waiting_for(connection, fact)
        outbox.accept_all(connection, Flow.ORDERS, waiting, now=now)
        books.ask_all(connection, waiting, now=now)  # of what is sold its posting may be what waits


def facts_waited_for(connection: sqlite3.Connection, wanted: Callable[[str], bool]) -> list[str]:
    """Return the facts that open exceptions wait for, of those wanted, in a fixed order."""
    return sorted(fact for fact in exceptions.waiting_facts(connection) if wanted(fact))
