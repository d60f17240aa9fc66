"""The fields of an answer of Cin7 Core: how one is read, and what is said where it is not there (fact sheet §1.6).

`null`, `""` and absence mean the same. Identifiers are lower-cased, since Cin7 writes them in either case.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal


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
