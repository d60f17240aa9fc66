"""Each page of the console: that it is there, what it offers whom, and that nothing anybody wrote becomes markup."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest

import adapters.console
from adapters.console.site import every
from adapters.operator.desk_api import ACTIONS, Deed
from adapters.operator.mapping_api import MappingDraft
from adapters.operator.patch_api import PatchDraft
from adapters.operator.problems import ProblemError
from tests.console.console_house import PEOPLE, served, token_of
from tests.console.fake_reading import HOSTILE

PAGES = (
    "/",
    "/exceptions",
    "/exceptions?view=rows",
    "/exceptions?owner=ops&stage=assigned",
    "/exceptions/1",
    "/exceptions/2",
    "/incidents/sku_unknown%3ATEE%2FM",
    "/incidents/gone",
    "/deeds",
    "/orders",
    "/orders?text=nothing",
    "/orders/A-1",
    "/orders/A-1/edit",
    "/orders/A-1/payloads",
    "/stock",
    "/stock/TEE%2FM",
    "/stock/other?days=90",
    "/skus",
    "/skus/TEE%2FM",
    "/unpublishing",
    "/reconciliation",
    "/reconciliation/2026-11-25",
    "/month/2026-11",
    "/month/2026-10",
    "/mappings",
    f"/mappings?kind=tax&key={'%22%3E%3Cscript%3E'}",
    "/alerts",
    "/alerts?state=ended",
    "/alerts/digest?owner=it",
    "/audit?verify=1",
    "/model",
    "/settings",
    "/help",
)

TEMPLATES = Path(adapters.console.__file__).parent / "templates"

NOWHERE = (
    "/exceptions/99",
    "/exceptions/x",
    "/exceptions/99999999999999999999999",
    "/orders/nobody",
    "/orders/nobody/edit",
    "/orders/nobody/payloads",
    "/stock/nothing",
    "/skus/nothing",
    "/reconciliation/yesterday",
    "/month/2026-13",
    "/deeds/nothing-of-this-key",
    "/nowhere",
)

TYPED = "%22%27%3E%3Cscript%3Ealert(9)%3C%2Fscript%3E"
"""What a link that somebody sends may hold in any of its parameters."""


class Markup(HTMLParser):
    """Collects what could run, and what a reader of screens needs."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str | None] = []
        self.handlers: list[str] = []
        self.styles = 0
        self.headings: list[int] = []
        self.captions = 0
        self.tables = 0
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "script":
            self.scripts.append(told.get("src"))
        self.handlers += [name for name in told if name.startswith("on")]
        self.handlers += [str(value) for name, value in attrs if name in ("href", "action") and "script:" in str(value)]
        self.styles += tag == "style" or "style" in told
        if re.fullmatch(r"h[1-6]", tag):
            self.headings.append(int(tag[1]))
        self.captions += tag == "caption"
        self.tables += tag == "table"
        if told.get("id"):
            self.ids.append(str(told["id"]))


def read(text: str) -> Markup:
    found = Markup()
    found.feed(text)
    return found


@pytest.mark.parametrize("name", ["ada", "vera"])
async def test_every_page_is_there_for_everybody_and_runs_nothing_that_was_written_into_it(name: str) -> None:
    async with served(signed_in=name) as browser:
        await browser.form("/", "/flows/orders/pause", {"reason": HOSTILE})
        for path in PAGES:
            page = await browser.get(path)
            assert page.status == 200, path
            found = read(page.text)
            assert len(found.scripts) == 1 and str(found.scripts[0]).startswith("/static/console.js?"), path
            assert not found.handlers, path
            assert found.styles == 0, path
            assert "<script>alert" not in page.text, path


def test_no_page_writes_a_table_of_its_own() -> None:
    """A table that is written by hand sorts, filters, pages and exports nothing."""
    found = [path.name for path in TEMPLATES.glob("*.j2") if "<table" in path.read_text("utf-8")]
    assert found == ["_parts.html.j2"]


