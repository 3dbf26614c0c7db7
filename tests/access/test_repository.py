"""Users, groups and keys in the database, and the money that comes with them."""

from ipaddress import ip_network

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.access import repository
from headgate.access.keys import make_key
from headgate.access.repository import AlreadyExists, KeyTerms, Unknown
from headgate.store.changes import changes_since
from headgate.store.database import Database
from headgate.store.schema import FUNDING_ACCOUNT, accounts

USD = 1_000_000_000


async def books_balance(conn: AsyncConnection) -> bool:
    total = (await conn.execute(select(func.sum(accounts.c.balance_nano)))).scalar_one()
    return int(total) == 0


async def test_a_user_has_a_wallet(database: Database) -> None:
    """Money comes from funding and goes back there; the books balance; nobody can take what is not there."""
    async with database.write() as conn:
        alice = await repository.create_user(conn, "alice", now_ms=5)
        assert await repository.credit_user(conn, alice.id, 3 * USD, now_ms=6, note="paid") == 3 * USD
        assert await repository.credit_user(conn, alice.id, -1 * USD, now_ms=7) == -1 * USD
        found = await repository.find_user(conn, "alice")
        assert found is not None
        assert (found.id, found.balance_nano, found.created_at_ms) == (alice.id, 2 * USD, 5)
        assert await repository.credit_user(conn, alice.id, -9 * USD, now_ms=7) == -2 * USD
        assert await books_balance(conn)


async def test_a_balance_includes_what_workers_hold(database: Database) -> None:
    """A slice in a worker's hands is still the user's money, but cannot be taken back."""
    async with database.write() as conn:
        alice = await repository.create_user(conn, "alice", now_ms=1)
        await repository.credit_user(conn, alice.id, 3 * USD, now_ms=1)
        values = {"of_account": alice.wallet_id, "worker_id": "w", "balance_nano": 2 * USD}
        await conn.execute(accounts.insert().values(kind="allotment", created_at=1, **values))
        wallet = accounts.update().where(accounts.c.id == alice.wallet_id)
        await conn.execute(wallet.values(balance_nano=1 * USD))
        assert [user.balance_nano for user in await repository.list_users(conn)] == [3 * USD]
        assert await repository.credit_user(conn, alice.id, -3 * USD, now_ms=1) == -1 * USD


async def test_names_are_unique(database: Database) -> None:
    """A second user of a name, or a second use of a key, is refused before the database complains."""
    key = make_key()
    async with database.write() as conn:
        alice = await repository.create_user(conn, "alice", now_ms=1)
        with pytest.raises(AlreadyExists):
            await repository.create_user(conn, "alice", now_ms=1)
        await repository.create_key(conn, key, name="dev", user_id=alice.id, now_ms=1)
        with pytest.raises(AlreadyExists):
            await repository.create_key(conn, key, name="other", user_id=alice.id, now_ms=1)


async def test_what_does_not_exist_cannot_be_changed(database: Database) -> None:
    """Every change says so."""
    async with database.write() as conn:
        for attempt in (
            repository.set_user(conn, 99, now_ms=1, enabled=False),
            repository.credit_user(conn, 99, USD, now_ms=1),
            repository.set_key_enabled(conn, 99, False, now_ms=1),
            repository.set_terms(conn, 99, KeyTerms(), now_ms=1),
            repository.create_key(conn, make_key(), name="dev", user_id=99, now_ms=1),
        ):
            with pytest.raises(Unknown):
                await attempt


