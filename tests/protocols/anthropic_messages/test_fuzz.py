"""Whatever comes from outside, only a `Refused` comes out."""

import copy
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.messages import ADAPTIVE, BUDGET, asking
from headgate.canonical.codec import Patch
from headgate.canonical.failure import Refused
from headgate.canonical.quirks import Target
from headgate.canonical.stream import StreamEvent
from headgate.protocols.anthropic_messages import CODEC

NAMES = """text type role user assistant content messages tool_use tool_result thinking input image source base64 data
usage model name id error message index delta"""
WORDS = st.sampled_from(NAMES.split())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=25,
)
REQUEST: dict[str, Any] = {
    "model": "claude",
    "max_tokens": 50,
    "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0"}},
                {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "t", "signature": "Er"},
                {"type": "text", "text": "x", "citations": [{"type": "page_location", "document_title": "D"}]},
                {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
                {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "x", "url": 1}]},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "7"}]}],
        },
    ],
    "tools": [
        {"name": "f", "input_schema": {"type": "object"}, "strict": True},
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "user_location": {"city": "Rome"}},
    ],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {}}},
    "metadata": {"user_id": "u"},
}
ANSWER: dict[str, Any] = {
    "id": "msg_1",
    "model": "claude",
    "content": REQUEST["messages"][1]["content"],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1, "output_tokens": 2, "cache_creation": {"ephemeral_5m_input_tokens": 1}},
}
EVENTS: list[dict[str, Any]] = [
    {"type": "message_start", "message": {**ANSWER, "content": []}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "content_block_start",
        "index": 1,
        "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
    },
    {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": "{}"}},
    {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 3}},
    {"type": "message_stop"},
]


def spoilt(value: Any, pick: random.Random) -> Any:
    """The value with one thing somewhere inside replaced by nonsense, or taken away."""
    spoiled = copy.deepcopy(value)
    place = spoiled
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = pick.choice(keys)
        if isinstance(place[key], dict | list) and place[key] and pick.random() < 0.8:
            place = place[key]
            continue
        if pick.random() < 0.2:
            del place[key]
        else:
            place[key] = pick.choice([None, 7, -1, 1.5, True, "", "x", [], {}, [1], {"a": 1}, [[]], 10**30, "hgid_x"])
        return spoiled


def survives(call: Callable[[], object]) -> None:
    with suppress(Refused):
        call()


def ask(body: bytes) -> None:
    survives(lambda: CODEC.peek(body, None))
    survives(lambda: CODEC.patch(body, Patch(model="m", max_output_tokens=5)))
    survives(lambda: CODEC.encode_request(CODEC.decode_request(body, None, False), Target(model="m", quirks=BUDGET)))
    survives(lambda: CODEC.encode_request(CODEC.decode_request(body, None, False), Target(model="m", quirks=ADAPTIVE)))


def answer(body: bytes) -> None:
    survives(lambda: CODEC.read(body))
    survives(lambda: CODEC.read_delivered(body))
    survives(lambda: CODEC.encode_response(CODEC.decode_response(body), asking()))
    assert CODEC.decode_error(500, {}, body).message


def stream(body: bytes) -> None:
    meter = CODEC.meter(False)
    meter.feed(body)
    meter.close()
    decoder, encoder = CODEC.stream_decoder(), CODEC.stream_encoder(asking())
    events: list[StreamEvent] = [*decoder.feed(body), *decoder.close()]
    encoder.feed(events)
    encoder.close()


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_any_json_is_answered_or_refused(value: Any) -> None:
    """As a request, as an answer, as an event."""
    body = msgspec.json.encode(value)
    ask(body)
    answer(body)
    stream(b"data: " + body + b"\n\n")


@settings(max_examples=150, deadline=None)
@given(st.binary())
def test_any_bytes_are_answered_or_refused(body: bytes) -> None:
    """Also what is no JSON at all."""
    ask(body)
    answer(body)
    stream(body)
    stream(b"data: {" + body + b"}\n\n")


def test_a_good_exchange_with_one_thing_spoilt_is_answered_or_refused() -> None:
    """Near misses reach deeper than noise."""
    pick = random.Random(7)
    for _ in range(1500):
        ask(msgspec.json.encode(spoilt(REQUEST, pick)))
        answer(msgspec.json.encode(spoilt(ANSWER, pick)))
    for _ in range(700):
        events = spoilt(EVENTS, pick)
        stream(b"".join(b"data: %s\n\n" % msgspec.json.encode(event) for event in events))


def test_deep_nesting_is_refused_everywhere() -> None:
    """In a tool's input, a schema, an unknown block."""
    deep = b'{"a":' * 3000 + b"1" + b"}" * 3000
    for place in (
        b'{"model":"m","messages":[{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":%s}]}]}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[{"name":"f","input_schema":%s}]}',
        b'{"model":"m","messages":[{"role":"user","content":[{"type":"odd","x":%s}]}]}',
    ):
        ask(place % deep)
        ask(place % (b'{"a":' * 600 + b"1" + b"}" * 600))
