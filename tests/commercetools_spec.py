"""Requests and answers held against the official commercetools OpenAPI.

The specification lies beside the project, in `../shared/reference/specs`; without it `requires_spec` skips. Its quirks
are mended before use (commercetools fact sheet §8, points 1, 2, 3, 5 and 6): patterns given as property names,
sub-types that are never checked, formats nobody knows, and request bodies in which a typo would pass.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from jsonschema import Draft202012Validator, FormatChecker

Schema = dict[str, Any]

_SPEC = (
    Path(__file__).resolve().parents[2] / "shared" / "reference" / "specs" / "commercetools-http-api.openapi.json.gz"
)
_PREFIX = "#/components/schemas/"
_TOKEN_PATH = "/oauth/token"
_MAX_LIMIT = 500
_DELIVERIES = {
    "Message": "MessageDeliveryPayload",
    "ResourceCreated": "ResourceCreatedDeliveryPayload",
    "ResourceUpdated": "ResourceUpdatedDeliveryPayload",
    "ResourceDeleted": "ResourceDeletedDeliveryPayload",
}
_ERRORS_WITHOUT_DECLARATION = (409, 429, 502, 503, 504)

SPEC_IS_THERE = _SPEC.exists()
requires_spec = pytest.mark.skipif(not SPEC_IS_THERE, reason=f"the official specification is not at {_SPEC}")


def check_request(method: str, path: str, query: str | Sequence[tuple[str, str]], body: bytes | None) -> list[str]:
    """Say what is wrong with a request: one sentence per problem, none if it conforms.

    `path` is the URL's path (`/{project}/orders`), or a whole URL, whose query then counts too; `query` the raw query
    or its pairs. Strict: an unknown query parameter or body property is a problem.
    """
    url = urlsplit(path)
    pairs = [*parse_qsl(url.query, keep_blank_values=True), *_pairs(query)]
    if url.path == _TOKEN_PATH:
        return _check_token_request(method, pairs, body)
    found = _operation(method, url.path)
    if found is None:
        return [f"{method} {url.path}: no such operation"]
    template, operation = found
    return [
        *_query_problems(template, operation, pairs),
        *_path_problems(template, url.path),
        *_body_problems(operation, body),
    ]


def check_answer(method: str, path: str, status: int, body: bytes) -> list[str]:
    """Say what is wrong with an answer to `method path`: one sentence per problem, none if it conforms."""
    url = urlsplit(path)
    if _has_no_body(method, url.path, status):
        return ["a body where none is declared"] if body else []
    try:
        document = json.loads(body)
    except ValueError as problem:
        return [f"the body is not JSON: {problem}"]
    if status >= 400:
        return _error_problems(method, url.path, status, document)
    if url.path == _TOKEN_PATH:
        return _problems_of(_TOKEN_ANSWER, document)
    found = _operation(method, url.path)
    if found is None:
        return [f"{method} {url.path}: no such operation"]
    declared = found[1]["responses"].get(str(status))
    if declared is None:
        return [f"{method} {url.path} never answers {status}"]
    schema = declared["content"]["application/json"]["schema"]
    return [*_problems_of(schema, document), *_nulls(document)]


def check_notification(payload: Mapping[str, Any]) -> list[str]:
    """Say what is wrong with what a subscription sends, in either format: one sentence per problem.

    A Message is judged twice, as a delivery and, unless its payload was left out, as the Message it is.
    """
    if "specversion" in payload:
        return [
            *_declared({"$ref": _PREFIX + "CloudEventsPayload"}, {**payload, "data": {}}, skip="data"),
            *check_notification(payload["data"]),
        ]
    kind = payload.get("notificationType")
    if kind not in _DELIVERIES:
        return [f"{kind} is no kind of notification"]
    whole = {"$ref": _PREFIX + _DELIVERIES[kind]}
    if kind != "Message" or "payloadNotIncluded" in payload:
        return _declared(whole, payload)
    message = {name: value for name, value in payload.items() if name not in ("notificationType", "projectKey")}
    named = f"{payload.get('type')}Message"
    if named not in _document()["components"]["schemas"]:
        return [f"{payload.get('type')} is no Message"]
    return [*_problems_of(whole, payload), *_declared({"$ref": _PREFIX + named}, message)]


def _declared(schema: Schema, document: Mapping[str, Any], skip: str = "") -> list[str]:
    """Judge a document that may hold nothing undeclared and nothing empty."""
    found = [one for one in _problems_of(schema, document) if not skip or not one.startswith(f"$.{skip}:")]
    return [*found, *_unknown_properties(schema, document, "$"), *_nulls(document)]


# Finding the operation.


def _has_no_body(method: str, path: str, status: int) -> bool:
    found = _operation(method, path)
    declared = found[1]["responses"].get(str(status)) if found else None
    return declared is not None and declared.get("content") == {}


@cache
def _document() -> Schema:
    with gzip.open(_SPEC) as packed:
        document: Schema = json.load(packed)
    _mend_patterns(document)
    _complete_messages(document["components"]["schemas"])
    _complete_references(document["components"]["schemas"])
    _enforce_subtypes(document["components"]["schemas"])
    return document


@cache
def _templates() -> list[tuple[str, re.Pattern[str]]]:
    """Every path, the most literal first, so that `/orders/order-number={n}` wins over `/orders/{ID}`."""
    paths = sorted(_document()["paths"], key=lambda path: len(re.sub(r"\{\w+\}", "", path)), reverse=True)
    return [(path, re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path)))) for path in paths]


def _operation(method: str, path: str) -> tuple[str, Schema] | None:
    for template, pattern in _templates():
        if pattern.fullmatch(path) and method.lower() in _document()["paths"][template]:
            return template, _document()["paths"][template][method.lower()]
    return None


# Mending the specification.


def _mend_patterns(document: Schema) -> None:
    """Point 1: a pattern standing where a property name belongs, and `additionalProperties: string` beside it."""
    for name, schema in document["components"]["schemas"].items():
        for part in (schema, *schema.get("allOf", ())):
            required = part.get("required", [])
            part["required"] = [field for field in required if not field.startswith("/")]
            if name != "LocalizedString" and part.get("additionalProperties") == {"type": "string"}:
                part["additionalProperties"] = True


def _complete_messages(schemas: dict[str, Schema]) -> None:
    """Point 3: the messages below `OrderMessage` and `ShoppingListMessage` are missing from the mapping of all."""
    between = {_PREFIX + name for name in ("OrderMessage", "ShoppingListMessage")}
    found = _discriminator(schemas["Message"])
    assert found is not None
    for name, schema in schemas.items():
        if any(part.get("$ref") in between for part in schema.get("allOf", ())):
            found[1][name.removesuffix("Message")] = _PREFIX + name


def _complete_references(schemas: dict[str, Schema]) -> None:
    """The test notification of a subscription is about the subscription, which no kind of reference names."""
    found = _discriminator(schemas["Reference"])
    assert found is not None
    own = {name: schemas["Reference"]["properties"][name] for name in ("typeId", "id")}
    schemas["SubscriptionReference"] = {"allOf": [{"$ref": _PREFIX + "Reference"}, {"properties": own}]}
    found[1]["subscription"] = _PREFIX + "SubscriptionReference"


def _enforce_subtypes(schemas: dict[str, Schema]) -> None:
    """Points 2 and 3: whoever refers to a base gets the sub-type its discriminator names; a child's parent stays."""
    mappings = {name: found for name, schema in schemas.items() if (found := _discriminator(schema))}
    for schema in list(schemas.values()):
        parents = [dict(part) for part in schema.get("allOf", ()) if "$ref" in part]
        for part in (schema, *schema.get("allOf", ())):
            _redirect(part, mappings)
        if parents:
            schema["allOf"] = [*parents, *(part for part in schema["allOf"] if "$ref" not in part)]
    for name, (field, mapping) in mappings.items():
        schemas[f"{name}__any"] = {
            "allOf": [
                {"$ref": _PREFIX + name},
                {"properties": {field: {"enum": list(mapping)}}, "required": [field]},
                *(_branch(field, value, target, mappings) for value, target in mapping.items()),
            ]
        }


