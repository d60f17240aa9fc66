"""Notes, attributes, ship-by date and carrier: taken as configured, cut where allowed, never shown."""

from __future__ import annotations

from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.domain.exception_types import Finding
from actors.domain.facts import Carrier, Company, FactKind
from actors.domain.limits import MARK
from actors.domain.notes import TARGETS, Cut, carrier_of, cuts, header_texts, note_findings, note_of
from actors.domain.order import Order
from actors.domain.people import WITHHELD, withhold
from tests.orders_builder import ADDRESS, facts_for, plain_order, rules_for, shipment

LONDON = ZoneInfo("Europe/London")
SECRET = "from your secret admirer"


def order_with(purchase_order: str = "", **custom: str) -> Order:
    return msgspec.structs.replace(plain_order(), purchase_order=purchase_order, custom=custom)


def found(order: Order, zone: str = "Europe/London", **fields: str) -> list[Finding]:
    facts = facts_for(order, company=Company(name="", currency="GBP", time_zone=zone))
    return list(note_findings(order, facts, rules_for(order, fields=fields)))


def test_the_purchase_order_comes_first_then_every_mapped_field_in_the_configured_order() -> None:
    order = order_with(" 4711 ", gift="To Ann", wish="Ring twice", empty=" ", other="x")
    rules = rules_for(
        order, fields={"wish": "Note", "gift": "Note", "empty": "Note", "absent": "Note", "other": "ShipBy"}
    )
    assert note_of(order, rules) == "PO 4711\nRing twice\nTo Ann"
    assert note_of(order_with(), rules) == ""


def test_every_target_is_filled() -> None:
    order = order_with(a="one", b="two", c="three", d="four", by="2026-12-30")
    fields = {
        "a": "ShippingNotes",
        "b": "ShippingNotes",
        "c": "AdditionalAttribute1",
        "d": "AdditionalAttribute10",
        "by": "ShipBy",
    }
    texts = header_texts(order, rules_for(order, fields=fields), LONDON)
    assert (texts.shipping_notes, texts.attributes) == ("one\ntwo", {1: "three", 10: "four"})
    assert (texts.ship_by, texts.note) == (date(2026, 12, 30), "")
    assert set(fields.values()) < TARGETS
    assert len(TARGETS) == 13


def test_without_a_mapping_nothing_is_sent() -> None:
    order = order_with(gift="To Ann")
    texts = header_texts(order, rules_for(order), LONDON)
    assert (texts.note, texts.shipping_notes, texts.attributes, texts.ship_by) == ("", "", {}, None)


@pytest.mark.parametrize(
    ("text", "zone", "day"),
    [
        ("2026-12-24", "Pacific/Auckland", date(2026, 12, 24)),
        ("2026-12-24T23:30:00.000Z", "Europe/London", date(2026, 12, 24)),
        ("2026-12-24T23:30:00.000Z", "Europe/Berlin", date(2026, 12, 25)),
        ("2026-12-24T00:30:00+02:00", "Europe/London", date(2026, 12, 23)),
    ],
)
def test_an_instant_is_the_day_it_falls_on_in_the_books(text: str, zone: str, day: date) -> None:
    order = order_with(by=text)
    rules = rules_for(order, fields={"by": "ShipBy"})
    assert header_texts(order, rules, ZoneInfo(zone)).ship_by == day
    assert found(order, zone, by="ShipBy") == []


@pytest.mark.parametrize(
    "text",
    ["tomorrow", "24.12.2026", "2026-02-30", "12:00:00.000", "20261224", "true", "2026-12-24Tsoon", "9999999999"],
)
def test_what_is_no_date_holds_the_order_and_is_not_shown(text: str) -> None:
    [finding] = found(order_with(by=text), by="ShipBy")
    assert (finding.code, finding.field) == ("field_unreadable", "custom.fields.by")
    assert text not in finding.cause.removeprefix("the custom field by, mapped to ShipBy,")


