"""Which protocol a model is spoken to in, and what is peculiar about it."""

from typing import Any

import pytest

from headgate.canonical.parts import ProtocolName
from headgate.providers.provider import ModelRule
from headgate.providers.registry import PROVIDERS

SPOKEN: list[tuple[str, str, ProtocolName, ProtocolName]] = [
    # provider, model, the caller's protocol, what is spoken
    ("openai", "gpt-4o", "openai_responses", "openai_responses"),
    ("openai", "gpt-4o", "anthropic_messages", "openai_chat"),
    ("openai", "gpt-5-codex", "openai_chat", "openai_responses"),
    ("openai", "gpt-5.2-pro", "anthropic_messages", "openai_responses"),
    ("openai", "gpt-5", "anthropic_messages", "openai_chat"),
    ("openai", "gpt-5.4-mini", "anthropic_messages", "openai_responses"),
    ("openai", "gpt-5.4-mini", "openai_chat", "openai_chat"),
    ("openai", "gpt-6.1-sol", "gemini_generate", "openai_responses"),
    ("azure", "gpt-5.6-luna", "anthropic_messages", "openai_responses"),
    ("moonshot", "kimi-k3", "openai_responses", "openai_responses"),
    ("moonshot", "kimi-k2.6", "openai_responses", "openai_chat"),
    ("bedrock", "openai.gpt-5.5", "openai_chat", "openai_responses"),
    ("bedrock-mantle", "openai.gpt-oss-120b", "openai_responses", "openai_chat"),
    ("deepseek", "deepseek-v4-pro", "anthropic_messages", "anthropic_messages"),
    ("deepseek", "deepseek-v4-pro", "gemini_generate", "openai_chat"),
    ("xai", "grok-4.3", "gemini_generate", "openai_responses"),
    ("minimax", "MiniMax-M3", "gemini_generate", "anthropic_messages"),
    ("vertex", "gemini-3-pro-preview", "openai_chat", "gemini_generate"),
    ("vertex", "claude-sonnet-4-5@20250929", "gemini_generate", "anthropic_messages"),
    ("vertex", "meta/llama-4-maverick", "anthropic_messages", "openai_chat"),
    ("bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", "openai_chat", "anthropic_messages"),
    ("bedrock", "openai.gpt-oss-120b-1:0", "anthropic_messages", "openai_chat"),
    ("bedrock-mantle", "openai.gpt-5.5", "openai_chat", "openai_responses"),
    ("bedrock-mantle", "anthropic.claude-opus-5", "openai_chat", "anthropic_messages"),
    ("azure", "claude-sonnet-4-5", "openai_chat", "anthropic_messages"),
    ("azure", "gpt-4o", "anthropic_messages", "openai_chat"),
    ("sandbox", "sandbox", "gemini_generate", "gemini_generate"),
]


@pytest.mark.parametrize(("provider", "model", "wanted", "spoken"), SPOKEN)
def test_the_callers_protocol_is_spoken_where_the_model_knows_it(
    provider: str, model: str, wanted: ProtocolName, spoken: ProtocolName
) -> None:
    """Else the model's best."""
    assert PROVIDERS[provider].speaks(wanted, model) == spoken


def test_a_search_goes_where_the_model_can_search() -> None:
    """OpenAI's chat completions cannot, its Responses can; a caller's own protocol is kept all the same."""
    openai = PROVIDERS["openai"]
    assert openai.speaks("anthropic_messages", "gpt-5", search=True) == "openai_responses"
    assert openai.speaks("openai_chat", "gpt-5", search=True) == "openai_chat"
    assert PROVIDERS["groq"].speaks("anthropic_messages", "llama-3.3-70b-versatile", search=True) == "openai_chat"


