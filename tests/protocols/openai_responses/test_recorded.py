"""Every recorded exchange of the Responses API, through every function of the codec."""

import json
from typing import Any

import pytest
from msgspec.structs import replace
from openai._models import construct_type
from openai._types import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response as SdkResponse
from openai.types.responses.response_stream_event import ResponseStreamEvent
from pydantic import TypeAdapter, ValidationError

from headgate.canonical.codec import Patch
from headgate.canonical.parts import Part
from headgate.canonical.quirks import Target
from headgate.canonical.request import Request
from headgate.canonical.stream import Failed, Response, StreamEvent, assemble
from headgate.canonical.usage import Usage
from headgate.protocols.openai_responses import CODEC, Meter
from protocols.openai_responses.recorded import Json, answers, creations, events, every, streams

SDK_EVENT: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
PLAIN = CODEC.decode_request(b'{"model": "m", "input": "x"}', None, False)


def oracle(response: Json, items: list[Json]) -> Usage | None:
    """Usage by the vendors' documents, written apart from the codec."""
    usage = response.get("usage")
    if not usage:
        return None
    asked = usage.get("input_tokens_details") or {}
    told = usage.get("output_tokens_details") or {}
    read, written = asked.get("cached_tokens", 0), asked.get("cache_write_tokens", 0)
    reasoning = told.get("reasoning_tokens", 0)
    found = [item for item in items if item["type"] in ("web_search_call", "x_search_call")]
    searches = len([item for item in found if (item.get("action") or {"type": "search"})["type"] == "search"])
    if "server_side_tool_usage_details" in usage:
        details = usage["server_side_tool_usage_details"]
        searches = details["web_search_calls"] + details["x_search_calls"]
    if response.get("tool_usage"):
        searches = response["tool_usage"]["web_search"]["num_requests"]
    return Usage(
        input=usage["input_tokens"] - read - written,
        cache_read=read,
        cache_write_5m=written,
        output=usage["output_tokens"] - reasoning,
        reasoning=reasoning,
        web_searches=searches,
        images=len([item for item in items if item["type"] == "image_generation_call" and item.get("result")]),
    )


def told_items(stream: bytes) -> list[Json]:
    return [event["item"] for event in events(stream) if event.get("type") == "response.output_item.done"]


def last_response(stream: bytes) -> Json:
    found = [event["response"] for event in events(stream) if event.get("response")]
    return found[-1] if found else {}


def test_every_request_is_looked_at() -> None:
    """The look agrees with the body, and a patch that changes nothing returns the very same object."""
    for exchange in creations():
        body = exchange.request.content
        peek = CODEC.peek(body, None)
        fields = json.loads(body)
        assert (peek.model, peek.stream) == (fields["model"], bool(fields.get("stream"))), str(exchange)
        assert peek.text_bytes > 0 or fields.get("input") is None or peek.images or peek.documents, str(exchange)
        assert CODEC.patch(body, Patch(model=fields["model"])) is body, str(exchange)


def test_a_patch_changes_only_what_it_names() -> None:
    """All other members keep their value."""
    for exchange in creations():
        body = exchange.request.content
        patched = json.loads(CODEC.patch(body, Patch(model="other", max_output_tokens=7)))
        assert patched == {**json.loads(body), "model": "other", "max_output_tokens": 7}, str(exchange)


def test_every_request_survives_the_canonical_model() -> None:
    """Decoded, encoded for an upstream of the same protocol and decoded again, it says the same, and nothing is
    dropped."""
    for exchange in creations():
        request = CODEC.decode_request(exchange.request.content, None, False)
        encoded = CODEC.encode_request(request, Target(model=request.model))
        assert encoded.dropped == (), str(exchange)
        assert CODEC.decode_request(encoded.body, None, False) == request, str(exchange)


def test_every_request_keeps_its_members() -> None:
    """Encoded again, a request has the members it had, each with the value it had where no shape was normalised."""
    normalised = {"input", "tools", "include", "text", "reasoning"}
    for exchange in creations():
        fields = {name: value for name, value in json.loads(exchange.request.content).items() if value is not None}
        request = CODEC.decode_request(exchange.request.content, None, False)
        encoded = json.loads(CODEC.encode_request(request, Target(model=request.model)).body)
        empty = {name for name, value in fields.items() if value in (False, [], {}, "")}
        assert fields.keys() - empty <= encoded.keys(), str(exchange)
        for name in fields.keys() - normalised - empty:
            assert encoded[name] == fields[name], f"{exchange} {name}"


