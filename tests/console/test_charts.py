"""Charts: what is drawn stays in its frame, nothing is drawn that nobody saw, and no text becomes markup."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.console.charts import HEIGHT, WIDTH, Line, begin, chart

HOUR = 3_600_000
POINTS = st.lists(
    st.tuples(st.integers(0, 24 * HOUR), st.floats(0, 1e7, allow_nan=False)), max_size=30
).map(sorted)  # fmt: skip


@given(points=POINTS, step=st.booleans(), filled=st.booleans(), ceiling=st.none() | st.floats(0, 1e6))
def test_everything_lies_within_the_frame(
    points: list[tuple[int, float]], step: bool, filled: bool, ceiling: float | None
) -> None:
    drawn = chart([Line(points=points, step=step, filled=filled)], since=0, until=24 * HOUR, label="x", ceiling=ceiling)
    for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.e-]+)", drawn):
        assert 0 <= float(x) <= WIDTH and 0 <= float(y) <= HEIGHT
    for y in re.findall(r'y1="(-?[\d.]+)"', drawn):
        assert 0 <= float(y) <= HEIGHT
    assert "style=" not in drawn


@pytest.mark.parametrize(("gap", "pieces"), [(0, 1), (3 * HOUR, 1), (2 * HOUR, 2), (HOUR - 1, 4)])
def test_a_silence_is_a_gap(gap: int, pieces: int) -> None:
    points = [(0, 1.0), (HOUR, 2.0), (4 * HOUR, 3.0), (5 * HOUR, 1.0)]
    drawn = chart([Line(points=points, gap=gap)], since=0, until=6 * HOUR, label="x")
    assert drawn.count('class="line one"') == pieces


def test_a_step_holds_until_the_next_one() -> None:
    drawn = chart([Line(points=[(0, 0.0), (HOUR, 1.0)], step=True)], since=0, until=2 * HOUR, label="x")
    flat = chart([Line(points=[(0, 0.0), (HOUR, 1.0)])], since=0, until=2 * HOUR, label="x")
    assert drawn.count("L") == flat.count("L") + 1


@pytest.mark.parametrize(
    ("value", "top"),
    [(0, "1"), (0.4, "1"), (7, "8"), (60, "60"), (61, "80"), (130, "150"), (9000, "10k"), (10_000, "10k")],
)
def test_the_scale_ends_at_a_round_figure(value: float, top: str) -> None:
    drawn = chart([Line(points=[(0, value)])], since=0, until=HOUR, label="x")
    assert f">{top}</text>" in drawn


@pytest.mark.parametrize(("first", "begins"), [(None, 2), (1, 2), (5, 5), (9.5, 9)])
def test_it_begins_where_there_is_something_to_see(first: float | None, begins: float) -> None:
    lines = [Line(points=[] if first is None else [(round(first * HOUR), 1.0)])]
    assert begin(lines, since=2 * HOUR, until=10 * HOUR) == begins * HOUR


def test_the_label_is_text() -> None:
    drawn = chart([], since=0, until=HOUR, label='"><script>')
    assert "<script>" not in drawn
    assert 'role="img"' in drawn
