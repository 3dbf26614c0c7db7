"""Content blocks to canonical parts, and the blocks that are written alike in requests and answers.

A part's bag holds the fields the canonical part has no place for. Writing lays the bag over what the part says, so a
block that was only kept (an unknown kind, a server tool's result) comes out exactly as it came in.
"""

import msgspec

from headgate.canonical.custom_tools import wrap
from headgate.canonical.failure import refuse
from headgate.canonical.parts import (
    File,
    Json,
    Part,
    Reasoning,
    SearchResult,
    ServerToolCall,
    ServerToolResult,
    Signature,
    Source,
    Text,
    ToolCall,
    ToolResult,
)
from headgate.canonical.signature import carry, uncarry
from headgate.protocols.anthropic_messages.citations import decode_citation
from headgate.protocols.anthropic_messages.ids import is_wrapped, read_id
from headgate.protocols.anthropic_messages.media import decode_document, decode_image, decode_search_result
from headgate.protocols.anthropic_messages.thinking import unseal
from headgate.protocols.anthropic_messages.wire import (
    ORIGIN,
    Obj,
    bag,
    cache_hint,
    dump_text,
    field,
    objects,
    odd_cache,
    optional,
    own,
    rest,
)

RAW_ARGUMENTS = "_raw_arguments"
"""The only key of the input that stands for arguments which are no JSON object: the API accepts nothing else."""

_SERVER_TOOLS = {
    "web_search": "web_search",
    "web_fetch": "web_fetch",
    "code_execution": "code_execution",
    "bash_code_execution": "code_execution",
    "text_editor_code_execution": "code_execution",
}
_RESULTS = {
    "web_search_tool_result": "web_search",
    "web_fetch_tool_result": "web_fetch",
    "code_execution_tool_result": "code_execution",
    "bash_code_execution_tool_result": "code_execution",
    "text_editor_code_execution_tool_result": "code_execution",
    "mcp_tool_result": "mcp",
}


def decode_content(obj: Obj, where: str) -> tuple[Part, ...]:
    """The `content` of a message or a tool result: a string, or blocks."""
    content = obj.get("content")
    inside = f"{where}.content" if where else "content"
    if isinstance(content, str):
        return (Text(text=content),)
    if content is not None and not isinstance(content, list):
        raise refuse(f"{inside}: must be a string or an array of blocks", param=inside)
    blocks = objects(obj, "content", where)
    return tuple(decode_block(block, f"{inside}.{position}") for position, block in enumerate(blocks))


def decode_block(block: Obj, where: str) -> Part:
    """One block. Kinds this codec does not know are kept whole."""
    kind = field(block, "type", str, where)
    match kind:
        case "text":
            return _text(block, where)
        case "thinking":
            return _thinking(block, where)
        case "redacted_thinking":
            return Reasoning(redacted=uncarry(field(block, "data", str, where), ORIGIN))
        case "image":
            return decode_image(block, where)
        case "document":
            return decode_document(block, where)
        case "search_result":
            return decode_search_result(block, where)
        case "container_upload":
            file_id = optional(block, "file_id", str, where)
            return File(source=Source(file_id=file_id), cache=cache_hint(block, where), provider_data=bag(block))
        case "tool_use":
            return decode_tool_use(block, where)
        case "tool_result":
            return _tool_result(block, where)
        case "server_tool_use" | "mcp_tool_use":
            return decode_server_use(block, where)
        case _:
            return _kept(block, kind)


def decode_answer_block(block: Obj, where: str) -> Part:
    """A block of an answer. A signature in it is Anthropic's, or a gateway's of its own, and opaque either way."""
    match block.get("type"):
        case "thinking":
            text, signature = field(block, "thinking", str, where), optional(block, "signature", str, where)
            return Reasoning(text=text, signature=Signature(ORIGIN, signature) if signature else None)
        case "redacted_thinking":
            return Reasoning(redacted=Signature(ORIGIN, field(block, "data", str, where)))
        case _:
            return decode_block(block, where)


def _text(block: Obj, where: str) -> Text:
    cited = objects(block, "citations", where)
    extra = {**rest(block, "type", "text", "citations", "cache_control"), **odd_cache(block)}
    return Text(
        text=field(block, "text", str, where),
        citations=tuple(decode_citation(one, f"{where}.citations.{at}") for at, one in enumerate(cited)),
        cache=cache_hint(block, where),
        provider_data=bag(extra),
    )


def _thinking(block: Obj, where: str) -> Reasoning:
    return unseal(field(block, "thinking", str, where), optional(block, "signature", str, where) or "")


