"""What a start makes of the settings: what was switched off is over, and what a mapping says now is judged."""

from __future__ import annotations

import sqlite3

import msgspec

from actors.catalogue import planning, storefront
from actors.catalogue.drafting import TYPES as OF_DRAFTS
from actors.catalogue.looking import OF_UNPUBLISHING, TOLD
from actors.catalogue.matching import begin_anew, ready
from actors.catalogue.rules import CatalogueRules
from actors.domain.time import Instant
from storage import drafts, exceptions, listings, meta

_MAPPED = "catalogue_mapped"
_MODE = "catalogue_mode"
_ALL = frozenset({*TOLD, *OF_UNPUBLISHING, *OF_DRAFTS, "sku_duplicate", "unpublish_asks", "catalogue_modular"})


def settle_switches(connection: sqlite3.Connection, rules: CatalogueRules, *, now: Instant) -> None:
    """Hold the settings of this start against those of the last one."""
    if not rules.enabled:
        # Nothing is looked at any more: what is told would stand for ever, and what was read grow old.
        exceptions.resolve_types(connection, _ALL, resolution="the catalogue is switched off", now=now)
        storefront.forget_reading(connection, now=now)
    if not (rules.enabled and rules.unpublish) or _went_live(connection, rules):
        planning.withdraw(connection, now=now)
    # What was approved rests on a list of items that may be days old by now: one is read first.
    listings.approve_anew(connection, now=now)
    if not rules.drafts:
        drafts.end(connection)
    settle_mapped(connection, rules, now=now)


def settle_mapped(connection: sqlite3.Connection, rules: CatalogueRules, *, now: Instant) -> None:
    """Have all SKUs judged anew where others need no item than when this was last asked."""
    mapped = msgspec.json.encode(sorted(rules.mapped)).decode()
    if meta.text(connection, _MAPPED) != mapped:
        meta.set_text(connection, _MAPPED, mapped)
        if rules.enabled and ready(connection):
            begin_anew(connection, now)


def _went_live(connection: sqlite3.Connection, rules: CatalogueRules) -> bool:
    """Who approved in shadow mode was told that nothing is written: it is asked once more before it is."""
    before, mode = meta.text(connection, _MODE), "shadow" if rules.shadow else "live"
    meta.set_text(connection, _MODE, mode)
    return (before, mode) == ("shadow", "live")
