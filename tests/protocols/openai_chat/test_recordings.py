"""Every recorded exchange of every provider that speaks Chat Completions: passed through, metered, translated."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from fakes.wire import Entry, Exchange, entries, read, wire_params
from headgate.canonical.failure import Refused
from headgate.canonical.parts import Json
from headgate.canonical.quirks import Quirks, Target
from headgate.canonical.request import Request
from headgate.canonical.stream import Response, StreamEvent, assemble, disassemble
from headgate.protocols.openai_chat import CODEC

ALL = [*entries(endpoint="chat-completions"), *entries(endpoint="openai-compat-chat-completions")]
GOOD = [entry for entry in ALL if entry.status == 200]
STREAMS = [entry for entry in GOOD if entry.stream]
BROKEN = "error-in-stream"
ERRORS = [entry for entry in ALL if entry.status != 200]
QUIRKS = {
    "openrouter": Quirks(reasoning_control="reasoning", reasoning_field="reasoning", system_role="developer"),
    "vercel-gateway": Quirks(reasoning_control="reasoning", reasoning_field="reasoning"),
    "avian": Quirks(reasoning_control="reasoning", reasoning_field="reasoning"),
    "zhipu": Quirks(reasoning_control="thinking"),
    "deepseek": Quirks(reasoning_control="thinking"),
    "openai": Quirks(system_role="developer"),
}
LEGACY = re.compile(rb'"finish_reason":\s*"function_call"')
ASKED = Request(origin="openai_chat", model="m", messages=(), include_usage=True)


def payloads(body: bytes) -> Iterator[dict[str, Any]]:
    """The JSON objects of an answer, whole or streamed, by the simplest reading."""
    if body.lstrip().startswith(b"{"):
        yield json.loads(body)
        return
    for line in body.decode().splitlines():
        if line.startswith("data:") and "[DONE]" not in line:
            yield json.loads(line[5:])


def is_stream(exchange: Exchange) -> bool:
    return exchange.response.content.lstrip()[:5] in (b"data:", b": OPE")


def is_answer(exchange: Exchange) -> bool:
    """Lists of stored answers, and Azure's filter that answers an error with status 200, are none."""
    return "choices" in next(payloads(exchange.response.content))


def told_usage(exchange: Exchange) -> dict[str, Any] | None:
    found = None
    for payload in payloads(exchange.response.content):
        found = payload.get("usage") or (payload.get("x_groq") or {}).get("usage") or found
    return found


def oracle(told: dict[str, Any], provider: str) -> dict[str, int]:
    """Sums that the quantities must have, by each vendor's own arithmetic."""
    asked, answered = told.get("prompt_tokens_details") or {}, told.get("completion_tokens_details") or {}
    thoughts = answered.get("reasoning_tokens") or 0
    heard = asked.get("audio_tokens") or 0
    prompt, completion = told["prompt_tokens"], told["completion_tokens"]
    if provider == "mistral":
        prompt += heard
    if provider == "gemini":
        thoughts = told["total_tokens"] - prompt - completion
    if provider in ("xai", "gemini"):
        completion += thoughts
    cached = [asked.get("cached_tokens"), told.get("prompt_cache_hit_tokens"), told.get("cached_tokens")]
    cached += [told.get("cache_read_input_tokens"), told.get("num_cached_tokens")]
    searches = (told.get("server_tool_use_details") or {}).get("web_search_requests") or 0
    read_again = min(prompt, max(number or 0 for number in cached))
    return {
        "total_in": prompt,
        "total_out": completion,
        "total": told["total_tokens"],
        "cached": read_again,
        "written": min(prompt - read_again, asked.get("cache_write_tokens") or 0),
        "reasoning": min(thoughts, completion),
        "audio_in": heard,
        "audio_out": min(completion - min(thoughts, completion), answered.get("audio_tokens") or 0),
        "searches": 1 if provider == "perplexity" else searches,
    }


def meter_of(*pieces: bytes, wants_usage: bool = True) -> tuple[bytes, Any]:
    meter = CODEC.meter(wants_usage)
    out = b"".join(meter.feed(piece) for piece in pieces) + meter.close()
    return out, meter


