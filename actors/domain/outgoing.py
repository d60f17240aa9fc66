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
    """A message did not go out; `reason` is words for people that hold no address and no secret."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