async def test_a_key_keeps_its_terms(database: Database) -> None:
    """All of them come back, for people and for the relay."""
    key = make_key()
    terms = KeyTerms(
        group="vip",
        models=("gpt-4o", "o3"),
        networks=(ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")),
        expires_at_ms=99,
        limit_nano=5 * USD,
    )
    async with database.write() as conn:
        alice = await repository.create_user(conn, "alice", group="staff", now_ms=1)
        key_id = await repository.create_key(conn, key, name="dev", user_id=alice.id, terms=terms, now_ms=2)
        (listed,) = await repository.list_keys(conn)
        caller = (await repository.find_callers(conn, [key.hash, b"other"]))[key.hash]
    assert (listed.id, listed.name, listed.user_name, listed.hint) == (key_id, "dev", "alice", key.hint)
    assert (listed.models, listed.networks) == (("gpt-4o", "o3"), ("10.0.0.0/8", "2001:db8::/32"))
    assert (listed.limit_nano, listed.left_nano, listed.expires_at_ms) == (5 * USD, 5 * USD, 99)
    assert (caller.group, caller.models, caller.networks) == ("vip", frozenset({"gpt-4o", "o3"}), terms.networks)
    assert (caller.wallet_id, caller.expires_at_ms, caller.key_enabled) == (alice.wallet_id, 99, True)
    assert caller.budget_id is not None


async def test_a_key_without_terms_has_its_users_group(database: Database) -> None:
    """And may use every model from everywhere."""
    key = make_key()
    async with database.write() as conn:
        alice = await repository.create_user(conn, "alice", group="staff", now_ms=1)
        await repository.create_key(conn, key, name="dev", user_id=alice.id, now_ms=2)
        caller = (await repository.find_callers(conn, [key.hash]))[key.hash]
    assert (caller.group, caller.models, caller.networks, caller.budget_id) == ("staff", None, (), None)


async def test_a_limit_counts_what_was_spent(database: Database) -> None:
    """Raising a limit gives the difference; lowering it takes what is there; dropping it frees the key."""
    async with database.write() as conn:
        alice = await repository.create_user(conn, "alice", now_ms=1)
        terms = KeyTerms(limit_nano=5 * USD)
        key_id = await repository.create_key(conn, make_key(), name="dev", user_id=alice.id, terms=terms, now_ms=1)

        async def change(limit_nano: int | None) -> tuple[int | None, int | None]:
            await repository.set_terms(conn, key_id, KeyTerms(limit_nano=limit_nano), now_ms=2)
            (listed,) = await repository.list_keys(conn, user_id=alice.id)
            return listed.limit_nano, listed.left_nano

        assert await change(8 * USD) == (8 * USD, 8 * USD)
        assert await change(8 * USD) == (8 * USD, 8 * USD)
        assert await change(2 * USD) == (2 * USD, 2 * USD)
        assert await change(None) == (None, None)
        assert await change(1 * USD) == (1 * USD, 1 * USD)
        assert await change(0) == (0, 0)
        assert await books_balance(conn)
        funding = select(accounts.c.balance_nano).where(accounts.c.id == FUNDING_ACCOUNT)
        assert (await conn.execute(funding)).scalar_one() == 0


async def test_a_replaced_key_is_unknown_under_its_old_text(database: Database) -> None:
    """The row, and with it its receipts and budget, stays."""
    old, new, other = make_key(), make_key(), make_key()
    async with database.write() as conn:
        alice = await repository.create_user(conn, "alice", now_ms=1)
        key_id = await repository.create_key(conn, old, name="dev", user_id=alice.id, now_ms=1)
        await repository.create_key(conn, other, name="other", user_id=alice.id, now_ms=1)
        await repository.replace_key(conn, key_id, new, name="dev", user_id=alice.id, now_ms=2)
        found = await repository.find_callers(conn, [old.hash, new.hash])
        assert {key_hash: caller.key_id for key_hash, caller in found.items()} == {new.hash: key_id}
        with pytest.raises(AlreadyExists):
            await repository.replace_key(conn, key_id, other, name="dev", user_id=alice.id, now_ms=2)


async def test_groups_are_made_changed_and_removed(database: Database) -> None:
    """A group is a name with a multiplier."""
    async with database.write() as conn:
        await repository.put_group(conn, database, "vip", 900_000, now_ms=1)
        await repository.put_group(conn, database, "default", 1_000_000, now_ms=1, source="file")
        await repository.put_group(conn, database, "vip", 800_000, now_ms=1)
        noted = await changes_since(conn, 0)
        await repository.put_group(conn, database, "vip", 800_000, now_ms=1)
        assert await changes_since(conn, 0) == noted
        listed = [(group.name, group.multiplier_ppm, group.source) for group in await repository.list_groups(conn)]
        assert listed == [("default", 1_000_000, "file"), ("vip", 800_000, "console")]
        await repository.remove_group(conn, "vip", now_ms=1)
        assert len(await repository.list_groups(conn)) == 1


async def test_every_change_is_noted(database: Database) -> None:
    """Workers hear what changed, in order."""
    async with database.write() as conn:
        alice = await repository.create_user(conn, "alice", now_ms=1)
        key_id = await repository.create_key(conn, make_key(), name="dev", user_id=alice.id, now_ms=1)
        await repository.set_user(conn, alice.id, now_ms=1, enabled=False)
        await repository.set_key_enabled(conn, key_id, False, now_ms=1)
        await repository.put_group(conn, database, "vip", 1, now_ms=1)
        noted = [(change.subject, change.ref) for change in await changes_since(conn, 0)]
    assert noted == [("user", alice.id), ("key", key_id), ("user", alice.id), ("key", key_id), ("group", None)]
