"""What was given back, in every way and at every time, ends as the page says: posted once each, or asked about."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import msgspec

from actors.domain.exception_types import CATALOGUE
from actors.intake.rules import SweepRules
from actors.stock.rules import StockRules
from adapters.sandbox.carts import PaymentDraft
from adapters.sandbox.cin7_ledger import CreditNote
from adapters.sandbox.virtual_time import DEFAULT_START
from tests.finance_house import (
    MUG,
    PLATE,
    SOON,
    TWO,
    house,
    invoices,
    notes,
    release,
    release_day,
    sale_of,
    sold,
    step,
    told,
    totals,
)
from tests.simulation.world import World, virtual

PAGE = (Path(__file__).parents[2] / "docs" / "refunds.md").read_text("utf-8")
STOCK = StockRules(channels={"": ("Main Warehouse",)}, snapshot=60_000)
SETTLED = 900.0
"""Seconds in which what moved has been looked at by every flow, and the storefront's stock follows the house."""

GOODS = {MUG: 2, PLATE: 1}
HOUR = 3_600_000
DAY_AFTER = DEFAULT_START + 24 * HOUR + HOUR // 6


class Kind(StrEnum):
    """What money is given back for."""

    FULL = "full"
    GESTURE = "partial, a gesture"
    SHIPPING = "shipping only"
    TAX = "tax only"
    LINE = "one of several lines"


class Way(StrEnum):
    """Another way in which money or goods come back, after the invoice."""

    EXCHANGE = "exchange: goods back, no money"
    PIECE = "one of two pieces back, for its price"
    PIECE_AND_SHIPPING = "one of two pieces back, for its price and the shipping"
    UNUSABLE = "a line back that cannot be sold again"
    ADVISED = "a return that is only announced"
    LATE = "goods back after their money"
    TWICE = "two gestures of the same amount"
    PARTS = "all of it, in two refunds"
    TWO_MEANS = "all of it, by the two means it was paid with"
    PENDING = "a refund that failed"
    TAKEN_BACK = "a refund that was taken back after it was posted"
    TOO_MUCH = "more than was invoiced"
    BY_HAND = "a credit note that a person made"


class End(msgspec.Struct, frozen=True, kw_only=True):
    """What it comes to: what each credit note is of, what was paid back by it, what is back in stock, who is asked."""

    credited: str = "–"
    repaid: str = "–"
    restocked: int = 0
    asked: tuple[str, ...] = ()

    def __str__(self) -> str:
        asked = "".join(f" · `{one}`" for one in self.asked)
        return f"credit note {self.credited} · paid back {self.repaid} · {self.restocked} back in stock{asked}"


class Case:
    """One order of which something comes back."""

    def __init__(self, made: World, order: str) -> None:
        self.made = made
        self.order = order
        self.sale_id = sale_of(made, order)

    def send_back(self, goods: dict[str, int], *, state: str = "Returned") -> None:
        """Let goods come back to the house."""
        for sku, units in goods.items():
            self.made.shop.advise_return(self.order, sku, units, state=state)

    def refund(self, amount: int | None = None, **named: str) -> str:
        """Give money back."""
        return self.made.shop.refund(self.order, amount, **named)

    def end(self) -> End:
        """What it came to in Cin7's books, and who is asked."""
        standing = notes(self.made, self.order)
        return End(
            credited=", ".join(_worded(note) for note in standing) or "–",
            repaid=", ".join(f"{one.amount:.2f}" for note in standing for one in note.refunds) or "–",
            restocked=int(sum(self.made.cin7.restocked(self.sale_id).values())),
            asked=tuple(told(self.made, self.order)),
        )

    def wrong(self) -> Iterator[str]:
        """Say what may never be, whatever it comes to."""
        standing, shown = notes(self.made, self.order), self.made.shop.orders[self.order]
        invoiced = sum((one.total for one in invoices(self.made, self.order)), Decimal(0))
        if sum((note.total for note in standing), Decimal(0)) > invoiced:
            yield f"{totals(standing)} credited of {invoiced}"
        named = [refund.reference for note in standing for refund in note.refunds]
        if len(named) != len(set(named)):
            yield f"paid back twice: {named}"
        if any(note.balance for note in standing if note.refunds):
            yield "a note paid back in part"
        items = [item for info in shown.get("returnInfo", []) for item in info["items"]]
        back = sum(item["quantity"] for item in items if item["shipmentState"] == "BackInStock")
        if back != sum(self.made.cin7.restocked(self.sale_id).values()):
            yield f"{back} shown as back in stock"


