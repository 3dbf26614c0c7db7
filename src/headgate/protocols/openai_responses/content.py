"""What messages and tool outputs contain, both ways: `input_*` and `output_*` parts and annotations."""

import base64
import binascii
from collections.abc import Mapping

from headgate.canonical.parts import (
    Audio,
    CacheHint,
    Citation,
    File,
    Image,
    Json,
    Part,
    Refusal,
    Source,
    Text,
    Video,
)
from headgate.protocols.openai_responses.wire import (
    Object,
    bad,
    bag,
    need_str,
    own_object,
    rest,
    take_int,
    take_object,
    take_objects,
    take_str,
)


def decode_content(fields: Mapping[str, Json], name: str, where: str) -> tuple[Part, ...]:
    """A string or a list of parts.

    Raises:
        Refused: a part of a type or shape that the API does not have.
    """
    value = fields.get(name)
    if isinstance(value, str):
        return (Text(text=value),)
    parts = take_objects(fields, name, where)
    return tuple(_decode_part(part, f"{where}.{name}[{index}]") for index, part in enumerate(parts))


def _decode_part(part: Object, where: str) -> Part:
    match need_str(part, "type", where):
        case "input_text" | "output_text" | "text":
            return _decode_text(part, where)
        case "refusal":
            return Refusal(text=need_str(part, "refusal", where))
        case "input_image" | "computer_screenshot":
            return _decode_image(part, where)
        case "input_file":
            return _decode_file(part, where)
        case "input_audio":
            inner = take_object(part, "input_audio", where) or part
            form = need_str(inner, "format", where)
            return Audio(source=Source(data=need_str(inner, "data", where), media_type=f"audio/{form}"))
        case kind:
            raise bad(f"'{where}' has the unknown type '{kind}'", "input")


def _decode_text(part: Object, where: str) -> Text:
    extra = rest(part, "type", "text", "annotations", "logprobs", "prompt_cache_breakpoint")
    breakpoint_ = part.get("prompt_cache_breakpoint")
    return Text(
        text=need_str(part, "text", where),
        citations=tuple(decode_annotation(one) for one in take_objects(part, "annotations", where)),
        cache=CacheHint() if breakpoint_ is not None else None,
        provider_data=bag(cache=breakpoint_, extra=extra or None),
    )


def _decode_image(part: Object, where: str) -> Image:
    extra = rest(part, "type", "image_url", "file_id", "detail")
    return Image(
        source=_source(take_str(part, "image_url", where), take_str(part, "file_id", where), where, "image_url"),
        detail=take_str(part, "detail", where) or None,
        provider_data=bag(extra=extra or None),
    )


def _decode_file(part: Object, where: str) -> File:
    filename, data = take_str(part, "filename", where), take_str(part, "file_data", where)
    extra = rest(part, "type", "file_url", "file_id", "file_data", "filename")
    if data is not None and not data.startswith("data:"):
        # Bare base64 is accepted too; the name must then say what it is.
        source = Source(data=data, media_type=_media_type(filename))
    else:
        source = _source(
            data or take_str(part, "file_url", where), take_str(part, "file_id", where), where, "file_data"
        )
    return File(source=source, filename=filename, provider_data=bag(extra=extra or None))


def _media_type(filename: str | None) -> str:
    ending = (filename or "").rpartition(".")[2].lower()
    return {"txt": "text/plain", "md": "text/markdown", "csv": "text/csv"}.get(ending, "application/pdf")


def _source(url: str | None, file_id: str | None, where: str, name: str) -> Source:
    if url and url.startswith("data:"):
        head, comma, data = url[len("data:") :].partition(",")
        media_type, *settings = head.split(";")
        if not comma or "base64" not in settings:
            raise bad(f"'{where}.{name}' must be a data URL of base64", "input")
        return Source(data=data, media_type=media_type or None)
    if url:
        return Source(url=url)
    if file_id:
        return Source(file_id=file_id)
    raise bad(f"'{where}' must have '{name}' or 'file_id'", "input")


def decode_annotation(annotation: Object) -> Citation:
    """A source. Kinds that point into files are kept whole beside their title."""
    if annotation.get("type") == "url_citation":
        extra = rest(annotation, "type", "url", "title", "start_index", "end_index")
        # xAI leaves title and place out (recorded: xai/web-search); such a one is given back as it came.
        bare = annotation if len(annotation) - len(extra) < 5 else None
        return Citation(
            url=take_str(annotation, "url"),
            title=take_str(annotation, "title"),
            start=take_int(annotation, "start_index"),
            end=take_int(annotation, "end_index"),
            provider_data=bag(extra=extra or None, annotation=bare),
        )
    return Citation(title=take_str(annotation, "filename"), provider_data=bag(annotation=annotation))


