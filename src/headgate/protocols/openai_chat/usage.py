"""Chat Completions usage to disjoint quantities, and back.

The vendors share the names and differ in what is inside what. Where a vendor gives `total_tokens`, it settles the
question: details inside their parent make `prompt + completion == total`, details beside it make up the difference.
Recorded exchanges are named by provider and feature.
"""

from collections.abc import Mapping
from typing import Any

from headgate.canonical.usage import Usage


def decode_usage(wire: Mapping[str, Any] | None, model: str | None = None) -> Usage | None:
    """A `usage` object, of an answer by `model`, to quantities; None where it names no tokens. Wrong types count as
    nothing; nothing is ever negative; all tokens together are the vendor's own total where it gives one."""
    if not wire or not ("prompt_tokens" in wire or "completion_tokens" in wire or "total_tokens" in wire):
        return None
    plain = _plain(wire, model or "")
    if plain is not None:
        return plain
    prompt, completion = _count(wire, "prompt_tokens"), _count(wire, "completion_tokens")
    asked, told = _details(wire, "prompt_tokens_details"), _details(wire, "completion_tokens_details")
    reasoning = _count(told, "reasoning_tokens")
    audio_in = _count(asked, "audio_tokens")
    beside = max(0, _count(wire, "total_tokens") - prompt - completion)
    if beside and beside == audio_in:
        # Mistral counts heard audio beside prompt_tokens: 9 + 375 + 248 = 632 (recorded: mistral/audio-input).
        prompt, beside = prompt + audio_in, 0
    if beside:
        # xAI counts thoughts beside completion_tokens: 165 + 2 + 125 = 292 (recorded: xai/cached-tokens). Gemini's
        # compatible surface does too, but leaves only the difference to show it (as remembered).
        completion, reasoning = completion + beside, reasoning or beside
    reasoning, completion, prompt = _perplexity(wire, reasoning, completion, prompt)
    return Usage(
        **_input_side(wire, asked, prompt, min(audio_in, prompt)),
        **_output_side(told, completion, reasoning),
        web_searches=_searches(wire, model or ""),
    )


_PLAIN = frozenset(
    {"prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details"}
)
_PLAIN_ASKED = frozenset({"cached_tokens", "audio_tokens"})
_PLAIN_TOLD = frozenset(
    {"reasoning_tokens", "audio_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens"}
)
_NONE: Mapping[str, Any] = {}


def _plain(wire: Mapping[str, Any], model: str) -> Usage | None:
    """OpenAI's own report of a text answer, which is nearly every report there is: worked out at once. None where
    anything about it asks for a closer look."""
    asked = wire.get("prompt_tokens_details") or _NONE
    told = wire.get("completion_tokens_details") or _NONE
    try:
        if not (wire.keys() <= _PLAIN and asked.keys() <= _PLAIN_ASKED and told.keys() <= _PLAIN_TOLD):
            return None
        prompt, completion = wire["prompt_tokens"], wire["completion_tokens"]
        cached, reasoning = asked.get("cached_tokens", 0), told.get("reasoning_tokens", 0)
        sound = (
            type(prompt) is type(completion) is type(cached) is type(reasoning) is int
            and 0 <= cached <= prompt
            and 0 <= reasoning <= completion
            and wire.get("total_tokens") == prompt + completion
            and not (asked.get("audio_tokens") or told.get("audio_tokens"))
            and "-search-" not in model
        )
    except (KeyError, AttributeError):
        return None
    if not sound:
        return None
    return Usage(input=prompt - cached, cache_read=cached, output=completion - reasoning, reasoning=reasoning)


