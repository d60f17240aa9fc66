"""One account of the sixteen, asked for its documents as tallyd asks: what is posted, drafted, held, and ever wrong.

The account is the double of Cin7 Core, which computes from what it is sent and is never told our figures. The wire
between is tallyd's own: bodies are encoded and answers read as the client does.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.calibration import Calibration, ModeRecord, learn
from actors.domain.comparison import compare
from actors.domain.document import order_document
from actors.domain.facts import Company, Customer, FactKind, Facts, Location, Product, TaxRule
from actors.domain.observation import observe, understand
from actors.domain.order import Order
from actors.domain.posting import ChargeRule, PostingRules
from actors.domain.prediction import Decision, Hold, Prediction, predict
from actors.domain.sale import OrderView, SaleOrder
from adapters.cin7 import translate, wire
from adapters.sandbox.cin7 import Cin7Double
from adapters.sandbox.cin7_documents import ACCOUNTS, Arithmetic
from adapters.sandbox.cin7_wire import RefusedError, read_object
from tests.rich_orders import ITEMS, rich_orders

SERVICES = ("Shipping", "Discount", "Rounding", "Gift wrap", "Voucher", "Gift card")
RULES = PostingRules(
    customer="commercetools web orders",
    location="Main Warehouse",
    tax={"standard": "20% (VAT on Income)", "reduced": "5% (VAT on Income)", "zero": "Zero Rated Income"},
    slugs={
        "gift-wrap": ChargeRule(product="Gift wrap"),
        "voucher": ChargeRule(product="Voucher"),
        "gift-card": ChargeRule(product="Gift card", tender=True),
    },
)
PERCENTS = {"20% (VAT on Income)": 20, "5% (VAT on Income)": 5, "Zero Rated Income": 0}


class Tally(msgspec.Struct, kw_only=True):
    """What became of the orders. `wrong`: authorised with a figure the customer does not owe."""

    posted: int = 0
    drafts: int = 0
    held: Counter[str] = msgspec.field(default_factory=Counter)
    wrong: list[str] = msgspec.field(default_factory=list)
    calls: int = 0


class _StoppedClock:
    """It is always the same instant here."""

    def now(self) -> int:
        return 1_798_000_000_000

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


class Account:
    """The account, and what tallyd has learnt of it."""

    def __init__(self, arithmetic: Arithmetic, **refusals: Any) -> None:
        self.double = Cin7Double(clock=_StoppedClock(), account_id="a", application_key="k")
        self.double.set_arithmetic(arithmetic)
        self.double.set_rules(**refusals)
        for item in ITEMS:
            self.double.add_product(item.sku, item.name, stock=10**6)
        for name in SERVICES:
            if self.double.books.service_by_name(name) is None:
                self.double.add_product(f"SVC-{name.upper()}", name, kind="Service")
        self.calibration = Calibration()
        self.tally = Tally()

    def facts(self) -> Facts:
        """Know what the account holds, as the registry would."""
        books = self.double.books
        products = [Product(id=one.id, sku=one.sku, name=one.name, type=one.type) for one in books.products]
        return Facts(
            products={one.sku: one for one in products},
            services={one.name: one for one in products if one.type == "Service"},
            tax_rules={
                name: TaxRule(id=name, name=name, percent=Decimal(percent)) for name, percent in PERCENTS.items()
            },
            locations={RULES.location: Location(id="l", name=RULES.location)},
            customers={RULES.customer: Customer(id=books.customers[0].id, name=RULES.customer, currency="GBP")},
            company=Company(name="", currency="GBP", time_zone="Europe/London"),
            loaded=frozenset(FactKind),
            calibration=self.calibration,
        )

    def a_new_day(self) -> None:
        """Nothing was refuted today."""
        self.calibration = msgspec.structs.replace(
            self.calibration,
            inclusive=msgspec.structs.replace(self.calibration.inclusive, fresh=frozenset()),
            exclusive=msgspec.structs.replace(self.calibration.exclusive, fresh=frozenset()),
        )

    def take(self, order: Order) -> Prediction | Hold:
        """Carry one order as far as it goes; return what it was judged at the end."""
        sale_id, begun = "", None
        for _ in range(8):
            judged = predict(order, self.facts(), RULES)
            if isinstance(judged, Hold):
                self.tally.held.update({finding.code for finding in judged.findings})
                return judged
            if begun is not judged.tax_inclusive:  # a header of the other mode is withdrawn
                sale_id, begun = self._header(judged), judged.tax_inclusive
            authorise = judged.decision is Decision.POST
            document = order_document(sale_id, judged, authorise=authorise)
            answer = self._ask(document)
            if isinstance(answer, str):
                self._refused(judged, answer)
                continue
            differences = compare(judged, answer, tax_inclusive_answer=judged.tax_inclusive)
            self._learn(judged, observe(judged, answer))
            if authorise:
                self.tally.posted += 1
                if differences:
                    self.tally.wrong.append(f"{order.shown_as}: {'; '.join(map(str, differences))}")
                return judged
            self.tally.drafts += 1
        raise AssertionError(f"{order.shown_as} goes round in circles")

    def _header(self, judged: Prediction) -> str:
        self.tally.calls += 1
        made = self.double._desk.create(
            {
                "CustomerID": judged.customer_id,
                "Location": judged.location,
                "SkipQuote": True,
                "TaxInclusive": judged.tax_inclusive,
                "TaxRule": judged.tax_rule,
            }
        )
        return str(made["ID"])

    def _ask(self, document: SaleOrder) -> OrderView | str:
        """Send a document over the wire; return what is shown, or the words it is refused with."""
        self.tally.calls += 1
        body = wire.ENCODER.encode(translate.sent_order(document))
        try:
            shown = self.double._desk.post_order(read_object(body))
        except RefusedError as refusal:
            return refusal.text
        encoded = wire.ENCODER.encode(shown)
        return translate.order_view(msgspec.json.decode(encoded, type=wire.Order))

    def _learn(self, judged: Prediction, refuted: frozenset[int] | None) -> None:
        if refuted is None:
            return
        mode = "inclusive" if judged.tax_inclusive else "exclusive"
        lesson = learn(self.calibration.of(inclusive=judged.tax_inclusive), refuted)
        other = {"exclusive" if mode == "inclusive" else "inclusive": ModeRecord()} if lesson.upset else {}
        self.calibration = msgspec.structs.replace(self.calibration, **{mode: lesson.record}, **other)

    def _refused(self, judged: Prediction, words: str) -> None:
        refusal = understand(judged, words)
        assert refusal.teaches, words
        if refusal.flag:
            self.calibration = msgspec.structs.replace(self.calibration, **{refusal.flag: False})
        self._learn(judged, refusal.refuted)


def accounts() -> Mapping[str, Arithmetic]:
    """The sixteen, by name: "2 row4 half_up" rounds lines to 2 and each row's tax to 4 decimals, halves up."""
    return {
        f"{one.line_digits} {one.tax}{one.tax_digits if one.tax == 'row' else ''} {one.rounding}": one
        for one in ACCOUNTS
    }


