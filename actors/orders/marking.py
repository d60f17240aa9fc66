"""The last step: the order in commercetools shows which sale it became."""

from __future__ import annotations

import sqlite3

from actors.core.actor import Done, Later, Outcome, Unit
from actors.domain.calls import Purpose
from actors.domain.errors import InDoubt, Rejected
from actors.domain.exception_types import Finding
from actors.domain.tendering import money_of
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.messages import Flow, Nudge
from actors.orders.desk import Case, Desk, answered, note, record_of, refused, settled, underway
from storage import books, calls, exceptions, flows, fulfilments, orders
from storage.orders import SaleRecord


async def mark(desk: Desk, case: Case, sale: SaleRecord, *, edited: bool = False) -> Outcome:
    """Set the sync info, unless it is there already (a lost answer, a repeated nudge).

    `edited`: the order differs from its sale, which is seen to next.
    """
    order = case.order
    if any((entry.external_id or "").lower() == sale.sale_id.lower() for entry in order.sync):
        return Done(unit=_exported(desk, case, sale, order.version), nudges=_follow(desk, case, edited=edited))
    intent = Intent(Purpose.CT_SYNC_INFO, subject=order.id, generation=case.record.generation)
    try:
        version = await desk.write(
            case,
            intent,
            desk.storefront.mark_exported(
                order, channel_key=desk.export.sync_channel, external_id=sale.sale_id, intent=intent
            ),
        )
    except InDoubt as error:
        return _unknown(desk, case, intent, error.reason)
    except Rejected as error:
        return _rejected(desk, case, intent, error)
    exported = _exported(desk, case, sale, version)

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        answered(connection, intent, now)
        exported(connection, now)

    return Done(unit=unit, nudges=_follow(desk, case, edited=edited), points=settled(intent))


def _follow(desk: Desk, case: Case, *, edited: bool) -> tuple[Nudge, ...]:
    """Look into what Cin7 has too little of or what was edited."""
    again = edited or case.record.shortages
    return (underway(case.order.id, desk.around.clock.now()),) if again else ()


def _exported(desk: Desk, case: Case, sale: SaleRecord, version: int) -> Unit:
    order = case.order

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        desk.refresh(connection, case, now)
        desk.clear_holds(connection, order, now)
        exceptions.clear(
            connection, record_of(order), resolution="marked", now=now, types=("sync_rejected", "channel_missing")
        )
        # Our own write made this version: its echo in the next sweep is known and causes no work.
        orders.set_version(connection, order.id, version)
        orders.export(connection, order.id, now=now)
        fulfilments.catch_up(connection, order.id, sale.sale_id, now=now, unsent=desk.posting.gift_cards)
        books.begin(connection, order.id, sale.sale_id, order.currency)
        books.knows_money(connection, order.id, money_of(order))
        books.ask(connection, order.id, now=now)
        note(connection, order.id, "marked in commercetools", now, sale=sale.sale_id)
        flows.succeeded(connection, Flow.ORDERS, now=now)

    return unit


def _unknown(desk: Desk, case: Case, intent: Intent, reason: str) -> Later:
    """The order is read again before anything is written: its version and its sync info tell."""

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        calls.settle(connection, intent.call_id, "unknown", detail=reason)

    return Later(due_at=None, reason=reason, unit=unit, points=settled(intent))


def _rejected(desk: Desk, case: Case, intent: Intent, error: Rejected) -> Later:
    """The sale stands; only the mark is missing. Told once, tried again: a mended channel is noticed by itself."""
    due_at = desk.around.clock.now() + 300_000
    # The channel is all that the mark refers to; commercetools names it by type, by key, or not at all.
    about_channel = "channel" in error.detail.lower() or "ReferencedResourceNotFound" in error.detail
    code = "channel_missing" if about_channel else "sync_rejected"
    finding = Finding(
        code=code,
        cause=f"commercetools refused to mark order {case.order.shown_as} as exported: {error.detail or error.reason}",
        group=f"{code}:{error.reason}",
        facts={"answer": error.detail, "channel": desk.export.sync_channel},
    )

    def unit(connection: sqlite3.Connection, now: Instant) -> None:
        refused(connection, intent, error.detail)
        exceptions.raise_finding(connection, record_of(case.order), finding, now=now, next_attempt_at=due_at)

    return Later(due_at=due_at, reason=error.reason, unit=unit, points=settled(intent))
