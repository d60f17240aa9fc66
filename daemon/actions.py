"""What a person does to the running daemon: retry, release, reject, resend, resolve, pause, resume.

Each is one unit of work: the audit row, the effect and the nudge are committed together or not at all. Afterwards the
dispatcher hears of it. Doing the same twice does it once; the second answer says so (`done` false where nothing had to
be changed). Reasons are a person's words and go into the audit row only.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, NamedTuple

from actors.catalogue.actor import REFRESH
from actors.catalogue.matching import DRAFT, PLAN, PRODUCT, PRODUCTS
from actors.catalogue.storefront import LISTINGS
from actors.census.hooks import WATCH
from actors.census.progress import CENSUS
from actors.domain.edits import Kind
from actors.domain.exception_types import HOLDING
from actors.domain.facts import FactKind, fact_ref
from actors.domain.order_state import FINAL, OrderState
from actors.domain.time import Instant
from actors.intake.guarding import DOORS, SUBSCRIPTION
from actors.intake.sweeping import COMPLETE, HOT
from actors.messages import Flow, Nudge, Urgency
from actors.orders.editing import EDITED, NOT_APPLIED, REVERSED
from actors.procurement.nudges import BELOW_FLOOR, MARGINS, PURCHASE
from actors.stock.publishing import SKU, sku_nudge
from actors.stock.reading import LIST
from adapters.operator.problems import ProblemError
from daemon import releasing
from daemon.running import Running
from storage import (
    audit,
    bodies,
    books,
    exceptions,
    exported,
    facts,
    flows,
    fulfilments,
    margins,
    orders,
    outbox,
    purchases,
    stock,
)
from storage.bodies import Sealer
from storage.exceptions import ExceptionRow
from storage.orders import OrderRecord

Done = dict[str, Any]
"""`done`: whether anything was changed; `message`: what happens now, in words; beside them the record."""


class Act(NamedTuple):
    """One thing to do: what is written in one unit of work, and what the process does once that is committed."""

    unit: Callable[[sqlite3.Connection], Done]
    after: Callable[[Done], None]


_SET_ASIDE = "message_quarantined"
_STOPPED = "flow_stopped"
_UNREADABLE = "order_unreadable"
"""Of an order that never could be read there is no row, and yet it is looked at."""

_MASS_ZERO = "stock_mass_zero"
_BY_SIDE = {"cin7": (Flow.CATALOGUE, (REFRESH, PRODUCTS)), "commercetools": (Flow.INTAKE, (HOT, COMPLETE))}
"""What is asked again when somebody retries a side that did not answer."""

_OF_PRODUCT = fact_ref(FactKind.PRODUCT, "")
"""How a fact begins that Cin7 Core's list of products tells; the other lists are read together."""

_BY_KIND = {
    "door": (Flow.INTAKE, DOORS),
    "subscription": (Flow.INTAKE, SUBSCRIPTION),
    "webhook": (Flow.CENSUS, WATCH),
    "sale": (Flow.CENSUS, CENSUS),
}
"""What is looked at again when somebody retries what was found about one of these."""

_OF_CATALOGUE = {
    "product": (PRODUCT + "{id}", PRODUCTS),
    "draft": (DRAFT + "{id}",),
    "catalogue": (PLAN,),
}
"""What the catalogue flow looks at again about one of these: of a product also what changed of Cin7 Core's items."""

_BY_TYPE = {"sku_duplicate": (PRODUCTS, LISTINGS), "catalogue_modular": (LISTINGS,)}
"""What it looks at again where the record does not say that it is its own."""


async def retry_order(app: Running, ref: str, *, author: str, reason: str) -> Done:
    """Look at an order again now, at how its sale was fulfilled and at its books, also when a message was set aside.

    Raises:
        ProblemError: 404, no such order; 409, its state is final, and it has no books.
    """
    return await _carry(app, on_order(app, ref, "retry", author=author, reason=reason))


async def release_order(app: Running, ref: str, *, author: str, reason: str) -> Done:
    """Judge a held order again now: what still holds it holds it again; what it was edited by is accepted.

    Where it is not held, its books are released as they stand, if they differ or wait for a person.

    Raises:
        ProblemError: 400, its books differ and no reason is given; 404, no such order; 409, neither it nor its books
            are held, or [finance] four_eyes asks for another person.
    """

    return await _carry(app, releasing_order(app, ref, author=author, reason=reason))


