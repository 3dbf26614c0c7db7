"""Whole answers, both ways."""

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from headgate.canonical.failure import Blame, Kind, Refused
from headgate.canonical.parts import (
    Audio,
    Citation,
    Image,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    Signature,
    Source,
    Text,
    ToolCall,
)
from headgate.canonical.request import Request, Tool
from headgate.canonical.stream import Candidate, FinishReason, Response
from headgate.canonical.usage import Usage
from headgate.protocols.openai_chat.request import decode_request
from headgate.protocols.openai_chat.response import decode_response, encode_response

ASKED = Request(origin="openai_chat", model="m", messages=())
THEIRS = Signature(origin="anthropic_messages", value="theirs")
PNG = "iVBORw0KGgo="


def answer(*parts: Part, finish: FinishReason = "stop", **members: Any) -> Response:
    return Response(id="c", model="m-1", created=7, candidates=(Candidate(parts=parts, finish=finish),), **members)


def encode(response: Response, request: Request = ASKED) -> dict[str, Any]:
    body = encode_response(response, request)
    ChatCompletion.model_validate_json(body)
    return dict(json.loads(body))


def message(*parts: Part, request: Request = ASKED) -> dict[str, Any]:
    return dict(encode(answer(*parts), request)["choices"][0]["message"])


def decode(message: dict[str, Any], finish: str = "stop", **members: Any) -> Candidate:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    body = {"id": "c", "model": "m", "choices": [choice], **members}
    return decode_response(json.dumps(body).encode()).candidates[0]


def test_plain_answer_has_openais_shape() -> None:
    """Log probabilities are there as null, as the contract shows."""
    usage = Usage(input=13, output=5)
    assert encode(answer(Text(text="This is a test!"), usage=usage, service_tier="standard")) == {
        "id": "c",
        "object": "chat.completion",
        "created": 7,
        "model": "m-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "This is a test!", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 13,
            "completion_tokens": 5,
            "total_tokens": 18,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": "default",
        "system_fingerprint": None,
    }


@pytest.mark.parametrize(
    "parts",
    [
        (Text(text="a", citations=(Citation(url="https://x", title="X", cited_text="c", start=0, end=1),)),),
        (Text(text="a", citations=(Citation(url="https://x"),)),),
        (Text(text="a", signature=THEIRS),),
        (Refusal(text="no"),),
        (Reasoning(text="hm"), Text(text="a")),
        (Reasoning(text="hm", signature=THEIRS, id="r"), Reasoning(redacted=THEIRS), Text(text="a")),
        (Reasoning(text="s", summary=True), Text(text="a")),
        (Text(text="a\n\n"), Image(source=Source(data=PNG, media_type="image/png"))),
        (Audio(source=Source(data="AAAA"), transcript="hi", id="audio_1", expires_at=9),),
        (Text(text="a"), ToolCall(id="1", name="f", arguments="{"), ToolCall(id="2", name="g", arguments="{}")),
        (ToolCall(id="1", name="f", arguments="{}", signature=THEIRS),),
        (ToolCall(id="1", name="f", arguments="free", custom=True),),
    ],
)
def test_every_part_is_written_and_read_back(parts: tuple[Part, ...]) -> None:
    """A client that sends the message back loses nothing; the next decoder finds every part."""
    body = encode_response(answer(*parts), ASKED)
    ChatCompletion.model_validate_json(body)
    found = decode_response(body).candidates[0].parts
    bare = [(type(part), getattr(part, "text", None), getattr(part, "signature", None)) for part in found]
    want = [(type(part), getattr(part, "text", None), getattr(part, "signature", None)) for part in parts]
    if not any(isinstance(part, Image) for part in parts):
        assert bare == want
    history = [{"role": "user", "content": "x"}, json.loads(body)["choices"][0]["message"]]
    request = decode_request(json.dumps({"model": "m", "messages": history}).encode(), None, False)
    if not any(isinstance(part, Audio) for part in parts):
        assert [type(part) for part in request.messages[1].parts] == [type(part) for part in parts]


def test_images_are_markdown_in_the_text() -> None:
    """The contract's form for models that answer in pictures; OpenRouter's own is understood."""
    image = Image(source=Source(data=PNG, media_type="image/png"))
    assert message(Text(text="a"), image)["content"] == f"a\n\n![image](data:image/png;base64,{PNG})"
    images = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]
    assert decode({"content": None, "images": images}).parts == (image,)


def test_signed_thoughts_are_listed() -> None:
    """Text for everyone in `reasoning_content`, what must come back in `reasoning_details`."""
    told = message(Reasoning(text="hm", signature=THEIRS), Text(text="a"))
    assert told["reasoning_content"] == "hm"
    assert told["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "hg1.am.theirs", "index": 0}
    ]
    assert "reasoning_details" not in message(Reasoning(text="hm"))


def test_free_text_tool_called_as_a_function_is_unwrapped() -> None:
    """A foreign upstream knows only functions; the caller knows only their custom tool."""
    request = Request(origin="openai_chat", model="m", messages=(), tools=(Tool(name="f", custom=True),))
    (call,) = message(ToolCall(id="1", name="f", arguments='{"input":"4 + 4"}'), request=request)["tool_calls"]
    assert call == {"id": "1", "type": "custom", "custom": {"name": "f", "input": "4 + 4"}}


