"""What a person does about stock: stop selling a SKU, sell it again, and let an order's units go."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from actors.domain.time import Instant, format_instant, parse_instant
from actors.stock.publishing import sku_nudge
from adapters.operator.problems import ProblemError
from daemon.actions import Done
from daemon.running import Running
from storage import audit, demand, entries, facts, orders, outbox, stock
from storage.stock import Block
from storage.stop_sell import sell_again


async def block_sku(app: Running, sku: str, *, author: str, reason: str, until: str = "") -> Done:
    """Publish 0 of a SKU and keep it there, until a person or the clock ends it.

    Raises:
        ProblemError: 400, no reason, or `until` is no instant to come; 404, nobody knows the SKU.
    """
    if not reason:
        raise ProblemError(400, "A reason is needed.")
    engine = app.engine
    ends = _instant(until, engine.clock.now())

    def unit(connection: sqlite3.Connection) -> Done:
        now = engine.clock.now()
        _known(connection, sku)
        block = Block(sku=sku, until=ends, reason=reason, author=author, at=now)
        before = stock.block_of(connection, sku)
        if before is not None and (before.until, before.reason) == (ends, reason):
            return {"done": False, "message": f"{sku} is blocked already.", "sku": sku}
        stock.block(connection, block)
        audit.write(connection, author=author, action="block", record=f"sku:{sku}", now=now, reason=reason)
        outbox.release(connection, sku_nudge(sku, now), now=now)
        when = f"until {format_instant(ends)}" if ends is not None else "until it is unblocked"
        return {"done": True, "message": f"{sku} is published as 0 {when}.", "sku": sku}

    return await _run(app, unit)


async def unblock_sku(app: Running, sku: str, *, author: str, reason: str) -> Done:
    """Sell a SKU again: its units come back with the next true-up.

    Raises:
        ProblemError: 404, it is not blocked, and nobody knows the SKU.
    """
    engine = app.engine

    def unit(connection: sqlite3.Connection) -> Done:
        now = engine.clock.now()
        if not sell_again(connection, sku):
            # A block is ended also when both sides have forgotten the SKU meanwhile.
            _known(connection, sku)
            return {"done": False, "message": f"{sku} is not blocked.", "sku": sku}
        audit.write(connection, author=author, action="unblock", record=f"sku:{sku}", now=now, reason=reason)
        outbox.release(connection, sku_nudge(sku, now), now=now)
        return {"done": True, "message": f"{sku} is sold again: its units come back with the next true-up.", "sku": sku}

    return await _run(app, unit)


async def release_units(app: Running, ref: str, *, author: str, reason: str) -> Done:
    """Let the units of an order go that Cin7 Core does not count: they come back with the next true-up.

    Raises:
        ProblemError: 400, no reason; 404, no such order.
    """
    if not reason:
        raise ProblemError(400, "A reason is needed.")

    def unit(connection: sqlite3.Connection) -> Done:
        now = app.engine.clock.now()
        record = orders.find(connection, ref)
        if record is None:
            raise ProblemError(404, "No order has this number or id, nor does its sale.")
        shown = record.number or record.id
        if not demand.release(connection, record.id, now=now):
            return {"done": False, "message": f"Order {shown} claims no units that are not let go.", "order": record.id}
        audit.write(
            connection, author=author, action="release units", record=f"order:{record.id}", now=now, reason=reason
        )
        message = f"The units of order {shown} are let go: they come back with the next true-up."
        return {"done": True, "message": message, "order": record.id}

    return await _run(app, unit)


async def _run(app: Running, unit: Callable[[sqlite3.Connection], Done]) -> Done:
    done = await app.engine.database.run(unit)
    app.engine.bell.ring()
    return done


def _known(connection: sqlite3.Connection, sku: str) -> None:
    if facts.product(connection, sku) is None and not entries.of_sku(connection, sku):
        raise ProblemError(404, "Neither side was seen to have this SKU; mind upper and lower case.")


def _instant(until: str, now: Instant) -> Instant | None:
    if not until:
        return None
    try:
        ends = parse_instant(until)
    except ValueError:
        raise ProblemError(400, "until must be a time such as 2026-12-24T18:00:00Z.") from None
    if ends <= now:
        raise ProblemError(400, f"until must be in the future; it is {format_instant(now)} now.")
    return ends
