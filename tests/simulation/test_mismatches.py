"""A slice of `python -m tests.simulation.mismatches`: every class, found and named, none invented, and after edits."""

from __future__ import annotations

from tests.simulation.mismatches import run
from tests.simulation.world import virtual


@virtual
async def test_every_mismatch_of_two_catalogues_is_found_and_none_invented() -> None:
    for result in await run(1_500, 90, 1, edits=6):
        assert result.missed == ()
        assert result.invented == ()
        assert result.skus > 1_500
