"""The OpenAPI document of the operator's endpoints: small, and held against the routes by a test."""

from __future__ import annotations

from typing import Any

from adapters.operator import alert_api, desk_api, list_api, mapping_api, patch_api, record_api, schema
from adapters.operator.reading import (
    PLAN_SORTS,
    PLAN_STANDS,
    POSTING_KINDS,
    POSTING_SORTS,
    POSTING_STATES,
    SKU_SORTS,
)
from adapters.operator.schema import (
    FLAG,
    INSTANT,
    JSON,
    MAYBE_INSTANT,
    MAYBE_TEXT,
    PROBLEM,
    TEXT,
    WHOLE,
    array,
    ref,
    structure,
)


def _with_csv(path: dict[str, Any]) -> dict[str, Any]:
    """Say that an answer is to be had as CSV too."""
    path["get"]["responses"]["200"]["content"]["text/csv"] = {}
    return path


def _page(name: str, next_type: str) -> dict[str, Any]:
    return structure(items=array(ref(name)), next={"type": [next_type, "null"]})


_STOCK = "ops, ecommerce or admin"
_CATALOGUE = "ecommerce or admin"
_MONEY = "finance or admin"
_FLOWS = "it or admin"
_FLOW = schema.in_path("flow", "intake, orders, catalogue, census or stock.")


_HEALTH_503 = {
    "503": {
        "description": "The same, with status failing.",
        "content": {JSON: {"schema": ref("Health")}},
    }
}

_SKU_QUERY = (
    schema.query("match", "matched, only_cin7, only_commercetools, unmatched, or all (default).", TEXT),
    schema.query(
        "flag",
        "deprecated, not_sellable, duplicate, not_published, no_tax_category, no_price, near_miss, collision or"
        " mapped.",
        TEXT,
    ),
    schema.query("published", "true: only what can be bought now; false: only the rest.", TEXT),
    schema.query("text", "Part of the SKU, capitals or not.", TEXT),
    schema.query("sort", f"{', '.join(SKU_SORTS)}; default sku.", TEXT),
    schema.query("order", "asc (default) or desc.", TEXT),
)
_PLAN_QUERY = (
    schema.query("text", "Part of the name, or of a SKU.", TEXT),
    schema.query(
        "stands", "To be read afresh first, read and waiting for an approval, or approved.", schema.choice(*PLAN_STANDS)
    ),
    schema.query("sort", "Default product_id.", schema.choice(*PLAN_SORTS)),
    schema.query("order", "asc (default) or desc.", schema.choice("asc", "desc")),
)
_FORMAT = schema.query("format", "json (default) or csv.", TEXT)
_REPORT_QUERY = (
    _FORMAT,
    schema.query("as_of", "The day ages are counted to; default: the first after the period, until then today.", TEXT),
)

