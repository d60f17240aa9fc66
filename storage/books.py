"""The books of each order: where they stand, what counts in them, what was posted, and what does not agree."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.discrepancy import Accepted, Chain, Discrepancy, Reason, accepted_of
from actors.domain.figures import Figures, Sold
from actors.domain.financial import Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.references import PREFIX
from actors.domain.sale import OrderView, SaleView
from actors.domain.time import Instant
from actors.domain.vouchers import VoucherKind
from actors.messages import Flow, Nudge, Urgency
from storage import listed_sales, meta, outbox

TICKS = 10_000
"""Parts of a currency's main unit that amounts are kept in: Cin7's figures have at most four decimals."""

_MARK = re.compile(r"[A-Za-z0-9._:#/ -]{1,200}")


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What the books need of a sale, as Cin7 last showed it. `order` None: its document was not read since it was sold.

    `shipped` are the units that have left, by SKU, `shipped_on` the day of the last of them.
    """

    voided: bool = False
    order: OrderView | None = None
    tax_inclusive: bool | None = None
    currency: str = ""
    rate: Decimal | None = None
    location: str = ""
    shipped: dict[str, Decimal] = {}
    shipped_on: date | None = None
    invoices: tuple[Invoice, ...] = ()
    notes: tuple[CreditNote, ...] = ()


def shown_of(view: SaleView) -> Shown:
    """Take from a whole reading of a sale what the books need of it."""
    boxes = [box for one in view.fulfilments for box in one.boxes]
    shipped: dict[str, Decimal] = {}
    for box in boxes:
        for sku, units in box.units.items():
            shipped[sku] = shipped.get(sku, Decimal(0)) + units
    return Shown(
        voided=view.voided,
        order=view.order,
        tax_inclusive=view.tax_inclusive,
        currency=view.currency or "",
        rate=view.currency_rate,
        location=view.location,
        shipped=shipped,
        shipped_on=max((box.shipped_on for box in boxes if box.shipped_on is not None), default=None),
        invoices=tuple(msgspec.structs.replace(one, payments=_named(one.payments)) for one in view.invoices),
        notes=tuple(_with_names(one) for one in view.credit_notes),
    )


def _named(payments: tuple[PostedPayment, ...]) -> tuple[PostedPayment, ...]:
    """Keep a reference that may be an id; anything else that somebody wrote may be a person's name."""
    return tuple(
        one
        if not one.reference or _REFERENCE.fullmatch(one.reference)
        else msgspec.structs.replace(one, reference=A_TEXT)
        for one in payments
    )


def _with_names(note: CreditNote) -> CreditNote:
    refunds = tuple(one if _REFERENCE.fullmatch(one) else A_TEXT for one in note.refunds)
    return msgspec.structs.replace(note, payments=_named(note.payments), refunds=refunds)


A_TEXT = "(a text)"
"""What stands for a reference that is no id."""

_REFERENCE = re.compile(r"(?=.*\d)[A-Za-z0-9._:#/-]{1,100}")


class BooksRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where the books of an order stand; see the migration for each field. `day` is a date as ISO 8601, or ""."""

    order_id: str
    sale_id: str
    currency: str
    day: str = ""
    ordered: Figures | None = None
    sold: Sold | None = None
    shown: Shown = Shown()
    read_at: Instant | None = None
    posted_at: Instant | None = None
    told_at: Instant | None = None
    looked_at: Instant | None = None
    moved: str = ""
    verdict: str = ""
    verified_at: Instant | None = None
    step: str = ""
    decision: str = ""
    decided_by: str = ""
    decided_at: Instant | None = None
    why: str = ""
    accepted: dict[str, Accepted] = {}
    invoiced: str = "0"
    paid: str = "0"


class Posting(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is posted once: intended, of unknown outcome, or done."""

    key: str
    order_id: str
    kind: VoucherKind
    state: str
    doubt_until: Instant | None
    looks: int
    looked_at: Instant | None
    document_id: str | None
    began_at: Instant


class LedgerLine(msgspec.Struct, frozen=True, kw_only=True):
    """A document that counts, or what of it is taxed by one rule. `day` is a date as ISO 8601."""

    side: str
    kind: str
    id: str
    day: str
    currency: str
    net: Decimal
    tax: Decimal = Decimal(0)
    rule: str = ""
    number: str = ""
    reference: str = ""
    account: str = ""


