"""Messages of a request, both ways.

Decoding also joins what the wire keeps apart: a `function` message of 2023 becomes a tool result of the call it
answers. Encoding moves images and files that a tool returned, or that an assistant made, into the next user message,
with a line that says where they came from: tool and assistant messages take only text.
"""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from headgate.canonical.custom_tools import wrap
from headgate.canonical.failure import refuse
from headgate.canonical.parts import (
    Audio,
    CacheHint,
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
)
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Message
from headgate.canonical.signature import carry, uncarry
from headgate.protocols.losses import Losses
from headgate.protocols.openai_chat.content import (
    decode_cache,
    decode_content,
    encode_cache,
    encode_part,
    source_of,
    split_images,
    unsaid,
)
from headgate.protocols.openai_chat.reasoning import decode_thoughts, return_thoughts
from headgate.protocols.openai_chat.wire import (
    NAME,
    JsonObject,
    bag,
    dump,
    objects,
    optional,
    own,
    required,
    rest,
    wrong,
)


def decode_messages(wire: list[JsonObject]) -> tuple[Message, ...]:
    """The conversation.

    Raises:
        Refused: a role or part that nobody knows, or a member of the wrong type.
    """
    messages: list[Message] = []
    for place, message in enumerate(objects(wire, "messages")):
        where = f"messages[{place}]"
        match required(message, "role", str, where):
            case "system" | "developer" | "user" as role:
                parts = decode_content(message.get("content"), f"{where}.content")
                cache = decode_cache(message, where)
                others = rest(message, "role", "content", "name", "cache_control")
                name = optional(message, "name", str, where)
                marked = _mark_last(parts, cache)
                messages.append(Message(role=role, parts=marked, name=name, provider_data=bag(others)))
            case "assistant":
                messages.append(_decode_assistant(message, place))
            case "tool":
                messages.append(_decode_tool(message, where))
            case "function":
                messages.append(_decode_function(message, messages, where))
            case other:
                raise wrong(f"{where}.role", f"unknown role {other!r}")
    return tuple(messages)


def _mark_last(parts: tuple[Part, ...], cache: CacheHint | None) -> tuple[Part, ...]:
    """Some gateways take the cache hint on the message: it marks its end (recorded: vercel-gateway/basic)."""
    if cache is None or not parts or not isinstance(parts[-1], Text | Image | File | Audio):
        return parts
    last = replace(parts[-1], cache=cache)
    return (*parts[:-1], last)


_ASSISTANT = (
    "role",
    "content",
    "name",
    "refusal",
    "audio",
    "images",
    "tool_calls",
    "function_call",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "extra_content",
    "cache_control",
)


def _decode_assistant(message: JsonObject, place: int) -> Message:
    where = f"messages[{place}]"
    parts: list[Part] = list(decode_thoughts(message))
    parts += decode_spoken(message.get("content"), where)
    signature = google_signature(message)
    if signature is not None and parts and isinstance(parts[-1], Text):
        parts[-1] = Text(text=parts[-1].text, signature=signature, provider_data=parts[-1].provider_data)
    refusal = optional(message, "refusal", str, where)
    if refusal:
        parts.append(Refusal(text=refusal))
    audio = optional(message, "audio", dict, where)
    if audio is not None:
        parts.append(Audio(source=Source(), id=required(audio, "id", str, f"{where}.audio")))
    parts += decode_images(message.get("images"), f"{where}.images")
    for number, call in enumerate(objects(optional(message, "tool_calls", list, where) or [], f"{where}.tool_calls")):
        parts.append(decode_call(call, f"{where}.tool_calls[{number}]", f"call_{place}_{number}"))
    legacy = optional(message, "function_call", dict, where)
    if legacy is not None:
        parts.append(decode_function_call(legacy, f"{where}.function_call", f"call_{place}"))
    marked = _mark_last(tuple(parts), decode_cache(message, where))
    name = optional(message, "name", str, where)
    return Message(role="assistant", parts=marked, name=name, provider_data=bag(rest(message, *_ASSISTANT)))


def decode_spoken(content: object, where: str) -> list[Part]:
    """An assistant's content: images inside its text are taken out, and Mistral's thoughts are parts of it."""
    if isinstance(content, str):
        return list(split_images(content)) if content else []
    if not isinstance(content, list):
        return list(decode_content(content, f"{where}.content"))
    parts: list[Part] = []
    for place, item in enumerate(content):
        if isinstance(item, dict) and item.get("type") == "thinking":
            parts.append(_decode_thinking(item))
        else:
            parts += decode_content([item], f"{where}.content[{place}]")
    return parts


def _decode_thinking(item: JsonObject) -> Reasoning:
    """Mistral: `{"type": "thinking", "thinking": [{"type": "text", ...}]}` (recorded: mistral/thinking)."""
    thinking = item.get("thinking")
    pieces = (
        [thinking]
        if isinstance(thinking, str)
        else [piece.get("text") for piece in thinking or () if isinstance(piece, dict)]
    )
    return Reasoning(text="".join(piece for piece in pieces if isinstance(piece, str)))


