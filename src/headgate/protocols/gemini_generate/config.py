"""`generationConfig`: every wish that tunes the answer, to canonical fields and back.

A field that the canonical model does not know, or knows less exactly (an OpenAPI schema, a many-voiced speech config),
is kept among the request's extensions under its dotted name, `generationConfig.mediaResolution`.
"""

from collections.abc import Mapping

from msgspec import Struct

from headgate.canonical.failure import refuse
from headgate.canonical.parts import Json
from headgate.canonical.quirks import Target
from headgate.canonical.request import ReasoningControl, Request, ResponseFormat
from headgate.protocols.gemini_generate.schema import json_schema
from headgate.protocols.gemini_generate.signatures import NAME
from headgate.protocols.gemini_generate.thinking import decode_thinking, encode_thinking
from headgate.protocols.gemini_generate.wire import (
    OUTPUT_NUMBERS,
    enum_name,
    flag,
    integer,
    items,
    number,
    obj,
    text,
)

PREFIX = "generationConfig."
MAX_STOPS = 5  # generative_service.proto, GenerationConfig.stop_sequences

_JSON = "application/json"
_READ = frozenset(
    {
        "maxOutputTokens",
        "temperature",
        "topP",
        "topK",
        "frequencyPenalty",
        "presencePenalty",
        "seed",
        "stopSequences",
        "candidateCount",
        "responseLogprobs",
        "logprobs",
        "responseModalities",
        "thinkingConfig",
        "imageConfig",
        "speechConfig",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "_responseJsonSchema",
    }
)
# https://platform.openai.com/docs/guides/text-to-speech, 2026-11: a voice of this list is nobody's at Google.
_FOREIGN_VOICES = frozenset(
    {"alloy", "ash", "ballad", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer", "verse", "marin", "cedar"}
)


class Wishes(Struct, frozen=True, kw_only=True):
    """What `generationConfig` says, in canonical fields; `extensions` under dotted names."""

    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None
    reasoning: ReasoningControl | None = None
    modalities: tuple[str, ...] = ()
    audio: Mapping[str, Json] | None = None
    image: Mapping[str, Json] | None = None
    extensions: Mapping[str, Json] = {}


def decode_config(value: Json) -> Wishes:
    """`generationConfig` in camelCase.

    Raises:
        Refused: where a field has the wrong type.
    """
    config = obj(value, "generationConfig")
    extensions: dict[str, Json] = {
        PREFIX + name: item for name, item in config.items() if name not in _READ and item is not None
    }
    response_format = _decode_format(config, extensions)
    modalities = items(config.get("responseModalities"), PREFIX + "responseModalities")
    kinds = [enum_name(kind, OUTPUT_NUMBERS) for kind in modalities]
    stops = [text(stop, PREFIX + "stopSequences") for stop in items(config.get("stopSequences"), "stopSequences")]
    return Wishes(
        max_output_tokens=_positive(config, "maxOutputTokens"),
        temperature=number(config.get("temperature"), PREFIX + "temperature"),
        top_p=number(config.get("topP"), PREFIX + "topP"),
        top_k=_top_k(config),
        frequency_penalty=number(config.get("frequencyPenalty"), PREFIX + "frequencyPenalty"),
        presence_penalty=number(config.get("presencePenalty"), PREFIX + "presencePenalty"),
        seed=integer(config.get("seed"), PREFIX + "seed"),
        stop=tuple(stop for stop in stops if stop),
        n=_positive(config, "candidateCount"),
        logprobs=flag(config.get("responseLogprobs"), PREFIX + "responseLogprobs"),
        top_logprobs=integer(config.get("logprobs"), PREFIX + "logprobs"),
        response_format=response_format,
        reasoning=decode_thinking(config.get("thinkingConfig")),
        modalities=tuple(kind.lower() for kind in kinds if kind),
        audio=_decode_speech(config.get("speechConfig"), extensions),
        image=_decode_image(config.get("imageConfig"), extensions),
        extensions=extensions,
    )


def _positive(config: Mapping[str, Json], name: str) -> int | None:
    """A count; zero is proto3's way of saying nothing."""
    count = integer(config.get(name), PREFIX + name)
    if count is not None and count < 0:
        raise refuse(f"{name} must be positive.", param=PREFIX + name)
    return count or None


def _top_k(config: Mapping[str, Json]) -> int | None:
    """Vertex's clients write it as 40.0, and older ones as a fraction that Google rounds."""
    found = number(config.get("topK"), PREFIX + "topK")
    return None if found is None else int(found)


def _decode_format(config: Mapping[str, Json], extensions: dict[str, Json]) -> ResponseFormat | None:
    kind = text(config.get("responseMimeType"), PREFIX + "responseMimeType")
    own = config.get("responseSchema")
    schema = next((config[name] for name in ("responseJsonSchema", "_responseJsonSchema") if config.get(name)), None)
    if own is not None:
        extensions[PREFIX + "responseSchema"] = own
    if kind not in {None, "", _JSON, "text/plain"}:
        extensions[PREFIX + "responseMimeType"] = kind
        if schema is not None:
            extensions[PREFIX + "responseJsonSchema"] = schema
        return None
    if schema is not None:
        return ResponseFormat(mode="json_schema", schema=obj(schema, PREFIX + "responseJsonSchema"))
    if own is not None:
        return ResponseFormat(mode="json_schema", schema=json_schema(own))
    if kind == _JSON:
        return ResponseFormat(mode="json_object")
    return ResponseFormat(mode="text") if kind else None


def _decode_speech(value: Json, extensions: dict[str, Json]) -> Mapping[str, Json] | None:
    where = PREFIX + "speechConfig"
    config = obj(value, where)
    if not config:
        return None
    prebuilt = obj(obj(config.get("voiceConfig"), where).get("prebuiltVoiceConfig"), where)
    voice = prebuilt.get("voiceName")
    if len(config) > 1 or not isinstance(voice, str):
        extensions[where] = config
    return {"voice": voice} if isinstance(voice, str) else None


def _decode_image(value: Json, extensions: dict[str, Json]) -> Mapping[str, Json] | None:
    where = PREFIX + "imageConfig"
    config = obj(value, where)
    found = {"aspect_ratio": config.get("aspectRatio"), "size": config.get("imageSize")}
    rest = {name: item for name, item in config.items() if name not in {"aspectRatio", "imageSize"}}
    if rest:
        extensions[where] = rest
    wishes = {name: item for name, item in found.items() if item is not None}
    return wishes or None


def encode_config(request: Request, target: Target) -> tuple[dict[str, Json], list[str]]:
    """`generationConfig` and the names of the wishes it has no place for."""
    dropped: list[str] = []
    out: dict[str, Json] = {}
    plain: tuple[tuple[str, Json], ...] = (
        ("maxOutputTokens", request.max_output_tokens),
        ("temperature", request.temperature),
        ("topP", request.top_p),
        ("topK", request.top_k),
        ("frequencyPenalty", request.frequency_penalty),
        ("presencePenalty", request.presence_penalty),
        ("seed", request.seed),
        ("stopSequences", list(request.stop[:MAX_STOPS]) or None),
        ("candidateCount", request.n),
        ("responseLogprobs", request.logprobs or (True if request.top_logprobs else None)),
        ("logprobs", request.top_logprobs),
        ("responseModalities", [kind.upper() for kind in request.modalities] or None),
    )
    out.update({name: value for name, value in plain if value is not None})
    if len(request.stop) > MAX_STOPS:
        dropped.append("stop")
    _encode_format(request, target, out)
    if request.reasoning is not None:
        thinking, lost = encode_thinking(request.reasoning, target, native=request.origin == NAME)
        dropped += lost
        if thinking:
            out["thinkingConfig"] = thinking
    _encode_speech(request, out, dropped)
    _encode_image(request, out, dropped)
    _restore(request, out)
    for name in sorted(target.quirks.refused_parameters & out.keys()):
        del out[name]
        dropped.append(PREFIX + name)
    return out, dropped


def _encode_format(request: Request, target: Target, out: dict[str, Json]) -> None:
    wish = request.response_format
    if wish is None or wish.mode == "text":
        if wish is not None and request.origin == NAME:
            out["responseMimeType"] = "text/plain"
        return
    out["responseMimeType"] = _JSON
    kept = request.origin == NAME and PREFIX + "responseSchema" in request.extensions
    if wish.mode == "json_schema" and wish.schema is not None and target.quirks.json_schema and not kept:
        out["responseJsonSchema"] = dict(wish.schema)


def _encode_speech(request: Request, out: dict[str, Json], dropped: list[str]) -> None:
    if request.audio is None:
        return
    voice = request.audio.get("voice")
    if isinstance(voice, str) and voice.lower() not in _FOREIGN_VOICES:
        out["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": voice}}}
    elif voice is not None:
        dropped.append("audio.voice")
    # Speech is always 16-bit PCM (https://ai.google.dev/gemini-api/docs/speech-generation, 2026-11).
    if request.audio.get("format") not in {None, "pcm16"}:
        dropped.append("audio.format")


def _encode_image(request: Request, out: dict[str, Json], dropped: list[str]) -> None:
    if request.image is None:
        return
    names = {"aspect_ratio": "aspectRatio", "size": "imageSize"}
    config: dict[str, Json] = {}
    config.update({names[name]: value for name, value in request.image.items() if name in names and value is not None})
    dropped += [f"image_config.{name}" for name in request.image if name not in names]
    if config:
        out["imageConfig"] = config


def _restore(request: Request, out: dict[str, Json]) -> None:
    """Put back what `decode_config` kept in its own form."""
    if request.origin != NAME:
        return
    for name, value in request.extensions.items():
        if not name.startswith(PREFIX):
            continue
        field = name.removeprefix(PREFIX)
        present = out.get(field)
        out[field] = {**present, **value} if isinstance(present, dict) and isinstance(value, dict) else value
