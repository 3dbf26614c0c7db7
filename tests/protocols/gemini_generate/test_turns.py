"""Conversations of other protocols on Google's two-sided wire."""

import pytest

from fakes.google import LEVEL, asking, encoded, said
from headgate.canonical.failure import Refused
from headgate.canonical.parts import (
    Audio,
    CacheHint,
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
from headgate.canonical.request import Message

CALL = ToolCall(id="c1", name="f", arguments='{"a":1}')


def contents(*messages: Message, level: bool = False) -> list[tuple[str, list[dict[str, object]]]]:
    body, _ = encoded(asking(*messages), LEVEL) if level else encoded(asking(*messages))
    return [(content["role"], content["parts"]) for content in body["contents"]]


def test_opening_instructions_are_hoisted_later_ones_stay() -> None:
    """`developer` is an instruction too (peers.md 1); nothing is joined with a blank or filled up."""
    body, _ = encoded(
        asking(said("system", "A"), said("developer", "B"), said("user", "Hi"), said("system", "C"), said("user", "D"))
    )
    assert body["systemInstruction"] == {"parts": [{"text": "A"}, {"text": "B"}]}
    assert body["contents"] == [{"role": "user", "parts": [{"text": "Hi"}, {"text": "C"}, {"text": "D"}]}]


def test_nothing_but_instructions_is_said_as_the_user() -> None:
    """No filler message is made up (peers.md 1: a fake `...`)."""
    body, _ = encoded(asking(said("system", "A")))
    assert body == {"contents": [{"role": "user", "parts": [{"text": "A"}]}]}


def test_an_empty_conversation_is_refused() -> None:
    """As Google refuses it."""
    with pytest.raises(Refused, match="contents is required"):
        encoded(asking(said("user", "")))


def test_text_beside_calls_and_parallel_results() -> None:
    """Text is not lost, results come first in the user's turn and carry name and id."""
    other = ToolCall(id="c2", name="g", arguments="")
    found = contents(
        said("user", "Hi"),
        said("assistant", "Let me see", CALL, other),
        said("user", "hurry"),
        said("tool", ToolResult(call_id="c1", content=(Text(text="sunny"),))),
        said("tool", ToolResult(call_id="c2", content=(Text(text='{"t": 3}'),))),
    )
    assert found[1] == (
        "model",
        [
            {"text": "Let me see"},
            {"functionCall": {"id": "c1", "name": "f", "args": {"a": 1}}},
            {"functionCall": {"id": "c2", "name": "g", "args": {}}},
        ],
    )
    assert found[2] == (
        "user",
        [
            {"functionResponse": {"id": "c1", "name": "f", "response": {"output": "sunny"}}},
            {"functionResponse": {"id": "c2", "name": "g", "response": {"t": 3}}},
            {"text": "hurry"},
        ],
    )


def test_an_error_stays_an_error() -> None:
    """`is_error` becomes Google's `error` key."""
    failed = ToolResult(call_id="c1", content=(Text(text="no"),), is_error=True)
    found = contents(said("assistant", CALL), said("tool", failed))
    assert found[1][1][0]["functionResponse"] == {"id": "c1", "name": "f", "response": {"error": "no"}}


def test_pictures_in_results_go_inside_from_gemini_3_on() -> None:
    """Before that they follow the result (peers.md 1: elsewhere a JSON string)."""
    result = ToolResult(call_id="c1", content=(Image(source=Source(data="iVBORw0KGgo=")),))
    image = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}
    answer = {"id": "c1", "name": "f", "response": {}}
    messages = (said("assistant", CALL), said("tool", result))
    assert contents(*messages)[1][1] == [{"functionResponse": answer}, image]
    assert contents(*messages, level=True)[1][1] == [{"functionResponse": {**answer, "parts": [image]}}]


def test_a_result_without_a_call_is_refused() -> None:
    """Google needs the function's name, and nobody knows it."""
    with pytest.raises(Refused, match="zz"):
        encoded(asking(said("tool", ToolResult(call_id="zz"))))


def test_own_signatures_go_back_foreign_ones_do_not() -> None:
    """new-api #5528: on thoughts, texts, calls and pictures alike."""
    own, foreign = Signature("gemini_generate", "G"), Signature("anthropic_messages", "A")
    parts: tuple[Part, ...] = (
        Reasoning(text="hm", signature=own),
        Reasoning(text="ha", signature=foreign),
        Text(text="t", signature=own),
        Image(source=Source(data="iVBORw0KGgo="), signature=own),
        ToolCall(id="c", name="f", signature=own),
        ToolCall(id="d", name="f", signature=foreign),
    )
    (_, found), *_ = contents(said("assistant", *parts))
    assert [part.get("thoughtSignature") for part in found] == ["G", None, "G", "G", "G", None]
    assert [part.get("thought") for part in found[:2]] == [True, True]


