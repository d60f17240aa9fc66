"""The whole life of an order, as the endpoint and the command line tell it (law L8), and without anybody in it (L9)."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from actors.domain.calls import Lane, Purpose
from actors.domain.exception_types import Finding
from actors.domain.fulfilment import Box, CreditNote, Fulfilment, Stages
from actors.domain.notification import Notification
from actors.domain.order import Delivery, Order, Parcel, ReturnItem
from actors.domain.order_state import OrderState
from actors.domain.order_update import SetShipmentState
from actors.domain.returning import Refund
from actors.domain.sale import ListedCreditNote, ListedSale, SaleView
from actors.domain.time import Instant, format_instant
from actors.fulfilment.telling import cin7_words, note, storefront_words
from actors.governor.journal import Intent
from adapters.operator.openapi import description
from daemon.cli import main
from daemon.commands.order_text import WIDTH, local, order_text
from daemon.readmodel import LiveReading
from daemon.views import order_view
from storage import audit, bodies, calls, doors, exceptions, fulfilments, life, listed_sales, orders, timeline
from storage.database import connect
from storage.fulfilments import FulfilmentRecord
from storage.life import Source
from storage.orders import SaleRecord
from storage.schema import upgrade
from tests.daemon_app import ENVIRON, assembled, make_file, write_config
from tests.orders_builder import ADDRESS, plain_order

NOW = 1_800_000_000_000
ORDER_ID = "00000000-0000-4000-8000-000000000009"
SALE_ID = "aaaaaaaa-0000-4000-8000-000000000009"
REFERENCE = f"ct-order:{ORDER_ID}"
CAUSE = "3 of A came back from order L-9, and no credit note in Cin7 Core restocks them."
NAMES = [text for text in (ADDRESS.name, ADDRESS.line1, ADDRESS.postcode, ADDRESS.phone, ADDRESS.email) if text]

Printed = pytest.CaptureFixture[str]


def at(second: int) -> Instant:
    """An instant of this life: so many seconds after it began."""
    return NOW + second * 1000


def the_order() -> Order:
    """As it is when tallyd looks at it last: one delivery, one return."""
    order = plain_order(("A", 3, 1999), number="L-9", id=ORDER_ID)
    line = order.lines[0].id
    parcel = Parcel(key="cin7-f1-1", items={line: 2}, carrier="DHL", tracking="T-1")
    return msgspec.structs.replace(
        order,
        created_at=at(0),
        modified_at=at(30),
        version=4,
        payment_state="Paid",
        shipment_state="Ready",
        deliveries=(Delivery(key="cin7-f1", items={line: 2}, parcels=(parcel,)),),
        returns=(ReturnItem(id="r-1", key="", line_id=line, quantity=1, state="Returned"),),
    )


def the_sale() -> SaleView:
    """As it is read at the last look."""
    box = Box(label="1", units={"A": Decimal(2)}, carrier="DHL", tracking="T-1")
    words = {"picking": "AUTHORISED", "packing": "AUTHORISED", "shipping": "AUTHORISED"}
    return SaleView(
        id=SALE_ID,
        status="FULFILLED",
        external_id=REFERENCE,
        customer_reference="L-9",
        tax_inclusive=True,
        stages=Stages(picking="PICKED", packing="PACKED", shipping="PARTIALLY SHIPPED", tracking="T-1"),
        fulfilments=(Fulfilment(task_id="f1", number=1, boxes=(box,), picked={"A": Decimal(2)}, **words),),
        credit_notes=(CreditNote(task_id="c1", number="CR-1", status="AUTHORISED", restocked={"A": Decimal(1)}),),
    )


def live(connection: sqlite3.Connection) -> None:
    """Let the order have a life with something of every kind, one thing a second."""
    doors.open_doors(connection, ["sqs", "cin7"], now=NOW)
    _accepted(connection)
    _sold(connection)
    _shipped(connection)
    _in_trouble(connection)


def _accepted(connection: sqlite3.Connection) -> None:
    told = Notification(identity="m1", kind="OrderCreated", about="order", subject=ORDER_ID, version=1)
    doors.note(connection, "sqs", told, "look", now=at(0))
    doors.note(connection, "sqs", told, "look", now=at(1))
    other = msgspec.structs.replace(told, identity="m2", subject="another order")
    doors.note(connection, "sqs", other, "look", now=at(1))
    order = the_order()
    orders.accept(connection, order, now=at(2))
    sealed = bodies.Sealer(bytes(32)).seal(repr(order).encode(), order_id=order.id, kind="order")
    bodies.put(connection, order.id, "order", version=1, sealed=sealed, now=at(2))
    timeline.note(connection, order.id, "accepted", now=at(2), source="event", version=1)


def _sold(connection: sqlite3.Connection) -> None:
    intent = Intent(Purpose.CIN7_CREATE_SALE, subject=ORDER_ID)
    call_id = calls.begin(connection, intent, at=at(3))
    calls._write_ends(connection, [(call_id, at(3) + 412)])
    calls.settle(connection, call_id, "done")
    sale = SaleRecord(
        sale_id=SALE_ID,
        order_id=ORDER_ID,
        generation=1,
        reference=REFERENCE,
        number="SO-00009",
        made_at=at(4),
        voided_at=None,
    )
    orders.add_sale(connection, sale)
    for second, state in ((4, OrderState.HEADER), (5, OrderState.POSTED)):
        orders.move(connection, ORDER_ID, state, now=at(second))
    orders.set_prediction(connection, ORDER_ID, net="49.97", tax="10.00", total="59.97")
    orders.set_answer(connection, ORDER_ID, net="49.97", tax="10.00", total="59.97", reconciled=True)
    orders.export(connection, ORDER_ID, now=at(6))
    audit.write(connection, author="olga", action="retry", record=f"order:{ORDER_ID}", now=at(7), reason="asked again")


def _shipped(connection: sqlite3.Connection) -> None:
    for second, identity, name in ((10, "h1", SALE_ID), (11, "h2", "SO-00009")):
        told = Notification(identity=identity, kind="Sale/ShipmentAuthorised", about="sale", subject=name)
        doors.note(connection, "cin7", told, "look", now=at(second))
    read = Intent(Purpose.CIN7_READ_FULFILMENT, subject=ORDER_ID, lane=Lane.FULFILMENT)
    calls.begin(connection, read, at=at(12))
    write = Intent(Purpose.CT_UPDATE_ORDER, subject=ORDER_ID, lane=Lane.FULFILMENT)
    call_id = calls.begin(connection, write, at=at(13))
    calls.settle(connection, call_id, "refused", detail="the version is another one")
    note(connection, ORDER_ID, (SetShipmentState(state="Partial"),), at(40))
    record = FulfilmentRecord(
        read_at=at(39),
        published="Partial",
        looked_at=at(40),
        cin7=cin7_words(the_sale().stages, the_sale(), {}),
        storefront=storefront_words(the_order()),
    )
    fulfilments.put(connection, ORDER_ID, record, looked_from=at(39))


def _in_trouble(connection: sqlite3.Connection) -> None:
    refund = Refund(
        transaction_id="t-1",
        payment_id="p-1",
        interaction_id="psp-1",
        amount=1999,
        currency="GBP",
        state="Success",
        credit_note="CR-1",
    )
    fulfilments.put_refund(connection, ORDER_ID, refund, now=at(41))
    paid = Notification(identity="m3", kind="PaymentTransactionAdded", about="payment", subject="p-1", version=2)
    doors.note(connection, "sqs", paid, "look", now=at(41))
    record = exceptions.Record(kind="order", id=ORDER_ID, number="L-9")
    open_ = Finding(code="return_open", cause=CAUSE, sku="A")
    exceptions.raise_finding(connection, record, open_, now=at(42))
    gone = Finding(code="refund_open", cause="A refund is named by no credit note.", field="t-1")
    exceptions.raise_finding(connection, record, gone, now=at(43))
    exceptions.clear(connection, record, resolution="looked at again", now=at(44), types=("refund_open",))
    message = exceptions.Record(kind="message", id=ORDER_ID)
    aside = Finding(code="message_quarantined", cause="Handling failed.", field="fulfilment")
    exceptions.raise_finding(connection, message, aside, now=at(45))
    number = exceptions.of_record(connection, "message", ORDER_ID)[0].id
    audit.write(connection, author="ian", action="retry", record=f"exception:{number}", now=at(46), reason="mended")
    exceptions.resolve(connection, number, resolution="retried by ian", now=at(46))
    audit.write(connection, author="ian", action="retry", record="exception:99", now=at(47), reason="another's")


@pytest.fixture
def file() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, now=NOW)
    live(connection)
    yield connection
    connection.close()


def shown(connection: sqlite3.Connection) -> dict[str, Any]:
    found = order_view(connection, ORDER_ID)
    assert found is not None
    return found


# -- one timeline -----------------------------------------------------------------------------------------------------

LIFE = [
    (1, "event", "event OrderCreated"),
    (2, "step", "accepted"),
    (3, "step", "state creating"),
    (3, "call", "call cin7.create_sale"),
    (4, "step", "state header"),
    (5, "step", "state posted"),
    (6, "step", "state exported"),
    (7, "person", "person retry"),
    (10, "event", "event Sale/ShipmentAuthorised"),
    (11, "event", "event Sale/ShipmentAuthorised"),
    (12, "call", "call cin7.read_fulfilment"),
    (13, "call", "call commercetools.update_order"),
    (40, "step", "shipment state Partial"),
    (41, "event", "event PaymentTransactionAdded"),
    (42, "exception", "exception opened"),
    (43, "exception", "exception opened"),
    (44, "exception", "exception resolved"),
    (45, "exception", "exception opened"),
    (46, "person", "person retry"),
    (46, "exception", "exception resolved"),
]


def test_the_timeline_has_everything_in_the_order_of_time(file: sqlite3.Connection) -> None:
    told = [(entry["at"], entry["source"], entry["what"]) for entry in shown(file)["timeline"]]
    assert told == [(format_instant(at(second)), source, what) for second, source, what in LIFE]
    assert {source for _, source, _ in LIFE} == set(Source)


@pytest.mark.parametrize(
    ("place", "detail"),
    [
        (0, {"about": "order", "door": "sqs", "version": 1, "outcome": "look", "repeated": 1}),
        (1, {"found_by": "event", "version": 1}),
        (3, {"lane": "orders", "outcome": "done", "ended_at": format_instant(at(3) + 412), "detail": ""}),
        (7, {"author": "olga", "reason": "asked again"}),
        (8, {"about": "sale", "door": "cin7", "repeated": 0}),
        (10, {"lane": "fulfilment", "outcome": "", "ended_at": None}),
        (11, {"outcome": "refused", "detail": "the version is another one"}),
        (14, {"type": "return_open", "owner": "ops", "sku": "A", "cause": CAUSE}),
        (16, {"type": "refund_open", "resolution": "looked at again"}),
        (17, {"type": "message_quarantined", "field": "fulfilment"}),
        (18, {"author": "ian", "reason": "mended"}),
    ],
)
def test_what_an_entry_holds(file: sqlite3.Connection, place: int, detail: dict[str, Any]) -> None:
    entry = shown(file)["timeline"][place]
    assert {key: entry.get(key, "missing") for key in detail} == detail


def test_a_write_without_an_outcome_is_pending(file: sqlite3.Connection) -> None:
    calls.begin(file, Intent(Purpose.CT_UPDATE_ORDER, subject=ORDER_ID), at=at(50))
    assert shown(file)["timeline"][-1]["outcome"] == "pending"


def test_of_a_long_life_the_newest_entries_are_told_and_the_others_counted(file: sqlite3.Connection) -> None:
    whole = life.of_order(file, ORDER_ID)
    cut = life.of_order(file, ORDER_ID, most=3)
    assert (cut.entries, cut.left_out) == (whole.entries[-3:], len(LIFE) - 3)
    assert whole.left_out == 0
    assert life.of_order(file, "nobody") == life.Life(entries=(), left_out=0)
    for second in range(life.MOST):
        timeline.note(file, ORDER_ID, "looked", now=at(100 + second))
    order = shown(file)
    assert (len(order["timeline"]), order["timeline_left_out"]) == (life.MOST, len(LIFE))
    assert f"… {len(LIFE)} older entries are left out" in order_text(order)


def test_no_table_that_grows_is_searched_without_an_index(file: sqlite3.Connection) -> None:
    asked: list[str] = []
    file.set_trace_callback(asked.append)
    shown(file)
    file.set_trace_callback(None)
    plans = [row[3] for query in asked for row in file.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert any("notifications_by_subject" in plan for plan in plans)
    scanned = {plan.split()[1] for plan in plans if plan.startswith("SCAN ")}
    tables = {name for (name,) in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert scanned & tables <= {"audit"}, plans  # what people did is little


# -- both sides -------------------------------------------------------------------------------------------------------


def test_both_sides_stand_beside_each_other(file: sqlite3.Connection) -> None:
    assert shown(file)["sides"] == {
        "commercetools": {
            "as_of": format_instant(at(40)),
            "version": 4,
            "order": "Open",
            "payment": "Paid",
            "shipment": "Partial",
            "shipment_set_by_tallyd": "Partial",
            "deliveries": {"cin7-f1": "2 units in 1 parcels"},
            "returns": {"r-1": "1 units, Returned"},
            "looked_at": format_instant(at(40)),
        },
        "cin7": {
            "as_of": format_instant(at(40)),
            "sale_id": SALE_ID,
            "number": "SO-00009",
            "status": "FULFILLED",
            "picking": "PICKED",
            "packing": "PACKED",
            "shipping": "PARTIALLY SHIPPED",
            "invoicing": "",
            "tracking": "T-1",
            "voided": False,
            "voided_at": None,
            "fulfilments": {
                "1": "pick AUTHORISED, pack AUTHORISED, ship AUTHORISED; 1 boxes, 2 units sent",
            },
            "credit_notes": {"CR-1": "AUTHORISED; back in stock: 1 of A"},
            "read_at": format_instant(at(39)),
        },
    }


def test_the_last_look_stands_where_the_order_was_kept_before_it(file: sqlite3.Connection) -> None:
    seen = fulfilments.get(file, ORDER_ID)
    words = {"order": "Complete", "payment": "Paid", "shipment": "Ready"}
    later = msgspec.structs.replace(seen, storefront=words, looked_at=at(70), published="")
    fulfilments.put(file, ORDER_ID, later, looked_from=at(70))
    side = shown(file)["sides"]["commercetools"]
    assert (side["order"], side["shipment"], side["as_of"]) == ("Complete", "Ready", format_instant(at(70)))


def test_a_state_that_came_after_our_own_stands(file: sqlite3.Connection) -> None:
    changed = msgspec.structs.replace(the_order(), version=5, modified_at=at(60), shipment_state="Delivered")
    orders.accept(file, changed, now=at(61))
    side = shown(file)["sides"]["commercetools"]
    assert (side["shipment"], side["shipment_set_by_tallyd"]) == ("Delivered", "Partial")
    assert (side["version"], side["as_of"]) == (5, format_instant(at(60)))


def listed(**changes: Any) -> ListedSale:
    values = {
        "id": SALE_ID,
        "number": "SO-00009",
        "status": "COMPLETED",
        "order_status": "AUTHORISED",
        "external_id": REFERENCE,
        "customer_reference": "L-9",
        "picking": "PICKED",
        "packing": "PACKED",
        "shipping": "SHIPPED",
        "tracking": "T-1,T-2",
    }
    return ListedSale(**(values | changes))


def test_what_the_list_of_sales_shows_later_stands(file: sqlite3.Connection) -> None:
    listed_sales.store(file, [listed()], reading=1, now=at(50))
    for number, status, restock in (("CR-1", "AUTHORISED", "AUTHORISED"), ("CR-2", "DRAFT", "")):
        credit = ListedCreditNote(sale_id=SALE_ID, number=number, status=status, restock_status=restock)
        listed_sales.note_credit(file, credit, now=at(50))
    side = shown(file)["sides"]["cin7"]
    assert (side["as_of"], side["status"], side["shipping"]) == (format_instant(at(50)), "COMPLETED", "SHIPPED")
    assert side["tracking"] == "T-1,T-2"
    assert side["credit_notes"] == {"CR-1": "AUTHORISED; back in stock: 1 of A", "CR-2": "DRAFT"}
    assert side["fulfilments"].keys() == {"1"}
    void = ListedCreditNote(sale_id=SALE_ID, number="CR-1", status="VOIDED")
    listed_sales.note_credit(file, void, now=at(51))
    assert shown(file)["sides"]["cin7"]["credit_notes"]["CR-1"] == "VOIDED"


def test_what_the_list_showed_before_the_last_look_does_not(file: sqlite3.Connection) -> None:
    listed_sales.store(file, [listed(shipping="NOT SHIPPED")], reading=1, now=at(20))
    side = shown(file)["sides"]["cin7"]
    assert (side["as_of"], side["shipping"]) == (format_instant(at(40)), "PARTIALLY SHIPPED")


@pytest.mark.parametrize("by_list", [True, False])
def test_a_void_sale_is_shown_as_such(file: sqlite3.Connection, by_list: bool) -> None:
    if by_list:
        listed_sales.store(file, [listed(status="VOIDED")], reading=1, now=at(50))
    else:
        orders.void_sale(file, SALE_ID, now=at(50))
    order = shown(file)
    assert order["sides"]["cin7"]["voided"]
    assert order["sides"]["cin7"]["voided_at"] == (None if by_list else format_instant(at(50)))
    assert ", voided" in order_text(order)


def test_what_was_seen_of_a_former_sale_is_not_told_of_the_next(file: sqlite3.Connection) -> None:
    orders.void_sale(file, SALE_ID, now=at(50))
    former = orders.sales_of(file, ORDER_ID)[0]
    orders.add_sale(
        file,
        msgspec.structs.replace(
            former, sale_id="b" * 36, generation=2, number="SO-00010", made_at=at(60), voided_at=None
        ),
    )
    side = shown(file)["sides"]["cin7"]
    assert (side["number"], side["status"], side["fulfilments"], side["as_of"]) == ("SO-00010", "", {}, None)


def test_before_there_is_a_sale_there_is_one_side() -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    upgrade(connection, now=NOW)
    orders.accept(connection, the_order(), now=NOW)
    order = shown(connection)
    connection.close()
    assert order["sides"]["cin7"] is None
    assert (order["sides"]["commercetools"]["shipment"], order["refunds"]) == ("Ready", [])
    assert "Cin7 Core" in order_text(order)


def test_refunds_name_their_credit_notes(file: sqlite3.Connection) -> None:
    other = Refund(
        transaction_id="t-2",
        payment_id="p-2",
        interaction_id="",
        amount=500,
        currency="JPY",
        state="Pending",
        credit_note=None,
    )
    fulfilments.put_refund(file, ORDER_ID, other, now=at(60))
    order = shown(file)
    told = [(one["id"], one["amount"], one["minor_units"], one["credit_note"]) for one in order["refunds"]]
    assert told == [("t-1", "19.99", 1999, "CR-1"), ("t-2", None, 500, None)]
    lines = [line.split() for line in order_text(order).splitlines()]
    assert ["19.99", "GBP", "Success", "CR-1", "t-1"] in lines
    assert ["500", "minor", "JPY", "Pending", "no", "credit", "note", "t-2"] in lines


def test_an_exception_about_its_message_is_the_order_s_too(file: sqlite3.Connection) -> None:
    assert [item["type"] for item in shown(file)["exceptions"]] == ["return_open", "refund_open", "message_quarantined"]


# -- who asks, and how ------------------------------------------------------------------------------------------------


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    for name, value in ENVIRON.items():
        monkeypatch.setenv(name, value)
    make_file(tmp_path / "tallyd.db", live)
    return write_config(tmp_path)


@pytest.mark.parametrize("ref", ["L-9", "l-9", ORDER_ID, "SO-00009", "so-00009", SALE_ID, REFERENCE])
def test_an_order_is_found_by_each_of_its_names(config: Path, capsys: Printed, ref: str) -> None:
    assert main(["orders", "show", ref, "--json", "--config", str(config)]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == ORDER_ID


async def test_the_endpoint_and_the_command_agree(tmp_path: Path, config: Path, capsys: Printed) -> None:
    assert main(["orders", "show", "L-9", "--json", "--config", str(config)]) == 0
    printed = json.loads(capsys.readouterr().out)
    async with assembled(tmp_path, lambda connection: None) as app:
        told = await LiveReading(app).order("SO-00009")
    assert told is not None
    assert told["trace_url"] is None
    assert json.loads(msgspec.json.encode(told)) == printed | {"trace_url": None}


async def test_it_has_the_shape_that_is_described(tmp_path: Path, config: Path) -> None:
    async with assembled(tmp_path, lambda connection: None) as app:
        told = await LiveReading(app).order("L-9")
    assert told is not None
    schemas = description("0.1.0")["components"]["schemas"]
    order = schemas["Order"]["properties"]
    assert told.keys() >= order.keys()
    assert told["refunds"][0].keys() == schemas["Refund"]["properties"].keys()
    for side, schema in order["sides"]["properties"].items():
        assert told["sides"][side].keys() == schema["properties"].keys()
    sources = schemas["TimelineEntry"]["properties"]["source"]["enum"]
    assert sources == [source.value for source in Source]
    assert all(entry.keys() >= {"at", "what", "source"} for entry in told["timeline"])


def test_nobody_is_in_it(config: Path, capsys: Printed) -> None:
    connection = connect(config.with_name("tallyd.db"), read_only=True)
    sealed = bodies.get(connection, ORDER_ID, "order")
    connection.close()
    assert sealed is not None
    known = bodies.Sealer(bytes(32)).open(sealed, order_id=ORDER_ID, kind="order").decode()
    assert [name for name in NAMES if name in known] == NAMES, "the order is somebody's"
    for how in ([], ["--json"]):
        assert main(["orders", "show", "L-9", *how, "--config", str(config)]) == 0
        printed = capsys.readouterr().out
        assert [name for name in NAMES if name in printed] == []


# -- the text ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "Europe/Berlin")
        time.tzset()
        yield
    time.tzset()


TEXT = """\
order      L-9 (00000000-0000-4000-8000-000000000009)
state      exported since 2027-01-15T09:00:06+01:00
sale       SO-00009 (aaaaaaaa-0000-4000-8000-000000000009)
reference  ct-order:00000000-0000-4000-8000-000000000009
payable    59.97 GBP
trace      f3e028aaa6530055f01a5e1e849f6765 (look for this id where [telemetry] sends traces)

