"""Reading a body as Cin7 Core does: field by field, refusing the first that is wrong, ignoring what it knows not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from adapters.sandbox.cin7_wire import JsonObject, RefusedError, day_of, instant_of, plain

ZERO = Decimal(0)
_TOO_LARGE = Decimal(10) ** 15


class Fields:
    """One object of a body, read field by field. Unknown fields are ignored (fact sheet §1.4, measured)."""

    def __init__(self, row: object, where: str) -> None:
        if not isinstance(row, dict):
            raise RefusedError(f"{where} is not an object")
        self._row: JsonObject = row
        self.where = where

    def absent(self, name: str) -> bool:
        """True when the field is missing or null."""
        return self._row.get(name) is None

    def refused(self, name: str, why: str) -> RefusedError:
        """Make the error that names this field."""
        return RefusedError(f"{self.where}: attribute '{name}' {why}")

    def text(self, name: str, length: int, *, required: bool = False) -> str:
        """Read a string of a documented length; null and absence are the empty string."""
        value = self._row.get(name)
        if value is None or value == "":
            if required:
                raise self.refused(name, "is required")
            return ""
        if not isinstance(value, str):
            raise self.refused(name, "must be a string")
        if len(value) > length:
            raise self.refused(name, f"must not be longer than {length} characters")
        return value

    def number(self, name: str, places: int, *, required: bool = False) -> Decimal:
        """Read a number of at most so many decimal places; null and absence are zero."""
        value = self._row.get(name)
        if value is None:
            if required:
                raise self.refused(name, "is required")
            return ZERO
        if not isinstance(value, Decimal):
            raise self.refused(name, "must be a number")
        if abs(value) >= _TOO_LARGE:
            raise self.refused(name, "is too large")
        if plain(value) != plain(value).quantize(Decimal(1).scaleb(-places)):
            raise self.refused(name, f"must not have more than {places} decimal places")
        return value

    def flag(self, name: str) -> bool:
        """Read a boolean; null and absence are false."""
        value = self._row.get(name)
        if value is None:
            return False
        if not isinstance(value, bool):
            raise self.refused(name, "must be true or false")
        return value

    def day(self, name: str) -> date | None:
        """Read a document date; the time of day is dropped."""
        value = self.text(name, 40)
        if not value:
            return None
        try:
            return day_of(instant_of(value))
        except ValueError as error:
            raise self.refused(name, "is not a date") from error

    def part(self, name: str) -> Fields | None:
        """Read a nested object, or None."""
        value = self._row.get(name)
        return None if value is None else Fields(value, f"{self.where}.{name}")

    def raw(self, name: str) -> object:
        """Return the value as it was sent."""
        return self._row.get(name)
