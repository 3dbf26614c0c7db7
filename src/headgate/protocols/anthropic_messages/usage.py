"""Anthropic's token counts, un-nested.

On the wire `input_tokens` already excludes what was read from and written to the cache, `cache_creation` divides
`cache_creation_input_tokens` by lifetime, and `output_tokens` includes the thinking that `output_tokens_details` names.
A stream reports twice: what `message_delta` gives supersedes what `message_start` gave, field by field, input included.
`usage.iterations` repeats the counts per sampling step, except that a `compaction` step is in no other field
(anthropic-sdk-python 2.12, BetaUsage).
"""

import msgspec
from msgspec import Struct
from msgspec.structs import asdict, replace

from headgate.canonical.usage import Usage
from headgate.protocols.anthropic_messages.wire import Obj, complaint

Count = int | None


class CacheCreation(Struct, frozen=True):
    ephemeral_5m_input_tokens: Count = None
    ephemeral_1h_input_tokens: Count = None


class ServerToolUse(Struct, frozen=True):
    web_search_requests: Count = None


class OutputDetails(Struct, frozen=True):
    thinking_tokens: Count = None


class Iteration(Struct, frozen=True):
    type: str | None = None
    input_tokens: Count = None
    output_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation: CacheCreation | None = None


class WireUsage(Struct, frozen=True):
    """The `usage` object of an answer, of `message_start` or of `message_delta`; null and absent say nothing."""

    input_tokens: Count = None
    output_tokens: Count = None
    cache_creation_input_tokens: Count = None
    cache_read_input_tokens: Count = None
    cache_creation: CacheCreation | None = None
    output_tokens_details: OutputDetails | None = None
    server_tool_use: ServerToolUse | None = None
    iterations: list[Iteration] | None = None


def supersede(earlier: WireUsage | None, later: WireUsage) -> WireUsage:
    """What is known after a later report."""
    if earlier is None:
        return later
    return replace(earlier, **{name: value for name, value in asdict(later).items() if value is not None})


def read_usage(obj: Obj | None) -> WireUsage | None:
    """A parsed `usage` object."""
    if obj is None:
        return None
    try:
        return msgspec.convert(obj, WireUsage)
    except msgspec.ValidationError as error:
        raise complaint(error) from None


def unnest(wire: WireUsage) -> Usage:
    """The wire's counts as disjoint quantities."""
    output = _count(wire.output_tokens)
    thinking = min(output, _count(wire.output_tokens_details.thinking_tokens if wire.output_tokens_details else 0))
    searches = wire.server_tool_use.web_search_requests if wire.server_tool_use else 0
    write_5m, write_1h = _writes(wire.cache_creation_input_tokens, wire.cache_creation)
    usage = Usage(
        input=_count(wire.input_tokens),
        cache_read=_count(wire.cache_read_input_tokens),
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        output=output - thinking,
        reasoning=thinking,
        web_searches=_count(searches),
    )
    for step in wire.iterations or ():
        if step.type == "compaction":
            usage += _compaction(step)
    return usage


def _compaction(step: Iteration) -> Usage:
    write_5m, write_1h = _writes(step.cache_creation_input_tokens, step.cache_creation)
    return Usage(
        input=_count(step.input_tokens),
        cache_read=_count(step.cache_read_input_tokens),
        cache_write_5m=write_5m,
        cache_write_1h=write_1h,
        output=_count(step.output_tokens),
    )


def _writes(total: Count, split: CacheCreation | None) -> tuple[int, int]:
    """Cache writes of five minutes and of one hour. A later total without a split of its own keeps the earlier split's
    lifetime: an hour only if everything was, or as much as was."""
    five = _count(split.ephemeral_5m_input_tokens if split else 0)
    hour = _count(split.ephemeral_1h_input_tokens if split else 0)
    if total is None or total == five + hour:
        return five, hour
    hour = _count(total) if hour and not five else min(hour, _count(total))
    return _count(total) - hour, hour


def _count(value: Count) -> int:
    return max(0, value or 0)


def encode_usage(usage: Usage | None, extra: Obj) -> Obj:
    """A whole `usage` object with every field that clients rely on; `extra` is what a same-protocol upstream added."""
    known = usage or Usage()
    writes = known.cache_write_5m + known.cache_write_1h
    obj: Obj = {
        "input_tokens": known.input + known.audio_in + known.image_in + known.video_in,
        "cache_creation_input_tokens": writes,
        "cache_read_input_tokens": known.cache_read + known.audio_cache_read + known.image_cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": known.cache_write_5m,
            "ephemeral_1h_input_tokens": known.cache_write_1h,
        },
        "output_tokens": known.total_out,
    }
    if known.reasoning:
        obj["output_tokens_details"] = {"thinking_tokens": known.reasoning}
    served = extra.get("server_tool_use") or {}
    if known.web_searches or served:
        obj["server_tool_use"] = {"web_fetch_requests": 0, **served, "web_search_requests": known.web_searches}
    return {**extra, **obj}


def encode_count(tokens: int) -> bytes:
    """The answer to a token-counting request."""
    return msgspec.json.encode({"input_tokens": tokens})
