"""Where secrets come from, and that none of them is ever shown."""

from __future__ import annotations

import base64
import pickle
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest

from daemon.secrets import (
    ALWAYS,
    DECLARED,
    Secrets,
    load_secrets,
    optional_secrets,
    read_secret,
    required_secrets,
    variable_of,
)
from daemon.settings import (
    EventGridSettings,
    OwnerSettings,
    OwnersSettings,
    Settings,
    SettingsError,
    SqsSettings,
    load_settings,
)

SHIPPED = Path(__file__).parents[2] / "config" / "tallyd.toml"
KEY = base64.b64encode(bytes(range(32))).decode()
HIDDEN = "hunter2-hunter2"


@pytest.fixture
def settings() -> Settings:
    return load_settings(SHIPPED)


def environ(**values: str) -> dict[str, str]:
    known = {"commercetools_client_secret": HIDDEN, "cin7_application_key": HIDDEN, "storage_key": KEY}
    return {variable_of(name): value for name, value in (known | values).items()}


def with_intake(settings: Settings, **changes: object) -> Settings:
    return msgspec.structs.replace(settings, intake=msgspec.structs.replace(settings.intake, **changes))


def lines_of(settings: Settings, given: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_secrets(settings, given)
    return caught.value.lines()


def test_a_credential_comes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "storage_key").write_text(" from the file\n")
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path), "TALLYD_STORAGE_KEY": "from the environment"}
    assert read_secret("storage_key", given) == "from the file"
    assert read_secret("storage_key", {"TALLYD_STORAGE_KEY": "from the environment\n"}) == "from the environment"
    (tmp_path / "storage_key").write_text("\n")
    assert read_secret("storage_key", given) == "from the environment"
    assert read_secret("cin7_application_key", given) is None


def test_a_credential_that_cannot_be_read_is_said_and_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "storage_key").mkdir()
    (tmp_path / "cin7_application_key").write_bytes(b"\xff\xfe")
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path), "TALLYD_STORAGE_KEY": KEY}
    for name, words in (("storage_key", "cannot be read"), ("cin7_application_key", "is not UTF-8")):
        with pytest.raises(SettingsError, match=words):
            read_secret(name, given)


def test_all_missing_secrets_are_named_with_both_places(settings: Settings) -> None:
    lines = lines_of(settings, {})
    assert len(lines) == len(ALWAYS)
    for name, line in zip(ALWAYS, lines, strict=True):
        assert f"secrets: {name}: is missing" in line
        assert f"$CREDENTIALS_DIRECTORY/{name}" in line
        assert f"TALLYD_{name.upper()}" in line


def test_what_is_required_follows_from_the_settings(settings: Settings) -> None:
    assert required_secrets(settings) == ALWAYS
    assert optional_secrets(settings) == ("operator_tokens",)
    pushed = with_intake(settings, cin7_webhooks=True, eventgrid=EventGridSettings(topic="t"))
    assert required_secrets(pushed) == (*ALWAYS, "cin7_webhook_token", "eventgrid_key")
    queued = with_intake(settings, sqs=SqsSettings(queue_url="https://q", region="r"))
    assert optional_secrets(queued) == ("operator_tokens", "aws_access_key_id", "aws_secret_access_key")
    ops = OwnerSettings(name="Desk", channels=("mailto://desk", "credential:ops_chat", "credential:ops_chat"))
    assert required_secrets(msgspec.structs.replace(settings, owners=OwnersSettings(ops=ops))) == (*ALWAYS, "ops_chat")


def test_a_channel_cannot_name_a_path_outside_the_credentials(settings: Settings) -> None:
    ops = OwnerSettings(name="Desk", channels=("credential:../../etc/shadow",))
    lines = lines_of(msgspec.structs.replace(settings, owners=OwnersSettings(ops=ops)), environ())
    assert len(lines) == 1
    assert "is not a secret's name" in lines[0]


def test_good_secrets_are_read(settings: Settings) -> None:
    digest = sha256(b"token").hexdigest()
    tokens = f"# people\n\nada admin,finance {digest}\n"
    secrets = load_secrets(settings, environ(operator_tokens=tokens))
    assert secrets["cin7_application_key"] == HIDDEN
    assert secrets.storage_key == bytes(range(32))
    (ada,) = secrets.operator_tokens
    assert (ada.name, ada.roles, ada.digest) == ("ada", frozenset({"admin", "finance"}), sha256(b"token").digest())
    assert "aws_access_key_id" not in secrets
    assert secrets.get("aws_access_key_id") is None
    with pytest.raises(KeyError, match="aws_access_key_id"):
        secrets["aws_access_key_id"]


def test_half_of_a_pair_is_a_problem(settings: Settings) -> None:
    queued = with_intake(settings, sqs=SqsSettings(queue_url="https://q", region="r"))
    (line,) = lines_of(queued, environ(aws_access_key_id="AKIA"))
    assert "aws_secret_access_key: is missing" in line


@pytest.mark.parametrize(
    "key",
    [
        base64.b64encode(bytes(31)).decode(),
        base64.b64encode(bytes(33)).decode(),
        bytes(32).hex(),
        KEY[:-1],
        f"{KEY[:20]} {KEY[20:]}",
        "ключ",
    ],
)
def test_a_storage_key_of_another_form_is_refused_unseen(settings: Settings, key: str) -> None:
    (line,) = lines_of(settings, environ(storage_key=key))
    assert line.startswith("secrets: storage_key: is not 32 bytes in base64")
    assert key not in line


DIGEST = sha256(b"x").hexdigest()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (f"ada {DIGEST}", "line 1: has 2 words instead of 3"),
        (f"ada root {DIGEST}", "line 1: names a role that is not one of viewer, ops"),
        (f"ada admin, {DIGEST}", "line 1: names a role"),
        (f"\nada admin {HIDDEN}", "line 1: its last word is not 64 hex digits"),
        (f"ada admin {DIGEST}\nada ops {sha256(b'y').hexdigest()}", "line 2: the same name stands on an earlier line"),
        (f"ada admin {DIGEST}\nbo ops {DIGEST.upper()}", "line 2: the same token stands on an earlier line"),
    ],
)
def test_a_wrong_line_of_operator_tokens_is_named_by_its_number_only(settings: Settings, text: str, words: str) -> None:
    (line,) = lines_of(settings, environ(operator_tokens=text))
    assert words in line
    assert HIDDEN not in line
    assert DIGEST not in line


def test_no_secret_is_shown_by_accident(settings: Settings) -> None:
    secrets = load_secrets(settings, environ(operator_tokens=f"ada admin {DIGEST}"))
    for text in (repr(secrets), str(secrets), f"{secrets}", repr(secrets.operator_tokens), repr([secrets])):
        assert HIDDEN not in text
        assert KEY not in text
        assert repr(bytes(range(32))) not in text
        assert DIGEST not in text
        assert repr(sha256(b"x").digest()) not in text
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secrets)


def test_the_holder_shows_names_only() -> None:
    assert repr(Secrets({"b": HIDDEN, "a": HIDDEN}, storage_key=b"", operator_tokens=())) == "Secrets(a, b)"


def test_every_secret_is_explained_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    for name in DECLARED:
        assert f"`{name}`" in text