QUIRKS: list[tuple[str, ProtocolName, str, dict[str, Any]]] = [
    ("anthropic", "anthropic_messages", "claude-3-5-haiku-20241022", {"thinking": "none", "max_output_tokens": 8192}),
    ("anthropic", "anthropic_messages", "claude-3-opus-20240229", {"thinking": "none", "max_output_tokens": 4096}),
    ("anthropic", "anthropic_messages", "claude-3-7-sonnet-20250219", {"thinking": "budget"}),
    ("anthropic", "anthropic_messages", "claude-opus-4-20250514", {"thinking": "budget", "max_output_tokens": 32_000}),
    ("anthropic", "anthropic_messages", "claude-opus-4-1-20250805", {"max_output_tokens": 32_000}),
    ("anthropic", "anthropic_messages", "claude-sonnet-4-5", {"thinking": "budget", "json_schema": True}),
    ("anthropic", "anthropic_messages", "claude-opus-4-5", {"thinking": "budget", "max_output_tokens": 64_000}),
    ("anthropic", "anthropic_messages", "claude-opus-4-6", {"thinking": "adaptive", "sampling_with_thinking": True}),
    ("anthropic", "anthropic_messages", "claude-opus-4-7", {"thinking": "adaptive", "sampling_with_thinking": False}),
    ("anthropic", "anthropic_messages", "claude-opus-4-8", {"system_messages": True, "max_output_tokens": 128_000}),
    ("anthropic", "anthropic_messages", "claude-sonnet-5", {"thinking": "adaptive", "sampling_with_thinking": False}),
    ("anthropic", "anthropic_messages", "claude-opus-5-5", {"system_messages": True}),
    ("anthropic", "anthropic_messages", "claude-sonnet-5-5", {"system_messages": True}),
    ("anthropic", "anthropic_messages", "claude-sonnet-5", {"system_messages": False}),
    ("anthropic", "anthropic_messages", "claude-opus-4-7", {"system_messages": False}),
    ("anthropic", "anthropic_messages", "claude-unheard-of-9", {"thinking": "adaptive"}),
    ("bedrock", "anthropic_messages", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", {"thinking": "budget"}),
    ("bedrock", "anthropic_messages", "anthropic.claude-opus-4-8", {"image_urls": False, "system_messages": False}),
    ("vertex", "anthropic_messages", "claude-3-7-sonnet@20250219", {"thinking": "budget", "image_urls": False}),
    ("openrouter", "anthropic_messages", "anthropic/claude-haiku-4-5", {"thinking": "budget"}),
    ("openai", "openai_chat", "gpt-4o-2024-08-06", {"system_role": "system", "reasoning_control": "none"}),
    ("openai", "openai_chat", "gpt-4o-search-preview", {"web_search": "native"}),
    ("openai", "openai_chat", "gpt-4.1-mini", {"refused_parameters": frozenset(), "web_search": "none"}),
    ("openai", "openai_chat", "gpt-5-mini", {"system_role": "developer", "max_tokens_field": "max_completion_tokens"}),
    ("openai", "openai_chat", "gpt-5-chat-latest", {"refused_parameters": frozenset()}),
    ("openai", "openai_chat", "ft:gpt-4o-mini-2024-07-18:org::id", {"reasoning_control": "none"}),
    ("openai", "openai_responses", "gpt-4o", {"refused_parameters": frozenset({"reasoning"})}),
    ("openai", "openai_chat", "gpt-5-nano", {"efforts": ("minimal", "low", "medium", "high")}),
    ("openai", "openai_chat", "gpt-5.1", {"efforts": ("none", "low", "medium", "high")}),
    ("openai", "openai_responses", "gpt-5.4", {"efforts": ("none", "low", "medium", "high", "xhigh")}),
    ("openai", "openai_responses", "gpt-5.6-sol", {"efforts": ("none", "low", "medium", "high", "xhigh", "max")}),
    ("openai", "openai_responses", "o3", {"efforts": ("low", "medium", "high")}),
    ("xai", "openai_chat", "grok-4.5", {"reasoning_control": "effort", "efforts": ("low", "medium", "high")}),
    ("xai", "openai_chat", "grok-4.3", {"efforts": ("none", "low", "medium", "high")}),
    ("xai", "openai_chat", "grok-4.20-0309-reasoning", {"reasoning_control": "none"}),
    ("xai", "openai_chat", "grok-4", {"reasoning_control": "none"}),
    ("xai", "openai_chat", "grok-3", {"reasoning_control": "none", "refused_parameters": frozenset()}),
    ("xai", "openai_responses", "grok-4-fast-reasoning", {"refused_parameters": frozenset({"reasoning"})}),
    ("xai", "openai_responses", "grok-4.7", {"refused_parameters": frozenset()}),
    ("moonshot", "openai_chat", "kimi-k3", {"efforts": ("low", "high", "max"), "reasoning_control": "effort"}),
    ("moonshot", "openai_chat", "kimi-k2.6", {"reasoning_control": "thinking"}),
    ("moonshot", "openai_chat", "kimi-k2-0905-preview", {"refused_parameters": frozenset()}),
    ("minimax", "openai_chat", "MiniMax-M3", {"max_tokens_field": "max_completion_tokens"}),
    ("mistral", "openai_chat", "mistral-small-latest", {"efforts": ("none", "high")}),
    ("vertex", "anthropic_messages", "claude-sonnet-4-5@20250929", {"json_schema": False, "thinking": "budget"}),
    ("vertex", "anthropic_messages", "claude-opus-4-6", {"json_schema": True}),
    ("gemini", "gemini_generate", "gemini-2.5-flash", {"thinking": "budget"}),
    ("gemini", "gemini_generate", "gemini-2.5-flash-image", {"thinking": "none"}),
    ("gemini", "gemini_generate", "gemini-2.0-flash", {"thinking": "none"}),
    ("gemini", "gemini_generate", "gemini-3.1-pro-preview", {"thinking": "level"}),
    ("deepseek", "openai_chat", "deepseek-v4-pro", {"reasoning_control": "thinking", "json_schema": False}),
    ("qwen", "openai_chat", "qwen3.7-max", {"json_schema": True, "web_search": "enable_search"}),
    ("qwen", "openai_chat", "qwen-plus", {"json_schema": False, "reasoning_control": "enable_thinking"}),
    ("mistral", "openai_chat", "mistral-small-latest", {"reasoning_control": "effort", "stream_usage": False}),
    ("openrouter", "openai_chat", "openai/gpt-5", {"reasoning_control": "reasoning", "cache_control": True}),
    ("openai-compatible", "openai_chat", "anything", {"max_tokens_field": "max_tokens", "custom_tools": False}),
]


@pytest.mark.parametrize(("provider", "protocol", "model", "wanted"), QUIRKS)
def test_what_is_peculiar_about_a_model(
    provider: str, protocol: ProtocolName, model: str, wanted: dict[str, Any]
) -> None:
    """Rules change the endpoint's own quirks."""
    quirks = PROVIDERS[provider].quirks(protocol, model)
    assert {name: getattr(quirks, name) for name in wanted} == wanted


@pytest.mark.parametrize("name", ["o3-mini", "o1", "gpt-5.1", "gpt-9"])
def test_reasoning_models_refuse_sampling(name: str) -> None:
    """And a name that nobody has heard of is taken for one."""
    assert {"temperature", "top_p", "stop"} <= PROVIDERS["openai"].quirks("openai_chat", name).refused_parameters


def test_a_prefix_stands_at_a_names_beginning() -> None:
    """Of the name itself, or after the vendor's and the region's."""
    rule = ModelRule(prefix="o1", changes={})
    assert rule.fits("o1-mini")
    assert rule.fits("openai/O1")
    assert not rule.fits("proto1")
    assert ModelRule(prefix="gpt-4.1", changes={}).fits("gpt-4.1-nano")
    assert not ModelRule(prefix="gpt-4.1", changes={}).fits("gpt-4x1")
