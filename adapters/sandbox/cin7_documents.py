"""The order document of a sale: what Cin7 Core demands of its rows, and what it makes of their amounts.

How the live service treats Tax and rounds a row is not settled (fact sheet, Unknowns), so both are choices here.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from typing import Literal, get_args

import msgspec

from adapters.sandbox.cin7_books import Books, Charge, Line, Sale
from adapters.sandbox.cin7_fields import Fields
from adapters.sandbox.cin7_ledger import CreditNote, Figures, Invoice
from adapters.sandbox.cin7_stock import ZERO
from adapters.sandbox.cin7_wire import RefusedError

TaxBehaviour = Literal["given", "row", "document"]
Rounding = Literal["half_up", "half_even"]
Document = Sale | Invoice | CreditNote
"""What has rows and figures."""

_MODES = {"half_up": ROUND_HALF_UP, "half_even": ROUND_HALF_EVEN}
_HUNDRED = Decimal(100)
_DOCUMENT_DIGITS = 2


class Arithmetic(msgspec.Struct, frozen=True, kw_only=True):
    """One of the ways Cin7 may calculate.

    `given` keeps Tax as sent. `row` recomputes it from each row's Total and rule. `document` keeps the rows as sent and
    computes the document's Tax once per rule, to 2 decimals. `line_digits` rounds row Totals, `tax_digits` the
    recomputed taxes of rows.
    """

    tax: TaxBehaviour = "given"
    rounding: Rounding = "half_up"
    line_digits: int = 2
    tax_digits: int = 2

    def row_total(self, quantity: Decimal, price: Decimal, discount: Decimal) -> Decimal:
        """Quantity x Price x (1 - Discount/100), in both tax modes, never plus Tax (fact sheet §2.6)."""
        return self._round(quantity * price * (_HUNDRED - discount) / _HUNDRED, self.line_digits)

    def tax_of(self, amount: Decimal, percent: Decimal, *, inclusive: bool) -> Decimal:
        """Tax in (inclusive) or on (exclusive) a row's amount."""
        return self._round(_exact_tax(amount, percent, inclusive=inclusive), self.tax_digits)

    def document_tax_of(self, amount: Decimal, percent: Decimal, *, inclusive: bool) -> Decimal:
        """Tax in or on what a document carries of one rule."""
        return self._round(_exact_tax(amount, percent, inclusive=inclusive), _DOCUMENT_DIGITS)

    def _round(self, value: Decimal, digits: int) -> Decimal:
        return value.quantize(Decimal(1).scaleb(-digits), rounding=_MODES[self.rounding])


def _exact_tax(amount: Decimal, percent: Decimal, *, inclusive: bool) -> Decimal:
    return amount * percent / (_HUNDRED + percent if inclusive else _HUNDRED)


_TAXES: tuple[tuple[TaxBehaviour, int], ...] = (("given", 2), ("row", 2), ("row", 4), ("document", 2))

