"""Cin7 Core documents as they arrive and leave, spelled exactly as Cin7 spells them (Cin7 fact sheet §2, §5, §6).

On reads `null`, `""` and absence mean the same, numbers may be strings, and unknown fields pass: so everything is
optional here, and `translate` says what is needed. A JSON number is read as a `Decimal` and written from one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec


class Wire(msgspec.Struct, kw_only=True, rename="pascal"):
    """Base of what arrives: PascalCase names; identifiers and abbreviations are named one by one."""


class UnitsLine(Wire):
    """A line of a pick, a pack, a restock or a credit note, as far as it tells units. `Box` is a pack's."""

    sku: Any = msgspec.field(default=None, name="SKU")
    quantity: Any = None
    box: Any = None


class ShipLine(Wire):
    """A line of a ship. What it calls `Boxes` when read is called `Box` when written (fact sheet §2.7)."""

    shipment_date: Any = None
    carrier: Any = None
    boxes: Any = None
    box: Any = None
    tracking_number: Any = None
    is_shipped: Any = None


class Stage(Wire):
    """Pick or pack of a fulfilment."""

    status: Any = None
    lines: list[UnitsLine] | None = None


class Ship(Wire):
    """Ship of a fulfilment."""

    status: Any = None
    lines: list[ShipLine] | None = None


class Fulfilment(Wire):
    """One fulfilment of a sale. Its number is spelled with two l, its status with a second capital."""

    task_id: Any = msgspec.field(default=None, name="TaskID")
    number: Any = msgspec.field(default=None, name="FulfillmentNumber")
    status: Any = msgspec.field(default=None, name="FulFilmentStatus")
    pick: Stage | None = None
    pack: Stage | None = None
    ship: Ship | None = None


class Invoice(Wire):
    """An invoice of a sale, as far as it tells whether it stands."""

    status: Any = None


class PaymentDocument(Wire):
    """A payment of an invoice, or a refund of a credit note; inside `GET /sale` the `Refunds` say no `Type`."""

    id: Any = msgspec.field(default=None, name="ID")
    task_id: Any = msgspec.field(default=None, name="TaskID")
    type: Any = None
    reference: Any = None
    amount: Any = None
    date_paid: Any = None
    account: Any = None
    currency_rate: Any = None


class DocumentRow(Wire):
    """A line or an additional charge of an invoice or a credit note; a charge is known by its `Description`."""

    sku: Any = msgspec.field(default=None, name="SKU")
    name: Any = None
    description: Any = None
    quantity: Any = None
    price: Any = None
    discount: Any = None
    tax: Any = None
    tax_rule: Any = None
    total: Any = None


class InvoiceDocument(Wire):
    """An invoice of a sale. The answer of `/sale/invoice` shows no totals and no payments."""

    task_id: Any = msgspec.field(default=None, name="TaskID")
    number: Any = msgspec.field(default=None, name="InvoiceNumber")
    status: Any = None
    memo: Any = None
    date: Any = msgspec.field(default=None, name="InvoiceDate")
    rate: Any = msgspec.field(default=None, name="CurrencyConversionRate")
    lines: list[DocumentRow] | None = None
    additional_charges: list[DocumentRow] | None = None
    payments: list[PaymentDocument] | None = None
    total_before_tax: Any = None
    tax: Any = None
    total: Any = None
    paid: Any = None


class Invoices(Wire):
    """What `/sale/invoice` answers."""

    sale_id: Any = msgspec.field(default=None, name="SaleID")
    invoices: list[InvoiceDocument] | None = None


class CreditNote(Wire):
    """A credit note of a sale, as goods. `/sale/creditnote` has `Payments` where `/sale` has `Refunds`."""

    task_id: Any = msgspec.field(default=None, name="TaskID")
    number: Any = msgspec.field(default=None, name="CreditNoteNumber")
    status: Any = None
    memo: Any = None
    lines: list[DocumentRow] | None = None
    restock: list[UnitsLine] | None = None
    refunds: list[PaymentDocument] | None = None
    payments: list[PaymentDocument] | None = None


class CreditDocument(CreditNote):
    """A credit note, as money too. The answer of `/sale/creditnote` shows no totals."""

    invoice_number: Any = msgspec.field(default=None, name="CreditNoteInvoiceNumber")
    date: Any = msgspec.field(default=None, name="CreditNoteDate")
    rate: Any = msgspec.field(default=None, name="CreditNoteConversionRate")
    additional_charges: list[DocumentRow] | None = None
    total_before_tax: Any = None
    tax: Any = None
    total: Any = None


