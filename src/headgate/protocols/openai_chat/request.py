"""Whole requests, both ways."""

from typing import Any

from headgate.canonical.failure import refuse
from headgate.canonical.parts import File, Json
from headgate.canonical.quirks import Encoded, Quirks, Target
from headgate.canonical.request import Request, ResponseFormat
from headgate.protocols.losses import Losses
from headgate.protocols.openai_chat.content import decode_cache
from headgate.protocols.openai_chat.messages import decode_messages, encode_messages
from headgate.protocols.openai_chat.peek import peek
from headgate.protocols.openai_chat.reasoning import decode_control, encode_control
from headgate.protocols.openai_chat.tools import decode_choice, decode_tools, encode_choice, encode_tools, web_plugins
from headgate.protocols.openai_chat.wire import (
    NAME,
    UNREADABLE,
    JsonObject,
    dump,
    number,
    objects,
    optional,
    own,
    read_object,
    refusal_of,
    required,
    rest,
    wrong,
)

_READ = (
    "model",
    "messages",
    "stream",
    "stream_options",
    "tools",
    "tool_choice",
    "functions",
    "function_call",
    "parallel_tool_calls",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "seed",
    "stop",
    "n",
    "logprobs",
    "top_logprobs",
    "response_format",
    "reasoning_effort",
    "reasoning",
    "thinking",
    "enable_thinking",
    "thinking_budget",
    "verbosity",
    "modalities",
    "audio",
    "prediction",
    "service_tier",
    "metadata",
    "user",
    "safety_identifier",
    "store",
    "prompt_cache_key",
    "cache_control",
    "web_search_options",
    "search_parameters",
    "enable_search",
    "search_options",
    "plugins",
    "extra_body",
)


def decode_request(body: bytes, path_model: str | None = None, path_stream: bool = False) -> Request:
    """A request body to the canonical request. The path says nothing in this protocol.

    Raises:
        Refused: whatever `peek` refuses, unknown roles, parts and choices, and members of the wrong type.
    """
    glance = peek(body, path_model)
    try:
        wire = read_object(body)
    except UNREADABLE as error:
        raise refusal_of(error) from error
    options = optional(wire, "stream_options", dict, "") or {}
    control, said = decode_control(wire)
    image, extensions = _decode_extra(wire)
    return Request(
        origin=NAME,
        model=glance.model,
        messages=decode_messages(wire["messages"]),
        stream=glance.stream,
        include_usage=glance.wants_usage,
        tools=decode_tools(wire),
        tool_choice=decode_choice(wire),
        parallel_tool_calls=optional(wire, "parallel_tool_calls", bool, ""),
        max_output_tokens=glance.max_output_tokens,
        temperature=number(wire, "temperature"),
        top_p=number(wire, "top_p"),
        top_k=optional(wire, "top_k", int, ""),
        frequency_penalty=number(wire, "frequency_penalty"),
        presence_penalty=number(wire, "presence_penalty"),
        logit_bias=optional(wire, "logit_bias", dict, ""),
        seed=optional(wire, "seed", int, ""),
        stop=_decode_stop(wire),
        n=optional(wire, "n", int, ""),
        logprobs=optional(wire, "logprobs", bool, ""),
        top_logprobs=optional(wire, "top_logprobs", int, ""),
        response_format=_decode_format(wire),
        reasoning=control,
        verbosity=optional(wire, "verbosity", str, ""),
        modalities=_decode_texts(wire, "modalities"),
        audio=optional(wire, "audio", dict, ""),
        image=image,
        prediction=optional(wire, "prediction", dict, ""),
        service_tier=optional(wire, "service_tier", str, ""),
        metadata=optional(wire, "metadata", dict, ""),
        user=optional(wire, "user", str, ""),
        safety_identifier=optional(wire, "safety_identifier", str, ""),
        store=optional(wire, "store", bool, ""),
        cache=decode_cache(wire, ""),
        prompt_cache_key=optional(wire, "prompt_cache_key", str, ""),
        extensions=extensions,
        provider_data=_put_aside(wire, options, said),
    )


