"""Behind the API of edits and of what is kept sealed of an order."""

from __future__ import annotations

from adapters.operator.access import Person
from adapters.operator.patch_api import Document, PatchDraft
from adapters.operator.problems import ProblemError
from daemon.running import Running


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