class CreditNotes(Wire):
    """What `/sale/creditnote` answers."""

    sale_id: Any = msgspec.field(default=None, name="SaleID")
    credit_notes: list[CreditDocument] | None = None


class OrderLine(Wire):
    """A line of the order document."""

    sku: str | None = msgspec.field(default=None, name="SKU")
    name: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    discount: Decimal | None = None
    tax: Decimal | None = None
    tax_rule: str | None = None
    total: Decimal | None = None
    backorder_quantity: Decimal | None = None


class OrderCharge(Wire):
    """An additional charge; `Description` is the name of a service product."""

    description: str | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    discount: Decimal | None = None
    tax: Decimal | None = None
    tax_rule: str | None = None
    total: Decimal | None = None


class Order(Wire):
    """The order document: inside `GET /sale`, and the answer of `POST /sale/order`."""

    sale_id: str | None = msgspec.field(default=None, name="SaleID")
    sale_order_number: str | None = None
    status: str | None = None
    lines: list[OrderLine] | None = None
    additional_charges: list[OrderCharge] | None = None
    total_before_tax: Decimal | None = None
    tax: Decimal | None = None
    total: Decimal | None = None


class Sale(Wire):
    """`GET /sale`, and what a write of its header answers. What followed the order is read by `fulfilments`."""

    id: str | None = msgspec.field(default=None, name="ID")
    status: str | None = None
    external_id: str | None = msgspec.field(default=None, name="ExternalID")
    customer_reference: str | None = None
    customer: Any = None
    customer_id: Any = msgspec.field(default=None, name="CustomerID")
    customer_currency: str | None = None
    contact: Any = None
    phone: Any = None
    email: Any = None
    default_account: Any = None
    skip_quote: Any = None
    billing_address: Any = None
    shipping_address: Any = None
    shipping_notes: Any = None
    tax_rule: Any = None
    terms: Any = None
    price_tier: Any = None
    ship_by: Any = None
    note: Any = None
    sales_representative: Any = None
    carrier: Any = None
    additional_attributes: Any = None
    location: str | None = None
    currency_rate: Decimal | None = None
    sale_order_date: str | None = None
    tax_calculation: str | None = None
    tax_inclusive: bool | None = None
    order: Order | None = None
    combined_picking_status: Any = None
    combined_packing_status: Any = None
    combined_shipping_status: Any = None
    combined_invoice_status: Any = None
    combined_tracking_numbers: Any = None
    fulfilments: msgspec.Raw = msgspec.Raw(b"null")
    invoices: msgspec.Raw = msgspec.Raw(b"null")
    credit_notes: msgspec.Raw = msgspec.Raw(b"null")


class SaleListRow(Wire):
    """A row of `saleList`."""

    sale_id: str | None = msgspec.field(default=None, name="SaleID")
    order_number: str | None = None
    customer: str | None = None
    invoice_number: str | None = None
    credit_note_number: str | None = None
    status: str | None = None
    order_status: str | None = None
    external_id: str | None = msgspec.field(default=None, name="ExternalID")
    customer_reference: str | None = None
    customer_currency: str | None = None
    order_date: str | None = None


class SaleList(Wire):
    """A page of `saleList`."""

    total: int | None = None
    rows: list[SaleListRow] | None = msgspec.field(default=None, name="SaleList")


class ListedSale(Wire):
    """A row of `saleList` or `saleCreditNoteList` as a sweep reads it: only its ID must be what it should be."""

    sale_id: str | None = msgspec.field(default=None, name="SaleID")
    order_number: Any = None
    status: Any = None
    order_status: Any = None
    external_id: Any = msgspec.field(default=None, name="ExternalID")
    customer_reference: Any = None
    combined_picking_status: Any = None
    combined_packing_status: Any = None
    combined_shipping_status: Any = None
    fulfilment_status: Any = msgspec.field(default=None, name="FulFilmentStatus")
    combined_invoice_status: Any = None
    combined_payment_status: Any = None
    credit_note_status: Any = None
    credit_note_number: Any = None
    restock_status: Any = None
    combined_tracking_numbers: Any = None
    type: Any = None
    updated: Any = None
    invoice_amount: msgspec.Raw = msgspec.Raw(b"null")
    paid_amount: msgspec.Raw = msgspec.Raw(b"null")


class ListedSales(Wire):
    """A page of either list; both call their rows `SaleList`."""

    total: int | None = None
    rows: list[ListedSale] | None = msgspec.field(default=None, name="SaleList")


