"""What the shop tells of its orders and payments: Messages, Changes, what is kept of them, and who subscribed.

A Message says what happened, numbered per resource; a Change says only that a resource has another version. Both go to
whoever subscribed; Messages are kept too, to be asked for, where the project keeps them (commercetools fact sheet §2).
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from typing import Final, Literal

import msgspec

from adapters.sandbox.order_news import news_of
from adapters.sandbox.orders import Wire, instant_text, reference

Callback = Callable[[Wire], None]
"""Is given each notification, as JSON that nobody else holds."""

Format = Literal["Platform", "CloudEvents"]
Health = Literal[
    "Healthy", "ConfigurationError", "ConfigurationErrorDeliveryStopped", "TemporaryError", "ManuallySuspended"
]
Lag = float | tuple[float, float]

HEALTH_STATUS: Final[Mapping[Health, int]] = {
    "Healthy": 200,
    "ConfigurationError": 400,
    "ConfigurationErrorDeliveryStopped": 400,
    "ManuallySuspended": 400,
    "TemporaryError": 503,
}
"""What the health endpoint answers."""

LARGEST_BYTES = 256 * 1024
"""What a queue takes; a Message above it comes without its payload."""

_HOLDING = frozenset({"ConfigurationError", "TemporaryError"})
_PATHS: Final = {
    "order": "orders",
    "payment": "payments",
    "subscription": "subscriptions",
    "inventory-entry": "inventory",
}
_ASKED_FOR: Final = frozenset({"inventory-entry"})  # told to those alone who name the kinds they want
_ENVELOPE: Final = frozenset(
    {
        "id",
        "version",
        "sequenceNumber",
        "resource",
        "resourceVersion",
        "resourceUserProvidedIdentifiers",
        "createdAt",
        "lastModifiedAt",
    }
)
_ENCODER = msgspec.json.Encoder(decimal_format="number")


class Subscription(msgspec.Struct, kw_only=True):
    """Who is told of what, and how. `held` waits for a destination that is out of order."""

    id: str
    callback: Callback
    format: Format
    messages: bool
    changes: bool
    types: frozenset[str]
    not_included_share: float
    largest_bytes: int
    health: Health = "Healthy"
    held: list[Wire] = []


class Announcer:
    """The project's news. `enabled` says whether messages are kept; a kept one is listed only after `lag` seconds."""

    def __init__(self, *, project_key: str, now: Callable[[], int], seed: int, enabled: bool, lag: Lag) -> None:
        self._project = project_key
        self._now = now
        self._dice = random.Random(f"news/{seed}")
        self._lag = lag
        self._sequences: dict[str, int] = {}
        self._kept: list[tuple[int, Wire]] = []
        self.enabled = enabled
        self.subscriptions: dict[str, Subscription] = {}

    # What happens.

    def created(self, type_id: str, resource: Wire, kind: str, **fields: object) -> None:
        """Tell of a new resource: the Change, and the Message of this kind, which carries the whole of it."""
        self._change("ResourceCreated", type_id, resource)
        self.message(type_id, resource, kind, **{type_id: resource}, **fields)

    def updated(self, type_id: str, old: Wire, new: Wire, steps: Sequence[Wire] = ()) -> None:
        """Tell of another version, and of an order also what differs, step by step if it was changed in several."""
        self._change("ResourceUpdated", type_id, new, oldVersion=old["version"])
        if type_id != "order":
            return
        for before, after in pairwise((old, *(steps or (new,)))):
            for kind, fields in news_of(before, after):
                self.message(type_id, new, kind, **fields)

    def edited(self, before: Wire, after: Wire) -> None:
        """Tell of an order edit: by a Message of its own, and by no Change (fact sheet §2.2)."""
        now = instant_text(self._now())
        result = {
            "type": "Applied",
            "appliedAt": now,
            "excerptBeforeEdit": _excerpt(before),
            "excerptAfterEdit": _excerpt(after),
        }
        edit: Wire = {
            "id": self._new_id(),
            "version": 2,
            "createdAt": now,
            "lastModifiedAt": now,
            "resource": reference("order", after["id"]),
            "stagedActions": [],
            "result": result,
        }
        self.message("order", after, "OrderEditApplied", edit=edit, result=result)

    def deleted(self, type_id: str, resource: Wire, kind: str) -> None:
        """Tell that a resource is gone, with what it was."""
        self._change("ResourceDeleted", type_id, resource)
        self.message(type_id, resource, kind, **{type_id: resource})

    def message(self, type_id: str, resource: Wire, kind: str, **fields: object) -> None:
        """Tell of one thing that happened to a resource, and keep it where messages are kept."""
        now = instant_text(self._now())
        sequence = self._sequences.get(resource["id"], 0) + 1
        self._sequences[resource["id"]] = sequence
        message: Wire = {
            "id": self._new_id(),
            "version": 1,
            "sequenceNumber": sequence,
            "resource": reference(type_id, resource["id"]),
            "resourceVersion": resource["version"],
            **_identifiers(resource),
            "type": kind,
            **fields,
            "createdAt": now,
            "lastModifiedAt": now,
        }
        if self.enabled:
            self._kept.append((self._now() + self._drawn_lag(), message))
        for subscription in self.subscriptions.values():
            wanted = kind in subscription.types or (not subscription.types and type_id not in _ASKED_FOR)
            if subscription.messages and wanted:
                self._notify(subscription, self._message_payload(subscription, message))

    def kept_messages(self) -> list[Wire]:
        """Return the messages that the list shows now."""
        now = self._now()
        return [message for shown_at, message in self._kept if shown_at <= now]

    def _change(self, kind: str, type_id: str, resource: Wire, **fields: object) -> None:
        for subscription in self.subscriptions.values():
            if subscription.changes:
                self._notify(subscription, self._change_payload(kind, type_id, resource, **fields))

    # Who is told.

    def subscribe(
        self,
        callback: Callback,
        format: Format = "Platform",  # noqa: A002 -- its name in a subscription
        *,
        messages: bool = True,
        changes: bool = False,
        types: Collection[str] = (),
        not_included_share: float = 0.0,
        largest_bytes: int = LARGEST_BYTES,
    ) -> str:
        """Tell somebody from now on, beginning with the test notification; return the subscription's id.

        `types` are the Messages wanted (none: all about orders and payments). A Message comes without its payload when
        it has more bytes than that, or by chance.
        """
        subscription = Subscription(
            id=self._new_id(),
            callback=callback,
            format=format,
            messages=messages,
            changes=changes,
            types=frozenset(types),
            not_included_share=not_included_share,
            largest_bytes=largest_bytes,
        )
        self.subscriptions[subscription.id] = subscription
        test = self._change_payload("ResourceCreated", "subscription", {"id": subscription.id, "version": 1})
        self._notify(subscription, test)
        return subscription.id

    def unsubscribe(self, subscription_id: str) -> None:
        """Delete a subscription: nobody is told any more, and its health is unknown. Raises KeyError."""
        del self.subscriptions[subscription_id]

    def set_health(self, subscription_id: str, health: Health) -> None:
        """Break or mend a destination. What was held is sent once it is healthy; what was lost is lost.

        Raises:
            KeyError: no such subscription.
        """
        subscription = self.subscriptions[subscription_id]
        subscription.health = health
        if health in _HOLDING:
            return
        held, subscription.held = subscription.held, []
        for payload in held:
            self._notify(subscription, payload)

    def _notify(self, subscription: Subscription, payload: Wire) -> None:
        if subscription.health in _HOLDING:
            subscription.held.append(payload)
        if subscription.health != "Healthy":
            return
        told = payload if subscription.format == "Platform" else cloud_event(payload)
        subscription.callback(json.loads(_ENCODER.encode(told)))

    # How it is written.

    def _message_payload(self, subscription: Subscription, message: Wire) -> Wire:
        payload = {"notificationType": "Message", "projectKey": self._project, **message}
        by_chance = self._dice.random() < subscription.not_included_share
        if not by_chance and len(_ENCODER.encode(payload)) <= subscription.largest_bytes:
            return payload
        kept = {name: value for name, value in message.items() if name in _ENVELOPE}
        reason = "The payload is too large for the destination."
        left_out = {"reason": reason, "payloadType": message["type"]}
        return {
            "notificationType": "Message",
            "projectKey": self._project,
            **kept,
            "payloadNotIncluded": left_out,
        }

    def _change_payload(self, kind: str, type_id: str, resource: Wire, **fields: object) -> Wire:
        return {
            "notificationType": kind,
            "projectKey": self._project,
            "resource": reference(type_id, resource["id"]),
            **_identifiers(resource),
            "version": resource["version"],
            **fields,
            "modifiedAt": instant_text(self._now()),
        }

    def _drawn_lag(self) -> int:
        seconds = self._dice.uniform(*self._lag) if isinstance(self._lag, tuple) else self._lag
        return round(seconds * 1000)

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._dice.getrandbits(128), version=4))


