"""The directory of callers: what it remembers, for how long, and what it does while the database is away."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from headgate.access.caller import Caller
from headgate.access.directory import UNKNOWN, KeyDirectory, from_database
from headgate.access.keys import make_key
from headgate.access.repository import create_key, create_user, set_key_enabled
from headgate.store.database import Database, StoreUnavailable


def caller(key_id: int, user_id: int = 1) -> Caller:
    return Caller(key_id=key_id, key_name="dev", user_id=user_id, user_name="alice", wallet_id=16)


class Rows:
    """A table of callers that notes what it was asked, can be slow and can be away."""

    def __init__(self, rows: Mapping[bytes, Caller]) -> None:
        self.rows = dict(rows)
        self.asked: list[set[bytes]] = []
        self.away = False
        self.gate = asyncio.Event()
        self.gate.set()

    async def find(self, hashes: Collection[bytes]) -> Mapping[bytes, Caller]:
        self.asked.append(set(hashes))
        found = {key_hash: self.rows[key_hash] for key_hash in hashes if key_hash in self.rows}
        await self.gate.wait()
        if self.away:
            raise StoreUnavailable("away")
        return found


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_is_looked_up_once() -> None:
    """Until somebody asks for it, nothing is known of a key; afterwards no query is needed."""
    rows = Rows({b"a": caller(1)})
    directory = KeyDirectory(rows.find, Clock())
    assert directory.get(b"a") is UNKNOWN
    assert await directory.load(b"a") == caller(1)
    assert directory.get(b"a") == caller(1)
    assert await directory.load(b"a") == caller(1)
    assert rows.asked == [{b"a"}]


async def test_a_crowd_waits_for_common_queries() -> None:
    """Whoever comes while a query is under way shares the next one, and nobody asks twice for the same key."""
    rows = Rows({b"a": caller(1), b"b": caller(2)})
    rows.gate.clear()
    directory = KeyDirectory(rows.find, Clock())
    first = asyncio.create_task(directory.load(b"a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    others = [asyncio.create_task(directory.load(key_hash)) for key_hash in (b"a", b"b", b"b", b"c")]
    await asyncio.sleep(0)
    rows.gate.set()
    assert await first == caller(1)
    assert await asyncio.gather(*others) == [caller(1), caller(2), caller(2), None]
    assert rows.asked == [{b"a"}, {b"b", b"c"}]


async def test_a_key_that_does_not_exist_is_remembered_for_a_moment() -> None:
    """Somebody who tries a wrong key again and again does not reach the database each time."""
    rows, clock = Rows({}), Clock()
    directory = KeyDirectory(rows.find, clock, absent_s=5)
    assert await directory.load(b"a") is None
    clock.now = 4.9
    assert directory.get(b"a") is None
    clock.now = 5.0
    assert directory.get(b"a") is UNKNOWN
    assert len(rows.asked) == 1


async def test_a_new_key_works_at_once() -> None:
    """A change of any key ends the memory of keys that did not exist."""
    rows = Rows({})
    directory = KeyDirectory(rows.find, Clock())
    assert await directory.load(b"a") is None
    rows.rows[b"a"] = caller(1)
    directory.forget(1)
    assert await directory.load(b"a") == caller(1)


async def test_what_changed_is_asked_for_again() -> None:
    """One key, all keys of a user, or everything."""
    rows = Rows({b"a": caller(1), b"b": caller(2), b"c": caller(3, user_id=2)})
    directory = KeyDirectory(rows.find, Clock())

    async def known_after(change: str) -> list[bool]:
        for key_hash in rows.rows:
            await directory.load(key_hash)
        match change:
            case "key":
                directory.forget(1)
            case "user":
                directory.forget_user(1)
            case _:
                directory.clear()
        return [directory.get(key_hash) is not UNKNOWN for key_hash in rows.rows]

    assert await known_after("key") == [False, True, True]
    assert await known_after("user") == [False, False, True]
    assert await known_after("all") == [False, False, False]


async def test_an_answer_older_than_a_change_does_not_count() -> None:
    """A key that is revoked while it is being looked up is looked up again."""
    rows = Rows({b"a": caller(1)})
    rows.gate.clear()
    directory = KeyDirectory(rows.find, Clock())
    loading = asyncio.create_task(directory.load(b"a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del rows.rows[b"a"]
    directory.forget(1)
    rows.gate.set()
    assert await loading is None
    assert rows.asked == [{b"a"}, {b"a"}]


async def test_a_known_key_is_served_while_the_database_is_away() -> None:
    """An outage is not a wrong key: an unknown one makes the store unavailable, and afterwards it is found."""
    rows = Rows({b"a": caller(1), b"b": caller(2)})
    directory = KeyDirectory(rows.find, Clock())
    await directory.load(b"a")
    rows.away = True
    assert await directory.load(b"a") == caller(1)
    outcomes = await asyncio.gather(directory.load(b"b"), directory.load(b"b"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable, StoreUnavailable]
    rows.away = False
    assert await directory.load(b"b") == caller(2)


async def test_memory_is_bounded() -> None:
    """The caller unused for longest and the oldest absent key make room."""
    rows = Rows({bytes([number]): caller(number) for number in range(4)})
    directory = KeyDirectory(rows.find, Clock(), capacity=2, absent_capacity=2)
    await directory.load(b"\0")
    await directory.load(b"\1")
    directory.get(b"\0")
    await directory.load(b"\2")
    assert [directory.get(key_hash) is UNKNOWN for key_hash in (b"\0", b"\1", b"\2")] == [False, True, False]
    assert len(directory) == 2
    for absent in (b"x", b"y", b"z"):
        await directory.load(absent)
    assert [directory.get(absent) is UNKNOWN for absent in (b"x", b"y", b"z")] == [True, False, False]


async def test_a_caller_that_leaves_spoils_nothing() -> None:
    """A cancelled wait does not cancel the query that others wait for."""
    rows = Rows({b"a": caller(1)})
    rows.gate.clear()
    directory = KeyDirectory(rows.find, Clock())
    leaving, staying = (asyncio.create_task(directory.load(b"a")) for _ in range(2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    rows.gate.set()
    assert await staying == caller(1)
    assert leaving.cancelled()


async def test_a_programming_error_leaves_nobody_waiting() -> None:
    """If the look-up breaks in an unforeseen way, those who wait hear of it, and the next one tries afresh."""
    broken = True

    async def find(hashes: Collection[bytes]) -> Mapping[bytes, Caller]:
        if broken:
            raise ZeroDivisionError
        return {}

    directory = KeyDirectory(find, Clock())
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    with pytest.raises(StoreUnavailable):
        await directory.load(b"a")
    broken = False
    await asyncio.sleep(0)
    assert await directory.load(b"a") is None


async def test_it_reads_the_database(database: Database) -> None:
    """A revoked key is still found, so that its caller hears that it is disabled."""
    key = make_key()
    async with database.write() as conn:
        alice = await create_user(conn, "alice", now_ms=1)
        key_id = await create_key(conn, key, name="dev", user_id=alice.id, now_ms=1)
    directory = KeyDirectory(from_database(database), Clock())
    found = await directory.load(key.hash)
    assert found == Caller(
        key_id=key_id, key_name="dev", user_id=alice.id, user_name="alice", wallet_id=alice.wallet_id
    )
    async with database.write() as conn:
        await set_key_enabled(conn, key_id, False, now_ms=2)
    directory.forget(key_id)
    revoked = await directory.load(key.hash)
    assert revoked is not None
    assert not revoked.key_enabled
