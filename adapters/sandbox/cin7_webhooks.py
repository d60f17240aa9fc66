"""Cin7 Core's webhooks: the list people and programs keep, and what is sent for it (fact sheet §8).

An event is sent to every webhook of its type that is active when it happens: first a minute later, then again and again
with growing pauses until somebody answers 2xx. After the sixth failure the webhook is deactivated without a word, and
what else was waiting for it is never sent. Nothing is signed, numbered or dated.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, Protocol

import msgspec

from adapters.sandbox.cin7_fields import Fields
from adapters.sandbox.cin7_wire import JsonObject, Query, RefusedError, written
from adapters.sandbox.faults import DropConnectionError
from adapters.sandbox.timetable import Timetable
from adapters.transport import AnswerLostError, NotSentError

Send = Callable[[str, Mapping[str, str], bytes], Awaitable[int]]
"""Carries one delivery to `url` with headers and body; returns the status."""

MOST_OF_A_TYPE = 5
SCHEDULE_SECONDS: Final = (60, 300, 600, 900, 1200, 1500)
"""How long each of the six tries waits for: the event, then the try before it."""

TYPES: Final = {
    "Sale/Created": "Sale has been created",
    "Sale/QuoteAuthorised": "Sale quote has been authorised",
    "Sale/OrderAuthorised": "Sale order has been authorised",
    "Sale/Voided": "Sale has been voided",
    "Sale/Backordered": "Sale has been backordered",
    "Sale/ShipmentAuthorised": "Sale shipment has been authorised",
    "Sale/InvoiceAuthorised": "Sale invoice has been authorised",
    "Sale/PickAuthorised": "Sale pick has been authorised",
    "Sale/PackAuthorised": "Sale pack has been authorised",
    "Sale/CreditNoteAuthorised": "Sale credit note has been authorised",
    "Sale/Undo": "Sale has been undone",
    "Sale/PartialPaymentReceived": "Partial payment has been received",
    "Sale/FullPaymentReceived": "Full payment has been received",
    "Sale/AttachmentAdded": "Attachment has been added",
    "Sale/AdditionalAttributesChanged": "Additional attributes have been changed",
    "Sale/ShipmentTrackingNumberChanged": "Shipment tracking number has been changed",
    "Purchase/OrderAuthorised": "Purchase order has been authorised",
    "Purchase/InvoiceAuthorised": "Purchase invoice has been authorised",
    "Purchase/StockReceivedAuthorised": "Purchase stock received has been authorised",
    "Purchase/CreditNoteAuthorised": "Purchase credit note has been authorised",
    "Purchase/Updated": "Purchase has been updated",
    "Customer/Updated": "Customer has been updated",
    "Supplier/Updated": "Supplier has been updated",
    "Product/Updated": "Product has been updated",
    "Stock/AvailableStockLevelChanged": "Available stock level has been changed",
    "Lead/Updated": "Lead has been updated",
    "Lead/Converted": "Lead has been converted",
    "Opportunity/Authorized": "Opportunity has been authorized",
    "Opportunity/AttachmentAdded": "Opportunity attachment has been added",
    "Opportunity/Voided": "Opportunity has been voided",
    "Opportunity/Converted": "Opportunity has been converted",
    "Task/Overdue": "Task is overdue",
}
"""Every type with its friendly name."""

_CREDENTIALS: Final[Mapping[str, tuple[str, ...]]] = {
    "noauth": (),
    "basicauth": ("ExternalUserName", "ExternalPassword"),
    "bearerauth": ("ExternalBearerToken",),
}
_FAILURES = (DropConnectionError, NotSentError, AnswerLostError, OSError)


class _Clock(Protocol):
    def now(self) -> int: ...


class Webhook(msgspec.Struct, kw_only=True):
    """A webhook; `credentials` and `headers` are sent with each delivery, and shown in clear to whoever lists them."""

    id: str
    type: str
    url: str
    active: bool = True
    authorization: str = "noauth"
    credentials: dict[str, str] = {}
    headers: list[tuple[str, str]] = []

    def __repr__(self) -> str:
        """Show which one it is."""
        return f"Webhook(id={self.id!r}, type={self.type!r}, active={self.active})"


class Delivery(msgspec.Struct, kw_only=True):
    """An event on its way to one webhook. `tries` are the instants it was tried at."""

    hook: Webhook
    body: bytes
    happened_ms: int
    tries: list[int] = []
    delivered: bool = False


class WebhookDesk:
    """The account's webhooks, by id, and everything that was ever to be delivered, in the order it happened."""

    def __init__(self, clock: _Clock, new_id: Callable[[], str], *, first_seconds: float = SCHEDULE_SECONDS[0]) -> None:
        """Open the desk. `first_seconds`: how long after its event the first try is."""
        self._clock = clock
        self._new_id = new_id
        self._schedule = (first_seconds, *SCHEDULE_SECONDS[1:])
        self._timetable = Timetable(clock)
        self._send: Send = _nobody
        self.hooks: dict[str, Webhook] = {}
        self.deliveries: list[Delivery] = []

    # --- the endpoint

    def listed(self) -> JsonObject:
        """`GET /webhooks`: all of them, with their secrets; it has no pages."""
        return {"Webhooks": [_view(hook) for hook in self.hooks.values()]}

    def create(self, body: JsonObject) -> JsonObject:
        """`POST /webhooks`: one more of its type, up to five."""
        hook = Webhook(id=self._new_id(), type="", url="")
        self._write(hook, Fields(body, "Webhook"))
        self.hooks[hook.id] = hook
        return {"Webhooks": [_view(hook)]}

    def update(self, body: JsonObject) -> JsonObject:
        """`PUT /webhooks`: what is required must be there; what else is left out stays as it is (our reading)."""
        fields = Fields(body, "Webhook")
        hook = self._found(fields.text("ID", 36, required=True))
        self._write(hook, fields)
        return {"Webhooks": [_view(hook)]}

    def delete(self, query: Query) -> JsonObject:
        """`DELETE /webhooks?ID=`."""
        del self.hooks[self._found(query.text("ID")).id]
        return {"Webhooks": []}

    def _found(self, webhook_id: str | None) -> Webhook:
        hook = self.hooks.get((webhook_id or "").lower())
        if hook is None:
            raise RefusedError("Webhook with specified ID not found", code=404)
        return hook

    def _write(self, hook: Webhook, fields: Fields) -> None:
        """Check everything, then change the webhook."""
        kind, url = fields.text("Type", 256, required=True), fields.text("ExternalURL", 2048, required=True)
        if kind not in TYPES:
            raise fields.refused("Type", "is not valid")
        if fields.absent("IsActive"):
            raise fields.refused("IsActive", "is required")
        active = fields.flag("IsActive")
        authorization = fields.text("ExternalAuthorizationType", 50, required=True)
        if authorization not in _CREDENTIALS:
            raise fields.refused("ExternalAuthorizationType", f"must be one of {', '.join(_CREDENTIALS)}")
        credentials = {name: fields.text(name, 2048, required=True) for name in _CREDENTIALS[authorization]}
        headers = hook.headers if fields.absent("ExternalHeaders") else _headers(fields)
        others = sum(1 for one in self.hooks.values() if one.type == kind and one is not hook)
        if others >= MOST_OF_A_TYPE:
            raise RefusedError(f"There is a limit of {MOST_OF_A_TYPE} webhooks of the same type at the same time.")
        hook.type, hook.url, hook.active = kind, url, active
        hook.authorization, hook.credentials, hook.headers = authorization, credentials, headers

    # --- what happens, and who hears of it

    def happened(self, kind: str, payload: Callable[[], object]) -> None:
        """Have an event of this type sent to whoever listens now; `payload` is asked for only if somebody does."""
        listening = [hook for hook in self.hooks.values() if hook.type == kind and hook.active]
        if not listening:
            return
        body = written(payload())
        for hook in listening:
            delivery = Delivery(hook=hook, body=body, happened_ms=self._clock.now())
            self.deliveries.append(delivery)
            self._again(delivery)

    async def deliver(self, send: Send) -> None:
        """Carry deliveries as they come due, for ever."""
        self._send = send
        await self._timetable.run()

    def _again(self, delivery: Delivery) -> None:
        """Enter the next try: so long after the event, or after the try before."""
        since = delivery.tries[-1] if delivery.tries else delivery.happened_ms
        due = since + round(self._schedule[len(delivery.tries)] * 1000)
        self._timetable.add(due, partial(self._try, delivery))

    async def _try(self, delivery: Delivery) -> None:
        hook = delivery.hook
        if not hook.active or hook.id not in self.hooks:
            return
        delivery.tries.append(self._clock.now())
        delivery.delivered = await _accepted(delivery, self._send)
        if delivery.delivered:
            return
        if len(delivery.tries) == len(SCHEDULE_SECONDS):
            hook.active = False
            return
        self._again(delivery)


