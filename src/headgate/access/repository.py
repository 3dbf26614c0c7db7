"""Users, groups and API keys as the database has them. All SQL about them is here; only the caller commits.

Whatever changes what a call may do is noted in the log of changes, by which workers bring their directories up to date.
Rows are never deleted: receipts name them.
"""

from collections.abc import Collection, Sequence
from ipaddress import ip_network
from typing import Literal

import msgspec
from msgspec import Struct
from sqlalchemy import Row, Select, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.access import funds
from headgate.access.caller import Caller, Network
from headgate.access.keys import NewKey
from headgate.store.changes import note_change
from headgate.store.database import Database
from headgate.store.schema import Source, groups, keys, users


class AlreadyExists(Exception):
    """The name, or the key, is taken."""


class Unknown(LookupError):
    """There is no such user or key."""


class Group(Struct, frozen=True, kw_only=True):
    """`multiplier_ppm` is what prices are multiplied by, in parts per million."""

    name: str
    multiplier_ppm: int
    source: Source


class User(Struct, frozen=True, kw_only=True):
    """`balance_nano` includes what workers hold of the wallet at the moment."""

    id: int
    name: str
    group: str
    wallet_id: int
    balance_nano: int
    enabled: bool
    source: Source
    created_at_ms: int


class Key(Struct, frozen=True, kw_only=True):
    """`limit_nano` is what the key may spend in all, `left_nano` what is left of it; both None without a limit."""

    id: int
    name: str
    user_id: int
    user_name: str
    hint: str
    group: str | None
    models: tuple[str, ...] | None
    networks: tuple[str, ...]
    limit_nano: int | None
    left_nano: int | None
    expires_at_ms: int | None
    enabled: bool
    source: Source
    created_at_ms: int


class KeyTerms(Struct, frozen=True, kw_only=True):
    """What a key may do. `models` None is all of them, `networks` empty all addresses, `group` None the user's own;
    `limit_nano` bounds what it may ever spend."""

    group: str | None = None
    models: tuple[str, ...] | None = None
    networks: tuple[Network, ...] = ()
    expires_at_ms: int | None = None
    limit_nano: int | None = None


NO_LIMITS = KeyTerms()


# --- groups ----------------------------------------------------------------------------------------------------------


async def put_group(
    conn: AsyncConnection,
    database: Database,
    name: str,
    multiplier_ppm: int,
    *,
    now_ms: int,
    source: Source = "console",
) -> None:
    """Make the group, or change its multiplier. Where nothing differs, nothing is written."""
    values = {"multiplier_ppm": multiplier_ppm, "source": source}
    present = await conn.execute(select(groups.c.multiplier_ppm, groups.c.source).where(groups.c.name == name))
    if present.one_or_none() == tuple(values.values()):
        return
    await note_change(conn, "group", None, now_ms)
    row = database.insert(groups).values(name=name, **values)
    await conn.execute(row.on_conflict_do_update(index_elements=["name"], set_=values))


async def remove_group(conn: AsyncConnection, name: str, *, now_ms: int) -> None:
    """Take the group's multiplier away: it counts 1.0 then. Its users and channels stay in it."""
    await note_change(conn, "group", None, now_ms)
    await conn.execute(groups.delete().where(groups.c.name == name))


async def list_groups(conn: AsyncConnection) -> list[Group]:
    """All groups by name."""
    rows = await conn.execute(select(groups).order_by(groups.c.name))
    return [Group(name=row.name, multiplier_ppm=row.multiplier_ppm, source=row.source) for row in rows]


# --- users -----------------------------------------------------------------------------------------------------------


async def create_user(
    conn: AsyncConnection, name: str, *, now_ms: int, group: str = "default", source: Source = "console"
) -> User:
    """Make a user with an empty wallet.

    Raises:
        AlreadyExists: there is a user of that name.
    """
    if await find_user(conn, name) is not None:
        raise AlreadyExists(f"there is a user named {name!r} already")
    wallet_id = await funds.open_fund(conn, "wallet", now_ms)
    values = {"name": name, "group_name": group, "wallet_id": wallet_id, "enabled": True, "source": source}
    made = await conn.execute(insert(users).values(**values, created_at=now_ms).returning(users.c.id))
    user_id = int(made.scalar_one())
    await note_change(conn, "user", user_id, now_ms)
    return User(
        id=user_id,
        name=name,
        group=group,
        wallet_id=wallet_id,
        balance_nano=0,
        enabled=True,
        source=source,
        created_at_ms=now_ms,
    )


async def find_user(conn: AsyncConnection, name: str) -> User | None:
    """The user of that name."""
    found = await _users(conn, select(users).where(users.c.name == name))
    return found[0] if found else None


