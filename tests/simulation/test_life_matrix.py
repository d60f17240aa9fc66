"""Every event at every stage, however the news of it travels, ends as the table of the page says; the books agree."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from actors.domain.exception_types import CATALOGUE
from actors.fulfilment.rules import FulfilmentRules
from actors.intake.rules import MINUTE
from tests.simulation.laws import assert_within_the_limit
from tests.simulation.life import TABLE, Event, Life, Messenger, News, Stage
from tests.simulation.senders import plan_with_doors
from tests.simulation.world import plan, virtual, world

PAGE = (Path(__file__).parents[2] / "docs" / "fulfilment.md").read_text("utf-8")
QUIET = 420.0
"""Seconds in which every sweep has come by, with its overlap."""


def test_the_table_is_whole_and_names_exceptions_there_are() -> None:
    assert set(TABLE) == set(Event)
    for row in TABLE.values():
        assert list(row) == list(Stage)
        assert {code for end in row.values() for code in end.asked} <= set(CATALOGUE)


def test_the_page_shows_the_table() -> None:
    section = PAGE.split("## How every case ends\n", 1)[1].split("\n## ", 1)[0]
    shown = {}
    for event, row in re.findall(r"^### (.+)\n\n((?:\|.*\n)+)", section + "\n", re.MULTILINE):
        cells = [line.strip("| ").split(" | ") for line in row.splitlines()[2:]]
        shown[event] = dict(cells)
    assert shown == {event.value: {stage.value: str(end) for stage, end in row.items()} for event, row in TABLE.items()}


@pytest.mark.parametrize("news", list(News))
def test_every_cell_ends_as_the_table_says(news: News) -> None:
    _play(news)


@virtual
async def _play(news: News) -> None:
    the_plan = plan_with_doors(base=plan(fulfilment=FulfilmentRules(), census=10 * MINUTE))
    seed, soon = 600 + list(News).index(news), {"webhook_seconds": 0.5}
    async with world(seed, the_plan=the_plan, cin7=soon) as made:
        messenger = Messenger(made, news)
        messenger.start()
        await made.ready()
        await messenger.listen()
        lives = [Life(made, event, stage) for event in Event for stage in Stage]
        for life in lives:
            if life.stage is not Stage.DOUBT:
                await life.arrive()
        await made.clock.sleep(QUIET)
        messenger.begin()
        for life in lives:
            if life.stage is not Stage.DOUBT:
                await life.happen()
        for life in lives:
            if life.stage is Stage.DOUBT:
                await life.arrive()
                await life.happen()
        await made.clock.sleep(QUIET)
        for life in lives:
            if life.stage is Stage.BEFORE and life.event is not Event.CANCEL:
                made.shop.pay(life.order_id, made.shop.payable(life.order_id))
        await made.clock.sleep(QUIET)
        await messenger.deliver_late()
        await made.clock.sleep(QUIET)
        wrong = []
        for life in lives:
            found, expected = life.end(), TABLE[life.event][life.stage]
            if found != expected:
                wrong.append(f"{life.event} at {life.stage}: {found}, not {expected}")
            if (why := life.books_agree()) != "":
                wrong.append(f"{life.event} at {life.stage}: {why}")
        assert not wrong, "\n".join(wrong)
        assert_within_the_limit(made)
