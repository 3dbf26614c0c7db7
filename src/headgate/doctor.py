"""What is wrong with a set-up, and how to mend it. Nothing is changed, and no call is made that could cost money."""

import asyncio
import fcntl
import os
import re
import resource
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from msgspec import Struct
from sqlalchemy import func, make_url, select

from headgate.access.repository import list_groups, list_keys, list_users
from headgate.billing.journal import DAMAGED_SUFFIX
from headgate.billing.pricebook import PriceBook
from headgate.billing.prices import parse_price, stored_prices
from headgate.channels.channel import Channel
from headgate.channels.repository import PURPOSE, list_channels, list_credentials, load_channels
from headgate.config.document import ConfigError
from headgate.config.file import ConfigFile, parse_config, read_text
from headgate.providers.registry import PROVIDERS
from headgate.relay.snapshot import Snapshot
from headgate.settings import Settings
from headgate.store import schema
from headgate.store.database import Database, StoreUnavailable
from headgate.store.migrate import SchemaTooNew, pending
from headgate.store.secrets import FILE_NAME, MasterKeyUnusable, Sealer, SecretUnreadable, master_key

Kind = Literal["ok", "warn", "bad"]

CONNECT_S = 5.0
FEW_FILES = 4096
SKEW_MS = 300_000
BUILT_MS = 1_767_225_600_000
"""2026-01-01: a clock that shows less is wrong."""
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.sshfs"}
)

_ENVIRONMENT = re.compile(r"\benv:([A-Za-z_][A-Za-z0-9_]*)")


class Finding(Struct, frozen=True):
    """One thing looked at: in order, doubtful or wrong; and how to mend it where it can be mended."""

    kind: Kind
    what: str
    mend: str = ""


def ok(what: str) -> Finding:
    return Finding("ok", what)


def warn(what: str, mend: str = "") -> Finding:
    return Finding("warn", what, mend)


def bad(what: str, mend: str = "") -> Finding:
    return Finding("bad", what, mend)


class SetUp(Struct, frozen=True, kw_only=True):
    """What calls would be served with: channels without credentials, the operator's prices, price multipliers by
    group, and the groups that usable API keys belong to."""

    channels: tuple[Channel, ...]
    prices: Mapping[str, Mapping[str, object]]
    multipliers_ppm: Mapping[str, int]
    key_groups: frozenset[str]


