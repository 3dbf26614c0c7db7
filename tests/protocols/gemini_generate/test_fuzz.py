"""Whatever comes, the answer is a value or `Refused`; never another exception."""

from contextlib import suppress

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.google import asking, sse
from headgate.canonical.codec import Patch
from headgate.canonical.failure import Refused
from headgate.canonical.parts import Json
from headgate.canonical.quirks import Target
from headgate.protocols.gemini_generate import CODEC, ArrayReframer

WORDS = [
    "contents",
    "parts",
    "role",
    "text",
    "inlineData",
    "inline_data",
    "mimeType",
    "data",
    "fileData",
    "fileUri",
    "functionCall",
    "function_call",
    "name",
    "args",
    "id",
    "functionResponse",
    "response",
    "thought",
    "thoughtSignature",
    "executableCode",
    "code",
    "codeExecutionResult",
    "outcome",
    "output",
    "toolCall",
    "toolType",
    "systemInstruction",
    "tools",
    "functionDeclarations",
    "parameters",
    "properties",
    "type",
    "googleSearch",
    "toolConfig",
    "functionCallingConfig",
    "mode",
    "generationConfig",
    "maxOutputTokens",
    "stopSequences",
    "responseSchema",
    "responseMimeType",
    "thinkingConfig",
    "thinkingBudget",
    "thinkingLevel",
    "candidates",
    "content",
    "finishReason",
    "index",
    "usageMetadata",
    "promptTokenCount",
    "promptTokensDetails",
    "modality",
    "tokenCount",
    "groundingMetadata",
    "groundingChunks",
    "groundingSupports",
    "segment",
    "startIndex",
    "endIndex",
    "groundingChunkIndices",
    "webSearchQueries",
    "web",
    "uri",
    "promptFeedback",
    "blockReason",
    "error",
    "code",
    "message",
    "details",
    "partialArgs",
    "jsonPath",
    "stringValue",
    "willContinue",
    "logprobsResult",
    "chosenCandidates",
    "citationMetadata",
    "citations",
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from(["", "x", "user", "model", "STOP", "AAAA", "image/png", "$.a[0]", "models/m"]),
    st.text(max_size=5),
)
VALUES: st.SearchStrategy[Json] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(WORDS), inner, max_size=4)),
    max_leaves=25,
)
PARTS = st.lists(st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=3), max_size=3)


def request_ways(body: bytes) -> None:
    with suppress(Refused):
        CODEC.peek(body, "m")
    with suppress(Refused):
        CODEC.patch(body, Patch(model="n", max_output_tokens=1))
    with suppress(Refused):
        sent = CODEC.encode_request(CODEC.decode_request(body, "m", False), Target(model="m"))
        CODEC.decode_request(sent.body, "m", False)


def answer_ways(body: bytes) -> None:
    with suppress(Refused):
        CODEC.read(body)
    with suppress(Refused):
        CODEC.read_delivered(body)
    with suppress(Refused):
        CODEC.decode_response(CODEC.encode_response(CODEC.decode_response(body), asking()))
    CODEC.decode_error(500, {}, body)


def stream_ways(stream: bytes) -> None:
    meter = CODEC.meter(True)
    passed = meter.feed(stream) + meter.close()
    assert passed == stream or (meter.failure is not None and stream.startswith(passed))
    meter.delivered()
    decoder, encoder, row = CODEC.stream_decoder(), CODEC.stream_encoder(asking()), ArrayReframer()
    written = encoder.feed([*decoder.feed(stream), *decoder.close()]) + encoder.close()
    msgspec.json.decode(row.feed(written) + row.close())


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_any_json(value: Json) -> None:
    """Of our own words in any arrangement."""
    body = msgspec.json.encode(value)
    request_ways(body)
    answer_ways(body)
    stream_ways(b"data: " + body + b"\n\n")


@settings(max_examples=150, deadline=None)
@given(PARTS, VALUES)
def test_any_parts(parts: list[dict[str, Json]], more: Json) -> None:
    """Requests and answers whose frame is right and whose inside is not."""
    request_ways(msgspec.json.encode({"contents": [{"parts": list(parts)}], "tools": more, "generationConfig": more}))
    found: dict[str, Json] = {"content": {"parts": list(parts)}, "finishReason": "STOP", "groundingMetadata": more}
    answer_ways(msgspec.json.encode({"candidates": [found]}))
    stream_ways(sse({"candidates": [found]}, {"candidates": [found]}))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    """Not even JSON."""
    request_ways(data)
    answer_ways(data)
    stream_ways(data)
