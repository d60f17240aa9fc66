"""The catalogue flow: reads what the Cin7 Core account holds, and wakes what waited for a fact that changed.

Small lists are read whole each time, and so are the files of exchange rates; the rates that stand on Cin7's own sales
are asked for once an hour, for Cin7 has no list of them. Products are read by pages of 1,000: those modified since the
last reading, and once a day all of them, because Cin7 does not promise that every change moves the modification date
(fact sheet, *Unknowns*). Every call is governed, in the catalogue lane.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date

import msgspec

from actors.catalogue.ports import AccountBook, RateFiles
from actors.catalogue.rules import company_findings, contradictions, settings_changed
from actors.core.actor import Actor, Done, Outcome, Surroundings, clear_connection
from actors.domain.exception_types import Finding
from actors.domain.facts import Company, Customer, ExchangeRate, Fact, FactKind, fact_ref
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.rates import CIN7_LAST, FILE, file_path, parse_rates, unreadable_file
from actors.domain.time import Instant, date_in_zone
from actors.messages import Envelope, Flow, Nudge
from storage import books, cursors, demand, exceptions, facts, flows, outbox
from storage.cursors import Cursor

REFRESH = "refresh"
PRODUCTS = "products"
RATES = "rates"
PAGE = 1000
DAY = 86_400_000
FULL_EVERY = DAY
RATES_EVERY = 3_600_000
RATES_BACK = 30
"""Days of sales that are searched for a rate where the configuration bounds no rate's age."""
OVERLAP = 300_000
"""`ModifiedSince` may be inclusive or not, and its clock is Cin7's: read this much again (milliseconds)."""


class CatalogueActor(Actor):
    """Handles nudges to read the registry again."""

    flow = Flow.CATALOGUE
    standing = True

    def __init__(
        self,
        surroundings: Surroundings,
        *,
        account: AccountBook,
        posting: PostingRules,
        refresh: int,
        rate_files: RateFiles,
    ) -> None:
        super().__init__(surroundings, concurrency=1, capacity=2)
        self.account = account
        self.rate_files = rate_files
        #: Digest of each rates file as this process last stored it: an unchanged one is not written again.
        self._stored: dict[str, str] = {}
        self.posting = posting
        self.refresh = refresh

    def first_nudges(self, now: Instant) -> tuple[Nudge, ...]:
        """What starts the schedule."""
        return tuple(Nudge(flow=Flow.CATALOGUE, subject=subject, due_at=now) for subject in (REFRESH, PRODUCTS))

    async def handle(self, envelope: Envelope) -> Outcome:
        """Read the small lists, or one page of products."""
        if envelope.subject == REFRESH:
            return await self._small_lists()
        if envelope.subject == PRODUCTS:
            return await self._products()
        return Done()

    async def _small_lists(self) -> Done:
        company = await self.account.company()
        lists: list[tuple[FactKind, Sequence[Fact]]] = [
            (FactKind.COMPANY, [company]),
            (FactKind.TAX_RULE, await self.account.tax_rules()),
            (FactKind.LOCATION, await self.account.locations()),
            (FactKind.PAYMENT_TERM, await self.account.payment_terms()),
            (FactKind.ACCOUNT, await self.account.accounts()),
            (FactKind.CUSTOMER, await self._customers()),
        ]
        if self.posting.carriers:
            lists.append((FactKind.CARRIER, await self.account.carriers()))
        rates = await self._rates()

        def unit(connection: sqlite3.Connection, now: Instant) -> None:
            self._compare_settings(connection, company, now)
            for kind, rows in lists:
                first = kind not in facts.lists(connection)
                changed = facts.store(connection, kind, rows, now=now, whole=True)
                self._wake(connection, kind, changed, now, all_of_it=first)
            self._store_rates(connection, rates, now)
            self._compare(connection, now)
            clear_connection(connection, "cin7", now=now)
            flows.succeeded(connection, Flow.CATALOGUE, now=now)

        def after() -> None:
            self._stored.update({file.path: file.digest for file in rates.files})

        return Done(unit=unit, nudges=(self._again(REFRESH),), after=after)

    async def _customers(self) -> list[Customer]:
        """Read every customer the configuration names. The filter means *starts with*: one call may bring several."""
        asked: list[str] = []
        found: dict[str, Customer] = {}
        for name in sorted({self.posting.customer, *(rule.customer for rule in self.posting.currencies.values())}):
            if any(name.startswith(prefix) for prefix in asked):
                continue
            asked.append(name)
            found |= {customer.id: customer for customer in await self.account.customers_named(name)}
        return list(found.values())

    # -- exchange rates -----------------------------------------------------------------------------------------------

    async def _rates(self) -> _Rates:
        """Read the files that currencies name, and once an hour the rates of Cin7's newest sales."""
        sources: dict[str, set[str]] = {}
        for currency, rule in self.posting.currencies.items():
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
        days = max(self.posting.rate_max_age if self.posting.rate_max_age is not None else RATES_BACK, 1)
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
            self._wake(connection, FactKind.RATE, changed, now, all_of_it=first)
        self._tell_of_files(connection, rates.files, now)

    def _tell_of_files(self, connection: sqlite3.Connection, files: Iterable[_RatesFile], now: Instant) -> None:
        found = [unreadable_file(file.path, file.problems) for file in files if file.problems]
        _raise_and_clear(connection, found, types=("rate_file_unreadable",), resolution="the file was read", now=now)

    # -- products -----------------------------------------------------------------------------------------------------

    async def _products(self) -> Done:
        place = await self.around.database.read(_read_place)
        now = self.around.clock.now()
        if place.page == 0:
            place = _begin(place, now)
        page = await self.account.products(page=place.page, modified_since=place.modified_since)
        last = page.rows == 0 or place.met + page.rows >= page.total

        def unit(connection: sqlite3.Connection, at: Instant) -> None:
            first = FactKind.PRODUCT not in facts.lists(connection)
            changed = facts.store(connection, FactKind.PRODUCT, page.products, now=at, whole=False, number=place.number)
            # An empty page before Total is reached proves nothing of what was not met: then nothing is taken for gone.
            if last and place.whole and place.met + page.rows >= page.total:
                changed |= facts.finish_pass(connection, FactKind.PRODUCT, number=place.number, now=at)
            elif last:
                facts.mark_read(connection, FactKind.PRODUCT, now=at, full=False, changed=bool(changed))
            self._wake(connection, FactKind.PRODUCT, changed, at, all_of_it=first and last)
            if not first:
                # What a SKU is, whether it may be sold, and what it is made of: its entries follow.
                demand.stir(connection, (ref.partition(":")[2] for ref in changed), now=at)
            _write_place(connection, _after(place, last=last, rows=page.rows), at)
            if last:
                self._compare(connection, at)
            clear_connection(connection, "cin7", now=at)

        following = self._again(PRODUCTS) if last else Nudge(flow=Flow.CATALOGUE, subject=PRODUCTS, due_at=now)
        return Done(unit=unit, nudges=(following,))

    def _again(self, subject: str) -> Nudge:
        return Nudge(flow=Flow.CATALOGUE, subject=subject, due_at=self.around.clock.now() + self.refresh)

    def _wake(
        self, connection: sqlite3.Connection, kind: FactKind, changed: set[str], now: Instant, *, all_of_it: bool
    ) -> None:
        """Nudge every order that waits for a fact that changed, or for a list now read for the first time."""
        if not changed and not all_of_it:
            return
        facts.changed(connection)
        waited = {fact_ref(kind, ""), *changed}
        if kind is FactKind.TAX_RULE:
            waited.add(fact_ref(FactKind.COMPANY, ""))  # rules are among the settings arithmetic was learnt under
        for fact in facts_waited_for(connection, lambda fact: fact in waited):
            for order_id in exceptions.orders_waiting_for(connection, fact):
                outbox.accept(connection, Nudge(flow=Flow.ORDERS, subject=order_id, due_at=now), now=now)
                if books.get(connection, order_id) is not None:  # it is sold, and its posting may be what waits
                    books.ask(connection, order_id, now=now)

    def _compare_settings(self, connection: sqlite3.Connection, company: Company, now: Instant) -> None:
        """Tell of settings that are not what they were. Only a person can say whether that was meant, and close it."""
        for finding in settings_changed(facts.company(connection), company):
            exceptions.raise_finding(connection, _ACCOUNT, finding, now=now)

    def _compare(self, connection: sqlite3.Connection, now: Instant) -> None:
        """Hold the configuration against the account: one exception per mapping it contradicts."""
        known = facts.for_order(connection, (), currency="")
        today = self._today(known.company, now)
        found = [*contradictions(known, self.posting), *company_findings(known, today=today)]
        types = ("mapping_contradicted", "automatic_discounts", "period_lock")
        _raise_and_clear(connection, found, types=types, resolution="the account holds it", now=now)

    def _today(self, company: Company | None, now: Instant) -> date:
        """Return the day in the books' zone; in UTC where it is unknown (which holds every order by itself)."""
        zone = zone_of(company, self.posting) if company is not None else UTC
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


