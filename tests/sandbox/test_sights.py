"""What can be seen of files."""

import zlib

import pytest

from headgate.sandbox.prompt import Document, Picture
from headgate.sandbox.sights import Sight, acknowledge, describe, document_tokens, look


def png(width: int, rows: bytes, colour_type: int, extra: bytes = b"") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    head = width.to_bytes(4, "big") * 2 + bytes([8, colour_type, 0, 0, 0])
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows))


@pytest.mark.parametrize(
    ("rows", "colour_type", "colour"),
    [
        (b"\x00\x00\x00\xff\x00\x00\xff" + b"\x01\x00\x00\xff\x00\x00\x00", 2, "blue"),
        (b"\x00\x00\xff\x00\x00\xff\x00" + b"\x02\x00\x00\x00\x00\x00\x00", 2, "green"),
        (b"\x03\x10\x10" + b"\x04\x00\x00", 0, "black"),
        (b"\x00\xff\x00\x00\x00\xff\x00\x00\x00" * 2, 6, "transparent"),
        (b"\x00\xff\x80\xff\x80" * 2, 4, "white"),
    ],
)
def test_the_colour_of_a_png_is_found_through_every_filter(rows: bytes, colour_type: int, colour: str) -> None:
    """Row filters 0 to 4, with and without transparency."""
    assert look(Picture(png(2, rows, colour_type))) == Sight("PNG", 2, 2, colour)


def test_a_palette_is_looked_up() -> None:
    """Indexed colours."""
    palette = b"\x00\x00\x00\x06PLTE\x00\x00\x00\xff\xff\x00" + bytes(4)
    assert look(Picture(png(2, b"\x00\x01\x01\x00\x01\x00", 3, palette))).colour == "yellow"


@pytest.mark.parametrize(
    ("data", "sight"),
    [
        (b"\xff\xd8\xff\xe0\x00\x04ab\xff\xc0\x00\x11\x08\x00\x0a\x00\x14" + bytes(10), Sight("JPEG", 20, 10)),
        (b"GIF89a\x14\x00\x0a\x00", Sight("GIF", 20, 10)),
        (b"RIFF....WEBPVP8X" + bytes(8) + b"\x13\x00\x00\x09\x00\x00", Sight("WebP", 20, 10)),
        (b"RIFF....WEBPVP8L" + bytes(5) + b"\x13\x40\x02\x00", Sight("WebP", 20, 10)),
        (b"RIFF....WEBPVP8 " + bytes(10) + b"\x14\x00\x0a\x00", Sight("WebP", 20, 10)),
        (b"not a picture", Sight("unreadable")),
        (b"\x89PNG\r\n\x1a\n", Sight("unreadable")),
        (b"\xff\xd8\xff", Sight("JPEG")),
    ],
)
def test_the_size_of_other_kinds_is_read(data: bytes, sight: Sight) -> None:
    """From their heads alone; what is no picture is no crash either."""
    assert look(Picture(data)) == sight


def test_a_link_is_not_opened() -> None:
    """The sandbox fetches nothing."""
    assert describe(Picture(url="https://example.com/a.png")) == (
        "I see a link to a picture (https://example.com/a.png), which I do not open."
    )


def test_pages_of_a_pdf_are_counted() -> None:
    """Its page objects, not its page tree."""
    pdf = Document(b"%PDF /Type /Pages /Type /Page /Type/Page", "application/pdf", "a.pdf")
    assert acknowledge(pdf) == "I received a PDF named a.pdf of 40 bytes and 2 page(s)."
    assert document_tokens(pdf) == 500
