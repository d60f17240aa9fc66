"""How both catalogues match, as people read it: in lists, one by one, as a table, and with the daemon down."""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.catalogue import drafting
from actors.domain.coverage import Flag, Match
from adapters.operator.problems import ProblemError
from adapters.operator.reading import PLAN_SORTS, PlanQuery, SkuQuery
from daemon.cli import main
from daemon.commands import skus
from daemon.planning import catalogue_rules
from daemon.settings import parse_settings
from daemon.sku_views import PAGE, plan_table, plan_view, sku_page, sku_tables, sku_view
from storage import listings, would_haves
from storage.database import connect
from tests.catalogue_file import RULES, catalogue, item, listed
from tests.daemon_app import NOW, config_text, make_file, write_config
from tests.doc_tables import DOCS, table

ALL = ["=1+1", "BOWL", "FAMILY", "GHOST", "HW-JUG-01", "MUG", "OLD", "SIZED", "TEA-01", "TEA-1", "TWIN", "hw-jug-01"]


@pytest.fixture
def file(tmp_path: Path) -> sqlite3.Connection:
    make_file(tmp_path / "tallyd.db", catalogue)
    return connect(tmp_path / "tallyd.db", read_only=True)


# -- lists -------------------------------------------------------------------------------------------------------------

NARROWED: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ALL),
    ({"match": "matched"}, ["MUG", "OLD", "TWIN"]),
    ({"match": "only_cin7"}, ["BOWL", "HW-JUG-01", "SIZED", "TEA-01"]),
    ({"match": "only_commercetools"}, ["=1+1", "FAMILY", "GHOST", "TEA-1", "hw-jug-01"]),
    ({"match": "unmatched"}, [sku for sku in ALL if sku not in ("MUG", "OLD", "TWIN")]),
    ({"flag": "duplicate"}, ["TWIN"]),
    ({"flag": "deprecated"}, ["OLD"]),
    ({"flag": "not_published"}, ["=1+1"]),
    ({"flag": "no_tax_category"}, ["TWIN"]),
    ({"flag": "near_miss"}, ["HW-JUG-01", "hw-jug-01"]),
    ({"flag": "no_price"}, []),
    ({"published": True, "match": "unmatched"}, ["FAMILY", "GHOST", "TEA-1", "hw-jug-01"]),
    ({"published": False, "match": "only_commercetools"}, ["=1+1"]),
    ({"text": "Hw-"}, ["HW-JUG-01", "hw-jug-01"]),
    ({"text": "%"}, []),
]


@pytest.mark.parametrize(("narrowed", "skus"), NARROWED)
def test_a_list_holds_what_was_asked_for(file: sqlite3.Connection, narrowed: dict[str, Any], skus: list[str]) -> None:
    page = sku_page(file, SkuQuery(**narrowed))
    assert [one["sku"] for one in page["items"]] == skus
    assert page["next"] is None


@pytest.mark.parametrize("limit", [1, 2, 5, 11, 12])
def test_pages_lose_nobody(file: sqlite3.Connection, limit: int) -> None:
    found: list[str] = []
    after: str | None = ""
    while after is not None:
        page = sku_page(file, SkuQuery(after=after, limit=limit))
        found += [one["sku"] for one in page["items"]]
        after = page["next"]
    assert found == ALL


def test_both_sides_are_counted(file: sqlite3.Connection) -> None:
    counts = sku_page(file, SkuQuery(limit=1))["counts"]
    assert (counts["matched"], counts["only_cin7"], counts["only_commercetools"]) == (3, 4, 5)
    assert (counts["cin7_percent"], counts["commercetools_percent"]) == (42.8, 37.5)
    assert counts["unmatched_published"] == 4
    assert counts["flags"] == {
        "deprecated": 1,
        "not_sellable": 0,
        "duplicate": 1,
        "not_published": 1,
        "no_tax_category": 1,
        "no_price": 0,
        "near_miss": 2,
        "collision": 0,
        "mapped": 0,
    }
    assert counts["ready"] is True


