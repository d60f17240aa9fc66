"""Who gets into the console, for how long, and whose forms it takes."""

from __future__ import annotations

import re

import anyio
import pytest

from adapters.console.sessions import IDLE, LONGEST
from adapters.console.throttle import FREE, Throttle
from adapters.console.throttle import LONGEST as LONGEST_WAIT
from adapters.operator.access import AccessRules, Approach
from adapters.operator.problems import ProblemError
from tests.console.console_house import PEOPLE, served, token_of

QUARTER = IDLE // 2
STEPS = LONGEST // QUARTER
COOKIE = "tallyd_session"
WHERE_QUOTED = "%2Forders%3Ftext%3DA%25201%26state%3Dheld"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; font-src 'none'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)


# -- signing in and out -----------------------------------------------------------------------------------------------


async def test_a_browser_is_asked_to_sign_in_and_comes_back_to_where_it_was() -> None:
    async with served("olga") as browser:
        asked = await browser.get("/orders?text=A%201&state=held")
        assert (asked.status, asked.headers["Location"]) == (303, f"/sign-in?next={WHERE_QUOTED}")
        form = await browser.get(asked.headers["Location"])
        assert 'type="password"' in form.text
        answer = await browser.post("/sign-in", {"token": PEOPLE["olga"][0], "next": "/orders?text=A%201&state=held"})
        assert (answer.status, answer.headers["Location"]) == (303, "/orders?text=A%201&state=held")
        page = await browser.get("/orders?text=A%201&state=held")
    assert page.status == 200
    assert "<b>olga</b>" in page.text


async def test_the_cookie_is_strict_and_the_file_holds_digests_alone() -> None:
    async with served("olga") as browser:
        answer = await browser.sign_in("olga")
        secret = browser.cookies[COOKIE]
        [(digest, kept)] = browser.store.kept.items()
    sent = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "Path=/", "SameSite=Strict"} <= set(sent.split("; "))
    assert "Secure" not in sent
    assert secret.encode() not in digest
    assert len(digest) == len(kept.token) == 32
    assert kept.token == PEOPLE["olga"][1].digest


async def test_by_https_the_cookie_is_bound_to_the_host() -> None:
    async with served("olga") as browser:
        answer = await browser.post("/sign-in", {"token": PEOPLE["olga"][0]}, **{"X-Forwarded-Proto": "https"})
        sent = answer.headers["Set-Cookie"]
        assert sent.startswith(f"__Host-{COOKIE}=")
        assert "Secure" in sent.split("; ")
        assert (await browser.get("/", **{"X-Forwarded-Proto": "https"})).status == 200
        # What anybody on the way could have set is not looked at.
        browser.cookies[COOKIE] = browser.cookies.pop(f"__Host-{COOKIE}")
        assert (await browser.get("/", **{"X-Forwarded-Proto": "https"})).status == 303


async def test_an_id_that_was_planted_is_never_taken_over() -> None:
    async with served("olga") as browser:
        browser.cookies[COOKIE] = "planted-by-somebody"
        await browser.sign_in("olga")
        assert browser.cookies[COOKIE] != "planted-by-somebody"
        browser.cookies[COOKIE] = "planted-by-somebody"
        assert (await browser.get("/")).status == 303


async def test_who_signs_in_again_gets_another_id_and_the_first_is_over() -> None:
    async with served("olga", signed_in="olga") as browser:
        before = browser.cookies[COOKIE]
        await browser.sign_in("olga")
        assert browser.cookies[COOKIE] != before
        browser.cookies[COOKIE] = before
        assert (await browser.get("/")).status == 303


async def test_signing_out_ends_the_session_everywhere() -> None:
    async with served(signed_in="olga") as browser:
        secret = browser.cookies[COOKIE]
        answer = await browser.form("/", "/sign-out")
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")
        assert not browser.cookies and not browser.store.kept
        browser.cookies[COOKIE] = secret
        assert (await browser.get("/")).status == 303
        assert browser.store.written == [("sign in", "olga"), ("sign out", "olga")]


