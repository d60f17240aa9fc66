"""What Cin7 Core tells about itself: the company, the small lists, customers, products.

One function per GET; each takes the books and the query and returns the JSON body. Field names follow BP; filters a
list does not document are ignored, as the live service does (fact sheet §1.4).
"""

from __future__ import annotations

from decimal import Decimal

from adapters.sandbox.catalogue import Account
from adapters.sandbox.cin7_books import (
    Address,
    Books,
    Carrier,
    Customer,
    Location,
    Part,
    PaymentTerm,
    Product,
    TaxRule,
)
from adapters.sandbox.cin7_fields import Fields
from adapters.sandbox.cin7_wire import JsonObject, Query, RefusedError, page_of, plain, written_day, written_instant

_ATTRIBUTES = tuple(f"AdditionalAttribute{number}" for number in range(1, 11))
_CONTACT_TEXTS = {"JobTitle": 256, "Phone": 50, "MobilePhone": 50, "Fax": 50, "Email": 256, "Website": 256}
_ADDRESS_TEXTS = {"Line1": 256, "Line2": 256, "City": 256, "State": 256, "Postcode": 20, "Country": 256}


def me(books: Books) -> JsonObject:
    """`GET /me` (fact sheet §1.2)."""
    company = books.company
    default_rule = books.tax_rules[0]
    return {
        "Company": company.name,
        "Currency": company.currency,
        "TimeZone": company.time_zone,
        "DefaultWeightUnits": "g",
        "DefaultDimensionsUnits": "cm",
        "LockDate": written_day(company.lock_date),
        "OpeningBalanceDate": "2021-07-31T00:00:00",
        "TaxCalculationMethod": company.tax_calculation_method,
        "DefaultSaleTaxRuleId": default_rule.id,
        "DefaultSaleTaxRuleName": default_rule.name,
        "MaximumDecimalPlacesInQuantity": "N2",
        "ApplyCustomerDiscountsAfterOtherDiscounts": company.customer_discount_last,
        "DiscountRule": company.discount_rule,
        "AutomaticallyApplyDiscounts": company.automatic_discounts,
        "RoundingTable": [
            {"RangeTo": 100, "RoundToNearest": Decimal("0.01"), "AdjustmentRule": "N", "AdjustmentValue": 0}
        ],
    }


def tax_rules(books: Books, query: Query) -> JsonObject:
    """`GET /ref/tax`."""
    rules = [rule for rule in books.tax_rules if _starts(rule.name, query, "Name") and _same_id(rule.id, query)]
    if query.flag("IsActive"):
        rules = [rule for rule in rules if rule.active]
    if query.flag("IsTaxForSale"):
        rules = [rule for rule in rules if rule.for_sale]
    return page_of(rules, "TaxRuleList", query, _tax_rule)


def _tax_rule(rule: TaxRule) -> JsonObject:
    return {
        "ID": rule.id,
        "Name": rule.name,
        "Account": "820",
        "IsActive": rule.active,
        "TaxInclusive": rule.inclusive,
        "TaxPercent": plain(rule.percent),
        "IsTaxForSale": rule.for_sale,
        "IsTaxForPurchase": False,
        # The percent of a component is a string in live answers (fact sheet §6).
        "Components": [
            {"Name": "VAT", "Percent": f"{plain(rule.percent):f}", "AccountCode": "820", "ComponentOrder": 1}
        ],
    }


def locations(books: Books, query: Query) -> JsonObject:
    """`GET /ref/location`; the filter is called `Deprecated`, the field `IsDeprecated`."""
    found = [
        place
        for place in books.locations
        if _starts(place.name, query, "Name") and _same_id(place.id, query)
        if place.deprecated or not query.flag("Deprecated")
    ]
    return page_of(found, "LocationList", query, _location)


def _location(place: Location) -> JsonObject:
    return {
        "ID": place.id,
        "Name": place.name,
        "IsDefault": place.is_default,
        "IsDeprecated": place.deprecated,
        "Bins": None,
        "FixedAssetsLocation": False,
        "ParentID": None,
        "ParentName": None,
        "ReferenceCount": 0,
        "AddressLine1": "",
        "AddressLine2": "",
        "AddressCitySuburb": "",
        "AddressStateProvince": "",
        "AddressZipPostCode": "",
        "AddressCountry": "",
        "PickZones": None,
        "IsShopfloor": False,
        "IsCoMan": False,
        "IsStaging": False,
    }


def payment_terms(books: Books, query: Query) -> JsonObject:
    """`GET /ref/paymentterm`."""
    found = [
        term
        for term in books.payment_terms
        if _starts(term.name, query, "Name") and _same_id(term.id, query)
        if (term.active or not query.flag("IsActive")) and (term.is_default or not query.flag("IsDefault"))
    ]
    return page_of(found, "PaymentTermList", query, _payment_term)


def _payment_term(term: PaymentTerm) -> JsonObject:
    return {
        "ID": term.id,
        "Name": term.name,
        "Duration": term.days,
        "Method": "number of days",
        "IsActive": term.active,
        "IsDefault": term.is_default,
    }


