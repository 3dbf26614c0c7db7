"""Content codings: cut anywhere, damaged, endless."""

import gzip
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from headgate.upstream import ProtocolError
from headgate.upstream.decoding import PIECE, Decoder, decoder_for

TEXT = b"".join(b"event %d of a stream\n" % n for n in range(2000))


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


CODINGS: list[tuple[bytes, Callable[[bytes], bytes]]] = [
    (b"gzip", gzip.compress),
    (b"X-GZIP", gzip.compress),
    (b"deflate", zlib.compress),
    (b"deflate", raw_deflate),
    (b"br", brotli.compress),
    (b"zstd", zstandard.compress),
]


def drain(decoder: Decoder) -> bytes:
    out = b""
    while piece := decoder.next():
        out += piece
    return out


@pytest.mark.parametrize(("name", "pack"), CODINGS)
def test_every_coding_is_undone_wherever_it_is_cut(name: bytes, pack: Callable[[bytes], bytes]) -> None:
    """Whole, in halves, byte by byte."""
    packed = pack(TEXT)
    for size in (len(packed), len(packed) // 2 + 1, 1):
        decoder = decoder_for(name)
        assert decoder is not None
        out = b""
        for at in range(0, len(packed), size):
            decoder.feed(packed[at : at + size])
            out += drain(decoder)
        assert out == TEXT
        assert decoder.finished


@pytest.mark.parametrize(("name", "pack"), CODINGS)
def test_a_cut_off_body_is_not_finished(name: bytes, pack: Callable[[bytes], bytes]) -> None:
    """The last byte matters; but no body at all is fine (204, HEAD)."""
    decoder = decoder_for(name)
    assert decoder is not None
    assert decoder.finished
    decoder.feed(pack(TEXT)[:-1])
    drain(decoder)
    assert not decoder.finished


@pytest.mark.parametrize(("name", "pack"), CODINGS)
def test_a_bomb_goes_off_in_small_pieces(name: bytes, pack: Callable[[bytes], bytes]) -> None:
    """However little the input, one step never gives much more than a bounded output."""
    bound = {b"zstd": 32 * PIECE, b"br": 2 * PIECE}.get(name, PIECE)
    decoder = decoder_for(name)
    assert decoder is not None
    decoder.feed(pack(bytes(50_000_000)))
    total = 0
    while piece := decoder.next():
        assert len(piece) <= bound
        total += len(piece)
    assert total == 50_000_000


def test_gzip_members_in_a_row_are_one_body() -> None:
    """Padding after the last one is ignored."""
    decoder = decoder_for(b"gzip")
    assert decoder is not None
    decoder.feed(gzip.compress(b"one") + gzip.compress(b"two") + b"\0\0")
    assert drain(decoder) == b"onetwo"
    assert decoder.finished


def test_identity_needs_no_decoder_and_unknown_codings_are_refused() -> None:
    """What we cannot read we do not pass on as if we could."""
    assert decoder_for(b"identity") is None
    with pytest.raises(ProtocolError):
        decoder_for(b"gzip, br")


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from([b"gzip", b"deflate", b"br", b"zstd"]), data=st.lists(st.binary(max_size=50), max_size=5))
def test_garbage_raises_nothing_foreign(name: bytes, data: list[bytes]) -> None:
    """Damage is the upstream's fault, and said so."""
    decoder = decoder_for(name)
    assert decoder is not None
    try:
        for piece in data:
            decoder.feed(piece)
            drain(decoder)
    except ProtocolError:
        pass
