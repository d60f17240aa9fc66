"""Instants as JSON shows them."""

from __future__ import annotations

from actors.domain.time import Instant, format_instant


def text_of(instant: Instant | None) -> str | None:
    """Write an instant, if there is one."""
    return None if instant is None else format_instant(instant)
