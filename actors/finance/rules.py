"""Pure rules of the finance flow: what the merchant wants posted, and when."""

from __future__ import annotations

import msgspec

MINUTE = 60_000
HOUR = 60 * MINUTE


class FinanceRules(msgspec.Struct, frozen=True, kw_only=True):
    """`[finance]` and `[mappings.payments]`. Durations are milliseconds.

    `posting` is off (the merchant posts himself, tallyd verifies), hold (a person releases) or auto. `invoice` is when
    an order is invoiced: order (as soon as it is reconciled) or shipped (each shipment as it leaves). `refunds` is
    exception or credit-note. `accounts` maps "<interface>/<method>", "<method>" or "<interface>" of a payment to the
    code of a Cin7 account. `refund_charge` is the service product of money given back for no item ("": none is named).
    `location` is where goods go back to where the sale does not show its own.
    `attend` is how often all orders are gone through, `quiet` what lies between two looks after a write in doubt,
    `timeout` how long a request that left may still be executed,
    `refused` how long an order rests whose posting was refused, `unreadable` one nobody can read, `overdue` after what
    time something that is still to come is missed.
    """

    enabled: bool = True
    posting: str = "hold"
    invoice: str = "order"
    refunds: str = "exception"
    tolerance: int = 0
    four_eyes: bool = False
    accounts: dict[str, str] = {}
    refund_charge: str = "Refund"
    location: str = ""
    shadow: bool = False
    concurrency: int = 4
    attend: int = 15 * MINUTE
    refused: int = HOUR
    unreadable: int = 5 * MINUTE
    quiet: int = MINUTE
    timeout: int = MINUTE
    overdue: int = 3 * 24 * HOUR
