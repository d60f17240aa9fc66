"""The outbox against a model of it, and the sentences of the design one by one."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.domain.order_state import OrderState
from actors.messages import Envelope, Flow, Nudge, Urgency
from storage import orders, outbox
from storage.outbox import MAX_ATTEMPTS
from tests.orders_builder import plain_order
from tests.stored import NOW, accepted, fresh, nudge

FLOWS = (Flow.ORDERS, Flow.INTAKE)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def put(connection: sqlite3.Connection, *subjects: str, flow: Flow = Flow.ORDERS, due_at: int = NOW) -> None:
    for subject in subjects:
        assert outbox.accept(connection, nudge(subject, flow=flow, due_at=due_at), now=NOW)


def claim(connection: sqlite3.Connection, limit: int = 10, *, flow: Flow = Flow.ORDERS, now: int = NOW) -> list[str]:
    return [envelope.subject for envelope in outbox.claim(connection, flow, limit=limit, now=now)]


def claim_one(connection: sqlite3.Connection, *, now: int = NOW) -> Envelope:
    [envelope] = outbox.claim(connection, Flow.ORDERS, limit=1, now=now)
    return envelope


def rows(connection: sqlite3.Connection, columns: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT {columns} FROM outbox ORDER BY id").fetchall()  # noqa: S608


# --- accepting -------------------------------------------------------------------------------------------------------


def test_two_nudges_for_a_key_are_one_due_at_the_earlier_time(file: sqlite3.Connection) -> None:
    put(file, "a", due_at=NOW + 500)
    put(file, "a", due_at=NOW + 900)
    assert rows(file, "subject, due_at") == [("a", NOW + 500)]
    put(file, "a", due_at=NOW)
    assert rows(file, "subject, due_at") == [("a", NOW)]


def test_two_nudges_for_a_key_are_as_urgent_as_the_more_urgent_one(file: sqlite3.Connection) -> None:
    put(file, "a")
    outbox.accept(file, nudge("a", urgency=Urgency.UNDERWAY), now=NOW)
    put(file, "a")
    assert rows(file, "urgency") == [(0,)]


def test_a_nudge_for_a_key_that_runs_waits_behind_it(file: sqlite3.Connection) -> None:
    put(file, "a")
    running = claim_one(file)
    put(file, "a")
    assert claim(file) == []
    outbox.settle(file, running)
    assert claim(file) == ["a"]


def test_keys_of_two_flows_are_two_keys(file: sqlite3.Connection) -> None:
    put(file, "a")
    put(file, "a", flow=Flow.INTAKE)
    assert claim(file) == ["a"]
    assert claim(file, flow=Flow.INTAKE) == ["a"]


# --- who goes first --------------------------------------------------------------------------------------------------


def express(connection: sqlite3.Connection, *numbers: str) -> None:
    """Store orders that go ahead, and one that does not."""
    for number in (*numbers, "plain"):
        accepted(connection, plain_order(id=number, number=None))
        orders.set_express(connection, number, number != "plain")


def test_a_nudge_for_an_order_that_goes_first_is_as_urgent_as_its_row(file: sqlite3.Connection) -> None:
    express(file, "fast")
    put(file, "plain", due_at=NOW - 5000)
    put(file, "fast")
    outbox.accept(file, nudge("begun", urgency=Urgency.UNDERWAY), now=NOW)
    claimed = [(each.subject, each.urgency) for each in outbox.claim(file, Flow.ORDERS, limit=9, now=NOW)]
    assert claimed == [("begun", Urgency.UNDERWAY), ("fast", Urgency.FIRST), ("plain", Urgency.FRESH)]


def test_what_is_under_way_stays_so_though_its_order_goes_first(file: sqlite3.Connection) -> None:
    express(file, "fast")
    outbox.accept(file, nudge("fast", urgency=Urgency.UNDERWAY), now=NOW)
    put(file, "fast")
    assert rows(file, "urgency") == [(0,)]


def test_only_the_orders_flow_looks_at_the_row(file: sqlite3.Connection) -> None:
    express(file, "fast")
    put(file, "fast", flow=Flow.INTAKE)
    assert rows(file, "urgency") == [(2,)]


def test_a_nudge_that_waits_already_is_raised_when_its_order_goes_first(file: sqlite3.Connection) -> None:
    express(file, "fast")
    orders.set_express(file, "fast", False)
    put(file, "fast")
    orders.set_express(file, "fast", True)
    put(file, "fast")
    assert rows(file, "urgency") == [(1,)]


def test_many_are_accepted_as_one_by_one_would_be(file: sqlite3.Connection) -> None:
    express(file, "fast")
    put(file, "aside", "later", due_at=NOW + 500)
    outbox.quarantine(file, file.execute("SELECT id FROM outbox WHERE subject = 'aside'").fetchone()[0], reason="bug")
    outbox.accept_all(file, Flow.ORDERS, {"new", "later", "aside", "fast"}, now=NOW)
    assert set(rows(file, "subject, state, due_at, urgency")) == {
        ("aside", "quarantined", NOW + 500, int(Urgency.FRESH)),
        ("later", "ready", NOW, int(Urgency.FRESH)),
        ("new", "ready", NOW, int(Urgency.FRESH)),
        ("fast", "ready", NOW, int(Urgency.FIRST)),
    }
    outbox.accept_all(file, Flow.FINANCE, ["fast"], now=NOW, urgency=Urgency.UNDERWAY)
    assert rows(file, "flow, urgency")[-1] == ("finance", int(Urgency.UNDERWAY))
    outbox.accept_all(file, Flow.FINANCE, [], now=NOW)
    assert len(rows(file, "id")) == 5


def test_at_a_start_the_express_orders_go_first_too(file: sqlite3.Connection) -> None:
    express(file, "fast", "waits")
    file.execute("UPDATE orders SET accepted_at = accepted_at + 9 WHERE id = 'fast'")
    file.execute(
        "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at)"
        " VALUES ('orders', 'waits', 'ready', 2, ?, ?)",
        (NOW + 900, NOW),
    )
    put(file, "aside")
    outbox.quarantine(file, claim_one(file).id, reason="bug")
    accepted(file, plain_order(id="aside", number=None))
    assert outbox.accept_orders(file, (OrderState.ACCEPTED, OrderState.HELD), now=NOW) == 3
    assert sorted(rows(file, "subject, state, urgency, due_at")) == [
        ("aside", "quarantined", 2, NOW),
        ("fast", "ready", 1, NOW),
        ("plain", "ready", 2, NOW),
        ("waits", "ready", 1, NOW),
    ]
    assert claim(file)[-1] == "plain"


def test_a_retry_keeps_its_place_ahead(file: sqlite3.Connection) -> None:
    express(file, "fast")
    put(file, "fast")
    outbox.retry(file, claim_one(file), due_at=NOW, reason="failed", failed=True)
    assert claim_one(file).urgency is Urgency.FIRST


# --- claiming --------------------------------------------------------------------------------------------------------


def test_claims_what_is_due_oldest_first_and_no_more_than_asked(file: sqlite3.Connection) -> None:
    for place, subject in enumerate("dcba"):
        put(file, subject, due_at=NOW - place)
    put(file, "later", due_at=NOW + 1)
    assert claim(file, 3) == ["a", "b", "c"]
    assert claim(file) == ["d"]
    assert claim(file) == []
    assert claim(file, now=NOW + 1) == ["later"]


def test_what_is_under_way_goes_before_what_is_fresh(file: sqlite3.Connection) -> None:
    put(file, "fresh", due_at=NOW - 1000)
    outbox.accept(file, nudge("begun", urgency=Urgency.UNDERWAY), now=NOW)
    assert claim(file, 1) == ["begun"]
    assert claim(file, 1) == ["fresh"]


def test_a_claim_tells_the_handler_which_attempt_it_is(file: sqlite3.Connection) -> None:
    put(file, "a")
    first = claim_one(file)
    assert (first.attempt, first.accepted_at, first.flow, first.urgency) == (1, NOW, Flow.ORDERS, Urgency.FRESH)
    outbox.retry(file, first, due_at=NOW, reason="bug", bug=True)
    assert claim_one(file).attempt == 2


def test_claiming_never_sorts_or_scans_what_waits(file: sqlite3.Connection) -> None:
    """A million waiting rows cost a claim nothing: the index gives them in order."""
    plan = file.execute(
        f"EXPLAIN QUERY PLAN {outbox._CLAIMABLE}", {"flow": "orders", "urgency": 1, "now": NOW, "limit": 8}
    ).fetchall()
    steps = [row[3] for row in plan]
    assert any("outbox_due" in step for step in steps), steps
    assert any("one_running_per_key" in step for step in steps), steps
    assert not any("TEMP B-TREE" in step or step.startswith("SCAN") for step in steps), steps


# --- not now, bugs, and the third time -------------------------------------------------------------------------------


def test_not_now_is_no_attempt_and_a_wait_is_no_failure(file: sqlite3.Connection) -> None:
    put(file, "a")
    for turn in range(5):
        envelope = claim_one(file, now=NOW + turn)
        assert envelope.attempt == 1
        outbox.retry(file, envelope, due_at=NOW + turn + 1, reason="not now")
        assert rows(file, "attempts, tries, reason") == [(0, 0, "not now")]


def test_failures_in_a_row_are_tries_until_something_else_happens(file: sqlite3.Connection) -> None:
    put(file, "a")
    for tries in range(3):
        envelope = claim_one(file)
        assert outbox.tries_of(file, envelope) == tries
        outbox.retry(file, envelope, due_at=NOW, reason="down", failed=True)
    assert rows(file, "attempts, tries") == [(0, 3)]
    outbox.retry(file, claim_one(file), due_at=NOW, reason="waits")
    assert rows(file, "attempts, tries") == [(0, 0)]


def test_what_was_put_off_is_brought_forward_by_a_new_nudge(file: sqlite3.Connection) -> None:
    put(file, "a")
    outbox.retry(file, claim_one(file), due_at=NOW + 300_000, reason="down")
    assert claim(file) == []
    put(file, "a")
    assert claim(file) == ["a"]


def test_a_nudge_accepted_meanwhile_takes_over_what_was_counted(file: sqlite3.Connection) -> None:
    outbox.accept(file, nudge("a", urgency=Urgency.UNDERWAY), now=NOW)
    envelope = claim_one(file)
    put(file, "a", due_at=NOW + 5)
    outbox.retry(file, envelope, due_at=NOW + 300_000, reason="bug", bug=True)
    assert rows(file, "state, due_at, attempts, urgency, reason") == [("ready", NOW + 5, 1, 0, "bug")]


def test_a_key_set_aside_takes_nothing_in_until_it_is_released(file: sqlite3.Connection) -> None:
    put(file, "a")
    envelope = claim_one(file)
    put(file, "a")
    outbox.quarantine(file, envelope.id, reason="bug")
    assert rows(file, "state, reason") == [("quarantined", "bug")]
    assert not outbox.accept(file, nudge("a"), now=NOW)
    assert claim(file) == []
    outbox.release(file, nudge("a"), now=NOW)
    assert rows(file, "state, attempts") == [("ready", 0)]
    assert claim(file) == ["a"]


# --- after an unclean stop -------------------------------------------------------------------------------------------


def crash(connection: sqlite3.Connection, *, now: int = NOW) -> list[str]:
    return [envelope.subject for envelope in outbox.reclaim(connection, now=now)]


def suspects(connection: sqlite3.Connection, *flows: Flow, stopped: tuple[Flow, ...] = ()) -> tuple[list[str], bool]:
    envelopes, left = outbox.claim_suspect(connection, flows or FLOWS, now=NOW, stopped=stopped)
    return [envelope.subject for envelope in envelopes], left


def test_what_was_running_is_handled_alone_one_after_the_other(file: sqlite3.Connection) -> None:
    put(file, "a", "b", "innocent")
    claim(file, 2)
    assert crash(file) == []
    assert suspects(file) == (["a"], True)
    assert suspects(file) == ([], True)
    [a] = file.execute("SELECT id FROM outbox WHERE subject = 'a'").fetchone()
    file.execute("DELETE FROM outbox WHERE id = ?", (a,))
    assert suspects(file) == (["b"], True)
    # `b` is the last suspect, and still nothing may run beside it.
    assert suspects(file) == ([], True)
    file.execute("DELETE FROM outbox WHERE subject = 'b'")
    assert suspects(file) == ([], False)
    assert claim(file) == ["innocent"]


def test_a_suspect_that_ran_through_is_one_no_more(file: sqlite3.Connection) -> None:
    put(file, "a")
    claim(file)
    crash(file)
    [envelope] = outbox.claim_suspect(file, FLOWS, now=NOW)[0]
    outbox.retry(file, envelope, due_at=NOW, reason="not now")
    assert suspects(file) == ([], False)


def test_a_suspect_of_a_paused_flow_keeps_nobody_waiting(file: sqlite3.Connection) -> None:
    put(file, "a")
    claim(file)
    crash(file)
    assert suspects(file, Flow.INTAKE) == ([], False)
    assert suspects(file, Flow.INTAKE, Flow.ORDERS) == (["a"], True)


def test_what_a_stopped_flow_left_running_keeps_nobody_waiting(file: sqlite3.Connection) -> None:
    put(file, "a")
    put(file, "sweep", flow=Flow.INTAKE)
    claim(file)
    claim(file, flow=Flow.INTAKE)
    crash(file)
    assert suspects(file) == (["a"], True)
    assert suspects(file, Flow.INTAKE, stopped=(Flow.ORDERS,)) == (["sweep"], True)


def test_a_suspect_waits_until_nothing_else_runs(file: sqlite3.Connection) -> None:
    put(file, "a")
    claim(file)
    crash(file)
    put(file, "sweep", flow=Flow.INTAKE)
    claim(file, flow=Flow.INTAKE)
    assert suspects(file) == ([], True)
    file.execute("DELETE FROM outbox WHERE subject = 'sweep'")
    assert suspects(file) == (["a"], True)


def test_a_kill_is_an_attempt_and_the_third_is_the_last(file: sqlite3.Connection) -> None:
    put(file, "a")
    for _ in range(MAX_ATTEMPTS - 1):
        assert suspects(file)[0] or claim(file)
        assert crash(file) == []
    assert suspects(file) == (["a"], True)
    assert crash(file) == ["a"]


def test_after_a_crash_what_ran_is_due_at_once_and_its_twin_is_one_with_it(file: sqlite3.Connection) -> None:
    put(file, "a")
    claim(file)
    outbox.accept(file, nudge("a", due_at=NOW + 9000, urgency=Urgency.UNDERWAY), now=NOW)
    crash(file)
    assert rows(file, "state, due_at, attempts, urgency, suspect") == [("ready", NOW, 1, 0, 1)]


# --- given back ------------------------------------------------------------------------------------------------------


def test_what_nobody_began_is_given_back_uncounted(file: sqlite3.Connection) -> None:
    put(file, "a", "b")
    put(file, "sweep", flow=Flow.INTAKE)
    claim(file)
    claim(file, flow=Flow.INTAKE)
    outbox.give_back(file, Flow.ORDERS)
    assert rows(file, "subject, state, attempts, suspect") == [
        ("a", "ready", 0, 0),
        ("b", "ready", 0, 0),
        ("sweep", "running", 1, 0),
    ]


def test_only_what_is_named_is_given_back(file: sqlite3.Connection) -> None:
    put(file, "a", "b")
    first, _ = outbox.claim(file, Flow.ORDERS, limit=2, now=NOW)
    outbox.give_back(file, Flow.ORDERS, only={first.id})
    assert rows(file, "subject, state") == [("a", "ready"), ("b", "running")]


def test_what_is_given_back_to_its_twin_hands_its_bugs_over(file: sqlite3.Connection) -> None:
    outbox.accept(file, nudge("a", urgency=Urgency.UNDERWAY), now=NOW)
    for _ in range(2):
        outbox.retry(file, claim_one(file), due_at=NOW, reason="bug", bug=True)
    claim(file)
    put(file, "a")
    outbox.give_back(file, Flow.ORDERS)
    assert rows(file, "state, attempts, urgency") == [("ready", 2, 0)]


def test_what_waited_for_one_reason_is_due_where_it_stood_in_the_queue(file: sqlite3.Connection) -> None:
    put(file, "first", "second")
    first, second = outbox.claim(file, Flow.ORDERS, limit=2, now=NOW)
    outbox.retry(file, second, due_at=NOW + 30_000, reason="no lease")
    outbox.retry(file, first, due_at=NOW + 30_001, reason="no lease")
    put(file, "other")
    outbox.retry(file, claim_one(file), due_at=NOW + 500, reason="another")
    outbox.accept(file, nudge("later"), now=NOW + 400)
    outbox.bring_forward(file, "no lease", now=NOW + 400)
    assert rows(file, "subject, due_at")[:3] == [("first", NOW), ("second", NOW), ("other", NOW + 500)]
    assert claim(file, now=NOW + 400) == ["first", "second", "later"]


# --- counting --------------------------------------------------------------------------------------------------------


def test_counts_and_when_something_is_due_next(file: sqlite3.Connection) -> None:
    assert outbox.next_due(file, FLOWS) is None
    put(file, "a", "b", due_at=NOW - 7)
    put(file, "sweep", flow=Flow.INTAKE, due_at=NOW + 3000)
    outbox.quarantine(file, claim_one(file).id, reason="bug")
    found = outbox.counts(file, now=NOW)
    assert (found.ready, found.running, found.quarantined, found.oldest_due_at) == (2, 0, 1, NOW - 7)
    claim(file)
    found = outbox.counts(file, now=NOW)
    assert (found.ready, found.running, found.quarantined, found.oldest_due_at) == (1, 1, 1, None)
    assert outbox.counts(file, now=NOW, flow=Flow.INTAKE).running == 0
    assert outbox.next_due(file, FLOWS) == NOW + 3000
    assert outbox.next_due(file, [Flow.ORDERS]) is None


# --- whatever happens, in whatever order -----------------------------------------------------------------------------


class Row(msgspec.Struct):
    """A nudge as the model has it."""

    due_at: int
    urgency: int
    attempts: int = 0
    tries: int = 0
    suspect: bool = False


Key = tuple[Flow, str]
keys = st.tuples(st.sampled_from(FLOWS), st.sampled_from("abcd"))


class OutboxMachine(RuleBasedStateMachine):
    """Every operation in any order: the table says what three dictionaries say."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tallyd-outbox-"))
        self.file = fresh(self.folder)
        self.now = NOW
        self.ready: dict[Key, Row] = {}
        self.running: dict[Key, tuple[Envelope, Row]] = {}
        self.aside: set[Key] = set()

    def teardown(self) -> None:
        if hasattr(self, "file"):
            self.file.close()
            shutil.rmtree(self.folder)

    @rule(seconds=st.integers(0, 5))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @rule(key=keys, delay=st.integers(-3, 5), urgency=st.sampled_from(Urgency))
    def accept(self, key: Key, delay: int, urgency: Urgency) -> None:
        made = Nudge(flow=key[0], subject=key[1], due_at=self.now + delay, urgency=urgency)
        assert outbox.accept(self.file, made, now=self.now) is (key not in self.aside)
        self._accept(key, self.now + delay, urgency)

    def _accept(self, key: Key, due_at: int, urgency: int) -> None:
        if key in self.aside:
            return
        row = self.ready.setdefault(key, Row(due_at=due_at, urgency=urgency))
        row.due_at, row.urgency = min(row.due_at, due_at), min(row.urgency, urgency)

    @rule(flow=st.sampled_from(FLOWS), limit=st.integers(1, 3))
    def claim(self, flow: Flow, limit: int) -> None:
        able = {
            key: row
            for key, row in self.ready.items()
            if key[0] is flow and row.due_at <= self.now and key not in self.running
        }
        envelopes = outbox.claim(self.file, flow, limit=limit, now=self.now)
        claimed = [(flow, envelope.subject) for envelope in envelopes]
        assert len(claimed) == min(limit, len(able))
        assert set(claimed) <= set(able)
        rank = {key: (row.urgency, row.due_at) for key, row in able.items()}
        assert [rank[key] for key in claimed] == sorted(rank.values())[: len(claimed)]
        for envelope in envelopes:
            self._claimed(envelope)

    def _claimed(self, envelope: Envelope) -> None:
        key = (envelope.flow, envelope.subject)
        row = self.ready.pop(key)
        row.attempts += 1
        assert envelope.attempt == row.attempts
        self.running[key] = (envelope, row)

    @rule(open_flows=st.sets(st.sampled_from(FLOWS)), stopped=st.sets(st.sampled_from(FLOWS), max_size=1))
    def claim_suspect(self, open_flows: set[Flow], stopped: set[Flow]) -> None:
        flows = open_flows - stopped
        running = [row for key, (_, row) in self.running.items() if key[0] not in stopped]
        waiting = [key for key, row in self.ready.items() if row.suspect and key[0] in flows]
        envelopes, in_the_way = outbox.claim_suspect(self.file, flows, now=self.now, stopped=stopped)
        assert in_the_way is (any(row.suspect for row in running) or bool(waiting))
        assert len(envelopes) == int(bool(waiting) and not running)
        for envelope in envelopes:
            key = (envelope.flow, envelope.subject)
            assert key in waiting
            twin = self.running.get(key)
            assert twin is None
            self._claimed(envelope)

    def _pick(self, data: st.DataObject) -> tuple[Key, Envelope, Row]:
        key = data.draw(st.sampled_from(sorted(self.running)))
        envelope, row = self.running[key]
        return key, envelope, row

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        key, envelope, _ = self._pick(data)
        outbox.settle(self.file, envelope)
        del self.running[key]

    @precondition(lambda self: self.running)
    @rule(data=st.data(), delay=st.integers(-1, 5), how=st.sampled_from(["bug", "failed", "not now"]))
    def retry(self, data: st.DataObject, delay: int, how: str) -> None:
        key, envelope, row = self._pick(data)
        due_at = self.now + delay
        outbox.retry(self.file, envelope, due_at=due_at, reason=how, bug=how == "bug", failed=how == "failed")
        del self.running[key]
        attempts = row.attempts if how == "bug" else 0
        tries = {"bug": row.tries, "failed": row.tries + 1, "not now": 0}[how]
        twin = self.ready.get(key)
        self.ready[key] = Row(
            due_at=twin.due_at if twin else due_at,
            urgency=min(twin.urgency, row.urgency) if twin else row.urgency,
            attempts=attempts,
            tries=tries,
            suspect=twin.suspect if twin else False,
        )

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def quarantine(self, data: st.DataObject) -> None:
        key, envelope, _ = self._pick(data)
        outbox.quarantine(self.file, envelope.id, reason="bug")
        self._set_aside(key)

    def _set_aside(self, key: Key) -> None:
        del self.running[key]
        self.ready.pop(key, None)
        self.aside.add(key)

    @rule(key=keys)
    def release(self, key: Key) -> None:
        outbox.release(self.file, Nudge(flow=key[0], subject=key[1], due_at=self.now), now=self.now)
        self.aside.discard(key)
        self._accept(key, self.now, Urgency.FRESH)

    @rule()
    def die_and_start(self) -> None:
        spent = {(envelope.flow, envelope.subject): envelope for envelope in outbox.reclaim(self.file, now=self.now)}
        assert set(spent) == {key for key, (_, row) in self.running.items() if row.attempts >= MAX_ATTEMPTS}
        for key, envelope in spent.items():
            outbox.quarantine(self.file, envelope.id, reason="died")
            self._set_aside(key)
        for key, (_, row) in self.running.items():
            twin = self.ready.get(key)
            row.urgency = min(row.urgency, twin.urgency) if twin else row.urgency
            row.due_at, row.suspect = min(row.due_at, self.now), True
            self.ready[key] = row
        self.running.clear()

    @rule(flow=st.sampled_from(FLOWS), data=st.data())
    def give_back(self, flow: Flow, data: st.DataObject) -> None:
        mine = sorted(key for key in self.running if key[0] is flow)
        chosen = data.draw(st.none() | st.sets(st.sampled_from(mine)) if mine else st.none())
        only = None if chosen is None else {self.running[key][0].id for key in chosen}
        outbox.give_back(self.file, flow, only=only)
        for key in mine if chosen is None else chosen:
            _, row = self.running.pop(key)
            row.attempts -= 1
            twin = self.ready.setdefault(key, row)
            twin.attempts = max(twin.attempts, row.attempts)
            twin.urgency = min(twin.urgency, row.urgency)

    @invariant()
    def the_table_says_what_the_model_says(self) -> None:
        if not hasattr(self, "file"):
            return
        found = self.file.execute("SELECT flow, subject, state, due_at, urgency, attempts, tries, suspect FROM outbox")
        by_state: dict[str, dict[Key, Row]] = {"ready": {}, "running": {}, "quarantined": {}}
        for flow, subject, state, *rest in found:
            key = (Flow(flow), subject)
            assert key not in by_state[state], f"two {state} rows of {key}"
            by_state[state][key] = Row(rest[0], rest[1], rest[2], rest[3], bool(rest[4]))
        assert by_state["ready"] == self.ready
        assert by_state["running"] == {key: row for key, (_, row) in self.running.items()}
        assert set(by_state["quarantined"]) == self.aside
        assert not self.aside & (set(self.ready) | set(self.running))

    @invariant()
    def the_counts_agree(self) -> None:
        if not hasattr(self, "file"):
            return
        counted = outbox.counts(self.file, now=self.now)
        assert (counted.ready, counted.running, counted.quarantined) == (
            len(self.ready),
            len(self.running),
            len(self.aside),
        )
        free = {key: row.due_at for key, row in self.ready.items() if key not in self.running}
        assert outbox.next_due(self.file, FLOWS) == min(free.values(), default=None)
        assert outbox.claimable(self.file, FLOWS) == {
            flow: min(due_at for key, due_at in free.items() if key[0] is flow)
            for flow in FLOWS
            if any(key[0] is flow for key in free)
        }
        oldest = min((row.due_at for row in self.ready.values()), default=self.now + 1)
        assert counted.oldest_due_at == (oldest if oldest <= self.now else None)


TestOutboxMachine = OutboxMachine.TestCase
TestOutboxMachine.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def test_a_key_keeps_its_bugs_whatever_comes_between(file: sqlite3.Connection) -> None:
    """Three bugs in a row are three, though nudges arrive all the time."""
    put(file, "a")
    for attempt in itertools.count(1):
        envelope = claim_one(file)
        assert envelope.attempt == attempt
        put(file, "a")
        if envelope.attempt == MAX_ATTEMPTS:
            outbox.quarantine(file, envelope.id, reason="bug")
            break
        outbox.retry(file, envelope, due_at=NOW, reason="bug", bug=True)
    assert rows(file, "state") == [("quarantined",)]
