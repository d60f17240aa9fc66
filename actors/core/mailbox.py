"""A bounded queue of claimed nudges in front of an actor: it never blocks the sender and never grows.

A full mailbox leaves the row in the outbox, where it costs nothing; the bound is what keeps memory flat however much
waits.
"""

from __future__ import annotations

import anyio

from actors.messages import Envelope


class Mailbox:
    """At most `capacity` envelopes wait here."""

    def __init__(self, name: str, capacity: int) -> None:
        self.name = name
        self.capacity = capacity
        self.closed = False
        self._send, self._receive = anyio.create_memory_object_stream[Envelope](capacity)
        #: What the stream counted, until something goes in or out: the dispatcher asks of all mailboxes at each beat.
        self._counted: int | None = None

    @property
    def free(self) -> int:
        """How many envelopes still fit."""
        return self.capacity - self.waiting

    @property
    def waiting(self) -> int:
        """How many envelopes wait."""
        if self._counted is None:
            self._counted = self._send.statistics().current_buffer_used
        return self._counted

    def offer(self, envelope: Envelope) -> bool:
        """Put an envelope in; False when the mailbox is full or closed."""
        try:
            self._send.send_nowait(envelope)
        except (anyio.WouldBlock, anyio.ClosedResourceError, anyio.BrokenResourceError):
            return False
        self._counted = None
        return True

    async def take(self) -> Envelope | None:
        """Wait for the next envelope; None once the mailbox is closed and empty."""
        try:
            return await self._receive.receive()
        except anyio.EndOfStream:
            return None
        finally:
            self._counted = None

    def empty(self) -> list[Envelope]:
        """Take everything that waits, without waiting."""
        taken: list[Envelope] = []
        self._counted = None
        while True:
            try:
                taken.append(self._receive.receive_nowait())
            except (anyio.WouldBlock, anyio.EndOfStream):
                return taken

    def close(self) -> None:
        """Let nothing more in; what waits can still be taken."""
        self.closed = True
        self._send.close()

    def dispose(self) -> None:
        """Close both ends, for the end of the process."""
        self._send.close()
        self._receive.close()
