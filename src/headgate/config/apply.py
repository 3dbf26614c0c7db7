"""Make the database equal to the configuration file: what the file made before and no longer names is switched off,
what the console made is left alone. Everything in one transaction, and nothing is written where nothing differs."""

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.access import funds
from headgate.access import repository as access
from headgate.access.repository import Key, KeyTerms, User
from headgate.channels import repository as channels
from headgate.channels.channel import Channel
from headgate.config.document import ConfigError, suggest
from headgate.config.file import ConfigFile, KeyEntry, PriceEntry, UserEntry
from headgate.store.changes import note_change, take_turn
from headgate.store.database import Database
from headgate.store.schema import Source, prices
from headgate.store.secrets import Sealer

FILE: Source = "file"


class Overspent(Struct, frozen=True):
    """The file grants the user less than before, but the user has spent `amount_nano` of the difference already."""

    user: str
    amount_nano: int


async def apply_config(config: ConfigFile, database: Database, sealer: Sealer, *, now_ms: int) -> list[Overspent]:
    """Apply the file. Several processes may do so at once; they take turns.

    Returns:
        What the operator should be told: balances that could not be lowered to what the file says.

    Raises:
        ConfigError: an entry clashes with what the console made, or names a user that does not exist. Nothing is
            changed then.
        StoreUnavailable: the database cannot be reached.
    """
    async with database.write() as conn:
        await take_turn(conn)
        await _apply_groups(conn, database, config, now_ms)
        await _apply_prices(conn, database, config, now_ms)
        await _apply_channels(conn, sealer, config, now_ms)
        overspent = await _apply_users(conn, config, now_ms)
        await _apply_keys(conn, config, now_ms)
    return overspent


async def _apply_groups(conn: AsyncConnection, database: Database, config: ConfigFile, now_ms: int) -> None:
    present = {group.name: group.source for group in await access.list_groups(conn)}
    for entry in config.groups:
        _refuse_clash(config, entry.line, "group", entry.name, present.get(entry.name))
        await access.put_group(conn, database, entry.name, entry.multiplier_ppm, now_ms=now_ms, source=FILE)
    for name in _gone(present, (entry.name for entry in config.groups)):
        await access.remove_group(conn, name, now_ms=now_ms)


async def _apply_prices(conn: AsyncConnection, database: Database, config: ConfigFile, now_ms: int) -> None:
    rows = (await conn.execute(select(prices))).all()
    present = {row.model: row.source for row in rows}
    bodies = {row.model: row.body for row in rows}
    for entry in config.prices:
        _refuse_clash(config, entry.line, "price", entry.model, present.get(entry.model))
    changed = [entry for entry in config.prices if bodies.get(entry.model) != _body(entry)]
    gone = _gone(present, (entry.model for entry in config.prices))
    for entry in changed:
        values = {"body": _body(entry), "source": FILE}
        row = database.insert(prices).values(model=entry.model, **values)
        await conn.execute(row.on_conflict_do_update(index_elements=["model"], set_=values))
    if gone:
        await conn.execute(prices.delete().where(prices.c.model.in_(gone)))
    if changed or gone:
        await note_change(conn, "price", None, now_ms)


async def _apply_channels(conn: AsyncConnection, sealer: Sealer, config: ConfigFile, now_ms: int) -> None:
    present: dict[str, Channel] = {channel.name: channel for channel in await channels.list_channels(conn)}
    sources = {name: channel.source for name, channel in present.items()}
    for entry in config.channels:
        name = entry.channel.name
        _refuse_clash(config, entry.line, "channel", name, sources.get(name))
        await channels.put_channel(conn, sealer, entry.channel, now_ms=now_ms, source=FILE)
    for name in _gone(sources, (entry.channel.name for entry in config.channels)):
        if present[name].enabled:
            await channels.set_channel_enabled(conn, present[name].id, False, now_ms=now_ms)


async def _apply_users(conn: AsyncConnection, config: ConfigFile, now_ms: int) -> list[Overspent]:
    present = {user.name: user for user in await access.list_users(conn)}
    sources = {name: user.source for name, user in present.items()}
    overspent: list[Overspent] = []
    for entry in config.users:
        _refuse_clash(config, entry.line, "user", entry.name, sources.get(entry.name))
        user = present.get(entry.name)
        if user is None:
            user = await access.create_user(conn, entry.name, group=entry.group, source=FILE, now_ms=now_ms)
        if (user.group, user.enabled) != (entry.group, entry.enabled):
            await access.set_user(conn, user.id, group=entry.group, enabled=entry.enabled, now_ms=now_ms)
        overspent += await _grant(conn, user, entry, now_ms)
    for name in _gone(sources, (entry.name for entry in config.users)):
        if present[name].enabled:
            await access.set_user(conn, present[name].id, enabled=False, now_ms=now_ms)
    return overspent


