"""What the payments of an order come to: whether it is paid, whether the money is reserved, whether it went away again.

Amounts are integer minor units of the order's currency. Types and states of transactions are commercetools' own words
(commercetools fact sheet §3.3).
"""

from __future__ import annotations

from actors.domain.order import Order

_GIVEN_BACK = frozenset({"Refund", "Chargeback"})


def paid(order: Order) -> bool:
    """True when successful charges less successful refunds cover what is owed, or commercetools itself says Paid."""
    return _sum(order, {"Charge"}) - _sum(order, _GIVEN_BACK) >= order.payable or order.payment_state == "Paid"


def authorised(order: Order) -> bool:
    """True when successful authorisations (or charges) cover what is owed."""
    return paid(order) or _sum(order, {"Authorization", "Charge"}) >= order.payable


def is_reversed(order: Order, owed: int) -> bool:
    """True when money that covered `owed` once is no longer there, for another reason than a refund.

    A refund is given on purpose, and told elsewhere. A charge that failed after all, a chargeback and an authorisation
    that was cancelled are not. An order that became dearer since is no reversal; nor is one whose payments were not
    read. Where commercetools says Paid, only a chargeback contradicts it: the merchant may be paid outside of it.
    """
    if not order.payments_expanded:
        return False
    taken = _sum(order, {"Chargeback"})
    charged = _sum(order, {"Charge"}) - taken
    reserved = _sum(order, {"Authorization"}) - _sum(order, {"CancelAuthorization"}) - taken
    if max(charged, reserved) >= min(owed, order.payable):
        return False
    return order.payment_state != "Paid" or taken > 0


def _sum(order: Order, kinds: frozenset[str] | set[str]) -> int:
    return sum(
        transaction.amount
        for payment in order.payments
        for transaction in payment.transactions
        if transaction.type in kinds and transaction.state == "Success" and transaction.currency == order.currency
    )