def cloud_event(payload: Wire) -> Wire:
    """Put a notification of the Platform format into the envelope of CloudEvents (fact sheet §2.2)."""
    project, resource, kind = payload["projectKey"], payload["resource"], payload["notificationType"]
    type_id = resource["typeId"]
    if kind != "Message":
        version = payload["version"]
        return {
            "specversion": "1.0",
            "id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{resource['id']}/{version}/{kind}")),
            "type": f"com.commercetools.{type_id}.change.{kind}",
            "source": f"/{project}/{_PATHS[type_id]}",
            "subject": resource["id"],
            "time": payload["modifiedAt"],
            "data": payload,
        }
    told = payload["type"] if "type" in payload else payload["payloadNotIncluded"]["payloadType"]
    return {
        "specversion": "1.0",
        "id": payload["id"],
        "type": f"com.commercetools.{type_id}.message.{told}",
        "source": f"/{project}/{_PATHS[type_id]}",
        "subject": resource["id"],
        "time": payload["createdAt"],
        "sequence": str(payload["sequenceNumber"]),
        "sequencetype": "Integer",
        "dataref": f"/{project}/messages/{payload['id']}",
        "data": payload,
    }


def _identifiers(resource: Wire) -> Wire:
    names = {name: resource[name] for name in ("orderNumber", "key") if name in resource}
    return {"resourceUserProvidedIdentifiers": names} if names else {}


def _excerpt(order: Wire) -> Wire:
    taxed = {"taxedPrice": order["taxedPrice"]} if "taxedPrice" in order else {}
    return {"totalPrice": order["totalPrice"], **taxed, "version": order["version"]}
