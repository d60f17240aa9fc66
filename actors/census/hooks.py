"""Looks after Cin7 Core's webhooks: one of ours for every needed type, and switched on.

Cin7 switches a webhook off after six failed deliveries and tells nobody (fact sheet §8). One remote write a message;
the list is read again before each, so one whose answer was lost is found and not made twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Sequence

from actors.census.ports import SalesList
from actors.census.rules import CensusRules
from actors.census.sweeping import SALES, nudge
from actors.core.actor import Done, Later, Outcome, Surroundings, Unit, clear_connection
from actors.domain.calls import Lane, Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import InDoubt, Rejected
from actors.domain.exception_types import Finding
from actors.domain.time import Instant, format_instant
from actors.domain.webhook import PlanLine, Step, Webhook, plan
from actors.governor.journal import Intent
from storage import calls, cursors, doors, exceptions, outbox
from storage.exceptions import Record

WATCH = "webhooks"
APPLY = "webhooks:apply"
DOOR = "cin7"

AGAIN = 60_000
"""Milliseconds until the list is read again after something was written, or was refused."""


class HookKeeper:
    """Plans from the list, and writes one thing at a time."""

    def __init__(self, surroundings: Surroundings, *, sales: SalesList, rules: CensusRules) -> None:
        self._around = surroundings
        self._sales = sales
        self._rules = rules

    async def keep(self, subject: str) -> Outcome:
        """Watch: revive what was switched off, tell what is missing. Apply: make what is missing, too."""
        if not self._rules.public_url:
            return Done()
        lines = plan(await self._sales.webhooks(), self._rules.public_url)
        steps = (Step.REVIVE, Step.CREATE) if subject == APPLY else (Step.REVIVE,)
        wanted = next((line for step in steps for line in lines if line.step is step), None)
        if wanted is None or self._rules.shadow:
            return self._looked(subject, lines)
        return await self._write(subject, lines, wanted)

    def _looked(self, subject: str, lines: Sequence[PlanLine]) -> Done:
        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            clear_connection(connection, "cin7", now=now)
            _tell(connection, lines, now)

        if subject == APPLY:
            return Done(unit=unit)
        return Done(unit=unit, nudges=(nudge(WATCH, self._around.clock.now() + self._rules.webhooks),))

    async def _write(self, subject: str, lines: Sequence[PlanLine], line: PlanLine) -> Outcome:
        reviving = line.webhook if line.step is Step.REVIVE else None
        purpose = Purpose.CIN7_CREATE_WEBHOOK if reviving is None else Purpose.CIN7_REVIVE_WEBHOOK
        intent = Intent(purpose, lane=Lane.BACKFILL)
        try:
            await self._call(line, reviving, intent)
        except InDoubt as error:
            return self._unsettled(intent, "unknown", error.reason)
        except Rejected as error:
            detail = error.detail or error.reason
            return self._unsettled(
                intent,
                "refused",
                detail,
                tell=lambda connection, now: _tell(connection, lines, now, refused=f"{line.type}: {detail}"),
            )

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            _settle(connection, intent, "done")
            _tell(connection, lines, now)
            if reviving is not None:
                self._read_the_gap(connection, now)

        # Looked at once more: only the list says that it stands.
        points = (write_point(purpose, WritePhase.SETTLED),)
        return Done(unit=unit, nudges=(nudge(subject, self._around.clock.now()),), points=points)

    def _call(self, line: PlanLine, reviving: Webhook | None, intent: Intent) -> Awaitable[Webhook]:
        if reviving is None:
            return self._sales.create_webhook(line.type, line.url, intent)
        return self._sales.revive_webhook(reviving, intent)

    def _unsettled(self, intent: Intent, outcome: str, detail: str, *, tell: Unit | None = None) -> Later:
        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            _settle(connection, intent, outcome, detail)
            if tell is not None:
                tell(connection, now)

        points = (write_point(intent.purpose, WritePhase.SETTLED),)
        return Later(due_at=self._around.clock.now() + AGAIN, reason=detail, unit=unit, points=points)

    def _read_the_gap(self, connection: sqlite3.Connection, now: Instant) -> None:
        """What moved since the door was last heard from is read again."""
        row = next((door for door in doors.all_doors(connection) if door.name == DOOR), None)
        stored = cursors.get(connection, SALES)
        if row is None or stored is None or stored.mark is None:
            return
        heard = row.last_at if row.last_at is not None else row.opened_at
        cursors.set_mark(connection, SALES, min(stored.mark, heard), now=now)
        outbox.accept(connection, nudge(SALES, now), now=now)


def _settle(connection: sqlite3.Connection, intent: Intent, outcome: str, detail: str = "") -> None:
    if intent.call_id is not None:
        calls.settle(connection, intent.call_id, outcome, detail=detail)


def _tell(connection: sqlite3.Connection, lines: Sequence[PlanLine], now: Instant, *, refused: str = "") -> None:
    """Say which of ours were switched off, and which are not there; clear what is no more so."""
    for line in lines:
        record = Record(kind="webhook", id=line.type)
        if line.step is Step.REVIVE:
            finding = Finding(
                code="webhook_deactivated",
                cause=f"Webhook {line.type} was found switched off at {format_instant(now)}.",
                group="webhook_deactivated",
                facts={"type": line.type, "address": line.url},
            )
            exceptions.raise_finding(connection, record, finding, now=now)
        else:
            exceptions.clear(connection, record, resolution="it is active", now=now, types=("webhook_deactivated",))
    record = Record(kind="webhook", id="all")
    absent = [line for line in lines if line.step in (Step.CREATE, Step.FULL)]
    if not absent:
        exceptions.clear(connection, record, resolution="every one is there", now=now, types=("webhook_absent",))
        return
    finding = Finding(
        code="webhook_absent",
        cause=f"{len(absent)} of {len(lines)} webhooks are not there" + (f"; {refused}" if refused else "."),
        facts={
            "missing": ", ".join(line.type for line in absent),
            "full": ", ".join(line.type for line in absent if line.step is Step.FULL) or "none",
        },
    )
    exceptions.raise_finding(connection, record, finding, now=now)
