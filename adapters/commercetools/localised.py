"""Texts that commercetools gives in several languages."""

from __future__ import annotations

from collections.abc import Mapping

_PREFERRED = ("en", "en-GB", "en-US")


def in_locale(texts: Mapping[str, str], locale: str | None) -> str:
    """Return the text of the order's locale, else the English one, else the first by name of locale; "" of none."""
    for wanted in (locale, *_PREFERRED):
        if wanted is not None and wanted in texts:
            return texts[wanted]
    return texts[min(texts)] if texts else ""
