"""How far a census is: kept in the file between its steps, so that a kill costs no more than one."""

from __future__ import annotations

import sqlite3

import msgspec

from actors.census.judging import Found
from actors.census.rules import Span
from storage import census, meta

CENSUS = "census"
"""The subject of a census's messages."""

HOURLY = "hourly"
MIDNIGHT = "midnight"

SALES_COUNT = "sales"
WHOLE_LIST = "whole list"
DROPPING = "dropping"
ORDERS = "orders"
CONCLUSION = "conclusion"

OF_THE_MIRROR = frozenset({SALES_COUNT, WHOLE_LIST, DROPPING})
"""The steps that bring the mirror of Cin7's sales up to date."""


class Progress(msgspec.Struct, kw_only=True):
    """How far a census is. `began`: when the list of sales that is judged by began to be read.

    `page` is the next page of that list (0: to be found out), `total` how many it was said to hold, `rounds` how often
    the whole of it was read again, `whole` whether a sale that the mirror does not hold is certainly not there. What no
    reading saw from `unseen_since` on is dropped. `after_id` is the order or the sale after which is read on, `some`
    how many sales at a time (0: as many as ever), `found` what of the findings before is still to be gone through.
    `calls` counts both sides'.
    """

    kind: str
    began: int
    end: int
    step: str = SALES_COUNT
    page: int = 0
    total: int = 0
    retries: int = 0
    rounds: int = 0
    whole: bool = True
    unseen_since: int = 0
    spans: list[Span] = []
    after_id: str = ""
    some: int = 0
    found: list[Found] = []
    commercetools: int = 0
    orders_with_sale: int = 0
    cin7: int = 0
    calls: int = 0


def keep(connection: sqlite3.Connection, progress: Progress) -> None:
    """Write down how far it is."""
    meta.set_text(connection, census.UNDERWAY, msgspec.json.encode(progress).decode())
