"""The shop behind the sandbox's commercetools: its documents, and how an order is placed.

Everything the API shows is computed from these books. Two delays of the real service are kept: an order leaves its
inventory entries only after a lag, and a changed order shows in lists only after another (by id at once).
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import Literal, Protocol

from adapters.sandbox.announcements import Announcer, Lag
from adapters.sandbox.carts import GIFT_CARD_INTERFACE, OrderDraft, PaymentDraft, PricedCart, price_cart
from adapters.sandbox.catalogue import ITEMS, Item
from adapters.sandbox.identifiers import identified
from adapters.sandbox.order_actions import apply_order_action
from adapters.sandbox.orders import (
    Wire,
    at_the_provider,
    instant_text,
    money,
    order_fields,
    payment_fields,
    reference,
    stable_id,
    transaction,
)
from adapters.sandbox.products import Products
from adapters.sandbox.refusals import PlacementRefused
from adapters.sandbox.shelves import OPENED_AT

DEFAULT_CHANNELS: Mapping[str, tuple[str, ...]] = {"cin7-core": ("OrderExport",), "paris": ("InventorySupply",)}

Source = Literal["checkout", "import", "recurring"]
"""How an order came about."""

_FIRST_NUMBER = 100_001
_CREATED_BY: Mapping[Source, str] = {
    "checkout": "OrderCreated",
    "import": "OrderImported",
    "recurring": "OrderCreatedFromRecurringOrder",
}


class ShopClock(Protocol):
    """What the shop needs of a clock."""

    def now(self) -> int:
        """Return milliseconds since the epoch, UTC."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait that long."""
        ...