def releasing_order(app: Running, ref: str, *, author: str, reason: str) -> Act:
    """See `release_order`."""
    judged = on_order(app, ref, "release", author=author, reason=reason)

    def unit(connection: sqlite3.Connection) -> Done:
        record = _found(connection, ref)
        kept = books.get(connection, record.id)
        if not releases_books(record, kept) or kept is None:
            return judged.unit(connection)
        four_eyes, now = app.settings.finance.four_eyes, app.engine.clock.now()
        decided = releasing.release(
            connection, record, kept, author=author, reason=reason, four_eyes=four_eyes, now=now
        )
        return _told(decided.done, decided.message, order=record.id, number=record.number)

    return Act(unit, judged.after)


def releases_books(record: OrderRecord, kept: books.BooksRecord | None) -> bool:
    """Say whether releasing an order lets its books go (money), rather than having it judged again."""
    return record.state is not OrderState.HELD and releasing.is_due(kept)


async def reject_order(app: Running, ref: str, *, author: str, reason: str) -> Done:
    """Take the books of an order out of tallyd's hands: a person books it.

    Raises:
        ProblemError: 400, no reason; 404, no such order; 409, it has no books.
    """
    if not reason:
        raise ProblemError(400, "A reason is needed.")

    def unit(connection: sqlite3.Connection) -> Done:
        record = _found(connection, ref)
        kept = books.get(connection, record.id)
        if kept is None:
            raise ProblemError(409, f"Order {record.number or record.id} has no sale that would be booked.")
        decided = releasing.reject(connection, record, kept, author=author, reason=reason, now=app.engine.clock.now())
        return _told(decided.done, decided.message, order=record.id, number=record.number)

    return _acted(app, "reject", await app.engine.database.run(unit), author)


async def release_day(app: Running, day: str, *, author: str, reason: str) -> Done:
    """Release every order of an accounting day that agrees and waits for a person.

    Raises:
        ProblemError: 400, no reason, or no day.
    """
    if not reason:
        raise ProblemError(400, "A reason is needed.")

    def unit(connection: sqlite3.Connection) -> Done:
        decided = releasing.release_day(connection, day, author=author, reason=reason, now=app.engine.clock.now())
        return _told(decided.done, decided.message, day=day, orders=decided.orders)

    return _acted(app, "release day", await app.engine.database.run(unit), author)


async def resend_order(app: Running, ref: str, *, author: str, reason: str) -> Done:
    """Send an order again under a new reference, once its sale is proved void; that of an edited order is voided.

    Raises:
        ProblemError: 404, no such order; 409, its state is final or it never had a sale.
    """
    return await _carry(app, on_order(app, ref, "resend", author=author, reason=reason))


async def retry_exception(app: Running, exception_id: int, *, author: str, reason: str) -> Done:
    """Try again what an exception is about: its order, its message, its side or its flow.

    Raises:
        ProblemError: 404, no such exception; 409, there is nothing to try.
    """
    row = await app.engine.database.read(lambda connection: _exception(connection, exception_id))
    return await _carry(app, retrying(app, row, author=author, reason=reason))


def retrying(app: Running, row: ExceptionRow, *, author: str, reason: str) -> Act:
    """See `retry_exception`; that there is nothing to try is found in the unit."""
    if row.state != "open":
        return Act(lambda _: _told(False, f"Exception {row.id} is resolved already.", exception=row.id), _nothing)
    if row.record.kind == "flow" and row.type == _STOPPED:
        return resuming(app, row.record.id, author=author, reason=reason)
    of_order = on_order(app, row.record.id, "retry", author=author, reason=reason)

    def unit(connection: sqlite3.Connection) -> Done:
        if row.record.kind == "order" and orders.get(connection, row.record.id) is not None:
            return of_order.unit(connection)
        now, nudged = app.engine.clock.now(), _nudged_by(row)
        if row.type == _MASS_ZERO:
            for sku in stock.confirm_zeros(connection):
                outbox.accept(connection, sku_nudge(sku, now), now=now)
            exceptions.resolve(connection, row.id, resolution=f"confirmed by {author}", now=now)
        _made_due(connection, row)
        for flow, subject in nudged:
            outbox.release(connection, Nudge(flow=flow, subject=subject, due_at=now), now=now)
        if row.type == _SET_ASIDE:
            exceptions.resolve(connection, row.id, resolution=f"retried by {author}", now=now)
        audit.write(connection, author=author, action="retry", record=f"exception:{row.id}", now=now, reason=reason)
        asked = ", ".join(f"{flow.value} {subject}" for flow, subject in nudged)
        return _told(True, f"Asked again now: {asked}.", exception=row.id)

    return Act(unit, of_order.after if row.record.kind == "order" else _rung(app))


