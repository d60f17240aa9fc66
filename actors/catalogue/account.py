"""The account's small lists, read whole each time, with the files of exchange rates and the rates Cin7 itself used.

The rates that stand on Cin7's own sales are asked for once an hour, for Cin7 has no list of them.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, date

import msgspec

from actors.catalogue.ports import AccountBook, RateFiles
from actors.catalogue.rules import company_findings, contradictions, settings_changed
from actors.catalogue.waking import wake
from actors.core.actor import Done, Surroundings, clear_connection
from actors.core.rules_in_force import InForce, Ruled
from actors.domain.exception_types import Finding
from actors.domain.facts import Company, Customer, ExchangeRate, Fact, FactKind
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.rates import CIN7_LAST, FILE, file_path, parse_rates, unreadable_file
from actors.domain.time import Instant, date_in_zone
from actors.messages import Flow, Nudge
from storage import cursors, exceptions, facts, flows
from storage.cursors import Cursor

RATES = "rates"
LISTS = "lists"
"""The cursor that says when the lists were read, and for which configuration."""

DAY = 86_400_000
RATES_EVERY = 3_600_000
RATES_BACK = 30
"""Days of sales that are searched for a rate where the configuration bounds no rate's age."""


class Account(Ruled[PostingRules]):
    """Reads everything of the account but its products."""

    def __init__(
        self, surroundings: Surroundings, *, account: AccountBook, posting: InForce[PostingRules], rate_files: RateFiles
    ) -> None:
        self.around = surroundings
        self.account = account
        super().__init__(posting)
        self.rate_files = rate_files
        #: Digest of each rates file as this process last stored it: an unchanged one is not written again.
        self._stored: dict[str, str] = {}

    async def read(self, again: Nudge) -> Done:
        """Read the lists, tell of what the configuration and they contradict, and wake what waited for them."""
        asked_for = self._asked_for()  # a row mapped meanwhile has the lists read once more
        company = await self.account.company()
        lists: list[tuple[FactKind, Sequence[Fact]]] = [
            (FactKind.COMPANY, [company]),
            (FactKind.TAX_RULE, await self.account.tax_rules()),
            (FactKind.LOCATION, await self.account.locations()),
            (FactKind.PAYMENT_TERM, await self.account.payment_terms()),
            (FactKind.ACCOUNT, await self.account.accounts()),
            (FactKind.CUSTOMER, await self._customers()),
        ]
        if self._rules.carriers:
            lists.append((FactKind.CARRIER, await self.account.carriers()))
        rates = await self._rates()

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            self._compare_settings(connection, company, now)
            for kind, rows in lists:
                first = kind not in facts.lists(connection)
                changed = facts.store(connection, kind, rows, now=now, whole=True)
                wake(connection, kind, changed, now, all_of_it=first)
            self._store_rates(connection, rates, now)
            self.compare(connection, now)
            cursors.put(connection, LISTS, Cursor(at=now, after_id=asked_for), now=now)
            clear_connection(connection, "cin7", now=now)
            flows.succeeded(connection, Flow.CATALOGUE, now=now)

        def after() -> None:
            self._stored.update({file.path: file.digest for file in rates.files})

        return Done(unit=unit, nudges=(again,), after=after)

    def read_at(self, connection: sqlite3.Connection) -> Instant:
        """Return when the lists were read for what the configuration names now; 0: they were not."""
        cursor = cursors.get(connection, LISTS)
        return cursor.at if cursor is not None and cursor.after_id == self._asked_for() else 0

    def _asked_for(self) -> str:
        """Tell one configuration from another: what it names decides what is read."""
        return hashlib.sha256(msgspec.json.encode(self._rules)).hexdigest()

    async def _customers(self) -> list[Customer]:
        """Read every customer the configuration names. The filter means *starts with*: one call may bring several."""
        asked: list[str] = []
        found: dict[str, Customer] = {}
        for name in sorted({self._rules.customer, *(rule.customer for rule in self._rules.currencies.values())}):
            if any(name.startswith(prefix) for prefix in asked):
                continue
            asked.append(name)
            found |= {customer.id: customer for customer in await self.account.customers_named(name)}
        return list(found.values())

    # -- exchange rates -----------------------------------------------------------------------------------------------

    async def _rates(self) -> _Rates:
        """Read the files that currencies name, and once an hour the rates of Cin7's newest sales."""
        sources: dict[str, set[str]] = {}
        for currency, rule in self._rules.currencies.items():
            sources.setdefault(rule.rate, set()).add(currency)
        files = [
            await self._read_file(file_path(source), frozenset(sources[source]))
            for source in sorted(sources)
            if file_path(source)
        ]
        learnt = await self._learnt_rates(frozenset(sources.get(CIN7_LAST, ())))
        return _Rates(files=tuple(files), learnt=learnt, used=bool(files) or CIN7_LAST in sources)

    async def _read_file(self, path: str, currencies: frozenset[str]) -> _RatesFile:
        try:
            text = await self.rate_files.read(path)
        except OSError as error:
            return _RatesFile(path=path, problems=((error.strerror or "it cannot be read").lower(),))
        except ValueError as error:
            return _RatesFile(path=path, problems=(str(error),))
        rates, problems = parse_rates(text, FILE + path)
        return _RatesFile(
            path=path,
            digest=hashlib.sha256(text.encode()).hexdigest(),
            rates=tuple(rate for rate in rates if rate.currency in currencies),
            problems=problems,
        )

    async def _learnt_rates(self, currencies: frozenset[str]) -> tuple[ExchangeRate, ...] | None:
        """Ask Cin7 for rates; None when it is not time to, or nobody uses them."""
        now = self.around.clock.now()
        if not currencies:
            return None
        asked = await self.around.database.read(lambda connection: cursors.get(connection, RATES))
        if asked is not None and now - asked.at < RATES_EVERY:
            return None
        days = max(self._rules.rate_max_age if self._rules.rate_max_age is not None else RATES_BACK, 1)
        return await self.account.latest_rates(currencies, since=now - days * DAY)

    def _store_rates(self, connection: sqlite3.Connection, rates: _Rates, now: Instant) -> None:
        first = FactKind.RATE not in facts.lists(connection)
        changed: set[str] = set()
        for file in rates.files:
            if not file.digest or self._stored.get(file.path) == file.digest:
                continue
            changed |= facts.store(connection, FactKind.RATE, file.rates, now=now, whole=False)
            if file.rates and not file.problems:
                # A file that is just being written, or has a slip in it, takes no rate away.
                changed |= facts.forget_rates(connection, FILE + file.path, but=file.rates)
        if rates.learnt is not None:
            changed |= facts.store(connection, FactKind.RATE, rates.learnt, now=now, whole=False)
            cursors.put(connection, RATES, Cursor(at=now), now=now)
        if rates.used:
            facts.mark_read(connection, FactKind.RATE, now=now, full=True, changed=bool(changed))
            wake(connection, FactKind.RATE, changed, now, all_of_it=first)
        self._tell_of_files(connection, rates.files, now)

    def _tell_of_files(self, connection: sqlite3.Connection, files: Iterable[_RatesFile], now: Instant) -> None:
        found = [unreadable_file(file.path, file.problems) for file in files if file.problems]
        _raise_and_clear(connection, found, types=("rate_file_unreadable",), resolution="the file was read", now=now)

    def _compare_settings(self, connection: sqlite3.Connection, company: Company, now: Instant) -> None:
        """Tell of settings that are not what they were. Only a person can say whether that was meant, and close it."""
        for finding in settings_changed(facts.company(connection), company):
            exceptions.raise_finding(connection, _ACCOUNT, finding, now=now)

    def compare(self, connection: sqlite3.Connection, now: Instant) -> None:
        """Hold the configuration against the account: one exception per mapping it contradicts."""
        known = facts.for_order(connection, (), currency="")
        today = self._today(known.company, now)
        found = [*contradictions(known, self._rules), *company_findings(known, today=today)]
        types = ("mapping_contradicted", "automatic_discounts", "period_lock")
        _raise_and_clear(connection, found, types=types, resolution="the account holds it", now=now)

    def _today(self, company: Company | None, now: Instant) -> date:
        """Return the day in the books' zone; in UTC where it is unknown (which holds every order by itself)."""
        zone = zone_of(company, self._rules) if company is not None else UTC
        return date_in_zone(now, UTC if isinstance(zone, Finding) else zone)


_ACCOUNT = exceptions.Record(kind="connection", id="cin7")


def _raise_and_clear(
    connection: sqlite3.Connection, found: Sequence[Finding], *, types: tuple[str, ...], resolution: str, now: Instant
) -> None:
    """Open what was found about the account, and close what of these types was found no more."""
    for finding in found:
        exceptions.raise_finding(connection, _ACCOUNT, finding, now=now)
    kept = {(finding.code, finding.sku, finding.field) for finding in found}
    exceptions.clear(connection, _ACCOUNT, resolution=resolution, now=now, types=types, keep=kept)


class _RatesFile(msgspec.Struct, frozen=True, kw_only=True):
    """A rates file as read; `digest` is empty where it could not be."""

    path: str
    digest: str = ""
    rates: tuple[ExchangeRate, ...] = ()
    problems: tuple[str, ...] = ()


class _Rates(msgspec.Struct, frozen=True, kw_only=True):
    """What one refresh learnt of rates. `learnt` None: Cin7 was not asked. `used`: some currency needs them."""

    files: tuple[_RatesFile, ...]
    learnt: tuple[ExchangeRate, ...] | None
    used: bool
