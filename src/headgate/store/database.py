"""The database connector: one SQL dialect above, SQLite or PostgreSQL below.

Repositories write SQLAlchemy Core against `store.schema` and get a connection from `Database.write` (one transaction,
committed at its end) or `Database.read` (one consistent snapshot, nothing can be written). What differs between the
two databases is decided here, once.
"""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Literal, cast

import asyncpg
from sqlalchemy import URL, Connection, Table, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry

Dialect = Literal["sqlite", "postgresql"]

# How long a writer waits for another process's transaction, and a caller for a connection.
PATIENCE_S = 10.0
# How long PostgreSQL may take to let us in, and to answer one statement, before it counts as gone.
CONNECT_S = 10.0
STATEMENT_S = 60.0

# SQLite's result codes (the low byte) that say that the file cannot be used now, not that the statement is wrong.
_SQLITE_UNAVAILABLE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}
# PostgreSQL's: connection lost, resources short, lock not available, operator intervention, deadlock.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_POSTGRESQL_UNAVAILABLE = ("08", "53", "55P03", "57", "40P01")


class StoreUnavailable(Exception):
    """The database cannot be reached or is locked; nothing was committed, and trying again later may help."""


class Database:
    """A bounded pool of connections to one database. Made by `Database.open`, ended by `close`."""

    def __init__(self, reader: AsyncEngine, writer: AsyncEngine, dialect: Dialect) -> None:
        self._reader = reader
        self._writer = writer
        self.dialect = dialect

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        pool_size: int = 4,
        patience_s: float = PATIENCE_S,
        statement_s: float | None = STATEMENT_S,
    ) -> "Database":
        """Connect to `sqlite:///relative.db`, `sqlite:////absolute.db` or `postgresql://user:password@host/name`.

        At most `pool_size` connections are open at once (and one more for writing on SQLite). Whoever waits longer
        than `patience_s` for a connection or for another's lock is told that the database is unavailable; so is whoever
        waits longer than `statement_s` for PostgreSQL to answer.

        Raises:
            ValueError: the URL names no database that we speak.
            StoreUnavailable: the database cannot be reached.
        """
        address = driver_url(url)
        if address.get_backend_name() == "sqlite":
            _require_file(address)
            reader = _sqlite_engine(address, pool_size, patience_s)
            database = cls(reader, _sqlite_engine(address, 1, patience_s, writing=True), "sqlite")
        else:
            engine = _postgresql_engine(address, pool_size, patience_s, statement_s)
            # Every read is one snapshot, as it is on SQLite, however many statements it takes.
            reader = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            database = cls(reader, engine, "postgresql")
        try:
            await database.ping()
        except StoreUnavailable:
            await database.close()
            raise
        return database

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end of the block, rolled back when the block raises.

        On SQLite there is one writer at a time in all processes; the block starts when it is our turn.

        Raises:
            StoreUnavailable: the database is unreachable, locked for too long, or went away; nothing was committed
                (unless it went away in the very moment of the commit).
        """
        async with _connection(self._writer) as conn:
            yield conn

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """One consistent snapshot; a statement that writes is refused by the database.

        Raises:
            StoreUnavailable: as for `write`.
        """
        async with _connection(self._reader) as conn:
            yield conn

    def insert(self, table: Table) -> postgresql.Insert:
        """The dialect's own insert, so that `on_conflict_do_nothing`, `on_conflict_do_update` and `returning` work."""
        if self.dialect == "postgresql":
            return postgresql.insert(table)
        # The two classes share every method that we use, but no ancestor that has them.
        return cast("postgresql.Insert", sqlite.insert(table))

    async def ping(self) -> None:
        """Ask for one row.

        Raises:
            StoreUnavailable: no answer.
        """
        async with self.read() as conn:
            await conn.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection. Blocks still open lose theirs when they end."""
        await self._reader.dispose()
        await self._writer.dispose()


def driver_url(url: str) -> URL:
    """The same address, with the asynchronous driver named.

    Raises:
        ValueError: the URL names no database that we speak.
    """
    try:
        address = make_url(url)
    except ArgumentError:
        raise ValueError("the database URL cannot be parsed; expected sqlite:///… or postgresql://…") from None
    match address.get_backend_name():
        case "sqlite" if address.database and address.database != ":memory:":
            return address.set(drivername="sqlite+aiosqlite")
        case "sqlite":
            raise ValueError("SQLite needs a file: several connections cannot share a database in memory")
        case "postgresql" | "postgres":
            return address.set(drivername="postgresql+asyncpg")
        case other:
            raise ValueError(f"no support for {other!r} databases; expected sqlite:///… or postgresql://…")


def _require_file(address: URL) -> None:
    """A file that SQLite can open, tried here and now: the asynchronous driver's thread would tell its failure to a
    loop that may already be gone.

    Raises:
        StoreUnavailable: there is no such directory, or the file cannot be opened.
    """
    path = Path(address.database or "").absolute()
    if not path.parent.is_dir():
        raise StoreUnavailable(f"no connection to the database: there is no directory {path.parent}")
    try:
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        raise StoreUnavailable(f"no connection to the database: {error}") from error


def _sqlite_engine(address: URL, pool_size: int, patience_s: float, *, writing: bool = False) -> AsyncEngine:
    engine = create_async_engine(
        address,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=patience_s,
        connect_args={"timeout": patience_s},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # We begin transactions ourselves: the driver would only do so before the first row is changed.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout = {patience_s * 1000:.0f}",
            "journal_mode = WAL",
            # With NORMAL a power cut may undo transactions already answered for. Journals are deleted on the strength
            # of a commit, so a commit must last; we commit in batches, so it costs little.
            "synchronous = FULL",
            "foreign_keys = ON",
            f"query_only = {'OFF' if writing else 'ON'}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(conn: Connection) -> None:
        # A writer takes its place at once: a reader that turns writer half-way may find that it came too late, and
        # no waiting helps it then.
        conn.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _postgresql_engine(address: URL, pool_size: int, patience_s: float, statement_s: float | None) -> AsyncEngine:
    return create_async_engine(
        address,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=patience_s,
        pool_pre_ping=True,
        connect_args={
            "timeout": CONNECT_S,
            "command_timeout": statement_s,
            "server_settings": {"application_name": "headgate", "lock_timeout": f"{patience_s * 1000:.0f}ms"},
        },
    )


@asynccontextmanager
async def _connection(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A connection in a transaction, with the drivers' ways of saying "gone" or "locked" translated."""
    async with AsyncExitStack() as stack:
        try:
            conn = await stack.enter_async_context(engine.connect())
        except PoolTimeout as error:
            raise StoreUnavailable("no database connection became free in time") from error
        except (DBAPIError, asyncpg.PostgresError, OSError) as error:
            # Whatever goes wrong here, from a refused connection to a wrong password, there is no database for us.
            raise StoreUnavailable(f"no connection to the database: {_reason(error)}") from error
        try:
            async with conn.begin():
                yield conn
        except DBAPIError as error:
            if not _is_unavailable(error):
                raise
            raise StoreUnavailable(f"the database is unavailable: {_reason(error)}") from error
        except (ConnectionError, TimeoutError) as error:
            raise StoreUnavailable("the database no longer answers") from error


def _reason(error: Exception) -> str:
    """The driver's message, without the statement and link that SQLAlchemy adds."""
    return str(error.orig if isinstance(error, DBAPIError) else error)


def _is_unavailable(error: DBAPIError) -> bool:
    code = getattr(error.orig, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF in _SQLITE_UNAVAILABLE
    state = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or (state is not None and state.startswith(_POSTGRESQL_UNAVAILABLE))
