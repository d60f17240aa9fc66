"""The release, known without looking it up: `tallyd --version` starts as fast as Python does."""

from __future__ import annotations

VERSION = "0.1.0"
