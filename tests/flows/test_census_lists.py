"""The lists of Cin7 Core, page by page, while they move: nothing is skipped, nothing is read twice for nothing."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from actors.census.sweeping import CREDIT_NOTES, SALES
from actors.domain.sale import ListedCreditNote
from storage import cursors, listed_sales
from tests.census_house import MINUTE, House, house
from tests.stored import NOW


def moved_of(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT sale_id, moved_at FROM listed_sales"))


async def swept(here: House, *, after: int = MINUTE) -> None:
    here.later(after)
    await here.nudge(SALES)
    await here.work()


async def test_the_first_pass_reads_all_and_moves_nothing_the_next_only_what_moved(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.ledger.put(1, updated=NOW - 5)
        here.ledger.put(2, updated=None)
        await swept(here)
        began = here.clock.now()
        assert await here.read(moved_of) == {"s1": NOW - 5, "s2": 0}, "it moved when Cin7 says so, or long ago"
        assert (await here.cursor(SALES)).mark == began
        here.ledger.put(1, updated=here.clock.now(), shipping="SHIPPED")
        here.ledger.put(3, updated=here.clock.now())
        await swept(here)
        assert here.ledger.since == [None, began - 5 * MINUTE]
        assert await here.read(moved_of) == {"s1": here.clock.now(), "s2": 0, "s3": here.clock.now()}
        assert here.ledger.asked == ["list 1/1000", "sweep 1/1000"]


async def test_a_page_a_message_and_after_a_kill_the_next_page(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        for number in range(2500):
            here.ledger.put(number)
        await here.nudge(SALES)
        assert await here.one() == SALES
        assert await here.read(listed_sales.count) == 1000
        began = here.clock.now()
        there = here.again()
        there.later(2000)
        await there.work()
        assert here.ledger.asked == ["list 1/1000", "list 2/1000", "list 3/1000"]
        assert await there.read(listed_sales.count) == 2500
        assert (await there.cursor(SALES)).mark == began
        there.actor.mailbox.dispose()


async def test_a_pass_reads_from_when_it_began_to_whatever_moves_meanwhile(tmp_path: Path) -> None:
    """Sales that join the list push others onto pages still to be read; they themselves are the next pass's."""
    async with house(tmp_path) as here:
        for number in range(1500):
            here.ledger.put(number)
        await swept(here)
        began = here.clock.now()
        here.later(MINUTE)
        for number in range(100, 1400):
            here.ledger.put(number, updated=here.clock.now(), shipping="SHIPPED")
        joining = iter((3, 7, 9))

        def before(call: str) -> None:
            if call.startswith("sweep"):
                here.later(1)
                number = next(joining, None)
                if number is not None:
                    here.ledger.put(number, updated=here.clock.now(), shipping="SHIPPED")

        here.ledger.before = before
        await here.nudge(SALES)
        await here.work()
        await swept(here)
        assert set(here.ledger.since[2:4]) == {began - 5 * MINUTE}, "every page of a pass reads from one instant"
        stages = await here.read(lambda c: dict(c.execute("SELECT sale_id, stages FROM listed_sales")))
        shipped = {sale_id for sale_id, stage in stages.items() if "SHIPPED" in stage}
        assert shipped == {f"s{number}" for number in [*range(100, 1400), 3, 7, 9]}