def accounts(books: Books, query: Query) -> JsonObject:
    """`GET /ref/account`; a `Code` that matches nothing is a 400, not an empty list (fact sheet §6)."""
    code = query.text("Code")
    if code is not None and books.account(code) is None:
        raise RefusedError("Account with specified ID not found")
    found = [
        account
        for account in books.accounts
        if code in (None, account.code) and _starts(account.name, query, "Name")
        if query.text("Type") in (None, account.type)
    ]
    return page_of(found, "AccountsList", query, lambda account: _account(account, books))


def _account(account: Account, books: Books) -> JsonObject:
    return {
        "Code": account.code,
        "Status": "ACTIVE",
        "Name": account.name,
        "Type": account.type,
        "Description": "",
        "Class": account.account_class,
        "SystemAccount": account.system_account,
        "SystemAccountCode": account.system_code,
        "ForPayments": account.for_payments,
        "DisplayName": f"{account.code}: {account.name}",
        "OldCode": None,
        "Currency": books.company.currency,
    }


def carriers(books: Books, query: Query) -> JsonObject:
    """`GET /ref/carrier`; the name is called Description."""
    wanted = query.text("CarrierID")
    found = [
        carrier
        for carrier in books.carriers
        if _starts(carrier.name, query, "Description") and wanted in (None, carrier.id)
    ]
    return page_of(found, "CarrierList", query, _carrier)


def _carrier(carrier: Carrier) -> JsonObject:
    return {"CarrierID": carrier.id, "Description": carrier.name}


def customers(books: Books, query: Query) -> JsonObject:
    """`GET /customer`; `Name` is a *starts with* filter."""
    since = query.instant("ModifiedSince")
    found = [
        customer
        for customer in books.customers
        if _starts(customer.name, query, "Name") and _same_id(customer.id, query)
        if query.flag("IncludeDeprecated") or customer.status != "Deprecated"
        if since is None or customer.modified_ms > since
    ]
    return page_of(found, "CustomerList", query, _customer)


def create_customer(books: Books, body: JsonObject, now_ms: int) -> JsonObject:
    """`POST /customer`; the name must be new and everything it refers to must exist (fact sheet §5)."""
    fields = Fields(body, "Customer")
    name = fields.text("Name", 256, required=True)
    if books.customer_by_name(name) is not None:
        raise RefusedError(f"Customer with name '{name}' already exists")
    if fields.text("Status", 20, required=True) not in {"Active", "Deprecated"}:
        raise fields.refused("Status", "must be Active or Deprecated")
    term, rule = fields.text("PaymentTerm", 256, required=True), fields.text("TaxRule", 50, required=True)
    if books.payment_term(term) is None:
        raise RefusedError(f"Payment Term '{term}' was not found in reference book", code=404)
    if books.tax_rule(rule) is None:
        raise RefusedError(f"Tax Rule '{rule}' was not found in reference book", code=404)
    receivable, revenue = (
        fields.text("AccountReceivable", 50, required=True),
        fields.text("RevenueAccount", 50, required=True),
    )
    for code in (receivable, revenue):
        if books.account(code) is None:
            raise RefusedError(f"Account '{code}' was not found in reference book", code=404)
    customer = Customer(
        id=books.new_id(),
        name=name,
        status=fields.text("Status", 20),
        currency=fields.text("Currency", 3, required=True),
        payment_term=term,
        tax_rule=rule,
        receivable=receivable,
        revenue=revenue,
        discount=fields.number("Discount", 2),
        modified_ms=now_ms,
        display_name=fields.text("DisplayName", 256),
        addresses=[_read_address(part, books) for part in _parts(fields, "Addresses")],
        contacts=[_read_contact(part, books) for part in _parts(fields, "Contacts")],
    )
    books.customers.append(customer)
    return {"Total": 1, "Page": 1, "CustomerList": [_customer(customer)]}


def _parts(fields: Fields, name: str) -> list[Fields]:
    rows = fields.raw(name)
    if rows is None:
        return []
    if not isinstance(rows, list):
        raise fields.refused(name, "must be an array")
    return [Fields(row, f"{name}[{number}]") for number, row in enumerate(rows, start=1)]


def _read_address(fields: Fields, books: Books) -> Address:
    for name in ("Line1", "Country"):
        fields.text(name, 256, required=True)
    kind = fields.text("Type", 20, required=True)
    if kind not in {"Billing", "Business", "Shipping"}:
        raise fields.refused("Type", "must be Billing, Business or Shipping")
    texts: dict[str, object] = {name: fields.text(name, length) for name, length in _ADDRESS_TEXTS.items()}
    return Address(id=books.new_id(), fields=texts, type=kind, default=fields.flag("DefaultForType"))


def _read_contact(fields: Fields, books: Books) -> JsonObject:
    return {
        "ID": books.new_id(),
        "Name": fields.text("Name", 256, required=True),
        **{name: fields.text(name, length) for name, length in _CONTACT_TEXTS.items()},
        "Comment": fields.text("Comment", 256),
        "Default": fields.flag("Default"),
        "IncludeInEmail": fields.flag("IncludeInEmail"),
        "MarketingConsent": 1,
    }


