"""A Messages request to canonical, and canonical to a Messages request.

Decoding keeps every field: what the canonical request has no place for goes to `extensions` or into a part's bag, and
comes out again where the upstream speaks this protocol too. Encoding names what it cannot carry (`protocols.losses`).
"""

from msgspec.structs import replace

from headgate.canonical.failure import Refused, refuse
from headgate.canonical.parts import File, ServerToolResult, Text, ToolResult
from headgate.canonical.quirks import Encoded, Quirks, Target
from headgate.canonical.request import (
    Effort,
    Message,
    ReasoningControl,
    Request,
    ResponseFormat,
    Role,
)
from headgate.protocols.anthropic_messages.blocks import decode_block, decode_content
from headgate.protocols.anthropic_messages.messages import encode_messages
from headgate.protocols.anthropic_messages.thinking import Plan, plan
from headgate.protocols.anthropic_messages.tools import (
    closed,
    decode_choice,
    decode_tools,
    encode_choice,
    encode_tools,
    forces,
)
from headgate.protocols.anthropic_messages.wire import (
    ORIGIN,
    Obj,
    bag,
    cache_control,
    cache_hint,
    dump,
    dump_text,
    field,
    load,
    number,
    objects,
    optional,
    own,
    rest,
    strings,
)
from headgate.protocols.losses import Losses

_EFFORTS: dict[str, Effort] = {"low": "low", "medium": "medium", "high": "high", "xhigh": "xhigh", "max": "max"}
_THINKING = frozenset({"enabled", "adaptive", "disabled"})
_FOLDED = frozenset({"compaction", "container_upload", "tool_addition", "tool_removal"})
_TIERS_IN = {"auto": "auto", "standard_only": "default"}
_TIERS_OUT = {"auto": "auto", "default": "standard_only", "standard": "standard_only", "priority": "auto"}
_KNOWN = (
    "model",
    "messages",
    "system",
    "stream",
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "stop_sequences",
    "tools",
    "tool_choice",
    "thinking",
    "output_config",
    "output_format",
    "metadata",
    "service_tier",
    "cache_control",
)
_DROPPED = (
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "seed",
    "logprobs",
    "top_logprobs",
    "verbosity",
    "prediction",
    "store",
    "prompt_cache_key",
)
"""Wishes this protocol has no field for, under their canonical names."""


def decode_request(body: bytes, path_model: str | None, path_stream: bool) -> Request:
    """A request in canonical form; `path_model` and `path_stream` serve hosts that name them in the address."""
    obj = load(body)
    output = optional(obj, "output_config", dict, "") or {}
    metadata = optional(obj, "metadata", dict, "") or {}
    choice, parallel = decode_choice(obj)
    tier = optional(obj, "service_tier", str, "")
    return Request(
        origin=ORIGIN,
        model=path_model or field(obj, "model", str, ""),
        messages=(*_system(obj), *_messages(obj)),
        stream=optional(obj, "stream", bool, "") or path_stream,
        include_usage=True,
        tools=decode_tools(obj),
        tool_choice=choice,
        parallel_tool_calls=parallel,
        max_output_tokens=optional(obj, "max_tokens", int, ""),
        temperature=number(obj, "temperature", ""),
        top_p=number(obj, "top_p", ""),
        top_k=optional(obj, "top_k", int, ""),
        stop=strings(obj, "stop_sequences", ""),
        response_format=_format(obj, output),
        reasoning=_reasoning(obj, output),
        service_tier=_TIERS_IN.get(tier, tier) if tier else None,
        metadata=rest(metadata, "user_id") or None,
        user=optional(metadata, "user_id", str, "metadata"),
        cache=cache_hint(obj, ""),
        extensions=_extensions(obj, output),
    )


def _system(obj: Obj) -> list[Message]:
    system = obj.get("system")
    if system is None:
        return []
    if isinstance(system, str):
        return [Message(role="system", parts=(Text(text=system),))] if system else []
    blocks = objects(obj, "system", "")
    parts = tuple(decode_block(block, f"system.{position}") for position, block in enumerate(blocks))
    return [Message(role="system", parts=parts)] if parts else []


def _messages(obj: Obj) -> list[Message]:
    field(obj, "messages", list, "")
    messages: list[Message] = []
    for position, message in enumerate(objects(obj, "messages", "")):
        messages += _message(message, f"messages.{position}")
    if not messages:
        raise refuse("messages: at least one message is required", param="messages")
    return messages


