"""Alerts, digests and maintenance windows as people and machines read them, from the file."""

from __future__ import annotations

import sqlite3
from typing import Any

from actors.desk.digesting import digest_of
from actors.desk.rules import AlertRules
from actors.desk.telling import zone_of
from actors.domain.alerting import THRESHOLDS, Limits, Measures, readings
from actors.domain.quiet import quiet_until
from actors.domain.time import Instant, format_instant
from daemon.instants import text_of
from daemon.settings import Settings
from daemon.settings_checks import OWNERS
from storage import alerts, maintenance, notices
from storage.maintenance import Maintenance
from storage.notices import Notice

Document = dict[str, Any]


def alert_page(connection: sqlite3.Connection, rules: AlertRules, *, state: str, after: int, limit: int) -> Document:
    """Return a page of alerts, the newest first, each with what was sent of it."""
    found = alerts.listing(connection, state=state, after=after, limit=limit + 1)
    page = found[:limit]
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
    return {"items": items, "next": page[-1].id if len(found) > limit else None}


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
