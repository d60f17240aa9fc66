"""What a person decides about books: who may, what it resolves, and that it is one unit of work."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from actors.core.actor import set_aside
from actors.domain.discrepancy import Chain, Discrepancy, Reason
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, TaxRule
from actors.domain.figures import Figures, Sold
from actors.domain.order_state import OrderState
from actors.messages import Flow
from adapters.operator.problems import ProblemError
from daemon import actions, releasing
from storage import audit, books, exceptions, facts, orders, outbox, timeline
from storage.books import BooksRecord
from tests.daemon_app import IDS, NOW, SALE_ID, TestApp, a_hold, a_sale, an_order, assembled

DAY = "2026-11-26"
FIGURES = Figures(currency="GBP", net=Decimal("16.66"), tax=Decimal("3.33"), total=Decimal("19.99"))
SOLD = Sold(
    rows=(),
    tax_inclusive=True,
    currency="GBP",
    net=Decimal("16.66"),
    tax=Decimal("3.33"),
    total=Decimal("19.99"),
)
OPEN = (
    "books_differ",
    "totals_differ",
    "release_unconfirmed",
    "posting_locked",
    "posting_rejected",
    "payment_unmapped",
)


def exported(connection: sqlite3.Connection, number: str, *, verdict: str, step: str, sale_id: str = SALE_ID) -> None:
    """An order with its sale whose books were looked at."""
    order_id = an_order(number, connection=connection)
    if sale_id == SALE_ID:
        a_sale(connection, order_id)
    books.open_books(connection, order_id, sale_id, ordered=FIGURES, sold=SOLD, day=DAY, percents={}, now=NOW)
    look(connection, number, verdict=verdict, step=step)


def look(connection: sqlite3.Connection, number: str, *, verdict: str, step: str, now: int = NOW) -> None:
    books.looked(connection, IDS[number], looked_from=now, now=now, moved="", verdict=verdict, step=step)


def trouble(connection: sqlite3.Connection, code: str, *, kind: str = "order", of: str = IDS["A-1"]) -> int:
    record = exceptions.Record(kind=kind, id=of, number="A-1" if kind == "order" else None)
    exceptions.raise_finding(connection, record, Finding(code=code, cause="x"), now=NOW)
    return exceptions.of_record(connection, kind, of)[-1].id


@asynccontextmanager
async def desk(
    folder: Path, verdict: str = "differs", step: str = "held", *, four_eyes: bool = False, open_ones: bool = False
) -> AsyncIterator[TestApp]:
    def fill(connection: sqlite3.Connection) -> None:
        exported(connection, "A-1", verdict=verdict, step=step)
        for code in OPEN if open_ones else ():
            trouble(connection, code)

    async with assembled(folder, fill) as app:
        finance = msgspec.structs.replace(app.settings.finance, four_eyes=four_eyes)
        app.settings = msgspec.structs.replace(app.settings, finance=finance)
        yield app


async def kept(app: TestApp, number: str = "A-1") -> BooksRecord:
    found = await app.engine.database.read(lambda connection: books.get(connection, IDS[number]))
    assert found is not None
    return found


async def still_open(app: TestApp) -> set[str]:
    rows = await app.engine.database.read(exceptions.listing)
    return {row.type for row in rows}


async def looks(app: TestApp) -> list[str]:
    def unit(connection: sqlite3.Connection) -> list[str]:
        rows = connection.execute("SELECT subject FROM outbox WHERE flow = 'finance' ORDER BY subject")
        return [row[0] for row in rows]

    return await app.engine.database.read(unit)


async def written(app: TestApp, order_id: str = IDS["A-1"]) -> tuple[list[tuple[str, str]], list[str]]:
    """What the audit and the timeline say of an order."""

    def unit(connection: sqlite3.Connection) -> tuple[list[tuple[str, str]], list[str]]:
        done = [(author, action) for _, author, action, _ in audit.of_record(connection, f"order:{order_id}")]
        told = [line.what for line in timeline.of_order(connection, order_id) if line.what.startswith("books")]
        return done, told

    return await app.engine.database.read(unit)


# -- release --------------------------------------------------------------------------------------------------------


async def test_what_differs_is_released_as_it_stands_with_a_reason(tmp_path: Path) -> None:
    async with desk(tmp_path, open_ones=True) as app:
        with pytest.raises(ProblemError, match="a reason is needed"):
            await actions.release_order(app, "A-1", author="ann", reason="")
        assert not await looks(app)
        done = await actions.release_order(app, "A-1", author="ann", reason="a cent")
        assert done["done"]
        record = await kept(app)
        assert (record.decision, record.decided_by, record.why) == ("released", "ann", "a cent")
        assert record.decided_at == app.engine.clock.now()
        assert await still_open(app) == {"posting_rejected", "payment_unmapped"}, "these clear by what Cin7 shows"
        assert await looks(app) == [IDS["A-1"]]
        assert await written(app) == ([("ann", "release")], ["books released"])
        again = await actions.release_order(app, "A-1", author="bob", reason="me too")
        assert not again["done"]
        assert (await kept(app)).decided_by == "ann"


@pytest.mark.parametrize("step", ["waits", "locked"])
async def test_what_agrees_and_waits_needs_one_person_and_no_reason(tmp_path: Path, step: str) -> None:
    async with desk(tmp_path, "agrees", step, four_eyes=True) as app:
        assert (await actions.release_order(app, "A-1", author="ann", reason=""))["done"]
        assert (await kept(app)).decision == "released"


async def test_four_eyes_are_those_of_two_persons(tmp_path: Path) -> None:
    async with desk(tmp_path, four_eyes=True, open_ones=True) as app:
        first = await actions.release_order(app, "A-1", author="ann", reason="a cent")
        assert "second person" in first["message"]
        assert (await kept(app)).decision == "asked"
        assert "release_unconfirmed" in await still_open(app)
        assert "books_differ" in await still_open(app)
        with pytest.raises(ProblemError, match="another person") as refused:
            await actions.release_order(app, "A-1", author="ann", reason="I said so")
        assert refused.value.status == 409
        assert (await kept(app)).decision == "asked"
        await actions.release_order(app, "A-1", author="bob", reason="seen")
        record = await kept(app)
        assert (record.decision, record.decided_by, record.why) == ("released", "bob", "seen")
        assert not await still_open(app) & {"release_unconfirmed", "books_differ"}
        assert await written(app) == (
            [("ann", "release"), ("bob", "release")],
            ["books release asked", "books released"],
        )


async def test_a_second_person_confirms_what_the_first_one_saw(tmp_path: Path) -> None:
    def differs_by(net: str) -> Callable[[sqlite3.Connection], None]:
        one = Discrepancy(chain=Chain.SALE, reason=Reason.ROUNDING, component="total", currency="GBP", net=Decimal(net))
        return lambda connection: books.put_discrepancies(connection, IDS["A-1"], [one], now=NOW)

    async with desk(tmp_path, four_eyes=True) as app:
        await app.engine.database.run(differs_by("0.01"))
        await actions.release_order(app, "A-1", author="ann", reason="a cent")
        await app.engine.database.run(differs_by("100"))
        done = await actions.release_order(app, "A-1", author="bob", reason="seen")
        assert "second person" in done["message"]
        assert ((await kept(app)).decision, (await kept(app)).decided_by) == ("asked", "bob")
        await actions.release_order(app, "A-1", author="ann", reason="the hundred, too")
        assert (await kept(app)).decision == "released"


async def test_a_look_that_waits_again_may_be_answered_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        await actions.release_order(app, "A-1", author="ann", reason="a cent")
        await app.engine.database.run(
            lambda connection: look(connection, "A-1", verdict="differs", step="locked", now=NOW + 5000)
        )
        app.engine.clock.at = NOW + 6000  # type: ignore[attr-defined]
        done = await actions.release_order(app, "A-1", author="bob", reason="next open day")
        assert done["done"]
        assert (await kept(app)).decided_by == "bob"


async def test_an_order_that_is_held_itself_is_judged_again_and_its_books_are_left(tmp_path: Path) -> None:
    async with desk(tmp_path) as app:
        await app.engine.database.run(lambda connection: a_hold(connection, IDS["A-1"], "A-1"))
        await actions.release_order(app, "A-1", author="ann", reason="SKU corrected")
        assert (await kept(app)).decision == ""
        assert not await looks(app)


async def test_books_that_agree_and_wait_for_nothing_have_nothing_to_release(tmp_path: Path) -> None:
    async with desk(tmp_path, "agrees", "") as app:
        with pytest.raises(ProblemError, match="not held, and its books wait for nobody: there is nothing to release"):
            await actions.release_order(app, "A-1", author="ann", reason="x")
        assert (await kept(app)).decision == ""


# -- reject ---------------------------------------------------------------------------------------------------------


async def test_a_rejected_order_is_a_persons_own(tmp_path: Path) -> None:
    async with desk(tmp_path, four_eyes=True, open_ones=True) as app:
        with pytest.raises(ProblemError, match="A reason is needed"):
            await actions.reject_order(app, "A-1", author="ann", reason="")
        assert (await actions.reject_order(app, "A-1", author="ann", reason="booked by hand"))["done"]
        assert (await kept(app)).decision == "rejected"
        assert await still_open(app) == {"payment_unmapped"}
        assert await written(app) == ([("ann", "reject")], ["books rejected"])
        assert not (await actions.reject_order(app, "A-1", author="bob", reason="again"))["done"]
        assert await looks(app) == [IDS["A-1"]]


async def test_an_order_without_a_sale_has_no_books_to_reject(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        with pytest.raises(ProblemError, match="no sale"):
            await actions.reject_order(app, "A-3", author="ann", reason="x")
        with pytest.raises(ProblemError, match="No order"):
            await actions.reject_order(app, "nobody", author="ann", reason="x")


# -- a day ----------------------------------------------------------------------------------------------------------


def a_day(connection: sqlite3.Connection) -> None:
    """Two orders of a day wait, a third differs; the day is told of."""
    exported(connection, "A-1", verdict="agrees", step="waits")
    exported(connection, "A-2", verdict="agrees", step="waits", sale_id="s-2")
    exported(connection, "A-3", verdict="differs", step="held", sale_id="s-3")
    trouble(connection, "posting_waits", kind="books", of=DAY)


async def test_a_day_is_released_at_once_and_what_differs_is_not(tmp_path: Path) -> None:
    async with assembled(tmp_path, a_day) as app:
        done = await actions.release_day(app, DAY, author="ann", reason="looked through")
        assert (done["done"], done["orders"]) == (True, 2)
        assert "2 orders are released" in done["message"]
        assert [(await kept(app, number)).decision for number in IDS] == ["released", "released", ""]
        assert await looks(app) == [IDS["A-1"], IDS["A-2"]]
        assert await still_open(app) == set()
        assert [(await kept(app, number)).step for number in IDS] == ["next", "next", "held"]
        assert (await written(app))[0] == [("ann", "release")]
        again = await actions.release_day(app, DAY, author="ann", reason="looked through")
        assert (again["done"], again["orders"]) == (False, 0)


async def test_a_day_is_told_of_until_the_last_order_is_decided(tmp_path: Path) -> None:
    async with assembled(tmp_path, a_day) as app:
        await actions.release_order(app, "A-1", author="ann", reason="")
        assert await still_open(app) == {"posting_waits"}
        with pytest.raises(ProblemError, match="release --day"):
            await actions.resolve_exception(app, 1, author="ann", reason="seen")
        await actions.reject_order(app, "A-2", author="ann", reason="by hand")
        assert await still_open(app) == set()


@pytest.mark.parametrize(
    ("day", "reason"), [("yesterday", "x"), ("2026-13-01", "x"), ("20261126", "x"), ("2026-W48-4", "x"), (DAY, "")]
)
async def test_a_day_is_a_date_and_has_a_reason(tmp_path: Path, day: str, reason: str) -> None:
    async with assembled(tmp_path, a_day) as app:
        with pytest.raises(ProblemError):
            await actions.release_day(app, day, author="ann", reason=reason)
        assert not await looks(app)


# -- dismissing, retrying ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["books_differ", "totals_differ"])
async def test_dismissing_what_differs_releases_it_where_one_person_may(tmp_path: Path, code: str) -> None:
    async with desk(tmp_path) as app:
        number = await app.engine.database.run(lambda connection: trouble(connection, code))
        await actions.resolve_exception(app, number, author="ann", reason="a cent")
        assert ((await kept(app)).decision, (await kept(app)).why) == ("released", "a cent")
        assert await looks(app) == [IDS["A-1"]]
        assert (await written(app))[0] == [("ann", "resolve")]


async def test_what_differs_no_more_is_dismissed_and_decides_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, "agrees", "", four_eyes=True) as app:
        number = await app.engine.database.run(lambda connection: trouble(connection, "books_differ"))
        await actions.resolve_exception(app, number, author="ann", reason="seen")
        assert (await kept(app)).decision == ""
        assert not await still_open(app)


@pytest.mark.parametrize(("now", "percent"), [(Decimal(21), Decimal(21)), (None, None)])
async def test_a_tax_rule_that_is_dismissed_is_known_as_it_is_now(
    tmp_path: Path, now: Decimal | None, percent: Decimal | None
) -> None:
    def changed(connection: sqlite3.Connection) -> int:
        rules = [] if now is None else [TaxRule(id="r", name="VAT", percent=now)]
        facts.store(connection, FactKind.TAX_RULE, rules, now=NOW, whole=True)
        books.accept_rule(connection, "VAT", Decimal(20))
        return trouble(connection, "tax_rule_changed", kind="tax_rule", of="VAT")

    async with desk(tmp_path) as app:
        number = await app.engine.database.run(changed)
        await actions.resolve_exception(app, number, author="ann", reason="meant")
        assert (await app.engine.database.read(books.posted_percents)).get("VAT") == percent


@pytest.mark.parametrize("code", ["books_differ", "totals_differ", "release_unconfirmed"])
async def test_under_four_eyes_nothing_is_dismissed(tmp_path: Path, code: str) -> None:
    async with desk(tmp_path, four_eyes=True) as app:
        number = await app.engine.database.run(lambda connection: trouble(connection, code))
        with pytest.raises(ProblemError, match="tallyd orders release A-1"):
            await actions.resolve_exception(app, number, author="ann", reason="a cent")
        assert await still_open(app) == {code}
        assert (await kept(app)).decision == ""


@pytest.mark.parametrize("leading_to", [(), (OrderState.CANCELLING, OrderState.CANCELLED)])
async def test_a_retry_reads_the_books_again_also_when_the_look_was_set_aside(
    tmp_path: Path, leading_to: tuple[OrderState, ...]
) -> None:
    def aside(connection: sqlite3.Connection) -> None:
        for each in (OrderState.POSTED, *leading_to):
            orders.move(connection, IDS["A-1"], each, now=NOW)
        outbox.accept(connection, books.nudge(IDS["A-1"], NOW), now=NOW)
        [envelope] = outbox.claim(connection, Flow.FINANCE, limit=1, now=NOW)
        set_aside(connection, envelope, reason="ValueError at finance/look.py:1", now=NOW)

    async with desk(tmp_path) as app:
        await app.engine.database.run(aside)
        await actions.retry_order(app, "A-1", author="ann", reason="")
        assert (await kept(app)).told_at == app.engine.clock.now()
        assert await looks(app) == [IDS["A-1"]]
        assert await still_open(app) == set()


# -- one unit, and every order of events ------------------------------------------------------------------------------


async def test_what_is_decided_and_who_did_it_are_committed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("disk")

    async with desk(tmp_path, open_ones=True) as app:
        monkeypatch.setattr(audit, "write", broken)
        for act in (actions.release_order, actions.reject_order):
            with pytest.raises(RuntimeError):
                await act(app, "A-1", author="ann", reason="x")
        assert (await kept(app)).decision == ""
        assert await still_open(app) == set(OPEN)
        assert not await looks(app)


PEOPLE = ("ann", "bob", "cy")


@hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(st.tuples(st.sampled_from(["release", "reject", "dismiss"]), st.sampled_from(PEOPLE)), max_size=6))
async def test_under_four_eyes_no_one_person_ever_releases_what_differs(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, str]]
) -> None:
    async with desk(tmp_path_factory.mktemp("desk"), four_eyes=True) as app:
        number = await app.engine.database.run(lambda connection: trouble(connection, "books_differ"))
        asked_by = ""
        for act, person in acts:
            before = (await kept(app)).decision
            try:
                if act == "dismiss":
                    await actions.resolve_exception(app, number, author=person, reason="x")
                else:
                    do = actions.release_order if act == "release" else actions.reject_order
                    await do(app, "A-1", author=person, reason="x")
            except ProblemError:
                assert (await kept(app)).decision == before
                continue
            after = await kept(app)
            if after.decision == "released" and before != "released":
                assert before == "asked"
                assert after.decided_by not in ("", asked_by)
            asked_by = after.decided_by if after.decision == "asked" else asked_by


def test_what_is_due_is_what_a_person_may_say_something_about() -> None:
    plain = BooksRecord(order_id="o", sale_id="s", currency="GBP")
    due = {
        (verdict, step): releasing.is_due(msgspec.structs.replace(plain, verdict=verdict, step=step))
        for verdict in ("", "agrees", "differs")
        for step in ("", "next", "waits", "locked", "held", "asked")
    }
    assert {key for key, value in due.items() if not value} == {
        (verdict, step) for verdict in ("", "agrees") for step in ("", "next")
    }
    assert not releasing.is_due(None)
