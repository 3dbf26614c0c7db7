"""One part of a content to its canonical part and back: the same in requests and answers."""

from collections.abc import Callable

import msgspec

from headgate.canonical.failure import refuse
from headgate.canonical.parts import (
    Audio,
    File,
    Image,
    Json,
    Part,
    ProviderData,
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
    Video,
)
from headgate.protocols.gemini_generate.calls import Calls
from headgate.protocols.gemini_generate.media import decode_media, encode_media
from headgate.protocols.gemini_generate.signatures import NAME, unpack, unpack_thought
from headgate.protocols.gemini_generate.wire import OUTCOME_NUMBERS, enum_name, flag, invalid, items, obj, text

_DATA = (
    "text",
    "inlineData",
    "fileData",
    "functionCall",
    "functionResponse",
    "executableCode",
    "codeExecutionResult",
    "toolCall",
    "toolResponse",
)
_KNOWN = frozenset({*_DATA, "thought", "thoughtSignature"})

# What Google's own tools are called here; the enum is google-genai 3.4 `ToolType`.
TOOL_NAMES = {"GOOGLE_SEARCH_WEB": "web_search", "URL_CONTEXT": "web_fetch", "FILE_SEARCH": "file_search"}


def dump(value: Json) -> str:
    """JSON text, as it goes into canonical arguments and outputs."""
    return msgspec.json.encode(value).decode()


def decode_part(part: Json, where: str, calls: Calls) -> Part | None:
    """The canonical part, or None where a part says nothing.

    Raises:
        Refused: for a part of a kind nobody here knows.
    """
    found = obj(part, where)
    field = next((name for name in _DATA if found.get(name) is not None), None)
    signature = text(found.get("thoughtSignature"), f"{where}.thoughtSignature")
    signed = unpack(signature) if signature else None
    if flag(found.get("thought"), f"{where}.thought") and field in {None, "text", "inlineData"}:
        return _thought(found, field, where, signature)
    match field:
        case "text":
            written = text(found["text"], f"{where}.text") or ""
            return Text(text=written, signature=signed, provider_data=_extra(found))
        case "inlineData" | "fileData":
            media = decode_media(found, field, where, _extra(found))
            return msgspec.structs.replace(media, signature=signed) if signed and hasattr(media, "signature") else media
        case "functionCall":
            return _call(found, where, calls, signed)
        case "functionResponse":
            return _result(found, where, calls)
        case "executableCode" | "codeExecutionResult" | "toolCall" | "toolResponse":
            return _server_tool(found, field, where, calls)
        case _:
            return _nothing(found, where, signed)


def _nothing(part: dict[str, Json], where: str, signed: Signature | None) -> Part | None:
    heard = part.get("audioTranscription")
    if isinstance(heard, dict):
        # The words of speech that came in parts of its own, as a stream tells them.
        words = text(heard.get("text"), f"{where}.audioTranscription.text")
        return Audio(source=Source(), transcript=words, provider_data=_extra(part)) if words else None
    unknown = [name for name, value in part.items() if name not in _KNOWN and value is not None]
    if unknown and not signed:
        raise refuse(f"Unknown kind of part at '{where}': {', '.join(unknown)[:120]}", param=where)
    return Text(signature=signed) if signed else None


def _extra(part: dict[str, Json]) -> ProviderData:
    extra = {name: value for name, value in part.items() if name not in _KNOWN and value is not None}
    for field in ("inlineData", "fileData"):
        media = part.get(field)
        if isinstance(media, dict) and media.get("displayName"):
            extra["named"] = True
    return {NAME: extra} if extra else {}


def _thought(part: dict[str, Json], field: str | None, where: str, signature: str | None) -> Reasoning:
    written = text(part.get("text"), f"{where}.text") or ""
    thought = unpack_thought(written, signature) if signature else Reasoning(text=written)
    if field == "inlineData":
        # Gemini 3 image models show drafts among their thoughts; they are for their own protocol's eyes only.
        return msgspec.structs.replace(thought, provider_data={NAME: {"inlineData": part["inlineData"]}})
    return thought


def _call(part: dict[str, Json], where: str, calls: Calls, signed: Signature | None) -> ToolCall:
    call = obj(part["functionCall"], f"{where}.functionCall")
    name = text(call.get("name"), f"{where}.functionCall.name")
    if not name:
        raise invalid(f"{where}.functionCall.name", "a function's name is required")
    args = obj(call.get("args"), f"{where}.functionCall.args")
    own_id = text(call.get("id"), f"{where}.functionCall.id")
    return ToolCall(id=calls.made(name, own_id), name=name, arguments=dump(args), signature=signed)


def _result(part: dict[str, Json], where: str, calls: Calls) -> ToolResult:
    where = f"{where}.functionResponse"
    result = obj(part["functionResponse"], where)
    name = text(result.get("name"), f"{where}.name") or ""
    response = obj(result.get("response"), f"{where}.response")
    content: list[Part] = []
    is_error = False
    if response or not result.get("parts"):
        said, is_error = _said(response)
        content.append(Text(text=said))
    for number, media in enumerate(items(result.get("parts"), f"{where}.parts")):
        inner = decode_part(media, f"{where}.parts[{number}]", calls)
        if inner is not None:
            content.append(inner)
    own: dict[str, Json] = {"response": response}
    own.update({key: result[key] for key in ("willContinue", "scheduling") if result.get(key) is not None})
    return ToolResult(
        call_id=calls.answered(name, text(result.get("id"), f"{where}.id")),
        name=name or None,
        content=tuple(content),
        is_error=is_error,
        provider_data={NAME: own},
    )


