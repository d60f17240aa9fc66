"""Templates, compiled once, and how instants, ages and figures are written on a page."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from actors.domain.time import Instant, format_instant, parse_instant
from actors.domain.wording import label, words

NONE: Final = "–"
"""What stands where there is nothing to tell."""

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_NOTHING: Final = Markup("–")
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class Templates:
    """The pages. A part of one is a block of its name: what is live is rendered alone."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("adapters.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.filters |= {
            "when": when,
            "day": day,
            "ago": _ago,
            "until": _until,
            "duration": duration,
            "figure": figure,
            "segment": segment,
            "words": words,
            "label": label,
            "lower_first": _lower_first,
            "or_none": or_none,
        }
        self._environment.globals |= {"text_of": text_of}

    def parts(self, context: Mapping[str, Any]) -> Any:
        """Return the macros, with what the frame of a page knows."""
        return self._environment.get_template("_parts.html.j2").make_module(dict(context))

    def page(self, name: str, context: Mapping[str, Any]) -> str:
        """Return a whole page."""
        return self._environment.get_template(f"{name}.html.j2").render(context)

    def part(self, name: str, block: str, context: Mapping[str, Any]) -> str | None:
        """Return one block of a page; None if it has none of this name."""
        template = self._environment.get_template(f"{name}.html.j2")
        render = template.blocks.get(block)
        return None if render is None else "".join(render(template.new_context(dict(context))))


def when(instant: str | int | None) -> Markup:
    """Write an instant: short to read, whole to hover and for machines. UTC, as everywhere."""
    if instant is None or instant == "":
        return _NOTHING
    text = format_instant(instant) if isinstance(instant, int) else instant
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(text, f"{day(text)} {text[11:16]}")


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def day(text: str | None) -> str:
    """Write the day of an instant or an ISO date: `26 Nov`."""
    if not text:
        return NONE
    return f"{int(text[8:10])} {_MONTHS[int(text[5:7]) - 1]}"


def _seconds(instant: str | int, now: Instant) -> float:
    at = instant if isinstance(instant, int) else parse_instant(instant)
    return (now - at) / 1000


@pass_context
def _ago(context: Context, instant: str | int | None) -> Markup:
    """Write how long ago it was: `3 min`."""
    if instant is None or instant == "":
        return _NOTHING
    text = format_instant(instant) if isinstance(instant, int) else instant
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(
        text, duration(_seconds(instant, context["now"]))
    )


@pass_context
def _until(context: Context, instant: str | int | None) -> Markup:
    """Write how long it is until then: `in 3 h`, or by how much it has passed: `2 h over`."""
    if instant is None or instant == "":
        return _NOTHING
    text = format_instant(instant) if isinstance(instant, int) else instant
    left = -_seconds(instant, context["now"])
    said = f"in {duration(left)}" if left >= 0 else f"{duration(-left)} over"
    return Markup('<time datetime="{0}" title="{0}">{1}</time>').format(text, said)


def duration(seconds: float | None) -> str:
    """Write a length of time with the one unit that matters: `45 s`, `3 min`, `5 h`, `12 d`."""
    if seconds is None:
        return NONE
    seconds = max(0.0, seconds)
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds // _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        return f"{seconds // _HOUR:.0f} h"
    return f"{seconds // _DAY:.0f} d"


def figure(number: float | str | None) -> str:
    """Write a count with thin spaces between thousands; text stays as it is."""
    if number is None:
        return NONE
    if isinstance(number, str):
        return number
    if number != int(number):
        return f"{number:.1f}"
    return f"{int(number):,}".replace(",", "\u202f")


def segment(text: object) -> str:
    """Quote what stands between two slashes of an address, slashes of its own too."""
    return quote(str(text), safe="")


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def or_none(value: object) -> object:
    """Write something in the place of nothing."""
    return NONE if value is None or value == "" else value


def text_of(value: object) -> Markup | str:
    """Write any value of a document: nested ones as `name: value` pairs, one a line."""
    match value:
        case None | "":
            return NONE
        case bool():
            return "yes" if value else "no"
        case str() if _INSTANT.fullmatch(value):
            return when(value)
        case Mapping():
            lines = (Markup("<b>{}</b> {}").format(words(key), text_of(one)) for key, one in value.items())
            return Markup("<br>").join(lines) or NONE
        case list() | tuple():
            return Markup("<br>").join(text_of(one) for one in value) or NONE
        case _:
            return escape(value)
