"""What the operator's endpoints need from the daemon. Everything returned is ready for JSON: instants are text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from adapters.operator.alert_api import AlertReading
from adapters.operator.desk_api import DeskReading
from adapters.operator.list_api import ListReading
from adapters.operator.mapping_api import MappingReading
from adapters.operator.patch_api import PatchReading
from adapters.operator.record_api import RecordReading

Document = Mapping[str, Any]

SKU_SORTS = ("sku", "match", "published", "flags", "near")
POSTING_STATES = ("safe", "waiting")
POSTING_KINDS = ("invoice", "payment", "credit_note", "refund")
POSTING_SORTS = ("verified_at", "number", "kind", "order", "net", "tax", "total", "account")
PLAN_SORTS = ("product_id", "name", "skus", "stands")
PLAN_STANDS = ("unseen", "seen", "approved")
"""How a product of the plan stands: to be read afresh first, read and waiting for an approval, or approved."""

__all__ = [
    "PLAN_SORTS",
    "PLAN_STANDS",
    "POSTING_KINDS",
    "POSTING_SORTS",
    "POSTING_STATES",
    "SKU_SORTS",
    "MarginQuery",
    "OperatorReading",
    "PlanQuery",
    "PostingQuery",
    "SkuQuery",
]


class SkuQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which SKUs of both catalogues: `match` is a match, `unmatched` or `all`; `text` is part of the SKU.

    They are sorted by one of `SKU_SORTS`; `after` is the `next` of the page before.
    """

    match: str = "all"
    flag: str | None = None
    published: bool | None = None
    text: str = ""
    sort: str = "sku"
    descending: bool = False
    after: str = ""
    limit: int = 100


class PlanQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which products of the plan: `text` is part of the name or of a SKU, `stands` one of `PLAN_STANDS`; "" both: all.

    They are sorted by one of `PLAN_SORTS`; `after` is the `next` of the page before.
    """

    text: str = ""
    stands: str = ""
    sort: str = "product_id"
    descending: bool = False
    after: str = ""
    limit: int = 100


class PostingQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents of a day: one `state` of `POSTING_STATES`, `kind` one of `POSTING_KINDS` ("": any).

    `text` is part of the number of the document or of its order, of the reference or of the account. They are sorted
    by one of `POSTING_SORTS`; `after` is the `next` of the page before; a `limit` of None is none.
    """

    state: str = "safe"
    kind: str = ""
    text: str = ""
    sort: str = "verified_at"
    descending: bool = False
    after: str = ""
    limit: int | None = 100


class MarginQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Whose margins: of a `month`, or of the days from `first` to `last`, as text; `sku` "": of every SKU."""

    month: str = ""
    first: str = ""
    last: str = ""
    sku: str = ""


class OperatorReading(Protocol):
    """The daemon as operators see it. Methods may raise `ProblemError`."""

    @property
    def desk(self) -> DeskReading:
        """Exceptions, and what people do to them."""
        ...

    @property
    def mappings(self) -> MappingReading:
        """Mapping rows."""
        ...

    @property
    def patches(self) -> PatchReading:
        """Edits of orders, and what is kept sealed of them."""
        ...

    @property
    def alerts(self) -> AlertReading:
        """Alerts, digests and maintenance windows."""
        ...

    @property
    def lists(self) -> ListReading:
        """What pages show beside."""
        ...

    @property
    def records(self) -> RecordReading:
        """The audit and the operating model."""
        ...

    async def health(self) -> Document:
        """Everything; `status` is ok, degraded or failing."""
        ...

    async def ready(self) -> bool:
        """Say whether events are accepted and committed."""
        ...

    async def metrics(self) -> tuple[bytes, str]:
        """The Prometheus page and its content type."""
        ...

    async def order(self, ref: str) -> Document | None:
        """One order by number, id, or its sale's number, id or reference."""
        ...

    async def stock_of(self, sku: str) -> Document | None:
        """One SKU, with the sum behind each published figure."""
        ...

    async def skus(self, query: SkuQuery) -> Document:
        """A page of the SKUs of both catalogues, by SKU, with the counts of all."""
        ...

    async def sku_table(self, query: SkuQuery, *, head: bool) -> tuple[str, str | None]:
        """The same page as CSV, with the names of its columns if `head`; and the SKU after which to go on."""
        ...

    async def sku_of(self, sku: str) -> Document | None:
        """One SKU, with all that both catalogues have of it."""
        ...

    async def unpublish_plan(self, query: PlanQuery) -> Document:
        """A page of the products that would be unpublished for want of a match, and how many of them fit (`total`)."""
        ...

    async def unpublish_plan_csv(self, query: PlanQuery, *, after: str) -> tuple[str, str | None]:
        """A page of the same as CSV (with the names of its columns where `after` is ""), and where to go on."""
        ...

    async def report(self, kind: str, name: str, *, counted_to: str) -> Document:
        """The report of a month or a day (`kind`); `counted_to` is the day ages are counted to ("": its own choice)."""
        ...

    async def this_month(self) -> str:
        """The month under way, as `2026-11`, by the books' time zone."""
        ...

    async def month_shown(self, period: str) -> Document | None:
        """The report of a month as a page shows it, perhaps some minutes old; None: it is being added up."""
        ...

    async def postings(self, day: str, query: PostingQuery) -> Document:
        """A page of the documents of a day, and how many fit (`total`): of those that are safe to sync on, with all
        that are not yet (`not_yet`), or of the latter alone.
        """
        ...

    async def earnings(self, query: MarginQuery) -> Document:
        """What sales earned in a period, by SKU and in all."""
        ...

    async def earnings_csv(self, query: MarginQuery) -> str:
        """The same as a table."""
        ...

    async def purchase(self, number: str) -> Document | None:
        """One purchase by its number, with what its goods cost, landed."""
        ...

    async def block(self, sku: str, *, author: str, reason: str, until: str) -> Document:
        """Stop selling a SKU."""
        ...

    async def unblock(self, sku: str, *, author: str, reason: str) -> Document:
        """Sell a SKU again."""
        ...

    async def release_units(self, ref: str, *, author: str, reason: str) -> Document:
        """Let an order's units go."""
        ...

    async def release_day(self, day: str, *, author: str, reason: str) -> Document:
        """Release the books of every order of an accounting day that agrees and waits for a person."""
        ...

    async def approve_plan(self, *, author: str, reason: str) -> Document:
        """Let the products of the plan be unpublished."""
        ...

    async def ask_for_draft(self, sku: str, *, author: str, reason: str) -> Document:
        """Ask for an unpublished product of an item."""
        ...

    async def pause(self, flow: str, *, author: str, reason: str) -> Document:
        """Let a flow claim nothing more."""
        ...

    async def resume(self, flow: str, *, author: str, reason: str) -> Document:
        """Let a paused or stopped flow go on."""
        ...
