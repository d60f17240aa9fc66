"""What every answer of tallyd's own endpoints has in common, over TCP and over the control socket."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from adapters.operator.problems import MEDIA_TYPE, ProblemError

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

LARGEST_BODY = 64 * 1024
LONGEST_REASON = 500

OURS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Server": "tallyd"}
"""What every answer says of itself."""

_log = logging.getLogger(__name__)


def document(body: Any, *, status: int = 200) -> web.Response:
    """Answer with JSON."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def csv_file(text: str, *, name: str) -> web.Response:
    """Answer with a table to be saved under this name."""
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return web.Response(body=text.encode(), content_type="text/csv", charset="utf-8", headers=headers)


async def csv_stream(
    request: web.Request, read: Callable[[str], Awaitable[tuple[str, str | None]]], *, name: str
) -> web.StreamResponse:
    """Answer with a table that is read and sent page by page; `read` is told after which key, "" at first.

    Raises:
        ProblemError: whatever the first page refuses; a later failure cuts the answer off, so that it shows.
    """
    text, after = await read("")
    headers = {**OURS, "Content-Disposition": f'attachment; filename="{name}"'}
    response = web.StreamResponse(headers=headers)
    response.content_type, response.charset = "text/csv", "utf-8"
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    try:
        await response.write(text.encode())
        while after is not None:
            text, after = await read(after)
            await response.write(text.encode())
    except Exception:
        if request.transport is not None:
            request.transport.abort()
        raise
    return response


def problem(error: ProblemError) -> web.Response:
    """Answer with a problem document."""
    return web.Response(body=error.body(), status=error.status, content_type=MEDIA_TYPE, headers=error.headers)


@web.middleware
async def problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn everything that goes wrong into a problem document; a bug shows its place in the log and nothing here."""
    try:
        response = await handler(request)
    except ProblemError as error:
        response = problem(error)
    except web.HTTPException as error:
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        response = problem(ProblemError(error.status, _plain(error), headers=allow))
    except Exception:
        _log.exception("request failed")
        response = problem(ProblemError(500, "tallyd could not answer; its log says where."))
    for name, value in OURS.items():
        response.headers.setdefault(name, value)
    return response


def _plain(error: web.HTTPException) -> str:
    match error.status:
        case 404:
            return "There is nothing here."
        case 405:
            return "This method is not for this address."
        case 413:
            return f"The request is larger than {LARGEST_BODY} bytes."
        case _:
            return error.reason


async def reason_of(request: web.Request, *, needed: bool = False) -> str:
    """Return the reason a person gave in the body (`{"reason": "…"}`), on one line.

    Raises:
        ProblemError: 400, the body is not that, or a reason is needed and missing.
    """
    reason = await said(request, "reason")
    if needed and not reason:
        raise ProblemError(400, "A reason is needed.")
    return reason


async def said(request: web.Request, name: str) -> str:
    """Return a text of the body, on one line; "" where it is not there.

    Raises:
        ProblemError: 400, the body is no object, or the text none or too long.
    """
    raw = await request.read()
    try:
        body = msgspec.json.decode(raw, type=dict[str, Any]) if raw.strip() else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProblemError(400, 'The body must be a JSON object such as {"reason": "…"}.') from None
    text = body.get(name, "")
    if not isinstance(text, str) or len(text) > LONGEST_REASON:
        raise ProblemError(400, f"The {name} must be text of at most {LONGEST_REASON} characters.")
    return " ".join(text.split())