_COLUMNS = BooksRecord.__struct_fields__
_JSON: dict[str, Any] = {"ordered": Figures, "sold": Sold, "shown": Shown, "accepted": dict[str, Accepted]}


def ticks(amount: Decimal) -> int:
    """Return an amount in ten-thousandths. Raises ValueError where it is finer than that, or no number."""
    scaled = amount * TICKS
    if not amount.is_finite() or scaled != scaled.to_integral_value():
        raise ValueError("an amount has more than four decimals")
    return int(scaled)


def amount(in_ticks: int) -> Decimal:
    """Return ten-thousandths as an amount."""
    return Decimal(in_ticks) / TICKS


# -- where they stand ------------------------------------------------------------------------------------------------


def get(connection: sqlite3.Connection, order_id: str) -> BooksRecord | None:
    """Return the books of an order; None where it never had a sale."""
    row = connection.execute(f"SELECT {', '.join(_COLUMNS)} FROM books WHERE order_id = ?", (order_id,)).fetchone()
    if row is None:
        return None
    values = dict(zip(_COLUMNS, row, strict=True))
    for name, kind in _JSON.items():
        values[name] = msgspec.json.decode(values[name], type=kind) if values[name] is not None else None
    return BooksRecord(**values)


def open_books(
    connection: sqlite3.Connection,
    order_id: str,
    sale_id: str,
    *,
    ordered: Figures,
    sold: Sold,
    day: str,
    percents: Mapping[str, Decimal],
    now: Instant,
) -> None:
    """A sale was posted for an order: keep what was ordered and what was sold. Another sale begins the books anew.

    `percents` are those of the tax rules it was posted with.
    """
    begin(connection, order_id, sale_id, ordered.currency)
    values = {
        "order_id": order_id,
        "day": day,
        "currency": ordered.currency,
        "ordered": msgspec.json.encode(ordered, order="sorted").decode(),
        "sold": msgspec.json.encode(sold, order="sorted").decode(),
        "now": now,
    }
    connection.execute(
        "UPDATE books SET day = :day, currency = :currency, ordered = :ordered, sold = :sold,"
        " posted_at = coalesce(posted_at, :now) WHERE order_id = :order_id",
        values,
    )
    known = posted_percents(connection)
    news = {rule: percent for rule, percent in percents.items() if rule not in known}
    if news:
        meta.set_text(connection, PERCENTS, msgspec.json.encode(known | news, order="sorted").decode())


def keep_bases(connection: sqlite3.Connection, order_id: str, ordered: Figures, sold: Sold, *, day: str) -> None:
    """Keep what was ordered and sold of a sale of which nothing was kept when it was posted, as it is told now."""
    connection.execute(
        "UPDATE books SET day = ?, ordered = ?, sold = ? WHERE order_id = ?",
        (
            day,
            msgspec.json.encode(ordered, order="sorted").decode(),
            msgspec.json.encode(sold, order="sorted").decode(),
            order_id,
        ),
    )


PERCENTS = "books:percents"
"""Text in the file: the percent of each tax rule that sales were posted with."""


def posted_percents(connection: sqlite3.Connection) -> dict[str, Decimal]:
    """Return the percent of each tax rule as sales were posted with it first, or as a person has accepted since."""
    text = meta.text(connection, PERCENTS)
    return msgspec.json.decode(text, type=dict[str, Decimal]) if text else {}


def accept_rule(connection: sqlite3.Connection, name: str, percent: Decimal | None) -> None:
    """A person has seen that a tax rule has another percent now, or is gone (None)."""
    known = posted_percents(connection)
    known.pop(name, None)
    if percent is not None:
        known[name] = percent
    meta.set_text(connection, PERCENTS, msgspec.json.encode(known, order="sorted").decode())


