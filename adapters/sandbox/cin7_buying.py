"""What buyers, the goods-in desk and finance do with purchases in Cin7's own screens: a part of the double.

Every step moves `LastUpdatedDate`. Days are the double's own day unless given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING, Final, Literal

from adapters.sandbox.cin7_books import Books, Product
from adapters.sandbox.cin7_purchase_value import book, link, reverse
from adapters.sandbox.cin7_purchases import (
    ADVANCED,
    AUTHORISED,
    DRAFT,
    SERVICE,
    SIMPLE,
    VOIDED,
    ChargeLine,
    GoodsLine,
    LinkedCost,
    Movement,
    Purchase,
    PurchaseInvoice,
    PurchaseNote,
    PurchaseType,
    Receipt,
)
from adapters.sandbox.cin7_stock import ZERO
from adapters.sandbox.cin7_wire import RefusedError, day_of

if TYPE_CHECKING:
    from adapters.sandbox.cin7 import WallClock

Amount = Decimal | int | str
Units = Mapping[str, Decimal | int]
"""Units by SKU."""

INVENTORY: Final = "630"
FREIGHT: Final = "425"
"""The account that services of others are billed to, until they are linked to goods."""

_CENT = Decimal("0.01")
_KINDS: Final[dict[str, PurchaseType]] = {"Simple": SIMPLE, "Advanced": ADVANCED}


class Buying:
    """Each method raises KeyError for a purchase or a SKU that is not there, `RefusedError` for what may not be."""

    books: Books
    _clock: WallClock

    def purchase(self, purchase_id: str) -> Purchase:
        """Return one purchase. Raises KeyError."""
        found = self.books.buying.find(purchase_id)
        if found is None:
            raise KeyError(purchase_id)
        return found

    # --- the order

    def buy(
        self,
        lines: Mapping[str, tuple[Decimal | int, Amount]],
        *,
        supplier: str = "Bayside Wholesale",
        currency: str | None = None,
        rate: Amount | None = None,
        kind: Literal["Simple", "Advanced"] = "Advanced",
        location: str | None = None,
        required_by: date | None = None,
        day: date | None = None,
        approach: Literal["STOCK", "INVOICE"] = "STOCK",
        inventory_account: str = INVENTORY,
        status: str = AUTHORISED,
    ) -> str:
        """Order goods: units and price each, by SKU; return the purchase's id.

        `rate`: base units for one of the currency (None: the base currency). A foreign one may come without a rate, and
        then counts as if it were the base currency. A `status` DRAFT is on order for nobody yet.
        """
        purchase = self._opened(_KINDS[kind], supplier, currency, rate, day)
        purchase.location = self.books.the_place(location)
        purchase.required_by, purchase.approach = required_by, approach
        purchase.inventory_account, purchase.order_status = inventory_account, status
        purchase.lines = [
            self._line(purchase, self.books.the_product(sku), Decimal(units), Decimal(price))
            for sku, (units, price) in lines.items()
        ]
        self._moved(self.books.buying.add(purchase))
        return purchase.id

    def authorise_purchase(self, purchase_id: str) -> None:
        """Authorise an order that was a draft."""
        purchase = self.purchase(purchase_id)
        if purchase.order_status != DRAFT:
            raise RefusedError(f"Purchase Order Status is {purchase.order_status}.")
        purchase.order_status = AUTHORISED
        self._moved(purchase)

    def change_required_by(self, purchase_id: str, day: date | None) -> None:
        """Promise the goods for another day, or for none."""
        purchase = self.purchase(purchase_id)
        purchase.required_by = day
        self._moved(purchase)

    def change_rate(self, purchase_id: str, rate: Amount) -> None:
        """Give the purchase another rate: what is on no invoice with a rate of its own is worth that from today on."""
        purchase = self.purchase(purchase_id)
        purchase.rate, purchase.shows_rate = Decimal(rate), True
        book(purchase, self._today())
        self._moved(purchase)

    def drop_rate(self, purchase_id: str) -> None:
        """Show no rate any more: null on the purchase, 0 on its invoices. What was booked stays booked."""
        purchase = self.purchase(purchase_id)
        purchase.shows_rate = False
        self._moved(purchase)

    def void_purchase(self, purchase_id: str) -> None:
        """Void a purchase with all of its documents; what came of it leaves the shelf, and its value the ledger."""
        purchase = self.purchase(purchase_id)
        if purchase.voided:
            raise RefusedError("Purchase is already voided")
        purchase.voided, purchase.order_status = True, VOIDED
        for product in {product.id: product for _, product, _ in purchase.cells()}.values():
            here = purchase.came(product.id) - purchase.returned(product.id)
            self.books.receive(product.sku, purchase.location, -here)
        reverse(purchase, self._today())
        self._moved(purchase)

    # --- goods

    def receive(self, purchase_id: str, units: Units, *, day: date | None = None) -> Receipt:
        """Receive units by SKU: they lie on the shelf, the oldest backorders get them first, and they have a value."""
        purchase = self._standing(purchase_id)
        rows = [(self._bought(purchase, sku), Decimal(quantity)) for sku, quantity in units.items()]
        purchase.groups += 1
        receipt = Receipt(
            task_id=self.books.buying.new_id(), number=purchase.groups, day=day or self._today(), units=rows
        )
        purchase.receipts = [*purchase.receipts, receipt]
        link(purchase)
        book(purchase, receipt.day)
        self._moved(purchase)
        for product, quantity in rows:
            self.books.receive(product.sku, purchase.location, quantity)
            self.books.fill_backorders(product.sku, purchase.location)
        return receipt

    def send_back(self, purchase_id: str, units: Units, *, day: date | None = None) -> PurchaseNote:
        """Send units back: a credit note over their price, which takes their goods value off the ledger."""
        purchase, day = self._standing(purchase_id), day or self._today()
        invoice = purchase.invoices[-1] if purchase.invoices else None
        note = PurchaseNote(
            task_id=self.books.buying.new_id(),
            number=f"CR-{purchase.number:05d}" + (f"-{len(purchase.notes) + 1}" if purchase.notes else ""),
            invoice_number=invoice.number if invoice else "",
            day=day,
            lines=[self._returned(purchase, invoice, sku, Decimal(quantity)) for sku, quantity in units.items()],
        )
        purchase.notes = [*purchase.notes, note]
        for line in note.lines:
            value = (line.total * purchase.rate_of(invoice)).quantize(Decimal("0.0001"), rounding=ROUND_HALF_UP)
            self._take_value(purchase, purchase.task_of(note), line.product, value, day)
            self.books.receive(line.product.sku, purchase.location, -line.quantity)
        self._moved(purchase)
        return note

    def _returned(self, purchase: Purchase, invoice: PurchaseInvoice | None, sku: str, quantity: Decimal) -> GoodsLine:
        product = self._bought(purchase, sku)
        if quantity > purchase.came(product.id) - purchase.returned(product.id):
            raise RefusedError(f"Quantity of product (SKU: {sku}) to unstock is more than was received.")
        rows = [*(invoice.lines if invoice else ()), *purchase.lines]
        price = next(line.price for line in rows if line.product.id == product.id)
        return self._line(purchase, product, quantity, price)

    def _take_value(
        self, purchase: Purchase, task_id: str, product: Product, value: Decimal, day: date | None = None
    ) -> None:
        moved = Movement(task_id=task_id, product=product, day=day or self._today(), value=-value)
        purchase.movements = [*purchase.movements, moved]

    # --- money

    def invoice_purchase(
        self,
        purchase_id: str,
        lines: Units | None = None,
        *,
        rate: Amount | None = None,
        charges: Sequence[tuple[str, Amount, str]] = (),
        day: date | None = None,
        number: str | None = None,
        price: Amount | Mapping[str, Amount] | None = None,
    ) -> PurchaseInvoice:
        """Bill units by SKU: all that came and is on no invoice, unless said; of an INVOICE-first one all ordered.

        `charges`: name, amount, account. `price`: another than was ordered, of all lines or by SKU. Goods that came
        before are worth what this says from its day on. A simple purchase has one invoice, and `rate` becomes its own.
        """
        purchase = self._standing(purchase_id)
        if purchase.simple and purchase.invoices:
            raise RefusedError("A Simple Purchase has one invoice.")
        billed = self._unbilled(purchase) if lines is None else dict(lines)
        if purchase.simple and rate is not None:
            purchase.rate = Decimal(rate)
        rows = [self._billed(purchase, sku, Decimal(units), price) for sku, units in billed.items()]
        costs = [self._charge(purchase, *charge) for charge in charges]
        invoice = self._invoiced(purchase, rows, costs, rate=rate, day=day, number=number)
        book(purchase, invoice.day)
        self._moved(purchase)
        return invoice

    def link_service(
        self,
        purchase_id: str,
        *,
        supplier: str,
        amount: Amount,
        currency: str | None = None,
        rate: Amount | None = None,
        account: str = INVENTORY,
        what: str = "Freight",
        day: date | None = None,
    ) -> Purchase:
        """Let somebody else bill a service for these goods, and link it to them; return that Service Purchase.

        `account` is what is debited: the inventory account makes it stock value, dated back to the receipts.
        """
        goods = self._standing(purchase_id)
        service = self._opened(SERVICE, supplier, currency, rate, day)
        service.approach = "INVOICE"
        service.charges = [self._charge(service, what, amount, FREIGHT)]
        invoice = self._invoiced(service, [], service.charges, rate=rate, day=day, number=None)
        self._moved(self.books.buying.add(service))
        base = (Decimal(amount) * service.rate_of(invoice)).quantize(_CENT, rounding=ROUND_HALF_UP)
        received = goods.receipts[0].day if goods.receipts else invoice.day
        cost = LinkedCost(reference=invoice.number, amount=base, day=received, debit=account, credit=FREIGHT)
        goods.linked = [*goods.linked, cost]
        link(goods)
        book(goods, None)
        self._moved(goods)
        return service

    def _unbilled(self, purchase: Purchase) -> dict[str, Decimal]:
        """Return what an invoice is of when nobody says."""
        units: dict[str, Decimal] = {}
        for line in purchase.lines:
            came, billed = purchase.came(line.product.id), purchase.invoiced(line.product.id)
            expected = line.quantity if purchase.approach == "INVOICE" else ZERO
            if (left := max(came, expected) - billed) > 0:
                units[line.product.sku] = left
        if not units:
            raise RefusedError("There is nothing to invoice.")
        return units

    def _billed(
        self, purchase: Purchase, sku: str, quantity: Decimal, price: Amount | Mapping[str, Amount] | None
    ) -> GoodsLine:
        product = self._bought(purchase, sku)
        ordered = next(line.price for line in purchase.lines if line.product.id == product.id)
        given = price.get(sku) if isinstance(price, Mapping) else price
        return self._line(purchase, product, quantity, ordered if given is None else Decimal(given))

    def _invoiced(
        self,
        purchase: Purchase,
        lines: list[GoodsLine],
        charges: list[ChargeLine],
        *,
        rate: Amount | None,
        day: date | None,
        number: str | None,
    ) -> PurchaseInvoice:
        purchase.groups += 1
        again = f"-{len(purchase.invoices) + 1}" if purchase.invoices else ""
        held = purchase.rate if rate is None else Decimal(rate)
        invoice = PurchaseInvoice(
            task_id=self.books.buying.new_id(),
            group=purchase.groups,
            number=number or f"INV-{purchase.number:05d}{again}",
            day=day or self._today(),
            rate=None if purchase.simple else held,
            lines=lines,
            charges=charges,
        )
        purchase.invoices = [*purchase.invoices, invoice]
        return invoice

    # --- what all of it is made of

    def _opened(
        self, kind: PurchaseType, supplier: str, currency: str | None, rate: Amount | None, day: date | None
    ) -> Purchase:
        base = self.books.company.currency
        given = Decimal(1) if rate is None and currency in (None, base) else rate
        rules = self.books.tax_rules
        return Purchase(
            id=self.books.buying.new_id(),
            number=self.books.buying.next_number,
            kind=kind,
            supplier=supplier,
            supplier_id=self.books.buying.supplier_id(supplier),
            currency=currency or base,
            rate=None if given is None else Decimal(given),
            location=self.books.locations[0],
            order_date=day or self._today(),
            updated_ms=0,
            # Who sells from abroad charges no tax of ours.
            tax_rule=rules[0] if currency in (None, base) else min(rules, key=lambda rule: rule.percent),
            inventory_account=INVENTORY,
        )

    def _line(self, purchase: Purchase, product: Product, quantity: Decimal, price: Decimal) -> GoodsLine:
        if quantity <= 0:
            raise RefusedError("Quantity must be greater than 0")
        line = GoodsLine(product=product, quantity=quantity, price=price)
        line.tax = _tax(purchase, line.total)
        return line

    def _charge(self, purchase: Purchase, what: str, amount: Amount, account: str) -> ChargeLine:
        net = Decimal(amount)
        tax = _tax(purchase, net)
        return ChargeLine(description=what, amount=net, account=account, tax=tax)

    def _standing(self, purchase_id: str) -> Purchase:
        purchase = self.purchase(purchase_id)
        if not purchase.authorised:
            raise RefusedError(f"Purchase Order Status is {purchase.order_status}.")
        return purchase

    def _bought(self, purchase: Purchase, sku: str) -> Product:
        found = next((line.product for line in purchase.lines if line.product.sku == sku), None)
        if found is None:
            raise KeyError(sku)
        return found

    def _moved(self, purchase: Purchase) -> None:
        purchase.updated_ms = self._clock.now()
        for line in purchase.lines:
            coming = purchase.outstanding(line.product.id)
            self.books.set_coming(purchase.id, line.product, purchase.location, purchase.required_by, coming)

    def _today(self) -> date:
        return day_of(self._clock.now())

    # --- what the books say

    @property
    def purchases(self) -> list[Purchase]:
        """Every purchase ever made, by number, void ones too."""
        return self.books.buying.purchases

    def value_of(self, purchase_id: str, sku: str) -> Decimal:
        """Return what the ledger of a purchase says a SKU is worth, in base currency: the sum of its movements."""
        movements = self.purchase(purchase_id).movements
        return sum((one.value for one in movements if one.product.sku == sku), ZERO)

    def received(self, purchase_id: str, sku: str) -> Decimal:
        """Return the units of a SKU that came and did not go back."""
        purchase = self.purchase(purchase_id)
        product = self._bought(purchase, sku)
        return ZERO if purchase.voided else purchase.came(product.id) - purchase.returned(product.id)


def _tax(purchase: Purchase, net: Decimal) -> Decimal:
    return (net * purchase.tax_rule.percent / 100).quantize(_CENT, rounding=ROUND_HALF_UP)
