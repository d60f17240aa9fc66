"""The tables of a page. Each sorts, filters, pages and is to be had as a file, whatever it holds.

A table is either **in hand** (`in_hand`): all its rows are there, and are narrowed, sorted and cut into pages here. Or
it is **listed** (`listed`): the daemon did that, and handed over one page and the place where the next begins. What a
page is asked for with says how each of its tables is shown: `documents.sort`, `documents.text`; the one list a page is
about has names without a prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec
from aiohttp import web

from actors.domain.wording import words
from adapters.console.links import falls, kept, link, text_of
from adapters.operator.parameters import whole
from adapters.operator.problems import ProblemError

Row = Mapping[str, Any]

PAGE: Final = 50
_LONGEST_TEXT: Final = 200
_LONGEST_TRAIL: Final = 4000
_MOST_PAGES: Final = 100_000
_FIGURE = re.compile(r"-?\d[\d\s\u202f,]*(\.\d+)?")
_DIGITS = re.compile(r"(\d+)")
_NOTHING: Final[tuple[object, ...]] = (None, "", [], (), {})


class Column(msgspec.Struct, frozen=True):
    """A column: the name of its values in a row and in the file, and its head ("": it stands in the file alone).

    `number`: its values are figures. `wide`: it is left out on a phone. `falls`: the largest come first when it is
    sorted by. `sort`: what the daemon calls its order ("": it has none); a table in hand sorts by every column, by its
    values or those called `by`. `buttons`: it holds what can be pressed, and no value.
    """

    name: str
    label: str
    number: bool = False
    wide: bool = False
    falls: bool = False
    sort: str = ""
    by: str = ""
    buttons: bool = False


class Head(NamedTuple):
    """The head of a column as it is written: `link` sorts by it ("": nothing does), `way` is how it is sorted now."""

    label: str
    classes: str
    link: str
    way: str


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table as a template writes it.

    `total` counts the rows that match (None: nobody knows), `first` says which of them the first one here is (0: nobody
    knows). `narrow` is the name of the field that narrows it ("": a
    form of the page does), `kept` what that form sends along. `previous`, `next` and `file` are addresses, "" for none.
    `asked`: the address says something about it. `everything` are the rows of its file, where they are in hand.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    heads: tuple[Head, ...]
    rows: Sequence[Row]
    file: str
    total: int | None = None
    first: int = 1
    text: str = ""
    narrow: str = ""
    kept: Sequence[tuple[str, str]] = ()
    previous: str = ""
    next: str = ""
    asked: bool = False
    everything: Sequence[Row] = ()

    @property
    def id(self) -> str:
        """Where on the page it stands."""
        return f"t-{self.name}" if self.name else "t"

    @property
    def fields(self) -> list[str]:
        """The names of what its file holds."""
        return [column.name for column in self.columns if not column.buttons]

    @property
    def empty(self) -> bool:
        """Whether it has nothing, and nobody narrowed it."""
        return not self.rows and not self.text


def in_hand(
    request: web.Request,
    name: str,
    caption: str,
    columns: Sequence[Column],
    rows: Iterable[Row],
    *,
    page: int = PAGE,
    narrow: bool = True,
) -> Table:
    """Return a table of rows that are all there, as it is asked for.

    `narrow`: it has a field of its own to narrow it; else a form of the page has one.

    Raises:
        ProblemError: 400, it is to be sorted by what is no column, or its page is no number.
    """
    own = _own(name)
    text = text_of(request, own.text)[:_LONGEST_TEXT]
    sort, down = request.query.get(own.sort, ""), falls(request, own.order)
    fit = [row for row in rows if _fits(row, columns, text)]
    if sort:
        fit = _sorted(fit, _column(columns, sort), down=down)
    most = max(1, -(-len(fit) // page))
    number = min(whole(request, own.page, default=1, least=1, most=_MOST_PAGES), most)
    turn = _Turning(request, own)
    return Table(
        name=name,
        caption=caption,
        columns=tuple(columns),
        heads=tuple(
            turn.head(column, "" if column.buttons else column.name, sort, down=down)
            for column in columns
            if column.label
        ),
        rows=fit[(number - 1) * page : number * page],
        file=link(request, {"format": "csv", "table": name}, without=("format", "table", own.page)),
        total=len(fit),
        first=(number - 1) * page + 1,
        text=text,
        narrow=own.text if narrow else "",
        kept=kept(request, without=(own.text, own.page, "format", "table")),
        previous=turn.to(number - 1) if number > 1 else "",
        next=turn.to(number + 1) if number < most else "",
        asked=any(one in request.query for one in own),
        everything=fit,
    )


def listed(
    request: web.Request, caption: str, columns: Sequence[Column], found: Mapping[str, Any], *, sort: str, down: bool
) -> Table:
    """Return the list a page is about, of which the daemon handed over one page (`items`, `next`, perhaps `total`)."""
    turn = _Turning(request, _own(""))
    after, trail = request.query.get("after", ""), request.query.getall("via", [])
    onwards = found.get("next")
    return Table(
        name="",
        caption=caption,
        columns=tuple(columns),
        heads=tuple(turn.head(column, column.sort, sort, down=down) for column in columns if column.label),
        rows=found["items"],
        file=link(request, {"format": "csv"}),
        total=found.get("total"),
        first=0 if after else 1,
        previous=link(request, {"after": trail[-1] if trail else "", "via": trail[:-1]}) if after else "",
        next="" if onwards is None else link(request, {"after": onwards, "via": _shortened([*trail, after])}),
        asked=bool(request.query),
    )


def file_of(request: web.Request, tables: Iterable[Table]) -> Table | None:
    """Return the table in hand that is asked for as a file; None: a page is asked for.

    Raises:
        ProblemError: 404, the page has no such table.
    """
    if request.query.get("format") != "csv":
        return None
    wanted = request.query.get("table", "")
    found = next((table for table in tables if table.name == wanted), None)
    if found is None:
        raise ProblemError(404, "The page has no such table.")
    return found


def plain(value: object) -> object:
    """Return a value as it stands in a cell of a file: what is nested as text."""
    match value:
        case None:
            return ""
        case Mapping():
            return "; ".join(f"{name}: {plain(one)}" for name, one in value.items())
        case list() | tuple():
            return ", ".join(str(plain(one)) for one in value)
        case _:
            return value


class _Names(NamedTuple):
    """The names of what a table is asked for with."""

    text: str
    sort: str
    order: str
    page: str


def _own(table: str) -> _Names:
    return _Names(*(f"{table}.{name}" if table else name for name in _Names._fields))


class _Turning:
    """Addresses that show a table in another way, and stay at it."""

    def __init__(self, request: web.Request, own: _Names) -> None:
        self._request = request
        self._own = own
        prefixed = own.sort != "sort"
        # Another order of a table begins with its first page; where the list of the page stands is not its concern.
        self._without = (own.page, "format", "table") if prefixed else ("after", "via", "format", "table", own.page)
        self._anchor = f"#t-{own.sort.removesuffix('.sort')}" if prefixed else ""

    def head(self, column: Column, by: str, sort: str, *, down: bool) -> Head:
        """Return the head of a column."""
        classes = " ".join(name for name, holds in (("number", column.number), ("wide", column.wide)) if holds)
        if not by or column.buttons:
            return Head(column.label, classes, "", "")
        now = by == sort
        falls = not down if now else column.falls
        address = self._to({self._own.sort: by, self._own.order: "down" if falls else "up"})
        return Head(column.label, classes, address, ("descending" if down else "ascending") if now else "")

    def to(self, page: int) -> str:
        """Return the address of a page."""
        return self._to({self._own.page: page if page > 1 else ""})

    def _to(self, changes: Mapping[str, Any]) -> str:
        return f"{link(self._request, changes, without=self._without)}{self._anchor}"


def _column(columns: Sequence[Column], name: str) -> Column:
    found = next((column for column in columns if column.name == name), None)
    if found is None:
        raise ProblemError(400, f"sort must be one of {', '.join(column.name for column in columns)}.")
    return found


def _fits(row: Row, columns: Sequence[Column], text: str) -> bool:
    """Say whether a text stands in a row, as it is kept or as it is shown."""
    wanted = text.lower()
    shown = (str(plain(row.get(column.name))) for column in columns)
    return not wanted or any(wanted in cell.lower() or wanted in words(cell).lower() for cell in shown)


def _sorted(rows: Sequence[Row], column: Column, *, down: bool) -> list[Row]:
    """Sort by a column; what says nothing comes last, whichever way."""
    name, key = column.by or column.name, _figure if column.number else _natural
    told = [row for row in rows if row.get(name) not in _NOTHING]
    rest = [row for row in rows if row.get(name) in _NOTHING]
    return sorted(told, key=lambda row: key(row[name]), reverse=down) + rest


def _figure(value: object) -> tuple[bool, Decimal, str]:
    """Return the figure a value begins with; what begins with none comes after those that do."""
    text = str(plain(value))
    found = _FIGURE.match(text)
    if found is None or (len(text) > 4 and text[4] == "-"):  # an instant is sorted as text
        return True, Decimal(0), text
    return False, Decimal(re.sub(r"[\s\u202f,]", "", found[0])), text


def _natural(value: object) -> list[tuple[bool, int, str]]:
    """Sort `A2` before `A10`, and without regard to case."""
    parts = _DIGITS.split(str(plain(value)).lower())
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts if part]


def _shortened(trail: Sequence[str]) -> list[str]:
    """Return the places of the pages before, as many of the last as an address has room for; the first has none."""
    kept_back = [place for place in trail if place]
    while sum(map(len, kept_back)) > _LONGEST_TRAIL:
        del kept_back[0]
    return kept_back


def rows_of(figures: Mapping[str, Row], name: str) -> list[dict[str, Any]]:
    """Return the rows of what is kept by a name each, with the name as a value of the row."""
    return [{name: key, **row} for key, row in figures.items()]
