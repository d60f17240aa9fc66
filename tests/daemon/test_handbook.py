"""The handbook: what is made from the catalogue is fresh, every link leads somewhere, every command is one."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import shlex
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType

import pytest

from actors.desk import acting
from actors.domain.exception_types import CATALOGUE, Finding, Owner
from daemon.actions import can_retry
from daemon.cli import COMMANDS, _with_verb, add_config
from daemon.commands.sandbox_drills import DRILLS
from storage import exceptions
from storage.exceptions import Record
from tests.console.console_house import served
from tests.stored import NOW, fresh

ROOT = Path(__file__).parents[2]
BOOK = ROOT / "docs" / "handbook"
PAGES = sorted(BOOK.glob("*.md"))
AUDIT = ROOT / "docs" / "audit.md"
LINK = re.compile(r"\]\(([^)\s]+)\)")
COMMAND = re.compile(r"`(tallyd [^`]+)`")
BLOCK = re.compile(r"^```\n(.+?)^```$", re.MULTILINE | re.DOTALL)
ANCHOR = re.compile(r"^#+ (.+)$", re.MULTILINE)


def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("handbook", ROOT / ".ci" / "handbook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_of_exceptions_are_those_of_the_catalogue() -> None:
    pages = maker().pages()
    assert {path: path.read_text("utf-8") for path in pages} == pages, "run: python .ci/handbook.py"
    told = "\n".join(text for path, text in pages.items() if path.name != "drills.md")
    assert sorted(re.findall(r"^## (\w+)$", told, re.MULTILINE)) == sorted(CATALOGUE)
    assert {path.name for path in pages} == {"drills.md", *(f"exceptions-{owner.value}.md" for owner in Owner)}


@pytest.mark.parametrize(
    ("code", "record"),
    [
        ("notification_unreadable", Record(kind="notification", id="ab12")),
        ("orders_silent", Record(kind="connection", id="orders")),
        ("posting_waits", Record(kind="books", id="2026-11-26")),
        ("second_daemon", Record(kind="connection", id="lease")),
        ("tax_rule_changed", Record(kind="tax_rule", id="20%")),
        ("foreign_use", Record(kind="connection", id="cin7")),
    ],
)
def test_what_the_desk_refuses_does_not_fit(code: str, record: Record, tmp_path: Path) -> None:
    with closing(fresh(tmp_path)) as file:
        exceptions.raise_finding(file, record, Finding(code=code, cause="It is so."), now=NOW)
        [row] = exceptions.of_record(file, record.kind, record.id)
    text = (BOOK / f"exceptions-{row.owner}.md").read_text("utf-8")
    fits = text.partition(f"## {code}\n")[2].partition("- **Fits:** ")[2].partition("\n")[0]
    case = acting.Case(
        type=code, owner=row.owner, kind=record.kind, waiting=int(record.kind == "books"), can_retry=can_retry(row)
    )
    assert ("retry" in fits) == ("retry" in acting.fitting(case))
    assert ("dismiss" in fits) == ("dismiss" in acting.fitting(case))
    assert ("release" in fits) == ("release" in acting.fitting(case))


def anchors(path: Path) -> set[str]:
    headings = ANCHOR.findall(path.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*PAGES, AUDIT], ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in LINK.findall(page.read_text("utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        assert not anchor or anchor in anchors(path), target


def commands(page: Path) -> Iterator[str]:
    text = page.read_text("utf-8")
    yield from COMMAND.findall(text)
    for block in BLOCK.findall(text):
        yield from (line for line in block.splitlines() if line.startswith("tallyd "))


@pytest.mark.parametrize("page", [*PAGES, AUDIT], ids=lambda page: page.name)
def test_every_command_is_one(page: Path) -> None:
    for command in commands(page):
        name, *rest = shlex.split(command.replace("…", "x").replace("HASH", "0" * 12))[1:]
        assert name in COMMANDS, command
        parser = argparse.ArgumentParser(prog=command)
        module = importlib.import_module(f"daemon.commands.{name}")
        getattr(module, "add_arguments", add_config)(parser)
        arguments = [re.sub(r"^ID$", "1", word) for word in _with_verb(rest, getattr(module, "DEFAULT_VERB", ""))]
        parser.parse_args(arguments)


async def test_every_page_of_the_console_that_is_named_is_there() -> None:
    named = {path for page in PAGES for path in re.findall(r"`(/[^`]*)`", page.read_text("utf-8"))}
    # `/month` leads to this month's; the others are there at once.
    async with served(signed_in="ada") as browser:
        for path in sorted(named - {"/etc/tallyd/tallyd.toml", "/metrics", "/health"}):
            answer = await browser.get(path.replace("NUMBER", "A-1").replace("SKU", "TEE%2FM"))
            assert answer.status == (303 if path == "/month" else 200), path


def test_the_page_of_drills_names_each_with_its_lesson() -> None:
    text = (BOOK / "drills.md").read_text("utf-8")
    assert sorted(re.findall(r"^## ([a-z0-9-]+)$", text, re.MULTILINE)) == sorted(DRILLS)
    for drill in DRILLS.values():
        part = " ".join(text.partition(f"## {drill.name}\n")[2].partition("\n## ")[0].split())
        for told in (drill.story, drill.see, drill.lesson, *drill.steps):
            assert told in part, told


def test_every_picture_is_shown_and_small() -> None:
    pictures = sorted((BOOK / "pictures").glob("*.png"))
    shown = {target for page in PAGES for target in LINK.findall(page.read_text("utf-8")) if target.endswith(".png")}
    assert {f"pictures/{path.name}" for path in pictures} == shown
    assert 0 < len(pictures) <= 14
    assert all(path.stat().st_size <= 150_000 for path in pictures)


def test_the_book_begins_at_its_first_page() -> None:
    first = (BOOK / "README.md").read_text("utf-8")
    assert {page.name for page in PAGES} - {"README.md"} <= set(LINK.findall(first))
