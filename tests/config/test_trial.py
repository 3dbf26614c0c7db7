"""The set-up of a gateway that was started without anything."""

from headgate.access.repository import create_user, list_keys, list_users
from headgate.billing.prices import stored_prices
from headgate.channels.repository import list_channels
from headgate.config.trial import MODELS, set_up_trial
from headgate.store.database import Database
from headgate.store.secrets import Sealer

SEALER = Sealer(b"0123456789abcdef", "test")


async def test_an_empty_database_gets_all_that_a_first_call_needs(database: Database) -> None:
    """A channel, priced models, a user with money, and a key whose text is told once."""
    key = await set_up_trial(database, SEALER, now_ms=1)
    assert key is not None
    async with database.read() as conn:
        [channel] = await list_channels(conn)
        [user] = await list_users(conn)
        [listed] = await list_keys(conn)
        prices = await stored_prices(conn)
    assert channel.models == tuple(MODELS)
    assert set(prices) == set(MODELS)
    assert (user.balance_nano, listed.hint, listed.user_name) == (10_000_000_000, key.hint, user.name)
    assert await set_up_trial(database, SEALER, now_ms=2) is None


async def test_a_database_with_anything_in_it_is_left_alone(database: Database) -> None:
    """Whoever made a user has other plans."""
    async with database.write() as conn:
        await create_user(conn, "alice", now_ms=1)
    assert await set_up_trial(database, SEALER, now_ms=2) is None
    async with database.read() as conn:
        assert await list_channels(conn) == []
