"""A request read from the wire, and written for an upstream: fields beside the conversation."""

from typing import Any

import msgspec
import pytest

from fakes.messages import ADAPTIVE, BUDGET, asking, decoded, encoded, said
from headgate.canonical.failure import Refused
from headgate.canonical.parts import CacheHint, Reasoning, Signature, Text, ToolCall, ToolResult
from headgate.canonical.quirks import Quirks, Target
from headgate.canonical.request import Message, ReasoningControl, ResponseFormat, Tool, ToolChoice
from headgate.protocols.anthropic_messages import CODEC

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "object", "properties": {}}}}
TOOL = Tool(name="f", parameters={"type": "object"})


def test_every_field_finds_its_place() -> None:
    """What other protocols know is canonical; the rest waits in extensions."""
    request = decoded(
        system=[{"type": "text", "text": "a", "cache_control": {"type": "ephemeral"}}, {"type": "text", "text": "b"}],
        stream=True,
        temperature=1,
        top_p=0.5,
        top_k=3,
        stop_sequences=["X"],
        metadata={"user_id": "u"},
        service_tier="standard_only",
        cache_control={"type": "ephemeral", "ttl": "1h"},
        container="c_1",
        mcp_servers=[],
        output_config={"effort": "low", "task_budget": {"total": 5}},
    )
    assert request.messages[0] == Message(role="system", parts=(Text(text="a", cache=CacheHint()), Text(text="b")))
    assert request.stream
    assert request.include_usage
    assert (request.temperature, request.top_p, request.top_k, request.stop) == (1, 0.5, 3, ("X",))
    assert (request.user, request.service_tier, request.cache) == ("u", "default", CacheHint(ttl="1h"))
    assert request.reasoning == ReasoningControl(effort="low")
    assert request.extensions == {
        "container": "c_1",
        "mcp_servers": [],
        "output_config": {"task_budget": {"total": 5}},
    }


def test_unknown_fields_reach_an_upstream_of_the_same_protocol_and_are_named_elsewhere() -> None:
    """Nothing unknown is lost in silence."""
    request = decoded(speed="fast", context_management={"edits": []}, thinking={"type": "between_tools"})
    body, dropped = encoded(request)
    assert body["speed"] == "fast"
    assert body["context_management"] == {"edits": []}
    assert body["thinking"] == {"type": "between_tools"}
    assert dropped == ()
    body, dropped = encoded(asking(extensions={"speed": "fast"}))
    assert "speed" not in body
    assert dropped == ("speed",)


@pytest.mark.parametrize(
    ("thinking", "control"),
    [
        ({"type": "enabled", "budget_tokens": 2000}, ReasoningControl(enabled=True, budget_tokens=2000)),
        (
            {"type": "adaptive", "display": "omitted"},
            ReasoningControl(enabled=True, adaptive=True, visible=False),
        ),
        ({"type": "disabled"}, ReasoningControl(enabled=False)),
        (None, None),
    ],
)
def test_thinking_is_read(thinking: object, control: ReasoningControl | None) -> None:
    """All three ways to say it."""
    assert decoded(thinking=thinking).reasoning == control


@pytest.mark.parametrize(
    "fields",
    [
        {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
        {"output_format": {"type": "json_schema", "schema": SCHEMA}},
    ],
)
def test_a_schema_is_read_in_both_its_places(fields: dict[str, Any]) -> None:
    """The first beta had it at the top."""
    form = decoded(**fields).response_format
    assert form == ResponseFormat(mode="json_schema", schema=SCHEMA, strict=True)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": None}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": ["x"]}, "messages.0"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages.0.content.0.text"),
        ({"model": 7}, "model"),
        ({"max_tokens": True}, "max_tokens"),
        ({"temperature": "1"}, "temperature"),
        ({"stop_sequences": [1]}, "stop_sequences.0"),
        ({"tools": [{"name": "f"}]}, "tools.0.input_schema"),
        ({"tool_choice": {"type": "some"}}, "tool_choice.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"output_format": {"type": "xml"}}, "output_format.type"),
    ],
)
def test_a_wrong_field_is_refused_by_its_path(fields: dict[str, Any], param: str) -> None:
    """The same words for every field."""
    with pytest.raises(Refused) as caught:
        decoded(**fields)
    assert caught.value.failure.param == param
    assert caught.value.failure.http_status == 400


def test_the_address_may_name_model_and_stream() -> None:
    """As Vertex AI does."""
    request = CODEC.decode_request(b'{"messages":[{"role":"user","content":"x"}]}', "claude", True)
    assert (request.model, request.stream) == ("claude", True)


def test_a_simple_chat_becomes_a_simple_request() -> None:
    """No filler, no empty field."""
    body, dropped = encoded(asking(said("system", "Be kind."), said("user", "Hi"), stream=True, user="u"))
    assert body == {
        "model": "claude",
        "max_tokens": 8192,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        "system": [{"type": "text", "text": "Be kind."}],
        "stream": True,
        "metadata": {"user_id": "u"},
    }
    assert dropped == ()


