"""One order is one trace, whatever happens to it on its way (design §5)."""

from __future__ import annotations

import hashlib

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from adapters.sandbox.faults import Fault, FaultKind
from adapters.telemetry.tracing import SPAN_NAMES, Tracing
from tests.simulation.world import World, virtual, world

ROOT = "order"


def traced(made: World) -> InMemorySpanExporter:
    """Let the daemon trace into memory."""
    exporter = InMemorySpanExporter()
    made.daemon.tracer = Tracing(connection="test", version="0", exporter=exporter, at_once=True)
    return exporter


def trace_of(exporter: InMemorySpanExporter, order_id: str) -> list[ReadableSpan]:
    """The finished spans of the order's trace, by start. The trace id is the first 16 bytes of SHA-256(order id)."""
    number = int.from_bytes(hashlib.sha256(order_id.encode()).digest()[:16], "big")
    spans = [span for span in exporter.get_finished_spans() if span.context and span.context.trace_id == number]
    return sorted(spans, key=lambda span: (span.start_time or 0, span.end_time or 0))


def names(spans: list[ReadableSpan]) -> list[str]:
    return [span.name for span in spans]


def assert_one_tree(spans: list[ReadableSpan], order_id: str) -> None:
    """One root, told by the order's id; every other span hangs on a span of the same trace; all are finished."""
    by_id = {span.context.span_id: span for span in spans if span.context}
    roots = [span for span in spans if span.parent is None]
    assert names(roots) == [ROOT]
    [root] = roots
    assert root.context is not None
    assert root.context.span_id == int.from_bytes(hashlib.sha256(order_id.encode()).digest()[16:24], "big")
    for span in spans:
        assert span.end_time is not None
        assert span.name in SPAN_NAMES
        if span.parent is not None:
            assert span.parent.span_id in by_id


def parent_names(spans: list[ReadableSpan], name: str) -> set[str]:
    by_id = {span.context.span_id: span.name for span in spans if span.context}
    return {by_id[span.parent.span_id] for span in spans if span.name == name and span.parent}


@virtual
async def test_a_plain_order_is_one_trace_with_every_hop_and_every_call() -> None:
    async with world(1) as made:
        exporter = traced(made)
        await made.ready()
        order, other = made.place(), made.place()
        await made.exported(order, other)
        await made.clock.sleep(2)
        for order_id in (order, other):
            spans = trace_of(exporter, order_id)
            assert_one_tree(spans, order_id)
            counted = {name: names(spans).count(name) for name in names(spans)}
            assert counted == {
                "order": 1,
                "intake.accept": 1,
                "orders.handle": 3,
                "finance.handle": 1,
                "commercetools.read_order": 3,
                "cin7.turn": 2,
                "cin7.create_sale": 1,
                "cin7.authorise_order": 1,
                "commercetools.sync_info": 1,
            }
            assert parent_names(spans, "intake.accept") == {"order"}
            assert parent_names(spans, "orders.handle") == {"order"}
            for call in ("cin7.turn", "cin7.create_sale", "cin7.authorise_order", "commercetools.sync_info"):
                assert parent_names(spans, call) == {"orders.handle"}


@virtual
async def test_an_order_that_is_killed_doubted_and_cancelled_is_still_one_trace() -> None:
    async with world(2) as made:
        exporter = traced(made)
        await made.ready()
        made.cin7_faults.plan("sale_create", Fault(kind=FaultKind.DROP_AFTER))
        made.daemon.kill_next = lambda point: point == "cin7.authorise_order.intended" and not made.kills
        order = made.place()
        await made.exported(order, within=600)
        assert len(made.kills) == 1
        made.shop.cancel(order)
        await made.in_state(order, "cancelled")
        spans = trace_of(exporter, order)
        assert_one_tree(spans, order)
        for call in (
            "cin7.create_sale",
            "cin7.find_by_external_id",
            "cin7.find_by_reference",
            "cin7.read_sale",
            "cin7.void_sale",
            "commercetools.sync_info",
        ):
            assert call in names(spans)
        assert names(spans).count("order") == 1


@virtual
async def test_a_call_that_failed_shows_in_its_span() -> None:
    async with world(3) as made:
        exporter = traced(made)
        await made.ready()
        made.cin7_network.reachable = False
        order = made.place()
        await made.until(lambda: "cin7.create_sale" in names(trace_of(exporter, order)), within=30)
        failed = [span for span in trace_of(exporter, order) if not span.status.is_unset]
        assert failed, "no span of a call that could not be sent says so"
