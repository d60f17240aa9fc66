"""Six mechanisms, each with the law that stands on it; and the same law without the mechanism, where it must fall.

=============================  =====================================================================================
mechanism                      the test that turns red when it is taken out of the code
=============================  =====================================================================================
mailbox bound                  `test_guard_mailbox_bound` (and `tests/flows/test_dispatcher.py`:
                               `test_a_full_mailbox_leaves_rows_ready`)
restart budget                 `test_guard_restart_budget` (and `tests/flows/test_supervisor.py`:
                               `test_past_its_budget_a_flow_is_stopped_and_told_while_the_others_go_on`)
one running per key            `test_guard_one_running_per_key`: the claim's own question goes first, the unique index
                               stands behind it; without the index alone `test_guard_the_index_behind_the_question`
look-up before a repeat        `test_guard_look_up_before_a_repeat`
events of known versions       `test_guard_our_own_echo` (and `tests/simulation/test_doors.py`:
                               `test_an_event_that_comes_late_is_recorded_and_causes_no_work`)
the census's judging of sales  `test_guard_the_census_names_sales`
=============================  =====================================================================================

The tests named `test_without_…` take the mechanism out of a running world and see that the law's check notices: a guard
that could not fail would guard nothing.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.census.judging import Judge
from actors.core.mailbox import Mailbox
from actors.domain.census import KINDS
from actors.domain.references import PREFIX
from actors.fulfilment.rules import FulfilmentRules
from actors.intake import accepting
from actors.intake.rules import Known
from actors.messages import Envelope, Flow
from actors.orders import looking
from actors.orders.rules import Conclusion, Verdict
from adapters.intake.ports import SQS
from adapters.sandbox.carts import PaymentDraft
from adapters.sandbox.faults import Fault, FaultKind
from adapters.sandbox.postman import identity
from daemon.supervisor import Supervisor
from storage import outbox
from tests.simulation.laws import assert_exactly_once
from tests.simulation.senders import Senders, plan_with_doors
from tests.simulation.world import World, plan, virtual, world
from tests.stored import NOW, fresh, nudge

MINUTE = 60.0


class Fatal(BaseException):
    """What brings an actor down."""


@contextmanager
def notices(law: str) -> Iterator[None]:
    """The law's check must fail inside; anything else that goes wrong is not the check."""
    with pytest.RaisesGroup(pytest.RaisesExc(AssertionError, match=law), allow_unwrapped=True, flatten_subgroups=True):
        yield


# --- the mailbox bound -----------------------------------------------------------------------------------------------


async def assert_memory_is_bounded(made: World) -> None:
    """With 150 orders waiting, no more are in memory than one mailbox and what is being handled."""
    await made.ready()
    for _ in range(150):
        made.place()
    orders = made.engine.actors[Flow.ORDERS]
    bound = orders.concurrency * 2
    most = much = 0
    for _ in range(600):
        await made.clock.sleep(0.1)
        counted = made.read(lambda connection: outbox.counts(connection, now=0, flow=Flow.ORDERS))
        most, much = max(most, counted.running), max(much, counted.running + counted.ready)
    assert much > 100, "too few ever waited to mean anything"
    assert most <= bound, f"bounded: {most} orders in memory, {bound} is the bound"


@virtual
async def test_guard_mailbox_bound() -> None:
    async with world(11) as made:
        await assert_memory_is_bounded(made)


def test_without_the_mailbox_bound_the_guard_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Mailbox.__init__

    def unbounded(self: Mailbox, name: str, capacity: int) -> None:
        real(self, name, 1_000_000)

    monkeypatch.setattr(Mailbox, "__init__", unbounded)
    with notices("bounded"):
        test_guard_mailbox_bound()


# --- the restart budget ----------------------------------------------------------------------------------------------


async def assert_a_crashing_flow_is_stopped_and_told(made: World) -> None:
    """A flow that crashes at every message stands within two minutes, somebody is told, and intake goes on."""
    await made.ready()

    def crash(envelope: Envelope) -> None:
        if envelope.flow is Flow.ORDERS:
            raise Fatal

    made.daemon.on_handle = crash
    for _ in range(30):
        made.place()
    await made.clock.sleep(2 * MINUTE)
    told = [row.type for row in made.daemon.open_exceptions("orders")]
    assert told == ["flow_stopped"], f"stopped and told: {told}"
    assert made.engine.supervisor.state("orders") == "stopped"
    late = made.place()
    await made.until(lambda: made.daemon.state(late) == "accepted", within=MINUTE)


