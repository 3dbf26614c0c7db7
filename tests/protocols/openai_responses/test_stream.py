"""Streams of the Responses API, read: what agents need of them, and what upstreams do wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.canonical.failure import Kind, Refused
from headgate.canonical.parts import Reasoning, Refusal, Signature, Text, ToolCall
from headgate.canonical.quirks import Target
from headgate.canonical.request import Tool
from headgate.canonical.stream import Failed, Finished, PartStarted, Response, Started, StreamEvent, assemble
from headgate.canonical.usage import Usage
from headgate.protocols.openai_responses import CODEC, Meter

AGENT = (Path(__file__).parents[2] / "golden" / "openai_responses" / "agent.sse").read_bytes()


def sse(*told: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in told)


def decode(stream: bytes) -> list[StreamEvent]:
    decoder = CODEC.stream_decoder()
    return [*decoder.feed(stream), *decoder.close()]


def read(stream: bytes) -> Response:
    return assemble(decode(stream))


def test_an_agents_answer_is_read() -> None:
    """Thought with its seal, free-text call, shell call; items are told apart by place, ids are not relied on."""
    thought, patch, shell = read(AGENT).candidates[0].parts
    assert isinstance(thought, Reasoning)
    assert (thought.text, thought.summary, thought.id) == ("First.\n\nSecond.", True, "rs_1")
    assert thought.signature == Signature("openai_responses", "SEALED")
    assert isinstance(patch, ToolCall)
    assert (patch.id, patch.name, patch.arguments, patch.custom) == ("c1", "apply_patch", "*** Begin", True)
    assert isinstance(shell, ToolCall)
    assert (shell.name, json.loads(shell.arguments)) == ("local_shell", {"command": ["ls"], "env": {}})


def test_usage_comes_after_the_end() -> None:
    """As `disassemble` tells it; thoughts and cached tokens are counted once."""
    *_, finished, usage = decode(AGENT)
    assert finished == Finished(reason="tool_calls")
    assert getattr(usage, "usage", None) == Usage(input=6, cache_read=4, output=3, reasoning=5)


def test_every_cut_means_the_same() -> None:
    """Byte by byte."""
    decoder = CODEC.stream_decoder()
    told = [event for at in range(len(AGENT)) for event in decoder.feed(AGENT[at : at + 1])]
    assert [*told, *decoder.close()] == decode(AGENT)


CREATED = {"type": "response.created", "response": {"id": "resp_1", "model": "m", "created_at": 1}}
MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
CITED = {"type": "output_text", "text": "hello", "annotations": [{"type": "url_citation", "url": "u"}]}
WHOLE = {**MESSAGE, "content": [CITED]}


def ended(kind: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": {"id": "resp_1", "status": kind, "output": [], **fields}}


def test_an_item_that_was_not_streamed_is_told_when_it_is_done() -> None:
    """Also without having been announced, and also only in the final event."""
    done = {"type": "response.output_item.done", "output_index": 0, "item": WHOLE}
    for stream in (
        sse(CREATED, done, ended("completed")),
        sse({"type": "response.output_item.added", "output_index": 0, "item": MESSAGE}, done, ended("completed")),
        sse(CREATED, ended("completed", output=[WHOLE])),
    ):
        events = [event for event in decode(stream) if not isinstance(event, Failed)]
        texts = [part for part in assemble(events).candidates[0].parts if isinstance(part, Text)]
        assert [(text.text, len(text.citations)) for text in texts] == [("hello", 1)]


@pytest.mark.parametrize(
    ("kind", "reason", "finish"),
    [("incomplete", "max_output_tokens", "length"), ("incomplete", "content_filter", "content_filter")],
)
def test_incomplete_answers_keep_their_usage(kind: str, reason: str, finish: str) -> None:
    """In translation as in metering (new-api #7241 leaves them unbilled)."""
    usage = {"input_tokens": 3, "output_tokens": 2}
    stream = sse(CREATED, ended(kind, incomplete_details={"reason": reason}, usage=usage))
    response = read(stream)
    assert (response.usage, response.candidates[0].finish) == (Usage(input=3, output=2), finish)
    meter = Meter()
    assert meter.feed(stream) == stream
    assert (meter.usage, meter.finish, meter.ended) == (Usage(input=3, output=2), reason, True)


def test_failed_answers_keep_their_usage() -> None:
    """What an upstream bills for a failed answer is known."""
    meter = Meter()
    failed = ended(
        "failed", error={"code": "server_error", "message": "m"}, usage={"input_tokens": 3, "output_tokens": 2}
    )
    assert meter.feed(sse(CREATED, failed)) == sse(CREATED)
    assert meter.usage == Usage(input=3, output=2)
    assert meter.failure is not None
    assert (meter.failure.message, meter.ended) == ("m", True)


@pytest.mark.parametrize(
    "failure",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow", "param": None},
        {"type": "error", "error": {"code": "rate_limit_exceeded", "message": "slow"}},
        {"error": {"code": "rate_limit_exceeded", "message": "slow"}},
        ended("failed", error={"code": "rate_limit_exceeded", "message": "slow"}),
    ],
)
def test_failures_are_read_in_all_their_forms(failure: dict[str, Any]) -> None:
    """Flat as documented, nested as sent, bare as some servers do, and as a failed response."""
    last = decode(sse(CREATED, failure, {"type": "response.output_text.delta", "delta": "late"}))[-1]
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.message) == (Kind.RATE_LIMITED, "slow")
    meter = Meter()
    meter.feed(sse(CREATED, failure))
    assert meter.failure == last.failure


