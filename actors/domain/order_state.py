"""The states of an order: every accepted order is in exactly one of them (law L1).

The table below is the whole story: what a state means, who moves the order on, and where it may go. The database
accepts no other state (a CHECK) and no move that is not listed (a trigger made from this table); `docs/architecture.md`
shows it, and a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class OrderState(StrEnum):
    """Where an order stands."""

    ACCEPTED = "accepted"
    AWAITING = "awaiting"
    HELD = "held"
    CREATING = "creating"
    IN_DOUBT = "in_doubt"
    HEADER = "header"
    POSTED = "posted"
    EXPORTED = "exported"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    EXCLUDED = "excluded"
    SHADOWED = "shadowed"


class StateNote(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table: what the state means, who moves it and when, and the states that may follow."""

    meaning: str
    moved_by: str
    followed_by: frozenset[OrderState]


_S = OrderState

STATES: Mapping[OrderState, StateNote] = {
    _S.ACCEPTED: StateNote(
        meaning="Known and on disk; nothing has been sent to Cin7 Core.",
        moved_by="The orders flow, as soon as its nudge is handled.",
        followed_by=frozenset(
            {
                _S.AWAITING,
                _S.HELD,
                _S.CREATING,
                _S.HEADER,
                _S.EXPORTED,
                _S.CANCELLED,
                _S.EXCLUDED,
                _S.SHADOWED,
            }
        ),
    ),
    _S.AWAITING: StateNote(
        meaning="Waits for its trigger (payment, order state) or for the end of the hold window.",
        moved_by="A change of the order in commercetools, or the next look.",
        followed_by=frozenset(
            {
                _S.ACCEPTED,
                _S.HELD,
                _S.CREATING,
                _S.HEADER,
                _S.EXPORTED,
                _S.CANCELLED,
                _S.EXCLUDED,
                _S.SHADOWED,
            }
        ),
    ),
    _S.HELD: StateNote(
        meaning="Waits for a fact or a person; at least one open exception says which.",
        moved_by="The awaited fact, a release, a retry, a resend, or a change of the order.",
        followed_by=frozenset(
            {
                _S.ACCEPTED,
                _S.AWAITING,
                _S.CREATING,
                _S.HEADER,
                _S.POSTED,
                _S.EXPORTED,
                _S.CANCELLING,
                _S.CANCELLED,
                _S.EXCLUDED,
                _S.SHADOWED,
            }
        ),
    ),
    _S.CREATING: StateNote(
        meaning="The intent to make the sale's header is on disk; the request may be on the wire.",
        moved_by="The orders flow with the answer; a start of the daemon, if there was none.",
        followed_by=frozenset({_S.ACCEPTED, _S.HELD, _S.IN_DOUBT, _S.HEADER}),
    ),
    _S.IN_DOUBT: StateNote(
        meaning="The header may or may not have been made: the answer was lost.",
        moved_by="The look-ups: found, or twice not there.",
        followed_by=frozenset({_S.ACCEPTED, _S.HELD, _S.HEADER}),
    ),
    _S.HEADER: StateNote(
        meaning="The sale exists in Cin7 Core; its order document is not authorised yet.",
        moved_by="The orders flow, next in its queue.",
        followed_by=frozenset({_S.HELD, _S.POSTED, _S.CANCELLING}),
    ),
    _S.POSTED: StateNote(
        meaning="The sale is authorised and was compared; commercetools does not show it yet.",
        moved_by="The orders flow, once the order's sync info is set.",
        followed_by=frozenset({_S.EXPORTED, _S.HELD, _S.CANCELLING}),
    ),
    _S.EXPORTED: StateNote(
        meaning="Both sides show each other; the order is a sale.",
        moved_by="A later cancellation, or a resend after the sale was voided by hand.",
        followed_by=frozenset({_S.CANCELLING, _S.HELD, _S.ACCEPTED}),
    ),
    _S.CANCELLING: StateNote(
        meaning="Cancelled in commercetools while a sale exists: it is being voided.",
        moved_by="The orders flow, once the void is proved by read-back (or the cancellation was taken back in time).",
        followed_by=frozenset({_S.CANCELLED, _S.HELD, _S.POSTED, _S.EXPORTED}),
    ),
    _S.CANCELLED: StateNote(
        meaning="Cancelled in commercetools, and no live sale exists.",
        moved_by="Nobody.",
        followed_by=frozenset(),
    ),
    _S.EXCLUDED: StateNote(
        meaning="Counted, shown, never posted: before `since`, an excluded store, or deleted.",
        moved_by="Nobody.",
        followed_by=frozenset(),
    ),
    _S.SHADOWED: StateNote(
        meaning="mode = shadow: everything was done but the writes; what would have been sent is on the timeline.",
        moved_by="A change of the order, or a person's retry once the mode is live.",
        followed_by=frozenset(
            {_S.ACCEPTED, _S.AWAITING, _S.HELD, _S.CREATING, _S.HEADER, _S.EXPORTED, _S.CANCELLED, _S.EXCLUDED}
        ),
    ),
}

FINAL = frozenset(state for state, note in STATES.items() if not note.followed_by)
"""States nothing leads out of."""

UNSETTLED = (
    _S.ACCEPTED,
    _S.AWAITING,
    _S.HELD,
    _S.CREATING,
    _S.IN_DOUBT,
    _S.HEADER,
    _S.POSTED,
    _S.CANCELLING,
)
"""States of an order that has not come to its end: looked at after every start and every night, so that a mapping that
was mended is noticed and no order depends on one nudge."""

UNTOUCHED = frozenset({_S.ACCEPTED, _S.AWAITING, _S.SHADOWED})
"""States in which certainly nothing was ever sent for the order's present generation."""


def may_follow(now: OrderState, then: OrderState) -> bool:
    """Say whether an order may move from one state to another (staying where it is always may)."""
    return now == then or then in STATES[now].followed_by