@virtual
async def test_guard_restart_budget() -> None:
    async with world(12) as made:
        await assert_a_crashing_flow_is_stopped_and_told(made)


def test_without_the_restart_budget_the_guard_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Supervisor._within_budget

    def endless(self: Supervisor, child: Any) -> bool:
        real(self, child)
        return True

    monkeypatch.setattr(Supervisor, "_within_budget", endless)
    with notices("stopped and told"):
        test_guard_restart_budget()


# --- one running per key ---------------------------------------------------------------------------------------------


async def assert_no_key_is_handled_twice_at_once(made: World) -> None:
    """Orders that are nudged again and again while they are handled: each is in one handler's hands at a time."""
    await made.ready()
    orders = made.engine.actors[Flow.ORDERS]
    twice: Counter[str] = Counter()
    overlapped: set[str] = set()

    def look(envelope: Envelope) -> None:
        held = Counter(other.subject for other in orders._handling.values())
        twice.update(subject for subject, hands in held.items() if hands > 1)

    made.daemon.on_handle = look
    placed = [made.place() for _ in range(6)]
    await made.until(lambda: all(made.daemon.state(order_id) for order_id in placed), within=MINUTE, every=0.05)
    for _ in range(200):
        for order_id in placed:
            await made.daemon.nudge(order_id)
        await made.clock.sleep(0.05)
        overlapped.update(other.subject for other in orders._handling.values())
    assert overlapped == set(placed), "too little happened to mean anything"
    assert not twice, f"one at a time: {dict(twice)}"
    await made.exported(*placed, within=10 * MINUTE)
    assert_exactly_once(made)


@virtual
async def test_guard_one_running_per_key() -> None:
    async with world(13) as made:
        await assert_no_key_is_handled_twice_at_once(made)


def without_the_question(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a claim not ask whether its key runs already."""
    assert outbox._NO_TWIN_RUNS in outbox._CLAIMABLE
    monkeypatch.setattr(outbox, "_CLAIMABLE", outbox._CLAIMABLE.replace(outbox._NO_TWIN_RUNS, "TRUE"))


@virtual
async def _no_key_twice_without_the_index() -> None:
    async with world(13) as made:
        await made.ready()
        await made.daemon.write(lambda connection: connection.execute("DROP INDEX one_running_per_key").fetchone())
        await assert_no_key_is_handled_twice_at_once(made)


def test_without_one_running_per_key_the_guard_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    without_the_question(monkeypatch)
    with notices("one at a time"):
        _no_key_twice_without_the_index()


def claim_a_running_key(connection: sqlite3.Connection) -> list[Envelope]:
    """Claim a key that runs, as far as the code and the file let it."""
    for _ in range(2):
        outbox.accept(connection, nudge("a"), now=NOW)
        claimed = outbox.claim(connection, Flow.ORDERS, limit=1, now=NOW)
    return claimed


def test_guard_the_index_behind_the_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim that forgets to ask is refused by the file itself: nothing is claimed twice."""
    with closing(fresh(tmp_path)) as connection:
        assert claim_a_running_key(connection) == []
        without_the_question(monkeypatch)
        with pytest.raises(sqlite3.IntegrityError, match=r"outbox\.flow, outbox\.subject"):
            outbox.claim(connection, Flow.ORDERS, limit=1, now=NOW)


def test_without_the_index_behind_the_question_the_file_lets_it_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(fresh(tmp_path)) as connection:
        without_the_question(monkeypatch)
        connection.execute("DROP INDEX one_running_per_key")
        assert len(claim_a_running_key(connection)) == 1


# --- the look-up before a repeat -------------------------------------------------------------------------------------


async def assert_one_sale_whatever_answers_are_lost(made: World) -> None:
    """L2: three orders whose create was executed and whose answer was lost have one sale each."""
    await made.ready()
    for _ in range(3):
        made.cin7_faults.plan("sale_create", Fault(kind=FaultKind.DROP_AFTER))
        order_id = made.place()
        await made.in_state(order_id, "in_doubt")
    await made.clock.sleep(10 * MINUTE)
    assert made.states() == {"exported": 3}, made.states()
    assert assert_exactly_once(made) == 3


@virtual
async def test_guard_look_up_before_a_repeat() -> None:
    async with world(14) as made:
        await assert_one_sale_whatever_answers_are_lost(made)


def test_without_the_look_up_before_a_repeat_the_guard_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    async def not_there(desk: object, case: object) -> Conclusion:
        return Conclusion(verdict=Verdict.NOT_THERE)

    monkeypatch.setattr(looking, "look_up", not_there)
    with notices("2 live sales"):
        test_guard_look_up_before_a_repeat()


# --- events of known versions ----------------------------------------------------------------------------------------


async def assert_our_own_echo_causes_no_work(made: World) -> None:
    """commercetools tells of the very write by which an order is marked as exported: nothing is read for it."""
    senders = Senders(made, delay_seconds=(1.0, 1.0))
    senders.start()
    await made.ready()
    order_id = made.place()
    await made.exported(order_id)
    echo, order = senders.postman.letters[-1].payload, made.shop.orders[order_id]
    assert (echo["notificationType"], echo["version"]) == ("ResourceUpdated", order["version"])
    assert order["syncInfo"], "the last event is of our own write"
    before = made.calls("order_read")
    handled: list[str] = []
    made.daemon.on_handle = lambda envelope: handled.append(envelope.subject)
    await made.clock.sleep(MINUTE)
    assert identity(echo) in made.read(_events), "it never came"
    assert not [subject for subject in handled if order_id in subject], "echo: the order was looked at"
    assert made.calls("order_read") == before, "echo: the order was read"


def _events(connection: sqlite3.Connection) -> set[str]:
    return {row[0] for row in connection.execute("SELECT identity FROM notifications WHERE door = 'sqs'")}


@virtual
async def test_guard_our_own_echo() -> None:
    async with world(15, the_plan=plan_with_doors(names=frozenset({SQS}))) as made:
        await assert_our_own_echo_causes_no_work(made)


def test_without_the_version_of_events_the_guard_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "_known", lambda *_: Known())
    with notices("echo"):
        test_guard_our_own_echo()


