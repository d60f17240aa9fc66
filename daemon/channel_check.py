"""Whether the channels of owners are addresses a message could be sent to: only who sends can say."""

from __future__ import annotations

from collections.abc import Iterator

from adapters.notifying.messenger import is_understood
from daemon.asking import Level, Line
from daemon.desk.channels import Lookup, channel_of, every, url_of
from daemon.settings import Settings

NOBODY = "nobody is told: no owner has a channel; alerts are kept, and the console shows them"


def channel_lines(settings: Settings, secret: Lookup) -> Iterator[Line]:
    """Yield a finding for each channel nobody understands; nothing is sent. An address is never shown."""
    channels = every(settings)
    if not channels:
        yield Line(level=Level.NOTE, about="alerts", text=NOBODY)
        return
    for text in channels:
        scheme = channel_of(text, secret).scheme
        if not is_understood(url_of(text, secret)):
            name = text if text.startswith("credential:") else f"a channel {scheme}"
            mend = "compare it with the address its service documents, and with docs/alerts.md"
            yield Line(level=Level.FINDING, about="alerts", text=f"{name} is no address that is understood", mend=mend)
