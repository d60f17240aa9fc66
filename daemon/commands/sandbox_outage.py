"""When the sandbox's push source is off, as the command line says it."""

from __future__ import annotations

import argparse
from typing import NamedTuple


class Outage(NamedTuple):
    """When the push source is off, in seconds after the shop opens."""

    start: float
    end: float


def outage(text: str) -> Outage:
    """Read `FROM:TO`.

    Raises:
        argparse.ArgumentTypeError: it is not that.
    """
    start, _, end = text.partition(":")
    try:
        read = Outage(float(start), float(end))
    except ValueError:
        read = Outage(0, 0)
    if not 0 <= read.start < read.end < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not FROM:TO in seconds, for example 10:70")
    return read
