"""Money becomes payments once per transaction, never beyond what is open, on the day it moved."""

from __future__ import annotations

import itertools
from collections import defaultdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.exception_types import Finding
from actors.domain.facts import LedgerAccount
from actors.domain.financial import Invoice
from actors.domain.money import to_decimal
from actors.domain.order import Order, Payment, ReturnItem, TaxedTotal
from actors.domain.returning import Refund, refunds
from actors.domain.tendering import account_of, assign, captured, money_moved, movement, to_pay, to_pay_back
from actors.domain.vouchers import PaymentVoucher
from tests.rules.booked import an_order, note, paid_with, paying, transaction

LONDON = ZoneInfo("Europe/London")
TODAY = date(2026, 11, 26)
LEDGER = {
    "090": LedgerAccount(code="090", name="Bank", for_payments=True),
    "810": LedgerAccount(code="810", name="Gift cards", for_payments=True),
    "200": LedgerAccount(code="200", name="Sales"),
    "091": LedgerAccount(code="091", name="Old bank", for_payments=True, active=False),
}
ORDER = an_order()  # owes 46.95


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def bill(total: str, number: int = 1, **changes: Any) -> Invoice:
    worth = Decimal(total)
    made = Invoice(
        task_id=f"inv-{number}", number=f"INV-{number}", status="AUTHORISED", net=worth, total=worth,
        day=date(2026, 11, number),
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def ways(**changes: Any) -> dict[str, Any]:
    usual = {
        "accounts": {"adyen": "090", "giftcard": "810"},
        "ledger": LEDGER,
        "zone": LONDON,
        "opens": None,
        "rate": Decimal(1),
        "today": TODAY,
    }
    return usual | changes


def paid(order: Order, *invoices: Invoice, **changes: Any) -> tuple[PaymentVoucher | Finding, ...]:
    usual = {"due": to_decimal(order.payable, order.digits)}
    return to_pay(order, "sale-1", invoices, **ways(**usual | changes))


def told(result: tuple[PaymentVoucher | Finding, ...]) -> list[tuple[str, str, str] | str]:
    """Say what came of it: invoice, reference and amount of each payment, and the code of what was found."""
    return [one.code if isinstance(one, Finding) else (one.task_id, one.reference, str(one.amount)) for one in result]


CHARGED = paying(ORDER, transaction("Charge", 4695, "t1"))
WHOLE = bill("46.95")


def test_a_capture_is_a_payment_with_its_id_as_reference() -> None:
    order = paying(ORDER, transaction("Charge", 4695, "t1", at=instant("2026-11-20T10:00:00+00:00")))
    assert paid(order, WHOLE, rate=Decimal("1.17")) == (
        PaymentVoucher(
            sale_id="sale-1",
            task_id="inv-1",
            reference="t1",
            amount=Decimal("46.95"),
            day=date(2026, 11, 20),
            account="090",
            rate=Decimal("1.17"),
        ),
    )


ABOVE = paying(ORDER, transaction("Charge", 5000, "t1"))
TWO = paying(ORDER, transaction("Charge", 2000, "t2", at=2), transaction("Charge", 2695, "t1", at=1))
MIXED = paying(
    paying(ORDER, transaction("Charge", 1000, "g1"), interface="giftcard"), transaction("Charge", 3695, "t1")
)


@pytest.mark.parametrize(
    ("order", "invoices", "expected"),
    [
        pytest.param(ORDER, [WHOLE], [], id="nothing captured"),
        pytest.param(CHARGED, [], [], id="nothing invoiced"),
        pytest.param(CHARGED, [bill("46.95", status="DRAFT")], [], id="only a draft"),
        pytest.param(CHARGED, [bill("46.95", status="VOIDED")], [], id="only a void one"),
        pytest.param(
            CHARGED,
            [bill("6.95", 2), bill("40.00", 1)],
            [("inv-1", "t1", "40.00"), ("inv-2", "t1", "6.95")],
            id="split over invoices, oldest first",
        ),
        pytest.param(CHARGED, [bill("40.00")], [("inv-1", "t1", "40.00")], id="the rest waits for an invoice"),
        pytest.param(
            CHARGED,
            [bill("40.00", payments=(paid_with("40", "t1"),)), bill("6.95", 2)],
            [("inv-2", "t1", "6.95")],
            id="the rest of a split one",
        ),
        pytest.param(CHARGED, [bill("46.95", payments=(paid_with("46.95", "t1"),))], [], id="it is there"),
        pytest.param(
            CHARGED, [bill("46.95", payments=(paid_with("40.00", "t1"),))], [], id="another amount of it is there"
        ),
        pytest.param(TWO, [WHOLE], [("inv-1", "t1", "26.95"), ("inv-1", "t2", "20.00")], id="as they happened"),
        pytest.param(
            TWO,
            [bill("30.00"), bill("16.95", 2)],
            [("inv-1", "t1", "26.95"), ("inv-1", "t2", "3.05"), ("inv-2", "t2", "16.95")],
            id="several captures on several invoices",
        ),
        pytest.param(
            TWO, [bill("46.95", payments=(paid_with("46.95", "by hand"),))], ["payment_unpostable"] * 2,
            id="paid by hand already",
        ),
        pytest.param(MIXED, [WHOLE], [("inv-1", "g1", "10.00"), ("inv-1", "t1", "36.95")], id="a gift card and a card"),
        pytest.param(ABOVE, [WHOLE], [("inv-1", "t1", "46.95"), "payment_unpostable"], id="more than is owed"),
        pytest.param(ABOVE, [bill("50.00")], [("inv-1", "t1", "50.00")], id="invoiced for more than is owed"),
        pytest.param(
            ABOVE, [bill("40.00")], [("inv-1", "t1", "40.00"), "payment_unpostable"], id="waits, and goes beyond"
        ),
        pytest.param(
            paying(CHARGED, transaction("Charge", 500, "t2")),
            [bill("40.00")],
            [("inv-1", "t1", "40.00"), "payment_unpostable"],
            id="waits, and a second one goes beyond",
        ),
        pytest.param(
            paying(ORDER, transaction("Charge", 4695, "t1", currency="EUR")), [WHOLE], ["payment_unpostable"],
            id="another currency",
        ),
        pytest.param(
            paying(ORDER, transaction("Charge", 4695, "t1", currency="EUR")),
            [bill("46.95", payments=(paid_with("40", "t1"),))],
            [],
            id="another currency, entered by hand",
        ),
        pytest.param(paying(ORDER, transaction("Charge", 4695, "")), [WHOLE], ["payment_unpostable"], id="no id"),
        pytest.param(
            paying(ORDER, transaction("Charge", 4695, "t1"), transaction("Chargeback", 1000, "c1")),
            [WHOLE],
            [("inv-1", "t1", "36.95")],
            id="charged back in part",
        ),
        pytest.param(
            paying(ORDER, transaction("Authorization", 4695, "a1"), transaction("Charge", 1, "t1", "Pending")),
            [WHOLE],
            [],
            id="reserved only",
        ),
        pytest.param(
            paying(ORDER, transaction("Charge", 4695, "t1"), interface="cash", method=""),
            [WHOLE],
            ["payment_unmapped"],
            id="no account",
        ),
        pytest.param(
            paying(ORDER, transaction("Charge", 4695, "t1"), interface="cash", method=""), [], [],
            id="no account, and nothing to pay yet",
        ),
    ],
)  # fmt: skip
def test_captures_go_onto_what_is_invoiced_and_open(
    order: Order, invoices: list[Invoice], expected: list[tuple[str, str, str] | str]
) -> None:
    assert told(paid(order, *invoices)) == expected


def test_thousandths_are_not_paid() -> None:
    order = msgspec.structs.replace(ORDER, digits=3, taxed=TaxedTotal(net=46955, gross=46955, portions=()))
    whole, broken = (paying(order, transaction("Charge", amount, "t1")) for amount in (46950, 46955))
    assert told(paid(whole, bill("46.955"))) == [("inv-1", "t1", "46.95")]
    assert told(paid(broken, bill("46.955"))) == ["payment_unpostable"]


@pytest.mark.parametrize(
    ("code", "says"),
    [("999", "does not have"), ("200", "takes no payments"), ("091", "is not active")],
)
def test_an_account_that_takes_no_payments_is_none(code: str, says: str) -> None:
    (found,) = paid(CHARGED, WHOLE, accounts={"adyen/scheme": code})
    assert isinstance(found, Finding)
    assert (found.code, found.group) == ("payment_unmapped", "payment_unmapped:adyen/scheme")
    assert says in found.cause


@pytest.mark.parametrize(
    ("accounts", "account"),
    [
        ({"adyen/scheme": "1", "scheme": "2", "adyen": "3"}, "1"),
        ({"scheme": "2", "adyen": "3"}, "2"),
        ({"adyen": "3", "": "4"}, "3"),
        ({"paypal": "5", "": "4"}, None),
    ],
)
def test_the_closest_name_says_the_account(accounts: dict[str, str], account: str | None) -> None:
    assert account_of(Payment(id="p", interface="adyen", method="scheme"), accounts) == account


def test_a_payment_that_names_nothing_has_no_account() -> None:
    assert account_of(Payment(id="p"), {"": "4", "/": "5"}) is None


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-10-31T23:59:59+00:00", "Europe/London", date(2026, 10, 31)),
        ("2026-10-31T23:30:00+00:00", "Europe/Berlin", date(2026, 11, 1)),  # a month ends
        ("2026-01-01T04:00:00+00:00", "America/New_York", date(2025, 12, 31)),  # a year ends
        ("2026-10-25T00:30:00+00:00", "Europe/London", date(2026, 10, 25)),  # 01:30, the first time
        ("2026-10-25T01:30:00+00:00", "Europe/London", date(2026, 10, 25)),  # 01:30, the second time
        ("2026-03-28T23:30:00+00:00", "Europe/London", date(2026, 3, 28)),  # before the clocks go forward
        ("2026-03-29T23:30:00+00:00", "Europe/London", date(2026, 3, 30)),  # after
        ("2026-11-26T23:30:00+00:00", "Asia/Tokyo", TODAY),  # tomorrow there: nothing is dated into the future
    ],
)
def test_a_payment_is_of_the_day_it_was_made_in_the_books_zone(moment: str, zone: str, day: date) -> None:
    order = paying(ORDER, transaction("Charge", 4695, "t1", at=instant(moment)))
    (voucher,) = paid(order, WHOLE, zone=ZoneInfo(zone))
    assert isinstance(voucher, PaymentVoucher)
    assert voucher.day == day