def test_what_a_mapping_sells_is_matched_and_no_item_of_cin7_core(tmp_path: Path) -> None:
    make_file(tmp_path / "tallyd.db", lambda connection: catalogue(connection, mapped=("GHOST",)))
    with connect(tmp_path / "tallyd.db", read_only=True) as made:
        counts = sku_page(made, SkuQuery(limit=1))["counts"]
    assert (counts["matched"], counts["flags"]["mapped"]) == (4, 1)
    assert (counts["cin7_percent"], counts["commercetools_percent"]) == (42.8, 50.0)


def test_a_sku_that_is_not_judged_yet_is_judged_for_who_asks(tmp_path: Path) -> None:
    def unjudged(connection: sqlite3.Connection) -> None:
        catalogue(connection)
        connection.execute("DELETE FROM coverage")

    make_file(tmp_path / "tallyd.db", unjudged)
    rules = msgspec.structs.replace(RULES, mapped=frozenset({"GHOST"}))
    with connect(tmp_path / "tallyd.db", read_only=True) as made:
        shown = [sku_view(made, rules, sku) for sku in ("BOWL", "GHOST")]
    assert [one["match"] for one in shown if one is not None] == ["only_cin7", "matched"]


def test_without_a_sku_nothing_is_a_percentage(tmp_path: Path) -> None:
    make_file(tmp_path / "tallyd.db", lambda connection: None)
    with connect(tmp_path / "tallyd.db", read_only=True) as empty:
        counts = sku_page(empty, SkuQuery())["counts"]
    assert (counts["cin7_percent"], counts["commercetools_percent"], counts["ready"]) == (None, None, False)


SUGGESTED = [
    ("hw-jug-01", "it looks like 'HW-JUG-01' of Cin7 Core"),
    ("TEA-1", "it is 'TEA-01' now"),
    ("FAMILY", "it is the SKU of the family 'Sized'"),
    ("GHOST", "nothing in Cin7 Core looks like 'GHOST'"),
    ("BOWL", ""),
    ("MUG", ""),
]


@pytest.mark.parametrize(("sku", "words"), SUGGESTED)
def test_only_what_the_storefront_alone_has_is_suggested_for(file: sqlite3.Connection, sku: str, words: str) -> None:
    [found] = [one for one in sku_page(file, SkuQuery())["items"] if one["sku"] == sku]
    assert words in found["suggestion"]
    assert bool(words) == bool(found["suggestion"])


# -- a table -----------------------------------------------------------------------------------------------------------


def table_of(texts: list[str]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(texts), newline="")))


def test_the_table_is_whole_and_holds_no_formula(file: sqlite3.Connection) -> None:
    rows = table_of([*sku_tables(file, SkuQuery())])
    assert [row["sku"].removeprefix("'") for row in rows] == ALL
    assert rows[0]["sku"] == "'=1+1"
    assert [row["published"] for row in rows if row["sku"] in ("MUG", "BOWL")] == ["no", "yes"]
    assert next(row for row in rows if row["sku"] == "hw-jug-01")["near"] == "HW-JUG-01"


def test_a_large_table_comes_in_pages(tmp_path: Path) -> None:
    some = [item(f"S-{number:04}") for number in range(2 * PAGE + 1)]
    make_file(tmp_path / "tallyd.db", lambda connection: catalogue(connection, some, ()))
    with connect(tmp_path / "tallyd.db", read_only=True) as large:
        texts = [*sku_tables(large, SkuQuery(text="S-"))]
        few = table_of([*sku_tables(large, SkuQuery(text="S-"), most=PAGE + 3)])
    assert [text.count("\r\n") for text in texts] == [PAGE + 1, PAGE, 1]
    assert [row["sku"] for row in table_of(texts)] == [one.sku for one in some]
    assert len(few) == PAGE + 3


