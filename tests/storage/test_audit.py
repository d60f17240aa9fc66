"""The chain over what people did: whatever is done to a row of it, past the triggers too, is found and named."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from storage import audit, schema
from storage.database import run_batch
from storage.keyset import Place
from tests.stored import NOW, fresh, upgrade_quickly


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def wrote(connection: sqlite3.Connection, count: int = 5) -> None:
    for number in range(1, count + 1):
        audit.write(
            connection,
            author=("olga", "ian")[number % 2],
            action=("retry", "pause")[number % 2],
            record=f"order:{number}",
            now=NOW + number,
            reason=f"reason {number} – naïve",
        )


def unguarded(connection: sqlite3.Connection) -> None:
    """Take the triggers away, as somebody with the file in hand would."""
    connection.execute("DROP TRIGGER audit_stands")
    connection.execute("DROP TRIGGER audit_stays")


def test_what_was_written_holds_and_the_head_is_the_hash_of_the_last_row(file: sqlite3.Connection) -> None:
    assert audit.verify(file) == audit.Verdict(holds=True, rows=0, head="", unchained=0)
    assert audit.head(file) == ""
    wrote(file)
    verdict = audit.verify(file)
    assert (verdict.holds, verdict.rows, verdict.broken_at, verdict.why) == (True, 5, None, "")
    assert verdict.head == audit.head(file) == audit.page(file, audit.Narrowing(), limit=1)[0][0].hash


def test_the_hash_is_what_the_page_says_so_that_another_program_can_follow(file: sqlite3.Connection) -> None:
    audit.write(file, author="olga", action="retry", record="order:1", now=NOW, reason="é")
    detail = '{"reason":"é"}'.encode()
    parts = (b"", b"1", str(NOW).encode(), b"olga", b"retry", b"order:1", detail)
    assert audit.head(file) == hashlib.sha256(b"".join(b"%d:%s," % (len(part), part) for part in parts)).hexdigest()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE audit SET author = 'eve' WHERE id = 2",
        "UPDATE audit SET hash = '' WHERE id = 2",
        "DELETE FROM audit WHERE id = 5",
        "REPLACE INTO audit (id, at, author, action, record) VALUES (2, 1, 'a', 'b', 'c')",
    ],
)
def test_the_database_refuses_to_change_a_chained_row(file: sqlite3.Connection, sql: str) -> None:
    wrote(file)
    file.execute("PRAGMA recursive_triggers = 1")  # REPLACE deletes without a trigger otherwise: verify would tell
    with pytest.raises(sqlite3.IntegrityError, match="the audit is not"):
        file.execute(sql)
    assert audit.verify(file).holds


TAMPERED = {
    "the instant": ("UPDATE audit SET at = at + 1 WHERE id = 3", 3),
    "the author": ("UPDATE audit SET author = 'eve' WHERE id = 3", 3),
    "the action": ("UPDATE audit SET action = 'release' WHERE id = 3", 3),
    "the record": ("UPDATE audit SET record = 'order:9' WHERE id = 3", 3),
    "the reason": ("UPDATE audit SET detail = '{}' WHERE id = 3", 3),
    "a text that is none": ("UPDATE audit SET author = CAST(x'ff' AS TEXT) WHERE id = 3", 3),
    "the hash": ("UPDATE audit SET hash = replace(hash, substr(hash, 1, 4), '0000') WHERE id = 3", 3),
    "no hash": ("UPDATE audit SET hash = '' WHERE id = 3", 3),
    "a hash that is no text": ("UPDATE audit SET hash = CAST(x'ff' AS TEXT) WHERE id = 3", 3),
    "the first row": ("UPDATE audit SET author = 'eve' WHERE id = 1", 1),
    "the last row": ("UPDATE audit SET author = 'eve' WHERE id = 5", 5),
    "a row taken out": ("DELETE FROM audit WHERE id = 3", 4),
    "the first taken out": ("DELETE FROM audit WHERE id = 1", 2),
    "a row moved up": ("UPDATE audit SET id = 7 WHERE id = 5", 7),
    "a row put in": ("INSERT INTO audit (id, at, author, action, record) VALUES (9, 1, 'eve', 'a', 'b')", 9),
    "a row put in before the first": (
        "INSERT INTO audit (id, at, author, action, record) VALUES (-2, 1, 'eve', 'a', 'b')",
        -2,
    ),
    "two swapped": (
        "UPDATE audit SET author = (SELECT o.author FROM audit o WHERE o.id = 5 - audit.id),"
        " action = (SELECT o.action FROM audit o WHERE o.id = 5 - audit.id),"
        " record = (SELECT o.record FROM audit o WHERE o.id = 5 - audit.id),"
        " detail = (SELECT o.detail FROM audit o WHERE o.id = 5 - audit.id),"
        " at = (SELECT o.at FROM audit o WHERE o.id = 5 - audit.id) WHERE id IN (2, 3)",
        2,
    ),
}


@pytest.mark.parametrize(("sql", "broken_at"), TAMPERED.values(), ids=TAMPERED.keys())
@pytest.mark.parametrize("page", [2, 1000])
def test_what_is_done_to_a_row_is_named(
    file: sqlite3.Connection, sql: str, broken_at: int, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PAGE", page)
    wrote(file)
    unguarded(file)
    file.execute(sql)
    verdict = audit.verify(file)
    assert (verdict.holds, verdict.broken_at) == (False, broken_at)
    assert verdict.why
    upgrade_quickly(file, now=NOW)  # a start mends nothing
    assert audit.verify(file) == verdict


def test_rows_cut_off_the_end_are_seen_by_whoever_noted_the_head(file: sqlite3.Connection) -> None:
    wrote(file, 3)
    noted = audit.head(file)
    wrote(file, 2)
    for seen in (noted, noted[:12], audit.head(file)):
        assert audit.verify(file, seen=seen).seen is True
    unguarded(file)
    file.execute("DELETE FROM audit WHERE id >= 3")
    assert audit.verify(file).holds
    verdict = audit.verify(file, seen=noted)
    assert (verdict.holds, verdict.seen, verdict.broken_at) == (False, False, None)


def test_a_chain_written_anew_is_seen_by_whoever_noted_the_head(file: sqlite3.Connection) -> None:
    wrote(file)
    noted = audit.head(file)
    unguarded(file)
    file.execute("DELETE FROM audit")
    for number in range(1, 6):
        audit.write(file, author="eve", action="retry", record="order:1", now=NOW + number)
    assert audit.verify(file).holds
    assert not audit.verify(file, seen=noted).holds


def test_a_unit_that_fails_leaves_no_gap(file: sqlite3.Connection) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        audit.write(connection, author="olga", action="retry", record="order:1", now=NOW)
        raise ValueError

    results = run_batch(file, [lambda c: wrote(c, 2), fails, lambda c: wrote(c, 1)])
    assert [type(error) for _, error in results] == [type(None), ValueError, type(None)]
    verdict = audit.verify(file)
    assert (verdict.holds, verdict.rows) == (True, 3)


def test_rows_of_an_earlier_release_are_chained_once(file: sqlite3.Connection) -> None:
    file.execute("DELETE FROM meta WHERE key = 'audit.before_the_chain'")
    for number in (1, 2, 4):  # whatever ids they have
        file.execute("INSERT INTO audit (id, at, author, action, record) VALUES (?, 1, 'olga', 'a', 'b')", (number,))
    schema.upgrade(file, now=NOW)
    assert "" not in {row.hash for row in audit.page(file, audit.Narrowing(), limit=10)[0]}
    audit.write(file, author="olga", action="retry", record="order:1", now=NOW)
    verdict = audit.verify(file)
    assert (verdict.holds, verdict.rows, verdict.unchained) == (True, 4, 3)
    schema.upgrade(file, now=NOW)
    assert audit.verify(file) == verdict


def test_pages_are_narrowed_and_the_newest_come_first(file: sqlite3.Connection) -> None:
    wrote(file)

    def ids(after: int = 0, limit: int = 10, **where: object) -> list[int]:
        narrowing = audit.Narrowing(**where)  # type: ignore[arg-type]
        place = Place(after, after) if after else None
        return [row.id for row in audit.page(file, narrowing, after=place, limit=limit)[0]]

    assert ids() == [5, 4, 3, 2, 1]
    assert ids(limit=2) == [5, 4]
    assert ids(after=4, limit=2) == [3, 2]
    assert ids(author="olga") == [4, 2]
    assert ids(action="pause", after=5) == [3, 1]
    assert ids(record="order:3") == [3]
    assert ids(record="order") == []
    assert ids(first=NOW + 2, before=NOW + 4) == [3, 2]


@pytest.mark.parametrize(
    ("where", "index", "by"),
    [
        ("author = 'o' AND id < 9", "audit_by_author", "id DESC"),
        ("record = 'o'", "audit_by_record", "id DESC"),
        ("(author, id) > ('o', 9)", "audit_by_author", "author, id"),
        ("(action, id) < ('o', 9)", "audit_by_action", "action DESC, id DESC"),
        ("(record, id) > ('o', 9)", "audit_by_record", "record, id"),
    ],
)
def test_what_narrows_most_and_what_it_is_sorted_by_have_an_index(
    file: sqlite3.Connection, where: str, index: str, by: str
) -> None:
    sql = f"EXPLAIN QUERY PLAN SELECT id, detail FROM audit WHERE {where} ORDER BY {by} LIMIT 9"  # noqa: S608
    plan = " ".join(row[3] for row in file.execute(sql))
    assert index in plan
    assert "TEMP B-TREE" not in plan


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
ROWS = st.lists(st.tuples(TEXTS, TEXTS, TEXTS, st.dictionaries(st.sampled_from("xyz"), TEXTS)), min_size=1, max_size=6)


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, data=st.data())
def test_any_other_content_of_any_row_breaks_the_chain_there(
    rows: list[tuple[str, str, str, dict[str, str]]], data: st.DataObject
) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        upgrade_quickly(connection, now=NOW)
        unguarded(connection)
        for author, action, record, detail in rows:
            audit.write(connection, author=author, action=action, record=record, now=NOW, **detail)
        assert audit.verify(connection).holds
        number = data.draw(st.integers(1, len(rows)))
        column = data.draw(st.sampled_from(["author", "action", "record", "detail"]))
        before = connection.execute(f"SELECT {column} FROM audit WHERE id = ?", (number,)).fetchone()[0]  # noqa: S608
        other = data.draw(TEXTS.filter(lambda text: text != before))
        connection.execute(f"UPDATE audit SET {column} = ? WHERE id = ?", (other, number))  # noqa: S608
        assert audit.verify(connection).broken_at == number
