"""Amazon SNS's door: whatever it brings is verified with the certificate of its own region's host (fact sheet §2.4).

Nothing but the signature proves the sender, so the body is read first; until it holds, nothing of it is believed except
where the certificate lies, and that only within the host of a configured topic's region.
"""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15

from actors.domain.time import Clock, parse_instant
from adapters.intake.errands import Errands
from adapters.intake.keys import FETCH_SECONDS, RETRY_SECONDS, Certificates
from adapters.operator.problems import ProblemError
from adapters.transport import AnswerLostError, NotSentError, Request, Transport

OLDEST_SECONDS = 3_900
"""SNS gives up after 3,600 seconds; what is older was kept by somebody to be told again."""

NEWEST_SECONDS = 300

NOTIFICATION = "Notification"
CONFIRMATION = "SubscriptionConfirmation"
GOODBYE = "UnsubscribeConfirmation"

_HASHES: dict[str, hashes.HashAlgorithm] = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303 -- version 1 is SHA-1
_TOPIC = re.compile(r"arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{1,32}):\d{12}:[A-Za-z0-9_.-]{1,256}")
_CERTIFICATE = re.compile(r"/[A-Za-z0-9_.-]{1,128}\.pem")
_PLAIN = re.compile(r"[!-~]{1,2048}")


class Envelope(msgspec.Struct, rename="pascal"):
    """What SNS puts around a message; every field is text there."""

    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: str
    signature_version: str
    signature: str
    signing_cert_url: str = msgspec.field(name="SigningCertURL")
    subject: str | None = None
    token: str | None = None
    subscribe_url: str | None = msgspec.field(name="SubscribeURL", default=None)


class SnsDoor:
    """Verifies, and confirms subscriptions of the configured topics.

    `certificates` is for a local double only: the base address that certificates and confirmations must lie under
    instead of the hosts of AWS ("": those).
    """

    def __init__(
        self, topics: frozenset[str], *, fetch: Transport, clock: Clock, errands: Errands, certificates: str = ""
    ) -> None:
        self._topics = topics
        self._fetch = fetch
        self._clock = clock
        self._certificates = Certificates(fetch, clock, errands)
        self._base = certificates

    def verified(self, body: bytes) -> Envelope:
        """Return what SNS really sent.

        Raises:
            ProblemError: 400, it is no envelope; 403, it is not proven; 429, the certificate is being fetched.
        """
        envelope = _envelope(body)
        if envelope.topic_arn not in self._topics:
            raise ProblemError(403, "The topic is not one of those configured.")
        signed = _signed(envelope)
        algorithm = _HASHES.get(envelope.signature_version)
        if algorithm is None:
            raise ProblemError(403, "The signature's version is neither 1 nor 2.")
        self._require_timely(envelope.timestamp)
        self._require_place(envelope.signing_cert_url, envelope.topic_arn, _CERTIFICATE)
        key = self._certificates.key_at(envelope.signing_cert_url)
        try:
            key.verify(base64.b64decode(envelope.signature, validate=True), signed, PKCS1v15(), algorithm)
        except (InvalidSignature, binascii.Error, ValueError):
            raise ProblemError(403, "The signature is wrong.") from None
        return envelope

    async def confirm(self, envelope: Envelope) -> None:
        """Confirm a subscription whose envelope was verified: a handshake, no event, so it may wait for SNS.

        Raises:
            ProblemError: 403, the address is not SNS's; 429, it did not answer.
        """
        url = envelope.subscribe_url or ""
        self._require_place(url, envelope.topic_arn, None)
        try:
            answer = await self._fetch.send(Request(method="GET", url=url, timeout_seconds=FETCH_SECONDS))
        except (NotSentError, AnswerLostError):
            raise _not_confirmed() from None
        if answer.status != 200:
            raise _not_confirmed()

    def _require_timely(self, timestamp: str) -> None:
        try:
            age = (self._clock.now() - parse_instant(timestamp)) / 1000
        except (ValueError, OverflowError):
            raise ProblemError(403, "The timestamp is none.") from None
        if not -NEWEST_SECONDS <= age <= OLDEST_SECONDS:
            raise ProblemError(403, "The message is too old, or of the future.")

    def _require_place(self, url: str, topic: str, path: re.Pattern[str] | None) -> None:
        """Refuse an address that is not on the host that SNS has in the topic's region."""
        if self._base and url.startswith(self._base.rstrip("/") + "/"):
            return
        if self._base or not _is_at(url, host_of(topic), path):
            raise ProblemError(403, "An address in it is not one of SNS in the topic's region.")


def host_of(topic: str) -> str:
    """Return the host of SNS in a topic's region; "" where the topic is none.

    China's partition has a domain of its own.
    """
    found = _TOPIC.fullmatch(topic)
    if found is None:
        return ""
    return f"sns.{found.group(2)}.amazonaws.com{'.cn' if found.group(1) == 'aws-cn' else ''}"


def _is_at(url: str, host: str, path: re.Pattern[str] | None) -> bool:
    """Say whether an address is https on exactly this host, with nothing else in front of its path.

    With a pattern the path has to match it, and there is no query.
    """
    if not host or _PLAIN.fullmatch(url) is None or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme != "https" or parts.netloc != host or parts.fragment:
        return False
    return path is None or (path.fullmatch(parts.path) is not None and url == f"https://{host}{parts.path}")


def _envelope(body: bytes) -> Envelope:
    try:
        return msgspec.json.decode(body, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProblemError(400, "This is no message of SNS.") from None


def _signed(envelope: Envelope) -> bytes:
    """Return what is signed: name and value, each on a line, in the order of their names."""
    fields = {"Message": envelope.message, "MessageId": envelope.message_id}
    if envelope.type == NOTIFICATION:
        if envelope.subject is not None:
            fields["Subject"] = envelope.subject
    elif envelope.type in (CONFIRMATION, GOODBYE):
        fields |= {"SubscribeURL": envelope.subscribe_url or "", "Token": envelope.token or ""}
    else:
        raise ProblemError(400, "This is no message of SNS.")
    fields |= {"Timestamp": envelope.timestamp, "TopicArn": envelope.topic_arn, "Type": envelope.type}
    return "".join(f"{name}\n{fields[name]}\n" for name in sorted(fields)).encode()


def _not_confirmed() -> ProblemError:
    return ProblemError(429, "SNS did not confirm the subscription.", headers={"Retry-After": str(RETRY_SECONDS)})
