"""Nudges on disk: accepted, claimed, settled; retried, set aside, reclaimed after an unclean stop.

The row of a settled nudge is deleted, so the table stays as small as what waits; what happened to an order is on its
timeline. `attempts` counts claims that ended in a bug or with the process; `tries` counts failures in a row that were
the other side's. Only attempts lead to quarantine.
"""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Collection, Iterable

import msgspec

from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.messages import Envelope, Flow, Nudge, Urgency

MAX_ATTEMPTS = 3
"""A nudge whose handling ended in a bug or with the process this often is set aside."""

_NO_TWIN_RUNS = """
NOT EXISTS (SELECT 1 FROM outbox AS busy
            WHERE busy.flow = waiting.flow AND busy.subject = waiting.subject AND busy.state = 'running')
"""

_CLAIMABLE = f"""
SELECT id FROM outbox AS waiting
WHERE flow = :flow AND state = 'ready' AND urgency = :urgency AND due_at <= :now AND {_NO_TWIN_RUNS}
ORDER BY due_at, id
LIMIT :limit
"""

_COLUMNS = "id, flow, subject, attempts, accepted_at, urgency"

_URGENCY = f"""
CASE WHEN :flow = '{Flow.ORDERS}' AND :urgency > {int(Urgency.FIRST)}
          AND EXISTS (SELECT 1 FROM orders AS ordered WHERE ordered.id = {{subject}} AND ordered.express = 1)
     THEN {int(Urgency.FIRST)} ELSE :urgency END
"""
"""How urgent a nudge is: one for an order whose row says `express` goes before those that are merely fresh."""

_MERGED = "due_at = min(due_at, excluded.due_at), urgency = min(urgency, excluded.urgency)"
"""What becomes of a nudge that waits for the same key."""


class OutboxCounts(msgspec.Struct, frozen=True, kw_only=True):
    """How many nudges stand where, and since when the oldest due one waits."""

    ready: int
    running: int
    quarantined: int
    oldest_due_at: Instant | None


def accept(connection: sqlite3.Connection, nudge: Nudge, *, now: Instant) -> bool:
    """Put a nudge in, or bring forward the one that waits for the same key. False: its key is set aside."""
    set_aside = connection.execute(
        "SELECT 1 FROM outbox WHERE flow = ? AND subject = ? AND state = 'quarantined'",
        (nudge.flow.value, nudge.subject),
    ).fetchone()
    if set_aside is not None:
        return False
    connection.execute(
        "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at)"
        f" VALUES (:flow, :subject, 'ready', {_URGENCY.format(subject=':subject')}, :due_at, :now)"
        f" ON CONFLICT (flow, subject) WHERE state = 'ready' DO UPDATE SET {_MERGED}",
        {
            "flow": nudge.flow.value,
            "subject": nudge.subject,
            "urgency": int(nudge.urgency),
            "due_at": nudge.due_at,
            "now": now,
        },
    )
    return True


def accept_all(
    connection: sqlite3.Connection,
    flow: Flow,
    subjects: Iterable[str],
    *,
    now: Instant,
    urgency: Urgency = Urgency.FRESH,
) -> None:
    """Nudge all of these, due now, in one statement: thousands one by one would hold the writer for a second."""
    connection.execute(
        "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at)"
        f" SELECT :flow, value, 'ready', {_URGENCY.format(subject='value')}, :now, :now FROM json_each(:subjects)"
        " WHERE NOT EXISTS (SELECT 1 FROM outbox AS aside WHERE aside.flow = :flow AND aside.subject = value"
        f" AND aside.state = 'quarantined') ON CONFLICT (flow, subject) WHERE state = 'ready' DO UPDATE SET {_MERGED}",
        {
            "flow": flow.value,
            "subjects": msgspec.json.encode(sorted(subjects)).decode(),
            "urgency": int(urgency),
            "now": now,
        },
    )


def accept_orders(connection: sqlite3.Connection, states: Collection[OrderState], *, now: Instant) -> int:
    """Nudge every order in these states in one statement: at a start there may be many. Return how many stand there."""
    named = {f"state_{place}": state.value for place, state in enumerate(states)}
    marks = ", ".join(f":{name}" for name in named)
    cursor = connection.execute(
        "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at)"
        f" SELECT :flow, id, 'ready', {_URGENCY.format(subject='orders.id')}, :now, :now FROM orders"
        f" WHERE state IN ({marks}) AND NOT EXISTS"
        " (SELECT 1 FROM outbox AS aside WHERE aside.flow = :flow AND aside.subject = orders.id"
        " AND aside.state = 'quarantined') ORDER BY accepted_at, id"
        f" ON CONFLICT (flow, subject) WHERE state = 'ready' DO UPDATE SET {_MERGED}",
        {"flow": Flow.ORDERS.value, "urgency": int(Urgency.FRESH), "now": now, **named},
    )
    return cursor.rowcount


