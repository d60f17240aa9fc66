"""What systemd hears, over a socket of the kind it would hand us."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.notify import Notifier, watchdog_interval


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(5)
        listening.bind(str(tmp_path / "notify"))
        yield listening


def notifier_of(manager: socket.socket) -> Notifier:
    return Notifier.from_environment({"NOTIFY_SOCKET": manager.getsockname()})


def test_it_says_that_it_is_ready_lives_and_stops(manager: socket.socket) -> None:
    notifier = notifier_of(manager)
    said = [
        notifier.ready("serving"),
        notifier.beat(),
        notifier.status("2 orders\nheld"),
        notifier.extend_timeout(1.5),
        notifier.stopping(),
    ]
    assert said == [True] * 5
    heard = [manager.recv(1024).decode() for _ in said]
    assert heard == [
        "READY=1\nSTATUS=serving",
        "WATCHDOG=1",
        "STATUS=2 orders held",
        "EXTEND_TIMEOUT_USEC=1500000",
        "STOPPING=1",
    ]


def test_it_reaches_an_abstract_socket() -> None:
    name = f"tallyd-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.settimeout(5)
        listening.bind(f"\0{name}")
        assert Notifier(f"@{name}").ready()
        assert listening.recv(64) == b"READY=1"


def test_started_by_hand_nobody_is_told() -> None:
    notifier = Notifier.from_environment({})
    assert not notifier.connected
    assert not notifier.ready()


def test_a_manager_that_went_away_stops_nothing(tmp_path: Path) -> None:
    assert not Notifier(str(tmp_path / "gone")).beat()


def test_a_manager_that_does_not_read_stops_nothing(manager: socket.socket) -> None:
    notifier = notifier_of(manager)
    started = time.monotonic()
    assert notifier.beat()
    assert not all(notifier.beat() for _ in range(100_000))  # the kernel's queue is full
    assert time.monotonic() - started < 2.5


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7"}, 30.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "8"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_beat_is_half_of_the_watchdogs_patience(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_interval(environ, pid=7) == seconds
