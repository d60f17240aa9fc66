"""The sandbox's buyer: what was bought before the shop opened, so that dates, costs and margins show something."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

FROM_ABROAD = {"HW-MUG-STN-01": (60, "4.15"), "HW-BWL-PAS-22": (40, "5.90")}
"""Units and price in euros, by SKU."""

FROM_HERE = {"HW-CND-FIG": (50, "6.20"), "HW-CND-SEA": (50, "6.20")}
WITHOUT_RATE = {"OD-FLK-750": (20, "11.40")}
ON_ITS_WAY = {"HW-MUG-STN-02": (80, "4.15")}


def stock_up(cin7: Any, *, today: date) -> None:
    """Buy: one purchase from abroad with freight and duty, one from here, one that lacks its rate, one on its way."""
    came = today - timedelta(days=20)
    abroad = cin7.buy(FROM_ABROAD, supplier="Keramik Sommer", currency="EUR", rate="0.8600", day=came)
    cin7.receive(abroad, _units(FROM_ABROAD), day=came)
    cin7.link_service(abroad, supplier="North Sea Lines", amount="86.40", what="Freight", day=came)
    cin7.link_service(abroad, supplier="Customs Brokers", amount="31.20", what="Duty", day=came)
    cin7.invoice_purchase(abroad, rate="0.8725", day=today - timedelta(days=6))
    here = cin7.buy(FROM_HERE, kind="Simple", day=came)
    cin7.receive(here, _units(FROM_HERE), day=came)
    cin7.invoice_purchase(here, day=came)
    lacking = cin7.buy(WITHOUT_RATE, supplier="Alpenflask", currency="EUR", day=came)
    cin7.receive(lacking, _units(WITHOUT_RATE), day=came)
    cin7.buy(
        ON_ITS_WAY,
        supplier="Keramik Sommer",
        currency="EUR",
        rate="0.8700",
        day=today,
        required_by=today + timedelta(days=18),
    )


def _units(lines: dict[str, tuple[int, str]]) -> dict[str, int]:
    return {sku: units for sku, (units, _) in lines.items()}
