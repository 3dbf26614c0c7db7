"""What the process is told from outside, typed, read once at the start and passed on.

Every setting has an environment variable: its name in capitals after `HEADGATE_`. A command-line flag counts more than
the environment, the environment more than the configuration file, and the file more than the defaults here.
"""

from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "HEADGATE_"

Bytes = Annotated[int, Field(ge=1024)]
Seconds = Annotated[float, Field(gt=0)]


class SettingsError(ValueError):
    """A setting has a value that it cannot have. The message names it and never shows a secret."""


class Settings(BaseSettings):
    """All settings. Sizes in bytes, times in seconds."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid", hide_input_in_errors=True)

    config: Path | None = None
    """The configuration file (headgate.yaml)."""
    data: Path = Path("data")
    """The data directory: SQLite database, journals, master key."""
    database_url: str | None = None
    """sqlite:///… or postgresql://…; SQLite in the data directory where absent."""
    database_pool: Annotated[int, Field(ge=1, le=100)] = 4
    redis_url: str | None = None
    secret_key: SecretStr | None = None
    """The master key for stored secrets; a file in the data directory where absent."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8502
    workers: Annotated[int, Field(ge=1, le=256)] = 1

    max_header_bytes: Bytes = 65_536
    header_timeout_s: Seconds = 10.0
    """From the first byte of a request to the end of its head."""
    max_body_bytes: Bytes = 128 * 1024 * 1024
    """After decompression."""
    body_timeout_s: Seconds = 300.0
    drain_timeout_s: Annotated[float, Field(ge=0)] = 60.0
    """How long running calls may go on when the process is asked to stop."""

    journal_fsync: bool = False
    """Whether each receipt is forced to the disk before its answer ends: survives a power cut, costs speed."""
    fetch_allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that images and documents named by callers may be fetched from although they are not public."""
    receipts_retention_days: Annotated[int, Field(ge=1)] | None = None
    """How long receipts are kept; for ever where absent. Hourly sums are always kept."""

    call_log: bool = True
    """Whether every call leaves a line in the log."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def database_address(self) -> str:
        """The database's URL, whether or not one was given."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'headgate.db'}"

    @classmethod
    def load(cls, flags: Mapping[str, Any] | None = None, file: Mapping[str, Any] | None = None) -> Self:
        """The settings in force.

        Args:
            flags: what the command line gives, without what it leaves open.
            file: what the configuration file gives.

        Raises:
            SettingsError: a value is impossible.
        """
        try:
            given = cls(**(flags or {}))
            stronger = {name: getattr(given, name) for name in given.model_fields_set}
            return cls(**{**(file or {}), **stronger})
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            name = ".".join(map(str, problem["loc"]))
            raise SettingsError(f"{PREFIX}{name.upper()}: {problem['msg']}") from None
