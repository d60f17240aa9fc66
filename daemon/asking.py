"""Asking both systems read-only from a command: the gate, the journal and the wires that `check` and `diagnose` share.

Nothing can be written: the journal refuses the intent of a write before one could be sent. Cin7 Core is asked a counted
number of times, at least a second apart; beside a running daemon not at all, since only its governor may count calls.
"""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from actors.catalogue.rules import LINES_ONLY
from actors.domain.crashpoints import no_probe
from actors.domain.errors import Limited, Unauthorised, WireError
from actors.domain.exception_types import CATALOGUE
from actors.domain.facts import Carrier, Customer, FactKind, Facts, Location, TaxRule
from actors.domain.mapping import charge_name
from actors.domain.posting import PostingRules
from actors.domain.time import Clock, Instant
from actors.governor.journal import Intent
from adapters.cin7.client import Cin7Client
from adapters.commercetools.client import CommercetoolsClient
from adapters.transport import Request, Response, Transport
from daemon.planning import posting_rules
from daemon.secrets import Secrets
from daemon.settings import Settings

T = TypeVar("T")

CALLS = 8
"""Calls of Cin7 Core for an account whose configuration names neither carriers nor currencies: 7.5 s."""

MOST_CALLS = 20
"""Calls at most, however many currencies there are: a third of a minute's limit."""

SPACING_SECONDS = 1.0
PRODUCT_PAGE = 1000


def calls_for(posting: PostingRules, *, accounts: bool = False) -> int:
    """Return how often Cin7 Core may be asked: once more for carriers, and accounts, and each currency's customer."""
    more = int(bool(posting.carriers)) + int(accounts) + len(customer_names(posting)) - 1
    return min(CALLS + more, MOST_CALLS)


def posts_money(settings: Settings) -> bool:
    """Say whether invoices and payments are posted at all."""
    return settings.finance.enabled and settings.finance.posting != "off"


def customer_names(posting: PostingRules) -> list[str]:
    """Return the customers to ask for: the filter means *starts with*, so one question may bring several."""
    names = sorted({posting.customer, *(rule.customer for rule in posting.currencies.values())})
    return [name for place, name in enumerate(names) if not any(name.startswith(other) for other in names[:place])]


def charge_names(posting: PostingRules) -> Iterator[str]:
    """Yield every service product the configuration names; `{rule}` stands for each mapped tax rule."""
    charges = posting.charges
    templates = [charges.shipping, charges.rounding, *(rule.product for rule in posting.slugs.values())]
    templates += posting.gift_cards.values()
    if posting.discount_as != LINES_ONLY:
        templates.append(charges.discount)
    for template in filter(None, templates):
        yield from {charge_name(template, rule) for rule in posting.tax.values()} or {charge_name(template, "")}


