"""Edits laid over an order: what they change, what they never change, and when they give way."""

from __future__ import annotations

from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain import edits
from actors.domain.notes import note_of
from actors.domain.order import Address, Order
from actors.domain.patching import PARTS, Edited, Laid, Patch, joined, lay, put, sold_as, standing, unfit
from actors.domain.people import contact_of, email_of, phone_of, withhold
from actors.domain.prediction import Hold, Prediction, predict
from tests.orders_builder import facts_for, line, plain_order, rules_for

ORDER = msgspec.structs.replace(plain_order(), purchase_order="7", email="ann@example.org")
RECEIVER = ORDER.shipping_address or Address(country="GB")
RULES = rules_for(ORDER)


def texts(field: Edited, /, number: int = 1, **values: str) -> Patch:
    return edit(field, values, number=number)


def edit(field: Edited, values: dict[str, str], *, order: Order = ORDER, number: int = 1) -> Patch:
    return Patch(id=number, field=field, names=tuple(values), values=values, base=standing(order, values))


def alias(sku: str, as_sku: str, number: int = 1) -> Patch:
    return Patch(id=number, field=Edited.ALIAS, sku=sku, alias=as_sku)


def goods(*skus: str) -> Order:
    lines = tuple(msgspec.structs.replace(line(sku, 1), id=str(place)) for place, sku in enumerate(skus))
    return msgspec.structs.replace(ORDER, lines=lines)


def skus(order: Order) -> list[tuple[str | None, str | None]]:
    return [(one.sku, one.ordered_as) for one in order.lines]


# -- aliases -----------------------------------------------------------------------------------------------------------

ALIASES = [
    ("one", [alias("A", "Y")], [("Y", "A"), ("B", None)]),
    ("the newest counts", [alias("A", "Y"), alias("A", "Z", 2)], [("Z", "A"), ("B", None)]),
    ("no chain", [alias("A", "B"), alias("B", "C", 2)], [("B", "A"), ("C", "B")]),
    ("not there", [alias("X", "Y")], [("A", None), ("B", None)]),
    ("exactly", [alias("a", "Y")], [("A", None), ("B", None)]),
]


@pytest.mark.parametrize(("_case", "stand", "wanted"), ALIASES, ids=[case[0] for case in ALIASES])
def test_a_line_is_sold_as_its_alias(_case: str, stand: list[Patch], wanted: list[tuple[str, str | None]]) -> None:
    assert skus(lay(goods("A", "B"), stand).order) == wanted


PAIRS = st.dictionaries(st.sampled_from("ABC"), st.sampled_from("ABCXYZ"), max_size=3)


@given(st.lists(st.sampled_from("ABC"), max_size=4), PAIRS, PAIRS)
def test_aliases_may_be_laid_over_an_order_again_and_are_taken_off_again(
    ordered: list[str], first: dict[str, str], second: dict[str, str]
) -> None:
    order = goods(*ordered)
    once = sold_as(order, first)
    assert sold_as(once, first) == once
    assert sold_as(once, second) == sold_as(order, second)
    assert sold_as(once, {}) == order


# -- texts -------------------------------------------------------------------------------------------------------------


def laid_text(order: Order, name: str) -> str:
    receiver = order.shipping_address or Address(country="")
    return {
        "street": receiver.line1,
        "additional": receiver.line2,
        "postal_code": receiver.postcode,
        "city": receiver.city,
        "region": receiver.state,
        "email": email_of(order),
        "phone": phone_of(order),
        "name": contact_of(order),
        "company": receiver.company,
        "note": note_of(order, RULES),
    }[name]


@pytest.mark.parametrize("name", [name for parts in PARTS.values() for name in parts if name != "country"])
def test_each_text_goes_where_its_sale_takes_it_from_and_nowhere_else(name: str) -> None:
    [field] = [one for one, parts in PARTS.items() if name in parts]
    shown = "name" if name.endswith("_name") else name
    order = lay(ORDER, [edit(field, {name: "put in"})]).order
    assert laid_text(order, shown) == "put in"
    others = [other for other in ("street", "city", "email", "phone", "name", "company", "note") if other != shown]
    assert [laid_text(order, other) for other in others] == [laid_text(ORDER, other) for other in others]


