"""The doors of a whole daemon on virtual time: who fails, what finds it, and when it is over."""

from __future__ import annotations

import functools
from pathlib import Path

from adapters.sandbox.virtual_time import run_virtual
from tests.simulation import notifications

# --- many notifications ----------------------------------------------------------------------------------------------


def test_what_is_sent_is_accepted_once_and_what_makes_no_sense_is_told(tmp_path: Path) -> None:
    """The slice; the whole of it is `python -m tests.simulation.notifications`."""
    figures = run_virtual(functools.partial(notifications.run, 1, 5_000, tmp_path))
    assert figures.events >= 5_000
    assert figures.door.accepted == figures.events
    assert figures.duplicates > 900
    # A kill after the commit, too, has the post come again.
    assert figures.door.repeated > figures.duplicates
    assert figures.garbled > 50
    assert figures.kills > 10