TOTALS     NET    TAX    TOTAL
predicted  49.97  10.00  59.97
Cin7 Core  49.97  10.00  59.97
agree

SIDES      commercetools                  Cin7 Core
as of      2027-01-15T09:00:40+01:00      2027-01-15T09:00:40+01:00
record     version 4                      SO-00009
state      Open                           FULFILLED
payment    Paid                           -
shipment   Partial                        PARTIALLY SHIPPED
warehouse  -                              picking PICKED, packing PACKED
tracking   -                              T-1
sent       cin7-f1: 2 units in 1 parcels  1: pick AUTHORISED, pack AUTHORISED, ship
                                          AUTHORISED; 1 boxes, 2 units sent
returned   r-1: 1 units, Returned         CR-1: AUTHORISED; back in stock: 1 of A

exception 1  return_open (ops): 3 of A came back from order L-9, and no credit note in Cin7 Core
             restocks them.
  next: {step}

REFUND     STATE    CREDIT NOTE  TRANSACTION
19.99 GBP  Success  CR-1         t-1

AT                         WHAT
"""

LINES = [
    "2027-01-15T09:00:02+01:00  accepted                        version=1 found_by=event",
    "2027-01-15T09:00:03+01:00  call cin7.create_sale           done, 0.412 s, lane orders, call 1",
    "2027-01-15T09:00:07+01:00  person retry                    olga: asked again",
    "2027-01-15T09:00:10+01:00  event Sale/ShipmentAuthorised   sale by cin7: look",
    "2027-01-15T09:00:40+01:00  shipment state Partial",
    "2027-01-15T09:00:44+01:00  exception resolved              2 refund_open: looked at again",
]


@pytest.mark.usefixtures("in_berlin")
def test_the_text(file: sqlite3.Connection) -> None:
    text = order_text(shown(file))
    step = text.partition("  next: ")[2].partition("\n\n")[0]
    assert step.endswith("(since 2027-01-15T09:00:42+01:00)")
    assert text.startswith(TEXT.format(step=step))
    lines = text.splitlines()
    assert [line for line in lines if line in LINES] == LINES
    assert max(len(line) for line in lines) <= WIDTH
    entries = [line for line in lines[lines.index("AT                         WHAT") + 1 :] if line.startswith("2027")]
    assert len(entries) == len(LIFE)


def test_what_is_long_goes_on_below_and_is_not_lost(file: sqlite3.Connection) -> None:
    words = [f"word-{number}" for number in range(60)]
    timeline.note(
        file, ORDER_ID, "order refused, planned anew because of what it says", now=at(90), answer=" ".join(words)
    )
    lines = order_text(shown(file)).splitlines()
    assert max(len(line) for line in lines) <= WIDTH
    assert [word for word in words if not any(word in line.replace("answer=", "").split() for line in lines)] == []


def test_an_id_is_never_broken(file: sqlite3.Connection) -> None:
    timeline.note(file, ORDER_ID, "delivery shown by somebody", now=at(90), key=f"cin7-{SALE_ID}-parcel-1", units=3)
    assert f"key=cin7-{SALE_ID}-parcel-1 units=3" in order_text(shown(file))


def test_an_instant_of_a_step_is_local_too(file: sqlite3.Connection) -> None:
    timeline.note(file, ORDER_ID, "waits", now=at(90), until=at(100))
    assert shown(file)["timeline"][-1]["until"] == format_instant(at(100))
    assert f"until={local(format_instant(at(100)))}" in order_text(shown(file))


@pytest.mark.usefixtures("in_berlin")
@pytest.mark.parametrize(
    ("instant", "text"),
    [
        ("2027-01-15T08:00:00.999Z", "2027-01-15T09:00:00+01:00"),
        ("2027-07-15T08:00:00.000Z", "2027-07-15T10:00:00+02:00"),
        (None, "-"),
    ],
)
def test_times_are_local(instant: str | None, text: str) -> None:
    assert local(instant) == text