def _discriminator(schema: Schema) -> tuple[str, dict[str, str]] | None:
    for part in (schema, *schema.get("allOf", ())):
        if "mapping" in part.get("discriminator", {}):
            found = part["discriminator"]
            return found["propertyName"], found["mapping"]
    return None


def _branch(field: str, value: str, target: str, mappings: Mapping[str, object]) -> Schema:
    leaf = target.removeprefix(_PREFIX)
    chosen = target + "__any" if leaf in mappings else target
    return {"if": {"properties": {field: {"const": value}}, "required": [field]}, "then": {"$ref": chosen}}


def _redirect(node: object, mappings: Mapping[str, object]) -> None:
    if isinstance(node, list):
        for item in node:
            _redirect(item, mappings)
    if not isinstance(node, dict):
        return
    target = node.get("$ref")
    if isinstance(target, str) and target.removeprefix(_PREFIX) in mappings:
        node["$ref"] = target + "__any"
    for name, item in node.items():
        if name != "discriminator":
            _redirect(item, mappings)


# Judging a document.


def _format_checker() -> FormatChecker:
    """Point 5: the formats the specification made up."""
    checker = FormatChecker(formats=())
    readers = {"datetime": _read_instant, "date-only": date.fromisoformat, "time-only": time.fromisoformat}
    for name, reader in readers.items():
        checker.checks(name, raises=ValueError)(lambda value, reader=reader: _reads(reader, value))
    return checker


