"""Answers of other protocols' upstreams, told to a caller of the Responses API: as a stream and whole."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from openai.types.responses import Response as SdkResponse
from openai.types.responses.response_stream_event import ResponseStreamEvent
from pydantic import TypeAdapter

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
    ToolResult,
)
from headgate.canonical.quirks import Target
from headgate.canonical.request import Request
from headgate.canonical.stream import (
    Candidate,
    Failed,
    Finished,
    FinishReason,
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
from headgate.protocols.openai_responses import CODEC, references
from protocols.openai_responses.recorded import Json, events

SDK_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def request(**fields: Any) -> Request:
    return CODEC.decode_request(json.dumps({"model": "m", "input": "x", **fields}).encode(), None, False)


def answer(*parts: Part, finish: FinishReason = "stop", usage: Usage | None = None) -> Response:
    return Response(
        id="msg_01/AB", model="claude", created=7, candidates=(Candidate(parts=parts, finish=finish),), usage=usage
    )


def stream(told: list[StreamEvent], asked: Request | None = None) -> list[Json]:
    encoder = CODEC.stream_encoder(asked or request())
    found = list(events(encoder.feed(told) + encoder.close()))
    for event in found:
        SDK_EVENT.validate_python(event)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def tell(response: Response, asked: Request | None = None) -> list[Json]:
    """The stream, checked: its items are those of the whole answer, and its final event is it."""
    found = stream(list(disassemble(response)), asked)
    whole = json.loads(CODEC.encode_response(response, asked or request()))
    SdkResponse.model_validate(whole)
    assert found[-1]["response"] == whole
    done = {event["output_index"]: event["item"] for event in found if event["type"] == "response.output_item.done"}
    if whole["status"] == "completed":
        assert [done[place] for place in sorted(done)] == whole["output"]
    return found


def types(found: list[Json]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in found]


def test_a_text_is_told_in_the_complete_grammar() -> None:
    """Every opening has its end, and the answer comes once more."""
    found = tell(answer(Text(text="hello"), usage=Usage(input=3, cache_read=1, output=2, reasoning=1)))
    assert types(found) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.done",
        "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    final = found[-1]["response"]
    assert final["id"] == "resp_msg_01AB"
    assert final["output"][0]["id"] == "msg_hg1_msg_01AB_0"
    assert final["usage"] == {
        "input_tokens": 4, "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
        "output_tokens": 3, "output_tokens_details": {"reasoning_tokens": 1}, "total_tokens": 7,
    }  # fmt: skip


def test_ids_are_the_same_in_every_event() -> None:
    """And the same each time the same answer is told."""
    found = tell(answer(Text(text="a"), ToolCall(id="toolu_1", name="f", arguments="{}"), finish="tool_calls"))
    assert {event["response"]["id"] for event in found if "response" in event} == {"resp_msg_01AB"}
    assert found == tell(answer(Text(text="a"), ToolCall(id="toolu_1", name="f", arguments="{}"), finish="tool_calls"))


def test_the_request_is_echoed() -> None:
    """Members that the SDK requires, and those that were asked for."""
    tools = [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}]
    asked = request(instructions="be", tools=tools, tool_choice="required", temperature=0.2, metadata={"a": "b"})
    final = tell(answer(Text(text="a")), asked)[-1]["response"]
    assert (final["instructions"], final["tools"], final["tool_choice"]) == ("be", tools, "required")
    assert (final["temperature"], final["metadata"], final["parallel_tool_calls"]) == (0.2, {"a": "b"}, True)


@pytest.mark.parametrize(
    ("finish", "status", "reason"),
    [
        ("stop", "completed", None),
        ("stop_sequence", "completed", None),
        ("tool_calls", "completed", None),
        ("refusal", "incomplete", "content_filter"),
        ("length", "incomplete", "max_output_tokens"),
        ("context_length", "incomplete", "max_output_tokens"),
        ("content_filter", "incomplete", "content_filter"),
        ("pause", "incomplete", "max_messages"),
        ("error", "failed", None),
    ],
)
def test_every_ending_has_a_status(finish: FinishReason, status: str, reason: str | None) -> None:
    """And why, where the answer is not complete."""
    final = tell(answer(Text(text="a"), finish=finish))[-1]
    assert final["type"] == f"response.{status}"
    assert final["response"]["status"] == status
    assert (final["response"]["incomplete_details"] or {}).get("reason") == reason
    assert (final["response"]["error"] is None) == (status != "failed")


@pytest.mark.parametrize("finish", ["stop", "length", "content_filter", "pause"])
def test_endings_come_back(finish: FinishReason) -> None:
    """What is told is read again."""
    whole = CODEC.encode_response(answer(Text(text="a"), finish=finish), request())
    assert CODEC.decode_response(whole).candidates[0].finish == finish


THOUGHTS = [
    Reasoning(text="hm", signature=Signature("anthropic_messages", "SIG")),
    Reasoning(text="", signature=Signature("anthropic_messages", "SIG")),
    Reasoning(redacted=Signature("anthropic_messages", "DATA")),
    Reasoning(text="", signature=Signature("gemini_generate", "SIG")),
    Reasoning(text="raw"),
]


@pytest.mark.parametrize("thought", THOUGHTS)
@pytest.mark.parametrize("streamed", [True, False])
def test_foreign_thoughts_come_back_signed_as_they_were(thought: Reasoning, streamed: bool) -> None:
    """The next turn's history has each signature in its own place (new-api #6998), even from a client that keeps the
    summary and the opaque state alone, as Codex does."""
    found = tell(answer(thought, Text(text="a")))
    final = found[-1]["response"] if streamed else json.loads(CODEC.encode_response(answer(thought), request()))
    item = {name: final["output"][0].get(name) for name in ("type", "summary", "encrypted_content")}
    part = request(input=[item]).messages[0].parts[0]
    assert isinstance(part, Reasoning)
    assert (part.text, part.signature, part.redacted) == (thought.text, thought.signature, thought.redacted)


def test_thoughts_are_told_as_a_summary() -> None:
    """Which clients of this API show."""
    names = types(tell(answer(Reasoning(text="hm"), Text(text="a"))))
    assert names[2:8] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
    ]  # fmt: skip


def test_refusals_and_texts_share_a_message() -> None:
    """One item, two contents."""
    final = tell(answer(Text(text="a"), Refusal(text="no"), finish="refusal"))[-1]["response"]
    assert [part["type"] for part in final["output"][0]["content"]] == ["output_text", "refusal"]


def test_sources_are_annotations() -> None:
    """With a place in the text, found or the whole of it."""
    parts = (Text(text="abcd", citations=(Citation(url="u", title="t", start=1, end=2), Citation(url="v"))),)
    found = tell(answer(*parts))
    assert found[-1]["response"]["output"][0]["content"][0]["annotations"] == [
        {"type": "url_citation", "url": "u", "title": "t", "start_index": 1, "end_index": 2},
        {"type": "url_citation", "url": "v", "title": "", "start_index": 0, "end_index": 4},
    ]
    assert types(found).count("output_text.annotation.added") == 2


def test_parallel_calls_grow_side_by_side() -> None:
    """Arguments of two calls may come in turns."""
    found = stream(
        [
            Started(id="x", model="m"),
            PartStarted(index=0, part=ToolCall(id="a", name="f")),
            PartStarted(index=1, part=ToolCall(id="b", name="g")),
            PartDelta(index=0, text='{"x"'),
            PartDelta(index=1, text="{}"),
            PartDelta(index=0, text=":1}"),
            PartEnded(index=0),
            PartEnded(index=1),
            Finished(reason="tool_calls"),
            UsageReported(usage=Usage(input=1, output=1)),
        ]
    )
    calls = found[-1]["response"]["output"]
    assert [(call["call_id"], call["arguments"]) for call in calls] == [("a", '{"x":1}'), ("b", "{}")]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    """Clients parse them."""
    found = tell(answer(ToolCall(id="a", name="f"), finish="tool_calls"))
    assert found[-1]["response"]["output"][0]["arguments"] == "{}"


CODEX_TOOLS = [
    {"type": "custom", "name": "apply_patch", "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
    {"type": "local_shell"},
    {"type": "namespace", "name": "mcp", "description": "d", "tools": [{"type": "function", "name": "ask"}]},
]  # fmt: skip


def test_a_custom_tool_works_on_any_upstream() -> None:
    """An upstream that knew it as a function wrote its text into `input`; the agent sees the text."""
    call = ToolCall(id="a", name="apply_patch", arguments='{"input": "*** Begin\\nPatch"}')
    found = tell(answer(call, finish="tool_calls"), request(tools=CODEX_TOOLS))
    item = found[-1]["response"]["output"][0]
    assert (item["type"], item["call_id"], item["input"]) == ("custom_tool_call", "a", "*** Begin\nPatch")
    deltas = [event["delta"] for event in found if event["type"] == "response.custom_tool_call_input.delta"]
    assert "".join(deltas) == "*** Begin\nPatch"


def test_a_local_shell_works_on_any_upstream() -> None:
    """The model called a function; the agent sees its shell, and what it answers is read."""
    call = ToolCall(id="a", name="local_shell", arguments='{"command": ["ls", "-l"]}')
    item = tell(answer(call, finish="tool_calls"), request(tools=CODEX_TOOLS))[-1]["response"]["output"][0]
    assert item["type"] == "local_shell_call"
    assert item["action"] == {"type": "exec", "env": {}, "command": ["ls", "-l"]}
    history = request(input=[item, {"type": "local_shell_call_output", "id": "a", "output": "total 0"}])
    returned = history.messages[0].parts[0]
    assert isinstance(returned, ToolCall)
    assert (returned.id, returned.name) == ("a", "local_shell")
    assert json.loads(returned.arguments)["command"] == ["ls", "-l"]


def test_a_shell_call_that_makes_no_sense_is_still_told() -> None:
    """As the function call that it was."""
    call = ToolCall(id="a", name="local_shell", arguments="ls")
    item = tell(answer(call, finish="tool_calls"), request(tools=CODEX_TOOLS))[-1]["response"]["output"][0]
    assert (item["type"], item["arguments"]) == ("function_call", "ls")


def test_namespaces_are_told_apart_again() -> None:
    """A flattened name is the declared one."""
    call = ToolCall(id="a", name="mcp__ask", arguments="{}")
    item = tell(answer(call, finish="tool_calls"), request(tools=CODEX_TOOLS))[-1]["response"]["output"][0]
    assert (item["namespace"], item["name"]) == ("mcp", "ask")


def test_searches_are_told_with_what_they_found() -> None:
    """Anthropic's search is this API's; two of them, and their results after both."""
    call = ServerToolCall(id="s1", name="web_search", input='{"query": "q"}')
    found = ServerToolResult(call_id="s1", name="web_search", results=(SearchResult(url="u", title="t"),))
    other = ServerToolCall(id="s2", name="web_fetch", input='{"url": "v"}')
    told = tell(answer(call, other, found, Text(text="so"), usage=Usage(input=1, output=1, web_searches=1)))
    final = told[-1]["response"]
    assert final["output"][0]["action"] == {
        "type": "search", "query": "q", "queries": ["q"], "sources": [{"type": "url", "url": "u"}],
    }  # fmt: skip
    assert final["output"][1]["action"] == {"type": "open_page", "url": "v"}
    assert final["tool_usage"]["web_search"]["num_requests"] == 1
    assert types(told).count("web_search_call.completed") == 2


@pytest.mark.parametrize(
    ("name", "kind"),
    [("code_execution", "code_interpreter_call"), ("web_search", "web_search_call"), ("bash", "mcp_call")],
)
def test_what_an_upstream_did_by_itself_is_told(name: str, kind: str) -> None:
    """As the nearest thing that this API has, whether or not a result came."""
    call = ServerToolCall(id="s", name=name, input='{"code": "1+1"}')
    result = ServerToolResult(call_id="s", name=name, output="2")
    assert tell(answer(call, result))[-1]["response"]["output"][0]["type"] == kind
    assert tell(answer(call, Text(text="a")))[-1]["response"]["output"][0]["type"] == kind
    assert tell(answer(result))[-1]["response"]["output"][0]["type"] == kind


def test_pictures_are_generated_images() -> None:
    """Gemini's inline pictures, told as this API tells its own."""
    found = tell(answer(Image(source=Source(data="aGk=", media_type="image/webp")), Text(text="there")))
    item = found[-1]["response"]["output"][0]
    assert (item["type"], item["result"], item["output_format"]) == ("image_generation_call", "aGk=", "webp")
    assert "image_generation_call.completed" in types(found)


