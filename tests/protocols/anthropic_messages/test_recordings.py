"""Every recorded exchange of this protocol: passed through, decoded, written again, and read by Anthropic's SDK."""

import random
from typing import Any

import anthropic
import httpx2
import msgspec
import pytest
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from msgspec.structs import replace
from pydantic import TypeAdapter, ValidationError

from fakes.messages import ADAPTIVE, BUDGET, asking, events_of, told
from fakes.wire import Entry, Exchange, entries, read, wire_params
from headgate.canonical.failure import Refused
from headgate.canonical.quirks import Target
from headgate.canonical.stream import Failed, assemble
from headgate.canonical.usage import Usage
from headgate.protocols.anthropic_messages import CODEC

SOURCES = (
    ("anthropic", "messages"),
    ("vertex", "anthropic-rawPredict"),
    ("vertex", "anthropic-streamRawPredict"),
    ("openrouter", "messages"),
)
ALL = [entry for provider, endpoint in SOURCES for entry in entries(provider=provider, endpoint=endpoint)]
GOOD = [entry for entry in ALL if entry.status == 200]
STREAMS = [entry for entry in GOOD if entry.feature.startswith("stream")]
WHOLE = [entry for entry in GOOD if not entry.feature.startswith(("stream", "example"))]
ERRORS = [entry for entry in ALL if entry.status != 200]
EVENT: TypeAdapter[BetaRawMessageStreamEvent] = TypeAdapter(BetaRawMessageStreamEvent)


def oracle(reports: list[dict[str, Any]]) -> Usage:
    """The usage by plain arithmetic on the wire's own objects, later ones winning."""
    known: dict[str, Any] = {}
    for report in reports:
        known.update({name: value for name, value in report.items() if value is not None})
    split = known.get("cache_creation") or {}
    hour = split.get("ephemeral_1h_input_tokens") or 0
    written = known.get("cache_creation_input_tokens") or 0
    thinking = (known.get("output_tokens_details") or {}).get("thinking_tokens") or 0
    return Usage(
        input=known["input_tokens"],
        cache_read=known.get("cache_read_input_tokens") or 0,
        cache_write_5m=written - hour,
        cache_write_1h=hour,
        output=known["output_tokens"] - thinking,
        reasoning=thinking,
        web_searches=(known.get("server_tool_use") or {}).get("web_search_requests") or 0,
    )


def reports(body: bytes) -> list[dict[str, Any]]:
    """The usage objects of a stream, in order."""
    usages = [event.get("usage") or event.get("message", {}).get("usage") for event in wire_events(body)]
    return [usage for usage in usages if usage]


def wire_events(body: bytes) -> list[dict[str, Any]]:
    """The events of a recorded stream."""
    lines = [line[5:] for line in body.split(b"\n") if line.startswith(b"data:") and b"[DONE]" not in line]
    return [msgspec.json.decode(line) for line in lines]


def accepted(adapter: TypeAdapter[Any], recorded: list[dict[str, Any]]) -> bool:
    """Whether the SDK's types know all of a recording: some blocks of a beta have changed their fields since."""
    try:
        for one in recorded:
            adapter.validate_python(one)
    except ValidationError:
        return False
    return True


def cuts(body: bytes) -> list[list[bytes]]:
    """The body whole, in bytes where it is short, and in pieces of many lengths."""
    pick = random.Random(len(body))
    pieces, start = [], 0
    while start < len(body):
        size = pick.choice((1, 2, 3, 5, 40, 300, 5000))
        pieces.append(body[start : start + size])
        start += size
    bytewise = [[body[at : at + 1] for at in range(len(body))]] if len(body) < 6000 else []
    return [[body], pieces, *bytewise]


@pytest.mark.parametrize("entry", wire_params(STREAMS))
def test_a_stream_passes_byte_for_byte_and_is_metered_exactly(entry: Entry) -> None:
    """Whatever the cut, the same bytes leave and the same usage is read."""
    body = read(entry).response.content
    for pieces in cuts(body):
        meter = CODEC.meter(True)
        passed = b"".join([*(meter.feed(piece) for piece in pieces), meter.close()])
        assert passed == body
        assert meter.usage == oracle(reports(body))
        assert meter.ended
        assert meter.begun
        assert meter.failure is None
        assert meter.model
        assert meter.tokens >= meter.usage.total_out


