"""Sessions on disk, and what of them is written down for good."""

from __future__ import annotations

from pathlib import Path

from adapters.console.sessions import IDLE, Sessions
from adapters.operator.access import AccessRules
from daemon.desk.sessions import SessionDesk
from storage import audit, sessions
from tests.daemon_app import NOW, assembled, token
from tests.stored import fresh

OLGA, OLGA_TOKEN = token("olga", "ops")


def test_a_session_is_kept_until_it_is_over_and_then_forgotten(tmp_path: Path) -> None:
    connection = fresh(tmp_path)
    sessions.add(connection, b"one", token=b"t", now=NOW, expires_at=NOW + 10)
    sessions.touch(connection, b"one", now=NOW + 5)
    assert sessions.get(connection, b"one") == (b"t", NOW + 5, NOW + 10)
    sessions.add(connection, b"two", token=b"t", now=NOW + 9, expires_at=NOW + 20)
    assert sessions.get(connection, b"one") is not None
    sessions.add(connection, b"three", token=b"t", now=NOW + 10, expires_at=NOW + 20)
    assert sessions.get(connection, b"one") is None
    sessions.remove(connection, b"two")
    assert sessions.get(connection, b"two") is None
    connection.close()


async def test_signing_in_and_out_is_in_the_audit_and_the_token_nowhere(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        desk = Sessions(SessionDesk(app), AccessRules([OLGA_TOKEN], bind_host="localhost"))
        assert await desk.open("a guess", peer="192.0.2.7") is None
        session = await desk.open(OLGA, peer="192.0.2.7")
        assert session is not None and session.person.name == "olga"
        assert await desk.find(session.id, by_hand=True) == session
        await desk.close(session)
        assert await desk.find(session.id, by_hand=True) is None
        done = await app.engine.database.read(lambda connection: audit.of_record(connection, "console"))
        assert [(author, action) for _, author, action, _ in done] == [
            ("", "sign-in refused"),
            ("olga", "sign in"),
            ("olga", "sign out"),
        ]
        assert "192.0.2.7" in done[0][3]
        path = app.engine.database.path
        held = b"".join(part.read_bytes() for part in (path, Path(f"{path}-wal")) if part.exists())
        assert OLGA_TOKEN.digest in held
    assert b"a guess" not in held
    assert OLGA.encode() not in held and session.id.encode() not in held


async def test_its_use_is_written_down_once_a_minute_at_most(tmp_path: Path) -> None:
    async with assembled(tmp_path) as app:
        desk = Sessions(SessionDesk(app), AccessRules([OLGA_TOKEN], bind_host="localhost"))
        session = await desk.open(OLGA, peer="")
        assert session is not None
        commits = app.engine.database.stats.commits
        for _ in range(3):
            await app.engine.clock.sleep(10)
            await desk.find(session.id, by_hand=True)
        assert app.engine.database.stats.commits == commits
        await app.engine.clock.sleep(30)
        await desk.find(session.id, by_hand=True)
        assert app.engine.database.stats.commits == commits + 1
        await app.engine.clock.sleep(IDLE / 1000)
        assert await desk.find(session.id, by_hand=True) is None
