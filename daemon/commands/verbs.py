"""Subcommands such as `orders show`: each has --help with an example, --config and --json."""

from __future__ import annotations

import argparse
from typing import Any

from daemon.cli import add_config


def add_verb(verbs: Any, name: str, help_text: str, example: str) -> argparse.ArgumentParser:
    """Declare one, with its example, `--config` and `--json`."""
    parser: argparse.ArgumentParser = verbs.add_parser(
        name,
        help=help_text,
        description=f"{help_text[0].upper()}{help_text[1:]}.",
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser
