"""Usage as the Responses API reports it, un-nested into disjoint quantities, and nested again.

`input_tokens` includes cached and cache-write tokens, `output_tokens` the reasoning tokens (recorded:
openai/max-tokens gpt-5.6-sol: 1220 in, 1217 of them cache writes). What hosted tools used is told beside `usage`, in
`tool_usage`, by today's OpenAI; inside `usage` by xAI; before either there was only the output to count.
"""

from collections.abc import Mapping, Sequence

from headgate.canonical.parts import Json
from headgate.canonical.usage import Usage
from headgate.protocols.openai_responses.wire import Object, encode


def decode_usage(response: Mapping[str, Json], items: Sequence[Json] | None = None) -> Usage | None:
    """The usage of a response object. `items` are its output items where they were read from events: a final event's
    `output` may be empty (recorded: chatgpt/stream-basic).

    Returns None where the upstream reports no tokens.
    """
    wire = _object(response.get("usage"))
    if "input_tokens" not in wire and "output_tokens" not in wire:
        return None
    tokens_in, tokens_out = _count(wire, "input_tokens"), _count(wire, "output_tokens")
    asked = _object(wire.get("input_tokens_details"))
    cached = min(_count(asked, "cached_tokens"), tokens_in)
    written = min(_count(asked, "cache_write_tokens"), tokens_in - cached)
    reasoning = min(_count(_object(wire.get("output_tokens_details")), "reasoning_tokens"), tokens_out)
    if not items:
        output = response.get("output")
        items = output if isinstance(output, list) else ()
    drawn = _object(_object(response.get("tool_usage")).get("image_gen"))
    drawn_in = _count(_object(drawn.get("input_tokens_details")), "image_tokens")
    drawn_out = _drawn_out(drawn)
    return Usage(
        input=tokens_in - cached - written + max(0, _count(drawn, "input_tokens") - drawn_in),
        cache_read=cached,
        cache_write_5m=written,
        output=tokens_out - reasoning + max(0, _count(drawn, "output_tokens") - drawn_out),
        reasoning=reasoning,
        image_in=drawn_in,
        image_out=drawn_out,
        web_searches=_searches(response, wire, items),
        images=sum(1 for item in items if _is_image(item)),
    )


def encode_usage(usage: Usage) -> Object:
    """Quantities as the API nests them."""
    return {
        "input_tokens": usage.total_in,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read + usage.audio_cache_read + usage.image_cache_read,
            "cache_write_tokens": usage.cache_write_5m + usage.cache_write_1h,
        },
        "output_tokens": usage.total_out,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.total_in + usage.total_out,
    }


def encode_tool_usage(usage: Usage) -> Object:
    """What hosted tools used, in the form OpenAI tells it: always, so that a search nobody bills is not counted."""
    none: Object = {"image_tokens": 0, "text_tokens": 0}
    zeros: Object = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
    return {
        "image_gen": {**zeros, "input_tokens_details": {**none}, "output_tokens_details": {**none}},
        "web_search": {"num_requests": usage.web_searches},
    }


def _drawn_out(drawn: Mapping[str, Json]) -> int:
    """Image tokens made. Where the vendor does not split them (the details are optional), all are of the image."""
    details = drawn.get("output_tokens_details")
    total = _count(drawn, "output_tokens")
    return min(_count(details, "image_tokens"), total) if isinstance(details, dict) else total


def _searches(response: Mapping[str, Json], usage: Mapping[str, Json], items: Sequence[Json]) -> int:
    """Web searches the vendor bills. Counted from the output, opening a page or looking through it is no search
    (the vendor's price list as remembered, not re-read: "search actions")."""
    told = _object(response.get("tool_usage")).get("web_search")
    if isinstance(told, dict):
        return _count(told, "num_requests")
    server_side = usage.get("server_side_tool_usage_details")
    if isinstance(server_side, dict):
        return _count(server_side, "web_search_calls") + _count(server_side, "x_search_calls")
    return sum(1 for item in items if _is_search(item))


def _is_search(item: Json) -> bool:
    if not isinstance(item, dict) or item.get("type") not in ("web_search_call", "x_search_call"):
        return False
    return _object(item.get("action")).get("type", "search") == "search"


def _is_image(item: Json) -> bool:
    return isinstance(item, dict) and item.get("type") == "image_generation_call" and bool(item.get("result"))


def _object(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, dict) else {}


def _count(wire: Mapping[str, Json], name: str) -> int:
    value = wire.get(name)
    if isinstance(value, float) and abs(value) < 1e15:
        value = int(value)
    return max(0, value) if isinstance(value, int) and not isinstance(value, bool) else 0


def encode_count(tokens: int) -> bytes:
    """The answer of `/responses/input_tokens`."""
    return encode({"object": "response.input_tokens", "input_tokens": tokens})
