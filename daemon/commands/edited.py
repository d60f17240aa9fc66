"""What an edit puts in, as a command is told it.

What it says of people is read from standard input: a command line stands in the list of processes and in the history of
a shell (law L9).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

FIELDS = ("alias", "note", "address", "contact")


def values_of(field: str, *, sku: str, alias: str) -> dict[str, str] | str:
    """Return what is to be put in, or what is wrong with how it was said.

    `sku` and `alias` are those of the command line. A note is standard input as it is; address and contact are read
    from it, `name=value` a line.
    """
    if field == "alias":
        return {"sku": sku, "alias": alias} if alias else "an alias needs SKU and ALIAS"
    if sku or alias:
        return "texts about people are read from standard input, not from the command line"
    if field == "note":
        return {"note": sys.stdin.read().strip("\n")}
    return _pairs(sys.stdin)


def _pairs(lines: Iterable[str]) -> dict[str, str] | str:
    values: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        name, equals, text = line.rstrip("\n").partition("=")
        if not name.strip() and not equals:
            continue
        if not equals:
            return f"line {number} of standard input is not name=value"
        values[name.strip()] = text.strip()
    return values
