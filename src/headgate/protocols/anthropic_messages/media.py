"""Images and documents: `image`, `document` and `search_result` blocks, in both directions.

A block that says more than the canonical part can (a document made of content blocks, a search result) stays whole in
the part's bag beside what the part does say, so that other protocols see its text and this one sees the block.
"""

from base64 import b64decode
from binascii import Error as Base64Error

from headgate.canonical.failure import refuse
from headgate.canonical.parts import File, Image, Source
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Request
from headgate.protocols.anthropic_messages.wire import (
    ORIGIN,
    Obj,
    bag,
    cache_control,
    cache_hint,
    field,
    objects,
    odd_cache,
    optional,
    own,
    rest,
)
from headgate.protocols.losses import Losses

_IMAGE_TYPES = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
_MAGIC = {"/9j/": "image/jpeg", "iVBOR": "image/png", "R0lGOD": "image/gif", "UklGR": "image/webp"}
_PDF = "application/pdf"


def decode_image(block: Obj, where: str) -> Image:
    source = field(block, "source", dict, where)
    extra = {**rest(block, "type", "source", "cache_control"), **odd_cache(block)}
    return Image(
        source=_decode_source(source, f"{where}.source"), cache=cache_hint(block, where), provider_data=bag(extra)
    )


def decode_document(block: Obj, where: str) -> File:
    source = field(block, "source", dict, where)
    inside = f"{where}.source"
    extra = {**rest(block, "type", "source", "title", "context", "citations", "cache_control"), **odd_cache(block)}
    citations = optional(block, "citations", dict, where) or {}
    text: str | None = None
    match source.get("type"):
        case "text":
            text, kept = field(source, "data", str, inside), Source(media_type="text/plain")
        case "content":
            text, kept = _content_text(source, inside), Source(media_type="text/plain")
            extra = {**extra, "source": source}
        case _:
            kept = _decode_source(source, inside)
    return File(
        source=kept,
        text=text,
        filename=optional(block, "title", str, where),
        context=optional(block, "context", str, where),
        citations_enabled=citations.get("enabled") is True,
        cache=cache_hint(block, where),
        provider_data=bag(extra),
    )


def decode_search_result(block: Obj, where: str) -> File:
    """A search result of the caller's own: other protocols see a text document named by its title and source."""
    return File(
        source=Source(media_type="text/plain"),
        text=_content_text(block, where),
        filename=optional(block, "title", str, where),
        context=optional(block, "source", str, where),
        cache=cache_hint(block, where),
        provider_data=bag(block),
    )


def _content_text(obj: Obj, where: str) -> str:
    content = obj.get("content")
    if isinstance(content, str):
        return content
    return "\n".join(str(item.get("text", "")) for item in objects(obj, "content", where) if item.get("type") == "text")


def _decode_source(source: Obj, where: str) -> Source:
    match source.get("type"):
        case "base64":
            data = field(source, "data", str, where)
            return Source(data=data, media_type=optional(source, "media_type", str, where))
        case "url":
            return Source(url=field(source, "url", str, where))
        case "file":
            return Source(file_id=field(source, "file_id", str, where))
        case kind:
            raise refuse(f"{where}.type: {kind!r} is not a known kind of source", param=f"{where}.type")


def encode_image(part: Image, request: Request, quirks: Quirks, losses: Losses) -> Obj:
    if part.detail not in {None, "auto", ""}:
        losses.drop("image.detail")
    source = _encode_source(part.source, request, what="image", urls=quirks.image_urls)
    if source["type"] == "base64":
        source["media_type"] = _image_type(part.source)
    return {"type": "image", "source": source, **cache_control(part.cache), **own(part.provider_data)}


def _image_type(source: Source) -> str:
    media_type = (source.media_type or "").partition(";")[0].strip().lower()
    if media_type == "image/jpg":
        return "image/jpeg"
    if media_type in _IMAGE_TYPES:
        return media_type
    data = source.data or ""
    for magic, known in _MAGIC.items():
        if not media_type and data.startswith(magic):
            return known
    raise refuse(f"an image of type {media_type or 'unknown'!r} cannot be read by this model; use JPEG, PNG, GIF, WebP")


def encode_file(part: File, request: Request, quirks: Quirks) -> Obj:
    extra = own(part.provider_data)
    if extra.get("type") in {"search_result", "container_upload"}:
        return dict(extra)
    block: Obj = {"type": "document", "source": extra.get("source") or _document_source(part, request, quirks)}
    if part.filename:
        block["title"] = part.filename
    if part.context:
        block["context"] = part.context
    if part.citations_enabled:
        block["citations"] = {"enabled": True}
    return {**block, **cache_control(part.cache), **extra}


def _document_source(part: File, request: Request, quirks: Quirks) -> Obj:
    if part.text is not None:
        return {"type": "text", "media_type": "text/plain", "data": part.text}
    media_type = (part.source.media_type or "").partition(";")[0].strip().lower()
    if part.source.data is not None:
        if media_type.startswith("text/") or media_type == "application/json":
            return {"type": "text", "media_type": "text/plain", "data": _plain(part.source.data)}
        if media_type == _PDF or (not media_type and part.source.data.startswith("JVBERi")):
            return {"type": "base64", "media_type": _PDF, "data": part.source.data}
        raise refuse(f"a file of type {media_type or 'unknown'!r} cannot be read by this model; use PDF or plain text")
    return _encode_source(part.source, request, what="document", urls=quirks.document_urls)


def _plain(data: str) -> str:
    try:
        return b64decode(data, validate=True).decode()
    except (Base64Error, UnicodeDecodeError):
        raise refuse("the file's data is not base64 of UTF-8 text") from None


def _encode_source(source: Source, request: Request, *, what: str, urls: bool) -> Obj:
    if source.data is not None:
        return {"type": "base64", "media_type": source.media_type, "data": source.data}
    if source.url is not None:
        if not urls:
            raise refuse(f"this model takes no {what} by address; send its data")
        return {"type": "url", "url": source.url}
    if source.file_id is not None and request.origin == ORIGIN:
        return {"type": "file", "file_id": source.file_id}
    raise refuse(f"the {what} is named by a file id that this upstream does not know; send its data")
