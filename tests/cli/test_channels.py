"""`headgate channels test`: real calls to a sandbox."""

from pathlib import Path

import pytest

from cli.conftest import Run, rows
from headgate.channels.channel import Channel
from headgate.cli.probe import try_channel
from headgate.providers.registry import PROVIDERS
from headgate.relay.signing import Signers
from headgate.sandbox.server import running_sandbox
from headgate.upstream import Client


def test_a_channel_is_tried_whole_and_streamed(headgate: Run, lived: Path) -> None:
    """Both ways, with what it took."""
    whole, streamed = rows(headgate("channels", "test", "sand", "--data", lived, "--json"))
    assert (whole["ok"], whole["stream"], streamed["ok"], streamed["stream"]) == (True, False, True, True)
    assert whole["tokens_out"] == streamed["tokens_out"] > 0


def test_a_failure_is_explained(headgate: Run, lived: Path) -> None:
    """In the upstream's words, with exit code 1."""
    result = headgate("channels", "test", "sand", "--model", "broken", "--data", lived)
    assert result.exit_code == 1
    assert "HTTP 500: The sandbox was asked to answer 500." in result.stdout


def test_a_model_that_is_not_offered_is_not_tried(headgate: Run, lived: Path) -> None:
    """The operator has mistyped it."""
    result = headgate("channels", "test", "sand", "--model", "gpt", "--data", lived)
    assert result.exit_code == 1
    assert "the channel does not expose gpt" in result.stdout


@pytest.mark.parametrize(
    ("provider", "path", "secret", "model", "problem"),
    [
        ("openai", "/v1", "sk-x", "sandbox", None),
        ("anthropic", "", "sk-x", "sandbox", None),
        ("gemini", "", "sk-x", "sandbox", None),
        ("openai", "/v1", "sk-invalid", "sandbox", "HTTP 401: Incorrect API key"),
        ("anthropic", "", "sk-exhausted", "sandbox", "HTTP 400: Your credit balance is too low"),
        ("openai", "/v1", "sk-x", "sandbox:empty", "the answer is empty"),
        ("openai", "/v1", "sk-x", "sandbox:cut=head", "The connection to the upstream was lost"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_every_protocol_is_tried_in_its_own_words(
    provider: str, path: str, secret: str, model: str, problem: str | None, stream: bool
) -> None:
    """And what goes wrong is said clearly."""
    client = Client()
    async with running_sandbox() as url:
        channel = Channel(id=1, name="a", provider=provider, base_url=f"{url}{path}")
        tried = await try_channel(client, Signers(), PROVIDERS[provider], channel, secret, model, stream=stream)
    await client.close()
    if problem is None:
        assert tried.problem is None
        assert "pong" in tried.text
    else:
        assert tried.problem is not None
        assert tried.problem.startswith(problem)


async def test_an_upstream_that_is_not_there_is_said_to_be_so() -> None:
    """Nothing listens on port 1."""
    client = Client()
    channel = Channel(id=1, name="a", provider="openai", base_url="http://127.0.0.1:1/v1")
    tried = await try_channel(client, Signers(), PROVIDERS["openai"], channel, "sk-x", "m", stream=False)
    await client.close()
    assert tried.problem is not None
    assert tried.problem.startswith("No connection to the upstream could be made.")
