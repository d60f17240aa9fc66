"""A month by the doubles' own books, added up document by document, against the report of it. Asks tallyd nothing."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from actors.domain.closing import KINDS, WHOLE, ChainFigures, Closing, Figure, Period
from actors.domain.time import date_in_zone, parse_instant
from adapters.sandbox.cin7_books import Sale
from tests.simulation.laws import minor
from tests.simulation.world import World

ZERO = Decimal(0)
ZONE = ZoneInfo("Europe/London")

Key = tuple[str, str, str]
"""Kind, currency, tax rule."""


class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """What one document comes to under one tax rule ("": of money)."""

    kind: str
    id: str
    day: date
    currency: str
    rule: str
    net: Decimal
    tax: Decimal


class Sums:
    """Documents added up: amounts by kind, currency and rule, and how many there are."""

    def __init__(self, booked: Iterable[Booked]) -> None:
        self.net: defaultdict[Key, Decimal] = defaultdict(Decimal)
        self.tax: defaultdict[Key, Decimal] = defaultdict(Decimal)
        documents: set[tuple[str, str, str]] = set()
        for one in booked:
            key = (one.kind, one.currency, one.rule)
            self.net[key] += one.net
            self.tax[key] += one.tax
            documents.add((one.kind, one.currency, one.id))
        self.documents = Counter((kind, currency) for kind, currency, _ in documents)

    def rules(self, kind: str, currency: str) -> set[str]:
        """Every rule there is anything of."""
        return {rule for of, into, rule in self.net if (of, into) == (kind, currency)}


# -- Cin7 Core's side ------------------------------------------------------------------------------------------------


def cin7_books(made: World) -> Iterator[Booked]:
    """Every document that counts of the sales that were made for orders."""
    for sale in made.cin7.sales:
        if not (sale.external_id or "").startswith("ct-order:") or sale.voided:
            continue
        yield from _rows(sale, "sale", sale.id, sale.order_date, [*sale.lines, *sale.charges])
        for invoice in (one for one in sale.invoices if one.stands):
            yield from _rows(sale, "invoice", invoice.task_id, invoice.day, [*invoice.lines, *invoice.charges])
            yield from _money(sale, "payment", invoice.payments)
        for note in (one for one in sale.credit_notes if one.stands):
            yield from _rows(sale, "credit_note", note.task_id, note.day, [*note.lines, *note.charges])
            yield from _money(sale, "refund", note.refunds)


def _rows(sale: Sale, kind: str, name: str, day: date, rows: Sequence[Any]) -> Iterator[Booked]:
    for row in rows:
        net = row.total - row.tax if sale.tax_inclusive else row.total
        yield Booked(kind=kind, id=name, day=day, currency=sale.currency, rule=row.tax_rule, net=net, tax=row.tax)


def _money(sale: Sale, kind: str, payments: Sequence[Any]) -> Iterator[Booked]:
    for one in payments:
        yield Booked(kind=kind, id=one.id, day=one.day, currency=sale.currency, rule="", net=one.amount, tax=ZERO)


# -- commercetools' side ---------------------------------------------------------------------------------------------


def shop_books(made: World) -> Iterator[Booked]:
    """Every order that was sold and stands, and the money that moved of it."""
    voided: dict[str, bool] = {}
    for sale in made.cin7.sales:
        if (sale.external_id or "").startswith("ct-order:"):
            voided[(sale.external_id or "").split(":")[1]] = sale.voided
    for order in made.shop.orders.values():
        cancelled = order["orderState"] == "Cancelled"
        if order["id"] not in voided or (cancelled and voided[order["id"]]):
            continue
        if not cancelled:
            yield _ordered(order)
        yield from _moved(made, order)


def _ordered(order: dict[str, Any]) -> Booked:
    net, gross = minor(order["taxedPrice"]["totalNet"]), minor(order["taxedPrice"]["totalGross"])
    currency = order["totalPrice"]["currencyCode"]
    day = _day(order["createdAt"])
    return Booked(kind="order", id=order["id"], day=day, currency=currency, rule="", net=net, tax=gross - net)


def _moved(made: World, order: dict[str, Any]) -> Iterator[Booked]:
    for reference in order.get("paymentInfo", {}).get("payments", []):
        transactions = made.shop.payments[reference["id"]]["transactions"]
        succeeded = [one for one in transactions if one["state"] == "Success"]
        back = sum((minor(one["amount"]) for one in succeeded if one["type"] == "Chargeback"), ZERO)
        for one in succeeded:
            amount, kind = minor(one["amount"]), {"Charge": "payment", "Refund": "refund"}.get(one["type"])
            if kind == "payment" and back:
                amount, back = amount - min(back, amount), back - min(back, amount)
            if kind is not None and amount:
                currency, day = one["amount"]["currencyCode"], _day(one["timestamp"])
                yield Booked(kind=kind, id=one["id"], day=day, currency=currency, rule="", net=amount, tax=ZERO)


def _day(text: str) -> date:
    return date_in_zone(parse_instant(text), ZONE)


# -- against the report ----------------------------------------------------------------------------------------------


def judge(made: World, closing: Closing) -> list[str]:
    """Say where the report of a period and the doubles' books part; nothing where they are the same to the cent."""
    cin7 = Sums(one for one in cin7_books(made) if _is_of(one, closing.period))
    shop = Sums(one for one in shop_books(made) if _is_of(one, closing.period))
    wrong = [why for chain in closing.chains for why in (*_theirs(chain, cin7), *_ours(chain, shop))]
    told = {(kind, chain.currency) for chain in closing.chains for kind in KINDS[chain.chain]}
    untold = sorted({*cin7.documents, *shop.documents} - told)
    return [*wrong, *(f"{kind} in {currency} is not told of" for kind, currency in untold)]


def _is_of(one: Booked, period: Period) -> bool:
    return period.first <= one.day <= period.last


def _theirs(chain: ChainFigures, sums: Sums) -> Iterator[str]:
    kind, currency = KINDS[chain.chain][1], chain.currency
    rules = {one.rule: one.cin7 for one in chain.rules}
    nothing = Figure(documents=0, net=ZERO, tax=ZERO, gross=ZERO)
    for rule in sorted({*rules, *sums.rules(kind, currency)}):
        figure, key = rules.get(rule, nothing), (kind, currency, rule)
        booked = (sums.net[key], sums.tax[key])
        if (figure.net, figure.tax) != booked:
            yield f"{kind} {currency} {rule}: {figure.net} + {figure.tax} told, {booked[0]} + {booked[1]} booked"
    if chain.cin7.documents != sums.documents[kind, currency]:
        yield f"{kind} {currency}: {chain.cin7.documents} told, {sums.documents[kind, currency]} booked"


def _ours(chain: ChainFigures, sums: Sums) -> Iterator[str]:
    kind, currency = KINDS[chain.chain][0], chain.currency
    key, figure = (kind, currency, ""), chain.commercetools
    booked = (sums.net[key], sums.tax[key]) if chain.chain not in WHOLE else (sums.net[key], ZERO)
    if (figure.net, figure.tax) != booked or figure.documents != sums.documents[kind, currency]:
        yield (
            f"{kind} {currency} ({chain.chain}): {figure.documents} of {figure.net} + {figure.tax} told,"
            f" {sums.documents[kind, currency]} of {booked[0]} + {booked[1]} in commercetools"
        )
