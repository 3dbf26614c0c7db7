"""Content parts: texts, images, sounds and files, both ways."""

import re
from base64 import b64encode
from typing import Literal
from urllib.parse import unquote_to_bytes

from headgate.canonical.failure import Refused, refuse
from headgate.canonical.parts import (
    Audio,
    CacheHint,
    File,
    Image,
    Part,
    Refusal,
    Source,
    Text,
    Video,
)
from headgate.protocols.losses import Losses
from headgate.protocols.openai_chat.wire import JsonObject, bag, optional, own, required, rest, wrong

_DATA_URL = re.compile(r"data:(?P<type>[^,;]*)(?P<parameters>(?:;[^,;]*)*?)(?P<base64>;base64)?,", re.IGNORECASE)
_INLINE_IMAGE = re.compile(r"!\[[^\]]*\]\((data:[^)\s,]*;base64,[^)\s]*)\)")

# The formats of `input_audio`. OpenAI names wav and mp3; the others are read by those who speak this protocol to other
# models (ai.google.dev/gemini-api/docs/openai, openrouter.ai/docs, audio).
_AUDIO_TYPES = {"mp3": "audio/mpeg", "wav": "audio/wav", "m4a": "audio/mp4", "pcm16": "audio/pcm"}
_AUDIO_FORMATS = {media_type: name for name, media_type in _AUDIO_TYPES.items()} | {
    "audio/mp3": "mp3",
    "audio/x-wav": "wav",
    "audio/wave": "wav",
    "audio/x-m4a": "m4a",
}


def decode_content(content: object, where: str) -> tuple[Part, ...]:
    """The content of a message: nothing, a text, or a list of parts."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(text=content),)
    if not isinstance(content, list):
        raise wrong(where, "expected a string or an array of content parts")
    return tuple(_decode_part(part, f"{where}[{place}]") for place, part in enumerate(content))


def _decode_part(wire: object, where: str) -> Part:
    if isinstance(wire, str):
        return Text(text=wire)
    if not isinstance(wire, dict):
        raise wrong(where, "expected a content part")
    cache = decode_cache(wire, where)
    match wire.get("type"):
        case "text":
            others = rest(wire, "type", "text", "cache_control")
            return Text(text=required(wire, "text", str, where), cache=cache, provider_data=bag(others))
        case "image_url":
            return _decode_image(wire, cache, where)
        case "input_audio":
            return _decode_audio(wire, cache, where)
        case "file":
            return _decode_file(wire, cache, where)
        case "document_url":  # Mistral (recorded: mistral/document-input)
            source = source_of(_address(wire, "document_url", where), where)
            name = optional(wire, "document_name", str, where)
            return File(source=source, filename=name, cache=cache, provider_data=bag({"type": "document_url"}))
        case "video_url":  # OpenRouter, Qwen, Moonshot (recorded: openrouter/video-input)
            source = source_of(_address(wire, "video_url", where), where)
            return Video(source=source, cache=cache, provider_data=bag(rest(wire, "cache_control")))
        case "refusal":
            return Refusal(text=required(wire, "refusal", str, where))
        case None:
            raise wrong(f"{where}.type", "every content part needs a type")
        case other:
            raise wrong(f"{where}.type", f"unknown content part {other!r}")


def _decode_image(wire: JsonObject, cache: CacheHint | None, where: str) -> Image:
    address = wire.get("image_url")
    detail = optional(address, "detail", str, f"{where}.image_url") if isinstance(address, dict) else None
    others = rest(wire, "type", "image_url", "cache_control")
    source = source_of(_address(wire, "image_url", where), f"{where}.image_url")
    return Image(source=source, detail=detail or None, cache=cache, provider_data=bag(others))


def _decode_audio(wire: JsonObject, cache: CacheHint | None, where: str) -> Audio:
    given = wire.get("input_audio")
    if isinstance(given, str):  # Mistral (recorded: mistral/audio-input): base64 or an address, without a format
        source = source_of(given, where) if given.startswith(("http", "data:")) else Source(data=given)
        return Audio(source=source, cache=cache, provider_data=bag({"plain": True}))
    audio = required(wire, "input_audio", dict, where)
    data = required(audio, "data", str, f"{where}.input_audio")
    if data.startswith("data:"):
        return Audio(source=source_of(data, where), cache=cache)
    format_ = optional(audio, "format", str, f"{where}.input_audio") or "wav"
    return Audio(source=Source(data=data, media_type=_AUDIO_TYPES.get(format_, f"audio/{format_}")), cache=cache)


def _decode_file(wire: JsonObject, cache: CacheHint | None, where: str) -> File:
    file = required(wire, "file", dict, where)
    place = f"{where}.file"
    name = optional(file, "filename", str, place)
    file_id = optional(file, "file_id", str, place)
    data = optional(file, "file_data", str, place)
    if file_id is None and data is None:
        raise wrong(place, "expected file_data or file_id")
    source = Source(file_id=file_id) if data is None else _file_source(data, place)
    return File(source=source, filename=name, cache=cache)


def _file_source(data: str, where: str) -> Source:
    """`file_data` is a data address; OpenRouter takes a web address too, and some clients send bare base64."""
    if data.startswith(("data:", "http://", "https://")):
        return source_of(data, where)
    return Source(data=data, media_type="application/pdf")


def _address(wire: JsonObject, name: str, where: str) -> str:
    """`image_url: {"url": ...}`, or, as Mistral and older clients write, the address alone."""
    value = wire.get(name)
    if isinstance(value, str):
        return value
    return required(required(wire, name, dict, where), "url", str, f"{where}.{name}")


def source_of(url: str, where: str) -> Source:
    """An address to a source: a data address is unpacked."""
    if url[:5].lower() != "data:":
        if not url:
            raise wrong(where, "the address is empty")
        return Source(url=url)
    match = _DATA_URL.match(url)
    if match is None:
        raise wrong(where, "not a well-formed data address")
    data = url[match.end() :]
    if match["base64"] is None:
        data = b64encode(unquote_to_bytes(data)).decode()
    return Source(data=data, media_type=match["type"] or None)


def address_of(source: Source, default_type: str) -> str | None:
    """A source to an address; None for an upstream's file id."""
    if source.url is not None:
        return source.url
    if source.data is None:
        return None
    return f"data:{source.media_type or default_type};base64,{source.data}"


