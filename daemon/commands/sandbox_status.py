"""What the sandbox shows while orders flow: a live block on a terminal, plain lines elsewhere."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import Any

import aiohttp

from daemon.commands.sandbox_people import SandboxPerson, introduced, token_of

_BAR = 30

_SHORT = 60
"""Characters of the daemon's reasons in a plain line."""

_CALM = 10
"""Looks in a row that must find nothing moving before more orders are held than should be: one may still be freed."""


class Status:
    """Reads the daemon's health and both doubles' books, and prints what changed."""

    def __init__(
        self,
        shop: Any,
        cin7: Any,
        operator_port: int,
        config: Path,
        log_path: Path,
        *,
        command: str,
        asking: str,
        plain: bool,
        people: tuple[SandboxPerson, ...] = (),
    ) -> None:
        self._shop = shop
        self._cin7 = cin7
        self.port = operator_port
        self._config = config
        self.log_path = log_path
        self._command = command
        self._asking = asking
        self._people = people
        self._live = sys.stdout.isatty() and not plain
        self._lines = 0
        self._last = ""
        self._calm = 0
        self._health: dict[str, Any] = {}
        self.ready = False
        self.exported = 0
        self.waiting = 0

    async def show(self, wanted: int, holds: int) -> bool:
        """Print the state of this moment; True once every order wanted is a sale and marked so, or needs a person."""
        health = await self._read_health()
        if health is None:
            self._say("starting …")
            return False
        self.ready = True
        self._health = health
        states = {name: count for name, count in health["orders"]["states"].items() if count}
        governor = health["governor"]
        exported = self.exported = states.get("exported", 0)
        waiting = self.waiting = states.get("held", 0) + states.get("awaiting", 0)
        flow = " · ".join(f"{name} {count}" for name, count in states.items()) or "no orders yet"
        calls = f"Cin7 calls {governor['in_window']}/{governor['limit']} in the last minute"
        drain = f"{governor['minutes_to_drain']:.1f} min to drain"
        if self._live:
            filled = int(_BAR * exported / wanted) if wanted else _BAR
            stuck = int(_BAR * (exported + waiting) / wanted) - filled if wanted else 0
            bar = "█" * filled + "▒" * stuck + "░" * (_BAR - filled - stuck)
            self._redraw(
                [
                    f"commercetools  {len(self._shop.orders):4d} orders placed",
                    f"tallyd         {flow}",
                    f"Cin7 Core      {len(self._cin7.live_sales()):4d} sales",
                    f"               {calls} · {drain}",
                    f"doors          {doors_in_words(health['doors'])}",
                    f"census         {census_in_words(health['census'])}",
                    f"health         {health_in_words(health)}",
                    f"{bar} {exported}/{wanted} exported, {waiting} wait for a person or a payment",
                ]
            )
        else:
            judged = "" if health["status"] == "ok" else f" · {textwrap.shorten(health_in_words(health), _SHORT)}"
            self._say(
                f"placed {len(self._shop.orders)} · {flow} · sales {len(self._cin7.live_sales())} · {calls}{judged}"
            )
        settled = exported + waiting >= wanted and len(self._shop.orders) >= wanted
        # Orders that wait for lists which are not read yet wait for nobody.
        reading = any("never read" in reason for reason in health.get("reasons", ()))
        self._calm = self._calm + 1 if settled and not reading else 0
        return settled and (waiting <= holds or self._calm > _CALM)

    def where_to_look(self, holds: int) -> None:
        """Say where everything can be seen."""
        command, config = self._command, self._config
        asking = f"{self._asking} {{}} --config {config}"
        hooks = f"  webhooks    {command} webhooks plan --config {config}\n" if "cin7" in self._health["doors"] else ""
        print(
            f"""
{self._outcome(holds)}
  doors       {doors_in_words(self._health["doors"])}
  census      {census_in_words(self._health["census"])}
Look at it:
  an order    {command} orders show {self._example()} --config {config}
  all orders  {command} orders list --config {config}
  the books   {command} report month {self._month()} --config {config}
  exceptions  {command} exceptions list --config {config}
{hooks}  check       {asking.format("check")}
  diagnose    {asking.format("diagnose")}
  API         http://127.0.0.1:{self.port}/api/orders  /api/exceptions
  health      http://127.0.0.1:{self.port}/health  /metrics
  log         {self.log_path}
{self._who_signs_in()}""",
            flush=True,
        )

    def _outcome(self, holds: int) -> str:
        if not self.waiting:
            return "Every order is a sale."
        meant = "as meant, to show what that looks like" if self.waiting == holds else f"{holds} should"
        return f"Sales: {self.exported}. Orders that wait for a person or a payment: {self.waiting} ({meant})."

    def _who_signs_in(self) -> str:
        return f"\n{introduced(self._people, self.port)}\n" if self._people else ""

    def _month(self) -> str:
        """Name the month that the first order was placed in."""
        return str(min((order["createdAt"] for order in self._shop.orders.values()), default="2026-01"))[:7]

    def _example(self) -> str:
        """Name an order that is worth a look: one in another currency, if there is any."""
        orders = sorted(self._shop.orders.values(), key=lambda order: order["totalPrice"]["currencyCode"] == "GBP")
        return next((order["orderNumber"] for order in orders), "NUMBER")

    async def _read_health(self) -> dict[str, Any] | None:
        try:
            timeout = aiohttp.ClientTimeout(total=2)
            token = token_of(self._people, "viewer")
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.get(f"http://127.0.0.1:{self.port}/health") as answer,
            ):
                health: dict[str, Any] = await answer.json()
                return health
        except (aiohttp.ClientError, TimeoutError):
            return None

    def tell(self, line: str) -> None:
        """Print a line that stays."""
        print(line, flush=True)
        self._lines = 0

    def _say(self, line: str) -> None:
        if line != self._last:
            self._last = line
            print(line, flush=True)

    def _redraw(self, lines: list[str]) -> None:
        if self._lines:
            sys.stdout.write(f"\x1b[{self._lines}A")
        width = shutil.get_terminal_size().columns - 1  # a line that wraps would be two to go back over
        for line in lines:
            sys.stdout.write(f"\x1b[2K{line[:width]}\n")
        sys.stdout.flush()
        self._lines = len(lines)


def doors_in_words(doors: dict[str, dict[str, Any]]) -> str:
    """Say what each door told, how much of it again, and whom it missed."""
    told = []
    for name, door in doors.items():
        again = f", {door['repeated']} again" if door["repeated"] else ""
        missed = f", missed {door['missed']} (owes {door['missing_now']})" if door["missed"] else ""
        told.append(f"{name} {door['accepted']} events{again}{missed}")
    return " · ".join(told) or "none: the sweeps find everything"


def census_in_words(census: dict[str, Any]) -> str:
    """Say what was counted on both sides, and until when; the youngest minutes are counted the next time."""
    if census["taken_at"] is None:
        return "not yet taken"
    found = sum(census["findings"].values())
    counts = f"commercetools {census['commercetools']} · tallyd {census['tallyd']} · Cin7 Core {census['cin7']}"
    return f"{counts} · {found or 'no'} findings · orders until {census['until'][11:19]}"


def health_in_words(health: dict[str, Any]) -> str:
    """Say how the daemon judges itself, and why."""
    reasons = "; ".join(health["reasons"])
    return f"{health['status']}: {reasons}" if reasons else str(health["status"])
