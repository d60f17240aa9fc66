"""Is a mapping row one that the flows can work with? Judged strictly, before it is tried or put in force."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal, InvalidOperation

import msgspec

from actors.domain.exception_types import Finding
from actors.domain.facts import FactKind, Facts, TaxRule
from actors.domain.mapped import MappingKind, Mappings, Row, lay
from actors.domain.mapping import UNTAXED, gift_card_service, service_of
from actors.domain.tendering import account_problem
from adapters.operator.mapping_api import KINDS, MappingDraft
from adapters.operator.problems import ProblemError

LONGEST = 256
"""Characters of a key or a value: what both systems name is shorter."""

_SMALL_COUNTRY = re.compile(r"[A-Za-z]{2}/.*")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A row that may be put in force, and what whoever does it should know."""

    row: Row
    warnings: tuple[str, ...] = ()


def judge(draft: MappingDraft, known: Facts, held: Mappings) -> Judged:
    """Return the row; `known` is the account as last read, `held` the tables as they hold now.

    Raises:
        ProblemError: 400, naming the field, the value and the mend; 409, the list it would be held against was never
            read.
    """
    row = _row(draft)
    if not row.value:
        return Judged(row=row)
    _collision(row, held)
    warnings = _JUDGES[row.kind](row, known, lay(held, [row]))
    return Judged(row=row, warnings=tuple(warnings))


def _row(draft: MappingDraft) -> Row:
    if draft.kind not in KINDS:
        raise _wrong("kind", draft.kind, f"it is one of {', '.join(KINDS)}")
    _text("key", draft.key)
    if not draft.key:
        raise _wrong("key", "", "name what is mapped: it is what the exception shows")
    _text("value", draft.value)
    if draft.tender and draft.kind != MappingKind.CHARGES:
        raise _wrong("tender", "true", "only a custom line (charges) can be paid with")
    return Row(kind=MappingKind(draft.kind), key=draft.key, value=draft.value, tender=draft.tender)


def _text(field: str, text: str) -> None:
    if len(text) > LONGEST:
        raise _wrong(field, f"{text[:20]}…", f"it has {len(text)} characters, and at most {LONGEST} are taken")
    if text != text.strip() or not text.isprintable():
        raise _wrong(field, text, "names match exactly: no space at either end, and no control characters")


def _collision(row: Row, held: Mappings) -> None:
    """One slug is a charge or a gift card: as both it would be sold as a debt and booked as a charge."""
    other = {MappingKind.CHARGES: MappingKind.GIFT_CARDS, MappingKind.GIFT_CARDS: MappingKind.CHARGES}.get(row.kind)
    if other is not None and row.key in held.table(other):
        raise _wrong("key", row.key, f"it is mapped in {other.value} already: take it out there first")


# -- each kind --------------------------------------------------------------------------------------------------------


def _tax(row: Row, known: Facts, _: Mappings) -> Iterable[str]:
    rate = _rate_of(row.key)
    _read(FactKind.TAX_RULE, known)
    rule = known.tax_rules.get(row.value)
    if rule is None:
        raise _wrong("value", row.value, f"Cin7 Core has no tax rule of exactly this name; it has {_some(known)}")
    if not rule.active or not rule.for_sale:
        state = "not active" if not rule.active else "not for sales"
        raise _wrong("value", row.value, f"the rule is {state} in Cin7 Core: activate it there, or name another")
    if rate is not None and rule.percent != rate * 100:
        raise _wrong("value", row.value, f"the rule has {rule.percent} %, and {row.key} is {rate * 100:f} %")
    return ()


def _rate_of(key: str) -> Decimal | None:
    """Return the rate a key names, None where it is a name. Raises `ProblemError` where no order's tax can be it."""
    if key == UNTAXED:
        return Decimal(0)
    if _SMALL_COUNTRY.fullmatch(key) and not key[:2].isupper():
        raise _wrong("key", key, f"countries are two capital letters: write {key[:2].upper()}{key[2:]}")
    try:
        rate = Decimal(key)
    except InvalidOperation:
        return None
    if not rate.is_finite():
        return None
    if not 0 <= rate < 1:
        raise _wrong("key", key, f"a rate is a fraction of 1: write {rate / 100:f} for {key} %")
    plain = format(abs(rate.normalize()), "f")
    if key != plain:
        raise _wrong("key", key, f"rates are looked for without zeros at the end: write {plain}")
    return rate


def _some(known: Facts) -> str:
    names = sorted(name for name, rule in known.tax_rules.items() if _is_for_sales(rule))
    return ", ".join(names[:10]) + (" and more" if len(names) > 10 else "") if names else "none for sales"


def _is_for_sales(rule: TaxRule) -> bool:
    return rule.active and rule.for_sale


def _charge(row: Row, known: Facts, _: Mappings) -> Iterable[str]:
    _read(FactKind.PRODUCT, known)
    found = service_of(row.value, known)
    if isinstance(found, Finding):
        raise _wrong("value", row.value, f"{found.cause}: create it there, or name another")
    return ()


def _payment(row: Row, known: Facts, _: Mappings) -> Iterable[str]:
    _read(FactKind.ACCOUNT, known)
    found = account_problem(row.key, row.value, known.accounts)
    if found is not None:
        raise _wrong("value", row.value, f"{found.cause} Name the code of an account that takes payments.")
    return ()


def _shipping(row: Row, known: Facts, _: Mappings) -> Iterable[str]:
    return _carrier("value", row.value, known)


def _shown(row: Row, known: Facts, _: Mappings) -> Iterable[str]:
    return _carrier("key", row.key, known)


def _carrier(field: str, name: str, known: Facts) -> Iterable[str]:
    """The list is read only where a method is mapped: before the first one, nobody knows."""
    if FactKind.CARRIER not in known.loaded:
        return (f"The carriers of Cin7 Core were not read yet, so nobody knows whether it has {name}.",)
    if name not in known.carriers:
        names = ", ".join(sorted(known.carriers)[:10]) or "none"
        raise _wrong(field, name, f"Cin7 Core has no carrier of exactly this name; it has {names}")
    return ()


def _gift_card(row: Row, known: Facts, then: Mappings) -> Iterable[str]:
    _read(FactKind.PRODUCT, known)
    found = gift_card_service(row.key, known, then.posting)
    if isinstance(found, Finding):
        raise _wrong("value", row.value, f"{found.cause}")
    return ()


_JUDGES: dict[MappingKind, Callable[[Row, Facts, Mappings], Iterable[str]]] = {
    MappingKind.TAX: _tax,
    MappingKind.CHARGES: _charge,
    MappingKind.PAYMENTS: _payment,
    MappingKind.SHIPPING: _shipping,
    MappingKind.CARRIERS: _shown,
    MappingKind.GIFT_CARDS: _gift_card,
}


def _read(kind: FactKind, known: Facts) -> None:
    if kind not in known.loaded:
        names = f"{kind.value.replace('_', ' ')}s"
        raise ProblemError(409, f"The {names} of Cin7 Core were not read yet: try again in a minute.")


def _wrong(field: str, value: str, mend: str) -> ProblemError:
    return ProblemError(400, f"{field} {value!r}: {mend.rstrip('.')}.")
