"""The figures of the catalogue in `/health`: how far both sides match, what was drafted, and what waits to be taken
down.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Any

import anyio

from actors.catalogue import planning
from actors.catalogue.storefront import LISTINGS
from actors.domain.coverage import Flag, Match
from actors.domain.facts import FactKind
from daemon.instants import text_of
from daemon.kept import Kept
from storage import coverage, cursors, drafts, exceptions, facts, listings

if TYPE_CHECKING:
    from daemon.engine import Engine

Document = dict[str, Any]


class CatalogueHealth:
    """Gathers the figures, and keeps them for longer the longer they took."""

    def __init__(self) -> None:
        self._gathering = anyio.Lock()
        self._kept = Kept()

    async def figures(self, engine: Engine) -> Document:
        """Return the figures; who asks while they are gathered is given the same.

        Raises:
            sqlite3.Error: the file cannot be read.
        """
        if not engine.plan.catalogue.enabled:
            return {"enabled": False}
        async with self._gathering:
            return await self._kept.get("matched", engine.clock, lambda: engine.database.read(_figures))


def _figures(connection: sqlite3.Connection) -> Document:
    read = facts.lists(connection).get(FactKind.PRODUCT)
    listed = cursors.get(connection, LISTINGS)
    counted = coverage.counts(connection)
    return {
        "enabled": True,
        "products_read_at": text_of(read[0]) if read is not None else None,
        "listings_read_at": text_of(listed.at) if listed is not None else None,
        **{match.value: counted[match] for match in Match},
        "flags": {flag.value: counted[flag] for flag in Flag},
        "unmatched_published": coverage.count_unmatched_published(connection),
        "drafts": drafts.counts(connection),
        "unpublish": {
            "planned": len(coverage.unmatched_products(connection)),
            "approved": listings.count_approved(connection),
            "asks": exceptions.is_open(connection, planning.RECORD, "unpublish_asks"),
        },
    }
