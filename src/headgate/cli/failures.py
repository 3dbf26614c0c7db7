"""Expected failures, told in one sentence."""

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import typer

from headgate.billing.journal import JournalFailed
from headgate.config.document import ConfigError
from headgate.settings import SettingsError
from headgate.store.database import StoreUnavailable
from headgate.store.migrate import SchemaTooNew
from headgate.store.secrets import MasterKeyUnusable, SecretUnreadable

Result = TypeVar("Result")


class Unable(Exception):
    """A command cannot do what it was asked; the message is for the person who asked."""


EXPECTED = (
    Unable,
    ConfigError,
    SettingsError,
    StoreUnavailable,
    SchemaTooNew,
    MasterKeyUnusable,
    SecretUnreadable,
    JournalFailed,
)


@contextmanager
def told() -> Iterator[None]:
    """Turn an expected failure into a sentence on stderr and exit code 1."""
    try:
        yield
    except EXPECTED as error:
        _tell(_sentence(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _tell(f"{where}{error.strerror or error}")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's work to its end, telling expected failures."""
    with told():
        return asyncio.run(work)
    raise AssertionError("told always ends the command")


def _tell(sentence: str) -> None:
    typer.echo(f"headgate: {sentence}", err=True)
    raise typer.Exit(1) from None


def _sentence(error: Exception) -> str:
    match error:
        case SecretUnreadable():
            return f"{error}; restore the key that was used, or give the channel's keys anew"
        case SchemaTooNew():
            return f"{error}; start the newer Headgate, or restore a backup made before it"
        case _:
            return str(error)
