"""The client of Cin7 Core's External API v2: only the calls that "who masters what" allows (design §2).

Every call takes a turn of the governor and is exactly one request on the wire, never repeated in here: what happens
next is decided by the one who asked, on the error classes of `actors.domain.errors`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import date
from typing import Any, Protocol, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from actors.domain import facts
from actors.domain.availability import StockPage
from actors.domain.calls import Lane, Purpose
from actors.domain.crashpoints import Probe, WritePhase, write_point
from actors.domain.errors import Limited, Rejected, Transient, WireError
from actors.domain.financial import Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.item import FamilyPage, ItemPage
from actors.domain.purchase import Purchase, PurchaseMark, PurchasePage
from actors.domain.sale import (
    CreditNotePage,
    CustomerCard,
    LookUp,
    OrderView,
    SaleChange,
    SaleHeader,
    SaleOrder,
    SalePage,
    SaleRow,
    SaleView,
)
from actors.domain.time import Clock, Instant, format_instant
from actors.domain.tracing import NoTracer, Tracer
from actors.domain.vouchers import CreditVoucher, InvoiceVoucher, PaymentVoucher
from actors.domain.webhook import Webhook
from actors.governor.gate import Gate, Turn
from actors.governor.journal import Intent
from adapters.cin7 import documents, items, purchases, sale_lists, stock, translate, webhooks, wire, wire_purchases
from adapters.cin7.answers import SIDE, failure, limit_wait_seconds, unclear
from adapters.cin7.fields import UnreadableAnswerError
from adapters.transport import AnswerLostError, NotSentError, Request, Response, Transport

_T = TypeVar("_T")
_W = TypeVar("_W")
_R = TypeVar("_R")
_Query = Sequence[tuple[str, str]]
_Body = wire.Sent | dict[str, Any]

_LOOK_UP_ROWS = 100
_CATALOGUE_ROWS = 1000
_SALE_ROWS = 1000
_STOCK_ROWS = 1000
# `/ref/location` was seen to cut a page at 500 rows (fact sheet §1.5); asking for no more keeps a page a page.
_REFERENCE_ROWS = 500


class _Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """An answer, when the request left and the answer was there, and until when the request may still take effect."""

    body: bytes
    until: Instant
    began_at: Instant
    ended_at: Instant


class _Page(Protocol[_T]):
    """A page of a list: what its envelope says there is, and the rows it carries."""

    total: int | None
    rows: list[_T] | None


class Cin7Client:
    """One account's API under one application key. Implements `SalesBook`, `AccountBook`, `SalesList`,
    `Availability`, `Warehouse`, `Ledger` and `PurchaseBook`.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        clock: Clock,
        gate: Gate,
        probe: Probe,
        base_url: str,
        account_id: str,
        application_key: str,
        timeout_seconds: float,
        tracer: Tracer | None = None,
        may_write: Callable[[], bool] = lambda: True,
        webhook_token: str = "",
    ) -> None:
        """`webhook_token` is what Cin7's webhooks are told to send with each delivery, and are known by."""
        self._transport = transport
        self._webhook_token = webhook_token
        self._may_write = may_write
        self._tracer: Tracer = tracer if tracer is not None else NoTracer()
        self._clock = clock
        self._gate = gate
        self._probe = probe
        self._base = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._headers = {
            "api-auth-accountid": account_id,
            "api-auth-applicationkey": application_key,
            "Content-Type": "application/json",  # on GET too (fact sheet §1.1)
            "Accept": "application/json",
        }

    # -- sales ----------------------------------------------------------------------------------------------------

    async def create_sale(self, header: SaleHeader, intent: Intent) -> SaleView:
        """`POST /sale`: the header alone; its ID is in the answer (fact sheet §2.4).

        Raises:
            InDoubt: no clear answer, or one without the sale's ID.
            Rejected, Unauthorised, Limited, Transient (not sent): there is no sale.
        """
        body, until = await self._call(intent, "POST", "/sale", payload=translate.sent_header(header))
        return self._read(body, wire.Sale, translate.sale_view, intent.purpose, until)

    async def post_order(self, order: SaleOrder, intent: Intent) -> OrderView:
        """`POST /sale/order`: replaces a DRAFT, refuses an authorised one; the answer is the read-back (§2.5).

        Raises:
            InDoubt: no clear answer, one without its figures, or one about another sale.
            Rejected, Unauthorised, Limited, Transient (not sent): nothing was changed.
        """

        def view(document: wire.Order) -> OrderView:
            if document.sale_id and not _same(document.sale_id, order.sale_id):
                raise UnreadableAnswerError("SaleID is another sale's")
            return translate.order_view(document)

        body, until = await self._call(intent, "POST", "/sale/order", payload=translate.sent_order(order))
        return self._read(body, wire.Order, view, intent.purpose, until)

    async def void_sale(self, sale_id: str, intent: Intent) -> SaleView:
        """`DELETE /sale?Void=true`; without `Void` it would be an undo (fact sheet §2.8)."""
        body, until = await self._call(intent, "DELETE", "/sale", (("ID", sale_id), ("Void", "true")))
        return self._read(body, wire.Sale, _of_sale(sale_id), intent.purpose, until)

    async def update_sale(self, change: SaleChange, shown: SaleView, intent: Intent) -> SaleView:
        """`PUT /sale`: changes what `change` names of the header; the rest goes back as it was `shown` (§2.4).

        Raises:
            InDoubt: no clear answer, or one about another sale.
            Rejected, Unauthorised, Limited, Transient (not sent): nothing was changed.
        """
        body, until = await self._call(intent, "PUT", "/sale", payload=translate.sent_change(change, shown.header))
        return self._read(body, wire.Sale, _of_sale(change.sale_id), intent.purpose, until)

    async def read_sale(self, sale_id: str, *, subject: str) -> SaleView:
        """`GET /sale?ID=`.

        Raises:
            Missing: Cin7 says it was not found.
            Transient: no clear answer, or another sale's.
        """
        intent = Intent(Purpose.CIN7_READ_SALE, subject=subject, lane=Lane.ORDERS)
        body, until = await self._call(intent, "GET", "/sale", (("ID", sale_id),))
        return self._read(body, wire.Sale, _of_sale(sale_id), intent.purpose, until)

    async def read_fulfilment(self, sale_id: str, *, subject: str) -> SaleView:
        """`GET /sale?ID=` with everything that followed the order, in the lane of fulfilment (fact sheet §2.7, §2.8).

        Raises:
            Missing: Cin7 says it was not found.
            Transient: no clear answer, another sale's, or a fulfilment or credit note that cannot be read.
        """
        intent = Intent(Purpose.CIN7_READ_FULFILMENT, subject=subject, lane=Lane.FULFILMENT)
        body, until = await self._call(intent, "GET", "/sale", (("ID", sale_id),))
        return self._read(body, wire.Sale, _of_sale(sale_id, whole=True), intent.purpose, until)

    # -- the books ------------------------------------------------------------------------------------------------

    async def read_books(self, sale_id: str, *, subject: str) -> SaleView:
        """`GET /sale?ID=` with its invoices, payments and credit notes, in the lane of finance (fact sheet §2.8).

        Raises:
            Missing: Cin7 says it was not found.
            Transient: no clear answer, another sale's, or a document that cannot be read.
        """
        intent = Intent(Purpose.CIN7_READ_BOOKS, subject=subject, lane=Lane.FINANCE)
        body, until = await self._call(intent, "GET", "/sale", (("ID", sale_id),))
        return self._read(body, wire.Sale, _of_sale(sale_id, whole=True, money=True), intent.purpose, until)

    async def post_invoice(self, voucher: InvoiceVoucher, intent: Intent) -> Invoice:
        """`POST /sale/invoice`: a new one, authorised; the answer is the read-back (fact sheet §2.8).

        Raises:
            InDoubt: no clear answer, or one that does not show the invoice.
            Rejected, Unauthorised, Limited, Transient (not sent): nothing was posted.
        """
        payload = documents.sent_invoice(voucher)
        body, until = await self._call(intent, "POST", "/sale/invoice", payload=payload)
        return self._read(
            body, msgspec.Raw, lambda answer: documents.posted_invoice(answer, voucher), intent.purpose, until
        )

    async def post_payment(self, voucher: PaymentVoucher, intent: Intent) -> PostedPayment:
        """`POST /sale/payment`: a payment of an invoice or a refund of a credit note. Raises as `post_invoice`."""
        payload = documents.sent_payment(voucher)
        body, until = await self._call(intent, "POST", "/sale/payment", payload=payload)
        return self._read(
            body, msgspec.Raw, lambda answer: documents.posted_payment(answer, voucher), intent.purpose, until
        )

    async def post_credit_note(self, voucher: CreditVoucher, intent: Intent) -> CreditNote:
        """`POST /sale/creditnote`: a new one, authorised, and what it restocks. Raises as `post_invoice`."""
        payload = documents.sent_credit_note(voucher)
        body, until = await self._call(intent, "POST", "/sale/creditnote", payload=payload)
        return self._read(
            body, msgspec.Raw, lambda answer: documents.posted_credit_note(answer, voucher), intent.purpose, until
        )

    async def find_by_external_id(self, external_id: str, *, subject: str) -> LookUp:
        """`GET /saleList?ExternalID=`, the first 100 rows (fact sheet §2.2, §2.9)."""
        return await self._look_up(Purpose.CIN7_FIND_BY_EXTERNAL_ID, ("ExternalID", external_id), subject)

    async def find_by_reference(self, reference: str, *, subject: str) -> LookUp:
        """`GET /saleList?Search=`, the first 100 rows; it searches several fields by *contains*."""
        return await self._look_up(Purpose.CIN7_FIND_BY_REFERENCE, ("Search", reference), subject)

    # -- customers and stock of an order ----------------------------------------------------------------------------

    async def find_customer(self, name: str, *, subject: str) -> facts.Customer | None:
        """`GET /customer?Name=`, deprecated ones too; the filter means *starts with*, so names are compared here."""
        query = (("Name", name), ("IncludeDeprecated", "true"))
        intent = Intent(Purpose.CIN7_FIND_CUSTOMER, subject=subject, lane=Lane.ORDERS)
        rows = await self._whole_list(intent, "/customer", wire.CustomerList, query)
        found = _distinct(rows, translate.customer, lambda one: one.id)
        return next((customer for customer in found if customer.name == name), None)

    async def create_customer(self, card: CustomerCard, intent: Intent) -> facts.Customer:
        """`POST /customer` (fact sheet §5); a name that exists is refused.

        Raises:
            InDoubt: no clear answer, or one about another customer.
            Rejected, Unauthorised, Limited, Transient (not sent): no customer was made by this.
        """
        body, until = await self._call(intent, "POST", "/customer", payload=translate.sent_customer(card))
        return self._read(
            body, wire.CustomerList, lambda page: translate.made_customer(page, card.name), intent.purpose, until
        )

    async def next_delivery(self, sku: str, location: str, *, subject: str) -> date | None:
        """`GET /ref/productavailability?Sku=&Location=`: the earliest date among its bins and batches (§4)."""
        intent = Intent(Purpose.CIN7_AVAILABILITY, subject=subject, lane=Lane.STOCK)
        query = (("Sku", sku), ("Location", location))
        rows = stock.stock_rows(await self._whole_list(intent, "/ref/productavailability", wire.StockList, query))
        days = [row.next_delivery for row in rows if (row.sku, row.location) == (sku, location)]
        return min((day for day in days if day is not None), default=None)

    async def _look_up(self, purpose: Purpose, wanted: tuple[str, str], subject: str) -> LookUp:
        query = (("Page", "1"), ("Limit", str(_LOOK_UP_ROWS)), wanted)
        body, until = await self._call(Intent(purpose, subject=subject, lane=Lane.ORDERS), "GET", "/saleList", query)
        return self._read(body, wire.SaleList, translate.look_up, purpose, until)

    # -- reference data -------------------------------------------------------------------------------------------

    async def company(self) -> facts.Company:
        """`GET /me` (fact sheet §1.2)."""
        purpose = Purpose.CIN7_ME
        body, until = await self._call(Intent(purpose, lane=Lane.CATALOGUE), "GET", "/me")
        return self._read(body, wire.Me, translate.company, purpose, until)

    async def tax_rules(self) -> tuple[facts.TaxRule, ...]:
        """`GET /ref/tax`, to its end."""
        rows = await self._whole_list(_listing(Purpose.CIN7_TAX_RULES), "/ref/tax", wire.TaxRuleList)
        return _distinct(rows, translate.tax_rule, lambda one: one.id)

    async def locations(self) -> tuple[facts.Location, ...]:
        """`GET /ref/location`, to its end."""
        rows = await self._whole_list(_listing(Purpose.CIN7_LOCATIONS), "/ref/location", wire.LocationList)
        return _distinct(rows, translate.location, lambda one: one.id)

    async def payment_terms(self) -> tuple[facts.PaymentTerm, ...]:
        """`GET /ref/paymentterm`, to its end."""
        rows = await self._whole_list(_listing(Purpose.CIN7_PAYMENT_TERMS), "/ref/paymentterm", wire.PaymentTermList)
        return _distinct(rows, translate.payment_term, lambda one: one.id)

    async def accounts(self) -> tuple[facts.LedgerAccount, ...]:
        """`GET /ref/account`, to its end."""
        rows = await self._whole_list(_listing(Purpose.CIN7_ACCOUNTS), "/ref/account", wire.AccountList)
        return _distinct(rows, translate.account, lambda one: one.code)

    async def customers_named(self, name: str) -> tuple[facts.Customer, ...]:
        """`GET /customer?Name=`, deprecated ones too, to its end; the filter means *starts with* (fact sheet §5)."""
        query = (("Name", name), ("IncludeDeprecated", "true"))
        rows = await self._whole_list(_listing(Purpose.CIN7_CUSTOMER), "/customer", wire.CustomerList, query)
        return _distinct(rows, translate.customer, lambda one: one.id)

    async def carriers(self) -> tuple[facts.Carrier, ...]:
        """`GET /ref/carrier`, to its end."""
        rows = await self._whole_list(_listing(Purpose.CIN7_CARRIERS), "/ref/carrier", wire.CarrierList)
        return _distinct(rows, translate.carrier, lambda one: one.id)

    async def latest_rates(self, currencies: frozenset[str], *, since: Instant) -> tuple[facts.ExchangeRate, ...]:
        """`GET /saleList?CreatedSince=` to its end, then `GET /sale` of the newest sale of each currency.

        Cin7 has no list of rates: they stand on documents. The list goes up by document number and cannot be sorted, so
        all of it is read (fact sheet §1.5).
        """
        if not currencies:
            return ()
        intent = _listing(Purpose.CIN7_LIST_SALES)
        query = (("CreatedSince", format_instant(since)),)
        rows = await self._whole_list(intent, "/saleList", wire.SaleList, query, rows_a_page=_SALE_ROWS)
        newest = sale_lists.newest(_distinct(rows, translate.sale_row, lambda one: one.id), currencies)
        rates = [await self._rate_of(row) for row in newest]
        return tuple(rate for rate in rates if rate is not None)

    async def _rate_of(self, row: SaleRow) -> facts.ExchangeRate | None:
        """Read the rate of one sale; None where it has none, or was removed since it was listed."""
        purpose = Purpose.CIN7_READ_RATE
        try:
            body, until = await self._call(_listing(purpose), "GET", "/sale", (("ID", row.id),))
        except Rejected:
            return None
        return translate.exchange_rate(row, self._read(body, wire.Sale, _of_sale(row.id), purpose, until))

    async def products(self, *, page: int, modified_since: Instant | None) -> ItemPage:
        """`GET /product`, one page of 1,000, deprecated ones too (fact sheet §3.1). A row without a SKU is left out."""
        # A bill of materials is empty unless it is asked for (fact sheet §3.1).
        query = (*_part(page, "ModifiedSince", modified_since), ("IncludeDeprecated", "true"), ("IncludeBOM", "true"))
        rows, total = await self._counted_page(Purpose.CIN7_PRODUCTS, "/product", wire.ProductList, query)
        return ItemPage(items=_distinct(rows, items.item, lambda one: one.id), rows=len(rows), total=total)

    async def families(self, *, page: int, modified_since: Instant | None) -> FamilyPage:
        """`GET /productFamily`, one page of 1,000 (fact sheet §3.2). A row without ID or SKU is left out."""
        query = _part(page, "ModifiedSince", modified_since)
        rows, total = await self._counted_page(Purpose.CIN7_FAMILIES, "/productFamily", wire.FamilyList, query)
        return FamilyPage(families=_distinct(rows, items.family, lambda one: one.id), rows=len(rows), total=total)

    # -- purchases ------------------------------------------------------------------------------------------------

    async def purchases(self, *, page: int, updated_since: Instant | None) -> PurchasePage:
        """`GET /purchaseList`, one page of 1,000, ascending by number (fact sheet §7.1). A row without ID is left out.

        Raises:
            Transient: no clear answer, or one without its Total.
            Limited, Unauthorised, Rejected: as for every read.
        """
        query = _part(page, "UpdatedSince", updated_since)
        purpose, kind = Purpose.CIN7_LIST_PURCHASES, wire_purchases.PurchaseList
        rows, total = await self._counted_page(purpose, "/purchaseList", kind, query)
        return PurchasePage(marks=_distinct(rows, purchases.mark, lambda one: one.id), met=len(rows), total=total)

    async def read_purchase(self, mark: PurchaseMark) -> Purchase:
        """`GET /purchase` or `/advanced-purchase`, by its kind; once the other one, where that does not show it (§7.2).

        Raises:
            Missing: Cin7 says it was not found.
            Rejected: `unreadable_purchase`; `detail` names the field.
            Transient: no clear answer, or another purchase's.
            Limited, Unauthorised: as for every read.
        """
        for path in purchases.paths(mark.kind):
            found = await self._purchase(mark, path)
            if found is not None:
                return found
        raise self._unreadable("OrderNumber is missing")

    async def _purchase(self, mark: PurchaseMark, path: str) -> Purchase | None:
        """Ask one endpoint; None where it does not show the purchase."""
        intent = Intent(Purpose.CIN7_READ_PURCHASE, subject=mark.id, lane=Lane.CATALOGUE)
        try:
            body, until = await self._call(intent, "GET", path, (("ID", mark.id),))
            found = purchases.purchase(body, mark, path)
        except UnreadableAnswerError as error:
            raise self._unreadable(str(error)) from None
        except Rejected as refusal:
            if purchases.is_elsewhere(path, refusal):
                return None
            raise
        if found is not None and not _same(found.id, mark.id):
            raise unclear("malformed", intent.purpose, until=until, detail="ID is another purchase's")
        return found

    def _unreadable(self, detail: str) -> Rejected:
        operation = Purpose.CIN7_READ_PURCHASE.operation
        return Rejected(purchases.UNREADABLE, side=SIDE, operation=operation, detail=detail)

    # -- stock ----------------------------------------------------------------------------------------------------

    async def stock_page(self, *, page: int) -> StockPage:
        """`GET /ref/productavailability`, one page of up to 1,000 rows of all SKUs (fact sheet §4).

        Its span is that of the exchange alone: the wait for a turn, minutes at times, comes before it.

        Raises:
            Transient: no clear answer, or one without its Total.
            Limited, Unauthorised, Rejected: as for every read.
        """
        return await self._stock(Intent(Purpose.CIN7_STOCK_PAGE, lane=Lane.STOCK), page)

    async def stock_of(self, sku: str) -> StockPage:
        """`GET /ref/productavailability?Sku=`, to its end; the filter may mean *starts with*: others are left out.

        `met` and `total` count the others too; the span is from the first call to the last.

        Raises:
            Transient: no clear answer, or the rows are not those the Totals promise.
            Limited, Unauthorised, Rejected: as for every read.
        """
        purpose = Purpose.CIN7_AVAILABILITY
        pages: list[StockPage] = []
        while True:
            intent = Intent(purpose, subject=sku, lane=Lane.STOCK)
            pages.append(await self._stock(intent, len(pages) + 1, ("Sku", sku)))
            met = sum(page.met for page in pages)
            if pages[-1].met and met < pages[0].total:
                continue
            whole = stock.of_one_sku(sku, pages)
            if whole is not None:
                return whole
            raise unclear(
                "incomplete_list", purpose, until=self._clock.now(), detail=f"{met} of {pages[-1].total}, or moved"
            )

    async def _stock(self, intent: Intent, page: int, *wanted: tuple[str, str]) -> StockPage:
        query = (*wanted, ("Page", str(page)), ("Limit", str(_STOCK_ROWS)))
        sent = await self._exchange(intent, "GET", "/ref/productavailability", query)

        def seen(found: wire.StockList) -> StockPage:
            return stock.stock_page(found, began_at=sent.began_at, ended_at=sent.ended_at)

        return self._read(sent.body, wire.StockList, seen, intent.purpose, sent.until)

    # -- lists of sales, webhooks ---------------------------------------------------------------------------------

    async def listed_sales(
        self, *, page: int, created_since: Instant, updated_since: Instant | None, rows: int = _SALE_ROWS
    ) -> SalePage:
        """`GET /saleList`, one page of up to 1,000 rows, ascending by number (fact sheet §1.5, §2.2).

        With `updated_since` and more than one row a page it is a sweep, else a count.

        Raises:
            Transient: no clear answer, one without its Total, or a row without its ID.
        """
        query = [("Page", str(page)), ("Limit", str(rows)), ("CreatedSince", format_instant(created_since))]
        if updated_since is not None:
            query.append(("UpdatedSince", format_instant(updated_since)))
        intent = Intent(Purpose.CIN7_COUNT_SALES, lane=Lane.BACKFILL)
        if updated_since is not None and rows > 1:
            intent = Intent(Purpose.CIN7_SWEEP_SALES, lane=Lane.FULFILMENT)
        body, until = await self._call(intent, "GET", "/saleList", query)
        return self._read(body, wire.ListedSales, sale_lists.sale_page, intent.purpose, until)

    async def credit_notes(self, *, page: int, updated_since: Instant) -> CreditNotePage:
        """`GET /saleCreditNoteList`, one page of up to 1,000 rows. Raises as `listed_sales`."""
        query = (("Page", str(page)), ("Limit", str(_SALE_ROWS)), ("UpdatedSince", format_instant(updated_since)))
        intent = Intent(Purpose.CIN7_CREDIT_NOTES, lane=Lane.FINANCE)
        body, until = await self._call(intent, "GET", "/saleCreditNoteList", query)
        return self._read(body, wire.ListedSales, sale_lists.credit_note_page, intent.purpose, until)

    async def webhooks(self) -> tuple[Webhook, ...]:
        """`GET /webhooks`: all of them, in one answer (fact sheet §8).

        Raises:
            Transient: no clear answer, or one that is not whole.
        """
        intent = Intent(Purpose.CIN7_WEBHOOKS, lane=Lane.BACKFILL)
        body, until = await self._call(intent, "GET", "/webhooks")

        def seen(page: wire.WebhookList) -> tuple[Webhook, ...]:
            return webhooks.all_of(page, self._webhook_token)

        return self._read(body, wire.WebhookList, seen, intent.purpose, until)

    async def create_webhook(self, kind: str, url: str, intent: Intent) -> Webhook:
        """`POST /webhooks`: make one that is active and sends our bearer token.

        Raises:
            ValueError: there is no token; nothing was sent.
            InDoubt: no clear answer, or one about another webhook.
            Rejected, Unauthorised, Limited, Transient (not sent): none was made.
        """
        sent = webhooks.new(kind, url, self._webhook_token)
        body, until = await self._call(intent, "POST", "/webhooks", payload=sent)

        def made(page: wire.WebhookList) -> Webhook:
            return webhooks.of_address(page, kind, url, self._webhook_token)

        return self._read(body, wire.WebhookList, made, intent.purpose, until)

    async def revive_webhook(self, hook: Webhook, intent: Intent) -> Webhook:
        """`PUT /webhooks`: switch a webhook of ours on again, with our bearer token. Raises as `create_webhook`."""
        sent = webhooks.again(hook, self._webhook_token)
        body, until = await self._call(intent, "PUT", "/webhooks", payload=sent)

        def revived(page: wire.WebhookList) -> Webhook:
            return webhooks.of_id(page, hook.id, self._webhook_token)

        return self._read(body, wire.WebhookList, revived, intent.purpose, until)

    # -- pages ----------------------------------------------------------------------------------------------------

    async def _whole_list(
        self, like: Intent, path: str, kind: type[_Page[_T]], query: _Query = (), *, rows_a_page: int = _REFERENCE_ROWS
    ) -> list[_T]:
        """Read pages until as many rows as `Total` says are here; each page is a turn of its own, with its own intent.

        `like` says what each of them is for.
        """
        rows: list[_T] = []
        number = 1
        while True:
            intent = Intent(like.purpose, subject=like.subject, lane=like.lane)
            page = await self._page(intent, path, kind, (("Page", str(number)), ("Limit", str(rows_a_page)), *query))
            found = page.rows or []
            rows.extend(found)
            total = len(rows) if page.total is None and len(found) < rows_a_page else page.total
            if total is not None and len(rows) >= total:
                return rows
            if not found:
                raise unclear(
                    "incomplete_list", like.purpose, until=self._clock.now(), detail=f"{len(rows)} of {total}"
                )
            number += 1

    async def _counted_page(
        self, purpose: Purpose, path: str, kind: type[_Page[_T]], query: _Query
    ) -> tuple[list[_T], int]:
        """Read one page of a list, and how many rows the whole list has; without that no page is of use."""
        page = await self._page(_listing(purpose), path, kind, query)
        if page.total is None:
            raise unclear("malformed", purpose, until=self._clock.now(), detail="Total is missing")
        return page.rows or [], page.total

    async def _page(self, intent: Intent, path: str, kind: type[_Page[_T]], query: _Query) -> _Page[_T]:
        def same(page: _Page[_T]) -> _Page[_T]:
            if page.rows is None:
                raise UnreadableAnswerError("the list is missing")
            return page

        body, until = await self._call(intent, "GET", path, query)
        return self._read(body, kind, same, intent.purpose, until)

    # -- the exchange ---------------------------------------------------------------------------------------------

    async def _call(
        self,
        intent: Intent,
        method: str,
        path: str,
        query: _Query = (),
        *,
        payload: _Body | None = None,
    ) -> tuple[bytes, Instant]:
        """Make an exchange; return the body and the last instant at which the request may take effect.

        Even an answer is no proof that the work is over: a gateway may give up before the server behind it does.
        """
        sent = await self._exchange(intent, method, path, query, payload=payload)
        return sent.body, sent.until

    async def _exchange(
        self,
        intent: Intent,
        method: str,
        path: str,
        query: _Query = (),
        *,
        payload: _Body | None = None,
    ) -> _Exchange:
        """Take a turn, send once, judge."""
        purpose = intent.purpose
        request = Request(
            method=method,
            url=self._base + path + (f"?{urlencode(query, quote_via=quote)}" if query else ""),
            headers=self._headers,
            body=wire.ENCODER.encode(payload) if payload is not None else None,
            timeout_seconds=self._timeout_seconds,
        )
        self._announce(purpose, WritePhase.DECIDED)
        async with AsyncExitStack() as stack:
            with self._tracer.span("cin7.turn", lane=intent.lane.label):
                turn = await stack.enter_async_context(self._gate.turn(intent))
            self._announce(purpose, WritePhase.INTENDED)
            began_at = self._clock.now()  # nothing is waited for between here and the wire
            outcome = await self._judged(turn, intent, request)
            ended_at, until = self._clock.now(), self._latest_arrival(turn)
        self._announce(purpose, WritePhase.ANSWERED)
        if isinstance(outcome, WireError):
            raise outcome
        return _Exchange(body=outcome.body, until=until, began_at=began_at, ended_at=ended_at)

    async def _judged(self, turn: Turn, intent: Intent, request: Request) -> Response | WireError:
        """Make the exchange in its span and judge the answer; a failure ends the span as one, and is returned."""
        purpose = intent.purpose
        try:
            with self._tracer.span(purpose.value, call=intent.call_id or 0):
                outcome = await self._one_exchange(turn, purpose, request)
                if isinstance(outcome, WireError):
                    raise outcome
                until = self._latest_arrival(turn)
                error = failure(outcome, purpose, until=until, secret=self._webhook_token)
                if error is not None:
                    raise error
                return outcome
        except WireError as error:
            return error

    async def _one_exchange(self, turn: Turn, purpose: Purpose, request: Request) -> Response | WireError:
        """Send, and tell the turn how it ended; what went wrong is returned, so that the turn ends normally."""
        operation = purpose.operation
        if purpose.writes and not self._may_write():
            # Asked here, not before the turn: the wait for it may have outlasted the lease.
            turn.not_sent()
            return Transient("lease_lost", side=SIDE, operation=operation)
        try:
            response = await self._transport.send(request)
        except NotSentError:
            turn.not_sent()
            return Transient("not_sent", side=SIDE, operation=operation)
        except AnswerLostError as error:
            until = self._latest_arrival(turn)
            turn.lost(until)
            return unclear("no_answer", purpose, until=until, detail=str(error))
        except BaseException:
            # Cut off from outside: the request may still be counted, and may still take effect.
            turn.lost(self._latest_arrival(turn))
            raise
        wait = limit_wait_seconds(response)
        if wait is None:
            return response
        turn.limited(wait)
        return Limited(side=SIDE, operation=operation, retry_after_seconds=wait, status=response.status)

    def _latest_arrival(self, turn: Turn) -> Instant:
        return max(turn.sent_at + round(self._timeout_seconds * 1000), self._clock.now())

    def _announce(self, purpose: Purpose, phase: WritePhase) -> None:
        if purpose.writes:
            self._probe(write_point(purpose, phase))

    def _read(
        self,
        body: bytes,
        kind: type[_W],
        reading: Callable[[_W], _R],
        purpose: Purpose,
        until: Instant,
    ) -> _R:
        try:
            return reading(msgspec.json.decode(body, type=kind))
        except (msgspec.DecodeError, UnicodeDecodeError, UnreadableAnswerError) as error:
            # Both say which field; neither shows its content.
            raise unclear("malformed", purpose, until=until, detail=str(error)) from None


