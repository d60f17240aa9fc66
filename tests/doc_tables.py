"""Tables of a documentation page, so that a test can hold the code to them."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parents[1] / "docs"


def table(page: str, head: str) -> list[dict[str, str]]:
    """Return the rows of the page's table whose header line begins with these columns.

    Of columns that are called alike, all but the first are told by their place: "a unit 6". Bold is only for the eye.
    """
    lines = (DOCS / page).read_text("utf-8").splitlines()
    start = next(number for number, text in enumerate(lines) if text.startswith(f"| {head} |"))
    rows: list[list[str]] = []
    for text in lines[start:]:
        if not text.startswith("|"):
            break
        rows.append([cell.strip().strip("*") for cell in text.strip("|").split("|")])
    names = [name if name not in rows[0][:place] else f"{name} {place}" for place, name in enumerate(rows[0])]
    return [dict(zip(names, row, strict=True)) for row in rows[2:]]