class Webhook(Wire):
    """A webhook. Cin7 shows its secrets in clear; of these only the token is read, and never shown."""

    id: str | None = msgspec.field(default=None, name="ID")
    type: str | None = None
    is_active: bool | None = None
    url: str | None = msgspec.field(default=None, name="ExternalURL")
    authorization: str | None = msgspec.field(default=None, name="ExternalAuthorizationType")
    token: str | None = msgspec.field(default=None, name="ExternalBearerToken")

    def __repr__(self) -> str:
        """Show which one it is, and nothing else."""
        return f"Webhook(id={self.id!r}, type={self.type!r})"


class WebhookList(Wire):
    """Every webhook, or after a write the one written; it is not paged and documents no `Total`."""

    total: int | None = None
    rows: list[Webhook] | None = msgspec.field(default=None, name="Webhooks")


class Me(Wire):
    """`GET /me`."""

    company: str | None = None
    currency: str | None = None
    time_zone: str | None = None
    lock_date: str | None = None
    tax_calculation_method: str | None = None
    automatically_apply_discounts: bool | None = None
    discount_rule: str | None = None
    apply_customer_discounts_after_other_discounts: bool | None = None
    rounding_table: msgspec.Raw = msgspec.Raw(b"null")


class TaxComponent(Wire):
    """Part of a tax rule; the percent is a string."""

    name: str | None = None
    percent: Decimal | None = None


class TaxRule(Wire):
    """A row of `/ref/tax`."""

    id: str | None = msgspec.field(default=None, name="ID")
    name: str | None = None
    is_active: bool | None = None
    tax_inclusive: bool | None = None
    tax_percent: Decimal | None = None
    is_tax_for_sale: bool | None = None
    components: list[TaxComponent] | None = None


class Location(Wire):
    """A row of `/ref/location`; samples say `IsDeprecated`, the field table `Deprecated`."""

    id: str | None = msgspec.field(default=None, name="ID")
    name: str | None = None
    is_deprecated: bool | None = None
    deprecated: bool | None = None


class PaymentTerm(Wire):
    """A row of `/ref/paymentterm`."""

    id: str | None = msgspec.field(default=None, name="ID")
    name: str | None = None
    is_active: bool | None = None
    is_default: bool | None = None


class Account(Wire):
    """A row of `/ref/account`; it has no ID, the code is its key."""

    code: str | None = None
    name: str | None = None
    status: str | None = None
    for_payments: bool | None = None
    kind: Any = msgspec.field(default=None, name="Class")


class Customer(Wire):
    """A row of `/customer`."""

    id: str | None = msgspec.field(default=None, name="ID")
    name: str | None = None
    currency: str | None = None
    status: str | None = None
    discount: Decimal | None = None
    payment_term: str | None = None
    account_receivable: str | None = None
    revenue_account: str | None = None
    tax_rule: str | None = None


class Carrier(Wire):
    """A row of `/ref/carrier`; its name is called its description."""

    id: str | None = msgspec.field(default=None, name="CarrierID")
    description: str | None = None


class StockRow(Wire):
    """A row of `/ref/productavailability`: one SKU at one location, in one bin and batch."""

    sku: str | None = msgspec.field(default=None, name="SKU")
    location: str | None = None
    bin: str | None = None
    batch: str | None = None
    on_hand: Decimal | None = None
    allocated: Decimal | None = None
    available: Decimal | None = None
    on_order: Decimal | None = None
    in_transit: Decimal | None = None
    next_delivery_date: str | None = None


class KitPart(Wire):
    """A component of a bill of materials; of the two ways to give its waste one is in use."""

    product_code: str | None = None
    quantity: Decimal | None = None
    wastage_percent: Decimal | None = None
    wastage_quantity: Decimal | None = None


class Attributes(Wire):
    """The additional attributes that products, sales and purchases share; what each means is the account's matter."""

    additional_attribute1: Any = None
    additional_attribute2: Any = None
    additional_attribute3: Any = None
    additional_attribute4: Any = None
    additional_attribute5: Any = None
    additional_attribute6: Any = None
    additional_attribute7: Any = None
    additional_attribute8: Any = None
    additional_attribute9: Any = None
    additional_attribute10: Any = None


class Product(Attributes):
    """A row of `/product`. What a catalogue shows of it, and its cost, hold nothing up where they cannot be read."""

    id: str | None = msgspec.field(default=None, name="ID")
    sku: str | None = msgspec.field(default=None, name="SKU")
    name: str | None = None
    type: str | None = None
    status: str | None = None
    sellable: bool | None = None
    drop_ship_mode: str | None = None
    category: str | None = None
    revenue_account: Any = None
    bill_of_material: bool | None = None
    auto_assembly: bool | None = None
    quantity_to_produce: Decimal | None = None
    parts: list[KitPart] | None = msgspec.field(default=None, name="BillOfMaterialsProducts")
    barcode: Any = None
    brand: Any = None
    sale_tax_rule: Any = None
    short_description: Any = None
    inventory_account: Any = None
    average_cost: msgspec.Raw = msgspec.Raw(b"null")