@pytest.mark.parametrize("cut", [1, 7, 4096, 10**9])
def test_streams_are_metered_as_they_pass(cut: int) -> None:
    """In any cut the bytes pass unchanged, and usage, end, model and id are read."""
    for exchange in streams():
        stream = exchange.response.content
        if cut == 1 and len(stream) > 40_000:
            continue
        meter = Meter()
        passed = b"".join(meter.feed(stream[at : at + cut]) for at in range(0, len(stream), cut)) + meter.close()
        final = last_response(stream)
        assert meter.usage == oracle(final, final.get("output") or told_items(stream)), str(exchange)
        assert (meter.response_id, meter.model) == (final["id"], final["model"]), str(exchange)
        assert meter.ended, str(exchange)
        if meter.failure is None:
            assert passed == stream, str(exchange)
            assert meter.begun, str(exchange)
            assert meter.tokens > 0 or not any(event.get("delta") for event in events(stream)), str(exchange)


def test_failed_streams_are_passed_up_to_the_failure() -> None:
    """What the upstream says of its failure is for the gateway to put into words."""
    failed = [one for one in streams() if b"event: error" in one.response.content]
    assert failed
    for exchange in failed:
        meter = Meter()
        passed = meter.feed(exchange.response.content) + meter.close()
        assert meter.failure is not None
        assert meter.failure.code == "insufficient_quota"
        assert b"quota" not in passed
        assert exchange.response.content.startswith(passed)


def test_delivered_words_are_those_of_the_answer() -> None:
    """What a meter collects is what was said, and what was thought."""
    for exchange in streams():
        meter = Meter()
        meter.feed(exchange.response.content)
        grown = [event for event in events(exchange.response.content) if str(event.get("type")).endswith(".delta")]
        thought = [event["delta"] for event in grown if event["type"].startswith("response.reasoning")]
        said = [event["delta"] for event in grown if not event["type"].startswith("response.reasoning")]
        assert meter.delivered().reasoning_text == "".join(thought), str(exchange)
        assert meter.delivered().text == "".join(said) or not said, str(exchange)


def test_whole_answers_are_metered() -> None:
    """Usage is exact by an oracle of its own, and the answer is not empty."""
    for exchange, answer in answers():
        read = CODEC.read(exchange.response.content)
        assert read.usage == oracle(answer, answer["output"]), str(exchange)
        assert (read.model, read.response_id) == (answer.get("model"), answer["id"]), str(exchange)
        words = CODEC.read_delivered(exchange.response.content).text
        did = any(item["type"] not in ("reasoning", "message") for item in answer["output"])
        assert read.empty == (not words and not did and answer["status"] != "incomplete"), str(exchange)


def without_ids(response: Response) -> Response:
    """Ids that this API's form made necessary are no part of what an answer says, nor is how it was cut off."""

    def bare(part: Part) -> Part:
        data = getattr(part, "provider_data", {})
        kept = data.get("openai_responses", {})
        item = {k: v for k, v in (kept.get("item") or {}).items() if k not in ("id", "status")}
        return replace(part, provider_data={"openai_responses": {**kept, "item": item}}) if "item" in kept else part

    parts = tuple(bare(part) for part in response.candidates[0].parts)
    return replace(response, id="", candidates=(replace(response.candidates[0], parts=parts),))


def request_of(body: bytes) -> Request:
    try:
        return CODEC.decode_request(body, None, False) if b'"model"' in body else PLAIN
    except ValueError:
        return PLAIN


def valid(value: Json) -> bool:
    """Whether the SDK's strict reading takes an object at all: some recorded ones it does not."""
    try:
        SdkResponse.model_validate(value)
    except ValidationError:
        return False
    return True


def test_whole_answers_survive_the_canonical_model() -> None:
    """Decoded, encoded and decoded again they say the same, and the SDK's types take them."""
    for exchange, answer in answers():
        if (not answer["output"] and "model" not in answer) or answer.get("service_tier") == "provisioned":
            continue  # nothing to compare, or a tier of another vendor's that the SDK's types do not know
        response = CODEC.decode_response(exchange.response.content)
        encoded = CODEC.encode_response(response, PLAIN)
        assert without_ids(CODEC.decode_response(encoded)) == without_ids(response), str(exchange)
        if valid(answer):
            SdkResponse.model_validate_json(encoded)


