"""Every posting by every fate of its request (`python -m tests.simulation.postings`), and what such a run must see."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any
from unittest import mock

import pytest

from actors.domain.time import Instant
from actors.domain.vouchers import VoucherKind
from actors.finance import doubting, look
from adapters.cin7.client import Cin7Client
from storage import books
from tests.simulation.postings import FATES, Sent, assert_looked_for, every_case, main, run

PAYMENT = VoucherKind.PAYMENT


@pytest.mark.parametrize(("step", "fate"), [*every_case()][::2])
def test_each_posting_ends_as_one_document_whatever_becomes_of_it(step: VoucherKind, fate: str) -> None:
    """Every other case; the command plays them all. Fates are odd in number: each meets two of the postings."""
    run(step, fate)


def test_every_other_case_is_of_every_fate() -> None:
    assert {fate for _, fate in [*every_case()][::2]} == {*FATES}


def _early(connection: sqlite3.Connection, *, until: Instant, order_id: str | None) -> list[str]:
    """Doubt what was intended, as if nothing of it could be on its way."""
    return _DOUBT_INTENDED(connection, until=until - 60_000, order_id=order_id)


_DOUBT_INTENDED = books.doubt_intended


def _forgotten(connection: sqlite3.Connection, key: str, *, until: Instant) -> None:
    books.not_posted(connection, key)


def _entered(connection: sqlite3.Connection, key: str, document_id: str) -> None:
    """Keep what was posted once it is known to stand, and not before."""
    order_id = connection.execute("SELECT order_id FROM books").fetchone()[0]
    connection.execute(
        "INSERT OR REPLACE INTO postings (key, order_id, kind, state, document_id, began_at)"
        " VALUES (?, ?, ?, 'done', ?, 0)",
        (key, order_id, key.partition(":")[0], document_id),
    )


ONE_LOOK = [(doubting, "LOOKS", 1)]
NOT_TO_THE_LAST = [(Cin7Client, "_latest_arrival", lambda client, turn: client._clock.now())]
DOUBTED_EARLY = [(books, "doubt_intended", _early)]
NOT_INTENDED = [(books, "intend", lambda *_, **__: None), (books, "posted", _entered)]
FORGOTTEN = [(books, "doubt", _forgotten)]
BELIEVED = [(look, "inherited_from", lambda *_: None)]


@pytest.mark.parametrize(
    ("patches", "fate", "seen"),
    [
        (ONE_LOOK, "lost before it was executed", "posted again after 1 looks"),
        (NOT_TO_THE_LAST, "lost before it was executed", "posted again after 0 looks"),
        (NOT_TO_THE_LAST, "lost, and executed late", "paid .*charged"),
        (DOUBTED_EARLY, "killed, and executed late", "paid .*charged"),
        (DOUBTED_EARLY, "handled twice at once, and lost before", "posted again after 0 looks"),
        (NOT_INTENDED, "lost after it was executed", "paid .*charged"),
        (NOT_INTENDED, "killed when answered", "paid .*charged"),
        (FORGOTTEN, "lost after it was executed", "paid .*charged"),
        (FORGOTTEN, "lost before it was executed", "posted again after 0 looks"),
        (BELIEVED, "the file put back afterwards", "paid .*charged"),
        (BELIEVED, "the file lost, and executed late", "posted, and posted again"),
    ],
)
def test_what_posts_too_soon_is_seen(patches: list[tuple[object, str, Any]], fate: str, seen: str) -> None:
    """The run is worth nothing if it does not fail on the defects it is there for."""
    with ExitStack() as stack:
        for target, attribute, value in patches:
            stack.enter_context(mock.patch.object(target, attribute, value))
        with pytest.raises(AssertionError, match=seen):
            run(PAYMENT, fate)


def test_a_file_that_was_lost_knows_its_credit_note_by_its_mark() -> None:
    """Else it would be a person's, who pays it back as well."""
    with (
        mock.patch.object(doubting, "_marked", lambda *_: ()),
        pytest.raises(AssertionError, match=r"paid back .*given back"),
    ):
        run(VoucherKind.CREDIT_NOTE, "the file lost, and executed late")


LOOKS = [80_000, 95_000]


@pytest.mark.parametrize(
    ("second", "looks", "seen"),
    [
        (100_000, LOOKS, ""),
        (100_000, [80_000], "after 1 looks"),
        (100_000, [60_000, 95_000], "after 1 looks"),
        (100_000, [80_000, 89_000], "both looks"),
        (94_000, LOOKS, "after 1 looks"),
    ],
)
def test_two_looks_lie_between_two_requests(second: int, looks: list[int], seen: str) -> None:
    sent = [Sent(at=0, key=("payment", "a")), Sent(at=second, key=("payment", "a"))]
    _holds(lambda: assert_looked_for(sent, looks, timeout=60_000), seen)


def test_what_was_executed_is_never_sent_again() -> None:
    sent = [Sent(at=0, key=("payment", "a"), executed=True), Sent(at=100_000, key=("payment", "a"))]
    _holds(lambda: assert_looked_for(sent, LOOKS, timeout=60_000), "posted again")


def test_what_was_refused_may_be_sent_again_at_once() -> None:
    sent = [Sent(at=0, key=("payment", "a"), over=True), Sent(at=1, key=("payment", "a"))]
    assert_looked_for(sent, [], timeout=60_000)


def _holds(check: Callable[[], None], seen: str) -> None:
    with pytest.raises(AssertionError, match=seen) if seen else nullcontext():
        check()


def test_the_command_plays_what_is_chosen_and_tells_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--step", "payment", "--fate", "nothing"]) == 0
    assert "payment: nothing: ok" in capsys.readouterr().out
    with mock.patch.object(doubting, "LOOKS", 1):
        assert main(["--step", "payment", "--fate", "lost twice"]) == 1
    assert "payment: lost twice before: FAILED\nTraceback" in capsys.readouterr().out
