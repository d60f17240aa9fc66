"""The command line. Nothing is imported before the command that needs it is known.

Exit codes: 0 good, 1 findings or failure, 2 usage or configuration (design §5).
"""

from __future__ import annotations

import sys

from daemon.version import VERSION

TYPE_CHECKING = False  # type checkers know the name; importing it would take longer than all of `--version`
if TYPE_CHECKING:
    from argparse import ArgumentParser

DEFAULT_CONFIG = "/etc/tallyd/tallyd.toml"


COMMANDS: dict[str, tuple[str, str]] = {
    "run": ("run the daemon until it is told to stop", "tallyd run --config /etc/tallyd/tallyd.toml"),
    "sandbox": (
        "run the daemon between a local commercetools and a local Cin7 Core",
        "tallyd sandbox --orders 30 --rate 60",
    ),
    "check": ("judge the configuration and secrets, then both systems", "tallyd check --config tallyd.toml --offline"),
    "diagnose": (
        "replay past orders before go-live: what would be held and why",
        "tallyd diagnose --config tallyd.toml --orders 300",
    ),
    "orders": ("list, show, retry, release, reject or resend orders", "tallyd orders show CT-100045"),
    "exceptions": (
        "list, show, retry or resolve what needs a person, or see what could not be read",
        "tallyd exceptions list --owner finance",
    ),
    "alerts": ("list alerts and thresholds, try an owner's channels, show a digest", "tallyd alerts test ops"),
    "maintenance": (
        "keep alerts and send none for a while; each owner gets a report at the end",
        'tallyd maintenance start --until 2h --reason "moving the warehouse"',
    ),
    "stock": ("show or list what is published and why; block and unblock SKUs", "tallyd stock show HW-MUG-STN-01"),
    "skus": (
        "list and show how the SKUs of both sides match; plan or approve unpublishing, ask for drafts",
        "tallyd skus list --match only_commercetools --published",
    ),
    "report": (
        "close a month or a day: both sides, what they differ by, what is open; the postings that are safe to sync on",
        "tallyd report month 2026-11",
    ),
    "mappings": (
        "list what is mapped to what; try a row on the last orders, put it in force, or take it back",
        'tallyd mappings try tax GB/standard "20% (VAT on Income)"',
    ),
    "webhooks": ("plan or apply the webhooks Cin7 Core sends us", "tallyd webhooks plan"),
    "audit": ("list what people did; prove that none of it was changed", "tallyd audit verify"),
    "model": ("print who masters, does and owns what, to be signed", "tallyd model --config tallyd.toml"),
    "flows": ("list, pause or resume flows", 'tallyd flows pause orders --reason "stocktaking"'),
}
"""What each command is for, and an example."""


def main(argv: list[str] | None = None) -> int:
    """Run a command; return its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments == ["--version"]:
        print(f"tallyd {VERSION}")
        return 0
    try:
        return _run(arguments)
    except SystemExit as end:  # argparse: 0 after --help, 2 after a mistake
        return end.code if isinstance(end.code, int) else 2
    except BrokenPipeError:
        _drop_output()
        return 0
    except KeyboardInterrupt:
        return 1


def _run(arguments: list[str]) -> int:
    import argparse
    from importlib import import_module

    name = arguments[0] if arguments else ""
    if name not in COMMANDS:
        parser = _overview()
        parser.parse_args(arguments)
        parser.print_usage(sys.stderr)
        return 2
    purpose, example = COMMANDS[name]
    module = import_module(f"daemon.commands.{name}")
    parser = argparse.ArgumentParser(
        prog=f"tallyd {name}",
        description=f"{purpose[0].upper()}{purpose[1:]}.",
        epilog=f"example: {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    declare = getattr(module, "add_arguments", None)
    if declare is not None:
        declare(parser)
    else:
        add_config(parser)
    code: int = module.main(parser.parse_args(_with_verb(arguments[1:], getattr(module, "DEFAULT_VERB", ""))))
    sys.stdout.flush()
    return code


def _with_verb(arguments: list[str], verb: str) -> list[str]:
    """Put in the verb a command means when none is named: `tallyd skus --csv` is `tallyd skus list --csv`."""
    named = bool(arguments) and (not arguments[0].startswith("-") or arguments[0] in ("-h", "--help"))
    return arguments if named or not verb else [verb, *arguments]


def add_config(parser: ArgumentParser) -> None:
    """Declare `--config`, which every command but the sandbox has."""
    from pathlib import Path

    parser.add_argument(
        "--config",
        metavar="FILE",
        type=Path,
        default=Path(DEFAULT_CONFIG),
        help=f"the configuration (default {DEFAULT_CONFIG})",
    )


def _overview() -> ArgumentParser:
    """Return the parser of `tallyd --help`. It knows every command and imports none."""
    import argparse

    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, (purpose, _) in COMMANDS.items()]
    parser = argparse.ArgumentParser(
        prog="tallyd",
        usage="tallyd COMMAND [options]",
        description="The governed layer between commercetools and Cin7 Core.\n\ncommands:\n" + "\n".join(lines),
        epilog="example: tallyd sandbox\nEvery command has --help of its own. Exit codes: 0 good, 1 findings or"
        " failure, 2 usage or configuration.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"tallyd {VERSION}")
    parser.add_argument("command", metavar="COMMAND", choices=sorted(COMMANDS), help="one of the above")
    return parser


def _drop_output() -> None:
    """Whoever read our output (`head`, a pager) has enough: end without a complaint at exit."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
