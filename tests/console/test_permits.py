"""What a page offers is what the desk lets people do."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from actors.desk import acting
from actors.domain.exception_types import Owner
from actors.domain.mapped import MappingKind
from actors.domain.order_state import OrderState
from adapters.console import permits
from adapters.console.site import VERBS
from adapters.operator.access import Person
from adapters.operator.mapping_api import KINDS
from adapters.operator.patch_api import EDIT_ROLES
from daemon.desk import mappings
from daemon.secrets import ROLES

CASES: tuple[dict[str, Any], ...] = (
    {},
    {"state": OrderState.HELD, "holds": True, "for_finance": True},
    {"state": OrderState.HELD, "changed": True},
    {"state": OrderState.EXPORTED, "books_due": True},
    {"kind": "books", "waiting": 3},
    {"type": "stock_mass_zero", "kind": "stock"},
)
"""Where who may is not who owns it."""


@pytest.mark.parametrize("action", acting.ACTIONS)
def test_a_deed_is_offered_to_those_the_desk_lets_do_it(action: str) -> None:
    assert action in VERBS
    for role, owner, changes in itertools.product(ROLES, Owner, CASES):
        case = acting.Case(**{"type": "x", "owner": owner, "kind": "order", **changes})
        refused = acting.refused_to([role], action, case)
        person = Person(name="x", roles=frozenset({role}))
        offered = not permits.why_not_deed(person, acting.who_may(action, case))
        assert offered == (not refused), (role, owner, changes)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_offered_to_those_the_desk_lets_map_it(kind: str) -> None:
    assert permits.ROLES[kind] == frozenset(mappings.ROLES[MappingKind(kind)])


def test_an_edit_is_offered_to_those_the_desk_lets_edit() -> None:
    assert permits.ROLES["edit"] == EDIT_ROLES


def test_nobody_without_a_name_may_do_anything() -> None:
    assert all(permits.why_not(Person(), what).startswith("Reading only") for what in permits.ROLES)
