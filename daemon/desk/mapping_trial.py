"""A mapping row tried on the newest orders: what becomes of each with the rules as they hold, and with the row on top.

Nothing is written and nothing is asked: the function that judges orders is given the bodies that are kept. What is true
of today only (a closed period, a rate that is told by the newest sales) is left out, as it is in `tallyd diagnose`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec
from cryptography.exceptions import InvalidTag

from actors.domain.exception_types import Finding
from actors.domain.facts import Facts, LedgerAccount
from actors.domain.mapped import MappingKind, Mappings
from actors.domain.order import Order
from actors.domain.patching import lay
from actors.domain.prediction import Hold, Prediction, predict
from actors.domain.sale import RowKind
from actors.domain.tendering import account_of, account_problem
from adapters.commercetools.translate import UnreadableOrderError, read_order
from daemon.diagnosis import for_replay
from storage import calibration, facts, patches
from storage.bodies import Sealer

ORDERS = 500
EXAMPLES = 10


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """An order the row makes a difference to: what becomes of it without, and with it."""

    order: str
    number: str | None
    before: str
    after: str


class Trial(msgspec.Struct, kw_only=True):
    """What became of the orders; `unreadable` are those whose body is kept no longer, or cannot be understood."""

    looked_at: int = 0
    unreadable: int = 0
    same: int = 0
    would_go_on: int = 0
    would_be_held: int = 0
    would_differ: int = 0
    examples: list[Example] = []


class Outcome(NamedTuple):
    """What becomes of an order, comparable, and in words."""

    held: bool
    what: object
    words: str


Judge = Callable[[Order, Mappings], Outcome]


def attempt(
    connection: sqlite3.Connection, kind: MappingKind, held: Mappings, then: Mappings, *, sealer: Sealer
) -> Trial:
    """Judge the newest orders by the tables that hold and by those that would; takes seconds for `ORDERS` of them."""
    found = Trial()
    if kind is MappingKind.CARRIERS:
        return found
    read = list(_newest(connection, sealer))
    judge = _judge(connection, kind, [order for _, _, order in read if order is not None])
    for order_id, number, order in read:
        found.looked_at += 1
        if order is None:
            found.unreadable += 1
        else:
            _count(found, order_id, number, judge(order, held), judge(order, then))
    return found


def _count(found: Trial, order_id: str, number: str | None, before: Outcome, after: Outcome) -> None:
    if before.held == after.held and (before.held or before.what == after.what):
        found.same += 1
        return
    if before.held:
        found.would_go_on += 1
    elif after.held:
        found.would_be_held += 1
    else:
        found.would_differ += 1
    if len(found.examples) < EXAMPLES:
        example = Example(order=order_id, number=number, before=before.words, after=after.words)
        found.examples.append(example)


def _newest(connection: sqlite3.Connection, sealer: Sealer) -> Iterator[tuple[str, str | None, Order | None]]:
    """Yield the newest orders as they are judged, the desk's edits laid over them; those set apart are nobody's."""
    rows = connection.execute(
        "SELECT orders.id, orders.number, bodies.sealed FROM orders LEFT JOIN bodies ON bodies.order_id = orders.id"
        " AND bodies.kind = 'order' WHERE orders.state <> 'excluded' ORDER BY orders.accepted_at DESC, orders.id DESC"
        " LIMIT ?",
        (ORDERS,),
    ).fetchall()
    for order_id, number, sealed in rows:
        order = None if sealed is None else _opened(bytes(sealed), order_id, sealer)
        if order is not None:
            order = lay(order, patches.standing(connection, order_id, sealer)).order
        yield order_id, number, order


def _opened(sealed: bytes, order_id: str, sealer: Sealer) -> Order | None:
    """Return the order; None under another storage key, or where it came in a form nobody understands."""
    try:
        return read_order(sealer.open(sealed, order_id=order_id, kind="order"))
    except (InvalidTag, UnreadableOrderError):
        return None


def _judge(connection: sqlite3.Connection, kind: MappingKind, orders: list[Order]) -> Judge:
    """Return what judges an order as far as a table of this kind decides about it."""
    if kind is MappingKind.PAYMENTS:
        ledger = facts.accounts(connection)
        return lambda order, mappings: _paid(order, mappings, ledger)
    skus = {line.sku for order in orders for line in order.lines if line.sku}
    learnt = calibration.believed(connection)
    known = {
        currency: msgspec.structs.replace(facts.for_order(connection, skus, currency=currency), calibration=learnt)
        for currency in {order.currency for order in orders}
    }
    return lambda order, mappings: _posted(order, mappings, known[order.currency])


def _posted(order: Order, mappings: Mappings, known: Facts) -> Outcome:
    """What the sale would be, or why there is none."""
    try:
        judged = predict(order, *for_replay(known, mappings.posting))
    except Exception:  # the daemon would set its message aside, and go on with the others
        return Outcome(held=True, what="", words="cannot be judged")
    return _held(judged.findings) if isinstance(judged, Hold) else _sale(judged)


def _sale(judged: Prediction) -> Outcome:
    what = (judged.rows, judged.net, judged.tax, judged.total, judged.tax_inclusive, judged.tax_rule, judged.carrier)
    taxed = ", ".join(f"{rule} {amount}" for rule, amount in sorted(judged.tax_by_rule.items()))
    charged = ", ".join(sorted({row.sku for row in judged.rows if row.kind is not RowKind.LINE}))
    parts = (f"tax: {taxed or 'none'}", f"charges: {charged}" if charged else "", judged.carrier)
    return Outcome(held=False, what=what, words="; ".join((f"{judged.total} {judged.currency}", *filter(None, parts))))


def _held(findings: tuple[Finding, ...]) -> Outcome:
    codes = ", ".join(dict.fromkeys(finding.code for finding in findings))
    return Outcome(held=True, what="", words=f"held by {codes}: {findings[0].cause}")


def _paid(order: Order, mappings: Mappings, ledger: dict[str, LedgerAccount]) -> Outcome:
    """Which account each payment is entered by, or why one cannot be."""
    codes: dict[str, str] = {}
    for payment in order.payments:
        method = f"{payment.interface}/{payment.method}".strip("/")
        code = account_of(payment, mappings.accounts)
        problem = account_problem(method, code, ledger)
        if problem is not None or code is None:
            return Outcome(held=True, what="", words=problem.cause if problem is not None else "")
        codes[method] = code
    words = ", ".join(f"{method} to account {code}" for method, code in codes.items()) or "no payments"
    return Outcome(held=False, what=tuple(sorted(codes.items())), words=words)
