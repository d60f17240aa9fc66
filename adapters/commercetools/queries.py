"""The queries tallyd asks of commercetools: predicates, order and size of a page (commercetools fact sheet §2.5, §2.6).

Values travel as input variables, so nothing in them can end a predicate. Lists are read by keyset, never by offset: a
row that changes while pages are read moves to a later page and is not skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from actors.domain.feed import FeedCursor
from actors.domain.time import Instant, format_instant

Query = Sequence[tuple[str, str]]

LARGEST_PAGE = 500

# Keys, not ids, are what configuration names; payments decide whether an order is paid.
EXPAND: Query = tuple(
    ("expand", path)
    for path in (
        "paymentInfo.payments[*]",
        "state",
        "lineItems[*].supplyChannel",
        "syncInfo[*].channel",
    )
)
# Predicates and entries name a channel by its id, configuration by its key.
EXPAND_CHANNEL: Query = (("expand", "supplyChannel"),)
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_IN_SPAN = "createdAt >= :from and createdAt < :before"


def stock_of(sku: str) -> Query:
    """Ask for every inventory entry of a SKU, each with its channel."""
    return [("where", "sku = :sku"), ("var.sku", sku), *_page("id", LARGEST_PAGE), *EXPAND_CHANNEL]


def entries(after_id: str, limit: int) -> Query:
    """Ask for every inventory entry, by id; "" begins."""
    return [*by_id(after_id, limit), *EXPAND_CHANNEL]


def by_id(after_id: str, limit: int) -> Query:
    """Ask for every row of a list, by id; "" begins."""
    keyset = [("where", "id > :id"), ("var.id", after_id)] if after_id else []
    return [*keyset, *_page("id", limit)]


def version(*, staged: bool) -> Query:
    """Ask for the staged version of every product, or for the current one of those that are published."""
    return [("staged", "true" if staged else "false")]


def products_with_sku(sku: str) -> Query:
    """Ask for the products that have a SKU, by whichever variant of whichever version."""
    variant = "masterVariant(sku = :sku) or variants(sku = :sku)"
    return [("where", _either_version(variant)), ("var.sku", sku), *_page("id", LARGEST_PAGE)]


def products_with_slug(slug: str, language: str) -> Query:
    """Ask for the products that have a slug in a language, in either version.

    Raises:
        ValueError: that is no language tag; nothing else may stand in a predicate as the name of a field.
    """
    if not _LANGUAGE_TAG.fullmatch(language):
        raise ValueError("no language tag")
    # A name with a hyphen is no name without its backticks.
    return [("where", _either_version(f"slug(`{language}` = :slug)")), ("var.slug", slug), *_page("id", LARGEST_PAGE)]


def prices_of(skus: Iterable[str], after_id: str) -> Query:
    """Ask for the prices of their own of these SKUs, by id; "" begins."""
    return [("where", "sku in :skus"), *(("var.skus", sku) for sku in skus), *by_id(after_id, LARGEST_PAGE)]


def changed(after: FeedCursor, until: Instant | None, limit: int) -> Query:
    """Ask for what changed after a cursor and not after `until`, oldest change first; `limit` is cut to 500."""
    return [*_after(after, until, "lastModifiedAt"), *_page("lastModifiedAt", limit)]


def open_orders(created_before: Instant, after_id: str, limit: int) -> Query:
    """Ask for orders created before an instant and still Open or Confirmed, by id."""
    return [
        ("where", 'createdAt < :before and orderState in ("Open", "Confirmed") and id > :id'),
        ("var.before", format_instant(created_before)),
        ("var.id", after_id),
        *_page("id", limit),
    ]


def orders_of(payment_ids: Sequence[str], after_id: str) -> Query:
    """Ask for the orders that name any of these payments, by id."""
    where = "paymentInfo(payments(id in :payments))"
    keyset = [("var.id", after_id)] if after_id else []
    return [
        ("where", f"{where} and id > :id" if after_id else where),
        *(("var.payments", one) for one in payment_ids),
        *keyset,
        *_page("id", LARGEST_PAGE),
    ]


def messages(after: FeedCursor, until: Instant, limit: int) -> Query:
    """Ask for the messages about orders and payments created after a cursor and not after `until`, oldest first."""
    about = ("where", 'resource(typeId in ("order", "payment"))')  # several `where` are ANDed
    return [about, *_after(after, until, "createdAt"), *_page("createdAt", limit)]


def number_of_orders(created_from: Instant, created_before: Instant) -> Query:
    """Ask how many orders were created in a span, and for none of them."""
    return [("where", _IN_SPAN), *_span(created_from, created_before), ("limit", "0"), ("withTotal", "true")]


def orders_created(created_from: Instant, created_before: Instant, after_id: str, limit: int) -> Query:
    """Ask for the orders created in a span, by id."""
    keyset = [("var.id", after_id)] if after_id else []
    return [
        ("where", f"{_IN_SPAN} and id > :id" if after_id else _IN_SPAN),
        *_span(created_from, created_before),
        *keyset,
        *_page("id", limit),
    ]


def _after(after: FeedCursor, until: Instant | None, field: str) -> Query:
    """Say where a page begins and, with `until`, where the list ends: by an instant and, for ties, an id."""
    variables = [("var.at", format_instant(after.at))]
    where = f"{field} >= :at"
    if after.id:
        where = f"({field} > :at or ({field} = :at and id > :id))"
        variables.append(("var.id", after.id))
    if until is not None:
        where += f" and {field} <= :until"
        variables.append(("var.until", format_instant(until)))
    return [("where", where), *variables]


def _either_version(predicate: str) -> str:
    return f"masterData(current({predicate}) or staged({predicate}))"


def _span(created_from: Instant, created_before: Instant) -> Query:
    return [("var.from", format_instant(created_from)), ("var.before", format_instant(created_before))]


def _page(field: str, limit: int) -> Query:
    """Sort by a field and then by id; count nothing (a total costs time)."""
    sorts = dict.fromkeys((field, "id"))
    return [
        *(("sort", f"{one} asc") for one in sorts),
        ("limit", str(max(1, min(limit, LARGEST_PAGE)))),
        ("withTotal", "false"),
    ]
