"""The running daemon as its operators read it: what HTTP asks is answered from the file's read-only connection."""

from __future__ import annotations

from typing import Any

from adapters.operator.reading import ExceptionQuery, OrderQuery
from adapters.telemetry.metrics import Metrics
from daemon import actions
from daemon.health import health, ready
from daemon.running import Running
from daemon.views import exception_page, order_page, order_view

Document = dict[str, Any]


class LiveReading:
    """The running daemon behind the operator's endpoints; implements `OperatorReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def health(self) -> Document:
        """Everything."""
        return await health(self._app)

    async def ready(self) -> bool:
        """Say whether events are accepted and committed."""
        return await ready(self._app)

    async def metrics(self) -> tuple[bytes, str]:
        """The figures of `/health` for Prometheus."""
        snapshot = await health(self._app)
        return Metrics(lambda: snapshot).render()

    async def order(self, ref: str) -> Document | None:
        """One order."""
        return await self._app.engine.database.read(lambda connection: order_view(connection, ref))

    async def orders(self, query: OrderQuery) -> Document:
        """A page of orders."""
        return await self._app.engine.database.read(lambda connection: order_page(connection, query))

    async def exceptions(self, query: ExceptionQuery) -> Document:
        """A page of exceptions."""
        return await self._app.engine.database.read(lambda connection: exception_page(connection, query))

    async def pause(self, flow: str, *, author: str, reason: str) -> Document:
        """Let a flow claim nothing more."""
        return await actions.pause_flow(self._app, flow, author=author, reason=reason)

    async def resume(self, flow: str, *, author: str, reason: str) -> Document:
        """Let a paused or stopped flow go on."""
        return await actions.resume_flow(self._app, flow, author=author, reason=reason)
