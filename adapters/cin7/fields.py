"""The fields of an answer of Cin7 Core: how one is read, and what is said where it is not there (fact sheet §1.6).

`null`, `""` and absence mean the same. Identifiers are lower-cased, since Cin7 writes them in either case.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation

import msgspec

from actors.domain.money import is_plain
from actors.domain.time import Instant, parse_instant

_AMOUNT = msgspec.json.Decoder(Decimal | None)


class UnreadableAnswerError(ValueError):
    """The answer lacks what it must have. The message names the field, never its content."""


def guid(text: str | None, field: str) -> str:
    """Read an identifier in the one case we compare it in."""
    return needed(text, field).strip().lower()


def day(text: str | None) -> date | None:
    """Read a document's date: its first ten characters, whatever hour and zone are written behind; None of no date."""
    try:
        return date.fromisoformat((text or "").strip()[:10])
    except ValueError:
        return None


def needed(text: str | None, field: str) -> str:
    """Insist on a text."""
    if not text:
        raise UnreadableAnswerError(f"{field} is missing")
    return text


def figure(value: Decimal | None, field: str) -> Decimal:
    """Insist on a number."""
    if value is None or not value.is_finite():
        raise UnreadableAnswerError(f"{field} is missing")
    return value


def plain_text(value: object) -> str:
    """Read a text, or a number where a text belongs; "" of anything else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else ""


def text(value: object) -> str:
    """Read a text without the spaces around it."""
    return plain_text(value).strip()


def number(value: object, field: str) -> Decimal:
    """Insist on a number that can be calculated with, however it was written."""
    if value is None or isinstance(value, bool):
        raise UnreadableAnswerError(f"{field} is missing")
    try:
        read = value if isinstance(value, Decimal) else Decimal(str(value))
    except InvalidOperation:
        raise UnreadableAnswerError(f"{field} is no number") from None
    if not is_plain(read):
        raise UnreadableAnswerError(f"{field} is no number")
    return read


def optional_number(value: object, field: str) -> Decimal | None:
    """Read a number; None where there is none."""
    return None if value in (None, "") else number(value, field)


def amount(raw: msgspec.Raw) -> Decimal | None:
    """Read an amount nobody decides upon; None where there is none, or nobody can read it."""
    try:
        read = _AMOUNT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return read if read is not None and is_plain(read) else None


def instant(value: object) -> Instant | None:
    """Read a timestamp of 0 to 7 fractional digits, with or without a zone; None of anything else."""
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None
