"""What the sandbox can see of a file: size and colour of a picture, pages of a PDF, words of a text.

PNG (8 bits a channel, not interlaced) is decoded to its dominant colour; of JPEG, GIF and WebP, and of other kinds of
PNG, only the size is read. Nothing is ever fetched from an address.
"""

import re
import struct
import zlib
from collections import Counter
from dataclasses import dataclass

from headgate.sandbox.prompt import Document, Picture
from headgate.sandbox.tokens import count

PNG = b"\x89PNG\r\n\x1a\n"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_SAMPLED_PIXELS = 1_000_000
_TOKENS_PER_PIXEL = 1 / 750
_PDF_PAGE_TOKENS = 250
_COLOURS = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "grey": (128, 128, 128),
    "red": (230, 0, 0),
    "green": (0, 160, 0),
    "blue": (0, 0, 230),
    "yellow": (240, 230, 0),
    "orange": (255, 140, 0),
    "purple": (130, 0, 160),
    "pink": (255, 150, 190),
    "brown": (130, 70, 20),
    "cyan": (0, 210, 220),
}


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of a picture; zero or empty where it could not be told."""

    kind: str
    width: int = 0
    height: int = 0
    colour: str = ""

    @property
    def tokens(self) -> int:
        """What the picture costs: one token for 750 pixels, 85 where the size is unknown."""
        return max(1, min(1600, int(self.width * self.height * _TOKENS_PER_PIXEL))) if self.width else 85


def look(picture: Picture) -> Sight:
    """Look at a picture. One that is not an image at all is seen as kind "unreadable"."""
    data = picture.data
    if not data:
        return Sight("linked")
    if data.startswith(PNG):
        return _png(data)
    if data.startswith(b"\xff\xd8"):
        return _jpeg(data)
    if data[:6] in {b"GIF87a", b"GIF89a"} and len(data) >= 10:
        return Sight("GIF", *struct.unpack("<HH", data[6:10]))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    return Sight("unreadable")


def describe(picture: Picture) -> str:
    """A sentence about a picture."""
    sight = look(picture)
    if sight.kind == "linked":
        return f"I see a link to a picture ({picture.url}), which I do not open."
    if sight.kind == "unreadable":
        return "I see a picture that I cannot read."
    size = (
        f"a {sight.kind} picture of {sight.width}x{sight.height} pixels" if sight.width else f"a {sight.kind} picture"
    )
    return f"I see {size}, mostly {sight.colour}." if sight.colour else f"I see {size}."


def acknowledge(document: Document) -> str:
    """A sentence about a document."""
    name = f" named {document.name}" if document.name else ""
    size = f"{len(document.data)} bytes"
    if document.media_type == "application/pdf":
        return f"I received a PDF{name} of {size} and {_pages(document.data)} page(s)."
    if document.media_type.startswith("text/"):
        text = document.data.decode("utf-8", "replace")
        return f"I received a text{name} of {len(text.split())} words that begins: {text[:60].strip()}"
    return f"I received a file{name} of type {document.media_type or 'unknown'} and {size}."


def document_tokens(document: Document) -> int:
    """What a document costs: its text; 250 a page of a PDF; one for 64 bytes of anything else."""
    if document.media_type == "application/pdf":
        return _pages(document.data) * _PDF_PAGE_TOKENS
    if document.media_type.startswith("text/"):
        return count(document.data.decode("utf-8", "replace"))
    return max(1, len(document.data) // 64)


def _pages(data: bytes) -> int:
    return max(1, len(re.findall(rb"/Type\s*/Page(?![a-zA-Z])", data)))


def _png(data: bytes) -> Sight:
    if len(data) < 33:
        return Sight("unreadable")
    width, height, depth, colour_type, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    if depth != 8 or interlaced or colour_type not in _CHANNELS or not 0 < width * height <= _SAMPLED_PIXELS:
        return Sight("PNG", width, height)
    chunks = _png_chunks(data)
    unpacker = zlib.decompressobj()
    channels = _CHANNELS[colour_type]
    try:
        raw = unpacker.decompress(chunks.get(b"IDAT", b""), (width * channels + 1) * height)
    except zlib.error:
        return Sight("unreadable")
    if len(raw) < (width * channels + 1) * height:
        return Sight("PNG", width, height)
    return Sight("PNG", width, height, _dominant(raw, width, height, channels, chunks.get(b"PLTE", b"")))


def _png_chunks(data: bytes) -> dict[bytes, bytes]:
    chunks: dict[bytes, bytes] = {}
    at = 8
    while at + 8 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name = data[at + 4 : at + 8]
        chunks[name] = chunks.get(name, b"") + data[at + 8 : at + 8 + length]
        at += 12 + length
    return chunks


def _dominant(raw: bytes, width: int, height: int, channels: int, palette: bytes) -> str:
    """The most frequent named colour over a grid of at most some thousand pixels."""
    seen: Counter[str] = Counter()
    step_x, step_y = max(1, width // 64), max(1, height // 64)
    for y, row in enumerate(_unfiltered(raw, width * channels, height, channels)):
        if y % step_y == 0:
            seen.update(_name(row[x * channels : (x + 1) * channels], palette) for x in range(0, width, step_x))
    return seen.most_common(1)[0][0]


def _unfiltered(raw: bytes, stride: int, height: int, channels: int) -> list[bytes]:
    """Undo the five PNG row filters (PNG specification, section 9)."""
    rows: list[bytes] = []
    above = bytes(stride)
    for y in range(height):
        start = y * (stride + 1)
        kind, row = raw[start], bytearray(raw[start + 1 : start + 1 + stride])
        if kind:
            for i in range(stride):
                left = row[i - channels] if i >= channels else 0
                corner = above[i - channels] if i >= channels else 0
                row[i] = (row[i] + _predicted(kind, left, above[i], corner)) & 255
        above = bytes(row)
        rows.append(above)
    return rows


def _predicted(kind: int, left: int, up: int, corner: int) -> int:
    match kind:
        case 1:
            return left
        case 2:
            return up
        case 3:
            return (left + up) // 2
        case _:
            guess = left + up - corner
            return min((left, up, corner), key=lambda value: abs(guess - value))


def _name(pixel: bytes, palette: bytes) -> str:
    if palette and len(pixel) == 1:
        pixel = palette[pixel[0] * 3 : pixel[0] * 3 + 3]
    if len(pixel) in {2, 4} and pixel[-1] < 128:
        return "transparent"
    red, green, blue = (pixel[0], pixel[0], pixel[0]) if len(pixel) < 3 else (pixel[0], pixel[1], pixel[2])
    return min(
        _COLOURS,
        key=lambda n: (red - _COLOURS[n][0]) ** 2 + (green - _COLOURS[n][1]) ** 2 + (blue - _COLOURS[n][2]) ** 2,
    )


def _jpeg(data: bytes) -> Sight:
    """The size stands in the frame header: a marker C0..CF that is not C4, C8 or CC (ITU T.81, table B.1)."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        (length,) = struct.unpack(">H", data[at + 2 : at + 4])
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            height, width = struct.unpack(">HH", data[at + 5 : at + 9])
            return Sight("JPEG", width, height)
        at += 2 + length
    return Sight("JPEG")


def _webp(data: bytes) -> Sight:
    if data[12:16] == b"VP8X" and len(data) >= 30:
        return Sight("WebP", 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little"))
    if data[12:16] == b"VP8L" and len(data) >= 25:
        bits = int.from_bytes(data[21:25], "little")
        return Sight("WebP", 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF))
    if data[12:16] == b"VP8 " and len(data) >= 30:
        width, height = struct.unpack("<HH", data[26:30])
        return Sight("WebP", width & 0x3FFF, height & 0x3FFF)
    return Sight("WebP")
