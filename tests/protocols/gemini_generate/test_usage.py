"""Counts un-nested into disjoint quantities."""

from typing import Any

import msgspec
import pytest

from headgate.canonical.usage import Usage
from headgate.protocols.gemini_generate.usage import UsageReader, read_usage, write_usage
from headgate.protocols.gemini_generate.wire import MeteredAnswer, UsageMetadata


def usage_of(**counts: Any) -> Usage:
    return read_usage(msgspec.convert(counts, UsageMetadata))


def detail(**counts: int) -> list[dict[str, Any]]:
    return [{"modality": name, "tokenCount": count} for name, count in counts.items()]


def test_the_cache_is_taken_out_of_the_prompt_by_modality() -> None:
    """Recorded: gemini/video-input with a cache of video, sound and text."""
    usage = usage_of(
        promptTokenCount=17713,
        candidatesTokenCount=68,
        totalTokenCount=18602,
        thoughtsTokenCount=821,
        cachedContentTokenCount=17379,
        promptTokensDetails=detail(TEXT=16, VIDEO=15780, AUDIO=1917),
        cacheTokensDetails=detail(AUDIO=1881, TEXT=15, VIDEO=15483),
    )
    assert usage == Usage(
        input=1, cache_read=15498, audio_in=36, audio_cache_read=1881, video_in=297, output=68, reasoning=821
    )
    assert usage.total_in == 17713
    assert usage.total_out == 68 + 821


def test_details_may_leave_the_cache_out() -> None:
    """Recorded: gemini/cached-tokens--gemini-1-5-flash-002."""
    usage = usage_of(
        promptTokenCount=88830,
        candidatesTokenCount=38,
        totalTokenCount=88868,
        cachedContentTokenCount=88759,
        promptTokensDetails=detail(TEXT=71),
    )
    assert usage == Usage(input=71, cache_read=88759, output=38)


def test_a_cache_without_details_is_text_first() -> None:
    """No modality is counted below zero."""
    counts = {"promptTokenCount": 100, "cachedContentTokenCount": 60, "promptTokensDetails": detail(TEXT=30, IMAGE=70)}
    assert usage_of(**counts) == Usage(cache_read=30, image_cache_read=30, image_in=40)


def test_text_beside_pictures_is_what_is_left() -> None:
    """Recorded: gemini/image-output--gemini-2-5-flash-image names only the picture's tokens."""
    usage = usage_of(promptTokenCount=5, candidatesTokenCount=1304, candidatesTokensDetails=detail(IMAGE=1290))
    assert usage == Usage(input=5, output=14, image_out=1290)


def test_numbers_for_names() -> None:
    """enum-encoding=int."""
    counts = [{"modality": 2, "tokenCount": 7}, {"modality": 4, "tokenCount": 2}, {"modality": 5, "tokenCount": 1}]
    assert usage_of(promptTokenCount=10, promptTokensDetails=counts) == Usage(input=1, image_in=7, audio_in=2)


def test_what_tools_read_is_input() -> None:
    """Recorded: gemini/stream-code-execution--gemini-3-flash-preview."""
    usage = usage_of(
        candidatesTokenCount=157,
        promptTokenCount=265,
        thoughtsTokenCount=174,
        toolUsePromptTokenCount=630,
        totalTokenCount=1226,
    )
    assert usage == Usage(input=895, output=157, reasoning=174)
    assert usage.total_in + usage.total_out == 1226


def test_thoughts_inside_candidates_are_counted_once() -> None:
    """Where prompt and candidates are already the total."""
    usage = usage_of(promptTokenCount=10, candidatesTokenCount=50, thoughtsTokenCount=30, totalTokenCount=60)
    assert usage == Usage(input=10, output=20, reasoning=30)


def test_odd_reports_never_go_below_zero() -> None:
    """new-api #5003: negative input."""
    usage = usage_of(promptTokenCount=5, cachedContentTokenCount=9, promptTokensDetails=detail(IMAGE=50, AUDIO=-3))
    assert min(msgspec.structs.asdict(usage).values()) == 0
    assert usage.total_in == 5


def test_the_last_report_counts_and_empty_ones_do_not() -> None:
    """Early frames estimate the prompt too high; Vertex begins with reports of nothing (wire vertex)."""
    reader = UsageReader()
    early = UsageReader()
    assert not early.read(answer(usageMetadata={"trafficType": "ON_DEMAND"}))
    assert early.usage is None
    assert reader.read(answer(usageMetadata={"promptTokenCount": 16, "totalTokenCount": 16}))
    assert reader.read(
        answer(usageMetadata={"promptTokenCount": 13, "candidatesTokenCount": 36, "serviceTier": "standard"})
    )
    assert not reader.read(answer(usageMetadata={"trafficType": "ON_DEMAND"}))
    assert (reader.usage, reader.service_tier) == (Usage(input=13, output=36), "standard")


def answer(**fields: Any) -> MeteredAnswer:
    return msgspec.json.decode(msgspec.json.encode(fields), type=MeteredAnswer)


@pytest.mark.parametrize(("model", "searches"), [("gemini-2.5-pro", 1), ("gemini-3-flash-preview", 2)])
def test_searches_are_billed_by_prompt_or_by_query(model: str, searches: int) -> None:
    """A prompt up to 2.5, each distinct query from 3 on; empty queries are free."""
    grounding = {"webSearchQueries": ["a", "b", "a", ""], "groundingChunks": [{"web": {"uri": "u"}}]}
    reader = UsageReader()
    counts = {"promptTokenCount": 1}
    reader.read(
        answer(candidates=[{"groundingMetadata": grounding}], usageMetadata=counts, modelVersion=model),
    )
    reader.read(answer(usageMetadata=counts))
    assert reader.usage is not None
    assert reader.usage.web_searches == searches


def test_maps_and_files_are_no_web_searches() -> None:
    """They are grounded too, but not by the web."""
    reader = UsageReader()
    grounding = {"groundingChunks": [{"maps": {"uri": "u"}}]}
    reader.read(answer(candidates=[{"groundingMetadata": grounding}], usageMetadata={"promptTokenCount": 1}))
    assert reader.usage == Usage(input=1)


def test_written_usage_reads_the_same() -> None:
    """Nested and un-nested again."""
    usage = Usage(
        input=1,
        cache_read=2,
        output=3,
        reasoning=4,
        audio_in=5,
        audio_cache_read=6,
        audio_out=7,
        image_in=8,
        image_cache_read=9,
        image_out=10,
        video_in=11,
    )
    assert read_usage(msgspec.convert(write_usage(usage), UsageMetadata)) == usage
    assert write_usage(usage)["totalTokenCount"] == usage.total_in + usage.total_out
