"""One trace per order, for its whole life; implements `actors.domain.tracing.Tracer` with OpenTelemetry.

The trace id is the first 16 bytes of SHA-256(order id) and the root span's id the next 8 (design §5), so nothing about
a trace has to be stored: a hop of tomorrow hangs on the root of today. The root, `order`, is opened once, by the commit
that first accepts the order. A hop inside another hop of the same order is its child.

Whether an order is sampled follows from its trace id alone, so all of its hops are, or none is, across restarts.
An order that is not sampled costs a hash and a context variable.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType, TracebackType

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, Status, StatusCode, TraceFlags

from actors.domain.calls import Purpose
from actors.domain.errors import WireError
from actors.domain.tracing import trace_id_of
from adapters.telemetry.privacy import fit_to_leave

ROOT_SPAN = "order"

_PURPOSES: Mapping[Purpose, str] = {
    Purpose.CIN7_ME: "The company's settings are read.",
    Purpose.CIN7_TAX_RULES: "The tax rules are read.",
    Purpose.CIN7_LOCATIONS: "The locations are read.",
    Purpose.CIN7_PAYMENT_TERMS: "The payment terms are read.",
    Purpose.CIN7_ACCOUNTS: "The chart of accounts is read.",
    Purpose.CIN7_CARRIERS: "The carriers are read.",
    Purpose.CIN7_CUSTOMER: "A customer that sales are booked to is read.",
    Purpose.CIN7_FIND_CUSTOMER: "The buyer's own customer is looked up by its name.",
    Purpose.CIN7_CREATE_CUSTOMER: "The buyer's own customer is made.",
    Purpose.CIN7_LIST_SALES: "A page of sales is read, to learn exchange rates.",
    Purpose.CIN7_READ_RATE: "The newest sale of a currency is read for its exchange rate.",
    Purpose.CIN7_AVAILABILITY: "What Cin7 Core has of one SKU is read, or when more of it comes.",
    Purpose.CIN7_STOCK_PAGE: "A page of all that Cin7 Core has in stock is read.",
    Purpose.CIN7_PRODUCTS: "A page of products is read.",
    Purpose.CIN7_FAMILIES: "A page of product families is read.",
    Purpose.CIN7_LIST_PURCHASES: "A page of purchases is read.",
    Purpose.CIN7_READ_PURCHASE: "A purchase is read.",
    Purpose.CIN7_FIND_BY_EXTERNAL_ID: "A sale in doubt is looked up by its external id.",
    Purpose.CIN7_FIND_BY_REFERENCE: "A sale in doubt is looked up by its customer reference.",
    Purpose.CIN7_READ_SALE: "A sale is read.",
    Purpose.CIN7_READ_FULFILMENT: "A sale is read for what the warehouse did with it.",
    Purpose.CIN7_CREATE_SALE: "The sale's header is created.",
    Purpose.CIN7_DRAFT_ORDER: "The sale's order is posted as a DRAFT, to see how the account calculates.",
    Purpose.CIN7_AUTHORISE_ORDER: "The sale's order is posted and authorised.",
    Purpose.CIN7_VOID_SALE: "A sale is voided.",
    Purpose.CIN7_UPDATE_SALE: "The header of a sale is changed after an edit of its order.",
    Purpose.CIN7_READ_BOOKS: "A sale is read for its invoices, payments and credit notes.",
    Purpose.CIN7_POST_INVOICE: "An invoice is posted.",
    Purpose.CIN7_POST_PAYMENT: "A payment, or the refund of a credit note, is posted.",
    Purpose.CIN7_POST_CREDIT_NOTE: "A credit note is posted.",
    Purpose.CIN7_SWEEP_SALES: "A page of the sales that changed is read.",
    Purpose.CIN7_COUNT_SALES: "The sales are counted, or a page of them is read to be matched.",
    Purpose.CIN7_CREDIT_NOTES: "A page of credit notes is read.",
    Purpose.CIN7_WEBHOOKS: "The account's webhooks are read.",
    Purpose.CIN7_CREATE_WEBHOOK: "A webhook is made.",
    Purpose.CIN7_REVIVE_WEBHOOK: "A webhook that was deactivated is switched on again.",
    Purpose.CT_PROJECT: "The project's settings are read.",
    Purpose.CT_READ_ORDER: "The order is read.",
    Purpose.CT_LIST_ORDERS: "A page of orders is read, by a sweep or to be matched.",
    Purpose.CT_COUNT_ORDERS: "The orders of a span are counted.",
    Purpose.CT_LIST_PAYMENTS: "A page of the payments that changed is read.",
    Purpose.CT_LIST_MESSAGES: "A page of the messages is read.",
    Purpose.CT_SUBSCRIPTION: "A subscription is asked how it fares.",
    Purpose.CT_INVENTORY: "What the storefront still sells of a SKU is read.",
    Purpose.CT_LIST_INVENTORY: "A page of inventory entries is read.",
    Purpose.CT_READ_ENTRY: "An inventory entry is read.",
    Purpose.CT_WRITE_ENTRY: "An inventory entry is changed.",
    Purpose.CT_UPDATE_ORDER: "Deliveries, states or returns of an order are written.",
    Purpose.CT_CREATE_ENTRY: "An inventory entry is made.",
    Purpose.CT_CHANNEL: "The sync channel is looked up.",
    Purpose.CT_READ_LEASE: "The lease is read.",
    Purpose.CT_WRITE_LEASE: "The lease is taken or renewed.",
    Purpose.CT_SYNC_INFO: "The order is marked as exported.",
    Purpose.CT_LIST_PRODUCTS: "A page of products is read, in one of their two versions.",
    Purpose.CT_LIST_PRICES: "Which SKUs have a price of their own record is read.",
    Purpose.CT_READ_PRODUCT: "A product is read.",
    Purpose.CT_FIND_PRODUCT: "A product is looked up by SKU, key or slug.",
    Purpose.CT_PRODUCT_TYPE: "A product type is read.",
    Purpose.CT_TAX_CATEGORY: "A tax category is looked up.",
    Purpose.CT_CREATE_PRODUCT: "A draft of a product is made.",
    Purpose.CT_UPDATE_PRODUCT: "A draft of a product is changed.",
    Purpose.CT_UNPUBLISH_PRODUCT: "A product is unpublished.",
}

SPAN_NAMES: Mapping[str, str] = MappingProxyType(
    {
        ROOT_SPAN: "The order's root: opened and finished by the commit that first accepts it.",
        "intake.accept": "An order, or news of one, is committed to the outbox.",
        "intake.handle": "One sweep of intake, from its nudge to its settlement.",
        "catalogue.handle": "One page of a catalogue, one product, draft or plan, from its nudge to its settlement.",
        "census.handle": "One count and match of both sides, from its nudge to its settlement.",
        "stock.handle": "One look at a SKU, or one reading of availability, from its nudge to its settlement.",
        "fulfilment.handle": "One look at what was fulfilled of an order, from its nudge to its settlement.",
        "finance.handle": "One look at the books of an order, from its nudge to its settlement.",
        "procurement.handle": "One page of purchases, one purchase, or some margins, from the nudge to its settlement.",
        "desk.handle": "Some of a bulk action, the judging of alerts, a message to people, or a sample, as one step.",
        "orders.handle": "One look at the order: what was decided and settled.",
        "cin7.turn": "From asking the governor for a turn to being granted one.",
        **{purpose.value: meaning for purpose, meaning in _PURPOSES.items()},
    }
)
"""Every span there is and what it covers; a test compares the names in the code with it."""

QUEUE_SPANS = 16_384
BATCH_SPANS = 512
EXPORT_TIMEOUT_SECONDS = 5.0
OTLP_PATH = "/v1/traces"

_NO_METRICS = NoOpMeterProvider()


class _OrderIds(RandomIdGenerator):
    """Random ids, but for a root span whose ids are told."""

    def __init__(self) -> None:
        self._told = threading.local()

    def tell(self, trace_id: int, span_id: int) -> None:
        """Set the ids of the very next span that this thread starts."""
        self._told.ids = (trace_id, span_id)

    def forget(self) -> None:
        """Take back ids that were not used."""
        self._told.ids = None

    def generate_trace_id(self) -> int:
        ids: tuple[int, int] | None = getattr(self._told, "ids", None)
        return super().generate_trace_id() if ids is None else ids[0]

    def generate_span_id(self) -> int:
        ids: tuple[int, int] | None = getattr(self._told, "ids", None)
        return super().generate_span_id() if ids is None else ids[1]

    def is_trace_id_random(self) -> bool:
        return False  # a hash is as uniform, but it is not what the flag promises


class Tracing:
    """Opens spans and hands finished ones to the exporter; without one they go nowhere.

    `sample_ratio` is the share of orders that are traced. `exporter` takes finished spans in batches, in a thread;
    `at_once` hands each over as it ends (tests).
    """

    def __init__(
        self,
        *,
        connection: str,
        version: str,
        sample_ratio: float = 1.0,
        exporter: SpanExporter | None = None,
        at_once: bool = False,
    ) -> None:
        self._ids = _OrderIds()
        self._sampler = TraceIdRatioBased(sample_ratio)
        self._live = exporter is not None and sample_ratio > 0
        self._provider = TracerProvider(
            sampler=self._sampler,
            resource=Resource(
                {"service.name": "tallyd", "service.version": version, "service.instance.id": connection}
            ),
            shutdown_on_exit=False,  # the daemon flushes in its own order
            id_generator=self._ids,
            meter_provider=_NO_METRICS,
        )
        if exporter is not None:
            self._provider.add_span_processor(_processor(exporter, at_once=at_once))
        self._tracer = self._provider.get_tracer("tallyd", version)

    def trace_id(self, order_id: str) -> str:
        """Return the id an order's trace is found under: 32 hex digits."""
        return trace_id_of(order_id)

    def span(self, name: str, *, order_id: str = "", **attributes: str | int) -> AbstractContextManager[None]:
        """Open a span for one hop; it ends with the block, and shows the type of an error that leaves it.

        With an `order_id` it belongs to that order's trace, without one to the span around it. `ROOT_SPAN` is the root
        of an order's trace. Names are those of `SPAN_NAMES`.
        """
        if not order_id:
            return self._inner(name, attributes)
        trace_number, root_number = _numbers(order_id)
        if not self._sampled(trace_number):
            return _Quiet(trace_number, root_number)
        attributes["order_id"] = order_id
        if name == ROOT_SPAN:
            return self._root(trace_number, root_number, attributes)
        around = trace.get_current_span().get_span_context()
        if around.is_valid and around.trace_id == trace_number:
            return _Hop(self._tracer.start_span(name, attributes=_shown(attributes)))
        parent = NonRecordingSpan(_context(trace_number, root_number, TraceFlags.SAMPLED))
        links = [Link(around)] if around.is_valid and around.trace_flags.sampled else []
        context = trace.set_span_in_context(parent, otel_context.Context())
        return _Hop(self._tracer.start_span(name, context=context, attributes=_shown(attributes), links=links))

    def shutdown(self, timeout_seconds: float = 10.0) -> bool:
        """Hand over what is left and stop; return False if the backend took longer than that. Blocks."""
        # The SDK waits 30 s for a backend that does not answer, and offers no other time.
        flush = threading.Thread(target=self._provider.shutdown, name="tracing-shutdown", daemon=True)
        flush.start()
        flush.join(timeout_seconds)
        return not flush.is_alive()

    def _inner(self, name: str, attributes: dict[str, str | int]) -> AbstractContextManager[None]:
        around = trace.get_current_span().get_span_context()
        if not self._live or (around.is_valid and not around.trace_flags.sampled):
            return nullcontext()
        return _Hop(self._tracer.start_span(name, attributes=_shown(attributes)))

    def _root(
        self, trace_number: int, root_number: int, attributes: dict[str, str | int]
    ) -> AbstractContextManager[None]:
        self._ids.tell(trace_number, root_number)
        try:
            root = self._tracer.start_span(ROOT_SPAN, context=otel_context.Context(), attributes=_shown(attributes))
        finally:
            self._ids.forget()
        return _Hop(root)

    def _sampled(self, trace_number: int) -> bool:
        return self._live and self._sampler.should_sample(None, trace_number, "").decision is Decision.RECORD_AND_SAMPLE


