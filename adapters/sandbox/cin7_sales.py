"""The sale endpoints of Cin7 Core: list, header, order document, void, pick (fact sheet §2).

Creation takes two calls: the header ignores nested lines, the order document brings them. Neither `ExternalID` nor
`CustomerReference` is unique: the same header sent twice makes two sales, which is why so much care is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from adapters.sandbox.cin7_books import Address, Books, Charge, Customer, Line, Location, Sale
from adapters.sandbox.cin7_documents import (
    Rules,
    check_size,
    discount_automatically,
    read_charges,
    read_lines,
    total_up,
)
from adapters.sandbox.cin7_fields import Fields
from adapters.sandbox.cin7_fulfilments import Fulfilment
from adapters.sandbox.cin7_invoices import InvoiceDesk
from adapters.sandbox.cin7_ledger import VOIDED, CreditNote, Invoice
from adapters.sandbox.cin7_ledger_view import credit_notes_document, invoices_document, payment_view, payments_list
from adapters.sandbox.cin7_payments import PaymentDesk
from adapters.sandbox.cin7_returns import ReturnsDesk
from adapters.sandbox.cin7_sale_view import (
    combined_statuses,
    credit_note_row,
    credit_note_status,
    list_row,
    order_view,
    sale_view,
)
from adapters.sandbox.cin7_task_view import fulfilments_view, pack_view, pick_view, ship_view
from adapters.sandbox.cin7_warehouse import Tell, WarehouseDesk, void_stages
from adapters.sandbox.cin7_wire import JsonObject, Query, RefusedError, day_of, page_of

_TYPES: Final = {"": "Simple Sale", "Simple": "Simple Sale", "Advanced": "Advanced Sale"}
_AUTO_MODES: Final = ("NOPICK", "AUTOPICK", "AUTOPICKPACK", "AUTOPICKPACKSHIP")
_ECHOED: Final = {
    "Contact": 256,
    "Phone": 50,
    "Email": 256,
    "ShippingNotes": 1024,
    "Note": 1024,
    "PriceTier": 50,
    "SalesRepresentative": 256,
    "Carrier": 256,
    "DefaultAccount": 50,
}
_ADDRESS: Final = {"Line2": 256, "City": 256, "State": 256, "Postcode": 20}
# Filter -> field of the row; the two names differ for picking and packing (fact sheet, spelling traps).
_STATUS_FILTERS: Final = {
    "Status": "Status",
    "QuoteStatus": "QuoteStatus",
    "OrderStatus": "OrderStatus",
    "CombinedPickStatus": "CombinedPickingStatus",
    "CombinedPackStatus": "CombinedPackingStatus",
    "CombinedShippingStatus": "CombinedShippingStatus",
    "CombinedInvoiceStatus": "CombinedInvoiceStatus",
    "CreditNoteStatus": "CreditNoteStatus",
    "OrderLocationID": "OrderLocationID",
}


class SalesDesk:
    """Everything that can be done to sales, by a call or by hand. `now` gives ms UTC and dates the documents.

    `rules` may be replaced at any time; documents keep the figures they were written with. `tell` hears what happens to
    which sale, by the names of the webhooks.
    """

    def __init__(
        self,
        books: Books,
        rules: Rules,
        *,
        now: Callable[[], int],
        visibility_lag_ms: int,
        tell: Tell = lambda kind, sale, task=None: None,
    ) -> None:
        self._books = books
        self.rules = rules
        self._now = now
        self._visibility_lag_ms = visibility_lag_ms
        self._tell = tell
        self.warehouse = WarehouseDesk(books, now=now, tell=tell)
        self.invoices = InvoiceDesk(books, lambda: self.rules, now=now, tell=tell)
        self.payments = PaymentDesk(books, lambda: self.rules, now=now, tell=tell)
        self.returns = ReturnsDesk(books, lambda: self.rules, now=now, tell=tell)

    def today(self) -> date:
        """The day by-hand documents carry."""
        return day_of(self._now())

    # --- reading

    def sale_list(self, query: Query) -> JsonObject:
        """`GET /saleList`: ascending by number; a new sale shows only after the lag; unknown filters do nothing."""
        created, since, until = (query.instant(name) for name in ("CreatedSince", "UpdatedSince", "UpdatedUntil"))
        shown_before = self._now() - self._visibility_lag_ms
        sales = [
            sale
            for sale in self._books.sales
            if sale.created_ms <= shown_before
            if created is None or sale.created_ms > created
            if (since is None or sale.updated_ms > since) and (until is None or sale.updated_ms < until)
            if _wanted(sale, query)
        ]
        return page_of(sales, "SaleList", query, lambda sale: list_row(sale, self._books))

    def credit_note_list(self, query: Query) -> JsonObject:
        """`GET /saleCreditNoteList`: a row for each credit note, in the order of the sales."""
        created, since, until = (query.instant(name) for name in ("CreatedSince", "UpdatedSince", "UpdatedUntil"))
        status, text = query.text("CreditNoteStatus"), (query.text("Search") or "").lower()
        found = [
            (sale, note)
            for sale in self._books.sales
            for note in sale.credit_notes
            if created is None or note.created_ms > created
            if (since is None or note.updated_ms > since) and (until is None or note.updated_ms < until)
            if (status is None or note.status.lower() == status.lower()) and query.text("Status") in (None, sale.status)
            if any(text in one.lower() for one in (*_searched(sale), note.number))
        ]
        return page_of(found, "SaleList", query, lambda pair: credit_note_row(*pair, self._books))

    def read(self, query: Query) -> JsonObject:
        """`GET /sale?ID=`."""
        return sale_view(self._found(query.text("ID")), self._books, combine=query.flag("CombineAdditionalCharges"))

    def read_order(self, query: Query) -> JsonObject:
        """`GET /sale/order?SaleID=`."""
        sale = self._found(query.text("SaleID"))
        view = order_view(sale, self._books, combine=query.flag("CombineAdditionalCharges"))
        return {"SaleID": sale.id, **view}

    def read_fulfilment(self, query: Query) -> JsonObject:
        """`GET /sale/fulfilment?SaleID=`."""
        sale = self._found(query.text("SaleID"))
        return {"SaleID": sale.id, "Fulfilments": fulfilments_view(sale)}

    def read_pick(self, query: Query) -> JsonObject:
        """`GET /sale/fulfilment/pick?TaskID=`; the first task of a simple sale is the sale (fact sheet §2.7)."""
        sale, task = self._task(query.text("TaskID"))
        return {"TaskID": task.task_id, **pick_view(sale, task)}

    def read_pack(self, query: Query) -> JsonObject:
        """`GET /sale/fulfilment/pack?TaskID=`."""
        sale, task = self._task(query.text("TaskID"))
        return {"TaskID": task.task_id, **pack_view(sale, task)}

    def read_ship(self, query: Query) -> JsonObject:
        """`GET /sale/fulfilment/ship?TaskID=`."""
        sale, task = self._task(query.text("TaskID"))
        return {"TaskID": task.task_id, **ship_view(sale, task)}

    def _task(self, task_id: str | None) -> tuple[Sale, Fulfilment]:
        wanted = (task_id or "").lower()
        found = ((sale, task) for sale in self._books.sales for task in sale.fulfilments if task.task_id == wanted)
        if (pair := next(found, None)) is None:
            raise RefusedError("Sale Task with specified ID not found", code=404)
        return pair

    def _found(self, sale_id: str | None) -> Sale:
        sale = None if sale_id is None else self._books.sale(sale_id)
        if sale is None:
            raise RefusedError("Sale with specified ID not found", code=404)
        return sale

    # --- the header

    def create(self, body: JsonObject) -> JsonObject:
        """`POST /sale`: makes a sale every time it is called."""
        sale = self._books.add_sale(self._new_sale(Fields(body, "Sale")))
        self._tell("Sale/Created", sale)
        return sale_view(sale, self._books)

    def _new_sale(self, fields: Fields) -> Sale:
        customer = self._customer(fields)
        location = self._location(fields)
        kind = fields.text("SaleType", 50)
        if kind not in _TYPES:
            raise fields.refused("SaleType", "must be Simple or Advanced")
        sale = Sale(
            id=self._books.new_id(),
            number=self._books.next_number,
            customer=customer,
            location=location,
            currency=customer.currency,
            currency_rate=self._currency_rate(fields, customer),
            created_ms=self._now(),
            updated_ms=self._now(),
            order_date=self._order_date(fields),
            ship_by=fields.day("ShipBy"),
            tax_rule=self._tax_rule(fields, customer),
            tax_inclusive=fields.flag("TaxInclusive"),
            terms=self._terms(fields, customer),
            skip_quote=fields.flag("SkipQuote"),
            type="Service Sale" if fields.flag("ServiceOnly") else _TYPES[kind],
            external_id=fields.text("ExternalID", 256) or None,
            reference=fields.text("CustomerReference", 256),
        )
        sale.header = self._echoed(fields, customer)
        return sale

    def update(self, body: JsonObject) -> JsonObject:
        """`PUT /sale`: changes the texts that are sent and leaves the rest; without ID it is judged like a create."""
        fields = Fields(body, "Sale")
        sale_id = fields.text("ID", 36)
        if not sale_id:
            self._new_sale(fields)
            raise fields.refused("ID", "is required")
        sale = self._found(sale_id)
        if sale.voided:
            raise RefusedError("Sale cannot be changed. Sale Status is VOIDED.")
        sale.header = {**sale.header, **self._echoed(fields, sale.customer)}
        if not fields.absent("ExternalID"):
            sale.external_id = fields.text("ExternalID", 256) or None
        if not fields.absent("CustomerReference"):
            sale.reference = fields.text("CustomerReference", 256)
        if not fields.absent("ShipBy"):
            sale.ship_by = fields.day("ShipBy")
        self._touch(sale)
        return sale_view(sale, self._books)

    def _customer(self, fields: Fields) -> Customer:
        customer_id, name = fields.text("CustomerID", 36), fields.text("Customer", 256)
        if not customer_id and not name:
            raise fields.refused("Customer", "is required")
        customer = self._books.customer_by_id(customer_id) if customer_id else self._books.customer_by_name(name)
        if customer is None:
            raise RefusedError("Customer not found.", code=404)
        if customer.status != "Active":
            raise RefusedError(f"Customer '{customer.name}' is deprecated.")
        return customer

    def _location(self, fields: Fields) -> Location:
        name = fields.text("Location", 256)
        if not name and fields.flag("ServiceOnly"):
            return self._books.locations[0]
        if not name:
            raise fields.refused("Location", "is required")
        location = self._books.location(name)
        if location is None:
            raise RefusedError(f"Location '{name}' was not found in Locations reference book", code=404)
        return location

    def _currency_rate(self, fields: Fields, customer: Customer) -> Decimal:
        rate = fields.number("CurrencyRate", 5)
        if customer.currency == self._books.company.currency:
            return rate or Decimal(1)
        if rate <= 0:
            raise fields.refused("CurrencyRate", "is required when customer currency differs from base currency")
        return rate

    def _order_date(self, fields: Fields) -> date:
        day = fields.day("SaleOrderDate") or day_of(self._now())
        lock = self._books.company.lock_date
        if lock is not None and day < lock:
            # That it refuses is inferred from what LockDate means (fact sheet §9, quirk 16).
            raise RefusedError(f"Sale Order Date is before the lock date {lock.isoformat()}.")
        return day

    def _tax_rule(self, fields: Fields, customer: Customer) -> str:
        name = fields.text("TaxRule", 50) or customer.tax_rule
        if self._books.tax_rule(name) is None:
            raise RefusedError(f"Tax Rule '{name}' was not found in reference book", code=404)
        return name

    def _terms(self, fields: Fields, customer: Customer) -> str:
        name = fields.text("Terms", 256) or customer.payment_term
        if self._books.payment_term(name) is None:
            raise RefusedError(f"Payment Term '{name}' was not found in reference book", code=404)
        return name

    def _echoed(self, fields: Fields, customer: Customer) -> dict[str, object]:
        echoed: dict[str, object] = {
            name: fields.text(name, length) for name, length in _ECHOED.items() if not fields.absent(name)
        }
        account = echoed.get("DefaultAccount")
        if account and self._books.account(str(account)) is None:
            raise RefusedError(f"Account '{account}' was not found in reference book", code=404)
        carrier = echoed.get("Carrier")
        if carrier and self._books.carrier(str(carrier)) is None:
            raise RefusedError(f"Carrier '{carrier}' was not found in reference book", code=404)
        if (billing := fields.part("BillingAddress")) is not None:
            echoed["BillingAddress"] = _address(billing)
        if (shipping := fields.part("ShippingAddress")) is not None:
            echoed["ShippingAddress"] = self._shipping_address(shipping, customer)
        if (attributes := fields.part("AdditionalAttributes")) is not None:
            names = (f"AdditionalAttribute{number}" for number in range(1, 11))
            echoed["AdditionalAttributes"] = {name: attributes.text(name, 256) for name in names}
        return echoed

    def _shipping_address(self, fields: Fields, customer: Customer) -> JsonObject:
        address = _address(fields)
        address["Company"] = fields.text("Company", 128)
        address["Contact"] = fields.text("Contact", 512)
        address["ShipToOther"] = fields.flag("ShipToOther")
        known = {entry.fields.get("Line1") for entry in customer.addresses}
        if not address["ShipToOther"] and address["Line1"] not in known:
            # Documented: the customer's address book grows by it (fact sheet §9, quirk 10).
            customer.addresses = [*customer.addresses, Address(id=self._books.new_id(), fields=address)]
        return address

    # --- the order document

    def post_order(self, body: JsonObject) -> JsonObject:
        """`POST /sale/order`: a DRAFT is replaced whole; AUTHORISED allocates, and backorders what is short."""
        fields = Fields(body, "SaleOrder")
        sale = self._found(fields.text("SaleID", 36, required=True))
        self._check_stage(sale)
        if fields.absent("Memo"):
            raise fields.refused("Memo", "is required")
        memo, status = fields.text("Memo", 1024), fields.text("Status", 20, required=True)
        if status not in {"DRAFT", "AUTHORISED"}:
            raise fields.refused("Status", "must be DRAFT or AUTHORISED")
        auto = fields.text("AutoPickPackShipMode", 20) or "NOPICK"
        if auto not in _AUTO_MODES:
            raise fields.refused("AutoPickPackShipMode", f"must be one of {', '.join(_AUTO_MODES)}")
        lines = read_lines(fields.raw("Lines"), books=self._books, sale=sale, rules=self.rules)
        charges = read_charges(fields.raw("AdditionalCharges"), books=self._books, sale=sale, rules=self.rules)
        check_size(lines, charges, self.rules)
        if status == "AUTHORISED" and not lines and not charges:
            raise fields.refused("Lines", "is required")
        sale.lines, sale.charges, sale.memo, sale.order_status = lines, charges, memo, status
        if sale.authorised and self._books.company.automatic_discounts:
            discount_automatically(sale, self._books, self.rules)
        total_up(sale, inclusive=sale.tax_inclusive, books=self._books, rules=self.rules)
        self._touch(sale)
        if sale.authorised:
            self._books.allocate(sale)
            self.warehouse.begin(sale)
            self._tell("Sale/OrderAuthorised", sale)
            if sale.backordered:
                self._tell("Sale/Backordered", sale)
            self._go_on(sale, _AUTO_MODES.index(auto))
        return {"SaleID": sale.id, **order_view(sale, self._books)}

    def authorise_again(self, sale: Sale) -> None:
        """Authorise the order document as it stands. Raises `RefusedError` unless it is a DRAFT."""
        self._check_stage(sale)
        sale.order_status = "AUTHORISED"
        self._books.allocate(sale)
        self._touch(sale)
        self._tell("Sale/OrderAuthorised", sale)

    def edit_row(self, sale: Sale, row: Line | Charge, changes: Mapping[str, Any]) -> None:
        """Change fields of a row by name, whatever the document's stage; no event tells of it.

        Raises `RefusedError` for fewer units than are picked.
        """
        units = changes.get("quantity", row.quantity)
        if isinstance(row, Line) and units < row.picked:
            raise RefusedError(f"Quantity of product (SKU: {row.sku}) is less than picked quantity {row.picked:f}.")
        for name, value in changes.items():
            setattr(row, name, value)
        row.total = self.rules.arithmetic.row_total(row.quantity, row.price, row.discount)
        total_up(sale, inclusive=sale.tax_inclusive, books=self._books, rules=self.rules)
        if isinstance(row, Line) and sale.authorised and "quantity" in changes:
            self._books.allocate_again(sale, row)
        self._touch(sale)

    def _check_stage(self, sale: Sale) -> None:
        if sale.voided:
            raise RefusedError("Sale Order cannot be changed. Sale Status is VOIDED.")
        if sale.order_status not in {"DRAFT", "NOT AVAILABLE"}:
            raise RefusedError(f"Sale Order cannot be changed. Order Status is {sale.order_status}.")
        if not sale.skip_quote:
            raise RefusedError("Sale Order cannot be created. Quote Status is NOT AVAILABLE.")

    def _go_on(self, sale: Sale, stages: int) -> None:
        if sale.type != "Simple Sale" or sale.backordered:
            return
        task = sale.fulfilments[0]
        if stages >= 1:
            self.warehouse.pick(sale, task)
        if stages >= 2:
            self.warehouse.pack(sale, task)
        if stages >= 3:
            self.warehouse.ship(sale, task)

    # --- fulfilment

    def post_fulfilment(self, body: JsonObject) -> JsonObject:
        """`POST /sale/fulfilment`: one more of them."""
        sale = self._found(Fields(body, "Fulfilment").text("SaleID", 36, required=True))
        self.warehouse.add(sale)
        return {"SaleID": sale.id, "Fulfilments": fulfilments_view(sale)}

    def delete_fulfilment(self, query: Query) -> JsonObject:
        """`DELETE /sale/fulfilment?TaskID=&Void=`: undoes by default; of advanced sales only (fact sheet §2.7)."""
        sale, task = self._task(query.text("TaskID"))
        if query.flag("Void"):
            self.warehouse.void(sale, task)
        else:
            self.warehouse.undo(sale, task)
        return {"SaleID": sale.id, "Fulfilments": fulfilments_view(sale)}

    def post_pick(self, body: JsonObject) -> JsonObject:
        """`POST /sale/fulfilment/pick`: takes what is reserved off the shelf; lines sent are not looked at."""
        fields = Fields(body, "Pick")
        sale, task = self._task(fields.text("TaskID", 36, required=True))
        if fields.text("AutoPickMode", 20) != "AUTOPICK" and fields.text("Status", 20) != "AUTHORISED":
            raise fields.refused("Status", "must be AUTHORISED")
        self.warehouse.pick(sale, task)
        return {"TaskID": task.task_id, **pick_view(sale, task)}

    # --- the ledger

    def read_invoices(self, query: Query) -> JsonObject:
        """`GET /sale/invoice?SaleID=`."""
        sale = self._found(query.text("SaleID"))
        return invoices_document(sale, self._books, combine=query.flag("CombineAdditionalCharges"))

    def post_invoice(self, body: JsonObject) -> JsonObject:
        """`POST /sale/invoice`; the answer shows every invoice of the sale."""
        sale = self._found(Fields(body, "SaleInvoice").text("SaleID", 36, required=True))
        self.invoices.post(sale, body)
        return invoices_document(sale, self._books)

    def put_invoice(self, body: JsonObject) -> JsonObject:
        """`PUT /sale/invoice`."""
        sale = self._found(Fields(body, "SaleInvoice").text("SaleID", 36, required=True))
        self.invoices.put(sale, body)
        return invoices_document(sale, self._books)

    def delete_invoice(self, query: Query) -> JsonObject:
        """`DELETE /sale/invoice?TaskID=&Void=`: undoes by default."""
        invoice = self._books.invoices.get((query.text("TaskID") or "").lower())
        sale = self._of(invoice)
        if invoice is not None:
            self.invoices.end(sale, invoice, void=query.flag("Void"))
        return invoices_document(sale, self._books)

    def read_payments(self, query: Query) -> list[JsonObject]:
        """`GET /sale/payment?SaleID=`: a bare array."""
        return payments_list(self._found(query.text("SaleID")), self._books)

    def post_payment(self, body: JsonObject) -> JsonObject:
        """`POST /sale/payment`."""
        return self._payment(self.payments.post(body).id)

    def put_payment(self, body: JsonObject) -> JsonObject:
        """`PUT /sale/payment`."""
        return self._payment(self.payments.put(body).id)

    def delete_payment(self, query: Query) -> JsonObject:
        """`DELETE /sale/payment?ID=`."""
        self.payments.delete(query.text("ID") or "")
        return {"Success": True}

    def read_credit_notes(self, query: Query) -> JsonObject:
        """`GET /sale/creditnote?SaleID=`; payments and balance only with `IncludePaymentInfo` (fact sheet §2.8)."""
        sale = self._found(query.text("SaleID"))
        combine, payments = query.flag("CombineAdditionalCharges"), query.flag("IncludePaymentInfo")
        return credit_notes_document(sale, self._books, payments=payments, combine=combine)

    def post_credit_note(self, body: JsonObject) -> JsonObject:
        """`POST /sale/creditnote`; the answer shows every credit note of the sale."""
        sale = self._found(Fields(body, "SaleCreditNote").text("SaleID", 36, required=True))
        self.returns.post(sale, body)
        return credit_notes_document(sale, self._books)

    def delete_credit_note(self, query: Query) -> JsonObject:
        """`DELETE /sale/creditnote?TaskID=&Void=`: undoes by default."""
        note = self._books.credit_notes.get((query.text("TaskID") or "").lower())
        sale = self._of(note)
        if note is not None:
            self.returns.end(sale, note, void=query.flag("Void"))
        return credit_notes_document(sale, self._books)

    def _payment(self, payment_id: str) -> JsonObject:
        sale, _, payment = self.payments.found(payment_id)
        return payment_view(payment, sale, self._books)

    def _of(self, document: Invoice | CreditNote | None) -> Sale:
        sale = None if document is None else self._books.sale(document.sale_id)
        if sale is None:
            raise RefusedError("Sale Task with specified ID not found", code=404)
        return sale

    # --- the end of a sale

    def delete(self, query: Query) -> JsonObject:
        """`DELETE /sale?ID=&Void=`: undoes by default, voids with `Void=true` (fact sheet §2.8)."""
        sale = self._found(query.text("ID"))
        if query.flag("Void"):
            self.void(sale)
        else:
            self.undo(sale)
        return sale_view(sale, self._books)

    def void(self, sale: Sale, *, even_shipped: bool = False) -> None:
        """Void the sale and give back its stock, be it shipped only by whoever says so.

        Raises `RefusedError` once shipped, or when void already.
        """
        self._check_end(sale, even_shipped=even_shipped)
        sale.voided_after_pick = any(one.is_picked for one in sale.fulfilments)
        self._books.release(sale)
        sale.voided = True
        if sale.order_status != "NOT AVAILABLE":
            sale.order_status = "VOIDED"
        for one in sale.fulfilments:
            void_stages(one)
        for invoice in [one for one in sale.invoices if one.stage != VOIDED]:
            self.invoices.void(sale, invoice)
        self._touch(sale)
        self._tell("Sale/Voided", sale)

    def undo(self, sale: Sale) -> None:
        """Take the order document back to DRAFT and give back its stock; its fulfilments are gone (our reading).

        Raises `RefusedError` as `void` does.
        """
        self._check_end(sale)
        self._books.release(sale)
        if sale.authorised:
            sale.order_status = "DRAFT"
        sale.fulfilments = []
        self._touch(sale)
        self._tell("Sale/Undo", sale)

    def _check_end(self, sale: Sale, *, even_shipped: bool = False) -> None:
        if sale.voided:
            raise RefusedError("Sale cannot be voided. Sale Status is VOIDED.")
        shipped = next((one for one in sale.fulfilments if one.has_left), None)
        if shipped is not None and not even_shipped:
            raise RefusedError(f"Sale cannot be voided. Shipment Status is {shipped.ship_status}.")
        invoice = next((one for one in sale.invoices if one.stands), None)
        if invoice is not None and not even_shipped:
            # Our reading: what stands in the books is undone there first.
            raise RefusedError(f"Sale cannot be voided. Invoice Status is {invoice.status}.")

    def _touch(self, sale: Sale) -> None:
        sale.updated_ms = self._now()


def _address(fields: Fields) -> JsonObject:
    address: JsonObject = {"Line1": fields.text("Line1", 256, required=True)}
    address |= {name: fields.text(name, length) for name, length in _ADDRESS.items()}
    address["Country"] = fields.text("Country", 256, required=True)
    # Derived, not writable (fact sheet §2.4).
    address["DisplayAddressLine1"] = _joined(address, "Line1", "Line2")
    address["DisplayAddressLine2"] = _joined(address, "City", "State", "Postcode", "Country")
    return address


def _joined(address: JsonObject, *names: str) -> str:
    return " ".join(str(address[name]) for name in names if address[name])


def _wanted(sale: Sale, query: Query) -> bool:
    external_id = query.text("ExternalID")
    # Exact, in any letter case; whether the live filter minds the case is not settled.
    if external_id is not None and (sale.external_id or "").lower() != external_id.lower():
        return False
    search = query.text("Search")
    if search is not None and not any(search.lower() in text.lower() for text in _searched(sale)):
        return False
    filters = {name: wanted for name in _STATUS_FILTERS if (wanted := query.text(name)) is not None}
    if not filters:
        return True
    states = {"QuoteStatus": "NOT AVAILABLE", "CreditNoteStatus": credit_note_status(sale)}
    states |= {"OrderStatus": sale.order_status}
    states |= {"Status": sale.status, "OrderLocationID": sale.location.id, **combined_statuses(sale)}
    return all(states[_STATUS_FILTERS[name]].lower() == wanted.lower() for name, wanted in filters.items())


def _searched(sale: Sale) -> tuple[str, ...]:
    """The documented fields: order number, status, customer, its reference, the numbers of invoices and notes."""
    numbers = [invoice.number for invoice in sale.invoices] + [note.number for note in sale.credit_notes]
    return sale.order_number, sale.status, sale.customer.name, sale.reference, *numbers
