"""How Cin7 Core writes on the wire: numbers, dates, envelopes, errors, and the pages that are no JSON at all.

Amounts are `Decimal` on both ways; they are JSON numbers outside (fact sheet §1.6).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from adapters.transport import Request, Response

JsonObject = dict[str, Any]
Item = TypeVar("Item")

BASE_PATH = "/externalapi/v2"
LIMIT_TEXT = "You have reached 60 calls per 60 seconds API limit."
CREDENTIALS_TEXT = "Incorrect credentials!"
DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_JSON = {"content-type": "application/json; charset=utf-8"}
_TEXT = {"content-type": "text/plain; charset=utf-8"}
_HTML = {"content-type": "text/html; charset=utf-8"}
_NOT_FOUND_PAGE = (
    b"<!DOCTYPE html>\r\n<html><head><title>Page not found</title></head>"
    b"<body><h1>Page not found</h1><p>The page you are looking for does not exist.</p></body></html>"
)


class RefusedError(Exception):
    """Cin7 says no. `code` is what the body says, `status` what HTTP says; they may differ (fact sheet §1.4)."""

    def __init__(self, text: str, *, status: int = 400, code: int | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.status = status
        self.code = status if code is None else code


class Query:
    """The parameters of a call. Names in either letter case; the double reads what it knows and ignores the rest."""

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self._values = {name.lower(): value for name, value in pairs}

    def text(self, name: str) -> str | None:
        """Return the value, or None when it is absent or empty: an empty filter is no filter."""
        return self._values.get(name.lower()) or None

    def flag(self, name: str) -> bool:
        """Return a boolean parameter; anything but true or 1 is false."""
        return (self.text(name) or "").lower() in {"true", "1"}

    def number(self, name: str, default: int) -> int:
        """Return a whole number, or the default when it is none."""
        value = self.text(name)
        return int(value) if value is not None and value.isdecimal() else default

    def instant(self, name: str) -> int | None:
        """Return a moment in ms. Raises `RefusedError` when it is no ISO 8601 date."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return instant_of(value)
        except ValueError as error:
            raise RefusedError(f"The value '{value}' is not valid for {name}.") from error


class Incoming(msgspec.Struct, frozen=True):
    """A request taken apart. `path` is what follows the base, lower case; None when it is outside the API."""

    method: str
    path: str | None
    query: Query
    headers: Mapping[str, str]
    body: bytes | None


def take_apart(request: Request) -> Incoming:
    """Read what was sent; paths are case-insensitive (fact sheet §1.1)."""
    parts = urlsplit(request.url)
    path = parts.path.lower().rstrip("/")
    inside = path.startswith(BASE_PATH + "/")
    return Incoming(
        request.method.upper(),
        path[len(BASE_PATH) :] if inside else None,
        Query(parse_qsl(parts.query, keep_blank_values=True)),
        {name.lower(): value for name, value in request.headers.items()},
        request.body,
    )