# -- one SKU -----------------------------------------------------------------------------------------------------------


def test_one_sku_shows_both_sides(file: sqlite3.Connection) -> None:
    found = sku_view(file, RULES, "MUG")
    assert found is not None
    [held], [product] = found["cin7"], found["commercetools"]
    assert held == {
        "item_id": "i-MUG",
        "name": "MUG of stone",
        "status": "Active",
        "sellable": True,
        "type": "Stock",
        "category": "Mugs",
        "family": None,
        "barcode": "4006381333931",
        "fit_at": "2027-01-15T08:00:00.000Z",
    }
    assert (product["product_id"], product["published"]) == ("p-mug", True)
    assert product["modified_at"] == "2027-01-15T07:59:00.000Z"
    assert [(one["version"], one["live"]) for one in product["variants"]] == [("current", True), ("staged", False)]
    assert (found["exceptions"], found["block"], found["drafts"]) == ([], None, [])


def test_one_sku_shows_what_is_open_about_it_and_nothing_of_its_siblings(file: sqlite3.Connection) -> None:
    found = sku_view(file, RULES, "GHOST")
    assert found is not None
    assert [(one["type"], one["record"]["sku"]) for one in found["exceptions"]] == [("product_unmatched", "GHOST")]
    sized = sku_view(file, RULES, "SIZED")
    assert sized is not None
    assert sized["cin7"][0]["family"] == "Sized"
    assert sku_view(file, RULES, "mug") is None


# -- the plan ----------------------------------------------------------------------------------------------------------


def test_the_plan_names_products_without_any_match_and_why(file: sqlite3.Connection) -> None:
    plan = plan_view(file, RULES, PlanQuery(), now=NOW)
    assert [one["product_id"] for one in plan["items"]] == ["p-ghost", "p-jug", "p-nameless", "p-tea"]
    assert (plan["switched_on"], plan["planned"], plan["seen"], plan["published"]) == (False, 4, 4, 7)
    ghost = plan["items"][0]
    assert ghost["skus"] == ["GHOST", "FAMILY"]
    assert "nothing in Cin7 Core looks like 'GHOST'" in ghost["why"]
    assert "family 'Sized'" in ghost["why"]
    assert plan["items"][2]["why"] == "variant 1 has no SKU"


def test_the_plan_comes_in_pages(file: sqlite3.Connection) -> None:
    first = plan_view(file, RULES, PlanQuery(limit=3), now=NOW)
    rest = plan_view(file, RULES, PlanQuery(after=first["next"], limit=3), now=NOW)
    assert [one["product_id"] for one in rest["items"]] == ["p-tea"]
    assert rest["next"] is None


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", PLAN_SORTS)
def test_each_product_of_the_plan_is_on_one_page_and_in_order_and_the_file_is_the_same(
    tmp_path: Path, sort: str, descending: bool
) -> None:
    """Also where many are alike: one has a name of its own, one is approved, one was not read afresh."""

    def alike(connection: sqlite3.Connection) -> None:
        catalogue(connection, products=[listed(f"p-{number}", f"X{number % 2}", name="Tee") for number in range(8)])
        connection.execute("UPDATE products SET name = 'Mug' WHERE id = 'p-3'")
        connection.execute("UPDATE products SET name = '' WHERE id = 'p-6'")
        listings.approve(connection, ["p-5"], now=NOW)
        connection.execute("DELETE FROM exceptions WHERE record_id = 'p-1'")

    make_file(tmp_path / "tallyd.db", alike)
    file = connect(tmp_path / "tallyd.db", read_only=True)
    query = PlanQuery(sort=sort, descending=descending, limit=3)
    seen: list[dict[str, Any]] = []
    told: list[str] = []
    after: str | None = ""
    while after is not None and len(seen) < 9:
        asked = msgspec.structs.replace(query, after=after)
        page = plan_view(file, RULES, asked, now=NOW)
        text, onwards = plan_table(file, RULES, asked, now=NOW)
        told.append(text)
        seen += page["items"]
        after = page["next"]
        assert (page["total"], onwards) == (8, after)
    stands = [(("seen" if one["seen"] else "unseen") if not one["approved"] else "approved") for one in seen]
    values = {
        "product_id": [one["product_id"] for one in seen],
        "name": [(one["name"] or one["product_id"]).lower() for one in seen],
        "skus": [" ".join(one["skus"]) for one in seen],
        "stands": [("unseen", "seen", "approved").index(one) for one in stands],
    }[sort]
    keyed = list(zip(values, [one["product_id"] for one in seen], strict=True))
    assert (len(keyed), keyed) == (8, sorted(set(keyed), reverse=descending))
    rows = list(csv.DictReader(io.StringIO("".join(told), newline="")))
    assert [(row["product_id"], row["stands"]) for row in rows] == [
        (one["product_id"], stand) for one, stand in zip(seen, stands, strict=True)
    ]
    assert stands.count("approved") == stands.count("unseen") == 1


