"""From Cin7 Core's purchases to ours (Cin7 fact sheet §7): only what is authorised counts, and figures stay exact.

A simple purchase shows one document of each kind and is its own task; an advanced one shows a list, a task each. An odd
row of the list spoils no page, but of a purchase that is read whole nothing that counts may be missing: half of one
would be a cost that is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import TypeVar

import msgspec

from actors.domain.errors import Rejected
from actors.domain.purchase import (
    JournalLine,
    Movement,
    Purchase,
    PurchaseCharge,
    PurchaseInvoice,
    PurchaseKind,
    PurchaseLine,
    PurchaseMark,
    Receipt,
)
from adapters.cin7 import wire_purchases as wire
from adapters.cin7.fields import (
    UnreadableAnswerError,
    day,
    guid,
    instant,
    needed,
    number,
    optional_number,
    plain_text,
    text,
)

SIMPLE_PATH, ADVANCED_PATH = "/purchase", "/advanced-purchase"
UNREADABLE = "unreadable_purchase"

_T = TypeVar("_T")
_D = TypeVar("_D", bound=wire.Document)

_NO_TASK = "00000000-0000-0000-0000-000000000000"
_COUNTS = frozenset({"AUTHORISED", "PAID"})
_NOT_SIMPLE = "does not support advanced purchase"
_ROW = msgspec.json.Decoder(wire.PurchaseRow, float_hook=Decimal)
_PURCHASE = msgspec.json.Decoder(wire.Purchase, float_hook=Decimal)


# -- the list ---------------------------------------------------------------------------------------------------------


def mark(raw: msgspec.Raw) -> PurchaseMark:
    """Read a row of `/purchaseList`; without a readable `LastUpdatedDate` it is as old as time, and still there.

    Raises:
        UnreadableAnswerError: no ID, or it is no purchase at all.
    """
    row = _decoded(_ROW, raw)
    return PurchaseMark(
        id=guid(text(row.id), "ID"),
        number=text(row.order_number),
        kind=_kind(row.type),
        status=text(row.status),
        supplier=text(row.supplier),
        currency=text(row.supplier_currency),
        base_currency=text(row.base_currency),
        updated_at=instant(row.last_updated_date) or 0,
        required_by=_day(row.required_by),
        receiving=text(row.combined_receiving_status),
        invoicing=text(row.combined_invoice_status),
    )


# -- which endpoint ---------------------------------------------------------------------------------------------------


def paths(kind: PurchaseKind) -> tuple[str, str]:
    """Return the endpoint that shows a purchase of this kind, and the other one (fact sheet §7.2)."""
    return (SIMPLE_PATH, ADVANCED_PATH) if kind is PurchaseKind.SIMPLE else (ADVANCED_PATH, SIMPLE_PATH)


def is_elsewhere(path: str, refusal: Rejected) -> bool:
    """Tell whether `/purchase` refused since the purchase is no simple one (any more)."""
    return path == SIMPLE_PATH and _NOT_SIMPLE in refusal.detail.lower()


# -- one purchase -----------------------------------------------------------------------------------------------------


def purchase(body: bytes, listed: PurchaseMark, path: str) -> Purchase | None:
    """Read what an endpoint shows of a listed purchase; None of the almost empty shell it shows of a simple one.

    Raises:
        UnreadableAnswerError: something that counts cannot be read; it names the field.
    """
    shown = _decoded(_PURCHASE, body)
    if path == ADVANCED_PATH and _is_shell(shown, listed):
        return None
    task = guid(text(shown.id), "ID")
    inclusive = text(shown.tax_calculation).upper() == "INCLUSIVE"
    notes = _counting(shown.credit_note, "CreditNote")
    invoices = tuple(_invoices(shown, task, inclusive=inclusive))
    return Purchase(
        id=task,
        number=text(shown.order_number) or listed.number,
        kind=_shown_kind(shown, listed, path),
        status=text(shown.status),
        supplier=text(shown.supplier),
        currency=text(shown.supplier_currency) or listed.currency,
        base_currency=text(shown.base_currency) or listed.base_currency,
        updated_at=instant(shown.last_updated_date) or listed.updated_at,
        location=text(shown.location),
        inventory_account=text(shown.inventory_account),
        rate=_rate(shown.currency_rate, "CurrencyRate"),
        ordered_on=_day(shown.order_date),
        required_by=_day(shown.required_by),
        drop_ship=text(shown.related_drop_ship_sale_task) not in {"", _NO_TASK},
        ordered=_ordered(shown.order, inclusive=inclusive),
        receipts=(*_received(shown, task), *_sent_back(notes, task)),
        invoices=(*invoices, *_credits(notes, task, invoices, inclusive=inclusive)),
        journals=_journals(shown, task),
        movements=tuple(_movements(shown.inventory_movements or ())),
    )


def _is_shell(shown: wire.Purchase, listed: PurchaseMark) -> bool:
    """Tell a shell by what every purchase has (measured, §7.2)."""
    if listed.number and not text(shown.order_number):
        return True
    return _kind(shown.type) is PurchaseKind.SIMPLE and shown.order is None


def _shown_kind(shown: wire.Purchase, listed: PurchaseMark, path: str) -> PurchaseKind:
    """Take the kind it says, else the one that its endpoint is for."""
    if text(shown.type):
        return _kind(shown.type)
    if path == SIMPLE_PATH:
        return PurchaseKind.SIMPLE
    return PurchaseKind.ADVANCED if listed.kind is PurchaseKind.SIMPLE else listed.kind


def _ordered(order: wire.Order | None, *, inclusive: bool) -> tuple[PurchaseLine, ...]:
    if order is None or not _counts(order.status):
        return ()
    return tuple(_lines(order.lines, "Order", inclusive=inclusive))


# -- goods that came and went -----------------------------------------------------------------------------------------


def _received(shown: wire.Purchase, task: str) -> Iterable[Receipt]:
    """Read what arrived. A task that is put away shows the same units a second time, with the place they went to."""
    put_away = [one for one in _counting(shown.put_away, "PutAway") if one[1].lines]
    again = {_task(document.task_id, task) for _, document in put_away}
    for field, document in _counting(shown.stock_received, "StockReceived"):
        if _task(document.task_id, task) not in again:
            yield from _receipts(document.lines, f"{field}.Lines", _task(document.task_id, task))
    for field, document in put_away:
        yield from _receipts(document.lines, f"{field}.Lines", _task(document.task_id, task))


def _sent_back(notes: Sequence[tuple[str, wire.CreditNote]], task: str) -> Iterable[Receipt]:
    for field, note in notes:
        lines = note.unstock
        if isinstance(lines, wire.Stock):
            lines = lines.lines if _counts(lines.status) else None
        sent = _receipts(lines, f"{field}.Unstock", _task(note.task_id, task), otherwise=_day(note.credit_note_date))
        for one in sent:
            yield msgspec.structs.replace(one, quantity=one.quantity.copy_negate())


def _receipts(
    rows: Sequence[wire.StockLine] | None, field: str, task: str, *, otherwise: date | None = None
) -> Iterable[Receipt]:
    """Read lines of stock; one that says that it was not received is none. `otherwise` is the day of one without."""
    for place, row in enumerate(rows or ()):
        where = f"{field}[{place}]"
        if row.received is False:
            continue
        yield Receipt(
            task_id=task,
            day=_needed_day(row.date, f"{where}.Date", otherwise),
            product_id=guid(text(row.product_id), f"{where}.ProductID"),
            sku=needed(plain_text(row.sku), f"{where}.SKU"),
            quantity=number(row.quantity, f"{where}.Quantity"),
            location=text(row.location),
        )


# -- money ------------------------------------------------------------------------------------------------------------


def _invoices(shown: wire.Purchase, task: str, *, inclusive: bool) -> Iterable[PurchaseInvoice]:
    for field, document in _counting(shown.invoice, "Invoice"):
        yield PurchaseInvoice(
            task_id=_task(document.task_id, task),
            number=text(document.number) or text(document.misspelt_number),
            day=_day(document.invoice_date),
            rate=_rate(document.currency_rate, f"{field}.CurrencyRate"),
            lines=tuple(_lines(document.lines, field, inclusive=inclusive)),
            charges=tuple(_charges(document.additional_charges, field, inclusive=inclusive)),
        )


def _credits(
    notes: Sequence[tuple[str, wire.CreditNote]], task: str, invoices: Sequence[PurchaseInvoice], *, inclusive: bool
) -> Iterable[PurchaseInvoice]:
    """Read a credit note as an invoice below zero. It shows no rate: what it undoes was booked at its invoice's."""
    rates = {invoice.number: invoice.rate for invoice in invoices if invoice.number}
    for field, note in notes:
        lines = _lines(note.lines, field, inclusive=inclusive)
        charges = _charges(note.additional_charges, field, inclusive=inclusive)
        yield PurchaseInvoice(
            task_id=_task(note.task_id, task),
            number=text(note.number),
            day=_day(note.credit_note_date),
            rate=rates.get(text(note.invoice_number)),
            lines=tuple(
                msgspec.structs.replace(line, quantity=line.quantity.copy_negate(), total=line.total.copy_negate())
                for line in lines
            ),
            charges=tuple(msgspec.structs.replace(one, total=one.total.copy_negate()) for one in charges),
        )


