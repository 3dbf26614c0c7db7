"""Migrations lead where the code believes they do."""

import asyncio
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, select, text

from headgate.store.database import Database
from headgate.store.migrate import SchemaTooNew, current, pending, upgrade
from headgate.store.schema import FAR_SIDE, accounts, metadata


def differences(connection: Connection) -> list[object]:
    options = {"compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))


async def test_migrations_make_exactly_the_schema(database: Database) -> None:
    """No table, column, type, default, index or constraint differs from `store.schema`."""
    async with database.read() as conn:
        assert await conn.run_sync(differences) == []


async def test_the_far_side_of_the_books_exists_once(database: Database) -> None:
    """Each kind has its one account under the id that the code uses, and the next account gets another."""
    async with database.write() as conn:
        rows = await conn.execute(select(accounts.c.kind, accounts.c.id).order_by(accounts.c.id))
        assert {row.kind: row.id for row in rows} == FAR_SIDE
        made = await conn.execute(accounts.insert().values(kind="wallet", created_at=1).returning(accounts.c.id))
        assert made.scalar_one() not in FAR_SIDE.values()


async def test_an_empty_database_is_brought_up_to_date_once(empty_database_url: str) -> None:
    """What is pending is known before, done, and not done again."""
    assert await current(empty_database_url) is None
    todo = await pending(empty_database_url)
    assert todo[0] == "0001"
    await upgrade(empty_database_url)
    assert await current(empty_database_url) == todo[-1]
    assert await pending(empty_database_url) == ()
    await upgrade(empty_database_url)


async def test_a_newer_schema_is_left_alone(database_url: str) -> None:
    """An older program says so instead of guessing."""
    database = await Database.open(database_url)
    async with database.write() as conn:
        await conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    for attempt in (upgrade, pending):
        with pytest.raises(SchemaTooNew, match="9999"):
            await attempt(database_url)


async def test_processes_that_start_together_take_turns(empty_database_url: str) -> None:
    """Several gateways may start on one new database at the same moment; each finds it ready."""
    program = (
        f"import asyncio; from headgate.store.migrate import upgrade; asyncio.run(upgrade({empty_database_url!r}))"
    )
    processes = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE)
        for _ in range(4)
    ]
    outcomes = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0] * 4, [error.decode() for _, error in outcomes]
    assert await pending(empty_database_url) == ()