WISHES: dict[str, Any] = {
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "logit_bias": {"1": 1},
    "seed": 0,
    "logprobs": True,
    "top_logprobs": 3,
    "verbosity": "low",
    "prediction": {"type": "content"},
    "store": True,
    "prompt_cache_key": "k",
    "metadata": {"a": "b"},
}


@pytest.mark.parametrize("name", WISHES)
def test_a_wish_this_protocol_has_no_field_for_is_dropped_and_named(name: str) -> None:
    """By its own name."""
    body, dropped = encoded(asking(**{name: WISHES[name]}))
    assert dropped == (name,)
    assert name not in body


@pytest.mark.parametrize(
    ("name", "value"), [("n", 2), ("modalities", ("text", "audio")), ("previous_response_id", "resp_1")]
)
def test_what_would_change_the_answer_is_refused(name: str, value: object) -> None:
    """Two answers, spoken answers and remembered conversations do not exist here."""
    with pytest.raises(Refused) as caught:
        encoded(asking(**{name: value}))
    assert caught.value.failure.param == name


def test_wishes_at_their_default_are_no_loss() -> None:
    """A client that spells out the defaults loses nothing."""
    _, dropped = encoded(asking(n=1, modalities=("text",), logprobs=False, frequency_penalty=0, store=False))
    assert dropped == ()


@pytest.mark.parametrize(
    ("tier", "word", "dropped"),
    [
        ("auto", "auto", ()),
        ("default", "standard_only", ()),
        ("priority", "auto", ()),
        ("flex", None, ("service_tier",)),
    ],
)
def test_a_service_tier_is_translated(tier: str, word: str | None, dropped: tuple[str, ...]) -> None:
    """OpenAI's words to Anthropic's two."""
    body, lost = encoded(asking(service_tier=tier))
    assert (body.get("service_tier"), lost) == (word, dropped)


@pytest.mark.parametrize(
    ("fields", "quirks", "kept", "lost"),
    [
        ({"temperature": 0.3, "top_k": 5}, BUDGET, {"temperature": 0.3, "top_k": 5}, ()),
        ({"temperature": 1.7}, BUDGET, {"temperature": 1}, ("temperature",)),
        ({"temperature": 0.3, "top_p": 0.9}, BUDGET, {"temperature": 0.3}, ("top_p",)),
        ({"top_p": 0.9}, BUDGET, {"top_p": 0.9}, ()),
        ({"temperature": 0.3, "top_p": 0.9, "top_k": 5}, ADAPTIVE, {}, ("temperature", "top_k", "top_p")),
    ],
)
def test_sampling_is_kept_where_the_model_takes_it(
    fields: dict[str, Any], quirks: Quirks, kept: dict[str, Any], lost: tuple[str, ...]
) -> None:
    """Anthropic's range ends at 1, newer models take one of two, the newest none."""
    body, dropped = encoded(asking(**fields), quirks)
    assert {key: body[key] for key in ("temperature", "top_p", "top_k") if key in body} == kept
    assert dropped == lost


def test_sampling_beside_thinking_is_limited() -> None:
    """Temperature only 1, top_p only from 0.95, no top_k."""
    think = ReasoningControl(effort="low")
    body, dropped = encoded(asking(reasoning=think, temperature=0.2, top_p=0.5, top_k=4))
    assert dropped == ("temperature", "top_k", "top_p")
    body, dropped = encoded(asking(reasoning=think, temperature=1, top_p=0.97))
    assert (body["temperature"], body["top_p"], dropped) == (1, 0.97, ())


def test_a_stop_sequence_of_white_space_is_dropped_and_named() -> None:
    """The API refuses it."""
    body, dropped = encoded(asking(stop=("\n\n", "END")))
    assert (body["stop_sequences"], dropped) == (["END"], ("stop",))


def test_an_effort_fits_the_limit_and_thinks() -> None:
    """The budget never reaches max_tokens (peers: fixed budgets without checking max_tokens)."""
    body, _ = encoded(asking(reasoning=ReasoningControl(effort="high"), max_output_tokens=2000))
    assert body["thinking"] == {"type": "enabled", "budget_tokens": 1600}
    assert body["max_tokens"] == 2000
    body, _ = encoded(asking(reasoning=ReasoningControl(effort="high"), max_output_tokens=2000), ADAPTIVE)
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}
    assert body["output_config"] == {"effort": "high"}


