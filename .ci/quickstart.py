"""From a fresh clone to a running sandbox or a test run, in one command.

    python3 .ci/quickstart.py sandbox [arguments of `tallyd sandbox`]
    python3 .ci/quickstart.py test [arguments of pytest]
    python3 .ci/quickstart.py setup

Makes `.venv` beside the code when it is missing or older than the lock files, from locked and hashed packages, and then
starts what was asked for in it. Needs Python 3.11 or newer and nothing else; works from any folder. As root on Debian
`test` installs Chromium where no browser is on the PATH; elsewhere the tests that need one are left out, and say so.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - this file is what tells an older one
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(f"tallyd needs Python 3.11 or newer, and {sys.executable} is {found}: start this with a newer one.")

import hashlib
import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / "quickstart.stamp"
LOCK = ROOT / "requirements-dev.lock"
SOURCES = (ROOT / "requirements.lock", LOCK, ROOT / "pyproject.toml")
COMMANDS = ("sandbox", "test", "setup")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""What the browser tests can be run with; they are left out, and say so, where none is on the PATH."""

SIDE_BY_SIDE = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
"""Tests run on every core there is, four at most; `test -n 0` runs them one after the other."""


def main(arguments: list[str]) -> int:
    """Set up if need be, then become the program that was asked for."""
    if not arguments or arguments[0] not in COMMANDS:
        wanted = arguments[:1] in (["-h"], ["--help"])
        print(__doc__.strip(), file=sys.stdout if wanted else sys.stderr)
        return 0 if wanted else 2
    command, rest = arguments[0], arguments[1:]
    problem = set_up()
    if problem:
        print(problem, file=sys.stderr)
        return 1
    if command == "setup":
        return 0
    if command == "sandbox":
        become(venv_program("tallyd"), "sandbox", *rest)
    bring_a_browser()
    os.chdir(ROOT)
    return become(venv_program("python"), "-m", "pytest", *SIDE_BY_SIDE, *rest)


def become(program: Path, *arguments: str) -> NoReturn:
    """Go on as that program, in this process: signals and the exit code are its own."""
    sys.stdout.flush()
    os.execv(program, [str(program), *arguments])  # noqa: S606 - our own program, no shell


def bring_a_browser() -> None:
    """Install one where that takes no more than Debian's own tools; elsewhere the tests go on without."""
    if any(map(shutil.which, BROWSERS)) or shutil.which("apt-get") is None or os.geteuid() != 0:
        return
    print("Installing a browser for the tests (once) …", file=sys.stderr, flush=True)
    install = ("apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium", "fonts-dejavu-core")
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (("apt-get", "update", "-qq"), install):
        if subprocess.run(step, check=False, env=quiet, stdout=subprocess.DEVNULL).returncode != 0:
            print("That did not work: the browser tests are left out.", file=sys.stderr)
            return


def set_up() -> str:
    """Make the virtual environment unless it is there and current; return what stands in the way, if anything."""
    stamp = wanted_stamp()
    if venv_program("python").exists() and STAMP.is_file() and STAMP.read_text() == stamp:
        return ""
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return (
            "This Python cannot make virtual environments: its modules venv and ensurepip are missing.\n"
            f"On Debian and Ubuntu: apt install python3-venv (or python{version}-venv), then start this again."
        )
    print("Setting up .venv (once; a minute or two) …", file=sys.stderr, flush=True)
    shutil.rmtree(VENV, ignore_errors=True)
    pip = [str(venv_program("python")), "-m", "pip", "--disable-pip-version-check", "-qq"]
    steps = (
        [sys.executable, "-m", "venv", str(VENV)],
        [*pip, "install", "--require-hashes", "-r", str(LOCK)],
        [*pip, "install", "--no-deps", "--no-build-isolation", "-e", str(ROOT)],
    )
    for step in steps:
        result = subprocess.run(step, check=False)
        if result.returncode != 0:
            return f"Setting up failed (exit {result.returncode}) at: {' '.join(step)}"
    STAMP.write_text(stamp)
    return ""


def wanted_stamp() -> str:
    """Describe what the environment is made from: the interpreter, the place, the lock files and the project file."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    for source in SOURCES:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def venv_program(name: str) -> Path:
    """Return a program of the virtual environment."""
    return VENV / "bin" / name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
