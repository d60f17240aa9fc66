"""A slice of a month of books: every class of fault once; all of it is `python -m tests.simulation.month`."""

from __future__ import annotations

from tests.simulation.month import run, told_in_words
from tests.simulation.month_faults import FAULTS

ORDERS, DAYS = 80, 1


def test_the_report_of_a_month_names_every_fault_and_nothing_else_and_is_what_the_books_add_up_to() -> None:
    books = run(1, ORDERS, len(FAULTS), DAYS)

    assert books.holds, told_in_words(books)
    assert set(books.faults) == set(FAULTS)
    assert {"sent", "captured", "given back"} <= set(books.steps), told_in_words(books)
