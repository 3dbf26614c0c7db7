"""The log of configuration changes: whoever changes a row notes it, in the same transaction, and every worker reads on
from where it was."""

from typing import Literal

from msgspec import Struct
from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.store.schema import changes

Subject = Literal["key", "user", "group", "channel", "price"]

# An advisory lock's number; any will do that nothing else on the same PostgreSQL database uses.
_TURN = 0x4845_4144_4348_4E47


class Change(Struct, frozen=True):
    """Something about `subject` changed: the row with id `ref`, or any of its kind where `ref` is None."""

    id: int
    subject: Subject
    ref: int | None


async def note_change(conn: AsyncConnection, subject: Subject, ref: int | None, now_ms: int) -> None:
    """Note that a row was or will be changed in this transaction.

    Ids must become visible in their order, or a reader would pass over one that is committed late. On PostgreSQL the
    writers of changes therefore take turns; SQLite knows one writer at a time anyway. Call it before taking locks on
    accounts, so that two writers never wait for each other.
    """
    await take_turn(conn)
    await conn.execute(insert(changes).values(subject=subject, ref=ref, at=now_ms))


async def take_turn(conn: AsyncConnection) -> None:
    """Wait until no other transaction changes the configuration; until this one ends, none will."""
    if conn.dialect.name == "postgresql":
        await conn.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})


async def newest_change(conn: AsyncConnection) -> int:
    """The id of the newest change; 0 where there is none yet."""
    return int((await conn.execute(select(func.coalesce(func.max(changes.c.id), 0)))).scalar_one())


async def changes_since(conn: AsyncConnection, change_id: int, *, limit: int = 1000) -> list[Change]:
    """The changes after `change_id`, oldest first."""
    query = select(changes.c.id, changes.c.subject, changes.c.ref).where(changes.c.id > change_id)
    rows = await conn.execute(query.order_by(changes.c.id).limit(limit))
    return [Change(row.id, row.subject, row.ref) for row in rows]


async def drop_changes(conn: AsyncConnection, before_ms: int) -> None:
    """Forget changes older than `before_ms`, all but the newest, whose id SQLite would otherwise give again."""
    newest = select(func.max(changes.c.id)).scalar_subquery()
    await conn.execute(delete(changes).where(changes.c.at < before_ms, changes.c.id != newest))
