"""Whatever documents there are: the discrepancies of a chain add up to what its two sides differ by, and the ledger's
lines are those two sides.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.domain.discrepancy import Chain
from actors.domain.figures import Figures, Sold
from actors.domain.financial import Invoice, PostedPayment
from actors.domain.fulfilment import CreditNote
from actors.domain.order import Order, Payment, TaxedTotal, Transaction
from actors.domain.reconciling import Documents
from actors.domain.rows import OrderRow
from actors.domain.sale import OrderView
from tests.rules.booked import ALL, an_order, documents, entered, explained, invoice, judged, posted, sides

RULES = ("Sales 20%", "Sales 5%", "Sales 12%", "")
IDS = ("t-00001", "t-00002", "psp-0001", "cash", "")

amounts = st.decimals(-50, 200, places=4) | st.sampled_from([Decimal(0), Decimal("46.95"), Decimal("12.00")])
cents = st.integers(0, 10_000)
rates = st.none() | st.sampled_from([Decimal(1), Decimal("1.17"), Decimal("1.1704")])
rows = st.builds(
    OrderRow,
    sku=st.sampled_from(["MUG", "PLATE", "JUG"]),
    name=st.sampled_from(["Shipping", "Discount", "Other"]),
    quantity=st.integers(-1, 4).map(Decimal),
    price=amounts,
    tax=amounts,
    tax_rule=st.sampled_from(RULES),
    total=amounts,
    is_charge=st.booleans(),
)
payments = st.builds(
    PostedPayment,
    id=st.sampled_from(["p1", "p2", "p3", ""]),
    type=st.just("PAYMENT"),
    amount=amounts,
    reference=st.sampled_from(IDS),
    rate=rates,
)
SALE_ROWS = posted(an_order())[1].rows


@st.composite
def near(draw: st.DrawFn) -> tuple[OrderRow, ...]:
    """The sale's own rows, one of them changed or left out: what people do."""
    place = draw(st.integers(0, len(SALE_ROWS) - 1))
    change = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "quantity": st.integers(0, 4).map(Decimal),
                "price": amounts,
                "tax": amounts,
                "total": amounts,
                "tax_rule": st.sampled_from(RULES),
            },
        )
    )
    mine = [] if draw(st.booleans()) else [msgspec.structs.replace(SALE_ROWS[place], **change)]
    return (*SALE_ROWS[:place], *mine, *SALE_ROWS[place + 1 :])


some_rows = near() | near() | st.just(SALE_ROWS) | st.lists(rows, max_size=3).map(tuple)
MOSTLY_GBP = ["GBP"] * 9 + ["EUR"]


def figures_of(kind: type, **others: Any) -> st.SearchStrategy[Any]:
    figures = dict.fromkeys(("net", "tax", "total"), amounts)
    return st.builds(kind, rows=some_rows, **figures, **others)


invoices = figures_of(
    Invoice,
    task_id=st.sampled_from(["a", "b", ""]),
    number=st.sampled_from(["INV-1", "INV-2"]),
    status=st.sampled_from(["AUTHORISED", "PAID", "VOIDED", "DRAFT"]),
    payments=st.lists(payments, max_size=3).map(tuple),
    rate=rates,
)
notes = figures_of(
    CreditNote,
    task_id=st.sampled_from(["c", "d"]),
    number=st.sampled_from(["CR-1", "CR-2", ""]),
    status=st.sampled_from(["AUTHORISED", "DRAFT"]),
    memo=st.sampled_from([*IDS, "t-00001 and t-00002"]),
    payments=st.lists(payments, max_size=3).map(tuple),
    rate=rates,
)
views = figures_of(OrderView, status=st.sampled_from(["AUTHORISED", "DRAFT"]))
transactions = st.builds(
    Transaction,
    type=st.sampled_from(["Charge", "Refund", "Chargeback", "Authorization"]),
    state=st.sampled_from(["Success", "Pending", "Failure"]),
    amount=cents,
    currency=st.sampled_from(MOSTLY_GBP),
    id=st.sampled_from(IDS),
    interaction_id=st.sampled_from(IDS),
    at=st.none() | st.integers(0, 2_000_000_000_000),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[Order, Documents, tuple[Figures, Sold]]:
    """Any order, with any documents whatever."""
    order = an_order()
    books = posted(order)
    paid = [Payment(id=f"p{n}", transactions=tuple(draw(st.lists(transactions, max_size=3)))) for n in range(2)]
    taxed = draw(st.just(order.taxed) | st.builds(TaxedTotal, net=cents, gross=cents, portions=st.just(())))
    state = draw(st.sampled_from(["Open"] * 5 + ["Cancelled"]))
    currency = draw(st.sampled_from(MOSTLY_GBP))
    order = msgspec.structs.replace(order, payments=tuple(paid), taxed=taxed, state=state, currency=currency)
    if draw(st.booleans()):
        shown: OrderView = draw(views)
        figures = {"rows": shown.rows, "net": shown.net, "tax": shown.tax, "total": shown.total}
        books = books[0], msgspec.structs.replace(books[1], **figures)
    return order, draw(any_documents(books[1])), books


def any_documents(sold: Sold) -> st.SearchStrategy[Documents]:
    return st.builds(
        Documents,
        sale_number=st.just("SO-1"),
        voided=st.sampled_from([False] * 9 + [True]),
        tax_inclusive=st.sampled_from([True] * 4 + [False]),
        currency=st.sampled_from(MOSTLY_GBP),
        rate=rates,
        order=st.none() | views | st.just(documents(sold).order),
        invoices=st.lists(invoices | st.just(invoice(sold)), max_size=3).map(tuple),
        notes=st.lists(notes, max_size=3).map(tuple),
    )


@settings(max_examples=300)
@given(cases(), st.frozensets(st.sampled_from(Chain)), st.integers(0, 3))
def test_discrepancies_add_up_to_the_difference(
    case: tuple[Order, Documents, tuple[Figures, Sold]], due: frozenset[Chain], tolerance: int
) -> None:
    ledger = entered(*case)
    assert explained(judged(*case, due=due, tolerance=tolerance)) == sides(ledger)

    keys = [(one.side, one.kind, one.id, one.rule) for one in ledger]
    assert len(set(keys)) == len(keys)


@given(cases())
def test_what_is_due_changes_no_amount_and_is_wrong_only_more(
    case: tuple[Order, Documents, tuple[Figures, Sold]],
) -> None:
    now, later = judged(*case, due=frozenset()), judged(*case, due=ALL)
    assert [(one.net, one.tax, one.where) for one in now] == [(one.net, one.tax, one.where) for one in later]
    assert all(after.wrong for before, after in zip(now, later, strict=True) if before.wrong)
