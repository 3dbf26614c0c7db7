"""A JSON array read element by element."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headgate.canonical.failure import Refused
from headgate.protocols.framing import ArrayFramer, Frame


def frames(*pieces: bytes) -> list[Frame]:
    framer = ArrayFramer()
    return [frame for piece in pieces for frame in framer.feed(piece)] + framer.close()


def test_elements_come_as_soon_as_they_close() -> None:
    """The separator belongs to what follows, the closing bracket to the last frame."""
    framer = ArrayFramer()
    assert framer.feed(b'[{"a": "]}\\""}\n,') == [Frame(b'[{"a": "]}\\""}', b'{"a": "]}\\""}')]
    assert framer.feed(b"\r\n{}]\n") == [Frame(b"\n,\r\n{}", b"{}")]
    assert framer.close() == [Frame(b"]\n", b"")]


def test_half_an_element_comes_with_close() -> None:
    """The reader sees what is left and can tell that it is no JSON."""
    assert frames(b'[{"a":1},{"b"') == [Frame(b'[{"a":1}', b'{"a":1}'), Frame(b',{"b"', b'{"b"')]


VALUES = st.recursive(
    st.text(alphabet='a"\\[]{},') | st.integers(0, 9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(alphabet='k"}', max_size=2), inner, max_size=3),
    max_leaves=6,
)


@given(
    values=st.lists(st.dictionaries(st.just("k"), VALUES)), indent=st.sampled_from([None, 2]), cut=st.integers(0, 80)
)
def test_any_cut_gives_the_same_elements(values: list[dict[str, object]], indent: int | None, cut: int) -> None:
    """What json wrote as one array comes back element by element."""
    stream = json.dumps(values, indent=indent).encode()
    whole = frames(stream)
    assert [json.loads(frame.data) for frame in whole if frame.data] == values
    assert frames(stream[:cut], stream[cut:]) == whole
    assert frames(*(stream[i : i + 1] for i in range(len(stream)))) == whole
    assert b"".join(frame.raw for frame in whole) == stream


def test_endless_element_is_refused() -> None:
    """An element has a limit."""
    with pytest.raises(Refused):
        ArrayFramer(limit=8).feed(b'[{"a": "bbbb')
