"""Channels and their credentials as the database has them. All SQL about them is here; only the caller commits."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping, Sequence

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from headgate.channels.channel import CONNECT_S, FIRST_BYTE_S, IDLE_S, Channel
from headgate.store.changes import note_change
from headgate.store.schema import Source, channels, credentials
from headgate.store.secrets import Sealer, SecretUnreadable

PURPOSE = "upstream credentials"
"""What the `Sealer` of this repository is for."""


class Unknown(LookupError):
    """There is no such channel or credential."""


class ChannelSettings(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the `settings` column holds, as JSON. `Channel` says what each means."""

    base_url: str | None = None
    models: tuple[str, ...] = ()
    model_map: Mapping[str, str] = {}
    groups: tuple[str, ...] = ("default",)
    connect_s: float = CONNECT_S
    first_byte_s: float = FIRST_BYTE_S
    idle_s: float = IDLE_S
    total_s: float | None = None
    proxy: str | None = None
    headers: Mapping[str, str] = {}
    tags: tuple[str, ...] = ()
    verify_tls: bool = True


class NewChannel(Struct, frozen=True, kw_only=True):
    """A channel as an operator describes it; `secrets` are its credentials in the clear."""

    name: str
    provider: str
    secrets: tuple[str, ...] = ()
    settings: ChannelSettings = ChannelSettings()
    priority: int = 0
    weight: int = 1
    enabled: bool = True

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"NewChannel(name={self.name!r}, provider={self.provider!r})"


class ListedCredential(Struct, frozen=True, kw_only=True):
    """`reason` says why a credential is disabled; `hint` are its last characters."""

    id: int
    channel_id: int
    hint: str
    enabled: bool
    reason: str | None


async def put_channel(
    conn: AsyncConnection,
    sealer: Sealer,
    channel: NewChannel,
    *,
    now_ms: int,
    source: Source = "console",
) -> int:
    """Make the channel of that name, or make the one there is equal to it; returns its id. A credential that stays
    keeps its id and state. Where nothing differs, nothing is written."""
    values = {
        "provider": channel.provider,
        "enabled": channel.enabled,
        "priority": channel.priority,
        "weight": channel.weight,
        "source": source,
    }
    present = (await conn.execute(select(channels).where(channels.c.name == channel.name))).one_or_none()
    differs = (
        present is None
        or any(present._mapping[name] != value for name, value in values.items())
        or _readable_settings(sealer, present) != channel.settings
    )
    if differs:
        values["settings"] = msgspec.json.encode(_sealed(channel.settings, sealer, channel.name)).decode()
    if present is None:
        made = channels.insert().values(name=channel.name, **values, created_at=now_ms).returning(channels.c.id)
        channel_id = int((await conn.execute(made)).scalar_one())
    else:
        channel_id = present.id
        if differs:
            await conn.execute(update(channels).where(channels.c.id == channel_id).values(**values))
    if await _put_credentials(conn, sealer, channel_id, channel.secrets) or differs:
        await note_change(conn, "channel", channel_id, now_ms)
    return channel_id


async def load_channels(conn: AsyncConnection, sealer: Sealer) -> list[Channel]:
    """All channels by name, with their usable credentials decrypted.

    Raises:
        SecretUnreadable: the master key is not the one that the credentials were stored with.
    """
    secrets: dict[int, list[tuple[int, str]]] = {}
    for row in await conn.execute(select(credentials).where(credentials.c.enabled).order_by(credentials.c.id)):
        secrets.setdefault(row.channel_id, []).append((row.id, sealer.unseal(row.secret, _owner(row.channel_id))))
    rows = await conn.execute(select(channels).order_by(channels.c.name))
    return [_channel(row, _opened(row, sealer), tuple(secrets.get(row.id, ()))) for row in rows]


async def list_channels(conn: AsyncConnection) -> list[Channel]:
    """All channels by name, without what is secret: credentials, the values of headers, the address of a proxy."""
    rows = await conn.execute(select(channels).order_by(channels.c.name))
    return [_channel(row, _mapped(_settings(row), lambda text: "…"), ()) for row in rows]


