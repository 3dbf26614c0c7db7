"""Channels and their credentials in the database."""

import pytest
from sqlalchemy import select

from headgate.channels import repository
from headgate.channels.repository import ChannelSettings, NewChannel, Unknown
from headgate.store.changes import changes_since
from headgate.store.database import Database
from headgate.store.schema import channels, credentials
from headgate.store.secrets import Sealer, SecretUnreadable

SEALER = Sealer(b"a master key for tests", repository.PURPOSE)
MAIN = NewChannel(
    name="main",
    provider="openai",
    secrets=("sk-upstream-0123456789", "sk-second-0123456789"),
    settings=ChannelSettings(
        base_url="https://api.example/v1",
        models=("gpt-4o",),
        model_map={"fast": "gpt-4o-mini"},
        groups=("default", "vip"),
        first_byte_s=30,
        total_s=60,
        proxy="socks5://127.0.0.1:1080",
        headers={"x-team": "a"},
        tags=("eu",),
        verify_tls=False,
    ),
    priority=2,
    weight=3,
)


async def test_a_channel_comes_back_whole(database: Database) -> None:
    """Every setting, and its secrets in the clear; at rest they are not, and no repr shows them."""
    async with database.write() as conn:
        channel_id = await repository.put_channel(conn, SEALER, MAIN, now_ms=1)
        (channel,) = await repository.load_channels(conn, SEALER)
        stored = [row.secret for row in await conn.execute(select(credentials))]
    assert channel.id == channel_id
    assert (channel.name, channel.provider, channel.priority, channel.weight) == ("main", "openai", 2, 3)
    assert (channel.base_url, channel.models) == ("https://api.example/v1", ("gpt-4o",))
    assert (channel.model_map, channel.groups) == ({"fast": "gpt-4o-mini"}, ("default", "vip"))
    assert (channel.connect_s, channel.first_byte_s, channel.idle_s, channel.total_s) == (10, 30, 300, 60)
    assert (channel.proxy, channel.headers) == ("socks5://127.0.0.1:1080", {"x-team": "a"})
    assert (channel.tags, channel.verify_tls, channel.source) == (("eu",), False, "console")
    assert [secret for _, secret in channel.credentials] == ["sk-upstream-0123456789", "sk-second-0123456789"]
    assert all(b"0123456789" not in sealed for sealed in stored)
    assert "0123456789" not in repr(channel) + repr(MAIN)


async def test_header_values_and_proxies_are_sealed_and_not_listed(database: Database) -> None:
    """They hold passwords as often as keys do."""
    async with database.write() as conn:
        await repository.put_channel(conn, SEALER, MAIN, now_ms=1)
        stored = (await conn.execute(select(channels.c.settings))).scalar_one()
        (listed,) = await repository.list_channels(conn)
    assert "x-team" in stored
    assert "socks5" not in stored
    assert '"a"' not in stored
    assert (listed.headers, listed.proxy) == ({"x-team": "…"}, "…")


async def test_putting_again_changes_what_differs(database: Database) -> None:
    """The channel keeps its id, a credential that stays keeps its id and state, one that went is gone."""
    async with database.write() as conn:
        first = await repository.put_channel(conn, SEALER, MAIN, now_ms=1)
        (before,) = await repository.load_channels(conn, SEALER)
        kept, _ = before.credentials
        await repository.set_credential_enabled(conn, kept[0], False, now_ms=2, reason="401 from upstream")
        changed = NewChannel(name="main", provider="openai", secrets=("sk-upstream-0123456789", "sk-third"))
        assert await repository.put_channel(conn, SEALER, changed, now_ms=3, source="file") == first
        (after,) = await repository.load_channels(conn, SEALER)
        listed = await repository.list_credentials(conn, SEALER)
    assert (after.source, after.base_url, after.weight) == ("file", None, 1)
    assert [secret for _, secret in after.credentials] == ["sk-third"]
    states = [(credential.id == kept[0], credential.hint, credential.enabled) for credential in listed]
    assert states == [(True, "…6789", False), (False, "…", True)]
    assert listed[0].reason == "401 from upstream"


async def test_putting_the_same_again_is_no_change(database: Database) -> None:
    """A restart with the same file leaves workers in peace."""
    async with database.write() as conn:
        await repository.put_channel(conn, SEALER, MAIN, now_ms=1)
        noted = await changes_since(conn, 0)
        await repository.put_channel(conn, SEALER, MAIN, now_ms=2)
        assert await changes_since(conn, 0) == noted


async def test_secrets_can_be_given_anew_after_the_master_key_was_lost(database: Database) -> None:
    """What cannot be read is replaced."""
    other = Sealer(b"another master key", repository.PURPOSE)
    async with database.write() as conn:
        await repository.put_channel(conn, SEALER, MAIN, now_ms=1)
        await repository.put_channel(conn, other, MAIN, now_ms=2)
        (channel,) = await repository.load_channels(conn, other)
    assert tuple(secret for _, secret in channel.credentials) == MAIN.secrets


async def test_a_secret_does_not_open_for_another_channel(database: Database) -> None:
    """Nor with another master key."""
    async with database.write() as conn:
        await repository.put_channel(conn, SEALER, MAIN, now_ms=1)
        other = await repository.put_channel(conn, SEALER, NewChannel(name="other", provider="openai"), now_ms=1)
        with pytest.raises(SecretUnreadable):
            await repository.load_channels(conn, Sealer(b"another master key", repository.PURPOSE))
        await conn.execute(credentials.update().values(channel_id=other))
        with pytest.raises(SecretUnreadable, match=f"channel {other}"):
            await repository.load_channels(conn, SEALER)


async def test_channels_are_switched_and_every_change_is_noted(database: Database) -> None:
    """By id; what does not exist cannot be switched."""
    async with database.write() as conn:
        channel_id = await repository.put_channel(conn, SEALER, MAIN, now_ms=1)
        await repository.set_channel_enabled(conn, channel_id, False, now_ms=2)
        (channel,) = await repository.list_channels(conn)
        assert (channel.enabled, channel.credentials) == (False, ())
        (loaded,) = await repository.load_channels(conn, SEALER)
        await repository.set_credential_enabled(conn, loaded.credentials[0][0], False, now_ms=3)
        noted = [(change.subject, change.ref) for change in await changes_since(conn, 0)]
        assert noted == [("channel", channel_id)] * 3
        with pytest.raises(Unknown):
            await repository.set_channel_enabled(conn, 99, False, now_ms=2)
        with pytest.raises(Unknown):
            await repository.set_credential_enabled(conn, 99, False, now_ms=2)
