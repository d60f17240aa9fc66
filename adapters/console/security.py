"""What keeps other people's pages out: headers, forms that prove where they come from, links that stay here."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from adapters.operator.problems import ProblemError

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'none'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Frame-Options": "DENY",
    # Not no-referrer: under it a browser sends `Origin: null` with a form, and ours could not be told from others'.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""What every page says of itself, beside what every answer does."""

_PURPOSE = b"tallyd console form"
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def form_token(session_id: str) -> str:
    """Return what a form of this session holds. The cookie cannot be read by a page, so nobody else can make it."""
    return hmac.new(session_id.encode(), _PURPOSE, hashlib.sha256).hexdigest()


def require_own_form(request: web.Request, session_id: str, token: str) -> None:
    """Let a form go on if it is one of this session's. Raises `ProblemError` 403."""
    require_own_page(request)
    if not hmac.compare_digest(form_token(session_id).encode(), token.encode("utf-8", "surrogateescape")):
        raise ProblemError(403, "The form is not of this session: load the page again, and send it once more.")


def require_own_page(request: web.Request) -> None:
    """Let a form go on if a page of this console sent it, by the browser's own word. Raises `ProblemError` 403."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is None and origin is None:
        raise ProblemError(403, "The browser does not say which page sent this form.")
    if site not in (None, "same-origin") or (origin is not None and urlsplit(origin).netloc != request.host):
        raise ProblemError(403, "The form was sent by another page.")


def is_https(request: web.Request) -> bool:
    """Say whether the browser came by https: to us, or to what passed the request on.

    Whoever lies about it only makes their own cookie stricter.
    """
    passed_on, _, _ = request.headers.get("X-Forwarded-Proto", "").partition(",")
    return request.secure or passed_on.strip().lower() == "https"


def local(path: str) -> str:
    """Return a path of this console to go on to; the overview for anything that could lead elsewhere."""
    return path if _LOCAL.fullmatch(path) else "/"