def test_what_is_captured_beyond_a_sale_that_was_released_for_less_is_told() -> None:
    assert told(paid(CHARGED, bill("40.00"), due=Decimal("40.00"))) == [("inv-1", "t1", "40.00"), "payment_unpostable"]
    assert told(paid(CHARGED, bill("40.00"))) == [("inv-1", "t1", "40.00")], "it waits for the next invoice"


def test_a_payment_without_an_instant_is_of_today() -> None:
    (voucher,) = paid(CHARGED, WHOLE)
    assert isinstance(voucher, PaymentVoucher)
    assert voucher.day == TODAY


@pytest.mark.parametrize(("opens", "posted"), [(date(2026, 11, 20), True), (date(2026, 11, 21), False)])
def test_nothing_is_dated_into_a_locked_period(opens: date, posted: bool) -> None:
    order = paying(ORDER, transaction("Charge", 4695, "t1", at=instant("2026-11-20T10:00:00+00:00")))
    (one,) = paid(order, WHOLE, opens=opens)
    assert isinstance(one, PaymentVoucher) is posted
    if isinstance(one, Finding):
        assert one.code == "posting_locked"
        assert one.facts == {"day": "2026-11-20", "next open day": "2026-11-21", "transaction": "t1"}


# -- refunds ----------------------------------------------------------------------------------------------------------

