"""Brings `[owners]` and `[alerts]` down to what the desk runs on."""

from __future__ import annotations

from actors.desk.rules import AlertRules
from actors.domain.quiet import Hours, Window, minute_of
from actors.domain.time import parse_instant
from daemon.desk.channels import Lookup, channel_of, escalated_to, named, nobody
from daemon.settings import Settings
from daemon.settings_checks import OWNERS, split_bind

DAY_MS = 86_400_000


def alert_rules(settings: Settings, secret: Lookup = nobody) -> AlertRules:
    """Return who is told what, where and when. `secret` finds a channel's address; only its kind is kept."""
    chosen = settings.alerts
    owners = {owner: getattr(settings.owners, owner) for owner in OWNERS}
    return AlertRules(
        connection=settings.connection.name,
        thresholds=dict(chosen.thresholds),
        channels={owner: tuple(channel_of(text, secret) for text in named(settings, owner)) for owner in OWNERS},
        names={owner: found.name for owner, found in owners.items() if found is not None},
        escalate_to=tuple(channel_of(text, secret) for text in escalated_to(settings)),
        escalate_after=chosen.escalate_after_minutes * 60_000,
        quiet=_hours(chosen.quiet_hours) if chosen.quiet_hours else None,
        windows=tuple(_window(text) for text in chosen.maintenance),
        digest_at=minute_of(chosen.digest_at) if chosen.digest_at else None,
        time_zone=settings.connection.time_zone or "",
        base=console_url(settings),
        retain=settings.storage.retain_days * DAY_MS,
    )


def console_url(settings: Settings) -> str:
    """Return where people reach the console, without a slash at its end."""
    if settings.operator.public_url:
        return settings.operator.public_url.rstrip("/")
    host, port = split_bind(settings.operator.bind) or ("127.0.0.1", 8710)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _hours(text: str) -> Hours:
    start, _, end = text.partition("-")
    return Hours(start=minute_of(start), end=minute_of(end))


def _window(text: str) -> Window:
    start, _, end = text.partition("/")
    return Window(starts_at=parse_instant(start), ends_at=parse_instant(end))
