"""Streams, both ways."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from headgate.canonical.failure import Failure, Kind
from headgate.canonical.parts import Audio, Citation, Image, Part, Reasoning, Refusal, Signature, Source, Text, ToolCall
from headgate.canonical.request import Request, Tool
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
from headgate.protocols.openai_chat.stream import ChatStreamDecoder, ChatStreamEncoder

ASKED = Request(origin="openai_chat", model="m", messages=(), include_usage=True)
THEIRS = Signature(origin="anthropic_messages", value="theirs")
DONE = "[DONE]"


def decode(*payloads: Any, close: bool = True) -> list[StreamEvent]:
    decoder = ChatStreamDecoder()
    wire = "".join(f"data: {one if isinstance(one, str) else json.dumps(one)}\n\n" for one in payloads)
    return [*decoder.feed(wire.encode()), *(decoder.close() if close else ())]


def chunk(delta: dict[str, Any], finish: str | None = None, index: int = 0, **members: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish, **members}
    return {"id": "c", "model": "m", "created": 7, "choices": [choice]}


def parts(*deltas: dict[str, Any]) -> tuple[Part, ...]:
    events = decode(*(chunk(delta) for delta in deltas), chunk({}, "stop"), DONE)
    return assemble(events).candidates[0].parts


def write(*events: StreamEvent, request: Request = ASKED) -> list[Any]:
    encoder = ChatStreamEncoder(request)
    wire = encoder.feed(events) + encoder.close()
    payloads = [frame.removeprefix("data: ") for frame in wire.decode().split("\n\n")]
    assert payloads.pop() == ""
    chunks = [one if one == DONE else json.loads(one) for one in payloads]
    for one in chunks:
        if one != DONE and "custom" not in json.dumps(one):  # the SDK's type of a piece knows functions only
            ChatCompletionChunk.model_validate(one)
    return chunks


def deltas(*events: StreamEvent, request: Request = ASKED) -> list[dict[str, Any]]:
    """What a stream of these events tells after its role."""
    chunks = write(Started(id="c", model="m"), *events, request=request)
    return [one["choices"][0]["delta"] for one in chunks[1:] if one != DONE]


def test_plain_stream_becomes_events() -> None:
    """Parts begin and end where the wire only grows them."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    assert decode(
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "lo"}),
        chunk({}, "stop"),
        {"id": "c", "choices": [], "usage": usage},
        DONE,
    ) == [
        Started(id="c", model="m", created=7),
        PartStarted(index=0, part=Text()),
        PartDelta(index=0, text="Hel"),
        PartDelta(index=0, text="lo"),
        PartEnded(index=0),
        Finished(reason="stop"),
        UsageReported(usage=Usage(input=3, output=2)),
    ]


def call(index: int | None, id_: str | None = None, name: str | None = None, arguments: str = "") -> dict[str, Any]:
    piece: dict[str, Any] = {"function": {"arguments": arguments}}
    if index is not None:
        piece["index"] = index
    if id_ is not None:
        piece["id"] = id_
    if name is not None:
        piece["function"]["name"] = name
    return {"tool_calls": [piece]}


@pytest.mark.parametrize(
    "pieces",
    [
        (call(0, "a", "f", "{"), call(0, None, None, "}"), call(1, "b", "g"), call(1, None, None, "[]")),
        (call(0, "a", "f", "{}"), call(0, "b", "g", "[]")),
        (call(None, "a", "f", "{}"), call(None, "b", "g", "[]")),
        (call(0, "a", "f", "{"), call(1, "b", "g", "["), call(0, None, None, "}"), call(1, "", None, "]")),
    ],
    ids=["openai", "gemini numbers all 0", "mistral numbers none", "interleaved"],
)
def test_calls_are_told_apart(pieces: tuple[dict[str, Any], ...]) -> None:
    """However a provider numbers them."""
    assert parts(*pieces) == (ToolCall(id="a", name="f", arguments="{}"), ToolCall(id="b", name="g", arguments="[]"))


def test_kinds_take_turns() -> None:
    """Another kind ends a part; coming back begins a new one."""
    assert parts({"reasoning": "a"}, {"content": "b"}, {"reasoning_content": "c"}, {"refusal": "d"}) == (
        Reasoning(text="a"),
        Text(text="b"),
        Reasoning(text="c"),
        Refusal(text="d"),
    )


def test_details_are_not_told_twice() -> None:
    """OpenRouter tells a thought in both fields, and signs it at the end."""
    text = {"type": "reasoning.text", "index": 0, "format": "f"}
    found = parts(
        {"reasoning": "a", "reasoning_details": [{**text, "text": "a"}]},
        {"reasoning": "b", "reasoning_details": [{**text, "text": "b"}]},
        {"reasoning_details": [{**text, "signature": "hg1.am.theirs"}]},
        {"reasoning_details": [{"type": "reasoning.encrypted", "data": "xyz", "id": "r", "index": 1}]},
        {"content": "c"},
    )
    assert found == (
        Reasoning(text="ab", signature=THEIRS, provider_data={"openai_chat": {"index": 0, "format": "f"}}),
        Reasoning(
            redacted=Signature(origin="openai_chat", value="xyz"), id="r", provider_data={"openai_chat": {"index": 1}}
        ),
        Text(text="c"),
    )


