"""What every test may ask for: a migrated database of either kind."""

import asyncio
import shutil
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from fakes.postgres import postgres_server
from headgate.store.database import Database
from headgate.store.migrate import upgrade


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy."""
    path = tmp_path_factory.mktemp("template") / "headgate.db"
    asyncio.run(upgrade(f"sqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The maintenance database of a PostgreSQL server that lives as long as the session."""
    with postgres_server() as url:
        yield url


@pytest.fixture(scope="session")
def postgres_template(postgres_url: str) -> str:
    """The name of a migrated PostgreSQL database to copy."""

    async def make() -> None:
        await _run_sql(postgres_url, "CREATE DATABASE template_headgate")
        await upgrade(named(postgres_url, "template_headgate"))

    asyncio.run(make())
    return "template_headgate"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table, on each kind of database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'headgate.db'}"
    postgres_url: str = request.getfixturevalue("postgres_url")
    name = f"test_{uuid.uuid4().hex}"
    asyncio.run(_run_sql(postgres_url, f"CREATE DATABASE {name}"))
    return named(postgres_url, name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a fresh migrated database, on each kind of database."""
    if request.param == "sqlite":
        path = tmp_path / "headgate.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"
    postgres_url: str = request.getfixturevalue("postgres_url")
    template: str = request.getfixturevalue("postgres_template")
    name = f"test_{uuid.uuid4().hex}"
    asyncio.run(_run_sql(postgres_url, f"CREATE DATABASE {name} TEMPLATE {template}"))
    return named(postgres_url, name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A fresh migrated database, on each kind of database."""
    opened = await Database.open(database_url)
    yield opened
    await opened.close()


def named(postgres_url: str, name: str) -> str:
    """The URL of another database of the same server."""
    return postgres_url.replace("/postgres?", f"/{name}?")


async def _run_sql(postgres_url: str, statement: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