def _read_instant(text: str) -> datetime:
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z", text):
        raise ValueError(f"{text} is not an instant of commercetools")
    return datetime.fromisoformat(text)


def _reads(reader: Any, value: object) -> bool:
    if isinstance(value, str):
        reader(value)
    return True


def _problems_of(schema: Schema, document: object) -> list[str]:
    whole = {**schema, "components": _document()["components"]}
    validator = Draft202012Validator(whole, format_checker=_format_checker())
    return [f"{error.json_path}: {error.message[:300]}" for error in validator.iter_errors(document)]


def _nulls(node: object, path: str = "$") -> Iterator[str]:
    """Point 7: commercetools leaves empty fields out. Only a custom object's `value` is the customer's own."""
    if node is None:
        yield f"{path}: null"
    if isinstance(node, dict):
        for name, item in node.items():
            yield from _nulls(item, f"{path}.{name}")
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from _nulls(item, f"{path}[{index}]")


def _error_problems(method: str, path: str, status: int, document: object) -> list[str]:
    if path == _TOKEN_PATH:  # OAuth errors have codes of their own, outside the specification
        return _problems_of(_TOKEN_ERROR, document)
    problems = _problems_of({"$ref": _PREFIX + "ErrorResponse"}, document)
    found = _operation(method, path)
    declared = {int(code) for code in found[1]["responses"]} if found else {401, 403, 404}
    if status not in declared and status not in _ERRORS_WITHOUT_DECLARATION:
        problems.append(f"{method} {path} never answers {status}")
    if isinstance(document, dict) and document.get("statusCode") != status:
        problems.append(f"$.statusCode: {document.get('statusCode')} in an answer of {status}")
    if status in (401, 403) and isinstance(document, dict):
        problems.extend(_problems_of({"$ref": _PREFIX + "AuthErrorResponse"}, document))
    return problems


# Judging a request.


