"""Speaks to systemd: readiness, status and the watchdog's beat, over its own socket (sd_notify(3)).

Without `NOTIFY_SOCKET` nothing is sent and nothing is wrong: the daemon was started by hand.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping

BEATS_PER_WATCHDOG = 2
"""sd_watchdog_enabled(3): beat every half of the time."""


class Notifier:
    """Sends states to the service manager. Never raises: a manager that went away is no reason to stop."""

    def __init__(self, address: str | None) -> None:
        self._address = address

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> Notifier:
        """Use the socket systemd named for this service, if any."""
        return cls(environ.get("NOTIFY_SOCKET") or None)

    @property
    def connected(self) -> bool:
        """True when somebody listens."""
        return self._address is not None

    def ready(self, status: str = "") -> bool:
        """Say that events can be accepted; return False if it did not arrive."""
        return self._send("READY=1", *_status(status))

    def status(self, text: str) -> bool:
        """Say in one line what the daemon does, for `systemctl status`."""
        return self._send(*_status(text))

    def stopping(self, status: str = "") -> bool:
        """Say that the daemon is on its way down."""
        return self._send("STOPPING=1", *_status(status))

    def beat(self) -> bool:
        """Say that the daemon is alive."""
        return self._send("WATCHDOG=1")

    def extend_timeout(self, seconds: float) -> bool:
        """Ask for so much more time to start or stop."""
        return self._send(f"EXTEND_TIMEOUT_USEC={int(seconds * 1_000_000)}")

    def _send(self, *lines: str) -> bool:
        if self._address is None:
            return False
        # A leading @ stands for the null byte of an abstract socket.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
                # A full buffer means that nobody reads: the loop must not stand still for it.
                wire.setblocking(False)
                wire.sendto("\n".join(lines).encode(), address)
        except OSError:
            return False
        return True


def watchdog_interval(environ: Mapping[str, str] = os.environ, *, pid: int | None = None) -> float | None:
    """Return the seconds between two beats (half the watchdog's patience), or None when there is no watchdog.

    `WATCHDOG_PID`, if set, must name this process (`pid`, by default our own).
    """
    owner = environ.get("WATCHDOG_PID", "")
    if owner and owner != str(os.getpid() if pid is None else pid):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        return None
    return int(text) / 1_000_000 / BEATS_PER_WATCHDOG


def _status(text: str) -> tuple[str, ...]:
    return (f"STATUS={' '.join(text.split())}",) if text else ()