def _message(message: Obj, where: str) -> list[Message]:
    """One wire message; a user's turn is split where tool results begin and end."""
    role = field(message, "role", str, where)
    if role not in {"user", "assistant", "system"}:
        raise refuse(f"{where}.role: {role!r} is not one of user, assistant, system", param=f"{where}.role")
    if message.get("content") is None:
        raise refuse(f"field {where}.content is required", param=f"{where}.content")
    parts = decode_content(message, where)
    extra = bag(rest(message, "role", "content"))
    if role != "user":
        return [Message(role="assistant" if role == "assistant" else "system", parts=parts, provider_data=extra)]
    messages: list[Message] = []
    for part in parts:
        kind: Role = "tool" if isinstance(part, ToolResult) else "user"
        if messages and messages[-1].role == kind:
            messages[-1] = replace(messages[-1], parts=(*messages[-1].parts, part))
        else:
            messages.append(Message(role=kind, parts=(part,), provider_data=extra))
    return messages or [Message(role="user", parts=(), provider_data=extra)]


def _format(obj: Obj, output: Obj) -> ResponseFormat | None:
    """`output_config.format`, or `output_format` as the first beta had it."""
    where = "output_config.format" if output.get("format") is not None else "output_format"
    form = optional(output, "format", dict, "output_config") or optional(obj, "output_format", dict, "")
    if form is None:
        return None
    if form.get("type") != "json_schema":
        raise refuse(f"{where}.type: must be json_schema", param=f"{where}.type")
    return ResponseFormat(mode="json_schema", schema=field(form, "schema", dict, where), strict=True)


def _reasoning(obj: Obj, output: Obj) -> ReasoningControl | None:
    thinking = optional(obj, "thinking", dict, "") or {}
    effort = _EFFORTS.get(optional(output, "effort", str, "output_config") or "")
    display = optional(thinking, "display", str, "thinking")
    visible = {"summarized": True, "omitted": False}.get(display or "")
    match optional(thinking, "type", str, "thinking"):
        case "enabled":
            budget = field(thinking, "budget_tokens", int, "thinking")
            return ReasoningControl(enabled=True, budget_tokens=budget, effort=effort, visible=visible)
        case "adaptive":
            return ReasoningControl(enabled=True, adaptive=True, effort=effort, visible=visible)
        case "disabled":
            return ReasoningControl(enabled=False, effort=effort)
        case _:
            return ReasoningControl(effort=effort) if effort else None


def _extensions(obj: Obj, output: Obj) -> Obj:
    extensions = rest(obj, *_KNOWN)
    effort_known = output.get("effort") is None or output["effort"] in _EFFORTS
    unknown = rest(output, "format", *(("effort",) if effort_known else ()))
    if unknown:
        extensions["output_config"] = unknown
    thinking = obj.get("thinking")
    if isinstance(thinking, dict) and thinking.get("type") not in _THINKING:
        extensions["thinking"] = thinking
    return extensions


def check_portable(request: Request) -> None:
    """Raises `Refused` where the request leans on what only Anthropic keeps: a container, or a conversation whose
    beginning is folded into a block that only Claude can open."""
    if request.extensions.get("container") is not None:
        raise _only_there("'container' names a machine", "container")
    for position, message in enumerate(request.messages):
        for part in message.parts:
            kind = own(part.provider_data).get("type") if isinstance(part, ServerToolResult | File) else None
            if kind in _FOLDED:
                raise _only_there(f"a block of type '{kind}' holds state", f"messages.{position}")


def _only_there(what: str, param: str) -> Refused:
    return refuse(f"{what} that only Anthropic keeps, and this model is served by another; leave it out", param=param)


def encode_request(request: Request, target: Target) -> Encoded:
    """The request for an upstream that speaks this protocol.

    Raises:
        Refused: for content that the Messages API cannot express.
    """
    quirks, losses = target.quirks, Losses()
    _refuse_what_changes_the_answer(request)
    conversation = encode_messages(request, quirks, losses)
    tools = encode_tools(request, quirks, losses)
    choice = encode_choice(request, tools)
    budgeted = quirks.thinking == "budget"
    mute = forces(choice) or (budgeted and conversation.answers_tools_without_thought())
    thinking = _plan(request, quirks, losses, mute=mute)
    body: Obj = {"model": target.model, "max_tokens": thinking.max_tokens, "messages": conversation.messages}
    system = [*conversation.system, *_instruction(request.response_format, quirks)]
    optional_fields: Obj = {
        "system": system,
        "tools": tools,
        "tool_choice": choice,
        "thinking": thinking.thinking,
        "output_config": _output_config(request, quirks, thinking),
        "stop_sequences": _stops(request, losses),
        "stream": request.stream or None,
        "service_tier": _tier(request, losses),
        "metadata": _metadata(request, losses),
        **_sampling(request, quirks, losses, thinking=thinking.active),
        **cache_control(request.cache),
    }
    body.update({key: value for key, value in optional_fields.items() if value not in (None, [], {})})
    _name_dropped(request, losses)
    _extend(body, request, losses)
    body.update(quirks.extra_body)
    for name in quirks.refused_parameters & body.keys():
        del body[name]
        if name not in {"model", "stream"}:
            losses.drop(name)
    return Encoded(body=dump(body), dropped=losses.names)


