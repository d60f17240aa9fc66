"""When something of commercetools was changed last, and by whom."""

from __future__ import annotations

from actors.domain.time import Instant, parse_instant
from adapters.commercetools import wire


def instant(text: str, field: str) -> Instant:
    """Read an instant.

    Raises:
        ValueError: it is none; the message names the field.
    """
    try:
        return parse_instant(text)
    except (ValueError, OverflowError):
        raise ValueError(f"{field} is no instant") from None


def who(modified: wire.ModifiedBy | None) -> str:
    """Name who changed it last: the API client, else the person; "" where nobody is named."""
    if modified is None:
        return ""
    people = (modified.user, modified.customer, modified.associate)
    names = [modified.client_id, modified.external_user_id, *(one.id for one in people if one), modified.anonymous_id]
    return next((name for name in names if name), "")