class Shop(Products):
    """The state of one project. Documents in the books are wire JSON by id; read them, do not edit them."""

    def __init__(
        self,
        *,
        clock: ShopClock,
        seed: int = 0,
        visibility_lag_seconds: Lag = 0.0,
        decrement_lag_seconds: Lag = (0.0, 10.0),
        items: Iterable[Item] = ITEMS,
        channels: Mapping[str, tuple[str, ...]] = DEFAULT_CHANNELS,
        sync_info_appends: bool = True,
        project_key: str = "acme",
        messages_enabled: bool = True,
        messages_lag_seconds: Lag = 0.0,
    ) -> None:
        """Open the shop with `items` on its shelves (one channel-less inventory entry each).

        `sync_info_appends`: a repeated `updateSyncInfo` for one channel adds an entry (else replaces; which one
        commercetools does is not documented, fact sheet §10 row 7). `messages_enabled`: the project keeps its messages,
        each listed after its lag.
        """
        news = Announcer(
            project_key=project_key, now=clock.now, seed=seed, enabled=messages_enabled, lag=messages_lag_seconds
        )
        super().__init__(news)
        self._clock = clock
        self._random = random.Random(f"shop/{seed}")
        self._visibility_lag = visibility_lag_seconds
        self._decrement_lag = decrement_lag_seconds
        self.sync_info_appends = sync_info_appends
        self.items: dict[str, Item] = {}
        self.orders: dict[str, Wire] = {}
        self.deleted_orders: dict[str, Wire] = {}
        self.payments: dict[str, Wire] = {}
        self.channels: dict[str, Wire] = {}
        self.states: dict[str, Wire] = {}
        self.custom_objects: dict[str, Wire] = {}
        self._shown: dict[str, list[tuple[int, Wire]]] = {}
        self._numbers: dict[str, str] = {}
        self._drafts: dict[str, OrderDraft] = {}
        self._placed = 0
        self.subscribe = self.news.subscribe
        self._initial_state = self.add_state("Initial", type_="LineItemState", built_in=True)
        for key, roles in channels.items():
            self.add_channel(key, roles)
        self._is_open = False
        for item in items:
            self.add_item(item)
        self._is_open = True

    # What staff set up.

    def add_item(self, item: Item, *, stock: int | None = None) -> None:
        """Put a product on sale with its opening stock."""
        self.items[item.sku] = item
        self.show_item(item)
        product = self.product_of(item.sku) if self._is_open else None
        if product is not None:
            self.edit_product(product, price=item.price)  # of today, unlike those of the day the shop opened
        self.add_inventory(item.sku, item.stock if stock is None else stock)

    def add_channel(self, key: str, roles: tuple[str, ...]) -> str:
        """Open a channel; return its id."""
        return self._open(self.channels, {"key": key, "roles": list(roles), "name": {"en-GB": key}})

    def add_state(self, key: str, *, type_: str = "OrderState", built_in: bool = False) -> str:
        """Open a workflow state; return its id."""
        fields = {"key": key, "type": type_, "initial": built_in, "builtIn": built_in, "name": {"en-GB": key}}
        return self._open(self.states, fields)

    def _open(self, book: dict[str, Wire], fields: Wire) -> str:
        resource_id = self.new_id()
        dated = {"createdAt": OPENED_AT, "lastModifiedAt": OPENED_AT}
        book[resource_id] = {"id": resource_id, "version": 1, **dated, **fields}
        return resource_id

    # What customers do.

    def place_order(self, draft: OrderDraft, *, source: Source = "checkout") -> str:
        """Place an order; return its id. Stock leaves the entries after the lag, unless its mode is None.

        One that was imported or comes from a schedule is told by another message (fact sheet §2.3).

        Raises:
            PlacementRefused: no such product, no inventory entry, out of stock, or the number is taken.
        """
        cart = price_cart(draft, self.items)
        number = self._number_for(draft)
        self._reserve(cart, lambda: self._drawn(self._decrement_lag))
        now = self.now_text()
        order_id = self.new_id()
        order: Wire = {
            "id": order_id,
            "version": 1,
            "createdAt": now,
            "lastModifiedAt": now,
            **({"orderNumber": number} if number else {}),
            **self._order_fields(cart),
            "orderState": draft.order_state,
            "syncInfo": [],
            "lastMessageSequenceNumber": 1,
            **_comes_from(source, order_id),
        }
        if draft.workflow_state is not None:
            order["state"] = reference("state", self._state_id(draft.workflow_state))
        if draft.payment.status != "absent":
            order["paymentInfo"] = {"payments": [reference("payment", one) for one in self._open_payments(cart)]}
        if number:
            self._numbers[number] = order_id
        self._keep(order)
        self._drafts[order_id] = draft
        schedule = {"recurringOrderRef": order["recurringOrder"]} if source == "recurring" else {}
        self.news.created("order", order, _CREATED_BY[source], **schedule)
        return order_id

    # What the books say.

    def payable(self, order_id: str) -> int:
        """Return what the customer owes in minor units: taxed gross, else the total."""
        order = self.orders.get(order_id) or self.deleted_orders[order_id]
        owed = order["taxedPrice"]["totalGross"] if "taxedPrice" in order else order["totalPrice"]
        return int(owed["centAmount"])

    def order_id_of(self, order_number: str) -> str | None:
        """Return the id of the order of this number."""
        return self._numbers.get(order_number)

    def listed_orders(self) -> list[Wire]:
        """Return the orders as lists show them now: changes younger than the visibility lag are not there yet."""
        if not self._visibility_lag:
            return list(self.orders.values())
        now = self._clock.now()
        visible = (self._visible(history, now) for history in self._shown.values())
        return [order for order in visible if order is not None]

    # What the API and the books share.

    def new_id(self) -> str:
        """Return a new id (UUID 4), drawn from the seed."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def now(self) -> int:
        """Return the instant of a change, in milliseconds."""
        return self._clock.now()

    def now_text(self) -> str:
        """Return the instant of a change, as written."""
        return instant_text(self._clock.now())

    def channel_ids(self) -> dict[str, str]:
        """Return channel ids by key."""
        return {channel["key"]: channel["id"] for channel in self.channels.values()}

    def channel_named(self, identifier: object) -> Wire:
        """Find a channel by a resource identifier: id or key, never both.

        Raises:
            Refusal: 400 malformed, or `ReferencedResourceNotFound`.
        """
        return identified(self.channels, "channel", identifier)

    def payment_named(self, identifier: object) -> Wire:
        """Find a payment by a resource identifier, as a channel is found. Raises `Refusal`."""
        return identified(self.payments, "payment", identifier)

    def number_is_taken(self, order_number: str) -> bool:
        """Say whether an order of this number exists."""
        return order_number in self._numbers

    def update_order(self, order: Wire, actions: Iterable[object]) -> Wire:
        """Apply update actions, all or none; return the order, under another version if anything changed.

        Raises:
            Refusal: one of the actions is refused.
        """
        steps = list(accumulate(actions, lambda was, action: apply_order_action(was, action, self), initial=order))
        if steps[-1] is order:
            return order
        changed = self._touched(steps[-1])
        if "orderNumber" in changed:
            self._numbers[changed["orderNumber"]] = changed["id"]
        self._keep(changed)
        self.news.updated("order", order, changed, steps[1:])
        return changed

    def next_version(self, version: int) -> int:
        """Return the version after a change: mostly the next, at times a few further (fact sheet §1.3)."""
        return version + self._random.choice((1, 1, 1, 1, 2, 3))

    def _touched(self, resource: Wire) -> Wire:
        return {**resource, "version": self.next_version(resource["version"]), "lastModifiedAt": self.now_text()}

    def _keep(self, order: Wire) -> None:
        self.orders[order["id"]] = order
        if self._visibility_lag:
            shown_at = self._clock.now() + self._drawn(self._visibility_lag)
            self._shown.setdefault(order["id"], []).append((shown_at, order))

    def _visible(self, history: list[tuple[int, Wire]], now: int) -> Wire | None:
        for index in range(len(history) - 1, -1, -1):
            if history[index][0] <= now:
                del history[:index]
                return history[0][1]
        return None

    def _drawn(self, lag: Lag) -> int:
        seconds = self._random.uniform(*lag) if isinstance(lag, tuple) else lag
        return round(seconds * 1000)

    def _order_fields(self, cart: PricedCart) -> Wire:
        return order_fields(cart, new_id=self.new_id, channels=self.channel_ids(), initial_state=self._initial_state)

    def _number_for(self, draft: OrderDraft) -> str:
        number = draft.order_number
        if number is None:
            number = f"W{_FIRST_NUMBER + self._placed}"
            self._placed += 1
        if number and number in self._numbers:
            raise PlacementRefused(f"order number {number} is taken")
        return number

    def _state_id(self, key: str) -> str:
        known = (state["id"] for state in self.states.values() if state["key"] == key)
        return next(known, None) or self.add_state(key)

    def _open_payments(self, cart: PricedCart) -> list[str]:
        """Open what an order is paid with, the gift card after the rest; nothing is opened over nothing."""
        draft, currency = cart.draft.payment, cart.draft.currency
        by_card = cart.payable * draft.gift_card_percent // 100
        opened = [self._open_payment(draft, cart.payable - by_card, currency)]
        if by_card:
            card = PaymentDraft(status=draft.status, interface=GIFT_CARD_INTERFACE, method=GIFT_CARD_INTERFACE)
            opened.append(self._open_payment(card, by_card, currency))
        return opened

    def _open_payment(self, draft: PaymentDraft, planned_minor: int, currency: str) -> str:
        now = self.now_text()
        kinds = {"charged": "Charge", "authorized": "Authorization"}
        count = draft.captures if draft.status == "charged" else 1
        parts = [planned_minor // count] * (count - 1)
        amounts = [money(part, currency) for part in (*parts, planned_minor - sum(parts))]
        done = [
            at_the_provider(transaction(new_id=self.new_id, type_=kinds[draft.status], amount=amount, at=now))
            for amount in (amounts if draft.status in kinds else ())
        ]
        payment_id = self.new_id()
        dated = {"id": payment_id, "version": 1, "createdAt": now, "lastModifiedAt": now}
        planned = money(planned_minor, currency)
        self.payments[payment_id] = dated | payment_fields(draft, planned=planned, transactions=done)
        self.news.created("payment", self.payments[payment_id], "PaymentCreated")
        return payment_id


def _comes_from(source: Source, order_id: str) -> Wire:
    """Return what an order says of where it comes from; an imported one had no cart here."""
    if source == "import":
        return {}
    cart = {"cart": reference("cart", stable_id("cart", order_id))}
    if source == "checkout":
        return cart
    schedule = reference("recurring-order", stable_id("recurring-order", order_id))
    return cart | {"origin": "RecurringOrder", "recurringOrder": schedule}
