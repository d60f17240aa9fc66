"""Who tells the daemon of a world: commercetools by a queue, Cin7 Core by its webhooks; each until it is acknowledged.

Nothing is on a wire here: what a door of the process would hand to the one `accept` is handed to it directly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import msgspec

from actors.domain.webhook import NEEDED, address
from actors.intake.rules import DoorRules
from adapters.intake.cin7_hooks import read_hook
from adapters.intake.platform import read_notifications
from adapters.intake.ports import CIN7, SQS
from adapters.sandbox.cin7_webhooks import Webhook
from adapters.sandbox.postman import Payload, Postman
from daemon.engine import Plan
from tests.simulation.world import World, plan

PUBLIC_URL = "https://hooks.test"
TOKEN = "a token of ours"
PATH = "/intake/cin7/"

MINUTE = 60_000


def plan_with_doors(*, base: Plan | None = None, **changes: Any) -> Plan:
    """The plan of a daemon that both sides tell; `changes` are those of its doors."""
    rules = msgspec.structs.replace(
        DoorRules(names=frozenset({SQS, CIN7}), project="sandbox", grace=2 * MINUTE), **changes
    )
    return msgspec.structs.replace(base or plan(), doors=rules, public_url=PUBLIC_URL, webhook_token=TOKEN)


class Senders:
    """Subscribes to the shop, and carries Cin7's webhooks, while `run` runs.

    `postman` knobs are those of `Postman`. While `listening` is False nobody answers Cin7's webhooks. `strangers`
    counts what was sent to the addresses of others.
    """

    def __init__(self, made: World, *, not_included_share: float = 0.0, **postman: Any) -> None:
        self._made = made
        self.listening = True
        self.strangers: Counter[str] = Counter()
        self.postman = Postman(self._notify, clock=made.clock, seed=made.seed, **postman)
        self.subscription = made.shop.subscribe(
            self.postman.take, messages=True, changes=True, not_included_share=not_included_share
        )

    def start(self) -> None:
        """Bring things from now on."""
        self._made.tasks.start_soon(self.postman.run)
        self._made.tasks.start_soon(self._made.cin7.deliver_webhooks, self._call)

    async def _notify(self, payload: Payload) -> bool:
        return await self._made.daemon.accept(SQS, [read_notifications(body_of(payload))])

    async def _call(self, url: str, headers: Mapping[str, str], body: bytes) -> int:
        """Answer a webhook as the daemon's own door would: by its token, by its address, after the commit."""
        if not url.startswith(PUBLIC_URL):
            self.strangers[url] += 1
            return 200
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401
        kind = urlsplit(url).path.removeprefix(PATH)
        accepted = self.listening and await self._made.daemon.accept(CIN7, read_hook(kind, body))
        return 200 if accepted else 503

    # -- Cin7's webhooks ----------------------------------------------------------------------------------------------

    @property
    def hooks(self) -> dict[str, Webhook]:
        """Every webhook of the account, by id."""
        return self._made.cin7._hooks.hooks

    def ours(self, kind: str | None = None) -> list[Webhook]:
        """Return our webhooks, of one type when asked."""
        return [
            hook
            for hook in self.hooks.values()
            if hook.url == address(PUBLIC_URL, hook.type) and kind in (None, hook.type)
        ]

    def add_stranger(self, kind: str) -> Webhook:
        """Add a webhook of somebody else's; return what it is now."""
        hook = Webhook(id=self._made.cin7.books.new_id(), type=kind, url=f"https://others.test/{kind}")
        self.hooks[hook.id] = hook
        return msgspec.structs.replace(hook)

    def all_stand(self) -> bool:
        """Say whether every needed type has an active webhook of ours."""
        return {hook.type for hook in self.ours() if hook.active} == set(NEEDED)


def body_of(payload: Payload) -> bytes:
    """Write a notification as the queue holds it."""
    return msgspec.json.encode(payload)