REFUNDED = paying(
    ORDER, transaction("Charge", 4695, "t1"), transaction("Refund", 1200, "r-00001", interaction_id="psp")
)


def back(order: Order = REFUNDED, **changes: Any) -> PaymentVoucher | Finding | None:
    credit = note("12.00", **changes)
    (refund,) = refunds(order, (credit,), ())
    return to_pay_back(order, "sale-1", refund, credit, **ways())


def test_a_refund_is_paid_back_on_its_note() -> None:
    assert back() == PaymentVoucher(
        sale_id="sale-1",
        task_id="note-1",
        reference="r-00001",
        amount=Decimal("12.00"),
        day=TODAY,
        account="090",
        rate=Decimal(1),
        refund=True,
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"payments": (paid_with("12.00", "r-00001"),)},
        {"payments": (paid_with("12.00", "psp"),)},
        {"refunds": ("r-00001",)},
        {"status": "DRAFT"},
    ],
)
def test_a_refund_that_is_there_is_not_paid_back_again(changes: dict[str, Any]) -> None:
    assert back(**changes) is None


@pytest.mark.parametrize("state", ["Pending", "Initial", "Failure"])
def test_a_refund_that_does_not_stand_is_not_paid_back(state: str) -> None:
    assert back(paying(ORDER, transaction("Refund", 1200, "r-00001", state))) is None


