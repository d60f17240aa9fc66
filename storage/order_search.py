"""Orders by what people remember of them, a page at a time: the last page of a million costs what the first does.

There are three ways to a page, and none goes through all orders:

* the filters are an index of their own (a state, a currency, days): it is walked from where the last page ended;
* few orders fit one of the filters (`FEW`): they are taken, narrowed by the rest and sorted;
* else the index that sorts is walked, and after `WALK` orders the page ends, however many fit: a page may be short,
  even empty, and go on all the same.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from storage.orders import OrderRecord, SaleRecord, records

FEW = 10_000
"""So many orders are sorted without an index, and counted exactly."""

WALK = 5_000
"""So many orders are looked at for one page."""

_LAST = "\U0010ffff"
"""Sorts behind whatever a name goes on with."""

_KEYS: Mapping[str, str] = {"accepted_at": "accepted_at", "created_at": "created_at", "number": "name"}
"""The column of what orders are sorted by."""

_SORTING: Mapping[str, str] = {
    "accepted_at": "orders_by_acceptance",
    "created_at": "orders_by_creation",
    "number": "orders_by_name",
}
"""The index of each, which ends with the id."""


class UnknownPlaceError(ValueError):
    """The page is to go on after an order that is not known."""


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """Which orders: see `adapters.operator.list_api.OrderSearch`. Empty `states`: all; `since` and `before` bound when
    they were accepted; `after` is the id of the order the page before ended with.

    `held_with_sale` tells the held orders apart that have a sale (True) and those that have none (False).
    """

    text: str = ""
    states: tuple[OrderState, ...] = ()
    held_with_sale: bool | None = None
    currency: str = ""
    since: Instant | None = None
    before: Instant | None = None
    sort: str = "accepted_at"
    descending: bool = True
    after: str = ""
    limit: int = 50


class Page(NamedTuple):
    """Orders, the id after which to go on (None: that was all), and how many fit in all (None: more than `FEW`)."""

    records: list[OrderRecord]
    next: str | None
    total: int | None


class _Condition(NamedTuple):
    """A condition (or a selection of ids) and the values it names."""

    sql: str
    values: Mapping[str, Any]


def _all(conditions: Sequence[_Condition]) -> _Condition:
    values = {name: value for one in conditions for name, value in one.values.items()}
    return _Condition(" AND ".join(("TRUE", *(one.sql for one in conditions))), values)


def page(connection: sqlite3.Connection, search: Search) -> Page:
    """Return a page.

    Raises:
        UnknownPlaceError: there is no such order to go on after.
    """
    if _is_indexed(search):
        return _indexed(connection, search)
    few = _few(connection, search)
    return _bounded(connection, search) if few is None else _sorted(connection, search, few)


def open_exceptions(connection: sqlite3.Connection, order_ids: Sequence[str]) -> dict[str, int]:
    """Count the open exceptions of some orders; those without any are not there."""
    if not order_ids:
        return {}
    rows = connection.execute(
        "SELECT record_id, count(*) FROM exceptions WHERE record_kind = 'order' AND state = 'open'"
        f" AND record_id IN ({_marks(order_ids)}) GROUP BY record_id",
        order_ids,
    )
    return dict(rows.fetchall())


def sales_of_all(connection: sqlite3.Connection, order_ids: Sequence[str]) -> dict[str, list[SaleRecord]]:
    """Return every sale known for some orders, the oldest of each first."""
    found: dict[str, list[SaleRecord]] = {order_id: [] for order_id in order_ids}
    if not order_ids:
        return found
    rows = connection.execute(
        "SELECT sale_id, order_id, generation, reference, number, made_at, voided_at FROM sales"
        f" WHERE order_id IN ({_marks(order_ids)}) ORDER BY made_at, generation",
        order_ids,
    )
    for row in rows:
        sale = SaleRecord(
            sale_id=row[0],
            order_id=row[1],
            generation=row[2],
            reference=row[3],
            number=row[4],
            made_at=row[5],
            voided_at=row[6],
        )
        found[sale.order_id].append(sale)
    return found


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" for _ in values)


# -- what fits --------------------------------------------------------------------------------------------------------


def _is_indexed(search: Search) -> bool:
    """Say whether one index has all that fits, in its order."""
    if search.text:
        return False
    if search.sort == "accepted_at":
        return not (search.states and search.currency)
    return not (search.states or search.currency or search.since is not None or search.before is not None)


def _conditions(search: Search) -> list[_Condition]:
    """What an order has to meet, but for its states."""
    found = []
    if search.currency:
        found.append(_Condition("currency = :currency", {"currency": search.currency}))
    if search.since is not None:
        found.append(_Condition("accepted_at >= :since", {"since": search.since}))
    if search.before is not None:
        found.append(_Condition("accepted_at < :before", {"before": search.before}))
    if search.held_with_sale is not None:
        found.append(_Condition(f"(state <> 'held' OR {'' if search.held_with_sale else 'NOT '}{_HAS_SALE})", {}))
    if search.text:
        found.append(_Condition(_NAMED, _names(search.text)))
    return found


_HAS_SALE = "EXISTS (SELECT 1 FROM sales WHERE order_id = orders.id AND voided_at IS NULL)"


def _of_states(search: Search) -> list[_Condition]:
    if not search.states:
        return []
    values = {f"state{place}": state.value for place, state in enumerate(search.states)}
    return [_Condition(f"state IN ({', '.join(f':{name}' for name in values)})", values)]


def _names(text: str) -> dict[str, str]:
    return {"text": text, "end": text + _LAST, "low": text.lower(), "low_end": text.lower() + _LAST}


_OF_ORDER = (
    "id >= :low AND id < :low_end",
    "name >= :text AND name < :end",
)
_OF_SALE = (
    "sale_id = :low",
    "number IS NOT NULL AND number COLLATE NOCASE >= :text AND number COLLATE NOCASE < :end",
    "reference COLLATE NOCASE >= :text AND reference COLLATE NOCASE < :end",
)
_OF_LINE = "sku = :text"
"""What an order may be called, how its sale may be, and a SKU of it."""

_CALLED = (
    *(f"SELECT id FROM orders WHERE {one}" for one in _OF_ORDER),
    *(f"SELECT order_id FROM sales WHERE {one}" for one in _OF_SALE),
    f"SELECT order_id FROM order_lines WHERE {_OF_LINE}",
)
"""The orders of a text, each way by an index."""

_NAMED = (
    f"(({_OF_ORDER[0]}) OR ({_OF_ORDER[1]})"
    f" OR EXISTS (SELECT 1 FROM sales WHERE order_id = orders.id AND (({') OR ('.join(_OF_SALE)})))"
    f" OR EXISTS (SELECT 1 FROM order_lines WHERE order_id = orders.id AND {_OF_LINE}))"
)
"""The same, asked of one order."""


# -- few --------------------------------------------------------------------------------------------------------------


def _few(connection: sqlite3.Connection, search: Search) -> _Condition | None:
    """Return a condition that few orders meet, and that an index finds; None: each is met by many."""
    counted = [(_size(connection, ids), ids) for ids in _narrow(search)]
    size, few = min(counted, key=lambda one: one[0], default=(FEW + 1, None))
    return few if size <= FEW else None


def _narrow(search: Search) -> Iterator[_Condition]:
    """Yield selections of ids that take in all that fits, each by an index."""
    if search.text:
        some = " UNION ALL ".join(f"SELECT * FROM ({one} LIMIT {FEW + 1})" for one in _CALLED)
        yield _Condition(some, _names(search.text))
    for states in _of_states(search):
        yield _Condition(f"SELECT id FROM orders WHERE {states.sql}", states.values)
    if search.currency:
        yield _Condition("SELECT id FROM orders WHERE currency = :currency", {"currency": search.currency})
    if search.since is not None or search.before is not None:
        bounds = {
            "since": -(2**62) if search.since is None else search.since,
            "before": 2**62 if search.before is None else search.before,
        }
        yield _Condition("SELECT id FROM orders WHERE accepted_at >= :since AND accepted_at < :before", bounds)


def _size(connection: sqlite3.Connection, ids: _Condition) -> int:
    return int(connection.execute(f"SELECT count(*) FROM ({ids.sql} LIMIT {FEW + 1})", ids.values).fetchone()[0])


def _sorted(connection: sqlite3.Connection, search: Search, few: _Condition) -> Page:
    """Narrow a few, and sort what is left: one pass over them, the page's rows after it."""
    fit = _all([*_conditions(search), *_of_states(search)])
    place = _all(_place(connection, search))
    # CROSS JOIN: who chooses freely may go through all orders of the commoner half of what is asked.
    rows = connection.execute(
        f"SELECT id, {place.sql} FROM (SELECT DISTINCT id AS few FROM ({few.sql})) CROSS JOIN orders ON id = few"
        f" WHERE {fit.sql} ORDER BY {_order(search)}",
        {**few.values, **fit.values, **place.values},
    ).fetchall()
    ids = [order_id for order_id, is_beyond in rows if is_beyond]
    part = ids[: search.limit]
    return Page(_by_id(connection, part), part[-1] if len(ids) > len(part) else None, len(rows))


