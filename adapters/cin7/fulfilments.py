"""What followed a sale's order, as Cin7 Core shows it: fulfilments with their boxes, credit notes.

Read tolerantly: a status nobody knows, a number written as a text, a box that is named in another case are all right.
What must be there is an identity and how many units of what. Where that is missing a reading of the `whole` sale is
refused; for who asks for the order alone, the one that cannot be read is left out (fact sheet §2.7, §2.8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec

from actors.domain.fulfilment import AUTHORISED, Box, CreditNote, Fulfilment, Stages, word
from actors.domain.money import is_plain
from adapters.cin7 import wire
from adapters.cin7.fields import UnreadableAnswerError, day, guid, needed, plain_text

_W = TypeVar("_W")
_R = TypeVar("_R")
_Units = dict[str, Decimal]

_FULFILMENTS = msgspec.json.Decoder(list[wire.Fulfilment] | None, float_hook=Decimal)
_INVOICES = msgspec.json.Decoder(list[wire.Invoice] | None, float_hook=Decimal)
_CREDIT_NOTES = msgspec.json.Decoder(list[wire.CreditNote] | None, float_hook=Decimal)
_NOT_AVAILABLE = "NOT AVAILABLE"
_VOIDED = "VOIDED"
_PARTIALLY = "PARTIALLY AUTHORISED"
_REFUND = "REFUND"
_FIRST_BOX = "Box 1"
_ZERO = Decimal(0)


def stages(document: wire.Sale) -> Stages:
    """Read how far a sale is. Whether its order was `undone`, only who knows that it once stood can tell."""
    return Stages(
        voided=(document.status or "").upper().startswith("VOID"),
        picking=word(plain_text(document.combined_picking_status)),
        packing=word(plain_text(document.combined_packing_status)),
        shipping=word(plain_text(document.combined_shipping_status)),
        invoicing=word(plain_text(document.combined_invoice_status)),
        tracking=plain_text(document.combined_tracking_numbers).replace("\n", " "),
    )


def is_begun(raw: msgspec.Raw) -> bool:
    """Say whether a stage of any fulfilment is authorised, in part or whole; of what cannot be read it may be."""
    try:
        rows = _FULFILMENTS.decode(raw) or []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
    return any(AUTHORISED in _status(stage) for row in rows for stage in (row.pick, row.pack, row.ship))


def is_invoiced(document: wire.Sale) -> bool:
    """Say whether an invoice of the sale stands, in part or whole; of what cannot be read one may.

    The words of `CombinedInvoiceStatus` are open (fact sheet §2.1): any that nobody has to authorise is none.
    """
    try:
        rows = _INVOICES.decode(document.invoices) or []
    except (msgspec.DecodeError, UnicodeDecodeError):
        return True
    words = [document.combined_invoice_status, *(row.status for row in rows)]
    return any(word(_text(one)) not in ("", _VOIDED) for one in words)


def fulfilments(raw: msgspec.Raw, *, whole: bool) -> tuple[Fulfilment, ...]:
    """Read the fulfilments of a sale.

    Raises:
        UnreadableAnswerError: one without TaskID, or a line that counts without SKU or quantity (only if `whole`).
    """
    return _each(raw, _FULFILMENTS, "Fulfilments", _fulfilment, whole=whole)


def credit_notes(raw: msgspec.Raw, *, whole: bool) -> tuple[CreditNote, ...]:
    """Read the credit notes of a sale. Raises as `fulfilments`."""
    return _each(raw, _CREDIT_NOTES, "CreditNotes", credit_note, whole=whole)


def _each(
    raw: msgspec.Raw,
    decoder: msgspec.json.Decoder[list[_W] | None],
    name: str,
    reading: Callable[[_W, int, str], _R | None],
    *,
    whole: bool,
) -> tuple[_R, ...]:
    found: list[_R] = []
    for place, row in enumerate(_rows(raw, decoder, name, whole=whole)):
        try:
            read = reading(row, place, f"{name}[{place}]")
        except UnreadableAnswerError:
            if whole:
                raise
            continue
        if read is not None:
            found.append(read)
    return tuple(found)


def _rows(raw: msgspec.Raw, decoder: msgspec.json.Decoder[list[_W] | None], name: str, *, whole: bool) -> list[_W]:
    try:
        return decoder.decode(raw) or []
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if whole:
            raise UnreadableAnswerError(f"{name}: {error}") from None
        return []


# -- fulfilments ------------------------------------------------------------------------------------------------------


def _fulfilment(row: wire.Fulfilment, place: int, field: str) -> Fulfilment:
    voided = _text(row.status).upper() == _VOIDED
    picking, packing, shipping = (_VOIDED if voided else _status(one) for one in (row.pick, row.pack, row.ship))
    picked = (row.pick.lines or []) if row.pick is not None and picking == AUTHORISED else []
    number = _text(row.number)
    return Fulfilment(
        task_id=guid(_text(row.task_id), f"{field}.TaskID"),
        number=(int(number) if number.isdecimal() else 0) or place + 1,
        picking=picking,
        packing=packing,
        shipping=shipping,
        picked=_sums(picked, f"{field}.Pick.Lines"),
        boxes=_boxes(row, picked, field) if shipping in (AUTHORISED, _PARTIALLY) else (),
    )


def _boxes(row: wire.Fulfilment, picked: list[wire.UnitsLine], field: str) -> tuple[Box, ...]:
    """Read what has left. Each unit that was packed is in one box at most; in exactly one once all of it is shipped.

    Which box travels how stands in the lines of the ship, what is in it in those of the pack: a label joins the two.
    """
    everything = _status(row.ship) == AUTHORISED
    lines = (row.ship.lines if row.ship is not None else None) or ([wire.ShipLine()] if everything else [])
    packed = (row.pack.lines if row.pack is not None else None) or []
    where = f"{field}.Pack.Lines" if packed else f"{field}.Pick.Lines"
    packed = packed or picked  # what was packed without a list is what was picked
    known = {_key(line.box) for line in packed}
    named = [(line, _labels(line, known)) for line in lines]
    contents = _contents(packed, [labels for _, labels in named], everything=everything, field=where)
    boxes: dict[str, Box] = {}
    for line, labels in named:
        if not everything and not _has_left(line):
            continue
        for label in labels:
            if _key(label) not in boxes or _text(line.tracking_number):
                boxes[_key(label)] = _box(label, contents.get(_key(label)), line)
    if everything:
        for key, (label, units) in contents.items():
            boxes.setdefault(key, Box(label=label, units=units))
    return tuple(boxes.values())


def _box(label: str, content: tuple[str, _Units] | None, line: wire.ShipLine) -> Box:
    return Box(
        label=label,
        units=content[1] if content is not None else {},
        carrier=_text(line.carrier),
        tracking=_text(line.tracking_number),
        shipped_on=day(plain_text(line.shipment_date)),
    )


def _contents(
    packed: Sequence[wire.UnitsLine], named: Sequence[Sequence[str]], *, everything: bool, field: str
) -> dict[str, tuple[str, _Units]]:
    """Return what is packed in each box, by the key of its label.

    Goods without a label belong to the only line of the ship. So do those of a box that no line names, once everything
    is shipped: while a part is, such a box is what stays behind.
    """
    keys = {_key(label) for labels in named for label in labels}
    only = named[0][0] if len(named) == 1 else ""
    found: dict[str, tuple[str, _Units]] = {}
    for place, line in enumerate(packed):
        label = _text(line.box)
        if not label:
            label = only or (_FIRST_BOX if everything else "")
        elif everything and only and _key(label) not in keys:
            label = only
        _, units = found.setdefault(_key(label), (label, {}))
        _add(units, line, f"{field}[{place}]")
    return found


def _labels(line: wire.ShipLine, packed: set[str]) -> list[str]:
    """Return the boxes a line names, separated by commas; unless the text is, comma and all, the label of one."""
    text = _text(line.boxes) or _text(line.box)
    parts = [text] if _key(text) in packed else [part.strip() for part in text.split(",")]
    return [part for part in parts if part] or [_FIRST_BOX]


def _has_left(line: wire.ShipLine) -> bool:
    return line.is_shipped is True or _text(line.is_shipped).lower() in ("true", "1")


def _key(label: Any) -> str:
    return _text(label).casefold()


# -- credit notes -----------------------------------------------------------------------------------------------------


def credit_note(row: wire.CreditNote, place: int, field: str) -> CreditNote | None:
    """Read a credit note, `field` in its list; None of the place where one would be. Raises as `fulfilments`."""
    status = _status(row)
    if status == _NOT_AVAILABLE and not _text(row.task_id):
        return None
    # A line without a SKU is a charge.
    credited = [line for line in row.lines or [] if _text(line.sku)]
    return CreditNote(
        task_id=guid(_text(row.task_id), f"{field}.TaskID"),
        number=_text(row.number),
        status=status,
        memo=_text(row.memo),
        credited=_sums(credited, f"{field}.Lines"),
        restocked=_sums(row.restock or [], f"{field}.Restock") if status == AUTHORISED else {},
        refunds=_references(row),
    )


def _references(row: wire.CreditNote) -> tuple[str, ...]:
    refunds = [one for one in row.refunds or [] if _text(one.type).upper() in ("", _REFUND)]
    refunds += [one for one in row.payments or [] if _text(one.type).upper() == _REFUND]
    return tuple(dict.fromkeys(text for one in refunds if (text := _text(one.reference))))


# -- fields -----------------------------------------------------------------------------------------------------------


def _sums(lines: Iterable[wire.UnitsLine | wire.DocumentRow], field: str) -> _Units:
    """Add up units by SKU: a SKU has a line for each of its batches."""
    units: _Units = {}
    for place, line in enumerate(lines):
        _add(units, line, f"{field}[{place}]")
    return units


def _add(units: _Units, line: wire.UnitsLine | wire.DocumentRow, field: str) -> None:
    sku, quantity = needed(plain_text(line.sku), f"{field}.SKU"), _quantity(line.quantity, f"{field}.Quantity")
    if quantity:
        units[sku] = units.get(sku, _ZERO) + quantity


def _quantity(value: Any, field: str) -> Decimal:
    try:
        number = Decimal(plain_text(value)) if not isinstance(value, Decimal) else value
    except InvalidOperation:
        raise UnreadableAnswerError(f"{field} is no quantity") from None
    if not is_plain(number) or number < 0:
        raise UnreadableAnswerError(f"{field} is no quantity")
    return number


def _status(stage: wire.Stage | wire.Ship | wire.CreditNote | None) -> str:
    return (_text(stage.status).upper() if stage is not None else "") or _NOT_AVAILABLE


def _text(value: Any) -> str:
    return plain_text(value).strip()
