"""Tables for spreadsheets: what others wrote must not be taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def guarded(value: object) -> object:
    """Put an apostrophe before a text that a spreadsheet would take for a formula; figures are left as they are."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def table(columns: Sequence[str], rows: Iterable[Mapping[str, object]], *, head: bool) -> str:
    """Write rows as CSV (RFC 4180), every cell guarded; with the names of the columns above them if `head`."""
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\r\n")
    if head:
        writer.writeheader()
    writer.writerows({name: guarded(cell) for name, cell in row.items()} for row in rows)
    return out.getvalue()
