"""The OpenAPI document of the operator's endpoints: small, and held against the routes by a test."""

from __future__ import annotations

from typing import Any

from adapters.operator import alert_api, desk_api, list_api, mapping_api, patch_api, record_api
from adapters.operator.reading import SKU_SORTS

_JSON = "application/json"
_PROBLEM = {
    "description": "A problem document (RFC 9457).",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_TEXT = {"type": "string"}
_MAYBE_TEXT = {"type": ["string", "null"]}
_WHOLE = {"type": "integer"}
_INSTANT = {"type": ["string", "null"], "format": "date-time"}


def _query(name: str, description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _in_path(name: str, description: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "description": description, "schema": _TEXT}


def _read(summary: str, schema: str, *parameters: dict[str, Any], also: dict[str, Any] | None = None) -> dict[str, Any]:
    answer = {"description": summary, "content": {_JSON: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}}
    responses = {"200": answer, **(also or {}), "default": _PROBLEM}
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": responses}}


def _act(summary: str) -> dict[str, Any]:
    body = {"content": {_JSON: {"schema": {"type": "object", "properties": {"reason": _TEXT}}}}}
    answer = {"description": "Done.", "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Done"}}}}
    return {
        "post": {
            "summary": summary,
            "description": "Needs a token with the role it or admin.",
            "parameters": [_in_path("flow", "intake, orders, catalogue, census or stock.")],
            "requestBody": {"required": False, **body},
            "responses": {"200": answer, "default": _PROBLEM},
        }
    }


def _act_on_stock(summary: str, parameter: dict[str, Any], **more: dict[str, Any]) -> dict[str, Any]:
    body = {"content": {_JSON: {"schema": {"type": "object", "properties": {"reason": _TEXT, **more}}}}}
    answer = {"description": "Done.", "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Done"}}}}
    return {
        "post": {
            "summary": summary,
            "description": "Needs a token with the role ops, ecommerce or admin.",
            "parameters": [parameter],
            "requestBody": {"required": True, **body},
            "responses": {"200": answer, "default": _PROBLEM},
        }
    }


def _act_on_catalogue(summary: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    body = {"content": {_JSON: {"schema": {"type": "object", "properties": {"reason": _TEXT}}}}}
    answer = {"description": "Done.", "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Done"}}}}
    return {
        "post": {
            "summary": summary,
            "description": "Needs a token with the role ecommerce or admin.",
            "parameters": list(parameters),
            "requestBody": {"required": False, **body},
            "responses": {"200": answer, "default": _PROBLEM},
        }
    }


def _act_on_money(summary: str, *parameters: dict[str, Any]) -> dict[str, Any]:
    body = {"content": {_JSON: {"schema": {"type": "object", "properties": {"reason": _TEXT}, "required": ["reason"]}}}}
    answer = {"description": "Done.", "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Done"}}}}
    return {
        "post": {
            "summary": summary,
            "description": "Needs a token with the role finance or admin.",
            "parameters": list(parameters),
            "requestBody": {"required": True, **body},
            "responses": {"200": answer, "default": _PROBLEM},
        }
    }


def _with_csv(path: dict[str, Any]) -> dict[str, Any]:
    """Say that an answer is to be had as CSV too."""
    path["get"]["responses"]["200"]["content"]["text/csv"] = {}
    return path


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def _page(schema: str, next_type: str) -> dict[str, Any]:
    items = {"type": "array", "items": {"$ref": f"#/components/schemas/{schema}"}}
    return _object(items=items, next={"type": [next_type, "null"]})


