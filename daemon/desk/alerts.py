"""Behind the API of alerts, digests and maintenance windows."""

from __future__ import annotations

from adapters.operator.access import Person
from adapters.operator.alert_api import Document
from adapters.operator.problems import ProblemError
from daemon.running import Running


class AlertDesk:
    """Implements `AlertReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def alerts(self, *, state: str, after: int, limit: int) -> Document:
        """See `AlertReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def rules(self) -> Document:
        """See `AlertReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def maintenance(self) -> Document:
        """See `AlertReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def start_maintenance(self, person: Person, *, until: str, reason: str) -> Document:
        """See `AlertReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def end_maintenance(self, person: Person, *, reason: str) -> Document:
        """See `AlertReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def try_channels(self, owner: str, person: Person) -> Document:
        """See `AlertReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def digest(self, owner: str) -> Document:
        """See `AlertReading`."""
        raise ProblemError(501, "This release cannot do it yet.")
