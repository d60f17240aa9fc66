"""Pure rules of the intake: where a pass begins and ends, and what an order or an event calls for."""

from __future__ import annotations

import msgspec

from actors.domain.feed import FeedCursor
from actors.domain.notification import DELETIONS, ORDER, PAYMENT, PRODUCT, SALE, STOCK, SUBSCRIPTION, Notification
from actors.domain.order import Order
from actors.domain.order_state import OrderState
from actors.domain.time import Instant
from actors.messages import Flow

MINUTE = 60_000
DAY = 86_400_000

ORDER_LOOK = "order:"
PAYMENT_LOOK = "payment:"
SKU_LOOK = "sku:"
SALES = "sales"
PRODUCTS = "products"
"""Subjects of the nudges an event leads to: one record, or a sweep of Cin7 Core's lists."""


class SweepRules(msgspec.Struct, frozen=True, kw_only=True):
    """`[intake]` in milliseconds. `since` is `[orders] since`: older orders are counted and never posted.

    `first` are the names of the shipping methods whose orders go ahead (`[orders] first`), compared exactly.
    """

    since: Instant
    hot: int = 3_000
    complete: int = 60_000
    trail: int = 60_000
    overlap: int = 300_000
    page: int = 500
    first: frozenset[str] = frozenset()


class DoorRules(msgspec.Struct, frozen=True, kw_only=True):
    """The doors. `names` are the configured ones; `project` is the key of the commercetools project they may tell of.

    `grace` and `silent` are milliseconds: how much later than the sweep a door may tell of a record, and for how long
    one may be without any event. `floor`: fewer orders an hour are told (0: none). `most_waiting`: messages in the
    outbox beyond which senders are asked to come again; `least_free`: bytes of disk below which they are.
    `subscription` is the id of the commercetools subscription whose health is watched ("": none). `time_zone` is the
    configured one of the books ("": what Cin7 reports).
    """

    names: frozenset[str] = frozenset()
    project: str = ""
    grace: int = 300_000
    silent: int = DAY
    floor: int = 0
    most_waiting: int = 200_000
    least_free: int = 64 * 1024 * 1024
    subscription: str = ""
    time_zone: str = ""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What an event leads to. `outcome` is how it is counted; without a flow nothing is looked at."""

    outcome: str
    flow: Flow | None = None
    subject: str = ""


_IGNORED = Verdict(outcome="ignored")


ECHOES = frozenset({"Sale/Created", "Sale/QuoteAuthorised", "Sale/OrderAuthorised"})
"""What Cin7 Core tells of a sale of ours because we made it."""

PICKED, SENT = "Sale/PickAuthorised", "Sale/ShipmentAuthorised"
"""What tells nothing new of a sale that was looked at when all of it was picked, or had left."""

SHOWN_BY_THE_SALE = frozenset(
    {
        SENT,
        "Sale/ShipmentTrackingNumberChanged",
        "Sale/Undo",
        "Sale/Voided",
        "Sale/CreditNoteAuthorised",
    }
)
"""What the sale itself has to be read for. Of a pick the list says enough, and of many picks in one call."""


NOBODY_WAITS_FOR = frozenset(
    {
        "Sale/PackAuthorised",
        "Sale/InvoiceAuthorised",
        "Sale/PartialPaymentReceived",
        "Sale/FullPaymentReceived",
    }
)
"""What the next sweep finds soon enough: nothing is shown of it, and mostly it is the echo of our own posting."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the record an event is about: the newest version of the order, whether the sale is ours.

    `order`: the id of the order it stands for; `picked`, `sent`: all of it was when it was last looked at. Of a SKU:
    whether it is one that is published, and whether what was pushed differs from what was last read.
    """

    version: int = 0
    ours: bool = False
    order: str = ""
    picked: bool = False
    sent: bool = False
    published: bool = False
    differs: bool = False


def judge(notification: Notification, known: Known, *, from_cin7: bool, project: str) -> Verdict:
    """Say what an event calls for.

    An event about a version that is known already is late, or the echo of a write of our own: it causes no work.
    """
    if from_cin7:
        return _judge_cin7(notification, known)
    if notification.project not in ("", project):
        return Verdict(outcome="foreign")
    if notification.about == SUBSCRIPTION:
        return Verdict(outcome="test")
    if notification.about == PAYMENT and notification.subject:
        return Verdict(outcome="look", flow=Flow.INTAKE, subject=PAYMENT_LOOK + notification.subject)
    if notification.about != ORDER or not notification.subject:
        return _IGNORED
    if notification.kind not in DELETIONS and 0 < notification.version <= known.version:
        return Verdict(outcome="known")
    return Verdict(outcome="look", flow=Flow.INTAKE, subject=ORDER_LOOK + notification.subject)


def _judge_cin7(notification: Notification, known: Known) -> Verdict:
    """Cin7's lists say more than its events do: one call finds every sale that moved."""
    if notification.kind in NOBODY_WAITS_FOR or (known.ours and notification.kind in ECHOES):
        return Verdict(outcome="known")
    if (known.sent and notification.kind == SENT) or (known.picked and notification.kind == PICKED):
        return Verdict(outcome="known")  # the sweep was faster
    if known.order and notification.kind in SHOWN_BY_THE_SALE:
        return Verdict(outcome="look", flow=Flow.FULFILMENT, subject=known.order)
    if notification.about == SALE:
        return Verdict(outcome="look", flow=Flow.CENSUS, subject=SALES)
    if notification.about == STOCK:
        return _judge_level(notification, known)
    if notification.about == PRODUCT:
        return Verdict(outcome="look", flow=Flow.CATALOGUE, subject=PRODUCTS)
    return _IGNORED


def _judge_level(notification: Notification, known: Known) -> Verdict:
    """Judge what was pushed of a SKU: unsigned and untimed, it is a reason to look where it says something new."""
    if not known.published or not notification.rows:
        return _IGNORED
    if not known.differs:
        return Verdict(outcome="known")
    return Verdict(outcome="look", flow=Flow.STOCK, subject=SKU_LOOK + notification.subject)


def hot_start(rules: SweepRules, now: Instant) -> FeedCursor:
    """Where the hot sweep begins when it never ran: a little back; the complete sweep brings what is older."""
    return FeedCursor(at=max(rules.since, now - rules.overlap))


def pass_start(rules: SweepRules, mark: Instant | None) -> FeedCursor:
    """Where a complete pass begins: an overlap before the mark, since rows may show late and out of order."""
    return FeedCursor(at=max(0, (mark if mark is not None else rules.since) - rules.overlap))


def believable(rules: SweepRules, mark: Instant | None, now: Instant) -> Instant | None:
    """Return a mark no later than a pass that ends now would set: a clock that was ahead left a later one."""
    return None if mark is None else min(mark, pass_end(rules, now))


def pass_end(rules: SweepRules, now: Instant) -> Instant:
    """Where a complete pass ends: it trails now, so that what commits late is seen before the mark passes it."""
    return now - rules.trail


def next_night(now: Instant) -> Instant:
    """When everything open is read again: two in the morning, UTC, when a shop is quiet and Cin7's limit is free."""
    night = now - now % DAY + 2 * 60 * MINUTE
    return night if night > now else night + DAY


def goes_first(rules: SweepRules, order: Order) -> bool:
    """Say whether the order travels by a method that the merchant put ahead."""
    return any(part.method in rules.first for part in order.shipping)


def calls_for_a_look(state: OrderState) -> bool:
    """Say whether a changed order has to be looked at. Our own echo never comes here: its version is known.

    One that is a sale has to be too: what changed is compared with what its sale was made from.
    """
    return state is not OrderState.EXCLUDED
