"""The command line's end of the control socket: one request, one answer, with nothing but the standard library."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

_TIMEOUT_SECONDS = 30.0


class DaemonDownError(Exception):
    """Nobody answers on the socket."""


class RefusedError(Exception):
    """The daemon answered, and did not do it; the text says why."""


class _Connection(http.client.HTTPConnection):
    def __init__(self, path: Path, patience: float) -> None:
        super().__init__("localhost", timeout=patience)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def address(*parts: str) -> str:
    """Build a path; each part is quoted, so an order number may hold anything."""
    return "/" + "/".join(quote(part, safe="") for part in parts)


def ask(
    path: Path,
    method: str,
    target: str,
    body: dict[str, Any] | None = None,
    *,
    patience: float = _TIMEOUT_SECONDS,
    headers: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Ask the daemon, and wait `patience` seconds for its answer.

    Raises:
        DaemonDownError: it is not running, or the socket may not be opened.
        RefusedError: it says no.
    """
    connection = _Connection(path, patience)
    try:
        sent = {"Content-Type": "application/json"} if body is not None else {}
        text = msgspec.json.encode(body) if body is not None else None
        connection.request(method, target, text, sent | dict(headers or {}))
        answer = connection.getresponse()
        read = msgspec.json.decode(answer.read(), type=dict[str, Any])
    except PermissionError:
        raise DaemonDownError(f"{path} may not be opened by this user: join the socket's group") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise DaemonDownError(f"the daemon is not running (nobody answers on {path})") from None
    except (OSError, http.client.HTTPException, msgspec.DecodeError) as error:
        raise DaemonDownError(f"the daemon gave no answer on {path} ({type(error).__name__})") from None
    finally:
        connection.close()
    if answer.status >= 400:
        raise RefusedError(str(read.get("detail") or answer.reason))
    return read
