"""Plain columns for a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Align columns by their widest cell; the last one is left as it is. None shows as a dash."""
    cells = [list(head), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(head))]
    return "\n".join(
        "  ".join(
            cell if index == len(head) - 1 else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    )


def minute(instant: str | None) -> str:
    """Shorten a timestamp to what a person compares; UTC."""
    return "-" if instant is None else instant[:19].replace("T", " ")


def _cell(value: object) -> str:
    return "-" if value is None or value == "" else " ".join(str(value).splitlines())