_PATHS: dict[str, Any] = {
    "/health": schema.read("Everything about the daemon", "Health", **_HEALTH_503),
    "/health/live": schema.read("The process answers", "Alive"),
    "/health/ready": schema.read("Events are accepted and committed (503 otherwise)", "Alive"),
    "/metrics": {
        "get": {
            "summary": "The figures of /health for Prometheus",
            "responses": {"200": {"description": "Text.", "content": {"text/plain": {}}}, "default": PROBLEM},
        }
    },
    "/api/orders/{ref}": schema.read(
        "One order: its life, both sides, refunds and exceptions",
        "Order",
        schema.in_path("ref", "Order number or id, or the number, id or reference of its sale."),
    ),
    "/api/stock/{sku}": schema.read(
        "One SKU with the sum behind each published figure",
        "Stock",
        schema.in_path("sku", "Exactly as written in Cin7 Core."),
    ),
    "/api/stock/{sku}/block": schema.act(
        "Publish 0 and keep it there",
        _STOCK,
        schema.reason(needed=True, until=INSTANT),
        schema.in_path("sku", "The SKU."),
    ),
    "/api/stock/{sku}/unblock": schema.act(
        "Sell it again, by true-up", _STOCK, schema.reason(needed=True), schema.in_path("sku", "The SKU.")
    ),
    "/api/orders/{ref}/release-units": schema.act(
        "Let an order's units go",
        _STOCK,
        schema.reason(needed=True),
        schema.in_path("ref", "Order number or id, or the number or reference of its sale."),
    ),
    "/api/days/{day}/release": schema.act(
        "Release the books of every order of an accounting day that agrees and waits for a person",
        _MONEY,
        schema.reason(needed=True, required=True),
        schema.in_path("day", "Such as 2026-11-26."),
    ),
    "/api/reports/month/{period}": schema.read(
        "A month: both sides, what they differ by and why, and what is open; as CSV with format=csv",
        "Report",
        schema.in_path("period", "Such as 2026-11, in the books' time zone."),
        *_REPORT_QUERY,
    ),
    "/api/reports/day/{period}": schema.read(
        "A day: both sides, what they differ by and why, and what is open; as CSV with format=csv",
        "Report",
        schema.in_path("period", "Such as 2026-11-26, in the books' time zone."),
        *_REPORT_QUERY,
    ),
    "/api/reports/postings/{day}": schema.read(
        "The documents of a day that are safe to sync on, and those that are not yet, with why",
        "PostingPage",
        schema.in_path("day", "The accounting day, such as 2026-11-26."),
        _FORMAT,
        schema.query(
            "state", "What `items` are: safe (default), or waiting, those that are not.", schema.choice(*POSTING_STATES)
        ),
        schema.query("kind", "Only this kind.", schema.choice(*POSTING_KINDS)),
        schema.query("text", "Part of the number of the document or its order, of the reference or the account."),
        schema.query("sort", "Default verified_at, then kind and id.", schema.choice(*POSTING_SORTS)),
        schema.query("order", "asc (default) or desc.", schema.choice("asc", "desc")),
        schema.AFTER,
        schema.LIMIT,
    ),
    "/api/reports/margin": schema.read(
        "What sales earned in a period, by SKU and in all; of one SKU also each sale, and what it cost, landed",
        "MarginReport",
        schema.query(
            "month",
            "Such as 2026-11; without days the month under way, or of a SKU the last 90.",
            TEXT,
        ),
        schema.query("from", "The first day, instead of a month.", TEXT),
        schema.query("to", "The last day; without it today.", TEXT),
        schema.query("sku", "This SKU alone, exactly as written in Cin7 Core.", TEXT),
        _FORMAT,
    ),
    "/api/purchases/{number}": schema.read(
        "One purchase: what it brings, what was billed at which rate, and what its goods cost, landed",
        "Purchase",
        schema.in_path("number", "The number of the purchase in Cin7 Core."),
    ),
    "/api/skus": _with_csv(
        schema.read(
            "The SKUs of both catalogues and how they match, by SKU; as CSV, whole, with Accept: text/csv",
            "SkuPage",
            *_SKU_QUERY,
            schema.AFTER,
            schema.LIMIT,
        )
    ),
    "/api/skus.csv": {
        "get": {
            "summary": "The same as CSV, whole",
            "parameters": list(_SKU_QUERY),
            "responses": {
                "200": {"description": "A row for each SKU.", "content": {"text/csv": {}}},
                "default": PROBLEM,
            },
        }
    },
    "/api/skus/{sku}": schema.read(
        "One SKU with all that both catalogues have of it, and what is open about it",
        "Sku",
        schema.in_path("sku", "Exactly as written on either side."),
    ),
    "/api/skus/plan": schema.read(
        "What would be unpublished for want of a match, by product id; a SKU of this name is found with text=plan",
        "UnpublishPlan",
        *_PLAN_QUERY,
        schema.AFTER,
        schema.LIMIT,
    ),
    "/api/skus/plan.csv": schema.read_as("The products of the plan that fit, as CSV", schema.CSV, TEXT, *_PLAN_QUERY),
    "/api/skus/plan/approve": schema.act(
        "Let the products of the plan be unpublished", _CATALOGUE, schema.reason(needed=False)
    ),
    "/api/skus/{sku}/draft": schema.act(
        "Ask for an unpublished product of an item of Cin7 Core",
        _CATALOGUE,
        schema.reason(needed=False),
        schema.in_path("sku", "Exactly as written in Cin7 Core."),
    ),
    "/api/flows/{flow}/pause": schema.act(
        "Let a flow claim nothing more; intake stays durable", _FLOWS, schema.reason(needed=False), _FLOW
    ),
    "/api/flows/{flow}/resume": schema.act(
        "Let a paused or stopped flow go on", _FLOWS, schema.reason(needed=False), _FLOW
    ),
    "/openapi.json": {"get": {"summary": "This document", "responses": {"200": {"description": "OpenAPI 3.1."}}}},
}

