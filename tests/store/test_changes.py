"""The log of changes is read in order, without gaps."""

import asyncio

from headgate.store.changes import changes_since, drop_changes, newest_change, note_change
from headgate.store.database import Database


async def test_a_reader_goes_on_from_where_it_was(database: Database) -> None:
    """Oldest first, each once."""
    async with database.write() as conn:
        assert await newest_change(conn) == 0
        await note_change(conn, "key", 7, 1)
        seen = await newest_change(conn)
        await note_change(conn, "channel", None, 2)
        await note_change(conn, "price", None, 3)
        later = await changes_since(conn, seen)
        assert [(change.subject, change.ref) for change in later] == [("channel", None), ("price", None)]
        assert await changes_since(conn, later[0].id, limit=1) == later[1:]


async def test_no_change_appears_behind_a_reader(database: Database) -> None:
    """A writer that began earlier but ends later does not get the smaller id."""
    noted = asyncio.Event()

    async def slow() -> None:
        async with database.write() as conn:
            await note_change(conn, "key", 1, 1)
            noted.set()
            await asyncio.sleep(0.05)

    async def quick() -> int:
        await noted.wait()
        async with database.write() as conn:
            await note_change(conn, "key", 2, 1)
        async with database.read() as conn:
            return len(await changes_since(conn, 0))

    _, seen = await asyncio.gather(slow(), quick())
    assert seen == 2


async def test_old_changes_are_dropped_but_ids_go_on(database: Database) -> None:
    """The newest one stays, so that its id is never given again."""
    async with database.write() as conn:
        await note_change(conn, "key", 1, 10)
        await note_change(conn, "key", 2, 20)
        await drop_changes(conn, 100)
        assert [change.ref for change in await changes_since(conn, 0)] == [2]
        newest = await newest_change(conn)
        await note_change(conn, "key", 3, 200)
        assert await newest_change(conn) > newest