async def test_every_table_sorts_filters_pages_and_is_to_be_had_as_a_file() -> None:
    seen: set[str] = set()
    async with served(signed_in="ada") as browser:
        await browser.form("/exceptions/1", "/deeds", {"key": "a-deed-of-its-own", "action": "retry", "id": "1"})
        for path in (*PAGES, "/deeds/a-deed-of-its-own", "/mappings/try?kind=tax&key=reduced&value=5"):
            page = (await browser.get(path)).text
            for part in re.split(r'<div class="table" id="t[^"]*">', page)[1:]:
                table, _, rest = part.partition("<nav")
                foot = rest.partition("</nav>")[0]
                caption = re.findall(r'class="sr">([^<]*)</caption>', table) or ["empty"]
                assert 'class="narrow"' in foot or 'class="filters"' in page, (path, caption)
                file = await browser.get(html.unescape(re.findall(r'<a class="csv" href="([^"]*)"', foot)[0]))
                assert file.status == 200 and file.headers["Content-Type"].startswith("text/csv"), (path, caption)
                assert file.headers["Content-Disposition"].startswith("attachment"), (path, caption)
                links = [html.unescape(link) for link in re.findall(r'<a class="sort" href="([^"#]*)', table)]
                assert bool(links) == ("<table" in table), (path, caption)
                for link in links[:3]:
                    assert 'aria-sort="' in (await browser.get(link)).text, (path, link)
                seen.update(caption)
    assert len(seen) > 30, sorted(seen)


async def test_pages_are_made_for_readers_of_screens_too() -> None:
    async with served(signed_in="ada") as browser:
        for path in PAGES:
            page = await browser.get(path)
            found = read(page.text)
            assert '<html lang="en"' in page.text
            assert found.headings[0] == 1 and found.headings.count(1) == 1, path
            assert all(
                later <= before + 1 for before, later in zip(found.headings, found.headings[1:], strict=False)
            ), path
            assert found.captions == found.tables, path
            assert len(found.ids) == len(set(found.ids)), path
            assert "0123456789ab" in page.text, path  # the hash of the model by which it works


@pytest.mark.parametrize("path", NOWHERE)
async def test_what_is_not_there_is_a_page_that_says_so(path: str) -> None:
    async with served(signed_in="ada") as browser:
        page = await browser.get(path)
    assert page.status == 404
    assert "<h1>Not Found</h1>" in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/exceptions?owner=X",
        "/exceptions?type=X",
        "/exceptions?view=rows&sort=X",
        "/exceptions?state=X",
        "/orders?state=X",
        "/orders?sort=X",
        "/stock?state=X",
        "/stock?sort=X",
        "/stock/TEE?days=X",
        "/skus?match=X",
        "/mappings?kind=X",
        "/alerts?state=X",
        "/alerts?sort=X",
        "/alerts?owner=X",
        "/audit?sort=X",
        "/deeds?stands=X",
        "/reconciliation/2026-11-25?sort=X",
        "/reconciliation/2026-11-25?kind=X",
        "/settings?from=X",
        "/orders/A-1?books.sort=X",
        "/orders/A-1?documents.page=X",
        "/orders/A-1?format=csv&table=X",
    ],
)
async def test_what_nobody_understands_is_refused_and_not_repeated_as_markup(path: str) -> None:
    async with served(signed_in="ada") as browser:
        page = await browser.get(path.replace("X", TYPED))
    assert page.status in (400, 404)
    assert "alert(9)</script>" not in page.text


@pytest.mark.parametrize(
    "path",
    [
        "/orders?text=",
        "/exceptions?text=",
        "/exceptions?assignee=",
        "/stock?text=",
        "/skus?text=",
        "/mappings?text=",
        "/audit?author=",
        "/alerts?text=",
        "/deeds?text=",
        "/settings?text=",
        "/unpublishing?text=",
        "/reconciliation?text=",
        "/reconciliation/2026-11-25?text=",
        "/incidents/sku_unknown%3ATEE%2FM?text=",
        "/model?m1.text=",
        "/?flows.text=",
        "/orders/A-1?documents.text=",
    ],
)
async def test_what_was_looked_for_stands_in_its_field_as_text(path: str) -> None:
    async with served(signed_in="ada") as browser:
        page = await browser.get(path + TYPED)
    assert page.status == 200
    assert "alert(9)</script>" not in page.text


