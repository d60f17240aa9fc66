"""What a flash sale must not let pass: the rule of the ledger with one term taken out, patched in from outside.

Nothing of it is in the production code. `at_work` patches this process for one run; without a name it only notes what
each decision went by, for the judge.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import msgspec

from actors.domain import availability, ledger
from actors.domain.availability import Bounds, Claim, Source, Target
from actors.domain.ledger import Decision, Question, Step
from actors.domain.time import Instant
from adapters.sandbox.network import VirtualTransport
from adapters.transport import Request, Response
from storage import demand, entries
from tests.simulation.stock_books import BASIS

FAR = 2**62
"""An instant after everything."""

Patches = Callable[[ExitStack], None]


def _decide(rule: Callable[[Question], Decision]) -> Patches:
    """Decide otherwise."""

    def patch(stack: ExitStack) -> None:
        stack.enter_context(mock.patch.object(ledger, "decide", rule))

    return patch


def _ask(change: Callable[[Question], Question]) -> Patches:
    """Decide as always, by something else."""
    return _decide(lambda question, inner=ledger.decide: inner(change(question)))  # type: ignore[misc]


def _patch(target: object, name: str, value: object) -> Patches:
    def patch(stack: ExitStack) -> None:
        stack.enter_context(mock.patch.object(target, name, value))

    return patch


def _absolute(question: Question, inner: Callable[[Question], Decision] = ledger.decide) -> Decision:
    """Write the target whenever it differs."""
    there = question.shelf.quantity
    if there is None or not question.targets:
        return inner(question)
    right = max(0, question.targets[0].low)
    if right == there:
        return Decision(step=Step.NOTHING)
    return Decision(step=Step.RAISE if right > there else Step.LOWER, quantity=right)


def _without_claims(stack: ExitStack) -> None:
    """Subtract no order at all."""
    plain = availability.plain_target

    def target(source: Source, **given: Any) -> Target:
        return plain(msgspec.structs.replace(source, claims=()), **given)

    stack.enter_context(mock.patch("actors.stock.assessing.plain_target", target))


def _newest_only(question: Question) -> Question:
    return msgspec.structs.replace(question, targets=question.targets[:1], wanted=1)


def _pushed_first(question: Question) -> Question:
    """Believe what was pushed like a reading, as often as one is asked for."""
    if question.hint is None:
        return question
    return msgspec.structs.replace(question, targets=(question.hint,) * question.wanted, hint=None)


def _uncertain_is_counted(stack: ExitStack) -> None:
    """Take what may be counted as counted."""
    uncounted = Claim.uncounted

    def certain(claim: Claim, began_at: Instant, ended_at: Instant) -> Bounds:
        least = uncounted(claim, began_at, ended_at).least
        return Bounds(least, least)

    stack.enter_context(mock.patch.object(Claim, "uncounted", certain))


def _released_at_once(stack: ExitStack) -> None:
    """Hand back the units of an order as soon as commercetools calls it cancelled, whatever its sale does."""
    uncounted = Source.uncounted
    stack.enter_context(
        mock.patch.object(Source, "uncounted", lambda source, *, free=False: uncounted(source, free=True))
    )
    released = f"{demand._RELEASED} OR o.source_state = 'Cancelled'"
    asked = demand._CLAIMS_OF.replace(demand._RELEASED, f"({released})")
    assert asked != demand._CLAIMS_OF
    stack.enter_context(mock.patch.object(demand, "_CLAIMS_OF", asked))
    stack.enter_context(mock.patch.object(demand, "_RELEASED", released))


def _sent_again(stack: ExitStack) -> None:
    """Send the same figure again where the entry has changed."""
    send = VirtualTransport.send

    async def insisting(network: VirtualTransport, request: Request) -> Response:
        response = await send(network, request)
        if response.status != 409 or "/inventory/" not in request.url or not request.body:
            return response
        version = json.loads(response.body)["errors"][0]["currentVersion"]
        body = json.dumps({**json.loads(request.body), "version": version}).encode()
        return await insisting(network, msgspec.structs.replace(request, body=body))

    stack.enter_context(mock.patch.object(VirtualTransport, "send", insisting))


def _lost_is_not_done(connection: sqlite3.Connection, sku: str, channel: str, *, until: Instant) -> None:
    """A write whose answer was lost changes nothing in the ledger."""
    connection.execute(
        "UPDATE entries SET pending = NULL, pending_call = NULL, doubtful = coalesce(pending, doubtful),"
        " reread_after = ? WHERE sku = ? AND channel = ? AND pending_call IS NOT NULL",
        (until, sku, channel),
    )


MUTATIONS: Mapping[str, Patches] = {
    "absolute": _decide(_absolute),
    "no-uncounted": _without_claims,
    "no-taken": _patch(Question, "taken", property(lambda question: 0)),
    "no-lowest": _ask(_newest_only),
    "no-put": _patch(entries, "move_put", lambda *args: None),
    "no-bounds": _uncertain_is_counted,
    "no-short": _patch(Claim, "_rest", lambda claim, short: max(0, claim.units - claim.counted)),
    "free-released": _released_at_once,
    "no-mark": _ask(lambda question: msgspec.structs.replace(question, mark=FAR)),
    "push-raises": _ask(_pushed_first),
    "blind-409": _sent_again,
    "lost-is-undone": _patch(entries, "doubt", _lost_is_not_done),
}
"""By name; each has to be found out by the same run that the rule survives."""


@contextmanager
def at_work(name: str = "") -> Iterator[None]:
    """Let a mutation be at work ("": none). Raises KeyError."""
    with ExitStack() as stack:
        if name:
            MUTATIONS[name](stack)
        inner = ledger.decide

        def decide(question: Question) -> Decision:
            BASIS.set(question)
            return inner(question)

        stack.enter_context(mock.patch("actors.stock.assessing.decide", decide))
        yield