def otlp_exporter(endpoint: str) -> SpanExporter:
    """Return an exporter that posts protobuf to `endpoint` (`http://host:4318`, with or without `/v1/traces`)."""
    # Imported here: a daemon without a tracing backend need not load requests and protobuf.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415

    url = endpoint.rstrip("/")
    url = url if url.endswith(OTLP_PATH) else url + OTLP_PATH
    return OTLPSpanExporter(endpoint=url, timeout=EXPORT_TIMEOUT_SECONDS, meter_provider=_NO_METRICS)


class _Hop(AbstractContextManager[None]):
    """A span that is current inside its block."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def __enter__(self) -> None:
        self._token = otel_context.attach(trace.set_span_in_context(self._span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        otel_context.detach(self._token)
        if kind is not None:
            # Its type and our own reason code; never its text, which may quote a person's data.
            reason = f"{kind.__name__}: {error.reason}" if isinstance(error, WireError) else kind.__name__
            self._span.set_status(Status(StatusCode.ERROR, reason))
        self._span.end()


class _Quiet(AbstractContextManager[None]):
    """A hop of an order that is not sampled: what is inside knows its trace, for the log, and makes no span."""

    __slots__ = ("_root_number", "_token", "_trace_number")

    def __init__(self, trace_number: int, root_number: int) -> None:
        self._trace_number = trace_number
        self._root_number = root_number

    def __enter__(self) -> None:
        span = NonRecordingSpan(_context(self._trace_number, self._root_number, TraceFlags.DEFAULT))
        self._token = otel_context.attach(trace.set_span_in_context(span))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        otel_context.detach(self._token)


def _numbers(order_id: str) -> tuple[int, int]:
    """Return the ids of an order's trace and of its root span, as numbers."""
    digest = hashlib.sha256(order_id.encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


def _context(trace_number: int, span_number: int, flags: int) -> SpanContext:
    return SpanContext(trace_number, span_number, is_remote=True, trace_flags=TraceFlags(flags))


def _shown(attributes: Mapping[str, str | int]) -> dict[str, str | int | float | bool]:
    """Return the attributes as they may leave, `order_id` spelt `order.id`."""
    shown: dict[str, str | int | float | bool] = {}
    for name, value in attributes.items():
        fit = fit_to_leave(name, value)
        if fit is not None:
            shown[name.replace("order_", "order.", 1) if name.startswith("order_") else name] = fit
    return shown


def _processor(exporter: SpanExporter, *, at_once: bool) -> SpanProcessor:
    if at_once:
        return SimpleSpanProcessor(exporter)
    return BatchSpanProcessor(
        exporter,
        max_queue_size=QUEUE_SPANS,
        max_export_batch_size=BATCH_SPANS,
        schedule_delay_millis=1_000,
        export_timeout_millis=EXPORT_TIMEOUT_SECONDS * 1_000,
        meter_provider=_NO_METRICS,
    )