def test_gemini_3_is_told_which_calls_are_not_its_own() -> None:
    """Only the first call of a step needs the word, and only where no signature is."""
    step = said("assistant", CALL, ToolCall(id="c2", name="f"))
    signed = said("assistant", ToolCall(id="c3", name="f", signature=Signature("gemini_generate", "G")))
    found = contents(said("user", "Hi"), step, said("user", "go on"), signed, level=True)
    assert [part.get("thoughtSignature") for part in found[1][1]] == ["skip_thought_signature_validator", None]
    assert found[3][1][0]["thoughtSignature"] == "G"


def test_encrypted_thoughts_of_others_are_named() -> None:
    """Nobody here can read them."""
    thought = Reasoning(redacted=Signature("anthropic_messages", "x"))
    body, dropped = encoded(asking(said("user", "Hi"), said("assistant", thought, "Ho")))
    assert body["contents"][1]["parts"] == [{"text": "Ho"}]
    assert dropped == ("reasoning.foreign",)


def test_a_refusal_is_the_models_words() -> None:
    """Said by the model, so told as its text."""
    assert contents(said("user", "Hi"), said("assistant", Refusal(text="No.")))[1] == ("model", [{"text": "No."}])


def test_foreign_searches_are_told_as_calls_and_answers() -> None:
    """Text after the search stays after it; what Google's own grounding left behind is not sent back."""
    parts: tuple[Part, ...] = (
        Text(text="Looking."),
        ServerToolCall(id="s1", name="web_search", input='{"query":"x"}'),
        ServerToolResult(call_id="s1", name="web_search", results=(SearchResult(url="https://a", title="A"),)),
        Text(text="Found."),
        ServerToolCall(id="srvtoolu_gg_1", name="web_search", input="{}"),
        ServerToolResult(call_id="srvtoolu_gg_1", name="web_search"),
    )
    found = contents(said("user", "Hi"), said("assistant", *parts))
    call = {"id": "s1", "name": "web_search", "args": {"query": "x"}}
    results = {"results": [{"url": "https://a", "title": "A"}]}
    assert found[1:] == [
        ("model", [{"text": "Looking."}, {"functionCall": call}]),
        ("user", [{"functionResponse": {"id": "s1", "name": "web_search", "response": results}}]),
        ("model", [{"text": "Found."}]),
    ]


def test_foreign_code_runs_as_googles() -> None:
    """Code execution exists on both sides."""
    parts = (
        ServerToolCall(id="s1", name="code_execution", input='{"code":"1+1"}'),
        ServerToolResult(call_id="s1", name="code_execution", output="2"),
    )
    assert contents(said("user", "Hi"), said("assistant", *parts))[1][1] == [
        {"executableCode": {"id": "s1", "language": "PYTHON", "code": "1+1"}},
        {"codeExecutionResult": {"id": "s1", "outcome": "OUTCOME_OK", "output": "2"}},
    ]


def test_an_unanswered_foreign_tool_is_named() -> None:
    """A call without answer would be a 400."""
    call = ServerToolCall(id="s1", name="web_search", input="{}")
    _, dropped = encoded(asking(said("user", "Hi"), said("assistant", call)))
    assert dropped == ("server_tools.foreign",)


def test_remembered_sound_is_its_transcript_or_refused() -> None:
    """An id of another vendor's memory means nothing here."""
    spoken = Audio(source=Source(), id="audio_1", transcript="Hello")
    assert contents(said("user", "Hi"), said("assistant", spoken))[1][1] == [{"text": "Hello"}]
    with pytest.raises(Refused, match="transcript"):
        encoded(asking(said("user", "Hi"), said("assistant", Audio(source=Source(), id="audio_1"))))


def test_cache_hints_and_names_are_named() -> None:
    """Google caches by itself."""
    message = Message(role="user", name="bob", parts=(Text(text="Hi", cache=CacheHint()),))
    assert encoded(asking(message))[1] == ("messages.name", "cache_control")


def test_broken_arguments_do_not_break_the_conversation() -> None:
    """What a model wrote cut off is still what it wrote."""
    (_, parts), *_ = contents(said("assistant", ToolCall(id="c", name="f", arguments='{"a":')))
    assert parts[0]["functionCall"] == {"id": "c", "name": "f", "args": {"arguments": '{"a":'}}
