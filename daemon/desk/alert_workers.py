"""The workers of alerts, messages and digests, between the running engine and the file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import anyio.to_thread

from actors.desk.alerting import AlertWorker
from actors.desk.digesting import DigestWorker
from actors.desk.noticing import NoticeWorker
from actors.desk.ports import Worker
from actors.domain.digest import Month
from actors.domain.time import Instant
from adapters.notifying.messenger import ChannelMessenger
from adapters.operator.problems import ProblemError
from daemon.desk.alert_rules import alert_rules
from daemon.desk.channels import addresses
from daemon.engine import Engine
from daemon.report_views import period_report
from daemon.secrets import Secrets
from daemon.settings import Settings
from storage.database import connect


def alert_workers(engine: Engine, settings: Settings, secrets: Secrets) -> list[Worker]:
    """Return them; without owners nothing is sent, and alerts are kept all the same."""
    rules = alert_rules(settings, secrets.get)
    around = engine.around
    return [
        AlertWorker(around, rules, EnginePulse(engine)),
        NoticeWorker(around, rules, ChannelMessenger(addresses(settings, secrets.get))),
        DigestWorker(around, rules, month_figures(settings, engine.clock.now)),
    ]


class EnginePulse:
    """What of the running engine alerts are judged by."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._begun = engine.clock.now()

    def minutes_to_drain(self) -> float:
        """See `actors.desk.messaging.Pulse`."""
        return self._engine.governor.snapshot().minutes_to_drain

    def working_since(self) -> Mapping[str, Instant]:
        """See `actors.desk.messaging.Pulse`; a flow a person paused may rest, one that was stopped is an exception."""
        engine = self._engine
        resting = engine.dispatcher.paused | engine.dispatcher.stopped
        return {
            flow.value: actor.last_success_at or self._begun
            for flow, actor in engine.actors.items()
            if flow not in resting
        }


def month_figures(settings: Settings, now: Callable[[], Instant]) -> Any:
    """Return what reads a month's figures: a whole month takes a moment, so on a connection and a thread of its own."""

    def read(name: str) -> Month | None:
        with closing(connect(settings.database_path, read_only=True)) as connection:
            try:
                return month_of(connection, name, time_zone=settings.connection.time_zone or "", now=now())
            except ProblemError:  # the books' time zone is not known yet: a later day tells
                return None

    async def figures(name: str) -> Month | None:
        return await anyio.to_thread.run_sync(read, name)

    return figures


def month_of(connection: sqlite3.Connection, name: str, *, time_zone: str, now: Instant) -> Month:
    """Read what finance is told of a month.

    Raises:
        ProblemError: the books' time zone is not known yet.
    """
    report = period_report(connection, "month", name, counted_to="", time_zone=time_zone, now=now)["report"]
    orders = report["orders"]
    return Month(
        name=name,
        provisional=report["provisional"],
        unexplained={
            f"{chain['chain']} {chain['currency']}": str(chain["tie"]["unexplained"]["gross"])
            for chain in report["chains"]
        },
        open_exceptions=len(report["exceptions"]),
        without_documents=len(report["without_documents"]),
        held=orders["differing"],
        not_posted=orders["waiting"],
        unexplained_orders=sum(chain["unexplained_orders"] for chain in report["chains"]),
    )