@given(st.text(max_size=60) | st.datetimes().map(lambda one: one.isoformat() + "Z"))
def test_any_text_is_a_day_or_a_finding(text: str) -> None:
    order = order_with(by=text)
    rules = rules_for(order, fields={"by": "ShipBy"})
    if found(order, by="ShipBy"):
        with pytest.raises(ValueError, match=r"."):
            header_texts(order, rules, LONDON)
        return
    day = header_texts(order, rules, LONDON).ship_by
    assert (day is None) is (text.strip() == "")


@pytest.mark.parametrize(
    ("target", "most"), [("ShippingNotes", 1024), ("AdditionalAttribute1", 256), ("AdditionalAttribute10", 256)]
)
def test_what_is_too_long_and_must_be_whole_holds_the_order(target: str, most: int) -> None:
    assert found(order_with(gift="x" * most), gift=target) == []
    [finding] = found(order_with(gift="x" * (most + 1)), gift=target)
    assert (finding.code, finding.field) == ("field_too_long", "custom.fields.gift")
    assert "xx" not in finding.cause
    two = order_with(gift="x" * most, more="y")
    assert [one.code for one in found(two, gift=target, more=target)] == ["field_too_long"]


def test_a_note_is_cut_and_the_cut_is_told_by_lengths_alone() -> None:
    order = order_with("4711", gift=SECRET * 60)
    rules = rules_for(order, fields={"gift": "Note"})
    sent = header_texts(order, rules, LONDON).note
    assert (len(sent), sent[-1]) == (1024, MARK)
    assert found(order, gift="Note") == []
    assert cuts(order, rules) == (Cut(field="Note", length=len("PO 4711\n" + SECRET * 60), kept=1024),)


def test_a_company_that_is_cut_is_told_too() -> None:
    order = plain_order(shipping_address=msgspec.structs.replace(ADDRESS, company="c" * 200), billing=None)
    assert cuts(order, rules_for(order)) == (Cut(field="ShippingAddress.Company", length=200, kept=128),)
    assert cuts(plain_order(shipping_address=None), rules_for(plain_order())) == ()


def test_a_zone_that_is_unknown_is_not_told_twice() -> None:
    assert found(order_with(by="tomorrow"), "Mars/Base", by="ShipBy") == []


DHL = {"DHL Express": Carrier(id="k", name="DHL Express")}


def carrier(*methods: str, **changes: Any) -> str | Finding:
    order = plain_order()
    parcels = tuple(msgspec.structs.replace(shipment(), method=method) for method in methods)
    order = msgspec.structs.replace(order, shipping=parcels)
    rules = rules_for(order, carriers={"Express": "DHL Express", "Letter": "Royal Mail"})
    return carrier_of(order, facts_for(order, **({"carriers": DHL} | changes)), rules)


def test_the_carrier_of_the_shipping_method() -> None:
    assert carrier("Express") == "DHL Express"
    assert carrier("Express", "Express") == "DHL Express"
    assert carrier("Standard") == ""
    assert carrier() == ""
    assert carrier("Express", "Standard") == ""
    assert carrier("Express", "Letter") == ""


def test_a_carrier_cin7_does_not_have_holds_the_order_and_one_not_read_yet_waits() -> None:
    unknown = carrier("Letter")
    assert isinstance(unknown, Finding)
    assert (unknown.code, unknown.waits_for) == ("carrier_unknown", "carrier:Royal Mail")
    unread = carrier("Letter", loaded=frozenset(FactKind) - {FactKind.CARRIER})
    assert isinstance(unread, Finding)
    assert (unread.code, unread.waits_for) == ("facts_missing", "carrier:")


def test_the_other_sides_words_are_kept_without_notes_and_numbers() -> None:
    order = order_with("PO-4711", gift=f"To Ann\n{SECRET}", flag="no")
    words = f"Note '{SECRET}' of po-4711 is not allowed, 'To Ann' neither: no"
    assert withhold(order, words) == f"Note '{WITHHELD}' of {WITHHELD} is not allowed, '{WITHHELD}' neither: no"
