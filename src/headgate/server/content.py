"""Request bodies as they were before the client compressed them, never larger than the limit."""

import zlib
from collections.abc import Callable

import brotli
import zstandard

from headgate.canonical.failure import Failure, Kind, Refused


def decode_content(data: bytes, encodings: bytes, limit: int) -> bytes:
    """Undo a `content-encoding`.

    Args:
        encodings: the header's value; several are undone last first.
        limit: the largest allowed size after decoding, in bytes.

    Raises:
        Refused: for an unknown encoding (415), data that is not what it says (400), or too much of it (413).
    """
    names = [name.strip().lower() for name in encodings.split(b",") if name.strip()]
    if len(names) > 2:
        raise _refused(Kind.UNSUPPORTED_MEDIA, "Too many content encodings.")
    for name in reversed(names):
        decode = _DECODERS.get(name)
        if decode is None:
            shown = name.decode("latin-1")[:40]
            raise _refused(Kind.UNSUPPORTED_MEDIA, f"The content encoding '{shown}' is not supported.")
        try:
            data = decode(data, limit)
        except (zlib.error, brotli.error, zstandard.ZstdError, EOFError) as error:
            raise _refused(Kind.INVALID_REQUEST, "The request body is not what its content encoding says.") from error
    return data


def too_large(limit: int) -> Refused:
    """The refusal of a body beyond the limit."""
    return _refused(Kind.TOO_LARGE, f"The request body is larger than {limit} bytes.")


def _refused(kind: Kind, message: str) -> Refused:
    code = "read_request_body_failed" if kind is Kind.TOO_LARGE else "bad_request_body"
    return Refused(Failure(kind=kind, message=message, code=code))


def _inflate(data: bytes, limit: int, window: int) -> bytes:
    inflater = zlib.decompressobj(window)
    plain = inflater.decompress(data, limit + 1)
    if len(plain) > limit:
        raise too_large(limit)
    if not inflater.eof:
        raise EOFError
    return plain


def _gunzip(data: bytes, limit: int) -> bytes:
    return _inflate(data, limit, 16 + zlib.MAX_WBITS)


def _deflate(data: bytes, limit: int) -> bytes:
    # RFC 9110 8.4.1.2: "deflate" is the zlib format, but many senders leave its wrapper off.
    try:
        return _inflate(data, limit, zlib.MAX_WBITS)
    except zlib.error:
        return _inflate(data, limit, -zlib.MAX_WBITS)


def _unbrotli(data: bytes, limit: int) -> bytes:
    decompressor = brotli.Decompressor()
    plain = decompressor.process(data, output_buffer_limit=limit + 1)
    if len(plain) > limit:
        raise too_large(limit)
    if not decompressor.is_finished():
        raise EOFError
    return bytes(plain)


def _unzstd(data: bytes, limit: int) -> bytes:
    with zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True) as reader:
        plain = reader.read(limit + 1)
    if len(plain) > limit:
        raise too_large(limit)
    return plain


def _identity(data: bytes, limit: int) -> bytes:
    return data


_DECODERS: dict[bytes, Callable[[bytes, int], bytes]] = {
    b"gzip": _gunzip,
    b"x-gzip": _gunzip,
    b"deflate": _deflate,
    b"br": _unbrotli,
    b"zstd": _unzstd,
    b"identity": _identity,
}
