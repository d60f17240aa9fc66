"""What the next invoice of a sale holds, and whether what came back is what was sent (money §2.3, §2.4, §5; law L5).

An invoice is made from the order document as it was posted, and is what is due by now less what invoices hold already.
Nothing is recomputed from rates or unit prices, so the invoices of a sale add up to it, in every row and in its tax.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal

from actors.domain.arithmetic import from_ticks
from actors.domain.comparison import Difference, compare_voucher
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, Product, fact_ref
from actors.domain.figures import Sold
from actors.domain.financial import NOTHING, Invoice
from actors.domain.mapping import SERVICE
from actors.domain.money import floor_once
from actors.domain.portions import Item, Key, Part, Parts, parts_of, rows_of, shown, tally
from actors.domain.references import PREFIX
from actors.domain.rows import OrderRow
from actors.domain.sale import Row, RowKind

_DRAFT = "DRAFT"


def to_invoice(
    sold: Sold,
    invoices: Sequence[Invoice],
    units: Mapping[str, Decimal] | None,
    *,
    products: Mapping[str, Product],
    services: Mapping[str, Product],
) -> tuple[Row, ...] | Finding:
    """Return the rows of the next invoice; none where nothing is to be invoiced.

    `units` is what is to be invoiced by now in all, by SKU (what was shipped; parts of a unit do not count); None:
    everything. Charges go with the first piece, and so do goods of type Service, which nobody ships; where nothing of
    the sale is shipped at all, everything is due. A discount, a voucher and tender are spread over the pieces; the
    cents that whole prices left over go with the last one. `invoices` are those there are: what stands counts, and a
    draft of ours; so a person's own invoice is not repeated, and only what it leaves is invoiced.

    A SKU that is invoiced whole or not at all is left out while a part of it is due, so that the others are not kept
    waiting: `part_not_invoiceable` is found only where there is nothing else to invoice. What rows cannot say (more
    invoiced than sold, other prices or rules, a total below zero) is `books_differ`; a product or service that is not
    known is `sku_unknown` or `charge_unknown`.
    """
    try:
        parts = parts_of(sold)
        invoiced = tally(row for invoice in invoices if _counts(invoice) for row in invoice.rows)
    except ValueError as error:
        return _differs(f"a figure of the sale or of its invoices cannot be calculated with: {error}")
    cause = _beyond(parts, invoiced)
    if cause:
        return _differs(cause)
    pieces, kept_back = _due(parts, units, invoiced, products)
    charges = {key for key in parts.items if key.is_charge} if any(pieces.values()) else set()
    by_now = parts.by_now(pieces, charges)
    due = {key: item.next_after(invoiced.get(key, Part()), by_now[key]) for key, item in parts.items.items()}
    if not any(due.values()):
        return _kept_back(kept_back, units or {}) if kept_back else ()
    cause = _unsayable(parts, due)
    return _differs(cause) if cause else written(parts, due, products=products, services=services)


def invoice_differences(rows: Sequence[Row], invoice: Invoice, *, tax_inclusive: bool) -> tuple[Difference, ...]:
    """List every difference between the rows that were posted and the invoice Cin7 shows: each row, net, tax, total.

    `tax_inclusive` is the mode of the sale the rows were made of.
    """
    return compare_voucher(rows, invoice, tax_inclusive=tax_inclusive)


def as_taken(rows: Sequence[Row]) -> Invoice:
    """Return the invoice of these rows where Cin7 takes each as it is meant: to ask what would be left after it."""
    return Invoice(
        task_id="",
        number="",
        status="AUTHORISED",
        rows=tuple(
            OrderRow(
                sku=row.sku if row.kind is RowKind.LINE else "",
                name=row.name,
                quantity=row.quantity,
                price=row.price,
                tax=row.tax,
                tax_rule=row.tax_rule,
                total=row.amount,
                discount=row.discount,
                is_charge=row.kind is not RowKind.LINE,
            )
            for row in rows
        ),
    )


def written(
    parts: Parts, chosen: Mapping[Key, Part], *, products: Mapping[str, Product], services: Mapping[str, Product]
) -> tuple[Row, ...] | Finding:
    """Write parts the items hold as rows, in the order of the sale; or find the product that is not known."""
    rows: list[Row] = []
    for key, item in parts.items.items():
        part = chosen.get(key, Part())
        product = (services if key.is_charge else products).get(key.name)
        if part and product is None:
            return _unknown(key)
        if part and product is not None:
            rows += rows_of(item, part, product)
    return tuple(rows)


# -- what is due -----------------------------------------------------------------------------------------------------


def _counts(invoice: Invoice) -> bool:
    """Whether what it holds must not be invoiced again: it stands, or it is a draft we began."""
    return invoice.stands or (invoice.status == _DRAFT and invoice.memo.startswith(PREFIX))


def _due(
    parts: Parts, units: Mapping[str, Decimal] | None, invoiced: Mapping[Key, Part], products: Mapping[str, Product]
) -> tuple[dict[Key, Decimal], list[Item]]:
    """Return the pieces that are to be invoiced by now, and the items of which a part is due and none can be."""
    if units is None:
        return {item.key: item.whole.pieces for item in parts.goods}, []
    sent = [item for item in parts.goods if not _is_service(item, products)]
    pieces: dict[Key, Decimal] = {}
    kept_back = []
    for item in sent:
        held = invoiced.get(item.key, Part()).pieces
        wanted = min(Decimal(floor_once(units.get(item.key.name, NOTHING))), item.whole.pieces)
        in_part = not item.divisible and held < wanted < item.whole.pieces
        kept_back += [item] if in_part else []
        pieces[item.key] = held if in_part else max(held, wanted)
    begun = any(pieces.values()) or not sent
    return pieces | {item.key: item.whole.pieces for item in parts.goods if begun and item not in sent}, kept_back


def _is_service(item: Item, products: Mapping[str, Product]) -> bool:
    product = products.get(item.key.name)
    return product is not None and product.type == SERVICE


# -- what rows cannot say --------------------------------------------------------------------------------------------


def _beyond(parts: Parts, invoiced: Mapping[Key, Part]) -> str:
    """Say in words what of the invoices is not of the sale, or more of it than there is; "" where nothing is."""
    for key, held in invoiced.items():
        item = parts.items.get(key)
        if item is None:
            return f"{key.name} is invoiced by {key.rule}, and the sale has no such row"
        left = item.left_after(held)
        if not held.within(item.whole) or (item.is_goods and not 0 <= held.pieces <= item.whole.pieces):
            return f"more of {key.name} is invoiced ({shown(held)}) than was sold ({shown(item.whole)})"
        if not _remains(item, left):
            return f"{key.name} is invoiced otherwise ({shown(held)}) than it was sold ({shown(item.whole)})"
    return ""


def _remains(item: Item, left: Part) -> bool:
    """Whether further invoices can hold what is left of the item."""
    return item.holds(left) or (not item.is_goods and left.amount != 0)


def _unsayable(parts: Parts, due: Mapping[Key, Part]) -> str:
    for key, part in due.items():
        if not parts.items[key].holds(part):
            return f"what is left of {key.name} ({shown(part)}) is no row at the price it was sold at"
    amount = sum(part.amount for part in due.values())
    total = amount if parts.inclusive else amount + sum(part.tax for part in due.values())
    return f"what is left to invoice is {from_ticks(total):f}, less than nothing" if total < 0 else ""


def _kept_back(items: Collection[Item], units: Mapping[str, Decimal]) -> Finding:
    first = next(iter(items))
    return Finding(
        code="part_not_invoiceable",
        cause="; ".join(
            f"{units[item.key.name].normalize():f} of {item.whole.pieces.normalize():f} {item.key.name} are to be"
            " invoiced, and its price is exact for all of them only"
            for item in items
        ),
        sku=first.key.name,
        facts={f"{item.key.name} sold": shown(item.whole) for item in items},
    )


def _differs(cause: str) -> Finding:
    return Finding(code="books_differ", cause=cause, field="Invoices")


def _unknown(key: Key) -> Finding:
    if key.is_charge:
        return Finding(
            code="charge_unknown",
            cause=f"Cin7 Core has no service product named {key.name}, which the sale was posted with",
            field="AdditionalCharges.Description",
            waits_for=fact_ref(FactKind.PRODUCT, ""),
            group=f"charge_unknown:{key.name}",
        )
    return Finding(
        code="sku_unknown",
        cause=f"Cin7 Core has no product with SKU {key.name}, which the sale was posted with",
        field="Lines.SKU",
        sku=key.name,
        waits_for=fact_ref(FactKind.PRODUCT, key.name),
        group=f"sku_unknown:{key.name}",
    )