def test_sound_images_and_sources_are_read() -> None:
    """Audio answers, OpenRouter's images, citations in deltas."""
    note = {
        "type": "url_citation",
        "url_citation": {"url": "https://x", "title": "X", "start_index": 0, "end_index": 1},
    }
    found = parts(
        {"content": "a"},
        {"annotations": [note]},
        {"audio": {"id": "audio_1", "transcript": "hi"}},
        {"audio": {"data": "AAAA"}},
        {"audio": {"expires_at": 9}},
        {"images": [{"image_url": {"url": "data:image/png;base64,AAAA"}}]},
    )
    assert found == (
        Text(text="a", citations=(Citation(url="https://x", title="X", start=0, end=1),)),
        Audio(
            source=Source(data="AAAA"), transcript="hi", id="audio_1", provider_data={"openai_chat": {"expires_at": 9}}
        ),
        Image(source=Source(data="AAAA", media_type="image/png")),
    )


def test_choices_are_kept_apart() -> None:
    """Two answers in one stream."""
    answer = assemble(
        decode(
            chunk({"content": "a"}), chunk({"content": "b"}, index=1), chunk({}, "stop"), chunk({}, "length", index=1)
        )
    )
    assert [(one.parts, one.finish) for one in answer.candidates] == [
        ((Text(text="a"),), "stop"),
        ((Text(text="b"),), "length"),
    ]


@pytest.mark.parametrize(
    ("payloads", "message"),
    [
        ((chunk({"content": "a"}),), "broke off"),
        ((), "broke off"),
        ((DONE,), "could not be read"),
        ((chunk({"content": "a"}), "nonsense"), "could not be read"),
        ((chunk({"content": "a"}), {"choices": [{"delta": {"tool_calls": 7}}]}), "could not be read"),
        ((chunk({"content": "a"}), {"error": {"message": "boom"}}, chunk({"content": "b"})), "boom"),
        ((chunk({"content": "a"}), {"x_groq": {"error": {"message": "boom"}}}), "boom"),
        ((chunk({"content": "a"}, "error"),), "502"),
    ],
)
def test_broken_stream_ends_in_a_failure(payloads: tuple[Any, ...], message: str) -> None:
    """And in nothing else after it."""
    *_, last = decode(*payloads)
    assert isinstance(last, Failed)
    assert message in last.failure.message


def test_done_without_a_finish_is_an_end() -> None:
    """The upstream's own word that it has finished."""
    assert assemble(decode(chunk({"content": "a"}), DONE)).candidates[0].finish == "stop"


def test_whole_stream_has_openais_order() -> None:
    """Role, content, finish, usage if asked for, [DONE]; id and created are the same in all."""
    events: list[StreamEvent] = [
        Started(id="c", model="m-1", created=7, provider_data={"openai_chat": {"system_fingerprint": "fp"}}),
        PartStarted(index=0, part=Text()),
        PartDelta(index=0, text="Hi"),
        PartEnded(index=0),
        Finished(reason="stop"),
        UsageReported(usage=Usage(input=3, output=2)),
    ]
    role, text, finish, usage, done = write(*events)
    assert role["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert text == {
        "id": "c",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "m-1",
        "system_fingerprint": "fp",
        "usage": None,
        "choices": [{"index": 0, "delta": {"content": "Hi"}, "logprobs": None, "finish_reason": None}],
    }
    assert (finish["choices"][0]["delta"], finish["choices"][0]["finish_reason"]) == ({}, "stop")
    assert (usage["choices"], usage["usage"]["total_tokens"], done) == ([], 5, DONE)
    assert {one["id"] for one in (role, text, finish, usage)} == {"c"}
    silent = write(*events, request=Request(origin="openai_chat", model="m", messages=()))
    assert len(silent) == 4
    assert "usage" not in silent[1]


def test_thought_signed_at_its_end_is_listed_whole() -> None:
    """The plain field has gone out already; the list's entry lets a client send both back."""
    assert deltas(
        PartStarted(index=0, part=Reasoning()),
        PartDelta(index=0, text="hm"),
        PartDelta(index=0, signature=THEIRS),
        PartEnded(index=0),
    ) == [
        {"reasoning_content": "hm"},
        {"reasoning_details": [{"type": "reasoning.text", "text": "hm", "signature": "hg1.am.theirs", "index": 0}]},
    ]


def test_free_text_tool_is_unwrapped_as_it_streams() -> None:
    """Piece by piece, out of the function's JSON."""
    request = Request(origin="openai_chat", model="m", messages=(), tools=(Tool(name="f", custom=True),))
    told = deltas(
        PartStarted(index=0, part=ToolCall(id="1", name="f")),
        PartDelta(index=0, text='{"inp'),
        PartDelta(index=0, text='ut":"4 +'),
        PartDelta(index=0, text=' 4"}'),
        PartEnded(index=0),
        request=request,
    )
    assert told[0]["tool_calls"][0] == {"index": 0, "id": "1", "type": "custom", "custom": {"name": "f", "input": ""}}
    assert "".join(one["tool_calls"][0]["custom"]["input"] for one in told) == "4 + 4"


