"""Writing a stream of this protocol from any other's events."""

from typing import Any

import pytest
from anthropic.types import RawMessageStreamEvent
from pydantic import TypeAdapter

from fakes.messages import asking, events_of, sse, streamed, told
from headgate.canonical.failure import Blame, Failure, Kind
from headgate.canonical.parts import (
    Audio,
    Citation,
    Image,
    Part,
    Reasoning,
    Refusal,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Source,
    Text,
    ToolCall,
)
from headgate.canonical.stream import (
    Candidate,
    Failed,
    Finished,
    PartDelta,
    PartEnded,
    PartStarted,
    Response,
    Started,
    StreamEvent,
    UsageReported,
    assemble,
    disassemble,
)
from headgate.canonical.usage import Usage
from headgate.protocols.anthropic_messages import CODEC
from headgate.protocols.anthropic_messages.thinking import unseal

EVENT: TypeAdapter[RawMessageStreamEvent] = TypeAdapter(RawMessageStreamEvent)
STARTED = Started(id="chatcmpl-1", model="gpt")
DONE = Finished(reason="stop")


def telling(*parts: Part) -> list[dict[str, Any]]:
    """An answer of another protocol as a stream of this one, every event checked by Anthropic's own types."""
    response = Response(id="r", model="m", candidates=(Candidate(parts=parts),), usage=Usage(input=7, output=3))
    events = streamed(list(disassemble(response)))
    for event in events:
        EVENT.validate_python(event)
    grammar(events)
    return events


def grammar(events: list[dict[str, Any]]) -> None:
    """One open block at a time, indexes rising from 0, the frame around them whole."""
    kinds = [event["type"] for event in events]
    assert kinds[0] == "message_start"
    assert kinds[-2:] == ["message_delta", "message_stop"]
    open_block, following = None, 0
    for event in events[1:-2]:
        if event["type"] == "content_block_start":
            assert open_block is None
            assert event["index"] == following
            open_block, following = following, following + 1
        elif event["type"] == "content_block_stop":
            assert event["index"] == open_block
            open_block = None
        else:
            assert event["type"] == "content_block_delta"
            assert event["index"] == open_block
    assert open_block is None


def deltas(events: list[dict[str, Any]], index: int = 0) -> list[dict[str, Any]]:
    return [event["delta"] for event in events if event["type"] == "content_block_delta" and event["index"] == index]


def blocks(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event["content_block"] for event in events if event["type"] == "content_block_start"]


