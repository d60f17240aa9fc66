"""Azure Event Grid's door: both handshakes, both schemas, and a key, since nothing is signed (fact sheet §2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from actors.domain.notification import Delivery, Unreadable
from adapters.intake.platform import read_notifications
from adapters.intake.proof import is_same
from adapters.operator.problems import ProblemError

ORIGIN = "eventgrid.azure.net"
RATE = "120"
"""Requests a minute the sender is asked not to exceed."""

_VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"
_NOT_READ = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class EventGrid(msgspec.Struct, frozen=True, kw_only=True):
    """The door's configuration: the topic's full resource id, and the key a sender shows."""

    topic: str
    key: str

    def __repr__(self) -> str:
        return f"EventGrid(topic={self.topic!r})"


class Validation(msgspec.Struct, frozen=True):
    """The Event Grid schema's handshake; `code` is sent back to show that the endpoint is ours."""

    code: str


class _Code(msgspec.Struct, rename={"code": "validationCode"}):
    code: str


class _Event(msgspec.Struct, rename="camel"):
    """What both schemas say around the data; a CloudEvent has `specversion`, the other an `eventType`."""

    topic: str | None = None
    event_type: str | None = None
    specversion: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")


def require_key(request: web.Request, key: str) -> None:
    """Refuse a sender that shows the key neither in `aeg-sas-key` nor as `?key=`.

    Raises:
        ProblemError: 403.
    """
    shown = [*request.headers.getall("aeg-sas-key", []), *request.query.getall("key", [])]
    if len(shown) != 1 or not is_same(shown[0], key):
        raise ProblemError(403, "The key is missing or wrong.")


def handshake(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that answer the CloudEvents handshake (`OPTIONS`).

    Raises:
        ProblemError: 403, somebody else asks.
    """
    if headers.get("WebHook-Request-Origin", "").strip().lower() != ORIGIN:
        raise ProblemError(403, f"Only {ORIGIN} may ask to send here.")
    return {"WebHook-Allowed-Origin": ORIGIN, "WebHook-Allowed-Rate": RATE}


def read_events(body: bytes, *, topic: str) -> Validation | list[Delivery]:
    """Read one event or an array of them, of either schema; or the handshake of the Event Grid schema.

    Raises:
        ProblemError: 403, an event names another topic (a handshake must name it); nothing of the body counts then.
    """
    events = _events(body)
    if events is None:
        return [Unreadable(body=body, problem="it is not JSON")]
    if not events:
        return [Unreadable(body=body, problem="an array without events")]
    envelopes = [_envelope(event) for event in events]
    for envelope in envelopes:
        _require_topic(envelope, topic)
    if any(envelope is not None and envelope.event_type == _VALIDATION for envelope in envelopes):
        return _validation(envelopes)
    return [_delivery(event, envelope) for event, envelope in zip(events, envelopes, strict=True)]


def _events(body: bytes) -> list[bytes] | None:
    """Split an array into its elements, as they were written; None: it is not JSON."""
    try:
        msgspec.json.decode(body)
        if not body.lstrip().startswith(b"["):
            return [body]
        return [bytes(event) for event in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except _NOT_READ:
        return None


def _envelope(event: bytes) -> _Event | None:
    try:
        return msgspec.json.decode(event, type=_Event)
    except _NOT_READ:
        return None


def _require_topic(envelope: _Event | None, topic: str) -> None:
    if envelope is None or (envelope.topic is None and envelope.event_type != _VALIDATION):
        return
    # Resource ids of Azure are told apart without regard to case, and written in either.
    if (envelope.topic or "").lower() != topic.lower():
        raise ProblemError(403, "An event is of another topic.")


def _validation(envelopes: list[_Event | None]) -> Validation:
    first = envelopes[0]
    try:
        if len(envelopes) == 1 and first is not None:
            return Validation(msgspec.json.decode(first.data, type=_Code).code)
    except _NOT_READ:
        pass
    raise ProblemError(400, "A handshake is one event with a validationCode.")


def _delivery(event: bytes, envelope: _Event | None) -> Delivery:
    if envelope is None:
        return Unreadable(body=event, problem="it is no event of Event Grid")
    if envelope.specversion is None and envelope.event_type is not None:
        return read_notifications(bytes(envelope.data))
    return read_notifications(event)


def answer(validation: Validation) -> dict[str, Any]:
    """Return the body that answers the Event Grid schema's handshake."""
    return {"validationResponse": validation.code}
