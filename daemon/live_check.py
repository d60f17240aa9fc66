"""What only the wire can tell, asked before the daemon is started: credentials, scopes, mappings, clocks.

It reads and never writes: its journal refuses a write before one could be sent. Cin7 Core is asked at most `CALLS`
times, at least a second apart; beside a running daemon not at all, since only its governor may count calls: then its
file tells what the account held when it was last read.
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

from actors.catalogue.rules import company_findings, contradictions
from actors.domain.crashpoints import no_probe
from actors.domain.errors import Limited, Unauthorised, WireError
from actors.domain.exception_types import CATALOGUE, Finding
from actors.domain.facts import Customer, FactKind, Facts, Location, Product, TaxRule
from actors.domain.feed import FeedCursor
from actors.domain.posting import PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.time import Clock, Instant, format_instant
from actors.governor.journal import Intent
from actors.orders.lease import CONTAINER
from adapters.cin7.client import Cin7Client
from adapters.commercetools.client import CommercetoolsClient
from adapters.transport import Request, Response, Transport
from daemon.planning import posting_rules
from daemon.secrets import Secrets
from daemon.settings import Settings

T = TypeVar("T")

CALLS = 8
"""Calls of Cin7 Core at most: 7.5 s, and an eighth of a minute's limit."""

SPACING_SECONDS = 1.0
CLOCK_SECONDS = 5.0
"""More than this between our clock and theirs is a finding: instants of both sides are compared."""

PRODUCT_PAGE = 1000

SCOPES = (
    (frozenset({"manage_orders"}), "mark exported orders"),
    (frozenset({"manage_key_value_documents"}), "keep the lease of this connection"),
    (frozenset({"view_payments", "manage_payments"}), "see whether an order is paid"),
)
"""What the API client needs beyond what is tried here (commercetools fact sheet §1.2); `manage_project` has all."""


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


class LiveCheck:
    """Asks both systems and collects the lines."""

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        *,
        ct_transport: Transport,
        cin7_transport: Transport,
        clock: Clock,
        progress: Callable[[str], None] = lambda text: None,
        known: Facts | None = None,
    ) -> None:
        self._settings = settings
        self._known = known
        self._posting = posting_rules(settings)
        self._clock = clock
        self._progress = progress
        self._ct_wire = Watching(ct_transport, clock)
        self._cin7_wire = Watching(cin7_transport, clock)
        self.gate = OneOffGate(clock)
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

    async def run(self) -> list[Line]:
        """Ask, and return the report."""
        await self._commercetools()
        await self._cin7()
        self._clocks()
        return self.lines

    # -- commercetools --------------------------------------------------------------------------------------------

    async def _commercetools(self) -> None:
        project = await self._ask("commercetools", "the project", self._shop.project())
        if project is None:
            return
        self._say(
            Level.OK, "commercetools", f"project {project.key} answers, currencies {', '.join(project.currencies)}"
        )
        self._token_scopes()
        await self._channel()
        now = self._clock.now()
        page = self._shop.changed_orders(FeedCursor(at=now), until=None, limit=1)
        if await self._ask("commercetools", "the orders", page) is not None:
            self._say(Level.OK, "commercetools", "orders can be listed")
        await self._lease()

    def _token_scopes(self) -> None:
        granted = self._ct_wire.scopes
        if granted is None:
            self._say(Level.NOTE, "commercetools", "the token does not say its scopes")
            return
        self._say(Level.NOTE, "commercetools", f"scopes of the API client: {', '.join(sorted(granted))}")
        for one_of, purpose in SCOPES:
            if "manage_project" not in granted and granted.isdisjoint(one_of):
                self._say(
                    Level.FINDING,
                    "commercetools",
                    f"the API client has no scope to {purpose}",
                    f"give it {' or '.join(sorted(one_of))}",
                )

    async def _channel(self) -> None:
        key = self._settings.orders.sync_channel
        found: list[bool] = []

        async def reading() -> bool:
            channel = await self._shop.export_channel(key)
            found.append(channel is not None and "OrderExport" in channel.roles)
            return True

        if await self._ask("commercetools", "the channels", reading()) is None:
            return
        if found[0]:
            self._say(Level.OK, "commercetools", f"channel {key} has the role OrderExport")
            return
        self._find(CATALOGUE["channel_missing"].code, f"there is no channel {key} with the role OrderExport")

    async def _lease(self) -> None:
        async def reading() -> bool:
            await self._shop.read_lease(CONTAINER, self._settings.connection.name)
            return True

        if await self._ask("commercetools", "the lease", reading()) is not None:
            self._say(Level.OK, "commercetools", "the lease can be read")

    # -- Cin7 Core ------------------------------------------------------------------------------------------------

    async def _cin7(self) -> None:
        if self._known is not None:
            self._from_the_daemon(self._known)
            return
        known = Facts()
        company = await self._ask("cin7", "the account", self._account.company())
        if company is None:
            return
        self._say(Level.OK, "cin7", f"account {company.name} answers, books in {company.currency}, {company.time_zone}")
        known = msgspec.structs.replace(known, company=company, loaded=frozenset({FactKind.COMPANY}))
        rules = await self._ask("cin7", "the tax rules", self._account.tax_rules())
        places = await self._ask("cin7", "the locations", self._account.locations())
        customers = await self._ask("cin7", "the customer", self._account.customers_named(self._posting.customer))
        known = _with_lists(known, rules, places, customers)
        products = await self._products()
        if products is not None:
            services = {product.name: product for product in products if product.type == "Service"}
            loaded = known.loaded | {FactKind.PRODUCT}
            known = msgspec.structs.replace(known, services=services, loaded=loaded)
        self._mappings(known)

    def _from_the_daemon(self, known: Facts) -> None:
        """Judge by what the running daemon read: the calls of a minute are its governor's alone (law L3)."""
        if known.read_at is None:
            self._say(Level.NOTE, "cin7", "not asked: the daemon runs, and has read nothing of the account yet")
            return
        read_at = format_instant(known.read_at)
        self._say(Level.NOTE, "cin7", f"not asked: the daemon runs, and read the account at {read_at}")
        self._mappings(known)

    async def _products(self) -> list[Product] | None:
        """Read products until every charge is found or all are read; None when the calls do not suffice."""
        wanted = set(_charge_names(self._posting))
        products: list[Product] = []
        number = 1
        while wanted and self.gate.left:
            page = await self._ask("cin7", "the products", self._account.products(page=number, modified_since=None))
            if page is None:
                return None
            products += page.products
            wanted -= {product.name for product in page.products if product.type == "Service"}
            if number * PRODUCT_PAGE >= page.total or not page.products:
                return products
            number += 1
        if wanted:
            text = f"not found among the first {len(products)} products: {', '.join(sorted(wanted))}"
            self._say(Level.NOTE, "cin7", f"{text}; the daemon reads them all and tells")
            return None
        return products

    def _mappings(self, known: Facts) -> None:
        found: list[Finding] = [*contradictions(known, self._posting), *company_findings(known)]
        if known.company is not None:
            zone = zone_of(known.company, self._posting)
            found += [zone] if isinstance(zone, Finding) else []
        for finding in found:
            self._find(finding.code, finding.cause)
        if not found:
            judged = ", ".join(sorted(kind.value.replace("_", " ") for kind in known.loaded))
            self._say(Level.OK, "cin7", f"the configuration agrees with the account ({judged})")

    # -- both -----------------------------------------------------------------------------------------------------

    def _clocks(self) -> None:
        seen = {**self._ct_wire.ahead, **self._cin7_wire.ahead}
        for host, ahead in sorted(seen.items()):
            if abs(ahead) > CLOCK_SECONDS:
                side = "ahead of" if ahead > 0 else "behind"
                text = f"this machine's clock is {abs(ahead):.0f} s {side} {host}"
                self._say(Level.FINDING, "clock", text, "let the machine keep its time (NTP)")
            else:
                self._say(Level.OK, "clock", f"agrees with {host}")

    async def _ask(self, about: str, what: str, question: Awaitable[T]) -> T | None:
        """Ask one thing; what goes wrong is a line of the report, and None is returned."""
        self._progress(f"asking {about}: {what}")
        try:
            return await question
        except OutOfCallsError:
            self._say(Level.NOTE, about, f"{what}: not asked, the {CALLS} calls of this check are used up")
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

    def _find(self, code: str, text: str) -> None:
        kind = CATALOGUE[code]
        about = "commercetools" if code == "channel_missing" else "cin7"
        self._say(Level.FINDING, about, f"{code}: {text}", kind.steps[0])

    def _say(self, level: Level, about: str, text: str, mend: str = "") -> None:
        self.lines.append(Line(level=level, about=about, text=text, mend=mend))


