"""Orders on disk: accepted once, moved by the table of states, found by whatever name people have for them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.domain.calls import Purpose
from actors.domain.order_state import OrderState
from actors.governor.journal import Intent
from actors.messages import Flow
from storage import calls, cursors, flows, orders, timeline
from storage.cursors import Cursor
from storage.orders import Accepted, OrderRecord, SaleRecord
from tests.orders_builder import ORDER_ID, line, plain_order
from tests.stored import NOW, ROAD, accepted, fresh, moved


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def record(connection: sqlite3.Connection, order_id: str = ORDER_ID) -> OrderRecord:
    found = orders.get(connection, order_id)
    assert found is not None
    return found


def a_sale(sale_id: str = "sale-1", *, number: str | None = None, generation: int = 1) -> SaleRecord:
    return SaleRecord(
        sale_id=sale_id,
        order_id=ORDER_ID,
        generation=generation,
        reference=f"ct-order:{ORDER_ID}",
        number=number,
        made_at=NOW + generation,
        voided_at=None,
    )


def test_an_order_is_accepted_once_and_changed_by_newer_versions_only(file: sqlite3.Connection) -> None:
    order = plain_order(("A", 2, 500), ("B", 1, 700))
    assert orders.accept(file, order, now=NOW) is Accepted.NEW
    assert orders.accept(file, order, now=NOW) is Accepted.KNOWN
    newer = msgspec.structs.replace(order, version=3, state="Cancelled", lines=(line("C"),))
    assert orders.accept(file, newer, now=NOW + 9) is Accepted.CHANGED
    assert orders.accept(file, msgspec.structs.replace(order, version=2), now=NOW + 10) is Accepted.KNOWN
    found = record(file)
    assert (found.version, found.source_state, found.state, found.accepted_at) == (
        3,
        "Cancelled",
        OrderState.ACCEPTED,
        NOW,
    )
    assert [row[0] for row in file.execute("SELECT sku FROM order_lines")] == ["C"]


def test_the_figures_are_stored_as_they_came(file: sqlite3.Connection) -> None:
    accepted(file, plain_order(("A", 1, 1999)))
    found = record(file)
    assert (found.payable, found.digits, found.currency) == (1999, 2, "GBP")


def test_our_own_write_is_known_and_never_moves_the_version_back(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    orders.set_version(file, order_id, 5)
    assert orders.accept(file, plain_order(version=5), now=NOW) is Accepted.KNOWN
    orders.set_version(file, order_id, 4)
    assert record(file).version == 5


def test_a_move_is_told_and_what_does_not_change_is_not(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    orders.move(file, order_id, OrderState.HELD, now=NOW + 1, reason="sku_unknown")
    orders.move(file, order_id, OrderState.HELD, now=NOW + 2, reason="sku_unknown")
    orders.move(file, order_id, OrderState.HELD, now=NOW + 3, reason="tax_unmapped")
    found = record(file)
    assert (found.state, found.state_since, found.reason) == (OrderState.HELD, NOW + 1, "tax_unmapped")
    lines = [entry.what for entry in timeline.of_order(file, order_id)]
    assert lines == ["state held"]


def test_a_doubt_ends_with_the_move_out_of_it(file: sqlite3.Connection) -> None:
    order_id = moved(file, OrderState.CREATING)
    orders.doubt(file, order_id, until=NOW + 60_000, now=NOW)
    orders.looked(file, order_id, looks=1, now=NOW + 70_000)
    found = record(file)
    assert (found.state, found.doubt_until, found.looks, found.looked_at) == (
        OrderState.IN_DOUBT,
        NOW + 60_000,
        1,
        NOW + 70_000,
    )
    orders.move(file, order_id, OrderState.ACCEPTED, now=NOW + 80_000)
    assert record(file).doubt_until is None


def test_an_order_that_may_not_be_in_doubt_is_not(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    with pytest.raises(sqlite3.IntegrityError, match="may not move"):
        orders.doubt(file, order_id, until=NOW, now=NOW)


def test_sales_are_kept_and_found_by_any_name(file: sqlite3.Connection) -> None:
    order_id = moved(file, *ROAD)
    orders.add_sale(file, a_sale())
    orders.name_sale(file, "sale-1", "SO-00017")
    orders.name_sale(file, "sale-1", None)
    for wanted in (order_id, "CT-100045", "sale-1", "SALE-1", "SO-00017", f"ct-order:{ORDER_ID}"):
        found = orders.find(file, wanted)
        assert found is not None, wanted
        assert found.id == order_id
    for typed in ("so-00017", "ct-100045", order_id.upper(), f"CT-ORDER:{ORDER_ID}"):
        found = orders.find(file, typed)
        assert found is not None, typed
        assert found.id == order_id
    assert orders.find(file, "SO-00018") is None
    assert [sale.number for sale in orders.sales_of(file, order_id)] == ["SO-00017"]


def test_the_exact_name_wins_over_one_in_other_letters(file: sqlite3.Connection) -> None:
    accepted(file, plain_order(id="one", number="ct-7"))
    accepted(file, plain_order(id="two", number="CT-7"))
    for number, order_id in (("ct-7", "one"), ("CT-7", "two")):
        found = orders.find(file, number)
        assert found is not None
        assert found.id == order_id


def test_what_is_kept_of_every_kind_of_order(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    orders.set_express(file, order_id, True)
    orders.set_drafted(file, order_id, "digest")
    orders.set_rate(file, order_id, Decimal("0.00001"), date(2026, 12, 1), "cin7-last")
    orders.set_tolerated(file, order_id, 2)
    orders.set_shortages(file, order_id, {"A-1": Decimal("3.50")}, now=NOW)
    orders.set_breakdown(file, order_id, {"net commercetools": "24.98", "net Cin7 Core": "24.97"})
    found = record(file)
    assert (found.express, found.drafted, found.tolerated, found.shortages) == (True, "digest", 2, '{"A-1":"3.5"}')
    assert (found.currency_rate, found.rate_day, found.rate_source) == ("0.00001", "2026-12-01", "cin7-last")
    assert found.breakdown == {"net commercetools": "24.98", "net Cin7 Core": "24.97"}
    orders.set_drafted(file, order_id, None)
    assert record(file).drafted is None


def test_a_resend_knows_no_draft_and_no_shortage_and_still_goes_first(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    orders.set_express(file, order_id, True)
    orders.set_drafted(file, order_id, "digest")
    orders.set_shortages(file, order_id, {"A-1": Decimal("3.50")}, now=NOW)
    assert orders.next_generation(file, order_id) == 2
    found = record(file)
    assert (found.drafted, found.shortages, found.express) == (None, "", True)


def test_a_second_live_sale_is_refused_and_one_after_a_void_is_not(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    orders.add_sale(file, a_sale("one"))
    orders.add_sale(file, a_sale("one", number="SO-1"))
    with pytest.raises(sqlite3.IntegrityError):
        orders.add_sale(file, a_sale("two", generation=2))
    orders.void_sale(file, "one", now=NOW + 5)
    orders.void_sale(file, "one", now=NOW + 9)
    orders.add_sale(file, a_sale("two", generation=2))
    assert [(sale.sale_id, sale.voided_at) for sale in orders.sales_of(file, order_id)] == [
        ("one", NOW + 5),
        ("two", None),
    ]


def test_counted_in_every_state_and_listed(file: sqlite3.Connection) -> None:
    for place in range(3):
        accepted(file, plain_order(id=f"o-{place}", number=None))
    orders.move(file, "o-1", OrderState.HELD, now=NOW)
    counted = orders.count_by_state(file)
    assert set(counted) == {state.value for state in OrderState}
    assert (counted["accepted"], counted["held"], sum(counted.values())) == (2, 1, 3)
    assert orders.in_states(file, (OrderState.HELD, OrderState.POSTED)) == ["o-1"]
    assert orders.stuck(file, (OrderState.HELD,), before=NOW) == []
    assert orders.stuck(file, (OrderState.HELD,), before=NOW + 1) == [("o-1", None, "held")]
    assert [found.id for found in orders.listing(file, state=OrderState.ACCEPTED)] == ["o-0", "o-2"]


# --- the small stores beside them ------------------------------------------------------------------------------------


def test_a_sweeps_mark_never_moves_back_and_none_stays_none(file: sqlite3.Connection) -> None:
    assert cursors.get(file, "s") is None
    cursors.put(file, "s", Cursor(at=5), now=NOW)
    cursors.put(file, "s", Cursor(at=6, after_id="x", until=9), now=NOW)
    assert cursors.get(file, "s") == Cursor(at=6, after_id="x", until=9)
    cursors.put(file, "s", Cursor(at=9, mark=9), now=NOW)
    cursors.put(file, "s", Cursor(at=2, until=12), now=NOW)
    assert cursors.get(file, "s") == Cursor(at=2, until=12, mark=9)
    cursors.put(file, "s", Cursor(at=3, mark=3), now=NOW)
    assert cursors.get(file, "s") == Cursor(at=3, mark=9)


def test_a_paused_flow_keeps_who_paused_it_first_until_it_is_resumed(file: sqlite3.Connection) -> None:
    flows.pause(file, Flow.ORDERS, author="ann", reason="stocktake", now=NOW)
    flows.pause(file, Flow.ORDERS, author="bob", reason="still", now=NOW + 5)
    flows.succeeded(file, Flow.ORDERS, now=NOW + 1)
    row = flows.all_flows(file)[Flow.ORDERS]
    assert (row.paused_at, row.paused_by, row.pause_reason, row.last_success_at) == (NOW, "ann", "still", NOW + 1)
    flows.resume(file, Flow.ORDERS)
    row = flows.all_flows(file)[Flow.ORDERS]
    assert (row.paused_at, row.paused_by, row.pause_reason, row.last_success_at) == (None, None, "", NOW + 1)
    assert set(flows.all_flows(file)) == set(Flow)


def test_the_call_log_is_part_of_an_orders_story(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    timeline.note(file, order_id, "accepted", now=NOW, version=1)
    intent = Intent(Purpose.CIN7_CREATE_SALE, subject=order_id)
    call_id = calls.begin(file, intent, at=NOW + 5)
    told = [(entry.at, entry.what) for entry in timeline.of_order(file, order_id)]
    assert told == [(NOW, "accepted"), (NOW + 5, "state creating"), (NOW + 5, "call cin7.create_sale")]
    assert timeline.of_order(file, order_id)[-1].detail["outcome"] == "pending"
    calls.settle(file, call_id, "unknown", detail="no answer")
    assert timeline.of_order(file, order_id)[-1].detail["outcome"] == "unknown"
    assert calls.open_writes(file) == []
    calls.prove_create(file, order_id, 1, outcome="absent")
    assert timeline.of_order(file, order_id)[-1].detail["outcome"] == "absent"


def test_calls_about_no_record_are_forgotten_and_an_orders_are_kept(file: sqlite3.Connection) -> None:
    order_id = accepted(file)
    calls.begin(file, Intent(Purpose.CIN7_PRODUCTS), at=NOW)
    calls.begin(file, Intent(Purpose.CIN7_READ_SALE, subject=order_id), at=NOW)
    calls.begin(file, Intent(Purpose.CT_LIST_ORDERS), at=NOW + 9)
    assert [call.sent_at for call in calls.window(file, since=NOW)] == [NOW, NOW]
    assert calls.window(file, since=NOW + 1) == []
    assert calls.prune(file, before=NOW + 1) == 1
    assert file.execute("SELECT count(*) FROM calls").fetchone() == (2,)
