"""The connector: transactions, snapshots, waiting writers, and a database that cannot be reached."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from headgate.store.database import Database, StoreUnavailable
from headgate.store.schema import accounts, changes, groups


async def count(database: Database) -> int:
    async with database.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(changes))).scalar_one())


async def note_change(database: Database) -> None:
    async with database.write() as conn:
        await conn.execute(changes.insert().values(subject="key", at=1))


async def test_a_block_that_ends_is_committed(database: Database) -> None:
    """What a write block did is there for the next reader."""
    await note_change(database)
    assert await count(database) == 1


async def test_a_block_that_raises_leaves_no_trace(database: Database) -> None:
    """Every statement of a block counts, or none does."""

    async def fail_half_way() -> None:
        async with database.write() as conn:
            await conn.execute(changes.insert().values(subject="key", at=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_half_way()
    assert await count(database) == 0


async def test_a_reader_cannot_write(database: Database) -> None:
    """The database itself refuses it, so that no write escapes the turn-taking."""
    with pytest.raises(DBAPIError):
        async with database.read() as conn:
            await conn.execute(changes.insert().values(subject="key", at=1))
    await note_change(database)
    assert await count(database) == 1


async def test_a_reader_sees_one_moment(database: Database) -> None:
    """Two statements of one read block agree, whatever is committed in between."""
    async with database.read() as conn:
        before = (await conn.execute(select(func.count()).select_from(changes))).scalar_one()
        await note_change(database)
        after = (await conn.execute(select(func.count()).select_from(changes))).scalar_one()
    assert (before, after) == (0, 0)
    assert await count(database) == 1


async def test_writers_of_several_connectors_take_turns(database_url: str) -> None:
    """Read, then write, in one block loses no update, though each connector stands for another process."""
    databases = [await Database.open(database_url) for _ in range(3)]

    async def add_one(database: Database) -> None:
        async with database.write() as conn:
            row = select(accounts.c.balance_nano).where(accounts.c.id == 3).with_for_update()
            balance = (await conn.execute(row)).scalar_one()
            await conn.execute(accounts.update().where(accounts.c.id == 3).values(balance_nano=balance + 1))

    await asyncio.gather(*(add_one(database) for database in databases * 10))
    async with databases[0].read() as conn:
        assert (await conn.execute(select(accounts.c.balance_nano).where(accounts.c.id == 3))).scalar_one() == 30
    for database in databases:
        await database.close()


async def test_a_writer_that_waits_too_long_is_told(database_url: str) -> None:
    """A lock that another process holds makes the store unavailable; it does not hang the gateway."""
    holder = await Database.open(database_url)
    waiter = await Database.open(database_url, patience_s=0.05)
    async with holder.write() as conn:
        await conn.execute(accounts.update().where(accounts.c.id == 3).values(balance_nano=1))
        with pytest.raises(StoreUnavailable):
            async with waiter.write() as other:
                await other.execute(accounts.update().where(accounts.c.id == 3).values(balance_nano=2))
    await holder.close()
    await waiter.close()


async def test_a_pool_that_is_used_up_is_told(database_url: str) -> None:
    """Connections are bounded; whoever gets none in time hears that the store is unavailable."""
    database = await Database.open(database_url, pool_size=1, patience_s=0.05)
    async with database.read():
        with pytest.raises(StoreUnavailable):
            await database.ping()
    await database.ping()
    await database.close()


@pytest.mark.parametrize(
    "url", ["sqlite:////nowhere/at/all/headgate.db", "postgresql://127.0.0.1:9/x", "postgresql:///x?host=/nowhere"]
)
async def test_an_unreachable_database_is_unavailable(url: str) -> None:
    """Opening says so in the store's own words, whichever driver failed."""
    with pytest.raises(StoreUnavailable):
        await Database.open(url)


async def test_a_database_that_does_not_exist_is_unavailable(postgres_url: str) -> None:
    """The server answers, but has no such database."""
    with pytest.raises(StoreUnavailable, match="does not exist"):
        await Database.open(postgres_url.replace("/postgres?", "/absent?"))


async def test_a_lost_connection_is_replaced(postgres_url: str) -> None:
    """After the server has dropped our connections, the block in progress fails as unavailable and the next works."""
    database = await Database.open(postgres_url)
    with pytest.raises(StoreUnavailable):
        async with database.write() as conn:
            await conn.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    await database.ping()
    await database.close()


@pytest.mark.parametrize("url", ["mysql://host/x", "nonsense", "sqlite://", "sqlite:///:memory:"])
async def test_other_databases_are_refused(url: str) -> None:
    """What cannot work is refused by name before anything is tried."""
    with pytest.raises(ValueError, match=r"database"):
        await Database.open(url)


async def test_a_broken_rule_is_not_an_outage(database: Database) -> None:
    """Constraint violations and mistakes in SQL keep their own exceptions."""
    with pytest.raises(IntegrityError):
        async with database.write() as conn:
            await conn.execute(accounts.insert().values(kind="wallet", balance_nano=-1, created_at=0))
    with pytest.raises(DBAPIError, match="absent"):
        async with database.read() as conn:
            await conn.execute(text("SELECT * FROM absent"))


async def test_insert_speaks_both_dialects(database: Database) -> None:
    """One way to write an upsert that returns what it did."""
    statement = database.insert(groups).values(name="vip", multiplier_ppm=1, source="file")
    upsert = statement.on_conflict_do_update(index_elements=["name"], set_={"multiplier_ppm": 2})
    async with database.write() as conn:
        await conn.execute(upsert)
        changed = await conn.execute(upsert.returning(groups.c.multiplier_ppm))
        assert changed.scalar_one() == 2
        ignored = await conn.execute(statement.on_conflict_do_nothing())
        assert ignored.rowcount == 0


async def test_a_sqlite_commit_survives_a_power_cut(tmp_path: Path) -> None:
    """Write-ahead logging with a synced log: readers never block the writer, and a commit is on disk."""
    database = await Database.open(f"sqlite:///{tmp_path / 'x.db'}")
    async with database.write() as conn:
        assert (await conn.execute(text("PRAGMA journal_mode"))).scalar_one() == "wal"
        assert (await conn.execute(text("PRAGMA synchronous"))).scalar_one() == 2
        assert (await conn.execute(text("PRAGMA foreign_keys"))).scalar_one() == 1
    await database.close()