def test_a_chat_stream_becomes_a_messages_stream() -> None:
    """The whole skeleton, and the usage that came last in `message_delta`, input included (peers #4760)."""
    events = streamed(
        [
            STARTED,
            PartStarted(index=0, part=Text()),
            PartDelta(index=0, text="Hi"),
            PartEnded(index=0),
            Finished(reason="length"),
            UsageReported(usage=Usage(input=9, cache_read=4, output=2)),
        ]
    )
    grammar(events)
    message = events[0]["message"]
    assert (message["id"], message["model"], message["content"], message["stop_reason"]) == (
        "chatcmpl-1",
        "gpt",
        [],
        None,
    )
    assert message["usage"]["input_tokens"] == 0
    assert events[-2]["delta"] == {"stop_reason": "max_tokens", "stop_sequence": None}
    usage = events[-2]["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (9, 4, 2)


def test_each_event_is_written_as_it_comes() -> None:
    """Nothing waits but the end."""
    encoder = CODEC.stream_encoder(asking())
    assert events_of(encoder.feed([STARTED]))
    assert events_of(encoder.feed([PartStarted(index=4, part=Text())]))
    assert [event["index"] for event in events_of(encoder.feed([PartDelta(index=4, text="a")]))] == [0]


def test_interleaved_tool_calls_are_told_one_after_the_other() -> None:
    """Only what must wait does: the first call is told as it grows."""
    encoder = CODEC.stream_encoder(asking())
    live = encoder.feed(
        [
            STARTED,
            PartStarted(index=0, part=ToolCall(id="a", name="f")),
            PartStarted(index=1, part=ToolCall(id="b", name="g")),
            PartStarted(index=2, part=ToolCall(id="c", name="h")),
            PartDelta(index=1, text='{"y":'),
            PartDelta(index=0, text='{"x":1}'),
            PartDelta(index=1, text="2}"),
            PartEnded(index=1),
        ]
    )
    assert [event.get("delta", {}).get("partial_json") for event in events_of(live)] == [None, None, '{"x":1}']
    rest = encoder.feed([PartEnded(index=0), PartDelta(index=2, text="{}"), Finished(reason="tool_calls")])
    events = events_of(live + rest + encoder.close())
    grammar(events)
    assert [block["id"] for block in blocks(events)] == ["a", "b", "c"]
    assert [delta["partial_json"] for delta in deltas(events, 1)] == ['{"y":', "2}"]
    assert [delta["partial_json"] for delta in deltas(events, 2)] == ["{}"]
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_very_many_waiting_parts_are_no_danger() -> None:
    """No recursion over them."""
    calls: list[StreamEvent] = [PartStarted(index=at, part=ToolCall(id=f"t{at}", name="f")) for at in range(3000)]
    ends: list[StreamEvent] = [PartEnded(index=at) for at in reversed(range(3000))]
    events = streamed([STARTED, *calls, *ends, DONE])
    grammar(events)
    assert len(blocks(events)) == 3000


def test_thoughts_are_told_with_their_signature_before_the_end() -> None:
    """Sealed where another vendor made them, without one where there is none."""
    signed = Reasoning(text="b", id="rs_1", signature=Signature("openai_responses", "g"))
    events = telling(Reasoning(text="a"), signed, Reasoning(redacted=Signature("openai_responses", "h")))
    assert [delta["type"] for delta in deltas(events, 0)] == ["thinking_delta"]
    assert [delta["type"] for delta in deltas(events, 1)] == ["thinking_delta", "signature_delta"]
    assert unseal("b", deltas(events, 1)[1]["signature"]) == signed
    assert [block["type"] for block in blocks(events)] == ["thinking", "thinking", "redacted_thinking"]
    assert blocks(events)[0] == {"type": "thinking", "thinking": "", "signature": ""}


def test_a_custom_tools_text_streams_as_its_input() -> None:
    """Escaped piece by piece."""
    events = streamed(
        [
            STARTED,
            PartStarted(index=0, part=ToolCall(id="a", name="f", custom=True)),
            PartDelta(index=0, text='say "x'),
            PartDelta(index=0, text='"\n'),
            PartEnded(index=0),
            DONE,
        ]
    )
    assert "".join(delta["partial_json"] for delta in deltas(events)) == '{"input":"say \\"x\\"\\n"}'
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_parts_of_every_kind_have_their_place() -> None:
    """Refusals, searches, pictures and speech."""
    events = telling(
        Refusal(text="No."),
        ServerToolCall(id="w", name="web_search", input='{"query":"q"}'),
        ServerToolResult(call_id="w", name="web_search", results=(SearchResult(url="https://a", title="A"),)),
        ServerToolCall(id="i", name="image_generation", input="{}"),
        Image(source=Source(data="QQ==", media_type="image/png")),
        Audio(source=Source(data="QQ=="), transcript="Hello"),
        Text(text="ok", citations=(Citation(url="https://a"), Citation(title="nowhere"))),
    )
    assert [block["type"] for block in blocks(events)] == [
        "text",
        "server_tool_use",
        "web_search_tool_result",
        "text",
        "text",
        "text",
    ]
    assert deltas(events, 1)[0]["partial_json"] == '{"query":"q"}'
    assert deltas(events, 3)[0]["text"] == "![image](data:image/png;base64,QQ==)"
    assert deltas(events, 4)[0]["text"] == "Hello"
    assert [delta["type"] for delta in deltas(events, 5)] == ["text_delta", "citations_delta"]
    assert events[-2]["delta"]["stop_reason"] == "refusal"


def test_what_a_part_holds_at_its_start_is_told() -> None:
    """A decoder may have words already."""
    events = streamed([STARTED, PartStarted(index=0, part=Text(text="Hi")), DONE])
    assert deltas(events) == [{"type": "text_delta", "text": "Hi"}]


def test_other_candidates_are_not_told() -> None:
    """There is one answer here."""
    other: list[StreamEvent] = [
        PartStarted(index=1, candidate=1, part=Text()),
        PartDelta(index=1, text="b"),
        PartEnded(index=1),
        Finished(reason="length", candidate=1),
    ]
    events = streamed([STARTED, PartStarted(index=0, part=Text(text="a")), *other, PartEnded(index=0), DONE])
    grammar(events)
    assert len(blocks(events)) == 1
    assert events[-2]["delta"]["stop_reason"] == "end_turn"


def test_a_failure_is_an_error_event_and_the_last() -> None:
    """Also nothing on closing (peers #7066)."""
    encoder = CODEC.stream_encoder(asking())
    failure = Failure(kind=Kind.OVERLOADED, message="Overloaded", blame=Blame.UPSTREAM)
    written = encoder.feed([STARTED, Failed(failure=failure), PartStarted(index=0, part=Text(text="x"))])
    events = events_of(written)
    assert [event["type"] for event in events] == ["message_start", "error"]
    assert events[1]["error"] == {"type": "overloaded_error", "message": "Overloaded"}
    assert encoder.close() == b""
    assert encoder.feed([DONE]) == b""


def test_a_stream_without_an_end_is_not_ended_as_if_it_had_one() -> None:
    """The client must not take half an answer for a whole one."""
    assert [event["type"] for event in streamed([STARTED])] == ["message_start", "error"]
    assert [event["type"] for event in streamed([])] == ["error"]


def test_closing_twice_writes_once() -> None:
    """After the end there is nothing."""
    encoder = CODEC.stream_encoder(asking(model="asked"))
    first = events_of(encoder.feed([DONE]) + encoder.close())
    assert first[0]["message"]["model"] == "asked"
    assert encoder.close() == b""


@pytest.mark.parametrize(
    "part",
    [
        Text(text="a", citations=(Citation(url="https://a", cited_text="x"),)),
        ToolCall(id="t", name="f", arguments='{"a":1}'),
    ],
)
def test_an_answer_says_the_same_when_read_again(part: Part) -> None:
    """Written here and decoded here."""
    response = Response(
        id="r", model="m", candidates=(Candidate(parts=(part,), finish="tool_calls"),), usage=Usage(input=1)
    )
    assert assemble(told(sse(*streamed(list(disassemble(response)))))) == response


def test_arguments_that_are_null_are_not_told() -> None:
    """A client would take them for the tool's input; inside an object the word stands."""
    call = ToolCall(id="a", name="f")
    for pieces, written in ((["null"], ""), (['{"a":', "null", "}"], '{"a":null}')):
        events: list[StreamEvent] = [PartStarted(index=0, part=call)]
        events += [PartDelta(index=0, text=one) for one in pieces]
        told = streamed([Started(id="i", model="m"), *events, PartEnded(index=0), Finished(reason="tool_calls")])
        deltas = [event["delta"]["partial_json"] for event in told if event["type"] == "content_block_delta"]
        assert "".join(deltas) == written
