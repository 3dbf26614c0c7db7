"""Every recorded exchange of this protocol, from Google AI and Vertex: passed through, metered, decoded, written again,
and read by Google's SDK."""

import json
import random
from typing import Any

import pytest
from google.genai import types
from msgspec.structs import replace

from fakes.google import BUDGET, LEVEL, asking
from fakes.wire import Entry, entries, read, wire_params
from headgate.canonical.failure import Blame
from headgate.canonical.parts import Part, Signature, Text, ToolCall
from headgate.canonical.quirks import Target
from headgate.canonical.request import Message, Request, ServerTool
from headgate.canonical.stream import Failed, Response, assemble, disassemble
from headgate.canonical.usage import Usage
from headgate.protocols.gemini_generate import CODEC, ArrayReframer
from headgate.protocols.gemini_generate.signatures import NOT_OURS

ALL = [
    entry
    for provider in ("gemini", "vertex")
    for endpoint in ("generateContent", "streamGenerateContent")
    for entry in entries(provider=provider, endpoint=endpoint)
]
GOOD = [entry for entry in ALL if entry.status == 200]
ERRORS = [entry for entry in ALL if entry.status != 200]
WHOLE = [entry for entry in GOOD if entry.endpoint == "generateContent"]
STREAMS = [entry for entry in GOOD if entry.endpoint == "streamGenerateContent"]
NUMBERED = ("stream-jsonarray-basic",)  # enum values as numbers, which the SDK does not ask for and does not read


def answers(body: bytes) -> list[dict[str, Any]]:
    """The answer objects of a body of any form, read without our framing."""
    text = body.decode()
    if text.lstrip().startswith("["):
        return list(json.loads(text))
    if text.lstrip().startswith("{"):
        return [json.loads(text)]
    return [json.loads(line[5:]) for line in text.splitlines() if line.startswith("data:")]


def oracle(found: list[dict[str, Any]]) -> Usage | None:
    """The totals by plain arithmetic on the wire's last counts: input and output in all, reasoning, cache."""
    reports = [answer["usageMetadata"] for answer in found if "usageMetadata" in answer]
    counted = [report for report in reports if any(name.endswith("TokenCount") for name in report)]
    if not counted:
        return None
    last = counted[-1]
    return Usage(
        input=last.get("promptTokenCount", 0) + last.get("toolUsePromptTokenCount", 0),
        cache_read=last.get("cachedContentTokenCount", 0),
        output=last.get("candidatesTokenCount", 0),
        reasoning=last.get("thoughtsTokenCount", 0),
    )


def summed(usage: Usage | None) -> Usage | None:
    """Ours in the oracle's terms: modalities put together again."""
    if usage is None:
        return None
    return Usage(
        input=usage.total_in,
        cache_read=usage.cache_read + usage.audio_cache_read + usage.image_cache_read,
        output=usage.total_out - usage.reasoning,
        reasoning=usage.reasoning,
    )


def described(usage: Usage, found: list[dict[str, Any]]) -> None:
    """Media tokens are exactly those that the last report's details name."""
    last = [answer["usageMetadata"] for answer in found if "usageMetadata" in answer][-1]
    numbers = {2: "IMAGE", 3: "VIDEO", 4: "AUDIO"}

    def named(*fields: str, kind: str) -> int:
        rows = [row for field in fields for row in last.get(field, [])]
        return sum(row.get("tokenCount", 0) for row in rows if numbers.get(row["modality"], row["modality"]) == kind)

    read_in = ("promptTokensDetails", "toolUsePromptTokensDetails")
    assert usage.image_in + usage.image_cache_read == named(*read_in, kind="IMAGE")
    assert usage.audio_in + usage.audio_cache_read == named(*read_in, kind="AUDIO")
    assert usage.video_in == named(*read_in, kind="VIDEO") - named("cacheTokensDetails", kind="VIDEO")
    assert usage.image_out == named("candidatesTokensDetails", kind="IMAGE")


def joined(request: Request) -> Request:
    """The request with neighbours of one role joined, which is all that writing it changes; dummy signatures gone."""
    messages: list[Message] = []
    for message in request.messages:
        parts = tuple(undoing(part) for part in message.parts)
        if not parts:
            continue
        if messages and messages[-1].role == message.role != "tool":
            messages[-1] = replace(messages[-1], parts=messages[-1].parts + parts)
        else:
            messages.append(replace(message, parts=parts))
    return replace(request, messages=tuple(messages))


def undoing(part: Part) -> Part:
    if isinstance(part, ToolCall) and part.signature == Signature("gemini_generate", NOT_OURS):
        return replace(part, signature=None)
    return part


def target_of(entry: Entry) -> Target:
    quirks = LEVEL if "gemini-3" in (entry.model or "") else BUDGET
    return Target(model=entry.model or "gemini", quirks=quirks)


@pytest.mark.parametrize("entry", wire_params(ALL))
def test_a_request_says_the_same_after_both_ways(entry: Entry) -> None:
    """Casing apart; nothing is dropped on the way home."""
    body = read(entry).request.content
    if not body:
        pytest.skip("only the answer was recorded")
    assert CODEC.peek(body, "m").text_bytes > 0
    request = CODEC.decode_request(body, target_of(entry).model, False)
    sent = CODEC.encode_request(request, target_of(entry))
    assert sent.dropped == ()
    assert joined(CODEC.decode_request(sent.body, target_of(entry).model, False)) == joined(request)


