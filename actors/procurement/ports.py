"""What the procurement flow needs from Cin7 Core: reads alone, each governed, in the catalogue lane."""

from __future__ import annotations

from typing import Protocol

from actors.domain.purchase import Purchase, PurchaseMark, PurchasePage
from actors.domain.time import Instant


class PurchaseBook(Protocol):
    """The account's purchases."""

    async def purchases(self, *, page: int, updated_since: Instant | None) -> PurchasePage:
        """One page of 1,000 purchases, by number; all of them, or those changed since."""
        ...

    async def read_purchase(self, mark: PurchaseMark) -> Purchase:
        """Read one purchase by the endpoint of its kind (fact sheet §7.2).

        A simple one is asked of `/purchase`, any other of `/advanced-purchase`; where the list named the wrong kind (it
        became an advanced one meanwhile), the other endpoint is asked, which is a second call.

        Raises:
            Missing: it is gone.
            Rejected: `unreadable_purchase`; `detail` names the field.
            Transient, Limited, Unauthorised: as for every read.
        """
        ...
