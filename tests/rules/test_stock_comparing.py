"""What the compare calls drift: what no order, no reading and no step that is due explains."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import msgspec
import pytest

from actors.domain.availability import Claim, Target
from actors.domain.inventory import Entry
from actors.domain.ledger import SKEW, Ledger, Question, Shelf, Step, decide
from actors.stock.assessing import Case, Sum
from actors.stock.comparing import Difference, difference
from actors.stock.rules import Standing, StockRules
from actors.stock.settling import settle
from storage import entries
from storage.schema import upgrade

READ_AT = 1_000_000
KNOWN = READ_AT + 60_000
CALL = 7
RULES = StockRules(channels={"": ("Main Warehouse",)})


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


def entry(quantity: int, *, version: int, at: int = READ_AT) -> Entry:
    return Entry(
        id="1",
        sku="MUG",
        channel="",
        version=version,
        quantity=quantity,
        modified_at=at,
        read_from=at - 100,
        read_at=at,
    )


@pytest.fixture
def file() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, now=0)
    yield connection
    connection.close()


def case(file: sqlite3.Connection, question: Question, *, sends: int | None = None) -> Case:
    """Keep what a question is about, and perhaps a write on its way; return what is to be done about it."""
    shelf, ledger = question.shelf, question.ledger
    assert ledger is not None and shelf.quantity is not None
    entries.saw(file, entry(shelf.quantity, version=shelf.version))
    entries.restart(file, "MUG", "", put=ledger.put, base=ledger.base, low_by=0, now=READ_AT)
    if ledger.suspended:
        entries.suspend(file, "MUG", "", ledger.suspended)
    if sends is not None:
        entries.intend(file, "MUG", "", sends, call_id=CALL)
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
def test_only_what_nothing_explains_is_drift(
    file: sqlite3.Connection, name: str, asked: Question, found: tuple[Difference, int]
) -> None:
    assert difference(case(file, asked)) == found, name


def test_a_write_on_its_way_explains_what_would_be_drift_and_so_does_one_whose_answer_was_lost(
    file: sqlite3.Connection,
) -> None:
    taken_off = question(there=7, put=10, right=10)
    assert difference(case(file, taken_off, sends=10)) == (Difference.IN_FLIGHT, -3)

    entries.doubt(file, "MUG", "", until=KNOWN)
    lost = entries.get(file, "MUG", "")
    assert difference(msgspec.structs.replace(case(file, taken_off), record=lost)) == (Difference.IN_FLIGHT, -3)


# -- the write comes true ----------------------------------------------------------------------------------------------


def begun_anew(there: int) -> Question:
    """The ledger is suspended, and the newest reading agrees with what stands: it is to begin anew."""
    asked = once(there + 5, there)
    suspended = Ledger(put=there, base=READ_AT - 500_000, suspended="the answer to a write was lost")
    return msgspec.structs.replace(asked, ledger=suspended)


@pytest.mark.parametrize("ends", ["seen", "lost, and seen", "killed, and seen"])
def test_a_ledger_does_not_begin_anew_beneath_a_write_and_what_it_wrote_is_ours(
    file: sqlite3.Connection, ends: str
) -> None:
    found = case(file, begun_anew(-15), sends=27)
    assert found.decision.step is Step.RESTART
    assert settle(file, RULES, [found], KNOWN) == []

    if ends.startswith("lost"):
        entries.doubt(file, "MUG", "", until=KNOWN)
    if ends.startswith("killed"):
        assert entries.doubt_all(file, until=KNOWN) == ["MUG"]
    assert entries.saw(file, entry(27, version=8, at=KNOWN)) == 0
    record = entries.get(file, "MUG", "")
    assert record is not None
    assert (record.put, record.suspended) == (-15 if ends == "seen" else 27, "the answer to a write was lost")


@pytest.mark.parametrize(("shows", "rise"), [(27, 0), (31, 4)])
def test_what_a_person_adds_to_a_write_of_ours_is_a_persons(file: sqlite3.Connection, shows: int, rise: int) -> None:
    settle(file, RULES, [case(file, begun_anew(-15), sends=27)], KNOWN)

    assert entries.saw(file, entry(shows, version=8, at=KNOWN)) == rise


@pytest.mark.parametrize("sends", [None, 27])
def test_without_a_write_on_its_way_the_ledger_begins_anew_and_every_rise_is_a_persons(
    file: sqlite3.Connection, sends: int | None
) -> None:
    found = case(file, begun_anew(-15), sends=sends)
    if sends is not None:
        entries.forget_intent(file, "MUG", "")  # refused meanwhile
        found = msgspec.structs.replace(found, record=entries.get(file, "MUG", ""))
    settle(file, RULES, [found], KNOWN)

    record = entries.get(file, "MUG", "")
    assert record is not None
    assert record.ledger == Ledger(put=-15, base=READ_AT + SKEW)
    assert entries.saw(file, entry(27, version=8, at=KNOWN)) == 42