def _input_side(wire: Mapping[str, Any], asked: Mapping[str, Any], prompt: int, audio_in: int) -> dict[str, int]:
    """`prompt` tokens, split. Cached tokens are inside the prompt everywhere, also where a vendor's own report
    contradicts itself (azure/cached-tokens of grok: 163 cached of 7 prompt tokens, total 8): the total decides."""
    cached = min(_cached(wire, asked), prompt)
    write_5m, write_1h = _cache_writes(wire, asked)
    write_1h = min(write_1h, prompt - cached)
    write_5m = min(write_5m, prompt - cached - write_1h)
    # What was heard or seen may have come from the cache; vendors say how much only in `cached_tokens_details`
    # (OpenAI realtime form), so without it the media are taken to be the part that was not cached.
    cached_by_kind = _details(asked, "cached_tokens_details")
    audio_cached = min(_count(cached_by_kind, "audio_tokens"), audio_in, cached)
    image_cached = min(_count(cached_by_kind, "image_tokens"), cached - audio_cached)
    left = prompt - cached - write_5m - write_1h
    audio_fresh = min(audio_in - audio_cached, left)
    image_fresh = min(max(0, _count(asked, "image_tokens") - image_cached), left - audio_fresh)
    # OpenRouter's report of a video prompt (openrouter/video-input) uses `video_tokens`.
    video = min(_count(asked, "video_tokens"), left - audio_fresh - image_fresh)
    return {
        "input": left - audio_fresh - image_fresh - video,
        "cache_read": cached - audio_cached - image_cached,
        "cache_write_5m": write_5m,
        "cache_write_1h": write_1h,
        "audio_in": audio_fresh,
        "audio_cache_read": audio_cached,
        "image_in": image_fresh,
        "image_cache_read": image_cached,
        "video_in": video,
    }


def _output_side(told: Mapping[str, Any], completion: int, reasoning: int) -> dict[str, int]:
    """`completion` tokens, split. Accepted and rejected prediction tokens are inside and billed alike (as
    remembered; recorded: openai/prediction), so they stay in `output`. A report may claim more thoughts than tokens
    (openrouter/error-in-stream: 11 of 10): the total decides."""
    reasoning = min(reasoning, completion)
    audio = min(_count(told, "audio_tokens"), completion - reasoning)
    image = min(_count(told, "image_tokens"), completion - reasoning - audio)
    return {
        "output": completion - reasoning - audio - image,
        "reasoning": reasoning,
        "audio_out": audio,
        "image_out": image,
    }


def _cached(wire: Mapping[str, Any], asked: Mapping[str, Any]) -> int:
    """Tokens read from a cache. One number under many names, so the largest is taken, never a sum: OpenAI
    `prompt_tokens_details.cached_tokens`; DeepSeek `prompt_cache_hit_tokens` (recorded: deepseek/cached-tokens);
    Moonshot, Together and Hugging Face `cached_tokens` at the top; Mistral `num_cached_tokens`
    (mistral/document-input); Venice and Doubleword `cache_read_input_tokens`."""
    return max(
        _count(asked, "cached_tokens"),
        _count(wire, "prompt_cache_hit_tokens"),
        _count(wire, "cached_tokens"),
        _count(wire, "num_cached_tokens"),
        _count(wire, "cache_read_input_tokens"),
    )