def claim(connection: sqlite3.Connection, flow: Flow, *, limit: int, now: Instant) -> list[Envelope]:
    """Claim due nudges of a flow, the most urgent ones first; the attempt is counted here, in the commit."""
    ids: list[int] = []
    for urgency in Urgency:
        if len(ids) < limit:
            found = connection.execute(
                _CLAIMABLE, {"flow": flow.value, "urgency": int(urgency), "now": now, "limit": limit - len(ids)}
            )
            ids.extend(row[0] for row in found)
    return [_claim_one(connection, row_id, now) for row_id in ids]


def claim_suspect(
    connection: sqlite3.Connection, flows: Collection[Flow], *, now: Instant, stopped: Collection[Flow] = ()
) -> tuple[list[Envelope], bool]:
    """Claim one of these flows' nudges that were running when the process died, and only while nothing else runs.

    Whichever of them kills the process again is then alone, so the innocent are not counted with it. What a `stopped`
    flow left running is not waited for. The second value is False while no suspect stands in anybody's way.
    """
    # The `+` keeps the planner off the index that is ordered by due time: both of these stay tiny partial indexes.
    [running] = connection.execute(
        f"SELECT max(suspect) FROM outbox WHERE state = 'running' AND flow NOT IN ({_marks(stopped)})",
        [flow.value for flow in stopped],
    ).fetchone()
    if running == 1:
        return [], True
    row = connection.execute(
        f"SELECT id FROM outbox WHERE state = 'ready' AND suspect = 1 AND +flow IN ({_marks(flows)})"
        " ORDER BY id LIMIT 1",
        [flow.value for flow in flows],
    ).fetchone()
    if row is None:
        return [], False
    return ([], True) if running is not None else ([_claim_one(connection, row[0], now)], True)


def _marks(values: Collection[object]) -> str:
    return ", ".join("?" for _ in values)


def _claim_one(connection: sqlite3.Connection, row_id: int, now: Instant) -> Envelope:
    row = connection.execute(
        "UPDATE outbox SET state = 'running', claimed_at = ?, attempts = attempts + 1 WHERE id = ?"
        f" RETURNING {_COLUMNS}",
        (now, row_id),
    ).fetchone()
    return Envelope(
        id=row[0], flow=Flow(row[1]), subject=row[2], attempt=row[3], accepted_at=row[4], urgency=Urgency(row[5])
    )


def settle(connection: sqlite3.Connection, envelope: Envelope) -> None:
    """Take a handled nudge out."""
    connection.execute("DELETE FROM outbox WHERE id = ?", (envelope.id,))


def retry(
    connection: sqlite3.Connection,
    envelope: Envelope,
    *,
    due_at: Instant,
    reason: str,
    bug: bool = False,
    failed: bool = False,
) -> None:
    """Put a claimed nudge back, due later.

    A `bug` keeps its attempt counted; a transient failure (`failed`) counts a try; anything else was merely "not now"
    and counts nothing. A nudge accepted meanwhile for the same key takes its place: due sooner, meaning the same.
    What was counted, and the urgency, go over to it.
    """
    attempts, tries = connection.execute("SELECT attempts, tries FROM outbox WHERE id = ?", (envelope.id,)).fetchone()
    kept = attempts if bug else 0
    tried = tries + 1 if failed else tries if bug else 0
    waiting = connection.execute(
        "SELECT id FROM outbox WHERE flow = ? AND subject = ? AND state = 'ready'",
        (envelope.flow.value, envelope.subject),
    ).fetchone()
    if waiting is not None:
        connection.execute(
            "UPDATE outbox SET attempts = ?, tries = ?, reason = ?, urgency = min(urgency, ?) WHERE id = ?",
            (kept, tried, reason, int(envelope.urgency), waiting[0]),
        )
        connection.execute("DELETE FROM outbox WHERE id = ?", (envelope.id,))
        return
    connection.execute(
        "UPDATE outbox SET state = 'ready', claimed_at = NULL, suspect = 0, attempts = ?, tries = ?, due_at = ?,"
        " reason = ? WHERE id = ?",
        (kept, tried, due_at, reason, envelope.id),
    )


