"""Azure Event Grid's half of a push: notifications as CloudEvents over HTTP, after a handshake (fact sheet §2.4).

Azure signs nothing: the subscriber's URL carries a key.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msgspec

from adapters.sandbox.announcements import cloud_event
from adapters.transport import Request, Transport

ORIGIN = "eventgrid.azure.net"
_TIMEOUT_SECONDS = 30.0


def event_request(payload: dict[str, Any], url: str, key: str) -> Request:
    """Write the POST of one notification, of either format."""
    event = payload if "specversion" in payload else cloud_event(payload)
    headers = {
        "Content-Type": "application/cloudevents+json; charset=utf-8",
        "aeg-event-type": "Notification",
        "aeg-subscription-name": "TALLYD",
    }
    return Request(
        method="POST",
        url=_with_key(url, key),
        headers=headers,
        body=msgspec.json.encode(event),
        timeout_seconds=_TIMEOUT_SECONDS,
    )


def handshake_request(url: str, key: str) -> Request:
    """Write the OPTIONS that asks whether the subscriber wants events of this origin."""
    headers = {"WebHook-Request-Origin": ORIGIN, "WebHook-Request-Rate": "120"}
    return Request(method="OPTIONS", url=_with_key(url, key), headers=headers, timeout_seconds=_TIMEOUT_SECONDS)


class EventGrid:
    """Brings notifications to one subscriber; `send` fits a `Postman`."""

    def __init__(self, transport: Transport, url: str, key: str) -> None:
        self._transport = transport
        self._url = url
        self._key = key

    async def shake_hands(self) -> bool:
        """Ask for leave; without it nothing would be sent."""
        answer = await self._transport.send(handshake_request(self._url, self._key))
        return answer.status == 200 and answer.headers.get("webhook-allowed-origin") in (ORIGIN, "*")

    async def send(self, payload: dict[str, Any]) -> bool:
        """Bring one notification; True for a 2xx.

        Raises:
            NotSentError, AnswerLostError: as the transport does.
        """
        answer = await self._transport.send(event_request(payload, self._url, self._key))
        return 200 <= answer.status < 300


def _with_key(url: str, key: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'key': key})}"