async def test_a_file_is_guarded_against_formulas() -> None:
    async with served(signed_in="vera") as browser:
        browser.reading.desk.all[0]["cause"] = "=HYPERLINK(1)"
        answer = await browser.get("/exceptions?format=csv")
    assert "=HYPERLINK" in answer.text
    assert ",=HYPERLINK" not in answer.text


@pytest.mark.parametrize("page", ["/incidents/sku_unknown%3ATEE%2FM", "/stock/TEE%2FM"])
async def test_a_page_of_a_name_with_a_slash_leads_to_itself(page: str) -> None:
    async with served(signed_in="ada") as browser:
        shown = await browser.get(page)
        found = re.findall(rf'href="({page.rpartition("/")[0]}/[^"]*TEE[^"]*[?][^"]*)"', shown.text)
        itself = {html.unescape(address) for address in found}
        assert itself
        for address in itself:
            assert "TEE%2FM" in address
            assert (await browser.get(address)).status == 200, address


async def test_a_file_holds_every_page_of_a_list() -> None:
    async def read(after: int) -> dict[str, Any]:
        return {"items": [{"id": after}], "next": after + 1 if after < 3 else None}

    assert [row["id"] for row in await every(read, 0)] == [0, 1, 2, 3]
    async with served(signed_in="ada") as browser:
        for page in ("/exceptions?format=csv", "/unpublishing?format=csv"):
            assert (await browser.get(page)).text.count("\n") > 1


# -- what is offered --------------------------------------------------------------------------------------------------


OFFERED = [
    ("/", "/flows/orders/pause", {"ian", "ada"}),
    ("/exceptions?view=rows", "/deeds/preview", {"olga", "fred", "ecki", "ian", "ada"}),
    ("/exceptions/1", '"action" value="dismiss"', {"ecki", "ada"}),
    ("/exceptions/1", '"action" value="retry"', {"ecki", "ian", "ada"}),
    ("/exceptions/1", '"action" value="snooze"', {"olga", "fred", "ecki", "ian", "ada"}),
    ("/exceptions/30", '"action" value="dismiss"', {"fred", "ada"}),
    ("/exceptions/1", '"action" value="alias"', {"olga", "ecki", "ada"}),
    ("/orders/A-1", "/orders/order-1/edits", {"olga", "ada"}),
    ("/orders/A-1/edit", 'name="field" value="address"', {"olga", "ada"}),
    ("/orders/A-1", "/release-units", {"olga", "ecki", "ada"}),
    ("/stock/TEE%2FM", "/stock/TEE%2FM/unblock", {"olga", "ecki", "ada"}),
    ("/stock/other", "/stock/other/block", {"olga", "ecki", "ada"}),
    ("/unpublishing", "/unpublishing/approve", {"ecki", "ada"}),
    ("/reconciliation", "/reconciliation/2026-11-25/release", {"fred", "ada"}),
    ("/reconciliation/2026-11-25", "/reconciliation/2026-11-25/release", {"fred", "ada"}),
    ("/mappings", "/mappings/try", {"olga", "fred", "ecki", "ian", "ada"}),
    ("/alerts", "/alerts/maintenance", {"ian", "ada"}),
]


@pytest.mark.parametrize(("page", "form", "people"), OFFERED)
async def test_a_form_is_there_for_who_may_and_why_not_for_the_rest(page: str, form: str, people: set[str]) -> None:
    for name in PEOPLE:
        async with served(signed_in=name) as browser:
            answer = await browser.get(page)
        assert (form in answer.text) == (name in people), name
        if name not in people:
            assert "Needs the role" in answer.text, name


FORBIDDEN = [
    ("vera", "/flows/orders/pause", {"reason": "x"}),
    ("olga", "/flows/orders/resume", {}),
    ("fred", "/stock/TEE/block", {"reason": "x"}),
    ("fred", "/stock/TEE/unblock", {}),
    ("ian", "/orders/A-1/release-units", {"reason": "x"}),
    ("olga", "/skus/TEE/draft", {}),
    ("olga", "/unpublishing/approve", {"reason": "x"}),
    ("olga", "/reconciliation/2026-11-25/release", {"reason": "x"}),
    ("vera", "/reconciliation/2026-11-25/release", {"reason": "x"}),
]


