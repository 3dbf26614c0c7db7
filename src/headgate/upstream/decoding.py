"""Content codings of answers, decoded piece by piece: a step gives about `PIECE` bytes (zstd: a few
blocks), however much its input unpacks to.

We ask for `identity`; these are for upstreams that compress all the same. gzip and deflate come with Python; br needs
`brotli` and zstd needs `zstandard`, where installed.
"""

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from headgate.upstream.errors import ProtocolError

PIECE = 64 * 1024
GZIP_MAGIC = b"\x1f"


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
                if not self._gzip or not self._input.startswith(GZIP_MAGIC):
                    self._input = b""  # padding
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


class Brotli:
    """br."""

    def __init__(self) -> None:
        self._brotli = BROTLI.Decompressor()
        self._input = b""
        self._begun = False

    def feed(self, data: bytes) -> None:
        self._begun = True
        self._input += data

    def next(self) -> bytes:
        if self._brotli.is_finished():
            return b""
        try:
            piece = b""
            if self._begun:
                piece = self._brotli.process(b"", output_buffer_limit=PIECE)  # it must be emptied before it is fed
            if not piece and self._input:
                given, self._input = self._input, b""
                piece = self._brotli.process(given, output_buffer_limit=PIECE)
        except BROTLI.error as error:
            raise ProtocolError("The compressed body is damaged.", received=True) from error
        return bytes(piece)

    @property
    def finished(self) -> bool:
        return not self._begun or bool(self._brotli.is_finished())


class Zstandard:
    """zstd. The library cannot bound its output, so it gets its input in morsels: a block of 128 kB takes at least four
    bytes."""

    MORSEL = 64

    def __init__(self) -> None:
        self._zstd = ZSTANDARD.ZstdDecompressor(max_window_size=8 * 1024 * 1024).decompressobj()
        self._input = b""
        self._at = 0
        self._begun = False

    def feed(self, data: bytes) -> None:
        self._begun = True
        self._input = self._input[self._at :] + data
        self._at = 0

    def next(self) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while self._at < len(self._input) and size < PIECE and not self._zstd.eof:
            morsel = self._input[self._at : self._at + self.MORSEL]
            self._at += len(morsel)
            try:
                piece = self._zstd.decompress(morsel)
            except ZSTANDARD.ZstdError as error:
                raise ProtocolError("The compressed body is damaged.", received=True) from error
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    @property
    def finished(self) -> bool:
        return not self._begun or bool(self._zstd.eof)


def _optional(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError:
        return None


BROTLI: Any = _optional("brotli")
ZSTANDARD: Any = _optional("zstandard")

DECODERS: dict[bytes, Callable[[], Decoder]] = {
    b"gzip": lambda: Inflate(gzip=True),
    b"x-gzip": lambda: Inflate(gzip=True),
    b"deflate": lambda: Inflate(gzip=False),
}
if hasattr(getattr(BROTLI, "Decompressor", None), "can_accept_more_data"):  # since 1.2; without it output has no bound
    DECODERS[b"br"] = Brotli
if ZSTANDARD is not None:
    DECODERS[b"zstd"] = Zstandard


def decoder_for(encoding: bytes) -> Decoder | None:
    """The decoder for the value of a `content-encoding` header, None for identity. Raises ProtocolError where there is
    none."""
    name = encoding.strip().lower()
    if name in {b"", b"identity"}:
        return None
    make = DECODERS.get(name)
    if make is None:
        raise ProtocolError(f"The body has a content encoding that we cannot read: {name[:40]!r}.", received=True)
    return make()