class Level(StrEnum):
    """What a line of the report is."""

    OK = "ok"
    NOTE = "note"
    FINDING = "finding"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the report. A finding makes the exit code 1 and says how to mend it."""

    level: Level
    about: str
    text: str
    mend: str = ""


class OutOfCallsError(Exception):
    """The calls this check allows itself are used up."""


class OneOffGate:
    """A gate for a handful of calls: spaced, counted, and shut after the last one."""

    def __init__(self, clock: Clock, *, calls: int = CALLS, spacing: float = SPACING_SECONDS) -> None:
        self._clock = clock
        self._spacing = spacing
        self.left = calls
        self.used = 0
        self._last: float | None = None

    @asynccontextmanager
    async def turn(self, intent: Intent) -> AsyncIterator[_Turn]:
        """Wait until the last call is long enough ago. Raises `OutOfCallsError`."""
        if intent.purpose.writes:
            raise RuntimeError("a check never writes")
        if self.left <= 0:
            raise OutOfCallsError
        if self._last is not None:
            await self._clock.sleep(max(0.0, self._last + self._spacing - self._clock.monotonic()))
        self.left -= 1
        self.used += 1
        try:
            yield _Turn(self._clock.now())
        finally:
            self._last = self._clock.monotonic()


class _Turn:
    def __init__(self, sent_at: Instant) -> None:
        self._sent_at = sent_at

    @property
    def sent_at(self) -> Instant:
        return self._sent_at

    def limited(self, retry_after_seconds: float) -> None:
        """Nothing follows from it: the check ends with the error."""

    def lost(self, until: Instant) -> None:
        """Nothing follows from it: only reads are made."""

    def not_sent(self) -> None:
        """Nothing follows from it: it stays counted."""


class ReadOnlyJournal:
    """Writes nothing down, because nothing may be written: it refuses the intent of any write."""

    async def begin(self, intent: Intent, *, at: Instant, finished: Sequence[tuple[int, Instant]] = ()) -> int:
        """Refuse."""
        raise RuntimeError("a check never writes")

    async def finish(self, finished: Sequence[tuple[int, Instant]]) -> None:
        """Nothing was begun."""


class Watching:
    """A transport that remembers what answers say in passing: the clocks of the hosts, the scopes of the token."""

    def __init__(self, inner: Transport, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self.ahead: dict[str, float] = {}
        self.scopes: frozenset[str] | None = None

    async def send(self, request: Request) -> Response:
        """Pass the exchange on."""
        began = self._clock.now()
        response = await self._inner.send(request)
        self._note_clock(request, response, (began + self._clock.now()) / 2)
        if urlsplit(request.url).path.endswith("/oauth/token") and response.status == 200:
            self.scopes = _scopes(response.body)
        return response

    def _note_clock(self, request: Request, response: Response, ours: float) -> None:
        try:
            theirs = parsedate_to_datetime(response.headers.get("date", "")).timestamp() * 1000
        except ValueError:
            return
        # A Date has whole seconds: on average the moment is half a second later than it says.
        self.ahead[urlsplit(request.url).netloc] = (ours - theirs - 500) / 1000


class Asking:
    """Asks, and collects the lines of a report. `calls` is how often Cin7 Core may be asked."""

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        *,
        ct_transport: Transport,
        cin7_transport: Transport,
        clock: Clock,
        calls: int | None = None,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._settings = settings
        self._posting = posting_rules(settings)
        self._clock = clock
        self._progress = progress
        self._ct_wire = Watching(ct_transport, clock)
        self._cin7_wire = Watching(cin7_transport, clock)
        self._pays = posts_money(settings) and bool(settings.mappings.payments)
        self._calls = calls if calls is not None else calls_for(self._posting, accounts=self._pays)
        self.gate = OneOffGate(clock, calls=self._calls)
        self.lines: list[Line] = []
        self._shop = CommercetoolsClient(
            transport=self._ct_wire,
            clock=clock,
            journal=ReadOnlyJournal(),
            probe=no_probe,
            project_key=settings.commercetools.project_key,
            api_url=settings.commercetools.api_url,
            auth_url=settings.commercetools.auth_url,
            client_id=settings.commercetools.client_id,
            client_secret=secrets["commercetools_client_secret"],
            max_in_flight=1,
            random=random.Random(),
        )
        self._account = Cin7Client(
            transport=self._cin7_wire,
            clock=clock,
            gate=self.gate,
            probe=no_probe,
            base_url=settings.cin7.base_url,
            account_id=settings.cin7.account_id,
            application_key=secrets["cin7_application_key"],
            timeout_seconds=settings.cin7.timeout_seconds,
        )

    async def _lists(self) -> Facts | None:
        """Read the account's settings and every short list the configuration needs; None when it does not answer."""
        company = await self._ask("cin7", "the account", self._account.company())
        if company is None:
            return None
        self._say(Level.OK, "cin7", f"account {company.name} answers, books in {company.currency}, {company.time_zone}")
        known = Facts(company=company, loaded=frozenset({FactKind.COMPANY}))
        rules = await self._ask("cin7", "the tax rules", self._account.tax_rules())
        places = await self._ask("cin7", "the locations", self._account.locations())
        customers = await self._customers()
        carriers = None
        if self._posting.carriers:
            carriers = await self._ask("cin7", "the carriers", self._account.carriers())
        return await self._with_accounts(_with_lists(known, rules, places, customers, carriers))

    async def _with_accounts(self, known: Facts) -> Facts:
        """Read the chart of accounts too, where payments are booked to some."""
        if not self._pays:
            return known
        accounts = await self._ask("cin7", "the chart of accounts", self._account.accounts())
        if accounts is None:
            return known
        by_code = {account.code: account for account in accounts}
        return msgspec.structs.replace(known, accounts=by_code, loaded=known.loaded | {FactKind.ACCOUNT})

    async def _customers(self) -> list[Customer] | None:
        """Read every customer that sales may be booked to; None unless all were read."""
        found: list[Customer] = []
        for name in customer_names(self._posting):
            customers = await self._ask("cin7", "the customer", self._account.customers_named(name))
            if customers is None:
                return None
            found += customers
        return found

    async def _ask(self, about: str, what: str, question: Awaitable[T]) -> T | None:
        """Ask one thing; what goes wrong is a line of the report, and None is returned."""
        self._progress(f"asking {about}: {what}")
        try:
            return await question
        except OutOfCallsError:
            self._say(Level.NOTE, about, f"{what}: not asked, the {self._calls} calls of this command are used up")
        except Unauthorised as error:
            self._refused(about, what, error)
        except Limited:
            self._say(Level.FINDING, about, f"{what}: the limit is reached", "wait a minute and check again")
        except WireError as error:
            status = f", status {error.status}" if error.status else ""
            self._say(Level.FINDING, about, f"{what}: {error.reason}{status}", "see the address and the network")
        return None

    def _refused(self, about: str, what: str, error: Unauthorised) -> None:
        secret = "cin7_application_key" if about == "cin7" else "commercetools_client_secret"
        if about == "commercetools" and error.status == 403:
            self._say(Level.FINDING, about, f"{what}: a scope is missing", "add it to the API client")
            return
        self._say(Level.FINDING, about, f"{what}: the credentials are refused", f"see the ids and the secret {secret}")

    def _find(self, code: str, text: str, *, about: str = "cin7") -> None:
        kind = CATALOGUE[code]
        self._say(Level.FINDING, about, f"{code}: {text}", kind.steps[0])

    def _say(self, level: Level, about: str, text: str, mend: str = "") -> None:
        self.lines.append(Line(level=level, about=about, text=text, mend=mend))


def _with_lists(
    known: Facts,
    rules: Sequence[TaxRule] | None,
    places: Sequence[Location] | None,
    customers: Sequence[Customer] | None,
    carriers: Sequence[Carrier] | None,
) -> Facts:
    read = {
        FactKind.TAX_RULE: rules,
        FactKind.LOCATION: places,
        FactKind.CUSTOMER: customers,
        FactKind.CARRIER: carriers,
    }
    return msgspec.structs.replace(
        known,
        tax_rules={rule.name: rule for rule in rules or ()},
        locations={place.name: place for place in places or ()},
        customers={customer.name: customer for customer in customers or ()},
        carriers={carrier.name: carrier for carrier in carriers or ()},
        loaded=known.loaded | {kind for kind, rows in read.items() if rows is not None},
    )


def _scopes(body: bytes) -> frozenset[str] | None:
    """Read the scopes a token answer names, without the project they are for; None when it names none."""
    try:
        answer = msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    text = answer.get("scope")
    if not isinstance(text, str) or not text.strip():
        return None
    return frozenset(scope.partition(":")[0] for scope in text.split())
