"""The channels of a configuration: by which key each goes, and what of it may be shown."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from actors.desk.rules import Channel
from daemon.secrets import CREDENTIAL_PREFIX
from daemon.settings import Settings
from daemon.settings_checks import OWNERS

_KIND = re.compile(r"([A-Za-z][A-Za-z0-9]{0,30})://")

Lookup = Callable[[str], str | None]
"""Finds a secret by its name."""

KEEP_INCIDENTS = frozenset({"pagerduty", "opsgenie"})

HOSTS = {
    "slack": "hooks.slack.com",
    "pagerduty": "events.pagerduty.com",
    "opsgenie": "api.opsgenie.com",
    "discord": "discord.com",
    "tgram": "api.telegram.org",
}
"""Where kinds of channels lead whose address names no host."""

_NAME_A_HOST = frozenset(
    {"apprise", "form", "gotify", "hassio", "irc", "json", "mailto", "matrix", "mmost", "nctalk", "ncloud", "ntfy"}
    | {"rocket", "rsyslog", "signal", "synology", "workflow", "xml"}
)
"""Kinds whose address names a host (an s at its end: by TLS). Of others what stands there may be a token with dots."""


def nobody(_name: str) -> str | None:
    """Know no secret."""
    return None


def named(settings: Settings, owner: str) -> tuple[str, ...]:
    """Return an owner's channels as the file writes them."""
    found = getattr(settings.owners, owner)
    return () if found is None else tuple(found.channels)


def escalated_to(settings: Settings) -> tuple[str, ...]:
    """Return the channels escalations go to, as the file writes them."""
    return tuple(
        dict.fromkeys(
            channel
            for text in settings.alerts.escalate_to
            for channel in (named(settings, text) if text in OWNERS else (text,))
        )
    )


def every(settings: Settings) -> tuple[str, ...]:
    """Return every channel of the file, once."""
    everywhere = [channel for owner in OWNERS for channel in named(settings, owner)]
    return tuple(dict.fromkeys((*everywhere, *escalated_to(settings))))


def key_of(text: str) -> str:
    """Return what a channel is called on disk: its credential's name, or its kind and a digest of its address."""
    if text.startswith(CREDENTIAL_PREFIX):
        return text
    return f"{_scheme(text)}:{hashlib.sha256(text.encode()).hexdigest()[:10]}"


def url_of(text: str, secret: Lookup) -> str:
    """Return a channel's address; "" where its credential is not there."""
    if not text.startswith(CREDENTIAL_PREFIX):
        return text
    return secret(text.removeprefix(CREDENTIAL_PREFIX)) or ""


def channel_of(text: str, secret: Lookup) -> Channel:
    """Return a channel as the desk knows it."""
    scheme = _scheme(url_of(text, secret)) or "credential"
    return Channel(key=key_of(text), scheme=scheme, apart=scheme in KEEP_INCIDENTS)


def addresses(settings: Settings, secret: Lookup) -> dict[str, str]:
    """Return the addresses by key: secrets among them."""
    return {key_of(text): url_of(text, secret) for text in every(settings)}


def hosts(settings: Settings, secret: Lookup) -> Iterator[tuple[str, str]]:
    """Yield the host each channel leads to, and why; of one whose host cannot be told, its kind."""
    for text in every(settings):
        url = url_of(text, secret)
        scheme = _scheme(url) or "credential"
        host = _host(url) if scheme.removesuffix("s") in _NAME_A_HOST else ""
        yield HOSTS.get(scheme) or host or f"{scheme}: channel of an owner", f"alerts by {scheme}"


def _scheme(url: str) -> str:
    """Return the kind of an address; "" where there is none: a bare token given as a secret is shown to nobody."""
    found = _KIND.match(url)
    return found.group(1).lower() if found is not None else ""


def _host(url: str) -> str:
    """Return a host that looks like one."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return ""
    return host if "." in host or host == "localhost" else ""