def decode_images(images: object, where: str) -> list[Part]:
    """OpenRouter gives the images of an answer beside its content (openrouter.ai/docs, image generation)."""
    parts: list[Part] = []
    for place, image in enumerate(images if isinstance(images, list) else ()):
        address = image.get("image_url") if isinstance(image, dict) else None
        url = address.get("url") if isinstance(address, dict) else address
        if isinstance(url, str):
            parts.append(Image(source=source_of(url, f"{where}[{place}]")))
    return parts


def decode_call(call: JsonObject, where: str, missing_id: str) -> ToolCall:
    """A tool call, of a request or an answer. `missing_id` is for providers that give none (recorded: none; some local
    servers)."""
    id_ = optional(call, "id", str, where) or missing_id
    others = bag(rest(call, "id", "type", "function", "custom", "index", "extra_content"))
    if call.get("type") == "custom":
        custom = required(call, "custom", dict, where)
        name = required(custom, "name", str, f"{where}.custom")
        text = optional(custom, "input", str, f"{where}.custom") or ""
        return ToolCall(id=id_, name=name, arguments=text, custom=True, provider_data=others)
    function = required(call, "function", dict, where)
    return ToolCall(
        id=id_,
        name=required(function, "name", str, f"{where}.function"),
        arguments=_arguments(function, f"{where}.function"),
        signature=google_signature(call),
        provider_data=others,
    )


def decode_function_call(call: JsonObject, where: str, id_: str) -> ToolCall:
    """The single call of 2023, which had no id."""
    name = required(call, "name", str, where)
    return ToolCall(id=id_, name=name, arguments=_arguments(call, where), provider_data=bag({"legacy": True}))


def _arguments(function: JsonObject, where: str) -> str:
    """JSON text as the model wrote it. Some clients send the object itself."""
    value = function.get("arguments")
    if isinstance(value, dict):
        return dump(value).decode()
    return optional(function, "arguments", str, where) or ""


def google_signature(holder: JsonObject) -> Signature | None:
    """Gemini's compatible surface keeps the thought signature of a call or a text in `extra_content.google`
    (ai.google.dev/gemini-api/docs/thought-signatures; recorded: gemini/tool-call)."""
    extra = holder.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) else None
    value = google.get("thought_signature") if isinstance(google, dict) else None
    return uncarry(value, NAME) if isinstance(value, str) and value else None


def encode_signature(signature: Signature | None) -> JsonObject:
    """The same member for a client, whoever signed."""
    if signature is None:
        return {}
    return {"extra_content": {"google": {"thought_signature": carry(signature, NAME)}}}


def _decode_tool(message: JsonObject, where: str) -> Message:
    result = ToolResult(
        call_id=required(message, "tool_call_id", str, where),
        content=decode_content(message.get("content"), f"{where}.content"),
        name=optional(message, "name", str, where),
        cache=decode_cache(message, where),
        provider_data=bag(rest(message, "role", "tool_call_id", "content", "name", "cache_control")),
    )
    return Message(role="tool", parts=(result,))


def _decode_function(message: JsonObject, before: Sequence[Message], where: str) -> Message:
    name = required(message, "name", str, where)
    calls = [part for earlier in before for part in earlier.parts if isinstance(part, ToolCall) and part.name == name]
    result = ToolResult(
        call_id=calls[-1].id if calls else f"call_{name}",
        content=decode_content(message.get("content"), f"{where}.content"),
        name=name,
        provider_data=bag({"legacy": True}),
    )
    return Message(role="tool", parts=(result,))


def encode_messages(messages: Iterable[Message], quirks: Quirks, losses: Losses, *, hints: bool) -> list[JsonObject]:
    """The conversation for an upstream. `hints`: whether it understands cache hints and this protocol's extensions.

    Raises:
        Refused: content that has no place in this protocol.
    """
    wire: list[JsonObject] = []
    moved: list[JsonObject] = []
    for message in messages:
        if message.role not in {"tool", "user"} and moved:
            wire.append({"role": "user", "content": moved})
            moved = []
        match message.role:
            case "tool":
                for part in message.parts:
                    wire.append(_encode_result(part, moved, losses, hints=hints))
            case "assistant":
                wire.append(_encode_assistant(message, moved, quirks, losses, hints=hints))
            case "user":
                wire.append(_encode_plain("user", message, losses, hints=hints, before=moved))
                moved = []
            case "system" | "developer":
                wire.append(_encode_plain(quirks.system_role, message, losses, hints=hints))
    if moved:
        wire.append({"role": "user", "content": moved})
    return wire


def _encode_plain(
    role: str, message: Message, losses: Losses, *, hints: bool, before: Sequence[JsonObject] = ()
) -> JsonObject:
    content = [*before, *(encode_part(part, hints=hints, losses=losses) for part in message.parts)]
    extra = own(message.provider_data) if hints else {}
    return {"role": role, "content": _shortest(content), **_name(message), **extra}


