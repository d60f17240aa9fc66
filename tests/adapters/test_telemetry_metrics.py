"""The metrics page: the health snapshot's own figures, in names and types that Prometheus' lint accepts."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from actors.domain.calls import Lane
from actors.domain.order_state import OrderState
from actors.governor.governor import GovernorSnapshot
from adapters.telemetry.metrics import METRICS, Metrics
from storage.database import Stats
from storage.outbox import OutboxCounts

HEALTH: dict[str, Any] = {
    "status": "degraded",
    "version": "0.1.0",
    "mode": "live",
    "orders": {"accepted": 12, "states": {state.value: 1 for state in OrderState}},
    "census": {
        "taken_at": "2026-12-01T00:00:00.000Z",
        "kind": "hourly",
        "commercetools": 12,
        "tallyd": 13,
        "cin7": 11,
        "orders_with_sale": 11,
        "findings": {"sales_two": 1},
    },
    "doors": {
        "sqs": {"last_event_at": "2026-12-01T00:00:00.000Z", "accepted": 9, "repeated": 2, "late": 3, "ignored": 0}
        | {"unreadable": 1, "missed": 4, "missing_now": 0}
    },
    "intake": {"open": True, "closed_because": ""},
    "flows": {
        "orders": {"state": "running", "last_success_at": "2026-12-01T00:00:00.500Z", "queued": 3},
        "intake": {"state": "paused", "last_success_at": 1_796_083_200_000, "queued": 0},
        "catalogue": {"state": "stopped", "last_success_at": None},
    },
    "governor": {
        "limit": 60,
        "cap": 57,
        "in_window": 41,
        "in_flight": 2,
        "queued": {lane.label: lane.value for lane in Lane},
        "minutes_to_drain": 1.25,
        "granted": 900,
        "limit_answers": 2,
        "foreign_use": 1,
        "closed": False,
    },
    "stock": {
        "skus": 900,
        "entries": 890,
        "waiting": {"reading": 4},
        "behind": 2,
        "oldest_seconds": 70,
        "p50_seconds": 30,
        "p95_seconds": 60,
        "forecast_seconds": 960,
        "queued": 7,
        "untrued_oldest_seconds": 500,
        "compare": {"exact": 880, "in_flight": 6, "lag": 3, "drift": 1, "at": "2026-12-01T00:00:00.000Z"},
        "pass": {
            "number": 3,
            "page": 2,
            "pages": 9,
            "rows": 8500,
            "took": 5500,
            "began_at": None,
            "whole_at": "2026-12-01T00:00:00.000Z",
        },
        "left": {"service": 2},
    },
    "catalogue": {
        "enabled": True,
        "products_read_at": "2026-12-01T00:00:00.000Z",
        "matched": 812,
        "only_cin7": 80,
        "only_commercetools": 3,
        "flags": {"duplicate": 2},
        "unmatched_published": 1,
        "drafts": {"made": 6},
        "unpublish": {"planned": 1, "approved": 0, "asks": True},
    },
    "outbox": {"ready": 5, "running": 2, "quarantined": 1, "oldest_due_at": 1_796_083_200_000},
    "exceptions": {"ops": 1, "finance": 0, "ecommerce": 4, "it": 0},
    "storage": {
        "commits": 100,
        "units": 140,
        "failed_commits": 0,
        "file_bytes": 4096,
        "rows": {"orders": 12},
        "failing_since": None,
    },
}


def samples_of(health: dict[str, Any]) -> dict[tuple[str, str], float]:
    page, content_type = Metrics(lambda: health).render()
    assert content_type.startswith("text/plain")
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_every_figure_of_the_snapshot_is_there() -> None:
    samples = samples_of(HEALTH)
    expected = {
        ("tallyd_info", "live,0.1.0"): 1,
        ("tallyd_health_status", "degraded"): 1,
        ("tallyd_health_status", "ok"): 0,
        ("tallyd_orders", "in_doubt"): 1,
        ("tallyd_orders_accepted_total", ""): 12,
        ("tallyd_census_findings", "sales_two"): 1,
        ("tallyd_census_records", "commercetools"): 12,
        ("tallyd_census_records", "cin7"): 11,
        ("tallyd_census_taken_timestamp_seconds", ""): 1_796_083_200,
        ("tallyd_door_events_total", "sqs,accepted"): 9,
        ("tallyd_door_events_total", "sqs,unreadable"): 1,
        ("tallyd_door_missed_total", "sqs"): 4,
        ("tallyd_door_missing", "sqs"): 0,
        ("tallyd_door_last_event_timestamp_seconds", "sqs"): 1_796_083_200,
        ("tallyd_intake_open", ""): 1,
        ("tallyd_exceptions_open", "ecommerce"): 4,
        ("tallyd_exceptions_open", "it"): 0,
        ("tallyd_outbox_messages", "ready"): 5,
        ("tallyd_outbox_messages", "quarantined"): 1,
        ("tallyd_outbox_oldest_due_timestamp_seconds", ""): 1_796_083_200,
        ("tallyd_flow_running", "orders"): 1,
        ("tallyd_flow_running", "intake"): 0,
        ("tallyd_flow_queued", "orders"): 3,
        ("tallyd_flow_last_success_timestamp_seconds", "orders"): 1_796_083_200.5,
        ("tallyd_flow_last_success_timestamp_seconds", "intake"): 1_796_083_200,
        ("tallyd_stock_age_seconds", "p95"): 60,
        ("tallyd_stock_waiting", "reading"): 4,
        ("tallyd_stock_compared", "drift"): 1,
        ("tallyd_stock_compared_timestamp_seconds", ""): 1_796_083_200,
        ("tallyd_stock_left", "service"): 2,
        ("tallyd_stock_pass_page", ""): 2,
        ("tallyd_stock_pass_seconds", ""): 5.5,
        ("tallyd_stock_pass_whole_timestamp_seconds", ""): 1_796_083_200,
        ("tallyd_skus", "only_cin7"): 80,
        ("tallyd_sku_flags", "duplicate"): 2,
        ("tallyd_skus_unmatched_published", ""): 1,
        ("tallyd_products_unpublish", "planned"): 1,
        ("tallyd_products_unpublish", "asks"): None,
        ("tallyd_drafts", "made"): 6,
        ("tallyd_governor_limit_calls", ""): 60,
        ("tallyd_governor_window_calls", ""): 41,
        ("tallyd_governor_queued_calls", "stock"): 3,
        ("tallyd_governor_drain_seconds", ""): 75,
        ("tallyd_governor_foreign_use_total", ""): 1,
        ("tallyd_storage_commits_total", ""): 100,
        ("tallyd_storage_rows", "orders"): 12,
    }
    assert {key: samples.get(key) for key in expected} == expected
    assert {name for name, _ in samples} == set(METRICS)


def test_an_instant_among_counts_is_no_count() -> None:
    labels = {
        label for name, label in samples_of(HEALTH) if name in {"tallyd_census_findings", "tallyd_outbox_messages"}
    }
    assert labels == {"sales_two", "ready", "running", "quarantined"}


def test_what_was_not_measured_has_no_series() -> None:
    assert samples_of({}) == {}
    assert samples_of({"orders": {}, "governor": {"queued": {}}, "flows": {"orders": {}}, "stock": {"x": 1}}) == {}


def test_each_scrape_asks_anew() -> None:
    health = {"orders": {"accepted": 1}}
    metrics = Metrics(lambda: health)
    assert b"tallyd_orders_accepted_total 1.0" in metrics.render()[0]
    health["orders"] = {"accepted": 2}
    assert b"tallyd_orders_accepted_total 2.0" in metrics.render()[0]


def test_the_names_are_those_of_the_snapshots_it_is_fed_from() -> None:
    """A renamed field would make its series disappear without a word."""
    governor = set(GovernorSnapshot.__struct_fields__)
    assert {"limit", "cap", "in_window", "in_flight", "queued", "minutes_to_drain", "granted"} <= governor
    assert {"limit_answers", "foreign_use"} <= governor
    assert {"commits", "units", "failed_commits"} <= set(Stats.__struct_fields__)
    assert {"ready", "running", "quarantined", "oldest_due_at"} == set(OutboxCounts.__struct_fields__)


@pytest.mark.parametrize("name", METRICS)
def test_each_name_and_help_keeps_the_rules(name: str) -> None:
    """The rules of `promtool check metrics`, for a machine that has none."""
    note = METRICS[name]
    assert re.fullmatch(r"tallyd_[a-z0-9]+(_[a-z0-9]+)*", name)
    assert name.endswith("_total") is note.counter
    assert note.help.endswith(".")
    assert not re.search(r"_(count|sum|bucket|gauge|counter|milliseconds|ms|minutes|hours|days|kilobytes)$", name)
    assert not set(note.labels) & {"le", "quantile", "job", "instance"}


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    page, _ = Metrics(lambda: HEALTH).render()
    result = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, timeout=60, check=False)
    assert (result.returncode, result.stdout + result.stderr) == (0, b"")