_LIMIT = _query("limit", "At most so many rows.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 100})
_HEALTH_503 = {
    "503": {
        "description": "The same, with status failing.",
        "content": {_JSON: {"schema": {"$ref": "#/components/schemas/Health"}}},
    }
}

_SKU_QUERY = (
    _query("match", "matched, only_cin7, only_commercetools, unmatched, or all (default).", _TEXT),
    _query(
        "flag",
        "deprecated, not_sellable, duplicate, not_published, no_tax_category, no_price, near_miss, collision or"
        " mapped.",
        _TEXT,
    ),
    _query("published", "true: only what can be bought now; false: only the rest.", _TEXT),
    _query("text", "Part of the SKU, capitals or not.", _TEXT),
    _query("sort", f"{', '.join(SKU_SORTS)}; default sku.", _TEXT),
    _query("order", "asc (default) or desc.", _TEXT),
)
_FORMAT = _query("format", "json (default) or csv.", _TEXT)
_REPORT_QUERY = (
    _FORMAT,
    _query("as_of", "The day ages are counted to; default: the first after the period, until then today.", _TEXT),
)

_PATHS: dict[str, Any] = {
    "/health": _read("Everything about the daemon", "Health", also=_HEALTH_503),
    "/health/live": _read("The process answers", "Alive"),
    "/health/ready": _read("Events are accepted and committed (503 otherwise)", "Alive"),
    "/metrics": {
        "get": {
            "summary": "The figures of /health for Prometheus",
            "responses": {"200": {"description": "Text.", "content": {"text/plain": {}}}, "default": _PROBLEM},
        }
    },
    "/api/orders/{ref}": _read(
        "One order: its life, both sides, refunds and exceptions",
        "Order",
        _in_path("ref", "Order number or id, or the number, id or reference of its sale."),
    ),
    "/api/stock/{sku}": _read(
        "One SKU with the sum behind each published figure",
        "Stock",
        _in_path("sku", "Exactly as written in Cin7 Core."),
    ),
    "/api/stock/{sku}/block": _act_on_stock(
        "Publish 0 and keep it there", _in_path("sku", "The SKU."), until={"type": "string", "format": "date-time"}
    ),
    "/api/stock/{sku}/unblock": _act_on_stock("Sell it again, by true-up", _in_path("sku", "The SKU.")),
    "/api/orders/{ref}/release-units": _act_on_stock(
        "Let an order's units go", _in_path("ref", "Order number or id, or the number or reference of its sale.")
    ),
    "/api/days/{day}/release": _act_on_money(
        "Release the books of every order of an accounting day that agrees and waits for a person",
        _in_path("day", "Such as 2026-11-26."),
    ),
    "/api/reports/month/{period}": _read(
        "A month: both sides, what they differ by and why, and what is open; as CSV with format=csv",
        "Report",
        _in_path("period", "Such as 2026-11, in the books' time zone."),
        *_REPORT_QUERY,
    ),
    "/api/reports/day/{period}": _read(
        "A day: both sides, what they differ by and why, and what is open; as CSV with format=csv",
        "Report",
        _in_path("period", "Such as 2026-11-26, in the books' time zone."),
        *_REPORT_QUERY,
    ),
    "/api/reports/postings/{day}": _read(
        "The documents of a day that are safe to sync on, and those that are not yet, with why",
        "PostingPage",
        _in_path("day", "The accounting day, such as 2026-11-26."),
        _FORMAT,
        _query("after", "The `next` of the page before.", _TEXT),
        _LIMIT,
    ),
    "/api/reports/margin": _read(
        "What sales earned in a period, by SKU and in all; of one SKU also each sale, and what it cost, landed",
        "MarginReport",
        _query(
            "month",
            "Such as 2026-11; without days the month under way, or of a SKU the last 90.",
            _TEXT,
        ),
        _query("from", "The first day, instead of a month.", _TEXT),
        _query("to", "The last day; without it today.", _TEXT),
        _query("sku", "This SKU alone, exactly as written in Cin7 Core.", _TEXT),
        _FORMAT,
    ),
    "/api/purchases/{number}": _read(
        "One purchase: what it brings, what was billed at which rate, and what its goods cost, landed",
        "Purchase",
        _in_path("number", "The number of the purchase in Cin7 Core."),
    ),
    "/api/skus": _with_csv(
        _read(
            "The SKUs of both catalogues and how they match, by SKU; as CSV, whole, with Accept: text/csv",
            "SkuPage",
            *_SKU_QUERY,
            _query("after", "The `next` of the page before.", _TEXT),
            _LIMIT,
        )
    ),
    "/api/skus.csv": {
        "get": {
            "summary": "The same as CSV, whole",
            "parameters": list(_SKU_QUERY),
            "responses": {
                "200": {"description": "A row for each SKU.", "content": {"text/csv": {}}},
                "default": _PROBLEM,
            },
        }
    },
    "/api/skus/{sku}": _read(
        "One SKU with all that both catalogues have of it, and what is open about it",
        "Sku",
        _in_path("sku", "Exactly as written on either side."),
    ),
    "/api/skus/plan": _read(
        "What would be unpublished for want of a match, by product id; a SKU of this name is found with text=plan",
        "UnpublishPlan",
        _query("after", "The `next` of the page before.", _TEXT),
        _LIMIT,
    ),
    "/api/skus/plan/approve": _act_on_catalogue("Let the products of the plan be unpublished"),
    "/api/skus/{sku}/draft": _act_on_catalogue(
        "Ask for an unpublished product of an item of Cin7 Core", _in_path("sku", "Exactly as written in Cin7 Core.")
    ),
    "/api/flows/{flow}/pause": _act("Let a flow claim nothing more; intake stays durable"),
    "/api/flows/{flow}/resume": _act("Let a paused or stopped flow go on"),
    "/openapi.json": {"get": {"summary": "This document", "responses": {"200": {"description": "OpenAPI 3.1."}}}},
}

_FIGURES = _object(net=_MAYBE_TEXT, tax=_MAYBE_TEXT, total=_MAYBE_TEXT)

_BY_NAME = {"type": "object", "additionalProperties": _TEXT}
_STANDS = {"type": "boolean"}
_SIDES = _object(
    commercetools=_object(
        as_of=_INSTANT,
        version=_WHOLE,
        **dict.fromkeys(("order", "payment", "shipment", "shipment_set_by_tallyd"), _TEXT),
        deliveries=_BY_NAME,
        returns=_BY_NAME,
        looked_at=_INSTANT,
    ),
    cin7={
        **_object(
            as_of=_INSTANT,
            sale_id=_TEXT,
            number=_MAYBE_TEXT,
            **dict.fromkeys(("status", "picking", "packing", "shipping", "invoicing", "tracking"), _TEXT),
            voided=_STANDS,
            voided_at=_INSTANT,
            fulfilments=_BY_NAME,
            credit_notes=_BY_NAME,
            read_at=_INSTANT,
        ),
        "type": ["object", "null"],
        "description": "Null before there is a sale.",
    },
)

_OBJECTS = {"type": "array", "items": {"type": "object"}}
_AMOUNTS = _object(net=_MAYBE_TEXT, tax=_MAYBE_TEXT, gross=_TEXT)
_FIGURE = _object(documents=_WHOLE, net=_TEXT, tax=_TEXT, gross=_TEXT)
_TIE = _object(
    difference=_AMOUNTS,
    reasons={"type": "object", "additionalProperties": _AMOUNTS},
    unexplained=_AMOUNTS,
)
_RULE_SUMS = _object(rule=_TEXT, commercetools=_FIGURE, cin7=_FIGURE, tie={**_TIE, "type": ["object", "null"]})
_POSTING = _object(
    **dict.fromkeys(("kind", "id", "number", "order", "order_id", "reference", "account", "currency"), _TEXT),
    **dict.fromkeys(("net", "tax", "total"), _TEXT),
    by_rule={"type": "array", "items": _object(rule=_TEXT, net=_TEXT, tax=_TEXT, gross=_TEXT)},
    verified_at={**_INSTANT, "description": "Since when it is safe; null while it is not."},
    why={**_TEXT, "description": "Why it is not safe yet."},
)

_MARGIN_FIGURES: dict[str, Any] = {
    **dict.fromkeys(("quantity", "net", "cost_from"), _TEXT),
    **dict.fromkeys(("unit_cost", "cost", "margin", "percent"), _MAYBE_TEXT),
    "below_floor": {"type": "boolean"},
}
_MARGIN_ROW = _object(sku=_TEXT, orders=_WHOLE, uncosted_net=_TEXT, **_MARGIN_FIGURES)
_SALE = _object(order=_TEXT, order_id=_TEXT, day=_TEXT, **_MARGIN_FIGURES)
_COST_FIGURES: dict[str, Any] = {
    **dict.fromkeys(("sku", "purchase", "day", "quantity", "value", "unit", "currency"), _TEXT),
    "invoiced": {"type": "boolean"},
    "parts": {
        "type": "array",
        "items": _object(
            kind={"type": "string", "enum": ["goods", "charge", "journal", "rest"]},
            rate=_MAYBE_TEXT,
            **dict.fromkeys(("what", "reference", "amount", "currency", "base"), _TEXT),
        ),
    },
}

_SKU_STANDING: dict[str, Any] = {
    "sku": _TEXT,
    "match": {"type": "string", "enum": ["matched", "only_cin7", "only_commercetools"]},
    "flags": {"type": "array", "items": _TEXT},
    "near": {"type": "array", "items": _TEXT, "description": "Up to five SKUs that look like it, of either side."},
    "published": {**_STANDS, "description": "It can be bought now."},
    "item_id": _MAYBE_TEXT,
    "product_id": _MAYBE_TEXT,
    "suggestion": {**_TEXT, "description": "What one that only commercetools has should probably be; empty else."},
}
_PRODUCT: dict[str, Any] = {
    "product_id": _TEXT,
    "name": _TEXT,
    "key": _MAYBE_TEXT,
    "published": _STANDS,
    "modified_at": _INSTANT,
    "modified_by": {**_MAYBE_TEXT, "description": "The id of the API client or user; null: not read."},
}

_SCHEMAS: dict[str, Any] = {
    "MarginReport": {
        **_object(
            period=_object(kind=_TEXT, name=_TEXT, first=_TEXT, last=_TEXT),
            currency={**_TEXT, "description": "The books', in which every figure is."},
            floor_percent=_TEXT,
            not_yet={**_WHOLE, "description": "Orders whose margins are being worked out."},
            rows={"type": "array", "items": _MARGIN_ROW},
            total=_MARGIN_ROW,
            sku={
                **_object(
                    sku=_TEXT,
                    average_cost=_MAYBE_TEXT,
                    parts={
                        "type": "array",
                        "items": _object(sku=_TEXT, units=_TEXT, unit_cost=_MAYBE_TEXT, cost_from=_TEXT),
                        "description": "What a kit is assembled of on sale; empty of anything else.",
                    },
                    costs={"type": "array", "items": _object(**_COST_FIGURES)},
                    sales={"type": "array", "items": _SALE},
                ),
                "type": ["object", "null"],
            },
        ),
        "description": "Cost, margin and percent are of what has a known cost; `uncosted_net` is the rest.",
    },
    "Purchase": _object(
        **dict.fromkeys(("id", "number", "kind", "status", "supplier", "currency"), _TEXT),
        updated_at=_INSTANT,
        read_at=_INSTANT,
        landed_costs={"type": "array", "items": _object(first_unit=_MAYBE_TEXT, **_COST_FIGURES)},
        exceptions={"type": "array", "items": _object(id=_WHOLE, type=_TEXT, cause=_TEXT)},
    ),
    "Report": {
        **_object(
            sha256={**_TEXT, "description": "Of `report` as compact JSON with sorted keys, UTF-8."},
            report=_object(
                period=_object(kind=_TEXT, name=_TEXT, first=_TEXT, last=_TEXT),
                time_zone=_TEXT,
                as_of=_TEXT,
                provisional={"type": "boolean"},
                orders={"type": "object"},
                tolerated=_OBJECTS,
                chains={
                    "type": "array",
                    "items": _object(
                        chain=_TEXT,
                        currency=_TEXT,
                        commercetools=_FIGURE,
                        cin7=_FIGURE,
                        tie=_TIE,
                        unexplained_orders=_WHOLE,
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
    "PostingPage": _object(
        day=_TEXT,
        items={"type": "array", "items": _POSTING},
        next=_MAYBE_TEXT,
        not_yet={"type": "array", "items": _POSTING},
    ),
    "Problem": _object(type=_TEXT, title=_TEXT, status=_WHOLE, detail=_TEXT),
    "Alive": _object(status=_TEXT),
    "Done": _object(done={"type": "boolean"}, message=_TEXT),
    "Health": _object(
        status={"type": "string", "enum": ["ok", "degraded", "failing"]},
        version=_TEXT,
        mode=_TEXT,
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
    "OrderSummary": _object(id=_TEXT, number=_MAYBE_TEXT, state=_TEXT, cin7={"type": "object"}),
    "Order": _object(
        id=_TEXT,
        number=_MAYBE_TEXT,
        state=_TEXT,
        cin7=_object(sale_id=_MAYBE_TEXT, number=_MAYBE_TEXT, reference=_MAYBE_TEXT),
        trace_id=_TEXT,
        trace_url={**_MAYBE_TEXT, "description": "Where a person looks at it, if [telemetry] trace_url says."},
        totals={"$ref": "#/components/schemas/Totals"},
        sides=_SIDES,
        refunds={"type": "array", "items": {"$ref": "#/components/schemas/Refund"}},
        books={"anyOf": [{"$ref": "#/components/schemas/Books"}, {"type": "null"}]},
        timeline={"type": "array", "items": {"$ref": "#/components/schemas/TimelineEntry"}},
        timeline_left_out={**_WHOLE, "description": "Older entries that are not told."},
        exceptions={"type": "array", "items": {"$ref": "#/components/schemas/Exception"}},
    ),
    "TimelineEntry": {
        **_object(
            at=_INSTANT,
            what=_TEXT,
            source={"type": "string", "enum": ["event", "person", "step", "call", "exception"]},
        ),
        "description": "Oldest first; what else it holds depends on its source. An event stands where it came last.",
    },
    "Refund": _object(
        id=_TEXT,
        payment=_TEXT,
        provider_id=_TEXT,
        amount={**_MAYBE_TEXT, "description": "In the order's currency; null in another one."},
        minor_units=_WHOLE,
        currency=_TEXT,
        state=_TEXT,
        credit_note={**_MAYBE_TEXT, "description": "The credit note of Cin7 Core that names it."},
    ),
    "Books": _object(
        verdict={"type": "string", "enum": ["", "agrees", "differs"], "description": "Empty: not judged yet."},
        step={**_TEXT, "description": "What the books wait for; empty: for nothing."},
        day={**_TEXT, "description": "The accounting day of the order, ISO 8601."},
        currency=_TEXT,
        sale_id=_TEXT,
        voided={"type": "boolean"},
        decision={
            **_object(decision=_TEXT, by=_TEXT, at=_INSTANT, why=_TEXT),
            "type": ["object", "null"],
            "description": "A person's: asked (a second one has to confirm), released or rejected.",
        },
        read_at=_INSTANT,
        posted_at=_INSTANT,
        looked_at=_INSTANT,
        verified_at=_INSTANT,
        totals={
            "type": "object",
            "additionalProperties": {**_FIGURES, "type": ["object", "null"]},
            "description": "Ordered, sold, invoiced, captured, paid, credited, given back, refunded: as posted.",
        },
        documents={
            "type": "array",
            "items": _object(
                side={"type": "string", "enum": ["commercetools", "cin7"]},
                kind=_TEXT,
                number=_TEXT,
                id=_TEXT,
                day=_TEXT,
                reference=_TEXT,
                account=_TEXT,
                net=_TEXT,
                tax=_TEXT,
                total=_TEXT,
                by_rule={"type": "object", "additionalProperties": _FIGURES},
                verified_at=_INSTANT,
            ),
        },
        discrepancies={
            "type": "array",
            "items": _object(
                chain=_TEXT,
                reason=_TEXT,
                wrong={"type": "boolean", "description": "False: one side is merely ahead of the other."},
                component=_TEXT,
                where=_TEXT,
                rule=_TEXT,
                currency=_TEXT,
                net=_TEXT,
                tax=_TEXT,
                commercetools=_object(figure=_TEXT, document=_TEXT, rule=_TEXT),
                cin7=_object(figure=_TEXT, document=_TEXT, rule=_TEXT),
            ),
        },
        postings={
            "type": "array",
            "items": _object(
                key=_TEXT,
                kind=_TEXT,
                state=_TEXT,
                document=_MAYBE_TEXT,
                began_at=_INSTANT,
                doubt_until=_INSTANT,
                looks=_WHOLE,
            ),
        },
    ),
    "Totals": _object(
        currency=_TEXT,
        payable=_TEXT,
        predicted=_FIGURES,
        cin7=_FIGURES,
        reconciled={"type": ["boolean", "null"]},
        rate={
            **_object(rate=_TEXT, day=_MAYBE_TEXT, source=_MAYBE_TEXT),
            "type": ["object", "null"],
            "description": "Units of the books' currency for one of the order's, as sent.",
        },
        tolerated={**_TEXT, "description": "What the tolerance put on the cents row."},
        breakdown={
            "type": "object",
            "additionalProperties": _TEXT,
            "description": "Both sides by component: `net commercetools` beside `net Cin7 Core`.",
        },
    ),
    "Exception": _object(
        id=_WHOLE,
        type=_TEXT,
        owner=_TEXT,
        state=_TEXT,
        severity=_TEXT,
        record=_object(kind=_TEXT, id=_TEXT, number=_MAYBE_TEXT, sku=_TEXT, field=_TEXT),
        cause=_TEXT,
        next_step=_TEXT,
        opened_at=_INSTANT,
        due_at=_INSTANT,
        next_attempt_at=_INSTANT,
        group=_TEXT,
    ),
    "SkuStanding": _object(**_SKU_STANDING),
    "SkuPage": _object(
        items={"type": "array", "items": {"$ref": "#/components/schemas/SkuStanding"}},
        next=_MAYBE_TEXT,
        total=_WHOLE,
        counts=_object(
            ready={**_STANDS, "description": "False: one side was not read whole yet, and nothing is judged."},
            matched=_WHOLE,
            only_cin7=_WHOLE,
            only_commercetools=_WHOLE,
            unmatched_published={**_WHOLE, "description": "Of those, the ones that can be bought now."},
            flags={"type": "object", "additionalProperties": _WHOLE},
            cin7_percent={"type": ["number", "null"], "description": "Of Cin7 Core's SKUs, those that match."},
            commercetools_percent={"type": ["number", "null"]},
        ),
    ),
    "Sku": _object(
        **_SKU_STANDING,
        cin7={
            "type": "array",
            "items": _object(
                **dict.fromkeys(("item_id", "name", "status", "type", "category"), _TEXT),
                sellable=_STANDS,
                family=_MAYBE_TEXT,
                barcode=_MAYBE_TEXT,
                fit_at={**_INSTANT, "description": "When it was first seen ready for sale."},
            ),
        },
        commercetools={
            "type": "array",
            "items": _object(
                **_PRODUCT,
                tax_category=_MAYBE_TEXT,
                unpublished_at={**_INSTANT, "description": "Since when it is unpublished by tallyd."},
                variants={
                    "type": "array",
                    "items": _object(
                        variant=_WHOLE,
                        version={"type": "string", "enum": ["current", "staged"]},
                        live={**_STANDS, "description": "It can be bought now."},
                        prices={"type": ["integer", "null"], "description": "How many; null: not known."},
                    ),
                },
            ),
        },
        drafts={
            "type": "array",
            "items": _object(draft=_TEXT, state=_TEXT, product_id=_MAYBE_TEXT, asked_by=_MAYBE_TEXT, at=_INSTANT),
        },
        block={**_object(until=_INSTANT, reason=_TEXT, by=_TEXT, at=_INSTANT), "type": ["object", "null"]},
        exceptions={"type": "array", "items": {"$ref": "#/components/schemas/Exception"}},
    ),
    "UnpublishPlan": _object(
        switched_on={**_STANDS, "description": "False: the plan is shown, and nothing of it is done."},
        shadow=_STANDS,
        ready=_STANDS,
        begun={**_STANDS, "description": "A person approved a first plan."},
        asks={**_STANDS, "description": "A person has to approve before more goes."},
        planned=_WHOLE,
        seen={**_WHOLE, "description": "Of those, read afresh and told; only they can be approved."},
        approved=_WHOLE,
        allowed={**_WHOLE, "description": "So many more may go today without asking."},
        share_percent={"type": "number"},
        published=_WHOLE,
        items={
            "type": "array",
            "items": _object(
                **_PRODUCT, skus={"type": "array", "items": _TEXT}, why=_TEXT, seen=_STANDS, approved=_STANDS
            ),
        },
        next=_MAYBE_TEXT,
        would_have={
            "type": "array",
            "items": _object(at=_INSTANT, record=_TEXT, what=_TEXT, detail={"type": "object"}),
            "description": "The newest 100 writes to products that shadow mode kept from being made.",
        },
    ),
    "Stock": _object(
        sku=_TEXT,
        standing=_TEXT,
        entries={
            "type": "array",
            "items": _object(
                channel=_TEXT,
                read_at=_INSTANT,
                sum={"type": "object"},
                **{
                    name: {"type": ["integer", "null"]}
                    for name in ("published", "target", "capacity", "put", "available", "uncounted", "buffer")
                },
            ),
        },
        on_order=_TEXT,
        in_transit=_TEXT,
        incoming={
            "type": "array",
            "items": _object(
                purchase=_TEXT, location=_TEXT, units=_TEXT, day={"type": ["string", "null"], "format": "date"}
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
