"""What is done about many SKUs at once, after a page was read: ledgers begin anew, the rest is nudged or waits."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence

from actors.core.actor import Surroundings
from actors.domain.ledger import Step
from actors.domain.time import Instant
from actors.messages import Nudge
from actors.stock.assessing import Case, assess, outlook
from actors.stock.publishing import rest, restart, sku_nudge
from actors.stock.rules import StockRules
from storage import entries, stock


async def assess_all(around: Surroundings, rules: StockRules, skus: Sequence[str]) -> list[Case]:
    """Assess SKUs, on a reading connection: nothing waits for it."""
    now = around.clock.now()

    def read(connection: sqlite3.Connection) -> list[Case]:
        view = outlook(connection, rules, now=now)
        return [case for sku in skus for case in assess(connection, rules, sku, view)]

    return await around.database.read(read) if skus else []


def settle(connection: sqlite3.Connection, rules: StockRules, cases: Iterable[Case], now: Instant) -> list[Nudge]:
    """Do what needs no call, and return the nudges for what does."""
    nudged: dict[str, Nudge] = {}
    for case in cases:
        if case.decision.step is Step.RESTART and not case.unseen:
            _restart(connection, case, now)
        elif case.acts:
            nudged[case.sku] = sku_nudge(case.sku, now)
        else:
            rest(connection, rules, case, now)
    return list(nudged.values())


def _restart(connection: sqlite3.Connection, case: Case, now: Instant) -> None:
    """Begin a ledger anew, unless something happened to the entry since it was assessed.

    Not while a write of ours is on its way either: what stands now is not what will, and whoever forgets the intent
    takes its coming true for somebody else's rise. However the write ends, the SKU is looked at again.
    """
    record = entries.get(connection, case.sku, case.channel)
    if record is None or record != case.record or record.pending_call is not None:
        return
    restart(connection, case, now)


def related(connection: sqlite3.Connection, skus: Iterable[str]) -> list[str]:
    """Return these SKUs and those whose figures move with them: kits, and components of kits."""
    found: dict[str, None] = {}
    for sku in skus:
        found[sku] = None
        found.update(dict.fromkeys(sorted(stock.related(connection, sku))))
    return list(found)
