"""What a page offers whom. The desk judges again whatever is sent; this is why a button is not there."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from adapters.operator.access import CATALOGUE_ROLES, FLOW_ROLES, STOCK_ROLES, Person

ACTING = frozenset({"ops", "ecommerce", "finance", "it", "admin"})
"""Everybody who does more than look."""

MONEY = frozenset({"finance", "admin"})
MACHINE = frozenset({"it", "admin"})
_TRADE = frozenset({"ops", "admin"})

MONEY_ACTIONS = frozenset({"release", "dismiss"})
"""What lets money go on, where finance answers for it."""

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
    needed = ROLES[what]
    if person.roles & needed:
        return ""
    if not person.name:
        return "Reading only: no operator tokens are set up."
    return f"Needs the role {' or '.join(sorted(needed))}."


def why_not_deed(person: Person, action: str, owner: str) -> str:
    """Say why this person may not do this to an exception of this owner; "" if they may."""
    if action in MONEY_ACTIONS and owner == "finance":
        return why_not(person, "money")
    if action in ("alias", "address", "contact", "note"):
        return why_not(person, "edit")
    return why_not(person, "act")
