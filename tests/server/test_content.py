"""Compressed request bodies."""

import gzip
import zlib

import brotli
import pytest
import zstandard

from headgate.canonical.failure import Refused
from headgate.server.content import decode_content

BODY = b'{"model": "m"}' * 50


@pytest.mark.parametrize(
    ("encoding", "sent"),
    [
        (b"gzip", gzip.compress(BODY)),
        (b"x-gzip", gzip.compress(BODY)),
        (b"deflate", zlib.compress(BODY)),
        (b"deflate", zlib.compress(BODY)[2:-4]),
        (b"br", brotli.compress(BODY)),
        (b"zstd", zstandard.compress(BODY)),
        (b"identity", BODY),
        (b"gzip, br", brotli.compress(gzip.compress(BODY))),
        (b" GZIP ", gzip.compress(BODY)),
    ],
)
def test_every_accepted_encoding_is_undone(encoding: bytes, sent: bytes) -> None:
    """What the client compressed arrives as it was."""
    assert decode_content(sent, encoding, 10_000) == BODY


@pytest.mark.parametrize(
    ("encoding", "compress"),
    [
        (b"gzip", gzip.compress),
        (b"deflate", zlib.compress),
        (b"br", brotli.compress),
        (b"zstd", zstandard.compress),
    ],
)
def test_a_bomb_is_refused_at_the_limit(encoding: bytes, compress: type[bytes]) -> None:
    """The limit holds after decompression."""
    with pytest.raises(Refused) as refused:
        decode_content(compress(b"\0" * 50_000_000), encoding, 1_000_000)

    assert refused.value.failure.http_status == 413


@pytest.mark.parametrize(
    ("encoding", "sent", "status"),
    [
        (b"gzip", b"no gzip", 400),
        (b"gzip", gzip.compress(BODY)[:-9], 400),
        (b"deflate", b"\xff" * 20, 400),
        (b"br", b"no brotli", 400),
        (b"br", brotli.compress(BODY)[:-4], 400),
        (b"zstd", b"no zstandard", 400),
        (b"compress", BODY, 415),
        (b"gzip, gzip, gzip", BODY, 415),
    ],
)
def test_what_is_not_what_it_says_is_refused(encoding: bytes, sent: bytes, status: int) -> None:
    """A wrong encoding is the caller's mistake, told clearly."""
    with pytest.raises(Refused) as refused:
        decode_content(sent, encoding, 10_000)

    assert refused.value.failure.http_status == status