def test_speech_is_told_by_its_words() -> None:
    """The API has no sound."""
    final = tell(answer(Audio(source=Source(data="aGk="), transcript="hello")))[-1]["response"]
    assert final["output"][0]["content"][0]["text"] == "hello"


def test_text_that_goes_on_beside_a_call_is_not_lost() -> None:
    """An upstream may leave its text open while it calls."""
    found = stream(
        [
            Started(id="x", model="m"),
            PartStarted(index=0, part=Text()),
            PartDelta(index=0, text="a"),
            PartStarted(index=1, part=ToolCall(id="c", name="f")),
            PartDelta(index=0, text="b"),
            PartEnded(index=1),
            PartEnded(index=0),
            PartStarted(index=2, part=Text()),
            PartDelta(index=2, text="c"),
            Finished(reason="stop"),
        ]
    )
    output = found[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "function_call", "message"]
    assert [output[0]["content"][0]["text"], output[2]["content"][0]["text"]] == ["ab", "c"]
    assert types(found).count("output_item.done") == 3


FAILURE = Failure(kind=Kind.RATE_LIMITED, message="slow down", blame=Blame.UPSTREAM)


def test_a_failure_ends_the_stream_in_the_apis_way() -> None:
    """An `error` event for SDKs, `response.failed` for agents, and nothing after."""
    encoder = CODEC.stream_encoder(request())
    written = encoder.feed(
        [Started(id="x", model="m"), PartStarted(index=0, part=Text()), PartDelta(index=0, text="a")]
    )
    written += encoder.feed([Failed(failure=FAILURE), PartDelta(index=0, text="b")]) + encoder.close()
    found = list(events(written))
    assert types(found)[-2:] == ["error", "failed"]
    assert found[-2]["error"]["message"] == found[-2]["message"] == "slow down"
    assert found[-1]["response"]["error"] == {"code": "rate_limit_exceeded", "message": "slow down"}
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    for event in found:
        SDK_EVENT.validate_python(event)


