"""Newline-delimited JSON in any cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.canonical.failure import Refused
from headgate.protocols.framing import Frame, LineFramer, encode_line


def frames(*pieces: bytes) -> list[Frame]:
    framer = LineFramer()
    return [frame for piece in pieces for frame in framer.feed(piece)] + framer.close()


def test_each_line_is_a_frame() -> None:
    """CRLF is as good as LF, and a last line needs no end."""
    assert frames(b'{"a":1}\r\n\n{"b":2}') == [
        Frame(b'{"a":1}\r\n', b'{"a":1}'),
        Frame(b"\n", b""),
        Frame(b'{"b":2}', b'{"b":2}'),
    ]


@given(stream=st.text(alphabet="{}\r\n x").map(str.encode), cut=st.integers(0, 40))
def test_any_cut_gives_the_same_lines(stream: bytes, cut: int) -> None:
    """Frames depend on the bytes alone, and joined they are those bytes."""
    whole = frames(stream)
    assert frames(stream[:cut], stream[cut:]) == whole
    assert frames(*(stream[i : i + 1] for i in range(len(stream)))) == whole
    assert b"".join(frame.raw for frame in whole) == stream


def test_endless_line_is_refused() -> None:
    """A line has a limit."""
    framer = LineFramer(limit=4)
    assert framer.feed(b"{}\n{") == [Frame(b"{}\n", b"{}")]
    with pytest.raises(Refused):
        framer.feed(b"12345")


def test_written_line_is_read_back() -> None:
    """Writing and reading are each other's inverse."""
    assert frames(encode_line(b"{}")) == [Frame(b"{}\n", b"{}")]