async def test_a_sale_taken_out_while_the_list_is_paged_has_the_pass_read_again(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        for number in range(1500):
            here.ledger.put(number)

        def before(call: str) -> None:
            if call == "list 2/1000":
                here.ledger.sales.pop("s4", None)

        here.ledger.before = before
        await here.nudge(SALES)
        await here.work()
        assert "s1000" not in await here.read(moved_of), "it stood on the second page, then on the first"
        assert (await here.cursor(SALES)).mark is None
        await swept(here)
        assert "s1000" in await here.read(moved_of)
        assert (await here.cursor(SALES)).mark == here.clock.now()


async def test_a_list_that_never_adds_up_does_not_stop_the_sweep(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.ledger.put(1)
        here.ledger.padding = 1
        for _ in range(3):
            assert not here.ledger.asked or (await here.cursor(SALES)).mark is None
            await swept(here)
        assert (await here.cursor(SALES)).mark == here.clock.now()
        assert len(here.ledger.asked) == 3


async def test_a_storm_of_webhooks_is_one_pass_in_a_while(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await swept(here)
        asked = len(here.ledger.asked)
        pause = here.actor.rules.pause
        for _ in range(20):
            here.later(pause // 25)
            await here.nudge(SALES)
            await here.one()
        assert len(here.ledger.asked) == asked
        here.later(pause // 5 + 1)
        assert await here.one() == SALES
        assert len(here.ledger.asked) == asked + 1


async def test_a_clock_that_went_back_does_not_stop_the_sweep(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await swept(here)
        here.later(-60 * MINUTE)
        await here.nudge(SALES)
        await here.one()
        assert len(here.ledger.asked) == 2


async def test_a_pass_begun_from_earlier_on_is_not_lost_to_a_page_on_its_way(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        await swept(here)
        here.later(MINUTE)

        def rewound(_: str) -> None:
            assert here.database._inline is not None
            cursors.rewind(here.database._inline, SALES, NOW - 60 * MINUTE, now=here.clock.now())
            here.ledger.after = lambda call: None

        here.ledger.after = rewound
        here.ledger.put(1, updated=here.clock.now())
        await here.nudge(SALES)
        await here.one()
        assert list(await here.read(moved_of)) == ["s1"], "what it brought is kept"
        await here.nudge(SALES)
        await here.work()
        assert here.ledger.since[-1] == NOW - 60 * MINUTE
        assert (await here.cursor(SALES)).until is None


def note(number: str, status: str, updated: int, sale: str = "s1", restock: str = "") -> ListedCreditNote:
    return ListedCreditNote(sale_id=sale, number=number, status=status, restock_status=restock, updated=updated)


async def test_a_credit_note_moves_its_sale_once_for_each_thing_it_becomes(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.ledger.put(1)
        await swept(here)

        async def looked() -> int:
            here.later(5 * MINUTE)
            await here.nudge(CREDIT_NOTES)
            await here.work()
            return (await here.read(moved_of))["s1"]

        def told(place: int, **changes: str) -> None:
            changed = msgspec.structs.replace(here.ledger.notes[place], updated=here.clock.now(), **changes)
            here.ledger.notes[place] = changed

        here.ledger.notes = [note("CR-0", "AUTHORISED", here.clock.now() - 20 * MINUTE)]
        assert await looked() == NOW - 24 * 60 * MINUTE, "it was credited before anybody looked"
        here.ledger.notes += [note("CR-1", "AUTHORISED", here.clock.now())]
        here.ledger.notes += [note("CR-9", "AUTHORISED", here.clock.now(), "foreign")]
        first = await looked()
        assert first == here.clock.now()
        here.later(-4 * MINUTE)
        assert await looked() == first, "the overlap shows it again"
        here.ledger.notes.append(note("CR-2", "DRAFT", here.clock.now()))
        assert await looked() == first, "of a draft no webhook tells"
        told(3, status="AUTHORISED")
        assert await looked() == here.clock.now()
        second = here.clock.now()
        told(3, restock_status="AUTHORISED")
        assert await looked() == second
        here.ledger.put(1, updated=here.clock.now(), credit_note="AUTHORISED")
        await swept(here)
        third = (await here.read(moved_of))["s1"]
        assert third == here.clock.now()
        assert await looked() == third, "the list of sales takes nothing away of what is known of each note"
        told(1, status="VOIDED")
        assert await looked() == here.clock.now()
        assert "foreign" not in await here.read(moved_of)


async def test_credit_notes_are_read_page_by_page_too(tmp_path: Path) -> None:
    async with house(tmp_path) as here:
        here.ledger.put(1)
        await swept(here)
        here.ledger.notes = [note(f"CR-{n}", "DRAFT", here.clock.now()) for n in range(1200)]
        await here.nudge(CREDIT_NOTES)
        await here.work()
        assert [call for call in here.ledger.asked if call.startswith("notes")] == ["notes 1", "notes 2"]