def test_a_failure_before_anything_else_is_a_whole_stream() -> None:
    """It begins, and it fails."""
    assert types(stream([Failed(failure=FAILURE)])) == ["created", "in_progress", "error", "failed"]


def test_an_answer_without_an_end_fails() -> None:
    """Nothing pretends to be complete."""
    assert types(stream([Started(id="x", model="m")]))[-1] == "failed"


def test_a_failure_can_be_appended_to_a_stream_that_was_passed_through() -> None:
    """Of which nothing else is known."""
    found = list(events(CODEC.encode_stream_error(FAILURE, "req1")))
    assert types(found) == ["error", "failed"]
    assert "request id: req1" in found[0]["message"]
    for event in found:
        SDK_EVENT.validate_python(event)


def test_what_is_told_is_read_again() -> None:
    """Decoded, the stream says what it was made of."""
    parts = (
        Text(text="hello", citations=(Citation(url="u", title="t", start=0, end=2),)),
        ToolCall(id="c", name="f", arguments='{"a":1}'),
    )
    usage = Usage(input=5, cache_read=2, cache_write_5m=1, output=3, reasoning=4)
    encoder = CODEC.stream_encoder(request())
    wire = encoder.feed(list(disassemble(answer(*parts, finish="tool_calls", usage=usage)))) + encoder.close()
    decoder = CODEC.stream_decoder()
    response = assemble([*decoder.feed(wire), *decoder.close()])
    text, call = response.candidates[0].parts
    assert isinstance(text, Text)
    assert isinstance(call, ToolCall)
    assert (text.text, text.citations) == ("hello", parts[0].citations)
    assert (call.id, call.arguments) == ("c", '{"a":1}')
    assert (response.usage, response.candidates[0].finish) == (usage, "tool_calls")


