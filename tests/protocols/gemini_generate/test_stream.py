"""Translated streams."""

from google.genai import types

from fakes.google import answer, asking, events_of, frames_of, parts_of, sse
from headgate.canonical.failure import Failure, Kind
from headgate.canonical.parts import Audio, Image, Reasoning, Signature, Source, Text, ToolCall
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
from headgate.protocols.gemini_generate import CODEC

RESPONSE = Response(
    id="msg_1",
    model="claude",
    candidates=(
        Candidate(
            parts=(
                Reasoning(text="hm", signature=Signature("anthropic_messages", "sig")),
                Reasoning(redacted=Signature("anthropic_messages", "secret")),
                Text(text="Let me see."),
                ToolCall(id="toolu_1", name="f", arguments='{"a":1}'),
                Image(source=Source(data="AAAA", media_type="image/png")),
                Audio(source=Source(data="BBBB", media_type="audio/wav")),
            ),
            finish="tool_calls",
        ),
    ),
    usage=Usage(input=7, output=3, reasoning=2),
)


def test_calls_go_out_whole_text_as_it_comes() -> None:
    """Arguments are gathered from their deltas."""
    events: list[StreamEvent] = [
        Started(id="x", model="m", usage=Usage(input=7)),
        PartStarted(index=0, part=Text()),
        PartDelta(index=0, text="a"),
        PartDelta(index=0, text="b"),
        PartEnded(index=0),
        PartStarted(index=1, part=ToolCall(id="c", name="f")),
        PartDelta(index=1, text='{"a"'),
        PartDelta(index=1, text=":1}"),
        PartEnded(index=1),
        Finished(reason="tool_calls"),
        UsageReported(usage=Usage(input=7, output=3)),
    ]
    frames = frames_of(events)
    assert parts_of(frames) == [
        {"text": "a"},
        {"text": "b"},
        {"functionCall": {"id": "c", "name": "f", "args": {"a": 1}}},
    ]
    assert [frame["usageMetadata"]["totalTokenCount"] for frame in frames] == [7, 7, 7, 10]
    assert ["finishReason" in frame["candidates"][0] for frame in frames] == [False, False, False, True]
    assert {frame["responseId"] for frame in frames} == {"x"}


def test_the_sdk_reads_every_frame_and_we_read_the_same_again() -> None:
    """Written, read, the same answer; foreign signatures included."""
    encoder = CODEC.stream_encoder(asking())
    stream = encoder.feed(list(disassemble(RESPONSE))) + encoder.close()
    for frame in frames_of(list(disassemble(RESPONSE))):
        types.GenerateContentResponse._from_response(response=frame, kwargs={})
    again = assemble(events_of(stream))
    assert again.candidates[0].parts == RESPONSE.candidates[0].parts
    assert (again.candidates[0].finish, again.usage) == ("tool_calls", RESPONSE.usage)


def test_any_cut_tells_the_same() -> None:
    """Byte by byte."""
    stream = sse(answer({"text": "grün "}, finish=None), answer({"text": "ist"}, {"functionCall": {"name": "f"}}))
    decoder = CODEC.stream_decoder()
    events = [event for byte in stream for event in decoder.feed(bytes([byte]))]
    assert [*events, *decoder.close()] == events_of(stream)


def test_the_row_form_is_read_too() -> None:
    """An upstream that ignores alt=sse."""
    row = b'[{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}\n,\r\n{"candidates":[{"finishReason":1}]}\n]'
    assert assemble(events_of(row)).candidates[0].parts == (Text(text="a"),)


def test_a_failure_is_the_last_frame() -> None:
    """In Google's form; nothing after it, not even by close."""
    encoder = CODEC.stream_encoder(asking())
    out = encoder.feed(
        [
            Started(id="x", model="m"),
            Failed(failure=Failure(kind=Kind.OVERLOADED, message="busy")),
            Finished(reason="stop"),
        ]
    )
    assert out.startswith(b'data: {"error":{"code":503,"message":"busy","status":"UNAVAILABLE"')
    assert encoder.close() == encoder.feed([Finished(reason="stop")]) == b""


def test_a_blocked_prompt_stays_one() -> None:
    """No candidate is made up for it."""
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "m"}
    events = events_of(sse(blocked))
    assert [event.reason for event in events if isinstance(event, Finished)] == ["content_filter"]
    frames = frames_of(events)
    assert frames[0]["promptFeedback"] == {"blockReason": "SAFETY"}
    assert all("candidates" not in frame for frame in frames)


def test_a_picture_that_grows_comes_once() -> None:
    """Partial pictures have no form here."""
    image = Image(source=Source(media_type="image/png"))
    events: list[StreamEvent] = [
        PartStarted(index=0, part=image),
        PartDelta(index=0, data="AA"),
        PartDelta(index=0, data="BB"),
    ]
    assert parts_of(frames_of([Started(id="x", model="m"), *events, PartEnded(index=0)])) == [
        {"inlineData": {"mimeType": "image/png", "data": "AABB"}}
    ]
