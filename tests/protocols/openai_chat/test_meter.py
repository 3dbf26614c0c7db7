"""Reading a stream as it passes."""

import json
from typing import Any

import pytest

from headgate.canonical.codec import Delivered
from headgate.canonical.failure import Blame, Kind, Refused
from headgate.canonical.sample import SAMPLE_CHARS
from headgate.canonical.usage import Usage
from headgate.protocols.openai_chat.meter import ChatMeter, read, read_delivered

DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **members: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c", "model": "m-1", "choices": choices, **members}).encode() + b"\n\n"


def test_plain_stream_passes_and_is_metered() -> None:
    """Role and headers are no beginning; text is; the finish is not yet the end."""
    meter = ChatMeter(True)
    assert meter.feed(chunk({"role": "assistant", "content": ""})) == chunk({"role": "assistant", "content": ""})
    assert not meter.begun
    meter.feed(chunk({"content": "Hello"}))
    assert (meter.begun, meter.model, meter.tokens) == (True, "m-1", 1)
    meter.feed(chunk({}, "stop"))
    assert (meter.finish, meter.ended, meter.usage) == ("stop", False, None)
    meter.feed(chunk(usage=USAGE))
    assert meter.usage == Usage(input=3, output=2)
    assert meter.feed(DONE) == DONE
    assert meter.ended


def test_usage_chunk_is_hidden_from_a_caller_who_did_not_ask() -> None:
    """Only the chunk that metering asked for: usage beside a choice passes, and so do Azure's chunks without either."""
    meter = ChatMeter(False)
    filtered = chunk(prompt_filter_results=[])
    beside = chunk({"content": "x"}, "stop", usage=USAGE)
    assert meter.feed(filtered + beside + chunk(usage=USAGE) + DONE) == filtered + beside + DONE
    assert meter.usage == Usage(input=3, output=2)


def test_half_a_frame_waits() -> None:
    """Whole frames only: the gateway may have to end the stream between two of them."""
    frame = chunk({"content": "x"})
    meter = ChatMeter(True)
    assert meter.feed(frame[:20]) == b""
    assert meter.feed(frame[20:] + frame[:5]) == frame
    assert meter.close() == b""
    assert not meter.ended


def test_last_frame_without_its_blank_line_is_completed() -> None:
    """Some servers stop writing at the last brace."""
    meter = ChatMeter(True)
    assert meter.feed(b"data: [DONE]") == b""
    assert meter.close() == DONE
    assert meter.ended


def test_stream_that_closes_after_its_finish_has_ended() -> None:
    """Perplexity sends no [DONE] (recorded: perplexity/stream-citations)."""
    meter = ChatMeter(True)
    meter.feed(chunk({"content": "x"}, "stop"))
    assert not meter.ended
    meter.close()
    assert meter.ended


def test_everything_countable_is_delivered() -> None:
    """Text, thoughts, tool calls of all kinds, refusals, transcripts."""
    meter = ChatMeter(True)
    for delta in (
        {"content": "a"},
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "T"}]}, {"type": "text", "text": "b"}]},
        {"reasoning_content": "U"},
        {"reasoning": "V"},
        {"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": "{}"}}]},
        {"tool_calls": [{"index": 1, "type": "custom", "custom": {"name": "g", "input": "h"}}]},
        {"function_call": {"arguments": "i"}},
        {"refusal": "j"},
        {"audio": {"transcript": "k", "data": "AAAA"}},
    ):
        meter.feed(chunk(delta))
    assert meter.delivered() == Delivered(text="abf{}ghijk", reasoning_text="TUV", text_chars=10, reasoning_chars=3)


def test_long_text_is_kept_in_part_and_counted_whole() -> None:
    """Memory is bounded; the number of characters scales a count of the part."""
    meter = ChatMeter(True)
    for _ in range(20):
        meter.feed(chunk({"content": "é" * 5000}))
    delivered = meter.delivered()
    assert (len(delivered.text), delivered.text_chars) == (SAMPLE_CHARS, 100_000)
    assert meter.tokens == 100_000


def test_image_begins_an_answer() -> None:
    """OpenRouter gives images beside the text."""
    meter = ChatMeter(True)
    meter.feed(chunk({"content": "", "images": [{"image_url": {"url": "data:..."}}]}))
    assert meter.begun


