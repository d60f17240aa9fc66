"""A slice of whole lives, all mixed; all of it: `python -m tests.simulation.lives --seeds 200 --first 0`."""

from __future__ import annotations

import pytest

from tests.simulation.lives import run_seed, told


@pytest.mark.parametrize("seed", [10, 14])
def test_lives_end_as_the_books_say_whatever_happens_and_however_it_is_told(seed: int) -> None:
    # Each of these found a defect once: a state taken for somebody else's, an exception that outlived its cause.
    result = run_seed(seed, 20)

    assert result.holds, told(result)
    assert result.life is not None
    assert result.life.kills == 4
    assert sum(result.life.steps.values()) > 25, told(result)
