"""The references a sale is found again by (Cin7 fact sheet §2.9).

`ExternalID` is exact and ours alone: it is built from the order's id and the generation of the sale, so every process
that ever looks at the order asks for the same text. `CustomerReference` is what people see.
"""

from __future__ import annotations

import re

from actors.domain.order import Order

PREFIX = "ct-order:"
_MOST_GENERATIONS = 10**6
_SAFE = re.compile(r"[A-Za-z0-9_-]{1,200}")


def external_id(order_id: str, generation: int) -> str:
    """Return the exact reference of the order's n-th sale: `ct-order:<id>`, then `ct-order:<id>:2` and so on.

    A voided sale keeps its reference for ever; the next generation gets its own, so two generations never share one.

    Raises:
        ValueError: the id holds characters Cin7's filter was never shown to match exactly, or generation < 1.
    """
    if not _SAFE.fullmatch(order_id):
        raise ValueError("an order id is letters, figures, - and _")
    if generation < 1:
        raise ValueError("generations count from 1")
    return f"{PREFIX}{order_id}" if generation == 1 else f"{PREFIX}{order_id}:{generation}"


def generation_of(text: str | None, order_id: str) -> int | None:
    """Return which of the order's sales carries this external id, or None where it is no sale of this order."""
    own = external_id(order_id, 1)
    if text == own:
        return 1
    rest = text.removeprefix(f"{own}:") if text is not None and text.startswith(f"{own}:") else ""
    return int(rest) if rest.isascii() and rest.isdigit() and 2 <= int(rest) <= _MOST_GENERATIONS else None


def invoice_mark(order_id: str, generation: int, number: int) -> str:
    """Return the text by which the n-th invoice that is posted of a sale is found again in its memo."""
    return f"{external_id(order_id, generation)}#{number}"


def credit_mark(order_id: str, transaction_id: str) -> str:
    """Return the text by which the credit note of a refund is found again in its memo."""
    return f"{external_id(order_id, 1)}#{transaction_id}"


def customer_reference(order: Order, choice: str) -> str:
    """Return what Cin7 shows as the sale's reference. `choice` is `order-number` or `id`.

    An order without a number is shown by its id (`[orders] order_reference`).
    """
    return order.number if choice == "order-number" and order.number else order.id
