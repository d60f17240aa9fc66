"""The texts of the daily digest, of finance's month-end digest, and of the catch-up report after a maintenance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple
from urllib.parse import quote

import msgspec

from actors.domain.alert_texts import clock, short
from actors.domain.alerting import Incident
from actors.domain.time import Instant
from actors.domain.wording import words

MOST_CAUSES = 30


class Cause(NamedTuple):
    """An open cause, with the words of its first exception."""

    incident: Incident
    cause: str


class Month(msgspec.Struct, frozen=True, kw_only=True):
    """What finance is told of a month. `unexplained` is by chain and currency, as text.

    `unexplained_orders` leave a remainder each: theirs may cancel out in the sums.
    """

    name: str
    provisional: bool
    unexplained: Mapping[str, str]
    open_exceptions: int
    without_documents: int
    held: int
    not_posted: int
    unexplained_orders: int = 0


class Meanwhile(msgspec.Struct, frozen=True, kw_only=True):
    """What went on while nothing was sent. `over`: what was told before, and ended meanwhile."""

    accepted: int
    exported: int
    minutes_to_drain: float
    raised: Sequence[str]
    still_open: Sequence[str]
    over: Sequence[str] = ()


def daily(
    causes: Sequence[Cause], *, owner: str, name: str, now: Instant, zone: tzinfo, base: str, audit_head: str = ""
) -> tuple[str, str]:
    """Return the title and text of an owner's digest: open causes, those that hold most first.

    `name` is what the owner is called, `base` the console's address, `audit_head` the hash of the newest audit row.
    """
    head = [f"Audit: {audit_head}"] if audit_head else []
    if not causes:
        return f"digest of {name}: nothing is open", "\n".join(["Nothing is open.", *head])
    ordered = sorted(causes, key=lambda one: (-one.incident.total, one.incident.opened_at))
    count = sum(one.incident.total for one in ordered)
    overdue = sum(one.incident.overdue for one in ordered)
    late = f", {overdue} past due" if overdue else ""
    more = len(ordered) - MOST_CAUSES
    lines = [line for one in ordered[:MOST_CAUSES] for line in _cause(one, now=now, zone=zone, base=base)]
    lines += [f"… and {more} more causes"] if more > 0 else []
    title = f"digest of {name}: {count} open, {len(ordered)} cause{'s' if len(ordered) > 1 else ''}{late}"
    return title, "\n".join([*lines, f"{base}/exceptions?owner={owner}", *head])


def _cause(one: Cause, *, now: Instant, zone: tzinfo, base: str) -> list[str]:
    incident = one.incident
    snoozed = incident.total - incident.awake
    marks = [
        f"since {clock(incident.opened_at, zone)}",
        *([f"due {clock(incident.due_at, zone)}"] if incident.due_at is not None else []),
        *(["PAST DUE"] if incident.due_at is not None and incident.due_at <= now else []),
        *([f"{snoozed} snoozed"] if snoozed else []),
    ]
    return [
        f"{incident.total} × {words(incident.type)} ({incident.severity.value}), {', '.join(marks)}",
        f"  {short(one.cause)}",
        f"  {base}/incidents/{quote(incident.group, safe='')}",
        "",
    ]


def month_end(month: Month, *, base: str) -> tuple[str, str]:
    """Return the title and text of finance's digest of a month that is over."""
    differs = {currency: amount for currency, amount in month.unexplained.items() if amount.strip("-0.")}
    verdict = "does not tie out" if differs or month.unexplained_orders else "ties out"
    open_orders = month.held + month.without_documents + month.not_posted
    lines = [
        *(
            [f"Unexplained, {currency}: {amount}" for currency, amount in month.unexplained.items()]
            or ["No document of either side is of this month."]
        ),
        f"Orders with a remainder nobody explains: {month.unexplained_orders}",
        f"Exceptions still open: {month.open_exceptions}",
        f"Orders held from posting: {month.held}",
        f"Orders without documents: {month.without_documents}",
        f"Orders not judged or not posted yet: {month.not_posted}",
        "",
        f"{base}/month/{month.name}",
    ]
    title = f"month {month.name} {verdict}{f', {open_orders} orders to settle' if open_orders else ''}"
    return title, "\n".join(lines)


def catch_up(
    meanwhile: Meanwhile, *, owner: str, starts_at: Instant, ended_at: Instant, zone: tzinfo, base: str
) -> tuple[str, str]:
    """Return the title and text of an owner's report after a maintenance."""
    raised, still, over = meanwhile.raised, meanwhile.still_open, meanwhile.over
    lines = [
        f"From {clock(starts_at, zone)} to {clock(ended_at, zone)} nothing was sent; everything was queued and kept.",
        f"Orders accepted meanwhile: {meanwhile.accepted}; exported to Cin7 Core: {meanwhile.exported}.",
        f"What is queued will take Cin7 Core {meanwhile.minutes_to_drain:.0f} minutes.",
        "",
        f"Alerts of {owner} raised meanwhile: {len(raised)}; still open now: {len(still)}.",
        *(f"- {title}" for title in still[:MOST_CAUSES]),
        *([f"… and {len(still) - MOST_CAUSES} more"] if len(still) > MOST_CAUSES else []),
        *([f"Told before, and over by now: {', '.join(over[:MOST_CAUSES])}."] if over else []),
        "",
        f"{base}/exceptions?owner={owner}",
    ]
    return f"maintenance is over: {len(raised)} raised, {len(still)} still open", "\n".join(lines)
