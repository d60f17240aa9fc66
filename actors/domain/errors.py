"""What can go wrong on a wire, named by what happens next (design §3, failure classes).

::

    WireError(reason, **facts)      reason: short stable code; facts: ids, statuses. Never a secret, never an address.
    ├─ Transient                    not executed, or a read: ask again later (counts an attempt)
    │  └─ Limited                   a limit answer: certainly not executed, and not an attempt
    ├─ InDoubt                      a write that may have taken effect: look before anything is asked again
    ├─ Conflict                     commercetools 409: somebody wrote in between; read again and decide again
    ├─ Missing                      the record asked for is not there (404)
    ├─ Rejected                     the other side understood and refused (400): needs data, or a bug
    └─ Unauthorised                 credentials or scopes: that side's calls stop until a person mends it
"""

from __future__ import annotations

from actors.domain.time import Instant

CONTRADICTION = "error under success"
"""Reason of an `InDoubt` whose answer was an error text under a success status: probably refused, perhaps executed."""


WORDS = {
    "credentials": "the credentials were refused",
    "insufficient_scope": "the scope for it is missing",
    "not_sent": "no connection could be made",
    "no_answer": "no complete answer came",
    "unavailable": "it says that it is unavailable",
    "malformed": "its answer could not be understood",
    "limited": "its limit is reached",
    "incomplete_list": "its list was not complete",
    "rejected": "it refused",
    "missing": "it has no such record",
    "duplicate": "it has one already",
}
"""Reasons in plain words; one that is not here is shown as it is."""

SIDES = {"cin7": "Cin7 Core", "commercetools": "commercetools"}


class WireError(Exception):
    """Something went wrong while speaking to one of the two systems."""

    def __init__(self, reason: str, *, side: str, operation: str, detail: str = "", status: int | None = None) -> None:
        super().__init__(f"{side} {operation}: {reason}" + (f" ({detail})" if detail else ""))
        self.reason = reason
        self.side = side
        self.operation = operation
        self.detail = detail
        self.status = status
        #: Row of the call log, when the failed call was a write: it certainly was not executed (see `InDoubt`).
        self.call_id: int | None = None

    def in_words(self) -> str:
        """Say for people what failed and why."""
        why = WORDS.get(self.reason, self.reason)
        said = f" ({self.detail})" if self.detail and self.detail != self.reason else ""
        return f"{SIDES.get(self.side, self.side)}, {self.operation.replace('_', ' ')}: {why}{said}"


class Transient(WireError):
    """Not executed, or a read without an answer. May be asked again later."""


class Limited(Transient):
    """A limit answer: not executed. `retry_after_seconds` is what the answer asked for (default 60)."""

    def __init__(self, *, side: str, operation: str, retry_after_seconds: float, status: int | None = None) -> None:
        super().__init__("limited", side=side, operation=operation, status=status)
        self.retry_after_seconds = retry_after_seconds


class InDoubt(WireError):
    """A write without a trustworthy answer. `until` is the last instant at which it may still be executed."""

    def __init__(
        self, reason: str, *, side: str, operation: str, until: Instant, detail: str = "", status: int | None = None
    ) -> None:
        super().__init__(reason, side=side, operation=operation, detail=detail, status=status)
        self.until = until


class Conflict(WireError):
    """The version sent is no longer the current one."""


class Missing(WireError):
    """The record asked for does not exist."""


class Rejected(WireError):
    """Understood and refused. `detail` holds the other side's words."""


class Unauthorised(WireError):
    """Wrong credentials or a missing scope."""