def _worded(note: CreditNote) -> str:
    """A note's total, and what it says that it is for."""
    goods = sum(int(row.quantity) for row in note.lines)
    said = [*([f"{goods} of the goods"] if goods else []), *(row.name.lower() for row in note.charges)]
    return f"{note.total:.2f} ({' + '.join(said)})"


def storefront_agrees(made: World) -> bool:
    """Whether the storefront offers exactly what is available in the house."""
    return all(made.shop.stock(sku) == made.cin7.available(sku) for sku in GOODS)


AMOUNTS = {Kind.FULL: 4584, Kind.GESTURE: 300, Kind.SHIPPING: 495, Kind.TAX: 765, Kind.LINE: 1499}
BACK = {Kind.FULL: GOODS, Kind.LINE: {PLATE: 1}}
"""Which goods come back with it; else a mug."""


# -- the matrix --------------------------------------------------------------------------------------------------------


def ends(credited: str, restocked: int, *asked: str) -> End:
    """An end in which each credit note was paid back whole."""
    repaid = ", ".join(part.split(" (")[0] for part in credited.split("), "))
    return End(credited=credited, repaid=repaid, restocked=restocked, asked=asked)


UNALLOCATED = ("books_differ", "refund_unallocated")
ALL = "45.84 (3 of the goods + shipping)"

TABLE: dict[tuple[Kind, bool], End] = {
    (Kind.FULL, True): ends(ALL, 3),
    (Kind.FULL, False): ends(ALL, 0),
    (Kind.GESTURE, True): End(asked=(*UNALLOCATED, "return_open")),
    (Kind.GESTURE, False): ends("3.00 (refund)", 0),
    (Kind.SHIPPING, True): ends("4.95 (shipping)", 0, "return_open"),
    (Kind.SHIPPING, False): ends("4.95 (shipping)", 0),
    (Kind.TAX, True): End(asked=(*UNALLOCATED, "return_open")),
    (Kind.TAX, False): End(asked=UNALLOCATED),
    (Kind.LINE, True): ends("14.99 (1 of the goods)", 1),
    (Kind.LINE, False): ends("14.99 (refund)", 0),
}
"""How each ends, by what it is for and whether goods came back: the same before the invoice, after it, after a lock."""

WAYS: dict[Way, End] = {
    Way.EXCHANGE: End(asked=("return_open",)),
    Way.PIECE: ends("12.95 (1 of the goods)", 1),
    Way.PIECE_AND_SHIPPING: ends("17.90 (1 of the goods + shipping)", 1),
    Way.UNUSABLE: ends("14.99 (1 of the goods)", 0),
    Way.ADVISED: End(asked=UNALLOCATED),
    Way.LATE: ends("14.99 (refund)", 0, "return_open"),
    Way.TWICE: ends("3.00 (refund), 3.00 (refund)", 0),
    Way.PARTS: ends("20.00 (refund), 25.84 (3 of the goods + shipping + refund)", 0),
    Way.TWO_MEANS: ends("34.38 (refund), 11.46 (3 of the goods + shipping + refund)", 0),
    Way.PENDING: End(),
    Way.TAKEN_BACK: ends("3.00 (refund)", 0, "books_differ"),
    Way.TOO_MUCH: End(asked=("books_differ", "credit_exceeds_invoice")),
    Way.BY_HAND: ends("14.99 (1 of the goods)", 0),
}


