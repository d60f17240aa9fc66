"""The procurement flow: what it asks, what it keeps, what it tells, and that a kill anywhere does no harm."""

from __future__ import annotations

import sqlite3
from datetime import date
from pathlib import Path
from typing import Any

import msgspec

from actors.domain.errors import Missing, Rejected, Transient
from actors.domain.purchase import Purchase
from actors.procurement.judging import SOME
from actors.procurement.listing import OVERLAP
from actors.procurement.nudges import SUBJECTS
from actors.procurement.rules import ProcurementRules
from storage import exceptions, purchases
from storage.exceptions import Record
from tests.procurement_house import PAGE, House, house
from tests.purchase_builder import charge, invoice, line, movement, receipt
from tests.purchase_builder import purchase as bare
from tests.stored import NOW

DAY = 86_400_000
TODAY = date(2026, 12, 1)


def bought(name: str = "p1", *, updated_at: int = NOW - DAY, **changes: Any) -> Purchase:
    """Ten MUGs ordered, six received and invoiced, nothing wrong with them."""
    return msgspec.structs.replace(
        bare(
            id=name,
            number=f"PO-{name}",
            updated_at=updated_at,
            required_by=date(2026, 12, 20),
            ordered=(line("MUG", 10, "50.00"),),
            receipts=(receipt("MUG", 6),),
            invoices=(invoice("INV-1", line("MUG", 6, "30.00"), rate="0.86", charges=(charge("Freight", "5.00"),)),),
            movements=(movement("MUG", "30.10"),),
        ),
        **changes,
    )


def unrated(**changes: Any) -> Purchase:
    """The same, and nobody entered a rate."""
    billed = invoice("INV-1", line("MUG", 6, "30.00"), charges=(charge("Freight", "5.00"),))
    return bought(**({"rate": None, "invoices": (billed,)} | changes))


async def opened(at: House, *held: Purchase) -> None:
    at.account.put(*held)
    await at.begin()
    await at.rest()


# -- what is asked ---------------------------------------------------------------------------------------------------


async def test_the_list_costs_a_call_a_page_and_each_purchase_one(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, *(bought(f"p{place}") for place in range(7)))
        assert here.account.listed == [(1, NOW - 365 * DAY), (2, NOW - 365 * DAY), (3, NOW - 365 * DAY)]
        assert len(here.account.listed) == -(-7 // PAGE)
        assert sorted(here.account.read) == [f"p{place}" for place in range(7)]


async def test_what_did_not_move_costs_nothing_but_its_page(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, *(bought(f"p{place}") for place in range(7)))
        before = here.account.calls
        here.clock.pass_time(300)
        await here.rest()
        assert here.account.listed[-1] == (1, NOW - OVERLAP)
        assert here.account.calls == before + 1
        here.account.put(bought("p3", updated_at=here.clock.now()))
        here.clock.pass_time(300)
        await here.rest()
        assert here.account.calls == before + 3
        assert here.account.read[-1] == "p3"


async def test_all_of_it_is_listed_once_a_day(tmp_path: Path) -> None:
    async with house(tmp_path, history=30 * DAY) as here:
        await opened(here, bought())
        await here.wait(25)
        assert here.account.listed[-1] == (1, here.clock.now() - 30 * DAY)
        assert here.account.read == ["p1"]


async def test_what_is_older_than_the_list_reaches_stays_with_its_cost_and_what_is_wrong_with_it(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, history=30 * DAY) as here:
        newer = bought("p2", receipts=(receipt("MUG", 6, TODAY),), updated_at=NOW + 29 * DAY)
        await opened(here, unrated(receipts=(receipt("MUG", 10),)))
        here.account.put(newer)
        await here.wait(30 * 24)
        await here.wait(25)
        assert here.account.listed[-1] == (1, here.clock.now() - 30 * DAY)
        assert await here.read(lambda connection: purchases.costs_of(connection, "p1"))
        assert ("purchase_rate_missing", "PO-p1") in await here.open()


async def test_what_is_awaited_is_read_before_what_is_over(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        over = [bought(f"p{place}", status="COMPLETED") for place in (0, 1, 3)]
        await opened(here, *over, bought("p2"), bought("p4"))
        assert here.account.read == ["p2", "p4", "p0", "p1", "p3"]


async def test_what_moves_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, bought())

        def moves() -> None:
            here.account.put(bought(updated_at=here.clock.now() + 1, status="COMPLETED"))
            here.account.meanwhile = lambda: None

        here.account.put(bought(updated_at=NOW + 1))
        here.account.meanwhile = moves
        await here.wait(1)
        await here.wait(1)
        row = await here.read(lambda connection: purchases.get(connection, "p1"))
        assert row is not None
        assert (row.status, here.account.read) == ("COMPLETED", ["p1", "p1", "p1"])


async def test_switched_off_it_does_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, enabled=False) as here:
        here.account.put(bought())
        await here.begin()
        await here.rest()
        for subject in (*SUBJECTS, "purchase:p1"):
            await here.ask(subject)
        await here.rest()
        assert here.account.calls == 0
        assert not await here.step()