async def resolve_exception(app: Running, exception_id: int, *, author: str, reason: str) -> Done:
    """Dismiss an exception. One that holds an order without a sale takes the order out of tallyd's hands for good.

    That is what a person says who booked it by hand. An order with a sale is judged again: what holds, opens again.

    Raises:
        ProblemError: 404, no such exception; 409, dismissing would leave something standing that nobody is told of.
    """
    return await _carry(app, dismissing(app, exception_id, author=author, reason=reason))


def dismissing(app: Running, exception_id: int, *, author: str, reason: str) -> Act:
    """See `resolve_exception`. Raises `ProblemError` 400 without a reason."""
    if not reason:
        raise ProblemError(400, "A reason is needed.")

    def unit(connection: sqlite3.Connection) -> Done:
        now = app.engine.clock.now()
        row = _exception(connection, exception_id)
        if row.state != "open":
            return _told(False, f"Exception {row.id} is resolved already.", exception=row.id)
        if row.type == _SET_ASIDE:
            raise ProblemError(409, "Its message is set aside and would stand unseen: retry it instead.")
        if row.type == _STOPPED:
            raise ProblemError(409, f"{row.record.id} stands still and would do so unseen: resume it instead.")
        four_eyes = app.settings.finance.four_eyes
        releasing.dismiss(connection, row, author=author, reason=reason, four_eyes=four_eyes, now=now)
        exceptions.resolve(connection, row.id, resolution=f"dismissed by {author}: {reason}", now=now)
        audit.write(
            connection,
            author=author,
            action="resolve",
            record=_audited(row),
            now=now,
            reason=reason,
            exception=str(row.id),
            type=row.type,
        )
        _accept(connection, row)
        if row.record.kind != "order" or not _holds(row):
            return _told(True, f"Exception {row.id} is resolved.", exception=row.id)
        if orders.get(connection, row.record.id) is None:
            message = (
                f"Exception {row.id} is resolved. Its order is not known here: the census tells of it if it stands."
            )
            return _told(True, message, exception=row.id)
        if _set_apart(connection, row.record.id, f"dismissed by {author}: {reason}", now):
            message = f"Exception {row.id} is resolved. Its order is excluded: tallyd makes no sale of it any more."
            return _told(True, message, exception=row.id)
        outbox.accept(connection, _look_at(row.record.id, now), now=now)
        message = f"Exception {row.id} is resolved. Its order is judged again now; if the cause stands, it opens again."
        return _told(True, message, exception=row.id)

    return Act(unit, _rung(app))


async def show_body(app: Running, exception_id: int, *, author: str, reason: str) -> Done:
    """Show what came and could not be understood, opened with the storage key. That somebody looked is written down.

    Raises:
        ProblemError: 404, no such exception; 409, nothing was kept for it, or no longer.
    """

    def unit(connection: sqlite3.Connection) -> bytes:
        row = _exception(connection, exception_id)
        kind = _BODIES.get(row.type)
        sealed = bodies.get(connection, row.record.id, kind) if kind is not None else None
        if kind is None or sealed is None:
            raise ProblemError(409, "Nothing was kept for this exception, or its time is over.")
        now = app.engine.clock.now()
        audit.write(connection, author=author, action="body", record=_audited(row), now=now, reason=reason)
        return Sealer(app.engine.plan.storage_key).open(sealed, order_id=row.record.id, kind=kind)

    body = await app.engine.database.run(unit)
    return _told(True, body.decode("utf-8", "backslashreplace"), exception=exception_id)


