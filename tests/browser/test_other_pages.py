"""What somebody else's page tries with a browser in which a person is signed in, and what others' texts try on ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from playwright.async_api import Browser, expect

from adapters.sandbox.carts import LineDraft
from adapters.sandbox.server import serve
from adapters.transport import Request, Response
from tests.browser.house import House
from tests.browser.window import needs_a_browser, window

pytestmark = needs_a_browser

EVIL = "http://evil.example"
HOSTILE = "HW-\"><img src=x onerror=document.title='taken'>"


@asynccontextmanager
async def elsewhere(html: str) -> AsyncIterator[str]:
    """Serve a page of somebody else's; yield its address. It lies on this machine too, where a browser allows most."""

    async def answer(_request: Request) -> Response:
        return Response(status=200, headers={"content-type": "text/html"}, body=html.encode())

    async with serve(answer) as port:
        yield f"{EVIL}:{port}/"


async def test_another_page_sends_no_form_of_ours(shop: House, chrome: Browser) -> None:
    before = (await shop.ask("/api/audit"))["items"][:1]
    async with window(chrome, shop.address) as opened:
        await opened.sign_in(shop.token("admin"))
        for target in ("/flows/orders/pause", "/api/flows/orders/pause", "/sign-out", "/deeds"):
            form = f"<form method=post action='{shop.address}{target}'><input name=reason value=x></form>"
            async with elsewhere(f"{form}<script>document.forms[0].submit()</script>") as address:
                await opened.page.goto(address)
                await opened.page.wait_for_url(f"{shop.address}/**")
        await opened.open("/exceptions")
        await expect(opened.page.get_by_role("button", name="Sign out")).to_be_visible()
    audited = (await shop.ask("/api/audit"))["items"]
    assert {one["action"] for one in audited if one not in before} <= {"sign in"}


async def test_another_page_reads_and_frames_nothing_of_ours(shop: House, chrome: Browser) -> None:
    async with window(chrome, shop.address) as opened:
        await opened.sign_in(shop.token("admin"))
        async with elsewhere(f"<iframe src='{shop.address}/sign-in'></iframe>") as address:
            await opened.page.goto(address)
            read = await opened.page.evaluate(
                f"() => fetch('{shop.address}/api/orders', {{credentials: 'include'}}).then(() => 'read', () => 'kept')"
            )
            assert read == "kept"
            assert "Your token" not in await opened.page.frames[1].content()


async def test_another_name_for_this_machine_leads_nowhere(shop: House, chrome: Browser) -> None:
    port = shop.address.rpartition(":")[2]
    async with window(chrome, shop.address) as opened:
        for path in ("/", "/sign-in", "/health", "/static/console.js"):
            answer = await opened.page.goto(f"{EVIL}:{port}{path}")
            assert answer is not None
            assert answer.status == 403, path
            assert "Your token" not in await opened.page.content()


async def test_what_others_wrote_runs_nowhere(shop: House, chrome: Browser) -> None:
    shop.sell(HOSTILE, HOSTILE)
    order = shop.buy(lines=(LineDraft(sku=HOSTILE),))
    await shop.stand([order], "held")
    found = (await shop.ask(f"/api/exceptions?text={quote(HOSTILE)}"))["items"]
    assert found
    async with window(chrome, shop.address) as opened:
        await opened.sign_in(shop.token("ecommerce"))
        for path in (
            "/", "/exceptions", "/exceptions?view=rows", f"/exceptions/{found[0]['id']}",
            f"/incidents/{quote(found[0]['group'], safe='')}", f"/orders/{order}", f"/orders?text={quote(HOSTILE)}",
        ):  # fmt: skip
            await opened.open(path)
            assert await opened.page.title() != "taken", path
            assert await opened.page.locator("img").count() == 0, path
            assert opened.complaints == [], path
        await expect(opened.page.locator("body")).to_contain_text(shop.number(order))
