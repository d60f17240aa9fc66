"""What goes wrong around DRAFTs and withdrawn sales: nothing goes in circles, and nothing is believed unproved."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import ROUND_UP, Decimal

import msgspec

from actors.domain.calibration import ALL
from adapters.sandbox.carts import LineDraft
from adapters.sandbox.cin7_documents import Arithmetic
from adapters.sandbox.faults import DropConnectionError
from adapters.transport import Request, Response
from storage import calibration, facts, orders
from storage.calibration import Evidence
from tests.flows.test_orders_every_kind import MUG, SLEEPING_BAG, TIE, operations, posting, record
from tests.simulation.laws import assert_exactly_once
from tests.simulation.world import GIVEN, Serve, World, intercept, virtual, world

ROW = Arithmetic(tax="row")


class Odd(Arithmetic, frozen=True, kw_only=True):
    """An account that is none of the sixteen: three pence too many on every row."""

    def tax_of(self, amount: Decimal, percent: Decimal, *, inclusive: bool) -> Decimal:
        base = 100 + percent if inclusive else Decimal(100)
        return (amount * percent / base).quantize(Decimal("0.01"), rounding=ROUND_UP) + Decimal("0.03")


async def teach(made: World, refuted: frozenset[int]) -> None:
    """Let an answer about an inclusive document refute these models."""
    desk = made.daemon.desk

    def unit(connection: object) -> None:
        known = facts.for_order(connection, ())  # type: ignore[arg-type]
        evidence = Evidence(kind="order", inclusive=True, refuted=refuted, order_id="", sale_id="", sent="", answer="")
        calibration.take_in(
            connection,  # type: ignore[arg-type]
            evidence,
            today=desk.today(known),
            fingerprint=desk.settings_of(known),
            now=made.clock.now(),
        )

    await made.daemon.write(unit)


def is_header(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/sale")


@virtual
async def test_a_header_shown_in_the_other_mode_ends_with_a_person() -> None:
    async with world(101, the_plan=posting()) as made:

        async def ignore_the_mode(request: Request, door: Serve) -> Response:
            if is_header(request) and request.body is not None:
                body = request.body.replace(b'"TaxInclusive":true', b'"TaxInclusive":false')
                request = msgspec.structs.replace(request, body=body)
            return await door(request)

        await made.ready()
        intercept(made.cin7_network, ignore_the_mode)
        order = made.place()
        await made.clock.sleep(600)
        assert made.daemon.state(order) == "held"
        assert made.daemon.open_types(order) == ["prediction_differs"]
        assert operations(made, "sale_create") <= 4
        assert not made.cin7.live_sales()


@virtual
async def test_an_account_of_no_known_kind_burns_no_calls_and_posts_nothing_wrong() -> None:
    async with world(102, the_plan=posting()) as made:
        made.cin7.set_arithmetic(Odd(tax="row"))
        await made.ready(taught=False)
        placed = [
            made.place(lines=(LineDraft(sku=MUG, unit_minor=1293 + n),), shipping=None, included=bool(n % 2))
            for n in range(10)
        ]
        await made.clock.sleep(1800)
        made_by_then = operations(made, "sale_create")
        await made.clock.sleep(1800)
        assert operations(made, "sale_create") == made_by_then <= 30
        wrong = [each for each in placed if made.daemon.state(each) != "held"]
        told = {row.record.id for row in made.daemon.open_exceptions() if row.type == "totals_differ"}
        assert set(wrong) <= told
        assert "arithmetic_changed" in made.daemon.open_types("cin7")


@virtual
async def test_a_refusal_that_teaches_nothing_new_is_not_asked_again() -> None:
    async with world(103, the_plan=posting(), cin7={"check_tax": True, "tax_behaviour": "row"}) as made:
        await made.ready(taught=False)
        await teach(made, ALL)
        order = made.place(lines=(TIE,), shipping=None)
        await made.clock.sleep(600)
        assert made.daemon.open_types(order) == ["order_rejected"]
        assert operations(made, "sale_order") == 1


@virtual
async def test_a_sale_that_is_not_found_is_not_taken_for_void() -> None:
    async with world(104, the_plan=posting()) as made:
        made.cin7.set_arithmetic(ROW)
        await made.ready(taught=False)

        async def lose_it(request: Request, door: Serve) -> Response:
            if request.method == "GET" and "/sale?" in request.url:
                body = b'[{"ErrorCode": 404, "Exception": "Sale with specified ID not found"}]'
                return Response(status=404, headers={"content-type": "application/json"}, body=body)
            return await door(request)

        undo = intercept(made.cin7_network, lose_it)
        order = made.place(lines=(TIE,), shipping=None)
        await made.in_state(order, "held")
        assert made.daemon.open_types(order) == ["sale_vanished"]
        undo()
        await made.daemon.nudge(order)
        await made.until(lambda: not made.cin7.live_sales(), within=60)
        assert operations(made, "sale_create") == 1


@virtual
async def test_an_order_authorised_under_a_lost_answer_is_compared_whatever_is_believed_by_then() -> None:
    async with world(105, the_plan=posting()) as made:
        await made.ready()
        made.cin7.set_arithmetic(ROW)
        lost: list[int] = []

        async def lose_the_answer(request: Request, door: Serve) -> Response:
            if lost and request.method == "GET" and "/sale?" in request.url and made.clock.now() < lost[0] + 60_000:
                return Response(status=503, headers={}, body=b"")
            answer = await door(request)
            if request.url.endswith("/sale/order") and not lost:
                lost.append(made.clock.now())
                raise DropConnectionError
            return answer

        intercept(made.cin7_network, lose_the_answer)
        first = made.place(lines=(TIE,), shipping=None)
        await made.until(lambda: bool(lost), within=60, every=0.1)
        second = made.place(lines=(TIE,), shipping=None)
        await made.exported(first, second, within=900)
        for order in (first, second):
            assert made.daemon.open_types(order) == ["totals_differ"]
            assert record(made, order).reconciled is False


@virtual
async def test_our_own_void_under_a_lost_answer_is_not_somebody_elses() -> None:
    async with world(106, the_plan=posting()) as made:
        await made.ready()
        seen: list[str] = []

        async def change_its_mind(request: Request, door: Serve) -> Response:
            answer = await door(request)
            if is_header(request) and not seen:
                seen.append("header")
                await teach(made, GIVEN)
            if request.method == "DELETE" and len(seen) == 1:
                seen.append("void")
                await teach(made, ALL - GIVEN)
                raise DropConnectionError
            return answer

        intercept(made.cin7_network, change_its_mind)
        order = made.place(lines=(TIE,), shipping=None)
        await made.exported(order, within=600)
        assert Counter(sale.voided for sale in made.cin7.sales) == {True: 1, False: 1}
        assert_exactly_once(made)


@virtual
async def test_a_draft_proves_nothing_under_other_settings() -> None:
    async with world(107, the_plan=posting()) as made:
        await made.ready(taught=False)
        killed: list[str] = []

        def kill(point: str) -> bool:
            if killed or point != "cin7.draft_order.settled":
                return False
            killed.append(point)
            made.cin7.set_arithmetic(ROW)
            made.cin7.set_company(tax_calculation_method="Total")
            made.daemon.cut_off = True
            return True

        made.daemon.kill_next = kill
        order = made.place(lines=(TIE,), shipping=None)
        await made.until(lambda: bool(killed), within=60, every=0.2)
        await made.clock.sleep(120)
        made.daemon.cut_off = False
        await made.in_state(order, "held", within=600)
        assert made.daemon.open_types(order) == ["prediction_differs"]
        assert all(sale.order_status != "AUTHORISED" for sale in made.cin7.sales)


@virtual
async def test_a_lost_file_finds_the_sale_of_a_later_generation() -> None:
    async with world(108, the_plan=posting()) as made:
        made.cin7.set_arithmetic(ROW)
        await made.ready(taught=False)
        order = made.place(lines=(TIE,), shipping=None)
        await made.in_state(order, "held")
        made.cin7.set_arithmetic(Arithmetic())
        made.cin7.set_company(tax_calculation_method="Total")
        await made.exported(order, within=800)
        made.daemon.lose_file()
        await made.exported(order, within=1200)
        assert record(made, order).generation == 2
        assert not made.daemon.open_types(order)
        assert_exactly_once(made)


@virtual
async def test_a_void_sale_is_short_of_nothing_and_is_told_as_void() -> None:
    async with world(109, the_plan=posting()) as made:
        made.cin7.expect_delivery(SLEEPING_BAG, date(2026, 12, 24))
        await made.ready()
        stock = int(made.cin7.available(SLEEPING_BAG))
        order = made.place(lines=(LineDraft(sku=SLEEPING_BAG, quantity=stock + 3),))
        await made.exported(order)
        await made.clock.sleep(30)
        [sale] = made.cin7.live_sales()
        made.cin7.void_by_hand(sale.id)
        await made.daemon.nudge(order)
        await made.in_state(order, "held")
        assert "sale_voided_by_hand" in made.daemon.open_types(order)
        made.cin7.receive_stock(SLEEPING_BAG, 100)
        await made.daemon.write(lambda connection: orders.set_resend(connection, order, True))
        await made.daemon.nudge(order)
        await made.exported(order, within=120)
        assert not made.daemon.open_types(order)


@virtual
async def test_what_one_kind_of_document_shows_closes_nothing_of_the_other() -> None:
    async with world(110, the_plan=posting()) as made:
        made.cin7.set_arithmetic(Odd(tax="row"))
        await made.ready(taught=False)
        order = made.place(lines=(TIE,), shipping=None)
        await made.in_state(order, "held")
        assert "arithmetic_changed" in made.daemon.open_types("cin7")
        made.cin7.set_arithmetic(Arithmetic())
        other = made.place(lines=(TIE,), shipping=None, included=False)
        await made.exported(other, within=300)
        assert "arithmetic_changed" in made.daemon.open_types("cin7")
