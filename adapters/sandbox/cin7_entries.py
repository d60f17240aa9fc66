"""Reading the body of an invoice or a credit note: its rows, which name an account each, its day and its rate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from adapters.sandbox.cin7_books import Books, Charge, Line, Product, Sale
from adapters.sandbox.cin7_documents import Rules, check_size, read_charges, read_lines
from adapters.sandbox.cin7_fields import Fields
from adapters.sandbox.cin7_ledger import AUTHORISED, DRAFT, ZERO, Entry
from adapters.sandbox.cin7_wire import RefusedError

NEW: Final = "00000000-0000-0000-0000-000000000000"
"""The TaskID that asks for a new document."""


class EntryReader:
    """Reads what invoices and credit notes have in common. Each method raises `RefusedError` at what is wrong first."""

    def __init__(self, books: Books, rules: Callable[[], Rules]) -> None:
        self._books = books
        self._rules = rules

    def lines(self, fields: Fields, sale: Sale) -> list[Entry]:
        """Read `Lines`; unlike an order's they need their Total (fact sheet §2.6). Absent is none."""
        if fields.absent("Lines"):
            return []
        rows = fields.raw("Lines")
        read = read_lines(rows, books=self._books, sale=sale, rules=self._rules(), total_required=True)
        return [
            self._entry(line, Fields(row, "Lines"), sale)
            for line, row in zip(read, rows if isinstance(rows, list) else [], strict=True)
        ]

    def charges(self, fields: Fields, sale: Sale) -> list[Entry]:
        """Read `AdditionalCharges`; absent is none."""
        rows = fields.raw("AdditionalCharges")
        read = read_charges(rows, books=self._books, sale=sale, rules=self._rules())
        return [
            self._entry(charge, Fields(row, "AdditionalCharges"), sale)
            for charge, row in zip(read, rows if isinstance(rows, list) else [], strict=True)
        ]

    def check_rows(self, fields: Fields, lines: list[Entry], charges: list[Entry], status: str) -> None:
        """Refuse a document of too many rows, and an authorised one of none."""
        check_size(lines, charges, self._rules())
        if status == AUTHORISED and not lines and not charges:
            raise fields.refused("Lines", "is required")

    def day(self, fields: Fields, name: str, *, may_be_locked: bool = False) -> date:
        """Read a day that is required; in a locked period no document can be (fact sheet §9, quirk 16)."""
        day = fields.day(name)
        if day is None:
            raise fields.refused(name, "is required")
        lock = self._books.company.lock_date
        if lock is not None and day < lock and not may_be_locked:
            raise RefusedError(f"{name} is before the lock date {lock.isoformat()}.")
        return day

    def rate(self, fields: Fields, name: str, sale: Sale) -> Decimal:
        """Read a conversion rate; the sale's own unless said."""
        return fields.number(name, 4) or sale.currency_rate

    def account(self, code: str) -> str:
        """Return the code of an account that exists."""
        if self._books.account(code) is None:
            raise RefusedError(f"Account '{code}' was not found in reference book", code=404)
        return code

    def booked_to(self, row: Line | Charge, sale: Sale) -> str:
        """Say what a row is booked to where nobody says: its product's revenue account, else the customer's."""
        if isinstance(row, Charge):
            return self.account_of_service(row.description, sale)
        return _revenue(self._books.product_by_id(row.product_id), sale)

    def account_of_service(self, name: str, sale: Sale) -> str:
        """Say what a charge of that name is booked to."""
        return _revenue(self._books.service_by_name(name), sale)

    def _entry(self, row: Line | Charge, fields: Fields, sale: Sale) -> Entry:
        return entry_of(row, account=self.account(fields.text("Account", 50) or self.booked_to(row, sale)))


def _revenue(product: Product | None, sale: Sale) -> str:
    return (product.revenue_account if product else None) or sale.customer.revenue


def entry_of(row: Line | Charge, *, account: str) -> Entry:
    """Make a row of an invoice or a credit note of a row of the order."""
    line = row if isinstance(row, Line) else None
    return Entry(
        product_id=line.product_id if line else "",
        sku=line.sku if line else "",
        name=row.name if isinstance(row, Line) else row.description,
        quantity=row.quantity,
        price=row.price,
        discount=row.discount,
        tax=row.tax,
        tax_rule=row.tax_rule,
        total=row.total,
        account=account,
        comment=row.comment,
    )


def status_of(fields: Fields) -> str:
    """Read the status of a document that is posted. Raises `RefusedError`."""
    status = fields.text("Status", 20, required=True)
    if status not in {DRAFT, AUTHORISED}:
        raise fields.refused("Status", f"must be {DRAFT} or {AUTHORISED}")
    return status


def check_new(task_id: str, sale: Sale, known: Sequence[object]) -> None:
    """Refuse a TaskID that asks for no new document: the zero GUID does, and a simple sale's own id for its first."""
    is_first = task_id == sale.id and sale.type != "Advanced Sale" and not known
    if task_id != NEW and not is_first:
        raise RefusedError("Sale Task with specified ID not found", code=404)


def check_combined(fields: Fields) -> None:
    """Refuse a body that does not say whether its charges are among its lines; here they never are."""
    if fields.absent("CombineAdditionalCharges"):
        raise fields.refused("CombineAdditionalCharges", "is required")
    fields.flag("CombineAdditionalCharges")


def units_of(rows: Iterable[Entry | Line]) -> dict[str, Decimal]:
    """Count the units of each SKU; charges have none."""
    counted: dict[str, Decimal] = {}
    for row in rows:
        if row.sku:
            counted[row.sku] = counted.get(row.sku, ZERO) + row.quantity
    return counted
