"""What people do to exceptions: to one, to several, to all that a filter matches; once, whatever happens in between."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from actors.desk.actor import CONCURRENCY
from actors.desk.alerting import next_look
from actors.domain.exception_life import ExceptionFilter
from actors.domain.order_state import OrderState
from actors.domain.time import format_instant
from actors.messages import Flow
from adapters.operator.access import SOCKET, Person
from adapters.operator.desk_api import Deed, DeedItemQuery, DeedListQuery
from adapters.operator.problems import ProblemError
from daemon import actions
from daemon.actions import Act
from daemon.desk import deeds as doing
from daemon.desk import previewing
from daemon.desk.exceptions import ExceptionDesk
from daemon.secrets import OperatorToken, Secrets
from storage import audit, bodies, books, deeds, exceptions, orders, outbox
from storage.deeds import DeedFilter
from storage.exceptions import ExceptionRow, Record
from tests.ct_documents import order_document
from tests.daemon_app import NOW, TestApp, assembled
from tests.desk_house import held_orders, order_id, told
from tests.patched_file import SEALER, SHIPPING
from tests.stored import fresh

EVE = Person(name="eve", roles=frozenset({"ecommerce"}))
FINN = Person(name="finn", roles=frozenset({"finance"}))
OLA = Person(name="ola", roles=frozenset({"ops"}))
VERA = Person(name="vera", roles=frozenset({"viewer"}))
ADA = Person(name="ada", roles=frozenset({"admin"}))
KEY = "a-key-of-its-own"
ALL = ExceptionFilter(type="sku_unknown")


async def nudged(app: TestApp, flow: Flow = Flow.ORDERS) -> set[str]:
    return await app.engine.database.read(lambda connection: outbox.waiting_keys(connection, flow, ""))


async def finished(app: TestApp, key: str = KEY) -> None:
    while await doing.step(app, key):
        pass


def held(count: int) -> Callable[[sqlite3.Connection], None]:
    return lambda connection: held_orders(connection, count)


async def test_all_that_a_filter_matches_is_done_step_by_step(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(250)) as app:
        desk = ExceptionDesk(app)
        begun = await desk.do(KEY, Deed(action="retry", where=ALL, reason="the SKU is there now"), EVE)
        assert (begun["total"], begun["done"], begun["ended_at"]) == (250, 0, None)
        assert f"deed:{KEY}" in await nudged(app, Flow.DESK)
        assert await doing.step(app, KEY)
        halfway = await desk.deed(KEY)
        assert halfway is not None
        assert (halfway["done"], halfway["waiting"]) == (doing.STEP, 250 - doing.STEP)
        await finished(app)
        ended = await desk.deed(KEY)
        assert ended is not None
        assert (ended["done"], ended["waiting"], ended["message"]) == (250, 0, "250 of 250 done.")
        assert await nudged(app) == {order_id(number) for number in range(1, 251)}


async def test_the_same_key_does_it_once(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(3)) as app:
        desk = ExceptionDesk(app)
        deed = Deed(action="retry", where=ALL, reason="again")
        first = await desk.do(KEY, deed, EVE)
        again = await desk.do(KEY, deed, EVE)
        assert first == again
        [kept], _, _ = await app.engine.database.read(lambda connection: deeds.page(connection, DeedFilter(), limit=10))
        assert (kept.done, kept.total) == (3, 3)
        retried = await app.engine.database.read(lambda connection: audit.of_record(connection, f"order:{order_id(1)}"))
        assert len(retried) == 1
        with pytest.raises(ProblemError) as refused:
            await desk.do(KEY, Deed(action="dismiss", where=ALL, reason="again"), EVE)
        assert refused.value.status == 409


@pytest.mark.parametrize(
    "other",
    [
        Deed(action="retry", ids=(1, 2), reason="again"),
        Deed(action="retry", where=ALL, reason="again"),
        Deed(action="retry", ids=(1,), reason="another"),
    ],
)
async def test_a_key_is_never_that_of_another_deed(tmp_path: Path, other: Deed) -> None:
    """Whoever sends one key for something else hears so, and not that it is done."""
    async with assembled(tmp_path, held(3)) as app:
        await ExceptionDesk(app).do(KEY, Deed(action="retry", ids=(1,), reason="again"), EVE)
        with pytest.raises(ProblemError) as refused:
            await ExceptionDesk(app).do(KEY, other, EVE)
        assert refused.value.status == 409


async def test_what_an_edit_of_many_says_of_people_is_kept_with_the_orders_alone(tmp_path: Path) -> None:
    """Whoever is erased with their order is erased: no copy waits under the key of a deed."""
    async with assembled(tmp_path, held(2)) as app:
        note = Deed(action="note", ids=(1, 2), reason="asked", values={"note": "for Ann Smith"})
        done = await ExceptionDesk(app).do(KEY, note, ADA)
        assert done["ended_at"] is not None
        kept = await app.engine.database.read(lambda connection: bodies.of_order(connection, KEY))
        assert kept == []


@pytest.mark.parametrize(
    ("action", "values"), [("address", {"city": "Kiel", "street": "Ring 3"}), ("contact", {"phone": "+49 431 1"})]
)
@pytest.mark.parametrize("which", [{"ids": (1, 2, 3)}, {"where": ALL}], ids=["ticked", "all that match"])
async def test_address_and_contact_of_many_are_shown_and_then_edited_once(
    tmp_path: Path, action: str, values: dict[str, str], which: dict[str, Any]
) -> None:
    def one_is_gone(connection: sqlite3.Connection) -> None:
        held_orders(connection, 3)
        for number in (1, 2):
            read = order_document(id=order_id(number), orderNumber=f"H-{number}", shippingAddress=SHIPPING)
            sealed = SEALER.seal(json.dumps(read).encode(), order_id=order_id(number), kind="order")
            bodies.put(connection, order_id(number), "order", version=1, sealed=sealed, now=NOW)
        orders.move(connection, order_id(3), OrderState.CANCELLED, now=NOW + 240_000, reason="cancelled")

    async with assembled(tmp_path, one_is_gone) as app:
        desk, deed = ExceptionDesk(app), Deed(action=action, reason="they called", values=values, **which)
        shown = await desk.preview(deed, OLA)
        [would], [refused] = shown["would"], shown["refused"]
        assert (shown["count"], would["count"], refused["count"]) == (3, 2, 1)
        assert (shown["calls"], shown["minutes"]) == (4, 0.1)
        assert await app.engine.database.read(_edited) == []
        for _ in range(2):
            done = await desk.do(KEY, deed, OLA)
        assert (done["total"], done["refused"], done["waiting"]) == (3, 1, 0)
        assert await app.engine.database.read(_edited) == [(order_id(1), action), (order_id(2), action)]
        assert (await desk.preview(deed, FINN))["allowed"] is False


def _edited(connection: sqlite3.Connection) -> list[tuple[str, str]]:
    return connection.execute("SELECT order_id, field FROM patches ORDER BY order_id").fetchall()


@pytest.mark.parametrize("how", ["its time is over", "another storage key"])
async def test_a_deed_whose_values_can_be_read_no_more_comes_to_its_end(tmp_path: Path, how: str) -> None:
    """It would be begun again for ever, and stand as under way."""

    def spoil(connection: sqlite3.Connection) -> None:
        if how == "its time is over":
            connection.execute("DELETE FROM bodies WHERE order_id = ?", (KEY,))
        else:
            connection.execute("UPDATE bodies SET sealed = zeroblob(64) WHERE order_id = ?", (KEY,))

    async with assembled(tmp_path, held(30)) as app:
        await ExceptionDesk(app).do(KEY, Deed(action="note", where=ALL, reason="asked", values={"note": "x"}), ADA)
        await app.engine.database.run(spoil)
        await finished(app)
        ended = await ExceptionDesk(app).deed(KEY)
        assert ended is not None
        assert (ended["refused"], ended["waiting"]) == (30, 0)
        assert ended["refusals"][0]["message"].startswith("What was to be put in is kept no longer")


@pytest.mark.parametrize("action", ["alias", "note", "retry", "assign"])
async def test_no_row_of_a_deed_holds_what_may_be_about_a_person(tmp_path: Path, action: str) -> None:
    """Whatever a request puts beside what its action takes."""
    said = {"sku": "GONE", "alias": "HERE", "note": "for Ann", "street": "Ann's Way 1"}
    async with assembled(tmp_path, held(1)) as app:
        deed = Deed(action=action, ids=(1,), reason="two\nlines", to="ola", until="Ann, in a week", values=said)
        await ExceptionDesk(app).do(KEY, deed, ADA)
        kept = await app.engine.database.read(lambda file: file.execute("SELECT * FROM deeds").fetchall())
        assert "Ann" not in str(kept)
        assert "two lines" in str(kept)


@pytest.mark.parametrize(
    ("deed", "then"),
    [
        (Deed(action="assign", ids=(1,), to="eve", values={"to": "Ann Smith, Way 1"}), ("eve", None)),
        (
            Deed(action="snooze", ids=(1,), until=format_instant(NOW + 3_600_000), values={"until": "2099-01-01"}),
            ("", NOW + 3_600_000),
        ),
    ],
)
async def test_what_an_edit_would_put_in_is_nothing_to_another_action(
    tmp_path: Path, deed: Deed, then: tuple[str, int | None]
) -> None:
    """Whom it goes to, and until when, was judged: no other text takes its place on the way."""
    async with assembled(tmp_path, held(1)) as app:
        done = await ExceptionDesk(app).do(KEY, deed, EVE)
        row = await app.engine.database.read(lambda connection: exceptions.get(connection, 1))
        assert row is not None
        assert (done["done"], row.assignee, row.snoozed_until) == (1, *then)


async def test_thousands_are_gone_through_where_nobody_waits_for_the_writer(tmp_path: Path) -> None:
    """They are chosen on the connection that reads; the commit only writes them down."""
    async with assembled(tmp_path, held(3)) as app:
        wanted = await app.engine.database.read(
            lambda connection: doing.choose(app, connection, KEY, Deed(action="retry", where=ALL), EVE)
        )
        assert wanted == [1, 2, 3]


def test_alerts_have_their_turn_however_many_deeds_are_under_way(tmp_path: Path) -> None:
    """As many as the desk works at side by side, each with more to do whenever it is asked."""
    with closing(fresh(tmp_path)) as connection:
        for number in range(CONCURRENCY):
            outbox.accept(connection, doing.nudge(f"deed-{number}", NOW), now=NOW)
        outbox.accept(connection, next_look(NOW + 1), now=NOW)
        seen: list[str] = []
        for turn in range(3):
            now = NOW + 1 + turn
            for envelope in outbox.claim(connection, Flow.DESK, limit=CONCURRENCY, now=now):
                seen.append(envelope.subject)
                outbox.retry(connection, envelope, due_at=now + 1, reason="more")
        assert seen.index("alerts") <= CONCURRENCY


async def test_a_deed_of_few_is_done_in_its_answer(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(2)) as app:
        done = await ExceptionDesk(app).do(KEY, Deed(action="retry", ids=(1,)), EVE)
        assert done["ended_at"] is not None
        assert done["message"] == "Order H-1 is looked at again now."


async def test_what_matches_is_settled_when_it_is_asked_for(tmp_path: Path) -> None:
    """What is found only afterwards was not in the preview, and is not touched."""
    async with assembled(tmp_path, held(30)) as app:
        desk = ExceptionDesk(app)
        await desk.do(KEY, Deed(action="assign", where=ALL, to="eve"), EVE)
        record = Record(kind="order", id="late")
        await app.engine.database.run(lambda connection: told(connection, "sku_unknown", record))
        await finished(app)
        late = await app.engine.database.read(lambda connection: exceptions.of_record(connection, "order", "late"))
        assert late[0].assignee == ""


async def test_one_that_is_refused_stops_no_other(tmp_path: Path) -> None:
    def mixed(connection: sqlite3.Connection) -> None:
        held_orders(connection, 2)
        told(connection, "message_quarantined", Record(kind="message", id="m"), field="orders")

    async with assembled(tmp_path, mixed) as app:
        done = await ExceptionDesk(app).do(KEY, Deed(action="dismiss", reason="booked by hand"), ADA)
        assert (done["done"], done["refused"], done["total"]) == (2, 1, 3)
        assert done["refusals"][0]["message"].startswith("Refused: its message is set aside")
        record = await app.engine.database.read(lambda connection: orders.get(connection, order_id(1)))
        assert record is not None
        assert record.state is OrderState.EXCLUDED


async def test_what_is_refused_half_way_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(app: TestApp, row: ExceptionRow, *, author: str, reason: str) -> Act:
        def unit(connection: sqlite3.Connection) -> actions.Done:
            audit.write(connection, author=author, action="half", record=f"exception:{row.id}", now=NOW)
            raise ProblemError(409, "Not after all.")

        return Act(unit, lambda _done: None)

    monkeypatch.setattr(actions, "retrying", half)
    async with assembled(tmp_path, held(2)) as app:
        done = await ExceptionDesk(app).do(KEY, Deed(action="retry", where=ALL), EVE)
        assert (done["done"], done["refused"]) == (0, 2)
        left = await app.engine.database.read(lambda connection: audit.of_record(connection, "exception:1"))
        assert left == []


async def test_a_kill_between_two_steps_repeats_nothing(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(150)) as app:
        await ExceptionDesk(app).do(KEY, Deed(action="retry", where=ALL), EVE)
        await doing.step(app, KEY)
    async with assembled(tmp_path, lambda _connection: None) as app:
        await finished(app)
        rows = await app.engine.database.read(
            lambda connection: connection.execute("SELECT count(*), count(DISTINCT record) FROM audit").fetchone()
        )
        # One row for the deed, and one for each order.
        assert rows == (151, 151)


# -- who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("person", "code", "action", "allowed"),
    [
        (EVE, "sku_unknown", "dismiss", True),
        (FINN, "sku_unknown", "dismiss", False),
        (VERA, "sku_unknown", "retry", False),
        (VERA, "sku_unknown", "assign", False),
        (OLA, "sku_unknown", "assign", True),
        (EVE, "tax_unmapped", "dismiss", False),
        (FINN, "tax_unmapped", "dismiss", True),
        (Person(name="ian", roles=frozenset({"it"})), "tax_unmapped", "dismiss", False),
        (Person(name="ian", roles=frozenset({"it"})), "tax_unmapped", "retry", True),
        (ADA, "tax_unmapped", "dismiss", True),
        (Person(), "sku_unknown", "retry", False),
    ],
)
async def test_who_may_do_what(tmp_path: Path, person: Person, code: str, action: str, allowed: bool) -> None:
    async with assembled(tmp_path, lambda connection: held_orders(connection, 1, code=code)) as app:
        deed = Deed(action=action, ids=(1,), reason="why", to="somebody")
        if allowed:
            assert (await ExceptionDesk(app).do(KEY, deed, person))["done"] == 1
            return
        with pytest.raises(ProblemError) as refused:
            await ExceptionDesk(app).do(KEY, deed, person)
        assert refused.value.status == 403


@pytest.mark.parametrize(("now", "done"), [({"ecommerce", "ops"}, 30), ({"viewer"}, 0), ({"finance"}, 0), (set(), 0)])
async def test_who_lost_a_role_meanwhile_does_no_more_by_a_deed_that_waits(
    tmp_path: Path, now: set[str], done: int
) -> None:
    """A deed of thousands goes on after a start; the list of tokens may be another one by then."""
    async with assembled(tmp_path, held(30)) as app:
        await ExceptionDesk(app).do(KEY, Deed(action="retry", where=ALL), EVE)
        known = [OperatorToken("eve", frozenset(now), bytes(32))] if now else []
        tokens = (*known, OperatorToken("ada", frozenset({"admin"}), bytes(32)))
        app.secrets = Secrets({}, storage_key=bytes(32), operator_tokens=tokens)
        await finished(app)
        ended = await ExceptionDesk(app).deed(KEY)
        assert ended is not None
        assert (ended["done"], ended["refused"]) == (done, 30 - done)


async def test_who_came_through_the_socket_needs_no_token(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(1)) as app:
        eve = OperatorToken("eve", frozenset({"viewer"}), bytes(32))
        app.secrets = Secrets({}, storage_key=bytes(32), operator_tokens=(eve,))
        here = Person(name="eve", roles=frozenset({"admin", SOCKET}))
        assert (await ExceptionDesk(app).do(KEY, Deed(action="retry", where=ALL), here))["done"] == 1


async def test_what_only_some_of_may_be_done_is_done_in_part(tmp_path: Path) -> None:
    def mixed(connection: sqlite3.Connection) -> None:
        held_orders(connection, 1)
        told(connection, "tax_rule_changed", Record(kind="tax_rule", id="20%"))

    async with assembled(tmp_path, mixed) as app:
        done = await ExceptionDesk(app).do(KEY, Deed(action="dismiss", reason="known"), EVE)
        assert (done["done"], done["refused"]) == (1, 1)
        assert done["refusals"][0]["message"] == "Refused: this needs the role finance."


@pytest.mark.parametrize(
    ("deed", "told_of"),
    [
        (Deed(action="burn"), "action"),
        (Deed(action="dismiss"), "reason"),
        (Deed(action="dismiss", reason=" \n"), "reason"),
        (Deed(action="retry", reason="x" * 501), "reason"),
        (Deed(action="assign"), "to"),
        (Deed(action="snooze", until="tomorrow"), "until"),
        (Deed(action="snooze", until=format_instant(NOW)), "until"),
        (Deed(action="snooze", until=format_instant(NOW + 91 * 86_400_000)), "until"),
        (Deed(action="alias", reason="typo"), "values"),
        (Deed(action="retry", where=ExceptionFilter(owner="nobody")), "owner"),
        (Deed(action="retry", where=ExceptionFilter(type="nothing")), "type"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_field(tmp_path: Path, deed: Deed, told_of: str) -> None:
    async with assembled(tmp_path, held(1)) as app:
        with pytest.raises(ProblemError) as refused:
            await ExceptionDesk(app).do(KEY, deed, ADA)
        assert refused.value.status == 400
        assert refused.value.detail.startswith(told_of)


async def test_what_finance_holds_nobody_else_takes_out_of_tallyd_for_good(tmp_path: Path) -> None:
    def both(connection: sqlite3.Connection) -> None:
        held_orders(connection, 2)
        told(connection, "tax_unmapped", Record(kind="order", id=order_id(1)))
        told(connection, "books_differ", Record(kind="order", id=order_id(2)))

    async with assembled(tmp_path, both) as app:
        desk = ExceptionDesk(app)
        with pytest.raises(ProblemError) as refused:
            await desk.do(KEY, Deed(action="dismiss", ids=(1,), reason="booked by hand"), EVE)
        assert (refused.value.status, "finance" in refused.value.detail) == (403, True)
        by_eve = await desk.do("another-key", Deed(action="dismiss", ids=(2,), reason="booked by hand"), EVE)
        by_finn = await desk.do("a-third-key", Deed(action="dismiss", ids=(1,), reason="booked by hand"), FINN)
        assert (by_eve["done"], by_finn["done"]) == (1, 1)


async def test_an_order_is_accepted_as_it_was_changed_by_those_who_own_that_and_the_preview_says_so(
    tmp_path: Path,
) -> None:
    def changed(connection: sqlite3.Connection) -> None:
        held_orders(connection, 1, code="order_edited")
        told(connection, "product_deprecated", Record(kind="order", id=order_id(1)))

    async with assembled(tmp_path, changed) as app:
        desk, release = ExceptionDesk(app), Deed(action="release", ids=(2,), reason="as it is")
        assert not (await desk.preview(release, EVE))["allowed"]
        shown = await desk.preview(release, OLA)
        assert shown["would"][0]["what"].startswith("its order is accepted as it was changed")
        done = await desk.do(KEY, release, OLA)
        assert done["message"].startswith("Order H-1 is accepted as it was changed")


async def test_a_day_is_released_with_a_reason_alone(tmp_path: Path) -> None:
    def waits(connection: sqlite3.Connection) -> None:
        told(connection, "posting_waits", Record(kind="books", id="2026-11-25"))

    async with assembled(tmp_path, waits) as app:
        done = await ExceptionDesk(app).do(KEY, Deed(action="release", ids=(1,)), FINN)
        assert (done["done"], done["refused"], "a reason is needed" in done["message"]) == (0, 1, True)


@pytest.mark.parametrize(("booked", "allowed"), [(True, True), (False, False)])
async def test_of_a_cancelled_order_books_can_be_looked_at_again_and_nothing_else(
    tmp_path: Path, booked: bool, allowed: bool
) -> None:
    def cancelled(connection: sqlite3.Connection) -> None:
        held_orders(connection, 1)
        orders.move(connection, order_id(1), OrderState.CANCELLED, now=NOW)
        if booked:
            books.begin(connection, order_id(1), "sale", "GBP")

    async with assembled(tmp_path, cancelled) as app:
        assert (await ExceptionDesk(app).preview(Deed(action="retry"), ADA))["allowed"] == allowed
        done = await ExceptionDesk(app).do(KEY, Deed(action="retry"), ADA)
        assert (done["done"], done["refused"]) == (int(allowed), int(not allowed))


async def test_an_order_that_never_could_be_read_is_looked_at_again(tmp_path: Path) -> None:
    def unknown(connection: sqlite3.Connection) -> None:
        told(connection, "order_unreadable", Record(kind="order", id="odd"))

    async with assembled(tmp_path, unknown) as app:
        desk = ExceptionDesk(app)
        assert (await desk.preview(Deed(action="retry"), ADA))["would"][0]["what"] == "what it is about is asked again"
        assert (await desk.do(KEY, Deed(action="retry"), ADA))["done"] == 1
        assert await nudged(app) == {"odd"}
        dismissed = await desk.do("dismiss-it", Deed(action="dismiss", reason="a test"), ADA)
        assert "the census tells of it" in dismissed["message"]


async def test_what_would_go_to_zero_is_confirmed_by_those_who_sell_it(tmp_path: Path) -> None:
    def many(connection: sqlite3.Connection) -> None:
        told(connection, "stock_mass_zero", Record(kind="flow", id="stock"))

    async with assembled(tmp_path, many) as app:
        desk, retry = ExceptionDesk(app), Deed(action="retry", ids=(1,))
        assert not (await desk.preview(retry, Person(name="ian", roles=frozenset({"it"}))))["allowed"]
        shown = await desk.preview(retry, OLA)
        assert shown["would"][0]["what"].startswith("the zeros are confirmed")


# -- the life of one --------------------------------------------------------------------------------------------------


async def test_an_exception_is_assigned_rests_and_wakes(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(1)) as app:
        desk = ExceptionDesk(app)

        async def stands() -> str:
            found = await desk.exception(1)
            assert found is not None
            return str(found["stage"])

        assert await stands() == "open"
        await desk.do("assign-it", Deed(action="assign", ids=(1,), to="eve"), EVE)
        assert await stands() == "assigned"
        until = format_instant(NOW + 3_600_000)
        await desk.do("snooze-it", Deed(action="snooze", ids=(1,), until=until), EVE)
        assert await stands() == "snoozed"
        await desk.do("wake-it-up", Deed(action="wake", ids=(1,)), EVE)
        assert await stands() == "assigned"
        await desk.do("snooze-again", Deed(action="snooze", ids=(1,), until=until), EVE)
        await app.engine.clock.sleep(3_601)
        assert await stands() == "assigned"
        found = await desk.exception(1)
        assert found is not None
        assert [one["what"] for one in found["life"]] == ["opened", "assign", "snooze", "wake", "snooze"]


async def test_that_something_rests_and_whose_it_is_stands_in_the_audit(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(1)) as app:
        desk = ExceptionDesk(app)
        await desk.do("assign-it", Deed(action="assign", ids=(1,), to="eve", reason="hers"), OLA)
        await desk.do("again-key", Deed(action="assign", ids=(1,), to="eve", reason="hers"), OLA)
        until = format_instant(NOW + 3_600_000)
        await desk.do("snooze-it", Deed(action="snooze", ids=(1,), until=until), EVE)
        rows = await app.engine.database.read(lambda connection: audit.of_record(connection, "exception:1"))
        assert [(author, action) for _, author, action, _ in rows] == [("ola", "assign"), ("eve", "snooze")]
        assert ["eve" in rows[0][3], until in rows[1][3]] == [True, True]


async def test_what_comes_back_is_reopened_and_belongs_to_whom_it_belonged(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(1)) as app:
        desk = ExceptionDesk(app)
        await desk.do("assign-it", Deed(action="assign", ids=(1,), to="eve"), EVE)
        record = Record(kind="order", id=order_id(1))

        def again(connection: sqlite3.Connection) -> int:
            exceptions.clear(connection, record, resolution="judged again", now=NOW + 10)
            return told(connection, "sku_unknown", record, at=NOW + 20, sku="GONE")

        back = await app.engine.database.run(again)
        found = await desk.exception(back)
        assert found is not None
        assert (found["reopens"], found["assignee"], found["stage"]) == (1, "eve", "assigned")
        assert found["life"][0]["what"] == "reopened"


async def test_the_page_of_one_says_what_can_be_done(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(4)) as app:
        found = await ExceptionDesk(app).exception(2)
        assert found is not None
        assert found["actions"] == [
            "retry", "release", "dismiss", "assign", "snooze", "address", "alias", "contact", "note"
        ]  # fmt: skip
        assert (found["siblings"], found["order"]["number"], found["money"]) == (4, "H-2", False)
        assert await ExceptionDesk(app).exception(99) is None


async def test_what_is_not_kept_any_more_is_not_offered_nor_promised(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(4)) as app:
        await app.engine.database.run(lambda connection: bodies.expire(connection, before=NOW + 150_000))
        desk = ExceptionDesk(app)
        shown = await desk.preview(Deed(action="note", where=ALL, values={"note": "x"}), ADA)
        assert [one["count"] for one in shown["would"]] == [2]
        assert [one["count"] for one in shown["refused"]] == [2]
        assert "retry it" in shown["refused"][0]["why"]
        found = await desk.exception(1)
        assert found is not None
        assert not {"note", "address", "contact", "alias"} & set(found["actions"])


# -- before it is done ------------------------------------------------------------------------------------------------


async def test_a_preview_says_what_happens_and_what_it_costs(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(120)) as app:
        shown = await ExceptionDesk(app).preview(Deed(action="retry", where=ALL), EVE)
        assert shown["would"] == [
            {"what": "its order is judged again, and becomes a sale if nothing holds it", "count": 120}
        ]
        assert (shown["count"], shown["calls"], shown["minutes"], shown["allowed"]) == (120, 240, 4.0, True)
        assert await nudged(app) == set()
        assert (await ExceptionDesk(app).deeds(DeedListQuery()))["items"] == []


async def test_what_is_more_than_one_deed_settles_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previewing, "MOST_ITEMS", 2)
    async with assembled(tmp_path, held(5)) as app:
        shown = await ExceptionDesk(app).preview(Deed(action="retry", where=ALL), ADA)
        assert (shown["count"], shown["would"][0]["count"]) == (5, 2)
        assert shown["refused"] == [{"why": "one deed settles 2: ask again for the others", "count": 3}]
        assert (await ExceptionDesk(app).do(KEY, Deed(action="retry", where=ALL), ADA))["total"] == 2


async def test_several_of_one_order_cost_what_one_does(tmp_path: Path) -> None:
    def two(connection: sqlite3.Connection) -> None:
        held_orders(connection, 1)
        told(connection, "channel_unmapped", Record(kind="order", id=order_id(1), number="H-1"))

    async with assembled(tmp_path, two) as app:
        shown = await ExceptionDesk(app).preview(Deed(action="retry"), ADA)
        assert (shown["count"], shown["calls"]) == (2, 2)


async def test_dismissing_books_that_differ_is_shown_as_the_release_it_is(tmp_path: Path) -> None:
    def differ(connection: sqlite3.Connection) -> None:
        held_orders(connection, 3, code="books_differ")
        for number in (1, 2, 3):
            books.begin(connection, order_id(number), f"sale-{number}", "GBP")
        connection.execute("UPDATE books SET verdict = 'differs' WHERE order_id = ?", (order_id(1),))

    async with assembled(tmp_path, differ) as app:
        shown = await ExceptionDesk(app).preview(Deed(action="dismiss"), FINN)
        assert {one["what"]: one["count"] for one in shown["would"]} == {
            "its books are accepted as they stand, and posted, where one may say so": 1,
            "it is closed with your reason": 2,
        }


async def test_some_that_are_named_are_all_there_is_to_settle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previewing, "MOST_ITEMS", 2)
    async with assembled(tmp_path, held(5)) as app:
        shown = await ExceptionDesk(app).preview(Deed(action="retry", ids=(1, 2)), ADA)
        assert (shown["count"], shown["refused"]) == (2, [])
        whole = await ExceptionDesk(app).preview(Deed(action="retry", where=ALL, ids=(1,)), ADA)
        assert (whole["count"], whole["refused"]) == (1, [])


async def test_what_clears_by_itself_alone_is_not_tried_again_and_the_preview_says_so(tmp_path: Path) -> None:
    def rule(connection: sqlite3.Connection) -> None:
        told(connection, "tax_rule_changed", Record(kind="tax_rule", id="20% (VAT on Income)"))

    async with assembled(tmp_path, rule) as app:
        shown = await ExceptionDesk(app).preview(Deed(action="retry"), ADA)
        why = "there is nothing to try again about it: it clears by itself once its cause is gone"
        assert (shown["allowed"], shown["why_not"]) == (False, why)
        assert (shown["calls"], shown["minutes"]) == (0, 0.0)


async def test_a_preview_names_ten_by_what_they_are_called(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(12)) as app:
        shown = await ExceptionDesk(app).preview(Deed(action="assign", where=ALL, to="eve"), EVE)
        assert [one["number"] for one in shown["examples"]] == [f"H-{number}" for number in range(1, 11)]


async def test_a_preview_tells_what_would_be_refused(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(2)) as app:
        shown = await ExceptionDesk(app).preview(Deed(action="dismiss", where=ALL), FINN)
        assert shown["refused"] == [{"why": "this needs the role ecommerce", "count": 2}]
        assert (shown["allowed"], shown["why_not"]) == (False, "this needs the role ecommerce")


async def test_nothing_that_matches_is_said_so(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(1)) as app:
        shown = await ExceptionDesk(app).preview(Deed(action="retry", where=ExceptionFilter(owner="it")), ADA)
        assert (shown["allowed"], shown["why_not"]) == (False, "nothing matches")
        with pytest.raises(ProblemError) as refused:
            await ExceptionDesk(app).do(KEY, Deed(action="retry", where=ExceptionFilter(owner="it")), ADA)
        assert refused.value.status == 409


async def test_deeds_and_their_items_are_listed_page_by_page_and_as_files(tmp_path: Path) -> None:
    async with assembled(tmp_path, held(5)) as app:
        desk = ExceptionDesk(app)
        await desk.do("first-of-all", Deed(action="snooze", where=ALL, until=format_instant(NOW + 3_600_000)), EVE)
        await desk.do("then-another", Deed(action="assign", ids=(1, 2), to="olga", reason="hers"), EVE)
        page = await desk.deeds(DeedListQuery(limit=1))
        assert ([one["key"] for one in page["items"]], page["total"]) == (["then-another"], 2)
        onwards = await desk.deeds(DeedListQuery(limit=1, after=page["next"]))
        assert ([one["key"] for one in onwards["items"]], onwards["next"]) == (["first-of-all"], None)
        text, more = await desk.deeds_csv(DeedListQuery(text="hers"), after="")
        assert (text.count("\r\n"), more) == (2, None)
        items = await desk.deed_items("first-of-all", DeedItemQuery(limit=4, descending=True))
        assert items is not None
        assert [one["exception"] for one in items["items"]] == [5, 4, 3, 2]
        assert items["total"] == 5
        rest = await desk.deed_items("first-of-all", DeedItemQuery(descending=True, after=str(items["next"])))
        assert rest is not None and [one["exception"] for one in rest["items"]] == [1]
        text, more = await desk.deed_items_csv("first-of-all", DeedItemQuery(outcome="done"), after="")
        assert (text.count("\r\n"), more) == (6, None)
        assert await desk.deed_items("of-no-deed", DeedItemQuery()) is None
        with pytest.raises(ProblemError, match="Nothing was asked"):
            await desk.deed_items_csv("of-no-deed", DeedItemQuery(), after="")
        beyond = base64.urlsafe_b64encode(b"[9223372036854775808,1]").decode().rstrip("=")
        for after in ("spoilt", "9" * 30, beyond):
            with pytest.raises(ProblemError, match="after"):
                await desk.deeds(DeedListQuery(after=after))
