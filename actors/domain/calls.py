"""Every kind of call tallyd makes: its name in logs, call log, spans and crash points, and whether it changes anything.

A method that is not listed here cannot be called: both clients take the `Purpose` of what they are about to send, and
the list follows "who masters what" (design §2).
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class Lane(IntEnum):
    """Who goes first when calls are scarce. Lower is more urgent."""

    ORDERS = 0
    FULFILMENT = 1
    FINANCE = 2
    STOCK = 3
    CATALOGUE = 4
    BACKFILL = 5

    @property
    def label(self) -> str:
        """The lane's name in configuration, health and metrics."""
        return self.name.lower()


class Purpose(StrEnum):
    """One kind of call. The value is `<side>.<what>`."""

    CIN7_ME = "cin7.me"
    CIN7_TAX_RULES = "cin7.tax_rules"
    CIN7_LOCATIONS = "cin7.locations"
    CIN7_PAYMENT_TERMS = "cin7.payment_terms"
    CIN7_ACCOUNTS = "cin7.accounts"
    CIN7_CARRIERS = "cin7.carriers"
    CIN7_CUSTOMER = "cin7.customer"
    CIN7_FIND_CUSTOMER = "cin7.find_customer"
    CIN7_CREATE_CUSTOMER = "cin7.create_customer"
    CIN7_LIST_SALES = "cin7.list_sales"
    CIN7_READ_RATE = "cin7.read_rate"
    CIN7_AVAILABILITY = "cin7.availability"
    CIN7_STOCK_PAGE = "cin7.stock_page"
    CIN7_PRODUCTS = "cin7.products"
    CIN7_FAMILIES = "cin7.families"
    CIN7_LIST_PURCHASES = "cin7.list_purchases"
    CIN7_READ_PURCHASE = "cin7.read_purchase"
    CIN7_FIND_BY_EXTERNAL_ID = "cin7.find_by_external_id"
    CIN7_FIND_BY_REFERENCE = "cin7.find_by_reference"
    CIN7_READ_SALE = "cin7.read_sale"
    CIN7_READ_FULFILMENT = "cin7.read_fulfilment"
    CIN7_CREATE_SALE = "cin7.create_sale"
    CIN7_DRAFT_ORDER = "cin7.draft_order"
    CIN7_AUTHORISE_ORDER = "cin7.authorise_order"
    CIN7_VOID_SALE = "cin7.void_sale"
    CIN7_UPDATE_SALE = "cin7.update_sale"
    CIN7_READ_BOOKS = "cin7.read_books"
    CIN7_POST_INVOICE = "cin7.post_invoice"
    CIN7_POST_PAYMENT = "cin7.post_payment"
    CIN7_POST_CREDIT_NOTE = "cin7.post_credit_note"
    CIN7_SWEEP_SALES = "cin7.sweep_sales"
    CIN7_COUNT_SALES = "cin7.count_sales"
    CIN7_CREDIT_NOTES = "cin7.credit_notes"
    CIN7_WEBHOOKS = "cin7.webhooks"
    CIN7_CREATE_WEBHOOK = "cin7.create_webhook"
    CIN7_REVIVE_WEBHOOK = "cin7.revive_webhook"
    CT_PROJECT = "commercetools.project"
    CT_READ_ORDER = "commercetools.read_order"
    CT_LIST_ORDERS = "commercetools.list_orders"
    CT_COUNT_ORDERS = "commercetools.count_orders"
    CT_LIST_PAYMENTS = "commercetools.list_payments"
    CT_LIST_MESSAGES = "commercetools.list_messages"
    CT_SUBSCRIPTION = "commercetools.subscription"
    CT_INVENTORY = "commercetools.inventory"
    CT_LIST_INVENTORY = "commercetools.list_inventory"
    CT_READ_ENTRY = "commercetools.read_entry"
    CT_WRITE_ENTRY = "commercetools.write_entry"
    CT_CREATE_ENTRY = "commercetools.create_entry"
    CT_CHANNEL = "commercetools.channel"
    CT_READ_LEASE = "commercetools.read_lease"
    CT_WRITE_LEASE = "commercetools.write_lease"
    CT_SYNC_INFO = "commercetools.sync_info"
    CT_UPDATE_ORDER = "commercetools.update_order"
    CT_LIST_PRODUCTS = "commercetools.list_products"
    CT_LIST_PRICES = "commercetools.list_prices"
    CT_READ_PRODUCT = "commercetools.read_product"
    CT_FIND_PRODUCT = "commercetools.find_product"
    CT_PRODUCT_TYPE = "commercetools.product_type"
    CT_TAX_CATEGORY = "commercetools.tax_category"
    CT_CREATE_PRODUCT = "commercetools.create_product"
    CT_UPDATE_PRODUCT = "commercetools.update_product"
    CT_UNPUBLISH_PRODUCT = "commercetools.unpublish_product"

    @property
    def side(self) -> str:
        """`cin7` or `commercetools`."""
        return self.value.split(".", 1)[0]

    @property
    def operation(self) -> str:
        """What is asked of that side: `read_sale`, `sync_info`."""
        return self.value.split(".", 1)[1]

    @property
    def writes(self) -> bool:
        """True when the call changes a record on the other side."""
        return self in _WRITES


POSTINGS = frozenset({Purpose.CIN7_POST_INVOICE, Purpose.CIN7_POST_PAYMENT, Purpose.CIN7_POST_CREDIT_NOTE})
"""What is posted to the books: one of these without an outcome is the finance flow's to look for."""

PRODUCT_WRITES = frozenset({Purpose.CT_CREATE_PRODUCT, Purpose.CT_UPDATE_PRODUCT, Purpose.CT_UNPUBLISH_PRODUCT})
"""What is written to the storefront's products: one of these without an outcome is the catalogue flow's to look at."""

_WRITES = frozenset(
    {
        Purpose.CIN7_CREATE_CUSTOMER,
        Purpose.CIN7_CREATE_SALE,
        Purpose.CIN7_DRAFT_ORDER,
        Purpose.CIN7_AUTHORISE_ORDER,
        Purpose.CIN7_VOID_SALE,
        Purpose.CIN7_UPDATE_SALE,
        Purpose.CIN7_POST_INVOICE,
        Purpose.CIN7_POST_PAYMENT,
        Purpose.CIN7_POST_CREDIT_NOTE,
        Purpose.CIN7_CREATE_WEBHOOK,
        Purpose.CIN7_REVIVE_WEBHOOK,
        Purpose.CT_SYNC_INFO,
        Purpose.CT_UPDATE_ORDER,
        Purpose.CT_WRITE_LEASE,
        Purpose.CT_WRITE_ENTRY,
        Purpose.CT_CREATE_ENTRY,
        Purpose.CT_CREATE_PRODUCT,
        Purpose.CT_UPDATE_PRODUCT,
        Purpose.CT_UNPUBLISH_PRODUCT,
    }
)
