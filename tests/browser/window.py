"""A browser window that is watched: whatever it complains of is kept, and a test ends red if there is anything.

Where no browser is on the PATH, the tests that need one are left out, with one line that says so.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, Request, Response, async_playwright, expect

PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM: Final = next((found for found in map(shutil.which, PROGRAMS) if found), None)
needs_a_browser = pytest.mark.skipif(
    PROGRAM is None, reason="no browser: put chromium or google-chrome on the PATH to run these"
)

_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A name of somebody else's that leads to this machine, as DNS rebinding makes one.
    "--host-resolver-rules=MAP evil.example 127.0.0.1",
)
_PATIENCE_MS = 15_000
expect.set_options(timeout=_PATIENCE_MS)

Scheme = Literal["light", "dark"]
DESKTOP: Final = (1280, 800)
PHONE: Final = (390, 844)

_AXE: Final = files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
_LEVEL_AA: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
_ALIKE: Final = (
    "tbody tr:nth-child(n+4), .two section:nth-child(n+5), main > section:nth-of-type(n+7), .life li:nth-child(n+4),"
    " .menu li:nth-child(n+4), option:nth-child(n+3), datalist"
)
"""What repeats what stands above it: it is taken off before the look, which would take most of its time there."""

_RUN_AXE: Final = """async ([tags, alike]) => {
  for (const one of document.querySelectorAll(alike)) one.remove();
  const options = {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations'], preload: false};
  const found = await axe.run(document, options);
  return found.violations.flatMap(one => one.nodes.map(node =>
    `${one.id}: ${node.target.join(' ')}: ${node.failureSummary.split('\\n').slice(1).join(' ')}`));
}"""
_IS_WIDE: Final = """() => document.documentElement.scrollWidth - document.documentElement.clientWidth"""


class Window:
    """One person's window. `complaints` is what the browser said went wrong, or tried to go out of the house."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.complaints: list[str] = []
        #: Answers that are no complaint here: a status by the address it may come from.
        self.meant: dict[int, str] = {}
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        page.on("dialog", lambda dialog: self.complaints.append(f"a dialog: {dialog.message}"))

    async def open(self, path: str) -> None:
        """Go to a page."""
        await self.page.goto(f"{self.address}{path}", wait_until="load")

    async def sign_in(self, token: str) -> None:
        """Sign in as somebody does: with their token, at the form they are sent to."""
        await self.open("/")
        await self.page.get_by_label("Your token").fill(token)
        await self.page.get_by_role("button", name="Sign in").click()
        await expect(self.page.get_by_role("button", name="Sign out")).to_be_visible()

    async def shot(self, name: str) -> None:
        """Keep a picture, where $TALLYD_SCREENSHOTS says."""
        folder = os.environ.get("TALLYD_SCREENSHOTS")
        if folder:
            await self.page.screenshot(path=Path(folder, f"{name}.png"), full_page=True)

    async def violations(self) -> list[str]:
        """Return what breaks WCAG at level AA on the page that is open. Needs a window that is `examined`."""
        if not await self.page.evaluate("() => 'axe' in window"):
            await self.page.evaluate(_AXE)
        found: list[str] = await self.page.evaluate(_RUN_AXE, [list(_LEVEL_AA), _ALIKE])
        return found

    async def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        width: int = await self.page.evaluate(_IS_WIDE)
        return width

    def _said(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        told = re.search(r"status of (\d+)", message.text)
        if told is None or int(told.group(1)) not in self.meant:
            self.complaints.append(f"{message.type} on {self.page.url}: {message.text}")

    def _failed(self, request: Request) -> None:
        # What was asked for by a page that is left is given up: that is how leaving a page works.
        if request.failure != "net::ERR_ABORTED":
            self.complaints.append(f"{request.method} {request.url}: {request.failure}")

    def _answered(self, response: Response) -> None:
        if not response.url.startswith(self.address):
            self.complaints.append(f"asked elsewhere: {response.url}")
        elif response.status >= 400 and self.meant.get(response.status) not in (response.url, "*"):
            self.complaints.append(f"{response.status} {response.url}")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Start a browser of its own, without any of the network a browser makes by itself."""
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=PROGRAM, args=list(_ARGUMENTS))
        try:
            yield started
        finally:
            await started.close()


@asynccontextmanager
async def window(
    started: Browser,
    address: str,
    *,
    size: tuple[int, int] = DESKTOP,
    scheme: Scheme = "light",
    examined: bool = False,
    scripts: bool = True,
    cookies: Mapping[str, str] | None = None,
) -> AsyncIterator[Window]:
    """Open a window with cookies of its own. `examined`: the examiner's script may run, which no other may."""
    width, height = size
    context = await started.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        bypass_csp=examined,
        java_script_enabled=scripts,
        reduced_motion="reduce",
    )
    context.set_default_timeout(_PATIENCE_MS)
    for name, value in (cookies or {}).items():
        await context.add_cookies([{"name": name, "value": value, "url": address}])
    try:
        yield Window(await context.new_page(), address)
    finally:
        await context.close()


def facts_of(window: Window) -> dict[str, Any]:
    """Return what a test shows when it is red."""
    return {"page": window.page.url, "complaints": window.complaints}