# --- the census's judging of sales -----------------------------------------------------------------------------------


async def assert_the_census_names_what_is_wrong_with_sales(made: World) -> None:
    """A sale deleted, a second one, one voided and one made by hand: each is named by the next census, and clears."""
    await made.ready()
    gone, twice, voided = (made.place() for _ in range(3))
    by_hand = made.place(payment=PaymentDraft(status="pending"))
    await made.exported(gone, twice, voided)
    sale_of = {order_id: made.cin7.live_sales(external_id=f"{PREFIX}{order_id}")[0] for order_id in (gone, voided)}
    number_of = {order_id: order["orderNumber"] for order_id, order in made.shop.orders.items()}
    await made.clock.sleep(3 * MINUTE)
    made.cin7.remove_sale(sale_of[gone].id)
    made.cin7.void_by_hand(sale_of[voided].id)
    second = made.cin7.add_sale_by_hand(number_of[twice])
    strange = made.cin7.add_sale_by_hand(number_of[by_hand])
    await made.clock.sleep(3 * MINUTE)
    await made.daemon.census()
    named = {
        order_id: [row.type for row in made.daemon.open_exceptions(order_id) if row.type in KINDS]
        for order_id in (gone, twice, voided, by_hand)
    }
    assert named == {
        gone: ["sale_gone"],
        twice: ["sales_two"],
        voided: ["sale_voided_there"],
        by_hand: ["sale_by_hand"],
    }, f"census: {named}"
    told = {row.type: row.cause for row in made.daemon.open_exceptions()}
    assert second.order_number in told["sales_two"]
    assert strange.order_number in told["sale_by_hand"]
    made.cin7.void_by_hand(second.id)
    made.cin7.void_by_hand(strange.id)
    await made.clock.sleep(3 * MINUTE)
    await made.daemon.census()
    assert not {"sales_two", "sale_by_hand"} & {*made.daemon.open_types()}, "census: it clears"


@virtual
async def test_guard_the_census_names_sales() -> None:
    # With fulfilment on, a void sale is found by the sweep, and waits for a person before any census.
    async with world(16, the_plan=plan(fulfilment=FulfilmentRules(enabled=False))) as made:
        await assert_the_census_names_what_is_wrong_with_sales(made)


def test_without_the_judging_of_sales_the_guard_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Judge, "judge_sales", lambda *_, **__: None)
    with notices("census"):
        test_guard_the_census_names_sales()
