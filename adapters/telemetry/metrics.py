"""Prometheus metrics, made from the health snapshot at the moment somebody scrapes.

Nothing is counted twice: the figures of `/health` are the figures of `/metrics`. A part the snapshot leaves out has no
series, rather than a zero that was never measured. `METRICS` is the whole list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from actors.domain.time import parse_instant

Snapshot = Mapping[str, Any]
"""What `/health` answers (design §5)."""

STATUSES = ("ok", "degraded", "failing")


class MetricNote(NamedTuple):
    """One metric: what it says, its labels, and whether it only ever grows."""

    help: str
    labels: tuple[str, ...] = ()
    counter: bool = False


METRICS: Mapping[str, MetricNote] = {
    "tallyd_info": MetricNote("Always 1; the labels say which daemon this is.", ("version", "mode")),
    "tallyd_health_status": MetricNote("1 for the status the daemon has, 0 for the others.", ("status",)),
    "tallyd_orders": MetricNote("Orders in each state.", ("state",)),
    "tallyd_orders_accepted_total": MetricNote("Orders ever accepted.", (), counter=True),
    "tallyd_census_findings": MetricNote("Open findings of the census, by type.", ("type",)),
    "tallyd_census_records": MetricNote("What the last census counted, by whose list.", ("list",)),
    "tallyd_census_taken_timestamp_seconds": MetricNote("When the last census was taken."),
    "tallyd_door_events_total": MetricNote(
        "Events a door brought: accepted, and of them late or ignored; repeated; unreadable.", ("door", "what"), True
    ),
    "tallyd_door_missed_total": MetricNote("Records a door should have told of and a sweep found.", ("door",), True),
    "tallyd_door_missing": MetricNote("Of those, the ones it has not told of yet.", ("door",)),
    "tallyd_door_last_event_timestamp_seconds": MetricNote("When a door last brought an event.", ("door",)),
    "tallyd_intake_open": MetricNote("1 while events are accepted, 0 while senders are asked to come again."),
    "tallyd_exceptions_open": MetricNote("Open exceptions by who answers for them.", ("owner",)),
    "tallyd_outbox_messages": MetricNote("Messages of the outbox in each state.", ("state",)),
    "tallyd_outbox_oldest_due_timestamp_seconds": MetricNote("Since when the oldest due message waits."),
    "tallyd_flow_running": MetricNote("1 while a flow runs, 0 while it is paused or stopped.", ("flow",)),
    "tallyd_flow_queued": MetricNote("Messages that wait for a flow.", ("flow",)),
    "tallyd_flow_last_success_timestamp_seconds": MetricNote("When a flow last got something done.", ("flow",)),
    "tallyd_governor_limit_calls": MetricNote("Calls a minute Cin7 Core grants this key."),
    "tallyd_governor_cap_calls": MetricNote("Calls a minute the governor allows itself now."),
    "tallyd_governor_window_calls": MetricNote("Calls that count in the current window."),
    "tallyd_governor_in_flight_calls": MetricNote("Calls on the wire."),
    "tallyd_governor_queued_calls": MetricNote("Calls that wait for a turn.", ("lane",)),
    "tallyd_governor_drain_seconds": MetricNote("Time until no call waits, if none is added."),
    "tallyd_governor_granted_total": MetricNote("Turns granted.", (), counter=True),
    "tallyd_governor_limit_answers_total": MetricNote("Limit answers of Cin7 Core.", (), counter=True),
    "tallyd_governor_foreign_use_total": MetricNote(
        "Limit answers that our own calls do not explain.", (), counter=True
    ),
    "tallyd_stock_skus": MetricNote("SKUs whose availability is known."),
    "tallyd_stock_entries": MetricNote("Inventory entries, by what is the matter with them.", ("what",)),
    "tallyd_stock_waiting": MetricNote("Entries whose next change waits, by what for.", ("for",)),
    "tallyd_stock_age_seconds": MetricNote("Age of availability figures: the oldest, and percentiles.", ("of",)),
    "tallyd_stock_behind": MetricNote("SKUs whose figure is older than it may be."),
    "tallyd_stock_forecast_seconds": MetricNote("Within how long every SKU should be read."),
    "tallyd_stock_queued": MetricNote("SKUs that wait to be read by name."),
    "tallyd_stock_untrued_seconds": MetricNote("How long ago the entry was trued up that waits longest for it."),
    "tallyd_stock_left": MetricNote("SKUs of which no entry is written, by what they are.", ("standing",)),
    "tallyd_stock_pass_page": MetricNote("The page of the whole list that is read next; 0 between two passes."),
    "tallyd_stock_pass_pages": MetricNote("Pages of the last whole pass."),
    "tallyd_stock_pass_rows": MetricNote("Rows of the last whole pass."),
    "tallyd_stock_pass_seconds": MetricNote("How long the last whole pass took."),
    "tallyd_stock_pass_whole_timestamp_seconds": MetricNote("When a pass last added up."),
    "tallyd_stock_compared_timestamp_seconds": MetricNote("When the last daily compare ended."),
    "tallyd_stock_compared": MetricNote("Entries of the last daily compare, by what was found.", ("found",)),
    "tallyd_skus": MetricNote("SKUs of both catalogues, by the sides they are on.", ("match",)),
    "tallyd_sku_flags": MetricNote("SKUs by what is odd about them.", ("flag",)),
    "tallyd_skus_unmatched_published": MetricNote("SKUs that can be bought now and that Cin7 Core does not have."),
    "tallyd_products_unpublish": MetricNote(
        "Published products without any match: planned to be unpublished, and of them approved.", ("what",)
    ),
    "tallyd_drafts": MetricNote("Draft products, by state.", ("state",)),
    "tallyd_storage_commits_total": MetricNote("Commits of the writer.", (), counter=True),
    "tallyd_storage_units_total": MetricNote("Units of work committed.", (), counter=True),
    "tallyd_storage_failed_commits_total": MetricNote("Commits that failed.", (), counter=True),
    "tallyd_storage_rows": MetricNote("Rows of each table.", ("table",)),
    "tallyd_storage_file_bytes": MetricNote("Size of the database file."),
}

_GOVERNOR = {
    "limit": "tallyd_governor_limit_calls",
    "cap": "tallyd_governor_cap_calls",
    "in_window": "tallyd_governor_window_calls",
    "in_flight": "tallyd_governor_in_flight_calls",
    "granted": "tallyd_governor_granted_total",
    "limit_answers": "tallyd_governor_limit_answers_total",
    "foreign_use": "tallyd_governor_foreign_use_total",
}
_STORAGE = {
    "commits": "tallyd_storage_commits_total",
    "units": "tallyd_storage_units_total",
    "failed_commits": "tallyd_storage_failed_commits_total",
    "file_bytes": "tallyd_storage_file_bytes",
}

Sample = tuple[str, tuple[str, ...], float]


class Metrics:
    """Renders what `snapshot` returns, called once per scrape."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.registry.register(_FromSnapshot(snapshot))

    def render(self) -> tuple[bytes, str]:
        """Return the page and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST


class _FromSnapshot(Collector):
    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def describe(self) -> list[Metric]:
        """Return nothing: a description would take a snapshot before there is one."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each metric the snapshot has figures for."""
        found: dict[str, list[Sample]] = {}
        for sample in _samples(self._snapshot()):
            found.setdefault(sample[0], []).append(sample)
        for name, note in METRICS.items():
            if name in found:
                yield _family(name, note, found[name])


