"""Metering what passes."""

import base64

import msgspec
import pytest

from fakes.google import answer, sse
from headgate.canonical.failure import Kind, Refused
from headgate.canonical.usage import Usage
from headgate.protocols.gemini_generate import CODEC


def test_bytes_pass_unchanged_while_they_are_read() -> None:
    """Whole frames only."""
    first = sse(answer({"text": "think", "thought": True}, finish=None))
    last = {**answer({"text": "Hi"}), "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2}}
    meter = CODEC.meter(True)
    assert meter.feed(first[:20]) == b""
    assert not meter.begun
    assert meter.feed(first[20:]) == first
    assert (meter.begun, meter.ended, meter.usage, meter.finish) == (True, False, None, None)
    assert meter.feed(sse(last)) == sse(last)
    assert (meter.ended, meter.finish, meter.model) == (True, "STOP", "gemini-2.5-flash")
    assert meter.usage == Usage(input=4, output=2)
    assert meter.close() == b""
    assert (meter.delivered().text, meter.delivered().reasoning_text) == ("Hi", "think")


def test_all_candidates_must_have_ended() -> None:
    """One of two is not the end."""
    both = answer({"text": "a"})
    both["candidates"].append({"index": 1, "content": {"parts": [{"text": "x"}]}})
    meter = CODEC.meter(True)
    meter.feed(sse(both))
    assert not meter.ended
    meter.feed(sse({"candidates": [{"index": 1, "finishReason": "MAX_TOKENS"}]}))
    assert (meter.ended, meter.finish) == (True, "MAX_TOKENS")


def test_usage_after_the_end_still_counts() -> None:
    """A later report supersedes."""
    meter = CODEC.meter(True)
    meter.feed(sse(answer({"text": "a"}), {"usageMetadata": {"promptTokenCount": 9}}))
    assert meter.usage == Usage(input=9)


def test_a_blocked_prompt_ends_a_stream() -> None:
    """Nothing was begun."""
    meter = CODEC.meter(True)
    meter.feed(sse({"promptFeedback": {"blockReason": 1}}))
    assert (meter.ended, meter.begun, meter.finish) == (True, False, "SAFETY")


def test_tokens_run_with_what_is_delivered() -> None:
    """Text, calls, pictures and sound, before any report."""
    meter = CODEC.meter(True)
    meter.feed(sse(answer({"text": "x" * 300}, finish=None)))
    assert meter.tokens == 100
    meter.feed(sse(answer({"functionCall": {"name": "f", "args": {"a": "b" * 290}}}, finish=None)))
    assert meter.tokens > 190
    meter.feed(sse(answer({"inlineData": {"mimeType": "image/png", "data": "AAAA"}}, finish=None)))
    assert meter.tokens > 1480
    sound = base64.b64encode(bytes(48_000)).decode()
    meter.feed(sse(answer({"inlineData": {"mimeType": "audio/L16", "data": sound}}, finish=None)))
    assert 1500 < meter.tokens < 1530
    meter.feed(sse({"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 5000}}))
    assert meter.tokens == 5000


def test_headers_and_empty_parts_begin_nothing() -> None:
    """Failover is still possible."""
    meter = CODEC.meter(True)
    meter.feed(sse(answer({"text": ""}, finish=None), {"usageMetadata": {"trafficType": "ON_DEMAND"}}))
    assert not meter.begun


def test_an_error_in_the_stream_is_seen() -> None:
    """And not passed on: the gateway tells it in its own words."""
    error = {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}}
    meter = CODEC.meter(True)
    assert meter.feed(sse(error)) == b""
    assert meter.failure is not None
    assert meter.failure.kind is Kind.RATE_LIMITED


def test_what_cannot_be_read_is_passed_on_and_counted() -> None:
    """Delivered is delivered; half a frame at the end too."""
    meter = CODEC.meter(True)
    assert meter.feed(b"data: {nonsense}\n\n") == b"data: {nonsense}\n\n"
    assert meter.begun
    assert meter.feed(b'data: {"cand') == b""
    assert meter.close() == b'data: {"cand'
    assert meter.delivered().text_chars > 0


def test_long_answers_are_kept_in_part_and_counted_in_full() -> None:
    """Memory stays bounded."""
    meter = CODEC.meter(True)
    for _ in range(10):
        meter.feed(sse(answer({"text": "x" * 20_000}, finish=None)))
    delivered = meter.delivered()
    assert (len(delivered.text), delivered.text_chars) == (65_536, 200_000)


def test_whole_answers() -> None:
    """Usage, model, finish, id; an answer that was cut or blocked is not empty."""
    body = {**answer({"text": "Hi"}), "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 2}}
    read = CODEC.read(msgspec.json.encode(body))
    assert (read.usage, read.empty, read.model, read.finish, read.response_id) == (
        Usage(input=4, output=2),
        False,
        "gemini-2.5-flash",
        "STOP",
        "r1",
    )
    assert CODEC.read_delivered(msgspec.json.encode(body)).text == "Hi"
    assert CODEC.read(msgspec.json.encode(answer({"text": ""}))).empty
    assert CODEC.read(b"{}").empty
    assert not CODEC.read(msgspec.json.encode(answer(finish="MAX_TOKENS"))).empty
    assert not CODEC.read(b'{"promptFeedback":{"blockReason":"SAFETY"}}').empty
    with pytest.raises(Refused):
        CODEC.read(b"<html>")
