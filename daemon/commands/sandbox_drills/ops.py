"""What the warehouse has to do with: an order that is cancelled while it is packed."""

from __future__ import annotations

from daemon.commands.sandbox_drills.drill import ORDER, Drill, Stage, is_in, is_open


async def _cancel_late(stage: Stage) -> None:
    order = stage.notes[ORDER] = stage.place()
    await stage.until(lambda: stage.exported(order), "the order is a sale")
    stage.cin7.pick(stage.sale(order).id)
    stage.shop.cancel(order)


async def _void_the_sale(stage: Stage) -> None:
    sale = stage.sale(stage.notes[ORDER])
    stage.cin7.undo_pick(sale.id)
    for invoice in stage.cin7.invoices(sale.id):
        stage.cin7.void_invoice(sale.id, invoice.number)
    stage.cin7.void_by_hand(sale.id)


CANCELLED_LATE = Drill(
    name="cancelled-late",
    role="ops",
    code="cancelled_after_pick",
    story="A customer cancels an order that the warehouse has just picked.",
    see="`cancelled_after_pick`: the order is cancelled, the sale stands, and tallyd does not void it by itself.",
    page="/exceptions?type=cancelled_after_pick",
    command="exceptions list --owner ops",
    steps=(
        "Call the warehouse: stop the parcel.",
        "In Cin7 Core undo the pick, void the invoice if there is one, then void the sale.",
        "Wait: the exception closes once the sale is read as void.",
    ),
    hand="undoes the pick in Cin7 Core, voids the invoice and then the sale",
    lesson="Once hands are on it, a person decides. Before that, tallyd voids by itself.",
    minutes=3,
    trouble=_cancel_late,
    seen=is_open("cancelled_after_pick"),
    mend=_void_the_sale,
    solved=is_in("cancelled"),
)
