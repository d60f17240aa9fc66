"""What a page offers is what the desk lets people do."""

from __future__ import annotations

import itertools

import pytest

from actors.desk import acting
from actors.domain.exception_types import Owner
from actors.domain.mapped import MappingKind
from adapters.console import permits
from adapters.console.site import VERBS
from adapters.operator.access import Person
from adapters.operator.mapping_api import KINDS
from adapters.operator.patch_api import EDIT_ROLES
from daemon.desk import mappings
from daemon.secrets import ROLES


@pytest.mark.parametrize("action", acting.ACTIONS)
def test_a_deed_is_offered_to_those_the_desk_lets_do_it(action: str) -> None:
    assert action in VERBS
    for role, owner in itertools.product(ROLES, Owner):
        refused = acting.refused_to([role], action, acting.Case(type="x", owner=owner, kind="order"))
        offered = not permits.why_not_deed(Person(name="x", roles=frozenset({role})), action, owner)
        assert offered == (not refused), (role, owner)


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_is_offered_to_those_the_desk_lets_map_it(kind: str) -> None:
    assert permits.ROLES[kind] == frozenset(mappings.ROLES[MappingKind(kind)])


def test_an_edit_is_offered_to_those_the_desk_lets_edit() -> None:
    assert permits.ROLES["edit"] == EDIT_ROLES


def test_nobody_without_a_name_may_do_anything() -> None:
    assert all(permits.why_not(Person(), what).startswith("Reading only") for what in permits.ROLES)
