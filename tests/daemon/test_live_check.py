"""The live check against both doubles: what it finds, how few calls it makes, and that it cannot write."""

from __future__ import annotations

import itertools
from datetime import date

import msgspec
import pytest

from actors.domain.calls import Lane, Purpose
from actors.governor.journal import Intent
from adapters.transport import Request, Response
from daemon.asking import (
    CALLS,
    MOST_CALLS,
    Level,
    Line,
    OneOffGate,
    OutOfCallsError,
    ReadOnlyJournal,
    calls_for,
)
from daemon.live_check import hosts
from daemon.planning import posting_rules
from daemon.settings import parse_settings
from tests.both_sides import Both, Wire
from tests.daemon_app import FixedClock


def findings(lines: list[Line]) -> list[str]:
    return [f"{line.about}: {line.text}" for line in lines if line.level is Level.FINDING]


async def test_two_good_sides_have_no_findings_and_few_calls() -> None:
    both = Both()
    check, lines = await both.check()
    assert findings(lines) == []
    assert check.gate.used == len(both.cin7_wire.sent) <= CALLS
    assert {request.method for request in both.cin7_wire.sent} == {"GET"}
    assert [request.method for request in both.ct_wire.sent if "/oauth/" not in request.url] == ["GET"] * 5
    texts = "\n".join(line.text for line in lines)
    assert both.key not in texts
    assert both.secret not in texts


async def test_cin7_is_asked_at_most_once_a_second() -> None:
    both = Both()
    await both.check()
    arrived = [call.arrived_ms for call in both.cin7.call_log]
    assert min(later - earlier for earlier, later in itertools.pairwise(arrived)) >= 1000


@pytest.mark.parametrize(
    ("replaced", "by", "told"),
    [
        ('"20% (VAT on Income)"', '"21% nowhere"', "tax rule '21% nowhere'"),
        ("[mappings.tax]", 'location = "Moon"\n[mappings.tax]', "location 'Moon'"),
        ("[mappings.tax]", 'customer = { name = "Nobody" }\n[mappings.tax]', "customer 'Nobody'"),
        ("[mappings.tax]", 'shipping_charge = "Sledge"\n[mappings.tax]', "service product 'Sledge'"),
        ("[mappings.tax]", 'sync_channel = "elsewhere"\n[mappings.tax]', "no channel elsewhere"),
    ],
)
async def test_what_the_account_contradicts_is_found(replaced: str, by: str, told: str) -> None:
    both = Both()
    both.text = both.text.replace(replaced, by, 1)
    check, lines = await both.check()
    [finding] = findings(lines)
    assert told in finding
    assert check.gate.used <= CALLS


EVERYTHING = """
[mappings.shipping]
"Express" = "DHL Express"
"Standard" = "{carrier}"
[mappings.charges]
"gift-wrap" = {{ product = "Gift wrap of the moon" }}
[mappings.currencies]
EUR = {{ customer = "Euro people", rate = "cin7-last" }}
USD = {{ customer = "Dollar people", rate = 1.1 }}
"""


async def test_carriers_slugs_and_currency_customers_are_asked_for_where_the_file_names_them() -> None:
    both = Both()
    both.text += EVERYTHING.format(carrier="Nobody's carrier")
    check, lines = await both.check()
    found = "\n".join(findings(lines))
    for told in (
        'carrier "Nobody\'s carrier"',
        "service product 'Gift wrap of the moon'",
        "customer 'Euro people'",
        "customer 'Dollar people'",
    ):
        assert told in found
    assert check.gate.used <= calls_for(posting_rules(both.settings())) == CALLS + 3
    paths = [request.url.partition("/v2")[2].partition("?")[0] for request in both.cin7_wire.sent]
    assert paths.count("/ref/carrier") == 1
    assert paths.count("/customer") == 3


def test_however_many_currencies_there_are_the_calls_are_bounded() -> None:
    both = Both()
    names = (f"{first}{second}X" for first in "ABCDEFGH" for second in "KLMNOP")
    both.text += "[mappings.currencies]\n" + "\n".join(
        f'{code} = {{ customer = "{code} people", rate = 1 }}' for code in names
    )
    assert calls_for(posting_rules(both.settings())) == MOST_CALLS


async def test_a_wrong_key_is_one_finding_for_its_side() -> None:
    both = Both()
    both.key = "33333333-3333-4333-8333-333333333333"
    check, lines = await both.check()
    assert findings(lines) == ["cin7: the account: the credentials are refused"]
    assert check.gate.used == 1
    assert any(line.about == "commercetools" and line.level is Level.OK for line in lines)


async def test_a_wrong_client_secret_leaves_the_other_side_checked() -> None:
    both = Both()
    both.secret = "wrong"
    _, lines = await both.check()
    assert findings(lines) == ["commercetools: the project: the credentials are refused"]
    assert any(line.about == "cin7" and "agrees with the account" in line.text for line in lines)


