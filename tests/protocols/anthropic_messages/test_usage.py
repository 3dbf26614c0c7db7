"""Un-nesting Anthropic's counts."""

import msgspec
import pytest

from headgate.canonical.failure import Refused
from headgate.canonical.usage import Usage
from headgate.protocols.anthropic_messages.usage import (
    CacheCreation,
    Iteration,
    WireUsage,
    encode_count,
    encode_usage,
    read_usage,
    supersede,
    unnest,
)


def test_every_token_is_counted_once() -> None:
    """Input excludes the cache already; cache writes are split by lifetime, thinking is taken out of the output."""
    wire = read_usage(
        {
            "input_tokens": 10,
            "cache_read_input_tokens": 20,
            "cache_creation_input_tokens": 30,
            "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
            "output_tokens": 40,
            "output_tokens_details": {"thinking_tokens": 15},
            "server_tool_use": {"web_search_requests": 3, "web_fetch_requests": 1},
        }
    )
    assert wire is not None
    usage = unnest(wire)
    assert usage == Usage(
        input=10, cache_read=20, cache_write_5m=10, cache_write_1h=20, output=25, reasoning=15, web_searches=3
    )
    assert (usage.total_in, usage.total_out) == (60, 40)


@pytest.mark.parametrize(
    ("total", "five", "hour", "expected"),
    [
        (None, 5, 7, (5, 7)),
        (12, 5, 7, (5, 7)),
        (9, None, None, (9, 0)),
        (20, 5, 7, (13, 7)),
        (20, 0, 7, (0, 20)),
        (3, 5, 7, (0, 3)),
    ],
)
def test_a_total_without_its_split_keeps_the_earlier_lifetimes(
    total: int | None, five: int | None, hour: int | None, expected: tuple[int, int]
) -> None:
    """`message_delta` repeats only the total of the cache writes."""
    start = WireUsage(cache_creation=CacheCreation(five, hour))
    usage = unnest(supersede(start, WireUsage(cache_creation_input_tokens=total)))
    assert (usage.cache_write_5m, usage.cache_write_1h) == expected


def test_a_compaction_step_is_added_and_other_steps_are_not() -> None:
    """Its tokens are in no other field; a message step repeats what is."""
    steps = [Iteration("message", 5, 5), Iteration("compaction", 7, 8, cache_read_input_tokens=9)]
    usage = unnest(WireUsage(input_tokens=5, output_tokens=5, iterations=steps))
    assert usage == Usage(input=12, output=13, cache_read=9)


def test_absurd_counts_do_no_harm() -> None:
    """More thinking than output, or less than nothing, cannot make a negative price."""
    wire = read_usage({"input_tokens": -4, "output_tokens": 3, "output_tokens_details": {"thinking_tokens": 9}})
    assert wire is not None
    assert unnest(wire) == Usage(reasoning=3)
    with pytest.raises(Refused):
        read_usage({"input_tokens": "many"})
    assert read_usage(None) is None


def test_a_usage_object_has_every_field_clients_rely_on() -> None:
    """Media tokens have no field of their own here, so they count as input."""
    told = encode_usage(
        Usage(input=1, image_in=2, audio_in=3, cache_read=4, cache_write_1h=5, output=6, reasoning=7), {}
    )
    assert told == {
        "input_tokens": 6,
        "cache_creation_input_tokens": 5,
        "cache_read_input_tokens": 4,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 5},
        "output_tokens": 13,
        "output_tokens_details": {"thinking_tokens": 7},
    }
    assert encode_usage(None, {})["output_tokens"] == 0
    assert encode_usage(Usage(web_searches=2), {})["server_tool_use"] == {
        "web_search_requests": 2,
        "web_fetch_requests": 0,
    }


def test_a_count_is_answered() -> None:
    """The answer to `count_tokens`."""
    assert msgspec.json.decode(encode_count(14)) == {"input_tokens": 14}
