"""The tables of `[mappings]`, with the rows that people made at the desk laid over them: the desk's wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from actors.domain.posting import ChargeRule, PostingRules


class MappingKind(StrEnum):
    """A table a row may be added to, by the name it has under `[mappings]`."""

    TAX = "tax"
    CHARGES = "charges"
    PAYMENTS = "payments"
    SHIPPING = "shipping"
    CARRIERS = "carriers"
    GIFT_CARDS = "gift_cards"


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A row. `value` "": the desk's is taken back, and what the configuration says holds again.

    `tender` is for charges alone: the order is paid with it, not discounted.
    """

    kind: MappingKind
    key: str
    value: str
    tender: bool = False


class Entry(NamedTuple):
    """What a key is mapped to."""

    value: str
    tender: bool = False


class Mappings(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that hold those tables: of documents, of payments (`accounts`), of what is shipped (`carriers`)."""

    posting: PostingRules
    accounts: Mapping[str, str] = {}
    carriers: Mapping[str, str] = {}

    def table(self, kind: MappingKind) -> dict[str, Entry]:
        """Return one table."""
        if kind is MappingKind.CHARGES:
            return {slug: Entry(rule.product, rule.tender) for slug, rule in self.posting.slugs.items()}
        plain = {
            MappingKind.TAX: self.posting.tax,
            MappingKind.PAYMENTS: self.accounts,
            MappingKind.SHIPPING: self.posting.carriers,
            MappingKind.CARRIERS: self.carriers,
            MappingKind.GIFT_CARDS: self.posting.gift_cards,
        }[kind]
        return {key: Entry(value) for key, value in plain.items()}


def lay(configured: Mappings, rows: Iterable[Row]) -> Mappings:
    """Lay rows over the configuration; of one key the last row counts."""
    newest = {(row.kind, row.key): row for row in rows}
    held = [row for row in newest.values() if row.value]

    def of(kind: MappingKind) -> dict[str, str]:
        return {row.key: row.value for row in held if row.kind is kind}

    posting = configured.posting
    charges = {
        row.key: ChargeRule(product=row.value, tender=row.tender) for row in held if row.kind is MappingKind.CHARGES
    }
    return Mappings(
        posting=msgspec.structs.replace(
            posting,
            tax=posting.tax | of(MappingKind.TAX),
            slugs=posting.slugs | charges,
            gift_cards=posting.gift_cards | of(MappingKind.GIFT_CARDS),
            carriers=posting.carriers | of(MappingKind.SHIPPING),
        ),
        accounts=dict(configured.accounts) | of(MappingKind.PAYMENTS),
        carriers=dict(configured.carriers) | of(MappingKind.CARRIERS),
    )


# -- what waits for a row ---------------------------------------------------------------------------------------------


class Told(Protocol):
    """An open exception, as far as a row may answer it."""

    @property
    def type(self) -> str:
        """Its type."""
        ...

    @property
    def group(self) -> str:
        """Its cause, by a key that many may share."""
        ...

    @property
    def field(self) -> str:
        """The field as its system spells it."""
        ...

    @property
    def sku(self) -> str:
        """The SKU, or the slug of a gift card."""
        ...

    @property
    def facts(self) -> Mapping[str, str]:
        """What is shown beside it."""
        ...


_OF_TAX = ("tax_unmapped", "tax_rule_unknown", "tax_rule_inactive", "tax_rate_differs")
_TWO_RULES = ("sku_two_rules", "line_two_rules")

TYPES: Mapping[MappingKind, tuple[str, ...]] = {
    MappingKind.TAX: (*_OF_TAX, *_TWO_RULES),
    MappingKind.CHARGES: ("charge_unmapped", "charge_unknown", "tender_taxed"),
    MappingKind.PAYMENTS: ("payment_unmapped",),
    MappingKind.SHIPPING: ("carrier_unknown", "facts_missing"),
    MappingKind.CARRIERS: (),
    MappingKind.GIFT_CARDS: ("gift_card_unmapped", "sku_unknown", "charge_unmapped", "charge_unknown"),
}
"""Types of exceptions that a row of each kind may answer."""


def answers(kind: MappingKind, key: str, before: str, told: Told) -> bool:
    """Say whether a row for this key may answer an exception of one of its kind's `TYPES`.

    `before` is what the key was mapped to until now ("": nothing): a rule or a product that does not exist is told by
    its own name. Judged again, an order that the row does not help is held as it was.
    """
    names = {name for name in (key, before) if name}
    about = told.group.removeprefix(f"{told.type}:")
    if told.type in _TWO_RULES:
        return True
    if told.type in _OF_TAX:
        return key in keys_shown(told.facts) or about in names
    if told.type == "payment_unmapped":
        return key in _payment_keys(told.field)
    if told.type == "facts_missing":
        return about == "carrier"
    if told.type == "sku_unknown":
        return told.sku == key
    return about in names


_KEY = "key "
_MOST_KEYS = 3


def key_facts(keys: Iterable[str]) -> dict[str, str]:
    """Return the keys that were looked for, as an exception shows them: whoever mends it has them before their eyes."""
    return {f"{_KEY}{place}": key for place, key in enumerate(keys, 1)}


def keys_shown(facts: Mapping[str, str]) -> frozenset[str]:
    """Return the keys among what an exception shows."""
    return frozenset(facts[f"{_KEY}{place}"] for place in range(1, _MOST_KEYS + 1) if f"{_KEY}{place}" in facts)


def _payment_keys(method: str) -> frozenset[str]:
    """`[mappings.payments]` names "<interface>/<method>", or one of the two."""
    return frozenset({method, *method.split("/", 1)})