def _said(response: dict[str, Json]) -> tuple[str, bool]:
    """A function's answer as text, and whether it is an error. `output` and `error` are Google's own conventions
    (content.proto, FunctionResponse.response), `result` and `content` what its SDKs and examples write."""
    if len(response) == 1:
        key, value = next(iter(response.items()))
        if key in {"output", "error", "result", "content"}:
            return value if isinstance(value, str) else dump(value), key == "error"
    return dump(response), False


def _server_tool(part: dict[str, Json], field: str, where: str, calls: Calls) -> Part:
    where = f"{where}.{field}"
    found = obj(part[field], where)
    own_id = text(found.get("id"), f"{where}.id")
    own: ProviderData = {NAME: part}
    match field:
        case "executableCode":
            code = text(found.get("code"), f"{where}.code") or ""
            return ServerToolCall(
                id=calls.ran("code_execution", own_id),
                name="code_execution",
                input=dump({"code": code}),
                provider_data=own,
            )
        case "codeExecutionResult":
            outcome = enum_name(found.get("outcome"), OUTCOME_NUMBERS)
            return ServerToolResult(
                call_id=calls.returned("code_execution", own_id),
                name="code_execution",
                output=text(found.get("output"), f"{where}.output") or "",
                error=None if outcome in {None, "OUTCOME_OK", "OUTCOME_UNSPECIFIED"} else outcome,
                provider_data=own,
            )
        case "toolCall":
            name = _tool_name(found, where)
            args = found.get("args")
            return ServerToolCall(
                id=calls.ran(name, own_id), name=name, input=dump(args if args is not None else {}), provider_data=own
            )
        case _:
            name = _tool_name(found, where)
            return ServerToolResult(
                call_id=calls.returned(name, own_id),
                name=name,
                results=_results(found.get("response")),
                output=None if found.get("response") is None else dump(found["response"]),
                provider_data=own,
            )


def _tool_name(found: dict[str, Json], where: str) -> str:
    kind = text(found.get("toolType") or found.get("tool_type"), f"{where}.toolType") or "tool"
    return TOOL_NAMES.get(kind, kind.lower())


def _results(response: Json) -> tuple[SearchResult, ...]:
    found = response.get("results") if isinstance(response, dict) else None
    rows = [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []
    urls = [(row.get("uri") or row.get("url"), row.get("title")) for row in rows]
    return tuple(
        SearchResult(url=url, title=str(title) if title else None) for url, title in urls if isinstance(url, str)
    )


def encode_part(part: Part, sign: Callable[[Signature], str | None]) -> dict[str, Json] | None:
    """The wire part; None where it says nothing here. `sign` gives the text of `thoughtSignature`, or None for a
    signature that must not be sent. Reasoning, tool results and foreign server tools are their callers' business."""
    match part:
        case Text():
            out: dict[str, Json] = {"text": part.text, **part.provider_data.get(NAME, {})}
            return signed_part(out, part.signature, sign)
        case Refusal():
            return {"text": part.text}
        case Image():
            return signed_part(encode_media(part), part.signature, sign)
        case Audio():
            if part.source.data is None and not part.source.url and not part.source.file_id:
                if part.transcript is None:
                    raise refuse("A spoken answer that another vendor remembers cannot be sent; send its transcript.")
                return {"text": part.transcript}
            return encode_media(part)
        case Video() | File():
            return encode_media(part)
        case ToolCall():
            call: dict[str, Json] = {"id": part.id, "name": part.name, "args": arguments(part)}
            return signed_part({"functionCall": call}, part.signature, sign)
        case ServerToolCall() | ServerToolResult():
            own = part.provider_data.get(NAME)
            return dict(own) if own is not None else encode_code(part)
        case Reasoning() | ToolResult():
            return None


def signed_part(
    part: dict[str, Json], signature: Signature | None, sign: Callable[[Signature], str | None]
) -> dict[str, Json]:
    written = sign(signature) if signature else None
    return {**part, "thoughtSignature": written} if written else part


def arguments(call: ToolCall) -> Json:
    """A call's arguments as the object that Google wants. A custom tool's text (in the form of
    `canonical.custom_tools`), and what a model wrote that is no JSON object,
    becomes the object's only field."""
    if call.custom:
        return {"input": call.arguments}
    if call.arguments.strip() in {"", "null"}:
        return {}  # Llama at Groq writes null for a function without arguments (recorded: groq/parallel-tools).
    try:
        found: Json = msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, RecursionError):
        return {"arguments": call.arguments}
    return found if isinstance(found, dict) else {"arguments": found}


def encode_code(part: ServerToolCall | ServerToolResult) -> dict[str, Json] | None:
    """Code execution of another vendor as Google's; None for what is no such thing."""
    if part.name != "code_execution":
        return None
    if isinstance(part, ServerToolResult):
        outcome = "OUTCOME_FAILED" if part.error else "OUTCOME_OK"
        return {
            "codeExecutionResult": {"id": part.call_id, "outcome": outcome, "output": part.output or part.error or ""}
        }
    try:
        found: Json = msgspec.json.decode(part.input or "{}")
    except (msgspec.DecodeError, RecursionError):
        found = None
    code = found.get("code") if isinstance(found, dict) else None
    if not isinstance(code, str):
        return None
    return {"executableCode": {"id": part.id, "language": "PYTHON", "code": code}}