def test_caller_of_2023_gets_a_function_call() -> None:
    """The first call; there is no place for a second."""
    request = Request(origin="openai_chat", model="m", messages=(), provider_data={"openai_chat": {"functions": True}})
    told = deltas(
        PartStarted(index=0, part=ToolCall(id="1", name="f")),
        PartDelta(index=0, text="{}"),
        PartStarted(index=1, part=ToolCall(id="2", name="g")),
        request=request,
    )
    assert told == [{"function_call": {"name": "f", "arguments": ""}}, {"function_call": {"arguments": "{}"}}]


def test_nothing_is_written_after_a_failure() -> None:
    """The error event is written by the one who knows the request id."""
    encoder = ChatStreamEncoder(ASKED)
    failed = Failed(failure=Failure(kind=Kind.UPSTREAM, message="x"))
    assert encoder.feed([Started(id="c", model="m"), failed, Finished(reason="stop")]).count(b"data:") == 1
    assert encoder.close() == b""


def test_close_writes_once() -> None:
    """A second close has nothing to say."""
    encoder = ChatStreamEncoder(ASKED)
    assert encoder.close() == b"data: [DONE]\n\n"
    assert encoder.close() == b""


WORDS = st.text(alphabet="ab é\n", min_size=1, max_size=6)
SIGNATURE = st.builds(
    Signature,
    origin=st.sampled_from(["openai_chat", "openai_responses", "anthropic_messages", "gemini_generate"]),
    value=st.text(alphabet="abc", min_size=1),
)
PART = st.one_of(
    st.builds(Text, text=WORDS),
    st.builds(Reasoning, text=WORDS, signature=SIGNATURE),
    st.builds(Reasoning, redacted=SIGNATURE),
    st.builds(ToolCall, id=st.uuids().map(str), name=st.just("f"), arguments=WORDS, signature=st.none() | SIGNATURE),
)


@given(found=st.lists(PART, max_size=6), usage=st.none() | st.builds(Usage, input=st.integers(0, 9)))
def test_any_answer_survives_the_wire(found: list[Part], usage: Usage | None) -> None:
    """Told as a stream, written, read, and put together again: the same parts, in the same order."""
    merged = [
        part
        for place, part in enumerate(found)
        if place == 0 or not (isinstance(part, Text) and isinstance(found[place - 1], Text))
    ]
    finish: Any = "tool_calls" if any(isinstance(part, ToolCall) for part in merged) else "stop"
    answer = Response(id="c", model="m", candidates=(Candidate(parts=tuple(merged), finish=finish),), usage=usage)
    encoder = ChatStreamEncoder(ASKED)
    wire = encoder.feed(list(disassemble(answer))) + encoder.close()
    decoder = ChatStreamDecoder()
    again = assemble([*decoder.feed(wire), *decoder.close()])
    assert [bare(part) for part in again.candidates[0].parts] == [bare(part) for part in merged]
    assert (again.usage, again.candidates[0].finish) == (usage, finish)


def bare(part: Part) -> tuple[object, ...]:
    names = ("text", "signature", "redacted", "arguments", "id")
    return (type(part), *(getattr(part, name, None) for name in names))


PIECES = [
    b'data: {"choices":[',
    b"]}\n\n",
    b'{"delta":{"content":"x"}}',
    b"data: 7\n\n",
    b'{"delta":7}',
    b'{"delta":{"tool_calls":[{}]}}',
    b"data: [DONE]\n\n",
]


@given(wire=st.binary(max_size=80) | st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_nonsense_is_a_failure_and_never_crashes(wire: bytes) -> None:
    """Events come out, whatever goes in."""
    decoder = ChatStreamDecoder()
    events = [*decoder.feed(wire), *decoder.close()]
    assert isinstance(events[-1], Failed | Finished | UsageReported)


def test_openais_own_client_puts_a_cited_stream_together() -> None:
    """Its accumulator wants an index in every member of a list that comes in pieces."""
    cited = Text(text="a b", citations=(Citation(url="https://a.test"), Citation(url="https://b.test")))
    answer = Response(id="c", model="m", candidates=(Candidate(parts=(cited,)),))
    state: ChatCompletionStreamState[None] = ChatCompletionStreamState()
    for told in write(*disassemble(answer)):
        if told != DONE:
            state.handle_chunk(ChatCompletionChunk.model_validate(told))
    choice = state.current_completion_snapshot.choices[0]
    assert [note.url_citation.url for note in choice.message.annotations or ()] == ["https://a.test", "https://b.test"]


def test_the_stop_sequence_that_was_met_is_told_in_a_stream_too() -> None:
    """As in a whole answer, where vLLM puts it."""
    told = write(Started(id="c", model="m"), Finished(reason="stop_sequence", stop_sequence="END"))
    assert [one["choices"][0].get("stop_reason") for one in told if one != DONE] == [None, "END"]
