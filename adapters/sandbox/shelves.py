"""The shop's inventory entries: orders take units off them, carts hold units back, people and programs write them.

An ordered unit leaves `quantityOnStock` only after a lag; one that a cart reserves is missing from `availableQuantity`
alone (commercetools fact sheet §4.3). Every change has a version of its own; only a write says who made it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import msgspec

from adapters.sandbox.announcements import Announcer
from adapters.sandbox.carts import PricedCart
from adapters.sandbox.orders import Wire, instant_text, reference
from adapters.sandbox.refusals import PlacementRefused

OPENED_AT = "2026-01-05T09:00:00.000Z"
"""When the shop was set up."""

STAFF = "shop-staff"
"""The user who changes entries by hand."""

_DEDUCTING_MODES = ("TrackOnly", "ReserveOnOrder", "ReserveOnCart")

Author = dict[str, object]
"""Who wrote, as `lastModifiedBy` shows it."""


def program(client_id: str) -> Author:
    """Name a program by its API client."""
    return {"isPlatformClient": False, "clientId": client_id}


def staff(user_id: str) -> Author:
    """Name a person who works in the shop's own screens."""
    return {"isPlatformClient": True, "user": {"typeId": "user", "id": user_id}}


class EntryWrite(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody wrote `quantityOnStock`; `before` is None for a new entry.

    `waiting`: units of orders placed by then that had not left it yet.
    """

    at: int
    entry_id: str
    sku: str
    channel_id: str | None
    before: int | None
    after: int
    waiting: int
    author: Author


class _Deduction(msgspec.Struct, frozen=True):
    """Units of an order that have not left their entry yet; `held` of them a cart had reserved."""

    due: int
    entry_id: str
    quantity: int
    held: int = 0


class Shelves(ABC):
    """All entries of a project; `inventory` has the documents by id, which are replaced and never edited."""

    def __init__(self, news: Announcer) -> None:
        self.news = news
        self.inventory: dict[str, Wire] = {}
        self.on_entry_written: Callable[[EntryWrite], None] = lambda write: None
        self._entries: dict[tuple[str, str | None], str] = {}
        self._entry_keys: set[str] = set()
        self._deductions: list[_Deduction] = []
        self._in_carts: dict[str, int] = {}

    @abstractmethod
    def new_id(self) -> str:
        """Return a new id."""

    @abstractmethod
    def now(self) -> int:
        """Return the instant of a change, in milliseconds."""

    @abstractmethod
    def next_version(self, version: int) -> int:
        """Return the version after a change."""

    @abstractmethod
    def channel_ids(self) -> dict[str, str]:
        """Return channel ids by key."""

    # What staff and programs do.

    def add_inventory(self, sku: str, quantity: int, *, channel: str | None = None) -> str:
        """Open an inventory entry for a SKU (of a supply channel); return its id.

        Raises:
            PlacementRefused: there is one already.
        """
        if self._entry_id(sku, channel) is not None:
            raise PlacementRefused(f"{sku}: duplicate inventory entry")
        key = sku if channel is None else f"{sku}--{channel}"
        fields: Wire = {"key": key, "sku": sku, "quantityOnStock": quantity, "availableQuantity": quantity}
        if channel is not None:
            fields["supplyChannel"] = reference("channel", self.channel_ids()[channel])
        return str(self._shelve(fields, at=OPENED_AT)["id"])

    def remove_inventory(self, sku: str, channel: str | None = None) -> None:
        """Delete an entry. Raises KeyError."""
        self.settle()
        entry = self.inventory.pop(self._entry_of(sku, channel))
        del self._entries[_place_of(entry)]
        self._entry_keys.discard(entry.get("key", ""))
        self._in_carts.pop(entry["id"], None)
        self._deductions = [waiting for waiting in self._deductions if waiting.entry_id != entry["id"]]

    def set_stock(self, sku: str, quantity: int, channel: str | None = None) -> None:
        """Let a person set an entry by hand. Raises KeyError."""
        self.settle()
        entry = self.inventory[self._entry_of(sku, channel)]
        self.write_entry({**entry, "quantityOnStock": quantity}, staff(STAFF))

    def give_back(self, sku: str, quantity: int, channel: str | None = None, *, client_id: str = "shop-script") -> None:
        """Let another program put units back, as a script of the shop's does after a cancellation. Raises KeyError."""
        self.settle()
        entry = self.inventory[self._entry_of(sku, channel)]
        self.write_entry({**entry, "quantityOnStock": entry["quantityOnStock"] + quantity}, program(client_id))

    def create_entry(self, fields: Wire, author: Author) -> Wire:
        """Open an entry as somebody drafted it; return it."""
        authored = {**fields, "createdBy": author, "lastModifiedBy": author}
        entry = self._shelve(authored, at=instant_text(self.now()))
        self.news.message("inventory-entry", entry, "InventoryEntryCreated", inventoryEntry=entry)
        self._tell_written(None, entry, author)
        return entry

    def write_entry(self, changed: Wire, author: Author) -> Wire:
        """Keep an entry as somebody changed it, under its next version, and tell of another quantity; return it."""
        before = self.inventory[changed["id"]]
        entry = self._renew({**changed, "lastModifiedBy": author}, self.now())
        if entry["quantityOnStock"] != before["quantityOnStock"]:
            self.news.message("inventory-entry", entry, "InventoryEntryQuantitySet", **_quantities(before, entry))
            self._tell_written(before["quantityOnStock"], entry, author)
        return entry

    def _tell_written(self, before: int | None, entry: Wire, author: Author) -> None:
        sku, channel_id = _place_of(entry)
        write = EntryWrite(
            at=self.now(),
            entry_id=entry["id"],
            sku=sku,
            channel_id=channel_id,
            before=before,
            after=entry["quantityOnStock"],
            waiting=self._waiting(entry["id"]),
            author=author,
        )
        self.on_entry_written(write)

    # What customers do.

    def reserve_in_cart(self, sku: str, quantity: int, channel: str | None = None) -> None:
        """Put units into a cart that reserves them (ReserveOnCart); a negative quantity lets them go.

        Raises:
            PlacementRefused: so many are not available.
            KeyError: no such entry.
        """
        self.settle()
        entry_id = self._entry_of(sku, channel)
        if quantity > self._free(entry_id):
            raise PlacementRefused(f"{sku}: out of stock")
        self._in_carts[entry_id] = self._in_carts.get(entry_id, 0) + quantity
        self._renew(self.inventory[entry_id], self.now())

    def _reserve(self, cart: PricedCart, lag: Callable[[], int]) -> None:
        """Check every line first, then let its units go: an order is refused whole."""
        self.settle()
        taken: dict[str, int] = {}
        held: dict[str, int] = {}
        for line in cart.lines:
            sku, mode = line.draft.sku, line.draft.inventory_mode or cart.draft.inventory_mode
            if mode not in _DEDUCTING_MODES:
                continue
            entry_id = self._entry_id(sku, line.draft.supply_channel)
            if entry_id is None:
                raise PlacementRefused(f"{sku}: out of stock (no inventory entry)")
            taken[entry_id] = taken.get(entry_id, 0) + line.draft.quantity
            if mode == "ReserveOnCart":
                known, in_carts = held.get(entry_id, 0), self._in_carts.get(entry_id, 0)
                held[entry_id] = min(known + line.draft.quantity, in_carts)
            short = taken[entry_id] - held.get(entry_id, 0) > self._free(entry_id)
            if mode != "TrackOnly" and short and "restockableInDays" not in self.inventory[entry_id]:
                raise PlacementRefused(f"{sku}: out of stock")
        due = self.now() + lag()
        for entry_id, quantity in taken.items():
            from_carts = held.get(entry_id, 0)
            self._deductions.append(_Deduction(due, entry_id, quantity, from_carts))
            if from_carts:
                self._in_carts[entry_id] -= from_carts

    def settle(self) -> None:
        """Let the deductions that have come due take effect, each at its own instant."""
        now = self.now()
        due = sorted((waiting for waiting in self._deductions if waiting.due <= now), key=lambda waiting: waiting.due)
        if not due:
            return
        self._deductions = [waiting for waiting in self._deductions if waiting.due > now]
        for deduction in due:
            entry = self.inventory[deduction.entry_id]
            left = entry["quantityOnStock"] - deduction.quantity
            self._renew({**entry, "quantityOnStock": left}, deduction.due)

    # What the books say.

    def stock(self, sku: str, channel: str | None = None) -> int:
        """Return `quantityOnStock` as it is now. Raises KeyError."""
        self.settle()
        return int(self.inventory[self._entry_of(sku, channel)]["quantityOnStock"])

    def still_to_land(self, sku: str, channel: str | None = None) -> int:
        """Return the units of placed orders that have not left the entry yet. Raises KeyError."""
        self.settle()
        return self._waiting(self._entry_of(sku, channel))

    def entry_exists(self, sku: str, channel_id: str | None) -> bool:
        """Say whether a SKU has an entry on a channel, or without one."""
        return (sku, channel_id) in self._entries

    def entry_key_is_taken(self, key: str) -> bool:
        """Say whether an entry of this key exists."""
        return key in self._entry_keys

    def _waiting(self, entry_id: str) -> int:
        return sum(waiting.quantity for waiting in self._deductions if waiting.entry_id == entry_id)

    def _free(self, entry_id: str) -> int:
        in_carts = self._in_carts.get(entry_id, 0)
        return int(self.inventory[entry_id]["quantityOnStock"]) - in_carts - self._waiting(entry_id)

    def _entry_id(self, sku: str, channel: str | None) -> str | None:
        if channel is None:
            return self._entries.get((sku, None))
        channel_id = self.channel_ids().get(channel)
        return None if channel_id is None else self._entries.get((sku, channel_id))

    def _entry_of(self, sku: str, channel: str | None) -> str:
        entry_id = self._entry_id(sku, channel)
        if entry_id is None:
            raise KeyError(f"{sku}/{channel}")
        return entry_id

    # What keeps them.

    def _shelve(self, fields: Wire, *, at: str) -> Wire:
        entry = {"id": self.new_id(), "version": 1, "createdAt": at, "lastModifiedAt": at, **fields}
        self._entries[_place_of(entry)] = entry["id"]
        self._entry_keys.add(entry.get("key", ""))
        self.inventory[entry["id"]] = entry
        return entry

    def _renew(self, entry: Wire, at: int) -> Wire:
        """Give an entry its next version. What carts hold, or held for orders still to land, is not available."""
        held = sum(waiting.held for waiting in self._deductions if waiting.entry_id == entry["id"])
        renewed = {
            **entry,
            "availableQuantity": entry["quantityOnStock"] - self._in_carts.get(entry["id"], 0) - held,
            "version": self.next_version(entry["version"]),
            "lastModifiedAt": instant_text(at),
        }
        self.inventory[entry["id"]] = renewed
        return renewed


def _place_of(entry: Wire) -> tuple[str, str | None]:
    return entry["sku"], entry.get("supplyChannel", {}).get("id")


def _quantities(before: Wire, after: Wire) -> Wire:
    where = {"supplyChannel": after["supplyChannel"]} if "supplyChannel" in after else {}
    return {
        "sku": after["sku"],
        **where,
        "oldQuantityOnStock": before["quantityOnStock"],
        "newQuantityOnStock": after["quantityOnStock"],
        "oldAvailableQuantity": before["availableQuantity"],
        "newAvailableQuantity": after["availableQuantity"],
    }
