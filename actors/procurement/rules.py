"""`[procurement]`: which purchases and margins somebody is asked to look at."""

from __future__ import annotations

from decimal import Decimal

from actors.domain.buying import BuyingRules

DAY = 86_400_000


class ProcurementRules(BuyingRules, frozen=True, kw_only=True):
    """The rules of buying, and those of the flow: `refresh` and `history` are milliseconds.

    `floor`: the least margin, in percent. `history`: how far back purchases are read at first.
    """

    enabled: bool = True
    floor: Decimal = Decimal(0)
    refresh: int = 300_000
    history: int = 365 * DAY