async def _nobody(url: str, headers: Mapping[str, str], body: bytes) -> int:
    """Nobody carries anything before somebody says how."""
    raise NotSentError(url)


async def _accepted(delivery: Delivery, send: Send) -> bool:
    hook = delivery.hook
    try:
        status = await send(hook.url, _sent_headers(hook), delivery.body)
    except _FAILURES:
        return False
    return 200 <= status < 300


def _sent_headers(hook: Webhook) -> dict[str, str]:
    headers = {"content-type": "application/json; charset=utf-8"}
    if hook.authorization == "bearerauth":
        headers["authorization"] = f"Bearer {hook.credentials['ExternalBearerToken']}"
    if hook.authorization == "basicauth":
        pair = f"{hook.credentials['ExternalUserName']}:{hook.credentials['ExternalPassword']}"
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    return headers | dict(hook.headers)


def _headers(fields: Fields) -> list[tuple[str, str]]:
    rows = fields.raw("ExternalHeaders")
    if not isinstance(rows, list):
        raise fields.refused("ExternalHeaders", "must be an array")
    read = [Fields(row, f"ExternalHeaders[{number}]") for number, row in enumerate(rows, start=1)]
    return [(row.text("Key", 256, required=True), row.text("Value", 2048)) for row in read]


def _view(hook: Webhook) -> JsonObject:
    return {
        "ID": hook.id,
        "Type": hook.type,
        "Name": TYPES[hook.type],
        "IsActive": hook.active,
        "ExternalURL": hook.url,
        "ExternalAuthorizationType": hook.authorization,
        "ExternalUserName": hook.credentials.get("ExternalUserName", ""),
        "ExternalPassword": hook.credentials.get("ExternalPassword", ""),
        "ExternalBearerToken": hook.credentials.get("ExternalBearerToken"),
        "ExternalHeaders": [{"Key": key, "Value": value} for key, value in hook.headers],
    }