def _listing(purpose: Purpose) -> Intent:
    """Say what a reading for the registry is for."""
    return Intent(purpose, lane=Lane.CATALOGUE)


def _part(page: int, changed: str, since: Instant | None) -> _Query:
    """Ask for a page of all there is, or of what was changed since, by the parameter of that name."""
    query = (("Page", str(page)), ("Limit", str(_CATALOGUE_ROWS)))
    return query if since is None else (*query, (changed, format_instant(since)))


def _of_sale(sale_id: str, *, whole: bool = False, money: bool = False) -> Callable[[wire.Sale], SaleView]:
    """Read a sale and insist that it is the one asked for: an ignored parameter would answer with another."""

    def view(document: wire.Sale) -> SaleView:
        seen = translate.sale_view(document, whole=whole, money=money)
        if not _same(seen.id, sale_id):
            raise UnreadableAnswerError("ID is another sale's")
        return seen

    return view


def _same(left: str, right: str) -> bool:
    return left.strip().lower() == right.strip().lower()


def _distinct(rows: Sequence[_W], reading: Callable[[_W], _R], key: Callable[[_R], str]) -> tuple[_R, ...]:
    """Read rows, once each (pages over moving data repeat some); a row without name or figure is not usable.

    Leaving such a row out makes its name *wrong* for the orders that use it: they are held with that as the cause,
    and nothing else is.
    """
    found: dict[str, _R] = {}
    for row in rows:
        try:
            read = reading(row)
        except UnreadableAnswerError:
            continue
        found[key(read)] = read
    return tuple(found.values())