ACCOUNTS: tuple[Arithmetic, ...] = tuple(
    Arithmetic(tax=tax, rounding=rounding, line_digits=line_digits, tax_digits=tax_digits)
    for line_digits, (tax, tax_digits), rounding in itertools.product((2, 4), _TAXES, get_args(Rounding))
)
"""The sixteen accounts a live one is taken to be one of (money fact sheet §6)."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """How strict the account is, where the sheet leaves it open.

    `repeated_charges` and `repeated_skus` allow a service product or a SKU twice in one document; `check_tax` refuses a
    row whose Tax is not the calculated one; `most_rows` is how many lines and charges a document may have;
    `overpayments` takes payments and refunds of more than is open.
    """

    arithmetic: Arithmetic = Arithmetic()
    strict_totals: bool = True
    negative_charges: bool = True
    repeated_charges: bool = True
    repeated_skus: bool = False
    check_tax: bool = False
    most_rows: int | None = None
    overpayments: bool = False


def read_lines(rows: object, *, books: Books, sale: Sale, rules: Rules, total_required: bool = False) -> list[Line]:
    """Check and read `Lines`. Raises `RefusedError` naming the first thing wrong, as Cin7 does."""
    parts = [Fields(row, f"Lines[{number}]") for number, row in enumerate(_array(rows, "Lines"), start=1)]
    for fields in parts if total_required else ():
        fields.number("Total", 4, required=True)
    lines = [_read_line(fields, books, sale, rules) for fields in parts]
    repeated = _first_repeated(line.sku for line in lines)
    if repeated is not None and not rules.repeated_skus:
        raise RefusedError(f"Lines contain duplicate product with SKU '{repeated}'.")
    return lines


def read_charges(rows: object, *, books: Books, sale: Sale, rules: Rules) -> list[Charge]:
    """Check and read `AdditionalCharges`; every Description must name an existing service product."""
    array = [] if rows is None else _array(rows, "AdditionalCharges")
    charges = [_read_charge(row, number, books, sale, rules) for number, row in enumerate(array, start=1)]
    repeated = _first_repeated(charge.description for charge in charges)
    if repeated is not None and not rules.repeated_charges:
        raise RefusedError(f"AdditionalCharges contain duplicate service product '{repeated}'.")
    return charges


def check_size(lines: Sequence[object], charges: Sequence[object], rules: Rules) -> None:
    """Refuse a document of too many rows. Raises `RefusedError`."""
    if rules.most_rows is not None and len(lines) + len(charges) > rules.most_rows:
        raise RefusedError(f"Lines: too many rows. Maximum is {rules.most_rows}.")


def discount_automatically(sale: Sale, books: Books, rules: Rules) -> None:
    """Take the company's automatic discount off every line; Tax follows only where the account recomputes it."""
    percent = books.company.automatic_discount
    sale.lines = [_discounted(line, percent, sale, books, rules) for line in sale.lines]


def _discounted(line: Line, percent: Decimal, sale: Sale, books: Books, rules: Rules) -> Line:
    discount = min(line.discount + percent, _HUNDRED)
    total = rules.arithmetic.row_total(line.quantity, line.price, discount)
    tax = _row_tax(line.tax, total, _percent(line.tax_rule, books), sale, rules)
    return msgspec.structs.replace(line, discount=discount, total=total, tax=tax)


def _row_tax(sent: Decimal, total: Decimal, percent: Decimal, sale: Sale, rules: Rules) -> Decimal:
    if rules.arithmetic.tax != "row":
        return sent
    return rules.arithmetic.tax_of(total, percent, inclusive=sale.tax_inclusive)


def _first_repeated(names: Iterable[str]) -> str | None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            return name
        seen.add(name)
    return None


def total_up(document: Document, *, inclusive: bool, books: Books, rules: Rules) -> None:
    """Set TotalBeforeTax, Tax and Total of a document from its own rows, and what it carries of each tax rule."""
    amounts: dict[str, Decimal] = {}
    taxes: dict[str, Decimal] = {}
    for row in (*document.lines, *document.charges):
        amounts[row.tax_rule] = amounts.get(row.tax_rule, ZERO) + row.total
        taxes[row.tax_rule] = taxes.get(row.tax_rule, ZERO) + row.tax
    if rules.arithmetic.tax == "document":
        calculate = rules.arithmetic.document_tax_of
        taxes = {rule: calculate(amounts[rule], _percent(rule, books), inclusive=inclusive) for rule in amounts}
    document.by_rule = {
        rule: Figures(amount - taxes[rule] if inclusive else amount, taxes[rule]) for rule, amount in amounts.items()
    }
    document.net = sum((each.net for each in document.by_rule.values()), ZERO)
    document.tax = sum(taxes.values(), ZERO)
    document.total = document.net + document.tax


def _percent(rule: str, books: Books) -> Decimal:
    found = books.tax_rule(rule)
    if found is None:
        raise RefusedError(f"Tax Rule '{rule}' was not found in reference book")
    return found.percent