def state(meter: Any) -> tuple[object, ...]:
    told = (meter.usage, meter.tokens, meter.begun, meter.ended, meter.finish, meter.failure, meter.model)
    return (*told, meter.delivered())


def decode_stream(*pieces: bytes) -> list[StreamEvent]:
    decoder = CODEC.stream_decoder()
    return [event for piece in pieces for event in decoder.feed(piece)] + list(decoder.close())


def same(one: Response, other: Response) -> bool:
    """Equal but for the service tier, which is told in OpenAI's words."""
    return replace(one, service_tier=None) == replace(other, service_tier=None)


@pytest.mark.parametrize("entry", wire_params([entry for entry in STREAMS if entry.feature != BROKEN]))
def test_stream_passes_byte_for_byte(entry: Entry) -> None:
    """Where the caller asked for usage nothing is taken out, and the stream is known to have ended."""
    body = read(entry).response.content
    if not is_stream(read(entry)):
        pytest.skip("recorded as a whole answer")
    out, meter = meter_of(body)
    assert out == body
    assert meter.ended
    assert meter.begun
    assert meter.failure is None


@pytest.mark.parametrize("entry", wire_params(GOOD))
def test_usage_is_metered_exactly(entry: Entry) -> None:
    """Quantities have the vendor's own sums, in passing and translated."""
    exchange = read(entry)
    if not is_answer(exchange):
        pytest.skip("not an answer")
    told = told_usage(exchange)
    body = exchange.response.content
    if is_stream(exchange):
        usage = meter_of(body)[1].usage
    else:
        usage = CODEC.read(body).usage
        assert CODEC.decode_response(body).usage == usage
    if told is None:
        assert usage is None
        return
    want = oracle(told, entry.provider)
    if "-search-" in str(entry.model):
        want["searches"] = 1
    got = {
        "total_in": usage.total_in,
        "total_out": usage.total_out,
        "total": usage.total_in + usage.total_out,
        "cached": usage.cache_read + usage.audio_cache_read + usage.image_cache_read,
        "written": usage.cache_write_5m + usage.cache_write_1h,
        "reasoning": usage.reasoning,
        "audio_in": usage.audio_in,
        "audio_out": usage.audio_out,
        "searches": usage.web_searches,
    }
    assert got == want