def hurry(connection: sqlite3.Connection, *, now: Instant) -> None:
    """Bring forward every nudge that was put off because something failed."""
    connection.execute(
        "UPDATE outbox SET due_at = ? WHERE state = 'ready' AND tries > 0 AND due_at > ?",
        (now, now),
    )


def bring_forward(connection: sqlite3.Connection, reason: str, *, now: Instant) -> None:
    """Bring forward every nudge that was put off for this reason: it is over."""
    connection.execute(
        "UPDATE outbox SET due_at = min(accepted_at, ?) WHERE state = 'ready' AND reason = ? AND due_at > ?",
        (now, reason, now),
    )


def tries_of(connection: sqlite3.Connection, envelope: Envelope) -> int:
    """How often this nudge was put off already."""
    row = connection.execute("SELECT tries FROM outbox WHERE id = ?", (envelope.id,)).fetchone()
    return 0 if row is None else int(row[0])


def quarantine(connection: sqlite3.Connection, row_id: int, *, reason: str) -> None:
    """Set a nudge aside until a person retries it. One that waits for the same key goes with it."""
    connection.execute(
        "DELETE FROM outbox WHERE state = 'ready' AND id <> :id"
        " AND (flow, subject) = (SELECT flow, subject FROM outbox WHERE id = :id)",
        {"id": row_id},
    )
    connection.execute(
        "UPDATE outbox SET state = 'quarantined', claimed_at = NULL, suspect = 0, reason = ? WHERE id = ?",
        (reason, row_id),
    )


def release(connection: sqlite3.Connection, nudge: Nudge, *, now: Instant) -> None:
    """Let a key go again after a person looked: whatever was set aside is forgotten, a fresh nudge is put in."""
    connection.execute(
        "DELETE FROM outbox WHERE flow = ? AND subject = ? AND state = 'quarantined'",
        (nudge.flow.value, nudge.subject),
    )
    accept(connection, nudge, now=now)


def reclaim(connection: sqlite3.Connection, *, now: Instant) -> list[Envelope]:
    """After an unclean stop: what was running waits again, as a suspect. Return those that are out of attempts."""
    rows = connection.execute(f"SELECT {_COLUMNS} FROM outbox WHERE state = 'running' ORDER BY id").fetchall()
    spent: list[Envelope] = []
    for row in rows:
        envelope = Envelope(
            id=row[0], flow=Flow(row[1]), subject=row[2], attempt=row[3], accepted_at=row[4], urgency=Urgency(row[5])
        )
        if envelope.attempt >= MAX_ATTEMPTS:
            spent.append(envelope)
            continue
        twin = connection.execute(
            "DELETE FROM outbox WHERE flow = ? AND subject = ? AND state = 'ready' RETURNING urgency",
            (envelope.flow.value, envelope.subject),
        ).fetchone()
        urgency = envelope.urgency if twin is None else min(envelope.urgency, twin[0])
        connection.execute(
            "UPDATE outbox SET state = 'ready', claimed_at = NULL, suspect = 1, due_at = min(due_at, ?), urgency = ?"
            " WHERE id = ?",
            (now, int(urgency), envelope.id),
        )
    return spent


def give_back(connection: sqlite3.Connection, flow: Flow, *, only: Collection[int] | None = None) -> None:
    """Return a flow's claimed nudges nobody handles any more (its actor crashed, a shutdown): not an attempt.

    `only` names them, where others of the flow may be on their way to its mailbox.
    """
    rows = connection.execute(
        "SELECT id, subject, max(0, attempts - 1), urgency FROM outbox WHERE flow = ? AND state = 'running'",
        (flow.value,),
    ).fetchall()
    for row_id, subject, attempts, urgency in rows:
        if only is not None and row_id not in only:
            continue
        twin = connection.execute(
            "UPDATE outbox SET attempts = max(attempts, ?), urgency = min(urgency, ?)"
            " WHERE flow = ? AND subject = ? AND state = 'ready' RETURNING id",
            (attempts, urgency, flow.value, subject),
        ).fetchall()
        if twin:
            connection.execute("DELETE FROM outbox WHERE id = ?", (row_id,))
            continue
        connection.execute(
            "UPDATE outbox SET state = 'ready', claimed_at = NULL, attempts = ? WHERE id = ?", (attempts, row_id)
        )


