"""What the compare calls drift: what no order, no reading and no step that is due explains."""

from __future__ import annotations

import sqlite3

import msgspec
import pytest

from actors.domain.availability import Claim, Target
from actors.domain.inventory import Entry
from actors.domain.ledger import Ledger, Question, Shelf, decide
from actors.stock.assessing import Case, Sum
from actors.stock.comparing import Difference, difference
from actors.stock.rules import Standing
from storage import entries
from storage.schema import upgrade

READ_AT = 1_000_000
KNOWN = READ_AT + 60_000


def target(right: int, *, after: int) -> Target:
    began_at = READ_AT + after
    return Target(
        began_at=began_at,
        ended_at=began_at + 300,
        available=right,
        low=right,
        high=right,
        free_low=right,
        free_high=right,
    )


def case(question: Question) -> Case:
    shelf, ledger = question.shelf, question.ledger
    assert ledger is not None and shelf.quantity is not None
    entry = Entry(
        id="1",
        sku="MUG",
        channel="",
        version=shelf.version,
        quantity=shelf.quantity,
        modified_at=shelf.read_at,
        read_from=shelf.read_from,
        read_at=shelf.read_at,
    )
    file = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(file, now=0)
    entries.saw(file, entry)
    entries.restart(file, "MUG", "", put=ledger.put, base=ledger.base, low_by=0, now=READ_AT)
    return Case(
        sku="MUG",
        channel="",
        standing=Standing.STOCK,
        record=entries.get(file, "MUG", ""),
        decision=decide(question),
        sum=Sum(at=KNOWN, step="", there=shelf.quantity, quantity=None),
        question=question,
    )


def question(*, there: int, put: int, right: int, mark: int = KNOWN, claims: tuple[Claim, ...] = ()) -> Question:
    return Question(
        shelf=Shelf(quantity=there, version=7, read_from=READ_AT - 100, read_at=READ_AT),
        ledger=Ledger(put=put, base=READ_AT - 500_000),
        targets=(target(right, after=20_000), target(right, after=10_000)),
        wanted=2,
        claims=claims,
        mark=mark,
    )


def once(newest: int, before: int) -> Question:
    """Only the newest reading shows it; the ledger is due to begin anew."""
    readings = (target(newest, after=20_000), target(before, after=10_000))
    return msgspec.structs.replace(question(there=before, put=before, right=before), targets=readings, due=True)


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("it shows what it should", question(there=10, put=10, right=10), (Difference.EXACT, 0)),
        ("a receipt, and a true-up is due first", question(there=10, put=10, right=15), (Difference.IN_FLIGHT, -5)),
        (
            "a receipt, and nothing but the ledger",
            question(there=10, put=10, right=15, mark=0),
            (Difference.IN_FLIGHT, -5),
        ),
        (
            "orders that nobody has heard of took three",
            question(there=7, put=10, right=10, mark=0),
            (Difference.LAG, -3),
        ),
        ("a receipt that one reading has seen, and a ledger that begins anew", once(15, 10), (Difference.EXACT, 0)),
        ("somebody took three off", question(there=7, put=10, right=10), (Difference.DRIFT, -3)),
        ("somebody took three off, and a receipt", question(there=7, put=10, right=15), (Difference.DRIFT, -3)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_only_what_nothing_explains_is_drift(name: str, asked: Question, found: tuple[Difference, int]) -> None:
    assert difference(case(asked)) == found, name
