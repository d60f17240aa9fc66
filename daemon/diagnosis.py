"""The replay before go-live: past orders through the prediction, to see what would be held and why (money §6).

Nothing is written and nothing is decided: the same pure function that decides later is asked about orders that are long
over. What only a running daemon can know (today's exchange rate, whether a period is closed) is left out of it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec

from actors.domain.exception_types import CATALOGUE, Finding
from actors.domain.facts import FactKind, Facts, Product
from actors.domain.feed import FeedCursor, FeedOrder
from actors.domain.fingerprint import fingerprint
from actors.domain.order import Order
from actors.domain.posting import CurrencyRule, PostingRules
from actors.domain.posting_date import zone_of
from actors.domain.prediction import Decision, Hold, predict
from actors.domain.rates import CIN7_LAST, FILE, file_path, parse_rates
from actors.domain.time import Clock, Instant, date_in_zone
from adapters.transport import Transport
from daemon.asking import MOST_CALLS, PRODUCT_PAGE, Asking, Level, charge_names
from daemon.secrets import Secrets
from daemon.settings import Settings
from storage import calibration

PRODUCT_CALLS = 20
"""Calls at most for products: twenty thousand of them."""

CALLS = MOST_CALLS + PRODUCT_CALLS
"""Calls of Cin7 Core at most, a second apart."""

EXAMPLES = 3
PAGE = 500
PAGES = 40
"""Pages of commercetools at most: twenty thousand orders are looked through for the newest ones."""

HOUR = 3_600_000

SOURCE = ("source_inconsistent", "tax_unknown")
"""Holds that say commercetools contradicts itself, or does not know."""

UNMAPPED = ("tax_unmapped", "charge_unmapped", "channel_unmapped")
SKUS = ("sku_unknown",)


class Tally(msgspec.Struct, kw_only=True):
    """How many orders something is true of, and the first few of them."""

    count: int = 0
    orders: list[str] = []

    def add(self, name: str) -> None:
        """Count an order."""
        self.count += 1
        if len(self.orders) < EXAMPLES:
            self.orders.append(name)


class Diagnosis(msgspec.Struct, kw_only=True):
    """What became of the orders. An order is `unreadable`, `held`, or goes: `straight`, or by a DRAFT first.

    `holds` counts by exception type; an order with two of them stands under both. `cents` need the cents row.
    """

    read: int = 0
    unreadable: Tally = msgspec.field(default_factory=Tally)
    held: Tally = msgspec.field(default_factory=Tally)
    holds: dict[str, Tally] = {}
    cents: Tally = msgspec.field(default_factory=Tally)
    draft_first: Tally = msgspec.field(default_factory=Tally)
    straight: Tally = msgspec.field(default_factory=Tally)

    @property
    def clean(self) -> bool:
        """True when nothing would be held."""
        return not self.unreadable.count and not self.held.count

    def body(self) -> dict[str, Any]:
        """Return what goes into JSON."""
        return {
            "orders": self.read,
            "unreadable": self.unreadable,
            "held": self.held,
            "holds": {
                code: {"count": tally.count, "orders": tally.orders, "about": about(code)}
                for code, tally in sorted(self.holds.items(), key=lambda item: (-item[1].count, item[0]))
            },
            "cents": self.cents,
            "draft_first": self.draft_first,
            "straight": self.straight,
        }


def about(code: str) -> str:
    """Say what kind of hold this is: `source`, `unmapped`, `sku` or `other`."""
    if code in SOURCE:
        return "source"
    if code in UNMAPPED:
        return "unmapped"
    return "sku" if code in SKUS else "other"


def diagnose(orders: Iterable[FeedOrder], known: Facts, rules: PostingRules) -> Diagnosis:
    """Predict every order and count what comes of it. `known` holds the products of all of them."""
    found = Diagnosis()
    replayed, replay_rules = for_replay(known, rules)
    for entry in orders:
        found.read += 1
        if entry.order is None:
            found.unreadable.add(entry.id)
        else:
            _judge(found, entry.order, replayed, replay_rules)
    return found


def for_replay(known: Facts, rules: PostingRules) -> tuple[Facts, PostingRules]:
    """Leave out what is true of today only: closed periods, and rates that Cin7 tells from its newest sales.

    Whether a document adds up does not depend on the rate it is booked at, so 1 stands in for those.
    """
    company = known.company
    if company is not None:
        known = msgspec.structs.replace(known, company=msgspec.structs.replace(company, lock_date=None))
    currencies = {
        code: CurrencyRule(customer=rule.customer, rate="1") if rule.rate == CIN7_LAST else rule
        for code, rule in rules.currencies.items()
    }
    return known, msgspec.structs.replace(rules, currencies=currencies)


def _judge(found: Diagnosis, order: Order, known: Facts, rules: PostingRules) -> None:
    name = order.number or order.id
    try:
        answer = predict(order, known, rules)
    except Exception:  # the daemon would set the order's message aside; the other orders go on there, and here
        _hold(found, name, {"message_quarantined"})
        return
    if isinstance(answer, Hold):
        _hold(found, name, {finding.code for finding in answer.findings})
        return
    if answer.cents:
        found.cents.add(name)
    (found.draft_first if answer.decision is Decision.DRAFT_FIRST else found.straight).add(name)


def _hold(found: Diagnosis, name: str, codes: Iterable[str]) -> None:
    found.held.add(name)
    for code in sorted(codes):
        found.holds.setdefault(code, Tally()).add(name)


def learnt(connection: sqlite3.Connection, known: Facts, rules: PostingRules, now: Instant) -> Facts:
    """Add what the file says of the account's arithmetic; nothing, under other settings than it was learnt."""
    has = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'refutations'").fetchone()
    if known.company is None or has is None:
        return known
    named = set(rules.tax.values())
    settings = fingerprint(known.company, (rule for name, rule in known.tax_rules.items() if name in named))
    zone = zone_of(known.company, rules)
    today = date_in_zone(now, UTC if isinstance(zone, Finding) else zone)
    return msgspec.structs.replace(known, calibration=calibration.load(connection, today=today, fingerprint=settings))