def _by_id(connection: sqlite3.Connection, ids: Sequence[str]) -> list[OrderRecord]:
    if not ids:
        return []
    names = {f"id{place}": order_id for place, order_id in enumerate(ids)}
    found = records(connection, f"WHERE id IN ({', '.join(f':{name}' for name in names)})", names)
    return sorted(found, key=lambda record: ids.index(record.id))


# -- walking ----------------------------------------------------------------------------------------------------------


def _indexed(connection: sqlite3.Connection, search: Search) -> Page:
    """Walk the index that has it all; of several states each has a walk, and the walks are put together."""
    met, place = _conditions(search), _place(connection, search)
    of_states = [_Condition("state = :state", {"state": state.value}) for state in search.states]
    walks = [[one, *met] for one in of_states] or [met]
    index = _index(search)
    found = [one for walk in walks for one in _select(connection, search, index, _all([*walk, *place]))]
    if len(walks) > 1:
        found = sorted(found, key=lambda one: (one.accepted_at, one.id), reverse=search.descending)
    return Page(found[: search.limit], _more(found, search), _total(connection, index, walks))


def _index(search: Search) -> str:
    if search.states:
        return "INDEXED BY orders_by_state"
    return "INDEXED BY orders_by_currency" if search.currency else f"INDEXED BY {_SORTING[search.sort]}"