def _shortest(content: list[JsonObject]) -> object:
    """A single plain text is told as a string, which every server understands."""
    if len(content) == 1 and content[0].keys() == {"type", "text"}:
        return content[0]["text"]
    return content or ""


def _name(message: Message) -> JsonObject:
    return {"name": message.name} if message.name else {}


_INSTEAD_OF_CONTENT = {"tool_calls", "function_call", "refusal", "audio"}


def _encode_assistant(
    message: Message, moved: list[JsonObject], quirks: Quirks, losses: Losses, *, hints: bool
) -> JsonObject:
    content: list[JsonObject] = []
    thoughts: list[Reasoning] = []
    calls: list[JsonObject] = []
    wire: JsonObject = {"role": "assistant", "content": None, **_name(message)}
    for part in message.parts:
        match part:
            case Reasoning():
                thoughts.append(part)
            case Text():
                content.append(encode_part(part, hints=hints, losses=losses))
                wire |= _own_signature(part.signature, losses)
            case Refusal():
                wire["refusal"] = part.text
            case Audio() if part.id is not None:
                wire["audio"] = {"id": part.id}
            case Audio():
                content.append({"type": "text", "text": part.transcript or ""})
            case Image() | File():
                moved.append({"type": "text", "text": "Made by the assistant in its message above:"})
                moved.append(encode_part(part, hints=hints, losses=losses))
            case ToolCall() if own(part.provider_data).get("legacy"):
                wire["function_call"] = {"name": part.name, "arguments": part.arguments}
            case ToolCall():
                calls.append(_encode_call(part, quirks, losses, hints=hints))
            case ServerToolCall() | ServerToolResult():
                losses.drop("server_tools.foreign")
            case _:
                raise unsaid(type(part).__name__)
    if calls:
        wire["tool_calls"] = calls
    if content:
        wire["content"] = _shortest(content)
    elif not wire.keys() & _INSTEAD_OF_CONTENT:
        wire["content"] = ""  # a message of thoughts alone; null is a 400 where nothing stands in its place
    return {**wire, **return_thoughts(thoughts, quirks, losses), **(own(message.provider_data) if hints else {})}


def _encode_call(call: ToolCall, quirks: Quirks, losses: Losses, *, hints: bool) -> JsonObject:
    extra = own(call.provider_data) if hints else {}
    if call.custom and not quirks.custom_tools:
        call = replace(call, custom=False, arguments=wrap(call.arguments))
    if call.custom:
        custom = {"name": call.name, "input": call.arguments}
        return {"id": call.id, "type": "custom", "custom": custom, **extra}
    function = {"name": call.name, "arguments": call.arguments or "{}"}
    signature = _own_signature(call.signature, losses)
    return {"id": call.id, "type": "function", "function": function, **signature, **extra}


def _own_signature(signature: Signature | None, losses: Losses) -> JsonObject:
    """A signature goes back to the protocol that issued it and to no other."""
    if signature is not None and signature.origin != NAME:
        losses.drop("reasoning.foreign")
        return {}
    return encode_signature(signature)


def _encode_result(part: Part, moved: list[JsonObject], losses: Losses, *, hints: bool) -> JsonObject:
    if not isinstance(part, ToolResult):
        raise refuse("A tool message may hold tool results only.", param="messages", code="invalid_request")
    content: list[JsonObject] = []
    for item in part.content:
        if isinstance(item, Image | File | Audio) and not (isinstance(item, File) and item.text is not None):
            kind = type(item).__name__.lower()
            content.append({"type": "text", "text": f"(The {kind} is attached below, in the next user message.)"})
            moved.append({"type": "text", "text": f"The {kind} that tool call {part.call_id} returned:"})
            moved.append(encode_part(item, hints=hints, losses=losses))
        else:
            content.append(encode_part(item, hints=hints, losses=losses))
    if part.is_error:
        content = _marked_as_error(content)
    legacy = own(part.provider_data)
    if legacy.get("legacy"):
        return {"role": "function", "name": part.name, "content": _shortest(content)}
    if not hints and part.cache is not None:
        losses.drop("cache_control")
    wire: JsonObject = {"role": "tool", "tool_call_id": part.call_id, "content": _shortest(content)}
    if part.name:
        wire["name"] = part.name
    return {**wire, **(encode_cache(part.cache) if hints else {}), **(legacy if hints else {})}


def _marked_as_error(content: list[JsonObject]) -> list[JsonObject]:
    """The wire has no flag for a failed tool, so its text says so."""
    if content and str(content[0].get("text", "")).lower().startswith("error"):
        return content
    if content and content[0]["type"] == "text":
        return [{**content[0], "text": f"Error: {content[0]['text']}"}, *content[1:]]
    return [{"type": "text", "text": "Error"}, *content]
