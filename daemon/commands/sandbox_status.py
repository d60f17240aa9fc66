"""What the sandbox shows while orders flow: a live block on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import aiohttp

_BAR = 30


class Status:
    """Reads the daemon's health and both doubles' books, and prints what changed."""

    def __init__(
        self, shop: Any, cin7: Any, operator_port: int, config: Path, log_path: Path, *, command: str, plain: bool
    ) -> None:
        self._shop = shop
        self._cin7 = cin7
        self._port = operator_port
        self._config = config
        self.log_path = log_path
        self._command = command
        self._live = sys.stdout.isatty() and not plain
        self._lines = 0
        self._last = ""
        self.ready = False

    async def show(self, wanted: int) -> bool:
        """Print the state of this moment; True once every order wanted is a sale and marked so."""
        health = await self._health()
        if health is None:
            self._say("starting …")
            return False
        self.ready = True
        states = {name: count for name, count in health["orders"]["states"].items() if count}
        governor = health["governor"]
        exported = states.get("exported", 0)
        flow = " · ".join(f"{name} {count}" for name, count in states.items()) or "no orders yet"
        calls = f"Cin7 calls {governor['in_window']}/{governor['limit']} in the last minute"
        drain = f"{governor['minutes_to_drain']:.1f} min to drain"
        if self._live:
            filled = int(_BAR * exported / wanted) if wanted else _BAR
            bar = "█" * filled + "░" * (_BAR - filled)
            self._redraw(
                [
                    f"commercetools  {len(self._shop.orders):4d} orders placed",
                    f"tallyd         {flow}",
                    f"Cin7 Core      {len(self._cin7.live_sales()):4d} sales",
                    f"               {calls} · {drain}",
                    f"{bar} {exported}/{wanted} exported",
                ]
            )
        else:
            self._say(f"placed {len(self._shop.orders)} · {flow} · sales {len(self._cin7.live_sales())} · {calls}")
        return exported >= wanted and len(self._shop.orders) >= wanted

    def where_to_look(self) -> None:
        """Say where everything can be seen."""
        number = next((order["orderNumber"] for order in self._shop.orders.values()), "NUMBER")
        command = self._command
        print(
            f"""
Every order is a sale. Look at it:
  health    http://127.0.0.1:{self._port}/health
  metrics   http://127.0.0.1:{self._port}/metrics
  an order  {command} orders show {number} --config {self._config}
  all       {command} orders list --config {self._config}
  problems  {command} exceptions list --config {self._config}
  log       {self.log_path}
""",
            flush=True,
        )

    async def _health(self) -> dict[str, Any] | None:
        try:
            timeout = aiohttp.ClientTimeout(total=2)
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.get(f"http://127.0.0.1:{self._port}/health") as answer,
            ):
                health: dict[str, Any] = await answer.json()
                return health
        except (aiohttp.ClientError, TimeoutError):
            return None

    def _say(self, line: str) -> None:
        if line != self._last:
            self._last = line
            print(line, flush=True)

    def _redraw(self, lines: list[str]) -> None:
        if self._lines:
            sys.stdout.write(f"\x1b[{self._lines}A")
        for line in lines:
            sys.stdout.write(f"\x1b[2K{line}\n")
        sys.stdout.flush()
        self._lines = len(lines)
