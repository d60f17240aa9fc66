"""What the payments of an order come to: whether it is paid, whether the money is reserved, whether it went away again.

Amounts are integer minor units of the order's currency. Types and states of transactions are commercetools' own words
(commercetools fact sheet §3.3).
"""

from __future__ import annotations

from actors.domain.order import Order, Payment

_GIVEN_BACK = frozenset({"Refund", "Chargeback"})


def paid(order: Order) -> bool:
    """True when successful charges less successful refunds cover what is owed, or commercetools itself says Paid."""
    return _sum(order, {"Charge"}) - _sum(order, _GIVEN_BACK) >= order.payable or order.payment_state == "Paid"


def authorised(order: Order) -> bool:
    """True when what is reserved or charged covers what is owed; money reserved and then charged counts once."""
    return paid(order) or _covered(order) >= order.payable


def is_reversed(order: Order, owed: int) -> bool:
    """True when money that covered `owed` once is no longer there, for another reason than a refund.

    A refund is given on purpose, and told elsewhere. A charge that failed after all, a chargeback and an authorisation
    that was cancelled are not. An order that became dearer since is no reversal; nor is one whose payments were not
    read. Where commercetools says Paid, only a chargeback contradicts it: the merchant may be paid outside of it.
    """
    if not order.payments_expanded:
        return False
    if _covered(order) >= min(owed, order.payable):
        return False
    return order.payment_state != "Paid" or _sum(order, {"Chargeback"}) > 0


def _covered(order: Order) -> int:
    """Sum up what stands of each payment: a part may be charged already (a gift card) and the rest be reserved."""
    return sum(
        max(_of(payment, order, "Charge"), _of(payment, order, "Authorization", "CancelAuthorization"))
        - _of(payment, order, "Chargeback")
        for payment in order.payments
    )


def _of(payment: Payment, order: Order, kind: str, less: str = "") -> int:
    return sum(
        one.amount if one.type == kind else -one.amount
        for one in payment.transactions
        if one.type in (kind, less) and one.state == "Success" and one.currency == order.currency
    )


def _sum(order: Order, kinds: frozenset[str] | set[str]) -> int:
    return sum(_of(payment, order, kind) for payment in order.payments for kind in kinds)
