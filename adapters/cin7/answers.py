"""What an answer of Cin7 Core means (Cin7 fact sheet §1.3, §1.4), judged in the one safe order.

First the limit, then the status, then the content type, then the shape: an error can arrive with HTTP 200, a page of
HTML too, and the limit's words with 429, 503 or 400.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from actors.domain.calls import Purpose
from actors.domain.errors import CONTRADICTION, InDoubt, Missing, Rejected, Transient, Unauthorised, WireError
from actors.domain.time import Instant
from adapters.refusal import plain_words
from adapters.transport import Response

SIDE = "cin7"

_OF_ONE_RECORD = frozenset(
    {
        Purpose.CIN7_READ_SALE,
        Purpose.CIN7_READ_FULFILMENT,
        Purpose.CIN7_READ_BOOKS,
        Purpose.CIN7_READ_PURCHASE,
    }
)
_DEFAULT_RETRY_AFTER_SECONDS = 60.0
_MAX_RETRY_AFTER_SECONDS = 120.0
_LEADING_INTEGER = re.compile(r"\s*(\d+)")
_LIMIT_WORDS = re.compile(r"calls per .{0,20} seconds API limit", re.IGNORECASE)
# A bare-text limit answer is one sentence; nothing is looked for further down a foreign page.
_BARE_TEXT_BYTES = 4096


def limit_wait_seconds(response: Response) -> float | None:
    """Return how long a limit answer asks to wait (60 if it does not say, 120 at most); None if it is none.

    The words count in bare text and in an error's text only: an order's own memo must never undo its acceptance.
    """
    if response.status != 429 and not _LIMIT_WORDS.search(_spoken(response)):
        return None
    match = _LEADING_INTEGER.match(response.headers.get("retry-after", ""))
    return min(float(match.group(1)), _MAX_RETRY_AFTER_SECONDS) if match else _DEFAULT_RETRY_AFTER_SECONDS


def failure(response: Response, purpose: Purpose, *, until: Instant, secret: str = "") -> WireError | None:
    """Say what an answer other than a limit answer means; None for a JSON success.

    `until` is the last instant at which the request may still take effect, for a write without a trustworthy answer.
    `secret` is left out of Cin7's words, should they repeat it.
    """
    status, operation = response.status, purpose.operation
    if status in {401, 403}:
        return Unauthorised("credentials", side=SIDE, operation=operation, status=status)
    if status >= 500:
        return unclear("unavailable", purpose, until=until, status=status)
    # A redirect leads to a page, not to an answer; nor is a page of HTML with status 200 one.
    body = _parsed(response.body) if status // 100 != 3 and is_json(response) else None
    if body is None:
        return unclear("malformed", purpose, until=until, status=status)
    errors = _errors(body)
    if not errors and status < 400:
        return None
    detail = plain_words(_without(secret, "; ".join(_texts(errors)) or _message(body)))
    if purpose in _OF_ONE_RECORD and _says_not_found(status, errors, detail):
        return Missing("missing", side=SIDE, operation=operation, detail=detail, status=status)
    if purpose.writes and status < 400:
        # An error under a success status contradicts itself: the write may have been made all the same.
        return unclear(CONTRADICTION, purpose, until=until, status=status, detail=detail)
    return Rejected("rejected", side=SIDE, operation=operation, detail=detail, status=status)


def unclear(
    reason: str, purpose: Purpose, *, until: Instant, status: int | None = None, detail: str = ""
) -> Transient | InDoubt:
    """Name what is left without a trustworthy answer: a read is asked again later, a write is in doubt."""
    if purpose.writes:
        return InDoubt(reason, side=SIDE, operation=purpose.operation, until=until, detail=detail, status=status)
    return Transient(reason, side=SIDE, operation=purpose.operation, detail=detail, status=status)


def is_json(response: Response) -> bool:
    """True when the answer says it is JSON."""
    return "json" in response.headers.get("content-type", "").lower()


def _spoken(response: Response) -> str:
    """Return the text of an answer that is not a document: bare text, or the texts of its errors."""
    body = _parsed(response.body)
    if isinstance(body, str):
        return body
    if body is None:
        return response.body[:_BARE_TEXT_BYTES].decode("utf-8", errors="replace")
    return "\n".join(_texts(_errors(body)) or ([_message(body)] if response.status >= 400 else []))


def _parsed(body: bytes) -> Any:
    """Parse JSON (numbers are not looked at here); None when it is none, or null."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _errors(body: Any) -> list[dict[str, Any]]:
    """Return the errors of an error array or of a single error object; none of any other document."""
    items = body if isinstance(body, list) else [body]
    if not items or not all(isinstance(item, dict) and _is_error(item) for item in items):
        return []
    return items


def _is_error(item: dict[str, Any]) -> bool:
    return "ErrorCode" in item or "Exception" in item


def _texts(errors: list[dict[str, Any]]) -> list[str]:
    return [str(error.get("Exception") or error.get("ErrorCode") or "") for error in errors]


def _without(secret: str, text: str) -> str:
    return text.replace(secret, "<token>") if secret else text


def _message(body: Any) -> str:
    """Return the words of a refusal in no known shape (`{"Message": …}` of the web server)."""
    if isinstance(body, dict) and isinstance(body.get("Message"), str):
        return str(body["Message"])
    return ""


def _says_not_found(status: int, errors: list[dict[str, Any]], detail: str) -> bool:
    codes = {status, *(error.get("ErrorCode") for error in errors)}
    return bool(codes & {400, 404}) and "not found" in detail.lower()
