"""Secrets a sender shows, compared in constant time."""

from __future__ import annotations

import hashlib
import hmac

from aiohttp import web

from adapters.operator.problems import ProblemError


def is_same(shown: str, expected: str) -> bool:
    """Say whether a secret is the expected one; no secret is expected nowhere, so an empty one never is."""
    return bool(expected) and hmac.compare_digest(_digest(shown), _digest(expected))


def bearer_of(request: web.Request) -> str:
    """Return the one bearer token of a request; "" where there is none, or more than one header."""
    headers = request.headers.getall("Authorization", [])
    scheme, _, token = headers[0].partition(" ") if len(headers) == 1 else ("", "", "")
    return token.strip() if scheme.lower() == "bearer" else ""


def unproven(detail: str) -> ProblemError:
    """Refuse a bearer token (RFC 6750 §3)."""
    return ProblemError(401, detail, headers={"WWW-Authenticate": "Bearer"})


def _digest(text: str) -> bytes:
    # Digests are of one length, so that a comparison does not tell how long the secret is.
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
