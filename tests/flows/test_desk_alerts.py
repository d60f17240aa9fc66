"""Who is called, how often, and when not: the alert workers from a failure to the message."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from actors.desk.actor import OTHERS
from actors.domain.outgoing import Tone
from actors.domain.quiet import Hours, Window, minute_of
from storage import audit, maintenance
from tests.alert_house import DAY, HOUR, MINUTE, SECOND, START, alert_house, channel, rules

STORM = 10_000


async def test_a_storm_of_one_cause_is_one_alert_and_one_recovery(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        numbers = [f"CT-{number}" for number in range(STORM)]
        await house.fail(*numbers)
        await house.for_(5 * MINUTE)
        [told] = house.post.sent
        assert told.title == "[acme] ERROR SKU unknown: 10000 of one cause, order CT-0"
        assert "What to do:\n1. " in told.body
        assert told.body.endswith("\n\nhttps://desk.test/incidents/sku_unknown")
        assert (told.channel, told.tone) == ("ecommerce", Tone.FAILURE)
        await house.mend(*numbers)
        await house.for_(5 * MINUTE)
        assert [message.title for message in house.post.sent[1:]] == [
            "[acme] OVER SKU unknown: 10000 of one cause, order CT-0"
        ]
        assert house.post.sent[1].tone is Tone.SUCCESS
        assert await house.rows("SELECT count(*) FROM alerts") == [(1,)]


async def test_a_storm_that_trickles_in_is_one_alert_too(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        for wave in range(40):
            await house.fail(*(f"CT-{wave}-{number}" for number in range(10)))
            await house.for_(7 * SECOND)
        await house.for_(30 * MINUTE)
        assert len(house.post.sent) == 1
        assert await house.rows("SELECT count, rule FROM alerts") == [(400, "error_count")]


@pytest.mark.parametrize("phase", range(0, 16_000, 1_500))
async def test_from_a_failure_to_its_alert_less_than_a_minute(tmp_path: Path, phase: int) -> None:
    async with alert_house(tmp_path) as house:
        await house.for_(HOUR + phase)
        failed_at = house.clock.at
        await house.fail("cin7", code="cin7_unreachable", kind="connection", cause="no connection")
        await house.for_(MINUTE)
        [told] = house.post.sent
        assert told.channel == "it"
        assert 0 <= told.at - failed_at < MINUTE


async def test_an_alert_names_the_record_says_why_and_what_to_do_and_links_to_it(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.fail("CT-7", cause="Cin7 Core has no product A-1")
        await house.for_(MINUTE)
        [told] = house.post.sent
        assert told.title == "[acme] ERROR SKU unknown: order CT-7"
        assert told.body.startswith("Cin7 Core has no product A-1\n")
        assert "What to do:" in told.body
        assert told.body.endswith("https://desk.test/exceptions/1")


async def test_what_comes_and_goes_is_one_alert(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        for _ in range(10):
            await house.fail("CT-1")
            await house.for_(20 * SECOND)
            await house.mend("CT-1")
            await house.for_(20 * SECOND)
        assert len(house.post.sent) == 1
        await house.for_(5 * MINUTE)
        assert [title.split()[1] for title in house.titles()] == ["ERROR", "OVER"]


async def test_warnings_wait_for_the_digest_until_they_are_many(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.fail(*(f"CT-{number}" for number in range(24)), code="missed")
        await house.for_(HOUR)
        assert house.titles() == []
        await house.fail("CT-24", code="missed")
        await house.for_(MINUTE)
        assert house.titles() == ["[acme] WARNING Missed: 25 of one cause, order CT-0"]


async def test_many_causes_of_one_type_are_one_alert_of_the_type(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        for number in range(100):
            await house.fail(f"CT-{number}", group=f"sku_unknown:{number}")
        await house.for_(5 * MINUTE)
        assert house.titles() == ["[acme] ERROR SKU unknown: 100 exceptions"]
        await house.mend(*(f"CT-{number}" for number in range(100)))
        await house.for_(5 * MINUTE)
        assert len(house.post.sent) == 2


async def test_more_than_five_of_one_owner_in_a_minute_leave_as_one_message(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        for number in range(12):
            await house.fail(f"CT-{number}", group=f"sku_unknown:{number}")
        await house.for_(MINUTE)
        [told] = house.post.sent
        assert told.title == "[acme] 12 notices"
        assert "order CT-11\nhttps://desk.test/exceptions/12\n" in told.body
        assert told.body.endswith("https://desk.test/alerts")


async def test_what_trickles_in_is_put_together_after_five_in_a_minute(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        for number in range(16):
            await house.fail(f"CT-{number}", group=f"sku_unknown:{number}")
            if number % 4 == 3:
                await house.for_(15 * SECOND)
        assert [title.endswith("notices") for title in house.titles()] == [False] * 4 + [True] * 3


async def test_a_channel_that_keeps_incidents_is_told_of_each_by_its_name(tmp_path: Path) -> None:
    async with alert_house(tmp_path, channels={"ecommerce": (channel("pager", apart=True),)}) as house:
        for number in range(8):
            await house.fail(f"CT-{number}", group=f"sku_unknown:{number}")
        await house.for_(MINUTE)
        assert len(house.post.sent) == 8
        await house.mend("CT-3")
        await house.for_(5 * MINUTE)
        over = house.post.sent[-1]
        assert over.tone is Tone.SUCCESS
        assert over.topic == house.post.sent[3].topic != ""


async def test_quiet_hours_hold_back_what_is_not_critical(tmp_path: Path) -> None:
    quiet = Hours(start=minute_of("22:00"), end=minute_of("07:00"))
    async with alert_house(tmp_path, quiet=quiet) as house:
        await house.for_(2 * HOUR)
        await house.fail("CT-1")
        await house.fail("CT-2", group="sku_unknown:2")
        await house.fail("CT-3", code="order_unlisted_here", kind="connection")
        await house.for_(30 * MINUTE)
        assert [message.channel for message in house.post.sent] == ["it"]
        await house.mend("CT-2")
        await house.for_(40 * MINUTE)
        await house.much_later(3 * HOUR)
        await house.until(START + 7 * HOUR + MINUTE)
        assert [(message.channel, message.at - START) for message in house.post.sent] == [
            ("it", 2 * HOUR + 15 * SECOND),
            ("boss", 3 * HOUR),
            ("ecommerce", 7 * HOUR),
        ]
        assert "CT-1" in house.post.sent[-1].title, "what was over by the morning is nobody's news"


async def test_an_alert_that_nobody_mends_is_escalated_once(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.fail("CT-1")
        await house.fail("CT-2", code="second_daemon", kind="connection")
        await house.for_(59 * MINUTE)
        assert house.titles("boss") == []
        await house.for_(2 * MINUTE)
        assert house.titles("boss") == ["[acme] ESCALATED Second daemon: connection CT-2"]
        await house.much_later(2 * DAY)
        assert house.titles("boss")[1:] == ["[acme] ESCALATED SKU unknown: order CT-1"]
        await house.mend("CT-1")
        await house.mend("CT-2", kind="connection")
        await house.for_(HOUR)
        assert [title.split()[1] for title in house.titles("boss")[2:]] == ["OVER", "OVER"]


async def test_what_was_snoozed_is_not_escalated_and_its_alert_stands(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.fail("CT-1")
        await house.for_(MINUTE)
        until = house.clock.at + 3 * DAY
        await house.run(lambda connection: connection.execute("UPDATE exceptions SET snoozed_until = ?", (until,)))
        await house.much_later(2 * DAY)
        assert len(house.post.sent) == 1
        await house.much_later(2 * DAY)
        assert [message.channel for message in house.post.sent] == ["ecommerce", "boss"]


async def test_maintenance_keeps_alerts_and_ends_with_a_report(tmp_path: Path) -> None:
    window = Window(starts_at=START + HOUR, ends_at=START + 3 * HOUR)
    async with alert_house(tmp_path, windows=(window,)) as house:
        await house.fail("CT-0", group="sku_unknown:0")
        await house.until(START + HOUR + MINUTE)
        await house.fail("CT-1")
        await house.fail("CT-2", code="second_daemon", kind="connection")
        await house.mend("CT-0")
        await house.for_(HOUR)
        await house.mend("CT-2", kind="connection")
        await house.until(START + 3 * HOUR - SECOND)
        assert len(house.post.sent) == 1, "only what was told before it began"
        assert await house.rows("SELECT count(*) FROM alerts") == [(3,)]
        await house.until(START + 3 * HOUR + MINUTE)
        told = {message.channel: message for message in house.post.sent[1:]}
        assert set(told) == {"ops", "finance", "ecommerce", "it"}
        assert told["ecommerce"].title == "[acme] maintenance is over: 1 raised, 1 still open"
        assert "- SKU unknown: order CT-1" in told["ecommerce"].body
        assert "Told before, and over by now: SKU unknown: order CT-0." in told["ecommerce"].body
        assert told["it"].title == "[acme] maintenance is over: 1 raised, 0 still open"
        await house.mend("CT-1")
        await house.for_(HOUR)
        assert house.titles()[-1] == "[acme] OVER SKU unknown: order CT-1"
        assert len(house.post.sent) == 6


async def test_a_window_a_person_ended_is_over(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        window = await house.run(
            lambda connection: maintenance.start(
                connection, author="ian", reason="move", now=START, ends_at=START + DAY
            )
        )
        await house.fail("CT-1")
        await house.for_(HOUR)
        assert house.titles() == []
        await house.run(lambda connection: maintenance.end(connection, window, now=house.clock.at))
        await house.for_(MINUTE)
        assert len(house.post.sent) == 4
        assert await house.rows("SELECT reported_at IS NOT NULL FROM maintenance") == [(1,)]


@pytest.mark.parametrize("begins", range(0, 60_000, 4_000))
async def test_nothing_leaves_in_a_window_of_the_file_from_its_first_moment_on(tmp_path: Path, begins: int) -> None:
    window = Window(starts_at=START + 10 * MINUTE + begins, ends_at=START + HOUR)
    async with alert_house(tmp_path, windows=(window,)) as house:
        house.post.broken = {"ecommerce"}
        await house.until(START + 9 * MINUTE + 40 * SECOND)
        await house.fail("CT-1")
        await house.until(window.starts_at - 1)
        house.post.broken = set()
        await house.until(window.ends_at - 1)
        assert house.titles("ecommerce") == []


async def test_a_window_that_is_on_again_is_reported_on_again(tmp_path: Path) -> None:
    window = Window(starts_at=START, ends_at=START + HOUR)
    async with alert_house(tmp_path, windows=(window,)) as house:
        await house.until(START + 2 * HOUR)
        house.rules = msgspec.structs.replace(house.rules, windows=(Window(starts_at=START, ends_at=START + 5 * HOUR),))
        await house.start()
        await house.fail("CT-1")
        await house.until(START + 5 * HOUR - SECOND)
        assert [message.channel for message in house.post.sent] == ["ops", "finance", "ecommerce", "it"]
        await house.until(START + 5 * HOUR + MINUTE)
        told = {message.channel: message.title for message in house.post.sent[4:]}
        assert told["ecommerce"] == "[acme] maintenance is over: 1 raised, 1 still open"


async def test_a_message_that_does_not_go_out_is_tried_again_and_told(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        house.post.broken = {"ecommerce"}
        await house.fail("CT-1")
        await house.for_(5 * MINUTE)
        assert house.titles() == ["[acme] ERROR Alert undelivered: channel ecommerce"]
        assert house.post.sent[0].channel == "it"
        house.post.broken = set()
        await house.for_(10 * MINUTE)
        assert house.titles("ecommerce") == ["[acme] ERROR SKU unknown: order CT-1"]
        assert house.titles("it")[1:] == ["[acme] OVER Alert undelivered: channel ecommerce"]


async def test_what_a_service_says_it_does_not_take_lets_the_next_by_within_a_minute(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        house.post.refused = {"CT-1"}
        await house.fail("CT-1", group="sku_unknown:1")
        await house.for_(20 * SECOND)
        await house.fail("CT-2", group="sku_unknown:2")
        await house.for_(MINUTE)
        assert house.titles("ecommerce") == ["[acme] ERROR SKU unknown: order CT-2"]


async def test_what_leaves_together_and_is_not_taken_leaves_one_by_one(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        house.post.refused = {"notices", "CT-1"}
        for number in range(8):
            await house.fail(f"CT-{number}", group=f"sku_unknown:{number}")
        await house.for_(5 * MINUTE)
        told = house.titles("ecommerce")
        assert sorted(told) == [f"[acme] ERROR SKU unknown: order CT-{number}" for number in range(8) if number != 1]


async def test_each_channel_has_a_place_of_its_own_however_many_hang(tmp_path: Path) -> None:
    many = tuple(channel(f"chat-{number}") for number in range(12))
    async with alert_house(tmp_path, channels={"ops": many, "it": many[:3]}, escalate_to=(channel("boss"),)) as house:
        assert house.actor.concurrency == house.actor.mailbox.capacity == OTHERS + 13


@pytest.mark.parametrize("says_so", [True, False])
async def test_a_message_that_is_always_refused_keeps_no_other_back_and_is_given_up(
    tmp_path: Path, *, says_so: bool
) -> None:
    async with alert_house(tmp_path) as house:
        house.post.refused, house.post.says_so = {"CT-1"}, says_so
        await house.fail("CT-1", group="sku_unknown:1")
        await house.for_(5 * MINUTE)
        assert house.titles("ecommerce") == []
        for number in range(2, 6):
            await house.fail(f"CT-{number}", group=f"sku_unknown:{number}")
            await house.for_(7 * MINUTE)
            assert house.titles("ecommerce")[-1] == f"[acme] ERROR SKU unknown: order CT-{number}"
        [(state, error)] = await house.rows("SELECT state, error FROM notices WHERE title LIKE 'ERROR%CT-1'")
        assert (state, error) == ("given_up", "refused while others went out: it answered 400")
        await house.mend("CT-1")
        await house.for_(HOUR)
        assert not [title for title in house.titles("ecommerce") if "CT-1" in title], "no end without a beginning"
        asked = house.post.asked
        await house.for_(HOUR)
        assert house.post.asked == asked


async def test_of_what_leaves_together_only_what_is_refused_by_itself_is_given_up(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.fail("CT-0", group="sku_unknown:0")
        await house.for_(MINUTE)
        house.post.refused = {"notices", "CT-3"}
        for number in range(1, 9):
            await house.fail(f"CT-{number}", group=f"sku_unknown:{number}")
        await house.for_(HOUR)
        lost = await house.rows("SELECT title FROM notices WHERE channel = 'ecommerce' AND state <> 'sent'")
        assert lost == [("ERROR SKU unknown: order CT-3",)]


async def test_after_an_outage_nothing_is_given_up_that_was_refused_meanwhile(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        house.post.broken = {"ecommerce"}
        for number in range(4):
            await house.fail(f"CT-{number}", group=f"sku_unknown:{number}")
            await house.for_(20 * MINUTE)
        house.post.broken = set()
        await house.for_(HOUR)
        assert await house.rows("SELECT DISTINCT state FROM notices WHERE channel = 'ecommerce'") == [("sent",)]
        told = " ".join(message.body + message.title for message in house.post.sent)
        assert all(f"CT-{number}" in told for number in range(4))


async def test_a_broken_channel_of_its_own_people_is_not_told_through_it(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        house.post.broken = {"it"}
        await house.fail("cin7", code="cin7_unreachable", kind="connection")
        await house.for_(2 * HOUR)
        waiting = await house.rows("SELECT DISTINCT title FROM notices WHERE channel = 'it'")
        assert waiting == [("ERROR Cin7 unreachable: connection cin7",)]
        assert await house.rows("SELECT count(*) FROM alerts WHERE subject = 'alert_undelivered:it'") == [(1,)]


async def test_what_is_over_and_a_day_old_is_given_up_and_what_gathered_leaves_as_one(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        house.post.broken = {"ecommerce"}
        await house.fail("CT-0", group="sku_unknown:0")
        await house.fail("CT-9", group="sku_unknown:9")
        await house.for_(MINUTE)
        await house.mend("CT-0")
        await house.for_(2 * MINUTE)
        await house.much_later(23 * HOUR)
        for number in range(1, 9):
            await house.fail(f"CT-{number}", group=f"sku_unknown:{number}")
        await house.much_later(2 * HOUR)
        assert await house.rows(
            "SELECT state FROM notices WHERE title LIKE 'ERROR%CT-0' AND channel = 'ecommerce'"
        ) == [("given_up",)]
        house.post.broken = set()
        await house.for_(HOUR)
        [gathered] = [message for message in house.post.sent if message.title == "[acme] 9 notices"]
        assert gathered.channel == "ecommerce"
        assert "CT-9" in gathered.body, "what still stands is news after a day too"


async def test_a_kill_between_sending_and_writing_it_down_sends_again(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.fail("CT-1")
        await house.for_(MINUTE)
        await house.run(lambda connection: connection.execute("UPDATE notices SET state = 'leaving', sent_at = NULL"))
        await house.start()
        await house.for_(MINUTE)
        assert len(house.post.sent) == 2


async def test_a_restart_tells_nothing_twice(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.fail("CT-1")
        await house.for_(MINUTE)
        for _ in range(3):
            await house.start()
            await house.for_(MINUTE)
        assert len(house.post.sent) == 1


async def test_an_address_nobody_understands_is_told_before_anything_has_to_leave(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        house.post.unknown = {"ops"}
        await house.start()
        await house.for_(MINUTE)
        [told] = house.post.sent
        assert "Alert undelivered" in told.title
        assert "address is not understood" in told.body


async def test_without_channels_alerts_are_kept_and_nothing_is_sent(tmp_path: Path) -> None:
    async with alert_house(tmp_path, channels={}, escalate_to=()) as house:
        await house.fail("CT-1")
        await house.for_(HOUR)
        assert await house.rows("SELECT title, told_at FROM alerts") == [("SKU unknown: order CT-1", None)]
        assert house.post.asked == 0


async def test_a_channel_that_is_gone_keeps_nothing_waiting(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        house.post.broken = {"ecommerce"}
        await house.fail("CT-1")
        await house.for_(MINUTE)
        house.rules = house.rules.__class__(connection="acme", channels={"it": (channel("it"),)})
        await house.start()
        await house.for_(MINUTE)
        assert await house.rows("SELECT state, error FROM notices WHERE channel = 'ecommerce'") == [
            ("given_up", "the channel is configured no more")
        ]


async def test_a_flow_that_finishes_nothing_is_told_unless_a_connection_says_why(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.run(
            lambda connection: connection.execute(
                "INSERT INTO outbox (flow, subject, state, urgency, due_at, accepted_at)"
                " VALUES ('stock', 'list', 'ready', 2, ?, ?)",
                (START, START),
            )
        )
        house.pulse.since = {"stock": START, "orders": START}
        await house.for_(14 * MINUTE)
        assert house.titles() == []
        await house.for_(2 * MINUTE)
        assert house.titles() == ["[acme] CRITICAL flow stock has work and has finished none for 15 minutes"]
        house.pulse.since["stock"] = house.clock.at
        await house.for_(5 * MINUTE)
        assert house.titles()[1:] == ["[acme] OVER flow stock has work and has finished none for 15 minutes"]
        await house.fail("CT-1", code="sales_two")
        await house.fail("cin7", code="cin7_unreachable", kind="connection")
        await house.for_(HOUR)
        assert not any("flow stock" in title for title in house.titles()[2:])
        await house.mend("cin7", kind="connection")
        await house.for_(2 * MINUTE)
        assert any("flow stock" in title for title in house.titles()[2:]), "a critical order is no reason for silence"


async def test_a_backlog_is_forecast(tmp_path: Path) -> None:
    async with alert_house(tmp_path, thresholds={"backlog_minutes": 45}) as house:
        house.pulse.minutes = 44
        await house.for_(HOUR)
        house.pulse.minutes = 45
        await house.for_(MINUTE)
        assert house.titles() == ["[acme] ERROR calls to Cin7 Core are 45 minutes behind"]


async def test_digests_come_once_a_day_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    async with alert_house(
        tmp_path, digest_at=minute_of("08:00"), time_zone="Europe/Berlin", thresholds={"error_count": 0}
    ) as house:
        await house.fail("CT-1", "CT-2")
        await house.much_later(7 * HOUR - 2 * MINUTE)
        assert house.titles() == []
        await house.until(START + 7 * HOUR + SECOND)
        assert house.titles("ecommerce") == ["[acme] digest of Web shop: 2 open, 1 cause"]
        assert house.titles("ops") == ["[acme] digest of ops: nothing is open"]
        [told] = [message for message in house.post.sent if message.channel == "ecommerce"]
        assert "2 × SKU unknown (error), since 2026-12-01 01:00 CET, due 2026-12-02 01:00 CET" in told.body
        assert "https://desk.test/incidents/sku_unknown" in told.body
        await house.start()
        await house.for_(HOUR)
        assert len(house.titles("ops")) == 1
        await house.much_later(22 * HOUR)
        assert len(house.titles("ops")) == 1
        await house.much_later(HOUR)
        assert len(house.titles("ops")) == 2


async def test_finance_hears_of_the_month_once_also_when_the_first_was_missed(tmp_path: Path) -> None:
    async with alert_house(tmp_path, digest_at=minute_of("08:00")) as house:
        house.clock.at = START + 2 * DAY + 9 * HOUR
        await house.for_(MINUTE)
        await house.much_later(DAY)
        await house.much_later(DAY)
        months = [message for message in house.post.sent if "month" in message.title]
        [told] = months
        assert told.channel == "finance"
        assert told.title == "[acme] month 2026-11 does not tie out, 7 orders to settle"
        assert "Unexplained, payment EUR: 1.20" in told.body
        assert house.months == ["2026-11"]


async def test_the_digest_of_it_names_the_head_of_the_audit(tmp_path: Path) -> None:
    async with alert_house(tmp_path, digest_at=minute_of("08:00")) as house:
        await house.run(
            lambda connection: audit.write(connection, author="ada", action="look", record="order/1", now=START)
        )
        head = await house.run(audit.head)
        await house.much_later(9 * HOUR)
        [told] = [message for message in house.post.sent if message.channel == "it"]
        assert len(head) == 64
        assert head in told.body


async def test_a_channel_that_keeps_incidents_is_sent_no_digest_and_no_report(tmp_path: Path) -> None:
    window = Window(starts_at=START + HOUR, ends_at=START + 2 * HOUR)
    pager = (channel("pager", apart=True),)
    async with alert_house(tmp_path, windows=(window,), digest_at=minute_of("00:30"), channels={"it": pager}) as house:
        await house.until(START + HOUR + MINUTE)
        await house.fail("a", code="cin7_unreachable", kind="connection", group="a")
        await house.fail("b", code="cin7_unreachable", kind="connection", group="b")
        await house.for_(10 * MINUTE)
        await house.mend("b", kind="connection")
        await house.until(START + 2 * HOUR + MINUTE)
        assert house.titles() == ["[acme] ERROR Cin7 unreachable: connection a"], "what still stands opens its incident"
        await house.mend("a", kind="connection")
        await house.for_(5 * MINUTE)
        assert house.titles()[1:] == ["[acme] OVER Cin7 unreachable: connection a"]
        assert house.post.sent[0].topic == house.post.sent[1].topic


async def test_what_was_told_of_a_channel_that_is_gone_or_understood_again_is_over(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        house.post.unknown = {"ops", "finance"}
        await house.start()
        await house.for_(MINUTE)
        house.post.unknown = set()
        house.rules = house.rules.__class__(connection="acme", channels={"ops": (channel("ops"),)})
        await house.start()
        await house.for_(MINUTE)
        assert dict(await house.rows("SELECT record_id, resolution FROM exceptions")) == {
            "ops": "its address is understood",
            "finance": "the channel is configured no more",
        }


async def test_who_heard_nothing_of_an_alert_hears_nothing_of_its_end(tmp_path: Path) -> None:
    quiet = Hours(start=minute_of("02:00"), end=minute_of("09:00"))
    async with alert_house(tmp_path, quiet=quiet) as house:
        await house.fail("CT-1")
        await house.for_(MINUTE)
        await house.run(lambda connection: connection.execute("UPDATE exceptions SET due_at = ?", (START + 3 * HOUR,)))
        await house.for_(3 * HOUR)
        assert await house.rows("SELECT count(*) FROM alerts WHERE escalated_at IS NOT NULL") == [(1,)]
        await house.mend("CT-1")
        await house.until(START + 9 * HOUR + MINUTE)
        assert house.titles("ecommerce")[1:] == ["[acme] OVER SKU unknown: order CT-1"]
        assert house.titles("boss") == [], "the escalation was over before it left"


async def test_what_was_given_up_has_no_end_either(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.fail("CT-1")
        await house.for_(MINUTE)
        await house.run(lambda connection: connection.execute("UPDATE notices SET state = 'given_up'"))
        await house.mend("CT-1")
        await house.for_(HOUR)
        assert len(house.titles("ecommerce")) == 1


async def test_what_ends_in_a_maintenance_is_over_for_pagers_and_for_whom_it_was_escalated_to(tmp_path: Path) -> None:
    window = Window(starts_at=START + 2 * HOUR, ends_at=START + 3 * HOUR)
    pager = channel("pager", apart=True)
    channels = {"it": (channel("it"), pager)}
    async with alert_house(tmp_path, windows=(window,), channels=channels, escalate_after=HOUR) as house:
        await house.fail("CT-1", code="second_daemon", kind="connection")
        await house.until(START + 2 * HOUR + MINUTE)
        await house.mend("CT-1", kind="connection")
        await house.until(START + 3 * HOUR + MINUTE)
        over = "[acme] OVER Second daemon: connection CT-1"
        assert house.titles("pager")[-1] == house.titles("boss")[-1] == over
        assert house.titles("it").count(over) == 0, "it is in the report"
        assert len(house.titles("pager")) == 2


async def test_what_stands_is_told_once_there_is_a_channel(tmp_path: Path) -> None:
    async with alert_house(tmp_path, channels={}, escalate_to=()) as house:
        await house.fail("CT-1")
        await house.for_(HOUR)
        house.rules = rules()
        await house.start()
        await house.for_(HOUR)
        assert house.titles() == ["[acme] ERROR SKU unknown: order CT-1"]


async def test_a_title_is_one_line(tmp_path: Path) -> None:
    async with alert_house(tmp_path) as house:
        await house.fail("CT-1\r\nBcc: everybody")
        await house.for_(MINUTE)
        assert house.titles() == ["[acme] ERROR SKU unknown: order CT-1 Bcc: everybody"]
