"""Who is told what, where and when: what the settings of owners and alerts come down to."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from actors.domain.quiet import Hours, Window

DAY = 86_400_000


class Channel(msgspec.Struct, frozen=True, kw_only=True):
    """A way to reach people. `key` names it without what is secret; `scheme` is its kind.

    One that keeps incidents of its own (`apart`) is told of each alert by itself: a recovery closes just that one.
    """

    key: str
    scheme: str
    apart: bool = False


class AlertRules(msgspec.Struct, frozen=True, kw_only=True):
    """Channels by owner, and when they are used. Durations in milliseconds, `digest_at` in minutes after midnight.

    `time_zone` is the configured one ("": the one Cin7 Core reports); `base` is the console's address.
    """

    connection: str = "tallyd"
    thresholds: Mapping[str, float] = {}
    channels: Mapping[str, tuple[Channel, ...]] = {}
    names: Mapping[str, str] = {}
    escalate_to: tuple[Channel, ...] = ()
    escalate_after: int = 3_600_000
    quiet: Hours | None = None
    windows: tuple[Window, ...] = ()
    digest_at: int | None = None
    time_zone: str = ""
    base: str = ""
    retain: int = 400 * DAY

    def all_channels(self) -> dict[str, Channel]:
        """Return every channel by its key."""
        everywhere = [*(channel for theirs in self.channels.values() for channel in theirs), *self.escalate_to]
        return {channel.key: channel for channel in everywhere}

    def of_owner(self, owner: str) -> tuple[Channel, ...]:
        """Return the channels of an owner."""
        return self.channels.get(owner, ())
