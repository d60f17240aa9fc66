"""What an action would do to an exception, what that costs, and who may do it. Pure: it looks at nothing.

Calls are those of Cin7 Core, as flows make them when nothing goes wrong: two make a sale (header and order), one reads
one, an invoice and a payment are one each.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from actors.domain.exception_types import Owner
from actors.domain.order_state import FINAL, OrderState

RETRY, RELEASE, DISMISS = "retry", "release", "dismiss"
ASSIGN, SNOOZE, WAKE = "assign", "snooze", "wake"
EDITS = frozenset({"alias", "note", "address", "contact"})
TRIAGE = frozenset({ASSIGN, SNOOZE, WAKE})
ACTIONS = (RETRY, RELEASE, DISMISS, ASSIGN, SNOOZE, WAKE, *sorted(EDITS))

EDITABLE = frozenset({OrderState.ACCEPTED, OrderState.AWAITING, OrderState.HELD, OrderState.SHADOWED})
"""States in which nothing of an order is in Cin7 Core yet, so that what it says may still be corrected."""

_SALE, _READ, _POSTINGS = 2, 1, 3
"""Calls for a sale that is made; for one that is read; for a sale that is read, invoiced and paid."""

_PEOPLE = frozenset({"ops", "finance", "ecommerce", "it"})
_EDITORS = frozenset({"ops", "ecommerce"})
_AS_CHANGED = "its order is accepted as it was changed; its sale is left as it is, but for texts"
_ZEROS = "stock_mass_zero"
"""Asked again, it is confirmed: that is a decision about what is sold, and not of the machine."""

_NOT_DISMISSED = {
    "message_quarantined": "its message is set aside and would stand unseen: retry it",
    "flow_stopped": "its flow stands still and would do so unseen: retry it",
}


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """An exception as far as actions on it are concerned.

    `state` is that of its order, if it is about one; `has_sale` a sale of it stands; `has_books` it has books, and
    `books_due` they wait for a person; `differs` it is about books that do; `changed` it is held because it was edited
    after its sale was made; `for_finance` something of finance holds it; `waiting` how many orders wait on its day,
    where it is about one; `can_retry` there is something to ask for; `readable` what its order says is still kept.
    """

    type: str
    owner: str
    kind: str
    open: bool = True
    holds: bool = False
    snoozed: bool = False
    state: OrderState | None = None
    has_sale: bool = False
    has_books: bool = False
    books_due: bool = False
    differs: bool = False
    changed: bool = False
    for_finance: bool = False
    waiting: int = 0
    can_retry: bool = True
    readable: bool = True


class Would(msgspec.Struct, frozen=True, kw_only=True):
    """What an action would do, in words that many cases share, and how many calls follow."""

    what: str
    calls: int = 0


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """Why it would do nothing."""

    why: str


def would(action: str, case: Case) -> Would | Refusal:
    """Return what an action would do to an exception."""
    if not case.open:
        return Refusal(why="it is resolved already")
    if action == RETRY:
        return _retry(case)
    if action == RELEASE:
        return _release(case)
    if action == DISMISS:
        return _dismiss(case)
    if action == ASSIGN:
        return Would(what="it is assigned; nothing else changes")
    if action == SNOOZE:
        return Would(what="it rests until then, and nobody is reminded of it")
    if action == WAKE:
        return Would(what="it rests no longer") if case.snoozed else Refusal(why="it does not rest")
    return _edit(case)


def _retry(case: Case) -> Would | Refusal:
    if case.type == "flow_stopped":
        return Would(what="its flow goes on")
    if case.type == _ZEROS:
        return Would(what="the zeros are confirmed: all that waits for it is sold out in commercetools")
    if case.state is not None:
        if case.state in FINAL and not case.has_books:
            return Refusal(why=f"its order is {case.state.value}: nothing leads out of that")
        if case.has_sale or case.state in FINAL:
            return Would(what="its sale and books are read again", calls=2 * _READ)
        if case.state is OrderState.IN_DOUBT:
            return Would(what="its sale is looked for again, never made blindly", calls=_READ)
        return Would(what="its order is judged again, and becomes a sale if nothing holds it", calls=_SALE)
    if not case.can_retry:
        return Refusal(why="there is nothing to try again about it: it clears by itself once its cause is gone")
    return Would(what="what it is about is asked again", calls=_READ)


def _release(case: Case) -> Would | Refusal:
    if case.kind == "books":
        return Would(what="every order of its day that agrees is posted", calls=case.waiting * (_POSTINGS - _READ))
    if case.state is OrderState.HELD and case.changed:
        return Would(
            what="its order is accepted as it was changed; its sale is left as it is, but for texts", calls=_READ
        )
    if case.state is OrderState.HELD:
        return Would(what="its order is judged again; what still holds it, holds it again", calls=_SALE)
    if case.books_due:
        return Would(what="its books are accepted as they stand, and posted", calls=_POSTINGS)
    return Refusal(why="nothing of it waits for a release")


def _dismiss(case: Case) -> Would | Refusal:
    if case.type in _NOT_DISMISSED:
        return Refusal(why=_NOT_DISMISSED[case.type])
    if case.kind == "books" and case.waiting:
        return Refusal(why="orders of its day wait: release them")
    if case.differs and case.type == "release_unconfirmed":
        return Refusal(why="a second person has to release or reject it")
    if case.differs:
        return Would(what="its books are accepted as they stand, and posted, where one may say so", calls=_POSTINGS)
    if case.state is None or not case.holds:
        return Would(what="it is closed with your reason")
    if _excludes(case):
        return Would(what="its order is excluded for good: you have booked it by hand, and tallyd makes no sale of it")
    if case.type == "order_edited":
        return Would(what=_AS_CHANGED, calls=_READ)
    return Would(what="it is closed, and its order is judged again: if the cause stands, it opens again", calls=_READ)


def _excludes(case: Case) -> bool:
    """Say whether dismissing it takes its order out for good, whatever else holds it."""
    return case.holds and case.state is OrderState.HELD and not case.has_sale


def _edit(case: Case) -> Would | Refusal:
    if case.state is None:
        return Refusal(why="it is about no order")
    if case.state not in EDITABLE or case.has_sale:
        return Refusal(why=f"its order is {case.state.value}: what stands in Cin7 Core is corrected there")
    if not case.readable:
        return Refusal(why="what its order says is not kept any more: retry it, which reads it again, and then edit")
    return Would(what="its order is corrected, the original kept, and judged again", calls=_SALE)


def is_money(action: str, case: Case) -> bool:
    """Say whether an action decides about money: then only finance may take it."""
    if action not in (RELEASE, DISMISS):
        return False
    if case.owner == Owner.FINANCE or case.kind == "books":
        return True
    return _releases_books(case) if action == RELEASE else _excludes(case) and case.for_finance


def _releases_books(case: Case) -> bool:
    return case.books_due and case.state is not OrderState.HELD


def who_may(action: str, case: Case) -> frozenset[str]:
    """Return the roles that may do this; who is admin may do everything."""
    if action in TRIAGE:
        return _PEOPLE
    if action in EDITS:
        return _EDITORS
    if is_money(action, case):
        return frozenset({Owner.FINANCE.value})
    if action == RELEASE and case.changed:
        return frozenset({Owner.OPS.value})
    if action == RETRY and case.type != _ZEROS:
        return frozenset({case.owner, "it"})
    return frozenset({case.owner})


def refused_to(roles: Collection[str], action: str, case: Case) -> str:
    """Return why somebody with these roles may not do this; "" where they may."""
    allowed = who_may(action, case)
    if "admin" in roles or allowed & set(roles):
        return ""
    return f"this needs the role {' or '.join(sorted(allowed))}"


def fitting(case: Case) -> list[str]:
    """Return the actions that would do something."""
    return [action for action in ACTIONS if isinstance(would(action, case), Would)]
