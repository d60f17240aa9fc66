"""The console: pages made here, of the same reading as the API, for people with a browser.

It is mounted beside the API and has no path in common with it. A page is answered with a page, also where something is
wrong; the API with a problem document.
"""

from __future__ import annotations

import logging
from typing import Final

from aiohttp import web

from adapters.console import assets
from adapters.console.alerts import AlertPages
from adapters.console.catalogue import CataloguePages
from adapters.console.exceptions import ExceptionPages
from adapters.console.finance import FinancePages
from adapters.console.mappings import MappingPages
from adapters.console.orders import OrderPages
from adapters.console.overview import OverviewPages
from adapters.console.records import RecordPages
from adapters.console.security import HEADERS
from adapters.console.sessions import Sessions, SessionStore
from adapters.console.sign_in import SIGN_IN, SignIn, ask_to_sign_in
from adapters.console.site import FRAGMENT, SESSION, Site
from adapters.console.stock import StockPages
from adapters.operator.access import READING, AccessRules, Person
from adapters.operator.answers import Handler
from adapters.operator.problems import ProblemError
from adapters.operator.reading import OperatorReading

_OTHERS: Final = ("/api/", "/health", "/metrics", "/openapi.json")
"""Where the API's paths begin."""

_log = logging.getLogger(__name__)


class Console:
    """Routes, and what the server asks about a request."""

    def __init__(self, reading: OperatorReading, rules: AccessRules, store: SessionStore) -> None:
        self._site = Site(reading, store)
        self._sign_in = SignIn(self._site, Sessions(store, rules), rules)
        self._pages = (
            OverviewPages(self._site),
            ExceptionPages(self._site),
            OrderPages(self._site),
            StockPages(self._site),
            CataloguePages(self._site),
            FinancePages(self._site),
            MappingPages(self._site),
            AlertPages(self._site),
            RecordPages(self._site),
        )

    def routes(self) -> list[web.RouteDef]:
        """Return the routes."""
        pages = [route for page in self._pages for route in page.routes()]
        return [web.get(f"{assets.PREFIX}{{name}}", assets.serve), *self._sign_in.routes(), *pages]

    def open_to_all(self, request: web.Request) -> bool:
        """Say whether nobody has to be signed in for it: to sign in, and for what holds nothing."""
        return request.path in (SIGN_IN, "/theme") or request.path.startswith(assets.PREFIX)

    async def signed_in(self, request: web.Request) -> Person | None:
        """Return who the cookie of a request stands for.

        Raises:
            ProblemError: 403, the cookie would change something through the API: only forms of the console may.
        """
        session = await self._sign_in.found(request, by_hand=FRAGMENT not in request.headers)
        if session is None:
            return None
        if _is_api(request) and request.method not in READING:
            raise ProblemError(403, "A cookie lets nobody change anything through the API: send a bearer token.")
        request[SESSION] = session
        return session.person

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer a browser with pages, whatever happens, each with the headers of a page."""
        if _is_api(request):
            return await handler(request)
        response = await self._answered(request, handler)
        if not response.prepared:
            for name, value in HEADERS.items():
                response.headers.setdefault(name, value)
        return response

    async def _answered(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except ProblemError as error:
            problem = error
        except web.HTTPException as error:
            problem = _problem_of(error)
        except Exception:
            if not _wants_a_page(request):
                raise
            _log.exception("request failed")
            problem = ProblemError(500, "tallyd could not answer; its log says where.")
        if not _wants_a_page(request):
            raise problem
        if problem.status == 401 and request.method in READING:
            return ask_to_sign_in(request)
        return await self._site.trouble(request, problem)


def _is_api(request: web.Request) -> bool:
    return request.path.startswith(_OTHERS)


def _wants_a_page(request: web.Request) -> bool:
    return "text/html" in request.headers.get("Accept", "") and FRAGMENT not in request.headers


def _problem_of(error: web.HTTPException) -> ProblemError:
    said = {404: "There is no such page.", 405: "This address takes no such request."}
    allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
    return ProblemError(error.status, said.get(error.status, error.reason), headers=allow)
