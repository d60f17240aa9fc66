"""Interleaving 15: what is booked where its stock is not counted is refused by `check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.cli import main
from tests.daemon_app import ENVIRON, write_config

PARIS = '[mappings.channels]\n"" = ["Main Warehouse"]\nparis = ["Paris"]\n'
CASES = [
    ("", []),
    ('split_location = "Main Warehouse"', ["mappings.channels.paris"]),
    ('split_location = "Rome"', ['mappings.channels.""', "mappings.channels.paris"]),
]


@pytest.mark.parametrize(("split", "named"), CASES)
def test_check_names_the_channel_and_the_mend(
    split: str,
    named: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    config = write_config(tmp_path)
    text = config.read_text("utf-8").replace("[orders]\n", f"[orders]\n{split}\n")
    config.write_text(text + PARIS, "utf-8")
    assert main(["check", "--offline", "--config", str(config)]) == (1 if named else 0)
    told = capsys.readouterr().out
    for key in named:
        assert key in told
    assert ("split_location" in told) == bool(named)
