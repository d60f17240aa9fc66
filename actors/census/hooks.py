"""Looks after Cin7 Core's webhooks: one of ours for every needed type, and switched on.

Cin7 switches a webhook off after six failed deliveries and tells nobody (fact sheet §8). One remote write a message;
the list is read again before each, so one whose answer was lost is found and not made twice. What the list goes on
showing otherwise than it was written is written once an hour, no oftener, and told.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence

from actors.census.ports import SalesList
from actors.census.rules import CensusRules
from actors.census.sweeping import SALES, nudge
from actors.core.actor import Done, Later, Outcome, Surroundings, clear_connection
from actors.domain.calls import Lane, Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import InDoubt, Rejected, WireError
from actors.domain.exception_types import Finding
from actors.domain.time import Instant, format_instant
from actors.domain.webhook import PlanLine, Step, plan
from actors.governor.journal import Intent
from storage import calls, census, cursors, doors, exceptions, outbox
from storage.exceptions import Record

WATCH = "webhooks"
APPLY = "webhooks:apply"
DOOR = "cin7"

WRITES = frozenset({Purpose.CIN7_CREATE_WEBHOOK, Purpose.CIN7_REVIVE_WEBHOOK})

ALL = Record(kind="webhook", id="all")
"""What is not there is told once, of all of them."""


class HookKeeper:
    """Plans from the list, and writes one thing at a time."""

    def __init__(self, surroundings: Surroundings, *, sales: SalesList, rules: CensusRules) -> None:
        self._around = surroundings
        self._sales = sales
        self._rules = rules
        #: What Cin7 refused to write, by type, and its words: not asked again before the next look of the hour.
        self._refused: dict[str, str] = {}
        #: When this process wrote what, by type, until the list shows it.
        self._written: dict[str, Instant] = {}

    async def keep(self, subject: str) -> Outcome:
        """Watch: revive what was switched off, tell what is missing. Apply: make what is missing, too."""
        if not self._rules.public_url:
            return Done(unit=_forget)
        free_at = await self._free_at() if subject == APPLY else None
        if free_at is not None:
            return Later(due_at=free_at, reason="one that was asked for may still be made")
        lines = plan(await self._sales.webhooks(), self._rules.public_url)
        for line in lines:
            if line.step is Step.KEEP:
                self._written.pop(line.type, None)
        wanted = self._wanted(subject, lines)
        if wanted is None:
            return self._looked(subject, lines)
        return await self._write(subject, lines, wanted)

    async def _free_at(self) -> Instant | None:
        """Return when the last webhook whose answer was lost is certainly made or never (None: it is).

        Until then the list proves nothing, whoever asks and however often tallyd was started since.
        """
        while_open = self._rules.timeout + self._rules.quiet
        since = self._around.clock.now() - while_open
        sent_at = await self._around.database.read(lambda c: census.last_webhook_in_doubt(c, since=since))
        return None if sent_at is None else sent_at + while_open

    def _wanted(self, subject: str, lines: Sequence[PlanLine]) -> PlanLine | None:
        """Choose what is written next; nothing in shadow mode, nothing just refused, nothing twice within the hour."""
        if self._rules.shadow:
            return None
        steps = (Step.REVIVE, Step.CREATE) if subject == APPLY else (Step.REVIVE,)
        now = self._around.clock.now()
        open_lines = [line for line in lines if line.type not in self._refused and self._may_write(line, now)]
        return next((line for step in steps for line in open_lines if line.step is step), None)

    def _may_write(self, line: PlanLine, now: Instant) -> bool:
        written = self._written.get(line.type)
        return written is None or not 0 <= now - written < self._rules.webhooks

    def _looked(self, subject: str, lines: Sequence[PlanLine]) -> Done:
        """Nothing (more) to write: tell what stands, and come again in an hour."""
        refused, self._refused = self._refused, {}

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            clear_connection(connection, "cin7", now=now)
            self._tell(connection, lines, refused, self._written, now)

        if subject == APPLY:
            return Done(unit=unit)
        return Done(unit=unit, nudges=(nudge(WATCH, self._around.clock.now() + self._rules.webhooks),))

    async def _write(self, subject: str, lines: Sequence[PlanLine], line: PlanLine) -> Outcome:
        now = self._around.clock.now()
        purpose = Purpose.CIN7_REVIVE_WEBHOOK if line.step is Step.REVIVE else Purpose.CIN7_CREATE_WEBHOOK
        intent, outcome, detail, due_at = Intent(purpose, lane=Lane.BACKFILL), "done", "", now
        before = dict(self._written)
        try:
            await self._send(line, intent)
        except InDoubt as error:
            # It may still take effect: asked for again before that, there would be two.
            outcome, detail, due_at = "unknown", error.reason, max(now, error.until) + self._rules.quiet
        except Rejected as error:
            outcome, detail = "refused", error.detail or error.reason
            self._refused[line.type] = detail
        except WireError as error:
            error.call_id = intent.call_id
            raise
        if outcome == "done":
            self._written[line.type] = self._around.clock.now()

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            calls.settle(connection, intent.call_id, outcome, detail=detail)
            self._tell(connection, lines, self._refused, before, at)

        # Looked at once more: only the list says that it stands.
        points = (write_point(purpose, WritePhase.SETTLED),)
        return Done(unit=unit, nudges=(nudge(subject, due_at),), points=points)

    async def _send(self, line: PlanLine, intent: Intent) -> None:
        if line.webhook is not None and line.step is Step.REVIVE:
            await self._sales.revive_webhook(line.webhook, intent)
        else:
            await self._sales.create_webhook(line.type, line.url, intent)

    # -- what is told -------------------------------------------------------------------------------------------------

    def _tell(
        self,
        connection: sqlite3.Connection,
        lines: Sequence[PlanLine],
        refused: Mapping[str, str],
        written: Mapping[str, Instant],
        now: Instant,
    ) -> None:
        """Say which of ours were switched off, and which are not there; clear what is no more so."""
        back = 0
        for line in lines:
            record = Record(kind="webhook", id=line.type)
            if line.step is Step.REVIVE:
                off = _off(line, refused.get(line.type, ""), written.get(line.type), now)
                exceptions.raise_finding(connection, record, off, now=now)
                continue
            types = ("webhook_deactivated",)
            back += exceptions.clear(connection, record, resolution="it is active", now=now, types=types)
        if back:
            self._read_the_gap(connection, now)
        absent = [line for line in lines if line.step in (Step.CREATE, Step.FULL)]
        if absent:
            exceptions.raise_finding(connection, ALL, _absent(absent, len(lines), refused, written), now=now)
        else:
            exceptions.clear(connection, ALL, resolution="every one is there", now=now, types=("webhook_absent",))

    def _read_the_gap(self, connection: sqlite3.Connection, now: Instant) -> None:
        """What moved since the door was last heard from is read again."""
        door = next((door for door in doors.all_doors(connection) if door.name == DOOR), None)
        if door is None:
            return
        heard_at = door.last_at if door.last_at is not None else door.opened_at
        cursors.rewind(connection, SALES, heard_at - self._rules.overlap, now=now)
        outbox.accept(connection, nudge(SALES, now), now=now)


def _forget(connection: sqlite3.Connection, now: Instant) -> None:
    """Webhooks are none of our business (any more)."""
    for kind in ("webhook_deactivated", "webhook_absent"):
        for name in census.open_records(connection, "webhook", kind):
            record = Record(kind="webhook", id=name)
            exceptions.clear(connection, record, resolution="webhooks are not configured", now=now)


def _off(line: PlanLine, refused: str, written: Instant | None, now: Instant) -> Finding:
    """Say that one of ours brings nothing: it is switched off, or sends a token that is not ours and is refused."""
    off = line.webhook is None or not line.webhook.active
    what = "switched off" if off else "to send another token than ours"
    facts = {"type": line.type, "address": line.url}
    asked = (
        f" It was written at {format_instant(written)}, and Cin7 Core lists it so still." if written is not None else ""
    )
    return Finding(
        code="webhook_deactivated",
        cause=f"Webhook {line.type} was found {what} at {format_instant(now)}.{asked}",
        group="webhook_deactivated",
        facts=facts | {"Cin7 Core answered": refused} if refused else facts,
    )


def _absent(
    absent: Sequence[PlanLine], needed: int, refused: Mapping[str, str], written: Mapping[str, Instant]
) -> Finding:
    said = [f"{len(absent)} of {needed} webhooks are not there"]
    words = "; ".join(f"{line.type}: {refused[line.type]}" for line in absent if line.type in refused)
    if words:
        said.append(f"Cin7 Core refused {words}")
    asked = [line.type for line in absent if line.type in written]
    if asked:
        said.append(f"Asked for, and not listed at our address: {', '.join(asked)}")
    return Finding(
        code="webhook_absent",
        cause=". ".join(said) + ("" if words and not asked else "."),
        facts={
            "missing": ", ".join(line.type for line in absent),
            "full": ", ".join(line.type for line in absent if line.step is Step.FULL) or "none",
        },
    )