_BODIES = {"notification_unreadable": "notification", "order_unreadable": "unreadable"}
"""What is kept, sealed, of something that could not be understood."""


async def pause_flow(app: Running, name: str, *, author: str, reason: str) -> Done:
    """Let a flow claim nothing more; what it works on is finished, intake stays durable.

    Raises:
        ProblemError: 404, no such flow.
    """
    flow = _flow(name)

    def unit(connection: sqlite3.Connection) -> bool:
        now = app.engine.clock.now()
        if flows.all_flows(connection)[flow].paused_at is not None:
            return False
        flows.pause(connection, flow, author=author, reason=reason, now=now)
        audit.write(connection, author=author, action="pause", record=f"flow:{name}", now=now, reason=reason)
        return True

    changed = await app.engine.database.run(unit)
    app.engine.dispatcher.paused.add(flow)
    app.engine.bell.ring()
    return _told(changed, f"Flow {name} is paused." if changed else f"Flow {name} was paused already.", flow=name)


async def resume_flow(app: Running, name: str, *, author: str, reason: str) -> Done:
    """Let a paused or stopped flow go on. The lease keeper and the watch can be resumed by name too.

    Raises:
        ProblemError: 404, no such flow; 409, the configuration lets it stand still.
    """
    return await _carry(app, resuming(app, name, author=author, reason=reason))


def resuming(app: Running, name: str, *, author: str, reason: str) -> Act:
    """See `resume_flow`; what is refused with 409 is refused in the unit. Raises `ProblemError` 404."""
    flow = None if name in app.engine.chores else _flow(name)
    engine = app.engine
    stands = engine.supervisor.state(name) == "stopped"

    def unit(connection: sqlite3.Connection) -> Done:
        if flow is Flow.ORDERS and not engine.plan.orders_enabled:
            raise ProblemError(409, "[orders] enabled is false: no sale is made. Set it in the file, and restart.")
        now = engine.clock.now()
        paused = flow is not None and flows.all_flows(connection)[flow].paused_at is not None
        cleared = exceptions.clear(
            connection,
            exceptions.Record(kind="flow", id=name),
            resolution=f"resumed by {author}",
            now=now,
            types=(_STOPPED,),
        )
        if not (paused or stands or cleared):
            return _told(False, f"Flow {name} was running already.", flow=name)
        if flow is not None:
            flows.resume(connection, flow)
        audit.write(connection, author=author, action="resume", record=f"flow:{name}", now=now, reason=reason)
        return _told(True, f"Flow {name} goes on.", flow=name)

    def after(_done: Done) -> None:
        if flow is not None:
            engine.resume(flow)
        else:
            engine.supervisor.revive(name)

    return Act(unit, after)


async def _carry(app: Running, act: Act) -> Done:
    done = await app.engine.database.run(act.unit)
    act.after(done)
    return done


def _nothing(_done: Done) -> None:
    """There is nothing to tell the process."""


def _rung(app: Running) -> Callable[[Done], None]:
    return lambda _done: app.engine.bell.ring()


def on_order(app: Running, ref: str, action: str, *, author: str, reason: str) -> Act:
    """Retry, release (have judged again) or resend an order; what may be refused is refused in the unit."""

    def unit(connection: sqlite3.Connection) -> Done:
        now = app.engine.clock.now()
        record = _found(connection, ref)
        _refuse(connection, record, action)
        if action == "resend":
            orders.set_resend(connection, record.id, True)
        if action == "release" and record.reason == EDITED:
            exported.accept_edit(connection, record.id, Kind.UNSAFE)
        outbox.release(connection, _look_at(record.id, now), now=now)
        _read_what_it_waits_for(connection, record.id, now)
        exceptions.clear(
            connection,
            exceptions.Record(kind="order", id=record.id),
            resolution=f"{action} by {author}",
            now=now,
            types=(_SET_ASIDE,),
        )
        if action == "retry":
            _look_at_sale(connection, record.id, author, now)
            _look_at_books(connection, record.id, author, now)
        audit.write(connection, author=author, action=action, record=f"order:{record.id}", now=now, reason=reason)
        shown = record.number or record.id
        edited = f"{action} edited" if record.reason == EDITED else ""
        message = _MESSAGES.get(edited, _MESSAGES[action]).format(order=shown)
        return _told(True, message, order=record.id, number=record.number)

    def after(done: Done) -> None:
        _acted(app, action, done, author)

    return Act(unit, after)


