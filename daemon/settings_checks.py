"""What a single value must be beyond its type. Each check returns None, or what is wrong and how to mend it.

An empty mend means: show the key's example. Values are shown as the file writes them, but never one that holds a
password.
"""

from __future__ import annotations

import difflib
import ipaddress
import math
import re
import zoneinfo
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlsplit

from daemon.settings_reader import shown

Fault = tuple[str, str]

OWNERS = ("ops", "finance", "ecommerce", "it")

OPEN_CHANNELS = frozenset(
    {"mailto", "mailtos", "json", "jsons", "xml", "xmls", "form", "forms", "ntfy", "ntfys", "syslog"}
)
"""Kinds of channels whose address is no secret, unless a password stands in it."""

YEAR_SECONDS = 366 * 86_400
LONGEST_SOCKET_PATH = 107  # bytes; the kernel's sockaddr_un

_HOST = re.compile(r"(?=.{1,253}$)[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*")
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):[0-5]\d")


def text_problem(value: str) -> Fault | None:
    """Text that means something: not empty, no blanks around it, on one line."""
    if not value.strip():
        return "is empty", ""
    if value != value.strip():
        return f"{shown(value)} has blanks around it", "remove them"
    return None if value.isprintable() else (f"{shown(value)} holds a control character", "remove it")


def perhaps_text_problem(value: str) -> Fault | None:
    """Text that means something, or nothing at all."""
    return text_problem(value) if value else None


def seconds_problem(value: float) -> Fault | None:
    """A duration: more than nothing, at most a year."""
    return wait_problem(value) if value > 0 else (f"{shown(value)} is no duration: it must be more than 0", "")


def wait_problem(value: float) -> Fault | None:
    """A wait: nothing, or a duration of at most a year."""
    if value < 0:
        return f"{shown(value)} is no duration: it must be 0 or more", ""
    if not math.isfinite(value) or value > YEAR_SECONDS:
        return f"{shown(value)} is longer than a year", ""
    return None


def percent_problem(value: Decimal) -> Fault | None:
    """A share of a hundred."""
    return None if 0 <= value <= 100 else (f"{shown(value)} is not a number from 0 to 100", "")


TRACE = "{trace_id}"


def trace_url_problem(value: str) -> Fault | None:
    """The address of a page about one trace: `{trace_id}` stands for it."""
    if not value.startswith(("http://", "https://")) or value.count(TRACE) != 1 or not value.isprintable():
        mend = f"write it as https://host/path with {TRACE} once, where the trace's id belongs"
        return f"{shown(value)} is no address of a trace", mend
    return None


def url_problem(value: str) -> Fault | None:
    """An absolute http(s) address without credentials, query or fragment."""
    mend = "write it as https://host[:port][/path]"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return f"{shown(value)} is not an address", mend
    if parts.username is not None or parts.password is not None:
        return "holds a user name or password", "remove it: secrets never stand in this file"
    if parts.scheme not in {"http", "https"} or not _is_host(parts.hostname or "") or port == 0:
        return f"{shown(value)} is not an http(s) address", mend
    if parts.query or parts.fragment or not value.isprintable() or " " in value:
        return f"{shown(value)} is more than an address", mend
    return None


def bind_problem(value: str) -> Fault | None:
    """`host:port`; port 0 lets the machine choose."""
    if split_bind(value) is None:
        return f"{shown(value)} is not host:port", "write for example 127.0.0.1:8710, or [::1]:8710"
    return None


def split_bind(value: str) -> tuple[str, int] | None:
    """Take `host:port` or `[v6]:port` apart; None when it is neither."""
    host, colon, port = value.rpartition(":")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65_535:
        return None
    if host.startswith("[") and host.endswith("]"):
        return (host[1:-1], int(port)) if _is_address(host[1:-1], 6) else None
    return (host, int(port)) if _is_host(host) and ":" not in host else None


def _is_host(host: str) -> bool:
    if re.fullmatch(r"[\d.]+", host):
        return _is_address(host, 4)
    return _HOST.fullmatch(host) is not None or _is_address(host, 6)


