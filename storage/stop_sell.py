"""Ends the block of a SKU, whoever set it."""

from __future__ import annotations

import sqlite3

from storage import entries, stock


def sell_again(connection: sqlite3.Connection, sku: str) -> bool:
    """Sell a SKU again. Its units come back by true-up: what happened to the entry meanwhile is not known."""
    if not stock.unblock(connection, sku):
        return False
    for entry in entries.of_sku(connection, sku):
        entries.suspend(connection, sku, entry.channel, "unblocked")
    return True