def decode(stream: bytes, cut: int = 10**9) -> list[StreamEvent]:
    decoder = CODEC.stream_decoder()
    found: list[StreamEvent] = []
    for at in range(0, len(stream), cut):
        found.extend(decoder.feed(stream[at : at + cut]))
    return [*found, *decoder.close()]


def encode(told: list[StreamEvent], request: Request = PLAIN) -> bytes:
    encoder = CODEC.stream_encoder(request)
    return b"".join(encoder.feed([event]) for event in told) + encoder.close()


def good_streams() -> list[tuple[str, bytes]]:
    found = [(one.entry.file, one.response.content) for one in streams()]
    return [(name, stream) for name, stream in found if b"event: error" not in stream]


def test_streams_survive_the_canonical_model() -> None:
    """Told again, a stream says what it said, with a usage as the oracle has it."""
    for name, stream in good_streams():
        response = assemble(decode(stream))
        again = encode(decode(stream), PLAIN)
        assert without_ids(assemble(decode(again))) == without_ids(response), name
        final = last_response(stream)
        assert response.usage == oracle(final, told_items(stream)), name


def test_streams_mean_the_same_in_any_cut() -> None:
    """Where the network cut the bytes makes no difference."""
    for name, stream in good_streams()[:40]:
        assert decode(stream, 11) == decode(stream), name


def words_of(response: Response) -> list[tuple[str, str, int]]:
    return [
        (
            type(part).__name__,
            str(getattr(part, "text", getattr(part, "arguments", ""))),
            len(getattr(part, "citations", ())),
        )
        for part in response.candidates[0].parts
    ]


def test_a_stream_says_what_its_final_event_says() -> None:
    """Events, read one by one, add up to the whole answer that the upstream sent at the end."""
    compared = 0
    for name, stream in good_streams():
        final = last_response(stream)
        if final.get("output"):
            whole = CODEC.decode_response(json.dumps(final).encode())
            told = assemble(decode(stream))
            assert words_of(told) == words_of(whole), name
            assert (told.candidates[0].finish, told.usage) == (whole.candidates[0].finish, whole.usage), name
            compared += 1
    assert compared > 80


def test_the_sdk_accumulates_what_was_told() -> None:
    """The SDK's own accumulator goes through every stream and ends with the same words; sequence numbers count up."""
    for name, stream in good_streams():
        told = list(events(encode(decode(stream), PLAIN)))
        assert [event["sequence_number"] for event in told] == list(range(len(told))), name
        state: Any = ResponseStreamState(input_tools=[], text_format=omit)
        if not all(is_valid_event(event) for event in events(stream)):
            continue  # what the upstream itself sent is not what the SDK's types say
        for event in told:
            SDK_EVENT.validate_python(event)
            state.handle_event(construct(event))
        assert told[-1]["type"] in ("response.completed", "response.incomplete"), name
        snapshot = state._ResponseStreamState__current_snapshot
        texts = [c.text for o in snapshot.output if o.type == "message" for c in o.content if c.type == "output_text"]
        said = [part for part in assemble(decode(stream)).candidates[0].parts if type(part).__name__ == "Text"]
        assert texts == [getattr(part, "text", "") for part in said], name


def is_valid_event(event: Json) -> bool:
    try:
        SDK_EVENT.validate_python(event)
    except ValidationError:
        return False
    return True


def construct(event: Json) -> Any:
    """An event as the SDK itself makes it from the wire: leniently."""
    return construct_type(type_=ResponseStreamEvent, value=event)


def test_a_stream_that_breaks_off_fails() -> None:
    """Without its terminal event an answer is not complete, wherever it broke off."""
    for name, stream in good_streams()[:30]:
        told = decode(stream[: len(stream) // 2])
        assert isinstance(told[-1], Failed), name
        broken = list(events(encode(told)))
        assert [event["type"] for event in broken[-2:]] == ["error", "response.failed"], name


def test_refusals_are_read() -> None:
    """Every recorded error answer has its message, its status and somebody to blame."""
    refused = [one for one in every() if one.response.status >= 400 and one.response.content]
    assert len(refused) > 15
    for exchange in refused:
        failure = CODEC.decode_error(exchange.response.status, {}, exchange.response.content)
        assert failure.http_status == exchange.response.status, str(exchange)
        assert failure.message in json.dumps(json.loads(exchange.response.content), ensure_ascii=False).replace(
            '\\"', '"'
        ) or "\\n" in json.dumps(failure.message), str(exchange)
