"""Bring a database to the newest schema. Safe to call from several processes at once: they take turns."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from headgate.store.database import Database

Result = TypeVar("Result")

# Any number will do, so long as nobody else on the same PostgreSQL database takes an advisory lock of the same number.
_LOCK = 0x4845_4144_4741_5445


async def upgrade(url: str) -> None:
    """Run every pending migration in one transaction; an up-to-date database is left alone.

    Raises:
        ValueError: the URL names no database that we speak.
        StoreUnavailable: the database cannot be reached, or another process migrates it for longer than we wait.
    """
    await _with_connection(url, lambda connection: command.upgrade(_config(connection), "head"))


async def current(url: str) -> str | None:
    """The revision that the database is at; None for an empty one. Raises as `upgrade` does."""
    return await _with_connection(url, _current)


async def pending(url: str) -> tuple[str, ...]:
    """The revisions still to run, oldest first. Raises as `upgrade` does."""
    revision = await _with_connection(url, _current)
    script = ScriptDirectory.from_config(_config(None))
    steps = script.iterate_revisions("head", revision or "base")
    return tuple(reversed([step.revision for step in steps]))


async def _with_connection(url: str, work: Callable[[Connection], Result]) -> Result:
    database = await Database.open(url, pool_size=1)
    try:
        # On SQLite the transaction is exclusive from its beginning; PostgreSQL needs to be asked.
        async with database.write() as conn:
            if database.dialect == "postgresql":
                await conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            return await conn.run_sync(work)
    finally:
        await database.close()


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
