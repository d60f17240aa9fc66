"""The sandbox's warehouse: picks sales, and a little later ships them, as people do in Cin7 Core's own screens."""

from __future__ import annotations

import contextlib
from typing import Any

from actors.domain.time import Clock
from adapters.sandbox.cin7_wire import RefusedError

PICK_SECONDS = 4.0
SHIP_SECONDS = 8.0
"""How long after a sale is free somebody picks it, and how long after that it leaves."""


class Warehouse:
    """Ships so many sales that are authorised and in stock, the oldest first, one after the other."""

    def __init__(self, cin7: Any, *, clock: Clock, count: int) -> None:
        self._cin7 = cin7
        self._clock = clock
        self._left = count
        self.shipped: list[str] = []

    async def run(self) -> None:
        """Work until as many as were asked for have left."""
        while self._left > 0:
            await self._clock.sleep(PICK_SECONDS)
            sale = next((one for one in self._cin7.live_sales() if self._is_free(one)), None)
            if sale is None:
                continue
            with contextlib.suppress(RefusedError):  # it was cancelled under our hands
                self._cin7.pick(sale.id)
                await self._clock.sleep(SHIP_SECONDS)
                self._cin7.ship_rest(sale.id, tracking=f"SANDBOX-{sale.number:05d}")
                self.shipped.append(sale.order_number)
                self._left -= 1

    @staticmethod
    def _is_free(sale: Any) -> bool:
        begun = any(task.is_picked for task in sale.fulfilments)
        return sale.authorised and bool(sale.lines) and not sale.backordered and not begun
