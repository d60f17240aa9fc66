"""Money without an account to go to is told before the first payment, and never stops the start."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from daemon.settings import FinanceSettings, Settings, load_settings
from daemon.unposted import finance_lines

SHIPPED = Path(__file__).parents[2] / "config" / "tallyd.toml"


@pytest.mark.parametrize(
    ("finance", "payments", "told"),
    [
        (FinanceSettings(), {}, True),
        (FinanceSettings(posting="auto"), {}, True),
        (FinanceSettings(posting="off"), {}, False),
        (FinanceSettings(enabled=False), {}, False),
        (FinanceSettings(), {"adyen/scheme": "090"}, False),
    ],
)
def test_payments_that_are_posted_need_an_account(
    finance: FinanceSettings, payments: dict[str, str], told: bool
) -> None:
    shipped = load_settings(SHIPPED)
    mappings = msgspec.structs.replace(shipped.mappings, payments=payments)
    settings: Settings = msgspec.structs.replace(shipped, finance=finance, mappings=mappings)
    lines = list(finance_lines(settings))
    assert [line.level for line in lines] == (["note"] if told else [])
    assert all("[mappings.payments]" in line.text and line.mend for line in lines)