def hosts(settings: Settings) -> list[tuple[str, str]]:
    """Return every host these settings let the daemon talk to, and why."""
    intake = settings.intake
    named = [
        (settings.commercetools.api_url, "commercetools API"),
        (settings.commercetools.auth_url, "commercetools tokens"),
        (settings.cin7.base_url, "Cin7 Core"),
        (settings.telemetry.otlp_endpoint, "traces"),
        ((intake.sqs.endpoint_url or intake.sqs.queue_url) if intake.sqs is not None else None, "order queue"),
    ]
    found = [(urlsplit(url).netloc, why) for url, why in named if url]
    people = (settings.owners.ops, settings.owners.finance, settings.owners.ecommerce, settings.owners.it)
    channels = [channel for person in people if person is not None for channel in person.channels]
    # Of a channel only its kind is shown: the rest may be somebody's address, or a secret.
    found += sorted({(f"{channel.partition(':')[0]}: channel of an owner", "alerts") for channel in channels})
    return found


def _with_lists(
    known: Facts,
    rules: Sequence[TaxRule] | None,
    places: Sequence[Location] | None,
    customers: Sequence[Customer] | None,
) -> Facts:
    loaded = set(known.loaded)
    loaded |= {FactKind.TAX_RULE} if rules is not None else set()
    loaded |= {FactKind.LOCATION} if places is not None else set()
    loaded |= {FactKind.CUSTOMER} if customers is not None else set()
    return msgspec.structs.replace(
        known,
        tax_rules={rule.name: rule for rule in rules or ()},
        locations={place.name: place for place in places or ()},
        customers={customer.name: customer for customer in customers or ()},
        loaded=frozenset(loaded),
    )


def _charge_names(posting: PostingRules) -> Iterator[str]:
    for name in (posting.charges.shipping, posting.charges.rounding):
        if name and "{rule}" not in name:
            yield name


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