def _family(name: str, note: MetricNote, samples: list[Sample]) -> Metric:
    family: CounterMetricFamily | GaugeMetricFamily
    if note.counter:
        family = CounterMetricFamily(name.removesuffix("_total"), note.help, labels=note.labels)
    else:
        family = GaugeMetricFamily(name, note.help, labels=note.labels)
    for _, labels, value in samples:
        family.add_metric(labels, value)
    return family


def _samples(snapshot: Snapshot) -> Iterator[Sample]:
    if "version" in snapshot:
        yield "tallyd_info", (str(snapshot["version"]), str(snapshot.get("mode", ""))), 1
    if "status" in snapshot:
        for status in STATUSES:
            yield "tallyd_health_status", (status,), float(snapshot["status"] == status)
    orders = snapshot.get("orders", {})
    yield from _by_label("tallyd_orders", orders.get("states"))
    if "accepted" in orders:
        yield "tallyd_orders_accepted_total", (), orders["accepted"]
    yield from _of_census(snapshot.get("census", {}))
    for door, facts in snapshot.get("doors", {}).items():
        yield from _of_door(door, facts)
    if "intake" in snapshot:
        yield "tallyd_intake_open", (), float(snapshot["intake"]["open"])
    yield from _of_stock(snapshot.get("stock", {}))
    yield from _of_catalogue(snapshot.get("catalogue", {}))
    yield from _by_label("tallyd_exceptions_open", snapshot.get("exceptions"))
    outbox = snapshot.get("outbox", {})
    yield from _by_label("tallyd_outbox_messages", outbox)
    yield from _instant("tallyd_outbox_oldest_due_timestamp_seconds", (), outbox.get("oldest_due_at"))
    for flow, facts in snapshot.get("flows", {}).items():
        yield from _of_flow(flow, facts)
    governor = snapshot.get("governor", {})
    yield from _by_name(_GOVERNOR, governor)
    if _is_figure(governor.get("minutes_to_drain")):
        # Prometheus reckons in seconds, and its lint insists.
        yield "tallyd_governor_drain_seconds", (), governor["minutes_to_drain"] * 60
    yield from _by_label("tallyd_governor_queued_calls", governor.get("queued"))
    storage = snapshot.get("storage", {})
    yield from _by_name(_STORAGE, storage)
    yield from _by_label("tallyd_storage_rows", storage.get("rows"))