def _pairs(query: str | Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else list(query)


def _query_problems(template: str, operation: Schema, pairs: Sequence[tuple[str, str]]) -> Iterator[str]:
    declared = {p["name"]: p for p in operation.get("parameters", ()) if p["in"] == "query"}
    patterns = [re.compile(name.strip("/")) for name in declared if name.startswith("/")]
    given = [name for name, _ in pairs]
    for name, parameter in declared.items():
        if parameter.get("required") and name not in given:
            yield f"{template}: query parameter {name} is missing"
    for name, value in pairs:
        if name not in declared and not any(pattern.fullmatch(name) for pattern in patterns):
            yield f"{template}: unknown query parameter {name}"
            continue
        kind = declared.get(name, {}).get("schema", {}).get("type", "array")
        if given.count(name) > 1 and kind != "array":
            yield f"{template}: query parameter {name} is repeated"
        if kind == "number" and not re.fullmatch(r"\d+", value):
            yield f"{template}: query parameter {name} is not a number: {value}"
        if kind == "boolean" and value not in ("true", "false"):
            yield f"{template}: query parameter {name} is neither true nor false: {value}"
        if name == "limit" and value.isdigit() and int(value) > _MAX_LIMIT:
            yield f"{template}: limit {value} is above {_MAX_LIMIT}"


def _path_problems(template: str, path: str) -> Iterator[str]:
    """Point 4: rules the specification lost. Containers and keys of custom objects have a narrow alphabet."""
    if "custom-objects" not in template:
        return
    for segment in path.split("/")[3:]:
        if not re.fullmatch(r"[-_~.A-Za-z0-9]{1,256}", unquote(segment)):
            yield f"{template}: {segment} is no container or key"


def _body_problems(operation: Schema, body: bytes | None) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" not in content:
        if body:
            yield "a body where none belongs"
        return
    try:
        document = json.loads(body or b"")
    except ValueError as problem:
        yield f"the body is not JSON: {problem}"
        return
    schema = content["application/json"]["schema"]
    yield from _problems_of(schema, document)
    yield from _unknown_properties(schema, document, "$")


def _unknown_properties(schema: Schema, document: object, path: str) -> Iterator[str]:
    """Point 6: what the type itself, not only its parents, does not declare is a typo."""
    schema = _leaf(schema, document)
    if isinstance(document, list):
        for index, item in enumerate(document):
            yield from _unknown_properties(schema.get("items", {}), item, f"{path}[{index}]")
    properties = schema.get("properties", {})
    if not isinstance(document, dict) or not properties:
        return
    for name, item in document.items():
        if name in properties:
            yield from _unknown_properties(properties[name], item, f"{path}.{name}")
        elif not schema.get("additionalProperties"):
            yield f"{path}.{name}: unknown property"


def _leaf(schema: Schema, document: object) -> Schema:
    """Follow references and discriminators down to the type that describes the document, its parts put together."""
    schemas = _document()["components"]["schemas"]
    while "$ref" in schema:
        name = schema["$ref"].removeprefix(_PREFIX).removesuffix("__any")
        schema = schemas[name]
        chosen = _discriminator(schema)
        if chosen is not None and isinstance(document, dict) and document.get(chosen[0]) in chosen[1]:
            schema = {"$ref": chosen[1][document[chosen[0]]]}
            if schema["$ref"] == _PREFIX + name:
                schema = schemas[name]
    merged: Schema = dict(schema)
    for part in schema.get("allOf", ()):
        resolved = _leaf(part, None)
        merged["properties"] = {**merged.get("properties", {}), **resolved.get("properties", {})}
    return merged


# The token endpoint is outside the specification: its shapes are those of the fact sheet, §1.1.

_TOKEN_ANSWER: Schema = {
    "type": "object",
    "required": ["access_token", "expires_in", "scope", "token_type"],
    "properties": {
        "access_token": {"type": "string", "minLength": 1},
        "expires_in": {"type": "integer", "minimum": 1},
        "scope": {"type": "string"},
        "token_type": {"const": "Bearer"},
    },
}
_TOKEN_ERROR: Schema = {
    "type": "object",
    "required": ["statusCode", "message", "error"],
    "properties": {
        "error": {"enum": ["invalid_client", "invalid_scope", "unsupported_grant_type", "invalid_request"]},
        "statusCode": {"type": "integer"},
        "message": {"type": "string"},
    },
}
_TOKEN_FIELDS = frozenset({"grant_type", "scope"})


def _check_token_request(method: str, query: Sequence[tuple[str, str]], body: bytes | None) -> list[str]:
    problems = [] if method == "POST" else [f"{method} {_TOKEN_PATH}: no such operation"]
    form = dict([*query, *parse_qsl((body or b"").decode(), keep_blank_values=True)])
    if form.get("grant_type") != "client_credentials":
        problems.append("grant_type is not client_credentials")
    problems.extend(f"unknown field {name}" for name in sorted(form.keys() - _TOKEN_FIELDS))
    return problems
