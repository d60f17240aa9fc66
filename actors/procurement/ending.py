"""What is left when the flow is switched off: nothing that only a reading could take back."""

from __future__ import annotations

import sqlite3

from actors.domain.time import Instant
from actors.procurement import listing
from actors.procurement.earning import FLOOR
from actors.procurement.judging import JUDGED, TYPES
from actors.procurement.nudges import BELOW_FLOOR
from actors.procurement.reading import UNREADABLE
from storage import demand, exceptions, meta, purchases

_TOLD = frozenset({*TYPES, UNREADABLE, BELOW_FLOOR})


def end(connection: sqlite3.Connection, now: Instant) -> None:
    """Days that are shown, and what was told, would stand for ever. Switched on again, all of it is found anew."""
    demand.stir(connection, purchases.expect_nothing(connection), now=now)
    exceptions.resolve_types(connection, _TOLD, resolution="procurement is switched off", now=now)
    listing.begin_anew(connection, now)
    meta.set_text(connection, JUDGED, "")
    meta.set_text(connection, FLOOR, "")
