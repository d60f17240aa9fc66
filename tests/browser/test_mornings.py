"""Each role's morning in a real browser: find, understand, mend, release many at once, and see it clear."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import Browser, Locator, Page, expect

from adapters.sandbox.carts import LineDraft
from adapters.sandbox.generator import STRANGER, UNKNOWN_TAX
from tests.browser.house import MUG, House
from tests.browser.window import Window, needs_a_browser, window

pytestmark = needs_a_browser

MISSPELT = "HW-MUG-STN-O1"
"""The mug, with a letter where the figure should be."""


@asynccontextmanager
async def morning(chrome: Browser, shop: House, role: str, *, scripts: bool = True) -> AsyncIterator[Window]:
    """Sign somebody in; afterwards the browser must have had nothing to complain of."""
    async with window(chrome, shop.address, scripts=scripts) as opened:
        await opened.sign_in(shop.token(role))
        yield opened
        assert opened.complaints == []


def title(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def card(page: Page, name: str) -> Locator:
    """A part of a page, by its heading."""
    return page.get_by_role("region", name=name)


async def test_ecommerce_finds_a_missing_sku_and_lets_all_its_orders_go(shop: House, chrome: Browser) -> None:
    orders = shop.buy_stranger(6)
    await shop.stand(orders, "held")
    async with morning(chrome, shop, "ecommerce") as opened:
        page = opened.page
        reason = card(page, "Not in Cin7 Core").get_by_role("row", name="SKU unknown")
        await expect(reason).to_contain_text("6")
        await opened.shot("ecommerce-1-overview")
        await reason.get_by_role("link").click()
        await page.get_by_role("link", name=STRANGER.sku).click()
        await expect(title(page)).to_contain_text(STRANGER.sku)
        await expect(card(page, "What to do")).to_contain_text("create it")
        await opened.shot("ecommerce-2-incident")
        shop.create_stranger()
        await page.get_by_label(re.compile("Everything that matches")).check()
        await page.get_by_role("button", name="Preview").click()
        await expect(title(page)).to_have_text("Retry now: 6 exceptions")
        await opened.shot("ecommerce-3-preview")
        await page.get_by_role("button", name="Retry now 6").dblclick()
        await expect(page.locator(".chip[data-over]")).to_be_visible()
        await opened.shot("ecommerce-4-deed")
        await shop.stand(orders, "exported")
        assert len(shop.sales_of(*orders)) == 6
        await opened.open(f"/exceptions?text={STRANGER.sku}")
        await expect(page.locator(".empty")).to_contain_text("Nothing")
        await opened.shot("ecommerce-5-clear")
    retried = [
        one for one in (await shop.ask("/api/audit?limit=100"))["items"] if one["author"] == shop.name("ecommerce")
    ]
    assert retried


async def test_finance_releases_the_day_and_maps_a_tax(shop: House, chrome: Browser) -> None:
    orders = [shop.buy() for _ in range(3)]
    taxed = shop.buy(lines=(LineDraft(sku=MUG, tax=UNKNOWN_TAX),))
    await shop.stand(orders, "exported")
    await shop.stand([taxed], "held")
    async with morning(chrome, shop, "finance") as opened:
        page = opened.page
        await page.get_by_role("link", name="Reconciliation").click()
        await page.get_by_text(re.compile(r"^Release.*…$")).first.click()
        await page.get_by_label("Reason").first.fill("looked at the day")
        await opened.shot("finance-1-release")
        await page.get_by_role("button", name=re.compile(r"^Release \d+$")).click()
        await expect(page.get_by_role("status")).to_be_visible()

        async def invoiced() -> bool:
            invoices = [shop.cin7.invoices(sale.id) for sale in shop.sales_of(*orders)]
            return len([one for one in invoices if any(each.stands for each in one)]) == len(orders)

        await shop.until(invoiced, "every sale is invoiced")
        await expect(page.get_by_text("Nothing waits for a release.")).to_be_visible()
        await opened.shot("finance-2-released")

        await page.get_by_role("link", name="Exceptions", exact=True).click()
        await page.get_by_role("link", name="tax unmapped").click()
        await expect(title(page)).to_contain_text("tax unmapped", ignore_case=True)
        await opened.shot("finance-3-tax")
        await page.get_by_role("link", name="Mappings").click()
        row = card(page, "Add a row")
        await row.get_by_label("Table").select_option("tax")
        await row.get_by_label("commercetools").fill("GB/luxury")
        await row.get_by_label(re.compile("^Cin7 Core")).fill("20% (VAT on Income)")
        await row.get_by_role("button", name="Try on the last 500 orders").click()
        await expect(card(page, "What it would change")).to_contain_text(re.compile(r"Would go on\s*1"))
        await page.get_by_label("Reason").fill("the accountant said so")
        await opened.shot("finance-4-tried")
        await page.get_by_role("button", name="Put it in force").click()
        await expect(page.get_by_role("status")).to_be_visible()
        await shop.stand([taxed], "exported")
        assert len(shop.sales_of(taxed)) == 1


async def test_ops_hands_on_rests_and_mends_an_order(shop: House, chrome: Browser) -> None:
    shop.sell(MISSPELT, "Stoneware Mug")
    order = shop.buy(lines=(LineDraft(sku=MISSPELT),))
    await shop.stand([order], "held")
    async with morning(chrome, shop, "ops") as opened:
        page = opened.page
        await page.get_by_label("Find an order, sale or SKU").fill(shop.number(order))
        await page.keyboard.press("Enter")
        await expect(title(page)).to_contain_text(shop.number(order))
        await card(page, "What needs somebody").get_by_role("link", name=re.compile("unknown")).click()
        await opened.shot("ops-1-exception")
        address = page.url
        await page.get_by_text("Assign…").click()
        await page.get_by_role("button", name="Assign", exact=True).click()
        await page.goto(address)
        await expect(page.get_by_text("assigned", exact=True).first).to_be_visible()
        await page.get_by_text("Snooze…").click()
        await page.get_by_label("Until").select_option(label="4 hours")
        await page.get_by_role("button", name="Snooze", exact=True).click()
        await page.goto(address)
        await expect(page.get_by_text("snoozed", exact=True).first).to_be_visible()
        await page.get_by_role("button", name="Wake", exact=True).click()
        await page.goto(address)
        await page.get_by_text("Name the SKU in Cin7 Core…").click()
        form = page.locator("details[open]", has_text="Name the SKU")
        await form.get_by_label(re.compile("Cin7 Core")).fill(MUG)
        await form.get_by_label("Reason").fill("a letter in the place of a figure")
        await opened.shot("ops-2-alias")
        await form.get_by_role("button", name="Name the SKU in Cin7 Core").click()
        await shop.stand([order], "exported")
        [sale] = shop.sales_of(order)
        assert MUG in [line.sku for line in sale.lines]
        await page.goto(address)
        await expect(page.get_by_text("resolved", exact=True).first).to_be_visible()
        await opened.shot("ops-3-resolved")


async def test_ops_stops_and_resumes_the_sale_of_a_sku(shop: House, chrome: Browser) -> None:
    candle = "HW-CND-FIG"

    async def on_sale() -> bool:
        return shop.shop.stock(candle) > 0

    async def sold_out() -> bool:
        return not await on_sale()

    await shop.until(on_sale, "the candle is on sale")
    async with morning(chrome, shop, "ops") as opened:
        page = opened.page
        await opened.open(f"/stock?text={candle}")
        await page.get_by_role("link", name=candle).first.click()
        stop = card(page, "Stop selling it")
        await stop.get_by_label("Reason").fill("a broken wick")
        await stop.get_by_role("button", name="Publish 0").click()
        await expect(page.get_by_text("blocked", exact=True).first).to_be_visible()
        await shop.until(sold_out, "nothing of it is on sale")
        await opened.open(f"/stock/{candle}")
        await expect(page.get_by_text("were it not blocked")).to_be_visible()
        await expect(page.locator(".result.off")).to_have_count(0)
        await opened.shot("ops-4-blocked")
        await card(page, "Stop selling it").get_by_role("button", name="Sell it again").click()
        await expect(page.get_by_role("button", name="Publish 0")).to_be_visible()
        assert (await shop.ask(f"/api/stock/{candle}"))["block"] is None


async def test_it_sees_an_outage_come_and_go_and_pauses_a_flow(shop: House, chrome: Browser) -> None:
    shop.sell("HW-GONE-01", "Gone")
    held = shop.buy(lines=(LineDraft(sku="HW-GONE-01"),))
    await shop.stand([held], "held")
    shop.cin7_goes_down()
    async with morning(chrome, shop, "it") as opened:
        page = opened.page

        await opened.open(f"/orders/{held}")
        await card(page, "What needs somebody").get_by_role("link", name=re.compile("unknown")).click()
        await page.get_by_role("button", name="Retry now").click()

        async def told() -> bool:
            return bool((await shop.ask("/api/exceptions?type=cin7_unreachable"))["items"])

        async def over() -> bool:
            return not await told()

        await shop.until(told, "the outage is told")
        await opened.open("/")
        await expect(page.get_by_text("degraded", exact=True)).to_be_visible()
        await opened.shot("it-1-outage")
        await opened.open("/exceptions?type=cin7_unreachable&view=rows")
        await page.get_by_role("link", name=re.compile("unreachable")).first.click()
        await opened.shot("it-2-exception")
        trouble = page.url
        shop.cin7_comes_back()
        await page.get_by_role("button", name="Retry now").click()
        await shop.until(over, "the outage is over")
        await page.goto(trouble)
        await expect(page.get_by_text("resolved", exact=True).first).to_be_visible()
        order = shop.buy()
        await shop.stand([order], "exported")

        await opened.open("/")
        row = page.get_by_role("row", name="procurement")
        await row.get_by_text("Pause").first.click()
        await row.get_by_label("Reason").fill("a test of the switch")
        await row.get_by_role("button", name="Pause").click()
        await expect(page.get_by_role("row", name="procurement")).to_contain_text("paused")
        await opened.shot("it-3-paused")
        row = page.get_by_role("row", name="procurement")
        await row.get_by_role("button", name="Resume").click()
        await expect(page.get_by_role("row", name="procurement")).to_contain_text("running")
        await page.get_by_role("link", name="Audit").click()
        await expect(page.get_by_role("row", name="procurement").first).to_contain_text(shop.name("it"))
        await opened.shot("it-4-audit")


async def test_a_newcomer_reads_the_four_answers_and_sees_them_change(shop: House, chrome: Browser) -> None:
    shop.sell("HW-NEW-01", "New")
    held = shop.buy(lines=(LineDraft(sku="HW-NEW-01"),))
    await shop.stand([held], "held")
    agreed = shop.buy()
    await shop.stand([agreed], "exported")

    async def waits() -> bool:
        return bool((await shop.ask("/api/overview"))["finance"]["to_release"])

    await shop.until(waits, "something waits for finance")
    async with morning(chrome, shop, "viewer") as opened:
        page = opened.page
        told = await shop.ask("/api/overview")
        missing = card(page, "Not in Cin7 Core")
        await expect(missing).to_contain_text(f"{told['orders']['not_in_cin7']} order")
        await expect(missing.get_by_role("row", name="SKU unknown")).to_be_visible()
        await expect(card(page, "How old stock is")).to_contain_text(re.compile(r"\d+ (s|min)\s+the oldest figure"))
        await expect(card(page, "Finance must release today")).to_contain_text(f"{told['finance']['to_release']} order")
        await expect(card(page, "Backlog gone in")).to_contain_text(re.compile(r"\d"))
        await expect(page.get_by_role("button", name="Pause")).to_have_count(0)
        await expect(page.get_by_text("To pause or resume: Needs the role admin or it.")).to_be_visible()
        await missing.get_by_role("link", name="Which").click()
        await expect(page.get_by_role("link", name=shop.number(held))).to_be_visible()

        await opened.open("/")
        more = shop.buy(lines=(LineDraft(sku="HW-NEW-01"),))
        await shop.stand([more], "held")
        now = (await shop.ask("/api/overview"))["orders"]["not_in_cin7"]
        await page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")  # she comes back to it
        await expect(missing).to_contain_text(f"{now} order")


async def test_a_keyboard_is_enough(shop: House, chrome: Browser) -> None:
    shop.sell("HW-KEY-01", "Key")
    held = shop.buy(lines=(LineDraft(sku="HW-KEY-01"),))
    await shop.stand([held], "held")
    async with window(chrome, shop.address) as opened:
        page, keys = opened.page, opened.page.keyboard
        await opened.open("/exceptions?view=rows&text=HW-KEY-01")
        await expect(page.get_by_label("Your token")).to_be_focused()
        await keys.type(shop.token("ecommerce"))
        await keys.press("Enter")
        await expect(title(page)).to_contain_text("Exceptions")
        await page.wait_for_load_state()
        await keys.press("j")
        await keys.press("x")
        await expect(page.get_by_text("Ticked (1)")).to_be_visible()
        await keys.press("Enter")
        await expect(title(page)).to_contain_text("SKU unknown")
        retry = page.get_by_role("button", name="Retry now")
        for _ in range(60):
            await keys.press("Tab")
            if await retry.evaluate("button => button === document.activeElement"):
                break
        await expect(retry).to_be_focused()
        outline = await retry.evaluate("button => getComputedStyle(button).outlineStyle")
        assert outline != "none", "where the keyboard is must be seen"
        await keys.press("Enter")
        await expect(title(page)).to_have_text("Retry now")
        await page.wait_for_load_state()
        await keys.press("g")
        await keys.press("o")
        await expect(title(page)).to_have_text("Overview")
        await page.wait_for_load_state()
        await keys.press("/")
        await keys.type(shop.number(held))
        await keys.press("Enter")
        await expect(title(page)).to_contain_text(shop.number(held))
        await page.wait_for_load_state()
        await keys.press("?")
        await expect(title(page)).to_contain_text("Help")
        assert opened.complaints == []


async def test_everything_works_without_scripts(shop: House, chrome: Browser) -> None:
    shop.sell("HW-BARE-01", "Bare")
    orders = [shop.buy(lines=(LineDraft(sku="HW-BARE-01"),)) for _ in range(2)]
    await shop.stand(orders, "held")
    async with morning(chrome, shop, "ops", scripts=False) as opened:
        page = opened.page
        await opened.open("/exceptions?view=rows&text=HW-BARE-01")
        for box in await page.get_by_role("checkbox", name=re.compile("Tick exception")).all():
            await box.check()
        await page.get_by_role("combobox", name="Do").select_option("assign")
        await page.get_by_role("combobox", name="To (to assign)").fill("ops")
        await page.get_by_role("button", name="Preview").click()
        await expect(title(page)).to_have_text("Assign: 2 exceptions")
        await page.get_by_role("button", name="Assign 2").click()

        async def assigned() -> bool:
            found = await shop.ask("/api/exceptions?text=HW-BARE-01")
            return {one["assignee"] for one in found["items"]} == {"ops"}

        await shop.until(assigned, "both are assigned")
