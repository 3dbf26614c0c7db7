"""Vendors' counts, un-nested."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from headgate.canonical.usage import Usage
from headgate.protocols.openai_chat.usage import decode_usage, encode_usage


@pytest.mark.parametrize(
    ("vendor", "wire", "usage"),
    [
        ("plain", {"prompt_tokens": 9, "completion_tokens": 4}, Usage(input=9, output=4)),
        (
            "openai",
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "total_tokens": 150,
                "prompt_tokens_details": {"cached_tokens": 30, "cache_write_tokens": 20, "audio_tokens": 10},
                "completion_tokens_details": {
                    "reasoning_tokens": 15,
                    "audio_tokens": 5,
                    "accepted_prediction_tokens": 3,
                    "rejected_prediction_tokens": 2,
                },
            },
            Usage(input=40, cache_read=30, cache_write_5m=20, audio_in=10, output=30, reasoning=15, audio_out=5),
        ),
        (
            "xai",
            {
                "prompt_tokens": 165,
                "completion_tokens": 2,
                "total_tokens": 292,
                "prompt_tokens_details": {"text_tokens": 165, "cached_tokens": 156},
                "completion_tokens_details": {"reasoning_tokens": 125},
                "num_sources_used": 4,
            },
            Usage(input=9, cache_read=156, output=2, reasoning=125, web_searches=4),
        ),
        (
            "azure-xai",
            {
                "prompt_tokens": 7,
                "completion_tokens": 1,
                "total_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 163},
            },
            Usage(cache_read=7, output=1),
        ),
        (
            "mistral",
            {
                "prompt_tokens": 9,
                "completion_tokens": 248,
                "total_tokens": 632,
                "prompt_tokens_details": {"audio_tokens": 375},
            },
            Usage(input=9, audio_in=375, output=248),
        ),
        (
            "gemini",
            {"prompt_tokens": 35, "completion_tokens": 12, "total_tokens": 109},
            Usage(input=35, output=12, reasoning=62),
        ),
        (
            "deepseek",
            {
                "prompt_tokens": 20,
                "completion_tokens": 1,
                "prompt_cache_hit_tokens": 12,
                "prompt_cache_miss_tokens": 8,
                "prompt_tokens_details": {"cached_tokens": 12},
            },
            Usage(input=8, cache_read=12, output=1),
        ),
        (
            "moonshot",
            {"prompt_tokens": 20, "completion_tokens": 1, "cached_tokens": 12},
            Usage(input=8, cache_read=12, output=1),
        ),
        (
            "copilot",
            {"prompt_tokens": 2, "completion_tokens": 9, "reasoning_tokens": 4, "total_tokens": 11},
            Usage(input=2, output=5, reasoning=4),
        ),
        (
            "perplexity",
            {"prompt_tokens": 2, "completion_tokens": 9, "total_tokens": 11, "search_context_size": "low"},
            Usage(input=2, output=9, web_searches=1),
        ),
        (
            "perplexity-research",
            {
                "prompt_tokens": 33,
                "completion_tokens": 100,
                "total_tokens": 133,
                "citation_tokens": 50,
                "num_search_queries": 18,
                "reasoning_tokens": 700,
            },
            Usage(input=83, output=100, reasoning=700, web_searches=18),
        ),
        (
            "qwen",
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": 60, "cache_creation_input_tokens": 30},
                "plugins": {"search": {"count": 2}},
            },
            Usage(input=10, image_in=60, cache_write_5m=30, output=5, web_searches=2),
        ),
        (
            "anthropic-gateways",
            {
                "prompt_tokens": 100,
                "completion_tokens": 5,
                "cache_creation_input_tokens": 30,
                "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
                "cache_read_input_tokens": 40,
            },
            Usage(input=30, cache_read=40, cache_write_5m=10, cache_write_1h=20, output=5),
        ),
        (
            "openrouter",
            {
                "prompt_tokens": 50,
                "completion_tokens": 20,
                "prompt_tokens_details": {"video_tokens": 40},
                "completion_tokens_details": {"image_tokens": 12},
                "server_tool_use_details": {"web_search_requests": 3},
            },
            Usage(input=10, video_in=40, output=8, image_out=12, web_searches=3),
        ),
        (
            "more thoughts than tokens",
            {"prompt_tokens": 1, "completion_tokens": 10, "completion_tokens_details": {"reasoning_tokens": 11}},
            Usage(input=1, reasoning=10),
        ),
    ],
)
def test_each_vendors_nesting_is_undone(vendor: str, wire: dict[str, Any], usage: Usage) -> None:
    """Every unit is counted once."""
    assert decode_usage(wire) == usage, vendor


def test_search_model_of_openai_searches_once() -> None:
    """Its reports do not say so (recorded: openai/web-search)."""
    wire = {"prompt_tokens": 1, "completion_tokens": 1}
    assert decode_usage(wire, "gpt-4o-search-preview-2025-03-11") == Usage(input=1, output=1, web_searches=1)


def test_no_usage_is_none() -> None:
    """Nothing reported is not zero tokens."""
    assert decode_usage(None) is None
    assert decode_usage({}) is None
    assert decode_usage({"queue_time": 0.1}) is None


NAMES = st.sampled_from(
    [
        "prompt_tokens",
        "completion_tokens",
        "total_tokens",
        "cached_tokens",
        "reasoning_tokens",
        "audio_tokens",
        "image_tokens",
        "video_tokens",
        "cache_write_tokens",
        "prompt_cache_hit_tokens",
        "citation_tokens",
        "num_sources_used",
    ]
)
COUNT = st.integers(-5, 50) | st.none() | st.booleans() | st.text(max_size=2) | st.floats() | st.lists(st.none())
DETAILS = st.dictionaries(NAMES, COUNT) | COUNT


@given(
    counts=st.dictionaries(NAMES, COUNT),
    prompt=DETAILS,
    completion=DETAILS,
)
def test_any_report_gives_sane_quantities(counts: dict[str, Any], prompt: object, completion: object) -> None:
    """Never negative, never more than the vendor's total where there is one, and never a crash."""
    wire = {**counts, "prompt_tokens_details": prompt, "completion_tokens_details": completion}
    usage = decode_usage(wire)
    if usage is None:
        return
    assert all(quantity >= 0 for quantity in astuple(usage))
    sides = [counts.get(name) for name in ("prompt_tokens", "completion_tokens", "total_tokens")]
    if all(isinstance(side, int) and not isinstance(side, bool) and side >= 0 for side in sides):
        whole = usage.total_in + usage.total_out
        assert "citation_tokens" in counts or whole == max(sides[2] or 0, (sides[0] or 0) + (sides[1] or 0))


QUANTITY = st.integers(0, 1000)


@given(
    usage=st.builds(
        Usage,
        input=QUANTITY,
        cache_read=QUANTITY,
        cache_write_5m=QUANTITY,
        cache_write_1h=QUANTITY,
        output=QUANTITY,
        reasoning=QUANTITY,
        audio_in=QUANTITY,
        audio_cache_read=QUANTITY,
        audio_out=QUANTITY,
        image_in=QUANTITY,
        image_cache_read=QUANTITY,
        image_out=QUANTITY,
        video_in=QUANTITY,
        web_searches=QUANTITY,
    )
)
def test_encoded_usage_is_read_back(usage: Usage) -> None:
    """Another Headgate downstream counts the same."""
    wire = encode_usage(usage)
    assert wire["prompt_tokens"] + wire["completion_tokens"] == wire["total_tokens"]
    assert decode_usage(wire) == usage
