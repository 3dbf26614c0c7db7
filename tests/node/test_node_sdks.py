"""The vendors' SDKs for Node and the Vercel AI SDK: plain, streamed, a tool call and its result, and errors, onto
upstreams that do not speak their protocol.

They are looked for in `node_modules` beside this file (`npm install` there) or in the directory that HEADGATE_AGENTS
names (`scripts/install-agents`).
"""

import json
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from acceptance.gateway import KEY, Gateway, housed, sqlite_at
from agents.conftest import channels, collector, tokenizer
from agents.installed import program, run

__all__ = ["collector", "tokenizer"]

HERE = Path(__file__).parent
FOREIGN = {
    "openai_chat.mjs": ["on-anthropic", "on-gemini"],
    "openai_responses.mjs": ["on-chat", "on-anthropic", "on-gemini"],
    "anthropic.mjs": ["on-chat", "on-responses", "on-gemini"],
    "google.mjs": ["on-chat", "on-responses", "on-anthropic"],
}
ERRORS = {
    "openai_chat.mjs": ("NotFoundError", "AuthenticationError"),
    "openai_responses.mjs": ("NotFoundError", "AuthenticationError"),
    "anthropic.mjs": ("NotFoundError", "AuthenticationError"),
    "google.mjs": ("ApiError", "ApiError"),
}


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    """A directory with the scripts, where they find the packages."""
    place = os.environ.get("HEADGATE_AGENTS")
    homes = [HERE, *([Path(place) / "node"] if place else [])]
    home = next((home for home in homes if (home / "node_modules").is_dir()), None)
    if home is None:
        pytest.skip("the SDKs for Node are not installed; see scripts/install-agents, and set HEADGATE_AGENTS")
    directory = tmp_path / "scripts"
    directory.mkdir()
    for path in [*HERE.glob("*.mjs"), HERE / "package.json"]:
        shutil.copy(path, directory)
    (directory / "node_modules").symlink_to(home / "node_modules")
    return directory


@pytest.fixture
async def gateway(tmp_path: Path, sqlite_template: Path) -> AsyncIterator[Gateway]:
    """A running gateway with a channel for each protocol."""
    directory = tmp_path / "gateway"
    directory.mkdir()
    async with housed(directory, sqlite_at(directory, sqlite_template)) as house:
        yield await house.open(channels(house.url))


async def seen(scripts: Path, script: str, gateway: Gateway, model: str, **more: str) -> dict[str, Any]:
    """What a script saw."""
    environment = {"BASE": gateway.url, "KEY": KEY, "MODEL": model, **more}
    ended = await run([str(program("node")), script], scripts, environment)
    assert ended.code == 0, ended.output
    found: dict[str, Any] = json.loads(ended.output.splitlines()[-1])
    return found


def check(found: dict[str, Any], unknown: str, stranger: str, result: str = "sunny") -> None:
    """It is what any upstream would have made of it."""
    assert found == {
        "whole": "hello there",
        "streamed": "hello there",
        "counted": True,
        "called": ["get_weather", {"city": "Paris"}],
        "answered": f"The tool answered: {result}",
        "unknown": {"name": unknown, "status": 404},
        "stranger": {"name": stranger, "status": 401},
    }


@pytest.mark.parametrize(("script", "model"), [(script, model) for script in FOREIGN for model in FOREIGN[script]])
async def test_the_vendors_own(scripts: Path, gateway: Gateway, script: str, model: str) -> None:
    """OpenAI's for both of its protocols, Anthropic's and Google's."""
    check(await seen(scripts, script, gateway, model), *ERRORS[script])


@pytest.mark.parametrize(
    ("provider", "model"),
    [
        ("openai-compatible", "on-anthropic"),
        ("openai-compatible", "on-gemini"),
        ("openai", "on-gemini"),
        ("anthropic", "on-chat"),
        ("google", "on-anthropic"),
    ],
)
async def test_the_vercel_ai_sdk(scripts: Path, gateway: Gateway, provider: str, model: str) -> None:
    """With its providers for each protocol; it runs the tool and goes on by itself."""
    # Its provider for Google puts a tool's result into an envelope of its own.
    result = '{"name":"get_weather","content":"sunny"}' if provider == "google" else "sunny"
    check(await seen(scripts, "ai_sdk.mjs", gateway, model, PROVIDER=provider), "APICallError", "APICallError", result)
