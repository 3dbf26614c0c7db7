"""What the acceptance tests share: a house with a sandbox in it."""

import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from acceptance.gateway import House, housed, sqlite_at
from headgate.relay.counting import count_text


@pytest.fixture(autouse=True, scope="session")
def tokenizer() -> None:
    """Load the tokenizer, which reads its vocabulary in a way that Python 3.11 warns of."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        count_text("")


@pytest.fixture(autouse=True, scope="module")
def collector() -> Iterator[None]:
    """A worker tunes the collector for a process of its own; other tests should not inherit that."""
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


@pytest.fixture
async def house(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[House]:
    """A sandbox and an empty SQLite database; the test opens the gateway it needs."""
    async with housed(tmp_path, sqlite_at(tmp_path, sqlite_template)) as place:
        yield place
