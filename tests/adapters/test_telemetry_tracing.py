"""One trace per order, over restarts, and nothing of a person in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import anyio
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from actors.domain.calls import Purpose
from actors.domain.errors import Rejected
from actors.domain.tracing import NoTracer, Tracer, root_span_id_of, trace_id_of
from actors.messages import Flow
from adapters.telemetry.tracing import ROOT_SPAN, SPAN_NAMES, Tracing, otlp_exporter

ORDER = "0a5dbd4e-9a8a-4b62-9a4e-1f2d3c4b5a69"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(spans: InMemorySpanExporter) -> Iterator[Tracing]:
    tracing = Tracing(connection="acme", version="1", exporter=spans, at_once=True)
    yield tracing
    assert tracing.shutdown(5)


def ids_of(span: ReadableSpan) -> tuple[str, str, str | None]:
    assert span.context is not None
    parent = None if span.parent is None else f"{span.parent.span_id:016x}"
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", parent


def names_of(spans: InMemorySpanExporter) -> list[str]:
    return [span.name for span in spans.get_finished_spans()]


def test_the_trace_id_is_the_head_of_the_orders_hash() -> None:
    digest = sha256(ORDER.encode()).digest()
    assert trace_id_of(ORDER) == digest[:16].hex()
    assert root_span_id_of(ORDER) == digest[16:24].hex()
    assert NoTracer().trace_id(ORDER) == digest[:16].hex()


def test_hops_of_two_processes_hang_on_one_root(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    with tracing.span("order", order_id=ORDER), tracing.span("intake.accept", order_id=ORDER):
        pass
    other = InMemorySpanExporter()
    restarted = Tracing(connection="acme", version="2", exporter=other, at_once=True)
    with restarted.span("orders.handle", order_id=ORDER, attempt=2), restarted.span("cin7.create_sale"):
        pass
    assert restarted.shutdown(5)
    accept, root = spans.get_finished_spans()
    create, handle = other.get_finished_spans()
    assert ids_of(root) == (trace_id_of(ORDER), root_span_id_of(ORDER), None)
    assert ids_of(accept)[::2] == (trace_id_of(ORDER), root_span_id_of(ORDER))
    assert ids_of(handle)[::2] == (trace_id_of(ORDER), root_span_id_of(ORDER))
    assert ids_of(create)[::2] == (trace_id_of(ORDER), ids_of(handle)[1])
    assert len({ids_of(span)[1] for span in (root, accept, handle, create)}) == 4
    assert handle.attributes == {"attempt": 2, "order.id": ORDER}


def test_an_order_met_inside_a_sweep_keeps_its_own_trace_and_points_to_the_sweep(
    tracing: Tracing, spans: InMemorySpanExporter
) -> None:
    with tracing.span("intake.handle"):
        with tracing.span("intake.accept", order_id=ORDER):
            pass
        with tracing.span("commercetools.list_orders"):
            pass
    accept, page, sweep = spans.get_finished_spans()
    assert ids_of(accept)[::2] == (trace_id_of(ORDER), root_span_id_of(ORDER))
    assert accept.links[0].context == sweep.context
    assert ids_of(page)[::2] == (ids_of(sweep)[0], ids_of(sweep)[1])
    assert ids_of(sweep)[0] != trace_id_of(ORDER)


async def test_hops_side_by_side_do_not_mix(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    async def handle(order_id: str) -> None:
        with tracing.span("orders.handle", order_id=order_id):
            await anyio.lowlevel.checkpoint()
            with tracing.span("cin7.turn"):
                await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        for number in range(5):
            tasks.start_soon(handle, f"order-{number}")
    by_trace: dict[str, list[str]] = {}
    for span in spans.get_finished_spans():
        by_trace.setdefault(ids_of(span)[0], []).append(span.name)
    assert by_trace == {trace_id_of(f"order-{number}"): ["cin7.turn", "orders.handle"] for number in range(5)}


def test_a_failed_hop_is_finished_and_shows_no_words(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    failures = (
        ValueError("ada@example.com lives at 1 Main Street"),
        Rejected("invalid_field", side="cin7", operation="cin7.create_sale", detail="Ada Lovelace"),
    )
    for failure in failures:
        with pytest.raises(type(failure)), tracing.span("orders.handle", order_id=ORDER):
            raise failure
    first, second = spans.get_finished_spans()
    assert (first.status.description, second.status.description) == ("ValueError", "Rejected: invalid_field")
    for span in (first, second):
        assert span.status.status_code is trace.StatusCode.ERROR
        assert span.end_time is not None
        assert not span.events
        assert "Ada" not in span.to_json()
        assert "ada@" not in span.to_json()


def test_only_listed_attributes_leave(tracing: Tracing, spans: InMemorySpanExporter) -> None:
    with tracing.span("orders.handle", order_id=ORDER, order_number="1001", email="ada@example.com", sku="a@b.co"):
        pass
    (span,) = spans.get_finished_spans()
    assert span.attributes == {
        "order.id": ORDER,
        "order.number": "1001",
        "email": "withheld",
        "sku": "(e-mail)",
    }
    assert span.resource.attributes == {
        "service.name": "tallyd",
        "service.version": "1",
        "service.instance.id": "acme",
    }


def test_sampling_takes_whole_orders_and_always_the_same_ones() -> None:
    kept: list[set[str]] = []
    for _ in range(2):
        spans = InMemorySpanExporter()
        tracing = Tracing(connection="acme", version="1", sample_ratio=0.5, exporter=spans, at_once=True)
        for number in range(200):
            order_id = f"order-{number}"
            with tracing.span(ROOT_SPAN, order_id=order_id):
                pass
            with tracing.span("orders.handle", order_id=order_id), tracing.span("cin7.turn"):
                pass
        assert tracing.shutdown(5)
        finished = spans.get_finished_spans()
        kept.append({ids_of(span)[0] for span in finished})
        assert len(finished) == 3 * len(kept[-1])
    assert kept[0] == kept[1]
    assert 60 < len(kept[0]) < 140


@pytest.mark.parametrize("exporter", [None, InMemorySpanExporter()])
def test_an_order_that_is_not_sampled_makes_no_span_and_still_knows_its_trace(
    exporter: InMemorySpanExporter | None,
) -> None:
    tracing = Tracing(connection="acme", version="1", sample_ratio=0.0, exporter=exporter, at_once=True)
    with tracing.span("orders.handle", order_id=ORDER), tracing.span("cin7.turn"):
        around = trace.get_current_span()
        assert not around.is_recording()
        assert f"{around.get_span_context().trace_id:032x}" == tracing.trace_id(ORDER)
    assert not trace.get_current_span().get_span_context().is_valid
    assert exporter is None or names_of(exporter) == []
    assert tracing.shutdown(5)


def test_without_a_backend_nothing_is_recorded() -> None:
    tracing = Tracing(connection="acme", version="1")
    with tracing.span("intake.handle"):
        assert not trace.get_current_span().is_recording()
    with tracing.span("orders.handle", order_id=ORDER):
        assert not trace.get_current_span().is_recording()
    assert tracing.shutdown(5)


async def test_a_real_backend_gets_every_span_before_the_end() -> None:
    """OTLP over HTTP, read back with the protocol's own message."""
    received: list[ExportTraceServiceRequest] = []

    async def take(request: web.Request) -> web.Response:
        received.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response(body=b"", content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    async with TestServer(app) as server:
        exporter = otlp_exporter(str(server.make_url("/")))
        tracing = Tracing(connection="acme", version="1", exporter=exporter)
        with tracing.span(ROOT_SPAN, order_id=ORDER), tracing.span("intake.accept", order_id=ORDER):
            pass
        assert await anyio.to_thread.run_sync(tracing.shutdown)
    found = [
        span
        for request in received
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    assert sorted(span.name for span in found) == ["intake.accept", "order"]
    assert {span.trace_id.hex() for span in found} == {trace_id_of(ORDER)}


def test_the_endpoint_may_name_the_path_or_not() -> None:
    urls = []
    for endpoint in ("http://127.0.0.1:4318", "http://127.0.0.1:4318/", "http://127.0.0.1:4318/v1/traces"):
        exporter = otlp_exporter(endpoint)
        urls.append(vars(exporter)["_endpoint"])
        exporter.shutdown()
    assert urls == ["http://127.0.0.1:4318/v1/traces"] * 3


def test_every_call_and_every_flow_has_a_span_and_a_meaning() -> None:
    assert {purpose.value for purpose in Purpose} <= SPAN_NAMES.keys()
    assert {f"{flow.value}.handle" for flow in Flow} <= SPAN_NAMES.keys()
    assert all(meaning.endswith(".") for meaning in SPAN_NAMES.values())


def test_every_span_opened_in_the_code_is_in_the_table() -> None:
    opened: set[str] = set()
    for folder in ("actors", "adapters", "daemon"):
        for path in (ROOT / folder).rglob("*.py"):
            opened |= set(re.findall(r"\.span\(\s*\"([^\"]+)\"", path.read_text()))
    assert "orders.handle" in opened
    assert opened <= SPAN_NAMES.keys()


@pytest.mark.parametrize("tracer", [NoTracer(), Tracing(connection="acme", version="1")])
def test_both_tracers_have_the_shape_the_flows_rely_on(tracer: Tracer) -> None:
    with tracer.span("orders.handle", order_id=ORDER, attempt=1, reason="x"):
        pass
    with tracer.span("cin7.turn"):
        pass
    assert tracer.trace_id(ORDER) == trace_id_of(ORDER)
