"""The access token: one renewal at a time, early enough, shared by everyone who waits (fact sheet §1.1)."""

from __future__ import annotations

from base64 import b64encode
from urllib.parse import quote

import anyio
import msgspec

from actors.domain.errors import Limited, Transient, Unauthorised, WireError
from actors.domain.time import Clock
from adapters.commercetools import wire
from adapters.commercetools.answers import SIDE, is_json, retry_after_seconds
from adapters.transport import AnswerLostError, NotSentError, Request, Response, Transport

_RENEW_EARLY_SECONDS = 300.0
_TIMEOUT_SECONDS = 30.0
_OPERATION = "token"


class TokenSource:
    """Hands out the bearer token of one API client (OAuth client credentials, all scopes of the client)."""

    def __init__(
        self, transport: Transport, clock: Clock, *, auth_url: str, client_id: str, client_secret: str
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._url = auth_url.rstrip("/") + "/oauth/token"
        self._credentials = b64encode(f"{_form(client_id)}:{_form(client_secret)}".encode()).decode()
        self._lock = anyio.Lock()
        self._token: str | None = None
        self._renew_at = 0.0
        self._tries = 0
        self._last_failure: WireError | None = None

    async def token(self) -> str:
        """Return a token with at least some minutes left; ask for one if there is none.

        Raises:
            Unauthorised: the credentials are wrong.
            Transient: no answer, or none that can be read (`Limited` for 429).
        """
        if (current := self._usable()) is not None:
            return current
        tries_seen = self._tries
        async with self._lock:
            if (current := self._usable()) is not None:
                return current
            if self._tries != tries_seen and self._last_failure is not None:
                # Somebody asked while we waited, and failed: that is our answer too, or all who wait would ask in turn.
                raise _twin(self._last_failure)
            return await self._renew()

    def forget(self, token: str) -> None:
        """Drop a token that was refused; a newer one is kept."""
        if self._token == token:
            self._token = None

    def _usable(self) -> str | None:
        return self._token if self._token is not None and self._clock.monotonic() < self._renew_at else None

    async def _renew(self) -> str:
        asked_at = self._clock.monotonic()
        try:
            answer = await self._ask()
        except WireError as error:
            self._last_failure = error
            raise
        finally:
            self._tries += 1
        self._last_failure = None
        self._token = answer.access_token
        self._renew_at = asked_at + answer.expires_in - min(_RENEW_EARLY_SECONDS, answer.expires_in / 2)
        return answer.access_token

    async def _ask(self) -> wire.Token:
        request = Request(
            method="POST",
            url=self._url,
            headers={
                "Authorization": f"Basic {self._credentials}",
                "Content-Type": "application/x-www-form-urlencoded",
                "Accept": "application/json",
            },
            body=b"grant_type=client_credentials",
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        try:
            response = await self._transport.send(request)
        except (NotSentError, AnswerLostError) as error:
            # Asking for a token changes nothing: a lost answer may be asked for again like a read.
            raise Transient("no_answer", side=SIDE, operation=_OPERATION, detail=type(error).__name__) from error
        return self._judged(response)

    def _judged(self, response: Response) -> wire.Token:
        status = response.status
        if status == 429:
            raise Limited(
                side=SIDE,
                operation=_OPERATION,
                retry_after_seconds=retry_after_seconds(response, self._clock.now()),
                status=status,
            )
        if status in {400, 401, 403}:
            raise Unauthorised("credentials", side=SIDE, operation=_OPERATION, status=status)
        if status != 200:
            raise Transient("unavailable", side=SIDE, operation=_OPERATION, status=status)
        if not is_json(response):
            raise Transient("malformed", side=SIDE, operation=_OPERATION, status=status)
        try:
            return msgspec.json.decode(response.body, type=wire.Token)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Transient("malformed", side=SIDE, operation=_OPERATION, status=status) from None


def _twin(error: WireError) -> WireError:
    """Make an equal error for another caller: each may add what it knows of its own call."""
    twin = type(error).__new__(type(error), *error.args)
    twin.__dict__.update(error.__dict__)
    twin.call_id = None
    return twin


def _form(text: str) -> str:
    """Encode a credential as RFC 6749 §2.3.1 asks; a commercetools id or secret comes out unchanged."""
    return quote(text, safe="")