async def get_user(conn: AsyncConnection, user_id: int) -> User:
    """The user.

    Raises:
        Unknown: there is none.
    """
    found = await _users(conn, select(users).where(users.c.id == user_id))
    if not found:
        raise Unknown(f"there is no user {user_id}")
    return found[0]


async def list_users(conn: AsyncConnection) -> list[User]:
    """All users by name."""
    return await _users(conn, select(users).order_by(users.c.name))


async def set_user(
    conn: AsyncConnection, user_id: int, *, now_ms: int, group: str | None = None, enabled: bool | None = None
) -> None:
    """Change what is given.

    Raises:
        Unknown: there is no such user.
    """
    wanted = {"group_name": group, "enabled": enabled}
    await _change(conn, "user", user_id, {name: value for name, value in wanted.items() if value is not None}, now_ms)


async def credit_user(
    conn: AsyncConnection, user_id: int, amount_nano: int, *, now_ms: int, note: str | None = None
) -> int:
    """Put money into the user's wallet, or take it out where the amount is below zero, at most what is there; returns
    the amount moved.

    Raises:
        Unknown: there is no such user.
    """
    wallet_id = (await get_user(conn, user_id)).wallet_id
    await note_change(conn, "user", user_id, now_ms)
    if amount_nano < 0:
        return -await funds.take_back(conn, "wallet", wallet_id, -amount_nano, now_ms=now_ms, note=note)
    if amount_nano:
        await funds.give(conn, "wallet", wallet_id, amount_nano, now_ms=now_ms, note=note)
    return amount_nano


async def _users(conn: AsyncConnection, query: Select[*tuple[object, ...]]) -> list[User]:
    rows = (await conn.execute(query)).all()
    balances = await funds.balances_nano(conn, [row.wallet_id for row in rows])
    return [
        User(
            id=row.id,
            name=row.name,
            group=row.group_name,
            wallet_id=row.wallet_id,
            balance_nano=balances[row.wallet_id],
            enabled=row.enabled,
            source=row.source,
            created_at_ms=row.created_at,
        )
        for row in rows
    ]


# --- keys ------------------------------------------------------------------------------------------------------------


async def create_key(
    conn: AsyncConnection,
    key: NewKey,
    *,
    name: str,
    user_id: int,
    now_ms: int,
    terms: KeyTerms = NO_LIMITS,
    source: Source = "console",
) -> int:
    """Store a key of the user's; returns its id. Of the key itself only hash and hint are kept.

    Raises:
        AlreadyExists: the same key is stored already.
        Unknown: there is no such user.
    """
    await get_user(conn, user_id)
    if await key_ids(conn, [key.hash]):
        raise AlreadyExists("this API key exists already")
    values = {"name": name, "user_id": user_id, "hash": key.hash, "hint": key.hint, "enabled": True, "source": source}
    row = insert(keys).values(**values, **_columns(terms), created_at=now_ms)
    key_id = int((await conn.execute(row.returning(keys.c.id))).scalar_one())
    await note_change(conn, "key", key_id, now_ms)
    await _set_limit(conn, key_id, None, terms.limit_nano, now_ms)
    return key_id


async def set_terms(conn: AsyncConnection, key_id: int, terms: KeyTerms, *, now_ms: int) -> None:
    """Make these the key's terms. A limit that is lowered below what is already spent leaves nothing to spend.

    Raises:
        Unknown: there is no such key.
    """
    await _change(conn, "key", key_id, _columns(terms), now_ms)
    budget_id = (await conn.execute(select(keys.c.budget_id).where(keys.c.id == key_id))).scalar_one()
    await _set_limit(conn, key_id, budget_id, terms.limit_nano, now_ms)


async def set_key_enabled(conn: AsyncConnection, key_id: int, enabled: bool, *, now_ms: int) -> None:
    """Revoke a key, or allow it again.

    Raises:
        Unknown: there is no such key.
    """
    await _change(conn, "key", key_id, {"enabled": enabled}, now_ms)


async def replace_key(conn: AsyncConnection, key_id: int, key: NewKey, *, name: str, user_id: int, now_ms: int) -> None:
    """Give a stored key another text, name or owner; an old text is unknown from then on.

    Raises:
        AlreadyExists: another stored key has this text.
        Unknown: there is no such key.
    """
    if (await key_ids(conn, [key.hash])).get(key.hash, key_id) != key_id:
        raise AlreadyExists("this API key exists already")
    values = {"hash": key.hash, "hint": key.hint, "name": name, "user_id": user_id}
    await _change(conn, "key", key_id, values, now_ms)


