"""How far the catalogues match, as health and metrics tell it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from actors.catalogue import planning
from actors.catalogue.rules import CatalogueRules
from adapters.telemetry.metrics import Metrics
from daemon import catalogue_health
from daemon.health import health
from storage import drafts
from storage.drafts import DraftRow
from tests.catalogue_file import catalogue
from tests.daemon_app import NOW, assembled


def asked(connection: sqlite3.Connection) -> None:
    """Both catalogues; somebody is asked about the plan, and a draft was made."""
    catalogue(connection)
    planning.settle_plan(connection, CatalogueRules(unpublish=True), NOW)
    drafts.put(connection, DraftRow(key="item:1", state="made"), now=NOW)


async def test_the_catalogue_has_the_shape_others_read(tmp_path: Path) -> None:
    async with assembled(tmp_path, asked) as app:
        document = await health(app)
    shown = document["catalogue"]
    assert {name: shown[name] for name in shown if name != "flags"} == {
        "enabled": True,
        "products_read_at": "2027-01-15T08:00:00.000Z",
        "listings_read_at": "2027-01-15T08:00:00.000Z",
        "matched": 3,
        "only_cin7": 4,
        "only_commercetools": 5,
        "unmatched_published": 4,
        "drafts": {"made": 1},
        "unpublish": {"planned": 4, "approved": 0, "asks": True},
    }
    page, _ = Metrics(lambda: document).render()
    for line in (
        b'tallyd_skus{match="only_cin7"} 4.0',
        b'tallyd_sku_flags{flag="duplicate"} 1.0',
        b"tallyd_skus_unmatched_published 4.0",
        b'tallyd_products_unpublish{what="planned"} 4.0',
        b'tallyd_drafts{state="made"} 1.0',
    ):
        assert line in page
    assert b'what="asks"' not in page


async def test_what_is_approved_is_counted(tmp_path: Path) -> None:
    def approved(connection: sqlite3.Connection) -> None:
        asked(connection)
        planning.approve(connection, CatalogueRules(unpublish=True), now=NOW)

    async with assembled(tmp_path, approved) as app:
        shown = await app.catalogue.figures(app.engine)
    assert shown["unpublish"] == {"planned": 4, "approved": 4, "asks": False}


async def test_before_anything_was_read_nothing_is_known(tmp_path: Path) -> None:
    async with assembled(tmp_path, lambda connection: None) as app:
        shown = await app.catalogue.figures(app.engine)
    assert (shown["products_read_at"], shown["listings_read_at"], shown["matched"]) == (None, None, 0)


async def test_what_took_long_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with assembled(tmp_path, catalogue) as app:
        clock, counted = app.engine.clock, []

        def slow(_connection: sqlite3.Connection) -> dict[str, int]:
            counted.append(1)
            clock.at += 1_000  # type: ignore[attr-defined]
            return {"times": len(counted)}

        monkeypatch.setattr(catalogue_health, "_figures", slow)
        shown = []
        for later in (0, 49, 1):
            await clock.sleep(later)
            shown.append((await app.catalogue.figures(app.engine))["times"])
    assert shown == [1, 1, 2]


async def test_without_a_catalogue_nothing_is_counted(tmp_path: Path) -> None:
    async with assembled(tmp_path, catalogue) as app:
        off = msgspec.structs.replace(app.engine.plan.catalogue, enabled=False)
        app.engine.plan = msgspec.structs.replace(app.engine.plan, catalogue=off)
        document = await health(app)
    assert document["catalogue"] == {"enabled": False}
    assert b"tallyd_skus" not in Metrics(lambda: document).render()[0]
