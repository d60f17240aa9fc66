"""`[procurement]`: which purchases and margins somebody is asked to look at."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

DAY = 86_400_000


class ProcurementRules(msgspec.Struct, frozen=True, kw_only=True):
    """Durations of days are whole days; `refresh` and `history` are milliseconds.

    Received stock is told of when it is `invoice_after` days without an invoice, or `landed_cost_after` days without
    landed cost, or earlier, in the last `month_end` days of a month, so that finance sees it before the books close.
    `landed_cost`: of which purchases freight or duty is expected. `moved_percent`: a unit cost that changed by less is
    let be. `history`: how far back purchases are read at first.
    """

    enabled: bool = True
    floor: Decimal = Decimal(0)
    invoice_after: int = 14
    landed_cost_after: int = 14
    landed_cost: Literal["foreign", "all", "none"] = "foreign"
    moved_percent: Decimal = Decimal(1)
    month_end: int = 5
    refresh: int = 300_000
    history: int = 365 * DAY
