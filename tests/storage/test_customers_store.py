"""Whose Cin7 customer is known, by a hash and a currency."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from actors.domain.calls import Purpose
from actors.governor.journal import Intent
from storage import calls, customers
from tests.stored import NOW, fresh


def test_a_customer_is_kept_by_buyer_and_currency(tmp_path: Path) -> None:
    with closing(fresh(tmp_path)) as file:
        assert customers.get(file, "ab", "GBP") is None
        customers.put(file, "ab", "GBP", "c-1", now=NOW)
        customers.put(file, "ab", "EUR", "c-2", now=NOW)
        assert (customers.get(file, "ab", "GBP"), customers.get(file, "ab", "EUR")) == ("c-1", "c-2")
        assert customers.get(file, "cd", "GBP") is None
        customers.put(file, "ab", "GBP", "c-3", now=NOW + 5)
        assert file.execute("SELECT customer_id, made_at FROM customers WHERE currency = 'GBP'").fetchall() == [
            ("c-3", NOW)
        ]


def test_refusals_of_an_order_s_customer_are_counted(tmp_path: Path) -> None:
    with closing(fresh(tmp_path)) as file:
        for purpose, subject, outcome in (
            (Purpose.CIN7_CREATE_CUSTOMER, "o-1", "refused"),
            (Purpose.CIN7_CREATE_CUSTOMER, "o-1", "unknown"),
            (Purpose.CIN7_CREATE_CUSTOMER, "o-2", "refused"),
            (Purpose.CIN7_VOID_SALE, "o-1", "refused"),
        ):
            calls.settle(file, calls.begin(file, Intent(purpose, subject=subject), at=NOW), outcome)
        assert customers.refusals(file, "o-1") == 1
