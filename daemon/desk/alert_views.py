"""Alerts, digests and maintenance windows as people and machines read them, from the file."""

from __future__ import annotations

import sqlite3
from typing import Any

from actors.desk.digesting import digest_of
from actors.desk.rules import AlertRules
from actors.desk.telling import zone_of
from actors.domain.alerting import THRESHOLDS, Limits, Measures, readings
from actors.domain.quiet import quiet_until
from actors.domain.spreadsheet import table
from actors.domain.time import Instant, format_instant
from adapters.operator.alert_api import AlertListQuery
from daemon.desk.cursors import onwards, place_of, token
from daemon.instants import text_of
from daemon.settings import Settings
from daemon.settings_checks import OWNERS
from storage import alerts, maintenance, notices
from storage.alerts import AlertFilter
from storage.maintenance import Maintenance
from storage.notices import Notice

Document = dict[str, Any]


COLUMNS = (
    *("id", "rule", "owner", "subject", "severity", "title", "text", "count"),
    *("raised_at", "told_at", "escalated_at", "ended_at", "told"),
)
"""The columns of the list as a file."""


def alert_page(connection: sqlite3.Connection, rules: AlertRules, query: AlertListQuery) -> Document:
    """Return a page of alerts, each with what was sent of it. Raises `ProblemError` 400, `after` is no `next`."""
    where = AlertFilter(state=query.state, owner=query.owner, rule=query.rule, severity=query.severity, text=query.text)
    page, last, total = alerts.page(
        connection,
        where,
        sort=query.sort,
        descending=query.descending,
        after=place_of(query.after),
        limit=query.limit,
    )
    sent = notices.of_alerts(connection, [alert.id for alert in page])
    items = [
        {
            "id": alert.id,
            "rule": alert.rule,
            "owner": alert.owner,
            "subject": alert.subject,
            "severity": alert.severity,
            "title": alert.title,
            "text": alert.text,
            "link": alert.link,
            "count": alert.count,
            "raised_at": format_instant(alert.raised_at),
            "told_at": text_of(alert.told_at),
            "escalated_at": text_of(alert.escalated_at),
            "ended_at": text_of(alert.ended_at),
            "notices": [_notice(notice, rules) for notice in sent[alert.id]],
        }
        for alert in page
    ]
    return {"items": items, "next": token(last), "total": total}


def alert_table(connection: sqlite3.Connection, rules: AlertRules, query: AlertListQuery) -> tuple[str, str | None]:
    """Return the same page as CSV, with the names of the columns on the first one, and where to go on."""
    page = alert_page(connection, rules, query)
    told = ({**item, "told": _in_a_cell(item["notices"])} for item in page["items"])
    rows = ({name: row[name] for name in COLUMNS} for row in told)
    return table(COLUMNS, rows, head=not query.after), onwards(page["next"])


def _in_a_cell(sent: list[Document]) -> str:
    return "; ".join(f"{one['kind']} {one['channel']}: {one['state']}" for one in sent)


def _notice(notice: Notice, rules: AlertRules) -> Document:
    channel = rules.all_channels().get(notice.channel)
    return {
        "kind": notice.kind,
        "owner": notice.owner,
        "channel": channel.scheme if channel is not None else notice.channel.partition(":")[0],
        "state": notice.state,
        "sent_at": text_of(notice.sent_at),
        "error": notice.error,
    }


def rule_page(connection: sqlite3.Connection, settings: Settings, rules: AlertRules, measures: Measures) -> Document:
    """Return every threshold with what it is held against now, and who is told how."""
    limits = Limits(rules.thresholds)
    zone = zone_of(connection, rules)
    items = [
        {
            "rule": reading.rule,
            "meaning": THRESHOLDS[reading.rule].meaning,
            "threshold": limits[reading.rule],
            "unit": THRESHOLDS[reading.rule].unit,
            "owner": reading.owner,
            "now": round(reading.figure, 1),
            "over": limits.over(reading.rule, reading.figure),
        }
        for reading in readings(measures)
    ]
    channels = [
        {
            "owner": owner,
            "name": rules.names.get(owner, owner),
            "schemes": [channel.scheme for channel in rules.of_owner(owner)],
        }
        for owner in OWNERS
    ]
    return {
        "items": items,
        "channels": channels,
        "escalate_to": [channel.scheme for channel in rules.escalate_to],
        "escalate_after_minutes": settings.alerts.escalate_after_minutes,
        "quiet_hours": settings.alerts.quiet_hours,
        "quiet_now": quiet_until(rules.quiet, now=measures.now, zone=zone) is not None,
        "digest_at": settings.alerts.digest_at,
    }


def digest_page(connection: sqlite3.Connection, rules: AlertRules, owner: str, *, now: Instant) -> Document:
    """Return an owner's digest as it would be sent now."""
    found = digest_of(connection, rules, owner, now=now)
    items = [
        {
            "group": incident.group,
            "type": incident.type,
            "severity": incident.severity.value,
            "count": incident.total,
            "snoozed": incident.total - incident.awake,
            "oldest_at": format_instant(incident.opened_at),
            "due_at": text_of(incident.due_at),
            "cause": cause,
        }
        for incident, cause in found.causes
    ]
    return {"owner": owner, "title": found.title, "text": found.text, "items": items}


def maintenance_page(connection: sqlite3.Connection, *, now: Instant) -> Document:
    """Return the window that is on, and the newest."""
    on = maintenance.current(connection, now=now)
    return {
        "now": None if on is None else _window(on),
        "items": [_window(row) for row in maintenance.listing(connection)],
    }


def _window(row: Maintenance) -> Document:
    return {
        "id": row.id,
        "starts_at": format_instant(row.starts_at),
        "ends_at": format_instant(row.ends_at),
        "author": row.author,
        "reason": row.reason,
        "source": row.source,
        "ended_at": text_of(row.ended_at),
    }