async def _grant(conn: AsyncConnection, user: User, entry: UserEntry, now_ms: int) -> list[Overspent]:
    """Move the difference between what the file grants and what it granted before, so that a restart does not refill a
    wallet. What is to be taken back but was spent is written off, or later money of the user's own would pay for it.
    What workers hold at the moment is taken back another time."""
    if entry.balance_nano is None:
        return []
    note = f"configuration file, wallet {user.wallet_id}"
    change_nano = entry.balance_nano - await funds.noted_nano(conn, note)
    if change_nano:
        await access.credit_user(conn, user.id, change_nano, now_ms=now_ms, note=note)
    spent_nano = -change_nano - user.balance_nano
    if spent_nano <= 0:
        return []
    await funds.write_off(conn, spent_nano, now_ms=now_ms, note=note)
    return [Overspent(user.name, spent_nano)]


async def _apply_keys(conn: AsyncConnection, config: ConfigFile, now_ms: int) -> None:
    users = {user.name: user for user in await access.list_users(conn)}
    present = {key.id: key for key in await access.list_keys(conn)}
    rows = await _match(conn, config, present)
    for entry in config.keys:
        owner = users.get(entry.user)
        if owner is None:
            message = (
                f"the key '{entry.name}' is for user '{entry.user}', who does not exist{suggest(entry.user, users)}"
            )
            raise ConfigError(message, config.path, entry.line)
        key_id = rows.get(entry.name)
        if key_id is None:
            key_id = await access.create_key(
                conn, entry.key, name=entry.name, user_id=owner.id, terms=entry.terms, source=FILE, now_ms=now_ms
            )
        else:
            await _update_key(conn, present[key_id], entry, owner, now_ms)
        if entry.enabled != (present[key_id].enabled if key_id in present else True):
            await access.set_key_enabled(conn, key_id, entry.enabled, now_ms=now_ms)
    kept = set(rows.values())
    for key in present.values():
        if key.source == FILE and key.id not in kept and key.enabled:
            await access.set_key_enabled(conn, key.id, False, now_ms=now_ms)


async def _match(conn: AsyncConnection, config: ConfigFile, present: Mapping[int, Key]) -> dict[str, int]:
    """Which stored key each entry is: the one with the same text, whatever its name was, else the one that the file
    made under the same name. People may have keys of that name too, but not the entry's own user."""
    by_hash = await access.key_ids(conn, [entry.key.hash for entry in config.keys])
    rows: dict[str, int] = {}
    for entry in config.keys:
        key_id = by_hash.get(entry.key.hash)
        if key_id is not None:
            _refuse_clash(config, entry.line, "key", entry.name, present[key_id].source, present[key_id].name)
            rows[entry.name] = key_id
    by_name = {key.name: key for key in present.values() if key.source == FILE and key.id not in rows.values()}
    console = {(key.name, key.user_name): key.source for key in present.values() if key.source != FILE}
    for entry in config.keys:
        _refuse_clash(config, entry.line, "key", entry.name, console.get((entry.name, entry.user)))
        if entry.name not in rows and entry.name in by_name:
            rows[entry.name] = by_name[entry.name].id
    return rows


async def _update_key(conn: AsyncConnection, key: Key, entry: KeyEntry, owner: User, now_ms: int) -> None:
    stored = (await access.key_ids(conn, [entry.key.hash])).get(entry.key.hash)
    if (stored, key.name, key.user_id) != (key.id, entry.name, owner.id):
        await access.replace_key(conn, key.id, entry.key, name=entry.name, user_id=owner.id, now_ms=now_ms)
    if not _same_terms(key, entry.terms):
        await access.set_terms(conn, key.id, entry.terms, now_ms=now_ms)


def _same_terms(key: Key, terms: KeyTerms) -> bool:
    networks = tuple(str(network) for network in terms.networks)
    return (key.group, key.models, key.networks, key.expires_at_ms, key.limit_nano) == (
        terms.group,
        terms.models,
        networks,
        terms.expires_at_ms,
        terms.limit_nano,
    )


def _refuse_clash(
    config: ConfigFile, line: int, what: str, name: str, source: Source | None, other: str | None = None
) -> None:
    if source not in {None, FILE}:
        theirs = f"{what} '{other or name}'"
        message = f"the {what} '{name}' clashes with the {theirs} made in the console; rename or remove one of the two"
        raise ConfigError(message, config.path, line)


def _gone(sources: Mapping[str, Source], named: Iterable[str]) -> list[str]:
    """What the file made before and does not name now."""
    kept = set(named)
    return [name for name, source in sources.items() if source == FILE and name not in kept]


def _body(entry: PriceEntry) -> str:
    return msgspec.json.encode(dict[str, Any](entry.body)).decode()
