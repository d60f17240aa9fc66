"""The day an order is booked on: its instant in the books' time zone (design §3, time; failure story K8)."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

from actors.domain.exception_types import Finding
from actors.domain.facts import Company, FactKind, fact_ref
from actors.domain.order import Order
from actors.domain.posting import PostingRules
from actors.domain.time import date_in_zone


def zone_of(company: Company, rules: PostingRules) -> ZoneInfo | Finding:
    """Return the books' zone: the configured one, else the one Cin7 reports. An unknown name is held, not guessed."""
    name = rules.time_zone or company.time_zone
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown, malformed, or the name of a folder of zones
        return Finding(
            code="time_zone_unknown",
            cause=f"{name or 'an empty text'} is no IANA time zone",
            field="TimeZone",
            waits_for="" if rules.time_zone else fact_ref(FactKind.COMPANY, ""),
            group=f"time_zone_unknown:{name}",
        )


def posting_date(order: Order, zone: ZoneInfo) -> date:
    """Return the calendar day of the order's creation in the books' zone."""
    return date_in_zone(order.created_at, zone)