VALUES = st.text("abc 1", max_size=6)
PATCHES = st.lists(
    st.one_of(
        st.builds(lambda sku: alias(sku, "Y"), st.sampled_from(["A", "SKU"])),
        st.sampled_from(list(PARTS)).flatmap(
            lambda field: st.dictionaries(st.sampled_from(PARTS[field]), VALUES, min_size=1).map(
                lambda values: edit(field, values)
            )
        ),
        st.sampled_from(list(PARTS)).map(lambda field: Patch(id=3, field=field, names=PARTS[field])),
    ),
    max_size=5,
)


@given(PATCHES)
def test_nothing_that_was_counted_or_paid_is_ever_changed(stand: list[Patch]) -> None:
    order = lay(ORDER, stand).order
    blank = Address(country="GB")
    calm: dict[str, Any] = {"note": None, "email": "", "shipping_address": blank, "billing": blank, "lines": ()}
    assert msgspec.structs.replace(order, **calm) == msgspec.structs.replace(ORDER, **calm)
    named = {"sku": None, "ordered_as": None}
    assert [msgspec.structs.replace(one, **named) for one in order.lines] == [
        msgspec.structs.replace(one, **named) for one in ORDER.lines
    ]
    assert order.billing == ORDER.billing
    assert order.shipping_address is not None
    assert order.shipping_address.country == RECEIVER.country


def test_an_alias_is_predicted_to_the_cent_under_its_own_name() -> None:
    ordered = ORDER.lines[0].sku
    assert ordered is not None
    sold = lay(ORDER, [alias(ordered, "Y")]).order
    known = facts_for(sold)
    assert isinstance(predict(ORDER, known, RULES), Hold)
    predicted, plain = predict(sold, known, RULES), predict(ORDER, facts_for(ORDER), RULES)
    assert isinstance(predicted, Prediction)
    assert isinstance(plain, Prediction)
    assert [row.sku for row in predicted.rows] == ["Y" if row.sku == ordered else row.sku for row in plain.rows]
    assert (predicted.net, predicted.tax, predicted.total) == (plain.net, plain.tax, plain.total)


LAID = [
    ("the newer edit counts", [texts(Edited.ADDRESS, city="B"), texts(Edited.ADDRESS, 2, city="C")], "C", set(), ()),
    ("lost is blank", [Patch(id=1, field=Edited.ADDRESS, names=("city",))], "", {"city"}, ()),
    (
        "lost and edited anew",
        [Patch(id=1, field=Edited.ADDRESS, names=("city",)), texts(Edited.ADDRESS, 2, city="C")],
        "C",
        set(),
        (),
    ),
    (
        "another text was edited since",
        [Patch(id=1, field=Edited.ADDRESS, names=("city",), values={"city": "B"}, base={"city": "elsewhere"})],
        RECEIVER.city,
        set(),
        (1,),
    ),
    (
        "it gives way as a whole",
        [
            Patch(
                id=1,
                field=Edited.ADDRESS,
                names=("city", "street"),
                values={"city": "B", "street": "S"},
                base={"city": RECEIVER.city, "street": "elsewhere"},
            )
        ],
        RECEIVER.city,
        set(),
        (1,),
    ),
]


@pytest.mark.parametrize(("_case", "stand", "city", "lost", "overtaken"), LAID, ids=[case[0] for case in LAID])
def test_what_counts_of_several(
    _case: str, stand: list[Patch], city: str, lost: set[str], overtaken: tuple[int, ...]
) -> None:
    laid = lay(ORDER, stand)
    assert laid == Laid(order=laid.order, lost=frozenset(lost), overtaken=overtaken)
    assert laid.order.shipping_address is not None
    assert laid.order.shipping_address.city == city


def test_without_a_shipping_address_the_payer_is_who_it_is_for() -> None:
    order = msgspec.structs.replace(ORDER, shipping_address=None, billing=RECEIVER)
    laid = lay(order, [edit(Edited.CONTACT, {"phone": "1"}, order=order)]).order
    assert (laid.shipping_address, phone_of(laid)) == (None, "1")
    nowhere = msgspec.structs.replace(ORDER, shipping_address=None, billing=None)
    assert put(nowhere, {"city": "B"}) == nowhere


