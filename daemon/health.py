"""The state of the daemon in one document: what `/health` answers, and what `/metrics` is made of (design §5).

*failing* means that events cannot be accepted or committed, or that a flow stands still against its will; *degraded*
means that a person should look. `reasons` says why, in words.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from actors.domain.facts import FactKind
from actors.domain.posting import PostingRules
from actors.domain.rates import fixed_rate
from actors.domain.time import Instant, format_instant, parse_instant
from actors.intake.rules import ORDER_LOOK, PAYMENT_LOOK, SKU_LOOK
from actors.intake.sweeping import COMPLETE, HOT, MESSAGES, PAYMENTS
from actors.messages import Flow
from daemon.instants import text_of
from daemon.running import Running
from storage import audit, books, cursors, doors, exceptions, facts, flows, meta, orders, outbox
from storage.doors import DoorRow

Document = dict[str, Any]


async def health(app: Running) -> Document:
    """Return the document. A database that cannot be read is itself an answer: failing."""
    engine = app.engine
    path = engine.database.path
    now = engine.clock.now()
    problem = ""
    try:
        stored = await engine.database.read(lambda connection: _stored(connection, path, now))
        stored["stock"] = await app.stock.figures(engine)
        stored["catalogue"] = await app.catalogue.figures(engine)
    except sqlite3.Error as error:
        stored, problem = _unread(), f"the database cannot be read ({type(error).__name__})"
    running = {flow.value: _flow(app, flow, stored["flows"][flow.value]) for flow in engine.actors}
    chores = {name: engine.supervisor.state(name) for name in engine.chores}
    failing = [problem] if problem else []
    failing += _failing(app, stored, running, chores)
    degraded = _degraded(app, stored, running)
    return {
        "status": "failing" if failing else "degraded" if degraded else "ok",
        "reasons": [*failing, *degraded],
        "version": app.version,
        "mode": app.settings.connection.mode,
        "connection": app.settings.connection.name,
        "started_at": format_instant(app.started_at),
        "orders": {"accepted": sum(stored["states"].values()), "states": stored["states"]},
        "census": stored["census"],
        "doors": stored["doors"],
        "intake": {"open": not engine.intake.closed_because, "closed_because": engine.intake.closed_because},
        "flows": running,
        "chores": chores,
        "lease": {"held": engine.lease.held},
        "governor": _governor(app),
        "outbox": stored["outbox"],
        "stock": stored["stock"],
        "books": stored["books"],
        "catalogue": stored["catalogue"],
        "exceptions": stored["exceptions"],
        "storage": _storage(app, stored["file_bytes"]),
        "audit": {"head": stored["audit_head"]},
        "sweeps": stored["sweeps"],
        "facts": stored["facts"],
    }


async def ready(app: Running) -> bool:
    """Say whether events are accepted and committed: the dispatcher runs and the last commit went well."""
    return app.engine.dispatcher.beats > 0 and not app.engine.database.failing


def status_line(document: Document) -> str:
    """Return the health document in one line, for `systemctl status`."""
    states = document["orders"]["states"]
    open_ones = sum(document["exceptions"].values())
    parts = [
        document["status"],
        f"{document['orders']['accepted']} orders, {states.get('exported', 0)} exported",
        f"{open_ones} open exceptions",
        f"{document['governor']['minutes_to_drain']:.1f} min to drain",
    ]
    if document["reasons"]:
        parts.append(document["reasons"][0])
    return "; ".join(parts)


def stored_flows(connection: sqlite3.Connection, now: Instant) -> Document:
    """Return what the file knows of each flow: its pause, its last success and its messages."""
    found: Document = {}
    for flow, row in flows.all_flows(connection).items():
        counted = outbox.counts(connection, now=now, flow=flow)
        found[flow.value] = {
            "last_success_at": text_of(row.last_success_at),
            "queued": counted.ready,
            "running": counted.running,
            "quarantined": counted.quarantined,
            "oldest_due_at": text_of(counted.oldest_due_at),
            "paused_at": text_of(row.paused_at),
            "paused_by": row.paused_by,
            "pause_reason": row.pause_reason,
        }
    return found


def _stored(connection: sqlite3.Connection, path: Path, now: Instant) -> Document:
    counted = outbox.counts(connection, now=now)
    return {
        "states": orders.count_by_state(connection),
        "flows": stored_flows(connection, now),
        "outbox": {
            "ready": counted.ready,
            "running": counted.running,
            "quarantined": counted.quarantined,
            "oldest_due_at": text_of(counted.oldest_due_at),
        },
        "books": {"steps": books.count_steps(connection), "differs": books.count_differing(connection)},
        "exceptions": exceptions.count_open_by_owner(connection),
        "alarming": exceptions.count_alarming(connection),
        "sweeps": _sweeps(connection),
        "census": _census(connection),
        "doors": {door.name: _door(connection, door) for door in doors.all_doors(connection)},
        "facts": {
            kind.value: {"read_at": format_instant(read_at), "rows": rows}
            for kind, (read_at, _, rows) in sorted(facts.lists(connection).items())
        },
        "aside": {flow for flow, subject in outbox.aside(connection, STANDING) if not subject.startswith(LOOKS)},
        "audit_head": audit.head(connection),
        "file_bytes": sum(part.stat().st_size for part in (path, Path(f"{path}-wal")) if part.exists()),
    }


def _unread() -> Document:
    """Return the shape of `_stored` with nothing in it."""
    blank = {
        "last_success_at": None,
        "queued": None,
        "running": None,
        "quarantined": None,
        "oldest_due_at": None,
        "paused_at": None,
        "paused_by": None,
        "pause_reason": "",
    }
    return {
        "states": {},
        "flows": {flow.value: dict(blank) for flow in Flow},
        "outbox": {},
        "books": {},
        "exceptions": {},
        "alarming": {},
        "sweeps": {},
        "census": {"taken_at": None},
        "doors": {},
        "facts": {},
        "aside": set(),
        "stock": {},
        "catalogue": {},
        "audit_head": None,
        "file_bytes": None,
    }


def _sweeps(connection: sqlite3.Connection) -> Document:
    """How far each list was read. Payments and messages also say whether commercetools shows them to us."""
    shown = {
        name: {**_sweep(connection, subject), "state": meta.text(connection, subject) or None}
        for name, subject in (("payments", PAYMENTS), ("messages", MESSAGES))
    }
    return {"hot": _sweep(connection, HOT), "complete": _sweep(connection, COMPLETE), **shown}


def _census(connection: sqlite3.Connection) -> Document:
    """The last count of both sides against each other."""
    stored = meta.text(connection, "census")
    taken: Document = msgspec.json.decode(stored) if stored else {"taken_at": None}
    return taken


def _door(connection: sqlite3.Connection, door: DoorRow) -> Document:
    return {
        "last_event_at": text_of(door.last_at),
        "accepted": door.accepted,
        "repeated": door.repeated,
        "late": door.late,
        "ignored": door.ignored,
        "unreadable": door.unreadable,
        "missed": door.missed,
        "missing_now": doors.count_missed(connection, door.name),
    }


def _sweep(connection: sqlite3.Connection, name: str) -> Document:
    cursor = cursors.get(connection, name)
    if cursor is None:
        return {"at": None, "mark": None}
    return {"at": format_instant(cursor.at), "mark": text_of(cursor.mark)}


def _flow(app: Running, flow: Flow, stored: Document) -> Document:
    """Put what only the process knows over what the file knows."""
    engine = app.engine
    state = engine.supervisor.state(flow.value)
    if state != "stopped" and flow in engine.dispatcher.paused:
        state = "paused"
    actor = engine.actors[flow]
    last = text_of(actor.last_success_at)
    # Both are timestamps of one form, so the later one is the greater text.
    known = [at for at in (last, stored["last_success_at"]) if at is not None]
    return {"state": state, **stored, "last_success_at": max(known, default=None), "handled": actor.handled}


def _governor(app: Running) -> Document:
    snapshot = app.engine.governor.snapshot()
    return {
        "limit": snapshot.limit,
        "cap": snapshot.cap,
        "in_window": snapshot.in_window,
        "in_flight": snapshot.in_flight,
        "queued": snapshot.queued,
        "minutes_to_drain": snapshot.minutes_to_drain,
        "granted": snapshot.granted,
        "limit_answers": snapshot.limit_answers,
        "foreign_use": snapshot.foreign_use,
        "foreign_use_at": text_of(snapshot.foreign_use_at),
        "paused_until": text_of(snapshot.paused_until),
    }


def _storage(app: Running, file_bytes: int | None) -> Document:
    database = app.engine.database
    return {
        "failing": database.failing,
        "commits": database.stats.commits,
        "units": database.stats.units,
        "failed_commits": database.stats.failed_commits,
        "file_bytes": file_bytes,
    }


STANDING = ("intake", "catalogue", "census", "stock")
"""Flows whose own messages must never stand aside: without them nothing new is heard."""

LOOKS = (ORDER_LOOK, PAYMENT_LOOK, SKU_LOOK)
"""Messages about one record: one that stands aside keeps no other back."""


def _failing(app: Running, stored: Document, running: Document, chores: dict[str, str]) -> list[str]:
    reasons = ["the database cannot be written"] if app.engine.database.failing else []
    reasons += [f"flow {name} is stopped" for name, flow in running.items() if flow["state"] == "stopped"]
    reasons += [f"a sweep of {name} is set aside" for name in STANDING if name in stored["aside"]]
    reasons += [f"the {name} keeper is stopped" for name, state in chores.items() if state == "stopped"]
    return reasons


def _census_overdue(app: Running, census: Document) -> str:
    """Say when both sides were not counted for so long that somebody should ask why; a start is given its time."""
    patience = 2 * app.engine.plan.census + CENSUS_TAKES
    taken = parse_instant(census["taken_at"]) if census.get("taken_at") else app.started_at
    if app.engine.clock.now() - max(taken, app.started_at) <= patience:
        return ""
    return f"no census since {format_instant(taken)}" if census.get("taken_at") else "no census was ever taken"


CENSUS_TAKES = 600_000
"""Milliseconds one census may take."""


def asked_for(posting: PostingRules) -> list[FactKind]:
    """The lists this configuration has read: carriers and rates only where a mapping names them."""
    idle = set() if posting.carriers else {FactKind.CARRIER}
    idle |= set() if any(not fixed_rate(rule.rate) for rule in posting.currencies.values()) else {FactKind.RATE}
    return [kind for kind in FactKind if kind not in idle]


def _degraded(app: Running, stored: Document, running: Document) -> list[str]:
    reasons = [f"flow {name} is paused" for name, flow in running.items() if flow["state"] == "paused"]
    reasons += [f"{count} open: {kind}" for kind, count in stored["alarming"].items()]
    overdue = _census_overdue(app, stored["census"])
    if overdue:
        reasons.append(overdue)
    if app.engine.intake.closed_because:
        reasons.append(f"senders are asked to come again: {app.engine.intake.closed_because}")
    if not app.settings.connection.shadow and not app.engine.lease.held:
        reasons.append("the lease is not held: nothing is written")
    unread = [kind.value for kind in asked_for(app.engine.plan.posting) if kind.value not in stored["facts"]]
    if unread:
        reasons.append(f"lists of Cin7 Core never read: {', '.join(unread)}")
    return reasons
