"""What is known of model families wherever they are served: Claude, GPT and Gemini. Rules are read from the top; models
without a rule are taken for the newest kind, which an endpoint's own quirks describe.

Where a comment names no source, what it says is from the vendor's documentation as remembered, not re-read.
"""

from collections.abc import Mapping

from msgspec.structs import replace

from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Effort
from headgate.providers.provider import ModelRule


def _rules(*rows: tuple[str, Mapping[str, object]]) -> tuple[ModelRule, ...]:
    return tuple(ModelRule(prefix=prefix, changes=changes) for prefix, changes in rows)


# --- Claude --------------------------------------------------------------------------------------------------------
# Thinking and sampling: a budget until 4.5, adaptive from 4.6, a budget a 400 from 4.7 on: seen 2026-11 in
# https://vercel.com/docs/ai-gateway/models-and-providers/reasoning/anthropic; with it temperature, top_p and top_k for
# Sonnet 5: in https://platform.claude.com/docs/en/models/sonnet-5/migration-guide.md. Recorded:
# anthropic/stream-thinking with claude-opus-4-6 and later. 128,000 tokens of output for Opus 4.6 and 4.7: in
# https://platform.claude.com/docs/es/about-claude/models/migrating-to-claude-4. The older limits are as remembered.
# Schema output came with Sonnet 4.5 and Opus 4.1: in
# https://milvus.io/ai-quick-reference/does-claude-opus-45-support-structured-outputs-and-json-mode-reliably.

CLAUDE = Quirks(thinking="adaptive", sampling_with_thinking=False, max_output_tokens=128_000)
"""Opus 4.7 and later, Sonnet 5, Haiku 5, Fable."""

_BUDGET = {"thinking": "budget", "sampling_with_thinking": True, "max_output_tokens": 64_000}
_FIRST_FOUR = {**_BUDGET, "json_schema": False}
_NO_THOUGHT = {"thinking": "none", "sampling_with_thinking": True, "json_schema": False}

CLAUDE_RULES = _rules(
    ("claude-instant", {**_NO_THOUGHT, "max_output_tokens": 4096, "web_search": "none"}),
    ("claude-v2", {**_NO_THOUGHT, "max_output_tokens": 4096, "web_search": "none"}),
    ("claude-2", {**_NO_THOUGHT, "max_output_tokens": 4096, "web_search": "none"}),
    ("claude-3-7", _FIRST_FOUR),
    ("claude-3-5", {**_NO_THOUGHT, "max_output_tokens": 8192}),
    ("claude-3-", {**_NO_THOUGHT, "max_output_tokens": 4096, "web_search": "none"}),
    ("claude-opus-4-5", _BUDGET),
    ("claude-sonnet-4-5", _BUDGET),
    ("claude-haiku-4-5", _BUDGET),
    ("claude-opus-4-6", {"sampling_with_thinking": True}),
    ("claude-sonnet-4-6", {"sampling_with_thinking": True}),
    ("claude-opus-4-7", {}),
    ("claude-opus-4-8", {}),
    ("claude-opus-4-1", {**_BUDGET, "max_output_tokens": 32_000}),
    ("claude-opus-4", {**_FIRST_FOUR, "max_output_tokens": 32_000}),
    ("claude-sonnet-4", _FIRST_FOUR),
)

# Google has schema output from 4.6 on alone: seen 2026-11 in
# https://docs.cloud.google.com/vertex-ai/generative-ai/docs/partner-models/claude/structured_outputs.
CLAUDE_VERTEX_RULES = tuple(
    ModelRule(prefix=rule.prefix, changes={**rule.changes, "json_schema": False})
    if rule.changes.get("thinking") == "budget"
    else rule
    for rule in CLAUDE_RULES
)

# Only Anthropic's own API takes a system message in mid-conversation, from Opus 4.8 on:
# https://platform.claude.com/docs/en/build-with-claude/mid-conversation-system-messages. All later models do; of
# Sonnet 5 it is said (langchain-ai/langchainjs release 1.5.13) and denied (anthropics/claude-code 2.1.201 gave it up).
CLAUDE_AT_HOME = replace(CLAUDE, system_messages=True)
ANTHROPIC_RULES = (
    *_rules(
        ("claude-opus-4-8", {}),
        ("claude-sonnet-5-", {}),
        ("claude-sonnet-5", {"system_messages": False}),
    ),
    *(ModelRule(prefix=rule.prefix, changes={**rule.changes, "system_messages": False}) for rule in CLAUDE_RULES),
)

# --- GPT -----------------------------------------------------------------------------------------------------------
# Refusals of reasoning models: `stop` recorded: openai/chat-completions error-400 with o1-mini; `max_tokens` recorded
# there with gpt-5-nano. From GPT-5.1 on sampling is accepted while reasoning effort is `none`, which cannot be known of
# a model: it is given up and named (seen 2026-11 in
# https://developers.openai.com/api/docs/guides/deployment-checklist). Web search on chat completions exists for
# `-search` models alone (recorded: error-400 with gpt-4o).

