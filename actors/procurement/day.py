"""Which day it is in the books."""

from __future__ import annotations

import sqlite3
from datetime import UTC, date

from actors.domain.exception_types import Finding
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.time import Instant, date_in_zone
from storage import facts


def today(connection: sqlite3.Connection, posting: PostingRules, now: Instant) -> date:
    """Return the day in the books' zone; in UTC while that is not known."""
    company = facts.company(connection)
    zone = zone_of(company, posting) if company is not None else UTC
    return date_in_zone(now, UTC if isinstance(zone, Finding) else zone)
