"""One account of the sixteen, asked for its documents as tallyd asks: what is posted, drafted, held, and ever wrong.

The account is the double of Cin7 Core, which computes from what it is sent and is never told our figures. The wire
between is tallyd's own: bodies are encoded and answers read as the client does.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

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
from adapters.sandbox.cin7_documents import Arithmetic
from adapters.sandbox.cin7_wire import RefusedError, read_object
from tests.rich_orders import ITEMS

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
    wrong: list[str] = []
    calls: int = 0


class _StoppedClock:
    """It is always the same instant here."""

    def now(self) -> int:
        return 1_798_000_000_000

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nothing waits here")


class Account:
    """The account, and what tallyd has learnt of it."""

    def __init__(self, arithmetic: Arithmetic, **refusals: bool) -> None:
        self.double = Cin7Double(
            clock=_StoppedClock(),
            account_id="a",
            application_key="k",
            tax_behaviour=arithmetic.tax,
            rounding=arithmetic.rounding,
            line_digits=arithmetic.line_digits,
            tax_digits=arithmetic.tax_digits,
            **refusals,
        )
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
    """The sixteen, by name."""
    return {
        f"{line} {tax}{digits if tax == 'row' else ''} {rounding}": Arithmetic(
            tax=tax, rounding=rounding, line_digits=line, tax_digits=digits
        )
        for line in (2, 4)
        for tax, digits in (("given", 2), ("row", 2), ("row", 4), ("document", 2))
        for rounding in ("half_up", "half_even")
    }


def run(account: Account, orders: Iterable[Order]) -> Tally:
    """Take the orders one after the other."""
    for order in orders:
        account.take(order)
    return account.tally
