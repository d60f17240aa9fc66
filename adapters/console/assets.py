"""Style, script and icon: read once, and kept by browsers for as long as they stay the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from aiohttp import web

from adapters.operator.problems import ProblemError

_TYPES: Final = {"console.css": "text/css", "console.js": "text/javascript", "favicon.svg": "image/svg+xml"}
_BODIES: Mapping[str, bytes] = MappingProxyType(
    {name: files("adapters.console").joinpath("static", name).read_bytes() for name in _TYPES}
)
_MARKS: Mapping[str, str] = MappingProxyType(
    {name: hashlib.sha256(body).hexdigest()[:12] for name, body in _BODIES.items()}
)
PREFIX: Final = "/static/"


def address(name: str) -> str:
    """Return the address of a file, with the mark of its content."""
    return f"{PREFIX}{name}?{_MARKS[name]}"


async def serve(request: web.Request) -> web.Response:
    """Answer with a file. Raises `ProblemError` 404."""
    name = request.match_info["name"]
    if name not in _BODIES:
        raise ProblemError(404, "There is nothing here.")
    known = request.query_string == _MARKS[name]
    lasting = "public, max-age=31536000, immutable" if known else "no-cache"
    headers = {"Cache-Control": lasting, "ETag": f'"{_MARKS[name]}"'}
    return web.Response(body=_BODIES[name], content_type=_TYPES[name], charset="utf-8", headers=headers)
