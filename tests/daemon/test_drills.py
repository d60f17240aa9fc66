"""The drills: each makes the trouble it tells of, is not solved before it is mended, and is solved then."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from actors.domain.exception_types import CATALOGUE
from actors.finance.rules import FinanceRules
from actors.fulfilment.rules import FulfilmentRules
from actors.stock.rules import StockRules
from adapters.operator.server import operator_server
from daemon.cli import main
from daemon.commands.sandbox_drills import DRILLS, Drill, DrillError, Stage
from daemon.commands.sandbox_training import HttpWatch, Training, _entered
from daemon.control import control_server
from daemon.readmodel import LiveReading
from tests.daemon_app import IDS, assembled, token
from tests.simulation.drills import FileWatch, play
from tests.simulation.world import plan, virtual, world

PLAN = plan(
    finance=FinanceRules(
        posting="auto", refunds="credit-note", accounts={"adyen/scheme": "090"}, location="Main Warehouse"
    ),
    fulfilment=FulfilmentRules(tell_refunds=False),
    stock=StockRules(channels={"": ("Main Warehouse",)}),
    refresh=30_000,
)
ELSEWHERE = {"tax-unmapped", "push-silent"}
"""These need the console, and a door."""


@pytest.mark.parametrize("name", sorted(set(DRILLS) - ELSEWHERE))
@virtual
async def test_a_drill_is_solved_by_mending_what_it_tells_of(name: str) -> None:
    async with world(31, the_plan=PLAN) as made:
        await made.ready()
        await made.clock.sleep(60)
        await play(made, DRILLS[name])


@pytest.mark.parametrize("drill", DRILLS.values(), ids=DRILLS.keys())
def test_what_a_trainee_is_told_is_short_and_true(drill: Drill) -> None:
    assert 1 <= len(drill.steps) <= 3
    assert drill.code in ("", *CATALOGUE)
    if drill.code:
        assert CATALOGUE[drill.code].owner.value == drill.role
        assert f"`{drill.code}`" in drill.see or drill.name == "cin7-down"
    assert all(len(text) <= 120 for text in (drill.story, drill.see, drill.lesson, *drill.steps))
    assert all(text.endswith(".") for text in (drill.story, drill.see, drill.lesson, *drill.steps))


@virtual
async def test_a_trainee_is_told_what_happened_and_when_it_is_solved() -> None:
    said: list[str] = []
    async with world(32, the_plan=PLAN) as made:
        await made.ready()
        stage = Stage(made.shop, made.cin7, clock=made.clock, watch=FileWatch(made))
        await training(DRILLS["sku-missing"], stage, said).run()
    text = "\n".join(said)
    assert DRILLS["sku-missing"].name in text
    assert "as emma" in text
    assert "http://here/exceptions/" in text
    assert text.index("What happened") < text.index("It shows now") < text.index("SOLVED after")


@virtual
async def test_the_other_system_is_mended_when_the_trainee_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    async with world(34, the_plan=PLAN) as made:
        await made.ready()
        stage = Stage(made.shop, made.cin7, clock=made.clock, watch=FileWatch(made), patience=300)

        async def entered() -> None:
            assert "It shows now" in said[-2]
            assert not await DRILLS["sku-missing"].solved(stage)

        monkeypatch.setattr("daemon.commands.sandbox_training._entered", entered)
        await training(DRILLS["sku-missing"], stage, said, attended=True).run()
        with pytest.raises(DrillError, match="solved"):
            await training(msgspec.structs.replace(DRILLS["oversell"], hand=""), stage, said, attended=True).run()
    assert "press Enter: the sandbox creates the item" in "\n".join(said)
    assert said[-1] == "Do your part at the console; the sandbox waits."


async def test_where_nobody_can_press_enter_the_drill_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.stdin", None)  # the program was started with its standard input closed
    await _entered()
    (tmp_path / "closed").touch()
    with (tmp_path / "closed").open() as closed:
        monkeypatch.setattr("sys.stdin", closed)
    await _entered()


@virtual
async def test_a_drill_that_comes_to_no_end_says_so() -> None:
    async with world(33, the_plan=PLAN) as made:
        await made.ready()
        stage = Stage(made.shop, made.cin7, clock=made.clock, watch=FileWatch(made), patience=120)
        with pytest.raises(DrillError, match="needs the doors"):
            await training(DRILLS["push-silent"], stage, []).run()
        with pytest.raises(DrillError, match="solved: not within 120 seconds"):
            await training(msgspec.structs.replace(DRILLS["sku-missing"], mend=nothing), stage, []).run()


async def nothing(_stage: Stage) -> None:
    pass


def training(drill: Drill, stage: Stage, said: list[str], *, attended: bool = False) -> Training:
    return Training(
        drill,
        stage,
        tell=said.append,
        attended=attended,
        command=lambda words: f"tallyd {words}",
        address_of=lambda page: f"http://here{page}",
        who="(sign in as emma)",
    )


def test_the_drills_are_listed_and_another_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sandbox", "--drill", "list"]) == 0
    text = capsys.readouterr().out
    assert all(name in text for name in DRILLS)
    assert main(["sandbox", "--drill", "earthquake"]) == 2
    assert "sku-missing" in capsys.readouterr().err


async def test_a_drill_looks_at_the_daemon_as_people_do(tmp_path: Path) -> None:
    admin, known = token("ada", "admin")
    async with (
        assembled(tmp_path, inline=False) as app,
        operator_server("127.0.0.1:0", LiveReading(app), tokens=(known,)) as (_, port),
        control_server(app, tmp_path / "tallyd.sock"),
    ):
        watch = HttpWatch(port, tmp_path / "tallyd.sock", admin)
        assert (await watch.health() or {})["mode"] == "live"
        [held] = await watch.open_exceptions()
        assert (held["type"], held["record"]["id"]) == ("sku_unknown", IDS["A-2"])
        assert (await watch.order(IDS["A-2"]) or {})["state"] == "held"
        assert await watch.order("nobody") is None
        await watch.retry(IDS["A-2"])
        with pytest.raises(DrillError, match="were not read yet"):
            await watch.map("tax", "GB/luxury", "20% (VAT on Income)")
        assert await HttpWatch(port, tmp_path / "tallyd.sock", "stranger").health() is None
