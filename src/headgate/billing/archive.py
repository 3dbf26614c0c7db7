"""Finished calls in the database: receipts, and the hourly roll-ups that outlive them. All SQL about them is here; only
the caller commits.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.billing.receipt import Attempt, Ending, Receipt
from headgate.canonical.usage import Usage
from headgate.store.database import Database
from headgate.store.schema import channels, keys, receipts, rollups, users

HOUR_MS = 3_600_000

# What an upstream claims must not make a sum overflow that lasts for years.
_MOST_TOKENS = 10**12

# How a batch of rows goes to the database costs more than storing it. SQLite takes many rows in one statement, their
# values bound by C code in one go; PostgreSQL one JSON text, which it takes apart itself.
_COLUMNS: dict[str, str] = {
    "id": "text",
    "started_at": "bigint",
    "user_id": "bigint",
    "key_id": "bigint",
    "channel_id": "bigint",
    "model": "text",
    "upstream_model": "text",
    "operation": "text",
    "ending": "text",
    "status": "integer",
    "usage": "text",
    "charge_nano": "bigint",
    "cost_nano": "bigint",
    "overrun_nano": "bigint",
    "estimated": "boolean",
    "stream": "boolean",
    "duration_ms": "integer",
    "first_byte_ms": "integer",
    "detail": "text",
    "transfer_id": "bigint",
}
_ROW = f"({', '.join('?' * len(_COLUMNS))})"
_INSERT = f"INSERT INTO receipts ({', '.join(_COLUMNS)}) "
_UNPACKED = ", ".join(f"(value->>{n})::{kind}" for n, kind in enumerate(_COLUMNS.values()))
_ADD_JSON = text(f"{_INSERT}SELECT {_UNPACKED} FROM json_array_elements(CAST(:batch AS json))")  # noqa: S608
# A few fixed lengths, so that SQLite's driver keeps the statements compiled. 256 rows of 20 values are far below the
# 32,766 values that a statement may have by default.
_ADD_ROWS = {length: f"{_INSERT}VALUES {', '.join([_ROW] * length)}" for length in (256, 32, 4, 1)}
_KNOWN = {
    "sqlite": text("SELECT id FROM receipts WHERE id IN (SELECT value FROM json_each(:batch))"),
    "postgresql": text("SELECT id FROM receipts WHERE id IN (SELECT json_array_elements_text(CAST(:batch AS json)))"),
}

_COUNTED = ("calls", "failures", "tokens_in", "tokens_out", "charge_nano", "cost_nano", "duration_ms")
_CHARGED_ENDINGS: frozenset[Ending] = frozenset({"completed", "client_gone", "balance_spent"})


class Detail(Struct, frozen=True, omit_defaults=True):
    """What explains a call that was not plain."""

    attempts: tuple[Attempt, ...] = ()
    dropped: tuple[str, ...] = ()


class Entry(Struct, frozen=True, kw_only=True):
    """A receipt as it is shown: with the names of its user, key and channel (None where they are gone)."""

    id: str
    started_at: int
    user: str | None
    key: str | None
    channel: str | None
    user_id: int
    key_id: int
    channel_id: int | None
    model: str
    upstream_model: str | None
    operation: str
    ending: str
    status: int
    usage: Usage
    charge_nano: int
    cost_nano: int
    overrun_nano: int
    estimated: bool
    stream: bool
    duration_ms: int
    first_byte_ms: int | None
    attempts: tuple[Attempt, ...]
    dropped: tuple[str, ...]
    transfer_id: int | None


class Filter(Struct, frozen=True, kw_only=True):
    """Which receipts to list; None asks for all. Times are of the call's start: from `since_ms`, before `until_ms`; but
    `ended_since_ms` is of its end."""

    user_id: int | None = None
    key_id: int | None = None
    model: str | None = None
    ending: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    ended_since_ms: int | None = None


async def known(conn: AsyncConnection, database: Database, ids: Iterable[str]) -> set[str]:
    """Which of these calls have a receipt."""
    batch = {"batch": msgspec.json.encode(list(ids)).decode()}
    return set(await conn.scalars(_KNOWN[database.dialect], batch))


async def add(
    conn: AsyncConnection, database: Database, fresh: Sequence[Receipt], transfer_ids: Mapping[int, int]
) -> None:
    """Store receipts that are not stored yet. `transfer_ids` names the transfer of each wallet's charges."""
    rows = [_row(receipt, transfer_ids.get(receipt.wallet_id)) for receipt in fresh]
    if database.dialect == "postgresql":
        await conn.execute(_ADD_JSON, {"batch": msgspec.json.encode(rows).decode()})
        return
    done = 0
    for length, statement in _ADD_ROWS.items():
        while len(rows) - done >= length:
            await conn.exec_driver_sql(statement, tuple(chain.from_iterable(rows[done : done + length])))
            done += length