async def test_switched_off_nothing_stands_that_only_a_reading_takes_back(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, unrated())
        told = await here.open()
        assert ("purchase_rate_missing", "PO-p1") in told
        await here.stirred("MUG")
        here.rules = ProcurementRules(enabled=False)
        here.actor.mailbox.dispose()
        here.start()
        await here.begin()
        await here.rest()
        assert await here.read(lambda connection: purchases.incoming(connection, "MUG")) == []
        assert await here.stirred("MUG") == ["MUG"]
        assert await here.open() == []
        assert here.account.read == ["p1"]
        here.rules = ProcurementRules()
        here.actor.mailbox.dispose()
        here.start()
        await here.begin()
        await here.rest()
        [coming] = await here.read(lambda connection: purchases.incoming(connection, "MUG"))
        assert coming.day == date(2026, 12, 20)
        assert await here.open() == told


# -- what is refused -------------------------------------------------------------------------------------------------


async def test_a_purchase_nobody_can_read_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.account.refusals["p1"] = Rejected(
            "unreadable_purchase", side="cin7", operation="read_purchase", detail="Order.Lines[0].Total"
        )
        await opened(here, bought("p1"), bought("p2"))
        assert await here.open() == [("purchase_unreadable", "PO-p1")]
        row = await here.read(lambda connection: purchases.get(connection, "p2"))
        assert row is not None
        assert row.value is not None
        await here.wait(23)
        assert here.account.read == ["p1", "p2"]
        here.account.refusals.clear()
        await here.wait(2)
        assert here.account.read == ["p1", "p2", "p1"]
        assert await here.open() == []