def test_caller_of_2023_gets_a_function_call() -> None:
    """With the finish reason of the time."""
    request = Request(origin="openai_chat", model="m", messages=(), provider_data={"openai_chat": {"functions": True}})
    choice = encode(answer(ToolCall(id="1", name="f", arguments="{}"), finish="tool_calls"), request)["choices"][0]
    assert choice["message"]["function_call"] == {"name": "f", "arguments": "{}"}
    assert choice["finish_reason"] == "function_call"


@pytest.mark.parametrize(
    ("finish", "parts", "word"),
    [
        ("stop", (), "stop"),
        ("stop_sequence", (), "stop"),
        ("length", (), "length"),
        ("context_length", (), "length"),
        ("tool_calls", (), "tool_calls"),
        ("content_filter", (), "content_filter"),
        ("refusal", (), "content_filter"),
        ("refusal", (Refusal(text="no"),), "stop"),
        ("pause", (), "stop"),
    ],
)
def test_every_finish_reason_has_a_word(finish: FinishReason, parts: tuple[Part, ...], word: str) -> None:
    """A word of OpenAI's own."""
    assert encode(answer(*parts, finish=finish))["choices"][0]["finish_reason"] == word


@pytest.mark.parametrize(
    ("word", "message", "finish"),
    [
        ("stop", {"content": "x"}, "stop"),
        ("eos", {"content": "x"}, "stop"),
        ("length", {"content": "x"}, "length"),
        ("model_length", {"content": "x"}, "context_length"),
        ("content_filter", {"content": "x"}, "content_filter"),
        ("stop", {"refusal": "no"}, "refusal"),
        ("stop", {"tool_calls": [{"id": "1", "function": {"name": "f", "arguments": "{}"}}]}, "tool_calls"),
        ("something new", {"content": "x"}, "stop"),
    ],
)
def test_every_word_is_understood(word: str, message: dict[str, Any], finish: str) -> None:
    """Also where a provider says stop after a tool call."""
    assert decode(message, word).finish == finish


def test_matched_stop_sequence_is_kept() -> None:
    """vLLM names it."""
    body = {"id": "c", "choices": [{"message": {"content": "x"}, "finish_reason": "stop", "stop_reason": "END"}]}
    decoded = decode_response(json.dumps(body).encode())
    assert (decoded.candidates[0].finish, decoded.candidates[0].stop_sequence) == ("stop_sequence", "END")
    assert encode(decoded)["choices"][0]["stop_reason"] == "END"


def test_sources_beside_the_answer_become_citations() -> None:
    """Perplexity and xAI list addresses; titles where there are some."""
    results = [{"url": "https://x", "title": "X", "snippet": "s"}]
    found = decode({"content": "a"}, citations=["https://x", "https://y"], search_results=results)
    assert found.parts == (
        Text(
            text="a",
            citations=(Citation(url="https://x", title="X", cited_text="s"), Citation(url="https://y")),
        ),
    )


def test_live_search_caller_gets_the_list_of_addresses() -> None:
    """As xAI gave it while it had live search; every other caller gets annotations alone."""
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "search_parameters": {"mode": "auto"}}
    request = decode_request(json.dumps(body).encode(), None, False)
    cited = answer(
        Text(text="a", citations=(Citation(url="https://x"), Citation(url="https://x"), Citation(url="https://y")))
    )
    assert encode(cited, request)["citations"] == ["https://x", "https://y"]
    assert "citations" not in encode(cited)


def test_citations_of_several_texts_are_moved_to_their_place() -> None:
    """Offsets count from the beginning of the one content."""
    second = Text(text="bcd", citations=(Citation(url="https://x", start=1, end=2),))
    (note,) = message(Text(text="a"), second)["annotations"]
    assert (note["url_citation"]["start_index"], note["url_citation"]["end_index"]) == (2, 3)


def test_what_the_upstream_did_by_itself_shows_in_the_text_only() -> None:
    """There is no word for it, and a client could not answer it."""
    assert message(ServerToolCall(id="s", name="web_search"), Text(text="a"))["content"] == "a"


def test_calls_without_ids_get_some() -> None:
    """Unlike those of any other answer in the conversation."""
    call = {"function": {"name": "f", "arguments": "{}"}}
    ids = {part.id for part in decode({"tool_calls": [call, call]}).parts if isinstance(part, ToolCall)}
    assert len(ids) == 2


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b'{"choices":7}', b'{"choices":[7]}', b'{"choices":[{"message":{"tool_calls":7}}]}'],
)
def test_answer_that_is_none_is_the_upstreams_fault(body: bytes) -> None:
    """Refused, to be tried elsewhere."""
    with pytest.raises(Refused) as refused:
        decode_response(body)
    assert (refused.value.failure.blame, refused.value.failure.kind) == (Blame.UPSTREAM, Kind.UPSTREAM)


def test_error_with_status_200_keeps_its_words() -> None:
    """Some proxies answer so."""
    with pytest.raises(Refused, match="no such model"):
        decode_response(b'{"error":{"message":"no such model"}}')
