"""Figures of both systems beside each other, from names that end with the system they are of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiohttp import web

from adapters.console.tables import Column, Table, in_hand

COLUMNS: Final = (
    Column("component", "Figure"),
    Column("ours", "commercetools", number=True),
    Column("theirs", "Cin7 Core", number=True),
    Column("alone", ""),
)

OURS: Final = " commercetools"
THEIRS: Final = " Cin7 Core"


def side_by_side(figures: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a row for each figure: `net commercetools` beside `net Cin7 Core`; one that has no side stands `alone`."""
    rows: dict[str, dict[str, Any]] = {}
    for name, figure in figures.items():
        side = next((one for one in (OURS, THEIRS) if name.endswith(one)), "")
        component = name.removesuffix(side)
        row = rows.setdefault(component, {"component": component, "ours": "", "theirs": "", "alone": ""})
        row["ours" if side == OURS else "theirs" if side == THEIRS else "alone"] = figure
    for row in rows.values():
        row["differs"] = bool(row["ours"] and row["theirs"] and row["ours"] != row["theirs"])
    return list(rows.values())


def sides_in_hand(request: web.Request, name: str, caption: str, figures: Mapping[str, Any]) -> Table:
    """Return the same as a table."""
    return in_hand(request, name, caption, COLUMNS, side_by_side(figures))
