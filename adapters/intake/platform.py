"""commercetools' notifications as they arrive, Platform and CloudEvents alike, read into events (fact sheet §2.2).

Only what names the event and its record is read: the record itself is asked for again. A problem never quotes what
arrived.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from actors.domain.notification import Delivery, Notification, Unreadable

_LARGEST = 2**63
_LONGEST = 256
_CHANGES = frozenset({"ResourceCreated", "ResourceUpdated", "ResourceDeleted"})
_TYPE = re.compile(r"com\.commercetools\.([A-Za-z-]{1,64})\.(message|change)\.([A-Za-z]{1,128})")
_NUMBER = re.compile(r"[0-9]{1,19}")


class _Lenient(msgspec.Struct, rename="camel"):
    """What is not asked for passes."""


class _Resource(_Lenient):
    type_id: str
    id: str


class _Left(_Lenient):
    payload_type: str | None = None


class _Identifiers(_Lenient):
    order_number: str | None = None


class _Payload(_Lenient):
    resource: _Resource
    notification_type: str | None = None
    project_key: str | None = None
    type: str | None = None
    sequence_number: int | None = None
    resource_version: int | None = None
    version: int | None = None
    payload_not_included: _Left | None = None
    resource_user_provided_identifiers: _Identifiers | None = None


class _Envelope(msgspec.Struct):
    specversion: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"")
    data_base64: bytes | None = None


class _Elsewhere(msgspec.Struct):
    """A CloudEvent whose data lies elsewhere: what its other attributes say."""

    id: str
    type: str
    source: str
    subject: str
    dataref: str
    sequence: str = ""


class _SnsEnvelope(msgspec.Struct, rename="pascal"):
    type: str
    message: str
    topic_arn: str


class _Problem(ValueError):
    """What is wrong, in words that quote nothing."""


def read_notifications(body: bytes) -> Delivery:
    """Read one notification in either format; `Unreadable` where it names no event."""
    try:
        payload = _payload_of(body)
        return _elsewhere(body) if payload is None else _notification(payload, row=False)
    except (_Problem, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Unreadable(body=body, problem=_words(error))


def read_message_row(body: bytes) -> Delivery:
    """Read a row of the list of messages: the same without the envelope's own fields (fact sheet §2.5)."""
    try:
        return _notification(body, row=True)
    except (_Problem, msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return Unreadable(body=body, problem=_words(error))


def unwrap_sns(body: bytes) -> bytes:
    """Return what SNS carries, where it put its envelope around a message for a queue; anything else as it is."""
    try:
        envelope = msgspec.json.decode(body, type=_SnsEnvelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body
    return envelope.message.encode() if envelope.type == "Notification" else body


def _payload_of(body: bytes) -> bytes | None:
    """Return the Platform payload; None where a CloudEvent carries none."""
    envelope = msgspec.json.decode(body, type=_Envelope)
    if envelope.specversion is None:
        return body
    if envelope.data_base64 is not None:
        return envelope.data_base64
    data = bytes(envelope.data)
    return None if data in (b"", b"null") else data


def _elsewhere(body: bytes) -> Notification:
    """Read a CloudEvent whose data was left out: whoever passes it on may do so where there is a `dataref`.

    The reference is not followed: type and subject name the record, which is all that is needed. A change tells its
    version only in the data, so it is known by its own id here.
    """
    try:
        event = msgspec.json.decode(body, type=_Elsewhere)
    except msgspec.ValidationError:
        raise _Problem("a CloudEvent without data") from None
    named = _TYPE.fullmatch(event.type)
    if named is None:
        raise _Problem("a CloudEvent without data, of a type that names no record")
    about, format_of, kind = named.groups()
    subject, own = _text(event.subject, "subject"), _text(event.id, "id")
    numbered = format_of == "message" and _NUMBER.fullmatch(event.sequence) is not None
    identity = f"m:{subject}:{_figure(int(event.sequence), 'sequence')}" if numbered else f"e:{subject}:{own}"
    project = event.source.strip("/").partition("/")[0][:_LONGEST]
    return Notification(identity=identity, kind=kind, about=about, subject=subject, project=project)


def _notification(body: bytes, *, row: bool) -> Notification:
    payload = msgspec.json.decode(body, type=_Payload)
    resource = payload.resource
    about, subject = _text(resource.type_id, "typeId"), _text(resource.id, "id")
    common: dict[str, Any] = {
        "about": about,
        "subject": subject,
        "number": _number(payload.resource_user_provided_identifiers),
        "project": (payload.project_key or "")[:_LONGEST],
    }
    if not row and payload.notification_type in _CHANGES:
        version = _figure(payload.version, "version")
        identity = f"c:{subject}:{version}:{payload.notification_type}"
        return Notification(identity=identity, kind=payload.notification_type, version=version, **common)
    if not row and payload.notification_type != "Message":
        raise _Problem("an unknown kind of notification")
    sequence = _figure(payload.sequence_number, "sequenceNumber")
    version = payload.resource_version if payload.resource_version is not None else 0
    return Notification(
        identity=f"m:{subject}:{sequence}", kind=_kind(payload), version=_figure(version, "resourceVersion"), **common
    )


def _kind(payload: _Payload) -> str:
    left = payload.payload_not_included
    return (payload.type or (left.payload_type if left is not None else None) or "")[:_LONGEST]


def _number(identifiers: _Identifiers | None) -> str:
    return ((identifiers.order_number if identifiers is not None else None) or "")[:_LONGEST]


def _text(value: str, name: str) -> str:
    if not value or len(value) > _LONGEST:
        raise _Problem(f"{name} is empty or too long")
    return value


def _figure(value: int | None, name: str) -> int:
    if value is None or not 0 <= value < _LARGEST:
        raise _Problem(f"{name} is missing or no version")
    return value


def _words(error: Exception) -> str:
    """Name what is wrong. Decoders name the field, never its content; what is not JSON is only called that."""
    if isinstance(error, _Problem | msgspec.ValidationError):
        return str(error)
    return "it is not JSON"
