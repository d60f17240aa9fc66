"""What happens to an order after it was placed: paid, edited, cancelled, sent elsewhere, returned, refunded.

Each of it leaves the messages commercetools leaves. Of what was delivered the books are read here as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec

from adapters.sandbox.carts import LineDraft, OrderDraft, price_cart
from adapters.sandbox.delivery_actions import deliveries_of
from adapters.sandbox.orders import Wire, at_the_provider, money, reference, transaction
from adapters.sandbox.refusals import PlacementRefused
from adapters.sandbox.shop import Shop

_SAID_BY = {
    "customerEmail": "email",
    "billingAddress": "billing",
    "shippingAddress": "delivery",
    "custom": "custom_fields",
    "purchaseOrderNumber": "purchase_order",
    "customerId": "customer_id",
    "paymentState": "payment_state",
    "shipmentState": "shipment_state",
}
"""What other actions set as well: an edit leaves it alone, unless its draft says something new of it."""

_FIELDS_OF_A_DRAFT = frozenset(
    {
        "taxedPrice",
        "taxedShippingPrice",
        "shippingInfo",
        "itemShippingAddresses",
        "discountOnTotalPrice",
        *_SAID_BY,
    }
)


class Aftercare(Shop):
    """A shop whose orders live on. See `Shop` for the books."""

    # Money.

    def pay(self, order_id: str, amount_minor: int | None = None, *, state: str = "Success") -> None:
        """Charge what is owed, or a part of it: the *payment* changes, the order does not.

        Only an order without any payment is changed, by the payment that is added to it. A `state` of Pending is
        settled by `settle_charges`.
        """
        if "paymentInfo" not in self.orders[order_id]:
            self.add_payment(order_id)
        self._transact(order_id, "Charge", amount_minor, state=state)

    def capture(self, order_id: str, amount_minor: int, *, interface: str = "adyen", method: str = "scheme") -> str:
        """Charge so much by one means of payment, as often as one likes; return the transaction's id.

        What was never paid with before is a payment of its own, and changes the order.
        """
        payment_id = self._payment_by(order_id, interface, method)
        if payment_id is None:
            payment_id = self.add_payment(order_id, amount_minor, interface=interface, method=method)
        return self._transact(order_id, "Charge", amount_minor, payment_id=payment_id, state="Success")

    def authorise_payment(
        self, order_id: str, amount_minor: int | None = None, *, interface: str = "adyen", method: str = "scheme"
    ) -> str:
        """Reserve what is owed, or a part of it; return the transaction's id. Nothing is charged by it."""
        payment_id = self._payment_by(order_id, interface, method)
        if payment_id is None:
            payment_id = self.add_payment(order_id, amount_minor, interface=interface, method=method)
        return self._transact(order_id, "Authorization", amount_minor, payment_id=payment_id, state="Success")

    def fail_charge(self, order_id: str, amount_minor: int | None = None) -> str:
        """Let a charge of the order's first payment fail; return the transaction's id."""
        return self._transact(order_id, "Charge", amount_minor, state="Failure")

    def refund(
        self,
        order_id: str,
        amount_minor: int | None = None,
        *,
        state: str = "Success",
        transaction_id: str = "",
        interaction_id: str = "",
        payment_id: str | None = None,
    ) -> str:
        """Give money back by a payment of the order (its first), all that is left of it unless said.

        Returns the transaction's id. The order does not change. Raises ValueError when nothing is left.
        """
        named = {"id": transaction_id, "interactionId": interaction_id}
        amount = self._left_of(self._payment_of(order_id, payment_id)) if amount_minor is None else amount_minor
        if amount <= 0:
            raise ValueError("nothing is left to give back")
        return self._transact(order_id, "Refund", amount, payment_id=payment_id, state=state, **named)

    def settle_charges(self, order_id: str, state: str = "Success") -> None:
        """Let the order's pending transactions succeed, or fail."""
        payment = self._payment_of(order_id)
        pending = [one["id"] for one in payment["transactions"] if one["state"] == "Pending"]
        settled = [one | {"state": state} if one["id"] in pending else one for one in payment["transactions"]]
        changed = self._change_payment(payment, settled)
        for transaction_id in pending:
            fields = {"transactionId": transaction_id, "state": state}
            self.news.message("payment", changed, "PaymentTransactionStateChanged", **fields)

    def add_payment(
        self,
        order_id: str,
        amount_minor: int | None = None,
        *,
        interface: str = "manual",
        method: str = "invoice",
    ) -> str:
        """Open a payment over what is owed, or so much, and add it to the order; return its id. Nothing is charged."""
        order = self.orders[order_id]
        owed = order["taxedPrice"]["totalGross"] if "taxedPrice" in order else order["totalPrice"]
        now = self.now_text()
        payment_id = self._open(
            self.payments,
            {
                "createdAt": now,
                "lastModifiedAt": now,
                "amountPlanned": owed if amount_minor is None else money(amount_minor, owed["currencyCode"]),
                "paymentMethodInfo": {"paymentInterface": interface, "method": method},
                "paymentStatus": {},
                "transactions": [],
                "interfaceInteractions": [],
            },
        )
        self.news.created("payment", self.payments[payment_id], "PaymentCreated")
        self.act(order_id, {"action": "addPayment", "payment": reference("payment", payment_id)})
        return payment_id

    def remove_payment(self, order_id: str, payment_id: str) -> None:
        """Take a payment off the order; the payment itself stays. Raises `Refusal`."""
        self.act(order_id, {"action": "removePayment", "payment": reference("payment", payment_id)})

    def _transact(
        self,
        order_id: str,
        type_: str,
        amount_minor: int | None,
        *,
        state: str,
        payment_id: str | None = None,
        **named: str,
    ) -> str:
        payment = self._payment_of(order_id, payment_id)
        planned = payment["amountPlanned"]
        amount = planned if amount_minor is None else money(amount_minor, planned["currencyCode"])
        made = transaction(new_id=self.new_id, type_=type_, amount=amount, at=self.now_text(), state=state)
        if type_ != "Refund":
            made = at_the_provider(made)
        made |= {name: value for name, value in named.items() if value}
        changed = self._change_payment(payment, [*payment["transactions"], made])
        self.news.message("payment", changed, "PaymentTransactionAdded", transaction=made)
        return str(made["id"])

    def _payment_of(self, order_id: str, payment_id: str | None = None) -> Wire:
        """Return one of the order's payments, the first unless named. Raises KeyError."""
        ids = [one["id"] for one in self.orders[order_id]["paymentInfo"]["payments"]]
        if payment_id is not None and payment_id not in ids:
            raise KeyError(payment_id)
        return self.payments[payment_id or ids[0]]

    def _payment_by(self, order_id: str, interface: str, method: str) -> str | None:
        for one in self.orders[order_id].get("paymentInfo", {}).get("payments", []):
            means = self.payments[one["id"]]["paymentMethodInfo"]
            if (means.get("paymentInterface"), means.get("method")) == (interface, method):
                return str(one["id"])
        return None

    def _left_of(self, payment: Wire) -> int:
        """Return what was charged by a payment and not given back."""
        signs = {"Charge": 1, "Refund": -1}
        return sum(
            signs.get(one["type"], 0) * int(one["amount"]["centAmount"])
            for one in payment["transactions"]
            if one["state"] == "Success"
        )

    def _change_payment(self, payment: Wire, transactions: list[Wire]) -> Wire:
        changed = self._touched(payment) | {"transactions": transactions}
        self.payments[payment["id"]] = changed
        self.news.updated("payment", payment, changed)
        return changed

    # What people change.

    def act(self, order_id: str, *actions: Wire) -> Wire:
        """Do what people do by the API: update actions on an order. Raises `Refusal`."""
        return self.update_order(self.orders[order_id], actions)

    def cancel(self, order_id: str) -> None:
        """Cancel an order. Nothing gives its units back (fact sheet §4.3)."""
        self._change(order_id, {"orderState": "Cancelled"})

    def touch(self, order_id: str) -> None:
        """Change nothing that matters: version and `lastModifiedAt` rise."""
        self._change(order_id, {})

    def delete_order(self, order_id: str) -> None:
        """Remove an order for good (erasure); it is kept in `deleted_orders` for the books only."""
        order = self.orders.pop(order_id)
        self._shown.pop(order_id, None)
        self.deleted_orders[order_id] = order
        if "orderNumber" in order:
            del self._numbers[order["orderNumber"]]
        self.news.deleted("order", order, "OrderDeleted")

    def set_address(self, order_id: str, address: Wire) -> None:
        """Send an order elsewhere; the name stays."""
        before = self.orders[order_id].get("shippingAddress", {})
        kept = {name: before[name] for name in ("firstName", "lastName", "email", "phone") if name in before}
        self.act(order_id, {"action": "setShippingAddress", "address": kept | address})

    def edit(self, order_id: str, draft: OrderDraft) -> None:
        """Apply an order edit: the order is priced anew from `draft`, keeping its id, number and history.

        Raises:
            PlacementRefused: the order's inventory mode is not None (commercetools allows no other).
        """
        order, known = self.orders[order_id], self._drafts[order_id]
        if order["inventoryMode"] != "None" or draft.inventory_mode != "None":
            raise PlacementRefused("only orders with inventory mode None can be edited")
        alone = {field for field, name in _SAID_BY.items() if getattr(draft, name) == getattr(known, name)}
        fields = _continued(self._order_fields(price_cart(draft, self.items)), order)
        kept = {name: value for name, value in order.items() if name not in _FIELDS_OF_A_DRAFT - alone}
        changed = self._touched(kept) | {name: value for name, value in fields.items() if name not in alone}
        self._drafts[order_id] = draft
        self._keep(changed)
        self.news.edited(order, changed)

    def edit_order(self, order_id: str, quantities: Mapping[str, int]) -> None:
        """Apply an order edit that says how many there are of some SKUs, on each of their lines.

        None of it takes the lines away, a SKU the order does not have is added; ids and prices of the others stay.

        Raises:
            PlacementRefused: the order's inventory mode is not None (commercetools allows no other), or what is left
                cannot be sold.
        """
        draft = self._drafts[order_id]
        lines = [
            msgspec.structs.replace(line, quantity=quantities.get(line.sku, line.quantity)) for line in draft.lines
        ]
        new = quantities.keys() - {line.sku for line in lines}
        lines += [LineDraft(sku=sku, quantity=quantity) for sku, quantity in quantities.items() if sku in new]
        self.edit(order_id, msgspec.structs.replace(draft, lines=tuple(line for line in lines if line.quantity)))

    def _change(self, order_id: str, fields: Wire) -> None:
        before = self.orders[order_id]
        changed = self._touched(before) | fields
        self._keep(changed)
        self.news.updated("order", before, changed)

    # What comes back, and what went.

    def advise_return(
        self, order_id: str, line: str, quantity: int, *, key: str | None = None, state: str = "Advised"
    ) -> str:
        """Enter a return of a line (its id, or a SKU: of its first), announced or back; return the item's id.

        Raises:
            KeyError: the order has no such line.
            Refusal: the key is another return's.
        """
        lines = self.orders[order_id]["lineItems"]
        ids = {item["variant"]["sku"]: item["id"] for item in reversed(lines)} | {
            item["id"]: item["id"] for item in lines
        }
        draft = {"lineItemId": ids[line], "quantity": quantity, "shipmentState": state, **({"key": key} if key else {})}
        order = self.act(order_id, {"action": "addReturnInfo", "items": [draft]})
        return str(order["returnInfo"][-1]["items"][-1]["id"])

    def receive_return(self, order_id: str, line: str, quantity: int, *, key: str | None = None) -> str:
        """Enter a return that is back already, as `advise_return` does."""
        return self.advise_return(order_id, line, quantity, key=key, state="Returned")

    def delivered(self, order_id: str) -> dict[str, int]:
        """Return the units of each line in all deliveries, whoever made them."""
        found: dict[str, int] = {}
        for item in (item for one in deliveries_of(self.orders[order_id]) for item in one["items"]):
            found[item["id"]] = found.get(item["id"], 0) + item["quantity"]
        return found

    def parcels(self, order_id: str) -> list[tuple[str, str, str]]:
        """Return (delivery key, parcel key, tracking number) of every parcel."""
        return [
            (one.get("key", ""), parcel.get("key", ""), parcel.get("trackingData", {}).get("trackingId", ""))
            for one in deliveries_of(self.orders[order_id])
            for parcel in one["parcels"]
        ]