async def list_credentials(conn: AsyncConnection, sealer: Sealer) -> list[ListedCredential]:
    """All credentials, for people to recognise.

    Raises:
        SecretUnreadable: as for `load_channels`.
    """
    return [
        ListedCredential(
            id=row.id,
            channel_id=row.channel_id,
            hint=_hint(sealer.unseal(row.secret, _owner(row.channel_id))),
            enabled=row.enabled,
            reason=row.reason,
        )
        for row in await conn.execute(select(credentials).order_by(credentials.c.id))
    ]


async def set_channel_enabled(conn: AsyncConnection, channel_id: int, enabled: bool, *, now_ms: int) -> None:
    """Use the channel or not.

    Raises:
        Unknown: there is no such channel.
    """
    await note_change(conn, "channel", channel_id, now_ms)
    changed = await conn.execute(update(channels).where(channels.c.id == channel_id).values(enabled=enabled))
    if changed.rowcount != 1:
        raise Unknown(f"there is no channel {channel_id}")


async def set_credential_enabled(
    conn: AsyncConnection, credential_id: int, enabled: bool, *, now_ms: int, reason: str | None = None
) -> None:
    """Use the credential or not; `reason` is for the operator to read.

    Raises:
        Unknown: there is no such credential.
    """
    row = update(credentials).where(credentials.c.id == credential_id).values(enabled=enabled, reason=reason)
    channel_id = (await conn.execute(row.returning(credentials.c.channel_id))).scalar_one_or_none()
    if channel_id is None:
        raise Unknown(f"there is no credential {credential_id}")
    await note_change(conn, "channel", channel_id, now_ms)


async def _put_credentials(conn: AsyncConnection, sealer: Sealer, channel_id: int, secrets: Sequence[str]) -> bool:
    """Whether there was anything to do."""
    owner = _owner(channel_id)
    rows = await conn.execute(select(credentials).where(credentials.c.channel_id == channel_id))
    stored = {row.id: _readable(sealer, row.secret, owner) for row in rows}
    gone = [credential_id for credential_id, secret in stored.items() if secret not in secrets]
    new = [secret for secret in dict.fromkeys(secrets) if secret not in stored.values()]
    if gone:
        await conn.execute(credentials.delete().where(credentials.c.id.in_(gone)))
    for secret in new:
        values = {"channel_id": channel_id, "secret": sealer.seal(secret, owner), "enabled": True}
        await conn.execute(credentials.insert().values(**values))
    return bool(gone or new)


def _readable(sealer: Sealer, sealed: bytes, owner: str) -> str | None:
    """The secret, or None where the master key has been changed: whoever puts a channel gives its secrets anew."""
    try:
        return sealer.unseal(sealed, owner)
    except SecretUnreadable:
        return None


def _sealed(settings: ChannelSettings, sealer: Sealer, name: str) -> ChannelSettings:
    """The settings as they are stored: header values and a proxy's address may hold passwords."""
    return _mapped(settings, lambda text: b64encode(sealer.seal(text, _settings_owner(name))).decode())


def _opened(row: Row[*tuple[object, ...]], sealer: Sealer) -> ChannelSettings:
    def unseal(text: str) -> str:
        return sealer.unseal(b64decode(text), _settings_owner(row.name))

    return _mapped(_settings(row), unseal)


def _readable_settings(sealer: Sealer, row: Row[*tuple[object, ...]]) -> ChannelSettings | None:
    try:
        return _opened(row, sealer)
    except SecretUnreadable:
        return None


def _settings(row: Row[*tuple[object, ...]]) -> ChannelSettings:
    return msgspec.json.decode(row.settings, type=ChannelSettings)


def _mapped(settings: ChannelSettings, change: Callable[[str], str]) -> ChannelSettings:
    headers = {name: change(value) for name, value in settings.headers.items()}
    return replace(settings, headers=headers, proxy=change(settings.proxy) if settings.proxy else settings.proxy)


def _settings_owner(name: str) -> str:
    return f"settings of channel {name}"


def _owner(channel_id: int) -> str:
    return f"channel {channel_id}"


def _hint(secret: str) -> str:
    return f"…{secret[-4:]}" if len(secret) >= 16 else "…"


def _channel(row: Row[*tuple[object, ...]], settings: ChannelSettings, secrets: tuple[tuple[int, str], ...]) -> Channel:
    return Channel(
        id=row.id,
        name=row.name,
        provider=row.provider,
        priority=row.priority,
        weight=row.weight,
        enabled=row.enabled,
        source=row.source,
        credentials=secrets,
        **msgspec.structs.asdict(settings),
    )
