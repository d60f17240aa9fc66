"""Behind the API of edits and of what is kept sealed of an order.

An edit is one transaction: its row and its sealed texts, what the order claims of stock, the audit, a line of the
timeline, and the nudge to look at the order again. A crash leaves all of it or nothing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag

from actors.domain.exception_types import Finding
from actors.domain.mapping import product_of
from actors.domain.order import Order
from actors.domain.order_state import FINAL, OrderState
from actors.domain.patching import NAMES, PARTS, Edited, Laid, Patch, joined, lay, receiver_of, standing, unfit
from actors.domain.posting import PostingRules
from actors.domain.time import Instant
from actors.messages import Flow, Nudge, Urgency
from adapters.commercetools.translate import UnreadableOrderError, read_order
from adapters.operator.access import Person, require
from adapters.operator.patch_api import EDIT_ROLES, FIELDS, PERSONAL_ROLES, Document, PatchDraft
from adapters.operator.problems import ProblemError
from daemon.desk.edit_view import Original, edit_view, originals
from daemon.desk.payloads import payload_view
from daemon.running import Running
from storage import audit, bodies, exceptions, facts, orders, outbox, patches, timeline
from storage.bodies import Sealer
from storage.orders import OrderRecord
from storage.patches import PatchRow

_UNSOLD = frozenset({OrderState.ACCEPTED, OrderState.AWAITING, OrderState.HELD, OrderState.SHADOWED})
"""States of an order that is no sale, unless one stands for it."""

_MAYBE_SOLD = frozenset({OrderState.CREATING, OrderState.IN_DOUBT})


class PatchDesk:
    """Implements `PatchReading`."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def editable(self, ref: str, person: Person, *, opened: bool) -> Document | None:
        """See `PatchReading`."""
        personal, engine = opened and bool(person.roles & PERSONAL_ROLES), self._app.engine
        rules, may = engine.plan.posting, bool(person.roles & EDIT_ROLES)

        def unit(connection: sqlite3.Connection) -> Document | None:
            record = orders.find(connection, ref)
            if record is None:
                return None
            shown = editable_view(connection, record, sealer=self._sealer, rules=rules, personal=personal, may=may)
            if personal and shown["fields"]:
                self._looked(connection, person, record, "order, edits")
            return shown

        return await self._read(unit, personal=personal)

    async def patch(self, key: str, ref: str, draft: PatchDraft, person: Person) -> Document:
        """See `PatchReading`."""
        require(person, EDIT_ROLES)

        def unit(connection: sqlite3.Connection, order_id: str, now: Instant) -> dict[str, Any]:
            if not draft.reason:
                raise ProblemError(400, "reason is missing: say why you edit it; it is kept with your name.")
            return apply_patch(
                connection,
                order_id,
                draft,
                key=key,
                sealer=self._sealer,
                author=person.name,
                reason=draft.reason,
                now=now,
                gift_cards=self._app.engine.plan.posting.gift_cards,
            )

        return await self._act("edit", ref, person, unit)

    async def withdraw(self, ref: str, patch_id: int, person: Person, *, reason: str) -> Document:
        """See `PatchReading`."""
        require(person, EDIT_ROLES)

        def unit(connection: sqlite3.Connection, order_id: str, now: Instant) -> dict[str, Any]:
            return withdraw_patch(
                connection, order_id, patch_id, sealer=self._sealer, author=person.name, reason=reason, now=now
            )

        return await self._act("withdraw edit", ref, person, unit)

    async def payloads(self, ref: str, person: Person) -> Document | None:
        """See `PatchReading`."""
        personal = bool(person.roles & PERSONAL_ROLES)

        def unit(connection: sqlite3.Connection) -> Document | None:
            record = orders.find(connection, ref)
            if record is None:
                return None
            shown = payload_view(connection, record.id, sealer=self._sealer, personal=personal)
            if personal and shown["bodies"]:
                self._looked(connection, person, record, ", ".join(body["kind"] for body in shown["bodies"]))
            return shown

        return await self._read(unit, personal=personal)

    async def _read(self, unit: Callable[[sqlite3.Connection], Document | None], *, personal: bool) -> Document | None:
        # Only what is written down needs the writer's turn.
        database = self._app.engine.database
        return await (database.run(unit) if personal else database.read(unit))

    def _looked(self, connection: sqlite3.Connection, person: Person, record: OrderRecord, kinds: str) -> None:
        """Write down who saw what an order says of people."""
        now, about = self._app.engine.clock.now(), f"order:{record.id}"
        audit.write(connection, author=person.name, action="body", record=about, now=now, kinds=kinds)

    @property
    def _sealer(self) -> Sealer:
        return Sealer(self._app.engine.plan.storage_key)

    async def _act(
        self, action: str, ref: str, person: Person, unit: Callable[[sqlite3.Connection, str, Instant], dict[str, Any]]
    ) -> Document:
        engine = self._app.engine

        def found(connection: sqlite3.Connection) -> dict[str, Any]:
            record = orders.find(connection, ref)
            if record is None:
                raise ProblemError(404, "No order has this number or id, nor does its sale.")
            return unit(connection, record.id, engine.clock.now())

        done = await engine.database.run(found)
        engine.bell.ring()
        engine.log("person.acted", operation=action, order=done["order"], user=person.name)
        return done


