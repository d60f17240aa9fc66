"""Every posting of an order's books by everything that can become of its request, enumerated: one document, no doubt.

`python -m tests.simulation.postings` plays each case in a world of its own; `--step` and `--fate` choose some. An order
is sold, invoiced, paid, refunded in part, credited and paid back; one of these postings meets its fate. In the end the
doubles' books hold each document once, and nothing was posted again before two looks, `quiet` apart and after the last
moment the lost request could be executed, as the double saw them.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import sqlite3
import sys
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import msgspec

from actors.domain.calls import POSTINGS, Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.vouchers import VoucherKind
from actors.finance.rules import MINUTE, FinanceRules
from actors.fulfilment.rules import FulfilmentRules
from actors.intake.rules import SweepRules
from actors.messages import Envelope, Flow
from adapters.sandbox.cin7_wire import error_answer_under_200, limit_answer
from adapters.sandbox.faults import DropConnectionError
from adapters.sandbox.virtual_time import run_virtual
from adapters.transport import Request, Response
from storage import books, calls
from tests.simulation.books_judge import assert_books_posted
from tests.simulation.world import Serve, World, intercept, plan, world

HOUR = 3600.0
QUIET = 10_000
"""Much less than a request may take: a look that does not wait for its last moment comes too soon."""

FINANCE = FinanceRules(
    posting="auto",
    refunds="credit-note",
    accounts={"adyen/scheme": "090"},
    quiet=QUIET,
    refused=5 * MINUTE,
)
PLAN = plan(
    finance=FINANCE,
    fulfilment=FulfilmentRules(tell_refunds=False),
    sweeps=SweepRules(since=0, hot=30_000, complete=120_000),
)
REFUNDED = 300
"""Minor units: a part, so that Cin7 would take a second credit note, and a second payment of the first."""

_PURPOSES = {
    VoucherKind.INVOICE: Purpose.CIN7_POST_INVOICE,
    VoucherKind.PAYMENT: Purpose.CIN7_POST_PAYMENT,
    VoucherKind.CREDIT_NOTE: Purpose.CIN7_POST_CREDIT_NOTE,
    VoucherKind.REFUND: Purpose.CIN7_POST_PAYMENT,
}


class Sent(msgspec.Struct, kw_only=True):
    """A request to post something, as it arrived. `over`: it was clear at once that it was not executed."""

    at: int
    key: tuple[str, str]
    executed: bool = False
    over: bool = False


class Stage:
    """What a fate acts on: the world, the order, and the record of what arrived."""

    def __init__(self, made: World, step: VoucherKind, fate: Fate) -> None:
        self.made = made
        self.step = step
        self.fate = fate
        self.order_id = ""
        self.sent: list[Sent] = []
        self.looks: list[int] = []
        self._treatments: Iterator[Treatment] = iter(fate.treatments)
        self._passed: Counter[WritePhase] = Counter()
        self.copy: Path | None = None

    async def carry(self, request: Request, serve: Serve) -> Response:
        """Take down what arrives, and let each request of the step meet its fate."""
        now, kind = self.made.clock.now(), kind_of(request)
        if request.method == "GET" and "/sale?" in request.url:
            response = await serve(request)
            self.looks += [now] if response.status == 200 else []
            return response
        if kind is None:
            return await serve(request)
        sent = Sent(at=now, key=_key_of(kind, request))
        self.sent.append(sent)
        treatment = next(self._treatments, _served) if kind is self.step else _served
        return await treatment(self, sent, request, serve)

    async def execute(self, sent: Sent, request: Request, serve: Serve) -> Response:
        """Let the double do it."""
        response = await serve(request)
        sent.executed = response.status == 200
        return response

    def dies(self, point: str) -> bool:
        """Say whether to die here: once, at the fate's phase of the step. Before the step the file is copied."""
        phase = next((one for one in WritePhase if point == write_point(_PURPOSES[self.step], one)), None)
        if phase is None or not self._is_first(phase):
            return False
        if phase is WritePhase.DECIDED:
            self.copy = self.made.daemon.copy_file("copy.db")
        if phase is WritePhase.SETTLED and self.fate.after is not None:
            self.fate.after(self)
        if phase is not self.fate.phase:
            return False
        if phase is WritePhase.INTENDED:
            # Nothing left; but nobody can know that.
            self.sent.append(Sent(at=self.made.clock.now(), key=(self.step.value, "")))
        return True

    def _is_first(self, phase: WritePhase) -> bool:
        self._passed[phase] += 1
        # A refund is paid back by the second payment that is posted.
        return self._passed[phase] == (2 if self.step is VoucherKind.REFUND else 1)

    def is_met(self) -> bool:
        """Say whether everything of the fate has happened."""
        ended = self.fate.phase is not None or self.fate.after is not None or _ends(self.fate.treatments)
        return len(self.made.kills) == ended and next(self._treatments, None) is None


