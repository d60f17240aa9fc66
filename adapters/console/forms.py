"""What a form says: texts of bounded length, and the deed it asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import web
from multidict import MultiMapping

from actors.domain.exception_life import ExceptionFilter
from adapters.operator.desk_api import ACTIONS, Deed
from adapters.operator.problems import ProblemError

LONGEST = 500
FORM = "application/x-www-form-urlencoded"

WHERE = ("owner", "type", "state", "stage", "severity", "group", "assignee", "text")
"""The fields of a filter."""

EDITS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "alias": (("sku", "SKU as ordered"), ("alias", "SKU in Cin7 Core")),
    "note": (("note", "Note"),),
    "contact": (
        ("first_name", "First name"),
        ("last_name", "Last name"),
        ("company", "Company"),
        ("email", "E-mail"),
        ("phone", "Telephone"),
    ),
    "address": (
        ("street", "Street"),
        ("additional", "Second line"),
        ("postal_code", "Postcode"),
        ("city", "Town"),
        ("region", "Region"),
    ),
}
"""The fields of each edit, and what they are called. A country is none: it decides the tax that was paid."""


class Form:
    """The fields of a form that was sent, in a body or an address."""

    def __init__(self, fields: MultiMapping[Any]) -> None:
        self._fields = fields

    def text(self, name: str, *, most: int = LONGEST) -> str:
        """Return a field on one line, "" where it is not there. Raises `ProblemError` 400, it is too long."""
        return " ".join(self.exact(name, most=most).split())

    def exact(self, name: str, *, most: int = LONGEST) -> str:
        """Return a field as it was written, every blank of it, with lines ended as everywhere; "" where nothing is.

        Raises:
            ProblemError: 400, it is too long.
        """
        value = self._fields.get(name, "")
        if not isinstance(value, str) or len(value) > most:
            raise ProblemError(400, f"The {name} must be text of at most {most} characters.")
        return value.replace("\r\n", "\n") if value.strip() else ""

    def needed(self, name: str) -> str:
        """Return a field that must say something. Raises `ProblemError` 400."""
        text = self.text(name)
        if not text:
            raise ProblemError(400, f"The {name.replace('_', ' ')} is missing.")
        return text

    def all(self, name: str) -> Sequence[str]:
        """Return every value of a field."""
        return [value for value in self._fields.getall(name, []) if isinstance(value, str)]


async def form_of(request: web.Request) -> Form:
    """Read the form. Raises `ProblemError` 415, it is none."""
    if request.content_type != FORM:
        raise ProblemError(415, "The console takes forms alone.")
    return Form(await request.post())


def deed_of(form: Form) -> Deed:
    """Read what is asked for: of the exceptions that are ticked, or of all a filter matches.

    Raises:
        ProblemError: 400, nothing is ticked, or what is ticked is no exception's number.
    """
    action = form.text("action")
    if action not in ACTIONS:
        raise ProblemError(400, "Choose what should be done.")
    everything = form.text("scope") == "matching"
    ids = None if everything else _ids(form.all("id"))
    return Deed(
        action=action,
        ids=ids,
        where=where_of(form) if everything else ExceptionFilter(),
        reason=form.text("reason"),
        to=form.text("to"),
        until=_instant(form.text("until")),
        values=values_of(form, action),
    )


def values_of(form: Form, edit: str) -> dict[str, str]:
    """Read what an edit puts in; what was written for another before this was chosen is not meant.

    A SKU is another one with another blank, and a note has its lines.
    """
    read = form.exact if edit in ("alias", "note") else form.text
    found = {name: read(f"value_{name}") for name, _ in EDITS.get(edit, ())}
    return {name: text for name, text in found.items() if text}


def where_of(form: Form) -> ExceptionFilter:
    """Read the filter a page was narrowed by."""
    told = {name: form.text(f"where_{name}") for name in WHERE}
    return ExceptionFilter(**{name: text for name, text in told.items() if text})


def _ids(texts: Sequence[str]) -> tuple[int, ...]:
    if not texts:
        raise ProblemError(400, "Tick the exceptions it is about, or choose everything that matches.")
    if not all(text.isascii() and text.isdigit() and len(text) < 19 for text in texts):
        raise ProblemError(400, "An exception goes by its number.")
    return tuple(dict.fromkeys(int(text) for text in texts))


def _instant(text: str) -> str:
    """Give the text of a date field its zone: the console speaks UTC."""
    return f"{text}:00Z" if len(text) == len("2026-11-26T20:00") and text[10] == "T" else text
