"""Behind the API of what pages show beside exceptions."""

from __future__ import annotations

from adapters.operator.list_api import Document, OrderSearch
from adapters.operator.problems import ProblemError
from daemon.running import Running


class ListDesk:
    """Implements `ListReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def overview(self) -> Document:
        """See `ListReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def budget(self, *, hours: int) -> Document:
        """See `ListReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def orders(self, query: OrderSearch) -> Document:
        """See `ListReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def orders_csv(self, query: OrderSearch, *, after: str) -> tuple[str, str | None]:
        """See `ListReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def stock(self, *, state: str, text: str, sort: str, descending: bool, after: str, limit: int) -> Document:
        """See `ListReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def stock_csv(self, *, state: str, text: str, after: str) -> tuple[str, str | None]:
        """See `ListReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def stock_history(self, sku: str, *, days: int) -> Document:
        """See `ListReading`."""
        raise ProblemError(501, "This release cannot do it yet.")

    async def settings(self) -> Document:
        """See `ListReading`."""
        raise ProblemError(501, "This release cannot do it yet.")
