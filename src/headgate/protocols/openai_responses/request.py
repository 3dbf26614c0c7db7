"""Requests, both ways."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from headgate.canonical.failure import Refused
from headgate.canonical.parts import Json, Part, Reasoning, ServerToolCall, ServerToolResult, Text, ToolCall, ToolResult
from headgate.canonical.quirks import Encoded, Target
from headgate.canonical.request import Message, ReasoningControl, Request, ResponseFormat, Role
from headgate.protocols.openai_responses.content import decode_content, encode_input
from headgate.protocols.openai_responses.items import (
    OUTPUT_TYPES,
    decode_item,
    decode_output,
    marker,
    portable,
)
from headgate.protocols.openai_responses.knobs import EFFORTS, encode_knobs, schema_instruction
from headgate.protocols.openai_responses.parts import Voice, declared_tools, encode_parts, is_custom, output_item
from headgate.protocols.openai_responses.tools import decode_choice, decode_tools, encode_choice, encode_tools
from headgate.protocols.openai_responses.wire import (
    OWN,
    Object,
    bad,
    bag,
    encode,
    need_str,
    own,
    own_object,
    read_request,
    rest,
    take_bool,
    take_int,
    take_number,
    take_object,
    take_objects,
    take_str,
    take_strings,
)

_ROLES: dict[str, Role] = {"user": "user", "system": "system", "developer": "developer", "assistant": "assistant"}
_LOGPROBS = "message.output_text.logprobs"
_SEALED = "reasoning.encrypted_content"

_KNOWN = (
    "model",
    "input",
    "instructions",
    "stream",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_logprobs",
    "text",
    "reasoning",
    "include",
    "service_tier",
    "metadata",
    "user",
    "safety_identifier",
    "store",
    "prompt_cache_key",
    "previous_response_id",
    "stream_options",
)


def decode_request(body: bytes, path_model: str | None = None, path_stream: bool = False) -> Request:
    """A caller's request. Model and streaming are in the body alone.

    Raises:
        Refused: malformed JSON, members of the wrong type, unknown content.
    """
    fields = read_request(body)
    include = take_strings(fields, "include")
    asked_for = [name for name in include if name not in (_LOGPROBS, _SEALED)]
    response_format, verbosity, text_rest = _decode_text(take_object(fields, "text"))
    reasoning, reasoning_rest = _decode_reasoning(take_object(fields, "reasoning"))
    extensions = rest(fields, *_KNOWN)
    for name, value in (("include", asked_for), ("text", text_rest), ("reasoning", reasoning_rest)):
        if value:
            extensions[name] = [*value] if isinstance(value, list) else value
    return Request(
        origin=OWN,
        model=need_str(fields, "model"),
        messages=_decode_messages(fields),
        stream=bool(take_bool(fields, "stream")),
        include_usage=True,
        tools=decode_tools(fields),
        tool_choice=decode_choice(fields.get("tool_choice")),
        parallel_tool_calls=take_bool(fields, "parallel_tool_calls"),
        max_output_tokens=take_int(fields, "max_output_tokens"),
        temperature=take_number(fields, "temperature"),
        top_p=take_number(fields, "top_p"),
        logprobs=True if _LOGPROBS in include else None,
        top_logprobs=take_int(fields, "top_logprobs"),
        response_format=response_format,
        reasoning=reasoning,
        verbosity=verbosity,
        service_tier=take_str(fields, "service_tier"),
        metadata=take_object(fields, "metadata"),
        user=take_str(fields, "user"),
        safety_identifier=take_str(fields, "safety_identifier"),
        store=take_bool(fields, "store"),
        prompt_cache_key=take_str(fields, "prompt_cache_key"),
        previous_response_id=take_str(fields, "previous_response_id"),
        extensions=extensions,
        # Whether opaque state is wanted and events are padded concerns no other protocol; how exactly a hosted tool is
        # chosen only an upstream that has it.
        provider_data=bag(
            sealed=_SEALED in include or None,
            stream_options=take_object(fields, "stream_options"),
            choice=choice if isinstance(choice := fields.get("tool_choice"), dict) else None,
        ),
    )


def _decode_text(text: Object | None) -> tuple[ResponseFormat | None, str | None, Object]:
    if text is None:
        return None, None, {}
    form = take_object(text, "format", "text")
    leftover = rest(text, "format", "verbosity")
    response_format = None
    if form is not None:
        match need_str(form, "type", "text.format"):
            case "text":
                response_format = ResponseFormat(mode="text")
            case "json_object":
                response_format = ResponseFormat(mode="json_object")
            case "json_schema":
                response_format = ResponseFormat(
                    mode="json_schema",
                    name=take_str(form, "name", "text.format"),
                    description=take_str(form, "description", "text.format"),
                    schema=take_object(form, "schema", "text.format"),
                    strict=take_bool(form, "strict", "text.format"),
                )
            case _:
                leftover["format"] = form
    return response_format, take_str(text, "verbosity", "text"), leftover


def _decode_reasoning(reasoning: Object | None) -> tuple[ReasoningControl | None, Object]:
    if reasoning is None:
        return None, {}
    leftover = rest(reasoning, "effort", "summary", "generate_summary")
    word = take_str(reasoning, "effort", "reasoning")
    effort = EFFORTS.get(word or "")
    if word is not None and effort is None:
        leftover["effort"] = word
    summary = take_str(reasoning, "summary", "reasoning") or take_str(reasoning, "generate_summary", "reasoning")
    if effort is None and summary is None:
        return None, leftover
    enabled = None if effort is None else effort != "none"
    return ReasoningControl(
        enabled=enabled, effort=effort, summary=summary, visible=True if summary else None
    ), leftover


def _decode_messages(fields: Mapping[str, Json]) -> tuple[Message, ...]:
    messages: list[Message] = []
    instructions = take_str(fields, "instructions")
    if instructions:
        said = (Text(text=instructions),)
        messages.append(Message(role="system", parts=said, provider_data=bag(instructions=True)))
    given = fields.get("input")
    if isinstance(given, str):
        messages.append(Message(role="user", parts=(Text(text=given),)))
        return tuple(messages)
    if given is not None and not isinstance(given, list):
        raise bad("'input' must be a string or an array of items", "input")
    for index, item in enumerate(take_objects(fields, "input")):
        message = _decode_input(item, f"input[{index}]")
        if message is not None:
            _join(messages, message)
    return tuple(messages)


def _decode_input(item: Object, where: str) -> Message | None:
    """One item. A message that says nothing is nothing."""
    kind = take_str(item, "type", where)
    if kind is None and "role" not in item and "id" in item:
        kind = "item_reference"  # its type may be left out (openai.types.responses, ItemReference)
    if kind is None:
        kind = "message"
    if kind == "message":
        return _decode_message(item, where)
    if kind in OUTPUT_TYPES:
        return Message(role="tool", parts=(decode_output(item, where),))
    parts = decode_item({**item, "type": kind}, where)
    return Message(role="assistant", parts=parts) if parts else None


def _decode_message(item: Object, where: str) -> Message | None:
    word = need_str(item, "role", where)
    role = _ROLES.get(word)
    if role is None:
        raise bad(f"'{where}.role' must be one of {', '.join(_ROLES)}", "input")
    if "content" not in item:
        raise bad(f"'{where}.content' is required", "input")
    parts: Sequence[Part] = decode_content(item, "content", where)
    if not parts:
        return None
    if role == "assistant":
        return Message(role=role, parts=(marker(item).put(parts[0]), *parts[1:]))
    extra = rest(item, "type", "role", "content")
    return Message(role=role, parts=tuple(parts), provider_data=bag(item=extra or None))


def _join(messages: list[Message], message: Message) -> None:
    """What the model said and did between two inputs is one message; so are the outputs that answer it."""
    if messages and message.role in ("assistant", "tool") and messages[-1].role == message.role:
        message = Message(role=message.role, parts=(*messages.pop().parts, *message.parts))
    messages.append(message)


def check_portable(request: Request) -> None:
    """Raises `Refused` where the request cannot be understood without what only an upstream of this protocol has."""
    if request.previous_response_id is not None:
        raise _only_here("'previous_response_id' names an answer", "previous_response_id", "send the whole history")
    for name, what in (("conversation", "'conversation' names a history"), ("prompt", "'prompt' names a template")):
        if name in request.extensions:
            raise _only_here(what, name, "send it in 'input'")
    if request.extensions.get("background"):
        raise _only_here("'background' asks for an answer", "background", "leave it out")
    for message in request.messages:
        for part in message.parts:
            kept = own_object(part.provider_data, "item") if isinstance(part, ServerToolCall) else None
            kind = str(kept.get("type")) if kept is not None else None
            if kind is not None and not portable(kind):
                raise _only_here(f"the input item of type '{kind}' holds state", "input", "leave it out")


def _only_here(what: str, param: str, instead: str) -> Refused:
    return bad(
        f"{what} that only an upstream of the Responses API keeps; this model is served by another: {instead}", param
    )


def encode_request(request: Request, target: Target) -> Encoded:
    """A request for an upstream that speaks Responses.

    Raises:
        Refused: audio and video, several answers at once, and other content for which the API has no form.
    """
    if request.n is not None and request.n > 1:
        raise bad("'n' above 1 is not possible with this model: its API gives one answer a call", "n")
    if "audio" in request.modalities or request.audio is not None:
        raise bad("spoken answers are not possible with this model: its API answers with text", "modalities")
    dropped: list[str] = []
    own_caller = request.origin == OWN
    instructions, messages = _instructions(request)
    tools = encode_tools(request.tools, target.quirks, dropped, strict=own_caller)
    wire: Object = {"model": target.model}
    if instructions is not None:
        wire["instructions"] = instructions
    items = _encode_messages(request, messages, dropped)
    wanted = schema_instruction(request.response_format, target.quirks)
    if wanted is not None:
        items.append({"type": "message", "role": "developer", "content": [{"type": "input_text", "text": wanted}]})
    if items or not own_caller:
        wire["input"] = [*items]
    if tools:
        wire["tools"] = [*tools]
    choice = encode_choice(request, tools, dropped)
    if choice is not None:
        wire["tool_choice"] = choice
    if request.stream:
        wire["stream"] = True
    wire.update(encode_knobs(request, target.quirks, dropped))
    include = _include(request)
    if include:
        wire["include"] = [*include]
    if not own_caller:
        wire["store"] = False
        if request.store:
            dropped.append("store")
    elif request.store is not None:
        wire["store"] = request.store
    _finish(wire, request, target, dropped)
    return Encoded(body=encode(wire), dropped=tuple(dict.fromkeys(dropped)))


def _instructions(request: Request) -> tuple[str | None, Sequence[Message]]:
    """The instructions, and the other messages. A single leading text is told apart; anything richer stays a message,
    which keeps its parts."""
    first = request.messages[0] if request.messages else None
    if first is None or first.role != "system" or len(first.parts) != 1:
        return None, request.messages
    part = first.parts[0]
    plain = isinstance(part, Text) and part.cache is None and not first.name and len(request.messages) > 1
    if not isinstance(part, Text) or not (
        own(first.provider_data).get("instructions") if request.origin == OWN else plain
    ):
        return None, request.messages
    return part.text, request.messages[1:]


def _encode_messages(request: Request, messages: Sequence[Message], dropped: list[str]) -> list[Object]:
    voice = Voice(declared=declared_tools(request), own=request.origin == OWN)
    custom = {
        part.id
        for message in messages
        for part in message.parts
        if isinstance(part, ToolCall) and is_custom(part, voice)
    }
    items: list[Object] = []
    for message in messages:
        if message.name:
            dropped.append("messages.name")
        results = [part for part in message.parts if isinstance(part, ToolResult)]
        items.extend(
            output_item(replace(part, custom=part.custom or part.call_id in custom), voice, dropped) for part in results
        )
        if message.role == "assistant":
            items.extend(encode_parts([part for part in message.parts if part not in results], voice, dropped))
            continue
        hosted = [part for part in message.parts if isinstance(part, ServerToolCall | ServerToolResult)]
        if hosted:
            dropped.append("server_tools.foreign")
        content = [
            encode_input(part, dropped, own_files=voice.own)
            for part in message.parts
            if not isinstance(part, ToolResult | ServerToolCall | ServerToolResult)
        ]
        if content:
            role = "user" if message.role == "tool" else message.role
            extra = own_object(message.provider_data, "item") or {}
            items.append({"type": "message", "role": role, "content": [*content], **extra})
    return items


def _include(request: Request) -> list[str]:
    """What the answer should have in it. Opaque thoughts are asked for where nothing is stored and the model thinks:
    a model that does not is said to refuse the wish."""
    extra = request.extensions.get("include") if request.origin == OWN else None
    include = [name for name in extra if isinstance(name, str)] if isinstance(extra, list) else []
    if request.logprobs or (request.top_logprobs and request.origin != OWN):
        include.append(_LOGPROBS)
    if own(request.provider_data).get("sealed") or (request.origin != OWN and _thinks(request)):
        include.append(_SEALED)
    return include


def _thinks(request: Request) -> bool:
    control = request.reasoning
    if control is not None and control.enabled is not False and control.effort != "none":
        return True
    return any(
        isinstance(part, Reasoning) and any(s and s.origin == OWN for s in (part.signature, part.redacted))
        for message in request.messages
        for part in message.parts
    )


def _finish(wire: Object, request: Request, target: Target, dropped: list[str]) -> None:
    """What only this protocol knows, what the upstream refuses, and what its operator sets."""
    for name, value in request.extensions.items():
        if request.origin != OWN:
            dropped.append(name)
        elif name in ("text", "reasoning") and isinstance(value, dict):
            base = wire.get(name)
            wire[name] = {**(base if isinstance(base, dict) else {}), **value}
        elif name != "include":
            wire[name] = value
    options = own_object(request.provider_data, "stream_options")
    if options is not None:
        wire["stream_options"] = options
    if request.previous_response_id is not None and request.origin == OWN:
        wire["previous_response_id"] = request.previous_response_id
    for name in sorted(target.quirks.refused_parameters & wire.keys() - {"model", "input"}):
        del wire[name]
        dropped.append(name)
    wire.update(target.quirks.extra_body)
