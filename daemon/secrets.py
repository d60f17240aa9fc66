"""Secrets, by reference only: a systemd credential of that name, else an environment variable.

`$CREDENTIALS_DIRECTORY/<name>` comes first, then `TALLYD_<NAME>`. No value is ever part of an error, a `repr` or the
configuration. `DECLARED` is the whole list; what is needed follows from the settings.
"""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from daemon.settings import Settings
from daemon.settings_reader import Problem, SettingsError

SOURCE = "secrets"
"""How problems name the place, where a configuration problem names its file."""

CREDENTIAL_PREFIX = "credential:"
"""How a channel of an owner refers to a secret."""

ROLES = ("viewer", "ops", "ecommerce", "finance", "it", "admin")

STORAGE_KEY_BYTES = 32

DECLARED: Mapping[str, str] = {
    "commercetools_client_secret": "the secret of the API client named by [commercetools] client_id",
    "cin7_application_key": "the application key of the Cin7 Core account",
    "storage_key": "32 bytes, base64: encrypts people's data in the database",
    "operator_tokens": 'one line per person: "name role[,role] sha256-hex-of-token"',
    "cin7_webhook_token": "the bearer token Cin7 Core sends with its webhooks",
    "aws_access_key_id": "reads the queue of [intake] sqs, with aws_secret_access_key",
    "aws_secret_access_key": "reads the queue of [intake] sqs, with aws_access_key_id",
    "eventgrid_key": "what [intake] eventgrid pushes prove themselves with",
}
"""Every secret tallyd itself knows, and what it is. Alert channels may name more."""

ALWAYS = ("commercetools_client_secret", "cin7_application_key", "storage_key")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SHA256_HEX = re.compile(r"[0-9a-fA-F]{64}")


class OperatorToken(NamedTuple):
    """One person's way in. `digest` is the SHA-256 of the token, 32 bytes; the token itself is nowhere."""

    name: str
    roles: frozenset[str]
    digest: bytes

    def __repr__(self) -> str:
        return f"OperatorToken(name={self.name!r}, roles={sorted(self.roles)})"


class Secrets:
    """The secrets by name. Neither `repr` nor `str` shows one, and it refuses to be pickled."""

    __slots__ = ("_values", "operator_tokens", "storage_key")

    def __init__(
        self, values: Mapping[str, str], *, storage_key: bytes, operator_tokens: tuple[OperatorToken, ...]
    ) -> None:
        self._values = dict(values)
        self.storage_key = storage_key
        self.operator_tokens = operator_tokens

    def __contains__(self, name: object) -> bool:
        return name in self._values

    def __getitem__(self, name: str) -> str:
        """Return the secret. Raises `KeyError` with its name if it was not given."""
        return self._values[name]

    def get(self, name: str) -> str | None:
        """Return the secret, or None if it was not given."""
        return self._values.get(name)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"

    def __reduce__(self) -> str:
        raise TypeError("secrets are not pickled")


def read_secret(name: str, environ: Mapping[str, str] = os.environ) -> str | None:
    """Return the secret without the line end a file has, or None when it is in neither place.

    Raises:
        SettingsError: the credential is there and cannot be read.
    """
    folder = environ.get("CREDENTIALS_DIRECTORY")
    if folder:
        path = Path(folder) / name
        try:
            text = path.read_bytes().decode().strip()
        except FileNotFoundError:
            text = ""
        except UnicodeDecodeError:
            raise _cannot(name, f"the credential {path} is not UTF-8 text", "write it as text") from None
        except OSError as error:
            raise _cannot(name, f"the credential {path} cannot be read ({error.strerror})", "mend its rights") from None
        if text:
            return text
    return environ.get(variable_of(name), "").strip() or None


def variable_of(name: str) -> str:
    """Return the environment variable of a secret."""
    return f"TALLYD_{name.upper()}"


def required_secrets(settings: Settings) -> tuple[str, ...]:
    """List the secrets without which these settings cannot run."""
    names = list(ALWAYS)
    if settings.intake.cin7_webhooks:
        names.append("cin7_webhook_token")
    if settings.intake.eventgrid is not None:
        names.append("eventgrid_key")
    return (*names, *_referred(settings))


def optional_secrets(settings: Settings) -> tuple[str, ...]:
    """List the secrets these settings make use of if they are there."""
    aws = ("aws_access_key_id", "aws_secret_access_key") if settings.intake.sqs is not None else ()
    return ("operator_tokens", *aws)


