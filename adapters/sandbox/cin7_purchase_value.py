"""What the documents of a purchase add to the value of stock: the arithmetic behind `InventoryMovements`.

Goods are worth what their invoice says at its rate, and until then what the order says at the purchase's own; charges
and linked costs come on top where they are booked to the inventory account (fact sheet §7.5). Each document is spread
to four decimals so that its shares add up to it. The ledger is append-only: what changes is booked as a difference.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import msgspec

from adapters.sandbox.cin7_purchases import Cell, GoodsLine, LinkedCost, Movement, Purchase, PurchaseInvoice
from adapters.sandbox.cin7_stock import ZERO

_STEP = Decimal("0.0001")

_Portion = tuple[Cell | None, Decimal]
"""Units of a line of an invoice, and where they lie; None: they have not come yet."""


def spread(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Share an amount, rounded to four decimals, by weight: the largest remainders get what rounding leaves.

    The shares add up to the rounded amount. Without any weight all count alike.
    """
    if not weights:
        return []
    whole = _rounded(amount)
    weighed = list(weights) if sum(weights, ZERO) else [Decimal(1)] * len(weights)
    exact = [whole * weight / sum(weighed, ZERO) for weight in weighed]
    shares = [one.quantize(_STEP, rounding=ROUND_DOWN) for one in exact]
    left = whole - sum(shares, ZERO)
    step = _STEP.copy_sign(left)
    by_remainder = sorted(range(len(shares)), key=lambda place: -abs(exact[place] - shares[place]))
    for place in by_remainder[: int(abs(left) / _STEP)]:
        shares[place] += step
    return shares


def book(purchase: Purchase, day: date | None) -> None:
    """Append what the ledger lacks, dated on the day, or each part back to its receipt."""
    worth = _worth(purchase)
    for cell, product, _ in purchase.cells():
        difference = worth.get(cell, ZERO) - purchase.booked.get(cell, ZERO)
        if difference:
            receipt = purchase.receipts[cell.receipt]
            task = purchase.task_of(receipt)
            moved = Movement(task_id=task, product=product, day=day or receipt.day, value=difference)
            purchase.movements = [*purchase.movements, moved]
            purchase.booked = {**purchase.booked, cell: worth.get(cell, ZERO)}


def reverse(purchase: Purchase, day: date) -> None:
    """Append what brings the ledger of each task and product to nothing."""
    sums: dict[tuple[str, str], Movement] = {}
    for moved in purchase.movements:
        key = (moved.task_id, moved.product.id)
        so_far = sums[key].value if key in sums else ZERO
        sums[key] = msgspec.structs.replace(moved, day=day, value=so_far - moved.value)
    purchase.movements = [*purchase.movements, *(moved for moved in sums.values() if moved.value)]


def link(purchase: Purchase) -> None:
    """Spread the costs that wait for goods over all that came, by the value ordered."""
    prices = {line.product.id: line.price for line in purchase.lines}
    cells = [(cell, quantity * prices[product.id]) for cell, product, quantity in purchase.cells()]
    for cost in purchase.linked:
        if cells and not cost.shares and _is_stock(purchase, cost):
            shares = spread(cost.amount, [weight for _, weight in cells])
            cost.shares = {cell: share for (cell, _), share in zip(cells, shares, strict=True)}


def _is_stock(purchase: Purchase, cost: LinkedCost) -> bool:
    return cost.debit == purchase.inventory_account


def _worth(purchase: Purchase) -> dict[Cell, Decimal]:
    """Say what everything that came is worth by the documents as they are now."""
    worth: dict[Cell, Decimal] = defaultdict(Decimal)
    waiting = {cell: quantity for cell, _, quantity in purchase.cells()}
    for invoice in purchase.invoices:
        _add_invoice(worth, purchase, invoice, waiting)
    prices = {line.product.id: line.price * purchase.rate_of(None) for line in purchase.lines}
    for cell, quantity in waiting.items():
        worth[cell] += _rounded(quantity * prices[cell.product_id])
    for cost in purchase.linked:
        for cell, share in cost.shares.items():
            worth[cell] += share
    return worth


def _add_invoice(
    worth: dict[Cell, Decimal], purchase: Purchase, invoice: PurchaseInvoice, waiting: dict[Cell, Decimal]
) -> None:
    """Value the goods an invoice is of, those that came first first, and spread its charges by what they cost."""
    rate = purchase.rate_of(invoice)
    everything: list[_Portion] = []
    for line in invoice.lines:
        portions = _covered(line, waiting)
        shares = spread(line.total * rate, [units for _, units in portions])
        _add(worth, portions, shares)
        everything += [(cell, line.total * units / line.quantity) for cell, units in portions]
    for charge in invoice.charges:
        if charge.account == purchase.inventory_account:
            _add(worth, everything, spread(charge.amount * rate, [weight for _, weight in everything]))


def _covered(line: GoodsLine, waiting: dict[Cell, Decimal]) -> list[_Portion]:
    """Take the units of a line from what came and is on no invoice yet; what is left over has not come."""
    portions: list[_Portion] = []
    left = line.quantity
    for cell in [cell for cell in waiting if cell.product_id == line.product.id]:
        taken = min(left, waiting[cell])
        if taken:
            portions.append((cell, taken))
            waiting[cell] -= taken
            left -= taken
    return [*portions, (None, left)] if left else portions


def _add(worth: dict[Cell, Decimal], portions: Sequence[_Portion], shares: Sequence[Decimal]) -> None:
    for (cell, _), share in zip(portions, shares, strict=True):
        if cell is not None:
            worth[cell] += share


def _rounded(amount: Decimal) -> Decimal:
    return amount.quantize(_STEP, rounding=ROUND_HALF_UP)
