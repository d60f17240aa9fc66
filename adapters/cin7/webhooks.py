"""Cin7 Core's webhooks as they are sent and read (fact sheet §8). Their secrets go no further than this module.

A webhook of ours is told by its bearer token; the token itself is compared, in constant time, and forgotten.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from actors.domain.webhook import Webhook
from adapters.cin7 import wire
from adapters.cin7.fields import UnreadableAnswerError, guid

_BEARER = "bearerauth"


def new(kind: str, url: str, token: str) -> wire.SentWebhook:
    """Write the body of `POST /webhooks`. Raises ValueError without a token."""
    return wire.SentWebhook(type=kind, is_active=True, url=url, authorization=_BEARER, token=_usable(token))


def again(hook: Webhook, token: str) -> wire.SentWebhook:
    """Write the body of `PUT /webhooks` that switches one on again. Raises ValueError without a token."""
    return wire.SentWebhook(
        id=hook.id, type=hook.type, is_active=True, url=hook.url, authorization=_BEARER, token=_usable(token)
    )


def all_of(page: wire.WebhookList, token: str) -> tuple[Webhook, ...]:
    """Read every webhook.

    Raises:
        UnreadableAnswerError: the list is missing or not whole, or one has no ID.
    """
    found = tuple(_webhook(row, token) for row in page.rows or ())
    if page.rows is None or (page.total is not None and len(found) < page.total):
        raise UnreadableAnswerError("Webhooks is missing or not whole")
    return found


def of_address(page: wire.WebhookList, kind: str, url: str, token: str) -> Webhook:
    """Find the one that was made. Raises UnreadableAnswerError where the answer does not show it."""
    return _only(page, token, lambda hook: (hook.type, hook.url) == (kind, url))


def of_id(page: wire.WebhookList, webhook_id: str, token: str) -> Webhook:
    """Find the one that was changed. Raises UnreadableAnswerError where the answer does not show it."""
    return _only(page, token, lambda hook: hook.id == webhook_id.strip().lower())


def _only(page: wire.WebhookList, token: str, wanted: Callable[[Webhook], bool]) -> Webhook:
    found = next((hook for hook in all_of(page, token) if wanted(hook)), None)
    if found is None:
        raise UnreadableAnswerError("Webhooks does not show the one that was written")
    return found


def _webhook(row: wire.Webhook, token: str) -> Webhook:
    return Webhook(
        id=guid(row.id, "Webhooks.ID"),
        type=row.type or "",
        url=row.url or "",
        active=row.is_active is True,
        bearer=_sends(row, token),
    )


def _sends(row: wire.Webhook, token: str) -> bool:
    bearer = (row.authorization or "").strip().lower() == _BEARER
    same = hmac.compare_digest((row.token or "").encode(), token.encode())
    return bearer and same and bool(token)


def _usable(token: str) -> str:
    if not token:
        raise ValueError("a webhook needs a bearer token to send")
    return token