@pytest.mark.parametrize(("name", "path", "fields"), FORBIDDEN)
async def test_a_form_that_was_not_offered_is_refused(name: str, path: str, fields: dict[str, str]) -> None:
    async with served(signed_in=name) as browser:
        answer = await browser.form("/help", path, fields)
        assert answer.status == 403
        assert "This needs one of the roles" in answer.text
        assert browser.reading.acted == []


# -- what is done -----------------------------------------------------------------------------------------------------


GONE = {"reason": "gone"}
BLOCK = {"reason": "torn", "until": "2026-12-02T08:00"}
DONE = [
    ("ian", "/flows/orders/resume", {"reason": "again"}, ("resume", "orders", "ian", "again"), "/"),
    (
        "olga",
        "/stock/TEE%2FM/block",
        BLOCK,
        ("block", "TEE/M", "olga", "torn", "2026-12-02T08:00:00Z"),
        "/stock/TEE%2FM",
    ),
    ("ecki", "/stock/TEE/block", {"reason": "torn"}, ("block", "TEE", "ecki", "torn", ""), "/stock/TEE"),
    ("olga", "/stock/TEE%2FM/unblock", {}, ("unblock", "TEE/M", "olga", ""), "/stock/TEE%2FM"),
    ("olga", "/orders/A%2F1/release-units", GONE, ("release units", "A/1", "olga", "gone"), "/orders/A%2F1"),
    ("ecki", "/skus/TEE%2FM/draft", {}, ("draft", "TEE/M", "ecki", ""), "/skus/TEE%2FM"),
    ("ecki", "/unpublishing/approve", {"reason": "looked"}, ("approve", "ecki", "looked"), "/unpublishing"),
    (
        "fred",
        "/reconciliation/2026-11-25/release",
        GONE,
        ("release day", "2026-11-25", "fred", "gone"),
        "/reconciliation",
    ),
]


@pytest.mark.parametrize(("name", "path", "fields", "told", "onwards"), DONE)
async def test_a_form_does_what_it_says_under_ones_own_name(
    name: str, path: str, fields: dict[str, str], told: tuple[str, ...], onwards: str
) -> None:
    async with served(signed_in=name) as browser:
        answer = await browser.form("/help", path, fields)
        assert (answer.status, answer.headers["Location"]) == (303, onwards)
        assert browser.reading.acted == [told]


REASONS = [
    ("ian", "/flows/orders/pause"),
    ("olga", "/stock/TEE/block"),
    ("olga", "/orders/A-1/release-units"),
    ("ecki", "/unpublishing/approve"),
    ("fred", "/reconciliation/2026-11-25/release"),
    ("ian", "/alerts/maintenance"),
]


@pytest.mark.parametrize(("name", "path"), REASONS)
async def test_what_needs_a_reason_is_not_done_without_one(name: str, path: str) -> None:
    async with served(signed_in=name) as browser:
        assert (await browser.form("/help", path, {"reason": "  ", "until": "30m"})).status == 400
        assert (await browser.form("/help", path, {"reason": "x" * 501, "until": "30m"})).status == 400
        assert browser.reading.acted == [] and browser.reading.alerts.asked == []


async def test_what_is_ticked_is_looked_at_first_and_done_once_however_often_it_is_sent() -> None:
    async with served(signed_in="ecki") as browser:
        page = await browser.get("/exceptions?view=rows")
        told = {"form_token": token_of(page), "action": "retry", "scope": "ticked", "id": "1", "reason": "mended"}
        preview = await browser.post("/deeds/preview", told)
        assert "Nothing has been done yet" in preview.text
        assert browser.reading.desk.asked[-1] == Deed(action="retry", ids=(1,), reason="mended")
        fields = dict(
            re.findall(r'name="([^"]+)" (?:maxlength="500" )?value="([^"]*)"', preview.text.split('class="confirm"')[1])
        )
        first = await browser.post("/deeds", fields)
        again = await browser.post("/deeds", fields)
        assert (first.status, first.headers["Location"]) == (again.status, again.headers["Location"])
        assert first.headers["Location"] == f"/deeds/{fields['key']}"
        assert list(browser.reading.desk.done) == [fields["key"]]
        assert browser.reading.desk.asked[-1][1] == Deed(action="retry", ids=(1,), reason="mended")
        assert "1 are judged again." in (await browser.get(first.headers["Location"])).text


