"""Between Cin7 Core's documents and our words (`actors.domain.sale`, `actors.domain.facts`). Figures are only copied.

Reading raises `UnreadableAnswerError` where a figure or an identity is missing that somebody would decide upon.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, TypeVar

import msgspec

from actors.domain import facts, sale
from actors.domain.financial import Invoice
from actors.domain.fulfilment import CreditNote
from actors.domain.money import is_plain
from actors.domain.rates import CIN7_LAST
from actors.domain.rows import OrderRow
from adapters.cin7 import documents, fulfilments, headers, wire
from adapters.cin7.fields import UnreadableAnswerError, day, figure, guid, needed, plain_text
from adapters.cin7.numbers import RATE_PLACES, plain_number

_B = TypeVar("_B", bound=wire.BillingAddress)
_S = TypeVar("_S", bound=wire.ShippingAddress)

_ANYTHING = msgspec.json.Decoder(float_hook=Decimal)
_NO_DOCUMENT = frozenset({"", "NOT AVAILABLE"})
_ZERO = Decimal(0)
_ONE = Decimal(1)
# What one of several kits takes may have no end. Cut off, it leaves every whole number of kits what it was: the error
# is far too small to reach the next one, and on the side of a floor.
_CUT = Context(prec=28, rounding=ROUND_FLOOR)


# -- what leaves ------------------------------------------------------------------------------------------------------


def sent_header(header: sale.SaleHeader) -> wire.SaleHeader:
    """Write the body of `POST /sale` (fact sheet §2.4): a simple sale without a quote, in one document mode."""
    return wire.SaleHeader(
        customer_id=header.customer_id,
        skip_quote=True,
        location=header.location,
        tax_rule=header.tax_rule,
        tax_inclusive=header.tax_inclusive,
        sale_order_date=_sent_day(header.order_date),
        customer_reference=header.customer_reference,
        external_id=header.external_id,
        sale_type="Simple",
        terms=header.terms or "",
        contact=header.contact,
        phone=header.phone,
        email=header.email,
        billing_address=_sent_billing(header.billing, wire.BillingAddress),
        shipping_address=_sent_shipping(header.shipping, wire.ShippingAddress),
        currency_rate=plain_number(header.currency_rate, RATE_PLACES) if header.currency_rate is not None else None,
        carrier=header.carrier,
        note=header.note,
        shipping_notes=header.shipping_notes,
        ship_by=_sent_day(header.ship_by) if header.ship_by is not None else "",
        additional_attributes=_sent_attributes({n: text for n, text in header.attributes.items() if text}),
    )


def sent_change(change: sale.SaleChange, shown: sale.ShownHeader) -> dict[str, Any]:
    """Write the body of `PUT /sale` (fact sheet §2.4): what is None is as it was shown, an address is written whole."""
    written = wire.SaleChange(
        id=change.sale_id,
        contact=change.contact,
        phone=change.phone,
        email=change.email,
        billing_address=_sent_billing(change.billing, wire.WholeBillingAddress),
        shipping_address=_sent_shipping(change.shipping, wire.WholeShippingAddress),
        note=change.note,
        shipping_notes=change.shipping_notes,
        customer_reference=change.customer_reference,
        ship_by=_sent_day(change.ship_by) if change.ship_by is not None else None,
        additional_attributes=_sent_attributes(change.attributes) if change.attributes is not None else None,
    )
    return headers.changed_header(shown, written)


def sent_customer(card: sale.CustomerCard) -> wire.SentCustomer:
    """Write the body of `POST /customer` (fact sheet §5); a contact needs a name, so without one there is none."""
    contact = wire.Contact(name=card.contact, email=card.email, phone=card.phone, default=True)
    return wire.SentCustomer(
        name=card.name,
        display_name=card.display_name,
        status="Active",
        currency=card.currency,
        payment_term=card.payment_term,
        account_receivable=card.receivable,
        revenue_account=card.revenue,
        tax_rule=card.tax_rule,
        contacts=[contact] if card.contact else [],
    )


def sent_order(order: sale.SaleOrder) -> wire.SaleOrder:
    """Write the body of `POST /sale/order` (fact sheet §2.5): goods as lines, everything else as charges, no totals.

    Raises:
        ValueError: a figure with more than four decimals, which Cin7 does not take.
    """
    return wire.SaleOrder(
        sale_id=order.sale_id,
        memo=order.memo,
        status="AUTHORISED" if order.authorise else "DRAFT",
        auto_pick_pack_ship_mode="NOPICK",
        combine_additional_charges=False,
        lines=[_sent_line(row) for row in order.rows if row.kind is sale.RowKind.LINE],
        additional_charges=[_sent_charge(row) for row in order.rows if row.kind is not sale.RowKind.LINE],
    )


def _sent_line(row: sale.Row) -> wire.SentLine:
    return wire.SentLine(
        product_id=row.product_id,
        sku=row.sku,
        name=row.name,
        quantity=plain_number(row.quantity),
        price=plain_number(row.price),
        discount=plain_number(row.discount),
        tax=plain_number(row.tax),
        tax_rule=row.tax_rule,
        comment=row.comment,
    )


def _sent_charge(row: sale.Row) -> wire.SentCharge:
    return wire.SentCharge(
        description=row.sku,
        price=plain_number(row.price),
        quantity=plain_number(row.quantity),
        discount=plain_number(row.discount),
        tax=plain_number(row.tax),
        tax_rule=row.tax_rule,
        comment=row.comment,
    )


def _sent_billing(address: sale.SaleAddress | None, kind: type[_B]) -> _B | None:
    if address is None:
        return None
    return kind(
        line1=address.line1,
        line2=address.line2,
        city=address.city,
        state=address.state,
        postcode=address.postcode,
        country=address.country,
    )


def _sent_shipping(address: sale.SaleAddress | None, kind: type[_S]) -> _S | None:
    if address is None:
        return None
    return kind(
        line1=address.line1,
        line2=address.line2,
        city=address.city,
        state=address.state,
        postcode=address.postcode,
        country=address.country,
        company=address.company,
        contact=address.contact,
        ship_to_other=True,
    )


def _sent_attributes(attributes: dict[int, str]) -> dict[str, str]:
    return {f"AdditionalAttribute{number}": text for number, text in sorted(attributes.items())}


def _sent_day(when: date) -> str:
    return f"{when.isoformat()}T00:00:00"


# -- what arrives: sales ----------------------------------------------------------------------------------------------


def sale_view(document: wire.Sale, *, whole: bool = False, money: bool = False) -> sale.SaleView:
    """Read a sale. A fulfilment or credit note that cannot be read is left out, unless the `whole` sale is wanted.

    What its invoices and credit notes come to is read with the whole sale. Where that cannot be read the view says so
    (`money_read`), unless the `money` is what is wanted.

    Raises:
        UnreadableAnswerError: no ID, no Status, an order document without its figures, or (if `whole`) an unreadable
            fulfilment or credit note, or (if `money`) a document whose figures cannot be read.
    """
    notes = fulfilments.credit_notes(document.credit_notes, whole=whole)
    invoices, notes, money_read = _with_money(document, notes, insist=money) if whole else ((), notes, False)
    order = document.order
    order_status = (order.status or "").upper() if order is not None else ""
    has_document = order_status not in _NO_DOCUMENT
    return sale.SaleView(
        id=guid(document.id, "ID"),
        status=needed(document.status, "Status"),
        external_id=document.external_id or None,
        customer_reference=document.customer_reference or None,
        tax_inclusive=_inclusive(document),
        currency=document.customer_currency or None,
        location=document.location or "",
        header=headers.shown_header(document),
        currency_rate=document.currency_rate,
        order_date=day(document.sale_order_date),
        number=(order.sale_order_number or None) if order is not None else None,
        order=order_view(order) if order is not None and has_document else None,
        order_status=order_status or "NOT AVAILABLE",
        fulfilment_authorised=fulfilments.is_begun(document.fulfilments),
        invoiced=fulfilments.is_invoiced(document),
        stages=fulfilments.stages(document),
        fulfilments=fulfilments.fulfilments(document.fulfilments, whole=whole),
        credit_notes=notes,
        invoices=invoices,
        money_read=money_read,
    )


def _with_money(
    document: wire.Sale, notes: tuple[CreditNote, ...], *, insist: bool
) -> tuple[tuple[Invoice, ...], tuple[CreditNote, ...], bool]:
    """Return the invoices, the credit notes with what they come to, and whether both could be read."""
    try:
        return documents.invoices(document.invoices), documents.with_figures(notes, document.credit_notes), True
    except UnreadableAnswerError:
        if insist:
            raise
        return (), notes, False


def order_view(document: wire.Order) -> sale.OrderView:
    """Read an order document.

    Raises:
        UnreadableAnswerError: no Status, no Lines, or a row or total without a figure.
    """
    if document.lines is None:
        raise UnreadableAnswerError("Lines is missing")
    lines = [_line(line, f"Lines[{n}]") for n, line in enumerate(document.lines)]
    charges = [_charge(one, f"AdditionalCharges[{n}]") for n, one in enumerate(document.additional_charges or ())]
    return sale.OrderView(
        status=needed(document.status, "Status").upper(),
        rows=(*lines, *charges),
        net=figure(document.total_before_tax, "TotalBeforeTax"),
        tax=figure(document.tax, "Tax"),
        total=figure(document.total, "Total"),
        number=document.sale_order_number or None,
    )


def look_up(page: wire.SaleList) -> sale.LookUp:
    """Read a page of `saleList`.

    Raises:
        UnreadableAnswerError: no Total, no list, or a row without its ID.
    """
    if page.total is None or page.rows is None:
        raise UnreadableAnswerError("Total or SaleList is missing")
    return sale.LookUp(rows=tuple(sale_row(row) for row in page.rows), total=page.total)


def sale_row(row: wire.SaleListRow) -> sale.SaleRow:
    """Read a row of `saleList`.

    Raises:
        UnreadableAnswerError: it has no ID.
    """
    return sale.SaleRow(
        id=guid(row.sale_id, "SaleID"),
        number=row.order_number or None,
        status=row.status or "",
        order_status=row.order_status or "NOT AVAILABLE",
        external_id=row.external_id or None,
        customer_reference=row.customer_reference or None,
        searched=_searched(row),
        currency=row.customer_currency or "",
        order_date=day(row.order_date),
    )


def _searched(row: wire.SaleListRow) -> str:
    """Join the texts that `Search` looks through (fact sheet §2.2), one a line, so that no match spans two of them."""
    texts = (
        row.order_number,
        row.status,
        row.customer,
        row.invoice_number,
        row.customer_reference,
        row.credit_note_number,
    )
    return "\n".join(text for text in texts if text)


def _line(line: wire.OrderLine, field: str) -> OrderRow:
    return OrderRow(
        sku=needed(line.sku, f"{field}.SKU"),
        name=line.name or "",
        quantity=figure(line.quantity, f"{field}.Quantity"),
        price=figure(line.price, f"{field}.Price"),
        tax=figure(line.tax, f"{field}.Tax"),
        tax_rule=line.tax_rule or "",
        total=figure(line.total, f"{field}.Total"),
        discount=line.discount or _ZERO,
        backordered=line.backorder_quantity or _ZERO,
    )


def _charge(charge: wire.OrderCharge, field: str) -> OrderRow:
    name = needed(charge.description, f"{field}.Description")
    return OrderRow(
        sku=name,
        name=name,
        quantity=figure(charge.quantity, f"{field}.Quantity"),
        price=figure(charge.price, f"{field}.Price"),
        tax=figure(charge.tax, f"{field}.Tax"),
        tax_rule=charge.tax_rule or "",
        total=figure(charge.total, f"{field}.Total"),
        discount=charge.discount or _ZERO,
        is_charge=True,
    )


def _inclusive(document: wire.Sale) -> bool:
    """Read `TaxCalculation`; an answer that has only the write-side `TaxInclusive` is taken at that."""
    if document.tax_calculation:
        return document.tax_calculation.strip().upper() == "INCLUSIVE"
    return bool(document.tax_inclusive)


# -- what arrives: reference data -------------------------------------------------------------------------------------


def company(me: wire.Me) -> facts.Company:
    """Read `GET /me`.

    Raises:
        UnreadableAnswerError: no base currency.
    """
    return facts.Company(
        name=me.company or "",
        currency=needed(me.currency, "Currency"),
        time_zone=me.time_zone or "",
        tax_calculation_method=me.tax_calculation_method or "",
        lock_date=me.lock_date or None,
        automatic_discounts=bool(me.automatically_apply_discounts),
        discount_rule=me.discount_rule or "",
        customer_discount_last=bool(me.apply_customer_discounts_after_other_discounts),
        rounding_table=_canonical(me.rounding_table),
    )


def _canonical(raw: msgspec.Raw) -> str:
    """Write a table so that equal ones are equal texts: keys and rows sorted, 0.50 as 0.5; "" where there is none."""
    try:
        value = _ANYTHING.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "unreadable"
    return _written(value) if value else ""


def _written(value: Any) -> str:
    match value:
        case dict():
            return "{" + ",".join(f"{key}:{_written(part)}" for key, part in sorted(value.items())) + "}"
        case list():
            return "[" + ",".join(sorted(_written(part) for part in value)) + "]"
        case bool() | None:
            return str(value)
        case int() | Decimal():
            return _figures(Decimal(value))
    return str(value)


def _figures(value: Decimal) -> str:
    """Write a number one way: 20, 20.0 and 2E+1 are one."""
    if value == 0:
        return "0"
    return f"{value.normalize():f}" if is_plain(value) else str(value)


def tax_rule(row: wire.TaxRule) -> facts.TaxRule:
    """Read a tax rule; without `TaxPercent` its components are added up."""
    percent = row.tax_percent
    if percent is None:
        parts = [figure(part.percent, "Components.Percent") for part in row.components or ()]
        if not parts:
            raise UnreadableAnswerError("TaxPercent is missing")
        percent = sum(parts, _ZERO)
    return facts.TaxRule(
        id=guid(row.id, "ID"),
        name=needed(row.name, "Name"),
        percent=percent,
        active=row.is_active is not False,
        for_sale=row.is_tax_for_sale is not False,
        inclusive=bool(row.tax_inclusive),
        components=tuple(
            sorted(
                f"{part.name or ''} {_figures(part.percent) if part.percent is not None else '?'}"
                for part in row.components or ()
            )
        ),
    )


def carrier(row: wire.Carrier) -> facts.Carrier:
    """Read a carrier."""
    return facts.Carrier(id=guid(row.id, "CarrierID"), name=needed(row.description, "Description"))


def location(row: wire.Location) -> facts.Location:
    """Read a location."""
    return facts.Location(
        id=guid(row.id, "ID"), name=needed(row.name, "Name"), deprecated=bool(row.is_deprecated or row.deprecated)
    )


def payment_term(row: wire.PaymentTerm) -> facts.PaymentTerm:
    """Read a payment term."""
    return facts.PaymentTerm(
        id=guid(row.id, "ID"),
        name=needed(row.name, "Name"),
        active=row.is_active is not False,
        is_default=bool(row.is_default),
    )


def account(row: wire.Account) -> facts.LedgerAccount:
    """Read an account of the books."""
    return facts.LedgerAccount(
        code=needed(row.code, "Code"),
        name=row.name or "",
        for_payments=bool(row.for_payments),
        active=(row.status or "ACTIVE").upper() == "ACTIVE",
        kind=plain_text(row.kind).strip().upper(),
    )


def customer(row: wire.Customer) -> facts.Customer:
    """Read a customer: its name and currency, none of its people."""
    return facts.Customer(
        id=guid(row.id, "ID"),
        name=needed(row.name, "Name"),
        currency=needed(row.currency, "Currency"),
        status=row.status or "Active",
        discount=row.discount or _ZERO,
        payment_term=row.payment_term or "",
        receivable=row.account_receivable or "",
        revenue=row.revenue_account or "",
        tax_rule=row.tax_rule or "",
    )


def made_customer(page: wire.CustomerList, name: str) -> facts.Customer:
    """Read the answer to `POST /customer`: a list of the one that was made.

    Raises:
        UnreadableAnswerError: it is not there, or is another one.
    """
    if not page.rows:
        raise UnreadableAnswerError("CustomerList is missing")
    made = customer(page.rows[0])
    if made.name != name:
        raise UnreadableAnswerError("CustomerList[0].Name is another customer's")
    return made


def exchange_rate(row: sale.SaleRow, view: sale.SaleView) -> facts.ExchangeRate | None:
    """Read the rate a sale was booked at; None where it names none that could be used again, or no day."""
    rate, booked_on = view.currency_rate, view.order_date or row.order_date
    if rate is None or not rate.is_finite() or rate <= 0 or booked_on is None:
        return None
    return facts.ExchangeRate(currency=row.currency, day=booked_on, rate=rate, source=CIN7_LAST)


def product(row: wire.Product) -> facts.Product:
    """Read a product, and its components where Cin7 assembles it on sale."""
    return facts.Product(
        id=guid(row.id, "ID"),
        sku=needed(row.sku, "SKU"),
        name=row.name or "",
        type=row.type or "",
        status=row.status or "Active",
        sellable=row.sellable is not False,
        drop_ship=row.drop_ship_mode or "No Drop Ship",
        category=row.category or "",
        revenue_account=plain_text(row.revenue_account).strip(),
        parts=_parts(row) if row.bill_of_material and row.auto_assembly else (),
    )


def _parts(row: wire.Product) -> tuple[facts.KitPart, ...]:
    """Read what one kit takes of each component, its waste included; what takes nothing limits nothing."""
    made = row.quantity_to_produce or _ONE
    if not is_plain(made) or made <= 0:
        raise UnreadableAnswerError("QuantityToProduce is no quantity")
    taken: dict[str, Decimal] = {}
    for part in row.parts or ():
        sku = needed(part.product_code, "BillOfMaterialsProducts.ProductCode")
        taken[sku] = taken.get(sku, _ZERO) + _taken(part)
    return tuple(
        facts.KitPart(sku=sku, quantity=_CUT.divide(quantity, made)) for sku, quantity in taken.items() if quantity
    )


def _taken(part: wire.KitPart) -> Decimal:
    quantity = figure(part.quantity, "BillOfMaterialsProducts.Quantity")
    percent, waste = part.wastage_percent or _ZERO, part.wastage_quantity or _ZERO
    if not all(is_plain(one) and one >= 0 for one in (quantity, percent, waste)):
        raise UnreadableAnswerError("BillOfMaterialsProducts.Quantity is no quantity")
    return quantity + quantity * percent / 100 + waste