class FamilyMember(Wire):
    """A product in a family."""

    id: Any = msgspec.field(default=None, name="ID")
    sku: Any = msgspec.field(default=None, name="SKU")
    option1: Any = None
    option2: Any = None
    option3: Any = None


class Family(Wire):
    """A row of `/productFamily`."""

    id: Any = msgspec.field(default=None, name="ID")
    sku: Any = msgspec.field(default=None, name="SKU")
    name: Any = None
    products: list[FamilyMember] | None = None
    option1_name: Any = None
    option2_name: Any = None
    option3_name: Any = None
    category: Any = None
    brand: Any = None
    sale_tax_rule: Any = None
    short_description: Any = None


class TaxRuleList(Wire):
    """A page of tax rules."""

    total: int | None = None
    rows: list[TaxRule] | None = msgspec.field(default=None, name="TaxRuleList")


class LocationList(Wire):
    """A page of locations."""

    total: int | None = None
    rows: list[Location] | None = msgspec.field(default=None, name="LocationList")


class PaymentTermList(Wire):
    """A page of payment terms."""

    total: int | None = None
    rows: list[PaymentTerm] | None = msgspec.field(default=None, name="PaymentTermList")


class AccountList(Wire):
    """A page of accounts."""

    total: int | None = None
    rows: list[Account] | None = msgspec.field(default=None, name="AccountsList")


class CustomerList(Wire):
    """A page of customers."""

    total: int | None = None
    rows: list[Customer] | None = msgspec.field(default=None, name="CustomerList")


class CarrierList(Wire):
    """A page of carriers."""

    total: int | None = None
    rows: list[Carrier] | None = msgspec.field(default=None, name="CarrierList")


class StockList(Wire):
    """A page of stock rows, each as it came."""

    total: int | None = None
    rows: list[msgspec.Raw] | None = msgspec.field(default=None, name="ProductAvailabilityList")


class ProductList(Wire):
    """A page of products."""

    total: int | None = None
    rows: list[Product] | None = msgspec.field(default=None, name="Products")


class FamilyList(Wire):
    """A page of product families, each as it came."""

    total: int | None = None
    rows: list[msgspec.Raw] | None = msgspec.field(default=None, name="ProductFamilies")


class Sent(msgspec.Struct, kw_only=True, rename="pascal", omit_defaults=True):
    """Base of what leaves: a field at its default (unknown, empty) is left out; Cin7 would take `""` for a wish."""


class BillingAddress(Sent, kw_only=True):
    """`Line1` and `Country` are required."""

    line1: str
    country: str
    line2: str = ""
    city: str = ""
    state: str = ""
    postcode: str = ""


class ShippingAddress(BillingAddress, kw_only=True):
    """As billing; `ShipToOther` keeps it out of the customer's address book."""

    ship_to_other: bool
    company: str = ""
    contact: str = ""


class WholeBillingAddress(BillingAddress, kw_only=True, omit_defaults=False):
    """An address that takes the place of another: an empty field is written, for the other's may not stay."""


class WholeShippingAddress(ShippingAddress, kw_only=True, omit_defaults=False):
    """As billing."""


class SaleHeader(Sent):
    """The body of `POST /sale`."""

    customer_id: str = msgspec.field(name="CustomerID")
    skip_quote: bool
    location: str
    tax_rule: str
    tax_inclusive: bool
    sale_order_date: str
    customer_reference: str
    external_id: str = msgspec.field(name="ExternalID")
    sale_type: str
    terms: str = ""
    contact: str = ""
    phone: str = ""
    email: str = ""
    billing_address: BillingAddress | None = None
    shipping_address: ShippingAddress | None = None
    currency_rate: Decimal | None = None
    carrier: str = ""
    note: str = ""
    shipping_notes: str = ""
    ship_by: str = ""
    additional_attributes: dict[str, str] = {}


class SaleChange(Sent):
    """What changes in the body of `PUT /sale`: None stays as it is shown, an empty text is written and goes."""

    id: str = msgspec.field(name="ID")
    contact: str | None = None
    phone: str | None = None
    email: str | None = None
    billing_address: WholeBillingAddress | None = None
    shipping_address: WholeShippingAddress | None = None
    note: str | None = None
    shipping_notes: str | None = None
    customer_reference: str | None = None
    ship_by: str | None = None
    additional_attributes: dict[str, str] | None = None


