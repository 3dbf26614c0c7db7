"""A minimal request for everything that a caller may wish, by the names of `headgate.protocols.losses`."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from headgate.canonical.parts import (
    Audio,
    CacheHint,
    Citation,
    File,
    Image,
    Part,
    ProtocolName,
    Reasoning,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Video,
)
from headgate.canonical.request import (
    Message,
    ReasoningControl,
    Request,
    ResponseFormat,
    Role,
    ServerTool,
    Tool,
    ToolChoice,
    WebSearch,
)

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4//8/AAX+Av4N70a4AAAAAElFTkSuQmCC"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
PLAIN = Tool(name="f", description="d", parameters=SCHEMA)
OTHER = Tool(name="g", description="e", parameters=SCHEMA)
PICTURE = Image(source=Source(data=PNG, media_type="image/png"))
PDF = File(source=Source(data="JVBERi0xLjQK", media_type="application/pdf"))
HELLO = Message(role="user", parts=(Text(text="hi"),))
CALL = ToolCall(id="c1", name="f", arguments='{"a":"x"}')

Example = Callable[[Request, ProtocolName], Request]


def _with(**wishes: Any) -> Example:
    return lambda request, target: replace(request, **wishes)


def _saying(role: Role, *parts: Part, name: str | None = None) -> Example:
    return lambda request, target: replace(request, messages=(HELLO, Message(role=role, parts=parts, name=name), HELLO))


def _searching(**wishes: Any) -> Example:
    return _with(tools=(WebSearch(**wishes),))


def _called(call: ToolCall, result: ToolResult) -> Example:
    turns = (HELLO, Message(role="assistant", parts=(call,)), Message(role="tool", parts=(result,)))
    return lambda request, target: replace(request, messages=turns, tools=(PLAIN,))


def _thought(request: Request, target: ProtocolName) -> Request:
    """A thought that the target's own vendor signed, on its way back through the caller's protocol."""
    thought = Reasoning(text="hm", signature=Signature(target, "c2ln"))
    return _saying("assistant", thought, Text(text="so"))(request, target)


def _signed_call(request: Request, target: ProtocolName) -> Request:
    call = replace(CALL, signature=Signature(target, "c2ln"))
    return _called(call, ToolResult(call_id="c1", content=(Text(text="r"),)))(request, target)


def _foreign_thought(request: Request, target: ProtocolName) -> Request:
    """A thought that neither the target nor the caller's protocol signed."""
    names: list[ProtocolName] = ["anthropic_messages", "gemini_generate", "openai_responses"]
    vendor = next(name for name in names if name not in (target, request.origin))
    thought = Reasoning(text="hm", signature=Signature(vendor, "c2ln"))
    return _saying("assistant", thought, Text(text="so"))(request, target)


def _searched(request: Request, target: ProtocolName) -> Request:
    call = ServerToolCall(id="s1", name="web_search", input='{"query":"q"}')
    return _saying("assistant", call, ServerToolResult(call_id="s1", name="web_search"), Text(text="a"))(
        request, target
    )


def _in_the_middle(request: Request, target: ProtocolName) -> Request:
    said = Message(role="assistant", parts=(Text(text="a"),))
    rule = Message(role="system", parts=(Text(text="be brief"),))
    return replace(request, messages=(HELLO, said, rule, HELLO))


RESULT = ToolResult(call_id="c1", content=(Text(text="r"),))