_FIGURES = structure(net=MAYBE_TEXT, tax=MAYBE_TEXT, total=MAYBE_TEXT)

_BY_NAME = {"type": "object", "additionalProperties": TEXT}
_SIDES = structure(
    commercetools=structure(
        as_of=MAYBE_INSTANT,
        version=WHOLE,
        **dict.fromkeys(("order", "payment", "shipment", "shipment_set_by_tallyd"), TEXT),
        deliveries=_BY_NAME,
        returns=_BY_NAME,
        looked_at=MAYBE_INSTANT,
    ),
    cin7={
        **structure(
            as_of=MAYBE_INSTANT,
            sale_id=TEXT,
            number=MAYBE_TEXT,
            **dict.fromkeys(("status", "picking", "packing", "shipping", "invoicing", "tracking"), TEXT),
            voided=FLAG,
            voided_at=MAYBE_INSTANT,
            fulfilments=_BY_NAME,
            credit_notes=_BY_NAME,
            read_at=MAYBE_INSTANT,
        ),
        "type": ["object", "null"],
        "description": "Null before there is a sale.",
    },
)

_OBJECTS = {"type": "array", "items": {"type": "object"}}
_AMOUNTS = structure(net=MAYBE_TEXT, tax=MAYBE_TEXT, gross=TEXT)
_FIGURE = structure(documents=WHOLE, net=TEXT, tax=TEXT, gross=TEXT)
_TIE = structure(
    difference=_AMOUNTS,
    reasons={"type": "object", "additionalProperties": _AMOUNTS},
    unexplained=_AMOUNTS,
)
_RULE_SUMS = structure(rule=TEXT, commercetools=_FIGURE, cin7=_FIGURE, tie={**_TIE, "type": ["object", "null"]})
_POSTING = structure(
    **dict.fromkeys(("kind", "id", "number", "order", "order_id", "reference", "account", "currency"), TEXT),
    **dict.fromkeys(("net", "tax", "total"), TEXT),
    by_rule={
        "type": "array",
        "items": structure(rule=TEXT, net=TEXT, tax=TEXT, gross=TEXT),
    },
    verified_at={**MAYBE_INSTANT, "description": "Since when it is safe; null while it is not."},
    why={**TEXT, "description": "Why it is not safe yet."},
)

_MARGIN_FIGURES: dict[str, Any] = {
    **dict.fromkeys(("quantity", "net", "cost_from"), TEXT),
    **dict.fromkeys(("unit_cost", "cost", "margin", "percent"), MAYBE_TEXT),
    "below_floor": {"type": "boolean"},
}
_MARGIN_ROW = structure(sku=TEXT, orders=WHOLE, uncosted_net=TEXT, **_MARGIN_FIGURES)
_SALE = structure(order=TEXT, order_id=TEXT, day=TEXT, **_MARGIN_FIGURES)
_COST_FIGURES: dict[str, Any] = {
    **dict.fromkeys(("sku", "purchase", "day", "quantity", "value", "unit", "currency"), TEXT),
    "invoiced": {"type": "boolean"},
    "parts": {
        "type": "array",
        "items": structure(
            kind={"type": "string", "enum": ["goods", "charge", "journal", "rest"]},
            rate=MAYBE_TEXT,
            **dict.fromkeys(("what", "reference", "amount", "currency", "base"), TEXT),
        ),
    },
}

_SKU_STANDING: dict[str, Any] = {
    "sku": TEXT,
    "match": {"type": "string", "enum": ["matched", "only_cin7", "only_commercetools"]},
    "flags": array(TEXT),
    "near": {
        "type": "array",
        "items": TEXT,
        "description": "Up to five SKUs that look like it, of either side.",
    },
    "published": {**FLAG, "description": "It can be bought now."},
    "item_id": MAYBE_TEXT,
    "product_id": MAYBE_TEXT,
    "suggestion": {
        **TEXT,
        "description": "What one that only commercetools has should probably be; empty else.",
    },
}
_PRODUCT: dict[str, Any] = {
    "product_id": TEXT,
    "name": TEXT,
    "key": MAYBE_TEXT,
    "published": FLAG,
    "modified_at": MAYBE_INSTANT,
    "modified_by": {**MAYBE_TEXT, "description": "The id of the API client or user; null: not read."},
}

