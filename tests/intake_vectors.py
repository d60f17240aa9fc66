"""What clouds send, signed once by keys that were thrown away: `tests/vectors/intake.json`.

`python -m tests.intake_vectors` makes the file anew, with new keys. All of it is as of `NOW`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID
from jwt.algorithms import RSAAlgorithm

from actors.domain.time import format_instant

FILE = Path(__file__).parent / "vectors" / "intake.json"

NOW = 1_800_000_000_000
TOPIC = "arn:aws:sns:eu-west-1:123456789012:tallyd-orders"
CHINA = "arn:aws-cn:sns:cn-north-1:123456789012:tallyd-orders"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
CHINA_URL = "https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-0123456789abcdef.pem"
SUBSCRIBE_URL = f"https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t0k3n"
AUDIENCE = "https://hooks.example.com/intake/commercetools/pubsub"
ACCOUNT = "push@acme.iam.gserviceaccount.com"
KID = "key-1"
MESSAGE = json.dumps(
    {
        "notificationType": "Message",
        "projectKey": "acme",
        "id": "m-1",
        "version": 1,
        "sequenceNumber": 2,
        "resource": {"typeId": "order", "id": "order-1"},
        "resourceVersion": 4,
        "resourceUserProvidedIdentifiers": {"orderNumber": "ORD-1001"},
        "type": "OrderStateChanged",
        "createdAt": "2027-01-15T08:00:00.000Z",
    }
)


class Vectors(msgspec.Struct, kw_only=True):
    """The file. `sns` and `tokens` are by what is special about them; certificates are PEM."""

    certificate: str
    certificate_expired: str
    certificate_other: str
    jwks: dict[str, Any]
    sns: dict[str, str]
    tokens: dict[str, str]


def read() -> Vectors:
    return msgspec.json.decode(FILE.read_bytes(), type=Vectors)


def certificate(key: RSAPrivateKey, begins: int, ends: int) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(at(begins))
        .not_valid_after(at(ends))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def at(days: int) -> datetime:
    return datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(days=days)


def sns(key: RSAPrivateKey, *, version: str = "2", age: float = 5.0, **changes: str) -> str:
    """Write a message of SNS, signed as its documentation says."""
    fields = {
        "Type": "Notification",
        "MessageId": "7f4f7a5e-0000-4000-8000-000000000001",
        "TopicArn": TOPIC,
        "Message": MESSAGE,
        "Timestamp": format_instant(NOW - round(age * 1000)),
        "SigningCertURL": CERTIFICATE_URL,
    } | changes
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    signed = "".join(f"{name}\n{fields[name]}\n" for name in names if name in fields).encode()
    algorithm: hashes.HashAlgorithm = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303
    signature = base64.b64encode(key.sign(signed, PKCS1v15(), algorithm)).decode()
    return json.dumps({**fields, "SignatureVersion": version, "Signature": signature})


def handshake(key: RSAPrivateKey, kind: str, *, version: str = "2", url: str = SUBSCRIBE_URL) -> str:
    return sns(key, version=version, Type=kind, Token="t0k3n", Message="You have chosen …", SubscribeURL=url)


def sns_messages(key: RSAPrivateKey, other: RSAPrivateKey) -> dict[str, str]:
    return {
        "version 1": sns(key, version="1"),
        "version 2": sns(key),
        "with a subject": sns(key, Subject="Orders"),
        "as old as SNS sends": sns(key, age=3_890),
        "china": sns(key, TopicArn=CHINA, SigningCertURL=CHINA_URL),
        "unreadable": sns(key, Message="Jane Doe"),
        "confirmation": handshake(key, "SubscriptionConfirmation"),
        "confirmation version 1": handshake(key, "SubscriptionConfirmation", version="1"),
        "confirmation elsewhere": handshake(
            key, "SubscriptionConfirmation", url="https://sns.eu-west-1.amazonaws.com.evil.test/"
        ),
        "confirmation in clear": handshake(key, "SubscriptionConfirmation", url=SUBSCRIBE_URL.replace("https", "http")),
        "goodbye": handshake(key, "UnsubscribeConfirmation"),
        "other key": sns(other),
        "other topic": sns(key, TopicArn=TOPIC + "-2"),
        "old": sns(key, age=3_910),
        "future": sns(key, age=-310),
        "no time": sns(key, Timestamp="yesterday"),
        "unknown type": sns(key, Type="Greeting"),
    }


def token(key: RSAPrivateKey, *, algorithm: str = "RS256", kid: str = KID, **changes: Any) -> str:
    claims = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "azp": "1234",
        "sub": "1234",
        "email": ACCOUNT,
        "email_verified": True,
        "iat": NOW // 1000 - 60,
        "exp": NOW // 1000 + 3540,
    } | changes
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(kept, key, algorithm=algorithm, headers={"kid": kid})


def by_hand(header: dict[str, str], like: str, secret: bytes | None) -> str:
    """Write a token no library would: the claims of another, unsigned, or signed with a public key as the secret."""
    written = base64.urlsafe_b64encode(json.dumps({"typ": "JWT", "kid": KID} | header).encode()).rstrip(b"=").decode()
    signing = f"{written}.{like.split('.')[1]}"
    digest = hmac.new(secret, signing.encode(), hashlib.sha256).digest() if secret is not None else b""
    return f"{signing}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def tokens(key: RSAPrivateKey, other: RSAPrivateKey) -> dict[str, str]:
    good = token(key)
    pem = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {
        "good": good,
        "just expired": token(key, exp=NOW // 1000 - 30),
        "wrong key": token(other),
        "unknown key": token(other, kid="key-9"),
        "wrong audience": token(key, aud=AUDIENCE + "/"),
        "several audiences": token(key, aud=[AUDIENCE, "x"]),
        "wrong account": token(key, email="somebody@acme.iam.gserviceaccount.com"),
        "account not verified": token(key, email_verified=False),
        "account verified in words": token(key, email_verified="true"),
        "wrong issuer": token(key, iss="https://accounts.google.com.evil.test"),
        "expired": token(key, iat=NOW // 1000 - 7200, exp=NOW // 1000 - 3600),
        "of the future": token(key, iat=NOW // 1000 + 300, exp=NOW // 1000 + 3900),
        "without expiry": token(key, exp=None),
        "without account": token(key, email=None),
        "other algorithm": token(key, algorithm="RS512"),
        "algorithm none": by_hand({"alg": "none"}, good, None),
        "public key as secret": by_hand({"alg": "HS256"}, good, pem),
        "tampered": good[: good.rindex(".") - 4] + "AAAA" + good[good.rindex(".") :],
    }


def made() -> Vectors:
    key, other, google = (generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3))
    jwk = RSAAlgorithm.to_jwk(google.public_key(), as_dict=True) | {"kid": KID, "use": "sig", "alg": "RS256"}
    return Vectors(
        certificate=certificate(key, -300, 300),
        certificate_expired=certificate(key, -300, -1),
        certificate_other=certificate(other, -300, 300),
        jwks={"keys": [jwk]},
        sns=sns_messages(key, other),
        tokens=tokens(google, other),
    )


if __name__ == "__main__":
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(made()), indent=1) + b"\n")