EXAMPLES: dict[str, Example] = {
    "text": _saying("user", Text(text="more")),
    "system": lambda request, target: replace(
        request, messages=(Message(role="system", parts=(Text(text="be"),)), HELLO)
    ),
    "developer": lambda request, target: replace(
        request, messages=(Message(role="developer", parts=(Text(text="be"),)), HELLO)
    ),
    "system_position": _in_the_middle,
    "messages.name": _saying("user", Text(text="x"), name="ann"),
    "image": _saying("user", PICTURE),
    "image.url": _saying("user", Image(source=Source(url="https://images.example/a.png"))),
    "image.detail": _saying("user", replace(PICTURE, detail="low")),
    "file": _saying("user", PDF),
    "file.url": _saying("user", File(source=Source(url="https://files.example/a.pdf", media_type="application/pdf"))),
    "file.text": _saying("user", File(source=Source(media_type="text/plain"), text="plain words")),
    "file.filename": _saying("user", replace(PDF, filename="a.pdf")),
    "file.context": _saying("user", replace(PDF, context="from the archive")),
    "file.citations": _saying("user", replace(PDF, citations_enabled=True)),
    "file.id": _saying("user", File(source=Source(file_id="file-abc"))),
    "audio": _saying("user", Audio(source=Source(data="UklGRiQAAABXQVZF", media_type="audio/wav"))),
    "video": _saying("user", Video(source=Source(data="AAAAIGZ0eXA=", media_type="video/mp4"))),
    "tool_call": _called(CALL, RESULT),
    "tool_call.with_text": lambda request, target: replace(
        request,
        tools=(PLAIN,),
        messages=(
            HELLO,
            Message(role="assistant", parts=(Text(text="let me see"), CALL)),
            Message(role="tool", parts=(RESULT,)),
        ),
    ),
    "tool_call.signature": _signed_call,
    "tool_result.image": _called(CALL, replace(RESULT, content=(Text(text="see"), PICTURE))),
    "tool_result.is_error": _called(CALL, replace(RESULT, is_error=True)),
    "reasoning.signature": _thought,
    "reasoning.foreign": _foreign_thought,
    "citations.foreign": _saying("assistant", Text(text="a", citations=(Citation(title="a document"),))),
    "server_tools.foreign": _searched,
    "tools": _with(tools=(PLAIN,)),
    "tools.strict": _with(tools=(replace(PLAIN, strict=True),)),
    "tools.grammar": _with(
        tools=(Tool(name="g", custom=True, grammar={"syntax": "lark", "definition": 'start: "a"'}),)
    ),
    "tools.code_execution": _with(tools=(ServerTool(name="code_execution"),)),
    "tools.web_fetch": _with(tools=(ServerTool(name="web_fetch"),)),
    "tools.file_search": _with(tools=(ServerTool(name="file_search"),)),
    "tools.mcp": _with(tools=(ServerTool(name="mcp"),)),
    "tools.image_generation": _with(tools=(ServerTool(name="image_generation"),)),
    "tools.computer_use": _with(tools=(ServerTool(name="computer_use"),)),
    "tools.web_search": _searching(),
    "tools.web_search.max_uses": _searching(max_uses=2),
    "tools.web_search.context": _searching(context="high"),
    "tools.web_search.allowed_domains": _searching(allowed_domains=("a.example",)),
    "tools.web_search.blocked_domains": _searching(blocked_domains=("b.example",)),
    "tools.web_search.user_location": _searching(user_location={"city": "Ulm", "country": "DE"}),
    "tools.web_search.from_date": _searching(from_date="2026-01-01"),
    "tools.web_search.to_date": _searching(to_date="2026-01-01"),
    "tool_choice": _with(tools=(PLAIN, OTHER), tool_choice=ToolChoice(mode="tool", names=("f",))),
    "tool_choice.required": _with(tools=(PLAIN, OTHER), tool_choice=ToolChoice(mode="required")),
    "tool_choice.none": _with(tools=(PLAIN, OTHER), tool_choice=ToolChoice(mode="none")),
    "tool_choice.several": _with(
        tools=(PLAIN, OTHER, replace(OTHER, name="h")), tool_choice=ToolChoice(mode="required", names=("f", "g"))
    ),
    "parallel_tool_calls": _with(tools=(PLAIN,), parallel_tool_calls=False),
    "max_output_tokens": _with(max_output_tokens=500),
    "temperature": _with(temperature=0.5),
    "top_p": _with(top_p=0.5),
    "top_k": _with(top_k=5),
    "frequency_penalty": _with(frequency_penalty=0.5),
    "presence_penalty": _with(presence_penalty=0.5),
    "logit_bias": _with(logit_bias={"1": 1}),
    "seed": _with(seed=1),
    "stop": _with(stop=("END",)),
    "n": _with(n=2),
    "logprobs": _with(logprobs=True),
    "top_logprobs": _with(logprobs=True, top_logprobs=2),
    "response_format.json_object": _with(response_format=ResponseFormat(mode="json_object")),
    "response_format": _with(response_format=ResponseFormat(mode="json_schema", name="n", schema=SCHEMA)),
    "reasoning": _with(reasoning=ReasoningControl(enabled=True, effort="low"), max_output_tokens=4000),
    "reasoning.budget": _with(reasoning=ReasoningControl(enabled=True, budget_tokens=2000), max_output_tokens=4000),
    "reasoning.off": _with(reasoning=ReasoningControl(enabled=False)),
    "verbosity": _with(verbosity="low"),
    "modalities": _with(modalities=("text", "image")),
    "modalities.audio": _with(modalities=("text", "audio"), audio={"voice": "Kore", "format": "pcm16"}),
    "image_config": _with(image={"size": "1K"}),
    "prediction": _with(prediction={"type": "content", "content": "x"}),
    "service_tier": _with(service_tier="flex"),
    "metadata": _with(metadata={"a": "b"}),
    "user": _with(user="u"),
    "safety_identifier": _with(safety_identifier="s"),
    "store": _with(store=True),
    "cache_control": _saying("user", Text(text="long", cache=CacheHint())),
    "prompt_cache_key": _with(prompt_cache_key="k"),
    "previous_response_id": _with(previous_response_id="r"),
    "extensions": _with(extensions={"vendor_option": 1}),
}


_TEXT_THOUGHT = _saying("assistant", Text(text="so"))
_SEARCH = _searching()
WITHOUT: dict[str, Example] = {
    "messages.name": _saying("user", Text(text="x")),
    "image.detail": EXAMPLES["image"],
    "file.filename": EXAMPLES["file"],
    "file.context": EXAMPLES["file"],
    "file.citations": EXAMPLES["file"],
    "tool_call.with_text": EXAMPLES["tool_call"],
    "tool_call.signature": EXAMPLES["tool_call"],
    "tool_result.image": _called(CALL, replace(RESULT, content=(Text(text="see"),))),
    "tool_result.is_error": EXAMPLES["tool_call"],
    "reasoning.signature": _TEXT_THOUGHT,
    "reasoning.foreign": _TEXT_THOUGHT,
    "citations.foreign": _saying("assistant", Text(text="a")),
    "server_tools.foreign": _saying("assistant", Text(text="a")),
    "tools.strict": EXAMPLES["tools"],
    **{name: _SEARCH for name in EXAMPLES if name.startswith("tools.web_search.")},
    **{name: _with(tools=(PLAIN, OTHER)) for name in EXAMPLES if name.startswith("tool_choice")},
    "tool_choice.several": _with(tools=(PLAIN, OTHER, replace(OTHER, name="h"))),
    "parallel_tool_calls": EXAMPLES["tools"],
    "top_logprobs": EXAMPLES["logprobs"],
    "reasoning": _with(max_output_tokens=4000),
    "reasoning.budget": _with(max_output_tokens=4000),
    "cache_control": _saying("user", Text(text="long")),
}
"""The same without the feature, where that is more than the plain request."""


def plain(origin: ProtocolName) -> Request:
    """The request without any wish."""
    return Request(origin=origin, model="m", messages=(HELLO,))