@pytest.mark.parametrize("entry", wire_params(STREAMS[::40]))
def test_stream_cut_at_every_byte_says_the_same(entry: Entry) -> None:
    """One byte at a time, metered and decoded."""
    body = read(entry).response.content[:6000]
    bytes_ = [body[place : place + 1] for place in range(len(body))]
    whole, meter = meter_of(body, wants_usage=False)
    pieces, other = meter_of(*bytes_, wants_usage=False)
    assert pieces == whole
    assert state(other) == state(meter)
    assert decode_stream(*bytes_) == decode_stream(body)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_stream_in_any_cut_says_the_same(data: st.DataObject) -> None:
    """Any few cuts of any recording."""
    if not STREAMS:
        pytest.skip("recorded exchanges not found; set HEADGATE_WIRE")
    body = read(data.draw(st.sampled_from(STREAMS))).response.content[:30_000]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=5)))
    pieces = [body[start:end] for start, end in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    whole, meter = meter_of(body, wants_usage=False)
    cut, other = meter_of(*pieces, wants_usage=False)
    assert cut == whole
    assert state(other) == state(meter)
    assert decode_stream(*pieces) == decode_stream(body)


@pytest.mark.parametrize("entry", wire_params([entry for entry in GOOD if entry.feature != BROKEN]))
def test_answer_translated_to_itself_says_the_same(entry: Entry) -> None:
    """decode, encode, decode; and what is encoded is what OpenAI's SDK takes."""
    exchange = read(entry)
    if not is_answer(exchange):
        pytest.skip("not an answer")
    body = exchange.response.content
    asked = replace(ASKED, provider_data={"openai_chat": {"functions": bool(LEGACY.search(body))}})
    if not is_stream(exchange):
        answer = CODEC.decode_response(body)
        written = CODEC.encode_response(answer, asked)
        ChatCompletion.model_validate_json(written)
        assert same(CODEC.decode_response(written), answer)
        assert same(assemble(disassemble(answer)), answer)
        return
    events = decode_stream(body)
    answer = assemble(events)
    encoder = CODEC.stream_encoder(asked)
    written = encoder.feed(events) + encoder.close()
    chunks = [ChatCompletionChunk.model_validate(payload) for payload in payloads(written)]
    assert {(chunk.id, chunk.created) for chunk in chunks} == {(answer.id, answer.created)}
    assert chunks[0].choices[0].delta.role == "assistant"
    assert written.endswith(b"data: [DONE]\n\n")
    assert (chunks[-1].usage is None) == (answer.usage is None)
    assert same(assemble(decode_stream(written)), answer)


@pytest.mark.parametrize("entry", wire_params(ALL))
def test_request_written_again_means_the_same(entry: Entry) -> None:
    """decode, encode, decode. What a provider refused with 400 may be refused here too."""
    exchange = read(entry)
    body = exchange.request.content
    if exchange.request.method != "POST" or not body:
        pytest.skip("no request body recorded")
    if entry.file in REFUSED or not json.loads(body).get("model"):
        with pytest.raises(Refused):
            CODEC.decode_request(body, None, False)
        return
    request = CODEC.decode_request(body, None, False)
    quirks = QUIRKS.get(entry.provider, Quirks())
    encoded = CODEC.encode_request(request, Target(model=request.model, quirks=quirks))
    assert set(encoded.dropped) <= {"reasoning.foreign"}
    again = CODEC.decode_request(encoded.body, None, False)
    assert meaning(again) == meaning(request)
    assert json.loads(body).keys() - json.loads(encoded.body).keys() <= REPHRASED | null_members(body)


REFUSED = {
    "llamacpp/chat-completions/error-400--qwen3-1-7b-q4-k-m-e008b0f0.json",  # temperature as text
    "openai/chat-completions/error-400--gpt-4o-mini-6046b7db.json",  # a message where a part belongs
}
"""Requests that their own provider refused too."""

REPHRASED = {"max_tokens", "thinking", "enable_thinking", "stream", "stop", "stream_options", "parallel_tool_calls"}
"""Members that may be told in other words, or be left out where they say what is true without them."""


def null_members(body: bytes) -> set[str]:
    return {name for name, value in json.loads(body).items() if value in (None, [], {})}


def meaning(request: Request) -> object:
    """A request without the differences that mean nothing: the system role's name, switches that are on anyway."""
    reasoning = request.reasoning and replace(request.reasoning, enabled=request.reasoning.enabled is False)
    messages = tuple(
        replace(
            message,
            role="system" if message.role == "developer" else message.role,
            parts=tuple(part for part in message.parts if getattr(part, "text", "x") != ""),
        )
        for message in request.messages
    )
    plain: dict[str, Json] = {}
    return replace(
        request,
        messages=messages,
        reasoning=None if reasoning is None or not any((reasoning.effort, reasoning.budget_tokens)) else reasoning,
        include_usage=True,
        provider_data=plain,
    )


@pytest.mark.parametrize("entry", wire_params(ERRORS))
def test_error_answers_keep_their_words(entry: Entry) -> None:
    """Every vendor's envelope is understood: status, and the words for people."""
    answer = read(entry).response
    failure = CODEC.decode_error(answer.status, {}, answer.content)
    assert failure.http_status == answer.status
    assert (
        json.dumps(failure.message)[1:-1] in json.dumps(json.loads(answer.content)) or "\\" in answer.content.decode()
    )
    assert not failure.message.startswith("The upstream answered")


@pytest.mark.parametrize("entry", wire_params([entry for entry in STREAMS if entry.feature == BROKEN]))
def test_error_inside_a_stream_is_a_failure(entry: Entry) -> None:
    """What came before it has passed; nothing from the error on does."""
    body = read(entry).response.content
    out, meter = meter_of(body)
    assert meter.failure is not None
    assert not meter.ended
    assert out
    assert body.startswith(out)
    assert b'"error"' not in out
    with pytest.raises(Refused) as refused:
        assemble(decode_stream(body))
    assert refused.value.failure == meter.failure
