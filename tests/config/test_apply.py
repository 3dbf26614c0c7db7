"""The database is made equal to the file, again and again, and money is granted once."""

import asyncio
from typing import Any

import msgspec
import pytest
from sqlalchemy import func, select

from headgate.access import repository as access
from headgate.access.keys import hash_key, make_key
from headgate.access.repository import User
from headgate.channels import repository as channels
from headgate.channels.repository import NewChannel
from headgate.config.apply import Overspent, apply_config
from headgate.config.file import ConfigError, parse_config
from headgate.store.changes import changes_since
from headgate.store.database import Database
from headgate.store.schema import SHORTFALL_ACCOUNT, accounts, prices
from headgate.store.secrets import Sealer

SEALER = Sealer(b"a master key for tests", channels.PURPOSE)
USD = 1_000_000_000

FILE = """\
channels:
  - {name: main, provider: openai, keys: [sk-upstream], models: [gpt-4o]}
groups: {vip: {multiplier: 0.9}}
prices: {my-model: {input: 2.50}}
users: [{name: alice, balance_usd: 10, group: vip}]
keys: [{name: dev, user: alice, key: sk-dev-0123456789abcdef, limit_usd: 5}]
"""


async def apply(database: Database, text: str) -> list[Overspent]:
    config = parse_config(text, "headgate.yaml", environ={}, check_price=lambda body: None)
    return await apply_config(config, database, SEALER, now_ms=1)


