"""Sends messages with apprise, the only place that knows it.

A channel is an address apprise reads (`mailto://…`, `slack://…`, `workflows://…` for Teams, `pagerduty://…`,
`json://…` for a webhook, a hundred others). It is imported at the first message and called in a thread of its own, so a
channel that hangs delays nothing. Its channels over HTTP honour HTTPS_PROXY and REQUESTS_CA_BUNDLE of the process.

Nothing it says is logged: its words may quote an address, and an address may be a secret. Of a failure only the status
code is kept.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import anyio
import anyio.to_thread

from actors.domain.outgoing import Tone, UndeliveredError

if TYPE_CHECKING:
    from apprise import Apprise

TIMEOUT_SECONDS = 30.0

_STATUS = re.compile(r"error=(\d{3})\b")
_OF_THE_MESSAGE = ("it answered 400", "it answered 413", "it answered 422")
"""Answers about what was sent, and not about who sent it, where to or how often."""

_loading = threading.Lock()


class ChannelMessenger:
    """Implements the desk's `Messenger`. `urls` are the addresses by channel key."""

    def __init__(self, urls: Mapping[str, str], *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._urls = dict(urls)
        self._timeout = timeout_seconds
        self._limiter: anyio.CapacityLimiter | None = None

    def __repr__(self) -> str:
        return f"ChannelMessenger({len(self._urls)} channels)"

    async def send(self, channel: str, *, title: str, body: str, tone: Tone, topic: str = "") -> None:
        """See `actors.desk.messaging.Messenger`."""
        url = self._urls.get(channel)
        if url is None:
            raise UndeliveredError("the channel is not configured")
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(len(self._urls) + 1)  # each channel has its own, and a test has one
        try:
            with anyio.fail_after(self._timeout):
                reason = await anyio.to_thread.run_sync(
                    deliver, url, title, body, tone.value, topic, abandon_on_cancel=True, limiter=self._limiter
                )
        except TimeoutError:
            raise UndeliveredError(f"no answer in {self._timeout:.0f} seconds") from None
        except Exception as error:  # a channel's own bug is that channel's trouble; its words may quote the address
            raise UndeliveredError(f"its kind failed: {type(error).__name__}") from None
        if reason is not None:
            raise UndeliveredError(reason, refused=reason in _OF_THE_MESSAGE)

    async def understands(self, channel: str) -> bool:
        """See `actors.desk.messaging.Messenger`."""
        return await anyio.to_thread.run_sync(is_understood, self._urls.get(channel, ""))


def deliver(url: str, title: str, body: str, tone: str, topic: str) -> str | None:
    """Send a message and wait; return why it did not go out, or None."""
    service = _service(url, topic)
    if service is None:
        return "its address is not understood"
    body, form = (_marked(body), "markdown") if service[0].notify_format == "markdown" else (body, "text")
    with service.notify(body=body, title=title, notify_type=_apprise().NotifyType(tone), body_format=form) as result:
        return None if result else _reason(result)


def _marked(text: str) -> str:
    """Write text as Markdown: apprise itself would put a backslash into every link."""
    lines = [
        f"[{line}]({line})" if line.startswith(("http://", "https://")) else re.sub(r"([*\[\]<>`])", r"\\\1", line)
        for line in text.splitlines()
    ]
    return "\n\n".join(line for line in lines if line)


def is_understood(url: str) -> bool:
    """Say whether an address is one a message could be sent to; nothing is sent."""
    return _service(url, "") is not None


def _reason(result: Any) -> str:
    words = " ".join(entry.message for entry in result.logs())
    status = _STATUS.search(words)
    return f"it answered {status.group(1)}" if status is not None else "no connection, or no answer that makes sense"


def _apprise() -> Any:
    """Import it once. What it imports itself warns on some releases of Python, which is nobody's business here."""
    with _loading, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import apprise  # noqa: PLC0415 - a third of a second, and many daemons never send anything

        silent = logging.getLogger("apprise")
        silent.propagate = False
        if not silent.handlers:
            silent.addHandler(logging.NullHandler())
        apprise.Apprise.instantiate("json://localhost")  # loads every kind of channel
    return apprise


def _service(url: str, topic: str) -> Apprise | None:
    apprise = _apprise()
    # In our thread, and by our clock: its own threads are few and shared, so some that hang would hold up all others.
    asset = apprise.AppriseAsset(storage_mode="memory", allow_templates=False, async_mode=False, service_timeout=0)
    asset.app_id, asset.app_desc, asset.app_url = "tallyd", "tallyd", ""
    asset.image_url_mask = asset.image_url_logo = ""  # pictures of somebody else's server
    plugin = apprise.Apprise.instantiate(_with_incident(url, topic), asset=asset)
    if plugin is None:
        return None
    if "overflow=" not in url.lower():
        plugin.overflow_mode = apprise.OverflowMode.TRUNCATE if _keeps_incidents(url) else apprise.OverflowMode.SPLIT
    service = apprise.Apprise(asset=asset)
    service.add(plugin)
    return service  # type: ignore[no-any-return]


def _keeps_incidents(url: str) -> bool:
    return url.lower().startswith("pagerduty:")


def _with_incident(url: str, topic: str) -> str:
    """Let a recovery close the incident its alert opened, where the address does not say otherwise."""
    if not topic or not _keeps_incidents(url) or "action=" in url.lower():
        return url
    return f"{url}{'&' if '?' in url else '?'}action=map&dedup={quote(topic, safe='')}"
