"""The systemd unit, held against the settings and secrets it serves, and against systemd itself where there is one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from daemon.secrets import ALWAYS, DECLARED
from daemon.settings import DEFAULT_PATH, Cin7Settings, StorageSettings

FOLDER = Path(__file__).parents[2] / "systemd"
UNIT = FOLDER / "tallyd.service"
PROGRAM = "/opt/tallyd/bin/tallyd"
GRACE_SECONDS = 30
WATCHDOG_LEAST_SECONDS = 30  # the governor's own heartbeat is 10 s; less than three of them would be a coin's toss

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")


def unit_lines(section: str) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    current = ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            current = line.strip("[]")
        elif line and not line.startswith("#") and current == section:
            key, _, value = line.partition("=")
            pairs.append((key, value))
    return pairs


def value(key: str, section: str = "Service") -> str:
    values = [found for name, found in unit_lines(section) if name == key]
    assert len(values) == 1, f"{key} stands {len(values)} times"
    return values[0]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The unit as systemd would find it once the program is there."""
    copy = tmp_path / UNIT.name
    copy.write_text(UNIT.read_text().replace(PROGRAM, "/bin/true"))
    return copy


def test_the_program_is_the_one_of_its_own_venv_with_the_default_configuration() -> None:
    assert value("ExecStart") == f"{PROGRAM} run --config {DEFAULT_PATH}"


def test_stopping_waits_for_the_slowest_call_and_some_more() -> None:
    assert int(value("TimeoutStopSec")) == Cin7Settings(account_id="a").timeout_seconds + GRACE_SECONDS


def test_every_required_secret_is_a_credential_and_the_others_are_shown() -> None:
    loaded = [found.partition(":")[0] for name, found in unit_lines("Service") if name == "LoadCredential"]
    assert loaded == list(ALWAYS)
    text = UNIT.read_text()
    for name in DECLARED:
        assert f"LoadCredential={name}:/etc/tallyd/credentials/{name}\n" in text


def test_a_configuration_error_is_not_started_again_and_everything_else_is_for_ever() -> None:
    assert value("Restart") == "on-failure"
    assert value("RestartPreventExitStatus") == "2"
    assert float(value("RestartSec")) > 0
    assert value("StartLimitIntervalSec", "Unit") == "0"


def test_systemd_hears_when_it_is_ready_and_when_it_hangs() -> None:
    assert value("Type") == "notify"
    assert value("NotifyAccess") == "main"
    assert int(value("WatchdogSec")) >= WATCHDOG_LEAST_SECONDS


def test_the_default_database_lies_in_the_state_folder_of_the_service_user() -> None:
    database = StorageSettings().path
    assert Path(database).parent == Path("/var/lib") / value("StateDirectory")
    assert value("StateDirectoryMode") == "0750"
    assert f"u {value('User')} " in (FOLDER / "tallyd.sysusers").read_text()
    assert f"/etc/tallyd 0750 root {value('Group')} " in (FOLDER / "tallyd.tmpfiles").read_text()


def test_people_keep_their_names_in_the_audit() -> None:
    """A user namespace would turn every peer of the socket into `nobody`."""
    keys = [name for name, _ in unit_lines("Service")]
    assert "PrivateUsers" not in keys
    assert "DynamicUser" not in keys


@needs_systemd
def test_systemd_accepts_every_line(installed: Path) -> None:
    """`verify` exits 0 on an unknown key and only prints it, so it must print nothing."""
    result = subprocess.run(
        ["systemd-analyze", "verify", str(installed)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (result.returncode, result.stdout + result.stderr) == (0, "")


@needs_systemd
def test_the_service_is_hardly_exposed(installed: Path) -> None:
    result = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", "--threshold=15", str(installed)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 0, result.stdout[-200:]