def _refuse_what_changes_the_answer(request: Request) -> None:
    if request.n is not None and request.n > 1:
        raise refuse("this model gives one answer a call; ask for n = 1", param="n")
    beyond = [kind for kind in request.modalities if kind != "text"]
    if beyond:
        raise refuse(f"this model answers in text only, not in {', '.join(beyond)}", param="modalities")
    if request.previous_response_id is not None:
        raise refuse("this model keeps no earlier answers; send the conversation", param="previous_response_id")


def _plan(request: Request, quirks: Quirks, losses: Losses, *, mute: bool) -> Plan:
    control = request.reasoning
    chosen = plan(control, origin=request.origin, max_output_tokens=request.max_output_tokens, quirks=quirks)
    if mute and chosen.active:
        losses.drop("reasoning")
        return plan(None, origin=request.origin, max_output_tokens=request.max_output_tokens, quirks=quirks)
    if control is not None and quirks.thinking == "none" and (control.enabled or control.effort not in {None, "none"}):
        losses.drop("reasoning")
    return chosen


def _sampling(request: Request, quirks: Quirks, losses: Losses, *, thinking: bool) -> Obj:
    """Temperature is 0 to 1 here; beside thinking it must be 1, top_p at least 0.95, and there is no top_k. Models from
    4.5 on refuse temperature and top_p together, the latest refuse all three (recorded errors; anthropic docs, extended
    thinking, "Feature compatibility", read 2026-11-23)."""
    temperature, top_p, top_k = request.temperature, request.top_p, request.top_k
    native = request.origin == ORIGIN
    if not native and temperature is not None and temperature > 1:
        temperature = 1
        losses.drop("temperature")
    kept: Obj = {"temperature": temperature, "top_p": top_p, "top_k": top_k}
    if not quirks.sampling_with_thinking:
        refused = {"temperature", "top_p", "top_k"}
    elif thinking:
        refused = {"top_k"}
        refused |= {"temperature"} if temperature != 1 else set()
        refused |= {"top_p"} if top_p is not None and not 0.95 <= top_p <= 1 else set()
    else:
        refused = {"top_p"} if not native and temperature is not None else set()
    for name in sorted(refused):
        if kept.pop(name) is not None:
            losses.drop(name)
    return kept


def _stops(request: Request, losses: Losses) -> list[str]:
    """The API refuses a stop sequence of white space alone."""
    kept = [stop for stop in request.stop if stop.strip()]
    if len(kept) < len(request.stop):
        losses.drop("stop")
    return kept


def _tier(request: Request, losses: Losses) -> str | None:
    if request.service_tier is None:
        return None
    tier = _TIERS_OUT.get(request.service_tier)
    if tier is None and request.origin == ORIGIN:
        return request.service_tier
    if tier is None:
        losses.drop("service_tier")
    return tier


def _metadata(request: Request, losses: Losses) -> Obj | None:
    metadata: Obj = {}
    if request.metadata:
        if request.origin == ORIGIN:
            metadata.update(request.metadata)
        else:
            losses.drop("metadata")
    user = request.user or request.safety_identifier
    if user:
        metadata["user_id"] = user
    return metadata


def _output_config(request: Request, quirks: Quirks, thinking: Plan) -> Obj:
    config: Obj = {}
    kept = request.extensions.get("output_config")
    if request.origin == ORIGIN and isinstance(kept, dict):
        config.update(kept)
    if thinking.effort:
        config["effort"] = thinking.effort
    form = request.response_format
    if form and form.mode == "json_schema" and quirks.json_schema and form.schema is not None:
        schema: Obj = dict(form.schema)
        if request.origin != ORIGIN:
            schema = dict(closed(schema))  # type: ignore[arg-type]
            if form.description:
                schema.setdefault("description", form.description)
        config["format"] = {"type": "json_schema", "schema": schema}
    return config


def _instruction(form: ResponseFormat | None, quirks: Quirks) -> list[Obj]:
    """There is no JSON mode without a schema here, so it is asked for in words; older models have no schemas either."""
    if form is None or form.mode == "text":
        return []
    if form.mode == "json_schema" and form.schema is not None:
        if quirks.json_schema:
            return []
        schema = dump_text(form.schema)
        return [{"type": "text", "text": f"Answer with one JSON value that fits this schema, nothing else:\n{schema}"}]
    return [{"type": "text", "text": "Answer with one JSON object, nothing else."}]


def _name_dropped(request: Request, losses: Losses) -> None:
    for name in _DROPPED:
        if getattr(request, name) not in (None, False, 0, {}):
            losses.drop(name)
    if request.seed is not None:
        losses.drop("seed")
    if request.audio:
        losses.drop("audio")
    if request.image:
        losses.drop("image_config")


def _extend(body: Obj, request: Request, losses: Losses) -> None:
    """Fields beyond the canonical model: sent on to the protocol they came from, otherwise named."""
    for name, value in request.extensions.items():
        if request.origin != ORIGIN:
            losses.drop(name)
        elif name not in body:
            body[name] = value
