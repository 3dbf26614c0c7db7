"""Where a command finds the gateway's state: the options that all commands share, and the way to the database."""

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import make_url

from headgate.billing.prices import parse_price
from headgate.channels.repository import PURPOSE
from headgate.cli.failures import Unable
from headgate.config.file import ConfigFile, parse_config, parse_settings, read_text
from headgate.settings import Settings
from headgate.store.database import Database
from headgate.store.migrate import pending
from headgate.store.secrets import Sealer, master_key

DataOption = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="The data directory. Default: $HEADGATE_DATA, or ./data."),
]
ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="The configuration file. Default: $HEADGATE_CONFIG."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


def now_ms() -> int:
    """Unix time in milliseconds."""
    return time.time_ns() // 1_000_000


def locate(data: Path | None, config: Path | None) -> Settings:
    """The settings that `headgate serve` would have with the same options. Of the file only settings are read, so that
    a listing needs none of the secrets that the file names.

    Raises:
        ConfigError, SettingsError: they cannot be used.
    """
    flags = given(data=data, config=config)
    settings = Settings.load(flags)
    if settings.config is None:
        return settings
    text = read_text(settings.config)
    return Settings.load(flags, from_file(settings.config, parse_settings(text, str(settings.config))))


def load(flags: Mapping[str, Any]) -> tuple[Settings, ConfigFile | None]:
    """All settings, and the configuration file if there is one.

    Raises:
        ConfigError, SettingsError: they cannot be used.
    """
    settings = Settings.load(flags)
    if settings.config is None:
        return settings, None
    config = read_config(settings.config)
    return Settings.load(flags, from_file(settings.config, config.settings)), config


def given(**flags: object) -> dict[str, Any]:
    """The flags that were given."""
    return {name: value for name, value in flags.items() if value is not None}


def read_config(path: Path) -> ConfigFile:
    """A configuration file.

    Raises:
        ConfigError: it cannot be read or used.
    """
    return parse_config(read_text(path), str(path), environ=os.environ, check_price=parse_price)


def from_file(path: Path, settings: Mapping[str, object]) -> dict[str, Any]:
    """The file's settings; a relative data directory is meant from where the file is."""
    found = dict(settings)
    if "data" in found:
        found["data"] = path.parent / str(found["data"])
    return found


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The database, with the newest schema; the gateway may be running or not.

    Raises:
        Unable: there is none yet, or it waits for migrations.
        StoreUnavailable: it cannot be reached.
    """
    try:
        missing = sqlite_file(settings)
        if missing is not None and not missing.exists():
            raise Unable(f"there is no database at {missing}; is --data right? `headgate serve` makes a new one")
        if await pending(settings.database_address):
            raise Unable("the database has an older schema; run: headgate db upgrade")
        database = await Database.open(settings.database_address, pool_size=1)
    except ValueError as error:
        raise Unable(f"HEADGATE_DATABASE_URL: {error}") from None
    try:
        yield database
    finally:
        await database.close()


def sqlite_file(settings: Settings) -> Path | None:
    """The database's file where it is SQLite.

    Raises:
        ValueError: the address cannot be parsed.
    """
    address = make_url(settings.database_address)
    return Path(address.database) if address.get_backend_name() == "sqlite" and address.database else None


def sealer(settings: Settings) -> Sealer:
    """What upstream credentials are sealed with.

    Raises:
        MasterKeyUnusable: there is no usable master key.
    """
    secret = settings.secret_key.get_secret_value() if settings.secret_key is not None else None
    return Sealer(master_key(secret, settings.data), PURPOSE)