async def complaint(database: Database, text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        await apply(database, text)
    return str(refused.value)


async def alice(database: Database) -> User:
    async with database.read() as conn:
        found = await access.find_user(conn, "alice")
    assert found is not None
    return found


async def spend(database: Database, amount_nano: int) -> None:
    """Take money out of alice's wallet, as charges do."""
    wallet_id = (await alice(database)).wallet_id
    async with database.write() as conn:
        for account_id, change_nano in ((wallet_id, -amount_nano), (3, amount_nano)):
            row = accounts.update().where(accounts.c.id == account_id)
            await conn.execute(row.values(balance_nano=accounts.c.balance_nano + change_nano))


async def changes(database: Database) -> int:
    async with database.read() as conn:
        return len(await changes_since(conn, 0))


async def test_the_file_makes_everything(database: Database) -> None:
    """Channels with secrets, groups, prices, users with money, keys with limits; all marked as the file's."""
    assert await apply(database, FILE) == []
    async with database.read() as conn:
        (channel,) = await channels.load_channels(conn, SEALER)
        (group,) = await access.list_groups(conn)
        (price,) = (await conn.execute(select(prices))).all()
        (key,) = await access.list_keys(conn)
        caller = (await access.find_callers(conn, [hash_key(b"sk-dev-0123456789abcdef")])).popitem()[1]
    assert (channel.name, channel.source, [secret for _, secret in channel.credentials]) == (
        "main",
        "file",
        ["sk-upstream"],
    )
    assert (group.name, group.multiplier_ppm, group.source) == ("vip", 900_000, "file")
    assert (price.model, msgspec.json.decode(price.body), price.source) == ("my-model", {"input": "2.50"}, "file")
    user = await alice(database)
    assert (user.balance_nano, user.group, user.source) == (10 * USD, "vip", "file")
    assert (key.name, key.limit_nano, key.source) == ("dev", 5 * USD, "file")
    assert (caller.user_name, caller.group) == ("alice", "vip")


async def test_a_restart_changes_nothing(database: Database) -> None:
    """No row, no noted change, and above all no money."""
    await apply(database, FILE)
    await spend(database, 4 * USD)
    before = await changes(database)
    await apply(database, FILE)
    assert (await alice(database)).balance_nano == 6 * USD
    assert await changes(database) == before


async def test_a_changed_balance_moves_the_difference(database: Database) -> None:
    """Up and down; money from the console is not the file's."""
    await apply(database, FILE)
    async with database.write() as conn:
        await access.credit_user(conn, (await alice(database)).id, 1 * USD, now_ms=1)
    await apply(database, FILE.replace("balance_usd: 10", "balance_usd: 12.5"))
    assert (await alice(database)).balance_nano == 13_500_000_000
    await apply(database, FILE.replace("balance_usd: 10", "balance_usd: 2"))
    assert (await alice(database)).balance_nano == 3 * USD
    await apply(database, FILE.replace("balance_usd: 10, ", ""))
    assert (await alice(database)).balance_nano == 3 * USD


async def test_what_is_spent_cannot_be_taken_back(database: Database) -> None:
    """The operator hears of it once, the books balance, and later money is not eaten."""
    await apply(database, FILE)
    await spend(database, 9 * USD)
    lowered = FILE.replace("balance_usd: 10", "balance_usd: 2")
    assert await apply(database, lowered) == [Overspent("alice", 7 * USD)]
    async with database.write() as conn:
        await access.credit_user(conn, (await alice(database)).id, 3 * USD, now_ms=1)
    assert await apply(database, lowered) == []
    assert (await alice(database)).balance_nano == 3 * USD
    async with database.read() as conn:
        assert (await conn.execute(select(func.sum(accounts.c.balance_nano)))).scalar_one() == 0
        shortfall = select(accounts.c.balance_nano).where(accounts.c.id == SHORTFALL_ACCOUNT)
        assert (await conn.execute(shortfall)).scalar_one() == -7 * USD


async def test_what_workers_hold_is_taken_back_later(database: Database) -> None:
    """A slice that comes home to the wallet is not a present."""
    await apply(database, FILE)
    wallet = accounts.update().where(accounts.c.id == (await alice(database)).wallet_id)
    async with database.write() as conn:
        await conn.execute(wallet.values(balance_nano=4 * USD))
        values = {"of_account": (await alice(database)).wallet_id, "worker_id": "w", "balance_nano": 6 * USD}
        await conn.execute(accounts.insert().values(kind="allotment", created_at=1, **values))
    lowered = FILE.replace("balance_usd: 10", "balance_usd: 1")
    assert await apply(database, lowered) == []
    assert (await alice(database)).balance_nano == 6 * USD
    async with database.write() as conn:
        await conn.execute(accounts.delete().where(accounts.c.kind == "allotment"))
        await conn.execute(wallet.values(balance_nano=6 * USD))
    await apply(database, lowered)
    assert (await alice(database)).balance_nano == 1 * USD


async def test_what_the_file_no_longer_names_is_switched_off(database: Database) -> None:
    """And on again when it is back; what the console made stays as it is."""
    await apply(database, FILE)
    async with database.write() as conn:
        bob = await access.create_user(conn, "bob", now_ms=1)
        await access.create_key(conn, make_key(), name="bobs", user_id=bob.id, now_ms=1)
        await channels.put_channel(conn, SEALER, NewChannel(name="theirs", provider="openai"), now_ms=1)
        await access.put_group(conn, database, "staff", 1, now_ms=1)

    async def states() -> dict[str, Any]:
        async with database.read() as conn:
            return {
                "channels": {channel.name: channel.enabled for channel in await channels.list_channels(conn)},
                "users": {user.name: user.enabled for user in await access.list_users(conn)},
                "keys": {key.name: key.enabled for key in await access.list_keys(conn)},
                "groups": [group.name for group in await access.list_groups(conn)],
                "prices": [row.model for row in await conn.execute(select(prices))],
            }

    await apply(database, "site: {name: x}")
    assert await states() == {
        "channels": {"main": False, "theirs": True},
        "users": {"alice": False, "bob": True},
        "keys": {"dev": False, "bobs": True},
        "groups": ["staff"],
        "prices": [],
    }
    await apply(database, FILE)
    assert await states() == {
        "channels": {"main": True, "theirs": True},
        "users": {"alice": True, "bob": True},
        "keys": {"dev": True, "bobs": True},
        "groups": ["staff", "vip"],
        "prices": ["my-model"],
    }
    assert (await alice(database)).balance_nano == 10 * USD


async def test_a_clash_with_the_console_names_both_and_changes_nothing(database: Database) -> None:
    """Whatever kind of thing it is."""
    key = make_key()
    async with database.write() as conn:
        bob = await access.create_user(conn, "bob", now_ms=1)
        await access.create_key(conn, key, name="bobs", user_id=bob.id, now_ms=1)
        await channels.put_channel(conn, SEALER, NewChannel(name="theirs", provider="openai"), now_ms=1)
        await access.put_group(conn, database, "staff", 1, now_ms=1)
        await conn.execute(prices.insert().values(model="m", body="{}", source="console"))
    before = await changes(database)
    new = "users: [{name: eve}]\n"
    for text, clash in (
        (f"{new}groups: {{staff: {{}}}}", "2: the group 'staff' clashes with the group 'staff' made in the console"),
        (f"{new}prices: {{m: {{}}}}", "2: the price 'm' clashes with the price 'm' made in the console"),
        (f"{new}channels: [{{name: theirs, provider: openai, models: [a]}}]", "2: the channel 'theirs' clashes with"),
        ("users: [{name: bob}]", "1: the user 'bob' clashes with the user 'bob' made in the console"),
        (f"{new}keys: [{{name: a, user: eve, key: {key.text}}}]", "2: the key 'a' clashes with the key 'bobs' made"),
        (f"{new}keys: [{{name: bobs, user: bob, key: k0123456789abcdef}}]", "2: the key 'bobs' clashes with the key"),
        (
            f"{new}keys: [{{name: a, user: ev, key: k0123456789abcdef}}]",
            "2: the key 'a' is for user 'ev', who does not",
        ),
    ):
        assert (await complaint(database, text)).startswith(f"headgate.yaml:{clash}")
    assert await changes(database) == before
    async with database.read() as conn:
        assert await access.find_user(conn, "eve") is None


async def test_keys_keep_their_rows(database: Database) -> None:
    """A key that is renamed, moved to another user or given another text stays the same row with the same limit; two
    keys may swap their texts."""
    one, two, three = "sk-one-0123456789", "sk-two-0123456789", "sk-three-0123456789"

    def file(*entries: tuple[str, str, str]) -> str:
        listed = ", ".join(f"{{name: {name}, user: {user}, key: {text}}}" for name, user, text in entries)
        return f"users: [{{name: alice}}, {{name: bob}}]\nkeys: [{listed}]"

    async def rows() -> dict[int, tuple[str, str, bool]]:
        async with database.read() as conn:
            return {key.id: (key.name, key.user_name, key.enabled) for key in await access.list_keys(conn)}

    async def id_of(text: str) -> int | None:
        async with database.read() as conn:
            return (await access.key_ids(conn, [hash_key(text.encode())])).get(hash_key(text.encode()))

    await apply(database, file(("a", "alice", one), ("b", "alice", two)))
    a, b = await rows()
    await apply(database, file(("renamed", "bob", one), ("b", "alice", three)))
    assert await rows() == {a: ("renamed", "bob", True), b: ("b", "alice", True)}
    assert (await id_of(one), await id_of(two), await id_of(three)) == (a, None, b)
    await apply(database, file(("renamed", "bob", three), ("b", "alice", one)))
    assert await rows() == {a: ("b", "alice", True), b: ("renamed", "bob", True)}
    assert (await id_of(one), await id_of(three)) == (a, b)


async def test_changed_terms_reach_the_key(database: Database) -> None:
    """Limits, models, addresses, expiry, and whether it is on."""
    await apply(database, FILE)
    terms = "limit_usd: 7, models: [a], addresses: [10.0.0.0/8], expires_at: 2030-01-01, enabled: false"
    changed = FILE.replace("limit_usd: 5", terms)
    await apply(database, changed)
    async with database.read() as conn:
        (key,) = await access.list_keys(conn)
    assert (key.limit_nano, key.models, key.networks, key.enabled) == (7 * USD, ("a",), ("10.0.0.0/8",), False)
    before = await changes(database)
    await apply(database, changed)
    assert await changes(database) == before


async def test_several_gateways_apply_at_once(database_url: str) -> None:
    """Each on its own connector, as processes do; money is granted once."""
    databases = [await Database.open(database_url) for _ in range(3)]
    await asyncio.gather(*(apply(database, FILE) for database in databases))
    assert (await alice(databases[0])).balance_nano == 10 * USD
    for database in databases:
        await database.close()