def test_what_was_told_goes_back_to_an_upstream_of_this_protocol() -> None:
    """After a change of models: nothing that it does not know is sent, and what is left out is named."""
    parts = (
        Reasoning(text="hm", signature=Signature("anthropic_messages", "SIG")),
        Reasoning(text="unsigned"),
        ServerToolCall(id="s", name="web_search", input='{"query": "q"}'),
        Image(source=Source(data="aGk=", media_type="image/png")),
        Text(text="a"),
        ToolCall(id="c", name="f", arguments="{}"),
    )
    output = tell(answer(*parts, finish="tool_calls"))[-1]["response"]["output"]
    body = json.dumps({"model": "m", "input": output}).encode()
    assert references(body).foreign_state
    encoded = CODEC.encode_request(CODEC.decode_request(body, None, False), Target(model="m"))
    sent = json.loads(encoded.body)["input"]
    assert [item["type"] for item in sent] == ["message", "function_call"]
    assert not any("id" in item for item in sent)
    assert encoded.dropped == ("reasoning.foreign", "server_tools.foreign")


def test_a_signature_travels_in_the_id_of_its_call() -> None:
    """A function call has no field for one, and Gemini wants it back; the call's result finds its call all the same."""
    signed = ToolCall(id="c1", name="f", arguments="{}", signature=Signature("gemini_generate", "Sg=="))
    (call,) = tell(answer(signed, finish="tool_calls"))[-1]["response"]["output"]
    history = [call, {"type": "function_call_output", "call_id": call["call_id"], "output": "1"}]
    assistant, tool = request(input=history).messages
    (came,), (result,) = assistant.parts, tool.parts
    assert isinstance(came, ToolCall)
    assert (came.id, came.signature) == (signed.id, signed.signature)
    assert isinstance(result, ToolResult)
    assert result.call_id == "c1"


def test_only_the_first_of_several_answers_is_told() -> None:
    """An upstream that gives more than was asked for does not mix them."""
    found = answer(Text(text="a"))
    several = replace(found, candidates=(*found.candidates, replace(found.candidates[0], parts=(Text(text="b"),))))
    assert tell(several)[-1]["response"]["output"] == tell(found)[-1]["response"]["output"]