async def test_many_orders_of_one_misspelt_sku_are_named_at_once() -> None:
    async with served(signed_in="ecki") as browser:
        page = await browser.get("/exceptions?view=rows")
        assert all(f'name="value_{name}"' in page.text for name in ("sku", "alias", "note"))
        told = {"form_token": token_of(page), "action": "alias", "scope": "matching"}
        values = {"value_sku": "TEE/M", "value_alias": "TEE-M", "value_note": ""}
        preview = await browser.post("/deeds/preview", told | values)
        deed = browser.reading.desk.asked[-1]
        assert (deed.action, deed.ids, deed.values) == ("alias", None, {"sku": "TEE/M", "alias": "TEE-M"})
        confirm = preview.text.split('class="confirm"')[1]
        assert 'name="value_alias" value="TEE-M"' in confirm
        assert re.search(r'name="reason"[^>]* required', confirm)


async def test_an_address_of_several_is_edited_and_what_was_written_for_another_action_is_not_meant() -> None:
    async with served(signed_in="olga") as browser:
        page = await browser.get("/exceptions?view=rows")
        offered = re.findall(r'<option value="([^"]+)">', page.text.split('name="action"')[1].split("</select>")[0])
        assert set(offered) == set(ACTIONS)
        assert 'name="value_country"' not in page.text  # it decides the tax that was paid
        told = {"form_token": token_of(page), "action": "address", "scope": "ticked", "id": "2"}
        values = {"value_city": "Kiel", "value_street": "Ring 3", "value_note": "half a note", "value_sku": "TEE"}
        preview = await browser.post("/deeds/preview", told | values)
        assert browser.reading.desk.asked[-1].values == {"city": "Kiel", "street": "Ring 3"}
        fields = re.findall(
            r'name="(\w+)"(?: maxlength="500")? value="([^"]*)"', preview.text.split('class="confirm"')[1]
        )
        sent = await browser.post("/deeds", {**dict(fields), "reason": "they called"})
        assert sent.headers["Location"].startswith("/deeds/")
        deed = browser.reading.desk.asked[-1][1]
        assert (deed.action, deed.ids, deed.values) == ("address", (2,), {"city": "Kiel", "street": "Ring 3"})


@pytest.mark.parametrize(
    ("back", "leads"),
    [
        ("/exceptions?owner=ops", "/exceptions?owner=ops"),
        ("", "/exceptions"),
        ("javascript:alert(1)", "/"),
        ("//evil.example", "/"),
        ("https://evil.example/", "/"),
    ],
)
async def test_the_way_back_from_a_preview_leads_to_a_page_of_the_console(back: str, leads: str) -> None:
    async with served(signed_in="ecki") as browser:
        told = {"action": "retry", "id": "1", "back": back}
        preview = await browser.form("/exceptions/1", "/deeds/preview", told)
    assert f'<a href="{leads}">Back</a>' in preview.text
    assert "evil.example" not in preview.text and "javascript:" not in preview.text


async def test_everything_that_matches_is_carried_through_the_preview() -> None:
    async with served(signed_in="ecki") as browser:
        page = await browser.get("/exceptions?view=rows&owner=ecommerce&text=A-")
        filters = dict(re.findall(r'name="(where_[^"]+)" value="([^"]*)"', page.text))
        told = {"form_token": token_of(page), "action": "assign", "scope": "matching", "to": "olga", **filters}
        preview = await browser.post("/deeds/preview", told)
        deed = browser.reading.desk.asked[-1]
        assert (deed.ids, deed.where.owner, deed.where.text, deed.to) == (None, "ecommerce", "A-", "olga")
        assert dict(re.findall(r'name="(where_[^"]+)" value="([^"]*)"', preview.text)) == filters


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "retry"},
        {"action": "retry", "id": "one"},
        {"action": "retry", "id": "9" * 19},
        {"action": "explode", "id": "1"},
        {"id": "1"},
    ],
)
async def test_what_is_not_chosen_is_asked_for(fields: dict[str, str]) -> None:
    async with served(signed_in="ada") as browser:
        assert (await browser.form("/help", "/deeds/preview", fields)).status == 400
        assert (await browser.form("/help", "/deeds", {"key": "k" * 20, **fields})).status == 400
        assert not browser.reading.desk.done


