"""The table of what this protocol cannot say, row by row against what encoding does."""

from typing import Any

import pytest
from msgspec.structs import replace

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
    ServerTool,
    Tool,
    ToolChoice,
    WebSearch,
)
from headgate.protocols.openai_chat.losses import FATES, Losses
from headgate.protocols.openai_chat.request import encode_request

THEIRS = Signature(origin="anthropic_messages", value="x")
PNG = Image(source=Source(data="AAAA", media_type="image/png"))
TOOL = Tool(name="f", parameters={"type": "object"})


def said(*parts: Part, role: Any = "user", name: str | None = None) -> dict[str, Any]:
    return {"messages": (Message(role=role, parts=parts, name=name),)}


def answered(*content: Part, is_error: bool = False) -> dict[str, Any]:
    return said(ToolResult(call_id="c", content=content, is_error=is_error), role="tool")


SAYS: dict[str, dict[str, Any]] = {
    "system": said(Text(text="x"), role="system"),
    "text": said(Text(text="x")),
    "image": said(PNG),
    "image.detail": said(replace(PNG, detail="low")),
    "file": said(File(source=Source(data="AAAA", media_type="application/pdf"))),
    "audio": said(Audio(source=Source(data="AAAA", media_type="audio/wav"))),
    "video": said(Video(source=Source(url="https://x/v.mp4"))),
    "tool_call": said(ToolCall(id="c", name="f", arguments="{}"), role="assistant"),
    "tool_result": answered(Text(text="x")),
    "tool_result.image": answered(PNG),
    "tool_result.is_error": answered(Text(text="x"), is_error=True),
    "reasoning": {"reasoning": ReasoningControl(effort="low")},
    "reasoning.foreign": said(Reasoning(text="x", signature=THEIRS), role="assistant"),
    "citations.foreign": said(Text(text="x", citations=(Citation(url="https://x"),)), role="assistant"),
    "server_tools.foreign": said(ServerToolCall(id="s", name="web_search"), role="assistant"),
    "messages.name": said(Text(text="x"), name="ann"),
    "tools": {"tools": (TOOL,)},
    "tools.server": {"tools": (ServerTool(name="code_execution"),)},
    "tools.grammar": {"tools": (Tool(name="g", custom=True, grammar={"syntax": "regex", "definition": "a"}),)},
    "tools.strict": {"tools": (replace(TOOL, strict=True),)},
    "tool_choice": {"tools": (TOOL,), "tool_choice": ToolChoice(mode="tool", names=("f",))},
    "parallel_tool_calls": {"tools": (TOOL,), "parallel_tool_calls": False},
    "web_search": {"tools": (WebSearch(),)},
    "web_search.dates": {"tools": (WebSearch(from_date="2026-01-01"),)},
    "web_search.domains": {"tools": (WebSearch(blocked_domains=("x.com",)),)},
    "web_search.max_uses": {"tools": (WebSearch(max_uses=1),)},
    "max_output_tokens": {"max_output_tokens": 5},
    "temperature": {"temperature": 0.5},
    "top_p": {"top_p": 0.5},
    "top_k": {"top_k": 5},
    "stop": {"stop": ("x",)},
    "response_format": {"response_format": ResponseFormat(mode="json_object")},
    "cache": said(Text(text="x", cache=CacheHint())),
    "service_tier": {"service_tier": "flex"},
    "user": {"user": "u"},
    "safety_identifier": {"safety_identifier": "s"},
    "metadata": {"metadata": {"a": "b"}},
    "n": {"n": 2},
    "modalities": {"modalities": ("text", "audio")},
    "previous_response_id": {"previous_response_id": "r"},
    "frequency_penalty": {"frequency_penalty": 0.5},
    "presence_penalty": {"presence_penalty": 0.5},
    "logit_bias": {"logit_bias": {"1": 1}},
    "seed": {"seed": 1},
    "logprobs": {"logprobs": True},
    "top_logprobs": {"top_logprobs": 1},
    "verbosity": {"verbosity": "low"},
    "prediction": {"prediction": {"type": "content", "content": "x"}},
    "audio_output": {"audio": {"voice": "alloy"}},
    "image_output": {"image": {"size": "1K"}},
    "store": {"store": True},
    "prompt_cache_key": {"prompt_cache_key": "k"},
    "extensions": {"extensions": {"x": 1}},
}


def test_every_row_has_a_case() -> None:
    """A new row without a case would be a promise without a test."""
    assert SAYS.keys() == FATES.keys()


@pytest.mark.parametrize("name", FATES)
def test_row_says_what_encoding_does(name: str) -> None:
    """Carried: it is in the body. Dropped: it is named, and not. Refused: a clear 400."""
    nothing = Request(origin="anthropic_messages", model="m", messages=())
    request = replace(nothing, **SAYS[name])
    if FATES[name] == "refused":
        with pytest.raises(Refused) as refused:
            encode_request(request, Target(model="m"))
        assert refused.value.failure.http_status == 400
        return
    encoded = encode_request(request, Target(model="m"))
    assert encoded.dropped == (() if FATES[name] == "carried" else (name,))
    changed = encoded.body != encode_request(nothing, Target(model="m")).body
    assert changed or FATES[name] == "dropped"


def test_each_loss_is_named_once() -> None:
    """In the order in which they were found."""
    losses = Losses()
    for name in ("cache", "top_k", "cache"):
        losses.drop(name)
    assert losses.names == ("cache", "top_k")
