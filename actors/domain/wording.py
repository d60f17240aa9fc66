"""Names of the code as people read them."""

from __future__ import annotations

from typing import Final

_SPELT: Final = {"sku": "SKU", "skus": "SKUs", "cin7": "Cin7", "id": "ID", "fx": "FX"}


def words(code: object) -> str:
    """Write a name of the code as words: `sku_unknown` as `SKU unknown`."""
    return " ".join(_SPELT.get(word, word) for word in str(code).replace("_", " ").split(" "))


def label(code: object) -> str:
    """Write a name of the code as words, as it stands at the head of a line: `Tax unmapped`."""
    told = words(code)
    return told[:1].upper() + told[1:]