@pytest.mark.parametrize(
    ("step", "times", "still"),
    [
        (IDLE - 1, 1, True),
        (IDLE, 1, False),
        (QUARTER, LONGEST // QUARTER - 1, True),
        (QUARTER, LONGEST // QUARTER, False),
    ],
)
async def test_a_session_ends_unused_and_in_any_case_after_twelve_hours(step: int, times: int, still: bool) -> None:
    async with served(signed_in="olga") as browser:
        for _ in range(times - 1):
            browser.store.at += step
            assert (await browser.get("/help")).status == 200
        browser.store.at += step
        assert (await browser.get("/help")).status == (200 if still else 303)


async def test_what_a_page_asks_for_by_itself_keeps_nobody_in() -> None:
    async with served(signed_in="olga") as browser:
        for _ in range(3):
            browser.store.at += IDLE // 3
            answer = await browser.get("/", **{"X-Fragment": "overview"})
        assert answer.status == 401


async def test_whoever_is_taken_off_the_list_is_out() -> None:
    async with served("olga", "vera", signed_in="olga") as browser:
        digest, kept = next(iter(browser.store.kept.items()))
        browser.store.kept[digest] = type(kept)(token=bytes(32), seen_at=kept.seen_at, expires_at=kept.expires_at)
        assert (await browser.get("/")).status == 303


@pytest.mark.parametrize(
    "onwards",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "/a\r\nSet-Cookie: x=y",
        "/ä",
    ],
)
async def test_signing_in_leads_nowhere_else(onwards: str) -> None:
    async with served("olga") as browser:
        answer = await browser.post("/sign-in", {"token": PEOPLE["olga"][0], "next": onwards})
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        page = await browser.get("/theme?to=dark&next=//evil.example")
        assert page.headers["Location"] == "/"


async def test_guesses_side_by_side_are_slowed_as_those_one_after_the_other() -> None:
    async with served("olga") as browser:
        found: list[int] = []

        async def guess() -> None:
            answer = await browser.post("/sign-in", {"token": "guess-of-somebody", "next": "/"})
            found.append(answer.status)

        async with anyio.create_task_group() as tries:
            for _ in range(30):
                tries.start_soon(guess)
    assert sorted(found) == [401] * FREE + [429] * (30 - FREE)


async def test_guessing_is_slowed_and_written_down_without_the_token() -> None:
    async with served("olga") as browser:
        for _ in range(FREE):
            wrong = await browser.post("/sign-in", {"token": "guess-of-somebody", "next": "/"})
            assert wrong.status == 401
            assert "guess-of-somebody" not in wrong.text
        late = await browser.sign_in("olga")
        assert (late.status, late.headers["Retry-After"]) == (429, "1")
        browser.store.at += 1000
        assert (await browser.sign_in("olga")).status == 303
        assert browser.store.written == [("refused", "127.0.0.1")] * FREE + [("sign in", "olga")]


def test_the_wait_doubles_is_bounded_and_is_of_one_address_alone() -> None:
    throttle, now, waits = Throttle(), 0, []
    for _ in range(FREE + 8):
        throttle.failed("a", now=now)
        waits.append(throttle.wait("a", now=now))
        now += waits[-1]
    assert waits[: FREE + 2] == [0] * (FREE - 1) + [1000, 2000, 4000]
    assert max(waits) == LONGEST_WAIT
    assert throttle.wait("b", now=now) == 0
    throttle.passed("a")
    assert throttle.wait("a", now=now) == 0


# -- forms ------------------------------------------------------------------------------------------------------------


PAUSE = {"reason": "stock count"}
OTHERS: list[tuple[str, dict[str, str]]] = [
    ("another site", {"Sec-Fetch-Site": "cross-site"}),
    ("another host of the same site", {"Sec-Fetch-Site": "same-site"}),
    ("an address typed in", {"Sec-Fetch-Site": "none"}),
    ("another origin", {"Sec-Fetch-Site": "", "Origin": "http://evil.example"}),
    ("another port", {"Sec-Fetch-Site": "", "Origin": "http://127.0.0.1:1"}),
    ("no origin", {"Sec-Fetch-Site": "", "Origin": "null"}),
    ("nobody who says so", {"Sec-Fetch-Site": "", "Origin": ""}),
]


@pytest.mark.parametrize(("_case", "headers"), OTHERS)
async def test_a_form_of_another_page_does_nothing(_case: str, headers: dict[str, str]) -> None:
    async with served(signed_in="ian") as browser:
        right = {"form_token": token_of(await browser.get("/")), **PAUSE}
        assert (await browser.post("/flows/orders/pause", right, **headers)).status == 403
        assert (await browser.post("/sign-in", {"token": PEOPLE["ian"][0]}, **headers)).status == 403
        assert browser.reading.acted == []


@pytest.mark.parametrize("forged", ["", "0" * 64, "ä"])
async def test_a_form_without_this_sessions_token_does_nothing(forged: str) -> None:
    async with served(signed_in="ian") as browser:
        assert (await browser.post("/flows/orders/pause", {"form_token": forged, **PAUSE})).status == 403
        other = token_of(await browser.get("/"))
        await browser.sign_in("ian")
        assert (await browser.post("/flows/orders/pause", {"form_token": other, **PAUSE})).status == 403
        assert browser.reading.acted == []


async def test_the_right_form_does_it_under_ones_own_name_and_says_so_once() -> None:
    async with served(signed_in="ian") as browser:
        answer = await browser.form("/", "/flows/orders/pause", PAUSE)
        assert (answer.status, answer.headers["Location"]) == (303, "/")
        assert browser.reading.acted == [("pause", "orders", "ian", "stock count")]
        assert "Done: pause." in (await browser.get("/")).text
        assert "Done: pause." not in (await browser.get("/")).text


async def test_a_cookie_changes_nothing_through_the_api_and_a_bearer_needs_no_form() -> None:
    async with served(signed_in="ian") as browser:
        assert (await browser.get("/api/orders")).status == 200
        refused = await browser.post("/api/flows/orders/pause", {"reason": "x"})
        assert (refused.status, refused.headers["Content-Type"]) == (403, "application/problem+json")
        assert browser.reading.acted == []
        bearer = {"Authorization": f"Bearer {PEOPLE['ian'][0]}"}
        browser.cookies = {}
        assert (await browser.post("/api/flows/orders/pause", None, **bearer)).status == 200


async def test_a_bearer_cannot_send_the_consoles_forms() -> None:
    async with served("ian") as browser:
        bearer = {"Authorization": f"Bearer {PEOPLE['ian'][0]}"}
        assert (await browser.post("/flows/orders/pause", PAUSE, **bearer)).status == 403
        assert browser.reading.acted == []


async def test_what_is_no_form_is_refused() -> None:
    async with served(signed_in="ian") as browser:
        told = await browser.post("/flows/orders/pause", None, **{"Content-Type": "text/plain"})
    assert told.status == 415


# -- without tokens ---------------------------------------------------------------------------------------------------


async def test_without_tokens_everything_is_read_and_nothing_offered() -> None:
    async with served() as browser:
        for path in ("/", "/exceptions?view=rows", "/exceptions/1", "/orders/A-1", "/stock/TEE%2FM", "/alerts"):
            page = await browser.get(path)
            assert page.status == 200
            assert 'method="post"' not in page.text
        assert "Reading only" in page.text
        assert "nobody has to sign in" in (await browser.get("/sign-in")).text
        assert (await browser.post("/flows/orders/pause", PAUSE)).status == 403
        assert (await browser.post("/sign-in", {"token": "x"})).status == 403
        assert browser.reading.acted == []


# -- every answer -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/sign-in", "/orders/nobody", "/nowhere", "/theme?to=pink", "/orders?state=x"])
async def test_every_page_carries_its_headers_also_where_it_went_wrong(path: str) -> None:
    async with served(signed_in="olga") as browser:
        answer = await browser.get(path)
    assert answer.headers["Content-Type"].startswith("text/html")
    wanted: dict[str, str] = {
        "Content-Security-Policy": POLICY,
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
        "Server": "tallyd",
    }
    assert {name: answer.headers.get(name) for name in wanted} == wanted
    assert "Permissions-Policy" in answer.headers


async def test_another_host_gets_nothing_not_even_the_form_to_sign_in() -> None:
    async with served("olga", signed_in="olga") as browser:
        for path in ("/", "/sign-in", "/static/console.css"):
            assert (await browser.get(path, Host="evil.example")).status == 403
        told = await browser.post(
            "/sign-in", {"token": PEOPLE["olga"][0]}, Host="evil.example", Origin="http://evil.example"
        )
    assert told.status == 403


async def test_who_wants_no_page_gets_problem_documents_as_before() -> None:
    async with served("olga") as browser:
        for path, status in (("/api/orders", 401), ("/", 401), ("/health", 401)):
            answer = await browser.get(path, Accept="application/json")
            assert (answer.status, answer.headers["Content-Type"]) == (status, "application/problem+json")
        assert (await browser.get("/api/orders")).status == 401  # also to a browser: it is no page


async def test_files_are_kept_as_long_as_they_stay_the_same_and_no_other_is_served() -> None:
    async with served("olga") as browser:
        page = await browser.get("/sign-in")
        addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert len(addresses) == 3
        for address in addresses:
            found = await browser.get(address)
            assert found.status == 200
            assert "immutable" in found.headers["Cache-Control"]
            assert found.headers["X-Content-Type-Options"] == "nosniff"
        assert (await browser.get("/static/console.css")).headers["Cache-Control"] == "no-cache"
        for path in ("/static/..%2Fsite.py", "/static/%2e%2e/site.py", "/static/nothing", "/static/__init__.py"):
            assert (await browser.get(path)).status in (303, 404)


async def test_the_theme_is_a_persons_own_and_no_other_word_is_kept() -> None:
    async with served("olga") as browser:
        assert 'data-theme="auto"' in (await browser.get("/sign-in")).text
        await browser.get("/theme?to=dark&next=/sign-in")
        assert 'data-theme="dark"' in (await browser.get("/sign-in")).text
        browser.cookies["tallyd_theme"] = '"><script>'
        assert 'data-theme="auto"' in (await browser.get("/sign-in")).text


PUBLIC = [
    ("the name people use", ("tallyd.shop.example",), True, None),
    ("the name with a port", ("Tallyd.Shop.Example:443",), True, None),
    ("a name under it", ("evil.tallyd.shop.example",), True, 403),
    ("a name that ends like it", ("eviltallyd.shop.example",), True, 403),
    ("the name without tokens", ("tallyd.shop.example",), False, 403),
]


@pytest.mark.parametrize(("_case", "hosts", "with_tokens", "status"), PUBLIC)
def test_the_name_people_use_is_a_host_of_ours(
    _case: str, hosts: tuple[str, ...], with_tokens: bool, status: int | None
) -> None:
    tokens = [PEOPLE["olga"][1]] if with_tokens else []
    rules = AccessRules(tokens, bind_host="127.0.0.1", public_host="tallyd.shop.example")
    asked = Approach(method="GET", hosts=hosts, peer="127.0.0.1", local="127.0.0.1")
    if status is None:
        rules.screen(asked)
        return
    with pytest.raises(ProblemError) as refused:
        rules.screen(asked)
    assert refused.value.status == status
