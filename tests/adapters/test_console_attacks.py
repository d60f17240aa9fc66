"""Attacks on the console and the API by plain HTTP: each fails, and where it would succeed its test is red."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import pytest

from adapters.console.sessions import IDLE, LONGEST
from adapters.operator.access import AccessRules
from tests.besieged import (
    FORMULA,
    HOSTILE,
    ORDER,
    PEOPLE,
    STRANGE,
    TOKENS,
    Answer,
    Besieged,
    besieged,
    dangers,
    says,
)
from tests.daemon_app import ENVIRON

PAGES = (
    "/",
    "/exceptions",
    "/exceptions?view=rows",
    "/incidents/" + quote(HOSTILE, safe=""),
    "/orders",
    "/orders?state=held",
    f"/orders/{ORDER}",
    f"/orders/{ORDER}/edit",
    f"/orders/{ORDER}/payloads",
    "/stock",
    "/skus",
    "/skus/" + quote(HOSTILE, safe=""),
    "/unpublishing",
    "/reconciliation",
    "/month",
    "/mappings",
    "/alerts",
    "/audit",
    "/model",
    "/settings",
    "/help",
    "/no/such/page",
)
"""Every page, as whoever signed in opens it."""

PARAMETERS = (
    "after", "action", "assignee", "author", "currency", "days", "flag", "format", "from", "go", "group", "kind",
    "limit", "match", "next", "order", "owner", "published", "record", "severity", "sku", "sort", "stage", "state",
    "table", "text", "to", "type", "view",
)  # fmt: skip
"""Every parameter any page or list reads."""

NARROWED = (
    *("/exceptions", "/orders", "/stock", "/skus", "/audit", "/deeds", "/alerts", "/settings", "/mappings"),
    *("/unpublishing", "/reconciliation"),
)
"""The pages that can be narrowed."""

TABLES = (
    *(("/", name) for name in ("not-in-cin7", "to-release", "owners", "flows", "budget")),
    *((f"/orders/{ORDER}", name) for name in ("exceptions", "totals", "books", "documents", "refunds")),
    *((path, "") for path in ("/mappings", "/settings")),
    *(
        ("/settings", "secrets"),
        ("/alerts", "rules"),
        ("/alerts", "windows"),
        ("/model", "m1"),
        ("/mappings", "history"),
    ),
)
"""Tables of a page that are to be had as files."""

ANSWERS = (200, 303, 400, 403, 404, 405, 409, 413)
"""Whatever is sent, nothing breaks."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[Besieged]:
    async with besieged(tmp_path) as served:
        yield served


# -- somebody else's page, by another name of this machine (DNS rebinding) ---------------------------------------------


