"""The published table of losses, row by row."""

from typing import Any

import pytest

from headgate.canonical.failure import Refused
from headgate.canonical.parts import (
    Audio,
    CacheHint,
    Citation,
    File,
    Image,
    Part,
    Reasoning,
    ServerToolCall,
    Signature,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headgate.canonical.quirks import Target
from headgate.canonical.request import (
    Message,
    ReasoningControl,
    Request,
    ResponseFormat,
    Role,
    Tool,
    ToolChoice,
    WebSearch,
)
from headgate.protocols.openai_responses import CODEC
from headgate.protocols.openai_responses.losses import FATES

PICTURE = Image(source=Source(url="https://example.test/a.png"), detail="low")


def ask(**wishes: Any) -> Request:
    return Request(
        origin="openai_chat", model="m", messages=(Message(role="user", parts=(Text(text="hi"),)),), **wishes
    )


def say(role: Role, *parts: Part, name: str | None = None) -> Request:
    return Request(origin="openai_chat", model="m", messages=(Message(role=role, parts=parts, name=name),))


F = Tool(name="f", parameters={"type": "object"}, strict=True)
SAYS: dict[str, Request] = {
    "system": say("system", Text(text="be")),
    "text": say("user", Text(text="hi")),
    "image": say("user", PICTURE),
    "image.detail": say("user", PICTURE),
    "file": say("user", File(source=Source(data="aGk=", media_type="application/pdf"))),
    "audio": say("user", Audio(source=Source(data="aGk=", media_type="audio/wav"))),
    "video": say("user", Video(source=Source(url="https://example.test/a.mp4"))),
    "tool_call": say("assistant", ToolCall(id="c", name="f", arguments="{}")),
    "tool_result": say("tool", ToolResult(call_id="c", content=(Text(text="r"),))),
    "tool_result.image": say("tool", ToolResult(call_id="c", content=(PICTURE,))),
    "tool_result.is_error": say("tool", ToolResult(call_id="c", content=(Text(text="r"),), is_error=True)),
    "reasoning": say("assistant", Reasoning(text="hm", signature=Signature("openai_responses", "E"))),
    "reasoning.foreign": say("assistant", Reasoning(text="hm", signature=Signature("anthropic_messages", "S"))),
    "citations.foreign": say("assistant", Text(text="a", citations=(Citation(title="a document"),))),
    "server_tools.foreign": say("assistant", ServerToolCall(id="s", name="web_search", input="{}")),
    "messages.name": say("user", Text(text="hi"), name="bob"),
    "tools": ask(tools=(F,)),
    "tools.grammar": ask(tools=(Tool(name="g", custom=True, grammar={"syntax": "lark", "definition": "x"}),)),
    "tools.strict": ask(tools=(F,)),
    "tool_choice": ask(tools=(F,), tool_choice=ToolChoice(mode="tool", names=("f",))),
    "parallel_tool_calls": ask(parallel_tool_calls=False),
    "web_search": ask(tools=(WebSearch(allowed_domains=("a.test",), context="low"),)),
    "web_search.dates": ask(tools=(WebSearch(from_date="2026-01-01"),)),
    "web_search.domains": ask(tools=(WebSearch(blocked_domains=("a.test",)),)),
    "web_search.max_uses": ask(tools=(WebSearch(max_uses=2),)),
    "max_output_tokens": ask(max_output_tokens=100),
    "temperature": ask(temperature=0.5),
    "top_p": ask(top_p=0.5),
    "top_k": ask(top_k=5),
    "stop": ask(stop=("END",)),
    "response_format": ask(response_format=ResponseFormat(mode="json_schema", name="n", schema={"type": "object"})),
    "cache": ask(cache=CacheHint()),
    "service_tier": ask(service_tier="flex"),
    "user": ask(user="u"),
    "safety_identifier": ask(safety_identifier="s"),
    "metadata": ask(metadata={"a": "b"}),
    "n": ask(n=2),
    "modalities": ask(modalities=("text", "image")),
    "audio_output": ask(audio={"voice": "ash"}),
    "image_output": ask(image={"size": "1K"}),
    "frequency_penalty": ask(frequency_penalty=0.5),
    "presence_penalty": ask(presence_penalty=0.5),
    "logit_bias": ask(logit_bias={"1": 1}),
    "seed": ask(seed=1),
    "logprobs": ask(logprobs=True),
    "top_logprobs": ask(top_logprobs=2),
    "verbosity": ask(verbosity="low", reasoning=ReasoningControl(effort="low")),
    "prediction": ask(prediction={"type": "content", "content": "x"}),
    "store": ask(store=True),
    "prompt_cache_key": ask(prompt_cache_key="k"),
}


def test_every_row_is_tested() -> None:
    """The table and its test have the same rows."""
    assert SAYS.keys() == FATES.keys()


@pytest.mark.parametrize("name", FATES)
def test_the_table_tells_the_truth(name: str) -> None:
    """Refused with a 400, dropped and named, or carried without a word."""
    if FATES[name] == "refused":
        with pytest.raises(Refused) as caught:
            CODEC.encode_request(SAYS[name], Target(model="m"))
        assert caught.value.failure.http_status == 400
        return
    encoded = CODEC.encode_request(SAYS[name], Target(model="m"))
    assert encoded.dropped == (() if FATES[name] == "carried" else (name,))
