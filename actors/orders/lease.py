"""Keeps the lease: one daemon per connection writes, whatever was started by mistake (law L2)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from actors.core.actor import Surroundings
from actors.core.unleased import NO_LEASE
from actors.domain.calls import Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import Conflict, InDoubt, Unauthorised, WireError
from actors.domain.exception_types import Finding
from actors.domain.lease import Claim, LeaseView, decide, view_of
from actors.domain.time import Instant
from actors.governor.journal import Intent
from actors.orders.ports import LeaseBook
from storage import calls, exceptions, meta, outbox

CONTAINER = "tallyd"
RENEW_SECONDS = 20.0
LEASE_SECONDS = 90.0
"""A lease nobody renewed for so long may be taken. Its holder stops writing before that (see `VALID_SECONDS`)."""

VALID_SECONDS = 60.0
"""How long after a renewal its holder may begin a write."""

FAILURES_TOLD = 3
"""So many failed renewals in a row before a person is told."""

TYPES = ("second_daemon", "commercetools_unauthorised", "commercetools_unreachable")

_BEAT = "lease_beat"


class LeaseKeeper:
    """Renews the lease until closed; `held` says whether a write may begin now."""

    def __init__(
        self, around: Surroundings, book: LeaseBook, *, connection_name: str, on_reborn: Callable[[], None]
    ) -> None:
        self._around = around
        self._on_reborn = on_reborn
        self._failures = 0
        self._book = book
        self._key = connection_name
        self._renewed: float | None = None
        self._seen: LeaseView | None = None
        self._seen_since = 0.0
        self._told = False
        self.beats = 0

    @property
    def held(self) -> bool:
        """True while the last renewal is young enough."""
        return self._renewed is not None and self._around.clock.monotonic() - self._renewed < VALID_SECONDS

    async def run(self) -> None:
        """Renew for ever."""
        while True:
            await self.renew()
            self.beats += 1
            await self._around.clock.sleep(RENEW_SECONDS if self.held else RENEW_SECONDS / 4)

    async def renew(self) -> None:
        """Read the lease, and take or renew it where that is right."""
        began = self._around.clock.monotonic()
        try:
            stored = await self._book.read_lease(CONTAINER, self._key)
        except WireError as error:
            await self._failed(error)
            return
        held = view_of(stored) if stored is not None else None
        own = await self._around.database.read(_own)
        self._watch(held, began)
        claim = decide(held, own=own, unchanged_seconds=began - self._seen_since, lease_seconds=LEASE_SECONDS)
        if claim is Claim.WAIT:
            await self._tell(held)
            return
        beat = max(own.beat, held.beat if held is not None else 0) + 1
        # What another instance sent, or the newer file of ours, is not in this file: older orders are looked for first.
        takes_over = held is not None and (claim is Claim.TAKE_REBORN or held.instance != own.instance)
        written = await self._write(own, beat, stored.version if stored is not None else None, takes_over=takes_over)
        if written and takes_over:
            # What the other one sent in the last minute is not in our log.
            self._on_reborn()
        if written and stored is None:
            # A create is an upsert: of two that create at once the later one stays. Only a renewal by version counts.
            await self.renew()
            return
        if written:
            gained = not self.held
            self._renewed, self._failures = began, 0
            await self._untell(gained=gained)

    async def _failed(self, error: WireError) -> None:
        """Without the lease nothing is written: after a few failures that is an exception of its own."""
        self._failures += 1
        self._around.log("lease.failed", level="warning", reason=error.reason, operation=error.operation)
        if self._failures < FAILURES_TOLD:
            return
        kind = "commercetools_unauthorised" if isinstance(error, Unauthorised) else "commercetools_unreachable"
        finding = Finding(
            code=kind,
            cause=f"The lease in commercetools cannot be renewed ({error.reason}): nothing is written until it can.",
            field=error.operation,
            facts={"operation": error.operation, "status": str(error.status or ""), "detail": error.detail},
        )
        await self._around.database.run(
            lambda connection: exceptions.raise_finding(
                connection, self._record(), finding, now=self._around.clock.now()
            )
        )
        self._told = True

    def _watch(self, held: LeaseView | None, now: float) -> None:
        if held != self._seen:
            self._seen, self._seen_since = held, now

    async def _write(self, own: LeaseView, beat: int, version: int | None, *, takes_over: bool) -> bool:
        """Write our beat into the file, then into the lease: the file is never behind what we wrote outside.

        Nor ahead of it, once a conflict tells that ours was not written: a copy of this file may hold the same name,
        and its beat must stay one that this file does not know.
        """
        intent = Intent(Purpose.CT_WRITE_LEASE)

        def before(connection: sqlite3.Connection) -> None:
            if takes_over:
                meta.reborn(connection, now=self._around.clock.now())
            meta.set_counter(connection, _BEAT, beat)

        await self._around.database.run(before)
        outcome, detail = "done", ""
        failure: WireError | None = None
        try:
            await self._book.write_lease(
                CONTAINER, self._key, {"instance": own.instance, "beat": beat}, version, intent
            )
        except Conflict as error:
            outcome, detail = "refused", error.reason
        except InDoubt as error:
            outcome, detail, failure = "unknown", error.reason, error
        except WireError as error:
            outcome, detail, failure = "refused", error.reason, error

        def after(connection: sqlite3.Connection) -> None:
            calls.settle(connection, intent.call_id, outcome, detail=detail)
            if outcome == "refused":
                meta.set_counter(connection, _BEAT, own.beat)

        await self._around.database.run(after)
        self._around.probe(write_point(intent.purpose, WritePhase.SETTLED))
        if failure is not None:
            await self._failed(failure)
        return outcome == "done"

    async def _tell(self, held: LeaseView | None) -> None:
        if self.held:
            # Somebody renews it although ours is young: only a copy of our file can. Stop writing at once.
            self._renewed = None
        finding = Finding(
            code="second_daemon",
            cause=f"Another tallyd ({held.instance if held else '?'}) serves connection {self._key}: this one writes"
            " nothing.",
            facts={"holder": held.instance if held else "", "beat": str(held.beat if held else "")},
        )
        await self._around.database.run(
            lambda connection: exceptions.raise_finding(
                connection, self._record(), finding, now=self._around.clock.now()
            )
        )
        self._told = True

    async def _untell(self, *, gained: bool) -> None:
        def unit(connection: sqlite3.Connection) -> None:
            now: Instant = self._around.clock.now()
            if gained:
                outbox.bring_forward(connection, NO_LEASE, now=now)
            if exceptions.clear(connection, self._record(), resolution="the lease is ours", now=now, types=TYPES):
                outbox.hurry(connection, now=now)

        await self._around.database.run(unit)
        if gained or self._told:
            self._told = False
            self._around.bell.ring()

    def _record(self) -> exceptions.Record:
        return exceptions.Record(kind="connection", id="lease")


def _own(connection: sqlite3.Connection) -> LeaseView:
    return LeaseView(instance=meta.instance(connection), beat=meta.counter(connection, _BEAT))