def run(account: Account, orders: Iterable[Order]) -> Tally:
    """Take the orders one after the other."""
    for order in orders:
        account.take(order)
    return account.tally


class Shop(msgspec.Struct, frozen=True, kw_only=True):
    """One account and one shop of orders, all on one day: what came of it."""

    account: str
    tally: Tally


def learn_one(name: str, seed: int, orders: int) -> Shop:
    """Let one account be learnt from one shop's orders."""
    return Shop(account=name, tally=run(Account(accounts()[name]), rich_orders(seed, orders)))


def change_overnight(before: str, after: str, seed: int, orders: int) -> Tally:
    """Learn one account by day; at night it becomes another and says nothing of it."""
    account = Account(accounts()[before])
    run(account, rich_orders(seed, orders))
    account.a_new_day()
    account.double.set_arithmetic(accounts()[after])
    return run(account, rich_orders(seed + 1, orders))


def main(arguments: list[str] | None = None) -> int:
    """Run every account over many shops, and every change overnight; print what was posted, drafted, held, wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.accounts", description=main.__doc__)
    parser.add_argument("--shops", type=int, default=12, help="shops an account (default 12)")
    parser.add_argument("--orders", type=int, default=150, help="orders a shop (default 150)")
    chosen = parser.parse_args(arguments)
    failed = False
    for name in accounts():
        shops = [learn_one(name, seed, chosen.orders).tally for seed in range(chosen.shops)]
        drafts = sorted(shop.drafts for shop in shops)
        wrong = [text for shop in shops for text in shop.wrong]
        posted = sum(shop.posted for shop in shops)
        held = sum((shop.held for shop in shops), Counter())
        failed |= bool(wrong) or drafts[-1] > MOST_DRAFTS
        sys.stdout.write(
            f"{name}: {posted} posted, {len(wrong)} wrong, held {dict(held)}, drafts median"
            f" {drafts[len(drafts) // 2]} most {drafts[-1]}\n"
        )
    changes = [
        change_overnight(before, after, seed, chosen.orders)
        for seed, (before, after) in enumerate(itertools.permutations(accounts(), 2))
    ]
    wrong = [text for change in changes for text in change.wrong]
    failed |= bool(wrong)
    posted = sum(change.posted for change in changes)
    sys.stdout.write(f"changed overnight: {len(changes)} pairs, {posted} posted, {len(wrong)} wrong\n")
    return int(failed)


MOST_DRAFTS = 9
"""So many orders at most go as a DRAFT before an account is known (money §6)."""

if __name__ == "__main__":
    sys.exit(main())
