"""The reports of finance as people and machines read them: a month, a day, and the postings of a day.

Everything comes from the file, as it was posted. Functions take a connection and return what goes into JSON as it is.
"""

from __future__ import annotations

import sqlite3
from typing import Any
from zoneinfo import ZoneInfo

from actors.domain.closing import as_of, date_of, day_of, month_of
from actors.domain.closing_files import document_of, shown
from actors.domain.financial import NOTHING
from actors.domain.time import Instant, date_in_zone, format_instant
from adapters.operator.problems import ProblemError
from daemon import days
from storage import facts, tieout, verified
from storage.verified import Posted

Document = dict[str, Any]

_READERS = {"month": month_of, "day": day_of}


def period_report(
    connection: sqlite3.Connection, kind: str, name: str, *, counted_to: str, time_zone: str, now: Instant
) -> Document:
    """Return the report of a month or a day with its digest.

    `counted_to` is the day ages are counted to ("": the first after the period, or today until then), `time_zone` the
    configured one ("": what Cin7 Core reports).

    Raises:
        ProblemError: 400, there is no such period or day; 409, the books' time zone is not known yet.
    """
    zone = books_zone(connection, time_zone)
    period = days.read(_READERS[kind], kind, name)
    today = date_in_zone(now, zone)
    counted = days.read(lambda text: as_of(period, today, date_of(text) if text else None), "as_of", counted_to)
    return document_of(tieout.period_report(connection, period, zone, as_of=counted))


def postings(connection: sqlite3.Connection, day: str, *, after: str = "", limit: int = -1) -> Document:
    """Return the documents of a day that are safe to sync on, and those that are not yet, with why.

    Raises:
        ProblemError: 400, there is no such day, or `after` is not the `next` of a page.
    """
    wanted = days.read(date_of, "day", day)
    found = verified.safe(connection, wanted, after=_place(after), limit=limit + 1 if limit >= 0 else limit)
    page = found[:limit] if limit >= 0 else found
    return {
        "day": day,
        "items": [_posting(one) for one in page],
        "next": _cursor(page[-1]) if len(found) > len(page) and page else None,
        "not_yet": [_posting(one) for one in verified.not_yet(connection, wanted)],
    }


def books_zone(connection: sqlite3.Connection, configured: str) -> ZoneInfo:
    """Return the zone whose days are the books' days.

    Raises:
        ProblemError: 409, none is configured and Cin7 Core was not asked yet, or there is none of that name.
    """
    company = facts.company(connection)
    name = configured or (company.time_zone if company is not None else "")
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a folder of zones
        raise ProblemError(
            409, f"The books' time zone ({name or 'not known yet'}) is none: set [connection] time_zone."
        ) from None


def _posting(one: Posted) -> Document:
    net = sum((share.net for share in one.by_rule.values()), NOTHING)
    return {
        "kind": one.kind,
        "id": one.id,
        "number": one.number,
        "order": one.order,
        "order_id": one.order_id,
        "reference": one.reference,
        "account": one.account,
        "currency": one.currency,
        "net": shown(net),
        "tax": shown(one.total - net),
        "total": shown(one.total),
        "by_rule": [
            {"rule": rule, "net": shown(share.net), "tax": shown(share.tax), "gross": shown(share.gross)}
            for rule, share in one.by_rule.items()
        ],
        "verified_at": None if one.safe_at is None else format_instant(one.safe_at),
        "why": one.why,
    }


def _cursor(one: Posted) -> str:
    return f"{one.safe_at}/{one.kind}/{one.id}"


def _place(after: str) -> tuple[Instant, str, str]:
    if not after:
        return 0, "", ""
    moment, _, rest = after.partition("/")
    kind, slash, document = rest.partition("/")
    if not (moment.isascii() and moment.isdigit() and len(moment) < 16 and slash):
        raise ProblemError(400, f"after {after[: days.LONGEST]!r}: it must be the `next` of the page before.")
    return int(moment), kind, document