def test_the_tables_are_whole_and_name_exceptions_there_are() -> None:
    assert set(TABLE) == {(kind, back) for kind in Kind for back in (True, False)}
    assert set(WAYS) == set(Way)
    asked = {code for end in (*TABLE.values(), *WAYS.values()) for code in end.asked}
    assert asked <= set(CATALOGUE)
    assert asked == {line.split("`")[1] for line in section("What a person is asked") if line.startswith("| `")}


def test_the_page_shows_the_tables() -> None:
    matrix = [(kind.value, "yes" if back else "no", str(end)) for (kind, back), end in TABLE.items()]
    assert cells("How every case ends") == matrix
    assert cells("Other ways") == [(way.value, str(end)) for way, end in WAYS.items()]


def section(name: str) -> list[str]:
    """The lines of a section of the page."""
    return PAGE.split(f"## {name}\n", 1)[1].split("\n## ", 1)[0].splitlines()


def cells(name: str) -> list[tuple[str, ...]]:
    """The rows of the table in a section."""
    rows = [line for line in section(name) if line.startswith("|")]
    return [tuple(cell.strip() for cell in row.strip("|").split(" | ")) for row in rows[2:]]


@virtual
async def test_money_given_back_before_the_invoice_is_credited_once_there_is_one() -> None:
    async with house(941, posting="hold", on={"stock": STOCK}) as made:
        cases = [Case(made, await sold(made, wait=5)) for _ in TABLE]
        await ship(made, cases)
        give_back(cases)
        await made.clock.sleep(SOON)
        assert not made.cin7.invoices() and not made.cin7.credit_notes()
        assert await release_day(made, "2026-12-01") == len(cases)
        await made.clock.sleep(SETTLED)
        judge(made, cases)


