"""What only the wire can tell, asked before the daemon is started: credentials, scopes, mappings, clocks.

It reads and never writes (`daemon.asking`). Cin7 Core is asked at most `MOST_CALLS` times, at least a second apart;
beside a running daemon not at all: then its file tells what the account held when it was last read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC
from urllib.parse import urlsplit

import msgspec

from actors.catalogue.rules import company_findings, contradictions
from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, Facts, Product
from actors.domain.feed import FeedCursor
from actors.domain.posting_date import zone_of
from actors.domain.time import Clock, date_in_zone, format_instant
from actors.orders.lease import CONTAINER
from adapters.intake.pubsub import GOOGLE_KEYS
from adapters.transport import Transport
from daemon.asking import PRODUCT_PAGE, Level, Line, charge_names
from daemon.catalogue_check import WRITING, CatalogueCheck
from daemon.desk.channels import hosts as channel_hosts
from daemon.desk.channels import nobody
from daemon.secrets import Secrets
from daemon.settings import Settings, SnsSettings
from daemon.unposted import account_lines, refund_service

CLOCK_SECONDS = 5.0
"""More than this between our clock and theirs is a finding: instants of both sides are compared."""

SCOPES = (
    (frozenset({"manage_orders"}), "mark exported orders"),
    (frozenset({"manage_key_value_documents"}), "keep the lease of this connection"),
    (frozenset({"view_payments", "manage_payments"}), "see whether an order is paid"),
    (frozenset({"view_products", "manage_products"}), "read stock, which tells what was oversold from a backorder"),
)
"""What the API client needs beyond what is tried here (commercetools fact sheet §1.2); `manage_project` has all."""

PUBLISHING = (frozenset({"manage_products"}), "publish stock: inventory entries have no scope of their own")
"""What `[stock] enabled` needs in live mode."""

_LISTS = {FactKind.ACCOUNT: "chart of accounts", FactKind.COMPANY: "company settings", FactKind.RATE: "exchange rate"}
"""What people call the lists whose names here could be something else."""


class LiveCheck(CatalogueCheck):
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
        super().__init__(
            settings,
            secrets,
            ct_transport=ct_transport,
            cin7_transport=cin7_transport,
            clock=clock,
            progress=progress,
        )
        self._known = known

    async def run(self) -> list[Line]:
        """Ask, and return the report."""
        await self._commercetools()
        await self._cin7()
        self._clocks()
        return self.lines

    # -- commercetools --------------------------------------------------------------------------------------------

    async def _commercetools(self) -> None:
        project = await self._ask("commercetools", "the project", self._shop.settings())
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
        await self._catalogue(project.product_catalog_model)

    def _token_scopes(self) -> None:
        granted = self._ct_wire.scopes
        if granted is None:
            self._say(Level.NOTE, "commercetools", "the token does not say its scopes")
            return
        self._say(Level.NOTE, "commercetools", f"scopes of the API client: {', '.join(sorted(granted))}")
        for one_of, purpose in (*SCOPES, *self._writing()):
            if "manage_project" not in granted and granted.isdisjoint(one_of):
                self._say(
                    Level.FINDING,
                    "commercetools",
                    f"the API client has no scope to {purpose}",
                    f"give it {' or '.join(sorted(one_of))}",
                )

    def _writing(self) -> Iterator[tuple[frozenset[str], str]]:
        """Yield the scopes of what is switched on and writes; in shadow mode nothing does."""
        chosen = self._settings
        if chosen.connection.shadow:
            return
        if chosen.stock.enabled:
            yield PUBLISHING
        if chosen.catalogue.enabled and (chosen.catalogue.create_drafts or chosen.catalogue.unpublish_unmatched):
            yield WRITING

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
        self._find("channel_missing", f"there is no channel {key} with the role OrderExport", about="commercetools")

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
        known = await self._lists()
        if known is None:
            return
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
        wanted = {*charge_names(self._posting), *filter(None, [refund_service(self._settings)])}
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
        zone = zone_of(known.company, self._posting) if known.company is not None else None
        books = UTC if zone is None or isinstance(zone, Finding) else zone
        today = date_in_zone(self._clock.now(), books)
        found: list[Finding] = [*contradictions(known, self._posting), *company_findings(known, today=today)]
        found += [zone] if isinstance(zone, Finding) else []
        for finding in found:
            self._find(finding.code, finding.cause)
        unposted = list(account_lines(self._settings, known))
        self.lines += unposted
        if not found and all(line.level is not Level.FINDING for line in unposted):
            judged = ", ".join(sorted(_LISTS.get(kind, kind.value.replace("_", " ")) for kind in known.loaded))
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


def _signing_hosts(sns: SnsSettings | None) -> set[str]:
    """Where the certificates of the topics' regions lie."""
    if sns is None:
        return set()
    if sns.endpoint_url is not None:
        return {urlsplit(sns.endpoint_url).netloc}
    regions = [arn.split(":")[1:4] for arn in sns.topic_arns if arn.count(":") > 3]
    return {f"sns.{region}.amazonaws.com{'.cn' if part == 'aws-cn' else ''}" for part, _, region in regions}


def hosts(settings: Settings, secrets: Secrets | None = None) -> list[tuple[str, str]]:
    """Return every host these settings let the daemon talk to, and why.

    Of a channel its host alone is shown: the rest may be somebody's address, or a secret.
    """
    intake = settings.intake
    named = [
        (settings.commercetools.api_url, "commercetools API"),
        (settings.commercetools.auth_url, "commercetools tokens"),
        (settings.cin7.base_url, "Cin7 Core"),
        (settings.telemetry.otlp_endpoint, "traces"),
        ((intake.sqs.endpoint_url or intake.sqs.queue_url) if intake.sqs is not None else None, "order queue"),
    ]
    found = [(urlsplit(url).netloc, why) for url, why in named if url]
    found += sorted({(host, "signatures of the topic") for host in _signing_hosts(intake.sns)})
    if intake.pubsub is not None:
        found.append((urlsplit(intake.pubsub.endpoint_url or GOOGLE_KEYS).netloc, "signatures of Pub/Sub"))
    return [*found, *dict.fromkeys(sorted(channel_hosts(settings, nobody if secrets is None else secrets.get)))]
