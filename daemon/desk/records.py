"""Behind the API of the audit and of the operating model."""

from __future__ import annotations

from adapters.operator.problems import ProblemError
from adapters.operator.record_api import AuditQuery, Document
from daemon.running import Running


class RecordDesk:
    """Implements `RecordReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def audit(self, query: AuditQuery) -> Document:
        """See `RecordReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def audit_csv(self, query: AuditQuery) -> tuple[str, int | None]:
        """See `RecordReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def verify(self) -> Document:
        """See `RecordReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def model(self) -> Document:
        """See `RecordReading`."""
        raise ProblemError(501, "This release cannot do it yet.")
