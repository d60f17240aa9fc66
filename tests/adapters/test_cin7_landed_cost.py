"""The purchase of docs/landed-cost.md, bought in the local Cin7 Core and read by the client: it costs what is written.

The double spreads and books by arithmetic of its own, so three that know nothing of each other agree: the page, worked
out by hand, the ledger, and the rule.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from decimal import Decimal

from actors.domain.landed_cost import expected, landed_costs
from actors.domain.purchase import Purchase, PurchaseKind
from adapters.cin7.client import Cin7Client
from adapters.sandbox.cin7 import Cin7Double
from adapters.transport import Request, Response
from tests.adapters.test_sandbox_cin7 import Shop
from tests.doc_tables import table
from tests.wire_doubles import OpenGate, StillClock

PAGE = "landed-cost.md"
SKUS = ("MUG-BLUE", "BOWL-OAK")
ORDERED = {row["SKU"]: (Decimal(row["ordered"]), Decimal(row["price EUR"])) for row in table(PAGE, "SKU")}
DOCUMENTS = {row["document"].split(",")[0]: row for row in table(PAGE, "document")}
BILL = DOCUMENTS["goods invoice"]
STEPS = list(dict.fromkeys(row["booked with"] for row in table(PAGE, "booked with")))


class Wire:
    """The double as a transport."""

    def __init__(self, double: Cin7Double) -> None:
        self._double = double

    async def send(self, request: Request) -> Response:
        return await self._double.handle(request)


class Desk(Shop):
    """The double, what somebody does in it by hand, and the client that reads it."""

    def __init__(self) -> None:
        super().__init__()
        clock = StillClock()
        self.client = Cin7Client(
            transport=Wire(self.double),
            clock=clock,
            gate=OpenGate(clock),
            probe=lambda point: None,
            base_url="http://cin7.test/ExternalApi/v2",
            account_id=self.account,
            application_key=self.key,
            timeout_seconds=60,
        )
        for sku in SKUS:
            self.double.add_product(sku)
        self.bought = self.double.buy(ORDERED, currency="EUR", rate="0.8600", required_by=date(2026, 11, 17))

    def do(self, step: str) -> None:
        """What the page says happens with this step. Packing is billed with the invoice, at the same moment."""
        match step:
            case "first receipt" | "second receipt":
                row = table(PAGE, "receipt")[step == "second receipt"]
                units = {sku: Decimal(row[sku]) for sku in SKUS}
                self.double.receive(self.bought, units, day=date.fromisoformat(row["day"]))
            case "freight" | "duty":
                amount = DOCUMENTS[step]["amount"]
                self.double.link_service(self.bought, supplier=f"{step} Ltd", amount=amount, what=step)
            case "invoice":
                extras = [row for row in DOCUMENTS.values() if "on that invoice" in row["document"]]
                charges = [(row["document"].split(",")[0], row["amount"], row["account"]) for row in extras]
                day = date.fromisoformat(BILL["day"])
                self.double.invoice_purchase(
                    self.bought, rate=BILL["rate"], charges=charges, day=day, number=BILL["number"]
                )

    async def read(self) -> Purchase:
        page = await self.client.purchases(page=1, updated_since=None)
        (mark,) = [mark for mark in page.marks if mark.kind is not PurchaseKind.SERVICE]
        return await self.client.read_purchase(mark)


async def test_after_each_step_a_unit_costs_what_the_page_says() -> None:
    desk = Desk()
    shown = {row["after"]: (row["a unit"], row["a unit 6"]) for row in table(PAGE, "after")}

    seen = {}
    for step in STEPS:
        desk.do(step)
        costs = {cost.sku: str(cost.unit) for cost in landed_costs(await desk.read())}
        seen[step] = tuple(costs[sku] for sku in SKUS)

    # Whoever enters the invoice enters its charges too: what the page shows before them never stands.
    del shown["invoice"], seen["invoice"]
    assert seen == shown


async def test_the_ledger_is_the_pages_receipt_by_receipt_and_day_by_day() -> None:
    desk = Desk()
    for step in STEPS:
        desk.do(step)
    written: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for row in table(PAGE, "booked with"):
        for sku in SKUS:
            written[row["receipt"], row["dated"], sku] += Decimal(row[sku])

    purchase = await desk.read()

    names = {one.task_id: f"R{place}" for place, one in enumerate(purchase.receipts[:: len(SKUS)], start=1)}
    skus = {one.product_id: one.sku for one in purchase.receipts}
    booked: dict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for moved in purchase.movements:
        booked[names[moved.task_id], moved.day.isoformat(), skus[moved.product_id]] += moved.value
    assert booked == written


async def test_its_parts_are_the_pages_and_leave_no_rest() -> None:
    desk = Desk()
    for step in STEPS:
        desk.do(step)
    *rows, value = table(PAGE, "part | from")
    costs = {cost.sku: cost for cost in landed_costs(await desk.read())}

    for sku in SKUS:
        shown = sorted((part.what, part.base) for part in costs[sku].parts)
        assert shown == sorted((row["part"], Decimal(row[sku])) for row in rows)
        assert costs[sku].value == Decimal(value[sku])


async def test_what_is_still_to_come_goes_down_with_each_receipt() -> None:
    desk = Desk()

    seen = []
    for step in ("", *STEPS[:2]):
        desk.do(step)
        seen.append({one.sku: (str(one.units), one.day) for one in expected(await desk.read())})

    day = date(2026, 11, 17)
    assert seen == [
        {"MUG-BLUE": ("300", day), "BOWL-OAK": ("120", day)},
        {"MUG-BLUE": ("100", day), "BOWL-OAK": ("50", day)},
        {},
    ]