def begin(connection: sqlite3.Connection, order_id: str, sale_id: str, currency: str) -> None:
    """Begin the books of a sale, unless they are; those of an earlier sale of the order end.

    What was posted of a sale that is void says nothing of the next one: the refunds are credited there again. Who took
    the order out of tallyd's hands did not mean that sale alone: that stands.
    """
    earlier = connection.execute(
        "DELETE FROM books WHERE order_id = ? AND sale_id != ? RETURNING decision, decided_by, decided_at, why",
        (order_id, sale_id),
    ).fetchone()
    connection.execute(
        "INSERT INTO books (order_id, sale_id, currency) VALUES (?, ?, ?) ON CONFLICT (order_id) DO NOTHING",
        (order_id, sale_id, currency),
    )
    if earlier is None:
        return
    connection.execute("DELETE FROM postings WHERE order_id = ?", (order_id,))
    if earlier[0] == "rejected":
        connection.execute(
            "UPDATE books SET decision = ?, decided_by = ?, decided_at = ?, why = ? WHERE order_id = ?",
            (*earlier, order_id),
        )


def saw(connection: sqlite3.Connection, order_id: str, view: SaleView, *, read_at: Instant, now: Instant) -> None:
    """Somebody read the whole sale: keep what it shows, and ask for a look where that is news."""
    record = get(connection, order_id) if view.money_read else None
    if record is None or record.sale_id != view.id or (record.read_at or 0) >= read_at:
        return
    news, known = shown_of(view), record.shown
    overtaken = (record.posted_at or 0) > read_at
    if overtaken:  # something was posted since: of the documents more is known by now, of all else less
        news = msgspec.structs.replace(news, invoices=known.invoices, notes=known.notes)
    show(connection, order_id, news, read_at=None if overtaken else read_at)
    if _withheld(news) != known:
        outbox.accept(connection, nudge(order_id, now), now=now)


def show(
    connection: sqlite3.Connection,
    order_id: str,
    shown: Shown,
    *,
    read_at: Instant | None = None,
    posted_at: Instant | None = None,
) -> None:
    """Keep how Cin7 shows the documents of a sale: as read whole, or as an answer to a posting of ours says.

    What people wrote into a memo is not kept: only what may be a mark of ours, or names a transaction.
    """
    connection.execute(
        "UPDATE books SET shown = :shown, read_at = coalesce(:read_at, read_at), invoiced = :invoiced, paid = :paid,"
        " posted_at = coalesce(:posted_at, posted_at) WHERE order_id = :order_id",
        {
            "invoiced": f"{invoiced_of(shown):f}",
            "paid": f"{paid_of(shown):f}",
            "shown": msgspec.json.encode(_withheld(shown), order="sorted").decode(),
            "read_at": read_at,
            "posted_at": posted_at,
            "order_id": order_id,
        },
    )


def _withheld(shown: Shown) -> Shown:
    return msgspec.structs.replace(
        shown,
        invoices=tuple(msgspec.structs.replace(one, memo=_mark(one.memo)) for one in shown.invoices),
        notes=tuple(msgspec.structs.replace(one, memo=_mark(one.memo)) for one in shown.notes),
    )


def _mark(memo: str) -> str:
    return memo if memo.startswith(PREFIX) and _MARK.fullmatch(memo) else ""


def void(connection: sqlite3.Connection, order_id: str, sale_id: str, *, now: Instant) -> None:
    """The sale of these books is void: none of its documents counts."""
    record = get(connection, order_id)
    if record is None or record.sale_id != sale_id or record.shown.voided:
        return
    show(connection, order_id, msgspec.structs.replace(record.shown, voided=True))
    outbox.accept(connection, nudge(order_id, now), now=now)


def looked(
    connection: sqlite3.Connection,
    order_id: str,
    *,
    looked_from: Instant,
    now: Instant,
    moved: str,
    verdict: str,
    step: str,
) -> None:
    """Keep what a look came to. What was told after it began stays told."""
    connection.execute(
        "UPDATE books SET looked_at = :now, moved = :moved, verdict = :verdict, step = :step,"
        " verified_at = CASE WHEN :verdict != 'agrees' THEN NULL ELSE coalesce(verified_at, :now) END,"
        " told_at = CASE WHEN told_at > :looked_from THEN told_at END WHERE order_id = :order_id",
        {
            "order_id": order_id,
            "looked_from": looked_from,
            "now": now,
            "moved": moved,
            "verdict": verdict,
            "step": step,
        },
    )