@pytest.mark.parametrize("key", ["", "short", "../../etc", "x" * 101, "with blank"])
async def test_a_deed_needs_a_key_of_its_own(key: str) -> None:
    async with served(signed_in="ada") as browser:
        assert (await browser.form("/help", "/deeds", {"key": key, "action": "retry", "id": "1"})).status == 400
        assert not browser.reading.desk.done


async def test_each_form_has_a_key_of_its_own() -> None:
    async with served(signed_in="ada") as browser:
        page = await browser.get("/exceptions/1")
    keys = re.findall(r'name="key" value="([^"]+)"', page.text)
    assert len(keys) == len(set(keys)) == 4
    dismiss = page.text.split('"action" value="dismiss"')[0]
    assert dismiss.rindex('action="/deeds/preview"') > dismiss.rindex("<form")  # it cannot be taken back


async def test_a_row_is_tried_and_then_put_in_force_with_a_reason() -> None:
    async with served(signed_in="fred") as browser:
        row = {"kind": "tax", "key": "reduced", "value": "5% (VAT)", "reason": "new rate"}
        tried = await browser.get(f"/mappings/try?{urlencode(row)}")
        assert "Nothing is written yet" in tried.text and browser.reading.mappings.put == []
        assert (await browser.form("/mappings", "/mappings", {**row, "key_of_form": "k1", "reason": ""})).status == 400
        answer = await browser.form("/mappings", "/mappings", {**row, "key_of_form": "k1"})
        assert answer.headers["Location"] == "/mappings?kind=tax"
        draft = MappingDraft(kind="tax", key="reduced", value="5% (VAT)", reason="new rate")
        assert browser.reading.mappings.put == [("k1", draft, "fred")]
        assert "3 orders are judged again" in (await browser.get("/mappings")).text


async def test_a_name_keeps_its_blanks_and_a_note_its_lines() -> None:
    async with served(signed_in="ada") as browser:
        row = {"kind": "shipping", "key": "Express  24\u00a0h ", "value": "DHL\u00a0Express", "reason": "r"}
        tried = await browser.get(f"/mappings/try?{urlencode(row)}")
        key = html.unescape(re.findall(r'name="key" value="([^"]*)"', tried.text)[0])
        value = html.unescape(re.findall(r'name="value" value="([^"]*)"', tried.text)[0])
        assert (key, value) == (row["key"], row["value"])
        await browser.form("/mappings", "/mappings", {**row, "key_of_form": "k1"})
        assert browser.reading.mappings.put[-1][1].key == row["key"]
        note = {"action": "note", "id": "1", "value_note": "ring twice\r\nand wait", "reason": "r"}
        assert '<textarea name="value_note"' in (await browser.get("/exceptions?view=rows")).text
        preview = await browser.form("/exceptions/1", "/deeds/preview", note)
        assert browser.reading.desk.asked[-1].values == {"note": "ring twice\nand wait"}
        assert 'value="ring twice\nand wait"' in preview.text
        sku = {"action": "alias", "id": "1", "value_sku": "TEE  M", "value_alias": "TEE\u00a0M"}
        await browser.form("/exceptions/1", "/deeds/preview", sku)
        assert browser.reading.desk.asked[-1].values == {"sku": "TEE  M", "alias": "TEE\u00a0M"}


async def test_two_tabs_right_after_a_start_are_both_whole() -> None:
    async with served(signed_in="ada") as browser:
        asked, answers = browser.reading.asked, browser.reading.answers = anyio.Event(), anyio.Event()
        async with anyio.create_task_group() as tabs:
            tabs.start_soon(browser.get, "/help")
            await asked.wait()
            other = await browser.get("/help")
            answers.set()
        assert other.status == 200
        assert "0123456789ab" in (await browser.get("/help")).text


async def test_nobody_is_sent_to_try_a_row_by_another_page() -> None:
    async with served() as browser:
        assert (await browser.get("/mappings/try?kind=tax&key=reduced&value=5")).status == 403


