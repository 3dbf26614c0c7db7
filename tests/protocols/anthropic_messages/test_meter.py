"""Reading a stream as it passes."""

from importlib import import_module
from typing import Any

import pytest

from fakes.messages import sse
from headgate.canonical.codec import Delivered
from headgate.canonical.failure import Blame, Refused
from headgate.canonical.stream import Failed
from headgate.canonical.usage import Usage
from headgate.protocols.anthropic_messages import CODEC
from headgate.protocols.anthropic_messages.meter import meter, read, read_delivered
from headgate.protocols.framing import SseFramer

HEAD: dict[str, Any] = {
    "type": "message_start",
    "message": {"model": "claude", "usage": {"input_tokens": 2000, "output_tokens": 1}},
}
TEXT_START: dict[str, Any] = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "text", "text": ""},
}


def delta(**what: str) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": 0, "delta": what}


def test_headers_pings_and_empty_blocks_are_no_beginning() -> None:
    """Only content is worth sending, so only content ends the chance of a retry."""
    gauge = meter(False)
    gauge.feed(sse(HEAD, {"type": "ping"}, TEXT_START))
    assert not gauge.begun
    gauge.feed(sse(delta(type="text_delta", text="Hi")))
    assert gauge.begun


@pytest.mark.parametrize("kind", ["tool_use", "server_tool_use", "redacted_thinking"])
def test_a_block_that_is_content_by_itself_is_a_beginning(kind: str) -> None:
    """A tool call or a hidden thought needs no delta."""
    gauge = meter(False)
    gauge.feed(sse({"type": "content_block_start", "index": 0, "content_block": {"type": kind}}))
    assert gauge.begun


def test_a_refusal_without_content_is_an_answer() -> None:
    """The stop reason is all it says; it must not be retried elsewhere as empty."""
    gauge = meter(False)
    gauge.feed(sse(HEAD, {"type": "message_delta", "delta": {"stop_reason": "end_turn"}}))
    assert not gauge.begun
    gauge.feed(sse({"type": "message_delta", "delta": {"stop_reason": "refusal"}}))
    assert gauge.begun


def test_the_last_report_supersedes_the_first_input_included() -> None:
    """On a web-search turn the input grows; a gateway that kept the first figure undercounted it five times."""
    last = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {
            "input_tokens": 11_000,
            "cache_read_input_tokens": None,
            "output_tokens": 50,
            "output_tokens_details": {"thinking_tokens": 20},
            "server_tool_use": {"web_search_requests": 2},
        },
    }
    gauge = meter(False)
    gauge.feed(sse(HEAD))
    assert gauge.usage == Usage(input=2000, output=1)
    gauge.feed(sse(last, {"type": "message_stop"}))
    assert gauge.usage == Usage(input=11_000, output=30, reasoning=20, web_searches=2)
    assert (gauge.ended, gauge.finish, gauge.tokens) == (True, "end_turn", 50)


def test_delivered_text_is_kept_for_counting() -> None:
    """Where the upstream leaves without a report, what was sent can be counted."""
    gauge = meter(False)
    gauge.feed(
        sse(
            HEAD,
            delta(type="thinking_delta", thinking="hm"),
            delta(type="text_delta", text="你好"),
            delta(type="input_json_delta", partial_json='{"a"'),
        )
    )
    assert gauge.delivered() == Delivered(text='你好{"a"', reasoning_text="hm", text_chars=6, reasoning_chars=2)
    assert gauge.tokens == 4  # 2 + 6 + 4 bytes
    assert not gauge.ended


def test_of_a_very_long_answer_the_beginning_and_the_length_are_kept() -> None:
    """Memory is bounded; a count can be scaled up."""
    gauge = meter(False)
    for _ in range(20):
        gauge.feed(sse(delta(type="text_delta", text="x" * 10_000)))
    delivered = gauge.delivered()
    assert (len(delivered.text), delivered.text_chars) == (32 * 1024, 200_000)


def test_an_error_event_is_a_failure() -> None:
    """It is noted and, with all that follows, not passed on: it may name the upstream; the gateway tells it itself."""
    gauge = meter(False)
    body = sse({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    assert gauge.feed(sse(HEAD) + body + sse(HEAD)) == sse(HEAD)
    assert gauge.feed(sse(HEAD)) == b""
    assert gauge.failure is not None
    assert (gauge.failure.http_status, gauge.failure.blame) == (529, Blame.UPSTREAM)


def test_only_whole_frames_are_passed_on() -> None:
    """Half an event at a broken end is kept back, so that an error event can follow it."""
    body = sse(HEAD, TEXT_START)
    gauge = meter(False)
    assert gauge.feed(body[:-5]) == sse(HEAD)
    assert gauge.close() == b""
    assert meter(False).close() == b""


def test_a_last_event_without_its_blank_line_is_completed() -> None:
    """The upstream closed in time but forgot the end of its last event."""
    gauge = meter(False)
    assert gauge.feed(sse({"type": "message_stop"})[:-1]) == b""
    assert gauge.close() == sse({"type": "message_stop"})
    assert gauge.ended


def test_what_cannot_be_read_passes_unread() -> None:
    """Comments, foreign events and odd types are none of the meter's business."""
    for frame in (b": ping\n\n", b"data: [DONE]\n\n", b"data: {\n\n", b'data: {"type":7}\n\n', sse({"type": "new"})):
        gauge = meter(False)
        assert gauge.feed(frame) == frame
        assert not gauge.begun


def test_an_answer_without_content_is_empty_unless_it_says_why() -> None:
    """Natural ends need content; a refusal, a stop sequence or a limit do not."""
    for reason, empty in (("end_turn", True), ("tool_use", True), ("refusal", False), ("max_tokens", False)):
        assert read(b'{"content":[{"type":"text","text":""}],"stop_reason":"%s"}' % reason.encode()).empty is empty
    assert not read(b'{"content":[{"type":"text","text":"x"}],"stop_reason":"end_turn"}').empty


def test_a_whole_answer_tells_what_it_delivered() -> None:
    """Text, arguments and thoughts."""
    body = b'{"content":[{"type":"thinking","thinking":"t"},{"type":"text","text":"a"},{"type":"tool_use","input":{}}]}'
    assert read_delivered(body) == Delivered(text="a{}", reasoning_text="t")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"content":1}', b'{"content":[],"usage":1}'])
def test_an_answer_of_another_kind_blames_the_upstream(body: bytes) -> None:
    """A page or an empty object is no Messages answer."""
    for reader in (read, read_delivered):
        with pytest.raises(Refused) as caught:
            reader(body)
        assert caught.value.failure.blame is Blame.UPSTREAM
        assert caught.value.failure.http_status == 502


def test_an_error_with_status_200_is_the_upstreams_failure() -> None:
    """Some hosts answer so."""
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
    for reader in (read, read_delivered, CODEC.decode_response):
        with pytest.raises(Refused) as caught:
            reader(body)
        assert caught.value.failure.http_status == 529


def test_an_event_without_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded: the stream is given up, in the meter as in the decoder."""
    for name in ("meter", "stream"):
        module = import_module(f"headgate.protocols.anthropic_messages.{name}")
        monkeypatch.setattr(module, "SseFramer", lambda: SseFramer(limit=100))
    gauge, decoder = meter(False), CODEC.stream_decoder()
    assert gauge.feed(b"data: " + b"x" * 200) == b""
    assert gauge.failure is not None
    assert gauge.feed(sse(HEAD)) == b""
    assert decoder.feed(b"data: " + b"x" * 200) == [Failed(failure=gauge.failure)]
    assert decoder.feed(sse(HEAD)) == []
