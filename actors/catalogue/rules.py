"""Pure rules of the registry: does the account hold what the configuration names, and is it still the same account?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import msgspec

from actors.domain.drafting import DraftRules
from actors.domain.exception_types import Finding
from actors.domain.facts import Company, FactKind, Facts, fact_ref
from actors.domain.fingerprint import settings_of
from actors.domain.period_lock import lock_date_of
from actors.domain.posting import PostingRules

DAY = 86_400_000


class CatalogueRules(msgspec.Struct, frozen=True, kw_only=True):
    """`[catalogue]`, durations in milliseconds. `sweep`: how often the storefront's changes are read.

    `whole`: how often all of it is. `share`: percent of the published products that may be unpublished in a day without
    asking. `quiet`: between the two looks that say a product is not there. `mapped` are SKUs that need no item, for a
    mapping says what they are sold as.
    """

    enabled: bool = True
    drafts: bool = False
    unpublish: bool = False
    share: float = 2
    draft: DraftRules = DraftRules()
    sweep: int = 60_000
    whole: int = DAY // 4
    quiet: int = 60_000
    mapped: frozenset[str] = frozenset()
    shadow: bool = False
    concurrency: int = 4


LINES_ONLY = "lines"
"""`discount_as` under which no discount charge is ever used."""


def contradictions(facts: Facts, posting: PostingRules) -> Iterator[Finding]:
    """Yield what the configuration names and Cin7 does not hold. Each holds only the orders that use it."""
    yield from _tax_rules(facts, posting)
    yield from _locations(facts, posting)
    yield from _customers(facts, posting)
    yield from _carriers(facts, posting)
    yield from _charges(facts, posting)


def _tax_rules(facts: Facts, posting: PostingRules) -> Iterator[Finding]:
    if FactKind.TAX_RULE not in facts.loaded:
        return
    for key, name in posting.tax.items():
        rule = facts.tax_rules.get(name)
        if rule is None or not rule.active or not rule.for_sale:
            yield _contradicted(f'[mappings.tax] "{key}"', f"tax rule {name!r}", FactKind.TAX_RULE, name)


def _locations(facts: Facts, posting: PostingRules) -> Iterator[Finding]:
    if FactKind.LOCATION not in facts.loaded:
        return
    # The first key that names a location is the one a person is sent to.
    named = dict.fromkeys((name for names in posting.channels.values() for name in names), "[mappings.channels]")
    if posting.split_location:
        named[posting.split_location] = "[orders] split_location"
    named[posting.location] = "[orders] location"
    for name, key in sorted(named.items()):
        location = facts.locations.get(name)
        if location is None or location.deprecated:
            yield _contradicted(key, f"location {name!r}", FactKind.LOCATION, name)


def _customers(facts: Facts, posting: PostingRules) -> Iterator[Finding]:
    if FactKind.CUSTOMER not in facts.loaded:
        return
    named = [("[orders] customer", posting.customer)]
    named += [(f"[mappings.currencies] {code}", rule.customer) for code, rule in sorted(posting.currencies.items())]
    for key, name in named:
        if name not in facts.customers:
            yield _contradicted(key, f"customer {name!r}", FactKind.CUSTOMER, name)


def _carriers(facts: Facts, posting: PostingRules) -> Iterator[Finding]:
    if FactKind.CARRIER not in facts.loaded:
        return
    for method, name in posting.carriers.items():
        if name not in facts.carriers:
            yield _contradicted(f'[mappings.shipping] "{method}"', f"carrier {name!r}", FactKind.CARRIER, name)


def _charges(facts: Facts, posting: PostingRules) -> Iterator[Finding]:
    if FactKind.PRODUCT not in facts.loaded:
        return
    named = [("[orders] shipping_charge", posting.charges.shipping)]
    if posting.discount_as != LINES_ONLY:
        named.append(("[orders] discount_charge", posting.charges.discount))
    named.append(("[orders] rounding_charge", posting.charges.rounding))
    named += [(f'[mappings.charges] "{slug}"', rule.product) for slug, rule in posting.slugs.items()]
    named += [(f'[mappings.gift_cards] "{card}"', product) for card, product in posting.gift_cards.items()]
    for key, name in named:
        if name and "{rule}" not in name and name not in facts.services:
            yield _contradicted(key, f"service product {name!r}", FactKind.PRODUCT, "", named=name)


def _contradicted(key: str, what: str, kind: FactKind, name: str, *, named: str = "") -> Finding:
    return Finding(
        code="mapping_contradicted",
        cause=f"{key} names {what}, which Cin7 Core does not hold (or not for use).",
        field=f"{key} = {name}" if name else key,
        waits_for=fact_ref(kind, name),
        group=f"mapping_contradicted:{kind.value}:{name or named}",
        facts={"setting": key, "names": what},
    )


def company_findings(facts: Facts, *, today: date | None = None) -> Iterator[Finding]:
    """Yield settings of the account that change what a document adds up to, or refuse documents of today.

    `today` is the day in the books' zone; without it a lock date is only judged for being one.
    """
    if facts.company is None:
        return
    if facts.company.automatic_discounts:
        yield Finding(
            code="automatic_discounts",
            cause="The Cin7 Core account applies discounts by itself when an order is authorised: totals may change.",
            waits_for=fact_ref(FactKind.COMPANY, ""),
            facts={"setting": "AutomaticallyApplyDiscounts", "value": "true"},
        )
    yield from _lock(facts.company, today)


def _lock(company: Company, today: date | None) -> Iterator[Finding]:
    try:
        locked_until = lock_date_of(company.lock_date)
    except ValueError:
        cause = "The lock date of the Cin7 Core account cannot be read, so nobody knows which days are closed."
    else:
        if locked_until is None or today is None or locked_until <= today:
            return
        cause = f"Cin7 Core takes documents from {locked_until} on, and today is {today}: sales of today are refused."
    yield Finding(
        code="period_lock",
        cause=cause,
        field="LockDate",
        waits_for=fact_ref(FactKind.COMPANY, ""),
        facts={"setting": "LockDate", "value": company.lock_date or ""},
    )


def settings_changed(before: Company | None, after: Company) -> Iterator[Finding]:
    """Yield each setting that changes figures and is not what it was when it was last read."""
    if before is None:
        return
    old, new = settings_of(before), settings_of(after)
    for setting in old:
        if old[setting] != new[setting]:
            yield Finding(
                code="account_settings_changed",
                cause=f"{setting} of the Cin7 Core account was changed from {old[setting] or 'nothing'} to"
                f" {new[setting] or 'nothing'}.",
                field=setting,
                group=f"account_settings_changed:{setting}",
                facts={"setting": setting, "was": old[setting], "is": new[setting]},
            )