def _referred(settings: Settings) -> Iterator[str]:
    """Yield the names that channels of owners and of escalations refer to, each once."""
    owners = settings.owners
    people = (owners.ops, owners.finance, owners.ecommerce, owners.it)
    channels = [channel for person in people if person is not None for channel in person.channels]
    channels += settings.alerts.escalate_to
    yield from dict.fromkeys(
        channel.removeprefix(CREDENTIAL_PREFIX) for channel in channels if channel.startswith(CREDENTIAL_PREFIX)
    )


def load_secrets(settings: Settings, environ: Mapping[str, str] = os.environ) -> Secrets:
    """Read every secret these settings need or can use, and judge their form.

    Raises:
        SettingsError: with every problem found.
    """
    problems: list[Problem] = []
    values: dict[str, str] = {}
    required = required_secrets(settings)
    for name in (*required, *optional_secrets(settings)):
        if not _NAME.fullmatch(name):
            problems.append(_problem(name, "is not a secret's name", "use letters, digits and _"))
            continue
        try:
            value = read_secret(name, environ)
        except SettingsError as error:
            problems += error.problems
            continue
        if value is not None:
            values[name] = value
        elif name in required:
            problems.append(_missing(name))
    storage_key = _storage_key(values.get("storage_key"), problems)
    tokens = _operator_tokens(values.get("operator_tokens", ""), problems)
    _pair("aws_access_key_id", "aws_secret_access_key", values, problems)
    if problems:
        raise SettingsError(problems, source=SOURCE)
    return Secrets(values, storage_key=storage_key, operator_tokens=tokens)


def _storage_key(value: str | None, problems: list[Problem]) -> bytes:
    if value is None:
        return b""
    try:
        key = base64.b64decode(value, validate=True)
    except ValueError:  # also what is not ASCII
        key = b""
    if len(key) != STORAGE_KEY_BYTES:
        mend = "make one with: head -c 32 /dev/urandom | base64"
        problems.append(_problem("storage_key", "is not 32 bytes in base64 (44 characters)", mend))
    return key


def _operator_tokens(value: str, problems: list[Problem]) -> tuple[OperatorToken, ...]:
    tokens: dict[str, OperatorToken] = {}
    digests: set[bytes] = set()
    for number, line in enumerate(value.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        token = _operator_token(line)
        if isinstance(token, str):
            mend = 'write "name role[,role] sha256-hex-of-token"; make the last with: printf %s TOKEN | sha256sum'
            problems.append(_problem("operator_tokens", f"line {number}: {token}", mend))
        elif token.name in tokens or token.digest in digests:
            again = "name" if token.name in tokens else "token"
            message = f"line {number}: the same {again} stands on an earlier line"
            problems.append(_problem("operator_tokens", message, "one line per person, each with a token of their own"))
        else:
            tokens[token.name] = token
            digests.add(token.digest)
    return tuple(tokens.values())


def _operator_token(line: str) -> OperatorToken | str:
    """Read one line, or say what is wrong with it without quoting what may be a token."""
    parts = line.split()
    if len(parts) != 3:
        return f"has {len(parts)} words instead of 3"
    name, roles_text, digest = parts
    roles = frozenset(roles_text.split(","))
    if not roles <= frozenset(ROLES):
        return f"names a role that is not one of {', '.join(ROLES)}"
    if not _SHA256_HEX.fullmatch(digest):
        return "its last word is not 64 hex digits"
    return OperatorToken(name=name, roles=roles, digest=bytes.fromhex(digest))


def _pair(one: str, other: str, values: Mapping[str, str], problems: list[Problem]) -> None:
    for present, absent in ((one, other), (other, one)):
        if present in values and absent not in values:
            problems.append(_missing(absent))


def _missing(name: str) -> Problem:
    what = DECLARED.get(name, "named by an owner's channel")
    return _problem(
        name,
        f"is missing ({what})",
        f"give it as the systemd credential {name} ($CREDENTIALS_DIRECTORY/{name}) "
        f"or in the environment as {variable_of(name)}",
    )


def _problem(name: str, message: str, mend: str) -> Problem:
    return Problem(key=name, message=message, mend=mend)


def _cannot(name: str, message: str, mend: str) -> SettingsError:
    return SettingsError([_problem(name, message, mend)], source=SOURCE)
