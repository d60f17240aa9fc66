"""Money that could not be posted as the file stands: judged from it, told by `check`; the daemon starts."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.asking import Level, Line
from daemon.settings import Settings


def finance_lines(settings: Settings) -> Iterator[Line]:
    """Yield what of the money tallyd is asked to post it has no place for."""
    finance = settings.finance
    if finance.enabled and finance.posting != "off" and not settings.mappings.payments:
        yield Line(
            level=Level.NOTE,
            about="finance",
            text="[mappings.payments] names no account: invoices are posted, and each captured payment is an exception"
            " (payment_unmapped)",
            mend="map each payment method to the code of an account that takes payments",
        )