class Replay(Asking):
    """Reads the newest orders and, where no daemon runs, the account's lists. `lines` say what went wrong."""

    def __init__(
        self,
        settings: Settings,
        secrets: Secrets,
        *,
        ct_transport: Transport,
        cin7_transport: Transport,
        clock: Clock,
        progress: Callable[[str], None] = lambda text: None,
    ) -> None:
        super().__init__(
            settings,
            secrets,
            ct_transport=ct_transport,
            cin7_transport=cin7_transport,
            clock=clock,
            calls=CALLS,
            progress=progress,
        )

    @property
    def failed(self) -> bool:
        """True when something could not be read, so that nothing can be counted."""
        return any(line.level is Level.FINDING for line in self.lines)

    async def newest_orders(self, wanted: int) -> list[FeedOrder]:
        """Read the orders changed last, the newest first, in whatever state they are.

        The feed goes forward in time only, so it is read in spans that grow fourfold, from now back.
        """
        found: dict[str, FeedOrder] = {}
        end, span, pages = self._clock.now(), HOUR, PAGES
        while end > 0 and pages > 0 and len(found) < wanted and not self.failed:
            start = max(0, end - span)
            used, read = await self._span(start, end, pages)
            pages -= used
            for entry in read:
                found.setdefault(entry.id, entry)
            self._progress(f"read {len(found)} orders of commercetools")
            end, span = start, span * 4
        newest = sorted(found.values(), key=lambda entry: (entry.modified_at, entry.id), reverse=True)
        return newest[:wanted]

    async def _span(self, start: Instant, end: Instant, pages: int) -> tuple[int, list[FeedOrder]]:
        """Read what was changed in a span; return how many pages it took."""
        after = FeedCursor(at=start)
        read: list[FeedOrder] = []
        for number in range(1, pages + 1):
            question = self._shop.changed_orders(after, until=end, limit=PAGE)
            page = await self._ask("commercetools", "the orders", question)
            # Bodies hold people's data and are of no use here.
            read += [msgspec.structs.replace(entry, body=b"") for entry in page or ()]
            if page is None or len(page) < PAGE:
                return number, read
            after = FeedCursor(at=page[-1].modified_at, id=page[-1].id)
        return pages, read

    async def account(self, skus: set[str]) -> Facts | None:
        """Read the account's lists, these products and every charge; None when they cannot be read."""
        known = await self._lists()
        if known is None or self.failed:
            return None
        products = await self._products(skus)
        if products is None:
            return None
        known = msgspec.structs.replace(
            known,
            products={product.sku: product for product in products if product.sku in skus},
            services={product.name: product for product in products if product.type == "Service"},
            loaded=known.loaded | {FactKind.PRODUCT},
        )
        return self._with_rate_files(known)

    async def _products(self, skus: set[str]) -> list[Product] | None:
        """Read products until every wanted one was met, or all were, or the calls for it are used up."""
        wanted, charges = set(skus), set(charge_names(self._posting))
        products: list[Product] = []
        rows = total = 0
        for number in range(1, PRODUCT_CALLS + 1):
            page = await self._ask("cin7", "the products", self._account.products(page=number, modified_since=None))
            if page is None:
                return None
            rows, total = rows + page.rows, page.total
            products += [one for one in page.products if one.sku in skus or one.type == "Service"]
            wanted -= {one.sku for one in page.products}
            charges -= {one.name for one in page.products if one.type == "Service"}
            if number * PRODUCT_PAGE >= page.total or not page.rows or not (wanted or charges):
                return products
        text = f"only {rows} of {total} products were read: an unknown SKU may be known, the daemon reads them all"
        self._say(Level.NOTE, "cin7", text)
        return products

    def _with_rate_files(self, known: Facts) -> Facts:
        """Add the rates of the files the currencies name; one that cannot be read is a finding."""
        rates = list(known.rates)
        for path in sorted({file_path(rule.rate) for rule in self._posting.currencies.values()} - {""}):
            try:
                read, problems = parse_rates(Path(path).read_text("utf-8"), FILE + path)
            except (OSError, UnicodeDecodeError) as error:
                kind = CATALOGUE["rate_file_unreadable"]
                self._say(Level.FINDING, "settings", f"{kind.code}: {path} cannot be read ({error})", kind.steps[0])
                continue
            rates += read
            if problems:
                self._say(Level.NOTE, "settings", f"rate_file_unreadable: {path}: {problems[0]}")
        return msgspec.structs.replace(known, rates=tuple(rates), loaded=known.loaded | {FactKind.RATE})


def skus_of(orders: Iterable[FeedOrder]) -> set[str]:
    """Return every SKU that was sold."""
    return {line.sku for entry in orders if entry.order is not None for line in entry.order.lines if line.sku}
