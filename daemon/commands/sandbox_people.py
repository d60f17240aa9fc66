"""The people of the sandbox: one for each role, with a token to sign in with."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from daemon.commands.table import table

FILE = "people"
"""What is written beside the sandbox's file, for whoever wants to sign in by a program."""

_NAMES = (
    ("olivia", "ops"),
    ("farid", "finance"),
    ("emma", "ecommerce"),
    ("ivan", "it"),
    ("ada", "admin"),
    ("vera", "viewer"),
)


class SandboxPerson(NamedTuple):
    """Who signs in, as what, and with which token."""

    name: str
    role: str
    token: str


def hire() -> tuple[SandboxPerson, ...]:
    """Return one person for each role; the tokens are new every time, as the sandbox's file is."""
    return tuple(SandboxPerson(name, role, secrets.token_urlsafe(18)) for name, role in _NAMES)


def operator_tokens(people: Iterable[SandboxPerson]) -> str:
    """Write the `operator_tokens` secret: a line for each person, with a digest in place of the token."""
    return "".join(f"{one.name} {one.role} {hashlib.sha256(one.token.encode()).hexdigest()}\n" for one in people)


def token_of(people: Iterable[SandboxPerson], role: str) -> str:
    """Return the token of whoever has the role; "" where nobody signs in."""
    return next((one.token for one in people if one.role == role), "")


def write_people(folder: Path, people: Iterable[SandboxPerson]) -> Path:
    """Write `name role token` lines that only this user may read."""
    path = folder / FILE
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{one.name} {one.role} {one.token}\n" for one in people), encoding="ascii")
    return path


def introduced(people: Iterable[SandboxPerson], port: int) -> str:
    """Say where people sign in, and with what."""
    rows = table(["NAME", "ROLE", "TOKEN"], [[one.name, one.role, one.token] for one in people])
    indented = "\n".join(f"  {line}" for line in rows.splitlines())
    return f"Sign in at http://127.0.0.1:{port}/ with one of these tokens:\n{indented}"


def owners() -> str:
    """Write the `[owners]` of the sandbox's configuration: whoever has the role answers for its exceptions."""
    named = {role: name for name, role in _NAMES}
    lines = [f'{role} = {{ name = "{named[role].title()}" }}' for role in ("ops", "finance", "ecommerce", "it")]
    return "\n".join(["[owners]", *lines, ""])
