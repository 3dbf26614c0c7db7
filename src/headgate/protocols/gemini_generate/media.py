"""Media on Google's wire: `inlineData` and `fileData` to canonical sources and parts, and back."""

import base64
import binascii
import re
from urllib.parse import urlsplit

from headgate.canonical.failure import refuse
from headgate.canonical.parts import Audio, File, Image, Json, ProviderData, Source, Video
from headgate.protocols.gemini_generate.signatures import NAME
from headgate.protocols.gemini_generate.wire import invalid, text

Media = Image | Audio | Video | File

_BEGINNINGS = (
    ("iVBORw0KGg", "image/png"),
    ("/9j/", "image/jpeg"),
    ("R0lGOD", "image/gif"),
    ("UklGR", "image/webp"),
    ("JVBERi", "application/pdf"),
)
_SPOKEN = (
    ("UklGR", "audio/wav"),
    ("SUQz", "audio/mpeg"),
    ("//", "audio/mpeg"),
    ("ZkxhQ", "audio/flac"),
    ("T2dnU", "audio/ogg"),
)
_ENDINGS = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
}
_YOUTUBE = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "youtu.be"})
_GOOGLE_FILE = re.compile(r"(https://generativelanguage\.googleapis\.com/[^?]*)?files/[^/]+|gs://.+")
_DATA_IMAGE = re.compile(r"!\[[^\]\n]*\]\(data:(image/[\w.+-]+);base64,([A-Za-z0-9+/_=-]+)\)")


def decode_media(part: dict[str, Json], field: str, where: str, extra: ProviderData) -> Media:
    """The canonical part of a wire part that holds `inlineData` or `fileData` (`field`)."""
    found = part[field]
    if not isinstance(found, dict):
        raise invalid(f"{where}.{field}", "an object is expected")
    kind = text(found.get("mimeType"), f"{where}.{field}.mimeType")
    name = text(found.get("displayName"), f"{where}.{field}.displayName")
    if field == "fileData":
        address = text(found.get("fileUri"), f"{where}.fileData.fileUri")
        if not address:
            raise invalid(f"{where}.fileData.fileUri", "a file's address is required")
        return _referred(address, kind, name, extra)
    data = standard_base64(text(found.get("data"), f"{where}.inlineData.data") or "", f"{where}.inlineData.data")
    kind = kind or sniff(data)
    if kind is None:
        raise invalid(f"{where}.inlineData.mimeType", "a media type is required")
    return _inline(data, kind, name, extra)


def _inline(data: str, kind: str, name: str | None, extra: ProviderData) -> Media:
    source = Source(data=data, media_type=kind)
    if kind.startswith("text/"):
        try:
            written = base64.b64decode(data).decode()
        except UnicodeDecodeError:
            return File(source=source, filename=name, provider_data=extra)
        return File(source=Source(media_type=kind), text=written, filename=name, provider_data=extra)
    return _of_kind(source, kind, name, extra)


def _referred(address: str, kind: str | None, name: str | None, extra: ProviderData) -> Media:
    if urlsplit_host(address) in _YOUTUBE:
        return Video(source=Source(url=address, media_type=kind), provider_data=extra)
    kind = kind or media_type_of(address)
    if _GOOGLE_FILE.fullmatch(address):
        return _of_kind(Source(file_id=address, media_type=kind), kind or "", name, extra)
    return _of_kind(Source(url=address, media_type=kind), kind or "", name, extra)


def _of_kind(source: Source, kind: str, name: str | None, extra: ProviderData) -> Media:
    family = kind.partition("/")[0]
    if family == "image":
        return Image(source=source, provider_data=extra)
    if family == "audio":
        said = extra.get(NAME, {}).get("audioTranscription")
        words = said.get("text") if isinstance(said, dict) else None
        return Audio(source=source, transcript=words if isinstance(words, str) else None, provider_data=extra)
    if family == "video":
        return Video(source=source, provider_data=extra)
    return File(source=source, filename=name, provider_data=extra)


