"""The control socket: how the commands that act reach the running daemon (design §5).

A Unix socket of mode 0660. Who may open it may act; the kernel says who it is (SO_PEERCRED), and that user is the
author in the audit row. Answers and problems are those of the operator's endpoints.
"""

from __future__ import annotations

import pwd
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from aiohttp import web

from adapters.operator.access import SOCKET, Person
from adapters.operator.answers import LARGEST_BODY, Handler, document, problems, reason_of, said
from adapters.operator.parameters import PERSON
from adapters.operator.problems import ProblemError
from adapters.operator.server import part_routes
from daemon import actions, sku_actions, stock_actions, webhooks
from daemon.health import health
from daemon.readmodel import LiveReading
from daemon.running import Running
from daemon.settings import Settings

MODE = 0o660
_BACKLOG = 16
_CLOSE_SECONDS = 2.0
_UCRED = struct.Struct("iII")  # pid, uid, gid (unix(7))

_Order = Callable[..., Awaitable[actions.Done]]


class SocketInUseError(OSError):
    """Somebody answers on the socket already: another daemon."""


def socket_path(settings: Settings) -> Path:
    """Where the socket is: `[operator] socket`, else beside the database file."""
    return settings.socket_path


@asynccontextmanager
async def control_server(app: Running, path: Path) -> AsyncIterator[None]:
    """Answer on the socket until the block ends; a socket left behind by a dead process is replaced.

    Raises:
        SocketInUseError: another process answers on it.
        OSError: it cannot be made.
    """
    listening = _listen(path)
    born = path.stat().st_ino  # noqa: ASYNC240 - one look at a local path, before anything is served
    runner = web.AppRunner(build(app), access_log=None, shutdown_timeout=_CLOSE_SECONDS)
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        yield
    finally:
        await runner.cleanup()
        listening.close()
        with suppress(FileNotFoundError):
            if path.stat().st_ino == born:  # noqa: ASYNC240
                path.unlink()  # noqa: ASYNC240


def _listen(path: Path) -> socket.socket:
    """Bind; the mode is set before anybody can connect, since nobody can before `listen`."""
    if _answers(path):
        raise SocketInUseError(f"{path} is answered by another process")
    path.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listening.bind(str(path))
        path.chmod(MODE)
        listening.listen(_BACKLOG)
        listening.setblocking(False)
    except OSError:
        listening.close()
        raise
    return listening


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trying:
        trying.settimeout(1.0)
        try:
            trying.connect(str(path))
        except OSError:
            return False
    return True


def build(app: Running) -> web.Application:
    """Return the application behind the socket."""
    desk = _Desk(app)
    served = web.Application(middlewares=[problems, _person], client_max_size=LARGEST_BODY)
    served.add_routes(
        [
            web.get("/health", desk.health),
            web.post("/orders/{ref}/retry", desk.on_order(actions.retry_order)),
            web.post("/orders/{ref}/release", desk.on_order(actions.release_order)),
            web.post("/orders/{ref}/reject", desk.on_order(actions.reject_order)),
            web.post("/days/{ref}/release", desk.on_order(actions.release_day)),
            web.post("/orders/{ref}/resend", desk.on_order(actions.resend_order)),
            web.post("/exceptions/{id}/retry", desk.on_exception(actions.retry_exception, reason_needed=False)),
            web.post("/exceptions/{id}/resolve", desk.on_exception(actions.resolve_exception, reason_needed=True)),
            web.post("/exceptions/{id}/body", desk.on_exception(actions.show_body, reason_needed=True)),
            web.post("/flows/{flow}/pause", desk.on_flow(actions.pause_flow)),
            web.post("/flows/{flow}/resume", desk.on_flow(actions.resume_flow)),
            web.post("/orders/{ref}/release-units", desk.on_order(stock_actions.release_units)),
            web.post("/stock/{sku:[^/]+}/block", desk.block),
            web.post("/stock/{sku:[^/]+}/unblock", desk.unblock),
            web.post("/skus/plan/approve", desk.approve_plan),
            web.post("/skus/{sku:[^/]+}/draft", desk.draft),
            web.get("/webhooks/plan", desk.webhooks),
            web.post("/webhooks/apply", desk.apply_webhooks),
            *part_routes(LiveReading(app)),
        ]
    )
    return served


@web.middleware
async def _person(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Who may open the socket may do everything, under the name of their user."""
    request[PERSON] = Person(name=author_of(request), roles=frozenset({"admin", SOCKET}))
    return await handler(request)


class _Desk:
    """The handlers."""

    def __init__(self, app: Running) -> None:
        self._app = app

    async def health(self, _request: web.Request) -> web.Response:
        return document(await health(self._app))

    async def webhooks(self, _request: web.Request) -> web.Response:
        return document(await webhooks.planned(self._app))

    async def apply_webhooks(self, request: web.Request) -> web.Response:
        author = author_of(request)
        return document(await webhooks.apply(self._app, author=author, reason=await reason_of(request)))

    async def block(self, request: web.Request) -> web.Response:
        author, reason = author_of(request), await reason_of(request, needed=True)
        sku, until = request.match_info["sku"], await said(request, "until")
        return document(await stock_actions.block_sku(self._app, sku, author=author, reason=reason, until=until))

    async def unblock(self, request: web.Request) -> web.Response:
        author, reason = author_of(request), await reason_of(request)
        done = await stock_actions.unblock_sku(self._app, request.match_info["sku"], author=author, reason=reason)
        return document(done)

    async def approve_plan(self, request: web.Request) -> web.Response:
        author, reason = author_of(request), await reason_of(request)
        return document(await sku_actions.approve_plan(self._app, author=author, reason=reason))

    async def draft(self, request: web.Request) -> web.Response:
        author, reason = author_of(request), await reason_of(request)
        done = await sku_actions.ask_for_draft(self._app, request.match_info["sku"], author=author, reason=reason)
        return document(done)

    def on_order(self, act: _Order) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            author = author_of(request)
            reason = await reason_of(request)
            return document(await act(self._app, request.match_info["ref"], author=author, reason=reason))

        return handle

    def on_exception(self, act: _Order, *, reason_needed: bool) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            author = author_of(request)
            reason = await reason_of(request, needed=reason_needed)
            number = request.match_info["id"]
            if not (number.isascii() and number.isdigit() and len(number) < 19):
                raise ProblemError(404, "An exception goes by its number.")
            return document(await act(self._app, int(number), author=author, reason=reason))

        return handle

    def on_flow(self, act: _Order) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            author = author_of(request)
            reason = await reason_of(request)
            return document(await act(self._app, request.match_info["flow"], author=author, reason=reason))

        return handle


def author_of(request: web.Request) -> str:
    """Return the user at the other end of the socket, as the kernel knows it.

    Raises:
        ProblemError: 403, the other end cannot be told.
    """
    connection = request.transport.get_extra_info("socket") if request.transport is not None else None
    if connection is None:
        raise ProblemError(403, "The user at the other end cannot be told.")
    _, uid, _ = _UCRED.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"
