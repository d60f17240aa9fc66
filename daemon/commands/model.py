"""`tallyd model`: the operating model of a configuration, to be read, printed and signed."""

from __future__ import annotations

import argparse
import sys

from daemon.cli import add_config


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    add_config(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def main(args: argparse.Namespace) -> int:
    """Print the page; the daemon need not run."""
    from daemon.commands.configuration import settings_of
    from daemon.commands.reading import plain, to_json
    from daemon.desk.operating_model import model_document, operating_model

    settings = settings_of(args.config)
    if isinstance(settings, int):
        return settings
    if args.json:
        sys.stdout.write(to_json(model_document(settings)))
        return 0
    model = operating_model(settings)
    sys.stdout.write(plain(f"{model.text}\nHash of the above: {model.hash}\n\n{model.signatures}"))
    return 0