def set_step(connection: sqlite3.Connection, order_id: str, step: str) -> None:
    """Say what the books of an order wait for."""
    connection.execute("UPDATE books SET step = ? WHERE order_id = ?", (step, order_id))


def decide(
    connection: sqlite3.Connection, order_id: str, decision: str, *, author: str, why: str, now: Instant
) -> None:
    """Keep what a person decided ('' takes it back): asked, released or rejected, and what differed then."""
    accepts = decision in ("asked", "released")
    accepted = accepted_of(discrepancies_of(connection, order_id)) if accepts else {}
    connection.execute(
        "UPDATE books SET decision = ?, decided_by = ?, why = ?, decided_at = ?, accepted = ? WHERE order_id = ?",
        (decision, author, why, now, msgspec.json.encode(accepted, order="sorted").decode(), order_id),
    )


def in_step(connection: sqlite3.Connection, step: str, *, day: str | None = None) -> list[str]:
    """Return the orders whose books are at this step, of one accounting day or of all."""
    rows = connection.execute(
        "SELECT order_id FROM books WHERE step = :step AND step != '' AND (:day IS NULL OR day = :day)"
        " ORDER BY day, order_id",
        {"step": step, "day": day},
    )
    return [row[0] for row in rows]


def count_in_step(connection: sqlite3.Connection, step: str, *, day: str) -> int:
    """Count the books of an accounting day that are at this step."""
    # Without the words of the partial index SQLite would go through all books, at each look.
    query = "SELECT count(*) FROM books WHERE step = ? AND step != '' AND day = ?"
    row = connection.execute(query, (step, day)).fetchone()
    return int(row[0])


def count_differing(connection: sqlite3.Connection) -> int:
    """Count the books that do not agree, whatever was decided about them."""
    row = connection.execute("SELECT count(*) FROM books WHERE verdict = 'differs'").fetchone()
    return int(row[0])


def count_steps(connection: sqlite3.Connection) -> dict[str, int]:
    """Count the books that wait for something, by the step they are at."""
    rows = connection.execute("SELECT step, count(*) FROM books WHERE step != '' GROUP BY step")
    return {row[0]: row[1] for row in rows}


# -- nudges ----------------------------------------------------------------------------------------------------------


def nudge(order_id: str, due_at: Instant, urgency: Urgency = Urgency.UNDERWAY) -> Nudge:
    """Look at the books of an order."""
    return Nudge(flow=Flow.FINANCE, subject=order_id, due_at=due_at, urgency=urgency)


def tell(connection: sqlite3.Connection, order_id: str, *, now: Instant) -> None:
    """Something of the sale may have moved that no list shows: the next look reads it."""
    connection.execute("UPDATE books SET told_at = ? WHERE order_id = ?", (now, order_id))


def ask(connection: sqlite3.Connection, order_id: str, *, now: Instant, told: bool = False) -> None:
    """Ask for a look at an order's books. `told`: something of its sale moved that no list shows: it is read."""
    if told:
        tell(connection, order_id, now=now)
    outbox.accept(connection, nudge(order_id, now), now=now)


def ask_all(connection: sqlite3.Connection, order_ids: Iterable[str], *, now: Instant) -> None:
    """Ask for a look at the books of those of these orders that have any."""
    found = connection.execute(
        "SELECT order_id FROM books WHERE order_id IN (SELECT value FROM json_each(?))",
        (msgspec.json.encode(list(order_ids)).decode(),),
    )
    outbox.accept_all(connection, Flow.FINANCE, [row[0] for row in found], now=now, urgency=Urgency.UNDERWAY)


def knows_money(connection: sqlite3.Connection, order_id: str, moved: str) -> None:
    """The look that is asked for sees how the money of the order stands: its echo asks for none."""
    connection.execute("UPDATE books SET moved = ? WHERE order_id = ?", (moved, order_id))


def tell_money(connection: sqlite3.Connection, order_id: str, moved: str, *, now: Instant) -> None:
    """Tell how the money of an order stands in commercetools; a look follows unless that was looked at already."""
    row = connection.execute("SELECT moved FROM books WHERE order_id = ?", (order_id,)).fetchone()
    if row is not None and row[0] != moved:
        ask(connection, order_id, now=now)


