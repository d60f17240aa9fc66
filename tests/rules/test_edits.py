"""Edits of an order after its sale: what is found, what may be applied, what is shown of it, what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain import edits, payments
from actors.domain.edits import Kind, compare
from actors.domain.notes import NOTE, SHIP_BY, SHIPPING_NOTES
from actors.domain.order import CustomLine, Order, Payment, Shipping, Taxed, Transaction
from actors.domain.posting import PostingRules
from actors.domain.sale import SaleChange
from storage.bodies import Sealer
from tests.orders_builder import (
    ADDRESS,
    REDUCED,
    custom_line,
    discounted_by_rate,
    line,
    plain_order,
    rate_of,
    rules_for,
    shipment,
)
from tests.rich_orders import rich_orders

LONDON = ZoneInfo("Europe/London")
SALE = "11111111-2222-4333-8444-555555555555"
DIGEST = Sealer(bytes(range(32))).digest
FIELDS = {"gift": NOTE, "door": SHIPPING_NOTES, "day": SHIP_BY, "desk": "AdditionalAttribute3", "till": NOTE}


def full_order() -> Order:
    """An order in which every field that a sale is made from holds something."""
    billing = msgspec.structs.replace(ADDRESS, name="Bob Payer", company="Payer Ltd", line2="Flat 4", phone="1")
    shipping = msgspec.structs.replace(ADDRESS, company="Example Ltd", line2="Unit 7")
    order = plain_order(
        line("A", 2, 1999, supply_channel="north"),
        line("A", 1, 1500),
        line("B", 3, 499, rate=REDUCED),
        shipping=(shipment(495, discounted=300, key="first"), shipment(600, key="second", method="Express")),
        custom=(custom_line(),),
        billing=billing,
        shipping_address=shipping,
        purchase_order="PO-77",
    )
    texts = {"gift": "For Ann", "door": "Ring twice", "day": "2026-12-24", "desk": "Zoe", "other": "unmapped"}
    return discounted_by_rate(msgspec.structs.replace(order, custom=texts), 250)


def rules(order: Order, **changes: Any) -> PostingRules:
    return rules_for(order, **{"fields": FIELDS, **changes})


def fields(order: Order, **changes: Any) -> dict[str, str]:
    return edits.fields(order, rules(order, **changes), DIGEST)


def changed(before: Order, after: Order) -> dict[str, Kind]:
    return {change.field: change.kind for change in compare(fields(before), fields(after))}


def replaced(order: Order, path: str, value: Any) -> Order:
    """Put a value at a path such as `lines.0.quantity`."""
    made = _replaced(order, path.split("."), value)
    assert isinstance(made, Order)
    return made


def _replaced(part: Any, path: list[str], value: Any) -> Any:
    if not path:
        return value
    name, *rest = path
    if isinstance(part, tuple):
        place = int(name)
        return (*part[:place], _replaced(part[place], rest, value), *part[place + 1 :])
    if isinstance(part, dict):
        return part | {name: _replaced(part[name], rest, value)}
    return msgspec.structs.replace(part, **{name: _replaced(getattr(part, name), rest, value)})


# -- what is found -----------------------------------------------------------------------------------------------------

NO_PART = {
    "": {
        "id",
        "version",
        "created_at",
        "modified_at",
        "state",
        "payment_state",
        "shipment_state",
        "workflow_state",
        "store",
        "country",
        "tax_mode",
        "tax_rounding",
        "tax_calculation",
        "price_rounding",
        "inventory_mode",
        "shipping_mode",
        "taxed_shipping",
        "payments",
        "payments_expanded",
        "sync",
        "customer_id",
        "deliveries",
        "returns",
    },
    "lines": {
        "id",
        "name",
        "unit_minor",
        "list_minor",
        "currency",
        "high_precision",
        "groups",
        "price_mode",
        "mode",
        "inventory_mode",
        "method_rates",
        "travels",
    },
    "custom_lines": {"id", "unit_minor", "method_rates"},
    "shipping": {"price"},
    "tax_rate": {"sub_rates"},
    "billing": {"phone", "email"},
    "shipping_address": {"email"},
    "custom": {"other"},
}
"""Fields of an order that its sale is not made from; of prices and texts that stand behind others, the one behind."""


def leaves(part: Any, path: str = "", where: str = "") -> Iterator[tuple[str, Any]]:
    """List every figure and text of an order that a sale is made from."""
    if isinstance(part, msgspec.Struct):
        named = [(name, getattr(part, name)) for name in part.__struct_fields__]
    elif isinstance(part, dict):
        named = list(part.items())
    elif isinstance(part, tuple):
        named = [(str(place), one) for place, one in enumerate(part)]
    else:
        yield path, part
        return
    for name, value in named:
        if name in NO_PART.get(where, ()) or value is None:
            continue
        inner = where if name.isdigit() else name
        yield from leaves(value, f"{path}.{name}".strip("."), inner)


LEAVES = dict(leaves(full_order()))


@pytest.mark.parametrize("path", LEAVES)
def test_every_field_a_sale_is_made_from_is_found_when_it_changes(path: str) -> None:
    value = LEAVES[path]
    other: Any = not value if isinstance(value, bool) else f"{value}x" if isinstance(value, str) else value + 1
    assert changed(full_order(), replaced(full_order(), path, other))


def test_no_field_is_left_out_by_accident() -> None:
    assert {"lines.1.taxed.net", "shipping.1.tax_rate.rate", "taxed.portions.0.amount", "custom.desk"} <= LEAVES.keys()
    assert len(LEAVES) > 80


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", 9),
        ("state", "Confirmed"),
        ("payment_state", "Failed"),
        ("shipment_state", "Shipped"),
        ("lines.0.id", "another"),
        ("custom.other", "unmapped still"),
        ("billing.phone", "2"),
        ("shipping.0.price", 700),
    ],
)
def test_what_a_sale_is_not_made_from_is_no_edit(path: str, value: Any) -> None:
    assert changed(full_order(), replaced(full_order(), path, value)) == {}


@given(st.integers(0, 10_000))
def test_an_order_does_not_differ_from_itself(seed: int) -> None:
    [order] = rich_orders(seed, 1)
    assert compare(fields(order), fields(order)) == ()
    turned = msgspec.structs.replace(
        order, lines=order.lines[::-1], custom_lines=order.custom_lines[::-1], shipping=order.shipping[::-1]
    )
    assert changed(order, turned) == {}


@given(st.integers(0, 10_000), st.data())
def test_one_figure_more_is_found_in_any_order(seed: int, data: st.DataObject) -> None:
    [order] = rich_orders(seed, 1)
    figures = [path for path, value in leaves(order) if isinstance(value, int) and not isinstance(value, bool)]
    path = data.draw(st.sampled_from(figures))
    value = dict(leaves(order))[path]
    found = changed(order, replaced(order, path, value + data.draw(st.sampled_from([-1, 1, 100]))))
    assert set(found.values()) == {Kind.UNSAFE}


def test_a_line_that_was_taken_out_and_put_back_is_what_it_was() -> None:
    order = full_order()
    first, *others = order.lines
    back = msgspec.structs.replace(order, lines=(*others, msgspec.structs.replace(first, id="another")))
    assert changed(order, back) == {}


# -- what it asks for --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "value", "found"),
    [
        ("shipping_address.city", "York", {"shippingAddress.city": Kind.SAFE}),
        ("shipping_address.country", "IE", {"shippingAddress.country": Kind.SAFE}),
        ("shipping_address.name", "Cy", {"shippingAddress.name": Kind.SAFE, "contact": Kind.SAFE}),
        ("shipping_address.phone", "3", {"phone": Kind.SAFE}),
        ("billing.postcode", "YO1 7HH", {"billingAddress.postcode": Kind.SAFE}),
        ("email", "new@example.test", {"customerEmail": Kind.SAFE}),
        ("purchase_order", "PO-78", {"purchaseOrderNumber": Kind.SAFE}),
        ("number", "CT-2", {"orderNumber": Kind.SAFE}),
        ("custom.gift", "For Zoe", {"custom.fields.gift": Kind.SAFE}),
        ("custom.day", "2026-12-25", {"custom.fields.day": Kind.SAFE}),
        ("lines.2.quantity", 4, {"line B quantity": Kind.UNSAFE}),
        ("lines.2.total", 1, {"line B price": Kind.UNSAFE}),
        ("lines.2.taxed", Taxed(net=1, gross=2), {"line B net": Kind.UNSAFE, "line B gross": Kind.UNSAFE}),
        ("lines.2.tax_rate", rate_of("0.2", name="reduced"), {"line B tax rate": Kind.UNSAFE}),
        ("lines.0.supply_channel", "south", {"supply channels": Kind.UNSAFE}),
        ("custom_lines.0.quantity", 2, {"charge gift-wrap quantity": Kind.UNSAFE}),
        ("custom_lines.0.name", "For Ann", {"charge gift-wrap name": Kind.UNSAFE}),
        ("shipping.0.method", "Bike", {"shipping first method": Kind.UNSAFE}),
        ("shipping.0.discounted", 1, {"shipping first price": Kind.UNSAFE}),
        ("discount_on_total", 1, {"discount": Kind.UNSAFE}),
        ("discount_net", 1, {"discount net": Kind.UNSAFE}),
        ("total", 1, {"total": Kind.UNSAFE}),
        ("taxed.tax", 1, {"total tax": Kind.UNSAFE}),
        ("taxed.portions.0.amount", 1, {"taxes": Kind.UNSAFE}),
    ],
)
def test_which_differences_may_be_applied(path: str, value: Any, found: dict[str, Kind]) -> None:
    assert changed(full_order(), replaced(full_order(), path, value)) == found


def test_another_currency_and_another_item_are_for_a_person() -> None:
    order = full_order()
    other = changed(order, msgspec.structs.replace(order, currency="EUR"))
    assert other["currency"] is Kind.UNSAFE
    assert set(other.values()) == {Kind.UNSAFE}
    gone = changed(order, replaced(order, "lines.2.sku", "C"))
    assert gone["line B quantity"] is gone["line C quantity"] is Kind.UNSAFE


def test_what_was_not_there_is_found_and_what_is_no_more() -> None:
    order = full_order()
    without = msgspec.structs.replace(order, shipping_address=None, custom={}, purchase_order="")
    assert set(changed(order, without).values()) == {Kind.SAFE}
    assert changed(order, without) == changed(without, order)


# -- what is kept and shown --------------------------------------------------------------------------------------------


def test_nothing_about_people_is_kept_in_clear() -> None:
    order = replaced(full_order(), "custom_lines.0.name", "Engraving: Ann Example")
    kept = msgspec.json.encode(fields(order)).decode()
    texts = ["Ann", "Bob", "Payer", "Park", "Leeds", "LS1", "Unit 7", "example.test", "496", "PO-77", "Ring", "Zoe"]
    assert [text for text in texts if text in kept] == []
    assert "CT-100045" in kept, "what people call the order is no secret"


def test_one_text_has_another_digest_in_another_field_and_another_order() -> None:
    order = full_order()
    other = fields(msgspec.structs.replace(order, id="other"))
    mine = fields(order)
    assert mine["shippingAddress.city"] != mine["billingAddress.city"]
    assert mine["shippingAddress.city"] != other["shippingAddress.city"]


def test_people_are_shown_figures_and_never_texts() -> None:
    order = full_order()
    edited = replaced(replaced(order, "lines.2.quantity", 4), "custom_lines.0.name", "For Ann")
    shown = {change.field: change.shown for change in compare(fields(order), fields(edited))}
    assert shown == {"line B quantity": ("3", "4"), "charge gift-wrap name": ("", "changed")}
    [added] = [one for one in compare({}, fields(order)) if one.field == "total"]
    assert added.shown == ("none", fields(order)["total"])


def test_another_storage_key_makes_no_edits_and_hides_none_of_the_figures() -> None:
    order = full_order()
    edited = replaced(replaced(order, "lines.2.quantity", 4), "email", "new@example.test")
    other = edits.fields(edited, rules(order), Sealer(bytes(32)).digest)
    assert [change.field for change in compare(fields(order), other)] == ["line B quantity"]


def test_header_and_rows_share_every_field_between_them() -> None:
    header = {name for name in fields(full_order()) if edits.is_header(name)}
    assert {"currency", "supply channels", "shipping first method", "shippingAddress.city", "orderNumber"} <= header
    assert {"line B quantity", "shipping first price", "total", "taxes", "discount"} & header == set()


# -- what becomes of it ------------------------------------------------------------------------------------------------


def test_accepting_goods_leaves_the_texts_to_be_applied() -> None:
    order = full_order()
    edited = fields(replaced(replaced(order, "lines.2.quantity", 4), "shipping_address.city", "York"))
    for kind, left in ((Kind.UNSAFE, "shippingAddress.city"), (Kind.SAFE, "line B quantity")):
        accepted = edits.accept(fields(order), edited, kind)
        assert [change.field for change in compare(accepted, edited)] == [left]


def test_what_is_accepted_may_also_be_gone() -> None:
    order = full_order()
    without = fields(msgspec.structs.replace(order, lines=order.lines[:1]))
    assert compare(edits.accept(fields(order), without, Kind.UNSAFE), without) == ()


def test_what_was_applied_differs_no_more() -> None:
    order = full_order()
    now = fields(msgspec.structs.replace(replaced(order, "email", "n@example.test"), shipping_address=None))
    changes = compare(fields(order), now)
    some = [change for change in changes if change.group == "customerEmail"]
    after = edits.applied(fields(order), now, some)
    assert set(compare(after, now)) == set(changes) - set(some)
    assert compare(edits.applied(after, now, changes), now) == ()


def change(before: Order, after: Order, **choices: Any) -> SaleChange | None:
    found = compare(fields(before, **choices), fields(after, **choices))
    return edits.change_of(after, found, SALE, rules(after, **choices), LONDON)


@pytest.mark.parametrize(
    ("path", "value", "parts"),
    [
        ("shipping_address.city", "York", {"shipping"}),
        ("shipping_address.name", "Cy", {"shipping", "contact"}),
        ("shipping_address.phone", "3", {"phone"}),
        ("billing.city", "York", {"billing"}),
        ("email", "n@example.test", {"email"}),
        ("purchase_order", "PO-78", {"note"}),
        ("number", "CT-2", {"customer_reference"}),
        ("custom.gift", "For Zoe", {"note"}),
        ("custom.door", "", {"shipping_notes"}),
        ("custom.day", "2026-12-25", {"ship_by"}),
        ("custom.desk", "", {"attributes"}),
    ],
)
def test_only_what_changed_is_sent(path: str, value: Any, parts: set[str]) -> None:
    sent = change(full_order(), replaced(full_order(), path, value))
    assert sent is not None
    assert sent.sale_id == SALE
    held = {name for name in SaleChange.__struct_fields__ if getattr(sent, name) is not None}
    assert held - {"sale_id"} == parts


def test_a_part_is_sent_whole_as_the_header_would_show_it() -> None:
    edited = replaced(replaced(full_order(), "purchase_order", "PO-78"), "shipping_address.city", "York")
    sent = change(full_order(), edited)
    assert sent is not None
    assert sent.note == "PO PO-78\nFor Ann"
    assert sent.shipping is not None
    assert (sent.shipping.city, sent.shipping.line1, sent.shipping.country) == ("York", "3 Park St", "United Kingdom")


def test_a_text_that_is_gone_is_blanked() -> None:
    sent = change(full_order(), replaced(full_order(), "custom.desk", ""))
    assert sent is not None
    assert sent.attributes == {3: ""}


def test_what_is_mapped_no_longer_changes_nothing() -> None:
    order = full_order()
    found = compare(fields(order), fields(order, fields={}))
    assert {one.field for one in found} == {"custom.fields.gift", "custom.fields.door", "custom.fields.day"} | {
        "custom.fields.desk"
    }
    assert edits.change_of(order, found, SALE, rules(order, fields={}), LONDON) is None


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        ("shipping_address.postcode", "X" * 21, "Postcode takes 20"),
        ("custom.door", "X" * 1025, "ShippingNotes takes 1024"),
        ("custom.day", "soon", "no date"),
        ("custom.day", "", "no ship-by date"),
        ("shipping_address", None, "no shipping address"),
        ("billing", None, "no billing address"),
    ],
)
def test_what_cannot_be_sent_is_an_error_without_the_text(path: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words) as raised:
        change(full_order(), replaced(full_order(), path, value))
    assert "XXX" not in str(raised.value)


# -- money that went away ----------------------------------------------------------------------------------------------


def paid_by(*made: tuple[str, str, int], **changes: Any) -> Order:
    transactions = tuple(Transaction(type=kind, state=state, amount=sum_, currency="GBP") for kind, state, sum_ in made)
    order = plain_order(("A", 1, 1999), payment_state=None, payments=(Payment(id="p", transactions=transactions),))
    return msgspec.structs.replace(order, **changes)


OWED = 1999
CHARGE = ("Charge", "Success", OWED)
RESERVED = ("Authorization", "Success", OWED)


@pytest.mark.parametrize(
    ("order", "gone"),
    [
        (paid_by(CHARGE), False),
        (paid_by(RESERVED), False),
        (paid_by(CHARGE, ("Refund", "Success", OWED)), False),
        (paid_by(RESERVED, CHARGE, ("CancelAuthorization", "Success", OWED)), False),
        (paid_by(CHARGE, ("Chargeback", "Pending", OWED)), False),
        (paid_by(("Charge", "Failure", OWED), payment_state="Paid"), False),
        (paid_by(payments_expanded=False), False),
        (paid_by(CHARGE, taxed=None, total=5000), False),
        (paid_by(("Charge", "Failure", OWED)), True),
        (paid_by(("Charge", "Success", OWED - 1)), True),
        (paid_by(CHARGE, ("Chargeback", "Success", 1)), True),
        (paid_by(CHARGE, ("Chargeback", "Success", OWED), payment_state="Paid"), True),
        (paid_by(RESERVED, ("CancelAuthorization", "Success", OWED)), True),
        (paid_by(RESERVED, CHARGE, ("Chargeback", "Success", OWED)), True),
        (paid_by(), True),
    ],
)
def test_when_the_money_is_gone(order: Order, gone: bool) -> None:
    assert payments.is_reversed(order, OWED) is gone


@pytest.mark.parametrize(
    ("parts", "covered"),
    [
        ([[("Charge", 500)], [("Authorization", 1499)]], True),
        ([[("Authorization", 500), ("Charge", 500)], [("Authorization", 1499)]], True),
        ([[("Authorization", 1000), ("Charge", 1000)]], False),
        ([[("Charge", 500)], [("Authorization", 1499), ("CancelAuthorization", 1499)]], False),
        ([[("Charge", 500), ("Chargeback", 500)], [("Authorization", 1499)]], False),
    ],
    ids=["gift card and reserved", "captured and reserved", "half of it, twice told", "cancelled", "taken back"],
)
def test_each_part_of_the_money_counts_once(parts: list[list[tuple[str, int]]], covered: bool) -> None:
    """What covers an order when it is sent is, as long as it stands, no money that went away."""
    order = msgspec.structs.replace(
        paid_by(),
        payments=tuple(
            Payment(
                id=str(place),
                transactions=tuple(
                    Transaction(type=kind, state="Success", amount=sum_, currency="GBP") for kind, sum_ in part
                ),
            )
            for place, part in enumerate(parts)
        ),
    )
    assert payments.authorised(order) is covered
    assert payments.is_reversed(order, OWED) is not covered


def test_what_was_owed_is_known_where_it_was_covered() -> None:
    assert edits.owed_by(fields(paid_by(CHARGE))) == OWED
    assert edits.owed_by(fields(paid_by())) is None
    assert edits.owed_by(edits.forgive(fields(paid_by(CHARGE)))) is None
    assert edits.owed_by(edits.accept(fields(paid_by(CHARGE)), fields(paid_by()), Kind.UNSAFE)) == OWED


def test_a_payment_is_no_edit() -> None:
    assert changed(paid_by(CHARGE), paid_by()) == {}
    assert changed(paid_by(CHARGE), paid_by(CHARGE, total=1, taxed=None)).keys() >= {"total", "total net"}


def test_parts_of_one_name_are_told_apart_by_what_they_hold() -> None:
    one = CustomLine(id="1", slug="wrap", name="Wrap", quantity=1, unit_minor=100, total=100)
    two = msgspec.structs.replace(one, id="2", quantity=2, total=200)
    order = plain_order(custom=(one, two))
    three = msgspec.structs.replace(two, quantity=3)
    found = changed(order, msgspec.structs.replace(order, custom_lines=(three, one)))
    assert found == {"charge wrap #2 quantity": Kind.UNSAFE}
    freight = Shipping(method="Van", price=100)
    twice = msgspec.structs.replace(order, shipping=(freight, freight))
    assert "shipping #2 method" in changed(msgspec.structs.replace(order, shipping=(freight,)), twice)
    assert Decimal(fields(twice)["shipping #2 price"].split()[0]) == 1
