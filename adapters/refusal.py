"""The other side's words, made fit for an exception: bounded, on one line, and without e-mail addresses."""

from __future__ import annotations

import re

_LONGEST = 500
_EMAIL = re.compile(r"[^\s@\"'<>]+@[^\s@\"'<>]+")
_SPACE = re.compile(r"\s+")


def plain_words(text: str) -> str:
    """Return `text` on one line, at most 500 characters, e-mail addresses blanked."""
    cleaned = _EMAIL.sub("<e-mail>", _SPACE.sub(" ", text)).strip()
    return cleaned if len(cleaned) <= _LONGEST else cleaned[: _LONGEST - 1] + "…"
