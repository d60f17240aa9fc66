"""Whether Cin7 Core shows a document as it is meant, by all that is known of how the account calculates (money §6).

An order document is proved by its answer before it counts. What is made of a part of it has figures of its own: an
account that recomputes taxes may show a cent more or less, and an invoice that stands is no draft.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from actors.domain.arithmetic import MODELS, Figures, Sheet, from_ticks
from actors.domain.calibration import Calibration
from actors.domain.facts import TaxRule
from actors.domain.sale import Row

ARITHMETIC = "arithmetic:"
"""What a finding waits for that another answer of the account may settle."""


def shown_otherwise(
    rows: Sequence[Row], calibration: Calibration, rules: Mapping[str, TaxRule], *, inclusive: bool
) -> str:
    """Say in words what Cin7 might make of these rows instead; "" where each model that is left shows them as meant.

    Rules that are not known any more are Cin7's to refuse.
    """
    if any(row.tax_rule not in rules for row in rows):
        return ""
    record = calibration.of(inclusive=inclusive)
    if record.outside:
        return "how the account calculates is not known"
    sheet = Sheet(rows, {name: rule.percent for name, rule in rules.items()}, inclusive=inclusive)
    other = record.alive - sheet.exact_under(record.alive)
    if not other:
        return ""
    model = MODELS[min(other)]
    theirs, ours = _words(sheet.under(model)), _words(sheet.sent())
    return f"Cin7 Core may show {theirs} ({model}), where {ours} are due"


def _words(figures: Figures) -> str:
    return ", ".join(f"{name} {from_ticks(getattr(figures, name)):f}" for name in ("net", "tax", "total"))
