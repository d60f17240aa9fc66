"""`tallyd run`: the daemon, as systemd starts it."""

from __future__ import annotations

import argparse
import sys

import anyio


def main(args: argparse.Namespace) -> int:
    """Run until told to stop. 0: stopped in good order, 1: unfit, 2: configuration or a file somebody else holds."""
    from daemon.app import serve
    from daemon.secrets import load_secrets
    from daemon.settings import SettingsError, load_settings
    from daemon.supervisor import UnfitError
    from storage.lock import HeldByAnotherError
    from storage.schema import SchemaError

    try:
        settings = load_settings(args.config)
        secrets = load_secrets(settings)
    except SettingsError as error:
        for problem in error.problems:
            print(f"tallyd: {args.config}: {problem}", file=sys.stderr)
        return 2
    try:
        anyio.run(serve, settings, secrets)
    except* (HeldByAnotherError, SchemaError) as group:
        print(f"tallyd: {_first(group)}", file=sys.stderr)
        return 2
    except* OSError as group:
        error = _first(group)
        print(f"tallyd: {args.config}: cannot start: {error}", file=sys.stderr)
        return 2
    except* UnfitError as group:
        print(f"tallyd: {_first(group)}", file=sys.stderr)
        return 1
    return 0


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
