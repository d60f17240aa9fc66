"""The record in commercetools that says which daemon serves a connection, and what to think of it.

Two daemons with different databases would each make a sale of one order: no constraint in either file can see the
other. So a daemon writes to Cin7 only while it holds the lease, a custom object that is rewritten by compare-and-set.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec


class StoredLease(msgspec.Struct, frozen=True, kw_only=True):
    """A custom object's value (a JSON object without money in it) and the version a rewrite must name."""

    value: dict[str, Any]
    version: int


class LeaseView(msgspec.Struct, frozen=True, kw_only=True):
    """Who holds the lease, and how often it was renewed (`beat` only rises)."""

    instance: str
    beat: int


class Claim(StrEnum):
    """What to do about the lease as read."""

    TAKE = "take"  # it is free, ours, or its holder stopped renewing it
    WAIT = "wait"  # somebody else renews it, or may
    TAKE_REBORN = "take_reborn"  # ours by name, but newer than our file: the file was restored


def view_of(stored: StoredLease) -> LeaseView | None:
    """Read a stored lease; None when it is not one of ours in form."""
    instance, beat = stored.value.get("instance"), stored.value.get("beat")
    if not isinstance(instance, str) or not isinstance(beat, int):
        return None
    return LeaseView(instance=instance, beat=beat)


def decide(held: LeaseView | None, *, own: LeaseView, unchanged_seconds: float, lease_seconds: float) -> Claim:
    """Judge the lease as read. `own.beat` is the last beat our file knows (written before each renewal).

    `unchanged_seconds` is how long we have been seeing the same instance and beat, on our own monotonic clock: no
    comparison of clocks between machines. A beat of our own name that our file does not know means that the file is an
    older copy; the newer one may still be running, so it is waited for like a stranger.
    """
    if held is None:
        return Claim.TAKE
    if held.instance == own.instance and held.beat <= own.beat:
        return Claim.TAKE
    if unchanged_seconds < lease_seconds:
        return Claim.WAIT
    return Claim.TAKE_REBORN if held.instance == own.instance else Claim.TAKE