Treatment = Callable[[Stage, Sent, Request, Serve], Awaitable[Response]]


class Fate(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a posting: of its requests one after the other, or of the process at a phase, or of its nudge.

    `after` it was posted something may become of the daemon's file.
    """

    treatments: tuple[Treatment, ...] = ()
    phase: WritePhase | None = None
    after: Callable[[Stage], None] | None = None
    repeated: bool = False
    at_once: bool = False


# -- what becomes of a request -----------------------------------------------------------------------------------------


async def _served(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    return await stage.execute(sent, request, serve)


async def _lost_before(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    raise DropConnectionError


async def _lost_after(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    await stage.execute(sent, request, serve)
    raise DropConnectionError


def _later(stage: Stage, sent: Sent, request: Request, serve: Serve) -> None:
    """Execute it at the last moment it may be, whatever is answered now and whoever is alive then."""

    async def run() -> None:
        await stage.made.clock.sleep(request.timeout_seconds - 1)
        await stage.execute(sent, request, serve)

    stage.made.tasks.start_soon(run)


async def _lost_and_late(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    _later(stage, sent, request, serve)
    raise DropConnectionError


async def _given_up_and_late(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    """A gateway gives up on a server that goes on."""
    _later(stage, sent, request, serve)
    return Response(status=503, headers={"content-type": "text/html"}, body=b"<html>Service unavailable</html>")


async def _killed_and_late(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    """The process is gone while its request is on the way."""
    stage.made.daemon.die("on the wire")
    _later(stage, sent, request, serve)
    raise DropConnectionError


def _restore(stage: Stage) -> None:
    """Put the file back that was kept before the step, once this instruction is over."""

    async def run() -> None:
        await stage.made.clock.sleep(0.5)
        assert stage.copy is not None
        stage.made.daemon.restore_file(stage.copy)

    stage.made.tasks.start_soon(run)


def _lose(stage: Stage) -> None:
    async def run() -> None:
        await stage.made.clock.sleep(0.5)
        stage.made.daemon.lose_file()

    stage.made.tasks.start_soon(run)


async def _restored_and_late(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    """The file is put back while its request is on the way."""
    _restore(stage)
    _later(stage, sent, request, serve)
    raise DropConnectionError


async def _file_lost_and_late(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    _lose(stage)
    _later(stage, sent, request, serve)
    raise DropConnectionError


def _ends(treatments: Iterable[Treatment]) -> bool:
    """Say whether the process ends by one of these."""
    return bool({_killed_and_late, _restored_and_late, _file_lost_and_late} & {*treatments})


async def _silent(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    """Executed, and the answer comes after everybody stopped waiting for it."""
    response = await stage.execute(sent, request, serve)
    await stage.made.clock.sleep(request.timeout_seconds + 30)
    return response


async def _failed_after(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    await stage.execute(sent, request, serve)
    return _json(500, [{"ErrorCode": 500, "Exception": "An unexpected error occurred."}])


async def _refused(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    sent.over = True
    return _json(400, [{"ErrorCode": 400, "Exception": "Account is not active today."}])


async def _limited(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    sent.over = True
    return limit_answer(status=400, as_json=True, limit=60)


async def _contradicted(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    await stage.execute(sent, request, serve)
    return error_answer_under_200("An unexpected error occurred.")


async def _contradicted_before(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    return error_answer_under_200("An unexpected error occurred.")


async def _about_another(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    answer = json.loads((await stage.execute(sent, request, serve)).body)
    return _json(200, answer | {("SaleID" if "SaleID" in answer else "TaskID"): _ANOTHER})


async def _without_document(stage: Stage, sent: Sent, request: Request, serve: Serve) -> Response:
    answer = json.loads((await stage.execute(sent, request, serve)).body)
    document = {name: value for name, value in answer.items() if name not in ("Invoices", "CreditNotes")}
    return _json(200, document if document != answer else [])


_ANOTHER = "99999999-9999-4999-8999-999999999999"


def _json(status: int, document: object) -> Response:
    headers = {"content-type": "application/json; charset=utf-8"}
    return Response(status=status, headers=headers, body=json.dumps(document).encode())


FATES: Mapping[str, Fate] = {
    "nothing": Fate(),
    "lost before it was executed": Fate(treatments=(_lost_before,)),
    "lost after it was executed": Fate(treatments=(_lost_after,)),
    "lost, and executed late": Fate(treatments=(_lost_and_late,)),
    "given up by a gateway, and executed late": Fate(treatments=(_given_up_and_late,)),
    "killed, and executed late": Fate(treatments=(_killed_and_late,)),
    "answered too late": Fate(treatments=(_silent,)),
    "lost twice before": Fate(treatments=(_lost_before, _lost_before)),
    "lost before, then after": Fate(treatments=(_lost_before, _lost_after)),
    "lost before, then late": Fate(treatments=(_lost_before, _lost_and_late)),
    "500 after it was executed": Fate(treatments=(_failed_after,)),
    "refused in words": Fate(treatments=(_refused,)),
    "limited under 400": Fate(treatments=(_limited,)),
    "an error under 200, executed": Fate(treatments=(_contradicted,)),
    "an error under 200, not executed": Fate(treatments=(_contradicted_before,)),
    "answered about another document": Fate(treatments=(_about_another,)),
    "answered without the document": Fate(treatments=(_without_document,)),
    **{f"killed when {phase.value}": Fate(phase=phase) for phase in WritePhase},
    "the file put back afterwards": Fate(after=_restore),
    "the file put back, and executed late": Fate(treatments=(_restored_and_late,)),
    "the file lost afterwards": Fate(after=_lose),
    "the file lost, and executed late": Fate(treatments=(_file_lost_and_late,)),
    "nudged again and again": Fate(repeated=True),
    "nudged again and again, and lost after": Fate(repeated=True, treatments=(_lost_after,)),
    "handled twice at once": Fate(at_once=True),
    "handled twice at once, and lost before": Fate(at_once=True, treatments=(_lost_before,)),
}


# -- one case ----------------------------------------------------------------------------------------------------------


def kind_of(request: Request) -> VoucherKind | None:
    """Say what a request posts, if anything."""
    path = request.url.partition("?")[0].rpartition("/sale/")[2] if request.method == "POST" else ""
    if path == "payment":
        return VoucherKind.REFUND if json.loads(request.body or b"")["Type"] == "Refund" else VoucherKind.PAYMENT
    return {"invoice": VoucherKind.INVOICE, "creditnote": VoucherKind.CREDIT_NOTE}.get(path)


def _key_of(kind: VoucherKind, request: Request) -> tuple[str, str]:
    body = json.loads(request.body or b"")
    return kind.value, body.get("Memo") or f"{body['Reference']} {body['TaskID']}"


async def play(step: VoucherKind, fate: Fate, *, seed: int = 1) -> Stage:
    """Play one case; return what arrived. Raises AssertionError where a law is broken."""
    async with world(seed, the_plan=PLAN, cin7={"overpayments": True}) as made:
        stage = Stage(made, step, fate)
        await made.ready()
        intercept(made.cin7_network, stage.carry)
        made.daemon.kill_next = stage.dies
        stage.order_id = order_id = made.place()
        _repeat(stage)
        await _until_posted(made, order_id, 2)
        made.shop.refund(order_id, REFUNDED)
        await _until_posted(made, order_id, 4)
        await _look_again(made, order_id)
        _judge(stage)
        return stage


def _repeat(stage: Stage) -> None:
    """Nudge for the order whenever something is handled, or have each look at it taken twice at the same time."""
    made = stage.made
    nudges = itertools.count()

    def nudge_again(envelope: Envelope) -> None:
        if envelope.flow is Flow.FINANCE and envelope.subject == stage.order_id and next(nudges) < 60:
            made.tasks.start_soon(_nudge, made, stage.order_id)

    if stage.fate.repeated:
        made.daemon.on_handle = nudge_again
    if stage.fate.at_once:
        actor = made.engine.actors[Flow.FINANCE]
        actor.handle = functools.partial(_twice, stage, actor.handle)  # type: ignore[method-assign]


async def _nudge(made: World, order_id: str) -> None:
    if made.daemon.running:
        await made.daemon.nudge(order_id, Flow.FINANCE)


async def _twice(stage: Stage, handle: Callable[[Envelope], Awaitable[Any]], envelope: Envelope) -> Any:
    """Handle a message twice at the same time; the second handling is refused by the file, or comes to nothing."""
    if envelope.subject != stage.order_id:
        return await handle(envelope)
    outcomes: list[Any] = []

    async def first() -> None:
        outcomes.append(await handle(envelope))

    async def second() -> None:
        try:
            await handle(envelope)
        except sqlite3.IntegrityError:
            return

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(first)
        tasks.start_soon(second)
    return outcomes[0]


def _posted(made: World, order_id: str, count: int) -> bool:
    """Say whether so many things stand in Cin7 Core, and nothing of it is open any more."""
    if not made.daemon.running:
        return False
    postings = made.read(lambda file: books.postings_of(file, order_id))
    kept = made.read(lambda file: books.get(file, order_id))
    done = all(one.state == "done" for one in postings) and kept is not None
    documents = len(made.cin7.invoices()) + len(made.cin7.credit_notes()) + len(made.cin7.payments())
    return done and documents >= count and kept is not None and (kept.verdict, kept.step) == ("agrees", "")


async def _until_posted(made: World, order_id: str, count: int) -> None:
    """Wait for it. Books that never agree are judged by the doubles' own, which say what is wrong with them."""
    try:
        await made.until(lambda: _posted(made, order_id, count), within=HOUR)
    except AssertionError:
        assert_books_posted(made.cin7, made.shop)
        raise


async def _look_again(made: World, order_id: str) -> None:
    """Have the sale read once more: nothing comes of it."""
    await made.daemon.write(lambda file: books.ask(file, order_id, now=made.clock.now(), told=True))
    await made.clock.sleep(3 * QUIET / 1000)


def _judge(stage: Stage) -> None:
    made = stage.made
    assert stage.is_met(), f"it was never reached: {made.kills}"
    assert_books_posted(made.cin7, made.shop)
    assert _posted(made, stage.order_id, 4), "something is in doubt again"
    open_writes = [one for one in made.read(calls.open_writes) if one.purpose in POSTINGS]
    assert not open_writes, open_writes
    told = [one for one in made.daemon.open_exceptions() if one.record.kind != "connection"]
    assert not told, told
    assert_looked_for(stage.sent, stage.looks, timeout=round(made.plan.timeout_seconds * 1000))


UPLINK = 250
"""Milliseconds a request of these worlds may take to arrive: it left that much earlier at most."""


def assert_looked_for(sent: Iterable[Sent], looks: list[int], *, timeout: int) -> None:
    """Nothing is sent again once executed, nor before two looks after the last moment of the request before it."""
    last: dict[str, Sent] = {}
    for one in sent:
        before = last.get(one.key[0])
        last[one.key[0]] = one
        if before is None or before.over:
            continue
        assert not before.executed, f"{one.key} was posted, and posted again"
        first_from = before.at - UPLINK + timeout + QUIET
        found = [at for at in looks if first_from <= at < one.at]
        assert len(found) >= 2, f"{one.key} was posted again after {len(found)} looks"
        assert max(found) - min(found) >= QUIET, f"{one.key}: both looks at {found}"


# -- all of them -------------------------------------------------------------------------------------------------------


def every_case() -> Iterator[tuple[VoucherKind, str]]:
    """Each step with each fate."""
    return itertools.product(VoucherKind, FATES)


def run(step: VoucherKind, name: str) -> Stage:
    """Play one case on virtual time."""
    stages: list[Stage] = []

    async def scenario() -> None:
        stages.append(await play(step, FATES[name]))

    run_virtual(scenario)
    return stages[0]


def main(arguments: list[str] | None = None) -> int:
    """Play the cases; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.postings", description=__doc__)
    parser.add_argument("--step", choices=[kind.value for kind in VoucherKind], help="only this posting")
    parser.add_argument("--fate", default="", help="only fates whose name contains this")
    chosen = parser.parse_args(arguments)
    failed = played = 0
    for step, name in every_case():
        if chosen.step not in (None, step.value) or chosen.fate not in name:
            continue
        began = time.monotonic()
        played += 1
        try:
            run(step, name)
            told = "ok"
        except Exception:  # whatever it was: it is this case's failure
            failed += 1
            told = f"FAILED\n{traceback.format_exc()}"
        sys.stdout.write(f"{step.value}: {name}: {told} ({time.monotonic() - began:.1f} s)\n")
        sys.stdout.flush()
    sys.stdout.write(f"{played} cases, {failed} failed\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