def test_a_refusal_is_no_text() -> None:
    """Its own part, and the answer ends with it."""
    added = {"type": "response.output_item.added", "output_index": 0, "item": MESSAGE}
    delta = {"type": "response.refusal.delta", "output_index": 0, "content_index": 0, "delta": "no"}
    response = read(sse(CREATED, added, delta, ended("completed")))
    part = response.candidates[0].parts[0]
    assert isinstance(part, Refusal)
    assert (part.text, response.candidates[0].finish) == ("no", "refusal")


def test_a_stream_that_is_no_json_fails() -> None:
    """As the upstream's fault, whatever came before."""
    for broken in (b"data: {\n\n", b"data: []\n\n", b'data: {"type": "response.output_item.done", "item": 3}\n\n'):
        last = decode(sse(CREATED) + broken)[-1]
        assert isinstance(last, Failed)
        assert last.failure.kind is Kind.UPSTREAM


def test_a_thought_alone_is_not_worth_sending_until_it_is_whole() -> None:
    """Until then another upstream may be tried."""
    added = {"type": "response.output_item.added", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}}
    done = {"type": "response.output_item.done", "output_index": 0, "item": {"type": "reasoning", "id": "rs_1"}}
    meter = Meter()
    meter.feed(sse(CREATED, added))
    assert not meter.begun
    meter.feed(sse(done))
    assert meter.begun


def test_hosted_tools_are_part_of_usage() -> None:
    """Searches and pictures are counted where the vendor does not (new-api #6470), and its own count goes first."""
    search = {"type": "web_search_call", "id": "ws", "action": {"type": "search"}}
    page = {"type": "web_search_call", "id": "ws", "action": {"type": "open_page"}}
    image = {"type": "image_generation_call", "id": "ig", "result": "aGk="}
    done = [
        {"type": "response.output_item.done", "output_index": n, "item": i} for n, i in enumerate((search, page, image))
    ]
    usage = {"input_tokens": 1, "output_tokens": 1}
    meter = Meter()
    meter.feed(sse(CREATED, *done, ended("completed", usage=usage)))
    assert meter.usage == Usage(input=1, output=1, web_searches=1, images=1)
    drawn = {
        "input_tokens": 30, "input_tokens_details": {"image_tokens": 20, "text_tokens": 10},
        "output_tokens": 100, "output_tokens_details": {"image_tokens": 100, "text_tokens": 0}, "total_tokens": 130,
    }  # fmt: skip
    told = {"image_gen": drawn, "web_search": {"num_requests": 5}}
    meter = Meter()
    meter.feed(sse(CREATED, ended("completed", usage=usage, tool_usage=told)))
    assert meter.usage == Usage(input=11, output=1, image_in=20, image_out=100, web_searches=5)


