"""Whole requests, both ways."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.canonical.failure import Kind, Refused
from headgate.canonical.parts import Json
from headgate.canonical.quirks import Encoded, Quirks, Target
from headgate.canonical.request import ReasoningControl, Request, ResponseFormat
from headgate.protocols.openai_chat.request import decode_request, encode_request


def decode(**members: Any) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], **members}
    return decode_request(json.dumps(body).encode(), None, False)


def encode(request: Request, **quirks: Any) -> tuple[dict[str, Any], Encoded]:
    encoded = encode_request(request, Target(model="up", quirks=Quirks(**quirks)))
    return json.loads(encoded.body), encoded


FOREIGN = Request(origin="anthropic_messages", model="m", messages=())

KNOBS: dict[str, Any] = {
    "temperature": 0.5,
    "top_p": 0.9,
    "top_k": 5,
    "frequency_penalty": 1,
    "presence_penalty": -1,
    "logit_bias": {"50256": -100},
    "seed": 7,
    "stop": ["a", "b"],
    "n": 2,
    "logprobs": True,
    "top_logprobs": 3,
    "verbosity": "low",
    "modalities": ["text", "audio"],
    "audio": {"voice": "alloy", "format": "wav"},
    "prediction": {"type": "content", "content": "x"},
    "service_tier": "flex",
    "metadata": {"a": "b"},
    "user": "u",
    "safety_identifier": "s",
    "store": True,
    "prompt_cache_key": "k",
    "max_completion_tokens": 9,
    "reasoning_effort": "high",
    "something_new": {"x": [1.5]},
    "provider": {"only": ["x"]},
}


def test_every_wish_comes_through() -> None:
    """What a caller of this protocol says, an upstream of this protocol hears, known or not."""
    wire, encoded = encode(decode(**KNOBS))
    assert wire == {"model": "up", "messages": [{"role": "user", "content": "hi"}], **KNOBS}
    assert encoded.dropped == ()


def test_foreign_wishes_without_words_are_named() -> None:
    """OpenAI answers 400 to members it does not know, so they stay away, and the caller is told."""
    request = Request(
        origin="anthropic_messages", model="m", messages=(), top_k=3, extensions={"x": 1}, image={"size": "1K"}
    )
    wire, encoded = encode(request)
    assert wire.keys() == {"model", "messages"}
    assert encoded.dropped == ("top_k", "image_config", "x")


def test_refused_parameters_are_dropped_and_named() -> None:
    """A reasoning model takes no temperature."""
    wire, encoded = encode(decode(temperature=1, max_tokens=5), refused_parameters=frozenset({"temperature"}))
    assert "temperature" not in wire
    assert encoded.dropped == ("temperature",)


def test_upstreams_names_are_used() -> None:
    """The limit's name, the system role's, and whatever must be set."""
    request = decode(max_tokens=5, messages=[{"role": "developer", "content": "s"}, {"role": "user", "content": "x"}])
    wire, _ = encode(request, max_tokens_field="max_tokens", extra_body={"safe": False})
    assert (wire["max_tokens"], wire["messages"][0]["role"], wire["safe"]) == (5, "system", False)
    assert encode(request, system_role="developer")[0]["messages"][0]["role"] == "developer"


def test_translated_stream_asks_for_usage() -> None:
    """It is metered, whatever the caller asked; other options survive."""
    request = decode(stream=True, stream_options={"include_usage": False, "include_obfuscation": False})
    assert not request.include_usage
    wire, _ = encode(request)
    assert (wire["stream"], wire["stream_options"]) == (True, {"include_obfuscation": False, "include_usage": True})
    assert "stream_options" not in encode(decode(stream=True), stream_usage=False)[0]


@pytest.mark.parametrize(
    ("said", "control"),
    [
        ({"reasoning_effort": "low"}, ReasoningControl(effort="low")),
        ({"reasoning_effort": "none"}, ReasoningControl(effort="none", enabled=False)),
        ({"reasoning": {"max_tokens": 2000, "exclude": True}}, ReasoningControl(budget_tokens=2000, visible=False)),
        ({"reasoning": {"effort": "high", "enabled": True}}, ReasoningControl(effort="high", enabled=True)),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 1024}},
            ReasoningControl(enabled=True, budget_tokens=1024),
        ),
        ({"thinking": {"type": "disabled"}}, ReasoningControl(enabled=False)),
        ({"thinking": {"type": "adaptive"}}, ReasoningControl(enabled=True, adaptive=True)),
        ({"enable_thinking": True, "thinking_budget": 50}, ReasoningControl(enabled=True, budget_tokens=50)),
        ({"enable_thinking": False}, ReasoningControl(enabled=False)),
        (
            {"extra_body": {"google": {"thinking_config": {"thinking_budget": 800, "include_thoughts": True}}}},
            ReasoningControl(budget_tokens=800, visible=True),
        ),
        (
            {"extra_body": {"google": {"thinking_config": {"thinking_level": "LOW", "thinking_budget": -1}}}},
            ReasoningControl(effort="low", adaptive=True),
        ),
    ],
)
def test_every_way_to_ask_for_thought_is_understood(said: dict[str, Any], control: ReasoningControl) -> None:
    """OpenAI's, OpenRouter's, Anthropic's and DeepSeek's, Qwen's, Gemini's."""
    assert decode(**said).reasoning == control


@pytest.mark.parametrize(
    ("control", "style", "wire"),
    [
        (ReasoningControl(effort="low"), "effort", {"reasoning_effort": "low"}),
        (ReasoningControl(enabled=False), "effort", {"reasoning_effort": "none"}),
        (ReasoningControl(budget_tokens=1000), "effort", {"reasoning_effort": "low"}),
        (ReasoningControl(budget_tokens=5000), "effort", {"reasoning_effort": "medium"}),
        (ReasoningControl(budget_tokens=50_000), "effort", {"reasoning_effort": "high"}),
        (ReasoningControl(effort="max"), "effort", {"reasoning_effort": "xhigh"}),
        (ReasoningControl(adaptive=True, enabled=True), "effort", {}),
        (ReasoningControl(enabled=False), "thinking", {"thinking": {"type": "disabled"}}),
        (ReasoningControl(effort="high"), "thinking", {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        (ReasoningControl(effort="low"), "enable_thinking", {"enable_thinking": True, "thinking_budget": 2048}),
        (ReasoningControl(enabled=False), "enable_thinking", {"enable_thinking": False}),
        (ReasoningControl(budget_tokens=9), "reasoning", {"reasoning": {"max_tokens": 9}}),
        (ReasoningControl(enabled=True), "reasoning", {"reasoning": {"enabled": True}}),
        (
            ReasoningControl(effort="max", visible=False),
            "reasoning",
            {"reasoning": {"effort": "xhigh", "exclude": True}},
        ),
        (ReasoningControl(enabled=False), "reasoning", {"reasoning": {"effort": "none"}}),
    ],
)
def test_thought_is_asked_for_in_the_upstreams_way(control: ReasoningControl, style: str, wire: dict[str, Any]) -> None:
    """A budget becomes an effort, and an effort a budget, where one is all there is."""
    request = Request(origin="anthropic_messages", model="m", messages=(), reasoning=control)
    assert encode(request, reasoning_control=style)[0] == {"model": "up", "messages": []} | wire


def test_an_effort_the_model_does_not_know_is_told_as_the_nearest() -> None:
    """A model that cannot but think is asked for the least, and that is named; a word of this protocol stays."""
    kimi = ("low", "high", "max")
    foreign = Request(origin="anthropic_messages", model="m", messages=(), reasoning=ReasoningControl(enabled=False))
    body, encoded = encode(foreign, efforts=kimi)
    assert (body["reasoning_effort"], encoded.dropped) == ("low", ("reasoning.enabled",))
    hard = Request(origin="anthropic_messages", model="m", messages=(), reasoning=ReasoningControl(effort="max"))
    assert encode(hard, efforts=kimi)[0]["reasoning_effort"] == "max"
    own = Request(origin="openai_chat", model="m", messages=(), reasoning=ReasoningControl(effort="medium"))
    assert encode(own, efforts=kimi)[0]["reasoning_effort"] == "medium"
    switch = Request(origin="openai_chat", model="m", messages=(), reasoning=ReasoningControl(enabled=False))
    assert encode(switch, efforts=kimi)[0]["reasoning_effort"] == "low"


def test_thought_that_cannot_be_asked_for_is_named() -> None:
    """A model without thoughts."""
    request = Request(origin="anthropic_messages", model="m", messages=(), reasoning=ReasoningControl(effort="low"))
    assert encode(request, reasoning_control="none")[1].dropped == ("reasoning",)


def test_image_wishes_of_gemini_are_understood() -> None:
    """`extra_body.google.image_config`, in snake case only; its neighbours survive."""
    google = {"image_config": {"aspect_ratio": "16:9", "image_size": "2K"}, "other": 1}
    request = decode(extra_body={"google": google, "x": 2})
    assert request.image == {"aspect_ratio": "16:9", "size": "2K"}
    assert encode(request)[0]["extra_body"] == {"google": google, "x": 2}
    with pytest.raises(Refused, match="snake_case"):
        decode(extra_body={"google": {"imageConfig": {}}})
    with pytest.raises(Refused, match="snake_case"):
        decode(extra_body={"google": {"thinking_config": {"thinkingBudget": 1}}})


SCHEMA: dict[str, Json] = {"type": "object", "properties": {"a": {"type": "string"}}}


def test_schema_output_comes_through() -> None:
    """With every member, and with a name where another protocol has none."""
    inner = {"name": "n", "description": "d", "schema": SCHEMA, "strict": True}
    format_ = {"type": "json_schema", "json_schema": inner}
    assert encode(decode(response_format=format_))[0]["response_format"] == format_
    foreign = Request(
        origin="gemini_generate",
        model="m",
        messages=(),
        response_format=ResponseFormat(mode="json_schema", schema=SCHEMA),
    )
    assert encode(foreign)[0]["response_format"]["json_schema"] == {"name": "answer", "schema": SCHEMA}


def test_schema_becomes_an_instruction_where_there_are_none() -> None:
    """Older servers know only that JSON is wanted."""
    format_ = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
    wire, _ = encode(decode(response_format=format_), json_schema=False)
    assert wire["response_format"] == {"type": "json_object"}
    assert json.dumps(SCHEMA, separators=(",", ":")) in wire["messages"][0]["content"]


@pytest.mark.parametrize(
    ("members", "param"),
    [
        ({"temperature": "hot"}, "temperature"),
        ({"stop": [1]}, "stop"),
        ({"stop": 1}, "stop"),
        ({"seed": True}, "seed"),
        ({"tools": [1]}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tool_choice": {"type": "odd"}}, "tool_choice"),
        ({"tool_choice": "odd"}, "tool_choice"),
        ({"response_format": {"type": "odd"}}, "response_format"),
        ({"reasoning_effort": "extreme"}, "reasoning_effort"),
        ({"web_search_options": {"search_context_size": "odd"}}, "web_search_options"),
        ({"messages": [{"role": "odd", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "odd"}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"text": "x"}]}]}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:x"}}]}]},
            "messages",
        ),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages"),
        ({"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]}, "messages"),
    ],
)
def test_wrong_members_are_refused_by_name(members: dict[str, Any], param: str) -> None:
    """Unknown content is an error, never skipped."""
    with pytest.raises(Refused) as refused:
        decode(**members)
    assert refused.value.failure.param == param
    assert refused.value.failure.http_status == 400


def test_conversation_that_another_remembers_is_refused() -> None:
    """Only an upstream of the Responses API knows what was said before."""
    with pytest.raises(Refused):
        encode(Request(origin="openai_responses", model="m", messages=(), previous_response_id="r"))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=4)
    | st.sampled_from(["text", "function", "tool", "user"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "text", "role", "content", "function", "name", "id", "tool_calls", "url", "image_url"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
OTHERS = [
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "thinking",
    "reasoning",
    "extra_body",
    "plugins",
    "response_format",
    "search_parameters",
    "enable_search",
    "stream_options",
    "cache_control",
]
MEMBERS = st.dictionaries(
    st.sampled_from([*KNOBS, *OTHERS]),
    JSON,
    max_size=4,
)
ROLES = st.sampled_from(["user", "assistant", "tool", "system", "function"])
MESSAGES = st.lists(
    st.dictionaries(st.sampled_from(["content", "tool_calls", "name", "tool_call_id", "audio"]), JSON), max_size=3
)


@given(members=MEMBERS, messages=MESSAGES, role=ROLES)
def test_nonsense_is_refused_and_never_crashes(
    members: dict[str, Any], messages: list[dict[str, Any]], role: str
) -> None:
    """Only `Refused` comes out, whatever goes in; what is taken can be written, and read again."""
    wire = {**members, "messages": [{"role": role, **message} for message in messages]}
    refused = outcome(wire)
    assert refused is None or refused.failure.kind is Kind.INVALID_REQUEST


def outcome(wire: dict[str, Any]) -> Refused | None:
    try:
        encoded = encode_request(decode(**wire), Target(model="up"))
    except Refused as refused:
        return refused
    assert decode_request(encoded.body, None, False).model == "up"
    return None
