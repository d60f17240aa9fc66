"""What a message to people is, and that it did not go out."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """It decides a message's colour, and whether an incident kept elsewhere opens or closes."""

    INFO = "info"
    SUCCESS = "success"
    WARNING = "warning"
    FAILURE = "failure"


class UndeliveredError(Exception):
    """A message did not go out; `reason` is words for people that hold no address and no secret.

    `refused`: the service answered that this very message is none it takes.
    """

    def __init__(self, reason: str, *, refused: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.refused = refused