def _of_census(census: Mapping[str, Any]) -> Iterator[Sample]:
    yield from _by_label("tallyd_census_findings", census.get("findings"))
    lists = ("commercetools", "tallyd", "cin7", "orders_with_sale")
    yield from _by_label("tallyd_census_records", {name: census[name] for name in lists if name in census})
    yield from _instant("tallyd_census_taken_timestamp_seconds", (), census.get("taken_at"))


_STOCK = {
    "skus": "tallyd_stock_skus",
    "behind": "tallyd_stock_behind",
    "forecast_seconds": "tallyd_stock_forecast_seconds",
    "queued": "tallyd_stock_queued",
    "untrued_oldest_seconds": "tallyd_stock_untrued_seconds",
}
_PASS = {
    "page": "tallyd_stock_pass_page",
    "pages": "tallyd_stock_pass_pages",
    "rows": "tallyd_stock_pass_rows",
}
_ENTRIES = ("entries", "missing", "conflicts", "refused", "suspended", "in_doubt", "blocked", "held_zeros")
_COMPARED = ("exact", "in_flight", "lag", "drift")


def _of_stock(stock: Mapping[str, Any]) -> Iterator[Sample]:
    yield from _by_name(_STOCK, stock)
    yield from _by_label("tallyd_stock_entries", {name: stock[name] for name in _ENTRIES if name in stock})
    yield from _by_label("tallyd_stock_waiting", stock.get("waiting"))
    ages = {"oldest": "oldest_seconds", "p50": "p50_seconds", "p95": "p95_seconds"}
    yield from _by_label("tallyd_stock_age_seconds", {of: stock[name] for of, name in ages.items() if name in stock})
    yield from _by_label("tallyd_stock_left", stock.get("left"))
    progress = stock.get("pass") or {}
    yield from _by_name(_PASS, progress)
    if _is_figure(progress.get("took")):
        yield "tallyd_stock_pass_seconds", (), progress["took"] / 1000
    yield from _instant("tallyd_stock_pass_whole_timestamp_seconds", (), progress.get("whole_at"))
    compared = stock.get("compare") or {}
    yield from _instant("tallyd_stock_compared_timestamp_seconds", (), compared.get("at"))
    yield from _by_label("tallyd_stock_compared", {name: compared[name] for name in _COMPARED if name in compared})


_MATCHES = ("matched", "only_cin7", "only_commercetools")


def _of_catalogue(catalogue: Mapping[str, Any]) -> Iterator[Sample]:
    yield from _by_label("tallyd_skus", {name: catalogue[name] for name in _MATCHES if name in catalogue})
    yield from _by_label("tallyd_sku_flags", catalogue.get("flags"))
    yield from _by_name({"unmatched_published": "tallyd_skus_unmatched_published"}, catalogue)
    yield from _by_label("tallyd_products_unpublish", catalogue.get("unpublish"))
    yield from _by_label("tallyd_drafts", catalogue.get("drafts"))


def _of_door(door: str, facts: Mapping[str, Any]) -> Iterator[Sample]:
    for what in ("accepted", "repeated", "late", "ignored", "unreadable"):
        if _is_figure(facts.get(what)):
            yield "tallyd_door_events_total", (door, what), facts[what]
    for key, metric in (("missed", "tallyd_door_missed_total"), ("missing_now", "tallyd_door_missing")):
        if _is_figure(facts.get(key)):
            yield metric, (door,), facts[key]
    yield from _instant("tallyd_door_last_event_timestamp_seconds", (door,), facts.get("last_event_at"))


def _of_flow(flow: str, facts: Mapping[str, Any]) -> Iterator[Sample]:
    if "state" in facts:
        yield "tallyd_flow_running", (flow,), float(facts["state"] == "running")
    if _is_figure(facts.get("queued")):
        yield "tallyd_flow_queued", (flow,), facts["queued"]
    yield from _instant("tallyd_flow_last_success_timestamp_seconds", (flow,), facts.get("last_success_at"))


def _instant(metric: str, labels: tuple[str, ...], at: str | int | None) -> Iterator[Sample]:
    """Yield an instant, written as a timestamp or in milliseconds, in the seconds Prometheus reckons with."""
    if at is not None:
        yield metric, labels, (parse_instant(at) if isinstance(at, str) else at) / 1000


def _by_name(names: Mapping[str, str], facts: Mapping[str, Any]) -> Iterator[Sample]:
    for key, metric in names.items():
        if _is_figure(facts.get(key)):
            yield metric, (), facts[key]


def _by_label(metric: str, figures: Mapping[str, Any] | None) -> Iterator[Sample]:
    for label, figure in (figures or {}).items():
        if _is_figure(figure) and not label.endswith("_at"):  # instants stand among the counts
            yield metric, (label,), figure


def _is_figure(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
