"""What a sender told us: a hint that some record changed, never an instruction and never the record itself.

Every door (a queue, a push, a webhook, the list of messages) turns what arrives into these, and hands them to the one
`accept`. The record is then read from the system that owns it, so a hint may come late, twice or out of order.
"""

from __future__ import annotations

from decimal import Decimal

import msgspec

ORDER = "order"
PAYMENT = "payment"
SUBSCRIPTION = "subscription"
SALE = "sale"
STOCK = "stock"
PRODUCT = "product"
PURCHASE = "purchase"
CUSTOMER = "customer"
SUPPLIER = "supplier"

DELETIONS = frozenset({"OrderDeleted", "ResourceDeleted"})


class PushedRow(msgspec.Struct, frozen=True, kw_only=True):
    """What Cin7 Core says was available of a SKU in one place, at some time before it was told (fact sheet §8)."""

    location: str
    available: Decimal
    bin: str = ""
    batch: str = ""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One event as its sender tells it.

    `identity` is the same for every delivery of the event: for commercetools the resource with its `sequenceNumber` (a
    Message) or its version and kind (a Change), which is what the platform says to deduplicate by (commercetools fact
    sheet §2.1); for Cin7 Core, which numbers nothing, a digest of type and body. `kind` is the type as it is spelled
    there (`OrderCreated`, `ResourceUpdated`, `Sale/Voided`), "" where it was not told. `about` is the kind of record
    (commercetools' `typeId`, or `sale`, `stock`, …: an open word), `subject` its id (lower case for Cin7 Core, whose
    GUIDs arrive in either case), "" where only `number` (an order's or a document's number) is known. `version` is the
    record's version after the event (0: not told). `project` is commercetools' project key ("" for Cin7 Core). `rows`
    are those of a stock level, whose `subject` is a SKU.
    """

    identity: str
    kind: str
    about: str
    subject: str
    number: str = ""
    version: int = 0
    project: str = ""
    rows: tuple[PushedRow, ...] = ()


class Unreadable(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that came from where it should and cannot be understood. `problem` holds none of its content."""

    body: bytes
    problem: str

    def __repr__(self) -> str:
        return f"Unreadable({len(self.body)} bytes, {self.problem!r})"


Delivery = Notification | Unreadable
"""What a door hands in."""


class IntakeClosedError(Exception):
    """Nothing can be accepted now: the sender is asked to come again after `retry_after_seconds`."""

    def __init__(self, reason: str, *, retry_after_seconds: int) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds
