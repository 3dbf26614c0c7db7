"""A running sandbox, and a look at its books."""

import zlib
from collections.abc import AsyncIterator

import pytest

from headgate.sandbox import running_sandbox


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """The address of a fresh sandbox on this test's own loop."""
    async with running_sandbox() as address:
        yield address


@pytest.fixture(scope="session")
def red_png() -> bytes:
    """A red PNG of 20 by 10 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")

    size = (20).to_bytes(4, "big") + (10).to_bytes(4, "big")
    rows = b"".join(b"\0" + b"\xe0\x05\x05" * 20 for _ in range(10))
    head = chunk(b"IHDR", size + bytes([8, 2, 0, 0, 0]))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