def test_the_note_of_the_desk_is_withheld_like_any_text_about_people() -> None:
    order = lay(ORDER, [texts(Edited.NOTE, note="Ring Zoe\nat the back")]).order
    assert withhold(order, "Note 'Ring Zoe' refused, at the back") == "Note '(withheld)' refused, (withheld)"


JOINED = [
    ({"first_name": "Ann", "last_name": "Lee"}, {"name": "Ann Lee"}),
    ({"first_name": "", "last_name": " Lee "}, {"name": "Lee"}),
    ({"first_name": "", "last_name": ""}, {"name": ""}),
    ({"city": "B"}, {"city": "B"}),
]


@pytest.mark.parametrize(("values", "wanted"), JOINED)
def test_a_name_is_one(values: dict[str, str], wanted: dict[str, str]) -> None:
    assert joined(values) == wanted


UNFIT = [
    ({"postal_code": "x" * 21}, "postal_code has 21"),
    ({"phone": "x" * 51}, "phone has 51"),
    ({"company": "x" * 129}, "company has 129"),
    ({"note": "x" * 1025}, "note has 1025"),
    ({"first_name": "x" * 300, "last_name": "y" * 300}, "name has 601"),
    ({"city": "a\nb"}, "cannot be printed"),
    ({"note": "a\x1b[31m"}, "cannot be printed"),
    ({"email": "ann"}, "no e-mail"),
    ({"email": "a b@c.d"}, "no e-mail"),
    ({"email": "a@b@c"}, "no e-mail"),
]


@pytest.mark.parametrize(("values", "words"), UNFIT)
def test_what_cin7_would_not_take_is_refused_and_not_quoted(values: dict[str, str], words: str) -> None:
    said = unfit(values)
    assert words in said
    assert not any(text in said for text in values.values() if len(text) > 3)


def test_what_fits_fits() -> None:
    assert unfit({"note": "two\nlines", "email": "ann@example.org", "postal_code": "x" * 20, "region": ""}) == ""


def test_a_plain_order_is_left_as_it_is() -> None:
    assert lay(ORDER, []).order is ORDER


# -- what a sale is made from ------------------------------------------------------------------------------------------


def made_from(order: Order) -> dict[str, str]:
    return edits.fields(order, RULES, lambda text: f"digest {hash(text)}")


def test_the_note_of_the_desk_is_a_text_of_the_header_and_kept_as_a_digest() -> None:
    order = lay(ORDER, [texts(Edited.NOTE, note="Ring Zoe")]).order
    [change] = edits.compare(made_from(ORDER), made_from(order))
    assert (change.kind, change.shown) == (edits.Kind.SAFE, ("", "changed"))
    assert edits.is_header(change.field)
    assert not [text for text in made_from(order).values() if "Zoe" in text]
    sent = edits.change_of(order, [change], "sale", RULES, UTC)
    assert sent is not None
    assert (sent.note, sent.email, sent.shipping) == ("Ring Zoe", None, None)


@pytest.mark.parametrize("name", [name for parts in PARTS.values() for name in parts if name != "country"])
def test_a_lost_text_counts_as_kept_by_its_sale_and_every_other_as_it_is(name: str) -> None:
    [field] = [one for one, parts in PARTS.items() if name in parts]
    sale = made_from(lay(ORDER, [edit(field, {name: "put in"})]).order)
    laid = lay(ORDER, [Patch(id=1, field=field, names=(name,))])
    assert edits.compare(sale, made_from(laid.order)) != ()
    assert edits.compare(sale, edits.unseen(sale, made_from(laid.order), laid.lost)) == ()
    moved = msgspec.structs.replace(laid.order, billing=None, total=laid.order.total + 1)
    changes = edits.compare(sale, edits.unseen(sale, made_from(moved), laid.lost))
    assert {change.field for change in changes} >= {"total"}


def test_an_alias_is_what_the_sale_is_made_from() -> None:
    ordered = ORDER.lines[0].sku or ""
    sale = made_from(lay(ORDER, [alias(ordered, "Y")]).order)
    assert "line Y quantity" in sale
    assert f"line {ordered} quantity" not in sale