def _acted(app: Running, action: str, done: Done, author: str) -> Done:
    app.engine.bell.ring()
    app.engine.log("person.acted", operation=action, order=done.get("order"), user=author)
    return done


_MESSAGES = {
    "retry": "Order {order} is looked at again now.",
    "release": "Order {order} is judged again now; what still holds it holds it again.",
    "resend": "Order {order} is sent again as soon as its sale is proved void; a live sale refuses it.",
    "release edited": "Order {order} is accepted as it was changed; its sale is left as it is, but for texts.",
    "resend edited": "The sale of order {order} is voided and made anew as the order is now, unless it is picked.",
}


def _found(connection: sqlite3.Connection, ref: str) -> OrderRecord:
    record = orders.find(connection, ref)
    if record is None:
        raise ProblemError(404, "No order has this number or id, nor does its sale.")
    return record


def _refuse(connection: sqlite3.Connection, record: OrderRecord, action: str) -> None:
    shown = record.number or record.id
    if record.state in FINAL and not (action == "retry" and books.get(connection, record.id) is not None):
        raise ProblemError(409, f"Order {shown} is {record.state.value}: nothing leads out of that state.")
    if action == "release" and record.state is not OrderState.HELD:
        also = "" if books.get(connection, record.id) is None else ", and its books wait for nobody"
        raise ProblemError(409, f"Order {shown} is {record.state.value}, not held{also}: there is nothing to release.")
    if action == "resend" and not orders.sales_of(connection, record.id):
        raise ProblemError(409, f"Order {shown} never had a sale: there is nothing to send again. Retry it instead.")


def _accept(connection: sqlite3.Connection, row: ExceptionRow) -> None:
    """What a person dismisses of an edit counts as accepted: the next look does not tell it again."""
    if row.type == EDITED:
        exported.accept_edit(connection, row.record.id, Kind.UNSAFE)
    if row.type == NOT_APPLIED:
        exported.accept_edit(connection, row.record.id, Kind.SAFE)
    if row.type == REVERSED:
        exported.forgive_payment(connection, row.record.id)
    if row.type == "tax_rule_changed":
        rule = facts.tax_rules(connection).get(row.record.id)
        books.accept_rule(connection, row.record.id, rule.percent if rule is not None else None)


def _set_apart(connection: sqlite3.Connection, order_id: str, why: str, now: Instant) -> bool:
    """Exclude a held order that has no sale; False when it is not such a one."""
    record = orders.get(connection, order_id)
    if record is None or record.state is not OrderState.HELD:
        return False
    if any(sale.voided_at is None for sale in orders.sales_of(connection, order_id)):
        return False
    orders.move(connection, order_id, OrderState.EXCLUDED, now=now, reason=why)
    exceptions.clear(connection, exceptions.Record(kind="order", id=order_id), resolution=why, now=now)
    return True


def _look_at(order_id: str, now: Instant) -> Nudge:
    return Nudge(flow=Flow.ORDERS, subject=order_id, due_at=now, urgency=Urgency.UNDERWAY)


def _read_what_it_waits_for(connection: sqlite3.Connection, order_id: str, now: Instant) -> None:
    """Whoever asks has just mended something in Cin7 Core: its list is read now, once for all who ask.

    An order is judged by what is known; without this it would be held again until the list's next turn.
    """
    held = [row for row in exceptions.of_record(connection, "order", order_id) if row.state == "open" and row.waits_for]
    products = {row.waits_for.startswith(_OF_PRODUCT) for row in held}
    for subject in (PRODUCTS if of_product else REFRESH for of_product in sorted(products)):
        outbox.accept(connection, Nudge(flow=Flow.CATALOGUE, subject=subject, due_at=now), now=now)


