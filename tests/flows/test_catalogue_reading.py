"""What a whole reading of Cin7 Core's items proves, and what it does not."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actors.catalogue.matching import PRODUCTS
from actors.domain.facts import Product
from actors.domain.item import Item, ItemPage
from actors.domain.time import Instant
from storage import items
from tests.flows.test_catalogue_registry import House, house

DAY_SECONDS = 86_400


def listed(*skus: str) -> tuple[Item, ...]:
    return tuple(Item(product=Product(id=f"id-{sku}", sku=sku, name=sku, type="Stock")) for sku in skus)


def answers(made: House, pages: Sequence[Sequence[str]], *, total: int) -> list[Instant | None]:
    """Have the account answer page by page; return what it is asked for, as it is asked."""
    asked: list[Instant | None] = []

    async def products(*, page: int, modified_since: Instant | None) -> ItemPage:
        asked.append(modified_since)
        rows = listed(*pages[page - 1]) if page <= len(pages) else ()
        return ItemPage(items=rows, rows=len(rows), total=total)

    made.account.products = products  # type: ignore[method-assign]
    return asked


async def held(made: House) -> set[str]:
    return await made.database.read(lambda connection: items.held(connection, {"A", "B", "C", "D"}))


async def read(made: House, pages: Sequence[Sequence[str]], *, total: int) -> None:
    """Let a day pass, and read the whole list."""
    made.clock.pass_time(DAY_SECONDS)
    answers(made, pages, total=total)
    for _ in range(max(1, len(pages))):
        await made.refresh(PRODUCTS)


async def test_what_a_whole_reading_does_not_meet_is_gone(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await read(made, [["A", "B"], ["C", "D"]], total=4)
        await read(made, [["A", "B"], ["C"]], total=3)
        assert await held(made) == {"A", "B", "C"}


async def test_an_account_that_shows_nothing_at_all_has_lost_nothing(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await read(made, [["A", "B"], ["C", "D"]], total=4)
        await read(made, [], total=0)
        assert await held(made) == {"A", "B", "C", "D"}


async def test_what_moves_before_the_reading_while_pages_are_read_is_not_gone(tmp_path: Path) -> None:
    """A, renamed after its page was read, stands on the last page too: C moved to the page before."""
    async with house(tmp_path) as made:
        await read(made, [["A", "B"], ["C", "D"]], total=4)
        await read(made, [["A", "B"], ["D", "A"]], total=4)
        assert await held(made) == {"A", "B", "C", "D"}


async def test_a_clock_that_went_back_has_the_whole_list_read(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        made.clock.pass_time(400 * DAY_SECONDS)
        await read(made, [["A", "B"]], total=2)
        made.clock.pass_time(-401 * DAY_SECONDS)
        asked = answers(made, [["A"]], total=1)
        await made.refresh(PRODUCTS)
        assert asked == [None]
        assert await held(made) == {"A"}
