"""One file, one daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from storage.lock import HeldByAnotherError, held

HOLDER = """
import sys
from pathlib import Path
from storage.lock import held
with held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the file until it is killed or its input ends."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=root,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_holder_is_refused_and_told_who_has_it(tmp_path: Path) -> None:
    path = tmp_path / "tallyd.db"
    with held(path):
        with pytest.raises(HeldByAnotherError, match=f"process {os.getpid()}") as refused, held(path):
            pytest.fail("held twice")
        assert refused.value.pid == str(os.getpid())
        assert "[storage] path" in str(refused.value)
    with held(path):
        assert (tmp_path / "tallyd.db.lock").read_text() == f"{os.getpid()}\n"


def test_another_process_is_refused_too_and_named(tmp_path: Path) -> None:
    path = tmp_path / "tallyd.db"
    with holder(path) as process, pytest.raises(HeldByAnotherError) as refused, held(path):
        pytest.fail("held by two processes")
    assert refused.value.pid == str(process.pid)


def test_kill_9_lets_go_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "tallyd.db"
    with holder(path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        with held(path):
            assert (tmp_path / "tallyd.db.lock").read_text() == f"{os.getpid()}\n"


def test_a_longer_pid_before_ours_leaves_no_digits(tmp_path: Path) -> None:
    (tmp_path / "tallyd.db.lock").write_text("123456789012\n")
    with held(tmp_path / "tallyd.db"):
        assert (tmp_path / "tallyd.db.lock").read_text() == f"{os.getpid()}\n"


def test_two_files_are_two_locks(tmp_path: Path) -> None:
    with held(tmp_path / "one.db"), held(tmp_path / "two.db"):
        assert (tmp_path / "one.db.lock").exists()
        assert (tmp_path / "two.db.lock").exists()