@pytest.mark.parametrize("entry", wire_params(STREAMS))
def test_a_stream_passes_byte_for_byte_in_any_cut_and_is_metered_exactly(entry: Entry) -> None:
    """Whole frames only; usage as the last report has it."""
    body = read(entry).response.content
    dice = random.Random(entry.file)
    for longest in (len(body) or 1, 4096, 50):
        meter = CODEC.meter(True)
        out, at = b"", 0
        while at < len(body):
            size = dice.randint(1, longest)
            out += meter.feed(body[at : at + size])
            at += size
        assert out + meter.close() == body
        assert meter.failure is None
        assert summed(meter.usage) == oracle(answers(body))
        if meter.usage:
            described(meter.usage, answers(body))
        finished = any("finishReason" in one or 1 in one.values() for one in candidates(body))
        blocked = any((answer.get("promptFeedback") or {}).get("blockReason") for answer in answers(body))
        assert meter.ended == (finished or blocked)


def candidates(body: bytes) -> list[dict[str, Any]]:
    return [candidate for answer in answers(body) for candidate in answer.get("candidates", [])]


def visible(found: list[dict[str, Any]]) -> str:
    parts = [part for one in found for part in (one.get("content") or {}).get("parts", [])]
    return "".join(part["text"] for part in parts if "text" in part and not part.get("thought"))


@pytest.mark.parametrize("entry", wire_params(STREAMS))
def test_a_stream_translated_and_written_again_says_the_same(entry: Entry) -> None:
    """And the SDK reads every frame."""
    body = read(entry).response.content
    decoder = CODEC.stream_decoder()
    events = [*decoder.feed(body), *decoder.close()]
    if isinstance(events[-1], Failed):
        assert events[-1].failure.blame is Blame.UPSTREAM
        assert not any("finishReason" in one for one in candidates(body))
        return
    response = assemble(events)
    told = "".join(part.text for one in response.candidates for part in one.parts if isinstance(part, Text))
    assert told == visible(candidates(body))
    assert summed(response.usage) == oracle(answers(body))
    encoder = CODEC.stream_encoder(asking())
    written = b"".join(encoder.feed([event]) for event in events) + encoder.close()
    reader = CODEC.stream_decoder()
    assert assemble([*reader.feed(written), *reader.close()]) == response
    if entry.feature not in NUMBERED:
        for answer in answers(written):
            types.GenerateContentResponse._from_response(response=answer, kwargs={})
    row = ArrayReframer()
    assert json.loads(row.feed(written) + row.close()) == answers(written)


@pytest.mark.parametrize("entry", wire_params(WHOLE))
def test_a_whole_answer_says_the_same_after_both_ways(entry: Entry) -> None:
    """Exact usage, the same parts, an answer that the SDK reads."""
    body = read(entry).response.content
    response = CODEC.decode_response(body)
    found = answers(body)
    assert response.usage == CODEC.read(body).usage
    if not corrected(found):
        assert summed(response.usage) == oracle(found)
        if response.usage:
            described(response.usage, found)
    written = CODEC.encode_response(response, asking())
    types.GenerateContentResponse._from_response(response=json.loads(written), kwargs={})
    assert plain(CODEC.decode_response(written)) == plain(response)


def corrected(found: list[dict[str, Any]]) -> bool:
    """Not an answer's report but the size of a cached content, which one recording shows."""
    report = found[0].get("usageMetadata", {})
    return "totalTokenCount" in report and "promptTokenCount" not in report


def plain(response: Response) -> Response:
    """A finish reason that was left out is STOP when written."""
    return replace(response, candidates=tuple(replace(one, provider_data={}) for one in response.candidates))


@pytest.mark.parametrize("entry", wire_params(WHOLE))
def test_an_answer_told_in_events_is_the_same_answer(entry: Entry) -> None:
    """Whole answers become streams for callers who asked for one."""
    response = CODEC.decode_response(read(entry).response.content)
    encoder = CODEC.stream_encoder(asking())
    written = encoder.feed(list(disassemble(response))) + encoder.close()
    if not any("finishReason" in one for one in candidates(written)):
        return
    decoder = CODEC.stream_decoder()
    again = assemble([*decoder.feed(written), *decoder.close()])
    told = [part for one in response.candidates for part in one.parts if isinstance(part, ToolCall)]
    assert [part for one in again.candidates for part in one.parts if isinstance(part, ToolCall)] == told
    assert again.usage == response.usage


@pytest.mark.parametrize("entry", wire_params(ERRORS))
def test_an_error_keeps_its_words(entry: Entry) -> None:
    """And its status, a wrong key excepted."""
    exchange = read(entry)
    failure = CODEC.decode_error(exchange.response.status, {}, exchange.response.content)
    found = json.loads(exchange.response.content)["error"]
    assert failure.message == found["message"]
    assert failure.http_status in {found["code"], 401, 403}
    again = CODEC.decode_error(0, {}, CODEC.encode_error(failure, "").body)
    assert (again.kind, again.message) == (failure.kind, failure.message)


def test_tools_of_the_recordings_are_all_known() -> None:
    """No tool is only kept by its raw name."""
    names = {
        tool.name
        for entry in ALL
        if (body := read(entry).request.content)
        for tool in CODEC.decode_request(body, "m", False).tools
        if isinstance(tool, ServerTool)
    }
    assert names <= {"code_execution", "web_fetch", "file_search", "google_maps", "computer_use"}
