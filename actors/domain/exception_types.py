"""The catalogue of everything that can need a person: one declared type each, and nothing else can be raised.

The owner is not chosen per type but follows from its *topic* by one rule (design, head): totals, tax, payment,
currency, posting → finance; location, stock, warehouse, cancellation → ops; SKU, product, publication, oversold →
ecommerce (customers who have to be told among them); connection, limits, formats, machine → it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

import msgspec


class Owner(StrEnum):
    """Who answers for an exception."""

    OPS = "ops"
    FINANCE = "finance"
    ECOMMERCE = "ecommerce"
    IT = "it"


class Topic(StrEnum):
    """What an exception is about; decides its owner."""

    TOTALS = "totals"
    TAX = "tax"
    PAYMENT = "payment"
    CURRENCY = "currency"
    POSTING = "posting"
    LOCATION = "location"
    STOCK = "stock"
    WAREHOUSE = "warehouse"
    CANCELLATION = "cancellation"
    SKU = "sku"
    PRODUCT = "product"
    PUBLICATION = "publication"
    OVERSOLD = "oversold"
    CUSTOMER = "customer"
    CONNECTION = "connection"
    LIMITS = "limits"
    FORMATS = "formats"
    MACHINE = "machine"


class Severity(StrEnum):
    """How soon somebody should look: a `critical` one stops more than its own record."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


OWNER_OF: Mapping[Topic, Owner] = MappingProxyType(
    {
        Topic.TOTALS: Owner.FINANCE,
        Topic.TAX: Owner.FINANCE,
        Topic.PAYMENT: Owner.FINANCE,
        Topic.CURRENCY: Owner.FINANCE,
        Topic.POSTING: Owner.FINANCE,
        Topic.LOCATION: Owner.OPS,
        Topic.STOCK: Owner.OPS,
        Topic.WAREHOUSE: Owner.OPS,
        Topic.CANCELLATION: Owner.OPS,
        Topic.SKU: Owner.ECOMMERCE,
        Topic.PRODUCT: Owner.ECOMMERCE,
        Topic.PUBLICATION: Owner.ECOMMERCE,
        Topic.OVERSOLD: Owner.ECOMMERCE,
        Topic.CUSTOMER: Owner.ECOMMERCE,
        Topic.CONNECTION: Owner.IT,
        Topic.LIMITS: Owner.IT,
        Topic.FORMATS: Owner.IT,
        Topic.MACHINE: Owner.IT,
    }
)


