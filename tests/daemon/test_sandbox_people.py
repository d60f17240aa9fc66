"""The people of the sandbox: the daemon knows the tokens that are printed, and without people there are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.operator.server import operator_server
from daemon.commands.sandbox_files import write_config, write_credentials
from daemon.commands.sandbox_people import hire, introduced, operator_tokens, token_of, write_people
from daemon.commands.sandbox_status import Status
from daemon.readmodel import LiveReading
from daemon.secrets import ROLES, load_secrets
from daemon.settings import Settings, load_settings
from tests.daemon_app import ENVIRON, assembled

GIVEN = {name.removeprefix("TALLYD_").lower(): value for name, value in ENVIRON.items()}


def settings_in(folder: Path, *, people: bool) -> Settings:
    path = write_config(
        folder, shop_port=1, cin7_port=2, account="a", operator_port=3, limit=60, doors=None, people=people
    )
    return load_settings(path)


def test_there_is_one_for_each_role_and_the_daemon_takes_the_tokens(tmp_path: Path) -> None:
    people = hire()
    folder = write_credentials(tmp_path, GIVEN | {"operator_tokens": operator_tokens(people)})
    settings = settings_in(tmp_path, people=True)
    known = load_secrets(settings, environ={"CREDENTIALS_DIRECTORY": str(folder)}).operator_tokens
    assert {role for token in known for role in token.roles} == set(ROLES)
    assert settings.owners.finance is not None
    assert settings.owners.finance.name == next(one.name.title() for one in people if one.role == "finance")
    assert not any(one.token in path.read_text("ascii") for one in people for path in folder.iterdir())
    assert all(one.token in introduced(people, 8710) for one in people)
    path = write_people(tmp_path, people)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text("ascii").splitlines()[0] == " ".join(people[0])


def test_without_people_no_token_is_left_of_the_last_time(tmp_path: Path) -> None:
    write_credentials(tmp_path, GIVEN | {"operator_tokens": operator_tokens(hire())})
    folder = write_credentials(tmp_path, GIVEN)
    settings = settings_in(tmp_path, people=False)
    assert load_secrets(settings, environ={"CREDENTIALS_DIRECTORY": str(folder)}).operator_tokens == ()
    assert settings.owners.ops is None


@pytest.mark.parametrize("posting", ["auto", "hold"])
def test_a_day_is_posted_by_itself_or_released_by_a_person(tmp_path: Path, posting: str) -> None:
    path = write_config(
        tmp_path, shop_port=1, cin7_port=2, account="a", operator_port=3, limit=60, doors=None, posting=posting
    )
    assert load_settings(path).finance.posting == posting


async def test_the_sandbox_reads_the_health_with_a_token_of_its_own(tmp_path: Path) -> None:
    people = hire()
    folder = write_credentials(tmp_path, GIVEN | {"operator_tokens": operator_tokens(people)})
    tokens = load_secrets(
        settings_in(tmp_path, people=True), environ={"CREDENTIALS_DIRECTORY": str(folder)}
    ).operator_tokens
    async with (
        assembled(tmp_path) as app,
        operator_server("127.0.0.1:0", LiveReading(app), tokens=tokens) as (_, port),
    ):
        status = Status(
            Nothing(), Nothing(), port, tmp_path, tmp_path, command="t", asking="t", plain=True, people=people
        )
        await status.show(1, 0)
        assert status.ready
    assert token_of((), "ops") == ""


class Nothing:
    """A side with nothing in it."""

    def __init__(self) -> None:
        self.orders: dict[str, object] = {}

    def live_sales(self) -> list[object]:
        return []