_SCHEMAS: dict[str, Any] = {
    "MarginReport": {
        **structure(
            period=structure(kind=TEXT, name=TEXT, first=TEXT, last=TEXT),
            currency={**TEXT, "description": "The books', in which every figure is."},
            floor_percent=TEXT,
            not_yet={**WHOLE, "description": "Orders whose margins are being worked out."},
            rows={"type": "array", "items": _MARGIN_ROW},
            total=_MARGIN_ROW,
            sku={
                **structure(
                    sku=TEXT,
                    average_cost=MAYBE_TEXT,
                    parts={
                        "type": "array",
                        "items": structure(sku=TEXT, units=TEXT, unit_cost=MAYBE_TEXT, cost_from=TEXT),
                        "description": "What a kit is assembled of on sale; empty of anything else.",
                    },
                    costs={"type": "array", "items": structure(**_COST_FIGURES)},
                    sales={"type": "array", "items": _SALE},
                ),
                "type": ["object", "null"],
            },
        ),
        "description": "Cost, margin and percent are of what has a known cost; `uncosted_net` is the rest.",
    },
    "Purchase": structure(
        **dict.fromkeys(("id", "number", "kind", "status", "supplier", "currency"), TEXT),
        updated_at=MAYBE_INSTANT,
        read_at=MAYBE_INSTANT,
        landed_costs={"type": "array", "items": structure(first_unit=MAYBE_TEXT, **_COST_FIGURES)},
        exceptions={"type": "array", "items": structure(id=WHOLE, type=TEXT, cause=TEXT)},
    ),
    "Report": {
        **structure(
            sha256={**TEXT, "description": "Of `report` as compact JSON with sorted keys, UTF-8."},
            report=structure(
                period=structure(kind=TEXT, name=TEXT, first=TEXT, last=TEXT),
                time_zone=TEXT,
                as_of=TEXT,
                provisional={"type": "boolean"},
                orders={"type": "object"},
                tolerated=_OBJECTS,
                chains={
                    "type": "array",
                    "items": structure(
                        chain=TEXT,
                        currency=TEXT,
                        commercetools=_FIGURE,
                        cin7=_FIGURE,
                        tie=_TIE,
                        unexplained_orders=WHOLE,
                        rules={"type": "array", "items": _RULE_SUMS},
                    ),
                },
                differences=_OBJECTS,
                remainders=_OBJECTS,
                exceptions=_OBJECTS,
                without_documents=_OBJECTS,
            ),
        ),
        "description": "Amounts are text, in the currency beside them. What is not over yet is provisional.",
    },
    "PostingPage": structure(
        day=TEXT,
        items={"type": "array", "items": _POSTING},
        next=MAYBE_TEXT,
        total={**WHOLE, "description": "So many fit what `items` are a page of."},
        not_yet={"type": "array", "items": _POSTING, "description": "Empty where `items` are those."},
    ),
    "Problem": structure(type=TEXT, title=TEXT, status=WHOLE, detail=TEXT),
    "Alive": structure(status=TEXT),
    "Done": structure(done={"type": "boolean"}, message=TEXT),
    "Health": structure(
        status={"type": "string", "enum": ["ok", "degraded", "failing"]},
        version=TEXT,
        mode=TEXT,
        **{
            name: {"type": "object"}
            for name in ("orders", "census", "flows", "governor", "outbox", "stock", "books", "exceptions", "storage")
        },
        audit={
            "type": "object",
            "description": "`head`: the hash of the audit's newest row; whoever notes it can prove later that none"
            " before it was touched (`/api/audit/verify?head=`).",
        },
        catalogue={
            "type": "object",
            "description": "How far both catalogues match; `enabled` alone where it is switched off.",
        },
    ),
    "OrderSummary": structure(id=TEXT, number=MAYBE_TEXT, state=TEXT, cin7={"type": "object"}),
    "Order": structure(
        id=TEXT,
        number=MAYBE_TEXT,
        state=TEXT,
        cin7=structure(sale_id=MAYBE_TEXT, number=MAYBE_TEXT, reference=MAYBE_TEXT),
        trace_id=TEXT,
        trace_url={**MAYBE_TEXT, "description": "Where a person looks at it, if [telemetry] trace_url says."},
        totals=ref("Totals"),
        sides=_SIDES,
        refunds={"type": "array", "items": ref("Refund")},
        books={"anyOf": [ref("Books"), {"type": "null"}]},
        timeline={"type": "array", "items": ref("TimelineEntry")},
        timeline_left_out={**WHOLE, "description": "Older entries that are not told."},
        exceptions={"type": "array", "items": ref("Exception")},
    ),
    "TimelineEntry": {
        **structure(
            at=MAYBE_INSTANT,
            what=TEXT,
            source={"type": "string", "enum": ["event", "person", "step", "call", "exception"]},
        ),
        "description": "Oldest first; what else it holds depends on its source. An event stands where it came last.",
    },
    "Refund": structure(
        id=TEXT,
        payment=TEXT,
        provider_id=TEXT,
        amount={**MAYBE_TEXT, "description": "In the order's currency; null in another one."},
        minor_units=WHOLE,
        currency=TEXT,
        state=TEXT,
        credit_note={**MAYBE_TEXT, "description": "The credit note of Cin7 Core that names it."},
    ),
    "Books": structure(
        verdict={"type": "string", "enum": ["", "agrees", "differs"], "description": "Empty: not judged yet."},
        step={**TEXT, "description": "What the books wait for; empty: for nothing."},
        day={**TEXT, "description": "The accounting day of the order, ISO 8601."},
        currency=TEXT,
        sale_id=TEXT,
        voided={"type": "boolean"},
        decision={
            **structure(decision=TEXT, by=TEXT, at=MAYBE_INSTANT, why=TEXT),
            "type": ["object", "null"],
            "description": "A person's: asked (a second one has to confirm), released or rejected.",
        },
        read_at=MAYBE_INSTANT,
        posted_at=MAYBE_INSTANT,
        looked_at=MAYBE_INSTANT,
        verified_at=MAYBE_INSTANT,
        totals={
            "type": "object",
            "additionalProperties": {**_FIGURES, "type": ["object", "null"]},
            "description": "Ordered, sold, invoiced, captured, paid, credited, given back, refunded: as posted.",
        },
        documents={
            "type": "array",
            "items": structure(
                side={"type": "string", "enum": ["commercetools", "cin7"]},
                kind=TEXT,
                number=TEXT,
                id=TEXT,
                day=TEXT,
                reference=TEXT,
                account=TEXT,
                net=TEXT,
                tax=TEXT,
                total=TEXT,
                by_rule={"type": "object", "additionalProperties": _FIGURES},
                verified_at=MAYBE_INSTANT,
            ),
        },
        discrepancies={
            "type": "array",
            "items": structure(
                chain=TEXT,
                reason=TEXT,
                wrong={"type": "boolean", "description": "False: one side is merely ahead of the other."},
                component=TEXT,
                where=TEXT,
                rule=TEXT,
                currency=TEXT,
                net=TEXT,
                tax=TEXT,
                commercetools=structure(figure=TEXT, document=TEXT, rule=TEXT),
                cin7=structure(figure=TEXT, document=TEXT, rule=TEXT),
            ),
        },
        postings={
            "type": "array",
            "items": structure(
                key=TEXT,
                kind=TEXT,
                state=TEXT,
                document=MAYBE_TEXT,
                began_at=MAYBE_INSTANT,
                doubt_until=MAYBE_INSTANT,
                looks=WHOLE,
            ),
        },
    ),
    "Totals": structure(
        currency=TEXT,
        payable=TEXT,
        predicted=_FIGURES,
        cin7=_FIGURES,
        reconciled={"type": ["boolean", "null"]},
        rate={
            **structure(rate=TEXT, day=MAYBE_TEXT, source=MAYBE_TEXT),
            "type": ["object", "null"],
            "description": "Units of the books' currency for one of the order's, as sent.",
        },
        tolerated={**TEXT, "description": "What the tolerance put on the cents row."},
        breakdown={
            "type": "object",
            "additionalProperties": TEXT,
            "description": "Both sides by component: `net commercetools` beside `net Cin7 Core`.",
        },
    ),
    "Exception": structure(
        id=WHOLE,
        type=TEXT,
        owner=TEXT,
        state=TEXT,
        severity=TEXT,
        record=structure(kind=TEXT, id=TEXT, number=MAYBE_TEXT, sku=TEXT, field=TEXT),
        cause=TEXT,
        next_step=TEXT,
        opened_at=MAYBE_INSTANT,
        due_at=MAYBE_INSTANT,
        next_attempt_at=MAYBE_INSTANT,
        group=TEXT,
    ),
    "SkuStanding": structure(**_SKU_STANDING),
    "SkuPage": structure(
        items={"type": "array", "items": ref("SkuStanding")},
        next=MAYBE_TEXT,
        total=WHOLE,
        counts=structure(
            ready={**FLAG, "description": "False: one side was not read whole yet, and nothing is judged."},
            matched=WHOLE,
            only_cin7=WHOLE,
            only_commercetools=WHOLE,
            unmatched_published={**WHOLE, "description": "Of those, the ones that can be bought now."},
            flags={"type": "object", "additionalProperties": WHOLE},
            cin7_percent={"type": ["number", "null"], "description": "Of Cin7 Core's SKUs, those that match."},
            commercetools_percent={"type": ["number", "null"]},
        ),
    ),
    "Sku": structure(
        **_SKU_STANDING,
        cin7={
            "type": "array",
            "items": structure(
                **dict.fromkeys(("item_id", "name", "status", "type", "category"), TEXT),
                sellable=FLAG,
                family=MAYBE_TEXT,
                barcode=MAYBE_TEXT,
                fit_at={**MAYBE_INSTANT, "description": "When it was first seen ready for sale."},
            ),
        },
        commercetools={
            "type": "array",
            "items": structure(
                **_PRODUCT,
                tax_category=MAYBE_TEXT,
                unpublished_at={**MAYBE_INSTANT, "description": "Since when it is unpublished by tallyd."},
                variants={
                    "type": "array",
                    "items": structure(
                        variant=WHOLE,
                        version={"type": "string", "enum": ["current", "staged"]},
                        live={**FLAG, "description": "It can be bought now."},
                        prices={"type": ["integer", "null"], "description": "How many; null: not known."},
                    ),
                },
            ),
        },
        drafts={
            "type": "array",
            "items": structure(
                draft=TEXT,
                state=TEXT,
                product_id=MAYBE_TEXT,
                asked_by=MAYBE_TEXT,
                at=MAYBE_INSTANT,
            ),
        },
        block={
            **structure(until=MAYBE_INSTANT, reason=TEXT, by=TEXT, at=MAYBE_INSTANT),
            "type": ["object", "null"],
        },
        exceptions={"type": "array", "items": ref("Exception")},
    ),
    "UnpublishPlan": structure(
        switched_on={**FLAG, "description": "False: the plan is shown, and nothing of it is done."},
        shadow=FLAG,
        ready=FLAG,
        begun={**FLAG, "description": "A person approved a first plan."},
        asks={**FLAG, "description": "A person has to approve before more goes."},
        planned=WHOLE,
        seen={**WHOLE, "description": "Of those, read afresh and told; only they can be approved."},
        approved=WHOLE,
        allowed={**WHOLE, "description": "So many more may go today without asking."},
        share_percent={"type": "number"},
        published=WHOLE,
        items={
            "type": "array",
            "items": structure(
                **_PRODUCT,
                skus=array(TEXT),
                why=TEXT,
                seen=FLAG,
                approved=FLAG,
            ),
        },
        next=MAYBE_TEXT,
        total={**WHOLE, "description": "So many of the products fit what is asked for."},
        would_have={
            "type": "array",
            "items": structure(at=MAYBE_INSTANT, record=TEXT, what=TEXT, detail={"type": "object"}),
            "description": "The newest 100 writes to products that shadow mode kept from being made.",
        },
    ),
    "Stock": structure(
        sku=TEXT,
        standing=TEXT,
        entries={
            "type": "array",
            "items": structure(
                channel=TEXT,
                read_at=MAYBE_INSTANT,
                sum={"type": "object"},
                **{
                    name: {"type": ["integer", "null"]}
                    for name in ("published", "target", "capacity", "put", "available", "uncounted", "buffer")
                },
            ),
        },
        on_order=TEXT,
        in_transit=TEXT,
        incoming={
            "type": "array",
            "items": structure(
                purchase=TEXT,
                location=TEXT,
                units=TEXT,
                day={"type": ["string", "null"], "format": "date"},
            ),
        },
    ),
}


_PARTS = (desk_api, mapping_api, patch_api, alert_api, list_api, record_api)
"""Each holds `PATHS` and `SCHEMAS` of its own."""


def description(version: str) -> dict[str, Any]:
    """Return the document."""
    schemas = _SCHEMAS | {name: told for part in _PARTS for name, told in part.SCHEMAS.items()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "tallyd operator API",
            "version": version,
            "description": "Without operator tokens only this machine may read, and no answer holds personal data.",
        },
        "paths": _PATHS | {path: told for part in _PARTS for path, told in part.PATHS.items()},
        "components": {"schemas": schemas, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}, {}],
    }
