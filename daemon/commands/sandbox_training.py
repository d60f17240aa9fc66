"""Plays a drill in the sandbox: tells the trainee what happened, waits for their part, and says when it is solved."""

from __future__ import annotations

import contextlib
import sys
import textwrap
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import anyio.to_thread

from daemon.commands.sandbox_drills import DRILLS, Document, Drill, DrillError, Stage
from daemon.control_client import DaemonDownError, RefusedError, address, ask

_WIDTH = 100
_BEFORE = 3
"""Ordinary orders that are sales before the trouble begins: a trouble is seen beside what is well."""

_TIMEOUT = aiohttp.ClientTimeout(total=10)
_MOST = 500


class HttpWatch:
    """The daemon over its own endpoints; `token` is that of somebody who may see everything."""

    def __init__(self, port: int, socket: Path, token: str) -> None:
        self._base = f"http://127.0.0.1:{port}"
        self._socket = socket
        self._headers = {"Authorization": f"Bearer {token}"}

    async def health(self) -> Document | None:
        """What `/health` says; None while nobody answers."""
        found = await self._get("/health")
        return found if found is not None and "orders" in found else None

    async def open_exceptions(self) -> list[Document]:
        """See `Watch`."""
        found = await self._get(f"/api/exceptions?state=open&limit={_MOST}")
        return [] if found is None else list(found["items"])

    async def order(self, order_id: str) -> Document | None:
        """See `Watch`."""
        found = await self._get(f"/api/orders/{order_id}")
        return found if found is not None and "state" in found else None

    async def retry(self, order_id: str) -> None:
        """See `Watch`."""
        await self._ask(address("orders", order_id, "retry"), {"reason": "drill"})

    async def map(self, kind: str, key: str, value: str) -> None:
        """See `Watch`."""
        body = {"kind": kind, "key": key, "value": value, "reason": "drill"}
        await self._ask("/api/mappings", body, {"Idempotency-Key": uuid.uuid4().hex})

    async def _get(self, path: str) -> dict[str, Any] | None:
        try:
            async with (
                aiohttp.ClientSession(timeout=_TIMEOUT, headers=self._headers) as session,
                session.get(self._base + path) as answer,
            ):
                found: dict[str, Any] = await answer.json(content_type=None)
                return found
        except (aiohttp.ClientError, TimeoutError):
            return None

    async def _ask(self, path: str, body: dict[str, Any], headers: Mapping[str, str] | None = None) -> None:
        try:
            await anyio.to_thread.run_sync(partial(ask, self._socket, "POST", path, body, headers=headers))
        except (DaemonDownError, RefusedError) as error:
            raise DrillError(str(error)) from None


class Training:
    """One drill with one trainee. `attended` False does the trainee's part for them: a test, or a demonstration."""

    def __init__(
        self,
        drill: Drill,
        stage: Stage,
        *,
        tell: Callable[[str], None],
        attended: bool,
        command: Callable[[str], str],
        address_of: Callable[[str], str],
        who: str,
    ) -> None:
        self._drill = drill
        self._stage = stage
        self._tell = tell
        self._attended = attended
        self._command = command
        self._address_of = address_of
        self._who = who

    async def run(self) -> None:
        """Play it to its end. Raises `DrillError` where it does not come to one."""
        drill, stage = self._drill, self._stage
        self._tell("some ordinary orders first …")
        orders = [stage.place() for _ in range(_BEFORE)]
        for order in orders:
            await stage.until(lambda order=order: stage.exported(order), "an ordinary order is a sale")  # type: ignore[misc]
        began = stage.clock.monotonic()
        await drill.trouble(stage)
        self._tell(self.briefing())
        await stage.until(lambda: drill.seen(stage), "the trouble shows")
        self._tell(f"It shows now{self._named()}.")
        await self._wait_for_the_trainee()
        await stage.until(lambda: drill.solved(stage), "it is solved")
        minutes, seconds = divmod(round(stage.clock.monotonic() - began), 60)
        self._tell(f"SOLVED after {minutes} min {seconds} s{self._outcome()}.\n{_block('To take home', drill.lesson)}")

    def briefing(self) -> str:
        """Say what happened, where to look and what to do."""
        drill = self._drill
        lines = [
            f"\nDRILL {drill.name}, for {drill.role} (about {drill.minutes} minutes)",
            _block("What happened", drill.story),
            _block("What you see", drill.see),
            _block("Where to look", self._address_of(drill.page)),
            _block("", self._who),
            _block("", f"or: {self._command(drill.command)}"),
            *(_block("What to do" if number == 1 else "", f"{number}. {step}") for number, step in _counted(drill)),
        ]
        return "\n".join(lines) + "\n"

    async def _wait_for_the_trainee(self) -> None:
        drill = self._drill
        if not self._attended:
            await drill.mend(self._stage)
            await drill.press(self._stage)
            return
        if drill.hand:
            self._tell(f"Once you have done your part, press Enter: the sandbox {drill.hand}.")
            await _entered()
            await drill.mend(self._stage)
            self._tell(f"Done: the sandbox {drill.hand}.")
        else:
            self._tell("Do your part at the console; the sandbox waits.")

    def _named(self) -> str:
        number = self._stage.notes.get("exception")
        return f": exception {number}, {self._address_of(f'/exceptions/{number}')}" if number else ""

    def _outcome(self) -> str:
        notes = self._stage.notes
        order = notes.get("order") or notes.get("late order")
        return f": order {self._stage.number(order)} and what was open of it" if order else ""


def _counted(drill: Drill) -> list[tuple[int, str]]:
    return list(enumerate(drill.steps, 1))


def _block(title: str, text: str) -> str:
    return textwrap.fill(text, _WIDTH, initial_indent=f"  {title:<15}", subsequent_indent=" " * 17)


async def _entered() -> None:
    """Wait for a line of standard input; where that is closed, or was never open, go on."""
    if sys.stdin is None:
        return
    with contextlib.suppress(ValueError, OSError):
        await anyio.wait_readable(sys.stdin)
        sys.stdin.readline()


def listed(drills: Mapping[str, Drill] = DRILLS) -> str:
    """Name every drill, for whom it is and what it is about."""
    width = max(map(len, drills))
    lines = [
        textwrap.fill(
            drill.story,
            _WIDTH,
            initial_indent=f"{name:<{width}}  {drill.role:<9}  ",
            subsequent_indent=" " * (width + 13),
        )
        for name, drill in drills.items()
    ]
    return "\n".join([*lines, "", "begin one with: tallyd sandbox --drill NAME"])
