"""One house and one browser for all tests of a file: they start in seconds, and tests of people do not mix theirs."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.browser.house import House, house
from tests.browser.window import browser


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """A shop that sells; what agrees waits for finance."""
    folder = tmp_path_factory.mktemp("house")
    changes = {'posting = "auto"': 'posting = "hold"', "census_seconds = 60": "census_seconds = 60\nhot_seconds = 1"}
    async with house(folder, changes) as made:
        yield made


@pytest.fixture(scope="module")
async def chrome() -> AsyncIterator[Browser]:
    """A browser that is started."""
    async with browser() as started:
        yield started