@pytest.mark.parametrize("entry", wire_params(STREAMS))
def test_a_stream_says_the_same_after_a_round_trip(entry: Entry) -> None:
    """Decoded in any cut, written, and decoded again, it is one answer with one usage, which the SDK's types accept."""
    body = read(entry).response.content
    events = told(body)
    answer = assemble(events)
    assert answer.usage == oracle(reports(body))
    for pieces in cuts(body):
        decoder = CODEC.stream_decoder()
        again = [event for piece in pieces for event in decoder.feed(piece)]
        assert [*again, *decoder.close()] == events
    encoder = CODEC.stream_encoder(asking())
    written = b"".join([*(encoder.feed([event]) for event in events), encoder.close()])
    assert assemble(told(written)) == answer
    if accepted(EVENT, wire_events(body)):
        for event in events_of(written):
            EVENT.validate_python(event)


@pytest.mark.parametrize("entry", wire_params([entry for entry in STREAMS if entry.provider != "openrouter"]))
def test_the_sdk_accumulates_a_written_stream_as_it_does_the_recorded_one(entry: Entry) -> None:
    """Anthropic's own client makes the same message of our stream as of Anthropic's. (It cannot read OpenRouter's,
    which ends in an OpenAI `[DONE]`.)"""
    body = read(entry).response.content
    events = told(body)
    encoder = CODEC.stream_encoder(asking())
    written = encoder.feed(events) + encoder.close()
    theirs, ours = accumulated(body), accumulated(written)
    assert ours.get("content") == theirs.get("content")
    assert ours["stop_reason"] == theirs["stop_reason"]
    assert ours["usage"]["output_tokens"] == theirs["usage"]["output_tokens"]
    assert ours["usage"]["input_tokens"] == theirs["usage"]["input_tokens"]


def accumulated(stream: bytes) -> dict[str, Any]:
    """What `client.beta.messages.stream` makes of a stream."""
    transport = httpx2.MockTransport(
        lambda request: httpx2.Response(200, headers={"content-type": "text/event-stream"}, content=stream)
    )
    with httpx2.Client(transport=transport) as http:
        client = anthropic.Anthropic(api_key="k", base_url="http://localhost", http_client=http, max_retries=0)
        question: Any = [{"role": "user", "content": "Hi"}]
        with client.beta.messages.stream(model="claude-sonnet-5", max_tokens=9, messages=question) as running:
            message: dict[str, Any] = plain(running.get_final_message().to_dict())
            return message


def plain(value: Any) -> Any:
    """Without what says nothing."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items() if inner not in (None, [])}
    return [plain(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("entry", wire_params(WHOLE))
def test_an_answer_says_the_same_after_a_round_trip(entry: Entry) -> None:
    """Content comes back block for block, the usage is exact, and the SDK's types accept what is written."""
    body = read(entry).response.content
    wire = msgspec.json.decode(body)
    answer = CODEC.decode_response(body)
    assert answer.usage == oracle([wire["usage"]])
    noted = CODEC.read(body)
    empty = not wire["content"] and wire["stop_reason"] == "end_turn"
    assert (noted.usage, noted.empty, noted.finish) == (answer.usage, empty, wire["stop_reason"])
    delivered = CODEC.read_delivered(body)
    assert bool(delivered.text or delivered.reasoning_text) == any(
        block.get("text") or block.get("thinking") or "input" in block for block in wire["content"]
    )
    written = CODEC.encode_response(answer, asking())
    assert CODEC.decode_response(written) == answer
    again = msgspec.json.decode(written)
    assert plain(again["content"]) == plain(wire["content"])
    assert again["stop_reason"] == wire["stop_reason"]
    if accepted(TypeAdapter(BetaMessage), [wire]):
        BetaMessage.model_validate(again)


@pytest.mark.parametrize("entry", wire_params(ERRORS))
def test_an_error_keeps_its_status_type_and_words(entry: Entry) -> None:
    """What the upstream said is what the caller reads, in the same form."""
    response = read(entry).response
    wire = msgspec.json.decode(response.content)["error"]
    headers = {name: value for name, value in response.headers.items() if isinstance(value, str)}
    failure = CODEC.decode_error(response.status, headers, response.content)
    told_again = CODEC.encode_error(failure, "req_1")
    assert told_again.status == response.status
    body = msgspec.json.decode(told_again.body)
    assert body["error"]["type"] == wire["type"]
    assert body["error"]["message"] == wire["message"]
    assert body["request_id"] == dict(told_again.headers)["request-id"] == "req_1"
    assert dict(told_again.headers).get("retry-after") == headers.get("retry-after")


