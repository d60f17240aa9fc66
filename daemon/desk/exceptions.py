"""Behind the API of exceptions and incidents, and of what people do to them."""

from __future__ import annotations

from adapters.operator.access import Person
from adapters.operator.desk_api import Deed, Document, ExceptionFilter, ExceptionListQuery
from adapters.operator.problems import ProblemError
from daemon.running import Running


class ExceptionDesk:
    """Implements `DeskReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def exceptions(self, query: ExceptionListQuery) -> Document:
        """See `DeskReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def exceptions_csv(self, where: ExceptionFilter, *, after: str) -> tuple[str, str | None]:
        """See `DeskReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def incidents(self, where: ExceptionFilter, *, after: str, limit: int) -> Document:
        """See `DeskReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def exception(self, exception_id: int) -> Document | None:
        """See `DeskReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def preview(self, deed: Deed, person: Person) -> Document:
        """See `DeskReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def do(self, key: str, deed: Deed, person: Person) -> Document:
        """See `DeskReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def deed(self, key: str) -> Document | None:
        """See `DeskReading`."""
        raise ProblemError(501, "This release cannot do it yet.")
