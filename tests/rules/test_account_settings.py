"""The lock date and the fingerprint of an account's settings."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.facts import Company, TaxRule
from actors.domain.fingerprint import SETTINGS, fingerprint, settings_of
from actors.domain.period_lock import lock_date_of

COMPANY = Company(name="Demo", currency="GBP", time_zone="Europe/London")
RULE = TaxRule(id="r-1", name="20%", percent=Decimal(20), components=("VAT 20",))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        ("2026-03-31", date(2026, 3, 31)),
        ("2026-03-31T00:00:00", date(2026, 3, 31)),
        ("2026-03-31T00:00:00.0000000Z", date(2026, 3, 31)),
        ("2026/3/1", date(2026, 3, 1)),
        ("31/03/2026", date(2026, 3, 31)),
        ("03/31/2026", date(2026, 3, 31)),
        ("31.3.2026", date(2026, 3, 31)),
        ("31-03-2026 00:00:00", date(2026, 3, 31)),
        ("3/3/2026", date(2026, 3, 3)),
    ],
)
def test_a_lock_date_is_read_in_every_form_that_means_one_day(text: str | None, day: date | None) -> None:
    assert lock_date_of(text) == day


@pytest.mark.parametrize(
    "text", ["03/04/2026", "31/31/2026", "2026-13-01", "31 March 2026", "soon", "0/0/2026", "1/1/26"]
)
def test_a_lock_date_that_could_be_two_days_or_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        lock_date_of(text)


@given(st.dates(min_value=date(1000, 1, 1)))
def test_every_day_is_read_back_or_refused_never_another(day: date) -> None:
    assert lock_date_of(day.isoformat()) == day
    for written in (f"{day:%d/%m/%Y}", f"{day:%m/%d/%Y}"):
        try:
            seen = lock_date_of(written)
        except ValueError:
            assert day.day <= 12
            assert day.day != day.month
        else:
            assert seen == day


@pytest.mark.parametrize(
    ("field", "other"),
    [
        ("currency", "EUR"),
        ("tax_calculation_method", "Total"),
        ("automatic_discounts", True),
        ("customer_discount_last", True),
        ("discount_rule", "Best"),
        ("rounding_table", "[]"),
    ],
)
def test_every_setting_that_changes_figures_changes_the_fingerprint(field: str, other: object) -> None:
    assert {name for _, name in SETTINGS} >= {field}
    assert len(SETTINGS) == 6
    changed = msgspec.structs.replace(COMPANY, **{field: other})
    assert fingerprint(changed, [RULE]) != fingerprint(COMPANY, [RULE])
    assert settings_of(changed) != settings_of(COMPANY)


@pytest.mark.parametrize("change", [{"percent": Decimal(5)}, {"components": ("VAT 19", "x 1")}, {"inclusive": True}])
def test_every_part_of_a_rule_that_changes_figures_does_too(change: dict[str, object]) -> None:
    changed = msgspec.structs.replace(RULE, **change)
    assert fingerprint(COMPANY, [changed]) != fingerprint(COMPANY, [RULE])


def test_what_changes_no_figure_changes_nothing() -> None:
    other = msgspec.structs.replace(RULE, name="5%", percent=Decimal(5))
    seen = fingerprint(COMPANY, [RULE, other])
    assert len(seen) == 64
    assert fingerprint(msgspec.structs.replace(COMPANY, name="x", time_zone="y", lock_date="z"), [other, RULE]) == seen
    same = msgspec.structs.replace(RULE, id="r-9", percent=Decimal("20.00"), active=False)
    assert fingerprint(COMPANY, [other, same]) == seen
    assert fingerprint(COMPANY, [RULE]) != seen
