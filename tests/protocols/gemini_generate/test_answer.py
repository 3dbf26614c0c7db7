"""Frames to events."""

import base64

from fakes.google import answer, events_of, sse
from headgate.canonical.failure import Kind
from headgate.canonical.parts import Audio, Reasoning, Signature, Text, ToolCall
from headgate.canonical.stream import Failed, Finished, PartDelta, PartEnded, PartStarted, Started, assemble


def test_parts_go_on_over_frames_and_end_when_another_kind_begins() -> None:
    """Google marks neither."""
    frames = [
        answer({"text": "I ", "thought": True}, finish=None),
        answer({"text": "think", "thought": True}, finish=None),
        answer({"text": "So"}, finish=None),
        answer({"text": " it"}, {"functionCall": {"name": "f"}}, finish=None),
        answer({"text": ""}),
    ]
    events = events_of(sse(*frames))
    names = [type(event).__name__ for event in events]
    assert names == [
        "Started",
        *("PartStarted", "PartDelta", "PartDelta", "PartEnded"),
        *("PartStarted", "PartDelta", "PartDelta", "PartEnded"),
        *("PartStarted", "PartDelta", "PartEnded"),
        "Finished",
    ]
    assert isinstance(events[0], Started)
    parts = assemble(events).candidates[0].parts
    assert parts == (
        Reasoning(text="I think"),
        Text(text="So it"),
        ToolCall(id="call_r1_0", name="f", arguments="{}"),
    )


def test_a_signature_closes_its_text() -> None:
    """It may come in an empty part of its own; what follows is another text."""
    frames = [
        answer({"text": "a"}, finish=None),
        answer({"text": "", "thoughtSignature": "UQ=="}, finish=None),
        answer({"text": "b"}),
    ]
    parts = assemble(events_of(sse(*frames))).candidates[0].parts
    assert parts == (Text(text="a", signature=Signature("gemini_generate", "UQ==")), Text(text="b"))


def test_every_frame_may_say_stop() -> None:
    """Recorded: vertex/stream-citations. The stream's end is the end."""
    events = events_of(sse(answer({"text": "a"}), answer({"text": "b"}, finish="RECITATION")))
    assert [event.reason for event in events if isinstance(event, Finished)] == ["content_filter"]
    assert assemble(events).candidates[0].parts == (Text(text="ab"),)


def test_sound_in_chunks_is_one_sound() -> None:
    """Padded chunks are joined as bytes, not as base64 text."""
    sound = bytes(range(10))
    chunks = [base64.b64encode(piece).decode() for piece in (sound[:4], sound[4:5], sound[5:])]
    kind = "audio/L16;codec=pcm;rate=24000"
    frames = [answer({"inlineData": {"mimeType": kind, "data": chunk}}, finish=None) for chunk in chunks]
    (part,) = assemble(events_of(sse(*frames, answer()))).candidates[0].parts
    assert isinstance(part, Audio)
    assert base64.b64decode(part.source.data or "") == sound


def test_a_stream_that_never_says_why_it_ended_has_failed() -> None:
    """Also an empty one."""
    for stream in (b"", sse(answer({"text": "a"}, finish=None))):
        last = events_of(stream)[-1]
        assert isinstance(last, Failed)
        assert last.failure.kind is Kind.UPSTREAM


def test_an_error_in_mid_stream_fails_it() -> None:
    """In the upstream's words, and nothing follows."""
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    events = events_of(sse(answer({"text": "a"}, finish=None), error, answer({"text": "b"})))
    assert [type(event) for event in events] == [Started, PartStarted, PartDelta, Failed]
    assert isinstance(events[-1], Failed)
    assert (events[-1].failure.kind, events[-1].failure.message) == (Kind.OVERLOADED, "The model is overloaded.")


def test_candidates_grow_side_by_side() -> None:
    """Their parts have indices of their own."""
    both = answer({"text": "a"})
    both["candidates"].append({"index": 1, "content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"})
    events = events_of(sse(both, both))
    response = assemble(events)
    assert [candidate.parts for candidate in response.candidates] == [(Text(text="aa"),), (Text(text="xx"),)]
    assert sum(isinstance(event, PartEnded) for event in events) == 2
