"""Fixtures every test may use."""

from __future__ import annotations

import pytest

LONG = ("journeys", "simulation")
"""Folders of long tests: they run first, so that two workers end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
