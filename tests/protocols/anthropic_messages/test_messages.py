"""Conversations on the wire, from other protocols and back."""

from typing import Any

import pytest

from fakes.messages import ADAPTIVE, asking, decoded, encoded, said
from headgate.canonical.failure import Refused
from headgate.canonical.parts import (
    Audio,
    CacheHint,
    Citation,
    File,
    Image,
    Part,
    Reasoning,
    Refusal,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Message, Role

PNG = Source(data="iVBORw0", media_type="image/png")


def text(said: str) -> dict[str, str]:
    return {"type": "text", "text": said}


def turns(*messages: Message, **options: Any) -> list[tuple[str, list[dict[str, Any]]]]:
    body, _ = encoded(asking(*messages), **options)
    return [(message["role"], message["content"]) for message in body["messages"]]


def test_system_and_developer_messages_in_front_become_system_blocks() -> None:
    """Separate blocks with their cache marks (peers: `developer` is not hoisted, blocks joined)."""
    hinted = Text(text="b", cache=CacheHint(ttl="1h"))
    body, dropped = encoded(asking(said("system", "a"), said("developer", hinted), said("user", "Hi")))
    assert body["system"] == [text("a"), {**text("b"), "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert dropped == ()


LATER = (said("system", "a"), said("user", "1"), said("developer", "late"), said("user", "2"), said("assistant", "3"))


def test_a_later_system_message_joins_the_others_on_models_without_a_place_for_it() -> None:
    """Its authority is kept, its lost position named."""
    body, dropped = encoded(asking(*LATER))
    assert body["system"] == [text("a"), text("late")]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant"]
    assert dropped == ("system_position",)


def test_a_later_system_message_stays_behind_its_user_turn_where_the_model_allows() -> None:
    """The one place Anthropic accepts."""
    body, dropped = encoded(asking(*LATER), ADAPTIVE)
    assert body["system"] == [text("a")]
    assert [(message["role"], message["content"]) for message in body["messages"]] == [
        ("user", [text("1"), text("2")]),
        ("system", [text("late")]),
        ("assistant", [text("3")]),
    ]
    assert dropped == ()


def test_a_system_message_that_no_user_turn_follows_joins_the_others() -> None:
    """After an assistant turn the API refuses it."""
    body, dropped = encoded(asking(said("user", "1"), said("assistant", "2"), said("system", "late")), ADAPTIVE)
    assert body["system"] == [text("late")]
    assert dropped == ("system_position",)
    last, _ = encoded(asking(said("user", "1"), said("system", "late")), ADAPTIVE)
    assert [message["role"] for message in last["messages"]] == ["user", "system"]


def test_an_anthropic_clients_late_system_message_stays_where_the_model_takes_it() -> None:
    """Older models answer 400: there it is hoisted, and named."""
    request = decoded(
        messages=[
            {"role": "user", "content": "1"},
            {"role": "system", "content": "late"},
            {"role": "user", "content": "2"},
        ]
    )
    body, dropped = encoded(request, Quirks(system_messages=True))
    assert [message["role"] for message in body["messages"]] == ["user", "system", "user"]
    assert dropped == ()
    body, dropped = encoded(request)
    assert [message["role"] for message in body["messages"]] == ["user"]
    assert body["system"] == [{"type": "text", "text": "late"}]
    assert dropped == ("system_position",)


def test_neighbours_of_one_role_become_one_turn_of_separate_blocks() -> None:
    """Nothing is joined with blanks, nothing invented (peers: same-role strings merged, `...` added)."""
    assert turns(said("assistant", "a"), said("assistant", "b"), said("user", "c", "d")) == [
        ("assistant", [text("a"), text("b")]),
        ("user", [text("c"), text("d")]),
    ]


def test_empty_texts_are_left_out_instead_of_filled() -> None:
    """The API refuses them; a message without words says nothing."""
    assert turns(said("user", "Hi"), said("assistant", "", " \n"), said("user", "again")) == [
        ("user", [text("Hi"), text("again")])
    ]
    with pytest.raises(Refused, match="at least one message"):
        encoded(asking(said("user", " ")))


def test_a_final_assistant_text_ends_without_white_space() -> None:
    """The API refuses a prefill that does not."""
    assert turns(said("user", "Hi"), said("assistant", "So: ")) == [
        ("user", [text("Hi")]),
        ("assistant", [text("So:")]),
    ]


def test_text_beside_a_tool_call_is_kept_in_order() -> None:
    """Peers drop it."""
    call = ToolCall(id="call_1", name="f", arguments='{"n": 1.50}')
    wire = turns(said("user", "?"), said("assistant", "Let me see.", call))
    assert wire[1][1] == [
        text("Let me see."),
        {"type": "tool_use", "id": "call_1", "name": "f", "input": {"n": 1.5}},
    ]


def test_tool_results_join_the_users_turn_in_front() -> None:
    """Parallel results, a picture in one, a failure in the other, and the next words."""
    first = ToolResult(call_id="a.1", content=(Text(text="7"), Image(source=PNG)))
    second = ToolResult(call_id="b", content=(Text(text="boom"),), is_error=True)
    calls = (ToolCall(id="a.1", name="f"), ToolCall(id="b", name="g"))
    wire = turns(
        said("user", "?"), said("assistant", *calls), said("tool", first), said("user", "!"), said("tool", second)
    )
    assert [block["type"] for block in wire[2][1]] == ["tool_result", "tool_result", "text"]
    assert wire[2][1][0]["content"][1]["type"] == "image"
    assert wire[2][1][1]["is_error"] is True
    assert wire[2][1][0]["tool_use_id"] == wire[1][1][0]["id"] != "a.1"
    assert wire[1][1][0]["input"] == {}


def test_a_tool_result_without_content_is_allowed() -> None:
    """A tool may return nothing."""
    result = ToolResult(call_id="a", content=(Text(text=""),))
    wire = turns(said("assistant", ToolCall(id="a", name="f")), said("tool", result))
    assert wire[1][1] == [{"type": "tool_result", "tool_use_id": "a"}]


@pytest.mark.parametrize("arguments", ['{"a": ', "[1]", "7", "free text"])
def test_arguments_that_are_no_object_are_kept_whole(arguments: str) -> None:
    """What the model wrote goes back to it, and comes back out."""
    wire = turns(said("assistant", ToolCall(id="a", name="f", arguments=arguments)))
    assert wire[0][1][0]["input"] == {"_raw_arguments": arguments}
    call = decoded(messages=[{"role": "assistant", "content": wire[0][1]}]).messages[0].parts[0]
    assert call == ToolCall(id="a", name="f", arguments=arguments)


def test_a_custom_tools_text_is_its_input() -> None:
    """Custom tools are offered with one string property."""
    wire = turns(said("assistant", ToolCall(id="a", name="f", arguments="ls -l", custom=True)))
    assert wire[0][1][0]["input"] == {"input": "ls -l"}


def test_only_anthropics_thoughts_are_returned_to_anthropic() -> None:
    """Signed and redacted ones unchanged, others dropped and named."""
    mine = Reasoning(text="t", signature=Signature("anthropic_messages", "Er"))
    hidden = Reasoning(redacted=Signature("anthropic_messages", "Em"))
    for foreign in (
        Reasoning(text="x"),
        Reasoning(text="x", signature=Signature("gemini_generate", "C")),
        Reasoning(redacted=Signature("openai_responses", "g")),
    ):
        body, dropped = encoded(asking(said("assistant", mine, hidden, foreign, "ok")))
        assert body["messages"][0]["content"] == [
            {"type": "thinking", "thinking": "t", "signature": "Er"},
            {"type": "redacted_thinking", "data": "Em"},
            text("ok"),
        ]
        assert dropped == ("reasoning.foreign",)


def test_other_vendors_server_tools_and_citations_are_dropped_and_named() -> None:
    """Their text stays; their opaque parts mean nothing here."""
    cited = Text(text="ok", citations=(Citation(url="https://a.example"),))
    call = ServerToolCall(id="ws_1", name="web_search", input="{}")
    result = ServerToolResult(call_id="ws_1", name="web_search")
    body, dropped = encoded(asking(said("assistant", call, result, cited)))
    assert body["messages"][0]["content"] == [text("ok")]
    assert dropped == ("server_tools.foreign", "citations.foreign")


def test_a_refusal_and_a_spoken_answer_are_told_as_text() -> None:
    """Earlier answers keep their words."""
    assert turns(said("assistant", Refusal(text="No."), Audio(source=Source(), transcript="Yes."))) == [
        ("assistant", [text("No."), text("Yes.")])
    ]


def test_names_of_participants_are_dropped_and_named() -> None:
    """There is no field for them."""
    _, dropped = encoded(asking(Message(role="user", parts=(Text(text="x"),), name="bob")))
    assert dropped == ("messages.name",)


@pytest.mark.parametrize(
    ("role", "part"),
    [
        ("user", Audio(source=Source(data="AA", media_type="audio/wav"))),
        ("user", Video(source=Source(url="https://a.example/v.mp4"))),
        ("assistant", Video(source=Source())),
        ("assistant", Audio(source=Source(), id="audio_1")),
        ("assistant", Image(source=PNG)),
        ("assistant", File(source=PNG)),
        ("user", ToolCall(id="a", name="f")),
        ("user", Reasoning(text="x")),
        ("system", Image(source=PNG)),
        ("assistant", ToolResult(call_id="a")),
    ],
)
def test_content_that_cannot_be_said_is_refused(role: Role, part: Part) -> None:
    """A clear 400, never a silent loss."""
    with pytest.raises(Refused) as caught:
        encoded(asking(said("user", "x"), said(role, part)))
    assert caught.value.failure.http_status == 400
    assert "takes no" in caught.value.failure.message


def test_a_users_turn_is_split_where_tool_results_begin_and_end() -> None:
    """Other protocols have a message of its own for them."""
    result = {"type": "tool_result", "tool_use_id": "a", "content": "7"}
    request = decoded(messages=[{"role": "user", "content": [result, {**result, "tool_use_id": "b"}, text("!")]}])
    assert [(message.role, len(message.parts)) for message in request.messages] == [("tool", 2), ("user", 1)]


def test_arguments_that_are_null_are_none() -> None:
    """Llama at Groq writes null for a function without arguments; a tool wants an object."""
    wire = turns(said("assistant", ToolCall(id="a", name="f", arguments="null")))
    assert wire[0][1][0]["input"] == {}
