"""Files of exchange rates, as the catalogue flow reads them: whole, in a thread, and of a size a person keeps."""

from __future__ import annotations

from pathlib import Path

import anyio

MOST_BYTES = 4_000_000
"""Forty years of forty currencies. A larger file is not the one that was meant."""


class DiskRateFiles:
    """Reads rates files from disk. Implements `RateFiles`."""

    async def read(self, path: str) -> str:
        """Return the file's text.

        Raises:
            OSError: it is not there or may not be read.
            ValueError: it is no UTF-8 text, or too large.
        """
        return await anyio.to_thread.run_sync(_read, Path(path))


def _read(path: Path) -> str:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError("the file is too large")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("the file is no UTF-8 text") from None
