"""Whether a flow is paused, by whom and why; and when it last got something done."""

from __future__ import annotations

import sqlite3

import msgspec

from actors.domain.time import Instant
from actors.messages import Flow


class FlowRow(msgspec.Struct, frozen=True, kw_only=True):
    """A flow as a person set it."""

    name: Flow
    paused_at: Instant | None = None
    paused_by: str | None = None
    pause_reason: str = ""
    last_success_at: Instant | None = None


def all_flows(connection: sqlite3.Connection) -> dict[Flow, FlowRow]:
    """Return every flow, those never touched too."""
    rows = {
        row[0]: FlowRow(
            name=Flow(row[0]), paused_at=row[1], paused_by=row[2], pause_reason=row[3], last_success_at=row[4]
        )
        for row in connection.execute("SELECT name, paused_at, paused_by, pause_reason, last_success_at FROM flows")
    }
    return {flow: rows.get(flow.value, FlowRow(name=flow)) for flow in Flow}


def pause(connection: sqlite3.Connection, flow: Flow, *, author: str, reason: str, now: Instant) -> None:
    """Claim no more nudges of this flow; a flow that is paused already keeps its first pause."""
    connection.execute(
        "INSERT INTO flows (name, paused_at, paused_by, pause_reason) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (name) DO UPDATE SET paused_at = coalesce(paused_at, excluded.paused_at),"
        " paused_by = coalesce(paused_by, excluded.paused_by), pause_reason = excluded.pause_reason",
        (flow.value, now, author, reason),
    )


def resume(connection: sqlite3.Connection, flow: Flow) -> None:
    """Let the flow go on."""
    connection.execute(
        "UPDATE flows SET paused_at = NULL, paused_by = NULL, pause_reason = '' WHERE name = ?", (flow.value,)
    )


def succeeded(connection: sqlite3.Connection, flow: Flow, *, now: Instant) -> None:
    """Record that the flow got something done."""
    connection.execute(
        "INSERT INTO flows (name, last_success_at) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET last_success_at = excluded.last_success_at",
        (flow.value, now),
    )
