"""Money that could not be posted as the file stands: told by `check`, and never a reason not to start.

What the file alone shows is judged from it; whether the account holds what it names, by what was read of the account.
"""

from __future__ import annotations

from collections.abc import Iterator

from actors.domain.facts import FactKind, Facts, LedgerAccount
from daemon.asking import Level, Line, posts_money
from daemon.settings import Settings


def finance_lines(settings: Settings) -> Iterator[Line]:
    """Yield what of the money tallyd is asked to post it has no place for."""
    if posts_money(settings) and not settings.mappings.payments:
        yield Line(
            level=Level.NOTE,
            about="finance",
            text="[mappings.payments] names no account: invoices are posted, and each captured payment is an exception"
            " (payment_unmapped)",
            mend="map each payment method to the code of an account that takes payments",
        )


def refund_service(settings: Settings) -> str:
    """Return the service product a gesture is credited with; "" where none is posted."""
    return settings.finance.refund_charge if posts_money(settings) and settings.finance.refunds == "credit-note" else ""


def account_lines(settings: Settings, known: Facts) -> Iterator[Line]:
    """Yield what money is posted with and the account does not hold: the daemon tells it payment by payment."""
    if posts_money(settings) and FactKind.ACCOUNT in known.loaded:
        for method, code in sorted(settings.mappings.payments.items()):
            if why := _why_not(known.accounts.get(code)):
                yield Line(
                    level=Level.FINDING,
                    about="cin7",
                    text=f'payment_unmapped: [mappings.payments] "{method}" names account {code}, which {why}',
                    mend="name the code of an active account that takes payments",
                )
    service = refund_service(settings)
    if service and FactKind.PRODUCT in known.loaded and service not in known.services:
        yield Line(
            level=Level.NOTE,
            about="cin7",
            text=f"[finance] refund_charge names service product {service!r}, which Cin7 Core does not hold: money"
            " given back for no item is an exception (refund_unallocated)",
            mend='create it, or set refund_charge = ""',
        )


def _why_not(account: LedgerAccount | None) -> str:
    if account is None:
        return "Cin7 Core does not have"
    if not account.active:
        return "is not active"
    return "" if account.for_payments else "takes no payments"