def _lines(rows: Sequence[wire.GoodsLine] | None, document: str, *, inclusive: bool) -> Iterable[PurchaseLine]:
    for place, row in enumerate(rows or ()):
        field = f"{document}.Lines[{place}]"
        yield PurchaseLine(
            product_id=guid(text(row.product_id), f"{field}.ProductID"),
            sku=needed(plain_text(row.sku), f"{field}.SKU"),
            quantity=number(row.quantity, f"{field}.Quantity"),
            total=_net(row, field, inclusive=inclusive),
            name=plain_text(row.name),
            account=text(row.account),
        )


def _charges(rows: Sequence[wire.ChargeLine] | None, document: str, *, inclusive: bool) -> Iterable[PurchaseCharge]:
    for place, row in enumerate(rows or ()):
        yield PurchaseCharge(
            what=text(row.description),
            total=_net(row, f"{document}.AdditionalCharges[{place}]", inclusive=inclusive),
            account=text(row.account),
            reference=text(row.reference),
        )


def _net(row: wire.GoodsLine | wire.ChargeLine, field: str, *, inclusive: bool) -> Decimal:
    """Read a row's total without tax: where the purchase is calculated inclusive of it, it is in there."""
    total = number(row.total, f"{field}.Total")
    return total - number(row.tax, f"{field}.Tax") if inclusive else total


