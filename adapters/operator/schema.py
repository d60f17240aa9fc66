"""The pieces an OpenAPI description is made of (OpenAPI 3.1.0): JSON Schema 2020-12, parameters, answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

Schema = dict[str, Any]

JSON: Final = "application/json"
CSV: Final = "text/csv"

TEXT: Final[Schema] = {"type": "string"}
MAYBE_TEXT: Final[Schema] = {"type": ["string", "null"]}
WHOLE: Final[Schema] = {"type": "integer"}
MAYBE_WHOLE: Final[Schema] = {"type": ["integer", "null"]}
NUMBER: Final[Schema] = {"type": "number"}
FLAG: Final[Schema] = {"type": "boolean"}
DAY: Final[Schema] = {"type": "string", "format": "date"}
INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
MAYBE_INSTANT: Final[Schema] = {"type": ["string", "null"], "format": "date-time"}
COUNTS: Final[Schema] = {"type": "object", "additionalProperties": WHOLE}
NEXT: Final[Schema] = {"type": ["integer", "string", "null"]}
"""Where the next page begins: a number, or a token; null, that was all."""


def structure(**properties: Schema) -> Schema:
    """Return an object that has all of these."""
    return {"type": "object", "properties": properties, "required": sorted(properties)}


def array(items: Schema) -> Schema:
    """Return a list of these."""
    return {"type": "array", "items": items}


def choice(*values: str) -> Schema:
    """Return a text that is one of these."""
    return {"type": "string", "enum": list(values)}


def ref(name: str) -> Schema:
    """Return a schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


PROBLEM: Final[Schema] = {
    "description": "A problem document (RFC 9457).",
    "content": {"application/problem+json": {"schema": ref("Problem")}},
}


def query(name: str, told: str, schema: Schema = TEXT) -> Schema:
    """Return a parameter of the query."""
    return {"name": name, "in": "query", "required": False, "description": told, "schema": schema}


def in_path(name: str, told: str, schema: Schema = TEXT) -> Schema:
    """Return a part of the path."""
    return {"name": name, "in": "path", "required": True, "description": told, "schema": schema}


AFTER: Final = query("after", "The `next` of the page before.")
LIMIT: Final = query("limit", "At most so many rows.", {**WHOLE, "minimum": 1, "maximum": 500, "default": 100})


def holding(schema: Schema, media: str = JSON) -> Schema:
    """Return the content of a body."""
    return {media: {"schema": schema}}


def answers(
    told: str, schema: Schema, *, media: str = JSON, status: str = "200", also: Mapping[str, Schema] | None = None
) -> Schema:
    """Return the answers of an operation: what was asked for, others by their status, or a problem."""
    return {status: {"description": told, "content": holding(schema, media)}, **(also or {}), "default": PROBLEM}


def told(summary: str, name: str, status: str = "200") -> Schema:
    """Return an operation that answers with a named schema; the rest of it is the caller's to add."""
    return {"summary": summary, "responses": answers(summary, ref(name), status=status)}


def read(summary: str, name: str, *parameters: Schema, **also: Schema) -> Schema:
    """Return a path that is read as a named schema."""
    return read_as(summary, JSON, ref(name), *parameters, **also)


def read_as(summary: str, media: str, schema: Schema, *parameters: Schema, **also: Schema) -> Schema:
    """Return a path that is read in some form."""
    responses = answers(summary, schema, media=media, also=also)
    return {"get": {"summary": summary, "parameters": list(parameters), "responses": responses}}


def body(schema: Schema, *, needed: bool = True) -> Schema:
    """Return what an operation is told."""
    return {"required": needed, "content": holding(schema)}


def reason(*, needed: bool, required: bool = False, **more: Schema) -> Schema:
    """Return a body that holds a reason. `needed`: there has to be a body; `required`: the reason too."""
    properties: Schema = {"type": "object", "properties": {"reason": TEXT, **more}}
    return body({**properties, "required": ["reason"]} if required else properties, needed=needed)


def act(summary: str, roles: str, asked: Schema | None, *parameters: Schema, name: str = "Done") -> Schema:
    """Return a path that changes something: `roles` may, `asked` is its body, `name` the schema of its answer."""
    done: Schema = {
        "summary": summary,
        "description": f"Needs a token with the role {roles}.",
        "parameters": list(parameters),
        "responses": answers("Done." if name == "Done" else summary, ref(name)),
    }
    if asked is not None:
        done["requestBody"] = asked
    return {"post": done}
