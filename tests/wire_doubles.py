"""What a client speaks to in a test: a scripted wire, a gate and a journal that write all down, a still clock."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from actors.domain.time import Instant
from actors.governor.gate import Turn
from actors.governor.journal import Intent
from adapters.transport import Request, Response

Answer = Response | Exception
Script = Answer | Callable[[Request], Answer | Awaitable[Answer]]


class StillClock:
    """Time passes only when somebody sleeps."""

    def __init__(self, now: Instant = 1_800_000_000_000) -> None:
        self._start = now
        self._passed = 0.0
        self.slept: list[float] = []

    def now(self) -> Instant:
        return self._start + round(self._passed * 1000)

    def monotonic(self) -> float:
        return self._passed

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._passed += seconds

    def pass_time(self, seconds: float) -> None:
        self._passed += seconds


class ScriptedWire:
    """A transport that answers from a list, in order, and keeps what it was sent."""

    def __init__(self, *answers: Script) -> None:
        self.answers: list[Script] = list(answers)
        self.requests: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        step = self.answers.pop(0)
        if callable(step):
            made = step(request)
            answer = made if isinstance(made, Response | Exception) else await made
        else:
            answer = step
        if isinstance(answer, Exception):
            raise answer
        return answer


def answer(status: int = 200, body: Any = None, **headers: str) -> Response:
    """A JSON answer; header names are written with `_` for `-`."""
    return Response(
        status=status,
        headers={"content-type": "application/json; charset=utf-8"}
        | {name.replace("_", "-"): value for name, value in headers.items()},
        body=json.dumps(body).encode(),
    )


def text_answer(status: int, text: str, content_type: str = "text/plain", **headers: str) -> Response:
    return Response(
        status=status,
        headers={"content-type": content_type} | {name.replace("_", "-"): value for name, value in headers.items()},
        body=text.encode(),
    )


def sent_json(request: Request) -> Any:
    assert request.body is not None
    return json.loads(request.body)


def query_of(request: Request) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in parse_qsl(urlsplit(request.url).query, keep_blank_values=True, strict_parsing=True):
        found.setdefault(name, []).append(value)
    return found


def path_of(request: Request) -> str:
    return urlsplit(request.url).path


class RecordedTurn:
    """A turn that says what it was told."""

    def __init__(self, sent_at: Instant, diary: list[str]) -> None:
        self._sent_at = sent_at
        self._diary = diary

    @property
    def sent_at(self) -> Instant:
        return self._sent_at

    def limited(self, retry_after_seconds: float) -> None:
        self._diary.append(f"limited {retry_after_seconds:g}")

    def lost(self, until: Instant) -> None:
        self._diary.append(f"lost {until - self._sent_at}")

    def not_sent(self) -> None:
        self._diary.append("not_sent")


class OpenGate:
    """A gate that grants at once; `diary` holds what happened, in order (probes may write into it too)."""

    def __init__(self, clock: StillClock) -> None:
        self.clock = clock
        self.diary: list[str] = []
        self.intents: list[Intent] = []

    def turn(self, intent: Intent) -> AbstractAsyncContextManager[Turn]:
        return self._turn(intent)

    @asynccontextmanager
    async def _turn(self, intent: Intent) -> AsyncIterator[Turn]:
        self.intents.append(intent)
        intent.call_id = len(self.intents)
        self.diary.append("turn")
        try:
            yield RecordedTurn(self.clock.now(), self.diary)
        finally:
            self.diary.append("turn over")


class ListJournal:
    """A journal in memory."""

    def __init__(self, diary: list[str]) -> None:
        self.intents: list[Intent] = []
        self._diary = diary

    async def begin(self, intent: Intent, *, at: Instant, finished: Sequence[tuple[int, Instant]] = ()) -> int:
        self.intents.append(intent)
        self._diary.append("on disk")
        return 40 + len(self.intents)

    async def finish(self, finished: Sequence[tuple[int, Instant]]) -> None:
        raise AssertionError("the clients write no ends")


def header(request: Request, name: str) -> str | None:
    lowered: Mapping[str, str] = {key.lower(): value for key, value in request.headers.items()}
    return lowered.get(name.lower())
