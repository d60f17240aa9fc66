"""The books through the whole engine: orders sold into both doubles, looked at by finance, judged on Cin7's own books.

News travels by the sweeps: a payment or a return of commercetools is known within `SOON` seconds, and what was done in
Cin7 Core within `LATER`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import msgspec

from actors.finance.rules import FinanceRules
from actors.fulfilment.rules import FulfilmentRules
from actors.intake.rules import SweepRules
from actors.messages import Flow
from adapters.sandbox.carts import LineDraft, OrderDraft, PaymentDraft, ShippingDraft, rule_of
from adapters.sandbox.cin7_ledger import CreditNote, Invoice, Payment
from daemon import actions, releasing
from storage import books, orders
from storage.books import BooksRecord
from storage.orders import OrderRecord
from tests.simulation.world import World, plan, world

MUG, PLATE = "HW-MUG-STN-01", "HW-PLT-DIN-26"
TWO = OrderDraft(
    lines=(LineDraft(sku=MUG, quantity=2), LineDraft(sku=PLATE, quantity=1)), shipping=ShippingDraft(tax=rule_of(20))
)
"""2 x 12.95, 14.99 and 4.95 of shipping: 45.84, and 7.65 of it tax."""

UNPAID = msgspec.structs.replace(TWO, payment=PaymentDraft(status="authorized"))
CLEARING, GIFT_CARDS = "090", "850"
ACCOUNTS = {"adyen/scheme": CLEARING, "giftcard": GIFT_CARDS}
SOON, LATER = 120.0, 400.0


def finance(**changes: Any) -> FinanceRules:
    """Everything that agrees is posted, unless told otherwise."""
    return msgspec.structs.replace(
        FinanceRules(posting="auto", refunds="credit-note", accounts=ACCOUNTS, location="Main Warehouse"), **changes
    )


@asynccontextmanager
async def house(
    seed: int,
    *,
    starts: int = 0,
    cin7: Mapping[str, Any] | None = None,
    on: Mapping[str, Any] | None = None,
    teach: bool = True,
    **rules: Any,
) -> AsyncIterator[World]:
    """A world whose finance has these rules; `starts` milliseconds after the first of December, `on` another plan."""
    chosen = finance(**rules)
    posts_refunds = chosen.posting != "off" and chosen.refunds == "credit-note"
    settings: dict[str, Any] = {
        "finance": chosen,
        "fulfilment": FulfilmentRules(tell_refunds=not posts_refunds),
        # Nothing here hangs on the second an order is known in, and an hour of hot sweeps takes three seconds to play.
        "sweeps": SweepRules(since=0, hot=30_000),
        **(on or {}),
    }
    async with world(seed, the_plan=plan(**settings), cin7=cin7) as made:
        made.clock.shift(starts)
        await made.ready(taught=teach)
        yield made


async def sold(made: World, draft: OrderDraft = TWO, *, wait: float = 60) -> str:
    """Place an order; wait until it is a sale, and as long again as its books take."""
    order = made.shop.place_order(draft)
    await made.exported(order, within=300)
    await made.clock.sleep(wait)
    return order


def sale_of(made: World, order: str) -> str:
    """The id of the order's sale."""
    return next(sale.id for sale in made.cin7.sales if order in (sale.external_id or ""))


def kept(made: World, order: str) -> BooksRecord:
    """The books of an order, as they are on disk."""
    found = made.read(lambda connection: books.get(connection, order))
    assert found is not None
    return found


def record_of(made: World, order: str) -> OrderRecord:
    """The order as it is on disk."""
    found = made.read(lambda connection: orders.get(connection, order))
    assert found is not None
    return found


def step(made: World, order: str) -> tuple[str, str]:
    """The verdict on an order's books, and what they wait for."""
    record = kept(made, order)
    return record.verdict, record.step


def invoices(made: World, order: str) -> list[Invoice]:
    """What stands of the order's invoices in Cin7 Core."""
    return [one for one in made.cin7.invoices(sale_of(made, order)) if one.stands]


def payments(made: World, order: str) -> list[Payment]:
    """The payments on them."""
    return [pay for one in invoices(made, order) for pay in one.payments]


def notes(made: World, order: str) -> list[CreditNote]:
    """What stands of the order's credit notes."""
    return [one for one in made.cin7.credit_notes(sale_of(made, order)) if one.stands]


def totals(documents: list[Invoice] | list[CreditNote]) -> list[str]:
    """What each of them comes to."""
    return [f"{one.total:.2f}" for one in documents]


def paid(made: World, order: str) -> list[tuple[str, str, str]]:
    """Each payment: the transaction it names, its amount, its account."""
    return [(one.reference, f"{one.amount:.2f}", one.account) for one in payments(made, order)]


def moved(made: World, order: str, kind: str = "Charge") -> list[str]:
    """The ids of the order's transactions of this kind, oldest first."""
    return [one["id"] for one in transactions(made, order) if one["type"] == kind]


def transactions(made: World, order: str) -> list[dict[str, Any]]:
    """What moved, or was reserved, of all payments of an order."""
    named = made.shop.orders[order].get("paymentInfo", {}).get("payments", [])
    return [one for payment in named for one in made.shop.payments[payment["id"]]["transactions"]]


def found(made: World, order: str) -> set[tuple[str, str]]:
    """What does not agree of an order: chain and reason."""
    listed = made.read(lambda connection: books.discrepancies_of(connection, order))
    return {(one.chain.value, one.reason.value) for one in listed}


def told(made: World, record: str) -> list[str]:
    """The types of what is told of it."""
    return made.daemon.open_types(record)


async def release(made: World, order: str, *, author: str = "ann", four_eyes: bool = False) -> None:
    """A person accepts the books of an order as they stand. Raises ProblemError."""
    record, stands, now = record_of(made, order), kept(made, order), made.clock.now()
    await made.daemon.write(
        lambda connection: releasing.release(
            connection, record, stands, author=author, reason="seen", four_eyes=four_eyes, now=now
        )
    )


async def reject(made: World, order: str, *, author: str = "ann") -> None:
    """A person takes the books of an order out of tallyd's hands."""
    record, stands, now = record_of(made, order), kept(made, order), made.clock.now()
    await made.daemon.write(
        lambda connection: releasing.reject(connection, record, stands, author=author, reason="by hand", now=now)
    )


async def release_day(made: World, day: str, *, author: str = "ann") -> int:
    """A person releases what waits of a day; return of how many orders."""
    now = made.clock.now()
    decided = await made.daemon.write(
        lambda connection: releasing.release_day(connection, day, author=author, reason="closed", now=now)
    )
    return decided.orders


async def look(made: World, order: str, *, seconds: float = 10) -> None:
    """Have the books of an order looked at now."""
    await made.daemon.nudge(order, Flow.FINANCE)
    await made.clock.sleep(seconds)


async def retry(made: World, order: str, *, seconds: float = 10) -> None:
    """A person has an order looked at again, as the command does."""
    await actions.retry_order(Running(made), order, author="ann", reason="mended")  # type: ignore[arg-type]
    await made.clock.sleep(seconds)


class Running:
    """As much of the running daemon as a person's command needs."""

    def __init__(self, made: World) -> None:
        self.engine = made.engine
        self.settings = SimpleNamespace(finance=made.plan.finance)


def pounds(minor: int) -> Decimal:
    """Minor units as an amount."""
    return Decimal(minor).scaleb(-2)
