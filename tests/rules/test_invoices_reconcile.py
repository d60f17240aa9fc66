"""What tallyd itself invoices and is paid of any cart is never called wrong: it agrees, or is merely not done yet."""

from __future__ import annotations

from decimal import Decimal

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.discrepancy import Chain
from actors.domain.figures import ordered
from actors.domain.reconciling import disagrees
from tests.rules.booked import ALL, documents, entered, explained, judged, sides
from tests.rules.test_books_by_property import Cart, invoice_all, sales, ways


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_invoices_of_any_parts_are_right_and_only_late(data: st.DataObject) -> None:
    cart: Cart = data.draw(sales())
    order, sold = cart.sale.order, cart.sale.sold
    books = ordered(cart.prediction), sold
    invoices = invoice_all(cart, data.draw(ways(sold)))
    shown = documents(sold)
    for count in range(len(invoices) + 1):
        shown = msgspec.structs.replace(shown, invoices=tuple(invoices[:count]))
        found = judged(order, shown, books, due=frozenset())
        assert not disagrees(found, 0, order.digits), [str(one) for one in found if one.wrong]
        assert explained(found) == sides(entered(order, shown, books))

    assert [one for one in judged(order, shown, books, due=ALL) if one.chain is Chain.INVOICE] == []


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_figure_changed_on_any_invoice_is_found(data: st.DataObject) -> None:
    cart: Cart = data.draw(sales())
    order, sold = cart.sale.order, cart.sale.sold
    invoices = invoice_all(cart, data.draw(ways(sold)))
    place = data.draw(st.integers(0, len(invoices) - 1))
    target = invoices[place]
    row = data.draw(st.integers(0, len(target.rows) - 1))
    more = Decimal(1).scaleb(-order.digits) * data.draw(st.integers(1, 300))
    figure = data.draw(st.sampled_from(["total", "tax"]))
    rows = list(target.rows)
    rows[row] = msgspec.structs.replace(rows[row], **{figure: getattr(rows[row], figure) + more})
    net, tax = target.net, target.tax
    net, tax = (net + more, tax) if figure == "total" else (net - more * sold.tax_inclusive, tax + more)
    invoices[place] = msgspec.structs.replace(target, rows=tuple(rows), net=net, tax=tax, total=net + tax)
    shown = documents(sold, invoices=tuple(invoices))
    books = ordered(cart.prediction), sold
    found = judged(order, shown, books, due=frozenset())

    assert disagrees(found, 0, order.digits)
    assert {one.chain for one in found if one.wrong} == {Chain.INVOICE}
    assert explained(found) == sides(entered(order, shown, books))
