"""Entries on disk: what a look at one proves, what a write leaves behind, and how its ledger moves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.domain.inventory import Entry
from actors.domain.ledger import LANDED, SKEW, Ledger, Shelf
from storage import entries
from storage.entries import RAISED, EntryRecord
from tests.orders_builder import CREATED_AT, ORDER_ID
from tests.stored import NOW, accepted, fresh

SKU, MAIN = "SKU-1", ""
LOST = "the answer to a write was lost"


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def entry(quantity: int = 10, *, version: int = 1, at: int = NOW, **more: Any) -> Entry:
    """Return an entry as read from `at` to a tenth of a second later."""
    plain = {"id": "e-1", "sku": SKU, "channel": MAIN, "modified_at": at, "read_from": at, "read_at": at + 100}
    return Entry(quantity=quantity, version=version, **{**plain, **more})


def kept(connection: sqlite3.Connection, channel: str = MAIN) -> EntryRecord:
    found = entries.get(connection, SKU, channel)
    assert found is not None
    return found


def begun(connection: sqlite3.Connection, quantity: int = 10, *, version: int = 1) -> None:
    """Keep an entry whose ledger has begun with what stands in it."""
    entries.saw(connection, entry(quantity, version=version))
    entries.restart(connection, SKU, MAIN, put=quantity, base=NOW, now=NOW)


def sent(connection: sqlite3.Connection, quantity: int) -> None:
    entries.intend(connection, SKU, MAIN, quantity, call_id=7)


def written(connection: sqlite3.Connection, quantity: int, *, version: int, before: int, step: str = "raise") -> None:
    """Keep the answer to a write, as the flow does."""
    entries.move_put(connection, SKU, MAIN, quantity - before)
    answer = entry(quantity, version=version, at=NOW + 1_000)
    entries.published(connection, answer, step=step, before=before, explanation="{}", now=NOW + 1_100)


# -- what a look shows -------------------------------------------------------------------------------------------------


def test_a_first_look_is_no_rise_and_begins_no_ledger(file: sqlite3.Connection) -> None:
    assert entries.saw(file, entry(modified_by="shop", expected_delivery=date(2026, 12, 24))) == 0
    record = kept(file)
    assert record.shelf == Shelf(quantity=10, version=1, read_from=NOW, read_at=NOW + 100)
    assert record.ledger is None
    assert (record.modified_by, record.expected_delivery) == ("shop", date(2026, 12, 24))


@pytest.mark.parametrize(("shows", "rise"), [(9, 0), (10, 0), (11, 1), (14, 4), (-3, 0)])
def test_a_rise_beyond_what_stood_there_is_not_ours(file: sqlite3.Connection, shows: int, rise: int) -> None:
    begun(file)
    assert entries.saw(file, entry(shows, version=2, at=NOW + 60_000)) == rise
    assert kept(file).quantity == shows
    assert kept(file).suspended == (RAISED if rise else "")


def test_a_rise_without_a_ledger_is_told_and_suspends_nothing(file: sqlite3.Connection) -> None:
    entries.saw(file, entry())
    assert entries.saw(file, entry(14, version=2)) == 4
    assert (kept(file).put, kept(file).suspended) == (None, "")


def test_what_is_on_the_wire_explains_a_rise(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 15)
    assert entries.saw(file, entry(15, version=2)) == 0
    assert entries.saw(file, entry(17, version=3)) == 2


def test_a_write_that_lowers_does_not_hide_what_stood_there(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 4)
    assert entries.saw(file, entry(9, version=2)) == 0


def test_an_older_version_is_passed_over(file: sqlite3.Connection) -> None:
    begun(file, 10, version=5)
    assert entries.saw(file, entry(20, version=4, at=NOW + 60_000)) == 0
    assert kept(file).shelf == Shelf(quantity=10, version=5, read_from=NOW, read_at=NOW + 100)


def test_a_version_seen_again_counts_from_the_first_look(file: sqlite3.Connection) -> None:
    begun(file)
    entries.saw(file, entry(at=NOW + 60_000))
    assert kept(file).shelf == Shelf(quantity=10, version=1, read_from=NOW, read_at=NOW + 100)


def test_a_new_version_counts_from_its_own_look(file: sqlite3.Connection) -> None:
    begun(file)
    entries.saw(file, entry(9, version=2, at=NOW + 60_000))
    assert kept(file).shelf == Shelf(quantity=9, version=2, read_from=NOW + 60_000, read_at=NOW + 60_100)


OFF = CREATED_AT + LANDED + SKEW
"""From then on the plain order is certainly off its entry."""


@pytest.mark.parametrize(
    ("first", "again", "counts_from"),
    [
        (OFF - 1, OFF, OFF),  # it may have been on it at the first look, and is not any more
        (OFF - 1, OFF - 1, OFF - 1),
        (OFF - 60_000, OFF - 1, OFF - 60_000),  # it may be on it still
        (OFF, OFF + 60_000, OFF),  # it was off it at the first look
    ],
)
def test_a_version_seen_again_counts_anew_where_it_proves_an_order_off(
    file: sqlite3.Connection, first: int, again: int, counts_from: int
) -> None:
    accepted(file)
    (sku,) = file.execute("SELECT sku FROM demand WHERE order_id = ? AND taken > 0", (ORDER_ID,)).fetchone()
    entries.saw(file, entry(sku=sku, at=first))
    entries.saw(file, entry(sku=sku, at=again))
    record = entries.get(file, sku, MAIN)
    assert record is not None
    assert (record.read_from, record.read_at) == (counts_from, counts_from + 100)


def test_of_an_entry_that_was_replaced_nothing_is_known(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 15)
    entries.doubt(file, SKU, MAIN, until=NOW + 30_000)
    assert entries.saw(file, entry(50, id="e-2", at=NOW + 60_000)) == 0
    record = kept(file)
    assert record.ledger is None
    assert (record.entry_id, record.quantity, record.read_from) == ("e-2", 50, NOW + 60_000)
    assert (record.pending, record.doubtful, record.reread_after, record.suspended) == (None, None, None, "")


def test_an_entry_of_lower_version_may_replace_another(file: sqlite3.Connection) -> None:
    begun(file, version=9)
    entries.saw(file, entry(3, id="e-2", version=1))
    assert (kept(file).entry_id, kept(file).version, kept(file).quantity) == ("e-2", 1, 3)


# -- an entry that is not there ----------------------------------------------------------------------------------------


def test_an_entry_that_is_not_there_has_no_quantity(file: sqlite3.Connection) -> None:
    entries.absent(file, SKU, MAIN, read_from=NOW, read_at=NOW + 100)
    assert kept(file).shelf == Shelf(quantity=None, version=0, read_from=NOW, read_at=NOW + 100)


def test_absence_counts_from_the_first_look(file: sqlite3.Connection) -> None:
    entries.absent(file, SKU, MAIN, read_from=NOW, read_at=NOW + 100)
    entries.absent(file, SKU, MAIN, read_from=NOW + 60_000, read_at=NOW + 60_100)
    assert (kept(file).read_from, kept(file).read_at) == (NOW, NOW + 100)


def test_the_ledger_of_an_entry_that_is_gone_is_gone(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 15)
    entries.doubt(file, SKU, MAIN, until=NOW + 30_000)
    entries.absent(file, SKU, MAIN, read_from=NOW + 60_000, read_at=NOW + 60_100)
    record = kept(file)
    assert record.ledger is None
    assert record.shelf == Shelf(quantity=None, version=0, read_from=NOW + 60_000, read_at=NOW + 60_100)
    assert (record.doubtful, record.reread_after, record.suspended) == (None, None, "")


# -- writes ------------------------------------------------------------------------------------------------------------


def test_put_moves_by_what_was_really_written(file: sqlite3.Connection) -> None:
    begun(file)
    entries.saw(file, entry(9, version=2))
    sent(file, 14)
    written(file, 14, version=3, before=9)
    record = kept(file)
    assert (record.put, record.quantity, record.version, record.pending, record.pending_call) == (15, 14, 3, None, None)


def test_a_write_that_was_refused_moves_nothing(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 15)
    entries.forget_intent(file, SKU, MAIN)
    assert (kept(file).put, kept(file).quantity, kept(file).pending) == (10, 10, None)
    assert entries.saw(file, entry(15, version=2)) == 5


def test_a_newer_look_is_not_undone_by_the_answer_to_a_write(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 15)
    entries.saw(file, entry(12, version=3, at=NOW + 900))  # ours, and three sold
    written(file, 15, version=2, before=10)
    record = kept(file)
    assert (record.quantity, record.version, record.put, record.suspended) == (12, 3, 15, "")
    assert entries.saw(file, entry(13, version=4)) == 1


def test_a_rise_seen_before_the_answer_to_a_true_up_outlives_it(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 15)
    assert entries.saw(file, entry(19, version=3, at=NOW + 900)) == 4
    entries.restart(file, SKU, MAIN, put=15, base=NOW, now=NOW + 1_100)
    answer = entry(15, version=2, at=NOW + 1_000)
    entries.published(file, answer, step="true-up", before=10, explanation="{}", now=NOW + 1_100)
    assert kept(file).suspended == RAISED
    assert kept(file).quantity == 19


def test_what_was_written_is_history(file: sqlite3.Connection) -> None:
    begun(file)
    entries.conflict(file, SKU, MAIN, 2)
    entries.refuse(file, SKU, MAIN, "no")
    assert (kept(file).conflicts, kept(file).refused) == (2, "no")
    written(file, 14, version=2, before=10)
    written(file, 11, version=3, before=14, step="lower")
    assert [(one.step, one.before, one.quantity) for one in entries.history(file, SKU, limit=5)] == [
        ("lower", 14, 11),
        ("raise", 10, 14),
    ]
    assert (kept(file).conflicts, kept(file).refused, kept(file).published_at) == (0, "", NOW + 1_100)
    assert entries.prune_history(file, before=NOW + 1_100) == 0
    assert entries.prune_history(file, before=NOW + 1_101) == 2


def test_what_would_have_been_written_moves_nothing(file: sqlite3.Connection) -> None:
    begun(file)
    entries.note_would(file, SKU, MAIN, step="would raise", before=10, quantity=15, explanation="{}", now=NOW)
    assert (kept(file).put, kept(file).quantity, kept(file).published_at) == (10, 10, None)
    assert [one.step for one in entries.history(file, SKU, limit=5)] == ["would raise"]


# -- lost answers ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sends", "put"), [(15, 15), (4, 10)])
def test_a_lost_answer_counts_as_done_where_it_raised(file: sqlite3.Connection, sends: int, put: int) -> None:
    begun(file)
    sent(file, sends)
    entries.doubt(file, SKU, MAIN, until=NOW + 30_000)
    record = kept(file)
    assert record.ledger == Ledger(put=put, base=NOW, suspended=LOST)
    assert (record.pending, record.pending_call, record.doubtful) == (None, None, sends)
    assert record.reread_after == NOW + 30_000
    assert record.quantity == 10


def test_what_is_not_on_the_wire_cannot_be_lost(file: sqlite3.Connection) -> None:
    begun(file)
    entries.doubt(file, SKU, MAIN, until=NOW + 30_000)
    assert (kept(file).put, kept(file).reread_after) == (10, None)


def test_a_lost_write_that_comes_true_is_nobody_elses_rise(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 15)
    entries.doubt(file, SKU, MAIN, until=NOW + 30_000)
    assert entries.saw(file, entry(15, version=2, at=NOW + 40_000)) == 0
    entries.reread(file, SKU, MAIN)
    assert kept(file).reread_after is None
    assert entries.saw(file, entry(16, version=3, at=NOW + 50_000)) == 1


def test_of_several_lost_writes_the_highest_explains_a_rise(file: sqlite3.Connection) -> None:
    begun(file)
    for sends in (15, 4):
        sent(file, sends)
        entries.doubt(file, SKU, MAIN, until=NOW + 30_000)
    assert kept(file).doubtful == 15


def test_a_true_up_ends_every_doubt(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 15)
    entries.doubt(file, SKU, MAIN, until=NOW + 30_000)
    entries.wait(file, SKU, MAIN, "mark", now=NOW)
    entries.restart(file, SKU, MAIN, put=10, base=NOW + 60_000, now=NOW + 90_000, low_by=2)
    record = kept(file)
    assert record.ledger == Ledger(put=10, base=NOW + 60_000, low_by=2)
    assert (record.doubtful, record.trued_at, record.waits, record.waits_since) == (None, NOW + 90_000, "", None)


def test_what_was_on_the_wire_when_the_process_ended_is_lost(file: sqlite3.Connection) -> None:
    begun(file)
    sent(file, 15)
    entries.saw(file, entry(id="e-2", channel="paris"))
    assert entries.doubt_all(file, until=NOW + 30_000) == [SKU]
    assert entries.doubt_all(file, until=NOW + 30_000) == []
    assert (kept(file).put, kept(file).suspended) == (15, LOST)
    assert kept(file, "paris").reread_after is None


# -- suspensions and waits ---------------------------------------------------------------------------------------------


def test_what_suspended_a_ledger_first_is_kept(file: sqlite3.Connection) -> None:
    begun(file)
    entries.suspend(file, SKU, MAIN, "unblocked")
    entries.suspend(file, SKU, MAIN, RAISED)
    assert kept(file).suspended == "unblocked"


def test_a_restored_file_believes_no_ledger(file: sqlite3.Connection) -> None:
    begun(file)
    entries.saw(file, entry(id="e-2", channel="paris"))
    entries.suspend_all(file, "restored")
    assert [(one.channel, one.suspended) for one in entries.of_sku(file, SKU)] == [("", "restored"), ("paris", "")]


def test_it_is_kept_since_when_an_entry_waits_at_all(file: sqlite3.Connection) -> None:
    begun(file)
    for waits, now in (("reading", NOW), ("mark", NOW + 10), ("mark", NOW + 20)):
        entries.wait(file, SKU, MAIN, waits, now=now)
    assert (kept(file).waits, kept(file).waits_since) == ("mark", NOW)
    assert waiting(file, "mark", "quiet") == [SKU]
    assert waiting(file, "reading") == []
    assert waiting(file, "mark", after=SKU) == []
    entries.wait(file, SKU, MAIN, "", now=NOW + 30)
    assert kept(file).waits_since is None


def waiting(connection: sqlite3.Connection, *kinds: str, untrued_before: int = 0, after: str = "") -> list[str]:
    return entries.waiting(connection, kinds, untrued_before=untrued_before, after=after, limit=5)


def test_an_old_ledger_with_known_orders_is_looked_at_too(file: sqlite3.Connection) -> None:
    accepted(file)
    (sku,) = file.execute("SELECT sku FROM demand WHERE order_id = ?", (ORDER_ID,)).fetchone()
    entries.saw(file, entry(sku=sku))
    assert waiting(file, "mark", untrued_before=NOW + 1) == []
    entries.restart(file, sku, MAIN, put=10, base=NOW, now=NOW)
    assert waiting(file, "mark", untrued_before=NOW) == []
    assert waiting(file, "mark", untrued_before=NOW + 1) == [sku]


def test_a_listing_knows_whom_it_did_not_meet(file: sqlite3.Connection) -> None:
    for name in ("a", "b"):
        entries.saw(file, msgspec.structs.replace(entry(id=name), sku=name))
    entries.absent(file, "c", MAIN, read_from=NOW, read_at=NOW)
    entries.met(file, [entry(sku="a")], number=3)
    assert [one.sku for one in entries.not_met(file, number=3, before=NOW + 1_000)] == ["b"]
    assert entries.not_met(file, number=3, before=NOW) == []


def test_a_listing_that_begins_forgets_who_was_there_twice(file: sqlite3.Connection) -> None:
    begun(file)
    entries.saw(file, entry(id="e-2", channel="paris"))
    entries.refuse(file, SKU, MAIN, entries.DUPLICATE)
    entries.refuse(file, SKU, "paris", "no")
    entries.forget_duplicates(file)
    assert [one.refused for one in entries.of_sku(file, SKU)] == ["", "no"]