class Contact(Sent):
    """Whom to speak to at a customer."""

    name: str
    default: bool
    email: str = ""
    phone: str = ""


class SentCustomer(Sent):
    """The body of `POST /customer`, without addresses: those of an order go with the order."""

    name: str
    status: str
    currency: str
    payment_term: str
    account_receivable: str
    revenue_account: str
    tax_rule: str
    display_name: str = ""
    contacts: list[Contact] = []


class SentWebhook(Sent):
    """The body of `POST /webhooks` and, with an `id`, of `PUT /webhooks`."""

    type: str
    is_active: bool
    url: str = msgspec.field(name="ExternalURL")
    authorization: str = msgspec.field(name="ExternalAuthorizationType")
    token: str = msgspec.field(name="ExternalBearerToken")
    id: str = msgspec.field(default="", name="ID")

    def __repr__(self) -> str:
        """Show which one it is, and nothing else."""
        return f"SentWebhook(id={self.id!r}, type={self.type!r})"


class SentLine(Sent):
    """A line of `POST /sale/order`; `Total` is left out on purpose (fact sheet §2.6)."""

    product_id: str = msgspec.field(name="ProductID")
    sku: str = msgspec.field(name="SKU")
    name: str
    quantity: Decimal
    price: Decimal
    discount: Decimal
    tax: Decimal
    tax_rule: str
    comment: str = ""


class SentCharge(Sent):
    """An additional charge of `POST /sale/order`."""

    description: str
    price: Decimal
    quantity: Decimal
    discount: Decimal
    tax: Decimal
    tax_rule: str
    comment: str = ""


class SaleOrder(Sent):
    """The body of `POST /sale/order`."""

    sale_id: str = msgspec.field(name="SaleID")
    memo: str
    status: str
    auto_pick_pack_ship_mode: str
    combine_additional_charges: bool
    lines: list[SentLine]
    additional_charges: list[SentCharge]


class SentDocumentLine(Sent):
    """A line of an invoice or a credit note, where `Total` is required (fact sheet §2.6)."""

    product_id: str = msgspec.field(name="ProductID")
    sku: str = msgspec.field(name="SKU")
    name: str
    quantity: Decimal
    price: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal
    tax_rule: str
    account: str | msgspec.UnsetType = msgspec.UNSET
    comment: str = ""


class SentDocumentCharge(Sent):
    """An additional charge of an invoice or a credit note."""

    description: str
    quantity: Decimal
    price: Decimal
    discount: Decimal
    tax: Decimal
    total: Decimal
    tax_rule: str
    account: str | msgspec.UnsetType = msgspec.UNSET
    comment: str = ""


class SentInvoice(Sent):
    """The body of `POST /sale/invoice`; the zero task id asks for a new one (fact sheet §2.8)."""

    sale_id: str = msgspec.field(name="SaleID")
    task_id: str = msgspec.field(name="TaskID")
    combine_additional_charges: bool
    memo: str
    status: str
    invoice_date: str
    invoice_due_date: str
    lines: list[SentDocumentLine]
    additional_charges: list[SentDocumentCharge]
    currency_conversion_rate: Decimal | msgspec.UnsetType = msgspec.UNSET


class SentRestock(Sent):
    """Units that go back on the shelf with a credit note. As a line of a pick, it needs its `Location` too."""

    product_id: str = msgspec.field(name="ProductID")
    sku: str = msgspec.field(name="SKU")
    name: str
    quantity: Decimal
    location: str
    restock_location: str
    restock_date: str


class SentCreditNote(Sent):
    """The body of `POST /sale/creditnote`."""

    sale_id: str = msgspec.field(name="SaleID")
    task_id: str = msgspec.field(name="TaskID")
    combine_additional_charges: bool
    credit_note_invoice_number: str
    memo: str
    status: str
    credit_note_date: str
    lines: list[SentDocumentLine]
    additional_charges: list[SentDocumentCharge]
    restock: list[SentRestock]
    credit_note_conversion_rate: Decimal | msgspec.UnsetType = msgspec.UNSET


class SentPayment(Sent):
    """The body of `POST /sale/payment`: of an invoice, or (Refund) of a credit note."""

    task_id: str = msgspec.field(name="TaskID")
    type: str
    reference: str
    amount: Decimal
    date_paid: str
    account: str
    currency_rate: Decimal


ENCODER = msgspec.json.Encoder(decimal_format="number")
