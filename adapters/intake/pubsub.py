"""Google Pub/Sub's door: a push is proven by the token of the service account that sends it (fact sheet §2.4)."""

from __future__ import annotations

import jwt
import msgspec

from actors.domain.notification import Delivery, Unreadable
from actors.domain.time import Clock
from adapters.intake.keys import KeySet
from adapters.intake.platform import read_notifications
from adapters.intake.proof import is_same, unproven

ISSUER = "https://accounts.google.com"
LEEWAY_SECONDS = 60


GOOGLE_KEYS = "https://www.googleapis.com/oauth2/v3/certs"
"""Where Google publishes the keys its tokens are signed with."""


class PubSub(msgspec.Struct, frozen=True, kw_only=True):
    """The door's configuration: what a token must be meant for and whose it must be, and where the keys lie."""

    audience: str
    service_account: str
    keys_url: str = GOOGLE_KEYS


class PubSubDoor:
    """Verifies the token of a push; the body itself is not signed."""

    def __init__(self, config: PubSub, keys: KeySet, clock: Clock) -> None:
        self._config = config
        self._keys = keys
        self._clock = clock

    def require_token(self, token: str) -> None:
        """Refuse a token that is not this service account's, for us and for now.

        Raises:
            ProblemError: 401; 429 while the issuer's keys are fetched.
        """
        claims = _claims(token, self._keys)
        if not (self._is_meant(claims) and _is_valid_at(self._clock.now() / 1000, claims)):
            raise unproven("The token is not for this door, or not valid now.")

    def _is_meant(self, claims: _Claims) -> bool:
        return (
            claims.iss == ISSUER
            and is_same(claims.aud, self._config.audience)
            and is_same(claims.email, self._config.service_account)
            and claims.email_verified
        )


class _Claims(msgspec.Struct):
    """What a token has to say; one that does not say all of it, in these types, is none."""

    iss: str
    aud: str
    email: str
    email_verified: bool
    exp: int
    iat: int


def _is_valid_at(now: float, claims: _Claims) -> bool:
    return claims.iat - LEEWAY_SECONDS <= now < claims.exp + LEEWAY_SECONDS


def _claims(token: str, keys: KeySet) -> _Claims:
    """Return what a token says, once its signature holds: RS256 by one of the issuer's keys, nothing else."""
    try:
        header = jwt.get_unverified_header(token) if token.isascii() else {}
        if header.get("alg") != "RS256":
            raise unproven("The token is missing, or not signed as it should be.")
        key = keys.key_of(str(header.get("kid")))
        if key is None:
            raise unproven("The token is signed with a key its issuer does not publish.")
        # Times are judged by our own clock afterwards: the library would ask the machine's.
        payload = jwt.api_jws.decode(token, key, algorithms=["RS256"])
        return msgspec.json.decode(payload, type=_Claims)
    except (jwt.PyJWTError, msgspec.DecodeError, ValueError, RecursionError):
        raise unproven("The token cannot be verified.") from None


class _Message(msgspec.Struct):
    data: bytes = b""


class _Push(msgspec.Struct):
    message: _Message


def read_push(body: bytes) -> Delivery:
    """Read the one message of a push; `Unreadable` where there is none."""
    try:
        push = msgspec.json.decode(body, type=_Push)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unreadable(body=body, problem="it is no push message")
    if not push.message.data:
        return Unreadable(body=body, problem="a push message without data")
    return read_notifications(push.message.data)