def test_limit_eaten_by_thoughts_is_an_answer() -> None:
    """Asking again would buy the same silence."""
    meter = ChatMeter(True)
    meter.feed(chunk({"content": ""}, "length"))
    assert meter.begun


@pytest.mark.parametrize(
    ("frame", "kind", "message"),
    [
        (chunk({}, error={"code": 429, "message": "slow down"}), Kind.RATE_LIMITED, "slow down"),
        (chunk(x_groq={"error": {"message": "no"}}), Kind.UPSTREAM, "no"),
        (b'data: {"error":"boom"}\n\n', Kind.UPSTREAM, "boom"),
        (b'data: {"choices":7,"error":{"message":"odd"}}\n\n', Kind.UPSTREAM, "odd"),
        (chunk({"content": ""}, "error"), Kind.UPSTREAM, "The upstream answered with status 502."),
    ],
)
def test_error_inside_a_stream_stops_it(frame: bytes, kind: Kind, message: str) -> None:
    """What came before has passed; the error and what follows do not: the gateway tells it in its own words."""
    meter = ChatMeter(True)
    first = chunk({"content": "x"})
    assert meter.feed(first + frame + first) == first
    assert meter.feed(DONE) + meter.close() == b""
    assert meter.failure is not None
    assert (meter.failure.kind, meter.failure.message, meter.ended) == (kind, message, False)


def test_endless_event_is_a_failure_of_the_upstream() -> None:
    """No exception leaves the meter for what an upstream sends."""
    meter = ChatMeter(True)
    meter.feed(b"data: ")
    megabyte = b"x" * (1 << 20)
    for _ in range(65):
        meter.feed(megabyte)
    assert meter.failure is not None
    assert meter.failure.blame is Blame.UPSTREAM


@pytest.mark.parametrize(
    "frame",
    [
        b"data: nonsense\n\n",
        b"data: 7\n\n",
        b'data: {"choices":[{"delta":{"content":7}}]}\n\n',
        b'data: {"choices":7}\n\n',
        b'data: {"model":[],"usage":"x"}\n\n',
        b'data: {"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}\n\n",
        b": OPENROUTER PROCESSING\n\n",
        b"event: ping\n\n",
        b"\xff\xfe\n\n",
    ],
)
def test_odd_frames_pass_untouched(frame: bytes) -> None:
    """What is not understood is not ours to lose."""
    meter = ChatMeter(False)
    assert meter.feed(frame) == frame
    assert meter.failure is None


def test_odd_content_still_counts() -> None:
    """An answer in an unknown form is not free."""
    meter = ChatMeter(False)
    meter.feed(b'data: {"choices":[{"delta":{"content":{"parts":["some text"]}}}],"usage":{"prompt_tokens":1}}\n\n')
    assert meter.begun
    assert meter.tokens > 1
    assert meter.usage == Usage(input=1)


def test_whole_answer_is_read() -> None:
    """Usage, model, finish and id; empty only where nothing explains it."""
    body = {"id": "c", "model": "m", "choices": [{"message": {"content": ""}, "finish_reason": "stop"}], "usage": USAGE}
    told = read(json.dumps(body).encode())
    assert (told.usage, told.empty, told.model, told.finish, told.response_id) == (
        Usage(input=3, output=2),
        True,
        "m",
        "stop",
        "c",
    )
    for message, finish in (({"content": "x"}, "stop"), ({"tool_calls": [{}]}, "stop"), ({"content": None}, "length")):
        body["choices"] = [{"message": message, "finish_reason": finish}]
        assert not read(json.dumps(body).encode()).empty


def test_whole_answer_that_is_none_is_refused() -> None:
    """An error with status 200 (recorded: azure/basic), or no JSON."""
    with pytest.raises(Refused, match="filtered"):
        read(b'{"error":{"message":"filtered"}}')
    with pytest.raises(Refused) as refused:
        read(b"<html>")
    assert refused.value.failure.blame is Blame.UPSTREAM


def test_whole_answer_is_counted() -> None:
    """All choices, and content of unknown form as text."""
    choices = [
        {"message": {"content": "a", "reasoning_content": "T"}},
        {"message": {"content": [{"type": "text", "text": "b"}], "tool_calls": [{"function": {"arguments": "c"}}]}},
    ]
    told = read_delivered(json.dumps({"choices": choices}).encode())
    assert (told.text, told.reasoning_text, told.text_chars) == ("abc", "T", 3)
    assert read_delivered(b'{"choices":[{"message":{"content":7}}]}').text
