"""Behind the API of alerts, digests and maintenance windows."""

from __future__ import annotations

import re
import sqlite3

import anyio
import msgspec

from actors.desk.actor import DeskActor
from actors.desk.alerting import AlertWorker, Beat, measured, next_look
from actors.desk.messaging import notice_nudge
from actors.desk.noticing import NoticeWorker, answered
from actors.desk.rules import AlertRules
from actors.domain.outgoing import Tone, UndeliveredError
from actors.domain.time import Instant, format_instant, parse_instant
from actors.messages import Flow
from adapters.operator.access import Person, require
from adapters.operator.alert_api import ALERT_ROLES, AlertListQuery, Document
from adapters.operator.parameters import MOST_ROWS
from adapters.operator.problems import ProblemError
from daemon.desk.alert_rules import alert_rules
from daemon.desk.alert_views import alert_page, alert_table, digest_page, maintenance_page, rule_page
from daemon.running import Running
from storage import audit, maintenance, outbox

LONGEST_DAYS = 7
"""A maintenance that lasts longer was forgotten."""

_UNITS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}
_SPAN = re.compile(r"(\d{1,5})([mhd])")


class AlertDesk:
    """Implements `AlertReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app
        self._alone = alert_rules(app.settings)

    async def alerts(self, query: AlertListQuery) -> Document:
        """See `AlertReading`."""
        return await self._app.engine.database.read(lambda connection: alert_page(connection, self._rules, query))

    async def alerts_csv(self, query: AlertListQuery, *, after: str) -> tuple[str, str | None]:
        """See `AlertReading`."""
        part = msgspec.structs.replace(query, after=after, limit=MOST_ROWS)
        return await self._app.engine.database.read(lambda connection: alert_table(connection, self._rules, part))

    async def rules(self) -> Document:
        """See `AlertReading`."""
        now, judging = self._now, self._judging
        beat = Beat() if judging is None else judging.beat()
        return await self._app.engine.database.read(
            lambda connection: rule_page(
                connection, self._app.settings, self._rules, measured(connection, beat, now=now)
            )
        )

    async def maintenance(self) -> Document:
        """See `AlertReading`."""
        return await self._app.engine.database.read(lambda connection: maintenance_page(connection, now=self._now))

    async def start_maintenance(self, person: Person, *, until: str, reason: str) -> Document:
        """See `AlertReading`."""
        require(person, ALERT_ROLES)
        now = self._now
        ends_at = until_of(until, now=now)
        if not reason:
            raise ProblemError(400, "A reason is needed.")

        def unit(connection: sqlite3.Connection) -> None:
            on = maintenance.current(connection, now=now)
            if on is not None:
                raise ProblemError(409, f"There is one until {format_instant(on.ends_at)}: end it first.")
            window = maintenance.start(connection, author=person.name, reason=reason, now=now, ends_at=ends_at)
            audit.write(
                connection,
                author=person.name,
                action="start-maintenance",
                record=f"maintenance:{window}",
                now=now,
                reason=reason,
                until=format_instant(ends_at),
            )

        await self._app.engine.database.run(unit)
        self._app.engine.bell.ring()
        message = f"Alerts are kept and none is sent until {format_instant(ends_at)}; everything else goes on."
        return {"done": True, "message": message}

    async def end_maintenance(self, person: Person, *, reason: str) -> Document:
        """See `AlertReading`."""
        require(person, ALERT_ROLES)
        now, channels = self._now, self._rules.all_channels()

        def unit(connection: sqlite3.Connection) -> bool:
            on = [row for row in maintenance.unended(connection) if row.starts_at <= now]
            for row in on:
                maintenance.end(connection, row.id, now=now)
                audit.write(
                    connection,
                    author=person.name,
                    action="end-maintenance",
                    record=f"maintenance:{row.id}",
                    now=now,
                    reason=reason,
                )
            for channel in channels if on else ():
                outbox.accept(connection, notice_nudge(channel, due_at=now), now=now)
            outbox.accept(connection, next_look(now), now=now)
            return bool(on)

        ended = await self._app.engine.database.run(unit)
        self._app.engine.bell.ring()
        message = "The maintenance is over; each owner gets a report." if ended else "There is none."
        return {"done": ended, "message": message}

    async def try_channels(self, owner: str, person: Person) -> Document:
        """See `AlertReading`."""
        require(person, {*ALERT_ROLES, owner})
        sender = self._sender
        items = [] if sender is None else await self._try_all(sender, owner, person)
        await self._app.engine.database.run(
            lambda connection: audit.write(
                connection, author=person.name, action="try-channels", record=f"owner:{owner}", now=self._now
            )
        )
        return {"items": items}

    async def digest(self, owner: str) -> Document:
        """See `AlertReading`."""
        return await self._app.engine.database.read(
            lambda connection: digest_page(connection, self._rules, owner, now=self._now)
        )

    async def _try_all(self, sender: NoticeWorker, owner: str, person: Person) -> list[dict[str, object]]:
        """Try an owner's channels side by side: one that hangs keeps nobody waiting for the others too."""
        channels, errors = self._rules.of_owner(owner), dict[str, str]()

        async def try_one(key: str) -> None:
            errors[key] = await self._try(sender, key, owner, person)

        async with anyio.create_task_group() as tries:
            for channel in channels:
                tries.start_soon(try_one, channel.key)
        return [
            {"channel": channel.scheme, "sent": not errors[channel.key], "error": errors[channel.key]}
            for channel in channels
        ]

    async def _try(self, sender: NoticeWorker, channel: str, owner: str, person: Person) -> str:
        """Send a test message; return why it did not go out. One that does proves that the channel works."""
        title = f"[{self._rules.connection}] test of {owner}'s channels"
        body = (
            f"{person.name or 'Somebody'} asked for this message. Nothing has to be done.\n\n{self._rules.base}/alerts"
        )
        try:
            await sender.messenger.send(channel, title=title, body=body, tone=Tone.INFO)
        except UndeliveredError as error:
            return error.reason
        await self._app.engine.database.run(lambda connection: answered(connection, channel, now=self._now))
        return ""

    @property
    def _now(self) -> Instant:
        return self._app.engine.clock.now()

    @property
    def _rules(self) -> AlertRules:
        judging = self._judging
        return self._alone if judging is None else judging.rules

    @property
    def _judging(self) -> AlertWorker | None:
        worker = self._desk.worker("alerts")
        return worker if isinstance(worker, AlertWorker) else None

    @property
    def _sender(self) -> NoticeWorker | None:
        worker = self._desk.worker("notice")
        return worker if isinstance(worker, NoticeWorker) else None

    @property
    def _desk(self) -> DeskActor:
        actor = self._app.engine.actors[Flow.DESK]
        if not isinstance(actor, DeskActor):
            raise TypeError("the desk's flow has another actor")
        return actor


def until_of(text: str, *, now: Instant) -> Instant:
    """Read until when: an instant, or so long from now (`30m`, `2h`, `1d`).

    Raises:
        ProblemError: 400, it is neither, it is over, or too long.
    """
    span = _SPAN.fullmatch(text.strip())
    try:
        until = now + int(span.group(1)) * _UNITS[span.group(2)] if span else parse_instant(text)
    except (ValueError, OverflowError):
        raise ProblemError(400, "until must be an instant (RFC 3339), or so long from now: 30m, 2h, 1d.") from None
    if not now < until <= now + LONGEST_DAYS * _UNITS["d"]:
        raise ProblemError(400, f"until must be later than now, by {LONGEST_DAYS} days at most.")
    return until
