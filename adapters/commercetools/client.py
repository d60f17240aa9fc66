"""The client of commercetools' HTTP API: only the calls that "who masters what" allows (design §2), each bounded.

How a call is made, and which is made again, is `exchange`'s; what concerns products, `product_shelf`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from actors.domain.calls import Purpose
from actors.domain.errors import Missing, Rejected, Transient
from actors.domain.feed import (
    FeedCursor,
    FeedOrder,
    MessageRow,
    OrderMark,
    PaymentMark,
    ReadOrder,
    SubscriptionHealth,
)
from actors.domain.inventory import DateChange, Entry
from actors.domain.lease import StoredLease
from actors.domain.order import Order
from actors.domain.order_update import OrderAction
from actors.domain.time import Instant, format_instant
from actors.governor.journal import Intent
from adapters.commercetools import inventory, order_actions, queries, rows, wire
from adapters.commercetools.answers import SIDE, failure, unclear
from adapters.commercetools.exchange import PAGE_TIMEOUT_SECONDS, Call, Exchange, rows_of
from adapters.commercetools.product_shelf import ProductShelf
from adapters.commercetools.queries import EXPAND, Query
from adapters.commercetools.translate import UnreadableOrderError, read_order

_PAYMENTS_AT_ONCE = 50  # their ids are the request's URL: 50 are some 3 KB of it

_HEALTH = {
    200: SubscriptionHealth.HEALTHY,
    400: SubscriptionHealth.CONFIGURATION_ERROR,
    404: SubscriptionHealth.ABSENT,
    503: SubscriptionHealth.TEMPORARY_ERROR,
}


class CommercetoolsClient(ProductShelf):
    """One project. Implements `Storefront`, `OrderFeed`, `OrderCount`, `Shelves`, `Showcase`, and the lease's store."""

    # -- orders ---------------------------------------------------------------------------------------------------

    async def read_order(self, order_id: str) -> ReadOrder:
        """Read one order with its payments, workflow state and channels (fact sheet §3.1).

        Raises:
            Missing: it was deleted.
            Rejected: `unreadable_order`; `detail` names the field.
            Transient, Limited, Unauthorised: as for every read.
        """
        purpose = Purpose.CT_READ_ORDER
        body = await self._read(purpose, f"/orders/{quote(order_id, safe='')}", EXPAND)
        try:
            return ReadOrder(order=read_order(body), body=body)
        except UnreadableOrderError as error:
            raise Rejected("unreadable_order", side=SIDE, operation=purpose.operation, detail=str(error)) from error

    async def changed_orders(self, after: FeedCursor, *, until: Instant | None, limit: int) -> list[FeedOrder]:
        """Read one page of orders changed after the cursor, oldest change first (keyset, fact sheet §2.5, §2.6).

        `limit` is cut to 500. An order that cannot be read is on the page with its `problem`.

        Raises:
            Transient: also when the page itself, or the id of one of its orders, cannot be read.
            Limited, Unauthorised, Rejected: as for every read.
        """
        return await self._feed_page(queries.changed(after, until, limit), floor=after.at)

    async def open_orders_before(self, created_before: Instant, *, after_id: str, limit: int) -> list[FeedOrder]:
        """Read one page of orders created before an instant and still Open or Confirmed, by id (keyset).

        Raises as `changed_orders`.
        """
        return await self._feed_page(queries.open_orders(created_before, after_id, limit), floor=0)

    async def changed_payments(self, after: FeedCursor, *, until: Instant | None, limit: int) -> list[PaymentMark]:
        """Read one page of payments changed after the cursor, oldest change first. Raises as `changed_orders`."""
        purpose = Purpose.CT_LIST_PAYMENTS
        found = await self._results(purpose, "/payments", queries.changed(after, until, limit))
        return rows_of(purpose, lambda: rows.in_order(found, rows.payment_mark, after.at))

    async def orders_of_payments(self, payment_ids: Sequence[str]) -> list[FeedOrder]:
        """Read the orders that name any of these payments, once each, in as many calls as the ids need.

        Raises as `changed_orders`.
        """
        found: dict[str, FeedOrder] = {}
        for start in range(0, len(payment_ids), _PAYMENTS_AT_ONCE):
            found |= await self._orders_of(payment_ids[start : start + _PAYMENTS_AT_ONCE])
        return list(found.values())

    async def _orders_of(self, payment_ids: Sequence[str]) -> dict[str, FeedOrder]:
        found: dict[str, FeedOrder] = {}
        last = ""
        while True:
            page = await self._feed_page(queries.orders_of(payment_ids, last), floor=0)
            found |= {order.id: order for order in page}
            if len(page) < queries.LARGEST_PAGE:
                return found
            last = page[-1].id

    async def _feed_page(self, query: Query, *, floor: Instant) -> list[FeedOrder]:
        purpose = Purpose.CT_LIST_ORDERS
        found = await self._results(purpose, "/orders", [*query, *EXPAND])
        return rows_of(purpose, lambda: rows.in_order(found, rows.feed_order, floor))

    async def count_orders(self, created_from: Instant, created_before: Instant) -> int:
        """Count the orders created in a span; what is counted is an estimate, 10,000 at most (fact sheet §2.6).

        Raises:
            Transient, Limited, Unauthorised, Rejected: as for every read.
        """
        purpose = Purpose.CT_COUNT_ORDERS
        query = queries.number_of_orders(created_from, created_before)
        body = await self._read(purpose, "/orders", query, seconds=PAGE_TIMEOUT_SECONDS)
        return self._decoded(body, wire.Count, purpose).total

    async def listed_orders(
        self, created_from: Instant, created_before: Instant, *, after_id: str, limit: int
    ) -> list[OrderMark]:
        """Read one page of the orders created in a span, by id; odd ones too. Raises as `changed_orders`."""
        purpose = Purpose.CT_LIST_ORDERS
        query = queries.orders_created(created_from, created_before, after_id, limit)
        found = await self._results(purpose, "/orders", query)
        return rows_of(purpose, lambda: [rows.order_mark(bytes(raw), created_from) for raw in found])

    async def mark_exported(self, order: Order, *, channel_key: str, external_id: str, intent: Intent) -> int:
        """`updateSyncInfo` for the channel under `order.version`; return the new version (fact sheet §3.5).

        Raises:
            Conflict: the order has changed since it was read.
            InDoubt: no clear answer.
            Missing, Rejected, Transient (not sent), Limited, Unauthorised: nothing was written.
        """
        payload = {
            "version": order.version,
            "actions": [
                {
                    "action": "updateSyncInfo",
                    "channel": {"typeId": "channel", "key": channel_key},
                    "externalId": external_id,
                    "syncedAt": format_instant(self._clock.now()),
                }
            ],
        }
        body, until = await self._write(intent, f"/orders/{quote(order.id, safe='')}", payload)
        return self._decoded(body, wire.Versioned, intent.purpose, until).version

    async def update_order(self, order: Order, actions: Sequence[OrderAction], intent: Intent) -> int:
        """Do all of these, in their order, under `order.version`, or none; return the new version (fact sheet §3.5).

        Raises:
            ValueError: there is nothing to do; nothing was sent.
            Conflict: the order has changed since it was read; nothing was done.
            InDoubt: no clear answer.
            Missing, Rejected, Transient (not sent), Limited, Unauthorised: nothing was done.
        """
        if not actions:
            raise ValueError("no action")
        payload = {"version": order.version, "actions": order_actions.payloads(actions)}
        body, until = await self._write(intent, f"/orders/{quote(order.id, safe='')}", payload)
        return self._decoded(body, wire.Versioned, intent.purpose, until).version

    async def available(self, sku: str, channel_key: str | None, *, subject: str) -> int | None:
        """Read `availableQuantity` of a SKU in a supply channel, or of its entry without one (fact sheet §4.1).

        Predicates know a channel by its id and we know its key, so every entry of the SKU is read with its channel, and
        told apart here. `subject` is the order it is read for; reads of commercetools are not logged by subject.

        Raises:
            Transient, Limited, Unauthorised, Rejected: as for every read.
        """
        purpose = Purpose.CT_INVENTORY
        body = await self._read(purpose, "/inventory", queries.stock_of(sku))
        for entry in self._decoded(body, wire.InventoryPage, purpose).results:
            if entry.sku == sku and (inventory.channel_of(entry.supply_channel) or None) == channel_key:
                return entry.available_quantity
        return None

    # -- inventory entries ----------------------------------------------------------------------------------------

    async def entries_by_id(self, *, after_id: str, limit: int) -> list[Entry]:
        """Read one page of every entry, by id ("" begins); `limit` is cut to 500.

        Raises:
            Transient: also when an entry of the page cannot be read.
            Limited, Unauthorised, Rejected: as for every read.
        """
        return await self._entries(queries.entries(after_id, limit))

    async def changed_entries(self, after: FeedCursor, *, until: Instant | None, limit: int) -> list[Entry]:
        """Read one page of the entries changed after a cursor, oldest change first. Raises as `entries_by_id`."""
        return await self._entries([*queries.changed(after, until, limit), *queries.EXPAND_CHANNEL])

    async def entries_of(self, sku: str) -> list[Entry]:
        """Read every entry of a SKU, by id (500 at most: one SKU has not more channels). Raises as `entries_by_id`."""
        return [entry for entry in await self._entries(queries.stock_of(sku)) if entry.sku == sku]

    async def read_entry(self, entry_id: str) -> Entry:
        """Read one entry.

        Raises:
            Missing: it is gone.
            Transient, Limited, Unauthorised, Rejected: as for every read.
        """
        purpose = Purpose.CT_READ_ENTRY
        sent = await self._timed_read(purpose, f"/inventory/{quote(entry_id, safe='')}", queries.EXPAND_CHANNEL)
        return self._entry(self._decoded(sent.body, wire.StockEntry, purpose), purpose, sent)

    async def write_entry(
        self, entry: Entry, *, quantity: int | None, delivery: DateChange | None, intent: Intent
    ) -> Entry:
        """Change quantity, date of delivery, or both, under `entry.version`; return the entry as it is then.

        Raises:
            ValueError: there is nothing to change; nothing was sent.
            Conflict: the entry has changed since it was read.
            InDoubt: no clear answer, or one about another entry.
            Missing, Rejected, Transient (not sent), Limited, Unauthorised: nothing was written.
        """
        payload = {"version": entry.version, "actions": inventory.actions(quantity, delivery)}
        path = f"/inventory/{quote(entry.id, safe='')}"
        sent = await self._timed_write(intent, path, payload, queries.EXPAND_CHANNEL)
        return self._written_entry(sent, intent, entry.sku, entry.id)

    async def create_entry(
        self, sku: str, channel: str, *, quantity: int, delivery: DateChange | None, intent: Intent
    ) -> Entry:
        """Make an entry under its deterministic key, on a supply channel (its key) or, with "", without one.

        Raises:
            Rejected: refused; with reason `duplicate` the SKU has an entry there already, or the key is taken.
            InDoubt: no clear answer, or one about another SKU.
            Transient (not sent), Limited, Unauthorised: nothing was made.
        """
        draft = inventory.draft(sku, channel, quantity, delivery)
        sent = await self._timed_write(intent, "/inventory", draft, queries.EXPAND_CHANNEL)
        return self._written_entry(sent, intent, sku, None)

    async def _entries(self, query: Query) -> list[Entry]:
        purpose = Purpose.CT_LIST_INVENTORY
        sent = await self._timed_read(purpose, "/inventory", query, seconds=PAGE_TIMEOUT_SECONDS)
        found = self._decoded(sent.body, wire.StockEntries, purpose).results
        return [self._entry(one, purpose, sent) for one in found]

    def _entry(self, found: wire.StockEntry, purpose: Purpose, sent: Exchange) -> Entry:
        try:
            return inventory.entry(found, read_from=sent.began_at, read_at=sent.ended_at)
        except ValueError as error:
            raise unclear("malformed", purpose, until=sent.until, detail=str(error)) from None

    def _written_entry(self, sent: Exchange, intent: Intent, sku: str, entry_id: str | None) -> Entry:
        found = self._decoded(sent.body, wire.StockEntry, intent.purpose, sent.until)
        if found.sku != sku or entry_id not in (None, found.id):
            raise unclear("malformed", intent.purpose, until=sent.until, detail="another entry's answer")
        return self._entry(found, intent.purpose, sent)

    # -- messages and subscriptions -------------------------------------------------------------------------------

    async def messages(self, after: FeedCursor, *, until: Instant, limit: int) -> list[MessageRow]:
        """Read one page of messages about orders and payments, oldest first, each as it came (fact sheet §2.5).

        Raises as `changed_orders`.
        """
        purpose = Purpose.CT_LIST_MESSAGES
        found = await self._results(purpose, "/messages", queries.messages(after, until, limit))
        return rows_of(purpose, lambda: rows.message_rows(found, after.at))

    async def messages_enabled(self) -> bool:
        """Say whether the project keeps its messages: off unless somebody switched it on."""
        kept = (await self.settings()).messages
        return kept is not None and kept.enabled

    async def subscription_health(self, subscription_id: str) -> SubscriptionHealth:
        """Ask how a subscription fares: by the status alone, without a token (fact sheet §2.1).

        Raises:
            Transient, Limited: no answer, or one that says nothing about the subscription.
        """
        path = f"/subscriptions/{quote(subscription_id, safe='')}/health"
        call = Call(purpose=Purpose.CT_SUBSCRIPTION, method="GET", path=path)
        return await self._patiently(partial(self._health, call))

    async def _health(self, call: Call) -> SubscriptionHealth:
        async with self._seats:
            response, sent = await self._send(call, None)
        health = _HEALTH.get(response.status)
        if health is not None:
            return health
        error = failure(response, call.purpose, now=self._clock.now(), until=sent.until)
        if isinstance(error, Transient):
            raise error
        raise unclear("malformed", call.purpose, until=sent.until, status=response.status)

    # -- channel, lease -------------------------------------------------------------------------------------------

    async def export_channel(self, key: str) -> wire.Channel | None:
        """Read the channel that marks exported orders; None when there is none of that key."""
        try:
            body = await self._read(Purpose.CT_CHANNEL, f"/channels/key={quote(key, safe='')}")
        except Missing:
            return None
        return self._decoded(body, wire.Channel, Purpose.CT_CHANNEL)

    async def read_lease(self, container: str, key: str) -> StoredLease | None:
        """Read a custom object; None when there is none."""
        path = f"/custom-objects/{quote(container, safe='')}/{quote(key, safe='')}"
        try:
            body = await self._read(Purpose.CT_READ_LEASE, path)
        except Missing:
            return None
        stored = self._decoded(body, wire.CustomObject, Purpose.CT_READ_LEASE)
        return StoredLease(value=stored.value, version=stored.version)

    async def write_lease(
        self, container: str, key: str, value: dict[str, Any], version: int | None, intent: Intent
    ) -> StoredLease:
        """Write a custom object, as compare-and-set when `version` names the one that was read (fact sheet §6).

        With `version` None it is an upsert: of two who create at once the later one stays. 0 names no version that ever
        was, so it conflicts with whatever is there and creates otherwise; read the result back all the same.

        Raises:
            Conflict: somebody else wrote in between.
            InDoubt: no clear answer.
        """
        payload: dict[str, Any] = {"container": container, "key": key, "value": value}
        if version is not None:
            payload["version"] = version
        body, until = await self._write(intent, "/custom-objects", payload)
        stored = self._decoded(body, wire.CustomObject, intent.purpose, until)
        return StoredLease(value=stored.value, version=stored.version)
