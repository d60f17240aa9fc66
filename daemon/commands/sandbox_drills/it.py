"""What fails between the systems: Cin7 Core, an answer, the key, the pushes."""

from __future__ import annotations

from adapters.sandbox.faults import Fault, FaultKind
from daemon.commands.sandbox_drills.drill import (
    LATE_ORDER,
    ORDER,
    Drill,
    DrillError,
    Stage,
    both,
    calls_fail,
    is_closed,
    is_in,
    is_open,
    nothing,
)


async def _cin7_comes_back(stage: Stage) -> None:
    stage.cin7.faults.clear()


CIN7_DOWN = Drill(
    name="cin7-down",
    role="it",
    code="cin7_unreachable",
    story="Cin7 Core answers every call with an error. The storefront goes on selling.",
    see="Orders are accepted and wait. After the third failure one exception says that Cin7 Core is unreachable.",
    page="/",
    command="exceptions list --owner it",
    steps=(
        "Look at the overview: orders come in and wait, so nothing is lost. Restart nothing.",
        "Look at Cin7 Core's own status page; ask their support. Tell ops and finance that sales are late.",
        "Wait: tallyd tries again by itself, and works the backlog off within the limit.",
    ),
    hand="repairs Cin7 Core",
    lesson="Whatever is down, orders are kept. The minutes to drain say when the backlog will be gone.",
    minutes=4,
    trouble=calls_fail(Fault(kind=FaultKind.ERROR_BEFORE, status=503), 1.0),
    seen=is_open("cin7_unreachable"),
    mend=_cin7_comes_back,
    solved=both(is_in("exported", LATE_ORDER), is_closed("cin7_unreachable")),
)


async def _lose_an_answer(stage: Stage) -> None:
    stage.cin7.faults.plan("sale_create", Fault(kind=FaultKind.DROP_AFTER))
    stage.notes[ORDER] = stage.place()


async def _one_sale(stage: Stage) -> bool:
    order = stage.notes[ORDER]
    sales = [one for one in stage.cin7.live_sales() if order in (one.external_id or "")]
    if len(sales) > 1:
        raise DrillError("there are two sales for one order: void one of them, and report this")
    return await stage.exported(order)


LOST_ANSWERS = Drill(
    name="lost-answers",
    role="it",
    code="",
    story="Cin7 Core made a sale, and its answer was lost on the way. Nobody knows yet whether the sale is there.",
    see="The order is `in_doubt`. It is looked for by its exact reference, and never made a second time blindly.",
    page="/orders?state=in_doubt",
    command="orders list --state in_doubt",
    steps=(
        "Open the order: the timeline says what was sent, and when it is looked for.",
        "Enter nothing by hand in Cin7 Core, and do not press retry: it would be looked for, no more.",
        "Wait some two minutes: the sale is found, and the order goes on with it.",
    ),
    hand="",
    lesson="One order, one sale. Doubt is settled by looking, never by sending again.",
    minutes=4,
    trouble=_lose_an_answer,
    seen=is_in("in_doubt"),
    mend=nothing,
    solved=_one_sale,
)


async def _key_of_their_own(stage: Stage) -> None:
    stage.cin7.faults.clear()
    stage.notes[LATE_ORDER] = stage.place()


KEY_SHARED = Drill(
    name="key-shared",
    role="it",
    code="foreign_use",
    story="Another program was given tallyd's application key. Cin7 Core turns half of all calls away.",
    see="`foreign_use`: the limit is said to be reached, and tallyd is under it. Orders are slower; none fails.",
    page="/",
    command="exceptions list --owner it",
    steps=(
        "Look at the call budget: tallyd has lowered what it asks for by itself.",
        "Find who uses the key (Cin7 Core → Integrations → API), and give them one of their own.",
        "Or share it knowingly: lower [cin7] calls_per_minute to tallyd's part.",
    ),
    hand="gives the other program a key of its own",
    lesson="One program, one key. The exception closes by itself an hour after the last limit answer.",
    minutes=4,
    trouble=calls_fail(Fault(kind=FaultKind.LIMITED), 0.5),
    seen=is_open("foreign_use"),
    mend=_key_of_their_own,
    # The exception itself clears an hour after the last limit answer: an order that goes through is the evidence.
    solved=is_in("exported", LATE_ORDER),
)


async def _silence(stage: Stage) -> None:
    if stage.pushes is None:
        raise DrillError("this drill needs the doors: leave --no-push away")
    stage.pushes.switch_off()
    stage.notes[LATE_ORDER] = stage.place()


async def _speak_again(stage: Stage) -> None:
    if stage.pushes is not None:
        stage.pushes.switch_on()
    stage.place()


PUSH_SILENT = Drill(
    name="push-silent",
    role="it",
    code="push_missed",
    story="commercetools' events do not arrive any more: somebody changed the subscription.",
    see="Orders still come in, found by the sweeps. `push_missed` counts what the door should have told.",
    page="/exceptions?type=push_missed",
    command="exceptions list --owner it",
    steps=(
        "See that orders go on: the sweeps find everything, some seconds later.",
        "Look at the subscription in commercetools (its health and destination), and at the queue or topic.",
        "Mend it. The exception closes once the door tells again.",
    ),
    hand="mends the subscription, and another order is placed",
    lesson="Pushes make it fast, sweeps make it whole.",
    minutes=4,
    trouble=_silence,
    seen=is_open("push_missed"),
    mend=_speak_again,
    solved=is_closed("push_missed"),
)