def _customer(customer: Customer) -> JsonObject:
    return {
        "ID": customer.id,
        "Name": customer.name,
        "DisplayName": customer.display_name or customer.name,
        "Currency": customer.currency,
        "PaymentTerm": customer.payment_term,
        "Discount": plain(customer.discount),
        "TaxRule": customer.tax_rule,
        "Carrier": None,
        "SalesRepresentative": None,
        "Location": None,
        "Comments": None,
        "AccountReceivable": customer.receivable,
        "RevenueAccount": customer.revenue,
        "PriceTier": "Tier 1",
        "TaxNumber": None,
        **dict.fromkeys(_ATTRIBUTES),
        "AttributeSet": None,
        "Tags": "",
        "Status": customer.status,
        "CreditLimit": 0,
        "IsOnCreditHold": False,
        "IsLegalEntity": False,
        "CustomerParentID": None,
        "CustomerParentName": None,
        "IsBillParent": False,
        "LastModifiedOn": written_instant(customer.modified_ms, 0),
        "Addresses": [_address(address) for address in customer.addresses],
        "Contacts": list(customer.contacts),
        "ChildCustomers": [],
    }


def _address(address: Address) -> JsonObject:
    written = {name: address.fields.get(name) for name in _ADDRESS_TEXTS}
    return {**written, "Type": address.type, "DefaultForType": address.default, "ID": address.id}


def products(books: Books, query: Query) -> JsonObject:
    """`GET /product`; `Sku` and `Name` find by *contains*, retired products only with `IncludeDeprecated`."""
    since, retired = query.instant("ModifiedSince"), query.flag("IncludeDeprecated")
    sku, name, wanted = ((query.text(field) or "").lower() for field in ("Sku", "Name", "ID"))
    found = [
        product
        for product in books.products_in_order()
        if (retired or product.active) and (since is None or product.modified_ms > since)
        if (not sku or sku in product.sku.lower()) and (not name or name in product.name.lower())
        if not wanted or product.id == wanted
    ]
    bill = query.flag("IncludeBOM")
    return page_of(found, "Products", query, lambda product: product_view(product, bill=bill))


def product_view(product: Product, *, bill: bool = False) -> JsonObject:
    """A product with everything its list shows, with its bill of materials when asked for."""
    tiers = {1: plain(product.price)}
    return {
        "ID": product.id,
        "SKU": product.sku,
        "Name": product.name,
        "Category": product.category,
        "Brand": product.brand or None,
        "Type": product.type,
        "CostingMethod": "FIFO",
        "DropShipMode": product.drop_ship,
        "DefaultLocation": None,
        "Length": 0,
        "Width": 0,
        "Height": 0,
        "Weight": 0,
        "UOM": "Item",
        "WeightUnits": "g",
        "DimensionsUnits": "cm",
        "Barcode": product.barcode or None,
        "MinimumBeforeReorder": 0,
        "ReorderQuantity": 0,
        **{f"PriceTier{tier}": tiers.get(tier, 0) for tier in range(1, 11)},
        "PriceTiers": {f"Tier {tier}": tiers.get(tier, 0) for tier in range(1, 11)},
        "AverageCost": plain(product.cost),
        "ShortDescription": product.description,
        "Description": "",
        "InternalNote": "",
        **{name: product.attributes.get(name, "") for name in _ATTRIBUTES},
        "AttributeSet": None,
        "DiscountRule": None,
        "Tags": "",
        "Status": product.status,
        "StockLocator": "",
        "COGSAccount": None,
        "RevenueAccount": product.revenue_account,
        "ExpenseAccount": None,
        "InventoryAccount": product.inventory_account,
        "PurchaseTaxRule": None,
        "SaleTaxRule": product.tax_rule,
        "LastModifiedOn": written_instant(product.modified_ms, len(product.sku)),
        "Sellable": product.sellable,
        "PickZones": None,
        "BillOfMaterial": bool(product.parts),
        "AutoAssembly": product.auto_assembly,
        "AutoDisassembly": False,
        "QuantityToProduce": plain(product.quantity_to_produce),
        "AssemblyInstructionURL": "",
        "AssemblyCostEstimationMethod": "Average Cost",
        # Empty unless their Include flag is sent, which never means "none" (fact sheet §3.1).
        "Suppliers": [],
        "ReorderLevels": [],
        "BillOfMaterialsProducts": [_part(part) for part in product.parts] if bill else [],
        "BillOfMaterialsServices": [],
        "Movements": [],
        "Attachments": [],
        "BOMType": "None",
        "CustomPrices": [],
    }


def _part(part: Part) -> JsonObject:
    return {
        "ComponentProductID": part.product.id,
        "ProductCode": part.product.sku,
        "Name": part.product.name,
        "Quantity": plain(part.quantity),
        "WastagePercent": 0,
        "WastageQuantity": 0,
        "CostPercentage": 0,
    }


def _starts(value: str, query: Query, name: str) -> bool:
    wanted = query.text(name)
    return wanted is None or value.lower().startswith(wanted.lower())


def _same_id(value: str, query: Query) -> bool:
    wanted = query.text("ID")
    return wanted is None or value == wanted.lower()
