"""What a page's address asks a list for, and this address with another query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

FIRST_PAGE = ("after", "via", "format", "table")
"""What an address is without that begins anew: the place in the list, and whether it is a file."""


def text_of(request: web.Request, name: str = "text") -> str:
    """Return what a list is narrowed by, on one line."""
    return " ".join(request.query.get(name, "").split())


def falls(request: web.Request, name: str = "order", *, first: bool = False) -> bool:
    """Say whether the largest come first; `first`: where the address says nothing."""
    asked = request.query.get(name, "")
    return asked != "up" if first else asked == "down"


def link(request: web.Request, changes: Mapping[str, Any], *, without: Iterable[str] = FIRST_PAGE) -> str:
    """Return this page's address with another query; another filter or order begins with the first page.

    A value "" or None is left out; a list stands there once for each of its values.
    """
    asked = [pair for pair in kept(request, without=without) if pair[0] not in changes]
    asked += [(name, text) for name, value in changes.items() for text in _texts(value)]
    here = request.rel_url.raw_path  # as it was asked for: a slash within a name stays quoted
    return f"{here}?{urlencode(asked)}" if asked else here


def kept(request: web.Request, *, without: Iterable[str]) -> list[tuple[str, str]]:
    """Return what a page was asked for with, but for some."""
    left_out = frozenset(without)
    return [(name, value) for name, value in request.query.items() if name not in left_out and value]


def _texts(value: Any) -> Sequence[str]:
    if value is None or value == "":
        return ()
    if isinstance(value, (list, tuple)):
        return [str(one) for one in value]
    return (str(value),)