def _put_aside(wire: JsonObject, options: JsonObject, said: JsonObject) -> dict[Any, dict[str, Json]]:
    """What only this protocol needs to know of its own request."""
    aside: JsonObject = {}
    if other_options := rest(options, "include_usage"):
        aside["stream_options"] = other_options
    if said:
        aside["reasoning"] = said
    if wire.get("functions"):
        aside["functions"] = True
    if wire.get("search_parameters"):
        aside["list_citations"] = True
    return {NAME: aside} if aside else {}


def _decode_extra(wire: JsonObject) -> tuple[JsonObject | None, JsonObject]:
    """Image wishes inside `extra_body.google.image_config`, and every member that nobody has read."""
    extensions = rest(wire, *_READ)
    if wire.get("enable_search") is not True and wire.get("search_options") is not None:
        extensions["search_options"] = wire["search_options"]
    plugins = objects(optional(wire, "plugins", list, "") or [], "plugins")
    others = [plugin for plugin in plugins if plugin not in web_plugins(wire)]
    if others:
        extensions["plugins"] = others
    extra = optional(wire, "extra_body", dict, "")
    if extra is None:
        return None, extensions
    google = optional(extra, "google", dict, "extra_body") or {}
    image = optional(google, "image_config", dict, "extra_body.google")
    left = rest(google, "thinking_config", "image_config")
    kept = {**rest(extra, "google"), **({"google": left} if left else {})}
    if kept:
        extensions["extra_body"] = kept
    if image is None:
        return None, extensions
    sizes = {"aspect_ratio": image.get("aspect_ratio"), "size": image.get("image_size")}
    return {name: value for name, value in sizes.items() if value is not None}, extensions


def _decode_stop(wire: JsonObject) -> tuple[str, ...]:
    stop = wire.get("stop")
    return (stop,) if isinstance(stop, str) else _decode_texts(wire, "stop")


def _decode_texts(wire: JsonObject, name: str) -> tuple[str, ...]:
    texts = optional(wire, name, list, "") or []
    for text in texts:
        if not isinstance(text, str):
            raise wrong(name, "expected strings")
    return tuple(texts)


def _decode_format(wire: JsonObject) -> ResponseFormat | None:
    format_ = optional(wire, "response_format", dict, "")
    if format_ is None:
        return None
    where = "response_format"
    match required(format_, "type", str, where):
        case "text":
            return ResponseFormat(mode="text")
        case "json_object":
            schema = optional(format_, "schema", dict, where)  # Together, llama.cpp and Fireworks put one here
            if schema is not None:
                return ResponseFormat(mode="json_schema", schema=schema)
            return ResponseFormat(mode="json_object")
        case "json_schema":
            inner = required(format_, "json_schema", dict, where)
            inside = f"{where}.json_schema"
            return ResponseFormat(
                mode="json_schema",
                name=optional(inner, "name", str, inside),
                description=optional(inner, "description", str, inside),
                schema=optional(inner, "schema", dict, inside),
                strict=optional(inner, "strict", bool, inside),
            )
        case other:
            raise wrong(f"{where}.type", f"unknown format {other!r}")


def encode_request(request: Request, target: Target) -> Encoded:
    """The canonical request for an upstream that speaks this protocol.

    Raises:
        Refused: content that the protocol cannot say, or a conversation that only another's upstream remembers.
    """
    if request.previous_response_id is not None:
        raise refuse("'previous_response_id' needs an upstream of the Responses API.", param="previous_response_id")
    _refuse_foreign_files(request)
    quirks = target.quirks
    losses = Losses()
    mine = request.origin == NAME
    legacy = bool(own(request.provider_data).get("functions"))
    hints = mine or quirks.cache_control
    messages = encode_messages(request.messages, quirks, losses, hints=hints)
    wire: JsonObject = {"model": target.model, "messages": messages}
    wire |= _encode_stream(request, quirks)
    wire |= encode_tools(request, quirks, losses, hints=hints)
    wire |= encode_choice(request.tool_choice, request.tools if quirks.custom_tools else (), legacy=legacy)
    wire |= _encode_knobs(request, quirks)
    wire |= _encode_format(request.response_format, quirks, messages)
    wire |= encode_control(request, quirks, losses)
    theirs = _encode_own(request, losses, mine=mine)
    if "plugins" in wire and "plugins" in theirs:
        theirs["plugins"] = [*theirs["plugins"], *wire["plugins"]]
    wire |= theirs
    for name in sorted(quirks.refused_parameters & wire.keys()):
        del wire[name]
        losses.drop(_CANONICAL_NAMES.get(name, name))
    wire |= quirks.extra_body
    return Encoded(body=dump(wire), dropped=losses.names)


