"""Bring a database to the newest schema. Safe to call from several processes at once: they take turns."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from sqlalchemy import Connection, text

from headgate.store.database import Database

# A migration of large tables takes its time, and other starters wait for it.
_PATIENCE_S = 600.0

# Any number will do, so long as nobody else on the same PostgreSQL database takes an advisory lock of the same number.
_LOCK = 0x4845_4144_4741_5445


class SchemaTooNew(Exception):
    """A newer Headgate has migrated this database; this one does not know its schema."""


async def upgrade(url: str) -> None:
    """Run every pending migration in one transaction; an up-to-date database is left alone.

    Raises:
        ValueError: the URL names no database that we speak.
        SchemaTooNew: nothing was changed.
        StoreUnavailable: the database cannot be reached, or another process migrates it for longer than we wait.
    """
    # On SQLite the transaction is exclusive from its beginning; PostgreSQL needs to be asked.
    async with _opened(url) as database, database.write() as conn:
        if database.dialect == "postgresql":
            await conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await conn.run_sync(_upgrade)


async def current(url: str) -> str | None:
    """The revision that the database is at; None for an empty one. Raises as `upgrade` does."""
    async with _opened(url) as database, database.read() as conn:
        return await conn.run_sync(_current)


async def pending(url: str) -> tuple[str, ...]:
    """The revisions still to run, oldest first. Raises as `upgrade` does."""
    return _steps_from(await current(url))


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, pool_size=1, patience_s=_PATIENCE_S, statement_s=None)
    try:
        yield database
    finally:
        await database.close()


def _upgrade(connection: Connection) -> None:
    if _steps_from(_current(connection)):
        command.upgrade(_config(connection), "head")


def _steps_from(revision: str | None) -> tuple[str, ...]:
    script = ScriptDirectory.from_config(_config(None))
    try:
        steps = list(script.iterate_revisions("head", revision or "base"))
    except ResolutionError:
        raise SchemaTooNew(f"the database is at revision {revision}, which this version does not know") from None
    return tuple(reversed([step.revision for step in steps]))


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