def editable_view(
    connection: sqlite3.Connection,
    record: OrderRecord,
    *,
    sealer: Sealer,
    rules: PostingRules,
    personal: bool,
    may: bool,
) -> Document:
    """Return what may be edited of an order and what was, as `PatchReading.editable` describes it."""
    why_not = why_fixed(connection, record) or ("" if may else "Editing needs the role ops or ecommerce.")
    found = _original(connection, record, sealer)
    original = found if isinstance(found, Original) else None
    if isinstance(found, str):
        why_not = why_not or found
    return edit_view(connection, record, original, sealer=sealer, rules=rules, personal=personal, why_not=why_not)


# -- units, to be called within a transaction --------------------------------------------------------------------------


def apply_patch(
    connection: sqlite3.Connection,
    order_id: str,
    draft: PatchDraft,
    *,
    key: str,
    sealer: Sealer,
    author: str,
    reason: str,
    now: Instant,
    gift_cards: Collection[str] = (),
) -> dict[str, Any]:
    """Record one edit of an order and have it looked at again, within the transaction of the caller.

    `gift_cards` are SKUs that are sold as a debt: nothing stands in for one, and none for goods. Return `{"done",
    "message", "order", "number", "patch"}`; the same `key` does it once. Who may edit is the caller's to ask
    (`EDIT_ROLES`).

    Raises:
        ProblemError: 404, no such order; 409, it can be edited no more; 400, what is wrong with the edit.
    """
    record = _found(connection, order_id)
    said = sealer.digest(msgspec.json.encode([order_id, draft.field, sorted(draft.values.items())]).decode())
    known = patches.by_key(connection, key)
    if known is not None:
        return _again(record, known, said)
    _open(connection, record)
    field, values = _judged(draft)
    if field is Edited.ALIAS and {values["sku"], values["alias"]} & set(gift_cards):
        raise ProblemError(409, "A gift card is a debt and no goods: map it at the desk or in [mappings.gift_cards].")
    original = _known(connection, record, sealer)
    edit = _Edit(connection, record, original, sealer=sealer, author=author, reason=reason, key=key, said=said, now=now)
    return edit.alias(values) if field is Edited.ALIAS else edit.texts(field, values)


def withdraw_patch(
    connection: sqlite3.Connection,
    order_id: str,
    patch_id: int,
    *,
    sealer: Sealer,
    author: str,
    reason: str,
    now: Instant,
) -> dict[str, Any]:
    """Take an edit back and have the order looked at again, within the transaction of the caller.

    Raises:
        ProblemError: 404, no such order or edit; 409, the order's sale was made with it.
    """
    record, row = _found(connection, order_id), patches.get(connection, patch_id)
    if row is None or row.order_id != order_id:
        raise ProblemError(404, f"Order {_shown(record)} has no edit {patch_id}.")
    if row.withdrawn_at is not None:
        return _told(record, patch_id, f"Edit {patch_id} is withdrawn already.", done=False)
    _open(connection, record)
    patches.withdraw(connection, patch_id, author=author, now=now)
    if row.field is Edited.ALIAS:
        orders.sell_as(connection, _known(connection, record, sealer).order, now=now)
    detail = _named(row.field, row.names, row.sku, row.alias)
    _written(connection, record, "withdraw edit", patch_id, detail, author=author, reason=reason, now=now)
    return _told(record, patch_id, f"Edit {patch_id} is withdrawn; order {_shown(record)} is looked at again now.")


def why_fixed(connection: sqlite3.Connection, record: OrderRecord) -> str:
    """Say why an order can be edited no more, and what to do instead; "" where it can."""
    shown = _shown(record)
    if record.state in FINAL:
        return f"Order {shown} is {record.state.value}: nothing is sent of it any more."
    if record.state in _MAYBE_SOLD:
        return f"The sale of order {shown} may be made at this moment: try again once that is known."
    sale = next((one for one in orders.sales_of(connection, record.id) if one.voided_at is None), None)
    if sale is not None or record.state not in _UNSOLD:
        named = (sale.number or sale.sale_id) if sale is not None else "of it"
        return (
            f"Order {shown} is sale {named} already. Change the order in commercetools: its texts are changed on the"
            " sale too. For another SKU void the sale in Cin7 Core, edit, and send the order again."
        )
    return ""


