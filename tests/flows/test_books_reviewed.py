"""The books where two things meet: a sale made anew, a person who was quicker, one payment of two orders."""

from __future__ import annotations

from storage import orders
from tests.finance_house import (
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
