"""The running daemon as the parts on top see it: health, the operator's endpoints and the control socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from actors.domain.time import Instant

if TYPE_CHECKING:  # the command line reads views without loading what runs
    from daemon.catalogue_health import CatalogueHealth
    from daemon.engine import Engine
    from daemon.secrets import Secrets
    from daemon.settings import Settings
    from daemon.stock_health import StockHealth


class Running(Protocol):
    """What they are given; `daemon.app.App` is one."""

    @property
    def settings(self) -> Settings:
        """The configuration."""
        ...

    @property
    def secrets(self) -> Secrets:
        """The secrets; nothing that is shown may hold one."""
        ...

    @property
    def engine(self) -> Engine:
        """The running parts."""
        ...

    @property
    def stock(self) -> StockHealth:
        """The figures of stock."""
        ...

    @property
    def catalogue(self) -> CatalogueHealth:
        """The figures of the catalogue."""
        ...

    @property
    def version(self) -> str:
        """This release."""
        ...

    @property
    def started_at(self) -> Instant:
        """When the process began."""
        ...
