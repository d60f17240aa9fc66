"""What an alert says: which record, why, what to do, and where to look. No word of it is about a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import NamedTuple
from urllib.parse import quote

from actors.domain.alerting import THRESHOLDS, Over
from actors.domain.exception_types import CATALOGUE
from actors.domain.quiet import on_the_wall
from actors.domain.time import Instant
from actors.domain.wording import label, words

LONGEST_CAUSE = 600
MOST_TOLD = 20
"""So many of several are told one by one in a message."""


class Example(NamedTuple):
    """The first exception of what an alert is about."""

    id: int
    type: str
    kind: str
    name: str
    cause: str


class Said(NamedTuple):
    """A message. `link` is a path below the console's address."""

    title: str
    text: str
    link: str


_RULES = {
    "overdue": (
        "{count} exceptions of {owner} are past their due time",
        "Open the list, sort it by due time, and settle, assign or snooze the oldest first.",
        "/exceptions?owner={owner}&sort=due_at",
    ),
    "oldest": (
        "an exception of {owner} has been open for {figure}",
        "Settle it or snooze it with a reason; the list is sorted by age.",
        "/exceptions?owner={owner}&sort=opened_at",
    ),
    "held_share": (
        "{count} exceptions hold orders: {figure} of a day's orders",
        "Open the incidents: the largest cause first. Many small causes at once often follow a change of a mapping or"
        " of the catalogue.",
        "/incidents",
    ),
    "backlog": (
        "calls to Cin7 Core are {figure} behind",
        "See the call budget on the overview: which lane is queued, whether somebody else uses the key, and whether"
        " [cin7] calls_per_minute is what the account has. Orders go first by themselves.",
        "/",
    ),
    "silence": (
        "flow {flow} has work and has finished none for {figure}",
        "See the flow on the overview and the daemon's log. Pause and resume it; if it stays silent, restart the"
        " daemon: nothing that was accepted is lost.",
        "/",
    ),
}
"""By what a subject begins with: the title, what to do, and the path, of what is no single cause."""


def said(over: Over, example: Example | None, zone: tzinfo) -> Said:
    """Return what an alert tells."""
    if over.group and example is not None:
        return _of_cause(over, example, zone)
    if over.subject.startswith("type:") and example is not None:
        return _of_type(over, example, zone)
    kind, _, flow = over.subject.partition(":")
    title, to_do, link = _RULES[kind]
    figures = {"count": over.count, "owner": over.owner, "flow": flow, "figure": figure(over.rule, over.figure)}
    named = title.format(**figures)
    lines = [
        f"{named[0].upper()}{named[1:]}.",
        *([f"The oldest: {words(example.type)}, {example.kind} {example.name}."] if example is not None else []),
        f"It has reached its threshold, {over.rule}.",
        "",
        "What to do:",
        to_do,
    ]
    return Said(named, "\n".join(lines), link.format(**figures))


def _of_cause(over: Over, example: Example, zone: tzinfo) -> Said:
    first = f"{example.kind} {example.name}"
    link = f"/exceptions/{example.id}" if over.count == 1 else f"/incidents/{quote(over.group, safe='')}"
    lines = [
        short(example.cause),
        *([] if over.count == 1 else [f"{over.count} of this cause; the first is {first}."]),
        *_since(over, zone),
        "",
        *_steps(example.type),
    ]
    title = f"{label(example.type)}: {first if over.count == 1 else f'{over.count} of one cause, {first}'}"
    return Said(title, "\n".join(lines), link)


def _of_type(over: Over, example: Example, zone: tzinfo) -> Said:
    lines = [
        f"{over.count} exceptions of this type with causes of their own; the first: {example.kind} {example.name}.",
        short(example.cause),
        *_since(over, zone),
        "",
        *_steps(example.type),
    ]
    return Said(f"{label(example.type)}: {over.count} exceptions", "\n".join(lines), f"/exceptions?type={example.type}")


def _since(over: Over, zone: tzinfo) -> list[str]:
    told = [f"Since {clock(over.since, zone)}"] if over.since is not None else []
    due = [f"due {clock(over.due_at, zone)}"] if over.due_at is not None else []
    return [", ".join((*told, *due)) + "."] if told or due else []


def _steps(code: str) -> list[str]:
    declared = CATALOGUE.get(code)
    if declared is None:
        return []
    return [
        "What to do:",
        *(f"{number}. {step}" for number, step in enumerate(declared.steps, 1)),
        f"Over when: {declared.clears}",
    ]


def figure(rule: str, value: float) -> str:
    """Write a figure with its unit."""
    unit = THRESHOLDS[rule].unit
    if unit == "percent":
        return f"{value:.1f} %"
    if unit != "minutes":
        return f"{value:.0f}"
    if value < 120:
        return f"{value:.0f} minutes"
    return f"{value / 60:.0f} hours" if value < 48 * 60 else f"{value / 1440:.0f} days"


def clock(instant: Instant, zone: tzinfo) -> str:
    """Write an instant as a clock in the zone shows it."""
    return f"{on_the_wall(instant, zone):%Y-%m-%d %H:%M %Z}"


def short(text: str) -> str:
    """Return a cause, cut where it is longer than a message should be."""
    return text if len(text) <= LONGEST_CAUSE else text[: LONGEST_CAUSE - 1] + "…"


def recovery(title: str, *, raised_at: Instant, now: Instant, zone: tzinfo) -> str:
    """Return the text of a recovery notice."""
    minutes = (now - raised_at) / 60_000
    lasted = figure("oldest_minutes", minutes)
    return (
        f"{title}\nOver: nothing of it is left above its threshold. It lasted {lasted}, since {clock(raised_at, zone)}."
    )


def escalation(text: str, *, owner: str, raised_at: Instant, zone: tzinfo) -> str:
    """Return the text of an escalation: the alert's, and whom it has waited for."""
    return f"{owner} was told at {clock(raised_at, zone)}, and it is past its due time.\n\n{text}"


def together(notices: Sequence[tuple[str, str]], *, link: str) -> tuple[str, str]:
    """Return several messages as one: (title, text) of each in, one title and text out; each keeps its link."""
    lines = [line for title, text in notices[:MOST_TOLD] for line in (f"- {title}", *_link_of(text))]
    more = len(notices) - MOST_TOLD
    lines += [f"… and {more} more"] if more > 0 else []
    return f"{len(notices)} notices", "\n".join([*lines, "", link])


def _link_of(text: str) -> list[str]:
    last = text.rsplit("\n", 1)[-1]
    return [last] if last.startswith(("http://", "https://")) else []
