"""The one table with personal data: bodies of orders, sealed with the storage key (AES-256-GCM, law L9).

The order's id and the body's kind are bound into the seal, so a row cannot be moved to another order unnoticed.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sqlite3

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from actors.domain.time import Instant

_NONCE_BYTES = 12
_DIGESTS = b"tallyd: digests of texts about people"
_DIGEST_FIGURES = 16


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A sealed body, and what it is of."""

    kind: str
    version: int
    stored_at: Instant
    sealed: bytes


class Sealer:
    """Seals and opens bodies with one 32-byte key; names texts by digests that say nothing without it."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)
        # A key of its own, so that no digest says anything of the key that seals.
        self._digests = hmac.digest(key, _DIGESTS, hashlib.sha256)

    def digest(self, text: str) -> str:
        """Name a text by 16 hex figures: the same for the same text, and without the key nobody can try texts out."""
        return hmac.digest(self._digests, text.encode(), hashlib.sha256).hex()[:_DIGEST_FIGURES]

    def seal(self, plain: bytes, *, order_id: str, kind: str) -> bytes:
        """Return nonce and ciphertext."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, f"{order_id}|{kind}".encode())

    def open(self, sealed: bytes, *, order_id: str, kind: str) -> bytes:
        """Return the plain body. Raises `cryptography.exceptions.InvalidTag` for another key, order or kind."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return self._cipher.decrypt(nonce, ciphertext, f"{order_id}|{kind}".encode())


def put(connection: sqlite3.Connection, order_id: str, kind: str, *, version: int, sealed: bytes, now: Instant) -> None:
    """Keep the newest body of a kind."""
    connection.execute(
        "INSERT INTO bodies (order_id, kind, version, stored_at, sealed) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (order_id, kind) DO UPDATE SET version = excluded.version, stored_at = excluded.stored_at,"
        " sealed = excluded.sealed WHERE excluded.version >= version",
        (order_id, kind, version, now, sealed),
    )


def get(connection: sqlite3.Connection, order_id: str, kind: str) -> bytes | None:
    """Return a sealed body."""
    row = connection.execute("SELECT sealed FROM bodies WHERE order_id = ? AND kind = ?", (order_id, kind)).fetchone()
    return None if row is None else bytes(row[0])


def of_order(connection: sqlite3.Connection, order_id: str) -> list[Body]:
    """Return every sealed body of an order, the oldest first."""
    rows = connection.execute(
        "SELECT kind, version, stored_at, sealed FROM bodies WHERE order_id = ? ORDER BY stored_at, kind", (order_id,)
    )
    return [Body(kind=row[0], version=row[1], stored_at=row[2], sealed=bytes(row[3])) for row in rows]


def erase(connection: sqlite3.Connection, order_id: str) -> int:
    """Delete what is known of the people of an order."""
    return connection.execute("DELETE FROM bodies WHERE order_id = ?", (order_id,)).rowcount


def drop(connection: sqlite3.Connection, order_id: str, kind: str) -> None:
    """Delete one body nobody needs any more."""
    connection.execute("DELETE FROM bodies WHERE order_id = ? AND kind = ?", (order_id, kind))


def expire(connection: sqlite3.Connection, *, before: Instant) -> int:
    """Delete bodies older than the retention."""
    return connection.execute("DELETE FROM bodies WHERE stored_at < ?", (before,)).rowcount
