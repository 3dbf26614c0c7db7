"""Content codings of answers, decoded piece by piece and never more than `PIECE` bytes at once.

We ask for `identity`; these are for upstreams that compress all the same. gzip and deflate come with Python; br needs
`brotli` and zstd needs `zstandard`, where installed.
"""

import zlib
from collections.abc import Callable
from typing import Protocol

from headgate.upstream.errors import ProtocolError

PIECE = 64 * 1024


class Decoder(Protocol):
    """`feed` compressed bytes, then call `next` until it gives nothing. `finished`: the input may end here."""

    def feed(self, data: bytes) -> None: ...

    def next(self) -> bytes: ...

    @property
    def finished(self) -> bool: ...


class Inflate:
    """gzip (also several members in a row) and deflate (with its zlib wrapping, or raw as some servers send it)."""

    def __init__(self, *, gzip: bool) -> None:
        self._gzip = gzip
        self._begun = False
        self._input = b""
        self._zlib = zlib.decompressobj(31 if gzip else 15)

    def feed(self, data: bytes) -> None:
        self._input += data

    def next(self) -> bytes:
        try:
            return self._next()
        except zlib.error as error:
            raise ProtocolError(f"The compressed body is damaged: {error}.", received=True) from error

    def _next(self) -> bytes:
        while True:
            if self._zlib.eof:
                if not self._gzip or not self._input:
                    return b""
                self._zlib = zlib.decompressobj(31)
            if self._input and not self._begun:
                self._begin()
            piece = self._zlib.decompress(self._input, PIECE)
            self._input = self._zlib.unused_data if self._zlib.eof else self._zlib.unconsumed_tail
            if piece or not self._input:
                return piece

    def _begin(self) -> None:
        """A zlib wrapping starts with a byte whose low half is 8; raw deflate does not, in practice."""
        self._begun = True
        if not self._gzip and self._input[0] & 0x0F != 8:
            self._zlib = zlib.decompressobj(-15)

    @property
    def finished(self) -> bool:
        return self._zlib.eof or not self._begun


DECODERS: dict[bytes, Callable[[], Decoder]] = {
    b"gzip": lambda: Inflate(gzip=True),
    b"x-gzip": lambda: Inflate(gzip=True),
    b"deflate": lambda: Inflate(gzip=False),
}


def decoder_for(encoding: bytes) -> Decoder | None:
    """The decoder for the value of a `content-encoding` header, None for identity. Raises ProtocolError where we have none."""
    name = encoding.strip().lower()
    if name in {b"", b"identity"}:
        return None
    make = DECODERS.get(name)
    if make is None:
        raise ProtocolError(f"The body has a content encoding that we cannot read: {name[:40]!r}.", received=True)
    return make()
