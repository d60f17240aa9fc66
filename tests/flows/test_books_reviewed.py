"""The books where two things meet: a sale made anew, a person who was quicker, one payment of two orders."""

from __future__ import annotations

from actors.messages import Flow
from adapters.sandbox.faults import Fault, FaultKind
from storage import orders
from tests.finance_house import (
    LATER,
    MUG,
    SOON,
    found,
    house,
    invoices,
    kept,
    sale_of,
    sold,
    step,
    told,
    totals,
)
from tests.simulation.world import World, virtual


async def made_anew(made: World, order: str) -> None:
    """A person voids the sale with its invoices, and has the order sent again."""
    sale = sale_of(made, order)
    for invoice in invoices(made, order):
        made.cin7.void_invoice(sale, invoice.number)
    made.cin7.void_by_hand(sale)
    await made.clock.sleep(700)
    await made.daemon.write(lambda connection: orders.set_resend(connection, order, True))
    await made.daemon.nudge(order)
    await made.clock.sleep(200)


@virtual
async def test_the_books_of_a_sale_made_anew_miss_nothing_that_stood_on_the_void_one() -> None:
    async with house(971) as made:
        order = await sold(made)
        await made_anew(made, order)
        sale = kept(made, order).sale_id
        standing = [one for one in made.cin7.invoices(sale) if one.stands]
        assert (totals(standing), [len(one.payments) for one in standing]) == (["45.84"], [1])
        assert (step(made, order), told(made, order)) == (("agrees", ""), [])


@virtual
async def test_what_leaves_while_an_invoice_is_on_its_way_is_invoiced_as_well() -> None:
    async with house(972, invoice="shipped") as made:
        order = await sold(made)
        sale = sale_of(made, order)
        made.cin7_faults.plan("invoice_write", Fault(kind=FaultKind.SLOW, seconds=50))
        made.cin7.ship_part(sale, {MUG: 1})
        await made.until(lambda: made.calls("invoice_write") == 1, within=LATER)
        made.cin7.ship_rest(sale)
        await made.clock.sleep(5)
        await made.daemon.nudge(order, Flow.FULFILMENT)
        await made.clock.sleep(SOON)
        assert totals(invoices(made, order)) == ["17.90", "27.94"]
        assert (step(made, order), found(made, order)) == (("agrees", ""), set())