def facts_waited_for(connection: sqlite3.Connection, wanted: Callable[[str], bool]) -> list[str]:
    """Return the facts that open exceptions wait for, of those wanted, in a fixed order."""
    return sorted(fact for fact in exceptions.waiting_facts(connection) if wanted(fact))


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


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the reading of products stands. `page` 0: between two passes. `number` tells whole passes apart."""

    page: int = 0
    met: int = 0
    number: int = 0
    whole: bool = True
    modified_since: Instant | None = None
    began_at: Instant = 0
    whole_at: Instant = 0


def _begin(place: _Place, now: Instant) -> _Place:
    whole = place.whole_at == 0 or now - place.whole_at >= FULL_EVERY
    return _Place(
        page=1,
        number=place.number + 1 if whole else place.number,
        whole=whole,
        modified_since=None if whole else place.began_at - OVERLAP,
        began_at=now,
        whole_at=place.whole_at,
    )


def _after(place: _Place, *, last: bool, rows: int) -> _Place:
    if not last:
        return msgspec.structs.replace(place, page=place.page + 1, met=place.met + rows)
    whole_at = place.began_at if place.whole else place.whole_at
    return msgspec.structs.replace(place, page=0, met=0, whole_at=whole_at)


def _read_place(connection: sqlite3.Connection) -> _Place:
    cursor = cursors.get(connection, PRODUCTS)
    return _Place() if cursor is None else msgspec.json.decode(cursor.after_id, type=_Place)


def _write_place(connection: sqlite3.Connection, place: _Place, now: Instant) -> None:
    cursors.put(connection, PRODUCTS, Cursor(at=place.began_at, after_id=msgspec.json.encode(place).decode()), now=now)
