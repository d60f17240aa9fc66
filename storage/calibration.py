"""What was learnt of the account's arithmetic, on disk: evidence-based, and only believed under the same settings.

A refutation is kept with the day of the books it was last seen on. The settings it was learnt under are kept as a
fingerprint: under another one everything is open again, while the flags (what the account refuses) are kept (money §6).
"""

from __future__ import annotations

import sqlite3
from datetime import date

import msgspec

from actors.domain.arithmetic import MODELS, TaxModel
from actors.domain.calibration import ALL, Calibration, Lesson, ModeRecord, learn
from actors.domain.time import Instant
from storage import meta

_FINGERPRINT = "arithmetic_settings"


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """One answer that teaches: `sent` and `answer` are the document in short, as amounts and rules only."""

    kind: str
    inclusive: bool
    refuted: frozenset[int]
    order_id: str
    sale_id: str
    sent: str
    answer: str


def load(connection: sqlite3.Connection, *, today: date | None, fingerprint: str) -> Calibration:
    """Return what is known under these settings. `today` None: no refutation is of today."""
    believed = meta.text(connection, _FINGERPRINT) == fingerprint
    return Calibration(
        inclusive=_mode(connection, True, today) if believed else ModeRecord(),
        exclusive=_mode(connection, False, today) if believed else ModeRecord(),
        negative_charges=_flag(connection, "negative_charges"),
        repeated_charges=_flag(connection, "repeated_charges"),
    )


def believed(connection: sqlite3.Connection) -> Calibration:
    """Return what is known under the settings it was learnt under, whether or not they are those of today."""
    return load(connection, today=None, fingerprint=meta.text(connection, _FINGERPRINT))


def take_in(
    connection: sqlite3.Connection, evidence: Evidence, *, today: date, fingerprint: str, now: Instant
) -> Lesson:
    """Learn from one answer and keep it. Evidence under other settings than before begins anew."""
    if meta.text(connection, _FINGERPRINT) != fingerprint:
        _begin_anew(connection, fingerprint, now)
    lesson = learn(_mode(connection, evidence.inclusive, today), evidence.refuted)
    other = _mode(connection, not evidence.inclusive, today)
    if lesson.upset and not lesson.record.outside and not other.outside:
        # Who changed how one kind of document is calculated may have changed the other: nothing is believed of it.
        _forget(connection, not evidence.inclusive)
    if evidence.refuted:
        _write(connection, evidence, lesson, today)
        _keep(connection, evidence, now)
    return lesson


def flag(connection: sqlite3.Connection, name: str, value: bool) -> None:
    """Remember what the account takes or refuses: `negative_charges`, `repeated_charges`."""
    meta.set_text(connection, name, str(int(value)))


def sentence(connection: sqlite3.Connection) -> str:
    """Say in one sentence what is known of the account's arithmetic."""
    modes = {True: _mode(connection, True, None), False: _mode(connection, False, None)}
    if not any(mode.seen for mode in modes.values()):
        return "The account's arithmetic is not known yet: the first orders go as DRAFTs first."
    said = [_said(mode, "included" if inclusive else "on top") for inclusive, mode in modes.items()]
    refusals = {
        "negative_charges": "charges below zero are refused",
        "repeated_charges": "one service product twice is refused",
    }
    said += [text for name, text in refusals.items() if _flag(connection, name) is False]
    return "; ".join(said) + "."


def _said(mode: ModeRecord, where: str) -> str:
    if mode.outside:
        return f"with tax {where}: an answer fitted no known arithmetic, so every order goes as a DRAFT first"
    if not mode.seen:
        return f"with tax {where}: nothing seen yet"
    sales = f"seen on {mode.seen} answer{'s' if mode.seen != 1 else ''}"
    alive = [MODELS[number] for number in sorted(mode.alive)]
    if all(model.tax is TaxModel.GIVEN for model in alive):
        return f"with tax {where}: tax is taken as sent ({sales}); line rounding is open and does not matter"
    words = sorted({str(model) for model in alive})
    if len(words) == 1:
        return f"with tax {where}: {words[0]} ({sales})"
    return f"with tax {where}: still open ({sales}): {' or '.join(words)}"


def _mode(connection: sqlite3.Connection, inclusive: bool, today: date | None) -> ModeRecord:
    rows = connection.execute("SELECT model, day FROM refutations WHERE inclusive = ?", (int(inclusive),)).fetchall()
    return ModeRecord(
        alive=ALL - {model for model, _ in rows},
        fresh=frozenset(model for model, day in rows if today is not None and day == today.isoformat()),
        outside=bool(meta.counter(connection, f"arithmetic_outside_{int(inclusive)}")),
        seen=meta.counter(connection, f"arithmetic_seen_{int(inclusive)}"),
    )


def _write(connection: sqlite3.Connection, evidence: Evidence, lesson: Lesson, today: date) -> None:
    inclusive, record = int(evidence.inclusive), lesson.record
    connection.executemany(
        "DELETE FROM refutations WHERE inclusive = ? AND model = ?", [(inclusive, model) for model in record.alive]
    )
    connection.executemany(
        "INSERT INTO refutations VALUES (?, ?, ?) ON CONFLICT (inclusive, model) DO UPDATE SET day = excluded.day",
        [(inclusive, model, today.isoformat()) for model in evidence.refuted - record.alive],
    )
    meta.set_counter(connection, f"arithmetic_outside_{inclusive}", int(record.outside))
    meta.set_counter(connection, f"arithmetic_seen_{inclusive}", record.seen)


def _keep(connection: sqlite3.Connection, evidence: Evidence, now: Instant) -> None:
    connection.execute(
        "INSERT INTO evidence (at, inclusive, kind, order_id, sale_id, sent, answer, refuted)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            now,
            int(evidence.inclusive),
            evidence.kind,
            evidence.order_id,
            evidence.sale_id,
            evidence.sent,
            evidence.answer,
            msgspec.json.encode(sorted(evidence.refuted)).decode(),
        ),
    )


def _begin_anew(connection: sqlite3.Connection, fingerprint: str, now: Instant) -> None:
    for inclusive in (True, False):
        _forget(connection, inclusive)
    if meta.text(connection, _FINGERPRINT):
        _keep(connection, _reset(), now)
    meta.set_text(connection, _FINGERPRINT, fingerprint)


def _forget(connection: sqlite3.Connection, inclusive: bool) -> None:
    connection.execute("DELETE FROM refutations WHERE inclusive = ?", (int(inclusive),))
    meta.set_counter(connection, f"arithmetic_outside_{int(inclusive)}", 0)
    meta.set_counter(connection, f"arithmetic_seen_{int(inclusive)}", 0)


def _reset() -> Evidence:
    return Evidence(
        kind="reset", inclusive=False, refuted=frozenset(), order_id="", sale_id="", sent="",
        answer="the account's settings changed",
    )  # fmt: skip


def _flag(connection: sqlite3.Connection, name: str) -> bool | None:
    known = meta.text(connection, name)
    return None if known == "" else known == "1"
