"""`tallyd run`: the daemon, as systemd starts it."""

from __future__ import annotations

import argparse
import sys

import anyio


def main(args: argparse.Namespace) -> int:
    """Run until told to stop. 0: stopped in good order, 1: unfit, 2: configuration, or a file in use."""
    from daemon.app import serve
    from daemon.not_yet import refused
    from daemon.secrets import load_secrets
    from daemon.settings import SettingsError, load_settings
    from daemon.supervisor import UnfitError
    from storage.lock import HeldByAnotherError
    from storage.schema import SchemaError

    try:
        settings = load_settings(args.config)
        secrets = load_secrets(settings)
        if problems := refused(settings):
            raise SettingsError(problems, source=str(args.config))
    except SettingsError as error:
        for line in error.lines():
            print(f"tallyd: {line}", file=sys.stderr)
        return 2
    try:
        anyio.run(serve, settings, secrets)
    except BaseExceptionGroup as group:
        return _told(args, _first(group), (UnfitError,), (HeldByAnotherError, SchemaError))
    except (UnfitError, HeldByAnotherError, SchemaError, OSError) as error:
        return _told(args, error, (UnfitError,), (HeldByAnotherError, SchemaError))
    return 0


def _told(
    args: argparse.Namespace,
    error: BaseException,
    unfit: tuple[type[BaseException], ...],
    refused: tuple[type[BaseException], ...],
) -> int:
    """Print one line for an end that has a name; anything else is a defect and keeps its traceback."""
    if isinstance(error, unfit):
        print(f"tallyd: {error}", file=sys.stderr)
        return 1
    if isinstance(error, refused):
        print(f"tallyd: {error}", file=sys.stderr)
        return 2
    if isinstance(error, OSError):
        print(f"tallyd: {args.config}: cannot start: {error}", file=sys.stderr)
        return 2
    raise error


def _first(group: BaseException) -> BaseException:
    """Return what a group of errors is really about."""
    error = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