async def roll_up(conn: AsyncConnection, database: Database, fresh: Sequence[Receipt]) -> None:
    """Add receipts to the hourly sums."""
    sums: dict[tuple[int, int, int, int, str], list[int]] = {}
    for receipt in fresh:
        hour = receipt.started_at // HOUR_MS * HOUR_MS
        key = (hour, receipt.user_id, receipt.key_id, receipt.channel_id or 0, receipt.model)
        counts = sums.setdefault(key, [0] * len(_COUNTED))
        for position, count in enumerate(_counted(receipt)):
            counts[position] += count
    names = tuple(column.name for column in rollups.primary_key)
    # In one order, so that two workers that update the same rows wait for each other rather than deadlock.
    rows = [dict(zip((*names, *_COUNTED), (*key, *sums[key]), strict=True)) for key in sorted(sums)]
    statement = database.insert(rollups)
    added = {name: rollups.c[name] + statement.excluded[name] for name in _COUNTED}
    await conn.execute(statement.on_conflict_do_update(index_elements=list(rollups.primary_key), set_=added), rows)


async def listed(
    conn: AsyncConnection, which: Filter, *, before: str | None = None, after: str | None = None, limit: int = 50
) -> list[Entry]:
    """Receipts, newest first. `before` is the last id of the page before this one; `after` asks for what is newer than
    an id instead, oldest first (to follow new ones)."""
    query = _matching(which)
    if after is not None:
        query = query.where(receipts.c.id > after).order_by(receipts.c.id)
    else:
        if before is not None:
            query = query.where(receipts.c.id < before)
        query = query.order_by(receipts.c.id.desc())
    return [_entry(row._mapping) for row in await conn.execute(query.limit(limit))]


async def show(conn: AsyncConnection, receipt_id: str) -> Entry | None:
    """One receipt."""
    row = (await conn.execute(_entries().where(receipts.c.id == receipt_id))).one_or_none()
    return None if row is None else _entry(row._mapping)


async def spent_nano(conn: AsyncConnection, *, user_id: int | None = None, key_id: int | None = None) -> int:
    """What a user or key has been charged ever, from the roll-ups."""
    query = select(func.coalesce(func.sum(rollups.c.charge_nano), 0))
    if user_id is not None:
        query = query.where(rollups.c.user_id == user_id)
    if key_id is not None:
        query = query.where(rollups.c.key_id == key_id)
    return int((await conn.execute(query)).scalar_one())


async def remove_before(conn: AsyncConnection, before_ms: int, limit: int) -> int:
    """Delete at most so many receipts of calls that started before; returns how many."""
    oldest = select(receipts.c.id).where(receipts.c.started_at < before_ms).order_by(receipts.c.started_at).limit(limit)
    return (await conn.execute(delete(receipts).where(receipts.c.id.in_(oldest)))).rowcount


def _row(receipt: Receipt, transfer_id: int | None) -> tuple[object, ...]:
    """The receipt's row, in the order of the table's columns."""
    return (
        receipt.id,
        receipt.started_at,
        receipt.user_id,
        receipt.key_id,
        receipt.channel_id,
        receipt.model,
        receipt.upstream_model,
        receipt.operation,
        receipt.ending,
        receipt.status,
        msgspec.json.encode(receipt.usage).decode(),
        receipt.charge_nano,
        receipt.cost_nano,
        receipt.overrun_nano,
        receipt.estimated,
        receipt.stream,
        receipt.duration_ms,
        receipt.first_byte_ms,
        _detail(receipt),
        transfer_id if receipt.charge_nano else None,
    )


def _detail(receipt: Receipt) -> str | None:
    attempts = receipt.attempts
    if not receipt.dropped and (not attempts or (len(attempts) == 1 and not attempts[0].reason)):
        return None
    return msgspec.json.encode(Detail(receipt.attempts, receipt.dropped)).decode()


def _counted(receipt: Receipt) -> tuple[int, ...]:
    return (
        1,
        receipt.ending not in _CHARGED_ENDINGS,
        min(receipt.usage.total_in, _MOST_TOKENS),
        min(receipt.usage.total_out, _MOST_TOKENS),
        receipt.charge_nano,
        receipt.cost_nano,
        receipt.duration_ms,
    )


def _entries() -> Select[Any]:
    return (
        select(receipts, users.c.name.label("user"), keys.c.name.label("key"), channels.c.name.label("channel"))
        .outerjoin(users, users.c.id == receipts.c.user_id)
        .outerjoin(keys, keys.c.id == receipts.c.key_id)
        .outerjoin(channels, channels.c.id == receipts.c.channel_id)
    )


def _matching(which: Filter) -> Select[Any]:
    query = _entries()
    for name in ("user_id", "key_id", "model", "ending"):
        value = getattr(which, name)
        if value is not None:
            query = query.where(receipts.c[name] == value)
    if which.since_ms is not None:
        query = query.where(receipts.c.started_at >= which.since_ms)
    if which.until_ms is not None:
        query = query.where(receipts.c.started_at < which.until_ms)
    if which.ended_since_ms is not None:
        query = query.where(receipts.c.started_at + receipts.c.duration_ms >= which.ended_since_ms)
    return query


def _entry(row: Mapping[Any, Any]) -> Entry:
    values = dict(row)
    detail = values.pop("detail")
    values["usage"] = msgspec.json.decode(values["usage"], type=Usage)
    if detail is not None:
        explained = msgspec.json.decode(detail, type=Detail)
        return Entry(attempts=explained.attempts, dropped=explained.dropped, **values)
    channel_id = values["channel_id"]
    answered = () if channel_id is None else (Attempt(channel_id, values["status"], "", values["duration_ms"]),)
    return Entry(attempts=answered, dropped=(), **values)
