"""Fixtures every test may use."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("SSL_CERT_FILE", os.devnull)
"""No test speaks TLS to the outside; each process that imports a client would read all authorities first (40 ms)."""

LONG = ("journeys", "simulation")
"""Folders of long tests: they run first, so that two workers end together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.path.parent.name not in LONG)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