def _read_line(fields: Fields, books: Books, sale: Sale, rules: Rules) -> Line:
    product = _product(fields, books)
    amounts = _Amounts.read(fields, books, sale, rules)
    if amounts.price < 0:
        raise fields.refused("Price", "must not be negative")
    return Line(
        product_id=product[0],
        sku=product[1],
        name=fields.text("Name", 1024, required=True),
        comment=fields.text("Comment", 256),
        **msgspec.structs.asdict(amounts),
    )


def _product(fields: Fields, books: Books) -> tuple[str, str]:
    """Resolve the product: ProductID and SKU must agree; one of them alone resolves (fact sheet §2.5)."""
    product_id, sku = fields.text("ProductID", 36), fields.text("SKU", 50)
    if not product_id and not sku:
        raise fields.refused("ProductID", "is required")
    product = books.product_by_id(product_id) if product_id else books.product_by_sku(sku)
    if product is None or (sku and product.sku != sku):
        raise RefusedError(f"Product with SKU '{sku}' and ID '{product_id}' was not found.", code=404)
    if not product.active:
        raise RefusedError(f"Product with SKU '{product.sku}' is deprecated.")
    return product.id, product.sku


def _read_charge(row: object, number: int, books: Books, sale: Sale, rules: Rules) -> Charge:
    fields = Fields(row, f"AdditionalCharges[{number}]")
    description = fields.text("Description", 256, required=True)
    if books.service_by_name(description) is None:
        raise RefusedError(f"Service product '{description}' was not found in reference book", code=404)
    amounts = _Amounts.read(fields, books, sale, rules)
    if amounts.price < 0 and not rules.negative_charges:
        raise fields.refused("Price", "must not be negative")
    return Charge(description=description, comment=fields.text("Comment", 1024), **msgspec.structs.asdict(amounts))


class _Amounts(msgspec.Struct, frozen=True, kw_only=True):
    """The figures lines and charges share."""

    quantity: Decimal
    price: Decimal
    discount: Decimal
    tax: Decimal
    tax_rule: str
    total: Decimal

    @staticmethod
    def read(fields: Fields, books: Books, sale: Sale, rules: Rules) -> _Amounts:
        quantity = fields.number("Quantity", 4, required=True)
        price = fields.number("Price", 4, required=True)
        discount = fields.number("Discount", 2)
        tax = fields.number("Tax", 4, required=True)
        rule = fields.text("TaxRule", 50, required=True)
        if quantity < 1:
            raise fields.refused("Quantity", "must be at least 1")
        if not ZERO <= discount <= _HUNDRED:
            raise fields.refused("Discount", "must be between 0 and 100")
        percent = _percent(rule, books)
        total = rules.arithmetic.row_total(quantity, price, discount)
        _check_total(fields, total, rules)
        if rules.check_tax:
            _check_tax(fields, tax, rules.arithmetic.tax_of(total, percent, inclusive=sale.tax_inclusive))
        tax = _row_tax(tax, total, percent, sale, rules)
        return _Amounts(quantity=quantity, price=price, discount=discount, tax=tax, tax_rule=rule, total=total)


def _check_total(fields: Fields, expected: Decimal, rules: Rules) -> None:
    if not rules.strict_totals or fields.absent("Total"):
        return
    if fields.number("Total", 4) != expected:
        raise RefusedError(
            f"{fields.where}: attribute 'Total' doesn't match calculated line total. Expected value is: {expected:f}"
        )


def _check_tax(fields: Fields, sent: Decimal, expected: Decimal) -> None:
    if sent != expected:
        raise fields.refused("Tax", f"doesn't match calculated tax. Expected value is: {expected:f}")


def _array(value: object, name: str) -> list[object]:
    if not isinstance(value, list):
        raise RefusedError(f"attribute '{name}' is required and must be an array")
    return value