class ExceptionType(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of exception. `steps` is what to do, in order; `clears` is the evidence that closes it (law L6).

    `holds`: the record goes no further while it is open. A type that does not hold only tells.
    """

    code: str
    topic: Topic
    severity: Severity
    meaning: str
    steps: tuple[str, ...]
    clears: str
    holds: bool

    @property
    def owner(self) -> Owner:
        """Who answers for it: the topic decides."""
        return OWNER_OF[self.topic]


class UndeclaredExceptionError(ValueError):
    """Somebody tried to raise an exception of a type the catalogue does not know."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing found wrong with one record, ready to become an exception.

    `cause` is plain words with the figures; it holds no personal data. `field` is the field as its system spells it.
    `waits_for` is the `fact_ref` whose change should judge the record again, or "". `group` is the key of the cause
    that many records may share (the code alone when not given). `facts` are figures to show side by side.

    Raises:
        UndeclaredExceptionError: `code` is not in the catalogue.
    """

    code: str
    cause: str
    field: str = ""
    sku: str = ""
    waits_for: str = ""
    group: str = ""
    facts: dict[str, str] = {}

    def __post_init__(self) -> None:
        if self.code not in CATALOGUE:
            raise UndeclaredExceptionError(self.code)
        if not self.group:
            msgspec.structs.force_setattr(self, "group", self.code)

    @property
    def type(self) -> ExceptionType:
        """The declared type of the finding."""
        return CATALOGUE[self.code]


def _holding(code: str, topic: Topic, meaning: str, *steps: str, clears: str) -> ExceptionType:
    """Declare a type that holds its record and is otherwise an ordinary error."""
    return ExceptionType(
        code=code, topic=topic, severity=Severity.ERROR, meaning=meaning, steps=steps, clears=clears, holds=True
    )


def _telling(severity: Severity, code: str, topic: Topic, meaning: str, *steps: str, clears: str) -> ExceptionType:
    """Declare a type that holds nothing by itself."""
    return ExceptionType(
        code=code, topic=topic, severity=severity, meaning=meaning, steps=steps, clears=clears, holds=False
    )


_JUDGED_AGAIN = "The order is judged again and this is no longer found."

_DECLARED = (
    _holding(
        "sku_missing",
        Topic.SKU,
        "A line of the order carries no SKU, so there is no telling which item was sold.",
        "Give the variant a SKU in commercetools, so that later orders carry it.",
        "The order itself stays without one: book this sale by hand in Cin7 Core and dismiss with the SO number.",
        clears="The order is judged again and every line has a SKU, or a person dismisses it with the sale's number.",
    ),
    _holding(
        "sku_unknown",
        Topic.SKU,
        "Cin7 Core has no product with exactly this SKU (capitals and blanks count).",
        "Look for the product in Cin7 Core: correct its SKU there, or create it.",
        "All orders that wait for this SKU go on by themselves once it is read.",
        clears="A product with exactly this SKU is read from Cin7 Core.",
    ),
    _holding(
        "product_deprecated",
        Topic.PRODUCT,
        "The product exists in Cin7 Core but is deprecated, and was still sold.",
        "Set the product back to Active in Cin7 Core if it may be delivered.",
        "Otherwise cancel the order in commercetools and take the product off the storefront.",
        clears="The product is read as Active, or the order is cancelled.",
    ),
    _holding(
        "product_not_sellable",
        Topic.PRODUCT,
        "The product exists in Cin7 Core but cannot stand on a sale: not sellable, not active, or of an unknown type.",
        "Open the product in Cin7 Core; tick Sellable and finish its set-up.",
        clears="The product is read as Active, sellable and of type Stock or Service.",
    ),
    _holding(
        "quantity_unsupported",
        Topic.PRODUCT,
        "A line has a quantity Cin7 Core does not take: it must be a whole number, at least 1.",
        "Look at the line in commercetools and correct the order, or book the sale by hand and dismiss.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "tax_unmapped",
        Topic.TAX,
        "The configuration names no Cin7 Core tax rule for a tax of the order.",
        "Map one of the shown keys to the right tax rule: at the desk, which holds at once, or in [mappings.tax].",
        clears="The order is judged again under a configuration that maps this tax.",
    ),
    _holding(
        "tax_rule_unknown",
        Topic.TAX,
        "The mapped tax rule does not exist in Cin7 Core under exactly this name.",
        "Compare the name in [mappings.tax] with Cin7 Core → Reference books → Taxation rules; correct one of them.",
        clears="A tax rule of exactly this name is read from Cin7 Core.",
    ),
    _holding(
        "tax_rule_inactive",
        Topic.TAX,
        "The mapped tax rule is switched off in Cin7 Core, or is not for sales.",
        "Activate the rule for sales in Cin7 Core, or map another rule in [mappings.tax].",
        clears="The rule is read as active and for sale.",
    ),
    _holding(
        "tax_rate_differs",
        Topic.TAX,
        "The mapped Cin7 Core tax rule has another percentage than the tax the customer paid.",
        "Decide which rate is right: map the tax to a rule of the same percentage, or correct the rate at its source.",
        clears="Rule and order show the same percentage.",
    ),
    _holding(
        "tax_unknown",
        Topic.TAX,
        "commercetools shows no tax for an item. Unknown is not zero, so nothing is posted.",
        "See in commercetools why tax was not calculated (no rate for the country, no address in the cart).",
        "Book the sale by hand and dismiss with the SO number; orders cannot be taxed afterwards.",
        clears="The order is judged again and shows its tax, or a person dismisses it with the sale's number.",
    ),
    _holding(
        "source_inconsistent",
        Topic.TOTALS,
        "The figures commercetools gives for this order contradict each other.",
        "Compare the two figures shown; the order itself is what the customer saw.",
        "If it recurs, ask commercetools support with the order id. Book the sale by hand and dismiss.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "not_plain",
        Topic.TOTALS,
        "The order uses a feature this version does not carry to the cent, so it is not guessed at.",
        "Book the sale by hand in Cin7 Core and dismiss with the SO number, or wait for a version that knows it.",
        clears="The order is judged again by a version that carries the feature.",
    ),
    _holding(
        "sku_two_rules",
        Topic.TAX,
        "One SKU is taxed by two rules in this order, and a SKU stands once on a Cin7 Core document.",
        "See in commercetools why the same item was taxed in two ways; book this sale by hand and dismiss.",
        "If both taxes mean the same, map both keys to one rule: at the desk, or in [mappings.tax].",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "line_two_rules",
        Topic.TAX,
        "One line travels by several shipping methods that are taxed by different rules.",
        "Book the sale by hand in Cin7 Core, a line for each rule, and dismiss with the SO number.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "tax_on_nothing",
        Topic.TAX,
        "Something that costs nothing carries a tax. No row of a document can show that.",
        "Compare the figures shown; ask whoever calculates the tax. Book the sale by hand and dismiss.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "discount_not_proportional",
        Topic.TOTALS,
        "The order's discount and what it takes off the taxes do not belong together: it hit some items only, or more.",
        "Compare the taxes before and after, which are shown. Book the sale by hand and dismiss with the SO number.",
        "If it recurs, make the discount one on lines instead of one on the total price in commercetools.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "negative_refused",
        Topic.TOTALS,
        "The reduction cannot stand as a charge below zero (this Cin7 Core account refuses it, or [orders] discount_as"
        " says so), and the lines of its tax rule cannot carry it.",
        'Where [orders] discount_as is "charge" or "lines", write "auto" and restart tallyd.',
        "Otherwise book the sale by hand in Cin7 Core and dismiss with the SO number.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "charge_unmapped",
        Topic.POSTING,
        "A custom line of the order is mapped to no service product of Cin7 Core.",
        "Map its slug to a service product: at the desk, which holds at once, or in [mappings.charges].",
        "Or create a product of type Service with exactly the line's name in Cin7 Core.",
        clears="The slug is mapped, or an active service product of the line's name is read from Cin7 Core.",
    ),
    _holding(
        "charge_repeated",
        Topic.POSTING,
        "This Cin7 Core account refuses one service product twice in a document, and the order needs it twice.",
        'Name one product per tax rule: create them and write, for example, discount_charge = "Discount {rule}".',
        clears="The order is judged again and every charge has a service product of its own.",
    ),
    _holding(
        "tender_taxed",
        Topic.PAYMENT,
        "A custom line that is paid with (a gift card) changes the tax of the order. It must not.",
        "Give the gift card's line a tax category of rate 0 in commercetools; book this sale by hand and dismiss.",
        "If the line is a discount after all, take `tender = true` out of [mappings.charges].",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "payment_two_decimals",
        Topic.PAYMENT,
        "The amount owed has three decimals, and a payment in Cin7 Core has two: it could never be settled.",
        "Round prices of this currency to two decimals in commercetools; book this sale by hand and dismiss.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "row_three_decimals",
        Topic.TOTALS,
        "A row of the document would need a third decimal that no other row can take up.",
        "Book the sale by hand and dismiss; round prices of this currency to two decimals in commercetools.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "prediction_differs",
        Topic.TOTALS,
        "As this Cin7 Core account calculates, the sale would show other figures than the customer owes.",
        "Compare both sides, component by component; the rule that makes each figure is shown.",
        "Set commercetools to round as the account does for later orders; book this sale by hand and dismiss with the"
        " SO number.",
        clears="The order is judged again, by what is then known of the account, and would be exact.",
    ),
    _telling(
        Severity.ERROR,
        "arithmetic_changed",
        Topic.TOTALS,
        "The Cin7 Core account calculates otherwise than it did: nothing learnt before is believed any more.",
        "Ask who changed tax or rounding settings in Cin7 Core. Until it is learnt again, orders go as DRAFTs first.",
        clears="An answer agrees again with what was predicted.",
    ),
    _telling(
        Severity.WARNING,
        "backordered",
        Topic.STOCK,
        "Cin7 Core has less of a SKU than the order needs; the rest waits for a delivery.",
        "See the next delivery. Tell the customer if it is late, or move stock to the sale's location.",
        clears="The sale is read and nothing of the SKU is on backorder, or the order is cancelled.",
    ),
    _telling(
        Severity.ERROR,
        "oversold",
        Topic.OVERSOLD,
        "The storefront sold more of a SKU than there is: it showed it as available when the order was placed.",
        "Tell the customer the date shown, or offer another item; see why the storefront's figure was too high.",
        clears="The sale is read and nothing of the SKU is on backorder, or the order is cancelled.",
    ),
    _telling(
        Severity.ERROR,
        "stock_edited",
        Topic.STOCK,
        "Somebody, or another program, raised an inventory entry of commercetools that tallyd publishes.",
        "See who changed it. Stock is corrected in Cin7 Core: what is entered in commercetools does not last.",
        "To stop selling an item use: tallyd stock block SKU --reason ...",
        clears="The entry was trued up: it shows what Cin7 Core says again.",
    ),
    _telling(
        Severity.ERROR,
        "stock_drift",
        Topic.STOCK,
        "An inventory entry showed another figure than Cin7 Core and the orders explain, and it was put right.",
        "See the numbers and who edited the entry last. A program that writes stock beside tallyd has to stop.",
        clears="A daily compare finds the entry as it should be.",
    ),
    _telling(
        Severity.WARNING,
        "stock_stale",
        Topic.STOCK,
        "What Cin7 Core says of a SKU is older than [stock] max_age_seconds, and later than the reading was forecast.",
        "See /health for what the calls go to, and whether Cin7 Core answers. stale_policy says what is published.",
        clears="The SKU is read again.",
    ),
    _telling(
        Severity.CRITICAL,
        "stock_mass_zero",
        Topic.STOCK,
        "A reading of Cin7 Core would bring more SKUs to zero than [stock] mass_zero_percent allows; it was stopped.",
        "Look at the SKUs in Cin7 Core: see whether a location was renamed, emptied, or left out of the list.",
        "If they are sold out indeed, say so: tallyd exceptions retry ID. Else nothing has to be done.",
        clears="They are confirmed, or a later reading shows them in stock.",
    ),
    _telling(
        Severity.WARNING,
        "stock_untrued",
        Topic.STOCK,
        "An entry sells too fast to be trued up: for longer than [stock] trueup_max_seconds it was never at rest.",
        "What people changed in the entry since is not noticed; the cause says by how much it may be wrong.",
        clears="The entry is trued up.",
    ),
    _telling(
        Severity.ERROR,
        "stock_refused",
        Topic.STOCK,
        "commercetools refuses to change the inventory entry of a SKU. The other SKUs go on.",
        "See what it answered: an API extension, a limit of the project, or a missing channel.",
        clears="The entry is written.",
    ),
    _telling(
        Severity.ERROR,
        "stock_duplicate",
        Topic.SKU,
        "A SKU has more than one inventory entry for the same supply channel. None of them is written.",
        "Delete the others in commercetools: which of them an order is taken off is not defined.",
        clears="The entries are read and there is one.",
    ),
    _holding(
        "currency_unsupported",
        Topic.CURRENCY,
        "The order is in another currency than the books of the Cin7 Core account, and the currency is not mapped.",
        'Add it to [mappings.currencies], for example EUR = { customer = "web orders EUR", rate = "cin7-last" },'
        " and restart tallyd.",
        "Or book the sale by hand under a customer of that currency and dismiss with the SO number.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "charge_unknown",
        Topic.POSTING,
        "A charge (shipping, rounding) names a service product Cin7 Core does not have, or not as an active Service.",
        "Create a product of type Service of exactly this name in Cin7 Core, or correct the name in [orders].",
        clears="An active service product of exactly this name is read from Cin7 Core.",
    ),
    _holding(
        "needs_rounding_charge",
        Topic.TOTALS,
        "A line's total does not divide into whole prices, and no service product is named for the cents left over.",
        "Create a Service product in Cin7 Core and name it as [orders] rounding_charge; restart tallyd.",
        clears="The order is judged again under a configuration that names the charge.",
    ),
    _holding(
        "location_unknown",
        Topic.LOCATION,
        "The sale's location does not exist in Cin7 Core under exactly this name, or is deprecated.",
        "Correct [orders] location or [mappings.channels], or restore the location in Cin7 Core.",
        clears="An active location of exactly this name is read from Cin7 Core.",
    ),
    _holding(
        "location_split",
        Topic.LOCATION,
        "The lines of the order belong to different locations; a sale in Cin7 Core has exactly one.",
        "Decide where it ships from, book the sale by hand there and dismiss with the SO number.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "channel_unmapped",
        Topic.LOCATION,
        "A line names a supply channel that the configuration maps to no location.",
        "Add the channel's key to [mappings.channels] and restart tallyd.",
        clears="The order is judged again under a configuration that maps the channel.",
    ),
    _holding(
        "customer_unknown",
        Topic.POSTING,
        "The customer that sales are booked to does not exist in Cin7 Core under exactly this name, or is not active.",
        "Create or reactivate the customer in Cin7 Core, or correct [orders] customer.",
        clears="An active customer of exactly this name is read from Cin7 Core.",
    ),
    _holding(
        "customer_currency",
        Topic.CURRENCY,
        "The customer that sales are booked to holds another currency than the order.",
        "Name a customer of the order's currency in [orders] customer.",
        clears="Customer and order show the same currency.",
    ),
    _holding(
        "customer_discount",
        Topic.TOTALS,
        "The customer that sales are booked to has a discount of its own, which would change the totals.",
        "Set the customer's discount to 0 in Cin7 Core.",
        clears="The customer is read with a discount of 0.",
    ),
    _holding(
        "field_too_long",
        Topic.FORMATS,
        "A text of the order is longer than Cin7 Core takes, and cutting it could mislead whoever acts on it.",
        "Shorten it at its source (commercetools order or customer address); the order is judged again by itself.",
        clears=_JUDGED_AGAIN,
    ),
    _holding(
        "time_zone_unknown",
        Topic.FORMATS,
        "The time zone of the books is no name tallyd knows, so the posting date would be a guess.",
        'Set [connection] time_zone to an IANA name such as "Europe/London" and restart tallyd.',
        clears="The order is judged again with a known time zone.",
    ),
    _holding(
        "facts_missing",
        Topic.CONNECTION,
        "A list of Cin7 Core (products, tax rules, locations, customers, company) was never read, so nothing is known.",
        "See whether Cin7 Core answers and the key is right; the lists are read by themselves as soon as it does.",
        clears="The list has been read once.",
    ),
    _telling(
        Severity.ERROR,
        "totals_differ",
        Topic.TOTALS,
        "The sale exists, but Cin7 Core shows other figures than were predicted. Its posting is held, not the order.",
        "Compare both breakdowns. Correct the order in Cin7 Core, or the setting there that changed it.",
        "See whether Cin7 Core applies discounts of its own (General settings, customer, product).",
        clears="The sale is read again and every figure agrees, or finance accepts the difference with a reason.",
    ),
    _holding(
        "in_doubt_unresolved",
        Topic.CONNECTION,
        "A write to Cin7 Core was cut off and the look-ups give no clear answer; nothing is written until one does.",
        "It is looked for again by itself. Search Cin7 Core for the reference, and void what was made twice.",
        clears="A look-up finds the sale, or two clean look-ups say it is not there, or a person decides.",
    ),
    _holding(
        "several_sales",
        Topic.WAREHOUSE,
        "Cin7 Core holds more than one sale under this order's reference: it could ship twice.",
        "Stop the warehouse for these sales. Void all but one in Cin7 Core.",
        clears="Exactly one sale that is not void carries the reference.",
    ),
    _holding(
        "sale_vanished",
        Topic.WAREHOUSE,
        "The sale that belongs to this order is no longer found in Cin7 Core.",
        "Look for the SO number in Cin7 Core; if it was removed on purpose, resend or dismiss with the reason.",
        clears="The sale is read again, or a person decides.",
    ),
    _holding(
        "sale_voided_by_hand",
        Topic.CANCELLATION,
        "Somebody voided the sale in Cin7 Core while the order in commercetools still stands.",
        "Cancel the order in commercetools, or resend it to make a new sale.",
        clears="The order is cancelled, or a person resends it.",
    ),
    _holding(
        "sale_not_ours",
        Topic.POSTING,
        "A sale stands under this order's reference, but it is not what tallyd sent.",
        "Compare it with the order. Void it in Cin7 Core, take its reference away, or accept it as the order's.",
        clears="The sale under the reference agrees with the order, or is void.",
    ),
    _holding(
        "create_rejected",
        Topic.POSTING,
        "Cin7 Core refused to make the sale; its own words are shown.",
        "Mend what the words name, then retry the order.",
        clears="The sale is made.",
    ),
    _holding(
        "order_rejected",
        Topic.POSTING,
        "The sale's header exists, but Cin7 Core refused its order; its own words are shown.",
        "Mend what the words name, then retry the order: it goes on with the same sale.",
        clears="The order document is authorised.",
    ),
    _telling(
        Severity.WARNING,
        "sync_rejected",
        Topic.CONNECTION,
        "The sale is made, but commercetools refused the mark that says so.",
        "See that the API client may write orders and that the channel has the role OrderExport.",
        clears="The mark is set.",
    ),
    _telling(
        Severity.WARNING,
        "resend_refused",
        Topic.CANCELLATION,
        "A resend was asked for while the order's sale is still live in Cin7 Core.",
        "Void the sale in Cin7 Core if it really must be replaced, then resend the order again.",
        clears="The order is sent again.",
    ),
    _holding(
        "order_unreadable",
        Topic.FORMATS,
        "The order could not be understood; it is kept as it came.",
        "Report the order id and the shown place to the maker of tallyd.",
        clears="The order is read again and understood.",
    ),
    _holding(
        "order_deleted",
        Topic.CANCELLATION,
        "The order was deleted in commercetools.",
        "If a sale was made for it, void it in Cin7 Core or deliver it; then resolve with the reason.",
        clears="There is no sale for it that is not void, or a person decides.",
    ),
    _holding(
        "cancelled_after_pick",
        Topic.CANCELLATION,
        "The order was cancelled in commercetools after the warehouse had begun; the sale is not voided by itself.",
        "Stop the parcel if it can be stopped, undo the pick and void the sale; else let the customer return it.",
        clears="The sale is void, or a person decides.",
    ),
    _holding(
        "cancelled_after_invoice",
        Topic.POSTING,
        "The order was cancelled in commercetools after its sale was invoiced; the sale is not voided by itself.",
        "Void the invoice in Cin7 Core if its period is open: the sale is voided then.",
        "Else credit all of it there, and void the sale by hand.",
        clears="No invoice stands and the sale is void, or the cancellation is taken back.",
    ),
    _holding(
        "void_failed",
        Topic.CANCELLATION,
        "The order is cancelled, but Cin7 Core refused to void its sale; its own words are shown.",
        "Void the sale by hand in Cin7 Core.",
        clears="The sale is read as void.",
    ),
    _holding(
        "shipped_after_cancel",
        Topic.CUSTOMER,
        "The order was cancelled in commercetools and its goods have left the warehouse all the same.",
        "Try to stop the parcel with the carrier. Tell the customer: they keep and pay it, or send it back.",
        "If money was given back already, ask for it again or book the loss; if the goods come back, enter the return.",
        clears="The shipment is undone in Cin7 Core and the sale void, all of it came back, or a person decides.",
    ),
    _holding(
        "order_edited",
        Topic.WAREHOUSE,
        "The order was changed in commercetools after its sale was made, in a way tallyd does not change a sale by.",
        "See what differs, field by field. Correct the sale in Cin7 Core, then accept: `tallyd orders release NUMBER`.",
        "Or send it again with `tallyd orders resend NUMBER`: the sale is voided and made anew as the order is now.",
        "Or take the change back in commercetools.",
        clears="Order and sale agree again, a new sale is made, or a person accepts the order as it is now.",
    ),
    _holding(
        "desk_edit_lost",
        Topic.WAREHOUSE,
        "The order was edited at the desk before it became a sale, and the texts put in were deleted after their time,"
        " or cannot be opened with this storage key. The original is not used in their place.",
        "See which texts it was about (`tallyd orders edits NUMBER`), ask for them again and edit the order anew.",
        "Or withdraw the edit: the order goes on as commercetools has it.",
        clears="The same texts are edited anew, or the edit is withdrawn.",
    ),
    _telling(
        Severity.ERROR,
        "edit_not_applied",
        Topic.WAREHOUSE,
        "The order was changed too late, or Cin7 Core refused the change: the sale shows the older state.",
        "Tell the warehouse what changed (the parcel may bear the old address); correct the sale where it can be.",
        clears="The sale was changed, the change was taken back, or a person decides.",
    ),
    _telling(
        Severity.ERROR,
        "payment_reversed",
        Topic.PAYMENT,
        "The money for an order that is a sale already is no longer there: a charge failed or was taken back.",
        "See the payment in commercetools and at its provider. Stop the parcel, or ask for the money.",
        clears="The payment covers the order again, the order is cancelled, or a person decides.",
    ),
    _telling(
        Severity.ERROR,
        "sale_undone",
        Topic.WAREHOUSE,
        "The sale was taken back to a draft in Cin7 Core: nothing is reserved for it, and nobody will pick it.",
        "Authorise the sale's order again in Cin7 Core once it is corrected; or void it, and cancel or resend.",
        clears="The sale is read as authorised again, or void.",
    ),
    _telling(
        Severity.ERROR,
        "cancellation_taken_back",
        Topic.CUSTOMER,
        "The order was opened again in commercetools after it had been cancelled and no sale stood for it.",
        "Nothing is sent for it by itself: place it again as a new order, and cancel this one again.",
        "Or enter the sale by hand in Cin7 Core and dismiss with the SO number.",
        clears="The order is cancelled again in commercetools, or a person decides.",
    ),
    _telling(
        Severity.WARNING,
        "shipment_undone",
        Topic.CUSTOMER,
        "A shipment the storefront showed was undone or voided in Cin7 Core; the customer may have been told of it.",
        "See whether the parcel left. If it did, ship it again in Cin7 Core; if not, tell the customer.",
        clears="As much was shipped again, the order is cancelled, or a person decides.",
    ),
    _telling(
        Severity.ERROR,
        "shipment_differs",
        Topic.WAREHOUSE,
        "The warehouse shipped something else, or more, than the order holds; the storefront shows what fits.",
        "Compare the shipment with the order. Tell the customer, or correct the fulfilment in Cin7 Core.",
        clears="What stands as shipped fits the order, or a person decides.",
    ),
    _telling(
        Severity.ERROR,
        "fulfilment_rejected",
        Topic.FORMATS,
        "commercetools refused to take what was fulfilled; its own words are shown.",
        "Mend what the words name; it is tried again by itself.",
        clears="commercetools took it, or shows it.",
    ),
    _telling(
        Severity.WARNING,
        "return_open",
        Topic.WAREHOUSE,
        "Goods came back according to commercetools, and no credit note in Cin7 Core has put them back in stock.",
        "Find the goods. Enter a credit note with restock in Cin7 Core, or mark the return Unusable in commercetools.",
        clears="A credit note restocks as much, or the return is Unusable.",
    ),
    _telling(
        Severity.WARNING,
        "restock_differs",
        Topic.WAREHOUSE,
        "A credit note put back more of an item, or another one, than the order was shipped.",
        "Compare the credit note with the order, and correct it in Cin7 Core.",
        clears="What was restocked fits the order, or a person decides.",
    ),
    _telling(
        Severity.WARNING,
        "refund_open",
        Topic.PAYMENT,
        "Money was given back in commercetools, and no credit note in Cin7 Core names the refund.",
        "Enter the credit note in Cin7 Core with the shown id as the reference of its refund payment or in its memo.",
        clears="A credit note that counts names the refund's id, or the refund failed.",
    ),
    _telling(
        Severity.WARNING,
        "awaiting_too_long",
        Topic.PAYMENT,
        "The order has waited longer than allowed for what it waits for (payment, state). Its units stay counted.",
        "See whether the payment was captured. Cancel the order if it will not be paid, or release it.",
        clears="The order goes on or is cancelled.",
    ),
    _telling(
        Severity.WARNING,
        "missed",
        Topic.LIMITS,
        "The order is later than its own forecast.",
        "Look at /health: queued calls, paused flows, open connection exceptions.",
        clears="The order is done.",
    ),
    _holding(
        "message_quarantined",
        Topic.MACHINE,
        "Handling this record failed three times in a way tallyd does not understand; it is set aside.",
        "Report the error shown to the maker of tallyd; retry after the mend.",
        clears="The record is handled.",
    ),
    _telling(
        Severity.CRITICAL,
        "flow_stopped",
        Topic.MACHINE,
        "A flow failed too often and was stopped; the others go on and intake stays safe.",
        "Read the error shown, mend it, then resume the flow: tallyd flows resume.",
        clears="The flow runs again.",
    ),
    _telling(
        Severity.CRITICAL,
        "storage_failing",
        Topic.MACHINE,
        "The database could not be written; nothing is accepted until it can.",
        "See the disk: full, read-only, failing. Free or mend it; tallyd goes on by itself.",
        clears="A commit succeeds.",
    ),
    _telling(
        Severity.CRITICAL,
        "cin7_unauthorised",
        Topic.CONNECTION,
        "Cin7 Core refuses the account id or application key. Calls to it are stopped; orders are still accepted.",
        "Put the right key in the credential cin7_application_key and restart tallyd.",
        clears="A call is answered.",
    ),
    _telling(
        Severity.CRITICAL,
        "commercetools_unauthorised",
        Topic.CONNECTION,
        "commercetools refuses the API client, or a scope is missing. Calls to it are stopped.",
        "See the client's scopes (tallyd check lists them) and the credential commercetools_client_secret.",
        clears="A call is answered.",
    ),
    _telling(
        Severity.ERROR,
        "cin7_unreachable",
        Topic.CONNECTION,
        "Cin7 Core does not answer. Orders are accepted and wait.",
        "See the network and status.cin7.com; nothing else needs doing.",
        clears="A call is answered.",
    ),
    _telling(
        Severity.ERROR,
        "commercetools_unreachable",
        Topic.CONNECTION,
        "commercetools does not answer. Orders are not seen until it does; then the sweep catches up.",
        "See the network and status.commercetools.com; nothing else needs doing.",
        clears="A call is answered.",
    ),
    _telling(
        Severity.ERROR,
        "notification_unreadable",
        Topic.FORMATS,
        "A sender that proved itself told something that cannot be understood. It is kept as it came, sealed.",
        "See which door it is and what sends to it; report the shown problem to the maker of tallyd.",
        "Nothing is lost by it if it was about an order: the sweeps read every order. Resolve it with the reason.",
        clears="A person resolves it.",
    ),
    _telling(
        Severity.ERROR,
        "notification_foreign",
        Topic.CONNECTION,
        "A door brings events of another commercetools project than the one this daemon is for.",
        "Point the subscription of that project elsewhere, or correct [commercetools] project_key.",
        clears="For a day that door brings none of another project.",
    ),
    _telling(
        Severity.ERROR,
        "push_missed",
        Topic.CONNECTION,
        "A door that should have told of these records did not: a sweep found them. Nothing is lost, it is only later.",
        "See that the sender's subscription or webhook is there, switched on and healthy, and that its queue or address"
        " is the one tallyd reads.",
        clears="The door tells of the newest record it can be judged by, or of those it missed.",
    ),
    _telling(
        Severity.WARNING,
        "door_silent",
        Topic.CONNECTION,
        "No event came through a configured door for longer than [intake] push_silent_seconds.",
        "See that the sender's subscription or webhook is there, switched on and healthy.",
        "If the shop is merely quiet, raise push_silent_seconds.",
        clears="An event comes through the door.",
    ),
    _telling(
        Severity.ERROR,
        "door_unreachable",
        Topic.CONNECTION,
        "A queue that is read from cannot be reached, or refuses the credentials. The sweeps bring every order.",
        "Compare queue, region and rights with [intake]; the shown reason is the sender's own.",
        clears="The queue answers.",
    ),
    _telling(
        Severity.WARNING,
        "orders_silent",
        Topic.CONNECTION,
        "Far fewer orders come in than at this hour of the last four weeks, or than [intake] silence_floor.",
        "Look for a fresh order in commercetools: does the shop sell? Compare with `tallyd orders list`.",
        clears="As many orders come in again.",
    ),
    _telling(
        Severity.ERROR,
        "subscription_unhealthy",
        Topic.CONNECTION,
        "commercetools says that it cannot deliver to the destination of the subscription.",
        "Open the subscription in commercetools: give it a destination it may write to. One whose delivery was stopped"
        " recovers only by changing its destination or by making it anew.",
        "The sweeps bring every order meanwhile; the time since the last event is read again.",
        clears="The health of the subscription is good again.",
    ),
    _telling(
        Severity.WARNING,
        "webhook_deactivated",
        Topic.CONNECTION,
        "Cin7 Core had switched a webhook of ours off, as it does after six failed deliveries.",
        "It is switched on again by itself and the time since its last event is read again. See why deliveries failed:"
        " the reverse proxy, its certificate, or the daemon itself was down for more than an hour.",
        clears="Cin7 Core lists the webhook as active.",
    ),
    _telling(
        Severity.WARNING,
        "webhook_absent",
        Topic.CONNECTION,
        "[intake] cin7_webhooks is on, and Cin7 Core has no webhook of ours for some type.",
        "Run `tallyd webhooks plan` to see what is missing and `tallyd webhooks apply` to make it.",
        "Where five webhooks of others fill a type, remove one of them in Cin7 Core first.",
        clears="Cin7 Core lists a webhook of ours for every type.",
    ),
    _telling(
        Severity.CRITICAL,
        "order_unlisted_here",
        Topic.CONNECTION,
        "commercetools lists this order and tallyd did not know it: no sweep and no door had brought it.",
        "It is read by its id now. If it stays, see whether the API client may read the order's store.",
        clears="The order is accepted, or commercetools lists it no more.",
    ),
    _telling(
        Severity.ERROR,
        "order_unlisted_there",
        Topic.CANCELLATION,
        "tallyd knows this order and commercetools lists it no more: it was deleted there.",
        "If a sale was made for it, void it in Cin7 Core or deliver it; then resolve with the reason.",
        clears="commercetools lists it again, or it is told as order_deleted, or is at its end without a sale.",
    ),
    _telling(
        Severity.ERROR,
        "sale_gone",
        Topic.CANCELLATION,
        "The sale of this order is no more among Cin7 Core's sales: it was deleted there.",
        "Ask who deleted it. Cancel the order in commercetools, or send it again with `tallyd orders resend NUMBER`.",
        clears="Cin7 Core lists the sale again, or the order has another sale or is cancelled.",
    ),
    _telling(
        Severity.ERROR,
        "sale_voided_there",
        Topic.CANCELLATION,
        "The sale of this order was voided in Cin7 Core, and the order stands in commercetools.",
        "Cancel and refund the order in commercetools, or send it again with `tallyd orders resend NUMBER`.",
        clears="The order has another sale, or is cancelled.",
    ),
    _telling(
        Severity.CRITICAL,
        "sales_two",
        Topic.POSTING,
        "Two or more sales in Cin7 Core that are not void carry the reference of this one order.",
        "Compare the shown sales: keep the one tallyd names as its own, void the others before they are shipped.",
        clears="One sale at most is left that is not void.",
    ),
    _telling(
        Severity.ERROR,
        "sale_by_hand",
        Topic.POSTING,
        "A sale in Cin7 Core carries this order's reference and is not the one tallyd made for it.",
        "If it was booked by hand for the order, leave it and exclude the order; otherwise void it or change its"
        " reference.",
        clears="No sale that is not void carries the reference except tallyd's own, or the order is booked by hand.",
    ),
    _telling(
        Severity.ERROR,
        "sale_without_order",
        Topic.POSTING,
        "A sale in Cin7 Core carries a reference of tallyd's, and there is no such order.",
        "Look for the shown order id in commercetools; if there is none, void the sale.",
        clears="The order is known, or the sale is void.",
    ),
    _telling(
        Severity.WARNING,
        "foreign_use",
        Topic.LIMITS,
        "Cin7 Core says the limit is reached although tallyd is under it: something else uses this application key.",
        "Give the other user a key of its own, or lower [cin7] calls_per_minute to tallyd's share.",
        clears="Calls up to the full limit are answered without a limit answer.",
    ),
    _telling(
        Severity.ERROR,
        "channel_missing",
        Topic.CONNECTION,
        "The commercetools channel that marks exported orders does not exist or lacks the role OrderExport.",
        "Create a channel with the key of [orders] sync_channel and the role OrderExport.",
        clears="The channel is read with the role.",
    ),
    _telling(
        Severity.WARNING,
        "automatic_discounts",
        Topic.TOTALS,
        "Cin7 Core is set to apply discounts of its own on authorisation, which changes the totals of pushed orders.",
        "Switch off automatic discounts in Cin7 Core's general settings.",
        clears="The company settings are read with automatic discounts off.",
    ),
    _telling(
        Severity.CRITICAL,
        "second_daemon",
        Topic.MACHINE,
        "Another tallyd holds the lease for this connection. This one writes nothing.",
        "Stop one of the two; the lease names the other's machine.",
        clears="The lease is ours.",
    ),
    _telling(
        Severity.ERROR,
        "alert_undelivered",
        Topic.CONNECTION,
        "Messages for a channel of an owner do not go out: who should be called is not.",
        "Read the cause: an address that is not understood is mended in the configuration or in its credential.",
        "See whether this machine may reach the channel's host; a proxy is named by HTTPS_PROXY.",
        "Send a test message: tallyd alerts test OWNER. What is over and a day old by then is given up; the console"
        " shows it.",
        clears="A message has gone out through the channel.",
    ),
    _telling(
        Severity.ERROR,
        "mapping_contradicted",
        Topic.POSTING,
        "Cin7 Core contradicts a name or rate in the configuration. Only the orders that use it are held.",
        "Correct the configuration or Cin7 Core, whichever is wrong.",
        clears="Configuration and Cin7 Core agree.",
    ),
    _holding(
        "rate_missing",
        Topic.CURRENCY,
        "The order is in another currency than the books, and no exchange rate of its day or earlier is known.",
        "See [mappings.currencies]: put a rate into the file it names, or name a figure there and restart tallyd.",
        "With cin7-last a rate is learnt from the newest sale in that currency which tallyd did not make itself.",
        clears="A rate of the order's day or earlier is read, or the order is judged again under a rate in figures.",
    ),
    _holding(
        "rate_too_old",
        Topic.CURRENCY,
        "The newest exchange rate for the order's day is older than rate_max_age_days allows.",
        "Bring the rates file up to date, or book a sale in that currency in Cin7 Core where the source is cin7-last.",
        clears="A rate is read that is young enough on the order's day.",
    ),
    _telling(
        Severity.WARNING,
        "rate_file_unreadable",
        Topic.CURRENCY,
        "A rates file could not be read, or some of its lines could not. What could be read is used.",
        "See the lines shown: each is date,currency,rate, such as 2026-12-24,EUR,0.86123. See that tallyd may read it.",
        clears="The file is read again and every line of it is understood.",
    ),
    _holding(
        "carrier_unknown",
        Topic.WAREHOUSE,
        "The carrier that the order's shipping method is mapped to does not exist in Cin7 Core under this name.",
        "Compare the name in [mappings.shipping] with Cin7 Core → Reference books → Carriers; correct one of them.",
        clears="A carrier of exactly this name is read from Cin7 Core.",
    ),
    _holding(
        "customer_rejected",
        Topic.POSTING,
        "Cin7 Core refused to make the customer of this order; its own words are shown.",
        "Mend what the words name (often the term, account or tax rule of the customer in [orders]), then retry.",
        clears="The customer is made, or found under its name.",
    ),
    _holding(
        "period_locked",
        Topic.POSTING,
        "The order's day lies in a period that is locked in Cin7 Core, so a sale of that day would be refused.",
        "Move the lock date in Cin7 Core's general settings, or book the sale by hand and dismiss with the SO number.",
        clears="The company settings are read with a lock date on or before the order's day.",
    ),
    _telling(
        Severity.ERROR,
        "period_lock",
        Topic.POSTING,
        "The lock date in Cin7 Core lies ahead or cannot be read: sales of today may be refused.",
        "See the lock date in Cin7 Core's general settings; it should be a day that has passed.",
        clears="The company settings are read with a lock date that has passed, or with none.",
    ),
    _telling(
        Severity.WARNING,
        "account_settings_changed",
        Topic.TOTALS,
        "A setting of the Cin7 Core account that changes what documents add up to was changed.",
        "Find out who changed it and why. Orders are compared to the cent all the same; expect some as a DRAFT first.",
        "Dismiss this once the change is known to be wanted, or change the setting back and dismiss it.",
        clears="A person has seen the change and dismisses it: no figure can tell whether it was meant.",
    ),
    _telling(
        Severity.ERROR,
        "books_differ",
        Topic.TOTALS,
        "An order and its documents in Cin7 Core do not agree. Nothing of it is posted by tallyd while they do not.",
        "Compare both sides: each difference is classed, with both figures, both documents and how each was made.",
        "Correct the document in Cin7 Core, or the mapping: the order is judged again by itself.",
        "Or accept it as it is: tallyd orders release NUMBER --reason ...; to book it by hand: tallyd orders reject"
        " NUMBER --reason ...",
        clears="The sale is read again and every figure agrees, or finance releases or rejects it with a reason.",
    ),
    _telling(
        Severity.WARNING,
        "release_unconfirmed",
        Topic.POSTING,
        "One person released a sale that was held; [finance] four_eyes asks for a second one.",
        "Another person looks at both sides and says the same: tallyd orders release NUMBER --reason ...",
        clears="A second person releases the order, or somebody rejects it.",
    ),
    _telling(
        Severity.WARNING,
        "posting_waits",
        Topic.POSTING,
        "Sales of this day agree with their orders, and wait for a person to post them ([finance] posting = hold).",
        "Look at the day: tallyd report day DATE. Release all of it: tallyd orders release --day DATE --reason ...",
        "To have tallyd post what agrees by itself, set [finance] posting to auto.",
        clears="No sale of the day waits any more.",
    ),
    _telling(
        Severity.ERROR,
        "posting_locked",
        Topic.POSTING,
        "A document would be dated into a period that is locked in Cin7 Core. It is not posted.",
        "Date it on the next open day, which is shown: tallyd orders release NUMBER --reason ...",
        "Or move the lock date in Cin7 Core's general settings; it then goes on by itself.",
        clears="The lock date is moved, or a person releases the order to the next open day.",
    ),
    _telling(
        Severity.ERROR,
        "posting_rejected",
        Topic.POSTING,
        "Cin7 Core refused an invoice, a payment or a credit note; its own words are shown.",
        "Mend what the words name (an account, a tax rule, the date), then retry the order.",
        clears="The document is posted, or stands in Cin7 Core when the sale is read again.",
    ),
    _telling(
        Severity.ERROR,
        "payment_unmapped",
        Topic.PAYMENT,
        "Money was captured by a payment method that the configuration maps to no account of Cin7 Core.",
        "Map the method to the code of an account that takes payments: at the desk, or in [mappings.payments].",
        clears="The method is mapped, or the payment stands in Cin7 Core.",
    ),
    _telling(
        Severity.ERROR,
        "payment_unpostable",
        Topic.PAYMENT,
        "A captured amount cannot be posted as it is: in another currency, beyond what is invoiced, or without an id.",
        "Compare the transaction with the invoices shown; enter the payment in Cin7 Core by hand with the shown id as"
        " its reference.",
        clears="A payment with the transaction's id as its reference stands in Cin7 Core, or the transaction changes.",
    ),
    _telling(
        Severity.ERROR,
        "part_not_invoiceable",
        Topic.TOTALS,
        "A line has a price that is exact for its whole quantity only, and a part of it was shipped.",
        "Ship the rest of the line, which is then invoiced whole; or enter the invoice by hand in Cin7 Core.",
        clears="All of the line is shipped, or the invoice stands in Cin7 Core.",
    ),
    _telling(
        Severity.ERROR,
        "refund_unallocated",
        Topic.PAYMENT,
        "Money was given back, and neither the order nor its returns say what for: no credit note can be made of it.",
        "Find out what it was for: the items that came back, shipping, a gesture of goodwill.",
        "Enter the return in commercetools with its items, and the note follows by itself; or enter the credit note in"
        " Cin7 Core with the shown id as the reference of its refund payment or in its memo.",
        "Where goods came back as well, restock them on the same note.",
        clears="A credit note names the refund's id, or what it was for can be told.",
    ),
    _telling(
        Severity.ERROR,
        "credit_exceeds_invoice",
        Topic.TOTALS,
        "More was given back than is invoiced and not credited yet. A credit note never goes beyond its invoice.",
        "Compare the refunds with the invoices shown; see whether one was entered twice.",
        "Enter what goes beyond the invoice in Cin7 Core as what it is (an expense, a credit of the customer).",
        clears="The refunds of the order fit its invoices, or a credit note names the refund.",
    ),
    _telling(
        Severity.ERROR,
        "tax_rule_changed",
        Topic.TAX,
        "A tax rule that sales were posted with has another name or another rate in Cin7 Core than then.",
        "Find out who changed it. What is posted keeps its figures; documents made from now on would have others.",
        "Map the tax to the rule that is right in [mappings.tax], then dismiss this.",
        clears="The rule has the rate again that the sales were posted with, or a person dismisses it.",
    ),
    _holding(
        "gift_card_unmapped",
        Topic.POSTING,
        "The order sells a gift card, and no service product booked to a liability account is named for it.",
        "Create a Service product whose revenue account is a liability, and name it in [mappings.gift_cards].",
        clears="The gift card is mapped to an active service product with a liability account.",
    ),
    _holding(
        "field_unreadable",
        Topic.FORMATS,
        "A custom field of the order is mapped to a date in Cin7 Core but holds no date.",
        "Correct the field in commercetools (a day such as 2026-12-24), or take it out of [mappings.fields].",
        clears="The order is judged again and the field holds a date, or is mapped no longer.",
    ),
    _telling(
        Severity.ERROR,
        "product_unmatched",
        Topic.SKU,
        "A published product has a variant whose SKU Cin7 Core does not hold (capitals and blanks count), or none.",
        "Correct the SKU on the side that is wrong; the suggestion names the nearest item, where there is one.",
        "An item that is really new: create it in Cin7 Core. Orders that wait for the SKU go on by themselves.",
        clears="The SKU is read on both sides, or the variant is published no longer.",
    ),
    _telling(
        Severity.WARNING,
        "product_not_for_sale",
        Topic.PRODUCT,
        "A published product's item is deprecated or not sellable in Cin7 Core; its stock is held at 0.",
        "Set the item to Active and Sellable in Cin7 Core if it may be sold, else take the product off the storefront.",
        clears="The item is read as active and sellable, or the product is published no longer.",
    ),
    _telling(
        Severity.ERROR,
        "sku_duplicate",
        Topic.SKU,
        "One SKU stands on several products of one side, so there is no telling which one was sold.",
        "Open the records shown and give each its own SKU; nothing is merged or guessed.",
        clears="The SKU stands on one record of that side.",
    ),
    _telling(
        Severity.WARNING,
        "unpublish_asks",
        Topic.PUBLICATION,
        "Products without a match would be unpublished, and that is either the first time or too many at once.",
        "Look at the list with `tallyd skus plan`; mend the SKUs that are only misspelt.",
        "Let the rest go with `tallyd skus approve`.",
        clears="The plan is approved by a person, or nothing is left to unpublish.",
    ),
    _telling(
        Severity.ERROR,
        "unpublish_rejected",
        Topic.PUBLICATION,
        "commercetools refuses to unpublish a product without a match. The stock of its SKUs is held at 0.",
        "Read the answer shown; unpublish the product by hand, or mend its SKU.",
        clears="The product is unpublished, or has a match.",
    ),
    _telling(
        Severity.INFO,
        "publish_again",
        Topic.PUBLICATION,
        "A product that tallyd unpublished for want of a match has one again. tallyd never publishes.",
        "Look at the product in commercetools and publish it.",
        clears="The product is published.",
    ),
    _telling(
        Severity.ERROR,
        "catalogue_modular",
        Topic.FORMATS,
        "The commercetools project uses the Modular product catalogue, which tallyd does not read or write.",
        "Orders, stock and money go on by SKU. Switch [catalogue] create_drafts and unpublish_unmatched off.",
        clears="The project is read with the Classic catalogue.",
    ),
    _telling(
        Severity.ERROR,
        "draft_mapping_wrong",
        Topic.PRODUCT,
        "A new item cannot become a draft: the mapping names something that commercetools does not hold.",
        "Compare the key shown with commercetools, and correct the mapping or create what it names.",
        clears="The draft is made, or the item has a product.",
    ),
    _telling(
        Severity.ERROR,
        "draft_attribute_missing",
        Topic.PRODUCT,
        "A new item cannot become a draft: its product type requires an attribute that nothing fills.",
        "Fill the field of the item in Cin7 Core, map the attribute in [mappings.attributes], or make it optional.",
        clears="The draft is made, or the item has a product.",
    ),
    _telling(
        Severity.ERROR,
        "draft_slug_taken",
        Topic.PUBLICATION,
        "A new item cannot become a draft: another product has the slug it would get.",
        "Open the product shown: is it the same item under another SKU? Otherwise change one of the slugs or names.",
        clears="The draft is made, or the item has a product.",
    ),
    _telling(
        Severity.ERROR,
        "draft_conflict",
        Topic.PRODUCT,
        "A product was changed by somebody else each time tallyd was about to write it.",
        "See who keeps changing it (shown). tallyd tries again by itself and overwrites nothing.",
        clears="The product is written, or nothing is left to write.",
    ),
    _telling(
        Severity.ERROR,
        "draft_rejected",
        Topic.PRODUCT,
        "commercetools refuses a draft, or a change to one, for a reason shown in its words.",
        "Read the answer shown, mend what it names, then retry with `tallyd skus draft SKU`.",
        clears="The draft is made, or the item has a product.",
    ),
    _telling(
        Severity.ERROR,
        "purchase_rate_missing",
        Topic.CURRENCY,
        "A purchase in another currency has no exchange rate, so its goods are worth nothing (or face value).",
        "Open the purchase in Cin7 Core and enter the rate of the invoice.",
        clears="The purchase shows a rate.",
    ),
    _telling(
        Severity.WARNING,
        "purchase_not_invoiced",
        Topic.POSTING,
        "Stock was received and no invoice of the supplier covers it: its cost in the books is an estimate.",
        "Ask the supplier for the invoice, and enter it in Cin7 Core before the month is closed.",
        clears="Every received unit of the purchase is invoiced, or was sent back.",
    ),
    _telling(
        Severity.WARNING,
        "landed_cost_missing",
        Topic.POSTING,
        "Received stock has no cost in the books, or a purchase from abroad has no freight or duty.",
        "Enter freight and duty as a service purchase in Cin7 Core and link it to this purchase.",
        "Where there is none to come, dismiss with the reason.",
        clears="The ledger shows a cost, and a part that is freight, duty or a charge.",
    ),
    _telling(
        Severity.WARNING,
        "charge_expensed",
        Topic.POSTING,
        "A charge of a purchase invoice is booked outside the inventory account: an expense, no cost of the goods.",
        "If it belongs to the goods (freight, duty), book it to the inventory account; else dismiss with the reason.",
        clears="The charge is booked to the inventory account, or is gone.",
    ),
    _telling(
        Severity.WARNING,
        "cost_moved",
        Topic.POSTING,
        "The unit cost of received stock changed after it was first known: what was sold before had another cost.",
        "Compare the parts shown. Where it is right, dismiss with the reason; else mend the purchase in Cin7 Core.",
        clears="The cost is what it was first known as, or a person dismisses it.",
    ),
    _telling(
        Severity.WARNING,
        "margin_below_floor",
        Topic.TOTALS,
        "A SKU is sold below the margin that [procurement] margin_floor_percent asks for.",
        "See with `tallyd report margin --sku SKU` whether the price is wrong, or the cost.",
        clears="The newest sale of the SKU is at or above the floor.",
    ),
    _telling(
        Severity.ERROR,
        "purchase_unreadable",
        Topic.FORMATS,
        "A purchase of Cin7 Core cannot be read; its dates and costs are unknown.",
        "Open the purchase in Cin7 Core and look at the field shown.",
        clears="The purchase is read.",
    ),
)

CATALOGUE: Mapping[str, ExceptionType] = MappingProxyType({declared.code: declared for declared in _DECLARED})
"""Every declared type, by code."""

RETIRED = frozenset({"edited_while_creating"})
"""Types earlier releases held orders by and nobody raises any more: one that is still open ends like any other."""

HOLDING = frozenset(code for code, declared in CATALOGUE.items() if declared.holds) | RETIRED
"""Types a record waits on."""
