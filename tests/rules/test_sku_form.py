"""The normal form of a SKU: what people take for the same has one, what they tell apart has not."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.sku_form import form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HW-MUG-01", "hw-mug-01"),
        ("HW-MUG-01", "HW MUG 01"),
        ("HW-MUG-01", " HW-MUG-01 "),
        ("HW-MUG-01", "HW_MUG_01"),
        ("HW-MUG-01", "HW–MUG–01"),
        ("HW-MUG-01", "HW-MUG-O1"),
        ("HW-MUG-01", "HW-MUG-0I"),
        ("HW-MUG-01", "HW-MUG-0l"),
        ("HW-MUG-01", "НW-МUG-01"),
        ("HW-MUG-01", "ＨＷ-ＭＵＧ-０１"),
        ("CAFÉ-1", "CAFE-1"),
        ("HW-MUG-01", "HW-MUG-01\u200b"),
        ("HW-MUG-01", "HW-MUG-01\t"),
        ("STRASSE", "straße"),
    ],
)
def test_what_people_take_for_the_same_has_one_form(one: str, other: str) -> None:
    assert one != other
    assert form(one) == form(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("HW-MUG-01", "HW-MUG-02"), ("A1", "A11"), ("AB", "BA"), ("MUG/1", "MUG1"), ("1.5", "15"), ("A+B", "AB")],
)
def test_what_is_told_apart_has_two(one: str, other: str) -> None:
    assert form(one) != form(other)


@pytest.mark.parametrize("nothing", ["", "  ", "--", "_-_", "\u200b"])
def test_what_has_nothing_to_be_told_by_has_none(nothing: str) -> None:
    assert form(nothing) == ""


@given(st.text(max_size=30))
def test_the_form_of_a_form_is_itself(sku: str) -> None:
    assert form(form(sku)) == form(sku)


@given(st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=20), st.data())
def test_blanks_dashes_and_capitals_change_nothing(sku: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(sku)))
    mark = data.draw(st.sampled_from(" -_–\t"))
    assert form(sku[:place] + mark + sku[place:]) == form(sku.swapcase()) == form(sku)
