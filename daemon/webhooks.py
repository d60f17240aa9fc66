"""Cin7 Core's webhooks as people see them: what is missing, and having it made by the census flow, one at a time."""

from __future__ import annotations

import sqlite3
from typing import Any

from actors.census.hooks import APPLY
from actors.domain.errors import WireError
from actors.domain.webhook import PlanLine, Step, plan
from actors.messages import Flow, Nudge
from adapters.operator.problems import ProblemError
from daemon.running import Running
from storage import audit, exceptions, outbox

_WORDS = {
    Step.KEEP: "is there",
    Step.CREATE: "to be made",
    Step.REVIVE: "to be switched on",
    Step.FULL: "five of others fill this type",
}


async def planned(app: Running) -> dict[str, Any]:
    """Ask Cin7 Core which webhooks it has, and say what is to be done about ours.

    Raises:
        ProblemError: 409, webhooks are not configured; 503, Cin7 Core does not answer.
    """
    public_url = _public_url(app)
    try:
        existing = await app.engine.cin7.webhooks()
    except WireError as error:
        raise ProblemError(503, f"{error.in_words()}.") from error
    waiting = await app.engine.database.read(lambda connection: outbox.is_waiting(connection, Flow.CENSUS, APPLY))
    lines = [_line(line) for line in plan(existing, public_url)]
    return {"items": lines, "left": sum(line["step"] in ("create", "revive") for line in lines), "applying": waiting}


async def apply(app: Running, *, author: str, reason: str) -> dict[str, Any]:
    """Have what is missing made, one call after the other, by the census flow.

    Raises:
        ProblemError: 409, webhooks are not configured, or nothing is written in shadow mode.
    """
    _public_url(app)
    if app.settings.connection.shadow:
        raise ProblemError(409, 'Nothing is written with [connection] mode = "shadow".')

    def unit(connection: sqlite3.Connection) -> None:
        now = app.engine.clock.now()
        outbox.release(connection, Nudge(flow=Flow.CENSUS, subject=APPLY, due_at=now), now=now)
        aside = exceptions.Record(kind="message", id=APPLY)
        exceptions.clear(connection, aside, resolution=f"asked again by {author}", now=now)
        audit.write(connection, author=author, action="apply", record="webhooks", now=now, reason=reason)

    await app.engine.database.run(unit)
    app.engine.bell.ring()
    return {"done": True, "message": "What is missing is being made, one webhook after the other."}


def _public_url(app: Running) -> str:
    intake = app.settings.intake
    if not intake.cin7_webhooks or not intake.public_url:
        raise ProblemError(
            409,
            "Cin7 Core's webhooks are not configured: write cin7_webhooks = true and public_url into [intake] and"
            " restart tallyd.",
        )
    return intake.public_url


def _line(line: PlanLine) -> dict[str, Any]:
    return {
        "type": line.type,
        "step": line.step.value,
        "words": _WORDS[line.step],
        "url": line.url,
        "others": line.others,
    }
