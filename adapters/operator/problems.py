"""What could not be done, told the same way at every door: RFC 9457 problem documents."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """A request that is refused or cannot be done. `detail` is for the person who asked; it holds no personal data."""

    def __init__(self, status: int, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = headers or {}

    def document(self) -> dict[str, Any]:
        """Return the document: `type` about:blank, so `title` is the status's own phrase (RFC 9457 §4.2.1)."""
        return {
            "type": "about:blank",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }

    def body(self) -> bytes:
        """Return the document as it is sent."""
        return msgspec.json.encode(self.document())