def is_running(connection: sqlite3.Connection, envelope: Envelope) -> bool:
    """Say whether a nudge is claimed and not settled."""
    row = connection.execute("SELECT 1 FROM outbox WHERE id = ? AND state = 'running'", (envelope.id,)).fetchone()
    return row is not None


def is_waiting(connection: sqlite3.Connection, flow: Flow, subject: str) -> bool:
    """Say whether a key is still to be handled, or is being handled."""
    sql = _in_hand("SELECT 1 FROM outbox WHERE flow = :flow AND subject = :subject")
    return connection.execute(sql, {"flow": flow.value, "subject": subject}).fetchone() is not None


def _in_hand(select: str) -> str:
    """Select of what is ready and of what is running: each has an index of its own, and both together have none."""
    return " UNION ALL ".join(f"{select} AND state = '{state}'" for state in ("ready", "running"))


def waiting_keys(connection: sqlite3.Connection, flow: Flow, prefix: str) -> set[str]:
    """Return the keys of a flow that begin so and are still to be handled, or are being handled."""
    sql = _in_hand("SELECT subject FROM outbox WHERE flow = :flow AND subject >= :first AND subject < :last")
    rows = connection.execute(sql, {"flow": flow.value, "first": prefix, "last": prefix + "\U0010ffff"})
    return {row[0] for row in rows}


def aside(connection: sqlite3.Connection, flows: Collection[str]) -> list[tuple[str, str]]:
    """Return (flow, subject) of what was set aside in these flows."""
    rows = connection.execute(
        f"SELECT flow, subject FROM outbox WHERE state = 'quarantined' AND flow IN ({_marks(flows)})", tuple(flows)
    )
    return [(row[0], row[1]) for row in rows]


def claimable(connection: sqlite3.Connection, flows: Collection[Flow]) -> dict[Flow, Instant]:
    """When the first nudge of each of these flows can be claimed; one that waits for its running twin cannot.

    No more rows are stepped over than are running.
    """
    if not flows:
        return {}
    firsts: dict[Flow, Instant] = {}
    for flow, due_at in connection.execute(_heads(tuple(flows), _NO_TWIN_RUNS)):
        firsts[Flow(flow)] = min(due_at, firsts.get(flow, due_at))
    return firsts


def next_due(connection: sqlite3.Connection, flows: Collection[Flow]) -> Instant | None:
    """When the first nudge of all these flows can be claimed."""
    return min(claimable(connection, flows).values(), default=None)


@functools.cache
def _heads(flows: tuple[Flow, ...], condition: str) -> str:
    """One statement, of a step into the index for each flow and urgency: the dispatcher asks it all the time."""
    steps = [
        f"SELECT flow, due_at FROM (SELECT flow, due_at FROM outbox AS waiting WHERE flow = '{flow.value}'"
        f" AND state = 'ready' AND urgency = {int(urgency)} AND {condition} ORDER BY due_at, id LIMIT 1)"
        for flow in flows
        for urgency in Urgency
    ]
    return " UNION ALL ".join(steps)


def counts(connection: sqlite3.Connection, *, now: Instant, flow: Flow | None = None) -> OutboxCounts:
    """Count what waits, runs and is set aside, of one flow or of all."""
    flows = (flow,) if flow is not None else tuple(Flow)
    [oldest] = connection.execute(f"SELECT min(due_at) FROM ({_heads(flows, 'TRUE')})").fetchone()
    return OutboxCounts(
        ready=_count(connection, "ready", flow),
        running=_count(connection, "running", flow),
        quarantined=_count(connection, "quarantined", flow),
        oldest_due_at=oldest if oldest is not None and oldest <= now else None,
    )


def waiting(connection: sqlite3.Connection, *, most: int) -> int:
    """Count the nudges that wait, as far as `most`: beyond it the exact figure costs and says nothing more."""
    row = connection.execute(
        "SELECT count(*) FROM (SELECT 1 FROM outbox WHERE state = 'ready' LIMIT ?)", (most,)
    ).fetchone()
    return int(row[0])


def _count(connection: sqlite3.Connection, state: str, flow: Flow | None) -> int:
    # Each state has an index of its own, which only a literal finds; grouping would sort everything that waits.
    condition, values = ("", ()) if flow is None else (" AND flow = ?", (flow.value,))
    row = connection.execute(f"SELECT count(*) FROM outbox WHERE state = '{state}'{condition}", values).fetchone()
    return int(row[0])