def _is_address(host: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(host).version == version
    except ValueError:
        return False


def timestamp_problem(value: str) -> Fault | None:
    """An instant with its zone."""
    mend = 'write it with its zone, for example "2026-12-01T00:00:00Z"'
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return f"{shown(value)} is not a timestamp", mend
    return None if moment.tzinfo is not None else (f"{shown(value)} names no time zone", mend)


def time_zone_problem(value: str) -> Fault | None:
    """A zone of the IANA data base."""
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        close = difflib.get_close_matches(value, zoneinfo.available_timezones(), n=1)
        mend = f"did you mean {close[0]}?" if close else "write an IANA name, for example Europe/London"
        return f"{shown(value)} is not a time zone", mend
    return None


def connection_name_problem(value: str) -> Fault | None:
    """It becomes a key of commercetools' custom objects (`[-_~.A-Za-z0-9]+`; commercetools fact sheet §6)."""
    if re.fullmatch(r"[-_~.A-Za-z0-9]{1,64}", value):
        return None
    return f"{shown(value)} is not a name of at most 64 letters, digits, - _ . ~", ""


def project_key_problem(value: str) -> Fault | None:
    """A commercetools project key: it becomes part of each path."""
    if re.fullmatch(r"[a-z0-9_-]{2,36}", value):
        return None
    return f"{shown(value)} is not a project key (2 to 36 small letters, digits, - _)", ""


def topic_arn_problem(value: str) -> Fault | None:
    """The name of an Amazon SNS topic: its region says whose signature counts."""
    if value == "..." or re.fullmatch(r"arn:aws(-cn)?:sns:[a-z0-9-]+:\d{12}:[A-Za-z0-9_-]{1,256}", value):
        return None
    return f"{shown(value)} is no topic ARN", "write for example arn:aws:sns:eu-west-1:123456789012:orders"


def channel_key_problem(value: str) -> Fault | None:
    """A key of a commercetools channel."""
    if re.fullmatch(r"[A-Za-z0-9_-]{2,256}", value):
        return None
    return f"{shown(value)} is not a channel key (2 to 256 letters, digits, - _)", ""


def charge_problem(value: str) -> Fault | None:
    """A service product's name, which may hold `{rule}` and no other placeholder."""
    if "{" in value.replace("{rule}", "") or "}" in value.replace("{rule}", ""):
        return f"{shown(value)} holds a placeholder other than {{rule}}", "write {rule}, or no braces"
    return text_problem(value)


def socket_problem(value: str) -> Fault | None:
    """A path the kernel takes for a socket."""
    if len(value.encode()) > LONGEST_SOCKET_PATH:
        return f"{shown(value)} is longer than {LONGEST_SOCKET_PATH} bytes, the most a socket's path may have", ""
    return text_problem(value)


def time_of_day_problem(value: str) -> Fault | None:
    """`HH:MM`."""
    if _TIME_OF_DAY.fullmatch(value):
        return None
    return f"{shown(value)} is not a time of day", "write it as HH:MM, for example 08:00"


def quiet_hours_problem(value: str) -> Fault | None:
    """`HH:MM-HH:MM`, also across midnight."""
    start, dash, end = value.partition("-")
    if dash and _TIME_OF_DAY.fullmatch(start) and _TIME_OF_DAY.fullmatch(end) and start != end:
        return None
    return f"{shown(value)} is not a span of a day", "write it as HH:MM-HH:MM, for example 22:00-07:00"


def channel_problem(value: str) -> Fault | None:
    """An address of a channel, or `credential:NAME`. What may be a secret is not shown, and does not stand here."""
    if value.startswith("credential:"):
        return text_problem(value)
    scheme, found, rest = value.partition("://")
    if not (found and rest and value.isprintable() and re.fullmatch(r"[a-z][a-z0-9]*", scheme) and " " not in value):
        mend = 'write for example "mailto://relay.example.com?from=tallyd@example.com&to=desk@example.com"'
        return "is no address of a channel", mend
    try:
        password = urlsplit(value).password
    except ValueError:
        return "is no address of a channel", "mend what stands after ://"
    if scheme not in OPEN_CHANNELS or password is not None:
        why = "holds a password" if scheme in OPEN_CHANNELS else f"{scheme}://… may hold a secret"
        return why, "give the whole address as a secret, and write credential:NAME here"
    return None


def escalation_problem(value: str) -> Fault | None:
    """An owner, or a channel of nobody in particular."""
    return None if value in OWNERS else channel_problem(value)


def window_problem(value: str) -> Fault | None:
    """A span of time: `start/end`, both with their zones."""
    mend = 'write it as start/end, for example "2026-12-24T18:00:00Z/2026-12-25T06:00:00Z"'
    start, slash, end = value.partition("/")
    if not slash or timestamp_problem(start) is not None or timestamp_problem(end) is not None:
        return f"{shown(value)} is not a span of time", mend
    if datetime.fromisoformat(start) >= datetime.fromisoformat(end):
        return f"{shown(value)} ends before it starts", mend
    return None
