"""The public keys that signatures are verified with: fetched beside the requests, kept, and asked for sparingly.

A key that is not here is asked for in the background, and the sender to come again: what an event waits for is never
somebody else's server. Senders without a proof can make us ask as well; so few things are asked for at once, what could
not be had is left alone for a while, and what is kept is bounded.
"""

from __future__ import annotations

from typing import Any

import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import RSAAlgorithm

from actors.domain.time import Clock, Instant
from adapters.intake.errands import Errands
from adapters.operator.problems import ProblemError
from adapters.transport import AnswerLostError, NotSentError, Request, Transport

RETRY_SECONDS = 5
FETCH_SECONDS = 10.0
LEFT_ALONE_SECONDS = 60.0
REFRESH_SECONDS = 3600.0

_MOST_KEPT = 64
_MOST_ASKED_FOR = 4
_LARGEST = 256 * 1024
_LEAST_BITS = 2048
_OK = 200


def not_here_yet() -> ProblemError:
    """Ask a sender to come again while a key is fetched."""
    return ProblemError(
        429, "The key that verifies this is being fetched.", headers={"Retry-After": str(RETRY_SECONDS)}
    )


async def fetched(fetch: Transport, url: str) -> bytes | None:
    """Return what a server publishes; None where it cannot be had."""
    try:
        answer = await fetch.send(Request(method="GET", url=url, timeout_seconds=FETCH_SECONDS))
    except (NotSentError, AnswerLostError):
        return None
    return answer.body if answer.status == _OK and len(answer.body) <= _LARGEST else None


class Certificates:
    """Certificates by address. Whoever asks has judged the address: it is fetched as it is."""

    def __init__(self, fetch: Transport, clock: Clock, errands: Errands) -> None:
        self._fetch = fetch
        self._clock = clock
        self._errands = errands
        self._kept: dict[str, x509.Certificate] = {}
        self._asked: dict[str, float] = {}
        self._under_way = 0

    def key_at(self, url: str) -> RSAPublicKey:
        """Return the key of the certificate at an address.

        Raises:
            ProblemError: 429 while it is being fetched or cannot be had; 403 where it is no valid certificate now.
        """
        certificate = self._kept.get(url)
        if certificate is None:
            self._ask(url)
            raise not_here_yet()
        key = certificate.public_key()
        if not _holds(certificate, self._clock.now()) or not isinstance(key, RSAPublicKey):
            del self._kept[url]  # there may be a new one in its place
            raise ProblemError(403, "The signing certificate is not valid now.")
        return key

    def _ask(self, url: str) -> None:
        now = self._clock.monotonic()
        self._asked = {known: at for known, at in self._asked.items() if now - at < LEFT_ALONE_SECONDS}
        if url in self._asked or self._under_way >= _MOST_ASKED_FOR or len(self._asked) >= _MOST_KEPT:
            return
        self._asked[url] = now
        self._under_way += 1
        self._errands.start(self._bring(url))

    async def _bring(self, url: str) -> None:
        try:
            certificate = _certificate(await fetched(self._fetch, url))
        finally:
            self._under_way -= 1
        if certificate is None:
            return
        while len(self._kept) >= _MOST_KEPT:
            self._kept.pop(next(iter(self._kept)))
        self._kept[url] = certificate


def _certificate(body: bytes | None) -> x509.Certificate | None:
    if body is None:
        return None
    try:
        return x509.load_pem_x509_certificate(body)
    except ValueError:
        return None


def _holds(certificate: x509.Certificate, now: Instant) -> bool:
    begins, ends = certificate.not_valid_before_utc.timestamp(), certificate.not_valid_after_utc.timestamp()
    return begins * 1000 <= now <= ends * 1000


class KeySet:
    """The keys one issuer publishes (JWKS), by their `kid`."""

    def __init__(self, url: str, fetch: Transport, clock: Clock, errands: Errands) -> None:
        self._url = url
        self._fetch = fetch
        self._clock = clock
        self._errands = errands
        self._kept: dict[str, RSAPublicKey] = {}
        self._asked_at: float | None = None
        self._under_way = False
        self._brought = False

    def key_of(self, kid: str) -> RSAPublicKey | None:
        """Return the key with this id; None where the issuer, asked within the last minute, has none.

        Raises:
            ProblemError: 429 while the keys are being fetched or cannot be had.
        """
        key = self._kept.get(kid)
        if key is not None:
            return key
        asked = self._asked_at
        if asked is None or self._clock.monotonic() - asked >= LEFT_ALONE_SECONDS:
            self.ask()
        if self._under_way or not self._brought:
            raise not_here_yet()
        return None

    def ask(self) -> None:
        """Fetch the keys in the background, unless that is being done."""
        if self._under_way:
            return
        self._under_way = True
        self._asked_at = self._clock.monotonic()
        self._errands.start(self._bring())

    async def refresh_forever(self) -> None:
        """Fetch the keys now and every hour, and sooner after a failure."""
        while True:
            self.ask()
            await self._clock.sleep(LEFT_ALONE_SECONDS)
            if self._brought:
                await self._clock.sleep(REFRESH_SECONDS - LEFT_ALONE_SECONDS)

    async def _bring(self) -> None:
        try:
            keys = _keys(await fetched(self._fetch, self._url))
        finally:
            self._under_way = False
        self._brought = bool(keys)
        if keys:
            self._kept = keys


class _Jwks(msgspec.Struct):
    keys: list[dict[str, Any]]


def _keys(body: bytes | None) -> dict[str, RSAPublicKey]:
    """Read the RSA keys meant for signatures; nothing where it is no key set."""
    try:
        rows = msgspec.json.decode(body or b"", type=_Jwks).keys
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {str(row["kid"]): key for row in rows if "kid" in row and (key := _rsa(row)) is not None}


def _rsa(row: dict[str, Any]) -> RSAPublicKey | None:
    if row.get("use", "sig") != "sig":
        return None
    try:
        key = RSAAlgorithm.from_jwk(row)
    except (jwt.InvalidKeyError, ValueError, TypeError):
        return None
    return key if isinstance(key, RSAPublicKey) and key.key_size >= _LEAST_BITS else None
