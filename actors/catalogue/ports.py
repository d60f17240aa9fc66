"""What the catalogue flow needs from Cin7 Core."""

from __future__ import annotations

from typing import Protocol

from actors.domain.facts import (
    Carrier,
    Company,
    Customer,
    ExchangeRate,
    LedgerAccount,
    Location,
    PaymentTerm,
    ProductPage,
    TaxRule,
)
from actors.domain.time import Instant

__all__ = ["AccountBook", "ProductPage", "RateFiles"]


class RateFiles(Protocol):
    """Files of exchange rates that a person or a job keeps."""

    async def read(self, path: str) -> str:
        """Return a file's text.

        Raises:
            OSError: it is not there or may not be read.
            ValueError: it is no text.
        """
        ...


class AccountBook(Protocol):
    """The account's reference data. Every call is governed, in the catalogue lane; lists are read to their end."""

    async def company(self) -> Company:
        """`GET /me`: also the proof that the credentials are good."""
        ...

    async def tax_rules(self) -> tuple[TaxRule, ...]:
        """Every tax rule, active or not."""
        ...

    async def locations(self) -> tuple[Location, ...]:
        """Every location, deprecated ones too."""
        ...

    async def payment_terms(self) -> tuple[PaymentTerm, ...]:
        """Every payment term."""
        ...

    async def accounts(self) -> tuple[LedgerAccount, ...]:
        """Every account of the books."""
        ...

    async def customers_named(self, name: str) -> tuple[Customer, ...]:
        """Customers whose name *starts with* this one (the filter's documented meaning)."""
        ...

    async def carriers(self) -> tuple[Carrier, ...]:
        """Every carrier."""
        ...

    async def latest_rates(self, currencies: frozenset[str], *, since: Instant) -> tuple[ExchangeRate, ...]:
        """Return, per currency, the rate of the newest sale made since then that tallyd did not make itself.

        A currency nobody sold in since then is left out.
        """
        ...

    async def products(self, *, page: int, modified_since: Instant | None) -> ProductPage:
        """One page of 1,000 products, deprecated ones too; all of them, or those changed since."""
        ...
