"""People's data: sealed in one table, and nowhere else in the file (law L9)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidTag

from adapters.sandbox.carts import ShippingDraft
from adapters.sandbox.virtual_time import run_virtual
from storage import bodies
from storage.bodies import Sealer
from tests.simulation.world import World, world
from tests.stored import NOW, fresh

KEY = bytes(range(32))
DAY = 86_400_000

PERSON = {
    "firstName": "Zebedee",
    "lastName": "Quillfeather",
    "streetName": "Nightjar Ginnel",
    "streetNumber": "8117",
    "additionalStreetInfo": "The Old Cooperage",
    "city": "Mytholmroyd",
    "postalCode": "HX7 5ZZ",
    "country": "GB",
    "phone": "+44 1632 960733",
    "email": "zeb.quillfeather@example.test",
}
TELLING = [value for name, value in PERSON.items() if name not in ("country", "streetNumber")]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    with closing(fresh(tmp_path)) as connection:
        yield connection


def test_what_is_sealed_is_opened_with_its_key_order_and_kind_only() -> None:
    sealed = Sealer(KEY).seal(b'{"email": "ann@example.test"}', order_id="o", kind="order")
    assert Sealer(KEY).open(sealed, order_id="o", kind="order") == b'{"email": "ann@example.test"}'
    assert b"ann" not in sealed
    with pytest.raises(InvalidTag):
        Sealer(bytes(32)).open(sealed, order_id="o", kind="order")
    with pytest.raises(InvalidTag):
        Sealer(KEY).open(sealed, order_id="p", kind="order")
    with pytest.raises(InvalidTag):
        Sealer(KEY).open(sealed, order_id="o", kind="unreadable")


@pytest.mark.parametrize("place", [0, 11, 12, -1])
def test_one_changed_bit_is_noticed(place: int) -> None:
    sealed = bytearray(Sealer(KEY).seal(b"{}", order_id="o", kind="order"))
    sealed[place] ^= 1
    with pytest.raises(InvalidTag):
        Sealer(KEY).open(bytes(sealed), order_id="o", kind="order")


def test_the_same_body_is_never_sealed_the_same_way_twice() -> None:
    sealer = Sealer(KEY)
    assert len({sealer.seal(b"{}", order_id="o", kind="order") for _ in range(100)}) == 100


def test_a_text_has_one_name_under_one_key() -> None:
    name = Sealer(KEY).digest("3 Park St")
    assert name == Sealer(KEY).digest("3 Park St")
    assert len(name) == 16
    assert int(name, 16) >= 0
    assert len({name, Sealer(KEY).digest("3 Park Street"), Sealer(bytes(32)).digest("3 Park St")}) == 3


def put(connection: sqlite3.Connection, body: bytes, *, version: int, order_id: str = "o", now: int = NOW) -> None:
    sealed = Sealer(KEY).seal(body, order_id=order_id, kind="order")
    bodies.put(connection, order_id, "order", version=version, sealed=sealed, now=now)


def read(connection: sqlite3.Connection, order_id: str = "o") -> bytes | None:
    sealed = bodies.get(connection, order_id, "order")
    return None if sealed is None else Sealer(KEY).open(sealed, order_id=order_id, kind="order")


def test_the_newest_version_is_kept_whatever_the_order_of_arrival(file: sqlite3.Connection) -> None:
    assert read(file) is None
    put(file, b"second", version=2)
    put(file, b"first", version=1)
    assert read(file) == b"second"
    put(file, b"third", version=3)
    assert read(file) == b"third"


def test_erased_by_order_and_expired_by_age(file: sqlite3.Connection) -> None:
    put(file, b"a", version=1, order_id="a", now=NOW - 31 * DAY)
    put(file, b"b", version=1, order_id="b")
    put(file, b"c", version=1, order_id="c")
    assert bodies.expire(file, before=NOW - 30 * DAY) == 1
    assert bodies.erase(file, "b") == 1
    assert [read(file, order_id) for order_id in "abc"] == [None, None, b"c"]


# --- a whole order's life, and then every byte of the file -----------------------------------------------------------


async def _a_life(made: World) -> str:
    await made.ready()
    order_id = made.place(
        email=PERSON["email"],
        billing=PERSON,
        delivery=PERSON,
        shipping=ShippingDraft(),
    )
    await made.until(lambda: made.daemon.state(order_id) == "exported", within=300)
    made.shop.cancel(order_id)
    await made.until(lambda: made.daemon.state(order_id) == "cancelled", within=300)
    return order_id


def test_after_an_orders_whole_life_its_customer_is_in_no_byte_of_the_file(tmp_path: Path) -> None:
    async def run() -> None:
        async with world(5) as made:
            order_id = await _a_life(made)
            folder = made.daemon.path.parent
            raw = b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
            told = made.read(everything_told)
            body = made.read(lambda connection: bodies.get(connection, order_id, "order"))
            assert body is not None
            plain = Sealer(made.plan.storage_key).open(body, order_id=order_id, kind="order").decode()
            # The search would find it if it were there: the ids are, and the body has every word of it.
            assert order_id.encode() in raw
            assert order_id in told
            for word in TELLING:
                assert word in plain, word
                assert word.lower().encode() not in raw.lower(), f"{word} is in the file's bytes"
                assert word.lower() not in told.lower(), f"{word} is in a table"

    run_virtual(run)


def everything_told(connection: sqlite3.Connection) -> str:
    """Every value of every table, as text."""
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    assert len(tables) > 12
    return "\n".join(repr(row) for table in tables for row in connection.execute(f"SELECT * FROM {table}"))  # noqa: S608
