"""Behind the API of edits and of what is kept sealed of an order."""

from __future__ import annotations

import sqlite3
from typing import Any

from actors.domain.time import Instant
from adapters.operator.access import Person
from adapters.operator.patch_api import Document, PatchDraft
from adapters.operator.problems import ProblemError
from daemon.running import Running
from storage.bodies import Sealer


def apply_patch(
    connection: sqlite3.Connection,
    order_id: str,
    draft: PatchDraft,
    *,
    key: str,
    sealer: Sealer,
    author: str,
    reason: str,
    now: Instant,
) -> dict[str, Any]:
    """Record one edit of an order and have it looked at again, within the transaction of the caller.

    Return `{"done", "message", "order", "number"}`; the same `key` does it once. Who may edit is the caller's to ask.

    Raises:
        ProblemError: 404, no such order; 409, it can be edited no more; 400, what is wrong with the edit.
    """
    raise ProblemError(501, "This release cannot do it yet.")


class PatchDesk:
    """Implements `PatchReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def editable(self, ref: str, person: Person) -> Document | None:
        """See `PatchReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def patch(self, key: str, ref: str, draft: PatchDraft, person: Person) -> Document:
        """See `PatchReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def withdraw(self, ref: str, patch_id: int, person: Person, *, reason: str) -> Document:
        """See `PatchReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def payloads(self, ref: str, person: Person) -> Document | None:
        """See `PatchReading`."""
        raise ProblemError(501, "This release cannot do it yet.")
