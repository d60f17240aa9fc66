"""A local Cin7 Core that holds state and behaves as the fact sheet says the real one does, quirks included.

`Cin7Double.handle` is the only door, for HTTP (`adapters.sandbox.server`) and for memory alike. What a person would do
in Cin7's own screens are plain methods. Its books (`sales`, `call_log`, `worst_window`) are what laws are checked on.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Literal, Protocol

import msgspec

from adapters.sandbox import cin7_reference as reference
from adapters.sandbox.catalogue import CURRENCY, CUSTOMER
from adapters.sandbox.cin7_assorting import Assorting
from adapters.sandbox.cin7_availability import StockList, availability
from adapters.sandbox.cin7_books import Books, Carrier, Customer, Location, Product, Sale, TaxRule
from adapters.sandbox.cin7_buying import Buying
from adapters.sandbox.cin7_by_hand import ByHand
from adapters.sandbox.cin7_documents import Arithmetic, Rounding, Rules, TaxBehaviour
from adapters.sandbox.cin7_families import families
from adapters.sandbox.cin7_fulfilments import Fulfilment
from adapters.sandbox.cin7_ledger import CreditNote, Invoice
from adapters.sandbox.cin7_limit import Allowance, Call, LimitWindow, WorstWindow, worst_window
from adapters.sandbox.cin7_payloads import sale_payload, stock_payload
from adapters.sandbox.cin7_purchase_view import purchase_list, read_advanced, read_simple
from adapters.sandbox.cin7_sales import SalesDesk
from adapters.sandbox.cin7_stock import ANYWHERE, Spot
from adapters.sandbox.cin7_webhooks import SCHEDULE_SECONDS, Delivery, Send, Webhook, WebhookDesk
from adapters.sandbox.cin7_wire import (
    Incoming,
    JsonObject,
    RefusedError,
    answer,
    error_answer,
    limit_answer,
    malform,
    overload_answer,
    page_not_found,
    plain,
    read_object,
    take_apart,
    wrong_credentials,
)
from adapters.sandbox.faults import DropConnectionError, Fault, FaultKind, Faults
from adapters.transport import Request, Response

LimitShape = Literal["429", "503", "400"]
LimitBody = Literal["text", "json"]
Effect = Callable[[Incoming], JsonObject | list[JsonObject]]
_STRANGER = "?"


class WallClock(Protocol):
    """What the double needs of time: the wall clock in ms UTC, and waiting."""

    def now(self) -> int:
        """Return ms since the epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class Cin7Double(ByHand, Buying, Assorting):
    """One Cin7 account behind one handler.

    Every answer is made in one go, without waiting in between, so concurrent requests are serial as with locks.
    Time passes only in slow faults. Ids, and so every body, follow from `seed`.
    """

    def __init__(
        self,
        *,
        clock: WallClock,
        account_id: str,
        application_key: str,
        faults: Faults | None = None,
        limit: int = 60,
        limit_window: LimitWindow = "sliding",
        limit_shape: LimitShape = "429",
        limit_body: LimitBody | None = None,
        refused_calls_count: bool = False,
        visibility_lag_seconds: float = 0.0,
        seed: int = 0,
        currency: str = CURRENCY,
        tax_behaviour: TaxBehaviour = "given",
        rounding: Rounding = "half_up",
        line_digits: int = 2,
        tax_digits: int = 2,
        strict_totals: bool = True,
        negative_charges: bool = True,
        repeated_charges: bool = True,
        repeated_skus: bool = False,
        check_tax: bool = False,
        most_rows: int | None = None,
        overpayments: bool = False,
        zero_rows: bool = True,
        webhook_seconds: float = SCHEDULE_SECONDS[0],
    ) -> None:
        """Open the books with the catalogue's products in stock at the first location.

        `limit_shape` is the status of a limit answer; `limit_body` its form (text, or the JSON error array; by default
        JSON under 400 only). `refused_calls_count` lets refused calls use up the window. `tax_behaviour`, `rounding`,
        `line_digits`, `tax_digits`: see `Arithmetic`; what makes a document refused: see `Rules`. `zero_rows` False
        leaves rows without stock out of availability (see `StockList`, which is `stock_list`, for more).
        `webhook_seconds`: how long after its event a webhook is sent.
        """
        self.faults = faults or Faults(seed=seed)
        self.books = Books(seed=seed, currency=currency, now_ms=clock.now())
        self.call_log: list[Call] = []
        self.limit = limit
        self._clock = clock
        self._account_id = account_id.lower()
        self._key_labels = {application_key.lower(): "key 1"}
        self._allowance = Allowance(limit=limit, window=limit_window, refused_calls_count=refused_calls_count)
        self._limit_status = int(limit_shape)
        self._limit_as_json = limit_body == "json" or (limit_body is None and limit_shape == "400")
        self._malformed = itertools.count()
        self.stock_list = StockList(zero_rows=zero_rows)
        arithmetic = Arithmetic(tax=tax_behaviour, rounding=rounding, line_digits=line_digits, tax_digits=tax_digits)
        rules = Rules(
            arithmetic=arithmetic,
            strict_totals=strict_totals,
            negative_charges=negative_charges,
            repeated_charges=repeated_charges,
            repeated_skus=repeated_skus,
            check_tax=check_tax,
            most_rows=most_rows,
            overpayments=overpayments,
        )
        self._hooks = WebhookDesk(clock, self.books.new_id, first_seconds=webhook_seconds)
        self.books.on_stock_moved = self._stock_moved
        self._desk = SalesDesk(
            self.books,
            rules,
            now=clock.now,
            visibility_lag_ms=round(visibility_lag_seconds * 1000),
            tell=self._sale_changed,
        )
        self._routes = self._make_routes()

    # --- the door

    async def handle(self, request: Request) -> Response:
        """Answer one request.

        Raises:
            DropConnectionError: a fault cut the connection; over HTTP the socket is closed, in memory the answer lost.
        """
        incoming = take_apart(request)
        if incoming.path is None:
            return page_not_found()
        operation, effect = self._route(incoming)
        call = Call(arrived_ms=self._clock.now(), operation=operation, key=self._key_of(incoming))
        self.call_log.append(call)
        response = await self._answer(incoming, call, effect)
        call.status = response.status
        return response

    async def _answer(self, incoming: Incoming, call: Call, effect: Effect | Response) -> Response:
        if call.key == _STRANGER:
            return wrong_credentials()
        if not self._allowance.take(call.key, call.arrived_ms):
            call.limited = True
            return self._limit_answer()
        if isinstance(effect, Response):
            return effect
        fault = self.faults.pick(call.operation)
        if fault is None:
            return _take_effect(effect, incoming)
        return await self._answer_with(fault, incoming, call, effect)

    async def _answer_with(self, fault: Fault, incoming: Incoming, call: Call, effect: Effect) -> Response:
        if fault.kind is FaultKind.LIMITED:
            call.limited = True
            return self._limit_answer()
        if fault.kind is FaultKind.DROP_BEFORE:
            raise DropConnectionError
        if fault.kind is FaultKind.ERROR_BEFORE:
            return _failure(fault.status)
        if fault.kind is FaultKind.SLOW:
            await self._clock.sleep(fault.seconds)
        response = _take_effect(effect, incoming)
        if fault.kind is FaultKind.DROP_AFTER:
            raise DropConnectionError
        if fault.kind is FaultKind.ERROR_AFTER:
            return _failure(fault.status)
        if fault.kind is FaultKind.SLOW_ANSWER:
            await self._clock.sleep(fault.seconds)
        if fault.kind is FaultKind.MALFORMED:
            return malform(response, next(self._malformed))
        return response

    def _limit_answer(self) -> Response:
        return limit_answer(status=self._limit_status, as_json=self._limit_as_json, limit=self.limit)

    def _key_of(self, incoming: Incoming) -> str:
        """Name the application key, so that the log holds no secret; wrong credentials are all one."""
        account = incoming.headers.get("api-auth-accountid", "").lower()
        key = incoming.headers.get("api-auth-applicationkey", "").lower()
        return self._key_labels.get(key, _STRANGER) if account == self._account_id else _STRANGER

    def _route(self, incoming: Incoming) -> tuple[str, Effect | Response]:
        methods = self._routes.get(incoming.path or "")
        if methods is None:
            return "unknown_path", page_not_found()
        found = methods.get(incoming.method)
        if found is None:
            text = f"The requested resource does not support http method '{incoming.method}'."
            return "unknown_method", error_answer(text, status=405)
        operation, effect = found
        # Whoever asks for one sale looks it up; whoever asks for all of them, or for what moved, sweeps.
        looks_up = any(incoming.query.text(name) for name in ("ExternalID", "Search"))
        return ("sale_sweep" if operation == "sale_list" and not looks_up else operation), effect

    def _make_routes(self) -> dict[str, dict[str, tuple[str, Effect]]]:
        books, desk = self.books, self._desk
        return {
            "/me": {"GET": ("me", lambda _: reference.me(books))},
            "/ref/tax": {"GET": ("tax_rules", lambda call: reference.tax_rules(books, call.query))},
            "/ref/location": {"GET": ("locations", lambda call: reference.locations(books, call.query))},
            "/ref/paymentterm": {"GET": ("payment_terms", lambda call: reference.payment_terms(books, call.query))},
            "/ref/carrier": {"GET": ("carriers", lambda call: reference.carriers(books, call.query))},
            "/ref/account": {"GET": ("accounts", lambda call: reference.accounts(books, call.query))},
            "/customer": {
                "GET": ("customer", lambda call: reference.customers(books, call.query)),
                "POST": ("customer_create", self._create_customer),
            },
            "/product": {"GET": ("products", lambda call: reference.products(books, call.query))},
            "/productfamily": {"GET": ("product_families", lambda call: families(books, call.query))},
            "/ref/productavailability": {"GET": ("availability", self._availability)},
            "/purchaselist": {"GET": ("purchase_list", lambda call: purchase_list(books, call.query))},
            "/purchase": {"GET": ("purchase_read", lambda call: read_simple(books, call.query))},
            "/advanced-purchase": {"GET": ("advanced_purchase_read", lambda call: read_advanced(books, call.query))},
            "/salelist": {"GET": ("sale_list", lambda call: desk.sale_list(call.query))},
            "/salecreditnotelist": {"GET": ("credit_note_list", lambda call: desk.credit_note_list(call.query))},
            "/webhooks": {
                "GET": ("webhooks", lambda _: self._hooks.listed()),
                "POST": ("webhook_create", lambda call: self._hooks.create(read_object(call.body))),
                "PUT": ("webhook_update", lambda call: self._hooks.update(read_object(call.body))),
                "DELETE": ("webhook_delete", lambda call: self._hooks.delete(call.query)),
            },
            "/sale": {
                "GET": ("sale_read", lambda call: desk.read(call.query)),
                "POST": ("sale_create", lambda call: desk.create(read_object(call.body))),
                "PUT": ("sale_update", lambda call: desk.update(read_object(call.body))),
                "DELETE": ("sale_void", lambda call: desk.delete(call.query)),
            },
            "/sale/order": {
                "GET": ("sale_order_read", lambda call: desk.read_order(call.query)),
                "POST": ("sale_order", lambda call: desk.post_order(read_object(call.body))),
            },
            "/sale/fulfilment": {
                "GET": ("fulfilment_read", lambda call: desk.read_fulfilment(call.query)),
                "POST": ("fulfilment_create", lambda call: desk.post_fulfilment(read_object(call.body))),
                "DELETE": ("fulfilment_void", lambda call: desk.delete_fulfilment(call.query)),
            },
            "/sale/fulfilment/pick": {
                "GET": ("pick_read", lambda call: desk.read_pick(call.query)),
                "POST": ("pick_write", lambda call: desk.post_pick(read_object(call.body))),
            },
            "/sale/invoice": {
                "GET": ("invoices_read", lambda call: desk.read_invoices(call.query)),
                "POST": ("invoice_write", lambda call: desk.post_invoice(read_object(call.body))),
                "PUT": ("invoice_update", lambda call: desk.put_invoice(read_object(call.body))),
                "DELETE": ("invoice_void", lambda call: desk.delete_invoice(call.query)),
            },
            "/sale/payment": {
                "GET": ("payments_read", lambda call: desk.read_payments(call.query)),
                "POST": ("payment_write", lambda call: desk.post_payment(read_object(call.body))),
                "PUT": ("payment_update", lambda call: desk.put_payment(read_object(call.body))),
                "DELETE": ("payment_delete", lambda call: desk.delete_payment(call.query)),
            },
            "/sale/creditnote": {
                "GET": ("credit_notes_read", lambda call: desk.read_credit_notes(call.query)),
                "POST": ("credit_note_write", lambda call: desk.post_credit_note(read_object(call.body))),
                "DELETE": ("credit_note_void", lambda call: desk.delete_credit_note(call.query)),
            },
            "/sale/fulfilment/pack": {"GET": ("pack_read", lambda call: desk.read_pack(call.query))},
            "/sale/fulfilment/ship": {"GET": ("ship_read", lambda call: desk.read_ship(call.query))},
        }

    def _create_customer(self, call: Incoming) -> JsonObject:
        return reference.create_customer(self.books, read_object(call.body), self._clock.now())

    def _availability(self, call: Incoming) -> JsonObject:
        return availability(self.books, call.query, self.stock_list)

    # --- webhooks

    async def deliver_webhooks(self, send: Send) -> None:
        """Send what happens to whoever listens, as the schedule says, for ever: run it beside the double."""
        await self._hooks.deliver(send)

    def _sale_changed(self, kind: str, sale: Sale, task: Fulfilment | CreditNote | Invoice | None = None) -> None:
        self._hooks.happened(kind, lambda: sale_payload(kind, sale, tenant=self._account_id, task=task))

    def _stock_moved(self, product: Product, place: Location) -> None:
        self._hooks.happened("Stock/AvailableStockLevelChanged", lambda: stock_payload(self.books, product, place))

    # --- what people do by hand

    def add_key(self, application_key: str) -> None:
        """Let another application use the account: limits are counted per key."""
        self._key_labels[application_key.lower()] = f"key {len(self._key_labels) + 1}"

    def rename_tax_rule(self, old: str, new: str) -> None:
        """Rename a tax rule: documents join by name, so the old name is unknown from now on (fact sheet §6)."""
        next(rule for rule in self.books.tax_rules if rule.name == old).name = new

    def change_tax_rule(self, name: str, percent: Decimal | int) -> None:
        """Let a tax rule be of another percent under its old name; documents keep their figures."""
        next(rule for rule in self.books.tax_rules if rule.name == name).percent = Decimal(percent)

    def rename_location(self, old: str, new: str) -> None:
        """Rename a location."""
        self.books.the_place(old).name = new

    def add_tax_rule(self, name: str, percent: Decimal | int) -> TaxRule:
        """Enter a tax rule for sales; 20 is twenty percent."""
        rule = TaxRule(id=self.books.new_id(), name=name, percent=Decimal(percent))
        self.books.tax_rules.append(rule)
        return rule

    def add_carrier(self, name: str) -> Carrier:
        """Enter a carrier."""
        carrier = Carrier(id=self.books.new_id(), name=name)
        self.books.carriers.append(carrier)
        return carrier

    def add_customer(self, name: str, *, currency: str = CURRENCY) -> Customer:
        """Enter a customer with the first customer's settings, in a currency of its own."""
        first = self.books.customers[0]
        customer = Customer(
            id=self.books.new_id(),
            name=name,
            currency=currency,
            payment_term=first.payment_term,
            tax_rule=self.books.tax_rules[0].name,
            modified_ms=self._clock.now(),
        )
        self.books.customers.append(customer)
        return customer

    def add_webhook(self, kind: str, url: str, token: str) -> Webhook:
        """Enter a webhook that proves itself with a bearer token."""
        hook = Webhook(
            id=self.books.new_id(),
            type=kind,
            url=url,
            authorization="bearerauth",
            credentials={"ExternalBearerToken": token},
        )
        self._hooks.hooks[hook.id] = hook
        return hook

    def set_company(self, **settings: object) -> None:
        """Change settings of `Company` by name, as an administrator does."""
        for name, value in settings.items():
            if name not in self.books.company.__struct_fields__:
                raise ValueError(f"no company setting {name}")
            setattr(self.books.company, name, value)

    def set_arithmetic(self, arithmetic: Arithmetic) -> None:
        """Calculate differently from now on, as after a change overnight; documents keep their figures."""
        self.set_rules(arithmetic=arithmetic)

    def set_rules(self, **changes: Any) -> None:
        """Change by name what makes a document refused: see `Rules`. Raises ValueError for a name it has not."""
        for name in changes:
            if name not in Rules.__struct_fields__:
                raise ValueError(f"no rule {name}")
        self._desk.rules = msgspec.structs.replace(self._desk.rules, **changes)

    @property
    def arithmetic(self) -> Arithmetic:
        """How the account calculates now."""
        return self._desk.rules.arithmetic

    def make_sale_by_hand(
        self,
        reference_text: str = "",
        *,
        external_id: str | None = None,
        lines: Sequence[tuple[str, Decimal | int]] = (),
        customer: str = CUSTOMER,
        location: str | None = None,
        authorise: bool = True,
    ) -> Sale:
        """Key in a sale at list prices, without tax; it allocates and backorders like any other."""
        header: JsonObject = {
            "Customer": customer,
            "Location": self.books.the_place(location).name,
            "SkipQuote": True,
            "CustomerReference": reference_text,
            "ExternalID": external_id,
            "CurrencyRate": Decimal(1),
        }
        view = self._desk.create(header)
        if lines:
            rows = [self._keyed_line(sku, quantity) for sku, quantity in lines]
            status = "AUTHORISED" if authorise else "DRAFT"
            self._desk.post_order({"SaleID": view["ID"], "Memo": "", "Status": status, "Lines": rows})
        return self.sale(view["ID"])

    def sell_by_hand(self, sku: str, quantity: Decimal | int, *, location: str | None = None) -> Sale:
        """Key in a wholesale order of one product: it takes stock, and is none of the shop's."""
        return self.make_sale_by_hand(lines=((sku, quantity),), location=location)

    def _keyed_line(self, sku: str, quantity: Decimal | int) -> JsonObject:
        product = self.books.the_product(sku)
        return {
            "ProductID": product.id,
            "SKU": sku,
            "Name": product.name,
            "Quantity": Decimal(quantity),
            "Price": plain(product.price),
            "Tax": Decimal(0),
            "TaxRule": product.tax_rule or self.books.tax_rules[0].name,
        }

    def add_sale_by_hand(self, reference: str, external_id: str = "") -> Sale:
        """Key in a live sale under somebody's reference: one service, authorised; no stock is taken."""
        service = next(product for product in self.books.products if product.type == "Service")
        return self.make_sale_by_hand(reference, external_id=external_id or None, lines=((service.sku, 1),))

    def remove_sale(self, sale_id: str) -> Sale:
        """Delete a sale: it is gone from every list and cannot be read any more; no event tells of it."""
        sale = self.sale(sale_id)
        self.books.remove_sale(sale)
        return sale

    def deactivate_webhook(self, webhook_id: str) -> None:
        """Switch a webhook off, as six failures do. Raises KeyError."""
        self._hooks.hooks[webhook_id.lower()].active = False

    def receive_stock(
        self,
        sku: str,
        quantity: Decimal | int,
        *,
        location: str | None = None,
        spot: tuple[str | None, str | None] = ANYWHERE,
        fill_backorders: bool = True,
    ) -> None:
        """Put stock in (a negative quantity takes it out); unless told not to, the oldest backorders get it first.

        `spot` is the bin and the batch.
        """
        place = self.books.the_place(location)
        self.books.the_product(sku)
        self.books.receive(sku, place, Decimal(quantity), Spot(*spot))
        if fill_backorders:
            self.books.fill_backorders(sku, place)

    def expect_delivery(
        self, sku: str, day: date | None, location: str | None = None, *, quantity: Decimal | int = 0
    ) -> None:
        """Expect a receipt of a product on this day too (None: none any more) at a location (the first)."""
        self.books.the_product(sku)
        self.books.expect_delivery(sku, self.books.the_place(location), day, Decimal(quantity))

    def receive_delivery(self, sku: str, day: date, location: str | None = None) -> None:
        """Put in what was expected that day; the oldest backorders get it first. Raises KeyError."""
        place = self.books.the_place(location)
        self.books.receive_delivery(sku, place, day)
        self.books.fill_backorders(sku, place)

    # --- the books

    @property
    def sales(self) -> list[Sale]:
        """Every sale ever made, by number, void ones too; not those that were removed."""
        return self.books.sales

    @property
    def webhooks(self) -> list[Webhook]:
        """Every webhook, in the order they were made."""
        return list(self._hooks.hooks.values())

    @property
    def webhook_deliveries(self) -> list[Delivery]:
        """Everything that was to be delivered, in the order it happened, with the tries that were made."""
        return self._hooks.deliveries

    def live_sales(self, *, external_id: str | None = None) -> list[Sale]:
        """Every sale that is not void; of one external id when asked."""
        return [sale for sale in self.sales if not sale.voided and external_id in (None, sale.external_id)]

    def available(self, sku: str, location: str | None = None) -> Decimal:
        """Return OnHand - Allocated at a location (the first unless said)."""
        return self.books.available(self.books.the_product(sku).id, self.books.the_place(location).id)

    def worst_window(self) -> WorstWindow:
        """The most calls any 60 seconds saw, refused ones included: law L3 is judged on this."""
        return worst_window(call for call in self.call_log if call.key != _STRANGER)


def _take_effect(effect: Effect, incoming: Incoming) -> Response:
    try:
        return answer(effect(incoming))
    except RefusedError as refusal:
        return error_answer(refusal.text, status=refusal.status, code=refusal.code)


def _failure(status: int) -> Response:
    if status in (502, 503, 504):
        return overload_answer(status)
    return error_answer("An unexpected error occurred while processing API request.", status=status)


def new_credentials(seed: int = 0) -> tuple[str, str]:
    """Make an account id and an application key for a sandbox that nobody else uses."""
    account = uuid.uuid5(uuid.NAMESPACE_DNS, f"account-{seed}.sandbox.invalid")
    key = uuid.uuid5(uuid.NAMESPACE_DNS, f"key-{seed}.sandbox.invalid")
    return str(account), str(key)
