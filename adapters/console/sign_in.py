"""Signing in and out, and the choice of a theme."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from adapters.console.forms import Form, form_of
from adapters.console.security import is_https, local, require_own_page
from adapters.console.sessions import LONGEST, Session, Sessions
from adapters.console.site import SESSION, THEME_COOKIE, THEMES, Site, go
from adapters.console.throttle import Throttle
from adapters.operator.access import AccessRules
from adapters.operator.problems import ProblemError

SIGN_IN = "/sign-in"
_COOKIE = "tallyd_session"
_YEAR = 365 * 86_400
_LONGEST_TOKEN = 1000


class SignIn:
    """The handlers."""

    def __init__(self, site: Site, sessions: Sessions, rules: AccessRules) -> None:
        self._site = site
        self._sessions = sessions
        self._rules = rules
        self._throttle = Throttle()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        return [
            web.get(SIGN_IN, self.ask),
            web.post(SIGN_IN, self.sign_in),
            web.post("/sign-out", self._site.posted(self.sign_out)),
            web.get("/theme", self.theme),
        ]

    async def ask(self, request: web.Request) -> web.Response:
        """Show the form."""
        return await self._shown(request, local(request.query.get("next", "/")))

    async def sign_in(self, request: web.Request) -> web.Response:
        """Open a session for who knows a token; whoever was signed in here before is signed out."""
        require_own_page(request)
        form = await form_of(request)
        peer, now, onwards = request.remote or "", self._site.now(), local(form.text("next"))
        wait = self._throttle.wait(peer, now=now)
        if wait:
            seconds = -(-wait // 1000)
            said = f"Too many tries. Wait {seconds} seconds, then try again."
            return await self._shown(request, onwards, said, status=429, headers={"Retry-After": str(seconds)})
        self._throttle.failed(peer, now=now)  # before it is judged: tries side by side are tries all the same
        session = await self._sessions.open(form.text("token", most=_LONGEST_TOKEN), peer=peer)
        if session is None:
            return await self._shown(request, onwards, "Nobody has this token.", status=401)
        self._throttle.passed(peer)
        before = await self.found(request)
        if before is not None:
            await self._sessions.close(before)
        response = go(onwards)
        _set(request, response, session.id, LONGEST // 1000)
        return response

    async def sign_out(self, request: web.Request, _form: Form) -> web.Response:
        """End the session."""
        await self._sessions.close(request[SESSION])
        response = go(SIGN_IN)
        _set(request, response, "", 0)
        return response

    async def theme(self, request: web.Request) -> web.Response:
        """Keep a choice of theme: a cookie that says nothing of anybody."""
        chosen = request.query.get("to", "")
        if chosen not in THEMES:
            raise ProblemError(400, f"The theme is one of {', '.join(THEMES)}.")
        response = go(local(request.query.get("next", "/")))
        response.set_cookie(THEME_COOKIE, chosen, max_age=_YEAR, samesite="Strict", secure=is_https(request))
        return response

    async def found(self, request: web.Request, *, by_hand: bool = True) -> Session | None:
        """Return the session of a request's cookie."""
        session_id = request.cookies.get(_name(request), "")
        return await self._sessions.find(session_id, by_hand=by_hand) if session_id else None

    async def _shown(
        self,
        request: web.Request,
        onwards: str,
        trouble: str = "",
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        response = await self._site.page(
            request, "sign_in", status=status, onwards=onwards, trouble=trouble, open_to_all=self._rules.open
        )
        response.headers.update(headers or {})
        return response


def ask_to_sign_in(request: web.Request) -> web.Response:
    """Send a browser to the form, and back afterwards."""
    return go(f"{SIGN_IN}?{urlencode({'next': local(request.path_qs)})}")


def _name(request: web.Request) -> str:
    """By https the cookie has the prefix that no other host or path can set it under."""
    return f"__Host-{_COOKIE}" if is_https(request) else _COOKIE


def _set(request: web.Request, response: web.Response, value: str, seconds: int) -> None:
    response.set_cookie(
        _name(request), value, max_age=seconds, path="/", httponly=True, samesite="Strict", secure=is_https(request)
    )
