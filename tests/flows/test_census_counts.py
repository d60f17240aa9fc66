"""The census over lists in memory: what it finds and when that is over, in how many calls, and what a kill costs."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from actors.census import counting, judging, mirror
from actors.domain.errors import Transient
from actors.domain.exception_types import Finding
from actors.domain.feed import OrderMark
from actors.domain.order_state import OrderState
from actors.domain.references import external_id
from actors.messages import Flow
from storage import exceptions, listed_sales, orders
from tests.census_house import DAY, HOUR, MINUTE, House, house, order_name, sale_of
from tests.orders_builder import plain_order
from tests.stored import NOW

_S = OrderState


async def begun(here: House) -> None:
    """Let the lists be read for the first time, and the first census be taken."""
    await here.nudge("sales")
    await here.work()
    await here.take(after=MINUTE)
    assert await here.open() == {}
    here.ledger.asked.clear()
    here.shop.asked.clear()


def lists(here: House) -> list[str]:
    """The calls of the census alone."""
    return [call for call in here.ledger.asked if call.startswith("list")]


# -- what is found, and when it is over -------------------------------------------------------------------------------

Change = Callable[[House], None]


def by_hand(here: House) -> None:
    here.ledger.put(90, customer_reference="N-1", updated=here.clock.now())


def by_hand_with_the_id(here: House) -> None:
    here.ledger.put(90, customer_reference=order_name(1), updated=here.clock.now())


def second_of_ours(here: House) -> None:
    here.ledger.put(90, external_id=external_id(order_name(1), 2), updated=here.clock.now())


def void(number: int) -> Change:
    return lambda here: void_now(here, number)


def void_now(here: House, number: int) -> None:
    here.ledger.put(number, status="VOIDED", updated=here.clock.now())


def stand(here: House) -> None:
    here.ledger.put(1, status="ORDERED", updated=here.clock.now())


def take_out(here: House) -> None:
    del here.ledger.sales["s1"]


def put_back(here: House) -> None:
    here.ledger.put(1, external_id=external_id(order_name(1), 1), updated=here.clock.now())


@pytest.mark.parametrize(
    ("state", "change", "found", "mend"),
    [
        (_S.EXPORTED, by_hand, "sales_two", void(90)),
        (_S.EXPORTED, by_hand_with_the_id, "sales_two", void(90)),
        (_S.EXPORTED, second_of_ours, "sales_two", void(90)),
        (_S.AWAITING, by_hand, "sale_by_hand", void(90)),
        (_S.CANCELLED, by_hand, "sale_by_hand", void(90)),
        (_S.EXPORTED, void(1), "sale_voided_there", stand),
        (_S.EXPORTED, take_out, "sale_gone", put_back),
        (_S.HELD, take_out, "sale_gone", put_back),
    ],
)
async def test_a_sale_that_is_not_as_it_should_be_is_named_and_over_when_it_is_mended(
    tmp_path: Path, state: OrderState, change: Change, found: str, mend: Change
) -> None:
    async with house(tmp_path) as here:
        await here.order(1, state=state, sale=state in (_S.EXPORTED, _S.HELD))
        for number in range(2, 6):
            await here.order(number)
        await begun(here)
        change(here)
        taken = await here.take()
        assert await here.open() == {order_name(1): [found]}
        assert taken["findings"] == {found: 1}
        [row] = await here.rows()
        assert row.record.number == "N-1"
        assert order_name(1) in row.facts["order"]
        assert ("SO-000090 (s90)" in str(row.facts)) == ("s90" in here.ledger.sales)
        await here.take()
        assert await here.open() == {order_name(1): [found]}, "told once"
        mend(here)
        assert (await here.take())["findings"] == {}
        assert await here.open() == {}


@pytest.mark.parametrize("state", [_S.EXCLUDED, _S.SHADOWED])
async def test_one_sale_by_hand_of_an_order_others_booked_is_fine_two_are_not(
    tmp_path: Path, state: OrderState
) -> None:
    async with house(tmp_path) as here:
        await here.order(1, state=state, sale=False)
        by_hand(here)
        await begun(here)
        here.ledger.put(91, customer_reference="N-1", updated=here.clock.now())
        await here.take()
        assert await here.open() == {order_name(1): ["sales_two"]}


@pytest.mark.parametrize("state", [_S.CREATING, _S.HEADER, _S.CANCELLING])
async def test_an_order_on_its_way_is_not_judged(tmp_path: Path, state: OrderState) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await begun(here)
        await here.order(2, state=state, cin7=False)
        by_hand(here)
        here.ledger.put(92, customer_reference="N-2", updated=here.clock.now())
        await here.take()
        assert await here.open() == {order_name(1): ["sales_two"]}


async def test_what_moved_a_moment_ago_is_judged_the_next_time(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await begun(here)
        here.later(HOUR)
        await here.order(2, created_at=here.clock.now(), cin7=False)
        await here.take(after=MINUTE)
        assert await here.open() == {}
        await here.take(after=5 * MINUTE)
        assert await here.open() == {order_name(2): ["sale_gone"]}


@pytest.mark.parametrize("moment", ["made_at", "voided_at"])
async def test_an_order_whose_sale_was_made_or_voided_a_moment_ago_is_not_judged(tmp_path: Path, moment: str) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await begun(here)
        by_hand(here)
        here.later(HOUR)
        at = here.clock.now()
        await here.write(lambda c: c.execute(f"UPDATE sales SET {moment} = ?", (at,)).rowcount)  # noqa: S608
        await here.take(after=MINUTE)
        assert await here.open() == {}
        await here.take(after=5 * MINUTE)
        assert await here.open() == {order_name(1): ["sales_two"]}


async def test_it_is_judged_so_many_sales_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "CHUNK", 3)
    async with house(tmp_path) as here:
        for number in range(1, 11):
            await here.order(number)
        await begun(here)
        void_now(here, 1)
        void_now(here, 9)
        del here.ledger.sales["s5"]
        here.ledger.put(90, customer_reference="N-7", updated=here.clock.now())
        here.ledger.put(91, external_id=external_id(order_name(99), 1), updated=here.clock.now())
        await here.nudge("sales")
        await here.work()
        taken = await here.take()
        assert await here.open() == {
            order_name(1): ["sale_voided_there"],
            order_name(5): ["sale_gone"],
            order_name(7): ["sales_two"],
            order_name(9): ["sale_voided_there"],
            "s91": ["sale_without_order"],
        }
        assert (taken["orders_with_sale"], taken["cin7"]) == (10, 8)


async def test_an_order_that_is_to_be_sent_again_is_not_judged(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await begun(here)
        void_now(here, 1)
        await here.write(lambda connection: orders.set_resend(connection, order_name(1), True))
        await here.take()
        assert await here.open() == {}


@pytest.mark.parametrize("change", [void(1), take_out])
async def test_a_cancelled_order_whose_sale_is_void_or_gone_is_the_orders_flows(tmp_path: Path, change: Change) -> None:
    async with house(tmp_path) as here:
        await here.order(1, state=_S.HELD, source_state="Cancelled")
        await here.order(2)
        await begun(here)
        await here.looks(Flow.ORDERS)
        change(here)
        await here.take()
        assert await here.open() == {}
        assert await here.looks(Flow.ORDERS) == [order_name(1)]


@pytest.mark.parametrize(
    ("code", "change"),
    [
        ("several_sales", by_hand),
        ("sale_vanished", take_out),
        ("sale_voided_by_hand", void(1)),
    ],
)
async def test_what_the_orders_flow_says_already_is_not_said_twice(tmp_path: Path, code: str, change: Change) -> None:
    async with house(tmp_path) as here:
        order_id = await here.order(1, state=_S.HELD)
        await begun(here)
        record = exceptions.Record(kind="order", id=order_id)
        finding = Finding(code=code, cause="as the orders flow says")
        await here.write(lambda c: exceptions.raise_finding(c, record, finding, now=NOW))
        change(here)
        await here.take()
        assert await here.open() == {order_id: [code]}
        await here.write(lambda c: exceptions.clear(c, record, resolution="a person", now=NOW))
        await here.take()
        assert [row.type for row in await here.rows()] != [code]
        assert len(await here.rows()) == 1


async def test_a_sale_still_to_be_taken_over_is_not_strange(tmp_path: Path) -> None:
    """Older than the file, and under the external id only tallyd writes: the orders flow looks for it first."""
    async with house(tmp_path) as here:
        await here.order(1, state=_S.AWAITING, sale=False, created_at=NOW - 10 * DAY)
        await here.write(lambda c: c.execute("UPDATE meta SET value = ? WHERE key = 'born_at'", (str(NOW),)).rowcount)
        here.ledger.put(1, external_id=external_id(order_name(1), 1), customer_reference="N-1")
        await begun(here)
        here.ledger.put(1, external_id="shop-77", updated=here.clock.now())
        await here.order(2, state=_S.AWAITING, sale=False, created_at=NOW)
        here.ledger.put(2, external_id=external_id(order_name(2), 1), updated=here.clock.now())
        await here.take()
        assert await here.open() == {order_name(1): ["sale_by_hand"], order_name(2): ["sale_by_hand"]}


@pytest.mark.parametrize(("reference", "found"), [("order-number", {order_name(1): ["sales_two"]}), ("id", {})])
async def test_an_orders_number_is_its_reference_only_where_the_file_says_so(
    tmp_path: Path, reference: str, found: dict[str, list[str]]
) -> None:
    async with house(tmp_path, posting={"order_reference": reference}) as here:
        await here.order(1)
        await begun(here)
        by_hand(here)
        await here.take()
        assert await here.open() == found
        by_hand_with_the_id(here)
        await here.take()
        assert await here.open() == {order_name(1): ["sales_two"]}
        by_hand(here)
        void_now(here, 1)
        await here.take()
        by_number = ["sale_by_hand"] if found else []
        assert await here.open() == {order_name(1): ["sale_voided_there", *by_number]}


async def test_the_sale_of_one_order_under_the_reference_of_another_is_named(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await here.order(2)
        await begun(here)
        here.ledger.put(2, customer_reference="N-1", updated=here.clock.now())
        await here.take()
        assert await here.open() == {order_name(1): ["sales_two"]}


async def test_a_sale_without_an_order_is_named_asked_for_and_over_once_the_order_is_known(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await begun(here)
        here.ledger.put(90, external_id=external_id(order_name(7), 1), updated=here.clock.now())
        here.ledger.put(91, external_id="ct-order:", updated=here.clock.now())
        here.ledger.put(92, external_id="ct-order:no order:1", updated=here.clock.now())
        await here.take(after=3 * MINUTE)
        assert await here.open() == {}, "it may have come a moment ago"
        await here.take()
        assert await here.open() == {f"s{n}": ["sale_without_order"] for n in (90, 91, 92)}
        assert (await here.rows())[0].facts == {"sale in Cin7 Core": "SO-000090 (s90)", "order": order_name(7)}
        assert await here.looks(Flow.INTAKE) == [f"order:{order_name(7)}"]
        here.later(DAY)
        await here.take()
        assert len(await here.rows()) == 3, "also by a whole reading"
        await here.order(7, state=_S.EXCLUDED, sale=False)
        void_now(here, 91)
        del here.ledger.sales["s92"]
        await here.take()
        assert await here.open() == {}


# -- orders that only one side lists ----------------------------------------------------------------------------------


async def test_an_order_nobody_brought_is_named_and_read(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        for number in range(1, 4):
            await here.order(number)
        await begun(here)
        await here.looks(Flow.INTAKE)
        strange = order_name(2)[:-1] + "1"
        mark = OrderMark(id=strange, number="N-77", version=3, created_at=NOW - 9 * DAY, state="Open")
        here.shop.orders[strange] = mark
        taken = await here.take()
        assert await here.open() == {strange: ["order_unlisted_here"]}
        [row] = await here.rows()
        assert (row.record.number, row.facts) == ("N-77", {"order": f"N-77 ({strange})", "state": "Open"})
        assert await here.looks(Flow.INTAKE) == [f"order:{strange}"]
        assert (taken["commercetools"], taken["tallyd"]) == (4, 3)
        del here.shop.orders[strange]
        await here.take()
        assert await here.looks(Flow.INTAKE) == [f"order:{strange}"], "the look ends it: it is no more there"
        here.shop.orders[strange] = mark
        made = plain_order(id=strange, number="N-77", created_at=NOW - 9 * DAY)
        await here.write(lambda connection: orders.accept(connection, made, now=NOW))
        await here.take()
        assert strange not in str(await here.looks(Flow.INTAKE))
        assert await here.open() == {}


async def test_an_order_nobody_can_read_is_known(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await begun(here)
        here.shop.orders["odd"] = OrderMark(id="odd", number=None, version=1, created_at=NOW - DAY, state="Open")
        await here.take()
        assert await here.open() == {"odd": ["order_unlisted_here"]}
        record = exceptions.Record(kind="order", id="odd")
        finding = Finding(code="order_unreadable", cause="no lineItems")
        await here.write(lambda c: exceptions.raise_finding(c, record, finding, now=NOW))
        taken = await here.take()
        assert await here.open() == {"odd": ["order_unreadable"]}
        assert (taken["commercetools"], taken["tallyd"], taken["unreadable"]) == (2, 1, 1)


async def test_an_order_deleted_there_is_named_once_and_not_counted_any_more(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        for number in range(1, 4):
            await here.order(number)
        await begun(here)
        await here.looks(Flow.ORDERS)
        mark = here.shop.orders.pop(order_name(2))
        await here.take()
        assert await here.open() == {order_name(2): ["order_unlisted_there"]}
        assert (await here.rows())[0].facts == {"order": order_name(2), "sale": "SO-000002 (s2)"}
        assert await here.looks(Flow.ORDERS) == [order_name(2)]
        here.shop.asked.clear()
        taken = await here.take()
        assert here.shop.asked == ["count", "list"], "the span agrees again, the last day is listed as ever"
        assert (taken["commercetools"], taken["tallyd"], taken["deleted_in_commercetools"]) == (2, 3, 1)
        assert await here.looks(Flow.ORDERS) == []
        here.shop.orders[order_name(2)] = mark
        await here.take()
        assert await here.open() == {}


async def test_of_a_deleted_order_one_exception_is_enough(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        order_id = await here.order(1)
        await begun(here)
        del here.shop.orders[order_id]
        await here.take()
        record = exceptions.Record(kind="order", id=order_id)
        deleted = Finding(code="order_deleted", cause="deleted")
        await here.write(lambda c: exceptions.raise_finding(c, record, deleted, now=NOW))
        await here.take()
        assert await here.open() == {order_id: ["order_deleted"]}


@pytest.mark.parametrize("state", [_S.CANCELLED, _S.EXCLUDED])
async def test_a_deleted_order_that_was_at_its_end_is_nobodys_business(tmp_path: Path, state: OrderState) -> None:
    async with house(tmp_path) as here:
        order_id = await here.order(1, state=state, sale=False)
        await begun(here)
        del here.shop.orders[order_id]
        taken = await here.take()
        assert await here.open() == {}
        assert await here.looks(Flow.ORDERS) == []
        assert taken["deleted_in_commercetools"] == 1


@pytest.mark.parametrize("state", [_S.ACCEPTED, _S.AWAITING, _S.HELD])
async def test_a_deleted_order_without_a_sale_stays_told_until_the_orders_flow_looked(
    tmp_path: Path, state: OrderState
) -> None:
    async with house(tmp_path) as here:
        order_id = await here.order(1, state=state, sale=False)
        await begun(here)
        mark = here.shop.orders.pop(order_id)
        for _ in range(3):
            await here.take()
            assert await here.open() == {order_id: ["order_unlisted_there"]}
        await here.write(lambda c: c.execute("UPDATE orders SET state = 'excluded'").rowcount)
        await here.take()
        assert await here.open() == {}
        await here.write(lambda c: c.execute("UPDATE orders SET state = 'held'").rowcount)
        await here.take()
        assert await here.open() == {order_id: ["order_unlisted_there"]}, "told again: it waits again"
        here.shop.orders[order_id] = mark
        await here.take()
        assert await here.open() == {}


async def test_a_deleted_order_is_told_again_unless_a_person_dismissed_it(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        order_id = await here.order(1)
        await begun(here)
        del here.shop.orders[order_id]
        await here.take()
        record = exceptions.Record(kind="order", id=order_id)
        for code in ("order_unlisted_there", "order_deleted"):
            await here.looks(Flow.ORDERS)
            now = here.clock.now()
            await here.write(lambda c, now=now: exceptions.clear(c, record, resolution="a slip", now=now))  # type: ignore[misc]
            await here.take()
            assert await here.open() == {order_id: ["order_unlisted_there"]}
            assert await here.looks(Flow.ORDERS) == [order_id]
            if code == "order_deleted":
                await here.write(
                    lambda c: exceptions.raise_finding(c, record, Finding(code="order_deleted", cause="x"), now=NOW)
                )
                await here.take()
                assert await here.open() == {order_id: ["order_deleted"]}
            now = here.clock.now()
            await here.write(lambda c, now=now: exceptions.clear(c, record, resolution="dismissed by ann: x", now=now))  # type: ignore[misc]
            await here.take()
            assert await here.open() == {}
            await here.write(lambda c: c.execute("DELETE FROM exceptions").rowcount)


async def test_orders_before_since_and_younger_than_the_mark_are_on_neither_side(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await here.order(2, created_at=NOW - 31 * DAY, listed=False, state=_S.EXCLUDED, sale=False)
        await begun(here)
        here.ledger.put(92, customer_reference="N-2", updated=here.clock.now())
        here.ledger.put(93, customer_reference="N-2", updated=here.clock.now())
        here.later(HOUR)
        await here.order(3, created_at=here.clock.now(), listed=False)
        taken = await here.take(after=MINUTE)
        assert await here.open() == {}
        figures = ("commercetools", "tallyd", "orders_with_sale", "cin7")
        assert [taken[name] for name in figures] == [1, 1, 1, 1]


# -- in few calls -----------------------------------------------------------------------------------------------------


async def many(here: House, number: int) -> None:
    """Have so many orders with their sales, three weeks of them; the last ones today."""
    created = [NOW - 2 * HOUR - (number - n) * (20 * DAY // number) for n in range(number)]
    for n, at in enumerate(created):
        order_id = order_name(n)
        here.shop.orders[order_id] = OrderMark(id=order_id, number=f"N-{n}", version=1, created_at=at, state="Open")
        here.ledger.put(n, updated=at, external_id=external_id(order_id, 1), customer_reference=f"N-{n}")

    def unit(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO orders (id, number, version, created_at, modified_at, accepted_at, source_state, state,"
            " state_since, exported_at, currency, digits, payable) VALUES (?, ?, 1, ?, ?, ?, 'Open', 'exported', ?, ?,"
            " 'GBP', 2, 100)",
            [(order_name(n), f"N-{n}", at, at, at, at, at) for n, at in enumerate(created)],
        )
        for n, at in enumerate(created):
            orders.add_sale(connection, sale_of(n, at))

    await here.write(unit)


async def test_twenty_thousand_orders_in_few_calls(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await many(here, 20_000)
        await here.nudge("sales")
        await here.work()
        assert len(here.ledger.asked) == 20
        first = await here.take(after=MINUTE)
        assert (first["kind"], len(lists(here))) == ("midnight", 21), "all of it was read just before: one more call"
        here.shop.asked.clear()
        here.ledger.asked.clear()

        hourly = await here.take()
        assert (hourly["kind"], hourly["findings"]) == ("hourly", {})
        figures = ("commercetools", "tallyd", "orders_with_sale", "cin7")
        assert [hourly[name] for name in figures] == [20_000] * 4
        assert lists(here) == ["list 20/1000"]
        assert here.shop.asked.count("count") == 4
        assert len(here.shop.asked) <= 4 + 3, "and the last day by ids, 500 a page"
        assert hourly["calls"] == 1 + len(here.shop.asked)

        here.ledger.asked.clear()
        here.shop.asked.clear()
        nightly = await here.take(after=DAY)
        assert (nightly["kind"], nightly["findings"]) == ("midnight", {})
        assert len(lists(here)) == 21
        assert "count" not in here.shop.asked
        assert len(here.shop.asked) <= 20_000 // 500 + 6
        assert await here.looks(Flow.ORDERS) == []
        assert await here.read(lambda c: c.execute("SELECT count(*) FROM exceptions").fetchone()[0]) == 0


async def test_a_deleted_sale_among_many_is_found_by_the_next_hourly_census(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await many(here, 3_000)
        await begun(here)
        del here.ledger.sales["s1500"]
        assert (await here.take())["kind"] == "hourly"
        assert await here.open() == {order_name(1500): ["sale_gone"]}
        assert lists(here) == ["list 3/1000", "list 3/1000", "list 1/1", "list 3/1000", "list 2/1000", "list 1/1000"]
        here.ledger.asked.clear()
        await here.take()
        assert lists(here) == ["list 3/1000"], "the mirror is the list again"


async def test_sales_that_come_while_they_are_counted_need_no_second_look(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await many(here, 1_998)
        await begun(here)
        fresh = iter(range(5_000, 5_005))

        def before(call: str) -> None:
            if call.startswith("list"):
                for number in fresh:
                    here.ledger.put(number, updated=here.clock.now())

        here.ledger.before = before
        assert (await here.take())["kind"] == "hourly"
        assert lists(here) == ["list 2/1000", "list 3/1000"]
        assert await here.read(listed_sales.count) == 2_003


# -- a list that is wrong once ---------------------------------------------------------------------------------------


async def everything(here: House) -> dict[str, int]:
    """What is open, by type."""
    rows = await here.read(
        lambda c: c.execute("SELECT type, count(*) FROM exceptions WHERE state = 'open' GROUP BY type").fetchall()
    )
    return dict(rows)


@pytest.mark.parametrize(("number", "left"), [(5, 0), (30, 0), (1_500, 0), (1_500, 900), (1_500, 1_469)])
async def test_a_list_that_shows_much_less_once_takes_nothing_away(tmp_path: Path, number: int, left: int) -> None:
    async with house(tmp_path) as here:
        await many(here, number)
        await begun(here)
        kept, here.ledger.sales = here.ledger.sales, dict(list(here.ledger.sales.items())[:left])
        await here.order(2_000, cin7=False)
        taken = await here.take()
        assert (await everything(here), taken["cin7_read_whole"]) == ({}, False)
        assert await here.read(listed_sales.count) == number
        here.ledger.sales = kept
        taken = await here.take()
        assert (await everything(here), taken["cin7_read_whole"]) == ({"sale_gone": 1}, True)
        here.ledger.sales = dict(list(kept.items())[:left])
        await here.take()
        assert await everything(here) == {"sale_gone": 1}, "an old doubt confirms nothing"
        assert await here.read(listed_sales.count) == number


async def test_what_two_whole_readings_do_not_show_is_gone_in_small_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "MOST_DROPPED", 100)
    monkeypatch.setattr(judging, "MOST", 50)
    async with house(tmp_path) as here:
        await many(here, 1_500)
        await begun(here)
        here.ledger.sales = {f"s{n}": here.ledger.sales[f"s{n}"] for n in range(500)}
        await here.take()
        assert await everything(here) == {}
        for number in range(100, 140):  # gone since the first of the two readings
            del here.ledger.sales[f"s{number}"]
        sizes: list[int] = []
        judged, dropped = here.actor.census._judge.judge_sales, listed_sales.drop_unseen

        def judge(connection: sqlite3.Connection, asked: Sequence[str], **how: Any) -> None:
            sizes.append(len(asked))
            judged(connection, asked, **how)

        def drop(connection: sqlite3.Connection, since: int, *, most: int) -> int:
            sizes.append(count := dropped(connection, since, most=most))
            return count

        monkeypatch.setattr(here.actor.census._judge, "judge_sales", judge)
        monkeypatch.setattr(listed_sales, "drop_unseen", drop)
        taken = await here.take()
        assert (await everything(here), taken["cin7_read_whole"]) == ({}, False), "the first one showed those"
        assert await here.read(listed_sales.count) == 500
        taken = await here.take()
        assert (await everything(here), taken["cin7_read_whole"]) == ({"sale_gone": 1_040}, True)
        assert await here.read(listed_sales.count) == 460
        assert max(sizes) <= 100
        assert len(sizes) > 30


async def test_a_page_that_is_empty_by_mistake_takes_nothing_away(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await many(here, 3_000)
        await begun(here)
        del here.ledger.sales["s2500"]
        kept = dict(here.ledger.sales)
        struck: list[str] = []

        def before(call: str) -> None:
            if call == "list 1/1000" and not struck:
                struck.append(call)
                here.ledger.sales = {}

        here.ledger.before = before
        here.ledger.after = lambda call: setattr(here.ledger, "sales", kept)
        taken = await here.take()
        assert struck
        assert (await here.open(), taken["cin7_read_whole"]) == ({order_name(2500): ["sale_gone"]}, True)
        assert await here.read(listed_sales.count) == 2_999


async def test_a_difference_that_stays_is_not_read_after_every_hour(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await many(here, 1_500)
        await begun(here)
        here.ledger.padding, here.ledger.padded = 2, ("list",)
        taken = await here.take()
        assert (taken["cin7_read_whole"], len(lists(here))) == (False, 2 + 1 + 3 * 2)
        here.ledger.asked.clear()
        await here.order(2_000, cin7=False)
        here.ledger.put(9_000, customer_reference="N-9", updated=here.clock.now())
        for _ in range(3):
            taken = await here.take()
            assert taken["cin7_read_whole"] is False
        assert await here.open() == {order_name(9): ["sales_two"]}, "others are still judged"
        assert len(lists(here)) == 3, "one call each"
        here.ledger.asked.clear()
        del here.ledger.sales["s8"]
        await here.take()
        assert len(lists(here)) == 2 + 1 + 2, "it differs otherwise: read once, and it is the same that nobody sees"
        await here.take()
        assert len(lists(here)) == 2 + 1 + 2 + 1
        here.ledger.asked.clear()
        assert (await here.take(after=DAY))["kind"] == "midnight"
        assert len(lists(here)) == 1 + 2, "at midnight once"
        here.ledger.padding = 0
        taken = await here.take()
        assert taken["cin7_read_whole"] is True
        assert await everything(here) == {"sales_two": 1, "sale_gone": 2}


async def test_a_list_of_orders_that_is_empty_is_gone_through_in_small_units(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "LISTED", 40)
    async with house(tmp_path) as here:
        await many(here, 300)
        await begun(here)
        kept, here.shop.orders = here.shop.orders, {}
        gone: list[int] = []
        compare = here.actor.census._judge.compare

        def watched(connection: sqlite3.Connection, page: Sequence[OrderMark], ours: frozenset[str], now: int) -> None:
            gone.append(len(ours))
            compare(connection, page, ours, now)

        monkeypatch.setattr(here.actor.census._judge, "compare", watched)
        taken = await here.take()
        assert await everything(here) == {"order_unlisted_there": 300}
        assert (max(gone), taken["commercetools"]) == (40, 0)
        here.shop.orders = kept
        taken = await here.take()
        assert (await everything(here), taken["commercetools"]) == ({}, 300)


# -- lists that move --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_leaves_or_joins_while_the_whole_list_is_read_no_sale_is_taken_for_gone(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    async with house(tmp_path) as here:
        await many(here, 4_000)
        await begun(here)
        watched, others = [f"s{n}" for n in range(0, 4_000, 7)], [f"s{n}" for n in range(4_000) if n % 7]
        fresh = iter(range(5_000, 6_000))

        def before(call: str) -> None:
            if not call.startswith("list") or chance.random() < 0.3:
                return
            for _ in range(chance.randrange(4)):
                here.ledger.sales.pop(others.pop(chance.randrange(len(others))), None)
            for _ in range(chance.randrange(4)):
                here.ledger.put(next(fresh), updated=here.clock.now())

        here.ledger.before = before
        await here.take(after=DAY)
        kept = await here.read(
            lambda c: {row[0] for row in c.execute("SELECT sale_id FROM listed_sales")} & set(watched)
        )
        assert kept == set(watched)
        assert not {order_name(int(sale_id[1:])) for sale_id in watched} & set(await here.open())


async def test_a_list_that_does_not_add_up_ends_takes_nothing_for_gone_and_says_so(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await here.order(2)
        await begun(here)
        here.ledger.padding, here.ledger.padded = 2, ("list",)
        take_out(here)
        await here.order(3, cin7=False)
        here.ledger.put(92, customer_reference="N-2", updated=here.clock.now())
        taken = await here.take()
        assert taken["cin7_read_whole"] is False
        assert len(lists(here)) <= 8
        assert await here.open() == {order_name(2): ["sales_two"]}
        here.ledger.padding = 0
        taken = await here.take()
        assert taken["cin7_read_whole"] is True
        assert await here.open() == {
            order_name(1): ["sale_gone"],
            order_name(2): ["sales_two"],
            order_name(3): ["sale_gone"],
        }


# -- kills ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [HOUR, DAY])
async def test_a_kill_after_every_message_costs_no_call(tmp_path: Path, after: int) -> None:
    async def taken(name: str, go_on: Callable[[House], Awaitable[House]]) -> tuple[list[str], list[str], object]:
        async with house(tmp_path, name=name) as here:
            await many(here, 6_000)
            del here.shop.orders[order_name(3)]
            await here.nudge("sales")
            await here.work()
            here.later(after)
            await here.orders_read()
            await here.nudge("census")
            there = await go_on(here)
            answer = await there.taken(), await there.open()
            there.actor.mailbox.dispose()
            return lists(here), here.shop.asked, answer

    async def straight(here: House) -> House:
        await here.work()
        return here

    async def killed(here: House) -> House:
        for _ in range(1_000):
            if not await here.one():
                if await here.taken():
                    return here
                here.later(5_000)
            here = here.again()
        raise AssertionError("no end")

    calm, rough = await taken("calm", straight), await taken("rough", killed)
    assert rough[:2] == calm[:2]
    assert rough[2][1] == calm[2][1] == {order_name(3): ["order_unlisted_there"]}  # type: ignore[index]


async def test_a_page_that_was_read_and_not_written_is_read_again(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await many(here, 2_500)
        await begun(here)
        here.later(DAY)
        await here.orders_read()
        await here.nudge("census")
        struck: list[str] = []

        def after(call: str) -> None:
            if call == "list 2/1000" and not struck:
                struck.append(call)
                raise RuntimeError("struck down")

        here.ledger.after = after
        await here.work()
        assert lists(here) == ["list 1/1", "list 3/1000", "list 2/1000", "list 2/1000", "list 1/1000"]
        assert (await here.taken())["kind"] == "midnight"


# -- when -------------------------------------------------------------------------------------------------------------


async def test_it_waits_until_the_orders_and_the_sales_were_read(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await here.nudge("census")
        assert await here.one() == "census"
        assert here.ledger.asked == here.shop.asked == []
        here.later(HOUR)
        await here.orders_read()
        assert [await here.one() for _ in range(3)] == ["census", "sales", "census"]
        assert here.ledger.asked == ["list 1/1000", "list 1/1000"]


async def test_while_the_sales_cannot_be_read_nothing_is_counted(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await here.order(1)
        await begun(here)

        def before(call: str) -> None:
            if call.startswith("sweep"):
                raise Transient("unavailable", side="cin7", operation="sweep_sales")

        here.ledger.before = before
        here.later(HOUR)
        await here.orders_read()
        await here.nudge("census")
        for _ in range(20):
            await here.one()
            here.later(1000)
        assert here.ledger.asked == here.shop.asked == []
        here.ledger.before = lambda call: None
        here.later(5 * MINUTE)
        await here.work()
        assert lists(here) == ["list 1/1000"]


async def test_every_hour_and_at_midnight_of_the_books(tmp_path: Path) -> None:
    async with house(tmp_path, posting={"time_zone": "Asia/Kathmandu"}) as here:
        await here.order(1)
        await here.nudge("sales", "census")
        taken: dict[str, tuple[int, str]] = {}
        for _ in range(30 * 30):
            await here.orders_read()
            while await here.one():
                pass
            answer = await here.taken()
            if answer:
                taken.setdefault(answer["taken_at"], ((here.clock.now() % DAY) // MINUTE, answer["kind"]))
            here.later(2 * MINUTE)
        assert 29 <= len(taken) <= 32
        [_, *nights] = [minute for minute, kind in taken.values() if kind == "midnight"]
        assert [minute - (18 * 60 + 15) in range(5) for minute in nights] == [True], "there the day begins at 18:15 UTC"


async def test_in_shadow_mode_both_sides_are_counted_and_no_sale_is_judged(tmp_path: Path) -> None:
    async with house(tmp_path, shadow=True) as here:
        await here.order(1, state=_S.SHADOWED, sale=False)
        here.ledger.put(90, customer_reference="N-1")
        here.ledger.put(91, customer_reference="N-1")
        await begun(here)
        del here.shop.orders[order_name(1)]
        assert (await here.take())["deleted_in_commercetools"] == 1
