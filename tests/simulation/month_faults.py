"""What goes wrong in a month's books: every class of fault, how people make it by hand, and what it must be found as.

A fault strikes one order once its documents are posted; one strikes while its sale is. All of it is done in the
doubles' own screens: tallyd is told nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.discrepancy import Chain, Reason
from adapters.sandbox.carts import OrderDraft, ShippingDraft
from adapters.sandbox.cin7_books import Line, Sale
from adapters.sandbox.cin7_ledger import Invoice, Payment
from adapters.transport import Request, Response
from tests.simulation.laws import sale_of
from tests.simulation.world import Serve, World, intercept

Found = frozenset[tuple[Chain, Reason]]

CENT = Decimal("0.01")
OTHER_RULE = "Zero Rated Income"
"""A tax title no faulted order has: each of theirs is of 20 or 5 percent."""

SHIPPING = ShippingDraft(price_minor=495)
DISCOUNT_MINOR = 300
FOREIGN = "EUR"


class Scene:
    """One order of both doubles, and the means to spoil it."""

    def __init__(self, made: World, order_id: str, chance: random.Random) -> None:
        self.made = made
        self.order_id = order_id
        self.chance = chance

    @property
    def sale(self) -> Sale:
        """The order's own sale."""
        return next(one for one in reversed(self.made.cin7.sales) if self.order_id in (one.external_id or ""))

    @property
    def line(self) -> Line:
        """The sale's first line."""
        return self.sale.lines[0]

    @property
    def invoice(self) -> Invoice:
        """The sale's invoice."""
        [found] = [one for one in self.sale.invoices if one.stands]
        return found

    @property
    def payment(self) -> Payment:
        """The invoice's payment."""
        [found] = self.invoice.payments
        return found

    @property
    def ready(self) -> bool:
        """True once the order is invoiced and paid: there is something to spoil."""
        order = self.made.shop.orders[self.order_id]
        return any(one.payments for sale in sale_of(self.made, order) for one in sale.standing_invoices)

    def step(self) -> Decimal:
        """Draw by how much somebody mistypes an amount."""
        return self.chance.choice((Decimal("-0.37"), Decimal("0.05"), Decimal("1.00"), Decimal("2.49")))


def _row(name: Callable[[Scene], str], **changes: Callable[[Scene, Any], object]) -> Callable[[Scene], None]:
    """Change fields of a row of the order document, each by what it is."""

    def strike(scene: Scene) -> None:
        row = next(one for one in (*scene.sale.lines, *scene.sale.charges) if _called(one) == name(scene))
        edits: dict[str, Any] = {field: change(scene, getattr(row, field)) for field, change in changes.items()}
        scene.made.cin7.edit_order_row(scene.sale.id, name(scene), **edits)

    return strike


def _invoice_row(name: Callable[[Scene], str], **changes: Callable[[Scene, Any], object]) -> Callable[[Scene], None]:
    """Change fields of a row of the invoice, each by what it is."""

    def strike(scene: Scene) -> None:
        invoice = scene.invoice
        row = next(one for one in (*invoice.lines, *invoice.charges) if one.called == name(scene))
        edits: dict[str, Any] = {field: change(scene, getattr(row, field)) for field, change in changes.items()}
        scene.made.cin7.edit_invoice(scene.sale.id, invoice.number, sku=name(scene), **edits)

    return strike


def _called(row: Any) -> str:
    return str(row.sku if isinstance(row, Line) else row.description)


def _goods(scene: Scene) -> str:
    return scene.line.sku


def _named(name: str) -> Callable[[Scene], str]:
    return lambda scene: name


def _mistyped(scene: Scene, price: Decimal) -> Decimal:
    return price + scene.step()


def _one_more(scene: Scene, quantity: Decimal) -> Decimal:
    return quantity + 1


def _a_cent(scene: Scene, tax: Decimal) -> Decimal:
    return tax + scene.chance.choice((CENT, -CENT))


def _retitled(scene: Scene, rule: str) -> str:
    return OTHER_RULE


# -- documents -------------------------------------------------------------------------------------------------------


def _void_invoice(scene: Scene) -> None:
    scene.made.cin7.void_invoice(scene.sale.id, scene.invoice.number)


def _void_sale(scene: Scene) -> None:
    scene.made.cin7.void_by_hand(scene.sale.id, even_shipped=True)


def _other_rate(scene: Scene) -> None:
    invoice = scene.invoice
    scene.made.cin7.edit_invoice(scene.sale.id, invoice.number, rate=invoice.rate + Decimal("0.05"))


