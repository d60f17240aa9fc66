"""What every command does with the configuration: read it, or say each problem on a line and end with 2."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.settings import Settings
    from daemon.settings_reader import SettingsError


def complain(error: SettingsError) -> int:
    """Print one line per problem; return the exit code."""
    for line in error.lines():
        print(f"tallyd: {line}", file=sys.stderr)
    return 2


def settings_of(path: Path) -> Settings | int:
    """Return the settings, or the exit code after saying what is wrong with them."""
    from daemon.settings import SettingsError, load_settings

    try:
        return load_settings(path)
    except SettingsError as error:
        return complain(error)


def failed(message: str) -> int:
    """Say why it did not work; return the exit code."""
    print(f"tallyd: {message}", file=sys.stderr)
    return 1
