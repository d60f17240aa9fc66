"""The configuration in force as people may see it: every key with its value and its default, and no secret.

An address of a channel may be as good as a secret, so of it the kind is shown; of a secret only whether it is given.
The file itself holds none: an address with a password in it is refused at the start.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, Struct
from msgspec.structs import FieldInfo

from daemon.secrets import CREDENTIAL_PREFIX, DECLARED, Secrets, required_secrets
from daemon.settings import Settings
from daemon.settings_reader import quoted, toml

Document = dict[str, Any]

_CHANNELS = frozenset({"channels", "escalate_to"})
_AMONG_ITS_KEYS = "mappings.currencies.by_code"
"""A record's field whose entries stand in the file beside the record's other keys."""


def settings_view(settings: Settings, secrets: Secrets) -> Document:
    """Return the page."""
    given: frozenset[str] = getattr(settings, "given", frozenset())
    tables = [
        table for field in msgspec.structs.fields(Settings) for table in _tables(settings, field, field.name, given)
    ]
    return {
        "file": getattr(settings, "file", None),
        "hash": _hash(tables),
        "tables": tables,
        "secrets": [
            {"name": name, "given": name in secrets, "meaning": DECLARED.get(name, "an owner's channel refers to it")}
            for name in dict.fromkeys((*DECLARED, *required_secrets(settings)))
        ],
    }


def _hash(tables: list[Document]) -> str:
    """Return the SHA-256 of what is in force: the same after every start with the same values, given or by default."""
    values = [[table["name"], [[key["key"], key["value"]] for key in table["keys"]]] for table in tables]
    return hashlib.sha256(msgspec.json.encode(values)).hexdigest()


def _tables(holder: Struct, field: FieldInfo, path: str, given: frozenset[str]) -> Iterator[Document]:
    """Yield a table, and the tables in it after it."""
    value, default = getattr(holder, field.name), _default(field)
    keys, inner = [], []
    for one in msgspec.structs.fields(value):
        here = getattr(value, one.name)
        where = f"{path}.{one.name}"
        if isinstance(here, Struct):
            inner += list(_tables(value, one, where, given))
        elif where == _AMONG_ITS_KEYS:
            keys += _entries(here, {}, path, given)
        elif isinstance(here, Mapping) and here:
            inner.append({"name": where, "keys": _entries(here, _default(one), where, given)})
        else:
            usual = getattr(default, one.name) if isinstance(default, Struct) else _default(one)
            keys.append(_key(one.name, here, usual, where, given))
    if keys or not inner:
        yield {"name": path, "keys": keys}
    yield from inner


def _entries(value: Mapping[str, Any], default: Mapping[str, Any], path: str, given: frozenset[str]) -> list[Document]:
    return [
        {**_key(name, one, default.get(name), f"{path}.{name}", given), "key": quoted(name)}
        for name, one in sorted(value.items())
    ]


def _key(name: str, value: Any, default: Any, path: str, given: frozenset[str]) -> Document:
    shown, secret = _shown(name, value)
    return {
        "key": name,
        "value": shown,
        "default": None if default is None else _shown(name, default)[0],
        "given": path in given,
        "secret": secret,
    }


def _shown(name: str, value: Any) -> tuple[str, bool]:
    """Return a value as the file would write it, "" where it is not set; and whether something of it is kept back."""
    if value is None:
        return "", False
    if name in _CHANNELS:
        kinds = [_kind(channel) for channel in value]
        return toml(kinds), any(kind != channel for kind, channel in zip(kinds, value, strict=True))
    return toml(value), False


def _kind(channel: str) -> str:
    scheme, found, _ = channel.partition("://")
    return f"{scheme}://…" if found and not channel.startswith(CREDENTIAL_PREFIX) else channel


def _default(field: FieldInfo) -> Any:
    if field.default is not NODEFAULT and field.default is not UNSET:
        return field.default
    return None if field.default_factory is NODEFAULT else field.default_factory()
