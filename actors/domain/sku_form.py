"""The normal form of a SKU: what two SKUs share that people take for the same. It reports, and never matches (K3).

Capitals, blanks and dashes fall away, accents and full-width letters too, and letters that look like others or like
figures become those.
"""

from __future__ import annotations

import unicodedata

_LOOK_ALIKES = str.maketrans(
    {
        # Latin letters that are read for figures.
        "o": "0",
        "i": "1",
        "l": "1",
        # Cyrillic and Greek letters that are written like Latin ones (after casefold).
        "а": "a",
        "в": "b",
        "е": "e",
        "к": "k",
        "м": "m",
        "н": "h",
        "о": "0",
        "р": "p",
        "с": "c",
        "т": "t",
        "у": "y",
        "х": "x",
        "ѕ": "s",
        "і": "1",
        "ј": "j",
        "α": "a",
        "β": "b",
        "ε": "e",
        "ι": "1",
        "κ": "k",
        "ν": "v",
        "ο": "0",
        "ρ": "p",
        "τ": "t",
        "υ": "y",
        "χ": "x",
        "η": "h",
        "μ": "m",
        "ζ": "z",
        "г": "r",
    }
)

_DROPPED = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Pd", "Pc", "Mn"})
"""Categories of characters that people do not see a difference in: blanks, controls, dashes, joiners, accents."""


def form(sku: str) -> str:
    """Return the normal form; "" of a SKU that has nothing to be told by."""
    spread = unicodedata.normalize("NFKD", sku).casefold()
    kept = "".join(sign for sign in spread if unicodedata.category(sign) not in _DROPPED)
    return kept.translate(_LOOK_ALIKES)