def _refuse_foreign_files(request: Request) -> None:
    """A file id is its vendor's own; both of OpenAI's protocols share theirs."""
    if request.origin in ("openai_chat", "openai_responses"):
        return
    for message in request.messages:
        if any(isinstance(part, File) and part.source.file_id is not None for part in message.parts):
            raise refuse("A file that another vendor keeps cannot be sent to this model: send its content.")


_CANONICAL_NAMES = {
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning",
    "thinking": "reasoning",
}


def _encode_stream(request: Request, quirks: Quirks) -> JsonObject:
    """A translated stream is always asked for its usage, where the upstream understands that: it is metered."""
    if not request.stream:
        return {}
    options = dict(_mapping(own(request.provider_data).get("stream_options")))
    if quirks.stream_usage:
        options["include_usage"] = True
    return {"stream": True} | ({"stream_options": options} if options else {})


def _encode_knobs(request: Request, quirks: Quirks) -> JsonObject:
    """The tuning knobs that both sides call alike."""
    knobs: JsonObject = {
        quirks.max_tokens_field: request.max_output_tokens,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "frequency_penalty": request.frequency_penalty,
        "presence_penalty": request.presence_penalty,
        "logit_bias": request.logit_bias,
        "seed": request.seed,
        "stop": list(request.stop) or None,
        "n": request.n,
        "logprobs": request.logprobs,
        "top_logprobs": request.top_logprobs,
        "parallel_tool_calls": request.parallel_tool_calls if request.tools else None,
        "verbosity": request.verbosity,
        "modalities": list(request.modalities) or None,
        "audio": request.audio,
        "prediction": request.prediction,
        "service_tier": request.service_tier,
        "metadata": request.metadata,
        "user": request.user,
        "safety_identifier": request.safety_identifier,
        "store": request.store,
        "prompt_cache_key": request.prompt_cache_key,
    }
    return {name: value for name, value in knobs.items() if value is not None}


def _encode_format(format_: ResponseFormat | None, quirks: Quirks, messages: list[JsonObject]) -> JsonObject:
    if format_ is None:
        return {}
    if format_.mode != "json_schema":
        return {"response_format": {"type": format_.mode}}
    if not quirks.json_schema:
        # The wish becomes a plain JSON wish and an instruction: the schema is told to the model in words.
        schema = dump(format_.schema or {}).decode()
        instruction = f"Answer with one JSON object that is valid under this JSON schema, and nothing else:\n{schema}"
        messages.insert(0, {"role": quirks.system_role, "content": instruction})
        return {"response_format": {"type": "json_object"}}
    inner: JsonObject = {"name": format_.name or "answer"}
    for name, value in (
        ("description", format_.description),
        ("schema", format_.schema),
        ("strict", format_.strict),
    ):
        if value is not None:
            inner[name] = value
    return {"response_format": {"type": "json_schema", "json_schema": inner}}


def _encode_own(request: Request, losses: Losses, *, mine: bool) -> JsonObject:
    """What only callers of this protocol may ask: others' words would be a 400 at OpenAI."""
    wire: JsonObject = {}
    if mine:
        wire |= request.extensions
        if request.top_k is not None:
            wire["top_k"] = request.top_k
        if request.cache is not None:
            wire["cache_control"] = {"type": "ephemeral"}
        if request.image is not None:
            wire["extra_body"] = _with_image(_mapping(wire.get("extra_body")), request.image)
        return wire
    for name, value in (
        ("top_k", request.top_k),
        ("cache_control", request.cache),
        ("image_config", request.image),
        *request.extensions.items(),
    ):
        if value:
            losses.drop(name)
    return wire


def _with_image(extra: JsonObject, image: Any) -> JsonObject:
    sizes = {"aspect_ratio": image.get("aspect_ratio"), "image_size": image.get("size")}
    config = {name: value for name, value in sizes.items() if value is not None}
    return {**extra, "google": {**_mapping(extra.get("google")), "image_config": config}}


def _mapping(value: object) -> JsonObject:
    return value if isinstance(value, dict) else {}
