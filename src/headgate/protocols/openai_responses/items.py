"""Items to parts: what the model said and did, in an answer or in the history of a request.

A message item becomes its content parts, the first of which remembers the item, so that it can be told where one
message ended and the next began. An item that has no canonical meaning is one `ServerToolCall` that holds it whole:
upstreams of this protocol get it back, `check_portable` says which others cannot.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from msgspec.structs import replace

from headgate.canonical.call_ids import read_id
from headgate.canonical.parts import (
    Image,
    Json,
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
from headgate.canonical.signature import uncarry
from headgate.protocols.openai_responses.content import decode_content
from headgate.protocols.openai_responses.native_tools import BY_CALL, BY_OUTPUT, read_arguments
from headgate.protocols.openai_responses.tools import flat_name
from headgate.protocols.openai_responses.wire import (
    FOREIGN_MARK,
    OWN,
    Object,
    bag,
    need_str,
    rest,
    take_list,
    take_objects,
    take_str,
    take_strings,
    write_json,
)

REDACTED_MARK = f"{FOREIGN_MARK}r."
"""Before the carried signature of a thought that its vendor shows to nobody: such a thought goes back to another place
than a signed one."""

OUTPUT_TYPES = frozenset({"function_call_output", "custom_tool_call_output", *BY_OUTPUT})

# Hosted tools' items that another protocol's model can do without, or be told of.
_PORTABLE = frozenset(
    {
        "web_search_call",
        "x_search_call",
        "file_search_call",
        "code_interpreter_call",
        "image_generation_call",
        "mcp_call",
        "mcp_list_tools",
    }
)


def portable(item_type: str) -> bool:
    """Whether an item that is kept whole may be left to another protocol's encoder."""
    return item_type in _PORTABLE


@dataclass(frozen=True)
class Marker:
    """What a message item says beside its content."""

    fields: Object

    def put(self, part: Part) -> Part:
        if isinstance(part, Text | Refusal):
            data = {**part.provider_data, OWN: {**part.provider_data.get(OWN, {}), "item": self.fields}}
            return replace(part, provider_data=data)
        return part


def marker(item: Mapping[str, Json]) -> Marker:
    """`completed` is what a message is when nothing is said."""
    fields = rest(item, "type", "role", "content")
    return Marker({name: value for name, value in fields.items() if (name, value) != ("status", "completed")})


def decode_item(item: Object, where: str = "") -> tuple[Part, ...]:
    """One item of an answer, or of the assistant's side of a history.

    Raises:
        Refused: an item without a type, or of a shape that the API does not have.
    """
    kind = need_str(item, "type", where)
    if kind in BY_CALL:
        return (_decode_native(item, where),)
    return _DECODERS.get(kind, _decode_whole)(item, where)


def _decode_message(item: Object, where: str) -> tuple[Part, ...]:
    parts = decode_content(item, "content", where)
    return (marker(item).put(parts[0]), *parts[1:]) if parts else ()


def _decode_reasoning(item: Object, where: str) -> tuple[Part, ...]:
    return (decode_reasoning(item, where),)


def decode_reasoning(item: Object, where: str = "") -> Reasoning:
    """A thought. Its text is what it says of itself, else its summary; opaque state may have come from elsewhere."""
    said = [need_str(part, "text", where) for part in take_objects(item, "content", where)]
    summary = [need_str(part, "text", where) for part in take_objects(item, "summary", where)]
    sealed = take_str(item, "encrypted_content", where)
    redacted = sealed is not None and sealed.startswith(REDACTED_MARK)
    signature = _signature(sealed) if sealed else None
    kept = rest(item, "type", "id", "encrypted_content")
    if kept.get("status") == "completed":
        del kept["status"]
    return Reasoning(
        text="".join(said) if said else "\n\n".join(summary),
        signature=None if redacted else signature,
        redacted=signature if redacted else None,
        summary=bool(summary) and not said,
        id=take_str(item, "id", where),
        provider_data=bag(item=kept),
    )


def _signature(sealed: str) -> Signature:
    return uncarry(sealed.removeprefix(REDACTED_MARK), OWN)


def _decode_function_call(item: Object, where: str) -> tuple[Part, ...]:
    call = decode_call(item, where)
    return (replace(call, arguments=take_str(item, "arguments", where) or ""),)


def _decode_custom_call(item: Object, where: str) -> tuple[Part, ...]:
    call = decode_call(item, where)
    return (replace(call, arguments=take_str(item, "input", where) or ""),)


def decode_call(item: Object, where: str = "") -> ToolCall:
    """A call of the caller's tool, without its arguments."""
    extra = rest(item, "type", "call_id", "name", "namespace", "arguments", "input")
    if extra.get("status") in ("completed", "in_progress"):
        del extra["status"]
    name, space = need_str(item, "name", where), take_str(item, "namespace", where)
    call_id, signature = read_id(need_str(item, "call_id", where))
    return ToolCall(
        id=call_id,
        name=flat_name(name, space),
        signature=signature,
        custom=item.get("type") == "custom_tool_call",
        provider_data=bag(item=extra or None, name=name if space else None, namespace=space),
    )