@pytest.mark.parametrize("quirks", [BUDGET, ADAPTIVE])
def test_a_forced_tool_wins_over_thinking(quirks: Quirks) -> None:
    """The API refuses both together; thinking is the wish, the tool the order."""
    request = asking(
        tools=(TOOL,), tool_choice=ToolChoice(mode="tool", names=("f",)), reasoning=ReasoningControl(effort="low")
    )
    body, dropped = encoded(request, quirks)
    assert body["tool_choice"] == {"type": "tool", "name": "f"}
    assert "thinking" not in body
    assert dropped == ("reasoning",)


def looping(*thoughts: Reasoning) -> tuple[Message, ...]:
    """A conversation in the middle of a tool's use."""
    call = ToolCall(id="t", name="f", arguments="{}")
    return (
        said("user", "Hi"),
        said("assistant", *thoughts, call),
        said("tool", ToolResult(call_id="t", content=(Text(text="7"),))),
    )


def test_thinking_pauses_where_the_last_thought_is_missing() -> None:
    """A turn that called tools must begin with its signed thought, or models with a budget refuse to think on (peers:
    thinking and tools fail on turn two)."""
    think = ReasoningControl(effort="low")
    body, dropped = encoded(asking(*looping(), reasoning=think, tools=(TOOL,)))
    assert "thinking" not in body
    assert dropped == ("reasoning",)
    signed = Reasoning(text="hm", signature=Signature("anthropic_messages", "Er"))
    body, dropped = encoded(asking(*looping(signed), reasoning=think, tools=(TOOL,)))
    assert body["thinking"]["type"] == "enabled"
    assert body["messages"][1]["content"][0] == {"type": "thinking", "thinking": "hm", "signature": "Er"}
    assert dropped == ()
    body, dropped = encoded(asking(*looping(), reasoning=think, tools=(TOOL,)), ADAPTIVE)
    assert body["thinking"]["type"] == "adaptive"


def test_reasoning_a_model_has_not_is_named() -> None:
    """Dropped, but not in silence."""
    _, dropped = encoded(asking(reasoning=ReasoningControl(effort="low")), Quirks(thinking="none"))
    assert dropped == ("reasoning",)


def test_a_schema_is_sent_natively_and_closed() -> None:
    """Structured outputs demand objects closed to other properties."""
    form = ResponseFormat(mode="json_schema", name="n", schema=SCHEMA, description="D")
    body, dropped = encoded(asking(response_format=form))
    assert body["output_config"]["format"] == {
        "type": "json_schema",
        "schema": {
            "type": "object",
            "properties": {"a": {"type": "object", "properties": {}, "additionalProperties": False}},
            "additionalProperties": False,
            "description": "D",
        },
    }
    assert dropped == ()
    assert "system" not in body


def test_a_schema_older_models_do_not_know_is_asked_for_in_words() -> None:
    """The whole schema, as an instruction behind the caller's own."""
    form = ResponseFormat(mode="json_schema", schema=SCHEMA)
    body, _ = encoded(asking(said("system", "S"), said("user", "Hi"), response_format=form), Quirks(json_schema=False))
    assert [block["text"].partition(":")[0] for block in body["system"]] == [
        "S",
        "Answer with one JSON value that fits this schema, nothing else",
    ]
    assert msgspec.json.decode(body["system"][1]["text"].partition("\n")[2]) == SCHEMA
    body, _ = encoded(asking(response_format=ResponseFormat(mode="json_object")))
    assert "JSON object" in body["system"][0]["text"]
    body, _ = encoded(asking(response_format=ResponseFormat(mode="text")))
    assert "system" not in body


def test_a_host_may_refuse_fields_and_demand_others() -> None:
    """Vertex AI wants the model in the address and a version in the body."""
    quirks = Quirks(
        refused_parameters=frozenset({"model", "stream", "top_k"}),
        extra_body={"anthropic_version": "vertex-2023-10-16"},
    )
    made = CODEC.encode_request(asking(stream=True, top_k=4), Target(model="claude", quirks=quirks))
    body = msgspec.json.decode(made.body)
    assert body["anthropic_version"] == "vertex-2023-10-16"
    assert body.keys().isdisjoint({"model", "stream", "top_k"})
    assert made.dropped == ("top_k",)


def test_cache_wishes_are_carried_at_the_top() -> None:
    """The automatic cache marker."""
    body, _ = encoded(asking(cache=CacheHint()))
    assert body["cache_control"] == {"type": "ephemeral"}


@pytest.mark.parametrize(
    "fields",
    [
        {"container": "c_1"},
        {"messages": [{"role": "assistant", "content": [{"type": "compaction", "content": None}]}]},
        {"messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "file_1"}]}]},
    ],
)
def test_what_only_anthropic_keeps_is_not_portable(fields: dict[str, Any]) -> None:
    """Another vendor would answer as if it were not there."""
    assert CODEC.check_portable is not None
    with pytest.raises(Refused, match="only Anthropic keeps"):
        CODEC.check_portable(decoded(**fields))
    CODEC.check_portable(decoded())
    assert encoded(decoded(**fields))[1] == ()
