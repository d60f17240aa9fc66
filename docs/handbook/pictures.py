"""Takes the handbook's pictures: starts a sandbox with people, lets orders come, signs in, and looks at the pages.

`python docs/handbook/pictures.py` from the repository; it needs a Chromium on the PATH and takes some three minutes.
"""

from __future__ import annotations

import argparse
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
PICTURES = Path(__file__).with_name("pictures")

DESK, PHONE = (1120, 700), (390, 700)
LARGEST_BYTES = 150_000
_ORDERS = ("--orders", "26", "--holds", "7", "--rate", "240", "--ship", "6", "--limit", "600", "--posting", "hold")
MUG, CANDLE = "HW-MUG-STN-01", "HW-CND-FIG"
_PATIENCE_SECONDS = 300
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Shop:
    """A sandbox that has settled: where its console is, and the tokens of its people by role."""

    def __init__(self, port: int, folder: Path) -> None:
        self.address = f"http://127.0.0.1:{port}"
        lines = (folder / "people").read_text("ascii").splitlines()
        self.tokens = {role: token for _, role, token in (line.split() for line in lines)}

    def ask(self, path: str, body: dict[str, Any] | None = None, *, role: str = "admin") -> Any:
        """Read the API, or ask for something there, as whoever has a role."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}", "Idempotency-Key": uuid.uuid4().hex}
        sent = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.address + path, data=sent, headers=headers)  # noqa: S310
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return json.load(answer)


@contextmanager
def sandbox() -> Iterator[Shop]:
    """Run one until its orders are sales or wait."""
    with socket.socket() as probe, tempfile.TemporaryDirectory() as folder:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        command = [sys.executable, "-m", "daemon", "sandbox", "--people", "--plain", "--folder", folder, *_ORDERS]
        process = subprocess.Popen([*command, "--port", str(port)], cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603
        try:
            _wait_for(process, "Look at it:")
            yield Shop(port, Path(folder))
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_for(process: subprocess.Popen[str], words: str) -> None:
    """Wait until the sandbox says so; go on reading, so that it never waits for us."""
    said, settled = process.stdout, threading.Event()
    assert said is not None  # noqa: S101 -- it was asked for

    def read() -> None:
        for line in said:
            sys.stderr.write(line)
            if words in line:
                settled.set()

    threading.Thread(target=read, daemon=True).start()
    if not settled.wait(_PATIENCE_SECONDS):
        raise SystemExit(f"the sandbox did not settle within {_PATIENCE_SECONDS} seconds")


def window(browser: Browser, shop: Shop, role: str, size: tuple[int, int], *, dark: bool = False) -> Page:
    """Open a window and sign in."""
    width, height = size
    page = browser.new_page(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", locale="en-GB"
    )
    page.goto(f"{shop.address}/sign-in")
    page.fill("input[name=token]", shop.tokens[role])
    page.click("button[type=submit] >> text=Sign in")
    page.wait_for_selector("text=Sign out")
    return page


def take(page: Page, shop: Shop, path: str, name: str) -> None:
    """Look at a page and keep the picture. Exits where it is too large."""
    page.goto(shop.address + path)
    page.wait_for_load_state("networkidle")
    keep(page, name)


def keep(page: Page, name: str) -> None:
    """Keep what the window shows."""
    target = PICTURES / f"{name}.png"
    page.screenshot(path=target, animations="disabled", caret="hide")
    size = target.stat().st_size
    sys.stderr.write(f"{target.relative_to(ROOT)}  {size // 1024} kB\n")
    if size > LARGEST_BYTES:
        raise SystemExit(f"{name}: {size} bytes are too many for a picture of the handbook")


def work(shop: Shop) -> None:
    """Let people do some of what they do on a morning, and wait until stock has moved."""
    exception = shop.ask("/api/exceptions?state=open&type=sku_unknown")["items"][0]["id"]
    assigned = {"action": "assign", "ids": [exception], "to": "emma", "reason": "asks the range planners"}
    shop.ask("/api/deeds", assigned, role="ecommerce")
    shop.ask(f"/api/stock/{CANDLE}/block", {"reason": "recall of a batch"}, role="ops")
    shop.ask("/api/flows/stock/pause", {"reason": "stocktaking"}, role="it")
    shop.ask("/api/flows/stock/resume", {"reason": "stocktaking is over"}, role="it")
    row = {"kind": "tax", "key": "GB/luxury", "value": "20% (VAT on Income)", "reason": "agreed with the accountants"}
    shop.ask("/api/mappings", row, role="finance")
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline and not _has_moved(shop):
        time.sleep(2)


def _has_moved(shop: Shop) -> bool:
    """Say whether something of the mug was published."""
    return any(one["points"] for one in shop.ask(f"/api/stock/{MUG}/history")["channels"])


def album(browser: Browser, shop: Shop) -> None:
    """Take all of them."""
    admin = window(browser, shop, "admin", DESK)
    take(admin, shop, "/", "overview")
    take(window(browser, shop, "admin", DESK, dark=True), shop, "/", "overview-dark")
    take(window(browser, shop, "ops", PHONE), shop, "/", "overview-phone")
    example = shop.ask("/api/exceptions?state=open&type=sku_unknown")["items"][0]
    ecommerce = window(browser, shop, "ecommerce", DESK)
    take(ecommerce, shop, "/exceptions", "exceptions")
    take(ecommerce, shop, f"/exceptions/{example['id']}", "exception")
    ecommerce.goto(f"{shop.address}/exceptions?owner=ecommerce")
    ecommerce.click("main a[href^='/incidents/'] >> nth=0")
    ecommerce.wait_for_load_state("networkidle")
    keep(ecommerce, "incident")
    ecommerce.check("#bulk input[name=scope][value=matching]")
    ecommerce.click("#bulk button[type=submit]")
    ecommerce.wait_for_load_state("networkidle")
    keep(ecommerce, "preview")
    sold = shop.ask("/api/orders?state=exported&currency=GBP&limit=50")["items"]
    take(admin, shop, "/orders?state=not_in_cin7", "orders")
    take(admin, shop, f"/orders/{sold[-1]['number']}", "order")
    take(admin, shop, f"/stock/{MUG}", "stock")
    finance = window(browser, shop, "finance", DESK)
    take(finance, shop, "/reconciliation", "reconciliation")
    take(finance, shop, "/month", "month")
    take(finance, shop, "/mappings", "mappings")
    take(admin, shop, "/audit", "audit")


def main() -> None:
    """Take the pictures anew."""
    parser = argparse.ArgumentParser(description="Takes the handbook's pictures.")
    parser.add_argument("--browser", default=next(filter(None, map(shutil.which, _BROWSERS)), None))
    chosen = parser.parse_args().browser
    if chosen is None:
        raise SystemExit("no Chromium on the PATH: name one with --browser")
    PICTURES.mkdir(exist_ok=True)
    with sandbox() as shop, sync_playwright() as player:
        work(shop)
        browser = player.chromium.launch(executable_path=chosen, args=["--no-sandbox", "--disable-gpu"])
        try:
            album(browser, shop)
        finally:
            browser.close()


if __name__ == "__main__":
    main()