def encode_annotation(citation: Citation, text_length: int) -> Object:
    """A source on the wire. One that does not say which stretch it supports supports all of the text."""
    kept = own_object(citation.provider_data, "annotation")
    if kept is not None:
        return kept
    if citation.url is None:
        # A document of the request itself, which has no id of this API's.
        title = citation.title or citation.cited_text or ""
        return {"type": "file_citation", "file_id": "", "filename": title, "index": citation.end or text_length}
    return {
        "type": "url_citation",
        "url": citation.url,
        "title": citation.title or "",
        "start_index": citation.start or 0,
        "end_index": text_length if citation.end is None else citation.end,
        **(own_object(citation.provider_data, "extra") or {}),
    }


def encode_input(part: Part, dropped: list[str], *, own_files: bool) -> Object:
    """A part that a user, an instruction or a tool says. `own_files` tells that file ids are this protocol's.

    Raises:
        Refused: audio, video, and other parts for which the API has no form.
    """
    match part:
        case Text():
            return _encode_text(part, dropped)
        case Image():
            wire: Object = {"type": "input_image", **_address(part.source, "image_url", own_files=own_files)}
            if part.detail or not own_files:
                wire["detail"] = part.detail or "auto"
            _drop_cache(part.cache, dropped)
            return {**wire, **(own_object(part.provider_data, "extra") or {})}
        case File():
            _drop_cache(part.cache, dropped)
            return _encode_file(part, dropped, own_files=own_files)
        case Refusal():
            return {"type": "input_text", "text": part.text}
        case Audio():
            raise bad("audio input cannot be sent to this model: its API takes text, images and files", "input")
        case Video():
            raise bad("video input cannot be sent to this model: its API takes text, images and files", "input")
        case _:
            kind = type(part).__name__
            raise bad(f"a part of kind {kind} has no place in this message towards this model's API", "input")


def _encode_text(part: Text, dropped: list[str]) -> Object:
    wire: Object = {"type": "input_text", "text": part.text, **(own_object(part.provider_data, "extra") or {})}
    kept = own_object(part.provider_data, "cache")
    if kept is not None:
        wire["prompt_cache_breakpoint"] = kept
    else:
        _drop_cache(part.cache, dropped)
    return wire


def _drop_cache(hint: CacheHint | None, dropped: list[str]) -> None:
    """Prompts are cached without being asked; only the newest models know explicit marks."""
    if hint is not None:
        dropped.append("cache_control")


def _encode_file(part: File, dropped: list[str], *, own_files: bool) -> Object:
    if part.citations_enabled:
        dropped.append("file.citations")
    heading = "\n".join(word for word in (part.filename, part.context) if word)
    text = part.text if part.text is not None or own_files else _plain_text(part.source)
    if text is not None:
        return {"type": "input_text", "text": f"{heading}\n\n{text}" if heading else text}
    if part.context:
        dropped.append("file.context")
    wire: Object = {"type": "input_file"}
    if part.source.data is not None:
        media_type = part.source.media_type or "application/pdf"
        wire["filename"] = part.filename or f"document.{media_type.rpartition('/')[2]}"
        wire["file_data"] = f"data:{media_type};base64,{part.source.data}"
    else:
        wire.update(_address(part.source, "file_url", own_files=own_files))
    return {**wire, **(own_object(part.provider_data, "extra") or {})}


def _plain_text(source: Source) -> str | None:
    """A document of plain text, which is sent as text: that every upstream understands."""
    if source.data is None or not (source.media_type or "").startswith("text/"):
        return None
    try:
        return base64.b64decode(source.data, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _address(source: Source, name: str, *, own_files: bool) -> Object:
    if source.url is not None:
        return {name: source.url}
    if source.data is not None:
        return {name: f"data:{source.media_type or 'image/png'};base64,{source.data}"}
    if source.file_id is not None and own_files:
        return {"file_id": source.file_id}
    raise bad("a file id is known only to the API that issued it: send the content or its address", "input")


def encode_output_text(part: Text, logprobs: list[Json] | None = None) -> Object:
    """A text that the model says."""
    return {
        "type": "output_text",
        "text": part.text,
        "annotations": [encode_annotation(citation, len(part.text)) for citation in part.citations],
        "logprobs": logprobs or [],
        **(own_object(part.provider_data, "extra") or {}),
    }
