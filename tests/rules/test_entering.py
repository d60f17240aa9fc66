"""Every document that counts is a line of the ledger, of its own day and of its own currency."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from actors.domain.order import Order, TaxedTotal
from actors.domain.reconciling import Documents
from actors.finance.entering import lines
from storage.books import LedgerLine
from tests.rules.booked import an_order, documents, given_back, invoice, note, paid_with, paying, posted, transaction

ORDER = an_order()
ORDERED, SOLD = posted(ORDER)
DAY = date(2026, 11, 2)
Brief = tuple[str, str, str, str, str, str]


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).astimezone(UTC).timestamp() * 1000)


def entered(order: Order, shown: Documents, zone: str = "Europe/London") -> list[LedgerLine]:
    return lines(order, ORDERED, SOLD, shown, given_back(order, shown), day=DAY, zone=ZoneInfo(zone))


def brief(found: list[LedgerLine]) -> set[Brief]:
    return {(one.kind, one.number, one.rule, one.day, str(one.net), str(one.tax)) for one in found}


def of(side: str, found: list[LedgerLine]) -> list[LedgerLine]:
    return [one for one in found if one.side == side]


def test_both_sides_of_a_whole_life() -> None:
    moved = instant("2026-11-10T12:00:00+00:00")
    order = paying(ORDER, transaction("Charge", 4695, "t1", at=moved), transaction("Refund", 1200, "r-0001", at=moved))
    pay = paid_with("46.95", "t1", account="090", day=date(2026, 11, 11))
    back = paid_with("12.00", "r-0001", account="090")
    shown = documents(
        SOLD, invoices=(invoice(SOLD, payments=(pay,)),), notes=(note("12.00", memo="r-0001", payments=(back,)),)
    )
    found = entered(order, shown)

    assert brief(of("commercetools", found)) == {
        ("order", "CT-100045", "Sales 20%", "2026-11-02", "29.12", "5.83"),
        ("order", "CT-100045", "Sales 5%", "2026-11-02", "11.43", "0.57"),
        ("payment", "CT-100045", "", "2026-11-10", "46.95", "0"),
        ("refund", "CT-100045", "", "2026-11-10", "12.00", "0"),
    }
    assert brief(of("cin7", found)) == {
        ("sale", "SO-00001", "Sales 20%", "2026-11-02", "29.12", "5.83"),
        ("sale", "SO-00001", "Sales 5%", "2026-11-02", "11.43", "0.57"),
        ("invoice", "INV-00001", "Sales 20%", "2026-11-01", "29.12", "5.83"),
        ("invoice", "INV-00001", "Sales 5%", "2026-11-01", "11.43", "0.57"),
        ("payment", "INV-00001", "", "2026-11-11", "46.95", "0"),
        ("credit_note", "CR-00001", "Sales 20%", "2026-11-20", "10.00", "2.00"),
        ("refund", "CR-00001", "", "2026-11-20", "12.00", "0"),
    }
    assert {(one.kind, one.id, one.reference, one.account) for one in found if one.kind in ("payment", "refund")} == {
        ("payment", "t1", "t1", ""),
        ("payment", "pay-t1", "t1", "090"),
        ("refund", "r-0001", "r-0001", ""),
        ("refund", "pay-r-0001", "r-0001", "090"),
    }
    assert {one.currency for one in found} == {"GBP"}


def test_an_order_edited_since_has_a_line_for_what_it_is_more_or_less() -> None:
    dearer = msgspec.structs.replace(ORDER, taxed=TaxedTotal(net=4155, gross=4815, portions=()))
    assert ("order", "CT-100045", "", "2026-11-02", "1.00", "0.20") in brief(entered(dearer, documents(SOLD)))


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"invoices": (invoice(SOLD, status="VOIDED"),)}, id="a void invoice"),
        pytest.param({"invoices": (invoice(SOLD, status="DRAFT"),)}, id="a draft"),
        pytest.param({"notes": (note("12.00", status="DRAFT"),)}, id="a drafted note"),
    ],
)
def test_what_does_not_stand_is_no_line(changes: dict[str, Any]) -> None:
    assert {one.kind for one in entered(ORDER, documents(SOLD, **changes))} == {"order", "sale"}


@pytest.mark.parametrize(("state", "voided", "kinds"), [
    ("Open", True, {"order"}),
    ("Cancelled", True, set()),
    ("Cancelled", False, {"sale", "invoice"}),
])  # fmt: skip
def test_what_is_void_or_cancelled_counts_for_nothing(state: str, voided: bool, kinds: set[str]) -> None:
    order = msgspec.structs.replace(ORDER, state=state)
    shown = documents(SOLD, voided=voided, invoices=(invoice(SOLD),))
    assert {one.kind for one in entered(order, shown)} == kinds


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-10-31T23:30:00+00:00", "Europe/London", "2026-10-31"),
        ("2026-10-31T23:30:00+00:00", "Europe/Berlin", "2026-11-01"),
        ("2026-12-31T23:59:59+00:00", "Asia/Tokyo", "2027-01-01"),
        ("2026-10-25T00:59:59+00:00", "Europe/London", "2026-10-25"),
        ("2026-10-25T01:00:00+00:00", "Europe/London", "2026-10-25"),
        ("2026-03-28T23:59:59+00:00", "Europe/London", "2026-03-28"),
        ("2026-03-29T23:00:00+00:00", "Europe/London", "2026-03-30"),
    ],
)
def test_money_is_of_the_day_it_moved_in_the_books_zone(moment: str, zone: str, day: str) -> None:
    order = paying(ORDER, transaction("Charge", 4695, "t1", at=instant(moment)))
    assert [one.day for one in entered(order, documents(SOLD), zone) if one.kind == "payment"] == [day]


def test_what_names_no_day_is_of_the_order_s() -> None:
    order = paying(ORDER, transaction("Charge", 4695, "t1"))
    shown = documents(SOLD, invoices=(invoice(SOLD, day=None, payments=(paid_with("46.95", "t1"),)),))
    assert {one.day for one in entered(order, shown)} == {DAY.isoformat()}


def test_what_has_no_id_is_still_a_line_of_its_own() -> None:
    order = paying(ORDER, transaction("Charge", 2000, ""), transaction("Charge", 2695, ""))
    bare = msgspec.structs.replace(paid_with("1.00", ""), id="")
    found = entered(order, documents(SOLD, invoices=(invoice(SOLD, payments=(bare, bare)),)))
    assert [str(one.net) for one in found if one.kind == "payment"] == ["20.00", "26.95", "1.00", "1.00"]
    assert all(one.id for one in found)


def test_what_is_shown_twice_under_one_id_is_one_line_of_both() -> None:
    pay = paid_with("20.00", "t1")
    found = entered(ORDER, documents(SOLD, invoices=(invoice(SOLD, payments=(pay, pay)),)))
    assert [one.net for one in found if one.kind == "payment"] == [Decimal("40.00")]


def test_a_sale_not_read_anew_is_as_it_was_posted() -> None:
    assert entered(ORDER, documents(SOLD, order=None)) == entered(ORDER, documents(SOLD))


def test_each_side_is_in_its_own_currency() -> None:
    found = entered(ORDER, documents(SOLD, currency="EUR"))
    assert {(one.side, one.currency) for one in found} == {("commercetools", "GBP"), ("cin7", "EUR")}
