"""Error answers of commercetools, as its fact sheet §1.4 has them."""

from __future__ import annotations

from collections.abc import Mapping


class Refusal(Exception):
    """The request is refused: a status, a code and whatever fields belong to the code."""

    def __init__(self, status: int, code: str, message: str, **fields: object) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields


class PlacementRefused(Exception):
    """The shop would not take this order (no such product, out of stock): nothing was placed."""


def error_body(refusal: Refusal) -> Mapping[str, object]:
    """Return the JSON body of a refusal. Auth errors carry the OAuth fields as well."""
    body: dict[str, object] = {
        "statusCode": refusal.status,
        "message": refusal.message,
        "errors": [{"code": refusal.code, "message": refusal.message, **refusal.fields}],
    }
    if refusal.status in (401, 403) or refusal.code in ("invalid_scope", "unsupported_grant_type"):
        body |= {"error": refusal.code, "error_description": refusal.message}
    return body


def not_found(what: str) -> Refusal:
    """There is no such resource; `what` names it as the request did."""
    return Refusal(404, "ResourceNotFound", f"The Resource with {what} was not found.")


def invalid_input(message: str) -> Refusal:
    """The request is understood and wrong."""
    return Refusal(400, "InvalidInput", message)


def invalid_json(detail: str) -> Refusal:
    """The body is not JSON, or not of the shape the endpoint reads."""
    message = "Request body does not contain valid JSON."
    return Refusal(400, "InvalidJsonInput", message, detailedErrorMessage=detail)


def conflict(resource_id: str, expected: int, actual: int) -> Refusal:
    """The version sent is not the current one."""
    message = f"Object {resource_id} has a different version than expected. Expected: {expected} - Actual: {actual}."
    return Refusal(409, "ConcurrentModification", message, currentVersion=actual)


def server_error(status: int) -> Refusal:
    """A failure of the service itself, with the code that goes with the status."""
    codes = {
        500: ("General", "Internal server error."),
        502: ("BadGateway", "Bad gateway."),
        503: ("OverCapacity", "Service is over capacity."),
    }
    code, message = codes.get(status, ("General", "The request could not be served."))
    return Refusal(status, code, message)
