"""Requests of Google's clients, and what stands beside their contents."""

from pathlib import Path

import msgspec
import pytest

from fakes.google import again, asking, decoded, encoded
from headgate.canonical.failure import Refused
from headgate.canonical.parts import Reasoning, Signature, Text, ToolCall, ToolResult
from headgate.canonical.request import Message
from headgate.protocols.gemini_generate import CODEC

GOLDEN = Path(__file__).parents[2] / "golden" / "gemini_generate"


def test_a_whole_request_in_snake_case_goes_out_in_camel_case() -> None:
    """Every field we know, the caller's own keys untouched, base64 made standard, calls given ids that match."""
    request = CODEC.decode_request((GOLDEN / "request_snake_case.json").read_bytes(), "gemini-2.5-flash", False)
    wanted = (GOLDEN / "request_camel_case.json").read_bytes()
    assert encoded(request)[0] == msgspec.json.decode(wanted)
    assert CODEC.decode_request(wanted, "gemini-2.5-flash", False) == request


def test_contents_are_required() -> None:
    """In Google's words, whatever else is there."""
    for body in (b"{}", b'{"contents":[]}', b'{"contents":null}'):
        with pytest.raises(Refused, match="contents is required"):
            CODEC.decode_request(body, "m", False)


def test_the_path_names_model_and_stream() -> None:
    """The body need not."""
    request = CODEC.decode_request(b'{"contents":[{"parts":[{"text":"Hi"}]}]}', "models/gemini-2.5-pro", True)
    assert (request.model, request.stream, request.messages[0].role) == ("gemini-2.5-pro", True, "user")
    with pytest.raises(Refused, match="model is required"):
        CODEC.decode_request(b'{"contents":[{"parts":[{"text":"Hi"}]}]}', None, True)


def test_counting_takes_either_form() -> None:
    """`countTokens` may wrap the whole request."""
    inner = {"contents": [{"parts": [{"text": "Hi"}]}], "systemInstruction": {"parts": {"text": "S"}}}
    wrapped = msgspec.json.encode({"generate_content_request": inner})
    assert CODEC.decode_request(wrapped, "m", False) == CODEC.decode_request(msgspec.json.encode(inner), "m", False)


def test_strings_and_lone_objects_stand_for_lists() -> None:
    """What Google's parser takes (wire gemini: `parts` as one object)."""
    request = decoded(contents={"role": "user", "parts": {"text": "Hi"}}, system_instruction="S")
    assert [message.role for message in request.messages] == ["system", "user"]


def test_ids_match_without_being_given() -> None:
    """peers.md 1: ids restart at call_1 in every content elsewhere."""
    request = decoded(
        contents=[
            {"role": "user", "parts": [{"text": "Hi"}]},
            {"role": "model", "parts": [{"text": "wait"}, {"functionCall": {"name": "f", "args": {"my_key": 1}}}]},
            {"role": "function", "parts": [{"functionResponse": {"name": "f", "response": {"result": "a"}}}]},
            {"role": "model", "parts": [{"function_call": {"name": "f"}}]},
            {
                "role": "user",
                "parts": [{"function_response": {"name": "f", "response": {"error": "b"}}}, {"text": "?"}],
            },
        ]
    )
    calls = [part for message in request.messages for part in message.parts if isinstance(part, ToolCall)]
    results = [part for message in request.messages for part in message.parts if isinstance(part, ToolResult)]
    assert [call.id for call in calls] == [result.call_id for result in results]
    assert calls[0].id != calls[1].id
    assert calls[0].arguments == '{"my_key":1}'
    assert [result.is_error for result in results] == [False, True]
    assert [message.role for message in request.messages][-2:] == ["tool", "user"]
    assert request.messages[1].parts[0] == Text(text="wait")
    assert again(request) == request


def test_a_streamed_thought_sent_back_in_chunks_is_one_again() -> None:
    """Clients keep every chunk; thought and signature belong together."""
    chunks = [
        {"text": "I ", "thought": True},
        {"text": "think", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "UQ=="},
        {"text": "So"},
        {"text": "", "thoughtSignature": "Uw=="},
    ]
    request = decoded(contents=[{"parts": [{"text": "Hi"}]}, {"role": "model", "parts": chunks}])
    assert request.messages[1].parts == (
        Reasoning(text="I think", signature=Signature("gemini_generate", "UQ==")),
        Text(text="So", signature=Signature("gemini_generate", "Uw==")),
    )


def test_what_only_google_knows_is_kept_for_google() -> None:
    """And named for everyone else."""
    body = {
        "safetySettings": [{"category": 10, "threshold": 3}],
        "cachedContent": "cachedContents/x",
        "labels": {"team_name": "a"},
        "modelArmorConfig": {"responseTemplateName": "t"},
        "serviceTier": "flex",
    }
    request = decoded(**body)
    assert (request.service_tier, request.metadata) == ("flex", {"team_name": "a"})
    sent, dropped = encoded(request)
    assert {name: sent[name] for name in body} == body
    assert dropped == ()
    assert CODEC.check_portable is not None
    with pytest.raises(Refused, match="cachedContent"):
        CODEC.check_portable(request)
    CODEC.check_portable(decoded())


def test_foreign_wishes_without_a_field_are_named() -> None:
    """Each once; what cannot matter is not."""
    request = asking(
        logit_bias={"1": 2},
        verbosity="low",
        user="u",
        store=False,
        metadata={"a": "b"},
        service_tier="auto",
        prompt_cache_key="k",
        extensions={"top_a": 1},
    )
    body, dropped = encoded(request)
    assert list(body) == ["contents"]
    assert dropped == ("metadata", "top_a", "logit_bias", "verbosity", "user", "prompt_cache_key")


def test_remembered_conversations_are_refused() -> None:
    """Dropping the past would be a silent loss."""
    with pytest.raises(Refused, match="earlier answers"):
        encoded(asking(previous_response_id="resp_1"))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "Invalid JSON"),
        (b"[1]", "request"),
        (b'{"contents":[{"role":"assistant","parts":[{"text":"x"}]}]}', "valid role"),
        (b'{"contents":[{"parts":[{"text":5}]}]}', "contents\\[0\\].parts\\[0\\].text"),
        (b'{"contents":[{"parts":[{"hologram":{}}]}]}', "hologram"),
        (b'{"contents":[{"parts":[{"functionCall":{}}]}]}', "name"),
        (b'{"contents":[{"parts":[{"text":"x"}]}],"generationConfig":{"maxOutputTokens":"many"}}', "maxOutputTokens"),
        (b"[" * 100_000, "nested"),
        (b'{"contents":[{"parts":[{"text":"\xff"}]}]}', "Invalid JSON"),
    ],
)
def test_bad_input_is_refused_with_its_place(body: bytes, words: str) -> None:
    """Never a crash, never guessed."""
    with pytest.raises(Refused, match=words):
        CODEC.decode_request(body, "m", False)


def test_an_empty_content_is_no_crash() -> None:
    """Parts may be missing."""
    assert decoded(contents=[{"role": "user"}]).messages == (Message(role="user", parts=()),)
