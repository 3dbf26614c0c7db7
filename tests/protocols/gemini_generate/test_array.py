"""The row form of streams."""

import msgspec
import pytest

from fakes.google import answer, sse
from headgate.canonical.failure import Failure, Kind
from headgate.protocols.gemini_generate import CODEC, ArrayReframer, encode_array_error

FRAMES = (answer({"text": "a"}, finish=None), answer({"text": "b"}))


def reframed(stream: bytes, size: int = 10_000) -> bytes:
    reframer = ArrayReframer()
    pieces = [reframer.feed(stream[at : at + size]) for at in range(0, len(stream), size)]
    return b"".join(pieces) + reframer.close()


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_frames_become_elements_as_google_writes_them(size: int) -> None:
    """Recorded: gemini/stream-jsonarray-basic; in any cut, comments left out."""
    row = reframed(b": PING\n\n" + sse(*FRAMES), size)
    first, second = (msgspec.json.encode(frame) for frame in FRAMES)
    assert row == b"[" + first + b"\n,\r\n" + second + b"\n]"
    assert msgspec.json.decode(row) == list(FRAMES)


def test_elements_leave_as_soon_as_they_are_whole() -> None:
    """The row is a stream."""
    reframer = ArrayReframer()
    assert reframer.feed(sse(FRAMES[0])) == b"[" + msgspec.json.encode(FRAMES[0])
    assert reframer.close() == b"\n]"
    assert reframer.close() == b""


def test_an_error_in_mid_stream_is_the_last_element() -> None:
    """The row stays good JSON."""
    error = CODEC.encode_stream_error(Failure(kind=Kind.TIMED_OUT, message="too slow"), "req-1")
    row = msgspec.json.decode(reframed(sse(FRAMES[0]) + error))
    assert row[1]["error"]["status"] == "DEADLINE_EXCEEDED"


def test_an_empty_stream_is_an_empty_row() -> None:
    """Nothing came, nothing is told."""
    assert reframed(b"") == b"[]"


def test_an_error_before_the_stream_is_a_row_of_one() -> None:
    """With the status it has."""
    refused = encode_array_error(Failure(kind=Kind.NOT_FOUND, message="no"), "req-1")
    assert refused.status == 404
    assert msgspec.json.decode(refused.body)[0]["error"]["code"] == 404
