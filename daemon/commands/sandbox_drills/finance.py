"""What the books have to do with: a tax nobody mapped, money given back, a month that does not tie out."""

from __future__ import annotations

from decimal import Decimal

from adapters.sandbox.carts import LineDraft
from adapters.sandbox.generator import UNKNOWN_TAX
from daemon.commands.sandbox_drills.drill import MUG, ORDER, Drill, Stage, is_closed, is_in, is_open, nothing


async def _tax_luxury(stage: Stage) -> None:
    stage.notes[ORDER] = stage.place(lines=(LineDraft(sku=MUG, tax=UNKNOWN_TAX),))


async def _map_luxury(stage: Stage) -> None:
    await stage.watch.map("tax", "GB/luxury", "20% (VAT on Income)")


TAX_UNMAPPED = Drill(
    name="tax-unmapped",
    role="finance",
    code="tax_unmapped",
    story="The storefront has a new tax rate, and nobody told finance which rule of Cin7 Core it is.",
    see="The order is held by `tax_unmapped`; the exception names the key that is looked for.",
    page="/exceptions?type=tax_unmapped",
    command="exceptions list --owner finance",
    steps=(
        "Open the exception: read the tax's name and rate. Decide which rule of Cin7 Core it is.",
        "Map it there (key `GB/luxury`, rule `20% (VAT on Income)`): it is tried on the last orders first.",
        "Put it in force: the order goes on at once.",
    ),
    hand="",
    lesson="Unknown is never zero. A new rate is agreed with finance before it is switched on.",
    minutes=3,
    trouble=_tax_luxury,
    seen=is_open("tax_unmapped"),
    mend=nothing,
    press=_map_luxury,
    solved=is_in("exported"),
)


async def _give_back(stage: Stage) -> None:
    order = stage.notes[ORDER] = stage.place()
    await _invoiced(stage, order)
    stage.shop.advise_return(order, MUG, 1)
    stage.notes["refund"] = stage.shop.refund(order, 1295)


async def _invoiced(stage: Stage, order: str) -> None:
    async def fact() -> bool:
        return await stage.exported(order) and any(one.stands for one in stage.cin7.invoices(stage.sale(order).id))

    await stage.until(fact, "the order is invoiced")


async def _credit_the_mug(stage: Stage) -> None:
    sale = stage.sale(stage.notes[ORDER])
    stage.cin7.add_credit_note(sale.id, lines=((MUG, 1),), refund_reference=stage.notes["refund"])


REFUND = Drill(
    name="refund",
    role="finance",
    code="refund_unallocated",
    story="Customer service gave the money for a mug back, while the mug is still on its way to us.",
    see="`refund_unallocated`: money left, and no goods came back that a credit note could name.",
    page="/exceptions?type=refund_unallocated",
    command="exceptions list --owner finance",
    steps=(
        "Open the order: see the refund, the return that is announced, and the invoice.",
        "Ask what it was for. Where goods are back, mark the return in commercetools: the note follows by itself.",
        "Else enter a credit note in Cin7 Core; the refund's id, which is shown, is the reference of its payment.",
    ),
    hand="enters the credit note in Cin7 Core: one mug, paid back under the refund's id",
    lesson="A credit note says what money was given back for. Whoever gives money back enters the return with it.",
    minutes=5,
    trouble=_give_back,
    seen=is_open("refund_unallocated"),
    mend=_credit_the_mug,
    solved=is_closed("refund_unallocated", "books_differ"),
)


async def _edit_an_invoice(stage: Stage) -> None:
    order = stage.notes[ORDER] = stage.place()
    await _invoiced(stage, order)
    sale = stage.sale(order)
    [invoice] = [one for one in stage.cin7.invoices(sale.id) if one.stands]
    price = next(iter(invoice.lines)).price
    stage.notes["price"] = str(price)
    stage.cin7.edit_invoice(sale.id, invoice.number, sku=MUG, price=price + 1)


async def _put_it_right(stage: Stage) -> None:
    sale = stage.sale(stage.notes[ORDER])
    [invoice] = [one for one in stage.cin7.invoices(sale.id) if one.stands]
    stage.cin7.edit_invoice(sale.id, invoice.number, sku=MUG, price=Decimal(stage.notes["price"]))


MONTH_END = Drill(
    name="month-end",
    role="finance",
    code="books_differ",
    story="On the last day of the month somebody changed the price on a posted invoice in Cin7 Core.",
    see="`books_differ`: order and invoice do not agree, by a pound and its tax. The month's report shows it.",
    page="/reconciliation",
    command="exceptions list --type books_differ",
    steps=(
        "Open the order: both sides stand side by side, with the document and the row that differ.",
        "Put the invoice right in Cin7 Core; or, if it was meant, accept it with a reason.",
        "Run the month's report again: nothing is left that differs.",
    ),
    hand="puts the invoice right in Cin7 Core",
    lesson="Finance closes a month once nothing differs and nothing waits; every accepted difference has a reason.",
    minutes=5,
    trouble=_edit_an_invoice,
    seen=is_open("books_differ"),
    mend=_put_it_right,
    solved=is_closed("books_differ"),
)
