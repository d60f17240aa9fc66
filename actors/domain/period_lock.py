"""The day from which the books may be changed (`LockDate` of `/me`, Cin7 fact sheet §1.2).

The Blueprint says that it comes in the tenant's own date format and shows an ISO one, so both are read, and a date that
could be two days is refused: guessing would post into a locked month, or hold a free one.
"""

from __future__ import annotations

import re
from datetime import date

_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?")
_LOCAL = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})(?: .*)?")


def lock_date_of(text: str | None) -> date | None:
    """Return the first day that is open; None where nothing is locked.

    Raises:
        ValueError: it is no date, or one that could be two days (03/04/2026).
    """
    written = (text or "").strip()
    if not written:
        return None
    if (iso := _ISO.fullmatch(written)) is not None:
        year, month, day = (int(part) for part in iso.groups())
        return date(year, month, day)
    if (local := _LOCAL.fullmatch(written)) is None:
        raise ValueError("the lock date is no date")
    first, second, year = (int(part) for part in local.groups())
    if first != second and max(first, second) <= _MONTHS:
        raise ValueError("the lock date could be two days")
    return date(year, second, first) if first > _MONTHS or first == second else date(year, first, second)


_MONTHS = 12
