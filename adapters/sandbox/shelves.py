"""The shop's inventory entries: orders take units off them, carts hold units back, people and programs write them.

An ordered unit leaves `quantityOnStock` only after a lag; one that a cart reserves is missing from `availableQuantity`
alone (commercetools fact sheet §4.3). Every change has a version of its own; only a write says who made it.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from adapters.sandbox.orders import Wire, instant_text

Author = dict[str, object]
"""Who wrote, as `lastModifiedBy` shows it."""


def program(client_id: str) -> Author:
    """Name a program by its API client."""
    return {"isPlatformClient": False, "clientId": client_id}


def staff(user_id: str) -> Author:
    """Name a person who works in the shop's own screens."""
    return {"isPlatformClient": True, "user": {"typeId": "user", "id": user_id}}


class EntryWrite(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wrote `quantityOnStock`. `waiting`: units of orders placed by then that had not left it yet."""

    at: int
    entry_id: str
    sku: str
    channel_id: str | None
    before: int
    after: int
    waiting: int
    author: Author


class _Deduction(msgspec.Struct, frozen=True):
    """Units of an order that have not left their entry yet; `held` of them a cart had reserved."""

    due: int
    entry_id: str
    quantity: int
    held: int


class Shelves:
    """All entries of a project, by id. Documents are replaced, never edited."""

    def __init__(self, *, now: Callable[[], int], next_version: Callable[[int], int]) -> None:
        self.entries: dict[str, Wire] = {}
        self.on_written: Callable[[EntryWrite], None] = lambda write: None
        self._now = now
        self._next_version = next_version
        self._places: dict[tuple[str, str | None], str] = {}
        self._keys: set[str] = set()
        self._deductions: list[_Deduction] = []
        self._in_carts: dict[str, int] = {}

    def put(self, entry: Wire) -> None:
        """Set up an entry as it is."""
        self.entries[entry["id"]] = entry
        self._places[place_of(entry)] = entry["id"]
        self._keys.add(entry.get("key", ""))

    def remove(self, entry_id: str) -> None:
        """Take an entry away, with all that waits for it."""
        entry = self.entries.pop(entry_id)
        del self._places[place_of(entry)]
        self._keys.discard(entry.get("key", ""))
        self._deductions = [waiting for waiting in self._deductions if waiting.entry_id != entry_id]
        self._in_carts.pop(entry_id, None)

    def at(self, sku: str, channel_id: str | None) -> str | None:
        """Return the id of the entry of a SKU on a channel, or without one."""
        return self._places.get((sku, channel_id))

    def has_key(self, key: str) -> bool:
        """Say whether an entry of this key exists."""
        return key in self._keys

    # What customers do.

    def in_carts(self, entry_id: str) -> int:
        """Return the units that carts reserve."""
        return self._in_carts.get(entry_id, 0)

    def waiting(self, entry_id: str) -> int:
        """Return the units of placed orders that have not left the entry yet."""
        return sum(waiting.quantity for waiting in self._deductions if waiting.entry_id == entry_id)

    def free(self, entry_id: str) -> int:
        """Return what may still be ordered."""
        return int(self.entries[entry_id]["quantityOnStock"]) - self.in_carts(entry_id) - self.waiting(entry_id)

    def hold(self, entry_id: str, quantity: int) -> None:
        """Reserve units for a cart; a negative quantity lets them go."""
        self._in_carts[entry_id] = self.in_carts(entry_id) + quantity
        self._renew(self.entries[entry_id], self._now())

    def take(self, entry_id: str, quantity: int, *, held: int, due: int) -> None:
        """Let units of an order leave at an instant; `held` of them were reserved by its cart."""
        self._deductions.append(_Deduction(due, entry_id, quantity, held))
        if held:
            self._in_carts[entry_id] -= held

    def settle(self) -> None:
        """Let the deductions that have come due take effect, each at its own instant."""
        now = self._now()
        due = sorted((waiting for waiting in self._deductions if waiting.due <= now), key=lambda waiting: waiting.due)
        if not due:
            return
        self._deductions = [waiting for waiting in self._deductions if waiting.due > now]
        for deduction in due:
            entry = self.entries[deduction.entry_id]
            left = entry["quantityOnStock"] - deduction.quantity
            self._renew({**entry, "quantityOnStock": left}, deduction.due)

    # What people and programs do.

    def write(self, changed: Wire, author: Author) -> Wire:
        """Replace an entry by what somebody made of it, under its next version."""
        before = int(self.entries[changed["id"]]["quantityOnStock"])
        entry = self._renew({**changed, "lastModifiedBy": author}, self._now())
        if entry["quantityOnStock"] != before:
            sku, channel_id = place_of(entry)
            write = EntryWrite(
                at=self._now(),
                entry_id=entry["id"],
                sku=sku,
                channel_id=channel_id,
                before=before,
                after=entry["quantityOnStock"],
                waiting=self.waiting(entry["id"]),
                author=author,
            )
            self.on_written(write)
        return entry

    def _renew(self, entry: Wire, at: int) -> Wire:
        """Give an entry its next version. What carts hold, or held for orders still to land, is not available."""
        held = sum(waiting.held for waiting in self._deductions if waiting.entry_id == entry["id"])
        renewed = {
            **entry,
            "availableQuantity": entry["quantityOnStock"] - self.in_carts(entry["id"]) - held,
            "version": self._next_version(entry["version"]),
            "lastModifiedAt": instant_text(at),
        }
        self.entries[entry["id"]] = renewed
        return renewed


def place_of(entry: Wire) -> tuple[str, str | None]:
    """Return the SKU of an entry, and its channel's id."""
    return entry["sku"], entry.get("supplyChannel", {}).get("id")
