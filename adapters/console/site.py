"""What every page has in common: who looks, what the frame around it says, and what is rendered of it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from aiohttp import web

from actors.domain.spreadsheet import table
from actors.domain.time import Instant, format_instant
from adapters.console import assets, permits
from adapters.console.forms import Form, form_of
from adapters.console.links import FIRST_PAGE, link
from adapters.console.rendering import Templates
from adapters.console.security import form_token, require_own_form
from adapters.console.sessions import Session, SessionStore
from adapters.console.tables import Table, file_of, plain
from adapters.operator.access import Person
from adapters.operator.answers import csv_file
from adapters.operator.parameters import PERSON
from adapters.operator.problems import ProblemError
from adapters.operator.reading import OperatorReading

SESSION = web.RequestKey("session", Session)
"""Where a request of somebody who is signed in says so."""

FRAGMENT = "X-Fragment"
"""The header by which a page asks for a part of itself."""

THEMES = ("auto", "light", "dark")
THEME_COOKIE = "tallyd_theme"

VERBS: Mapping[str, str] = MappingProxyType(
    {
        "retry": "Retry now",
        "release": "Release",
        "dismiss": "Dismiss",
        "assign": "Assign",
        "snooze": "Snooze",
        "wake": "Wake",
        "alias": "Name the SKU in Cin7 Core",
        "note": "Edit the note",
        "address": "Edit the address",
        "contact": "Edit the contact",
    }
)
"""What a button says."""

_HOUR, _DAY = 3_600_000, 86_400_000
_ABOUT_KEPT = 60_000
"""How long what stands in the frame of every page is kept, in milliseconds."""

_MOST_MESSAGES = 500
_MOST_IN_A_FILE = 50_000
OF_A_FILE = 500
"""How many rows of a file are read at once."""

Posted = Callable[[web.Request, Form], Awaitable[web.StreamResponse]]


class Site:
    """Renders pages."""

    def __init__(self, reading: OperatorReading, store: SessionStore) -> None:
        self.reading = reading
        self._store = store
        self._templates = Templates()
        self._about = dict.fromkeys(("version", "mode", "connection", "model"), "")
        self._about_at: Instant = -_ABOUT_KEPT
        self._messages: dict[str, str] = {}

    def now(self) -> Instant:
        """Return the daemon's clock."""
        return self._store.now()

    async def page(
        self, request: web.Request, name: str, *, status: int = 200, tables: Sequence[Table] = (), **context: Any
    ) -> web.Response:
        """Answer with a page, or with what of it was asked for: a part (304 where that is known already), or a table
        of it as a file.
        """
        file = file_of(request, tables)
        if file is not None:
            return csv_of(f"{file.name or name}.csv", file.fields, file.everything)
        told = {**await self._frame(request), **context, "tables": {table.name: table for table in tables}}
        told["ui"] = self._templates.parts(told)
        fragment = request.headers.get(FRAGMENT, "")
        if not fragment:
            return _html(self._templates.page(name, told), status)
        part = self._templates.part(name, f"live_{fragment}", told)
        if part is None:
            raise ProblemError(404, "The page has no such part.")
        tag = f'"{hashlib.sha256(part.encode()).hexdigest()[:24]}"'
        if request.headers.get("If-None-Match") == tag:
            return web.Response(status=304, headers={"ETag": tag})
        response = _html(part, status)
        response.headers["ETag"] = tag
        return response

    async def trouble(self, request: web.Request, problem: ProblemError) -> web.Response:
        """Answer with a page that says what went wrong."""
        response = await self.page(request, "trouble", status=problem.status, problem=problem)
        response.headers.update(problem.headers)
        return response

    def posted(self, handler: Posted) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Let a handler have only forms that a page of this session sent."""

        async def handle(request: web.Request) -> web.StreamResponse:
            session = request.get(SESSION)
            if session is None:
                raise ProblemError(403, "Sign in at the console to change something here.")
            form = await form_of(request)
            require_own_form(request, session.id, form.text("form_token"))
            return await handler(request, form)

        return handle

    def tell(self, request: web.Request, message: str) -> None:
        """Say something on the next page this person opens."""
        session = request.get(SESSION)
        if session is not None:
            self._messages[session.id] = message
            if len(self._messages) > _MOST_MESSAGES:
                del self._messages[next(iter(self._messages))]

    async def _frame(self, request: web.Request) -> dict[str, Any]:
        person = request.get(PERSON, Person())
        session = request.get(SESSION)
        fragment = FRAGMENT in request.headers
        return {
            "now": self.now(),
            "text_now": format_instant(self.now()),
            "rests": rests(self.now()),
            "verbs": VERBS,
            "people_known": (),
            "me": person.name,
            "roles": sorted(person.roles),
            "may": lambda what: not permits.why_not(person, what),
            "why_not": lambda what: permits.why_not(person, what),
            "why_not_deed": lambda needed: permits.why_not_deed(person, needed),
            "form_token": form_token(session.id) if session is not None else "",
            "new_key": lambda: secrets.token_urlsafe(18),
            "theme": theme_of(request),
            "path": request.path,
            "bare": request.rel_url.raw_path,
            "here": request.path_qs,
            "asked": {key: value for key, value in request.query.items() if key not in FIRST_PAGE},
            "link": lambda **changes: link(request, changes),
            "asset": assets.address,
            "about": await self._said_of_the_daemon(),
            "message": "" if fragment or session is None else self._messages.pop(session.id, ""),
        }

    async def _said_of_the_daemon(self) -> dict[str, str]:
        """What it is, and the hash of the operating model it works by; asked for again once a minute."""
        if self.now() - self._about_at < _ABOUT_KEPT:
            return self._about
        self._about_at = self.now()
        try:
            health, model = await self.reading.health(), await self.reading.records.model()
        except ProblemError:
            return self._about  # another page may ask meanwhile: what is there is always whole
        told = {name: str(health.get(name, "")) for name in ("version", "mode", "connection")}
        self._about = {**told, "model": str(model["hash"])}
        return self._about


def rests(now: Instant) -> list[tuple[str, str]]:
    """Return until when something may rest, in words and as an instant."""
    morning = now - now % _DAY + 8 * _HOUR
    told = [("1 hour", now + _HOUR), ("4 hours", now + 4 * _HOUR), ("tomorrow 08:00", morning + _DAY)]
    monday = (4 - now // _DAY) % 7 or 7  # days from today: the epoch was a Thursday
    told += [("Monday 08:00", morning + monday * _DAY), ("a week", now + 7 * _DAY)]
    return [(words, format_instant(at)) for words, at in told]


def theme_of(request: web.Request) -> str:
    """Return the theme a person chose; auto follows their system."""
    chosen = request.cookies.get(THEME_COOKIE, "auto")
    return chosen if chosen in THEMES else "auto"


def as_csv(request: web.Request) -> bool:
    """Say whether the list the page is about is asked for as a file."""
    return request.query.get("format") == "csv" and not request.query.get("table")


def csv_of(name: str, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> web.Response:
    """Answer with rows as a file; of nested values the text."""
    told = ({column: plain(row.get(column)) for column in columns} for row in rows)
    return csv_file(table(columns, told, head=True), name=name)


async def every(read: Callable[[Any], Awaitable[Mapping[str, Any]]], first: Any) -> list[Mapping[str, Any]]:
    """Return the rows of every page: a file holds the whole list, as far as anybody reads one."""
    rows: list[Mapping[str, Any]] = []
    after = first
    while after is not None and len(rows) < _MOST_IN_A_FILE:
        found = await read(after)
        rows += found["items"]
        after = found["next"]
    return rows


def go(path: str) -> web.Response:
    """Send the browser on, with a GET."""
    return web.Response(status=303, headers={"Location": path})


def _html(text: str, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", charset="utf-8")
