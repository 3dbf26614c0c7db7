"""A `generateContent` request to a canonical one, and back."""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from headgate.canonical.failure import refuse
from headgate.canonical.parts import Json, Part, Reasoning, Text, ToolResult
from headgate.canonical.quirks import Encoded, Target
from headgate.canonical.request import Message, Request, Role
from headgate.protocols.gemini_generate.calls import Calls, ids_in
from headgate.protocols.gemini_generate.casing import camel_keys
from headgate.protocols.gemini_generate.config import PREFIX, decode_config, encode_config
from headgate.protocols.gemini_generate.parts import decode_part
from headgate.protocols.gemini_generate.signatures import NAME
from headgate.protocols.gemini_generate.tiers import from_wire, to_wire
from headgate.protocols.gemini_generate.tools import CONFIG, decode_choice, decode_tools, encode_choice, encode_tools
from headgate.protocols.gemini_generate.turns import encode_messages, schema_instruction
from headgate.protocols.gemini_generate.wire import bad_json, items, obj, parse, text

_ROLES: dict[str, Role] = {"user": "user", "model": "assistant", "function": "user", "tool": "user", "": "user"}
_READ = frozenset(
    {"model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier", "labels"}
)


def decode_request(body: bytes, path_model: str | None, stream: bool) -> Request:
    """A body of `generateContent`, `streamGenerateContent` or `countTokens` (either form), in either spelling.

    Raises:
        Refused: where it is no JSON, lacks `contents`, or holds what Google would not take.
    """
    try:
        return _decode(obj(parse(body), "request"), path_model, stream)
    except RecursionError as error:
        raise bad_json(error) from error


def _decode(body: dict[str, Json], path_model: str | None, stream: bool) -> Request:
    found = obj(camel_keys(body), "request")
    if found.get("generateContentRequest") is not None:
        found = obj(found["generateContentRequest"], "generateContentRequest")
    model = path_model or text(found.get("model"), "model")
    if not model:
        raise refuse("model is required", param="model")
    contents = items(found.get("contents"), "contents")
    if not contents:
        raise refuse("contents is required", param="contents")
    config = found.get("generationConfig")
    wishes = decode_config(config)
    choice, kept = decode_choice(found.get("toolConfig"))
    rest = {name: value for name, value in found.items() if name not in _READ and value is not None}
    tier = text(found.get("serviceTier"), "serviceTier")
    return Request(
        origin=NAME,
        model=model.removeprefix("models/"),
        messages=(*_system(found.get("systemInstruction")), *_messages(contents)),
        stream=stream,
        include_usage=True,
        tools=decode_tools(found.get("tools")),
        tool_choice=choice,
        max_output_tokens=wishes.max_output_tokens,
        temperature=wishes.temperature,
        top_p=wishes.top_p,
        top_k=wishes.top_k,
        frequency_penalty=wishes.frequency_penalty,
        presence_penalty=wishes.presence_penalty,
        seed=wishes.seed,
        stop=wishes.stop,
        n=wishes.n,
        logprobs=wishes.logprobs,
        top_logprobs=wishes.top_logprobs,
        response_format=wishes.response_format,
        reasoning=wishes.reasoning,
        modalities=wishes.modalities,
        audio=wishes.audio,
        image=wishes.image,
        service_tier=from_wire(tier) if tier else None,
        metadata=obj(found.get("labels"), "labels") or None,
        extensions={**rest, **wishes.extensions, **kept},
    )


def _system(value: Json) -> tuple[Message, ...]:
    """`systemInstruction`: a content; its bare text is taken too."""
    if isinstance(value, str):
        value = {"parts": [{"text": value}]}
    parts = _parts(obj(value, "systemInstruction").get("parts"), "systemInstruction", Calls())
    said = tuple(part for part in parts if part is not None)
    return (Message(role="system", parts=said),) if said else ()