def test_a_refund_of_no_transaction_is_not_paid_back() -> None:
    refund = Refund(
        transaction_id="r-00001", payment_id="p", interaction_id="", amount=1200, currency="GBP", state="Success",
        credit_note="CR-00001",
    )  # fmt: skip
    assert to_pay_back(ORDER, "sale-1", refund, note("12.00"), **ways()) is None


@pytest.mark.parametrize(
    "changes",
    [{"total": Decimal("11.99")}, {"payments": (paid_with("0.01", "other"),)}],
)
def test_a_refund_never_goes_beyond_its_note(changes: dict[str, Any]) -> None:
    found = back(**changes)
    assert isinstance(found, Finding)
    assert found.code == "payment_unpostable"


def test_a_refund_in_another_currency_is_told() -> None:
    found = back(paying(ORDER, transaction("Refund", 1200, "r-00001", currency="EUR")))
    assert isinstance(found, Finding)
    assert found.code == "payment_unpostable"


# -- whose it is ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "entered", "expected"),
    [
        pytest.param(["a/x:10", "b/x:20"], ["x:20"], [[], ["20"]], id="the amount that is lacking"),
        pytest.param(["a/x:20", "b/x:10"], ["x:10"], [[], ["10"]], id="the amount that is all of it"),
        pytest.param(["a/x:10", "b/x:20"], ["x:20", "x:10"], [["10"], ["20"]], id="each its own"),
        pytest.param(["a/x:10", "b/x:20"], ["x:15"], [[], ["15"]], id="one that has room for it"),
        pytest.param(["a/x:10", "b/x:10"], ["x:10", "x:10"], [["10"], ["10"]], id="two alike"),
        pytest.param(["a/b:10", "b/:20"], ["b:10"], [[], ["10"]], id="an id before a provider's"),
        pytest.param(["a/:10"], [":10"], [[]], id="a payment that names nothing"),
    ],
)
def test_a_payment_is_whose_it_names(names: list[str], entered: list[str], expected: list[list[str]]) -> None:
    """Transactions are "id/provider's id:amount", payments "reference:amount"."""
    moves = [movement(ORDER, *_named(one), at=None) for one in names]
    payments = [paid_with(amount, reference) for reference, amount in (one.split(":") for one in entered)]
    found, strangers = assign(moves, payments)
    assert [[str(pay.amount) for pay in one] for one in found] == expected
    assert len(strangers) == len(entered) - sum(len(one) for one in expected)


def _named(text: str) -> tuple[str, str, int]:
    name, amount = text.split(":")
    id_, interaction = name.split("/")
    return id_, interaction, int(amount) * 100


# -- what moved -------------------------------------------------------------------------------------------------------


def test_a_chargeback_takes_the_last_charges_away() -> None:
    charges = transaction("Charge", 100, "t1"), transaction("Charge", 300, "t2"), transaction("Chargeback", 350, "c")
    order = paying(paying(ORDER, *charges), transaction("Charge", 100, "t3"))
    assert [(one.id, one.amount) for _, one in captured(order)] == [("t1", 50), ("t3", 100)]


