"""Stock that would be booked where it is not counted: judged from the file, told by `check`; the daemon starts.

A sale of Cin7 Core has one location. An order whose lines come from several supply channels is booked at
`[orders] split_location`; what it takes there of a channel that another location feeds is never seen in that channel's
figures, so its units stay subtracted until the order is complete (`docs/stock.md`).
"""

from __future__ import annotations

from collections.abc import Iterator

from daemon.asking import Level, Line
from daemon.settings import Settings
from daemon.settings_reader import quoted, shown


def stock_lines(settings: Settings) -> list[Line]:
    """Return a finding for each channel that the split location does not feed."""
    return list(_misplaced(settings)) if settings.stock.enabled else []


def _misplaced(settings: Settings) -> Iterator[Line]:
    split = settings.orders.split_location
    channels = settings.mappings.channels
    if split is None or len(channels) < 2:
        return
    for channel, locations in channels.items():
        if split not in locations:
            yield Line(
                level=Level.FINDING,
                about="stock",
                text=f"mappings.channels.{quoted(channel)} is fed by {', '.join(map(shown, locations))} and not by"
                f" [orders] split_location = {shown(split)}: orders of several channels would be booked where the stock"
                " of this one is not counted",
                mend="leave split_location out, so that such orders are held, or let it feed the channel",
            )
