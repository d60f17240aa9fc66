"""The page about the architecture is held against the code."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

from actors.core.retry import SCHEDULE_SECONDS
from actors.domain.crashpoints import MechanismPoint, WritePhase
from actors.domain.exception_types import CATALOGUE
from actors.domain.order_state import STATES
from actors.messages import Flow
from adapters.telemetry.tracing import SPAN_NAMES
from storage.outbox import MAX_ATTEMPTS
from storage.schema import upgrade

DOCS = Path(__file__).parents[2] / "docs"
README = (DOCS.parent / "README.md").read_text("utf-8")
PAGE = (DOCS / "architecture.md").read_text("utf-8")
MONEY = (DOCS / "money.md").read_text("utf-8")
CONFIGURATION = (DOCS / "configuration.md").read_text("utf-8")


def _rows(heading: str) -> dict[str, list[str]]:
    section = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return {row[0].strip("`"): row[1:] for row in rows}


def test_the_states_their_movers_and_moves_are_those_of_the_code() -> None:
    rows = _rows("An order's states")
    assert set(rows) == {state.value for state in STATES}
    for state, note in STATES.items():
        meaning, moved_by, followed_by = rows[state.value]
        assert meaning == note.meaning
        assert moved_by == note.moved_by
        assert set(re.findall(r"`(\w+)`", followed_by)) == {after.value for after in note.followed_by}


def test_the_spans_are_those_of_the_code() -> None:
    assert {name: cells[0] for name, cells in _rows("Spans").items()} == dict(SPAN_NAMES)


def test_the_flows_are_those_of_the_code() -> None:
    assert set(_rows("Flows")) == {flow.value for flow in Flow}
    assert {line.split("*")[1] for line in README.splitlines() if line.startswith("| *")} == set(Flow)


def test_the_points_of_the_mechanism_are_those_of_the_code() -> None:
    assert set(_rows("Crash points")) == {point.value for point in MechanismPoint}


def test_the_tables_are_those_of_the_file() -> None:
    connection = sqlite3.connect(":memory:")
    upgrade(connection, now=0)
    made = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
    section = PAGE.split("## What is on disk\n", 1)[1].split("\n## ", 1)[0]
    first = [line.split(" | ")[0] for line in section.splitlines() if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(first))) == {row[0] for row in made}
    connection.close()


def test_the_states_of_a_message_are_those_the_schema_allows() -> None:
    schema = (Path(__file__).parents[2] / "storage" / "migrations" / "0001_initial.sql").read_text("utf-8")
    outbox = schema.split("CREATE TABLE outbox", 1)[1]
    allowed = re.search(r"state IN \(([^)]*)\)", outbox)
    assert allowed is not None
    assert set(_rows("A message's life")) == set(re.findall(r"'(\w+)'", allowed.group(1)))


def test_figures_in_the_prose_are_those_of_the_code() -> None:
    assert f"({', '.join(f'{wait:g}' for wait in SCHEDULE_SECONDS)} s ± 20 %)" in PAGE
    assert MAX_ATTEMPTS == 3
    assert "three times" in PAGE
    assert f"({', '.join(phase.value for phase in WritePhase)})" in PAGE
    assert len(MechanismPoint) == 7


def test_the_pages_name_only_exceptions_there_are() -> None:
    rows = MONEY.split("## What a hold means\n", 1)[1]
    named = re.findall(
        r"`(\w+)`", " ".join(line.split(" | ")[0] for line in rows.splitlines() if line.startswith("| `"))
    )
    assert len(named) > 10
    assert set(named) <= set(CATALOGUE)
    assert all(CATALOGUE[code].holds for code in named)
    told = re.findall(r"\(`([a-z_]+)`\)", MONEY + CONFIGURATION)
    assert told
    assert set(told) <= set(CATALOGUE) | {"discount_as"}


def test_every_folder_and_module_named_exists() -> None:
    root = Path(__file__).parents[2]
    for name in re.findall(r"`((?:actors|adapters|daemon|storage|tests)/[\w./]*)`", PAGE):
        assert (root / name).exists(), name
