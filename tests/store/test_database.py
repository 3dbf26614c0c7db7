"""The connector: transactions, snapshots, waiting writers, and a database that cannot be reached."""

from sqlalchemy import func, select

from headgate.store.database import Database
from headgate.store.schema import changes


async def count(database: Database) -> int:
    async with database.read() as conn:
        return int((await conn.execute(select(func.count()).select_from(changes))).scalar_one())


async def test_a_block_that_ends_is_committed(database: Database) -> None:
    """What a write block did is there for the next reader."""
    async with database.write() as conn:
        await conn.execute(changes.insert().values(subject="key", at=1))
    assert await count(database) == 1
