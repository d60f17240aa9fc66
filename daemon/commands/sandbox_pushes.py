"""The sandbox's senders: commercetools through a local Event Grid, and Cin7 Core's webhooks, over HTTP to the doors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import anyio

from actors.domain.time import Clock
from actors.domain.webhook import NEEDED, address
from adapters.http_transport import HttpTransport
from adapters.sandbox.event_grid import EventGrid
from adapters.sandbox.postman import Postman
from adapters.transport import AnswerLostError, NotSentError, Request
from daemon.commands.sandbox_files import Doors
from daemon.commands.sandbox_outage import Outage

GRID_PATH = "/intake/commercetools/eventgrid"
WEBHOOK_SECONDS = 5.0
"""How long after its event the sandbox's Cin7 Core sends a webhook; the real one takes a minute."""

_TIMEOUT_SECONDS = 30.0


class Pushes:
    """Subscribes to the shop, enters our webhooks in Cin7 Core, and brings what both tell while `run` runs.

    The webhooks are those that `tallyd webhooks apply` makes, entered beforehand: making them takes two calls each,
    which the orders of a demonstration would wait for. `webhooks` False leaves them to whoever tries the command.
    `delay_seconds`: how long a notification is under way.
    """

    def __init__(
        self,
        shop: Any,
        cin7: Any,
        *,
        clock: Clock,
        port: int,
        secrets: Mapping[str, str],
        webhooks: bool = True,
        seed: int = 0,
        delay_seconds: tuple[float, float] = (0.0, 3.0),
    ) -> None:
        self._clock = clock
        self._cin7 = cin7
        self._transport = HttpTransport(reuse_connections=False)
        self._grid = EventGrid(self._transport, f"{_public_url(port)}{GRID_PATH}", secrets["eventgrid_key"])
        self._postman = Postman(
            self._grid.send, clock=clock, seed=seed, delay_seconds=delay_seconds, loses_when_off=True
        )
        subscription = shop.subscribe(self._postman.take, format="CloudEvents")
        self.doors = Doors(port=port, public_url=_public_url(port), subscription=subscription)
        for kind in NEEDED if webhooks else ():
            cin7.add_webhook(kind, address(self.doors.public_url, kind), secrets["cin7_webhook_token"])

    async def run(self) -> None:
        """Shake hands with the door, then bring whatever there is, for ever."""
        async with self._transport, anyio.create_task_group() as tasks:
            tasks.start_soon(self._cin7.deliver_webhooks, self._call)
            while not await self._is_wanted():  # noqa: ASYNC110 -- nobody tells when the daemon is up
                await anyio.sleep(0.5)
            await self._postman.run()

    async def be_off(self, when: Outage, tell: Callable[[str], None]) -> None:
        """Switch commercetools' source off and on again; what it should have brought meanwhile is lost."""
        await self._clock.sleep(when.start)
        self.switch_off()
        tell(f"commercetools' pushes are off for {when.end - when.start:g} seconds: what they should tell is lost")
        await self._clock.sleep(when.end - when.start)
        self.switch_on()
        tell(f"commercetools' pushes are on again: {len(self._postman.lost)} were lost")

    def switch_off(self) -> None:
        """What commercetools should tell is lost from now on."""
        self._postman.switch_off()

    def switch_on(self) -> None:
        """It is told again."""
        self._postman.switch_on()

    async def _is_wanted(self) -> bool:
        try:
            return await self._grid.shake_hands()
        except (NotSentError, AnswerLostError):
            return False  # the daemon is not up yet

    async def _call(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        request = Request(method="POST", url=url, headers=headers, body=body, timeout_seconds=_TIMEOUT_SECONDS)
        return (await self._transport.send(request)).status


def _public_url(port: int) -> str:
    return f"http://127.0.0.1:{port}"