def _total(connection: sqlite3.Connection, index: str, walks: Sequence[Sequence[_Condition]]) -> int | None:
    """Count as far as anybody wants to know."""
    total = 0
    for fit in map(_all, walks):
        some = f"SELECT 1 FROM orders {index} WHERE {fit.sql} LIMIT {FEW + 1}"
        total += connection.execute(f"SELECT count(*) FROM ({some})", fit.values).fetchone()[0]
        if total > FEW:
            return None
    return total


def _bounded(connection: sqlite3.Connection, search: Search) -> Page:
    """Walk the index that sorts, as far as a page may: the rest of what is asked for lets many orders pass by."""
    place = _place(connection, search)
    end = _end(connection, search, _all(place))
    met = [*_conditions(search), *_of_states(search), *place, *([] if end is None else [_up_to(search, *end)])]
    found = _select(connection, search, f"INDEXED BY {_SORTING[search.sort]}", _all(met))
    return Page(found[: search.limit], _more(found, search) or (None if end is None else end[1]), None)


def _end(connection: sqlite3.Connection, search: Search, place: _Condition) -> tuple[Any, str] | None:
    """Return the key and id of the last order this page may look at; None: the walk comes to its end before."""
    row = connection.execute(
        f"SELECT {_KEYS[search.sort]}, id FROM orders INDEXED BY {_SORTING[search.sort]} WHERE {place.sql}"
        f" ORDER BY {_order(search)} LIMIT 1 OFFSET {WALK - 1}",
        place.values,
    ).fetchone()
    return None if row is None else (row[0], row[1])


def _select(connection: sqlite3.Connection, search: Search, index: str, fit: _Condition) -> list[OrderRecord]:
    """Return one more than the page holds: it tells whether there are more."""
    rest = f"{index} WHERE {fit.sql} ORDER BY {_order(search)} LIMIT :limit"
    return records(connection, rest, {**fit.values, "limit": search.limit + 1})


def _place(connection: sqlite3.Connection, search: Search) -> list[_Condition]:
    """Return the condition to go on after the last page."""
    if not search.after:
        return []
    row = connection.execute(f"SELECT {_KEYS[search.sort]} FROM orders WHERE id = ?", (search.after,)).fetchone()
    if row is None:
        raise UnknownPlaceError(search.after)
    sign = "<" if search.descending else ">"
    values = {"after_key": row[0], "after_id": search.after}
    return [_Condition(f"({_KEYS[search.sort]}, id) {sign} (:after_key, :after_id)", values)]


def _up_to(search: Search, key: Any, order_id: str) -> _Condition:
    sign = ">=" if search.descending else "<="
    return _Condition(f"({_KEYS[search.sort]}, id) {sign} (:end_key, :end_id)", {"end_key": key, "end_id": order_id})


def _order(search: Search) -> str:
    way = "DESC" if search.descending else "ASC"
    return f"{_KEYS[search.sort]} {way}, id {way}"


def _more(found: Sequence[OrderRecord], search: Search) -> str | None:
    return found[search.limit - 1].id if len(found) > search.limit else None