def test_whatever_moves_shows() -> None:
    item = ReturnItem(id="i", key="k", line_id="l", quantity=1, state="Returned")
    moves = [
        ORDER,
        CHARGED,
        paying(ORDER, transaction("Charge", 4695, "t1", "Failure")),
        paying(ORDER, transaction("Charge", 4696, "t1")),
        REFUNDED,
        paying(ORDER, transaction("Chargeback", 4695, "t1")),
        msgspec.structs.replace(ORDER, returns=(item,)),
        msgspec.structs.replace(ORDER, returns=(msgspec.structs.replace(item, state="BackInStock"),)),
    ]
    assert len({money_moved(order) for order in moves}) == len(moves)
    assert money_moved(ORDER) == ""
    assert money_moved(paying(ORDER, transaction("Authorization", 4695, "a"))) == ""


# -- whatever is invoiced ---------------------------------------------------------------------------------------------


@st.composite
def bills(draw: st.DrawFn) -> tuple[Order, list[Invoice]]:
    """An order whose captures and invoices both come to what is owed, split any way."""
    owed = draw(st.integers(1, 20_000))
    order = msgspec.structs.replace(ORDER, taxed=TaxedTotal(net=owed, gross=owed, portions=()))
    amounts = pieces(draw, owed)
    parts = pieces(draw, owed)
    charges = [
        transaction("Charge", amount, f"t{n}", at=draw(st.none() | st.integers(0, 9)))
        for n, amount in enumerate(amounts)
    ]
    return paying(order, *charges), [bill(str(Decimal(part) / 100), n + 1) for n, part in enumerate(parts)]


def pieces(draw: st.DrawFn, whole: int) -> list[int]:
    cuts = sorted(draw(st.sets(st.integers(1, whole), max_size=4)) | {0, whole})
    return [after - before for before, after in itertools.pairwise(cuts)]


@given(bills(), st.data())
def test_what_was_captured_is_paid_once_however_it_is_invoiced(
    case: tuple[Order, list[Invoice]], data: st.DataObject
) -> None:
    """Invoices come one after another, and payments are posted one at a time with a look between two."""
    order, due = case
    invoices: list[Invoice] = []
    while due or paid(order, *invoices):
        vouchers = paid(order, *invoices)
        if due and (not vouchers or data.draw(st.booleans())):
            invoices.append(due.pop(data.draw(st.integers(0, len(due) - 1))))
            continue
        one = vouchers[0]
        assert isinstance(one, PaymentVoucher)
        invoices = [posted(each, one) if each.task_id == one.task_id else each for each in invoices]

    by_reference: dict[str, Decimal] = defaultdict(Decimal)
    for each in invoices:
        assert each.open == 0
        names = [pay.reference for pay in each.payments]
        assert len(set(names)) == len(names), "a transaction is once on an invoice"
        for pay in each.payments:
            by_reference[pay.reference] += pay.amount
    assert by_reference == {one.id: Decimal(one.amount) / 100 for _, one in captured(order)}


def posted(invoice: Invoice, voucher: PaymentVoucher) -> Invoice:
    pay = paid_with(str(voucher.amount), voucher.reference)
    assert 0 < voucher.amount <= invoice.open
    return msgspec.structs.replace(invoice, payments=(*invoice.payments, pay))


@given(
    st.lists(st.tuples(st.integers(0, 9000), st.booleans()), max_size=4),
    st.lists(st.decimals(0, 80, places=4), max_size=3),
)
def test_nothing_is_paid_beyond_what_is_open(captures: list[tuple[int, bool]], totals: list[Decimal]) -> None:
    charges = [transaction("Charge", amount, f"t{n}") for n, (amount, _) in enumerate(captures)]
    invoices = [
        bill(str(total), n + 1, payments=(paid_with("5.00", f"t{n}"),) if n % 2 else ())
        for n, total in enumerate(totals)
    ]
    spent: dict[str, Decimal] = defaultdict(Decimal)
    used: dict[str, Decimal] = defaultdict(Decimal)
    for one in paid(paying(ORDER, *charges), *invoices):
        if isinstance(one, PaymentVoucher):
            assert one.amount == one.amount.quantize(Decimal("0.01")) > 0
            spent[one.task_id] += one.amount
            used[one.reference] += one.amount
    assert all(spent[one.task_id] <= max(one.open, Decimal(0)) for one in invoices)
    assert all(used[one.id] <= Decimal(one.amount) / 100 for one in charges)
