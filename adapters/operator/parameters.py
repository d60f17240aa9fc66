"""What a request asks with: its query, judged; and who asks."""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from adapters.operator.access import Person
from adapters.operator.problems import ProblemError

PERSON = web.RequestKey("person", Person)
"""Where a request that was admitted says who asks."""

MOST_ROWS = 500


def known(request: web.Request, *names: str) -> None:
    """Refuse a parameter nobody reads: a filter that is misspelt must not answer with everything."""
    unknown = [name for name in request.query if name not in names]
    if unknown:
        raise ProblemError(400, f"Unknown parameter; known are {', '.join(names)}.")


def limit(request: web.Request) -> int:
    """Return how many rows are asked for; 100 where nothing is said."""
    return whole(request, "limit", default=100, least=1, most=MOST_ROWS)


def whole(request: web.Request, name: str, *, default: int, least: int, most: int) -> int:
    """Return a whole number between two bounds. Raises `ProblemError` 400."""
    text = request.query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise ProblemError(400, f"{name} must be a whole number from {least} to {most}.")
    return int(text)


def one_of(request: web.Request, name: str, choices: Sequence[str]) -> str | None:
    """Return one of the choices, or None where nothing is said. Raises `ProblemError` 400."""
    text = request.query.get(name, "")
    if text and text not in choices:
        raise ProblemError(400, f"{name} must be one of {', '.join(choices)}.")
    return text or None


def falls(request: web.Request, *, default: str = "asc") -> bool:
    """Say whether the largest come first. Raises `ProblemError` 400."""
    return (one_of(request, "order", ("asc", "desc")) or default) == "desc"