def read_object(body: bytes | None) -> JsonObject:
    """Read a body: one object. Raises `RefusedError` 500 when it cannot be parsed (BP, API Status Codes)."""
    try:
        value = json.loads(body or b"", parse_float=Decimal, parse_int=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise RefusedError("The object passed to the API could not be parsed.", status=500) from error
    if not isinstance(value, dict):
        raise RefusedError("The object passed to the API could not be parsed.", status=500)
    return value


def _no_constant(name: str) -> None:
    raise ValueError(name)


def written(value: object) -> bytes:
    """Write JSON as Cin7 does."""
    return _ENCODER.encode(value)


def answer(value: object) -> Response:
    """Answer 200 with JSON."""
    return Response(status=200, headers=_JSON, body=written(value))


def error_answer(text: str, *, status: int = 400, code: int | None = None) -> Response:
    """Answer with the usual error array."""
    body = [{"ErrorCode": status if code is None else code, "Exception": text}]
    return Response(status=status, headers=_JSON, body=_ENCODER.encode(body))


def overload_answer(status: int) -> Response:
    """Answer as a proxy in front does when it cannot reach Cin7: a page, not JSON (fact sheet §1.3, real overload)."""
    page = f"<html><head><title>{status}</title></head><body>Service Unavailable</body></html>"
    return Response(status=status, headers=_HTML, body=page.encode())


def page_not_found() -> Response:
    """Answer 200 with an HTML page: what an unknown path gets (fact sheet §1.4, measured)."""
    return Response(status=200, headers=_HTML, body=_NOT_FOUND_PAGE)


def wrong_credentials() -> Response:
    """Answer 403 with bare text."""
    return Response(status=403, headers=_TEXT, body=CREDENTIALS_TEXT.encode())


def limit_answer(*, status: int, as_json: bool, limit: int) -> Response:
    """Answer that the limit is reached. Only a 429 carries headers (measured); the wording never changes."""
    headers = dict(_JSON if as_json else _TEXT)
    if status == 429:
        headers |= {
            "retry-after": "60 Seconds",
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": "0",
            "x-ratelimit-reset": "60",
        }
    body = _ENCODER.encode([{"ErrorCode": status, "Exception": LIMIT_TEXT}]) if as_json else LIMIT_TEXT.encode()
    return Response(status=status, headers=headers, body=body)


def malform(response: Response, turn: int) -> Response:
    """Spoil an answer: by turns an HTML page, JSON cut in the middle, an error model, all under 200."""
    if turn % 3 == 0:
        return page_not_found()
    if turn % 3 == 1:
        return Response(status=200, headers=_JSON, body=(response.body or b'{"Total"')[: len(response.body) // 2 + 1])
    return error_answer_under_200("An unexpected error occurred.")


def error_answer_under_200(text: str) -> Response:
    """Answer 200 with an error model (fact sheet §1.4, HYPER)."""
    return Response(status=200, headers=_JSON, body=_ENCODER.encode([{"ErrorCode": 500, "Exception": text}]))


def page_of(
    items: Sequence[Item], key: str, query: Query, row: Callable[[Item], JsonObject], *, lost_between: int = 0
) -> JsonObject:
    """Cut one page out of the items as they are now (offset paging over moving data) and write its rows.

    `lost_between` any two pages are that many items on neither.
    """
    page = max(query.number("Page", 1), 1)
    size = min(max(query.number("Limit", DEFAULT_PAGE_SIZE), 1), MAX_PAGE_SIZE)
    start = (page - 1) * (size + lost_between)
    return {"Total": len(items), "Page": page, key: [row(item) for item in items[start : start + size]]}


def plain(value: Decimal) -> Decimal:
    """Write a number without trailing zeros and without an exponent: 30, not 30.00 or 3E+1."""
    short = value.normalize()
    if short.is_zero():
        return Decimal(0)
    exponent = short.as_tuple().exponent
    return short.quantize(Decimal(1)) if isinstance(exponent, int) and exponent > 0 else short


def instant_of(text: str) -> int:
    """Read ISO 8601 with or without a zone (none means UTC), with 0 to 7 fractional digits, as ms since the epoch."""
    head, dot, tail = text.strip().partition(".")
    if dot:
        digits = len(tail) - len(tail.lstrip("0123456789"))
        text = f"{head}.{tail[:digits][:6].ljust(6, '0')}{tail[digits:]}"
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def day_of(instant_ms: int) -> date:
    """Return the UTC day of an instant."""
    return (_EPOCH + timedelta(milliseconds=instant_ms)).date()


def written_day(day: date | None) -> str | None:
    """Write a document date: midnight without a zone (fact sheet §1.6)."""
    return None if day is None else f"{day.isoformat()}T00:00:00"


def written_instant(instant_ms: int, variant: int) -> str:
    """Write a timestamp in one of the forms seen: 7 digits with Z, 3 digits with Z, 3 digits without a zone."""
    moment = _EPOCH + timedelta(milliseconds=instant_ms)
    seconds = moment.strftime("%Y-%m-%dT%H:%M:%S")
    milliseconds = f"{instant_ms % 1000:03d}"
    if variant % 3 == 0:
        # The digits past the milliseconds are made up: a parser must survive them, not use them.
        return f"{seconds}.{milliseconds}{variant * 7919 % 10000:04d}Z"
    return f"{seconds}.{milliseconds}" + ("Z" if variant % 3 == 1 else "")