def _look_at_sale(connection: sqlite3.Connection, order_id: str, author: str, now: Instant) -> None:
    """What was fulfilled of an order is another flow's: where its sale stands, that is read again too."""
    if all(sale.voided_at is not None for sale in orders.sales_of(connection, order_id)):
        return
    fulfilments.tell(connection, order_id, now=now)
    outbox.release(connection, fulfilments.nudge(order_id, now), now=now)
    message = exceptions.Record(kind="message", id=order_id)
    exceptions.clear(connection, message, resolution=f"retry by {author}", now=now, types=(_SET_ASIDE,))


def _look_at_books(connection: sqlite3.Connection, order_id: str, author: str, now: Instant) -> None:
    """Where an order has books, its sale is read for them again."""
    if books.get(connection, order_id) is None:
        return
    outbox.release(connection, books.nudge(order_id, now), now=now)
    books.ask(connection, order_id, now=now, told=True)
    about = exceptions.Record(kind="order", id=order_id)
    exceptions.clear(connection, about, resolution=f"retry by {author}", now=now, types=("posting_rejected",))
    message = exceptions.Record(kind="message", id=order_id)
    exceptions.clear(connection, message, resolution=f"retry by {author}", now=now, types=(_SET_ASIDE,))


def _made_due(connection: sqlite3.Connection, row: ExceptionRow) -> None:
    """Note what is to be done again though nothing moved: nobody looks at a purchase, or a margin, without need."""
    if row.record.kind == "purchase":
        purchases.ask_again(connection, [row.record.id])
    if row.type == BELOW_FLOOR:
        margins.cost_moved(connection, [row.record.id])


def can_retry(row: ExceptionRow) -> bool:
    """Say whether there is anything to ask again about an exception that is about no order."""
    if row.type == _STOPPED:
        return True
    try:
        return bool(_nudged_by(row))
    except ProblemError:
        return False


def _nudged_by(row: ExceptionRow) -> list[tuple[Flow, str]]:
    if row.record.kind == "purchase":
        return [(Flow.PROCUREMENT, PURCHASE + row.record.id)]
    if row.type == BELOW_FLOOR:
        return [(Flow.PROCUREMENT, MARGINS)]
    if row.record.kind in _OF_CATALOGUE:
        return [(Flow.CATALOGUE, subject.format(id=row.record.id)) for subject in _OF_CATALOGUE[row.record.kind]]
    if row.type in _BY_TYPE:
        return [(Flow.CATALOGUE, subject) for subject in _BY_TYPE[row.type]]
    if row.type == _UNREADABLE:
        return [(Flow.ORDERS, row.record.id)]
    if row.record.kind == "message" and row.field in set(Flow):
        return [(Flow(row.field), row.record.id)]
    if row.record.kind == "connection" and row.record.id in _BY_SIDE:
        flow, subjects = _BY_SIDE[row.record.id]
        return [(flow, subject) for subject in subjects]
    if row.record.kind == "sku":
        return [(Flow.STOCK, SKU + row.record.id)]
    if row.record.kind == "flow" and row.record.id == Flow.STOCK:
        return [(Flow.STOCK, LIST)]
    if row.record.kind == "channel":
        return [(Flow.DESK, f"notice:{row.record.id}")]
    if row.record.kind in _BY_KIND:
        return [_BY_KIND[row.record.kind]]
    raise ProblemError(409, f"There is nothing to try again about a {row.record.kind} {row.record.id}.")


def _audited(row: ExceptionRow) -> str:
    """Where a dismissal is written down: on the order's timeline, where there is an order."""
    return f"order:{row.record.id}" if row.record.kind == "order" else f"exception:{row.id}"


def _holds(row: ExceptionRow) -> bool:
    return row.type in HOLDING


def _exception(connection: sqlite3.Connection, exception_id: int) -> ExceptionRow:
    row = exceptions.get(connection, exception_id)
    if row is None:
        raise ProblemError(404, f"There is no exception {exception_id}.")
    return row


def _flow(name: str) -> Flow:
    try:
        return Flow(name)
    except ValueError:
        raise ProblemError(404, f"There is no such flow; there are {', '.join(Flow)}.") from None


def _told(done: bool, message: str, **record: str | int | None) -> Done:
    return {"done": done, "message": message, **record}
