"""What an answer of commercetools means: by error code first, by status second (commercetools fact sheet §1.4)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from enum import Enum

import msgspec

from actors.domain.calls import Purpose
from actors.domain.errors import Conflict, InDoubt, Limited, Missing, Rejected, Transient, Unauthorised, WireError
from actors.domain.time import Instant
from adapters.commercetools import wire
from adapters.refusal import plain_words
from adapters.transport import Response

SIDE = "commercetools"

_DEFAULT_RETRY_AFTER_SECONDS = 5.0
_MAX_RETRY_AFTER_SECONDS = 120.0
_LEADING_INTEGER = re.compile(r"\s*(\d+)")


class Verdict(Enum):
    """What happens next."""

    CONFLICT = "conflict"
    MISSING = "missing"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"  # it has such a record already
    UNAUTHORISED = "unauthorised"
    UNAVAILABLE = "unavailable"


_BY_CODE = {
    "ConcurrentModification": Verdict.CONFLICT,
    "ResourceNotFound": Verdict.MISSING,
    "invalid_token": Verdict.UNAUTHORISED,
    "invalid_client": Verdict.UNAUTHORISED,
    "insufficient_scope": Verdict.UNAUTHORISED,
    "InvalidInput": Verdict.REJECTED,
    "InvalidJsonInput": Verdict.REJECTED,
    "InvalidField": Verdict.REJECTED,
    "RequiredField": Verdict.REJECTED,
    "InvalidOperation": Verdict.REJECTED,
    "DuplicateField": Verdict.DUPLICATE,
    "DuplicateFieldWithConflictingResource": Verdict.DUPLICATE,
    "ReferencedResourceNotFound": Verdict.REJECTED,
    "MissingRoleOnChannel": Verdict.REJECTED,
    "ResourceSizeLimitExceeded": Verdict.REJECTED,
    "MaxResourceLimitExceeded": Verdict.REJECTED,
    "QueryComplexityLimitExceeded": Verdict.REJECTED,
    "ContentTooLarge": Verdict.REJECTED,
    "General": Verdict.UNAVAILABLE,
    "BadGateway": Verdict.UNAVAILABLE,
    "OverCapacity": Verdict.UNAVAILABLE,
    "PendingOperation": Verdict.UNAVAILABLE,
    "QueryTimedOut": Verdict.UNAVAILABLE,
    "ExtensionNoResponse": Verdict.UNAVAILABLE,
    "ExtensionBadResponse": Verdict.UNAVAILABLE,
}


def is_json(response: Response) -> bool:
    """True when the answer says it is JSON."""
    return "json" in response.headers.get("content-type", "").lower()


def retry_after_seconds(response: Response, now: Instant) -> float:
    """Read `Retry-After` (seconds, with or without a unit, or a date); 5 if absent, 120 at most."""
    text = response.headers.get("retry-after", "")
    if match := _LEADING_INTEGER.match(text):
        return min(float(match.group(1)), _MAX_RETRY_AFTER_SECONDS)
    try:
        seconds = parsedate_to_datetime(text).timestamp() - now / 1000
    except ValueError:
        return _DEFAULT_RETRY_AFTER_SECONDS
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)


def failure(response: Response, purpose: Purpose, *, now: Instant, until: Instant) -> WireError | None:
    """Say what an answer that is no success means; None for a 2xx with a JSON body.

    `until` is the last instant at which the request may still take effect, for a write without a trustworthy answer.
    """
    status, operation = response.status, purpose.operation
    if status == 429:
        wait = retry_after_seconds(response, now)
        return Limited(side=SIDE, operation=operation, retry_after_seconds=wait, status=status)
    json = is_json(response)
    if json and 200 <= status < 300:
        return None
    body = _error_body(response) if json else None
    verdict = _verdict(status, body)
    if verdict is None:
        return unclear("malformed", purpose, until=until, status=status)
    detail = _words(body)
    if verdict is Verdict.UNAVAILABLE:
        return unclear("unavailable", purpose, until=until, status=status, detail=detail)
    kind = {
        Verdict.CONFLICT: Conflict,
        Verdict.MISSING: Missing,
        Verdict.REJECTED: Rejected,
        Verdict.DUPLICATE: Rejected,
        Verdict.UNAUTHORISED: Unauthorised,
    }[verdict]
    return kind(verdict.value, side=SIDE, operation=operation, detail=detail, status=status)


def unclear(
    reason: str, purpose: Purpose, *, until: Instant, status: int | None = None, detail: str = ""
) -> Transient | InDoubt:
    """Name what is left without a trustworthy answer: a read is asked again, a write is in doubt."""
    if purpose.writes:
        return InDoubt(reason, side=SIDE, operation=purpose.operation, until=until, detail=detail, status=status)
    return Transient(reason, side=SIDE, operation=purpose.operation, detail=detail, status=status)


def _verdict(status: int, body: wire.ErrorBody | None) -> Verdict | None:
    """Judge by code, then by status; None means that nothing about the answer can be trusted."""
    for code in _codes(body):
        if code in _BY_CODE:
            return _BY_CODE[code]
    if status >= 500:
        return Verdict.UNAVAILABLE
    if status == 401:
        return Verdict.UNAUTHORISED
    if body is None or status < 400:
        return None
    return {403: Verdict.UNAUTHORISED, 404: Verdict.MISSING, 409: Verdict.CONFLICT}.get(status, Verdict.REJECTED)


def _codes(body: wire.ErrorBody | None) -> list[str]:
    if body is None:
        return []
    return [error.code for error in body.errors] + ([body.error] if body.error else [])


def _words(body: wire.ErrorBody | None) -> str:
    if body is None:
        return ""
    told = [_one(error) for error in body.errors]
    return plain_words("; ".join(told) or body.message or body.error_description or body.error)


def _one(error: wire.ErrorItem) -> str:
    """Name the field at fault first, where one is told."""
    field = f"{error.field}: " if isinstance(error.field, str) and error.field else ""
    return f"{field}{error.code}: {error.message}"


def _error_body(response: Response) -> wire.ErrorBody | None:
    try:
        return msgspec.json.decode(response.body, type=wire.ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
