"""What the flows know of tracing: one trace per order for its whole life, and a span for every hop of it.

The trace id needs no storage: it follows from the order id (design §5), so that a retry tomorrow, another process and a
person with nothing but the order id all arrive at the same trace.
"""

from __future__ import annotations

import hashlib
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol


def trace_id_of(order_id: str) -> str:
    """Return the order's trace id: 32 hex digits, the first 16 bytes of SHA-256 of the order id."""
    return hashlib.sha256(order_id.encode()).hexdigest()[:32]


def root_span_id_of(order_id: str) -> str:
    """Return the id of the span every hop of the order hangs on: 16 hex digits, the next 8 bytes of the same hash."""
    return hashlib.sha256(order_id.encode()).hexdigest()[32:48]


class Tracer(Protocol):
    """Opens spans. Attributes hold ids, SKUs, amounts and states only; never a name, an address or a body."""

    def span(self, name: str, *, order_id: str = "", **attributes: str | int) -> AbstractContextManager[None]:
        """Open a span for one hop; it ends with the block, and shows the type of an error that leaves it.

        With an `order_id` the span belongs to that order's trace. Without one it hangs on the span around it, if any.
        """
        ...

    def trace_id(self, order_id: str) -> str:
        """Return the id an order's trace is found under: 32 hex digits."""
        ...


class NoTracer:
    """Traces nothing; the ids are the real ones."""

    def span(self, name: str, *, order_id: str = "", **attributes: str | int) -> AbstractContextManager[None]:
        """Return a block that does nothing."""
        return nullcontext()

    def trace_id(self, order_id: str) -> str:
        """Return the id the order's trace would have."""
        return trace_id_of(order_id)