def stir(connection: sqlite3.Connection, sale_ids: Iterable[str], *, now: Instant) -> None:
    """Nudge the books of those sales whose figures in the list are not those known, or that moved unexplained."""
    for sale_id in sale_ids:
        row = connection.execute("SELECT order_id FROM books WHERE sale_id = ?", (sale_id,)).fetchone()
        due = moved_from(connection, row[0]) if row is not None else None
        if due is not None:
            outbox.accept(connection, nudge(row[0], max(due, now), Urgency.FRESH), now=now)


def moved_from(connection: sqlite3.Connection, order_id: str) -> Instant | None:
    """Return from when on the sale has to be read because of what the list shows; None: the list shows what is known.

    0: its invoiced or paid amount is another than what is known. What moved otherwise is read once it has lain still
    for an hour: by then the warehouse's reading, or our own posting, has mostly explained it.
    """
    row = connection.execute(
        "SELECT sale_id, max(coalesce(read_at, 0), coalesce(posted_at, 0)), invoiced, paid FROM books"
        " WHERE order_id = ?",
        (order_id,),
    ).fetchone()
    listed = None if row is None else listed_sales.money(connection, row[0])
    if row is None or listed is None:
        return None
    known_at: Instant = row[1]
    if listed.seen_at <= known_at:
        return None
    if not listed.agrees(Decimal(row[2]), Decimal(row[3])):
        # The list may lag behind what we posted just now.
        return 0 if listed.seen_at > known_at + CLOCK_SLACK else known_at + CLOCK_SLACK
    if listed.updated_at is None or listed.updated_at <= known_at + ECHO:
        return None
    return listed.updated_at + REST


ECHO = 10_000
"""Milliseconds after a reading or a posting of ours within which the list's own instant of a change is that one's."""

REST = 3_600_000
"""Milliseconds a sale lies still before what moved of it unexplained is read."""

CLOCK_SLACK = 120_000
"""Milliseconds by which Cin7's clock, or its list, may be behind."""


def invoiced_of(shown: Shown) -> Decimal:
    """What stands as invoiced less what stands as credited, as the list writes it (fact sheet §2.2)."""
    invoiced = sum((one.total for one in shown.invoices if one.stands), Decimal(0))
    return invoiced - sum((one.total for one in shown.notes if one.authorised), Decimal(0))


def paid_of(shown: Shown) -> Decimal:
    """What was paid less what was paid back, as the list writes it."""
    paid = sum((pay.amount for one in shown.invoices if one.stands for pay in one.payments), Decimal(0))
    return paid - sum((pay.amount for one in shown.notes if one.authorised for pay in one.payments), Decimal(0))


def behind(
    connection: sqlite3.Connection, *, after: str, limit: int, waiting: bool, overdue: Instant
) -> tuple[list[str], str]:
    """Look through so many books, by order: return those to look at, and where to go on ("": that was the end).

    Those are: never looked at, told and not looked at since, at a posting or in doubt about one, or shown otherwise by
    the list; of those that lag behind, the ones not looked at since `overdue`. With `waiting`, at a start, also those
    that wait for a person or a fact: a setting may have changed.
    """
    rows = connection.execute(
        "SELECT books.order_id, looked_at, told_at, step, EXISTS (SELECT 1 FROM postings"
        " WHERE postings.order_id = books.order_id AND state != 'done'), EXISTS (SELECT 1 FROM discrepancies"
        " WHERE discrepancies.order_id = books.order_id AND reason = 'timing') FROM books"
        " WHERE books.order_id > ? ORDER BY books.order_id LIMIT ?",
        (after, limit),
    ).fetchall()
    found = []
    for order_id, looked_at, told_at, step, doubted, lags in rows:
        fresh = looked_at is None or told_at is not None or doubted or step == NEXT
        late = lags and (looked_at or 0) < overdue
        if fresh or late or (waiting and step) or moved_from(connection, order_id) is not None:
            found.append(order_id)
    return found, (rows[-1][0] if len(rows) == limit else "")


NEXT = "next"
"""The step of books of which something is about to be posted."""


_BEYOND = "\U0010ffff"
"""A text after every id of an order."""