async def key_ids(conn: AsyncConnection, hashes: Collection[bytes]) -> dict[bytes, int]:
    """The ids of the stored keys with these hashes."""
    rows = await conn.execute(select(keys.c.hash, keys.c.id).where(keys.c.hash.in_(hashes)))
    return {row.hash: row.id for row in rows}


async def list_keys(conn: AsyncConnection, *, user_id: int | None = None) -> list[Key]:
    """All keys, or one user's, oldest first."""
    query = select(keys, users.c.name.label("user_name")).join(users, users.c.id == keys.c.user_id).order_by(keys.c.id)
    rows = (await conn.execute(query if user_id is None else query.where(keys.c.user_id == user_id))).all()
    budgets = [row.budget_id for row in rows if row.budget_id is not None]
    granted, left = await funds.granted_nano(conn, budgets), await funds.balances_nano(conn, budgets)
    return [_key(row, granted.get(row.budget_id), left.get(row.budget_id)) for row in rows]


async def find_callers(conn: AsyncConnection, hashes: Collection[bytes]) -> dict[bytes, Caller]:
    """The callers with these key hashes; disabled ones too, unknown ones are missing."""
    columns = (users.c.name.label("user_name"), users.c.group_name.label("user_group"), users.c.wallet_id)
    query = select(keys, *columns, users.c.enabled.label("user_enabled")).join(users, users.c.id == keys.c.user_id)
    return {row.hash: _caller(row) for row in await conn.execute(query.where(keys.c.hash.in_(hashes)))}


async def _set_limit(
    conn: AsyncConnection, key_id: int, budget_id: int | None, limit_nano: int | None, now_ms: int
) -> None:
    """Bring what the key was granted to `limit_nano`; without a limit, what is left of its budget goes back."""
    if budget_id is None and limit_nano is None:
        return
    if budget_id is None:
        budget_id = await funds.open_fund(conn, "budget", now_ms)
    granted_nano = (await funds.granted_nano(conn, [budget_id]))[budget_id]
    change_nano = (limit_nano or 0) - granted_nano
    if change_nano > 0:
        await funds.give(conn, "budget", budget_id, change_nano, now_ms=now_ms)
    elif change_nano < 0:
        await funds.take_back(conn, "budget", budget_id, -change_nano, now_ms=now_ms)
    chosen = update(keys).where(keys.c.id == key_id)
    await conn.execute(chosen.values(budget_id=None if limit_nano is None else budget_id))


def _columns(terms: KeyTerms) -> dict[str, object]:
    return {
        "group_name": terms.group,
        "models": None if terms.models is None else _json(terms.models),
        "addresses": _json([str(network) for network in terms.networks]) if terms.networks else None,
        "expires_at": terms.expires_at_ms,
    }


def _key(row: Row[*tuple[object, ...]], limit_nano: int | None, left_nano: int | None) -> Key:
    return Key(
        id=row.id,
        name=row.name,
        user_id=row.user_id,
        user_name=row.user_name,
        hint=row.hint,
        group=row.group_name,
        models=None if row.models is None else tuple(_list(row.models)),
        networks=tuple(_list(row.addresses or "[]")),
        limit_nano=limit_nano,
        left_nano=left_nano,
        expires_at_ms=row.expires_at,
        enabled=row.enabled,
        source=row.source,
        created_at_ms=row.created_at,
    )


def _caller(row: Row[*tuple[object, ...]]) -> Caller:
    return Caller(
        key_id=row.id,
        key_name=row.name,
        user_id=row.user_id,
        user_name=row.user_name,
        wallet_id=row.wallet_id,
        budget_id=row.budget_id,
        group=row.group_name or row.user_group,
        models=None if row.models is None else frozenset(_list(row.models)),
        networks=tuple(ip_network(network) for network in _list(row.addresses or "[]")),
        expires_at_ms=row.expires_at,
        key_enabled=row.enabled,
        user_enabled=row.user_enabled,
    )


async def _change(
    conn: AsyncConnection, subject: Literal["user", "key"], row_id: int, values: dict[str, object], now_ms: int
) -> None:
    table = users if subject == "user" else keys
    await note_change(conn, subject, row_id, now_ms)
    if not values:
        return
    changed = await conn.execute(update(table).where(table.c.id == row_id).values(**values))
    if changed.rowcount != 1:
        raise Unknown(f"there is no {subject} {row_id}")


def _json(names: Sequence[str]) -> str:
    return msgspec.json.encode(names).decode()


def _list(text: str) -> list[str]:
    return msgspec.json.decode(text, type=list[str])