def _cache_writes(wire: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[int, int]:
    """Tokens written to a cache for five minutes and for an hour: OpenAI and OpenRouter
    `prompt_tokens_details.cache_write_tokens`; Qwen `prompt_tokens_details.cache_creation_input_tokens`; the Anthropic
    gateways (Vercel, Doubleword) `cache_creation_input_tokens` with `cache_creation` by life time. All inside the
    prompt."""
    by_life = _details(wire, "cache_creation") or _details(asked, "cache_creation")
    one_hour = _count(by_life, "ephemeral_1h_input_tokens") + _count(by_life, "ephemeral_24h_input_tokens")
    written = max(
        _count(asked, "cache_write_tokens"),
        _count(asked, "cache_creation_tokens"),
        _count(asked, "cache_creation_input_tokens"),
        _count(wire, "cache_creation_input_tokens"),
        one_hour + _count(by_life, "ephemeral_5m_input_tokens"),
    )
    return max(0, written - one_hour), one_hour


def _perplexity(wire: Mapping[str, Any], reasoning: int, completion: int, prompt: int) -> tuple[int, int, int]:
    """`reasoning_tokens` at the top level. Perplexity's deep research bills thoughts, and the citations it read, on top
    of a total that has neither (prices: seen 2026-11 in https://docs.perplexity.ai/getting-started/pricing); Copilot
    means thoughts inside the completion (recorded: copilot/basic)."""
    thought = _count(wire, "reasoning_tokens")
    if "search_context_size" in wire or "num_search_queries" in wire or "citation_tokens" in wire:
        return reasoning + thought, completion + thought, prompt + _count(wire, "citation_tokens")
    return max(reasoning, thought), completion, prompt


def _searches(wire: Mapping[str, Any], model: str) -> int:
    """Web searches: OpenRouter counts them in `server_tool_use_details` (earlier `server_tool_use`); xAI bills the
    sources it read; Qwen counts in `plugins.search`; Perplexity says how many queries it made, or, where it says
    nothing, bills each request as one; OpenAI's search models say nothing and search before every answer (xAI's and
    OpenAI's from their documentation as remembered, not re-read)."""
    told = max(
        _count(_details(wire, "server_tool_use_details"), "web_search_requests"),
        _count(_details(wire, "server_tool_use"), "web_search_requests"),
        _count(wire, "num_search_queries"),
        _count(wire, "num_sources_used"),
        _count(_details(_details(wire, "plugins"), "search"), "count"),
    )
    return told or int("search_context_size" in wire or "-search-preview" in model or "-search-api" in model)


def _count(wire: Mapping[str, Any], name: str) -> int:
    value = wire.get(name)
    if isinstance(value, float) and 0 < value < 1e15:
        value = int(value)
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0


def _details(wire: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = wire.get(name)
    return value if isinstance(value, dict) else {}


def encode_usage(usage: Usage) -> dict[str, Any]:
    """Quantities as OpenAI nests them: cached, audio and image tokens inside the prompt; thoughts, audio and image
    inside the completion; searches as OpenRouter counts them."""
    asked: dict[str, Any] = {"cached_tokens": usage.cache_read + usage.audio_cache_read + usage.image_cache_read}
    asked["audio_tokens"] = usage.audio_in + usage.audio_cache_read
    told: dict[str, Any] = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_out}
    told["accepted_prediction_tokens"] = told["rejected_prediction_tokens"] = 0
    if usage.audio_cache_read or usage.image_cache_read:
        by_kind = {"audio_tokens": usage.audio_cache_read, "image_tokens": usage.image_cache_read}
        asked["cached_tokens_details"] = {"text_tokens": usage.cache_read, **by_kind}
    if usage.image_in or usage.image_cache_read:
        asked["image_tokens"] = usage.image_in + usage.image_cache_read
    if usage.video_in:
        asked["video_tokens"] = usage.video_in
    if usage.image_out:
        told["image_tokens"] = usage.image_out
    wire: dict[str, Any] = {
        "prompt_tokens": usage.total_in,
        "completion_tokens": usage.total_out,
        "total_tokens": usage.total_in + usage.total_out,
        "prompt_tokens_details": asked,
        "completion_tokens_details": told,
    }
    if usage.cache_write_5m or usage.cache_write_1h:
        asked["cache_write_tokens"] = usage.cache_write_5m + usage.cache_write_1h
    if usage.cache_write_1h:
        by_life = {"ephemeral_5m_input_tokens": usage.cache_write_5m, "ephemeral_1h_input_tokens": usage.cache_write_1h}
        wire["cache_creation"] = by_life
    if usage.web_searches:
        wire["server_tool_use_details"] = {"web_search_requests": usage.web_searches}
    return wire