def test_an_error_inside_a_recorded_stream_is_a_failure() -> None:
    """Decoder and meter both see the overload."""
    found = [entry for entry in ALL if entry.feature == "example-error-in-stream-overloaded"]
    if not found:
        pytest.skip("recorded exchanges not found; set HEADGATE_WIRE")
    body = read(found[0]).response.content
    meter = CODEC.meter(False)
    passed = meter.feed(body)
    assert body.startswith(passed)
    assert b"overloaded" not in passed
    assert meter.failure is not None
    assert meter.failure.http_status == 529
    assert told(body) == [Failed(failure=meter.failure)]


@pytest.mark.parametrize("entry", wire_params([entry for entry in ALL if entry.provider != "openrouter"]))
def test_a_recorded_request_means_the_same_after_a_round_trip(entry: Entry) -> None:
    """Nothing a client said is lost on the way through the canonical form."""
    exchange = read(entry)
    body = exchange.request.content
    if not body:
        pytest.skip("only the answer was recorded")
    model = "claude" if entry.provider == "vertex" else None
    try:
        request = CODEC.decode_request(body, model, False)
    except Refused:
        assert exchange.response.status == 400
        return
    adaptive = request.reasoning is not None and request.reasoning.adaptive
    quirks = replace(ADAPTIVE if adaptive else BUDGET, system_messages=True)
    made = CODEC.encode_request(request, Target(model=request.model, quirks=quirks))
    assert made.dropped == ()
    wanted = {"model": model, **msgspec.json.decode(body)} if model else msgspec.json.decode(body)
    assert meaning(msgspec.json.decode(made.body)) == meaning(wanted)
    peek_agrees(exchange, request.model, model)


def peek_agrees(exchange: Exchange, model: str, path_model: str | None) -> None:
    """The cheap look sees what the full one does."""
    wire = msgspec.json.decode(exchange.request.content)
    seen = CODEC.peek(exchange.request.content, path_model)
    assert seen.model == model
    assert seen.stream == (wire.get("stream") or False)
    assert seen.max_output_tokens == wire.get("max_tokens")
    assert seen.tools == bool(wire.get("tools"))
    assert seen.web_search == any("web_search_2" in (tool.get("type") or "") for tool in wire.get("tools") or [])
    assert 0 < seen.text_bytes <= len(exchange.request.content)
    assert seen.text_bytes >= sum(map(utf8, texts([wire["messages"], wire.get("system")])))


def texts(value: Any) -> list[str]:
    """Every text and thought in a request's content."""
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    if not isinstance(value, dict):
        return [value] if isinstance(value, str) else []
    said: list[str] = [value[key] for key in ("text", "thinking") if isinstance(value.get(key), str)]
    return said + texts(value.get("content")) + (texts(value["input"]) if isinstance(value.get("input"), list) else [])


def utf8(text: str) -> int:
    return len(text.encode())


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A request without the freedoms of its spelling."""
    form = body.pop("output_format", None)
    if form is not None:
        body["output_config"] = {"format": form}
    if body.get("stream") is False:
        del body["stream"]
    turns: list[dict[str, Any]] = []
    for message in body["messages"]:
        content = blocks(message["content"])
        if turns and turns[-1]["role"] == message["role"]:
            turns[-1]["content"] += content
        elif content:
            turns.append({**message, "content": content})
    for turn in turns:
        turn["content"].sort(key=lambda block: block["type"] != "tool_result")
    system = blocks(body.get("system"))
    tools = [{**tool, "type": tool.get("type") or "custom"} for tool in body.get("tools") or []]
    tidied: dict[str, Any] = tidy({**body, "messages": turns, "system": system, "tools": tools})
    return tidied


def blocks(content: Any) -> list[dict[str, Any]]:
    listed = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    kept = [block for block in listed if block["type"] != "text" or block["text"].strip()]
    return [
        {**block, "content": blocks(block.get("content"))} if block["type"] == "tool_result" else block
        for block in kept
    ]


def tidy(value: Any) -> Any:
    if isinstance(value, list):
        return [tidy(item) for item in value]
    if not isinstance(value, dict):
        return value
    kept = {key: tidy(inner) for key, inner in value.items() if inner not in (None, [])}
    if kept.get("is_error") is False:
        del kept["is_error"]
    if kept.get("citations") == {"enabled": False}:
        del kept["citations"]
    if kept.get("type") == "ephemeral" and kept.get("ttl") == "5m":
        del kept["ttl"]
    return kept