def _continued(fields: Wire, order: Wire) -> Wire:
    """Keep the ids of the lines that stay, and what was delivered by each shipment that stays."""
    lines = _same_ids(fields["lineItems"], order["lineItems"], lambda line: str(line["variant"]["sku"]))
    custom = _same_ids(fields["customLineItems"], order["customLineItems"], lambda line: str(line["slug"]))
    old = {one["shippingKey"]: one["shippingInfo"] for one in order["shipping"]}
    shipping = [
        one | {"shippingInfo": _delivered(one["shippingInfo"], old.get(one["shippingKey"]))}
        for one in fields["shipping"]
    ]
    fields = {**fields, "lineItems": lines, "customLineItems": custom, "shipping": shipping}
    if "shippingInfo" in fields:
        fields["shippingInfo"] = _delivered(fields["shippingInfo"], order.get("shippingInfo"))
    return fields


def _delivered(info: Wire, old: Wire | None) -> Wire:
    return info if old is None else {**info, "deliveries": old["deliveries"]}


def _same_ids(lines: Sequence[Wire], before: Sequence[Wire], name_of: Callable[[Wire], str]) -> list[Wire]:
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for line in before:
        ids[name_of(line)].append(line["id"])
    return [{**line, "id": ids[name_of(line)].pop(0)} if ids[name_of(line)] else line for line in lines]
