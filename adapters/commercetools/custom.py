"""Custom fields as texts: the shop makes them up, so nothing about them is sure but that each has a name.

A field that is none of the documented kinds is left out: it must never make the order unreadable.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from actors.domain.money import is_plain, to_decimal
from adapters.commercetools import wire
from adapters.commercetools.localised import in_locale

_FIELDS = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal)
_MOST_DIGITS = 20
"""`fractionDigits` of high-precision money reaches this, and no further."""


def custom_texts(custom: msgspec.Raw, locale: str | None) -> dict[str, str]:
    """Return the readable fields of `order.custom` by name.

    Texts, dates and times stand as they came; a number or boolean is written out, an enumeration is its label, what is
    localised follows the order's locale, money is `19.99 EUR`, a set is joined by commas, a reference is its id.
    """
    try:
        holder = msgspec.json.decode(custom, type=wire.CustomFields | None)
        fields = _FIELDS.decode(holder.fields) if holder is not None else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    texts = {name: _text(value, locale) for name, value in fields.items()}
    return {name: text for name, text in texts.items() if text is not None}


def _text(value: Any, locale: str | None) -> str | None:
    if not isinstance(value, list):
        return _single(value, locale)
    parts = [_single(part, locale) for part in value]
    known = [part for part in parts if part is not None]
    # Part of a set would read like all of it.
    return ", ".join(known) if known and len(known) == len(parts) else None


def _single(value: Any, locale: str | None) -> str | None:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if is_plain(Decimal(value)) else None
        case Decimal():
            return f"{value:f}" if is_plain(value) else None
        case {"centAmount": int(), "currencyCode": str()}:
            return _money(value)
        case {"typeId": str(), "id": str(named)} | {"typeId": str(), "key": str(named)}:
            return named  # stores are referred to by key
        case {"typeId": str()}:
            return None
        case {"key": str(), "label": label}:
            return _localised(label, locale)
        case dict():
            return _localised(value, locale)
    return None


def _money(value: dict[str, Any]) -> str | None:
    digits = value.get("fractionDigits")
    amount = value.get("preciseAmount", value["centAmount"])
    if type(digits) is not int or type(amount) is not int or not 0 <= digits <= _MOST_DIGITS:
        return None
    return f"{to_decimal(amount, digits):f} {value['currencyCode']}"


def _localised(value: Any, locale: str | None) -> str | None:
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or not value or not all(isinstance(text, str) for text in value.values()):
        return None
    return in_locale(value, locale)