def _journals(shown: wire.Purchase, task: str) -> tuple[JournalLine, ...]:
    return tuple(
        JournalLine(
            reference=text(row.reference),
            amount=number(row.amount, f"{field}.Lines[{place}].Amount"),
            day=_day(row.date),
            debit=text(row.debit),
            credit=text(row.credit),
            system=row.is_system is True,
            task_id=_task(document.task_id, task),
        )
        for field, document in _counting(shown.manual_journals, "ManualJournals")
        for place, row in enumerate(document.lines or ())
    )


def _movements(rows: Iterable[wire.MovementRow]) -> Iterable[Movement]:
    for place, row in enumerate(rows):
        field = f"InventoryMovements[{place}]"
        yield Movement(
            task_id=guid(text(row.task_id), f"{field}.TaskID"),
            product_id=guid(text(row.product_id), f"{field}.ProductID"),
            day=_needed_day(row.date, f"{field}.Date"),
            value=number(row.value, f"{field}.COGS"),
        )


# -- fields -----------------------------------------------------------------------------------------------------------


def _decoded(decoder: msgspec.json.Decoder[_T], raw: bytes | msgspec.Raw) -> _T:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableAnswerError(str(error)) from None


def _counting(shown: list[_D] | _D | None, name: str) -> list[tuple[str, _D]]:
    """Return the documents that are authorised or paid, each with the name of its field, of a list of them or one."""
    if not isinstance(shown, list):
        return [(name, shown)] if shown is not None and _counts(shown.status) else []
    return [(f"{name}[{place}]", document) for place, document in enumerate(shown) if _counts(document.status)]


def _counts(status: object) -> bool:
    return text(status).upper() in _COUNTS


def _task(task_id: object, purchase_id: str) -> str:
    """Read whose task a document is; the purchase's own, where it has one alone."""
    return text(task_id).lower() or purchase_id


def _kind(value: object) -> PurchaseKind:
    try:
        return PurchaseKind(text(value))
    except ValueError:
        return PurchaseKind.OTHER


def _rate(value: object, field: str) -> Decimal | None:
    """Read a rate; Cin7 shows none as null or as 0 (fact sheet §7.5)."""
    rate = optional_number(value, field)
    return rate if rate is not None and rate > 0 else None


def _day(value: object) -> date | None:
    return day(plain_text(value))


def _needed_day(value: object, field: str, otherwise: date | None = None) -> date:
    found = _day(value) or otherwise
    if found is None:
        raise UnreadableAnswerError(f"{field} is missing")
    return found