def _credit_nobody(scene: Scene) -> None:
    scene.made.cin7.add_credit_note(scene.sale.id, lines=((scene.line.sku, 1),))


def _credited(scene: Scene) -> None:
    """The shop gives a little back; what tallyd posts for it is spoiled later."""
    scene.made.shop.refund(scene.order_id, 137)


def _void_note(scene: Scene) -> None:
    [note] = scene.sale.credit_notes
    scene.made.cin7.void_credit_note(scene.sale.id, note.number)


def _delete_refund(scene: Scene) -> None:
    [note] = scene.sale.credit_notes
    [refund] = note.refunds
    scene.made.cin7.delete_payment(scene.sale.id, refund.id)


# -- money -----------------------------------------------------------------------------------------------------------


def _delete_payment(scene: Scene) -> None:
    scene.made.cin7.delete_payment(scene.sale.id, scene.payment.id)


def _pay_twice(scene: Scene) -> None:
    payment = scene.payment
    scene.made.cin7.pay(scene.sale.id, payment.amount, reference=payment.reference)


def _pay_for_nobody(scene: Scene) -> None:
    scene.made.cin7.pay(scene.sale.id, Decimal("12.34"), reference="bank statement 41")


def _pay_another_amount(scene: Scene) -> None:
    payment = scene.payment
    scene.made.cin7.delete_payment(scene.sale.id, payment.id)
    scene.made.cin7.pay(scene.sale.id, payment.amount - 1, reference=payment.reference)


def _charge_back(scene: Scene) -> None:
    scene.made.shop._transact(scene.order_id, "Chargeback", None, state="Success")


def _refund_nobody_can_read(scene: Scene) -> None:
    """A piece comes back, and seven pence are given back: nothing says what they were for."""
    scene.made.shop.receive_return(scene.order_id, scene.line.sku, 1)
    scene.made.shop.refund(scene.order_id, 7)


# -- the order -------------------------------------------------------------------------------------------------------


def _edit_order(scene: Scene) -> None:
    line = scene.made.shop.orders[scene.order_id]["lineItems"][0]
    scene.made.shop.edit_order(scene.order_id, {line["variant"]["sku"]: line["quantity"] + 1})


def _cancel_order(scene: Scene) -> None:
    scene.made.shop.cancel(scene.order_id)


def _sell_by_hand(scene: Scene) -> None:
    """Somebody enters the order a second time."""
    scene.made.cin7.make_sale_by_hand(scene.sale.reference, lines=((scene.line.sku, 1),))


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """A class of fault. `found` is every difference it must be found as, `told` the exception where it is none.

    `first` happens before it strikes; `discounted`, `foreign` and `editable` are what the order has to be.
    `while_posted`: Cin7 Core takes a discount off by itself when the order's sale is authorised.
    """

    found: Found
    strike: Callable[[Scene], None] | None = None
    first: Callable[[Scene], None] | None = None
    told: str = ""
    discounted: bool = False
    foreign: bool = False
    editable: bool = False
    while_posted: bool = False

    def draft(self, plain: OrderDraft) -> OrderDraft:
        """Return a plain order that has what it takes."""
        assert plain.shipping is not None
        tax = plain.shipping.tax
        changes: dict[str, Any] = {"shipping": msgspec.structs.replace(SHIPPING, tax=tax)}
        if self.discounted:
            changes["discount_minor"] = DISCOUNT_MINOR
        if self.foreign:
            changes["currency"] = FOREIGN
        if self.editable:
            changes["inventory_mode"] = "None"
        return msgspec.structs.replace(plain, **changes)


def _as(*found: tuple[Chain, Reason]) -> Found:
    return frozenset(found)


_SALE, _INVOICE, _PAYMENT, _CREDIT, _REFUND = Chain

