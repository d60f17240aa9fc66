"""What a part of a sale comes to: so many pieces of its goods, and what goes along with them (money §2.3, §2.4, §5).

One arithmetic for invoices and credit notes. A part is said from the beginning ("by now in all"), and a document is
that less what the documents before it hold: whatever the parts are and in whichever order they come, they add up to
the sale as it was posted, in every row and in its tax. Figures are ticks (ten-thousandths of the main unit), so that
nothing a person entered is out of reach; what is rounded here is rounded to the minor unit of the currency.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple

import msgspec

from actors.domain.arithmetic import TICK_DIGITS, from_ticks, ticks
from actors.domain.facts import Product
from actors.domain.figures import Sold
from actors.domain.financial import NOTHING
from actors.domain.money import half_up
from actors.domain.rows import OrderRow
from actors.domain.sale import Row, RowKind

_NO_DECIMALS = re.compile("BIF|CLP|DJF|GNF|ISK|JPY|KMF|KRW|PYG|RWF|UGX|VND|VUV|XAF|XOF|XPF")
_THREE_DECIMALS = re.compile("BHD|IQD|JOD|KWD|LYD|OMR|TND")


class Key(NamedTuple):
    """What a row is told by in every document: goods by their SKU, a charge by its service product; and its rule."""

    is_charge: bool
    name: str
    rule: str


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """So much of an item: pieces, and ticks of its amount (in the document's own tax mode) and of its tax."""

    pieces: Decimal = NOTHING
    amount: int = 0
    tax: int = 0

    def __add__(self, other: Part) -> Part:
        return Part(pieces=self.pieces + other.pieces, amount=self.amount + other.amount, tax=self.tax + other.tax)

    def __sub__(self, other: Part) -> Part:
        return Part(pieces=self.pieces - other.pieces, amount=self.amount - other.amount, tax=self.tax - other.tax)

    def __bool__(self) -> bool:
        return bool(self.pieces or self.amount or self.tax)

    def within(self, whole: Part) -> bool:
        """Say whether amount and tax are neither below nothing nor beyond the whole's, which may be below zero."""
        figures = ((self.amount, whole.amount), (self.tax, whole.tax))
        return all(min(most, 0) <= figure <= max(most, 0) for figure, most in figures)


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """What of the sale stands under one key. `divisible`: its pieces have one price, exact for each of them."""

    key: Key
    kind: RowKind
    rows: tuple[OrderRow, ...]
    whole: Part
    divisible: bool

    @property
    def is_goods(self) -> bool:
        """True for what has pieces that are sent and come back."""
        return self.kind is RowKind.LINE

    def holds(self, part: Part) -> bool:
        """Say whether rows of the item can say this part: within it, at its own price, and with no tax on nothing."""
        if part in (Part(), self.whole):
            return True
        if not part.within(self.whole):
            return False
        if not self.is_goods:
            return part.amount != 0
        at_its_price = part.amount * Fraction(self.whole.pieces) == self.whole.amount * Fraction(part.pieces)
        return self.divisible and 0 < part.pieces <= self.whole.pieces and at_its_price

    def left_after(self, held: Part) -> Part:
        """Return what documents leave of the item. Of a charge that is all held no pieces are left, however split."""
        left = self.whole - held
        return left if self.is_goods or left.amount or left.tax else Part()

    def next_after(self, held: Part, by_now: Part) -> Part:
        """Return what is to be added to what documents hold of it: nothing where they are ahead of what is due."""
        left, step = self.left_after(held), by_now - held
        if not step.amount and (not self.is_goods or step.pieces <= 0):
            return Part()
        return Part(pieces=step.pieces, amount=_between(step.amount, left.amount), tax=_between(step.tax, left.tax))


class Parts(msgspec.Struct, frozen=True, kw_only=True):
    """The items of a sale in the order of its rows. `tax_unit` and `price_unit` are the least steps, in ticks."""

    items: dict[Key, Item]
    tax_unit: int
    price_unit: int
    inclusive: bool

    @property
    def goods(self) -> list[Item]:
        """The items that have pieces."""
        return [item for item in self.items.values() if item.is_goods]

    def by_now(
        self, pieces: Mapping[Key, Decimal], charges: Collection[Key], cents: Mapping[Key, int] | None = None
    ) -> dict[Key, Part]:
        """Return what so many pieces and these charges come to in all, with what goes along with them.

        Tax is rounded on the sum of the pieces (half up, to the minor unit), never on one of them. What takes off (a
        discount, a voucher, tender) is spread over what it was taken off; the cents that whole prices left over go with
        the last piece, or with the last of a SKU where `cents` says how many ticks are its own.
        """
        done = {item.key: self._first(item, pieces.get(item.key, NOTHING)) for item in self.goods}
        complete = all(done[item.key] == item.whole for item in self.goods)
        for item in self.items.values():
            if item.is_goods or item.whole.amount < 0:
                continue
            if item.kind is RowKind.ROUNDING:
                done[item.key] = item.whole if complete else self._cents(item, done, cents or {})
            else:
                done[item.key] = item.whole if item.key in charges else Part()
        return done | self._spread(done)

    def _first(self, item: Item, pieces: Decimal) -> Part:
        if pieces >= item.whole.pieces:
            return item.whole
        if pieces <= 0:
            return Part()
        share = Fraction(pieces) / Fraction(item.whole.pieces)
        return Part(
            pieces=pieces, amount=_whole(item.whole.amount * share), tax=rounded(item.whole.tax, share, self.tax_unit)
        )

    def _cents(self, item: Item, done: Mapping[Key, Part], cents: Mapping[Key, int]) -> Part:
        """Return the cents of the SKUs of this rule that are complete; their tax by what of the cents they are."""
        own = sum(
            ticked
            for key, ticked in cents.items()
            if key.rule == item.key.rule and key in self.items and done[key] == self.items[key].whole
        )
        amount = min(own, item.whole.amount)
        if amount <= 0:
            return Part()
        share = Fraction(amount, item.whole.amount)
        return Part(pieces=item.whole.pieces, amount=amount, tax=rounded(item.whole.tax, share, self.tax_unit))

    def _spread(self, done: Mapping[Key, Part]) -> dict[Key, Part]:
        """Share out what takes off: over its own tax rule where that carries it, else over all that is left.

        Each takes its part of what the ones before it left. A share that is rounded on the sum never grows by more than
        what it is taken off does: no document of pieces goes below zero.
        """
        left = self._bases(done)
        shares: dict[Key, Part] = {}
        beyond = []
        for item in (item for item in self.items.values() if item.whole.amount < 0):
            base = left.get(item.key.rule, _Base())
            if not base.carries(item.whole):
                beyond.append(item)
                continue
            shares[item.key] = self._share(item.whole, base)
            left[item.key.rule] = base.less(item.whole, shares[item.key])
        everything = _Base(
            whole=sum((base.whole for base in left.values()), Part()),
            done=sum((base.done for base in left.values()), Part()),
        )
        for item in beyond:
            shares[item.key] = self._share(item.whole, everything)
            everything = everything.less(item.whole, shares[item.key])
        return shares

    def _bases(self, done: Mapping[Key, Part]) -> dict[str, _Base]:
        bases: dict[str, _Base] = {}
        for item in self.items.values():
            if item.whole.amount >= 0:
                known = bases.get(item.key.rule, _Base())
                bases[item.key.rule] = _Base(whole=known.whole + item.whole, done=known.done + done[item.key])
        return bases

    def _share(self, whole: Part, base: _Base) -> Part:
        amount = _share_of(whole.amount, base.done.amount, base.whole.amount, self.price_unit)
        if amount == whole.amount:
            return whole
        tax = _share_of(whole.tax, base.done.tax, base.whole.tax, self.tax_unit)
        return Part(pieces=whole.pieces, amount=amount, tax=tax)


class _Base(msgspec.Struct, frozen=True, kw_only=True):
    """What something is taken off: all of it, and what of it is done by now."""

    whole: Part = Part()
    done: Part = Part()

    def carries(self, negative: Part) -> bool:
        return self.whole.amount + negative.amount >= 0 and self.whole.tax + negative.tax >= 0

    def less(self, negative: Part, share: Part) -> _Base:
        return _Base(whole=self.whole + negative, done=self.done + share)


def parts_of(sold: Sold) -> Parts:
    """Tell the items of a sale apart.

    Raises:
        ValueError: a figure is no number, or finer than four decimals.
    """
    rows: dict[Key, list[OrderRow]] = {}
    for row in sold.rows:
        rows.setdefault(key_of(row), []).append(row)
    named = [key.name for key in rows if not key.is_charge]
    digits = _digits(sold.currency)
    return Parts(
        items={key: _item(key, found, sold, alone=named.count(key.name) == 1) for key, found in rows.items()},
        tax_unit=10 ** (TICK_DIGITS - digits),
        price_unit=10 ** (TICK_DIGITS - min(digits, 2)),
        inclusive=sold.tax_inclusive,
    )


def _item(key: Key, rows: Sequence[OrderRow], sold: Sold, *, alone: bool) -> Item:
    whole = sum((part_of(row) for row in rows), Part())
    kind = RowKind.LINE if not key.is_charge else RowKind(sold.charges.get(key.name, RowKind.CUSTOM))
    return Item(
        key=key,
        kind=kind,
        rows=tuple(rows),
        whole=whole,
        divisible=alone and len(rows) == 1 and key.name not in sold.whole_only and _exact_for_each(whole),
    )


def _exact_for_each(whole: Part) -> bool:
    return whole.pieces > 0 and (Fraction(whole.amount) / Fraction(whole.pieces)).denominator == 1


def key_of(row: OrderRow) -> Key:
    """Return what the row is told by."""
    return Key(row.is_charge, (row.name or row.sku) if row.is_charge else row.sku, row.tax_rule)


def part_of(row: OrderRow) -> Part:
    """Return what a row shows. Raises ValueError where a figure is no number, or finer than four decimals."""
    ticks(row.quantity)
    return Part(pieces=row.quantity, amount=ticks(row.total), tax=ticks(row.tax))


def tally(rows: Iterable[OrderRow]) -> dict[Key, Part]:
    """Add up what documents hold, by key. Raises ValueError as `part_of` does."""
    held: dict[Key, Part] = {}
    for row in rows:
        key = key_of(row)
        held[key] = held.get(key, Part()) + part_of(row)
    return held


def rows_of(item: Item, part: Part, product: Product) -> list[Row]:
    """Write a part the item `holds` as rows: as they were sold where it is all, else one row at its price."""
    if not part:
        return []
    if part == item.whole:
        return [_row(item, row, product, pieces=row.quantity, price=row.price, part=part_of(row)) for row in item.rows]
    row = item.rows[0]
    pieces, price = part.pieces, row.price
    if not item.is_goods and (len(item.rows) > 1 or ticks(price) * pieces != part.amount):
        pieces, price = Decimal(1), from_ticks(part.amount)
    return [_row(item, row, product, pieces=pieces, price=price, part=part)]


def charge_row(service: Product, rule: str, part: Part) -> Row:
    """Write money of one tax rule that is no item of the sale as one charge."""
    amount = from_ticks(part.amount)
    return Row(
        kind=RowKind.CUSTOM,
        sku=service.name,
        product_id=service.id,
        name=service.name,
        quantity=Decimal(1),
        price=amount,
        tax=from_ticks(part.tax),
        tax_rule=rule,
        amount=amount,
        account=service.revenue_account,
    )


def shown(part: Part) -> str:
    """Write a part for people: "2 for 20.00, tax 3.33"."""
    return f"{part.pieces.normalize():f} for {from_ticks(part.amount):f}, tax {from_ticks(part.tax):f}"


def rounded(figure: int, share: Fraction, unit: int) -> int:
    """Return the share of a figure to the nearest unit, a half away from zero."""
    units = half_up(abs(figure) * share / unit)
    return units * unit if figure >= 0 else -units * unit


def _row(item: Item, row: OrderRow, product: Product, *, pieces: Decimal, price: Decimal, part: Part) -> Row:
    return Row(
        kind=item.kind,
        sku=item.key.name,
        product_id=product.id,
        name=row.name or product.name,
        quantity=pieces,
        price=price,
        tax=from_ticks(part.tax),
        tax_rule=row.tax_rule,
        amount=from_ticks(part.amount),
        discount=row.discount,
        account=product.revenue_account,
    )


def _digits(currency: str) -> int:
    """Return the decimals of a currency (ISO 4217): a piece's tax in yen has none, whatever Cin7 would take."""
    if _NO_DECIMALS.fullmatch(currency):
        return 0
    return 3 if _THREE_DECIMALS.fullmatch(currency) else 2


def _between(step: int, left: int) -> int:
    """Return a step towards what is left: neither back nor beyond it."""
    return max(min(left, 0), min(step, max(left, 0)))


def _share_of(whole: int, done: int, of: int, unit: int) -> int:
    return whole if done >= of else rounded(whole, Fraction(max(done, 0), of), unit)


def _whole(amount: Fraction) -> int:
    """Return the amount of pieces in ticks. A price too fine for that is held back before anything is made of it."""
    return amount.numerator // amount.denominator
