"""Reading a stream of this protocol."""

from typing import Any

import pytest

from fakes.messages import sse, told
from headgate.canonical.failure import Blame, Kind
from headgate.canonical.parts import Reasoning, ServerToolResult, Signature, Text, ToolCall
from headgate.canonical.stream import (
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Started,
    UsageReported,
    assemble,
)
from headgate.canonical.usage import Usage

START: dict[str, Any] = {
    "type": "message_start",
    "message": {"id": "msg_1", "model": "claude", "usage": {"input_tokens": 5, "output_tokens": 1}},
}
STOP: dict[str, Any] = {"type": "message_stop"}


def begin(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grow(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def end(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def last(reason: str = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


def test_a_text_is_told_event_by_event() -> None:
    """As it arrives; pings and unknown events are skipped."""
    stream = sse(
        START,
        begin(0, type="text", text=""),
        {"type": "ping"},
        grow(0, type="text_delta", text="Hi"),
        {"type": "of_tomorrow"},
        end(0),
        last(output_tokens=2),
        STOP,
    )
    assert told(stream) == [
        Started(id="msg_1", model="claude", usage=Usage(input=5, output=1)),
        PartStarted(index=0, part=Text()),
        PartDelta(index=0, text="Hi"),
        PartEnded(index=0),
        UsageReported(usage=Usage(input=5, output=2)),
        Finished(reason="stop"),
    ]


def test_a_thought_ends_with_its_signature() -> None:
    """Empty signatures are none."""
    parts = told(
        sse(
            START,
            begin(0, type="thinking", thinking="", signature=""),
            grow(0, type="thinking_delta", thinking="hm"),
            grow(0, type="signature_delta", signature=""),
            grow(0, type="signature_delta", signature="Er"),
            end(0),
            begin(1, type="redacted_thinking", data="Em"),
            end(1),
            last(),
            STOP,
        )
    )
    assert assemble(parts).candidates[0].parts == (
        Reasoning(text="hm", signature=Signature("anthropic_messages", "Er")),
        Reasoning(redacted=Signature("anthropic_messages", "Em")),
    )


@pytest.mark.parametrize(
    ("given", "pieces", "arguments"),
    [
        ({}, ["", '{"a"', ": 1}"], '{"a": 1}'),
        ({}, [], "{}"),
        ({"a": 1}, [], '{"a":1}'),
        ({"a": 1}, ['{"b":2}'], '{"b":2}'),
    ],
)
def test_a_tools_arguments_come_in_deltas_or_at_once(given: object, pieces: list[str], arguments: str) -> None:
    """Some hosts give the whole input at the start; a tool without input has an empty object."""
    deltas = [grow(0, type="input_json_delta", partial_json=piece) for piece in pieces]
    stream = sse(
        START, begin(0, type="tool_use", id="t", name="f", input=given), *deltas, end(0), last("tool_use"), STOP
    )
    answer = assemble(told(stream))
    assert answer.candidates[0].parts == (ToolCall(id="t", name="f", arguments=arguments),)
    assert answer.candidates[0].finish == "tool_calls"


def test_a_block_that_is_only_kept_is_told_whole() -> None:
    """Also where a beta lets it grow."""
    parts = told(
        sse(
            START,
            begin(0, type="compaction", content=None),
            grow(0, type="compaction_delta", content="so far"),
            end(0),
            last(),
            STOP,
        )
    )
    part = assemble(parts).candidates[0].parts[0]
    assert isinstance(part, ServerToolResult)
    assert part.provider_data == {"anthropic_messages": {"type": "compaction", "content": "so far"}}


def test_a_text_may_begin_with_words_and_sources() -> None:
    """Nothing given at the start is lost."""
    cited = {"type": "page_location", "document_title": "D", "cited_text": "x"}
    answer = assemble(told(sse(START, begin(0, type="text", text="Hi", citations=[cited]), last(), STOP)))
    part = answer.candidates[0].parts[0]
    assert isinstance(part, Text)
    assert part.text == "Hi"
    assert part.citations[0].title == "D"


def test_what_stands_beside_the_end_is_kept() -> None:
    """Stop details, container and the usage's other fields."""
    delta = {"stop_reason": "refusal", "stop_details": {"category": "cyber"}, "container": None}
    event = {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0, "speed": "fast"}, "x": 1}
    finished = told(sse(START, event, STOP))[-1]
    assert finished == Finished(
        reason="refusal",
        provider_data={
            "anthropic_messages": {"x": 1, "stop_details": {"category": "cyber"}, "usage": {"speed": "fast"}}
        },
    )


def test_an_error_event_ends_all() -> None:
    """Nothing follows a failure."""
    error = {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}}
    events = told(sse(START, error, begin(0, type="text", text="x"), STOP))
    assert len(events) == 2
    failed = events[1]
    assert isinstance(failed, Failed)
    assert (failed.failure.kind, failed.failure.message) == (Kind.RATE_LIMITED, "slow")


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        sse(START),
        sse(START, begin(0, type="text", text="x"), end(0), last()),
        sse(START, begin(0, type="text", text="x")) + b'event: content_block_delta\ndata: {"type":"content_',
        sse(START, begin(0, type="text", text=""), begin(0, type="text", text="")),
        sse(START, grow(3, type="text_delta", text="x")),
        sse({"type": "message_start"}),
        sse({"type": "content_block_start", "index": 0}),
        sse(START, begin(0, type="tool_use")),
        b"data: {]\n\n",
        b'data: {"type":7}\n\n',
        b"data: {" + b'"a":[' * 50_000 + b"\n\n",
    ],
)
def test_a_stream_that_breaks_off_or_cannot_be_read_fails_once(stream: bytes) -> None:
    """The last event says so, and blames the upstream."""
    events = told(stream)
    assert [isinstance(event, Failed) for event in events].count(True) == 1
    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.failure.blame is Blame.UPSTREAM


def test_a_last_event_without_its_blank_line_counts() -> None:
    """The upstream closed in time."""
    assert told(sse(START, last(), STOP)[:-1])[-1] == Finished(reason="stop")
