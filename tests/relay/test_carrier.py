"""Streams told in another protocol, and as an array."""

import json

from headgate.canonical.failure import Kind
from headgate.protocols.gemini_generate import ArrayReframer
from headgate.relay.carrier import Arrayed, Translation
from headgate.relay.codecs import CODECS

CHAT, MESSAGES, GEMINI = CODECS["openai_chat"], CODECS["anthropic_messages"], CODECS["gemini_generate"]


def chunk(delta: dict[str, object], finish: str | None = None, **extra: object) -> bytes:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    body = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices} | extra
    return b"data: " + json.dumps(body).encode() + b"\n\n"


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
STREAM = (
    chunk({"role": "assistant", "content": ""})
    + chunk({"reasoning_content": "hm"})
    + chunk({"content": "Hello"})
    + chunk({}, "stop")
    + chunk({}, choices=[], usage=USAGE)
    + b"data: [DONE]\n\n"
)


def translation() -> Translation:
    request = MESSAGES.decode_request(
        b'{"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}', None, False
    )
    return Translation(CHAT, MESSAGES, request)


def test_a_stream_is_told_in_the_callers_protocol_and_metered() -> None:
    """The caller's own events come out; usage, text and thoughts are known."""
    told = translation()
    out = told.feed(STREAM) + told.close()

    events = [line[7:] for line in out.decode().splitlines() if line.startswith("event: ")]
    assert events[0] == "message_start"
    assert events[-1] == "message_stop"
    assert told.usage is not None
    assert (told.usage.input, told.usage.total_out) == (3, 2)
    assert (told.delivered().text, told.delivered().reasoning_text) == ("Hello", "hm")
    assert (told.begun, told.ended, told.finish, told.failure) == (True, True, "stop", None)


def test_events_are_told_as_they_arrive() -> None:
    """Nothing is gathered: the first word is told before the second is there."""
    told = translation()
    told_so_far = [told.feed(chunk({"role": "assistant", "content": ""}))]
    begun = [told.begun]
    told_so_far.append(told.feed(chunk({"content": "Hello"})))
    begun.append(told.begun)

    assert begun == [False, True]
    assert [b"Hello" in piece for piece in told_so_far] == [False, True]


def test_every_cut_tells_the_same() -> None:
    """However the network cuts the upstream's stream."""
    whole = translation()
    expected = whole.feed(STREAM) + whole.close()
    for place in range(1, len(STREAM)):
        told = translation()
        assert told.feed(STREAM[:place]) + told.feed(STREAM[place:]) + told.close() == expected


def test_a_stream_that_breaks_off_is_a_failure() -> None:
    """It has not ended, and what came is still known."""
    told = translation()
    told.feed(STREAM[: STREAM.index(b"Hello") + 80])
    told.close()

    assert told.failure is not None
    assert told.failure.kind is Kind.UPSTREAM
    assert not told.ended
    assert told.delivered().reasoning_text == "hm"


def test_a_gemini_stream_can_be_one_array() -> None:
    """For callers that did not ask for server-sent events."""
    frame = b'data: {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": "STOP"}]}\r\n\r\n'
    row = Arrayed(GEMINI.meter(True), ArrayReframer())
    out = row.feed(frame) + row.feed(frame) + row.close()

    assert len(json.loads(out)) == 2
    assert (row.begun, row.ended, row.finish) == (True, True, "STOP")
    assert row.delivered().text == "aa"