async def test_an_order_is_edited_and_the_edit_taken_back() -> None:
    async with served(signed_in="olga") as browser:
        fields = {"key": "k1", "field": "address", "value_city": "York", "value_street": "", "reason": "they wrote"}
        answer = await browser.form("/orders/A-1", "/orders/A-1/edits", fields)
        assert (answer.status, answer.headers["Location"]) == (303, "/orders/A-1")
        draft = PatchDraft(field="address", values={"city": "York"}, reason="they wrote")
        assert browser.reading.patches.made == [("k1", "A-1", draft, "olga")]
        await browser.form("/orders/A-1", "/orders/A-1/edits/7/withdraw", {"reason": "wrong"})
        assert browser.reading.patches.made[-1] == ("A-1", 7, "olga", "wrong")
        assert (await browser.form("/help", "/orders/A-1/edits", {**fields, "field": "price"})).status == 400
        assert (await browser.form("/help", "/orders/A-1/edits/x/withdraw", {"reason": "x"})).status == 404


async def test_alerts_are_held_back_and_sent_again() -> None:
    async with served(signed_in="ian") as browser:
        await browser.form("/alerts", "/alerts/maintenance", {"until": "2h", "reason": "new shelves"})
        assert "held back until" in (await browser.get("/alerts")).text
        await browser.form("/alerts", "/alerts/maintenance/end", {"reason": "done"})
        assert browser.reading.alerts.asked == [("start", "ian", "2h", "new shelves"), ("end", "ian", "done")]
        assert "refused" in (await browser.form("/alerts", "/alerts/try", {"owner": "ops"})).text


# -- live, and where things go wrong ----------------------------------------------------------------------------------


LIVE = [
    ("/", "overview"),
    ("/exceptions", "rows"),
    ("/exceptions/1", "head"),
    ("/exceptions/1", "life"),
    ("/incidents/sku_unknown%3ATEE%2FM", "rows"),
    ("/orders", "rows"),
    ("/orders/A-1", "head"),
    ("/stock", "rows"),
    ("/stock/TEE%2FM", "sum"),
    ("/skus", "rows"),
    ("/reconciliation", "rows"),
    ("/alerts", "rows"),
    ("/audit", "rows"),
    ("/mappings", "rows"),
    ("/month/2026-11", "month"),
    ("/reconciliation", "differing"),
    ("/reconciliation/2026-11-25", "documents"),
]


@pytest.mark.parametrize(("path", "name"), LIVE)
async def test_a_live_part_is_had_alone_and_is_what_stands_on_the_page(path: str, name: str) -> None:
    async with served(signed_in="ada") as browser:
        whole = await browser.get(path)
        part = await browser.get(path, **{"X-Fragment": name})
        assert part.status == 200
        assert part.text.strip() in whole.text
        assert f'data-live="{name}"' in whole.text
        assert "<html" not in part.text
        same = await browser.get(path, **{"X-Fragment": name, "If-None-Match": part.headers["ETag"]})
        assert (same.status, same.text) == (304, "")
        assert (await browser.get(path, **{"X-Fragment": "nothing"})).status == 404


async def test_trouble_behind_a_page_is_told_on_a_page_and_a_bug_shows_nothing_of_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(signed_in="ada") as browser:

        async def refuse(_: object) -> None:
            raise ProblemError(409, "The books' time zone is none.")

        async def break_down(_: object) -> None:
            raise RuntimeError("secret inside")

        monkeypatch.setattr(browser.reading.lists, "orders", refuse)
        refused = await browser.get("/orders")
        assert (refused.status, "The books&#39; time zone is none." in refused.text) == (409, True)
        monkeypatch.setattr(browser.reading.lists, "orders", break_down)
        broken = await browser.get("/orders")
        assert broken.status == 500
        assert "secret" not in broken.text
        assert "Try again" in broken.text


async def test_looking_for_one_order_leads_to_it() -> None:
    async with served(signed_in="ada") as browser:
        found = await browser.get("/orders?go=1&text=A-1")
        assert (found.status, found.headers["Location"]) == (303, "/orders/order-1")
        assert (await browser.get("/orders?text=A-1")).status == 200