class _Edit:
    """One edit that is being recorded."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        record: OrderRecord,
        original: Original,
        *,
        sealer: Sealer,
        author: str,
        reason: str,
        key: str,
        said: str,
        now: Instant,
    ) -> None:
        self._connection = connection
        self._record = record
        self._original = original
        self._sealer = sealer
        self._author = author
        self._reason = reason
        self._key = key
        self._said = said
        self._now = now

    def alias(self, values: dict[str, str]) -> dict[str, Any]:
        """Have a SKU of the order sold as another one."""
        sku, alias = values["sku"], values["alias"]
        self._fits(sku, alias)
        shown = _shown(self._record)
        if patches.aliases(self._connection, self._record.id).get(sku) == alias:
            known = next(row for row in self._rows() if (row.sku, row.alias) == (sku, alias))
            return _told(self._record, known.id, f"{sku} of order {shown} is sold as {alias} already.", done=False)
        number = patches.add_alias(
            self._connection,
            self._record.id,
            sku,
            alias,
            author=self._author,
            reason=self._reason,
            key=self._key,
            said=self._said,
            now=self._now,
        )
        orders.sell_as(self._connection, self._original.order, now=self._now)
        return self._done(number, _named(Edited.ALIAS, (), sku, alias), f"{sku} of order {shown} is sold as {alias}")

    def _rows(self) -> list[PatchRow]:
        rows = patches.of_order(self._connection, self._record.id)
        return [row for row in reversed(rows) if row.withdrawn_at is None]

    def _fits(self, sku: str, alias: str) -> None:
        """An alias names an item that can be sold, for one that cannot: else the wrong stock would be sold."""
        ordered = {line.sku for line in self._original.order.lines}
        if sku not in ordered:
            raise ProblemError(409, f"Order {_shown(self._record)} has no line with SKU {sku}; mind capitals.")
        known = facts.for_order(self._connection, {sku, alias}, currency=self._record.currency)
        if not isinstance(product_of(sku, known), Finding):
            raise ProblemError(409, f"Cin7 Core can sell {sku} itself: nothing has to stand in for it.")
        found = product_of(alias, known)
        if isinstance(found, Finding):
            mend = "Name an item that is active and sellable in Cin7 Core, exactly as it is spelt there."
            raise ProblemError(409, f"{alias} cannot stand in for {sku}: {found.cause}. {mend}")

    def texts(self, field: Edited, values: dict[str, str]) -> dict[str, Any]:
        """Put texts about people into the order."""
        order, shown = self._original.order, _shown(self._record)
        if field in (Edited.ADDRESS, Edited.CONTACT) and set(values) - {"email"} and receiver_of(order) is None:
            raise ProblemError(409, f"Order {shown} has no address: add one in commercetools.")
        if "country" in values:
            self._same_country(values.pop("country"))
        standing_now = patches.standing(self._connection, self._record.id, self._sealer)
        values = self._with_whole_name(values, standing_now)
        if not values:
            raise ProblemError(400, "The edit changes nothing.")
        if wrong := unfit(values):
            raise ProblemError(400, wrong)
        said = next((row for row in self._rows() if row.field is field), None)
        if said is not None and _says_so(lay(order, standing_now), values):
            return _told(self._record, said.id, f"Order {shown} says so already.", done=False)
        number = patches.add_texts(
            self._connection,
            self._record.id,
            field,
            values,
            standing(order, values),
            sealer=self._sealer,
            author=self._author,
            reason=self._reason,
            key=self._key,
            said=self._said,
            now=self._now,
        )
        return self._done(number, _named(field, tuple(values)), f"The {field.value} of order {shown} is edited")

    def _same_country(self, country: str) -> None:
        receiver = receiver_of(self._original.order)
        if receiver is not None and country.strip().upper() != receiver.country.upper():
            raise ProblemError(
                400, "A country decides the tax that was paid: change it in commercetools, or place the order anew."
            )

    def _with_whole_name(self, values: dict[str, str], stand: tuple[Patch, ...]) -> dict[str, str]:
        """Who edits a part of a name leaves the other as it is: both are kept, since they are laid over as one."""
        if not set(NAMES) & set(values):
            return values
        overtaken = lay(self._original.order, stand).overtaken
        holding = [patch.values or {} for patch in stand if patch.id not in overtaken]
        now = originals(self._original) | {
            name: text for texts in holding for name, text in texts.items() if name in NAMES
        }
        return values | {name: values.get(name, now.get(name, "")) for name in NAMES}

    def _done(self, number: int, detail: dict[str, str], what: str) -> dict[str, Any]:
        _written(
            self._connection,
            self._record,
            "edit",
            number,
            detail,
            author=self._author,
            reason=self._reason,
            now=self._now,
        )
        return _told(self._record, number, f"{what}; it is looked at again now.")


def _judged(draft: PatchDraft) -> tuple[Edited, dict[str, str]]:
    """Return what the edit is about and its values. Raises `ProblemError` 400."""
    if draft.field not in FIELDS:
        raise ProblemError(400, f"An edit is about {', '.join(FIELDS)}; anything else is mended at its source.")
    field, values = Edited(draft.field), {name: _tidied(text) for name, text in draft.values.items()}
    names = ("sku", "alias") if field is Edited.ALIAS else PARTS[field]
    if not values or not set(values) <= set(names):
        raise ProblemError(400, f"The values of {field.value} are {', '.join(names)}.")
    if field is Edited.ALIAS and not (values.get("sku") and values.get("alias")):
        raise ProblemError(400, "An alias needs sku, as it was ordered, and alias, as Cin7 Core has it.")
    if field is Edited.ALIAS and values["sku"] == values["alias"]:
        raise ProblemError(400, "A SKU is no alias of itself.")
    return field, values


def _tidied(text: str) -> str:
    """Return a text without blanks around it; a form ends its lines in two characters."""
    return text.replace("\r\n", "\n").strip()


def _says_so(laid: Laid, values: dict[str, str]) -> bool:
    """Say whether the order has these texts by edits that stand."""
    whole = joined(values)
    if laid.lost & whole.keys() or ("note" in whole and laid.order.note is None):
        return False
    return standing(laid.order, whole) | {"note": laid.order.note or ""} == {"note": laid.order.note or ""} | whole


def _again(record: OrderRecord, known: PatchRow, said: str) -> dict[str, Any]:
    if known.order_id != record.id or known.said != said:
        raise ProblemError(409, "This key was used for another edit: choose a new one.")
    return _told(record, known.id, f"Edit {known.id} of order {_shown(record)} is recorded already.", done=False)


def _found(connection: sqlite3.Connection, order_id: str) -> OrderRecord:
    record = orders.get(connection, order_id)
    if record is None:
        raise ProblemError(404, "There is no such order.")
    return record


def _open(connection: sqlite3.Connection, record: OrderRecord) -> None:
    if why := why_fixed(connection, record):
        raise ProblemError(409, why)


def _known(connection: sqlite3.Connection, record: OrderRecord, sealer: Sealer) -> Original:
    original = _original(connection, record, sealer)
    if isinstance(original, str):
        raise ProblemError(409, original)
    return original


def _original(connection: sqlite3.Connection, record: OrderRecord, sealer: Sealer) -> Original | str:
    """Return the order as commercetools has it, as it was last read; or why it is not known."""
    shown = _shown(record)
    retry = f"What order {shown} says is not kept here any more: retry the order, which reads it again, and then edit."
    sealed = bodies.get(connection, record.id, "order")
    if sealed is None:
        return retry
    try:
        body = sealer.open(sealed, order_id=record.id, kind="order")
        order: Order = read_order(body)
    except (InvalidTag, UnreadableOrderError):
        return retry
    return Original(order=order, document=msgspec.json.decode(body))


def _named(field: Edited, names: tuple[str, ...], sku: str = "", alias: str = "") -> dict[str, str]:
    """Say what an edit is about, without a text about people."""
    if field is Edited.ALIAS:
        return {"field": field.value, "sku": sku, "alias": alias}
    return {"field": field.value, "names": ", ".join(names)}


def _written(
    connection: sqlite3.Connection,
    record: OrderRecord,
    action: str,
    patch_id: int,
    detail: dict[str, str],
    *,
    author: str,
    reason: str,
    now: Instant,
) -> None:
    """Write down what a person did, and have the order looked at, also where its message was set aside."""
    about = f"order:{record.id}"
    named = {"edit": str(patch_id), **detail}
    audit.write(connection, author=author, action=action, record=about, now=now, reason=reason, **named)
    what = "edited at the desk" if action == "edit" else "edit withdrawn"
    timeline.note(connection, record.id, what, now=now, **named)
    nudge = Nudge(flow=Flow.ORDERS, subject=record.id, due_at=now, urgency=Urgency.UNDERWAY)
    outbox.release(connection, nudge, now=now)
    exceptions.clear(
        connection,
        exceptions.Record(kind="order", id=record.id),
        resolution=f"{action} by {author}",
        now=now,
        types=("message_quarantined",),
    )


def _shown(record: OrderRecord) -> str:
    return record.number or record.id


def _told(record: OrderRecord, patch_id: int, message: str, *, done: bool = True) -> dict[str, Any]:
    return {"done": done, "message": message, "order": record.id, "number": record.number, "patch": patch_id}