async def test_a_side_that_does_not_answer_is_asked_again(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.account.refusals["p1"] = Transient("no_answer", side="cin7", operation="read_purchase")
        await opened(here, bought())
        for _ in range(2):
            await here.wait(0.02)
        assert [kind for kind, _ in await here.open()] == ["cin7_unreachable"]
        here.account.refusals.clear()
        await here.wait(0.02)
        assert len(here.account.listed) == 1  # it is the purchase itself that proves it
        assert await here.open() == []
        row = await here.read(lambda connection: purchases.get(connection, "p1"))
        assert row is not None
        assert row.value is not None


async def test_a_list_that_is_refused_is_told_and_asked_again(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.account.refuses = Rejected("rejected", side="cin7", operation="list_purchases", detail="no permission")
        await opened(here, bought())
        for _ in range(9):
            await here.wait(0.2)
        assert await here.open() == [("cin7_unreachable", "cin7")]
        here.account.refuses = None
        await here.wait(1)
        assert await here.open() == []
        assert here.account.read == ["p1"]


async def test_a_purchase_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, unrated())
        assert await here.open() == [("purchase_rate_missing", "PO-p1")]
        assert await here.stirred("MUG") == ["MUG"]
        here.account.held.clear()
        await here.wait(25)
        assert here.account.read == ["p1", "p1"]
        assert await here.read(lambda connection: purchases.get(connection, "p1")) is None
        assert await here.open() == []
        assert await here.stirred("MUG") == ["MUG"]


async def test_one_that_says_it_is_gone_at_once_leaves_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.account.refusals["p1"] = Missing("missing", side="cin7", operation="read_purchase")
        await opened(here, bought("p1"), bought("p2"))
        assert await here.read(lambda connection: purchases.get(connection, "p1")) is None
        assert await here.open() == []


# -- what follows ----------------------------------------------------------------------------------------------------


async def test_stock_is_told_of_another_day_and_of_nothing_else(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, bought())
        assert await here.stirred("MUG") == ["MUG"]
        day = await here.read(lambda connection: purchases.next_day(connection, "MUG", ["Main Warehouse"], TODAY))
        assert day == date(2026, 12, 20)

        here.account.put(bought(updated_at=NOW + 1, status="ORDERED AGAIN"))
        await here.wait(1)
        assert await here.stirred("MUG") == []

        here.account.put(bought(updated_at=here.clock.now(), required_by=date(2026, 12, 24)))
        await here.wait(1)
        assert await here.stirred("MUG") == ["MUG"]

        here.account.put(bought(updated_at=here.clock.now(), receipts=(receipt("MUG", 10),)))
        await here.wait(1)
        assert await here.stirred("MUG") == ["MUG"]
        assert await here.read(lambda connection: purchases.incoming(connection, "MUG")) == []


async def test_a_voided_purchase_brings_nothing_and_is_nobodys_work(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, unrated())
        assert await here.open() == [("purchase_rate_missing", "PO-p1")]
        here.account.put(unrated(updated_at=NOW + 1, status="VOIDED"))
        await here.wait(1)
        assert await here.open() == []
        assert await here.read(lambda connection: purchases.incoming(connection, "MUG")) == []


async def test_a_rate_that_is_entered_closes_what_was_told(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, unrated())
        assert await here.open() == [("purchase_rate_missing", "PO-p1")]
        here.account.put(bought(updated_at=NOW + 1))
        await here.wait(1)
        assert await here.open() == []


async def test_age_alone_tells_and_costs_no_call(tmp_path: Path) -> None:
    received = date(2026, 11, 28)
    async with house(tmp_path, landed_cost="none", month_end=0) as here:
        await opened(here, bought(invoices=(), receipts=(receipt("MUG", 6, received),)))
        assert await here.open() == []
        for _ in range(15):
            await here.wait(24)
        assert await here.open() == [("purchase_not_invoiced", "PO-p1")]
        assert here.account.read == ["p1"]


async def test_a_day_that_begins_while_all_are_judged_has_its_own_pass(tmp_path: Path) -> None:
    async with house(tmp_path, landed_cost="none", month_end=0) as here:
        aged = bought("a", invoices=(), receipts=(receipt("MUG", 6, date(2026, 11, 19)),))  # 14 days on 3 December
        await opened(here, aged, *(bought(f"p{place}") for place in range(SOME)))
        here.clock.pass_time((NOW + 2 * DAY - 1_000 - here.clock.now()) / 1000)  # a second before the second midnight
        here.handled.clear()
        while "judge" not in here.handled:
            assert await here.step()
        assert await here.open() == []
        here.clock.pass_time(2)
        await here.rest()
        assert await here.open() == [("purchase_not_invoiced", "PO-a")]


async def test_what_a_person_dismissed_comes_back_only_with_other_facts(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        billed = (invoice("INV-1", line("MUG", 6, "30.00"), rate="0.86", charges=(charge("Freight", 5, "500"),)),)
        await opened(here, bought(invoices=billed))
        assert await here.open("charge_expensed") == [("charge_expensed", "PO-p1")]
        await here.run(_dismiss)
        for _ in range(3):
            await here.wait(24)
        assert await here.open("charge_expensed") == []
        dearer = (invoice("INV-1", line("MUG", 6, "30.00"), rate="0.86", charges=(charge("Freight", 9, "500"),)),)
        here.account.put(bought(updated_at=here.clock.now(), invoices=dearer))
        await here.wait(1)
        assert await here.open("charge_expensed") == [("charge_expensed", "PO-p1")]


def _dismiss(connection: sqlite3.Connection) -> None:
    for row in exceptions.listing(connection):
        exceptions.resolve(connection, row.id, resolution="dismissed by ada: an expense", now=NOW)


async def test_a_cost_that_moved_is_told_once_for_the_purchase(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, bought())
        assert await here.open() == []
        here.account.put(bought(updated_at=NOW + 1, movements=(movement("MUG", "30.10"), movement("MUG", "12.00"))))
        await here.wait(1)
        assert await here.open() == [("cost_moved", "PO-p1")]
        [row] = await here.read(lambda connection: exceptions.of_record(connection, "purchase", "p1"))
        assert "A unit of MUG" in row.cause


# -- a kill anywhere -------------------------------------------------------------------------------------------------


async def _life(folder: Path, dies_after: int | None) -> tuple[bool, Any, int]:
    """Read two purchases, let one move and one go, and the day turn; the process may die on the way."""
    async with house(folder) as here:
        here.account.put(bought("p1"), bought("p2"), bought("p3"))
        await here.begin()
        here.dies_after = dies_after
        died = await here.rest_through_kills()
        here.account.put(unrated(updated_at=NOW + 1))
        del here.account.held["p2"]
        here.clock.pass_time(90_000)
        died |= await here.rest_through_kills()
        return died, await here.read(_known), here.account.calls


def _known(connection: sqlite3.Connection) -> Any:
    tables = ("purchases", "expected", "landed_costs", "exceptions", "outbox")
    names = ("number", "status", "sku", "units", "day", "unit", "first_unit", "type", "state", "cause", "subject")
    found = {}
    for table in tables:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] in names]
        rows = connection.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608
        found[table] = sorted(str(row) for row in rows)
    return found


async def test_a_kill_anywhere_costs_at_most_the_call_under_way(tmp_path: Path) -> None:
    _, known, calls = await _life(_folder(tmp_path, "plain"), None)
    place = 0
    while True:
        died, after, asked = await _life(_folder(tmp_path, str(place)), place)
        if not died:
            break
        assert after == known, place
        assert calls <= asked <= calls + 1, place
        place += 1
    assert place > 20


def _folder(parent: Path, name: str) -> Path:
    folder = parent / name
    folder.mkdir()
    return folder


# -- what stands on the file -----------------------------------------------------------------------------------------


async def test_a_retry_reads_a_purchase_again(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, bought())
        await here.ask("purchase:p1")
        await here.rest()
        assert here.account.read == ["p1"]
        await here.run(lambda connection: purchases.ask_again(connection, ["p1"]))
        await here.ask("purchase:p1")
        await here.rest()
        assert here.account.read == ["p1", "p1"]


async def test_exceptions_of_a_purchase_name_it_by_id_and_number(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await opened(here, unrated())
        [row] = await here.read(exceptions.listing)
        assert row.record == Record(kind="purchase", id="p1", number="PO-p1")
        assert row.owner == "finance"