def _decode_native(item: Object, where: str) -> ToolCall:
    native = BY_CALL[str(item["type"])]
    call_id, signature = read_id(need_str(item, "call_id", where))
    return ToolCall(
        id=call_id,
        signature=signature,
        name=native.type,
        arguments=read_arguments(native, item),
        provider_data=bag(whole=item),
    )


def decode_output(item: Object, where: str) -> ToolResult:
    """What the caller's tool returned.

    Raises:
        Refused: no call id, or content of a shape that the API does not have.
    """
    kind = str(item["type"])
    native = BY_OUTPUT.get(kind)
    # Only the local shell's output names the call in `id` (openai.types.responses, LocalShellCallOutput).
    named = take_str(item, "call_id", where) or need_str(item, "id" if native else "call_id", where)
    call_id, _ = read_id(named)
    if native is not None:
        output = item.get("output")
        said = output if isinstance(output, str) else write_json(output) if output is not None else ""
        failed = item.get("status") == "failed"
        content = (Text(text=said or str(item.get("status") or "")),)
        return ToolResult(call_id=call_id, content=content, is_error=failed, provider_data=bag(whole=item))
    extra = rest(item, "type", "call_id", "output", "name")
    return ToolResult(
        call_id=call_id,
        content=decode_content(item, "output", where),
        name=take_str(item, "name", where),
        custom=kind == "custom_tool_call_output",
        provider_data=bag(item=extra or None),
    )


def _decode_search(item: Object, where: str) -> tuple[Part, ...]:
    action = item.get("action")
    asked = action if isinstance(action, dict) else {}
    # xAI's older form has the query as a function's arguments (recorded: xai/stream-web-search).
    arguments = take_str(item, "arguments", where)
    call = ServerToolCall(
        id=take_str(item, "id", where) or "",
        name="web_search",
        input=arguments or write_json({k: v for k, v in asked.items() if k not in ("type", "sources")}),
        provider_data=bag(item=item),
    )
    sources = [source for source in take_list(asked, "sources", where) if isinstance(source, dict)]
    found = tuple(
        SearchResult(url=url, title=take_str(source, "title", where))
        for source in sources
        if (url := take_str(source, "url", where))
    )
    result = ServerToolResult(call_id=call.id, name="web_search", results=found, provider_data=bag(of_item=True))
    return (call, result) if found else (call,)


def _decode_file_search(item: Object, where: str) -> tuple[Part, ...]:
    call = ServerToolCall(
        id=take_str(item, "id", where) or "",
        name="file_search",
        input=write_json({"queries": [*take_strings(item, "queries", where)]}),
        provider_data=bag(item=item),
    )
    texts = [text for one in take_objects(item, "results", where) if (text := take_str(one, "text", where))]
    return _with_output(call, "\n\n".join(texts), None)


def _decode_code(item: Object, where: str) -> tuple[Part, ...]:
    code = take_str(item, "code", where)
    call = ServerToolCall(
        id=take_str(item, "id", where) or "",
        name="code_execution",
        input=take_str(item, "arguments", where) or write_json({"code": code or ""}),
        provider_data=bag(item=item),
    )
    logs = [text for one in take_objects(item, "outputs", where) if (text := take_str(one, "logs", where))]
    return _with_output(call, "\n".join(logs), None)


def _decode_mcp(item: Object, where: str) -> tuple[Part, ...]:
    error = item.get("error")
    call = ServerToolCall(
        id=take_str(item, "id", where) or "",
        name="mcp",
        input=take_str(item, "arguments", where) or "",
        provider_data=bag(item=item),
    )
    said = error if isinstance(error, str) else write_json(error) if error else None
    return _with_output(call, take_str(item, "output", where) or "", said)


def _with_output(call: ServerToolCall, output: str, error: str | None) -> tuple[Part, ...]:
    if not output and not error:
        return (call,)
    told = ServerToolResult(
        call_id=call.id, name=call.name, output=output or None, error=error, provider_data=bag(of_item=True)
    )
    return (call, told)


def _decode_image(item: Object, where: str) -> tuple[Part, ...]:
    made = take_str(item, "result", where)
    if not made:
        return _decode_whole(item, where)
    form = take_str(item, "output_format", where) or "png"
    source = Source(data=made, media_type="image/svg+xml" if form == "svg" else f"image/{form}")
    return (Image(source=source, provider_data=bag(item=rest(item, "result"))),)


def _decode_whole(item: Object, where: str) -> tuple[Part, ...]:
    kind = need_str(item, "type", where)
    return (
        ServerToolCall(
            id=take_str(item, "id", where) or take_str(item, "call_id", where) or "",
            name=kind.removesuffix("_call"),
            provider_data=bag(item=item),
        ),
    )


_DECODERS: dict[str, Callable[[Object, str], tuple[Part, ...]]] = {
    "message": _decode_message,
    "reasoning": _decode_reasoning,
    "function_call": _decode_function_call,
    "custom_tool_call": _decode_custom_call,
    "web_search_call": _decode_search,
    "x_search_call": _decode_search,
    "file_search_call": _decode_file_search,
    "code_interpreter_call": _decode_code,
    "mcp_call": _decode_mcp,
    "image_generation_call": _decode_image,
}
