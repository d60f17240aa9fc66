"""What a page offers whom. The desk judges again whatever is sent; this is why a button is not there."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from adapters.operator.access import CATALOGUE_ROLES, FLOW_ROLES, MONEY_ROLES, STOCK_ROLES, Person

ACTING = frozenset({"ops", "ecommerce", "finance", "it", "admin"})
"""Everybody who does more than look."""

MONEY = MONEY_ROLES
MACHINE = frozenset({"it", "admin"})
_TRADE = frozenset({"ops", "admin"})

ROLES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "act": ACTING,
        "edit": frozenset({"ops", "ecommerce", "admin"}),
        "flows": FLOW_ROLES,
        "stock": STOCK_ROLES,
        "catalogue": CATALOGUE_ROLES,
        "money": MONEY,
        "maintenance": MACHINE,
        "tax": MONEY,
        "charges": MONEY,
        "payments": MONEY,
        "gift_cards": MONEY,
        "shipping": _TRADE,
        "carriers": _TRADE,
    }
)
"""Who may do what, by what it is about."""


def why_not(person: Person, what: str) -> str:
    """Say why this person may not; "" if they may."""
    return _why_not(person, ROLES[what])


def why_not_deed(person: Person, needed: Collection[str]) -> str:
    """Say why this person may not do what these roles may, and who is admin; "" if they may."""
    return _why_not(person, {*needed, "admin"})


def _why_not(person: Person, needed: Collection[str]) -> str:
    if person.roles & set(needed):
        return ""
    if not person.name:
        return "Reading only: no operator tokens are set up."
    return f"Needs the role {' or '.join(sorted(needed))}."