@virtual
async def test_money_given_back_after_the_invoice_and_after_its_period_was_closed() -> None:
    async with house(942, starts=23 * HOUR + HOUR // 6, on={"stock": STOCK}) as made:
        both = [Case(made, await sold(made, wait=5)) for _ in (*TABLE, *TABLE)]
        at_once, later = both[: len(TABLE)], both[len(TABLE) :]
        await ship(made, both)
        give_back(at_once)
        await made.clock.sleep(SETTLED)
        await made.until(lambda: made.clock.now() > DAY_AFTER, within=7200)
        made.cin7.set_company(lock_date=date(2026, 12, 2))
        await made.clock.sleep(400)
        give_back(later)
        await made.clock.sleep(SETTLED)
        for case in later:
            assert {one.day for one in invoices(made, case.order)} == {date(2026, 12, 1)}
            assert {note.day for note in notes(made, case.order)} <= {date(2026, 12, 2)}
        judge(made, at_once)
        judge(made, later)


async def ship(made: World, cases: list[Case]) -> None:
    for case in cases:
        made.cin7.ship_rest(case.sale_id)
    await made.clock.sleep(SOON)


def give_back(cases: list[Case]) -> None:
    for case, (kind, back) in zip(cases, TABLE, strict=True):
        if back:
            case.send_back(BACK.get(kind, {MUG: 1}))
        case.refund(AMOUNTS[kind])


def judge(made: World, cases: list[Case]) -> None:
    ends = [(kind, back, case.end(), list(case.wrong())) for case, (kind, back) in zip(cases, TABLE, strict=True)]
    assert ends == [(kind, back, end, []) for (kind, back), end in TABLE.items()]
    assert storefront_agrees(made)


# -- beside the matrix -------------------------------------------------------------------------------------------------


@virtual
async def test_every_other_way_too() -> None:
    # Refunds and a note made by hand meet here as fast as a shop and a person are.
    async with house(943, on={"stock": STOCK, "sweeps": SweepRules(since=0)}) as made:
        two_means = msgspec.structs.replace(TWO, payment=PaymentDraft(gift_card_percent=25))
        cases = {way: Case(made, await sold(made, two_means if way is Way.TWO_MEANS else TWO, wait=5)) for way in Way}
        await ship(made, list(cases.values()))
        for way, case in cases.items():
            _WAYS[way](case)
        await made.clock.sleep(SOON)
        afterwards(cases)
        await made.clock.sleep(SETTLED)
        assert {way: (case.end(), list(case.wrong())) for way, case in cases.items()} == {
            way: (end, []) for way, end in WAYS.items()
        }
        assert storefront_agrees(made)


@virtual
async def test_money_given_back_in_a_period_that_is_locked_by_now_waits_for_a_person() -> None:
    async with house(944) as made:
        case = Case(made, await sold(made))
        made.cin7.set_company(lock_date=date(2026, 12, 2))
        await made.clock.sleep(400)
        case.refund(495)
        await made.clock.sleep(SOON)
        assert case.end() == End(asked=("posting_locked",))
        assert step(made, case.order) == ("agrees", "locked")
        await release(made, case.order)
        await made.clock.sleep(SOON)
        assert case.end() == ends("4.95 (shipping)", 0)
        [note] = notes(made, case.order)
        assert {note.day, *(one.day for one in note.refunds)} == {date(2026, 12, 2)}


def _piece(case: Case, *, shipping: int = 0) -> None:
    case.send_back({MUG: 1})
    case.refund(1295 + shipping)


def _unusable(case: Case) -> None:
    case.send_back({PLATE: 1})
    item = case.made.shop.orders[case.order]["returnInfo"][-1]["items"][-1]["id"]
    unusable = {"action": "setReturnShipmentState", "returnItemId": item, "shipmentState": "Unusable"}
    case.made.shop.act(case.order, unusable)
    case.refund(1499)


def _advised(case: Case) -> None:
    case.send_back({PLATE: 1}, state="Advised")
    case.refund(1499)


def _twice(case: Case) -> None:
    case.refund(300)
    case.refund(300)


def _parts(case: Case) -> None:
    case.refund(2000)
    case.refund(2584)


def _by_two_means(case: Case) -> None:
    for payment in case.made.shop.orders[case.order]["paymentInfo"]["payments"]:
        case.refund(payment_id=payment["id"])


def _by_hand(case: Case) -> None:
    case.refund(1499, interaction_id="PSP-1")
    case.made.cin7.add_credit_note(case.sale_id, lines=((PLATE, 1),), refund_reference="PSP-1")


_WAYS: dict[Way, Callable[[Case], object]] = {
    Way.EXCHANGE: lambda case: case.send_back({MUG: 1}),
    Way.PIECE: _piece,
    Way.PIECE_AND_SHIPPING: lambda case: _piece(case, shipping=495),
    Way.UNUSABLE: _unusable,
    Way.ADVISED: _advised,
    Way.LATE: lambda case: case.refund(1499),
    Way.TWICE: _twice,
    Way.PARTS: _parts,
    Way.TWO_MEANS: _by_two_means,
    Way.PENDING: lambda case: case.refund(1499, state="Pending"),
    Way.TAKEN_BACK: lambda case: case.refund(300),
    Way.TOO_MUCH: lambda case: case.refund(5000),
    Way.BY_HAND: _by_hand,
}


def afterwards(cases: dict[Way, Case]) -> None:
    """What happens later to some of them."""
    shop = cases[Way.PENDING].made.shop
    shop.settle_charges(cases[Way.PENDING].order, "Failure")
    cases[Way.LATE].send_back({PLATE: 1})
    taken_back = cases[Way.TAKEN_BACK].order
    payment = shop._payment_of(taken_back)
    shop._change_payment(
        payment,
        [one | {"state": "Failure"} if one["type"] == "Refund" else one for one in payment["transactions"]],
    )