def unopened(connection: sqlite3.Connection, *, after: str, until: str, limit: int) -> list[tuple[str, str, str]]:
    """Return live sales without books, of an older release: order, sale, currency. `until` "": to the last order.

    That there are books is asked of an index: their rows are long, and all of a page are asked.
    """
    rows = connection.execute(
        "SELECT orders.id, sale_id, currency FROM sales CROSS JOIN orders ON orders.id = sales.order_id"
        " WHERE voided_at IS NULL AND sales.order_id > :after AND sales.order_id <= :until"
        " AND NOT EXISTS (SELECT 1 FROM books INDEXED BY books_by_standing WHERE books.order_id = sales.order_id)"
        " AND cin7_total IS NOT NULL ORDER BY sales.order_id LIMIT :limit",
        {"after": after, "until": until or _BEYOND, "limit": limit},
    )
    return [(row[0], row[1], row[2]) for row in rows]


# -- postings --------------------------------------------------------------------------------------------------------


def intend(connection: sqlite3.Connection, key: str, order_id: str, kind: VoucherKind, *, now: Instant) -> None:
    """Write down that this is about to be posted.

    Raises sqlite3.IntegrityError where it is, or may have been; a payment also for another order.
    """
    transaction_id = key.split(":")[1]
    if kind is VoucherKind.PAYMENT and elsewhere(connection, order_id, (transaction_id,)):
        raise sqlite3.IntegrityError(f"{transaction_id} is posted for another order")
    connection.execute(
        "INSERT INTO postings (key, order_id, kind, state, began_at) VALUES (?, ?, ?, 'intended', ?)",
        (key, order_id, kind.value, now),
    )


def elsewhere(connection: sqlite3.Connection, order_id: str, transaction_ids: Iterable[str]) -> dict[str, str]:
    """Return which of these transactions are posted (or may be) for another order, each with that order's number.

    A payment of two orders moved once.
    """
    found: dict[str, str] = {}
    for one in transaction_ids:
        row = connection.execute(
            "SELECT coalesce(number, id) FROM postings JOIN orders ON orders.id = order_id WHERE order_id != :order_id"
            " AND (key IN (:note, :refund) OR key BETWEEN :first AND :last) LIMIT 1",
            {
                "order_id": order_id,
                "note": f"credit_note:{one}",
                "refund": f"refund:{one}",
                "first": f"payment:{one}:",
                "last": f"payment:{one};",
            },
        ).fetchone()
        if row is not None:
            found[one] = row[0]
    return found


def inherit(connection: sqlite3.Connection, posting: Posting) -> None:
    """It stands, and this file never knew: it was posted by a predecessor with another file."""
    names = Posting.__struct_fields__
    values = {**msgspec.structs.asdict(posting), "kind": posting.kind.value}
    columns, places = ", ".join(names), ", ".join(f":{name}" for name in names)
    connection.execute(f"INSERT INTO postings ({columns}) VALUES ({places}) ON CONFLICT (key) DO NOTHING", values)


def posted(connection: sqlite3.Connection, key: str, document_id: str) -> None:
    """It stands, under this id."""
    connection.execute(
        "UPDATE postings SET state = 'done', document_id = ?, doubt_until = NULL WHERE key = ?", (document_id, key)
    )


def not_posted(connection: sqlite3.Connection, key: str) -> None:
    """It certainly does not stand: it may be posted again."""
    connection.execute("DELETE FROM postings WHERE key = ?", (key,))


def doubt(connection: sqlite3.Connection, key: str, *, until: Instant) -> None:
    """No clear answer came: until that instant it may still be executed."""
    connection.execute(
        "UPDATE postings SET state = 'unknown', doubt_until = ?, looks = 0, looked_at = NULL WHERE key = ?",
        (until, key),
    )


def looked_for(connection: sqlite3.Connection, key: str, *, now: Instant) -> None:
    """It was looked for, and not there."""
    connection.execute("UPDATE postings SET looks = looks + 1, looked_at = ? WHERE key = ?", (now, key))


def postings_of(connection: sqlite3.Connection, order_id: str) -> list[Posting]:
    """Return what was posted for an order, or may have been, by key."""
    names = Posting.__struct_fields__
    rows = connection.execute(f"SELECT {', '.join(names)} FROM postings WHERE order_id = ? ORDER BY key", (order_id,))
    return [msgspec.convert(dict(zip(names, row, strict=True)), Posting) for row in rows]


