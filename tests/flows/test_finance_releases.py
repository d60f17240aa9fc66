"""What people decide about books, and what follows: released as they stand, taken out of hand, judged anew."""

from __future__ import annotations

import msgspec
import pytest

from adapters.operator.problems import ProblemError
from daemon import actions
from storage import books
from tests.finance_house import (
    CLEARING,
    GIFT_CARDS,
    LATER,
    MUG,
    PLATE,
    SOON,
    Running,
    finance,
    found,
    house,
    invoices,
    kept,
    moved,
    paid,
    reject,
    release,
    release_day,
    sale_of,
    sold,
    step,
    told,
    totals,
)
from tests.simulation.world import World, virtual

RULE = "20% (VAT on Income)"


async def edited(made: World, price: str) -> str:
    """An order whose sale was changed in Cin7 Core before it was invoiced, and looked at since."""
    order = await sold(made)
    made.cin7.edit_order_row(sale_of(made, order), PLATE, price=price)
    await read_again(made, order)
    return order


async def read_again(made: World, order: str) -> None:
    """Have the sale read for its books, as a webhook would."""
    await made.daemon.write(lambda connection: books.ask(connection, order, now=made.clock.now(), told=True))
    await made.clock.sleep(10)


@virtual
async def test_what_is_released_is_posted_as_cin7_has_it_and_goes_on_being_reported() -> None:
    async with house(951, posting="hold") as made:
        order = await edited(made, "9.99")
        assert (step(made, order), told(made, order)) == (("differs", "held"), ["books_differ"])
        await release(made, order)
        await made.clock.sleep(SOON)
        assert totals(invoices(made, order)) == ["40.84"]
        # No more is paid than is invoiced; what the customer paid beyond that is a person's to book.
        assert paid(made, order) == [(moved(made, order)[0], "40.84", CLEARING)]
        assert told(made, order) == ["payment_unpostable"]
        assert {chain for chain, _ in found(made, order)} == {"sale", "invoice", "payment"}
        assert (step(made, order), kept(made, order).decision) == (("differs", "stuck"), "released")
        await made.clock.sleep(LATER)
        assert (made.calls("invoice_write"), made.calls("payment_write")) == (1, 1)


@virtual
async def test_a_release_covers_what_differed_when_it_was_given() -> None:
    async with house(952, posting="hold") as made:
        order = await edited(made, "9.99")
        await release(made, order)
        await made.clock.sleep(SOON)
        [invoice] = invoices(made, order)
        made.cin7.edit_invoice(sale_of(made, order), invoice.number, sku=MUG, price="11.00")
        await read_again(made, order)
        assert (step(made, order), told(made, order)) == (("differs", "held"), ["books_differ", "payment_unpostable"])


@virtual
async def test_with_four_eyes_two_people_release_and_one_is_not_enough() -> None:
    async with house(953, posting="auto", four_eyes=True, invoice="shipped") as made:
        order = await edited(made, "9.99")
        await release(made, order, author="ann", four_eyes=True)
        made.cin7.ship_rest(sale_of(made, order))
        await made.clock.sleep(LATER)
        assert (step(made, order)[1], told(made, order)) == ("asked", ["books_differ", "release_unconfirmed"])
        with pytest.raises(ProblemError, match="another person"):
            await release(made, order, author="ann", four_eyes=True)
        assert not invoices(made, order)
        await release(made, order, author="bob", four_eyes=True)
        await made.clock.sleep(SOON)
        assert totals(invoices(made, order)) == ["40.84"]
        assert told(made, order) == ["payment_unpostable"]


@virtual
async def test_what_is_rejected_is_a_persons_and_never_posted() -> None:
    async with house(954, posting="hold", overdue=900_000, attend=300_000) as made:
        differs, agrees = await edited(made, "9.99"), await sold(made)
        for order in (differs, agrees):
            await reject(made, order)
        await made.clock.sleep(SOON)
        assert [told(made, order) for order in (differs, agrees)] == [[], []]
        made.cin7.invoice(sale_of(made, differs))
        made.cin7.pay(sale_of(made, differs), reference=moved(made, differs)[0])
        await made.clock.sleep(2400)
        assert not await release_day(made, "2026-12-01")
        assert {step(made, order)[1] for order in (differs, agrees)} == {""}
        assert made.calls("invoice_write") == made.calls("payment_write") == 0
        assert {reason for _, reason in found(made, agrees)} == {"missing in Cin7 Core"}, "the report tells it"


@virtual
async def test_a_mapping_that_is_corrected_has_all_orders_it_concerned_judged_again() -> None:
    async with house(955, accounts={"giftcard": GIFT_CARDS}) as made:
        orders = [await sold(made) for _ in range(3)]
        assert [(step(made, order)[1], told(made, order)) for order in orders] == [("stuck", ["payment_unmapped"])] * 3
        made.daemon.plan = msgspec.structs.replace(made.plan, finance=finance())
        made.daemon.die("restart")
        await made.clock.sleep(SOON)
        assert [[amount for _, amount, _ in paid(made, order)] for order in orders] == [["45.84"]] * 3
        assert not made.daemon.open_exceptions()


@virtual
async def test_a_tax_rule_that_is_changed_later_is_told_once_until_a_person_knows_it() -> None:
    async with house(956, attend=300_000) as made:
        orders = [await sold(made) for _ in range(2)]
        made.cin7.change_tax_rule(RULE, 21)
        await made.clock.sleep(720)
        [one] = [row for row in made.daemon.open_exceptions() if row.type == "tax_rule_changed"]
        assert (one.owner, one.record.id) == ("finance", RULE)
        assert {step(made, order) for order in orders} == {("agrees", "")}, "what is posted keeps its figures"
        await actions.resolve_exception(Running(made), one.id, author="ann", reason="the new law")  # type: ignore[arg-type]
        await made.clock.sleep(720)
        assert "tax_rule_changed" not in made.daemon.open_types()
        made.cin7.change_tax_rule(RULE, 22)
        await made.clock.sleep(720)
        assert made.daemon.open_types(RULE) == ["tax_rule_changed"]
