"""Log lines: one JSON object each, and no secret, address or e-mail in any."""

from __future__ import annotations

import ast
import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.domain.tracing import trace_id_of
from adapters.telemetry.logs import LEVELS, Log, start_logging
from adapters.telemetry.privacy import FIELDS, MASKED, WITHHELD, fit_to_leave, masked
from adapters.telemetry.tracing import Tracing

NOW = 1_796_083_200_123
ORDER = "order-1"
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, ours = logging.getLogger(), logging.getLogger("tallyd")
    handlers, level, our_level = root.handlers[:], root.level, ours.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(our_level)


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(written: io.StringIO) -> Log:
    return start_logging(now=lambda: NOW, level="debug", stream=written, environ={})


def lines_of(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_a_line_is_an_event_with_fields(log: Log, written: io.StringIO) -> None:
    log("message.failed", level="warning", order=ORDER, attempt=2, amount=1999, retries=None)
    assert lines_of(written) == [
        {
            "at": "2026-12-01T00:00:00.123Z",
            "level": "warning",
            "event": "message.failed",
            "order": ORDER,
            "attempt": 2,
            "amount": 1999,
            "retries": None,
        }
    ]


def test_a_line_inside_a_span_carries_the_orders_trace(log: Log, written: io.StringIO) -> None:
    tracing = Tracing(connection="acme", version="1")
    with tracing.span("orders.handle", order_id=ORDER):
        log("order.held", order=ORDER)
    log("daemon.ready")
    inside, outside = lines_of(written)
    assert inside["trace_id"] == trace_id_of(ORDER)
    assert "trace_id" not in outside


@pytest.mark.parametrize(
    "name", ["email", "phone", "street", "address", "shipping_address", "contact", "customer", "body", "headers",
             "token", "secret", "client_secret", "authorization", "storage_key", "password", "url"]
)  # fmt: skip
def test_a_field_that_is_not_listed_is_withheld(log: Log, written: io.StringIO, name: str) -> None:
    log("order.held", **{name: "1 Main Street"})
    assert lines_of(written)[0][name] == WITHHELD
    assert "Main Street" not in written.getvalue()


def fields_of_the_code() -> dict[str, str]:
    """Every field name that a `log(...)` or a `span(...)` of the code writes, with the place it stands."""
    found: dict[str, str] = {}
    for folder in ("actors", "adapters", "daemon", "storage"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "").lstrip("_") in {"log", "span"}:
                    names = {keyword.arg for keyword in node.keywords if keyword.arg} - {"level", "extra"}
                    found |= {name: f"{path.relative_to(ROOT)}:{node.lineno}" for name in names}
    return found


def test_every_field_the_code_writes_is_listed() -> None:
    """Else a line would say `withheld` where somebody looks for a reason."""
    found = fields_of_the_code()
    assert {"order", "attempt", "reason"} <= found.keys()
    assert {name: place for name, place in found.items() if name not in FIELDS | {"attributes", "context"}} == {}


def test_the_list_itself_names_nothing_personal_or_secret() -> None:
    suspicious = ("mail", "phone", "street", "city", "postcode", "contact", "customer", "body", "secret", "password",
                  "token", "header", "authorization")  # fmt: skip
    assert [name for name in FIELDS if any(word in name for word in suspicious)] == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ada@example.com", MASKED),
        ("no customer <ada.l+shop@mail.example.co.uk>, sorry", f"no customer <{MASKED}>, sorry"),
        ("mailto:ada@example.com?subject=x", f"mailto:{MASKED}?subject=x"),
        ("a@b", "a@b"),
        ("SKU-1 @ Main", "SKU-1 @ Main"),
    ],
)
def test_what_looks_like_an_email_is_masked(text: str, expected: str) -> None:
    assert masked(text) == expected


@given(
    local=st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,20}", fullmatch=True),
    domain=st.from_regex(r"[a-z0-9]{1,10}(\.[a-z]{2,6}){1,2}", fullmatch=True),
    before=st.sampled_from(["", "to ", "<", "'", "(", "customer="]),
    name=st.sampled_from(sorted(FIELDS)),
)
@settings(max_examples=100, deadline=None)
def test_no_address_passes_in_any_listed_field(local: str, domain: str, before: str, name: str) -> None:
    assert f"{local}@{domain}" not in str(fit_to_leave(name, f"{before}{local}@{domain} gone"))


@given(value=st.one_of(st.text(max_size=30), st.binary(max_size=5), st.integers(), st.floats(), st.none()))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_field_holds_it_stays_one_line(value: object) -> None:
    stream = io.StringIO()
    log = start_logging(now=lambda: NOW, stream=stream, environ={})
    log("order.held", reason=value)
    assert stream.getvalue().count("\n") == 1
    assert json.loads(stream.getvalue())["event"] == "order.held"


def test_an_object_is_shown_as_text_and_masked(log: Log, written: io.StringIO) -> None:
    log("order.held", reason=ValueError("ada@example.com"))
    assert lines_of(written)[0]["reason"] == MASKED


def test_libraries_leave_their_format_only(log: Log, written: io.StringIO) -> None:
    logging.getLogger("somebody").warning("request of %s failed", "ada at 1 Main Street")
    logging.getLogger("somebody").info("too quiet to be written")
    (line,) = lines_of(written)
    assert line["event"] == "library"
    assert (line["logger"], line["template"]) == ("somebody", "request of %s failed")
    assert "Main Street" not in written.getvalue()


def test_an_exception_leaves_its_type_and_place_only(log: Log, written: io.StringIO) -> None:
    def fail() -> None:
        raise ValueError("1 Main Street")

    try:
        fail()
    except ValueError:
        logging.getLogger("somebody").exception("Error handling request")
    (line,) = lines_of(written)
    assert line["error"].startswith("ValueError at adapters/test_telemetry_logs.py:")
    assert "Main Street" not in written.getvalue()


def test_the_journal_gets_the_level_in_front(written: io.StringIO) -> None:
    log: Callable[..., None] = start_logging(now=lambda: NOW, stream=written, environ={"JOURNAL_STREAM": "8:1"})
    log("a", level="error")
    log("b")
    assert [line[:3] for line in written.getvalue().splitlines()] == ["<3>", "<6>"]


def test_what_is_below_the_level_is_not_written(written: io.StringIO) -> None:
    log = start_logging(now=lambda: NOW, level="error", stream=written, environ={})
    for level in LEVELS:
        log(f"at.{level}", level=level)
    assert [line["event"] for line in lines_of(written)] == ["at.error", "at.critical"]
