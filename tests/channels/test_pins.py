"""What an upstream keeps for a caller, and where."""

import asyncio

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.channels.pins import LONGEST_ID, Pin, Pins, remove_before
from headgate.store.database import Database, StoreUnavailable
from headgate.store.schema import pins as table


def pin(pin_id: str, user_id: int = 1, made_at: int = 100) -> Pin:
    return Pin(
        id=pin_id,
        user_id=user_id,
        channel_id=7,
        credential_id=8,
        model="gpt",
        upstream_model="gpt-4o",
        made_at=made_at,
    )


async def stored(conn: AsyncConnection) -> set[str]:
    return {row.id for row in await conn.execute(select(table.c.id))}


async def test_a_pin_is_known_at_once_and_to_its_user_alone(database: Database) -> None:
    """Before it has reached the database."""
    pins = Pins(database)
    pins.note(pin("resp_1"))
    assert await pins.find("resp_1", 1) == pin("resp_1")
    assert await pins.find("resp_1", 2) is None


async def test_another_worker_finds_it_in_the_database(database: Database) -> None:
    """After the first has flushed; a second flush has nothing to do, and the same pin twice is one."""
    first, second = Pins(database), Pins(database)
    first.note(pin("resp_1"))
    first.note(pin("resp_1"))
    await first.flush()
    await first.flush()
    assert await second.find("resp_1", 1) == pin("resp_1")
    assert await second.find("resp_1", 2) is None
    assert await second.find("resp_2", 1) is None


async def test_what_another_worker_made_a_moment_ago_is_waited_for(database: Database) -> None:
    """A client may ask again, through another worker, before the first has flushed."""
    first, second = Pins(database), Pins(database)
    looking = asyncio.create_task(second.find("resp_1", 1))
    await asyncio.sleep(0)
    first.note(pin("resp_1"))
    await first.flush()
    assert await looking == pin("resp_1")


async def test_pins_reach_the_database_in_the_background(database: Database) -> None:
    """Nobody has to ask for it."""
    pins = Pins(database)
    running = asyncio.create_task(pins.run(lambda _: None))
    for number in range(3):
        pins.note(pin(f"resp_{number}"))
    async with asyncio.timeout(20):
        while True:
            async with database.read() as conn:
                if await stored(conn) == {"resp_0", "resp_1", "resp_2"}:
                    break
            await asyncio.sleep(0.02)
    running.cancel()


async def test_they_wait_while_the_database_is_away(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """And are written when it is back."""
    pins = Pins(database)
    pins.note(pin("resp_1"))
    with monkeypatch.context() as broken:
        broken.setattr(Database, "write", _away)
        with pytest.raises(StoreUnavailable):
            await pins.flush()
    await pins.flush()
    async with database.read() as conn:
        assert await stored(conn) == {"resp_1"}


def _away(self: Database) -> None:
    raise StoreUnavailable("away")


async def test_the_latest_is_the_users_own(database: Database) -> None:
    """From memory, or from the database."""
    pins = Pins(database)
    assert await pins.latest(1) is None
    for made_at, (pin_id, user_id) in enumerate([("a", 1), ("b", 1), ("c", 2)]):
        pins.note(pin(pin_id, user_id, made_at))
    await pins.flush()
    for each in (pins, Pins(database)):
        found = await each.latest(1)
        assert found is not None
        assert found.id == "b"


async def test_a_forgotten_pin_is_gone_everywhere(database: Database) -> None:
    """From memory, from what waits, and from the database."""
    pins = Pins(database)
    pins.note(pin("flushed"))
    await pins.flush()
    pins.note(pin("waiting"))
    for pin_id in ("flushed", "waiting"):
        await pins.forget(pin_id)
    await pins.flush()
    assert await pins.find("flushed", 1) is None
    assert await pins.find("waiting", 1) is None
    assert await pins.latest(1) is None


async def test_old_pins_are_removed(database: Database) -> None:
    """By their age."""
    pins = Pins(database)
    for made_at in (10, 20, 30):
        pins.note(pin(f"p{made_at}", made_at=made_at))
    await pins.flush()
    assert await remove_before(database, 30) == 2
    async with database.read() as conn:
        assert await stored(conn) == {"p30"}


async def test_an_id_that_no_vendor_would_give_is_not_kept(database: Database) -> None:
    """It would not fit into its column."""
    pins = Pins(database)
    pins.note(pin("x" * (LONGEST_ID + 1)))
    pins.note(pin(""))
    await pins.flush()
    assert await pins.find("x" * (LONGEST_ID + 1), 1) is None
    assert await pins.find("", 1) is None
