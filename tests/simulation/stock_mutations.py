"""What the flash sale must not survive: the stock flow with one term of its rule taken out, patched in from outside.

Nothing of it is in the production code. `at_work` patches this process for one run; without a name it only notes what
each decision went by.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

from actors.domain import ledger
from actors.domain.ledger import Decision, Question
from tests.simulation.stock_books import BASIS


@contextmanager
def at_work(name: str = "") -> Iterator[None]:
    """Let a mutation be at work."""
    inner = ledger.decide

    def decide(question: Question) -> Decision:
        BASIS.set(question)
        return inner(question)

    with mock.patch("actors.stock.assessing.decide", decide):
        yield
