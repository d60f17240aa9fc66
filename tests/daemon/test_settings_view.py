"""People see the configuration in force, what of it the file says, and nothing secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from daemon.desk.settings_view import settings_view
from daemon.secrets import Secrets
from daemon.settings import Settings, parse_settings
from tests.daemon_app import config_text

OWNERS = """
[owners.it]
name = "Ian"
channels = ["mailtos://hunter2@mail.example", "credential:it_slack"]
"""


def settings(more: str = "") -> Settings:
    return parse_settings(config_text(Path("/srv/tallyd.db")) + more, source="/etc/tallyd/tallyd.toml")


def view(more: str = "", **secrets: str) -> dict[str, Any]:
    return settings_view(settings(more), Secrets(secrets, storage_key=bytes(32), operator_tokens=()))


def key(told: dict[str, Any], table: str, name: str) -> dict[str, Any]:
    [found] = [one for part in told["tables"] if part["name"] == table for one in part["keys"] if one["key"] == name]
    return dict(found)


KEYS: list[tuple[str, str, str, str, str | None, bool]] = [
    ("", "connection", "name", '"test"', None, True),
    ("", "cin7", "calls_per_minute", "60", "60", False),
    ("", "cin7.shares", "stock", "10", "10", False),
    ("", "orders.trigger", "payment", '"paid"', None, True),
    ("", "mappings.tax", "standard", '"20% (VAT on Income)"', None, True),
    ("", "connection", "time_zone", "", None, False),
    ("", "stock", "buffers", "{}", "{}", False),
    ("[stock]\nbuffer = 3\n", "stock", "buffer", "3", "0", True),
    ("[stock]\nbuffer = 0\n", "stock", "buffer", "0", "0", True),
    ("[stock.buffers]\n'MUG B' = 2\n", "stock.buffers", '"MUG B"', "2", None, True),
    (
        "[mappings.currencies]\nrate_max_age_days = 2\nEUR = { customer = 'web EUR', rate = 0.86 }\n",
        "mappings.currencies",
        "EUR",
        '{ customer = "web EUR", rate = "0.86" }',
        None,
        True,
    ),
    (OWNERS, "owners.it", "name", '"Ian"', None, True),
]


@pytest.mark.parametrize("case", KEYS, ids=[f"{case[1]}.{case[2]}={case[3]}" for case in KEYS])
def test_a_key_has_its_value_and_its_default(case: tuple[str, str, str, str, str | None, bool]) -> None:
    more, table, name, value, default, given = case
    told = key(view(more), table, name)
    assert told == {"key": name, "value": value, "default": default, "given": given, "secret": False}


def test_every_key_of_every_table_is_there() -> None:
    told = {part["name"] for part in view()["tables"]}
    assert {field.name for field in msgspec.structs.fields(Settings)} <= {name.partition(".")[0] for name in told}


def test_a_channel_is_its_kind() -> None:
    told = view(OWNERS, it_slack="https://hooks.example/s3cret")
    assert key(told, "owners.it", "channels")["value"] == '["mailtos://…", "credential:it_slack"]'
    assert key(told, "owners.it", "channels")["secret"]
    assert not [word for word in ("hunter2", "s3cret") if word in str(told)]


def test_of_secrets_is_told_whether_they_are_given() -> None:
    told = view(OWNERS, cin7_application_key="x")["secrets"]
    given = {one["name"]: one["given"] for one in told}
    assert (given["cin7_application_key"], given["operator_tokens"], given["it_slack"]) == (True, False, False)
    assert all(one["meaning"] for one in told)


def test_the_hash_is_that_of_what_is_in_force() -> None:
    plain = view()["hash"]
    assert view("[stock]\nbuffer = 0\n")["hash"] == plain
    assert view("[stock]\nbuffer = 1\n")["hash"] != plain
    assert view(OWNERS)["hash"] == view(OWNERS.replace("hunter2", "other"))["hash"]


def test_the_same_values_are_the_same_settings() -> None:
    assert settings() == settings("[stock]\nbuffer = 0\n")
    assert settings() != settings("[stock]\nbuffer = 1\n")