def decode_cache(wire: JsonObject, where: str) -> CacheHint | None:
    """`cache_control`, as OpenRouter and Qwen take it over from Anthropic."""
    control = optional(wire, "cache_control", dict, where)
    if control is None:
        return None
    return CacheHint(ttl="1h" if control.get("ttl") == "1h" else "5m")


def encode_cache(cache: CacheHint | None) -> JsonObject:
    """The member for a cache hint, if any."""
    if cache is None:
        return {}
    ttl: Literal["5m", "1h"] = cache.ttl
    return {"cache_control": {"type": "ephemeral"} | ({"ttl": ttl} if ttl != "5m" else {})}


def split_images(text: str) -> tuple[Part, ...]:
    """An answer's text that may hold images as Markdown data addresses, in its parts."""
    if ";base64," not in text:
        return (Text(text=text),)
    parts: list[Part] = []
    for place, piece in enumerate(_INLINE_IMAGE.split(text)):
        if place % 2:
            parts.append(Image(source=source_of(piece, "content")))
        elif piece.strip():
            parts.append(Text(text=piece))
    return tuple(parts)


def inline_image(image: Image) -> str:
    """An image as Markdown in an answer's text, which has no other place for one."""
    return f"![image]({address_of(image.source, 'image/png') or ''})"


def encode_part(part: Part, *, hints: bool, losses: Losses) -> JsonObject:
    """One content part of a request. `hints`: whether the upstream understands cache hints.

    Raises:
        Refused: the part cannot be said in this protocol.
    """
    if not hints and getattr(part, "cache", None) is not None:
        losses.drop("cache_control")
    match part:
        case Text():
            others = own(part.provider_data) if hints else {}
            if part.citations:
                losses.drop("citations.foreign")
            return {"type": "text", "text": part.text, **others, **_hint(part.cache, hints)}
        case Refusal():
            return {"type": "refusal", "refusal": part.text}
        case Image():
            return _encode_image(part) | _hint(part.cache, hints)
        case Audio():
            return _encode_audio(part) | _hint(part.cache, hints)
        case File():
            return _encode_file(part, losses) | _hint(part.cache, hints)
        case Video() if own(part.provider_data).get("type") == "video_url":
            return {**own(part.provider_data), **_hint(part.cache, hints)}
        case _:
            raise unsaid(type(part).__name__)


def _hint(cache: CacheHint | None, hints: bool) -> JsonObject:
    return encode_cache(cache) if hints else {}


def unsaid(kind: str) -> Refused:
    """The refusal of a kind of content that chat completions have no part for."""
    return refuse(f"This model's upstream takes no {kind.lower()} content.", param="messages", code="invalid_request")


def _encode_image(image: Image) -> JsonObject:
    url = address_of(image.source, "image/png")
    if url is None:
        raise refuse("An image given by another vendor's file id cannot be sent to this model.", param="messages")
    detail = {"detail": image.detail} if image.detail else {}
    return {"type": "image_url", "image_url": {"url": url, **detail}, **own(image.provider_data)}


def _encode_audio(audio: Audio) -> JsonObject:
    source = audio.source
    if own(audio.provider_data).get("plain"):
        return {"type": "input_audio", "input_audio": source.data or source.url}
    if source.data is None:
        raise refuse("Audio must be sent inline to this model.", param="messages")
    media_type = (source.media_type or "audio/wav").lower().split(";")[0]
    format_ = _AUDIO_FORMATS.get(media_type, media_type.removeprefix("audio/"))
    return {"type": "input_audio", "input_audio": {"data": source.data, "format": format_}}


def _encode_file(file: File, losses: Losses) -> JsonObject:
    """A document. Plain text goes as text, under its name; OpenAI wants a file name beside data."""
    if file.citations_enabled:
        losses.drop("file.citations")
    if file.context and (file.text is None or file.filename):
        losses.drop("file.context")
    if file.text is not None:
        title = file.filename or file.context
        return {"type": "text", "text": f"{title}:\n\n{file.text}" if title else file.text}
    if own(file.provider_data).get("type") == "document_url":
        name = {"document_name": file.filename} if file.filename else {}
        return {"type": "document_url", "document_url": address_of(file.source, "application/pdf"), **name}
    if file.source.file_id is not None:
        return {"type": "file", "file": {"file_id": file.source.file_id}}
    data = address_of(file.source, "application/pdf")
    return {"type": "file", "file": {"filename": file.filename or "document.pdf", "file_data": data}}
