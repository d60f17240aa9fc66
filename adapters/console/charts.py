"""Charts as SVG, made here: attributes and class names alone, so that the strictest policy lets them through."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec
from markupsafe import Markup, escape

from actors.domain.time import Instant

WIDTH: Final = 720
HEIGHT: Final = 150
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 8, 12, 20
_HOUR = 3_600_000
_DAY = 24 * _HOUR
_SPACINGS = (_HOUR // 4, _HOUR, 2 * _HOUR, 4 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY, 2 * _DAY, 7 * _DAY, 14 * _DAY)
_MOST_TICKS = 8

Point = tuple[Instant, float]


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """A course over time. `step`: a value holds until the next one; `gap`: milliseconds of silence that break it."""

    points: Sequence[Point]
    style: str = "one"
    filled: bool = False
    step: bool = False
    gap: int = 0


def begin(lines: Sequence[Line], *, since: Instant, until: Instant) -> Instant:
    """Return where a chart begins: at `since`, or where there is something to see; an hour before `until` at least."""
    first = min((line.points[0][0] for line in lines if line.points), default=since)
    return min(max(since, first), until - _HOUR)


def chart(
    lines: Sequence[Line], *, since: Instant, until: Instant, label: str, ceiling: float | None = None, least: float = 1
) -> Markup:
    """Return the chart. `ceiling` is drawn as a line of its own; the scale begins at 0 and reaches `least` anyway.

    `label` says in words what is to be seen: it is all that a screen reader tells.
    """
    values = [value for line in lines for _, value in line.points]
    top = _round_up(max([least, *values, *([ceiling] if ceiling is not None else [])]))
    bottom = min([0.0, *values])
    frame = _Frame(since=since, until=max(until, since + 1), bottom=bottom, top=top)
    parts = [*_grid(frame), *_times(frame)]
    if ceiling is not None:
        y = frame.y(ceiling)
        parts.append(f'<line class="ceiling" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
    parts += [part for line in lines for part in _drawn(frame, line)]
    head = f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
    return Markup(head + "".join(parts) + "</svg>")  # noqa: S704 -- numbers, and a label that is escaped


class _Frame(msgspec.Struct, frozen=True, kw_only=True):
    since: Instant
    until: Instant
    bottom: float
    top: float

    def x(self, at: Instant) -> float:
        share = (at - self.since) / (self.until - self.since)
        return round(_LEFT + min(1.0, max(0.0, share)) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        share = (value - self.bottom) / ((self.top - self.bottom) or 1)
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)


def _grid(frame: _Frame) -> list[str]:
    values = sorted({frame.bottom, (frame.bottom + frame.top) / 2, frame.top})
    parts = []
    for value in values:
        y = frame.y(value)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{_number(value)}</text>')
    return parts


def _times(frame: _Frame) -> list[str]:
    span = frame.until - frame.since
    spacing = next((one for one in _SPACINGS if span / one <= _MOST_TICKS), span)
    form = "%H:%M" if spacing < _DAY else "%d %b"
    first = -(-frame.since // spacing) * spacing
    return [
        f'<text class="tick" x="{frame.x(at)}" y="{HEIGHT - 4}" text-anchor="middle">'
        f"{datetime.fromtimestamp(at / 1000, UTC).strftime(form)}</text>"
        for at in range(first, frame.until + 1, spacing)
        if _LEFT + 10 < frame.x(at) < WIDTH - _RIGHT - 16
    ]


def _drawn(frame: _Frame, line: Line) -> list[str]:
    parts = []
    for piece in _pieces(line):
        path = _path(frame, piece, step=line.step)
        first, last = frame.x(piece[0][0]), frame.x(piece[-1][0])
        if line.filled:
            floor = frame.y(max(0.0, frame.bottom))
            parts.append(f'<path class="area {line.style}" d="{path}L{last} {floor}L{first} {floor}Z"/>')
        parts.append(f'<path class="line {line.style}" d="{path}"/>')
    return parts


def _pieces(line: Line) -> list[list[Point]]:
    """Cut the course where nothing was noted for too long: what nobody saw is not drawn."""
    pieces: list[list[Point]] = []
    for point in line.points:
        if pieces and not (line.gap and point[0] - pieces[-1][-1][0] > line.gap):
            pieces[-1].append(point)
        else:
            pieces.append([point])
    return pieces


def _path(frame: _Frame, points: Sequence[Point], *, step: bool) -> str:
    (at, value), *rest = points
    path, y = f"M{frame.x(at)} {frame.y(value)}", frame.y(value)
    for later, new in rest:
        path += f"L{frame.x(later)} {y}" if step else ""
        y = frame.y(new)
        path += f"L{frame.x(later)} {y}"
    return path + ("h0.1" if not rest else "")


def _round_up(value: float) -> float:
    """Return a round figure that is no less: one or two digits, and zeros."""
    power = 10.0 ** math.floor(math.log10(value)) if value > 0 else 1.0
    return next(power * factor for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if power * factor >= value)


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 10_000 else f"{value / 1000:g}k"