@pytest.mark.parametrize(
    ("narrowed", "products"),
    [
        ({"text": "PRODUCT p-T"}, ["p-tea"]),
        ({"text": "family"}, ["p-ghost"]),
        ({"text": "p-nameless"}, ["p-nameless"]),
        ({"text": "%"}, []),
        ({"stands": "seen"}, ["p-ghost", "p-jug", "p-nameless", "p-tea"]),
        ({"stands": "approved"}, []),
    ],
)
def test_the_plan_is_narrowed(file: sqlite3.Connection, narrowed: dict[str, Any], products: list[str]) -> None:
    plan = plan_view(file, RULES, PlanQuery(**narrowed), now=NOW)
    assert [one["product_id"] for one in plan["items"]] == products
    assert (plan["total"], plan["planned"]) == (len(products), 4)


def test_a_place_of_the_plan_that_is_none_is_refused(file: sqlite3.Connection) -> None:
    with pytest.raises(ProblemError, match="after"):
        plan_view(file, RULES, PlanQuery(sort="name", after="spoilt"), now=NOW)


# -- the command line, with the daemon down ----------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path) -> str:
    make_file(tmp_path / "tallyd.db", catalogue)
    return str(write_config(tmp_path))


def test_without_a_filter_counts_come_first(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skus", "--config", config]) == 0
    told = capsys.readouterr().out
    assert "42.8 % of those in Cin7 Core, 37.5 % of those in commercetools" in told
    assert "only in commercetools                       5      4 of them published" in told
    assert told.index("only in commercetools") < told.index("Not matched:") < told.index("GHOST")
    assert "MUG" not in told


def test_a_filter_shows_rows_alone(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skus", "list", "--config", config, "--flag", "deprecated", "--published"]) == 0
    told = capsys.readouterr().out
    assert "OLD  on both sides  yes        deprecated in Cin7 Core" in told
    assert "Not matched" not in told


def test_only_what_is_published_is_shown_where_that_is_asked(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skus", "--config", config, "--match", "only_commercetools", "--published"]) == 0
    told = capsys.readouterr().out
    assert "GHOST" in told
    assert "=1+1" not in told


def test_help_is_that_of_the_command_where_no_verb_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skus", "--help"]) == 0
    assert "approve" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["--descending"], ["--sort", "published"], ["--sort", "match", "--descending"]])
def test_the_list_is_sorted_as_asked(config: str, capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["skus", "list", "--config", config, "--json", "--match", "all", *words]) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    sort = words[1] if "--sort" in words else "sku"
    keys = [(item[sort], item["sku"]) for item in items]
    assert (len(keys), keys) == (len(ALL), sorted(keys, reverse="--descending" in words))


def test_the_plan_as_a_table_is_the_whole_of_it(
    config: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.sku_views.PAGE", 3)
    assert main(["skus", "plan", "--config", config, "--csv", "--sort", "name", "--descending"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out, newline="")))
    assert [row["product_id"] for row in rows] == ["p-tea", "p-nameless", "p-jug", "p-ghost"]
    assert rows[-1]["skus"] == "GHOST\nFAMILY"
    assert main(["skus", "plan", "--config", config, "--json", "--text", "TEA", "--stands", "seen"]) == 0
    assert [one["product_id"] for one in json.loads(capsys.readouterr().out)["items"]] == ["p-tea"]
    assert main(["skus", "plan", "--config", config, "--json", "--csv"]) == 2


def test_json_has_the_shape_of_the_endpoint(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skus", "list", "--config", config, "--json", "--match", "all", "--limit", "2"]) == 0
    body = json.loads(capsys.readouterr().out)
    assert [one["sku"] for one in body["items"]] == ["=1+1", "BOWL"]
    assert body["next"] == "BOWL"


def test_a_table_is_printed_whole(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skus", "--config", config, "--csv"]) == 0
    assert len(table_of([capsys.readouterr().out])) == len(ALL)


def test_one_sku_is_printed_with_what_to_do(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skus", "show", "hw-jug-01", "--config", config]) == 0
    told = capsys.readouterr().out
    assert "only in commercetools, published" in told
    assert "it looks like 'HW-JUG-01' of Cin7 Core" in told
    assert "product_unmatched" in told
    assert main(["skus", "show", "NOBODY", "--config", config]) == 1


def test_the_plan_says_that_it_is_switched_off(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skus", "plan", "--config", config]) == 0
    told = capsys.readouterr().out
    assert "unpublish_unmatched is off" in told
    assert "p-ghost" in told


def test_the_plan_shows_what_shadow_mode_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def kept(connection: sqlite3.Connection) -> None:
        catalogue(connection)
        would_haves.note(
            connection,
            flow="catalogue",
            record="product:p-ghost",
            what="unpublish",
            detail={"product": "Ghost", "skus": "GHOST"},
            now=NOW,
        )

    make_file(tmp_path / "tallyd.db", kept)
    assert main(["skus", "plan", "--config", str(write_config(tmp_path))]) == 0
    assert "unpublish  product:p-ghost  product Ghost, skus GHOST" in capsys.readouterr().out


WRONG = [
    ["list", "--match", "some"],
    ["list", "--flag", "odd"],
    ["list", "--json", "--csv"],
    ["draft"],
    ["show"],
]


@pytest.mark.parametrize("arguments", WRONG)
def test_wrong_usage_is_2(config: str, arguments: list[str]) -> None:
    assert main(["skus", *arguments, "--config", config]) == 2


@pytest.mark.parametrize("arguments", [["approve"], ["draft", "BOWL"]])
def test_what_acts_needs_the_daemon(config: str, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["skus", *arguments, "--config", config]) == 1
    assert "the daemon is not running" in capsys.readouterr().err


def test_every_match_and_flag_has_its_words() -> None:
    assert set(skus._WHERE) == set(Match)
    assert set(skus._FLAGS) == set(Flag)


def test_the_page_explains_every_match_and_flag() -> None:
    assert {row["match"].strip("`") for row in table("catalogue.md", "match")} == set(Match)
    assert {row["flag"].strip("`") for row in table("catalogue.md", "flag")} == set(Flag)


def test_the_page_names_every_way_a_draft_can_wait() -> None:
    assert {row["exception"].strip("`") for row in table("catalogue.md", "exception")} == set(drafting.TYPES)


def test_the_example_of_the_page_is_one_a_daemon_takes(tmp_path: Path) -> None:
    example = (DOCS / "catalogue.md").read_text("utf-8").partition("```toml\n")[2].partition("```")[0]
    settings = parse_settings(config_text(tmp_path / "tallyd.db") + example, source="t.toml")
    assert catalogue_rules(settings).draft.product_types == {"Shirts": "apparel"}
