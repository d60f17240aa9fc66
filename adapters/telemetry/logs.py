"""Log lines for the journal: one JSON object each, on standard error.

An event is a short name with fields (`message.failed order=… attempt=2`), never a sentence built from data. Which
fields may leave is in `privacy.py`. A line written inside a span carries its trace. What libraries log leaves as their
format string alone: its arguments may be anything.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

from opentelemetry import trace

from actors.domain.time import Instant, format_instant
from adapters.telemetry.privacy import fit_to_leave, masked

Log = Callable[..., None]
"""`log(event, level="info", **fields)`."""

LOGGER = "tallyd"
LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}
LIBRARY_EVENT = "library"

_FIELDS = "tallyd_fields"
_JOURNAL_PRIORITY = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}  # syslog(3)


class JsonLines(logging.Formatter):
    """Writes a record as one line of JSON. `priorities` puts `<6>` in front, which the journal takes as the level."""

    def __init__(self, now: Callable[[], Instant], *, priorities: bool) -> None:
        super().__init__()
        self._now = now
        self._priorities = priorities

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; it never holds a line end, whatever the fields hold."""
        level = _level_name(record.levelno)
        line: dict[str, object] = {"at": format_instant(self._now()), "level": level}
        fields: Mapping[str, object] | None = getattr(record, _FIELDS, None)
        if fields is None:
            line |= _of_library(record)
        else:
            line["event"] = record.msg
            line |= {name: fit_to_leave(name, value) for name, value in fields.items()}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = _where(record.exc_info[0], record.exc_info[2])
        around = trace.get_current_span().get_span_context()
        if around.is_valid:
            line["trace_id"], line["span_id"] = f"{around.trace_id:032x}", f"{around.span_id:016x}"
        prefix = f"<{_JOURNAL_PRIORITY[level]}>" if self._priorities else ""
        return prefix + json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def start_logging(
    *,
    now: Callable[[], Instant],
    level: str = "info",
    stream: TextIO | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Log:
    """Send all logging of the process to the stream as JSON lines, and return the daemon's own `log`.

    `now` stamps the lines; `level` is the least that is written of our own events, libraries speak from `warning` on.
    """
    # JOURNAL_STREAM is set when standard error leads into the journal (systemd.exec(5)).
    handler = logging.StreamHandler(sys.stderr if stream is None else stream)
    handler.setFormatter(JsonLines(now, priorities="JOURNAL_STREAM" in environ))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.getLogger(LOGGER).setLevel(LEVELS[level])
    return log


def log(event: str, *, level: str = "info", **fields: object) -> None:
    """Write one event. Fields that are not on the list leave as `withheld`."""
    logging.getLogger(LOGGER).log(LEVELS[level], event, extra={_FIELDS: fields})


def _of_library(record: logging.LogRecord) -> dict[str, object]:
    return {"event": LIBRARY_EVENT, "logger": record.name, "template": masked(str(record.msg))}


def _level_name(number: int) -> str:
    fitting = [name for name, value in LEVELS.items() if value <= number]
    return fitting[-1] if fitting else "debug"


def _where(kind: type[BaseException], traceback: object) -> str:
    """Name an error and the line it came from; never its text, which may quote a person's data."""
    frame = traceback
    while (deeper := getattr(frame, "tb_next", None)) is not None:
        frame = deeper
    code = getattr(getattr(frame, "tb_frame", None), "f_code", None)
    if code is None:
        return kind.__name__
    place = "/".join(code.co_filename.rsplit("/", 2)[-2:])
    return f"{kind.__name__} at {place}:{getattr(frame, 'tb_lineno', 0)}"
