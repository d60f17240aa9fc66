"""The reports of finance as people and machines read them: a month, a day, and the postings of a day.

Everything comes from the file, as it was posted. Functions take a connection and return what goes into JSON as it is.
"""

from __future__ import annotations

import sqlite3
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from actors.domain.closing import as_of, date_of, day_of, month_of
from actors.domain.closing_files import document_of, shown
from actors.domain.financial import NOTHING
from actors.domain.time import Instant, date_in_zone, format_instant
from adapters.operator.problems import ProblemError
from adapters.operator.reading import PostingQuery
from daemon import days
from daemon.desk.cursors import onwards, place_of, token
from storage import facts, tieout, verified
from storage.keyset import Place
from storage.verified import Posted, Wanted

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


def postings(connection: sqlite3.Connection, day: str, query: PostingQuery) -> Document:
    """Return the documents of a day that are safe to sync on, and those that are not yet, with why.

    Raises:
        ProblemError: 400, there is no such day, or `after` is not the `next` of a page.
    """
    date = days.read(date_of, "day", day)
    wanted = Wanted(safe=query.state == "safe", kind=query.kind, text=query.text)
    page = verified.documents(
        connection,
        date,
        wanted,
        sort=query.sort,
        descending=query.descending,
        after=_place(query),
        limit=query.limit,
    )
    waiting = msgspec.structs.replace(wanted, safe=False)
    rest = verified.documents(connection, date, waiting, sort="kind").documents if wanted.safe else []
    return {
        "day": day,
        "items": [_posting(one) for one in page.documents],
        "next": _next(page.next, query.sort),
        "total": page.total,
        "not_yet": [_posting(one) for one in rest],
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


def _next(place: Place | None, sort: str) -> str | None:
    """By moment a place is told plainly: others keep it as far as they have read, over releases."""
    if place is None or sort != "verified_at":
        return onwards(token(place))
    return f"{place.value}/{place.key}"


def _place(query: PostingQuery) -> Place | None:
    after = query.after
    if query.sort != "verified_at" or not after:
        return place_of(after)
    moment, _, key = after.partition("/")
    if not (moment.isascii() and moment.isdigit() and len(moment) < 16 and "/" in key):
        raise ProblemError(400, f"after {after[: days.LONGEST]!r}: it must be the `next` of the page before.")
    return Place(int(moment), key)
