"""Media that a caller names by address, fetched and put in place, for upstreams that do not fetch themselves."""

import asyncio
from base64 import b64encode

from msgspec.structs import replace

from headgate.canonical.failure import Refused, refuse
from headgate.canonical.parts import File, Image, Part, Source, ToolResult
from headgate.canonical.quirks import Quirks
from headgate.canonical.request import Request
from headgate.upstream.fetch import Fetcher, FetchFailed

MAX_MEDIA = 32
MAX_BYTES = 20 * 1024 * 1024
_IMAGES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}


async def inline_media(request: Request, quirks: Quirks, fetcher: Fetcher) -> Request:
    """The request with every image and document that the upstream cannot fetch by itself put in place.

    Raises:
        Refused: one of them cannot be fetched, or there are too many.
    """
    wanted = {source.url: is_image for source, is_image in _sources(request) if _wanted(source, is_image, quirks)}
    if not wanted:
        return request
    if len(wanted) > MAX_MEDIA:
        raise refuse(f"More than {MAX_MEDIA} media by address are too many for this model.")
    fetched = await asyncio.gather(*(_fetch(url or "", is_image, fetcher) for url, is_image in wanted.items()))
    found = dict(zip(wanted, fetched, strict=True))
    messages = tuple(
        replace(message, parts=tuple(_placed(part, found) for part in message.parts)) for message in request.messages
    )
    return replace(request, messages=messages)


def _sources(request: Request) -> list[tuple[Source, bool]]:
    found: list[tuple[Source, bool]] = []
    for message in request.messages:
        for part in message.parts:
            inner = part.content if isinstance(part, ToolResult) else (part,)
            found.extend((each.source, isinstance(each, Image)) for each in inner if isinstance(each, Image | File))
    return found


def _wanted(source: Source, is_image: bool, quirks: Quirks) -> bool:
    if not (source.url or "").lower().startswith(("http://", "https://")):
        return False
    return not (quirks.image_urls if is_image else quirks.document_urls)


async def _fetch(url: str, is_image: bool, fetcher: Fetcher) -> Source:
    what = "image" if is_image else "document"
    try:
        fetched = await fetcher.fetch(url, MAX_BYTES)
    except FetchFailed as error:
        raise _unfetched(what, str(error)) from None
    media_type = _image_type(fetched.data) or fetched.media_type if is_image else fetched.media_type
    if is_image and not media_type.startswith("image/"):
        raise _unfetched(what, "it is no image")
    return Source(data=b64encode(fetched.data).decode(), media_type=media_type or "application/octet-stream")


def _image_type(data: bytes) -> str | None:
    """What an image really is: servers often do not know."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((media_type for magic, media_type in _IMAGES.items() if data.startswith(magic)), None)


def _placed(part: Part, found: dict[str | None, Source]) -> Part:
    match part:
        case Image() | File() if part.source.url in found:
            return replace(part, source=found[part.source.url])
        case ToolResult():
            return replace(part, content=tuple(_placed(inner, found) for inner in part.content))
        case _:
            return part


def _unfetched(what: str, why: str) -> Refused:
    return refuse(f"The {what} could not be fetched: {why}", code="invalid_image_url" if what == "image" else None)