def _messages(contents: list[Json]) -> list[Message]:
    calls = Calls(taken=ids_in(contents))
    out: list[Message] = []
    for place, value in enumerate(contents):
        where = f"contents[{place}]"
        content = obj({"parts": value} if isinstance(value, str) else value, where)
        role = text(content.get("role"), f"{where}.role") or ""
        if role not in _ROLES:
            raise refuse("Please use a valid role: user, model.", param=f"{where}.role")
        parts = _joined(part for part in _parts(content.get("parts"), where, calls) if part is not None)
        results = tuple(part for part in parts if isinstance(part, ToolResult))
        rest = tuple(part for part in parts if not isinstance(part, ToolResult))
        if results:
            out.append(Message(role="tool", parts=results))
        if rest or not results:
            out.append(Message(role=_ROLES[role], parts=rest))
    return out


def _joined(parts: Iterable[Part]) -> list[Part]:
    """The parts of one message, with what a stream cut up joined again: clients send a streamed answer back chunk by
    chunk, but a thought and its signature belong together."""
    out: list[Part] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, Reasoning) and isinstance(last, Reasoning) and _continues(last, part):
            out[-1] = replace(part, text=last.text + part.text)
        elif isinstance(part, Text) and not part.text and isinstance(last, Text) and last.signature is None:
            out[-1] = replace(last, signature=part.signature)
        else:
            out.append(part)
    return out


def _continues(thought: Reasoning, more: Reasoning) -> bool:
    whole = thought.signature or thought.redacted or thought.provider_data or more.redacted or more.provider_data
    return not whole


def _parts(value: Json, where: str, calls: Calls) -> list[Part | None]:
    found = enumerate(items(value, f"{where}.parts"))
    return [
        decode_part({"text": part} if isinstance(part, str) else part, f"{where}.parts[{number}]", calls)
        for number, part in found
    ]


def encode_request(request: Request, target: Target) -> Encoded:
    """A body for Google (the model goes into the path), and the names of what it could not carry.

    Raises:
        Refused: for content Google has no form for.
    """
    if request.previous_response_id:
        raise refuse(
            "This model's vendor remembers no earlier answers; send the conversation itself.",
            param="previous_response_id",
        )
    turns = encode_messages(request, target)
    tools, lost_tools = encode_tools(request, target)
    tool_config, lost_choice = encode_choice(request, target, tools)
    config, lost_wishes = encode_config(request, target)
    body: dict[str, Json] = {"contents": turns.contents}
    instruction = schema_instruction(request, target)
    system: list[Json] = [*turns.system]
    if instruction:
        system.append({"text": instruction})
    if system:
        body["systemInstruction"] = {"parts": system}
    for name, value in (("tools", tools), ("toolConfig", tool_config), ("generationConfig", config)):
        if value:
            body[name] = value
    dropped = [*turns.dropped, *lost_tools, *lost_choice, *lost_wishes, *_top_level(request, body)]
    body.update(target.quirks.extra_body)
    return Encoded(body=msgspec.json.encode(body), dropped=tuple(dict.fromkeys(dropped)))


def check_portable(request: Request) -> None:
    """Raises:
    Refused: where the conversation begins in a cache that only Google can read.
    """
    if request.extensions.get("cachedContent"):
        raise refuse(
            "cachedContent is known to Google alone; send its content instead, or use a model that Google serves.",
            param="cachedContent",
        )


def _top_level(request: Request, body: dict[str, Json]) -> list[str]:
    """Set what stands beside `contents`; return the names of what cannot."""
    native = request.origin == NAME
    dropped: list[str] = []
    if request.service_tier is not None:
        tier = to_wire(request.service_tier) or (request.service_tier if native else None)
        if tier:
            body["serviceTier"] = tier
        elif request.service_tier != "auto":
            dropped.append("service_tier")
    if request.metadata:
        if native:
            body["labels"] = dict(request.metadata)
        else:
            dropped.append("metadata")
    if native:
        top = {name: value for name, value in request.extensions.items() if not name.startswith((PREFIX, CONFIG))}
        body.update(top)
    else:
        dropped += list(request.extensions)
    return dropped + [name for name, value in _unheard(request).items() if value]


def _unheard(request: Request) -> Mapping[str, object]:
    """Wishes for which Google has no field, in the order of `Request`."""
    return {
        "logit_bias": request.logit_bias,
        "verbosity": request.verbosity,
        "prediction": request.prediction,
        "user": request.user,
        "safety_identifier": request.safety_identifier,
        "store": request.store,
        "cache_control": request.cache,
        "prompt_cache_key": request.prompt_cache_key,
    }
