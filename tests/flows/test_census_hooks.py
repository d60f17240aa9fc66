"""Cin7 Core's webhooks looked after: what was switched off is switched on and told, what is missing is made, once."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
import pytest

from actors.census.hooks import APPLY, WATCH
from actors.census.sweeping import SALES
from actors.domain.calls import Purpose
from actors.domain.crashpoints import WritePhase, write_point
from actors.domain.errors import InDoubt, Rejected, Transient
from actors.domain.notification import Notification
from actors.domain.time import format_instant
from actors.domain.webhook import MOST_OF_A_TYPE, NEEDED, Webhook, address
from storage import doors
from tests.census_house import HOUR, MINUTE, House, house
from tests.stored import NOW

PUBLIC = "https://hooks.example.com"
REVIVED = write_point(Purpose.CIN7_REVIVE_WEBHOOK, WritePhase.SETTLED)
CREATED = write_point(Purpose.CIN7_CREATE_WEBHOOK, WritePhase.SETTLED)


def ours(kind: str, *, active: bool = True, bearer: bool = True) -> Webhook:
    return Webhook(id=f"h-{kind}", type=kind, url=address(PUBLIC, kind), active=active, bearer=bearer)


def all_there(here: House, *off: str) -> None:
    here.ledger.hooks = [ours(kind, active=kind not in off) for kind in NEEDED]


def outcomes(connection: sqlite3.Connection) -> list[tuple[str, str | None]]:
    return connection.execute("SELECT purpose, outcome FROM calls WHERE writes = 1 ORDER BY id").fetchall()


def written(here: House) -> list[str]:
    return [call for call in here.ledger.asked if call.startswith(("create", "revive"))]


async def looked(here: House, subject: str = WATCH) -> None:
    await here.nudge(subject)
    await here.work()


async def test_one_that_was_switched_off_is_told_switched_on_and_its_gap_is_read(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC, doors_open=("cin7",)) as here:
        await here.nudge(SALES)
        await here.work()
        here.later(HOUR)
        told = Notification(identity="h:1", kind="Sale/Voided", about="sale", subject="s1")
        heard = here.clock.now()
        await here.write(lambda connection: doors.note(connection, "cin7", told, "look", now=heard))
        here.later(3 * HOUR)
        await here.nudge(SALES)
        await here.work()
        all_there(here, "Sale/Voided")
        await here.nudge(WATCH)
        assert await here.one() == WATCH
        assert await here.open() == {"Sale/Voided": ["webhook_deactivated"]}
        [row] = await here.rows()
        assert (row.record.kind, row.owner) == ("webhook", "it")
        assert "switched off" in row.cause
        assert row.facts == {"type": "Sale/Voided", "address": f"{PUBLIC}/intake/cin7/Sale/Voided"}
        assert here.points[-1] == REVIVED
        await here.work()
        assert await here.open() == {}, "the next look found it active"
        assert written(here) == ["revive Sale/Voided"]
        assert here.ledger.since == [None, NOW - 5 * MINUTE, heard - 5 * MINUTE], (
            "what moved since it was last heard from is read again"
        )
        assert await here.read(outcomes) == [("cin7.revive_webhook", "done")]


async def test_each_message_writes_once_and_reads_before_it_does(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        all_there(here, *NEEDED[:3])
        await looked(here)
        assert here.ledger.asked == [
            *("hooks", f"revive {NEEDED[0]}", "hooks", f"revive {NEEDED[1]}", "hooks", f"revive {NEEDED[2]}", "hooks")
        ]
        history = await here.read(
            lambda c: c.execute("SELECT record_id FROM exceptions WHERE type = 'webhook_deactivated'").fetchall()
        )
        assert {row[0] for row in history} == set(NEEDED[:3]), "each was told"


async def test_one_that_sends_another_token_is_given_ours(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        all_there(here)
        here.ledger.hooks[0] = msgspec.structs.replace(here.ledger.hooks[0], bearer=False)
        await here.nudge(WATCH)
        await here.one()
        [row] = await here.rows()
        assert "another token" in row.cause
        await here.work()
        assert here.ledger.hooks[-1].bearer
        assert await here.open() == {}


async def test_watching_makes_none_but_tells_which_are_missing_until_they_are_there(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        theirs = [
            Webhook(id=f"x{n}", type="Sale/Undo", url=f"https://other/{n}", active=True) for n in range(MOST_OF_A_TYPE)
        ]
        here.ledger.hooks = [ours(kind) for kind in NEEDED[3:]] + theirs
        await looked(here)
        assert written(here) == []
        assert await here.open() == {"all": ["webhook_absent"]}
        [row] = await here.rows()
        assert row.cause == f"3 of {len(NEEDED)} webhooks are not there."
        assert row.facts == {"missing": "Sale/Created, Sale/Voided, Sale/Undo", "full": "Sale/Undo"}
        await looked(here, APPLY)
        assert written(here) == ["create Sale/Created", "create Sale/Voided"]
        assert [row.facts["missing"] for row in await here.rows()] == ["Sale/Undo"]
        here.ledger.hooks = [hook for hook in here.ledger.hooks if hook not in theirs[:1]]
        await looked(here, APPLY)
        assert await here.open() == {}
        assert here.ledger.hooks.count(theirs[1]) == 1, "others' are never touched"


async def test_all_are_made_one_after_the_other(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        await looked(here, APPLY)
        assert written(here) == [f"create {kind}" for kind in NEEDED]
        assert here.points.count(CREATED) == len(NEEDED)
        assert here.ledger.asked[-1] == "hooks"
        assert await here.open() == {}
        await looked(here, APPLY)
        assert len(written(here)) == len(NEEDED), "a second time nothing is left to do"


async def test_one_whose_answer_was_lost_is_found_and_not_made_twice(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        all_there(here)
        here.ledger.hooks.pop(0)
        until = here.clock.now() + 75_000
        lost = InDoubt("no_answer", side="cin7", operation="create_webhook", until=until)
        lost.took_effect = True  # type: ignore[attr-defined]
        here.ledger.write = lambda call: lost
        await looked(here, APPLY)
        assert await here.read(outcomes) == [("cin7.create_webhook", "unknown")]
        assert len(here.ledger.asked) == 2, "it is not even looked for before it can have come to its end"
        here.later(75_000 + 60_000)
        await here.work()
        assert written(here) == [f"create {NEEDED[0]}"]
        assert await here.open() == {}


async def test_what_cin7_refuses_is_told_in_its_words_and_keeps_no_other_waiting(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        refused = Rejected("rejected", side="cin7", operation="create_webhook", detail="Unknown type")
        here.ledger.write = lambda call: refused if call.endswith("Sale/Created") else None
        await looked(here, APPLY)
        assert written(here) == [f"create {kind}" for kind in NEEDED]
        [row] = await here.rows()
        assert row.cause == f"1 of {len(NEEDED)} webhooks are not there. Cin7 Core refused Sale/Created: Unknown type"
        assert (await here.read(outcomes))[0] == ("cin7.create_webhook", "refused")
        here.later(10 * MINUTE)
        await here.work()
        assert len(written(here)) == len(NEEDED), "it is not asked for again by itself"
        here.ledger.write = lambda call: None
        await looked(here, APPLY)
        assert await here.open() == {}


async def test_one_that_cannot_be_switched_on_is_tried_again_every_hour(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        all_there(here, *NEEDED[:2])
        refused = Rejected("rejected", side="cin7", operation="revive_webhook", detail="Automation is off")
        here.ledger.write = lambda call: refused if call.endswith(NEEDED[0]) else None
        await looked(here)
        assert written(here) == [f"revive {NEEDED[0]}", f"revive {NEEDED[1]}"]
        [row] = await here.rows()
        assert (row.record.id, row.facts["Cin7 Core answered"]) == (NEEDED[0], "Automation is off")
        here.later(HOUR - MINUTE)
        await here.work()
        assert len(written(here)) == 2
        here.later(2 * MINUTE)
        here.ledger.write = lambda call: None
        await here.work()
        assert await here.open() == {}


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Transient("lease_lost", side="cin7", operation="revive_webhook"), "refused"),
        (RuntimeError("a bug"), "unknown"),
    ],
)
async def test_a_write_that_broke_off_is_settled_and_looked_at_again(
    tmp_path: Path, error: Exception, outcome: str
) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        all_there(here, NEEDED[0])
        here.ledger.write = lambda call: error
        await here.nudge(WATCH)
        await here.one()
        assert await here.read(outcomes) == [("cin7.revive_webhook", outcome)]
        here.ledger.write = lambda call: None
        here.later(10_000)
        await here.work()
        assert written(here) == [f"revive {NEEDED[0]}"] * 2
        assert await here.open() == {}


async def test_nothing_is_written_in_shadow_mode(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC, shadow=True) as here:
        all_there(here, NEEDED[0])
        here.ledger.hooks.pop()
        for subject in (WATCH, APPLY):
            await looked(here, subject)
        assert written(here) == []
        assert await here.open() == {NEEDED[0]: ["webhook_deactivated"], "all": ["webhook_absent"]}


async def test_what_was_told_is_over_once_webhooks_are_not_configured(tmp_path: Path) -> None:
    async with house(tmp_path, public_url=PUBLIC, shadow=True) as here:
        all_there(here, NEEDED[0])
        here.ledger.hooks.pop()
        await looked(here)
        here.rules = {}
        there = here.again()
        asked = len(here.ledger.asked)
        for told in there.actor.first_nudges(NOW):
            if told.subject == WATCH:
                await there.nudge(told.subject)
        there.later(HOUR)
        await there.one()
        assert await there.open() == {}
        assert len(here.ledger.asked) == asked
        there.actor.mailbox.dispose()


async def test_one_that_is_listed_as_it_was_after_it_was_written_is_written_once_an_hour_and_told(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        all_there(here, NEEDED[0])
        here.ledger.hooks[1] = msgspec.structs.replace(here.ledger.hooks[1], bearer=False)
        here.ledger.keeps = False
        await looked(here)
        assert written(here) == [f"revive {NEEDED[0]}", f"revive {NEEDED[1]}"]
        assert here.ledger.asked.count("hooks") == 3
        causes = [row.cause for row in await here.rows()]
        assert all(
            cause.endswith(f"It was written at {format_instant(NOW)}, and Cin7 Core lists it so still.")
            for cause in causes
        )
        assert "switched off" in causes[0] and "another token" in causes[1]
        await looked(here, APPLY)
        here.later(HOUR - MINUTE)
        await looked(here, APPLY)
        assert len(written(here)) == 2, "also where a person asks"
        here.later(MINUTE)
        await here.work()
        assert len(written(here)) == 4
        here.ledger.keeps = True
        there = here.again()
        await looked(there, APPLY)
        assert len(written(here)) == 6, "a start remembers nothing"
        assert await there.open() == {}
        there.actor.mailbox.dispose()


async def test_one_that_is_listed_at_another_address_than_it_was_made_for_does_not_fill_its_type(
    tmp_path: Path,
) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        all_there(here)
        here.ledger.hooks.pop(0)
        here.ledger.shown = lambda url: url.replace("hooks.", "www.")
        await looked(here, APPLY)
        assert written(here) == [f"create {NEEDED[0]}"]
        [row] = await here.rows()
        assert row.cause == (
            f"1 of {len(NEEDED)} webhooks are not there. Asked for, and not listed at our address: {NEEDED[0]}."
        )
        here.later(HOUR // 2)
        await looked(here, APPLY)
        assert len(written(here)) == 1
        here.later(HOUR)
        await here.work()
        assert len(written(here)) == 1, "and never by itself"
        here.ledger.shown = str.upper
        await looked(here, APPLY)
        assert len(written(here)) == 2
        here.ledger.hooks = [hook for hook in here.ledger.hooks if hook.url.startswith(PUBLIC)]
        here.ledger.hooks.append(
            msgspec.structs.replace(ours(NEEDED[0]), url=ours(NEEDED[0]).url.replace("hooks", "HOOKS"))
        )
        await looked(here, APPLY)
        assert (len(written(here)), await here.open()) == (2, {})


@pytest.mark.parametrize("killed", [False, True])
async def test_while_one_may_still_be_made_nobody_has_it_made_again(tmp_path: Path, killed: bool) -> None:
    async with house(tmp_path, public_url=PUBLIC) as here:
        all_there(here)
        here.ledger.hooks.pop(0)
        sent_at = here.clock.now()
        lost = InDoubt("no_answer", side="cin7", operation="create_webhook", until=sent_at + 60_000)
        here.ledger.write = lambda call: lost
        await here.nudge(APPLY)
        await here.one()
        if killed:  # before anything of the answer was written
            await here.write(lambda c: c.execute("UPDATE calls SET outcome = NULL").rowcount)
        there = here.again() if killed else here
        for _ in range(12):
            await there.nudge(APPLY)
            assert await there.one() == APPLY
            here.later(9_999)
        assert here.ledger.asked == ["hooks", f"create {NEEDED[0]}"]
        here.ledger.hooks.append(ours(NEEDED[0]))
        here.later(sent_at + 2 * MINUTE - here.clock.now())
        await looked(there, APPLY)
        assert len(written(here)) == 1
        assert await there.open() == {}
        there.actor.mailbox.dispose()