async def test_clocks_are_compared() -> None:
    both = Both()
    both.cin7_wire.ahead = 90.0
    _, lines = await both.check()
    [finding] = findings(lines)
    assert finding.startswith("clock: this machine's clock is 9")
    assert finding.endswith("s behind cin7.test")


async def test_a_missing_scope_is_found_before_it_is_needed() -> None:
    both = Both()

    class Narrow(Wire):
        async def send(self, request: Request) -> Response:
            response = await super().send(request)
            if "/oauth/token" not in request.url:
                return response
            answer = msgspec.json.decode(response.body) | {"scope": "view_orders:sandbox view_payments:sandbox"}
            return msgspec.structs.replace(response, body=msgspec.json.encode(answer))

    both.ct_wire = Narrow(both.shop, both.clock)
    _, lines = await both.check()
    assert findings(lines) == [
        "commercetools: the API client has no scope to mark exported orders",
        "commercetools: the API client has no scope to keep the lease of this connection",
        "commercetools: the API client has no scope to read stock, which tells what was oversold from a backorder",
        "commercetools: the API client has no scope to publish stock: inventory entries have no scope of their own",
    ]
    [mend] = [line.mend for line in lines if "read stock" in line.text]
    assert mend == "give it manage_products or view_products"


@pytest.mark.parametrize(
    ("zone", "opens", "today"),
    [
        ("Europe/London", date(2027, 1, 15), None),
        ("Europe/London", date(2027, 1, 16), "2027-01-15"),
        ("Pacific/Pago_Pago", date(2027, 1, 15), "2027-01-14"),  # the books are a day behind UTC
    ],
)
async def test_a_closed_period_is_judged_by_the_day_of_the_books(zone: str, opens: date, today: str | None) -> None:
    both = Both()
    both.cin7.set_company(time_zone=zone, lock_date=opens)
    _, lines = await both.check()
    told = f"cin7: period_lock: Cin7 Core takes documents from {opens} on, and today is {today}: sales of today are"
    assert findings(lines) == ([] if today is None else [f"{told} refused."])


async def test_the_gate_is_shut_after_its_calls_and_to_every_write() -> None:
    gate = OneOffGate(FixedClock(), calls=2)
    for _ in range(2):
        async with gate.turn(Intent(Purpose.CIN7_ME, lane=Lane.CATALOGUE)):
            pass
    with pytest.raises(OutOfCallsError):
        async with gate.turn(Intent(Purpose.CIN7_ME, lane=Lane.CATALOGUE)):
            pass
    for purpose in Purpose:
        if purpose.writes:
            with pytest.raises(RuntimeError, match="never writes"):
                async with OneOffGate(FixedClock()).turn(Intent(purpose)):
                    pass
            with pytest.raises(RuntimeError, match="never writes"):
                await ReadOnlyJournal().begin(Intent(purpose), at=0)


def test_hosts_are_listed_without_anybody_s_address() -> None:
    text = Both().text + '[owners]\nops = { name = "Desk", channels = ["mailto://desk@example.test"] }\n'
    named = hosts(parse_settings(text, source="x"))
    assert named == [
        ("ct.test", "commercetools API"),
        ("ct.test", "commercetools tokens"),
        ("cin7.test", "Cin7 Core"),
        ("example.test", "alerts by mailto"),
    ]


PAYMENTS = """
[finance]
posting = "auto"
refunds = "credit-note"
refund_charge = "{charge}"
[mappings.payments]
"adyen/scheme" = "{code}"
"giftcard" = "850"
"""


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("090", []),
        ("999", ['cin7: payment_unmapped: [mappings.payments] "adyen/scheme" names account 999, which Cin7 Core does']),
        ("200", ['cin7: payment_unmapped: [mappings.payments] "adyen/scheme" names account 200, which takes no pay']),
    ],
)
async def test_an_account_that_takes_no_payment_is_found_before_the_first(code: str, told: list[str]) -> None:
    both = Both()
    both.text += PAYMENTS.format(charge="Refund", code=code)
    check, lines = await both.check()
    assert [text[:95] for text in findings(lines)] == [text[:95] for text in told]
    assert any("the configuration agrees" in line.text for line in lines) is (not told)
    assert check.gate.used <= calls_for(posting_rules(both.settings()), accounts=True) == CALLS + 1


async def test_a_gesture_without_its_service_product_is_a_note() -> None:
    both = Both()
    both.text += PAYMENTS.format(charge="Goodwill of the moon", code="090")
    _, lines = await both.check()
    assert findings(lines) == []
    [note] = [line for line in lines if "refund_charge" in line.text]
    assert (note.level, note.mend) == (Level.NOTE, 'create it, or set refund_charge = ""')


async def test_who_posts_nothing_is_asked_for_no_account() -> None:
    both = Both()
    both.text += PAYMENTS.format(charge="Goodwill of the moon", code="999").replace("auto", "off")
    _, lines = await both.check()
    assert findings(lines) == []
    assert not any("/ref/account" in request.url for request in both.cin7_wire.sent)
    assert not any("refund_charge" in line.text for line in lines)