def decode_tool_use(block: Obj, where: str) -> ToolCall:
    """A call of a caller's tool; `input` is absent from nothing but the start of a stream."""
    call_id, signature = read_id(field(block, "id", str, where))
    extra = {**rest(block, "type", "id", "name", "input", "cache_control"), **odd_cache(block)}
    return ToolCall(
        id=call_id,
        name=field(block, "name", str, where),
        arguments=_arguments(optional(block, "input", dict, where) or {}),
        signature=signature,
        cache=cache_hint(block, where),
        provider_data=bag(extra),
    )


def _arguments(given: Obj) -> str:
    raw = given.get(RAW_ARGUMENTS)
    return raw if len(given) == 1 and isinstance(raw, str) else dump_text(given)


def _tool_result(block: Obj, where: str) -> ToolResult:
    extra = {**rest(block, "type", "tool_use_id", "content", "is_error", "cache_control"), **odd_cache(block)}
    inner = block.get("content")
    if isinstance(inner, list) and any(isinstance(item, dict) and item.get("type") == "tool_result" for item in inner):
        raise refuse(f"{where}.content: a tool result cannot hold a tool result", param=f"{where}.content")
    return ToolResult(
        call_id=read_id(field(block, "tool_use_id", str, where))[0],
        content=decode_content(block, where),
        is_error=optional(block, "is_error", bool, where) or False,
        cache=cache_hint(block, where),
        provider_data=bag(extra),
    )


def decode_server_use(block: Obj, where: str) -> ServerToolCall:
    """A call of the upstream's own tool, or of a tool on an MCP server. One that another vendor made has no bag."""
    name = field(block, "name", str, where)
    call_id = field(block, "id", str, where)
    mcp = block.get("type") == "mcp_tool_use"
    ours = "mcp" if mcp else _SERVER_TOOLS.get(name, name)
    extra = rest(block, "id", "input", *(() if mcp or ours != name else ("name",)), *(() if mcp else ("type",)))
    return ServerToolCall(
        id=read_id(call_id)[0],
        name=ours,
        input=dump_text(optional(block, "input", dict, where) or {}),
        provider_data={} if is_wrapped(call_id) else bag(extra or {"type": "server_tool_use"}),
    )


def _kept(block: Obj, kind: str) -> ServerToolResult:
    call_id = _said(block.get("tool_use_id")) or ""
    content = block.get("content")
    return ServerToolResult(
        call_id=read_id(call_id)[0],
        name=_RESULTS.get(kind, kind),
        results=_found(content),
        output=_output(content),
        error=_error(content),
        provider_data={} if is_wrapped(call_id) else bag(block),
    )


def _found(content: object) -> tuple[SearchResult, ...]:
    if not isinstance(content, list):
        return ()
    return tuple(
        SearchResult(url=item["url"], title=_said(item.get("title")), age=_said(item.get("page_age")))
        for item in content
        if isinstance(item, dict) and item.get("type") == "web_search_result" and isinstance(item.get("url"), str)
    )


def _said(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _output(content: object) -> str | None:
    """The text a tool brought, wherever its kind of result keeps it."""
    if isinstance(content, list):
        said = [item["text"] for item in content if isinstance(item, dict) and isinstance(item.get("text"), str)]
        return "\n".join(said) or None
    if not isinstance(content, dict):
        return _said(content)
    for key in ("stdout", "text", "content"):
        if isinstance(content.get(key), str):
            return _said(content[key])
    document = content.get("content")
    source = document.get("source") if isinstance(document, dict) else None
    return _said(source.get("data")) if isinstance(source, dict) and source.get("type") == "text" else None


def _error(content: object) -> str | None:
    return _said(content.get("error_code")) if isinstance(content, dict) else None


def tool_input(part: ToolCall) -> object:
    """The `input` of a `tool_use` block: the model's own JSON text where it is an object, else wrapped."""
    if part.custom:
        return msgspec.Raw(wrap(part.arguments).encode())
    if part.arguments.strip() in {"", "null"}:
        return {}  # Llama at Groq writes null for a function without arguments (recorded: groq/parallel-tools).
    return parsed_object(part.arguments) or {RAW_ARGUMENTS: part.arguments}


def parsed_object(text: str) -> msgspec.Raw | None:
    """The text as it is, if it is a JSON object."""
    try:
        msgspec.json.decode(text, type=dict)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return msgspec.Raw(text.encode())


def server_use_block(part: ServerToolCall) -> Obj:
    given = parsed_object(part.input) or msgspec.Raw(b"{}")
    return {"type": "server_tool_use", "id": part.id, "name": part.name, "input": given, **own(part.provider_data)}


def kept_block(part: ServerToolResult | File | ServerToolCall) -> dict[str, Json]:
    """The block that was kept whole; empty where the part is another protocol's."""
    return dict(own(part.provider_data))


def redacted_block(redacted: Signature) -> Obj:
    return {"type": "redacted_thinking", "data": carry(redacted, ORIGIN)}