async def examine(settings: Settings, environ: Mapping[str, str] = os.environ) -> list[Finding]:
    """Look at everything. The configuration file counts where there is one, otherwise what the database has."""
    findings = [
        *check_data(settings.data),
        check_clock(time.time_ns() // 1_000_000),
        check_file_limit(resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
        *check_journal(settings.data / "journal"),
    ]
    file, about_file = check_config(settings.config, environ)
    findings += about_file
    stored, about_database = await check_database(settings)
    findings += about_database
    set_up = stored if file is None else set_up_of(file, stored)
    if set_up is not None:
        findings += check_prices(set_up)
        findings += check_access(set_up)
        findings += await asyncio.gather(*(check_upstream(channel) for channel in set_up.channels if channel.enabled))
    return findings


# --- the machine -----------------------------------------------------------------------------------------------------


def check_data(data: Path) -> list[Finding]:
    """The data directory can be written to, and is where SQLite works."""
    there = data if data.exists() else _nearest(data)
    if not there.is_dir():
        return [bad(f"{there} is not a directory", "give another one with --data")]
    if not os.access(there, os.W_OK | os.X_OK):
        mend = f"make it writable for this user (chown or chmod {there}), or give another one with --data"
        return [bad(f"the data directory {data} cannot be written to", mend)]
    said = "can be written to" if data.exists() else "does not exist yet; `headgate serve` makes it"
    return [ok(f"the data directory {data} {said}"), *_check_file_system(there)]


def _nearest(path: Path) -> Path:
    """The closest directory above that exists."""
    return next(parent for parent in path.absolute().parents if parent.exists())


def _check_file_system(directory: Path) -> Iterable[Finding]:
    kind = file_system(directory.resolve(), _mounts())
    if kind in NETWORK_FILE_SYSTEMS:
        mend = "put the data directory on a local disk, or use PostgreSQL (HEADGATE_DATABASE_URL)"
        yield warn(f"{directory} is on a network file system ({kind}), where SQLite's locks do not work", mend)


def file_system(directory: Path, mounts: str) -> str:
    """The kind of file system that a directory is on, by a table like /proc/mounts; empty where it does not say."""
    best, kind = "", ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        point = fields[1].replace("\\040", " ")
        if directory.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, fields[2]
    return kind


def _mounts() -> str:
    table = Path("/proc/mounts")
    return table.read_text("utf-8", "replace") if table.exists() else ""


def check_clock(now_ms: int) -> Finding:
    """The clock shows a time that can be."""
    if now_ms < BUILT_MS:
        return bad("this machine's clock is years behind: TLS and receipts would be wrong", "set it, best by NTP")
    return ok("the clock shows a time that can be")


def check_file_limit(files: int) -> Finding:
    """Enough files may be open: each client and each upstream connection is one."""
    if files != resource.RLIM_INFINITY and files < FEW_FILES:
        mend = "run `ulimit -n 65536` before the start, or set LimitNOFILE=65536 for the service"
        return warn(f"only {files} files may be open: that is about {files // 2} calls at once", mend)
    return ok("enough files may be open")


def check_journal(directory: Path) -> list[Finding]:
    """What workers left behind."""
    if not directory.is_dir():
        return []
    findings = []
    damaged = sorted(directory.glob(f"*{DAMAGED_SUFFIX}"))
    if damaged:
        mend = "keep the files and compare them with the receipts; the records before the damage are in the books"
        findings.append(warn(f"{len(damaged)} damaged journals were set aside in {directory}", mend))
    left = [path for path in sorted(directory.glob("*.journal")) if _left_behind(path)]
    if left:
        mend = "start the gateway: it brings them into the books first"
        findings.append(warn(f"receipts of {len(left)} stopped workers wait in {directory}", mend))
    return findings or [ok("no receipts wait in journals of stopped workers")]


def _left_behind(path: Path) -> bool:
    """Whether the journal holds something and no living worker holds the journal."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return os.fstat(file.fileno()).st_size > 0
    except OSError:
        return False


# --- the file --------------------------------------------------------------------------------------------------------


def check_config(path: Path | None, environ: Mapping[str, str]) -> tuple[ConfigFile | None, list[Finding]]:
    """The configuration file can be read, and every variable that it names is set."""
    if path is None:
        return None, []
    try:
        text = read_text(path)
    except ConfigError as error:
        return None, [bad(str(error), "give the right path with --config")]
    missing = [
        bad(f"{line}: {name} is not set in the environment", f"export {name}=…")
        for name, line in _unset(path, text, environ)
    ]
    # One missing secret should not hide the next mistake.
    stand_ins = {name: f"sk-stand-in-{name}-0123456789" for name in _named(text)}
    try:
        file = parse_config(text, str(path), environ={**stand_ins, **environ}, check_price=parse_price)
    except ConfigError as error:
        return None, [*missing, bad(str(error), "docs/configuration.md lists what can be there")]
    return file, [*missing, ok(f"{path} can be used")]


def _named(text: str) -> set[str]:
    return {name for line in text.splitlines() for name in _ENVIRONMENT.findall(line.split(" #")[0])}


def _unset(path: Path, text: str, environ: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("#"):
            continue
        for name in _ENVIRONMENT.findall(line.split(" #")[0]):
            if not environ.get(name):
                yield name, f"{path}:{number}"


def set_up_of(file: ConfigFile, stored: SetUp | None) -> SetUp:
    """The set-up that the file describes, with what was made elsewhere."""
    groups = {user.name: user.group for user in file.users}
    channels = [
        Channel(
            id=0,
            name=entry.channel.name,
            provider=entry.channel.provider,
            enabled=entry.channel.enabled,
            priority=entry.channel.priority,
            weight=entry.channel.weight,
            source="file",
            **{name: getattr(entry.channel.settings, name) for name in entry.channel.settings.__struct_fields__},
        )
        for entry in file.channels
    ]
    keys = {key.terms.group or groups.get(key.user, "default") for key in file.keys if key.enabled}
    prices: dict[str, Mapping[str, object]] = {price.model: price.body for price in file.prices}
    others = [channel for channel in stored.channels if channel.source != "file"] if stored else []
    return SetUp(
        channels=(*channels, *others),
        prices={**(stored.prices if stored else {}), **prices},
        multipliers_ppm={group.name: group.multiplier_ppm for group in file.groups},
        key_groups=frozenset(keys | (stored.key_groups if stored else frozenset())),
    )


# --- the database ----------------------------------------------------------------------------------------------------


async def check_database(settings: Settings) -> tuple[SetUp | None, list[Finding]]:
    """The database can be reached and read; with what it has."""
    url = settings.database_address
    try:
        address = make_url(url)
        shown = address.render_as_string(hide_password=True)
        if address.get_backend_name() == "sqlite" and not os.path.exists(address.database or ""):  # noqa: ASYNC240 - nobody else waits
            return None, [ok(f"there is no database yet; `headgate serve` makes {address.database}")]
        steps = await pending(url)
        if steps:
            mend = "run: headgate db upgrade (or start the gateway, which does it)"
            return None, [warn(f"the database {shown} has an older schema: {len(steps)} migrations wait", mend)]
        async with _opened(url) as database:
            return await _read(database, settings, [ok(f"the database {shown} answers and has the newest schema")])
    except SchemaTooNew as error:
        return None, [bad(str(error), "start the newer Headgate, or restore a backup made before it")]
    except StoreUnavailable as error:
        return None, [bad(str(error), "check HEADGATE_DATABASE_URL, and that the server runs and can be reached")]
    except ValueError as error:
        return None, [bad(f"HEADGATE_DATABASE_URL: {error}", "write it as postgresql://user:password@host/name")]


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, pool_size=1)
    try:
        yield database
    finally:
        await database.close()


async def _read(database: Database, settings: Settings, findings: list[Finding]) -> tuple[SetUp, list[Finding]]:
    async with database.read() as conn:
        channels = await list_channels(conn)
        groups = await list_groups(conn)
        prices = await stored_prices(conn)
        users = {user.id: user for user in await list_users(conn)}
        keys = await list_keys(conn)
        newest_ms = (await conn.execute(select(func.max(schema.workers.c.seen_at)))).scalar_one() or 0
        has_secrets = bool((await conn.execute(select(func.count(schema.credentials.c.id)))).scalar_one())
        findings.append(check_master_key(settings, needed=has_secrets))
        if findings[-1].kind == "ok" and has_secrets:
            try:
                listed = await list_credentials(conn, _sealer(settings))
                channels = await load_channels(conn, _sealer(settings))
            except SecretUnreadable as error:
                mend = "restore the key that they were stored with, or give the channels' keys anew in the file"
                findings.append(bad(str(error), mend))
                listed = []
            names = {channel.id: channel.name for channel in channels}
            findings += [
                warn(f"channel {names[one.channel_id]}: its credential {one.hint} is switched off: {one.reason}")
                for one in listed
                if not one.enabled
            ]
    if newest_ms > time.time_ns() // 1_000_000 + SKEW_MS:
        mend = "set all clocks by NTP"
        findings.append(warn("another node's clock, or this one's, is more than five minutes off", mend))
    usable = [key for key in keys if key.enabled and users[key.user_id].enabled]
    set_up = SetUp(
        channels=tuple(channels),
        prices=prices,
        multipliers_ppm={group.name: group.multiplier_ppm for group in groups},
        key_groups=frozenset(key.group or users[key.user_id].group for key in usable),
    )
    return set_up, findings


def check_master_key(settings: Settings, *, needed: bool) -> Finding:
    """The key that stored secrets are sealed with is there and private."""
    path = settings.data / FILE_NAME
    if settings.secret_key is None and not path.exists():
        if needed:
            mend = "restore it from a backup, or set HEADGATE_SECRET_KEY to the key that was used"
            return bad(f"the master key {path} is gone: the stored upstream credentials cannot be read", mend)
        return ok("there is no master key yet; `headgate serve` makes one")
    if settings.secret_key is None and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return bad(f"the master key {path} can be read by others", f"run: chmod 600 {path}")
    try:
        _sealer(settings)
    except MasterKeyUnusable as error:
        return bad(str(error))
    except OSError as error:
        return bad(f"the master key {path} cannot be read: {error.strerror}", f"run: chown $USER {path}")
    return ok("the master key is there and private; keep a copy of it apart from the database's backups")


def _sealer(settings: Settings) -> Sealer:
    secret = settings.secret_key.get_secret_value() if settings.secret_key is not None else None
    return Sealer(master_key(secret, settings.data), PURPOSE)


# --- what calls would find -------------------------------------------------------------------------------------------


def check_prices(set_up: SetUp, clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000) -> list[Finding]:
    """Every model that is offered has a price."""
    try:
        prices = PriceBook(set_up.prices, clock=clock)
    except ValueError as error:
        return [bad(f"a price cannot be used: {error}", "correct it in the configuration file")]
    snapshot = Snapshot(
        channels=set_up.channels,
        prices=prices,
        multipliers_ppm=set_up.multipliers_ppm,
        providers=PROVIDERS,
    )
    offered = sorted({(group, model) for group in snapshot.routes.by_group for model in snapshot.routes.models(group)})
    unpriced = sorted({model for group, model in offered if snapshot.price(group, model) is None})
    findings = [
        bad(
            f"model {model} has no price: every call for it is refused",
            f"under prices: in the file, write {model}: {{input: …, output: …}} (USD per million tokens), "
            "or {free: true}",
        )
        for model in unpriced
    ]
    if not offered:
        return [warn("no channel offers any model", "describe one under channels: in headgate.yaml")]
    return findings or [ok(f"all {len({model for _, model in offered})} models have a price")]


def check_access(set_up: SetUp) -> list[Finding]:
    """Somebody may use what is offered, and what somebody may use is offered."""
    if not set_up.key_groups:
        mend = "make one: headgate users create NAME --balance-usd 10, then headgate keys create --user NAME"
        return [warn("there is no usable API key", mend)]
    offering = {group for channel in set_up.channels if channel.enabled for group in channel.groups}
    findings = [
        warn(f"no API key is in a group of channel {channel.name} ({', '.join(channel.groups)})")
        for channel in set_up.channels
        if channel.enabled and not set_up.key_groups & set(channel.groups)
    ]
    findings += [
        warn(f"API keys of group {group} find no channel", f"add {group} to the groups of a channel")
        for group in sorted(set_up.key_groups - offering)
    ]
    return findings or [ok("every channel can be used by some API key, and every API key finds a channel")]


async def check_upstream(channel: Channel) -> Finding:
    """The channel's upstream, or its proxy, takes a connection."""
    provider = PROVIDERS.get(channel.provider)
    if provider is None:
        mend = "see: headgate providers"
        return bad(f"channel {channel.name} names an unknown provider '{channel.provider}'", mend)
    base_url = channel.base_url or provider.base_url
    if not base_url:
        if provider.embedded:
            return ok(f"channel {channel.name} uses the sandbox inside the gateway")
        return bad(f"channel {channel.name} has no address", "give it a base_url")
    parts = urlsplit(channel.proxy or base_url)
    host, port = parts.hostname or "", parts.port or {"https": 443, "http": 80}.get(parts.scheme, 1080)
    what = f"channel {channel.name}: {'its proxy ' if channel.proxy else ''}{host}:{port}"
    try:
        async with asyncio.timeout(CONNECT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
    except TimeoutError:
        mend = "check its base_url, the network and the firewall"
        return bad(f"{what} took no connection within {CONNECT_S:g} s", mend)
    except OSError as error:
        mend = "check its base_url, the network and the firewall"
        return bad(f"{what} cannot be reached: {error.strerror or error}", mend)
    return ok(f"{what} takes connections; a real call: headgate channels test {channel.name}")
