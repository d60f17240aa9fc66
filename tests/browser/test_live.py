"""What a page does by itself: it follows what happens, and leaves alone what a person has begun; keys move about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, expect

from tests.browser.window import Window, needs_a_browser, window
from tests.console.console_house import PEOPLE, served
from tests.console.fake_reading import FakeReading

pytestmark = needs_a_browser

_BACK = "() => document.dispatchEvent(new Event('visibilitychange'))"
"""A person comes back to the page: it looks at once, and nobody has to wait for its next turn."""


@asynccontextmanager
async def at_the_desk(chrome: Browser, path: str) -> AsyncIterator[tuple[Window, FakeReading]]:
    """Sign ada in, over a reading that does as it is told, and open a page."""
    async with served("ada") as browser, window(chrome, browser.home) as seen:
        await seen.sign_in(PEOPLE["ada"][0])
        await seen.open(path)
        yield seen, browser.reading
        assert seen.complaints == []


async def looked_again(seen: Window) -> None:
    """Let the page look for what is new, and wait until it has."""
    page = seen.page
    async with page.expect_response(lambda answer: "x-fragment" in answer.request.headers):
        await page.evaluate(_BACK)
    await expect(page.locator("#live")).to_have_text("live")
    await page.evaluate("() => new Promise(requestAnimationFrame)")


async def test_what_is_half_written_and_unfolded_stays_while_the_page_follows(chrome: Browser) -> None:
    async with at_the_desk(chrome, "/") as (seen, reading):
        page = seen.page
        await page.get_by_role("columnheader", name="Open", exact=True).get_by_role("link").click()
        await page.get_by_text("Pause orders…").click()
        reason = page.locator("details[open] input[name=reason]")
        await reason.fill("half writ")
        reading.paused.add("stock")
        await looked_again(seen)
        await expect(page.get_by_role("button", name="Resume stock")).to_be_visible()
        await expect(reason).to_be_focused()
        await expect(reason).to_have_value("half writ")
        owners = page.locator("table:has(caption:text('by owner')) tbody th")
        assert await owners.all_inner_texts() == ["ecommerce", "finance", "ops", "it"]


async def test_a_form_that_is_on_its_way_is_not_sent_again_while_the_page_follows(chrome: Browser) -> None:
    async with at_the_desk(chrome, "/") as (seen, _):
        page = seen.page
        await page.get_by_text("Pause orders…").click()
        button = page.locator("details[open] button")
        # The daemon answers late: the form is sent, and the page it came from is still there.
        await page.evaluate("() => addEventListener('submit', (event) => event.preventDefault())")
        await page.locator("details[open] input[name=reason]").fill("a test")
        await button.click()
        await expect(button).to_be_disabled()
        await looked_again(seen)
        await expect(button).to_be_disabled()


async def test_ticks_stay_and_what_is_gone_is_said(chrome: Browser) -> None:
    async with at_the_desk(chrome, "/exceptions?view=rows") as (seen, reading):
        page = seen.page
        await page.get_by_label("Tick exception 2", exact=True).check()
        reading.desk.all = [one for one in reading.desk.all if one["id"] != 1]
        await looked_again(seen)
        await expect(page.locator("tbody tr")).to_have_count(2)
        await expect(page.get_by_label("Tick exception 2", exact=True)).to_be_checked()
        await expect(page.locator("[data-ticked]")).to_have_text("Ticked (1)")
        await expect(page.locator("#said")).to_have_text("2 exceptions match.")


async def test_a_page_whose_daemon_is_gone_says_so_and_keeps_what_it_shows(chrome: Browser) -> None:
    async with at_the_desk(chrome, "/orders") as (seen, _):
        page = seen.page
        await page.route("**/orders", lambda route: route.abort())
        await page.evaluate(_BACK)
        await expect(page.locator("#live")).to_have_text("tallyd does not answer; trying again.")
        await expect(page.get_by_role("link", name="A-1")).to_be_visible()
        await page.unroute("**/orders")
        await looked_again(seen)
        seen.complaints.clear()  # of the request that was cut


async def test_everything_is_reached_by_keys(chrome: Browser) -> None:
    async with at_the_desk(chrome, "/exceptions?view=rows") as (seen, _):
        page = seen.page
        for key in ("j", "j", "k", "j", "x"):
            await page.keyboard.press(key)
        await expect(page.get_by_label("Tick exception 2", exact=True)).to_be_checked()
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/exceptions/2")
        for key, path in (("s", "**/stock"), ("o", "**/"), ("a", "**/audit")):
            await page.keyboard.press("g")
            await page.keyboard.press(key)
            await page.wait_for_url(path)
        await page.keyboard.press("/")
        await page.keyboard.type("A-1")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/orders/order-1")
        await page.keyboard.press("?")
        await page.wait_for_url("**/help")


async def test_a_theme_is_kept_with_and_without_scripts(chrome: Browser) -> None:
    async with at_the_desk(chrome, "/") as (seen, _):
        page = seen.page
        await page.get_by_role("link", name="dark").click()
        await seen.open("/orders")
        assert await page.evaluate("() => getComputedStyle(document.documentElement).colorScheme") == "dark"
    async with served("ada") as browser, window(chrome, browser.home, scripts=False) as seen:
        await seen.sign_in(PEOPLE["ada"][0])
        await seen.page.get_by_role("link", name="dark").click()
        assert await seen.page.locator("html").get_attribute("data-theme") == "dark"