def test_a_very_long_answer_is_sampled() -> None:
    """Its length is known, its beginning kept."""
    meter = Meter()
    for _ in range(50):
        meter.feed(sse({"type": "response.output_text.delta", "delta": "x" * 1000}))
    delivered = meter.delivered()
    assert (len(delivered.text), delivered.text_chars) == (32 * 1024, 50_000)
    assert meter.tokens >= 12_000


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "id",
                    "item",
                    "response",
                    "output",
                    "content",
                    "text",
                    "role",
                    "call_id",
                    "name",
                    "arguments",
                    "delta",
                    "part",
                    "summary",
                    "error",
                    "action",
                    "output_index",
                    "content_index",
                    "annotations",
                    "annotation",
                    "usage",
                    "input_tokens",
                    "queries",
                    "sources",
                    "results",
                    "tools",
                    "input",
                    "image_url",
                    "file_data",
                    "format",
                    "effort",
                    "namespace",
                    "status",
                    "created_at",
                    "tool_choice",
                    "reasoning",
                ]
            ),
            inner
            | st.sampled_from(
                [
                    "message",
                    "reasoning",
                    "function_call",
                    "custom_tool_call",
                    "web_search_call",
                    "mcp_call",
                    "local_shell_call",
                    "function",
                    "custom",
                    "web_search",
                    "namespace",
                    "output_text",
                    "input_text",
                    "input_image",
                    "input_file",
                    "refusal",
                    "summary_text",
                    "user",
                    "assistant",
                    "function_call_output",
                    "shell_call_output",
                    "image_generation_call",
                    "json_schema",
                    "mcp",
                    "allowed_tools",
                ]
            ),
            max_size=6,
        )
    ),
    max_leaves=20,
)
EVENTS = st.sampled_from(
    [
        "created",
        "completed",
        "failed",
        "incomplete",
        "output_item.added",
        "output_item.done",
        "output_text.delta",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_summary_text.delta",
        "function_call_arguments.delta",
        "output_text.annotation.added",
    ]
)


@settings(deadline=None)
@given(st.lists(st.tuples(EVENTS, VALUES), max_size=5))
def test_no_stream_crashes_anything(told: list[tuple[str, Any]]) -> None:
    """Whatever comes is passed, or read, or a failure; and what was read can be told."""
    stream = b"".join(
        sse({"type": f"response.{kind}", **(value if isinstance(value, dict) else {"item": value, "response": value})})
        for kind, value in told
    )
    meter = Meter()
    passed = meter.feed(stream) + meter.close()
    assert stream.startswith(passed)
    encoder = CODEC.stream_encoder(CODEC.decode_request(b'{"model": "m"}', None, False))
    encoder.feed(decode(stream))
    encoder.close()


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=60), VALUES.map(lambda value: json.dumps(value).encode())))
def test_no_bytes_crash_anything(data: bytes) -> None:
    """Bodies that are not what they should be are refused."""
    decode(data)
    for reads in (
        lambda: CODEC.peek(data, None),
        lambda: CODEC.decode_request(data, None, False),
        lambda: CODEC.decode_response(data),
        lambda: CODEC.read(data),
        lambda: CODEC.read_delivered(data),
        lambda: CODEC.decode_error(400, {}, data),
    ):
        try:
            reads()
        except Refused:
            continue


@settings(deadline=None)
@given(VALUES, VALUES, VALUES)
def test_no_request_crashes_anything(items: Any, tools: Any, other: Any) -> None:
    """A request that is decoded can be encoded, and its answer too."""
    fields = {"model": "m", "input": [items], "tools": [tools], "tool_choice": other, "text": other, "reasoning": other}
    for wanted in ({"input"}, {"tools"}, {"tools", "tool_choice"}, {"text", "reasoning"}, set(fields)):
        body = json.dumps({name: value for name, value in fields.items() if name in wanted | {"model"}}).encode()
        try:
            request = CODEC.decode_request(body, None, False)
        except Refused:
            continue
        CODEC.encode_response(Response(id="x", model="m"), request)
        CODEC.encode_request(request, Target(model="m"))
        for tool in request.tools:
            call = ToolCall(id="c", name=tool.name if isinstance(tool, Tool) else "f", arguments=json.dumps(items))
            told: list[StreamEvent] = [
                Started(id="x", model="m"),
                PartStarted(index=0, part=call),
                Finished(reason="stop"),
            ]
            encoder = CODEC.stream_encoder(request)
            encoder.feed(told)
            encoder.close()
