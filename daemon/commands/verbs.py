"""Subcommands such as `orders show`: each has --help with an example, --config and --json."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
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


def add_sort(parser: argparse.ArgumentParser, sorts: Sequence[str], *, descending: bool = False) -> None:
    """Declare by what a list is sorted (by the first of `sorts`, if nothing is said), and which way.

    `descending`: it falls, unless it is to rise.
    """
    parser.add_argument("--sort", choices=tuple(sorts), default=sorts[0], help=f"default: {sorts[0]}")
    if descending:
        parser.add_argument(
            "--ascending", dest="descending", action="store_false", help="the least, or the oldest, first"
        )
    else:
        parser.add_argument("--descending", action="store_true", help="the largest, or the newest, first")
