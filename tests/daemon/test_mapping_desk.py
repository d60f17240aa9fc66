"""Mapping rows over HTTP, the socket and the command line: who may, what is refused, and what is told of the rows."""

from __future__ import annotations

import json
import os
import pwd
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import anyio.to_thread
import pytest

from actors.catalogue.matching import LISTED
from actors.catalogue.switches import settle_mapped
from actors.domain.exception_types import Finding
from actors.domain.facts import Carrier, Fact, FactKind, LedgerAccount, Product, TaxRule
from actors.domain.mapped import MappingKind
from actors.messages import Flow
from adapters.operator.mapping_api import PATHS, SCHEMAS, MappingDraft
from adapters.operator.problems import ProblemError
from adapters.operator.server import operator_server
from daemon.cli import main
from daemon.commands.mappings import KINDS
from daemon.control import control_server
from daemon.control_client import RefusedError, ask
from daemon.desk.mapping_drafts import judge
from daemon.desk.mappings import ROLES
from daemon.planning import mappings_of
from daemon.readmodel import LiveReading
from daemon.settings import parse_settings
from storage import audit, books, exceptions, facts, mapping_rows, meta
from storage.database import connect
from tests.daemon_app import (
    IDS,
    NOW,
    TestApp,
    a_hold,
    a_sale,
    an_order,
    assembled,
    config_text,
    make_file,
    token,
    write_config,
)

ME = pwd.getpwuid(os.getuid()).pw_name
FINANCE, FINANCE_TOKEN = token("fay", "finance")
OPS, OPS_TOKEN = token("olga", "ops")
VIEWER, VIEWER_TOKEN = token("vera", "viewer")
STANDARD, REDUCED = "20% (VAT on Income)", "5% (VAT on Income)"


def rule(name: str, percent: int, *, active: bool = True, for_sale: bool = True) -> TaxRule:
    return TaxRule(id=name, name=name, percent=Decimal(percent), active=active, for_sale=for_sale)


def service(name: str, **changes: str) -> Product:
    return Product(**({"id": name, "sku": f"SVC-{name}", "name": name, "type": "Service"} | changes))  # type: ignore[arg-type]


LISTS: dict[FactKind, tuple[Fact, ...]] = {
    FactKind.TAX_RULE: (
        rule(STANDARD, 20),
        rule(REDUCED, 5),
        rule("Zero", 0),
        rule("Off", 20, active=False),
        rule("Purchases", 20, for_sale=False),
    ),
    FactKind.PRODUCT: (
        service("Gift wrap"),
        service("Gift card sold", revenue_account="850"),
        service("Old", status="Deprecated"),
        Product(id="m", sku="MUG", name="Mug", type="Stock"),
    ),
    FactKind.ACCOUNT: (
        LedgerAccount(code="090", name="Clearing", for_payments=True),
        LedgerAccount(code="200", name="Sales"),
        LedgerAccount(code="091", name="Closed", for_payments=True, active=False),
        LedgerAccount(code="850", name="Gift cards", kind="LIABILITY"),
    ),
    FactKind.CARRIER: (Carrier(id="c", name="Royal Mail"),),
}


def account(connection: sqlite3.Connection) -> None:
    """What was read of the account."""
    for kind, rows in LISTS.items():
        facts.store(connection, kind, rows, now=NOW, whole=True)


def waiting(connection: sqlite3.Connection) -> None:
    """The account, an order that waits for a tax, and one that is sold and whose payment waits for an account."""
    account(connection)
    held = an_order("A-2", connection=connection)
    a_hold(connection, held, "A-2", code="tax_unmapped")
    exceptions.clear(connection, exceptions.Record(kind="order", id=held), resolution="mended", now=NOW)
    for key in ("GB/standard", "GB/zero"):
        finding = Finding(code="tax_unmapped", cause="c", field=key, group=f"tax_unmapped:{key}")
        exceptions.raise_finding(connection, exceptions.Record(kind="order", id=held), finding, now=NOW)
    a_sale(connection, an_order("A-1", connection=connection))


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[TestApp, aiohttp.ClientSession]]:
    tokens = (FINANCE_TOKEN, OPS_TOKEN, VIEWER_TOKEN)
    async with (
        assembled(folder, waiting) as app,
        operator_server("127.0.0.1:0", LiveReading(app), tokens=tokens) as (_, port),
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        yield app, session


async def posted(
    session: aiohttp.ClientSession, who: str, body: Any, *, path: str = "/api/mappings", key: str | None = "request-1"
) -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {who}"} | ({"Idempotency-Key": key} if key is not None else {})
    async with session.post(path, headers=headers, json=body) as answer:
        return answer.status, json.loads(await answer.text())


async def shown(session: aiohttp.ClientSession, query: str = "") -> tuple[int, dict[str, Any]]:
    async with session.get(f"/api/mappings{query}", headers={"Authorization": f"Bearer {VIEWER}"}) as answer:
        return answer.status, json.loads(await answer.text())


def row(kind: str, key: str, value: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "key": key, "value": value, "reason": "agreed", **more}


def judged_again(app: TestApp) -> list[tuple[str, str]]:
    """Whom the outbox holds, by flow."""
    with connect(app.engine.database.path, read_only=True) as file:
        return file.execute("SELECT flow, subject FROM outbox ORDER BY flow, subject").fetchall()


# -- what is refused --------------------------------------------------------------------------------------------------

CONFIGURED = mappings_of(parse_settings(config_text(Path("tallyd.db")), source="tallyd.toml"))

REFUSED = [
    ("colours", "red", "blue", False, "kind 'colours': it is one of tax, charges"),
    ("tax", "", STANDARD, False, "key '': name what is mapped"),
    ("tax", " GB/standard", STANDARD, False, "no space at either end"),
    ("tax", "GB/stan\ndard", STANDARD, False, "no control characters"),
    ("tax", "x" * 257, STANDARD, False, "at most 256"),
    ("tax", "gb/standard", STANDARD, False, "write GB/standard"),
    ("tax", "20", STANDARD, False, "write 0.2 for 20 %"),
    ("tax", "0.20", STANDARD, False, "write 0.2"),
    ("tax", "0.2", REDUCED, False, "the rule has 5 %, and 0.2 is 20"),
    ("tax", "none", STANDARD, False, "the rule has 20 %"),
    ("tax", "GB/standard", "20%", False, f"no tax rule of exactly this name; it has {STANDARD}, {REDUCED}, Zero"),
    ("tax", "GB/standard", "Off", False, "not active"),
    ("tax", "GB/standard", "Purchases", False, "not for sales"),
    ("tax", "GB/standard", STANDARD, True, "only a custom line"),
    ("charges", "gift-wrap", "Nothing", False, "no service product named Nothing"),
    ("charges", "gift-wrap", "Old", False, "needs an active Service"),
    ("charges", "gift-wrap", "Mug", False, "no service product named Mug"),
    ("payments", "adyen", "999", False, "account 999, which Cin7 Core does not have"),
    ("payments", "adyen", "200", False, "takes no payments"),
    ("payments", "adyen", "091", False, "is not active"),
    ("shipping", "Letter", "Royal mail", False, "no carrier of exactly this name; it has Royal Mail"),
    ("carriers", "Royal mail", "royal-mail", False, "no carrier of exactly this name"),
    ("gift_cards", "GIFT", "Gift wrap", False, "not to a liability"),
    ("gift_cards", "GIFT", "Nowhere", False, "no service product named Nowhere"),
]


@pytest.fixture
def file(tmp_path: Path) -> Any:
    make_file(tmp_path / "tallyd.db", account)
    connection = connect(tmp_path / "tallyd.db")
    yield connection
    connection.close()


@pytest.mark.parametrize(("drafted", "told"), [(one[:4], one[4]) for one in REFUSED])
def test_a_row_the_flows_could_not_work_with_names_field_value_and_mend(
    file: sqlite3.Connection, drafted: tuple[str, str, str, bool], told: str
) -> None:
    kind, key, value, tender = drafted
    draft = MappingDraft(kind=kind, key=key, value=value, tender=tender)
    with pytest.raises(ProblemError) as refused:
        judge(draft, facts.for_order(file, ()), CONFIGURED)
    assert refused.value.status == 400
    assert told in refused.value.detail


@pytest.mark.parametrize(
    ("kind", "key", "value"),
    [
        ("tax", "GB/standard", STANDARD),
        ("tax", "a name/of its own", STANDARD),
        ("tax", "0.05", REDUCED),
        ("tax", "0", "Zero"),
        ("tax", "none", "Zero"),
        ("tax", "NaN", STANDARD),
        ("charges", "gift-wrap", "Gift wrap"),
        ("payments", "adyen/scheme", "090"),
        ("shipping", "Letter", "Royal Mail"),
        ("carriers", "Royal Mail", "royal-mail"),
        ("gift_cards", "GIFT", "Gift card sold"),
        ("tax", "whatever it was", ""),
    ],
)
def test_a_row_the_flows_can_work_with_is_taken(file: sqlite3.Connection, kind: str, key: str, value: str) -> None:
    judged = judge(MappingDraft(kind=kind, key=key, value=value), facts.for_order(file, ()), CONFIGURED)
    assert (judged.row.kind, judged.row.key, judged.row.value, judged.warnings) == (kind, key, value, ())


@pytest.mark.parametrize(("kind", "missing"), [("tax", "tax rules"), ("charges", "products"), ("payments", "accounts")])
def test_before_a_list_was_read_nobody_can_say_and_carriers_are_taken_with_a_warning(
    tmp_path: Path, kind: str, missing: str
) -> None:
    make_file(tmp_path / "tallyd.db", lambda connection: None)
    connection = connect(tmp_path / "tallyd.db")
    known = facts.for_order(connection, ())
    connection.close()
    with pytest.raises(ProblemError, match=f"The {missing} of Cin7 Core were not read yet") as refused:
        judge(MappingDraft(kind=kind, key="a", value="b"), known, CONFIGURED)
    assert refused.value.status == 409
    [warning] = judge(MappingDraft(kind="shipping", key="a", value="b"), known, CONFIGURED).warnings
    assert "nobody knows whether it has b" in warning


async def test_one_slug_is_a_charge_or_a_gift_card(tmp_path: Path) -> None:
    async with served(tmp_path) as (_, session):
        assert (await posted(session, FINANCE, row("charges", "GIFT", "Gift wrap")))[0] == 200
        status, told = await posted(session, FINANCE, row("gift_cards", "GIFT", "Gift card sold"), key="request-2")
        assert (status, "is mapped in charges already" in told["detail"]) == (400, True)


# -- who may ----------------------------------------------------------------------------------------------------------

ROWS = {
    "tax": ("GB/standard", STANDARD),
    "charges": ("gift-wrap", "Gift wrap"),
    "payments": ("adyen", "090"),
    "gift_cards": ("GIFT", "Gift card sold"),
    "shipping": ("Letter", "Royal Mail"),
    "carriers": ("Royal Mail", "royal-mail"),
}


@pytest.mark.parametrize("kind", ROWS)
async def test_what_is_booked_otherwise_is_finances_and_what_is_shipped_is_operations(
    tmp_path: Path, kind: str
) -> None:
    finance = kind not in ("shipping", "carriers")
    async with served(tmp_path) as (app, session):
        for who, may in ((VIEWER, False), (OPS, not finance), (FINANCE, finance)):
            status, told = await posted(session, who, row(kind, *ROWS[kind]), key=f"request-{who}")
            assert (status, told.get("done")) == ((200, True) if may else (403, None))
        assert app.engine.plan.mappings.table(MappingKind(kind))[ROWS[kind][0]].value == ROWS[kind][1]
        assert (await posted(session, VIEWER, row(kind, *ROWS[kind]), path="/api/mappings/try"))[0] == 200


def test_every_kind_has_its_people_and_its_place_in_the_description() -> None:
    assert set(ROLES) == set(MappingKind) == set(KINDS)
    assert set(SCHEMAS["MappingDraft"]["properties"]) == set(MappingDraft.__struct_fields__)
    assert set(PATHS) == {"/api/mappings", "/api/mappings/try"}


WRONG = [
    ({"body": row("tax", "GB/standard", STANDARD), "key": None}, "Idempotency-Key is needed"),
    ({"body": row("tax", "GB/standard", STANDARD), "key": "short"}, "8 to 100"),
    ({"body": row("tax", "GB/standard", STANDARD) | {"reason": " "}}, "reason is missing"),
    ({"body": row("tax", "GB/standard", STANDARD) | {"reason": "x" * 501}}, "at most 500"),
    ({"body": row("tax", "GB/standard", STANDARD, colour="red")}, "colour"),
    ({"body": {"kind": "tax"}}, "key"),
    ({"body": [1]}, "must say what is mapped"),
]


@pytest.mark.parametrize(("asked", "told"), WRONG)
async def test_a_request_nobody_understands_is_a_400(tmp_path: Path, asked: dict[str, Any], told: str) -> None:
    async with served(tmp_path) as (app, session):
        status, problem = await posted(session, FINANCE, asked["body"], key=asked.get("key", "request-1"))
        assert (status, told in problem["detail"]) == (400, True), problem
        assert await app.engine.database.read(mapping_rows.version) == 0
        assert (await shown(session, "?kind=colours"))[0] == (await shown(session, "?kid=tax"))[0] == 400


# -- what it does -----------------------------------------------------------------------------------------------------


async def test_a_row_is_audited_and_wakes_what_waits_for_it_in_one_commit(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, session):
        trial = (await posted(session, VIEWER, row("tax", "GB/standard", STANDARD), path="/api/mappings/try"))[1]
        assert (trial["waiting_now"], trial["looked_at"], trial["unreadable"]) == (1, 2, 2)
        assert "none is kept with its body" in trial["warnings"][0]
        commits = app.engine.database.stats.commits
        status, done = await posted(session, FINANCE, row("tax", "GB/standard", STANDARD))
        assert (status, app.engine.database.stats.commits) == (200, commits + 1)
        assert done == {
            "done": True,
            "message": f"tax GB/standard is mapped to {STANDARD} now. Orders judged again: 1.",
            "version": 1,
            "orders": 1,
        }
        assert judged_again(app) == [("catalogue", "refresh"), ("orders", IDS["A-2"])]
        [(_, author, action, detail)] = await app.engine.database.read(
            lambda connection: audit.of_record(connection, "mapping:tax:GB/standard")
        )
        assert (author, action) == ("fay", "map")
        assert json.loads(detail) == {"reason": "agreed", "value": STANDARD, "before": "", "version": "1"}


async def test_of_orders_that_wait_only_those_with_books_have_them_looked_at(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, session):
        await app.engine.database.run(lambda file: books.begin(file, IDS["A-2"], "sale", "GBP"))
        await posted(session, FINANCE, row("tax", "GB/standard", STANDARD))
        assert judged_again(app) == [
            ("catalogue", "refresh"),
            (Flow.FINANCE.value, IDS["A-2"]),
            ("orders", IDS["A-2"]),
        ]


async def test_books_that_differ_are_held_against_the_tax_rule_that_is_right_now(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, session):
        record = exceptions.Record(kind="order", id=IDS["A-1"])
        differs = Finding(code="books_differ", cause="another tax title", group="books_differ")
        await app.engine.database.run(lambda file: books.begin(file, IDS["A-1"], "sale", "GBP"))
        await app.engine.database.run(lambda file: exceptions.raise_finding(file, record, differs, now=NOW))
        assert (await posted(session, FINANCE, row("tax", "GB/reduced", REDUCED)))[1]["orders"] == 0
        assert judged_again(app) == [("catalogue", "refresh"), (Flow.FINANCE.value, IDS["A-1"])]


async def test_a_gift_card_concerns_its_stock_and_both_catalogues_too(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, session):

        def both_were_read(connection: sqlite3.Connection) -> None:
            meta.set_counter(connection, LISTED, NOW)
            settle_mapped(connection, app.engine.plan.catalogue, now=NOW)
            connection.execute("DELETE FROM outbox")

        await app.engine.database.run(both_were_read)
        assert (await posted(session, FINANCE, row("gift_cards", "GIFT", "Gift card sold")))[1]["done"]
        assert judged_again(app) == [("catalogue", "judge"), ("catalogue", "refresh"), ("stock", "sku:GIFT")]
        assert app.engine.plan.catalogue.mapped == frozenset({"GIFT"})


async def test_a_payment_that_waits_has_its_books_looked_at_and_nothing_else(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, session):
        finding = Finding(code="payment_unmapped", cause="c", field="adyen/scheme", group="payment_unmapped:adyen")
        record = exceptions.Record(kind="order", id=IDS["A-1"])

        def unit(connection: sqlite3.Connection) -> None:
            books.begin(connection, IDS["A-1"], "sale", "GBP")
            exceptions.raise_finding(connection, record, finding, now=NOW)

        await app.engine.database.run(unit)
        assert (await posted(session, FINANCE, row("payments", "adyen", "090")))[1]["orders"] == 1
        assert judged_again(app) == [(Flow.FINANCE.value, IDS["A-1"])]


async def test_the_same_request_does_it_once_and_another_row_under_its_key_is_refused(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, session):
        first = await posted(session, FINANCE, row("tax", "GB/standard", STANDARD))
        again = await posted(session, FINANCE, row("tax", "GB/standard", STANDARD))
        assert [first[1]["done"], again[1]["done"]] == [True, False]
        assert (again[0], again[1]["version"], again[1]["orders"]) == (200, 1, 1)
        assert (await posted(session, FINANCE, row("tax", "GB/zero", "Zero")))[0] == 409
        same = await posted(session, FINANCE, row("tax", "GB/standard", STANDARD), key="request-2")
        assert (same[1]["done"], "already" in same[1]["message"]) == (False, True)
        nothing = await posted(session, FINANCE, row("tax", "GB/zero", ""), key="request-3")
        assert (nothing[1]["done"], "is mapped to nothing already" in nothing[1]["message"]) == (False, True)
        assert await app.engine.database.read(mapping_rows.version) == 1


async def test_the_list_says_who_says_so_and_what_the_file_says(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, session):
        _, before = await shown(session, "?kind=tax")
        assert [(one["key"], one["value"], one["source"]) for one in before["items"]] == [
            ("standard", STANDARD, "file")
        ]
        # Pinning what the file says changes nothing, so nothing is made; another value is laid over it.
        await posted(session, FINANCE, row("tax", "standard", REDUCED))
        _, after = await shown(session)
        [one] = [item for item in after["items"] if item["kind"] == "tax"]
        assert (one["value"], one["source"], one["file_value"], one["author"]) == (REDUCED, "desk", STANDARD, "fay")
        assert (one["version"], one["reason"], one["at"] is not None) == (1, "agreed", True)
        assert app.engine.plan.posting.tax == {"standard": REDUCED}
        assert app.engine.configured.posting.tax == {"standard": STANDARD}
        await posted(session, FINANCE, row("tax", "standard", ""), key="request-2")
        _, last = await shown(session, "?kind=tax")
        assert [(one["key"], one["value"], one["source"]) for one in last["items"]] == [("standard", STANDARD, "file")]
        assert [(made["version"], made["value"]) for made in last["history"]] == [(2, ""), (1, REDUCED)]
        assert (last["version"], app.engine.plan.posting.tax) == (2, {"standard": STANDARD})


# -- the socket and the command line ----------------------------------------------------------------------------------


async def test_the_socket_and_the_command_line_do_the_same_under_the_users_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["mappings", *arguments, "--config", str(config)])
        out, err = capsys.readouterr()
        return code, out, err

    async with assembled(tmp_path, waiting) as app, control_server(app, app.settings.socket_path):

        def play() -> None:
            tried = run("try", "tax", "GB/standard", STANDARD)[1].splitlines()
            assert tried[6].split() == ["waiting", "for", "it", "now", "1"]
            code, out, _ = run("add", "tax", "GB/standard", STANDARD, "--reason", "agreed")
            assert (code, "is mapped to 20%" in out) == (0, True)
            code, out, err = run("add", "tax", "GB/standard", "20%", "--reason", "agreed")
            assert (code, out, "no tax rule of exactly this name" in err) == (1, "", True)
            assert f"{ME} " in run("list", "--kind", "tax")[1]
            assert run("withdraw", "tax", "GB/standard", "--reason", "a slip")[0] == 0
            with pytest.raises(RefusedError, match="Idempotency-Key"):
                ask(app.settings.socket_path, "POST", "/api/mappings", row("tax", "GB/standard", STANDARD))

        await anyio.to_thread.run_sync(play)
        made = await app.engine.database.read(lambda file: mapping_rows.history(file, limit=10))
        assert [(one.row.value, one.author) for one in made] == [("", ME), (STANDARD, ME)]


def test_rows_are_listed_while_the_daemon_is_down_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_config(tmp_path)
    make_file(tmp_path / "tallyd.db", account)
    assert main(["mappings", "list", "--config", str(config)]) == 0
    assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["tax", "standard"]
    assert main(["mappings", "list", "--config", str(config), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == 0
    assert main(["mappings", "list", "--kind", "colours", "--config", str(config)]) == 2
    assert main(["mappings", "add", "tax", "a", "b", "--reason", "c", "--config", str(config)]) == 1
    assert "not running" in capsys.readouterr().err