_SAMPLING = frozenset(
    {"temperature", "top_p", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs"}
)

# None before 5.1 knows "none", gpt-5-pro "high" alone, xhigh came with 5.1-codex-max: seen 2026-11 in
# https://learn.microsoft.com/en-us/javascript/api/@azure/ai-projects/reasoningeffort. "max" came with 5.6: in
# https://developers.openai.com/de-DE/api/docs/guides/deployment-checklist. 5 and its minimal: QwenLM/qwen-code pull
# 11295, where gpt-6-astra does not take "none" either; the codex ones: RayBytes/ChatMock pull 101 and
# router-for-me/CLIProxyAPI pull 249.
_THREE: tuple[Effort, ...] = ("low", "medium", "high")
_GPT_EFFORTS: tuple[Effort, ...] = ("none", *_THREE, "xhigh", "max")
_EFFORTS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("gpt-6-astra", {"efforts": (*_THREE, "xhigh", "max")}),
    ("gpt-5-pro", {"efforts": ("high",)}),
    ("gpt-5-codex", {"efforts": _THREE}),
    ("gpt-5.1-codex-max", {"efforts": (*_THREE, "xhigh")}),
    ("gpt-5.1-codex", {"efforts": _THREE}),
    ("gpt-5.1", {"efforts": ("none", *_THREE)}),
    ("gpt-5.6", {}),
    ("gpt-5.", {"efforts": ("none", *_THREE, "xhigh")}),
    ("gpt-5", {"efforts": ("minimal", *_THREE)}),
)

GPT_CHAT = Quirks(
    system_role="developer",
    reasoning_field="none",
    efforts=_GPT_EFFORTS,
    refused_parameters=_SAMPLING | {"stop"},
    document_urls=False,
    web_search="none",
    max_output_tokens=128_000,
)
"""Reasoning models, GPT-5 and later."""
GPT_RESPONSES = Quirks(efforts=_GPT_EFFORTS, refused_parameters=frozenset({"temperature", "top_p", "top_logprobs"}))

_PLAIN_CHAT = {"system_role": "system", "reasoning_control": "none", "refused_parameters": frozenset()}
_SEARCH_CHAT = {
    **_PLAIN_CHAT,
    "web_search": "native",
    "refused_parameters": _SAMPLING | {"n", "seed", "stop", "parallel_tool_calls"},
}
_O_SERIES = {
    "efforts": _THREE,
    "refused_parameters": _SAMPLING | {"stop", "parallel_tool_calls"},
    "max_output_tokens": 100_000,
}

GPT_CHAT_RULES = _rules(
    ("gpt-4o-search", _SEARCH_CHAT),
    ("gpt-4o-mini-search", _SEARCH_CHAT),
    ("gpt-5-search", _SEARCH_CHAT),
    ("gpt-5-chat", _PLAIN_CHAT),
    ("gpt-5.1-chat", _PLAIN_CHAT),
    *_EFFORTS,
    ("gpt-4o", {**_PLAIN_CHAT, "max_output_tokens": 16_384}),
    ("gpt-4.1", {**_PLAIN_CHAT, "max_output_tokens": 32_768}),
    ("gpt-4", {**_PLAIN_CHAT, "json_schema": False, "max_output_tokens": 4096}),
    ("gpt-3.5", {**_PLAIN_CHAT, "json_schema": False, "max_output_tokens": 4096}),
    ("gpt-audio", _PLAIN_CHAT),
    ("chatgpt-4o", _PLAIN_CHAT),
    ("o1-mini", {**_O_SERIES, "system_role": "system", "json_schema": False, "reasoning_control": "none"}),
    ("o1", _O_SERIES),
    ("o3", _O_SERIES),
    ("o4", _O_SERIES),
)

_PLAIN_RESPONSES = {"refused_parameters": frozenset({"reasoning"})}

GPT_RESPONSES_RULES = _rules(
    ("gpt-5-chat", _PLAIN_RESPONSES),
    ("gpt-5.1-chat", _PLAIN_RESPONSES),
    *_EFFORTS,
    ("gpt-4", _PLAIN_RESPONSES),
    ("gpt-3.5", {**_PLAIN_RESPONSES, "web_search": "none", "json_schema": False}),
    ("chatgpt-4o", _PLAIN_RESPONSES),
    ("o1", {"efforts": _THREE, "web_search": "none"}),
    ("o3", {"efforts": _THREE}),
    ("o4", {"efforts": _THREE}),
)

RESPONSES_ONLY = r"(?:^|/)(?:o1-pro|o3-pro|gpt-5[\d.]*-pro|.*-codex|.*-deep-research|computer-use)"
"""Models that chat completions does not serve (recorded: gpt-5-codex and gpt-5.1-codex-max on responses only)."""

RESPONSES_FIRST = r"(?:^|/)gpt-(?:5\.[2-9]|5\.\d\d|[6-9]|\d\d)"
"""Models that chat completions does not let think and call functions at once: a 400 for 5.4, 5.5 and 5.6, and 5.6 must
even be told not to think (seen 2026-11 in openai/openai-openapi issue 541, BerriAI/litellm pull 34569, livekit/agents
pull 5088 for 5.2); gpt-6-astra and gpt-6.1-sol call functions on Responses alone (in
https://developers.openai.com/api/docs/guides/deployment-checklist)."""

# --- Gemini --------------------------------------------------------------------------------------------------------
# Budgets for 2.5, levels from 3: recorded: gemini/generateContent thinking with both. Media by address are inlined:
# what may be fetched, and how large it may be, differs by model, by kind and between Google's two clouds.

GEMINI = Quirks(thinking="level", image_urls=False, document_urls=False, max_output_tokens=65_536)
"""Gemini 3 and later."""

GEMINI_RULES = _rules(
    ("gemini-2.5-flash-image", {"thinking": "none", "json_schema": False, "max_output_tokens": 32_768}),
    ("gemini-2.5", {"thinking": "budget"}),
    ("gemini-2.0", {"thinking": "none", "max_output_tokens": 8192}),
    ("gemini-1", {"thinking": "none", "max_output_tokens": 8192, "web_search": "none"}),
    ("gemma", {"thinking": "none", "max_output_tokens": 8192, "web_search": "none", "json_schema": False}),
    ("learnlm", {"thinking": "none", "max_output_tokens": 8192}),
)