def encode_media(part: Media) -> dict[str, Json]:
    """The wire part, without signature.

    Raises:
        Refused: for another vendor's file id, and for media whose type nobody named.
    """
    extra = dict(part.provider_data.get(NAME, {}))
    named = extra.pop("named", None)
    name = part.filename if isinstance(part, File) and named else None
    if isinstance(part, Audio) and part.transcript:
        extra.setdefault("audioTranscription", {"text": part.transcript})
    if isinstance(part, File) and part.text is not None:
        written = base64.b64encode(part.text.encode()).decode()
        return {"inlineData": _blob(part.source.media_type or "text/plain", written, name), **extra}
    source = part.source
    if source.data is not None:
        kind = source.media_type or (_spoken(source.data) if isinstance(part, Audio) else sniff(source.data))
        if kind is None and isinstance(part, File):
            kind = "application/pdf"
        if kind is None:
            raise refuse("The media type of an inline part is missing.")
        return {"inlineData": _blob(kind, source.data, name), **extra}
    return {"fileData": _file(source, name), **extra}


def _file(source: Source, name: str | None) -> dict[str, Json]:
    address = source.url or source.file_id
    if not address:
        raise refuse("A media part has neither data nor address.")
    if source.url is None and not _GOOGLE_FILE.fullmatch(address):
        raise refuse(f"The file '{address[:80]}' is not known to this model's vendor; send its content instead.")
    file: dict[str, Json] = {"fileUri": address}
    kind = source.media_type or media_type_of(address)
    if kind:
        file["mimeType"] = kind
    if name:
        file["displayName"] = name
    return file


def _blob(kind: str, data: str, name: str | None) -> dict[str, Json]:
    blob: dict[str, Json] = {"mimeType": kind, "data": data}
    if name:
        blob["displayName"] = name
    return blob


def standard_base64(data: str, where: str) -> str:
    """Base64 in the standard alphabet and padded, whichever of the two alphabets it came in.

    Raises:
        Refused: where it is neither.
    """
    if "-" in data or "_" in data:
        data = data.replace("-", "+").replace("_", "/")
    if "\n" in data or "\r" in data:
        data = data.replace("\n", "").replace("\r", "")
    if len(data) % 4:
        data += "=" * (-len(data) % 4)
    try:
        binascii.a2b_base64(data, strict_mode=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(where, "base64 is expected") from error
    return data


def sniff(data: str) -> str | None:
    """The media type that base64 data begins like."""
    return next((kind for beginning, kind in _BEGINNINGS if data.startswith(beginning)), None)


def _spoken(data: str) -> str:
    """The media type of speech that names none: OpenAI's answers do not, and its streams are bare samples."""
    return next((kind for beginning, kind in _SPOKEN if data.startswith(beginning)), "audio/L16;codec=pcm;rate=24000")


def media_type_of(address: str) -> str | None:
    """The media type that an address ends like."""
    try:
        path = urlsplit(address).path
    except ValueError:
        return None
    return _ENDINGS.get(path.rpartition(".")[2].lower())


def urlsplit_host(address: str) -> str:
    try:
        return (urlsplit(address).hostname or "").lower()
    except ValueError:
        return ""


def split_images(written: str) -> list[str | Image]:
    """An assistant's text with pictures as Markdown data URIs (how image models answer chat clients, contract 9.4),
    cut into texts and images so that a picture can be edited again."""
    out: list[str | Image] = []
    end = 0
    for match in _DATA_IMAGE.finditer(written):
        before = written[end : match.start()]
        if before.strip():
            out.append(before)
        data = standard_base64(match[2], "data URI")
        out.append(Image(source=Source(data=data, media_type=match[1])))
        end = match.end()
    rest = written[end:]
    if rest.strip() or not out:
        out.append(rest)
    return out
