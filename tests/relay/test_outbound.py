"""Heads of requests that go upstream."""

import pytest

from headgate.canonical.parts import ProtocolName
from headgate.channels.channel import Channel
from headgate.providers.registry import PROVIDERS
from headgate.relay.outbound import Outbound, prepare, with_forwarded
from headgate.relay.signing import Signers
from relay.test_google_tokens import key_file

KEY = "sk-1"


def outbound(
    provider: str, protocol: ProtocolName, model: str, secret: str = KEY, *, base_url: str | None = None, **more: str
) -> Outbound:
    channel = Channel(id=1, name="c", provider=provider, base_url=base_url, headers=more)
    return prepare(
        PROVIDERS[provider], channel, secret, protocol=protocol, upstream_model=model, signers=Signers(lambda: 0.0)
    )


def line(head: bytes) -> str:
    return head.split(b"\r\n")[0].decode()


def test_a_key_is_shown_as_each_vendor_wants_it() -> None:
    """As a bearer, or in a header of its own."""
    assert b"\r\nauthorization: Bearer sk-1\r\n" in outbound("openai", "openai_chat", "m").head
    claude = outbound("anthropic", "anthropic_messages", "m").head
    assert b"\r\nx-api-key: sk-1\r\n" in claude
    assert b"authorization" not in claude
    assert (
        b"\r\napi-key: sk-1\r\n" in outbound("azure", "openai_chat", "m", base_url="https://r.example/openai/v1").head
    )
    assert b"\r\nx-goog-api-key: sk-1\r\n" in outbound("gemini", "gemini_generate", "m").head
    assert b"authorization" not in outbound("ollama", "openai_chat", "m", "").head


def test_streams_have_paths_of_their_own() -> None:
    """Where the vendor wants it so."""
    gemini = outbound("gemini", "gemini_generate", "gemini-3-flash")
    assert line(gemini.head) == "POST /v1beta/models/gemini-3-flash:generateContent HTTP/1.1"
    assert line(gemini.stream_head).endswith(":streamGenerateContent?alt=sse HTTP/1.1")
    assert gemini.count_path == "/v1beta/models/gemini-3-flash:countTokens"
    assert not gemini.special


def test_vertex_knows_its_project_from_the_key_file() -> None:
    """And Claude has a path and a body of its own there."""
    claude = outbound("vertex", "anthropic_messages", "claude-sonnet-4-5@20250929", key_file())
    models = "/v1/projects/acme/locations/global/publishers/anthropic/models"
    assert line(claude.stream_head) == f"POST {models}/claude-sonnet-4-5@20250929:streamRawPredict HTTP/1.1"
    assert claude.signer is not None
    assert claude.special
    assert b"authorization" not in claude.head
    with pytest.raises(ValueError, match="does not name a project"):
        outbound("vertex", "gemini_generate", "gemini-3-flash", "an-api-key")


def test_bedrocks_model_names_are_escaped() -> None:
    """Recorded: bedrock/invoke at /model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke."""
    model = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
    claude = outbound("bedrock", "anthropic_messages", model, "AKIA1:secret")
    assert line(claude.head) == "POST /model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/invoke HTTP/1.1"
    assert line(claude.stream_head).endswith("v1%3A0/invoke-with-response-stream HTTP/1.1")
    assert claude.signer is not None


def test_a_bedrock_api_key_is_a_bearer() -> None:
    """Nothing is signed, but the body still has to be reshaped."""
    claude = outbound("bedrock", "anthropic_messages", "anthropic.claude-3-haiku", "ABSK1")
    assert b"\r\nauthorization: Bearer ABSK1\r\n" in claude.head
    assert claude.signer is None
    assert claude.special


def test_a_region_that_cannot_be_told_is_said() -> None:
    """A signature is good for one region."""
    with pytest.raises(ValueError, match="region"):
        outbound("bedrock", "openai_chat", "m", "AKIA1:secret", base_url="https://proxy.example")


def test_one_credential_has_one_signer() -> None:
    """What it has fetched is good for every model."""
    signers = Signers(lambda: 0.0)
    channel = Channel(id=1, name="c", provider="bedrock")
    made = [
        prepare(
            PROVIDERS["bedrock"],
            channel,
            "AKIA1:secret",
            protocol="anthropic_messages",
            upstream_model=model,
            signers=signers,
        )
        for model in ("anthropic.claude-a", "anthropic.claude-b")
    ]
    assert made[0].signer is made[1].signer


def test_the_callers_version_takes_the_place_of_ours() -> None:
    """One header of a name, never two."""
    claude = outbound("anthropic", "anthropic_messages", "m")
    sent = [(b"anthropic-version", b"2026-10-21"), (b"anthropic-beta", b"a,b"), (b"cookie", b"c")]
    head = with_forwarded(claude.head, claude.forwarded, sent)
    assert head.count(b"anthropic-version: ") == 1
    assert b"\r\nanthropic-version: 2026-10-21\r\nanthropic-beta: a,b\r\n" in head
    assert b"cookie" not in head
    assert with_forwarded(claude.head, claude.forwarded, []) is claude.head


def test_what_the_operator_has_set_is_not_the_callers_to_say() -> None:
    """A header of the channel stays."""
    claude = outbound("anthropic", "anthropic_messages", "m", **{"Anthropic-Beta": "mine"})
    head = with_forwarded(claude.head, claude.forwarded, [(b"anthropic-beta", b"theirs")])
    assert b"anthropic-beta: mine" in head
    assert b"theirs" not in head


def test_a_line_break_in_a_header_is_refused() -> None:
    """It would be another header."""
    with pytest.raises(ValueError, match="line break"):
        outbound("openai", "openai_chat", "m", **{"x-a": "1\r\nx-b: 2"})
