"""One sale about to get its order document: everything the steps of authorising share."""

from __future__ import annotations

from typing import NamedTuple

from actors.domain.facts import Facts
from actors.domain.prediction import Prediction
from actors.orders.desk import Case, Desk
from storage.orders import SaleRecord


class Posting(NamedTuple):
    """The order, its sale, what Cin7 should show of it, and the facts that was judged by."""

    desk: Desk
    case: Case
    sale: SaleRecord
    prediction: Prediction
    known: Facts
