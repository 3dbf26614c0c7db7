"""A gateway before a sandbox, with a channel for each protocol."""

import gc
import warnings
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec import Struct

from acceptance.gateway import KEY, Gateway, House, Json, channel, housed, sqlite_at
from headgate.relay.counting import count_text

SPOKEN = {
    "chat": {"provider": "openai-compatible"},
    "responses": {"provider": "xai"},
    "anthropic": {"provider": "anthropic-compatible"},
    "gemini": {"provider": "gemini-compatible"},
}
"""A provider of each protocol. None speaks Responses alone: xAI's does to callers of Messages and generateContent."""
KNOWN = {"anthropic": ["gpt-5.5"]}
"""Models whose name an agent knows, by the channel that offers them."""


class Place(Struct, frozen=True):
    """Where an agent is pointed at: models are named `on-` and the upstream's protocol, those that reason `think-`."""

    url: str
    key: str
    house: House
    gateway: Gateway


def channels(url: str) -> list[Json]:
    """A channel to the sandbox for each protocol."""
    return [
        channel(
            name,
            url,
            dict.fromkeys([f"on-{name}", *KNOWN.get(name, ())], "sandbox") | {f"think-{name}": "sandbox-thinking"},
            **row,
            base_url=f"{url}/v1" if name in {"chat", "responses"} else url,
        )
        for name, row in SPOKEN.items()
    ]


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
async def place(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Place]:
    """A running gateway."""
    directory = tmp_path / "gateway"
    directory.mkdir()
    async with housed(directory, sqlite_at(directory, sqlite_template)) as house:
        gateway = await house.open(channels(house.url))
        yield Place(gateway.url, KEY, house, gateway)