def forget_intended(connection: sqlite3.Connection, order_id: str) -> None:
    """What was intended for an order certainly did not leave, or was not executed."""
    connection.execute("DELETE FROM postings WHERE order_id = ? AND state = 'intended'", (order_id,))


def doubt_intended(connection: sqlite3.Connection, *, until: Instant, order_id: str | None) -> list[str]:
    """What was intended (for one order, or for all at a start) and has no outcome may stand. Return the orders."""
    rows = connection.execute(
        "UPDATE postings SET state = 'unknown', doubt_until = :until"
        " WHERE state = 'intended' AND (:order_id IS NULL OR order_id = :order_id) RETURNING order_id",
        {"until": until, "order_id": order_id},
    )
    return sorted({row[0] for row in rows})


# -- what counts ------------------------------------------------------------------------------------------------------


def enter(
    connection: sqlite3.Connection, order_id: str, lines: Sequence[LedgerLine], *, now: Instant, verified: bool
) -> None:
    """Enter every document of an order that counts, in place of those entered before.

    A line that is as it was keeps the instant it was seen first; one that is `verified` keeps when it became so.
    """
    known = {
        (row[0], row[1], row[2], row[3]): row[4:]
        for row in connection.execute(
            "SELECT side, kind, id, rule, day, currency, net, tax, seen_at, verified_at FROM ledger_lines"
            " WHERE order_id = ?",
            (order_id,),
        )
    }
    rows = []
    for line in lines:
        figures = (line.day, line.currency, ticks(line.net), ticks(line.tax))
        before = known.get((line.side, line.kind, line.id, line.rule))
        same = before is not None and before[:4] == figures
        seen_at = before[4] if same and before is not None else now
        verified_at = (before[5] if same and before is not None else None) or now
        rows.append(
            (
                *(line.side, line.kind, line.id, line.rule, order_id, line.number, line.reference, line.account),
                *figures,
                seen_at,
                verified_at if verified else None,
            )
        )
    connection.execute("DELETE FROM ledger_lines WHERE order_id = ?", (order_id,))
    connection.executemany("INSERT INTO ledger_lines VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)


def put_discrepancies(
    connection: sqlite3.Connection, order_id: str, found: Sequence[Discrepancy], *, now: Instant
) -> None:
    """Keep what does not agree, in place of what was kept; a difference that was there keeps when it was found."""
    since = {
        tuple(row[:5]): row[5]
        for row in connection.execute(
            "SELECT chain, reason, component, place_where, rule, found_at FROM discrepancies WHERE order_id = ?",
            (order_id,),
        )
    }
    connection.execute("DELETE FROM discrepancies WHERE order_id = ?", (order_id,))
    connection.executemany(
        "INSERT INTO discrepancies VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                *(order_id, place, one.chain.value, one.reason.value, one.component, one.where, one.rule),
                *(one.currency, ticks(one.net), ticks(one.tax), one.ours, one.theirs),
                *(one.our_document, one.their_document, one.our_rule, one.their_rule),
                since.get((one.chain.value, one.reason.value, one.component, one.where, one.rule), now),
            )
            for place, one in enumerate(found)
        ],
    )


def discrepancies_of(connection: sqlite3.Connection, order_id: str) -> list[Discrepancy]:
    """Return what does not agree of an order."""
    rows = connection.execute(
        "SELECT chain, reason, component, currency, place_where, rule, net, tax, ours, theirs, our_document,"
        " their_document, our_rule, their_rule FROM discrepancies WHERE order_id = ? ORDER BY place",
        (order_id,),
    )
    return [
        Discrepancy(
            chain=Chain(row[0]),
            reason=Reason(row[1]),
            component=row[2],
            currency=row[3],
            where=row[4],
            rule=row[5],
            net=amount(row[6]),
            tax=amount(row[7]),
            ours=row[8],
            theirs=row[9],
            our_document=row[10],
            their_document=row[11],
            our_rule=row[12],
            their_rule=row[13],
        )
        for row in rows
    ]
