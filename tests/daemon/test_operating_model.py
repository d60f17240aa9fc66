"""The operating model: everything is on the page once, nothing secret is, and its hash follows the configuration."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from actors.domain.alerting import THRESHOLDS
from actors.domain.exception_types import CATALOGUE
from actors.messages import Flow
from adapters.operator.openapi import description
from daemon.cli import main
from daemon.desk.operating_model import WIDTH, Model, Section, operating_model
from daemon.secrets import ROLES
from daemon.settings import parse_settings
from tests.daemon.test_operator import served
from tests.daemon_app import config_text, token, write_config

VIEWER, VIEWER_TOKEN = token("vera", "viewer")

Printed = pytest.CaptureFixture[str]


def model(more: str = "", *, old: str = "", new: str = "") -> Model:
    return operating_model(parse_settings(config_text(Path("/x/tallyd.db")).replace(old, new) + more, source="t"))


def section(found: Model, title: str) -> Section:
    return next(one for one in found.sections if one.title == title)


def test_the_hash_is_of_the_text_and_the_same_every_time() -> None:
    found = model()
    assert found.hash == hashlib.sha256(found.text.encode()).hexdigest() == model().hash
    assert "signature" not in found.text
    assert "____" in found.signatures


MORE = [
    '[finance]\nposting = "auto"\n',
    "[finance]\nfour_eyes = true\n",
    "[finance]\ntolerance_minor_units = 1\n",
    "[catalogue]\nunpublish_unmatched = true\n",
    '[catalogue]\ncreate_drafts = true\nproduct_type = "main"\ntax_category = "standard"\n',
    "[stock]\nbuffers = { MUG = 2 }\n",
    '[stock]\nstale_policy = "zero"\n',
    "[fulfilment]\ncancel_voided = true\n",
    "[intake]\nhot_seconds = 5\n",
    "[intake]\ncensus_seconds = 60\n",
    "[alerts]\nescalate_after_minutes = 30\n",
    "[alerts]\nthresholds = { error_count = 3 }\n",
    '[alerts]\ndigest_at = "08:00"\n',
    '[owners]\nops = { name = "Desk" }\n',
    '[mappings.payments]\n"adyen/scheme" = "090"\n',
    '[mappings.carriers]\n"DHL Express" = "DHL"\n"DHL Parcel" = "DHL"\n',
]


@pytest.mark.parametrize("more", MORE)
def test_another_configuration_is_another_page(more: str) -> None:
    assert model(more).hash != model().hash


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('name = "test"', 'name = "test"\nmode = "shadow"'),
        ('payment = "paid"', 'payment = "any"'),
        ('since = "2020-01-01T00:00:00Z"', 'since = "2020-01-02T00:00:00Z"'),
        ('"20% (VAT on Income)"', '"Zero Rated Income"'),
    ],
)
def test_so_is_another_value(old: str, new: str) -> None:
    assert model(old=old, new=new).hash != model().hash


def test_every_type_has_one_owner_on_the_page() -> None:
    rows = section(model(), "Who owns every exception").rows
    told = [(code, row[0], row[1], row[3]) for row in rows for code in row[4].split(", ")]
    assert sorted(told) == sorted(
        (kind.code, kind.owner.value, kind.severity.value, "is held" if kind.holds else "goes on")
        for kind in CATALOGUE.values()
    )


def test_every_flow_role_and_threshold_is_on_the_page() -> None:
    found = model()
    assert {row[0] for row in section(found, "What sets it off, and how often").rows} == {flow.value for flow in Flow}
    assert {role for row in section(found, "Who may do what").rows for role in row[1].split(", ")} >= set(ROLES)
    assert {row[0] for row in section(found, "When somebody is called").rows} >= set(THRESHOLDS)


def test_two_carriers_that_are_shown_as_one_are_two_rows() -> None:
    rows = section(model(MORE[-1]), "What is called what").rows
    assert [row for row in rows if row[0] == "carrier"] == [
        ("carrier", "DHL", "DHL Express"),
        ("carrier", "DHL", "DHL Parcel"),
    ]


def test_of_a_channel_only_its_kind_is_told() -> None:
    owners = 'ops = { name = "Desk", channels = ["mailto://mx.test?to=me@test", "credential:chat"] }'
    found = model(f"[owners]\n{owners}\n")
    assert section(found, "Who answers").rows[0] == ("ops", "Desk", "mailto, the credential chat")
    assert "me@test" not in found.text + found.signatures


def test_the_text_holds_every_cell_and_fits_a_page() -> None:
    found = model(MORE[-1])
    assert max(map(len, found.text.splitlines())) <= WIDTH
    words = set(found.text.split())
    for one in found.sections:
        assert all(len(row) == len(one.columns) for row in one.rows)
        assert {word for row in one.rows for cell in row for word in cell.split()} <= words


PLANNED = [f"2026-12-{day}T18:00:00Z/2026-12-{day}T23:00:00Z" for day in (24, 26, 31)]


def test_every_planned_maintenance_is_on_the_page() -> None:
    """The daemon makes the page at its start: what does not fit on it must not keep the daemon from starting."""
    found = model(f"[alerts]\nmaintenance = {json.dumps(PLANNED)}\n")
    [row] = [row for row in section(found, "When somebody is called").rows if row[0] == "maintenance"]
    assert all(window in row[-1] for window in PLANNED)
    assert max(map(len, found.text.splitlines())) <= WIDTH


def test_a_name_longer_than_the_page_is_on_it_all_the_same() -> None:
    slug = "wrap-" * 40
    found = model(f'[mappings.charges]\n"{slug}" = {{ product = "Gift wrap" }}\n')
    [line] = [line for line in found.text.splitlines() if slug in line]
    assert line.endswith("Gift wrap")


def test_the_command_needs_no_daemon(tmp_path: Path, capsys: Printed) -> None:
    config = str(write_config(tmp_path))
    assert main(["model", "--config", config]) == 0
    text = capsys.readouterr().out
    assert main(["model", "--config", config, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert text.startswith(found["text"])
    assert found["hash"] in text
    assert main(["model", "--config", str(tmp_path / "none.toml")]) == 2


async def test_it_is_served(tmp_path: Path) -> None:
    async with served(tmp_path, VIEWER_TOKEN) as here:
        status, body, _ = await here.ask("/api/model", headers={"Authorization": f"Bearer {VIEWER}"})
    assert status == 200
    told = description("1")["components"]["schemas"]
    jsonschema.validate(body, {"$ref": "#/components/schemas/OperatingModel", "components": {"schemas": told}})
    assert body["hash"] == operating_model(here.app.settings).hash