async def test_no_address_answers_under_another_host(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    for method in ("GET", "POST"):
        for path in house.routes(method):
            for role, known in (("admin", ""), ("", cookie)):
                answer = await house.send(
                    method, path, headers={"Host": f"evil.example:{house.port}"}, role=role, cookie=known
                )
                assert answer.status == 403, (method, path)
                assert "form_token" not in answer.text
    assert (await house.get("/exceptions", cookie=cookie)).status == 200


# -- scripts in what others wrote --------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["admin", "viewer"])
async def test_no_page_runs_what_stands_in_the_file(house: Besieged, role: str) -> None:
    cookie = await house.signed_in(role)
    shown = []
    one = f"/exceptions/{await house.exception()}"
    for path in (*PAGES, one):
        page = await house.get(path, cookie=cookie)
        assert page.status in ANSWERS, path
        assert dangers(page.text) == [], path
        shown += [path] if says(page.text, HOSTILE) else []
    assert {one, f"/orders/{ORDER}", "/audit", "/exceptions", "/orders", "/skus"} <= set(shown)


async def test_a_persons_own_name_runs_nothing(house: Besieged) -> None:
    signed = await house.sign_in(known=STRANGE[0])
    page = await house.get("/exceptions", cookie=signed.cookies["tallyd_session"])
    assert says(page.text, STRANGE[1].name)
    assert dangers(page.text) == []


async def test_no_page_runs_what_a_person_writes(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    told = {"form_token": await house.form_token(cookie), "reason": HOSTILE, "key": "a-key-of-its-own"}
    done = {
        "/deeds": {"action": "assign", "id": str(await house.exception()), "to": HOSTILE},
        "/deeds/preview": {"action": "assign", "id": str(await house.exception()), "to": HOSTILE},
        "/stock/MUG/block": {},
        "/flows/stock/pause": {},
        "/mappings/try": {"kind": "tax", "key": HOSTILE, "value": HOSTILE},
        "/mappings": {"kind": "tax", "key": HOSTILE, "value": HOSTILE, "key_of_form": "another-key-of-its-own"},
        f"/orders/{ORDER}/edits": {"field": "note", "value_note": HOSTILE},
    }
    answers = {path: await house.post(path, cookie, {**told, **fields}) for path, fields in done.items()}
    assert {answers[path].status for path in ("/deeds", "/stock/MUG/block", "/flows/stock/pause")} == {303}
    for path, answer in answers.items():
        assert answer.status in ANSWERS, path
        assert dangers(answer.text) == [], path
    assert says(answers["/deeds/preview"].text, HOSTILE)
    after = [answers["/deeds"].headers["Location"], "/stock/MUG", "/", "/audit", "/mappings", f"/orders/{ORDER}/edit"]
    for path in after:
        page = await house.get(path, cookie=cookie)
        assert dangers(page.text) == [], path
        assert says(page.text, HOSTILE) or path in ("/mappings", f"/orders/{ORDER}/edit"), path


async def test_what_is_too_large_is_refused(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    told = {"form_token": await house.form_token(cookie), "action": "retry"}
    assert (await house.post("/deeds", cookie, {**told, "reason": "x" * 100_000})).status == 413
    assert (await house.post("/deeds", cookie, {**told, "reason": "x" * 501, "id": "1"})).status == 400
    many = tuple(told.items()) + tuple(("id", str(number)) for number in range(3000))
    assert (await house.post("/deeds", cookie, many)).status in ANSWERS
    assert (await house.get(f"/exceptions?text={'x' * 7000}", cookie=cookie)).status in ANSWERS


async def test_no_page_runs_what_it_is_asked_with(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    said = 0
    for bare in sorted({path.partition("?")[0] for path in PAGES}):
        asked = [f"{name}={quote(HOSTILE)}" for name in PARAMETERS]
        for query in asked if bare in NARROWED else ["&".join(asked)]:
            page = await house.get(f"{bare}?{query}", cookie=cookie)
            assert page.status in ANSWERS, (bare, query)
            assert "text/html" not in page.headers.get("Content-Type", "") or dangers(page.text) == [], (bare, query)
            said += says(page.text, HOSTILE)
        page = await house.get(f"{bare.rstrip('/')}/{quote(HOSTILE, safe='')}", cookie=cookie)
        assert page.status in ANSWERS, bare
        assert dangers(page.text) == [], bare
    assert said, "no page says anything of what it was asked with: nothing was tried"


# -- being led elsewhere -----------------------------------------------------------------------------------------------

ELSEWHERE = (
    "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example", "https://evil.example",
    "http:evil.example", "javascript:alert(1)", "data:text/html,x", "/\t/evil.example", "/\n/evil.example",
    " //evil.example", "/%0d%0aSet-Cookie:x=1\r\nLocation:https://evil.example", "@evil.example", "evil.example", "",
    "/..//evil.example",
)  # fmt: skip


def _leads_out(answer: Answer) -> bool:
    where = answer.headers.get("Location", "")
    return urlsplit(urljoin("http://here.example/sign-in", where)).netloc != "here.example" or "\\" in where


async def test_signing_in_leads_nowhere_else(house: Besieged) -> None:
    for onwards in ELSEWHERE:
        asked = await house.get(f"/sign-in?next={quote(onwards)}")
        assert dangers(asked.text) == [], onwards
        for led in (
            await house.sign_in("ops", onwards=onwards),
            await house.get(f"/theme?to=dark&next={quote(onwards)}"),
        ):
            assert led.status == 303, onwards
            assert not _leads_out(led), onwards
            assert "evil.example" not in led.headers["Set-Cookie"], onwards


async def test_a_page_of_the_console_is_where_one_is_led(house: Besieged) -> None:
    asked = await house.get("/exceptions?owner=ops")
    assert asked.headers["Location"] == "/sign-in?next=%2Fexceptions%3Fowner%3Dops"
    assert (await house.sign_in("ops", onwards="/exceptions?owner=ops")).headers["Location"] == "/exceptions?owner=ops"


# -- forms that another page sends (CSRF) ------------------------------------------------------------------------------


async def test_no_form_of_another_page_is_taken(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    own, others = await house.form_token(cookie), await house.form_token(await house.signed_in("admin"))
    assert own != others
    before = await house.audited()
    number = str(await house.exception())
    fields = {"reason": "forged", "action": "retry", "id": number, "key": "a-key-of-its-own", "form_token": own}
    attempts = [
        ({**fields, "form_token": ""}, {}),
        ({**fields, "form_token": others}, {}),
        ({**fields, "form_token": own[:-1]}, {}),
        (fields, {"Origin": "https://evil.example"}),
        (fields, {"Origin": "null"}),
        (fields, {"Origin": f"http://127.0.0.1:{house.port}.evil.example"}),
        (fields, {"Sec_Fetch_Site": "cross-site"}),
        (fields, {"Sec_Fetch_Site": "same-site"}),
        (fields, {"Sec_Fetch_Site": "none"}),
        (fields, {"Origin": ""}),
        (fields, {"Content_Type": "text/plain"}),
    ]
    forms = [path for path in house.routes("POST") if not path.startswith("/api/") and path != "/sign-in"]
    assert len(forms) > 10
    for path in forms:
        for sent, headers in attempts:
            answer = await house.post(path, cookie, sent, **headers)
            assert answer.status in (403, 415), (path, sent["form_token"] == own, headers)
    assert await house.audited() == before
    assert (await house.post("/deeds", cookie, fields)).status == 303, "one of our own is taken"


async def test_a_cookie_alone_changes_nothing_through_the_api(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    before = await house.audited()
    for path in house.routes("POST"):
        if path.startswith("/api/"):
            assert (await house.post(path, cookie, Accept="application/json")).status == 403, path
    assert await house.audited() == before
    paused = await house.send("POST", "/api/flows/orders/pause", role="admin")
    assert paused.status == 200, paused.text


async def test_nobody_signs_another_person_in(house: Besieged) -> None:
    for headers in ({"Origin": "https://evil.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Origin": ""}):
        answer = await house.post("/sign-in", "", {"token": TOKENS["admin"][0], "next": "/"}, **headers)
        assert answer.status == 403
        assert not answer.cookies


# -- sessions ----------------------------------------------------------------------------------------------------------


async def test_a_planted_session_is_not_taken_over(house: Besieged) -> None:
    planted = "planted" * 6
    signed = await house.sign_in("ops", cookie=planted)
    assert signed.cookies["tallyd_session"] != planted
    assert (await house.get("/exceptions", cookie=planted)).status == 303
    first = signed.cookies["tallyd_session"]
    second = (await house.sign_in("viewer", cookie=first)).cookies["tallyd_session"]
    assert second != first
    assert (await house.get("/exceptions", cookie=first)).status == 303, "the one of before is over"
    assert (await house.get("/exceptions", cookie=second)).status == 200


async def test_the_cookie_is_for_this_site_and_no_script(house: Besieged) -> None:
    plain = (await house.sign_in("ops")).headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(plain.split("; "))
    secure = await house.post(
        "/sign-in", "", {"token": TOKENS["ops"][0]}, Origin=f"https://127.0.0.1:{house.port}", X_Forwarded_Proto="https"
    )
    assert secure.headers["Set-Cookie"].startswith("__Host-tallyd_session=")
    assert "Secure" in secure.headers["Set-Cookie"].split("; ")


async def test_who_signed_out_is_out(house: Besieged) -> None:
    cookie = await house.signed_in("ops")
    out = await house.post("/sign-out", cookie, {"form_token": await house.form_token(cookie)})
    assert out.status == 303
    assert (await house.get("/exceptions", cookie=cookie)).headers["Location"].startswith("/sign-in")
    assert (await house.get("/api/exceptions", cookie=cookie)).status == 401


@pytest.mark.parametrize("unused", [True, False])
async def test_a_session_ends(house: Besieged, unused: bool) -> None:
    cookie = await house.signed_in("ops")
    step, end = (IDLE, IDLE) if unused else (IDLE - 60_000, LONGEST)
    passed = 0
    while passed + step < end:
        passed += step
        house.clock.at += step
        assert (await house.get("/exceptions", cookie=cookie)).status == 200, passed
    house.clock.at += end - passed
    assert (await house.get("/exceptions", cookie=cookie)).status == 303


async def test_what_a_page_asks_by_itself_keeps_nobody_signed_in(house: Besieged) -> None:
    cookie = await house.signed_in("ops")
    house.clock.at += IDLE - 1
    assert (await house.get("/exceptions", cookie=cookie, headers={"X-Fragment": "rows"})).status == 200
    house.clock.at += 1
    assert (await house.get("/exceptions", cookie=cookie)).status == 303


async def test_whoever_is_taken_off_the_list_is_out(house: Besieged, monkeypatch: pytest.MonkeyPatch) -> None:
    cookie = await house.signed_in("ops")
    monkeypatch.setattr(AccessRules, "holder", lambda *_: None)
    assert (await house.get("/exceptions", cookie=cookie)).status == 303


async def test_tokens_cannot_be_tried_out(house: Besieged) -> None:
    tried = [await house.sign_in(known=f"guess {number}") for number in range(5)]
    assert [answer.status for answer in tried] == [401, 401, 401, 429, 429]
    right = await house.sign_in("ops")
    assert (right.status, dict(right.cookies)) == (429, {}), "a guess that is right is not told apart"
    house.clock.at += 60_000
    assert (await house.sign_in("ops")).status == 303
    assert [action for _, action in await house.audited()].count("sign-in refused") == 3


async def test_the_token_itself_is_kept_nowhere(house: Besieged, tmp_path: Path) -> None:
    cookie = await house.signed_in("ops")
    await house.sign_in(known="a guess of somebody")
    written = _bytes_of(tmp_path)
    assert b"sign in" in written
    for secret in (TOKENS["ops"][0], cookie, "a guess of somebody"):
        assert secret.encode() not in written


def _bytes_of(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("tallyd.db*"))


# -- paths -------------------------------------------------------------------------------------------------------------

CLIMBS = (
    "/static/../adapters/console/assets.py", "/static/..%2f..%2fassets.py", "/static/%2e%2e/%2e%2e/assets.py",
    "/static/..%5c..%5cassets.py", "/static/%2fetc%2fpasswd", "/static//etc/passwd", "/static/console.css%00.html",
    "/static/....//....//etc/passwd", "/static/%252e%252e%252fetc%252fpasswd", "/static/", "/static",
    "/../../../../etc/passwd", "/orders/..%2f..%2f..%2fetc%2fpasswd", "/month/..%2f..%2fetc%2fpasswd", "/%00",
    "/exceptions/%00", "/exceptions/1%00", "/reconciliation/%2e%2e%2f", "/deeds/%00", "/skus/%00", "/stock/%ff",
    "/incidents/%ff%fe",
)  # fmt: skip


async def test_no_path_leads_out_of_the_house(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    for path in CLIMBS:
        answer = await house.get(path, cookie=cookie)
        assert answer.status in ANSWERS, path
        assert answer.status != 200 or path.startswith(("/incidents", "/skus", "/stock")), path
        assert "root:" not in answer.text, path
        assert "import" not in answer.text, path


async def test_a_path_as_no_client_writes_it_leads_nowhere_either(house: Besieged) -> None:
    for path in ("/static/../../../../etc/passwd", "/static/\\..\\..\\etc", "//evil.example/", "/static/..;/x"):
        with socket.create_connection(("127.0.0.1", house.port), timeout=5) as raw:
            raw.setblocking(False)
            said = await _asked(raw, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert b"root:" not in said
        assert int(said.split(b" ")[1]) in (303, 400, 401, 403, 404), path


async def _asked(raw: socket.socket, request: str) -> bytes:
    import asyncio

    loop = asyncio.get_running_loop()
    await loop.sock_sendall(raw, request.encode())
    said = b""
    while more := await loop.sock_recv(raw, 65536):
        said += more
    return said


async def test_files_of_ours_are_served_to_anybody(house: Besieged) -> None:
    for name in ("console.css", "console.js", "favicon.svg"):
        answer = await house.get(f"/static/{name}")
        assert answer.status == 200
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


# -- SQL ---------------------------------------------------------------------------------------------------------------

SQL = ("' OR 1=1 --", "%", '" OR ""="', "x' UNION SELECT sealed FROM bodies --", "1; DROP TABLE orders")
LISTS = (
    "/api/exceptions", "/api/exceptions.csv", "/api/incidents", "/api/orders", "/api/orders.csv", "/api/skus",
    "/api/skus.csv", "/api/skus/plan", "/api/skus/plan.csv", "/api/stock", "/api/stock.csv", "/api/mappings",
    "/api/audit", "/api/audit.csv", "/api/deeds", "/api/deeds.csv", "/api/alerts", "/api/alerts.csv",
    "/api/reports/postings/2026-11-26",
)  # fmt: skip
ORDERING = ("sort", "order", "after")


async def test_no_list_shows_more_for_sql(house: Besieged) -> None:
    refused = narrowed = 0
    for path in LISTS:
        whole = await house.get(path, role="admin")
        assert whole.status == 200, (path, whole.text)
        for name in PARAMETERS:
            for text in SQL:
                answer = await house.get(f"{path}?{name}={quote(text)}", role="admin")
                assert answer.status in (200, 400, 404), (path, name, text, answer.text)
                if answer.status != 200:
                    refused += 1
                    continue
                if name in ORDERING:
                    assert _rows(answer) <= _rows(whole), (path, name, text)
                    continue
                assert _rows(answer) < max(1, _rows(whole)), (path, name, text)
                narrowed += 1
    assert refused > 100
    assert narrowed > 20
    counted = await house.app.engine.database.read(
        lambda connection: connection.execute("SELECT COUNT(*) FROM orders").fetchone()
    )
    assert counted[0] == 4


def _rows(answer: Answer) -> int:
    if "csv" in answer.headers.get("Content-Type", ""):
        return len(answer.text.splitlines()) - 1
    body = answer.document
    return len(next((body[name] for name in ("items", "rows", "deeds") if name in body), ()))


async def test_no_page_breaks_by_sql(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    for path in NARROWED:
        for name in PARAMETERS:
            answer = await house.get(f"{path}?{name}={quote(SQL[0])}", cookie=cookie)
            assert answer.status in ANSWERS, (path, name)
    for path in ("/exceptions", "/orders", "/stock", "/skus", "/incidents", "/deeds", "/month", "/reconciliation"):
        for text in SQL:
            answer = await house.get(f"{path}/{quote(text, safe='')}", cookie=cookie)
            assert answer.status in (200, 303, 400, 404), (path, text)


# -- tables that are saved ---------------------------------------------------------------------------------------------


async def test_a_table_holds_no_formula_and_has_the_name_we_gave_it(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    sheets = [path for path in LISTS if path.endswith(".csv")]
    sheets += [f"{path}{'&' if '?' in path else '?'}format=csv" for path in PAGES]
    sheets += [f"{path}?format=csv&table={name}" for path, name in TABLES]
    formulas = tables = 0
    for path in (
        *sheets,
        f"/month/{quote(HOSTILE, safe='')}?format=csv",
        f"/reconciliation/{quote(HOSTILE)}?format=csv",
    ):
        answer = await house.get(path, cookie=cookie)
        assert answer.status in ANSWERS, path
        if "csv" not in answer.headers.get("Content-Type", ""):
            continue
        tables += 1
        name = answer.headers["Content-Disposition"]
        assert re.fullmatch(r'attachment; filename="[a-z0-9-]+\.csv"', name, re.IGNORECASE), (path, name)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        formulas += answer.text.count(FORMULA)
        assert answer.text.count(FORMULA) == answer.text.count(f"'{FORMULA}"), path
    assert tables > 8
    assert formulas


# -- what every page says of itself ------------------------------------------------------------------------------------


async def test_every_page_forbids_frames_scripts_of_others_and_being_kept(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    for path in (*PAGES, "/sign-in", "/static/console.css"):
        for who in (cookie, ""):
            headers = (await house.get(path, cookie=who)).headers
            policy = {part.split()[0]: part.split()[1:] for part in headers["Content-Security-Policy"].split(";")}
            assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == ["'none'"], path
            assert policy["script-src"] == policy["style-src"] == policy["form-action"] == ["'self'"], path
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
            assert headers["Referrer-Policy"] == "same-origin"
            assert "Access-Control-Allow-Origin" not in headers
            assert path.startswith("/static/") or headers["Cache-Control"] == "no-store", path


# -- what stays put ----------------------------------------------------------------------------------------------------


async def test_people_are_shown_to_nobody_who_may_not_see_them(house: Besieged) -> None:
    for role in ("viewer", "it"):
        cookie = await house.signed_in(role)
        for path in PAGES:
            page = await house.get(path, cookie=cookie)
            assert not [one for one in PEOPLE if one in page.text], (role, path)
    shown = await house.get(f"/orders/{ORDER}/payloads", cookie=await house.signed_in("ops"))
    assert PEOPLE[1] in shown.text, "whoever may, sees them"


async def test_people_are_shown_on_pages_of_their_own_and_each_look_is_written_down(house: Besieged) -> None:
    cookie = await house.signed_in("ops")
    before = await house.audited()
    for path in (f"/orders/{ORDER}", "/orders", "/exceptions?view=rows"):
        page = await house.get(path, cookie=cookie)
        assert not [one for one in PEOPLE if one in page.text], path
    assert await house.audited() == before, "a page that reads itself anew writes nothing"
    shown = await house.get(f"/orders/{ORDER}/edit", cookie=cookie)
    assert [one for one in PEOPLE if one in shown.text]
    assert [action for _, action in (await house.audited())[len(before) :]] == ["body"]


async def test_no_page_shows_a_secret(house: Besieged) -> None:
    cookie = await house.signed_in("admin")
    digests = [known.digest.hex() for _, known in TOKENS.values()]
    for path in PAGES:
        page = await house.get(path, cookie=cookie)
        for secret in (*ENVIRON.values(), *digests, *(text for text, _ in TOKENS.values())):
            assert secret not in page.text, path


async def test_whoever_is_not_in_is_not_told_what_runs_here(house: Besieged) -> None:
    version = house.app.version
    model = (await house.get("/api/model", role="admin")).document["hash"][:12]
    inside = (await house.get("/exceptions", cookie=await house.signed_in("viewer"))).text
    assert version in inside
    assert model in inside
    for answer in (await house.get("/sign-in"), await house.sign_in(known="a guess"), await house.get("/")):
        assert version not in answer.text
        assert model not in answer.text
        assert version not in "".join(answer.headers.values())


async def test_without_tokens_nothing_of_people_and_nothing_to_press(tmp_path: Path) -> None:
    async with besieged(tmp_path, without_tokens=True) as house:
        for path in PAGES:
            page = await house.get(path)
            assert page.status in ANSWERS, path
            assert not [one for one in PEOPLE if one in page.text], path
            assert 'method="post"' not in page.text, path
        for path in house.routes("POST"):
            answer = await house.post(path, "", {"token": "x", "reason": "x"})
            assert answer.status == 403, path
        assert [action for _, action in await house.audited()] == ["retry"], "the one that stands in the file"
