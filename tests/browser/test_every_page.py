"""Every page in a real browser: level AA in both themes, nothing to complain of, no wider than a phone."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, expect

from adapters.sandbox.carts import LineDraft
from adapters.sandbox.generator import STRANGER, UNKNOWN_TAX
from tests.browser.house import MUG, House
from tests.browser.window import DESKTOP, PHONE, Scheme, Window, needs_a_browser, window

pytestmark = needs_a_browser

BLOCKED = "HW-CND-FIG"
NOTHING = "nothing-is-called-so"


@pytest.fixture(scope="module")
async def pages(shop: House) -> AsyncIterator[tuple[str, ...]]:
    """Every page there is, with something on it; and each that can be empty, empty."""
    stranger = shop.buy_stranger(2)
    taxed = shop.buy(lines=(LineDraft(sku=MUG, tax=UNKNOWN_TAX),))
    agreed = shop.buy()
    await shop.stand([agreed], "exported")
    await shop.stand([*stranger, taxed], "held")
    found = (await shop.ask("/api/exceptions?type=sku_unknown"))["items"][0]
    day = (await shop.ask("/api/overview"))["finance"]["days"][0]["day"]
    yield (
        "/", "/?flows.text=sto&owners.text=nobody&budget.sort=at",
        "/exceptions", "/exceptions?view=rows", f"/exceptions/{found['id']}", f"/exceptions?text={NOTHING}",
        f"/incidents/{quote(found['group'], safe='')}", "/deeds",
        "/orders", f"/orders/{agreed}", f"/orders/{agreed}?documents.sort=total", f"/orders/{stranger[0]}",
        f"/orders/{stranger[0]}/edit", f"/orders/{agreed}/payloads",
        "/stock", f"/stock/{MUG}", "/skus", f"/skus/{STRANGER.sku}", "/unpublishing",
        "/reconciliation", f"/reconciliation/{day}", f"/month/{day[:7]}", "/mappings",
        "/mappings/try?kind=tax&key=GB%2Fluxury&value=20%25+%28VAT+on+Income%29", "/alerts", "/audit",
        "/model", "/settings", "/help",
    )  # fmt: skip


@pytest.mark.parametrize(("size", "scheme"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop-light", "phone-dark"])
async def test_every_page_is_for_everybody(
    shop: House, chrome: Browser, pages: tuple[str, ...], size: tuple[int, int], scheme: Scheme
) -> None:
    wrong: dict[str, object] = {}
    async with window(chrome, shop.address, size=size, scheme=scheme, examined=True) as opened:
        await opened.open("/")
        await _examined(opened, "/sign-in", wrong)
        await opened.sign_in(shop.token("admin"))
        for path in pages:
            await opened.open(path)
            await _examined(opened, path, wrong)
        await _examined_deed(opened, wrong)
        opened.meant = {404: "*"}
        await opened.open("/no/such/page")
        await _examined(opened, "/no/such/page", wrong)
    assert wrong == {}
    assert opened.complaints == []


async def _examined(opened: Window, path: str, wrong: dict[str, object]) -> None:
    """Look for violations, in the theme of the system and, where the other is chosen, in that; and for a wide page."""
    name = path.strip("/").split("?")[0].split("/")[0] or "overview"
    await opened.shot(f"{name}-{opened.page.viewport_size['width'] if opened.page.viewport_size else 0}")
    found = await opened.violations()
    over = await opened.overflow()
    if over > 0:
        found.append(f"{over} pixels too wide")
    if found:
        wrong[path] = found


async def _examined_deed(opened: Window, wrong: dict[str, object]) -> None:
    """What is asked before many are changed, and how it goes, are pages too."""
    page = opened.page
    await opened.open(f"/exceptions?view=rows&text={STRANGER.sku}")
    await page.get_by_label("Everything that matches").check()
    await page.get_by_role("combobox", name="Do").select_option("assign")
    await page.get_by_role("combobox", name="To (to assign)").fill("ecommerce")
    await page.get_by_role("button", name="Preview").click()
    await page.wait_for_load_state()
    await _examined(opened, "/deeds/preview", wrong)
    await page.get_by_role("button", name=re.compile(r"^Assign \d+$")).click()
    await expect(page.locator(".chip[data-over]")).to_be_visible()
    await _examined(opened, "/deeds", wrong)


async def test_the_examiner_has_eyes(shop: House, chrome: Browser) -> None:
    async with window(chrome, shop.address, size=PHONE, examined=True) as opened:
        await opened.open("/sign-in")
        await opened.page.evaluate(
            "document.querySelector('main').insertAdjacentHTML('beforeend',"
            ' \'<img src="/static/favicon.svg"><p style="color: #999; background: #fff; width: 500px">pale</p>\')'
        )
        found = " ".join(await opened.violations())
        assert "image-alt" in found
        assert "color-contrast" in found
        assert await opened.overflow() > 0


async def test_nobody_has_anything_to_complain_of(shop: House, chrome: Browser, pages: tuple[str, ...]) -> None:
    """Without the examiner's leave to run scripts: under the policy as it is sent."""
    async with window(chrome, shop.address) as opened:
        await opened.sign_in(shop.token("admin"))
        for path in pages:
            await opened.open(path)
            assert opened.complaints == [], path


async def test_the_policy_keeps_scripts_out_that_get_onto_a_page(shop: House, chrome: Browser) -> None:
    async with window(chrome, shop.address) as opened:
        await opened.sign_in(shop.token("viewer"))
        await opened.page.evaluate(
            "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"ran = true\">')"
        )
        await opened.page.evaluate(
            "document.body.append(Object.assign(document.createElement('script'), {textContent: 'ran = true'}))"
        )
        await opened.page.wait_for_function("() => document.querySelector('body > img').complete")
        assert await opened.page.evaluate("() => 'ran' in window") is False
        assert "Content Security Policy" in "".join(opened.complaints), "and the browser says so"