FAULTS: Mapping[str, Fault] = {
    "price on the sale": Fault(strike=_row(_goods, price=_mistyped), found=_as((_SALE, Reason.EDITED_CIN7))),
    "quantity on the sale": Fault(strike=_row(_goods, quantity=_one_more), found=_as((_SALE, Reason.EDITED_CIN7))),
    "tax title on the sale": Fault(strike=_row(_goods, tax_rule=_retitled), found=_as((_SALE, Reason.TAX_TITLE))),
    "shipping on the sale": Fault(
        strike=_row(_named("Shipping"), price=_mistyped), found=_as((_SALE, Reason.SHIPPING))
    ),
    "discount on the sale": Fault(
        strike=_row(_named("Discount"), price=_mistyped), found=_as((_SALE, Reason.DISCOUNT)), discounted=True
    ),
    "a cent on the sale": Fault(strike=_row(_goods, tax=_a_cent), found=_as((_SALE, Reason.ROUNDING))),
    "price on the invoice": Fault(
        strike=_invoice_row(_goods, price=_mistyped), found=_as((_INVOICE, Reason.EDITED_CIN7))
    ),
    "tax title on the invoice": Fault(
        strike=_invoice_row(_goods, tax_rule=_retitled), found=_as((_INVOICE, Reason.TAX_TITLE))
    ),
    "shipping on the invoice": Fault(
        strike=_invoice_row(_named("Shipping"), price=_mistyped), found=_as((_INVOICE, Reason.SHIPPING))
    ),
    "discount on the invoice": Fault(
        strike=_invoice_row(_named("Discount"), price=_mistyped),
        found=_as((_INVOICE, Reason.DISCOUNT)),
        discounted=True,
    ),
    "a cent on the invoice": Fault(strike=_invoice_row(_goods, tax=_a_cent), found=_as((_INVOICE, Reason.ROUNDING))),
    "rate of the invoice": Fault(strike=_other_rate, found=_as((_INVOICE, Reason.FOREIGN_EXCHANGE)), foreign=True),
    "invoice voided": Fault(
        strike=_void_invoice, found=_as((_INVOICE, Reason.MISSING_CIN7), (_PAYMENT, Reason.MISSING_CIN7))
    ),
    "payment deleted": Fault(strike=_delete_payment, found=_as((_PAYMENT, Reason.MISSING_CIN7))),
    "payment entered twice": Fault(strike=_pay_twice, found=_as((_PAYMENT, Reason.MISSING_COMMERCETOOLS))),
    "payment of nobody": Fault(strike=_pay_for_nobody, found=_as((_PAYMENT, Reason.MISSING_COMMERCETOOLS))),
    "payment of another amount": Fault(strike=_pay_another_amount, found=_as((_PAYMENT, Reason.EDITED_CIN7))),
    "charged back": Fault(strike=_charge_back, found=_as((_PAYMENT, Reason.MISSING_COMMERCETOOLS))),
    "credit note for nobody": Fault(strike=_credit_nobody, found=_as((_CREDIT, Reason.MISSING_COMMERCETOOLS))),
    "credit note voided": Fault(
        first=_credited,
        strike=_void_note,
        found=_as((_CREDIT, Reason.MISSING_CIN7), (_REFUND, Reason.MISSING_CIN7)),
    ),
    "refund deleted": Fault(first=_credited, strike=_delete_refund, found=_as((_REFUND, Reason.MISSING_CIN7))),
    "refund of nothing known": Fault(
        strike=_refund_nobody_can_read,
        found=_as((_CREDIT, Reason.MISSING_CIN7), (_REFUND, Reason.MISSING_CIN7)),
    ),
    "order edited": Fault(
        strike=_edit_order,
        found=_as((_SALE, Reason.EDITED_COMMERCETOOLS), (_INVOICE, Reason.EDITED_COMMERCETOOLS)),
        editable=True,
    ),
    "order cancelled": Fault(
        strike=_cancel_order,
        found=_as((_SALE, Reason.MISSING_COMMERCETOOLS), (_INVOICE, Reason.MISSING_COMMERCETOOLS)),
    ),
    "sale voided": Fault(
        strike=_void_sale,
        found=_as((_SALE, Reason.MISSING_CIN7), (_INVOICE, Reason.MISSING_CIN7), (_PAYMENT, Reason.MISSING_CIN7)),
    ),
    "sold by hand as well": Fault(strike=_sell_by_hand, found=_as(), told="sales_two"),
    "discounted by itself": Fault(while_posted=True, found=_as((_SALE, Reason.EDITED_CIN7))),
}
"""By name; see `tests.simulation.month` for what becomes of them."""


def discount_while_posted(made: World, is_struck: Callable[[str], bool]) -> None:
    """Let Cin7 Core take its own discount off the sales of these orders when they are authorised."""

    async def change(request: Request, serve: Serve) -> Response:
        if request.method != "POST" or not request.url.endswith("/sale/order"):
            return await serve(request)
        sale = made.cin7.sale(json.loads(request.body or b"")["SaleID"])
        struck = any(is_struck(part) for part in (sale.external_id or "").split(":"))
        made.cin7.set_company(automatic_discounts=struck)
        try:
            return await serve(request)
        finally:
            made.cin7.set_company(automatic_discounts=False)

    intercept(made.cin7_network, change)
