"""The census on virtual time: both doubles are changed behind tallyd's back, and the next count names it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs, urlsplit

import msgspec

from actors.census.progress import CENSUS
from actors.domain.notification import Notification
from actors.domain.time import parse_instant
from actors.fulfilment.rules import FulfilmentRules
from actors.intake.rules import DoorRules, SweepRules
from actors.messages import Flow, Nudge
from actors.orders.rules import ExportRules, Trigger
from adapters.sandbox.carts import PaymentDraft
from adapters.transport import Request, Response
from storage import census, cursors, listed_sales, meta, outbox
from storage.exceptions import ExceptionRow
from tests.simulation.world import Serve, World, export_rules, intercept, plan, virtual, world

HOUR = 3600


def taken(made: World) -> dict[str, object]:
    text = made.read(lambda connection: meta.text(connection, census.TAKEN))
    return dict(json.loads(text)) if text else {}


async def counted(made: World, *, after: float = 300) -> dict[str, object]:
    """Wait until what was done lies before the margin, then have a census taken and return it."""
    await made.clock.sleep(after)
    before = taken(made).get("taken_at")
    now = made.clock.now()
    await made.daemon.write(
        lambda connection: outbox.accept(connection, Nudge(flow=Flow.CENSUS, subject=CENSUS, due_at=now), now=now)
    )
    await made.until(lambda: taken(made).get("taken_at") not in (None, before), within=300)
    return taken(made)


def found(made: World, record: str) -> list[ExceptionRow]:
    return made.daemon.open_exceptions(record)


async def some(made: World, number: int = 3) -> list[str]:
    await made.ready()
    placed = [made.place() for _ in range(number)]
    await made.exported(*placed)
    return placed


@virtual
async def test_both_sides_are_counted_and_agree() -> None:
    async with world(1) as made:
        await some(made)
        made.cin7.add_sale_by_hand("PO 77 Ann Smith")
        result = await counted(made)
        counts = (result["commercetools"], result["tallyd"], result["orders_with_sale"], result["cin7"])
        assert counts == (3, 3, 3, 3)
        assert result["findings"] == {}
        stored = made.read(lambda connection: connection.execute("SELECT reference FROM listed_sales").fetchall())
        assert "PO 77 Ann Smith" not in str(stored), "another channel's words are not kept"
        assert not made.daemon.open_types()


@virtual
async def test_a_sale_made_by_hand_under_an_orders_reference_is_named() -> None:
    async with world(2) as made:
        [order, *_] = await some(made)
        number = made.shop.orders[order]["orderNumber"]
        by_hand = made.cin7.add_sale_by_hand(number)
        result = await counted(made)
        assert result["findings"] == {"sales_two": 1}
        [two] = found(made, order)
        assert (two.type, two.record.number, two.owner) == ("sales_two", number, "finance")
        assert by_hand.id in two.facts["sales in Cin7 Core"]
        made.cin7.void_by_hand(by_hand.id)
        await counted(made)
        assert not found(made, order)


@virtual
async def test_a_sale_by_hand_for_an_order_that_has_none_is_named() -> None:
    rules = export_rules(trigger=Trigger(order_states=("Open",), payment="paid"))
    assert isinstance(rules, ExportRules)
    async with world(3, the_plan=plan(export=rules)) as made:
        await made.ready()
        order = made.place(payment=PaymentDraft(status="pending"))
        await made.in_state(order, "awaiting")
        made.cin7.add_sale_by_hand(made.shop.orders[order]["orderNumber"])
        await counted(made)
        assert [row.type for row in found(made, order)] == ["sale_by_hand"]


@virtual
async def test_an_order_deleted_in_cin7_is_named_in_few_calls() -> None:
    async with world(4) as made:
        [order, *_] = await some(made)
        sale = next(sale for sale in made.cin7.sales if order in (sale.external_id or ""))
        await counted(made)
        made.cin7.remove_sale(sale.id)
        result = await counted(made)
        [gone] = found(made, order)
        assert gone.type == "sale_gone"
        assert sale.id in gone.facts["sale of tallyd"]
        assert result["calls"] <= 6  # type: ignore[operator]


@virtual
async def test_a_sale_voided_in_cin7_is_found_by_the_sweep_before_any_census() -> None:
    async with world(5) as made:
        [order, *_] = await some(made)
        sale = next(sale for sale in made.cin7.sales if order in (sale.external_id or ""))
        made.cin7.void_by_hand(sale.id)
        await made.in_state(order, "held", within=70)
        await counted(made)
        assert [row.type for row in found(made, order)] == ["sale_voided_by_hand"]


@virtual
async def test_a_sale_voided_in_cin7_is_named_by_the_census_while_fulfilment_is_off() -> None:
    async with world(5, the_plan=plan(fulfilment=FulfilmentRules(enabled=False))) as made:
        [order, *_] = await some(made)
        sale = next(sale for sale in made.cin7.sales if order in (sale.external_id or ""))
        made.cin7.void_by_hand(sale.id)
        await counted(made)
        assert [row.type for row in found(made, order)] == ["sale_voided_there"]


@virtual
async def test_a_sale_with_a_reference_of_ours_and_no_order_is_named() -> None:
    async with world(6) as made:
        await some(made)
        orphan = made.cin7.add_sale_by_hand("whatever-1", external_id="ct-order:11111111-2222-3333-4444-555555555555")
        await counted(made)
        [row] = found(made, orphan.id.lower())
        assert (row.type, row.record.kind) == ("sale_without_order", "sale")
        assert row.facts["order"] == "11111111-2222-3333-4444-555555555555"
        made.cin7.remove_sale(orphan.id)
        await counted(made)
        assert not found(made, orphan.id.lower())


@virtual
async def test_an_order_commercetools_lists_and_nobody_brought_is_named_and_read() -> None:
    async with world(7) as made:
        [order, *_] = await some(made)
        await counted(made, after=600)
        await made.daemon.write(lambda connection: _forget(connection, order))
        await counted(made, after=0)
        history = made.read(
            lambda connection: connection.execute(
                "SELECT type, state FROM exceptions WHERE record_id = ?", (order,)
            ).fetchall()
        )
        assert ("order_unlisted_here", "resolved") in history
        await made.exported(order, within=600)
        assert len([sale for sale in made.cin7.live_sales() if order in (sale.external_id or "")]) == 1


def _forget(connection: sqlite3.Connection, order: str) -> None:
    connection.execute("DELETE FROM sales WHERE order_id = ?", (order,))
    connection.execute("DELETE FROM calls WHERE subject = ?", (order,))
    connection.execute("DELETE FROM orders WHERE id = ?", (order,))


@virtual
async def test_an_order_deleted_in_commercetools_is_named_once() -> None:
    async with world(8) as made:
        [order, *_] = await some(made)
        await counted(made)
        made.shop.delete_order(order)
        await counted(made)
        assert [row.type for row in found(made, order)] == ["order_deleted"]
        result = await counted(made)
        assert (result["commercetools"], result["tallyd"], result["deleted_in_commercetools"]) == (2, 3, 1)


@virtual
async def test_what_moved_a_moment_ago_is_judged_the_next_time() -> None:
    async with world(9) as made:
        await some(made)
        fresh = made.place()
        await made.exported(fresh)
        sale = next(sale for sale in made.cin7.sales if fresh in (sale.external_id or ""))
        made.cin7.remove_sale(sale.id)
        result = await counted(made, after=0)
        assert result["findings"] == {}
        await counted(made)
        assert [row.type for row in found(made, fresh)] == ["sale_gone"]


@virtual
async def test_it_is_taken_every_hour() -> None:
    rarely = SweepRules(since=0, hot=30_000, complete=600_000)
    async with world(10, the_plan=plan(sweeps=rarely, refresh=3_600_000)) as made:
        await some(made)
        await made.clock.sleep(5 * HOUR)
        spans = [
            entry for entry in made.shop.request_log if entry.operation == "order_list" and "createdAt" in entry.query
        ]
        assert len(spans) >= 5
        assert taken(made)["kind"] == "hourly"
        midnight = made.read(lambda connection: meta.text(connection, census.MIDNIGHT))
        assert midnight > "2026"
        worst = made.cin7.worst_window()
        assert worst.sliding <= 60


@virtual
async def test_a_kill_between_steps_costs_nothing() -> None:
    async with world(11) as made:
        await some(made)
        now = made.clock.now()
        await made.clock.sleep(180)
        made.daemon.kill_next = lambda point: point == "actor.settled" and made.random.random() < 0.2
        await made.clock.sleep(60)
        made.daemon.kill_next = lambda point: False
        await made.until(lambda: made.daemon.running and taken(made).get("taken_at") is not None, within=600)
        result = await counted(made)
        assert (result["commercetools"], result["tallyd"], result["cin7"]) == (3, 3, 3)
        assert made.clock.now() > now


@virtual
async def test_twenty_thousand_orders_are_counted_in_few_calls() -> None:
    async with world(12) as made:
        await some(made)
        await counted(made)
        began = made.clock.now() - 30 * 86_400_000

        def many(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO orders (id, number, version, created_at, modified_at, accepted_at, source_state, state,"
                " state_since, currency, digits, payable, reason) VALUES (?, ?, 1, ?, ?, ?, 'Complete', 'excluded', ?,"
                " 'GBP', 2, 100, 'booked by hand')",
                [
                    (f"{n:08d}-0000-0000-0000-000000000000", f"M-{n}", began + n * 60_000, began, began, began)
                    for n in range(20_000)
                ],
            )

        await made.daemon.write(many)
        intercept(made.ct_network, _counting(made))
        result = await counted(made)
        assert result["tallyd"] == 20_003
        assert result["commercetools"] == 20_003
        assert result["calls"] <= 12  # type: ignore[operator]


def _counting(made: World) -> Callable[[Request, Serve], Awaitable[Response]]:
    """A commercetools that says it holds as many orders as our file does, in any span."""

    async def change(request: Request, door: Serve) -> Response:
        answer = await door(request)
        if "withTotal=true" not in request.url:
            return answer
        query = parse_qs(urlsplit(request.url).query)
        start, end = sorted(parse_instant(query[name][0]) for name in query if name.startswith("var."))
        body = msgspec.json.decode(answer.body)
        body["total"] = made.read(lambda connection: census.count_there(connection, start, end))
        return msgspec.structs.replace(answer, body=msgspec.json.encode(body))

    return change


@virtual
async def test_the_list_of_sales_is_read_on_page_by_page_and_again_when_it_does_not_add_up() -> None:
    async with world(13) as made:
        await some(made)
        mark = made.read(lambda connection: cursors.get(connection, "sales"))
        assert mark is not None
        await made.clock.sleep(120)
        later = made.read(lambda connection: cursors.get(connection, "sales"))
        assert later is not None and later.mark is not None and mark.mark is not None
        assert later.mark > mark.mark
        assert made.read(listed_sales.count) == 3


@virtual
async def test_a_storm_of_webhooks_is_one_pass() -> None:
    doors = DoorRules(names=frozenset({"cin7"}), project="sandbox")
    async with world(14, the_plan=plan(doors=doors)) as made:
        await some(made)
        await made.clock.sleep(70)
        before = made.calls("sale_sweep")
        for number in range(50):
            told = Notification(identity=f"h:{number}", kind="Sale/Voided", about="sale", subject=f"s{number}")
            await made.engine.intake.accept("cin7", [told])
            await made.clock.sleep(0.1)
        await made.clock.sleep(10)
        assert made.calls("sale_sweep") - before <= 6, "one every three seconds"
